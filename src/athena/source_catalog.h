/* athena/source_catalog.h: relations about the catalog itself: "t$partitions" and those of
 * information_schema. Their rows are written into the query; ATHENA_SQL_BYTES_MAX bounds them. */
#pragma once
#include "athena/source.h"

#define ATHENA_INFORMATION_SCHEMA "information_schema"

/* Appends a row of its keys for each partition. False: the error is set. */
bool athena_source_partitions(struct athena_source *source, struct athena_translation *translation,
                              const struct athena_table_use *use, const struct glue_table *table,
                              struct mr_buf *out);
/* Appends information_schema.<name>. Databases and tables that the WHERE clause rules out are not
 * looked at. False: the error is set. */
bool athena_source_information(struct athena_source *source, struct athena_translation *translation,
                               const struct athena_table_use *use, struct mr_slice name,
                               struct mr_buf *out);
