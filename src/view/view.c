/* view/view.c: the newest changes in memtables of ours, the rest in RocksDB's files.
 *
 * Stored keys: one byte, then the key.
 *   0          of the view itself: "flushed", "cleared" -> i64 little-endian, a journal position
 *   1 + space  the space's keys
 *
 * Writes go to a memtable (memtable.h). A flush seals it, writes it as one sorted file, and hands
 * the file to RocksDB, which takes it in atomically: all spaces and "flushed" at once. RocksDB's
 * own memtable and WAL are never used: its skip list costs a reader and a writer twenty cache
 * misses each where our tree costs four, and it must not flush by itself, because a file could then
 * hold changes that are not durable in the journal yet.
 *
 * A read asks the memtables, newest first, then the files. */
#include "view/view_internal.h"
#include "base/arena.h"
#include "base/log.h"
#include "journal/journal.h"
#include <errno.h>
#include <sys/stat.h>

enum { MEMTABLE_BYTES = 32 << 20, CACHE_BYTES = 32 << 20, CLEAR_BATCH = 1000 };

const struct mr_slice view_flushed_key = MR_S_INIT("\0flushed");
const struct mr_slice view_cleared_key = MR_S_INIT("\0cleared");

unsigned stripes_thread(void)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned mine;
    if (mine == 0)
        mine = 1 + atomic_fetch_add(&threads, 1);
    return mine;
}

enum mr_status view_check(char *message, const char *what)
{
    if (message == NULL)
        return MR_OK;
    enum mr_status code = strncmp(message, "Corruption", 10) == 0 ? MR_FAIL_DATA : MR_FAIL_IO;
    enum mr_status status = MR_RAISE(code, "cannot %s the view: %s", what, message);
    rocksdb_free(message);
    return status;
}

/* ---- stored keys ---- */

void stored_key_init(struct stored_key *stored, enum view_space space, struct mr_slice key)
{
    assert(space < VIEW_SPACES);
    stored->len = key.len + 1;
    stored->ptr = stored->len <= sizeof(stored->small) ? stored->small : mr_malloc(stored->len);
    stored->ptr[0] = (char)(1 + space);
    if (key.len > 0)
        memcpy(stored->ptr + 1, key.ptr, key.len);
}

void stored_key_fini(struct stored_key *stored)
{
    if (stored->ptr != stored->small)
        free(stored->ptr);
}

/* ---- open and close ---- */

/* A position the view keeps for itself, as the files have it; 0 when there is none. */
static enum mr_status own_read(const struct view *view, struct mr_slice key, int64_t *ret_position)
{
    char *message = NULL;
    size_t len = 0;
    char *value = rocksdb_get(view->db, view->reading, key.ptr, key.len, &len, &message);
    if (message != NULL)
        return view_check(message, "read");
    int64_t position = 0;
    if (value != NULL && len == sizeof(position))
        memcpy(&position, value, sizeof(position));
    rocksdb_free(value);
    *ret_position = position;
    return MR_OK;
}

static enum mr_status open_steps(struct view *view, const struct view_options *options)
{
    if (mkdir(options->folder, 0700) != 0 && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", options->folder, strerror(errno));
    enum mr_status status =
        view_files_open(view, options->cache_bytes == 0 ? CACHE_BYTES : options->cache_bytes);
    int64_t flushed = 0, cleared = 0;
    if (status == MR_OK)
        status = own_read(view, view_flushed_key, &flushed);
    if (status == MR_OK)
        status = own_read(view, view_cleared_key, &cleared);
    atomic_store(&view->flushed, flushed);
    atomic_store(&view->cleared, cleared);
    return status;
}

enum mr_status view_open(struct view **ret_view, const struct view_options *options)
{
    struct view *view = mr_calloc(1, sizeof(*view));
    view->folder = mr_strdup_slice(mr_slice_cstr(options->folder));
    view->memtable_bytes = options->memtable_bytes == 0 ? MEMTABLE_BYTES : options->memtable_bytes;
    view->tables[0] = memtable_new();
    pthread_mutex_init(&view->writing, NULL);
    stripes_init(&view->readers);
    enum mr_status status = open_steps(view, options);
    if (status < 0) {
        view_close(view);
        return status;
    }
    *ret_view = view;
    return MR_OK;
}

void view_close(struct view *view)
{
    if (view == NULL)
        return;
    view_files_close(view);
    for (size_t i = 0; i < TABLES_MAX; i++)
        memtable_unref(view->tables[i]);
    pthread_mutex_destroy(&view->writing);
    stripes_fini(&view->readers);
    free(view->folder);
    free(view);
}

/* ---- reads ---- */

static enum mr_status get_from_files(struct view *view, struct mr_slice key, struct mr_buf *buf)
{
    char *message = NULL;
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(view->db, view->reading, key.ptr, key.len, &message);
    if (message != NULL)
        return view_check(message, "read");
    if (found == NULL)
        return MR_NOT_FOUND;
    size_t len;
    const char *value = rocksdb_pinnableslice_value(found, &len);
    mr_buf_append(buf, mr_slice_make(value, len));
    rocksdb_pinnableslice_destroy(found);
    return MR_OK;
}

static enum mr_status get_shared(struct view *view, struct mr_slice key, struct mr_buf *buf)
{
    for (size_t i = 0; i < TABLES_MAX && view->tables[i] != NULL; i++) {
        struct mr_slice value;
        switch (memtable_get(view->tables[i], key, MEMTABLE_NEWEST, &value)) {
        case MEMTABLE_VALUE: mr_buf_append(buf, value); return MR_OK;
        case MEMTABLE_DELETED: return MR_NOT_FOUND;
        case MEMTABLE_ABSENT: break;
        }
    }
    return get_from_files(view, key, buf);
}

enum mr_status view_get(struct view *view, enum view_space space, struct mr_slice key,
                        struct mr_buf *buf)
{
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, space, key);
    pthread_rwlock_t *stripe = stripes_share(&view->readers);
    enum mr_status status = get_shared(view, stored_key_slice(&stored), buf);
    pthread_rwlock_unlock(stripe);
    return status;
}

