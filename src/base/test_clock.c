#include "base/clock.h"
#include "base/rng.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const int64_t known_ms = 1718000000123; /* 2024-06-10 06:13:20.123 UTC, a Monday */

static void the_three_forms_of_a_date_are_those_of_the_protocols(void **state)
{
    (void)state;
    char text[32];
    assert_true(mr_slice_equal(mr_date_iso8601(known_ms, text), MR_S("2024-06-10T06:13:20.123Z")));
    assert_string_equal(text, "2024-06-10T06:13:20.123Z");
    mr_date_http(known_ms, text);
    assert_string_equal(text, "Mon, 10 Jun 2024 06:13:20 GMT");
    mr_date_basic(known_ms, text);
    assert_string_equal(text, "20240610T061320Z");
    mr_date_iso8601(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    mr_date_iso8601(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void times_beyond_four_digit_years_print_as_the_nearest(void **state)
{
    (void)state;
    char text[32];
    mr_date_iso8601(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    mr_date_iso8601(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

/* The oracle walks the calendar day by day. */
static void dates_follow_the_calendar_day_by_day(void **state)
{
    (void)state;
    static const int lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1970, month = 1, day = 1, weekday = 4;
    for (int64_t ms = 0; year < 2401; ms += 86400000) {
        struct mr_date date = mr_date_from_ms(ms + 86399999);
        if (date.year != year || date.month != month || date.day != day || date.weekday != weekday)
            fail_msg("%d-%d-%d came out as %d-%d-%d", year, month, day, date.year, date.month,
                     date.day);
        assert_int_equal(date.hour * 10000 + date.minute * 100 + date.second, 235959);
        assert_true(mr_date_to_ms(&date) == ms + 86399999);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        weekday = (weekday + 1) % 7;
        if (++day > lengths[month - 1] + (month == 2 && leap)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
}

static void every_printed_date_reads_back(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 9);
    for (int i = 0; i < 100000; i++) {
        int64_t ms = (int64_t)mr_rng_below(&rng, 315569433600000) - 62167219200000;
        int64_t seconds = ms - ((ms % 1000) + 1000) % 1000;
        char text[32];
        int64_t read;
        assert_int_equal(mr_date_parse(mr_date_iso8601(ms, text), &read), MR_OK);
        assert_true(read == ms);
        assert_int_equal(mr_date_parse(mr_date_http(ms, text), &read), MR_OK);
        assert_true(read == seconds);
        assert_int_equal(mr_date_parse(mr_date_basic(ms, text), &read), MR_OK);
        assert_true(read == seconds);
    }
}

static void fractions_and_zones_are_optional(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2024-06-10T06:13:20Z", 1718000000000},
        {"2024-06-10T06:13:20", 1718000000000},
        {"2024-06-10T06:13:20.5Z", 1718000000500},
        {"2024-06-10T06:13:20.123999999Z", 1718000000123},
        {"2024-06-10T08:13:20+02:00", 1718000000000},
        {"2024-06-10T00:43:20.1-0530", 1718000000100},
        {"2024-02-29T00:00:00Z", 1709164800000},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        int64_t ms = 0;
        assert_int_equal(mr_date_parse(mr_slice_cstr(cases[i].text), &ms), MR_OK);
        assert_true(ms == cases[i].ms);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "2024-06-10",
        "2024-13-10T06:13:20Z",
        "2023-02-29T00:00:00Z",
        "2024-00-10T06:13:20Z",
        "2024-06-31T06:13:20Z",
        "2024-06-10T24:13:20Z",
        "2024-06-10T06:60:20Z",
        "2024-06-10T06:13:20.Z",
        "2024-06-10T06:13:20Zx",
        "2024-06-10T06:13:20+2",
        "2024-06-10T06:13:20+24:00",
        "2024-6-10T06:13:20Z",
        "20240610T061320",
        "20241310T061320Z",
        "Mon, 10 Jux 2024 06:13:20 GMT",
        "Mon, 10 Jun 2024 06:13:20 CET",
        "Mon, 10 Jun 2024 06:13:20",
        "+024-06-10T06:13:20Z",
    };
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        int64_t ms = 77;
        if (mr_date_parse(mr_slice_cstr(wrong[i]), &ms) != MR_INVALID || ms != 77)
            fail_msg("'%s' was taken", wrong[i]);
    }
}

static void the_systems_clocks_move_forward(void **state)
{
    (void)state;
    assert_true(mr_clock_now(&mr_clock_system) > known_ms);
    int64_t us = mr_monotonic_us(), ms = mr_monotonic_ms();
    while (mr_monotonic_us() == us)
        continue;
    assert_true(mr_monotonic_us() > us);
    assert_true(mr_monotonic_ms() >= ms);
}

static void a_movable_clock_begins_as_the_systems_and_never_goes_back(void **state)
{
    (void)state;
    struct mr_clock_movable movable = {0};
    const struct mr_clock clock = mr_clock_of_movable(&movable);
    bool held = true;
    const int64_t begin = mr_clock_now(&mr_clock_system);
    assert_in_range(mr_clock_movable_now(&movable, &held), begin - 10, begin + 60000);
    assert_false(held);
    const int64_t ahead = begin + 3600000;
    assert_int_equal(mr_clock_move(&movable, ahead, true), MR_OK);
    assert_int_equal(mr_clock_now(&clock), ahead);
    assert_int_equal(mr_clock_movable_now(&movable, &held), ahead);
    assert_true(held);
    assert_int_equal(mr_clock_move(&movable, ahead - 1, true), MR_INVALID);
    assert_int_equal(mr_clock_move(&movable, ahead - 1, false), MR_INVALID);
    assert_int_equal(mr_clock_now(&clock), ahead);
    assert_int_equal(mr_clock_move(&movable, ahead + 5, false), MR_OK);
    assert_in_range(mr_clock_movable_now(&movable, &held), ahead + 5, ahead + 60000);
    assert_false(held);
    while (mr_clock_now(&clock) <= ahead + 5) /* it runs */
        continue;
}

enum { NOISE_MS = 3 }; /* between the readings of two clocks */

/* A look at the clock, and what lay around it however long the thread was kept from running. */
struct look {
    int64_t now_ms;
    int64_t system_ms[2], real_ms[2]; /* before and after */
};

static struct look look(void)
{
    struct look it;
    it.system_ms[0] = mr_clock_now(&mr_clock_system);
    it.real_ms[0] = mr_monotonic_ms();
    it.now_ms = mr_clock_now(&mr_clock_steady);
    it.real_ms[1] = mr_monotonic_ms();
    it.system_ms[1] = mr_clock_now(&mr_clock_system);
    return it;
}

static void expect_ahead(const struct look *it, int64_t by_ms)
{
    assert_in_range(it->now_ms, it->system_ms[0] + by_ms - NOISE_MS,
                    it->system_ms[1] + by_ms + NOISE_MS);
}

static void await_ms(int64_t ms)
{
    const int64_t until_ms = mr_monotonic_ms() + ms;
    while (mr_monotonic_ms() < until_ms)
        continue;
}

static void the_steady_clock_follows_forwards_and_goes_on_when_the_systems_is_set_back(void **state)
{
    (void)state;
    enum { HOUR_MS = 3600000 };
    const struct look begin = look();
    expect_ahead(&begin, 0);
    mr_clock_system_set_by(HOUR_MS);
    const struct look ahead = look();
    expect_ahead(&ahead, HOUR_MS);
    mr_clock_system_set_by(-2 * HOUR_MS);
    const struct look before = look();
    expect_ahead(&before, HOUR_MS);
    await_ms(400); /* slower by an eighth, and never back */
    const struct look after = look();
    assert_in_range(after.now_ms - before.now_ms,
                    (after.real_ms[0] - before.real_ms[1]) * 7 / 8 - NOISE_MS,
                    (after.real_ms[1] - before.real_ms[0]) * 7 / 8 + NOISE_MS);
    mr_clock_system_set_by(HOUR_MS); /* right again, and still ahead by what lies behind */
    assert_true(mr_clock_now(&mr_clock_steady) >= after.now_ms);
}

static void the_steady_clock_is_not_behind_where_it_begins(void **state)
{
    (void)state;
    const struct look first = look();
    mr_clock_steady_begin(first.now_ms - 1000);
    const struct look same = look();
    assert_in_range(same.now_ms, first.now_ms,
                    first.now_ms + same.real_ms[1] - first.real_ms[0] + NOISE_MS);
    const int64_t begin_ms = same.now_ms + 60000, real_ms = mr_monotonic_ms();
    mr_clock_steady_begin(begin_ms);
    const struct look later = look();
    assert_in_range(later.now_ms, begin_ms, begin_ms + later.real_ms[1] - real_ms + NOISE_MS);
}

static void *look_often(void *arg)
{
    int64_t last = 0;
    for (int i = 0; i < 200000; i++) {
        const int64_t now = mr_clock_now(&mr_clock_steady);
        if (now < last)
            *(bool *)arg = true;
        last = now;
    }
    return NULL;
}

static void the_steady_clock_never_goes_back_for_anybody_while_the_systems_is_set(void **state)
{
    (void)state;
    enum { THREADS = 3, SETS = 200 };
    pthread_t threads[THREADS];
    bool went_back[THREADS] = {false};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251129);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look_often, &went_back[i]), 0);
    for (int i = 0; i < SETS; i++) {
        mr_clock_system_set_by((int64_t)mr_rng_below(&rng, 2000) - 1000);
        (void)sched_yield();
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(went_back[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms_of_a_date_are_those_of_the_protocols),
        cmocka_unit_test(times_beyond_four_digit_years_print_as_the_nearest),
        cmocka_unit_test(dates_follow_the_calendar_day_by_day),
        cmocka_unit_test(every_printed_date_reads_back),
        cmocka_unit_test(fractions_and_zones_are_optional),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(the_systems_clocks_move_forward),
        cmocka_unit_test(a_movable_clock_begins_as_the_systems_and_never_goes_back),
        cmocka_unit_test(
            the_steady_clock_follows_forwards_and_goes_on_when_the_systems_is_set_back),
        cmocka_unit_test(the_steady_clock_is_not_behind_where_it_begins),
        cmocka_unit_test(the_steady_clock_never_goes_back_for_anybody_while_the_systems_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
