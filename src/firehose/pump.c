/* The pump of a delivery stream: records -> (function) -> buffers -> objects.
 *
 *   1. take durable records from the sources' cursors into `raw`, and into the backup's buffer;
 *   2. when `raw` holds an invocation's worth, or is due, take it through the function into the
 *      buffers (process.c);
 *   3. land what is due by size or age (land.c).
 *
 * Without partitions, data and failures land together, so that all read before has landed with
 * them. With partitions each buffer has its own size and age. A crash before 3 loses only memory:
 * the cursors still stand in front of the records, which are read again. What cannot move (no
 * bucket, no function) keeps what it has and tries again with back-off; meanwhile no source is read
 * further, so memory is bounded by one invocation and the buffers. */
#include "firehose/internal.h"
#include "base/point.h"
#include <stdlib.h>

enum {
    ROUNDS_PER_STEP = 32,
    BACKOFF_MS_MIN = 100,
    BACKOFF_MS_MAX = 5000,
    LOOK_AROUND_MS = 1000,
    IDLE_COMMITS_A_SEGMENT = 4,
};

/* ---- what is due ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Bytes to hold in `raw`: an invocation's worth; without a function what the object still takes. */
static uint64_t raw_limit(const struct delivery_pump *p)
{
    if (p->config.function.len > 0)
        return p->config.function_bytes;
    if (p->config.partitioned)
        return FIREHOSE_BATCH_BYTES_MAX;
    const uint64_t held = buffer_set_bytes(&p->buffers), size = p->config.data.size_bytes;
    const uint64_t room = size > held ? size - held : 1;
    return room < FIREHOSE_BATCH_BYTES_MAX ? room : FIREHOSE_BATCH_BYTES_MAX;
}

/* As many as are taken through the function at once. */
static size_t batches_to_hold(const struct delivery *delivery)
{
    const size_t calls = delivery->firehose->options.calls_max;
    return delivery->p.config.function.len == 0 || calls == 0 ? 1 : calls;
}

/* Time by which `raw` goes through the function; INT64_MAX: nothing is there. */
static int64_t raw_due_ms(const struct delivery_pump *p)
{
    if (p->raw_count == 0)
        return INT64_MAX;
    if (p->config.function.len == 0 || p->flushing)
        return 0;
    return p->raw_opened_ms + least(p->config.function_interval_ms, p->config.data.interval_ms);
}

/* The same of all that was read, when it lands together. */
static int64_t whole_due_ms(const struct delivery_pump *p)
{
    if (p->opened_ms == 0)
        return INT64_MAX;
    if (p->flushing)
        return 0;
    if (!p->config.partitioned &&
        (p->stuck || p->all_due || buffer_set_bytes(&p->buffers) >= p->config.data.size_bytes))
        return 0;
    return p->opened_ms + p->config.data.interval_ms;
}

static int64_t buffer_due_ms(const struct delivery_pump *p, const struct delivery_target *target,
                             const struct buffer *buffer)
{
    return p->flushing || buffer->bytes.len >= target->size_bytes
               ? 0
               : buffer->opened_ms + target->interval_ms;
}

static int64_t next_due_ms(const struct delivery_pump *p)
{
    int64_t due_ms = raw_due_ms(p);
    if (!p->config.partitioned || p->buffers.count == 0)
        due_ms = least(due_ms, whole_due_ms(p));
    for (size_t i = 0; i < p->buffers.count; i++) {
        const struct buffer *buffer = p->buffers.all[i];
        if (buffer->kind == BUFFER_BACKUP)
            due_ms = least(due_ms, buffer_due_ms(p, &p->config.backup, buffer));
        else if (p->config.partitioned)
            due_ms = least(due_ms, buffer_due_ms(p, &p->config.data, buffer));
    }
    return due_ms;
}

/* ---- landing ---- */

static void after_landing(struct delivery_pump *p)
{
    p->all_due = false;
    if (p->raw_count == 0 && buffer_set_bytes(&p->buffers) == 0)
        p->opened_ms = 0;
}

static enum mr_status land(struct delivery *delivery, struct buffer **chosen, size_t count,
                           int64_t version, bool *ret_landed)
{
    const enum mr_status status = delivery_land(delivery, chosen, count, version);
    if (status == MR_OK) {
        after_landing(&delivery->p);
        *ret_landed = true;
    }
    return status;
}

/* What failed lands with what came after it: were it read again, a function that now says otherwise
 * would land it behind its successors. */
static size_t join_failed(const struct buffer_set *set, struct buffer **chosen, size_t count)
{
    bool data = false;
    for (size_t i = 0; i < count; i++)
        data = data || chosen[i]->kind == BUFFER_DATA;
    for (size_t i = 0; i < set->count && data; i++) {
        bool fresh = set->all[i]->kind == BUFFER_FAILED;
        for (size_t j = 0; j < count && fresh; j++)
            fresh = chosen[j] != set->all[i];
        if (fresh)
            chosen[count++] = set->all[i];
    }
    return count;
}

