/* Dates and times from texts, and into ISO 8601's. */
#include "athena/render.h"
#include "athena/rows.h"
#include "base/clock.h"
#include <ctype.h>
#include <math.h>

/* Of DuckDB's moments, which are 64 bits of microseconds. */
#define UNIX_MS_MAX 9e15

struct reader {
    struct mr_slice rest;
    bool failed;
    bool finer; /* a time has more than microseconds, which are left out */
};

static int64_t digits(struct reader *reader, size_t least, size_t most)
{
    size_t len = 0;
    int64_t value = 0;
    while (len < most && len < reader->rest.len && isdigit((unsigned char)reader->rest.ptr[len]))
        value = value * 10 + (reader->rest.ptr[len++] - '0');
    reader->failed = reader->failed || len < least;
    reader->rest = mr_slice_sub(reader->rest, len, SIZE_MAX);
    return value;
}

static bool take(struct reader *reader, char byte)
{
    if (reader->rest.len == 0 || reader->rest.ptr[0] != byte)
        return false;
    reader->rest = mr_slice_sub(reader->rest, 1, SIZE_MAX);
    return true;
}

static void expect(struct reader *reader, char byte)
{
    reader->failed = !take(reader, byte) || reader->failed;
}

/* Days since 1970 of "2026-07-03", one or two digits for month and day. */
static int64_t read_date(struct reader *reader)
{
    struct mr_date date = {0};
    const bool negative = take(reader, '-');
    date.year = (int)digits(reader, 4, 4);
    expect(reader, '-');
    date.month = (int)digits(reader, 1, 2);
    expect(reader, '-');
    date.day = (int)digits(reader, 1, 2);
    if (reader->failed || negative || date.month < 1 || date.month > 12 || date.day < 1)
        reader->failed = true;
    if (reader->failed)
        return 0;
    const int64_t ms = mr_date_to_ms(&date);
    const struct mr_date back = mr_date_from_ms(ms);
    reader->failed = back.day != date.day || back.month != date.month;
    return (ms - (ms % 86400000 + 86400000) % 86400000) / 86400000;
}

/* Microseconds of "10:11:12.5"; minutes, seconds and the fraction may be absent. */
static int64_t read_time(struct reader *reader)
{
    int64_t micros = digits(reader, 1, 2), minute = 0, second = 0, fraction = 0;
    const int64_t hour = micros;
    if (take(reader, ':'))
        minute = digits(reader, 2, 2);
    if (take(reader, ':'))
        second = digits(reader, 2, 2);
    if (take(reader, '.') || take(reader, ',')) {
        const size_t before = reader->rest.len;
        fraction = digits(reader, 1, 6);
        for (size_t len = before - reader->rest.len; len < 6; len++)
            fraction *= 10;
        reader->finer = digits(reader, 0, 12) != 0;
    }
    if (hour > 23 || minute > 59 || second > 59)
        reader->failed = true;
    return ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
}

/* Minutes east of UTC of "Z", "+01:00", "-0730", "+02"; *ret_given false: none is there. */
static int64_t read_offset(struct reader *reader, bool *ret_given)
{
    *ret_given = true;
    if (take(reader, 'Z') || take(reader, 'z'))
        return 0;
    const bool minus = take(reader, '-');
    if (!minus && !take(reader, '+')) {
        *ret_given = false;
        return 0;
    }
    const int64_t hours = digits(reader, 2, 2);
    int64_t minutes = 0;
    if (take(reader, ':') || reader->rest.len > 0)
        minutes = digits(reader, 2, 2);
    return (minus ? -1 : 1) * (hours * 60 + minutes);
}

/* ---- casts; their second argument tells whether what is wrong gives NULL ---- */

static bool wrong_cast(struct athena_row *row, const char *type)
{
    return athena_row_boolean(row, 1) ||
           athena_row_fail(row, "INVALID_CAST_ARGUMENT: Value cannot be cast to %s: %.*s", type,
                           MR_ARG(athena_row_slice(row, 0)));
}

