/* lambda/mapping.h: event source mappings: a stream's records, in order, to a function.
 *
 * Each mapping has a pump (mapping_pump.c). For each shard of the source whose parents are done it
 * collects a round of records, deals them into lanes by their keys (one lane, or
 * ParallelizationFactor of them), and has each lane called in batches on workers
 * (mapping_batch.c). A cursor a shard stands at the oldest record that is not done; it moves behind
 * the calls, so that each record reaches the function at least once, and records of one key in
 * order.
 *
 * Locks: mapping.lock, taken last; `change` first, one operation at a time. What the pump owns is
 * touched by the pump alone, but for a running lane, which is its worker's until it is released. */
#pragma once
#include "lambda/internal.h"
#include "event/pattern.h"
#include "kinesis/kinesis.h"
#include "streams/streams.h"

enum {
    MAPPINGS_MAX = 1000,
    MAPPING_LANES_MAX = 10,
    MAPPING_RUNNING_MAX = 16, /* batches of all mappings at a time: a quarter of the workers */
    MAPPING_BYTES_MAX = LAMBDA_REQUEST_BYTES_MAX - 1024, /* records of one event */
    MAPPING_SHARD_ID = 66,
};

enum mapping_state {
    MAPPING_CREATING,
    MAPPING_ENABLING,
    MAPPING_ENABLED,
    MAPPING_DISABLING,
    MAPPING_DISABLED,
    MAPPING_UPDATING,
    MAPPING_DELETING,
    MAPPING_STATES
};

enum mapping_start { MAPPING_TRIM_HORIZON, MAPPING_LATEST, MAPPING_AT };

/* A document as the pump needs it. Slices live in `arena`. */
struct mapping_config {
    struct mr_arena arena;
    struct mr_slice source, function, bucket; /* bucket of the failures; empty: none */
    struct mr_slice stream;                   /* the source's, when that is a stream's consumer */
    bool kinesis, enabled, bisect, report;
    enum mapping_start start;
    int64_t start_ms;
    int64_t batch, window_ms, lanes, retries, age_ms; /* -1: no limit */
    int64_t tumbling_ms;                              /* 0: no windows */
    struct event_filter *filter;                      /* NULL: none */
};

struct mapping_record {
    int64_t position, time_ms;
    struct mr_slice json, sequence; /* in the shard's arena */
    size_t lane;
};

/* Records of one key are in one lane. Its batch is records[done .. done + size); size 0: the next
 * batch has not begun. */
struct mapping_lane {
    struct mapping *mapping;
    struct mapping_shard *shard;
    struct mapping_record *records; /* owned */
    size_t count, capacity;
    size_t done, size;
    size_t end;       /* of the batch as it was before it was split */
    int64_t attempts; /* of the present batch, all failed */
    int64_t next_ms;  /* not before */
    bool running;     /* guarded by the mapping's lock */
};

/* The window that a shard is in, with TumblingWindowInSeconds: the function's answer to a batch is
 * handed to it with the next. Who runs the shard's lane owns it, else the pump. */
struct mapping_window {
    int64_t start_ms, end_ms; /* end_ms 0: none is open */
    struct mr_buf state;      /* a JSON object; empty: as it begins */
    bool crowded;             /* the state is too large: it is told early, and begins anew */
    bool dirty;               /* not stored as it is */
};

struct mapping_shard {
    char id[MAPPING_SHARD_ID];
    size_t index; /* of a Kinesis shard */
    uint32_t window;
    bool open, done;
    struct streams_reader reader; /* of a table's stream */
    struct journal_cursor cursor; /* of a Kinesis shard */
    int64_t committed;            /* the stored cursor */
    struct mr_arena arena;        /* of the round */
    struct mr_buf text;
    struct mapping_record held; /* did not fit into the round; json.ptr NULL: none */
    struct mapping_lane lanes[MAPPING_LANES_MAX];
    size_t count, bytes;     /* of the round */
    int64_t window_since_ms; /* a round fills since then; 0: none does */
    bool at_end;             /* closed and read to its end */
    bool begun;              /* the round is closed, its lanes are in work */
    struct mapping_window tumbling;
};

struct mapping {
    struct mapping *next; /* of all, oldest first; guarded by mappings.lock */
    struct mappings *owner;
    char uuid[LAMBDA_ID_TEXT];
    atomic_int refs;
    pthread_mutex_t change;
    pthread_mutex_t lock;
    struct {
        enum mapping_state state;
        char *shown; /* JSON: what Get shows, less state, result and time; owned */
        char *tags;  /* JSON object; owned */
        int64_t modified_ms;
        bool enabled;       /* desired */
        bool begun;         /* the cursors of the first shards are stored */
        bool changed;       /* the pump has not seen it yet */
        const char *result; /* LastProcessingResult; static */
        int64_t running;    /* batches on workers */
        struct runtime_pump *pump;
        uint64_t invocations, records, dropped;
        int64_t iterator_age_ms; /* of the last batch's newest record */
    } locked;
    /* the pump's own */
    struct runtime_pump *own; /* itself; set before its first step gets the lock */
    struct mr_buf role;       /* of the function, as Kinesis records show it */
    struct mapping_config config;
    bool configured;
    struct streams_stream *table;  /* NULL, or the source */
    struct kinesis_stream *stream; /* NULL, or the source */
    struct mapping_shard **shards; /* owned */
    size_t shard_count;
};

