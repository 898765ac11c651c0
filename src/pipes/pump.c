/* The pump of a pipe: it finds the source's shards, starts their lanes (lane.c) once the parents
 * are read to their ends, and says what the pipe waits for. */
#include "pipes/internal.h"
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SLOW_CALL_MS = 3000,   /* a function that runs so long is told */
    TARGET_GONE_MS = 3000, /* then the pipe is STOPPED and says why, until there is one again */
    LOOK_MS = 200,         /* while something is missing */
    LOOK_AROUND_MS = 1000, /* an idle pipe notices that an end has gone or a shard has come */
};

/* ---- what is said ---- */

/* The first lane's problem, or none, becomes the reason. */
static void tell_reason_locked(struct pipe *pipe)
{
    const char *problem = "";
    for (size_t i = 0; i < pipe->locked.lane_count && problem[0] == '\0'; i++)
        problem = pipe->locked.lanes[i]->locked.problem;
    (void)snprintf(pipe->locked.reason, sizeof pipe->locked.reason, "%s", problem);
}

void pipe_note(struct pipe_lane *lane, const char *format, ...)
{
    struct pipe *pipe = lane->pipe;
    char text[PIPE_REASON_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&pipe->lock);
    const bool fresh = strcmp(text, lane->locked.problem) != 0;
    if (fresh) {
        memcpy(lane->locked.problem, text, sizeof text);
        if (text[0] != '\0')
            memcpy(pipe->locked.last_error, text, sizeof text);
        if (atomic_load(&pipe->state) == PIPE_RUNNING)
            tell_reason_locked(pipe);
    }
    pthread_mutex_unlock(&pipe->lock);
    if (fresh && text[0] != '\0')
        mr_log(MR_LOG_WARN, "pipes", "pipe %s: %s", pipe->name, text);
}

void pipe_note_error(struct pipe *pipe, const char *format, ...)
{
    char text[PIPE_REASON_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&pipe->lock);
    memcpy(pipe->locked.last_error, text, sizeof text);
    pthread_mutex_unlock(&pipe->lock);
    mr_log(MR_LOG_WARN, "pipes", "pipe %s: %s", pipe->name, text);
}

void pipe_pump_wake(struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock); /* or the pump might be gone */
    if (pipe->pump != NULL)
        runtime_pump_wake(pipe->pump);
    pthread_mutex_unlock(&pipe->lock);
}

/* ---- lanes ---- */

/* The lanes of a shard stand side by side, as many as the factor. NULL: it has none yet. Only the
 * pump adds any. */
static struct pipe_lane **lanes_of(const struct pipe *pipe, const char *id)
{
    for (size_t i = 0; i < pipe->locked.lane_count; i += (size_t)pipe->config.factor)
        if (strcmp(pipe->locked.lanes[i]->shard.id, id) == 0)
            return &pipe->locked.lanes[i];
    return NULL;
}

static bool are_done(const struct pipe *pipe, struct pipe_lane *const *lanes)
{
    for (int i = 0; i < pipe->config.factor; i++)
        if (!atomic_load(&lanes[i]->done))
            return false;
    return true;
}

/* A lane that is done has no pump. */
static enum mr_status add_lane(struct pipe *pipe, const struct pipe_shard_info *shard, int number)
{
    struct pipe_lane *lane = mr_calloc(1, sizeof *lane);
    lane->pipe = pipe;
    lane->shard = *shard;
    lane->number = number;
    mr_arena_init(&lane->arena);
    int64_t position;
    enum mr_status status = pipe_cursors_load(lane, &position);
    const bool done = position == INT64_MAX;
    lane->committed = position;
    atomic_init(&lane->passed, position);
    atomic_init(&lane->done, done);
    if (status == MR_OK && !done)
        status = pipe_reader_open(&lane->reader, &pipe->source, shard, position);
    if (status != MR_OK) {
        pipe_lane_free(lane);
        return status;
    }
    pthread_mutex_lock(&pipe->lock); /* the lane's first step waits for it */
    const size_t count = pipe->locked.lane_count;
    pipe->locked.lanes = mr_realloc(pipe->locked.lanes, sizeof *pipe->locked.lanes * (count + 1));
    pipe->locked.lanes[count] = lane;
    pipe->locked.lane_count = count + 1;
    if (!done) {
        lane->pump =
            runtime_pump_start(pipe->pipes->options.runtime, pipe->name, pipe_lane_step, lane);
        runtime_pump_watch(lane->pump, shard->window);
    }
    pthread_mutex_unlock(&pipe->lock);
    return MR_OK;
}

struct shard_list {
    const struct pipe_shard_info *shards; /* parents before children */
    size_t count;
    bool *known; /* has lanes */
};

static size_t find_listed(const struct shard_list *list, const char *id)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->shards[i].id, id) != 0)
        i++;
    return i;
}

/* Parents first: an item's changes lie in one line of shards. A parent that the source no longer
 * lists does not hold its children up. */
