/* s3/access_log.h: server access logs. Each request to a bucket that is set to have them becomes a
 * line in AWS's format; lines gather in memory, a batch a bucket, and a pump puts each batch as an
 * object into the bucket that the configuration names.
 *
 * AWS: best effort, and so is this. An orderly stop writes what waits; a crash loses the lines of
 * the last seconds, and so does a target that has gone. At most S3_LOG_BYTES_MAX wait; what comes
 * while that many do is not logged. Whether the target's policy lets logs in is not asked.
 *
 * A bucket without logging costs a request one look at a counter.
 *
 * Threads: all functions may be called from any, but the last two from one. */
#pragma once
#include "base/json.h"
#include "base/slice.h"

struct protocol_call;
struct s3;
struct s3_access_log;

enum { S3_LOG_BYTES_MAX = 16 << 20 };

struct s3_access_log *s3_access_log_new(struct s3 *s3);
/* The bucket's configuration, LoggingEnabled of the model, or NULL. What waits is written by the
 * configuration that it was gathered under. */
void s3_access_log_set(struct s3_access_log *log, struct mr_slice bucket, yyjson_val *enabled);
/* Is anything logged? */
bool s3_access_log_works(const struct s3_access_log *log);
/* A line, without its end, about a request to the bucket; false: it has no log. */
struct s3_log_line {
    struct mr_slice bucket, text;
    struct mr_slice account, region; /* of the bucket, for the names of objects */
    int64_t now_ms;
};
bool s3_access_log_wants(struct s3_access_log *log, struct mr_slice bucket);
void s3_access_log_add(struct s3_access_log *log, const struct s3_log_line *line);

void s3_access_log_start(struct s3_access_log *log);
/* Writes what waits. Accepts NULL. */
void s3_access_log_close(struct s3_access_log *log);

/* ops_logging.c */
/* Of protocol_on_answer. */
void s3_log_answered(struct s3 *s3, struct protocol_call *call);
