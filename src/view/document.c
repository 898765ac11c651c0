/* view/document.c: entries in the making, window ids, documents, cursors.
 *
 * Stored keys: VIEW_META "<service>/<kind>/<name>" -> the document's JSON,
 *              VIEW_META "\0window" -> u32 little-endian, the last window id handed out,
 *              VIEW_CURSOR <name> -> i64 little-endian, a journal position. */
#include "view/internal.h"
#include <assert.h>

const struct mr_slice store_window_key = MR_S_INIT("\0window");

/* ---- entries ---- */

struct store_entry store_entry_make(struct mr_arena *arena)
{
    return (struct store_entry){.arena = arena};
}

static struct journal_op *entry_add(struct store_entry *entry, struct journal_op op)
{
    if (entry->count == entry->capacity) {
        size_t capacity = entry->capacity == 0 ? 4 : entry->capacity * 2;
        struct journal_op *ops = mr_arena_alloc(entry->arena, capacity * sizeof(*ops));
        if (entry->count > 0)
            memcpy(ops, entry->ops, entry->count * sizeof(*ops));
        entry->ops = ops;
        entry->capacity = capacity;
    }
    entry->ops[entry->count] = op;
    return &entry->ops[entry->count++];
}

struct journal_op *store_entry_put(struct store_entry *entry, enum view_space space,
                                   struct mr_slice key, struct mr_slice value)
{
    return entry_add(entry,
                     (struct journal_op){
                         .kind = JOURNAL_PUT, .space = (uint8_t)space, .key = key, .value = value});
}

struct journal_op *store_entry_delete(struct store_entry *entry, enum view_space space,
                                      struct mr_slice key)
{
    return entry_add(
        entry, (struct journal_op){.kind = JOURNAL_DELETE, .space = (uint8_t)space, .key = key});
}

struct journal_op *store_entry_append(struct store_entry *entry, uint32_t window,
                                      struct mr_slice key, struct mr_slice value)
{
    assert(window != 0);
    return entry_add(
        entry,
        (struct journal_op){.kind = JOURNAL_APPEND, .window = window, .key = key, .value = value});
}

struct journal_op *store_entry_note(struct store_entry *entry, struct mr_slice key,
                                    struct mr_slice value)
{
    return entry_add(entry, (struct journal_op){.kind = JOURNAL_NOTE, .key = key, .value = value});
}

/* ---- windows ---- */

bool store_is_window_counter(const struct journal_op *op)
{
    return op->key.ptr == store_window_key.ptr;
}

enum mr_status store_windows_load(struct store *store)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf value = {0};
    uint32_t last = 0;
    enum mr_status status = view_get(store->view, VIEW_META, store_window_key, &value);
    if (status < 0)
        return status;
    if (status == MR_OK) {
        if (value.len != sizeof(last))
            return MR_RAISE(MR_FAIL_DATA, "the counter of windows is damaged");
        memcpy(&last, value.data, sizeof(last));
    }
    atomic_store(&store->windows.last, last);
    return MR_OK;
}

uint32_t store_window_new(struct store *store, struct store_entry *entry)
{
    uint32_t window = atomic_fetch_add(&store->windows.last, 1) + 1;
    assert(window != 0);
    /* One counter op an entry is enough; store_commit fills in its value. */
    for (size_t i = 0; i < entry->count; i++)
        if (store_is_window_counter(&entry->ops[i]))
            return window;
    store_entry_put(entry, VIEW_META, store_window_key, (struct mr_slice){0});
    return window;
}

/* ---- documents ---- */

struct mr_slice store_doc_key(struct mr_arena *arena, const char *service, const char *kind,
                              struct mr_slice name)
{
    struct mr_slice parts[] = {mr_slice_cstr(service), MR_S("/"), mr_slice_cstr(kind), MR_S("/"),
                               name};
    size_t len = 0;
    for (size_t i = 0; i < MR_COUNT(parts); i++)
        len += parts[i].len;
    char *key = mr_arena_alloc(arena, len), *next = key;
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        if (parts[i].len > 0)
            memcpy(next, parts[i].ptr, parts[i].len);
        next += parts[i].len;
    }
    return mr_slice_make(key, len);
}

