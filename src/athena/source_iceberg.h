/* athena/source_iceberg.h: Iceberg tables among the tables of a query. */
#pragma once
#include "athena/source.h"
#include "iceberg/iceberg.h"

/* Appends the relation that stands for the table as of its time or version. False: the error is
 * set. */
bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_node *node, const struct glue_table *table,
                           struct mr_buf *out);
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
