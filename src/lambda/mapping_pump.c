/* The pump of a mapping: collects rounds of records, hands lanes to workers, moves the cursors. */
#include "lambda/mapping.h"
#include "base/point.h"
#include "base/log.h"
#include <stdlib.h>

enum {
    LOOK_AROUND_MS = 1000, /* an end may have gone or a shard may have come */
    BUSY_MS = 20,          /* until a worker may be free again */
    ROUNDS_PER_STEP = 8,
    PASSED_OVER_MAX = 2000,      /* records a step and shard that the filter does not want */
    IDLE_COMMIT_BYTES = 1 << 20, /* journal passed without a record of ours */
};

static struct store *store_of(const struct mapping *mapping)
{
    return mapping->owner->lambda->options.store;
}

static void wake_by(int64_t *ret_wake_ms, int64_t when_ms)
{
    if (when_ms < *ret_wake_ms)
        *ret_wake_ms = when_ms;
}

/* ---- cursors ---- */

static enum mr_status commit_cursor(struct mapping *mapping, struct mapping_shard *shard,
                                    int64_t position)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    store_cursor_put(&entry, mapping_cursor_name(&arena, mapping, mr_slice_cstr(shard->id)),
                     position);
    if (shard->tumbling.dirty)
        mapping_window_store(mapping, shard, &entry);
    int64_t ticket;
    mr_point(MR_POINT_LAMBDA_MAPPING_CURSOR);
    const enum mr_status status = store_commit(store_of(mapping), &entry, &ticket);
    mr_point(MR_POINT_LAMBDA_MAPPING_CURSOR_DONE);
    mr_arena_fini(&arena);
    if (status == MR_OK) {
        shard->committed = position;
        shard->tumbling.dirty = false;
    }
    return status;
}

/* The oldest record that is not done, or where the reader stands. Call when no lane runs, or under
 * the mapping's lock. */
static int64_t undone_position(const struct mapping *mapping, const struct mapping_shard *shard)
{
    int64_t position = shard->held.json.ptr != NULL ? shard->held.position
                                                    : mapping_source_position(mapping, shard);
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++) {
        const struct mapping_lane *lane = &shard->lanes[i];
        if (lane->done < lane->count && lane->records[lane->done].position < position)
            position = lane->records[lane->done].position;
    }
    return position;
}

static bool any_running(struct mapping *mapping, const struct mapping_shard *shard)
{
    bool running = false;
    pthread_mutex_lock(&mapping->lock);
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++)
        running = running || shard->lanes[i].running;
    pthread_mutex_unlock(&mapping->lock);
    return running;
}

static bool all_done(const struct mapping_shard *shard)
{
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++)
        if (shard->lanes[i].done < shard->lanes[i].count)
            return false;
    return true;
}

/* ---- a round ---- */

static void add_record(struct mapping_shard *shard, const struct mapping_record *record)
{
    struct mapping_lane *lane = &shard->lanes[record->lane];
    if (lane->count == lane->capacity) {
        lane->capacity = lane->capacity == 0 ? 64 : lane->capacity * 2;
        lane->records = mr_realloc(lane->records, lane->capacity * sizeof(*lane->records));
    }
    lane->records[lane->count++] = *record;
    shard->count++;
    shard->bytes += record->json.len + 1;
}

static void begin_round(struct mapping_shard *shard)
{
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++) {
        struct mapping_lane *lane = &shard->lanes[i];
        lane->count = lane->done = lane->size = lane->end = 0;
        lane->attempts = lane->next_ms = 0;
    }
    struct mapping_record held = shard->held;
    struct mr_buf kept = {0};
    mr_buf_append(&kept, held.json);
    mr_buf_append(&kept, held.sequence);
    mr_arena_reset(&shard->arena);
    shard->count = shard->bytes = 0;
    shard->window_since_ms = 0;
    shard->begun = false;
    if (held.json.ptr != NULL) {
        const struct mr_slice copy = mr_arena_copy(&shard->arena, mr_buf_slice(&kept));
        held.sequence = mr_slice_sub(copy, held.json.len, held.sequence.len);
        held.json = mr_slice_sub(copy, 0, held.json.len);
        shard->held = (struct mapping_record){0};
        add_record(shard, &held);
    }
    mr_buf_fini(&kept);
}

static bool is_full(const struct mapping *mapping, const struct mapping_shard *shard)
{
    return shard->count >= (size_t)(mapping->config.batch * mapping->config.lanes) ||
           shard->held.json.ptr != NULL;
}

