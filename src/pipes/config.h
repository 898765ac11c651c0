/* pipes/config.h: what a pipe's document asks for, checked whole when the pipe is made or changed.
 *
 * What millrace does not do is refused here, by name, instead of being stored and ignored. */
#pragma once
#include "event/pattern.h"
#include "pipes/template.h"

enum {
    PIPE_BATCH_MAX = 10000, /* AWS: records of a stream's batch */
    PIPE_PUT_MAX = 500,     /* ... when the target is a Kinesis or Firehose stream */
    PIPE_KEY_MAX = 256,     /* characters of a partition key */
    PIPE_FACTOR_MAX = 10,
};

enum pipe_source { PIPE_SOURCE_TABLE, PIPE_SOURCE_KINESIS };
enum pipe_target {
    PIPE_TARGET_KINESIS,
    PIPE_TARGET_FIREHOSE,
    PIPE_TARGET_LAMBDA,
    PIPE_TARGET_LOGS
};
enum pipe_start { PIPE_TRIM_HORIZON, PIPE_LATEST, PIPE_AT_TIMESTAMP };
enum pipe_log_level { PIPE_LOG_OFF, PIPE_LOG_ERROR, PIPE_LOG_INFO, PIPE_LOG_TRACE };

/* A literal, or a path into the event. */
struct pipe_text {
    struct mr_slice literal;
    struct pipe_path path;
    bool is_path;
};

/* Slices live in the arena given to pipe_config_read; the filter is freed by pipe_config_fini. */
struct pipe_config {
    enum pipe_source source_kind;
    struct mr_slice source;
    enum pipe_start start;
    int64_t start_time_ms; /* PIPE_AT_TIMESTAMP */
    int64_t batch_size;    /* records */
    int64_t window_ms;     /* 0: send what there is */
    int64_t retries;       /* -1: until the record expires */
    int64_t record_age_s;  /* -1: as long as the source keeps it */
    int factor;            /* batches of a shard at a time, 1 to PIPE_FACTOR_MAX */
    bool bisect;
    struct event_filter *filter; /* owned; NULL: takes all */

    struct mr_slice enrichment;                /* ARN of a function; empty: none */
    struct pipe_template *enrichment_template; /* NULL: none */

    enum pipe_target target_kind;
    struct mr_slice target;
    struct pipe_template *target_template; /* NULL: none */
    struct pipe_text partition_key;        /* PIPE_TARGET_KINESIS */
    bool later;                            /* PIPE_TARGET_LAMBDA: FIRE_AND_FORGET */
    struct mr_slice log_group;             /* PIPE_TARGET_LOGS */
    struct pipe_text log_stream, log_time; /* PIPE_TARGET_LOGS; empty literals: by default */

    enum pipe_log_level level; /* of LogConfiguration */
    struct mr_slice level_group;
    bool log_data; /* IncludeExecutionData */
};

/* Reads and checks a document (members as CreatePipe names them). MR_INVALID: `message` says what
 * is wrong, and nothing is to be freed. */
MR_MUST_USE enum mr_status pipe_config_read(struct mr_arena *arena, yyjson_val *doc,
                                            struct pipe_config *ret_config,
                                            char message[static PIPE_MESSAGE_MAX]);
void pipe_config_fini(struct pipe_config *config); /* accepts a zeroed one */
/* The member of SourceParameters that belongs to a source's ARN; NULL: millrace has no such source.
 */
const char *pipe_source_member(struct mr_slice arn);
/* The member of TargetParameters that belongs to a target's ARN; NULL: it has none. */
const char *pipe_target_member(struct mr_slice arn);
