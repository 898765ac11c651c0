/* journal/read.c: cursors over windows, replay, time, retention. Reads only what is durable.
 *
 * Entries are checked as they are read: a header always, a body before its first op is handed out.
 */
#include "journal/internal.h"
#include "base/point.h"
#include "base/arena.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static enum mr_status raise_damage(const struct journal_segment *segment, int64_t position)
{
    return MR_RAISE(MR_FAIL_DATA, "'%s/%020" PRId64 ".log' is damaged at offset %" PRId64,
                    segment->journal->folder, segment->first, position - segment->first);
}

static int64_t first_of_files(struct journal *journal)
{
    pthread_mutex_lock(&journal->files.lock);
    int64_t first = journal->files.list[0]->first;
    pthread_mutex_unlock(&journal->files.lock);
    return first;
}

int64_t journal_first(const struct journal *journal)
{
    int64_t first = first_of_files((struct journal *)(uintptr_t)journal);
    int64_t trimmed = atomic_load(&journal->trimmed);
    return trimmed > first ? trimmed : first;
}

void journal_trim(struct journal *journal, int64_t position)
{
    int64_t now = atomic_load(&journal->trimmed);
    while (now < position && !atomic_compare_exchange_weak(&journal->trimmed, &now, position))
        ;
}

/* The segment with `position`, mapped; MR_NOT_FOUND: it was dropped. */
static enum mr_status pin_mapped(struct journal *journal, int64_t position,
                                 struct journal_segment **ret_segment)
{
    struct journal_segment *segment = journal_segment_pin(journal, position);
    if (segment == NULL)
        return MR_NOT_FOUND;
    enum mr_status status = journal_segment_map(segment);
    if (status < 0) {
        journal_segment_unpin(segment);
        return status;
    }
    *ret_segment = segment;
    return MR_OK;
}

/* What of the segment may be read now. */
static int64_t limit_of(const struct journal_segment *segment, int64_t durable)
{
    int64_t end = atomic_load(&segment->end);
    return end < durable ? end : durable;
}

static enum mr_status entry_at(const struct journal_segment *segment, int64_t position,
                               int64_t limit, struct journal_entry *ret_entry)
{
    if (!journal_entry_decode(segment->map + (position - segment->first),
                              (size_t)(limit - position), position, ret_entry))
        return raise_damage(segment, position);
    return MR_OK;
}

/* Start of the entry that `position` lies in, or of the next one when it lies in none. */
static enum mr_status locate(struct journal_segment *segment, int64_t position, int64_t limit,
                             int64_t *ret_start)
{
    int64_t at = segment->first + JOURNAL_FILE_HEADER_BYTES;
    if (position > at) {
        enum mr_status status = journal_segment_index(segment);
        if (status < 0)
            return status;
        at = segment->first +
             (int64_t)journal_index_before(segment->index, (size_t)(position - segment->first));
    }
    while (at < limit) {
        struct journal_entry entry;
        enum mr_status status = entry_at(segment, at, limit, &entry);
        if (status < 0)
            return status;
        if (at + (int64_t)entry.length > position)
            break;
        at += entry.length;
    }
    *ret_start = at;
    return MR_OK;
}

/* ---- cursors ---- */

void journal_cursor_fini(struct journal_cursor *cursor)
{
    if (cursor->segment != NULL)
        journal_segment_unpin(cursor->segment);
    *cursor = (struct journal_cursor){.position = cursor->position};
}

static void cursor_stand(struct journal_cursor *cursor, int64_t entry, int64_t position)
{
    cursor->entry = entry;
    cursor->position = cursor->left_at = position;
}

/* Has the segment of cursor->position pinned and the start of the entry there known. */
static enum mr_status cursor_settle(struct journal *journal, struct journal_cursor *cursor,
                                    uint32_t window, int64_t durable)
{
    struct journal_segment *segment = cursor->segment;
    int64_t position = cursor->position;
    if (segment != NULL && (position < segment->first || position >= atomic_load(&segment->end))) {
        journal_segment_unpin(segment);
        cursor->segment = segment = NULL;
    }
    if (segment != NULL && cursor->left_at == position && cursor->window == window)
        return MR_OK;
    cursor->block_hit = 0;
    cursor->entry_checked = 0;
    cursor->window = window;
    if (segment == NULL) {
        enum mr_status status = pin_mapped(journal, position, &cursor->segment);
        if (status != MR_OK)
            return status;
        segment = cursor->segment;
    }
    enum mr_status status = journal_segment_index(segment);
    if (status == MR_OK)
        status = locate(segment, position, limit_of(segment, durable), &cursor->entry);
    cursor->left_at = -1;
    return status;
}

