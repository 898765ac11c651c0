/* The pump of a pipe: source shards -> one Kinesis entry with the new cursor.
 *
 * For each shard whose parent is read to its end:
 *   1. read at most batch_size durable changes from the cursor, render each as its event;
 *   2. commit the Kinesis records AND the shard's new cursor in one journal entry (kinesis_put);
 *   3. only then move on.
 * After a crash the cursor and the records are either both there or both not, so nothing is lost or
 * doubled. A record that cannot be carried (no partition key, too large) first lets those before it
 * go, then blocks its shard, with back-off, until it is given up by MaximumRetryAttempts or age;
 * the pipe's reason and the log say so. */
#include "pipes/internal.h"
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCHES_PER_STEP = 16,
    BATCH_BYTES_MAX = 6 << 20, /* AWS: payload cap of a batch */
    BACKOFF_MS_MIN = 200,
    BACKOFF_MS_MAX = 30000,
    TARGET_GONE_MS = 3000, /* then the pipe is STOPPED and says why, until there is one again */
    RECORD_LIFE_MS = 86400000,
    HOLD_LOOK_MS = 50,     /* between two looks whether a batch that waits has become full */
    LOOK_AROUND_MS = 1000, /* an idle pipe notices that an end has gone or a shard has come */
    /* Journal read past without a change of ours, a quarter of a segment, before the cursor is
     * stored all the same: so a restart need not search it again, and the journal is not held for
     * nothing. */
    IDLE_COMMITS_A_SEGMENT = 4,
};

struct mr_slice pipe_cursor_name(struct mr_arena *arena, const struct pipe *pipe,
                                 struct mr_slice shard_id)
{
    return mr_arena_printf(arena, "pipe/%s/%.*s", pipe->id, MR_ARG(shard_id));
}

static void note_error(struct pipe *pipe, const char *format, ...) MR_PRINTF(2, 3);
static void note_error(struct pipe *pipe, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&pipe->lock);
    const bool fresh = strcmp(text, pipe->locked.last_error) != 0;
    memcpy(pipe->locked.last_error, text, sizeof text);
    memcpy(pipe->locked.reason, text, sizeof text);
    pthread_mutex_unlock(&pipe->lock);
    if (fresh)
        mr_log(MR_LOG_WARN, "pipes", "pipe %s: %s", pipe->name, text);
}

static void clear_reason(struct pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    pipe->locked.reason[0] = '\0';
    pthread_mutex_unlock(&pipe->lock);
}

/* ---- shards ---- */

static struct pipe_shard *shard_of(struct pipe *pipe, const char *id)
{
    for (size_t i = 0; i < pipe->shard_count; i++)
        if (strcmp(pipe->shards[i].id, id) == 0)
            return &pipe->shards[i];
    return NULL;
}

/* The cursor alone: no record goes with it. */
static enum mr_status commit_cursor(struct pipe *pipe, struct pipe_shard *shard, int64_t position)
{
    struct store_entry entry = store_entry_make(&pipe->arena);
    store_cursor_put(&entry, pipe_cursor_name(&pipe->arena, pipe, mr_slice_cstr(shard->id)),
                     position);
    int64_t ticket;
    const enum mr_status status = store_commit(pipe->pipes->options.store, &entry, &ticket);
    if (status == MR_OK)
        shard->committed = position;
    return status;
}

/* A shard that appeared since: its stored cursor, or (a child) its first position, which is stored
 * so that the journal is kept for it however long the pipe stands. */
static enum mr_status add_shard(struct pipe *pipe, const struct streams_shard *info)
{
    struct pipe_shard shard = {0};
    (void)snprintf(shard.id, sizeof shard.id, "%s", info->id);
    int64_t position = info->start;
    const struct mr_slice id = mr_slice_cstr(shard.id);
    enum mr_status status = store_cursor_get(pipe->pipes->options.store,
                                             pipe_cursor_name(&pipe->arena, pipe, id), &position);
    shard.done = status == MR_OK && position == INT64_MAX;
    shard.committed = position;
    if (status == MR_NOT_FOUND)
        status = commit_cursor(pipe, &shard, position);
    if (status < 0)
        return status;
    if (!shard.done) {
        if (streams_reader_open(&shard.reader, pipe->pipes->options.streams, pipe->source, id,
                                position) != MR_OK)
            return MR_NOT_FOUND;
        shard.open = true;
        runtime_pump_watch(pipe->pump, info->window);
    }
    pipe->shards = mr_realloc(pipe->shards, sizeof shard * (pipe->shard_count + 1));
    pipe->shards[pipe->shard_count++] = shard;
    return MR_OK;
}

