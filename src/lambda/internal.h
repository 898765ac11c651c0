/* lambda/internal.h: what the files of this folder share.
 *
 * Locks, in the order in which they may be taken:
 *   function.change   one create, update or delete of a function at a time; held over a commit
 *   lambda.lock       the maps of functions and of their URLs
 *   function.lock     its record, its instances and their invocations; never held over disk, a
 *                     start of a process or a call of http that blocks
 *   instance.child_lock   the child's pointer, while it is started, killed, measured, or ends
 *   lambda.pool_lock      the list of all instances, and of those that ended */
#pragma once
#include "lambda/lambda.h"
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    LAMBDA_NAME_BYTES_MAX = 64,
    LAMBDA_ZIP_BYTES_MAX = 52428800, /* inline */
    LAMBDA_UNZIPPED_BYTES_MAX = 262144000,
    LAMBDA_ZIP_ENTRIES_MAX = 65536,
    LAMBDA_ENVIRONMENT_BYTES_MAX = 4096,
    LAMBDA_REQUEST_BYTES_MAX = 6291456,
    LAMBDA_REPLY_BYTES_MAX = 6291556,
    LAMBDA_ERROR_BYTES_MAX = 1 << 20,
    LAMBDA_EVENT_BYTES_MAX = 1 << 20, /* of an asynchronous invocation */
    LAMBDA_TAIL_BYTES = 4096,
    LAMBDA_INSTANCES_MAX = 10,        /* of a function without reserved concurrency */
    LAMBDA_INSTANCES_TOTAL_MAX = 256, /* processes of all functions */
    LAMBDA_PROVISIONED_MAX = 64,      /* processes of a function that wait for calls */
    LAMBDA_PROVISION_RETRY_MS = 10000,
    LAMBDA_CALLS_MAX = 32,      /* Invoke requests at a time: half of the workers */
    LAMBDA_WAIT_MS = 60000,     /* for a free instance */
    LAMBDA_OPEN_WAIT_MS = 2000, /* for the server to know its own address */
    LAMBDA_INIT_MS = 10000,     /* from start to the first request for work */
    LAMBDA_IDLE_MS = 300000,    /* an instance nobody needs ends after it */
    LAMBDA_ENDING_MS = 20,      /* until it is looked whether a process's last output is logged */
    LAMBDA_DELIVERY_TRIES = 3,
    LAMBDA_EVENTS_MAX = 10000,   /* asynchronous invocations not yet done */
    LAMBDA_EVENTS_RUNNING = 8,   /* of them at a time */
    LAMBDA_EVENT_ATTEMPTS = 3,   /* AWS: two retries */
    LAMBDA_EVENT_RETRY_MS = 500, /* doubled for each retry */
    LAMBDA_EVENT_AGE_MS = 6 * 3600 * 1000,
    LAMBDA_ADDRESS_SPACE = 2 << 10, /* MiB beyond MemorySize: RLIMIT_AS counts what is mapped */
    LAMBDA_ADDRESS_SPACE_NODE = 64 << 10, /* V8 reserves far more than it uses */
    LAMBDA_ID_TEXT = 37,
    LAMBDA_VERSIONS_MAX = 1000, /* of a function */
    LAMBDA_ALIASES_MAX = 1000,  /* of a function */
};

/* ---- code.c: zips on disk ---- */
struct lambda_code {
    atomic_int refs;
    struct lambda *lambda;
    struct lambda_code *next; /* of all that are in memory */
    char id[LAMBDA_ID_TEXT];
    int64_t size;
    char sha256[48];           /* base64 */
    atomic_bool dropped;       /* a document ceased to name it: each that still does holds a
                                  reference, and the last one removes the files */
    pthread_mutex_t unpacking; /* guards `unpacked` */
    bool unpacked;
};
/* Writes and unpacks a zip. MR_INVALID: it is none, or must not be unpacked (`message`, 256 bytes,
 * in AWS's words where it has some). */
MR_MUST_USE enum mr_status lambda_code_new(struct lambda *lambda, struct mr_slice zip,
                                           struct lambda_code **ret_code, char message[static 256]);
/* That of a stored document; documents that name the same code share it. MR_NOT_FOUND: the zip is
 * gone. */
MR_MUST_USE enum mr_status lambda_code_load(struct lambda *lambda, struct mr_slice id,
                                            struct mr_slice sha256, int64_t size,
                                            struct lambda_code **ret_code);