/* Buffers of data and failures that are due; with partitions one by one. */
static size_t choose(struct delivery_pump *p, struct buffer **chosen, int64_t now_ms)
{
    const struct buffer_set *set = &p->buffers;
    const bool whole = !p->config.partitioned || p->all_due || p->landed_marks > BUFFER_LANDED_MAX;
    const bool crowded = p->config.partitioned && buffer_set_held(set) > BUFFER_BYTES_MAX;
    struct buffer *largest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct buffer *buffer = set->all[i];
        if (buffer->kind == BUFFER_BACKUP)
            continue;
        if (whole || buffer_due_ms(p, &p->config.data, buffer) <= now_ms)
            chosen[count++] = buffer;
        else if (largest == NULL || buffer->bytes.len > largest->bytes.len)
            largest = buffer;
    }
    if (crowded && count == 0)
        chosen[count++] = largest;
    return join_failed(set, chosen, count);
}

static enum mr_status land_due(struct delivery *delivery, int64_t version, int64_t now_ms,
                               bool *ret_landed)
{
    struct delivery_pump *p = &delivery->p;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct buffer **chosen = MR_NEW_ARRAY(&arena, struct buffer *, p->buffers.count + 1);
    const bool together = whole_due_ms(p) <= now_ms && p->raw_count == 0;
    p->landed_marks = delivery_sources_landed(delivery);
    size_t count = 0;
    if (p->config.partitioned || together)
        count = choose(p, chosen, now_ms);
    enum mr_status status = MR_OK;
    if (count > 0 || (together && buffer_set_bytes(&p->buffers) == 0))
        status = land(delivery, chosen, count, version, ret_landed);
    struct buffer *backup = buffer_set_find(&p->buffers, BUFFER_BACKUP, MR_S(""));
    if (status == MR_OK && backup != NULL && buffer_due_ms(p, &p->config.backup, backup) <= now_ms)
        status = land(delivery, &backup, 1, version, ret_landed);
    mr_arena_fini(&arena);
    return status;
}

/* Nothing of ours in a long stretch of journal, a quarter of a segment: the cursors are stored all
 * the same, so that a restart need not search it again and the journal is not held for nothing. */
static enum mr_status commit_idle(struct delivery *delivery)
{
    const struct delivery_pump *p = &delivery->p;
    const struct journal *journal = store_journal(delivery->firehose->options.store);
    const int64_t idle_bytes = (int64_t)journal_segment_bytes(journal) / IDLE_COMMITS_A_SEGMENT;
    if (p->raw_count + p->buffers.count != 0 || delivery_sources_passed(delivery) <= idle_bytes)
        return MR_OK;
    return delivery_land(delivery, NULL, 0, 0);
}

/* ---- the pump ---- */

static bool holds_nothing(const struct delivery_pump *p)
{
    return p->raw_count == 0 && p->buffers.count == 0;
}

/* Somebody wants what was written before now without waiting for the buffers. */
static void look_for_flush(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    const int64_t wish = atomic_load(&delivery->flush);
    if (holds_nothing(p) && delivery_sources_have_read(delivery, wish))
        p->flushed = wish;
    p->flushing = wish > p->flushed;
}

/* One round: read, process, land. MR_OK: something moved; MR_END: nothing to do before
 * *ret_wake_ms. */
static enum mr_status pump_round(struct delivery *delivery, int64_t version, int64_t *ret_wake_ms)
{
    struct delivery_pump *p = &delivery->p;
    bool more = false, landed = false;
    enum mr_status status = MR_OK;
    if (!p->stuck) {
        status = delivery_sources_find(delivery);
        if (status == MR_OK)
            status =
                delivery_sources_read(delivery, raw_limit(p), batches_to_hold(delivery), &more);
    }
    if (status != MR_OK)
        return status;
    look_for_flush(delivery);
    mr_point(MR_POINT_FIREHOSE_READ);
    const int64_t now_ms = store_now(delivery->firehose->options.store);
    const bool whole = !p->config.partitioned && whole_due_ms(p) <= now_ms;
    if (more || whole || raw_due_ms(p) <= now_ms)
        status = delivery_process(delivery);
    if (status == MR_OK)
        status = land_due(delivery, version, now_ms, &landed);
    if (status == MR_OK)
        status = commit_idle(delivery);
    if (status != MR_OK)
        return status;
    if (more || landed)
        return MR_OK;
    *ret_wake_ms = least(*ret_wake_ms, next_due_ms(p));
    return MR_END;
}

