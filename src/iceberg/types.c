/* Schemas in Iceberg's JSON, and types in Hive's words. */
#include "iceberg/types.h"
#include <stdio.h>

static const char *const names[] = {
    [ICEBERG_BOOLEAN] = "boolean", [ICEBERG_INT] = "int",
    [ICEBERG_LONG] = "long",       [ICEBERG_FLOAT] = "float",
    [ICEBERG_DOUBLE] = "double",   [ICEBERG_DATE] = "date",
    [ICEBERG_TIME] = "time",       [ICEBERG_TIMESTAMP] = "timestamp",
    [ICEBERG_STRING] = "string",   [ICEBERG_TIMESTAMPTZ] = "timestamptz",
    [ICEBERG_UUID] = "uuid",       [ICEBERG_BINARY] = "binary",
};

/* ---- reading ---- */

struct reading {
    struct mr_arena *arena;
    size_t fields;
};

static bool read_type(struct reading *reading, yyjson_val *json, int depth,
                      struct iceberg_type *type);

/* "decimal(9, 2)", "fixed[16]": the numbers between the brackets. */
static bool read_numbers(struct mr_slice text, char open, char close, int64_t *ret_a,
                         int64_t *ret_b)
{
    const size_t from = mr_slice_find(text, open), to = mr_slice_find(text, close);
    if (from == SIZE_MAX || to == SIZE_MAX || to < from || to + 1 != text.len)
        return false;
    struct mr_slice rest = mr_slice_sub(text, from + 1, to - from - 1), part;
    if (!mr_slice_split(&rest, ',', &part) || mr_slice_to_i64(mr_slice_trim(part), ret_a) != MR_OK)
        return false;
    *ret_b = 0;
    return rest.ptr == NULL || mr_slice_to_i64(mr_slice_trim(rest), ret_b) == MR_OK;
}

static bool read_scalar(struct mr_slice text, struct iceberg_type *type)
{
    int64_t a, b;
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (names[i] != NULL && mr_slice_equal(text, mr_slice_cstr(names[i]))) {
            type->kind = (enum iceberg_kind)i;
            return true;
        }
    }
    if (mr_slice_starts_with(text, MR_S("decimal"))) {
        if (!read_numbers(text, '(', ')', &a, &b) || a < 1 || a > 38 || b < 0 || b > a)
            return false;
        *type =
            (struct iceberg_type){.kind = ICEBERG_DECIMAL, .precision = (int)a, .scale = (int)b};
        return true;
    }
    if (!mr_slice_starts_with(text, MR_S("fixed")) || !read_numbers(text, '[', ']', &a, &b) ||
        a < 0 || a > INT32_MAX)
        return false;
    *type = (struct iceberg_type){.kind = ICEBERG_FIXED, .length = (size_t)a};
    return true;
}

static bool read_field(struct reading *reading, yyjson_val *json, int depth,
                       struct iceberg_field *field)
{
    field->id = (int)mr_json_get_i64(json, "id", -1);
    field->name = mr_json_get_text(json, "name");
    field->required = mr_json_get_bool(json, "required", false);
    field->doc = mr_json_get_text(json, "doc");
    return field->id > 0 && read_type(reading, mr_json_get(json, "type"), depth, &field->type);
}

static bool read_fields(struct reading *reading, yyjson_val *list, int depth,
                        struct iceberg_field **ret_fields, size_t *ret_count)
{
    const size_t count = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list) || (reading->fields += count) > ICEBERG_FIELDS_MAX)
        return false;
    struct iceberg_field *fields = MR_NEW_ARRAY(reading->arena, struct iceberg_field, count + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        if (!read_field(reading, item, depth, &fields[index]) || fields[index].name.len == 0)
            return false;
    }
    *ret_fields = fields;
    *ret_count = count;
    return true;
}

/* A list's element; a map's key or value. */
static bool read_inner(struct reading *reading, yyjson_val *json, const char *name, int depth,
                       struct iceberg_type *type)
{
    struct iceberg_field *field = &type->fields[type->count++];
    char id[32], required[32];
    (void)snprintf(id, sizeof id, "%s-id", name);
    (void)snprintf(required, sizeof required, "%s-required", name);
    field->id = (int)mr_json_get_i64(json, id, -1);
    field->name = mr_slice_cstr(name);
    field->required =
        mr_slice_equal(field->name, MR_S("key")) || mr_json_get_bool(json, required, false);
    if (mr_slice_equal(field->name, MR_S("element")) && mr_json_get(json, "element") == NULL)
        return false;
    return field->id > 0 && read_type(reading, mr_json_get(json, name), depth, &field->type);
}

