#include "runtime/internal.h"
#include "base/arena.h"
#include "base/log.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum pump_event {
    EVENT_WAKE,
    EVENT_BEGIN,
    EVENT_WAIT,
    EVENT_AGAIN,
    EVENT_DONE,
    EVENT_STOP,
    EVENTS
};

/* The legal moves, by event and state before; NO marks the others, which would be our mistake. A
 * row gives the states behind IDLE, QUEUED, RUNNING, RERUN, and behind DONE, STOPPING, STOPPED. */
enum { NO = PUMP_STATES };
/* clang-format off */
static const unsigned char moves[EVENTS][PUMP_STATES] = {
    [EVENT_WAKE]  = {PUMP_QUEUED,   PUMP_QUEUED,   PUMP_RERUN,    PUMP_RERUN,
                     PUMP_DONE,     PUMP_STOPPING, PUMP_STOPPED},
    [EVENT_BEGIN] = {NO,            PUMP_RUNNING,  NO,            NO,
                     NO,            PUMP_STOPPING, NO},
    [EVENT_WAIT]  = {NO,            NO,            PUMP_IDLE,     PUMP_QUEUED,
                     NO,            PUMP_STOPPING, NO},
    [EVENT_AGAIN] = {NO,            NO,            PUMP_QUEUED,   PUMP_QUEUED,
                     NO,            PUMP_STOPPING, NO},
    [EVENT_DONE]  = {NO,            NO,            PUMP_DONE,     PUMP_DONE,
                     NO,            PUMP_STOPPING, NO},
    [EVENT_STOP]  = {PUMP_STOPPED,  PUMP_STOPPING, PUMP_STOPPING, PUMP_STOPPING,
                     PUMP_STOPPED,  PUMP_STOPPING, PUMP_STOPPED},
};
/* clang-format on */

static _Thread_local const struct runtime_pump *pump_in_step;

/* The one setter. Also a move that changes nothing is written: a step that begins later then sees
 * what the waker did before. Returns the state before. */
static enum runtime_pump_state pump_move(struct runtime_pump *pump, enum pump_event event)
{
    int before = atomic_load(&pump->state);
    int after;
    do {
        after = moves[event][before];
        assert(after != NO);
    } while (!atomic_compare_exchange_weak(&pump->state, &before, after));
    return (enum runtime_pump_state)before;
}

static void pump_finish(struct runtime_pump *pump)
{
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->lock);
    atomic_store(&pump->state, PUMP_STOPPED);
    pthread_cond_broadcast(&runtime->locked.changed);
    pthread_mutex_unlock(&runtime->lock); /* the pump may be gone now */
}

static void pump_put_back(struct runtime_pump *pump)
{
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->lock);
    runtime_push_locked(runtime, &pump->task, true);
    pthread_mutex_unlock(&runtime->lock);
}

static void pump_time_cancel(struct runtime_pump *pump)
{
    if (!pump->may_have_time)
        return;
    pump->may_have_time = false;
    pthread_mutex_lock(&pump->runtime->lock);
    runtime_timer_cancel_locked(pump->runtime, pump);
    pthread_mutex_unlock(&pump->runtime->lock);
}

/* Set before the pump becomes idle: a time that comes at once then finds a state it can move. */
static void pump_time_set(struct runtime_pump *pump, int64_t wake_ms)
{
    pump->may_have_time = true;
    pthread_mutex_lock(&pump->runtime->lock);
    if (atomic_load(&pump->state) != PUMP_STOPPING)
        runtime_timer_set_locked(pump->runtime, pump, wake_ms);
    pthread_mutex_unlock(&pump->runtime->lock);
}

static enum pump_event pump_step(struct runtime_pump *pump)
{
    int64_t wake_ms = INT64_MAX;
    pump_in_step = pump;
    enum runtime_pump_next next = pump->step(pump->ctx, &wake_ms);
    pump_in_step = NULL;
    if (next == RUNTIME_PUMP_DONE)
        return EVENT_DONE;
    if (next == RUNTIME_PUMP_AGAIN || wake_ms <= mr_clock_now(&pump->runtime->clock))
        return EVENT_AGAIN;
    assert(next == RUNTIME_PUMP_WAIT);
    if (wake_ms != INT64_MAX)
        pump_time_set(pump, wake_ms);
    return EVENT_WAIT;
}

