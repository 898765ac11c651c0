#include "base/meter.h"
#include <stdlib.h>
#include <string.h>

static atomic_uint threads;
static _Thread_local unsigned own_shard; /* plus one; 0: none yet */

struct meter *meter_new(bool spread)
{
    struct meter *meter = aligned_alloc(_Alignof(struct meter), sizeof *meter);
    if (meter == NULL)
        abort();
    memset(meter, 0, sizeof *meter);
    if (spread && (meter->spread = calloc(METER_BUCKETS, sizeof *meter->spread)) == NULL)
        abort();
    return meter;
}

void meter_free(struct meter *meter)
{
    if (meter != NULL)
        free(meter->spread);
    free(meter);
}

/* Values below 32 have a bucket each; then 16 buckets reach to the next power of two. */
enum { BUCKET_BITS = 4, BUCKET_EXACT = 32, VALUE_BITS_MAX = 41 };

static size_t bucket_of(uint64_t value)
{
    const uint64_t most = (UINT64_C(1) << VALUE_BITS_MAX) - 1;
    value = value > most ? most : value;
    if (value < BUCKET_EXACT)
        return value;
    const unsigned top = 63U - (unsigned)__builtin_clzll(value); /* the highest bit, from 5 on */
    return BUCKET_EXACT + ((size_t)(top - 5) << BUCKET_BITS) +
           ((value >> (top - BUCKET_BITS)) & ((1U << BUCKET_BITS) - 1));
}

static uint64_t middle_of(size_t bucket)
{
    if (bucket < BUCKET_EXACT)
        return bucket;
    const size_t above = bucket - BUCKET_EXACT;
    const unsigned shift = (unsigned)(above >> BUCKET_BITS) + 1;
    const uint64_t first = ((UINT64_C(1) << BUCKET_BITS) | (above & 15U)) << shift;
    return first + ((UINT64_C(1) << shift) - 1) / 2;
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
    if (meter->spread != NULL)
        atomic_fetch_add_explicit(&meter->spread[bucket_of(value)], (uint32_t)count,
                                  memory_order_relaxed);
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

size_t meter_take_spread(struct meter *meter, struct meter_bucket ret[static METER_BUCKETS])
{
    size_t found = 0;
    for (size_t i = 0; meter->spread != NULL && i < METER_BUCKETS; i++) {
        const uint32_t count = atomic_exchange(&meter->spread[i], 0);
        if (count > 0)
            ret[found++] = (struct meter_bucket){middle_of(i), count};
    }
    return found;
}
