/* Prefix expressions against the examples AWS gives. */
#include "firehose/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* 2026-07-03T10:11:12.345Z, a Friday. */
static const int64_t moment_ms = 1783073472345;

static void expect(const char *prefix, const char *key)
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    const struct prefix_values values = {.time_ms = moment_ms, .rng = &rng};
    struct mr_buf buf = {0};
    prefix_write(&buf, mr_slice_cstr(prefix), &values);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, key);
    mr_buf_fini(&buf);
}

static void a_prefix_without_expression_gets_the_hour_appended(void **state)
{
    (void)state;
    expect("raw/", "raw/2026/07/03/10/");
    expect("legacy", "legacy2026/07/03/10/");
    expect("", "2026/07/03/10/");
}

static void timestamp_patterns_are_java_s(void **state)
{
    (void)state;
    expect("year=!{timestamp:yyyy}/month=!{timestamp:MM}/", "year=2026/month=07/");
    expect("!{timestamp:yyyy/MM/dd/HH}/", "2026/07/03/10/");
    expect("!{timestamp:yy-M-d'T'h:mm:ss.SSS a}", "26-7-3T10:11:12.345 AM");
    expect("!{timestamp:EEE', 'dd MMM yyyy}", "Fri, 03 Jul 2026");
    expect("!{timestamp:''D}", "'184");
}

static void a_random_string_has_11_characters_and_differs_each_time(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    const struct prefix_values values = {.time_ms = moment_ms, .rng = &rng};
    struct mr_buf buf = {0};
    prefix_write(&buf, MR_S("!{firehose:random-string}!{firehose:random-string}"), &values);
    assert_int_equal(buf.len, 22);
    assert_memory_not_equal(buf.data, buf.data + 11, 11);
    mr_buf_fini(&buf);
}

static void errors_lie_under_the_error_prefix_or_else_below_the_data(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    const struct prefix_values values = {
        .time_ms = moment_ms, .error_type = MR_S_INIT("processing-failed"), .rng = &rng};
    const struct {
        struct mr_slice data, error;
        const char *key;
    } cases[] = {
        {MR_S_INIT("d/"), MR_S_INIT(""), "d/processing-failed/2026/07/03/10/"},
        {MR_S_INIT("d/"), MR_S_INIT("e/"), "e/processing-failed/2026/07/03/10/"},
        {MR_S_INIT("d/"), MR_S_INIT("e/!{firehose:error-output-type}/!{timestamp:yyyy}/"),
         "e/processing-failed/2026/"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const struct delivery_config config = {.prefix = cases[i].data,
                                               .error_prefix = cases[i].error};
        struct mr_buf buf = {0};
        prefix_write_error(&buf, &config, &values);
        mr_buf_byte(&buf, '\0');
        assert_string_equal(buf.data, cases[i].key);
        mr_buf_fini(&buf);
    }
}

static void expressions_that_are_none_are_refused(void **state)
{
    (void)state;
    char message[512];
    const char *const bad[] = {"!{timestamp:yyyy",
                               "!{nothing}",
                               "!{timestamp:qqq}",
                               "!{timestamp:'open}",
                               "!{firehose:error-output-type}",
                               "!{partitionKeyFromQuery:x}"};
    for (size_t i = 0; i < MR_COUNT(bad); i++)
        assert_int_equal(prefix_check(mr_slice_cstr(bad[i]), false, message), MR_INVALID);
    assert_int_equal(prefix_check(MR_S("!{timestamp:yyyy}/"), true, message), MR_INVALID);
    assert_int_equal(prefix_check(MR_S("x/!{firehose:error-output-type}/"), true, message), MR_OK);
    assert_int_equal(prefix_check(MR_S("plain/"), true, message), MR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_without_expression_gets_the_hour_appended),
        cmocka_unit_test(timestamp_patterns_are_java_s),
        cmocka_unit_test(a_random_string_has_11_characters_and_differs_each_time),
        cmocka_unit_test(errors_lie_under_the_error_prefix_or_else_below_the_data),
        cmocka_unit_test(expressions_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
