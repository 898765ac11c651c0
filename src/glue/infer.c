#include "glue/infer.h"
#include <assert.h>

static bool is_integer_text(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.' || text.ptr[i] == 'e' || text.ptr[i] == 'E')
            return false;
    }
    return true;
}

static enum glue_kind number_kind(yyjson_val *value)
{
    struct mr_slice text = mr_json_text(value);
    int64_t number;
    if (text.len == 0 || !is_integer_text(text) || mr_slice_to_i64(text, &number) != MR_OK)
        return GLUE_DOUBLE;
    return number >= INT32_MIN && number <= INT32_MAX ? GLUE_INT : GLUE_BIGINT;
}

static enum glue_kind value_kind(yyjson_val *value)
{
    if (mr_json_is_number(value))
        return number_kind(value);
    if (yyjson_is_bool(value))
        return GLUE_BOOLEAN;
    if (yyjson_is_str(value))
        return GLUE_STRING;
    if (yyjson_is_arr(value))
        return GLUE_ARRAY;
    if (yyjson_is_obj(value))
        return GLUE_STRUCT;
    return GLUE_NULL;
}

/* The narrowest kind that takes both. */
static enum glue_kind wider(enum glue_kind a, enum glue_kind b)
{
    if (a == b || b == GLUE_NULL)
        return a;
    if (a == GLUE_NULL)
        return b;
    const bool numbers = a >= GLUE_INT && a <= GLUE_DOUBLE && b >= GLUE_INT && b <= GLUE_DOUBLE;
    if (numbers)
        return a > b ? a : b;
    return GLUE_STRING;
}

static void become_string(struct glue_type *type)
{
    *type = (struct glue_type){.kind = GLUE_STRING};
}

static bool same_lower(struct mr_slice lower, struct mr_slice name)
{
    return lower.len == name.len && mr_slice_equal_nocase(lower, name);
}

/* Records of one shape name their members in one order, so the search starts where the last one
 * ended. */
static struct glue_type *field_of(struct mr_arena *arena, struct glue_type *type,
                                  struct mr_slice name, size_t *hint)
{
    for (size_t step = 0; step < type->field_count; step++) {
        const size_t i = (*hint + step) % type->field_count;
        if (same_lower(type->fields[i].name, name)) {
            *hint = i + 1;
            return &type->fields[i].type;
        }
    }
    if (type->field_count == GLUE_FIELDS_MAX)
        return NULL;
    if (type->field_count == type->field_capacity) {
        const size_t capacity = type->field_capacity == 0 ? 8 : type->field_capacity * 2;
        struct glue_field *fields = MR_NEW_ARRAY(arena, struct glue_field, capacity);
        if (type->field_count > 0)
            memcpy(fields, type->fields, sizeof *fields * type->field_count);
        type->fields = fields;
        type->field_capacity = capacity;
    }
    struct glue_field *field = &type->fields[type->field_count++];
    *field = (struct glue_field){.name = mr_arena_lower(arena, name)};
    *hint = type->field_count;
    return &field->type;
}

static void observe(struct mr_arena *arena, struct glue_type *type, yyjson_val *value, size_t depth)
{
    const enum glue_kind seen = value_kind(value);
    const enum glue_kind kind = wider(type->kind, seen);
    if (kind == GLUE_STRING || depth == GLUE_TYPE_DEPTH) {
        become_string(type);
        return;
    }
    type->kind = kind;
    if (kind != seen)
        return;
    size_t index, max, hint = 0;
    yyjson_val *key, *item;
    if (kind == GLUE_ARRAY) {
        yyjson_arr_foreach(value, index, max, item)
        {
            if (type->element == NULL)
                type->element = MR_NEW(arena, struct glue_type);
            observe(arena, type->element, item, depth + 1);
        }
    } else if (kind == GLUE_STRUCT) {
        yyjson_obj_foreach(value, index, max, key, item)
        {
            struct glue_type *field = field_of(arena, type, mr_json_text(key), &hint);
            if (field != NULL)
                observe(arena, field, item, depth + 1);
        }
    }
}

