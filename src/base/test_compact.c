#include "base/compact.h"
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void fields_count_on_from_each_other(void **state)
{
    (void)state;
    /* 1: an I32 of -2; 3: true; 200: a text; the end */
    struct mr_slice bytes = MR_S("\x15\x03\x21\x08\x90\x03\x02hi\x00");
    struct mr_slice text;
    uint64_t field = 0;
    int64_t number;
    int type;
    assert_true(mr_compact_field(&bytes, &field, &type));
    assert_int_equal(field, 1);
    assert_int_equal(type, MR_COMPACT_I32);
    assert_true(mr_compact_number(&bytes, &number));
    assert_int_equal(number, -2);
    assert_true(mr_compact_field(&bytes, &field, &type));
    assert_int_equal(field, 3);
    assert_int_equal(type, MR_COMPACT_TRUE);
    assert_true(mr_compact_skip(&bytes, type));
    assert_true(mr_compact_field(&bytes, &field, &type));
    assert_int_equal(field, 200);
    assert_true(mr_compact_text(&bytes, &text));
    assert_true(mr_slice_equal(text, MR_S("hi")));
    assert_true(mr_compact_field(&bytes, &field, &type));
    assert_int_equal(type, 0);
    assert_false(mr_compact_field(&bytes, &field, &type));
}

/* Whatever counts say, nothing takes longer than there are bytes, or goes deeper than it may. */
static void counts_that_lie_and_deep_values_end(void **state)
{
    (void)state;
    static const struct {
        int type;
        struct mr_slice bytes;
    } rows[] = {
        {MR_COMPACT_LIST, MR_S_INIT("\xf1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01")},
        {MR_COMPACT_LIST, MR_S_INIT("\xf8\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01")},
        {MR_COMPACT_MAP, MR_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\x3f\x11\x01\x01")},
        {MR_COMPACT_BINARY, MR_S_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {13, MR_S_INIT("\x00")},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        struct mr_slice bytes = rows[i].bytes;
        if (mr_compact_skip(&bytes, rows[i].type))
            fail_msg("case %zu", i);
    }
    const size_t len = 10 << 20;
    char *deep = mr_malloc(len);
    memset(deep, 0x19, len); /* a list of a list of ... */
    struct mr_slice bytes = mr_slice_make(deep, len);
    assert_false(mr_compact_skip(&bytes, MR_COMPACT_LIST));
    memset(deep, 0x1c, len);
    bytes = mr_slice_make(deep, len);
    assert_false(mr_compact_skip(&bytes, MR_COMPACT_STRUCT));
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_count_on_from_each_other),
        cmocka_unit_test(counts_that_lie_and_deep_values_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
