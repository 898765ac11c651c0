/* journal/journal.h: the append-only log that everything else is a view of: append, group commit,
 * windows, recovery.
 *
 * An entry is one atomic commit of one or more ops. A position is a byte offset in the endless
 * journal (segments of 64 MiB follow each other without gaps in the numbering); it never repeats,
 * also across restarts. The position of an OP (where its header starts) is the sequence number of
 * the change it holds: unique, and rising within and across entries.
 *
 * A window is a numbered sub-sequence: all ops that carry its id, in journal order. A table's
 * stream shard and a Kinesis shard are windows. Window 0 means "none". Windows are found through a
 * small bitmap per segment (a bit per 64 KiB block).
 *
 * Group commit: append copies the entry into the tail and returns; the syncer thread writes,
 * fdatasyncs and publishes the durable position. Readers of windows see only what is durable. A
 * failed write or fsync is final: the journal refuses every later append and calls on_failure.
 *
 * Recovery: a torn tail (bytes of the last write that never were acknowledged) is cut; damage
 * elsewhere is refused with a message that names file and offset. The stored format heads entry.c.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct journal;

enum journal_op_kind {
    JOURNAL_PUT = 1,    /* space/key = value in the view */
    JOURNAL_DELETE = 2, /* space/key gone from the view */
    JOURNAL_APPEND =
        3, /* a record of a window; the view does not see it: key and value are the record's */
    JOURNAL_NOTE = 4, /* only for the journal itself */
};

/* One op of an entry. For PUT and DELETE with a window != 0 the op is a change record as well:
 * `old` may then carry the old value and `meta` what the stream needs beside (the writer's own
 * encoding). Slices are borrowed. */
struct journal_op {
    enum journal_op_kind kind;
    uint8_t space;   /* the view's column family; see view/view.h */
    uint32_t window; /* 0: none */
    bool has_old;
    struct mr_slice key, value, old, meta;
    int64_t position; /* set by journal_append and by readers */
    int64_t time_ms;  /* of the entry; set by journal_append and by readers */
};

struct journal_options {
    const char *folder;     /* made when absent */
    uint64_t segment_bytes; /* 0: 64 MiB */
    int64_t first_position; /* of a fresh journal; 0: 1 */
    /* After each publish, on the syncer's thread or on one in journal_wait; must not block. */
    void (*on_durable)(void *ctx, int64_t position);
    /* Then, for each distinct window that became readable further in this group. */
    void (*on_window)(void *ctx, uint32_t window);
    void (*on_failure)(void *ctx, const char *what);
    /* On the syncer's thread, before it takes a group that follows a large one: may block for at
     * most `us` (two syncs, 1 ms at most) while the group grows. A sync costs the processors as
     * much as ten small entries, which counts while they are all busy. NULL: never. */
    void (*gather)(void *ctx, int64_t us);
    void *ctx;
};

/* Opens or creates. After it returns the journal is readable; journal_replay walks it; appends may
 * start at once. MR_FAIL_DATA: damaged. */
MR_MUST_USE enum mr_status journal_open(struct journal **ret_journal,
                                        const struct journal_options *options);
void journal_close(struct journal *journal); /* makes all durable, joins the syncer; accepts NULL */

/* Appends one entry. Sets each op's position and returns the entry's end position in `ret_ticket`:
 * the commit is durable when journal_durable() >= ticket. Not yet durable on return. Any thread.
 * Blocks only when more than 64 MiB wait to be written. MR_FAIL_IO after a failure. MR_FULL: an
 * entry is at most 32 MiB. */
MR_MUST_USE enum mr_status journal_append(struct journal *journal, struct journal_op *ops,
                                          size_t count, int64_t time_ms, int64_t *ret_ticket);
/* The same for a caller who will wait for it soon: the syncer is not woken, so that one sync may do
 * for what else is appended until then. */
MR_MUST_USE enum mr_status journal_append_to_wait(struct journal *journal, struct journal_op *ops,
                                                  size_t count, int64_t time_ms,
                                                  int64_t *ret_ticket);
