/* pipes/pipes.h: EventBridge pipes: changes of a table's stream, or records of a Kinesis stream,
 * filtered, enriched by a function, reshaped, and carried into a Kinesis stream, a Firehose stream,
 * a function or a log group. What goes to Kinesis or Firehose is committed together with the
 * source's new cursor in one journal entry, so it is carried exactly once. */
#pragma once
#include "base/meters.h"
#include "firehose/firehose.h"
#include "kinesis/kinesis.h"
#include "lambda/lambda.h"
#include "logs/logs.h"
#include "streams/streams.h"
#include "view/hop.h"

struct pipes;
struct pipes_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
    struct streams *streams;
    struct kinesis *kinesis;
    struct firehose *firehose;
    struct lambda *lambda;
    struct logs *logs;
    bool testing;
};
MR_MUST_USE enum mr_status pipes_open(struct pipes **ret_pipes,
                                      const struct pipes_options *options);
void pipes_register(struct pipes *pipes, struct protocol *protocol);
/* What functions say from now on is not taken for an answer; returns at once. To be called before
 * anything ends that functions use. Accepts NULL. */
void pipes_stop(struct pipes *pipes);
void pipes_close(struct pipes *pipes);
/* One JSON object per pipe into an open array: {"name","state","desired","reason","records",
 * "filtered","dropped","lag_ms","hop_ms","lanes","last_record_ms"?,"last_error"}. Counts are since
 * the start of this process; lag_ms is the age of the oldest change known to wait, 0 when none
 * does; hop_ms is how long the last change carried took from its making to the target;
 * last_record_ms is when that one was made. */
void pipes_status(struct pipes *pipes, struct mr_json *json);
/* What each pipe carries, and where it stands. */
void pipes_hops(struct pipes *pipes, struct hop_list *list);
/* Records in front of the position wait for no batching window. */
void pipes_flush(struct pipes *pipes, struct mr_slice name, int64_t position);
