/* The pipes: made, loaded, started, stopped, deleted.
 *
 * Stored: VIEW_META "pipes/pipe/<name>" =
 * {"id","arn","desired","reason","created_ms","modified_ms","lanes","pipe":{CreatePipe's members}},
 * where "lanes" is the factor that the stored cursors are of (cursors.c). The cursors of the shards
 * that exist when a pipe is made join its first entry, so that LATEST means that moment.
 *
 * A change stops the pump at once; a lane that waits for a function holds the rest of the change
 * up, which then goes on in a job while the client has its answer. */
#include "pipes/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[PIPE_STATES] = {"CREATING", "STARTING", "RUNNING", "UPDATING",
                                                     "STOPPING", "STOPPED",  "DELETING"};
/* legal_moves[from][to] */
static const bool legal_moves[PIPE_STATES][PIPE_STATES] = {
    [PIPE_CREATING] = {[PIPE_RUNNING] = true, [PIPE_STOPPED] = true, [PIPE_DELETING] = true},
    [PIPE_STARTING] = {[PIPE_RUNNING] = true, [PIPE_STOPPED] = true, [PIPE_DELETING] = true},
    [PIPE_RUNNING] = {[PIPE_STOPPING] = true,
                      [PIPE_STOPPED] = true,
                      [PIPE_UPDATING] = true,
                      [PIPE_DELETING] = true},
    [PIPE_UPDATING] = {[PIPE_RUNNING] = true, [PIPE_STOPPED] = true, [PIPE_DELETING] = true},
    [PIPE_STOPPING] = {[PIPE_STOPPED] = true, [PIPE_DELETING] = true},
    [PIPE_STOPPED] = {[PIPE_STARTING] = true, [PIPE_UPDATING] = true, [PIPE_DELETING] = true},
};

const char *pipe_state_name(enum pipe_state state)
{
    return state_names[state];
}

void pipe_set_state(struct pipe *pipe, enum pipe_state state, const char *reason)
{
    const enum pipe_state old = (enum pipe_state)atomic_load(&pipe->state);
    assert(old == state || legal_moves[old][state]);
    atomic_store(&pipe->state, (int)state);
    pthread_mutex_lock(&pipe->lock);
    (void)snprintf(pipe->locked.reason, sizeof pipe->locked.reason, "%s", reason);
    pthread_mutex_unlock(&pipe->lock);
    if (old == state)
        return;
    mr_log(MR_LOG_INFO, "pipes", "pipe %s: %s -> %s%s%s", pipe->name, state_names[old],
           state_names[state], reason[0] == '\0' ? "" : ": ", reason);
}

static struct pipe *pipe_new(struct pipes *pipes, struct mr_slice name, struct mr_slice arn,
                             struct mr_slice doc)
{
    struct pipe *pipe = mr_calloc(1, sizeof *pipe);
    pipe->name = mr_strdup_slice(name);
    pipe->arn = mr_strdup_slice(arn);
    pipe->locked.doc = mr_strdup_slice(doc);
    pipe->pipes = pipes;
    pipe_meters_init(pipe);
    atomic_init(&pipe->refs, 1);
    pipe->lanes = 1;
    pthread_mutex_init(&pipe->lock, NULL);
    return pipe;
}

static void pipe_free(struct pipe *pipe)
{
    assert(pipe->pump == NULL);
    pthread_mutex_destroy(&pipe->lock);
    free(pipe->locked.doc);
    pipe_meters_fini(pipe);
    free(pipe->name);
    free(pipe->arn);
    free(pipe);
}

void pipe_unref(struct pipe *pipe)
{
    if (pipe != NULL && atomic_fetch_sub(&pipe->refs, 1) == 1)
        pipe_free(pipe);
}

