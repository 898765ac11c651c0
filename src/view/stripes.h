/* view/stripes.h: a reader-writer lock in stripes: who shares it touches only its thread's stripe,
 * so sharers on different cores do not slow each other; who wants it alone takes every stripe. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { STRIPES = 8 };
struct stripes {
    struct {
        _Alignas(64) pthread_rwlock_t lock;
    } each[STRIPES];
};

static inline void stripes_init(struct stripes *stripes)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    /* Or sharers that overlap for ever would keep out who wants it alone for ever. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_rwlock_init(&stripes->each[i].lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static inline void stripes_fini(struct stripes *stripes)
{
    for (size_t i = 0; i < STRIPES; i++)
        pthread_rwlock_destroy(&stripes->each[i].lock);
}

unsigned stripes_thread(void); /* a small number of this thread's */

/* Shares it: not twice in one thread. Unlock what is returned with pthread_rwlock_unlock. */
static inline pthread_rwlock_t *stripes_share(struct stripes *stripes)
{
    pthread_rwlock_t *lock = &stripes->each[stripes_thread() % STRIPES].lock;
    pthread_rwlock_rdlock(lock);
    return lock;
}

static inline void stripes_lock_all(struct stripes *stripes)
{
    for (size_t i = 0; i < STRIPES; i++)
        pthread_rwlock_wrlock(&stripes->each[i].lock);
}

static inline void stripes_unlock_all(struct stripes *stripes)
{
    for (size_t i = 0; i < STRIPES; i++)
        pthread_rwlock_unlock(&stripes->each[i].lock);
}
