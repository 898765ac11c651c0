/* The keys of a query, read without running it. */
#include "base/buf.h"
#include "firehose/extract.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static bool join(void *ctx, struct mr_slice key)
{
    struct mr_buf *buf = ctx;
    mr_buf_append(buf, key);
    mr_buf_byte(buf, '|');
    return true;
}

static void keys_are_read_over_strings_brackets_and_comments(void **state)
{
    (void)state;
    static const struct {
        const char *query, *keys;
    } cases[] = {
        {"{a:.a}", "a|"},
        {" { a : .a , \"b-c\" : .b } ", "a|b-c|"},
        {"{a, $b, c: (.x, .y), d: [1, 2], e: {f: 1, g: 2}}", "a|b|c|d|e|"},
        {"{a: \"},{\\\"x\", b: .b}", "a|b|"},
        {"{a: \"\\(.x + \"}\")\", b: 1}", "a|b|"},
        {"{# one, two\n a: .a # three, four: 4\n, b: 2}", "a|b|"},
        {"{(.name): 1, b: 2}", "b|"},
        {".a | {b: .b}", ""},
        {"{", ""},
        {"", ""},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct mr_buf buf = {0};
        assert_true(query_each_key(mr_slice_cstr(cases[i].query), join, &buf));
        mr_buf_byte(&buf, '\0');
        assert_string_equal(buf.data, cases[i].keys);
        mr_buf_fini(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_over_strings_brackets_and_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