void store_doc_put(struct store_entry *entry, const char *service, const char *kind,
                   struct mr_slice name, struct mr_slice json)
{
    struct mr_slice key = store_doc_key(entry->arena, service, kind, name);
    store_entry_put(entry, VIEW_META, key, json);
}

void store_doc_delete(struct store_entry *entry, const char *service, const char *kind,
                      struct mr_slice name)
{
    store_entry_delete(entry, VIEW_META, store_doc_key(entry->arena, service, kind, name));
}

enum mr_status store_doc_get(struct store *store, struct mr_arena *arena, const char *service,
                             const char *kind, struct mr_slice name, struct mr_slice *ret_json)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf value = {0};
    struct mr_slice key = store_doc_key(arena, service, kind, name);
    enum mr_status status = view_get(store->view, VIEW_META, key, &value);
    if (status == MR_OK)
        *ret_json = mr_arena_copy(arena, mr_buf_slice(&value));
    return status;
}

enum mr_status store_doc_get_at(struct view_snapshot *snapshot, struct mr_arena *arena,
                                const char *service, const char *kind, struct mr_slice name,
                                struct mr_slice *ret_json)
{
    const struct mr_slice key = store_doc_key(arena, service, kind, name);
    struct view_iterator *iterator = view_snapshot_iterate(snapshot, VIEW_META, key);
    view_iterator_seek(iterator, key);
    enum mr_status status = view_iterator_status(iterator);
    if (status == MR_OK &&
        !(view_iterator_valid(iterator) && mr_slice_equal(view_iterator_key(iterator), key)))
        status = MR_NOT_FOUND;
    if (status == MR_OK)
        *ret_json = mr_arena_copy(arena, view_iterator_value(iterator));
    view_iterator_free(iterator);
    return status;
}

enum mr_status store_doc_each(
    struct store *store, const char *service, const char *kind, struct mr_slice name_prefix,
    enum mr_status (*fn)(void *ctx, struct mr_slice name, struct mr_slice json), void *ctx)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    size_t before_name = store_doc_key(&arena, service, kind, (struct mr_slice){0}).len;
    struct view_iterator *iterator =
        view_iterate(store->view, VIEW_META, store_doc_key(&arena, service, kind, name_prefix));
    enum mr_status status = MR_OK;
    view_iterator_first(iterator);
    for (; status == MR_OK && view_iterator_valid(iterator); view_iterator_next(iterator)) {
        struct mr_slice key = view_iterator_key(iterator);
        status = fn(ctx, mr_slice_make(key.ptr + before_name, key.len - before_name),
                    view_iterator_value(iterator));
    }
    if (status == MR_OK)
        status = view_iterator_status(iterator);
    view_iterator_free(iterator);
    mr_arena_fini(&arena);
    return status == MR_END ? MR_OK : status;
}

/* ---- cursors ---- */

void store_cursor_put(struct store_entry *entry, struct mr_slice name, int64_t position)
{
    struct mr_slice value = mr_arena_copy(entry->arena, mr_slice_make(&position, sizeof(position)));
    store_entry_put(entry, VIEW_CURSOR, name, value);
}

enum mr_status store_cursor_get(struct store *store, struct mr_slice name, int64_t *ret_position)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf value = {0};
    enum mr_status status = view_get(store->view, VIEW_CURSOR, name, &value);
    if (status != MR_OK)
        return status;
    if (value.len != sizeof(*ret_position))
        return MR_RAISE(MR_FAIL_DATA, "cursor '%.*s' is damaged", MR_ARG(name));
    memcpy(ret_position, value.data, sizeof(*ret_position));
    return MR_OK;
}
