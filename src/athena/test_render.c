#include "athena/render.h"
#include "athena/scalars.h"
#include "athena/value.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void expect_double(double value, bool is_float, const char *text)
{
    struct mr_buf buf = {0};
    athena_render_double(&buf, value, is_float);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, text);
    mr_buf_fini(&buf);
}

static void doubles_are_written_as_java_does(void **state)
{
    (void)state;
    expect_double(0, false, "0.0");
    expect_double(-0.0, false, "-0.0");
    expect_double(3, false, "3.0");
    expect_double(10, false, "10.0");
    expect_double(-1.5, false, "-1.5");
    expect_double(123.25, false, "123.25");
    expect_double(0.001, false, "0.001");
    expect_double(0.012, false, "0.012");
    expect_double(0.00099, false, "9.9E-4");
    expect_double(9999999, false, "9999999.0");
    expect_double(10000000, false, "1.0E7");
    expect_double(1.7000000005e9, false, "1.7000000005E9");
    expect_double(0.1 + 0.2, false, "0.30000000000000004");
    expect_double(1e300, false, "1.0E300");
    expect_double((double)0.1f, true, "0.1");
    expect_double(NAN, false, "NaN");
    expect_double(INFINITY, false, "Infinity");
    expect_double(-INFINITY, false, "-Infinity");
}

static int64_t at(const char *text)
{
    int64_t micros = 0;
    assert_true(athena_parse_moment(mr_slice_cstr(text), &micros));
    return micros;
}

static void moments_are_read_in_their_usual_forms(void **state)
{
    (void)state;
    int64_t micros;
    assert_int_equal(at("1970-01-02"), INT64_C(86400000000));
    assert_int_equal(at("1970-01-01 00:00:01.5"), 1500000);
    assert_int_equal(at("1970-01-01T00:00:00.123456Z"), 123456);
    assert_int_equal(at("1970-01-01T01:00:00+01:00"), 0);
    assert_int_equal(at("1970-01-01 00:01"), 60000000);
    static const char *const wrong[] = {
        "", "1970", "1970-13-01", "1970-01-01x", "1970-01-01 25:00", "1970-01-01 00:00:00 CET"};
    for (size_t i = 0; i < MR_COUNT(wrong); i++)
        assert_false(athena_parse_moment(mr_slice_cstr(wrong[i]), &micros));
}

static void moments_are_added_to_and_cut_by_the_calendar(void **state)
{
    (void)state;
    static const struct {
        const char *from, *unit;
        int64_t count;
        const char *to;
    } added[] = {{"2026-01-31", "month", 1, "2026-02-28"},
                 {"2024-01-31 10:00:00", "month", 1, "2024-02-29 10:00:00"},
                 {"2026-03-31", "quarter", -1, "2025-12-31"},
                 {"2024-02-29", "year", 1, "2025-02-28"},
                 {"2026-02-28", "day", 1, "2026-03-01"},
                 {"1969-12-31 23:59:59", "second", 2, "1970-01-01 00:00:01"},
                 {"2026-01-01", "week", -1, "2025-12-25"}};
    for (size_t i = 0; i < MR_COUNT(added); i++) {
        int64_t micros = at(added[i].from);
        assert_true(athena_moment_add(mr_slice_cstr(added[i].unit), added[i].count, &micros));
        assert_int_equal(micros, at(added[i].to));
    }
    static const struct {
        const char *from, *unit, *to;
    } cut[] = {{"2026-07-03 10:11:12.5", "second", "2026-07-03 10:11:12"},
               {"2026-07-03 10:11:12", "day", "2026-07-03"},
               {"2026-07-03", "week", "2026-06-29"},
               {"2026-07-05", "week", "2026-06-29"},
               {"2026-08-03", "quarter", "2026-07-01"},
               {"1969-07-03 01:00:00", "year", "1969-01-01"}};
    for (size_t i = 0; i < MR_COUNT(cut); i++) {
        int64_t micros = at(cut[i].from);
        assert_true(athena_moment_truncate(mr_slice_cstr(cut[i].unit), &micros));
        assert_int_equal(micros, at(cut[i].to));
    }
    int64_t micros = 0;
    assert_false(athena_moment_add(MR_S("parsec"), 1, &micros));
    assert_false(athena_moment_add(MR_S("year"), 20000, &micros));
    assert_false(athena_moment_add(MR_S("day"), INT64_MAX, &micros));
}

static void decimals_are_rounded_half_up_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int precision, scale;
        int64_t value; /* INT64_MIN: none */
    } cases[] = {{"12.345", 10, 2, 1235}, {"-12.345", 10, 2, -1235}, {"12.344", 10, 2, 1234},
                 {"7", 10, 2, 700},       {".5", 10, 1, 5},          {"99.99", 3, 1, INT64_MIN},
                 {"99.94", 3, 1, 999},    {"1000", 3, 0, INT64_MIN}, {"x", 10, 2, INT64_MIN},
                 {"", 10, 2, INT64_MIN},  {"1e3", 10, 2, INT64_MIN}, {"+3", 5, 0, 3}};
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        athena_i128 value = 0;
        const bool fine = athena_parse_decimal(mr_slice_cstr(cases[i].text), cases[i].precision,
                                               cases[i].scale, &value);
        if (fine != (cases[i].value != INT64_MIN) || (fine && value != cases[i].value))
            fail_msg("%s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_are_written_as_java_does),
        cmocka_unit_test(moments_are_read_in_their_usual_forms),
        cmocka_unit_test(moments_are_added_to_and_cut_by_the_calendar),
        cmocka_unit_test(decimals_are_rounded_half_up_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
