/* A lane: one batch of a shard at a time, read, carried, and committed with its cursor.
 *
 *   1. read at most BatchSize records that are the lane's and that the filter takes;
 *   2. enrich them, reshape them, hand them to the target (carry.c): to Kinesis and Firehose in the
 *      journal entry that moves the cursor behind them, to others before the cursor moves;
 *   3. only then read on.
 * A batch that fails is read again, after a back-off, exactly as it was: the same records, less
 * those that the target said to have succeeded; halved each time with AUTOMATIC_BISECT; until
 * MaximumRetryAttempts or its age gives it up. What waits, and for what, stands in the problem. */
#include "pipes/internal.h"
#include "base/point.h"
#include "base/log.h"
#include <stdlib.h>

enum {
    BATCHES_PER_STEP = 16,
    SCAN_MAX = 20000,          /* records that are passed over before others have their turn */
    BATCH_BYTES_MAX = 6 << 20, /* AWS: payload cap of a batch */
    BACKOFF_MS_MIN = 200,
    BACKOFF_MS_MAX = 30000,
    REFUSED_MS_MAX = 2000,
    TABLE_LIFE_MS = 86400000,
    HOLD_LOOK_MS = 50,     /* between two looks whether a batch that waits has become full */
    LOOK_AROUND_MS = 1000, /* an idle lane notices that its shard was closed */
    /* Journal read past without a record of ours, a quarter of a segment, before the cursor is
     * stored all the same: so a restart need not search it again, and the journal is not held for
     * nothing. */
    IDLE_COMMITS_A_SEGMENT = 4,
};

/* ---- cursor and reader ---- */

struct store_entry pipe_lane_entry(struct pipe_lane *lane, int64_t position)
{
    struct store_entry entry = store_entry_make(&lane->arena);
    store_cursor_put(
        &entry, pipe_cursor_name(&lane->arena, lane->pipe, lane->shard.id, lane->number), position);
    if (lane->given_up.len > 0) /* for whoever audits */
        (void)store_entry_note(&entry,
                               mr_arena_printf(&lane->arena, "pipe-given-up/%s", lane->pipe->id),
                               mr_arena_copy(&lane->arena, mr_buf_slice(&lane->given_up)));
    return entry;
}

enum mr_status pipe_lane_commit(struct pipe_lane *lane, int64_t position)
{
    struct store_entry entry = pipe_lane_entry(lane, position);
    int64_t ticket;
    mr_point(MR_POINT_PIPE_CURSOR);
    const enum mr_status status = store_commit(lane->pipe->pipes->options.store, &entry, &ticket);
    mr_point(MR_POINT_PIPE_CURSOR_DONE);
    if (status == MR_OK)
        lane->committed = position;
    return status;
}

static enum mr_status rewind_reader(struct pipe_lane *lane, int64_t position)
{
    pipe_reader_close(&lane->reader);
    return pipe_reader_open(&lane->reader, &lane->pipe->source, &lane->shard, position);
}

static enum mr_status finish_shard(struct pipe_lane *lane)
{
    const enum mr_status status = pipe_lane_commit(lane, INT64_MAX);
    if (status != MR_OK)
        return status;
    runtime_pump_unwatch(lane->pump, lane->shard.window);
    pipe_reader_close(&lane->reader);
    atomic_store(&lane->passed, INT64_MAX);
    atomic_store(&lane->done, true);
    pipe_pump_wake(lane->pipe); /* its children may begin */
    mr_log(MR_LOG_INFO, "pipes", "pipe %s: shard %s is read to its end", lane->pipe->name,
           lane->shard.id);
    return MR_END;
}

/* ---- reading a batch ---- */

static bool is_mine(const struct pipe_lane *lane, const struct pipe_raw *raw)
{
    if (raw->hash % (uint32_t)lane->pipe->config.factor != (uint32_t)lane->number)
        return false;
    for (size_t i = 0; i < lane->skip_count; i++) {
        const struct pipe_skip *skip = &lane->skips[i];
        if (raw->position < skip->positions[raw->hash % (uint32_t)skip->factor])
            return false;
    }
    return true;
}

static bool is_finished(const struct pipe_lane *lane, int64_t position)
{
    for (size_t i = 0; i < lane->finished_count; i++)
        if (lane->finished[i] == position)
            return true;
    return false;
}

/* AWS: MaximumRecordAgeInSeconds holds for every record; without it what fails is retried until the
 * source would have dropped it. */
static bool is_too_old(const struct pipe_lane *lane, const struct pipe_raw *raw, int64_t now_ms)
{
    const struct pipe *pipe = lane->pipe;
    const int64_t age_s = pipe->config.record_age_s;
    if (age_s < 0 && lane->limit == 0)
        return false;
    const int64_t life_ms = age_s >= 0 ? age_s * 1000
                            : pipe->source.table != NULL
                                ? TABLE_LIFE_MS
                                : kinesis_retention_ms(pipe->source.stream);
    return now_ms - raw->time_ms > life_ms;
}

