/* The functions of metric math. A statistic over one series is a number; over a list of series it
 * is a series: of what they have at each time. */
#include "base/clock.h"
#include "cloudwatch/math.h"
#include <math.h>
#include <stdlib.h>

struct arguments {
    const struct cw_value *at;
    size_t count;
    struct mr_slice name; /* of the function, for refusals */
};
typedef bool function(struct cw_math *math, const struct arguments *in, struct cw_value *ret);

static struct cw_value number_of(double number)
{
    return (struct cw_value){.kind = CW_VALUE_NUMBER, .number = number};
}

static bool fail_argument(struct cw_math *math, const struct arguments *in, const char *wanted)
{
    return cw_math_fail(math, "The function %.*s takes %s.", MR_ARG(in->name), wanted);
}

static bool is_series(const struct cw_value *value)
{
    return value->kind == CW_VALUE_SERIES || value->kind == CW_VALUE_LIST;
}

/* ---- statistics ---- */

/* What a statistic is made from, value after value. */
struct tally {
    double count, sum, min, max, mean, squares; /* squares: of differences to the mean (Welford) */
};

static void tally_add(struct tally *tally, double value)
{
    if (isnan(value))
        return;
    tally->min = tally->count == 0 || value < tally->min ? value : tally->min;
    tally->max = tally->count == 0 || value > tally->max ? value : tally->max;
    tally->count++;
    tally->sum += value;
    const double off = value - tally->mean;
    tally->mean += off / tally->count;
    tally->squares += off * (value - tally->mean);
}

typedef double statistic(const struct tally *tally);
static double sum(const struct tally *tally)
{
    return tally->sum;
}
static double average(const struct tally *tally)
{
    return tally->sum / tally->count;
}
static double least(const struct tally *tally)
{
    return tally->min;
}
static double most(const struct tally *tally)
{
    return tally->max;
}
static double deviation(const struct tally *tally)
{
    return sqrt(tally->squares / tally->count);
}
static double number_of_points(const struct tally *tally)
{
    return tally->count;
}

static struct tally tally_of(const struct cw_series *series)
{
    struct tally tally = {0};
    for (size_t i = 0; i < series->count; i++)
        tally_add(&tally, series->values[i]);
    return tally;
}

/* Over the series of a list, at the times of the coarsest. */
static bool over_list(struct cw_math *math, statistic *make, const struct cw_value *list,
                      struct cw_value *ret)
{
    const struct cw_series *grid = list->count > 0 ? &list->series[0] : &math->grid;
    for (size_t i = 0; i < list->count; i++)
        if (list->series[i].period_ms > grid->period_ms)
            grid = &list->series[i];
    if (!cw_math_series(math, grid, ret))
        return false;
    for (size_t at = 0; at < grid->count; at++) {
        struct tally tally = {0};
        for (size_t i = 0; i < list->count; i++)
            tally_add(&tally, cw_series_at(&list->series[i],
                                           grid->from_ms + (int64_t)at * grid->period_ms));
        if (tally.count > 0)
            ret->series->values[at] = make(&tally);
    }
    return true;
}

static bool statistic_of(struct cw_math *math, statistic *make, const struct arguments *in,
                         struct cw_value *ret)
{
    const struct cw_value *value = &in->at[0];
    if (value->kind == CW_VALUE_LIST)
        return over_list(math, make, value, ret);
    if (value->kind != CW_VALUE_SERIES)
        return fail_argument(math, in, "a time series or an array of them");
    const struct tally tally = tally_of(value->series);
    *ret =
        number_of(tally.count == 0 && make != sum && make != number_of_points ? NAN : make(&tally));
    return true;
}

#define STATISTIC(name, make)                                                                \
    static bool name(struct cw_math *math, const struct arguments *in, struct cw_value *ret) \
    {                                                                                        \
        return statistic_of(math, make, in, ret);                                            \
    }
STATISTIC(call_sum, sum)
STATISTIC(call_avg, average)
STATISTIC(call_min, least)
STATISTIC(call_max, most)
STATISTIC(call_stddev, deviation)
STATISTIC(call_datapoint_count, number_of_points)

/* ---- each datapoint by itself, or with those before it ---- */

