#include "glue/sample.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { SAMPLE_CHUNK = 64 * 1024, CSV_COLUMNS_MAX = 1000, CSV_LINES = 1000 };

static enum mr_status read_some(int fd, char *to, size_t len, size_t *ret_got)
{
    for (;;) {
        const ssize_t got = read(fd, to, len);
        if (got >= 0) {
            *ret_got = (size_t)got;
            return MR_OK;
        }
        if (errno != EINTR)
            return MR_RAISE(MR_FAIL_IO, "cannot read an object: %s", strerror(errno));
    }
}

static enum mr_status read_plain(int fd, struct mr_buf *head, bool *ret_whole)
{
    *ret_whole = false;
    while (head->len < SAMPLE_HEAD_BYTES) {
        size_t got;
        const size_t want = SAMPLE_HEAD_BYTES - head->len;
        char *to = mr_buf_reserve(head, want);
        enum mr_status status = read_some(fd, to, want, &got);
        if (status != MR_OK)
            return status;
        head->len += got;
        if (got == 0) {
            *ret_whole = true;
            return MR_OK;
        }
    }
    return MR_OK;
}

/* One chunk of input through the stream. MR_END: the head is full; MR_INVALID: damaged. */
static enum mr_status inflate_chunk(z_stream *stream, struct mr_buf *head)
{
    while (stream->avail_in > 0) {
        if (head->len >= SAMPLE_HEAD_BYTES)
            return MR_END;
        const size_t room = SAMPLE_HEAD_BYTES - head->len;
        stream->next_out = (Bytef *)mr_buf_reserve(head, room);
        stream->avail_out = (uInt)room;
        const int code = inflate(stream, Z_NO_FLUSH);
        head->len += room - stream->avail_out;
        if (code == Z_STREAM_END)
            inflateReset(stream); /* another member may follow */
        else if (code != Z_OK)
            return MR_INVALID;
    }
    return MR_OK;
}

static enum mr_status read_gzip(int fd, struct mr_buf *head, bool *ret_whole)
{
    z_stream stream = {0};
    if (inflateInit2(&stream, 15 + 16) != Z_OK)
        abort();
    char *chunk = mr_malloc(SAMPLE_CHUNK);
    enum mr_status status = MR_OK;
    size_t got = 1;
    while (status == MR_OK && got > 0) {
        status = read_some(fd, chunk, SAMPLE_CHUNK, &got);
        stream.next_in = (Bytef *)chunk;
        stream.avail_in = (uInt)got;
        if (status == MR_OK)
            status = inflate_chunk(&stream, head);
    }
    inflateEnd(&stream);
    free(chunk);
    *ret_whole = status == MR_OK;
    return status == MR_END ? MR_OK : status;
}

enum mr_status glue_sample_read(int fd, bool gzip, struct mr_buf *ret_head, bool *ret_whole)
{
    return gzip ? read_gzip(fd, ret_head, ret_whole) : read_plain(fd, ret_head, ret_whole);
}

/* ---- JSON ---- */

size_t glue_sample_object_length(struct mr_slice text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if (in_string && byte == '\\')
            i++;
        else if (byte == '"')
            in_string = !in_string;
        else if (!in_string && (byte == '{' || byte == '['))
            depth++;
        else if (!in_string && (byte == '}' || byte == ']') && --depth == 0)
            return i + 1;
    }
    return 0;
}

static struct mr_slice skip_blank(struct mr_slice text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
        text = mr_slice_sub(text, 1, SIZE_MAX);
    return text;
}

static struct mr_slice skip_line(struct mr_slice text)
{
    const size_t end = mr_slice_find(text, '\n');
    return end == SIZE_MAX ? mr_slice_sub(text, text.len, 0)
                           : mr_slice_sub(text, end + 1, SIZE_MAX);
}

