/* firehose/thrift.h: writes Thrift's compact protocol, which Parquet's headers are in. */
#pragma once
#include "base/buf.h"

enum thrift_type {
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_STRUCT = 12
};
enum { THRIFT_DEPTH_MAX = 12 };
struct thrift {
    struct mr_buf *buf;
    int last[THRIFT_DEPTH_MAX]; /* the newest field of each open struct */
    int depth;
};
struct thrift thrift_make(struct mr_buf *buf); /* a struct is open */
void thrift_i32(struct thrift *thrift, int field, int32_t value);
void thrift_bool(struct thrift *thrift, int field, bool value);
void thrift_i64(struct thrift *thrift, int field, int64_t value);
void thrift_text(struct thrift *thrift, int field, struct mr_slice text);
void thrift_list(struct thrift *thrift, int field, enum thrift_type type, size_t count);
void thrift_struct(struct thrift *thrift, int field); /* thrift_end closes it */
void thrift_item(struct thrift *thrift);              /* the same, of a list */
void thrift_item_i32(struct thrift *thrift, int32_t value);
void thrift_item_text(struct thrift *thrift, struct mr_slice text);
void thrift_end(struct thrift *thrift); /* also of the first struct */
