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
    struct mr_arena *arena;
    int64_t what;
    struct athena_items items;
    struct mr_slice answer; /* in the arena */
};

static void answer(struct question *question, const char *letter, struct mr_slice text)
{
    question->answer = mr_arena_printf(question->arena, "%s%.*s", letter, MR_ARG(text));
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

/* The items that a path finds; false: the answer is an error. */
static bool find_items(struct question *question, struct mr_slice text, yyjson_val *root,
                       yyjson_val *variables)
{
    struct athena_path path;
    struct mr_slice why;
    question->items = (struct athena_items){0};
    if (root == NULL || variables == NULL) {
        answer(question, "E",
               MR_S("JSON_INPUT_CONVERSION_ERROR: conversion to JSON failed: not a JSON text"));
        return false;
    }
    if (athena_path_parse(question->arena, text, &path, &why) &&
        athena_path_evaluate(question->arena, &path, root, variables, &question->items, &why))
        return true;
    answer(question, "E",
           mr_arena_printf(question->arena, "PATH_EVALUATION_ERROR: path evaluation failed: %.*s",
                           MR_ARG(why)));
    return false;
}

static void ask(struct question *question, struct mr_slice path, yyjson_val *root,
                yyjson_val *variables)
{
    if (!find_items(question, path, root, variables))
        return;
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
    struct question question = {.arena = &arena, .what = athena_row_integer(row, 3)};
    ask(&question, athena_row_slice(row, 1),
        mr_json_parse(&arena, athena_row_slice(row, 0), MR_JSON_DEPTH_MAX),
        mr_json_parse(&arena, athena_row_slice(row, 2), MR_JSON_DEPTH_MAX));
    athena_row_put_text(row, question.answer);
    mr_arena_fini(&arena);
    return true;
}

/* ---- json_table ---- */

/* mr_json_table(input, plan, variables): the rows as JSON, an array of arrays of answers, in the
 * order of the columns. The plan is JSON, too (translate_json_table.c): a level has its path `p`
 * and columns `c`; a column is an object with `p` and `w`, what is asked; 0 is a number of the row;
 * an object with `c` is a level inside. */
enum { CELLS_MAX = 1000000 };

struct table {
    struct mr_arena *arena;
    yyjson_val *variables;
    size_t columns, rows, capacity;
    bool inner, cross;      /* PLAN DEFAULT */
    struct mr_slice **list; /* the rows: an answer a column, NULL without text */
    struct mr_slice why;    /* empty: fine so far */
};

static size_t count_columns(yyjson_val *level)
{
    size_t index, count, columns = 0;
    yyjson_val *column;
    yyjson_arr_foreach(yyjson_obj_get(level, "c"), index, count, column) columns +=
        yyjson_obj_get(column, "c") != NULL ? count_columns(column) : 1;
    return columns;
}

static bool add_row(struct table *table, struct mr_slice *row)
{
    if ((table->rows + 1) * table->columns > CELLS_MAX) {
        table->why = MR_S("NOT_SUPPORTED: json_table gives more than a million values");
        return false;
    }
    if (table->rows == table->capacity) {
        const size_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        struct mr_slice **list = MR_NEW_ARRAY(table->arena, struct mr_slice *, capacity);
        if (table->rows > 0)
            memcpy(list, table->list, table->rows * sizeof *list);
        table->list = list;
        table->capacity = capacity;
    }
    table->list[table->rows++] = row;
    return true;
}

static struct mr_slice *copy_row(struct table *table, const struct mr_slice *row)
{
    struct mr_slice *copy = MR_NEW_ARRAY(table->arena, struct mr_slice, table->columns + 1);
    memcpy(copy, row, table->columns * sizeof *copy);
    return copy;
}

static yyjson_val *item_value(struct table *table, const struct athena_item *item)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    athena_item_put(&json, item);
    yyjson_val *value = mr_json_parse(table->arena, mr_buf_slice(&text), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&text);
    return value;
}

static bool put_level(struct table *table, yyjson_val *level, yyjson_val *root, size_t first,
                      const struct mr_slice *above);

/* The level inside at `at` with each of the rows from `from` on above it; those that find nothing
 * stay, unless the plan says INNER. */
