/* view/view_internal.h: what view.c, runs.c, merge.c and iterator.c share. Private to these. */
#pragma once
#include "view/memtable.h"
#include "view/run.h"
#include "view/stripes.h"
#include "view/view.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    KEY_BYTES = 512, /* longer keys are built on the heap */
    TABLES_MAX = 2,  /* memtables: the one written to, and the one that becomes a run */
    VIEW_PATH_MAX = 4096,
};

/* The view's own keys lie below all spaces. */
extern const struct mr_slice view_flushed_key, view_cleared_key;

/* The runs, newest first. A list does not change; a new one takes its place. */
struct runs {
    _Atomic int references;
    size_t count;
    struct run *each[]; /* referenced */
};

struct view {
    char *folder; /* owned */
    size_t memtable_bytes;
    uint64_t run_bytes_max; /* of a merged run; RUN_BYTES_MAX, or less in tests */
    _Atomic int64_t flushed, cleared;
    int64_t sealed_position; /* of the memtable that becomes a run; its flusher's */

    /* Writers take turns; a commit's sequence is published when all of it is in. */
    pthread_mutex_t writing;
    _Atomic uint64_t sequence;
    _Atomic size_t unflushed; /* bytes of the memtable that is written to */

    /* Newest first, the runs behind the memtables; a reader shares the stripes while it uses them,
     * who changes them takes all. */
    struct stripes readers;
    struct memtable *tables[TABLES_MAX];
    struct runs *runs;

    struct {
        pthread_mutex_t lock; /* taken before the stripes */
        pthread_cond_t work;  /* the merger sleeps here */
        pthread_cond_t moved; /* a merge has ended */
        pthread_t thread;
        bool started, wanted, busy;
        _Atomic bool stopping;
        bool failed;          /* the newest merge; the next flush tries again */
        uint64_t next_number; /* of a run */
    } files;
};

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

/* ---- runs.c: the list of runs, in memory and on the disk ---- */

struct runs *runs_ref(struct runs *runs);
void runs_unref(struct runs *runs); /* accepts NULL */
/* Asks for the places in memory that runs_get will look at first, of all runs side by side. */
void runs_prefetch(const struct runs *runs, uint64_t hash);
/* What the runs say of a stored key: MR_OK also when they know nothing of it. */
MR_MUST_USE enum mr_status runs_get(const struct runs *runs, struct mr_slice key, uint64_t hash,
                                    enum memtable_found *ret_found, struct mr_slice *ret_value);
/* Reads the list and opens its runs; removes what a crash left. */
MR_MUST_USE enum mr_status view_files_open(struct view *view);
/* Writes `table` as one run. Once it is in the list, atomically, it takes the place of tables[1].
 */
MR_MUST_USE enum mr_status view_files_add(struct view *view, struct memtable *table);
/* The path of a run that is to be written, with a number of its own. */
uint64_t view_files_new_path(struct view *view, char ret_path[static VIEW_PATH_MAX]);
void view_files_path(const struct view *view, uint64_t number, char ret_path[static VIEW_PATH_MAX]);
/* Removes the file, if it is there. */
void view_files_remove(const struct view *view, uint64_t number);
/* `fresh`, whose reference is taken, instead of `count` runs that follow each other in the list
 * from `first` on (both 0: before all, instead of tables[1]). When the view was cleared meanwhile,
 * and those are gone, so is `fresh`. On a failure the list in memory is as it was, and `fresh` is
 * removed unless the list on the disk may name it. */
MR_MUST_USE enum mr_status view_files_replace(struct view *view, const struct run *first,
                                              size_t count, struct run *fresh);
/* Writes `table` as the only run there is; all others and tables[0] go in the same step. On a
 * failure all is as it was, unless the list on the disk may be the new one. */
MR_MUST_USE enum mr_status view_files_clear(struct view *view, struct memtable *table);
struct runs *view_files_list(struct view *view); /* with a reference */

/* ---- merge.c: the thread that keeps runs few ---- */

void view_merger_start(struct view *view);
void view_merger_stop(struct view *view); /* ends a merge in the middle; accepts an unstarted one */
/* There is a new run. Waits while there are too many, unless merging fails. */
void view_merger_wake(struct view *view);
