#include "athena/value.h"
#include "athena/rows.h"
#include "base/clock.h"
#include "base/codec.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static enum athena_value_outcome write_json(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            yyjson_val *value);

void athena_writer_fini(struct athena_writer *writer)
{
    mr_buf_fini(&writer->scratch);
}

static const char *type_name(enum athena_type_kind kind)
{
    static const char *const names[] = {
        [ATHENA_BOOLEAN] = "a BOOLEAN",     [ATHENA_TINYINT] = "a TINYINT",
        [ATHENA_SMALLINT] = "a SMALLINT",   [ATHENA_INT] = "an INTEGER",
        [ATHENA_BIGINT] = "a BIGINT",       [ATHENA_FLOAT] = "a REAL",
        [ATHENA_DOUBLE] = "a DOUBLE",       [ATHENA_DECIMAL] = "a DECIMAL",
        [ATHENA_STRING] = "a VARCHAR",      [ATHENA_DATE] = "a DATE",
        [ATHENA_TIMESTAMP] = "a TIMESTAMP", [ATHENA_BINARY] = "a VARBINARY",
        [ATHENA_ARRAY] = "an ARRAY",        [ATHENA_MAP] = "a MAP",
        [ATHENA_STRUCT] = "a ROW"};
    return names[kind];
}

static enum athena_value_outcome bad(struct athena_writer *writer, const char *from,
                                     const struct athena_type *type)
{
    snprintf(writer->message, sizeof writer->message,
             "HIVE_BAD_DATA: Error parsing a column in the table: Cannot convert value of type %s "
             "to %s value",
             from, type_name(type->kind));
    return ATHENA_VALUE_BAD;
}

static void set_null(duckdb_vector vector, idx_t row)
{
    athena_duck.vector_ensure_validity_writable(vector);
    athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(vector), row);
}

void athena_value_null(duckdb_vector vector, idx_t row, const struct athena_type *type)
{
    set_null(vector, row);
    if (type->kind == ATHENA_STRUCT) {
        for (size_t i = 0; i < type->field_count; i++)
            athena_value_null(athena_duck.struct_vector_get_child(vector, i), row,
                              &type->fields[i]);
    } else if (type->kind == ATHENA_ARRAY || type->kind == ATHENA_MAP) {
        duckdb_list_entry *entries = athena_duck.vector_get_data(vector);
        entries[row] = (duckdb_list_entry){0};
    }
}

/* ---- numbers ---- */

static enum athena_value_outcome put_integer(struct athena_writer *writer, duckdb_vector vector,
                                             idx_t row, const struct athena_type *type,
                                             int64_t value)
{
    static const int64_t highest[] = {[ATHENA_TINYINT] = INT8_MAX,
                                      [ATHENA_SMALLINT] = INT16_MAX,
                                      [ATHENA_INT] = INT32_MAX,
                                      [ATHENA_BIGINT] = INT64_MAX};
    void *data = athena_duck.vector_get_data(vector);
    if (value > highest[type->kind] || value < -highest[type->kind] - 1)
        return bad(writer, "Number out of range", type);
    switch (type->kind) {
    case ATHENA_TINYINT: ((int8_t *)data)[row] = (int8_t)value; break;
    case ATHENA_SMALLINT: ((int16_t *)data)[row] = (int16_t)value; break;
    case ATHENA_INT: ((int32_t *)data)[row] = (int32_t)value; break;
    default: ((int64_t *)data)[row] = value; break;
    }
    return ATHENA_VALUE_OK;
}

/* The fraction is cut off, as the SerDe does. */
static enum athena_value_outcome put_integer_of_double(struct athena_writer *writer,
                                                       duckdb_vector vector, idx_t row,
                                                       const struct athena_type *type, double value)
{
    if (!(value > -9.3e18 && value < 9.3e18))
        return bad(writer, "Number out of range", type);
    const double whole = trunc(value);
    if (whole >= 9223372036854775808.0 || whole < -9223372036854775808.0)
        return bad(writer, "Number out of range", type);
    return put_integer(writer, vector, row, type, (int64_t)whole);
}

static bool parse_double(struct mr_slice text, double *ret)
{
    char copy[400], *end;
    if (text.len == 0 || text.len >= sizeof copy || (unsigned char)text.ptr[0] <= ' ')
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return end == copy + text.len && strpbrk(copy, "xXpP") == NULL;
}

