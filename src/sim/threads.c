/* sim/threads.c: what the server calls of pthreads, the clock and the source of random numbers.
 *
 * A lock's state lies in the lock's own memory, where zeros mean that it is free, as they do for
 * the C library's static initialisers. */
#include "sim/sim.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { SPURIOUS_ONE_IN = 200, SPURIOUS_NS_MAX = 5000000, WAKE_LOST_ONE_IN = 40 };

struct sim_mutex {
    int owner; /* fiber + 1 */
    int depth, waiters;
    int recursive;
};
struct sim_cond {
    int waiters;
    int monotonic;
};
struct sim_rwlock {
    int readers, writer; /* fiber + 1 */
    int waiters, writers_waiting;
    int prefer_writer;
};
_Static_assert(sizeof(struct sim_mutex) <= sizeof(pthread_mutex_t), "");
_Static_assert(sizeof(struct sim_cond) <= sizeof(pthread_cond_t), "");
_Static_assert(sizeof(struct sim_rwlock) <= sizeof(pthread_rwlock_t), "");

#define MINE(type, theirs) ((struct type *)(void *)(theirs))

static int me(void)
{
    return sim_fiber_self() + 1;
}

/* ---- threads ---- */

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg)
{
    (void)attributes;
    *ret = 0;
    *ret = (pthread_t)sim_fiber_start("thread", run, arg);
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret)
{
    sim_fiber_join((int)thread);
    if (ret != NULL)
        *ret = NULL;
    return 0;
}

int __wrap_pthread_setname_np(pthread_t thread, const char *name);
int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
    (void)thread;
    (void)name;
    return 0;
}

int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    (void)old;
    return 0;
}

int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
    (void)option;
    return 0;
}

/* ---- mutexes ---- */

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
    int type = PTHREAD_MUTEX_DEFAULT;
    if (attributes != NULL)
        (void)pthread_mutexattr_gettype(attributes, &type);
    memset(lock, 0, sizeof *lock);
    MINE(sim_mutex, lock)->recursive = type == PTHREAD_MUTEX_RECURSIVE;
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *lock);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *lock)
{
    if (MINE(sim_mutex, lock)->owner != 0 || MINE(sim_mutex, lock)->waiters != 0)
        sim_finding("a mutex is destroyed while it is in use");
    return 0;
}

static void mutex_lock(struct sim_mutex *mutex)
{
    while (mutex->owner != 0) {
        if (mutex->owner == me() && mutex->recursive)
            break;
        if (mutex->owner == me())
            sim_finding("a thread takes a mutex that it holds");
        mutex->waiters++;
        (void)sim_wait(mutex, INT64_MAX);
        mutex->waiters--;
    }
    mutex->owner = me();
    mutex->depth++;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    sim_point();
    mutex_lock(MINE(sim_mutex, lock));
    return 0;
}

static void mutex_unlock(struct sim_mutex *mutex)
{
    if (mutex->owner != me())
        sim_finding("a thread lets go a mutex that it does not hold");
    if (--mutex->depth > 0)
        return;
    mutex->owner = 0;
    if (mutex->waiters > 0)
        sim_wake(mutex, true);
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    mutex_unlock(MINE(sim_mutex, lock));
    sim_point();
    return 0;
}

/* ---- conditions ---- */

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    clockid_t clock = CLOCK_REALTIME;
    if (attributes != NULL)
        (void)pthread_condattr_getclock(attributes, &clock);
    memset(cond, 0, sizeof *cond);
    MINE(sim_cond, cond)->monotonic = clock == CLOCK_MONOTONIC;
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *cond);
int __wrap_pthread_cond_destroy(pthread_cond_t *cond)
{
    if (MINE(sim_cond, cond)->waiters != 0)
        sim_finding("a condition is destroyed while somebody waits for it");
    return 0;
}

