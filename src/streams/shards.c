/* A stream's shards: opened with it, rolled when they are old, closed with it.
 *
 * Rolling closes the shard of one partition at the journal's tail and opens a child there, under
 * the lane of the partition: the parent's last change comes before that place, the child's first
 * behind it. Both are in one document, and so in one entry. Readers are told once it is committed:
 * one that acted on an end which a crash takes back would take the shard for read. What they then
 * find and write lies behind that entry in the journal. Replies that show shards wait until the
 * newest document is durable (`changed`).
 *
 * A closed shard is shown for 24 hours. It stays known as long as the journal may hold something of
 * it, for readers of ours that are late; the next roll behind that forgets it. */
#include "streams/internal.h"
#include "base/log.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void streams_shard_add(struct streams_shard_list *list, const struct streams_shard *shard)
{
    if (list->count == list->cap) {
        list->cap = list->cap * 2 + 4;
        list->shards = mr_realloc(list->shards, list->cap * sizeof(*list->shards));
    }
    list->shards[list->count++] = *shard;
}

/* A shard that begins now. */
static struct streams_shard shard_make(struct streams_stream *stream, size_t partition,
                                       uint32_t window, int64_t now_ms)
{
    return (struct streams_shard){
        .id =
            mr_arena_printf(&stream->arena, "shardId-%020" PRId64 "-%08x", now_ms, (unsigned)window)
                .ptr,
        .window = window,
        .partition = (uint32_t)partition,
        .start = journal_tail(store_journal(stream->streams->store)),
        .end = INT64_MAX,
        .created_ms = now_ms,
    };
}

void streams_shards_make(struct streams_stream *stream, const uint32_t *windows)
{
    for (size_t i = 0; i < stream->partitions; i++) {
        const struct streams_shard shard = shard_make(stream, i, windows[i], stream->created_ms);
        streams_shard_add(&stream->locked.shards, &shard);
    }
}

/* The open shard of the partition. NULL: the stream is closed. */
static struct streams_shard *find_open(const struct streams_shard_list *list, size_t partition)
{
    for (size_t i = list->count; i > 0; i--) {
        struct streams_shard *shard = &list->shards[i - 1];
        if (shard->partition == partition)
            return shard->end == INT64_MAX ? shard : NULL;
    }
    return NULL;
}

uint32_t streams_window(const struct streams_stream *stream, size_t partition)
{
    pthread_rwlock_rdlock(&stream->streams->lock);
    const struct streams_shard *shard = find_open(&stream->locked.shards, partition);
    const uint32_t window = shard == NULL ? 0 : shard->window;
    pthread_rwlock_unlock(&stream->streams->lock);
    return window;
}

size_t streams_shards(struct streams_stream *stream, struct streams_shard *ret_shards, size_t max)
{
    pthread_rwlock_rdlock(&stream->streams->lock);
    const size_t count = stream->locked.shards.count;
    for (size_t i = 0; i < count && i < max; i++)
        ret_shards[i] = stream->locked.shards.shards[i];
    pthread_rwlock_unlock(&stream->streams->lock);
    return count;
}

enum mr_status streams_shard_find(struct streams_stream *stream, struct mr_slice id,
                                  struct streams_shard *ret_shard)
{
    enum mr_status status = MR_NOT_FOUND;
    pthread_rwlock_rdlock(&stream->streams->lock);
    for (size_t i = 0; status != MR_OK && i < stream->locked.shards.count; i++) {
        if (mr_slice_equal(mr_slice_cstr(stream->locked.shards.shards[i].id), id)) {
            *ret_shard = stream->locked.shards.shards[i];
            status = MR_OK;
        }
    }
    pthread_rwlock_unlock(&stream->streams->lock);
    return status;
}

enum mr_status streams_shard_at(struct streams_stream *stream, uint32_t window, int64_t start,
                                struct streams_shard *ret_shard)
{
    enum mr_status status = MR_NOT_FOUND;
    pthread_rwlock_rdlock(&stream->streams->lock);
    for (size_t i = 0; status != MR_OK && i < stream->locked.shards.count; i++) {
        const struct streams_shard *shard = &stream->locked.shards.shards[i];
        if (shard->window == window && shard->start == start) {
            *ret_shard = *shard;
            status = MR_OK;
        }
    }
    pthread_rwlock_unlock(&stream->streams->lock);
    return status;
}

/* ---- rolling ---- */

bool streams_roll_is_due(struct streams_stream *stream, size_t partition, int64_t now_ms,
                         int64_t *ret_due_ms)
{
    pthread_rwlock_rdlock(&stream->streams->lock);
    const struct streams_shard *shard = find_open(&stream->locked.shards, partition);
    *ret_due_ms = shard == NULL ? INT64_MAX : shard->created_ms + STREAMS_SHARD_MS;
    pthread_rwlock_unlock(&stream->streams->lock);
    return now_ms >= *ret_due_ms;
}

