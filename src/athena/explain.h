/* athena/explain.h: a query's plan, in the shape of Trino's: what is done to which rows. It tells
 * what the query means, in the order in which its clauses work; how DuckDB orders joins is not in
 * it. */
#pragma once
#include "athena/source.h"
#include "athena/statement.h"

struct athena_plan_step { /* what it works on follows it, one deeper */
    size_t depth;         /* of the last one, Output: 0 */
    struct mr_slice text; /* "Filter[filterPredicate = ...]" */
};
struct athena_plan {
    struct athena_plan_step *steps; /* in the translation's arena */
    size_t count, capacity;
    const struct athena_fields *fields; /* of the result */
};
/* `query` has been translated by `translation`. */
void athena_explain(struct athena_translation *translation, const struct athena_node *query,
                    struct athena_plan *ret_plan);
/* Appends lines that end with '\n'; `fragments`: as the distributed plan, which is one fragment. */
void athena_plan_write(const struct athena_plan *plan, enum athena_plan_format format,
                       bool fragments, struct mr_buf *out);
/* What EXPLAIN (TYPE IO) tells: the tables that are read, as JSON. */
void athena_plan_inputs(const struct athena_source *source, struct mr_buf *out);