struct pipe *pipe_find(struct pipes *pipes, struct mr_slice name)
{
    pthread_rwlock_rdlock(&pipes->lock);
    struct pipe *pipe = mr_map_get(&pipes->map, name);
    if (pipe != NULL)
        atomic_fetch_add(&pipe->refs, 1);
    pthread_rwlock_unlock(&pipes->lock);
    return pipe;
}

/* ---- storing ---- */

static void put_document(struct pipe *pipe, struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    pthread_mutex_lock(&pipe->lock);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "id", pipe->id);
    mr_json_key_cstr(&json, "arn", pipe->arn);
    mr_json_key_bool(&json, "desired", pipe->locked.desired_running);
    mr_json_key_cstr(&json, "reason", pipe->locked.reason);
    mr_json_key_int(&json, "created_ms", pipe->locked.created_ms);
    mr_json_key_int(&json, "modified_ms", pipe->locked.modified_ms);
    mr_json_key_int(&json, "lanes", pipe->lanes);
    mr_json_key_raw(&json, "pipe", mr_slice_cstr(pipe->locked.doc));
    mr_json_object_end(&json);
    pthread_mutex_unlock(&pipe->lock);
    store_doc_put(entry, "pipes", "pipe", mr_slice_cstr(pipe->name),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status save(struct pipe *pipe)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_document(pipe, &entry);
    const enum mr_status status = store_commit_wait(pipe->pipes->options.store, &entry);
    mr_arena_fini(&arena);
    return status;
}

/* ---- running; by whoever holds `changing` (or before others can find the pipe) ---- */

/* The lanes take nothing more, and nobody but the caller moves the state. Never long. */
static void stop_pump(struct pipe *pipe)
{
    atomic_store(&pipe->halting, true);
    pthread_mutex_lock(&pipe->lock);
    struct runtime_pump *pump = pipe->pump;
    pipe->pump = NULL;
    pthread_mutex_unlock(&pipe->lock);
    runtime_pump_stop(pump);
}

/* Returns when no lane is in work: as long as a function that is called takes. */
static void stop_lanes(struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->locked.lane_count; i++) {
        runtime_pump_stop(pipe->locked.lanes[i]->pump);
        pipe->locked.lanes[i]->pump = NULL;
    }
    pipe_pump_fini(pipe);
    atomic_store(&pipe->halting, false);
}

/* The cursors become those of the factor that is asked for; with too many changes of it behind each
 * other the pipe goes on with the factor it had. */
static enum mr_status fit_lanes(struct pipe *pipe)
{
    const int before = pipe->lanes, after = pipe->config.factor;
    if (before == after)
        return MR_OK;
    struct mr_arena arena = {0};
    struct store_entry entry = store_entry_make(&arena);
    enum mr_status status = pipe_cursors_refactor(pipe, &pipe->config, before, after, &entry);
    if (status == MR_OK) {
        pipe->lanes = after;
        put_document(pipe, &entry);
        status = store_commit_wait(pipe->pipes->options.store, &entry);
    } else if (status == MR_FULL) {
        pipe_note_error(pipe,
                        "ParallelizationFactor stays %d until its lanes are level; start the pipe "
                        "again later",
                        before);
        pipe->config.factor = before;
        status = MR_OK;
    }
    mr_arena_fini(&arena);
    return status;
}

static void run(struct pipe *pipe)
{
    assert(pipe->pump == NULL);
    char message[PIPE_MESSAGE_MAX] = "";
    mr_arena_init(&pipe->arena);
    mr_arena_init(&pipe->config_arena);
    yyjson_val *doc = mr_json_parse(&pipe->config_arena, mr_slice_cstr(pipe->locked.doc), 32);
    enum mr_status status = pipe_config_read(&pipe->config_arena, doc, &pipe->config, message);
    if (status == MR_OK) {
        pipe->role = mr_json_get_text(doc, "RoleArn");
        status = fit_lanes(pipe);
    }
    if (status != MR_OK) {
        pipe_pump_fini(pipe);
        pipe_set_state(pipe, PIPE_STOPPED,
                       message[0] != '\0' ? message
                                          : "An internal failure stopped the pipe; the server's "
                                            "log says which. Start the pipe again.");
        return;
    }
    pipe_set_state(pipe, PIPE_RUNNING, "");
    pthread_mutex_lock(&pipe->lock); /* the step waits for it, so it finds the pump stored */
    pipe->pump = runtime_pump_start(pipe->pipes->options.runtime, pipe->name, pipe_pump_step, pipe);
    pthread_mutex_unlock(&pipe->lock);
}

