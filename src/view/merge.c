/* view/merge.c: merges runs, so that a read has few to ask.
 *
 * Runs have levels by their size, each four times the one before. Four neighbours of one level are
 * merged into one of the next; so every key is written once a level, and there are at most about
 * three runs a level: fifteen for a hundred million small items. When the oldest run takes part,
 * deletions have nothing left to hide and go.
 *
 * A merge of large runs takes seconds, in which small ones pile up: it stops from time to time to
 * merge those first. When they pile up nevertheless, the flush waits, and for the flush commits. */
#include "base/arena.h"
#include "base/point.h"
#include "base/log.h"
#include "view/view_internal.h"
#include <stdio.h>
#include <sys/prctl.h>

enum {
    FAN = 4,                /* runs of one level that are merged */
    RUNS_MAX = 24,          /* beyond it a flush waits */
    PAUSE_BYTES = 16 << 20, /* merged between two looks for smaller merges */
    LEVELS_ALL = 64,
};

/* ---- what to merge ---- */

static int level_of(const struct view *view, const struct run *run)
{
    int level = 0;
    for (uint64_t bytes = view->memtable_bytes; run_bytes(run) > bytes; bytes *= FAN)
        level++;
    return level;
}

struct merge {
    size_t at, count; /* in the list */
    int level;
    bool to_the_end; /* the oldest run takes part */
};

/* As many of the runs from `at` on, before `end`, as fit into one. */
static size_t fitting(const struct view *view, const struct runs *runs, size_t at, size_t end)
{
    uint64_t bytes = 0;
    size_t count = 0;
    while (at + count < end && bytes + run_bytes(runs->each[at + count]) <= view->run_bytes_max)
        bytes += run_bytes(runs->each[at + count++]);
    return count;
}

/* The merge of the lowest level that is due. A run below its newer neighbours' level, because much
 * of it was deleted, counts as of theirs. The largest possible runs are merged no more. */
static bool find_merge(const struct view *view, const struct runs *runs, int below,
                       struct merge *ret_merge)
{
    int level = 0;
    for (size_t at = 0, end; at < runs->count; at = end) {
        if (level_of(view, runs->each[at]) > level)
            level = level_of(view, runs->each[at]);
        if (level >= below)
            return false;
        for (end = at; end < runs->count && level_of(view, runs->each[end]) <= level;)
            end++;
        const size_t count = fitting(view, runs, at, end);
        if (end - at < FAN || count < 2)
            continue;
        *ret_merge = (struct merge){
            .at = at, .count = count, .level = level, .to_the_end = at + count == runs->count};
        return true;
    }
    return false;
}

/* ---- merging ---- */

static enum mr_status merge_below(struct view *view, int below);

struct merging {
    struct view *view;
    const struct merge *merge;
    struct run_cursor *cursors; /* newest first */
    struct run_writer *writer;
    uint64_t looked_at; /* bytes written when smaller merges were last looked for */
};

/* The cursor at the least key; of equal ones the newest. -1: all are at their ends; MR_FAIL_DATA
 * in *ret_status: one met damage. */
static ssize_t least(const struct merging *merging, enum mr_status *ret_status)
{
    ssize_t at = -1;
    for (size_t i = 0; i < merging->merge->count; i++) {
        const struct run_cursor *cursor = &merging->cursors[i];
        if (cursor->status < 0)
            *ret_status = cursor->status;
        if (cursor->valid &&
            (at < 0 || mr_slice_compare(cursor->key, merging->cursors[at].key) < 0))
            at = (ssize_t)i;
    }
    return at;
}

/* Past a key, in every run. */
static void pass(struct merging *merging, struct mr_slice key)
{
    for (size_t i = 0; i < merging->merge->count; i++) {
        struct run_cursor *cursor = &merging->cursors[i];
        if (cursor->valid && mr_slice_equal(cursor->key, key))
            run_next(cursor);
    }
}

static enum mr_status look_for_smaller(struct merging *merging)
{
    uint64_t bytes = run_writer_bytes(merging->writer);
    if (bytes - merging->looked_at < PAUSE_BYTES)
        return MR_OK;
    merging->looked_at = bytes;
    return merge_below(merging->view, merging->merge->level);
}

static enum mr_status merge_keys(struct merging *merging)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < merging->merge->count; i++)
        run_seek(&merging->cursors[i], MR_S("\0"));
    for (;;) {
        ssize_t at = least(merging, &status);
        if (at < 0 || status < 0)
            break;
        const struct run_cursor *cursor = &merging->cursors[at];
        if (!cursor->deleted || !merging->merge->to_the_end)
            status = run_writer_add(merging->writer, cursor->key,
                                    cursor->deleted ? NULL : &cursor->value);
        if (status == MR_OK)
            status = look_for_smaller(merging);
        if (status == MR_OK &&
            atomic_load_explicit(&merging->view->files.stopping, memory_order_relaxed))
            status = MR_END;
        if (status != MR_OK)
            return status;
        pass(merging, cursor->key); /* its slice stays valid as long as the run */
    }
    return status < 0 ? status : run_writer_finish(merging->writer);
}

