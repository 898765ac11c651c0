/* base/joda.h: patterns of Joda-Time's DateTimeFormat ("yyyy-MM-dd'T'HH:mm"), cut into pieces, and
 * what such patterns read from a text. What the letters mean is for those to say who use them.
 * Pure.
 */
#pragma once
#include "base/slice.h"
#include <stdint.h>

struct mr_joda_token {
    char letter;          /* 0: `text` as it stands */
    size_t count;         /* of the letter, which was repeated */
    struct mr_slice text; /* borrowed from the pattern */
};
/* Takes the next piece off the front. MR_END: there is none. MR_INVALID: a quote has no end. */
MR_MUST_USE enum mr_status mr_joda_next(struct mr_slice *pattern, struct mr_joda_token *ret_token);

enum { MR_MONTHS = 12, MR_WEEKDAYS = 7 };
extern const char *const mr_month_names[MR_MONTHS];
extern const char *const mr_weekday_names[MR_WEEKDAYS]; /* Monday is the first */

/* Each takes what it read off the front of the text; false: there is no such thing. */
/* One of the names, whole or its first three letters, in either case; its index. */
bool mr_joda_read_name(struct mr_slice *text, const char *const *names, size_t count,
                       size_t *ret_index);
/* Digits, at least one, `most` (up to 18) at the most. */
bool mr_joda_read_digits(struct mr_slice *text, size_t most, int64_t *ret_number,
                         size_t *ret_digits);
