#include "base/compact.h"

enum { DEPTH_MAX = 16 };

bool mr_compact_byte(struct mr_slice *bytes, uint8_t *ret)
{
    if (bytes->len == 0)
        return false;
    *ret = (uint8_t)bytes->ptr[0];
    *bytes = mr_slice_sub(*bytes, 1, SIZE_MAX);
    return true;
}

bool mr_compact_varint(struct mr_slice *bytes, uint64_t *ret)
{
    uint8_t byte = 0x80;
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && byte >= 0x80; shift += 7) {
        if (!mr_compact_byte(bytes, &byte))
            return false;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
    }
    return byte < 0x80;
}

static bool take_bytes(struct mr_slice *bytes, uint64_t count)
{
    if (count > bytes->len)
        return false;
    *bytes = mr_slice_sub(*bytes, (size_t)count, SIZE_MAX);
    return true;
}

/* The type of the next field; 0: the struct ends. */
bool mr_compact_field(struct mr_slice *bytes, uint64_t *field, int *ret_type)
{
    uint8_t head;
    uint64_t id;
    if (!mr_compact_byte(bytes, &head))
        return false;
    *ret_type = head & 0x0f;
    if (*ret_type == 0)
        return true;
    if (head >> 4 != 0) {
        *field += head >> 4;
        return true;
    }
    if (!mr_compact_varint(bytes, &id))
        return false;
    *field = id >> 1; /* zigzag: ids are not negative */
    return true;
}

static bool skip(struct mr_slice *bytes, int type, bool in_list, int depth);

static bool skip_list(struct mr_slice *bytes, int depth)
{
    uint64_t count;
    int type;
    if (!mr_compact_list(bytes, &type, &count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!skip(bytes, type, true, depth))
            return false;
    }
    return true;
}

static bool skip_map(struct mr_slice *bytes, int depth)
{
    uint8_t types = 0;
    uint64_t count;
    if (!mr_compact_varint(bytes, &count) || (count > 0 && !mr_compact_byte(bytes, &types)))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!skip(bytes, types >> 4, true, depth) || !skip(bytes, types & 0x0f, true, depth))
            return false;
    }
    return true;
}

static bool skip_struct(struct mr_slice *bytes, int depth)
{
    uint64_t field = 0;
    int type;
    do {
        if (!mr_compact_field(bytes, &field, &type) ||
            (type != 0 && !skip(bytes, type, /* in_list= */ false, depth)))
            return false;
    } while (type != 0);
    return true;
}

/* A value; a field's truth stands in its type, a list's in a byte. */
static bool skip(struct mr_slice *bytes, int type, bool in_list, int depth)
{
    uint64_t number;
    if (depth >= DEPTH_MAX)
        return false;
    switch (type) {
    case MR_COMPACT_TRUE:
    case MR_COMPACT_FALSE: return !in_list || take_bytes(bytes, 1);
    case MR_COMPACT_BYTE: return take_bytes(bytes, 1);
    case MR_COMPACT_I16:
    case MR_COMPACT_I32:
    case MR_COMPACT_I64: return mr_compact_varint(bytes, &number);
    case MR_COMPACT_DOUBLE: return take_bytes(bytes, 8);
    case MR_COMPACT_BINARY: return mr_compact_varint(bytes, &number) && take_bytes(bytes, number);
    case MR_COMPACT_LIST:
    case MR_COMPACT_SET: return skip_list(bytes, depth + 1);
    case MR_COMPACT_MAP: return skip_map(bytes, depth + 1);
    case MR_COMPACT_STRUCT: return skip_struct(bytes, depth + 1);
    default: return false;
    }
}

bool mr_compact_skip(struct mr_slice *bytes, int type)
{
    return skip(bytes, type, /* in_list= */ false, 0);
}

bool mr_compact_list(struct mr_slice *bytes, int *ret_type, uint64_t *ret_count)
{
    uint8_t head;
    if (!mr_compact_byte(bytes, &head))
        return false;
    *ret_type = head & 0x0f;
    *ret_count = head >> 4;
    return *ret_count < 15 || mr_compact_varint(bytes, ret_count);
}

bool mr_compact_number(struct mr_slice *bytes, int64_t *ret)
{
    uint64_t zigzag;
    if (!mr_compact_varint(bytes, &zigzag))
        return false;
    *ret = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    return true;
}

bool mr_compact_text(struct mr_slice *bytes, struct mr_slice *ret)
{
    uint64_t len;
    if (!mr_compact_varint(bytes, &len) || len > bytes->len)
        return false;
    *ret = mr_slice_sub(*bytes, 0, (size_t)len);
    return take_bytes(bytes, len);
}
