#include "athena/hive.h"
#include "base/codec.h"
#include "base/json.h"

/* ---- types ---- */

static bool kind_of(duckdb_type id, enum athena_type_kind *ret)
{
    static const struct {
        duckdb_type id;
        enum athena_type_kind kind;
    } rows[] = {{DUCKDB_TYPE_BOOLEAN, ATHENA_BOOLEAN},
                {DUCKDB_TYPE_TINYINT, ATHENA_TINYINT},
                {DUCKDB_TYPE_SMALLINT, ATHENA_SMALLINT},
                {DUCKDB_TYPE_INTEGER, ATHENA_INT},
                {DUCKDB_TYPE_BIGINT, ATHENA_BIGINT},
                {DUCKDB_TYPE_HUGEINT, ATHENA_BIGINT},
                {DUCKDB_TYPE_UBIGINT, ATHENA_BIGINT},
                {DUCKDB_TYPE_UINTEGER, ATHENA_BIGINT},
                {DUCKDB_TYPE_USMALLINT, ATHENA_INT},
                {DUCKDB_TYPE_UTINYINT, ATHENA_SMALLINT},
                {DUCKDB_TYPE_FLOAT, ATHENA_FLOAT},
                {DUCKDB_TYPE_DOUBLE, ATHENA_DOUBLE},
                {DUCKDB_TYPE_DECIMAL, ATHENA_DECIMAL},
                {DUCKDB_TYPE_VARCHAR, ATHENA_STRING},
                {DUCKDB_TYPE_DATE, ATHENA_DATE},
                {DUCKDB_TYPE_TIMESTAMP, ATHENA_TIMESTAMP},
                {DUCKDB_TYPE_TIMESTAMP_S, ATHENA_TIMESTAMP},
                {DUCKDB_TYPE_TIMESTAMP_MS, ATHENA_TIMESTAMP},
                {DUCKDB_TYPE_TIMESTAMP_NS, ATHENA_TIMESTAMP},
                {DUCKDB_TYPE_BLOB, ATHENA_BINARY},
                {DUCKDB_TYPE_LIST, ATHENA_ARRAY},
                {DUCKDB_TYPE_ARRAY, ATHENA_ARRAY},
                {DUCKDB_TYPE_MAP, ATHENA_MAP},
                {DUCKDB_TYPE_STRUCT, ATHENA_STRUCT}};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (rows[i].id == id) {
            *ret = rows[i].kind;
            return true;
        }
    }
    return false;
}

bool athena_type_of_shown(struct mr_arena *arena, const struct athena_shown *shown,
                          struct athena_type *ret_type)
{
    struct athena_type type = {.precision = shown->precision, .scale = shown->scale};
    if (!kind_of(shown->id, &type.kind) || strcmp(shown->name, "json") == 0)
        return false;
    const size_t count = shown->child_count;
    struct athena_type *children = MR_NEW_ARRAY(arena, struct athena_type, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!athena_type_of_shown(arena, &shown->children[i], &children[i]))
            return false;
    }
    if (type.kind == ATHENA_MAP) {
        type.key = &children[0];
        type.element = &children[1];
    } else if (type.kind == ATHENA_ARRAY) {
        type.element = &children[0];
    } else if (type.kind == ATHENA_STRUCT) {
        type.fields = children;
        type.names = shown->names;
        type.field_count = count;
    }
    *ret_type = type;
    return true;
}

struct words {
    const char *scalars[ATHENA_BINARY + 1];
    const char *array, *map, *row, *open, *close, *name, *comma;
};

static void put_type(struct mr_buf *buf, const struct words *words, const struct athena_type *type)
{
    if (type->kind == ATHENA_DECIMAL) {
        mr_buf_printf(buf, "decimal(%d,%d)", type->precision, type->scale);
        return;
    }
    if (type->kind == ATHENA_STRING && type->length > 0) {
        mr_buf_printf(buf, type->padded ? "char(%d)" : "varchar(%d)", type->length);
        return;
    }
    if (type->kind <= ATHENA_BINARY) {
        mr_buf_append(buf, mr_slice_cstr(words->scalars[type->kind]));
        return;
    }
    mr_buf_printf(buf, "%s%s",
                  type->kind == ATHENA_ARRAY ? words->array
                  : type->kind == ATHENA_MAP ? words->map
                                             : words->row,
                  words->open);
    if (type->kind == ATHENA_MAP) {
        put_type(buf, words, type->key);
        mr_buf_append(buf, mr_slice_cstr(words->comma));
    }
    if (type->kind != ATHENA_STRUCT)
        put_type(buf, words, type->element);
    for (size_t i = 0; i < type->field_count; i++) {
        mr_buf_printf(buf, "%s%.*s%s", i > 0 ? words->comma : "", MR_ARG(type->names[i]),
                      words->name);
        put_type(buf, words, &type->fields[i]);
    }
    mr_buf_append(buf, mr_slice_cstr(words->close));
}

