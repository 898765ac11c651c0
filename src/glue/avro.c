/* "Obj" 1; a map of metadata (avro.schema, ...); 16 bytes of a mark; blocks: how many records, how
 * many bytes, these, the mark. Numbers are zigzag varints. */
#include "glue/avro.h"
#include "base/map.h"
#include "glue/glue.h"

enum { AVRO_MARK = 16, AVRO_DEPTH = 32, AVRO_TEXT_MAX = 1 << 20 };

/* ---- the file ---- */

static bool take_long(struct mr_slice *in, int64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 10 && i < in->len; i++) {
        const uint8_t byte = (uint8_t)in->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *in = mr_slice_sub(*in, i + 1, SIZE_MAX);
            *ret_value = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return false;
}

static bool take_text(struct mr_slice *in, struct mr_slice *ret_text)
{
    int64_t len;
    if (!take_long(in, &len) || len < 0 || (uint64_t)len > in->len)
        return false;
    *ret_text = mr_slice_sub(*in, 0, (size_t)len);
    *in = mr_slice_sub(*in, (size_t)len, SIZE_MAX);
    return true;
}

/* Up to the first block. */
static bool take_schema(struct mr_slice *in, struct mr_slice *ret_schema)
{
    int64_t count, bytes;
    struct mr_slice name, value;
    *ret_schema = MR_S("");
    for (;;) {
        if (!take_long(in, &count) || count == INT64_MIN)
            return false;
        if (count == 0)
            break;
        if (count < 0 && !take_long(in, &bytes))
            return false;
        for (count = count < 0 ? -count : count; count > 0; count--) {
            if (!take_text(in, &name) || !take_text(in, &value))
                return false;
            if (mr_slice_equal(name, MR_S("avro.schema")))
                *ret_schema = value;
        }
    }
    const bool fine = in->len >= AVRO_MARK && ret_schema->len > 0;
    *in = mr_slice_sub(*in, AVRO_MARK, SIZE_MAX);
    return fine;
}

static uint64_t count_records(struct mr_slice in, uint64_t size_of_blocks)
{
    const size_t all = in.len;
    uint64_t records = 0, seen = 0;
    int64_t count, bytes;
    while (in.len > 0 && take_long(&in, &count) && take_long(&in, &bytes) && count >= 0 &&
           bytes >= 0 && (uint64_t)bytes <= in.len && in.len - (uint64_t)bytes >= AVRO_MARK) {
        in = mr_slice_sub(in, (size_t)bytes + AVRO_MARK, SIZE_MAX);
        records += (uint64_t)count;
        seen = all - in.len;
    }
    return seen == 0 || seen >= size_of_blocks
               ? records
               : (uint64_t)((double)records * ((double)size_of_blocks / (double)seen));
}

/* ---- the schema ---- */

struct words {
    struct mr_map named; /* name without namespace -> its JSON */
    struct mr_buf text;
    bool failed;
};

static void put_type(struct words *words, yyjson_val *type, int depth);

static struct mr_slice last_part(struct mr_slice name)
{
    for (size_t dot = mr_slice_find(name, '.'); dot != SIZE_MAX; dot = mr_slice_find(name, '.'))
        name = mr_slice_sub(name, dot + 1, SIZE_MAX);
    return name;
}

static void put_decimal(struct words *words, yyjson_val *type)
{
    const int64_t precision = mr_json_get_i64(type, "precision", 0);
    const int64_t scale = mr_json_get_i64(type, "scale", 0);
    if (precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision)
        mr_buf_printf(&words->text, "decimal(%d,%d)", (int)precision, (int)scale);
    else
        mr_buf_append(&words->text, MR_S("binary"));
}

/* Of a type that is one word, perhaps with a meaning. */
static bool put_simple(struct words *words, struct mr_slice kind, yyjson_val *type)
{
    static const char *const rows[][3] = {
        /* Avro's type, its meaning or NULL, Hive's word */
        {"int", "date", "date"},
        {"long", "timestamp-millis", "timestamp"},
        {"long", "timestamp-micros", "timestamp"},
        {"long", "local-timestamp-millis", "timestamp"},
        {"long", "local-timestamp-micros", "timestamp"},
        {"int", NULL, "int"},
        {"long", NULL, "bigint"},
        {"float", NULL, "float"},
        {"double", NULL, "double"},
        {"boolean", NULL, "boolean"},
        {"string", NULL, "string"},
        {"enum", NULL, "string"},
        {"bytes", NULL, "binary"},
        {"fixed", NULL, "binary"},
        {"null", NULL, "string"},
    };
    const struct mr_slice meaning = mr_json_get_text(type, "logicalType");
    if (mr_slice_equal(meaning, MR_S("decimal")) &&
        (mr_slice_equal(kind, MR_S("bytes")) || mr_slice_equal(kind, MR_S("fixed")))) {
        put_decimal(words, type);
        return true;
    }
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_equal(kind, mr_slice_cstr(rows[i][0])) &&
            (rows[i][1] == NULL || mr_slice_equal(meaning, mr_slice_cstr(rows[i][1])))) {
            mr_buf_append(&words->text, mr_slice_cstr(rows[i][2]));
            return true;
        }
    }
    return false;
}

