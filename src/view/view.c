/* view/view.c: the view on RocksDB.
 *
 * Stored keys: one byte, then the key.
 *   0          of the view itself: "flushed", "cleared" -> i64 little-endian, a journal position
 *   1 + space  the space's keys
 *
 * One column family holds all spaces. A flush is then one memtable and one file: atomic without
 * RocksDB's atomic flush (whose manual form its C API lacks before version 8), one memtable's
 * memory instead of five, fewer files and a quicker opening. What column families would give,
 * options per space, is not needed.
 *
 * RocksDB must never flush by itself: the file could then hold changes that are not durable in the
 * journal yet, and after a power cut the view would know what the journal does not. So the memtable
 * has no limit that is ever reached (the store flushes and holds writers back), and nothing is
 * flushed on closing. */
#include "view/view.h"
#include "base/arena.h"
#include "base/log.h"
#include "journal/journal.h"
#include <assert.h>
#include <errno.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    MEMTABLE_BYTES = 32 << 20,
    CACHE_BYTES = 32 << 20,
    OPEN_FILES_MAX = 256,
    KEY_BYTES = 512, /* longer keys are built on the heap */
    CLEAR_BATCH = 1000,
};

struct view {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reading, *reading_disk;
    rocksdb_writeoptions_t *writing;
    rocksdb_flushoptions_t *flushing, *flushing_wait;
    size_t memtable_bytes;
    _Atomic size_t unflushed;
    _Atomic int64_t flushed, cleared;
    int64_t flush_begun; /* position of the last view_flush; its callers take turns */
};

struct view_batch {
    rocksdb_writebatch_t *rep;
    size_t bytes;
};

static const char flushed_key[] = "\0flushed", cleared_key[] = "\0cleared";
enum { OWN_KEY_BYTES = sizeof(flushed_key) - 1 };
_Static_assert(sizeof(flushed_key) == sizeof(cleared_key), "one length for both");

/* Raises RocksDB's message, if any, and frees it. */
static enum mr_status check(char *message, const char *what)
{
    if (message == NULL)
        return MR_OK;
    enum mr_status code = strncmp(message, "Corruption", 10) == 0 ? MR_FAIL_DATA : MR_FAIL_IO;
    enum mr_status status = MR_RAISE(code, "cannot %s the view: %s", what, message);
    rocksdb_free(message);
    return status;
}

/* ---- stored keys ---- */

struct stored_key {
    char *ptr;
    size_t len;
    char small[KEY_BYTES];
};

static void stored_key_init(struct stored_key *stored, enum view_space space, struct mr_slice key)
{
    assert(space < VIEW_SPACES);
    stored->len = key.len + 1;
    stored->ptr = stored->len <= sizeof(stored->small) ? stored->small : mr_malloc(stored->len);
    stored->ptr[0] = (char)(1 + space);
    if (key.len > 0)
        memcpy(stored->ptr + 1, key.ptr, key.len);
}

static void stored_key_fini(struct stored_key *stored)
{
    if (stored->ptr != stored->small)
        free(stored->ptr);
}

/* ---- open and close ---- */

static rocksdb_options_t *options_make(char **ret_message)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_t *base = rocksdb_options_create();
    /* The one option that the C API has no function for. */
    rocksdb_get_options_from_string(base, "avoid_flush_during_shutdown=true", options, ret_message);
    rocksdb_options_destroy(base);
    return options;
}

static void options_set_table(rocksdb_options_t *options, size_t cache_bytes)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_cache_t *cache = rocksdb_cache_create_lru(cache_bytes);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_cache_destroy(cache); /* the table options hold it */
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_whole_key_filtering(table, 1);
    rocksdb_block_based_options_set_block_size(table, 8 << 10);
    /* Or indexes and filters would grow without a bound beside the cache. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static void options_set(rocksdb_options_t *options)
{
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_write_buffer_size(options, (size_t)1 << 40);
    rocksdb_options_set_arena_block_size(options, 256 << 10);
    rocksdb_options_set_max_write_buffer_number(options, 6);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_bytes_per_sync(options, 1 << 20);
    rocksdb_options_set_max_manifest_file_size(options, 16 << 20);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_info_log_level(options, 3); /* errors */
    rocksdb_options_set_keep_log_file_num(options, 1);
}

