/* pipes/internal.h: what the files of this folder share. */
#pragma once
#include "pipes/pipes.h"
#include "base/map.h"
#include "pipes/config.h"
#include <pthread.h>
#include <stdatomic.h>

enum pipe_state {
    PIPE_CREATING,
    PIPE_STARTING,
    PIPE_RUNNING,
    PIPE_UPDATING,
    PIPE_STOPPING,
    PIPE_STOPPED,
    PIPE_DELETING,
    PIPE_STATES
};

enum {
    PIPES_MAX = 1000, /* AWS: a region's quota */
    PIPE_ID_TEXT = 37,
    PIPE_SHARD_TEXT = 66,
    PIPE_PARENTS_MAX = 2,
    PIPE_SKIPS_MAX = 8,    /* changes of the factor that lanes have not passed yet */
    PIPE_CALLS_MAX = 32,   /* functions called by all pipes at a time: each holds a worker */
    PIPE_REASON_MAX = 512, /* of StateReason, as AWS limits it */
};

/* ---- source.c: both kinds of source, as one ---- */

struct pipe_shard_info {
    char id[PIPE_SHARD_TEXT];
    char parents[PIPE_PARENTS_MAX][PIPE_SHARD_TEXT]; /* "": none */
    size_t index;                                    /* of a Kinesis shard */
    uint32_t window;
    int64_t start; /* where a reader that has no cursor begins */
    int64_t end;   /* nothing at or behind it belongs to it; INT64_MAX: open */
};

/* What a pipe reads from; references are held until pipe_source_close. */
struct pipe_source_handle {
    struct pipes *pipes;
    struct streams_stream *table; /* one of these two; both NULL: closed */
    struct kinesis_stream *stream;
};
/* MR_NOT_FOUND: there is no such stream. */
MR_MUST_USE enum mr_status pipe_source_open(struct pipe_source_handle *source, struct pipes *pipes,
                                            const struct pipe_config *config);
void pipe_source_close(struct pipe_source_handle *source); /* accepts a zeroed one */
bool pipe_source_is_gone(const struct pipe_source_handle *source);
/* Nothing will be added any more, though what is there can be read. */
bool pipe_source_is_ended(const struct pipe_source_handle *source);
/* Parents before children. */
size_t pipe_source_shards(const struct pipe_source_handle *source, struct mr_arena *arena,
                          struct pipe_shard_info **ret_shards);
/* Where a new pipe begins in a shard that exists. */
int64_t pipe_source_position(const struct pipe_source_handle *source,
                             const struct pipe_config *config, const struct pipe_shard_info *shard,
                             int64_t now_ms);
/* "us-east-1" */
struct mr_slice pipe_source_region(const struct pipe_source_handle *source);

struct pipe_reader {
    const struct pipe_source_handle *source;
    struct streams_reader table;
    struct journal_cursor cursor;
    char shard_id[PIPE_SHARD_TEXT];
    uint32_t window;
    size_t index;
    bool open;
};
/* A record as it was read; borrowed until the next call. */
struct pipe_raw {
    struct streams_record change;
    struct journal_op op;
    int64_t position, time_ms;
    uint32_t hash; /* of what keeps its order: the item's keys, or the partition key */
};
MR_MUST_USE enum mr_status pipe_reader_open(struct pipe_reader *reader,
                                            const struct pipe_source_handle *source,
                                            const struct pipe_shard_info *shard, int64_t position);
void pipe_reader_close(struct pipe_reader *reader); /* accepts a zeroed one */
int64_t pipe_reader_position(const struct pipe_reader *reader);
/* As streams_reader_next. */
MR_MUST_USE enum mr_status pipe_reader_next(struct pipe_reader *reader, struct pipe_raw *ret_raw);
/* The record's event as targets see it, appended. */
void pipe_reader_event(const struct pipe_reader *reader, const struct pipe_raw *raw,
                       struct mr_slice role, struct mr_buf *out);
struct mr_slice pipe_reader_event_id(const struct pipe_reader *reader, const struct pipe_raw *raw,
                                     struct mr_arena *arena);
/* What patterns and paths see of an event's text: of a Kinesis record `data` decoded. NULL: too
 * deep. */
yyjson_val *pipe_event_root(struct mr_arena *arena, enum pipe_source kind, struct mr_slice text);