/* ---- writes ---- */

static void apply_op(struct view *view, const struct journal_op *op, uint64_t sequence)
{
    if (op->kind != JOURNAL_PUT && op->kind != JOURNAL_DELETE)
        return;
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, (enum view_space)op->space, op->key);
    memtable_put(view->tables[0], stored_key_slice(&stored),
                 op->kind == JOURNAL_PUT ? &op->value : NULL, sequence);
}

void view_apply(struct view *view, const struct journal_op *ops, size_t count)
{
    pthread_mutex_lock(&view->writing);
    uint64_t sequence = atomic_load_explicit(&view->sequence, memory_order_relaxed) + 1;
    for (size_t i = 0; i < count; i++)
        apply_op(view, &ops[i], sequence);
    atomic_store_explicit(&view->sequence, sequence, memory_order_release);
    atomic_store_explicit(&view->unflushed, memtable_bytes(view->tables[0]), memory_order_relaxed);
    pthread_mutex_unlock(&view->writing);
}

static void own_write_locked(struct view *view, struct mr_slice key, int64_t position)
{
    uint64_t sequence = atomic_load_explicit(&view->sequence, memory_order_relaxed) + 1;
    struct mr_slice value = mr_slice_make(&position, sizeof(position));
    memtable_put(view->tables[0], key, &value, sequence);
    atomic_store_explicit(&view->sequence, sequence, memory_order_release);
}

/* Single deletes: a range tombstone would slow every read until it is compacted away. */
static enum mr_status clear_space(struct view *view, enum view_space space)
{
    struct mr_arena arena;
    struct journal_op *ops = mr_malloc(CLEAR_BATCH * sizeof(*ops));
    struct view_iterator *iterator = view_iterate(view, space, (struct mr_slice){0});
    mr_arena_init(&arena);
    view_iterator_first(iterator);
    while (view_iterator_valid(iterator)) {
        size_t count = 0;
        for (; count < CLEAR_BATCH && view_iterator_valid(iterator); view_iterator_next(iterator))
            ops[count++] = (struct journal_op){
                .kind = JOURNAL_DELETE,
                .space = (uint8_t)space,
                .key = mr_arena_copy(&arena, view_iterator_key(iterator)),
            };
        view_apply(view, ops, count);
        mr_arena_reset(&arena);
    }
    enum mr_status status = view_iterator_status(iterator);
    view_iterator_free(iterator);
    mr_arena_fini(&arena);
    free(ops);
    return status;
}

enum mr_status view_clear(struct view *view, int64_t position)
{
    enum mr_status status = MR_OK;
    for (int space = 0; status == MR_OK && space < VIEW_SPACES; space++)
        status = clear_space(view, (enum view_space)space);
    if (status != MR_OK)
        return status;
    pthread_mutex_lock(&view->writing);
    own_write_locked(view, view_cleared_key, position);
    pthread_mutex_unlock(&view->writing);
    atomic_store(&view->cleared, position);
    return MR_OK;
}

int64_t view_cleared(const struct view *view)
{
    return atomic_load(&view->cleared);
}

/* ---- flush ---- */

int64_t view_flushed(const struct view *view)
{
    return atomic_load(&view->flushed);
}

size_t view_unflushed_bytes(const struct view *view)
{
    return atomic_load_explicit(&view->unflushed, memory_order_relaxed);
}

size_t view_memtable_bytes(const struct view *view)
{
    return view->memtable_bytes;
}

void view_flush_begin(struct view *view, int64_t position)
{
    assert(view->tables[1] == NULL);
    struct memtable *fresh = memtable_new();
    pthread_mutex_lock(&view->writing);
    own_write_locked(view, view_flushed_key, position);
    stripes_lock_all(&view->readers);
    view->tables[1] = view->tables[0];
    view->tables[0] = fresh;
    atomic_fetch_add(&view->seals, 1);
    stripes_unlock_all(&view->readers);
    atomic_store_explicit(&view->unflushed, 0, memory_order_relaxed);
    pthread_mutex_unlock(&view->writing);
    view->sealed_position = position;
}

enum mr_status view_flush_end(struct view *view)
{
    struct memtable *sealed = view->tables[1];
    assert(sealed != NULL);
    enum mr_status status = view_files_add(view, sealed);
    if (status != MR_OK)
        return status; /* it goes on answering from memory */
    stripes_lock_all(&view->readers);
    view->tables[1] = NULL;
    stripes_unlock_all(&view->readers);
    memtable_unref(sealed);
    atomic_store(&view->flushed, view->sealed_position);
    return MR_OK;
}