static void access_init(struct view *view)
{
    view->reading = rocksdb_readoptions_create();
    view->reading_disk = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(view->reading_disk, 2); /* what is in files only */
    view->writing = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(view->writing, 1);
    view->flushing = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(view->flushing, 0);
    view->flushing_wait = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(view->flushing_wait, 1);
}

/* A position the view keeps for itself; 0 when there is none. */
static enum mr_status own_read(const struct view *view, rocksdb_readoptions_t *reading,
                               const char *key, int64_t *ret_position)
{
    char *message = NULL;
    size_t len = 0;
    char *value = rocksdb_get(view->db, reading, key, OWN_KEY_BYTES, &len, &message);
    if (message != NULL)
        return check(message, "read");
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
    char *message = NULL;
    view->options = options_make(&message);
    if (message != NULL)
        return check(message, "configure");
    options_set(view->options);
    options_set_table(view->options,
                      options->cache_bytes == 0 ? CACHE_BYTES : options->cache_bytes);
    view->db = rocksdb_open(view->options, options->folder, &message);
    if (message != NULL)
        return check(message, "open");
    int64_t flushed, cleared;
    enum mr_status status = own_read(view, view->reading, flushed_key, &flushed);
    if (status == MR_OK)
        status = own_read(view, view->reading, cleared_key, &cleared);
    if (status < 0)
        return status;
    atomic_store(&view->flushed, flushed);
    atomic_store(&view->cleared, cleared);
    return MR_OK;
}

enum mr_status view_open(struct view **ret_view, const struct view_options *options)
{
    struct view *view = mr_calloc(1, sizeof(*view));
    view->memtable_bytes = options->memtable_bytes == 0 ? MEMTABLE_BYTES : options->memtable_bytes;
    access_init(view);
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
    if (view->db != NULL)
        rocksdb_close(view->db);
    if (view->options != NULL)
        rocksdb_options_destroy(view->options);
    rocksdb_readoptions_destroy(view->reading);
    rocksdb_readoptions_destroy(view->reading_disk);
    rocksdb_writeoptions_destroy(view->writing);
    rocksdb_flushoptions_destroy(view->flushing);
    rocksdb_flushoptions_destroy(view->flushing_wait);
    free(view);
}

/* ---- reads ---- */

enum mr_status view_get(struct view *view, enum view_space space, struct mr_slice key,
                        struct mr_buf *buf)
{
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, space, key);
    char *message = NULL;
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(view->db, view->reading, stored.ptr, stored.len, &message);
    if (message != NULL)
        return check(message, "read");
    if (found == NULL)
        return MR_NOT_FOUND;
    size_t len;
    const char *value = rocksdb_pinnableslice_value(found, &len);
    mr_buf_append(buf, mr_slice_make(value, len));
    rocksdb_pinnableslice_destroy(found);
    return MR_OK;
}

/* ---- writes ---- */

struct view_batch *view_batch_new(void)
{
    struct view_batch *batch = mr_calloc(1, sizeof(*batch));
    batch->rep = rocksdb_writebatch_create();
    return batch;
}

void view_batch_free(struct view_batch *batch)
{
    if (batch == NULL)
        return;
    rocksdb_writebatch_destroy(batch->rep);
    free(batch);
}

/* Bytes it will take in the memtable, roughly. */
static size_t batch_add_op(rocksdb_writebatch_t *batch, const struct journal_op *op)
{
    enum { MEMTABLE_OVERHEAD = 48 };
    if (op->kind != JOURNAL_PUT && op->kind != JOURNAL_DELETE)
        return 0;
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, (enum view_space)op->space, op->key);
    if (op->kind == JOURNAL_DELETE) {
        rocksdb_writebatch_delete(batch, stored.ptr, stored.len);
        return stored.len + MEMTABLE_OVERHEAD;
    }
    rocksdb_writebatch_put(batch, stored.ptr, stored.len, op->value.len > 0 ? op->value.ptr : "",
                           op->value.len);
    return stored.len + op->value.len + MEMTABLE_OVERHEAD;
}

void view_batch_add(struct view_batch *batch, const struct journal_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++)
        batch->bytes += batch_add_op(batch->rep, &ops[i]);
}

