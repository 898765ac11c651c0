/* journal/index.h: which blocks of a segment hold which windows, and where entries begin in them.
 *
 * A segment is cut into blocks of 64 KiB. Per block: the offset of the first entry that starts in
 * it and the newest time of its entries. Per window: a bitmap of the blocks in which an entry of
 * the window starts. Private to this folder.
 *
 * Threads: journal_index_add and journal_index_mark by one thread at a time (the tail's lock); the
 * rest by any thread beside them. What was added before a position became durable is seen by
 * whoever read that durable position. */
#pragma once
#include "journal/journal.h"
#include <pthread.h>
#include <stdatomic.h>

enum { JOURNAL_BLOCK_BYTES = 64 << 10 };

struct journal_index_block {
    _Atomic uint32_t first;   /* offset in the segment; 0: no entry starts here */
    _Atomic int64_t time_max; /* newest entry that starts here; INT64_MIN: none */
};
struct journal_index_window {
    uint32_t window;     /* 0: free slot */
    uint32_t block_last; /* newest marked block, so that most marks touch no bitmap */
    uint64_t group_last; /* newest group that marked it */
    uint64_t *bits;      /* owned; a bit a block */
};
struct journal_index {
    pthread_mutex_t lock; /* guards the table of windows against readers */
    size_t blocks;
    struct journal_index_block *block; /* owned */
    struct journal_index_window *windows;
    size_t count, capacity; /* capacity is a power of two */
};

/* For a segment of `bytes`. */
struct journal_index *journal_index_new(size_t bytes);
void journal_index_free(struct journal_index *index); /* accepts NULL */
/* An entry starts at `offset`. Before the marks of its windows. */
void journal_index_add(struct journal_index *index, size_t offset, int64_t time_ms);
/* The entry at `offset` has an op of `window`. True when it is the window's first in `group` (the
 * caller's number of the present group commit, not 0). */
bool journal_index_mark(struct journal_index *index, uint32_t window, size_t offset,
                        uint64_t group);
/* First block at or after `block` in which an entry of `window` starts; SIZE_MAX: none. */
size_t journal_index_next(struct journal_index *index, uint32_t window, size_t block);
/* Offset of the last entry known to start at or before `offset`; the first entry's for smaller
 * ones. */
size_t journal_index_before(const struct journal_index *index, size_t offset);
int64_t journal_index_time_max(const struct journal_index *index); /* INT64_MIN: no entry */

/* The stored form (see index.c) of what describes a segment's bytes up to `end`. */
void journal_index_encode(const struct journal_index *index, int64_t first, int64_t end,
                          struct mr_buf *buf);
/* MR_INVALID: damaged, or not of the segment at `first`. The index made has room for a segment of
 * at least `bytes`. */
MR_MUST_USE enum mr_status journal_index_decode(struct mr_slice text, int64_t first, size_t bytes,
                                                int64_t *ret_end, struct journal_index **ret_index);
