/* mr_json_get(json, path, what): json_extract, json_extract_scalar and json_size, with the simple
 * paths that they take: $, .name, [n], ["name"]. What is no JSON gives NULL, a wrong path fails.
 * An array's elements have their numbers as names. */
#include "athena/render.h"
#include "athena/rows.h"
#include "athena/translate_json.h"
#include "base/json.h"
#include <ctype.h>
#include <stdlib.h>

/* ---- paths ---- */

/* ["name"], in which a backslash escapes; its text ends up in `name`. */
static bool take_quoted(struct mr_slice *path, struct mr_buf *name)
{
    const char quote = path->ptr[1];
    size_t at = 2;
    for (; at < path->len && path->ptr[at] != quote; at++) {
        at += path->ptr[at] == '\\';
        if (at < path->len)
            mr_buf_byte(name, path->ptr[at]);
    }
    if (at + 1 >= path->len || path->ptr[at + 1] != ']')
        return false;
    *path = mr_slice_sub(*path, at + 2, SIZE_MAX);
    return true;
}

static bool is_plain(char byte, bool in_brackets)
{
    return isalnum((unsigned char)byte) || byte == '_' || (byte & 0x80) != 0 ||
           (!in_brackets && mr_byte_in(byte, ":$-/@|# <>"));
}

bool athena_json_step(struct mr_slice *path, struct mr_buf *name)
{
    const bool in_brackets = path->len > 0 && path->ptr[0] == '[';
    size_t at = 1;
    mr_buf_reset(name);
    if (path->len < 2 || (!in_brackets && path->ptr[0] != '.'))
        return false;
    if (in_brackets && (path->ptr[1] == '"' || path->ptr[1] == '\''))
        return take_quoted(path, name);
    for (; at < path->len && is_plain(path->ptr[at], in_brackets); at++)
        mr_buf_byte(name, path->ptr[at]);
    if (name->len == 0 || (in_brackets && (at >= path->len || path->ptr[at] != ']')))
        return false;
    *path = mr_slice_sub(*path, at + in_brackets, SIZE_MAX);
    return true;
}

bool athena_json_is_path(struct mr_slice path)
{
    struct mr_buf name = {0};
    bool fine = path.len > 0 && path.ptr[0] == '$';
    path = mr_slice_sub(path, 1, SIZE_MAX);
    while (fine && path.len > 0)
        fine = athena_json_step(&path, &name);
    mr_buf_fini(&name);
    return fine;
}

/* The value that the path leads to; NULL: there is none, or (*ret_wrong) it is no path. */
static yyjson_val *follow(yyjson_val *value, struct mr_slice path, bool *ret_wrong)
{
    struct mr_buf name = {0};
    uint64_t index;
    *ret_wrong = path.len == 0 || path.ptr[0] != '$';
    path = mr_slice_sub(path, 1, SIZE_MAX);
    while (path.len > 0 && !*ret_wrong) {
        *ret_wrong = !athena_json_step(&path, &name);
        if (yyjson_is_obj(value))
            value = yyjson_obj_getn(value, name.data, name.len);
        else if (yyjson_is_arr(value) && mr_slice_to_u64(mr_buf_slice(&name), &index) == MR_OK)
            value = yyjson_arr_get(value, index);
        else
            value = NULL;
    }
    mr_buf_fini(&name);
    return value;
}

/* ---- values ---- */

static bool is_fraction(struct mr_slice number)
{
    return mr_slice_find(number, '.') != SIZE_MAX || mr_slice_find(number, 'e') != SIZE_MAX ||
           mr_slice_find(number, 'E') != SIZE_MAX;
}

static void put_number(struct mr_json *json, struct mr_slice number)
{
    struct mr_buf text = {0};
    double value;
    if (is_fraction(number) && athena_text_double(number, &value)) {
        athena_render_double(&text, value, /* is_float= */ false);
        number = mr_buf_slice(&text);
    }
    mr_json_raw(json, number);
    mr_buf_fini(&text);
}

/* As deep as JSON may be. */
static void put(struct mr_json *json, yyjson_val *value)
{
    size_t index, count;
    yyjson_val *key, *item;
    if (yyjson_is_arr(value)) {
        mr_json_array(json);
        yyjson_arr_foreach(value, index, count, item) put(json, item);
        mr_json_array_end(json);
    } else if (yyjson_is_obj(value)) {
        mr_json_object(json);
        yyjson_obj_foreach(value, index, count, key, item)
        {
            mr_json_name(json, mr_json_text(key));
            put(json, item);
        }
        mr_json_object_end(json);
    } else if (mr_json_is_number(value)) {
        put_number(json, mr_json_text(value));
    } else {
        mr_json_value(json, value);
    }
}

static void answer(struct athena_row *row, yyjson_val *value)
{
    const int64_t what = athena_row_integer(row, 2);
    const bool nested = yyjson_is_arr(value) || yyjson_is_obj(value);
    if (what == JSON_GET_SIZE) {
        mr_buf_printf(&row->text, "%zu", nested ? yyjson_get_len(value) : 0);
    } else if (what == JSON_GET_VALUE) {
        struct mr_json json = mr_json_make(&row->text);
        put(&json, value);
    } else if (nested || yyjson_is_null(value)) {
        return;
    } else if (yyjson_is_bool(value)) {
        mr_buf_append(&row->text, yyjson_get_bool(value) ? MR_S("true") : MR_S("false"));
    } else {
        mr_buf_append(&row->text, mr_json_text(value));
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

static bool json_get(struct athena_row *row)
{
    struct mr_arena arena;
    bool wrong;
    mr_arena_init(&arena);
    yyjson_val *root = mr_json_parse(&arena, athena_row_slice(row, 0), MR_JSON_DEPTH_MAX);
    yyjson_val *value = follow(root, athena_row_slice(row, 1), &wrong);
    if (value != NULL && !wrong)
        answer(row, value);
    mr_arena_fini(&arena);
    return !wrong || athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid JSON path: '%.*s'",
                                     MR_ARG(athena_row_slice(row, 1)));
}

enum mr_status athena_jsonget_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_json_get",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT},
         DUCKDB_TYPE_VARCHAR,
         json_get},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
