/* The wire: metrics are put, added up and listed. */
#include "cloudwatch/internal.h"
#include <math.h>
#include <stdlib.h>

static const struct protocol_fault invalid = {"InvalidParameterValue", 400, false};
static const struct protocol_fault combination = {"InvalidParameterCombination", 400, false};
static const struct protocol_fault missing = {"MissingParameter", 400, false};
static const struct protocol_fault limit = {"LimitExceeded", 400, false};
static const struct protocol_fault bad_token = {"InvalidNextToken", 400, false};

enum {
    LIST_MAX = 500,
    DATAPOINTS_MAX = 1440,
    DATA_MAX = 100800,
    PAST_MS = 14 * 24 * 3600 * 1000,
    FUTURE_MS = 2 * 3600 * 1000,
    RECENT_MS = 3 * 3600 * 1000,
};

static int64_t time_of(yyjson_val *in, const char *name, int64_t fallback)
{
    yyjson_val *value = mr_json_get(in, name);
    return value == NULL ? fallback : llround(mr_json_double(value, 0) * 1000);
}

static void fail_unsupported(struct protocol_call *call, const char *what)
{
    protocol_fail(call, &invalid, "millrace does not implement %s; leave it out", what);
}

/* ---- PutMetricData ---- */

static void add_value(struct protocol_call *call, struct cw_sums *sums, double value, double count)
{
    if (!isfinite(value) || !isfinite(count) || count < 0)
        protocol_fail(call, &invalid, "The value %g for parameter MetricData.Value is invalid.",
                      value);
    const struct cw_sums more = {count, value * count, value, value};
    cw_sums_add(sums, &more);
}

static void add_values(struct protocol_call *call, yyjson_val *datum, struct cw_sums *sums)
{
    yyjson_val *values = mr_json_get(datum, "Values"), *counts = mr_json_get(datum, "Counts");
    if (counts != NULL && yyjson_arr_size(counts) != yyjson_arr_size(values))
        protocol_fail(call, &invalid,
                      "The parameters MetricData.Values and MetricData.Counts must be of the same "
                      "size.");
    size_t i, count;
    yyjson_val *value;
    yyjson_arr_foreach(values, i, count, value)
        add_value(call, sums, mr_json_double(value, 0),
                  counts == NULL ? 1 : mr_json_double(yyjson_arr_get(counts, i), 1));
}

static struct cw_sums sums_of(struct protocol_call *call, yyjson_val *datum)
{
    yyjson_val *value = mr_json_get(datum, "Value");
    yyjson_val *set = mr_json_get(datum, "StatisticValues");
    struct cw_sums sums = {0};
    if ((value != NULL) + (set != NULL) + (mr_json_get(datum, "Values") != NULL) > 1)
        protocol_fail(call, &combination,
                      "The parameters MetricData.member.1.Value and "
                      "MetricData.member.1.StatisticValues are mutually exclusive and you have "
                      "specified both.");
    else if (value != NULL)
        add_value(call, &sums, mr_json_double(value, 0), 1);
    else if (set != NULL)
        sums = (struct cw_sums){
            mr_json_get_double(set, "SampleCount", 0), mr_json_get_double(set, "Sum", 0),
            mr_json_get_double(set, "Minimum", 0), mr_json_get_double(set, "Maximum", 0)};
    else if (mr_json_get(datum, "Values") != NULL)
        add_values(call, datum, &sums);
    else
        protocol_fail(
            call, &missing,
            "At least one of the parameters must be specified: MetricData.member.1.Value, "
            "MetricData.member.1.StatisticValues");
    return sums;
}

