#include "firehose/hive.h"
#include "base/clock.h"
#include "base/codec.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_MS = 86400000, NUMBER_TEXT_MAX = 400 };

static enum mr_status refuse(char message[static 512], const char *format, ...) MR_PRINTF(2, 3);
static enum mr_status refuse(char message[static 512], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 512, format, args);
    va_end(args);
    return MR_INVALID;
}

/* ---- types ---- */

struct parse {
    struct mr_arena *arena;
    struct mr_slice text;
    size_t at;
    int depth;
    char *message;
};

static enum mr_status parse_type(struct parse *parse, struct hive_type *ret_type);

static bool accept(struct parse *parse, char c)
{
    const bool is = parse->at < parse->text.len && parse->text.ptr[parse->at] == c;
    parse->at += is;
    return is;
}

/* Up to one of the marks of types. */
static struct mr_slice word(struct parse *parse)
{
    const size_t start = parse->at;
    while (parse->at < parse->text.len &&
           mr_slice_find(MR_S("<>(),:"), parse->text.ptr[parse->at]) == SIZE_MAX)
        parse->at++;
    return mr_slice_trim(mr_slice_sub(parse->text, start, parse->at - start));
}

static enum mr_status fail(const struct parse *parse)
{
    (void)snprintf(parse->message, 512, "the type '%.*s' is not one that is known",
                   MR_ARG(mr_slice_sub(parse->text, 0, 300)));
    return MR_INVALID;
}

static enum mr_status parse_decimal(struct parse *parse, struct hive_type *type)
{
    int64_t precision = 10, scale = 0;
    if (accept(parse, '(')) {
        if (mr_slice_to_i64(word(parse), &precision) != MR_OK)
            return fail(parse);
        if (accept(parse, ',') && mr_slice_to_i64(word(parse), &scale) != MR_OK)
            return fail(parse);
        if (!accept(parse, ')'))
            return fail(parse);
    }
    type->precision = (int)precision;
    type->scale = (int)scale;
    const bool fits =
        precision >= 1 && precision <= HIVE_PRECISION_MAX && scale >= 0 && scale <= precision;
    return fits ? MR_OK : fail(parse);
}

static enum mr_status parse_children(struct parse *parse, struct hive_type *type)
{
    if (!accept(parse, '<') || ++parse->depth > HIVE_DEPTH_MAX)
        return fail(parse);
    do {
        struct mr_slice name = {0};
        if (type->kind == HIVE_STRUCT) {
            name = word(parse);
            if (name.len == 0 || name.len > HIVE_NAME_MAX || !accept(parse, ':'))
                return fail(parse);
        }
        type->children = mr_arena_realloc(parse->arena, type->children,
                                          type->child_count * sizeof *type->children,
                                          (type->child_count + 1) * sizeof *type->children);
        struct hive_type *child = &type->children[type->child_count++];
        const enum mr_status status = parse_type(parse, child);
        if (status != MR_OK)
            return status;
        child->name = name;
    } while (accept(parse, ','));
    parse->depth--;
    const size_t wanted = type->kind == HIVE_LIST ? 1 : type->kind == HIVE_MAP ? 2 : 0;
    if (!accept(parse, '>') || (wanted != 0 && type->child_count != wanted))
        return fail(parse);
    if (type->kind == HIVE_MAP && type->children[0].kind >= HIVE_STRUCT)
        return fail(parse);
    return MR_OK;
}

static enum mr_status parse_type(struct parse *parse, struct hive_type *ret_type)
{
    static const struct {
        const char *name;
        enum hive_kind kind;
        int bits;
    } names[] = {
        {"boolean", HIVE_BOOLEAN, 0}, {"tinyint", HIVE_INT, 8},
        {"smallint", HIVE_INT, 16},   {"int", HIVE_INT, 32},
        {"integer", HIVE_INT, 32},    {"bigint", HIVE_BIGINT, 64},
        {"float", HIVE_FLOAT, 0},     {"real", HIVE_FLOAT, 0},
        {"double", HIVE_DOUBLE, 0},   {"decimal", HIVE_DECIMAL, 0},
        {"string", HIVE_STRING, 0},   {"varchar", HIVE_STRING, 0},
        {"char", HIVE_STRING, 0},     {"binary", HIVE_BINARY, 0},
        {"date", HIVE_DATE, 0},       {"timestamp", HIVE_TIMESTAMP, 0},
        {"struct", HIVE_STRUCT, 0},   {"array", HIVE_LIST, 0},
        {"map", HIVE_MAP, 0},
    };
    const struct mr_slice name = word(parse);
    size_t i = 0;
    while (i < MR_COUNT(names) && !mr_slice_equal_nocase(name, mr_slice_cstr(names[i].name)))
        i++;
    if (i == MR_COUNT(names))
        return fail(parse);
    *ret_type = (struct hive_type){.kind = names[i].kind, .bits = names[i].bits};
    if (ret_type->kind == HIVE_DECIMAL)
        return parse_decimal(parse, ret_type);
    if (ret_type->kind >= HIVE_STRUCT)
        return parse_children(parse, ret_type);
    if (ret_type->kind == HIVE_STRING && accept(parse, '(')) {
        (void)word(parse);
        return accept(parse, ')') ? MR_OK : fail(parse);
    }
    return MR_OK;
}