struct lambda_code *lambda_code_ref(struct lambda_code *code);
void lambda_code_unref(struct lambda_code *code); /* accepts NULL */
/* Its folder, unpacked if it was not yet in this run; a slice over `ret`. */
MR_MUST_USE enum mr_status lambda_code_folder(struct lambda_code *code, char ret[static 4096],
                                              char message[static 256]);
/* Makes <data>/functions, drops what an earlier run unpacked and zips that no document names. */
MR_MUST_USE enum mr_status lambda_code_open_folder(struct lambda *lambda);
void lambda_code_sweep(struct lambda *lambda);

/* ---- unzip.c: no knowledge of functions ---- */
struct lambda_unzip_limits {
    uint64_t bytes_max;
    int64_t entries_max;
};
/* Unpacks into `folder`, which must not exist and appears whole or not at all. MR_INVALID: see
 * lambda_code_new. */
MR_MUST_USE enum mr_status lambda_unzip(const char *zip, const char *folder,
                                        const struct lambda_unzip_limits *limits,
                                        char message[static 256]);
/* Removes a folder and all in it; follows no link. */
void lambda_remove_tree(const char *folder);

/* ---- config.c: what a function is; immutable ---- */
enum { LAMBDA_LAYERS_MAX = 5 };
struct lambda_layers { /* in the order given; later ones are found first */
    struct lambda_code *codes[LAMBDA_LAYERS_MAX]; /* counted */
    size_t count;
};
struct lambda_config {
    atomic_int refs;
    struct mr_arena arena;
    yyjson_val *doc; /* FunctionConfiguration's members, less state and revision */
    struct lambda_code *code;
    struct mr_slice runtime, handler, log_group, region, account;
    struct mr_slice version;                         /* "$LATEST", "1" */
    bool logs_json;                                  /* LogFormat */
    bool traced;                                     /* TracingConfig */
    struct mr_slice application_level, system_level; /* with JSON */
    struct lambda_layers layers;
    yyjson_val *variables; /* object or NULL */
    int64_t timeout_ms, memory_mb;
};
/* `doc` is JSON text. The references of code and layers are taken over. NULL: no such document. */
struct lambda_config *lambda_config_new(struct mr_slice doc, struct lambda_code *code,
                                        const struct lambda_layers *layers);
/* A copy under another version, with that description (ptr NULL: its own). */
struct lambda_config *lambda_config_version(const struct lambda_config *config, int64_t version,
                                            struct mr_slice description);
/* Do the two run the same, whatever they are called? */
bool lambda_config_same(const struct lambda_config *a, const struct lambda_config *b);
struct lambda_config *lambda_config_ref(struct lambda_config *config);
void lambda_config_unref(struct lambda_config *config); /* accepts NULL */
/* Can a function of this runtime run here? */
bool lambda_runtime_is_python(struct mr_slice runtime);
bool lambda_runtime_is_node(struct mr_slice runtime);
bool lambda_runtime_is_provided(struct mr_slice runtime);
/* The document after the call's members over those of `before` (NULL: defaults), or a fault. */
struct lambda_identity {
    struct mr_slice name, arn;
};
struct mr_slice lambda_config_make(struct protocol_call *call, const struct lambda_identity *who,
                                   yyjson_val *before, const struct lambda_code *code);
/* Faults for what cannot be had here; true when there is none. */
bool lambda_config_check(struct protocol_call *call);
extern const struct protocol_fault lambda_invalid_parameter;

/* ---- environment.c ---- */
struct lambda_environment {
    const struct lambda_config *config;
    const char *function_name;
    const char *folder;        /* of the code */
    const char *const *layers; /* folders, in the order given */
    size_t layer_count;
    const char *runtime_api; /* "127.0.0.1:1234" */
    const char *log_stream;
    bool provisioned;
    const char *endpoint_url; /* may be NULL */
    const char *node_path;    /* of the server, for what a runtime of AWS brings; may be NULL */
    const char *access_key, *secret_key;
};
/* NULL-terminated "NAME=value" texts. The user's variables come last and win. */
const char *const *lambda_environment_make(struct mr_arena *arena,
                                           const struct lambda_environment *environment);