struct reading {
    struct pipe_lane *lane;
    struct pipe_batch *batch;
    size_t limit, capacity;
    int64_t now_ms;
};

static bool is_full(const struct reading *reading)
{
    return reading->batch->count + reading->batch->finished >= reading->limit;
}

/* False: the record belongs into the next batch. */
static bool take_record(struct reading *reading, const struct pipe_raw *raw)
{
    struct pipe_lane *lane = reading->lane;
    struct pipe_batch *batch = reading->batch;
    const struct pipe_config *config = &lane->pipe->config;
    if (!is_mine(lane, raw))
        return true;
    if (is_finished(lane, raw->position)) {
        batch->finished++;
        return true;
    }
    if (is_too_old(lane, raw, reading->now_ms)) {
        batch->aged++;
        mr_buf_u64(&lane->given_up, (uint64_t)raw->position);
        return true;
    }
    mr_buf_reset(&lane->text);
    pipe_reader_event(&lane->reader, raw, lane->pipe->role, &lane->text);
    struct pipe_event event = {.position = raw->position, .time_ms = raw->time_ms};
    event.text = mr_arena_copy(&lane->arena, mr_buf_slice(&lane->text));
    if (config->filter != NULL) {
        event.root = pipe_event_root(&lane->arena, config->source_kind, event.text);
        if (!event_filter_takes(config->filter, event.root)) {
            batch->filtered++;
            return true;
        }
    }
    if (batch->count > 0 && batch->bytes + event.text.len + 1 > BATCH_BYTES_MAX)
        return false;
    if (batch->count == reading->capacity) {
        const size_t more = reading->capacity == 0 ? 64 : reading->capacity * 2;
        batch->events =
            mr_arena_realloc(&lane->arena, batch->events, sizeof *batch->events * reading->capacity,
                             sizeof *batch->events * more);
        reading->capacity = more;
    }
    event.id = pipe_reader_event_id(&lane->reader, raw, &lane->arena);
    event.behind = pipe_reader_position(&lane->reader);
    batch->bytes += event.text.len + 1;
    batch->events[batch->count++] = event;
    return true;
}

/* Reads until the batch is full or nothing more is there. < 0: a failure of ours. */
static enum mr_status read_batch(struct pipe_lane *lane, struct pipe_batch *batch, int64_t now_ms)
{
    struct reading reading = {.lane = lane, .batch = batch, .now_ms = now_ms};
    reading.limit = lane->limit != 0 ? lane->limit : (size_t)lane->pipe->config.batch_size;
    batch->end = MR_OK;
    mr_buf_reset(&lane->given_up);
    for (int scanned = 0; scanned < SCAN_MAX && !is_full(&reading); scanned++) {
        struct pipe_raw raw;
        batch->position = pipe_reader_position(&lane->reader);
        batch->end = pipe_reader_next(&lane->reader, &raw);
        if (batch->end == MR_NOT_FOUND) {
            pipe_note_error(lane->pipe,
                            "records of shard %s were trimmed before they could be read",
                            lane->shard.id);
            batch->end = MR_OK;
            continue;
        }
        if (batch->end != MR_OK)
            break;
        if (!take_record(&reading, &raw))
            return rewind_reader(lane, batch->position);
    }
    batch->position = pipe_reader_position(&lane->reader);
    return batch->end < 0 ? batch->end : MR_OK;
}

/* With a batching window an unfilled batch waits until the window is over. */
static bool hold_for_window(struct pipe_lane *lane, const struct pipe_batch *batch, int64_t now_ms)
{
    const int64_t window_ms = lane->pipe->config.window_ms;
    if (window_ms == 0 || batch->count == 0 || batch->end != MR_AGAIN || lane->limit != 0 ||
        batch->events[0].position < atomic_load(&lane->pipe->flush))
        return false;
    if (lane->window_since_ms == 0)
        lane->window_since_ms = now_ms;
    return now_ms - lane->window_since_ms < window_ms;
}

/* ---- what became of it ---- */

static void count_passed(struct pipe_lane *lane, const struct pipe_batch *batch)
{
    struct pipe *pipe = lane->pipe;
    atomic_fetch_add(&pipe->filtered, batch->filtered);
    if (batch->aged == 0)
        return;
    atomic_fetch_add(&pipe->dropped, batch->aged);
    pipe_note_error(pipe, "%zu record(s) of shard %s were given up: they had become too old",
                    batch->aged, lane->shard.id);
    pipe_log(lane, batch, PIPE_LOG_ERROR, "EXECUTION_FAILED", "The maximum record age is exceeded");
}

