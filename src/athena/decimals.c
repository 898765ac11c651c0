#include "athena/decimals.h"
#include "athena/value.h"
#include <stdio.h>
#include <stdlib.h>

#define NOTE "MR_DECIMALS_"

bool athena_decimals_read(struct mr_slice message, struct athena_decimals *ret_note)
{
    const size_t at = mr_slice_search(message, MR_S(NOTE));
    int *const into[] = {&ret_note->number,          &ret_note->remainder,
                         &ret_note->left_precision,  &ret_note->left_scale,
                         &ret_note->right_precision, &ret_note->right_scale};
    if (at == SIZE_MAX)
        return false;
    struct mr_slice rest = mr_slice_sub(message, at + sizeof NOTE - 1, SIZE_MAX), part;
    for (size_t i = 0; i < MR_COUNT(into); i++) {
        int64_t value;
        if (!mr_slice_split(&rest, ';', &part) || mr_slice_to_i64(part, &value) != MR_OK ||
            value < 0 || value > 1000000)
            return false;
        *into[i] = (int)value;
    }
    return true;
}

/* ---- binding ---- */

static duckdb_type argument_type(duckdb_bind_info info, idx_t index, int *ret_precision,
                                 int *ret_scale)
{
    static const struct {
        duckdb_type id;
        int precision;
    } integers[] = {{DUCKDB_TYPE_TINYINT, 3},  {DUCKDB_TYPE_SMALLINT, 5},
                    {DUCKDB_TYPE_INTEGER, 10}, {DUCKDB_TYPE_INTEGER_LITERAL, 10},
                    {DUCKDB_TYPE_BIGINT, 19},  {DUCKDB_TYPE_HUGEINT, 19}};
    duckdb_expression argument = athena_duck.scalar_function_bind_get_argument(info, index);
    duckdb_logical_type type = athena_duck.expression_return_type(argument);
    const duckdb_type id = athena_duck.get_type_id(type);
    *ret_precision = *ret_scale = 0;
    for (size_t i = 0; i < MR_COUNT(integers); i++) {
        if (integers[i].id == id)
            *ret_precision = integers[i].precision;
    }
    if (id == DUCKDB_TYPE_DECIMAL) {
        *ret_precision = athena_duck.decimal_width(type);
        *ret_scale = athena_duck.decimal_scale(type);
    }
    athena_duck.destroy_logical_type(&type);
    athena_duck.destroy_expression(&argument);
    return id;
}

/* The number of the division, its third argument. */
static int64_t number_of(duckdb_bind_info info)
{
    duckdb_client_context context;
    duckdb_value value = NULL;
    int64_t number = -1;
    duckdb_expression argument = athena_duck.scalar_function_bind_get_argument(info, 2);
    athena_duck.scalar_function_get_client_context(info, &context);
    duckdb_error_data error = athena_duck.expression_fold(context, argument, &value);
    if (!athena_duck.error_data_has_error(error))
        number = athena_duck.get_int64(value);
    if (value != NULL)
        athena_duck.destroy_value(&value);
    athena_duck.destroy_error_data(&error);
    athena_duck.destroy_client_context(&context);
    athena_duck.destroy_expression(&argument);
    return number;
}

void athena_decimals_refuse(duckdb_bind_info info, bool remainder)
{
    char text[200];
    int left_precision, left_scale, right_precision, right_scale;
    const duckdb_type left = argument_type(info, 0, &left_precision, &left_scale);
    const duckdb_type right = argument_type(info, 1, &right_precision, &right_scale);
    if (left != DUCKDB_TYPE_DECIMAL && right != DUCKDB_TYPE_DECIMAL)
        return;
    if (left_precision == 0 || right_precision == 0) /* the other one is a floating-point number */
        return;
    snprintf(text, sizeof text, NOTE "%lld;%d;%d;%d;%d;%d;", (long long)number_of(info), remainder,
             left_precision, left_scale, right_precision, right_scale);
    athena_duck.scalar_function_bind_set_error(info, text);
}

/* ---- the function ---- */

struct shape { /* of one registered function */
    int left_scale, right_scale, scale;
    bool remainder;
};

static athena_i128 decimal_at(duckdb_vector vector, idx_t row)
{
    const duckdb_hugeint value = ((const duckdb_hugeint *)athena_duck.vector_get_data(vector))[row];
    return (athena_i128)value.upper * ((athena_i128)1 << 64) + (athena_i128)value.lower;
}

static bool scale_up(athena_i128 *value, int digits)
{
    for (; digits > 0; digits--) {
        if (__builtin_mul_overflow(*value, (athena_i128)10, value))
            return false;
    }
    return true;
}

/* Quotients are rounded half up, away from zero. */
static bool divide(const struct shape *shape, athena_i128 left, athena_i128 right, athena_i128 *ret)
{
    if (shape->remainder) {
        const int common =
            shape->left_scale > shape->right_scale ? shape->left_scale : shape->right_scale;
        if (!scale_up(&left, common - shape->left_scale) ||
            !scale_up(&right, common - shape->right_scale))
            return false;
        *ret = left % right;
        return true;
    }
    if (!scale_up(&left, shape->scale - shape->left_scale + shape->right_scale))
        return false;
    athena_i128 quotient = left / right;
    const athena_i128 rest = left % right;
    const athena_i128 size = rest < 0 ? -rest : rest, divisor = right < 0 ? -right : right;
    if (size >= divisor - size)
        quotient += (left < 0) == (right < 0) ? 1 : -1;
    *ret = quotient;
    return true;
}

