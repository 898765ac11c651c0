/* athena/lines.h: the lines of an object, read a piece at a time, inflated when it is gzip: memory
 * is one buffer, as long as its longest line needs. */
#pragma once
#include "base/buf.h"
#include <zlib.h>
#include <zstd.h>

enum { ATHENA_LINE_BYTES_MAX = 64 << 20, ATHENA_PIECE_BYTES = 256 << 10 };

enum athena_packing { /* of an object, by how its name ends */
                      ATHENA_PLAIN,
                      ATHENA_GZIP,            /* .gz */
                      ATHENA_DEFLATE,         /* .deflate: zlib's */
                      ATHENA_ZSTD,            /* .zst */
                      ATHENA_SNAPPY,          /* .snappy: framed, or Hadoop's blocks */
                      ATHENA_PACKING_UNKNOWN, /* .bz2, .lz4, .lzo */
};
enum athena_packing athena_packing_of(struct mr_slice key);

struct athena_lines {
    int fd; /* owned; -1: none */
    enum athena_packing packing;
    bool ended;
    uint64_t next, end; /* bytes of the file to read, up to `end` */
    struct mr_buf buf;  /* text not given out yet, from `at` on */
    size_t at;
    z_stream stream;
    bool inflating;
    ZSTD_DStream *zstd;   /* owned; NULL until needed */
    struct mr_buf packed; /* bytes read and not unpacked yet, from `packed_at` on */
    size_t packed_at;
    bool framed; /* of Snappy; valid behind the first bytes */
    bool begun;
    bool pending; /* more text may come without more bytes */
    bool inside;  /* a member of gzip or a frame of Zstandard has begun and not ended */
    uint64_t bytes_read;
    char message[160]; /* when a call failed */
};
/* A zeroed one is ready. Takes the descriptor; -1: all is in `bytes`, which are copied. `from`,
 * `to`: lines that begin in this range of bytes (0 and UINT64_MAX: all; only these for what is
 * packed). Keeps the buffers of an earlier object. */
MR_MUST_USE enum mr_status athena_lines_open(struct athena_lines *lines, int fd,
                                             struct mr_slice bytes, enum athena_packing packing,
                                             uint64_t from, uint64_t to);
/* The next line without its end; valid until the next call. MR_END; MR_FAIL_IO, MR_INVALID: see
 * message. */
MR_MUST_USE enum mr_status athena_lines_next(struct athena_lines *lines, struct mr_slice *ret_line);
void athena_lines_close(struct athena_lines *lines); /* keeps the buffers */
void athena_lines_fini(struct athena_lines *lines);