/* ---- lane.c ---- */

/* Records of that factor's lane were carried up to there, before the factor changed. */
struct pipe_skip {
    int factor;
    int64_t positions[PIPE_FACTOR_MAX];
};

/* One batch of a shard at a time: with a factor of n a shard has n lanes, and a record belongs to
 * one by its hash. Owned by its pump but for `locked`. */
struct pipe_lane {
    struct pipe *pipe;
    struct pipe_shard_info shard;
    int number;
    struct runtime_pump *pump; /* guarded by pipe->lock until the first step */
    struct pipe_reader reader;
    int64_t committed;   /* its cursor as it is stored */
    atomic_llong passed; /* all of its in front of there is carried or passed over */
    struct pipe_skip skips[PIPE_SKIPS_MAX];
    size_t skip_count;

    int64_t window_since_ms;  /* a batch waits to fill since then; 0: none */
    int64_t blocked_until_ms; /* a batch failed or fills: not before then; 0: at once */
    int64_t attempts;         /* of the batch that failed */
    int64_t refusals;         /* how often in a row the target could not be asked */
    size_t limit;             /* records of the next batch; 0: as configured */
    int64_t *finished;        /* positions in the batch that failed whose records succeeded */
    size_t finished_count;

    struct mr_arena arena; /* of a batch */
    struct mr_buf text;
    struct mr_buf given_up;  /* u64 positions of the batch's records that are: noted in its entry */
    atomic_bool done;        /* read to its end */
    atomic_bool failed;      /* by a failure of ours; the pipe stops */
    atomic_llong calling_ms; /* since when its function is being called; 0: it is not */
    atomic_llong waiting_ms; /* when the oldest change known to wait was made; 0: none waits */
    struct {
        char problem[PIPE_REASON_MAX]; /* what it waits for; "": nothing */
        bool slow;                     /* it waits for a function, and that is its problem */
    } locked;                          /* by pipe->lock */
};

struct pipe {
    char *name, *arn;      /* owned */
    char id[PIPE_ID_TEXT]; /* in cursor names: a pipe made again under the same name starts anew */
    struct pipes *pipes;
    atomic_int refs;
    atomic_int state;
    atomic_bool changing; /* one start, stop, update or delete at a time holds it */
    atomic_bool halting;  /* the lanes begin nothing more */
    atomic_int calls;     /* lanes that wait for a function */
    atomic_llong flush;   /* records in front of it wait for no batching window */

    pthread_mutex_t lock; /* guards `locked`; taken by operations and by the pumps */
    struct {
        char *doc; /* JSON: what Describe shows, less state; owned */
        char reason[PIPE_REASON_MAX];
        char last_error[PIPE_REASON_MAX];
        bool desired_running;
        int64_t created_ms, modified_ms;
        struct pipe_lane **lanes; /* the pump adds; each is owned */
        size_t lane_count;
    } locked;

    /* From here on of the pump that runs (pump.c) and of its lanes, which only read. The state is
     * moved by whoever holds `changing` while no pump runs, and by the pump while one does. */
    struct runtime_pump *pump; /* NULL: not running; set under `lock` */
    int lanes;                 /* a shard, as the stored cursors are; guarded by `changing` */
    struct mr_arena config_arena;
    struct pipe_config config;
    struct mr_slice role;
    struct pipe_source_handle source;
    struct mr_arena arena; /* of the pump's step */
    int64_t target_missing_since_ms;

    struct meter_set meters, account_meters;
    atomic_ullong records;  /* carried since the start of this process */
    atomic_ullong filtered; /* not taken by the filter, or by the enrichment */
    atomic_ullong dropped;  /* given up after retries or age */
    atomic_llong behind_ms; /* commit time of the last record carried; 0: none yet */
    atomic_llong hop_ms;    /* from its making to its being carried */
};

struct pipes {
    struct pipes_options options;
    pthread_rwlock_t lock; /* guards map */
    struct mr_map map;     /* name -> struct pipe */
    atomic_int calls;      /* see PIPE_CALLS_MAX */
    atomic_int executions; /* going on now */
    atomic_bool stopping;
    pthread_mutex_t jobs_lock; /* guards jobs */
    pthread_cond_t jobs_done;
    int jobs; /* changes that go on behind their answer */
};

