#include "item/number.h"
#include <assert.h>

enum {
    SIGN_NEGATIVE = 0x3E,
    SIGN_ZERO = 0x80,
    SIGN_POSITIVE = 0xC1,
    EXPONENT_MIN = -129, /* of 0.d x 10^e: 1E-130 */
    EXPONENT_MAX = 126,
    SUM_DIGITS_MAX = EXPONENT_MAX - EXPONENT_MIN + ITEM_NUMBER_DIGITS_MAX + 2,
};

/* 0.d[0]d[1]... x 10^exponent; count = 0 is zero. */
struct decimal {
    bool negative;
    int exponent;
    int count;
    uint8_t digits[SUM_DIGITS_MAX];
};

static void decimal_trim(struct decimal *decimal)
{
    int lead = 0;
    while (lead < decimal->count && decimal->digits[lead] == 0)
        lead++;
    decimal->count -= lead;
    decimal->exponent -= lead;
    memmove(decimal->digits, decimal->digits + lead, (size_t)decimal->count);
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == 0)
        decimal->count--;
}

static enum item_number_outcome decimal_encode(const struct decimal *decimal,
                                               struct item_number *ret_number)
{
    if (decimal->count == 0) {
        *ret_number = (struct item_number){.len = 1, .bytes = {SIGN_ZERO}};
        return ITEM_NUMBER_OK;
    }
    if (decimal->exponent > EXPONENT_MAX)
        return ITEM_NUMBER_OVERFLOW;
    if (decimal->exponent < EXPONENT_MIN)
        return ITEM_NUMBER_UNDERFLOW;
    if (decimal->count > ITEM_NUMBER_DIGITS_MAX)
        return ITEM_NUMBER_PRECISION;
    uint8_t mask = decimal->negative ? 0xFF : 0x00;
    uint8_t *out = ret_number->bytes;
    *out++ = decimal->negative ? SIGN_NEGATIVE : SIGN_POSITIVE;
    *out++ = (uint8_t)(decimal->exponent - EXPONENT_MIN) ^ mask;
    for (int i = 0; i < decimal->count; i += 2) {
        int low = i + 1 < decimal->count ? decimal->digits[i + 1] : 0;
        *out++ = (uint8_t)(decimal->digits[i] * 10 + low + 1) ^ mask;
    }
    *out++ = mask;
    ret_number->len = (uint8_t)(out - ret_number->bytes);
    assert(ret_number->len <= ITEM_NUMBER_MAX);
    return ITEM_NUMBER_OK;
}