/* What a function of one datapoint sees. `before`: the last one that was there; NaN: none. */
struct step {
    double value, before, seconds; /* since `before` */
    double running;                /* sum up to here */
    int64_t time_ms, period_ms;
};
typedef double step_function(const struct step *step);

static bool each_of_series(struct cw_math *math, step_function *make,
                           const struct cw_series *series, struct cw_value *ret)
{
    struct step step = {.before = NAN, .period_ms = series->period_ms};
    int64_t before_ms = 0;
    if (!cw_math_series(math, series, ret))
        return false;
    for (size_t i = 0; i < series->count; i++) {
        step.value = series->values[i];
        if (isnan(step.value))
            continue;
        step.time_ms = series->from_ms + (int64_t)i * series->period_ms;
        step.seconds = (double)(step.time_ms - before_ms) / 1000;
        step.running += step.value;
        const double made = make(&step);
        ret->series->values[i] = isfinite(made) ? made : NAN;
        step.before = step.value;
        before_ms = step.time_ms;
    }
    return true;
}

/* A series of each series of the value. */
static bool each_of(struct cw_math *math, step_function *make, const struct arguments *in,
                    struct cw_value *ret)
{
    const struct cw_value *value = &in->at[0];
    if (value->kind == CW_VALUE_SERIES)
        return each_of_series(math, make, value->series, ret);
    if (value->kind != CW_VALUE_LIST)
        return fail_argument(math, in, "a time series or an array of them");
    struct cw_series *all = MR_NEW_ARRAY(math->arena, struct cw_series, value->count + 1);
    for (size_t i = 0; i < value->count; i++) {
        struct cw_value one;
        if (!each_of_series(math, make, &value->series[i], &one))
            return false;
        all[i] = *one.series;
    }
    *ret = (struct cw_value){.kind = CW_VALUE_LIST, .series = all, .count = value->count};
    return true;
}

static double step_rate(const struct step *step)
{
    return (step->value - step->before) / step->seconds;
}
static double step_diff(const struct step *step)
{
    return step->value - step->before;
}
static double step_diff_time(const struct step *step)
{
    return isnan(step->before) ? NAN : step->seconds;
}
static double step_running(const struct step *step)
{
    return step->running;
}
static double step_abs(const struct step *step)
{
    return fabs(step->value);
}
static double step_ceil(const struct step *step)
{
    return ceil(step->value);
}
static double step_floor(const struct step *step)
{
    return floor(step->value);
}
static double step_log(const struct step *step)
{
    return log(step->value);
}
static double step_log10(const struct step *step)
{
    return log10(step->value);
}
static double step_epoch(const struct step *step)
{
    return (double)(step->time_ms / 1000);
}
static double step_minute(const struct step *step)
{
    return mr_date_from_ms(step->time_ms).minute;
}
static double step_hour(const struct step *step)
{
    return mr_date_from_ms(step->time_ms).hour;
}
static double step_weekday(const struct step *step)
{
    const int weekday = mr_date_from_ms(step->time_ms).weekday; /* AWS: Monday is 1, Sunday 7 */
    return weekday == 0 ? 7 : weekday;
}
static double step_date(const struct step *step)
{
    return mr_date_from_ms(step->time_ms).day;
}
static double step_month(const struct step *step)
{
    return mr_date_from_ms(step->time_ms).month;
}
static double step_year(const struct step *step)
{
    return mr_date_from_ms(step->time_ms).year;
}

/* ABS, CEIL, FLOOR and the logarithms take numbers as well. */
static bool each_or_number(struct cw_math *math, step_function *make, const struct arguments *in,
                           struct cw_value *ret)
{
    if (in->at[0].kind != CW_VALUE_NUMBER)
        return each_of(math, make, in, ret);
    const struct step step = {.value = in->at[0].number};
    *ret = number_of(make(&step));
    return true;
}

#define EACH(name, how, make)                                                                \
    static bool name(struct cw_math *math, const struct arguments *in, struct cw_value *ret) \
    {                                                                                        \
        return how(math, make, in, ret);                                                     \
    }
