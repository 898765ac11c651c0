/* view/memtable.c: a B-link tree whose readers take no lock.
 *
 * A node has fifteen slots and a word, `order`: the number of slots in use in its low nibble, then
 * the slots' numbers in the order of their keys, then the free ones. So an insertion fills a free
 * slot, which nobody looks at, and publishes it by storing one word. Only a split takes keys out of
 * a node. It proceeds so that a reader sees every key at any moment:
 *
 *   1. the right node is made, whole
 *   2. left->next and left->high (the right node's least key) are stored
 *   3. left->order without the upper half is stored
 *   4. left->splits is counted up; only after it may slots of the upper half be filled anew
 *   5. the right node's key goes into the parent
 *
 * A reader loads `splits`, then `order`, then, when its key is above all keys of that order,
 * `high`. When its key is not below high it goes on to `next`; the order without the upper half is
 * never seen without the high that goes with it (2, 3). When `splits` has changed after it read
 * slots, they may have been filled anew (4), and it reads the node again. Until (5) the key is
 * found over `next`.
 *
 * A lookup asks a filter first: the newest memtable is asked for every key, and has few of them.
 *
 * Keys of a node are compared by their first eight bytes, which lie in the node, and only then by
 * the rest, which is elsewhere in memory. In the view these eight bytes are a space, a table, and a
 * hash. */
#include "view/memtable.h"
#include "base/arena.h"
#include "view/hash.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEIGHT_MAX = 24,
    LINE = 64,              /* of a processor's cache */
    FILTER_WORDS = 1 << 14, /* 128 KiB: 12 bits a key when 32 MiB hold 300 bytes each */
};

struct memtable_version {
    uint64_t sequence;
    const struct memtable_version *older;
    uint32_t len;
    bool deleted;
    char value[];
};

struct memtable_entry {
    _Atomic(const struct memtable_version *) newest;
    uint32_t len;
    char key[];
};

struct memtable_node {
    _Atomic uint64_t order;
    _Atomic uint32_t splits;
    bool leaf;
    const struct memtable_entry *low; /* least key that belongs here; NULL: the first node */
    _Atomic(const struct memtable_entry *) high; /* least key of `next`; NULL: the last node */
    _Atomic(struct memtable_node *) next;
    _Atomic uint64_t heads[MEMTABLE_SLOTS];
    _Atomic(const struct memtable_entry *) entries[MEMTABLE_SLOTS];
};

/* children[i] holds the keys from entries[i] on; `first` those below all entries. */
struct inner {
    struct memtable_node node;
    struct memtable_node *first;
    _Atomic(struct memtable_node *) children[MEMTABLE_SLOTS];
};

struct memtable {
    _Atomic(struct memtable_node *) root;
    struct mr_arena arena; /* the writer's */
    _Atomic size_t bytes;
    _Atomic uint64_t keys;
    _Atomic int references;
    /* Three bits of a word for each key: most keys that are not here are told by one look. */
    _Atomic uint64_t filter[FILTER_WORDS];
};

/* ---- the filter ---- */

static uint64_t filter_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 58) | UINT64_C(1) << (hash >> 52 & 63) |
           UINT64_C(1) << (hash >> 46 & 63);
}

static bool filter_may_have(const struct memtable *table, uint64_t hash)
{
    uint64_t bits = filter_bits(hash);
    return (atomic_load_explicit(&table->filter[hash % FILTER_WORDS], memory_order_acquire) &
            bits) == bits;
}

/* The writer's, before the key is published. */
static void filter_add(struct memtable *table, struct mr_slice key)
{
    uint64_t hash = view_hash(key);
    _Atomic uint64_t *word = &table->filter[hash % FILTER_WORDS];
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    atomic_store_explicit(word, old | filter_bits(hash), memory_order_release);
}

/* ---- the order word ---- */

#define ORDER_EMPTY UINT64_C(0xedcba98765432100) /* no slot in use, the free ones from 0 on */

static int order_count(uint64_t order)
{
    return (int)(order & 15);
}

static int order_slot(uint64_t order, int at)
{
    return (int)(order >> (4 * (at + 1)) & 15);
}

