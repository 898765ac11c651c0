#include "glue/sample.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAMPLE_CHUNK = 64 * 1024, CSV_COLUMNS_MAX = 1000, CSV_LINES = 1000, GROK_LINES = 100 };

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
        size_t got = 0;
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

static enum mr_status read_packed(int fd, enum mr_packing packing, struct mr_buf *head,
                                  bool *ret_whole)
{
    struct mr_unpacker *unpacker = mr_unpacker_new(packing);
    char *chunk = mr_malloc(SAMPLE_CHUNK);
    enum mr_status status = MR_OK;
    size_t got = 1;
    while (status == MR_OK && got > 0 && head->len < SAMPLE_HEAD_BYTES) {
        status = read_some(fd, chunk, SAMPLE_CHUNK, &got);
        struct mr_slice input = mr_slice_make(chunk, got);
        while (status == MR_OK && input.len > 0 && head->len < SAMPLE_HEAD_BYTES)
            status = mr_unpacker_take(unpacker, &input, head);
    }
    *ret_whole = status == MR_OK && got == 0;
    if (*ret_whole && !mr_unpacker_is_whole(unpacker))
        status = MR_INVALID;
    mr_unpacker_free(unpacker);
    free(chunk);
    return status;
}

enum mr_packing glue_sample_packing(struct mr_slice key)
{
    if (mr_slice_ends_with(key, MR_S(".gz")) || mr_slice_ends_with(key, MR_S(".gzip")))
        return MR_PACKING_GZIP;
    if (mr_slice_ends_with(key, MR_S(".zst")) || mr_slice_ends_with(key, MR_S(".zstd")))
        return MR_PACKING_ZSTD;
    return MR_PACKING_NONE;
}

enum mr_status glue_sample_read(int fd, enum mr_packing packing, struct mr_buf *ret_head,
                                bool *ret_whole)
{
    return packing == MR_PACKING_NONE ? read_plain(fd, ret_head, ret_whole)
                                      : read_packed(fd, packing, ret_head, ret_whole);
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

struct json_sample {
    struct mr_arena *arena;
    const struct glue_path *path; /* NULL: records are objects, one after the other */
    struct glue_type type;
    size_t good, bad, used;
};

static void observe(struct json_sample *sample, struct mr_slice text, size_t step)
{
    struct mr_arena scratch;
    mr_arena_init(&scratch);
    yyjson_val *value = text.len == 0 ? NULL : mr_json_parse(&scratch, text, MR_JSON_DEPTH_MAX);
    size_t found = value != NULL;
    if (sample->path != NULL)
        found = glue_path_observe(sample->arena, sample->path, step, value, &sample->type);
    else if (value != NULL)
        glue_type_observe(sample->arena, &sample->type, value);
    sample->good += found;
    sample->bad += found == 0;
    sample->used += found == 0 ? 0 : text.len + 1;
    mr_arena_fini(&scratch);
}

/* The elements of an array that may be cut by the end of the head; only objects and arrays. */
static void observe_elements(struct json_sample *sample, struct mr_slice text)
{
    struct mr_slice rest = skip_blank(mr_slice_sub(text, 1, SIZE_MAX));
    while (rest.len > 0 && (rest.ptr[0] == '{' || rest.ptr[0] == '[')) {
        const size_t length = glue_sample_object_length(rest);
        if (length == 0)
            return;
        observe(sample, mr_slice_sub(rest, 0, length), 1);
        rest = skip_blank(mr_slice_sub(rest, length, SIZE_MAX));
        if (rest.len > 0 && rest.ptr[0] == ',')
            rest = skip_blank(mr_slice_sub(rest, 1, SIZE_MAX));
    }
}

/* Records one after the other, on lines of their own or not. A few bad ones are passed over. */
static void observe_records(struct json_sample *sample, struct mr_slice head, bool whole)
{
    struct mr_slice rest = skip_blank(head);
    const bool arrays = sample->path != NULL;
    while (rest.len > 0) {
        const bool begins = rest.ptr[0] == '{' || (arrays && rest.ptr[0] == '[');
        const size_t length = begins ? glue_sample_object_length(rest) : 0;
        if (length == 0 && begins && !whole)
            return; /* cut by the end of the head */
        observe(sample, mr_slice_sub(rest, 0, length), 0);
        rest = skip_blank(length == 0 ? skip_line(rest) : mr_slice_sub(rest, length, SIZE_MAX));
    }
}

static bool json_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       const struct glue_path *path, struct lake_shape *shape)
{
    struct json_sample sample = {.arena = arena, .path = path};
    struct mr_slice text = skip_blank(head);
    const bool elements = text.ptr[0] == '[' && path != NULL && path->count > 0 &&
                          path->steps[0].kind == GLUE_STEP_ALL;
    if (elements)
        observe_elements(&sample, text);
    else
        observe_records(&sample, text, whole);
    if (sample.good == 0 || sample.bad > sample.good || sample.type.kind != GLUE_STRUCT)
        return false;
    shape->format = LAKE_JSON;
    shape->type = sample.type;
    const uint64_t length = sample.used / sample.good + 1;
    shape->records = whole ? sample.good : bytes / length;
    if (path != NULL)
        shape->json_path = path->text;
    return true;
}

