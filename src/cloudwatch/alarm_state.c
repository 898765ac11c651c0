/* An alarm's state. */
#include "cloudwatch/alarm_state.h"
#include "base/clock.h"
#include <stdio.h>

enum { EXTRA_PERIODS = 2 }; /* looked at beyond EvaluationPeriods */

struct datapoint {
    int64_t time_ms;
    double value;
};

struct reading {
    struct protocol_call *call;
    yyjson_val *alarm;
    struct datapoint *found; /* newest first */
    size_t count;            /* at most `periods` */
    size_t periods, needed;  /* EvaluationPeriods, DatapointsToAlarm */
    int64_t from_ms;
    double threshold;
};

static const struct comparison {
    const char *name, *words;
} comparisons[] = {
    {"GreaterThanOrEqualToThreshold", "greater than or equal to"},
    {"GreaterThanThreshold", "greater than"},
    {"LessThanThreshold", "less than"},
    {"LessThanOrEqualToThreshold", "less than or equal to"},
};

static size_t comparison_of(yyjson_val *alarm)
{
    const struct mr_slice name = mr_json_get_text(alarm, "ComparisonOperator");
    size_t i = 0;
    while (i + 1 < MR_COUNT(comparisons) &&
           !mr_slice_equal(name, mr_slice_cstr(comparisons[i].name)))
        i++;
    return i;
}

static bool is_breaching(const struct reading *reading, double value)
{
    switch (comparison_of(reading->alarm)) {
    case 0: return value >= reading->threshold;
    case 1: return value > reading->threshold;
    case 2: return value < reading->threshold;
    default: return value <= reading->threshold;
    }
}

static void read_datapoints(struct reading *reading)
{
    struct protocol_call *call = reading->call;
    yyjson_val *alarm = reading->alarm;
    const struct mr_slice plain = mr_json_get_text(alarm, "Statistic");
    const struct mr_slice extended = mr_json_get_text(alarm, "ExtendedStatistic");
    const int64_t period_ms = mr_json_get_i64(alarm, "Period", 60) * 1000;
    struct cw_question question = {
        .space = mr_json_get_text(alarm, "Namespace"),
        .name = mr_json_get_text(alarm, "MetricName"),
        .unit = mr_json_get_text(alarm, "Unit"),
        .dimensions = mr_json_get(alarm, "Dimensions"),
        .values = extended.len > 0,
        .period_ms = period_ms,
        .count = reading->periods + EXTRA_PERIODS,
    };
    struct cw_stat stat;
    struct mr_slice unit;
    if (!cw_stat_parse(plain.len > 0 ? plain : extended, &stat))
        return;
    question.from_ms =
        call->now_ms - call->now_ms % period_ms - ((int64_t)question.count - 1) * period_ms;
    reading->from_ms = question.from_ms;
    const struct cw_sums *sums = cw_answer(call, &question, &unit);
    reading->found = MR_NEW_ARRAY(call->arena, struct datapoint, question.count);
    for (size_t i = question.count; i-- > 0 && reading->count < reading->periods;) {
        struct datapoint *next = &reading->found[reading->count];
        if (sums[i].count <= 0 || !cw_stat_value(&stat, &sums[i], &next->value))
            continue;
        next->time_ms = question.from_ms + (int64_t)i * period_ms;
        reading->count++;
    }
}

/* "1.0", "0.25" */
static struct mr_slice number(struct mr_arena *arena, double value)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_number(&json, value);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* "2026-11-30T10:50:00.000Z" -> "30/11/26 10:50:00" */
static struct mr_slice moment(struct mr_arena *arena, int64_t time_ms)
{
    char text[32];
    const struct mr_slice iso = mr_date_iso8601(time_ms, text);
    return mr_arena_printf(arena, "%.2s/%.2s/%.2s %.8s", iso.ptr + 8, iso.ptr + 5, iso.ptr + 2,
                           iso.ptr + 11);
}

static struct mr_slice list_datapoints(const struct reading *reading)
{
    struct mr_arena *arena = reading->call->arena;
    struct mr_slice text = MR_S("");
    for (size_t i = 0; i < reading->count; i++)
        text = mr_arena_printf(arena, "%.*s%s%.*s (%.*s)", MR_ARG(text), i > 0 ? ", " : "",
                               MR_ARG(number(arena, reading->found[i].value)),
                               MR_ARG(moment(arena, reading->found[i].time_ms)));
    return text;
}

