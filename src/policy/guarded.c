#include "policy/guarded.h"

void policy_guarded_init(struct policy_guarded *guarded)
{
    pthread_rwlock_init(&guarded->lock, NULL);
}

void policy_guarded_fini(struct policy_guarded *guarded)
{
    mr_map_fini(&guarded->names);
    pthread_rwlock_destroy(&guarded->lock);
}

void policy_guarded_set(struct policy_guarded *guarded, struct mr_slice name, bool has_policy)
{
    pthread_rwlock_wrlock(&guarded->lock);
    if (has_policy)
        (void)mr_map_put(&guarded->names, name, guarded);
    else
        (void)mr_map_remove(&guarded->names, name);
    atomic_store(&guarded->count, guarded->names.count);
    pthread_rwlock_unlock(&guarded->lock);
}

bool policy_guarded_any(const struct policy_guarded *guarded)
{
    return atomic_load_explicit(&guarded->count, memory_order_relaxed) > 0;
}

bool policy_guarded_has(struct policy_guarded *guarded, struct mr_slice name)
{
    if (!policy_guarded_any(guarded))
        return false;
    pthread_rwlock_rdlock(&guarded->lock);
    const bool found = mr_map_get(&guarded->names, name) != NULL;
    pthread_rwlock_unlock(&guarded->lock);
    return found;
}