/* Moves to what locked.desired_running says. */
static void settle(struct pipe *pipe)
{
    if (pipe->locked.desired_running)
        run(pipe);
    else
        pipe_set_state(pipe, PIPE_STOPPED, "");
}

/* ---- changes ---- */

enum mr_status pipe_change_begin(struct pipe *pipe)
{
    bool idle = false;
    if (!atomic_compare_exchange_strong(&pipe->changing, &idle, true))
        return MR_AGAIN;
    if (atomic_load(&pipe->state) != PIPE_DELETING)
        return MR_OK;
    pipe_change_end(pipe);
    return MR_NOT_FOUND;
}

void pipe_change_end(struct pipe *pipe)
{
    atomic_store(&pipe->changing, false);
}

/* What a lane committed while the pipe was being deleted. */
static void forget(struct pipe *pipe)
{
    struct pipes *pipes = pipe->pipes;
    struct mr_arena arena = {0};
    struct store_entry entry = store_entry_make(&arena);
    int64_t ticket;
    if (pipe_cursors_drop(pipe, &entry) != MR_OK ||
        (entry.count > 0 && store_commit(pipes->options.store, &entry, &ticket) != MR_OK))
        mr_log(MR_LOG_WARN, "pipes", "pipe %s: its cursors were not removed", pipe->name);
    mr_arena_fini(&arena);
    pthread_rwlock_wrlock(&pipes->lock);
    (void)mr_map_remove(&pipes->map, mr_slice_cstr(pipe->name));
    pthread_rwlock_unlock(&pipes->lock);
    pipe_unref(pipe); /* the map's reference */
}

static void finish_change(struct pipe *pipe)
{
    stop_lanes(pipe);
    if (atomic_load(&pipe->state) == PIPE_DELETING)
        forget(pipe);
    else
        settle(pipe);
    pipe_change_end(pipe);
}

static void finish_change_job(void *arg)
{
    struct pipe *pipe = arg;
    struct pipes *pipes = pipe->pipes;
    finish_change(pipe);
    pipe_unref(pipe);
    pthread_mutex_lock(&pipes->jobs_lock);
    pipes->jobs--;
    pthread_cond_broadcast(&pipes->jobs_done);
    pthread_mutex_unlock(&pipes->jobs_lock);
}

/* Here and now, or, when a lane waits for a function, in a job. */
static void go_on_changing(struct pipe *pipe)
{
    struct pipes *pipes = pipe->pipes;
    if (atomic_load(&pipe->calls) == 0) {
        finish_change(pipe);
        return;
    }
    atomic_fetch_add(&pipe->refs, 1);
    pthread_mutex_lock(&pipes->jobs_lock);
    pipes->jobs++;
    pthread_mutex_unlock(&pipes->jobs_lock);
    if (runtime_submit(pipes->options.runtime, finish_change_job, pipe) != MR_OK)
        finish_change_job(pipe);
}

enum mr_status pipe_set_desired(struct pipe *pipe, bool running, int64_t now_ms)
{
    pthread_mutex_lock(&pipe->lock);
    pipe->locked.desired_running = running;
    pipe->locked.modified_ms = now_ms;
    pthread_mutex_unlock(&pipe->lock);
    const enum mr_status status = save(pipe);
    if (status != MR_OK || (running && atomic_load(&pipe->state) != PIPE_STOPPED)) {
        pipe_change_end(pipe);
        return status;
    }
    stop_pump(pipe);
    const bool stopped = atomic_load(&pipe->state) == PIPE_STOPPED;
    if (running && stopped)
        pipe_set_state(pipe, PIPE_STARTING, "");
    else if (!running && !stopped)
        pipe_set_state(pipe, PIPE_STOPPING, "");
    go_on_changing(pipe);
    return MR_OK;
}