static bool to_date(struct athena_row *row)
{
    struct reader reader = {.rest = mr_slice_trim(athena_row_slice(row, 0))};
    const int64_t days = read_date(&reader);
    if (reader.failed || reader.rest.len > 0)
        return wrong_cast(row, "date");
    athena_row_put_narrow(row, (int32_t)days);
    return true;
}

static bool to_timestamp(struct athena_row *row)
{
    struct reader reader = {.rest = mr_slice_trim(athena_row_slice(row, 0))};
    int64_t micros = read_date(&reader) * INT64_C(86400000000);
    if (reader.rest.len > 0 && (take(&reader, ' ') || take(&reader, 'T')))
        micros += read_time(&reader);
    if (reader.failed || reader.rest.len > 0)
        return wrong_cast(row, "timestamp");
    athena_row_put_integer(row, micros);
    return true;
}

static bool to_time(struct athena_row *row)
{
    struct reader reader = {.rest = mr_slice_trim(athena_row_slice(row, 0))};
    const int64_t micros = read_time(&reader);
    if (reader.failed || reader.rest.len > 0)
        return wrong_cast(row, "time");
    athena_row_put_integer(row, micros);
    return true;
}

/* ---- ISO 8601 ---- */

/* 2020-05-11, 2020-123, 2020-W20-1, 2020-05, 2020. */
static int64_t read_iso_date(struct reader *reader)
{
    struct reader ahead = *reader;
    const int64_t year = digits(&ahead, 4, 4);
    struct mr_date first = {.year = (int)year, .month = 1, .day = 1};
    const int64_t days = mr_date_to_ms(&first) / 86400000;
    if (ahead.rest.len == 0 || ahead.failed) {
        *reader = ahead;
        return days;
    }
    expect(&ahead, '-');
    if (take(&ahead, 'W')) {
        first.day = 4; /* always in the first week */
        const struct mr_date fourth = mr_date_from_ms(mr_date_to_ms(&first));
        const int64_t monday = days + 3 - (fourth.weekday + 6) % 7, week = digits(&ahead, 2, 2);
        const int64_t day = take(&ahead, '-') ? digits(&ahead, 1, 1) : 1;
        *reader = ahead;
        return monday + (week - 1) * 7 + day - 1;
    }
    size_t len = 0;
    while (len < ahead.rest.len && isdigit((unsigned char)ahead.rest.ptr[len]))
        len++;
    if (len == 3) {
        const int64_t day = digits(&ahead, 3, 3);
        ahead.failed = ahead.failed || day < 1 || day > 366;
        *reader = ahead;
        return days + day - 1;
    }
    if (len == 2 && ahead.rest.len == 2) {
        first.month = (int)digits(&ahead, 2, 2);
        ahead.failed = ahead.failed || first.month < 1 || first.month > 12;
        *reader = ahead;
        return ahead.failed ? 0 : mr_date_to_ms(&first) / 86400000;
    }
    return read_date(reader);
}

static bool from_iso8601_date(struct athena_row *row)
{
    struct reader reader = {.rest = athena_row_slice(row, 0)};
    const int64_t days = read_iso_date(&reader);
    if (reader.failed || reader.rest.len > 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid format: \"%.*s\"",
                               MR_ARG(athena_row_slice(row, 0)));
    athena_row_put_narrow(row, (int32_t)days);
    return true;
}

static bool fail_finer(struct athena_row *row)
{
    return athena_row_fail(row, "NOT_SUPPORTED: moments between microseconds are not supported");
}