static void put_double(duckdb_vector vector, idx_t row, const struct athena_type *type,
                       double value)
{
    void *data = athena_duck.vector_get_data(vector);
    if (type->kind == ATHENA_FLOAT)
        ((float *)data)[row] = (float)value;
    else
        ((double *)data)[row] = value;
}

bool athena_parse_decimal(struct mr_slice text, int precision, int scale, athena_i128 *ret_value)
{
    size_t i = 0;
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative || (text.len > 0 && text.ptr[0] == '+'))
        i++;
    athena_i128 value = 0, limit = 1;
    int fraction = -1, digits = 0; /* fraction: digits behind the point so far */
    bool round_up = false;
    for (int p = 0; p < precision; p++)
        limit *= 10;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        const char byte = text.ptr[i];
        if (byte == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (byte < '0' || byte > '9')
            return false;
        digits++;
        if (fraction == scale) {
            round_up = byte >= '5';
            fraction++;
        } else if (fraction < scale) {
            value = value * 10 + (byte - '0');
            fraction += fraction >= 0;
            if (value >= limit)
                return false;
        }
    }
    if (digits == 0 || i < text.len)
        return false; /* exponents go through double */
    for (int f = fraction < 0 ? 0 : fraction; f < scale; f++) {
        value *= 10;
        if (value >= limit)
            return false;
    }
    value += round_up;
    *ret_value = negative ? -value : value;
    return value < limit;
}

static enum athena_value_outcome put_decimal(struct athena_writer *writer, duckdb_vector vector,
                                             idx_t row, const struct athena_type *type,
                                             struct mr_slice text)
{
    athena_i128 value;
    char plain[400];
    double number;
    struct mr_slice digits = mr_slice_trim(text);
    if ((memchr(digits.ptr, 'e', digits.len) != NULL ||
         memchr(digits.ptr, 'E', digits.len) != NULL) &&
        parse_double(digits, &number) && fabs(number) < 1e38) {
        snprintf(plain, sizeof plain, "%.*f", type->scale, number);
        digits = mr_slice_cstr(plain);
    }
    if (!athena_parse_decimal(digits, type->precision, type->scale, &value))
        return bad(writer, "Number out of range or no number", type);
    void *data = athena_duck.vector_get_data(vector);
    if (type->precision <= 4)
        ((int16_t *)data)[row] = (int16_t)value;
    else if (type->precision <= 9)
        ((int32_t *)data)[row] = (int32_t)value;
    else if (type->precision <= 18)
        ((int64_t *)data)[row] = (int64_t)value;
    else
        ((duckdb_hugeint *)data)[row] =
            (duckdb_hugeint){.lower = (uint64_t)value, .upper = (int64_t)(value >> 64)};
    return ATHENA_VALUE_OK;
}

/* ---- dates and times ---- */

static bool digits_at(struct mr_slice text, size_t at, size_t count, int *ret)
{
    int value = 0;
    if (at + count > text.len)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ret = value;
    return true;
}

static bool char_at(struct mr_slice text, size_t at, char byte)
{
    return at < text.len && text.ptr[at] == byte;
}

/* ".123456789" at `at`: microseconds; moves `at` behind it. */
static int parse_fraction(struct mr_slice text, size_t *at)
{
    int micros = 0, weight = 100000;
    if (!char_at(text, *at, '.'))
        return 0;
    for (++*at; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; ++*at) {
        micros += (text.ptr[*at] - '0') * weight;
        weight /= 10;
    }
    return micros;
}

/* "Z", "+01:00", "+0100" or nothing up to the end of the text: its offset in minutes. */
static bool parse_offset(struct mr_slice text, size_t at, int *ret_minutes)
{
    int hours, minutes;
    *ret_minutes = 0;
    if (at == text.len || (char_at(text, at, 'Z') && at + 1 == text.len) ||
        mr_slice_equal(mr_slice_sub(text, at, SIZE_MAX), MR_S(" UTC")))
        return true;
    const bool east = char_at(text, at, '+');
    if ((!east && !char_at(text, at, '-')) || !digits_at(text, at + 1, 2, &hours))
        return false;
    const size_t next = at + 3 + (char_at(text, at + 3, ':') ? 1 : 0);
    if (!digits_at(text, next, 2, &minutes) || next + 2 != text.len)
        return false;
    *ret_minutes = (east ? 1 : -1) * (hours * 60 + minutes);
    return true;
}

