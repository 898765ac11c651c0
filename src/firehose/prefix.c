/* Prefix expressions of object keys: !{timestamp:pattern}, !{firehose:random-string},
 * !{firehose:error-output-type}. Time is UTC.
 *
 * AWS: a prefix without any expression gets yyyy/MM/dd/HH/ appended, without a slash in between;
 * any expression switches that off. */
#include "firehose/internal.h"
#include <stdio.h>

enum { RANDOM_LENGTH = 11 };

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

bool prefix_has_expression(struct mr_slice prefix)
{
    return mr_slice_search(prefix, MR_S("!{")) != SIZE_MAX;
}

/* Cuts "!{...}" or the text before the next one off `rest`. True: it is an expression (without its
 * marks). */
static bool next_part(struct mr_slice *rest, struct mr_slice *ret_part, bool *ret_closed)
{
    const size_t at = mr_slice_search(*rest, MR_S("!{"));
    *ret_closed = true;
    if (at != 0) {
        *ret_part = mr_slice_sub(*rest, 0, at);
        *rest = mr_slice_sub(*rest, ret_part->len, SIZE_MAX);
        return false;
    }
    const size_t end = mr_slice_find(*rest, '}');
    *ret_closed = end != SIZE_MAX;
    *ret_part = mr_slice_sub(*rest, 2, end == SIZE_MAX ? SIZE_MAX : end - 2);
    *rest = mr_slice_sub(*rest, end == SIZE_MAX ? rest->len : end + 1, SIZE_MAX);
    return true;
}

/* ---- Java's DateTimeFormatter, as far as object keys use it ---- */

static int hour12(int hour)
{
    return hour % 12 == 0 ? 12 : hour % 12;
}

static int day_of_year(const struct mr_date *date)
{
    struct mr_date first = {.year = date->year, .month = 1, .day = 1};
    return (int)((mr_date_to_ms(date) - mr_date_to_ms(&first)) / 86400000) + 1;
}

static void write_name(struct mr_buf *buf, const char *name, size_t count)
{
    const struct mr_slice whole = mr_slice_cstr(name);
    mr_buf_append(buf, count >= 4 ? whole : mr_slice_sub(whole, 0, 3));
}

