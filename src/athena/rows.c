#include "athena/geos_kept.h"
#include <stdarg.h>

struct mr_slice athena_row_slice(const struct athena_row *row, size_t input)
{
    const duckdb_string_t *string = &((const duckdb_string_t *)row->data[input])[row->at];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

int64_t athena_row_integer(const struct athena_row *row, size_t input)
{
    return ((const int64_t *)row->data[input])[row->at];
}

double athena_row_double(const struct athena_row *row, size_t input)
{
    return ((const double *)row->data[input])[row->at];
}

bool athena_row_boolean(const struct athena_row *row, size_t input)
{
    return ((const bool *)row->data[input])[row->at];
}

void athena_row_put_offset(struct athena_row *row, int64_t minutes)
{
    const int far = (int)(minutes < 0 ? -minutes : minutes);
    if (minutes == 0)
        mr_buf_append(&row->text, MR_S("UTC"));
    else
        mr_buf_printf(&row->text, "%c%02d:%02d", minutes < 0 ? '-' : '+', far / 60, far % 60);
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

void athena_row_put_text(struct athena_row *row, struct mr_slice text)
{
    athena_duck.vector_assign_string_element_len(row->output, row->at, text.len > 0 ? text.ptr : "",
                                                 text.len);
    row->done = true;
}

void athena_row_put_integer(struct athena_row *row, int64_t value)
{
    ((int64_t *)row->result)[row->at] = value;
    row->done = true;
}

void athena_row_put_narrow(struct athena_row *row, int32_t value)
{
    ((int32_t *)row->result)[row->at] = value;
    row->done = true;
}

void athena_row_put_double(struct athena_row *row, double value)
{
    ((double *)row->result)[row->at] = value;
    row->done = true;
}

void athena_row_put_boolean(struct athena_row *row, bool value)
{
    ((bool *)row->result)[row->at] = value;
    row->done = true;
}

bool athena_row_fail(struct athena_row *row, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&row->message, format, args);
    va_end(args);
    return false;
}

static bool is_null(const uint64_t *validity, idx_t row)
{
    return validity != NULL && (validity[row / 64] >> (row % 64) & 1) == 0;
}

static void run(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct athena_row_function *function = athena_duck.scalar_function_get_extra_info(info);
    struct athena_row row = {.output = output, .result = athena_duck.vector_get_data(output)};
    const uint64_t *validity[ATHENA_ROW_INPUTS];
    const idx_t inputs = athena_duck.data_chunk_get_column_count(chunk);
    const idx_t count = athena_duck.data_chunk_get_size(chunk);
    bool fine = true;
    for (idx_t i = 0; i < inputs; i++) {
        duckdb_vector input = athena_duck.data_chunk_get_vector(chunk, i);
        row.data[i] = athena_duck.vector_get_data(input);
        validity[i] = athena_duck.vector_get_validity(input);
    }
    for (; row.at < count && fine; row.at++) {
        bool null = false;
        for (idx_t i = 0; i < inputs; i++)
            null = null || is_null(validity[i], row.at);
        row.done = false;
        mr_buf_reset(&row.text);
        fine = null || function->run(&row);
        if (fine && !row.done) {
            athena_duck.vector_ensure_validity_writable(output);
            athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(output), row.at);
        }
    }
    if (!fine) {
        mr_buf_byte(&row.message, '\0');
        athena_duck.scalar_function_set_error(info, row.message.data);
    }
    if (row.kept != NULL)
        athena_kept_give(row.kept);
    mr_buf_fini(&row.text);
    mr_buf_fini(&row.message);
}

static const char *name_of(const void *table, size_t index)
{
    return ((const struct athena_row_function *)table)[index].name;
}

void athena_overload_begin(duckdb_scalar_function function, const char *name,
                           const duckdb_type *arguments, size_t most)
{
    athena_duck.scalar_function_set_name(function, name);
    for (size_t i = 0; i < most && arguments[i] != DUCKDB_TYPE_INVALID; i++) {
        duckdb_logical_type type = athena_duck.create_logical_type(arguments[i]);
        athena_duck.scalar_function_add_parameter(function, type);
        athena_duck.destroy_logical_type(&type);
    }
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    const struct athena_row_function *row = &((const struct athena_row_function *)table)[index];
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    athena_overload_begin(function, row->name, row->arguments, ATHENA_ROW_INPUTS);
    duckdb_logical_type type = athena_duck.create_logical_type(row->result);
    athena_duck.scalar_function_set_return_type(function, type);
    athena_duck.destroy_logical_type(&type);
    athena_duck.scalar_function_set_function(function, run);
    athena_duck.scalar_function_set_extra_info(function, (void *)(uintptr_t)row, NULL);
    return function;
}

enum mr_status athena_overloads_register(duckdb_connection connection,
                                         const struct athena_overloads *all)
{
    for (size_t at = 0; at < all->count;) {
        const char *name = all->name(all->table, at);
        duckdb_scalar_function_set set = athena_duck.create_scalar_function_set(name);
        duckdb_state state = DuckDBSuccess;
        for (; at < all->count && strcmp(all->name(all->table, at), name) == 0; at++) {
            duckdb_scalar_function function = all->make(all->table, at);
            if (athena_duck.add_scalar_function_to_set(set, function) != DuckDBSuccess)
                state = DuckDBError;
            athena_duck.destroy_scalar_function(&function);
        }
        if (athena_duck.register_scalar_function_set(connection, set) != DuckDBSuccess)
            state = DuckDBError;
        athena_duck.destroy_scalar_function_set(&set);
        if (state != DuckDBSuccess)
            return MR_RAISE(MR_FAIL, "the function %s cannot be registered", name);
    }
    return MR_OK;
}

enum mr_status athena_rows_register(duckdb_connection connection,
                                    const struct athena_row_function *functions, size_t count)
{
    const struct athena_overloads all = {functions, count, name_of, make};
    return athena_overloads_register(connection, &all);
}
