#include "base/arena.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void fill_and_look(struct mr_arena arena, const size_t *large, int large_count)
{
    enum { COUNT = 2000 };
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 2);
    static unsigned char *parts[COUNT];
    static size_t sizes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        sizes[i] = mr_rng_below(&rng, i % 100 == 0 ? 100000 : 300);
        if (i < large_count)
            sizes[i] = large[i];
        parts[i] = mr_arena_alloc(&arena, sizes[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(parts[i][at], i & 0xff);
    }
    mr_arena_fini(&arena);
    mr_arena_fini(&arena);
}

static void allocations_are_aligned_apart_and_keep_what_is_written(void **state)
{
    (void)state;
    static const size_t huge[] = {(2 << 20) - 40, 8,      (2 << 20) - 16, 2 << 20,
                                  (4 << 20) - 8,  5 << 20};
    struct mr_arena arena;
    mr_arena_init(&arena);
    fill_and_look(arena, NULL, 0);
    mr_arena_init_large(&arena);
    fill_and_look(arena, NULL, 0);
    fill_and_look(arena, huge, MR_COUNT(huge));
}

static void a_large_arena_stays_one_after_a_reset(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init_large(&arena);
    mr_arena_alloc(&arena, 3 << 20);
    assert_true(arena.bytes > 3 << 20 && arena.bytes <= 4 << 20);
    mr_arena_reset(&arena);
    assert_true(arena.bytes <= 256 << 10);
    assert_true(arena.large);
    memset(mr_arena_alloc(&arena, 3 << 20), 1, 3 << 20);
    mr_arena_fini(&arena);
}

static void a_reused_arena_stops_growing_after_a_few_resets(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    mr_arena_reset(&arena);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 500; i++)
            memset(mr_arena_alloc(&arena, 100), 1, 100);
        mr_arena_reset(&arena);
    }
    size_t bytes = arena.bytes;
    for (int i = 0; i < 500; i++)
        mr_arena_alloc(&arena, 100);
    assert_int_equal(arena.bytes, bytes);
    mr_arena_fini(&arena);
}

static void a_reset_gives_large_blocks_back(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    mr_arena_alloc(&arena, 10);
    mr_arena_alloc(&arena, 10 << 20);
    mr_arena_reset(&arena);
    assert_true(arena.bytes <= 256 << 10);
    mr_arena_fini(&arena);
}

static void growing_keeps_the_bytes_in_place_or_moved(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    char *newest = mr_arena_alloc(&arena, 100);
    memset(newest, 'a', 100);
    char *grown = mr_arena_realloc(&arena, newest, 100, 200);
    assert_ptr_equal(grown, newest);
    memset(grown, 'b', 200);
    mr_arena_alloc(&arena, 1);
    char *moved = mr_arena_realloc(&arena, grown, 200, 10000);
    assert_ptr_not_equal(moved, grown);
    for (int i = 0; i < 200; i++)
        assert_int_equal(moved[i], 'b');
    assert_ptr_equal(mr_arena_realloc(&arena, moved, 10000, 5), moved);
    assert_non_null(mr_arena_realloc(&arena, NULL, 0, 5));
    mr_arena_fini(&arena);
}

static void copies_and_printed_texts_are_independent_and_terminated(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    char source[] = "a\0b";
    struct mr_slice copy = mr_arena_copy(&arena, mr_slice_make(source, 3));
    char *text = mr_arena_cstr(&arena, mr_slice_make(source, 3));
    source[0] = 'x';
    assert_memory_equal(copy.ptr, "a\0b", 3);
    assert_memory_equal(text, "a\0b\0", 4);
    assert_string_equal(mr_arena_cstr(&arena, (struct mr_slice){0}), "");
    assert_int_equal(mr_arena_copy(&arena, (struct mr_slice){0}).len, 0);
    assert_true(mr_slice_equal(mr_arena_printf(&arena, "%d-%s", 5, "x"), MR_S("5-x")));
    const struct mr_slice small = mr_arena_lower(&arena, MR_S("aZ[\xc3\x89]@A"));
    assert_true(mr_slice_equal(small, MR_S("az[\xc3\x89]@a")));
    assert_int_equal(mr_arena_lower(&arena, (struct mr_slice){0}).len, 0);
    struct mr_slice wide = mr_arena_printf(&arena, "%1000d", 7);
    assert_int_equal(wide.len, 1000);
    assert_int_equal(wide.ptr[999], '7');
    int *zeros = MR_NEW_ARRAY(&arena, int, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    mr_arena_fini(&arena);
}

static void heap_helpers_accept_nothing(void **state)
{
    (void)state;
    char *empty = mr_strdup_slice((struct mr_slice){0});
    assert_string_equal(empty, "");
    free(empty);
    free(mr_malloc(0));
    free(mr_calloc(0, 0));
    free(mr_realloc(mr_malloc(3), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_apart_and_keep_what_is_written),
        cmocka_unit_test(a_large_arena_stays_one_after_a_reset),
        cmocka_unit_test(a_reused_arena_stops_growing_after_a_few_resets),
        cmocka_unit_test(a_reset_gives_large_blocks_back),
        cmocka_unit_test(growing_keeps_the_bytes_in_place_or_moved),
        cmocka_unit_test(copies_and_printed_texts_are_independent_and_terminated),
        cmocka_unit_test(heap_helpers_accept_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
