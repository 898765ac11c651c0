#include "runtime/internal.h"
#include "base/arena.h"
#include <stdatomic.h>
#include <stdlib.h>

/* Which pumps watch which window: a hash table of fixed size, chained. Windows are numbered from
 * below, so their low bits spread well. The syncer comes here once a window and group commit: a
 * bucket that is empty costs it one load. */

static _Atomic(struct runtime_watch *) *bucket_of(struct runtime *runtime, uint32_t window)
{
    return &runtime->windows.buckets[window % RUNTIME_BUCKETS];
}

static struct runtime_watch *watch_of(const struct runtime_pump *pump, uint32_t window)
{
    struct runtime_watch *watch = pump->watches;
    while (watch != NULL && watch->window != window)
        watch = watch->next_of_pump;
    return watch;
}

void runtime_pump_watch(struct runtime_pump *pump, uint32_t window)
{
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->windows.lock);
    if (watch_of(pump, window) == NULL) {
        struct runtime_watch *watch = mr_calloc(1, sizeof(*watch));
        watch->pump = pump;
        watch->window = window;
        watch->next_of_pump = pump->watches;
        pump->watches = watch;
        watch->next_of_bucket = atomic_load(bucket_of(runtime, window));
        atomic_store(bucket_of(runtime, window), watch);
    }
    pthread_mutex_unlock(&runtime->windows.lock);
    runtime_pump_wake(pump);
}

static void bucket_drop_locked(struct runtime *runtime, struct runtime_watch *watch)
{
    _Atomic(struct runtime_watch *) *bucket = bucket_of(runtime, watch->window);
    struct runtime_watch *at = atomic_load(bucket);
    if (at == watch) {
        atomic_store(bucket, watch->next_of_bucket);
        return;
    }
    while (at->next_of_bucket != watch)
        at = at->next_of_bucket;
    at->next_of_bucket = watch->next_of_bucket;
}

void runtime_pump_unwatch(struct runtime_pump *pump, uint32_t window)
{
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->windows.lock);
    struct runtime_watch *watch = watch_of(pump, window);
    if (watch != NULL) {
        bucket_drop_locked(runtime, watch);
        struct runtime_watch **at = &pump->watches;
        while (*at != watch)
            at = &(*at)->next_of_pump;
        *at = watch->next_of_pump;
        free(watch);
    }
    pthread_mutex_unlock(&runtime->windows.lock);
}

void runtime_unwatch_all(struct runtime *runtime, struct runtime_watch **watches)
{
    pthread_mutex_lock(&runtime->windows.lock);
    while (*watches != NULL) {
        struct runtime_watch *watch = *watches;
        *watches = watch->next_of_pump;
        bucket_drop_locked(runtime, watch);
        free(watch);
    }
    pthread_mutex_unlock(&runtime->windows.lock);
}

void runtime_window_moved(struct runtime *runtime, uint32_t window)
{
    if (atomic_load(bucket_of(runtime, window)) == NULL)
        return;
    pthread_mutex_lock(&runtime->windows.lock);
    struct runtime_watch *watch = atomic_load(bucket_of(runtime, window));
    for (; watch != NULL; watch = watch->next_of_bucket) {
        if (watch->window == window)
            runtime_pump_wake(watch->pump);
    }
    pthread_mutex_unlock(&runtime->windows.lock);
}