/* Reads until the round is full or nothing more is there. MR_FULL: there may be more. */
static enum mr_status collect(struct mapping *mapping, struct mapping_shard *shard)
{
    const size_t bytes_max = (size_t)MAPPING_BYTES_MAX * (size_t)mapping->config.lanes;
    int passed_over = 0;
    while (!is_full(mapping, shard)) {
        struct mapping_record record;
        const enum mr_status status = mapping_source_next(mapping, shard, &record);
        if (status == MR_FULL) {
            if (++passed_over >= PASSED_OVER_MAX)
                return MR_FULL;
            continue;
        }
        shard->at_end = status == MR_END;
        if (status != MR_OK)
            return status == MR_END ? MR_AGAIN : status;
        if (shard->count > 0 && shard->bytes + record.json.len > bytes_max)
            shard->held = record;
        else
            add_record(shard, &record);
    }
    return MR_OK;
}

/* Does the round still wait to be filled? */
static bool holds(struct mapping *mapping, struct mapping_shard *shard, int64_t now_ms,
                  int64_t *ret_wake_ms)
{
    if (is_full(mapping, shard) || shard->at_end || mapping->config.window_ms <= 0)
        return false;
    if (shard->window_since_ms == 0)
        shard->window_since_ms = now_ms;
    const int64_t due_ms = shard->window_since_ms + mapping->config.window_ms;
    wake_by(ret_wake_ms, due_ms);
    return now_ms < due_ms;
}

/* ---- lanes ---- */

static bool take_slot(struct mappings *mappings)
{
    pthread_mutex_lock(&mappings->lock);
    const bool room = mappings->running < MAPPING_RUNNING_MAX && !mappings->closing;
    mappings->running += room;
    pthread_mutex_unlock(&mappings->lock);
    return room;
}

static void start_lane(struct mapping *mapping, struct mapping_lane *lane, int64_t now_ms,
                       int64_t *ret_wake_ms)
{
    if (!take_slot(mapping->owner)) {
        wake_by(ret_wake_ms, now_ms + BUSY_MS);
        return;
    }
    pthread_mutex_lock(&mapping->lock);
    lane->running = true;
    mapping->locked.running++;
    pthread_mutex_unlock(&mapping->lock);
    (void)mapping_ref(mapping);
    if (runtime_submit(mapping->owner->lambda->options.runtime, mapping_batch_run, lane) == MR_OK)
        return;
    mapping_release_lane(lane);
    wake_by(ret_wake_ms, now_ms + LOOK_AROUND_MS);
}

static void start_if_due(struct mapping *mapping, struct mapping_lane *lane, int64_t now_ms,
                         int64_t *ret_wake_ms)
{
    if (lane->next_ms > now_ms)
        wake_by(ret_wake_ms, lane->next_ms);
    else
        start_lane(mapping, lane, now_ms, ret_wake_ms);
}

static void start_lanes(struct mapping *mapping, struct mapping_shard *shard, int64_t now_ms,
                        int64_t *ret_wake_ms)
{
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++) {
        struct mapping_lane *lane = &shard->lanes[i];
        pthread_mutex_lock(&mapping->lock);
        const bool waits = !lane->running && lane->done < lane->count;
        pthread_mutex_unlock(&mapping->lock);
        if (waits)
            start_if_due(mapping, lane, now_ms, ret_wake_ms);
    }
}

/* ---- a shard ---- */

/* Moves the cursor to where the lanes are. */
static enum mr_status move_cursor(struct mapping *mapping, struct mapping_shard *shard)
{
    pthread_mutex_lock(&mapping->lock);
    bool running = false;
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++)
        running = running || shard->lanes[i].running;
    const int64_t position = running ? shard->committed : undone_position(mapping, shard);
    pthread_mutex_unlock(&mapping->lock);
    const int64_t step = shard->count > 0 ? 1 : IDLE_COMMIT_BYTES;
    const bool moved = !running && (shard->tumbling.dirty || position - shard->committed >= step);
    return moved ? commit_cursor(mapping, shard, position) : MR_OK;
}

static enum mr_status finish_shard(struct mapping *mapping, struct mapping_shard *shard)
{
    const enum mr_status status = commit_cursor(mapping, shard, INT64_MAX);
    if (status != MR_OK)
        return status;
    runtime_pump_unwatch(mapping->own, shard->window);
    shard->done = true;
    mr_log(MR_LOG_INFO, "lambda", "mapping %s: shard %s is read to its end", mapping->uuid,
           shard->id);
    return MR_OK;
}

