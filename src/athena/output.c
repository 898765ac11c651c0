#include "athena/output.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void athena_output_init(struct athena_output *output, const char *folder, bool csv)
{
    *output = (struct athena_output){.folder = folder, .csv = csv, .fd = -1};
}

static void unmap(struct athena_output *output)
{
    if (output->fd >= 0 && output->buf.data != NULL)
        munmap(output->buf.data, output->buf.cap);
    output->buf = (struct mr_buf){0};
}

void athena_output_fini(struct athena_output *output)
{
    if (output->fd >= 0) {
        if (output->file_bytes == UINT64_MAX) /* mapped by athena_output_bytes */
            unmap(output);
        close(output->fd);
    }
    mr_buf_fini(&output->buf);
    output->fd = -1;
}

static void spill(struct athena_output *output)
{
    if (output->fd < 0)
        output->fd = open(output->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    size_t done = 0;
    while (output->fd >= 0 && done < output->buf.len) {
        const ssize_t wrote = write(output->fd, output->buf.data + done, output->buf.len - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        done += (size_t)wrote;
    }
    if (done < output->buf.len) {
        if (!output->failed)
            mr_log(MR_LOG_ERROR, "athena", "a result cannot be written to '%s': %s", output->folder,
                   strerror(errno));
        output->failed = true;
    }
    output->file_bytes += output->buf.len;
    mr_buf_reset(&output->buf);
}

static void end_value(struct athena_output *output)
{
    if (++output->at < output->column_count) {
        mr_buf_byte(&output->buf, output->csv ? ',' : '\t');
        return;
    }
    output->at = 0;
    output->rows++;
    mr_buf_byte(&output->buf, '\n');
    if (output->buf.len > ATHENA_OUTPUT_MEMORY)
        spill(output);
}

static void append_quoted(struct mr_buf *buf, struct mr_slice text)
{
    mr_buf_byte(buf, '"');
    for (;;) {
        const size_t quote = mr_slice_find(text, '"');
        if (quote == SIZE_MAX)
            break;
        mr_buf_append(buf, mr_slice_sub(text, 0, quote + 1));
        mr_buf_byte(buf, '"');
        text = mr_slice_sub(text, quote + 1, SIZE_MAX);
    }
    mr_buf_append(buf, text);
    mr_buf_byte(buf, '"');
}

void athena_output_value(struct athena_output *output, struct mr_slice text)
{
    if (output->csv)
        append_quoted(&output->buf, text);
    else
        mr_buf_append(&output->buf, text);
    end_value(output);
}

void athena_output_null(struct athena_output *output)
{
    end_value(output);
}

void athena_output_header(struct athena_output *output)
{
    assert(output->csv && output->rows == 0);
    for (size_t i = 0; i < output->column_count; i++)
        athena_output_value(output, output->columns[i].name);
    output->rows = 0;
}

enum mr_status athena_output_bytes(struct athena_output *output, struct mr_slice *ret_bytes)
{
    if (output->fd < 0) {
        *ret_bytes =
            mr_slice_make(output->buf.data == NULL ? "" : output->buf.data, output->buf.len);
        return MR_OK;
    }
    spill(output);
    if (output->failed)
        return MR_FAIL_IO;
    mr_buf_fini(&output->buf);
    const size_t len = (size_t)output->file_bytes;
    void *map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, output->fd, 0);
    if (map == MAP_FAILED)
        return MR_RAISE(MR_FAIL_IO, "cannot map a result: %s", strerror(errno));
    output->buf = (struct mr_buf){.data = map, .len = len, .cap = len};
    output->file_bytes = UINT64_MAX;
    *ret_bytes = mr_slice_make(map, len);
    return MR_OK;
}

/* ---- protobuf ---- */

static void field_bytes(struct mr_buf *buf, unsigned number, struct mr_slice bytes)
{
    mr_buf_varint(buf, number << 3 | 2);
    mr_buf_bytes(buf, bytes);
}

static void field_number(struct mr_buf *buf, unsigned number, uint64_t value)
{
    mr_buf_varint(buf, number << 3);
    mr_buf_varint(buf, value);
}

void athena_output_metadata(const struct athena_output *output, struct mr_slice query_id,
                            struct mr_buf *buf)
{
    struct mr_buf column = {0};
    field_bytes(buf, 1, query_id);
    for (size_t i = 0; i < output->column_count; i++) {
        const struct athena_result_column *shown = &output->columns[i];
        mr_buf_reset(&column);
        field_bytes(&column, 1, MR_S("hive"));
        field_bytes(&column, 4, shown->name);
        field_bytes(&column, 5, shown->name);
        field_bytes(&column, 6, mr_slice_cstr(shown->type));
        field_number(&column, 7, (uint64_t)shown->precision);
        field_number(&column, 8, (uint64_t)shown->scale);
        field_number(&column, 9, 3); /* nullable: unknown */
        field_number(&column, 10, strcmp(shown->type, "varchar") == 0);
        field_bytes(buf, 4, mr_buf_slice(&column));
    }
    mr_buf_fini(&column);
}
