/* mr_json_cast(json, shape, type, try): JSON as DuckDB's cast to arrays, maps and rows must find it
 * to do as Trino's: rows from arrays too, names in any case, and every value read as a value of
 * that type is read. `shape` is the type in short (translate_json.c):
 *
 *   z boolean   b s i l tinyint to bigint   r d real, double   n decimal   v varchar   j json
 *   [X array   {KV map   (name,X,name,X) row, its names in lower case and escaped, or without any
 *
 * What does not fit is NULL when `try` is true, else an error that names `type`. */
#include "athena/render.h"
#include "athena/rows.h"
#include "base/json.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct casting {
    struct mr_json out;
    struct mr_buf why; /* empty: fine, or there is nothing to say */
};

/* A scalar of the JSON, or the name of a member. */
enum token_kind { TOKEN_NULL, TOKEN_TEXT, TOKEN_WHOLE, TOKEN_FRACTION, TOKEN_FLAG, TOKEN_NESTED };
struct token {
    enum token_kind kind;
    struct mr_slice text;
    bool flag;
};

static struct token token_of(yyjson_val *value)
{
    struct token token = {.text = mr_json_text(value)};
    if (yyjson_is_str(value)) {
        token.kind = TOKEN_TEXT;
    } else if (yyjson_is_bool(value)) {
        token.kind = TOKEN_FLAG;
        token.flag = yyjson_get_bool(value);
        token.text = token.flag ? MR_S("true") : MR_S("false");
    } else if (mr_json_is_number(value)) {
        token.kind = TOKEN_WHOLE;
        for (size_t i = 0; i < token.text.len; i++) {
            if (mr_byte_in(token.text.ptr[i], ".eE"))
                token.kind = TOKEN_FRACTION;
        }
    } else if (!yyjson_is_null(value)) {
        token.kind = TOKEN_NESTED;
        token.text = yyjson_is_arr(value) ? MR_S("[") : MR_S("{");
    }
    return token;
}

static bool fail(struct casting *casting, const char *format, ...) MR_PRINTF(2, 3);
static bool fail(struct casting *casting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&casting->why, format, args);
    va_end(args);
    return false;
}

/* ---- scalars ---- */

static const struct scalar {
    char letter;
    const char *type, *reader; /* as Trino names it; as its reader of texts does */
    int bits;
} scalars[] = {{'z', "boolean", "BOOLEAN", 0},    {'b', "tinyint", "TINYINT", 8},
               {'s', "smallint", "SMALLINT", 16}, {'i', "integer", "INT", 32},
               {'l', "bigint", "BIGINT", 64},     {'r', "real", "REAL", 0},
               {'d', "double", "DOUBLE", 0},      {'n', "decimal", "DECIMAL", 0},
               {'v', "varchar", "VARCHAR", 0}};

static const struct scalar *scalar_of(char letter)
{
    for (size_t i = 0; i < MR_COUNT(scalars); i++) {
        if (scalars[i].letter == letter)
            return &scalars[i];
    }
    return NULL;
}

static bool put_integer(struct casting *casting, const struct scalar *scalar,
                        const struct token *token)
{
    const double limit = ldexp(1, scalar->bits - 1);
    double number;
    int64_t value;
    if (token->kind == TOKEN_FRACTION) {
        (void)athena_text_double(token->text, &number);
        if (!(round(number) >= -limit && round(number) < limit)) {
            mr_buf_append(&casting->why, MR_S("Unable to cast "));
            athena_render_double(&casting->why, number, /* is_float= */ false);
            return fail(casting, " to %s", scalar->type);
        }
        value = (int64_t)round(number);
    } else if (token->kind == TOKEN_FLAG) {
        value = token->flag;
    } else {
        struct mr_slice digits = token->text;
        if (digits.len > 1 && digits.ptr[0] == '+' && isdigit((unsigned char)digits.ptr[1]))
            digits = mr_slice_sub(digits, 1, SIZE_MAX);
        const bool fits =
            mr_slice_to_i64(digits, &value) == MR_OK &&
            (scalar->bits == 64 || ((double)value >= -limit && (double)value < limit));
        if (!fits && token->kind == TOKEN_WHOLE)
            return false;
        if (!fits)
            return fail(casting, "Cannot cast '%.*s' to %s", MR_ARG(token->text), scalar->reader);
    }
    mr_json_int(&casting->out, value);
    return true;
}

