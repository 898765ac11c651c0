/* athena/prune.h: which partitions a WHERE clause rules out before any of their objects is opened.
 *
 * Only what is certain rules out: comparisons, IN, BETWEEN and LIKE of a partition key with
 * literals, joined by AND, OR and NOT; everything else may be true. The clause is applied to the
 * rows all the same. */
#pragma once
#include "athena/ast.h"
#include "athena/types.h"

struct athena_prune {
    const struct athena_node *where; /* NULL: rules out nothing */
    struct mr_slice alias;           /* how the table's columns may be qualified */
    bool only;                       /* unqualified names can only be this table's */
    const struct mr_slice *keys;     /* lower case */
    const struct athena_type *types; /* of the keys */
    size_t key_count;
    struct athena_node *const *parameters; /* for ? */
    size_t parameter_count;
};
/* The values that the clause allows for a key: literals of = and IN that stand at its top, joined
 * by AND. False: there are none. */
bool athena_prune_values(const struct athena_prune *prune, size_t key, struct mr_arena *arena,
                         struct mr_slice **ret_values, size_t *ret_count);
/* False: no row of a partition with these values can pass; one whose ptr is NULL is any value. */
bool athena_prune_keeps(const struct athena_prune *prune, const struct mr_slice *values);
/* True: every row of a partition with these values passes. */
bool athena_prune_passes(const struct athena_prune *prune, const struct mr_slice *values);
/* Index of the key that the node names; SIZE_MAX: none. */
size_t athena_prune_key(const struct athena_prune *prune, const struct athena_node *node);
/* The operator for operands that have changed places: ">" for "<". */
struct mr_slice athena_prune_mirrored(struct mr_slice operator);