static void replace_document(struct pipe *pipe, struct mr_slice doc)
{
    pthread_mutex_lock(&pipe->lock);
    free(pipe->locked.doc);
    pipe->locked.doc = mr_strdup_slice(doc);
    pthread_mutex_unlock(&pipe->lock);
}

enum mr_status pipe_update(struct pipe *pipe, struct mr_slice doc, bool running, int64_t now_ms)
{
    stop_pump(pipe);
    pipe_set_state(pipe, PIPE_UPDATING, "");
    replace_document(pipe, doc);
    pthread_mutex_lock(&pipe->lock);
    pipe->locked.desired_running = running;
    pipe->locked.modified_ms = now_ms;
    pthread_mutex_unlock(&pipe->lock);
    const enum mr_status status = save(pipe);
    go_on_changing(pipe);
    return status;
}

enum mr_status pipe_replace_document(struct pipe *pipe, struct mr_slice doc)
{
    replace_document(pipe, doc);
    const enum mr_status status = save(pipe);
    pipe_change_end(pipe);
    return status;
}

enum mr_status pipe_delete(struct pipe *pipe)
{
    struct mr_arena arena = {0};
    struct store_entry entry = store_entry_make(&arena);
    stop_pump(pipe);
    pipe_set_state(pipe, PIPE_DELETING, "");
    store_doc_delete(&entry, "pipes", "pipe", mr_slice_cstr(pipe->name));
    enum mr_status status = pipe_cursors_drop(pipe, &entry);
    if (status == MR_OK)
        status = store_commit_wait(pipe->pipes->options.store, &entry);
    mr_arena_fini(&arena);
    go_on_changing(pipe);
    return status;
}

/* ---- making ---- */

/* Puts it under its name. */
static enum mr_status take_name(struct pipe *pipe)
{
    struct pipes *pipes = pipe->pipes;
    const struct mr_slice name = mr_slice_cstr(pipe->name);
    enum mr_status status = MR_OK;
    pthread_rwlock_wrlock(&pipes->lock);
    if (mr_map_get(&pipes->map, name) != NULL) {
        status = MR_EXISTS;
    } else if (pipes->map.count >= PIPES_MAX) {
        status = MR_FULL;
    } else {
        atomic_fetch_add(&pipe->refs, 1);
        (void)mr_map_put(&pipes->map, name, pipe);
    }
    pthread_rwlock_unlock(&pipes->lock);
    return status;
}

static enum mr_status make(struct pipe *pipe, const struct pipe_create *create)
{
    struct mr_arena arena = {0};
    struct store_entry entry = store_entry_make(&arena);
    pipe->lanes = create->config->factor;
    enum mr_status status = pipe_cursors_begin(pipe, create->config, &entry, create->now_ms);
    if (status == MR_OK) {
        put_document(pipe, &entry);
        status = store_commit_wait(pipe->pipes->options.store, &entry);
    }
    mr_arena_fini(&arena);
    if (status == MR_OK) {
        settle(pipe);
        return status;
    }
    pipe_set_state(pipe, PIPE_DELETING, ""); /* for whoever found it */
    pthread_rwlock_wrlock(&pipe->pipes->lock);
    (void)mr_map_remove(&pipe->pipes->map, create->name);
    pthread_rwlock_unlock(&pipe->pipes->lock);
    pipe_unref(pipe);
    return status;
}

