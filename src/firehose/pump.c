/* The pump of a delivery stream: records -> (function) -> buffer -> object.
 *
 *   1. take durable records from the sources' cursors into `raw`;
 *   2. when `raw` holds an invocation's worth, or the buffer is due, transform it into `good` and
 * `bad`;
 *   3. when the buffer is due by size or age: write and fsync the bodies (s3_stage), then commit
 * ONE entry with both objects and all cursors. Until that entry nothing is visible; after it
 * nothing is redone. A crash before 3 loses only memory: the cursors still stand in front of the
 * records, which are read again. What cannot move (no bucket, no function) keeps what it has and
 * tries again with back-off; meanwhile no source is read further, so memory is bounded by one
 * invocation and one buffer. */
#include "firehose/internal.h"
#include "base/codec.h"
#include <stdlib.h>

enum {
    ROUNDS_PER_STEP = 32,
    BACKOFF_MS_MIN = 100,
    BACKOFF_MS_MAX = 5000,
    LOOK_AROUND_MS = 1000,
    IDLE_COMMITS_A_SEGMENT = 4,
};

/* ---- transforming ---- */

static void clear_raw(struct delivery_pump *p)
{
    mr_arena_reset(&p->raw_arena);
    p->raw_count = 0;
    p->raw_bytes = 0;
    p->event_bytes = 0;
}

static enum mr_status transform(struct delivery *delivery, const struct delivery_config *config)
{
    struct delivery_pump *p = &delivery->p;
    if (p->raw_count == 0)
        return MR_OK;
    enum mr_status status = MR_OK;
    if (config->function.len == 0) {
        for (size_t i = 0; i < p->raw_count; i++) {
            mr_buf_append(&p->good, p->raw[i].data);
            mr_buf_append(&p->good, config->delimiter);
        }
        p->good_records += p->raw_count;
    } else {
        const struct transform_input input = {
            .delivery = delivery,
            .config = config,
            .stream = p->stream,
            .records = p->raw,
            .count = p->raw_count,
        };
        struct transform_output output = {.good = &p->good, .bad = &p->bad};
        char message[512] = "";
        struct mr_arena arena;
        mr_arena_init(&arena);
        status = transform_run(&arena, &input, &output, message);
        mr_arena_fini(&arena);
        if (message[0] != '\0')
            delivery_note(delivery, "%s", message);
        p->good_records += output.good_records;
        p->bad_records += output.bad_records;
        p->dropped += output.dropped;
    }
    if (status == MR_OK)
        clear_raw(p);
    return status;
}

/* ---- delivering ---- */

/* "<prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid>[ext]" */
static struct mr_slice object_key(struct mr_arena *arena, struct delivery *delivery,
                                  const struct delivery_config *config, int64_t version, bool error)
{
    struct firehose *firehose = delivery->firehose;
    const struct prefix_values values = {
        .time_ms = delivery->p.oldest_ms,
        .error_type = error ? MR_S("processing-failed") : MR_S(""),
        .rng = firehose->options.rng,
    };
    struct mr_buf buf = {0};
    if (error)
        prefix_write_error(&buf, config, &values);
    else
        prefix_write(&buf, config->prefix, &values);
    const struct mr_date date = mr_date_from_ms(delivery->p.oldest_ms);
    char uuid[37];
    mr_rng_uuid(firehose->options.rng, uuid);
    mr_buf_printf(&buf, "%s-%lld-%04d-%02d-%02d-%02d-%02d-%02d-%s", delivery->name,
                  (long long)version, date.year, date.month, date.day, date.hour, date.minute,
                  date.second, uuid);
    if (!error && config->extension.len > 0)
        mr_buf_append(&buf, config->extension);
    else if (config->gzip)
        mr_buf_append(&buf, MR_S(".gz"));
    const struct mr_slice key = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return key;
}