static struct mr_slice reason_of(const struct reading *reading, size_t breaching, bool is_alarm)
{
    struct mr_arena *arena = reading->call->arena;
    const char *words = comparisons[comparison_of(reading->alarm)].words;
    const struct mr_slice limit = number(arena, reading->threshold);
    const struct mr_slice points = list_datapoints(reading);
    if (reading->count == 0)
        return mr_arena_printf(arena,
                               "Threshold Crossed: no datapoints were received for %zu period%s "
                               "and %zu missing datapoint%s treated as [%s].",
                               reading->periods, reading->periods == 1 ? "" : "s", reading->periods,
                               reading->periods == 1 ? " was" : "s were",
                               is_alarm ? "Breaching" : "NonBreaching");
    if (is_alarm)
        return mr_arena_printf(
            arena,
            "Threshold Crossed: %zu out of the last %zu datapoints [%.*s] %s %s the threshold "
            "(%.*s) (minimum %zu datapoint%s for OK -> ALARM transition).",
            breaching, reading->periods, MR_ARG(points), breaching == 1 ? "was" : "were", words,
            MR_ARG(limit), reading->needed, reading->needed == 1 ? "" : "s");
    return mr_arena_printf(arena,
                           "Threshold Crossed: %zu datapoint%s [%.*s] %s not %s the threshold "
                           "(%.*s).",
                           reading->count, reading->count == 1 ? "" : "s", MR_ARG(points),
                           reading->count == 1 ? "was" : "were", words, MR_ARG(limit));
}

static struct mr_slice data_of(const struct reading *reading)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    char text[32];
    const struct mr_slice plain = mr_json_get_text(reading->alarm, "Statistic");
    mr_json_object(&json);
    mr_json_key_cstr(&json, "version", "1.0");
    mr_json_key_string(&json, "queryDate", mr_date_iso8601(reading->call->now_ms, text));
    mr_json_key_string(&json, "startDate", mr_date_iso8601(reading->from_ms, text));
    mr_json_key_string(&json, "statistic",
                       plain.len > 0 ? plain
                                     : mr_json_get_text(reading->alarm, "ExtendedStatistic"));
    mr_json_key_value(&json, "period", mr_json_get(reading->alarm, "Period"));
    mr_json_key(&json, "recentDatapoints");
    mr_json_array(&json);
    for (size_t i = reading->count; i-- > 0;)
        mr_json_number(&json, reading->found[i].value);
    mr_json_array_end(&json);
    mr_json_key_number(&json, "threshold", reading->threshold);
    mr_json_object_end(&json);
    const struct mr_slice data = mr_arena_copy(reading->call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return data;
}

bool alarm_evaluate(struct protocol_call *call, yyjson_val *alarm, struct alarm_state *ret_state)
{
    struct reading reading = {
        .call = call,
        .alarm = alarm,
        .periods = (size_t)mr_json_get_i64(alarm, "EvaluationPeriods", 1),
        .threshold = mr_json_get_double(alarm, "Threshold", 0),
    };
    reading.needed = (size_t)mr_json_get_i64(alarm, "DatapointsToAlarm", (int64_t)reading.periods);
    read_datapoints(&reading);
    if (protocol_failed(call))
        return false;
    const struct mr_slice missing = mr_json_get_text(alarm, "TreatMissingData");
    const size_t gaps = reading.periods - reading.count;
    size_t breaching = 0;
    for (size_t i = 0; i < reading.count; i++)
        breaching += is_breaching(&reading, reading.found[i].value);
    if (gaps > 0 && mr_slice_equal(missing, MR_S("ignore")))
        return false;
    const bool as_bad = mr_slice_equal(missing, MR_S("breaching"));
    const bool as_good = mr_slice_equal(missing, MR_S("notBreaching"));
    if (reading.count == 0 && !as_bad && !as_good) {
        *ret_state = (struct alarm_state){
            .value = MR_S("INSUFFICIENT_DATA"),
            .reason = mr_arena_printf(call->arena, "Insufficient Data: %zu datapoint%s unknown.",
                                      gaps, gaps == 1 ? " was" : "s were"),
        };
        return true;
    }
    /* Where data are missing and stay so, all that there are must be bad. */
    const bool is_alarm = breaching + (as_bad ? gaps : 0) >= reading.needed ||
                          (gaps > 0 && !as_good && !as_bad && breaching == reading.count);
    *ret_state = (struct alarm_state){
        .value = is_alarm ? MR_S("ALARM") : MR_S("OK"),
        .reason = reason_of(&reading, breaching, is_alarm),
        .data = data_of(&reading),
    };
    return true;
}
