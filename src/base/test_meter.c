#include "base/meter.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { THREADS = 8, ADDS = 20000 };

static void *add_all(void *arg)
{
    for (uint64_t i = 1; i <= ADDS; i++)
        meter_add(arg, i);
    return NULL;
}

static void no_addition_of_any_thread_is_lost(void **state)
{
    (void)state;
    struct meter *meter = meter_new(false);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_all, meter), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const struct meter_sums sums = meter_total(meter);
    uint64_t least, most;
    meter_take_range(meter, &least, &most);
    assert_int_equal(sums.count, THREADS * ADDS);
    assert_int_equal(sums.sum, (uint64_t)THREADS * ADDS * (ADDS + 1) / 2);
    assert_int_equal(least, 1);
    assert_int_equal(most, ADDS);
    meter_free(meter);
}

static void a_range_begins_anew_when_it_is_taken_and_zero_counts(void **state)
{
    (void)state;
    struct meter *meter = meter_new(false);
    uint64_t least, most;
    meter_add(meter, 0);
    meter_add_many(meter, 5, 3);
    meter_add_many(meter, 99, 0);
    meter_take_range(meter, &least, &most);
    assert_int_equal(least, 0);
    assert_int_equal(most, 5);
    meter_add(meter, 3);
    meter_take_range(meter, &least, &most);
    assert_int_equal(least, 3);
    assert_int_equal(most, 3);
    assert_int_equal(meter_total(meter).sum, 18);
    assert_int_equal(meter_total(meter).count, 5);
    meter_add(NULL, 1);
    meter_free(meter);
}

static void values_are_known_to_a_32nd_of_themselves(void **state)
{
    (void)state;
    struct meter *meter = meter_new(true);
    struct meter_bucket buckets[METER_BUCKETS];
    for (uint64_t value = 0; value < UINT64_C(1) << 41; value = value * 9 / 8 + 1) {
        meter_add_many(meter, value, 3);
        assert_int_equal(meter_take_spread(meter, buckets), 1);
        assert_int_equal(buckets[0].count, 3);
        const uint64_t off =
            buckets[0].value > value ? buckets[0].value - value : value - buckets[0].value;
        assert_true(off <= value / 32);
    }
    for (uint64_t value = 0; value < 1000; value++)
        meter_add(meter, value);
    const size_t count = meter_take_spread(meter, buckets);
    uint64_t all = buckets[0].count;
    for (size_t i = 1; i < count; i++) {
        assert_true(buckets[i - 1].value < buckets[i].value);
        all += buckets[i].count;
    }
    assert_int_equal(all, 1000);
    assert_int_equal(meter_take_spread(meter, buckets), 0);
    meter_free(meter);
    meter = meter_new(false);
    meter_add(meter, 5);
    assert_int_equal(meter_take_spread(meter, buckets), 0);
    meter_free(meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_addition_of_any_thread_is_lost),
        cmocka_unit_test(values_are_known_to_a_32nd_of_themselves),
        cmocka_unit_test(a_range_begins_anew_when_it_is_taken_and_zero_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