bool athena_parse_moment(struct mr_slice text, int64_t *ret_micros)
{
    struct mr_date date = {0};
    int micros = 0, offset = 0;
    text = mr_slice_trim(text);
    if (!digits_at(text, 0, 4, &date.year) || !char_at(text, 4, '-') ||
        !digits_at(text, 5, 2, &date.month) || !char_at(text, 7, '-') ||
        !digits_at(text, 8, 2, &date.day))
        return false;
    if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31)
        return false;
    if (text.len > 10) {
        if ((text.ptr[10] != ' ' && text.ptr[10] != 'T') || !digits_at(text, 11, 2, &date.hour) ||
            !char_at(text, 13, ':') || !digits_at(text, 14, 2, &date.minute))
            return false;
        size_t at = 16;
        if (char_at(text, at, ':')) {
            if (!digits_at(text, 17, 2, &date.second))
                return false;
            at = 19;
            micros = parse_fraction(text, &at);
        }
        if (date.hour > 23 || date.minute > 59 || date.second > 59 ||
            !parse_offset(text, at, &offset))
            return false;
    }
    *ret_micros = (mr_date_to_ms(&date) - (int64_t)offset * 60000) * 1000 + micros;
    return true;
}

/* By one of the table's own formats. */
static bool parse_formatted(const struct athena_writer *writer, struct mr_slice text,
                            int64_t *ret_micros)
{
    struct mr_slice rest = writer->moment_formats, format;
    while (rest.len > 0 && mr_slice_split(&rest, ',', &format)) {
        int64_t millis;
        if (!mr_slice_equal(format, MR_S("millis"))) {
            if (athena_joda_moment(text, format, ret_micros))
                return true;
        } else if (mr_slice_to_i64(text, &millis) == MR_OK &&
                   !__builtin_mul_overflow(millis, INT64_C(1000), ret_micros)) {
            return true;
        }
    }
    return false;
}

static enum athena_value_outcome put_moment(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            struct mr_slice text)
{
    int64_t micros;
    const bool formatted = type->kind == ATHENA_TIMESTAMP && parse_formatted(writer, text, &micros);
    if (!formatted && !athena_parse_moment(text, &micros))
        return bad(writer, "String", type);
    void *data = athena_duck.vector_get_data(vector);
    const int64_t day = INT64_C(86400000000);
    if (type->kind == ATHENA_DATE)
        ((int32_t *)data)[row] = (int32_t)((micros - (micros % day + day) % day) / day);
    else
        ((int64_t *)data)[row] = micros;
    return ATHENA_VALUE_OK;
}

/* Milliseconds since 1970, if the table's formats say so; else seconds or, from about the year 5138
 * on, milliseconds. */
static enum athena_value_outcome put_epoch(struct athena_writer *writer, duckdb_vector vector,
                                           idx_t row, const struct athena_type *type, double value)
{
    if (type->kind == ATHENA_DATE || !(fabs(value) < 1e15))
        return bad(writer, "Number", type);
    const bool millis = mr_slice_search(writer->moment_formats, MR_S("millis")) != SIZE_MAX;
    const double micros = fabs(value) < 1e11 && !millis ? value * 1e6 : value * 1e3;
    ((int64_t *)athena_duck.vector_get_data(vector))[row] = (int64_t)llround(micros);
    return ATHENA_VALUE_OK;
}

/* ---- text ---- */

static enum athena_value_outcome put_boolean(duckdb_vector vector, idx_t row, bool value)
{
    ((bool *)athena_duck.vector_get_data(vector))[row] = value;
    return ATHENA_VALUE_OK;
}

static enum athena_value_outcome put_string(duckdb_vector vector, idx_t row, struct mr_slice text)
{
    athena_duck.vector_assign_string_element_len(vector, row, text.ptr == NULL ? "" : text.ptr,
                                                 text.len);
    return ATHENA_VALUE_OK;
}

static enum athena_value_outcome put_base64(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            struct mr_slice text)
{
    struct mr_arena arena;
    struct mr_slice bytes;
    mr_arena_init(&arena);
    const bool fine = mr_base64_decode(&arena, text, &bytes) == MR_OK;
    if (fine)
        put_string(vector, row, bytes);
    mr_arena_fini(&arena);
    return fine ? ATHENA_VALUE_OK : bad(writer, "String", type);
}