static void forget_failure(struct pipe_lane *lane)
{
    lane->attempts = lane->refusals = 0;
    lane->blocked_until_ms = 0;
    size_t kept = 0; /* of a batch that was halved some may still be to come */
    for (size_t i = 0; i < lane->finished_count; i++)
        if (lane->finished[i] >= lane->committed)
            lane->finished[kept++] = lane->finished[i];
    lane->finished_count = kept;
    pipe_note(lane, "%s", "");
}

/* After a halved batch the next may be twice as long, up to the size that is asked for. */
static void widen(struct pipe_lane *lane)
{
    lane->limit *= 2;
    if (!lane->pipe->config.bisect || lane->limit >= (size_t)lane->pipe->config.batch_size)
        lane->limit = 0;
}

static enum mr_status note_carried(struct pipe_lane *lane, struct pipe_batch *batch, int64_t now_ms)
{
    struct pipe *pipe = lane->pipe;
    const bool all = batch->carried == batch->count;
    const int64_t made_ms = batch->events[batch->carried - 1].time_ms;
    lane->committed = all ? batch->position : batch->events[batch->carried - 1].behind;
    atomic_fetch_add(&pipe->records, batch->carried);
    atomic_store(&pipe->behind_ms, made_ms);
    atomic_store(&pipe->hop_ms, now_ms > made_ms ? now_ms - made_ms : 0);
    atomic_store(&lane->waiting_ms, !all                  ? batch->events[batch->carried].time_ms
                                    : batch->end == MR_OK ? made_ms
                                                          : 0);
    forget_failure(lane);
    widen(lane);
    if (!all)
        return rewind_reader(lane, lane->committed);
    count_passed(lane, batch);
    return MR_OK;
}

static enum mr_status give_up(struct pipe_lane *lane, struct pipe_batch *batch)
{
    struct pipe *pipe = lane->pipe;
    const bool all = batch->blamed == batch->count;
    const int64_t behind = all ? batch->position : batch->events[batch->blamed - 1].behind;
    for (size_t i = 0; i < batch->blamed; i++)
        mr_buf_u64(&lane->given_up, (uint64_t)batch->events[i].position);
    const enum mr_status status = pipe_lane_commit(lane, behind);
    if (status != MR_OK)
        return status;
    if (all)
        count_passed(lane, batch);
    const size_t lost = batch->blamed - batch->succeeded;
    atomic_fetch_add(&pipe->dropped, lost);
    pipe_note_error(pipe, "%zu record(s) of shard %s, from %.*s on, were given up: %s", lost,
                    lane->shard.id, MR_ARG(batch->events[0].id), batch->problem);
    forget_failure(lane);
    widen(lane);
    return rewind_reader(lane, behind);
}

static int64_t backoff(int64_t times, int64_t most)
{
    const int64_t wait = (int64_t)BACKOFF_MS_MIN << (times < 12 ? times : 12);
    return wait < most ? wait : most;
}

static enum mr_status handle_failed(struct pipe_lane *lane, struct pipe_batch *batch, int64_t from,
                                    int64_t now_ms)
{
    const struct pipe_config *config = &lane->pipe->config;
    atomic_fetch_add(&lane->pipe->records, batch->succeeded);
    const bool halve = config->bisect && batch->blamed == batch->count && batch->count > 1 &&
                       batch->succeeded == 0;
    if (!halve && config->retries >= 0 && lane->attempts >= config->retries)
        return give_up(lane, batch);
    if (config->retries >= 0)
        pipe_note(lane, "Shard %s: attempt %lld of %lld failed: %s", lane->shard.id,
                  (long long)lane->attempts + 1, (long long)config->retries + 1, batch->problem);
    else if (config->record_age_s >= 0)
        pipe_note(lane,
                  "Shard %s is blocked: %s. It is tried again until the records are %lld s old.",
                  lane->shard.id, batch->problem, (long long)config->record_age_s);
    else
        pipe_note(
            lane,
            "Shard %s is blocked: %s. It is tried again until the records expire; mend the "
            "cause, or set MaximumRetryAttempts or MaximumRecordAgeInSeconds to give them up.",
            lane->shard.id, batch->problem);
    lane->limit = batch->count + batch->finished; /* the same records again */
    /* AWS: halving a batch is no attempt. */
    if (halve)
        lane->limit /= 2;
    lane->blocked_until_ms = now_ms + backoff(halve ? 0 : lane->attempts++, BACKOFF_MS_MAX);
    atomic_store(&lane->waiting_ms, batch->events[0].time_ms);
    return rewind_reader(lane, from);
}

static enum mr_status handle_refused(struct pipe_lane *lane, const struct pipe_batch *batch,
                                     int64_t from, int64_t now_ms)
{
    pipe_note(lane, "%s", batch->problem);
    lane->blocked_until_ms = now_ms + backoff(lane->refusals++, REFUSED_MS_MAX);
    atomic_store(&lane->waiting_ms, batch->events[0].time_ms);
    return rewind_reader(lane, from);
}

