/* Single values in their binary form, and partition transforms over them. */
#include "iceberg/types.h"
#include "base/clock.h"
#include "base/codec.h"
#include <math.h>
#include <stdio.h>

enum { DAY_MS = 86400000 };
static const int64_t day_us = (int64_t)DAY_MS * 1000, hour_us = 3600000000;

/* ---- values ---- */

static struct mr_slice little_endian(struct mr_arena *arena, uint64_t value, size_t len)
{
    char *bytes = mr_arena_alloc(arena, 8);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(value >> (8 * i));
    return mr_slice_make(bytes, len);
}

static size_t width(const struct iceberg_type *type)
{
    switch (type->kind) {
    case ICEBERG_BOOLEAN: return 1;
    case ICEBERG_INT:
    case ICEBERG_DATE: return 4;
    default: return 8;
    }
}

struct mr_slice iceberg_value_number(struct mr_arena *arena, const struct iceberg_type *type,
                                     int64_t number)
{
    return little_endian(arena, (uint64_t)number, width(type));
}

struct mr_slice iceberg_value_real(struct mr_arena *arena, const struct iceberg_type *type,
                                   double real)
{
    uint64_t bits = 0;
    const float single = (float)real;
    if (type->kind == ICEBERG_FLOAT)
        memcpy(&bits, &single, sizeof single);
    else
        memcpy(&bits, &real, sizeof real);
    return little_endian(arena, bits, type->kind == ICEBERG_FLOAT ? 4 : 8);
}

struct mr_slice iceberg_value_decimal(struct mr_arena *arena, iceberg_wide unscaled)
{
    size_t len = 1;
    while (len < 16 && (unscaled >> (8 * len - 1)) != 0 && (unscaled >> (8 * len - 1)) != -1)
        len++;
    char *bytes = mr_arena_alloc(arena, 16);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(unscaled >> (8 * (len - 1 - i)));
    return mr_slice_make(bytes, len);
}

int64_t iceberg_value_i64(struct mr_slice value)
{
    uint64_t number = 0;
    if (value.len != 1 && value.len != 4 && value.len != 8)
        return 0;
    for (size_t i = 0; i < value.len; i++)
        number |= (uint64_t)(uint8_t)value.ptr[i] << (8 * i);
    return value.len == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
}

iceberg_wide iceberg_value_wide(struct mr_slice value)
{
    iceberg_wide number = value.len > 0 && value.ptr[0] < 0 ? -1 : 0;
    for (size_t i = 0; i < value.len && i < 16; i++)
        number = (iceberg_wide)((iceberg_uwide)number << 8 | (uint8_t)value.ptr[i]);
    return number;
}

double iceberg_value_double(struct mr_slice value)
{
    double real = 0;
    float single = 0;
    if (value.len == sizeof single) {
        memcpy(&single, value.ptr, sizeof single);
        return (double)single;
    }
    if (value.len == sizeof real)
        memcpy(&real, value.ptr, sizeof real);
    return real;
}

int iceberg_value_compare(const struct iceberg_type *type, struct mr_slice a, struct mr_slice b)
{
    switch (type->kind) {
    case ICEBERG_BOOLEAN:
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DATE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ: {
        const int64_t x = iceberg_value_i64(a), y = iceberg_value_i64(b);
        return x < y ? -1 : x > y;
    }
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE: {
        const double x = iceberg_value_double(a), y = iceberg_value_double(b);
        return x < y ? -1 : x > y;
    }
    case ICEBERG_DECIMAL: {
        const iceberg_wide x = iceberg_value_wide(a), y = iceberg_value_wide(b);
        return x < y ? -1 : x > y;
    }
    default: return mr_slice_compare(a, b);
    }
}

static struct mr_slice decimal_text(struct mr_arena *arena, int scale, iceberg_wide value)
{
    char digits[64];
    size_t at = sizeof digits;
    iceberg_uwide rest = (iceberg_uwide)(value < 0 ? -value : value);
    for (int i = 0; rest > 0 || i <= scale; i++) {
        if (i == scale && scale > 0)
            digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value < 0)
        digits[--at] = '-';
    return mr_arena_copy(arena, mr_slice_make(digits + at, sizeof digits - at));
}

static struct mr_slice moment_text(struct mr_arena *arena, int64_t micros, bool zone)
{
    int64_t ms = micros / 1000, rest = micros % 1000;
    if (rest < 0) {
        rest += 1000;
        ms--;
    }
    const struct mr_date d = mr_date_from_ms(ms);
    return mr_arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d.%03d%03d%s", d.year, d.month,
                           d.day, d.hour, d.minute, d.second, d.ms, (int)rest, zone ? " UTC" : "");
}

static struct mr_slice day_text(struct mr_arena *arena, int64_t days)
{
    const struct mr_date d = mr_date_from_ms(days * DAY_MS);
    return mr_arena_printf(arena, "%04d-%02d-%02d", d.year, d.month, d.day);
}