enum mr_status hive_type_parse(struct mr_arena *arena, struct mr_slice text,
                               struct hive_type *ret_type, char message[static 512])
{
    struct parse parse = {.arena = arena, .text = text, .message = message};
    const enum mr_status status = parse_type(&parse, ret_type);
    return status == MR_OK && parse.at < text.len ? fail(&parse) : status;
}

/* ---- values ---- */

/* A string's or number's text; of what is neither, its JSON. */
static struct mr_slice text_of(struct mr_arena *arena, yyjson_val *value)
{
    if (yyjson_is_str(value) || mr_json_is_number(value))
        return mr_json_text(value);
    return mr_json_print(arena, value);
}

static enum mr_status read_real(struct mr_slice text, double *ret_real)
{
    char copy[NUMBER_TEXT_MAX], *end;
    if (text.len == 0 || text.len >= sizeof copy)
        return MR_INVALID;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_real = strtod(copy, &end);
    return *end == '\0' &&
                   (copy[0] == '-' || copy[0] == '+' || copy[0] == '.' ||
                    (copy[0] >= '0' && copy[0] <= '9') || mr_slice_equal(text, MR_S("NaN")) ||
                    mr_slice_equal(text, MR_S("Infinity")))
               ? MR_OK
               : MR_INVALID;
}

/* Whole numbers; a fraction is cut, as a Java cast does. */
static enum mr_status read_integer(struct mr_slice text, int bits, int64_t *ret_number)
{
    double real;
    if (mr_slice_to_i64(text, ret_number) != MR_OK) {
        if (read_real(text, &real) != MR_OK || !(fabs(real) < 9.2e18))
            return MR_INVALID;
        *ret_number = (int64_t)real;
    }
    const int64_t most = bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1;
    return *ret_number <= most && *ret_number >= -most - 1 ? MR_OK : MR_INVALID;
}

