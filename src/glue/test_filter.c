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
    bool fits = false;
    int found = -1;
    if (glue_filter_parse(&arena, mr_slice_cstr(text), keys, MR_COUNT(keys), &filter, &error) ==
            MR_OK &&
        glue_filter_match(filter, &arena, values, &fits, &error) == MR_OK)
        found = fits;
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
        {"n = 9.0", -1},
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
    bool fits = false;
    assert_int_equal(glue_filter_match(filter, &arena, value, &fits, &error), MR_OK);
    assert_true(fits);
    mr_arena_fini(&arena);
}

/* What a row's value of the type answers, or AWS's words of why it does not. */
static const char *answer(struct mr_arena *arena, const char *type, const char *value,
                          const char *text)
{
    const struct glue_column columns[] = {{.name = MR_S_INIT("k"), .type = mr_slice_cstr(type)},
                                          {.name = MR_S_INIT("s"), .type = MR_S_INIT("string")}};
    const struct mr_slice row[] = {mr_slice_cstr(value), MR_S_INIT("x")};
    const struct filter *filter;
    struct mr_slice error;
    bool fits = false;
    if (glue_filter_parse(arena, mr_slice_cstr(text), columns, 2, &filter, &error) != MR_OK ||
        glue_filter_match(filter, arena, row, &fits, &error) != MR_OK)
        return mr_arena_cstr(arena, error);
    return fits ? "yes" : "no";
}

static void values_are_read_by_the_type_of_their_key(void **state)
{
    (void)state;
    static const struct {
        const char *type, *value, *text, *answer;
    } cases[] = {
        {"int", "abc", "k = 0", "For input string: \"abc\" is not an integer."},
        {"int", "abc", "s = 'x' OR k = 5", "yes"},
        {"int", "abc", "k = 5 OR s = 'x'", "For input string: \"abc\" is not an integer."},
        {"int", "abc", "NOT (s = 'y' AND k = 5)", "yes"},
        {"int", "abc", "k LIKE 'ab%'", "yes"},
        {"int", "abc", "k IS NOT NULL", "yes"},
        {"int", "+5", "k = 5 AND k < '+6'", "yes"},
        {"int", "5", "k = '+-5'", "For input string: \"+-5\" is not an integer."},
        {"int", "5", "k IN (1, two)", "For input string: \"two\" is not an integer."},
        {"int", "5", "two = k", "For input string: \"two\" is not an integer."},
        {"bigint", "__HIVE_DEFAULT_PARTITION__", "k <> 5", "no"},
        {"bigint", "__HIVE_DEFAULT_PARTITION__", "NOT k = 5", "no"},
        {"bigint", "__HIVE_DEFAULT_PARTITION__", "k = 5 OR s = 'x'", "yes"},
        {"bigint", "__HIVE_DEFAULT_PARTITION__", "k IS NULL", "yes"},
        {"decimal(10,2)", "2.50", "k = 2.5 AND k > 2.4999", "yes"},
        {"decimal(10,2)", "2.50", "k = 'nan'", "nan is not a decimal."},
        {"date", "2026-03-01", "k > '2026-2-28'", "yes"},
        {"date", "2026-03-01", "k BETWEEN DATE '2026-02-28' AND '2026-03-01'", "yes"},
        {"date", "2026-03-01", "k = '2026-02-29'", "2026-02-29 is not a date."},
        {"date", "20260301", "k = '2026-02-28'", "20260301 is not a date."},
        {"timestamp", "2026-03-01 10:00:00.5", "k = '2026-03-01 10:00:00.500000000'", "yes"},
        {"timestamp", "2026-03-01 10:00:00.000000001", "k > '2026-03-01 10:00:00'", "yes"},
        {"timestamp", "2026-03-01 10:00:00", "k > '2026-03-01'",
         "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] 2026-03-01 is not a timestamp."},
        {"varchar(10)", "b", "k > 'a'", "yes"},
        {"boolean", "true", "k = true", "Unknown type : 'boolean'"},
        {"double", "1", "1 = k", "Unknown type : 'double'"},
        {"double", "1", "s = 'x'", "yes"},
        {"int", "5", "other = 1", "Invalid partition expression!"},
        {"int", "5", "k = 5 AND", "Invalid partition expression!"},
    };
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const char *found = answer(&arena, cases[i].type, cases[i].value, cases[i].text);
        if (strcmp(found, cases[i].answer) != 0)
            fail_msg("%s: %s", cases[i].text, found);
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
        cmocka_unit_test(values_are_read_by_the_type_of_their_key),
        cmocka_unit_test(like_takes_percent_underscore_and_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
