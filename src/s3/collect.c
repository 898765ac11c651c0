/* Two pumps. The sweep unlinks bodies whose replacement is durable. The collector removes bodies
 * that earlier runs left behind and no record names.
 *
 * The collector works in rounds: as many ids as fit its table are read from the folders, sorted and
 * then checked off against every record of one snapshot; what is left over is removed. Before that
 * the journal must be durable up to the snapshot: a record that the snapshot no longer has must not
 * come back by a crash. Only bodies of earlier runs are looked at, and no record ever takes up an
 * old body that no record names, so nothing can begin to name one meanwhile. */
#include "base/log.h"
#include "base/point.h"
#include "s3/internal.h"
#include <assert.h>
#include <stdlib.h>

enum { IDS_MAX = 1 << 17, RECORDS_A_STEP = 20000 };

struct s3_collector {
    struct s3 *s3;
    unsigned folder;
    struct s3_id *ids; /* owned; sorted */
    bool *named;       /* owned; as ids */
    size_t count;
    struct view_iterator *records; /* NULL between rounds */
    int64_t snapshot;              /* the journal's tail when it was taken, or later */
    size_t removed;
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct s3_id));
}

static void round_end(struct s3_collector *collector)
{
    view_iterator_free(collector->records);
    free(collector->ids);
    free(collector->named);
    collector->records = NULL;
    collector->ids = NULL;
    collector->named = NULL;
    collector->count = 0;
}

/* False: every folder was seen. */
static bool round_begin(struct s3_collector *collector)
{
    struct s3 *s3 = collector->s3;
    struct s3_id *ids = mr_calloc(IDS_MAX, sizeof *ids);
    const size_t count = s3_bodies_old(s3->bodies, &collector->folder, ids, IDS_MAX);
    if (count == 0) {
        free(ids);
        return false;
    }
    qsort(ids, count, sizeof *ids, by_bytes);
    collector->ids = mr_realloc(ids, count * sizeof *ids);
    collector->named = mr_calloc(count, sizeof *collector->named);
    collector->count = count;
    collector->records =
        view_iterate(store_view(s3->options.store), VIEW_OBJECT, (struct mr_slice){0});
    collector->snapshot = journal_tail(store_journal(s3->options.store));
    view_iterator_first(collector->records);
    return true;
}

/* MR_AGAIN: more records are left. */
static enum mr_status check_off(struct s3_collector *collector)
{
    for (int i = 0; i < RECORDS_A_STEP; i++) {
        if (!view_iterator_valid(collector->records))
            return MR_OK;
        if (s3_is_body_key(view_iterator_key(collector->records))) {
            view_iterator_next(collector->records);
            continue;
        }
        struct s3_meta meta;
        const enum mr_status status =
            s3_meta_decode(view_iterator_value(collector->records), &meta);
        if (status != MR_OK)
            return status; /* whose body it was is not known: remove nothing */
        const struct s3_id *found =
            bsearch(&meta.body, collector->ids, collector->count, sizeof meta.body, by_bytes);
        if (found != NULL)
            collector->named[found - collector->ids] = true;
        view_iterator_next(collector->records);
    }
    return MR_AGAIN;
}

static void remove_rest(struct s3_collector *collector)
{
    mr_point(MR_POINT_S3_COLLECT);
    for (size_t i = 0; i < collector->count; i++) {
        if (!collector->named[i]) {
            s3_file_remove(collector->s3->bodies, &collector->ids[i]);
            collector->removed++;
        }
    }
}

static enum runtime_pump_next collect_step(void *ctx, int64_t *ret_wake_ms)
{
    (void)ret_wake_ms;
    struct s3_collector *collector = ctx;
    if (collector->records == NULL && !round_begin(collector)) {
        if (collector->removed > 0)
            mr_log(MR_LOG_INFO, "s3", "removed %zu bodies that no object had", collector->removed);
        collector->removed = 0;
        collector->folder = 0;
        return RUNTIME_PUMP_WAIT;
    }
    enum mr_status status = check_off(collector);
    if (status == MR_AGAIN)
        return RUNTIME_PUMP_AGAIN;
    if (status == MR_OK)
        status = store_wait(collector->s3->options.store, collector->snapshot);
    if (status == MR_OK && s3_bodies_pinned(collector->s3->bodies))
        round_end(collector); /* a snapshot may name them: they wait for a later start */
    else if (status == MR_OK)
        remove_rest(collector);
    else
        collector->folder = 256;
    round_end(collector);
    return RUNTIME_PUMP_AGAIN;
}

static enum runtime_pump_next sweep_step(void *ctx, int64_t *ret_wake_ms)
{
    (void)ret_wake_ms;
    struct s3 *s3 = ctx;
    return s3_bodies_sweep(s3->bodies) ? RUNTIME_PUMP_AGAIN : RUNTIME_PUMP_WAIT;
}

static void sweep_wake(void *ctx)
{
    struct s3 *s3 = ctx;
    runtime_pump_wake(s3->sweep);
}

void s3_pumps_start(struct s3 *s3)
{
    s3->collector = mr_calloc(1, sizeof *s3->collector);
    s3->collector->s3 = s3;
    s3->sweep = runtime_pump_start(s3->options.runtime, "s3-sweep", sweep_step, s3);
    s3_bodies_on_drop(s3->bodies, sweep_wake, s3);
    s3_expiry_start(s3);
    s3_replicate_start(s3);
    s3->collect =
        runtime_pump_start(s3->options.runtime, "s3-collect", collect_step, s3->collector);
}

void s3_pumps_stop(struct s3 *s3)
{
    s3_expiry_stop(s3);
    s3_replicate_stop(s3); /* which the others wake */
    runtime_pump_stop(s3->collect);
    runtime_pump_stop(s3->sweep);
    (void)s3_bodies_sweep(s3->bodies);
    round_end(s3->collector);
    free(s3->collector);
}
