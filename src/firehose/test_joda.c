#include "firehose/joda.h"
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static enum mr_status read(const char *pattern, const char *text, int64_t *ret_ms)
{
    const struct mr_slice all[] = {mr_slice_cstr(pattern)};
    const struct joda_formats formats = {all, 1};
    return joda_read(&formats, mr_slice_cstr(text), ret_ms);
}

static void patterns_read_what_they_write(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text, *time;
    } cases[] = {
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2024-06-10T06:13:20.120+0200", "2024-06-10T04:13:20.120Z"},
        {"yyyy-MM-dd'T'HH:mm:ssZZ", "2024-06-10T06:13:20-01:30", "2024-06-10T07:43:20.000Z"},
        {"yyyy-MM-dd'T'HH:mm:ss'Z'", "2024-06-10T06:13:20Z", "2024-06-10T06:13:20.000Z"},
        {"yyyyMMddHHmmss", "20240610061320", "2024-06-10T06:13:20.000Z"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "10/Jun/2024:06:13:20 +0000", "2024-06-10T06:13:20.000Z"},
        {"EEEE, MMMM d, yyyy h:mm a", "Monday, June 10, 2024 6:13 pm", "2024-06-10T18:13:00.000Z"},
        {"h a", "12 AM", "1970-01-01T00:00:00.000Z"},
        {"h a", "12 PM", "1970-01-01T12:00:00.000Z"},
        {"yyyy-MM-dd HH:mm:ss.SSSSSS", "2024-06-10 06:13:20.123456", "2024-06-10T06:13:20.123Z"},
        {"yyyy", "2024", "2024-01-01T00:00:00.000Z"},
        {"h 'o''clock' ''a", "2 o'clock 'AM", "1970-01-01T02:00:00.000Z"},
        {"millis", "1718000000123", "2024-06-10T06:13:20.123Z"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        int64_t ms = -1;
        char text[32];
        assert_int_equal(joda_check(mr_slice_cstr(cases[i].pattern)), MR_OK);
        if (read(cases[i].pattern, cases[i].text, &ms) != MR_OK)
            fail_msg("%s does not read %s", cases[i].pattern, cases[i].text);
        const struct mr_slice iso = mr_date_iso8601(ms, text);
        text[iso.len] = '\0';
        assert_string_equal(text, cases[i].time);
    }
}

static void other_texts_are_none(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"yyyy-MM-dd", "2024-06-31"},
        {"yyyy-MM-dd", "2024-13-01"},
        {"yyyy-MM-dd", "2024-06-1x"},
        {"yyyy-MM-dd", "2024-06-10 "},
        {"yyyy-MM-dd", "2024-06"},
        {"yyyy-MM-dd", ""},
        {"HH:mm", "24:00"},
        {"HH:mm", "23:60"},
        {"yyyy Z", "2024 +2"},
        {"MMM", "Foo"},
        {"h a", "1 XM"},
        {"y", "501550150"},
        {"millis", "253402300800000"},
        {"millis", "12x"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        int64_t ms;
        if (read(cases[i][0], cases[i][1], &ms) != MR_INVALID)
            fail_msg("%s reads %s", cases[i][0], cases[i][1]);
    }
}

static void patterns_that_are_none_or_not_read_are_refused(void **state)
{
    (void)state;
    static const char *const patterns[] = {"",  "yy",  "yyyy-MM-dd'T", "G",   "yyyy-DDD", "ww",
                                           "z", "ZZZ", "SSSSSSSSSS",   "HHH", "nonsense"};
    for (size_t i = 0; i < MR_COUNT(patterns); i++)
        if (joda_check(mr_slice_cstr(patterns[i])) != MR_INVALID)
            fail_msg("%s is taken", patterns[i]);
}

static void the_first_that_fits_counts(void **state)
{
    (void)state;
    const struct mr_slice all[] = {MR_S("yyyy-MM-dd"), MR_S("dd.MM.yyyy"), MR_S("millis")};
    const struct joda_formats formats = {all, MR_COUNT(all)};
    int64_t ms;
    assert_int_equal(joda_read(&formats, MR_S("10.06.2024"), &ms), MR_OK);
    assert_int_equal(ms, 1717977600000);
    assert_int_equal(joda_read(&formats, MR_S("5"), &ms), MR_OK);
    assert_int_equal(ms, 5);
    assert_int_equal(joda_read(&formats, MR_S("June"), &ms), MR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_read_what_they_write),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(patterns_that_are_none_or_not_read_are_refused),
        cmocka_unit_test(the_first_that_fits_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
