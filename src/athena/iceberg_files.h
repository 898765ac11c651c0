/* athena/iceberg_files.h: rows of a relation as Parquet files of an Iceberg table: columns carry
 * their field ids, and statistics are what a manifest tells of the files. */
#pragma once
#include "athena/engine.h"
#include "iceberg/iceberg.h"

/* False: a column has a type that is not written (time, uuid, fixed). */
bool athena_iceberg_writes(const struct iceberg_schema *schema);
/* COPY (SELECT the schema's columns FROM relation) TO 'path', a folder of files of about so many
 * bytes. The relation has the columns under their names in lower case. */
void athena_iceberg_copy_sql(struct mr_arena *arena, const struct iceberg_schema *schema,
                             struct mr_slice relation, struct mr_slice path, int64_t file_bytes,
                             struct mr_buf *sql);
/* Fills in records and statistics of one of those files; bounds of long texts are left out. False:
 * it cannot be read. */
bool athena_iceberg_describe(struct athena_engine *engine, struct mr_arena *arena,
                             const struct iceberg_schema *schema, struct mr_slice path,
                             struct iceberg_file *file);
