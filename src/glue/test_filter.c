#include "glue/filter.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct glue_column keys[] = {
    {.name = MR_S_INIT("year"), .type = MR_S_INIT("string")},
    {.name = MR_S_INIT("month"), .type = MR_S_INIT("string")},
    {.name = MR_S_INIT("n"), .type = MR_S_INIT("int")},
};
static const struct mr_slice values[] = {MR_S_INIT("2026"), MR_S_INIT("07"), MR_S_INIT("9")};

static int match(const char *text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct filter *filter;
    struct mr_slice error;
    int found = -1;
    if (glue_filter_parse(&arena, mr_slice_cstr(text), keys, MR_COUNT(keys), &filter, &error) ==
        MR_OK)
        found = glue_filter_match(filter, values);
    mr_arena_fini(&arena);
    return found;
}

static void comparisons_of_keys_are_joined_by_and_or_and_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int found;
    } cases[] = {
        {"year = '2026'", 1},
        {"YEAR='2025'", 0},
        {"year='2026' AND month>'06'", 1},
        {"year='2025' or month <= '07'", 1},
        {"not (year='2026')", 0},
        {"year='2025' OR year='2026' AND month='01'", 0},
        {"(year='2025' OR year='2026') AND month='07'", 1},
        {"month IN ('01', '07')", 1},
        {"month NOT IN ('01', '07')", 0},
        {"month BETWEEN '06' AND '08' AND year <> '1'", 1},
        {"year LIKE '20%'", 1},
        {"year LIKE '_02'", 0},
        {"year not like '19%'", 1},
        {"n < 10", 1},
        {"n > 10", 0},
        {"n between 1 and 9", 1},
        {"year is null", 0},
        {"year is not null", 1},
        {"year = '20''26'", 0},
        {"10 > n", 1},
        {"'2025' >= year", 0},
        {"n = '9'", 1},
        {"n = 9.0", 1},
        {"n > 'x'", -1},
        {"n IN (1, two)", -1},
        {"n LIKE '9%'", 1},
        {"year > DATE '2025-12-31'", 1},
        {"month > '06' AND NOT (n = 9 OR n = 10)", 0},
        {"year = ", -1},
        {"other = '1'", -1},
        {"year = '1' AND", -1},
        {"year = '1') ", -1},
        {"year ~ 1", -1},
        {"", -1},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        if (match(cases[i].text) != cases[i].found)
            fail_msg("%s: %d", cases[i].text, match(cases[i].text));
    }
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    static char text[100001];
    memset(text, '(', sizeof text - 1);
    assert_int_equal(match(text), -1);
}

static void many_terms_in_a_row_are_no_nesting(void **state)
{
    (void)state;
    char text[8192] = "n = 1";
    size_t len = strlen(text);
    for (int i = 0; i < 500; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " OR n = %d", i);
    assert_int_equal(match(text), 1);
}

static void whole_numbers_are_compared_to_the_last_digit(void **state)
{
    (void)state;
    static const struct glue_column big[] = {
        {.name = MR_S_INIT("id"), .type = MR_S_INIT("bigint")}};
    const struct mr_slice value[] = {MR_S("9007199254740993")};
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct filter *filter;
    struct mr_slice error;
    assert_int_equal(
        glue_filter_parse(&arena, MR_S("id > 9007199254740992"), big, 1, &filter, &error), MR_OK);
    assert_true(glue_filter_match(filter, value));
    mr_arena_fini(&arena);
}

static void a_value_that_is_no_number_is_unknown(void **state)
{
    (void)state;
    static const struct glue_column columns[] = {
        {.name = MR_S_INIT("n"), .type = MR_S_INIT("int")},
        {.name = MR_S_INIT("s"), .type = MR_S_INIT("string")}};
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {{"n = 0", false},
                 {"n <> 5", false},
                 {"NOT n = 5", false},
                 {"n IN (0, 5)", false},
                 {"n NOT IN (5)", false},
                 {"n BETWEEN -1 AND 1", false},
                 {"n NOT BETWEEN 5 AND 6", false},
                 {"n = 5 OR s = 'x'", true},
                 {"s = 'x' OR n = 5", true},
                 {"NOT (n = 5 AND s = 'y')", true},
                 {"NOT (s = 'y' AND n = 5)", true},
                 {"n = 5 AND s = 'x'", false},
                 {"NOT (n = 5 OR s = 'y')", false},
                 {"n LIKE 'ab%'", true},
                 {"n IS NULL", false},
                 {"n IS NOT NULL", true}};
    const struct mr_slice row[] = {MR_S("abc"), MR_S("x")};
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const struct filter *filter;
        struct mr_slice error;
        assert_int_equal(
            glue_filter_parse(&arena, mr_slice_cstr(cases[i].text), columns, 2, &filter, &error),
            MR_OK);
        if (glue_filter_match(filter, row) != cases[i].fits)
            fail_msg("%s", cases[i].text);
    }
    mr_arena_fini(&arena);
}

static void like_takes_percent_underscore_and_escapes(void **state)
{
    (void)state;
    assert_true(glue_filter_like(MR_S("abcabd"), MR_S("%ab_"), 0));
    assert_true(glue_filter_like(MR_S(""), MR_S("%%"), 0));
    assert_false(glue_filter_like(MR_S("a"), MR_S(""), 0));
    assert_true(glue_filter_like(MR_S("50%"), MR_S("50\\%"), '\\'));
    assert_false(glue_filter_like(MR_S("500"), MR_S("50\\%"), '\\'));
    assert_true(glue_filter_like(MR_S("\xc3\xa4x"), MR_S("_x"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_of_keys_are_joined_by_and_or_and_not),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(many_terms_in_a_row_are_no_nesting),
        cmocka_unit_test(whole_numbers_are_compared_to_the_last_digit),
        cmocka_unit_test(a_value_that_is_no_number_is_unknown),
        cmocka_unit_test(like_takes_percent_underscore_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
