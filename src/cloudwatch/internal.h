/* cloudwatch/internal.h: what the files of this folder share. */
#pragma once
#include "cloudwatch/cloudwatch.h"
#include "base/map.h"
#include <pthread.h>

enum {
    CLOUDWATCH_METRICS_MAX = 10000,
    CLOUDWATCH_MINUTE_MS = 60000,
    CLOUDWATCH_KEPT_DAYS = 15,
    CLOUDWATCH_ID_TEXT = 37,
};

/* Immutable but for its list. */
struct cw_metric {
    struct cw_metric *next; /* in the order in which they were made */
    char id[CLOUDWATCH_ID_TEXT];
    char *space, *name, *dimensions, *unit; /* owned; dimensions: JSON array, sorted by name */
};

struct cloudwatch {
    struct cloudwatch_options options;
    struct runtime_pump *pump;
    pthread_mutex_t lock;  /* guards what follows, and orders what is put */
    struct mr_map metrics; /* "<space>\0<name>\0<dimensions>\0<unit>" -> struct cw_metric */
    struct cw_metric *first, **end;
    size_t count;
    int64_t own_seen_ms; /* when the services' own metrics were published last */
    struct runtime_pump *own;
};

struct cw_sums {
    double count, sum, min, max;
};
void cw_sums_add(struct cw_sums *sums, const struct cw_sums *more); /* count 0: nothing yet */

/* ---- cloudwatch.c; under the lock ---- */
struct cw_key {
    struct mr_slice space, name, dimensions, unit;
};
/* NULL: there is none. */
struct cw_metric *cw_metric_find(struct cloudwatch *cloudwatch, const struct cw_key *key);
/* Makes it when there is none; its document joins the entry. NULL: there are `most`. */
struct cw_metric *cw_metric_get(struct cloudwatch *cloudwatch, const struct cw_key *key,
                                size_t most, struct store_entry *entry);
/* Dimensions (a list of {Name, Value}, or NULL) as a sorted JSON array. */
struct mr_slice cw_dimensions(struct mr_arena *arena, yyjson_val *list);

/* ---- points.c; under the lock ---- */
void cw_point_add(struct cloudwatch *cloudwatch, struct store_entry *entry,
                  const struct cw_metric *metric, int64_t time_ms, const struct cw_sums *more);
/* Adds up the minutes in [from, to) by periods that begin at from: sums[i] is the i-th one. */
MR_MUST_USE enum mr_status cw_points_sum(struct cloudwatch *cloudwatch,
                                         const struct cw_metric *metric, int64_t from_ms,
                                         int64_t period_ms, size_t count, struct cw_sums *sums);
/* Drops the minutes before; at most a bounded number. */
MR_MUST_USE enum mr_status cw_points_drop(struct cloudwatch *cloudwatch,
                                          const struct cw_metric *metric, int64_t before_ms);

/* ---- own.c; under the lock ---- */
/* What the services have measured since the last call becomes points. */
MR_MUST_USE enum mr_status cw_own_publish(struct cloudwatch *cloudwatch);
enum runtime_pump_next cw_own_step(void *ctx, int64_t *ret_wake_ms);

extern const struct protocol_handler cw_handlers[];
extern const size_t cw_handler_count;