/* The name of a variable that a user must not set. */
bool lambda_environment_is_reserved(struct mr_slice name);
/* The interpreter for "python3.12": that version in one of the folders of `path`, else the system's
 * python3. NULL: there is none. */
const char *lambda_environment_python(struct mr_arena *arena, struct mr_slice runtime,
                                      struct mr_slice path);
/* The machine's node, whatever its version. NULL: there is none. */
const char *lambda_environment_node(struct mr_arena *arena, struct mr_slice path);

/* ---- report.c: texts ---- */
struct lambda_tail {
    char bytes[LAMBDA_TAIL_BYTES];
    uint64_t total; /* bytes ever added; the last LAMBDA_TAIL_BYTES of them are kept */
};
void lambda_tail_line(struct lambda_tail *tail, struct mr_slice line);
struct mr_slice lambda_tail_text(struct mr_arena *arena, const struct lambda_tail *tail);
void lambda_error_json(struct mr_buf *buf, struct mr_slice type, struct mr_slice message);
/* "Runtime exited with error: exit status 1" and the like, of a status as from waitpid. */
struct mr_slice lambda_exit_text(struct mr_arena *arena, int status);
/* ---- trace.c ---- */
struct lambda_function;
struct lambda_trace {
    char id[36];      /* "1-<8 digits>-<24 digits>" */
    char segment[17]; /* of the invocation, 16 digits */
    bool sampled;
};
/* `header`: what the caller says of its trace (X-Amzn-Trace-Id); empty: nothing. `active`: of the
 * function's TracingConfig. */
void lambda_trace_make(struct lambda_trace *trace, struct lambda_function *function,
                       struct mr_slice header, bool active, int64_t now_ms);

struct lambda_report {
    const char *request_id;
    int64_t duration_us, init_us; /* init 0: not told */
    int64_t memory_mb, used_mb;
    bool timed_out, failed;
    const struct lambda_trace *trace; /* NULL: not told */
};
struct mr_slice lambda_report_line(struct mr_arena *arena, const struct lambda_report *report);
struct mr_slice lambda_runtime_version_arn(struct mr_arena *arena, struct mr_slice region,
                                           struct mr_slice runtime);
/* ---- platform.c: the lines around a function's own; empty: none is written ---- */
struct mr_slice lambda_platform_init(struct mr_arena *arena, const struct lambda *lambda,
                                     const struct lambda_config *config);
struct mr_slice lambda_platform_start(struct mr_arena *arena, const struct lambda *lambda,
                                      const struct lambda_config *config, const char *request_id);
struct mr_slice lambda_platform_end(struct mr_arena *arena, const struct lambda *lambda,
                                    const struct lambda_config *config,
                                    const struct lambda_report *report);
/* "b" of arn:aws:s3:::b; empty: that is no bucket's ARN. */
struct mr_slice lambda_bucket_of(struct mr_slice arn);
/* name, A:function:name, arn:...:function:name, each with or without ":qualifier". */
void lambda_name_split(struct mr_slice text, struct mr_slice *ret_name,
                       struct mr_slice *ret_qualifier);

/* ---- functions.c ---- */
enum lambda_function_state { FUNCTION_PENDING, FUNCTION_ACTIVE, FUNCTION_FAILED, FUNCTION_STATES };

/* A published version: immutable. */
struct lambda_version {
    int64_t number;
    struct lambda_config *config; /* counted */
    char revision[LAMBDA_ID_TEXT];
};

/* JSON objects that belong to a function. */
enum lambda_text {
    LAMBDA_TAGS,
    LAMBDA_POLICIES,      /* qualifier ("*": none) -> array of statements */
    LAMBDA_ALIASES,       /* name -> AliasConfiguration */
    LAMBDA_EVENT_CONFIGS, /* qualifier -> FunctionEventInvokeConfig */
    LAMBDA_URLS,          /* qualifier -> see ops_url.c */
    LAMBDA_PROVISIONED,   /* qualifier -> see provisioned.c */
    LAMBDA_TEXTS
};

/* What a function's documents hold; replaced as a whole. */
struct lambda_record {
    struct lambda_config *config; /* of $LATEST; counted */
    char revision[LAMBDA_ID_TEXT];
    int64_t reserved;                /* concurrency; -1: none */
    int64_t next_version;            /* numbers are not used again */
    struct lambda_version *versions; /* rising numbers; owned */
    size_t version_count;
    char *texts[LAMBDA_TEXTS]; /* owned */
};

