/* view/iterator.c: one walk over the memtables and the files, as of one commit. */
#include "view/view_internal.h"
#include "base/arena.h"

enum { FILES = TABLES_MAX, SOURCES = TABLES_MAX + 1 }; /* newest first; the files are the last */

/* The memtables as of one commit. */
struct moment {
    uint64_t sequence;
    struct memtable *tables[TABLES_MAX]; /* referenced; NULL: none */
};

struct view_iterator {
    enum view_space space;
    struct stored_key lower, upper; /* bounds; RocksDB keeps pointers into them */
    struct moment moment;
    struct memtable_cursor cursors[TABLES_MAX];
    rocksdb_iterator_t *rep;
    rocksdb_readoptions_t *reading;
    bool backward;       /* the way the sources stand: none behind the key, on that way */
    int at;              /* the source whose key it is; SOURCES: at no key */
    struct mr_slice key; /* stored */
};

/* ---- sources ---- */

static bool source_key(const struct view_iterator *iterator, int source, struct mr_slice *ret_key)
{
    if (source == FILES) {
        if (!rocksdb_iter_valid(iterator->rep))
            return false;
        size_t len;
        const char *key = rocksdb_iter_key(iterator->rep, &len);
        *ret_key = mr_slice_make(key, len);
        return true;
    }
    const struct memtable_cursor *cursor = &iterator->cursors[source];
    if (iterator->moment.tables[source] == NULL || !cursor->valid)
        return false;
    *ret_key = cursor->key;
    return iterator->backward
               ? mr_slice_compare(cursor->key, stored_key_slice(&iterator->lower)) >= 0
               : mr_slice_compare(cursor->key, stored_key_slice(&iterator->upper)) < 0;
}

static void source_step(struct view_iterator *iterator, int source)
{
    if (source == FILES && iterator->backward)
        rocksdb_iter_prev(iterator->rep);
    else if (source == FILES)
        rocksdb_iter_next(iterator->rep);
    else if (iterator->backward)
        memtable_prev(&iterator->cursors[source]);
    else
        memtable_next(&iterator->cursors[source]);
}

/* To the first key >= key. */
static void seek_all(struct view_iterator *iterator, struct mr_slice key)
{
    iterator->backward = false;
    for (int i = 0; i < TABLES_MAX; i++) {
        if (iterator->moment.tables[i] != NULL)
            memtable_seek(&iterator->cursors[i], key);
    }
    rocksdb_iter_seek(iterator->rep, key.ptr, key.len);
}

/* To the last key < key. */
static void seek_all_before(struct view_iterator *iterator, struct mr_slice key)
{
    iterator->backward = true;
    for (int i = 0; i < TABLES_MAX; i++) {
        if (iterator->moment.tables[i] != NULL)
            memtable_seek_before(&iterator->cursors[i], key);
    }
    rocksdb_iter_seek_for_prev(iterator->rep, key.ptr, key.len);
    size_t len;
    const char *found =
        rocksdb_iter_valid(iterator->rep) ? rocksdb_iter_key(iterator->rep, &len) : NULL;
    if (found != NULL && mr_slice_equal(mr_slice_make(found, len), key))
        rocksdb_iter_prev(iterator->rep);
}

/* ---- the merge ---- */

/* The next key of all sources on the way; of equal ones the newest source's. */
static void choose(struct view_iterator *iterator)
{
    iterator->at = SOURCES;
    for (int i = 0; i < SOURCES; i++) {
        struct mr_slice key;
        if (!source_key(iterator, i, &key))
            continue;
        int compared = iterator->at == SOURCES ? -1 : mr_slice_compare(key, iterator->key);
        if (iterator->at == SOURCES || (iterator->backward ? compared > 0 : compared < 0)) {
            iterator->at = i;
            iterator->key = key;
        }
    }
}

/* Past the key that was chosen, in every source. The files' come last: the key may lie in theirs.
 */