enum mr_status pipe_create(struct pipes *pipes, const struct pipe_create *create,
                           struct pipe **ret_pipe)
{
    struct pipe *pipe = pipe_new(pipes, create->name, create->arn, create->doc);
    mr_rng_uuid(pipes->options.rng, pipe->id);
    pipe->locked.desired_running = create->running;
    pipe->locked.created_ms = pipe->locked.modified_ms = create->now_ms;
    atomic_init(&pipe->state, PIPE_CREATING);
    atomic_init(&pipe->changing, true);
    enum mr_status status = take_name(pipe);
    if (status == MR_OK)
        status = make(pipe, create);
    pipe_change_end(pipe);
    if (status == MR_OK)
        *ret_pipe = pipe;
    else
        pipe_unref(pipe);
    return status;
}

/* ---- start and end ---- */

static enum mr_status load_pipe(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct pipes *pipes = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *stored = mr_json_parse(&arena, text, 40);
    const struct mr_slice id = mr_json_get_text(stored, "id");
    struct mr_buf doc = {0};
    struct mr_json json = mr_json_make(&doc);
    yyjson_val *inner = mr_json_get(stored, "pipe");
    enum mr_status status = MR_OK;
    if (inner == NULL || id.len >= PIPE_ID_TEXT) {
        status = MR_RAISE(MR_FAIL_DATA, "the document of pipe '%.*s' is damaged", MR_ARG(name));
    } else {
        mr_json_value(&json, inner);
        struct pipe *pipe =
            pipe_new(pipes, name, mr_json_get_text(stored, "arn"), mr_buf_slice(&doc));
        memcpy(pipe->id, id.ptr, id.len);
        pipe->locked.desired_running = mr_json_get_bool(stored, "desired", true);
        pipe->locked.created_ms = mr_json_get_i64(stored, "created_ms", 0);
        pipe->locked.modified_ms = mr_json_get_i64(stored, "modified_ms", 0);
        pipe->lanes = (int)mr_json_get_i64(stored, "lanes", 1);
        atomic_init(&pipe->state, PIPE_STARTING);
        (void)mr_map_put(&pipes->map, name, pipe);
        settle(pipe);
    }
    mr_buf_fini(&doc);
    mr_arena_fini(&arena);
    return status;
}

/* Stopped ones hold nothing: they go on with what their source has kept, as on AWS. */
static void lower_to_cursors(void *ctx, struct pipe *pipe)
{
    int64_t *lowest = ctx;
    char prefix[sizeof "pipe//" + PIPE_ID_TEXT];
    pthread_mutex_lock(&pipe->lock);
    const bool runs = pipe->locked.desired_running;
    pthread_mutex_unlock(&pipe->lock);
    if (!runs)
        return;
    (void)snprintf(prefix, sizeof prefix, "pipe/%s/", pipe->id);
    const int64_t own = store_cursor_floor(pipe->pipes->options.store, mr_slice_cstr(prefix));
    *lowest = own < *lowest ? own : *lowest;
}

static int64_t floor_of(void *ctx)
{
    int64_t lowest = INT64_MAX;
    pipes_each(ctx, lower_to_cursors, &lowest);
    return lowest;
}

enum mr_status pipes_open(struct pipes **ret_pipes, const struct pipes_options *options)
{
    struct pipes *pipes = mr_calloc(1, sizeof *pipes);
    pipes->options = *options;
    pthread_rwlock_init(&pipes->lock, NULL);
    pthread_mutex_init(&pipes->jobs_lock, NULL);
    pthread_cond_init(&pipes->jobs_done, NULL);
    const enum mr_status status =
        store_doc_each(options->store, "pipes", "pipe", MR_S(""), load_pipe, pipes);
    if (status != MR_OK) {
        pipes_close(pipes);
        return status;
    }
    store_floor_register(options->store, "pipes", floor_of, pipes);
    *ret_pipes = pipes;
    return MR_OK;
}

void pipes_stop(struct pipes *pipes)
{
    if (pipes != NULL)
        atomic_store(&pipes->stopping, true);
}

