/* glue/avro.h: what the head of an Avro object file tells: its schema in Hive's words. */
#pragma once
#include "glue/lake.h"

#define GLUE_AVRO_MAGIC "Obj\x01"
enum { GLUE_AVRO_MAGIC_BYTES = 4 };

/* `head`: the first bytes of an object of `size` bytes. Its records are counted as far as their
 * blocks lie in the head, and estimated beyond. The shape's texts are in the arena. MR_INVALID: it
 * is no such file, or its schema is longer than the head. Pure. */
MR_MUST_USE enum mr_status glue_avro_shape(struct mr_arena *arena, struct mr_slice head,
                                           uint64_t size, struct lake_shape *ret_shape);
