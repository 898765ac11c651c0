/* athena/parquet.h: the objects of a scan as a relation of DuckDB's Parquet reader.
 *
 * Each object of the scan gets a link in the query's folder; DuckDB is told their names and a
 * schema: the columns of the catalog, found by name (or by field id, where a column has one), NULL
 * where an object lacks them. What is known of an object and not in it, the values of its partition
 * and the hidden columns, comes from mr_key(scan, column, file). Where the table finds columns by
 * their place, objects whose names there differ are read apart (layouts.h). */
#pragma once
#include "athena/scan.h"
#include "athena/work.h"

/* How objects are read without a schema, behind their names. */
#define ATHENA_PARQUET_PLAIN ", hive_partitioning=false, binary_as_string=true"

struct athena_cache;
struct athena_footers;
/* Appends "(SELECT ...)" or "read_parquet(...)", to be followed by AS. The scan has its id, and
 * gets its chunk_bytes. Objects of which the footers say that they fit are read without a schema,
 * or from the cache.
 * MR_FAIL_IO. MR_FULL: columns are found by place, and there are too many layouts. MR_INVALID: an
 * object has a column of another type, told by scan->misfit. */
MR_MUST_USE enum mr_status athena_parquet_relation(struct athena_scan *scan,
                                                   struct athena_cache *cache,
                                                   struct athena_footers *footers,
                                                   struct athena_work_folder *folder,
                                                   struct mr_buf *out);
/* DuckDB's message about one of the objects in Athena's words, in the arena, with its code in
 * front; other messages as they are. */
struct mr_slice athena_parquet_error(const struct athena_scan *scans, struct mr_arena *arena,
                                     struct mr_slice message);
/* A name or literal in its quotes. */
void athena_sql_quoted(struct mr_buf *out, struct mr_slice text, char quote);
/* DuckDB's word for a type. */
void athena_type_sql(struct mr_buf *out, const struct athena_type *type);
/* Registers mr_key. */
MR_MUST_USE enum mr_status athena_parquet_register(duckdb_connection connection,
                                                   struct athena_scans *scans);
