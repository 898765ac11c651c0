/* The wire: metrics are put and listed. */
#include "cloudwatch/internal.h"
#include <math.h>
#include <stdlib.h>

const struct protocol_fault cw_invalid = {"InvalidParameterValue", 400, false};
const struct protocol_fault cw_combination = {"InvalidParameterCombination", 400, false};
const struct protocol_fault cw_missing = {"MissingParameter", 400, false};
static const struct protocol_fault limit = {"LimitExceeded", 400, false};

enum {
    LIST_MAX = 500,
    PAST_MS = 14 * 24 * 3600 * 1000,
    FUTURE_MS = 2 * 3600 * 1000,
    RECENT_MS = 3 * 3600 * 1000,
};

int64_t cw_time_of(yyjson_val *in, const char *name, int64_t fallback)
{
    yyjson_val *value = mr_json_get(in, name);
    return value == NULL ? fallback : llround(mr_json_double(value, 0) * 1000);
}

static void fail_unsupported(struct protocol_call *call, const char *what)
{
    protocol_fail(call, &cw_invalid, "millrace does not implement %s; leave it out", what);
}

/* ---- PutMetricData ---- */

static void add_value(struct protocol_call *call, struct cw_sums *sums, double value, double count)
{
    if (!isfinite(value) || !isfinite(count) || count < 0)
        protocol_fail(call, &cw_invalid, "The value %g for parameter MetricData.Value is invalid.",
                      value);
    const struct cw_sums more = cw_sums_of(call->arena, value, count);
    cw_sums_add(call->arena, sums, &more);
}

static void add_values(struct protocol_call *call, yyjson_val *datum, struct cw_sums *sums)
{
    yyjson_val *values = mr_json_get(datum, "Values"), *counts = mr_json_get(datum, "Counts");
    if (counts != NULL && yyjson_arr_size(counts) != yyjson_arr_size(values))
        protocol_fail(call, &cw_invalid,
                      "The parameters MetricData.Values and MetricData.Counts must be of the same "
                      "size.");
    size_t i, count;
    yyjson_val *value;
    yyjson_arr_foreach(values, i, count, value)
        add_value(call, sums, mr_json_double(value, 0),
                  counts == NULL ? 1 : mr_json_double(yyjson_arr_get(counts, i), 1));
}

static struct cw_sums sums_of_set(struct protocol_call *call, yyjson_val *set)
{
    struct cw_sums sums = {.count = mr_json_get_double(set, "SampleCount", 0),
                           .sum = mr_json_get_double(set, "Sum", 0),
                           .min = mr_json_get_double(set, "Minimum", 0),
                           .max = mr_json_get_double(set, "Maximum", 0)};
    if (sums.count > 0 && sums.min > sums.max)
        protocol_fail(call, &cw_invalid,
                      "The parameter MetricData.member.1.StatisticValues.Maximum must be greater "
                      "than MetricData.member.1.StatisticValues.Minimum.");
    cw_sums_level(call->arena, &sums);
    return sums;
}

static struct cw_sums sums_of(struct protocol_call *call, yyjson_val *datum)
{
    yyjson_val *value = mr_json_get(datum, "Value");
    yyjson_val *set = mr_json_get(datum, "StatisticValues");
    struct cw_sums sums = {0};
    if ((value != NULL) + (set != NULL) + (mr_json_get(datum, "Values") != NULL) > 1)
        protocol_fail(call, &cw_combination,
                      "The parameters MetricData.member.1.Value and "
                      "MetricData.member.1.StatisticValues are mutually exclusive and you have "
                      "specified both.");
    else if (value != NULL)
        add_value(call, &sums, mr_json_double(value, 0), 1);
    else if (set != NULL)
        sums = sums_of_set(call, set);
    else if (mr_json_get(datum, "Values") != NULL)
        add_values(call, datum, &sums);
    else
        protocol_fail(
            call, &cw_missing,
            "At least one of the parameters must be specified: MetricData.member.1.Value, "
            "MetricData.member.1.StatisticValues");
    return sums;
}

static void put_datum(struct protocol_call *call, struct store_entry *entry, yyjson_val *datum)
{
    struct cloudwatch *cloudwatch = call->service;
    const struct mr_slice unit = mr_json_get_text(datum, "Unit");
    const int64_t time_ms = cw_time_of(datum, "Timestamp", call->now_ms);
    const struct cw_sums sums = sums_of(call, datum);
    const struct cw_key key = {
        .space = mr_json_get_text(call->in, "Namespace"),
        .name = mr_json_get_text(datum, "MetricName"),
        .dimensions = cw_dimensions(call->arena, mr_json_get(datum, "Dimensions")),
        .unit = unit.len > 0 ? unit : MR_S("None"),
    };
    if (mr_json_get_i64(datum, "StorageResolution", 60) != 60)
        fail_unsupported(call, "StorageResolution 1");
    if (time_ms < call->now_ms - PAST_MS || time_ms > call->now_ms + FUTURE_MS)
        protocol_fail(call, &cw_invalid,
                      "The parameter MetricData.member.1.Timestamp must specify a time no more "
                      "than two weeks in the past or two hours in the future.");
    if (protocol_failed(call))
        return;
    const struct cw_metric *metric = cw_metric_get(cloudwatch, &key, CLOUDWATCH_METRICS_MAX, entry);
    if (metric == NULL)
        protocol_fail(call, &limit, "millrace keeps at most %d metrics",
                      (int)CLOUDWATCH_METRICS_MAX);
    else
        cw_point_add(cloudwatch, entry, metric, time_ms, &sums);
}

