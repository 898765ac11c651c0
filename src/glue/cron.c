/* Schedules: cron(minutes hours day-of-month month day-of-week year), in UTC.
 *
 * AWS: one of the two days is '?', the other counts; L is the month's or the week's last day, 6L
 * the month's last Friday, 15W the weekday nearest to the 15th in its month, LW the last one; what
 * leads to rates faster than five minutes is not supported; nor is rate(). */
#include "glue/internal.h"

enum { CRON_YEARS_AHEAD = 8, CRON_MINUTES_MIN = 5, CRON_SATURDAY = 7 };

struct cron {
    uint64_t minutes, hours, days, months,
        weekdays;                /* bit n: n is in; 0 of days or weekdays: '?' */
    bool last_day, last_workday; /* L, LW */
    int near_day;                /* 15W; 0: none */
    uint64_t last_weekdays;      /* 6L */
    int year_first, year_last;
};

static bool parse_number(struct mr_slice text, const char *const *names, int first, int *ret)
{
    int64_t value;
    if (mr_slice_to_i64(text, &value) == MR_OK && value >= 0 && value < 10000) {
        *ret = (int)value;
        return true;
    }
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        if (mr_slice_equal_nocase(text, mr_slice_cstr(names[i]))) {
            *ret = first + i;
            return true;
        }
    }
    return false;
}

/* One of "*", "a", "a-b", "a/step", "*" + "/step". */
static bool parse_range(struct mr_slice text, const char *const *names, int low, int high,
                        int *ret_first, int *ret_last, int *ret_step)
{
    *ret_step = 1;
    const size_t slash = mr_slice_find(text, '/');
    const bool stepped = slash != SIZE_MAX;
    if (stepped && (!parse_number(mr_slice_sub(text, slash + 1, SIZE_MAX), NULL, 0, ret_step) ||
                    *ret_step == 0))
        return false;
    struct mr_slice range = stepped ? mr_slice_sub(text, 0, slash) : text;
    *ret_first = low;
    *ret_last = high;
    if (mr_slice_equal(range, MR_S("*")))
        return true;
    const size_t dash = mr_slice_find(range, '-');
    if (!parse_number(mr_slice_sub(range, 0, dash), names, low, ret_first))
        return false;
    if (dash != SIZE_MAX)
        return parse_number(mr_slice_sub(range, dash + 1, SIZE_MAX), names, low, ret_last);
    if (!stepped)
        *ret_last = *ret_first;
    return true;
}

static bool parse_field(struct mr_slice text, const char *const *names, int low, int high,
                        uint64_t *ret_bits)
{
    struct mr_slice part;
    *ret_bits = 0;
    while (mr_slice_split(&text, ',', &part)) {
        int first, last, step;
        if (!parse_range(part, names, low, high, &first, &last, &step) || first < low ||
            last > high || first > last)
            return false;
        for (int i = first; i <= last; i += step)
            *ret_bits |= UINT64_C(1) << i;
    }
    return *ret_bits != 0;
}

static bool parse_days(struct mr_slice text, struct cron *cron)
{
    if (mr_slice_equal(text, MR_S("L")))
        return cron->last_day = true;
    if (mr_slice_equal(text, MR_S("LW")))
        return cron->last_workday = true;
    if (mr_slice_ends_with(text, MR_S("W")))
        return parse_number(mr_slice_sub(text, 0, text.len - 1), NULL, 0, &cron->near_day) &&
               cron->near_day >= 1 && cron->near_day <= 31;
    return parse_field(text, NULL, 1, 31, &cron->days);
}

static bool parse_weekdays(struct mr_slice text, struct cron *cron)
{
    static const char *const names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
    if (mr_slice_equal(text, MR_S("L"))) {
        cron->weekdays = UINT64_C(1) << CRON_SATURDAY;
        return true;
    }
    if (mr_slice_ends_with(text, MR_S("L")))
        return parse_field(mr_slice_sub(text, 0, text.len - 1), names, 1, CRON_SATURDAY,
                           &cron->last_weekdays);
    return parse_field(text, names, 1, CRON_SATURDAY, &cron->weekdays);
}

