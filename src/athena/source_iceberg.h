/* athena/source_iceberg.h: Iceberg tables among the tables of a query. */
#pragma once
#include "athena/prune.h"
#include "athena/source.h"
#include "iceberg/iceberg.h"

enum { ICEBERG_DELETE_PATH_ID = 2147483546, ICEBERG_DELETE_ROW_ID = 2147483545 }; /* reserved ids */
/* Columns of source->target's rows: where each is. */
#define ATHENA_ROW_FILE "$file"
#define ATHENA_ROW_NUMBER "$row"

/* Appends the relation that stands for the table as of its time or version. False: the error is
 * set. */
bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_table_use *use, const struct glue_table *table,
                           struct mr_buf *out);
struct athena_iceberg_rows { /* some files of a table, of data and deletes, and its columns */
    const struct iceberg_table *table;
    const struct iceberg_schema *schema;
    const struct iceberg_file *files;
    size_t count;
    const struct athena_table_use *use; /* its table node is where errors point; where prunes */
};
/* Appends a relation of the rows of the data that the deletes leave, under the columns' names in
 * lower case. False: the error is set. */
bool athena_source_iceberg_rows(struct athena_source *source,
                                struct athena_translation *translation,
                                const struct athena_iceberg_rows *rows, struct mr_buf *out);
/* Whether rows of the file may pass the clause, by its partition and statistics. */
bool athena_source_iceberg_keeps(const struct athena_prune *prune, struct mr_arena *arena,
                                 const struct athena_iceberg_rows *rows,
                                 const struct iceberg_file *file);
/* A text that files of one partition have in common, and those of others not. */
struct mr_slice athena_source_iceberg_partition(struct mr_arena *arena,
                                                const struct iceberg_metadata *metadata,
                                                const struct iceberg_file *file);
/* ---- source_metadata.c ---- */
/* "t$snapshots" becomes "t"; gives "$snapshots". Empty: it is a table's own name. */
struct mr_slice athena_source_suffix(struct mr_slice *name);
/* Appends the relation that stands for a metadata table of the Iceberg table. False: the error is
 * set. */
bool athena_source_metadata(struct athena_source *source, struct athena_translation *translation,
                            const struct athena_table_use *use, const struct glue_table *table,
                            struct mr_slice suffix, struct mr_buf *out);
/* ---- source_version.c ---- */
/* The snapshot that the table of the FROM clause names; NULL: it has none yet. False: the error is
 * set. */
bool athena_source_version(struct athena_translation *translation, const struct athena_node *table,
                           const struct iceberg_table *of, int64_t now_ms,
                           const struct iceberg_snapshot **ret_snapshot);