/* From an entry's start on to the next block that has the window: MR_OK, or MR_END. */
static enum mr_status cursor_skip_blocks(struct journal_cursor *cursor, int64_t limit)
{
    struct journal_segment *segment = cursor->segment;
    size_t block = (size_t)(cursor->entry - segment->first) / JOURNAL_BLOCK_BYTES;
    if (cursor->block_hit == block + 1)
        return MR_OK;
    size_t next = journal_index_next(segment->index, cursor->window, block);
    if (next == SIZE_MAX)
        return MR_END;
    if (next > block) {
        int64_t start = segment->first + (int64_t)atomic_load(&segment->index->block[next].first);
        if (start >= limit)
            return MR_END;
        cursor->entry = start;
    }
    cursor->block_hit = next + 1;
    return MR_OK;
}

/* The first op of the window in the entry, at or after cursor->position: MR_OK, MR_END, < 0. */
static enum mr_status cursor_find_op(struct journal_cursor *cursor,
                                     const struct journal_entry *entry, struct journal_op *ret_op)
{
    const struct journal_segment *segment = cursor->segment;
    const char *base = segment->map + (entry->position - segment->first);
    size_t at = JOURNAL_ENTRY_HEADER_BYTES;
    /* Where this cursor left off an op begins; elsewhere it takes a walk to know. */
    if (cursor->left_at == cursor->position && cursor->position > entry->position)
        at = (size_t)(cursor->position - entry->position);
    while (at < entry->length) {
        struct journal_op op;
        size_t size = journal_op_decode(base + at, entry->length - at, &op);
        op.position = entry->position + (int64_t)at;
        if (size == 0)
            return raise_damage(segment, op.position);
        at += size;
        if (op.window != cursor->window || op.position < cursor->position)
            continue;
        if (cursor->entry_checked != entry->position && !journal_entry_body_is_good(base, entry))
            return raise_damage(segment, entry->position);
        cursor->entry_checked = entry->position;
        op.time_ms = entry->time_ms;
        *ret_op = op;
        int64_t behind = entry->position + (int64_t)at;
        cursor_stand(cursor, at == entry->length ? behind : entry->position, behind);
        return MR_OK;
    }
    return MR_END;
}

/* Within the pinned segment: MR_OK, MR_END when nothing of the window is before `limit`, < 0. */
static enum mr_status cursor_walk(struct journal_cursor *cursor, int64_t limit,
                                  struct journal_op *ret_op)
{
    while (cursor->entry < limit) {
        struct journal_entry entry;
        enum mr_status status = cursor_skip_blocks(cursor, limit);
        if (status == MR_OK)
            status = entry_at(cursor->segment, cursor->entry, limit, &entry);
        if (status != MR_OK)
            return status;
        status = cursor_find_op(cursor, &entry, ret_op);
        if (status != MR_END)
            return status;
        cursor->entry += entry.length;
    }
    return MR_END;
}

enum mr_status journal_next(struct journal *journal, uint32_t window, struct journal_cursor *cursor,
                            struct journal_op *ret_op)
{
    assert(window != 0);
    int64_t durable = journal_durable(journal);
    if (cursor->position >= durable)
        return MR_END;
    if (cursor->position < journal_first(journal))
        return MR_NOT_FOUND;
    while (cursor->position < durable) {
        enum mr_status status = cursor_settle(journal, cursor, window, durable);
        if (status != MR_OK)
            return status;
        int64_t limit = limit_of(cursor->segment, durable);
        status = cursor_walk(cursor, limit, ret_op);
        if (status != MR_END)
            return status;
        cursor_stand(cursor, limit, limit);
    }
    return MR_END;
}