static struct mr_slice infinite_text(double value)
{
    if (isnan(value))
        return MR_S("NaN");
    return value > 0 ? MR_S("Infinity") : MR_S("-Infinity");
}

struct mr_slice iceberg_value_text(struct mr_arena *arena, const struct iceberg_type *type,
                                   struct mr_slice value)
{
    const int64_t number = iceberg_value_i64(value);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct mr_slice text;
    switch (type->kind) {
    case ICEBERG_BOOLEAN: return number != 0 ? MR_S("true") : MR_S("false");
    case ICEBERG_INT:
    case ICEBERG_LONG: return mr_arena_printf(arena, "%lld", (long long)number);
    case ICEBERG_FLOAT:
    case ICEBERG_DOUBLE:
        if (!isfinite(iceberg_value_double(value)))
            return infinite_text(iceberg_value_double(value));
        mr_json_number(&json, iceberg_value_double(value));
        text = mr_arena_copy(arena, mr_buf_slice(&buf));
        mr_buf_fini(&buf);
        return text;
    case ICEBERG_DECIMAL: return decimal_text(arena, type->scale, iceberg_value_wide(value));
    case ICEBERG_DATE: return day_text(arena, number);
    case ICEBERG_TIME:
        return mr_slice_sub(moment_text(arena, number, false), sizeof "1970-01-01", SIZE_MAX);
    case ICEBERG_TIMESTAMP: return moment_text(arena, number, false);
    case ICEBERG_TIMESTAMPTZ: return moment_text(arena, number, true);
    case ICEBERG_STRING: return value;
    default: return mr_base64(arena, value);
    }
}

/* ---- transforms ---- */

static const char *const transforms[] = {
    [ICEBERG_IDENTITY] = "identity", [ICEBERG_BUCKET] = "bucket", [ICEBERG_TRUNCATE] = "truncate",
    [ICEBERG_YEAR] = "year",         [ICEBERG_MONTH] = "month",   [ICEBERG_DAY] = "day",
    [ICEBERG_HOUR] = "hour",         [ICEBERG_VOID] = "void",
};

static bool has_parameter(enum iceberg_transform transform)
{
    return transform == ICEBERG_BUCKET || transform == ICEBERG_TRUNCATE;
}

enum mr_status iceberg_transform_parse(struct mr_slice text, struct iceberg_partition_field *field)
{
    const size_t at = mr_slice_find(text, '[');
    const struct mr_slice name = mr_slice_sub(text, 0, at);
    int64_t parameter = 0;
    if (at != SIZE_MAX &&
        (text.ptr[text.len - 1] != ']' ||
         mr_slice_to_i64(mr_slice_sub(text, at + 1, text.len - at - 2), &parameter) != MR_OK ||
         parameter < 1 || parameter > INT32_MAX))
        return MR_INVALID;
    for (size_t i = 0; i < MR_COUNT(transforms); i++) {
        if (!mr_slice_equal(name, mr_slice_cstr(transforms[i])))
            continue;
        field->transform = (enum iceberg_transform)i;
        field->parameter = parameter;
        return has_parameter(field->transform) == (at != SIZE_MAX) ? MR_OK : MR_INVALID;
    }
    return MR_INVALID;
}

struct mr_slice iceberg_transform_text(struct mr_arena *arena,
                                       const struct iceberg_partition_field *field)
{
    if (has_parameter(field->transform))
        return mr_arena_printf(arena, "%s[%lld]", transforms[field->transform],
                               (long long)field->parameter);
    return mr_slice_cstr(transforms[field->transform]);
}

bool iceberg_transform_fits(const struct iceberg_partition_field *field,
                            const struct iceberg_type *type)
{
    const enum iceberg_kind kind = type->kind;
    const bool moment = kind == ICEBERG_TIMESTAMP || kind == ICEBERG_TIMESTAMPTZ;
    switch (field->transform) {
    case ICEBERG_IDENTITY: return kind < ICEBERG_STRUCT;
    case ICEBERG_BUCKET:
        return kind < ICEBERG_STRUCT && kind != ICEBERG_BOOLEAN && kind != ICEBERG_FLOAT &&
               kind != ICEBERG_DOUBLE;
    case ICEBERG_TRUNCATE:
        return kind == ICEBERG_INT || kind == ICEBERG_LONG || kind == ICEBERG_DECIMAL ||
               kind == ICEBERG_STRING || kind == ICEBERG_BINARY;
    case ICEBERG_HOUR: return moment;
    case ICEBERG_VOID: return true;
    default: return moment || kind == ICEBERG_DATE;
    }
}

