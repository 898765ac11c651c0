#include "base/joda.h"

const char *const mr_month_names[MR_MONTHS] = {"January",   "February", "March",    "April",
                                               "May",       "June",     "July",     "August",
                                               "September", "October",  "November", "December"};
const char *const mr_weekday_names[MR_WEEKDAYS] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                   "Friday", "Saturday", "Sunday"};

static void skip(struct mr_slice *slice, size_t count)
{
    *slice = mr_slice_sub(*slice, count, SIZE_MAX);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* '' is a quote by itself, and within a quoted text, of which it then ends a piece. */
static enum mr_status next_quoted(struct mr_slice *pattern, struct mr_joda_token *token)
{
    const size_t end = mr_slice_find(mr_slice_sub(*pattern, 1, SIZE_MAX), '\'');
    if (end == SIZE_MAX)
        return MR_INVALID;
    const struct mr_slice rest = mr_slice_sub(*pattern, end + 2, SIZE_MAX);
    if (end > 0)
        token->text = mr_slice_sub(*pattern, 1, end + mr_slice_starts_with(rest, MR_S("'")));
    *pattern = rest;
    return MR_OK;
}

enum mr_status mr_joda_next(struct mr_slice *pattern, struct mr_joda_token *ret_token)
{
    if (pattern->len == 0)
        return MR_END;
    const char first = pattern->ptr[0];
    *ret_token = (struct mr_joda_token){.count = 1, .text = mr_slice_sub(*pattern, 0, 1)};
    if (first == '\'')
        return next_quoted(pattern, ret_token);
    if (is_letter(first)) {
        ret_token->letter = first;
        while (ret_token->count < pattern->len && pattern->ptr[ret_token->count] == first)
            ret_token->count++;
        ret_token->text = mr_slice_sub(*pattern, 0, ret_token->count);
    }
    skip(pattern, ret_token->count);
    return MR_OK;
}

bool mr_joda_read_name(struct mr_slice *text, const char *const *names, size_t count,
                       size_t *ret_index)
{
    enum { SHORT = 3 };
    for (size_t i = 0; i < count; i++) {
        const struct mr_slice whole = mr_slice_cstr(names[i]);
        const struct mr_slice both[] = {whole, mr_slice_sub(whole, 0, SHORT)};
        for (size_t j = 0; j < MR_COUNT(both); j++) {
            if (!mr_slice_equal_nocase(mr_slice_sub(*text, 0, both[j].len), both[j]))
                continue;
            skip(text, both[j].len);
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool mr_joda_read_digits(struct mr_slice *text, size_t most, int64_t *ret_number,
                         size_t *ret_digits)
{
    size_t count = 0;
    int64_t number = 0;
    while (count < most && count < text->len && text->ptr[count] >= '0' && text->ptr[count] <= '9')
        number = number * 10 + (text->ptr[count++] - '0');
    skip(text, count);
    *ret_number = number;
    *ret_digits = count;
    return count > 0;
}