/* No record for the target: what was passed over is behind us. */
static enum mr_status handle_empty(struct pipe_lane *lane, const struct pipe_batch *batch)
{
    const struct journal *journal = store_journal(lane->pipe->pipes->options.store);
    const int64_t idle_bytes = (int64_t)journal_segment_bytes(journal) / IDLE_COMMITS_A_SEGMENT;
    enum mr_status status = MR_OK;
    if (batch->end == MR_END) {
        count_passed(lane, batch);
        return finish_shard(lane);
    }
    if (batch->filtered > 0 || batch->aged > 0 || batch->position - lane->committed > idle_bytes)
        status = pipe_lane_commit(lane, batch->position);
    if (status != MR_OK)
        return status;
    count_passed(lane, batch);
    if (lane->limit != 0 || lane->refusals > 0)
        forget_failure(lane);
    lane->limit = 0;
    atomic_store(&lane->waiting_ms, 0);
    return batch->end == MR_OK ? MR_OK : MR_AGAIN;
}

/* ---- the pump ---- */

static enum mr_status hold(struct pipe_lane *lane, const struct pipe_batch *batch, int64_t from,
                           int64_t now_ms)
{
    const int64_t due = lane->window_since_ms + lane->pipe->config.window_ms;
    const int64_t look = now_ms + HOLD_LOOK_MS;
    lane->blocked_until_ms = look < due ? look : due;
    atomic_store(&lane->waiting_ms, batch->events[0].time_ms);
    return rewind_reader(lane, from);
}

/* One batch. MR_OK: something was done; MR_AGAIN: nothing to do before a wake or the block ends;
 * MR_END: the shard is done. */
static enum mr_status carry_batch(struct pipe_lane *lane, int64_t now_ms)
{
    const int64_t from = pipe_reader_position(&lane->reader);
    const bool flushed = lane->window_since_ms != 0 && from < atomic_load(&lane->pipe->flush);
    if ((lane->blocked_until_ms > now_ms && !flushed) || atomic_load(&lane->pipe->halting))
        return MR_AGAIN;
    struct pipe_batch batch = {0};
    enum mr_status status = read_batch(lane, &batch, now_ms);
    if (status != MR_OK)
        return status;
    if (batch.count == 0)
        return handle_empty(lane, &batch);
    if (hold_for_window(lane, &batch, now_ms)) {
        status = hold(lane, &batch, from, now_ms);
        return status == MR_OK ? MR_AGAIN : status;
    }
    lane->window_since_ms = 0;
    switch (pipe_carry(lane, &batch, now_ms)) {
    case PIPE_CARRIED:
        return note_carried(lane, &batch, store_now(lane->pipe->pipes->options.store));
    case PIPE_FAILED: return handle_failed(lane, &batch, from, now_ms);
    case PIPE_REFUSED: return handle_refused(lane, &batch, from, now_ms);
    case PIPE_ENDING:
        status = rewind_reader(lane, from);
        return status == MR_OK ? MR_AGAIN : status;
    default: return MR_FAIL;
    }
}

enum runtime_pump_next pipe_lane_step(void *ctx, int64_t *ret_wake_ms)
{
    struct pipe_lane *lane = ctx;
    pthread_mutex_lock(&lane->pipe->lock); /* until the pipe's pump has stored ours */
    pthread_mutex_unlock(&lane->pipe->lock);
    int64_t now_ms = store_now(lane->pipe->pipes->options.store);
    enum mr_status status = MR_OK;
    for (int i = 0; i < BATCHES_PER_STEP && status == MR_OK; i++) {
        status = carry_batch(lane, now_ms);
        mr_arena_reset(&lane->arena);
        if (status >= MR_OK && status != MR_END)
            atomic_store(&lane->passed, pipe_reader_position(&lane->reader));
        now_ms = store_now(lane->pipe->pipes->options.store);
    }
    if (status == MR_OK)
        return RUNTIME_PUMP_AGAIN;
    if (status == MR_END)
        return RUNTIME_PUMP_DONE;
    if (status != MR_AGAIN) {
        atomic_store(&lane->failed, true);
        pipe_pump_wake(lane->pipe);
        return RUNTIME_PUMP_DONE;
    }
    *ret_wake_ms =
        lane->blocked_until_ms > now_ms ? lane->blocked_until_ms : now_ms + LOOK_AROUND_MS;
    return RUNTIME_PUMP_WAIT;
}

void pipe_lane_free(struct pipe_lane *lane)
{
    pipe_reader_close(&lane->reader);
    mr_buf_fini(&lane->text);
    mr_buf_fini(&lane->given_up);
    mr_arena_fini(&lane->arena);
    free(lane->finished);
    free(lane);
}
