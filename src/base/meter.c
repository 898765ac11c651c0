#include "base/meter.h"
#include <stdlib.h>
#include <string.h>

static atomic_uint threads;
static _Thread_local unsigned own_shard; /* plus one; 0: none yet */

struct meter *meter_new(void)
{
    struct meter *meter = aligned_alloc(_Alignof(struct meter), sizeof *meter);
    if (meter == NULL)
        abort();
    memset(meter, 0, sizeof *meter);
    return meter;
}

static struct meter_shard *shard_of(struct meter *meter)
{
    if (own_shard == 0)
        own_shard = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % METER_SHARDS;
    return &meter->shards[own_shard - 1];
}

static void widen(struct meter_shard *shard, uint64_t value)
{
    uint64_t least = atomic_load_explicit(&shard->least, memory_order_relaxed);
    while ((least == 0 || value + 1 < least) &&
           !atomic_compare_exchange_weak_explicit(&shard->least, &least, value + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
    uint64_t most = atomic_load_explicit(&shard->most, memory_order_relaxed);
    while (value > most &&
           !atomic_compare_exchange_weak_explicit(&shard->most, &most, value, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

void meter_add_many(struct meter *meter, uint64_t value, uint64_t count)
{
    if (meter == NULL || count == 0)
        return;
    struct meter_shard *shard = shard_of(meter);
    widen(shard, value);
    atomic_fetch_add_explicit(&shard->sum, value * count, memory_order_relaxed);
    atomic_fetch_add_explicit(&shard->count, count, memory_order_release);
}

void meter_add(struct meter *meter, uint64_t value)
{
    meter_add_many(meter, value, 1);
}

struct meter_sums meter_total(const struct meter *meter)
{
    struct meter_sums sums = {0};
    for (size_t i = 0; i < METER_SHARDS; i++) {
        sums.count += atomic_load_explicit(&meter->shards[i].count, memory_order_acquire);
        sums.sum += atomic_load_explicit(&meter->shards[i].sum, memory_order_relaxed);
    }
    return sums;
}

void meter_take_range(struct meter *meter, uint64_t *ret_least, uint64_t *ret_most)
{
    *ret_least = UINT64_MAX;
    *ret_most = 0;
    for (size_t i = 0; i < METER_SHARDS; i++) {
        const uint64_t least = atomic_exchange(&meter->shards[i].least, 0);
        const uint64_t most = atomic_exchange(&meter->shards[i].most, 0);
        if (least != 0 && least - 1 < *ret_least)
            *ret_least = least - 1;
        if (most > *ret_most)
            *ret_most = most;
    }
}
