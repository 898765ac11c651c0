#include "glue/parquet.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static enum mr_status read_footer(struct mr_slice footer, struct lake_shape *ret_shape)
{
    struct mr_arena arena;
    char *exact = mr_malloc(footer.len + 1);
    mr_arena_init(&arena);
    memcpy(exact, footer.ptr, footer.len);
    const enum mr_status status =
        glue_parquet_footer(&arena, mr_slice_make(exact, footer.len), ret_shape);
    free(exact);
    mr_arena_fini(&arena);
    return status;
}

/* Version 1; a root with the INT32 column a; three rows. */
static const char footer[] = "\x15\x02\x19\x2c\x48\x01r\x15\x02\x00\x15\x02\x38\x01"
                             "a\x00\x16\x06\x00";

static void the_rows_are_told(void **state)
{
    (void)state;
    struct lake_shape shape;
    assert_int_equal(read_footer(MR_S(footer), &shape), MR_OK);
    assert_int_equal(shape.records, 3);
    assert_int_equal(shape.type.field_count, 1);
}

static void cut_short_it_is_none(void **state)
{
    (void)state;
    struct lake_shape shape;
    for (size_t len = 0; len < sizeof footer - 2; len++)
        if (read_footer(mr_slice_make(footer, len), &shape) != MR_INVALID)
            fail_msg("%zu bytes", len);
}

static void footers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct mr_slice footers[] = {
        /* a map of more truths than there is time for */
        MR_S_INIT("\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x3f\x11\x01\x01\x01"),
        /* ids beyond what an int holds */
        MR_S_INIT("\x03\xfe\xff\xff\xff\x0f\x01\xf3\x01\xf3\x01\x00"),
        /* two schemas */
        MR_S_INIT("\x15\x02\x19\x2c\x48\x01r\x15\x02\x00\x15\x02\x38\x01"
                  "a\x00\x09\x04\x2c\x48\x01r\x15\x02\x00\x15\x02\x38\x01"
                  "b\x00\x16\x06\x00"),
        /* fewer than no rows; a root whose children are not there */
        MR_S_INIT("\x15\x02\x19\x2c\x48\x01r\x15\x02\x00\x15\x02\x38\x01"
                  "a\x00\x16\x05\x00"),
        MR_S_INIT("\x15\x02\x19\x2c\x48\x01r\x15\x04\x00\x15\x02\x38\x01"
                  "a\x00\x16\x06\x00"),
    };
    struct lake_shape shape;
    for (size_t i = 0; i < MR_COUNT(footers); i++) {
        if (read_footer(footers[i], &shape) != MR_INVALID)
            fail_msg("footer %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_told),
        cmocka_unit_test(cut_short_it_is_none),
        cmocka_unit_test(footers_that_lie_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
