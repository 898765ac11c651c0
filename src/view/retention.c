/* view/retention.c: what of the journal somebody still needs, and letting the rest go.
 *
 * The order in which segments go, which is what a crash in between relies on:
 *   1. note the journal's tail: an owner that needed nothing when it was asked may need what comes
 *      behind it
 *   2. ask every floor; whatever a floor has answered is applied, and so appended
 *   3. wait until the journal is durable up to its tail: no crash can take a floor back
 *   4. drop whole segments below the lowest floor and that tail, oldest first */
#include "view/internal.h"
#include "base/point.h"
#include "base/log.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

struct store_floor {
    struct store_floor *next;
    const char *name;
    int64_t (*fn)(void *ctx);
    void *ctx;
};

void store_floor_register(struct store *store, const char *name, int64_t (*fn)(void *ctx),
                          void *ctx)
{
    struct store_floor *floor = mr_malloc(sizeof(*floor));
    pthread_mutex_lock(&store->retention.lock);
    *floor =
        (struct store_floor){.next = store->retention.floors, .name = name, .fn = fn, .ctx = ctx};
    store->retention.floors = floor;
    pthread_mutex_unlock(&store->retention.lock);
}

void store_floor_unregister(struct store *store, const void *ctx)
{
    pthread_mutex_lock(&store->retention.lock);
    struct store_floor **at = &store->retention.floors;
    while (*at != NULL) {
        struct store_floor *floor = *at;
        if (floor->ctx == ctx) {
            *at = floor->next;
            free(floor);
        } else {
            at = &floor->next;
        }
    }
    pthread_mutex_unlock(&store->retention.lock);
}

static int64_t lowest_locked(const struct store *store, const char **ret_name)
{
    int64_t lowest = INT64_MAX;
    *ret_name = "";
    for (const struct store_floor *floor = store->retention.floors; floor != NULL;
         floor = floor->next) {
        const int64_t position = floor->fn(floor->ctx);
        if (position < lowest) {
            lowest = position;
            *ret_name = floor->name;
        }
    }
    return lowest;
}

int64_t store_floor_lowest(struct store *store, const char **ret_name)
{
    pthread_mutex_lock(&store->retention.lock);
    int64_t lowest = lowest_locked(store, ret_name);
    pthread_mutex_unlock(&store->retention.lock);
    const int64_t flushed = view_flushed(store->view);
    /* While somebody needs the oldest segment, flushing would let nothing go, so nobody flushes. */
    if (flushed >= lowest || lowest < journal_oldest_end(store->journal))
        return lowest;
    *ret_name = "view";
    return flushed;
}

int64_t store_cursor_floor(struct store *store, struct mr_slice prefix)
{
    int64_t lowest = INT64_MAX;
    struct view_iterator *cursors = view_iterate(store->view, VIEW_CURSOR, prefix);
    for (view_iterator_first(cursors); view_iterator_valid(cursors); view_iterator_next(cursors)) {
        int64_t position;
        const struct mr_slice value = view_iterator_value(cursors);
        assert(value.len == sizeof(position));
        memcpy(&position, value.ptr, sizeof(position));
        lowest = position < lowest ? position : lowest;
    }
    /* What cannot be read must not be dropped by mistake. */
    if (view_iterator_status(cursors) < 0)
        lowest = 0;
    view_iterator_free(cursors);
    if (lowest == INT64_MAX)
        return lowest;
    const int64_t oldest =
        journal_seek_time(store->journal, store_now(store) - STORE_CURSOR_HELD_MS);
    return oldest > lowest ? oldest : lowest;
}

/* The view is behind only because little was written: it need not hold the journal up. */
static enum mr_status flush_if_in_the_way(struct store *store, int64_t lowest)
{
    const int64_t end = journal_oldest_end(store->journal);
    if (end > lowest || view_flushed(store->view) >= end)
        return MR_OK;
    return store_flush(store, true);
}

enum mr_status store_retain(struct store *store)
{
    const char *name;
    if (atomic_load(&store->failed))
        return MR_FAIL_IO; /* said when it happened */
    mr_point(MR_POINT_VIEW_RETAIN);
    pthread_mutex_lock(&store->retention.lock);
    const int64_t tail = journal_tail(store->journal);
    int64_t lowest = lowest_locked(store, &name);
    lowest = tail < lowest ? tail : lowest;
    enum mr_status status = flush_if_in_the_way(store, lowest);
    if (status == MR_OK)
        status = journal_wait(store->journal, journal_tail(store->journal));
    if (status == MR_OK) {
        const int64_t flushed = view_flushed(store->view);
        const int64_t before = journal_first(store->journal);
        journal_drop(store->journal, flushed < lowest ? flushed : lowest);
        const int64_t first = journal_first(store->journal);
        if (first > before)
            mr_log(MR_LOG_INFO, "store",
                   "dropped %" PRId64 " bytes of the journal; it begins at %" PRId64,
                   first - before, first);
    }
    pthread_mutex_unlock(&store->retention.lock);
    return status;
}

void store_retention_fini(struct store *store)
{
    assert(store->retention.floors == NULL);
    pthread_mutex_destroy(&store->retention.lock);
}
