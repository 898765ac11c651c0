/* Texts: positions, URLs, formats, JSON, sizes and durations told in words. */
#include "athena/rows.h"
#include "base/codec.h"
#include "base/json.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- characters ---- */

static bool chr(struct athena_row *row)
{
    const int64_t code = athena_row_integer(row, 0);
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: Not a valid Unicode code point: %lld",
                               (long long)code);
    const uint32_t c = (uint32_t)code;
    if (c < 0x80) {
        mr_buf_byte(&row->text, (char)c);
    } else if (c < 0x800) {
        mr_buf_byte(&row->text, (char)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        mr_buf_byte(&row->text, (char)(0xe0 | c >> 12));
        mr_buf_byte(&row->text, (char)(0x80 | (c >> 6 & 0x3f)));
    } else {
        mr_buf_byte(&row->text, (char)(0xf0 | c >> 18));
        mr_buf_byte(&row->text, (char)(0x80 | (c >> 12 & 0x3f)));
        mr_buf_byte(&row->text, (char)(0x80 | (c >> 6 & 0x3f)));
    }
    if (c >= 0x80)
        mr_buf_byte(&row->text, (char)(0x80 | (c & 0x3f)));
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* The byte where character `index` (from 0) begins. */
static size_t byte_of(struct mr_slice text, int64_t index)
{
    size_t at = 0;
    for (; index > 0 && at < text.len; index--) {
        const size_t len = mr_slice_utf8_next(mr_slice_sub(text, at, SIZE_MAX));
        at += len == 0 ? 1 : len;
    }
    return at;
}

static bool substring(struct athena_row *row, int64_t len)
{
    struct mr_slice text = athena_row_slice(row, 0);
    int64_t start = athena_row_integer(row, 1);
    const int64_t characters = (int64_t)mr_slice_utf8_length(text);
    if (start < 0)
        start += characters + 1;
    if (start <= 0 || start > characters || len <= 0) {
        athena_row_put_text(row, MR_S(""));
        return true;
    }
    const size_t from = byte_of(text, start - 1);
    struct mr_slice rest = mr_slice_sub(text, from, SIZE_MAX);
    athena_row_put_text(row, mr_slice_sub(rest, 0, byte_of(rest, len)));
    return true;
}

static bool substr_to_end(struct athena_row *row)
{
    return substring(row, INT64_MAX);
}

static bool substr(struct athena_row *row)
{
    return substring(row, athena_row_integer(row, 2));
}

static size_t last_before(struct mr_slice text, struct mr_slice part, size_t end)
{
    for (size_t at = end; at > 0; at--) {
        if (mr_slice_starts_with(mr_slice_sub(text, at - 1, SIZE_MAX), part))
            return at - 1;
    }
    return SIZE_MAX;
}

/* mr_strpos(text, part, which): the nth from the front, or with a negative n from the end. */
static bool strpos(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0), part = athena_row_slice(row, 1);
    int64_t which = athena_row_integer(row, 2);
    size_t at = which < 0 ? text.len + 1 : 0;
    if (which == 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: 'instance' must be a positive or "
                                    "negative number.");
    for (int64_t i = 0; i < which && at != SIZE_MAX; i++) {
        const size_t from = i == 0 ? 0 : at + 1;
        at = mr_slice_search(mr_slice_sub(text, from, SIZE_MAX), part);
        at = at == SIZE_MAX || from > text.len ? SIZE_MAX : at + from;
    }
    for (; which < 0 && at != SIZE_MAX; which++)
        at = last_before(text, part, at);
    athena_row_put_integer(
        row, at == SIZE_MAX ? 0 : (int64_t)mr_slice_utf8_length(mr_slice_sub(text, 0, at)) + 1);
    return true;
}