static bool read_type(struct reading *reading, yyjson_val *json, int depth,
                      struct iceberg_type *type)
{
    if (depth > ICEBERG_TYPE_DEPTH_MAX)
        return false;
    if (!yyjson_is_obj(json))
        return read_scalar(mr_json_text(json), type);
    const struct mr_slice kind = mr_json_get_text(json, "type");
    if (mr_slice_equal(kind, MR_S("struct"))) {
        type->kind = ICEBERG_STRUCT;
        return read_fields(reading, mr_json_get(json, "fields"), depth + 1, &type->fields,
                           &type->count);
    }
    type->fields = MR_NEW_ARRAY(reading->arena, struct iceberg_field, 2);
    if (mr_slice_equal(kind, MR_S("list"))) {
        type->kind = ICEBERG_LIST;
        return read_inner(reading, json, "element", depth + 1, type);
    }
    type->kind = ICEBERG_MAP;
    return mr_slice_equal(kind, MR_S("map")) && read_inner(reading, json, "key", depth + 1, type) &&
           read_inner(reading, json, "value", depth + 1, type);
}

enum mr_status iceberg_schema_read(struct mr_arena *arena, yyjson_val *json,
                                   struct iceberg_schema *ret_schema)
{
    struct reading reading = {.arena = arena};
    struct iceberg_schema schema = {.id = (int)mr_json_get_i64(json, "schema-id", 0),
                                    .identifiers = mr_json_get(json, "identifier-field-ids")};
    if (!read_fields(&reading, mr_json_get(json, "fields"), 0, &schema.fields, &schema.count))
        return MR_INVALID;
    *ret_schema = schema;
    return MR_OK;
}

/* ---- writing ---- */

struct mr_slice iceberg_type_name(struct mr_arena *arena, const struct iceberg_type *type)
{
    if (type->kind == ICEBERG_DECIMAL)
        return mr_arena_printf(arena, "decimal(%d, %d)", type->precision, type->scale);
    if (type->kind == ICEBERG_FIXED)
        return mr_arena_printf(arena, "fixed[%zu]", type->length);
    return type->kind < ICEBERG_STRUCT ? mr_slice_cstr(names[type->kind]) : MR_S("");
}

static void write_type(struct mr_json *json, const struct iceberg_type *type);

