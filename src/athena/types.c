#include "athena/types.h"

enum { TYPE_DEPTH_MAX = 64, TYPE_FIELDS_MAX = 10000 };

struct parser {
    struct mr_arena *arena;
    struct mr_slice rest;
    size_t depth;
};

static bool parse(struct parser *parser, struct athena_type *type);

static void skip_blank(struct parser *parser)
{
    while (parser->rest.len > 0 && parser->rest.ptr[0] == ' ')
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
}

static bool take(struct parser *parser, char byte)
{
    skip_blank(parser);
    if (parser->rest.len == 0 || parser->rest.ptr[0] != byte)
        return false;
    parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
    return true;
}

static struct mr_slice take_until(struct parser *parser, const char *ends)
{
    skip_blank(parser);
    size_t len = 0;
    while (len < parser->rest.len && !mr_byte_in(parser->rest.ptr[len], ends))
        len++;
    struct mr_slice word = mr_slice_trim(mr_slice_sub(parser->rest, 0, len));
    parser->rest = mr_slice_sub(parser->rest, len, SIZE_MAX);
    return word;
}

static bool parse_number(struct parser *parser, int *ret)
{
    int64_t value;
    if (mr_slice_to_i64(take_until(parser, ",)"), &value) != MR_OK || value < 0 || value > 65535)
        return false;
    *ret = (int)value;
    return true;
}

static bool parse_decimal(struct parser *parser, struct athena_type *type)
{
    type->kind = ATHENA_DECIMAL;
    type->precision = 10;
    if (!take(parser, '('))
        return true;
    if (!parse_number(parser, &type->precision))
        return false;
    if (take(parser, ',') && !parse_number(parser, &type->scale))
        return false;
    return take(parser, ')') && type->precision >= 1 && type->precision <= 38 &&
           type->scale <= type->precision;
}

static bool parse_struct(struct parser *parser, struct athena_type *type)
{
    size_t capacity = 0;
    type->kind = ATHENA_STRUCT;
    do {
        if (type->field_count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            struct athena_type *fields = MR_NEW_ARRAY(parser->arena, struct athena_type, capacity);
            struct mr_slice *names = MR_NEW_ARRAY(parser->arena, struct mr_slice, capacity);
            if (type->field_count > 0) {
                memcpy(fields, type->fields, sizeof *fields * type->field_count);
                memcpy(names, type->names, sizeof *names * type->field_count);
            }
            type->fields = fields;
            type->names = names;
        }
        const size_t i = type->field_count++;
        type->names[i] = take_until(parser, ":<>,");
        if (type->names[i].len == 0 || type->field_count > TYPE_FIELDS_MAX || !take(parser, ':') ||
            !parse(parser, &type->fields[i]))
            return false;
    } while (take(parser, ','));
    return take(parser, '>');
}

static bool parse_nested(struct parser *parser, struct mr_slice word, struct athena_type *type)
{
    if (mr_slice_equal_nocase(word, MR_S("struct")))
        return parse_struct(parser, type);
    type->element = MR_NEW(parser->arena, struct athena_type);
    if (mr_slice_equal_nocase(word, MR_S("array"))) {
        type->kind = ATHENA_ARRAY;
        return parse(parser, type->element) && take(parser, '>');
    }
    type->kind = ATHENA_MAP;
    type->key = MR_NEW(parser->arena, struct athena_type);
    return mr_slice_equal_nocase(word, MR_S("map")) && parse(parser, type->key) &&
           take(parser, ',') && parse(parser, type->element) && take(parser, '>');
}

static bool parse_word(struct parser *parser, struct mr_slice word, struct athena_type *type)
{
    static const struct {
        const char *name;
        enum athena_type_kind kind;
    } names[] = {
        {"boolean", ATHENA_BOOLEAN}, {"tinyint", ATHENA_TINYINT}, {"smallint", ATHENA_SMALLINT},
        {"int", ATHENA_INT},         {"integer", ATHENA_INT},     {"bigint", ATHENA_BIGINT},
        {"long", ATHENA_BIGINT},     {"float", ATHENA_FLOAT},     {"real", ATHENA_FLOAT},
        {"double", ATHENA_DOUBLE},   {"string", ATHENA_STRING},   {"varchar", ATHENA_STRING},
        {"char", ATHENA_STRING},     {"date", ATHENA_DATE},       {"timestamp", ATHENA_TIMESTAMP},
        {"binary", ATHENA_BINARY},   {"varbinary", ATHENA_BINARY}};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (!mr_slice_equal_nocase(word, mr_slice_cstr(names[i].name)))
            continue;
        type->kind = names[i].kind;
        if (type->kind != ATHENA_STRING || !take(parser, '('))
            return true;
        type->padded = mr_slice_equal_nocase(word, MR_S("char"));
        return parse_number(parser, &type->length) && take(parser, ')');
    }
    return false;
}

static bool parse(struct parser *parser, struct athena_type *type)
{
    *type = (struct athena_type){0};
    if (parser->depth++ > TYPE_DEPTH_MAX)
        return false;
    struct mr_slice word = take_until(parser, "<>(),:");
    bool fine;
    if (take(parser, '<'))
        fine = parse_nested(parser, word, type);
    else if (mr_slice_equal_nocase(word, MR_S("decimal")))
        fine = parse_decimal(parser, type);
    else
        fine = parse_word(parser, word, type);
    parser->depth--;
    return fine;
}

enum mr_status athena_type_parse(struct mr_arena *arena, struct mr_slice text,
                                 struct athena_type *ret_type)
{
    struct parser parser = {.arena = arena, .rest = text};
    struct athena_type type;
    if (!parse(&parser, &type) || mr_slice_trim(parser.rest).len > 0)
        return MR_INVALID;
    *ret_type = type;
    return MR_OK;
}