bool streams_has_record(struct streams_stream *stream, size_t partition)
{
    struct journal *journal = store_journal(stream->streams->store);
    struct journal_cursor cursor = {0};
    struct journal_op op;
    pthread_rwlock_rdlock(&stream->streams->lock);
    const struct streams_shard *shard = find_open(&stream->locked.shards, partition);
    const uint32_t window = shard == NULL ? 0 : shard->window;
    cursor.position = shard == NULL ? 0 : shard->start;
    pthread_rwlock_unlock(&stream->streams->lock);
    if (window == 0)
        return false;
    if (cursor.position < journal_first(journal))
        cursor.position = journal_first(journal);
    const enum mr_status status = journal_next(journal, window, &cursor, &op);
    journal_cursor_fini(&cursor);
    return status == MR_OK;
}

/* Copies the list without those of which the journal holds nothing any more. */
static void begin_change(struct streams_stream *stream, int64_t now_ms)
{
    const int64_t first = journal_first(store_journal(stream->streams->store));
    stream->pending.count = 0;
    for (size_t i = 0; i < stream->locked.shards.count; i++) {
        const struct streams_shard *shard = &stream->locked.shards.shards[i];
        if (!streams_shard_is_gone(shard, now_ms) || shard->end > first)
            streams_shard_add(&stream->pending, shard);
    }
}

static void end_change_locked(struct streams_stream *stream)
{
    const struct streams_shard_list before = stream->locked.shards;
    stream->locked.shards = stream->pending;
    stream->pending = before; /* its memory serves the next change */
    atomic_fetch_add(&stream->version, 1);
}

enum mr_status streams_roll(struct streams_stream *stream, size_t partition, int64_t now_ms,
                            struct store_entry *entry)
{
    enum mr_status status = MR_FULL;
    pthread_rwlock_wrlock(&stream->streams->lock); /* for the arena, too */
    begin_change(stream, now_ms);
    struct streams_shard *shard = find_open(&stream->pending, partition);
    if (shard != NULL && stream->pending.count < STREAMS_SHARDS_MAX) {
        struct streams_shard child = shard_make(stream, partition, shard->window, now_ms);
        child.parent = shard->id;
        shard->end = child.start;
        shard->closed_ms = now_ms;
        streams_shard_add(&stream->pending, &child);
        streams_document_put(stream, &stream->pending, 0, entry);
        status = MR_OK;
    }
    pthread_rwlock_unlock(&stream->streams->lock);
    return status;
}

void streams_roll_done(struct streams_stream *stream, int64_t ticket)
{
    atomic_store(&stream->changed, ticket);
    pthread_rwlock_wrlock(&stream->streams->lock);
    end_change_locked(stream);
    pthread_rwlock_unlock(&stream->streams->lock);
}

/* ---- the end ---- */

void streams_disable(struct streams *streams, struct streams_stream *stream, int64_t now_ms,
                     struct store_entry *entry)
{
    const int64_t end = journal_tail(store_journal(streams->store));
    pthread_rwlock_wrlock(&streams->lock);
    begin_change(stream, now_ms);
    for (size_t i = 0; i < stream->pending.count; i++) {
        struct streams_shard *shard = &stream->pending.shards[i];
        if (shard->end != INT64_MAX)
            continue;
        shard->end = end;
        shard->closed_ms = now_ms;
    }
    stream->locked.disabled_ms = now_ms;
    streams_document_put(stream, &stream->pending, now_ms, entry);
    pthread_rwlock_unlock(&streams->lock);
}

void streams_disable_done(struct streams_stream *stream)
{
    pthread_rwlock_wrlock(&stream->streams->lock);
    end_change_locked(stream);
    stream->locked.enabled = false;
    pthread_rwlock_unlock(&stream->streams->lock);
    mr_log(MR_LOG_INFO, "streams", "stream '%s' ENABLED -> DISABLED", stream->arn);
}

/* ---- positions ---- */

int64_t streams_horizon(struct streams *streams)
{
    return journal_seek_time(store_journal(streams->store),
                             store_now(streams->store) - STREAMS_KEPT_MS);
}

int64_t streams_trim_horizon(struct streams *streams, const struct streams_shard *shard)
{
    const int64_t horizon = streams_horizon(streams);
    return shard->start > horizon ? shard->start : horizon;
}

int64_t streams_latest(struct streams *streams)
{
    return journal_tail(store_journal(streams->store));
}