/* *ret_offset: minutes east of UTC. */
static bool read_iso8601(struct athena_row *row, int64_t *ret_micros, int64_t *ret_offset,
                         bool *ret_finer)
{
    struct reader reader = {.rest = athena_row_slice(row, 0)};
    struct reader day = reader;
    bool given;
    const size_t t = mr_slice_find(reader.rest, 'T');
    day.rest = mr_slice_sub(reader.rest, 0, t);
    int64_t micros = read_iso_date(&day) * INT64_C(86400000000);
    reader.rest = t == SIZE_MAX ? MR_S("") : mr_slice_sub(reader.rest, t + 1, SIZE_MAX);
    if (reader.rest.len > 0)
        micros += read_time(&reader);
    const int64_t offset = reader.rest.len > 0 ? read_offset(&reader, &given) : 0;
    if (day.failed || day.rest.len > 0 || reader.failed || reader.rest.len > 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Invalid format: \"%.*s\"",
                               MR_ARG(athena_row_slice(row, 0)));
    *ret_micros = micros - offset * 60000000;
    *ret_offset = offset;
    *ret_finer = reader.finer;
    return true;
}

static int64_t floored(int64_t value, int64_t unit)
{
    return value - (value % unit + unit) % unit;
}

/* mr_from_iso8601(text): what is finer than milliseconds is cut off. */
static bool from_iso8601(struct athena_row *row)
{
    int64_t micros = 0, offset = 0;
    bool finer;
    if (!read_iso8601(row, &micros, &offset, &finer))
        return false;
    athena_row_put_integer(row, floored(micros, 1000));
    return true;
}

/* mr_from_iso8601_nanos(text) */
static bool from_iso8601_nanos(struct athena_row *row)
{
    int64_t micros = 0, offset = 0;
    bool finer;
    if (!read_iso8601(row, &micros, &offset, &finer))
        return false;
    if (finer)
        return fail_finer(row);
    athena_row_put_integer(row, micros);
    return true;
}

/* mr_from_unix_nanos(nanoseconds) */
static bool from_unix_nanos(struct athena_row *row)
{
    const int64_t nanos = athena_row_integer(row, 0);
    if (nanos % 1000 != 0)
        return fail_finer(row);
    athena_row_put_integer(row, nanos / 1000);
    return true;
}

/* mr_from_unix(seconds), rounded to milliseconds. */
static bool from_unix(struct athena_row *row)
{
    const double seconds = athena_row_double(row, 0);
    const double ms = isnan(seconds) ? 0 : floor(seconds * 1000 + 0.5);
    if (fabs(ms) > UNIX_MS_MAX)
        return athena_row_fail(row, "NUMERIC_VALUE_OUT_OF_RANGE: Millis overflow: %g", ms);
    athena_row_put_integer(row, (int64_t)ms * 1000);
    return true;
}

/* mr_from_iso8601_zone(text) */
static bool iso8601_zone(struct athena_row *row)
{
    int64_t micros = 0, offset = 0;
    bool finer;
    if (!read_iso8601(row, &micros, &offset, &finer))
        return false;
    athena_row_put_offset(row, offset);
    return true;
}