/* Now and then it returns for no reason, as POSIX allows. */
static bool cond_wait(struct sim_cond *cond, struct sim_mutex *mutex, int64_t until_ns)
{
    int64_t early_ns = INT64_MAX;
    if (sim_chance(SPURIOUS_ONE_IN))
        early_ns = sim_now_ns() + (int64_t)sim_below(SPURIOUS_NS_MAX);
    const int depth = mutex->depth;
    mutex->depth = 1;
    mutex_unlock(mutex);
    cond->waiters++;
    const bool timed_out = sim_wait(cond, early_ns < until_ns ? early_ns : until_ns);
    cond->waiters--;
    mutex_lock(mutex);
    mutex->depth = depth;
    return timed_out && until_ns <= early_ns;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    (void)cond_wait(MINE(sim_cond, cond), MINE(sim_mutex, lock), INT64_MAX);
    return 0;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until)
{
    int64_t until_ns = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec;
    if (!MINE(sim_cond, cond)->monotonic)
        until_ns -= sim->wall_ns;
    return cond_wait(MINE(sim_cond, cond), MINE(sim_mutex, lock), until_ns) ? ETIMEDOUT : 0;
}

static int cond_wake(struct sim_cond *cond, bool all)
{
    const bool lost = sim->plan.mutation == SIM_WAKE_LOST && sim_chance(WAKE_LOST_ONE_IN);
    if (cond->waiters > 0 && !lost)
        sim_wake(cond, all);
    sim_point();
    return 0;
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    return cond_wake(MINE(sim_cond, cond), false);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    return cond_wake(MINE(sim_cond, cond), true);
}

/* ---- reader-writer locks ---- */

int __wrap_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int __wrap_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes)
{
    int kind = PTHREAD_RWLOCK_DEFAULT_NP;
    if (attributes != NULL)
        (void)pthread_rwlockattr_getkind_np(attributes, &kind);
    memset(lock, 0, sizeof *lock);
    MINE(sim_rwlock, lock)->prefer_writer = kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
    return 0;
}

int __wrap_pthread_rwlock_destroy(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    const struct sim_rwlock *mine = MINE(sim_rwlock, lock);
    if (mine->readers != 0 || mine->writer != 0 || mine->waiters != 0)
        sim_finding("a lock is destroyed while it is in use");
    return 0;
}

static void rwlock_wait(struct sim_rwlock *lock)
{
    lock->waiters++;
    (void)sim_wait(lock, INT64_MAX);
    lock->waiters--;
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *theirs);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *theirs)
{
    struct sim_rwlock *lock = MINE(sim_rwlock, theirs);
    sim_point();
    while (lock->writer != 0 || (lock->prefer_writer && lock->writers_waiting > 0)) {
        if (lock->writer == me())
            sim_finding("a thread shares a lock that it holds alone");
        rwlock_wait(lock);
    }
    lock->readers++;
    return 0;
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *theirs);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *theirs)
{
    struct sim_rwlock *lock = MINE(sim_rwlock, theirs);
    sim_point();
    lock->writers_waiting++;
    while (lock->writer != 0 || lock->readers > 0) {
        if (lock->writer == me())
            sim_finding("a thread takes a lock that it holds");
        rwlock_wait(lock);
    }
    lock->writers_waiting--;
    lock->writer = me();
    return 0;
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *theirs);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *theirs)
{
    struct sim_rwlock *lock = MINE(sim_rwlock, theirs);
    if (lock->writer == me())
        lock->writer = 0;
    else if (lock->readers > 0)
        lock->readers--;
    else
        sim_finding("a thread lets go a lock that nobody holds");
    if (lock->waiters > 0)
        sim_wake(lock, true);
    sim_point();
    return 0;
}

/* ---- time and chance ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    int64_t now_ns = sim_now_ns();
    if (clock == CLOCK_REALTIME)
        now_ns += sim->wall_ns;
    *ret = (struct timespec){.tv_sec = now_ns / 1000000000, .tv_nsec = now_ns % 1000000000};
    return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                           struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                           struct timespec *left)
{
    (void)clock;
    (void)flags;
    (void)left;
    sim_sleep((int64_t)time->tv_sec * 1000000000 + time->tv_nsec);
    return 0;
}

ssize_t __wrap_getrandom(void *ret, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *ret, size_t len, unsigned flags)
{
    (void)flags;
    mr_rng_fill(&sim->rng, ret, len);
    return (ssize_t)len;
}
