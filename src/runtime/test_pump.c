#include "runtime/runtime.h"
#include "runtime/test_support.h"
#include "base/rng.h"
#include "runtime/internal.h"
#include <sched.h>
#include <stdatomic.h>

/* A pump that counts its steps and does what it was told for the next one. */
struct counter {
    struct gate steps;
    struct gate may_end; /* a step ends when this was opened as often as `hold` says */
    atomic_long hold;
    _Atomic int next; /* enum runtime_pump_next */
    _Atomic int64_t wake_ms;
    atomic_int inside;
    atomic_int overlaps;
};

static enum runtime_pump_next count_step(void *ctx, int64_t *ret_wake_ms)
{
    struct counter *counter = ctx;
    if (atomic_fetch_add(&counter->inside, 1) != 0)
        atomic_fetch_add(&counter->overlaps, 1);
    int64_t wake_ms = atomic_load(&counter->wake_ms);
    enum runtime_pump_next next = (enum runtime_pump_next)atomic_load(&counter->next);
    if (*ret_wake_ms != INT64_MAX)
        atomic_fetch_add(&counter->overlaps, 1);
    if (wake_ms != 0)
        *ret_wake_ms = wake_ms;
    gate_add(&counter->steps);
    gate_reached(&counter->may_end, atomic_load(&counter->hold));
    atomic_fetch_sub(&counter->inside, 1);
    return next;
}

static void counter_init(struct counter *counter)
{
    *counter = (struct counter){.next = RUNTIME_PUMP_WAIT};
    gate_init(&counter->steps);
    gate_init(&counter->may_end);
}

static void counter_fini(struct counter *counter)
{
    assert_int_equal(atomic_load(&counter->overlaps), 0);
    gate_fini(&counter->steps);
    gate_fini(&counter->may_end);
}

static _Atomic int64_t held_ms;

static int64_t held_now(void *ctx)
{
    (void)ctx;
    return atomic_load(&held_ms);
}

static struct runtime *runtime;
static struct counter a, b;

static int setup_with(int threads, struct mr_clock clock)
{
    atomic_store(&held_ms, 1000);
    counter_init(&a);
    counter_init(&b);
    struct runtime_options options = {
        .threads_min = threads, .threads_max = threads, .clock = clock};
    return runtime_new(&runtime, &options) == MR_OK ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(3, mr_clock_system);
}

static int setup_one_thread(void **state)
{
    (void)state;
    return setup_with(1, mr_clock_system);
}

static int setup_held_clock(void **state)
{
    (void)state;
    return setup_with(2, (struct mr_clock){.now_ms = held_now});
}

static int setup_told_clock(void **state)
{
    if (setup_held_clock(state) != 0)
        return -1;
    runtime_free(runtime);
    struct runtime_options options = {
        .threads_max = 2, .clock = {.now_ms = held_now}, .clock_moves_are_told = true};
    return runtime_new(&runtime, &options) == MR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    runtime_free(runtime);
    counter_fini(&a);
    counter_fini(&b);
    return 0;
}

static void a_pump_steps_at_its_start_and_once_for_each_wake_when_idle(void **state)
{
    (void)state;
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1);
    for (int i = 0; i < 1000; i++) {
        /* A wake may meet the end of the step before; either way it is followed by a step. */
        runtime_pump_wake(pump);
        gate_wait(&a.steps, i + 2);
    }
    runtime_pump_stop(pump);
    assert_int_equal(gate_count(&a.steps), 1001);
}

static void wakes_during_a_step_make_one_more_step(void **state)
{
    (void)state;
    atomic_store(&a.hold, 1);
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1);
    for (int i = 0; i < 100; i++)
        runtime_pump_wake(pump);
    gate_add(&a.may_end);
    gate_wait(&a.steps, 2);
    runtime_pump_stop(pump);
    assert_int_equal(gate_count(&a.steps), 2);
}

static atomic_long produced;

struct consumer {
    struct gate caught_up;
    long consumed; /* of the steps alone */
};

enum { STORM_THREADS = 4, STORM_WAKES = 50000 };

static enum runtime_pump_next consume_step(void *ctx, int64_t *ret_wake_ms)
{
    (void)ret_wake_ms;
    struct consumer *consumer = ctx;
    long now = atomic_load_explicit(&produced, memory_order_relaxed);
    if (consumer->consumed < now)
        consumer->consumed++;
    if (consumer->consumed < now)
        return RUNTIME_PUMP_AGAIN;
    if (now == (long)STORM_THREADS * STORM_WAKES)
        gate_add(&consumer->caught_up);
    return RUNTIME_PUMP_WAIT;
}