/* ---- replay ---- */

struct replay {
    enum mr_status (*fn)(void *ctx, const struct journal_op *ops, size_t count, int64_t entry_end);
    void *ctx;
    struct journal_op *ops; /* owned */
    size_t capacity;
};

static enum mr_status replay_entry(struct replay *replay, const struct journal_segment *segment,
                                   const struct journal_entry *entry)
{
    const char *base = segment->map + (entry->position - segment->first);
    if (!journal_entry_body_is_good(base, entry))
        return raise_damage(segment, entry->position);
    if (entry->count > replay->capacity) {
        replay->capacity = entry->count;
        replay->ops = mr_realloc(replay->ops, replay->capacity * sizeof(*replay->ops));
    }
    size_t at = JOURNAL_ENTRY_HEADER_BYTES;
    for (uint32_t i = 0; i < entry->count; i++) {
        size_t size = journal_op_decode(base + at, entry->length - at, &replay->ops[i]);
        if (size == 0)
            return raise_damage(segment, entry->position + (int64_t)at);
        replay->ops[i].position = entry->position + (int64_t)at;
        replay->ops[i].time_ms = entry->time_ms;
        at += size;
    }
    return replay->fn(replay->ctx, replay->ops, entry->count,
                      entry->position + (int64_t)entry->length);
}

static enum mr_status replay_segment(struct replay *replay, struct journal_segment *segment,
                                     int64_t from, int64_t limit)
{
    int64_t at = 0;
    enum mr_status status = locate(segment, from, limit, &at);
    while (status == MR_OK && at < limit) {
        struct journal_entry entry;
        status = entry_at(segment, at, limit, &entry);
        if (status == MR_OK && at >= from)
            status = replay_entry(replay, segment, &entry);
        if (status == MR_OK)
            at += entry.length;
    }
    return status;
}

enum mr_status journal_replay(struct journal *journal, int64_t from,
                              enum mr_status (*fn)(void *ctx, const struct journal_op *ops,
                                                   size_t count, int64_t entry_end),
                              void *ctx)
{
    struct replay replay = {.fn = fn, .ctx = ctx};
    int64_t durable = journal_durable(journal);
    int64_t first = first_of_files(journal);
    int64_t position = from > first ? from : first;
    enum mr_status status = MR_OK;
    while (status == MR_OK && position < durable) {
        struct journal_segment *segment = NULL;
        status = pin_mapped(journal, position, &segment);
        if (status != MR_OK)
            break;
        int64_t limit = limit_of(segment, durable);
        status = replay_segment(&replay, segment, position, limit);
        position = limit;
        journal_segment_forget(segment, segment->map_bytes);
        journal_segment_unpin(segment);
    }
    free(replay.ops);
    return status;
}

/* ---- time ---- */

/* The first entry of the segment at or after time_ms; MR_NOT_FOUND. */
static enum mr_status seek_in_segment(struct journal_segment *segment, int64_t limit,
                                      int64_t time_ms, int64_t *ret_position)
{
    enum mr_status status = journal_segment_index(segment);
    if (status < 0)
        return status;
    const struct journal_index *index = segment->index;
    if (atomic_load(&segment->end) != INT64_MAX)
        atomic_store(&segment->time_max, journal_index_time_max(index));
    size_t block = 0;
    while (block < index->blocks &&
           atomic_load_explicit(&index->block[block].time_max, memory_order_relaxed) < time_ms)
        block++;
    if (block == index->blocks)
        return MR_NOT_FOUND;
    int64_t at = segment->first + (int64_t)atomic_load(&index->block[block].first);
    while (at < limit) {
        struct journal_entry entry;
        status = entry_at(segment, at, limit, &entry);
        if (status < 0)
            return status;
        if (entry.time_ms >= time_ms) {
            *ret_position = at;
            return MR_OK;
        }
        at += entry.length;
    }
    return MR_NOT_FOUND;
}

