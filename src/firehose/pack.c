/* Snappy's two framings, integers big-endian:
 *   snappy-java: 0x82 "SNAPPY" 0x00, version 1, lowest version 1 (4 bytes each); then blocks of up
 *                to 32 KiB: 4 bytes of packed length, the packed block.
 *   Hadoop:      blocks of up to 256 KiB less its allowance for growth: 4 bytes of plain length,
 *                4 bytes of packed length, the packed block. */
#include "firehose/pack.h"
#include "base/codec.h"
#include <snappy-c.h>
#include <stdlib.h>
#include <zip.h>

enum {
    JAVA_BLOCK = 32 << 10,
    HADOOP_BUFFER = 256 << 10,
    HADOOP_BLOCK = HADOOP_BUFFER - (HADOOP_BUFFER / 6 + 32),
};

static const struct {
    const char *name, *extension, *encoding;
} forms[COMPRESSIONS] = {
    [COMPRESSION_NONE] = {"UNCOMPRESSED", "", ""},
    [COMPRESSION_GZIP] = {"GZIP", ".gz", "gzip"},
    [COMPRESSION_ZIP] = {"ZIP", ".zip", "zip"},
    [COMPRESSION_SNAPPY] = {"Snappy", ".snappy", "snappy-java"},
    /* AWS: its page says .hsnappy, its service .snappy. */
    [COMPRESSION_HADOOP_SNAPPY] = {"HADOOP_SNAPPY", ".snappy", "hadoop-snappy"},
};

enum compression compression_named(struct mr_slice name)
{
    size_t i = 0;
    while (i < COMPRESSIONS && !mr_slice_equal(name, mr_slice_cstr(forms[i].name)))
        i++;
    return (enum compression)i;
}

struct mr_slice compression_extension(enum compression compression)
{
    return mr_slice_cstr(forms[compression].extension);
}

struct mr_slice compression_encoding(enum compression compression)
{
    return mr_slice_cstr(forms[compression].encoding);
}

static void put_big32(char *at, size_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i));
}

void compression_snappy(struct mr_buf *buf, struct mr_slice bytes)
{
    size_t len = snappy_max_compressed_length(bytes.len);
    char *out = mr_buf_reserve(buf, len);
    if (snappy_compress(bytes.len > 0 ? bytes.ptr : "", bytes.len, out, &len) != SNAPPY_OK)
        abort(); /* it fails for want of room only */
    buf->len += len;
}

static void pack_blocks(struct mr_buf *buf, struct mr_slice bytes, size_t block_max,
                        bool with_plain_length)
{
    const size_t head = with_plain_length ? 8 : 4;
    for (size_t at = 0; at < bytes.len; at += block_max) {
        const struct mr_slice block = mr_slice_sub(bytes, at, block_max);
        const size_t start = buf->len;
        (void)mr_buf_reserve(buf, head);
        buf->len += head;
        compression_snappy(buf, block);
        if (with_plain_length)
            put_big32(buf->data + start, block.len);
        put_big32(buf->data + start + head - 4, buf->len - start - head);
    }
}

static void append_source(struct mr_buf *buf, zip_source_t *source)
{
    zip_stat_t stat;
    if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0)
        abort();
    char *out = mr_buf_reserve(buf, (size_t)stat.size);
    const zip_int64_t len = zip_source_read(source, out, stat.size);
    if (len != (zip_int64_t)stat.size)
        abort();
    buf->len += (size_t)len;
    (void)zip_source_close(source);
}

/* All in memory: libzip fails here only for want of it, and then the process ends as elsewhere. */
static void pack_zip(struct mr_buf *buf, struct mr_slice bytes, struct mr_slice name,
                     int64_t time_ms)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *whole = zip_source_buffer_create(NULL, 0, 0, &error);
    if (whole == NULL)
        abort();
    zip_source_keep(whole);
    zip_t *zip = zip_open_from_source(whole, ZIP_TRUNCATE, &error);
    if (zip == NULL)
        abort();
    zip_source_t *entry = zip_source_buffer(zip, bytes.ptr, bytes.len, 0);
    const zip_int64_t index =
        zip_file_add(zip, mr_arena_cstr(&arena, name), entry, ZIP_FL_ENC_UTF_8);
    if (index < 0 || zip_file_set_mtime(zip, (zip_uint64_t)index, time_ms / 1000, 0) != 0 ||
        zip_close(zip) != 0)
        abort();
    append_source(buf, whole);
    zip_source_free(whole);
    zip_error_fini(&error);
    mr_arena_fini(&arena);
}

void compression_pack(struct mr_buf *buf, enum compression compression, struct mr_slice bytes,
                      struct mr_slice name, int64_t time_ms)
{
    static const char java_head[] = "\x82SNAPPY\0\0\0\0\1\0\0\0\1";
    switch (compression) {
    case COMPRESSION_GZIP: mr_gzip(buf, bytes); return;
    case COMPRESSION_ZIP: pack_zip(buf, bytes, name, time_ms); return;
    case COMPRESSION_SNAPPY:
        mr_buf_append(buf, MR_S(java_head));
        pack_blocks(buf, bytes, JAVA_BLOCK, false);
        return;
    case COMPRESSION_HADOOP_SNAPPY: pack_blocks(buf, bytes, HADOOP_BLOCK, true); return;
    case COMPRESSION_NONE:
    case COMPRESSIONS: mr_buf_append(buf, bytes); return;
    }
}
