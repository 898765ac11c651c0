#include "runtime/internal.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

/* The pool. Work that finds no idle worker waits; when it has waited for GROWTH_WAIT_US the timer
 * thread adds workers, a few a tick. So a burst of short work does not make threads, and blocked
 * work does. */
enum {
    THREADS_MIN = 2,
    THREADS_MAX = 64,
    GROWTH_WAIT_US = 1000,
    GROWTH_PER_TICK = 4,
    GROWTH_TICKS = 100, /* the timer thread looks on so long after work found no idle worker */
    LOOK_MS = 1000,     /* the system's clock may be set */
    LOOK_HELD_MS = 5,   /* for a clock that a test holds and moves in silence */
    IDLE_MS = 10000,    /* an idle worker beyond threads_min then ends */
};

struct job {
    struct runtime_task task;
    void (*fn)(void *arg);
    void *arg;
};

/* ---- threads and conditions ---- */

enum mr_status runtime_thread_start(pthread_t *ret_thread, const char *name,
                                    void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return MR_RAISE(MR_FAIL, "cannot start a thread: %s", strerror(error));
    pthread_setname_np(*ret_thread, name);
    return MR_OK;
}

void runtime_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void runtime_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    const struct timespec until = mr_monotonic_timespec(mr_monotonic_us() + ms * 1000);
    pthread_cond_timedwait(cond, lock, &until);
}

/* ---- the queue ---- */

static thread_local struct runtime_worker *current_worker;

/* False: there is none. */
static bool call_idle_locked(struct runtime *runtime)
{
    struct runtime_worker *worker = runtime->locked.idle;
    if (worker == NULL)
        return false;
    runtime->locked.idle = worker->next_idle;
    worker->called = true;
    pthread_cond_signal(&worker->call);
    return true;
}

/* Somebody shall see to what is queued. */
static void call_worker_locked(struct runtime *runtime)
{
    if (call_idle_locked(runtime) || runtime->locked.threads >= runtime->threads_max)
        return;
    if (runtime->locked.growth_ticks_left == 0)
        pthread_cond_signal(&runtime->locked.timer_call);
    runtime->locked.growth_ticks_left = GROWTH_TICKS;
}

void runtime_push_locked(struct runtime *runtime, struct runtime_task *task, bool by_worker)
{
    bool was_empty = runtime->locked.head == NULL;
    task->next = NULL;
    task->queued_us = mr_monotonic_us();
    *runtime->locked.tail = task;
    runtime->locked.tail = &task->next;
    if (!by_worker || !was_empty)
        call_worker_locked(runtime); /* else that worker comes back for it */
}

static struct runtime_task *pop_locked(struct runtime *runtime)
{
    struct runtime_task *task = runtime->locked.head;
    if (task == NULL)
        return NULL;
    runtime->locked.head = task->next;
    if (task->next == NULL)
        runtime->locked.tail = &runtime->locked.head;
    runtime->locked.jobs -= task->is_job;
    return task;
}

static void job_run(struct runtime_task *task)
{
    struct job job = *MR_CONTAINER(task, struct job, task);
    free(MR_CONTAINER(task, struct job, task));
    job.fn(job.arg);
}

static enum mr_status submit(struct runtime *runtime, void (*fn)(void *arg), void *arg,
                             struct runtime_worker *worker)
{
    struct job *job = mr_malloc(sizeof(*job));
    *job = (struct job){.task = {.run = job_run, .is_job = true}, .fn = fn, .arg = arg};
    pthread_mutex_lock(&runtime->lock);
    bool full = runtime->locked.refusing || runtime->locked.jobs >= RUNTIME_JOBS_MAX;
    if (!full && worker != NULL) {
        job->task.is_job = false; /* it does not wait */
        worker->own = &job->task;
    } else if (!full) {
        runtime->locked.jobs++;
        runtime_push_locked(runtime, &job->task, false);
    }
    pthread_mutex_unlock(&runtime->lock);
    if (!full)
        return MR_OK;
    free(job);
    return MR_FULL;
}

enum mr_status runtime_submit(struct runtime *runtime, void (*fn)(void *arg), void *arg)
{
    return submit(runtime, fn, arg, NULL);
}

