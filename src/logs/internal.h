/* logs/internal.h: what the files of this folder share. */
#pragma once
#include "logs/logs.h"
#include "base/map.h"
#include <pthread.h>

/* What is known of a stream's events since this process first touched it. */
struct log_stream {
    size_t count;
    uint64_t next; /* number of the next event */
    int64_t first_ms, last_ms, ingested_ms;
};

struct logs {
    struct logs_options options;
    struct runtime_pump *retention;
    pthread_mutex_t lock;  /* guards all below, and orders changes */
    struct mr_map streams; /* "<group>\0<stream>" -> struct log_stream */
};

struct log_event {
    int64_t time_ms, ingested_ms;
    uint64_t number;
    struct mr_slice text;
};

/* ---- events.c; all but the last two under logs->lock ---- */
/* "<group>\0<stream>" */
struct mr_slice logs_stream_name(struct mr_arena *arena, struct mr_slice group,
                                 struct mr_slice stream);
struct log_stream *logs_stream_state(struct logs *logs, struct mr_slice name);
void logs_forget(struct logs *logs, struct mr_slice name);
/* Adds the ops of one more event, and of the oldest one's removal when the stream is full. */
void logs_add_event(struct logs *logs, struct store_entry *entry, struct mr_slice name,
                    int64_t time_ms, int64_t now_ms, struct mr_slice text);
/* Adds ops that delete all events of a stream. */
void logs_drop_events(struct logs *logs, struct store_entry *entry, struct mr_slice name);
struct view_iterator *logs_events(struct logs *logs, struct mr_arena *arena, struct mr_slice name);
/* The stored bytes; the number stands in the key. */
bool logs_parse_event(struct mr_slice value, struct log_event *ret_event);
bool logs_read_event(const struct view_iterator *iterator, struct log_event *ret_event);

/* Where VIEW_META has an event. */
struct mr_slice logs_event_key(struct mr_arena *arena, struct mr_slice name, uint64_t number);

/* ---- ops.c: what requests name; NULL or ptr NULL with the fault set ---- */
extern const struct protocol_fault logs_invalid;
/* A group by name, or by its ARN with or without ":*". */
struct mr_slice logs_group_name(struct protocol_call *call);
yyjson_val *logs_find_group(struct protocol_call *call, struct mr_slice name);
/* "<group>\0<stream>" */
struct mr_slice logs_find_stream(struct protocol_call *call);
struct mr_slice logs_group_arn(struct protocol_call *call, struct mr_slice name);

/* The group's document, with its retention in days (0: none); committed, under logs->lock. */
void logs_put_group(struct protocol_call *call, struct mr_slice name, int64_t created_ms,
                    int64_t retention, yyjson_val *tags);

/* ---- retention.c ---- */
/* Events before it are shown no more; INT64_MIN: all are kept. */
int64_t logs_kept_since(yyjson_val *group, int64_t now_ms);
enum runtime_pump_next logs_retention_step(void *ctx, int64_t *ret_wake_ms);

/* ---- read.c ---- */
void logs_describe_streams(struct protocol_call *call);
void logs_get_events(struct protocol_call *call);
void logs_filter_events(struct protocol_call *call);

extern const struct protocol_handler logs_tag_handlers[];
extern const size_t logs_tag_handler_count;
extern const struct protocol_handler logs_handlers[];
extern const size_t logs_handler_count;
