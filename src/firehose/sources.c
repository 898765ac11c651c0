/* Where a delivery stream's records come from: the shards of a Kinesis stream, or the window of
 * PutRecord. Each source has a cursor; the pump stores it together with what it landed. */
#include "firehose/internal.h"
#include "base/log.h"
#include <stdlib.h>

/* A record costs this much of a function's event besides its data and key: ids, times, names. */
enum { EVENT_RECORD_BYTES = 380 };

/* A stored cursor, else `start`. */
static enum mr_status cursor_of(struct delivery *delivery, const char *id, int64_t start,
                                int64_t *ret_position)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    *ret_position = start;
    const enum mr_status status =
        store_cursor_get(delivery->firehose->options.store,
                         delivery_cursor_name(&arena, delivery, mr_slice_cstr(id)), ret_position);
    mr_arena_fini(&arena);
    return status < 0 ? status : MR_OK;
}

static void add_source(struct delivery *delivery, const char *id, uint32_t window, uint32_t shard,
                       int64_t position)
{
    struct delivery_pump *p = &delivery->p;
    struct delivery_source source = {.window = window, .shard = shard};
    memcpy(source.id, id, strnlen(id, sizeof source.id - 1));
    source.done = position == INT64_MAX;
    source.committed = source.cursor.position = position;
    p->sources = mr_realloc(p->sources, sizeof source * (p->source_count + 1));
    p->sources[p->source_count++] = source;
    if (!source.done)
        runtime_pump_watch(delivery->pump, window);
}

static enum mr_status add_direct(struct delivery *delivery)
{
    if (delivery->p.source_count > 0)
        return MR_OK;
    int64_t position;
    const enum mr_status status = cursor_of(delivery, FIREHOSE_DIRECT, 0, &position);
    if (status == MR_OK)
        add_source(delivery, FIREHOSE_DIRECT, delivery->window, 0, position);
    return status;
}

/* ---- Kinesis ---- */

static struct kinesis_stream *find_stream(struct delivery *delivery)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    pthread_mutex_lock(&delivery->lock);
    yyjson_val *source = mr_json_parse(&arena, mr_slice_cstr(delivery->locked.source), 8);
    pthread_mutex_unlock(&delivery->lock);
    struct kinesis_stream *stream = kinesis_find(delivery->firehose->options.kinesis,
                                                 mr_json_get_text(source, "KinesisStreamARN"));
    mr_arena_fini(&arena);
    return stream;
}

void delivery_sources_fini(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++)
        journal_cursor_fini(&p->sources[i].cursor);
    free(p->sources);
    p->sources = NULL;
    p->source_count = 0;
    kinesis_release(delivery->firehose->options.kinesis, p->stream);
    p->stream = NULL;
}

/* Holds the stream. One that was deleted is read to its end; then one that was made anew under the
 * same name takes its place. MR_NOT_FOUND: there is none. */
static enum mr_status hold_stream(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    if (p->stream != NULL && !kinesis_stream_deleted(p->stream))
        return MR_OK;
    struct kinesis_stream *stream = find_stream(delivery);
    if (p->stream != NULL && (stream == NULL || !p->drained || p->opened_ms != 0)) {
        kinesis_release(delivery->firehose->options.kinesis, stream);
        if (stream == NULL)
            delivery_note(delivery, "the source Kinesis stream was deleted");
        return MR_OK;
    }
    if (stream == NULL) {
        delivery_note(delivery, "the source Kinesis stream does not exist");
        return MR_NOT_FOUND;
    }
    for (size_t i = 0; i < p->source_count; i++)
        runtime_pump_unwatch(delivery->pump, p->sources[i].window);
    delivery_sources_fini(delivery);
    p->stream = stream;
    return MR_OK;
}

static bool is_done(const struct delivery_pump *p, int shard)
{
    for (size_t i = 0; i < p->source_count; i++)
        if ((int)p->sources[i].shard == shard)
            return p->sources[i].done;
    return true; /* AWS: a parent that is gone does not hold its children up */
}

/* A cursor from the beginning on: the journal is kept for it however long the delivery stands. */
static enum mr_status hold_from(struct delivery *delivery, const char *id, int64_t position)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    store_cursor_put(&entry, delivery_cursor_name(&arena, delivery, mr_slice_cstr(id)), position);
    int64_t ticket;
    const enum mr_status status = store_commit(delivery->firehose->options.store, &entry, &ticket);
    mr_arena_fini(&arena);
    return status;
}

static enum mr_status add_shard(struct delivery *delivery, uint32_t index,
                                const struct kinesis_shard_info *shard)
{
    int64_t position;
    const enum mr_status status = cursor_of(delivery, shard->id, shard->start, &position);
    if (status != MR_OK)
        return status;
    /* A cursor may be that of a stream which had the same name, and shards of the same ids. */
    if (position < shard->start || (position == INT64_MAX && shard->end == INT64_MAX))
        position = shard->start;
    if (position == shard->start && hold_from(delivery, shard->id, position) != MR_OK)
        return MR_FAIL_IO;
    add_source(delivery, shard->id, shard->window, index, position);
    return MR_OK;
}

