/* Rows into files of the query's folder: Parquet by DuckDB's COPY, to "out" or, with partitions,
 * "out/mr_p=<number>/..."; text and JSON by us, to "t<number>". */
#include "athena/write.h"
#include "athena/lake.h"
#include "base/compress.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 << 10 };

struct file {
    int fd;
    struct mr_packer *packer;
    bool snappy; /* in blocks of Hadoop's, behind the packer, which packs nothing then */
    struct mr_buf buf, packed;
};
struct writer {
    struct athena_write *write;
    const struct athena_shown *shown;
    size_t count;
    struct file files[ATHENA_PARTS_MAX];
    bool used[ATHENA_PARTS_MAX];
};

/* ---- Parquet ---- */

static bool copy_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                         size_t count)
{
    (void)ctx;
    (void)shown;
    (void)names;
    return count == 1;
}

static bool copy_count(void *ctx, duckdb_data_chunk chunk)
{
    struct athena_write *write = ctx;
    const int64_t *counts =
        athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 0));
    for (idx_t i = 0; i < athena_duck.data_chunk_get_size(chunk); i++)
        write->rows += (uint64_t)counts[i];
    return true;
}

static enum mr_status run(struct athena_write *write, struct mr_buf *sql, struct athena_sink *sink,
                          bool copy)
{
    struct athena_execution execution = {.arena = write->arena,
                                         .sql = mr_arena_cstr(write->arena, mr_buf_slice(sql)),
                                         .handle = write->handle,
                                         .sink = sink,
                                         .copy = copy};
    return athena_write_execute(write, &execution);
}

static enum mr_status copy(struct athena_write *write)
{
    struct athena_sink sink = {.columns = copy_columns, .chunk = copy_count, .ctx = write};
    struct mr_buf sql = {0};
    mr_buf_append(&sql, MR_S("COPY ("));
    athena_write_select(write, &sql);
    mr_buf_printf(&sql, ") TO '%sout' (FORMAT parquet, COMPRESSION '%.*s'%s",
                  write->source->folder.path,
                  MR_ARG(mr_slice_equal(write->compression, MR_S("NONE")) ? MR_S("UNCOMPRESSED")
                                                                          : write->compression),
                  write->parts.key_count > 0 ? ", PARTITION_BY (mr_p)" : "");
    if (write->level > 0)
        mr_buf_printf(&sql, ", COMPRESSION_LEVEL %d", write->level);
    if (write->lake != NULL) {
        mr_buf_append(&sql, MR_S(", FIELD_IDS "));
        athena_lake_field_ids(&sql, write->lake->schema, write->lake->names);
    }
    mr_buf_byte(&sql, ')');
    enum mr_status status = run(write, &sql, &sink, true);
    mr_buf_fini(&sql);
    return status;
}

/* ---- text ---- */

