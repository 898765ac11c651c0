#include "base/buf.h"
#include "base/arena.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void mr_buf_fini(struct mr_buf *buf)
{
    free(buf->data);
    *buf = (struct mr_buf){0};
}

void mr_buf_reset(struct mr_buf *buf)
{
    buf->len = 0;
}

void mr_buf_grow(struct mr_buf *buf, size_t more)
{
    assert(more <= SIZE_MAX / 4 - buf->len);
    size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
    if (cap < buf->len + more)
        cap = buf->len + more;
    buf->data = mr_realloc(buf->data, cap);
    buf->cap = cap;
}

void mr_buf_append(struct mr_buf *buf, struct mr_slice s)
{
    if (s.len == 0)
        return;
    memcpy(mr_buf_reserve(buf, s.len), s.ptr, s.len);
    buf->len += s.len;
}

void mr_buf_byte(struct mr_buf *buf, char byte)
{
    *mr_buf_reserve(buf, 1) = byte;
    buf->len++;
}

void mr_buf_vprintf(struct mr_buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char *room = mr_buf_reserve(buf, 64);
    int wanted = vsnprintf(room, buf->cap - buf->len, format, args);
    assert(wanted >= 0);
    size_t len = (size_t)wanted;
    if (len >= buf->cap - buf->len) {
        room = mr_buf_reserve(buf, len + 1);
        vsnprintf(room, len + 1, format, again);
    }
    va_end(again);
    buf->len += len;
}

void mr_buf_printf(struct mr_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(buf, format, args);
    va_end(args);
}

static void put_little_endian(struct mr_buf *buf, uint64_t value, size_t width)
{
    char *room = mr_buf_reserve(buf, width);
    for (size_t i = 0; i < width; i++)
        room[i] = (char)(value >> (8 * i) & 0xff);
    buf->len += width;
}

void mr_buf_u32(struct mr_buf *buf, uint32_t value)
{
    put_little_endian(buf, value, 4);
}

void mr_buf_u64(struct mr_buf *buf, uint64_t value)
{
    put_little_endian(buf, value, 8);
}

void mr_buf_varint(struct mr_buf *buf, uint64_t value)
{
    char *room = mr_buf_reserve(buf, 10);
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        room[len++] = (char)((value & 0x7f) | 0x80);
    room[len++] = (char)value;
    buf->len += len;
}

void mr_buf_bytes(struct mr_buf *buf, struct mr_slice s)
{
    mr_buf_varint(buf, s.len);
    mr_buf_append(buf, s);
}

void mr_buf_consume(struct mr_buf *buf, size_t n)
{
    assert(n <= buf->len);
    if (n > 0 && n < buf->len)
        memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

struct mr_reader mr_reader_make(struct mr_slice s)
{
    const char *start = s.ptr == NULL ? "" : s.ptr;
    return (struct mr_reader){.next = start, .end = start + s.len};
}

struct mr_slice mr_read_raw(struct mr_reader *reader, size_t len)
{
    if (reader->failed || len > (size_t)(reader->end - reader->next)) {
        reader->failed = true;
        return (struct mr_slice){0};
    }
    struct mr_slice part = mr_slice_make(reader->next, len);
    reader->next += len;
    return part;
}

static uint64_t read_little_endian(struct mr_reader *reader, size_t width)
{
    struct mr_slice part = mr_read_raw(reader, width);
    uint64_t value = 0;
    for (size_t i = 0; i < part.len; i++)
        value |= (uint64_t)(unsigned char)part.ptr[i] << (8 * i);
    return value;
}

uint8_t mr_read_u8(struct mr_reader *reader)
{
    return (uint8_t)read_little_endian(reader, 1);
}

uint32_t mr_read_u32(struct mr_reader *reader)
{
    return (uint32_t)read_little_endian(reader, 4);
}

uint64_t mr_read_u64(struct mr_reader *reader)
{
    return read_little_endian(reader, 8);
}

uint64_t mr_read_varint(struct mr_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = mr_read_u8(reader);
        if (reader->failed || (shift == 63 && byte > 1))
            break;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    reader->failed = true;
    return 0;
}

struct mr_slice mr_read_bytes(struct mr_reader *reader)
{
    uint64_t len = mr_read_varint(reader);
    return mr_read_raw(reader, len);
}
