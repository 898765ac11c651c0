/* athena/iceberg_files.h: rows as Parquet files of an Iceberg table, on their way from the query's
 * folder into the table: columns carry their field ids, manifests tell the files' statistics. */
#pragma once
#include "athena/engine.h"
#include "iceberg/iceberg.h"

struct athena_iceberg_copy {
    struct mr_slice path; /* of a folder */
    const char *codec;
    int level;          /* 0: the codec has none */
    int64_t file_bytes; /* about */
};
/* COPY (SELECT the schema's columns FROM relation) TO files. The relation has the columns under
 * their names in lower case. */
void athena_iceberg_copy_sql(struct mr_arena *arena, const struct iceberg_schema *schema,
                             struct mr_slice relation, const struct athena_iceberg_copy *to,
                             struct mr_buf *sql);
/* Calls fn for each entry of folder `name` below `fd`, with its name below `fd`; other results of
 * it than MR_OK end the walk. MR_NOT_FOUND: there is no such folder. */
MR_MUST_USE enum mr_status athena_iceberg_walk(
    struct mr_arena *arena, int fd, struct mr_slice name,
    enum mr_status (*fn)(void *ctx, struct mr_slice folder, struct mr_slice entry), void *ctx);
/* "day=2026-07-03/id_bucket=5/": where files of the partition are, below the table's data. */
struct mr_slice athena_iceberg_folder(struct mr_arena *arena, const struct iceberg_schema *schema,
                                      const struct iceberg_spec *spec,
                                      const struct mr_slice *partition);
/* A file below `fd` becomes one that the change adds. */
MR_MUST_USE enum mr_status athena_iceberg_stage(struct iceberg_change *change, int fd,
                                                struct mr_slice name, struct mr_slice folder,
                                                const struct iceberg_file *file);

/* ---- lake_stats.c ---- */
struct athena_lake_stats { /* of one file; the first four are the caller's */
    struct mr_arena *arena;
    const struct iceberg_schema *schema;
    const struct mr_slice *names; /* of the columns in the file */
    struct mr_slice path;
    struct athena_sink sink;
    struct mr_slice *texts; /* ptr NULL: null */
    size_t count;
};
/* The query that asks, for the caller to run (with a handle); then: */
struct athena_execution athena_lake_stats_begin(struct athena_lake_stats *lake);
/* Fills in records and statistics. */
void athena_lake_stats_end(const struct athena_lake_stats *lake, struct iceberg_file *file);
