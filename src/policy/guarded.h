/* policy/guarded.h: the names of what has a policy, so that everything else costs a request no more
 * than one look at a counter. Any thread may ask. */
#pragma once
#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>

struct policy_guarded {
    pthread_rwlock_t lock;
    struct mr_map names;
    atomic_size_t count; /* of the names; 0: nobody need be asked */
};
void policy_guarded_init(struct policy_guarded *guarded);
void policy_guarded_fini(struct policy_guarded *guarded);
void policy_guarded_set(struct policy_guarded *guarded, struct mr_slice name, bool has_policy);
bool policy_guarded_any(const struct policy_guarded *guarded);
bool policy_guarded_has(struct policy_guarded *guarded, struct mr_slice name);
