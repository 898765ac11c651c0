#include "athena/chunks.h"
#include "athena/footers.h"
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
    struct athena_misfit misfit;
    const enum mr_status status =
        athena_chunks_count(&scan, &arena, mr_slice_make(exact, len), ret_bytes, &misfit);
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

static void elements_that_count_their_children_wrongly_do_no_harm(void **state)
{
    (void)state;
    /* the least number there is, and one element behind what a root without children has */
    static const char least[] = "\x29\x2c\x48\x01r\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"
                                "\x48\x01"
                                "a\x00\x00";
    uint64_t bytes = 1;
    assert_int_equal(count(least, sizeof least - 1, &bytes), MR_OK);
    assert_int_equal(bytes, 0);
}

/* Three columns; then, under the same id, one. */
static void a_footer_has_one_schema(void **state)
{
    (void)state;
    static const char three[] = "\x29\x4c\x48\x01r\x15\x06\x00\x48\x01"
                                "a\x00\x48\x01"
                                "b\x00\x48\x01"
                                "c\x00";
    static const char one[] = "\x09\x04\x2c\x48\x01r\x15\x02\x00\x48\x01"
                              "d\x00";
    static const char rows[] = "\x16\x02\x00";
    struct mr_buf text = {0};
    struct mr_arena arena;
    struct athena_footer footer;
    mr_arena_init(&arena);
    mr_buf_append(&text, MR_S(three));
    mr_buf_append(&text, MR_S(rows));
    assert_true(athena_footer_read(&arena, mr_buf_slice(&text), &footer));
    assert_int_equal(footer.count, 3);
    assert_int_equal(footer.rows, 1);
    mr_buf_reset(&text);
    mr_buf_append(&text, MR_S(three));
    mr_buf_append(&text, MR_S(one));
    mr_buf_append(&text, MR_S(rows));
    assert_false(athena_footer_read(&arena, mr_buf_slice(&text), &footer));
    mr_arena_fini(&arena);
    mr_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_columns_that_are_used_count),
        cmocka_unit_test(a_footer_that_is_cut_short_or_damaged_is_none_or_some),
        cmocka_unit_test(elements_that_count_their_children_wrongly_do_no_harm),
        cmocka_unit_test(a_footer_has_one_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
