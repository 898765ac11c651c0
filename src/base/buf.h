/* base/buf.h: a growing byte buffer on the heap, and a reader of what it holds.
 *
 * Out of memory aborts; whoever fills a buffer from the wire checks its limit first. */
#pragma once
#include "base/slice.h"
#include <stdarg.h>

struct mr_buf {
    char *data; /* owned */
    size_t len, cap;
};

/* A zeroed struct is an empty buffer. */
void mr_buf_fini(struct mr_buf *buf);              /* frees and zeroes */
void mr_buf_reset(struct mr_buf *buf);             /* empties, keeps the memory */
void mr_buf_grow(struct mr_buf *buf, size_t more); /* mr_buf_reserve's, when it has to move */
/* Makes room for `more` bytes behind len and returns where they go; the caller then adds to len. */
static inline char *mr_buf_reserve(struct mr_buf *buf, size_t more)
{
    if (__builtin_expect(more > buf->cap - buf->len || buf->data == NULL, 0))
        mr_buf_grow(buf, more);
    return buf->data + buf->len;
}
void mr_buf_append(struct mr_buf *buf, struct mr_slice s);
void mr_buf_byte(struct mr_buf *buf, char byte);
void mr_buf_printf(struct mr_buf *buf, const char *format, ...) MR_PRINTF(2, 3);
void mr_buf_vprintf(struct mr_buf *buf, const char *format, va_list args);
void mr_buf_u32(struct mr_buf *buf, uint32_t value);      /* little-endian */
void mr_buf_u64(struct mr_buf *buf, uint64_t value);      /* little-endian */
void mr_buf_varint(struct mr_buf *buf, uint64_t value);   /* LEB128 */
void mr_buf_bytes(struct mr_buf *buf, struct mr_slice s); /* varint length, then the bytes */
/* Drops the first n bytes. */
void mr_buf_consume(struct mr_buf *buf, size_t n);
static inline struct mr_slice mr_buf_slice(const struct mr_buf *buf)
{
    return (struct mr_slice){.ptr = buf->data, .len = buf->len};
}

/* Reads what the functions above wrote. `failed` sticks: check it once at the end; after a failure
 * every read gives 0 or an empty slice. Slices point into the source. */
struct mr_reader {
    const char *next, *end;
    bool failed;
};
struct mr_reader mr_reader_make(struct mr_slice s);
uint8_t mr_read_u8(struct mr_reader *reader);
uint32_t mr_read_u32(struct mr_reader *reader);
uint64_t mr_read_u64(struct mr_reader *reader);
uint64_t mr_read_varint(struct mr_reader *reader);
struct mr_slice mr_read_bytes(struct mr_reader *reader);
struct mr_slice mr_read_raw(struct mr_reader *reader, size_t len);
