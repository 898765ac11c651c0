/* The gate through which calls come: shut while services are closed and opened again. A call that
 * finds it shut waits in a list, not on a thread; a streamed one is turned away. */
#include "protocol/internal.h"

void gate_init(struct gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->empty, NULL);
}

void gate_fini(struct gate *gate)
{
    pthread_cond_destroy(&gate->empty);
    pthread_mutex_destroy(&gate->lock);
}

bool gate_enter_now(struct protocol *protocol)
{
    struct gate *gate = &protocol->gate;
    atomic_fetch_add(&gate->inside, 1);
    if (!atomic_load(&gate->shut))
        return true;
    gate_leave(protocol);
    return false;
}

bool gate_enter(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    struct gate *gate = &protocol->gate;
    if (gate_enter_now(protocol))
        return true;
    pthread_mutex_lock(&gate->lock);
    const bool shut = atomic_load(&gate->shut);
    if (shut) {
        call->priv->waiting_next = gate->locked.waiting;
        gate->locked.waiting = call;
    }
    pthread_mutex_unlock(&gate->lock);
    return shut ? false : gate_enter(call);
}

void gate_leave(struct protocol *protocol)
{
    struct gate *gate = &protocol->gate;
    if (atomic_fetch_sub(&gate->inside, 1) > 1 || !atomic_load(&gate->shut))
        return;
    pthread_mutex_lock(&gate->lock);
    pthread_cond_broadcast(&gate->empty);
    pthread_mutex_unlock(&gate->lock);
}

void protocol_pause(struct protocol *protocol)
{
    struct gate *gate = &protocol->gate;
    pthread_mutex_lock(&gate->lock);
    atomic_store(&gate->shut, true);
    while (atomic_load(&gate->inside) > 0)
        pthread_cond_wait(&gate->empty, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

void protocol_resume(struct protocol *protocol)
{
    struct gate *gate = &protocol->gate;
    pthread_mutex_lock(&gate->lock);
    struct protocol_call *waiting = gate->locked.waiting;
    gate->locked.waiting = NULL;
    atomic_store(&gate->shut, false);
    pthread_mutex_unlock(&gate->lock);
    while (waiting != NULL) {
        struct protocol_call *call = waiting;
        waiting = call->priv->waiting_next;
        dispatch_call(call);
    }
}
