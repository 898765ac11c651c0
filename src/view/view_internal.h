/* view/view_internal.h: what view.c, files.c and iterator.c share. Private to these. */
#pragma once
#include "view/memtable.h"
#include "view/stripes.h"
#include "view/view.h"
#include <assert.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEY_BYTES = 512, /* longer keys are built on the heap */
    TABLES_MAX = 2,  /* memtables: the one written to, and the one that becomes a file */
};

/* The view's own keys lie below all spaces. */
extern const struct mr_slice view_flushed_key, view_cleared_key;

struct view {
    char *folder; /* owned */
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reading;
    size_t memtable_bytes;
    _Atomic int64_t flushed, cleared;
    int64_t sealed_position; /* of the memtable that becomes a file; its flusher's */

    /* Writers take turns; a commit's sequence is published when all of it is in. */
    pthread_mutex_t writing;
    _Atomic uint64_t sequence;
    _Atomic size_t unflushed; /* bytes of the memtable that is written to */

    /* Newest first; a reader shares the stripes while it uses the list, who changes it takes all.
     * `seals` counts the changes that a file will follow. */
    struct stripes readers;
    struct memtable *tables[TABLES_MAX];
    _Atomic uint64_t seals;
};

/* Raises RocksDB's message, if any, and frees it. */
MR_MUST_USE enum mr_status view_check(char *message, const char *what);

/* A key as it is stored: one byte for the space, then the key. */
struct stored_key {
    char *ptr;
    size_t len;
    char small[KEY_BYTES];
};
void stored_key_init(struct stored_key *stored, enum view_space space, struct mr_slice key);
void stored_key_fini(struct stored_key *stored);
static inline struct mr_slice stored_key_slice(const struct stored_key *stored)
{
    return mr_slice_make(stored->ptr, stored->len);
}

/* files.c: RocksDB opened and closed; the sealed memtable written into it. */
MR_MUST_USE enum mr_status view_files_open(struct view *view, size_t cache_bytes);
void view_files_close(struct view *view);
/* Writes `table` as one file and takes it in, atomically. */
MR_MUST_USE enum mr_status view_files_add(struct view *view, struct memtable *table);