void athena_type_hive(struct mr_buf *buf, const struct athena_type *type)
{
    static const struct words words = {.scalars = {"boolean", "tinyint", "smallint", "int",
                                                   "bigint", "float", "double", "", "string",
                                                   "date", "timestamp", "binary"},
                                       .array = "array",
                                       .map = "map",
                                       .row = "struct",
                                       .open = "<",
                                       .close = ">",
                                       .name = ":",
                                       .comma = ","};
    put_type(buf, &words, type);
}

void athena_type_trino(struct mr_buf *buf, const struct athena_type *type)
{
    static const struct words words = {.scalars = {"boolean", "tinyint", "smallint", "integer",
                                                   "bigint", "real", "double", "", "varchar",
                                                   "date", "timestamp(3)", "varbinary"},
                                       .array = "array",
                                       .map = "map",
                                       .row = "row",
                                       .open = "(",
                                       .close = ")",
                                       .name = " ",
                                       .comma = ", "};
    put_type(buf, &words, type);
}

/* ---- rows ---- */

static bool is_null(duckdb_vector vector, idx_t row)
{
    const uint64_t *validity = athena_duck.vector_get_validity(vector);
    return validity != NULL && (validity[row / 64] >> (row % 64) & 1) == 0;
}

static struct mr_slice bytes_at(duckdb_vector vector, idx_t row)
{
    const duckdb_string_t *string =
        &((const duckdb_string_t *)athena_duck.vector_get_data(vector))[row];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

/* The elements of a list, an array or a map. */
struct span {
    duckdb_vector child;
    idx_t from, count;
};

static struct span span_at(const struct athena_shown *shown, duckdb_vector vector, idx_t row)
{
    if (shown->id == DUCKDB_TYPE_ARRAY)
        return (struct span){athena_duck.array_vector_get_child(vector), row * shown->array_size,
                             shown->array_size};
    const duckdb_list_entry *entry =
        &((const duckdb_list_entry *)athena_duck.vector_get_data(vector))[row];
    return (struct span){athena_duck.list_vector_get_child(vector), entry->offset, entry->length};
}

static void json_list(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                      idx_t row)
{
    const struct span span = span_at(shown, vector, row);
    mr_buf_byte(buf, '[');
    for (idx_t i = 0; i < span.count; i++) {
        if (i > 0)
            mr_buf_byte(buf, ',');
        athena_row_json(buf, shown->children, span.child, span.from + i);
    }
    mr_buf_byte(buf, ']');
}

static void json_quoted(struct mr_buf *buf, struct mr_slice text)
{
    mr_buf_byte(buf, '"');
    mr_json_escape(buf, text);
    mr_buf_byte(buf, '"');
}

struct pair {
    struct mr_slice key;
    idx_t at;
};

static int by_key(const void *a, const void *b)
{
    return mr_slice_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* By key, as Trino writes maps. */
static void json_map(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                     idx_t row)
{
    const struct span span = span_at(shown, vector, row);
    duckdb_vector keys = athena_duck.struct_vector_get_child(span.child, 0);
    duckdb_vector values = athena_duck.struct_vector_get_child(span.child, 1);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct pair *pairs = MR_NEW_ARRAY(&arena, struct pair, span.count + 1);
    struct mr_buf key = {0};
    for (idx_t i = 0; i < span.count; i++) {
        mr_buf_reset(&key);
        (void)athena_render(&key, &shown->children[0], keys, span.from + i);
        pairs[i] = (struct pair){mr_arena_copy(&arena, mr_buf_slice(&key)), span.from + i};
    }
    qsort(pairs, span.count, sizeof *pairs, by_key);
    mr_buf_byte(buf, '{');
    for (idx_t i = 0; i < span.count; i++) {
        if (i > 0)
            mr_buf_byte(buf, ',');
        json_quoted(buf, pairs[i].key);
        mr_buf_byte(buf, ':');
        athena_row_json(buf, &shown->children[1], values, pairs[i].at);
    }
    mr_buf_byte(buf, '}');
    mr_buf_fini(&key);
    mr_arena_fini(&arena);
}

static void json_struct(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                        idx_t row)
{
    mr_buf_byte(buf, '{');
    for (size_t i = 0; i < shown->child_count; i++) {
        if (i > 0)
            mr_buf_byte(buf, ',');
        json_quoted(buf, shown->names[i]);
        mr_buf_byte(buf, ':');
        athena_row_json(buf, &shown->children[i], athena_duck.struct_vector_get_child(vector, i),
                        row);
    }
    mr_buf_byte(buf, '}');
}

static bool is_number(duckdb_type id)
{
    return (id >= DUCKDB_TYPE_TINYINT && id <= DUCKDB_TYPE_DOUBLE) || id == DUCKDB_TYPE_HUGEINT ||
           id == DUCKDB_TYPE_DECIMAL;
}

static void json_scalar(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                        idx_t row)
{
    struct mr_buf text = {0};
    if (shown->id == DUCKDB_TYPE_BLOB)
        mr_base64_append(&text, bytes_at(vector, row));
    else
        (void)athena_render(&text, shown, vector, row);
    struct mr_slice shown_text = mr_buf_slice(&text);
    const bool number = shown_text.len > 0 && mr_byte_in(shown_text.ptr[0], "-0123456789") &&
                        !mr_slice_equal(shown_text, MR_S("-Infinity"));
    if (shown->id == DUCKDB_TYPE_BOOLEAN || strcmp(shown->name, "json") == 0 ||
        (number && is_number(shown->id)))
        mr_buf_append(buf, shown_text);
    else
        json_quoted(buf, shown_text);
    mr_buf_fini(&text);
}

void athena_row_json(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                     idx_t row)
{
    if (is_null(vector, row)) {
        mr_buf_append(buf, MR_S("null"));
        return;
    }
    switch (shown->id) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY: json_list(buf, shown, vector, row); return;
    case DUCKDB_TYPE_MAP: json_map(buf, shown, vector, row); return;
    case DUCKDB_TYPE_STRUCT: json_struct(buf, shown, vector, row); return;
    default: json_scalar(buf, shown, vector, row); return;
    }
}

/* Separators below the third level are the control characters that follow, as in Hive. */
static char separator(const struct athena_row_format *format, int level)
{
    return level == 0   ? format->delimiter
           : level == 1 ? format->collection
           : level == 2 ? format->map
                        : (char)(level + 1);
}

static void text_scalar(struct mr_buf *buf, const struct athena_row_format *format,
                        const struct athena_shown *shown, duckdb_vector vector, idx_t row)
{
    if (shown->id == DUCKDB_TYPE_BLOB) {
        mr_base64_append(buf, bytes_at(vector, row));
        return;
    }
    if (shown->id != DUCKDB_TYPE_VARCHAR || format->escape == 0) {
        (void)athena_render(buf, shown, vector, row);
        return;
    }
    struct mr_slice text = bytes_at(vector, row);
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if (byte == format->escape || byte == format->delimiter || byte == format->collection ||
            byte == format->map)
            mr_buf_byte(buf, format->escape);
        mr_buf_byte(buf, byte);
    }
}

