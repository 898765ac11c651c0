/* format(): Java's formats of values that come as texts. */
#include "athena/format.h"
#include "athena/rows.h"
#include "base/json.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORMAT_WIDTH_MAX = 100000 };

struct spec {
    bool left, plus, blank, zero, comma, paren, alternate;
    bool again; /* '<': the value of the one before */
    size_t width;
    int precision; /* -1: none */
    char conversion;
    char moment;    /* of 't': what is shown of a date or time */
    bool of_moment; /* the value is one */
};

static size_t number_at(struct mr_slice text, size_t *at)
{
    size_t value = 0;
    while (*at < text.len && isdigit((unsigned char)text.ptr[*at]) && value < FORMAT_WIDTH_MAX)
        value = value * 10 + (size_t)(text.ptr[(*at)++] - '0');
    return value;
}

/* Behind '%'. *ret_index: of "2$", from 1, or 0. False: no format. */
static bool read_spec(struct mr_slice text, size_t *at, struct spec *spec, size_t *ret_index)
{
    *spec = (struct spec){.precision = -1};
    *ret_index = 0;
    size_t ahead = *at;
    const size_t index = number_at(text, &ahead);
    if (ahead > *at && ahead < text.len && text.ptr[ahead] == '$') {
        *ret_index = index;
        *at = ahead + 1;
    }
    for (; *at < text.len; (*at)++) {
        const char flag = text.ptr[*at];
        if (!mr_byte_in(flag, "-+ 0,(#<"))
            break;
        spec->left = spec->left || flag == '-';
        spec->plus = spec->plus || flag == '+';
        spec->blank = spec->blank || flag == ' ';
        spec->zero = spec->zero || flag == '0';
        spec->comma = spec->comma || flag == ',';
        spec->paren = spec->paren || flag == '(';
        spec->alternate = spec->alternate || flag == '#';
        spec->again = spec->again || flag == '<';
    }
    spec->width = number_at(text, at);
    if (*at < text.len && text.ptr[*at] == '.') {
        (*at)++;
        spec->precision = (int)number_at(text, at);
    }
    if (*at >= text.len || spec->width >= FORMAT_WIDTH_MAX || spec->precision > 400)
        return false;
    spec->conversion = text.ptr[(*at)++];
    if (tolower((unsigned char)spec->conversion) == 't') {
        if (*at >= text.len)
            return false;
        spec->moment = text.ptr[(*at)++];
    }
    return spec->conversion != '\0';
}

static void put_padded(struct mr_buf *out, const struct spec *spec, struct mr_slice text)
{
    const size_t len = mr_slice_utf8_length(text);
    const size_t fill = spec->width > len ? spec->width - len : 0;
    if (spec->left)
        mr_buf_append(out, text);
    for (size_t i = 0; i < fill; i++)
        mr_buf_byte(out, ' ');
    if (!spec->left)
        mr_buf_append(out, text);
}

/* Digits, perhaps with a point, into groups, with sign and zeros. */
static void put_number(struct mr_buf *out, const struct spec *spec, struct mr_slice digits)
{
    struct mr_buf text = {0};
    const bool negative = digits.len > 0 && digits.ptr[0] == '-';
    digits = mr_slice_sub(digits, negative, SIZE_MAX);
    size_t whole = 0;
    while (whole < digits.len && isdigit((unsigned char)digits.ptr[whole]))
        whole++;
    if (negative)
        mr_buf_byte(&text, spec->paren ? '(' : '-');
    else if (spec->plus || spec->blank)
        mr_buf_byte(&text, spec->plus ? '+' : ' ');
    const size_t grouped = spec->comma && whole > 0 ? whole + (whole - 1) / 3 : whole;
    size_t len = text.len + grouped + digits.len - whole + (negative && spec->paren);
    for (; spec->zero && !spec->left && len < spec->width; len++)
        mr_buf_byte(&text, '0');
    for (size_t i = 0; i < whole; i++) {
        if (spec->comma && i > 0 && (whole - i) % 3 == 0)
            mr_buf_byte(&text, ',');
        mr_buf_byte(&text, digits.ptr[i]);
    }
    mr_buf_append(&text, mr_slice_sub(digits, whole, SIZE_MAX));
    if (negative && spec->paren)
        mr_buf_byte(&text, ')');
    put_padded(out, spec, mr_buf_slice(&text));
    mr_buf_fini(&text);
}

/* ---- digits ---- */

enum { DIGITS_MAX = 800 };