static enum runtime_pump_next back_off(struct delivery_pump *p, int64_t now_ms,
                                       int64_t *ret_wake_ms)
{
    int64_t wait_ms = BACKOFF_MS_MIN << (p->attempts < 6 ? p->attempts : 6);
    wait_ms = least(wait_ms, BACKOFF_MS_MAX);
    p->attempts++;
    p->blocked_until_ms = now_ms + wait_ms;
    *ret_wake_ms = p->blocked_until_ms;
    return RUNTIME_PUMP_WAIT;
}

/* Format conversion has been enabled, and what is held was not gathered for it: it lands first, as
 * the destination was. */
static bool needs_lists(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    if (p->config_version == 0 || p->config.conversion.enabled || p->config.partitioned ||
        buffer_set_bytes(&p->buffers) == 0)
        return false;
    struct mr_arena arena;
    struct conversion conversion;
    mr_arena_init(&arena);
    conversion_read(mr_json_parse(&arena, mr_slice_cstr(delivery->locked.destination), 32),
                    &conversion);
    mr_arena_fini(&arena);
    p->all_due = conversion.enabled;
    return conversion.enabled;
}

/* Takes up the destination as it is now. */
static enum mr_status refresh(struct delivery *delivery, int64_t *ret_version)
{
    struct delivery_pump *p = &delivery->p;
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&delivery->lock); /* also until the start has stored the pump */
    *ret_version = delivery->locked.version;
    if (p->config_version != *ret_version && !needs_lists(delivery)) {
        const bool had_backup = p->config_version == 0 || p->config.has_backup;
        mr_arena_reset(&p->config_arena);
        extractor_close(p->extractor); /* the query may be another */
        p->extractor = NULL;
        const struct mr_slice text =
            mr_arena_copy(&p->config_arena, mr_slice_cstr(delivery->locked.destination));
        status =
            delivery_config_read(&delivery->firehose->zones, &p->config_arena, text, &p->config);
        p->config.split.aggregated = delivery->window == 0;
        p->config_version = status == MR_OK ? *ret_version : 0;
        /* Marks are of records as they were split then: none may be read again otherwise. */
        p->all_due = p->config.partitioned && delivery_sources_landed(delivery) > 0;
        for (size_t i = 0; i < p->source_count && p->config.has_backup && !had_backup; i++)
            p->sources[i].backup_from =
                p->sources[i].done ? INT64_MAX : p->sources[i].cursor.position;
    }
    pthread_mutex_unlock(&delivery->lock);
    return status;
}

static void tell_waiting(struct delivery *delivery)
{
    const struct delivery_pump *p = &delivery->p;
    uint64_t records = p->raw_count - p->raw_done;
    int64_t oldest_ms = p->raw_count > p->raw_done ? p->raw[p->raw_done].arrival_ms : INT64_MAX;
    for (size_t i = 0; i < p->buffers.count; i++) {
        const struct buffer *buffer = p->buffers.all[i];
        if (buffer->kind == BUFFER_BACKUP)
            continue;
        records += buffer->records;
        oldest_ms = least(oldest_ms, buffer->oldest_ms);
    }
    atomic_store(&delivery->waiting, (long long)records);
    atomic_store(&delivery->waiting_ms, oldest_ms == INT64_MAX ? 0 : oldest_ms);
}

enum runtime_pump_next delivery_pump_step(void *ctx, int64_t *ret_wake_ms)
{
    struct delivery *delivery = ctx;
    struct delivery_pump *p = &delivery->p;
    const int64_t now_ms = store_now(delivery->firehose->options.store);
    *ret_wake_ms = now_ms + LOOK_AROUND_MS;
    if (delivery_is_ending(delivery))
        return RUNTIME_PUMP_WAIT;
    if (now_ms < p->blocked_until_ms) {
        *ret_wake_ms = p->blocked_until_ms;
        return RUNTIME_PUMP_WAIT;
    }
    int64_t version;
    enum mr_status status = refresh(delivery, &version);
    for (int i = 0; i < ROUNDS_PER_STEP && status == MR_OK; i++)
        status = pump_round(delivery, version, ret_wake_ms);
    tell_waiting(delivery);
    delivery_sources_tell(delivery);
    if (status == MR_OK || status == MR_END) {
        p->attempts = 0;
        p->blocked_until_ms = 0;
        return status == MR_OK ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
    }
    if (status < 0)
        delivery_note(delivery, NULL,
                      "an internal failure holds the delivery up, and it is tried again: the "
                      "server's log says which; see whether the disk is full or failing");
    return back_off(p, now_ms, ret_wake_ms);
}

void delivery_pump_fini(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    delivery_sources_fini(delivery);
    free(p->raw);
    mr_arena_fini(&p->raw_arena);
    mr_arena_fini(&p->config_arena);
    buffer_set_fini(&p->buffers);
    mark_set_fini(&p->dropped);
    extractor_close(p->extractor);
    *p = (struct delivery_pump){0};
}
