#include "firehose/joda.h"
#include "base/clock.h"
#include "base/joda.h"

enum { YEAR_MAX = 9999, YEAR_DIGITS_MAX = 9, FRACTION_DIGITS_MAX = 9, MINUTE_MS = 60000 };

/* The end of YEAR_MAX. */
static const int64_t millis_max = 253402300799999;

struct reader {
    struct mr_slice pattern, text; /* what is left of both */
    struct mr_date date;
    int half;          /* 'a': 0 or 12; -1: not told */
    int64_t offset_ms; /* east of Greenwich */
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void skip(struct mr_slice *slice, size_t count)
{
    *slice = mr_slice_sub(*slice, count, SIZE_MAX);
}

/* ---- checking ---- */

static bool is_known(char letter, size_t count)
{
    switch (letter) {
    case 'y':
    case 'Y': return count != 2 && count <= YEAR_DIGITS_MAX;
    case 'S': return count <= FRACTION_DIGITS_MAX;
    case 'Z': return count <= 2; /* three: a zone by its name */
    case 'M':
    case 'E':
    case 'a': return count <= 5;
    case 'd':
    case 'H':
    case 'h':
    case 'k':
    case 'K':
    case 'm':
    case 's': return count <= 2;
    default: return false;
    }
}

enum mr_status joda_check(struct mr_slice pattern)
{
    struct mr_joda_token token;
    enum mr_status status;
    if (pattern.len == 0)
        return MR_INVALID;
    while (!mr_slice_equal(pattern, MR_S("millis"))) {
        if ((status = mr_joda_next(&pattern, &token)) != MR_OK)
            return status == MR_END ? MR_OK : status;
        if (token.letter != '\0' && !is_known(token.letter, token.count))
            return MR_INVALID;
    }
    return MR_OK;
}

/* ---- reading ---- */

/* Up to `most` digits, at least one. */
static bool read_digits(struct reader *reader, size_t most, int *ret_number, size_t *ret_count)
{
    int64_t number;
    const bool found = mr_joda_read_digits(&reader->text, most, &number, ret_count);
    *ret_number = (int)number;
    return found;
}

/* "Z", "+0130", "+01:30" */
static bool read_offset(struct reader *reader)
{
    int hours, minutes;
    size_t count;
    if (mr_slice_starts_with(reader->text, MR_S("Z"))) {
        skip(&reader->text, 1);
        return true;
    }
    const bool west = mr_slice_starts_with(reader->text, MR_S("-"));
    if (!west && !mr_slice_starts_with(reader->text, MR_S("+")))
        return false;
    skip(&reader->text, 1);
    if (!read_digits(reader, 2, &hours, &count) || count != 2 || hours > 23)
        return false;
    if (mr_slice_starts_with(reader->text, MR_S(":")))
        skip(&reader->text, 1);
    if (!read_digits(reader, 2, &minutes, &count) || count != 2 || minutes > 59)
        return false;
    reader->offset_ms = (hours * 60 + minutes) * (int64_t)MINUTE_MS * (west ? -1 : 1);
    return true;
}

static bool read_half(struct reader *reader)
{
    static const char *const halves[] = {"AM", "PM"};
    for (int i = 0; i < 2; i++) {
        if (!mr_slice_equal_nocase(mr_slice_sub(reader->text, 0, 2), mr_slice_cstr(halves[i])))
            continue;
        skip(&reader->text, 2);
        reader->half = i * 12;
        return true;
    }
    return false;
}

/* Milliseconds of as many digits as there are. */
static int fraction_ms(int number, size_t digits)
{
    for (; digits < 3; digits++)
        number *= 10;
    for (; digits > 3; digits--)
        number /= 10;
    return number;
}

static bool read_number(struct reader *reader, char letter, size_t count)
{
    /* Digits that follow directly belong to the next field. */
    const bool next = reader->pattern.len > 0 && is_letter(reader->pattern.ptr[0]);
    const bool year = letter == 'y' || letter == 'Y';
    const size_t most = next || letter == 'S' ? count : year ? YEAR_DIGITS_MAX : 2;
    int number;
    size_t digits;
    if (!read_digits(reader, most, &number, &digits))
        return false;
    struct mr_date *date = &reader->date;
    switch (letter) {
    case 'M': date->month = number; break;
    case 'd': date->day = number; break;
    case 'm': date->minute = number; break;
    case 's': date->second = number; break;
    case 'S': date->ms = fraction_ms(number, digits); break;
    case 'h': /* 1 to 12 */
    case 'K': date->hour = number == 12 && letter == 'h' ? 0 : number; break;
    case 'k': date->hour = number == 24 ? 0 : number; break;
    case 'H': date->hour = number; break;
    default: date->year = number; break;
    }
    return true;
}

static bool read_field(struct reader *reader, char letter, size_t count)
{
    size_t index;
    switch (letter) {
    case 'E': return mr_joda_read_name(&reader->text, mr_weekday_names, MR_WEEKDAYS, &index);
    case 'a': return read_half(reader);
    case 'Z': return read_offset(reader);
    case 'M':
        if (count < 3)
            break;
        if (!mr_joda_read_name(&reader->text, mr_month_names, MR_MONTHS, &index))
            return false;
        reader->date.month = (int)index + 1;
        return true;
    default: break;
    }
    return read_number(reader, letter, count);
}

/* The time of the fields; false when there is none such, as of the 31st of June. */
static bool finish(struct reader *reader, int64_t *ret_ms)
{
    struct mr_date *date = &reader->date;
    if (reader->half >= 0 && date->hour < 12)
        date->hour += reader->half;
    if (date->year > YEAR_MAX || date->month < 1 || date->month > 12 || date->day < 1 ||
        date->day > 31 || date->hour > 23 || date->minute > 59 || date->second > 59)
        return false;
    const int64_t ms = mr_date_to_ms(date);
    if (mr_date_from_ms(ms).day != date->day)
        return false;
    *ret_ms = ms - reader->offset_ms;
    return true;
}

static bool read_one(struct mr_slice pattern, struct mr_slice text, int64_t *ret_ms)
{
    if (mr_slice_equal(pattern, MR_S("millis")))
        return mr_slice_to_i64(text, ret_ms) == MR_OK && *ret_ms >= -millis_max &&
               *ret_ms <= millis_max;
    struct reader reader = {
        .pattern = pattern, .text = text, .date = {.year = 1970, .month = 1, .day = 1}, .half = -1};
    struct mr_joda_token token;
    enum mr_status status;
    while ((status = mr_joda_next(&reader.pattern, &token)) == MR_OK) {
        if (token.letter != '\0') {
            if (!read_field(&reader, token.letter, token.count))
                return false;
        } else if (mr_slice_starts_with(reader.text, token.text)) {
            skip(&reader.text, token.text.len);
        } else {
            return false;
        }
    }
    return status == MR_END && reader.text.len == 0 && finish(&reader, ret_ms);
}

enum mr_status joda_read(const struct joda_formats *formats, struct mr_slice text, int64_t *ret_ms)
{
    for (size_t i = 0; i < formats->count; i++)
        if (read_one(formats->all[i], text, ret_ms))
            return MR_OK;
    return MR_INVALID;
}