static void decimal_decode(struct mr_slice number, struct decimal *ret_decimal)
{
    assert(number.len > 0);
    const uint8_t *bytes = (const uint8_t *)number.ptr;
    ret_decimal->negative = bytes[0] == SIGN_NEGATIVE;
    ret_decimal->exponent = 0;
    ret_decimal->count = 0;
    if (bytes[0] == SIGN_ZERO)
        return;
    uint8_t mask = ret_decimal->negative ? 0xFF : 0x00;
    ret_decimal->exponent = (int)(uint8_t)(bytes[1] ^ mask) + EXPONENT_MIN;
    for (size_t i = 2; i + 1 < number.len; i++) {
        int pair = (uint8_t)(bytes[i] ^ mask) - 1;
        ret_decimal->digits[ret_decimal->count++] = (uint8_t)(pair / 10);
        ret_decimal->digits[ret_decimal->count++] = (uint8_t)(pair % 10);
    }
    if (ret_decimal->digits[ret_decimal->count - 1] == 0)
        ret_decimal->count--;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent behind 'e': clamped far outside of what is legal. */
static bool parse_exponent(const char *next, const char *end, long *ret_value)
{
    bool negative = false;
    if (next < end && (*next == '+' || *next == '-'))
        negative = *next++ == '-';
    if (next == end)
        return false;
    long value = 0;
    for (; next < end; next++) {
        if (!is_digit(*next))
            return false;
        if (value < 1000000000)
            value = value * 10 + (*next - '0');
    }
    *ret_value = negative ? -value : value;
    return true;
}

/* Digits being gathered: leading zeros never enter; past the room only whether they are zero is
 * kept. */
struct gather {
    struct decimal *decimal;
    long point; /* digits before the decimal point, less leading zeros behind it */
    bool any, more;
};

static void gather_digit(struct gather *gather, char c, bool fraction)
{
    struct decimal *decimal = gather->decimal;
    gather->any = true;
    if (decimal->count == 0 && c == '0') {
        if (fraction)
            gather->point--;
        return;
    }
    if (!fraction)
        gather->point++;
    if (decimal->count < ITEM_NUMBER_DIGITS_MAX + 2)
        decimal->digits[decimal->count++] = (uint8_t)(c - '0');
    else if (c != '0')
        gather->more = true;
}

enum item_number_outcome item_number_parse(struct mr_slice text, struct item_number *ret_number)
{
    struct decimal decimal;
    decimal.negative = false;
    decimal.count = 0;
    struct gather gather = {.decimal = &decimal};
    const char *next = text.ptr, *end = text.ptr + text.len;
    if (next < end && (*next == '-' || *next == '+'))
        decimal.negative = *next++ == '-';
    for (; next < end && is_digit(*next); next++)
        gather_digit(&gather, *next, false);
    if (next < end && *next == '.') {
        for (next++; next < end && is_digit(*next); next++)
            gather_digit(&gather, *next, true);
    }
    long exponent = 0;
    if (!gather.any)
        return ITEM_NUMBER_SYNTAX;
    if (next < end && (*next == 'e' || *next == 'E')) {
        if (!parse_exponent(next + 1, end, &exponent))
            return ITEM_NUMBER_SYNTAX;
    } else if (next < end) {
        return ITEM_NUMBER_SYNTAX;
    }
    exponent += gather.point;
    if (decimal.count > 0 && exponent > EXPONENT_MAX)
        return ITEM_NUMBER_OVERFLOW;
    if (decimal.count > 0 && exponent < EXPONENT_MIN)
        return ITEM_NUMBER_UNDERFLOW;
    if (gather.more)
        return ITEM_NUMBER_PRECISION;
    decimal.exponent = (int)exponent;
    decimal_trim(&decimal);
    return decimal_encode(&decimal, ret_number);
}

static size_t put_zeros(char *out, int count)
{
    if (count <= 0)
        return 0;
    memset(out, '0', (size_t)count);
    return (size_t)count;
}

size_t item_number_text(struct mr_slice number, char ret[static ITEM_NUMBER_TEXT_MAX])
{
    struct decimal decimal;
    decimal_decode(number, &decimal);
    size_t len = 0;
    if (decimal.count == 0) {
        ret[0] = '0';
        return 1;
    }
    if (decimal.negative)
        ret[len++] = '-';
    if (decimal.exponent <= 0) {
        ret[len++] = '0';
        ret[len++] = '.';
        len += put_zeros(ret + len, -decimal.exponent);
    }
    for (int i = 0; i < decimal.count; i++) {
        if (i > 0 && i == decimal.exponent)
            ret[len++] = '.';
        ret[len++] = (char)('0' + decimal.digits[i]);
    }
    len += put_zeros(ret + len, decimal.exponent - decimal.count);
    assert(len <= ITEM_NUMBER_TEXT_MAX);
    return len;
}

/* AWS: 1 for zero; else 1 and a byte for each two digits, one more when the digits do not pair up
 * with the exponent, one more when negative. The pairs are of base 100, so digits on both sides of
 * a pair's boundary count twice. */
size_t item_number_size(struct mr_slice number)
{
    struct decimal decimal;
    decimal_decode(number, &decimal);
    if (decimal.count == 0)
        return 1;
    int scientific = decimal.exponent - 1;
    bool odd = decimal.count % 2 != 0 || scientific % 2 != 0;
    return 1 + (size_t)(decimal.count + 1) / 2 + (odd ? 0 : 1) + (decimal.negative ? 1 : 0);
}

/* |a| + |b| into the digits of ret, which are laid out from `top` (the weight of ret's first digit
 * is 10^(top-1)). */
static void magnitude_add(const struct decimal *a, const struct decimal *b, int sign,
                          struct decimal *ret)
{
    int top = (a->exponent > b->exponent ? a->exponent : b->exponent) + 1;
    int low_a = a->exponent - a->count, low_b = b->exponent - b->count;
    int low = low_a < low_b ? low_a : low_b;
    ret->exponent = top;
    ret->count = top - low;
    assert(ret->count <= SUM_DIGITS_MAX);
    int carry = 0;
    for (int i = ret->count - 1; i >= 0; i--) {
        int at_a = i - (top - a->exponent), at_b = i - (top - b->exponent);
        int digit = carry;
        if (at_a >= 0 && at_a < a->count)
            digit += a->digits[at_a];
        if (at_b >= 0 && at_b < b->count)
            digit += sign * b->digits[at_b];
        carry = digit < 0 ? -1 : digit / 10;
        ret->digits[i] = (uint8_t)(digit - carry * 10);
    }
    assert(carry == 0);
}

/* As memcmp: |a| against |b|, both trimmed. */
static int magnitude_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    int both = a->count < b->count ? a->count : b->count;
    int order = memcmp(a->digits, b->digits, (size_t)both);
    return order != 0 ? order : a->count - b->count;
}

enum item_number_outcome item_number_add(struct mr_slice a, struct mr_slice b, bool subtract,
                                         struct item_number *ret_number)
{
    struct decimal left, right, sum;
    decimal_decode(a, &left);
    decimal_decode(b, &right);
    if (subtract)
        right.negative = !right.negative;
    if (right.count == 0)
        return decimal_encode(&left, ret_number);
    if (left.count == 0)
        return decimal_encode(&right, ret_number);
    if (left.negative == right.negative) {
        sum.negative = left.negative;
        magnitude_add(&left, &right, 1, &sum);
    } else if (magnitude_compare(&left, &right) >= 0) {
        sum.negative = left.negative;
        magnitude_add(&left, &right, -1, &sum);
    } else {
        sum.negative = right.negative;
        magnitude_add(&right, &left, -1, &sum);
    }
    decimal_trim(&sum);
    return decimal_encode(&sum, ret_number);
}

struct item_number item_number_from_u64(uint64_t value)
{
    struct decimal decimal;
    decimal.negative = false;
    decimal.count = 20;
    decimal.exponent = 20;
    for (int i = 19; i >= 0; i--, value /= 10)
        decimal.digits[i] = (uint8_t)(value % 10);
    decimal_trim(&decimal);
    struct item_number number;
    enum item_number_outcome outcome = decimal_encode(&decimal, &number);
    assert(outcome == ITEM_NUMBER_OK);
    (void)outcome;
    return number;
}