static void *produce(void *arg)
{
    for (int i = 0; i < STORM_WAKES; i++) {
        atomic_fetch_add_explicit(&produced, 1, memory_order_relaxed);
        runtime_pump_wake(arg);
    }
    return NULL;
}

static void no_wake_is_lost_in_a_storm_from_several_threads(void **state)
{
    (void)state;
    struct consumer consumer = {0};
    gate_init(&consumer.caught_up);
    atomic_store(&produced, 0);
    struct runtime_pump *pump = runtime_pump_start(runtime, "storm", consume_step, &consumer);
    pthread_t threads[STORM_THREADS];
    for (size_t i = 0; i < STORM_THREADS; i++)
        pthread_create(&threads[i], NULL, produce, pump);
    gate_wait(&consumer.caught_up, 1);
    for (size_t i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    runtime_pump_stop(pump);
    gate_fini(&consumer.caught_up);
}

/* How far a is ahead of b, to one step. */
static long lead(void)
{
    for (;;) {
        long before = gate_count(&a.steps);
        long others = gate_count(&b.steps);
        if (gate_count(&a.steps) - before <= 1)
            return before - others;
    }
}

static void a_pump_with_more_to_do_lets_others_have_their_turn(void **state)
{
    (void)state;
    atomic_store(&a.next, RUNTIME_PUMP_AGAIN);
    atomic_store(&b.next, RUNTIME_PUMP_AGAIN);
    struct runtime_pump *first = runtime_pump_start(runtime, "a", count_step, &a);
    struct runtime_pump *second = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&b.steps, 1);
    long lead_then = lead();
    gate_wait(&b.steps, 1000);
    assert_in_range((uintmax_t)(lead() - lead_then + 2), 0, 4);
    runtime_pump_stop(first);
    runtime_pump_stop(second);
}

static void a_done_pump_never_steps_again(void **state)
{
    (void)state;
    atomic_store(&a.next, RUNTIME_PUMP_DONE);
    atomic_store(&a.hold, 1);
    struct runtime_pump *done = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1);
    runtime_pump_wake(done); /* also not when the wake came during the last step */
    gate_add(&a.may_end);
    struct runtime_pump *other = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&b.steps, 1);
    for (int i = 0; i < 10; i++) {
        runtime_pump_wake(done);
        runtime_pump_wake(other);
        gate_wait(&b.steps, i + 2);
    }
    runtime_pump_stop(done);
    runtime_pump_stop(other);
    assert_int_equal(gate_count(&a.steps), 1);
}

struct stopping {
    struct runtime_pump *pump;
    struct gate stopped;
};

static void *stop_pump(void *arg)
{
    struct stopping *stopping = arg;
    runtime_pump_stop(stopping->pump);
    gate_add(&stopping->stopped);
    return NULL;
}

static void stopping_waits_for_the_step_in_hand(void **state)
{
    (void)state;
    atomic_store(&a.hold, 1);
    struct stopping stopping = {.pump = runtime_pump_start(runtime, "a", count_step, &a)};
    gate_init(&stopping.stopped);
    gate_wait(&a.steps, 1);
    pthread_t stopper;
    pthread_create(&stopper, NULL, stop_pump, &stopping);
    /* Others step meanwhile, and the stopper does not return. */
    struct runtime_pump *other = runtime_pump_start(runtime, "b", count_step, &b);
    for (int i = 1; i <= 100; i++) {
        gate_wait(&b.steps, i);
        runtime_pump_wake(other);
    }
    assert_int_equal(gate_count(&stopping.stopped), 0);
    gate_add(&a.may_end);
    pthread_join(stopper, NULL);
    assert_int_equal(gate_count(&stopping.stopped), 1);
    assert_int_equal(gate_count(&a.steps), 1);
    runtime_pump_stop(other);
    gate_fini(&stopping.stopped);
}

/* Watches a window in a step that goes on while the pump is being stopped. */
static enum runtime_pump_next watch_late(void *ctx, int64_t *ret_wake_ms)
{
    (void)ret_wake_ms;
    struct stopping *stopping = ctx;
    struct runtime_pump *pump = stopping->pump;
    if (pump == NULL)
        return RUNTIME_PUMP_WAIT; /* the first step may come before it is known */
    gate_add(&stopping->stopped);
    while (atomic_load(&pump->state) != PUMP_STOPPING)
        sched_yield();
    runtime_pump_watch(pump, 7);
    return RUNTIME_PUMP_WAIT;
}

