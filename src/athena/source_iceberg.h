/* athena/source_iceberg.h: Iceberg tables among the tables of a query. */
#pragma once
#include "athena/source.h"
#include "iceberg/iceberg.h"

/* Appends the relation that stands for the table as of its time or version. False: the error is
 * set. */
bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_node *node, const struct glue_table *table,
                           struct mr_buf *out);
#define ICEBERG_METADATA_REFUSED "Metadata tables of Iceberg tables are not supported"
/* Whether a name such as "t$snapshots" is about an Iceberg table t. */
bool athena_source_is_metadata(const struct athena_source *source, struct mr_slice database,
                               struct mr_slice name);
/* ---- source_version.c ---- */
/* The snapshot that the table of the FROM clause names; NULL: it has none yet. False: the error is
 * set. */
bool athena_source_version(struct athena_translation *translation, const struct athena_node *table,
                           const struct iceberg_table *of, int64_t now_ms,
                           const struct iceberg_snapshot **ret_snapshot);
