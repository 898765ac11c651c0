#include "runtime/internal.h"
#include "base/arena.h"

/* The times of waiting pumps, in a binary heap, and the thread that serves it. The same thread
 * looks after the growth of the pool, see workers.c. */
enum { GROWTH_TICK_MS = 2 };

static int64_t time_at(const struct runtime *runtime, size_t at)
{
    return runtime->locked.heap[at]->locked.wake_ms;
}

static void place(struct runtime *runtime, size_t at, struct runtime_pump *pump)
{
    runtime->locked.heap[at] = pump;
    pump->locked.heap_at = at;
}

static void sift_up(struct runtime *runtime, size_t at, struct runtime_pump *pump)
{
    while (at > 0 && pump->locked.wake_ms < time_at(runtime, (at - 1) / 2)) {
        place(runtime, at, runtime->locked.heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(runtime, at, pump);
}

static void sift_down(struct runtime *runtime, size_t at, struct runtime_pump *pump)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= runtime->locked.heap_count)
            break;
        if (child + 1 < runtime->locked.heap_count &&
            time_at(runtime, child + 1) < time_at(runtime, child))
            child++;
        if (pump->locked.wake_ms <= time_at(runtime, child))
            break;
        place(runtime, at, runtime->locked.heap[child]);
        at = child;
    }
    place(runtime, at, pump);
}

void runtime_timer_set_locked(struct runtime *runtime, struct runtime_pump *pump, int64_t wake_ms)
{
    runtime_timer_cancel_locked(runtime, pump);
    if (runtime->locked.heap_count == runtime->locked.heap_capacity) {
        size_t capacity = runtime->locked.heap_capacity * 2 + 16;
        runtime->locked.heap =
            mr_realloc(runtime->locked.heap, capacity * sizeof(*runtime->locked.heap));
        runtime->locked.heap_capacity = capacity;
    }
    pump->locked.wake_ms = wake_ms;
    sift_up(runtime, runtime->locked.heap_count++, pump);
    if (pump->locked.heap_at == 0)
        pthread_cond_signal(&runtime->locked.timer_call);
}

void runtime_timer_cancel_locked(struct runtime *runtime, struct runtime_pump *pump)
{
    size_t at = pump->locked.heap_at;
    if (at == SIZE_MAX)
        return;
    pump->locked.heap_at = SIZE_MAX;
    struct runtime_pump *last = runtime->locked.heap[--runtime->locked.heap_count];
    if (last == pump)
        return;
    sift_down(runtime, at, last);
    sift_up(runtime, last->locked.heap_at, last);
}

static void fire_locked(struct runtime *runtime)
{
    int64_t now_ms = mr_clock_now(&runtime->clock);
    while (runtime->locked.heap_count > 0 && time_at(runtime, 0) <= now_ms) {
        struct runtime_pump *pump = runtime->locked.heap[0];
        runtime_timer_cancel_locked(runtime, pump);
        runtime_pump_wake_locked(pump);
    }
}

/* How long nothing is to be done; INT64_MAX: until called. */
static int64_t pause_ms_locked(const struct runtime *runtime)
{
    if (runtime->locked.growth_ticks_left > 0)
        return GROWTH_TICK_MS;
    if (runtime->locked.heap_count == 0)
        return INT64_MAX;
    int64_t left_ms = time_at(runtime, 0) - mr_clock_now(&runtime->clock);
    if (left_ms < 1)
        return 1;
    return left_ms < runtime->look_ms ? left_ms : runtime->look_ms;
}

void runtime_clock_moved(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    fire_locked(runtime);
    pthread_cond_signal(&runtime->locked.timer_call);
    pthread_mutex_unlock(&runtime->lock);
}

void *runtime_timer_run(void *arg)
{
    struct runtime *runtime = arg;
    pthread_mutex_lock(&runtime->lock);
    while (!runtime->locked.ending) {
        fire_locked(runtime);
        if (runtime->locked.growth_ticks_left > 0)
            runtime_grow_locked(runtime);
        int64_t pause_ms = pause_ms_locked(runtime);
        if (pause_ms == INT64_MAX)
            pthread_cond_wait(&runtime->locked.timer_call, &runtime->lock);
        else
            runtime_wait_ms(&runtime->locked.timer_call, &runtime->lock, pause_ms);
    }
    pthread_mutex_unlock(&runtime->lock);
    return NULL;
}
