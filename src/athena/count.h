/* athena/count.h: how many rows Parquet objects have, by their footers alone.
 *
 * A query that only counts the rows of a table needs nothing else of its objects, and no engine. */
#pragma once
#include "athena/ast.h"
#include "athena/scan.h"

/* The table whose rows are all that the query counts: SELECT count(*) FROM it, with or without a
 * WHERE clause. NULL: the query asks for more. */
const struct athena_node *athena_count_table(const struct athena_node *query);
/* The rows of all objects of the scan, which is one of Parquet. False: a footer cannot be read;
 * the engine says why. */
bool athena_count_rows(struct athena_scan *scan, uint64_t *ret_rows);
/* `bytes` are the beginning of a footer, a FileMetaData of Thrift's compact protocol. MR_INVALID:
 * it is none, or what tells the rows lies behind them. */
MR_MUST_USE enum mr_status athena_count_footer(struct mr_slice bytes, uint64_t *ret_rows);
