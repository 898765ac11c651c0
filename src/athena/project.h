/* athena/project.h: partition projection: a table's partitions worked out from its properties
 * instead of being looked up. */
#pragma once
#include "athena/prune.h"
#include "glue/glue.h"

enum { ATHENA_PROJECTED_MAX = 1000000 }; /* partitions one query may come to */

struct athena_projection_error {
    const char *code;
    struct mr_slice message;
};
bool athena_projection_enabled(const struct glue_table *table);
/* Calls fn for each partition that the prune keeps, with values in the order of the keys and the
 * location; all live in the arena. MR_OK; MR_INVALID: the error is set; others: fn's. */
MR_MUST_USE enum mr_status athena_projection_each(
    struct mr_arena *arena, const struct glue_table *table, const struct athena_prune *prune,
    int64_t now_ms,
    enum mr_status (*fn)(void *ctx, const struct mr_slice *values, struct mr_slice location),
    void *ctx, struct athena_projection_error *error);