static bool is_null(duckdb_vector vector, idx_t row)
{
    const uint64_t *validity = athena_duck.vector_get_validity(vector);
    return validity != NULL && (validity[row / 64] >> (row % 64) & 1) == 0;
}

static void run(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct shape *shape = athena_duck.scalar_function_get_extra_info(info);
    duckdb_vector left = athena_duck.data_chunk_get_vector(chunk, 0);
    duckdb_vector right = athena_duck.data_chunk_get_vector(chunk, 1);
    duckdb_hugeint *result = athena_duck.vector_get_data(output);
    const idx_t rows = athena_duck.data_chunk_get_size(chunk);
    for (idx_t i = 0; i < rows; i++) {
        athena_i128 value;
        if (is_null(left, i) || is_null(right, i)) {
            athena_duck.vector_ensure_validity_writable(output);
            athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(output), i);
            continue;
        }
        const athena_i128 divisor = decimal_at(right, i);
        if (divisor == 0) {
            athena_duck.scalar_function_set_error(info, "DIVISION_BY_ZERO: Division by zero");
            return;
        }
        if (!divide(shape, decimal_at(left, i), divisor, &value)) {
            athena_duck.scalar_function_set_error(info,
                                                  "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow");
            return;
        }
        result[i] = (duckdb_hugeint){.lower = (uint64_t)value, .upper = (int64_t)(value >> 64)};
    }
}

static void add_decimal(duckdb_scalar_function function, int scale)
{
    duckdb_logical_type type = athena_duck.create_decimal_type(38, (uint8_t)scale);
    athena_duck.scalar_function_add_parameter(function, type);
    athena_duck.destroy_logical_type(&type);
}

struct mr_slice athena_decimals_name(struct mr_arena *arena, const struct athena_decimals *note)
{
    return mr_arena_printf(arena, "mr_%s_%d_%d_%d_%d", note->remainder ? "mod" : "div",
                           note->left_precision, note->left_scale, note->right_precision,
                           note->right_scale);
}

enum mr_status athena_decimals_register(duckdb_connection connection,
                                        const struct athena_decimals *note)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const int most = note->left_scale > note->right_scale ? note->left_scale : note->right_scale;
    struct shape *shape = mr_calloc(1, sizeof *shape);
    *shape = (struct shape){.left_scale = note->left_scale,
                            .right_scale = note->right_scale,
                            .scale = most,
                            .remainder = note->remainder};
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    struct mr_slice name = athena_decimals_name(&arena, note);
    athena_duck.scalar_function_set_name(function, mr_arena_cstr(&arena, name));
    add_decimal(function, note->left_scale);
    add_decimal(function, note->right_scale);
    duckdb_logical_type number = athena_duck.create_logical_type(DUCKDB_TYPE_BIGINT);
    athena_duck.scalar_function_add_parameter(function, number);
    athena_duck.destroy_logical_type(&number);
    /* The type is DECIMAL(38, s): its precision shows only in typeof. */
    duckdb_logical_type type = athena_duck.create_decimal_type(38, (uint8_t)most);
    athena_duck.scalar_function_set_return_type(function, type);
    athena_duck.destroy_logical_type(&type);
    athena_duck.scalar_function_set_function(function, run);
    athena_duck.scalar_function_set_extra_info(function, shape, free);
    const duckdb_state state = athena_duck.register_scalar_function(connection, function);
    athena_duck.destroy_scalar_function(&function);
    mr_arena_fini(&arena);
    return state == DuckDBSuccess ? MR_OK : MR_FAIL;
}

/* Where the mark stands outside quotes; SIZE_MAX: nowhere. */
static size_t find_mark(struct mr_slice text, struct mr_slice mark)
{
    char quote = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[i];
        if (quote != 0)
            quote = byte == quote ? 0 : quote; /* a doubled quote closes and opens again */
        else if (byte == '\'' || byte == '"')
            quote = byte;
        else if (mr_slice_starts_with(mr_slice_sub(text, i, SIZE_MAX), mark))
            return i;
    }
    return SIZE_MAX;
}

char *athena_decimals_patch(struct mr_arena *arena, const char *sql,
                            const struct athena_decimals *note)
{
    struct mr_slice text = mr_slice_cstr(sql);
    struct mr_slice mark =
        mr_arena_printf(arena, "mr_%s/*%d*/(", note->remainder ? "mod" : "div", note->number);
    struct mr_slice name = athena_decimals_name(arena, note);
    struct mr_buf out = {0};
    size_t at = find_mark(text, mark), count = 0;
    for (; at != SIZE_MAX; at = find_mark(text, mark), count++) {
        mr_buf_printf(&out, "%.*s%.*s(", MR_ARG(mr_slice_sub(text, 0, at)), MR_ARG(name));
        text = mr_slice_sub(text, at + mark.len, SIZE_MAX);
    }
    mr_buf_append(&out, text);
    char *patched = count == 0 ? NULL : mr_arena_cstr(arena, mr_buf_slice(&out));
    mr_buf_fini(&out);
    return patched;
}