void athena_row_text(struct mr_buf *buf, const struct athena_row_format *format,
                     const struct athena_shown *shown, duckdb_vector vector, idx_t row, int level)
{
    if (is_null(vector, row)) {
        mr_buf_append(buf, format->null_text);
        return;
    }
    if (shown->child_count == 0) {
        text_scalar(buf, format, shown, vector, row);
        return;
    }
    const bool map = shown->id == DUCKDB_TYPE_MAP, record = shown->id == DUCKDB_TYPE_STRUCT;
    const struct span span =
        record ? (struct span){.count = shown->child_count} : span_at(shown, vector, row);
    for (idx_t i = 0; i < span.count; i++) {
        if (i > 0)
            mr_buf_byte(buf, separator(format, level));
        if (record) {
            athena_row_text(buf, format, &shown->children[i],
                            athena_duck.struct_vector_get_child(vector, i), row, level + 1);
        } else if (map) {
            athena_row_text(buf, format, &shown->children[0],
                            athena_duck.struct_vector_get_child(span.child, 0), span.from + i,
                            level + 2);
            mr_buf_byte(buf, separator(format, level + 1));
            athena_row_text(buf, format, &shown->children[1],
                            athena_duck.struct_vector_get_child(span.child, 1), span.from + i,
                            level + 2);
        } else {
            athena_row_text(buf, format, shown->children, span.child, span.from + i, level + 1);
        }
    }
}
