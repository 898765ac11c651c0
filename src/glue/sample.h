/* glue/sample.h: what shape the head of an object has: JSON records or delimited text, and their
 * schema. */
#pragma once
#include "glue/classifier.h"
#include "glue/lake.h"

enum { SAMPLE_HEAD_BYTES = 1 << 20 };

/* How the name of an object says that it is packed. */
enum mr_packing glue_sample_packing(struct mr_slice key);
/* Reads at most SAMPLE_HEAD_BYTES of `fd`, unpacked. `ret_whole`: that was all of it. MR_INVALID:
 * it is not packed so. */
MR_MUST_USE enum mr_status glue_sample_read(int fd, enum mr_packing packing,
                                            struct mr_buf *ret_head, bool *ret_whole);
/* `bytes`: size of the whole object (as stored). Tries the classifiers (NULL: none) in their order,
 * then JSON, then delimited text. The shape's memory comes from the arena. False: of no known
 * shape. */
bool glue_sample_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       const struct glue_classifiers *classifiers, struct lake_shape *ret_shape);
/* Length of the JSON object or array that `text` begins with; 0: it does not end here. */
size_t glue_sample_object_length(struct mr_slice text);
