/* glue/sample.h: what shape the head of an object has: JSON records or delimited text, and their
 * schema. */
#pragma once
#include "glue/lake.h"

enum { SAMPLE_HEAD_BYTES = 1 << 20 };

/* Reads at most SAMPLE_HEAD_BYTES of `fd`; inflated when `gzip`. `ret_whole`: that was all of it.
 * MR_INVALID: no gzip. */
MR_MUST_USE enum mr_status glue_sample_read(int fd, bool gzip, struct mr_buf *ret_head,
                                            bool *ret_whole);
/* `bytes`: size of the whole object (as stored). The shape's memory comes from the arena. False: of
 * no known shape. */
bool glue_sample_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       struct lake_shape *ret_shape);
/* Length of the first JSON object in `text`, which begins with '{'; 0: it does not end here. */
size_t glue_sample_object_length(struct mr_slice text);
