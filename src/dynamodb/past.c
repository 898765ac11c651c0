/* A table as it was: its items now, each undone by the history of its key (history.c).
 *
 * Both are walked in the order of keys, in one snapshot, so it takes constant memory whatever the
 * size of the table. A version in the history says what its key held until the change with its
 * stamp; so before stamp S a key held what its first version at or behind S says, and what it holds
 * now when there is none. */
#include "dynamodb/recovery.h"
#include <assert.h>

enum { STAMP_BYTES = 8 };

static void append_u64(struct mr_buf *buf, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        mr_buf_byte(buf, (char)(value >> shift));
}

static struct mr_slice key_of(const struct view_iterator *history)
{
    struct mr_slice key = view_iterator_key(history);
    assert(key.len > STAMP_BYTES);
    return mr_slice_make(key.ptr, key.len - STAMP_BYTES);
}

struct view_snapshot *dynamodb_snapshot(struct dynamodb_table *table)
{
    dynamodb_table_lock_lanes(table);
    struct view_snapshot *snapshot = view_snapshot_new(store_view(table->dynamodb->store));
    dynamodb_table_unlock_lanes(table);
    return snapshot;
}

void dynamodb_past_open(struct dynamodb_past *past, struct view_snapshot *snapshot, uint32_t number,
                        uint64_t to)
{
    const char prefix[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                            (char)number};
    struct mr_slice head = mr_slice_make(prefix, sizeof(prefix));
    *past = (struct dynamodb_past){
        .items = view_snapshot_iterate(snapshot, VIEW_ITEM, head),
        .history = view_snapshot_iterate(snapshot, VIEW_HISTORY, head),
        .to = to,
    };
    view_iterator_first(past->items);
    view_iterator_first(past->history);
}

void dynamodb_past_open_changes(struct dynamodb_past *past, struct view_snapshot *snapshot,
                                uint32_t number, uint64_t from, uint64_t to)
{
    dynamodb_past_open(past, snapshot, number, to);
    past->changes = true;
    past->from = from;
}

void dynamodb_past_close(struct dynamodb_past *past)
{
    view_iterator_free(past->items);
    view_iterator_free(past->history);
    mr_buf_fini(&past->key);
    for (size_t i = 0; i < MR_COUNT(past->buffers); i++)
        mr_buf_fini(&past->buffers[i]);
    *past = (struct dynamodb_past){0};
}

static struct mr_slice keep(struct mr_buf *buffer, struct mr_slice value)
{
    mr_buf_reset(buffer);
    mr_buf_append(buffer, value);
    return mr_buf_slice(buffer);
}

/* The first version of past->key at or behind the stamp; false: there is none. */
static bool seek_version(struct dynamodb_past *past, uint64_t stamp)
{
    size_t len = past->key.len;
    append_u64(&past->key, stamp);
    view_iterator_seek(past->history, mr_buf_slice(&past->key));
    past->key.len = len;
    return view_iterator_valid(past->history) &&
           mr_slice_equal(key_of(past->history), mr_buf_slice(&past->key));
}

static struct mr_slice before(struct dynamodb_past *past, uint64_t stamp, struct mr_slice now,
                              struct mr_buf *buffer)
{
    if (!seek_version(past, stamp))
        return now;
    struct mr_slice value = view_iterator_value(past->history);
    return value.len == 0 ? (struct mr_slice){0} : keep(buffer, value);
}

/* The key under the history's iterator, undone. */
static void undo(struct dynamodb_past *past)
{
    struct mr_slice now = {0};
    keep(&past->key, key_of(past->history));
    if (view_iterator_valid(past->items) &&
        mr_slice_equal(view_iterator_key(past->items), mr_buf_slice(&past->key))) {
        now = keep(&past->buffers[0], view_iterator_value(past->items));
        past->items_used = true;
    }
    past->new_item = before(past, past->to, now, &past->buffers[1]);
    past->old_item = (struct mr_slice){0};
    if (past->changes)
        past->old_item = before(past, past->from, now, &past->buffers[2]);
    (void)seek_version(past, UINT64_MAX); /* no stamp is that large: behind the key */
}

static bool is_wanted(const struct dynamodb_past *past)
{
    if (!past->changes)
        return past->new_item.ptr != NULL;
    if (past->new_item.ptr == NULL || past->old_item.ptr == NULL)
        return past->new_item.ptr != past->old_item.ptr;
    return !mr_slice_equal(past->new_item, past->old_item);
}

enum mr_status dynamodb_past_next(struct dynamodb_past *past)
{
    for (;;) {
        if (past->items_used)
            view_iterator_next(past->items);
        past->items_used = false;
        bool has_item = view_iterator_valid(past->items);
        bool has_history = view_iterator_valid(past->history);
        if (!has_item && !has_history)
            break;
        if (!has_history || (has_item && mr_slice_compare(view_iterator_key(past->items),
                                                          key_of(past->history)) < 0)) {
            past->items_used = true;
            if (past->changes)
                continue;
            past->new_item = view_iterator_value(past->items);
            return MR_OK;
        }
        undo(past);
        if (is_wanted(past))
            return MR_OK;
    }
    enum mr_status status = view_iterator_status(past->items);
    if (status == MR_OK)
        status = view_iterator_status(past->history);
    return status == MR_OK ? MR_END : status;
}
