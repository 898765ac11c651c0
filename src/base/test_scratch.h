/* base/test_scratch.h: for tests: `arena`, one for each SCRATCH_TEST, or for all of a group that is
 * run between test_scratch_begin and test_scratch_end. */
#pragma once
#include "base/arena.h"

static struct mr_arena arena;

static inline int test_scratch_begin(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    return 0;
}

static inline int test_scratch_end(void **state)
{
    (void)state;
    mr_arena_fini(&arena);
    return 0;
}

#define SCRATCH_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_scratch_begin, test_scratch_end)