static enum athena_value_outcome put_number_text(struct athena_writer *writer, duckdb_vector vector,
                                                 idx_t row, const struct athena_type *type,
                                                 struct mr_slice text, const char *from)
{
    int64_t integer;
    double number;
    struct mr_slice digits = mr_slice_trim(text);
    if (type->kind == ATHENA_DECIMAL)
        return put_decimal(writer, vector, row, type, digits);
    if (type->kind <= ATHENA_BIGINT && mr_slice_to_i64(digits, &integer) == MR_OK)
        return put_integer(writer, vector, row, type, integer);
    if (!parse_double(digits, &number))
        return bad(writer, from, type);
    if (type->kind <= ATHENA_BIGINT)
        return put_integer_of_double(writer, vector, row, type, number);
    put_double(vector, row, type, number);
    return ATHENA_VALUE_OK;
}

/* DuckDB takes valid UTF-8 only: other bytes become U+FFFD, as Java reads them. */
static enum athena_value_outcome put_any_bytes(struct athena_writer *writer, duckdb_vector vector,
                                               idx_t row, struct mr_slice bytes)
{
    if (mr_slice_is_utf8(bytes))
        return put_string(vector, row, bytes);
    mr_buf_reset(&writer->scratch);
    for (size_t i = 0; i < bytes.len;) {
        size_t len = bytes.len - i < 4 ? bytes.len - i : 4;
        while (len > 0 && !mr_slice_is_utf8(mr_slice_sub(bytes, i, len)))
            len--;
        mr_buf_append(&writer->scratch,
                      len > 0 ? mr_slice_sub(bytes, i, len) : MR_S("\xef\xbf\xbd"));
        i += len > 0 ? len : 1;
    }
    return put_string(vector, row, mr_buf_slice(&writer->scratch));
}

enum athena_value_outcome athena_value_text(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            struct mr_slice text)
{
    if (type->kind == ATHENA_STRING)
        return put_any_bytes(writer, vector, row, text);
    if (text.len == 0 || mr_slice_equal(text, MR_S("\\N"))) {
        athena_value_null(vector, row, type);
        return ATHENA_VALUE_OK;
    }
    switch (type->kind) {
    case ATHENA_BOOLEAN: return put_boolean(vector, row, mr_slice_equal_nocase(text, MR_S("true")));
    case ATHENA_DATE:
    case ATHENA_TIMESTAMP: return put_moment(writer, vector, row, type, text);
    case ATHENA_BINARY: return put_base64(writer, vector, row, type, text);
    case ATHENA_ARRAY:
    case ATHENA_MAP:
    case ATHENA_STRUCT: return bad(writer, "String", type);
    default: return put_number_text(writer, vector, row, type, text, "String");
    }
}

/* ---- JSON ---- */

static struct mr_slice raw_text(yyjson_val *value)
{
    return mr_slice_make(unsafe_yyjson_get_raw(value), unsafe_yyjson_get_len(value));
}

static struct mr_slice string_text(yyjson_val *value)
{
    return mr_slice_make(unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value));
}

/* Numbers keep their text, so what is not a string must be read raw. Objects and arrays come as
 * their JSON. */
static enum athena_value_outcome write_string(struct athena_writer *writer, duckdb_vector vector,
                                              idx_t row, yyjson_val *value)
{
    if (yyjson_is_str(value))
        return put_string(vector, row, string_text(value));
    if (yyjson_is_bool(value))
        return put_string(vector, row, yyjson_get_bool(value) ? MR_S("true") : MR_S("false"));
    if (yyjson_is_raw(value))
        return put_string(vector, row, raw_text(value));
    if (yyjson_is_num(value))
        return ATHENA_VALUE_RAW;
    size_t len;
    char *text = yyjson_val_write(value, 0, &len);
    if (text == NULL) {
        snprintf(writer->message, sizeof writer->message, "HIVE_BAD_DATA: a value is not UTF-8");
        return ATHENA_VALUE_BAD;
    }
    put_string(vector, row, mr_slice_make(text, len));
    free(text);
    return ATHENA_VALUE_OK;
}