static void put_iso(struct athena_row *row, int64_t micros, const char *zone)
{
    const int64_t ms = floored(micros, 1000) / 1000;
    const struct mr_date date = mr_date_from_ms(ms);
    mr_buf_printf(&row->text, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s", date.year, date.month,
                  date.day, date.hour, date.minute, date.second, date.ms, zone);
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

static bool iso_of_timestamp(struct athena_row *row)
{
    put_iso(row, athena_row_integer(row, 0), "");
    return true;
}

static bool iso_of_instant(struct athena_row *row)
{
    put_iso(row, athena_row_integer(row, 0), "Z");
    return true;
}

static bool iso_of_date(struct athena_row *row)
{
    const int32_t days = ((const int32_t *)row->data[0])[row->at];
    const struct mr_date date = mr_date_from_ms(days * INT64_C(86400000));
    mr_buf_printf(&row->text, "%04d-%02d-%02d", date.year, date.month, date.day);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* ---- intervals ---- */

static bool interval_years(struct athena_row *row)
{
    athena_row_put_integer(row, ((const duckdb_interval *)row->data[0])[row->at].months / 12);
    return true;
}

static bool interval_months(struct athena_row *row)
{
    athena_row_put_integer(row, ((const duckdb_interval *)row->data[0])[row->at].months % 12);
    return true;
}

/* ---- digits of seconds ---- */

/* mr_round_fraction(moment, digits): half up. A time does not pass midnight: it begins anew. */
static bool round_fraction(struct athena_row *row)
{
    int64_t micros = ((const int64_t *)row->data[0])[row->at], unit = 1000000;
    for (int64_t digits = athena_row_integer(row, 1); digits > 0 && unit > 1; digits--)
        unit /= 10;
    if (micros == INT64_MAX || micros == -INT64_MAX) /* infinity, as DuckDB has it */
        unit = 1;
    const int64_t rest = (micros % unit + unit) % unit;
    micros += rest * 2 >= unit && unit > 1 ? unit - rest : -rest;
    athena_row_put_integer(row, micros);
    return true;
}

static bool round_time(struct athena_row *row)
{
    (void)round_fraction(row);
    int64_t *result = &((int64_t *)row->result)[row->at];
    *result %= INT64_C(86400000000);
    return true;
}

/* mr_moment_text(moment, digits) */
static bool moment_text(struct athena_row *row)
{
    athena_render_moment(&row->text, ((const int64_t *)row->data[0])[row->at],
                         (int)athena_row_integer(row, 1));
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool time_text(struct athena_row *row)
{
    athena_render_time(&row->text, ((const int64_t *)row->data[0])[row->at],
                       (int)athena_row_integer(row, 1));
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

enum mr_status athena_moments_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define L DUCKDB_TYPE_BOOLEAN
#define B DUCKDB_TYPE_BIGINT
    static const struct athena_row_function functions[] = {
        {"mr_to_date", {V, L}, DUCKDB_TYPE_DATE, to_date},
        {"mr_to_timestamp", {V, L}, DUCKDB_TYPE_TIMESTAMP, to_timestamp},
        {"mr_to_time", {V, L}, DUCKDB_TYPE_TIME, to_time},
        {"mr_from_iso8601_date", {V}, DUCKDB_TYPE_DATE, from_iso8601_date},
        {"mr_from_iso8601", {V}, DUCKDB_TYPE_TIMESTAMP_TZ, from_iso8601},
        {"mr_from_iso8601_nanos", {V}, DUCKDB_TYPE_TIMESTAMP_TZ, from_iso8601_nanos},
        {"mr_from_iso8601_zone", {V}, V, iso8601_zone},
        {"mr_from_unix", {DUCKDB_TYPE_DOUBLE}, DUCKDB_TYPE_TIMESTAMP_TZ, from_unix},
        {"mr_from_unix_nanos", {B}, DUCKDB_TYPE_TIMESTAMP_TZ, from_unix_nanos},
        {"mr_to_iso8601", {DUCKDB_TYPE_DATE}, V, iso_of_date},
        {"mr_to_iso8601", {DUCKDB_TYPE_TIMESTAMP}, V, iso_of_timestamp},
        {"mr_to_iso8601", {DUCKDB_TYPE_TIMESTAMP_TZ}, V, iso_of_instant},
        {"mr_round_fraction", {DUCKDB_TYPE_TIME, B}, DUCKDB_TYPE_TIME, round_time},
        {"mr_round_fraction", {DUCKDB_TYPE_TIMESTAMP, B}, DUCKDB_TYPE_TIMESTAMP, round_fraction},
        {"mr_round_fraction",
         {DUCKDB_TYPE_TIMESTAMP_TZ, B},
         DUCKDB_TYPE_TIMESTAMP_TZ,
         round_fraction},
        {"mr_moment_text", {DUCKDB_TYPE_TIME, B}, V, time_text},
        {"mr_moment_text", {DUCKDB_TYPE_TIMESTAMP, B}, V, moment_text},
        {"mr_moment_text", {DUCKDB_TYPE_TIMESTAMP_TZ, B}, V, moment_text},
        {"mr_years", {DUCKDB_TYPE_INTERVAL}, DUCKDB_TYPE_BIGINT, interval_years},
        {"mr_months", {DUCKDB_TYPE_INTERVAL}, DUCKDB_TYPE_BIGINT, interval_months},
    };
#undef V
#undef L
#undef B
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
