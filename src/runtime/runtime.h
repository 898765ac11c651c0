/* runtime/runtime.h: worker threads, pumps (background tasks with a cursor), child processes.
 *
 * Workers run short jobs and pump steps; a job may block (a query, an invocation): the pool grows
 * up to `threads_max` while work waits and nobody takes it, and shrinks when idle. Any thread may
 * call anything here; callbacks run without a lock of this folder. */
#pragma once
#include "base/clock.h"
#include "base/slice.h"

enum {
    RUNTIME_JOBS_MAX = 100000,   /* queued, not yet begun */
    RUNTIME_CHILDREN_MAX = 1024, /* child processes at a time */
    RUNTIME_LINE_BYTES_MAX = 256 << 10,
    RUNTIME_STOP_GRACE_MS =
        5000, /* for work in hand, before the children that it may wait for end */
};

struct runtime;
struct runtime_options {
    int threads_min, threads_max; /* 0: 2 and 64 */
    struct mr_clock clock;        /* its function NULL: the system's */
    /* Whoever moves the clock by hand calls runtime_clock_moved; without this the time is looked at
     * every few milliseconds. */
    bool clock_moves_are_told;
};
MR_MUST_USE enum mr_status runtime_new(struct runtime **ret_runtime,
                                       const struct runtime_options *options);
/* Takes no more jobs, lets each pump finish its step and the queued jobs run, ends the child
 * processes (after the grace time, if jobs or steps still run), joins all threads. A second call
 * does nothing. Afterwards a submit answers MR_FULL, and a pump may still be woken or stopped. */
void runtime_stop(struct runtime *runtime);
/* Stops if nobody did. Pumps that were not stopped one by one are gone. Accepts NULL. */
void runtime_free(struct runtime *runtime);
/* The clock was set: every pump whose time has come by it is awake when this returns. */
void runtime_clock_moved(struct runtime *runtime);
/* Runs fn(arg) on a worker. MR_FULL: RUNTIME_JOBS_MAX are waiting, or the runtime stops. */
MR_MUST_USE enum mr_status runtime_submit(struct runtime *runtime, void (*fn)(void *arg),
                                          void *arg);

/* The same, on the calling worker as soon as what it runs now has returned: nobody has to be woken
 * for it. Not from what waits for fn. On no worker, or one that has such a job already: any. */
MR_MUST_USE enum mr_status runtime_submit_next(struct runtime *runtime, void (*fn)(void *arg),
                                               void *arg);

/* ---- pumps ----
 * step() runs on a worker, never twice at the same time for one pump. It does a bounded piece of
 * work and says what it waits for: RUNTIME_PUMP_AGAIN     more to do: run again soon (after others
 * had their turn) RUNTIME_PUMP_WAIT      wait for runtime_pump_wake or *ret_wake_ms, whichever
 * comes first RUNTIME_PUMP_DONE      never run again A wake that comes while a step runs is kept:
 * the step runs once more. What the waker wrote before the wake, the step that follows sees. */
enum runtime_pump_next { RUNTIME_PUMP_AGAIN, RUNTIME_PUMP_WAIT, RUNTIME_PUMP_DONE };
struct runtime_pump;
/* `ret_wake_ms`: on the runtime's clock, INT64_MAX (its value on entry) for no time. */
typedef enum runtime_pump_next (*runtime_pump_step)(void *ctx, int64_t *ret_wake_ms);
/* The first step runs at once. `name` is copied. */
struct runtime_pump *runtime_pump_start(struct runtime *runtime, const char *name,
                                        runtime_pump_step step, void *ctx);
void runtime_pump_wake(struct runtime_pump *pump); /* never blocks for long */
/* Returns when no step runs and none will; the pump is gone. Not from within its own step; nobody
 * may wake it by hand any more (windows and timers may). NULL: nothing. */
void runtime_pump_stop(struct runtime_pump *pump);
/* Windows: wakes the pump whenever runtime_window_moved(window) is called (wire that to
 * store_on_window), and once now, for what moved before. Watching a second time changes nothing. */
void runtime_pump_watch(struct runtime_pump *pump, uint32_t window);
void runtime_pump_unwatch(struct runtime_pump *pump, uint32_t window);
/* Costs one load when nobody watches. */
void runtime_window_moved(struct runtime *runtime, uint32_t window);

/* ---- child processes ----
 * No shell; new process group; standard input is empty unless given; all other descriptors closed;
 * signals as by default; no new privileges; no core dumps; killed when this process dies (its own
 * children are killed when it ends itself, or by runtime_child_kill). Standard output and error
 * come line by line to on_output, on one thread for all children; on_exit comes last, exactly once,
 * on the same thread. */
struct runtime_child;
struct runtime_child_options {
    const char *const *argv; /* NULL-terminated; argv[0] is a path */
    const char *const *envp; /* NULL-terminated; nothing else is inherited */
    const char *folder;      /* working directory; NULL: ours */
    int input_fd;            /* becomes its standard input, and stays the caller's; 0: none */
    uint64_t memory_bytes;   /* RLIMIT_AS when not 0 */
    uint64_t files_max;      /* RLIMIT_NOFILE; 0: 1,024 */
    /* A line without its end; `error` tells stderr from stdout. A longer one comes in pieces of
     * RUNTIME_LINE_BYTES_MAX; the last may lack its end. The bytes are valid during the call. */
    void (*on_output)(void *ctx, struct mr_slice line, bool error);
    /* status as from waitpid. The highest memory in use, which cannot be told below this process's
     * own at the time of the start, unless runtime_child_rss_kb was asked. After it the child is
     * freed. */
    void (*on_exit)(void *ctx, int status, long max_rss_kb);
    void *ctx;
};
/* *ret_child is set before any callback. A caller whose on_exit clears that pointer holds its own
 * lock during this call and in on_exit; no callback runs on the calling thread. MR_INVALID: argv[0]
 * cannot be run, or not in that folder.  MR_FULL: RUNTIME_CHILDREN_MAX run, or the runtime stops.
 */
MR_MUST_USE enum mr_status runtime_child_start(struct runtime *runtime,
                                               const struct runtime_child_options *options,
                                               struct runtime_child **ret_child);
void runtime_child_kill(struct runtime_child *child);   /* SIGKILL to its group; on_exit follows */
long runtime_child_rss_kb(struct runtime_child *child); /* now; 0 when it has ended */
/* How far a child has written: bytes of its output and of its error output. */
struct runtime_output {
    uint64_t bytes[2];
};
struct runtime_output runtime_child_output(struct runtime_child *child); /* until now */
/* Whether on_output is through with all lines that were ended by then. */
bool runtime_child_was_heard(const struct runtime_child *child, const struct runtime_output *until);
