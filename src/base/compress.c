#include "base/compress.h"
#include "base/arena.h"
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    GZIP_WINDOW = 15 + 16,
    STEP_BYTES = 64 << 10,
    TAKE_BYTES = 4 << 10,
    ZSTD_MADE_MAX = 4 << 20, /* by one call, and what is left of a block: 128 KiB */
    PART_BYTES_MAX = 1 << 30,
    ZSTD_LEVEL_LARGE = 12,
    ZSTD_LOG_MAX = 20 /* some 15 MB a packer */
};

/* ---- packing ---- */

struct mr_packer {
    enum mr_packing packing;
    z_stream gzip;
    ZSTD_CCtx *zstd;
    struct mr_buf *buf;
};

/* High levels look far back, in tables of hundreds of megabytes; a hundred files may be written at
 * a time. */
static void bound_memory(ZSTD_CCtx *zstd, int level)
{
    static const ZSTD_cParameter logs[] = {ZSTD_c_windowLog, ZSTD_c_hashLog, ZSTD_c_chainLog};
    for (size_t i = 0; level > ZSTD_LEVEL_LARGE && i < MR_COUNT(logs); i++)
        (void)ZSTD_CCtx_setParameter(zstd, logs[i], ZSTD_LOG_MAX);
}

struct mr_packer *mr_packer_new(enum mr_packing packing, int level, struct mr_buf *buf)
{
    struct mr_packer *packer = mr_calloc(1, sizeof(*packer));
    packer->packing = packing;
    packer->buf = buf;
    if (packing == MR_PACKING_GZIP && deflateInit2(&packer->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                                   GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    if (packing != MR_PACKING_ZSTD)
        return packer;
    packer->zstd = ZSTD_createCCtx();
    if (packer->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, level)))
        abort();
    bound_memory(packer->zstd, level);
    return packer;
}