struct lambda_function {
    struct lambda *lambda;
    char *name, *arn; /* owned */
    atomic_int refs;
    pthread_mutex_t change;
    pthread_mutex_t lock;
    pthread_cond_t freed; /* an instance became idle or ended, or the record changed */
    struct meter_set meters;
    atomic_int running;    /* calls in work */
    atomic_llong traced_s; /* the second in which an event was last sampled */
    struct {
        enum lambda_function_state state;
        char reason[256];
        const char *reason_code; /* static */
        bool deleted;
        struct lambda_record record;
        struct lambda_instance *instances; /* those not yet dead */
        int64_t instance_count;
        int64_t provision_retry_ms; /* a provisioned process failed: none is started before it */
        uint64_t invocations, errors, timeouts, throttles, starts;
        char last_error[256];
    } locked;
};

/* Metrics of AWS/Lambda. */
enum lambda_meter {
    LAMBDA_INVOCATIONS,
    LAMBDA_ERRORS,
    LAMBDA_THROTTLES,
    LAMBDA_DURATION,
    LAMBDA_CONCURRENT,
    LAMBDA_ITERATOR_AGE,
    LAMBDA_ASYNC_RECEIVED,
    LAMBDA_ASYNC_AGE,
    LAMBDA_ASYNC_DROPPED,
    LAMBDA_DESTINATION_FAILURES,
    LAMBDA_METERS
};

struct lambda {
    struct lambda_options options;
    struct meter_set meters; /* of all functions together */
    atomic_int running;
    char *access_key, *secret_key; /* owned */
    char *folder;                  /* <data>/functions; owned */
    atomic_bool closing;
    atomic_bool has_endpoint; /* or needs none */
    atomic_bool has_endings;  /* the reaper knows that last lines wait for it */

    pthread_mutex_t code_lock; /* guards `codes` and the count of each; taken last */
    struct lambda_code *codes;
    pthread_mutex_t layer_lock; /* guards the two below; held over a commit; before code_lock */
    struct lambda_layer *layers;
    int64_t layer_count;

    pthread_rwlock_t lock; /* guards the maps and endpoint */
    struct mr_map map;     /* name -> struct lambda_function */
    struct mr_map urls;    /* id of a URL -> that of its function */
    char *endpoint;        /* owned */

    pthread_mutex_t pool_lock;
    pthread_cond_t pool_changed;
    struct {
        struct http_server *server; /* made with the first instance */
        struct lambda_instance *all;
        struct lambda_instance *ended; /* their process is gone, their listener is not */
        int64_t count;
        int64_t calls; /* Invoke requests in work */
    } pool;
    struct runtime_pump *reaper;
    struct lambda_events *events;
    struct mappings *mappings;
};

/* A counted reference, or NULL. */
struct lambda_function *lambda_function_find(struct lambda *lambda, struct mr_slice name);
struct lambda_function *lambda_url_function(struct lambda *lambda, struct mr_slice id); /* same */
void lambda_function_unref(struct lambda_function *function);
void lambda_function_set_state_locked(struct lambda_function *function,
                                      enum lambda_function_state state, const char *reason_code,
                                      const char *reason);
struct lambda_function_new {
    struct mr_slice name, arn, tags;
    struct lambda_config *config; /* taken over */
};
/* Durable when it returns. MR_EXISTS. */
MR_MUST_USE enum mr_status lambda_function_create(struct lambda *lambda,
                                                  const struct lambda_function_new *create,
                                                  struct lambda_function **ret_function);
/* Durable when it returns. MR_NOT_FOUND: somebody else did. */
MR_MUST_USE enum mr_status lambda_function_delete(struct lambda_function *function);
/* A change: begin, alter `next`, then commit or cancel. begin: MR_NOT_FOUND when it was deleted.
 * The new record counts when commit returns MR_OK, durable. */
MR_MUST_USE enum mr_status lambda_function_begin(struct lambda_function *function,
                                                 struct lambda_record *next);
MR_MUST_USE enum mr_status lambda_function_commit(struct lambda_function *function,
                                                  struct lambda_record *next);
