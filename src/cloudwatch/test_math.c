/* Expressions over two series and a list, against what they must give. */
#include "cloudwatch/math.h"
#include "base/buf.h"
#include "base/test_scratch.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static double a[] = {1, NAN, 3, 4};
static double b[] = {10, 20, NAN, 0};
static struct cw_series all[] = {
    {.id = MR_S_INIT("a"), .period_ms = 60000, .count = 4, .values = a},
    {.id = MR_S_INIT("b"), .period_ms = 60000, .count = 4, .values = b},
};

static bool find(void *ctx, struct cw_math *math, struct mr_slice id, struct cw_value *ret)
{
    (void)ctx;
    for (size_t i = 0; i < MR_COUNT(all); i++)
        if (mr_slice_equal(id, all[i].id)) {
            *ret = (struct cw_value){.kind = CW_VALUE_SERIES, .series = &all[i], .count = 1};
            return true;
        }
    return cw_math_fail(math, "Undefined variable %.*s.", MR_ARG(id));
}

static struct cw_value metrics(void *ctx, struct mr_slice part)
{
    (void)ctx;
    const size_t count = mr_slice_equal(part, MR_S("b")) ? 1 : 2;
    return (struct cw_value){.kind = CW_VALUE_LIST, .series = &all[2 - count], .count = count};
}

static struct cw_math fresh(void)
{
    return (struct cw_math){
        .arena = &arena,
        .find = find,
        .metrics = metrics,
        .grid = {.period_ms = 60000, .count = 4},
    };
}

/* The value in brackets: "[1 - 3 4]"; a number as it is; lists joined by blanks. */
static const char *text_of(const char *expression)
{
    static char text[400];
    struct cw_math math = fresh();
    struct cw_value value;
    if (!cw_math_eval(&math, mr_slice_cstr(expression), &value)) {
        (void)snprintf(text, sizeof text, "! %s", math.why);
        return text;
    }
    struct mr_buf buf = {0};
    if (value.kind == CW_VALUE_NUMBER)
        mr_buf_printf(&buf, "%g", value.number);
    for (size_t i = 0; i < value.count; i++) {
        mr_buf_append(&buf, i > 0 ? MR_S(" [") : MR_S("["));
        for (size_t k = 0; k < value.series[i].count; k++) {
            const double v = value.series[i].values[k];
            mr_buf_printf(&buf, isnan(v) ? "%s-" : "%s%g", k > 0 ? " " : "", v);
        }
        mr_buf_append(&buf, MR_S("]"));
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)buf.len, buf.data);
    mr_buf_fini(&buf);
    return text;
}

