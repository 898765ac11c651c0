#include "athena/render.h"
#include "athena/ipaddress.h"
#include "athena/value.h"
#include "base/clock.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    duckdb_type id;
    const char *name, *trino;
    int precision, scale;
} shown_types[] = {
    {DUCKDB_TYPE_BOOLEAN, "boolean", "boolean", 0, 0},
    {DUCKDB_TYPE_TINYINT, "tinyint", "tinyint", 3, 0},
    {DUCKDB_TYPE_SMALLINT, "smallint", "smallint", 5, 0},
    {DUCKDB_TYPE_INTEGER, "integer", "integer", 10, 0},
    {DUCKDB_TYPE_BIGINT, "bigint", "bigint", 19, 0},
    {DUCKDB_TYPE_HUGEINT, "bigint", "bigint", 19, 0},
    {DUCKDB_TYPE_UBIGINT, "bigint", "bigint", 19, 0},
    {DUCKDB_TYPE_UINTEGER, "bigint", "bigint", 19, 0},
    {DUCKDB_TYPE_FLOAT, "float", "real", 17, 0},
    {DUCKDB_TYPE_DOUBLE, "double", "double", 17, 0},
    {DUCKDB_TYPE_DECIMAL, "decimal", "decimal", 0, 0},
    {DUCKDB_TYPE_VARCHAR, "varchar", "varchar", 2147483647, 0},
    {DUCKDB_TYPE_BLOB, "varbinary", "varbinary", 1073741824, 0},
    {DUCKDB_TYPE_DATE, "date", "date", 0, 0},
    {DUCKDB_TYPE_TIME, "time", "time(3)", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP, "timestamp", "timestamp(3)", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_S, "timestamp", "timestamp(3)", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_MS, "timestamp", "timestamp(3)", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_NS, "timestamp", "timestamp(3)", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "timestamp with time zone", "timestamp(3) with time zone", 3, 0},
    {DUCKDB_TYPE_INTERVAL, "interval day to second", "interval day to second", 0, 0},
    {DUCKDB_TYPE_UUID, "uuid", "uuid", 0, 0},
    {DUCKDB_TYPE_UHUGEINT, "ipaddress", "ipaddress", 0, 0},
    {DUCKDB_TYPE_LIST, "array", "array", 0, 0},
    {DUCKDB_TYPE_ARRAY, "array", "array", 0, 0},
    {DUCKDB_TYPE_MAP, "map", "map", 0, 0},
    {DUCKDB_TYPE_STRUCT, "row", "row", 0, 0},
};

static size_t shown_row(duckdb_type id)
{
    for (size_t i = 0; i < MR_COUNT(shown_types); i++) {
        if (shown_types[i].id == id)
            return i;
    }
    return SIZE_MAX;
}

static void init_child(struct mr_arena *arena, duckdb_logical_type type, struct athena_shown *shown)
{
    athena_shown_init(arena, type, shown);
    athena_duck.destroy_logical_type(&type);
}

static void init_struct(struct mr_arena *arena, duckdb_logical_type type,
                        struct athena_shown *shown)
{
    shown->child_count = athena_duck.struct_type_child_count(type);
    shown->children = MR_NEW_ARRAY(arena, struct athena_shown, shown->child_count + 1);
    shown->names = MR_NEW_ARRAY(arena, struct mr_slice, shown->child_count + 1);
    for (size_t i = 0; i < shown->child_count; i++) {
        char *name = athena_duck.struct_type_child_name(type, i);
        shown->names[i] = mr_arena_copy(arena, mr_slice_cstr(name));
        if (shown->names[i].len == 0)
            shown->names[i] = mr_arena_printf(arena, "field%zu", i);
        athena_duck.free(name);
        init_child(arena, athena_duck.struct_type_child_type(type, i), &shown->children[i]);
    }
}

void athena_shown_init(struct mr_arena *arena, duckdb_logical_type type,
                       struct athena_shown *ret_shown)
{
    struct athena_shown shown = {
        .id = athena_duck.get_type_id(type), .name = "unknown", .fraction = 3};
    const size_t row = shown_row(shown.id);
    if (row != SIZE_MAX) {
        shown.name = shown_types[row].name;
        shown.precision = shown_types[row].precision;
    }
    char *alias = athena_duck.logical_type_get_alias(type);
    if (alias != NULL && mr_slice_equal(mr_slice_cstr(alias), MR_S("JSON")))
        shown.name = "json";
    athena_duck.free(alias);
    if (shown.id == DUCKDB_TYPE_DECIMAL) {
        shown.precision = athena_duck.decimal_width(type);
        shown.scale = athena_duck.decimal_scale(type);
        shown.internal = athena_duck.decimal_internal_type(type);
    } else if (shown.id == DUCKDB_TYPE_LIST || shown.id == DUCKDB_TYPE_ARRAY) {
        const bool list = shown.id == DUCKDB_TYPE_LIST;
        shown.children = MR_NEW_ARRAY(arena, struct athena_shown, 1);
        shown.child_count = 1;
        shown.array_size = list ? 0 : athena_duck.array_type_array_size(type);
        init_child(arena,
                   list ? athena_duck.list_type_child_type(type)
                        : athena_duck.array_type_child_type(type),
                   shown.children);
    } else if (shown.id == DUCKDB_TYPE_MAP) {
        shown.children = MR_NEW_ARRAY(arena, struct athena_shown, 2);
        shown.child_count = 2;
        init_child(arena, athena_duck.map_type_key_type(type), &shown.children[0]);
        init_child(arena, athena_duck.map_type_value_type(type), &shown.children[1]);
    } else if (shown.id == DUCKDB_TYPE_STRUCT) {
        init_struct(arena, type, &shown);
    }
    *ret_shown = shown;
}

