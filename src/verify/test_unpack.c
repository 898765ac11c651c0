#include "verify/unpack.h"
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A Parquet file that is a footer and nothing else. */
static enum mr_status unpack(struct mr_slice footer)
{
    struct mr_buf file = {0}, buf = {0};
    struct mr_slice text;
    int64_t rows;
    mr_buf_append(&file, MR_S("PAR1"));
    mr_buf_append(&file, footer);
    mr_buf_u32(&file, (uint32_t)footer.len);
    mr_buf_append(&file, MR_S("PAR1"));
    char *exact = mr_malloc(file.len);
    memcpy(exact, file.data, file.len);
    const enum mr_status status =
        verify_unpack(mr_slice_make(exact, file.len), MR_S(""), &buf, &text, &rows);
    free(exact);
    mr_buf_fini(&file);
    mr_buf_fini(&buf);
    return status;
}

static void a_file_without_rows_is_empty(void **state)
{
    (void)state;
    assert_int_equal(unpack(MR_S("\x36\x00\x19\x0c\x00")), MR_OK);
}

static void footers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct mr_slice footers[] = {
        MR_S_INIT(""),
        MR_S_INIT("\x36\x00\x19\x0c"),
        /* more truths than there is time for */
        MR_S_INIT("\x19\xf1\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x01\x00"),
        /* row groups without end */
        MR_S_INIT("\x49\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),
        /* a chunk that lies outside of the file: its offset, its length */
        MR_S_INIT("\x36\x02\x19\x1c\x19\x1c\x3c\x76\x02\x26\xff\xff\x03\x00\x00\x00\x00"),
        MR_S_INIT("\x36\x02\x19\x1c\x19\x1c\x3c\x76\xff\xff\x03\x26\x08\x00\x00\x00\x00"),
    };
    for (size_t i = 0; i < MR_COUNT(footers); i++) {
        if (unpack(footers[i]) != MR_INVALID)
            fail_msg("footer %zu", i);
    }
}

static void a_deep_footer_is_refused(void **state)
{
    (void)state;
    const size_t len = 10 << 20;
    char *deep = mr_malloc(len);
    memset(deep, 0x19, len);
    assert_int_equal(unpack(mr_slice_make(deep, len)), MR_INVALID);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_without_rows_is_empty),
        cmocka_unit_test(footers_that_lie_are_refused),
        cmocka_unit_test(a_deep_footer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