/* The first free slot becomes the one at `at`; those behind move up. */
static uint64_t order_insert(uint64_t order, int at)
{
    int count = order_count(order);
    uint64_t slot = (uint64_t)order_slot(order, count);
    int low_bits = 4 * (at + 1), high_bits = 4 * (count + 2);
    uint64_t low = order & ((UINT64_C(1) << low_bits) - 1);
    uint64_t middle =
        order & ((UINT64_C(1) << (high_bits - 4)) - 1) & ~((UINT64_C(1) << low_bits) - 1);
    uint64_t high = high_bits == 64 ? 0 : order & ~((UINT64_C(1) << high_bits) - 1);
    return (high | middle << 4 | slot << low_bits | low) + 1;
}

static uint64_t order_truncate(uint64_t order, int count)
{
    return (order & ~UINT64_C(15)) | (uint64_t)count;
}

/* ---- keys ---- */

static uint64_t head_of(struct mr_slice key)
{
    uint64_t head = 0;
    assert(key.len > 0);
    memcpy(&head, key.ptr, key.len < sizeof(head) ? key.len : sizeof(head));
    return __builtin_bswap64(head);
}

static struct mr_slice entry_key(const struct memtable_entry *entry)
{
    return mr_slice_make(entry->key, entry->len);
}

static int compare_slot(const struct memtable_node *node, int slot, uint64_t head,
                        struct mr_slice key)
{
    uint64_t other = atomic_load_explicit(&node->heads[slot], memory_order_acquire);
    if (other != head)
        return other < head ? -1 : 1;
    const struct memtable_entry *entry =
        atomic_load_explicit(&node->entries[slot], memory_order_acquire);
    return mr_slice_compare(entry_key(entry), key);
}

/* The first place whose key is not below `key`; whether it is that key. */
static int find_place(const struct memtable_node *node, uint64_t order, uint64_t head,
                      struct mr_slice key, bool *ret_equal)
{
    int low = 0, high = order_count(order);
    *ret_equal = false;
    while (low < high) {
        int middle = (low + high) / 2;
        int compared = compare_slot(node, order_slot(order, middle), head, key);
        if (compared < 0) {
            low = middle + 1;
        } else {
            *ret_equal = *ret_equal || compared == 0;
            high = middle;
        }
    }
    return low;
}

/* Whether the node's keys end at or before `key`, so that it must be looked for in `next`. When
 * `before`, keys below `key` are looked for, and a node that ends at it is the right one. */
static bool ends_before(const struct memtable_node *node, struct mr_slice key, bool before)
{
    const struct memtable_entry *high = atomic_load_explicit(&node->high, memory_order_acquire);
    if (high == NULL)
        return false;
    int compared = mr_slice_compare(entry_key(high), key);
    return before ? compared < 0 : compared <= 0;
}

/* ---- going down ---- */

/* Asks for all of a node at once: its lines are needed one after the other, and each tells which
 * of the next. */
static void fetch_node(const struct memtable_node *node)
{
    size_t size = node->leaf ? sizeof(struct memtable_node) : sizeof(struct inner);
    for (size_t at = 0; at < size; at += LINE)
        __builtin_prefetch((const char *)node + at);
}

static struct memtable_node *child_at(const struct memtable_node *node, uint64_t order, int place)
{
    const struct inner *inner = (const struct inner *)node;
    if (place == 0)
        return inner->first;
    return atomic_load_explicit(&inner->children[order_slot(order, place - 1)],
                                memory_order_acquire);
}

/* The child for `key`, or the node's right neighbour, or the node itself: look again. */
static struct memtable_node *step_down(struct memtable_node *node, uint64_t head,
                                       struct mr_slice key, bool before)
{
    fetch_node(node);
    uint32_t splits = atomic_load_explicit(&node->splits, memory_order_acquire);
    uint64_t order = atomic_load_explicit(&node->order, memory_order_acquire);
    bool equal;
    int place = find_place(node, order, head, key, &equal);
    if (place == order_count(order) && ends_before(node, key, before))
        return atomic_load_explicit(&node->next, memory_order_acquire);
    struct memtable_node *child = child_at(node, order, equal && !before ? place + 1 : place);
    return atomic_load_explicit(&node->splits, memory_order_acquire) == splits ? child : node;
}

/* The leaf for `key`, or one to the left of it when it is just being split. */
static struct memtable_node *find_leaf(const struct memtable *table, uint64_t head,
                                       struct mr_slice key, bool before)
{
    struct memtable_node *node = atomic_load_explicit(&table->root, memory_order_acquire);
    while (!node->leaf)
        node = step_down(node, head, key, before);
    return node;
}