EACH(call_rate, each_of, step_rate)
EACH(call_diff, each_of, step_diff)
EACH(call_diff_time, each_of, step_diff_time)
EACH(call_running_sum, each_of, step_running)
EACH(call_epoch, each_of, step_epoch)
EACH(call_minute, each_of, step_minute)
EACH(call_hour, each_of, step_hour)
EACH(call_day, each_of, step_weekday)
EACH(call_date, each_of, step_date)
EACH(call_month, each_of, step_month)
EACH(call_year, each_of, step_year)
EACH(call_abs, each_or_number, step_abs)
EACH(call_ceil, each_or_number, step_ceil)
EACH(call_floor, each_or_number, step_floor)
EACH(call_log, each_or_number, step_log)
EACH(call_log10, each_or_number, step_log10)

/* ---- FILL, IF ---- */

static void fill_repeat(struct cw_series *series)
{
    for (size_t i = 1; i < series->count; i++)
        if (isnan(series->values[i]))
            series->values[i] = series->values[i - 1];
}

static void fill_linear(struct cw_series *series)
{
    size_t known = SIZE_MAX;
    for (size_t i = 0; i < series->count; i++) {
        if (isnan(series->values[i]))
            continue;
        for (size_t k = known == SIZE_MAX ? i : known + 1; k < i; k++)
            series->values[k] =
                series->values[known] + (series->values[i] - series->values[known]) *
                                            ((double)(k - known) / (double)(i - known));
        known = i;
    }
}

static bool fill_one(struct cw_math *math, const struct cw_series *series,
                     const struct arguments *in, struct cw_value *ret)
{
    const struct cw_value *with = &in->at[1];
    if (!cw_math_series(math, series, ret))
        return false;
    struct cw_series *filled = ret->series;
    for (size_t i = 0; i < series->count; i++) {
        filled->values[i] = series->values[i];
        if (!isnan(filled->values[i]))
            continue;
        if (with->kind == CW_VALUE_NUMBER)
            filled->values[i] = with->number;
        else if (with->kind == CW_VALUE_SERIES)
            filled->values[i] =
                cw_series_at(with->series, series->from_ms + (int64_t)i * series->period_ms);
    }
    if (with->kind == CW_VALUE_WORD && mr_slice_equal(with->text, MR_S("REPEAT")))
        fill_repeat(filled);
    else if (with->kind == CW_VALUE_WORD && mr_slice_equal(with->text, MR_S("LINEAR")))
        fill_linear(filled);
    else if (with->kind != CW_VALUE_NUMBER && with->kind != CW_VALUE_SERIES)
        return fail_argument(math, in,
                             "a number, a time series, REPEAT or LINEAR as its second argument");
    return true;
}

static bool call_fill(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    const struct cw_value *value = &in->at[0];
    if (!is_series(value))
        return fail_argument(math, in, "a time series or an array of them");
    if (value->kind == CW_VALUE_SERIES)
        return fill_one(math, value->series, in, ret);
    struct cw_series *all = MR_NEW_ARRAY(math->arena, struct cw_series, value->count + 1);
    for (size_t i = 0; i < value->count; i++) {
        struct cw_value one;
        if (!fill_one(math, &value->series[i], in, &one))
            return false;
        all[i] = *one.series;
    }
    *ret = (struct cw_value){.kind = CW_VALUE_LIST, .series = all, .count = value->count};
    return true;
}

static double pick_true(double condition, double value)
{
    return condition != 0 ? value : NAN;
}
static double pick_false(double condition, double value)
{
    return condition == 0 ? value : NAN;
}

/* Where the condition has a datapoint: the second argument if that is not 0, else the third. */
static bool call_if(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    for (size_t i = 0; i < 3; i++)
        if (in->at[i].kind != CW_VALUE_NUMBER && in->at[i].kind != CW_VALUE_SERIES)
            return fail_argument(math, in, "numbers and single time series");
    if (in->at[0].kind == CW_VALUE_NUMBER) {
        *ret = in->at[0].number != 0 ? in->at[1] : in->at[2];
        return true;
    }
    struct cw_value yes, no;
    if (!cw_math_apply(math, pick_true, &in->at[0], &in->at[1], &yes) ||
        !cw_math_apply(math, pick_false, &in->at[0], &in->at[2], &no))
        return false;
    /* At the times of the coarser one, as an operator's. */
    const bool coarser = no.series->period_ms > yes.series->period_ms;
    const struct cw_series *grid = coarser ? no.series : yes.series;
    if (!cw_math_series(math, grid, ret))
        return false;
    for (size_t i = 0; i < grid->count; i++) {
        const int64_t time_ms = grid->from_ms + (int64_t)i * grid->period_ms;
        const double a = cw_series_at(yes.series, time_ms), b = cw_series_at(no.series, time_ms);
        ret->series->values[i] = isnan(a) ? b : a;
    }
    return true;
}

