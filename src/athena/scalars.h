/* athena/scalars.h: scalar functions of ours inside DuckDB, where Trino's results differ from its
 * own: mr_div, mr_mod         whole numbers stay whole, division by zero is an error mr_text,
 * mr_typeof     any value as Trino's text; its type mr_cardinality         of arrays and maps
 *   mr_date_add, mr_date_trunc   a date stays a date, a timestamp a timestamp
 * An error's text begins with the name Athena gives it ("DIVISION_BY_ZERO: Division by zero"). */
#pragma once
#include "athena/duck.h"
#include "base/buf.h"

MR_MUST_USE enum mr_status athena_scalars_register(duckdb_connection connection);
/* Calls `make` with the text of each macro until it returns false. */
bool athena_macros_make(bool (*make)(void *ctx, const char *sql), void *ctx);
/* Units as date_add spells them, on microseconds since 1970. False: no such unit, or out of range.
 */
bool athena_moment_add(struct mr_slice unit, int64_t count, int64_t *micros);
bool athena_moment_truncate(struct mr_slice unit, int64_t *micros);