void glue_type_observe(struct mr_arena *arena, struct glue_type *type, yyjson_val *value)
{
    observe(arena, type, value, 0);
}

/* Hive's number types from narrow to wide; 0: none of them. */
static int number_rank(const struct glue_type *type)
{
    static const struct mr_slice words[] = {MR_S_INIT("tinyint"), MR_S_INIT("smallint"),
                                            MR_S_INIT("int"),     MR_S_INIT("bigint"),
                                            MR_S_INIT("float"),   MR_S_INIT("double")};
    if (type->kind >= GLUE_INT && type->kind <= GLUE_DOUBLE)
        return type->kind == GLUE_INT ? 3 : type->kind == GLUE_BIGINT ? 4 : 6;
    for (size_t i = 0; type->kind == GLUE_OTHER && i < MR_COUNT(words); i++) {
        if (mr_slice_equal_nocase(type->text, words[i]))
            return (int)i + 1;
    }
    return 0;
}

/* One of the two is of a kind that JSON does not have: numbers widen, others are the same or
 * text. */
static void merge_other(struct mr_arena *arena, struct glue_type *type,
                        const struct glue_type *other)
{
    const int left = number_rank(type), right = number_rank(other);
    const bool same = type->kind == other->kind && mr_slice_equal_nocase(type->text, other->text);
    if (left > 0 && right > left)
        *type = (struct glue_type){.kind = other->kind, .text = mr_arena_copy(arena, other->text)};
    else if (!same && (left == 0 || right == 0))
        become_string(type);
}

void glue_type_merge(struct mr_arena *arena, struct glue_type *type, const struct glue_type *other)
{
    if (other->kind == GLUE_NULL)
        return;
    if (type->kind != GLUE_NULL && (type->kind == GLUE_OTHER || other->kind == GLUE_OTHER)) {
        merge_other(arena, type, other);
        return;
    }
    const enum glue_kind kind = wider(type->kind, other->kind);
    if (kind == GLUE_STRING) {
        become_string(type);
        return;
    }
    type->kind = kind;
    if (kind == GLUE_OTHER)
        type->text = mr_arena_copy(arena, other->text);
    if (kind == GLUE_ARRAY && other->kind == GLUE_ARRAY && other->element != NULL) {
        if (type->element == NULL)
            type->element = MR_NEW(arena, struct glue_type);
        glue_type_merge(arena, type->element, other->element);
    }
    size_t hint = 0;
    for (size_t i = 0; kind == GLUE_STRUCT && i < other->field_count; i++) {
        struct glue_type *field = field_of(arena, type, other->fields[i].name, &hint);
        if (field != NULL)
            glue_type_merge(arena, field, &other->fields[i].type);
    }
}

void glue_type_print(struct mr_buf *buf, const struct glue_type *type)
{
    static const char *const names[] = {
        [GLUE_NULL] = "string",   [GLUE_BOOLEAN] = "boolean", [GLUE_INT] = "int",
        [GLUE_BIGINT] = "bigint", [GLUE_DOUBLE] = "double",   [GLUE_STRING] = "string"};
    if (type->kind == GLUE_OTHER) {
        mr_buf_append(buf, type->text);
    } else if (type->kind == GLUE_ARRAY) {
        mr_buf_append(buf, MR_S("array<"));
        if (type->element == NULL)
            mr_buf_append(buf, MR_S("string"));
        else
            glue_type_print(buf, type->element);
        mr_buf_byte(buf, '>');
    } else if (type->kind == GLUE_STRUCT && type->field_count > 0) {
        mr_buf_append(buf, MR_S("struct<"));
        for (size_t i = 0; i < type->field_count; i++) {
            mr_buf_printf(buf, "%s%.*s:", i > 0 ? "," : "", MR_ARG(type->fields[i].name));
            glue_type_print(buf, &type->fields[i].type);
        }
        mr_buf_byte(buf, '>');
    } else {
        /* Hive has no empty struct. */
        const char *name = type->kind == GLUE_STRUCT ? "string" : names[type->kind];
        mr_buf_append(buf, mr_slice_cstr(name));
    }
}

