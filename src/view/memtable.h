/* view/memtable.h: the newest changes of the view: an ordered map in memory that keeps the versions
 * of each key.
 *
 * One writer at a time (the caller's lock); any number of readers beside it, which never wait: a
 * reader looks again only when a node was split under it. What is put in stays, at its address,
 * until the last reference goes, so slices are valid as long as their holder has a reference.
 *
 * A sequence numbers a commit. A reader with a snapshot sees of each key the newest version whose
 * sequence is at most the snapshot. Nothing is taken out: a deletion is a version too, and hides
 * what older tables and files say. The caller bounds the size (memtable_bytes). */
#pragma once
#include "base/slice.h"
#include <stdbool.h>

struct memtable;
struct memtable_node;
struct memtable_entry;

struct memtable *memtable_new(void); /* with one reference */
struct memtable *memtable_ref(struct memtable *table);
void memtable_unref(struct memtable *table); /* accepts NULL */
size_t memtable_bytes(const struct memtable *table);
uint64_t memtable_keys(const struct memtable *table);

/* The writer's. `value` NULL: the key is deleted. Copies both. Sequences never go down. */
void memtable_put(struct memtable *table, struct mr_slice key, const struct mr_slice *value,
                  uint64_t sequence);

enum memtable_found {
    MEMTABLE_ABSENT = 0, /* this table knows nothing of the key */
    MEMTABLE_VALUE,
    MEMTABLE_DELETED,
};
enum { MEMTABLE_SLOTS = 15 };      /* of a node: as many as a word has nibbles, less one */
#define MEMTABLE_NEWEST UINT64_MAX /* the snapshot that sees everything */

/* `hash` is view_hash(key). */
enum memtable_found memtable_get(const struct memtable *table, struct mr_slice key, uint64_t hash,
                                 uint64_t snapshot, struct mr_slice *ret_value);

/* A walk over the keys that have a version within the snapshot, deleted ones too. One thread at a
 * time; the holder has a reference to the table. */
struct memtable_cursor {
    const struct memtable *table;
    uint64_t snapshot;
    struct mr_slice key, value; /* of where it stands */
    bool valid, deleted;
    /* Private: the leaf as it was when the cursor came. */
    const struct memtable_node *leaf;
    const struct memtable_entry *entries[MEMTABLE_SLOTS];
    int count, at;
};
void memtable_seek(struct memtable_cursor *cursor, struct mr_slice key);        /* first >= key */
void memtable_seek_before(struct memtable_cursor *cursor, struct mr_slice key); /* last < key */
void memtable_next(struct memtable_cursor *cursor);
void memtable_prev(struct memtable_cursor *cursor);
