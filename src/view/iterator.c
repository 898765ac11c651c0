/* view/iterator.c: one walk over the memtables and the runs, as of one commit. */
#include "base/arena.h"
#include "view/view_internal.h"

/* Memtables and runs as of one commit: a reader shares the stripes while it takes them, so what has
 * left the memtables is in the runs. */
struct moment {
    uint64_t sequence;
    size_t tables_count;
    struct memtable *tables[TABLES_MAX]; /* referenced */
    struct runs *runs;                   /* referenced */
};

/* A memtable's cursor or a run's, and what it stands at. */
struct source {
    bool valid, deleted; /* valid: at a key within the bounds */
    bool is_run;
    uint64_t head; /* of the key, behind the space: a number that sorts like it */
    struct mr_slice key, value;
    union {
        struct memtable_cursor table;
        struct run_cursor run;
    } cursor;
};

struct view_iterator {
    enum view_space space;
    struct stored_key lower, upper; /* bounds */
    struct moment moment;
    enum mr_status status;
    bool backward; /* the way the sources stand: none behind the key, on that way */
    size_t at;     /* the source whose key it is; `count`: at no key */
    size_t count;
    struct source sources[]; /* newest first */
};

/* ---- sources ---- */

static uint64_t head_of(struct mr_slice key)
{
    uint64_t head = 0;
    size_t len = key.len - 1;
    memcpy(&head, key.ptr + 1, len < sizeof(head) ? len : sizeof(head));
    return __builtin_bswap64(head);
}

static bool within_bounds(const struct view_iterator *iterator, struct mr_slice key)
{
    return iterator->backward ? mr_slice_compare(key, stored_key_slice(&iterator->lower)) >= 0
                              : mr_slice_compare(key, stored_key_slice(&iterator->upper)) < 0;
}

/* After its cursor has moved. */
static void take_cursor(struct view_iterator *iterator, struct source *source)
{
    if (source->is_run) {
        const struct run_cursor *run = &source->cursor.run;
        source->valid = run->valid;
        source->deleted = run->deleted;
        source->key = run->key;
        source->value = run->value;
        if (run->status < 0)
            iterator->status = run->status;
    } else {
        const struct memtable_cursor *table = &source->cursor.table;
        source->valid = table->valid;
        source->deleted = table->deleted;
        source->key = table->key;
        source->value = table->value;
    }
    source->valid = source->valid && within_bounds(iterator, source->key);
    if (source->valid)
        source->head = head_of(source->key);
}

static void step(struct view_iterator *iterator, struct source *source)
{
    if (source->is_run && iterator->backward)
        run_prev(&source->cursor.run);
    else if (source->is_run)
        run_next(&source->cursor.run);
    else if (iterator->backward)
        memtable_prev(&source->cursor.table);
    else
        memtable_next(&source->cursor.table);
    take_cursor(iterator, source);
}

/* To the first key >= key. */
static void seek_all(struct view_iterator *iterator, struct mr_slice key)
{
    iterator->backward = false;
    for (size_t i = 0; i < iterator->count; i++) {
        struct source *source = &iterator->sources[i];
        if (source->is_run)
            run_seek(&source->cursor.run, key);
        else
            memtable_seek(&source->cursor.table, key);
        take_cursor(iterator, source);
    }
}

/* To the last key < key. */
static void seek_all_before(struct view_iterator *iterator, struct mr_slice key)
{
    iterator->backward = true;
    for (size_t i = 0; i < iterator->count; i++) {
        struct source *source = &iterator->sources[i];
        if (source->is_run)
            run_seek_before(&source->cursor.run, key);
        else
            memtable_seek_before(&source->cursor.table, key);
        take_cursor(iterator, source);
    }
}

/* ---- the merge ---- */

static int compare_sources(const struct source *a, const struct source *b)
{
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    return mr_slice_compare(a->key, b->key);
}

/* The next key of all sources on the way; of equal ones the newest source's. */
static void choose(struct view_iterator *iterator)
{
    iterator->at = iterator->count;
    for (size_t i = 0; i < iterator->count; i++) {
        const struct source *source = &iterator->sources[i];
        if (!source->valid)
            continue;
        if (iterator->at == iterator->count) {
            iterator->at = i;
            continue;
        }
        int compared = compare_sources(source, &iterator->sources[iterator->at]);
        if (iterator->backward ? compared > 0 : compared < 0)
            iterator->at = i;
    }
    if (iterator->status < 0)
        iterator->at = iterator->count;
}