void athena_render_type(struct mr_buf *buf, const struct athena_shown *shown)
{
    const size_t row = shown_row(shown->id);
    const bool json = strcmp(shown->name, "json") == 0;
    mr_buf_append(buf, mr_slice_cstr(json              ? "json"
                                     : row == SIZE_MAX ? "unknown"
                                                       : shown_types[row].trino));
    if (shown->id == DUCKDB_TYPE_DECIMAL)
        mr_buf_printf(buf, "(%d,%d)", shown->precision, shown->scale);
    for (size_t i = 0; i < shown->child_count; i++) {
        mr_buf_append(buf, i == 0 ? MR_S("(") : MR_S(", "));
        if (shown->names != NULL)
            mr_buf_printf(buf, "%.*s ", MR_ARG(shown->names[i]));
        athena_render_type(buf, &shown->children[i]);
    }
    if (shown->child_count > 0)
        mr_buf_byte(buf, ')');
}

/* ---- numbers ---- */

/* The fewest digits that read back as the same number; the exponent of ten of the first one. */
static int shortest(double value, bool is_float, char digits[static 32], int *ret_exponent)
{
    char text[64];
    const int most = is_float ? 9 : 17;
    for (int precision = 1; precision <= most; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    int count = 0;
    const char *at = text;
    for (; *at != 'e' && *at != '\0'; at++) {
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    *ret_exponent = (int)strtol(at + 1, NULL, 10);
    return count;
}

void athena_render_exponential(struct mr_buf *buf, double value, bool is_float)
{
    char digits[32] = {0};
    int exponent;
    mr_buf_append(buf, signbit(value) ? MR_S("-") : MR_S(""));
    if (value == 0) {
        mr_buf_append(buf, MR_S("0.0E0"));
        return;
    }
    const int count = shortest(value < 0 ? -value : value, is_float, digits, &exponent);
    mr_buf_printf(buf, "%c.%.*sE%d", digits[0], count > 1 ? count - 1 : 1,
                  count > 1 ? digits + 1 : "0", exponent);
}

void athena_render_double(struct mr_buf *buf, double value, bool is_float)
{
    char digits[32] = {0};
    int exponent;
    if (isnan(value) || isinf(value)) {
        mr_buf_append(buf, isnan(value) ? MR_S("NaN")
                           : value > 0  ? MR_S("Infinity")
                                        : MR_S("-Infinity"));
        return;
    }
    if (signbit(value)) {
        mr_buf_byte(buf, '-');
        value = -value;
    }
    if (value == 0) {
        mr_buf_append(buf, MR_S("0.0"));
        return;
    }
    const int count = shortest(value, is_float, digits, &exponent);
    if (value >= 1e-3 && value < 1e7) {
        /* plain: digits before the point, at least one behind it */
        for (int i = exponent < 0 ? exponent : 0; i <= exponent || i < count; i++) {
            mr_buf_byte(buf, i >= 0 && i < count ? digits[i] : '0');
            if (i == exponent)
                mr_buf_byte(buf, '.');
        }
        if (exponent >= count - 1)
            mr_buf_byte(buf, '0');
        return;
    }
    mr_buf_byte(buf, digits[0]);
    mr_buf_byte(buf, '.');
    mr_buf_append(buf, count > 1 ? mr_slice_make(digits + 1, (size_t)count - 1) : MR_S("0"));
    mr_buf_printf(buf, "E%d", exponent);
}

static void render_i128(struct mr_buf *buf, athena_i128 value, int scale)
{
    char text[64];
    size_t at = sizeof text;
    const bool negative = value < 0;
    int digits = 0;
    /* Taken digit by digit from the negative side, which holds the smallest number, too. */
    for (athena_i128 rest = negative ? value : -value; rest != 0 || digits <= scale; digits++) {
        if (digits == scale && scale > 0)
            text[--at] = '.';
        text[--at] = (char)('0' - (int)(rest % 10));
        rest /= 10;
    }
    if (negative)
        text[--at] = '-';
    mr_buf_append(buf, mr_slice_make(text + at, sizeof text - at));
}

static athena_i128 hugeint(const void *data, idx_t row)
{
    const duckdb_hugeint value = ((const duckdb_hugeint *)data)[row];
    return (athena_i128)value.upper * ((athena_i128)1 << 64) + (athena_i128)value.lower;
}

static athena_i128 integer_at(duckdb_type id, const void *data, idx_t row)
{
    switch (id) {
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)data)[row];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)data)[row];
    case DUCKDB_TYPE_INTEGER: return ((const int32_t *)data)[row];
    case DUCKDB_TYPE_UINTEGER: return ((const uint32_t *)data)[row];
    case DUCKDB_TYPE_UBIGINT: return ((const uint64_t *)data)[row];
    case DUCKDB_TYPE_HUGEINT: return hugeint(data, row);
    default: return ((const int64_t *)data)[row];
    }
}

