#include "base/meter.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
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
    struct meter *meter = meter_new();
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
    free(meter);
}

static void a_range_begins_anew_when_it_is_taken_and_zero_counts(void **state)
{
    (void)state;
    struct meter *meter = meter_new();
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
    free(meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_addition_of_any_thread_is_lost),
        cmocka_unit_test(a_range_begins_anew_when_it_is_taken_and_zero_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
