/* mr_json_path(input, path, variables, what): what json_exists, json_value and json_query find.
 *
 * The text begins with a letter that tells what it is, so that SQL can choose between answers:
 *   V   the value behind it   Z   JSON's null, of json_value   N   nothing was found
 *   E   an error: its name and words stand behind it */
#include "athena/jsonpath.h"
#include "athena/render.h"
#include "athena/rows.h"
#include "athena/translate_json.h"

struct question {
    struct athena_row *row;
    struct mr_arena *arena;
    int64_t what;
    struct athena_items items;
};

static void answer(struct question *question, const char *letter, struct mr_slice text)
{
    struct mr_buf *out = &question->row->text;
    mr_buf_reset(out);
    mr_buf_append(out, mr_slice_cstr(letter));
    mr_buf_append(out, text);
    athena_row_put_text(question->row, mr_buf_slice(out));
}

/* The one item as SQL's text: numbers that are not whole are doubles, and cast as such. */
static void answer_value(struct question *question)
{
    const struct athena_item *item = question->items.list;
    struct mr_buf text = {0};
    int64_t whole;
    if (question->items.count > 1 || item->kind >= ITEM_ARRAY) {
        answer(question, "E",
               question->items.count > 1
                   ? MR_S("JSON_VALUE_RESULT_ERROR: cannot extract SQL scalar from JSON: JSON path "
                          "found multiple items")
                   : MR_S("JSON_VALUE_RESULT_ERROR: cannot extract SQL scalar from JSON: JSON path "
                          "found an item that cannot be converted to an SQL value"));
        return;
    }
    if (item->kind == ITEM_NUMBER && !athena_item_integer(item, &whole))
        athena_render_exponential(&text, athena_item_double(item), false);
    else if (item->kind == ITEM_BOOLEAN)
        mr_buf_append(&text, item->flag ? MR_S("true") : MR_S("false"));
    else
        mr_buf_append(&text, item->text);
    answer(question, item->kind == ITEM_NULL ? "Z" : "V", mr_buf_slice(&text));
    mr_buf_fini(&text);
}

static void answer_query(struct question *question)
{
    const struct athena_item *item = question->items.list;
    const int64_t wrapper = question->what & JSON_WRAPPERS;
    const bool single = question->items.count == 1;
    const bool wrapped = wrapper == JSON_WRAP_ALWAYS ||
                         (wrapper == JSON_WRAP_SOME && !(single && item->kind >= ITEM_ARRAY));
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    if (!wrapped && !single) {
        answer(question, "E",
               MR_S("JSON_OUTPUT_CONVERSION_ERROR: conversion from JSON failed: JSON path found "
                    "multiple items"));
        return;
    }
    if (!wrapped && item->kind == ITEM_STRING && (question->what & JSON_OMIT_QUOTES) != 0) {
        answer(question, "V", item->text);
        return;
    }
    if (wrapped)
        mr_json_array(&json);
    for (size_t i = 0; i < question->items.count; i++)
        athena_item_put(&json, &question->items.list[i]);
    if (wrapped)
        mr_json_array_end(&json);
    answer(question, "V", mr_buf_slice(&text));
    mr_buf_fini(&text);
}

static void ask(struct question *question)
{
    struct athena_path path;
    struct mr_slice why;
    const struct athena_row *row = question->row;
    yyjson_val *root = mr_json_parse(question->arena, athena_row_slice(row, 0), MR_JSON_DEPTH_MAX);
    yyjson_val *variables =
        mr_json_parse(question->arena, athena_row_slice(row, 2), MR_JSON_DEPTH_MAX);
    if (root == NULL || variables == NULL) {
        answer(question, "E",
               MR_S("JSON_INPUT_CONVERSION_ERROR: conversion to JSON failed: not a JSON text"));
        return;
    }
    if (!athena_path_parse(question->arena, athena_row_slice(row, 1), &path, &why) ||
        !athena_path_evaluate(question->arena, &path, root, variables, &question->items, &why)) {
        answer(question, "E",
               mr_arena_printf(question->arena,
                               "PATH_EVALUATION_ERROR: path evaluation failed: %.*s", MR_ARG(why)));
        return;
    }
    if ((question->what & JSON_KINDS) == JSON_EXISTS)
        answer(question, "V", question->items.count > 0 ? MR_S("1") : MR_S("0"));
    else if (question->items.count == 0)
        answer(question, "N", MR_S(""));
    else if ((question->what & JSON_KINDS) == JSON_VALUE)
        answer_value(question);
    else
        answer_query(question);
}

static bool json_path(struct athena_row *row)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct question question = {.row = row, .arena = &arena, .what = athena_row_integer(row, 3)};
    ask(&question);
    mr_arena_fini(&arena);
    return true;
}

enum mr_status athena_json_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_json_path",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT},
         DUCKDB_TYPE_VARCHAR,
         json_path},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