/* ---- dates and times ---- */

static void render_date(struct mr_buf *buf, int64_t days)
{
    const struct mr_date date = mr_date_from_ms(days * 86400000);
    mr_buf_printf(buf, date.year < 0 ? "%05d-%02d-%02d" : "%04d-%02d-%02d", date.year, date.month,
                  date.day);
}

/* What is behind the second: nothing, or a point and so many digits, the rest cut off. */
static void render_fraction(struct mr_buf *buf, int64_t micros, int fraction)
{
    char text[16];
    if (fraction == 0)
        return;
    snprintf(text, sizeof text, "%06d000000", (int)micros);
    mr_buf_byte(buf, '.');
    mr_buf_append(buf, mr_slice_make(text, (size_t)fraction));
}

void athena_render_moment(struct mr_buf *buf, int64_t micros, int fraction)
{
    const int64_t rest = (micros % 1000000 + 1000000) % 1000000;
    const struct mr_date date = mr_date_from_ms((micros - rest) / 1000);
    mr_buf_printf(buf, "%04d-%02d-%02d %02d:%02d:%02d", date.year, date.month, date.day, date.hour,
                  date.minute, date.second);
    render_fraction(buf, rest, fraction);
}

void athena_render_time(struct mr_buf *buf, int64_t micros, int fraction)
{
    mr_buf_printf(buf, "%02d:%02d:%02d", (int)(micros / 3600000000), (int)(micros / 60000000 % 60),
                  (int)(micros / 1000000 % 60));
    render_fraction(buf, micros % 1000000, fraction);
}

static void render_interval(struct mr_buf *buf, const duckdb_interval *interval, bool years)
{
    if (interval->months != 0 || years) {
        const int months = abs(interval->months);
        mr_buf_printf(buf, "%s%d-%d", interval->months < 0 ? "-" : "", months / 12, months % 12);
        return;
    }
    int64_t micros = interval->micros + interval->days * INT64_C(86400000000);
    mr_buf_append(buf, micros < 0 ? MR_S("-") : MR_S(""));
    micros = micros < 0 ? -micros : micros;
    mr_buf_printf(buf, "%lld ", (long long)(micros / INT64_C(86400000000)));
    athena_render_time(buf, micros % INT64_C(86400000000), 3);
}

static int64_t micros_at(duckdb_type id, const void *data, idx_t row)
{
    const int64_t value = ((const int64_t *)data)[row];
    if (id == DUCKDB_TYPE_TIMESTAMP_S)
        return value * 1000000;
    if (id == DUCKDB_TYPE_TIMESTAMP_MS)
        return value * 1000;
    return id == DUCKDB_TYPE_TIMESTAMP_NS ? value / 1000 : value;
}

/* ---- texts ---- */

