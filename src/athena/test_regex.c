#include "athena/regex.h"
#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* "0-2:ab 1:-" of the first match: each group as its text, '-' when it took no part. */
static void check(const char *pattern, const char *text, const char *wanted)
{
    struct mr_arena arena;
    struct athena_regex_match match;
    struct mr_buf found = {0};
    struct mr_slice subject = mr_slice_cstr(text);
    const char *why = NULL;
    mr_arena_init(&arena);
    struct athena_regex *regex = athena_regex_make(&arena, mr_slice_cstr(pattern), &why);
    if (regex == NULL)
        mr_buf_printf(&found, "!%s", why);
    else if (athena_regex_search(regex, subject, 0, &match) != REGEX_FOUND)
        mr_buf_append(&found, MR_S("none"));
    else
        for (size_t i = 0; i <= athena_regex_groups(regex); i++) {
            const struct athena_regex_span span = match.groups[i];
            mr_buf_append(&found, i > 0 ? MR_S("|") : MR_S(""));
            mr_buf_append(&found, span.from == SIZE_MAX
                                      ? MR_S("-")
                                      : mr_slice_sub(subject, span.from, span.to - span.from));
        }
    mr_buf_byte(&found, '\0');
    if (strcmp(found.data, wanted) != 0)
        fail_msg("'%s' on '%s': '%s', not '%s'", pattern, text, found.data, wanted);
    mr_buf_fini(&found);
    athena_regex_free(regex);
    mr_arena_fini(&arena);
}

/* pattern, text, the first match */
static const char *const matches[][3] = {
    {"abc", "xabcx", "abc"},
    {"", "abc", ""},
    {"a*", "baaa", ""},
    {"a+", "baaac", "aaa"},
    {"a+?", "baaac", "a"},
    {"a??b", "ab", "ab"},
    {"a{2}", "aaaa", "aa"},
    {"a{2,}", "aaaa", "aaaa"},
    {"a{,2}", "aa{,2}", "a{,2}"},
    {"a{1,2}?", "aaaa", "a"},
    {"(ab){2,3}", "abababab", "ababab|ab"},
    {"(ab){0}c", "abc", "c|-"},
    {"(ab)?c", "c", "c|-"},
    {"(a)|(b)", "b", "b|-|b"},
    {"(a|ab)(c|bcd)(d*)", "abcd", "abcd|a|bcd|"},
    {"(?:a|b)+", "xabba", "abba"},
    {"(a*)*", "aab", "aa|"},
    {"(a|b)*c|(a|ab)*c", "abc", "abc|b|-"},
    {"x{0,2}y", "xxxy", "xxy"},
    {"a{", "a{", "a{"},
    {"a{1", "a{1", "a{1"},
    {"[a-c]+", "xxabcx", "abc"},
    {"[^a-c]+", "abxyc", "xy"},
    {"[]a]+", "x]a", "]a"},
    {"[a-]+", "x-a", "-a"},
    {"[\\w-]+", "é-1 ", "é-1"},
    {"[a-z&&[^aeiou]]+", "aebcd", "bcd"},
    {"[a-z&&b-d]+", "abcde", "bcd"},
    {"[a[0-9]]+", "xa1", "a1"},
    {"[\\d&&[^5]]+", "5123", "123"},
    {"\\d+", "a٣4", "٣4"},
    {"\\w+", "-né_1-", "né_1"},
    {"\\s", "a\u00a0", "\u00a0"},
    {"\\bé\\b", "a é b", "é"},
    {"\\p{Lu}\\p{Ll}+", "xÉté", "Été"},
    {"\\P{L}+", "ab12c", "12"},
    {"\\p{^L}+", "ab12c", "12"},
    {"\\p{L}+", "12ab", "ab"},
    {"\\p{Han}+", "ab漢字", "漢字"},
    {"\\p{Alphabetic}+", "1ab", "ab"},
    {"\\p{Punct}", "a.b", "."},
    {"\\x41\\u0042\\x{43}\\104", "ABCD", "ABCD"},
    {"a.c", "a\nc", "none"},
    {"(?s)a.c", "a\nc", "a\nc"},
    {"^b", "a\nb", "none"},
    {"(?m)^b$", "a\nb\nc", "b"},
    {"a$", "a\n", "a"},
    {"a\\Z", "a\n", "a"},
    {"a\\z", "a\n", "none"},
    {"(?i)ÉcOle", "éCoLE", "éCoLE"},
    {"(?i:A)b", "ab", "ab"},
    {"(?i:A)b", "aB", "none"},
    {"a(?i)b|c", "aC", "aC"},
    {"(?i)[a-c]+", "ABC", "ABC"},
    {"(?x) a b # note\n c", "abc", "abc"},
    {"foo(?=bar)", "foobar", "foo"},
    {"foo(?!bar)", "foobar foobaz", "foo"},
    {"(?<=\\$)\\d+", "x12 $34", "34"},
    {"(?<!\\$)\\b\\d+", "$12 34", "34"},
    {"(?<=a|bc)d", "bcd", "d"},
    {"(?<=xa+)b", "ab xaab", "b"},
    {"(?=(a+))a*b\\1", "aaab", "none"},
    {"(?=(a+))", "baaa", "|aaa"},
    {"(?>a+)b", "aaab", "aaab"},
    {"(?>a+)ab", "aaab", "none"},
    {"a++b", "aaab", "aaab"},
    {"a++ab", "aaab", "none"},
    {"(ab)*+c", "ababc", "ababc|ab"},
    {"(.)\\1", "abccd", "cc|c"},
    {"(?<q>['\"]).*?\\k<q>", "say 'hi' x", "'hi'|'"},
    {"\\Qa.b\\E+", "xa.bbb", "a.bbb"},
    {"(?:ab|b*d|b*)c", "bbc", "bbc"},
    {"(.|b*d)+?c3", "xbdc3", "xbdc3|d"},
    {"(a(b)?)+", "aba", "aba|a|b"},
    {"(?:a?){3}b", "aab", "aab"},
    {"(x)?(y)?z", "yz", "yz|-|y"},
    {"((a)|b)+", "ab", "ab|b|a"},
    {"\\G\\d", "a1", "none"},
    {"[[:alpha:]]", ":a", "a"},
};