/* AWS: a document that is an array is one record with one column, "array". */
static bool array_shape(struct mr_arena *arena, struct mr_slice text, struct lake_shape *shape)
{
    const size_t length = glue_sample_object_length(text);
    yyjson_val *value =
        length == 0 ? NULL : mr_json_parse(arena, mr_slice_sub(text, 0, length), MR_JSON_DEPTH_MAX);
    if (!yyjson_is_arr(value) || skip_blank(mr_slice_sub(text, length, SIZE_MAX)).len > 0)
        return false;
    struct glue_field *field = MR_NEW(arena, struct glue_field);
    field->name = MR_S("array");
    glue_type_observe(arena, &field->type, value);
    shape->format = LAKE_JSON;
    shape->type = (struct glue_type){
        .kind = GLUE_STRUCT, .fields = field, .field_count = 1, .field_capacity = 1};
    shape->records = 1;
    return true;
}

/* ---- delimited text ---- */

struct csv_line {
    struct mr_slice fields[CSV_COLUMNS_MAX];
    size_t count;
    bool quoted;
};

/* Cuts one line off `*rest`. A field in quotes may hold the delimiter, not a line end. */
static bool csv_next(struct mr_slice *rest, const struct glue_csv_rules *rules,
                     struct csv_line *line)
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
        if (i < text.len && text.ptr[i] == rules->quote) {
            inside = !inside;
            line->quoted = true;
        }
        if (i < text.len && (inside || text.ptr[i] != rules->delimiter))
            continue;
        struct mr_slice field = mr_slice_sub(text, start, i - start);
        if (!rules->keep_blanks)
            field = mr_slice_trim(field);
        if (field.len >= 2 && field.ptr[0] == rules->quote &&
            field.ptr[field.len - 1] == rules->quote)
            field = mr_slice_sub(field, 1, field.len - 2);
        line->fields[line->count++] = field;
        start = i + 1;
    }
    return true;
}

/* AWS: a whole number of a delimited text is a bigint, however small, where JSON's is an int. */
static enum glue_kind text_kind(struct mr_slice text)
{
    int64_t integer;
    if (text.len == 0)
        return GLUE_NULL;
    if (mr_slice_to_i64(text, &integer) == MR_OK)
        return GLUE_BIGINT;
    if (mr_slice_equal_nocase(text, MR_S("true")) || mr_slice_equal_nocase(text, MR_S("false")))
        return GLUE_BOOLEAN;
    if (text.len < 40) {
        char copy[40], *end;
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        (void)strtod(copy, &end);
        if (end == copy + text.len && mr_byte_in(copy[0], "+-.0123456789"))
            return GLUE_DOUBLE;
    }
    return GLUE_STRING;
}

