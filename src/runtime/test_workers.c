#include "runtime/runtime.h"
#include "runtime/test_support.h"

static struct gate ran, opened, taken;

static int setup(void **state)
{
    (void)state;
    gate_init(&ran);
    gate_init(&opened);
    gate_init(&taken);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gate_fini(&ran);
    gate_fini(&opened);
    gate_fini(&taken);
    return 0;
}

static struct runtime *runtime_with(int threads_min, int threads_max)
{
    struct runtime *runtime;
    struct runtime_options options = {.threads_min = threads_min, .threads_max = threads_max};
    assert_int_equal(runtime_new(&runtime, &options), MR_OK);
    return runtime;
}

static void count_job(void *arg)
{
    (void)arg;
    gate_add(&ran);
}

static void wait_job(void *arg)
{
    (void)arg;
    gate_reached(&opened, 1);
    gate_add(&ran);
}

static void *submit_thousands(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        if (runtime_submit(arg, count_job, NULL) != MR_OK)
            return arg;
    }
    return NULL;
}

static void each_job_runs_once_from_whatever_thread_it_comes(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(0, 0);
    pthread_t threads[4];
    for (size_t i = 0; i < MR_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, submit_thousands, runtime);
    for (size_t i = 0; i < MR_COUNT(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    gate_wait(&ran, 20000);
    runtime_free(runtime);
    assert_int_equal(gate_count(&ran), 20000);
}

/* Each waits until all twenty run at the same time. */
static void meet_job(void *arg)
{
    (void)arg;
    gate_add(&opened);
    if (gate_reached(&opened, 20))
        gate_add(&ran);
}

static void the_pool_grows_while_its_workers_are_blocked(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(2, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(runtime_submit(runtime, meet_job, NULL), MR_OK);
    gate_wait(&ran, 20);
    runtime_free(runtime);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(1, 1);
    assert_int_equal(runtime_submit(runtime, meet_job, NULL), MR_OK);
    gate_wait(&opened, 1); /* the only worker is held */
    for (int i = 0; i < RUNTIME_JOBS_MAX; i++)
        assert_int_equal(runtime_submit(runtime, count_job, NULL), MR_OK);
    assert_int_equal(runtime_submit(runtime, count_job, NULL), MR_FULL);
    for (int i = 0; i < 19; i++)
        gate_add(&opened);
    gate_wait(&ran, 2);
    assert_int_equal(runtime_submit(runtime, count_job, NULL), MR_OK);
    runtime_free(runtime);
    assert_int_equal(gate_count(&ran), RUNTIME_JOBS_MAX + 2);
}

static void *open_the_gate(void *arg)
{
    (void)arg;
    gate_add(&opened);
    return NULL;
}

static void stopping_waits_for_what_was_taken_and_takes_no_more(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(2, 4);
    for (int i = 0; i < 100; i++)
        assert_int_equal(runtime_submit(runtime, wait_job, NULL), MR_OK);
    pthread_t opener;
    pthread_create(&opener, NULL, open_the_gate, NULL);
    runtime_stop(runtime);
    assert_int_equal(gate_count(&ran), 100);
    assert_int_equal(runtime_submit(runtime, count_job, NULL), MR_FULL);
    runtime_stop(runtime);
    pthread_join(opener, NULL);
    runtime_free(runtime);
    runtime_free(NULL);
}

static struct runtime *chained;

static void chain_job(void *arg)
{
    intptr_t left = (intptr_t)arg;
    if (left > 0 && runtime_submit(chained, chain_job, (void *)(left - 1)) != MR_OK)
        return;
    gate_add(&ran);
}

static void a_job_may_submit_the_next(void **state)
{
    (void)state;
    chained = runtime_with(1, 1);
    assert_int_equal(runtime_submit(chained, chain_job, (void *)(intptr_t)1000), MR_OK);
    gate_wait(&ran, 1001);
    runtime_free(chained);
}

static pthread_t first_of_two, second_of_two;

static void note_second_job(void *arg)
{
    (void)arg;
    second_of_two = pthread_self();
    gate_add(&ran);
}

static void submit_next_job(void *arg)
{
    first_of_two = pthread_self();
    if (runtime_submit_next(arg, note_second_job, NULL) == MR_OK)
        gate_add(&taken);
    gate_reached(&opened, 1); /* meanwhile all other workers have nothing to do */
}

static void the_next_job_stays_on_its_worker(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(4, 4);
    assert_int_equal(runtime_submit(runtime, submit_next_job, runtime), MR_OK);
    gate_add(&opened);
    gate_wait(&ran, 1);
    assert_true(pthread_equal(first_of_two, second_of_two));
    /* On a thread that is no worker: whoever is free. */
    assert_int_equal(runtime_submit_next(runtime, count_job, NULL), MR_OK);
    gate_wait(&ran, 2);
    runtime_free(runtime);
}

/* Its own job blocks; what it queued besides, and what is queued behind it, is for others. */
static void submit_next_and_others_job(void *arg)
{
    for (int i = 0; i < 2; i++)
        if (runtime_submit_next(arg, i == 0 ? wait_job : count_job, NULL) != MR_OK)
            return;
    if (runtime_submit(arg, count_job, NULL) != MR_OK)
        return;
    gate_add(&ran);
}

static void a_worker_with_a_next_job_leaves_the_queue_to_others(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(1, 2);
    assert_int_equal(runtime_submit(runtime, submit_next_and_others_job, runtime), MR_OK);
    gate_wait(&ran, 3); /* all but the one that blocks */
    gate_add(&opened);
    gate_wait(&ran, 4);
    runtime_free(runtime);
}

static void stopping_runs_the_next_job(void **state)
{
    (void)state;
    struct runtime *runtime = runtime_with(1, 1);
    assert_int_equal(runtime_submit(runtime, submit_next_job, runtime), MR_OK);
    gate_wait(&taken, 1);
    gate_add(&opened);
    runtime_stop(runtime);
    assert_int_equal(gate_count(&ran), 1);
    assert_int_equal(runtime_submit_next(runtime, count_job, NULL), MR_FULL);
    runtime_free(runtime);
}

static void a_runtime_that_did_nothing_stops(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        runtime_free(runtime_with(2, 3));
}

int main(void)
{
#define WORKERS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        WORKERS_TEST(each_job_runs_once_from_whatever_thread_it_comes),
        WORKERS_TEST(the_pool_grows_while_its_workers_are_blocked),
        WORKERS_TEST(the_queue_is_bounded),
        WORKERS_TEST(stopping_waits_for_what_was_taken_and_takes_no_more),
        WORKERS_TEST(a_job_may_submit_the_next),
        WORKERS_TEST(the_next_job_stays_on_its_worker),
        WORKERS_TEST(a_worker_with_a_next_job_leaves_the_queue_to_others),
        WORKERS_TEST(stopping_runs_the_next_job),
        WORKERS_TEST(a_runtime_that_did_nothing_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
