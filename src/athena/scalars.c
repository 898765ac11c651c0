#include "athena/lake.h"
#include "athena/scalars.h"
#include "athena/decimals.h"
#include "athena/hive.h"
#include "athena/render.h"
#include "athena/rows.h"
#include "athena/value.h"
#include "base/clock.h"
#include <math.h>

/* ---- helpers ---- */

struct rows {
    duckdb_function_info info;
    idx_t count;
    duckdb_vector input[3], output;
    const uint64_t *validity[3];
    size_t inputs;
};

static struct rows rows_of(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct rows rows = {.info = info, .output = output};
    rows.count = athena_duck.data_chunk_get_size(chunk);
    rows.inputs = athena_duck.data_chunk_get_column_count(chunk);
    for (size_t i = 0; i < rows.inputs && i < MR_COUNT(rows.input); i++) {
        rows.input[i] = athena_duck.data_chunk_get_vector(chunk, i);
        rows.validity[i] = athena_duck.vector_get_validity(rows.input[i]);
    }
    return rows;
}

/* False: an input is NULL, and so is the output now. */
static bool row_is_valid(const struct rows *rows, idx_t row)
{
    for (size_t i = 0; i < rows->inputs; i++) {
        if (rows->validity[i] != NULL && (rows->validity[i][row / 64] >> (row % 64) & 1) == 0) {
            athena_duck.vector_ensure_validity_writable(rows->output);
            athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(rows->output),
                                                 row);
            return false;
        }
    }
    return true;
}

static void fail(const struct rows *rows, const char *message)
{
    athena_duck.scalar_function_set_error(rows->info, message);
}

