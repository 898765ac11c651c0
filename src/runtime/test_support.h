/* runtime/test_support.h: waiting in tests: for a count, with a deadline. */
#pragma once
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long count;
};

static inline void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->count = 0;
}

static inline void gate_fini(struct gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->changed);
}

static inline void gate_add(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->count++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static inline long gate_count(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    long count = gate->count;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

/* False after 20 seconds. */
static inline int gate_reached(struct gate *gate, long count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    int error = 0;
    pthread_mutex_lock(&gate->lock);
    while (gate->count < count && error == 0)
        error = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
    int reached = gate->count >= count;
    pthread_mutex_unlock(&gate->lock);
    return reached;
}

/* Only in the thread that runs the test. */
static inline void gate_wait(struct gate *gate, long count)
{
    if (!gate_reached(gate, count))
        fail_msg("waited 20 s for %ld, had %ld", count, gate_count(gate));
}