/* ---- lists ---- */

static bool call_metrics(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    if (in->count > 0 && in->at[0].kind != CW_VALUE_TEXT)
        return fail_argument(math, in, "a text");
    *ret = math->metrics(math->ctx, in->count > 0 ? in->at[0].text : MR_S(""));
    return true;
}

static bool is_list(struct cw_math *math, const struct arguments *in)
{
    return in->at[0].kind == CW_VALUE_LIST || fail_argument(math, in, "an array of time series");
}

static bool call_metric_count(struct cw_math *math, const struct arguments *in,
                              struct cw_value *ret)
{
    *ret = number_of((double)in->at[0].count);
    return is_list(math, in);
}

static bool pick(struct cw_math *math, const struct arguments *in, bool last, struct cw_value *ret)
{
    if (!is_list(math, in))
        return false;
    if (in->at[0].count == 0)
        return cw_math_series(math, &math->grid, ret);
    struct cw_series *series = &in->at[0].series[last ? in->at[0].count - 1 : 0];
    *ret = (struct cw_value){.kind = CW_VALUE_SERIES, .series = series, .count = 1};
    return true;
}

static bool call_first(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    return pick(math, in, false, ret);
}

static bool call_last(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    return pick(math, in, true, ret);
}

static bool call_remove_empty(struct cw_math *math, const struct arguments *in,
                              struct cw_value *ret)
{
    if (!is_list(math, in))
        return false;
    *ret = (struct cw_value){.kind = CW_VALUE_LIST};
    ret->series = MR_NEW_ARRAY(math->arena, struct cw_series, in->at[0].count + 1);
    for (size_t i = 0; i < in->at[0].count; i++)
        if (tally_of(&in->at[0].series[i]).count > 0)
            ret->series[ret->count++] = in->at[0].series[i];
    return true;
}

/* SLICE(list, from): one series; SLICE(list, from, to): a list, without the one at `to`. */
static bool call_slice(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    const size_t count = in->at[0].count;
    size_t ends[2] = {0, count};
    if (!is_list(math, in))
        return false;
    for (size_t i = 1; i < in->count; i++) {
        if (in->at[i].kind != CW_VALUE_NUMBER || in->at[i].number < 0)
            return fail_argument(math, in, "an array and one or two numbers");
        ends[i - 1] = in->at[i].number < (double)count ? (size_t)in->at[i].number : count;
    }
    if (in->count == 2 && ends[0] == count)
        return cw_math_fail(math, "The array has %zu time series.", count);
    if (in->count == 2)
        ends[1] = ends[0] + 1;
    *ret = (struct cw_value){.kind = in->count == 2 ? CW_VALUE_SERIES : CW_VALUE_LIST,
                             .series = in->at[0].series + ends[0],
                             .count = ends[1] > ends[0] ? ends[1] - ends[0] : 0};
    return true;
}

struct ranked {
    double rank;
    size_t at;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    return left->at < right->at ? -1 : 1;
}

/* SORT(list, AVG|MIN|MAX|SUM, ASC|DESC [, how many]); series without a datapoint stand last. */
static bool call_sort(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    static const struct {
        const char *name;
        statistic *make;
    } all[] = {{"AVG", average}, {"MIN", least}, {"MAX", most}, {"SUM", sum}};
    statistic *make = NULL;
    if (!is_list(math, in))
        return false;
    for (size_t i = 0; i < MR_COUNT(all); i++)
        if (mr_slice_equal(in->at[1].text, mr_slice_cstr(all[i].name)))
            make = all[i].make;
    const bool down = mr_slice_equal(in->at[2].text, MR_S("DESC"));
    if (make == NULL || (!down && !mr_slice_equal(in->at[2].text, MR_S("ASC"))) ||
        (in->count > 3 && (in->at[3].kind != CW_VALUE_NUMBER || in->at[3].number < 0)))
        return fail_argument(math, in, "an array, AVG, MIN, MAX or SUM, ASC or DESC, and a number");
    const size_t count = in->at[0].count;
    struct ranked *ranked = MR_NEW_ARRAY(math->arena, struct ranked, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct tally tally = tally_of(&in->at[0].series[i]);
        ranked[i].at = i;
        ranked[i].rank = tally.count == 0 ? INFINITY : down ? -make(&tally) : make(&tally);
    }
    qsort(ranked, count, sizeof *ranked, by_rank);
    *ret = (struct cw_value){.kind = CW_VALUE_LIST};
    ret->series = MR_NEW_ARRAY(math->arena, struct cw_series, count + 1);
    while (ret->count < count && (in->count < 4 || (double)ret->count < in->at[3].number)) {
        ret->series[ret->count] = in->at[0].series[ranked[ret->count].at];
        ret->count++;
    }
    return true;
}

