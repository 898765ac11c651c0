#include "athena/lines.h"
#include "base/arena.h"
#include <assert.h>
#include <errno.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum mr_status read_at(struct athena_lines *lines, char *to, size_t len, size_t *ret_got)
{
    if (lines->fd < 0) { /* all was there from the beginning */
        *ret_got = 0;
        return MR_OK;
    }
    for (;;) {
        const ssize_t got = pread(lines->fd, to, len, (off_t)lines->next);
        if (got >= 0) {
            lines->next += (uint64_t)got;
            lines->bytes_read += (uint64_t)got;
            *ret_got = (size_t)got;
            return MR_OK;
        }
        if (errno != EINTR) {
            snprintf(lines->message, sizeof lines->message, "cannot read: %s", strerror(errno));
            return MR_FAIL_IO;
        }
    }
}

static enum mr_status fill_plain(struct athena_lines *lines)
{
    size_t got;
    char *to = mr_buf_reserve(&lines->buf, ATHENA_PIECE_BYTES);
    enum mr_status status = read_at(lines, to, ATHENA_PIECE_BYTES, &got);
    if (status != MR_OK)
        return status;
    lines->buf.len += got;
    lines->ended = got == 0;
    return MR_OK;
}

enum athena_packing athena_packing_of(struct mr_slice key)
{
    static const struct {
        const char *suffix;
        enum athena_packing packing;
    } rows[] = {{".gz", ATHENA_GZIP},
                {".deflate", ATHENA_DEFLATE},
                {".zst", ATHENA_ZSTD},
                {".snappy", ATHENA_SNAPPY},
                {".bz2", ATHENA_PACKING_UNKNOWN},
                {".lz4", ATHENA_PACKING_UNKNOWN},
                {".lzo", ATHENA_PACKING_UNKNOWN}};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_ends_with(key, mr_slice_cstr(rows[i].suffix)))
            return rows[i].packing;
    }
    return ATHENA_PLAIN;
}

static enum mr_status damaged(struct athena_lines *lines, const char *format)
{
    snprintf(lines->message, sizeof lines->message, "not in %s format", format);
    return MR_INVALID;
}

static enum mr_status cut_short(struct athena_lines *lines)
{
    snprintf(lines->message, sizeof lines->message, "Unexpected end of input stream");
    return MR_INVALID;
}

/* At least `need` bytes that are not unpacked yet, as long as the object has so many. */
static enum mr_status more_packed(struct athena_lines *lines, size_t need)
{
    while (lines->packed.len - lines->packed_at < need && !lines->ended) {
        size_t got;
        mr_buf_consume(&lines->packed, lines->packed_at);
        lines->packed_at = 0;
        char *to = mr_buf_reserve(&lines->packed, ATHENA_PIECE_BYTES);
        enum mr_status status = read_at(lines, to, ATHENA_PIECE_BYTES, &got);
        if (status != MR_OK)
            return status;
        lines->packed.len += got;
        lines->ended = got == 0;
    }
    return MR_OK;
}

static struct mr_slice packed(const struct athena_lines *lines)
{
    return mr_slice_make(lines->packed.data + lines->packed_at,
                         lines->packed.len - lines->packed_at);
}

static enum mr_status fill_inflated(struct athena_lines *lines, const char *format)
{
    z_stream *stream = &lines->stream;
    enum mr_status status = more_packed(lines, 1);
    const struct mr_slice in = packed(lines);
    if (status != MR_OK)
        return status;
    if (in.len == 0 && !lines->pending)
        return lines->inside ? cut_short(lines) : MR_OK;
    lines->ended = false;
    stream->next_in = (Bytef *)(uintptr_t)in.ptr;
    stream->avail_in = (uInt)in.len;
    stream->next_out = (Bytef *)mr_buf_reserve(&lines->buf, ATHENA_PIECE_BYTES);
    stream->avail_out = ATHENA_PIECE_BYTES;
    const int code = inflate(stream, Z_NO_FLUSH);
    lines->packed_at += in.len - stream->avail_in;
    lines->buf.len += ATHENA_PIECE_BYTES - stream->avail_out;
    lines->inside = code != Z_STREAM_END;
    lines->pending = lines->inside && stream->avail_out == 0;
    if (code == Z_STREAM_END)
        inflateReset(stream); /* another member may follow */
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return damaged(lines, format);
    return MR_OK;
}