static void nothing_is_watched_by_a_pump_that_has_stopped(void **state)
{
    (void)state;
    struct stopping stopping = {0};
    gate_init(&stopping.stopped);
    struct runtime_pump *pump = runtime_pump_start(runtime, "late", watch_late, &stopping);
    while (atomic_load(&pump->state) != PUMP_IDLE)
        sched_yield();
    stopping.pump = pump;
    runtime_pump_wake(pump);
    gate_wait(&stopping.stopped, 1);
    runtime_pump_stop(pump);
    assert_null(atomic_load(&runtime->windows.buckets[7]));
    runtime_window_moved(runtime, 7);
    gate_fini(&stopping.stopped);
}

static void a_pump_in_the_queue_stops(void **state)
{
    (void)state;
    atomic_store(&a.hold, 1);
    struct runtime_pump *holder = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1); /* the only worker */
    struct stopping stopping = {.pump = runtime_pump_start(runtime, "b", count_step, &b)};
    gate_init(&stopping.stopped);
    pthread_t stopper;
    pthread_create(&stopper, NULL, stop_pump, &stopping);
    gate_add(&a.may_end);
    pthread_join(stopper, NULL);
    runtime_pump_stop(holder);
    runtime_pump_stop(NULL);
    assert_in_range((uintmax_t)gate_count(&b.steps), 0, 1);
    gate_fini(&stopping.stopped);
}

static void a_time_wakes_a_pump_when_it_has_come_and_not_before(void **state)
{
    (void)state;
    atomic_store(&a.wake_ms, 1500);
    atomic_store(&b.wake_ms, 1400);
    struct runtime_pump *later = runtime_pump_start(runtime, "a", count_step, &a);
    struct runtime_pump *sooner = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&a.steps, 1);
    gate_wait(&b.steps, 1);
    atomic_store(&b.wake_ms, 1450);
    atomic_store(&held_ms, 1400);
    gate_wait(&b.steps, 2);
    atomic_store(&b.wake_ms, 2000);
    atomic_store(&held_ms, 1499);
    gate_wait(&b.steps, 3);
    assert_int_equal(gate_count(&a.steps), 1);
    atomic_store(&a.wake_ms, 3000);
    atomic_store(&held_ms, 1500);
    gate_wait(&a.steps, 2);
    assert_int_equal(gate_count(&b.steps), 3);
    runtime_pump_stop(later);
    runtime_pump_stop(sooner);
}

static void a_time_counts_for_one_wait_only(void **state)
{
    (void)state;
    atomic_store(&a.wake_ms, 1500);
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1);
    atomic_store(&a.wake_ms, 0);
    runtime_pump_wake(pump);
    gate_wait(&a.steps, 2);
    /* A pump with a later time steps, so the earlier one would have before. */
    atomic_store(&b.wake_ms, 1600);
    struct runtime_pump *other = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&b.steps, 1);
    atomic_store(&b.wake_ms, 0);
    atomic_store(&held_ms, 1700);
    gate_wait(&b.steps, 2);
    runtime_pump_stop(pump);
    runtime_pump_stop(other);
    assert_int_equal(gate_count(&a.steps), 2);
}

static void a_time_that_has_passed_means_at_once(void **state)
{
    (void)state;
    atomic_store(&a.wake_ms, 1000);
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 100);
    runtime_pump_stop(pump);
}

static void a_clock_that_tells_its_moves_wakes_whom_they_concern(void **state)
{
    (void)state;
    atomic_store(&a.wake_ms, 1500);
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 1);
    /* The timer thread's own look comes each second. Who is woken by that alone always waits for
     * one, but for the first time; a busy machine may make who is woken at once wait as well, so
     * there are as many tries as it takes. */
    int quick = 0;
    for (int round = 1; quick < 3; round++) {
        assert_in_range(round, 1, 60);
        atomic_store(&a.wake_ms, 1500 + 500 * (round + 1));
        atomic_store(&held_ms, 1000 + 500 * (round + 1));
        const int64_t begin_ms = mr_monotonic_ms();
        runtime_clock_moved(runtime);
        gate_wait(&a.steps, 1 + round);
        quick += mr_monotonic_ms() - begin_ms < 500 && round > 1;
    }
    runtime_pump_stop(pump);
}

static void the_systems_clock_wakes_pumps_too(void **state)
{
    (void)state;
    int64_t due_ms = mr_clock_now(&mr_clock_system) + 30;
    atomic_store(&a.wake_ms, due_ms);
    struct runtime_pump *pump = runtime_pump_start(runtime, "a", count_step, &a);
    gate_wait(&a.steps, 2);
    assert_true(mr_clock_now(&mr_clock_system) >= due_ms);
    runtime_pump_stop(pump);
}

enum { TIMED = 300, TIMED_ROUNDS = 20 };

