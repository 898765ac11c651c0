/* base/meters.h: meters by name: a namespace, a metric's name and unit, and dimensions. Who
 * measures keeps a meter_set for each thing; who publishes walks all of them now and then.
 *
 * A meter lives as long as the registry, so that nobody needs a reference; METERS_MAX bounds them,
 * and what finds no room is not measured. Threads: any. */
#pragma once
#include "base/meter.h"
#include "base/slice.h"

enum { METERS_MAX = 10000, METER_DIMENSIONS_MAX = 3 };
struct meters;
struct meters *meters_new(void);
void meters_free(struct meters *meters); /* accepts NULL */

struct meter_kind {
    const char *name, *unit;
    double scale; /* what a meter's values are divided by, to be in that unit */
};
struct meter_dimension {
    const char *name;
    struct mr_slice value;
};
/* In order of the dimensions' names. What is in Milliseconds keeps its spread, for percentiles.
 * NULL: no registry, or METERS_MAX. */
struct meter *meters_get(struct meters *meters, const char *space, const struct meter_kind *kind,
                         const struct meter_dimension *dimensions, size_t count);

struct meters_item {
    struct meters_item *next;
    const char *space;
    const struct meter_kind *kind;
    char *dimensions; /* JSON: [{"Name","Value"}...] by name; owned */
    struct meter *meter;
    struct meter_sums seen; /* the publisher's own */
};
/* The list only grows at its front: it may be walked without a lock. */
struct meters_item *meters_first(struct meters *meters);

/* The meters of one thing, each made when it is first used. `space`, `kinds` and the dimensions'
 * names are constants; values are copied. */
struct meter_set {
    struct meters *meters;
    const char *space;
    const struct meter_kind *kinds;
    size_t count;
    struct meter_dimension dimensions[METER_DIMENSIONS_MAX]; /* values owned */
    size_t dimension_count;
    _Atomic(struct meter *) *of; /* owned */
};
void meter_set_init(struct meter_set *set, struct meters *meters, const char *space,
                    const struct meter_kind *kinds, size_t count);
/* Before the set is used; in order of names. */
void meter_set_dimension(struct meter_set *set, const char *name, struct mr_slice value);
void meter_set_fini(struct meter_set *set); /* accepts a zeroed one */
struct meter *meter_set_get(struct meter_set *set, size_t kind);
static inline void meter_set_add(struct meter_set *set, size_t kind, uint64_t value)
{
    meter_add(meter_set_get(set, kind), value);
}