static enum mr_status fill_zstd(struct athena_lines *lines)
{
    enum mr_status status = more_packed(lines, 1);
    const struct mr_slice bytes = packed(lines);
    if (status != MR_OK)
        return status;
    if (bytes.len == 0 && !lines->pending)
        return lines->inside ? cut_short(lines) : MR_OK;
    lines->ended = false;
    if (lines->zstd == NULL)
        lines->zstd = ZSTD_createDStream();
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    ZSTD_outBuffer out = {mr_buf_reserve(&lines->buf, ATHENA_PIECE_BYTES), ATHENA_PIECE_BYTES, 0};
    const size_t left = lines->zstd == NULL ? 1 : ZSTD_decompressStream(lines->zstd, &out, &in);
    if (lines->zstd == NULL || ZSTD_isError(left))
        return damaged(lines, "Zstandard");
    lines->inside = left > 0;
    lines->pending = lines->inside && out.pos == out.size;
    lines->packed_at += in.pos;
    lines->buf.len += out.pos;
    return MR_OK;
}

static size_t number_at(const char *at, size_t len, bool big)
{
    size_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | (unsigned char)at[big ? i : len - 1 - i];
    return value;
}

static enum mr_status unsnap(struct athena_lines *lines, struct mr_slice bytes)
{
    size_t plain;
    if (snappy_uncompressed_length(bytes.ptr, bytes.len, &plain) != SNAPPY_OK ||
        plain > ATHENA_LINE_BYTES_MAX ||
        snappy_uncompress(bytes.ptr, bytes.len, mr_buf_reserve(&lines->buf, plain + 1), &plain) !=
            SNAPPY_OK)
        return damaged(lines, "Snappy");
    lines->buf.len += plain;
    return MR_OK;
}

/* Chunks of a type and 3 bytes of length: 0 compressed and 1 plain, each behind a checksum. */
static enum mr_status fill_framed(struct athena_lines *lines)
{
    enum mr_status status = more_packed(lines, 4);
    if (status != MR_OK || packed(lines).len == 0)
        return status;
    const size_t len = packed(lines).len < 4 ? 0 : number_at(packed(lines).ptr + 1, 3, false);
    status = more_packed(lines, 4 + len);
    const struct mr_slice bytes = packed(lines);
    if (status != MR_OK)
        return status;
    if (bytes.len < 4 + len || ((unsigned char)bytes.ptr[0] < 2 && len < 4))
        return damaged(lines, "Snappy");
    lines->packed_at += 4 + len;
    lines->ended = false;
    if (bytes.ptr[0] == 0)
        return unsnap(lines, mr_slice_sub(bytes, 8, len - 4));
    if (bytes.ptr[0] == 1)
        mr_buf_append(&lines->buf, mr_slice_sub(bytes, 8, len - 4));
    return (unsigned char)bytes.ptr[0] >= 2 && (unsigned char)bytes.ptr[0] < 0x80
               ? damaged(lines, "Snappy")
               : MR_OK;
}

/* Hadoop's: 4 bytes of the block's plain length, then parts of it, each behind its packed length.
 */
static enum mr_status fill_blocks(struct athena_lines *lines)
{
    enum mr_status status = more_packed(lines, 4);
    if (status != MR_OK || packed(lines).len == 0)
        return status;
    if (packed(lines).len < 4)
        return damaged(lines, "Snappy");
    const size_t whole = number_at(packed(lines).ptr, 4, true), start = lines->buf.len;
    lines->packed_at += 4;
    if (whole > ATHENA_LINE_BYTES_MAX)
        return damaged(lines, "Snappy");
    while (lines->buf.len - start < whole && status == MR_OK) {
        status = more_packed(lines, 4);
        if (status != MR_OK || packed(lines).len < 4)
            return status != MR_OK ? status : damaged(lines, "Snappy");
        const size_t len = number_at(packed(lines).ptr, 4, true);
        status = len > ATHENA_LINE_BYTES_MAX ? MR_INVALID : more_packed(lines, 4 + len);
        if (status != MR_OK || packed(lines).len < 4 + len)
            return status < 0 ? status : damaged(lines, "Snappy");
        status = unsnap(lines, mr_slice_sub(packed(lines), 4, len));
        lines->packed_at += 4 + len;
    }
    lines->ended = false;
    return status;
}