struct timed {
    struct mr_rng rng;
    int64_t due_ms;
    int left;
    struct gate *ended;
    atomic_int *early;
};

static enum runtime_pump_next timed_step(void *ctx, int64_t *ret_wake_ms)
{
    struct timed *timed = ctx;
    int64_t now_ms = atomic_load(&held_ms);
    if (now_ms < timed->due_ms)
        atomic_fetch_add(timed->early, 1);
    if (timed->left-- == 0) {
        gate_add(timed->ended);
        return RUNTIME_PUMP_DONE;
    }
    timed->due_ms = now_ms + (int64_t)mr_rng_below(&timed->rng, 100);
    *ret_wake_ms = timed->due_ms;
    return RUNTIME_PUMP_WAIT;
}

static void many_times_come_each_at_its_own(void **state)
{
    (void)state;
    static struct timed timed[TIMED];
    static struct runtime_pump *pumps[TIMED];
    struct gate ended;
    atomic_int early = 0;
    gate_init(&ended);
    for (size_t i = 0; i < TIMED; i++) {
        timed[i] = (struct timed){.left = TIMED_ROUNDS, .ended = &ended, .early = &early};
        mr_rng_init_seed(&timed[i].rng, i);
        pumps[i] = runtime_pump_start(runtime, "timed", timed_step, &timed[i]);
    }
    /* Some are stopped while their time is set. */
    for (size_t i = 0; i < TIMED; i += 10)
        runtime_pump_stop(pumps[i]);
    int64_t until_ms = mr_monotonic_ms() + 20000;
    while (gate_count(&ended) < TIMED - TIMED / 10 && mr_monotonic_ms() < until_ms) {
        atomic_fetch_add(&held_ms, 7);
        int64_t tick_us = mr_monotonic_us();
        while (mr_monotonic_us() < tick_us + 200)
            sched_yield();
    }
    assert_true(gate_count(&ended) >= TIMED - TIMED / 10);
    assert_int_equal(atomic_load(&early), 0);
    for (size_t i = 0; i < TIMED; i++) {
        if (i % 10 != 0)
            runtime_pump_stop(pumps[i]);
    }
    gate_fini(&ended);
}

struct single {
    int64_t due_ms;
    int steps;
    struct gate *began;
};

static enum runtime_pump_next single_step(void *ctx, int64_t *ret_wake_ms)
{
    struct single *single = ctx;
    if (single->steps++ == 0)
        *ret_wake_ms = single->due_ms;
    gate_add(single->began);
    return RUNTIME_PUMP_WAIT;
}

static void those_whose_time_has_come_step_and_no_others(void **state)
{
    (void)state;
    static struct single singles[TIMED];
    static struct runtime_pump *pumps[TIMED];
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 17);
    for (int round = 0; round < 20; round++) {
        struct gate began;
        gate_init(&began);
        atomic_store(&held_ms, 1000);
        for (size_t i = 0; i < TIMED; i++) {
            int64_t due_ms = 1001 + (int64_t)mr_rng_below(&rng, 1000);
            singles[i] = (struct single){.due_ms = due_ms, .began = &began};
            pumps[i] = runtime_pump_start(runtime, "single", single_step, &singles[i]);
        }
        gate_wait(&began, TIMED);
        for (size_t i = 0; i < TIMED; i++) { /* a third leaves, from all over the heap */
            if (mr_rng_below(&rng, 3) == 0) {
                runtime_pump_stop(pumps[i]);
                pumps[i] = NULL;
            }
        }
        int64_t now_ms = 1000 + (int64_t)mr_rng_below(&rng, 1000);
        long want = TIMED;
        for (size_t i = 0; i < TIMED; i++)
            want += pumps[i] != NULL && singles[i].due_ms <= now_ms;
        atomic_store(&held_ms, now_ms);
        gate_wait(&began, want);
        for (size_t i = 0; i < TIMED; i++) {
            runtime_pump_stop(pumps[i]);
            if (pumps[i] != NULL)
                assert_int_equal(singles[i].steps, singles[i].due_ms <= now_ms ? 2 : 1);
        }
        gate_fini(&began);
    }
}