static bool file_open(struct writer *writer, size_t number)
{
    struct athena_write *write = writer->write;
    struct file *file = &writer->files[number];
    char name[24];
    snprintf(name, sizeof name, "t%zu", number);
    file->fd =
        openat(write->source->folder.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const enum mr_packing packing =
        mr_slice_equal(write->compression, MR_S("GZIP"))   ? MR_PACKING_GZIP
        : mr_slice_equal(write->compression, MR_S("ZSTD")) ? MR_PACKING_ZSTD
                                                           : MR_PACKING_NONE;
    writer->used[number] = file->fd >= 0;
    if (file->fd < 0)
        return false;
    file->packer = mr_packer_new(packing, write->level, &file->packed);
    file->snappy = mr_slice_equal(write->compression, MR_S("SNAPPY"));
    return true;
}

static void put_number(struct mr_buf *buf, size_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        mr_buf_byte(buf, (char)(number >> shift & 0xff));
}

/* The length of the block, then that of its one part, packed. */
static void put_snappy(struct mr_buf *buf, struct mr_slice bytes)
{
    size_t len = snappy_max_compressed_length(bytes.len);
    if (bytes.len == 0)
        return;
    put_number(buf, bytes.len);
    char *const part = mr_buf_reserve(buf, len + 4);
    if (snappy_compress(bytes.ptr, bytes.len, part + 4, &len) != SNAPPY_OK)
        abort(); /* there is room */
    put_number(buf, len);
    buf->len += len;
}

static bool file_flush(struct file *file, bool last)
{
    if (file->snappy)
        put_snappy(&file->packed, mr_buf_slice(&file->buf));
    else
        mr_packer_add(file->packer, mr_buf_slice(&file->buf));
    mr_buf_reset(&file->buf);
    if (last)
        mr_packer_end(file->packer);
    for (size_t done = 0; done < file->packed.len;) {
        const ssize_t wrote = write(file->fd, file->packed.data + done, file->packed.len - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    mr_buf_reset(&file->packed);
    return true;
}

static bool file_close(struct file *file)
{
    const bool fine = file_flush(file, true);
    mr_buf_fini(&file->buf);
    mr_buf_fini(&file->packed);
    return close(file->fd) == 0 && fine;
}

static void put_row(struct writer *writer, duckdb_data_chunk chunk, idx_t row, struct mr_buf *buf)
{
    const struct athena_row_format *format = &writer->write->row_format;
    for (size_t i = 0; i < writer->count; i++) {
        duckdb_vector vector = athena_duck.data_chunk_get_vector(chunk, i);
        if (!format->json) {
            if (i > 0)
                mr_buf_byte(buf, format->delimiter);
            athena_row_text(buf, format, &writer->shown[i], vector, row, 1);
            continue;
        }
        mr_buf_append(buf, i > 0 ? MR_S(",\"") : MR_S("{\""));
        mr_json_escape(buf, writer->write->columns[i].name);
        mr_buf_append(buf, MR_S("\":"));
        athena_row_json(buf, &writer->shown[i], vector, row);
    }
    mr_buf_append(buf, format->json ? MR_S("}\n") : MR_S("\n"));
}

static bool text_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                         size_t count)
{
    struct writer *writer = ctx;
    (void)names;
    writer->shown = shown;
    writer->count = count - (writer->write->parts.key_count > 0);
    return true;
}

static bool text_chunk(void *ctx, duckdb_data_chunk chunk)
{
    struct writer *writer = ctx;
    const idx_t rows = athena_duck.data_chunk_get_size(chunk);
    const int64_t *numbers = NULL;
    if (writer->write->parts.key_count > 0)
        numbers =
            athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, writer->count));
    for (idx_t row = 0; row < rows; row++) {
        const size_t number = numbers == NULL ? 0 : (size_t)numbers[row];
        struct file *file = &writer->files[number];
        if (!writer->used[number] && !file_open(writer, number))
            return athena_write_fail(writer->write, "GENERIC_INTERNAL_ERROR",
                                     "a file cannot be written");
        put_row(writer, chunk, row, &file->buf);
        if (file->buf.len > BUFFER_BYTES && !file_flush(file, false))
            return athena_write_fail(writer->write, "GENERIC_INTERNAL_ERROR",
                                     "a file cannot be written");
    }
    writer->write->rows += rows;
    return true;
}

static enum mr_status text(struct athena_write *write)
{
    struct writer *writer = mr_calloc(1, sizeof *writer);
    struct athena_sink sink = {.columns = text_columns, .chunk = text_chunk, .ctx = writer};
    struct mr_buf sql = {0};
    writer->write = write;
    athena_write_select(write, &sql);
    enum mr_status status = run(write, &sql, &sink, false);
    for (size_t i = 0; i < ATHENA_PARTS_MAX; i++) {
        if (writer->used[i] && !file_close(&writer->files[i]) && status == MR_OK)
            status = MR_RAISE(MR_FAIL_IO, "a file of a query's rows cannot be written");
    }
    mr_buf_fini(&sql);
    free(writer);
    return status;
}

enum mr_status athena_write_files(struct athena_write *write)
{
    return write->format == ATHENA_WRITE_PARQUET ? copy(write) : text(write);
}
