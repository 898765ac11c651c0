#include "verify/unpack.h"
#include "base/codec.h"
#include "verify/pieces.h"
#include <inttypes.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zip.h>

enum {
    SNAPPY_HEAD = 16,
    COLUMNS_MAX = 1024,
    THRIFT_DEPTH_MAX = 12,
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
                const uint32_t len = big_endian(rest.ptr);
                if (snappy_block(buf, mr_slice_sub(rest, 4, len)) != MR_OK)
                    return MR_INVALID;
                rest = mr_slice_sub(rest, 4 + len, SIZE_MAX);
            } while (buf->len < whole);
            continue;
        }
        if (rest.len < 4 || big_endian(rest.ptr) > rest.len - 4)
            return MR_INVALID;
        const uint32_t len = big_endian(rest.ptr);
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

struct chunk {
    int64_t codec, values, packed, offset;
};
struct thrift {
    const uint8_t *next, *end;
    bool failed;
    int path[THRIFT_DEPTH_MAX];
    int64_t rows; /* of the file */
    struct chunk *chunks;
    size_t chunk_count, groups;
    int64_t plain, packed, values; /* of a page's header */
};

static uint64_t varint(struct thrift *t)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && t->next < t->end; shift += 7) {
        const uint8_t byte = *t->next++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    t->failed = true;
    return 0;
}

static bool at(const struct thrift *t, int depth, int a, int b, int c, int d)
{
    const int wanted[] = {a, b, c, d};
    for (int i = 0; i < 4; i++)
        if (wanted[i] != (i <= depth ? t->path[i] : 0))
            return false;
    return true;
}

static void see_number(struct thrift *t, int depth, int64_t value)
{
    if (t->chunks == NULL) { /* a page's header */
        if (at(t, depth, 2, 0, 0, 0))
            t->plain = value;
        else if (at(t, depth, 3, 0, 0, 0))
            t->packed = value;
        else if (at(t, depth, 5, 1, 0, 0))
            t->values = value;
        return;
    }
    if (at(t, depth, 3, 0, 0, 0))
        t->rows = value;
    if (depth != 3 || t->path[0] != 4 || t->path[1] != 1 || t->path[2] != 3 || t->chunk_count == 0)
        return;
    struct chunk *chunk = &t->chunks[t->chunk_count - 1];
    switch (t->path[3]) {
    case 4: chunk->codec = value; break;
    case 5: chunk->values = value; break;
    case 7: chunk->packed = value; break;
    case 9: chunk->offset = value; break;
    default: break;
    }
}

static void read_struct(struct thrift *t, int depth);

/* Thrift's compact protocol: the types that Parquet's metadata has. */
static void read_value(struct thrift *t, int type, int depth)
{
    switch (type) {
    case 1:
    case 2: return; /* booleans are in the type */
    case 3: t->next += t->next < t->end; return;
    case 4:
    case 5:
    case 6: {
        const uint64_t zigzag = varint(t);
        see_number(t, depth, (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1));
        return;
    }
    case 7: t->next += t->end - t->next < 8 ? t->end - t->next : 8; return;
    case 8: {
        const uint64_t len = varint(t);
        if (len > (uint64_t)(t->end - t->next))
            t->failed = true;
        else
            t->next += len;
        return;
    }
    case 9: {
        const uint8_t head = t->next < t->end ? *t->next++ : 0;
        uint64_t count = head >> 4;
        if (count == 15)
            count = varint(t);
        for (uint64_t i = 0; i < count && !t->failed; i++) {
            if (t->chunks != NULL && depth == 0 && t->path[0] == 4)
                t->groups++;
            if (t->chunks != NULL && depth == 1 && t->path[0] == 4 && t->path[1] == 1 &&
                t->chunk_count < COLUMNS_MAX * 64)
                t->chunks[t->chunk_count++] = (struct chunk){.offset = -1};
            read_value(t, head & 15, depth);
            t->failed = t->failed || t->next >= t->end;
        }
        return;
    }
    case 12: read_struct(t, depth + 1); return;
    default: t->failed = true; return;
    }
}

static void read_struct(struct thrift *t, int depth)
{
    int field = 0;
    if (depth >= THRIFT_DEPTH_MAX) {
        t->failed = true;
        return;
    }
    while (!t->failed && t->next < t->end) {
        const uint8_t head = *t->next++;
        if (head == 0)
            return;
        if (head >> 4 != 0) {
            field += head >> 4;
        } else {
            const uint64_t zigzag = varint(t);
            field = (int)(zigzag >> 1);
        }
        t->path[depth] = field;
        read_value(t, head & 15, depth);
    }
    t->failed = true;
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
        struct thrift t = {.next = (const uint8_t *)rest.ptr,
                           .end = (const uint8_t *)rest.ptr + rest.len};
        read_struct(&t, 0);
        const size_t head = (size_t)((const char *)t.next - rest.ptr);
        if (t.failed || t.packed < 0 || (uint64_t)t.packed > rest.len - head) {
            status = MR_INVALID;
            break;
        }
        status = unpack_page(&plain, chunk, mr_slice_sub(rest, head, (size_t)t.packed));
        struct mr_slice text = mr_buf_slice(&plain);
        int64_t position;
        while (status == MR_OK && verify_token_next(&text, &position)) {
            mr_buf_printf(lines, "1%020" PRId64 "\n", position);
            ++*count;
        }
        rest = mr_slice_sub(rest, head + (size_t)t.packed, SIZE_MAX);
    }
    mr_buf_fini(&plain);
    return status;
}

static enum mr_status best_column(struct mr_slice file, const struct thrift *t, struct mr_buf *buf)
{
    const size_t columns = t->groups == 0 ? 0 : t->chunk_count / t->groups;
    uint64_t most = 0;
    for (size_t column = 0; column < columns; column++) {
        struct mr_buf lines = {0};
        uint64_t count = 0;
        for (size_t i = column; i < t->chunk_count; i += columns)
            if (read_chunk(file, &t->chunks[i], &lines, &count) != MR_OK) {
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

static enum mr_status read_parquet(struct mr_slice file, struct mr_buf *buf, int64_t *ret_rows)
{
    uint32_t len;
    if (file.len < 12)
        return MR_INVALID;
    memcpy(&len, file.ptr + file.len - 8, sizeof len);
    if (len > file.len - 12)
        return MR_INVALID;
    const struct mr_slice footer = mr_slice_sub(file, file.len - 8 - len, len);
    struct thrift t = {.next = (const uint8_t *)footer.ptr,
                       .end = (const uint8_t *)footer.ptr + footer.len,
                       .rows = -1};
    t.chunks = mr_calloc(COLUMNS_MAX * 64, sizeof *t.chunks);
    read_struct(&t, 0);
    enum mr_status status = t.failed || t.rows < 0 ? MR_INVALID : best_column(file, &t, buf);
    *ret_rows = t.rows;
    free(t.chunks);
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
