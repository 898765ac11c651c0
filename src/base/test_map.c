#include "base/map.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void an_empty_map_holds_nothing(void **state)
{
    (void)state;
    struct mr_map map = {0};
    size_t cursor = 0;
    struct mr_slice key;
    void *value;
    assert_null(mr_map_get(&map, MR_S("a")));
    assert_null(mr_map_remove(&map, MR_S("a")));
    assert_false(mr_map_next(&map, &cursor, &key, &value));
    mr_map_fini(&map);
}

static void a_key_is_any_bytes_and_is_copied(void **state)
{
    (void)state;
    struct mr_map map = {0};
    char key[] = {'a', 0, 'b'};
    assert_null(mr_map_put(&map, mr_slice_make(key, 3), &map));
    key[0] = 'x';
    assert_null(mr_map_get(&map, mr_slice_make(key, 3)));
    assert_ptr_equal(mr_map_get(&map, MR_S("a\0b")), &map);
    assert_ptr_equal(mr_map_put(&map, MR_S("a\0b"), key), &map);
    assert_null(mr_map_put(&map, (struct mr_slice){0}, &map));
    assert_ptr_equal(mr_map_get(&map, MR_S("")), &map);
    assert_int_equal(map.count, 2);
    mr_map_fini(&map);
    mr_map_fini(&map);
}

enum { KEYS = 500 };

/* The oracle is an array indexed by the number in the key. */
static void check_against(const struct mr_map *map, int *const *truth, size_t count)
{
    size_t cursor = 0, seen = 0;
    struct mr_slice key;
    void *value;
    while (mr_map_next(map, &cursor, &key, &value)) {
        uint64_t number;
        assert_int_equal(mr_slice_to_u64(key, &number), MR_OK);
        assert_ptr_equal(truth[number], value);
        seen++;
    }
    assert_int_equal(seen, count);
    assert_int_equal(map->count, count);
}

static void puts_gets_and_removals_agree_with_an_array(void **state)
{
    (void)state;
    static int cells[KEYS * 2];
    static int *truth[KEYS];
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 4);
    struct mr_map map = {0};
    size_t count = 0;
    for (int round = 0; round < 200000; round++) {
        uint64_t number = mr_rng_below(&rng, KEYS);
        char text[24];
        int len = snprintf(text, sizeof(text), "%u", (unsigned)number);
        struct mr_slice key = mr_slice_make(text, (size_t)len);
        uint64_t what = mr_rng_below(&rng, 3);
        if (what == 0) {
            int *value = &cells[mr_rng_below(&rng, MR_COUNT(cells))];
            assert_ptr_equal(mr_map_put(&map, key, value), truth[number]);
            count += truth[number] == NULL;
            truth[number] = value;
        } else if (what == 1) {
            assert_ptr_equal(mr_map_remove(&map, key), truth[number]);
            count -= truth[number] != NULL;
            truth[number] = NULL;
        } else {
            assert_ptr_equal(mr_map_get(&map, key), truth[number]);
        }
        if (round % 5000 == 0)
            check_against(&map, truth, count);
    }
    mr_map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_holds_nothing),
        cmocka_unit_test(a_key_is_any_bytes_and_is_copied),
        cmocka_unit_test(puts_gets_and_removals_agree_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