/* 0.d1d2d3... by ten to the power `point`. */
struct digits {
    char list[DIGITS_MAX];
    int count, point;
    bool negative;
};

/* "-12.5", "1.0E-7". False: it is no number. */
static bool read_digits(struct mr_slice text, struct digits *digits)
{
    *digits = (struct digits){.negative = text.len > 0 && text.ptr[0] == '-'};
    struct mr_slice rest = mr_slice_sub(text, digits->negative, SIZE_MAX);
    bool behind = false, any = false;
    size_t i = 0;
    for (; i < rest.len && (isdigit((unsigned char)rest.ptr[i]) || rest.ptr[i] == '.'); i++) {
        behind = behind || rest.ptr[i] == '.';
        if (rest.ptr[i] == '.')
            continue;
        any = true;
        if (digits->count > 0 || rest.ptr[i] != '0')
            digits->list[digits->count++] = rest.ptr[i];
        if (digits->count == DIGITS_MAX)
            return false;
        digits->point += behind ? digits->count == 0 ? -1 : 0 : digits->count > 0;
    }
    int64_t exponent = 0;
    if (i < rest.len && (rest.ptr[i] != 'E' ||
                         mr_slice_to_i64(mr_slice_sub(rest, i + 1, SIZE_MAX), &exponent) != MR_OK))
        return false;
    if (!any || exponent <= -1000 || exponent >= 1000)
        return false;
    digits->point = digits->count > 0 ? digits->point + (int)exponent : 0;
    return true;
}

/* To `kept` digits, half up. */
static void round_digits(struct digits *digits, int kept)
{
    if (kept >= digits->count)
        return;
    bool up = kept >= 0 && digits->list[kept] >= '5';
    digits->count = kept < 0 ? 0 : kept;
    for (int i = digits->count - 1; up && i >= 0; i--) {
        up = digits->list[i] == '9';
        digits->list[i] = up ? '0' : (char)(digits->list[i] + 1);
    }
    if (up) {
        memmove(digits->list + 1, digits->list, (size_t)digits->count);
        digits->list[0] = '1';
        digits->count++;
        digits->point++;
    }
}

static char digit_at(const struct digits *digits, int at)
{
    return at >= 0 && at < digits->count ? digits->list[at] : '0';
}

static void put_fixed(struct mr_buf *out, struct digits *digits, int precision)
{
    round_digits(digits, digits->point + precision);
    mr_buf_append(out, digits->negative ? MR_S("-") : MR_S(""));
    if (digits->point <= 0)
        mr_buf_byte(out, '0');
    for (int i = 0; i < digits->point; i++)
        mr_buf_byte(out, digit_at(digits, i));
    mr_buf_append(out, precision > 0 ? MR_S(".") : MR_S(""));
    for (int i = 0; i < precision; i++)
        mr_buf_byte(out, digit_at(digits, digits->point + i));
}

static void put_scientific(struct mr_buf *out, struct digits *digits, int precision)
{
    round_digits(digits, precision + 1);
    const int exponent = digits->count == 0 ? 0 : digits->point - 1;
    mr_buf_append(out, digits->negative ? MR_S("-") : MR_S(""));
    mr_buf_byte(out, digit_at(digits, 0));
    mr_buf_append(out, precision > 0 ? MR_S(".") : MR_S(""));
    for (int i = 1; i <= precision; i++)
        mr_buf_byte(out, digit_at(digits, i));
    mr_buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

/* Java rounds the digits that it would show, half up. */
static bool put_floating(struct mr_buf *out, const struct spec *spec, struct mr_slice value)
{
    struct digits digits;
    struct mr_buf text = {0};
    int precision = spec->precision < 0 ? 6 : spec->precision;
    if (value.len > 0 && !isdigit((unsigned char)value.ptr[value.len - 1])) {
        put_padded(out, spec, value); /* NaN, Infinity */
        return true;
    }
    if (!read_digits(value, &digits))
        return false;
    if (spec->conversion == 'g') {
        precision = precision == 0 ? 1 : precision;
        round_digits(&digits, precision);
        const bool small = digits.count > 0 && (digits.point <= -4 || digits.point > precision);
        if (small)
            put_scientific(&text, &digits, precision - 1);
        else
            put_fixed(&text, &digits, precision - (digits.count == 0 ? 1 : digits.point));
    } else if (spec->conversion == 'e') {
        put_scientific(&text, &digits, precision);
    } else {
        put_fixed(&text, &digits, precision);
    }
    put_number(out, spec, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return true;
}

static bool put_integer(struct mr_buf *out, const struct spec *spec, struct mr_slice value)
{
    int64_t number;
    char text[40];
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit((unsigned char)value.ptr[i]) && (i > 0 || value.ptr[i] != '-'))
            return false;
    }
    if (spec->conversion == 'd') {
        put_number(out, spec, value);
        return true;
    }
    if (mr_slice_to_i64(value, &number) != MR_OK)
        return false;
    /* Java shows an integer's 32 bits where the number is one */
    const unsigned long long bits = number < 0 && number >= INT32_MIN
                                        ? (unsigned long long)(uint32_t)number
                                        : (unsigned long long)number;
    snprintf(text, sizeof text, spec->conversion == 'o' ? "%llo" : "%llx", bits);
    struct spec plain = *spec;
    put_number(out, &plain, mr_slice_cstr(text));
    return true;
}

