/* A stream's shards: opened with it, rolled when they are old, split when their partition grows,
 * closed with it.
 *
 * Rolling closes the shards of one partition at the journal's tail and opens a child of each there,
 * under the lane of the partition: the parent's last change comes before that place, the child's
 * first behind it. Splitting opens two, each with half of the parent's hashes. They share the
 * window, so nothing changes for who writes; a reader passes over what is not its shard's. Both are
 * in one document, and so in one entry. Readers are told once it is committed: one that acted on an
 * end which a crash takes back would take the shard for read. What they then find and write lies
 * behind that entry in the journal. Replies that show shards wait until the newest document is
 * durable (`changed`).
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

/* The first hash of the partition, as dynamodb_partition_of gives them out. */
static size_t first_hash(const struct streams_stream *stream, size_t partition)
{
    return ((partition << 16) + stream->partitions - 1) / stream->partitions;
}

void streams_shard_widen(const struct streams_stream *stream, struct streams_shard *shard)
{
    shard->hash_from = (uint16_t)first_hash(stream, shard->partition);
    shard->hash_to = (uint16_t)(first_hash(stream, shard->partition + 1) - 1);
}

/* Makes it a shard that begins now. Its id: when, for which hashes, in which of the stream's
 * windows, which are numbered in a row. */
static void begin(struct streams_stream *stream, struct streams_shard *shard, int64_t now_ms)
{
    shard->id = mr_arena_printf(&stream->arena, "shardId-%020" PRId64 "-%04x%04x", now_ms,
                                (unsigned)shard->hash_from, (unsigned)shard->window & 0xffffu)
                    .ptr;
    shard->start = journal_tail(store_journal(stream->streams->store));
    shard->end = INT64_MAX;
    shard->created_ms = now_ms;
    shard->closed_ms = 0;
}

void streams_shards_make(struct streams_stream *stream, const uint32_t *windows)
{
    for (size_t i = 0; i < stream->partitions; i++) {
        struct streams_shard shard = {.window = windows[i], .partition = (uint32_t)i};
        streams_shard_widen(stream, &shard);
        begin(stream, &shard, stream->created_ms);
        streams_shard_add(&stream->locked.shards, &shard);
    }
}

/* The oldest open shard of the partition. NULL: the stream is closed. */
static struct streams_shard *find_open(const struct streams_shard_list *list, size_t partition)
{
    for (size_t i = 0; i < list->count; i++) {
        struct streams_shard *shard = &list->shards[i];
        if (shard->partition == partition && shard->end == INT64_MAX)
            return shard;
    }
    return NULL;
}

static size_t count_open(const struct streams_shard_list *list, size_t partition)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->shards[i].partition == partition && list->shards[i].end == INT64_MAX;
    return count;
}

size_t streams_open_count(const struct streams_stream *stream, size_t partition)
{
    pthread_rwlock_rdlock(&stream->streams->lock);
    const size_t count = count_open(&stream->locked.shards, partition);
    pthread_rwlock_unlock(&stream->streams->lock);
    return count;
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

enum mr_status streams_shard_at(struct streams_stream *stream, uint32_t window, uint16_t hash_from,
                                int64_t start, struct streams_shard *ret_shard)
{
    enum mr_status status = MR_NOT_FOUND;
    pthread_rwlock_rdlock(&stream->streams->lock);
    for (size_t i = 0; status != MR_OK && i < stream->locked.shards.count; i++) {
        const struct streams_shard *shard = &stream->locked.shards.shards[i];
        if (shard->window == window && shard->hash_from == hash_from && shard->start == start) {
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

/* Ends the pending shard and lets `children` go on, each with an equal part of its hashes. A child
 * is younger than its parent, and so has another id, whatever the clock says. */
static void succeed(struct streams_stream *stream, size_t at, size_t children, int64_t now_ms)
{
    struct streams_shard *parent = &stream->pending.shards[at];
    const struct streams_shard before = *parent;
    const int64_t then_ms = now_ms > before.created_ms ? now_ms : before.created_ms + 1;
    const size_t width = (size_t)before.hash_to - before.hash_from + 1;
    parent->end = journal_tail(store_journal(stream->streams->store));
    parent->closed_ms = now_ms;
    for (size_t i = 0; i < children; i++) {
        struct streams_shard child = before;
        child.parent = before.id;
        child.hash_from = (uint16_t)(before.hash_from + i * width / children);
        child.hash_to = (uint16_t)(before.hash_from + (i + 1) * width / children - 1);
        begin(stream, &child, then_ms);
        streams_shard_add(&stream->pending, &child);
    }
}

enum mr_status streams_roll(struct streams_stream *stream, size_t partition, int64_t now_ms,
                            struct store_entry *entry)
{
    enum mr_status status = MR_FULL;
    pthread_rwlock_wrlock(&stream->streams->lock); /* for the arena, too */
    begin_change(stream, now_ms);
    const size_t known = stream->pending.count;
    const size_t open = count_open(&stream->pending, partition);
    if (open > 0 && known + open <= STREAMS_SHARDS_MAX) {
        for (size_t i = 0; i < known; i++) {
            const struct streams_shard *shard = &stream->pending.shards[i];
            if (shard->partition == partition && shard->end == INT64_MAX)
                succeed(stream, i, 1, now_ms);
        }
        streams_document_put(stream, &stream->pending, 0, entry);
        status = MR_OK;
    }
    pthread_rwlock_unlock(&stream->streams->lock);
    return status;
}

/* The widest open shard among the first `known`; `known`: none can be split. */
static size_t find_widest(const struct streams_shard_list *list, size_t known, size_t partition)
{
    size_t found = known;
    int width = 0;
    for (size_t i = 0; i < known; i++) {
        const struct streams_shard *shard = &list->shards[i];
        if (shard->partition != partition || shard->end != INT64_MAX ||
            shard->hash_to - shard->hash_from <= width)
            continue;
        width = shard->hash_to - shard->hash_from;
        found = i;
    }
    return found;
}

enum mr_status streams_split(struct streams_stream *stream, size_t partition, size_t wanted,
                             int64_t now_ms, struct store_entry *entry)
{
    pthread_rwlock_wrlock(&stream->streams->lock);
    begin_change(stream, now_ms);
    const size_t known = stream->pending.count;
    size_t open = count_open(&stream->pending, partition);
    if (wanted > STREAMS_SHARDS_OPEN_MAX)
        wanted = STREAMS_SHARDS_OPEN_MAX;
    while (open < wanted && stream->pending.count + 2 <= STREAMS_SHARDS_MAX) {
        const size_t at = find_widest(&stream->pending, known, partition);
        if (at == known)
            break;
        succeed(stream, at, 2, now_ms);
        open++;
    }
    const bool changed = stream->pending.count > known;
    if (changed)
        streams_document_put(stream, &stream->pending, 0, entry);
    pthread_rwlock_unlock(&stream->streams->lock);
    return changed ? MR_OK : MR_FULL;
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
