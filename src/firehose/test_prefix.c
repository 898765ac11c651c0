/* Prefix expressions against the examples AWS gives. */
#include "firehose/pattern.h"
#include "firehose/prefix.h"
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
        struct mr_buf buf = {0};
        prefix_write_error(&buf, cases[i].error, cases[i].data, &values);
        mr_buf_byte(&buf, '\0');
        assert_string_equal(buf.data, cases[i].key);
        mr_buf_fini(&buf);
    }
}

/* What java.time.format.DateTimeFormatter of Java 17 writes in the locale en_US. NULL: it refuses.
 */
static void each_letter_of_java_s_patterns_is_written_as_java_does(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *zone;
        int64_t time_ms;
        const char *text;
    } cases[] = {
        {"G GGGG GGGGG", "UTC", 0, "AD Anno Domini A"},
        {"u uu uuu uuuu uuuuu", "UTC", 1718000000123, "2024 24 2024 2024 02024"},
        {"y yy yyyy", "UTC", 1718000000123, "2024 24 2024"},
        {"Y YY w ww W", "UTC", 1609459199999, "2021 21 1 01 5"},
        {"D DD DDD", "UTC", 1704067200000, "1 01 001"},
        {"M MM MMM MMMM MMMMM", "UTC", 1718000000123, "6 06 Jun June J"},
        {"L LL LLL LLLL LLLLL", "UTC", 1718000000123, "6 06 Jun June J"},
        {"Q QQ QQQ QQQQ QQQQQ q", "UTC", 1718000000123, "2 02 Q2 2nd quarter 2 2"},
        {"E EE EEE EEEE EEEEE", "UTC", 1718000000123, "Mon Mon Mon Monday M"},
        {"e ee eee eeee c ccc", "UTC", 1718000000123, "2 02 Mon Monday 2 Mon"},
        {"F g", "UTC", 1718000000123, "3 60471"},
        {"a B h hh K k H HH", "UTC", 1718000000123, "AM in the morning 6 06 6 6 6 06"},
        {"B BBBBB k", "UTC", 0, "midnight mi 24"},
        {"m mm s ss S SSS SSSSSSSSS", "UTC", 1718000000123, "13 13 20 20 1 123 123000000"},
        {"A n N", "UTC", 1718000000123, "22400123 123000000 22400123000000"},
        {"VV z Z ZZZZ ZZZZZ", "UTC", 0, "UTC UTC +0000 GMT Z"},
        {"v vvvv zzzz O OOOO", "UTC", 0,
         "UTC Coordinated Universal Time Coordinated Universal Time GMT GMT"},
        {"X XX XXX x xx xxx", "UTC", 0, "Z Z Z +00 +0000 +00:00"},
        {"VV z Z ZZZZ ZZZZZ", "America/New_York", 1718000000123,
         "America/New_York EDT -0400 GMT-04:00 -04:00"},
        {"z X XX XXX O OOOO", "Asia/Calcutta", 0, "IST +0530 +0530 +05:30 GMT+5:30 GMT+05:30"},
        {"yyyy-MM-dd HH:mm z", "America/New_York", 1730610000000, "2024-11-03 01:00 EDT"},
        {"yyyy-MM-dd HH:mm z", "America/New_York", 1730613600000, "2024-11-03 01:00 EST"},
        {"ppH [yyyy] [x", "UTC", 1718000000123, " 6 2024 +00"},
        {"'a''b'yy '' 5", "UTC", 0, "a'b70 ' 5"},
        {"DDDD", "UTC", 0, NULL},
        {"MMMMMM", "UTC", 0, NULL},
        {"ddd", "UTC", 0, NULL},
        {"HHH", "UTC", 0, NULL},
        {"aa", "UTC", 0, NULL},
        {"cc", "UTC", 0, NULL},
        {"V", "UTC", 0, NULL},
        {"BB", "UTC", 0, NULL},
        {"pp", "UTC", 0, NULL},
        {"yyyy]", "UTC", 0, NULL},
        {"yy#", "UTC", 0, NULL},
        {"'open", "UTC", 0, NULL},
        {"C", "UTC", 0, NULL},
        {"T", "UTC", 0, NULL},
    };
    struct zones zones;
    zones_init(&zones);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const struct zone *zone;
        assert_int_equal(zones_find(&zones, mr_slice_cstr(cases[i].zone), &zone), MR_OK);
        const struct zone_time time = zone_time_at(zone, cases[i].time_ms);
        struct mr_buf buf = {0};
        const enum mr_status status = pattern_write(&buf, mr_slice_cstr(cases[i].pattern), &time);
        mr_buf_byte(&buf, '\0');
        if (cases[i].text == NULL)
            assert_int_equal(status, MR_INVALID);
        else
            assert_string_equal(buf.data, cases[i].text);
        mr_buf_fini(&buf);
    }
    zones_fini(&zones);
}

