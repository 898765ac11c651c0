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
        {"*.*", "noext", false},
        {"*.*", "a.b", true},
        {"*.{csv,avro}", "a.avro", true},
        {"foo.?", "foo.x", true},
        {"foo.?", "foo.xy", false},
        {"foo.?", "foo.", false},
        {"myfolder/*", "myfolder/mysource", true},
        {"myfolder/*", "myfolder/mysource/data", false},
        {"myfolder/*/*", "myfolder/mysource/data", true},
        {"myfolder/*/*", "myfolder/mysource", false},
        {"myfolder/**", "myfolder/mysource/mydata", true},
        {"myfolder/**", "myfolder", false},
        {"myfolder**", "myfolder", true},
        {"myfolder**", "myfolder/mydata.txt", true},
        {"[*?\\]x", "?x", true},
        {"[*?\\]x", "\\x", true},
        {"[*?\\]x", "ax", false},
        {"[-a]", "-", true},
        {"[!-a]", "-", false},
        {"[!-a]", "b", true},
        {".hidden*", ".hidden", true},
        {"*", ".hidden", true},
        {"2015/01/{[!0],0[8-9]}**", "2015/01/10/x", true},
        {"2015/01/{[!0],0[8-9]}**", "2015/01/08/x", true},
        {"2015/01/{[!0],0[8-9]}**", "2015/01/07/x", false},
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