void pipes_close(struct pipes *pipes)
{
    if (pipes == NULL)
        return;
    store_floor_unregister(pipes->options.store, pipes);
    pipes_stop(pipes);
    pthread_mutex_lock(&pipes->jobs_lock);
    while (pipes->jobs > 0)
        pthread_cond_wait(&pipes->jobs_done, &pipes->jobs_lock);
    pthread_mutex_unlock(&pipes->jobs_lock);
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&pipes->map, &cursor, &name, &value)) {
        struct pipe *pipe = value;
        stop_pump(pipe);
        stop_lanes(pipe);
        pipe_unref(pipe);
    }
    mr_map_fini(&pipes->map);
    pthread_rwlock_destroy(&pipes->lock);
    pthread_mutex_destroy(&pipes->jobs_lock);
    pthread_cond_destroy(&pipes->jobs_done);
    free(pipes);
}

void pipes_register(struct pipes *pipes, struct protocol *protocol)
{
    protocol_register(protocol, "pipes", pipes_handlers, pipes_handler_count, pipes);
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
    const struct pipe *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void pipes_each(struct pipes *pipes, void (*fn)(void *ctx, struct pipe *pipe), void *ctx)
{
    pthread_rwlock_rdlock(&pipes->lock);
    struct pipe **all = mr_calloc(pipes->map.count + 1, sizeof *all);
    size_t cursor = 0, count = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&pipes->map, &cursor, &name, &value)) {
        all[count] = value;
        atomic_fetch_add(&all[count++]->refs, 1);
    }
    pthread_rwlock_unlock(&pipes->lock);
    qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++) {
        fn(ctx, all[i]);
        pipe_unref(all[i]);
    }
    free(all);
}

/* When the oldest change that waits in any lane was made; 0: none waits. */
static int64_t waiting_locked(const struct pipe *pipe)
{
    int64_t oldest = 0;
    for (size_t i = 0; i < pipe->locked.lane_count; i++) {
        const int64_t waiting = atomic_load(&pipe->locked.lanes[i]->waiting_ms);
        if (waiting != 0 && (oldest == 0 || waiting < oldest))
            oldest = waiting;
    }
    return oldest;
}

static void write_status(void *ctx, struct pipe *pipe)
{
    struct mr_json *json = ctx;
    const int64_t behind = atomic_load(&pipe->behind_ms);
    pthread_mutex_lock(&pipe->lock);
    const int64_t waiting = waiting_locked(pipe);
    mr_json_object(json);
    mr_json_key_cstr(json, "name", pipe->name);
    mr_json_key_cstr(json, "state", pipe_state_name((enum pipe_state)atomic_load(&pipe->state)));
    mr_json_key_cstr(json, "desired", pipe->locked.desired_running ? "RUNNING" : "STOPPED");
    mr_json_key_cstr(json, "reason", pipe->locked.reason);
    mr_json_key_int(json, "records", (int64_t)atomic_load(&pipe->records));
    mr_json_key_int(json, "filtered", (int64_t)atomic_load(&pipe->filtered));
    mr_json_key_int(json, "dropped", (int64_t)atomic_load(&pipe->dropped));
    mr_json_key_int(json, "lag_ms",
                    waiting == 0 ? 0 : store_now(pipe->pipes->options.store) - waiting);
    mr_json_key_int(json, "hop_ms", atomic_load(&pipe->hop_ms));
    mr_json_key_int(json, "lanes", (int64_t)pipe->locked.lane_count);
    if (behind != 0)
        mr_json_key_int(json, "last_record_ms", behind);
    mr_json_key_cstr(json, "last_error", pipe->locked.last_error);
    mr_json_object_end(json);
    pthread_mutex_unlock(&pipe->lock);
}

void pipes_status(struct pipes *pipes, struct mr_json *json)
{
    pipes_each(pipes, write_status, json);
}