static struct mr_slice string_at(const void *data, idx_t row)
{
    const duckdb_string_t *string = &((const duckdb_string_t *)data)[row];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

static void render_bytes(struct mr_buf *buf, struct mr_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        mr_buf_printf(buf, "%s%02x", i > 0 ? " " : "", (unsigned char)bytes.ptr[i]);
}

static void render_uuid(struct mr_buf *buf, const void *data, idx_t row)
{
    const duckdb_hugeint value = ((const duckdb_hugeint *)data)[row];
    const uint64_t upper = (uint64_t)value.upper ^ (UINT64_C(1) << 63);
    mr_buf_printf(buf, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(upper >> 32),
                  (unsigned)(upper >> 16 & 0xffff), (unsigned)(upper & 0xffff),
                  (unsigned)(value.lower >> 48),
                  (unsigned long long)(value.lower & UINT64_C(0xffffffffffff)));
}

/* ---- nested ---- */

static void render_inner(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                         idx_t row)
{
    if (!athena_render(buf, shown, vector, row))
        mr_buf_append(buf, MR_S("null"));
}

static void render_list(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                        idx_t row)
{
    duckdb_list_entry entry = {.offset = row * shown->array_size, .length = shown->array_size};
    duckdb_vector child;
    if (shown->id == DUCKDB_TYPE_ARRAY) {
        child = athena_duck.array_vector_get_child(vector);
    } else {
        entry = ((const duckdb_list_entry *)athena_duck.vector_get_data(vector))[row];
        child = athena_duck.list_vector_get_child(vector);
    }
    mr_buf_byte(buf, '[');
    for (idx_t i = 0; i < entry.length; i++) {
        mr_buf_append(buf, i > 0 ? MR_S(", ") : MR_S(""));
        render_inner(buf, shown->children, child, entry.offset + i);
    }
    mr_buf_byte(buf, ']');
}

static void render_map(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                       idx_t row)
{
    const duckdb_list_entry entry =
        ((const duckdb_list_entry *)athena_duck.vector_get_data(vector))[row];
    duckdb_vector pairs = athena_duck.list_vector_get_child(vector);
    mr_buf_byte(buf, '{');
    for (idx_t i = 0; i < entry.length; i++) {
        mr_buf_append(buf, i > 0 ? MR_S(", ") : MR_S(""));
        render_inner(buf, &shown->children[0], athena_duck.struct_vector_get_child(pairs, 0),
                     entry.offset + i);
        mr_buf_byte(buf, '=');
        render_inner(buf, &shown->children[1], athena_duck.struct_vector_get_child(pairs, 1),
                     entry.offset + i);
    }
    mr_buf_byte(buf, '}');
}

static void render_struct(struct mr_buf *buf, const struct athena_shown *shown,
                          duckdb_vector vector, idx_t row)
{
    mr_buf_byte(buf, '{');
    for (size_t i = 0; i < shown->child_count; i++) {
        mr_buf_printf(buf, "%s%.*s=", i > 0 ? ", " : "", MR_ARG(shown->names[i]));
        render_inner(buf, &shown->children[i], athena_duck.struct_vector_get_child(vector, i), row);
    }
    mr_buf_byte(buf, '}');
}

static void render_valid(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                         idx_t row)
{
    const void *data = athena_duck.vector_get_data(vector);
    switch (shown->id) {
    case DUCKDB_TYPE_BOOLEAN:
        mr_buf_append(buf, ((const bool *)data)[row] ? MR_S("true") : MR_S("false"));
        break;
    case DUCKDB_TYPE_FLOAT:
        athena_render_double(buf, (double)((const float *)data)[row], true);
        break;
    case DUCKDB_TYPE_DOUBLE: athena_render_double(buf, ((const double *)data)[row], false); break;
    case DUCKDB_TYPE_DECIMAL:
        render_i128(buf, integer_at(shown->internal, data, row), shown->scale);
        break;
    case DUCKDB_TYPE_DATE: render_date(buf, ((const int32_t *)data)[row]); break;
    case DUCKDB_TYPE_TIME:
        athena_render_time(buf, ((const int64_t *)data)[row], shown->fraction);
        break;
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
        athena_render_moment(buf, micros_at(shown->id, data, row), shown->fraction);
        break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        athena_render_moment(buf, micros_at(shown->id, data, row), shown->fraction);
        mr_buf_append(buf, MR_S(" UTC"));
        break;
    case DUCKDB_TYPE_INTERVAL:
        render_interval(buf, &((const duckdb_interval *)data)[row], shown->years);
        break;
    case DUCKDB_TYPE_UUID: render_uuid(buf, data, row); break;
    case DUCKDB_TYPE_UHUGEINT:
        athena_ipaddress_print(buf, ((const struct athena_ipaddress *)data)[row]);
        break;
    case DUCKDB_TYPE_VARCHAR: mr_buf_append(buf, string_at(data, row)); break;
    case DUCKDB_TYPE_BLOB: render_bytes(buf, string_at(data, row)); break;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY: render_list(buf, shown, vector, row); break;
    case DUCKDB_TYPE_MAP: render_map(buf, shown, vector, row); break;
    case DUCKDB_TYPE_STRUCT: render_struct(buf, shown, vector, row); break;
    default: render_i128(buf, integer_at(shown->id, data, row), 0); break;
    }
}

bool athena_render(struct mr_buf *buf, const struct athena_shown *shown, duckdb_vector vector,
                   idx_t row)
{
    const uint64_t *validity = athena_duck.vector_get_validity(vector);
    if (validity != NULL && (validity[row / 64] >> (row % 64) & 1) == 0)
        return false;
    if (shown->id == DUCKDB_TYPE_SQLNULL)
        return false;
    render_valid(buf, shown, vector, row);
    return true;
}