static const char *const wanted[][2] = {
    {"1 + 2 * 3", "7"},
    {"(1+2)*3 - -4/2", "11"},
    {"2^3^2", "512"},
    {"-2^2", "-4"},
    {"10 - 4 - 3", "3"},
    {"1.5e", "! Invalid syntax. Unexpected 'e' at column 4."},
    {"a", "[1 - 3 4]"},
    {"a + b", "[11 - - 4]"},
    {"a * 2", "[2 - 6 8]"},
    {"100 * a / b", "[10 - - -]"},
    {"-a", "[-1 - -3 -4]"},
    {"a > 2", "[0 - 1 1]"},
    {"a >= 3 && b == 0", "[0 - - 1]"},
    {"a > 2 OR b < 5", "[0 - - 1]"},
    {"a AND 0", "[0 - 0 0]"},
    {"a != 3", "[1 - 0 1]"},
    {"SUM(a)", "8"},
    {"AVG(b)", "10"},
    {"MIN(a) + MAX(b)", "21"},
    {"STDDEV(a)", "1.24722"},
    {"DATAPOINT_COUNT(a)", "3"},
    {"a - AVG(a)", "[-1.66667 - 0.333333 1.33333]"},
    {"SUM([a, b])", "[11 20 3 4]"},
    {"AVG(METRICS())", "[5.5 20 3 2]"},
    {"MAX(METRICS())", "[10 20 3 4]"},
    {"SUM(METRICS(\"b\"))", "[10 20 - 0]"},
    {"METRICS() * 2", "[2 - 6 8] [20 40 - 0]"},
    {"METRIC_COUNT(METRICS())", "2"},
    {"FILL(a, 0)", "[1 0 3 4]"},
    {"FILL(a, REPEAT)", "[1 1 3 4]"},
    {"FILL(a, LINEAR)", "[1 2 3 4]"},
    {"FILL(a, b)", "[1 20 3 4]"},
    {"FILL(METRICS(), 9)", "[1 9 3 4] [10 20 9 0]"},
    {"RATE(a * 60)", "[- - 1 1]"},
    {"DIFF(a)", "[- - 2 1]"},
    {"DIFF_TIME(a)", "[- - 120 60]"},
    {"RUNNING_SUM(a)", "[1 - 4 8]"},
    {"ABS(-a)", "[1 - 3 4]"},
    {"CEIL(a / 2)", "[1 - 2 2]"},
    {"FLOOR(a / 2)", "[0 - 1 2]"},
    {"LOG10(b)", "[1 1.30103 - -]"},
    {"PERIOD(a)", "60"},
    {"SUM(a) / PERIOD(a)", "0.133333"},
    {"IF(a > 2, a, 0)", "[0 - 3 4]"},
    {"IF(FILL(a, 0) > 2, 1, b)", "[10 20 1 1]"},
    {"IF(1, a, b)", "[1 - 3 4]"},
    {"IF(SUM(a) < 5, a, b)", "[10 20 - 0]"},
    {"TIME_SERIES(5)", "[5 5 5 5]"},
    {"MINUTE(a)", "[0 - 2 3]"},
    {"EPOCH(a)", "[0 - 120 180]"},
    {"DAY(a)", "[4 - 4 4]"},
    {"YEAR(a) + MONTH(a) + DATE(a) + HOUR(a)", "[1972 - 1972 1972]"},
    {"FIRST(METRICS())", "[1 - 3 4]"},
    {"LAST([a, b])", "[10 20 - 0]"},
    {"SLICE(METRICS(), 1)", "[10 20 - 0]"},
    {"SLICE(METRICS(), 0, 1)", "[1 - 3 4]"},
    {"SORT(METRICS(), SUM, DESC)", "[10 20 - 0] [1 - 3 4]"},
    {"SORT(METRICS(), MAX, ASC, 1)", "[1 - 3 4]"},
    {"REMOVE_EMPTY([a, a/0])", "[1 - 3 4]"},
    {"a/0", "[- - - -]"},
    {"", "! Invalid syntax. The expression ends too early."},
    {"a +", "! Invalid syntax. The expression ends too early."},
    {"a b", "! Invalid syntax. Unexpected 'b' at column 3."},
    {"c", "! Undefined variable c."},
    {"NONE(a)", "! Unknown function NONE."},
    {"SUM(a, b)", "! Wrong number of arguments (2) for the function SUM."},
    {"SUM(5)", "! The function SUM takes a time series or an array of them."},
    {"METRICS() + METRICS()", "! Two arrays of time series cannot be combined."},
    {"a + \"b\"", "! An operator takes no text."},
    {"\"b", "! Invalid syntax. A text is not closed."},
    {"(a", "! Invalid syntax. The expression ends too early."},
    {"SEARCH('x', 'Sum')", "! millrace does not implement the function SEARCH."},
};

static void expressions_give_what_they_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(wanted); i++) {
        const char *got = text_of(wanted[i][0]);
        if (strcmp(got, wanted[i][1]) != 0)
            fail_msg("%s: %s, wanted %s", wanted[i][0], got, wanted[i][1]);
    }
}

static void depth_and_datapoints_are_bounded(void **state)
{
    (void)state;
    char deep[300];
    memset(deep, '(', sizeof deep);
    struct cw_math math = fresh();
    struct cw_value value;
    assert_false(cw_math_eval(&math, mr_slice_make(deep, sizeof deep), &value));
    assert_string_equal(math.why, "The expression is nested too deeply.");
    math = fresh();
    math.points = CW_MATH_POINTS_MAX - 3;
    assert_false(cw_math_eval(&math, MR_S("a+b"), &value));
    assert_true(strstr(math.why, "datapoints") != NULL);
}

static void series_of_two_periods_meet_at_the_coarser_one_s_times(void **state)
{
    (void)state;
    static double coarse[] = {100, 200};
    const struct cw_value left = {.kind = CW_VALUE_SERIES, .series = &all[0], .count = 1};
    struct cw_series two = {.period_ms = 120000, .count = 2, .values = coarse};
    const struct cw_value right = {.kind = CW_VALUE_SERIES, .series = &two, .count = 1};
    struct cw_math math = fresh();
    struct cw_value sum;
    assert_true(cw_math_apply(&math, fmax, &left, &right, &sum));
    assert_int_equal(sum.series->count, 2);
    assert_int_equal(sum.series->period_ms, 120000);
    assert_true(sum.series->values[1] == 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_give_what_they_must),
        cmocka_unit_test(depth_and_datapoints_are_bounded),
        cmocka_unit_test(series_of_two_periods_meet_at_the_coarser_one_s_times),
    };
    return cmocka_run_group_tests(tests, test_scratch_begin, test_scratch_end);
}