static enum mr_status stage(struct mr_arena *arena, struct delivery *delivery,
                            const struct delivery_config *config, int64_t version, bool error,
                            struct s3_staged **ret_staged)
{
    const struct mr_slice plain = mr_buf_slice(error ? &delivery->p.bad : &delivery->p.good);
    struct mr_buf packed = {0};
    if (config->gzip)
        mr_gzip(&packed, plain);
    const struct s3_put_options options = {
        .bucket = config->bucket,
        .key = object_key(arena, delivery, config, version, error),
        .content_type = MR_S_INIT("application/octet-stream"),
        .content_encoding = config->gzip ? MR_S("gzip") : MR_S(""),
    };
    const enum mr_status status =
        s3_stage(delivery->firehose->options.s3, &options,
                 config->gzip ? mr_buf_slice(&packed) : plain, ret_staged);
    mr_buf_fini(&packed);
    return status;
}

static void note_delivered(struct delivery *delivery, size_t objects)
{
    struct delivery_pump *p = &delivery->p;
    delivery_sources_committed(delivery);
    atomic_fetch_add(&delivery->records_out, p->good_records);
    atomic_fetch_add(&delivery->failed, p->bad_records);
    atomic_fetch_add(&delivery->dropped, p->dropped);
    atomic_fetch_add(&delivery->objects, objects);
    atomic_fetch_add(&delivery->bytes_out, p->good.len);
    atomic_store(&delivery->landed_ms, p->oldest_ms);
    if (p->bad_records == 0) /* what failed stays told until something lands without */
        delivery_note(delivery, "%s", "");
    mr_buf_reset(&p->good);
    mr_buf_reset(&p->bad);
    p->good_records = p->bad_records = p->dropped = 0;
    p->opened_ms = 0;
}

/* Lands what the buffer holds, with the cursors, in one entry. MR_NOT_FOUND: no such bucket. */
static enum mr_status deliver(struct delivery *delivery, const struct delivery_config *config,
                              int64_t version)
{
    struct delivery_pump *p = &delivery->p;
    struct s3 *s3 = delivery->firehose->options.s3;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct s3_staged *staged[2] = {NULL, NULL};
    size_t count = 0;
    enum mr_status status = MR_OK;
    if (p->good.len > 0)
        status = stage(&arena, delivery, config, version, false, &staged[count]);
    count += staged[0] != NULL;
    if (status == MR_OK && p->bad.len > 0) {
        status = stage(&arena, delivery, config, version, true, &staged[count]);
        count += staged[count] != NULL;
    }
    size_t committed = 0;
    for (; status == MR_OK && committed < count; committed++)
        status = s3_commit_staged(s3, staged[committed], &entry);
    if (status == MR_OK) {
        delivery_sources_put(delivery, &entry);
        int64_t ticket;
        status = store_commit(delivery->firehose->options.store, &entry, &ticket);
    }
    for (size_t i = 0; i < count; i++)
        s3_staged_done(s3, staged[i], status == MR_OK);
    mr_arena_fini(&arena);
    p->stuck = status != MR_OK;
    if (status == MR_OK)
        note_delivered(delivery, count);
    else if (status == MR_NOT_FOUND)
        delivery_note(delivery, "bucket %.*s does not exist", MR_ARG(config->bucket));
    return status;
}

/* ---- the pump ---- */

static bool is_due(const struct delivery_pump *p, const struct delivery_config *config,
                   int64_t now_ms)
{
    if (p->opened_ms == 0)
        return false;
    return p->stuck || p->good.len + p->bad.len >= config->size_bytes ||
           now_ms - p->opened_ms >= config->interval_ms;
}

/* Bytes to hold in `raw`: an invocation's worth; without a function what the object still takes. */
static uint64_t raw_limit(const struct delivery_pump *p, const struct delivery_config *config)
{
    if (config->function.len > 0)
        return config->function_bytes;
    const uint64_t held = p->good.len + p->bad.len;
    const uint64_t room = config->size_bytes > held ? config->size_bytes - held : 1;
    return room < FIREHOSE_BATCH_BYTES_MAX ? room : FIREHOSE_BATCH_BYTES_MAX;
}

/* Nothing of ours in a long stretch of journal, a quarter of a segment: the cursors are stored all
 * the same, so that a restart need not search it again and the journal is not held for nothing. */
static enum mr_status commit_idle(struct delivery *delivery)
{
    const struct journal *journal = store_journal(delivery->firehose->options.store);
    const int64_t idle_bytes = (int64_t)journal_segment_bytes(journal) / IDLE_COMMITS_A_SEGMENT;
    if (delivery->p.opened_ms != 0 || delivery_sources_passed(delivery) <= idle_bytes)
        return MR_OK;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    delivery_sources_put(delivery, &entry);
    int64_t ticket;
    const enum mr_status status = store_commit(delivery->firehose->options.store, &entry, &ticket);
    mr_arena_fini(&arena);
    if (status == MR_OK)
        delivery_sources_committed(delivery);
    return status;
}

