#include "firehose/joda.h"
#include "base/clock.h"

enum { YEAR_MAX = 9999, YEAR_DIGITS_MAX = 9, FRACTION_DIGITS_MAX = 9, MINUTE_MS = 60000 };

/* The end of YEAR_MAX. */
static const int64_t millis_max = 253402300799999;
static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

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

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip(struct mr_slice *slice, size_t count)
{
    *slice = mr_slice_sub(*slice, count, SIZE_MAX);
}

/* The letter at the head of a pattern, repeated; it is taken off. */
static size_t take_field(struct mr_slice *pattern, char *ret_letter)
{
    size_t count = 1;
    *ret_letter = pattern->ptr[0];
    while (count < pattern->len && pattern->ptr[count] == *ret_letter)
        count++;
    skip(pattern, count);
    return count;
}

/* A quoted text, or one byte, as it stands in both. False: the quote has no end. */
static bool take_literal(struct mr_slice *pattern, struct mr_slice *ret_text)
{
    *ret_text = mr_slice_sub(*pattern, 0, 1);
    if (pattern->ptr[0] != '\'') {
        skip(pattern, 1);
        return true;
    }
    const size_t end = mr_slice_find(mr_slice_sub(*pattern, 1, SIZE_MAX), '\'');
    if (end == SIZE_MAX)
        return false;
    const struct mr_slice rest = mr_slice_sub(*pattern, end + 2, SIZE_MAX);
    if (end > 0) /* '' is a quote by itself, and within a quoted text */
        *ret_text = mr_slice_sub(*pattern, 1, end + mr_slice_starts_with(rest, MR_S("'")));
    *pattern = rest;
    return true;
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
    if (pattern.len == 0)
        return MR_INVALID;
    while (pattern.len > 0 && !mr_slice_equal(pattern, MR_S("millis"))) {
        struct mr_slice literal;
        char letter;
        if (!is_letter(pattern.ptr[0])) {
            if (!take_literal(&pattern, &literal))
                return MR_INVALID;
            continue;
        }
        const size_t count = take_field(&pattern, &letter);
        if (!is_known(letter, count))
            return MR_INVALID;
    }
    return MR_OK;
}

/* ---- reading ---- */

/* Up to `most` digits, at least one. */
static bool read_digits(struct reader *reader, size_t most, int *ret_number, size_t *ret_count)
{
    size_t count = 0;
    int number = 0;
    while (count < most && count < reader->text.len && is_digit(reader->text.ptr[count]))
        number = number * 10 + (reader->text.ptr[count++] - '0');
    skip(&reader->text, count);
    *ret_number = number;
    *ret_count = count;
    return count > 0;
}

/* A name or its first three letters; its index. */
static bool read_name(struct reader *reader, const char *const *names, size_t count, int *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        const struct mr_slice whole = mr_slice_cstr(names[i]), brief = mr_slice_sub(whole, 0, 3);
        for (int j = 0; j < 2; j++) {
            const struct mr_slice name = j == 0 ? whole : brief;
            if (!mr_slice_equal_nocase(mr_slice_sub(reader->text, 0, name.len), name))
                continue;
            skip(&reader->text, name.len);
            *ret_index = (int)i;
            return true;
        }
    }
    return false;
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
    int index;
    switch (letter) {
    case 'E': return read_name(reader, day_names, 7, &index);
    case 'a': return read_half(reader);
    case 'Z': return read_offset(reader);
    case 'M':
        if (count < 3)
            break;
        if (!read_name(reader, month_names, 12, &index))
            return false;
        reader->date.month = index + 1;
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
    while (reader.pattern.len > 0) {
        if (is_letter(reader.pattern.ptr[0])) {
            char letter;
            const size_t count = take_field(&reader.pattern, &letter);
            if (!read_field(&reader, letter, count))
                return false;
            continue;
        }
        struct mr_slice literal;
        if (!take_literal(&reader.pattern, &literal) || !mr_slice_starts_with(reader.text, literal))
            return false;
        skip(&reader.text, literal.len);
    }
    return reader.text.len == 0 && finish(&reader, ret_ms);
}

enum mr_status joda_read(const struct joda_formats *formats, struct mr_slice text, int64_t *ret_ms)
{
    for (size_t i = 0; i < formats->count; i++)
        if (read_one(formats->all[i], text, ret_ms))
            return MR_OK;
    return MR_INVALID;
}
