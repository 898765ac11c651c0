#include "glue/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int64_t at(const char *text)
{
    int64_t ms;
    assert_int_equal(mr_date_parse(mr_slice_cstr(text), &ms), MR_OK);
    return ms;
}

static void expect(const char *expression, const char *after, const char *next)
{
    int64_t ms;
    assert_int_equal(glue_schedule_next(mr_slice_cstr(expression), at(after), &ms), MR_OK);
    assert_int_equal(ms, at(next));
}

static void the_next_moment_of_a_schedule_is_behind_the_present_one(void **state)
{
    (void)state;
    expect("cron(0 * * * ? *)", "2026-07-03T10:00:00Z", "2026-07-03T11:00:00Z");
    expect("cron(0/15 * * * ? *)", "2026-07-03T10:14:59Z", "2026-07-03T10:15:00Z");
    expect("cron(30 12 ? * MON-FRI *)", "2026-07-03T12:30:00Z", "2026-07-06T12:30:00Z");
    expect("cron(0 0 1 JAN ? *)", "2026-07-03T12:30:00Z", "2027-01-01T00:00:00Z");
    expect("cron(5,10 8 ? * 1 2027)", "2026-07-03T12:30:00Z", "2027-01-03T08:05:00Z");
    expect("cron(0 6 L * ? *)", "2028-02-03T12:30:00Z", "2028-02-29T06:00:00Z");
    expect("cron(0 6 LW * ? *)", "2026-05-03T12:30:00Z", "2026-05-29T06:00:00Z");
    expect("cron(0 6 15W * ? *)", "2026-08-03T12:30:00Z", "2026-08-14T06:00:00Z");
    expect("cron(0 6 1W * ? *)", "2026-07-03T12:30:00Z", "2026-08-03T06:00:00Z");
    expect("cron(0 6 31W * ? *)", "2026-04-03T12:30:00Z", "2026-05-29T06:00:00Z");
    expect("cron(0 6 ? * L *)", "2026-07-03T12:30:00Z", "2026-07-04T06:00:00Z");
    expect("cron(0 6 ? * 6L *)", "2026-07-03T12:30:00Z", "2026-07-31T06:00:00Z");
    expect("cron(0,58 0/2 * * ? *)", "2026-07-03T12:30:00Z", "2026-07-03T12:58:00Z");
}

static void a_schedule_that_never_comes_is_told_apart_from_a_wrong_one(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_int_equal(glue_schedule_next(MR_S("cron(0 0 31 2 ? *)"), 0, &ms), MR_OK);
    assert_int_equal(ms, INT64_MAX);
    static const char *const wrong[] = {"",
                                        "cron()",
                                        "cron(60 * * * ? *)",
                                        "cron(* * * ? *)",
                                        "cron(a * * * ? *)",
                                        "cron(0/0 * * * ? *)",
                                        "rate(5 minutes)",
                                        "cron(0 0 * * * *)",
                                        "cron(0 0 ? * ? *)",
                                        "cron(0 ? * * ? *)",
                                        "cron(0 0 32W * ? *)",
                                        "cron(0 0 ? * 8L *)",
                                        "cron(* * * * ? *)",
                                        "cron(0/4 * * * ? *)",
                                        "cron(0,58 * * * ? *)",
                                        "cron(0,58 0,23 * * ? *)",
                                        "cron(0 * * * ? *"};
    for (size_t i = 0; i < MR_COUNT(wrong); i++)
        assert_int_equal(glue_schedule_next(mr_slice_cstr(wrong[i]), 0, &ms), MR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_moment_of_a_schedule_is_behind_the_present_one),
        cmocka_unit_test(a_schedule_that_never_comes_is_told_apart_from_a_wrong_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