static struct mr_slice string_at(duckdb_vector vector, idx_t row)
{
    const duckdb_string_t *string =
        &((const duckdb_string_t *)athena_duck.vector_get_data(vector))[row];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

/* ---- division ---- */

#define DIVIDE(name, type, operator, lowest)                                                   \
    static void name(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) \
    {                                                                                          \
        const struct rows rows = rows_of(info, chunk, output);                                 \
        const type *left = athena_duck.vector_get_data(rows.input[0]);                         \
        const type *right = athena_duck.vector_get_data(rows.input[1]);                        \
        type *result = athena_duck.vector_get_data(output);                                    \
        for (idx_t i = 0; i < rows.count; i++) {                                               \
            if (!row_is_valid(&rows, i))                                                       \
                continue;                                                                      \
            if (right[i] == 0) {                                                               \
                fail(&rows, "DIVISION_BY_ZERO: Division by zero");                             \
                return;                                                                        \
            }                                                                                  \
            if (right[i] == -1 && left[i] == (lowest)) {                                       \
                fail(&rows, "NUMERIC_VALUE_OUT_OF_RANGE: overflow in a division");             \
                return;                                                                        \
            }                                                                                  \
            result[i] = (type)(left[i] operator right[i]);                                     \
        }                                                                                      \
    }
DIVIDE(divide_i8, int8_t, /, INT8_MIN)
DIVIDE(divide_i16, int16_t, /, INT16_MIN)
DIVIDE(divide_i32, int32_t, /, INT32_MIN)
DIVIDE(divide_i64, int64_t, /, INT64_MIN)
DIVIDE(modulo_i8, int8_t, %, INT8_MIN)
DIVIDE(modulo_i16, int16_t, %, INT16_MIN)
DIVIDE(modulo_i32, int32_t, %, INT32_MIN)
DIVIDE(modulo_i64, int64_t, %, INT64_MIN)

static athena_i128 huge(const duckdb_hugeint *value)
{
    return (athena_i128)value->upper * ((athena_i128)1 << 64) + (athena_i128)value->lower;
}

/* Sums of integers are HUGEINT in DuckDB, bigint in Trino. */
static void divide_huge_by(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output,
                           bool remainder)
{
    const struct rows rows = rows_of(info, chunk, output);
    const duckdb_hugeint *left = athena_duck.vector_get_data(rows.input[0]);
    const duckdb_hugeint *right = athena_duck.vector_get_data(rows.input[1]);
    duckdb_hugeint *result = athena_duck.vector_get_data(output);
    for (idx_t i = 0; i < rows.count; i++) {
        if (!row_is_valid(&rows, i))
            continue;
        const athena_i128 a = huge(&left[i]), b = huge(&right[i]);
        if (b == 0) {
            fail(&rows, "DIVISION_BY_ZERO: Division by zero");
            return;
        }
        const athena_i128 value = remainder ? a % b : a / b;
        result[i] = (duckdb_hugeint){.lower = (uint64_t)value, .upper = (int64_t)(value >> 64)};
    }
}

static void divide_huge(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    divide_huge_by(info, chunk, output, false);
}

static void modulo_huge(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    divide_huge_by(info, chunk, output, true);
}

static void divide_double_by(duckdb_function_info info, duckdb_data_chunk chunk,
                             duckdb_vector output, bool remainder)
{
    const struct rows rows = rows_of(info, chunk, output);
    const double *left = athena_duck.vector_get_data(rows.input[0]);
    const double *right = athena_duck.vector_get_data(rows.input[1]);
    double *result = athena_duck.vector_get_data(output);
    for (idx_t i = 0; i < rows.count; i++) {
        if (row_is_valid(&rows, i))
            result[i] = remainder ? fmod(left[i], right[i]) : left[i] / right[i];
    }
}

static void divide_double(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    divide_double_by(info, chunk, output, false);
}

static void modulo_double(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    divide_double_by(info, chunk, output, true);
}

static void bind_divide(duckdb_bind_info info)
{
    athena_decimals_refuse(info, false);
}

static void bind_modulo(duckdb_bind_info info)
{
    athena_decimals_refuse(info, true);
}

/* ---- any value ---- */

/* Floating-point numbers always with an exponent, as Trino casts them to text. */
static void exponential(struct mr_buf *text, double value, bool is_float)
{
    if (!isfinite(value)) {
        athena_render_double(text, value, is_float);
        return;
    }
    athena_render_exponential(text, value, is_float);
}

static void number_text(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output,
                        bool is_float)
{
    const struct rows rows = rows_of(info, chunk, output);
    const void *data = athena_duck.vector_get_data(rows.input[0]);
    struct mr_buf text = {0};
    for (idx_t i = 0; i < rows.count; i++) {
        if (!row_is_valid(&rows, i))
            continue;
        mr_buf_reset(&text);
        exponential(&text, is_float ? (double)((const float *)data)[i] : ((const double *)data)[i],
                    is_float);
        athena_duck.vector_assign_string_element_len(output, i, text.data, text.len);
    }
    mr_buf_fini(&text);
}

static void double_text(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    number_text(info, chunk, output, false);
}

static void float_text(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    number_text(info, chunk, output, true);
}

/* How the values of a vector are shown. */
static struct athena_shown shown_of(struct mr_arena *arena, duckdb_vector vector)
{
    struct athena_shown shown;
    duckdb_logical_type type = athena_duck.vector_get_column_type(vector);
    athena_shown_init(arena, type, &shown);
    athena_duck.destroy_logical_type(&type);
    return shown;
}

static void any_text(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct rows rows = rows_of(info, chunk, output);
    struct mr_arena arena;
    struct mr_buf text = {0};
    mr_arena_init(&arena);
    const struct athena_shown shown = shown_of(&arena, rows.input[0]);
    for (idx_t i = 0; i < rows.count; i++) {
        mr_buf_reset(&text);
        if (row_is_valid(&rows, i) && athena_render(&text, &shown, rows.input[0], i))
            athena_duck.vector_assign_string_element_len(output, i, text.len > 0 ? text.data : "",
                                                         text.len);
    }
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

static void any_typeof(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct rows rows = rows_of(info, chunk, output);
    struct mr_arena arena;
    struct mr_buf text = {0};
    mr_arena_init(&arena);
    const struct athena_shown shown = shown_of(&arena, rows.input[0]);
    athena_render_type(&text, &shown);
    for (idx_t i = 0; i < rows.count; i++)
        athena_duck.vector_assign_string_element_len(output, i, text.data, text.len);
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

/* What Trino's type has and DuckDB's has not: '-' before a row's field without a name, '+' before
 * one with a name, and the digits of a moment's seconds; in the order the type is written. */
static void refine(struct athena_shown *shown, struct mr_slice *notes)
{
    const bool moment =
        shown->id == DUCKDB_TYPE_TIMESTAMP || shown->id == DUCKDB_TYPE_TIMESTAMP_S ||
        shown->id == DUCKDB_TYPE_TIMESTAMP_MS || shown->id == DUCKDB_TYPE_TIMESTAMP_NS;
    if (moment && notes->len > 0) {
        shown->fraction = notes->ptr[0] - '0';
        *notes = mr_slice_sub(*notes, 1, SIZE_MAX);
    }
    for (size_t i = 0; i < shown->child_count; i++) {
        if (shown->id == DUCKDB_TYPE_STRUCT && notes->len > 0) {
            if (notes->ptr[0] == '-')
                shown->names[i] = MR_S("");
            *notes = mr_slice_sub(*notes, 1, SIZE_MAX);
        }
        refine(&shown->children[i], notes);
    }
}

static void any_json(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    const struct rows rows = rows_of(info, chunk, output);
    struct mr_arena arena;
    struct mr_buf text = {0};
    mr_arena_init(&arena);
    struct athena_shown shown = shown_of(&arena, rows.input[0]);
    struct mr_slice notes = rows.count > 0 ? string_at(rows.input[1], 0) : MR_S("");
    refine(&shown, &notes);
    for (idx_t i = 0; i < rows.count; i++) {
        mr_buf_reset(&text);
        if (!row_is_valid(&rows, i))
            continue;
        athena_row_json(&text, &shown, rows.input[0], i);
        athena_duck.vector_assign_string_element_len(output, i, text.data, text.len);
    }
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
}

static void any_cardinality(duckdb_function_info info, duckdb_data_chunk chunk,
                            duckdb_vector output)
{
    const struct rows rows = rows_of(info, chunk, output);
    duckdb_logical_type type = athena_duck.vector_get_column_type(rows.input[0]);
    const duckdb_type id = athena_duck.get_type_id(type);
    athena_duck.destroy_logical_type(&type);
    if (id != DUCKDB_TYPE_LIST && id != DUCKDB_TYPE_MAP) {
        fail(&rows, "FUNCTION_NOT_FOUND: Unexpected parameters for function cardinality. Expected: "
                    "cardinality(array(E)), cardinality(map(K,V))");
        return;
    }
    const duckdb_list_entry *entries = athena_duck.vector_get_data(rows.input[0]);
    int64_t *result = athena_duck.vector_get_data(output);
    for (idx_t i = 0; i < rows.count; i++) {
        if (row_is_valid(&rows, i))
            result[i] = (int64_t)entries[i].length;
    }
}

/* ---- dates and times ---- */

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int64_t floor_to(int64_t value, int64_t unit)
{
    return value - (value % unit + unit) % unit;
}

bool athena_moment_add(struct mr_slice unit, int64_t count, int64_t *micros)
{
    static const struct {
        const char *name;
        int64_t micros;
        int months;
    } units[] = {{"millisecond", 1000, 0},
                 {"second", 1000000, 0},
                 {"minute", 60000000, 0},
                 {"hour", 3600000000, 0},
                 {"day", INT64_C(86400000000), 0},
                 {"week", INT64_C(604800000000), 0},
                 {"month", 0, 1},
                 {"quarter", 0, 3},
                 {"year", 0, 12}};
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        if (!mr_slice_equal(unit, mr_slice_cstr(units[i].name)))
            continue;
        int64_t step;
        if (units[i].months == 0)
            return !__builtin_mul_overflow(count, units[i].micros, &step) &&
                   !__builtin_add_overflow(*micros, step, micros);
        if (count > 120000 || count < -120000)
            return false;
        const int64_t day_start = floor_to(*micros, INT64_C(86400000000));
        struct mr_date date = mr_date_from_ms(day_start / 1000);
        const int64_t months = date.year * INT64_C(12) + date.month - 1 + count * units[i].months;
        if (months < 12 || months > 119999)
            return false;
        date.year = (int)(months / 12);
        date.month = (int)(months % 12) + 1;
        const int last = days_in_month(date.year, date.month);
        date.day = date.day < last ? date.day : last;
        *micros = mr_date_to_ms(&date) * 1000 + (*micros - day_start);
        return true;
    }
    return false;
}

bool athena_moment_truncate(struct mr_slice unit, int64_t *micros)
{
    static const struct {
        const char *name;
        int64_t micros;
    } units[] = {{"millisecond", 1000},
                 {"second", 1000000},
                 {"minute", 60000000},
                 {"hour", 3600000000},
                 {"day", INT64_C(86400000000)}};
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        if (mr_slice_equal(unit, mr_slice_cstr(units[i].name))) {
            *micros = floor_to(*micros, units[i].micros);
            return true;
        }
    }
    const int64_t day_start = floor_to(*micros, INT64_C(86400000000));
    struct mr_date date = mr_date_from_ms(day_start / 1000);
    if (mr_slice_equal(unit, MR_S("week"))) { /* begins on Monday */
        *micros = day_start - (date.weekday + 6) % 7 * INT64_C(86400000000);
        return true;
    }
    date.day = 1;
    if (mr_slice_equal(unit, MR_S("quarter")))
        date.month = (date.month - 1) / 3 * 3 + 1;
    else if (mr_slice_equal(unit, MR_S("year")))
        date.month = 1;
    else if (!mr_slice_equal(unit, MR_S("month")))
        return false;
    *micros = mr_date_to_ms(&date) * 1000;
    return true;
}

/* Infinity, as DuckDB stores it, is left alone. */
static bool is_finite_moment(int64_t micros)
{
    return micros != INT64_MAX && micros != -INT64_MAX;
}

static void date_add(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output,
                     bool is_date)
{
    const struct rows rows = rows_of(info, chunk, output);
    const int64_t *counts = athena_duck.vector_get_data(rows.input[1]);
    const void *moments = athena_duck.vector_get_data(rows.input[2]);
    void *result = athena_duck.vector_get_data(output);
    const int64_t day = INT64_C(86400000000);
    for (idx_t i = 0; i < rows.count; i++) {
        if (!row_is_valid(&rows, i))
            continue;
        int64_t micros =
            is_date ? ((const int32_t *)moments)[i] * day : ((const int64_t *)moments)[i];
        if (is_finite_moment(micros) &&
            !athena_moment_add(string_at(rows.input[0], i), counts[i], &micros)) {
            fail(&rows, "INVALID_FUNCTION_ARGUMENT: the result of date_add is out of range");
            return;
        }
        if (is_date)
            ((int32_t *)result)[i] = (int32_t)(floor_to(micros, day) / day);
        else
            ((int64_t *)result)[i] = micros;
    }
}

static void date_add_date(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    date_add(info, chunk, output, true);
}

static void date_add_moment(duckdb_function_info info, duckdb_data_chunk chunk,
                            duckdb_vector output)
{
    date_add(info, chunk, output, false);
}

static void date_trunc(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output,
                       bool is_date)
{
    const struct rows rows = rows_of(info, chunk, output);
    const void *moments = athena_duck.vector_get_data(rows.input[1]);
    void *result = athena_duck.vector_get_data(output);
    const int64_t day = INT64_C(86400000000);
    for (idx_t i = 0; i < rows.count; i++) {
        if (!row_is_valid(&rows, i))
            continue;
        int64_t micros =
            is_date ? ((const int32_t *)moments)[i] * day : ((const int64_t *)moments)[i];
        if (is_finite_moment(micros) &&
            !athena_moment_truncate(string_at(rows.input[0], i), &micros)) {
            fail(&rows, "INVALID_FUNCTION_ARGUMENT: not a field of a timestamp");
            return;
        }
        if (is_date)
            ((int32_t *)result)[i] = (int32_t)(micros / day);
        else
            ((int64_t *)result)[i] = micros;
    }
}

static void date_trunc_date(duckdb_function_info info, duckdb_data_chunk chunk,
                            duckdb_vector output)
{
    date_trunc(info, chunk, output, true);
}

static void date_trunc_moment(duckdb_function_info info, duckdb_data_chunk chunk,
                              duckdb_vector output)
{
    date_trunc(info, chunk, output, false);
}

/* ---- registration ---- */

#define NONE DUCKDB_TYPE_INVALID
/* Rows of one name stand together: they become the overloads of one function. */
static const struct {
    const char *name;
    duckdb_type arguments[3], result;
    duckdb_scalar_function_t run;
    duckdb_scalar_function_bind_t bind;
} scalars[] = {
#define SAME(name, type, run, bind)                             \
    {                                                           \
        name, {type, type, DUCKDB_TYPE_BIGINT}, type, run, bind \
    }
    SAME("mr_div", DUCKDB_TYPE_TINYINT, divide_i8, NULL),
    SAME("mr_div", DUCKDB_TYPE_SMALLINT, divide_i16, NULL),
    SAME("mr_div", DUCKDB_TYPE_INTEGER, divide_i32, NULL),
    SAME("mr_div", DUCKDB_TYPE_BIGINT, divide_i64, NULL),
    SAME("mr_div", DUCKDB_TYPE_HUGEINT, divide_huge, NULL),
    SAME("mr_div", DUCKDB_TYPE_DOUBLE, divide_double, bind_divide),
    SAME("mr_mod", DUCKDB_TYPE_TINYINT, modulo_i8, NULL),
    SAME("mr_mod", DUCKDB_TYPE_SMALLINT, modulo_i16, NULL),
    SAME("mr_mod", DUCKDB_TYPE_INTEGER, modulo_i32, NULL),
    SAME("mr_mod", DUCKDB_TYPE_BIGINT, modulo_i64, NULL),
    SAME("mr_mod", DUCKDB_TYPE_HUGEINT, modulo_huge, NULL),
    SAME("mr_mod", DUCKDB_TYPE_DOUBLE, modulo_double, bind_modulo),
#undef SAME
    {"mr_text", {DUCKDB_TYPE_DOUBLE, NONE, NONE}, DUCKDB_TYPE_VARCHAR, double_text, NULL},
    {"mr_text", {DUCKDB_TYPE_FLOAT, NONE, NONE}, DUCKDB_TYPE_VARCHAR, float_text, NULL},
    {"mr_text", {DUCKDB_TYPE_ANY, NONE, NONE}, DUCKDB_TYPE_VARCHAR, any_text, NULL},
    {"mr_plain", {DUCKDB_TYPE_ANY, NONE, NONE}, DUCKDB_TYPE_VARCHAR, any_text, NULL},
    {"mr_to_json",
     {DUCKDB_TYPE_ANY, DUCKDB_TYPE_VARCHAR, NONE},
     DUCKDB_TYPE_VARCHAR,
     any_json,
     NULL},
    {"mr_typeof", {DUCKDB_TYPE_ANY, NONE, NONE}, DUCKDB_TYPE_VARCHAR, any_typeof, NULL},
    {"mr_cardinality", {DUCKDB_TYPE_ANY, NONE, NONE}, DUCKDB_TYPE_BIGINT, any_cardinality, NULL},
#define ADD(type, run)                                                                  \
    {                                                                                   \
        "mr_date_add", {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_BIGINT, type}, type, run, NULL \
    }
    ADD(DUCKDB_TYPE_DATE, date_add_date),
    ADD(DUCKDB_TYPE_TIMESTAMP, date_add_moment),
    ADD(DUCKDB_TYPE_TIMESTAMP_TZ, date_add_moment),
#undef ADD
#define TRUNC(type, run)                                                    \
    {                                                                       \
        "mr_date_trunc", {DUCKDB_TYPE_VARCHAR, type, NONE}, type, run, NULL \
    }
    TRUNC(DUCKDB_TYPE_DATE, date_trunc_date),
    TRUNC(DUCKDB_TYPE_TIMESTAMP, date_trunc_moment),
    TRUNC(DUCKDB_TYPE_TIMESTAMP_TZ, date_trunc_moment),
#undef TRUNC
};

static const char *name_of(const void *table, size_t index)
{
    (void)table;
    return scalars[index].name;
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    (void)table;
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    athena_overload_begin(function, scalars[index].name, scalars[index].arguments, 3);
    duckdb_logical_type type = athena_duck.create_logical_type(scalars[index].result);
    athena_duck.scalar_function_set_return_type(function, type);
    athena_duck.destroy_logical_type(&type);
    athena_duck.scalar_function_set_function(function, scalars[index].run);
    if (scalars[index].bind != NULL)
        athena_duck.scalar_function_set_bind(function, scalars[index].bind);
    return function;
}

enum mr_status athena_scalars_register(duckdb_connection connection)
{
    static enum mr_status (*const others[])(duckdb_connection connection) = {
        athena_numbers_register,  athena_texts_register,     athena_bytes_register,
        athena_format_register,   athena_lake_register,      athena_json_register,
        athena_geometry_register, athena_geoforms_register,  athena_bingtile_register,
        athena_regex_register,    athena_joda_register,      athena_ipaddress_register,
        athena_jsonget_register,  athena_jsoncast_register,  athena_match_register,
        athena_lists_register,    athena_normalize_register, athena_weighted_register,
        athena_moments_register,  athena_geos_register,      athena_overlay_register,
        athena_stem_register};
    const struct athena_overloads all = {NULL, MR_COUNT(scalars), name_of, make};
    enum mr_status status = athena_overloads_register(connection, &all);
    for (size_t i = 0; i < MR_COUNT(others) && status == MR_OK; i++)
        status = others[i](connection);
    return status;
}