enum mr_status delivery_sources_find(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    if (delivery->window != 0)
        return add_direct(delivery);
    enum mr_status status = hold_stream(delivery);
    const size_t count = status == MR_OK ? kinesis_shard_count(p->stream) : 0;
    for (size_t i = p->source_count; i < count && status == MR_OK; i++) {
        struct kinesis_shard_info shard;
        if (kinesis_shard_get(p->stream, i, &shard) != MR_OK)
            break;
        /* Children when their parents are read; shards are numbered in the order they are made. */
        if (!is_done(p, shard.parent) || !is_done(p, shard.adjacent))
            break;
        status = add_shard(delivery, (uint32_t)i, &shard);
    }
    return status;
}

/* ---- reading ---- */

static void keep_record(struct delivery *delivery, const struct delivery_source *source,
                        const struct journal_op *op)
{
    struct delivery_pump *p = &delivery->p;
    if (p->raw_count == p->raw_capacity) {
        p->raw_capacity = p->raw_capacity == 0 ? 256 : p->raw_capacity * 2;
        p->raw = mr_realloc(p->raw, sizeof *p->raw * p->raw_capacity);
    }
    p->raw[p->raw_count++] = (struct delivery_record){
        .data = mr_arena_copy(&p->raw_arena, op->value),
        .key = mr_arena_copy(&p->raw_arena, op->key),
        .position = op->position,
        .arrival_ms = op->time_ms,
        .shard = source->shard,
    };
    p->raw_bytes += op->value.len;
    p->event_bytes += (op->value.len + 2) / 3 * 4 + op->key.len * 2 + EVENT_RECORD_BYTES;
    if (p->opened_ms == 0) {
        p->opened_ms = store_now(delivery->firehose->options.store);
        p->oldest_ms = op->time_ms;
    } else if (op->time_ms < p->oldest_ms) {
        p->oldest_ms = op->time_ms;
    }
    atomic_fetch_add(&delivery->records_in, 1);
}

/* A closed shard is done when everything below its end has been read. */
static void note_end(struct delivery *delivery, struct delivery_source *source)
{
    struct kinesis_shard_info shard;
    if (delivery->window != 0 ||
        kinesis_shard_get(delivery->p.stream, source->shard, &shard) != MR_OK ||
        shard.end == INT64_MAX || source->cursor.position < shard.end)
        return;
    source->done = true;
    runtime_pump_unwatch(delivery->pump, source->window);
    mr_log(MR_LOG_INFO, "firehose", "%s: shard %s is read to its end", delivery->name, source->id);
}

static bool is_full(const struct delivery_pump *p, uint64_t limit)
{
    return p->raw_bytes >= limit || p->raw_count >= FIREHOSE_BATCH_RECORDS_MAX ||
           p->event_bytes >= FIREHOSE_EVENT_BYTES_MAX;
}

/* Fills `raw` from one source. *ret_more: it has more to give. */
static enum mr_status read_source(struct delivery *delivery, struct delivery_source *source,
                                  uint64_t limit, bool *ret_more)
{
    struct journal *journal = store_journal(delivery->firehose->options.store);
    while (!is_full(&delivery->p, limit)) {
        struct journal_op op;
        const enum mr_status status = journal_next(journal, source->window, &source->cursor, &op);
        if (status == MR_END) {
            note_end(delivery, source);
            *ret_more = *ret_more || source->done; /* its children may have some */
            return MR_OK;
        }
        if (status == MR_NOT_FOUND) {
            delivery_note(delivery, "records of %s were trimmed before they could be delivered",
                          source->id);
            source->cursor.position = journal_first(journal);
            continue;
        }
        if (status != MR_OK)
            return status;
        keep_record(delivery, source, &op);
    }
    *ret_more = true;
    return MR_OK;
}

enum mr_status delivery_sources_read(struct delivery *delivery, uint64_t limit, bool *ret_more)
{
    struct delivery_pump *p = &delivery->p;
    *ret_more = false;
    for (size_t i = 0; i < p->source_count; i++) {
        if (p->sources[i].done)
            continue;
        const enum mr_status status = read_source(delivery, &p->sources[i], limit, ret_more);
        if (status != MR_OK)
            return status;
    }
    p->drained = !*ret_more;
    return MR_OK;
}

/* ---- cursors ---- */

static int64_t position_of(const struct delivery_source *source)
{
    return source->done ? INT64_MAX : source->cursor.position;
}

void delivery_sources_put(struct delivery *delivery, struct store_entry *entry)
{
    const struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++) {
        const struct delivery_source *source = &p->sources[i];
        if (position_of(source) == source->committed)
            continue;
        const struct mr_slice id = mr_slice_cstr(source->id);
        store_cursor_put(entry, delivery_cursor_name(entry->arena, delivery, id),
                         position_of(source));
    }
}

void delivery_sources_committed(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++)
        p->sources[i].committed = position_of(&p->sources[i]);
}

int64_t delivery_sources_passed(const struct delivery *delivery)
{
    int64_t most = 0;
    for (size_t i = 0; i < delivery->p.source_count; i++) {
        const struct delivery_source *source = &delivery->p.sources[i];
        const int64_t passed = source->done ? 0 : source->cursor.position - source->committed;
        most = passed > most ? passed : most;
    }
    return most;
}
