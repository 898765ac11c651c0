/* athena/lake.h: Iceberg's types and values in DuckDB's words: the SQL that gives a value as a text
 * that does not depend on how DuckDB shows it, that text in Iceberg's binary form, and
 * mr_transform(code, parameter, text), a partition's value of a row. */
#pragma once
#include "athena/duck.h"
#include "iceberg/types.h"

/* May rows with a column of this type be written? Times, UUIDs and fixed lengths, which no table
 * made here has, may not; moments with a zone only as they were read (`zoned`). */
bool athena_lake_writes(const struct iceberg_type *type, bool zoned);
/* {"a":1,"s":{__duckdb_field_id:2,"x":3}} for COPY; `names`: of the schema's columns in the query.
 */
void athena_lake_field_ids(struct mr_buf *sql, const struct iceberg_schema *schema,
                           const struct mr_slice *names);
/* The SQL of the text of `expression`, whose type is not nested. */
void athena_lake_text(struct mr_buf *sql, const struct iceberg_type *type,
                      struct mr_slice expression);
/* That text as Iceberg's value; ptr NULL: it is none. */
struct mr_slice athena_lake_value(struct mr_arena *arena, const struct iceberg_type *type,
                                  struct mr_slice text);
/* The SQL of the partition value of `expression`, as text: NULL, or "x" and the value in hex. */
void athena_lake_partition(struct mr_buf *sql, const struct iceberg_partition_field *field,
                           const struct iceberg_type *type, struct mr_slice expression);
/* What such a text means; ptr NULL: null. */
struct mr_slice athena_lake_partition_value(struct mr_arena *arena, struct mr_slice text);
/* Registers mr_transform. */
MR_MUST_USE enum mr_status athena_lake_register(duckdb_connection connection);