/* ---- the rest ---- */

static bool call_time_series(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    if (in->at[0].kind != CW_VALUE_NUMBER)
        return fail_argument(math, in, "a number");
    if (!cw_math_series(math, &math->grid, ret))
        return false;
    for (size_t i = 0; i < ret->series->count; i++)
        ret->series->values[i] = in->at[0].number;
    return true;
}

static bool call_period(struct cw_math *math, const struct arguments *in, struct cw_value *ret)
{
    if (in->at[0].kind != CW_VALUE_SERIES)
        return fail_argument(math, in, "a time series");
    *ret = number_of((double)(in->at[0].series->period_ms / 1000));
    return true;
}

static const struct {
    const char *name;
    size_t least, most; /* arguments */
    function *run;
} functions[] = {
    {"ABS", 1, 1, call_abs},
    {"AVG", 1, 1, call_avg},
    {"CEIL", 1, 1, call_ceil},
    {"DATAPOINT_COUNT", 1, 1, call_datapoint_count},
    {"DATE", 1, 1, call_date},
    {"DAY", 1, 1, call_day},
    {"DIFF", 1, 1, call_diff},
    {"DIFF_TIME", 1, 1, call_diff_time},
    {"EPOCH", 1, 1, call_epoch},
    {"FILL", 2, 2, call_fill},
    {"FIRST", 1, 1, call_first},
    {"FLOOR", 1, 1, call_floor},
    {"HOUR", 1, 1, call_hour},
    {"IF", 3, 3, call_if},
    {"LAST", 1, 1, call_last},
    {"LOG", 1, 1, call_log},
    {"LOG10", 1, 1, call_log10},
    {"MAX", 1, 1, call_max},
    {"METRICS", 0, 1, call_metrics},
    {"METRIC_COUNT", 1, 1, call_metric_count},
    {"MIN", 1, 1, call_min},
    {"MINUTE", 1, 1, call_minute},
    {"MONTH", 1, 1, call_month},
    {"PERIOD", 1, 1, call_period},
    {"RATE", 1, 1, call_rate},
    {"REMOVE_EMPTY", 1, 1, call_remove_empty},
    {"RUNNING_SUM", 1, 1, call_running_sum},
    {"SLICE", 2, 3, call_slice},
    {"SORT", 3, 4, call_sort},
    {"STDDEV", 1, 1, call_stddev},
    {"SUM", 1, 1, call_sum},
    {"TIME_SERIES", 1, 1, call_time_series},
    {"YEAR", 1, 1, call_year},
};

bool cw_math_call(struct cw_math *math, struct mr_slice name, const struct cw_value *arguments,
                  size_t count, struct cw_value *ret)
{
    static const char *const missing[] = {
        "ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SEARCH",
        "SERVICE_QUOTA"};
    for (size_t i = 0; i < MR_COUNT(functions); i++) {
        if (!mr_slice_equal(name, mr_slice_cstr(functions[i].name)))
            continue;
        const struct arguments in = {arguments, count, name};
        if (count < functions[i].least || count > functions[i].most)
            return cw_math_fail(math, "Wrong number of arguments (%zu) for the function %.*s.",
                                count, MR_ARG(name));
        return functions[i].run(math, &in, ret);
    }
    for (size_t i = 0; i < MR_COUNT(missing); i++)
        if (mr_slice_equal(name, mr_slice_cstr(missing[i])))
            return cw_math_fail(math, "millrace does not implement the function %s.", missing[i]);
    return cw_math_fail(math, "Unknown function %.*s.", MR_ARG(name));
}