static bool may_begin(const struct pipe *pipe, const struct shard_list *list,
                      const struct pipe_shard_info *shard)
{
    for (size_t i = 0; i < PIPE_PARENTS_MAX; i++) {
        if (shard->parents[i][0] == '\0')
            continue;
        struct pipe_lane **lanes = lanes_of(pipe, shard->parents[i]);
        if (lanes != NULL ? !are_done(pipe, lanes)
                          : find_listed(list, shard->parents[i]) < list->count)
            return false;
    }
    return true;
}

/* Marks the listed shards that have lanes; MR_OK: all have, and no lane is of another. */
static enum mr_status compare(const struct pipe *pipe, struct shard_list *list)
{
    size_t known = 0;
    for (size_t i = 0; i < pipe->locked.lane_count; i += (size_t)pipe->config.factor) {
        /* As a rule they come in the same order. */
        const size_t guess = i / (size_t)pipe->config.factor;
        const char *id = pipe->locked.lanes[i]->shard.id;
        const bool hit = guess < list->count && strcmp(list->shards[guess].id, id) == 0;
        const size_t at = hit ? guess : find_listed(list, id);
        if (at < list->count)
            list->known[at] = true;
        known += at < list->count;
    }
    const bool same =
        known == list->count && known * (size_t)pipe->config.factor == pipe->locked.lane_count;
    return same ? MR_OK : MR_AGAIN;
}

/* Takes the lanes of shards that are read, and that the source no longer lists, out of the pipe. */
static size_t take_old_lanes(struct pipe *pipe, const struct shard_list *list,
                             struct pipe_lane **ret_old)
{
    const size_t factor = (size_t)pipe->config.factor;
    size_t kept = 0, old = 0;
    pthread_mutex_lock(&pipe->lock);
    for (size_t i = 0; i < pipe->locked.lane_count; i += factor) {
        struct pipe_lane **lanes = &pipe->locked.lanes[i];
        const bool gone =
            are_done(pipe, lanes) && find_listed(list, lanes[0]->shard.id) == list->count;
        for (size_t k = 0; k < factor; k++) {
            if (gone)
                ret_old[old++] = lanes[k];
            else
                pipe->locked.lanes[kept++] = lanes[k];
        }
    }
    pipe->locked.lane_count = kept;
    pthread_mutex_unlock(&pipe->lock);
    return old;
}

static enum mr_status drop_old_lanes(struct pipe *pipe, const struct shard_list *list)
{
    struct pipe_lane **old =
        MR_NEW_ARRAY(&pipe->arena, struct pipe_lane *, pipe->locked.lane_count + 1);
    const size_t count = take_old_lanes(pipe, list, old);
    struct store_entry entry = store_entry_make(&pipe->arena);
    for (size_t i = 0; i < count; i++) {
        (void)store_entry_delete(
            &entry, VIEW_CURSOR,
            pipe_cursor_name(&pipe->arena, pipe, old[i]->shard.id, old[i]->number));
        runtime_pump_stop(old[i]->pump); /* without the lock: its last step may want it */
        pipe_lane_free(old[i]);
    }
    int64_t ticket;
    return count == 0 ? MR_OK : store_commit(pipe->pipes->options.store, &entry, &ticket);
}

static enum mr_status find_shards(struct pipe *pipe)
{
    struct pipe_shard_info *shards;
    struct shard_list list = {0};
    list.count = pipe_source_shards(&pipe->source, &pipe->arena, &shards);
    list.shards = shards;
    list.known = MR_NEW_ARRAY(&pipe->arena, bool, list.count + 1);
    if (compare(pipe, &list) == MR_OK)
        return MR_OK;
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < list.count && status == MR_OK && !atomic_load(&pipe->halting); i++) {
        if (list.known[i] || !may_begin(pipe, &list, &shards[i]))
            continue;
        for (int k = 0; k < pipe->config.factor && status == MR_OK; k++)
            status = add_lane(pipe, &shards[i], k);
    }
    return status == MR_OK ? drop_old_lanes(pipe, &list) : status;
}

static bool all_done(const struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->locked.lane_count; i++)
        if (!atomic_load(&pipe->locked.lanes[i]->done))
            return false;
    return pipe->locked.lane_count > 0;
}

static bool any_failed(const struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->locked.lane_count; i++)
        if (atomic_load(&pipe->locked.lanes[i]->failed))
            return true;
    return false;
}

/* A lane that waits for a function cannot say so itself. */
static void look_for_slow(struct pipe *pipe, int64_t now_ms)
{
    for (size_t i = 0; i < pipe->locked.lane_count; i++) {
        struct pipe_lane *lane = pipe->locked.lanes[i];
        pthread_mutex_lock(&pipe->lock);
        const int64_t calling_ms = atomic_load(&lane->calling_ms);
        const bool slow = calling_ms != 0 && now_ms - calling_ms > SLOW_CALL_MS;
        const bool fresh = slow && !lane->locked.slow;
        lane->locked.slow = slow || lane->locked.slow;
        pthread_mutex_unlock(&pipe->lock);
        if (fresh)
            pipe_note(lane,
                      "Shard %s waits for a function that has been running for more than %d s: see "
                      "its log, or lower its Timeout.",
                      lane->shard.id, SLOW_CALL_MS / 1000);
    }
}

