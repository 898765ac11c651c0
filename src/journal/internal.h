/* journal/internal.h: what the files of this folder share, and what its tests reach beneath the
 * API.
 *
 * Locks, in the order in which they are taken: tail.lock, files.lock, segment.lock. index.lock and
 * keeper.lock, wait.lock are taken last and alone. No callback runs under any of them. */
#pragma once
#include "journal/entry.h"
#include "journal/index.h"
#include "journal/journal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

enum {
    JOURNAL_WAITING_BYTES_MAX = 64 << 20, /* appended and not yet durable */
    JOURNAL_PATH_MAX = 4096,
};

/* The system calls a commit depends on; tests put failing ones in. */
struct journal_io {
    ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t offset);
    int (*fdatasync)(int fd);
};
extern const struct journal_io journal_io_system;
/* journal_open with another table, which lives as long as the journal. */
MR_MUST_USE enum mr_status journal_open_io(struct journal **ret_journal,
                                           const struct journal_options *options,
                                           const struct journal_io *io);

/* ---- a segment (segment.c) ---- */

struct journal_segment {
    struct journal *journal;
    int64_t first;
    _Atomic int64_t end; /* INT64_MAX while it takes entries */
    /* Time of its newest entry, once somebody has asked of a sealed one; before, INT64_MAX. So that
     * seeking a time need not load the index of every old segment. */
    _Atomic int64_t time_max;
    size_t capacity; /* bytes of the file; fixed while it takes entries */
    int fd;          /* for writing, syncer and keeper only; -1: not there yet, or closed */
    struct journal_segment *sealed_next; /* the keeper's queue */
    bool dropped;                        /* off the list: only pins are left; files.lock */
    bool listed;                         /* it has its file; set by recovery or the syncer */
    uint32_t refs;                       /* files.lock; the list's and the pins */
    pthread_mutex_t lock;                /* loading map and index; set they stay while pinned */
    const char *map;
    size_t map_bytes;
    struct journal_index *index;
};

struct journal_segment *journal_segment_new(struct journal *journal, int64_t first,
                                            size_t capacity);
/* ".log", ".idx" beside it, or another suffix. */
void journal_segment_path(const struct journal *journal, int64_t first, const char *suffix,
                          char ret_path[static JOURNAL_PATH_MAX]);
/* The segment that holds `position`, pinned; NULL: older than all. */
struct journal_segment *journal_segment_pin(struct journal *journal, int64_t position);
void journal_segment_ref(struct journal_segment *segment);
/* Frees what is no longer needed: the mapping and index of a sealed segment nobody reads. */
void journal_segment_unpin(struct journal_segment *segment);
/* Maps the file / has the index at hand. Of a pinned segment. */
MR_MUST_USE enum mr_status journal_segment_map(struct journal_segment *segment);
MR_MUST_USE enum mr_status journal_segment_index(struct journal_segment *segment);
/* The first `bytes` of the mapping no longer count as this process's memory; they stay readable. */
void journal_segment_forget(struct journal_segment *segment, size_t bytes);
/* Walks and checks entries from `offset` up to `limit`, adding them to the index; stops at the
 * first that is none and returns its offset. */
size_t journal_segment_scan(const char *map, int64_t first, size_t offset, size_t limit,
                            struct journal_index *index);
/* Writes the sidecar for the bytes up to `end`. A failure is only logged: it is a cache. */
void journal_segment_store_index(struct journal_segment *segment, int64_t end);
void journal_files_add(struct journal *journal, struct journal_segment *segment);
/* Makes an empty file of `bytes`, preallocated. */
MR_MUST_USE enum mr_status journal_file_make(const char *path, size_t bytes, int *ret_fd);
MR_MUST_USE enum mr_status journal_folder_sync(const struct journal *journal);
/* Reads a small file whole into buf: MR_OK, MR_NOT_FOUND, < 0. */
MR_MUST_USE enum mr_status journal_file_read(const char *path, struct mr_buf *buf);

/* ---- groups: entries appended and not yet handed to the disk (journal.c) ---- */

/* Consecutive bytes of one segment. */
struct journal_run {
    struct journal_segment *segment;
    size_t offset;     /* in the segment */
    size_t start, len; /* in the buffer */
};
/* What one group commit writes. */
struct journal_group {
    char *data; /* owned */
    size_t len, capacity, entries;
    struct journal_run *runs; /* owned; more than one only where segments meet */
    size_t runs_count, runs_capacity;
    uint32_t *windows; /* owned; the distinct windows of its entries */
    size_t windows_count, windows_capacity;
};
void journal_group_reset(struct journal_group *group); /* keeps a modest amount of memory */
void journal_group_fini(struct journal_group *group);

struct journal {
    char *folder; /* owned */
    int folder_fd;
    size_t segment_bytes;
    struct journal_options options;
    const struct journal_io *io;
    _Atomic int64_t durable, tail_position; /* tail_position is written under tail.lock */
    _Atomic int64_t trimmed;                /* journal_trim */
    _Atomic bool failed;
    struct {
        _Atomic uint64_t entries, bytes, syncs;
        _Atomic uint64_t sync_buckets[JOURNAL_SYNC_BUCKETS + 1], sync_us, last_sync_us,
            last_sync_bytes;
    } stats;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t work;             /* the syncer sleeps here */
        pthread_cond_t room;             /* appenders that met the limit */
        struct journal_group *filling;   /* one of groups[] */
        struct journal_segment *segment; /* takes the next entry */
        size_t offset;                   /* of the next entry in it */
        uint64_t group;                  /* number of the filling group, from 1 */
        uint32_t room_waiters;
        bool syncing; /* one thread at a time writes and syncs: the syncer, or one that waits */
        bool syncer_sleeps, stopping;
    } tail;
    struct journal_group groups[2];
    struct {
        pthread_mutex_t lock;
        pthread_cond_t moved;
        _Atomic uint32_t waiters;
    } wait;
    struct {
        pthread_mutex_t lock;
        struct journal_segment **list; /* owned; by first position */
        size_t count, capacity;
    } files;
    struct {
        pthread_mutex_t lock;
        pthread_cond_t work, ready;
        bool wanted, making, stopping;
        bool failed;        /* not tried again before the syncer has */
        int fd;             /* the next segment's file, -1: none */
        size_t bytes;       /* of it */
        _Atomic bool hurry; /* the file in the making is needed now */
        struct journal_segment *sealed;
    } keeper;
    struct journal_segment *written; /* whose turn it is to sync: where the last group ended */
    pthread_t syncer_thread, keeper_thread;
    bool threads_run;
};

/* ---- recovery (recover.c) ---- */

/* Finds the segments, cuts a torn tail, sets the tail. */
MR_MUST_USE enum mr_status journal_recover(struct journal *journal, int64_t first_position);

/* ---- threads (syncer.c) ---- */

void *journal_syncer_main(void *journal);
/* Makes durable what is appended, on this thread; false, and nothing is done: another thread is at
 * it, or there is nothing. */
bool journal_sync_here(struct journal *journal);
void *journal_keeper_main(void *journal);
/* Of a file without entries there: writes zeros. As far as it gets; fails in silence. */
void journal_write_zeros_ahead(struct journal *journal, int fd, size_t from, size_t until);
/* Gives a fresh segment its file. */
MR_MUST_USE enum mr_status journal_segment_activate(struct journal_segment *segment);