static void put_datum(struct protocol_call *call, struct store_entry *entry, yyjson_val *datum)
{
    struct cloudwatch *cloudwatch = call->service;
    const struct mr_slice unit = mr_json_get_text(datum, "Unit");
    const int64_t time_ms = time_of(datum, "Timestamp", call->now_ms);
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
        protocol_fail(call, &invalid,
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
        protocol_fail(call, &missing, "The parameter MetricData is required.");
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

/* ---- adding up ---- */

struct question {
    struct mr_slice space, name, unit; /* unit empty: any */
    yyjson_val *dimensions;
    yyjson_val *query; /* of GetMetricData */
    int64_t from_ms, period_ms;
    size_t count;
};

static bool check_times(struct protocol_call *call, struct question *question, int64_t period_s,
                        size_t most)
{
    const int64_t start_ms = time_of(call->in, "StartTime", 0);
    const int64_t end_ms = time_of(call->in, "EndTime", 0);
    if (start_ms >= end_ms)
        protocol_fail(call, &combination,
                      "The parameter StartTime must be less than the parameter EndTime.");
    else if (period_s < 60 || period_s % 60 != 0)
        protocol_fail(call, &invalid,
                      "The parameter Period must be a multiple of 60: millrace keeps minutes.");
    if (protocol_failed(call))
        return false;
    question->period_ms = period_s * 1000;
    question->from_ms = start_ms - start_ms % question->period_ms;
    const int64_t count =
        (end_ms - question->from_ms + question->period_ms - 1) / question->period_ms;
    question->count = (size_t)count;
    if (count > (int64_t)most)
        protocol_fail(call, &combination,
                      "You have requested up to %lld datapoints, which exceeds the limit of %zu. "
                      "You may reduce the datapoints requested by increasing Period, or decreasing "
                      "the time range.",
                      (long long)count, most);
    return !protocol_failed(call);
}

/* `ret_unit`: of the metric that had data. */
static struct cw_sums *answer(struct protocol_call *call, const struct question *question,
                              struct mr_slice *ret_unit)
{
    static const char *const units[] = {"None",
                                        "Seconds",
                                        "Microseconds",
                                        "Milliseconds",
                                        "Bytes",
                                        "Kilobytes",
                                        "Megabytes",
                                        "Gigabytes",
                                        "Terabytes",
                                        "Bits",
                                        "Kilobits",
                                        "Megabits",
                                        "Gigabits",
                                        "Terabits",
                                        "Percent",
                                        "Count",
                                        "Bytes/Second",
                                        "Kilobytes/Second",
                                        "Megabytes/Second",
                                        "Gigabytes/Second",
                                        "Terabytes/Second",
                                        "Bits/Second",
                                        "Kilobits/Second",
                                        "Megabits/Second",
                                        "Gigabits/Second",
                                        "Terabits/Second",
                                        "Count/Second"};
    struct cloudwatch *cloudwatch = call->service;
    struct cw_sums *sums = MR_NEW_ARRAY(call->arena, struct cw_sums, question->count);
    const struct mr_slice dimensions = cw_dimensions(call->arena, question->dimensions);
    pthread_mutex_lock(&cloudwatch->lock);
    protocol_fail_internal(call, cw_own_publish(cloudwatch));
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        const struct cw_key key = {question->space, question->name, dimensions,
                                   mr_slice_cstr(units[i])};
        const struct cw_metric *metric =
            question->unit.len > 0 && !mr_slice_equal(question->unit, key.unit)
                ? NULL
                : cw_metric_find(cloudwatch, &key);
        if (metric == NULL)
            continue;
        *ret_unit = key.unit;
        protocol_fail_internal(call, cw_points_sum(cloudwatch, metric, question->from_ms,
                                                   question->period_ms, question->count, sums));
    }
    pthread_mutex_unlock(&cloudwatch->lock);
    return sums;
}

static bool statistic(struct mr_slice name, const struct cw_sums *sums, double *ret_value)
{
    if (mr_slice_equal(name, MR_S("Sum")))
        *ret_value = sums->sum;
    else if (mr_slice_equal(name, MR_S("SampleCount")))
        *ret_value = sums->count;
    else if (mr_slice_equal(name, MR_S("Average")))
        *ret_value = sums->sum / sums->count;
    else if (mr_slice_equal(name, MR_S("Minimum")))
        *ret_value = sums->min;
    else if (mr_slice_equal(name, MR_S("Maximum")))
        *ret_value = sums->max;
    else
        return false;
    return true;
}

/* ---- GetMetricStatistics ---- */

static void write_datapoint(struct protocol_call *call, int64_t time_ms, struct mr_slice unit,
                            const struct cw_sums *sums)
{
    struct mr_json *json = &call->out;
    size_t i, count;
    yyjson_val *name;
    yyjson_val *names = mr_json_get(call->in, "Statistics");
    mr_json_object(json);
    mr_json_key_timestamp(json, "Timestamp", time_ms);
    yyjson_arr_foreach(names, i, count, name)
    {
        double value;
        if (!statistic(mr_json_text(name), sums, &value))
            continue;
        mr_json_name(json, mr_json_text(name));
        mr_json_number(json, value);
    }
    mr_json_key_string(json, "Unit", unit);
    mr_json_object_end(json);
}

static void get_statistics(struct protocol_call *call)
{
    struct question question = {
        .space = mr_json_get_text(call->in, "Namespace"),
        .name = mr_json_get_text(call->in, "MetricName"),
        .unit = mr_json_get_text(call->in, "Unit"),
        .dimensions = mr_json_get(call->in, "Dimensions"),
    };
    if (yyjson_arr_size(mr_json_get(call->in, "ExtendedStatistics")) > 0)
        fail_unsupported(call, "ExtendedStatistics");
    else if (yyjson_arr_size(mr_json_get(call->in, "Statistics")) == 0)
        protocol_fail(call, &missing, "Must specify either Statistics or ExtendedStatistics.");
    if (protocol_failed(call) ||
        !check_times(call, &question, mr_json_get_i64(call->in, "Period", 0), DATAPOINTS_MAX))
        return;
    struct mr_slice unit = MR_S("None");
    const struct cw_sums *sums = answer(call, &question, &unit);
    mr_json_key_string(&call->out, "Label", question.name);
    mr_json_key(&call->out, "Datapoints");
    mr_json_array(&call->out);
    for (size_t i = 0; i < question.count; i++)
        if (sums[i].count > 0)
            write_datapoint(call, question.from_ms + (int64_t)i * question.period_ms, unit,
                            &sums[i]);
    mr_json_array_end(&call->out);
}

/* ---- GetMetricData ---- */

/* Which of all datapoints, query after query, a page shows. */
struct data_page {
    uint64_t from, to, at;
    bool more;
};

static bool is_shown(const struct data_page *page, uint64_t at)
{
    return at >= page->from && at < page->to;
}

/* Writes those of the page; returns how many there are in all. */
static uint64_t write_series(struct protocol_call *call, const struct question *question,
                             const struct cw_sums *sums, const struct data_page *page, bool times)
{
    yyjson_val *stat = mr_json_get(question->query, "MetricStat");
    const bool ascending =
        mr_slice_equal(mr_json_get_text(call->in, "ScanBy"), MR_S("TimestampAscending"));
    uint64_t at = page->at;
    mr_json_key(&call->out, times ? "Timestamps" : "Values");
    mr_json_array(&call->out);
    for (size_t n = 0; n < question->count; n++) {
        const size_t i = ascending ? n : question->count - 1 - n;
        double value = 0;
        if (sums[i].count == 0 || !statistic(mr_json_get_text(stat, "Stat"), &sums[i], &value) ||
            !is_shown(page, at++))
            continue;
        if (times)
            mr_json_timestamp(&call->out, question->from_ms + (int64_t)i * question->period_ms);
        else
            mr_json_number(&call->out, value);
    }
    mr_json_array_end(&call->out);
    return at - page->at;
}

static void answer_query(struct protocol_call *call, yyjson_val *query, struct data_page *page)
{
    yyjson_val *stat = mr_json_get(query, "MetricStat"), *metric = mr_json_get(stat, "Metric");
    const struct mr_slice name = mr_json_get_text(stat, "Stat");
    struct question question = {
        .space = mr_json_get_text(metric, "Namespace"),
        .name = mr_json_get_text(metric, "MetricName"),
        .unit = mr_json_get_text(stat, "Unit"),
        .dimensions = mr_json_get(metric, "Dimensions"),
        .query = query,
    };
    const struct cw_sums one = {1, 1, 1, 1};
    double ignored;
    if (stat == NULL)
        fail_unsupported(call, "expressions in MetricDataQueries");
    else if (!statistic(name, &one, &ignored))
        protocol_fail(call, &invalid, "millrace does not implement the statistic %.*s",
                      MR_ARG(name));
    if (protocol_failed(call) ||
        !check_times(call, &question, mr_json_get_i64(stat, "Period", 0), DATA_MAX))
        return;
    struct mr_slice unit = {0};
    const struct cw_sums *sums = answer(call, &question, &unit);
    const struct mr_slice label = mr_json_get_text(query, "Label");
    if (!mr_json_get_bool(query, "ReturnData", true))
        return;
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "Id", mr_json_get(query, "Id"));
    mr_json_key_string(&call->out, "Label", label.len > 0 ? label : question.name);
    (void)write_series(call, &question, sums, page, true);
    page->at += write_series(call, &question, sums, page, false);
    page->more = page->at > page->to;
    mr_json_key_cstr(&call->out, "StatusCode", page->more ? "PartialData" : "Complete");
    mr_json_object_end(&call->out);
}

