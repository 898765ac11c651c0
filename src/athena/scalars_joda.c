/* format_datetime and parse_datetime: the patterns of Joda-Time's DateTimeFormat. */
#include "athena/rows.h"
#include "base/clock.h"
#include "base/joda.h"
#include <ctype.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

static bool fail_pattern(struct athena_row *row, const struct mr_joda_token *token)
{
    return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Illegal pattern component: %.*s",
                           MR_ARG(token->text));
}

/* As mr_joda_next; what stands behind a quote without an end is text, in Joda-Time. */
static enum mr_status next_token(struct mr_slice *pattern, struct mr_joda_token *ret_token)
{
    const enum mr_status status = mr_joda_next(pattern, ret_token);
    if (status != MR_INVALID)
        return status;
    *ret_token = (struct mr_joda_token){.count = 1, .text = mr_slice_sub(*pattern, 1, SIZE_MAX)};
    *pattern = MR_S("");
    return MR_OK;
}

/* ---- a moment taken apart ---- */

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t days_of(int year, int month, int day)
{
    struct mr_date date = {.year = year, .month = month, .day = day};
    return floor_div(mr_date_to_ms(&date), 86400000);
}

struct moment {
    struct mr_date date;
    int64_t micros; /* of the day */
    int64_t day, day_of_year, weekday, week, week_year;
};

static struct moment moment_of(int64_t micros)
{
    struct moment moment = {.day = floor_div(micros, DAY)};
    moment.micros = micros - moment.day * DAY;
    moment.date = mr_date_from_ms(moment.day * 86400000);
    moment.day_of_year = moment.day - days_of(moment.date.year, 1, 1) + 1;
    moment.weekday = ((moment.day + 3) % 7 + 7) % 7 + 1; /* Monday is 1 */
    const struct mr_date thursday = mr_date_from_ms((moment.day + 4 - moment.weekday) * 86400000);
    moment.week_year = thursday.year;
    moment.week = (moment.day + 4 - moment.weekday - days_of(thursday.year, 1, 1)) / 7 + 1;
    return moment;
}

static void put_year(struct mr_buf *out, int64_t year, size_t count)
{
    if (count == 2)
        mr_buf_printf(out, "%02lld", (long long)(year % 100));
    else
        mr_buf_printf(out, "%0*lld", (int)count, (long long)year);
}

static void put_name(struct mr_buf *out, const char *name, bool whole)
{
    mr_buf_append(out, mr_slice_sub(mr_slice_cstr(name), 0, whole ? SIZE_MAX : 3));
}

static void put_offset(struct mr_buf *out, int64_t seconds, bool colon)
{
    const int64_t minutes = (seconds < 0 ? -seconds : seconds) / 60;
    mr_buf_printf(out, "%c%02d%s%02d", seconds < 0 ? '-' : '+', (int)(minutes / 60),
                  colon ? ":" : "", (int)(minutes % 60));
}

static void put_fraction(struct mr_buf *out, int64_t micros, size_t count)
{
    int64_t value = micros % SECOND / 1000; /* milliseconds are all that Joda knows */
    for (size_t i = 3; i > count; i--)
        value /= 10;
    mr_buf_printf(out, "%0*d", (int)(count < 3 ? count : 3), (int)value);
    for (size_t i = 3; i < count; i++)
        mr_buf_byte(out, '0');
}

static bool put_zone(struct athena_row *row, const struct mr_joda_token *token)
{
    struct mr_slice zone = athena_row_slice(row, 2);
    const int64_t seconds = athena_row_integer(row, 3);
    if (token->letter == 'Z' && token->count < 3)
        put_offset(&row->text, seconds, token->count == 2);
    else if (token->letter == 'z' && token->count > 3 && mr_slice_equal(zone, MR_S("UTC")))
        mr_buf_append(&row->text, MR_S("Coordinated Universal Time"));
    else if (token->letter == 'z' && mr_slice_find(zone, '/') != SIZE_MAX)
        return athena_row_fail(row, "NOT_SUPPORTED: the name of the time zone %.*s is not known",
                               MR_ARG(zone));
    else
        mr_buf_append(&row->text, zone);
    return true;
}