/* ---- reading ---- */

static const struct memtable_version *visible(const struct memtable_entry *entry, uint64_t snapshot)
{
    const struct memtable_version *version =
        atomic_load_explicit(&entry->newest, memory_order_acquire);
    while (version != NULL && version->sequence > snapshot)
        version = version->older;
    return version;
}

static const struct memtable_entry *find_entry(const struct memtable *table, struct mr_slice key)
{
    uint64_t head = head_of(key);
    struct memtable_node *node = find_leaf(table, head, key, false);
    for (;;) {
        fetch_node(node);
        uint32_t splits = atomic_load_explicit(&node->splits, memory_order_acquire);
        uint64_t order = atomic_load_explicit(&node->order, memory_order_acquire);
        bool equal;
        int place = find_place(node, order, head, key, &equal);
        if (place == order_count(order) && ends_before(node, key, false)) {
            node = atomic_load_explicit(&node->next, memory_order_acquire);
            continue;
        }
        const struct memtable_entry *entry =
            equal ? atomic_load_explicit(&node->entries[order_slot(order, place)],
                                         memory_order_acquire)
                  : NULL;
        if (atomic_load_explicit(&node->splits, memory_order_acquire) == splits)
            return entry;
    }
}

enum memtable_found memtable_get(const struct memtable *table, struct mr_slice key, uint64_t hash,
                                 uint64_t snapshot, struct mr_slice *ret_value)
{
    if (!filter_may_have(table, hash))
        return MEMTABLE_ABSENT;
    const struct memtable_entry *entry = find_entry(table, key);
    const struct memtable_version *version = entry == NULL ? NULL : visible(entry, snapshot);
    if (version == NULL)
        return MEMTABLE_ABSENT;
    if (version->deleted)
        return MEMTABLE_DELETED;
    *ret_value = mr_slice_make(version->value, version->len);
    return MEMTABLE_VALUE;
}

/* ---- cursors ---- */

/* What a walk comes to is asked for early, stage by stage: a node, its entries, their values.
 * Nothing is concluded from what is read here: the node may be split meanwhile. */

/* The entry that is `ahead` of where the cursor stands; NULL: none that is known. */
static const struct memtable_entry *entry_ahead(const struct memtable_cursor *cursor, int ahead)
{
    int at = cursor->at + ahead;
    if (at < cursor->count)
        return cursor->entries[at];
    const struct memtable_node *next =
        atomic_load_explicit(&cursor->leaf->next, memory_order_acquire);
    if (next == NULL)
        return NULL;
    uint64_t order = atomic_load_explicit(&next->order, memory_order_acquire);
    at -= cursor->count;
    return at >= order_count(order)
               ? NULL
               : atomic_load_explicit(&next->entries[order_slot(order, at)], memory_order_acquire);
}

/* A leaf was copied. */
static void fetch_leaf(const struct memtable_cursor *cursor)
{
    for (int i = 0; i < cursor->count; i++)
        __builtin_prefetch(cursor->entries[i]);
    const struct memtable_node *next =
        atomic_load_explicit(&cursor->leaf->next, memory_order_acquire);
    if (next != NULL)
        fetch_node(next);
}

static void fetch_ahead(const struct memtable_cursor *cursor)
{
    enum { VALUE = 3, ENTRY = 6, VALUE_LINES = 5 /* of usual size */ };
    const struct memtable_entry *entry = entry_ahead(cursor, VALUE);
    if (entry != NULL) {
        const char *version =
            (const void *)atomic_load_explicit(&entry->newest, memory_order_relaxed);
        for (ptrdiff_t line = 0; line < VALUE_LINES; line++)
            __builtin_prefetch(version + line * LINE);
    }
    if (cursor->at + ENTRY >= cursor->count && (entry = entry_ahead(cursor, ENTRY)) != NULL)
        __builtin_prefetch(entry);
}

