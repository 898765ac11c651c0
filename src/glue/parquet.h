/* glue/parquet.h: the schema in the footer of a Parquet file. */
#pragma once
#include "glue/lake.h"

/* Reads the footer of the file `fd` of `bytes` bytes. The shape's memory comes from the arena.
 * MR_INVALID: it is no Parquet file, or one without columns. */
MR_MUST_USE enum mr_status glue_parquet_read(struct mr_arena *arena, int fd, uint64_t bytes,
                                             struct lake_shape *ret_shape);
/* The same from the footer's bytes. */
MR_MUST_USE enum mr_status glue_parquet_footer(struct mr_arena *arena, struct mr_slice footer,
                                               struct lake_shape *ret_shape);