/* Numbers of at least so many digits. False: the letter is none of them. */
static bool number_of(const struct moment *moment, char letter, int64_t *ret)
{
    const int64_t hour = moment->micros / (3600 * SECOND);
    switch (letter) {
    case 'C': *ret = moment->date.year / 100; return true;
    case 'w': *ret = moment->week; return true;
    case 'e': *ret = moment->weekday; return true;
    case 'D': *ret = moment->day_of_year; return true;
    case 'M': *ret = moment->date.month; return true;
    case 'd': *ret = moment->date.day; return true;
    case 'K': *ret = hour % 12; return true;
    case 'h': *ret = (hour + 11) % 12 + 1; return true;
    case 'H': *ret = hour; return true;
    case 'k': *ret = (hour + 23) % 24 + 1; return true;
    case 'm': *ret = moment->micros / (60 * SECOND) % 60; return true;
    case 's': *ret = moment->micros / SECOND % 60; return true;
    default: return false;
    }
}

static bool put_token(struct athena_row *row, const struct moment *moment,
                      const struct mr_joda_token *token)
{
    struct mr_buf *out = &row->text;
    int64_t number;
    switch (token->letter) {
    case '\0': mr_buf_append(out, token->text); return true;
    case 'G': mr_buf_append(out, MR_S("AD")); return true;
    case 'Y':
    case 'y': put_year(out, moment->date.year, token->count); return true;
    case 'x': put_year(out, moment->week_year, token->count); return true;
    case 'E': put_name(out, mr_weekday_names[moment->weekday - 1], token->count > 3); return true;
    case 'a': mr_buf_append(out, moment->micros < DAY / 2 ? MR_S("AM") : MR_S("PM")); return true;
    case 'S': put_fraction(out, moment->micros, token->count); return true;
    case 'Z':
    case 'z': return put_zone(row, token);
    default: break;
    }
    if (token->letter == 'M' && token->count > 2) {
        put_name(out, mr_month_names[moment->date.month - 1], token->count > 3);
        return true;
    }
    if (!number_of(moment, token->letter, &number))
        return fail_pattern(row, token);
    mr_buf_printf(out, "%0*lld", (int)(token->count < 100 ? token->count : 100), (long long)number);
    return true;
}

/* mr_joda_format(local moment, pattern, zone, its seconds east of UTC) */
static bool joda_format(struct athena_row *row)
{
    const struct moment moment = moment_of(athena_row_integer(row, 0));
    struct mr_slice pattern = athena_row_slice(row, 1);
    struct mr_joda_token token;
    if (pattern.len == 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Both printing and parsing not "
                                    "supported");
    while (next_token(&pattern, &token) == MR_OK) {
        if (!put_token(row, &moment, &token))
            return false;
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* ---- reading ---- */

struct reading {
    struct mr_slice text, rest;
    int64_t fields[128]; /* by letter; -1: not given */
    int64_t fraction;    /* microseconds */
    int64_t offset;      /* seconds */
};

static bool malformed(struct athena_row *row, const struct reading *reading)
{
    if (reading->rest.len == 0)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: Invalid format: \"%.*s\" is too "
                               "short",
                               MR_ARG(reading->text));
    if (reading->rest.len == reading->text.len)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid format: \"%.*s\"",
                               MR_ARG(reading->text));
    return athena_row_fail(row,
                           "INVALID_FUNCTION_ARGUMENT: Invalid format: \"%.*s\" is malformed "
                           "at \"%.*s\"",
                           MR_ARG(reading->text), MR_ARG(reading->rest));
}

static bool read_number(struct reading *reading, size_t most, int64_t *ret, size_t *ret_len)
{
    return mr_joda_read_digits(&reading->rest, most, ret, ret_len);
}