/* MR_OK: something moved; MR_AGAIN: nothing before a wake. */
static enum mr_status pump_shard(struct mapping *mapping, struct mapping_shard *shard,
                                 int64_t now_ms, int64_t *ret_wake_ms)
{
    enum mr_status status = move_cursor(mapping, shard);
    if (status != MR_OK)
        return status;
    if (any_running(mapping, shard) || (shard->begun && !all_done(shard))) {
        start_lanes(mapping, shard, now_ms, ret_wake_ms);
        return MR_AGAIN;
    }
    if (shard->begun)
        begin_round(shard);
    const enum mr_status read = collect(mapping, shard);
    if (read < 0)
        return read;
    if (shard->count > 0 && !holds(mapping, shard, now_ms, ret_wake_ms)) {
        shard->begun = true;
        start_lanes(mapping, shard, now_ms, ret_wake_ms);
        return MR_AGAIN;
    }
    if (shard->count == 0 && mapping_window_is_over(mapping, shard, now_ms, ret_wake_ms)) {
        start_if_due(mapping, &shard->lanes[0], now_ms, ret_wake_ms);
        return MR_AGAIN;
    }
    if (shard->count == 0 && shard->at_end) {
        status = finish_shard(mapping, shard);
        return status;
    }
    if (shard->count == 0 && read == MR_FULL)
        return MR_OK;
    return MR_AGAIN;
}

/* ---- the whole ---- */

/* Takes over what operations changed. False: not yet, lanes are in work. */
static bool take_changes(struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->lock);
    const bool changed = mapping->locked.changed;
    const bool busy = mapping->locked.running > 0;
    struct mr_buf shown = {0};
    const bool enabled = mapping->locked.enabled;
    if (changed && !busy) {
        mr_buf_append(&shown, mr_slice_cstr(mapping->locked.shown));
        mapping->locked.changed = false;
        if (mapping->locked.state != MAPPING_DELETING && !enabled)
            mapping_set_state_locked(mapping, MAPPING_DISABLED);
    }
    pthread_mutex_unlock(&mapping->lock);
    if (changed && busy)
        return false;
    if (changed) {
        mapping_source_close(mapping);
        mapping_config_fini(&mapping->config);
        mapping->configured = mapping_config_read(&mapping->config, mr_buf_slice(&shown)) == MR_OK;
        mapping->config.enabled = enabled;
        mr_buf_fini(&shown);
    }
    return true;
}

/* The cursors of the shards that exist when it first runs. */
static enum mr_status begin(struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->lock);
    const bool begun = mapping->locked.begun;
    pthread_mutex_unlock(&mapping->lock);
    if (begun)
        return MR_OK;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    mapping_source_begin(mapping, &entry);
    const enum mr_status status = mapping_begin(mapping, &entry);
    mr_arena_fini(&arena);
    return status;
}

/* Where reading starts is stored now, so what is put after somebody saw this will be read. */
static void show_enabled(struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->lock);
    if (!mapping->locked.changed && mapping->locked.state != MAPPING_DELETING)
        mapping_set_state_locked(mapping, MAPPING_ENABLED);
    pthread_mutex_unlock(&mapping->lock);
}

static enum mr_status pump_round(struct mapping *mapping, int64_t now_ms, int64_t *ret_wake_ms,
                                 bool *ret_moved)
{
    *ret_moved = false;
    enum mr_status status = mapping_source_shards(mapping);
    for (size_t i = 0; i < mapping->shard_count && status == MR_OK; i++) {
        struct mapping_shard *shard = mapping->shards[i];
        if (shard->done)
            continue;
        const enum mr_status pumped = pump_shard(mapping, shard, now_ms, ret_wake_ms);
        *ret_moved = *ret_moved || pumped == MR_OK;
        if (pumped != MR_OK && pumped != MR_AGAIN)
            status = pumped;
    }
    return status;
}

enum runtime_pump_next mapping_pump_step(void *ctx, int64_t *ret_wake_ms)
{
    struct mapping *mapping = ctx;
    const int64_t now_ms = store_now(store_of(mapping));
    if (!take_changes(mapping))
        return RUNTIME_PUMP_WAIT;
    if (!mapping->config.enabled || !mapping->configured)
        return RUNTIME_PUMP_WAIT;
    *ret_wake_ms = now_ms + LOOK_AROUND_MS;
    bool moved = true;
    enum mr_status status = mapping_source_find(mapping) ? begin(mapping) : MR_NOT_FOUND;
    show_enabled(mapping);
    for (int i = 0; i < ROUNDS_PER_STEP && moved && status == MR_OK; i++)
        status = pump_round(mapping, now_ms, ret_wake_ms, &moved);
    if (status != MR_OK) { /* the source or a shard is gone, or a failure that was logged */
        *ret_wake_ms = now_ms + LOOK_AROUND_MS;
        return RUNTIME_PUMP_WAIT;
    }
    return moved ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
}