/* Copies the leaf's entries; false: `key` is not for it, but for `next`. NULL: the caller knows. */
static bool load_leaf(struct memtable_cursor *cursor, const struct memtable_node *node,
                      const struct mr_slice *key, bool before)
{
    for (;;) {
        uint32_t splits = atomic_load_explicit(&node->splits, memory_order_acquire);
        uint64_t order = atomic_load_explicit(&node->order, memory_order_acquire);
        if (key != NULL && ends_before(node, *key, before))
            return false;
        cursor->count = order_count(order);
        for (int i = 0; i < cursor->count; i++)
            cursor->entries[i] =
                atomic_load_explicit(&node->entries[order_slot(order, i)], memory_order_acquire);
        if (atomic_load_explicit(&node->splits, memory_order_acquire) != splits)
            continue;
        cursor->leaf = node;
        fetch_leaf(cursor);
        return true;
    }
}

/* Goes from a leaf, which is for `key` or to the left of it, to the one for it: cursor->at is the
 * place of the first entry that is not below it. */
static void go_from(struct memtable_cursor *cursor, const struct memtable_node *node,
                    struct mr_slice key, bool before)
{
    while (!load_leaf(cursor, node, &key, before))
        node = atomic_load_explicit(&node->next, memory_order_acquire);
    int low = 0, high = cursor->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (mr_slice_compare(entry_key(cursor->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    cursor->at = low;
}

/* Goes from a leaf to the one for its `high`; `next` was the leaf's later. */
static void go_right(struct memtable_cursor *cursor, const struct memtable_node *next,
                     const struct memtable_entry *high)
{
    /* A node's low never changes, and stays with the left one of a split: no key need be read. */
    if (next->low != high) {
        go_from(cursor, next, entry_key(high), false);
        return;
    }
    (void)load_leaf(cursor, next, NULL, false);
    cursor->at = 0;
}

static void go_to(struct memtable_cursor *cursor, struct mr_slice key, bool before)
{
    go_from(cursor, find_leaf(cursor->table, head_of(key), key, before), key, before);
}

/* Takes the entry where the cursor stands, if the snapshot sees any version of it. */
static bool take_entry(struct memtable_cursor *cursor)
{
    const struct memtable_entry *entry = cursor->entries[cursor->at];
    const struct memtable_version *version = visible(entry, cursor->snapshot);
    if (version == NULL)
        return false;
    cursor->valid = true;
    cursor->key = entry_key(entry);
    cursor->deleted = version->deleted;
    cursor->value = mr_slice_make(version->value, version->len);
    return true;
}

/* From cursor->at on to the first entry that is seen. */
static void settle_forward(struct memtable_cursor *cursor)
{
    struct mr_slice last = {0}; /* the greatest key met: its leaf may have split more than once */
    cursor->valid = false;
    for (;;) {
        for (; cursor->at < cursor->count; cursor->at++) {
            if (take_entry(cursor))
                return;
        }
        /* What was split off to the right after this leaf was copied is met again there, so the
         * next leaf is looked for by its least key as it is now; `next` is at least as new (2). */
        const struct memtable_entry *high =
            atomic_load_explicit(&cursor->leaf->high, memory_order_acquire);
        if (high == NULL)
            return;
        struct mr_slice met = {0};
        if (cursor->count > 0)
            met = entry_key(cursor->entries[cursor->count - 1]);
        if (met.ptr != NULL && (last.ptr == NULL || mr_slice_compare(met, last) > 0))
            last = met;
        go_right(cursor, atomic_load_explicit(&cursor->leaf->next, memory_order_acquire), high);
        while (cursor->at < cursor->count && last.ptr != NULL &&
               mr_slice_compare(entry_key(cursor->entries[cursor->at]), last) <= 0)
            cursor->at++;
    }
}

/* From cursor->at back to the first entry that is seen. */
static void settle_backward(struct memtable_cursor *cursor)
{
    cursor->valid = false;
    for (;;) {
        for (; cursor->at >= 0; cursor->at--) {
            if (take_entry(cursor))
                return;
        }
        if (cursor->leaf->low == NULL)
            return;
        go_to(cursor, entry_key(cursor->leaf->low), true);
        cursor->at--;
    }
}

void memtable_seek(struct memtable_cursor *cursor, struct mr_slice key)
{
    go_to(cursor, key, false);
    settle_forward(cursor);
}

void memtable_seek_before(struct memtable_cursor *cursor, struct mr_slice key)
{
    go_to(cursor, key, true);
    cursor->at--;
    settle_backward(cursor);
}

void memtable_next(struct memtable_cursor *cursor)
{
    assert(cursor->valid);
    cursor->at++;
    fetch_ahead(cursor);
    settle_forward(cursor);
}

void memtable_prev(struct memtable_cursor *cursor)
{
    assert(cursor->valid);
    cursor->at--;
    settle_backward(cursor);
}

/* ---- writing ---- */

static void *take(struct memtable *table, size_t size)
{
    atomic_fetch_add_explicit(&table->bytes, size, memory_order_relaxed);
    return mr_arena_alloc(&table->arena, size);
}

static struct memtable_node *node_new(struct memtable *table, bool leaf)
{
    size_t size = leaf ? sizeof(struct memtable_node) : sizeof(struct inner);
    struct memtable_node *node = take(table, size);
    memset(node, 0, size);
    atomic_init(&node->order, ORDER_EMPTY);
    node->leaf = leaf;
    return node;
}

static const struct memtable_version *version_new(struct memtable *table,
                                                  const struct mr_slice *value, uint64_t sequence,
                                                  const struct memtable_version *older)
{
    size_t len = value == NULL ? 0 : value->len;
    assert(len <= UINT32_MAX);
    struct memtable_version *version = take(table, sizeof(*version) + len);
    version->sequence = sequence;
    version->older = older;
    version->len = (uint32_t)len;
    version->deleted = value == NULL;
    if (len > 0)
        memcpy(version->value, value->ptr, len);
    return version;
}

static const struct memtable_entry *entry_new(struct memtable *table, struct mr_slice key,
                                              const struct memtable_version *version)
{
    struct memtable_entry *entry = take(table, sizeof(*entry) + key.len);
    atomic_init(&entry->newest, version);
    entry->len = (uint32_t)key.len;
    if (key.len > 0)
        memcpy(entry->key, key.ptr, key.len);
    return entry;
}

static void fill_slot(struct memtable_node *node, int slot, const struct memtable_entry *entry,
                      struct memtable_node *child)
{
    atomic_store_explicit(&node->heads[slot], head_of(entry_key(entry)), memory_order_release);
    if (!node->leaf)
        atomic_store_explicit(&((struct inner *)node)->children[slot], child, memory_order_release);
    atomic_store_explicit(&node->entries[slot], entry, memory_order_release);
}

/* Room is there. */
static void insert_at(struct memtable_node *node, int place, const struct memtable_entry *entry,
                      struct memtable_node *child)
{
    uint64_t order = atomic_load_explicit(&node->order, memory_order_relaxed);
    assert(order_count(order) < MEMTABLE_SLOTS);
    fill_slot(node, order_slot(order, order_count(order)), entry, child);
    atomic_store_explicit(&node->order, order_insert(order, place), memory_order_release);
}

/* Splits a full node before place `from`: an inner node's entry there moves up. Returns the right
 * node. */
static struct memtable_node *split(struct memtable *table, struct memtable_node *left, int from,
                                   const struct memtable_entry *separator)
{
    uint64_t order = atomic_load_explicit(&left->order, memory_order_relaxed);
    struct memtable_node *right = node_new(table, left->leaf);
    int first = left->leaf ? from : from + 1;
    if (!left->leaf)
        ((struct inner *)right)->first = child_at(left, order, from + 1);
    for (int i = first; i < order_count(order); i++) {
        const int slot = order_slot(order, i);
        insert_at(right, i - first,
                  atomic_load_explicit(&left->entries[slot], memory_order_relaxed),
                  left->leaf ? NULL : child_at(left, order, i + 1));
    }
    right->low = separator;
    atomic_init(&right->high, atomic_load_explicit(&left->high, memory_order_relaxed));
    atomic_init(&right->next, atomic_load_explicit(&left->next, memory_order_relaxed));
    atomic_store_explicit(&left->next, right, memory_order_release);
    atomic_store_explicit(&left->high, separator, memory_order_release);
    atomic_store_explicit(&left->order, order_truncate(order, from), memory_order_release);
    atomic_fetch_add_explicit(&left->splits, 1, memory_order_release);
    return right;
}

struct path {
    struct memtable_node *nodes[HEIGHT_MAX]; /* from the root to the leaf */
    int height;
};

static void go_down(const struct memtable *table, uint64_t head, struct mr_slice key,
                    struct path *path)
{
    struct memtable_node *node = atomic_load_explicit(&table->root, memory_order_relaxed);
    path->height = 0;
    for (;;) {
        assert(path->height < HEIGHT_MAX);
        path->nodes[path->height++] = node;
        if (node->leaf)
            return;
        node = step_down(node, head, key, false); /* the writer's own: no split is under way */
    }
}

static void grow_root(struct memtable *table, struct memtable_node *left,
                      const struct memtable_entry *separator, struct memtable_node *right)
{
    struct memtable_node *root = node_new(table, false);
    ((struct inner *)root)->first = left;
    insert_at(root, 0, separator, right);
    atomic_store_explicit(&table->root, root, memory_order_release);
}

/* Where a full node is parted for a new key at `place`: in the middle, or, when keys come in order,
 * before that key, so that nodes stay full. */
static int part_at(const struct memtable_node *node, int place)
{
    bool last = atomic_load_explicit(&node->next, memory_order_relaxed) == NULL;
    return last && node->leaf && place == MEMTABLE_SLOTS ? MEMTABLE_SLOTS : MEMTABLE_SLOTS / 2;
}

/* `entry` (with the node that it leads to, in inner nodes) into path->nodes[level], splitting what
 * is full, upward. */
static void insert(struct memtable *table, struct path *path, int level, int place,
                   const struct memtable_entry *entry, struct memtable_node *child)
{
    for (;; level--) {
        struct memtable_node *node = path->nodes[level];
        uint64_t order = atomic_load_explicit(&node->order, memory_order_relaxed);
        if (order_count(order) < MEMTABLE_SLOTS) {
            insert_at(node, place, entry, child);
            return;
        }
        int from = part_at(node, place);
        const struct memtable_entry *separator =
            from == MEMTABLE_SLOTS ? entry
                                   : atomic_load_explicit(&node->entries[order_slot(order, from)],
                                                          memory_order_relaxed);
        struct memtable_node *right = split(table, node, from, separator);
        if (place <= from && from < MEMTABLE_SLOTS)
            insert_at(node, place, entry, child);
        else
            insert_at(right, place - from - (node->leaf ? 0 : 1), entry, child);
        if (level == 0) {
            grow_root(table, node, separator, right);
            return;
        }
        bool equal;
        struct memtable_node *parent = path->nodes[level - 1];
        place = find_place(parent, atomic_load_explicit(&parent->order, memory_order_relaxed),
                           head_of(entry_key(separator)), entry_key(separator), &equal);
        entry = separator;
        child = right;
    }
}

void memtable_put(struct memtable *table, struct mr_slice key, const struct mr_slice *value,
                  uint64_t sequence)
{
    struct path path;
    uint64_t head = head_of(key);
    go_down(table, head, key, &path);
    struct memtable_node *leaf = path.nodes[path.height - 1];
    uint64_t order = atomic_load_explicit(&leaf->order, memory_order_relaxed);
    bool equal;
    int place = find_place(leaf, order, head, key, &equal);
    if (!equal) {
        filter_add(table, key);
        atomic_fetch_add_explicit(&table->keys, 1, memory_order_relaxed);
        const struct memtable_version *version = version_new(table, value, sequence, NULL);
        insert(table, &path, path.height - 1, place, entry_new(table, key, version), NULL);
        return;
    }
    struct memtable_entry *entry = (struct memtable_entry *)atomic_load_explicit(
        &leaf->entries[order_slot(order, place)], memory_order_relaxed);
    const struct memtable_version *newest =
        atomic_load_explicit(&entry->newest, memory_order_relaxed);
    assert(newest->sequence <= sequence);
    atomic_store_explicit(&entry->newest, version_new(table, value, sequence, newest),
                          memory_order_release);
}

/* ---- life ---- */

struct memtable *memtable_new(void)
{
    struct memtable *table = mr_calloc(1, sizeof(*table));
    mr_arena_init_large(&table->arena);
    atomic_init(&table->references, 1);
    atomic_init(&table->root, node_new(table, true));
    return table;
}

struct memtable *memtable_ref(struct memtable *table)
{
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
    return table;
}

void memtable_unref(struct memtable *table)
{
    if (table == NULL || atomic_fetch_sub(&table->references, 1) != 1)
        return;
    mr_arena_fini(&table->arena);
    free(table);
}

size_t memtable_bytes(const struct memtable *table)
{
    return atomic_load_explicit(&table->bytes, memory_order_relaxed);
}

uint64_t memtable_keys(const struct memtable *table)
{
    return atomic_load_explicit(&table->keys, memory_order_relaxed);
}