struct mappings {
    struct lambda *lambda;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct mapping *first;
    int64_t count;
    int64_t running; /* batches of all */
    bool closing;
};

/* ---- mapping.c ---- */
const char *mapping_state_name(enum mapping_state state);
void mapping_set_state_locked(struct mapping *mapping, enum mapping_state state);
/* A counted reference, or NULL. */
struct mapping *mapping_find(struct lambda *lambda, struct mr_slice uuid);
struct mapping *mapping_ref(struct mapping *mapping);
void mapping_unref(struct mapping *mapping); /* accepts NULL */
/* Calls fn for each, oldest first, until it returns false. */
void mappings_each(struct lambda *lambda, bool (*fn)(void *ctx, struct mapping *mapping),
                   void *ctx);
struct mapping_create {
    struct mr_slice uuid, shown, tags; /* JSON */
    bool enabled;
    int64_t now_ms;
};
/* Durable, and its pump runs, when it returns. MR_FULL: MAPPINGS_MAX. */
MR_MUST_USE enum mr_status mapping_create(struct lambda *lambda,
                                          const struct mapping_create *create,
                                          struct mapping **ret_mapping);
/* Durable when it returns. `shown` or `tags` ptr NULL: as it is. MR_NOT_FOUND: it was deleted. */
MR_MUST_USE enum mr_status mapping_update(struct mapping *mapping, struct mr_slice shown,
                                          struct mr_slice tags, bool enabled, int64_t now_ms);
MR_MUST_USE enum mr_status mapping_delete(struct mapping *mapping);
/* Stores that the first cursors, which are in the entry, are there. */
MR_MUST_USE enum mr_status mapping_begin(struct mapping *mapping, struct store_entry *entry);
/* Reads a shown document. MR_INVALID: its filter cannot be compiled. */
MR_MUST_USE enum mr_status mapping_config_read(struct mapping_config *config,
                                               struct mr_slice shown);
void mapping_config_fini(struct mapping_config *config);
void mapping_release_lane(struct mapping_lane *lane);

/* ---- mapping_source.c: on the pump only ---- */
/* False: there is no such stream (now). */
bool mapping_source_find(struct mapping *mapping);
/* The first cursors of all shards there are, into the entry. */
void mapping_source_begin(struct mapping *mapping, struct store_entry *entry);
/* Opens shards that have come and whose parents are done. */
MR_MUST_USE enum mr_status mapping_source_shards(struct mapping *mapping);
/* MR_OK: a record.  MR_FULL: one was passed over, call again.  MR_AGAIN: no more now.  MR_END: and
 * never again. */
MR_MUST_USE enum mr_status mapping_source_next(struct mapping *mapping, struct mapping_shard *shard,
                                               struct mapping_record *ret_record);
int64_t mapping_source_position(const struct mapping *mapping, const struct mapping_shard *shard);
void mapping_source_close(struct mapping *mapping); /* all shards, and the source */
struct mr_slice mapping_cursor_name(struct mr_arena *arena, const struct mapping *mapping,
                                    struct mr_slice shard_id);
/* The stream's part of an ARN that may be a consumer's. */
struct mr_slice mapping_stream_arn(struct mr_slice source);
/* Does a stream, or a consumer, of that ARN exist? */
bool mapping_source_exists(struct lambda *lambda, struct mr_slice arn);

/* ---- mapping_batch.c ---- */
/* A job: one attempt with the lane's present batch, then mapping_release_lane. */
void mapping_batch_run(void *lane);
/* Where the function's answer says to go on in a batch of `count`: index of the first record that
 * failed; `count`: none did. */
size_t mapping_failed_at(struct mr_slice reply, const struct mapping_record *records, size_t count);

/* ---- mapping_window.c ---- */
/* Of a shard that is being opened: as it was stored. */
MR_MUST_USE enum mr_status mapping_window_load(struct mapping *mapping,
                                               struct mapping_shard *shard);
/* Into the entry of the cursor. */
void mapping_window_store(const struct mapping *mapping, const struct mapping_shard *shard,
                          struct store_entry *entry);
/* All of a mapping that goes. */
void mapping_windows_drop(const struct mapping *mapping, struct store_entry *entry);
/* Nothing more can come into the shard's window, which no lane runs. *ret_wake_ms: when to ask
 * again. */
bool mapping_window_is_over(const struct mapping *mapping, const struct mapping_shard *shard,
                            int64_t now_ms, int64_t *ret_wake_ms);
/* The lane's next call ends the window, or its crowded state. */
bool mapping_window_ends(const struct mapping_lane *lane);
void mapping_window_open(struct mapping_shard *shard, int64_t length_ms, int64_t time_ms);
/* The members of an event beside its records. */
void mapping_window_write(struct mr_json *json, const struct mapping_lane *lane);
/* Takes the state of an answer. False: it has none. */
bool mapping_window_take(struct mapping_shard *shard, struct mr_slice reply);
void mapping_window_ended(struct mapping_shard *shard);

/* ---- mapping_pump.c ---- */
enum runtime_pump_next mapping_pump_step(void *ctx, int64_t *ret_wake_ms);