/* Past the segments that are known to hold nothing so young. */
static int64_t skip_older(struct journal *journal, int64_t position, int64_t time_ms)
{
    pthread_mutex_lock(&journal->files.lock);
    for (size_t i = 0; i < journal->files.count; i++) {
        const struct journal_segment *segment = journal->files.list[i];
        const int64_t end = atomic_load(&segment->end);
        if (end <= position)
            continue;
        if (atomic_load(&segment->time_max) >= time_ms)
            break;
        position = end;
    }
    pthread_mutex_unlock(&journal->files.lock);
    return position;
}

int64_t journal_seek_time(struct journal *journal, int64_t time_ms)
{
    int64_t durable = journal_durable(journal);
    int64_t position = journal_first(journal), found = durable;
    while ((position = skip_older(journal, position, time_ms)) < durable) {
        struct journal_segment *segment = NULL;
        enum mr_status status = pin_mapped(journal, position, &segment);
        if (status == MR_NOT_FOUND) { /* dropped meanwhile */
            position = journal_first(journal);
            continue;
        }
        if (status < 0)
            break;
        int64_t limit = limit_of(segment, durable);
        status = seek_in_segment(segment, limit, time_ms, &found);
        journal_segment_unpin(segment);
        if (status == MR_OK)
            break;
        position = limit;
    }
    int64_t first = journal_first(journal);
    return found > first ? found : first;
}

int64_t journal_time_max(struct journal *journal)
{
    int64_t position = journal_durable(journal), max = INT64_MIN;
    for (int i = 0; i < 2 && position >= journal_first(journal); i++) {
        struct journal_segment *segment = NULL;
        if (pin_mapped(journal, position, &segment) != MR_OK)
            break;
        if (journal_segment_index(segment) == MR_OK) {
            const int64_t newest = journal_index_time_max(segment->index);
            max = newest > max ? newest : max;
        }
        position = segment->first - 1;
        journal_segment_unpin(segment);
    }
    return max;
}

/* ---- retention ---- */

/* Takes the oldest segment off the list when it may go; it comes pinned. */
static struct journal_segment *take_oldest(struct journal *journal, int64_t position)
{
    struct journal_segment *oldest = NULL;
    pthread_mutex_lock(&journal->files.lock);
    if (journal->files.count > 1 && atomic_load(&journal->files.list[0]->end) <= position) {
        oldest = journal->files.list[0];
        oldest->refs++;
    }
    pthread_mutex_unlock(&journal->files.lock);
    return oldest;
}

/* False: another call was quicker. */
static bool drop_oldest(struct journal *journal, struct journal_segment *oldest)
{
    pthread_mutex_lock(&journal->files.lock);
    bool mine = journal->files.list[0] == oldest;
    if (mine) {
        memmove(journal->files.list, journal->files.list + 1,
                --journal->files.count * sizeof(struct journal_segment *));
        oldest->refs--; /* the list's; the caller's pin is left */
        oldest->dropped = true;
    }
    pthread_mutex_unlock(&journal->files.lock);
    if (!mine)
        return false;
    char path[JOURNAL_PATH_MAX];
    journal_segment_path(journal, oldest->first, ".idx", path);
    unlink(path);
    journal_segment_path(journal, oldest->first, ".log", path);
    if (!mr_point_good(MR_POINT_JOURNAL_DROP) || unlink(path) != 0)
        mr_log(MR_LOG_WARN, "journal", "cannot remove '%s': %s", path, strerror(errno));
    return true;
}

void journal_drop(struct journal *journal, int64_t position)
{
    struct journal_segment *oldest;
    while ((oldest = take_oldest(journal, position)) != NULL) {
        bool dropped = drop_oldest(journal, oldest);
        journal_segment_unpin(oldest);
        mr_point(MR_POINT_JOURNAL_DROPPED);
        /* One by one, or a power cut could bring an older one back and leave a hole behind it. */
        if (!dropped || journal_folder_sync(journal) < 0)
            return;
    }
}

uint64_t journal_segment_bytes(const struct journal *journal)
{
    return journal->segment_bytes;
}

int64_t journal_oldest_end(struct journal *journal)
{
    pthread_mutex_lock(&journal->files.lock);
    int64_t end = atomic_load(&journal->files.list[0]->end);
    pthread_mutex_unlock(&journal->files.lock);
    return end;
}
