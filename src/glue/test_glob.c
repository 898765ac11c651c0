#include "glue/glob.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void exclusions_are_matched_as_the_documentation_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool fits;
    } cases[] = {
        {"*.csv", "a.csv", true},
        {"*.csv", "b/a.csv", false},
        {"**.csv", "b/a.csv", true},
        {"departments/**", "departments/finance.json", true},
        {"departments/**", "other/finance.json", false},
        {"**/errors/**", "a/errors/x", true},
        {"**/errors/**", "errors/x", true},
        {"?at", "cat", true},
        {"?at", "/at", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"*.{json,gz}", "x.gz", true},
        {"*.{json,gz}", "x.csv", false},
        {"a\\*", "a*", true},
        {"a\\*", "ab", false},
        {"[", "x", false},
        {"{", "x", false},
        {"", "", true},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        if (glue_glob_match(mr_slice_cstr(cases[i].pattern), mr_slice_cstr(cases[i].path)) !=
            cases[i].fits)
            fail_msg("%s on %s", cases[i].pattern, cases[i].path);
    }
}

static void a_hostile_pattern_ends(void **state)
{
    (void)state;
    assert_false(
        glue_glob_match(MR_S("**a**a**a**a**a**a**a**a**b"),
                        MR_S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exclusions_are_matched_as_the_documentation_has_them),
        cmocka_unit_test(a_hostile_pattern_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