static enum mr_status find_shards(struct pipe *pipe)
{
    struct streams_shard *list =
        MR_NEW_ARRAY(&pipe->arena, struct streams_shard, STREAMS_SHARDS_MAX);
    size_t count = streams_shards(pipe->source, list, STREAMS_SHARDS_MAX);
    count = count < STREAMS_SHARDS_MAX ? count : STREAMS_SHARDS_MAX;
    for (size_t i = 0; i < count; i++) {
        if (shard_of(pipe, list[i].id) != NULL)
            continue;
        /* Parents first: an item's changes lie in one line of shards. */
        const struct pipe_shard *parent =
            list[i].parent == NULL ? NULL : shard_of(pipe, list[i].parent);
        if (parent != NULL && !parent->done)
            continue;
        const enum mr_status status = add_shard(pipe, &list[i]);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status finish_shard(struct pipe *pipe, struct pipe_shard *shard)
{
    const enum mr_status status = commit_cursor(pipe, shard, INT64_MAX);
    if (status != MR_OK)
        return status;
    runtime_pump_unwatch(pipe->pump, shard->reader.window);
    streams_reader_close(&shard->reader);
    shard->open = false;
    shard->done = true;
    mr_log(MR_LOG_INFO, "pipes", "pipe %s: shard %s is read to its end", pipe->name, shard->id);
    return MR_OK;
}

/* ---- a batch ---- */

struct batch {
    struct kinesis_record *records;
    size_t count, bytes;
    int64_t first_ms;    /* commit time of the first record */
    int64_t position;    /* of the reader behind the last record taken */
    int64_t last_ms;     /* commit time of the last record */
    const char *problem; /* the record behind the batch cannot be carried: why */
    int64_t bad_time_ms; /* its commit time */
    int64_t behind_bad;  /* the reader's position behind it */
    enum mr_status end;  /* MR_OK: full; MR_AGAIN, MR_END as streams_reader_next */
};

static const char *make_record(struct pipe *pipe, const struct streams_record *change,
                               struct kinesis_record *ret)
{
    mr_buf_reset(&pipe->text);
    struct mr_json json = mr_json_make(&pipe->text);
    streams_record_json(&json, change, true);
    const struct mr_slice event = mr_arena_copy(&pipe->arena, mr_buf_slice(&pipe->text));
    struct mr_slice key = pipe->config.partition_key;
    if (key.ptr[0] == '$' && pipe_path_text(&pipe->arena, key, event, &key) != MR_OK)
        return "the partition key's path yields nothing";
    if (mr_slice_utf8_length(key) > PIPE_KEY_MAX)
        return "the partition key is longer than 256 characters";
    if (event.len + key.len > kinesis_record_bytes_max(pipe->target))
        return "the event is larger than the target stream's maximum record size";
    *ret = (struct kinesis_record){.partition_key = key, .data = event};
    return NULL;
}

/* Reads from the shard's reader until the batch is full, a record fails, or nothing more is there.
 */
static void read_batch(struct pipe *pipe, struct pipe_shard *shard, struct batch *batch)
{
    const size_t limit = (size_t)pipe->config.batch_size;
    batch->records = MR_NEW_ARRAY(&pipe->arena, struct kinesis_record, limit);
    batch->position = streams_reader_position(&shard->reader);
    while (batch->count < limit && batch->bytes < BATCH_BYTES_MAX) {
        struct streams_record change;
        batch->end = streams_reader_next(&shard->reader, &change);
        if (batch->end == MR_NOT_FOUND) {
            note_error(pipe, "records of shard %s were trimmed before they could be read",
                       shard->id);
            continue;
        }
        if (batch->end != MR_OK) {
            batch->position = streams_reader_position(&shard->reader);
            return;
        }
        batch->problem = make_record(pipe, &change, &batch->records[batch->count]);
        if (batch->problem != NULL) {
            batch->bad_time_ms = change.time_ms;
            batch->behind_bad = streams_reader_position(&shard->reader);
            return;
        }
        if (batch->count == 0)
            batch->first_ms = change.time_ms;
        batch->bytes += batch->records[batch->count].data.len;
        batch->count++;
        batch->last_ms = change.time_ms;
        batch->position = streams_reader_position(&shard->reader);
    }
}

static enum mr_status commit_batch(struct pipe *pipe, struct pipe_shard *shard, struct batch *batch)
{
    struct store_entry entry = store_entry_make(&pipe->arena);
    store_cursor_put(&entry, pipe_cursor_name(&pipe->arena, pipe, mr_slice_cstr(shard->id)),
                     batch->position);
    int64_t ticket;
    const enum mr_status status = kinesis_put(pipe->pipes->options.kinesis, pipe->target,
                                              batch->records, batch->count, &entry, &ticket);
    if (status == MR_OK) {
        shard->committed = batch->position;
        atomic_fetch_add(&pipe->records, batch->count);
        atomic_store(&pipe->behind_ms, batch->last_ms);
    }
    return status;
}

/* The reader stands behind the records of `batch`; put it back to where the last commit left it. */
static enum mr_status rewind_reader(struct pipe *pipe, struct pipe_shard *shard, int64_t position)
{
    streams_reader_close(&shard->reader);
    shard->open = false;
    const enum mr_status status =
        streams_reader_open(&shard->reader, pipe->pipes->options.streams, pipe->source,
                            mr_slice_cstr(shard->id), position);
    shard->open = status == MR_OK;
    return status;
}

/* A record that cannot be carried stands at the head of the shard: give it up or wait. */
static enum mr_status handle_bad(struct pipe *pipe, struct pipe_shard *shard, struct batch *batch,
                                 int64_t now_ms)
{
    const int64_t age_ms = now_ms - batch->bad_time_ms;
    const int64_t life_ms =
        pipe->config.record_age_s < 0 ? RECORD_LIFE_MS : pipe->config.record_age_s * 1000;
    const bool give_up =
        age_ms > life_ms || (pipe->config.retries >= 0 && shard->attempts >= pipe->config.retries);
    if (give_up) {
        note_error(pipe, "a record of shard %s was given up: %s", shard->id, batch->problem);
        atomic_fetch_add(&pipe->dropped, 1);
        shard->attempts = 0;
        shard->blocked_until_ms = 0;
        return commit_cursor(pipe, shard, batch->behind_bad);
    }
    note_error(pipe, "shard %s is blocked by a record: %s", shard->id, batch->problem);
    int64_t wait_ms = BACKOFF_MS_MIN << (shard->attempts < 8 ? shard->attempts : 8);
    wait_ms = wait_ms < BACKOFF_MS_MAX ? wait_ms : BACKOFF_MS_MAX;
    shard->attempts++;
    shard->blocked_until_ms = now_ms + wait_ms;
    return rewind_reader(pipe, shard, batch->position);
}

/* With a batching window an unfilled batch waits until the window is over. */
static bool hold_for_window(struct pipe *pipe, struct pipe_shard *shard, const struct batch *batch,
                            int64_t now_ms)
{
    if (pipe->config.window_ms == 0 || batch->count == 0 || batch->end != MR_AGAIN ||
        batch->problem != NULL)
        return false;
    if (shard->window_since_ms == 0)
        shard->window_since_ms = now_ms;
    return now_ms - shard->window_since_ms < pipe->config.window_ms;
}

/* Carries one batch of the shard. MR_OK: something was done; MR_AGAIN: nothing to do before
 * *ret_wake_ms or a wake. */
static enum mr_status pump_shard(struct pipe *pipe, struct pipe_shard *shard, int64_t now_ms,
                                 int64_t *ret_wake_ms)
{
    if (shard->blocked_until_ms > now_ms) {
        *ret_wake_ms =
            *ret_wake_ms < shard->blocked_until_ms ? *ret_wake_ms : shard->blocked_until_ms;
        return MR_AGAIN;
    }
    const int64_t from = streams_reader_position(&shard->reader);
    struct batch batch = {.end = MR_OK};
    read_batch(pipe, shard, &batch);
    if (hold_for_window(pipe, shard, &batch, now_ms)) {
        shard->waiting_ms = batch.first_ms;
        const int64_t due = shard->window_since_ms + pipe->config.window_ms;
        const int64_t look = now_ms + HOLD_LOOK_MS;
        shard->blocked_until_ms = look < due ? look : due;
        *ret_wake_ms =
            *ret_wake_ms < shard->blocked_until_ms ? *ret_wake_ms : shard->blocked_until_ms;
        const enum mr_status back = rewind_reader(pipe, shard, from);
        return back == MR_OK ? MR_AGAIN : back;
    }
    shard->window_since_ms = 0;
    shard->waiting_ms = batch.problem != NULL ? batch.bad_time_ms
                        : batch.end == MR_OK  ? batch.last_ms
                                              : 0;
    enum mr_status status = MR_OK;
    if (batch.count > 0) {
        status = commit_batch(pipe, shard, &batch);
        if (status != MR_OK) {
            const enum mr_status back = rewind_reader(pipe, shard, from);
            return back < 0 ? back : status;
        }
        if (shard->attempts > 0 || batch.problem == NULL)
            clear_reason(pipe);
        shard->attempts = batch.problem == NULL ? 0 : shard->attempts;
    }
    if (batch.problem != NULL)
        return handle_bad(pipe, shard, &batch, now_ms);
    if (batch.end == MR_END)
        return finish_shard(pipe, shard);
    if (batch.count > 0)
        return MR_OK;
    const struct journal *journal = store_journal(pipe->pipes->options.store);
    const int64_t idle_bytes = (int64_t)journal_segment_bytes(journal) / IDLE_COMMITS_A_SEGMENT;
    if (batch.position - shard->committed > idle_bytes)
        status = commit_cursor(pipe, shard, batch.position);
    return status == MR_OK ? MR_AGAIN : status;
}

/* ---- the pump ---- */

static enum runtime_pump_next stop_because(struct pipe *pipe, const char *reason)
{
    note_error(pipe, "%s", reason);
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
    if (pipe->target_missing_since_ms == 0)
        pipe->target_missing_since_ms = now_ms;
    char reason[512];
    (void)snprintf(reason, sizeof reason,
                   "The target %.*s does not exist. The pipe goes on when there is one.",
                   MR_ARG(pipe->config.target));
    note_error(pipe, "%s", reason);
    const bool gone = now_ms - pipe->target_missing_since_ms > TARGET_GONE_MS;
    if (gone && !is_stopped(pipe))
        pipe_set_state(pipe, PIPE_STOPPED, reason);
    *ret_wake_ms = now_ms + (gone ? LOOK_AROUND_MS : BACKOFF_MS_MIN);
}

static void go_on(struct pipe *pipe)
{
    pipe->target_missing_since_ms = 0;
    if (is_stopped(pipe)) {
        pipe_set_state(pipe, PIPE_STARTING, "");
        pipe_set_state(pipe, PIPE_RUNNING, "");
    } else {
        clear_reason(pipe);
    }
}

/* Finds source and target again where they are not held. False: `*ret_next` says what to do. */
static bool have_both_ends(struct pipe *pipe, int64_t now_ms, int64_t *ret_wake_ms,
                           enum runtime_pump_next *ret_next)
{
    if (pipe->source == NULL)
        pipe->source = streams_find(pipe->pipes->options.streams, pipe->config.source);
    if (pipe->source == NULL) {
        *ret_next = stop_because(pipe, "Stream not found. To resume processing please delete the "
                                       "pipe and create a new one.");
        return false;
    }
    if (pipe->target != NULL && kinesis_stream_deleted(pipe->target)) {
        kinesis_release(pipe->pipes->options.kinesis, pipe->target);
        pipe->target = NULL;
    }
    if (pipe->target == NULL)
        pipe->target = kinesis_find(pipe->pipes->options.kinesis, pipe->config.target);
    if (pipe->target == NULL) {
        wait_for_target(pipe, now_ms, ret_wake_ms);
        *ret_next = RUNTIME_PUMP_WAIT;
        return false;
    }
    if (pipe->target_missing_since_ms != 0)
        go_on(pipe);
    return true;
}

static bool all_done(const struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->shard_count; i++)
        if (!pipe->shards[i].done)
            return false;
    return true;
}

/* One round over all shards; true when any moved. */
static bool pump_round(struct pipe *pipe, int64_t now_ms, int64_t *ret_wake_ms,
                       enum mr_status *ret_status)
{
    bool moved = false;
    *ret_status = find_shards(pipe);
    for (size_t i = 0; *ret_status == MR_OK && i < pipe->shard_count; i++) {
        struct pipe_shard *shard = &pipe->shards[i];
        if (shard->done)
            continue;
        const enum mr_status status = pump_shard(pipe, shard, now_ms, ret_wake_ms);
        moved = moved || status == MR_OK;
        if (status != MR_OK && status != MR_AGAIN)
            *ret_status = status;
    }
    mr_arena_reset(&pipe->arena);
    return moved;
}

static void note_waiting(struct pipe *pipe)
{
    int64_t oldest = 0;
    for (size_t i = 0; i < pipe->shard_count; i++) {
        const int64_t waiting = pipe->shards[i].waiting_ms;
        if (waiting != 0 && (oldest == 0 || waiting < oldest))
            oldest = waiting;
    }
    atomic_store(&pipe->waiting_ms, oldest);
}

enum runtime_pump_next pipe_pump_step(void *ctx, int64_t *ret_wake_ms)
{
    struct pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock); /* until pipe_start has stored the pump */
    pthread_mutex_unlock(&pipe->lock);
    const int64_t now_ms = store_now(pipe->pipes->options.store);
    enum runtime_pump_next next = RUNTIME_PUMP_WAIT;
    *ret_wake_ms = now_ms + LOOK_AROUND_MS;
    if (!have_both_ends(pipe, now_ms, ret_wake_ms, &next))
        return next;
    enum mr_status status = MR_OK;
    bool moved = true;
    for (int i = 0; i < BATCHES_PER_STEP && moved && status == MR_OK; i++)
        moved = pump_round(pipe, now_ms, ret_wake_ms, &status);
    note_waiting(pipe);
    if (status == MR_NOT_FOUND) { /* an end has gone: the next step looks which */
        *ret_wake_ms = now_ms + BACKOFF_MS_MIN;
        return RUNTIME_PUMP_WAIT;
    }
    if (status != MR_OK)
        return stop_because(pipe, "An internal failure stopped the pipe; the server's log says "
                                  "which. Start the pipe again.");
    if (!streams_is_enabled(pipe->source) && all_done(pipe) && pipe->shard_count > 0)
        return stop_because(pipe, "The source stream is disabled and read to its end. To resume "
                                  "processing please delete the pipe and create a new one.");
    return moved ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
}

void pipe_pump_fini(struct pipe *pipe)
{
    for (size_t i = 0; i < pipe->shard_count; i++)
        if (pipe->shards[i].open)
            streams_reader_close(&pipe->shards[i].reader);
    free(pipe->shards);
    pipe->shards = NULL;
    pipe->shard_count = 0;
    streams_unref(pipe->source);
    pipe->source = NULL;
    if (pipe->target != NULL)
        kinesis_release(pipe->pipes->options.kinesis, pipe->target);
    pipe->target = NULL;
    pipe->target_missing_since_ms = 0;
    mr_buf_fini(&pipe->text);
    mr_arena_fini(&pipe->arena);
    mr_arena_fini(&pipe->config_arena);
}
