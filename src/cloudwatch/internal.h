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
    pthread_mutex_t alarms_lock; /* orders changes of alarms; taken before `lock` */
    pthread_mutex_t lock;        /* guards what follows, and orders what is put */
    struct mr_map metrics;       /* "<space>\0<name>\0<dimensions>\0<unit>" -> struct cw_metric */
    struct cw_metric *first, **end;
    size_t count;
    int64_t own_seen_ms; /* when the services' own metrics were published last */
    struct runtime_pump *own;
};

/* ---- spread.c ---- */
struct cw_pair {
    double value, count;
};
struct cw_sums {
    double count, sum, min, max;
    bool whole; /* the pairs tell of all values: percentiles can be made */
    size_t pair_count;
    struct cw_pair *pairs; /* ascending; an arena's */
};
/* `count` times the same value. */
struct cw_sums cw_sums_of(struct mr_arena *arena, double value, double count);
/* Of a set of statistics: when all its values must be equal, they are known. */
void cw_sums_level(struct mr_arena *arena, struct cw_sums *sums);
/* Count 0: nothing yet. Without an arena the values are forgotten. */
void cw_sums_add(struct mr_arena *arena, struct cw_sums *sums, const struct cw_sums *more);

enum cw_stat_kind {
    CW_STAT_SUM,
    CW_STAT_COUNT,
    CW_STAT_AVERAGE,
    CW_STAT_MINIMUM,
    CW_STAT_MAXIMUM,
    CW_STAT_P, /* extended ones from here on */
    CW_STAT_TM,
    CW_STAT_WM,
    CW_STAT_TC,
    CW_STAT_TS,
    CW_STAT_PR,
};
struct cw_stat {
    enum cw_stat_kind kind;
    bool percent; /* the ends are percentages, not values */
    bool has_low, has_high;
    double low, high;
};
/* "Sum", "p99.9", "tm90", "TM(10%:90%)", "wm(:500)", "PR(100:2000)", "IQM" ... False: no such. */
bool cw_stat_parse(struct mr_slice text, struct cw_stat *ret);
bool cw_stat_is_extended(const struct cw_stat *stat);
/* False: there is none, for want of values or of what is known of them. */
bool cw_stat_value(const struct cw_stat *stat, const struct cw_sums *sums, double *ret_value);

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
/* Adds up the minutes in [from, to) by periods that begin at from: sums[i] is the i-th one. Their
 * values are kept in `keep`; NULL: they are not asked for. */
MR_MUST_USE enum mr_status cw_points_sum(struct cloudwatch *cloudwatch,
                                         const struct cw_metric *metric, int64_t from_ms,
                                         int64_t period_ms, size_t count, struct mr_arena *keep,
                                         struct cw_sums *sums);
/* Drops the minutes before; at most a bounded number. */
MR_MUST_USE enum mr_status cw_points_drop(struct cloudwatch *cloudwatch,
                                          const struct cw_metric *metric, int64_t before_ms);

/* ---- own.c; under the lock ---- */
/* What the services have measured since the last call becomes points. */
MR_MUST_USE enum mr_status cw_own_publish(struct cloudwatch *cloudwatch);
enum runtime_pump_next cw_own_step(void *ctx, int64_t *ret_wake_ms);

/* ---- read.c: what a request asks of one metric ---- */
struct cw_question {
    struct mr_slice space, name, unit; /* unit empty: any */
    yyjson_val *dimensions;
    bool values; /* for extended statistics */
    int64_t from_ms, period_ms;
    size_t count;
};
/* Sets from, period and count by the call's times; false with the fault set. */
bool cw_question_times(struct protocol_call *call, struct cw_question *question, int64_t period_s,
                       size_t most);
/* The sums of each period, in the call's arena. `ret_unit`: of the metric that had data. */
struct cw_sums *cw_answer(struct protocol_call *call, const struct cw_question *question,
                          struct mr_slice *ret_unit);
void cw_get_statistics(struct protocol_call *call);

/* ---- data.c ---- */
void cw_get_data(struct protocol_call *call);

extern const struct protocol_fault cw_invalid, cw_combination, cw_missing;
int64_t cw_time_of(yyjson_val *in, const char *name, int64_t fallback); /* ms */

extern const struct protocol_handler cw_handlers[], cw_alarm_handlers[];
extern const size_t cw_handler_count, cw_alarm_handler_count;