static bool put_boolean(struct casting *casting, const struct token *token)
{
    static const char *const words[] = {"t", "true", "1", "f", "false", "0"};
    double number;
    size_t i = 0;
    if (token->kind == TOKEN_WHOLE || token->kind == TOKEN_FRACTION) {
        mr_json_bool(&casting->out, athena_text_double(token->text, &number) && number != 0);
        return true;
    }
    while (i < MR_COUNT(words) && !mr_slice_equal_nocase(token->text, mr_slice_cstr(words[i])))
        i++;
    if (i == MR_COUNT(words))
        return fail(casting, "Cannot cast '%.*s' to BOOLEAN", MR_ARG(token->text));
    mr_json_bool(&casting->out, i < 3);
    return true;
}

/* As text: DuckDB reads it as the number it is, NaN and infinities too. */
static bool put_number(struct casting *casting, const struct scalar *scalar,
                       const struct token *token)
{
    double number;
    if (token->kind == TOKEN_FLAG) {
        mr_json_string(&casting->out, token->flag ? MR_S("1") : MR_S("0"));
        return true;
    }
    if (!athena_text_double(token->text, &number) || (scalar->letter == 'n' && !isfinite(number)))
        return fail(casting, "Cannot cast '%.*s' to %s", MR_ARG(token->text), scalar->reader);
    mr_json_string(&casting->out, mr_slice_trim(token->text));
    return true;
}