/* *ret: from 1. */
static bool read_name(struct reading *reading, const char *const *names, size_t count, int64_t *ret)
{
    size_t index = 0;
    const bool found = mr_joda_read_name(&reading->rest, names, count, &index);
    *ret = (int64_t)index + 1;
    return found;
}

/* "+02:00", "+0200", "+02", Z, UTC. */
static bool read_zone(struct reading *reading)
{
    int64_t hours, minutes = 0;
    size_t len;
    static const char *const names[] = {"UTC", "GMT", "Z"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_starts_with(reading->rest, mr_slice_cstr(names[i]))) {
            reading->rest = mr_slice_sub(reading->rest, strlen(names[i]), SIZE_MAX);
            return true;
        }
    }
    if (reading->rest.len < 3 || !mr_byte_in(reading->rest.ptr[0], "+-"))
        return false;
    const bool minus = reading->rest.ptr[0] == '-';
    reading->rest = mr_slice_sub(reading->rest, 1, SIZE_MAX);
    if (!read_number(reading, 2, &hours, &len) || len != 2)
        return false;
    if (reading->rest.len > 0 && reading->rest.ptr[0] == ':')
        reading->rest = mr_slice_sub(reading->rest, 1, SIZE_MAX);
    if (read_number(reading, 2, &minutes, &len) && len != 2)
        return false;
    reading->offset = (hours * 60 + minutes) * (minus ? -60 : 60);
    return hours < 24 && minutes < 60;
}

static bool read_fraction(struct reading *reading)
{
    int64_t value;
    size_t len;
    if (!read_number(reading, 9, &value, &len))
        return false;
    for (; len < 6; len++)
        value *= 10;
    for (; len > 6; len--)
        value /= 10;
    reading->fraction = value - value % 1000;
    return true;
}

static bool is_numeric(const struct mr_joda_token *token)
{
    return token->letter != '\0' && !mr_byte_in(token->letter, "GEazZ") &&
           !(token->letter == 'M' && token->count > 2);
}

static bool read_year(struct reading *reading, const struct mr_joda_token *token, bool crowded)
{
    enum { DIGITS_MAX = 9 };
    const size_t most = crowded && token->count < DIGITS_MAX ? token->count : DIGITS_MAX;
    int64_t *year = &reading->fields[token->letter == 'x' ? 'x' : 'y'];
    const bool minus = reading->rest.len > 0 && reading->rest.ptr[0] == '-' && !crowded;
    size_t len;
    if (minus)
        reading->rest = mr_slice_sub(reading->rest, 1, SIZE_MAX);
    if (!read_number(reading, most, year, &len) || minus)
        return false;
    if (token->count == 2 && len == 2)
        *year += *year < 70 ? 2000 : 1900;
    return true;
}

/* `crowded`: a number follows at once, so this one has just so many digits. */
static bool read_token(struct reading *reading, const struct mr_joda_token *token, bool crowded)
{
    static const char *const halves[] = {"AM", "PM"};
    static const char *const eras[] = {"AD"};
    int64_t *field = &reading->fields[(unsigned char)token->letter & 127];
    size_t len;
    switch (token->letter) {
    case '\0':
        if (!mr_slice_equal_nocase(mr_slice_sub(reading->rest, 0, token->text.len), token->text))
            return false;
        reading->rest = mr_slice_sub(reading->rest, token->text.len, SIZE_MAX);
        return true;
    case 'G': return read_name(reading, eras, 1, field);
    case 'Y':
    case 'y':
    case 'x': return read_year(reading, token, crowded);
    case 'E': return read_name(reading, mr_weekday_names, MR_WEEKDAYS, field);
    case 'a': return read_name(reading, halves, 2, field);
    case 'S': return read_fraction(reading);
    case 'Z':
    case 'z': return read_zone(reading);
    case 'M':
        if (token->count > 2)
            return read_name(reading, mr_month_names, MR_MONTHS, field);
        break;
    default: break;
    }
    const size_t most = token->letter == 'D' ? 3 : token->letter == 'e' ? 1 : 2;
    return read_number(reading, crowded && token->count < most ? token->count : most, field, &len);
}