/* ---- pipes.c ---- */
const char *pipe_state_name(enum pipe_state state);
void pipe_set_state(struct pipe *pipe, enum pipe_state state, const char *reason);
/* A counted reference, or NULL. */
struct pipe *pipe_find(struct pipes *pipes, struct mr_slice name);
void pipe_unref(struct pipe *pipe);
struct pipe_create {
    struct mr_slice name, arn, doc;
    bool running; /* desired */
    int64_t now_ms;
    const struct pipe_config *config;
};
/* MR_EXISTS; MR_NOT_FOUND: the source is no stream; MR_FULL: PIPES_MAX exist. Durable when it
 * returns. */
MR_MUST_USE enum mr_status pipe_create(struct pipes *pipes, const struct pipe_create *create,
                                       struct pipe **ret_pipe);
/* One change at a time. MR_AGAIN: another is in work. MR_NOT_FOUND: the pipe was deleted. */
MR_MUST_USE enum mr_status pipe_change_begin(struct pipe *pipe);
void pipe_change_end(struct pipe *pipe);
/* Each ends the change that the caller began, and returns when it is durable; a function that is
 * being called holds the rest of it up, which is then done behind the caller. */
MR_MUST_USE enum mr_status pipe_set_desired(struct pipe *pipe, bool running, int64_t now_ms);
MR_MUST_USE enum mr_status pipe_update(struct pipe *pipe, struct mr_slice doc, bool running,
                                       int64_t now_ms);
/* The document alone, with the pipe running on (tags). */
MR_MUST_USE enum mr_status pipe_replace_document(struct pipe *pipe, struct mr_slice doc);
MR_MUST_USE enum mr_status pipe_delete(struct pipe *pipe);
/* Calls fn for each pipe in order of names. */
void pipes_each(struct pipes *pipes, void (*fn)(void *ctx, struct pipe *pipe), void *ctx);

/* ---- cursors.c ---- */
/* Name of a lane's cursor. */
struct mr_slice pipe_cursor_name(struct mr_arena *arena, const struct pipe *pipe, const char *shard,
                                 int lane);
/* The cursors of the shards that exist join the entry, so that LATEST means its moment. */
MR_MUST_USE enum mr_status pipe_cursors_begin(struct pipe *pipe, const struct pipe_config *config,
                                              struct store_entry *entry, int64_t now_ms);
/* Cursors of `before` lanes a shard become those of `after` lanes: each begins where the slowest
 * stood, and a skip remembers what was carried beyond. No pump runs. MR_FULL: PIPE_SKIPS_MAX. */
MR_MUST_USE enum mr_status pipe_cursors_refactor(struct pipe *pipe,
                                                 const struct pipe_config *config, int before,
                                                 int after, struct store_entry *entry);
/* The lane's position, and its shard's skips. */
MR_MUST_USE enum mr_status pipe_cursors_load(struct pipe_lane *lane, int64_t *ret_position);
MR_MUST_USE enum mr_status pipe_cursors_drop(struct pipe *pipe, struct store_entry *entry);

/* ---- pump.c ---- */
enum runtime_pump_next pipe_pump_step(void *ctx, int64_t *ret_wake_ms);
/* From a lane: something is there to be done. */
void pipe_pump_wake(struct pipe *pipe);
void pipe_pump_fini(struct pipe *pipe); /* closes readers, drops references; the pump is stopped */
/* A lane's problem, or "" when it has none any more; the pipe's reason follows. Logged once a text.
 */
void pipe_note(struct pipe_lane *lane, const char *format, ...) MR_PRINTF(2, 3);
/* A line in last_error and in the log that does not stay in the reason. */
void pipe_note_error(struct pipe *pipe, const char *format, ...) MR_PRINTF(2, 3);

/* ---- lane.c ---- */
enum runtime_pump_next pipe_lane_step(void *ctx, int64_t *ret_wake_ms);
void pipe_lane_free(struct pipe_lane *lane); /* its pump is stopped */

/* ---- carry.c, target.c: what happens to a batch ---- */