void lambda_function_cancel(struct lambda_function *function, struct lambda_record *next);
/* A copy of the record as it is now; lambda_record_fini it. */
void lambda_function_record(struct lambda_function *function, struct lambda_record *ret_record);
void lambda_record_fini(struct lambda_record *record);
const struct lambda_version *lambda_record_version(const struct lambda_record *record,
                                                   int64_t number); /* or NULL */
/* Adds the present $LATEST as a version. */
const struct lambda_version *lambda_record_publish(struct lambda *lambda,
                                                   struct lambda_record *record,
                                                   struct mr_slice description);
void lambda_record_drop_version(struct lambda_record *record, int64_t number);
/* The config of a version (0: $LATEST) or NULL. */
struct lambda_config *lambda_function_config_locked(struct lambda_function *function,
                                                    int64_t version);
/* Is it $LATEST's or a version's? */
bool lambda_function_runs_locked(const struct lambda_function *function,
                                 const struct lambda_config *config);
/* The version that a qualifier (empty, $LATEST, a number, an alias) means now: 0 is $LATEST. An
 * alias with weights draws, or, when `lambda` is NULL, gives its own. MR_NOT_FOUND. */
MR_MUST_USE enum mr_status lambda_record_resolve(struct lambda *lambda,
                                                 const struct lambda_record *record,
                                                 struct mr_slice qualifier, int64_t *ret_version);
/* Sets one of a record's objects: `name` becomes `value` (JSON; empty: goes). */
void lambda_record_set(struct lambda_record *record, enum lambda_text text, struct mr_slice name,
                       struct mr_slice value);
/* Finds out whether it can run: sets ACTIVE or FAILED. */
void lambda_function_settle(struct lambda_function *function);
MR_MUST_USE enum mr_status lambda_functions_load(struct lambda *lambda);
void lambda_functions_free(struct lambda *lambda);
/* In byte order of names, those behind `after`, until fn returns false. */
void lambda_functions_each(struct lambda *lambda, struct mr_slice after,
                           bool (*fn)(void *ctx, struct lambda_function *function), void *ctx);

/* ---- instance.c, runtime_api.c: warm processes ---- */
/*              first next with an invocation           answered
 *   STARTING ------------------------------> BUSY ----------------> IDLE
 *       |                                     ^ |                    | |
 *       |                                     | +--- taken again ----+ |
 *       +---------------> DEAD <--------------+------------------------+
 * STARTING: its process initialises; `current` waits for that, or nobody (it is provisioned, and
 * becomes IDLE).  BUSY: `current` is its invocation,
 * handed over or (when `waiting` is not yet there) about to be.  IDLE: nobody's; `waiting` is its
 * open request for work, if it has come back for one.  DEAD: it is in no list of its function, its
 * process was killed or has ended; the reaper frees it. */
enum instance_state {
    INSTANCE_STARTING,
    INSTANCE_IDLE,
    INSTANCE_BUSY,
    INSTANCE_DEAD,
    INSTANCE_STATES
};

enum invocation_state {
    INVOCATION_ASSIGNED,  /* to an instance that has not asked for it yet */
    INVOCATION_DELIVERED, /* the process has it */
    INVOCATION_ANSWERED,  /* reply is the handler's answer */
    INVOCATION_FAILED,    /* reply is the error JSON that the process sent */
    INVOCATION_TOO_LARGE, /* its answer was */
    INVOCATION_LOST,      /* the process ended: exit_status */
};

/* One event on its way through one process; in the storage of the thread that waits for it. */
struct lambda_invocation {
    char request_id[LAMBDA_ID_TEXT];
    struct mr_slice event, client_context, arn;
    struct lambda_trace trace;
    int64_t timeout_ms;
    bool want_tail, want_output;
    /* What the function streams, as it comes; NULL: all of it is the reply. See lambda_call. */
    void (*on_part)(void *ctx, const char *content_type, struct mr_slice bytes);
    void *part_ctx;
    pthread_cond_t changed;
    struct { /* guarded by the function's lock */
        enum invocation_state state;
        struct mr_buf reply; /* of a stream: what on_part has not had yet */
        bool streamed;
        char content_type[LAMBDA_CONTENT_TYPE_TEXT];
        int exit_status;
        int64_t delivered_us, ended_us;
        struct lambda_tail tail;
    } locked;
};

