/* athena/prune_range.h: which files a WHERE clause rules out by what is known of their columns'
 * values: bounds and numbers of nulls, as Iceberg's manifests tell them.
 *
 * Only what is certain rules out: comparisons, IN, BETWEEN and IS [NOT] NULL of a column with
 * literals of its own type, joined by AND and OR. Bounds that cannot be ones (of another length
 * than their type's, the lower above the upper) are passed over. */
#pragma once
#include "athena/prune.h"
#include "iceberg/manifest.h"

struct athena_range { /* of a column's values that are not null */
    const struct iceberg_type *type;
    struct mr_slice lower, upper; /* ptr NULL: not known; they need not occur */
    bool no_nulls, only_nulls;    /* known to be so */
};
/* False: no row of a file with these ranges, one for each of prune->keys, can pass. Of `prune`
 * where, alias, only, keys, key_count and parameters are looked at. */
bool athena_prune_range(const struct athena_prune *prune, struct mr_arena *arena,
                        const struct athena_range *ranges);
/* A range without what cannot be. */
void athena_range_check(struct athena_range *range);
