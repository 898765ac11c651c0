/* Where a delivery stream's records come from: the shards of a Kinesis stream, or the window of
 * PutRecord.
 *
 * Stored of each source, as cursors: "firehose/<id>/<source>", the position in front of which all
 * data is landed; "firehose/<id>/backup/<source>", the same of the source's backup; and in
 * VIEW_META, "firehose/landed/<id>/<source>", a mark_set of the records behind the first position
 * that have landed before their turn (partitions). INT64_MAX: a closed shard that is read to its
 * end. They join the entry that lands something, so whatever is read again after a crash is told
 * from what has landed by these three alone, and not by what a function or a query says of it the
 * second time. */
#include "firehose/internal.h"
#include "base/log.h"
#include <stdlib.h>

static struct mr_slice backup_name(struct mr_arena *arena, const char *id)
{
    return mr_arena_printf(arena, "backup/%s", id);
}

struct mr_slice delivery_landed_key(struct mr_arena *arena, const struct delivery *delivery,
                                    const char *source)
{
    return store_doc_key(arena, "firehose", "landed",
                         mr_arena_printf(arena, "%s/%s", delivery->id, source));
}

/* A stored cursor, else -1. */
static enum mr_status cursor_of(struct delivery *delivery, struct mr_arena *arena,
                                struct mr_slice name, int64_t *ret_position)
{
    *ret_position = -1;
    const enum mr_status status =
        store_cursor_get(delivery->firehose->options.store,
                         delivery_cursor_name(arena, delivery, name), ret_position);
    return status < 0 ? status : MR_OK;
}

static enum mr_status read_landed(struct delivery *delivery, struct mr_arena *arena,
                                  struct delivery_source *source)
{
    struct mr_buf bytes = {0};
    enum mr_status status = view_get(store_view(delivery->firehose->options.store), VIEW_META,
                                     delivery_landed_key(arena, delivery, source->id), &bytes);
    source->landed_stored = status == MR_OK;
    if (status == MR_OK && mark_set_read(&source->landed, mr_buf_slice(&bytes)) != MR_OK)
        status = MR_RAISE(MR_FAIL_DATA, "what %s has landed of %s is damaged", delivery->name,
                          source->id);
    mr_buf_fini(&bytes);
    return status < 0 ? status : MR_OK;
}

/* A cursor from the beginning on: the journal is kept for it however long the delivery stands. */
static enum mr_status hold_from(struct delivery *delivery, struct delivery_source *source)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    store_cursor_put(&entry, delivery_cursor_name(&arena, delivery, mr_slice_cstr(source->id)),
                     source->data_from);
    int64_t ticket;
    const enum mr_status status = store_commit(delivery->firehose->options.store, &entry, &ticket);
    mr_arena_fini(&arena);
    if (status == MR_OK)
        source->data_stored = source->data_from;
    return status;
}

/* `end`: where the source ends, INT64_MAX while it is open. */
static enum mr_status add_source(struct delivery *delivery, const char *id, uint32_t window,
                                 uint32_t shard, int64_t start, int64_t end)
{
    struct delivery_pump *p = &delivery->p;
    struct delivery_source source = {.window = window, .shard = shard};
    memcpy(source.id, id, strnlen(id, sizeof source.id - 1));
    struct mr_arena arena;
    mr_arena_init(&arena);
    enum mr_status status = cursor_of(delivery, &arena, mr_slice_cstr(id), &source.data_stored);
    if (status == MR_OK)
        status = cursor_of(delivery, &arena, backup_name(&arena, id), &source.backup_stored);
    /* A cursor may be that of a stream which had the same name, and shards of the same ids. */
    int64_t *const stored[] = {&source.data_stored, &source.backup_stored};
    for (size_t i = 0; i < MR_COUNT(stored); i++)
        if (*stored[i] < start || (*stored[i] == INT64_MAX && end == INT64_MAX))
            *stored[i] = -1;
    source.data_from = source.data_stored < 0 ? start : source.data_stored;
    source.backup_from = source.backup_stored < 0 ? source.data_from : source.backup_stored;
    if (status == MR_OK && source.data_stored >= 0)
        status = read_landed(delivery, &arena, &source);
    mr_arena_fini(&arena);
    if (status == MR_OK && source.data_stored < 0)
        status = hold_from(delivery, &source);
    if (status != MR_OK)
        return status;
    const int64_t first = p->config.has_backup && source.backup_from < source.data_from
                              ? source.backup_from
                              : source.data_from;
    source.done = first == INT64_MAX;
    source.cursor.position = first;
    p->sources = mr_realloc(p->sources, sizeof source * (p->source_count + 1));
    p->sources[p->source_count++] = source;
    if (!source.done)
        runtime_pump_watch(delivery->pump, window);
    return MR_OK;
}

