#include "firehose/thrift.h"
#include <assert.h>

struct thrift thrift_make(struct mr_buf *buf)
{
    return (struct thrift){.buf = buf};
}

static void field_head(struct thrift *thrift, int field, enum thrift_type type)
{
    const int step = field - thrift->last[thrift->depth];
    assert(step >= 1 && step <= 15);
    mr_buf_byte(thrift->buf, (char)(step << 4 | (int)type));
    thrift->last[thrift->depth] = field;
}

static void zigzag(struct mr_buf *buf, int64_t value)
{
    mr_buf_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void thrift_i32(struct thrift *thrift, int field, int32_t value)
{
    field_head(thrift, field, THRIFT_I32);
    zigzag(thrift->buf, value);
}

void thrift_bool(struct thrift *thrift, int field, bool value)
{
    field_head(thrift, field, (enum thrift_type)(value ? 1 : 2)); /* the type is the value */
}

void thrift_i64(struct thrift *thrift, int field, int64_t value)
{
    field_head(thrift, field, THRIFT_I64);
    zigzag(thrift->buf, value);
}

void thrift_text(struct thrift *thrift, int field, struct mr_slice text)
{
    field_head(thrift, field, THRIFT_BINARY);
    mr_buf_bytes(thrift->buf, text);
}

void thrift_list(struct thrift *thrift, int field, enum thrift_type type, size_t count)
{
    field_head(thrift, field, THRIFT_LIST);
    if (count < 15) {
        mr_buf_byte(thrift->buf, (char)((int)count << 4 | (int)type));
        return;
    }
    mr_buf_byte(thrift->buf, (char)(0xf0 | (int)type));
    mr_buf_varint(thrift->buf, count);
}

void thrift_struct(struct thrift *thrift, int field)
{
    field_head(thrift, field, THRIFT_STRUCT);
    thrift_item(thrift);
}

void thrift_item(struct thrift *thrift)
{
    assert(thrift->depth + 1 < THRIFT_DEPTH_MAX);
    thrift->last[++thrift->depth] = 0;
}

void thrift_item_i32(struct thrift *thrift, int32_t value)
{
    zigzag(thrift->buf, value);
}

void thrift_item_text(struct thrift *thrift, struct mr_slice text)
{
    mr_buf_bytes(thrift->buf, text);
}

void thrift_end(struct thrift *thrift)
{
    mr_buf_byte(thrift->buf, 0);
    thrift->depth--;
}