struct lambda_instance {
    struct lambda_function *function; /* counted */
    struct lambda_config *config;     /* counted */
    atomic_int refs;                  /* the pool's, and each thread's that waits for it */
    char stream[64];                  /* of its log */
    int64_t started_us;
    bool provisioned; /* made before there was an event for it */
    struct http_listener *listener;
    int port;
    char folder[4096];

    pthread_mutex_t child_lock;
    struct runtime_child *child; /* NULL: not started, or ended */
    bool kill_wanted;
    long used_kb;

    struct { /* guarded by the function's lock */
        enum instance_state state;
        struct lambda_invocation *current;
        struct lambda_invocation *talking; /* whose tail gets the output */
        struct http_exchange *waiting;     /* its open request for work */
        int64_t init_us;                   /* 0: not yet known, or reported */
        int64_t idle_since_ms;
        char *ending; /* last lines of an invocation, not yet in the log; owned; NULL: none */
        struct runtime_output ending_behind; /* which output they stand */
        int64_t ending_due_ms;
        bool reaped;                  /* nobody will come for `ending` any more */
        struct lambda_instance *next; /* of the function */
    } locked;
    struct lambda_instance *all_next, *all_previous; /* guarded by the pool's lock */
    struct lambda_instance *ended_next;
};

bool lambda_instance_move_is_legal(enum instance_state from, enum instance_state to);
void lambda_instance_set_state_locked(struct lambda_instance *instance, enum instance_state state);
/* Makes one that runs `config`, with `first` as its invocation, and counts a
 * reference for the caller. NULL: the limit of all processes is reached. */
struct lambda_instance *lambda_instance_new_locked(struct lambda_function *function,
                                                   struct lambda_config *config,
                                                   struct lambda_invocation *first);
/* Starts its process. MR_INVALID: it cannot be started (`message`); MR_FULL: too many processes;
 * MR_AGAIN: it was retired meanwhile. On any of these and on failures the instance is dead. */
MR_MUST_USE enum mr_status lambda_instance_start(struct lambda_instance *instance,
                                                 char message[static 256]);
void lambda_instance_unref(struct lambda_instance *instance);
/* Takes it from its function and kills its process. */
void lambda_instance_retire_locked(struct lambda_instance *instance);
/* Retires the idle ones whose config is neither $LATEST's nor a version's. */
void lambda_instances_retire_old_locked(struct lambda_function *function);
long lambda_instance_used_kb(struct lambda_instance *instance);
/* What its process has written until now, and whether all lines of that are in the log. */
struct runtime_output lambda_instance_output(struct lambda_instance *instance);
bool lambda_instance_was_heard(struct lambda_instance *instance,
                               const struct runtime_output *until);
void lambda_instance_log(struct lambda_instance *instance, struct mr_slice text);
/* A line of platform.c, unless it is empty. */
void lambda_instance_log_platform(struct lambda_instance *instance, struct mr_slice line);
/* Logs the last lines of an invocation a moment later, behind what its process wrote before it
 * answered and what is still in its pipe. */
void lambda_instance_log_end(struct lambda_instance *instance, struct mr_slice lines);
/* Logs what waits; before the next invocation's first line. */
void lambda_instance_log_ended(struct lambda_instance *instance);
enum runtime_pump_next lambda_reaper_step(void *ctx, int64_t *ret_wake_ms);
/* Ends every instance and returns when all are gone. */
void lambda_instances_close(struct lambda *lambda);

extern const struct http_handler lambda_runtime_api;
/* Notes that the instance's invocation goes to its process now. */
void lambda_runtime_api_delivered_locked(struct lambda_instance *instance);
/* Fills the reply to a request for work; the caller logs the start and sends it. `exchange` is no
 * longer in locked.waiting. */
void lambda_runtime_api_fill(struct http_exchange *exchange,
                             const struct lambda_invocation *invocation);
void lambda_runtime_api_gone(struct http_exchange *exchange); /* 410; accepts NULL */
void lambda_log_start(struct lambda_instance *instance, const char *request_id);