static enum mr_status fill_snappy(struct athena_lines *lines)
{
    if (!lines->begun) {
        enum mr_status status = more_packed(lines, 10);
        if (status != MR_OK)
            return status;
        lines->framed =
            mr_slice_starts_with(packed(lines), mr_slice_make("\xff\x06\0\0sNaPpY", 10));
        lines->begun = true;
    }
    return lines->framed ? fill_framed(lines) : fill_blocks(lines);
}

static enum mr_status fill_by_packing(struct athena_lines *lines)
{
    switch (lines->packing) {
    case ATHENA_PLAIN: return fill_plain(lines);
    case ATHENA_GZIP: return fill_inflated(lines, "GZIP");
    case ATHENA_DEFLATE: return fill_inflated(lines, "DEFLATE");
    case ATHENA_ZSTD: return fill_zstd(lines);
    case ATHENA_SNAPPY: return fill_snappy(lines);
    default:
        snprintf(lines->message, sizeof lines->message, "the compression is not supported");
        return MR_INVALID;
    }
}

static enum mr_status fill(struct athena_lines *lines)
{
    if (lines->at > 0) {
        mr_buf_consume(&lines->buf, lines->at);
        lines->at = 0;
    }
    if (lines->buf.len > ATHENA_LINE_BYTES_MAX) {
        snprintf(lines->message, sizeof lines->message, "a line is longer than %d bytes",
                 ATHENA_LINE_BYTES_MAX);
        return MR_INVALID;
    }
    return fill_by_packing(lines);
}

enum mr_status athena_lines_open(struct athena_lines *lines, int fd, struct mr_slice bytes,
                                 enum athena_packing packing, uint64_t from, uint64_t to)
{
    assert(fd >= 0 || from == 0);
    athena_lines_close(lines);
    lines->fd = fd;
    lines->packing = packing;
    lines->ended = lines->begun = lines->pending = lines->inside = false;
    lines->at = lines->packed_at = 0;
    lines->next = from > 0 ? from - 1 : 0;
    lines->end = to;
    mr_buf_reset(&lines->buf);
    mr_buf_reset(&lines->packed);
    lines->message[0] = '\0';
    if (packing == ATHENA_GZIP || packing == ATHENA_DEFLATE) {
        lines->stream = (z_stream){0};
        if (inflateInit2(&lines->stream, packing == ATHENA_GZIP ? 15 + 16 : 15) != Z_OK)
            abort();
        lines->inflating = true;
    }
    if (lines->zstd != NULL)
        ZSTD_initDStream(lines->zstd);
    if (fd < 0) { /* what is all there */
        mr_buf_append(packing == ATHENA_PLAIN ? &lines->buf : &lines->packed, bytes);
        lines->next = bytes.len;
        lines->bytes_read += bytes.len;
    }
    /* The line that holds the byte before the range belongs to the range before it. */
    struct mr_slice line;
    enum mr_status status = from > 0 ? athena_lines_next(lines, &line) : MR_OK;
    return status == MR_END ? MR_OK : status;
}

enum mr_status athena_lines_next(struct athena_lines *lines, struct mr_slice *ret_line)
{
    size_t searched = 0; /* of what lies behind `at` */
    for (;;) {
        /* A line that begins at or behind `end` is another range's. */
        const uint64_t begin = lines->next - (lines->buf.len - lines->at);
        if (lines->packing == ATHENA_PLAIN && begin >= lines->end)
            return MR_END;
        const size_t len = lines->buf.len - lines->at;
        const char *text = lines->buf.data + lines->at;
        const char *end = len > searched ? memchr(text + searched, '\n', len - searched) : NULL;
        if (end != NULL || (lines->ended && len > 0)) {
            size_t line = end != NULL ? (size_t)(end - text) : len;
            lines->at += line + (end != NULL ? 1 : 0);
            if (line > 0 && text[line - 1] == '\r')
                line--;
            *ret_line = mr_slice_make(text, line);
            return MR_OK;
        }
        if (lines->ended)
            return MR_END;
        searched = len;
        enum mr_status status = fill(lines);
        if (status != MR_OK)
            return status;
    }
}

void athena_lines_close(struct athena_lines *lines)
{
    if (lines->fd > 0)
        close(lines->fd);
    lines->fd = -1;
    if (lines->inflating)
        inflateEnd(&lines->stream);
    lines->inflating = false;
}

void athena_lines_fini(struct athena_lines *lines)
{
    athena_lines_close(lines);
    mr_buf_fini(&lines->buf);
    mr_buf_fini(&lines->packed);
    ZSTD_freeDStream(lines->zstd);
    lines->zstd = NULL;
}