/* ---- parsing ---- */

static bool parse_simple(struct mr_slice word, struct glue_type *type)
{
    static const struct {
        struct mr_slice name;
        enum glue_kind kind;
    } names[] = {{MR_S_INIT("boolean"), GLUE_BOOLEAN}, {MR_S_INIT("int"), GLUE_INT},
                 {MR_S_INIT("integer"), GLUE_INT},     {MR_S_INIT("bigint"), GLUE_BIGINT},
                 {MR_S_INIT("double"), GLUE_DOUBLE},   {MR_S_INIT("string"), GLUE_STRING}};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_equal_nocase(word, names[i].name)) {
            type->kind = names[i].kind;
            return true;
        }
    }
    return false;
}

static struct mr_slice parse(struct mr_arena *arena, struct mr_slice rest, size_t depth,
                             struct glue_type *type, bool *ok);

/* Behind "struct<": name:type,... up to and with '>'. */
static struct mr_slice parse_fields(struct mr_arena *arena, struct mr_slice rest, size_t depth,
                                    struct glue_type *type, bool *ok)
{
    type->kind = GLUE_STRUCT;
    size_t hint = 0;
    while (*ok) {
        const size_t colon = mr_slice_find(rest, ':');
        if (colon == SIZE_MAX || colon == 0)
            break;
        struct glue_type *field =
            field_of(arena, type, mr_slice_trim(mr_slice_sub(rest, 0, colon)), &hint);
        if (field == NULL)
            break;
        rest = parse(arena, mr_slice_sub(rest, colon + 1, SIZE_MAX), depth + 1, field, ok);
        if (rest.len == 0)
            break;
        const char end = rest.ptr[0];
        rest = mr_slice_sub(rest, 1, SIZE_MAX);
        if (end == '>')
            return rest;
        if (end != ',')
            break;
    }
    *ok = false;
    return rest;
}

/* Parses one type at the beginning of `rest`; returns what follows it. */
static struct mr_slice parse(struct mr_arena *arena, struct mr_slice rest, size_t depth,
                             struct glue_type *type, bool *ok)
{
    *type = (struct glue_type){0};
    size_t end = 0;
    while (end < rest.len && !mr_byte_in(rest.ptr[end], "<>,:"))
        end++;
    struct mr_slice word = mr_slice_trim(mr_slice_sub(rest, 0, end));
    struct mr_slice behind = mr_slice_sub(rest, end, SIZE_MAX);
    if (depth > GLUE_TYPE_DEPTH) {
        *ok = false;
    } else if (behind.len > 0 && behind.ptr[0] == '<') {
        behind = mr_slice_sub(behind, 1, SIZE_MAX);
        if (mr_slice_equal_nocase(word, MR_S("struct")))
            return parse_fields(arena, behind, depth, type, ok);
        type->kind = GLUE_ARRAY;
        type->element = MR_NEW(arena, struct glue_type);
        behind = parse(arena, behind, depth + 1, type->element, ok);
        *ok = *ok && mr_slice_equal_nocase(word, MR_S("array")) && behind.len > 0 &&
              behind.ptr[0] == '>';
        return mr_slice_sub(behind, 1, SIZE_MAX);
    } else if (!parse_simple(word, type)) {
        *ok = false;
    }
    return behind;
}

void glue_type_parse(struct mr_arena *arena, struct mr_slice text, struct glue_type *ret_type)
{
    bool ok = true;
    struct mr_slice rest = parse(arena, text, 0, ret_type, &ok);
    if (!ok || mr_slice_trim(rest).len > 0)
        *ret_type = (struct glue_type){.kind = GLUE_OTHER, .text = mr_arena_copy(arena, text)};
}

const struct glue_field *glue_type_field(const struct glue_type *type, struct mr_slice name)
{
    for (size_t i = 0; i < type->field_count; i++) {
        if (mr_slice_equal(type->fields[i].name, name))
            return &type->fields[i];
    }
    return NULL;
}
