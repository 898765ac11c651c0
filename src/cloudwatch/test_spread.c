/* Statistics of values: exact while few, near when many, none when they are not known. */
#include "cloudwatch/internal.h"
#include "base/test_scratch.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_near(double got, double wanted, double off)
{
    if (!(fabs(got - wanted) <= off))
        fail_msg("%g, wanted %g", got, wanted);
}

/* In the order of the numbers i * stride modulo last. */
static struct cw_sums in_order(int last, int stride)
{
    struct cw_sums sums = {0};
    for (int i = 0; i < last; i++) {
        const struct cw_sums more = cw_sums_of(&arena, 1 + (int)((int64_t)i * stride % last), 1);
        cw_sums_add(&arena, &sums, &more);
    }
    return sums;
}

static double value_of(const struct cw_sums *sums, const char *name)
{
    struct cw_stat stat;
    double value = NAN;
    assert_true(cw_stat_parse(mr_slice_cstr(name), &stat));
    return cw_stat_value(&stat, sums, &value) ? value : NAN;
}

static void few_values_are_known_exactly(void **state)
{
    (void)state;
    const struct cw_sums sums = in_order(100, 37);
    const struct {
        const char *name;
        double value;
    } wanted[] = {
        {"p0", 1},          {"p50", 50},          {"p90", 90},      {"p99", 99},
        {"p99.9", 100},     {"p100", 100},        {"tm90", 45.5},   {"TM(10%:90%)", 50.5},
        {"tm(:90%)", 45.5}, {"TM(90%:)", 95.5},   {"IQM", 50.5},    {"tc90", 90},
        {"TC(10:20)", 10},  {"ts90", 4095},       {"TS(98:)", 199}, {"PR(:30)", 30},
        {"PR(90:)", 10},    {"PR(10:20)", 10},    {"wm90", 49.95},  {"WM(:10)", 9.55},
        {"Average", 50.5},  {"SampleCount", 100}, {"Sum", 5050},    {"Minimum", 1},
        {"Maximum", 100},
    };
    for (size_t i = 0; i < MR_COUNT(wanted); i++) {
        const double value = value_of(&sums, wanted[i].name);
        if (fabs(value - wanted[i].value) > 1e-9)
            fail_msg("%s: %g, wanted %g", wanted[i].name, value, wanted[i].value);
    }
}

static void many_values_are_known_nearly(void **state)
{
    (void)state;
    const int strides[] = {1, 19999, 7919}; /* rising, falling, mixed */
    for (size_t i = 0; i < MR_COUNT(strides); i++) {
        const struct cw_sums sums = in_order(20000, strides[i]);
        assert_true(sums.whole);
        assert_true(sums.pair_count <= 256);
        for (int percent = 1; percent <= 99; percent++) {
            char name[16];
            (void)snprintf(name, sizeof name, "p%d", percent);
            assert_near(value_of(&sums, name), 200.0 * percent, 500);
        }
        assert_near(value_of(&sums, "p99.9"), 19980, 40);
        assert_near(value_of(&sums, "tm99"), 9900.5, 100);
    }
}

static void counts_weigh(void **state)
{
    (void)state;
    struct cw_sums sums = cw_sums_of(&arena, 1, 90);
    const struct cw_sums more = cw_sums_of(&arena, 100, 10);
    cw_sums_add(&arena, &sums, &more);
    assert_near(value_of(&sums, "p90"), 1, 0);
    assert_near(value_of(&sums, "p91"), 100, 0);
    assert_near(value_of(&sums, "tm95"), (90 + 500) / 95.0, 1e-9);
}

static void a_set_of_statistics_has_no_percentiles_unless_it_is_level(void **state)
{
    (void)state;
    struct cw_sums set = {.count = 4, .sum = 10, .min = 1, .max = 4};
    cw_sums_level(&arena, &set);
    assert_true(isnan(value_of(&set, "p50")));
    assert_near(value_of(&set, "Average"), 2.5, 0);
    struct cw_sums level = {.count = 4, .sum = 8, .min = 2, .max = 2};
    cw_sums_level(&arena, &level);
    assert_near(value_of(&level, "p50"), 2, 0);
    cw_sums_add(&arena, &level, &set);
    assert_true(isnan(value_of(&level, "p50")));
    assert_near(value_of(&level, "SampleCount"), 8, 0);
}

static void negative_values_have_no_percentiles(void **state)
{
    (void)state;
    struct cw_sums sums = cw_sums_of(&arena, -1, 1);
    assert_true(isnan(value_of(&sums, "p50")));
    assert_near(value_of(&sums, "Sum"), -1, 0);
}

static void what_is_no_statistic_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"",     "p",         "p101",    "p-1",         "px",    "P90",
                               "tm",   "tm()",      "TM(:)",   "TM(90%:10%)", "sum",   "TM(1:50%)",
                               "pr90", "PR(1%:2%)", "TM(5:5)", "iq",          "p9.9.9"};
    struct cw_stat stat;
    for (size_t i = 0; i < MR_COUNT(bad); i++)
        if (cw_stat_parse(mr_slice_cstr(bad[i]), &stat))
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_values_are_known_exactly),
        cmocka_unit_test(many_values_are_known_nearly),
        cmocka_unit_test(counts_weigh),
        cmocka_unit_test(a_set_of_statistics_has_no_percentiles_unless_it_is_level),
        cmocka_unit_test(negative_values_have_no_percentiles),
        cmocka_unit_test(what_is_no_statistic_is_refused),
    };
    return cmocka_run_group_tests(tests, test_scratch_begin, test_scratch_end);
}