enum mr_status runtime_submit_next(struct runtime *runtime, void (*fn)(void *arg), void *arg)
{
    struct runtime_worker *worker = current_worker;
    const bool mine = worker != NULL && worker->runtime == runtime && worker->own == NULL;
    return submit(runtime, fn, arg, mine ? worker : NULL);
}

/* ---- a worker ---- */

static struct runtime_task *next_task_locked(struct runtime *runtime, struct runtime_worker *worker)
{
    struct runtime_task *own = worker->own;
    if (own == NULL)
        return pop_locked(runtime);
    worker->own = NULL;
    if (runtime->locked.head != NULL)
        call_worker_locked(runtime); /* it may have been expected to see to that */
    return own;
}

static void leave_idle_locked(struct runtime *runtime, struct runtime_worker *worker)
{
    struct runtime_worker **at = &runtime->locked.idle;
    while (*at != worker)
        at = &(*at)->next_idle;
    *at = worker->next_idle;
}

/* Waits for a call. False: nobody called for so long that the worker may end. */
static bool idle_locked(struct runtime *runtime, struct runtime_worker *worker)
{
    worker->called = false;
    worker->next_idle = runtime->locked.idle;
    runtime->locked.idle = worker;
    int64_t until = mr_monotonic_ms() + IDLE_MS;
    while (!worker->called) {
        int64_t left = until - mr_monotonic_ms();
        if (left <= 0 && runtime->locked.threads > runtime->threads_min) {
            leave_idle_locked(runtime, worker);
            return false;
        }
        if (left <= 0)
            until += IDLE_MS;
        else
            runtime_wait_ms(&worker->call, &runtime->lock, left);
    }
    return true;
}

static bool is_quiet_locked(const struct runtime *runtime)
{
    return runtime->locked.head == NULL && runtime->locked.busy == 0;
}

static void *worker_run(void *arg)
{
    struct runtime_worker *worker = arg;
    struct runtime *runtime = worker->runtime;
    current_worker = worker;
    pthread_mutex_lock(&runtime->lock);
    for (;;) {
        struct runtime_task *task = next_task_locked(runtime, worker);
        if (task != NULL) {
            runtime->locked.busy++;
            pthread_mutex_unlock(&runtime->lock);
            task->run(task);
            pthread_mutex_lock(&runtime->lock);
            runtime->locked.busy--;
            if (is_quiet_locked(runtime))
                pthread_cond_broadcast(&runtime->locked.changed);
        } else if (runtime->locked.ending || !idle_locked(runtime, worker)) {
            break;
        }
    }
    runtime->locked.threads--;
    worker->state = WORKER_ENDED;
    pthread_mutex_unlock(&runtime->lock);
    return NULL;
}

static enum mr_status worker_start_locked(struct runtime *runtime)
{
    struct runtime_worker *worker = runtime->locked.workers;
    while (worker->state == WORKER_ALIVE)
        worker++; /* threads < threads_max: there is one */
    if (worker->state == WORKER_ENDED)
        pthread_join(worker->thread, NULL); /* it only has to return */
    worker->state = WORKER_FREE;
    enum mr_status status = runtime_thread_start(&worker->thread, "worker", worker_run, worker);
    if (status != MR_OK)
        return status;
    worker->state = WORKER_ALIVE;
    runtime->locked.threads++;
    return MR_OK;
}

/* One tick of the timer thread while work may be waiting. */
void runtime_grow_locked(struct runtime *runtime)
{
    runtime->locked.growth_ticks_left--;
    const struct runtime_task *head = runtime->locked.head;
    if (head == NULL || runtime->locked.idle != NULL)
        return;
    if (mr_monotonic_us() - head->queued_us < GROWTH_WAIT_US)
        return;
    for (int i = 0; i < GROWTH_PER_TICK && head != NULL; i++, head = head->next) {
        if (runtime->locked.threads >= runtime->threads_max)
            return;
        if (worker_start_locked(runtime) != MR_OK)
            return; /* logged; those that run go on */
    }
}

/* ---- the whole ---- */

