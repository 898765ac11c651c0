/* pipes/pipes.h: EventBridge pipes: a table's stream into a Kinesis stream. A pump a pipe: it reads
 * the shards of its source from their cursors and commits the target's records together with the
 * new cursors in one journal entry, so each change is carried exactly once. */
#pragma once
#include "kinesis/kinesis.h"
#include "streams/streams.h"

struct pipes;
struct pipes_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct streams *streams;
    struct kinesis *kinesis;
    bool testing;
};
MR_MUST_USE enum mr_status pipes_open(struct pipes **ret_pipes,
                                      const struct pipes_options *options);
void pipes_register(struct pipes *pipes, struct protocol *protocol);
void pipes_close(struct pipes *pipes);
/* One JSON object per pipe into an open array: {"name","state","desired","reason","records",
 * "dropped","lag_ms","last_record_ms"?,"last_error"}. records and dropped count since the start of
 * this process; lag_ms is the age of the oldest change known to wait, 0 when none does;
 * last_record_ms is when the last change carried was made. */
void pipes_status(struct pipes *pipes, struct mr_json *json);