size_t view_batch_bytes(const struct view_batch *batch)
{
    return batch->bytes;
}

enum mr_status view_batch_write(struct view *view, struct view_batch *batch)
{
    if (batch->bytes == 0)
        return MR_OK;
    char *message = NULL;
    rocksdb_write(view->db, view->writing, batch->rep, &message);
    atomic_fetch_add_explicit(&view->unflushed, batch->bytes, memory_order_relaxed);
    rocksdb_writebatch_clear(batch->rep);
    batch->bytes = 0;
    return check(message, "write");
}

enum mr_status view_apply(struct view *view, const struct journal_op *ops, size_t count)
{
    struct view_batch batch = {.rep = rocksdb_writebatch_create()};
    view_batch_add(&batch, ops, count);
    enum mr_status status = view_batch_write(view, &batch);
    rocksdb_writebatch_destroy(batch.rep);
    return status;
}

static enum mr_status own_write(struct view *view, const char *key, int64_t position)
{
    char *message = NULL;
    rocksdb_put(view->db, view->writing, key, OWN_KEY_BYTES, (const char *)&position,
                sizeof(position), &message);
    return check(message, "write");
}

/* Single deletes: a range tombstone would slow every read until it is compacted away. */
static enum mr_status clear_keys(struct view *view, rocksdb_iterator_t *iterator)
{
    struct view_batch batch = {.rep = rocksdb_writebatch_create()};
    enum mr_status status = MR_OK;
    rocksdb_iter_seek(iterator, "\1", 1);
    for (size_t n = 1; status == MR_OK && rocksdb_iter_valid(iterator); n++) {
        size_t len;
        const char *key = rocksdb_iter_key(iterator, &len);
        rocksdb_writebatch_delete(batch.rep, key, len);
        batch.bytes += len;
        if (n % CLEAR_BATCH == 0)
            status = view_batch_write(view, &batch);
        rocksdb_iter_next(iterator);
    }
    char *message = NULL;
    rocksdb_iter_get_error(iterator, &message);
    if (status == MR_OK)
        status = check(message, "read");
    else
        rocksdb_free(message);
    if (status == MR_OK)
        status = view_batch_write(view, &batch);
    rocksdb_writebatch_destroy(batch.rep);
    return status;
}

enum mr_status view_clear(struct view *view, int64_t position)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator(view->db, view->reading);
    enum mr_status status = clear_keys(view, iterator);
    rocksdb_iter_destroy(iterator);
    if (status == MR_OK)
        status = own_write(view, cleared_key, position);
    if (status == MR_OK)
        atomic_store(&view->cleared, position);
    return status;
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

enum mr_status view_flush(struct view *view, int64_t position, bool wait)
{
    enum mr_status status = own_write(view, flushed_key, position);
    if (status < 0)
        return status;
    char *message = NULL;
    atomic_store(&view->unflushed, 0);
    rocksdb_flush(view->db, wait ? view->flushing_wait : view->flushing, &message);
    status = check(message, "flush");
    if (status < 0)
        return status;
    view->flush_begun = position;
    if (wait)
        atomic_store(&view->flushed, position);
    return MR_OK;
}

static bool has_failed(const struct view *view)
{
    uint64_t errors = 0;
    return rocksdb_property_int(view->db, "rocksdb.background-errors", &errors) == 0 && errors > 0;
}

enum mr_status view_flush_poll(struct view *view)
{
    if (atomic_load(&view->flushed) >= view->flush_begun)
        return MR_OK;
    /* The C API tells nobody when a flush ends; the position itself, read from files only, does. */
    int64_t on_disk;
    enum mr_status status = own_read(view, view->reading_disk, flushed_key, &on_disk);
    if (status < 0)
        return status;
    if (on_disk < view->flush_begun)
        return has_failed(view)
                   ? MR_RAISE(MR_FAIL_IO, "cannot flush the view: see LOG in its folder")
                   : MR_AGAIN;
    atomic_store(&view->flushed, on_disk);
    return MR_OK;
}

/* ---- iterators ---- */