/* mr_replace(text, search, by): an empty search is found before each character and at the end. */
static bool replace(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0), search = athena_row_slice(row, 1);
    struct mr_slice by = athena_row_slice(row, 2);
    while (text.len > 0) {
        size_t at = search.len == 0 ? 0 : mr_slice_search(text, search), skip = search.len;
        if (at == SIZE_MAX)
            break;
        mr_buf_append(&row->text, mr_slice_sub(text, 0, at));
        mr_buf_append(&row->text, by);
        if (search.len == 0) {
            skip = byte_of(text, 1);
            mr_buf_append(&row->text, mr_slice_sub(text, 0, skip));
        }
        text = mr_slice_sub(text, at + skip, SIZE_MAX);
    }
    mr_buf_append(&row->text, search.len == 0 ? by : text);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool luhn(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    int sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char byte = text.ptr[text.len - 1 - i];
        if (!isdigit((unsigned char)byte))
            return athena_row_fail(row,
                                   "INVALID_FUNCTION_ARGUMENT: Input contains non-digit "
                                   "characters: %.*s",
                                   MR_ARG(text));
        const int digit = (byte - '0') * (i % 2 == 1 ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    athena_row_put_boolean(row, sum % 10 == 0);
    return true;
}

static bool soundex(struct athena_row *row)
{
    static const char codes[] = "01230120022455012623010202"; /* of A to Z */
    struct mr_slice text = athena_row_slice(row, 0);
    char result[4] = {'0', '0', '0', '0'}, last = '0';
    size_t count = 0;
    for (size_t i = 0; i < text.len && count < sizeof result; i++) {
        const int letter = toupper((unsigned char)text.ptr[i]);
        if (letter < 'A' || letter > 'Z')
            continue;
        const char code = codes[letter - 'A'];
        if (count == 0)
            result[count++] = (char)letter;
        else if (code != '0' && code != last)
            result[count++] = code;
        if (letter != 'H' && letter != 'W') /* they do not part equal codes */
            last = code;
    }
    athena_row_put_text(row, count == 0 ? MR_S("") : mr_slice_make(result, sizeof result));
    return true;
}

/* ---- URLs ---- */

struct url {
    struct mr_slice protocol, host, port, path, query, fragment;
};

static struct mr_slice cut_at(struct mr_slice *text, char byte)
{
    const size_t at = mr_slice_find(*text, byte);
    struct mr_slice behind =
        at == SIZE_MAX ? (struct mr_slice){0} : mr_slice_sub(*text, at + 1, SIZE_MAX);
    *text = mr_slice_sub(*text, 0, at);
    return behind;
}

static struct url split_url(struct mr_slice text)
{
    struct url url = {0};
    url.fragment = cut_at(&text, '#');
    url.query = cut_at(&text, '?');
    const size_t colon = mr_slice_find(text, ':');
    if (colon != SIZE_MAX && colon < mr_slice_find(text, '/')) {
        url.protocol = mr_slice_sub(text, 0, colon);
        text = mr_slice_sub(text, colon + 1, SIZE_MAX);
    }
    if (mr_slice_starts_with(text, MR_S("//"))) {
        text = mr_slice_sub(text, 2, SIZE_MAX);
        url.host = mr_slice_sub(text, 0, mr_slice_find(text, '/'));
        text = mr_slice_sub(text, url.host.len, SIZE_MAX);
        const size_t at = mr_slice_find(url.host, '@');
        if (at != SIZE_MAX)
            url.host = mr_slice_sub(url.host, at + 1, SIZE_MAX);
        if (url.host.len == 0 || url.host.ptr[0] != '[')
            url.port = cut_at(&url.host, ':');
    }
    url.path = text;
    return url;
}

static struct mr_slice decoded(struct athena_row *row, struct mr_slice text, bool plus_is_space)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice plain = mr_percent_decode(&arena, text, plus_is_space);
    mr_buf_reset(&row->text);
    mr_buf_append(&row->text, plain);
    mr_arena_fini(&arena);
    return mr_buf_slice(&row->text);
}