static void put(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_val *data = mr_json_get(call->in, "MetricData");
    if (mr_json_get(call->in, "EntityMetricData") != NULL)
        fail_unsupported(call, "EntityMetricData");
    else if (yyjson_arr_size(data) == 0)
        protocol_fail(call, &cw_missing, "The parameter MetricData is required.");
    size_t i, count;
    yyjson_val *datum;
    pthread_mutex_lock(&cloudwatch->lock);
    yyjson_arr_foreach(data, i, count, datum)
    {
        if (!protocol_failed(call))
            put_datum(call, &entry, datum);
    }
    /* A metric that a refused request made is stored all the same, without a value. */
    if (entry.count > 0)
        protocol_fail_internal(call,
                               store_commit(cloudwatch->options.store, &entry, &call->ticket));
    pthread_mutex_unlock(&cloudwatch->lock);
}

/* ---- ListMetrics ---- */

static bool has_dimension(yyjson_val *dimensions, yyjson_val *wanted)
{
    size_t i, count;
    yyjson_val *item;
    bool found = false;
    yyjson_arr_foreach(dimensions, i, count, item)
    {
        const bool named =
            mr_slice_equal(mr_json_get_text(item, "Name"), mr_json_get_text(wanted, "Name"));
        const bool valued =
            mr_json_get(wanted, "Value") == NULL ||
            mr_slice_equal(mr_json_get_text(item, "Value"), mr_json_get_text(wanted, "Value"));
        found = found || (named && valued);
    }
    return found;
}

static bool is_listed(struct protocol_call *call, const struct cw_metric *metric,
                      yyjson_val *dimensions)
{
    const struct mr_slice space = mr_json_get_text(call->in, "Namespace");
    const struct mr_slice name = mr_json_get_text(call->in, "MetricName");
    size_t i, count;
    yyjson_val *wanted;
    yyjson_val *filters = mr_json_get(call->in, "Dimensions");
    bool listed = (space.len == 0 || mr_slice_equal(space, mr_slice_cstr(metric->space))) &&
                  (name.len == 0 || mr_slice_equal(name, mr_slice_cstr(metric->name)));
    yyjson_arr_foreach(filters, i, count, wanted) listed =
        listed && has_dimension(dimensions, wanted);
    return listed;
}

/* AWS: it has a datapoint of the last three hours. */
static bool is_recent(struct cloudwatch *cloudwatch, const struct cw_metric *metric, int64_t now_ms)
{
    struct cw_sums sums = {0};
    const int64_t from_ms = now_ms - RECENT_MS;
    return cw_points_sum(cloudwatch, metric, from_ms - from_ms % CLOUDWATCH_MINUTE_MS,
                         RECENT_MS + FUTURE_MS, 1, NULL, &sums) == MR_OK &&
           sums.count > 0;
}

/* A metric that was put with several units is one to a client: only its first is listed. */
static bool is_first(const struct cloudwatch *cloudwatch, const struct cw_metric *metric)
{
    const struct cw_metric *other = cloudwatch->first;
    while (other != metric &&
           (strcmp(other->space, metric->space) != 0 || strcmp(other->name, metric->name) != 0 ||
            strcmp(other->dimensions, metric->dimensions) != 0))
        other = other->next;
    return other == metric;
}

static void list(struct protocol_call *call)
{
    struct cloudwatch *cloudwatch = call->service;
    uint64_t skip = 0, seen = 0, shown = 0;
    bool more = false;
    const bool recent = mr_json_get(call->in, "RecentlyActive") != NULL; /* PT3H, nothing else */
    const bool accounts = mr_json_get_bool(call->in, "IncludeLinkedAccounts", false);
    const struct mr_slice owner = mr_json_get_text(call->in, "OwningAccount");
    const bool others = owner.len > 0 && !mr_slice_equal(owner, call->account);
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    if (token.len > 0 && mr_slice_to_u64(token, &skip) != MR_OK) {
        protocol_fail(call, &cw_invalid, "The value of the parameter NextToken is not valid.");
        return;
    }
    mr_json_key(&call->out, "Metrics");
    mr_json_array(&call->out);
    pthread_mutex_lock(&cloudwatch->lock);
    protocol_fail_internal(call, cw_own_publish(cloudwatch));
    for (const struct cw_metric *metric = cloudwatch->first; metric != NULL && !more;
         metric = metric->next) {
        yyjson_val *dimensions = mr_json_parse(call->arena, mr_slice_cstr(metric->dimensions), 8);
        if (others || !is_listed(call, metric, dimensions) ||
            (recent && !is_recent(cloudwatch, metric, call->now_ms)) ||
            !is_first(cloudwatch, metric) || seen++ < skip)
            continue;
        more = shown == LIST_MAX;
        if (more)
            break;
        shown++;
        mr_json_object(&call->out);
        mr_json_key_cstr(&call->out, "Namespace", metric->space);
        mr_json_key_cstr(&call->out, "MetricName", metric->name);
        mr_json_key_value(&call->out, "Dimensions", dimensions);
        mr_json_object_end(&call->out);
    }
    pthread_mutex_unlock(&cloudwatch->lock);
    mr_json_array_end(&call->out);
    if (accounts) {
        mr_json_key(&call->out, "OwningAccounts"); /* AWS: one for each metric, in its order */
        mr_json_array(&call->out);
        for (uint64_t i = 0; i < shown; i++)
            mr_json_string(&call->out, call->account);
        mr_json_array_end(&call->out);
    }
    if (more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%llu", (unsigned long long)skip + shown));
}

const struct protocol_handler cw_handlers[] = {
    {.operation = "PutMetricData", .run = put},
    {.operation = "GetMetricStatistics", .run = cw_get_statistics},
    {.operation = "GetMetricData", .run = cw_get_data},
    {.operation = "ListMetrics", .run = list},
};
const size_t cw_handler_count = MR_COUNT(cw_handlers);