/* Plain digits with a point and an exponent, rounded half up to the scale. */
static enum mr_status read_decimal(struct mr_slice text, const struct hive_type *type,
                                   struct hive_value *ret_value)
{
    hive_wide number = 0;
    int64_t exponent = 0;
    size_t i = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+'), digits = 0;
    bool point = false, round_up = false;
    int scale = 0;
    const struct mr_slice mantissa = mr_slice_sub(
        text, 0,
        mr_slice_find(text, 'e') != SIZE_MAX ? mr_slice_find(text, 'e') : mr_slice_find(text, 'E'));
    if (mantissa.len < text.len) {
        struct mr_slice power = mr_slice_sub(text, mantissa.len + 1, SIZE_MAX);
        if (mr_slice_starts_with(power, MR_S("+")))
            power = mr_slice_sub(power, 1, SIZE_MAX);
        if (mr_slice_to_i64(power, &exponent) != MR_OK || exponent > 1000 || exponent < -1000)
            return MR_INVALID;
    }
    for (; i < mantissa.len; i++) {
        const char c = mantissa.ptr[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return MR_INVALID;
        digits++;
        if (point && scale - exponent >= type->scale) {
            round_up = round_up || (scale - exponent == type->scale && c >= '5');
            scale++;
            continue;
        }
        if (number > ((hive_wide)1 << 123))
            return MR_INVALID;
        number = number * 10 + (c - '0');
        scale += point;
    }
    int64_t more = type->scale - (scale < type->scale + exponent ? scale - exponent : type->scale);
    for (; more > 0; more--) {
        if (number > ((hive_wide)1 << 123))
            return MR_INVALID;
        number *= 10;
    }
    hive_wide most = 1;
    for (int p = 0; p < type->precision; p++)
        most *= 10;
    number += round_up;
    ret_value->decimal = text.len > 0 && text.ptr[0] == '-' ? -number : number;
    return digits > 0 && number < most ? MR_OK : MR_INVALID;
}

static void set_time(struct hive_value *value, int64_t ms, int64_t nanoseconds)
{
    value->day = ms >= 0 ? ms / DAY_MS : -((DAY_MS - 1 - ms) / DAY_MS);
    value->number = (ms - value->day * DAY_MS) * 1000000 + nanoseconds;
}

/* "2024-06-10 06:13:20.123", with T and a zone too; or a number: below 1e12 seconds, else ms. */
static enum mr_status read_timestamp(struct mr_slice text, struct hive_value *ret_value)
{
    double real;
    if (read_real(text, &real) == MR_OK) {
        const double ms = fabs(real) < 1e12 ? real * 1000 : real;
        if (!(fabs(ms) < 9e15))
            return MR_INVALID;
        set_time(ret_value, (int64_t)floor(ms), 0);
        return MR_OK;
    }
    char copy[40];
    if (text.len < 10 || text.len + 9 >= sizeof copy)
        return MR_INVALID;
    memcpy(copy, text.ptr, text.len);
    size_t len = text.len;
    if (len == 10) {
        memcpy(copy + len, "T00:00:00", 9);
        len += 9;
    }
    if (copy[10] == ' ')
        copy[10] = 'T';
    if (len >= 19 && mr_slice_find(mr_slice_make(copy + 19, len - 19), 'Z') == SIZE_MAX &&
        mr_slice_find(mr_slice_make(copy + 19, len - 19), '+') == SIZE_MAX &&
        mr_slice_find(mr_slice_make(copy + 19, len - 19), '-') == SIZE_MAX)
        copy[len++] = 'Z';
    int64_t ms;
    if (mr_date_parse(mr_slice_make(copy, len), &ms) != MR_OK)
        return MR_INVALID;
    set_time(ret_value, ms, 0);
    return MR_OK;
}

static enum mr_status read_formatted(const struct joda_formats *formats, struct mr_slice text,
                                     struct hive_value *ret_value)
{
    int64_t ms;
    if (joda_read(formats, text, &ms) != MR_OK)
        return MR_INVALID;
    set_time(ret_value, ms, 0);
    return MR_OK;
}

static enum mr_status read_date(struct mr_slice text, struct hive_value *ret_value)
{
    struct hive_value time;
    if (text.len != 10 || read_timestamp(text, &time) != MR_OK)
        return MR_INVALID;
    ret_value->number = time.day;
    return MR_OK;
}

static enum mr_status read_boolean(yyjson_val *value, struct mr_slice text, int64_t *ret_number)
{
    *ret_number =
        yyjson_is_bool(value) ? yyjson_get_bool(value) : mr_slice_equal_nocase(text, MR_S("true"));
    return yyjson_is_bool(value) || mr_slice_equal_nocase(text, MR_S("true")) ||
                   mr_slice_equal_nocase(text, MR_S("false"))
               ? MR_OK
               : MR_INVALID;
}

enum mr_status hive_value_read(struct mr_arena *arena, const struct hive_type *type,
                               yyjson_val *value, struct hive_value *ret_value,
                               char message[static 512])
{
    const struct mr_slice text = text_of(arena, value);
    enum mr_status status = MR_OK;
    *ret_value = (struct hive_value){.text = text};
    switch (type->kind) {
    case HIVE_BOOLEAN: status = read_boolean(value, text, &ret_value->number); break;
    case HIVE_INT:
    case HIVE_BIGINT: status = read_integer(text, type->bits, &ret_value->number); break;
    case HIVE_FLOAT:
    case HIVE_DOUBLE: status = read_real(text, &ret_value->real); break;
    case HIVE_DECIMAL: status = read_decimal(text, type, ret_value); break;
    case HIVE_BINARY: status = mr_base64_decode(arena, text, &ret_value->text); break;
    case HIVE_DATE: status = read_date(text, ret_value); break;
    case HIVE_TIMESTAMP:
        status = type->formats != NULL ? read_formatted(type->formats, text, ret_value)
                                       : read_timestamp(text, ret_value);
        break;
    default: break; /* any text is a string */
    }
    if (status != MR_OK)
        return refuse(message, "For input string: \"%.*s\"", MR_ARG(mr_slice_sub(text, 0, 200)));
    return MR_OK;
}
