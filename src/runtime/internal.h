/* runtime/internal.h: what the files of this folder share.
 *
 * One lock, runtime.lock, guards the queue, the workers and the timers; the windows and the
 * children have their own. Order: windows.lock before runtime.lock; children.lock is never held
 * with another. */
#pragma once
#include "runtime/runtime.h"
#include <pthread.h>

/* Something in the queue of the workers, embedded in what it runs. */
struct runtime_task {
    struct runtime_task *next;
    void (*run)(struct runtime_task *task);
    int64_t queued_us;
    bool is_job; /* counts against RUNTIME_JOBS_MAX */
};

enum runtime_worker_state { WORKER_FREE, WORKER_ALIVE, WORKER_ENDED };

struct runtime_worker {
    struct runtime *runtime;
    enum runtime_worker_state state;
    pthread_t thread;
    pthread_cond_t call;
    bool called;
    struct runtime_worker *next_idle;
    struct runtime_task *own; /* its alone: what it runs next, before the queue */
};

enum { RUNTIME_BUCKETS = 1024 };

struct runtime_watch {
    struct runtime_watch *next_of_bucket;
    struct runtime_watch *next_of_pump;
    struct runtime_pump *pump;
    uint32_t window;
};

/*            wake            begin            wait
 *   IDLE ---------> QUEUED --------> RUNNING ------> IDLE
 *                     ^                 | wake
 *                     | wait, again     v
 *                     +-------------- RERUN
 * IDLE: nobody holds it.  QUEUED: in the queue of the workers.  RUNNING: a worker is in step().
 * RERUN: the same, and somebody woke it since.  DONE: step() said so; nobody holds it.
 * STOPPING: it is queued or running, and shall stop; the worker does.  STOPPED: it may be freed. */
enum runtime_pump_state {
    PUMP_IDLE,
    PUMP_QUEUED,
    PUMP_RUNNING,
    PUMP_RERUN,
    PUMP_DONE,
    PUMP_STOPPING,
    PUMP_STOPPED,
    PUMP_STATES
};

struct runtime_pump {
    struct runtime_task task;
    struct runtime *runtime;
    runtime_pump_step step;
    void *ctx;
    char name[48];
    _Atomic int state; /* enum runtime_pump_state; changed by pump_move only */
    /* The worker that runs it alone reads and writes this: a time may be set. */
    bool may_have_time;
    struct runtime_watch *watches; /* guarded by windows.lock */
    struct {                       /* guarded by runtime.lock */
        int64_t wake_ms;
        size_t heap_at; /* SIZE_MAX: no time is set */
        struct runtime_pump *next, *previous;
    } locked;
};

struct runtime_children;

struct runtime {
    struct mr_clock clock;
    int64_t look_ms; /* the clock is looked at again at least this often */
    int threads_min, threads_max;
    pthread_mutex_t lock;
    struct {
        struct runtime_task *head, **tail;
        size_t jobs;                    /* in the queue */
        struct runtime_worker *workers; /* threads_max of them */
        struct runtime_worker *idle;    /* newest first, so that the oldest can end */
        int threads, busy;
        bool refusing; /* no more jobs */
        bool ending;   /* workers end when the queue is empty */
        bool stopped;
        pthread_cond_t changed; /* a pump stopped, or nothing runs and nothing is queued */

        struct runtime_pump *pumps; /* all of them */
        struct runtime_pump **heap; /* those with a time, soonest first */
        size_t heap_count, heap_capacity;
        pthread_t timer_thread;
        pthread_cond_t timer_call;
        int growth_ticks_left; /* > 0: the timer thread looks whether work waits too long */
    } locked;
    struct {
        pthread_mutex_t lock;
        _Atomic(struct runtime_watch *) buckets[RUNTIME_BUCKETS];
    } windows;
    struct runtime_children *children;
};

/* workers.c. A worker that puts a task back need not wake another for it: `by_worker`. */
void runtime_push_locked(struct runtime *runtime, struct runtime_task *task, bool by_worker);
void runtime_grow_locked(struct runtime *runtime);
/* All signals are blocked in the new thread: they belong to the main thread. */
MR_MUST_USE enum mr_status runtime_thread_start(pthread_t *ret_thread, const char *name,
                                                void *(*run)(void *arg), void *arg);
/* A condition that is waited for with runtime_wait_ms; may return early. */
void runtime_cond_init(pthread_cond_t *cond);
void runtime_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);

/* timer.c */
void *runtime_timer_run(void *runtime);
void runtime_timer_set_locked(struct runtime *runtime, struct runtime_pump *pump, int64_t wake_ms);
void runtime_timer_cancel_locked(struct runtime *runtime, struct runtime_pump *pump);

/* pump.c */
void runtime_pump_wake_locked(struct runtime_pump *pump);
void runtime_pumps_stop_locked(struct runtime *runtime); /* asks all; see the next */
bool runtime_pumps_are_stopped_locked(const struct runtime *runtime);
void runtime_pumps_free(struct runtime *runtime);

/* window.c */
void runtime_unwatch_all(struct runtime *runtime, struct runtime_watch **watches);

/* child.c: threads start with the first child. */
struct runtime_children *runtime_children_new(void);
void runtime_children_end(struct runtime_children *children); /* kills all, starts no more */
/* Waits until all have ended and on_exit has returned; joins the threads. */
void runtime_children_join(struct runtime_children *children);
void runtime_children_free(struct runtime_children *children);

/* spawn.c */
struct runtime_spawn {
    const struct runtime_child_options *options;
    int input, output, error; /* become descriptors 0, 1, 2 of the child; none is below 3 */
};
/* The calling thread must live as long as the child may. Returns the process id, or -errno. */
int runtime_spawn(const struct runtime_spawn *spawn);
