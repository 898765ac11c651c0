/* sim/sim.h: the whole server in one thread, on a simulated clock, disk and functions, from one
 * seed.
 *
 * The server's own code runs unchanged. The program is linked so that what its object files call of
 * the C library's threads, clock, random numbers and files (ld's --wrap; meson.build lists the
 * names), and of its HTTP server and of lambda_invoke, comes here instead. So nothing of this costs
 * the real server anything, and no seam can be forgotten: a call that is not wrapped is one that
 * the server makes for real.
 *
 * Threads are fibers: wherever one takes a lock, waits, or calls the disk, the seed picks who goes
 * on. The clock stands still while anyone can run, but for a little per step, and jumps to the next
 * deadline when nobody can.
 *
 * A run of the server (an incarnation) is a process that is forked and lives until it is killed, so
 * that a restart finds fresh memory, as a real one would. What outlives it, the disk, the history
 * of the clients and the random numbers, lies in `sim`, memory that the processes share. One
 * process runs at a time. */
#pragma once
#include "base/base.h"
#include "base/rng.h"
#include "base/slice.h"

/* ---- the seed's choices (plan.c) ---- */

/* Ways to break the server on purpose, to see that each is found. */
enum sim_mutation {
    SIM_SOUND,
    SIM_SYNC_SKIPPED,    /* the journal's fdatasync does nothing, now and then */
    SIM_REPLY_EARLY,     /* a reply does not wait until its change is durable */
    SIM_CURSOR_APART,    /* a pump's effect is committed without its cursor, now and then */
    SIM_REPLAY_LATE,     /* recovery replays from behind the flushed position */
    SIM_FOLDER_UNSYNCED, /* folders are not synced */
    SIM_FLUSH_AHEAD,     /* the view is flushed without waiting for the journal */
    SIM_WAKE_LOST,       /* a signal to a condition is lost, now and then */
    SIM_TAIL_TRUSTED,    /* recovery takes entries without checking them */
    SIM_RETAIN_LATE,     /* what came while it was asked who needs the journal is not kept */
    SIM_FILTER_OPEN,     /* a pipe's filter takes what it should not, now and then */
    SIM_FILTER_SHUT,     /* or leaves out what it should take */
    SIM_CONDITION_OPEN,  /* a condition that does not hold lets a write pass, now and then */
    SIM_CONDITION_SHUT,  /* or one that holds does not */
    SIM_EXPIRY_EARLY,    /* what looked expired is not looked at again before it goes */
    SIM_EXPIRY_MISSED,   /* some expired items stay */
    SIM_MUTATIONS
};

struct sim_plan {
    enum sim_mutation mutation;
    unsigned preempt;      /* one step in so many lets somebody else go on */
    unsigned incarnations; /* runs of the server before the last one */
    unsigned clients, keys, operations;
    unsigned pad_bytes;     /* of an item, at most */
    unsigned shards;        /* of the Kinesis stream */
    uint64_t segment_bytes; /* of the journal */
    int64_t pause_ns_max;   /* of a client, now and then */
    size_t memtable_bytes;  /* at which the view is flushed */
    unsigned seconds;       /* IntervalInSeconds of the delivery */
    bool has_function, functions_fail;
    bool power_cuts; /* or else the process is killed, and the disk loses nothing */
    bool disk_fails; /* now and then */
    bool clock_jumps, clock_goes_back;
    bool meddles; /* the Kinesis stream is resharded, pipes are stopped and started */
    bool filters; /* a second pipe, of what begins and ends, has a stream and a delivery of its own
                   */
    bool expires; /* some items have a time to live */
    bool early;   /* clients write from when there is a table; the way from it is made meanwhile */
    bool retains; /* it is asked over and over what of the journal nobody needs */
    bool leaves;  /* streams and tables were there before, and went */
};

/* ---- what outlives an incarnation (world.c) ---- */

struct sim_disk;
struct sim_history;

struct sim_world {
    char *next, *end;     /* free memory */
    void *free_lists[48]; /* by power of two */
    uint64_t seed;
    struct mr_rng rng;
    struct sim_plan plan;
    uint64_t hash;     /* of everything that happened */
    uint64_t steps;    /* since the seed began */
    bool dies_at_disk; /* as well: at a call that changes the disk */
    uint64_t die_at;   /* the step at which this incarnation ends */
    int64_t now_ns;    /* monotonic */
    int64_t jumped_ns; /* by the wall clock, in all */
    int64_t wall_ns;   /* ahead of it */
    unsigned incarnation;
    bool calm;      /* no crash, no failing disk: the last incarnation */
    bool failed_io; /* the disk failed in this incarnation */
    bool trace;
    uint64_t trace_from, trace_to; /* steps; each of them is told when trace_to is not 0 */
    struct sim_disk *disk;
    struct sim_history *history;
    char finding[2048]; /* "": none so far */
};
extern struct sim_world *sim;

void sim_world_make(void);
void sim_world_begin(uint64_t seed);
void *sim_alloc(size_t size); /* zeroed; lives until sim_free or the seed ends */
void sim_free(void *ptr, size_t size);
bool sim_owns(const void *ptr);

uint64_t sim_below(uint64_t bound);
bool sim_chance(unsigned one_in); /* 0: never */
void sim_mix(uint64_t value);     /* into the hash */
void sim_mix_text(struct mr_slice text);
void sim_trace(const char *format, ...) MR_PRINTF(1, 2);
bool sim_traces_steps(void); /* and is at one of those asked for */

/* How an incarnation ends: the process exits with one of these. */
enum sim_end { SIM_END_DONE = 0, SIM_END_CRASHED = 40, SIM_END_FINDING = 41, SIM_END_REFUSED = 42 };
_Noreturn void sim_end(enum sim_end end);
_Noreturn void sim_finding(const char *format, ...) MR_PRINTF(1, 2);

void sim_plan_make(struct sim_plan *plan);
enum sim_mutation sim_mutation_named(const char *name); /* SIM_MUTATIONS: none */
const char *sim_mutation_name(enum sim_mutation mutation);

/* ---- fibers (fiber.c) ---- */

void sim_fibers_begin(void); /* the caller becomes the first */
int sim_fiber_start(const char *name, void *(*run)(void *arg), void *arg);
void sim_fiber_join(int fiber);
/* Something happened: time passes, the incarnation may end here, another fiber may go on. */
void sim_point(void);
/* Waits until somebody wakes who waits on `what`, or until then; true: the time came. */
bool sim_wait(const void *what, int64_t until_ns);
void sim_wake(const void *what, bool all);
void sim_sleep(int64_t ns);
void sim_disk_death(void); /* the incarnation may end here */
int sim_fiber_self(void);
int64_t sim_now_ns(void);

/* ---- the disk (disk.c) ---- */

void sim_disk_begin(void);
/* Between two incarnations: what a power cut leaves. */
void sim_disk_cut(void);
/* Frees what no folder names any more. */
void sim_disk_collect(void);