/* Whether each field is in its range; else the error is set. */
static bool in_range(struct athena_row *row, const struct reading *reading)
{
    static const struct {
        char letter;
        int low, high;
        const char *name;
    } ranges[] = {
        {'M', 1, 12, "monthOfYear"},        {'d', 1, 31, "dayOfMonth"},
        {'D', 1, 366, "dayOfYear"},         {'H', 0, 23, "hourOfDay"},
        {'k', 1, 24, "clockhourOfDay"},     {'K', 0, 11, "hourOfHalfday"},
        {'h', 1, 12, "clockhourOfHalfday"}, {'m', 0, 59, "minuteOfHour"},
        {'s', 0, 59, "secondOfMinute"},     {'w', 1, 53, "weekOfWeekyear"},
        {'e', 1, 7, "dayOfWeek"},           {'y', 0, 9999, "year"},
        {'x', 0, 9999, "weekyear"},
    };
    int last = 31;
    if (reading->fields['d'] > 28 && reading->fields['D'] < 0) {
        const int month = reading->fields['M'] < 1 ? 1 : (int)reading->fields['M'];
        const int year = reading->fields['y'] < 0 ? 1970 : (int)reading->fields['y'];
        if (month <= 12 && year <= 9999)
            last = (int)(days_of(month == 12 ? year + 1 : year, month % 12 + 1, 1) -
                         days_of(year, month, 1));
    }
    for (size_t i = 0; i < MR_COUNT(ranges); i++) {
        const int64_t value = reading->fields[(unsigned char)ranges[i].letter];
        const int high = ranges[i].letter == 'd' ? last : ranges[i].high;
        if (value >= 0 && (value < ranges[i].low || value > high))
            return athena_row_fail(row,
                                   "INVALID_FUNCTION_ARGUMENT: Cannot parse \"%.*s\": Value %lld "
                                   "for %s must be in the range [%d,%d]",
                                   MR_ARG(reading->text), (long long)value, ranges[i].name,
                                   ranges[i].low, high);
    }
    return true;
}

static int64_t given(const struct reading *reading, char letter, int64_t otherwise)
{
    const int64_t value = reading->fields[(unsigned char)letter];
    return value < 0 ? otherwise : value;
}

static int64_t micros_of(const struct reading *reading)
{
    const int year = (int)given(reading, 'y', 1970);
    int64_t day = days_of(year, (int)given(reading, 'M', 1), (int)given(reading, 'd', 1));
    if (reading->fields['D'] >= 0)
        day = days_of(year, 1, 1) + reading->fields['D'] - 1;
    if (reading->fields['w'] >= 0 || reading->fields['x'] >= 0) {
        const int64_t fourth = days_of((int)given(reading, 'x', 1970), 1, 4); /* in week 1 */
        const int64_t monday = fourth - ((fourth + 3) % 7 + 7) % 7;
        day = monday + (given(reading, 'w', 1) - 1) * 7 +
              given(reading, 'e', given(reading, 'E', 1)) - 1;
    }
    int64_t hour = given(reading, 'H', given(reading, 'k', 0) % 24);
    if (reading->fields['h'] >= 0 || reading->fields['K'] >= 0)
        hour = given(reading, 'K', given(reading, 'h', 0) % 12) +
               (given(reading, 'a', 1) == 2 ? 12 : 0);
    return day * DAY +
           ((hour * 60 + given(reading, 'm', 0)) * 60 + given(reading, 's', 0) - reading->offset) *
               SECOND +
           reading->fraction;
}

