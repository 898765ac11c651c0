#include "athena/chunks.h"
#include "athena/test_footer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct athena_column columns[] = {
    {.source = MR_S_INIT("A"), .key = ATHENA_COLUMN_DATA, .used = true},
    {.source = MR_S_INIT("s"), .key = ATHENA_COLUMN_DATA, .used = true},
    {.source = MR_S_INIT("day"), .key = 0},
};
static atomic_bool cancelled;
static const struct athena_scan scan = {
    .columns = columns, .column_count = MR_COUNT(columns), .cancelled = &cancelled};

/* In memory of just that length, so that a sanitizer sees a read beyond it. */
static enum mr_status count(const char *bytes, size_t len, uint64_t *ret_bytes)
{
    struct mr_arena arena;
    char *exact = mr_malloc(len + 1);
    mr_arena_init(&arena);
    memcpy(exact, bytes, len);
    const enum mr_status status =
        athena_chunks_count(&scan, &arena, mr_slice_make(exact, len), ret_bytes);
    free(exact);
    mr_arena_fini(&arena);
    return status;
}

static void chunks_of_columns_that_are_used_count(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    columns[1].used = true;
    assert_int_equal(count(footer_bytes, sizeof footer_bytes - 1, &bytes), MR_OK);
    assert_int_equal(bytes, 10 + 20 + 30 + 1 + 2 + 3);
    columns[1].used = false;
    assert_int_equal(count(footer_bytes, sizeof footer_bytes - 1, &bytes), MR_OK);
    assert_int_equal(bytes, 10 + 1);
}

static void a_footer_that_is_cut_short_or_damaged_is_none_or_some(void **state)
{
    (void)state;
    char damaged[sizeof footer_bytes];
    uint64_t bytes;
    for (size_t len = 0; len < sizeof footer_bytes - 1; len++)
        if (count(footer_bytes, len, &bytes) != MR_INVALID)
            fail_msg("%zu bytes", len);
    for (size_t at = 0; at < sizeof footer_bytes - 1; at++)
        for (int value = 0; value < 256; value++) {
            memcpy(damaged, footer_bytes, sizeof damaged);
            damaged[at] = (char)value;
            (void)count(damaged, sizeof footer_bytes - 1, &bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_columns_that_are_used_count),
        cmocka_unit_test(a_footer_that_is_cut_short_or_damaged_is_none_or_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