/* Runs until the input is used up and nothing waits to come out. */
static void pack_gzip(struct mr_packer *packer, struct mr_slice bytes, bool last)
{
    z_stream *stream = &packer->gzip;
    int result;
    stream->next_in = (Bytef *)(uintptr_t)bytes.ptr; /* zlib only reads it */
    stream->avail_in = (uInt)bytes.len;
    do {
        stream->next_out = (Bytef *)mr_buf_reserve(packer->buf, STEP_BYTES);
        stream->avail_out = STEP_BYTES;
        result = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
        assert(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        packer->buf->len += STEP_BYTES - stream->avail_out;
    } while (stream->avail_out == 0);
    assert(stream->avail_in == 0);
}

static void pack_zstd(struct mr_packer *packer, struct mr_slice bytes, bool last)
{
    ZSTD_inBuffer in = {.src = bytes.ptr, .size = bytes.len};
    size_t left;
    do {
        ZSTD_outBuffer out = {.dst = mr_buf_reserve(packer->buf, STEP_BYTES), .size = STEP_BYTES};
        left = ZSTD_compressStream2(packer->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            abort(); /* memory was short */
        packer->buf->len += out.pos;
    } while (last ? left > 0 : in.pos < in.size);
}

static void pack(struct mr_packer *packer, struct mr_slice bytes, bool last)
{
    switch (packer->packing) {
    case MR_PACKING_NONE: mr_buf_append(packer->buf, bytes); break;
    case MR_PACKING_GZIP: pack_gzip(packer, bytes, last); break;
    case MR_PACKING_ZSTD: pack_zstd(packer, bytes, last); break;
    }
}

void mr_packer_add(struct mr_packer *packer, struct mr_slice bytes)
{
    for (size_t at = 0; at < bytes.len; at += PART_BYTES_MAX)
        pack(packer, mr_slice_sub(bytes, at, PART_BYTES_MAX), false);
}

void mr_packer_end(struct mr_packer *packer)
{
    if (packer == NULL)
        return;
    pack(packer, MR_S(""), true);
    if (packer->packing == MR_PACKING_GZIP)
        deflateEnd(&packer->gzip);
    ZSTD_freeCCtx(packer->zstd);
    free(packer);
}

/* ---- unpacking ---- */

struct mr_unpacker {
    enum mr_packing packing;
    bool inside; /* a member has begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

struct mr_unpacker *mr_unpacker_new(enum mr_packing packing)
{
    struct mr_unpacker *unpacker = mr_calloc(1, sizeof(*unpacker));
    unpacker->packing = packing;
    if (packing == MR_PACKING_GZIP && inflateInit2(&unpacker->gzip, GZIP_WINDOW) != Z_OK)
        abort();
    if (packing == MR_PACKING_ZSTD && (unpacker->zstd = ZSTD_createDStream()) == NULL)
        abort();
    return unpacker;
}

void mr_unpacker_free(struct mr_unpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    if (unpacker->packing == MR_PACKING_GZIP)
        inflateEnd(&unpacker->gzip);
    ZSTD_freeDStream(unpacker->zstd);
    free(unpacker);
}

static enum mr_status take_gzip(struct mr_unpacker *unpacker, struct mr_slice part,
                                struct mr_buf *buf, size_t *ret_used)
{
    z_stream *stream = &unpacker->gzip;
    if (!unpacker->inside && inflateReset(stream) != Z_OK)
        return MR_INVALID;
    int result;
    unpacker->inside = true;
    stream->next_in = (Bytef *)(uintptr_t)part.ptr;
    stream->avail_in = (uInt)part.len;
    do {
        stream->next_out = (Bytef *)mr_buf_reserve(buf, STEP_BYTES);
        stream->avail_out = STEP_BYTES;
        result = inflate(stream, Z_NO_FLUSH);
        buf->len += STEP_BYTES - stream->avail_out;
    } while (result == Z_OK && stream->avail_out == 0);
    *ret_used = part.len - stream->avail_in;
    unpacker->inside = result != Z_STREAM_END;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? MR_OK : MR_INVALID;
}

static enum mr_status take_zstd(struct mr_unpacker *unpacker, struct mr_slice part,
                                struct mr_buf *buf, size_t *ret_used)
{
    ZSTD_inBuffer in = {.src = part.ptr, .size = part.len};
    ZSTD_outBuffer out;
    size_t result, made = 0;
    do {
        out = (ZSTD_outBuffer){.dst = mr_buf_reserve(buf, STEP_BYTES), .size = STEP_BYTES};
        result = ZSTD_decompressStream(unpacker->zstd, &out, &in);
        buf->len += out.pos;
        made += out.pos;
    } while (!ZSTD_isError(result) &&
             (in.pos < in.size ? made < ZSTD_MADE_MAX : result != 0 && out.pos == out.size));
    *ret_used = in.pos;
    unpacker->inside = result != 0;
    return ZSTD_isError(result) ? MR_INVALID : MR_OK;
}

enum mr_status mr_unpacker_take(struct mr_unpacker *unpacker, struct mr_slice *input,
                                struct mr_buf *buf)
{
    struct mr_slice part = mr_slice_sub(*input, 0, TAKE_BYTES);
    size_t used = part.len;
    enum mr_status status = MR_OK;
    if (part.len == 0)
        return MR_OK;
    if (unpacker->packing == MR_PACKING_GZIP)
        status = take_gzip(unpacker, part, buf, &used);
    else if (unpacker->packing == MR_PACKING_ZSTD)
        status = take_zstd(unpacker, part, buf, &used);
    else
        mr_buf_append(buf, part);
    *input = mr_slice_sub(*input, used, input->len);
    return status;
}

bool mr_unpacker_is_whole(const struct mr_unpacker *unpacker)
{
    return !unpacker->inside;
}

void mr_zstd(struct mr_buf *buf, struct mr_slice bytes, int level)
{
    const size_t room = ZSTD_compressBound(bytes.len);
    const size_t len = ZSTD_compress(mr_buf_reserve(buf, room), room, bytes.ptr, bytes.len, level);
    assert(!ZSTD_isError(len)); /* there is room, so memory was short */
    buf->len += len;
}
