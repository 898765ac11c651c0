#include "athena/lines.h"
#include "base/arena.h"
#include <assert.h>
#include <errno.h>
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

static enum mr_status fill_gzip(struct athena_lines *lines)
{
    z_stream *stream = &lines->stream;
    if (stream->avail_in == 0) {
        size_t got;
        enum mr_status status = read_at(lines, lines->piece, ATHENA_PIECE_BYTES, &got);
        if (status != MR_OK)
            return status;
        lines->ended = got == 0;
        stream->next_in = (Bytef *)lines->piece;
        stream->avail_in = (uInt)got;
    }
    if (lines->ended)
        return MR_OK;
    stream->next_out = (Bytef *)mr_buf_reserve(&lines->buf, ATHENA_PIECE_BYTES);
    stream->avail_out = ATHENA_PIECE_BYTES;
    const int code = inflate(stream, Z_NO_FLUSH);
    lines->buf.len += ATHENA_PIECE_BYTES - stream->avail_out;
    if (code == Z_STREAM_END) {
        inflateReset(stream); /* another member may follow */
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        snprintf(lines->message, sizeof lines->message, "not in GZIP format");
        return MR_INVALID;
    }
    return MR_OK;
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
    return lines->gzip ? fill_gzip(lines) : fill_plain(lines);
}

/* What is all there: the text itself, or what the first inflation begins with. */
static void take_bytes(struct athena_lines *lines, struct mr_slice bytes)
{
    lines->next = bytes.len;
    lines->bytes_read += bytes.len;
    if (!lines->gzip) {
        mr_buf_append(&lines->buf, bytes);
        return;
    }
    memcpy(lines->piece, bytes.ptr, bytes.len);
    lines->stream.next_in = (Bytef *)lines->piece;
    lines->stream.avail_in = (uInt)bytes.len;
}

enum mr_status athena_lines_open(struct athena_lines *lines, int fd, struct mr_slice bytes,
                                 bool gzip, uint64_t from, uint64_t to)
{
    assert(fd >= 0 || (from == 0 && bytes.len <= ATHENA_PIECE_BYTES));
    athena_lines_close(lines);
    lines->fd = fd;
    lines->gzip = gzip;
    lines->ended = false;
    lines->at = 0;
    lines->next = from > 0 ? from - 1 : 0;
    lines->end = to;
    mr_buf_reset(&lines->buf);
    lines->message[0] = '\0';
    if (gzip) {
        lines->stream = (z_stream){0};
        if (inflateInit2(&lines->stream, 15 + 16) != Z_OK)
            abort();
        lines->inflating = true;
        if (lines->piece == NULL)
            lines->piece = mr_malloc(ATHENA_PIECE_BYTES);
    }
    if (fd < 0 && bytes.len > 0)
        take_bytes(lines, bytes);
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
        if (!lines->gzip && begin >= lines->end)
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
    free(lines->piece);
    lines->piece = NULL;
}
