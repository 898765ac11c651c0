/* item/number.h: DynamoDB's numbers: up to 38 significant digits, magnitude 1E-130 to 9.99...E+125,
 * exact.
 *
 * A number is stored in one normal form that is also its key: bytes whose order (memcmp) is the
 * order of the numbers, of which none is the beginning of another, and which are equal exactly if
 * the numbers are.
 *
 *   zero      80
 *   positive  C1 exponent pair... 00        value = 0.d1d2d3... x 10^e, d1 != 0, exponent = e + 129
 *   negative  3E ~exponent ~pair... FF      every byte behind the first complemented
 *
 * A pair is two digits as a value of 1 to 100 (their number plus one); trailing zero digits are
 * cut; an odd last digit is paired with 0. So 1.50 and 1.5 are the same bytes, and -0 is 0. */
#pragma once
#include "base/slice.h"

enum {
    ITEM_NUMBER_MAX = 22,       /* bytes of the normal form at most: 2 + 19 pairs + end */
    ITEM_NUMBER_TEXT_MAX = 176, /* characters of the plain text at most */
    ITEM_NUMBER_DIGITS_MAX = 38,
};

struct item_number {
    uint8_t len;
    uint8_t bytes[ITEM_NUMBER_MAX];
};

enum item_number_outcome {
    ITEM_NUMBER_OK = 0,
    ITEM_NUMBER_SYNTAX,    /* no number */
    ITEM_NUMBER_OVERFLOW,  /* 1E126 or beyond */
    ITEM_NUMBER_UNDERFLOW, /* nearer to zero than 1E-130 */
    ITEM_NUMBER_PRECISION, /* more than 38 significant digits */
};

/* Reads "[+-]digits[.digits][e[+-]digits]"; no blanks, no NaN, no Infinity. */
enum item_number_outcome item_number_parse(struct mr_slice text, struct item_number *ret_number);
static inline struct mr_slice item_number_slice(const struct item_number *number)
{
    return mr_slice_make(number->bytes, number->len);
}
/* Plain decimal text without exponent, as DynamoDB answers it, into `ret`; returns its length. */
size_t item_number_text(struct mr_slice number, char ret[static ITEM_NUMBER_TEXT_MAX]);
/* Bytes that the number counts towards its item's size. */
size_t item_number_size(struct mr_slice number);
/* a + b, or a - b: exact or refused. */
enum item_number_outcome item_number_add(struct mr_slice a, struct mr_slice b, bool subtract,
                                         struct item_number *ret_number);
struct item_number item_number_from_u64(uint64_t value);
