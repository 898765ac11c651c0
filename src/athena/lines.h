/* athena/lines.h: the lines of an object, read a piece at a time, inflated when it is gzip: memory
 * is one buffer, as long as its longest line needs. */
#pragma once
#include "base/buf.h"
#include <zlib.h>

enum { ATHENA_LINE_BYTES_MAX = 64 << 20, ATHENA_PIECE_BYTES = 256 << 10 };

struct athena_lines {
    int fd; /* owned; -1: none */
    bool gzip, ended;
    uint64_t next, end; /* bytes of the file to read, up to `end` */
    struct mr_buf buf;  /* text not given out yet, from `at` on */
    size_t at;
    z_stream stream;
    bool inflating;
    char *piece; /* of compressed bytes; owned */
    uint64_t bytes_read;
    char message[160]; /* when a call failed */
};
/* A zeroed one is ready. Takes the descriptor; -1: all is in `bytes`, which are copied. `from`,
 * `to`: lines that begin in this range of bytes (0 and UINT64_MAX: all; only these for gzip). Keeps
 * the buffers of an earlier object. */
MR_MUST_USE enum mr_status athena_lines_open(struct athena_lines *lines, int fd,
                                             struct mr_slice bytes, bool gzip, uint64_t from,
                                             uint64_t to);
/* The next line without its end; valid until the next call. MR_END; MR_FAIL_IO, MR_INVALID: see
 * message. */
MR_MUST_USE enum mr_status athena_lines_next(struct athena_lines *lines, struct mr_slice *ret_line);
void athena_lines_close(struct athena_lines *lines); /* keeps the buffers */
void athena_lines_fini(struct athena_lines *lines);
