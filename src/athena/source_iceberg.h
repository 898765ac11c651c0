/* athena/source_iceberg.h: Iceberg tables among the tables of a query. */
#pragma once
#include "athena/source.h"

/* Appends the relation that stands for the table as it is now. False: the error is set. */
bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_node *node, const struct glue_table *table,
                           struct mr_buf *out);
