/* What format()'s %t shows: Java's conversions of dates, times and timestamps, which come as the
 * texts that Athena shows. */
#include "athena/format.h"
#include "base/joda.h"
#include <ctype.h>
#include <stdio.h>
#include <time.h>

enum { NANOSECOND_DIGITS = 9 };

/* What the text says; the others' fields are 0. */
struct moment {
    struct tm tm;
    int nanoseconds;
    bool dated, timed;
    struct mr_slice zone; /* empty: none */
    struct mr_slice away; /* how far that is from UTC: "+05:30" */
};

static void read_fraction(struct mr_slice *text, struct moment *moment)
{
    if (text->len == 0 || text->ptr[0] != '.')
        return;
    *text = mr_slice_sub(*text, 1, SIZE_MAX);
    for (int i = 0; i < NANOSECOND_DIGITS; i++) {
        const bool digit = text->len > 0 && isdigit((unsigned char)text->ptr[0]);
        moment->nanoseconds = moment->nanoseconds * 10 + (digit ? text->ptr[0] - '0' : 0);
        *text = mr_slice_sub(*text, digit, SIZE_MAX);
    }
}

/* "2006-07-04", "01:02:03.456", both with a blank between, a zone behind, and how far it is. */
static bool read_moment(struct mr_slice value, struct moment *moment)
{
    char text[96];
    int end = 0;
    *moment = (struct moment){.tm = {.tm_mday = 1, .tm_year = 70}};
    if (value.len >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", MR_ARG(value));
    if (sscanf(text, "%d-%2d-%2d%n", &moment->tm.tm_year, &moment->tm.tm_mon, &moment->tm.tm_mday,
               &end) == 3) {
        moment->dated = true;
        moment->tm.tm_year -= 1900;
        moment->tm.tm_mon--;
        value = mr_slice_sub(value, (size_t)end + (text[end] == ' '), SIZE_MAX);
    }
    snprintf(text, sizeof text, "%.*s", MR_ARG(value));
    if (sscanf(text, "%2d:%2d:%2d%n", &moment->tm.tm_hour, &moment->tm.tm_min, &moment->tm.tm_sec,
               &end) == 3) {
        moment->timed = true;
        value = mr_slice_sub(value, (size_t)end, SIZE_MAX);
        read_fraction(&value, moment);
        if (value.len > 0 && value.ptr[0] == ' ')
            moment->zone = mr_slice_sub(value, 1, SIZE_MAX);
        value = mr_slice_sub(value, value.len > 0 ? moment->zone.len + 1 : 0, SIZE_MAX);
        moment->away = moment->zone;
        (void)mr_slice_split(&moment->away, ' ', &moment->zone);
        if (moment->away.len == 0 && moment->zone.len > 0)
            moment->away =
                mr_slice_equal(moment->zone, MR_S("UTC")) ? MR_S("+00:00") : moment->zone;
    }
    (void)timegm(&moment->tm); /* the days of the week and of the year */
    return value.len == 0 && (moment->dated || moment->timed);
}

static int hour_of_half(const struct moment *moment)
{
    return moment->tm.tm_hour % 12 == 0 ? 12 : moment->tm.tm_hour % 12;
}

static bool put_date(struct mr_buf *out, char conversion, const struct moment *moment)
{
    const int year = moment->tm.tm_year + 1900;
    const char *month = mr_month_names[moment->tm.tm_mon];
    const char *day = mr_weekday_names[(moment->tm.tm_wday + 6) % 7];
    switch (conversion) {
    case 'B': mr_buf_printf(out, "%s", month); return true;
    case 'b':
    case 'h': mr_buf_printf(out, "%.3s", month); return true;
    case 'A': mr_buf_printf(out, "%s", day); return true;
    case 'a': mr_buf_printf(out, "%.3s", day); return true;
    case 'C': mr_buf_printf(out, "%02d", year / 100); return true;
    case 'Y': mr_buf_printf(out, "%04d", year); return true;
    case 'y': mr_buf_printf(out, "%02d", year % 100); return true;
    case 'j': mr_buf_printf(out, "%03d", moment->tm.tm_yday + 1); return true;
    case 'm': mr_buf_printf(out, "%02d", moment->tm.tm_mon + 1); return true;
    case 'd': mr_buf_printf(out, "%02d", moment->tm.tm_mday); return true;
    case 'e': mr_buf_printf(out, "%d", moment->tm.tm_mday); return true;
    default: return false;
    }
}

static bool put_time(struct mr_buf *out, char conversion, const struct moment *moment)
{
    switch (conversion) {
    case 'H': mr_buf_printf(out, "%02d", moment->tm.tm_hour); return true;
    case 'k': mr_buf_printf(out, "%d", moment->tm.tm_hour); return true;
    case 'I': mr_buf_printf(out, "%02d", hour_of_half(moment)); return true;
    case 'l': mr_buf_printf(out, "%d", hour_of_half(moment)); return true;
    case 'M': mr_buf_printf(out, "%02d", moment->tm.tm_min); return true;
    case 'S': mr_buf_printf(out, "%02d", moment->tm.tm_sec); return true;
    case 'L': mr_buf_printf(out, "%03d", moment->nanoseconds / 1000000); return true;
    case 'N': mr_buf_printf(out, "%09d", moment->nanoseconds); return true;
    case 'p': mr_buf_append(out, moment->tm.tm_hour < 12 ? MR_S("am") : MR_S("pm")); return true;
    default: return false;
    }
}

static bool put_zone(struct mr_buf *out, char conversion, const struct moment *moment)
{
    const bool utc = mr_slice_equal(moment->zone, MR_S("UTC"));
    const bool offset = moment->zone.len == 6 && mr_byte_in(moment->zone.ptr[0], "+-");
    const char *away = moment->away.ptr;
    struct tm tm = moment->tm;
    int64_t seconds = timegm(&tm);
    if (!moment->dated || moment->away.len != 6)
        return false;
    const int hours = (away[1] - '0') * 10 + away[2] - '0';
    const int minutes = (away[4] - '0') * 10 + away[5] - '0';
    seconds -= (away[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
    switch (conversion) {
    case 'Z': /* of regions their short names, which are not known here */
        mr_buf_append(out, moment->zone);
        return utc || offset;
    case 'z': mr_buf_printf(out, "%.3s%.2s", away, away + 4); return true;
    case 's': mr_buf_printf(out, "%lld", (long long)seconds); return true;
    case 'Q':
        mr_buf_printf(out, "%lld", (long long)(seconds * 1000 + moment->nanoseconds / 1000000));
        return true;
    default: return false;
    }
}

static bool put_one(struct mr_buf *out, char conversion, const struct moment *moment)
{
    return (moment->dated && put_date(out, conversion, moment)) ||
           (moment->timed && put_time(out, conversion, moment)) ||
           (moment->zone.len > 0 && put_zone(out, conversion, moment));
}

/* As Java's classes of java.time show themselves: without seconds when there are none. */
static void put_whole(struct mr_buf *out, const struct moment *moment)
{
    if (moment->dated)
        mr_buf_printf(out, "%04d-%02d-%02d", moment->tm.tm_year + 1900, moment->tm.tm_mon + 1,
                      moment->tm.tm_mday);
    if (!moment->timed)
        return;
    mr_buf_printf(out, "%s%02d:%02d", moment->dated ? "T" : "", moment->tm.tm_hour,
                  moment->tm.tm_min);
    if (moment->tm.tm_sec > 0 || moment->nanoseconds > 0)
        mr_buf_printf(out, ":%02d", moment->tm.tm_sec);
    if (moment->nanoseconds == 0)
        return;
    if (moment->nanoseconds % 1000000 == 0)
        mr_buf_printf(out, ".%03d", moment->nanoseconds / 1000000);
    else if (moment->nanoseconds % 1000 == 0)
        mr_buf_printf(out, ".%06d", moment->nanoseconds / 1000);
    else
        mr_buf_printf(out, ".%09d", moment->nanoseconds);
}

static void put_shown(struct mr_buf *out, const struct moment *moment)
{
    put_whole(out, moment);
    const bool region = moment->zone.len > 0 && !mr_byte_in(moment->zone.ptr[0], "+-");
    mr_buf_append(out, mr_slice_equal(moment->away, MR_S("+00:00")) ? MR_S("Z") : moment->away);
    if (region)
        mr_buf_printf(out, "[%.*s]", MR_ARG(moment->zone));
}

bool athena_format_moment(struct mr_buf *out, char conversion, struct mr_slice value)
{
    /* Those that stand for several; '^': in capitals. */
    static const struct {
        char conversion;
        const char *stands_for;
    } composed[] = {
        {'R', "H:M"},   {'T', "H:M:S"}, {'r', "I:M:S ^p"},
        {'D', "m/d/y"}, {'F', "Y-m-d"}, {'c', "a b d H:M:S Z Y"},
    };
    struct moment moment;
    if (!read_moment(value, &moment))
        return false;
    if (conversion == '\0') {
        put_shown(out, &moment);
        return true;
    }
    const char *parts = NULL;
    for (size_t i = 0; i < MR_COUNT(composed); i++)
        parts = composed[i].conversion == conversion ? composed[i].stands_for : parts;
    if (parts == NULL)
        return put_one(out, conversion, &moment);
    bool fine = true;
    for (; *parts != '\0' && fine; parts++) {
        const bool capitals = *parts == '^';
        const size_t before = out->len;
        parts += capitals;
        if (!isalpha((unsigned char)*parts))
            mr_buf_byte(out, *parts);
        else
            fine = put_one(out, *parts, &moment);
        for (size_t i = before; capitals && i < out->len; i++)
            out->data[i] = (char)toupper((unsigned char)out->data[i]);
    }
    return fine;
}