/* The least distance of two minutes, also across the end of an hour whose next one is in. */
static bool is_slow(const struct cron *cron)
{
    int first = -1, last = -1;
    bool neighbours = false;
    for (int hour = 0; hour < 24; hour++)
        neighbours = neighbours ||
                     ((cron->hours >> hour & 1) != 0 && (cron->hours >> (hour + 1) % 24 & 1) != 0);
    for (int minute = 0; minute < 60; minute++) {
        if ((cron->minutes >> minute & 1) == 0)
            continue;
        if (last >= 0 && minute - last < CRON_MINUTES_MIN)
            return false;
        first = first < 0 ? minute : first;
        last = minute;
    }
    return !neighbours || 60 - last + first >= CRON_MINUTES_MIN;
}

static bool parse_cron(struct mr_slice text, struct cron *cron)
{
    static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                         "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
    struct mr_slice fields[6], part;
    size_t count = 0;
    while (mr_slice_split(&text, ' ', &part)) {
        if (part.len == 0)
            continue;
        if (count == 6)
            return false;
        fields[count++] = part;
    }
    if (count != 6)
        return false;
    const bool any_day = mr_slice_equal(fields[2], MR_S("?"));
    const bool any_weekday = mr_slice_equal(fields[4], MR_S("?"));
    int step;
    return any_day != any_weekday && parse_field(fields[0], NULL, 0, 59, &cron->minutes) &&
           parse_field(fields[1], NULL, 0, 23, &cron->hours) &&
           (any_day || parse_days(fields[2], cron)) &&
           parse_field(fields[3], months, 1, 12, &cron->months) &&
           (any_weekday || parse_weekdays(fields[4], cron)) &&
           parse_range(fields[5], NULL, 1970, 2199, &cron->year_first, &cron->year_last, &step) &&
           is_slow(cron);
}

static int days_of(const struct mr_date *date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
    return days[date->month - 1] + (date->month == 2 && leap);
}

/* The day from Monday to Friday that is nearest to `day` and in the same month. */
static int nearest_workday(const struct mr_date *date, int day)
{
    const int length = days_of(date);
    const int weekday = ((date->weekday + day - date->day) % 7 + 7) % 7; /* Sunday: 0 */
    if (weekday == 6)
        return day > 1 ? day - 1 : day + 2;
    if (weekday == 0)
        return day < length ? day + 1 : day - 2;
    return day;
}

static bool fits_day(const struct cron *cron, const struct mr_date *date)
{
    if (date->year < cron->year_first || date->year > cron->year_last ||
        (cron->months >> date->month & 1) == 0)
        return false;
    const int length = days_of(date), weekday = date->weekday + 1;
    return (cron->days >> date->day & 1) != 0 || (cron->weekdays >> weekday & 1) != 0 ||
           (cron->last_day && date->day == length) ||
           (cron->last_workday && date->day == nearest_workday(date, length)) ||
           (cron->near_day > 0 && cron->near_day <= length &&
            date->day == nearest_workday(date, cron->near_day)) ||
           ((cron->last_weekdays >> weekday & 1) != 0 && date->day > length - 7);
}

/* Goes on by days, then hours, then minutes: at most some thousand steps. */
static int64_t next_cron(const struct cron *cron, int64_t after_ms)
{
    const int64_t minute = 60000, hour = 60 * minute, day = 24 * hour;
    int64_t at = after_ms - after_ms % minute + minute;
    const int64_t end = at + CRON_YEARS_AHEAD * 366 * day;
    while (at < end) {
        const struct mr_date date = mr_date_from_ms(at);
        if (!fits_day(cron, &date))
            at += day - at % day;
        else if ((cron->hours >> date.hour & 1) == 0)
            at += hour - at % hour;
        else if ((cron->minutes >> date.minute & 1) == 0)
            at += minute;
        else
            return at;
    }
    return INT64_MAX;
}

enum mr_status glue_schedule_next(struct mr_slice expression, int64_t after_ms, int64_t *ret_ms)
{
    struct cron cron = {0};
    if (!mr_slice_starts_with(expression, MR_S("cron(")) ||
        !mr_slice_ends_with(expression, MR_S(")")))
        return MR_INVALID;
    if (!parse_cron(mr_slice_trim(mr_slice_sub(expression, 5, expression.len - 6)), &cron))
        return MR_INVALID;
    *ret_ms = next_cron(&cron, after_ms);
    return MR_OK;
}