/* *ret_offset: seconds east of UTC; 0: none is given. */
static bool read_moment(struct athena_row *row, struct mr_slice text, struct mr_slice pattern,
                        int64_t *ret_micros, int64_t *ret_offset)
{
    struct reading reading = {.text = text};
    struct mr_joda_token token, ahead;
    reading.rest = reading.text;
    memset(reading.fields, 0xff, sizeof reading.fields);
    while (next_token(&pattern, &token) == MR_OK) {
        struct mr_slice rest = pattern;
        const bool crowded = next_token(&rest, &ahead) == MR_OK && is_numeric(&ahead);
        if (token.letter != '\0' && !mr_byte_in(token.letter, "GCYyxweEDMdaKhHkmsSzZ"))
            return fail_pattern(row, &token);
        if (!read_token(&reading, &token, crowded))
            return malformed(row, &reading);
    }
    if (reading.rest.len > 0)
        return malformed(row, &reading);
    if (!in_range(row, &reading))
        return false;
    *ret_micros = micros_of(&reading);
    *ret_offset = reading.offset;
    return true;
}

/* mr_joda_local(text, pattern), mr_joda_instant */
static bool joda_parse(struct athena_row *row)
{
    int64_t micros = 0, offset;
    if (!read_moment(row, athena_row_slice(row, 0), athena_row_slice(row, 1), &micros, &offset))
        return false;
    athena_row_put_integer(row, micros);
    return true;
}

/* mr_joda_zone(text, pattern) */
static bool joda_zone(struct athena_row *row)
{
    int64_t micros, offset = 0;
    if (!read_moment(row, athena_row_slice(row, 0), athena_row_slice(row, 1), &micros, &offset))
        return false;
    athena_row_put_offset(row, offset / 60);
    return true;
}

bool athena_joda_moment(struct mr_slice text, struct mr_slice pattern, int64_t *ret_micros)
{
    struct athena_row row = {0}; /* for the message, which nobody reads */
    int64_t offset;
    const bool fine = read_moment(&row, text, pattern, ret_micros, &offset);
    mr_buf_fini(&row.message);
    return fine;
}

/* mr_mysql_pattern(format): MySQL's codes in Joda's letters. */
static bool mysql_pattern(struct athena_row *row)
{
    static const char *const codes[] = {
        "aEEE", "bMMM",  "cM",    "ddd",   "ed",    "fSSSSSS",     "HHH",      "hhh", "Ihh",
        "imm",  "jDDD",  "kH",    "lh",    "MMMMM", "mMM",         "pa",       "Sss", "sss",
        "vww",  "WEEEE", "xxxxx", "Yyyyy", "yyy",   "rhh:mm:ss a", "THH:mm:ss"};
    struct mr_slice text = athena_row_slice(row, 0);
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        const bool code = text.ptr[i] == '%' && i + 1 < text.len;
        const char letter = code ? text.ptr[++i] : text.ptr[i];
        const char *found = NULL;
        for (size_t c = 0; code && c < MR_COUNT(codes); c++)
            found = codes[c][0] == letter ? codes[c] + 1 : found;
        /* Two quoted texts beside each other would be one, with a quote in it. */
        if (found == NULL ? isalpha((unsigned char)letter) && !quoted : quoted) {
            mr_buf_byte(&row->text, '\'');
            quoted = !quoted;
        }
        if (found != NULL)
            mr_buf_append(&row->text, mr_slice_cstr(found));
        else if (code && mr_byte_in(letter, "DUuVwX"))
            return athena_row_fail(row,
                                   "INVALID_FUNCTION_ARGUMENT: %%%c not supported in date "
                                   "format string",
                                   letter);
        else if (letter == '\'')
            mr_buf_append(&row->text, MR_S("''"));
        else
            mr_buf_byte(&row->text, letter);
    }
    if (quoted)
        mr_buf_byte(&row->text, '\'');
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

enum mr_status athena_joda_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
    static const struct athena_row_function functions[] = {
        {"mr_joda_format", {DUCKDB_TYPE_TIMESTAMP, V, V, DUCKDB_TYPE_BIGINT}, V, joda_format},
        {"mr_joda_local", {V, V}, DUCKDB_TYPE_TIMESTAMP, joda_parse},
        {"mr_joda_instant", {V, V}, DUCKDB_TYPE_TIMESTAMP_TZ, joda_parse},
        {"mr_joda_zone", {V, V}, V, joda_zone},
        {"mr_mysql_pattern", {V}, V, mysql_pattern},
    };
#undef V
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
