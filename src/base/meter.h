/* base/meter.h: what is measured often and read now and then: how many, their sum, the least, the
 * most. A writer touches a cache line that few others do (threads are spread over METER_SHARDS of
 * them) and takes no lock; counts and sums only rise, so a reader takes the difference to what it
 * saw before. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

enum { METER_SHARDS = 4 };
struct meter {
    struct meter_shard {
        _Alignas(64) _Atomic uint64_t count, sum;
        _Atomic uint64_t least, most; /* since they were taken; least: plus one, 0: none yet */
    } shards[METER_SHARDS];
};
struct meter_sums {
    uint64_t count, sum, least, most;
};
/* Zeroed; freed by free(). */
struct meter *meter_new(void);
/* `value`: at most 2^40, in a unit of the meter's. NULL: nothing. */
void meter_add(struct meter *meter, uint64_t value);
/* `count` of them in one step, of the same value each. */
void meter_add_many(struct meter *meter, uint64_t value, uint64_t count);
/* All since the start; least and most are left 0. */
struct meter_sums meter_total(const struct meter *meter);
/* Least and most since the last call of this; by one reader alone. */
void meter_take_range(struct meter *meter, uint64_t *ret_least, uint64_t *ret_most);