/* ---- the pump ---- */

static enum runtime_pump_next stop_because(struct pipe *pipe, const char *reason)
{
    atomic_store(&pipe->halting, true);
    pipe_note_error(pipe, "%s", reason);
    pipe_set_state(pipe, PIPE_STOPPED, reason);
    return RUNTIME_PUMP_DONE;
}

static bool is_stopped(const struct pipe *pipe)
{
    return atomic_load(&pipe->state) == PIPE_STOPPED;
}

/* The target may come back: the pump stays and looks, and the pipe goes on by itself. */
static void wait_for_target(struct pipe *pipe, int64_t now_ms, int64_t *ret_wake_ms)
{
    char reason[PIPE_REASON_MAX];
    (void)snprintf(reason, sizeof reason,
                   "The target %.*s does not exist. The pipe goes on when there is one.",
                   MR_ARG(pipe->config.target));
    if (pipe->target_missing_since_ms == 0) {
        pipe->target_missing_since_ms = now_ms;
        pipe_note_error(pipe, "%s", reason);
        pthread_mutex_lock(&pipe->lock);
        memcpy(pipe->locked.reason, reason, sizeof reason);
        pthread_mutex_unlock(&pipe->lock);
    }
    const bool gone = now_ms - pipe->target_missing_since_ms > TARGET_GONE_MS;
    if (gone && !is_stopped(pipe))
        pipe_set_state(pipe, PIPE_STOPPED, reason);
    *ret_wake_ms = now_ms + (gone ? LOOK_AROUND_MS : LOOK_MS);
}

static void go_on(struct pipe *pipe)
{
    pipe->target_missing_since_ms = 0;
    if (is_stopped(pipe)) {
        pipe_set_state(pipe, PIPE_STARTING, "");
        pipe_set_state(pipe, PIPE_RUNNING, "");
    }
    pthread_mutex_lock(&pipe->lock);
    tell_reason_locked(pipe);
    for (size_t i = 0; i < pipe->locked.lane_count; i++)
        if (pipe->locked.lanes[i]->pump != NULL)
            runtime_pump_wake(pipe->locked.lanes[i]->pump);
    pthread_mutex_unlock(&pipe->lock);
}

enum runtime_pump_next pipe_pump_step(void *ctx, int64_t *ret_wake_ms)
{
    struct pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock); /* until run() has stored the pump */
    pthread_mutex_unlock(&pipe->lock);
    const int64_t now_ms = store_now(pipe->pipes->options.store);
    *ret_wake_ms = now_ms + LOOK_AROUND_MS;
    mr_arena_reset(&pipe->arena);
    if (atomic_load(&pipe->halting))
        return RUNTIME_PUMP_WAIT;
    const bool open = pipe->source.table != NULL || pipe->source.stream != NULL;
    if ((!open && pipe_source_open(&pipe->source, pipe->pipes, &pipe->config) != MR_OK) ||
        pipe_source_is_gone(&pipe->source))
        return stop_because(pipe, "Stream not found. To resume processing please delete the pipe "
                                  "and create a new one.");
    if (!pipe_target_exists(pipe)) {
        wait_for_target(pipe, now_ms, ret_wake_ms);
        return RUNTIME_PUMP_WAIT;
    }
    if (pipe->target_missing_since_ms != 0)
        go_on(pipe);
    if (find_shards(pipe) != MR_OK || any_failed(pipe))
        return stop_because(pipe, "An internal failure stopped the pipe; the server's log says "
                                  "which. Start the pipe again.");
    look_for_slow(pipe, now_ms);
    if (pipe_source_is_ended(&pipe->source) && all_done(pipe))
        return stop_because(pipe, "The source stream is disabled and read to its end. To resume "
                                  "processing please delete the pipe and create a new one.");
    return RUNTIME_PUMP_WAIT;
}

void pipe_pump_fini(struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    struct pipe_lane **lanes = pipe->locked.lanes;
    const size_t count = pipe->locked.lane_count;
    pipe->locked.lanes = NULL;
    pipe->locked.lane_count = 0;
    pthread_mutex_unlock(&pipe->lock);
    for (size_t i = 0; i < count; i++)
        pipe_lane_free(lanes[i]);
    free(lanes);
    pipe_source_close(&pipe->source);
    pipe_config_fini(&pipe->config);
    pipe->target_missing_since_ms = 0;
    mr_arena_fini(&pipe->arena);
    mr_arena_fini(&pipe->config_arena);
}
