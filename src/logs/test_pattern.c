#include "logs/pattern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool takes(const char *text, const char *event)
{
    struct mr_arena arena;
    struct logs_pattern *pattern;
    const char *message;
    mr_arena_init(&arena);
    assert_int_equal(logs_pattern_parse(&arena, mr_slice_cstr(text), &pattern, &message), MR_OK);
    const bool found = logs_pattern_matches(pattern, mr_slice_cstr(event));
    mr_arena_fini(&arena);
    return found;
}

static const char *why_not(const char *text)
{
    struct mr_arena arena;
    struct logs_pattern *pattern;
    const char *message;
    mr_arena_init(&arena);
    assert_int_equal(logs_pattern_parse(&arena, mr_slice_cstr(text), &pattern, &message),
                     MR_INVALID);
    mr_arena_fini(&arena);
    return message;
}

static void terms_are_all_needed_or_one_of_them_or_none(void **state)
{
    (void)state;
    assert_true(takes("", "anything"));
    assert_true(takes("ERROR", "[ERROR] x"));
    assert_false(takes("ERROR", "error"));
    assert_true(takes("a b", "b and a"));
    assert_false(takes("a z", "b and a"));
    assert_true(takes("\"two words\"", "here two words"));
    assert_false(takes("\"two words\"", "two  words"));
    assert_true(takes("?x ?b", "b"));
    assert_false(takes("?x ?y", "b"));
    assert_true(takes("ERROR -Exit", "ERROR 1"));
    assert_false(takes("ERROR -Exit", "ERROR Exit"));
}

static void members_of_json_are_compared(void **state)
{
    (void)state;
    static const char event[] =
        "{\"a\":{\"b\":[1,\"two\"]},\"n\":5.5,\"t\":true,\"nil\":null,\"s\":\"UpdateTrail\"}";
    assert_true(takes("{ $.s = \"UpdateTrail\" }", event));
    assert_true(takes("{$.s=Update*}", event));
    assert_false(takes("{ $.s != \"Update*\" }", event));
    assert_true(takes("{ $.a.b[1] = \"two\" }", event));
    assert_true(takes("{ $.n > 5 && $.n <= 5.5 }", event));
    assert_false(takes("{ $.n < 5 || $.n = 6 }", event));
    assert_true(takes("{ ($.n < 5 || $.t IS TRUE) && $.nil IS NULL }", event));
    assert_true(takes("{ $.zz NOT EXISTS }", event));
    assert_false(takes("{ $.s NOT EXISTS }", event));
    assert_false(takes("{ $.zz = 1 }", event));
    assert_false(takes("{ $.zz != 1 }", event));
    assert_false(takes("{ $.n = 5.5 }", "no json"));
}

static void what_is_no_pattern_or_not_implemented_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"{",         "{ $.a = }",    "{ a = 1 }",
                                      "{ $.a 1 }", "{ ($.a = 1 }", "\"open"};
    for (size_t i = 0; i < MR_COUNT(bad); i++)
        assert_string_equal(why_not(bad[i]), "Invalid filter pattern");
    assert_non_null(strstr(why_not("[a, b]"), "columns"));
    assert_non_null(strstr(why_not("%x%"), "regular expressions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_are_all_needed_or_one_of_them_or_none),
        cmocka_unit_test(members_of_json_are_compared),
        cmocka_unit_test(what_is_no_pattern_or_not_implemented_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
