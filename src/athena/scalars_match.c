/* mr_match(rows, plan): row pattern recognition over the rows of one partition, a list of structs;
 * what comes out is a list of lists of numbers (match.h). */
#include "athena/match.h"
#include "athena/rows.h"
#include <stdlib.h>

static struct mr_slice text_at(const void *data, size_t at)
{
    const duckdb_string_t *string = &((const duckdb_string_t *)data)[at];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

static char kind_of(duckdb_vector vector)
{
    duckdb_logical_type type = athena_duck.vector_get_column_type(vector);
    const duckdb_type id = athena_duck.get_type_id(type);
    athena_duck.destroy_logical_type(&type);
    switch (id) {
    case DUCKDB_TYPE_BOOLEAN: return 'b';
    case DUCKDB_TYPE_BIGINT: return 'i';
    case DUCKDB_TYPE_DOUBLE: return 'f';
    case DUCKDB_TYPE_DECIMAL: return 'w';
    default: return 't';
    }
}

/* The fields of the lists' structs. */
static struct match_column *columns_of(struct mr_arena *arena, duckdb_vector lists)
{
    duckdb_vector structs = athena_duck.list_vector_get_child(lists);
    duckdb_logical_type type = athena_duck.vector_get_column_type(structs);
    const idx_t count = athena_duck.struct_type_child_count(type);
    athena_duck.destroy_logical_type(&type);
    struct match_column *columns = MR_NEW_ARRAY(arena, struct match_column, count + 1);
    for (idx_t i = 0; i < count; i++) {
        duckdb_vector child = athena_duck.struct_vector_get_child(structs, i);
        columns[i] = (struct match_column){.kind = kind_of(child),
                                           .data = athena_duck.vector_get_data(child),
                                           .valid = athena_duck.vector_get_validity(child)};
    }
    columns[count].kind = '\0';
    return columns;
}

/* All numbers into lists, `width` in each. */
static void put_numbers(duckdb_vector output, const struct match_result_list *result, size_t width)
{
    const idx_t rows = result->count / width;
    duckdb_vector inner = athena_duck.list_vector_get_child(output);
    athena_duck.list_vector_reserve(output, rows);
    athena_duck.list_vector_set_size(output, rows);
    athena_duck.list_vector_reserve(inner, result->count);
    athena_duck.list_vector_set_size(inner, result->count);
    duckdb_list_entry *entries = athena_duck.vector_get_data(inner);
    for (idx_t i = 0; i < rows; i++)
        entries[i] = (duckdb_list_entry){i * width, width};
    int64_t *numbers = athena_duck.vector_get_data(athena_duck.list_vector_get_child(inner));
    if (result->count > 0)
        memcpy(numbers, result->list, result->count * sizeof *numbers);
}

static const char *match_all(struct mr_arena *arena, duckdb_data_chunk chunk, duckdb_vector output)
{
    duckdb_vector lists = athena_duck.data_chunk_get_vector(chunk, 0);
    const void *plans = athena_duck.vector_get_data(athena_duck.data_chunk_get_vector(chunk, 1));
    const idx_t count = athena_duck.data_chunk_get_size(chunk);
    const duckdb_list_entry *entries = athena_duck.vector_get_data(lists);
    duckdb_list_entry *out = athena_duck.vector_get_data(output);
    struct match_result_list result = {0};
    const char *error = NULL;
    int64_t budget = MATCH_BUDGET;
    if (count == 0)
        return NULL;
    const struct match_plan *plan = match_plan_read(arena, text_at(plans, 0));
    if (plan == NULL)
        return "NOT_SUPPORTED: a row pattern that is nested so deep is not supported";
    const size_t width = MATCH_RESULT_FIELDS + plan->measure_count;
    struct match_column *columns = columns_of(arena, lists);
    for (idx_t at = 0; at < count && error == NULL; at++) {
        const size_t before = result.count / width;
        for (struct match_column *column = columns; column->kind != '\0'; column++)
            column->first = entries[at].offset;
        const struct match_rows rows = {
            .columns = columns, .count = entries[at].length, .text = text_at};
        error = match_partition(plan, &rows, &budget, &result);
        out[at] = (duckdb_list_entry){before, result.count / width - before};
    }
    if (error == NULL)
        put_numbers(output, &result, width);
    free(result.list);
    return error;
}

static void match(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const char *error = match_all(&arena, chunk, output);
    if (error != NULL)
        athena_duck.scalar_function_set_error(info, error);
    mr_arena_fini(&arena);
}

static const char *name_of(const void *table, size_t index)
{
    return ((const char *const *)table)[index];
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    duckdb_logical_type any = athena_duck.create_logical_type(DUCKDB_TYPE_ANY);
    duckdb_logical_type text = athena_duck.create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type number = athena_duck.create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_logical_type list = athena_duck.create_list_type(number);
    duckdb_logical_type lists = athena_duck.create_list_type(list);
    athena_duck.scalar_function_set_name(function, name_of(table, index));
    athena_duck.scalar_function_add_parameter(function, any);
    athena_duck.scalar_function_add_parameter(function, text);
    athena_duck.scalar_function_set_return_type(function, lists);
    athena_duck.scalar_function_set_function(function, match);
    athena_duck.destroy_logical_type(&any);
    athena_duck.destroy_logical_type(&text);
    athena_duck.destroy_logical_type(&number);
    athena_duck.destroy_logical_type(&list);
    athena_duck.destroy_logical_type(&lists);
    return function;
}

enum mr_status athena_match_register(duckdb_connection connection)
{
    static const char *const names[] = {"mr_match"};
    const struct athena_overloads all = {names, MR_COUNT(names), name_of, make};
    return athena_overloads_register(connection, &all);
}