struct iceberg_type iceberg_transform_result(const struct iceberg_partition_field *field,
                                             const struct iceberg_type *type)
{
    switch (field->transform) {
    case ICEBERG_IDENTITY:
    case ICEBERG_TRUNCATE:
    case ICEBERG_VOID: return *type;
    case ICEBERG_DAY: return (struct iceberg_type){.kind = ICEBERG_DATE};
    default: return (struct iceberg_type){.kind = ICEBERG_INT};
    }
}

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* Murmur3, 32 bits, x86, seed 0. */
static uint32_t murmur3(struct mr_slice bytes)
{
    uint32_t hash = 0, block;
    size_t at = 0;
    for (; at + 4 <= bytes.len; at += 4) {
        memcpy(&block, bytes.ptr + at, 4);
        hash ^= rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
        hash = rotate(hash, 13) * 5 + 0xe6546b64u;
    }
    block = 0;
    for (size_t i = bytes.len; i > at; i--)
        block = block << 8 | (uint8_t)bytes.ptr[i - 1];
    hash ^= rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
    hash ^= (uint32_t)bytes.len;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* Integers and times are hashed as longs, everything else as its bytes. */
static int64_t bucket_of(struct mr_arena *arena, const struct iceberg_type *type,
                         struct mr_slice value, int64_t buckets)
{
    switch (type->kind) {
    case ICEBERG_INT:
    case ICEBERG_LONG:
    case ICEBERG_DATE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ:
        value = little_endian(arena, (uint64_t)iceberg_value_i64(value), 8);
        break;
    default: break;
    }
    return (int64_t)(murmur3(value) & INT32_MAX) % buckets;
}

static struct mr_slice truncated(struct mr_arena *arena, const struct iceberg_type *type,
                                 struct mr_slice value, int64_t width_max)
{
    if (type->kind == ICEBERG_INT || type->kind == ICEBERG_LONG) {
        const int64_t number = iceberg_value_i64(value), rest = number % width_max;
        return iceberg_value_number(arena, type, number - (rest < 0 ? rest + width_max : rest));
    }
    if (type->kind == ICEBERG_DECIMAL) {
        const iceberg_wide number = iceberg_value_wide(value), rest = number % width_max;
        return iceberg_value_decimal(arena, number - (rest < 0 ? rest + width_max : rest));
    }
    if (type->kind == ICEBERG_BINARY)
        return mr_slice_sub(value, 0, (size_t)width_max);
    size_t len = 0, step;
    for (int64_t i = 0; i < width_max && len < value.len; i++) {
        step = mr_slice_utf8_next(mr_slice_sub(value, len, SIZE_MAX));
        len += step == 0 ? 1 : step;
    }
    return mr_slice_sub(value, 0, len);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t time_part(const struct iceberg_partition_field *field,
                         const struct iceberg_type *type, struct mr_slice value)
{
    const int64_t number = iceberg_value_i64(value);
    const int64_t days = type->kind == ICEBERG_DATE ? number : floor_div(number, day_us);
    if (field->transform == ICEBERG_DAY)
        return days;
    if (field->transform == ICEBERG_HOUR)
        return floor_div(number, hour_us);
    const struct mr_date date = mr_date_from_ms(days * DAY_MS);
    if (field->transform == ICEBERG_YEAR)
        return date.year - 1970;
    return (int64_t)(date.year - 1970) * 12 + date.month - 1;
}

struct mr_slice iceberg_transform_apply(struct mr_arena *arena,
                                        const struct iceberg_partition_field *field,
                                        const struct iceberg_type *type, struct mr_slice value)
{
    static const struct iceberg_type number = {.kind = ICEBERG_INT};
    if (value.ptr == NULL || field->transform == ICEBERG_VOID)
        return (struct mr_slice){0};
    switch (field->transform) {
    case ICEBERG_IDENTITY: return value;
    case ICEBERG_BUCKET:
        return iceberg_value_number(arena, &number,
                                    bucket_of(arena, type, value, field->parameter));
    case ICEBERG_TRUNCATE: return truncated(arena, type, value, field->parameter);
    default: return iceberg_value_number(arena, &number, time_part(field, type, value));
    }
}

struct mr_slice iceberg_transform_show(struct mr_arena *arena,
                                       const struct iceberg_partition_field *field,
                                       const struct iceberg_type *type, struct mr_slice value)
{
    const int64_t number = iceberg_value_i64(value);
    struct iceberg_type result = iceberg_transform_result(field, type);
    if (value.ptr == NULL)
        return MR_S("null");
    switch (field->transform) {
    case ICEBERG_YEAR: return mr_arena_printf(arena, "%lld", (long long)(number + 1970));
    case ICEBERG_MONTH:
        return mr_arena_printf(arena, "%04lld-%02lld", (long long)(floor_div(number, 12) + 1970),
                               (long long)(number - floor_div(number, 12) * 12 + 1));
    case ICEBERG_HOUR: {
        const struct mr_date d = mr_date_from_ms(number * 3600000);
        return mr_arena_printf(arena, "%04d-%02d-%02d-%02d", d.year, d.month, d.day, d.hour);
    }
    default: return iceberg_value_text(arena, &result, value);
    }
}