/* mr_url(url, part): what is behind the host without escapes, as java.net.URI tells it. */
static bool url_part(struct athena_row *row)
{
    struct url url = split_url(athena_row_slice(row, 0));
    const struct {
        const char *name;
        struct mr_slice part;
        bool needed; /* NULL when it is empty */
    } parts[] = {{"protocol", url.protocol, false}, {"host", url.host, true},
                 {"port", url.port, true},          {"path", url.path, false},
                 {"query", url.query, false},       {"fragment", url.fragment, false}};
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        if (mr_slice_equal(athena_row_slice(row, 1), mr_slice_cstr(parts[i].name)) &&
            (parts[i].part.len > 0 || !parts[i].needed))
            athena_row_put_text(row, decoded(row, parts[i].part, false));
    }
    return true;
}

static bool url_parameter(struct athena_row *row)
{
    struct mr_slice query = split_url(athena_row_slice(row, 0)).query, pair;
    struct mr_slice name = athena_row_slice(row, 1);
    while (query.len > 0 && mr_slice_split(&query, '&', &pair)) {
        struct mr_slice value = cut_at(&pair, '=');
        if (!mr_slice_equal(pair, name))
            continue;
        athena_row_put_text(row, decoded(row, value, true));
        return true;
    }
    return true;
}

/* As forms are sent: letters, digits and .-*_ stay, a blank is +. */
static bool url_encode(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (isalnum(byte) || mr_byte_in((char)byte, ".-*_"))
            mr_buf_byte(&row->text, (char)byte);
        else if (byte == ' ')
            mr_buf_byte(&row->text, '+');
        else
            mr_buf_printf(&row->text, "%%%02X", byte);
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool url_decode(struct athena_row *row)
{
    athena_row_put_text(row, decoded(row, athena_row_slice(row, 0), true));
    return true;
}

/* ---- amounts in words ---- */

static bool human_seconds(struct athena_row *row)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"week", 604800}, {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    const double given = athena_row_double(row, 0);
    if (!isfinite(given) || fabs(given) > 1e15)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid argument found: %g", given);
    int64_t rest = llabs(llround(given));
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        const int64_t count = rest / units[i].seconds;
        rest %= units[i].seconds;
        if (count > 0 || (i + 1 == MR_COUNT(units) && row->text.len == 0))
            mr_buf_printf(&row->text, "%s%lld %s%s", row->text.len > 0 ? ", " : "",
                          (long long)count, units[i].name, count == 1 ? "" : "s");
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool format_number(struct athena_row *row)
{
    static const char *const units[] = {"", "K", "M", "B", "T", "Q"};
    double value = athena_row_double(row, 0);
    size_t unit = 0;
    while (fabs(value) >= 1000 && unit + 1 < MR_COUNT(units)) {
        value /= 1000;
        unit++;
    }
    const int digits = fabs(value) < 10 ? 2 : fabs(value) < 100 ? 1 : 0;
    char text[400];
    snprintf(text, sizeof text, "%.*f", digits, value);
    size_t len = strlen(text);
    while (digits > 0 && text[len - 1] == '0')
        len--;
    len -= text[len - 1] == '.';
    mr_buf_printf(&row->text, "%.*s%s", (int)len, text, units[unit]);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* "3.81 d": a number and a unit; its index among `units`, SIZE_MAX: none. */
static size_t amount(struct mr_slice text, const char *const *units, size_t count, double *ret)
{
    char copy[64], *end;
    text = mr_slice_trim(text);
    if (text.len == 0 || text.len >= sizeof copy || !isdigit((unsigned char)text.ptr[0]))
        return SIZE_MAX;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i]) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* In microseconds, whole milliseconds as Trino's intervals are. */
static bool parse_duration(struct athena_row *row)
{
    static const char *const units[] = {"ns", "us", "ms", "s", "m", "h", "d"};
    static const double millis[] = {1e-6, 1e-3, 1, 1e3, 6e4, 3.6e6, 8.64e7};
    double value;
    const size_t unit = amount(athena_row_slice(row, 0), units, MR_COUNT(units), &value);
    if (unit == SIZE_MAX)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: duration is not a valid data duration string: %.*s",
            MR_ARG(athena_row_slice(row, 0)));
    athena_row_put_integer(row, (int64_t)round(value * millis[unit]) * 1000);
    return true;
}

