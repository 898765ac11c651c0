#include "verify/unpack.h"
#include "base/codec.h"
#include "base/compact.h"
#include "verify/pieces.h"
#include <inttypes.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zip.h>

enum {
    SNAPPY_HEAD = 16,
    CHUNKS_MAX = 65536,
    CODEC_NONE = 0,
    CODEC_SNAPPY = 1,
    CODEC_GZIP = 2,
};

/* ---- Snappy ---- */

static uint32_t big_endian(const char *at)
{
    const uint8_t *bytes = (const uint8_t *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static enum mr_status snappy_block(struct mr_buf *buf, struct mr_slice block)
{
    size_t plain;
    if (snappy_uncompressed_length(block.ptr, block.len, &plain) != SNAPPY_OK ||
        plain > VERIFY_TEXT_MAX - buf->len)
        return MR_INVALID;
    char *out = mr_buf_reserve(buf, plain + 1);
    if (snappy_uncompress(block.ptr, block.len, out, &plain) != SNAPPY_OK)
        return MR_INVALID;
    buf->len += plain;
    return MR_OK;
}

/* Blocks with their lengths before them; with Hadoop's framing a group of them has the length of
 * what it unpacks to before it as well. */
static enum mr_status snappy_blocks(struct mr_buf *buf, struct mr_slice rest, bool hadoop)
{
    while (rest.len > 0) {
        if (hadoop) {
            if (rest.len < 4)
                return MR_INVALID;
            const size_t whole = buf->len + big_endian(rest.ptr);
            rest = mr_slice_sub(rest, 4, SIZE_MAX);
            do {
                if (rest.len < 4 || big_endian(rest.ptr) > rest.len - 4)
                    return MR_INVALID;
                const size_t len = big_endian(rest.ptr);
                if (snappy_block(buf, mr_slice_sub(rest, 4, len)) != MR_OK)
                    return MR_INVALID;
                rest = mr_slice_sub(rest, 4 + len, SIZE_MAX);
            } while (buf->len < whole);
            continue;
        }
        if (rest.len < 4 || big_endian(rest.ptr) > rest.len - 4)
            return MR_INVALID;
        const size_t len = big_endian(rest.ptr);
        if (snappy_block(buf, mr_slice_sub(rest, 4, len)) != MR_OK)
            return MR_INVALID;
        rest = mr_slice_sub(rest, 4 + len, SIZE_MAX);
    }
    return MR_OK;
}

/* ---- zip ---- */

static enum mr_status unzip(struct mr_buf *buf, struct mr_slice bytes)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes.ptr, bytes.len, 0, &error);
    zip_t *archive = source == NULL ? NULL : zip_open_from_source(source, ZIP_RDONLY, &error);
    zip_error_fini(&error);
    if (archive == NULL) {
        zip_source_free(source);
        return MR_INVALID;
    }
    zip_file_t *file = zip_fopen_index(archive, 0, 0);
    zip_int64_t got = file == NULL ? -1 : 1;
    while (got > 0 && buf->len < VERIFY_TEXT_MAX) {
        got = zip_fread(file, mr_buf_reserve(buf, 1 << 16), 1 << 16);
        buf->len += got > 0 ? (size_t)got : 0;
    }
    if (file != NULL)
        (void)zip_fclose(file);
    zip_discard(archive);
    return got == 0 ? MR_OK : MR_INVALID;
}

/* ---- Parquet ---- */

struct chunk { /* of a column, in one row group */
    int64_t codec, packed, offset;
};
struct file {
    int64_t rows;
    size_t groups, chunk_count;
    struct chunk *chunks;
};

/* Takes a field's value, if it is a number that is wanted; skips it otherwise. */
static bool take_number(struct mr_slice *bytes, int type, int64_t *ret)
{
    return ret != NULL && type >= MR_COMPACT_I16 && type <= MR_COMPACT_I64
               ? mr_compact_number(bytes, ret)
               : mr_compact_skip(bytes, type);
}

static bool read_column(struct mr_slice *bytes, struct chunk *chunk)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        int64_t *number = field == 4   ? &chunk->codec
                          : field == 7 ? &chunk->packed
                          : field == 9 ? &chunk->offset
                                       : NULL;
        if (!take_number(bytes, type, number))
            return false;
    }
    return false;
}

static bool read_chunk_of(struct mr_slice *bytes, struct file *file)
{
    uint64_t field = 0;
    int type;
    if (file->chunk_count == CHUNKS_MAX)
        return false;
    struct chunk *chunk = &file->chunks[file->chunk_count++];
    *chunk = (struct chunk){.offset = -1};
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == 3 && type == MR_COMPACT_STRUCT ? read_column(bytes, chunk)
                                                      : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

/* A list of structs, one call for each. */
static bool read_list(struct mr_slice *bytes, struct file *file,
                      bool (*item)(struct mr_slice *bytes, struct file *file))
{
    uint64_t count;
    int type;
    if (!mr_compact_list(bytes, &type, &count) || (count > 0 && type != MR_COMPACT_STRUCT))
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!item(bytes, file))
            return false;
    return true;
}

static bool read_group(struct mr_slice *bytes, struct file *file)
{
    uint64_t field = 0;
    int type;
    file->groups++;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!(field == 1 && type == MR_COMPACT_LIST ? read_list(bytes, file, read_chunk_of)
                                                    : mr_compact_skip(bytes, type)))
            return false;
    }
    return false;
}

