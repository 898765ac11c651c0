#include "glue/filter_value.h"
#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

enum { NANO_DIGITS = 9, NANOS_IN_MS = 1000000 };

enum filter_type glue_filter_type(struct mr_slice type)
{
    static const struct {
        const char *name;
        enum filter_type type;
    } types[] = {
        {"string", FILTER_TEXT},     {"char", FILTER_TEXT},        {"varchar", FILTER_TEXT},
        {"int", FILTER_INTEGER},     {"integer", FILTER_INTEGER},  {"bigint", FILTER_INTEGER},
        {"long", FILTER_INTEGER},    {"smallint", FILTER_INTEGER}, {"tinyint", FILTER_INTEGER},
        {"decimal", FILTER_DECIMAL}, {"date", FILTER_DATE},        {"timestamp", FILTER_TIMESTAMP}};
    struct mr_slice name = mr_slice_trim(mr_slice_sub(type, 0, mr_slice_find(type, '(')));
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (mr_slice_equal_nocase(name, mr_slice_cstr(types[i].name)))
            return types[i].type;
    }
    return FILTER_NO_TYPE;
}

/* Digits, a sign, a point, an exponent: not all that strtod() would take. */
static bool read_decimal(struct mr_slice text, double *ret)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (mr_slice_find(MR_S("0123456789+-.eE"), text.ptr[i]) == SIZE_MAX)
            return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return end == copy + text.len;
}

/* Takes `least` to `most` digits and what follows them. */
static bool take_number(struct mr_slice *rest, size_t least, size_t most, char behind, int *ret)
{
    size_t len = 0;
    *ret = 0;
    while (len < rest->len && len < most && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        *ret = *ret * 10 + (rest->ptr[len++] - '0');
    if (len < least || (behind != 0 && (len == rest->len || rest->ptr[len] != behind)))
        return false;
    *rest = mr_slice_sub(*rest, len + (behind != 0), SIZE_MAX);
    return true;
}

/* yyyy-m[m]-d[d]; the day exists. */
static bool take_date(struct mr_slice *rest, char behind, struct mr_date *ret)
{
    *ret = (struct mr_date){0};
    if (!take_number(rest, 4, 4, '-', &ret->year) || !take_number(rest, 1, 2, '-', &ret->month) ||
        !take_number(rest, 1, 2, behind, &ret->day) || ret->month < 1 || ret->month > 12 ||
        ret->day < 1)
        return false;
    const struct mr_date same = mr_date_from_ms(mr_date_to_ms(ret));
    return same.month == ret->month && same.day == ret->day;
}

static bool read_date(struct mr_slice text, int64_t *ret_ms)
{
    struct mr_date date;
    if (!take_date(&text, 0, &date) || text.len > 0)
        return false;
    *ret_ms = mr_date_to_ms(&date);
    return true;
}

/* yyyy-mm-dd hh:mm:ss[.fffffffff] */
static bool read_timestamp(struct mr_slice text, struct filter_value *value)
{
    struct mr_date date;
    int fraction = 0;
    if (!take_date(&text, ' ', &date) || !take_number(&text, 1, 2, ':', &date.hour) ||
        !take_number(&text, 1, 2, ':', &date.minute) ||
        !take_number(&text, 1, 2, 0, &date.second) || date.hour > 23 || date.minute > 59 ||
        date.second > 59)
        return false;
    if (mr_slice_starts_with(text, MR_S("."))) {
        text = mr_slice_sub(text, 1, SIZE_MAX);
        const size_t digits = text.len;
        if (!take_number(&text, 1, NANO_DIGITS, 0, &fraction))
            return false;
        for (size_t i = digits; i < NANO_DIGITS; i++)
            fraction *= 10;
    }
    value->whole = mr_date_to_ms(&date) + fraction / NANOS_IN_MS;
    value->nanos = fraction % NANOS_IN_MS;
    return text.len == 0;
}

enum mr_status glue_filter_value_read(struct mr_arena *arena, enum filter_type type,
                                      struct mr_slice text, struct filter_value *ret_value,
                                      struct mr_slice *ret_error)
{
    *ret_value = (struct filter_value){.text = text};
    switch (type) {
    case FILTER_INTEGER:
        if (mr_slice_starts_with(text, MR_S("+")) && !mr_slice_starts_with(text, MR_S("+-")))
            text = mr_slice_sub(text, 1, SIZE_MAX);
        if (mr_slice_to_i64(text, &ret_value->whole) == MR_OK)
            return MR_OK;
        *ret_error =
            mr_arena_printf(arena, "For input string: \"%.*s\" is not an integer.", MR_ARG(text));
        return MR_INVALID;
    case FILTER_DECIMAL:
        if (read_decimal(text, &ret_value->real))
            return MR_OK;
        *ret_error = mr_arena_printf(arena, "%.*s is not a decimal.", MR_ARG(text));
        return MR_INVALID;
    case FILTER_DATE:
        if (read_date(text, &ret_value->whole))
            return MR_OK;
        *ret_error = mr_arena_printf(arena, "%.*s is not a date.", MR_ARG(text));
        return MR_INVALID;
    case FILTER_TIMESTAMP:
        if (read_timestamp(text, ret_value))
            return MR_OK;
        *ret_error = mr_arena_printf(arena,
                                     "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] "
                                     "%.*s is not a timestamp.",
                                     MR_ARG(text));
        return MR_INVALID;
    default: return MR_OK;
    }
}

int glue_filter_value_compare(enum filter_type type, const struct filter_value *a,
                              const struct filter_value *b)
{
    switch (type) {
    case FILTER_TEXT: return mr_slice_compare(a->text, b->text);
    case FILTER_DECIMAL: return (a->real > b->real) - (a->real < b->real);
    default:
        if (a->whole != b->whole)
            return a->whole < b->whole ? -1 : 1;
        return (a->nanos > b->nanos) - (a->nanos < b->nanos);
    }
}