/* Past the key that was chosen, in every source. */
static void pass(struct view_iterator *iterator)
{
    struct source *chosen = &iterator->sources[iterator->at];
    for (size_t i = iterator->at + 1; i < iterator->count; i++) {
        struct source *source = &iterator->sources[i];
        if (source->valid && source->head == chosen->head &&
            mr_slice_equal(source->key, chosen->key))
            step(iterator, source);
    }
    step(iterator, chosen);
}

static void settle(struct view_iterator *iterator)
{
    for (choose(iterator);
         iterator->at != iterator->count && iterator->sources[iterator->at].deleted;
         choose(iterator))
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
    struct moment moment = {0};
    pthread_rwlock_t *stripe = stripes_share(&view->readers);
    moment.sequence = atomic_load_explicit(&view->sequence, memory_order_acquire);
    while (moment.tables_count < TABLES_MAX && view->tables[moment.tables_count] != NULL) {
        moment.tables[moment.tables_count] = memtable_ref(view->tables[moment.tables_count]);
        moment.tables_count++;
    }
    moment.runs = runs_ref(view->runs);
    pthread_rwlock_unlock(stripe);
    return moment;
}

static struct moment moment_ref(const struct moment *moment)
{
    for (size_t i = 0; i < moment->tables_count; i++)
        memtable_ref(moment->tables[i]);
    runs_ref(moment->runs);
    return *moment;
}

static void moment_drop(struct moment *moment)
{
    for (size_t i = 0; i < moment->tables_count; i++)
        memtable_unref(moment->tables[i]);
    runs_unref(moment->runs);
}

/* Takes over the moment. */
static struct view_iterator *iterator_new(struct moment moment, enum view_space space,
                                          struct mr_slice prefix)
{
    size_t count = moment.tables_count + moment.runs->count;
    struct view_iterator *iterator =
        mr_calloc(1, sizeof(*iterator) + count * sizeof(iterator->sources[0]));
    iterator->space = space;
    iterator->moment = moment;
    iterator->at = iterator->count = count;
    stored_key_init(&iterator->lower, space, prefix);
    stored_key_init(&iterator->upper, space, prefix);
    make_successor(&iterator->upper);
    for (size_t i = 0; i < moment.tables_count; i++)
        iterator->sources[i].cursor.table =
            (struct memtable_cursor){.table = moment.tables[i], .snapshot = moment.sequence};
    for (size_t i = 0; i < moment.runs->count; i++) {
        struct source *source = &iterator->sources[moment.tables_count + i];
        source->is_run = true;
        source->cursor.run = (struct run_cursor){.run = moment.runs->each[i]};
    }
    return iterator;
}

struct view_iterator *view_iterate(struct view *view, enum view_space space, struct mr_slice prefix)
{
    return iterator_new(moment_take(view), space, prefix);
}

void view_iterator_free(struct view_iterator *iterator)
{
    if (iterator == NULL)
        return;
    moment_drop(&iterator->moment);
    stored_key_fini(&iterator->lower);
    stored_key_fini(&iterator->upper);
    free(iterator);
}

/* ---- snapshots ---- */

struct view_snapshot {
    struct moment moment;
};

struct view_snapshot *view_snapshot_new(struct view *view)
{
    struct view_snapshot *snapshot = mr_malloc(sizeof(*snapshot));
    snapshot->moment = moment_take(view);
    return snapshot;
}

void view_snapshot_free(struct view_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    moment_drop(&snapshot->moment);
    free(snapshot);
}

struct view_iterator *view_snapshot_iterate(struct view_snapshot *snapshot, enum view_space space,
                                            struct mr_slice prefix)
{
    return iterator_new(moment_ref(&snapshot->moment), space, prefix);
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
    return iterator->at != iterator->count;
}

/* Turns the sources round: they stand at the key, or behind it on the old way. */
static void turn(struct view_iterator *iterator)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf key = {0};
    mr_buf_append(&key, iterator->sources[iterator->at].key);
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
    return iterator->status;
}

/* ---- what it stands at ---- */

struct mr_slice view_iterator_key(const struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    struct mr_slice key = iterator->sources[iterator->at].key;
    return mr_slice_make(key.ptr + 1, key.len - 1);
}

struct mr_slice view_iterator_value(const struct view_iterator *iterator)
{
    assert(view_iterator_valid(iterator));
    return iterator->sources[iterator->at].value;
}
