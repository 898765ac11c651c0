/* The services' own metrics: what they have measured (base/meters.h) becomes minutes like those
 * that clients put.
 *
 * Once a minute, when somebody asks, and at the end of a run, the difference to what was seen
 * before is added to the minute in which it was measured. So a point is durable with its minute; a
 * crash loses what was measured since the last of those moments, less than a minute, as AWS's own
 * delivery of metrics is best effort. */
#include "cloudwatch/internal.h"

enum { OPS_A_COMMIT = 200 };

/* What was measured since the last time as values; those of a kind that keeps no spread are known
 * only when all are equal. */
static void take_spread(struct mr_arena *arena, const struct meters_item *item,
                        struct cw_sums *sums)
{
    struct meter_bucket buckets[METER_BUCKETS];
    const size_t count = meter_take_spread(item->meter, buckets);
    struct cw_sums values = {0};
    for (size_t i = 0; i < count; i++) {
        /* The middle of a bucket may lie outside of what was measured. */
        const double middle = (double)buckets[i].value / item->kind->scale;
        const double value = middle < sums->min   ? sums->min
                             : middle > sums->max ? sums->max
                                                  : middle;
        const struct cw_sums more = cw_sums_of(arena, value, (double)buckets[i].count);
        cw_sums_add(arena, &values, &more);
    }
    sums->pairs = values.pairs;
    sums->pair_count = values.pair_count;
    sums->whole = count > 0;
    cw_sums_level(arena, sums);
}

static bool take(struct mr_arena *arena, struct meters_item *item, struct cw_sums *ret_sums)
{
    const struct meter_sums total = meter_total(item->meter);
    const double scale = item->kind->scale;
    const uint64_t count = total.count - item->seen.count;
    uint64_t least, most;
    if (count == 0)
        return false;
    *ret_sums = (struct cw_sums){.count = (double)count,
                                 .sum = (double)(total.sum - item->seen.sum) / scale};
    item->seen = total;
    meter_take_range(item->meter, &least, &most);
    /* A writer may have been counted with the range before. */
    const double average = ret_sums->sum / (double)count;
    ret_sums->min = least == UINT64_MAX ? average : (double)least / scale;
    ret_sums->max = least == UINT64_MAX ? average : (double)most / scale;
    take_spread(arena, item, ret_sums);
    return true;
}

static void add(struct cloudwatch *cloudwatch, struct store_entry *entry,
                const struct meters_item *item, int64_t time_ms, const struct cw_sums *sums)
{
    const struct cw_key key = {
        .space = mr_slice_cstr(item->space),
        .name = mr_slice_cstr(item->kind->name),
        .dimensions = mr_slice_cstr(item->dimensions),
        .unit = mr_slice_cstr(item->kind->unit),
    };
    const struct cw_metric *metric =
        cw_metric_get(cloudwatch, &key, CLOUDWATCH_METRICS_MAX + METERS_MAX, entry);
    if (metric != NULL)
        cw_point_add(cloudwatch, entry, metric, time_ms, sums);
}

static enum mr_status commit(struct cloudwatch *cloudwatch, struct store_entry *entry)
{
    int64_t ticket;
    return entry->count == 0 ? MR_OK : store_commit(cloudwatch->options.store, entry, &ticket);
}

enum mr_status cw_own_publish(struct cloudwatch *cloudwatch)
{
    const int64_t now_ms = store_now(cloudwatch->options.store);
    /* In an earlier minute nobody has looked since: what was measured since belongs there. */
    const int64_t seen_ms = cloudwatch->own_seen_ms;
    const bool same =
        seen_ms == 0 || now_ms / CLOUDWATCH_MINUTE_MS == seen_ms / CLOUDWATCH_MINUTE_MS;
    const int64_t time_ms = same ? now_ms : seen_ms;
    struct meters_item *item = meters_first(cloudwatch->options.meters);
    enum mr_status status = MR_OK;
    while (item != NULL && status == MR_OK) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        struct store_entry entry = store_entry_make(&arena);
        for (; item != NULL && entry.count < OPS_A_COMMIT; item = item->next) {
            struct cw_sums sums;
            if (take(&arena, item, &sums))
                add(cloudwatch, &entry, item, time_ms, &sums);
        }
        status = commit(cloudwatch, &entry);
        mr_arena_fini(&arena);
    }
    cloudwatch->own_seen_ms = now_ms;
    return status;
}

enum runtime_pump_next cw_own_step(void *ctx, int64_t *ret_wake_ms)
{
    struct cloudwatch *cloudwatch = ctx;
    pthread_mutex_lock(&cloudwatch->lock);
    const enum mr_status status = cw_own_publish(cloudwatch);
    pthread_mutex_unlock(&cloudwatch->lock);
    if (status < 0) /* the store has said why; it takes a restart */
        return RUNTIME_PUMP_DONE;
    const int64_t now_ms = store_now(cloudwatch->options.store);
    *ret_wake_ms = now_ms - now_ms % CLOUDWATCH_MINUTE_MS + CLOUDWATCH_MINUTE_MS;
    return RUNTIME_PUMP_WAIT;
}