/* Records one after the other, on lines of their own or not. A few bad ones are passed over. */
static bool json_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       struct lake_shape *shape)
{
    struct mr_arena scratch;
    mr_arena_init(&scratch);
    struct mr_slice rest = skip_blank(head);
    size_t good = 0, bad = 0, used = 0;
    while (rest.len > 0) {
        const size_t length = rest.ptr[0] == '{' ? glue_sample_object_length(rest) : 0;
        if (length == 0 && rest.ptr[0] == '{' && !whole)
            break; /* cut by the end of the head */
        mr_arena_reset(&scratch);
        yyjson_val *record =
            length == 0 ? NULL
                        : mr_json_parse(&scratch, mr_slice_sub(rest, 0, length), MR_JSON_DEPTH_MAX);
        if (record == NULL) {
            bad++;
            rest = skip_blank(skip_line(rest));
            continue;
        }
        good++;
        used += length + 1;
        glue_type_observe(arena, &shape->type, record);
        rest = skip_blank(mr_slice_sub(rest, length, SIZE_MAX));
    }
    mr_arena_fini(&scratch);
    if (good == 0 || bad > good || shape->type.kind != GLUE_STRUCT)
        return false;
    shape->format = LAKE_JSON;
    shape->records = whole ? good : bytes / (used / good);
    return true;
}

/* ---- delimited text ---- */

struct csv_line {
    struct mr_slice fields[CSV_COLUMNS_MAX];
    size_t count;
    bool quoted;
};

/* Cuts one line off `*rest`. A field in double quotes may hold the delimiter, not a line end. */
static bool csv_next(struct mr_slice *rest, char delimiter, struct csv_line *line)
{
    struct mr_slice text;
    if (!mr_slice_split(rest, '\n', &text))
        return false;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    line->count = 0;
    line->quoted = false;
    size_t start = 0;
    bool inside = false;
    for (size_t i = 0; i <= text.len && line->count < CSV_COLUMNS_MAX; i++) {
        if (i < text.len && text.ptr[i] == '"') {
            inside = !inside;
            line->quoted = true;
        }
        if (i < text.len && (inside || text.ptr[i] != delimiter))
            continue;
        struct mr_slice field = mr_slice_sub(text, start, i - start);
        if (field.len >= 2 && field.ptr[0] == '"' && field.ptr[field.len - 1] == '"')
            field = mr_slice_sub(field, 1, field.len - 2);
        line->fields[line->count++] = field;
        start = i + 1;
    }
    return true;
}

static enum glue_kind text_kind(struct mr_slice text)
{
    int64_t integer;
    if (text.len == 0)
        return GLUE_NULL;
    if (mr_slice_to_i64(text, &integer) == MR_OK)
        return integer >= INT32_MIN && integer <= INT32_MAX ? GLUE_INT : GLUE_BIGINT;
    if (mr_slice_equal_nocase(text, MR_S("true")) || mr_slice_equal_nocase(text, MR_S("false")))
        return GLUE_BOOLEAN;
    if (text.len < 40) {
        char copy[40], *end;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        (void)strtod(copy, &end);
        if (end == copy + text.len && strchr("+-.0123456789", copy[0]) != NULL)
            return GLUE_DOUBLE;
    }
    return GLUE_STRING;
}

/* Types of the lines behind the first; false: they have not all as many fields. */
static bool csv_types(struct mr_arena *arena, struct mr_slice rest, bool whole, char delimiter,
                      struct glue_type *types, size_t columns, size_t *ret_lines, bool *quoted)
{
    struct csv_line *line = mr_malloc(sizeof *line);
    size_t lines = 0;
    bool same = true;
    while (same && lines < CSV_LINES && csv_next(&rest, delimiter, line)) {
        if (rest.ptr == NULL && (!whole || (line->count == 1 && line->fields[0].len == 0)))
            break; /* cut by the end of the head, or the empty rest behind the last line end */
        same = line->count == columns;
        *quoted = *quoted || line->quoted;
        for (size_t i = 0; same && i < columns; i++) {
            const struct glue_type seen = {.kind = text_kind(line->fields[i])};
            glue_type_merge(arena, &types[i], &seen);
        }
        lines++;
    }
    free(line);
    *ret_lines = lines;
    return same;
}