static void pump_run(struct runtime_task *task)
{
    struct runtime_pump *pump = MR_CONTAINER(task, struct runtime_pump, task);
    if (pump_move(pump, EVENT_BEGIN) == PUMP_STOPPING) {
        pump_finish(pump);
        return;
    }
    pump_time_cancel(pump);
    enum pump_event event = pump_step(pump);
    enum runtime_pump_state before = pump_move(pump, event);
    /* Behind this move an idle or done pump belongs to others: to wakers, or to whoever frees it.
     */
    if (before == PUMP_STOPPING)
        pump_finish(pump);
    else if (moves[event][before] == PUMP_QUEUED)
        pump_put_back(pump);
}

struct runtime_pump *runtime_pump_start(struct runtime *runtime, const char *name,
                                        runtime_pump_step step, void *ctx)
{
    struct runtime_pump *pump = mr_calloc(1, sizeof(*pump));
    pump->task.run = pump_run;
    pump->runtime = runtime;
    pump->step = step;
    pump->ctx = ctx;
    snprintf(pump->name, sizeof(pump->name), "%s", name);
    pump->locked.heap_at = SIZE_MAX;
    atomic_init(&pump->state, PUMP_STOPPED);
    pthread_mutex_lock(&runtime->lock);
    pump->locked.next = runtime->locked.pumps;
    if (pump->locked.next != NULL)
        pump->locked.next->locked.previous = pump;
    runtime->locked.pumps = pump;
    if (!runtime->locked.refusing) {
        atomic_store(&pump->state, PUMP_QUEUED);
        runtime_push_locked(runtime, &pump->task, false);
    }
    pthread_mutex_unlock(&runtime->lock);
    return pump;
}

void runtime_pump_wake_locked(struct runtime_pump *pump)
{
    if (pump_move(pump, EVENT_WAKE) == PUMP_IDLE)
        runtime_push_locked(pump->runtime, &pump->task, false);
}

void runtime_pump_wake(struct runtime_pump *pump)
{
    if (pump_move(pump, EVENT_WAKE) != PUMP_IDLE)
        return;
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->lock);
    runtime_push_locked(runtime, &pump->task, false);
    pthread_mutex_unlock(&runtime->lock);
}

static void pump_ask_to_stop_locked(struct runtime_pump *pump)
{
    pump_move(pump, EVENT_STOP);
    runtime_timer_cancel_locked(pump->runtime, pump);
}

static void pump_unlink_locked(struct runtime_pump *pump)
{
    struct runtime_pump *next = pump->locked.next, *previous = pump->locked.previous;
    if (next != NULL)
        next->locked.previous = previous;
    if (previous != NULL)
        previous->locked.next = next;
    else
        pump->runtime->locked.pumps = next;
}

void runtime_pump_stop(struct runtime_pump *pump)
{
    if (pump == NULL)
        return;
    assert(pump_in_step != pump);
    struct runtime *runtime = pump->runtime;
    pthread_mutex_lock(&runtime->lock);
    pump_ask_to_stop_locked(pump);
    for (int64_t waited = 0; atomic_load(&pump->state) != PUMP_STOPPED;) {
        int64_t start = mr_monotonic_ms();
        runtime_wait_ms(&runtime->locked.changed, &runtime->lock, 5000);
        waited += mr_monotonic_ms() - start;
        if (waited >= 5000 && atomic_load(&pump->state) != PUMP_STOPPED) {
            mr_log(MR_LOG_WARN, "runtime", "pump '%s' is asked to stop and still runs", pump->name);
            waited = 0;
        }
    }
    pump_unlink_locked(pump);
    pthread_mutex_unlock(&runtime->lock);
    runtime_unwatch_all(runtime, &pump->watches); /* its last step may have added some */
    free(pump);
}

void runtime_pumps_stop_locked(struct runtime *runtime)
{
    struct runtime_pump *pump = runtime->locked.pumps;
    for (; pump != NULL; pump = pump->locked.next)
        pump_ask_to_stop_locked(pump);
}

bool runtime_pumps_are_stopped_locked(const struct runtime *runtime)
{
    const struct runtime_pump *pump = runtime->locked.pumps;
    for (; pump != NULL; pump = pump->locked.next) {
        if (atomic_load(&pump->state) != PUMP_STOPPED)
            return false;
    }
    return true;
}

void runtime_pumps_free(struct runtime *runtime)
{
    while (runtime->locked.pumps != NULL)
        runtime_pump_stop(runtime->locked.pumps);
}