static enum mr_status add_direct(struct delivery *delivery)
{
    if (delivery->p.source_count > 0)
        return MR_OK;
    return add_source(delivery, FIREHOSE_DIRECT, delivery->window, 0, 0, INT64_MAX);
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
    for (size_t i = 0; i < p->source_count; i++) {
        journal_cursor_fini(&p->sources[i].cursor);
        mark_set_fini(&p->sources[i].landed);
        mark_set_fini(&p->sources[i].next.landed);
    }
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
    if (p->stream != NULL &&
        (stream == NULL || !p->drained || p->raw_count + p->buffers.count > 0)) {
        kinesis_release(delivery->firehose->options.kinesis, stream);
        if (stream == NULL)
            delivery_note(delivery, NULL,
                          "the source Kinesis stream was deleted: make it again, or delete this "
                          "delivery stream");
        return MR_OK;
    }
    if (stream == NULL) {
        delivery_note(delivery, NULL,
                      "the source Kinesis stream does not exist: create it, or delete this "
                      "delivery stream");
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
        status = add_source(delivery, shard.id, shard.window, (uint32_t)i, shard.start, shard.end);
    }
    return status;
}

/* ---- reading ---- */

uint64_t delivery_event_bytes(const struct delivery_record *record)
{
    return (record->data.len + 2) / 3 * 4 + record->key.len * 2 + FIREHOSE_EVENT_RECORD_BYTES;
}

/* An op whose pieces go into `raw`. */
struct keeping {
    struct delivery *delivery;
    struct delivery_source *source;
    const struct journal_op *op;
    uint32_t sub;
};

static void keep_piece(void *ctx, const struct split_piece *piece)
{
    struct keeping *keeping = ctx;
    struct delivery_pump *p = &keeping->delivery->p;
    const struct mark mark = {keeping->op->position, keeping->sub++};
    if (mark_set_has(&keeping->source->landed, mark))
        return;
    if (p->raw_count == p->raw_capacity) {
        p->raw_capacity = p->raw_capacity == 0 ? 256 : p->raw_capacity * 2;
        p->raw = mr_realloc(p->raw, sizeof *p->raw * p->raw_capacity);
    }
    const int64_t now_ms = store_now(keeping->delivery->firehose->options.store);
    if (p->raw_count == 0)
        p->raw_opened_ms = now_ms;
    if (p->opened_ms == 0)
        p->opened_ms = now_ms;
    p->raw[p->raw_count++] = (struct delivery_record){
        .data = piece->data,
        .key = piece->key,
        .original = piece->original,
        .unreadable = piece->failed,
        .position = mark.position,
        .sub = mark.sub,
        .arrival_ms = keeping->op->time_ms,
        .shard = keeping->source->shard,
        .source = (uint32_t)(keeping->source - p->sources),
    };
    p->raw_bytes += piece->data.len;
    p->event_bytes += delivery_event_bytes(&p->raw[p->raw_count - 1]);
}

static void keep_backup(struct delivery *delivery, const struct journal_op *op)
{
    struct delivery_pump *p = &delivery->p;
    struct buffer *buffer = buffer_set_get(&p->buffers, BUFFER_BACKUP, MR_S(""),
                                           store_now(delivery->firehose->options.store));
    const struct buffer_record record = {.arrival_ms = op->time_ms};
    mr_buf_append(&buffer->bytes, op->value);
    buffer_note(buffer, &record, false);
}