/* A header names every column, in words, each once; and differs from the data where there are
 * numbers. */
static bool is_header(const struct csv_line *first, const struct glue_type *types, size_t lines)
{
    bool differs = lines == 0;
    for (size_t i = 0; i < first->count; i++) {
        if (text_kind(first->fields[i]) != GLUE_STRING || first->fields[i].len > 150)
            return false;
        differs = differs || (types[i].kind != GLUE_STRING && types[i].kind != GLUE_NULL);
    }
    return differs;
}

static void csv_columns(struct mr_arena *arena, const struct csv_line *first, bool header,
                        const struct glue_type *types, struct glue_type *ret_type)
{
    ret_type->kind = GLUE_STRUCT;
    ret_type->field_count = ret_type->field_capacity = first->count;
    ret_type->fields = MR_NEW_ARRAY(arena, struct glue_field, first->count);
    for (size_t i = 0; i < first->count; i++) {
        char *name = mr_arena_cstr(arena, first->fields[i]);
        for (size_t j = 0; j < first->fields[i].len; j++)
            name[j] = name[j] >= 'A' && name[j] <= 'Z' ? (char)(name[j] + 32) : name[j];
        ret_type->fields[i].name = header ? mr_slice_make(name, first->fields[i].len)
                                          : mr_arena_printf(arena, "col%zu", i);
        glue_type_merge(arena, &ret_type->fields[i].type, &types[i]);
    }
}

static bool csv_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                      char delimiter, struct lake_shape *shape)
{
    struct csv_line *first = mr_malloc(sizeof *first);
    struct mr_slice rest = head;
    size_t lines = 0;
    bool fits = csv_next(&rest, delimiter, first) && first->count > 1 &&
                first->count < CSV_COLUMNS_MAX && rest.ptr != NULL;
    if (fits) {
        struct glue_type *types = MR_NEW_ARRAY(arena, struct glue_type, first->count);
        struct glue_type *with_first = MR_NEW_ARRAY(arena, struct glue_type, first->count);
        shape->quoted = first->quoted;
        size_t all;
        fits =
            csv_types(arena, rest, whole, delimiter, types, first->count, &lines, &shape->quoted) &&
            lines > 0 &&
            csv_types(arena, head, whole, delimiter, with_first, first->count, &all,
                      &shape->quoted);
        shape->header = fits && is_header(first, types, lines);
        if (fits)
            csv_columns(arena, first, shape->header, shape->header ? types : with_first,
                        &shape->type);
    }
    free(first);
    shape->format = LAKE_CSV;
    shape->delimiter = delimiter;
    shape->records = lines + !shape->header;
    if (!whole && head.len > 0)
        shape->records = bytes * shape->records / head.len;
    return fits;
}

bool glue_sample_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       struct lake_shape *ret_shape)
{
    if (mr_slice_starts_with(head, MR_S("\xef\xbb\xbf")))
        head = mr_slice_sub(head, 3, SIZE_MAX);
    struct lake_shape shape = {0};
    struct mr_slice text = skip_blank(head);
    if (text.len == 0 || memchr(head.ptr, '\0', head.len) != NULL)
        return false;
    if (text.ptr[0] == '{') {
        if (!json_shape(arena, text, whole, bytes, &shape))
            return false;
        *ret_shape = shape;
        return true;
    }
    static const char delimiters[] = {',', '|', '\t', ';'};
    for (size_t i = 0; i < MR_COUNT(delimiters); i++) {
        shape = (struct lake_shape){0};
        if (csv_shape(arena, head, whole, bytes, delimiters[i], &shape)) {
            *ret_shape = shape;
            return true;
        }
    }
    return false;
}