static void matches_as_java_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < MR_COUNT(matches); i++)
        check(matches[i][0], matches[i][1], matches[i][2]);
}

static void refuses_what_is_no_pattern(void **state)
{
    static const char *const cases[][2] = {
        {"(a", "!end pattern with unmatched parenthesis"},
        {"a)", "!unmatched close parenthesis"},
        {"[a", "!premature end of char-class"},
        {"*a", "!target of repeat operator is not specified"},
        {"a|+", "!target of repeat operator is not specified"},
        {"{2}", "!target of repeat operator is not specified"},
        {"a\\", "!end pattern at escape"},
        {"[b-a]", "!empty range in char class"},
        {"\\p{Nonsense}", "!invalid character property name {Nonsense}"},
        {"\\2", "!invalid backref number/name"},
        {"\\k<x>", "!undefined name <x> reference"},
        {"a{3,2}", "!upper is smaller than lower in repeat range"},
        {"a{100001}", "!too big number for repeat range"},
        {"(?y)", "!undefined group option"},
    };
    (void)state;
    for (size_t i = 0; i < MR_COUNT(cases); i++)
        check(cases[i][0], "", cases[i][1]);
}

static void gives_up_instead_of_taking_for_ever(void **state)
{
    struct mr_arena arena;
    struct athena_regex_match match;
    const char *why;
    char text[64];
    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'c';
    mr_arena_init(&arena);
    struct athena_regex *regex = athena_regex_make(&arena, MR_S("^(a|aa)*$"), &why);
    assert_non_null(regex);
    assert_int_equal(athena_regex_search(regex, mr_slice_make(text, sizeof text), 0, &match),
                     REGEX_GAVE_UP);
    athena_regex_free(regex);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_java_does),
        cmocka_unit_test(refuses_what_is_no_pattern),
        cmocka_unit_test(gives_up_instead_of_taking_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
