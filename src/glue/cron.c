/* Schedules: cron(minutes hours day-of-month month day-of-week year) and rate(n unit), in UTC. */
#include "glue/internal.h"

enum { CRON_YEARS_AHEAD = 8 };

struct cron {
    uint64_t minutes, hours, days, months, weekdays; /* bit n: n is in */
    bool any_day, any_weekday;                       /* '?' or '*' */
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
    if (mr_slice_equal(range, MR_S("*")) || mr_slice_equal(range, MR_S("?")))
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

static bool is_any(struct mr_slice text)
{
    return mr_slice_equal(text, MR_S("*")) || mr_slice_equal(text, MR_S("?"));
}

static bool parse_cron(struct mr_slice text, struct cron *cron)
{
    static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                         "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
    static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
    struct mr_slice fields[6], part;
    size_t count = 0;
    while (mr_slice_split(&text, ' ', &part)) {
        if (part.len == 0)
            continue;
        if (count == 6)
            return false;
        fields[count++] = part;
    }
    int step;
    return count == 6 && parse_field(fields[0], NULL, 0, 59, &cron->minutes) &&
           parse_field(fields[1], NULL, 0, 23, &cron->hours) &&
           parse_field(fields[2], NULL, 1, 31, &cron->days) &&
           parse_field(fields[3], months, 1, 12, &cron->months) &&
           parse_field(fields[4], weekdays, 1, 7, &cron->weekdays) &&
           parse_range(fields[5], NULL, 1970, 2199, &cron->year_first, &cron->year_last, &step) &&
           (cron->any_day = is_any(fields[2]), cron->any_weekday = is_any(fields[4]), true);
}

static bool fits_day(const struct cron *cron, const struct mr_date *date)
{
    if (date->year < cron->year_first || date->year > cron->year_last ||
        (cron->months >> date->month & 1) == 0)
        return false;
    const bool day = (cron->days >> date->day & 1) != 0;
    const bool weekday = (cron->weekdays >> (date->weekday + 1) & 1) != 0;
    return (cron->any_day || day) && (cron->any_weekday || weekday);
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

static enum mr_status next_rate(struct mr_slice text, int64_t after_ms, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"minute", 60000},  {"minutes", 60000}, {"hour", 3600000},
                 {"hours", 3600000}, {"day", 86400000},  {"days", 86400000}};
    const size_t blank = mr_slice_find(text, ' ');
    int64_t count;
    if (blank == SIZE_MAX || mr_slice_to_i64(mr_slice_sub(text, 0, blank), &count) != MR_OK ||
        count < 1 || count > 100000)
        return MR_INVALID;
    struct mr_slice unit = mr_slice_trim(mr_slice_sub(text, blank, SIZE_MAX));
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        if (mr_slice_equal(unit, mr_slice_cstr(units[i].unit))) {
            *ret_ms = after_ms + count * units[i].ms;
            return MR_OK;
        }
    }
    return MR_INVALID;
}

enum mr_status glue_schedule_next(struct mr_slice expression, int64_t after_ms, int64_t *ret_ms)
{
    struct cron cron;
    const bool is_cron = mr_slice_starts_with(expression, MR_S("cron("));
    const bool is_rate = mr_slice_starts_with(expression, MR_S("rate("));
    if ((!is_cron && !is_rate) || !mr_slice_ends_with(expression, MR_S(")")))
        return MR_INVALID;
    struct mr_slice inside = mr_slice_trim(mr_slice_sub(expression, 5, expression.len - 6));
    if (is_rate)
        return next_rate(inside, after_ms, ret_ms);
    if (!parse_cron(inside, &cron))
        return MR_INVALID;
    *ret_ms = next_cron(&cron, after_ms);
    return MR_OK;
}
