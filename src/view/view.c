/* view/view.c: the newest changes in memtables, the rest in sorted files.
 *
 * Stored keys: one byte, then the key.
 *   0          of the view itself: "flushed", "cleared" -> i64 little-endian, a journal position
 *   1 + space  the space's keys
 *
 * Writes go to a memtable (memtable.h). A flush seals it and writes it as one run (run.h), which
 * takes its place in one step: all spaces and "flushed" at once. Runs are merged in the background
 * (merge.c). A read asks the memtables, newest first, then the runs, newest first. */
#include "view/view_internal.h"
#include "base/arena.h"
#include "base/log.h"
#include "journal/journal.h"
#include "view/hash.h"
#include <errno.h>
#include <sys/stat.h>

enum { MEMTABLE_BYTES = 32 << 20 };

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

/* A position the view keeps for itself, as the runs have it; 0 when there is none. */
static enum mr_status own_read(const struct view *view, struct mr_slice key, int64_t *ret_position)
{
    enum memtable_found found;
    struct mr_slice value;
    enum mr_status status = runs_get(view->runs, key, view_hash(key), &found, &value);
    *ret_position = 0;
    if (status == MR_OK && found == MEMTABLE_VALUE && value.len == sizeof(*ret_position))
        memcpy(ret_position, value.ptr, sizeof(*ret_position));
    return status;
}

static enum mr_status open_steps(struct view *view)
{
    if (mkdir(view->folder, 0700) != 0 && errno != EEXIST)
        return MR_RAISE(MR_FAIL_IO, "cannot make '%s': %s", view->folder, strerror(errno));
    enum mr_status status = view_files_open(view);
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
    view->run_bytes_max = RUN_BYTES_MAX;
    view->tables[0] = memtable_new();
    pthread_mutex_init(&view->writing, NULL);
    pthread_mutex_init(&view->files.lock, NULL);
    pthread_cond_init(&view->files.work, NULL);
    pthread_cond_init(&view->files.moved, NULL);
    stripes_init(&view->readers);
    enum mr_status status = open_steps(view);
    if (status < 0) {
        view_close(view);
        return status;
    }
    view_merger_start(view);
    *ret_view = view;
    return MR_OK;
}

void view_close(struct view *view)
{
    if (view == NULL)
        return;
    view_merger_stop(view);
    runs_unref(view->runs);
    for (size_t i = 0; i < TABLES_MAX; i++)
        memtable_unref(view->tables[i]);
    pthread_mutex_destroy(&view->writing);
    pthread_mutex_destroy(&view->files.lock);
    pthread_cond_destroy(&view->files.work);
    pthread_cond_destroy(&view->files.moved);
    stripes_fini(&view->readers);
    free(view->folder);
    free(view);
}

/* ---- reads ---- */

static enum mr_status get_shared(const struct view *view, struct mr_slice key, struct mr_buf *buf)
{
    uint64_t hash = view_hash(key);
    /* A commit whose changes are still going in, one by one, is not there yet. */
    uint64_t newest = atomic_load_explicit(&view->sequence, memory_order_acquire);
    enum memtable_found found = MEMTABLE_ABSENT;
    struct mr_slice value;
    enum mr_status status = MR_OK;
    runs_prefetch(view->runs, hash); /* they come while the memtables are searched */
    for (size_t i = 0; found == MEMTABLE_ABSENT && i < TABLES_MAX && view->tables[i] != NULL; i++)
        found = memtable_get(view->tables[i], key, hash, newest, &value);
    if (found == MEMTABLE_ABSENT)
        status = runs_get(view->runs, key, hash, &found, &value);
    if (status < 0)
        return status;
    if (found != MEMTABLE_VALUE)
        return MR_NOT_FOUND;
    mr_buf_append(buf, value);
    return MR_OK;
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

static void apply_op(struct memtable *table, const struct journal_op *op, uint64_t sequence)
{
    if (op->kind != JOURNAL_PUT && op->kind != JOURNAL_DELETE)
        return;
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, (enum view_space)op->space, op->key);
    memtable_put(table, stored_key_slice(&stored), op->kind == JOURNAL_PUT ? &op->value : NULL,
                 sequence);
}

void view_apply(struct view *view, const struct journal_op *ops, size_t count)
{
    pthread_mutex_lock(&view->writing);
    uint64_t sequence = atomic_load_explicit(&view->sequence, memory_order_relaxed) + 1;
    for (size_t i = 0; i < count; i++)
        apply_op(view->tables[0], &ops[i], sequence);
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

/* The reset's own entry, and the two positions; it becomes the only run. */
static struct memtable *cleared_table(int64_t position, const struct journal_op *ops, size_t count)
{
    struct memtable *table = memtable_new();
    const struct mr_slice value = mr_slice_make(&position, sizeof(position));
    for (size_t i = 0; i < count; i++)
        apply_op(table, &ops[i], 1);
    memtable_put(table, view_cleared_key, &value, 1);
    memtable_put(table, view_flushed_key, &value, 1);
    return table;
}

/* No tombstone a key: the runs and the memtable go as they are. */
enum mr_status view_clear(struct view *view, int64_t position, const struct journal_op *ops,
                          size_t count)
{
    assert(view->tables[1] == NULL);
    struct memtable *table = cleared_table(position, ops, count);
    enum mr_status status = view_files_clear(view, table);
    memtable_unref(table);
    if (status != MR_OK)
        return status;
    atomic_store_explicit(&view->unflushed, 0, memory_order_relaxed);
    atomic_store(&view->cleared, position);
    atomic_store(&view->flushed, position);
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
    memtable_unref(sealed);
    atomic_store(&view->flushed, view->sealed_position);
    view_merger_wake(view);
    return MR_OK;
}