int64_t journal_durable(
    const struct journal *journal); /* every entry that ends at or before it is on disk */
int64_t journal_tail(const struct journal *journal); /* end of the last appended entry */
/* Blocks until `ticket` is durable; MR_FAIL_IO when it never will be. The caller holds no lock that
 * the callbacks take: it may be the one who syncs. */
MR_MUST_USE enum mr_status journal_wait(struct journal *journal, int64_t ticket);
/* The same, but for grace_us microseconds nothing is synced on its account. */
MR_MUST_USE enum mr_status journal_wait_after(struct journal *journal, int64_t ticket,
                                              int64_t grace_us);
/* Oldest position that can still be read. */
int64_t journal_first(const struct journal *journal);
/* Makes everything before `position` unreadable, until journal_close. journal_replay still sees it.
 */
void journal_trim(struct journal *journal, int64_t position);

/* Calls fn for each entry that starts at or after `from`, in order, up to the durable position:
 * recovery. */
MR_MUST_USE enum mr_status journal_replay(struct journal *journal, int64_t from,
                                          enum mr_status (*fn)(void *ctx,
                                                               const struct journal_op *ops,
                                                               size_t count, int64_t entry_end),
                                          void *ctx);

/* Reads a window in order. A zeroed cursor with `position` set starts at the first op at or after
 * that position. Cheap when nothing is new. The op's slices point into a mapped segment, which the
 * cursor keeps alive until the next call or journal_cursor_fini, which comes before journal_close.
 * One thread at a time. */
struct journal_cursor {
    int64_t position; /* next op is at or after it; store this (as "next") to resume */
    /* Private. */
    struct journal_segment *segment; /* pinned */
    int64_t entry;                   /* start of the entry that `position` lies in or begins */
    int64_t left_at;                 /* `position` as journal_next left it: an op or entry begins */
    int64_t entry_checked;           /* the entry whose body was checked */
    size_t block_hit;                /* block known to have the window, plus 1 */
    uint32_t window;
};
/* MR_OK: *ret_op is the next op of `window` and cursor->position is behind it. MR_END: nothing
 * further is durable now (cursor->position has moved to the durable position, so that the next call
 * does not search again). MR_NOT_FOUND: the position is older than journal_first(); set
 * cursor->position to that to go on. */
MR_MUST_USE enum mr_status journal_next(struct journal *journal, uint32_t window,
                                        struct journal_cursor *cursor, struct journal_op *ret_op);
void journal_cursor_fini(struct journal_cursor *cursor);

/* Drops whole segments that end at or before `position`, oldest first. */
void journal_drop(struct journal *journal, int64_t position);
uint64_t journal_segment_bytes(
    const struct journal *journal); /* of one, unless an entry is larger */
/* Where the oldest segment ends, so that a drop below it drops nothing; INT64_MAX while it is the
 * only one. */
int64_t journal_oldest_end(struct journal *journal);
/* The newest time of what lies in the last two segments; INT64_MIN: nothing. After opening. */
int64_t journal_time_max(struct journal *journal);
/* Where the first durable entry written at or after time_ms starts; the durable position when there
 * is none. */
int64_t journal_seek_time(struct journal *journal, int64_t time_ms);

enum { JOURNAL_SYNC_BUCKETS = 12 };
extern const int64_t journal_sync_bucket_us[JOURNAL_SYNC_BUCKETS]; /* the upper ends */
struct journal_stats {
    uint64_t entries, bytes, syncs, segments; /* since open, and segments now */
    /* How long writing a group and syncing it took: `sync_buckets[i]` took at most
     * journal_sync_bucket_us[i], and no less than fits the bucket before. */
    uint64_t sync_buckets[JOURNAL_SYNC_BUCKETS + 1], sync_us, last_sync_us, last_sync_bytes;
};
void journal_stats_get(const struct journal *journal, struct journal_stats *ret_stats);