static enum athena_value_outcome write_number(struct athena_writer *writer, duckdb_vector vector,
                                              idx_t row, const struct athena_type *type,
                                              yyjson_val *value)
{
    if (yyjson_is_str(value))
        return put_number_text(writer, vector, row, type, string_text(value), "String");
    if (yyjson_is_raw(value))
        return put_number_text(writer, vector, row, type, raw_text(value), "Number");
    if (!yyjson_is_num(value))
        return bad(writer, yyjson_is_bool(value) ? "Boolean" : "Object", type);
    if (type->kind == ATHENA_DECIMAL)
        return ATHENA_VALUE_RAW;
    if (type->kind > ATHENA_BIGINT) {
        put_double(vector, row, type, yyjson_get_num(value));
        return ATHENA_VALUE_OK;
    }
    if (yyjson_is_real(value))
        return put_integer_of_double(writer, vector, row, type, yyjson_get_real(value));
    if (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX)
        return bad(writer, "Number out of range", type);
    return put_integer(writer, vector, row, type, yyjson_get_sint(value));
}

idx_t athena_list_grow(duckdb_vector vector, idx_t row, idx_t more)
{
    const idx_t start = athena_duck.list_vector_get_size(vector);
    athena_duck.list_vector_reserve(vector, start + more);
    athena_duck.list_vector_set_size(vector, start + more);
    duckdb_list_entry *entries = athena_duck.vector_get_data(vector);
    entries[row] = (duckdb_list_entry){.offset = start, .length = more};
    return start;
}

static enum athena_value_outcome write_array(struct athena_writer *writer, duckdb_vector vector,
                                             idx_t row, const struct athena_type *type,
                                             yyjson_val *value)
{
    if (!yyjson_is_arr(value))
        return bad(writer, "Primitive", type);
    idx_t at = athena_list_grow(vector, row, yyjson_arr_size(value));
    duckdb_vector child = athena_duck.list_vector_get_child(vector);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(value, index, max, item)
    {
        const enum athena_value_outcome outcome =
            write_json(writer, child, at++, type->element, item);
        if (outcome != ATHENA_VALUE_OK)
            return outcome;
    }
    return ATHENA_VALUE_OK;
}

static enum athena_value_outcome write_map(struct athena_writer *writer, duckdb_vector vector,
                                           idx_t row, const struct athena_type *type,
                                           yyjson_val *value)
{
    if (!yyjson_is_obj(value))
        return bad(writer, "Primitive", type);
    idx_t at = athena_list_grow(vector, row, yyjson_obj_size(value));
    duckdb_vector pairs = athena_duck.list_vector_get_child(vector);
    duckdb_vector keys = athena_duck.struct_vector_get_child(pairs, 0);
    duckdb_vector values = athena_duck.struct_vector_get_child(pairs, 1);
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(value, index, max, key, item)
    {
        enum athena_value_outcome outcome =
            athena_value_text(writer, keys, at, type->key, string_text(key));
        if (outcome == ATHENA_VALUE_OK)
            outcome = write_json(writer, values, at++, type->element, item);
        if (outcome != ATHENA_VALUE_OK)
            return outcome;
    }
    return ATHENA_VALUE_OK;
}

static yyjson_val *member_nocase(yyjson_val *object, struct mr_slice name)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value)
    {
        if (mr_slice_equal_nocase(string_text(key), name))
            return value;
    }
    return NULL;
}

static enum athena_value_outcome write_struct(struct athena_writer *writer, duckdb_vector vector,
                                              idx_t row, const struct athena_type *type,
                                              yyjson_val *value)
{
    const bool by_place = yyjson_is_arr(value);
    if (!yyjson_is_obj(value) && !by_place)
        return bad(writer, "Primitive", type);
    for (size_t i = 0; i < type->field_count; i++) {
        yyjson_val *item =
            by_place ? yyjson_arr_get(value, i) : member_nocase(value, type->names[i]);
        const enum athena_value_outcome outcome = write_json(
            writer, athena_duck.struct_vector_get_child(vector, i), row, &type->fields[i], item);
        if (outcome != ATHENA_VALUE_OK)
            return outcome;
    }
    return ATHENA_VALUE_OK;
}

static enum athena_value_outcome write_moment(struct athena_writer *writer, duckdb_vector vector,
                                              idx_t row, const struct athena_type *type,
                                              yyjson_val *value)
{
    double number;
    if (yyjson_is_str(value))
        return put_moment(writer, vector, row, type, string_text(value));
    if (yyjson_is_num(value))
        return put_epoch(writer, vector, row, type, yyjson_get_num(value));
    if (yyjson_is_raw(value) && parse_double(raw_text(value), &number))
        return put_epoch(writer, vector, row, type, number);
    return bad(writer, "Object", type);
}