static void put_record(struct words *words, yyjson_val *type, int depth)
{
    yyjson_val *fields = mr_json_get(type, "fields"), *field;
    size_t index, max;
    words->failed = words->failed || yyjson_arr_size(fields) == 0;
    mr_buf_append(&words->text, MR_S("struct<"));
    yyjson_arr_foreach(fields, index, max, field)
    {
        const struct mr_slice name = mr_json_get_text(field, "name");
        mr_buf_printf(&words->text, "%s%.*s:", index > 0 ? "," : "", MR_ARG(name));
        put_type(words, mr_json_get(field, "type"), depth + 1);
    }
    mr_buf_byte(&words->text, '>');
}

/* null and another: that one, which may be NULL in Hive anyway. Of several others a string. */
static void put_union(struct words *words, yyjson_val *branches, int depth)
{
    yyjson_val *branch, *only = NULL;
    size_t index, max, count = 0;
    yyjson_arr_foreach(branches, index, max, branch)
    {
        if (mr_slice_equal(mr_json_text(branch), MR_S("null")))
            continue;
        only = branch;
        count++;
    }
    if (count == 1)
        put_type(words, only, depth + 1);
    else
        mr_buf_append(&words->text, MR_S("string"));
}

static void put_name(struct words *words, struct mr_slice name, int depth)
{
    yyjson_val *named = mr_map_get(&words->named, last_part(name));
    if (put_simple(words, name, NULL))
        return;
    words->failed = words->failed || named == NULL;
    if (named != NULL)
        put_type(words, named, depth + 1);
}

static void put_object(struct words *words, yyjson_val *type, int depth)
{
    yyjson_val *inner = mr_json_get(type, "type");
    const struct mr_slice kind = mr_json_text(inner), name = mr_json_get_text(type, "name");
    if (!yyjson_is_str(inner)) {
        put_type(words, inner, depth + 1);
        return;
    }
    if (name.len > 0)
        (void)mr_map_put(&words->named, last_part(name), type);
    if (mr_slice_equal(kind, MR_S("record"))) {
        put_record(words, type, depth);
    } else if (mr_slice_equal(kind, MR_S("array"))) {
        mr_buf_append(&words->text, MR_S("array<"));
        put_type(words, mr_json_get(type, "items"), depth + 1);
        mr_buf_byte(&words->text, '>');
    } else if (mr_slice_equal(kind, MR_S("map"))) {
        mr_buf_append(&words->text, MR_S("map<string,"));
        put_type(words, mr_json_get(type, "values"), depth + 1);
        mr_buf_byte(&words->text, '>');
    } else if (!put_simple(words, kind, type)) {
        put_name(words, kind, depth);
    }
}

/* A type that holds itself is too deep, too. */
static void put_type(struct words *words, yyjson_val *type, int depth)
{
    words->failed =
        words->failed || type == NULL || depth > AVRO_DEPTH || words->text.len > AVRO_TEXT_MAX;
    if (words->failed)
        return;
    if (yyjson_is_arr(type))
        put_union(words, type, depth);
    else if (yyjson_is_obj(type))
        put_object(words, type, depth);
    else
        put_name(words, mr_json_text(type), depth);
}

static bool read_columns(struct mr_arena *arena, yyjson_val *fields, struct words *words,
                         struct glue_type *type)
{
    yyjson_val *field;
    size_t index, max;
    const size_t count = yyjson_arr_size(fields);
    if (count == 0 || count > GLUE_FIELDS_MAX)
        return false;
    type->kind = GLUE_STRUCT;
    type->field_capacity = count;
    type->fields = MR_NEW_ARRAY(arena, struct glue_field, count);
    yyjson_arr_foreach(fields, index, max, field)
    {
        struct glue_field *column = &type->fields[type->field_count++];
        mr_buf_reset(&words->text);
        put_type(words, mr_json_get(field, "type"), 0);
        if (words->failed)
            return false;
        column->name = glue_lower(arena, mr_json_get_text(field, "name"));
        glue_type_parse(arena, mr_buf_slice(&words->text), &column->type);
    }
    return true;
}

enum mr_status glue_avro_shape(struct mr_arena *arena, struct mr_slice head, uint64_t size,
                               struct lake_shape *ret_shape)
{
    struct mr_slice rest = mr_slice_sub(head, GLUE_AVRO_MAGIC_BYTES, SIZE_MAX), schema;
    struct words words = {0};
    *ret_shape = (struct lake_shape){.format = LAKE_AVRO};
    if (!mr_slice_starts_with(head, MR_S(GLUE_AVRO_MAGIC)) || !take_schema(&rest, &schema))
        return MR_INVALID;
    yyjson_val *json = mr_json_parse(arena, schema, MR_JSON_DEPTH_MAX);
    const bool fine = mr_slice_equal(mr_json_get_text(json, "type"), MR_S("record")) &&
                      read_columns(arena, mr_json_get(json, "fields"), &words, &ret_shape->type);
    mr_map_fini(&words.named);
    mr_buf_fini(&words.text);
    ret_shape->avro_schema = mr_arena_copy(arena, schema);
    ret_shape->records = count_records(rest, size - (head.len - rest.len));
    return fine ? MR_OK : MR_INVALID;
}