static void zones_are_those_that_aws_takes(void **state)
{
    (void)state;
    struct zones zones;
    zones_init(&zones);
    const struct zone *zone, *again;
    assert_int_equal(zones_find(&zones, MR_S("UTC"), &zone), MR_OK);
    assert_null(zone);
    assert_int_equal(zones_find(&zones, MR_S("Europe/Berlin"), &zone), MR_OK);
    assert_int_equal(zones_find(&zones, MR_S("Europe/Berlin"), &again), MR_OK);
    assert_ptr_equal(zone, again);
    const char *const none[] = {
        "Asia/Kolkata", "EST", "Europe/", "/Berlin", "Europe/../Berlin", "Europe/Berlin Europe"};
    for (size_t i = 0; i < MR_COUNT(none); i++)
        assert_int_equal(zones_find(&zones, mr_slice_cstr(none[i]), &zone), MR_INVALID);
    zones_fini(&zones);
}

static void partition_keys_are_taken_by_space_and_name(void **state)
{
    (void)state;
    struct mr_buf keys = {0}, buf = {0};
    partition_keys_add(&keys, PREFIX_FROM_QUERY, MR_S("a"), MR_S("1"));
    partition_keys_add(&keys, PREFIX_FROM_LAMBDA, MR_S("a"), MR_S("x/y"));
    const struct prefix_values values = {.keys = mr_buf_slice(&keys)};
    const struct mr_slice prefix =
        MR_S("q=!{partitionKeyFromQuery:a}/l=!{partitionKeyFromLambda:a}/");
    prefix_write(&buf, prefix, &values);
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, "q=1/l=x/y/");
    assert_true(prefix_has_space(prefix, PREFIX_FROM_QUERY));
    assert_false(prefix_has_space(MR_S("!{timestamp:yyyy}"), PREFIX_FROM_LAMBDA));
    mr_buf_fini(&keys);
    mr_buf_fini(&buf);
}

static void what_is_wrong_is_told_in_the_words_of_aws(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        enum prefix_kind kind;
        const char *words;
    } cases[] = {
        {"!{timestamp:yyyy", PREFIX_DATA, "Invalid expression usage in Prefix"},
        {"!{nothing}", PREFIX_DATA, "Invalid expression usage in Prefix"},
        {"!{a!{firehose:random-string}", PREFIX_DATA, "Invalid expression usage in Prefix"},
        {"!{wrong:x}", PREFIX_DATA,
         "Namespace to the left of colon (wrong) is an invalid keyword!"},
        {"!{timestamp:T}", PREFIX_DATA,
         "Invalid conversion character used in the value of the expression in Prefix"},
        {"!{timestamp:}", PREFIX_DATA,
         "Invalid conversion character used in the value of the expression in Prefix"},
        {"!{firehose:uuid}", PREFIX_ERROR,
         "Invalid conversion character used in the value of the expression in ErrorOutputPrefix"},
        {"!{firehose:error-output-type}", PREFIX_PARTITIONED,
         "Prefix must not contain any occurrence of !{firehose:error-output-type}"},
        {"!{partitionKeyFromQuery:x}", PREFIX_DATA,
         "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic "
         "Partitioning is enabled."},
        {"!{partitionKeyFromLambda:x}", PREFIX_ERROR,
         "Dynamic Partitioning Namespaces can't be part of an error prefix expression"},
        {"!{timestamp:yyyy}/", PREFIX_ERROR,
         "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}"},
        {"x/!{firehose:error-output-type}/", PREFIX_ERROR, NULL},
        {"plain/", PREFIX_ERROR, NULL},
        {"!{partitionKeyFromQuery:x}/", PREFIX_PARTITIONED, NULL},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        char message[512] = "";
        const enum mr_status status =
            prefix_check(mr_slice_cstr(cases[i].prefix), cases[i].kind, NULL, message);
        assert_int_equal(status, cases[i].words == NULL ? MR_OK : MR_INVALID);
        assert_string_equal(message, cases[i].words == NULL ? "" : cases[i].words);
    }
    char message[512], text[530];
    memset(text, 'x', sizeof text);
    assert_int_equal(prefix_check(mr_slice_make(text, 512), PREFIX_DATA, NULL, message), MR_OK);
    assert_int_equal(prefix_check(mr_slice_make(text, 513), PREFIX_DATA, NULL, message),
                     MR_INVALID);
    assert_string_equal(message, "Length of evaluated prefix cannot be greater than 512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_without_expression_gets_the_hour_appended),
        cmocka_unit_test(timestamp_patterns_are_java_s),
        cmocka_unit_test(a_random_string_has_11_characters_and_differs_each_time),
        cmocka_unit_test(errors_lie_under_the_error_prefix_or_else_below_the_data),
        cmocka_unit_test(each_letter_of_java_s_patterns_is_written_as_java_does),
        cmocka_unit_test(zones_are_those_that_aws_takes),
        cmocka_unit_test(partition_keys_are_taken_by_space_and_name),
        cmocka_unit_test(what_is_wrong_is_told_in_the_words_of_aws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