/* Types of the lines behind the first; false: they have not all as many fields. */
static bool csv_types(struct mr_arena *arena, struct mr_slice rest, bool whole,
                      const struct glue_csv_rules *rules, struct glue_type *types, size_t columns,
                      size_t *ret_lines, bool *quoted)
{
    struct csv_line *line = mr_malloc(sizeof *line);
    size_t lines = 0;
    bool same = true;
    while (same && lines < CSV_LINES && csv_next(&rest, rules, line)) {
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

/* A header names every column, in words; and differs from the data where there are numbers. */
static bool looks_like_header(const struct csv_line *first, const struct glue_type *types,
                              size_t lines)
{
    bool differs = lines == 0;
    for (size_t i = 0; i < first->count; i++) {
        const bool last = i + 1 == first->count;
        if (text_kind(first->fields[i]) != GLUE_STRING || (!last && first->fields[i].len > 150))
            return false;
        differs = differs || (types[i].kind != GLUE_STRING && types[i].kind != GLUE_NULL);
    }
    return differs;
}

static bool is_header(const struct glue_csv_rules *rules, const struct csv_line *first,
                      const struct glue_type *types, size_t lines)
{
    if (rules->header != GLUE_HEADER_DETECT)
        return rules->header == GLUE_HEADER_PRESENT;
    bool named = rules->name_count == first->count;
    for (size_t i = 0; named && i < first->count; i++)
        named = mr_slice_equal_nocase(first->fields[i], rules->names[i]);
    return named || looks_like_header(first, types, lines);
}

/* LazySimpleSerDe goes by the columns' places: one of a name that is taken needs another. */
static struct mr_slice free_name(struct mr_arena *arena, const struct glue_field *fields,
                                 size_t count, struct mr_slice name)
{
    struct mr_slice tried = name;
    for (size_t i = 0, suffix = 1; i < count; i++) {
        if (mr_slice_equal(fields[i].name, tried)) {
            tried = mr_arena_printf(arena, "%.*s_%zu", MR_ARG(name), suffix++);
            i = SIZE_MAX; /* from the first one again */
        }
    }
    return tried;
}

static void csv_columns(struct mr_arena *arena, const struct csv_line *first, bool header,
                        const struct glue_csv_rules *rules, const struct glue_type *types,
                        struct glue_type *ret_type)
{
    ret_type->kind = GLUE_STRUCT;
    ret_type->field_count = ret_type->field_capacity = first->count;
    ret_type->fields = MR_NEW_ARRAY(arena, struct glue_field, first->count);
    for (size_t i = 0; i < first->count; i++) {
        struct mr_slice given = i < rules->name_count ? rules->names[i]
                                : header              ? first->fields[i]
                                                      : MR_S("");
        ret_type->fields[i].name = free_name(arena, ret_type->fields, i,
                                             given.len > 0 ? mr_arena_lower(arena, given)
                                                           : mr_arena_printf(arena, "col%zu", i));
        if (i < rules->type_count)
            glue_type_parse(arena, rules->types[i], &ret_type->fields[i].type);
        else
            glue_type_merge(arena, &ret_type->fields[i].type, &types[i]);
    }
}

/* Do all lines have as many fields as the first? Then the shape's columns and flags are set. */
static bool csv_lines(struct mr_arena *arena, struct mr_slice head, struct mr_slice rest,
                      bool whole, const struct glue_csv_rules *rules, const struct csv_line *first,
                      struct lake_shape *shape)
{
    struct glue_type *types = MR_NEW_ARRAY(arena, struct glue_type, first->count);
    struct glue_type *with_first = MR_NEW_ARRAY(arena, struct glue_type, first->count);
    size_t lines = 0, all = 0;
    shape->quoted = first->quoted;
    if (!csv_types(arena, rest, whole, rules, types, first->count, &lines, &shape->quoted) ||
        (lines == 0 && rules->header == GLUE_HEADER_DETECT) ||
        !csv_types(arena, head, whole, rules, with_first, first->count, &all, &shape->quoted))
        return false;
    shape->header = is_header(rules, first, types, lines);
    csv_columns(arena, first, shape->header, rules, shape->header ? types : with_first,
                &shape->type);
    shape->records = lines + !shape->header;
    return true;
}

static bool csv_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                      const struct glue_csv_rules *rules, struct lake_shape *shape)
{
    struct csv_line *first = mr_malloc(sizeof *first);
    struct mr_slice rest = head;
    const bool fits = csv_next(&rest, rules, first) && (first->count > 1 || rules->single_column) &&
                      first->count < CSV_COLUMNS_MAX && rest.ptr != NULL &&
                      csv_lines(arena, head, rest, whole, rules, first, shape);
    free(first);
    shape->format = LAKE_CSV;
    shape->delimiter = rules->delimiter;
    shape->quote = rules->quote;
    shape->typed = rules->type_count > 0;
    if (rules->serde != GLUE_SERDE_DETECT)
        shape->quoted = rules->serde == GLUE_SERDE_OPEN;
    if (!whole && head.len > 0)
        shape->records = bytes * shape->records / head.len;
    return fits;
}

/* With the delimiter that the rules name, or the first usual one that fits. */
static bool any_csv_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                          const struct glue_csv_rules *rules, struct lake_shape *ret_shape)
{
    static const char delimiters[] = {',', '|', '\t', ';', '\x01'};
    struct glue_csv_rules tried = *rules;
    for (size_t i = 0; i < (rules->delimiter != 0 ? 1 : MR_COUNT(delimiters)); i++) {
        struct lake_shape shape = {0};
        if (rules->delimiter == 0)
            tried.delimiter = delimiters[i];
        if (csv_shape(arena, head, whole, bytes, &tried, &shape)) {
            *ret_shape = shape;
            return true;
        }
    }
    return false;
}