static enum mr_status write_merged(struct view *view, const struct runs *runs,
                                   const struct merge *merge, const char *path)
{
    struct merging merging = {.view = view, .merge = merge};
    uint64_t keys = 0;
    merging.cursors = mr_calloc(merge->count, sizeof(*merging.cursors));
    for (size_t i = 0; i < merge->count; i++) {
        merging.cursors[i].run = runs->each[merge->at + i];
        keys += run_keys(merging.cursors[i].run);
    }
    enum mr_status status = run_writer_new(&merging.writer, path, keys);
    if (status == MR_OK)
        status = merge_keys(&merging);
    run_writer_free(merging.writer);
    free(merging.cursors);
    return status;
}

/* MR_END: the view is being closed. */
static enum mr_status merge_runs(struct view *view, const struct runs *runs,
                                 const struct merge *merge)
{
    char path[VIEW_PATH_MAX];
    struct run *run = NULL;
    uint64_t number = view_files_new_path(view, path);
    enum mr_status status = write_merged(view, runs, merge, path);
    if (status == MR_OK)
        status = run_open(&run, path, number);
    if (status == MR_OK)
        return view_files_replace(view, runs->each[merge->at], merge->count, run);
    view_files_remove(view, number);
    return status;
}

/* All merges of levels below `below` that are due. */
static enum mr_status merge_below(struct view *view, int below)
{
    for (;;) {
        struct merge merge;
        struct runs *runs = view_files_list(view);
        bool due = find_merge(view, runs, below, &merge);
        if (due)
            mr_point(MR_POINT_VIEW_MERGE);
        enum mr_status status = due ? merge_runs(view, runs, &merge) : MR_OK;
        runs_unref(runs);
        if (!due || status != MR_OK)
            return status;
        pthread_mutex_lock(&view->files.lock);
        pthread_cond_broadcast(&view->files.moved);
        pthread_mutex_unlock(&view->files.lock);
    }
}

/* ---- the thread ---- */

static void *merger_main(void *arg)
{
    struct view *view = arg;
    prctl(PR_SET_NAME, "mr-merger");
    pthread_mutex_lock(&view->files.lock);
    while (!atomic_load(&view->files.stopping)) {
        if (!view->files.wanted) {
            pthread_cond_wait(&view->files.work, &view->files.lock);
            continue;
        }
        view->files.wanted = false;
        view->files.busy = true;
        pthread_mutex_unlock(&view->files.lock);
        enum mr_status status = merge_below(view, LEVELS_ALL);
        if (status < 0)
            mr_log(MR_LOG_ERROR, "view",
                   "merging has failed, so reads become slower: it is tried again after the next "
                   "flush");
        pthread_mutex_lock(&view->files.lock);
        view->files.busy = false;
        view->files.failed = status < 0;
        pthread_cond_broadcast(&view->files.moved);
    }
    pthread_mutex_unlock(&view->files.lock);
    return NULL;
}

void view_merger_start(struct view *view)
{
    int error = pthread_create(&view->files.thread, NULL, merger_main, view);
    view->files.started = error == 0;
    if (error != 0)
        mr_log(MR_LOG_ERROR, "view", "cannot start the merger: %s", strerror(error));
}

void view_merger_stop(struct view *view)
{
    if (!view->files.started)
        return;
    pthread_mutex_lock(&view->files.lock);
    atomic_store(&view->files.stopping, true);
    pthread_cond_signal(&view->files.work);
    pthread_cond_broadcast(&view->files.moved);
    pthread_mutex_unlock(&view->files.lock);
    pthread_join(view->files.thread, NULL);
}

static bool merges_go_on(const struct view *view)
{
    return (view->files.wanted || view->files.busy) && !view->files.failed &&
           !atomic_load(&view->files.stopping);
}

void view_merger_wake(struct view *view)
{
    if (!view->files.started)
        return;
    pthread_mutex_lock(&view->files.lock);
    view->files.wanted = true;
    view->files.failed = false;
    pthread_cond_signal(&view->files.work);
    while (view->runs->count > RUNS_MAX && merges_go_on(view))
        pthread_cond_wait(&view->files.moved, &view->files.lock);
    pthread_mutex_unlock(&view->files.lock);
}