/* `count` times the letter; false when the letter is none. */
static bool write_field(struct mr_buf *buf, const struct mr_date *date, char letter, size_t count)
{
    const int width = count > 9 ? 9 : (int)count;
    switch (letter) {
    case 'y':
    case 'u':
        if (count == 2)
            mr_buf_printf(buf, "%02d", date->year % 100);
        else
            mr_buf_printf(buf, "%0*d", width, date->year);
        return true;
    case 'M':
    case 'L':
        if (count >= 3)
            write_name(buf, month_names[date->month - 1], count);
        else
            mr_buf_printf(buf, "%0*d", width, date->month);
        return true;
    case 'd': mr_buf_printf(buf, "%0*d", width, date->day); return true;
    case 'D': mr_buf_printf(buf, "%0*d", width, day_of_year(date)); return true;
    case 'E': write_name(buf, day_names[date->weekday], count); return true;
    case 'H': mr_buf_printf(buf, "%0*d", width, date->hour); return true;
    case 'k': mr_buf_printf(buf, "%0*d", width, date->hour == 0 ? 24 : date->hour); return true;
    case 'h': mr_buf_printf(buf, "%0*d", width, hour12(date->hour)); return true;
    case 'K': mr_buf_printf(buf, "%0*d", width, date->hour % 12); return true;
    case 'm': mr_buf_printf(buf, "%0*d", width, date->minute); return true;
    case 's': mr_buf_printf(buf, "%0*d", width, date->second); return true;
    case 'S': {
        char digits[10];
        (void)snprintf(digits, sizeof digits, "%03d000000", date->ms);
        mr_buf_append(buf, mr_slice_make(digits, (size_t)width));
        return true;
    }
    case 'a': mr_buf_append(buf, date->hour < 12 ? MR_S("AM") : MR_S("PM")); return true;
    case 'X': mr_buf_byte(buf, 'Z'); return true;
    case 'z': mr_buf_append(buf, MR_S("UTC")); return true;
    case 'Z': mr_buf_append(buf, MR_S("+0000")); return true;
    default: return false;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A quoted literal at pattern[at]: writes it, returns the index behind it; SIZE_MAX: it is not
 * closed. */
static size_t write_literal(struct mr_buf *buf, struct mr_slice pattern, size_t at)
{
    if (at + 1 < pattern.len && pattern.ptr[at + 1] == '\'') { /* '' is a quote */
        mr_buf_byte(buf, '\'');
        return at + 2;
    }
    for (at++; at < pattern.len && pattern.ptr[at] != '\''; at++)
        mr_buf_byte(buf, pattern.ptr[at]);
    return at < pattern.len ? at + 1 : SIZE_MAX;
}

static bool write_pattern(struct mr_buf *buf, struct mr_slice pattern, int64_t time_ms)
{
    const struct mr_date date = mr_date_from_ms(time_ms);
    for (size_t i = 0; i < pattern.len;) {
        const char c = pattern.ptr[i];
        if (c == '\'') {
            i = write_literal(buf, pattern, i);
            if (i == SIZE_MAX)
                return false;
            continue;
        }
        if (!is_letter(c)) {
            mr_buf_byte(buf, c);
            i++;
            continue;
        }
        size_t count = 1;
        while (i + count < pattern.len && pattern.ptr[i + count] == c)
            count++;
        if (!write_field(buf, &date, c, count))
            return false;
        i += count;
    }
    return true;
}

/* ---- expressions ---- */

static bool write_expression(struct mr_buf *buf, struct mr_slice expression,
                             const struct prefix_values *values)
{
    if (mr_slice_starts_with(expression, MR_S("timestamp:")))
        return write_pattern(buf, mr_slice_sub(expression, 10, SIZE_MAX), values->time_ms);
    if (mr_slice_equal(expression, MR_S("firehose:random-string"))) {
        char text[RANDOM_LENGTH + 1];
        mr_rng_text(values->rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                    RANDOM_LENGTH, text);
        mr_buf_append(buf, mr_slice_make(text, RANDOM_LENGTH));
        return true;
    }
    if (mr_slice_equal(expression, MR_S("firehose:error-output-type"))) {
        mr_buf_append(buf, values->error_type);
        return true;
    }
    return false;
}

static enum mr_status refuse(char message[static 512], struct mr_slice prefix, const char *why)
{
    (void)snprintf(message, 512, "The prefix '%.*s' is not valid: %s", MR_ARG(prefix), why);
    return MR_INVALID;
}

enum mr_status prefix_check(struct mr_slice prefix, bool error, char message[static 512])
{
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 1);
    const struct prefix_values values = {.error_type = MR_S_INIT("processing-failed"), .rng = &rng};
    struct mr_slice rest = prefix, part;
    bool closed = true, has_type = false, good = true;
    struct mr_buf buf = {0};
    while (rest.len > 0 && closed && good) {
        if (!next_part(&rest, &part, &closed) || !closed)
            continue;
        const bool type = mr_slice_equal(part, MR_S("firehose:error-output-type"));
        has_type = has_type || type;
        good = (error || !type) && write_expression(&buf, part, &values);
    }
    mr_buf_fini(&buf);
    if (!closed)
        return refuse(message, prefix, "an expression is not closed");
    if (!good)
        return refuse(message, prefix, "millrace does not support one of its expressions here");
    if (error && prefix_has_expression(prefix) && !has_type)
        return refuse(message, prefix,
                      "an error prefix with expressions must contain "
                      "!{firehose:error-output-type}");
    return MR_OK;
}

void prefix_write(struct mr_buf *buf, struct mr_slice prefix, const struct prefix_values *values)
{
    struct mr_slice rest = prefix, part;
    bool closed;
    while (rest.len > 0) {
        if (next_part(&rest, &part, &closed))
            (void)write_expression(buf, part, values);
        else
            mr_buf_append(buf, part);
    }
    if (!prefix_has_expression(prefix))
        (void)write_pattern(buf, MR_S("yyyy/MM/dd/HH/"), values->time_ms);
}

void prefix_write_error(struct mr_buf *buf, const struct delivery_config *config,
                        const struct prefix_values *values)
{
    if (prefix_has_expression(config->error_prefix)) {
        prefix_write(buf, config->error_prefix, values);
        return;
    }
    /* AWS: without an error prefix errors lie below the data prefix. */
    mr_buf_append(buf, config->error_prefix.len > 0 ? config->error_prefix : config->prefix);
    mr_buf_append(buf, values->error_type);
    mr_buf_byte(buf, '/');
    (void)write_pattern(buf, MR_S("yyyy/MM/dd/HH/"), values->time_ms);
}