/* False, with the fault set: no token of ours. */
static bool read_page(struct protocol_call *call, struct data_page *page)
{
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    const int64_t most = mr_json_get_i64(call->in, "MaxDatapoints", DATA_MAX);
    *page = (struct data_page){0};
    if (token.len > 0 && mr_slice_to_u64(token, &page->from) != MR_OK)
        protocol_fail(call, &bad_token, "The value of the parameter NextToken is not valid.");
    page->to = page->from + (uint64_t)(most < 1 || most > DATA_MAX ? DATA_MAX : most);
    return !protocol_failed(call);
}

static void get_data(struct protocol_call *call)
{
    size_t i, count;
    yyjson_val *query;
    yyjson_val *queries = mr_json_get(call->in, "MetricDataQueries");
    struct data_page page;
    if (!read_page(call, &page))
        return;
    mr_json_key(&call->out, "MetricDataResults");
    mr_json_array(&call->out);
    yyjson_arr_foreach(queries, i, count, query)
    {
        if (!protocol_failed(call) && !page.more)
            answer_query(call, query, &page);
    }
    mr_json_array_end(&call->out);
    if (page.more)
        mr_json_key_string(&call->out, "NextToken",
                           mr_arena_printf(call->arena, "%llu", (unsigned long long)page.to));
    mr_json_key(&call->out, "Messages");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
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
                         RECENT_MS + FUTURE_MS, 1, &sums) == MR_OK &&
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
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    if (token.len > 0 && mr_slice_to_u64(token, &skip) != MR_OK) {
        protocol_fail(call, &invalid, "The value of the parameter NextToken is not valid.");
        return;
    }
    mr_json_key(&call->out, "Metrics");
    mr_json_array(&call->out);
    pthread_mutex_lock(&cloudwatch->lock);
    protocol_fail_internal(call, cw_own_publish(cloudwatch));
    for (const struct cw_metric *metric = cloudwatch->first; metric != NULL && !more;
         metric = metric->next) {
        yyjson_val *dimensions = mr_json_parse(call->arena, mr_slice_cstr(metric->dimensions), 8);
        if (!is_listed(call, metric, dimensions) ||
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
    if (more)
        mr_json_key_string(
            &call->out, "NextToken",
            mr_arena_printf(call->arena, "%llu", (unsigned long long)(skip + shown)));
}

const struct protocol_handler cw_handlers[] = {
    {.operation = "PutMetricData", .run = put},
    {.operation = "GetMetricStatistics", .run = get_statistics},
    {.operation = "GetMetricData", .run = get_data},
    {.operation = "ListMetrics", .run = list},
};
const size_t cw_handler_count = MR_COUNT(cw_handlers);