struct view_iterator {
    rocksdb_iterator_t *rep;
    rocksdb_readoptions_t *reading;
    enum view_space space;
    struct stored_key lower, upper; /* bounds; RocksDB keeps pointers into them */
};

/* The least key above all that begin with `key`. The first byte is a space's, so there is one. */
static void make_successor(struct stored_key *key)
{
    while ((unsigned char)key->ptr[key->len - 1] == 0xff)
        key->len--;
    key->ptr[key->len - 1]++;
}

static struct view_iterator *iterate(struct view *view, const rocksdb_snapshot_t *snapshot,
                                     enum view_space space, struct mr_slice prefix)
{
    struct view_iterator *iterator = mr_malloc(sizeof(*iterator));
    iterator->space = space;
    stored_key_init(&iterator->lower, space, prefix);
    stored_key_init(&iterator->upper, space, prefix);
    make_successor(&iterator->upper);
    iterator->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_lower_bound(iterator->reading, iterator->lower.ptr,
                                                iterator->lower.len);
    rocksdb_readoptions_set_iterate_upper_bound(iterator->reading, iterator->upper.ptr,
                                                iterator->upper.len);
    if (snapshot != NULL)
        rocksdb_readoptions_set_snapshot(iterator->reading, snapshot);
    iterator->rep = rocksdb_create_iterator(view->db, iterator->reading);
    return iterator;
}

struct view_iterator *view_iterate(struct view *view, enum view_space space, struct mr_slice prefix)
{
    return iterate(view, NULL, space, prefix);
}

struct view_snapshot {
    struct view *view;
    const rocksdb_snapshot_t *rep;
};

struct view_snapshot *view_snapshot_new(struct view *view)
{
    struct view_snapshot *snapshot = mr_malloc(sizeof(*snapshot));
    *snapshot = (struct view_snapshot){.view = view, .rep = rocksdb_create_snapshot(view->db)};
    return snapshot;
}

void view_snapshot_free(struct view_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    rocksdb_release_snapshot(snapshot->view->db, snapshot->rep);
    free(snapshot);
}

struct view_iterator *view_snapshot_iterate(struct view_snapshot *snapshot, enum view_space space,
                                            struct mr_slice prefix)
{
    return iterate(snapshot->view, snapshot->rep, space, prefix);
}

void view_iterator_free(struct view_iterator *iterator)
{
    if (iterator == NULL)
        return;
    rocksdb_iter_destroy(iterator->rep);
    rocksdb_readoptions_destroy(iterator->reading);
    stored_key_fini(&iterator->lower);
    stored_key_fini(&iterator->upper);
    free(iterator);
}

void view_iterator_seek(struct view_iterator *iterator, struct mr_slice key)
{
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, iterator->space, key);
    rocksdb_iter_seek(iterator->rep, stored.ptr, stored.len);
}

void view_iterator_seek_back(struct view_iterator *iterator, struct mr_slice key)
{
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, iterator->space, key);
    rocksdb_iter_seek_for_prev(iterator->rep, stored.ptr, stored.len);
}

void view_iterator_first(struct view_iterator *iterator)
{
    rocksdb_iter_seek_to_first(iterator->rep);
}

void view_iterator_last(struct view_iterator *iterator)
{
    rocksdb_iter_seek_to_last(iterator->rep);
}

bool view_iterator_valid(const struct view_iterator *iterator)
{
    return rocksdb_iter_valid(iterator->rep);
}

void view_iterator_next(struct view_iterator *iterator)
{
    rocksdb_iter_next(iterator->rep);
}

void view_iterator_prev(struct view_iterator *iterator)
{
    rocksdb_iter_prev(iterator->rep);
}

enum mr_status view_iterator_status(const struct view_iterator *iterator)
{
    char *message = NULL;
    rocksdb_iter_get_error(iterator->rep, &message);
    return check(message, "read");
}

struct mr_slice view_iterator_key(const struct view_iterator *iterator)
{
    size_t len;
    const char *key = rocksdb_iter_key(iterator->rep, &len);
    return mr_slice_make(key + 1, len - 1);
}

struct mr_slice view_iterator_value(const struct view_iterator *iterator)
{
    size_t len;
    const char *value = rocksdb_iter_value(iterator->rep, &len);
    return mr_slice_make(value, len);
}
