/* athena/compact.h: Thrift's compact protocol, read from bytes that are trusted in nothing: each
 * call takes what it read off the front, and says false when there is no such thing. */
#pragma once
#include "base/slice.h"

enum { /* types */
       COMPACT_TRUE = 1,
       COMPACT_FALSE = 2,
       COMPACT_BYTE = 3,
       COMPACT_I16 = 4,
       COMPACT_I32 = 5,
       COMPACT_I64 = 6,
       COMPACT_DOUBLE = 7,
       COMPACT_BINARY = 8,
       COMPACT_LIST = 9,
       COMPACT_SET = 10,
       COMPACT_MAP = 11,
       COMPACT_STRUCT = 12,
};
/* The next field of a struct: its id, counted on from the one before (0 at first), and its type;
 * type 0: the struct ends. */
bool compact_field(struct mr_slice *bytes, uint64_t *field, int *ret_type);
bool compact_skip(struct mr_slice *bytes, int type); /* a field's value */
bool compact_list(struct mr_slice *bytes, int *ret_type, uint64_t *ret_count);
bool compact_varint(struct mr_slice *bytes, uint64_t *ret);
bool compact_number(struct mr_slice *bytes, int64_t *ret);       /* of I16 to I64 */
bool compact_text(struct mr_slice *bytes, struct mr_slice *ret); /* of BINARY; borrowed */
