#include "firehose/pattern.h"
#include <stdio.h>

enum {
    YEAR_DIGITS_MAX = 10,
    NUMBER_DIGITS_MAX = 19,
    PAD_MAX = 64,
    DAY_MS = 86400000,
    MODIFIED_JULIAN_EPOCH = 40587
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const quarter_names[] = {"1st quarter", "2nd quarter", "3rd quarter",
                                            "4th quarter"};

/* ---- numbers of the calendar ---- */

/* Days since the epoch of the zone's own date. */
static int64_t local_day(const struct zone_time *time)
{
    struct mr_date date = time->date;
    date.hour = date.minute = date.second = date.ms = 0;
    return mr_date_to_ms(&date) / DAY_MS;
}

static int day_of_year(const struct mr_date *date)
{
    const struct mr_date first = {.year = date->year, .month = 1, .day = 1};
    const struct mr_date day = {.year = date->year, .month = date->month, .day = date->day};
    return (int)((mr_date_to_ms(&day) - mr_date_to_ms(&first)) / DAY_MS) + 1;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Weeks begin on Sunday; the one that holds January 1st is the year's first. */
static void week_of_year(const struct mr_date *date, int *ret_week, int *ret_year)
{
    const int day = day_of_year(date) - 1, last = is_leap(date->year) ? 366 : 365;
    const int sunday = day - date->weekday; /* this week's, counted from January 1st */
    *ret_year = date->year;
    *ret_week = (sunday + 6) / 7 + 1;
    if (sunday + 6 >= last) { /* it reaches into the next year */
        *ret_year = date->year + 1;
        *ret_week = 1;
    }
}

static int week_of_month(const struct mr_date *date)
{
    return (date->day - 1 - date->weekday + 6) / 7 + 1;
}

/* ---- fields ---- */

static void write_padded(struct mr_buf *buf, int64_t value, size_t count)
{
    mr_buf_printf(buf, "%0*lld", (int)count, (long long)value);
}

/* Up to `max` digits. */
static enum mr_status write_number(struct mr_buf *buf, int64_t value, size_t count, size_t max)
{
    if (count > max)
        return MR_INVALID;
    write_padded(buf, value, count);
    return MR_OK;
}

static enum mr_status write_year(struct mr_buf *buf, int year, size_t count)
{
    if (count > YEAR_DIGITS_MAX)
        return MR_INVALID;
    if (count == 2)
        write_padded(buf, year % 100, 2);
    else
        write_padded(buf, year, count);
    return MR_OK;
}

/* Three letters short, four whole, five the first letter. */
static enum mr_status write_name(struct mr_buf *buf, const char *name, size_t count)
{
    const struct mr_slice whole = mr_slice_cstr(name);
    if (count > 5)
        return MR_INVALID;
    mr_buf_append(buf, count == 4 ? whole : mr_slice_sub(whole, 0, count == 5 ? 1 : 3));
    return MR_OK;
}

static enum mr_status write_quarter(struct mr_buf *buf, int quarter, size_t count)
{
    if (count == 3)
        mr_buf_printf(buf, "Q%d", quarter);
    else if (count == 4)
        mr_buf_append(buf, mr_slice_cstr(quarter_names[quarter - 1]));
    else if (count == 5)
        write_padded(buf, quarter, 1);
    else
        return write_number(buf, quarter, count, 2);
    return MR_OK;
}

static enum mr_status write_period(struct mr_buf *buf, const struct mr_date *date, size_t count)
{
    if (count != 1 && count != 4 && count != 5)
        return MR_INVALID;
    const char *name = "at night";
    if (date->hour == 0 && date->minute == 0)
        name = count == 5 ? "mi" : "midnight";
    else if (date->hour == 12 && date->minute == 0)
        name = count == 5 ? "n" : "noon";
    else if (date->hour >= 6 && date->hour < 12)
        name = "in the morning";
    else if (date->hour >= 12 && date->hour < 18)
        name = "in the afternoon";
    else if (date->hour >= 18 && date->hour < 21)
        name = "in the evening";
    mr_buf_append(buf, mr_slice_cstr(name));
    return MR_OK;
}

static enum mr_status write_fraction(struct mr_buf *buf, int ms, size_t count)
{
    char digits[10];
    if (count > 9)
        return MR_INVALID;
    (void)snprintf(digits, sizeof digits, "%03d000000", ms);
    mr_buf_append(buf, mr_slice_make(digits, count));
    return MR_OK;
}

/* ---- zones ---- */

static void write_sign(struct mr_buf *buf, int offset_s)
{
    mr_buf_byte(buf, offset_s < 0 ? '-' : '+');
}

static int minutes_of(int offset_s)
{
    return (offset_s < 0 ? -offset_s : offset_s) / 60;
}

/* X and x: one letter hours (and minutes when there are some), two +HHMM, three +HH:MM. Four and
 * five add seconds, which no zone has had for a century. */
static enum mr_status write_offset(struct mr_buf *buf, int offset_s, size_t count, bool zulu)
{
    const int minutes = minutes_of(offset_s);
    if (count > 5)
        return MR_INVALID;
    if (offset_s == 0 && zulu) {
        mr_buf_byte(buf, 'Z');
        return MR_OK;
    }
    write_sign(buf, offset_s);
    write_padded(buf, minutes / 60, 2);
    if (count > 1 || minutes % 60 != 0)
        mr_buf_printf(buf, "%s%02d", count == 3 || count == 5 ? ":" : "", minutes % 60);
    return MR_OK;
}

static enum mr_status write_gmt(struct mr_buf *buf, int offset_s, size_t count)
{
    const int minutes = minutes_of(offset_s);
    if (count != 1 && count != 4)
        return MR_INVALID;
    mr_buf_append(buf, MR_S("GMT"));
    if (offset_s == 0)
        return MR_OK;
    write_sign(buf, offset_s);
    write_padded(buf, minutes / 60, count == 4 ? 2 : 1);
    if (count == 4 || minutes % 60 != 0)
        mr_buf_printf(buf, ":%02d", minutes % 60);
    return MR_OK;
}

static enum mr_status write_zone_letter(struct mr_buf *buf, const struct zone_time *time,
                                        char letter, size_t count)
{
    switch (letter) {
    case 'V':
        if (count != 2)
            return MR_INVALID;
        mr_buf_append(buf, time->name);
        return MR_OK;
    case 'v':
    case 'z': {
        if (count > 4 || (letter == 'v' && (count == 2 || count == 3)))
            return MR_INVALID;
        const char first = time->short_name.ptr[0];
        if (!time->is_utc && (count == 4 || letter == 'v' || first == '+' || first == '-'))
            return MR_NOT_FOUND;
        mr_buf_append(buf, count == 4 ? MR_S("Coordinated Universal Time") : time->short_name);
        return MR_OK;
    }
    case 'Z':
        if (count == 4)
            return write_gmt(buf, time->offset_s, 4);
        return write_offset(buf, time->offset_s, count == 5 ? 5 : count > 5 ? 6 : 2, count == 5);
    case 'O': return write_gmt(buf, time->offset_s, count);
    case 'X': return write_offset(buf, time->offset_s, count, true);
    default: return write_offset(buf, time->offset_s, count, false); /* x */
    }
}

/* ---- letters ---- */

static enum mr_status write_time_letter(struct mr_buf *buf, const struct mr_date *date, char letter,
                                        size_t count)
{
    const int hour12 = date->hour % 12;
    const int64_t ms =
        ((int64_t)date->hour * 3600 + date->minute * 60 + date->second) * 1000 + date->ms;
    switch (letter) {
    case 'H': return write_number(buf, date->hour, count, 2);
    case 'k': return write_number(buf, date->hour == 0 ? 24 : date->hour, count, 2);
    case 'h': return write_number(buf, hour12 == 0 ? 12 : hour12, count, 2);
    case 'K': return write_number(buf, hour12, count, 2);
    case 'm': return write_number(buf, date->minute, count, 2);
    case 's': return write_number(buf, date->second, count, 2);
    case 'S': return write_fraction(buf, date->ms, count);
    case 'A': return write_number(buf, ms, count, NUMBER_DIGITS_MAX);
    case 'n': return write_number(buf, (int64_t)date->ms * 1000000, count, NUMBER_DIGITS_MAX);
    case 'N': return write_number(buf, ms * 1000000, count, NUMBER_DIGITS_MAX);
    case 'B': return write_period(buf, date, count);
    default: /* a */
        if (count > 1)
            return MR_INVALID;
        mr_buf_append(buf, date->hour < 12 ? MR_S("AM") : MR_S("PM"));
        return MR_OK;
    }
}

/* e and c: the day's number in the week, or its name. */
static enum mr_status write_weekday(struct mr_buf *buf, int weekday, char letter, size_t count)
{
    if (count >= 3)
        return write_name(buf, day_names[weekday], count);
    return write_number(buf, weekday + 1, count, letter == 'e' ? 2 : 1);
}

static enum mr_status write_date_letter(struct mr_buf *buf, const struct zone_time *time,
                                        char letter, size_t count)
{
    const struct mr_date *date = &time->date;
    int week, week_year;
    week_of_year(date, &week, &week_year);
    switch (letter) {
    case 'G':
        if (count > 5)
            return MR_INVALID;
        mr_buf_append(buf, count == 4 ? MR_S("Anno Domini") : count == 5 ? MR_S("A") : MR_S("AD"));
        return MR_OK;
    case 'y':
    case 'u': return write_year(buf, date->year, count);
    case 'Y': return write_year(buf, week_year, count);
    case 'M':
    case 'L':
        return count >= 3 ? write_name(buf, month_names[date->month - 1], count)
                          : write_number(buf, date->month, count, 2);
    case 'D': return write_number(buf, day_of_year(date), count, 3);
    case 'd': return write_number(buf, date->day, count, 2);
    case 'Q':
    case 'q': return write_quarter(buf, (date->month + 2) / 3, count);
    case 'w': return write_number(buf, week, count, 2);
    case 'W': return write_number(buf, week_of_month(date), count, 1);
    case 'E': return write_name(buf, day_names[date->weekday], count);
    case 'e':
    case 'c': return write_weekday(buf, date->weekday, letter, count);
    case 'F': return write_number(buf, (date->day - 1) % 7 + 1, count, 1);
    default: /* g */
        return write_number(buf, local_day(time) + MODIFIED_JULIAN_EPOCH, count, NUMBER_DIGITS_MAX);
    }
}

static enum mr_status write_letter(struct mr_buf *buf, const struct zone_time *time, char letter,
                                   size_t count)
{
    if (mr_slice_find(MR_S("GuyDMLdQqYwWEecFg"), letter) != SIZE_MAX)
        return write_date_letter(buf, time, letter, count);
    if (mr_slice_find(MR_S("aBhKkHmsSAnN"), letter) != SIZE_MAX)
        return write_time_letter(buf, &time->date, letter, count);
    if (mr_slice_find(MR_S("VvzZOXx"), letter) != SIZE_MAX)
        return write_zone_letter(buf, time, letter, count);
    return MR_INVALID;
}

/* ---- the pattern ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t run_length(struct mr_slice pattern, size_t at)
{
    size_t count = 1;
    while (at + count < pattern.len && pattern.ptr[at + count] == pattern.ptr[at])
        count++;
    return count;
}

/* A quoted literal at pattern[*at]; '' is a quote, inside and outside. */
static enum mr_status write_literal(struct mr_buf *buf, struct mr_slice pattern, size_t *at)
{
    size_t i = *at + 1;
    if (i < pattern.len && pattern.ptr[i] == '\'') {
        mr_buf_byte(buf, '\'');
        *at = i + 1;
        return MR_OK;
    }
    for (; i < pattern.len; i++) {
        if (pattern.ptr[i] == '\'') {
            if (i + 1 >= pattern.len || pattern.ptr[i + 1] != '\'')
                break;
            i++;
        }
        mr_buf_byte(buf, pattern.ptr[i]);
    }
    *at = i + 1;
    return i < pattern.len ? MR_OK : MR_INVALID;
}

/* Letters at pattern[*at]; "ppH" pads the hour with blanks to two columns. */
static enum mr_status write_letters(struct mr_buf *buf, struct mr_slice pattern, size_t *at,
                                    const struct zone_time *time)
{
    size_t count = run_length(pattern, *at), width = 0;
    if (pattern.ptr[*at] == 'p') {
        width = count;
        *at += count;
        if (width > PAD_MAX || *at >= pattern.len || !is_letter(pattern.ptr[*at]))
            return MR_INVALID;
        count = run_length(pattern, *at);
    }
    struct mr_buf field = {0};
    const enum mr_status status = write_letter(&field, time, pattern.ptr[*at], count);
    for (size_t i = field.len; i < width; i++)
        mr_buf_byte(buf, ' ');
    mr_buf_append(buf, mr_buf_slice(&field));
    mr_buf_fini(&field);
    *at += count;
    return status;
}

enum mr_status pattern_write(struct mr_buf *buf, struct mr_slice pattern,
                             const struct zone_time *time)
{
    size_t optional = 0;
    for (size_t i = 0; i < pattern.len;) {
        const char c = pattern.ptr[i];
        enum mr_status status = MR_OK;
        if (c == '\'') {
            status = write_literal(buf, pattern, &i);
        } else if (is_letter(c)) {
            status = write_letters(buf, pattern, &i, time);
        } else {
            i++;
            if (c == '{' || c == '}' || c == '#' || (c == ']' && optional == 0))
                return MR_INVALID;
            if (c == '[')
                optional++;
            else if (c == ']')
                optional--;
            else
                mr_buf_byte(buf, c);
        }
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}