/* ---- invoke.c ---- */
struct lambda_call {
    struct mr_slice event, client_context;
    struct mr_slice trace;  /* the caller's; empty: none */
    const char *request_id; /* NULL: a new one */
    struct mr_slice qualifier;
    int64_t version; /* 0: $LATEST */
    /* Parts of a streamed answer, on the caller's thread, while the function still runs; the last
     * one is the result's reply. NULL: the reply is all of it. */
    void (*on_part)(void *ctx, const char *content_type, struct mr_slice bytes);
    void *part_ctx;
    bool want_tail;
    bool want_output;         /* return only when what the function wrote is in the log */
    bool no_wait_if_reserved; /* AWS: a caller over the reserved concurrency is refused at once */
};
/* As lambda_invoke. `ret_tail` may be NULL. */
MR_MUST_USE enum mr_status lambda_function_invoke(struct lambda_function *function,
                                                  const struct lambda_call *call,
                                                  struct lambda_result *ret_result,
                                                  struct lambda_tail *ret_tail);

/* ---- events.c: asynchronous invocations ---- */
MR_MUST_USE enum mr_status lambda_events_open(struct lambda *lambda);
void lambda_events_close(struct lambda *lambda);
/* Durable when it returns. MR_FULL: LAMBDA_EVENTS_MAX wait. */
MR_MUST_USE enum mr_status lambda_events_add(struct lambda_function *function,
                                             struct mr_slice request_id,
                                             const struct lambda_call *call);

/* ---- ops_layer.c ---- */
/* The layers that the request's Layers name, counted; or the fault set. */
bool lambda_layers_find(struct protocol_call *call, struct lambda_layers *ret_layers);
void lambda_layers_unref(struct lambda_layers *layers);
/* Size of a layer version's zip; 0: there is none of that ARN. */
int64_t lambda_layer_size(struct lambda *lambda, struct mr_slice arn);
MR_MUST_USE enum mr_status lambda_layers_load(struct lambda *lambda);
void lambda_layers_free(struct lambda *lambda);

/* ---- mapping.c, ops_mapping.c; see mapping.h ---- */
MR_MUST_USE enum mr_status lambda_mappings_open(struct lambda *lambda);
void lambda_mappings_close(struct lambda *lambda);
/* Tags of a mapping: changes them, or, with neither, writes them. False: the request's Resource is
 * no mapping. */
bool lambda_mapping_tags(struct protocol_call *call, yyjson_val *added, yyjson_val *removed);
extern const struct protocol_handler lambda_mapping_handlers[];
extern const size_t lambda_mapping_handler_count;

/* ---- ops ---- */
struct mr_slice lambda_tags_text(struct protocol_call *call); /* of a request; JSON */
/* Tags (a JSON object) less those that `added` replaces or `removed` lists, then `added`. */
struct mr_slice lambda_tags_change(struct protocol_call *call, struct mr_slice tags,
                                   yyjson_val *added, yyjson_val *removed);
/* Whether a resource may have these (an object); else the fault is set. */
bool lambda_tags_fit(struct protocol_call *call, yyjson_val *tags);
extern const struct protocol_handler lambda_function_handlers[];
extern const size_t lambda_function_handler_count;
extern const struct protocol_handler lambda_version_handlers[];
extern const size_t lambda_version_handler_count;
extern const struct protocol_handler lambda_layer_handlers[];
extern const size_t lambda_layer_handler_count;
extern const struct protocol_handler lambda_event_handlers[];
extern const size_t lambda_event_handler_count;
extern const struct protocol_handler lambda_provisioned_handlers[];
extern const size_t lambda_provisioned_handler_count;
extern const struct protocol_handler lambda_url_handlers[];
extern const size_t lambda_url_handler_count;
extern const struct protocol_handler lambda_settings_handlers[];
extern const size_t lambda_settings_handler_count;
extern const struct protocol_handler lambda_access_handlers[];
extern const size_t lambda_access_handler_count;
extern const struct protocol_handler lambda_invoke_handlers[];
extern const size_t lambda_invoke_handler_count;
/* The function that the request names, or NULL with the fault set. A qualifier other than $LATEST
 * is looked up as well. */
struct lambda_function *lambda_ops_find(struct protocol_call *call);
/* The qualifier of the request, of FunctionName or of Qualifier; empty: none. */
struct mr_slice lambda_ops_qualifier(struct protocol_call *call);
/* A change begun, or the fault set: deleted meanwhile, or another revision than the caller knows.
 */
bool lambda_ops_begin(struct protocol_call *call, struct lambda_function *function,
                      struct lambda_record *next);