static enum athena_value_outcome write_json(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            yyjson_val *value)
{
    if (value == NULL || yyjson_is_null(value)) {
        athena_value_null(vector, row, type);
        return ATHENA_VALUE_OK;
    }
    switch (type->kind) {
    case ATHENA_STRING: return write_string(writer, vector, row, value);
    case ATHENA_BOOLEAN:
        if (yyjson_is_bool(value))
            return put_boolean(vector, row, yyjson_get_bool(value));
        if (yyjson_is_str(value))
            return put_boolean(vector, row,
                               mr_slice_equal_nocase(string_text(value), MR_S("true")));
        return bad(writer, "Number", type);
    case ATHENA_DATE:
    case ATHENA_TIMESTAMP: return write_moment(writer, vector, row, type, value);
    case ATHENA_BINARY:
        if (yyjson_is_str(value))
            return put_base64(writer, vector, row, type, string_text(value));
        return bad(writer, "Number", type);
    case ATHENA_ARRAY: return write_array(writer, vector, row, type, value);
    case ATHENA_MAP: return write_map(writer, vector, row, type, value);
    case ATHENA_STRUCT: return write_struct(writer, vector, row, type, value);
    default: return write_number(writer, vector, row, type, value);
    }
}

enum athena_value_outcome athena_value_json(struct athena_writer *writer, duckdb_vector vector,
                                            idx_t row, const struct athena_type *type,
                                            yyjson_val *value)
{
    return write_json(writer, vector, row, type, value);
}

/* ---- types ---- */

static duckdb_logical_type struct_type(const struct athena_type *type)
{
    duckdb_logical_type *fields = mr_calloc(type->field_count + 1, sizeof(duckdb_logical_type));
    const char **names = mr_calloc(type->field_count + 1, sizeof *names);
    struct mr_arena arena;
    mr_arena_init(&arena);
    for (size_t i = 0; i < type->field_count; i++) {
        fields[i] = athena_logical_type(&type->fields[i]);
        names[i] = mr_arena_cstr(&arena, type->names[i]);
    }
    duckdb_logical_type made = athena_duck.create_struct_type(fields, names, type->field_count);
    for (size_t i = 0; i < type->field_count; i++)
        athena_duck.destroy_logical_type(&fields[i]);
    mr_arena_fini(&arena);
    free(fields);
    free(names);
    return made;
}

duckdb_logical_type athena_logical_type(const struct athena_type *type)
{
    static const duckdb_type plain[] = {
        [ATHENA_BOOLEAN] = DUCKDB_TYPE_BOOLEAN,   [ATHENA_TINYINT] = DUCKDB_TYPE_TINYINT,
        [ATHENA_SMALLINT] = DUCKDB_TYPE_SMALLINT, [ATHENA_INT] = DUCKDB_TYPE_INTEGER,
        [ATHENA_BIGINT] = DUCKDB_TYPE_BIGINT,     [ATHENA_FLOAT] = DUCKDB_TYPE_FLOAT,
        [ATHENA_DOUBLE] = DUCKDB_TYPE_DOUBLE,     [ATHENA_STRING] = DUCKDB_TYPE_VARCHAR,
        [ATHENA_DATE] = DUCKDB_TYPE_DATE,         [ATHENA_TIMESTAMP] = DUCKDB_TYPE_TIMESTAMP,
        [ATHENA_BINARY] = DUCKDB_TYPE_BLOB,       [ATHENA_DECIMAL] = DUCKDB_TYPE_DECIMAL};
    if (type->kind == ATHENA_STRUCT)
        return struct_type(type);
    if (type->kind == ATHENA_DECIMAL)
        return athena_duck.create_decimal_type((uint8_t)type->precision, (uint8_t)type->scale);
    if (type->kind != ATHENA_ARRAY && type->kind != ATHENA_MAP)
        return athena_duck.create_logical_type(plain[type->kind]);
    duckdb_logical_type element = athena_logical_type(type->element), key, made;
    if (type->kind == ATHENA_ARRAY) {
        made = athena_duck.create_list_type(element);
    } else {
        key = athena_logical_type(type->key);
        made = athena_duck.create_map_type(key, element);
        athena_duck.destroy_logical_type(&key);
    }
    athena_duck.destroy_logical_type(&element);
    return made;
}