/* What a precision leaves of a text. */
static struct mr_slice precise(const struct spec *spec, struct mr_slice text)
{
    return mr_slice_sub(text, 0, spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision);
}

static bool put_moment(struct mr_buf *out, const struct spec *spec, struct mr_slice value)
{
    struct mr_buf text = {0};
    const bool fine = athena_format_moment(&text, spec->moment, value);
    if (fine)
        put_padded(out, spec, precise(spec, mr_buf_slice(&text)));
    mr_buf_fini(&text);
    return fine;
}

static bool put_value(struct mr_buf *out, struct spec *spec, struct mr_slice value, bool null)
{
    const char conversion = spec->conversion;
    const bool upper = isupper((unsigned char)conversion);
    const size_t before = out->len;
    bool fine = true;
    spec->conversion = (char)tolower((unsigned char)conversion);
    if (spec->conversion == 'b' && null)
        put_padded(out, spec, MR_S("false"));
    else if (null)
        put_padded(out, spec, MR_S("null"));
    else if (spec->of_moment)
        fine = mr_byte_in(spec->conversion, "st") && put_moment(out, spec, value);
    else if (mr_byte_in(spec->conversion, "sb"))
        put_padded(out, spec, precise(spec, value));
    else if (mr_byte_in(spec->conversion, "feg"))
        fine = put_floating(out, spec, value);
    else if (mr_byte_in(spec->conversion, "dxo"))
        fine = put_integer(out, spec, value);
    else
        fine = false;
    for (size_t i = before; upper && i < out->len; i++)
        out->data[i] = (char)toupper((unsigned char)out->data[i]);
    return fine;
}

/* mr_format(a JSON array: the format and its arguments, all as texts; a character for each of
 * them: 'm' if it is a date, time or timestamp). */
static bool format(struct athena_row *row)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *list = mr_json_parse(&arena, athena_row_slice(row, 0), 4);
    struct mr_slice text = mr_json_text(yyjson_arr_get(list, 0));
    const bool null = yyjson_is_null(yyjson_arr_get(list, 0));
    size_t next = 1, index, last = 0;
    bool fine = list != NULL;
    for (size_t at = 0; at < text.len && fine;) {
        struct spec spec;
        if (text.ptr[at] != '%') {
            mr_buf_byte(&row->text, text.ptr[at++]);
            continue;
        }
        at++;
        fine = read_spec(text, &at, &spec, &index);
        if (!fine || spec.conversion == '%' || spec.conversion == 'n') {
            if (fine)
                put_padded(&row->text, &spec, spec.conversion == '%' ? MR_S("%") : MR_S("\n"));
            continue;
        }
        if (index == 0)
            index = spec.again ? last : next++;
        last = index;
        const struct mr_slice kinds = athena_row_slice(row, 1);
        spec.of_moment = index < kinds.len && kinds.ptr[index] == 'm';
        yyjson_val *value = index > 0 ? yyjson_arr_get(list, index) : NULL;
        fine = value != NULL &&
               put_value(&row->text, &spec, mr_json_text(value), yyjson_is_null(value));
    }
    if (fine && !null)
        athena_row_put_text(row, mr_buf_slice(&row->text));
    else if (!fine)
        (void)athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid format string: %.*s",
                              MR_ARG(text));
    mr_arena_fini(&arena);
    return fine;
}

enum mr_status athena_format_register(duckdb_connection connection)
{
    static const struct athena_row_function functions[] = {
        {"mr_format", {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR}, DUCKDB_TYPE_VARCHAR, format},
    };
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
