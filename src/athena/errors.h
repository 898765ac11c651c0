/* athena/errors.h: DuckDB's messages in Athena's words. */
#pragma once
#include "athena/ast.h"

/* Sets `error` from the message; names in it are looked for in the query's tree, for line and
 * column. */
void athena_error_from_duck(struct mr_arena *arena, struct mr_slice message,
                            const struct athena_node *query, struct athena_error *error);
/* The first node from `node` on, and below, that `fits`; NULL: none. */
const struct athena_node *athena_error_find(const struct athena_node *node,
                                            bool (*fits)(const struct athena_node *node,
                                                         const void *ctx),
                                            const void *ctx);
/* What stands between the two texts; empty: they are not there. */
struct mr_slice athena_error_between(struct mr_slice text, const char *before, const char *behind);
/* "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved": a failed query's StateChangeReason.
 */
struct mr_slice athena_error_text(struct mr_arena *arena, const struct athena_error *error);
/* What DuckDB says of a value that has no place in a type, in Trino's words; the query tells what
 * it was cast from. False: the message is about something else. */
bool athena_error_from_cast(struct mr_arena *arena, struct mr_slice message,
                            const struct athena_node *query, struct athena_error *error);
