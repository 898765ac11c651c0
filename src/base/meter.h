/* base/meter.h: what is measured often and read now and then: how many, their sum, the least, the
 * most. A writer touches a cache line that few others do (threads are spread over METER_SHARDS of
 * them) and takes no lock; counts and sums only rise, so a reader takes the difference to what it
 * saw before. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

enum { METER_SHARDS = 4, METER_BUCKETS = 608 };
struct meter {
    struct meter_shard {
        _Alignas(64) _Atomic uint64_t count, sum;
        _Atomic uint64_t least, most; /* since they were taken; least: plus one, 0: none yet */
    } shards[METER_SHARDS];
    /* How many values lie in each bucket since they were taken: sixteen buckets for each power of
     * two, so that a value is known to a 32nd of itself. NULL: not kept. Owned. */
    _Atomic uint32_t *spread;
};
struct meter_bucket {
    uint64_t value, count; /* value: the middle of the bucket */
};
struct meter_sums {
    uint64_t count, sum, least, most;
};
/* Zeroed. */
struct meter *meter_new(bool spread);
void meter_free(struct meter *meter); /* accepts NULL */
/* `value`: at most 2^40, in a unit of the meter's. NULL: nothing. */
void meter_add(struct meter *meter, uint64_t value);
/* `count` of them in one step, of the same value each. */
void meter_add_many(struct meter *meter, uint64_t value, uint64_t count);
/* All since the start; least and most are left 0. */
struct meter_sums meter_total(const struct meter *meter);
/* Least and most since the last call of this; by one reader alone. */
void meter_take_range(struct meter *meter, uint64_t *ret_least, uint64_t *ret_most);
/* The buckets that have any since the last call, ascending; returns their number. By one reader
 * alone. */
size_t meter_take_spread(struct meter *meter, struct meter_bucket ret[static METER_BUCKETS]);