static void write_fields(struct mr_json *json, const struct iceberg_field *fields, size_t count)
{
    mr_json_key(json, "fields");
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        mr_json_object(json);
        mr_json_key_int(json, "id", fields[i].id);
        mr_json_key_string(json, "name", fields[i].name);
        mr_json_key_bool(json, "required", fields[i].required);
        mr_json_key(json, "type");
        write_type(json, &fields[i].type);
        if (fields[i].doc.len > 0)
            mr_json_key_string(json, "doc", fields[i].doc);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_inner(struct mr_json *json, const struct iceberg_field *field)
{
    char name[32];
    (void)snprintf(name, sizeof name, "%.*s-id", MR_ARG(field->name));
    mr_json_key_int(json, name, field->id);
    mr_json_name(json, field->name);
    write_type(json, &field->type);
    if (mr_slice_equal(field->name, MR_S("key")))
        return;
    (void)snprintf(name, sizeof name, "%.*s-required", MR_ARG(field->name));
    mr_json_key_bool(json, name, field->required);
}

static void write_type(struct mr_json *json, const struct iceberg_type *type)
{
    char text[32];
    if (type->kind < ICEBERG_STRUCT) {
        if (type->kind == ICEBERG_DECIMAL)
            (void)snprintf(text, sizeof text, "decimal(%d, %d)", type->precision, type->scale);
        else if (type->kind == ICEBERG_FIXED)
            (void)snprintf(text, sizeof text, "fixed[%zu]", type->length);
        else
            (void)snprintf(text, sizeof text, "%s", names[type->kind]);
        mr_json_string(json, mr_slice_cstr(text));
        return;
    }
    mr_json_object(json);
    mr_json_key_cstr(json, "type",
                     type->kind == ICEBERG_STRUCT ? "struct"
                     : type->kind == ICEBERG_LIST ? "list"
                                                  : "map");
    if (type->kind == ICEBERG_STRUCT)
        write_fields(json, type->fields, type->count);
    for (size_t i = 0; i < type->count && type->kind != ICEBERG_STRUCT; i++)
        write_inner(json, &type->fields[i]);
    mr_json_object_end(json);
}

void iceberg_schema_write(struct mr_json *json, const struct iceberg_schema *schema)
{
    mr_json_object(json);
    mr_json_key_cstr(json, "type", "struct");
    mr_json_key_int(json, "schema-id", schema->id);
    if (schema->identifiers != NULL)
        mr_json_key_value(json, "identifier-field-ids", schema->identifiers);
    write_fields(json, schema->fields, schema->count);
    mr_json_object_end(json);
}

/* ---- finding ---- */

const struct iceberg_field *iceberg_schema_find(const struct iceberg_schema *schema,
                                                struct mr_slice name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (mr_slice_equal_nocase(schema->fields[i].name, name))
            return &schema->fields[i];
    return NULL;
}

static const struct iceberg_field *by_id(const struct iceberg_field *fields, size_t count, int id)
{
    const struct iceberg_field *found = NULL;
    for (size_t i = 0; i < count && found == NULL; i++)
        found = fields[i].id == id ? &fields[i]
                                   : by_id(fields[i].type.fields, fields[i].type.count, id);
    return found;
}

const struct iceberg_field *iceberg_schema_by_id(const struct iceberg_schema *schema, int id)
{
    return by_id(schema->fields, schema->count, id);
}

/* ---- Hive's words ---- */

void iceberg_type_write_hive(struct mr_buf *buf, const struct iceberg_type *type)
{
    static const char *const hive[] = {
        [ICEBERG_BOOLEAN] = "boolean", [ICEBERG_INT] = "int",
        [ICEBERG_LONG] = "bigint",     [ICEBERG_FLOAT] = "float",
        [ICEBERG_DOUBLE] = "double",   [ICEBERG_DATE] = "date",
        [ICEBERG_TIME] = "string",     [ICEBERG_TIMESTAMP] = "timestamp",
        [ICEBERG_STRING] = "string",   [ICEBERG_TIMESTAMPTZ] = "timestamp",
        [ICEBERG_UUID] = "string",     [ICEBERG_BINARY] = "binary",
        [ICEBERG_FIXED] = "binary",
    };
    switch (type->kind) {
    case ICEBERG_DECIMAL:
        mr_buf_printf(buf, "decimal(%d,%d)", type->precision, type->scale);
        return;
    case ICEBERG_STRUCT:
        mr_buf_append(buf, MR_S("struct<"));
        for (size_t i = 0; i < type->count; i++) {
            mr_buf_printf(buf, "%s%.*s:", i == 0 ? "" : ",", MR_ARG(type->fields[i].name));
            iceberg_type_write_hive(buf, &type->fields[i].type);
        }
        mr_buf_byte(buf, '>');
        return;
    case ICEBERG_LIST:
    case ICEBERG_MAP:
        mr_buf_append(buf, type->kind == ICEBERG_LIST ? MR_S("array<") : MR_S("map<"));
        for (size_t i = 0; i < type->count; i++) {
            mr_buf_append(buf, i == 0 ? MR_S("") : MR_S(","));
            iceberg_type_write_hive(buf, &type->fields[i].type);
        }
        mr_buf_byte(buf, '>');
        return;
    default: mr_buf_append(buf, mr_slice_cstr(hive[type->kind]));
    }
}

struct words {
    struct mr_arena *arena;
    struct mr_slice rest;
    int *next_id;
};

static void skip_blanks(struct words *words)
{
    while (words->rest.len > 0 && words->rest.ptr[0] == ' ')
        words->rest = mr_slice_sub(words->rest, 1, SIZE_MAX);
}

static bool take_char(struct words *words, char c)
{
    skip_blanks(words);
    if (words->rest.len == 0 || words->rest.ptr[0] != c)
        return false;
    words->rest = mr_slice_sub(words->rest, 1, SIZE_MAX);
    return true;
}

static struct mr_slice take_word(struct words *words, const char *ends)
{
    size_t len = 0;
    skip_blanks(words);
    while (len < words->rest.len && !mr_byte_in(words->rest.ptr[len], ends))
        len++;
    const struct mr_slice word = mr_slice_sub(words->rest, 0, len);
    words->rest = mr_slice_sub(words->rest, len, SIZE_MAX);
    return mr_slice_trim(word);
}

static bool parse_hive(struct words *words, int depth, struct iceberg_type *type);

/* Names and ids of this level first, then the types below. */
static bool parse_members(struct words *words, int depth, struct iceberg_type *type)
{
    size_t capacity = 0;
    type->kind = ICEBERG_STRUCT;
    do {
        if (type->count == capacity) {
            const size_t room = capacity == 0 ? 8 : capacity * 2;
            type->fields =
                mr_arena_realloc(words->arena, type->fields, capacity * sizeof *type->fields,
                                 room * sizeof *type->fields);
            capacity = room;
        }
        struct iceberg_field field = {.name = take_word(words, ":<>,"), .id = ++*words->next_id};
        if (field.name.len == 0 || !take_char(words, ':') || type->count == ICEBERG_FIELDS_MAX ||
            !parse_hive(words, depth + 1, &field.type))
            return false;
        type->fields[type->count++] = field;
    } while (take_char(words, ','));
    return take_char(words, '>');
}

static bool parse_nested(struct words *words, int depth, size_t inner, struct iceberg_type *type)
{
    static const struct mr_slice element = MR_S_INIT("element"), key = MR_S_INIT("key"),
                                 value = MR_S_INIT("value");
    type->kind = inner == 1 ? ICEBERG_LIST : ICEBERG_MAP;
    type->fields = MR_NEW_ARRAY(words->arena, struct iceberg_field, 2);
    for (size_t i = 0; i < inner; i++) {
        struct iceberg_field *field = &type->fields[type->count++];
        field->id = ++*words->next_id;
        field->name = inner == 1 ? element : i == 0 ? key : value;
        field->required = inner == 2 && i == 0;
        if ((i > 0 && !take_char(words, ',')) || !parse_hive(words, depth + 1, &field->type))
            return false;
    }
    return take_char(words, '>');
}

static bool parse_hive(struct words *words, int depth, struct iceberg_type *type)
{
    static const struct {
        const char *name;
        enum iceberg_kind kind;
    } known[] = {
        {"boolean", ICEBERG_BOOLEAN}, {"int", ICEBERG_INT},
        {"integer", ICEBERG_INT},     {"bigint", ICEBERG_LONG},
        {"long", ICEBERG_LONG},       {"float", ICEBERG_FLOAT},
        {"real", ICEBERG_FLOAT},      {"double", ICEBERG_DOUBLE},
        {"date", ICEBERG_DATE},       {"timestamp", ICEBERG_TIMESTAMP},
        {"string", ICEBERG_STRING},   {"timestamptz", ICEBERG_TIMESTAMPTZ},
        {"varchar", ICEBERG_STRING},  {"binary", ICEBERG_BINARY},
        {"uuid", ICEBERG_UUID},       {"varbinary", ICEBERG_BINARY},
    };
    if (depth > ICEBERG_TYPE_DEPTH_MAX)
        return false;
    const struct mr_slice word = take_word(words, "<>(),:");
    if (mr_slice_equal_nocase(word, MR_S("struct")))
        return take_char(words, '<') && parse_members(words, depth, type);
    if (mr_slice_equal_nocase(word, MR_S("array")) || mr_slice_equal_nocase(word, MR_S("list")))
        return take_char(words, '<') && parse_nested(words, depth, 1, type);
    if (mr_slice_equal_nocase(word, MR_S("map")))
        return take_char(words, '<') && parse_nested(words, depth, 2, type);
    if (mr_slice_equal_nocase(word, MR_S("decimal"))) {
        int64_t precision = 38, scale = 0;
        if (take_char(words, '(')) {
            if (mr_slice_to_i64(take_word(words, ",)"), &precision) != MR_OK)
                return false;
            if (take_char(words, ',') && mr_slice_to_i64(take_word(words, ")"), &scale) != MR_OK)
                return false;
            if (!take_char(words, ')'))
                return false;
        }
        *type = (struct iceberg_type){
            .kind = ICEBERG_DECIMAL, .precision = (int)precision, .scale = (int)scale};
        return precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision;
    }
    for (size_t i = 0; i < MR_COUNT(known); i++) {
        if (!mr_slice_equal_nocase(word, mr_slice_cstr(known[i].name)))
            continue;
        type->kind = known[i].kind;
        return true;
    }
    return false;
}

enum mr_status iceberg_type_parse_hive(struct mr_arena *arena, struct mr_slice text, int *next_id,
                                       struct iceberg_type *ret_type)
{
    struct words words = {.arena = arena, .rest = text, .next_id = next_id};
    struct iceberg_type type = {0};
    if (!parse_hive(&words, 0, &type))
        return MR_INVALID;
    skip_blanks(&words);
    if (words.rest.len > 0)
        return MR_INVALID;
    *ret_type = type;
    return MR_OK;
}
