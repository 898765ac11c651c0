/* pipes/internal.h: what the files of this folder share. */
#pragma once
#include "pipes/pipes.h"
#include "base/map.h"
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

enum { PIPE_BATCH_MAX = 500, PIPE_KEY_MAX = 256, PIPE_ID_TEXT = 37 };

/* What a pipe does; made from its document by pipe_config_read. Slices live in the arena given
 * there. */
struct pipe_config {
    struct mr_slice source, target, partition_key;
    bool latest;          /* StartingPosition */
    int64_t batch_size;   /* records */
    int64_t window_ms;    /* 0: send what there is */
    int64_t retries;      /* -1: until the record expires */
    int64_t record_age_s; /* -1: as long as the source keeps it */
};

/* One shard of the source. Owned by the pump. */
struct pipe_shard {
    char id[66];
    struct streams_reader reader;
    bool open;                /* the reader is */
    bool done;                /* read to its end; its children may begin */
    int64_t committed;        /* its cursor as it is stored */
    int64_t waiting_ms;       /* when the oldest change known to wait was made; 0: none waits */
    int64_t window_since_ms;  /* a batch waits to fill since then; 0: none */
    int64_t blocked_until_ms; /* a record failed or a batch fills: not before then; 0: at once */
    int64_t attempts;         /* of that record */
};

struct pipe {
    char *name, *arn;      /* owned */
    char id[PIPE_ID_TEXT]; /* in cursor names: a pipe made again under the same name starts anew */
    struct pipes *pipes;
    atomic_int refs;
    atomic_int state;

    pthread_mutex_t lock; /* guards `locked`; taken by operations and by the pump */
    struct {
        char *doc; /* JSON: what Describe shows, less state; owned */
        char reason[512];
        char last_error[512];
        bool desired_running;
        int64_t created_ms, modified_ms;
    } locked;

    /* One start, stop, update or delete at a time; never held by the pump. The state is moved by
     * whoever holds it while no pump runs, and by the pump while one does. */
    pthread_mutex_t change;
    struct runtime_pump *pump; /* NULL: not running; guarded by `change` */
    /* the pump's own */
    struct mr_arena config_arena;
    struct pipe_config config;
    struct streams_stream *source;
    struct kinesis_stream *target;
    struct pipe_shard *shards;
    size_t shard_count;
    struct mr_arena arena; /* of a batch */
    struct mr_buf text;    /* event JSON of a batch */
    int64_t target_missing_since_ms;
    atomic_ullong records;   /* carried since the start of this process */
    atomic_ullong dropped;   /* given up after retries or age */
    atomic_llong behind_ms;  /* commit time of the last record carried; 0: none yet */
    atomic_llong waiting_ms; /* the smallest of its shards' that is not 0 */
};

struct pipes {
    struct pipes_options options;
    pthread_rwlock_t lock; /* guards map */
    struct mr_map map;     /* name -> struct pipe */
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
/* MR_EXISTS; MR_NOT_FOUND: the source is no stream. Durable when it returns. */
MR_MUST_USE enum mr_status pipe_create(struct pipes *pipes, const struct pipe_create *create,
                                       struct pipe **ret_pipe);
/* Each returns when the change is durable. MR_NOT_FOUND: deleted meanwhile. */
MR_MUST_USE enum mr_status pipe_set_desired(struct pipe *pipe, bool running, int64_t now_ms);
MR_MUST_USE enum mr_status pipe_update(struct pipe *pipe, struct mr_slice doc, bool running,
                                       int64_t now_ms);
MR_MUST_USE enum mr_status pipe_delete(struct pipe *pipe);
/* Calls fn for each pipe in order of names. */
void pipes_each(struct pipes *pipes, void (*fn)(void *ctx, struct pipe *pipe), void *ctx);

/* ---- config.c ---- */
/* Reads and checks a document (members as CreatePipe names them). MR_INVALID: `message` (256 bytes)
 * says what is wrong. */
MR_MUST_USE enum mr_status pipe_config_read(struct mr_arena *arena, yyjson_val *doc,
                                            struct pipe_config *ret_config,
                                            char message[static 256]);

/* ---- path.c ---- */
/* The value of "$.a.b[0]" in the JSON text `event` as text. MR_NOT_FOUND: the path yields nothing,
 * or no scalar. */
MR_MUST_USE enum mr_status pipe_path_text(struct mr_arena *arena, struct mr_slice path,
                                          struct mr_slice event, struct mr_slice *ret_text);
bool pipe_path_is_valid(struct mr_slice path);

/* ---- pump.c ---- */
enum runtime_pump_next pipe_pump_step(void *ctx, int64_t *ret_wake_ms);
/* Name of a shard's cursor. */
struct mr_slice pipe_cursor_name(struct mr_arena *arena, const struct pipe *pipe,
                                 struct mr_slice shard_id);
void pipe_pump_fini(struct pipe *pipe); /* closes readers, drops references; the pump is stopped */

extern const struct protocol_handler pipes_handlers[];
extern const size_t pipes_handler_count;