static void keep_record(struct delivery *delivery, struct delivery_source *source,
                        const struct journal_op *op)
{
    struct delivery_pump *p = &delivery->p;
    if (p->config.has_backup && op->position >= source->backup_from)
        keep_backup(delivery, op);
    if (op->position < source->data_from)
        return;
    struct keeping keeping = {.delivery = delivery, .source = source, .op = op};
    split_record(&p->raw_arena, &p->config.split, mr_arena_copy(&p->raw_arena, op->value),
                 mr_arena_copy(&p->raw_arena, op->key), keep_piece, &keeping);
    atomic_fetch_add(&delivery->records_in, 1);
    if (delivery->window == 0) {
        delivery_meter(delivery, DELIVERY_READ_RECORDS, 1);
        delivery_meter(delivery, DELIVERY_READ_BYTES, op->value.len);
    }
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

/* How old what comes next is; nothing when all has been read. `last_ms`: 0 when nothing was. */
static void measure_behind(const struct delivery *delivery, int64_t last_ms, bool all)
{
    const int64_t age_ms = store_now(delivery->firehose->options.store) - last_ms;
    if (delivery->window == 0 && last_ms != 0)
        delivery_meter(delivery, DELIVERY_BEHIND, all || age_ms < 0 ? 0 : (uint64_t)age_ms);
}

/* `batches` full ones, each of `limit` bytes. */
static bool is_full(const struct delivery_pump *p, uint64_t limit, size_t batches)
{
    return p->raw_bytes >= limit * batches ||
           p->raw_count >= FIREHOSE_BATCH_RECORDS_MAX * batches ||
           p->event_bytes >= FIREHOSE_EVENT_BYTES_MAX * batches;
}

/* Fills `raw` from one source. *ret_more: it has more to give. */
static enum mr_status read_source(struct delivery *delivery, struct delivery_source *source,
                                  uint64_t limit, size_t batches, bool *ret_more)
{
    struct journal *journal = store_journal(delivery->firehose->options.store);
    int64_t last_ms = 0;
    while (!is_full(&delivery->p, limit, batches)) {
        struct journal_op op;
        const enum mr_status status = journal_next(journal, source->window, &source->cursor, &op);
        if (status == MR_END) {
            note_end(delivery, source);
            measure_behind(delivery, last_ms, true);
            *ret_more = *ret_more || source->done; /* its children may have some */
            return MR_OK;
        }
        if (status == MR_NOT_FOUND) {
            delivery_note(delivery, NULL,
                          "records of %s were trimmed before they could be delivered", source->id);
            source->cursor.position = journal_first(journal);
            continue;
        }
        if (status != MR_OK)
            return status;
        keep_record(delivery, source, &op);
        last_ms = op.time_ms;
    }
    measure_behind(delivery, last_ms, false);
    *ret_more = true;
    return MR_OK;
}

enum mr_status delivery_sources_read(struct delivery *delivery, uint64_t limit, size_t batches,
                                     bool *ret_more)
{
    struct delivery_pump *p = &delivery->p;
    *ret_more = false;
    for (size_t i = 0; i < p->source_count; i++) {
        if (p->sources[i].done)
            continue;
        const enum mr_status status =
            read_source(delivery, &p->sources[i], limit, batches, ret_more);
        if (status != MR_OK)
            return status;
    }
    p->drained = !*ret_more;
    *ret_more = *ret_more || (p->raw_count > 0 && is_full(p, limit, 1));
    return MR_OK;
}

/* ---- cursors ---- */

static int64_t position_of(const struct delivery_source *source)
{
    return source->done ? INT64_MAX : source->cursor.position;
}

/* Lowers the positions to the first record of each source that stays in memory. */
static void hold_back(struct delivery_pump *p, const struct buffer_set *kept)
{
    for (size_t i = p->raw_done; i < p->raw_count; i++) {
        int64_t *from = &p->sources[p->raw[i].source].next.data_from;
        *from = p->raw[i].position < *from ? p->raw[i].position : *from;
    }
    for (size_t b = 0; b < kept->count; b++) {
        const struct buffer *buffer = kept->all[b];
        for (size_t i = 0; i < buffer->list_count; i++) {
            int64_t *from = &p->sources[buffer->list[i].source].next.data_from;
            const int64_t position = buffer->list[i].mark.position;
            *from = position < *from ? position : *from;
        }
    }
}

/* What the function said to drop is done with as well. Positions are the journal's, so a mark may
 * stand with every source. */
static void note_dropped(struct delivery_source *source, const struct mark_set *dropped)
{
    for (size_t i = 0; i < dropped->count; i++)
        if (dropped->marks[i].position >= source->next.data_from)
            mark_set_add(&source->next.landed, dropped->marks[i]);
}

/* What lands now and lies behind the new positions joins what has landed there before. */
static void note_landed(struct delivery_pump *p, struct buffer *const *landed, size_t count)
{
    for (size_t i = 0; i < p->source_count; i++) {
        struct delivery_source *source = &p->sources[i];
        source->next.landed.count = 0;
        for (size_t j = 0; j < source->landed.count; j++)
            if (source->landed.marks[j].position >= source->next.data_from)
                mark_set_add(&source->next.landed, source->landed.marks[j]);
        note_dropped(source, &p->dropped);
    }
    for (size_t b = 0; b < count; b++)
        for (size_t i = 0; i < landed[b]->list_count; i++) {
            struct delivery_source *source = &p->sources[landed[b]->list[i].source];
            if (landed[b]->list[i].mark.position >= source->next.data_from)
                mark_set_add(&source->next.landed, landed[b]->list[i].mark);
        }
    for (size_t i = 0; i < p->source_count; i++)
        mark_set_sort(&p->sources[i].next.landed);
}

static void put_source(struct delivery *delivery, struct delivery_source *source,
                       struct store_entry *entry)
{
    struct mr_arena *arena = entry->arena;
    const struct mr_slice id = mr_slice_cstr(source->id);
    if (source->next.data_from != source->data_stored)
        store_cursor_put(entry, delivery_cursor_name(arena, delivery, id), source->next.data_from);
    if (source->next.backup_from != source->backup_stored)
        store_cursor_put(entry,
                         delivery_cursor_name(arena, delivery, backup_name(arena, source->id)),
                         source->next.backup_from);
    const struct mr_slice landed = delivery_landed_key(arena, delivery, source->id);
    if (source->next.landed.count > 0) {
        struct mr_buf bytes = {0};
        mark_set_write(&bytes, &source->next.landed);
        store_entry_put(entry, VIEW_META, landed, mr_arena_copy(arena, mr_buf_slice(&bytes)));
        mr_buf_fini(&bytes);
    } else if (source->landed_stored) {
        store_entry_delete(entry, VIEW_META, landed);
    }
}

void delivery_sources_put(struct delivery *delivery, struct store_entry *entry,
                          const struct landing *landing)
{
    struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++) {
        struct delivery_source *source = &p->sources[i];
        source->next.data_from = landing->data ? position_of(source) : source->data_stored;
        source->next.backup_from = source->backup_stored;
        if (p->config.has_backup && landing->backup)
            source->next.backup_from = position_of(source);
        else if (p->config.has_backup && source->backup_stored < 0)
            source->next.backup_from = source->backup_from;
    }
    if (landing->data)
        hold_back(p, &landing->kept);
    note_landed(p, landing->landed, landing->data ? landing->count : 0);
    for (size_t i = 0; i < p->source_count; i++)
        put_source(delivery, &p->sources[i], entry);
}

