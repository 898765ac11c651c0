/* Buffers by kind and name, and the sets of marks. */
#include "base/rng.h"
#include "firehose/buffers.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void a_buffer_is_found_by_kind_and_name_until_it_is_closed(void **state)
{
    (void)state;
    struct buffer_set set = {0};
    struct buffer *a = buffer_set_get(&set, BUFFER_DATA, MR_S("a"), 5);
    struct buffer *b = buffer_set_get(&set, BUFFER_DATA, MR_S("b"), 6);
    struct buffer *failed = buffer_set_get(&set, BUFFER_FAILED, MR_S("a"), 7);
    struct buffer *backup = buffer_set_get(&set, BUFFER_BACKUP, MR_S(""), 8);
    assert_int_equal(set.partitions, 2);
    assert_ptr_equal(buffer_set_get(&set, BUFFER_DATA, MR_S("a"), 9), a);
    assert_ptr_equal(buffer_set_find(&set, BUFFER_FAILED, MR_S("a")), failed);
    assert_int_equal(a->opened_ms, 5);
    mr_buf_append(&b->bytes, MR_S("12345"));
    mr_buf_append(&backup->bytes, MR_S("not counted"));
    assert_int_equal(buffer_set_bytes(&set), 5);
    buffer_set_close(&set, b);
    assert_null(buffer_set_find(&set, BUFFER_DATA, MR_S("b")));
    assert_int_equal(set.partitions, 1);
    assert_ptr_equal(set.all[1], failed);
    buffer_set_fini(&set);
}

static void no_more_partitions_are_open_than_allowed(void **state)
{
    (void)state;
    struct buffer_set set = {0};
    char name[16];
    for (int i = 0; i < BUFFER_PARTITIONS_MAX; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_non_null(buffer_set_get(&set, BUFFER_DATA, mr_slice_cstr(name), 0));
    }
    assert_null(buffer_set_get(&set, BUFFER_DATA, MR_S("one more"), 0));
    assert_non_null(buffer_set_get(&set, BUFFER_DATA, MR_S("7"), 0));
    assert_non_null(buffer_set_get(&set, BUFFER_FAILED, MR_S("one more"), 0));
    buffer_set_fini(&set);
}

/* Goal: a set holds what was added, across being stored. Method: seeded marks against a table that
 * cannot be wrong. */
static void a_set_of_marks_holds_what_was_added_and_not_dropped(void **state)
{
    (void)state;
    enum { POSITIONS = 200, SUBS = 3 };
    bool truth[POSITIONS][SUBS] = {0};
    struct mark_set set = {0}, read = {0};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    for (int i = 0; i < 150; i++) {
        const struct mark mark = {(int64_t)mr_rng_below(&rng, POSITIONS),
                                  (uint32_t)mr_rng_below(&rng, SUBS)};
        truth[mark.position][mark.sub] = true;
        mark_set_add(&set, mark);
    }
    mark_set_sort(&set);
    mark_set_drop_before(&set, 50);
    struct mr_buf bytes = {0};
    mark_set_write(&bytes, &set);
    assert_int_equal(mark_set_read(&read, mr_buf_slice(&bytes)), MR_OK);
    for (int64_t position = 0; position < POSITIONS; position++)
        for (uint32_t sub = 0; sub < SUBS; sub++)
            assert_int_equal(mark_set_has(&read, (struct mark){position, sub}),
                             truth[position][sub] && position >= 50);
    assert_int_equal(mark_set_read(&set, mr_slice_make(bytes.data, bytes.len - 1)), MR_INVALID);
    mr_buf_fini(&bytes);
    mark_set_fini(&set);
    mark_set_fini(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_is_found_by_kind_and_name_until_it_is_closed),
        cmocka_unit_test(no_more_partitions_are_open_than_allowed),
        cmocka_unit_test(a_set_of_marks_holds_what_was_added_and_not_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