static void pass(struct view_iterator *iterator)
{
    for (int i = 0; i < SOURCES; i++) {
        struct mr_slice key;
        if (i != iterator->at && source_key(iterator, i, &key) &&
            mr_slice_equal(key, iterator->key))
            source_step(iterator, i);
    }
    source_step(iterator, iterator->at);
}

static bool is_deleted(const struct view_iterator *iterator)
{
    return iterator->at < FILES && iterator->cursors[iterator->at].deleted;
}

static void settle(struct view_iterator *iterator)
{
    for (choose(iterator); iterator->at != SOURCES && is_deleted(iterator); choose(iterator))
        pass(iterator);
}

/* ---- life ---- */

/* The least key above all that begin with `key`. The first byte is a space's, so there is one. */
static void make_successor(struct stored_key *key)
{
    while ((unsigned char)key->ptr[key->len - 1] == 0xff)
        key->len--;
    key->ptr[key->len - 1]++;
}

static struct moment moment_take(struct view *view)
{
    struct moment moment;
    pthread_rwlock_t *stripe = stripes_share(&view->readers);
    moment.sequence = atomic_load_explicit(&view->sequence, memory_order_acquire);
    for (int i = 0; i < TABLES_MAX; i++)
        moment.tables[i] = view->tables[i] == NULL ? NULL : memtable_ref(view->tables[i]);
    pthread_rwlock_unlock(stripe);
    return moment;
}

static struct moment moment_ref(const struct moment *moment)
{
    for (int i = 0; i < TABLES_MAX; i++) {
        if (moment->tables[i] != NULL)
            memtable_ref(moment->tables[i]);
    }
    return *moment;
}

static void moment_drop(struct moment *moment)
{
    for (int i = 0; i < TABLES_MAX; i++)
        memtable_unref(moment->tables[i]);
}

static struct view_iterator *iterator_new(enum view_space space, struct mr_slice prefix)
{
    struct view_iterator *iterator = mr_malloc(sizeof(*iterator));
    iterator->space = space;
    iterator->at = SOURCES;
    stored_key_init(&iterator->lower, space, prefix);
    stored_key_init(&iterator->upper, space, prefix);
    make_successor(&iterator->upper);
    iterator->reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_lower_bound(iterator->reading, iterator->lower.ptr,
                                                iterator->lower.len);
    rocksdb_readoptions_set_iterate_upper_bound(iterator->reading, iterator->upper.ptr,
                                                iterator->upper.len);
    return iterator;
}

static void point_cursors(struct view_iterator *iterator)
{
    for (int i = 0; i < TABLES_MAX; i++)
        iterator->cursors[i] = (struct memtable_cursor){.table = iterator->moment.tables[i],
                                                        .snapshot = iterator->moment.sequence};
}

/* Memtables and files as of one commit. A file that appears between the two looks holds what was in
 * a memtable of the first, but also what was written to it after the first look, unless it had been
 * sealed before. So when one was sealed meanwhile, look again. */
struct view_iterator *view_iterate(struct view *view, enum view_space space, struct mr_slice prefix)
{
    struct view_iterator *iterator = iterator_new(space, prefix);
    for (;;) {
        uint64_t seals = atomic_load(&view->seals);
        iterator->moment = moment_take(view);
        iterator->rep = rocksdb_create_iterator(view->db, iterator->reading);
        if (atomic_load(&view->seals) == seals)
            break;
        rocksdb_iter_destroy(iterator->rep);
        moment_drop(&iterator->moment);
    }
    point_cursors(iterator);
    return iterator;
}

void view_iterator_free(struct view_iterator *iterator)
{
    if (iterator == NULL)
        return;
    rocksdb_iter_destroy(iterator->rep);
    rocksdb_readoptions_destroy(iterator->reading);
    moment_drop(&iterator->moment);
    stored_key_fini(&iterator->lower);
    stored_key_fini(&iterator->upper);
    free(iterator);
}

/* ---- snapshots ---- */

struct view_snapshot {
    struct view *view;
    struct moment moment;
    const rocksdb_snapshot_t *rep;
};