/* Lines of Apache's are short, and have a time in brackets in front of a request in quotes: other
 * texts are not searched for a pattern in vain. */
static bool like_a_log(struct mr_slice head)
{
    enum { LOG_LINE_MAX = 16384 };
    const struct mr_slice line = mr_slice_sub(head, 0, mr_slice_find(head, '\n'));
    return line.len <= LOG_LINE_MAX && mr_slice_search(line, MR_S("] \"")) != SIZE_MAX;
}

/* Most of the first lines have to match. */
static bool grok_shape(struct mr_slice head, bool whole, uint64_t bytes,
                       const struct glue_grok_rules *rules, struct lake_shape *ret_shape)
{
    struct mr_slice rest = head, line;
    size_t lines = 0, good = 0, used = 0;
    if (rules->builtin && !like_a_log(head))
        return false;
    while (mr_slice_split(&rest, '\n', &line)) {
        if (rest.ptr == NULL && (!whole || line.len == 0))
            break; /* cut by the end of the head, or the empty rest behind the last line end */
        used += line.len + 1;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (lines < GROK_LINES)
            good += rules->engine->matches(rules->grok, line);
        lines++;
    }
    if (good == 0 || good * 2 < (lines < GROK_LINES ? lines : GROK_LINES))
        return false;
    *ret_shape = (struct lake_shape){.format = LAKE_GROK, .grok = rules, .type = rules->type};
    ret_shape->records = whole ? lines : bytes * lines / used;
    return true;
}

static bool custom_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                         const struct glue_classifier *classifier, struct lake_shape *ret_shape)
{
    struct lake_shape shape = {0};
    struct mr_slice text = skip_blank(head);
    if (classifier->grok != NULL)
        return grok_shape(head, whole, bytes, classifier->grok, ret_shape);
    const bool is_json = text.ptr[0] == '{' || text.ptr[0] == '[';
    if (classifier->is_csv)
        return !is_json && any_csv_shape(arena, head, whole, bytes, &classifier->csv, ret_shape);
    if (!is_json || !json_shape(arena, text, whole, bytes, &classifier->path, &shape))
        return false;
    *ret_shape = shape;
    return true;
}

bool glue_sample_shape(struct mr_arena *arena, struct mr_slice head, bool whole, uint64_t bytes,
                       const struct glue_classifiers *classifiers, struct lake_shape *ret_shape)
{
    if (mr_slice_starts_with(head, MR_S("\xef\xbb\xbf")))
        head = mr_slice_sub(head, 3, SIZE_MAX);
    struct lake_shape shape = {0};
    struct mr_slice text = skip_blank(head);
    if (text.len == 0 || memchr(head.ptr, '\0', head.len) != NULL)
        return false;
    for (size_t i = 0; classifiers != NULL && i < classifiers->count; i++) {
        if (custom_shape(arena, head, whole, bytes, &classifiers->list[i], ret_shape))
            return true;
    }
    if (text.ptr[0] == '{') {
        if (!json_shape(arena, text, whole, bytes, NULL, &shape))
            return false;
        *ret_shape = shape;
        return true;
    }
    if (text.ptr[0] == '[' && whole && array_shape(arena, text, &shape)) {
        *ret_shape = shape;
        return true;
    }
    return any_csv_shape(arena, head, whole, bytes, &glue_csv_default, ret_shape);
}