static bool cross(struct table *table, yyjson_val *inside, yyjson_val *root, size_t first,
                  size_t from)
{
    const size_t count = table->rows - from;
    struct mr_slice **above = MR_NEW_ARRAY(table->arena, struct mr_slice *, count + 1);
    if (count > 0)
        memcpy(above, table->list + from, count * sizeof *above);
    table->rows = from;
    for (size_t i = 0; i < count; i++) {
        const size_t before = table->rows;
        if (!put_level(table, inside, root, first, above[i]))
            return false;
        if (table->rows == before && !table->inner && !add_row(table, above[i]))
            return false;
    }
    return true;
}

/* The rows of one item: its own columns, and the levels inside one after the other. */
static bool put_item(struct table *table, yyjson_val *level, yyjson_val *root, size_t number,
                     size_t first, const struct mr_slice *above)
{
    struct mr_slice *row = copy_row(table, above);
    yyjson_val *columns = yyjson_obj_get(level, "c"), *column;
    const size_t from = table->rows;
    size_t index, count, at = first;
    bool inside = false, fine = true;
    yyjson_arr_foreach(columns, index, count, column)
    {
        struct question question = {.arena = table->arena};
        if (yyjson_obj_get(column, "c") != NULL) {
            inside = true;
            at += count_columns(column);
            continue;
        }
        if (yyjson_is_obj(column)) {
            question.what = mr_json_get_i64(column, "w", 0);
            ask(&question, mr_json_get_text(column, "p"), root, table->variables);
        } else {
            question.answer = mr_arena_printf(table->arena, "%zu", number);
        }
        row[at++] = question.answer;
    }
    if (!inside || table->cross)
        fine = add_row(table, row);
    at = first;
    yyjson_arr_foreach(columns, index, count, column)
    {
        const bool nested = yyjson_obj_get(column, "c") != NULL;
        if (nested && fine)
            fine = table->cross ? cross(table, column, root, at, from)
                                : put_level(table, column, root, at, row);
        at += nested ? count_columns(column) : 1;
    }
    if (fine && inside && !table->cross && !table->inner && table->rows == from)
        fine = add_row(table, row);
    return fine;
}

/* As deep as the statement nests it. */
static bool put_level(struct table *table, yyjson_val *level, yyjson_val *root, size_t first,
                      const struct mr_slice *above)
{
    struct question question = {.arena = table->arena};
    if (!find_items(&question, mr_json_get_text(level, "p"), root, table->variables)) {
        table->why = mr_slice_sub(question.answer, 1, SIZE_MAX);
        return false;
    }
    for (size_t i = 0; i < question.items.count; i++) {
        if (!put_item(table, level, item_value(table, &question.items.list[i]), i + 1, first,
                      above))
            return false;
    }
    return true;
}

static void put_rows(struct athena_row *row, const struct table *table)
{
    struct mr_json json = mr_json_make(&row->text);
    mr_json_array(&json);
    for (size_t i = 0; i < table->rows; i++) {
        mr_json_array(&json);
        for (size_t at = 0; at < table->columns; at++) {
            if (table->list[i][at].ptr == NULL)
                mr_json_null(&json);
            else
                mr_json_string(&json, table->list[i][at]);
        }
        mr_json_array_end(&json);
    }
    mr_json_array_end(&json);
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

static bool json_table(struct athena_row *row)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *plan = mr_json_parse(&arena, athena_row_slice(row, 1), MR_JSON_DEPTH_MAX);
    struct table table = {.arena = &arena,
                          .columns = count_columns(plan),
                          .inner = yyjson_obj_get(plan, "inner") != NULL,
                          .cross = yyjson_obj_get(plan, "cross") != NULL};
    table.variables = mr_json_parse(&arena, athena_row_slice(row, 2), MR_JSON_DEPTH_MAX);
    const struct mr_slice *above = MR_NEW_ARRAY(&arena, struct mr_slice, table.columns + 1);
    bool fine = put_level(
        &table, plan, mr_json_parse(&arena, athena_row_slice(row, 0), MR_JSON_DEPTH_MAX), 0, above);
    if (!fine && (yyjson_obj_get(plan, "error") != NULL ||
                  mr_slice_starts_with(table.why, MR_S("NOT_SUPPORTED")))) {
        athena_row_fail(row, "%.*s", MR_ARG(table.why));
    } else {
        table.rows = fine ? table.rows : 0; /* EMPTY ON ERROR */
        put_rows(row, &table);
        fine = true;
    }
    mr_arena_fini(&arena);
    return fine;
}

enum mr_status athena_json_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_json_path",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT},
         DUCKDB_TYPE_VARCHAR,
         json_path},
        {"mr_json_table",
         {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR},
         DUCKDB_TYPE_VARCHAR,
         json_table},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