enum mr_status runtime_new(struct runtime **ret_runtime, const struct runtime_options *options)
{
    struct runtime *runtime = mr_calloc(1, sizeof(*runtime));
    runtime->clock = options->clock.now_ms != NULL ? options->clock : mr_clock_steady;
    const bool told = options->clock_moves_are_told ||
                      runtime->clock.now_ms == mr_clock_system.now_ms ||
                      runtime->clock.now_ms == mr_clock_steady.now_ms;
    runtime->look_ms = told ? LOOK_MS : LOOK_HELD_MS;
    runtime->threads_min = options->threads_min > 0 ? options->threads_min : THREADS_MIN;
    runtime->threads_max = options->threads_max > 0 ? options->threads_max : THREADS_MAX;
    assert(runtime->threads_min <= runtime->threads_max);
    pthread_mutex_init(&runtime->lock, NULL);
    pthread_mutex_init(&runtime->windows.lock, NULL);
    runtime_cond_init(&runtime->locked.changed);
    runtime_cond_init(&runtime->locked.timer_call);
    runtime->locked.tail = &runtime->locked.head;
    size_t slots = (size_t)runtime->threads_max;
    runtime->locked.workers = mr_calloc(slots, sizeof(*runtime->locked.workers));
    for (size_t i = 0; i < slots; i++) {
        runtime->locked.workers[i].runtime = runtime;
        runtime_cond_init(&runtime->locked.workers[i].call);
    }
    runtime->children = runtime_children_new();
    pthread_mutex_lock(&runtime->lock);
    enum mr_status status =
        runtime_thread_start(&runtime->locked.timer_thread, "timer", runtime_timer_run, runtime);
    runtime->locked.stopped = status != MR_OK; /* nothing is there to stop */
    for (int i = 0; i < runtime->threads_min && status == MR_OK; i++)
        status = worker_start_locked(runtime);
    pthread_mutex_unlock(&runtime->lock);
    if (status != MR_OK) {
        runtime_free(runtime);
        return status;
    }
    *ret_runtime = runtime;
    return MR_OK;
}

static bool is_done_locked(const struct runtime *runtime)
{
    return runtime_pumps_are_stopped_locked(runtime) && is_quiet_locked(runtime);
}

static void threads_end(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->locked.ending = true;
    for (; runtime->locked.idle != NULL; runtime->locked.idle = runtime->locked.idle->next_idle) {
        runtime->locked.idle->called = true;
        pthread_cond_signal(&runtime->locked.idle->call);
    }
    pthread_cond_signal(&runtime->locked.timer_call);
    pthread_mutex_unlock(&runtime->lock);
    pthread_join(runtime->locked.timer_thread, NULL); /* from here on no worker starts */
    for (int i = 0; i < runtime->threads_max; i++) {
        struct runtime_worker *worker = &runtime->locked.workers[i];
        pthread_mutex_lock(&runtime->lock);
        bool was_started = worker->state != WORKER_FREE;
        pthread_mutex_unlock(&runtime->lock);
        if (was_started)
            pthread_join(worker->thread, NULL);
    }
}

void runtime_stop(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    if (runtime->locked.stopped) {
        pthread_mutex_unlock(&runtime->lock);
        return;
    }
    runtime->locked.stopped = true;
    runtime->locked.refusing = true;
    runtime_pumps_stop_locked(runtime);
    int64_t until = mr_monotonic_ms() + RUNTIME_STOP_GRACE_MS;
    int64_t left = RUNTIME_STOP_GRACE_MS;
    for (; !is_done_locked(runtime) && left > 0; left = until - mr_monotonic_ms())
        runtime_wait_ms(&runtime->locked.changed, &runtime->lock, left);
    pthread_mutex_unlock(&runtime->lock);
    runtime_children_end(runtime->children);
    pthread_mutex_lock(&runtime->lock);
    while (!is_done_locked(runtime))
        pthread_cond_wait(&runtime->locked.changed, &runtime->lock);
    pthread_mutex_unlock(&runtime->lock);
    runtime_children_join(runtime->children);
    threads_end(runtime);
}

void runtime_free(struct runtime *runtime)
{
    if (runtime == NULL)
        return;
    runtime_stop(runtime);
    runtime_pumps_free(runtime);
    runtime_children_free(runtime->children);
    for (int i = 0; i < runtime->threads_max; i++)
        pthread_cond_destroy(&runtime->locked.workers[i].call);
    pthread_cond_destroy(&runtime->locked.changed);
    pthread_cond_destroy(&runtime->locked.timer_call);
    pthread_mutex_destroy(&runtime->lock);
    pthread_mutex_destroy(&runtime->windows.lock);
    free(runtime->locked.workers);
    free(runtime->locked.heap);
    free(runtime);
}
