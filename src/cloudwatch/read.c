/* What a request asks of one metric: periods added up; GetMetricStatistics. */
#include "cloudwatch/internal.h"

enum { DATAPOINTS_MAX = 1440 };

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

bool cw_question_times(struct protocol_call *call, struct cw_question *question, int64_t period_s,
                       size_t most)
{
    const int64_t start_ms = cw_time_of(call->in, "StartTime", 0);
    const int64_t end_ms = cw_time_of(call->in, "EndTime", 0);
    if (start_ms >= end_ms)
        protocol_fail(call, &cw_combination,
                      "The parameter StartTime must be less than the parameter EndTime.");
    else if (period_s < 60 || period_s % 60 != 0)
        protocol_fail(call, &cw_invalid,
                      "The parameter Period must be a multiple of 60: millrace keeps minutes.");
    if (protocol_failed(call))
        return false;
    question->period_ms = period_s * 1000;
    question->from_ms = start_ms - start_ms % question->period_ms;
    const int64_t count =
        (end_ms - question->from_ms + question->period_ms - 1) / question->period_ms;
    question->count = (size_t)count;
    if (count > (int64_t)most)
        protocol_fail(call, &cw_combination,
                      "You have requested up to %lld datapoints, which exceeds the limit of %zu. "
                      "You may reduce the datapoints requested by increasing Period, or decreasing "
                      "the time range.",
                      (long long)count, most);
    return !protocol_failed(call);
}

struct cw_sums *cw_answer(struct protocol_call *call, const struct cw_question *question,
                          struct mr_slice *ret_unit)
{
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
                                                   question->period_ms, question->count,
                                                   question->values ? call->arena : NULL, sums));
    }
    pthread_mutex_unlock(&cloudwatch->lock);
    return sums;
}

/* ---- GetMetricStatistics ---- */

struct wanted {
    struct mr_slice name;
    struct cw_stat stat;
};

/* The statistics of one list; false, with the fault set: one of them is none. */
static bool read_wanted(struct protocol_call *call, yyjson_val *list, struct wanted *wanted,
                        size_t *count)
{
    size_t i, total;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, total, item)
    {
        struct wanted *next = &wanted[*count];
        next->name = mr_json_text(item);
        if (!cw_stat_parse(next->name, &next->stat)) {
            protocol_fail(call, &cw_invalid,
                          "The value %.*s for parameter ExtendedStatistics is not supported.",
                          MR_ARG(next->name));
            return false;
        }
        ++*count;
    }
    return true;
}

/* False: it has none of the extended ones that are wanted. */
static bool has_one(const struct wanted *wanted, size_t count, const struct cw_sums *sums)
{
    double value;
    for (size_t i = 0; i < count; i++)
        if (cw_stat_value(&wanted[i].stat, sums, &value))
            return true;
    return false;
}

static void write_wanted(struct mr_json *json, const struct wanted *wanted, size_t count,
                         const struct cw_sums *sums, bool extended)
{
    double value;
    for (size_t i = 0; i < count; i++) {
        if (cw_stat_is_extended(&wanted[i].stat) != extended ||
            !cw_stat_value(&wanted[i].stat, sums, &value))
            continue;
        mr_json_name(json, wanted[i].name);
        mr_json_number(json, value);
    }
}

static void write_datapoint(struct mr_json *json, int64_t time_ms, struct mr_slice unit,
                            const struct wanted *wanted, size_t count, const struct cw_sums *sums)
{
    mr_json_object(json);
    mr_json_key_timestamp(json, "Timestamp", time_ms);
    write_wanted(json, wanted, count, sums, false);
    mr_json_key_string(json, "Unit", unit);
    if (cw_stat_is_extended(&wanted[count - 1].stat)) { /* they stand last */
        mr_json_key(json, "ExtendedStatistics");
        mr_json_object(json);
        write_wanted(json, wanted, count, sums, true);
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

void cw_get_statistics(struct protocol_call *call)
{
    yyjson_val *plain = mr_json_get(call->in, "Statistics");
    yyjson_val *extended = mr_json_get(call->in, "ExtendedStatistics");
    struct cw_question question = {
        .space = mr_json_get_text(call->in, "Namespace"),
        .name = mr_json_get_text(call->in, "MetricName"),
        .unit = mr_json_get_text(call->in, "Unit"),
        .dimensions = mr_json_get(call->in, "Dimensions"),
        .values = yyjson_arr_size(extended) > 0,
    };
    const size_t most = yyjson_arr_size(plain) + yyjson_arr_size(extended);
    struct wanted *wanted = MR_NEW_ARRAY(call->arena, struct wanted, most + 1);
    size_t count = 0;
    if (most == 0)
        protocol_fail(call, &cw_missing, "Must specify either Statistics or ExtendedStatistics.");
    if (protocol_failed(call) || !read_wanted(call, plain, wanted, &count) ||
        !read_wanted(call, extended, wanted, &count) ||
        !cw_question_times(call, &question, mr_json_get_i64(call->in, "Period", 0), DATAPOINTS_MAX))
        return;
    struct mr_slice unit = MR_S("None");
    const struct cw_sums *sums = cw_answer(call, &question, &unit);
    mr_json_key_string(&call->out, "Label", question.name);
    mr_json_key(&call->out, "Datapoints");
    mr_json_array(&call->out);
    for (size_t i = 0; i < question.count; i++)
        if (sums[i].count > 0 && has_one(wanted, count, &sums[i]))
            write_datapoint(&call->out, question.from_ms + (int64_t)i * question.period_ms, unit,
                            wanted, count, &sums[i]);
    mr_json_array_end(&call->out);
}
