/* Items in a file: the body of a backup.
 *
 *   file    "MRIMAGE1", blocks, end
 *   block   length of its body (u32, not 0), CRC-32C of the body (u32), body: for each item its
 * length (varint) and its bytes (item.h) end     0 (u32), CRC-32C of the count (u32), number of
 * items (u64)
 *
 * Integers are little-endian. A block has about 64 KiB, and one item at least. A file without its
 * end is none: it is written whole and synced before anything names it. */
#include "dynamodb/recovery.h"
#include "base/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 << 10, BLOCK_BYTES_MAX = 8 << 20 };
static const struct mr_slice magic = MR_S_INIT("MRIMAGE1");

struct dynamodb_image_writer {
    FILE *file;
    char *path;
    bool finished;
    uint64_t items;
    struct mr_buf block;
};

struct dynamodb_image_reader {
    FILE *file;
    char *path;
    uint64_t items;
    struct mr_buf block;
    struct mr_reader rest;
};

static enum mr_status raise_errno(const char *what, const char *path)
{
    return MR_RAISE(MR_FAIL_IO, "cannot %s '%s': %s", what, path, strerror(errno));
}

/* ---- writing ---- */

static enum mr_status write_all(struct dynamodb_image_writer *writer, struct mr_slice bytes)
{
    if (fwrite(bytes.ptr, 1, bytes.len, writer->file) != bytes.len)
        return raise_errno("write", writer->path);
    return MR_OK;
}

enum mr_status dynamodb_image_create(struct dynamodb_image_writer **ret_writer, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (file == NULL) {
        enum mr_status status = raise_errno("make", path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    struct dynamodb_image_writer *writer = mr_calloc(1, sizeof(*writer));
    writer->file = file;
    writer->path = mr_strdup_slice(mr_slice_cstr(path));
    enum mr_status status = write_all(writer, magic);
    if (status < 0)
        dynamodb_image_close(writer);
    else
        *ret_writer = writer;
    return status;
}

static enum mr_status write_block(struct dynamodb_image_writer *writer)
{
    struct mr_slice body = mr_buf_slice(&writer->block);
    struct mr_buf head MR_CLEANUP(mr_buf_fini) = {0};
    if (body.len == 0)
        return MR_OK;
    mr_buf_u32(&head, (uint32_t)body.len);
    mr_buf_u32(&head, mr_crc32c(0, body));
    enum mr_status status = write_all(writer, mr_buf_slice(&head));
    if (status == MR_OK)
        status = write_all(writer, body);
    mr_buf_reset(&writer->block);
    return status;
}

enum mr_status dynamodb_image_add(struct dynamodb_image_writer *writer, struct mr_slice item)
{
    mr_buf_bytes(&writer->block, item);
    writer->items++;
    return writer->block.len < BLOCK_BYTES ? MR_OK : write_block(writer);
}

static enum mr_status sync_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = mr_strdup_slice(mr_slice_make(path, (size_t)(slash - path)));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum mr_status status = MR_OK;
    if (fd < 0 || fsync(fd) != 0)
        status = raise_errno("sync", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

enum mr_status dynamodb_image_finish(struct dynamodb_image_writer *writer)
{
    struct mr_buf count MR_CLEANUP(mr_buf_fini) = {0}, end MR_CLEANUP(mr_buf_fini) = {0};
    enum mr_status status = write_block(writer);
    mr_buf_u64(&count, writer->items);
    mr_buf_u32(&end, 0);
    mr_buf_u32(&end, mr_crc32c(0, mr_buf_slice(&count)));
    mr_buf_append(&end, mr_buf_slice(&count));
    if (status == MR_OK)
        status = write_all(writer, mr_buf_slice(&end));
    if (status == MR_OK && (fflush(writer->file) != 0 || fsync(fileno(writer->file)) != 0))
        status = raise_errno("sync", writer->path);
    if (status == MR_OK)
        status = sync_folder_of(writer->path);
    writer->finished = status == MR_OK;
    return status;
}

void dynamodb_image_close(struct dynamodb_image_writer *writer)
{
    if (writer == NULL)
        return;
    (void)fclose(writer->file);
    if (!writer->finished)
        unlink(writer->path);
    mr_buf_fini(&writer->block);
    free(writer->path);
    free(writer);
}

/* ---- reading ---- */

static enum mr_status raise_damage(const struct dynamodb_image_reader *reader)
{
    return MR_RAISE(MR_FAIL_DATA, "'%s' is damaged at offset %ld", reader->path,
                    ftell(reader->file));
}

static enum mr_status read_all(struct dynamodb_image_reader *reader, size_t len)
{
    mr_buf_reset(&reader->block);
    char *to = mr_buf_reserve(&reader->block, len);
    if (fread(to, 1, len, reader->file) != len)
        return raise_damage(reader);
    reader->block.len = len;
    reader->rest = mr_reader_make(mr_buf_slice(&reader->block));
    return MR_OK;
}

enum mr_status dynamodb_image_open(struct dynamodb_image_reader **ret_reader, const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return raise_errno("open", path);
    struct dynamodb_image_reader *reader = mr_calloc(1, sizeof(*reader));
    reader->file = file;
    reader->path = mr_strdup_slice(mr_slice_cstr(path));
    enum mr_status status = read_all(reader, magic.len);
    if (status == MR_OK && !mr_slice_equal(mr_buf_slice(&reader->block), magic))
        status = raise_damage(reader);
    reader->rest = mr_reader_make((struct mr_slice){0});
    if (status < 0)
        dynamodb_image_free(reader);
    else
        *ret_reader = reader;
    return status;
}

static enum mr_status read_end(struct dynamodb_image_reader *reader, uint32_t crc)
{
    enum mr_status status = read_all(reader, sizeof(uint64_t));
    if (status < 0)
        return status;
    bool good = mr_crc32c(0, mr_buf_slice(&reader->block)) == crc &&
                mr_read_u64(&reader->rest) == reader->items;
    return good ? MR_END : raise_damage(reader);
}

static enum mr_status read_block(struct dynamodb_image_reader *reader)
{
    enum mr_status status = read_all(reader, 2 * sizeof(uint32_t));
    if (status < 0)
        return status;
    uint32_t len = mr_read_u32(&reader->rest), crc = mr_read_u32(&reader->rest);
    if (len == 0)
        return read_end(reader, crc);
    if (len > BLOCK_BYTES_MAX)
        return raise_damage(reader);
    status = read_all(reader, len);
    if (status == MR_OK && mr_crc32c(0, mr_buf_slice(&reader->block)) != crc)
        status = raise_damage(reader);
    return status;
}

enum mr_status dynamodb_image_next(struct dynamodb_image_reader *reader, struct mr_slice *ret_item)
{
    if (reader->rest.next == reader->rest.end) {
        enum mr_status status = read_block(reader);
        if (status != MR_OK)
            return status;
    }
    *ret_item = mr_read_bytes(&reader->rest);
    reader->items++;
    return reader->rest.failed ? raise_damage(reader) : MR_OK;
}

void dynamodb_image_free(struct dynamodb_image_reader *reader)
{
    if (reader == NULL)
        return;
    (void)fclose(reader->file);
    mr_buf_fini(&reader->block);
    free(reader->path);
    free(reader);
}
