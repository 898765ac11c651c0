/* athena/explain.h: a query's plan as text, in the shape of Trino's: what is done to which rows. It
 * tells what the query means, in the order in which its clauses work; how DuckDB orders joins is
 * not in it. */
#pragma once
#include "athena/translate.h"

/* `query` has been translated by `translation`. Appends lines that end with '\n'. */
void athena_explain(struct athena_translation *translation, const struct athena_node *query,
                    struct mr_buf *out);
