#include "dynamodb/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { PARTITIONS = 4 };
static const int64_t gib = (int64_t)1 << 30;

/* The shards wanted of all partitions; each has as many as any other, or one more. */
static size_t wanted(struct dynamodb_growth growth)
{
    size_t sum = 0;
    const size_t most = dynamodb_shards_wanted(&growth, PARTITIONS, 0);
    for (size_t i = 0; i < PARTITIONS; i++) {
        const size_t count = dynamodb_shards_wanted(&growth, PARTITIONS, i);
        assert_true(count == most || count + 1 == most);
        sum += count;
    }
    return sum;
}

static void test_a_table_has_a_shard_a_partition(void **state)
{
    (void)state;
    assert_int_equal(wanted((struct dynamodb_growth){0}), PARTITIONS);
    assert_int_equal(wanted((struct dynamodb_growth){40 * gib, 12000, 4000}), PARTITIONS);
}

static void test_what_needs_most_partitions_decides(void **state)
{
    (void)state;
    assert_int_equal(wanted((struct dynamodb_growth){40 * gib + 1, 12000, 4000}), 5);
    assert_int_equal(wanted((struct dynamodb_growth){0, 15001, 4000}), 6);
    assert_int_equal(wanted((struct dynamodb_growth){0, 0, 40000}), 40);
    assert_int_equal(wanted((struct dynamodb_growth){100 * gib, 21000, 9000}), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_has_a_shard_a_partition),
        cmocka_unit_test(test_what_needs_most_partitions_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