/* What a reply to a change shows: AWS answers before the change is done. */
enum lambda_shown { LAMBDA_SHOWN_NOW, LAMBDA_SHOWN_CREATING, LAMBDA_SHOWN_UPDATING };
/* The members of a FunctionConfiguration: of $LATEST, or of `version` when it is not NULL; `arn` is
 * shown in place of its own when it has any. */
void lambda_ops_write(struct protocol_call *call, struct lambda_function *function,
                      const struct lambda_record *record, const struct lambda_version *version,
                      struct mr_slice arn, enum lambda_shown shown);
/* In ops_qualified.c: what a function has by qualifier, in one of its texts. */
struct mr_slice lambda_ops_qualifier_or_latest(struct protocol_call *call);
/* As lambda_ops_find, but of what is not there it says just `missing`. */
struct lambda_function *lambda_ops_find_qualified(struct protocol_call *call, const char *missing);
/* qualifier -> config */
yyjson_val *lambda_ops_text(struct protocol_call *call, const struct lambda_record *record,
                            enum lambda_text text);
/* Writes the page that MaxItems and Marker ask for as `member`; `write` writes the members of one.
 */
typedef void lambda_ops_config_fn(struct protocol_call *call, struct lambda_function *function,
                                  struct mr_slice qualifier, yyjson_val *config);
void lambda_ops_list(struct protocol_call *call, struct lambda_function *function,
                     enum lambda_text text, const char *member, lambda_ops_config_fn *write);
/* Deletes the request's; where there is none `absent` sets the fault (NULL: there is no fault). */
void lambda_ops_drop(struct protocol_call *call, struct lambda_function *function,
                     enum lambda_text text,
                     void (*absent)(struct protocol_call *call,
                                    const struct lambda_function *function));
/* A member of the request, else that of `before` (NULL: none), else `fallback` (JSON; NULL: it is
 * left out). */
void lambda_ops_put(struct mr_json *json, struct protocol_call *call, yyjson_val *before,
                    const char *name, const char *fallback);
void lambda_ops_members(struct protocol_call *call,
                        yyjson_val *object); /* all of it, as they are */
/* In ops_version.c */
void lambda_ops_delete_version(struct protocol_call *call, struct lambda_function *function,
                               struct mr_slice qualifier);
void lambda_ops_too_many_versions(struct protocol_call *call);
/* Reads the member ZipFile or S3Bucket and S3Key of `in`. NULL with the fault set. */
struct lambda_code *lambda_ops_code(struct protocol_call *call, yyjson_val *in);
/* "http://127.0.0.1:4566/_millrace/code?id=..." */
struct mr_slice lambda_ops_location(struct protocol_call *call, const struct lambda_code *code);
extern const struct protocol_fault lambda_not_found, lambda_conflict, lambda_precondition;
/* /_millrace/code?id=ID: the zip. */
void lambda_code_page(void *ctx, struct http_exchange *exchange);

/* Counts an Invoke request, or one to a function's URL, in and out; how many there are then. */
int64_t lambda_ops_count_call(struct lambda *lambda, int64_t change);

/* ---- provisioned.c ---- */
/* How many processes are to be kept of a config, or (NULL) of all; how many there are of it. */
int64_t lambda_provisioned_locked(struct lambda_function *function,
                                  const struct lambda_config *config);
int64_t lambda_provisioned_ready_locked(struct lambda_function *function,
                                        const struct lambda_config *config, bool starting);
/* The reaper's: starts what is missing. `next_ms` becomes no later than the next try. */
void lambda_provision(struct lambda *lambda, int64_t *next_ms);
/* One of them ended before it had initialised. */
void lambda_provision_failed_locked(struct lambda_instance *instance);

/* ---- url.c ---- */
#define LAMBDA_URL_PATH "/_millrace/lambda-url/"
/* Answers a request to a function's URL. Its ID, and the path behind it as sent. */
void lambda_url_serve(void *ctx, struct http_exchange *exchange, struct mr_slice id,
                      struct mr_slice path);

/* ---- meters.c ---- */
void lambda_meters_init(struct lambda *lambda, struct lambda_function *function); /* NULL: of all */
void lambda_meter(struct lambda_function *function, enum lambda_meter kind, uint64_t value);
void lambda_meter_begin(struct lambda_function *function);
void lambda_meter_end(struct lambda_function *function, enum lambda_outcome outcome);
void lambda_meter_age(struct lambda *lambda, struct mr_slice function_arn, int64_t age_ms);