void delivery_sources_committed(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++) {
        struct delivery_source *source = &p->sources[i];
        const struct mark_set before = source->landed;
        source->data_stored = source->next.data_from;
        source->backup_stored = source->next.backup_from;
        source->landed = source->next.landed;
        source->next.landed = before;
        source->landed_stored = source->landed.count > 0;
    }
}

static int64_t stored_or(int64_t stored, int64_t from)
{
    return stored < 0 ? from : stored;
}

/* What was read and is not held any more has landed, or was dropped. */
static int64_t place_of(const struct delivery_pump *p, const struct delivery_source *source)
{
    bool held = p->raw_count > 0, backup_held = false;
    for (size_t i = 0; i < p->buffers.count; i++) {
        held = held || p->buffers.all[i]->kind != BUFFER_BACKUP;
        backup_held = backup_held || p->buffers.all[i]->kind == BUFFER_BACKUP;
    }
    int64_t passed = held ? stored_or(source->data_stored, source->data_from) : position_of(source);
    const int64_t backup = stored_or(source->backup_stored, source->backup_from);
    if (p->config.has_backup && backup_held && backup < passed)
        passed = backup;
    return passed;
}

void delivery_sources_tell(struct delivery *delivery)
{
    const struct delivery_pump *p = &delivery->p;
    pthread_mutex_lock(&delivery->lock);
    if (delivery->locked.place_count != p->source_count)
        delivery->locked.places = mr_realloc(
            delivery->locked.places, sizeof *delivery->locked.places * (p->source_count + 1));
    delivery->locked.place_count = p->source_count;
    for (size_t i = 0; i < p->source_count; i++) {
        struct delivery_place *place = &delivery->locked.places[i];
        memcpy(place->id, p->sources[i].id, sizeof place->id);
        place->passed = place_of(p, &p->sources[i]);
    }
    pthread_mutex_unlock(&delivery->lock);
}

bool delivery_sources_have_read(const struct delivery *delivery, int64_t position)
{
    const struct delivery_pump *p = &delivery->p;
    for (size_t i = 0; i < p->source_count; i++)
        if (!p->sources[i].done && p->sources[i].cursor.position < position)
            return false;
    return true;
}

int64_t delivery_sources_passed(const struct delivery *delivery)
{
    int64_t most = 0;
    for (size_t i = 0; i < delivery->p.source_count; i++) {
        const struct delivery_source *source = &delivery->p.sources[i];
        const int64_t from = source->data_stored < 0 ? source->data_from : source->data_stored;
        const int64_t passed = source->done ? 0 : source->cursor.position - from;
        most = passed > most ? passed : most;
    }
    return most;
}

size_t delivery_sources_landed(const struct delivery *delivery)
{
    size_t count = 0;
    for (size_t i = 0; i < delivery->p.source_count; i++)
        count += delivery->p.sources[i].landed.count;
    return count;
}
