/* A table as it was: its items now, each undone by the history of its key (history.c).
 *
 * Both are walked in the order of keys, in one snapshot, so it takes constant memory whatever the
 * size of the table. A version in the history says what its key held until the change with its
 * stamp; so before stamp S a key held what its first version at or behind S says, and what it holds
 * now when there is none. */
#include "dynamodb/recovery.h"
#include <assert.h>

enum { NUMBER_BYTES = 4, STAMP_BYTES = 8 };

static void append_u64(struct mr_buf *buf, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        mr_buf_byte(buf, (char)(value >> shift));
}

/* Keys of both spaces without the number in front, and the stamp behind. */
static struct mr_slice item_key(const struct view_iterator *items)
{
    struct mr_slice key = view_iterator_key(items);
    return mr_slice_sub(key, NUMBER_BYTES, key.len);
}

static struct mr_slice history_key(const struct view_iterator *history)
{
    struct mr_slice key = view_iterator_key(history);
    assert(key.len > NUMBER_BYTES + STAMP_BYTES);
    return mr_slice_sub(key, NUMBER_BYTES, key.len - NUMBER_BYTES - STAMP_BYTES);
}

static struct view_iterator *iterate(struct view_snapshot *snapshot, enum view_space space,
                                     uint32_t number)
{
    const char prefix[NUMBER_BYTES] = {(char)(number >> 24), (char)(number >> 16),
                                       (char)(number >> 8), (char)number};
    struct view_iterator *iterator =
        view_snapshot_iterate(snapshot, space, mr_slice_make(prefix, sizeof(prefix)));
    view_iterator_first(iterator);
    return iterator;
}

void dynamodb_past_open(struct dynamodb_past *past, const struct dynamodb_moment *moment)
{
    *past = (struct dynamodb_past){
        .items = iterate(moment->snapshot, VIEW_ITEM, moment->number),
        .to = moment->to,
    };
    if (moment->history != 0 && moment->to != dynamodb_now)
        past->history = iterate(moment->snapshot, VIEW_HISTORY, moment->history);
}

void dynamodb_past_open_changes(struct dynamodb_past *past, const struct dynamodb_moment *moment,
                                uint64_t from)
{
    dynamodb_past_open(past, moment);
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

/* past->key is the beginning of a key of VIEW_HISTORY. The first version of it at or behind the
 * stamp; false: there is none. */
static bool seek_version(struct dynamodb_past *past, uint64_t stamp)
{
    size_t len = past->key.len;
    append_u64(&past->key, stamp);
    view_iterator_seek(past->history, mr_buf_slice(&past->key));
    past->key.len = len;
    return view_iterator_valid(past->history) &&
           mr_slice_equal(history_key(past->history),
                          mr_slice_sub(mr_buf_slice(&past->key), NUMBER_BYTES, len));
}

static struct mr_slice before(struct dynamodb_past *past, uint64_t stamp, struct mr_slice now,
                              struct mr_buf *buffer)
{
    if (!seek_version(past, stamp))
        return now;
    struct mr_slice value = view_iterator_value(past->history);
    return value.len == 0 ? (struct mr_slice){0} : keep(buffer, value);
}

static uint64_t stamp_of(const struct view_iterator *history)
{
    struct mr_slice key = view_iterator_key(history);
    uint64_t stamp = 0;
    for (size_t i = key.len - STAMP_BYTES; i < key.len; i++)
        stamp = stamp << 8 | (uint8_t)key.ptr[i];
    return stamp;
}

/* The stamp of the last change of past->key in the window; 0: there was none. */
static uint64_t last_change(struct dynamodb_past *past)
{
    if (!seek_version(past, past->from) || stamp_of(past->history) >= past->to)
        return 0;
    size_t len = past->key.len;
    append_u64(&past->key, past->to - 1);
    view_iterator_seek_back(past->history, mr_buf_slice(&past->key));
    past->key.len = len;
    return stamp_of(past->history);
}

/* The key under the history's iterator, undone; false: nothing to tell of it. */
static bool undo(struct dynamodb_past *past)
{
    struct mr_slice now = {0};
    struct mr_slice key = view_iterator_key(past->history);
    keep(&past->key, mr_slice_make(key.ptr, key.len - STAMP_BYTES));
    if (view_iterator_valid(past->items) &&
        mr_slice_equal(item_key(past->items), history_key(past->history))) {
        now = keep(&past->buffers[0], view_iterator_value(past->items));
        past->items_used = true;
    }
    past->new_item = before(past, past->to, now, &past->buffers[1]);
    past->old_item = (struct mr_slice){0};
    past->stamp = 0;
    if (past->changes) {
        past->stamp = last_change(past);
        past->old_item = before(past, past->from, now, &past->buffers[2]);
    }
    (void)seek_version(past, UINT64_MAX); /* no stamp is that large: behind the key */
    if (!past->changes)
        return past->new_item.ptr != NULL;
    return past->stamp != 0 && (past->new_item.ptr != NULL || past->old_item.ptr != NULL);
}

enum mr_status dynamodb_past_next(struct dynamodb_past *past)
{
    for (;;) {
        if (past->items_used)
            view_iterator_next(past->items);
        past->items_used = false;
        bool has_item = view_iterator_valid(past->items);
        bool has_history = past->history != NULL && view_iterator_valid(past->history);
        if (!has_item && !has_history)
            break;
        if (!has_history ||
            (has_item && mr_slice_compare(item_key(past->items), history_key(past->history)) < 0)) {
            past->items_used = true;
            if (past->changes)
                continue;
            past->new_item = view_iterator_value(past->items);
            return MR_OK;
        }
        if (undo(past))
            return MR_OK;
    }
    enum mr_status status = view_iterator_status(past->items);
    if (status == MR_OK && past->history != NULL)
        status = view_iterator_status(past->history);
    return status == MR_OK ? MR_END : status;
}