static bool read_metadata(struct mr_slice bytes, struct file *file)
{
    uint64_t field = 0;
    int type;
    while (mr_compact_field(&bytes, &field, &type)) {
        if (type == 0)
            return file->rows >= 0;
        if (!(field == 4 && type == MR_COMPACT_LIST
                  ? read_list(&bytes, file, read_group)
                  : take_number(&bytes, type, field == 3 ? &file->rows : NULL)))
            return false;
    }
    return false;
}

/* A page's header: how many bytes follow it. */
static bool read_page(struct mr_slice *bytes, int64_t *ret_packed)
{
    uint64_t field = 0;
    int type;
    *ret_packed = 0;
    while (mr_compact_field(bytes, &field, &type)) {
        if (type == 0)
            return true;
        if (!take_number(bytes, type, field == 3 ? ret_packed : NULL))
            return false;
    }
    return false;
}

static enum mr_status unpack_page(struct mr_buf *buf, const struct chunk *chunk,
                                  struct mr_slice page)
{
    mr_buf_reset(buf);
    switch (chunk->codec) {
    case CODEC_NONE: mr_buf_append(buf, page); return MR_OK;
    case CODEC_SNAPPY: return snappy_block(buf, page);
    case CODEC_GZIP: return mr_gunzip(buf, page, VERIFY_TEXT_MAX);
    default: return MR_INVALID;
    }
}

/* The sequence numbers of a column's chunk, a line each. */
static enum mr_status read_chunk(struct mr_slice file, const struct chunk *chunk,
                                 struct mr_buf *lines, uint64_t *count)
{
    struct mr_buf plain = {0};
    enum mr_status status = MR_OK;
    if (chunk->offset < 4 || chunk->packed < 0 || (uint64_t)chunk->offset > file.len ||
        (uint64_t)chunk->packed > file.len - (uint64_t)chunk->offset)
        return MR_INVALID;
    struct mr_slice rest = mr_slice_sub(file, (size_t)chunk->offset, (size_t)chunk->packed);
    while (rest.len > 0 && status == MR_OK) {
        int64_t packed;
        if (!read_page(&rest, &packed) || packed < 0 || (uint64_t)packed > rest.len) {
            status = MR_INVALID;
            break;
        }
        status = unpack_page(&plain, chunk, mr_slice_sub(rest, 0, (size_t)packed));
        struct mr_slice text = mr_buf_slice(&plain);
        int64_t position;
        while (status == MR_OK && verify_token_next(&text, &position)) {
            mr_buf_printf(lines, "1%020" PRId64 "\n", position);
            ++*count;
        }
        rest = mr_slice_sub(rest, (size_t)packed, SIZE_MAX);
    }
    mr_buf_fini(&plain);
    return status;
}

static enum mr_status best_column(struct mr_slice bytes, const struct file *file,
                                  struct mr_buf *buf)
{
    const size_t columns = file->groups == 0 ? 0 : file->chunk_count / file->groups;
    uint64_t most = 0;
    for (size_t column = 0; column < columns; column++) {
        struct mr_buf lines = {0};
        uint64_t count = 0;
        for (size_t i = column; i < file->chunk_count; i += columns)
            if (read_chunk(bytes, &file->chunks[i], &lines, &count) != MR_OK) {
                mr_buf_fini(&lines);
                return MR_INVALID;
            }
        if (count > most) {
            most = count;
            mr_buf_reset(buf);
            mr_buf_append(buf, mr_buf_slice(&lines));
        }
        mr_buf_fini(&lines);
    }
    return MR_OK;
}

static enum mr_status read_parquet(struct mr_slice bytes, struct mr_buf *buf, int64_t *ret_rows)
{
    uint32_t len;
    if (bytes.len < 12)
        return MR_INVALID;
    memcpy(&len, bytes.ptr + bytes.len - 8, sizeof len);
    if (len > bytes.len - 12)
        return MR_INVALID;
    struct file file = {.rows = -1, .chunks = mr_calloc(CHUNKS_MAX, sizeof *file.chunks)};
    enum mr_status status = MR_INVALID;
    if (read_metadata(mr_slice_sub(bytes, bytes.len - 8 - len, len), &file))
        status = best_column(bytes, &file, buf);
    *ret_rows = file.rows;
    free(file.chunks);
    return status;
}

/* ---- all of them ---- */

enum mr_status verify_unpack(struct mr_slice bytes, struct mr_slice encoding, struct mr_buf *buf,
                             struct mr_slice *ret_text, int64_t *ret_rows)
{
    enum mr_status status = MR_OK;
    *ret_rows = -1;
    if (mr_slice_starts_with(bytes, MR_S("\x1f\x8b")))
        status = mr_gunzip(buf, bytes, VERIFY_TEXT_MAX);
    else if (mr_slice_starts_with(bytes, MR_S("PK\x03\x04")))
        status = unzip(buf, bytes);
    else if (mr_slice_starts_with(bytes, MR_S("\x82SNAPPY")))
        status = snappy_blocks(buf, mr_slice_sub(bytes, SNAPPY_HEAD, SIZE_MAX), false);
    else if (mr_slice_equal(encoding, MR_S("hadoop-snappy")))
        status = snappy_blocks(buf, bytes, true);
    else if (mr_slice_starts_with(bytes, MR_S("PAR1")))
        status = read_parquet(bytes, buf, ret_rows);
    else {
        *ret_text = bytes;
        return MR_OK;
    }
    *ret_text = mr_buf_slice(buf);
    return status;
}