static bool parse_data_size(struct athena_row *row)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value;
    const size_t unit = amount(athena_row_slice(row, 0), units, MR_COUNT(units), &value);
    if (unit == SIZE_MAX)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid data size: '%.*s'",
                               MR_ARG(athena_row_slice(row, 0)));
    athena_row_put_double(row, floor(value * pow(1024, (double)unit)));
    return true;
}

/* ---- JSON ---- */

static void write_sorted(struct mr_json *json, struct mr_arena *arena, yyjson_val *value);

struct member {
    struct mr_slice name;
    yyjson_val *value;
    size_t index;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    const int order = mr_slice_compare(left->name, right->name);
    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

/* Members by name; of those with one name the last. */
static void write_object(struct mr_json *json, struct mr_arena *arena, yyjson_val *object)
{
    const size_t count = yyjson_obj_size(object);
    struct member *members = MR_NEW_ARRAY(arena, struct member, count + 1);
    size_t index, most;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, most, key, value)
    {
        members[index] =
            (struct member){mr_slice_make(yyjson_get_str(key), yyjson_get_len(key)), value, index};
    }
    qsort(members, count, sizeof *members, compare_members);
    mr_json_object(json);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && mr_slice_equal(members[i].name, members[i + 1].name))
            continue;
        mr_json_name(json, members[i].name);
        write_sorted(json, arena, members[i].value);
    }
    mr_json_object_end(json);
}

static void write_sorted(struct mr_json *json, struct mr_arena *arena, yyjson_val *value)
{
    if (yyjson_is_obj(value)) {
        write_object(json, arena, value);
    } else if (yyjson_is_arr(value)) {
        size_t index, most;
        yyjson_val *item;
        mr_json_array(json);
        yyjson_arr_foreach(value, index, most, item) write_sorted(json, arena, item);
        mr_json_array_end(json);
    } else {
        mr_json_value(json, value);
    }
}

static bool json_parse(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *value = mr_json_parse(&arena, text, MR_JSON_DEPTH_MAX);
    if (value != NULL) {
        struct mr_json json = mr_json_make(&row->text);
        write_sorted(&json, &arena, value);
        athena_row_put_text(row, mr_buf_slice(&row->text));
    }
    mr_arena_fini(&arena);
    return value != NULL ||
           athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '%.*s'",
                           MR_ARG(mr_slice_sub(text, 0, 1000)));
}

enum mr_status athena_texts_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define B DUCKDB_TYPE_BIGINT
#define D DUCKDB_TYPE_DOUBLE
    static const struct athena_row_function functions[] = {
        {"mr_chr", {B}, V, chr},
        {"mr_substr", {V, B}, V, substr_to_end},
        {"mr_substr", {V, B, B}, V, substr},
        {"mr_strpos", {V, V, B}, B, strpos},
        {"mr_replace", {V, V, V}, V, replace},
        {"mr_luhn", {V}, DUCKDB_TYPE_BOOLEAN, luhn},
        {"mr_soundex", {V}, V, soundex},
        {"mr_url", {V, V}, V, url_part},
        {"mr_url_parameter", {V, V}, V, url_parameter},
        {"mr_url_encode", {V}, V, url_encode},
        {"mr_url_decode", {V}, V, url_decode},
        {"mr_human_seconds", {D}, V, human_seconds},
        {"mr_format_number", {D}, V, format_number},
        {"mr_parse_duration", {V}, B, parse_duration},
        {"mr_parse_data_size", {V}, D, parse_data_size},
        {"mr_json_sorted", {V}, V, json_parse},
    };
#undef V
#undef B
#undef D
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