static bool put_text(struct casting *casting, const struct token *token)
{
    struct mr_buf text = {0};
    double number;
    if (token->kind == TOKEN_FRACTION && athena_text_double(token->text, &number))
        athena_render_exponential(&text, number, /* is_float= */ false);
    else
        mr_buf_append(&text, token->text);
    mr_json_string(&casting->out, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return true;
}

static bool put_scalar(struct casting *casting, char letter, const struct token *token)
{
    const struct scalar *scalar = scalar_of(letter);
    if (token->kind == TOKEN_NULL) {
        mr_json_null(&casting->out);
        return true;
    }
    if (scalar == NULL || token->kind == TOKEN_NESTED)
        return fail(casting, "Unexpected token when cast to %s: %.*s",
                    scalar == NULL ? "json" : scalar->type, MR_ARG(token->text));
    if (letter == 'z')
        return put_boolean(casting, token);
    if (letter == 'v')
        return put_text(casting, token);
    return scalar->bits > 0 ? put_integer(casting, scalar, token)
                            : put_number(casting, scalar, token);
}

/* ---- nested types ---- */

/* Behind the type that `shape` begins with. */
static struct mr_slice skip(struct mr_slice shape)
{
    const char letter = shape.len > 0 ? shape.ptr[0] : '\0';
    size_t depth = 0, at = 1;
    if (letter == '[')
        return skip(mr_slice_sub(shape, 1, SIZE_MAX));
    if (letter == '{')
        return skip(skip(mr_slice_sub(shape, 1, SIZE_MAX)));
    for (depth = letter == '('; depth > 0 && at < shape.len; at++) {
        if (shape.ptr[at] == '\\')
            at++;
        else
            depth = depth + (shape.ptr[at] == '(') - (shape.ptr[at] == ')');
    }
    return mr_slice_sub(shape, at, SIZE_MAX);
}

static bool put(struct casting *casting, struct mr_slice shape, yyjson_val *value);

static bool put_array(struct casting *casting, struct mr_slice shape, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *item;
    if (!yyjson_is_arr(value))
        return fail(casting, "Expected a json array, but got %.*s", MR_ARG(token_of(value).text));
    mr_json_array(&casting->out);
    yyjson_arr_foreach(value, index, count, item)
    {
        if (!put(casting, shape, item))
            return false;
    }
    mr_json_array_end(&casting->out);
    return true;
}

/* Keys are read as values of their type are, and written as texts. */
static bool put_map(struct casting *casting, struct mr_slice key_shape, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *key, *item;
    const struct mr_slice value_shape = skip(key_shape);
    if (!yyjson_is_obj(value))
        return fail(casting, "Expected a json object, but got %.*s", MR_ARG(token_of(value).text));
    mr_json_object(&casting->out);
    yyjson_obj_foreach(value, index, count, key, item)
    {
        struct mr_buf text = {0};
        struct casting name = {.out = mr_json_make(&text)};
        const struct token token = {TOKEN_TEXT, mr_json_text(key), false};
        const bool fine = put_scalar(&name, key_shape.ptr[0], &token);
        struct mr_slice written = mr_buf_slice(&text);
        if (fine && written.len > 1 && written.ptr[0] == '"')
            mr_json_name(&casting->out, token.text);
        else if (fine)
            mr_json_name(&casting->out, written);
        mr_buf_append(&casting->why, mr_buf_slice(&name.why));
        mr_buf_fini(&name.why);
        mr_buf_fini(&text);
        if (!fine || !put(casting, value_shape, item))
            return false;
    }
    mr_json_object_end(&casting->out);
    return true;
}

/* The next field of a row: its name without the escapes, and where its type is. False: no more. */
static bool next_field(struct mr_slice *fields, struct mr_buf *name, struct mr_slice *ret_shape)
{
    size_t at = 0;
    mr_buf_reset(name);
    if (fields->len == 0 || fields->ptr[0] == ')')
        return false;
    for (; at < fields->len && fields->ptr[at] != ','; at++) {
        at += fields->ptr[at] == '\\';
        mr_buf_byte(name, fields->ptr[at]);
    }
    *ret_shape = mr_slice_sub(*fields, at + 1, SIZE_MAX);
    *fields = skip(*ret_shape);
    return true;
}

/* The member of this name in any case; two of them are refused. */
static bool find_member(struct casting *casting, yyjson_val *object, struct mr_slice name,
                        yyjson_val **ret)
{
    size_t index, count;
    yyjson_val *key, *item;
    *ret = NULL;
    yyjson_obj_foreach(object, index, count, key, item)
    {
        if (!mr_slice_equal_nocase(mr_json_text(key), name))
            continue;
        if (*ret != NULL)
            return fail(casting, "Duplicate field: %.*s", MR_ARG(name));
        *ret = item;
    }
    return true;
}

static bool put_field(struct casting *casting, struct mr_slice shape, yyjson_val *value,
                      struct mr_slice name, size_t index)
{
    yyjson_val *item = yyjson_arr_get(value, index);
    char unnamed[32];
    const int len = snprintf(unnamed, sizeof unnamed, "field%zu", index);
    if (yyjson_is_obj(value) && !find_member(casting, value, name, &item))
        return false;
    mr_json_name(&casting->out, name.len > 0 ? name : mr_slice_make(unnamed, (size_t)len));
    if (item != NULL)
        return put(casting, shape, item);
    if (yyjson_is_arr(value))
        return fail(casting, "Unexpected token when cast to %s: ]",
                    scalar_of(shape.ptr[0]) == NULL ? "json" : scalar_of(shape.ptr[0])->type);
    mr_json_null(&casting->out);
    return true;
}

static bool put_row(struct casting *casting, struct mr_slice fields, yyjson_val *value)
{
    struct mr_buf name = {0};
    struct mr_slice shape;
    size_t index = 0;
    bool fine = true;
    const bool named = fields.len > 0 && fields.ptr[0] != ',';
    if (!yyjson_is_arr(value) && !yyjson_is_obj(value))
        return fail(casting, "Expected a json array or object, but got %.*s",
                    MR_ARG(token_of(value).text));
    if (yyjson_is_obj(value) && !named)
        return fail(casting, "Cannot cast a JSON object to anonymous row type. Input must be a "
                             "JSON array.");
    mr_json_object(&casting->out);
    for (; fine && next_field(&fields, &name, &shape); index++)
        fine = put_field(casting, shape, value, mr_buf_slice(&name), index);
    mr_buf_fini(&name);
    if (!fine)
        return false;
    mr_json_object_end(&casting->out);
    return !yyjson_is_arr(value) || yyjson_arr_size(value) == index ||
           fail(casting, "Expected json array ending, but got %.*s",
                MR_ARG(token_of(yyjson_arr_get(value, index)).text));
}

/* As deep as the type is, which its parser bounds. */
static bool put(struct casting *casting, struct mr_slice shape, yyjson_val *value)
{
    const char letter = shape.len > 0 ? shape.ptr[0] : 'v';
    const struct mr_slice inner = mr_slice_sub(shape, 1, SIZE_MAX);
    if (yyjson_is_null(value)) {
        mr_json_null(&casting->out);
        return true;
    }
    if (letter == 'j') {
        mr_json_value(&casting->out, value);
        return true;
    }
    if (letter == '[')
        return put_array(casting, inner, value);
    if (letter == '{')
        return put_map(casting, inner, value);
    if (letter == '(')
        return put_row(casting, inner, value);
    const struct token token = token_of(value);
    return put_scalar(casting, letter, &token);
}

/* ---- the function ---- */

enum { SHOWN_MAX = 200 }; /* of the JSON, in a message */

/* Of a scalar by itself the reader's words are enough. */
static void fail_cast(struct athena_row *row, struct mr_slice why)
{
    struct mr_slice type = athena_row_slice(row, 2);
    struct mr_slice json = mr_slice_sub(athena_row_slice(row, 0), 0, SHOWN_MAX);
    const bool read = why.len > 0 && !mr_slice_starts_with(why, MR_S("Unexpected"));
    if (scalar_of(athena_row_slice(row, 1).ptr[0]) == NULL)
        athena_row_fail(row,
                        "INVALID_CAST_ARGUMENT: Cannot cast to %.*s.%s%.*s" ATHENA_LINE_END "%.*s",
                        MR_ARG(type), why.len > 0 ? " " : "", MR_ARG(why), MR_ARG(json));
    else if (read)
        athena_row_fail(row, "INVALID_CAST_ARGUMENT: %.*s", MR_ARG(why));
    else
        athena_row_fail(row, "INVALID_CAST_ARGUMENT: Cannot cast '%.*s' to %.*s", MR_ARG(json),
                        MR_ARG(type));
}

static bool cast(struct athena_row *row)
{
    struct mr_arena arena;
    struct mr_slice json = athena_row_slice(row, 0);
    mr_arena_init(&arena);
    struct casting casting = {.out = mr_json_make(&row->text)};
    yyjson_val *root = mr_json_parse(&arena, json, MR_JSON_DEPTH_MAX);
    bool fine = root != NULL && put(&casting, athena_row_slice(row, 1), root);
    if (fine)
        athena_row_put_text(row, mr_buf_slice(&row->text));
    else if (athena_row_boolean(row, 3))
        fine = true; /* NULL */
    else
        fail_cast(row, mr_buf_slice(&casting.why));
    mr_buf_fini(&casting.why);
    mr_arena_fini(&arena);
    return fine;
}

enum mr_status athena_jsoncast_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_json_cast",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BOOLEAN},
         DUCKDB_TYPE_VARCHAR,
         cast},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