/* One round: read, transform, deliver. MR_OK: something moved; MR_END: nothing to do before
 * *ret_wake_ms. */
static enum mr_status pump_round(struct delivery *delivery, const struct delivery_config *config,
                                 int64_t version, int64_t *ret_wake_ms)
{
    struct delivery_pump *p = &delivery->p;
    bool more = false;
    enum mr_status status = MR_OK;
    if (!p->stuck) {
        status = delivery_sources_find(delivery);
        if (status == MR_OK)
            status = delivery_sources_read(delivery, raw_limit(p, config), &more);
    }
    if (status != MR_OK)
        return status;
    const int64_t now_ms = store_now(delivery->firehose->options.store);
    const bool due = is_due(p, config, now_ms);
    if (more || due || config->function.len == 0)
        status = transform(delivery, config);
    if (status == MR_OK && is_due(p, config, now_ms))
        status = deliver(delivery, config, version);
    if (status == MR_OK)
        status = commit_idle(delivery);
    if (status != MR_OK)
        return status;
    if (more || due)
        return MR_OK;
    if (p->opened_ms != 0 && p->opened_ms + config->interval_ms < *ret_wake_ms)
        *ret_wake_ms = p->opened_ms + config->interval_ms;
    return MR_END;
}

static enum runtime_pump_next back_off(struct delivery_pump *p, int64_t now_ms,
                                       int64_t *ret_wake_ms)
{
    int64_t wait_ms = BACKOFF_MS_MIN << (p->attempts < 6 ? p->attempts : 6);
    wait_ms = wait_ms < BACKOFF_MS_MAX ? wait_ms : BACKOFF_MS_MAX;
    p->attempts++;
    p->blocked_until_ms = now_ms + wait_ms;
    *ret_wake_ms = p->blocked_until_ms;
    return RUNTIME_PUMP_WAIT;
}

enum runtime_pump_next delivery_pump_step(void *ctx, int64_t *ret_wake_ms)
{
    struct delivery *delivery = ctx;
    struct delivery_pump *p = &delivery->p;
    const int64_t now_ms = store_now(delivery->firehose->options.store);
    struct mr_arena arena;
    struct delivery_config config = {0};
    *ret_wake_ms = now_ms + LOOK_AROUND_MS;
    if (delivery_is_ending(delivery))
        return RUNTIME_PUMP_WAIT;
    if (now_ms < p->blocked_until_ms) {
        *ret_wake_ms = p->blocked_until_ms;
        return RUNTIME_PUMP_WAIT;
    }
    mr_arena_init(&arena);
    pthread_mutex_lock(&delivery->lock); /* also until delivery_start has stored the pump */
    const int64_t version = delivery->locked.version;
    const struct mr_slice text = mr_arena_copy(&arena, mr_slice_cstr(delivery->locked.destination));
    pthread_mutex_unlock(&delivery->lock);
    enum mr_status status = delivery_config_read(&arena, text, &config);
    for (int i = 0; i < ROUNDS_PER_STEP && status == MR_OK; i++)
        status = pump_round(delivery, &config, version, ret_wake_ms);
    mr_arena_fini(&arena);
    atomic_store(&delivery->waiting, (long long)(p->raw_count + p->good_records + p->bad_records));
    atomic_store(&delivery->waiting_ms, p->opened_ms == 0 ? 0 : p->oldest_ms);
    if (status == MR_OK || status == MR_END) {
        p->attempts = 0;
        p->blocked_until_ms = 0;
        return status == MR_OK ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
    }
    if (status < 0)
        delivery_note(delivery, "an internal failure holds the delivery up; the log says which");
    return back_off(p, now_ms, ret_wake_ms);
}

void delivery_pump_fini(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    delivery_sources_fini(delivery);
    free(p->raw);
    mr_arena_fini(&p->raw_arena);
    mr_buf_fini(&p->good);
    mr_buf_fini(&p->bad);
    *p = (struct delivery_pump){0};
}
