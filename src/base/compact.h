/* base/compact.h: Thrift's compact protocol, read from bytes that are trusted in nothing: each
 * call takes what it read off the front, and says false when there is no such thing. Nothing is
 * taken for longer than there are bytes, and skipped values are at most 16 deep. */
#pragma once
#include "base/slice.h"
#include <stdint.h>

enum { /* types */
       MR_COMPACT_TRUE = 1,
       MR_COMPACT_FALSE = 2,
       MR_COMPACT_BYTE = 3,
       MR_COMPACT_I16 = 4,
       MR_COMPACT_I32 = 5,
       MR_COMPACT_I64 = 6,
       MR_COMPACT_DOUBLE = 7,
       MR_COMPACT_BINARY = 8,
       MR_COMPACT_LIST = 9,
       MR_COMPACT_SET = 10,
       MR_COMPACT_MAP = 11,
       MR_COMPACT_STRUCT = 12,
};
/* The next field of a struct: its id, counted on from the one before (0 at first), and its type;
 * type 0: the struct ends. */
bool mr_compact_field(struct mr_slice *bytes, uint64_t *field, int *ret_type);
bool mr_compact_skip(struct mr_slice *bytes, int type); /* a field's value */
bool mr_compact_list(struct mr_slice *bytes, int *ret_type, uint64_t *ret_count);
bool mr_compact_byte(struct mr_slice *bytes, uint8_t *ret);
bool mr_compact_varint(struct mr_slice *bytes, uint64_t *ret);
bool mr_compact_number(struct mr_slice *bytes, int64_t *ret);       /* of I16 to I64 */
bool mr_compact_text(struct mr_slice *bytes, struct mr_slice *ret); /* of BINARY; borrowed */