struct view_snapshot *view_snapshot_new(struct view *view)
{
    struct view_snapshot *snapshot = mr_malloc(sizeof(*snapshot));
    snapshot->view = view;
    for (;;) { /* as view_iterate */
        uint64_t seals = atomic_load(&view->seals);
        snapshot->moment = moment_take(view);
        snapshot->rep = rocksdb_create_snapshot(view->db);
        if (atomic_load(&view->seals) == seals)
            return snapshot;
        rocksdb_release_snapshot(view->db, snapshot->rep);
        moment_drop(&snapshot->moment);
    }
}

void view_snapshot_free(struct view_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    rocksdb_release_snapshot(snapshot->view->db, snapshot->rep);
    moment_drop(&snapshot->moment);
    free(snapshot);
}

struct view_iterator *view_snapshot_iterate(struct view_snapshot *snapshot, enum view_space space,
                                            struct mr_slice prefix)
{
    struct view_iterator *iterator = iterator_new(space, prefix);
    rocksdb_readoptions_set_snapshot(iterator->reading, snapshot->rep);
    iterator->moment = moment_ref(&snapshot->moment);
    iterator->rep = rocksdb_create_iterator(snapshot->view->db, iterator->reading);
    point_cursors(iterator);
    return iterator;
}

/* ---- moves ---- */

void view_iterator_seek(struct view_iterator *iterator, struct mr_slice key)
{
    MR_CLEANUP(stored_key_fini) struct stored_key stored;
    stored_key_init(&stored, iterator->space, key);
    struct mr_slice lower = stored_key_slice(&iterator->lower), from = stored_key_slice(&stored);
    seek_all(iterator, mr_slice_compare(from, lower) < 0 ? lower : from);
    settle(iterator);
}

void view_iterator_seek_back(struct view_iterator *iterator, struct mr_slice key)
{
    /* The last key <= key is the last one below its successor: a zero byte more. */
    MR_CLEANUP(mr_buf_fini) struct mr_buf stored = {0};
    mr_buf_byte(&stored, (char)(1 + iterator->space));
    mr_buf_append(&stored, key);
    mr_buf_byte(&stored, '\0');
    struct mr_slice upper = stored_key_slice(&iterator->upper), to = mr_buf_slice(&stored);
    seek_all_before(iterator, mr_slice_compare(to, upper) > 0 ? upper : to);
    settle(iterator);
}

void view_iterator_first(struct view_iterator *iterator)
{
    seek_all(iterator, stored_key_slice(&iterator->lower));
    settle(iterator);
}

void view_iterator_last(struct view_iterator *iterator)
{
    seek_all_before(iterator, stored_key_slice(&iterator->upper));
    settle(iterator);
}

bool view_iterator_valid(const struct view_iterator *iterator)
{
    return iterator->at != SOURCES;
}

/* Turns the sources round: they stand at the key, or behind it on the old way. */
static void turn(struct view_iterator *iterator)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf key = {0};
    mr_buf_append(&key, iterator->key);
    if (iterator->backward) {
        mr_buf_byte(&key, '\0');
        seek_all(iterator, mr_buf_slice(&key));
    } else {
        seek_all_before(iterator, mr_buf_slice(&key));
    }
}

void view_iterator_next(struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    if (iterator->backward)
        turn(iterator);
    else
        pass(iterator);
    settle(iterator);
}

void view_iterator_prev(struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    if (iterator->backward)
        pass(iterator);
    else
        turn(iterator);
    settle(iterator);
}

enum mr_status view_iterator_status(const struct view_iterator *iterator)
{
    char *message = NULL;
    rocksdb_iter_get_error(iterator->rep, &message);
    return view_check(message, "read");
}

/* ---- what it stands at ---- */

struct mr_slice view_iterator_key(const struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    return mr_slice_make(iterator->key.ptr + 1, iterator->key.len - 1);
}

struct mr_slice view_iterator_value(const struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    if (iterator->at < FILES)
        return iterator->cursors[iterator->at].value;
    size_t len;
    const char *value = rocksdb_iter_value(iterator->rep, &len);
    return mr_slice_make(value, len);
}
