/* Pages of a stored result. The token of a page is the byte at which its first row begins. */
#include "athena/internal.h"
#include <errno.h>
#include <unistd.h>

enum { RESULTS_PIECE = 256 << 10, RESULTS_ROW_MAX = 64 << 20 };

struct reader {
    int fd;
    uint64_t offset; /* of the next byte to read */
    struct mr_buf buf;
    size_t at; /* what is not used yet */
    bool ended;
};

static enum mr_status fill(struct reader *reader)
{
    char *to = mr_buf_reserve(&reader->buf, RESULTS_PIECE);
    ssize_t got;
    do {
        got = pread(reader->fd, to, RESULTS_PIECE, (off_t)reader->offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return MR_RAISE(MR_FAIL_IO, "cannot read a result: %s", strerror(errno));
    reader->buf.len += (size_t)got;
    reader->offset += (uint64_t)got;
    reader->ended = got == 0;
    return MR_OK;
}

/* Length of the row at the front with its line end, which is not one inside quotes; 0: not all of
 * it is here. */
static size_t row_length(const struct reader *reader, bool csv)
{
    bool inside = false;
    for (size_t i = reader->at; i < reader->buf.len; i++) {
        if (csv && reader->buf.data[i] == '"')
            inside = !inside;
        else if (!inside && reader->buf.data[i] == '\n')
            return i + 1 - reader->at;
    }
    return 0;
}

static void write_datum(struct mr_json *json, struct mr_slice text, bool null)
{
    mr_json_object(json);
    if (!null)
        mr_json_key_string(json, "VarCharValue", text);
    mr_json_object_end(json);
}

/* "a","b ""c""",,"" */
static void write_csv_row(struct mr_json *json, struct mr_slice row)
{
    struct mr_buf text = {0};
    size_t i = 0;
    for (;;) {
        const bool quoted = i < row.len && row.ptr[i] == '"';
        mr_buf_reset(&text);
        for (i += quoted; i < row.len; i++) {
            if (row.ptr[i] == '"' && quoted) {
                if (i + 1 >= row.len || row.ptr[i + 1] != '"') {
                    i++;
                    break;
                }
                i++;
            } else if (row.ptr[i] == ',' && !quoted) {
                break;
            }
            mr_buf_byte(&text, row.ptr[i]);
        }
        write_datum(json, mr_buf_slice(&text), !quoted);
        if (i >= row.len || row.ptr[i] != ',')
            break;
        i++;
    }
    mr_buf_fini(&text);
}

static void write_text_row(struct mr_json *json, struct mr_slice row, size_t columns)
{
    struct mr_slice part;
    if (columns < 2) {
        write_datum(json, row, false);
        return;
    }
    while (mr_slice_split(&row, '\t', &part))
        write_datum(json, part, false);
}

static void write_row(struct mr_json *json, struct mr_slice row, bool csv, size_t columns)
{
    mr_json_object(json);
    mr_json_key(json, "Data");
    mr_json_array(json);
    if (csv)
        write_csv_row(json, row);
    else
        write_text_row(json, row, columns);
    mr_json_array_end(json);
    mr_json_object_end(json);
}

static enum mr_status next_row(struct reader *reader, bool csv, size_t *ret_length)
{
    for (;;) {
        *ret_length = row_length(reader, csv);
        if (*ret_length > 0)
            return MR_OK;
        if (reader->ended || reader->buf.len - reader->at > RESULTS_ROW_MAX)
            return MR_END;
        mr_buf_consume(&reader->buf, reader->at);
        reader->at = 0;
        enum mr_status status = fill(reader);
        if (status != MR_OK)
            return status;
    }
}

enum mr_status athena_results_page(struct athena *athena, struct mr_slice location, size_t columns,
                                   uint64_t from, size_t rows_max, struct mr_json *json,
                                   uint64_t *ret_next)
{
    struct reader reader = {.offset = from};
    struct mr_slice bucket, key;
    uint64_t size;
    enum mr_status status = glue_location_parse(location, &bucket, &key);
    if (status != MR_OK)
        return status;
    status = s3_open_object(athena->options.s3, bucket, key, &reader.fd, &size);
    if (status != MR_OK)
        return status;
    const bool csv = mr_slice_ends_with(location, MR_S(".csv"));
    uint64_t next = from;
    mr_json_array(json);
    for (size_t rows = 0; status == MR_OK && rows < rows_max; rows++) {
        size_t length;
        status = next_row(&reader, csv, &length);
        if (status != MR_OK)
            break;
        write_row(json, mr_slice_make(reader.buf.data + reader.at, length - 1), csv, columns);
        reader.at += length;
        next += length;
    }
    mr_json_array_end(json);
    mr_buf_fini(&reader.buf);
    close(reader.fd);
    *ret_next = next < size ? next : 0;
    return status == MR_END ? MR_OK : status;
}