static void a_window_wakes_those_who_watch_it(void **state)
{
    (void)state;
    struct runtime_pump *first = runtime_pump_start(runtime, "a", count_step, &a);
    struct runtime_pump *second = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&a.steps, 1);
    gate_wait(&b.steps, 1);
    runtime_pump_watch(first, 5);
    gate_wait(&a.steps, 2);
    runtime_pump_watch(second, 5 + 1024); /* the same bucket */
    gate_wait(&b.steps, 2);
    for (int i = 0; i < 100; i++) {
        runtime_window_moved(runtime, 5);
        gate_wait(&a.steps, i + 3);
    }
    runtime_window_moved(runtime, 6);
    runtime_window_moved(runtime, 5 + 2048);
    assert_int_equal(gate_count(&b.steps), 2);
    runtime_pump_watch(second, 5);
    gate_wait(&b.steps, 3);
    runtime_window_moved(runtime, 5);
    gate_wait(&b.steps, 4);
    gate_wait(&a.steps, 103);
    runtime_pump_unwatch(first, 5);
    runtime_pump_unwatch(first, 77);
    runtime_window_moved(runtime, 5);
    gate_wait(&b.steps, 5);
    runtime_pump_stop(first);
    assert_int_equal(gate_count(&a.steps), 103);
    runtime_pump_stop(second);
    runtime_window_moved(runtime, 5);
}

static atomic_bool moving;

static void *move_windows(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; atomic_load(&moving); i++)
        runtime_window_moved(runtime, i % 8);
    return NULL;
}

static void pumps_come_and_go_while_windows_move(void **state)
{
    (void)state;
    atomic_store(&moving, true);
    pthread_t mover;
    pthread_create(&mover, NULL, move_windows, NULL);
    for (int round = 0; round < 500; round++) {
        struct runtime_pump *first = runtime_pump_start(runtime, "a", count_step, &a);
        struct runtime_pump *second = runtime_pump_start(runtime, "b", count_step, &b);
        for (uint32_t window = 0; window < 8; window++) {
            runtime_pump_watch(first, window);
            runtime_pump_watch(second, window);
        }
        runtime_pump_unwatch(first, (uint32_t)round % 8);
        runtime_pump_stop(first);
        runtime_pump_stop(second);
    }
    atomic_store(&moving, false);
    pthread_join(mover, NULL);
}

static void after_the_runtime_stopped_pumps_can_still_be_woken_and_stopped(void **state)
{
    (void)state;
    atomic_store(&a.next, RUNTIME_PUMP_AGAIN);
    struct runtime_pump *busy = runtime_pump_start(runtime, "a", count_step, &a);
    struct runtime_pump *left_behind = runtime_pump_start(runtime, "b", count_step, &b);
    gate_wait(&a.steps, 100);
    gate_wait(&b.steps, 1);
    runtime_pump_watch(left_behind, 1);
    runtime_stop(runtime);
    long steps = gate_count(&a.steps);
    runtime_pump_wake(busy);
    runtime_window_moved(runtime, 1);
    struct runtime_pump *late = runtime_pump_start(runtime, "late", count_step, &a);
    runtime_pump_wake(late);
    runtime_pump_stop(late);
    runtime_pump_stop(busy);
    assert_int_equal(gate_count(&a.steps), steps);
}

int main(void)
{
#define PUMP_TEST(name, setup_fn) cmocka_unit_test_setup_teardown(name, setup_fn, teardown)
    const struct CMUnitTest tests[] = {
        PUMP_TEST(a_pump_steps_at_its_start_and_once_for_each_wake_when_idle, setup),
        PUMP_TEST(wakes_during_a_step_make_one_more_step, setup),
        PUMP_TEST(no_wake_is_lost_in_a_storm_from_several_threads, setup),
        PUMP_TEST(a_pump_with_more_to_do_lets_others_have_their_turn, setup_one_thread),
        PUMP_TEST(a_done_pump_never_steps_again, setup),
        PUMP_TEST(stopping_waits_for_the_step_in_hand, setup),
        PUMP_TEST(nothing_is_watched_by_a_pump_that_has_stopped, setup),
        PUMP_TEST(a_pump_in_the_queue_stops, setup_one_thread),
        PUMP_TEST(a_time_wakes_a_pump_when_it_has_come_and_not_before, setup_held_clock),
        PUMP_TEST(a_time_counts_for_one_wait_only, setup_held_clock),
        PUMP_TEST(a_time_that_has_passed_means_at_once, setup_held_clock),
        PUMP_TEST(a_clock_that_tells_its_moves_wakes_whom_they_concern, setup_told_clock),
        PUMP_TEST(the_systems_clock_wakes_pumps_too, setup),
        PUMP_TEST(many_times_come_each_at_its_own, setup_held_clock),
        PUMP_TEST(those_whose_time_has_come_step_and_no_others, setup_held_clock),
        PUMP_TEST(a_window_wakes_those_who_watch_it, setup),
        PUMP_TEST(pumps_come_and_go_while_windows_move, setup),
        PUMP_TEST(after_the_runtime_stopped_pumps_can_still_be_woken_and_stopped, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