/* A record of the source in a batch. */
struct pipe_event {
    struct mr_slice text, id;
    yyjson_val *root; /* NULL until something asks: pipe_event_root */
    int64_t position, time_ms;
    int64_t behind; /* the reader's position behind it */
};
/* What goes to the target: the event, or what the enrichment made of it. */
struct pipe_item {
    struct pipe_event_view view;
    struct mr_slice json;  /* what is sent, as JSON ... */
    struct mr_slice bytes; /* ... and to targets that take bytes */
    int64_t time_ms;
};
struct pipe_batch {
    struct pipe_event *events;
    size_t count, bytes;
    int64_t position;   /* of the reader behind the last record read, carried or not */
    size_t filtered;    /* records that the filter did not take ... */
    size_t aged;        /* ... and that had become too old; all before `position` */
    enum mr_status end; /* MR_OK: full; MR_AGAIN, MR_END as pipe_reader_next */
    size_t carried;     /* PIPE_CARRIED: the first so many events */
    char problem[320];  /* PIPE_REFUSED, PIPE_FAILED: why */
    size_t blamed;      /* PIPE_FAILED: the first so many events ... */
    size_t succeeded;   /* ... of which so many succeeded all the same */
    size_t finished;    /* records left out, for they succeeded in an earlier attempt */
    char execution[PIPE_ID_TEXT];
};
enum pipe_outcome {
    PIPE_CARRIED, /* and the cursor behind it is committed */
    PIPE_REFUSED, /* the target, or the enrichment, cannot be asked now; nothing counts */
    PIPE_FAILED,  /* an attempt that counts; lane->finished says what succeeded all the same */
    PIPE_ENDING,  /* the pipe halts: as if nothing had been asked */
    PIPE_BROKEN,  /* a failure of ours */
};
enum pipe_outcome pipe_carry(struct pipe_lane *lane, struct pipe_batch *batch, int64_t now_ms);
/* Hands the items to the target; `enriched`: they are not one to one the batch's events. */
enum pipe_outcome pipe_target_put(struct pipe_lane *lane, struct pipe_batch *batch,
                                  struct pipe_item *items, size_t count, bool enriched);
/* The items as one array of JSON, borrowed from the lane's buffer until its next use. */
struct mr_slice pipe_items_array(struct pipe_lane *lane, const struct pipe_item *items,
                                 size_t count);
/* Calls a function with an array; PIPE_CARRIED: `result` has its answer, to be freed. */
enum pipe_outcome pipe_call(struct pipe_lane *lane, struct pipe_batch *batch,
                            struct mr_slice function, struct mr_slice event,
                            struct lambda_result *result);
/* The entry that moves the lane's cursor behind the batch. */
struct store_entry pipe_lane_entry(struct pipe_lane *lane, int64_t position);
MR_MUST_USE enum mr_status pipe_lane_commit(struct pipe_lane *lane, int64_t position);
bool pipe_target_exists(struct pipe *pipe);

/* ---- meters.c: metrics of AWS/EventBridge/Pipes ---- */
enum pipe_meter {
    PIPE_INVOCATIONS,
    PIPE_EVENT_COUNT,
    PIPE_EVENT_SIZE,
    PIPE_DURATION,
    PIPE_THROTTLED,
    PIPE_EXECUTION_FAILED,
    PIPE_EXECUTION_PARTLY,
    PIPE_ENRICHMENT_DURATION,
    PIPE_ENRICHMENT_FAILED,
    PIPE_TARGET_DURATION,
    PIPE_TARGET_FAILED,
    PIPE_TARGET_PARTLY,
    PIPE_TARGET_SKIPPED,
    PIPE_CONCURRENCY,
    PIPE_METERS
};
void pipe_meters_init(struct pipe *pipe);
void pipe_meters_fini(struct pipe *pipe);
void pipe_meter(struct pipe *pipe, enum pipe_meter kind, int64_t value);
void pipe_meter_begin(struct pipe *pipe); /* an execution, which the next call ends */
void pipe_meter_execution(struct pipe *pipe, const struct pipe_batch *batch,
                          enum pipe_outcome outcome, int64_t us);

/* ---- log.c: LogConfiguration ---- */
/* A step of an execution, told when the pipe's level is at least `level`. `error`: NULL for none.
 */
void pipe_log(struct pipe_lane *lane, const struct pipe_batch *batch, enum pipe_log_level level,
              const char *step, const char *error);

extern const struct protocol_handler pipes_handlers[];
extern const size_t pipes_handler_count;
