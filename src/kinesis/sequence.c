/* Sequence numbers and hash keys as decimal texts.
 *
 * A sequence number is a number of 47 hexadecimal digits, printed in decimal (AWS: facts of the
 * service, version 2):
 *
 *     2 | 9: shard created, epoch s | 1: low nibble of the shard's index | 16: counter | 2: 00 | 9:
 * record, epoch s | 8: shard | 2
 *
 * The counter is the record's journal position, so numbers of one shard rise as the journal does.
 *
 * Two older forms are read as well, so that a request that holds one is told what AWS tells of it:
 *
 *     2 | 9: shard created | 1 | 2 | 9: record | 14: random | 2: counter | 8: shard | 1
 *     1 | 9: shard created | 2 | 16: random | 4: shard      (the leading 1 may be missing)
 */
#include "kinesis/internal.h"
#include "base/codec.h"

enum { DIGITS = 47, LIMBS = 6, PRINT_DIVISIONS = 7 }; /* 188 bits are 57 decimal digits */
enum { OLD_DIGITS = 32, OLD_DIGITS_MAX = 33 };

/* A 192-bit number, least significant limb first. */
struct wide {
    uint32_t limb[LIMBS];
};

/* wide = wide * factor + addend; false on overflow. */
static bool wide_muladd(struct wide *wide, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < LIMBS; i++) {
        carry += (uint64_t)wide->limb[i] * factor;
        wide->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

/* Divides in place and returns the remainder. */
static uint32_t wide_divide(struct wide *wide, uint32_t divisor)
{
    uint64_t rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << 32 | wide->limb[i];
        wide->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static bool wide_is_zero(const struct wide *wide)
{
    for (size_t i = 0; i < LIMBS; i++)
        if (wide->limb[i] != 0)
            return false;
    return true;
}

/* Appends `count` hexadecimal digits of `value`, seven at a time. */
static void push_digits(struct wide *wide, uint64_t value, unsigned count)
{
    while (count > 0) {
        unsigned more = count < 7 ? count : 7;
        count -= more;
        uint32_t factor = 1U << (4 * more);
        (void)wide_muladd(wide, factor, (uint32_t)(value >> (count * 4)) & (factor - 1));
    }
}

/* Nine decimal digits a division, the zeros before the first one not shown. */
static struct mr_slice wide_print(struct wide *wide, char ret[static KINESIS_SEQUENCE_TEXT])
{
    char text[PRINT_DIVISIONS * 9];
    size_t at = sizeof text;
    for (int i = 0; i < PRINT_DIVISIONS; i++) {
        uint32_t nine = wide_divide(wide, 1000000000);
        for (int digit = 0; digit < 9; digit++, nine /= 10)
            text[--at] = (char)('0' + nine % 10);
    }
    while (text[at] == '0')
        at++; /* the number has a digit in its highest place: it is not 0 */
    size_t len = sizeof text - at;
    memcpy(ret, text + at, len);
    ret[len] = '\0';
    return mr_slice_make(ret, len);
}

struct mr_slice kinesis_sequence_print(const struct kinesis_sequence *sequence,
                                       char ret[static KINESIS_SEQUENCE_TEXT])
{
    struct wide wide = {{0}};
    push_digits(&wide, 2, 1);
    push_digits(&wide, (uint64_t)sequence->created_s, 9);
    push_digits(&wide, sequence->shard & 15U, 1);
    push_digits(&wide, sequence->position, 16);
    push_digits(&wide, 0, 2);
    push_digits(&wide, (uint64_t)sequence->time_s, 9);
    push_digits(&wide, sequence->shard, 8);
    push_digits(&wide, 2, 1);
    return wide_print(&wide, ret);
}

static uint64_t field(const uint8_t digits[static DIGITS], size_t from, size_t count)
{
    uint64_t value = 0;
    for (size_t i = from; i < from + count; i++)
        value = value << 4 | digits[i];
    return value;
}

/* Decimal text as hexadecimal digits, most significant first; false when it is no number or has
 * more than DIGITS of them. */
static bool read_digits(struct mr_slice text, uint8_t digits[static DIGITS])
{
    struct wide wide = {{0}};
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9' ||
            !wide_muladd(&wide, 10, (uint32_t)(text.ptr[i] - '0')))
            return false;
    for (size_t i = DIGITS; i-- > 0;)
        digits[i] = (uint8_t)wide_divide(&wide, 16);
    return wide_is_zero(&wide);
}

/* The oldest form: a number below 2^129. A missing leading 1 is put before it. */
static enum mr_status parse_oldest(uint8_t digits[static DIGITS], struct kinesis_sequence *ret)
{
    static const int64_t created_s_end = 16025175000; /* AWS: refuses from here on */
    size_t first = DIGITS - OLD_DIGITS_MAX;
    if (digits[first] == 0 && digits[++first] == 0)
        digits[first] = 1;
    ret->created_s = (int64_t)field(digits, first + 1, 9);
    ret->shard = (uint32_t)field(digits, first + 28, 4);
    return ret->created_s < created_s_end ? MR_OK : MR_INVALID;
}

enum mr_status kinesis_sequence_parse(struct mr_slice text, struct kinesis_sequence *ret)
{
    uint8_t digits[DIGITS];
    *ret = (struct kinesis_sequence){0};
    if (!read_digits(text, digits))
        return MR_INVALID;
    if (field(digits, 0, DIGITS - OLD_DIGITS_MAX) == 0 && digits[DIGITS - OLD_DIGITS_MAX] < 2)
        return parse_oldest(digits, ret);
    ret->version = digits[DIGITS - 1];
    if (digits[0] != 2 || (ret->version != 1 && ret->version != 2))
        return MR_INVALID;
    ret->created_s = (int64_t)field(digits, 1, 9);
    ret->shard = (uint32_t)field(digits, 38, 8);
    ret->time_s = (int64_t)field(digits, ret->version == 2 ? 29 : 13, 9);
    if (ret->version == 1)
        return MR_OK;
    ret->position = field(digits, 11, 16);
    return ret->position > (uint64_t)INT64_MAX || ret->shard > INT32_MAX ? MR_INVALID : MR_OK;
}

struct mr_slice kinesis_sequence_shown(struct mr_slice text, char ret[static KINESIS_SEQUENCE_TEXT])
{
    uint8_t digits[DIGITS];
    struct kinesis_sequence sequence;
    struct wide wide = {{0}};
    if (kinesis_sequence_parse(text, &sequence) != MR_OK || sequence.version != 0 ||
        !read_digits(text, digits))
        return text;
    size_t first = DIGITS - OLD_DIGITS;
    digits[first] = 1;
    for (size_t i = first; i < DIGITS; i++)
        push_digits(&wide, digits[i], 1);
    return wide_print(&wide, ret);
}

struct mr_slice kinesis_sequence_text(const struct kinesis_stream *stream, size_t shard,
                                      int64_t position, int64_t arrival_ms,
                                      char ret[static KINESIS_SEQUENCE_TEXT])
{
    const struct kinesis_sequence sequence = {
        .created_s = stream->shards[shard]->created_ms / 1000,
        .position = (uint64_t)position,
        .time_s = arrival_ms / 1000,
        .shard = (uint32_t)shard,
    };
    return kinesis_sequence_print(&sequence, ret);
}

enum mr_status kinesis_sequence_position(struct mr_slice text, int64_t *ret_position)
{
    struct kinesis_sequence sequence;
    const enum mr_status status = kinesis_sequence_parse(text, &sequence);
    if (status == MR_OK && sequence.version != 2)
        return MR_INVALID;
    if (status == MR_OK)
        *ret_position = (int64_t)sequence.position;
    return status;
}

enum mr_status kinesis_hash_parse(struct mr_slice text, kinesis_hash *ret)
{
    kinesis_hash value = 0;
    const kinesis_hash max = ~(kinesis_hash)0;
    if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
        return MR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return MR_INVALID;
        const unsigned digit = (unsigned)(text.ptr[i] - '0');
        if (value > (max - digit) / 10)
            return MR_INVALID;
        value = value * 10 + digit;
    }
    *ret = value;
    return MR_OK;
}

struct mr_slice kinesis_hash_print(kinesis_hash value, char ret[static 48])
{
    char text[48];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    size_t len = sizeof text - at;
    memcpy(ret, text + at, len);
    ret[len] = '\0';
    return mr_slice_make(ret, len);
}

kinesis_hash kinesis_hash_key(struct mr_slice partition_key)
{
    uint8_t digest[16];
    mr_md5(partition_key, digest);
    kinesis_hash hash = 0;
    for (size_t i = 0; i < sizeof digest; i++)
        hash = hash << 8 | digest[i];
    return hash;
}
