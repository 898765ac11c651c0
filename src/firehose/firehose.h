/* firehose/firehose.h: delivery streams: records of a Kinesis stream or of PutRecord, gathered into
 * mini-batches, transformed by a function, and landed in S3 exactly once: one journal entry holds
 * the object, the error object if any, and the cursors. */
#pragma once
#include "base/meters.h"
#include "glue/glue.h"
#include "kinesis/kinesis.h"
#include "lambda/lambda.h"
#include "s3/s3.h"
#include "view/hop.h"

struct firehose;
struct firehose_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* NULL: nothing is measured */
    struct kinesis *kinesis;
    struct lambda *lambda;
    struct s3 *s3;
    struct glue *glue; /* schemas of format conversion */
    size_t calls_max;  /* of its function that a delivery stream makes at once; 0: one */
    bool testing;
    /* Error lines for CloudWatchLoggingOptions: group, stream, epoch ms, text. May be NULL. Called
     * on any thread. */
    void (*log)(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                struct mr_slice text);
    void *log_ctx;
};
MR_MUST_USE enum mr_status firehose_open(struct firehose **ret_firehose,
                                         const struct firehose_options *options);
void firehose_register(struct firehose *firehose, struct protocol *protocol);
/* Nothing is landed from now on; returns at once. To be called before anything ends that functions
 * use: the failures that follow are then not taken for answers, and the records are read again
 * after the next start. Accepts NULL. */
void firehose_stop(struct firehose *firehose);
void firehose_close(struct firehose *firehose); /* accepts NULL */
enum { FIREHOSE_PUT_BYTES_MAX = 1024000 };      /* AWS: of a record, before base64 */
/* Is there a delivery stream of that name or ARN that takes PutRecord? */
bool firehose_takes(struct firehose *firehose, struct mr_slice name_or_arn);
/* Puts records of at most FIREHOSE_PUT_BYTES_MAX each, in order, in ONE entry with the ops that
 * `entry` already holds (a pipe's cursor). MR_NOT_FOUND: it does not take any; nothing was
 * committed. Not durable before the ticket. */
MR_MUST_USE enum mr_status firehose_put(struct firehose *firehose, struct mr_slice name_or_arn,
                                        const struct mr_slice *records, size_t count,
                                        struct store_entry *entry, int64_t *ret_ticket);
/* One JSON object per delivery stream into an open array, for `millrace status`: {"name","state",
 * "records_in","records_out","failed","dropped","objects","bytes_out","waiting","lag_ms",
 * "landed_ms"?,"last_error"}. Counts are since the start of this process; lag_ms is the age of the
 * oldest record that is buffered, 0 when none is. */
void firehose_status(struct firehose *firehose, struct mr_json *json);
/* What each delivery stream carries, and where it stands: it has passed what has landed. */
void firehose_hops(struct firehose *firehose, struct hop_list *list);
/* Lands what was written in front of the position, whatever its buffers wait for. */
void firehose_flush(struct firehose *firehose, struct mr_slice name, int64_t position);
