#include "base/codec.h"
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

/* zlib counts in unsigned int; larger inputs and outputs go through in parts. */
enum { ZLIB_WINDOW = 15, GZIP_WINDOW = 15 + 16, GZIP_PART_MAX = 1 << 30, GUNZIP_STEP = 64 << 10 };

static void stream_feed(z_stream *stream, struct mr_slice bytes, size_t *at)
{
    if (stream->avail_in > 0 || *at == bytes.len)
        return;
    size_t part = bytes.len - *at;
    if (part > GZIP_PART_MAX)
        part = GZIP_PART_MAX;
    stream->next_in = (Bytef *)(uintptr_t)(bytes.ptr + *at); /* zlib only reads it */
    stream->avail_in = (uInt)part;
    *at += part;
}

static void deflate_all(struct mr_buf *buf, struct mr_slice bytes, int window)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        abort();
    size_t at = 0;
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        stream_feed(&stream, bytes, &at);
        size_t room = deflateBound(&stream, stream.avail_in);
        if (room > GZIP_PART_MAX)
            room = GZIP_PART_MAX;
        stream.next_out = (Bytef *)mr_buf_reserve(buf, room);
        stream.avail_out = (uInt)room;
        result = deflate(&stream, at == bytes.len ? Z_FINISH : Z_NO_FLUSH);
        assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        buf->len += room - stream.avail_out;
    }
    deflateEnd(&stream);
}

void mr_gzip(struct mr_buf *buf, struct mr_slice bytes)
{
    deflate_all(buf, bytes, GZIP_WINDOW);
}

void mr_zlib(struct mr_buf *buf, struct mr_slice bytes)
{
    deflate_all(buf, bytes, ZLIB_WINDOW);
}

/* True while a next member begins where the last one ended. */
static bool next_member(z_stream *stream, struct mr_slice bytes, size_t *at)
{
    stream_feed(stream, bytes, at);
    return stream->avail_in > 0 && inflateReset(stream) == Z_OK;
}

static enum mr_status inflate_all(z_stream *stream, struct mr_buf *buf, struct mr_slice bytes,
                                  size_t bytes_max)
{
    size_t at = 0;
    size_t start = buf->len;
    for (;;) {
        stream_feed(stream, bytes, &at);
        size_t left = bytes_max - (buf->len - start);
        /* One byte more than may come, so that a longer text shows. */
        size_t room = left < GUNZIP_STEP ? left + 1 : GUNZIP_STEP;
        stream->next_out = (Bytef *)mr_buf_reserve(buf, room);
        stream->avail_out = (uInt)room;
        int result = inflate(stream, Z_NO_FLUSH);
        size_t got = room - stream->avail_out;
        if (got > left)
            return MR_INVALID;
        buf->len += got;
        if (result == Z_STREAM_END && !next_member(stream, bytes, &at))
            return MR_OK;
        if (result != Z_OK && result != Z_STREAM_END)
            return MR_INVALID; /* damaged, or cut off: Z_BUF_ERROR */
    }
}

static enum mr_status unpack(struct mr_buf *buf, struct mr_slice bytes, size_t bytes_max,
                             int window)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, window) != Z_OK)
        abort();
    size_t start = buf->len;
    enum mr_status status = inflate_all(&stream, buf, bytes, bytes_max);
    if (status != MR_OK)
        buf->len = start;
    inflateEnd(&stream);
    return status;
}

enum mr_status mr_gunzip(struct mr_buf *buf, struct mr_slice bytes, size_t bytes_max)
{
    return unpack(buf, bytes, bytes_max, GZIP_WINDOW);
}

enum mr_status mr_unzlib(struct mr_buf *buf, struct mr_slice bytes, size_t bytes_max)
{
    return unpack(buf, bytes, bytes_max, ZLIB_WINDOW);
}
