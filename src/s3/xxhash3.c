#include "s3/xxhash3.h"
#include <string.h>

#define PRIME32_1 UINT64_C(0x9e3779b1)
#define PRIME32_2 UINT64_C(0x85ebca77)
#define PRIME32_3 UINT64_C(0xc2b2ae3d)
#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)
#define MIX_1 UINT64_C(0x165667919e3779f9)
#define MIX_2 UINT64_C(0x9fb21c651e98df25)

enum {
    SECRET_BYTES = 192,
    BLOCK_STRIPES = (SECRET_BYTES - S3_XXHASH3_STRIPE) / 8,
    SHORT_MAX = 240,
    SHORT_SECRET = 136 /* of it texts of 129 to 240 bytes use no more */
};

static const uint8_t secret[SECRET_BYTES] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t read64(const uint8_t *from)
{
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

static uint32_t read32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

/* Two words of the secret, joined. */
static uint64_t flip(size_t at)
{
    return read64(secret + at) ^ read64(secret + at + 8);
}

__extension__ typedef unsigned __int128 wide;

static struct s3_xxhash3_value multiply(uint64_t a, uint64_t b)
{
    const wide product = (wide)a * b;
    return (struct s3_xxhash3_value){(uint64_t)product, (uint64_t)(product >> 64)};
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    const struct s3_xxhash3_value product = multiply(a, b);
    return product.low ^ product.high;
}

static uint64_t avalanche(uint64_t value)
{
    value = (value ^ value >> 37) * MIX_1;
    return value ^ value >> 32;
}

static uint64_t avalanche_xxh64(uint64_t value)
{
    value = (value ^ value >> 33) * PRIME_2;
    value = (value ^ value >> 29) * PRIME_3;
    return value ^ value >> 32;
}

static uint64_t mix16(const uint8_t *from, size_t at)
{
    return fold(read64(from) ^ read64(secret + at), read64(from + 8) ^ read64(secret + at + 8));
}

/* ---- up to 16 bytes ---- */

static uint32_t three_joined(const uint8_t *from, size_t len)
{
    return (uint32_t)from[0] << 16 | (uint32_t)from[len >> 1] << 24 | (uint32_t)from[len - 1] |
           (uint32_t)len << 8;
}

static uint64_t tiny64(const uint8_t *from, size_t len)
{
    if (len > 8) {
        const uint64_t low = read64(from) ^ flip(24), high = read64(from + len - 8) ^ flip(40);
        return avalanche(len + __builtin_bswap64(low) + high + fold(low, high));
    }
    if (len >= 4) {
        uint64_t value = (read32(from + len - 4) + ((uint64_t)read32(from) << 32)) ^ flip(8);
        value = (value ^ rotate(value, 49) ^ rotate(value, 24)) * MIX_2;
        value = (value ^ ((value >> 35) + len)) * MIX_2;
        return value ^ value >> 28;
    }
    if (len == 0)
        return avalanche_xxh64(flip(56));
    return avalanche_xxh64(three_joined(from, len) ^ (read32(secret) ^ read32(secret + 4)));
}

static struct s3_xxhash3_value nine128(const uint8_t *from, size_t len)
{
    uint64_t high = read64(from + len - 8);
    struct s3_xxhash3_value part = multiply(read64(from) ^ high ^ flip(32), PRIME_1);
    part.low += (uint64_t)(len - 1) << 54;
    high ^= flip(48);
    part.high += high + (high & UINT32_MAX) * (PRIME32_2 - 1);
    part.low ^= __builtin_bswap64(part.high);
    struct s3_xxhash3_value value = multiply(part.low, PRIME_2);
    value.high += part.high * PRIME_2;
    return (struct s3_xxhash3_value){avalanche(value.low), avalanche(value.high)};
}

static struct s3_xxhash3_value four128(const uint8_t *from, size_t len)
{
    const uint64_t joined = read32(from) + ((uint64_t)read32(from + len - 4) << 32);
    struct s3_xxhash3_value value = multiply(joined ^ flip(16), PRIME_1 + (len << 2));
    value.high += value.low << 1;
    value.low ^= value.high >> 3;
    value.low = (value.low ^ value.low >> 35) * MIX_2;
    value.low ^= value.low >> 28;
    value.high = avalanche(value.high);
    return value;
}

static struct s3_xxhash3_value tiny128(const uint8_t *from, size_t len)
{
    if (len > 8)
        return nine128(from, len);
    if (len >= 4)
        return four128(from, len);
    if (len == 0)
        return (struct s3_xxhash3_value){avalanche_xxh64(flip(64)), avalanche_xxh64(flip(80))};
    const uint32_t low = three_joined(from, len), turned = __builtin_bswap32(low);
    const uint32_t high = turned << 13 | turned >> 19;
    return (struct s3_xxhash3_value){
        avalanche_xxh64(low ^ (uint64_t)(read32(secret) ^ read32(secret + 4))),
        avalanche_xxh64(high ^ (uint64_t)(read32(secret + 8) ^ read32(secret + 12))),
    };
}

/* ---- up to 240 bytes ---- */

static uint64_t short64(const uint8_t *from, size_t len)
{
    uint64_t sum = len * PRIME_1;
    if (len <= 128) {
        for (size_t i = (len - 1) / 32 + 1; i-- > 0;)
            sum += mix16(from + 16 * i, 32 * i) + mix16(from + len - 16 * (i + 1), 32 * i + 16);
        return avalanche(sum);
    }
    for (size_t i = 0; i < 8; i++)
        sum += mix16(from + 16 * i, 16 * i);
    sum = avalanche(sum);
    for (size_t i = 8; i < len / 16; i++)
        sum += mix16(from + 16 * i, 16 * (i - 8) + 3);
    return avalanche(sum + mix16(from + len - 16, SHORT_SECRET - 17));
}

static void mix32(struct s3_xxhash3_value *sum, const uint8_t *one, const uint8_t *two, size_t at)
{
    sum->low = (sum->low + mix16(one, at)) ^ (read64(two) + read64(two + 8));
    sum->high = (sum->high + mix16(two, at + 16)) ^ (read64(one) + read64(one + 8));
}

static struct s3_xxhash3_value short128(const uint8_t *from, size_t len)
{
    struct s3_xxhash3_value sum = {len * PRIME_1, 0};
    if (len <= 128) {
        for (size_t i = (len - 1) / 32 + 1; i-- > 0;)
            mix32(&sum, from + 16 * i, from + len - 16 * (i + 1), 32 * i);
    } else {
        for (size_t at = 0; at < 128; at += 32)
            mix32(&sum, from + at, from + at + 16, at);
        sum = (struct s3_xxhash3_value){avalanche(sum.low), avalanche(sum.high)};
        for (size_t at = 128; at + 32 <= len; at += 32)
            mix32(&sum, from + at, from + at + 16, at - 128 + 3);
        mix32(&sum, from + len - 16, from + len - 32, SHORT_SECRET - 17 - 16);
    }
    return (struct s3_xxhash3_value){
        avalanche(sum.low + sum.high),
        0 - avalanche(sum.low * PRIME_1 + sum.high * PRIME_4 + len * PRIME_2),
    };
}

/* ---- longer: stripes, in blocks ---- */

static void take_into(uint64_t *lanes, const uint8_t *stripe, size_t at)
{
    for (size_t i = 0; i < 8; i++) {
        const uint64_t word = read64(stripe + 8 * i);
        const uint64_t key = word ^ read64(secret + at + 8 * i);
        lanes[i ^ 1] += word;
        lanes[i] += (key & UINT32_MAX) * (key >> 32);
    }
}

static void take_stripe(struct s3_xxhash3 *hash, const uint8_t *stripe)
{
    take_into(hash->lanes, stripe, 8 * hash->stripes);
    if (++hash->stripes < BLOCK_STRIPES)
        return;
    hash->stripes = 0;
    for (size_t i = 0; i < 8; i++) {
        const uint64_t lane = hash->lanes[i] ^ hash->lanes[i] >> 47;
        hash->lanes[i] =
            (lane ^ read64(secret + SECRET_BYTES - S3_XXHASH3_STRIPE + 8 * i)) * PRIME32_1;
    }
}

static uint64_t lanes_joined(const uint64_t *lanes, size_t at, uint64_t sum)
{
    for (size_t i = 0; i < 4; i++)
        sum += fold(lanes[2 * i] ^ read64(secret + at + 16 * i),
                    lanes[2 * i + 1] ^ read64(secret + at + 16 * i + 8));
    return avalanche(sum);
}

/* All but the end has been taken: a copy takes that. */
static struct s3_xxhash3 ended(const struct s3_xxhash3 *hash)
{
    struct s3_xxhash3 copy = *hash;
    uint8_t end[S3_XXHASH3_STRIPE];
    size_t at = 0;
    for (; at + S3_XXHASH3_STRIPE < copy.held; at += S3_XXHASH3_STRIPE)
        take_stripe(&copy, copy.room + at);
    if (copy.held >= S3_XXHASH3_STRIPE) {
        memcpy(end, copy.room + copy.held - S3_XXHASH3_STRIPE, sizeof end);
    } else {
        memcpy(end, copy.last + copy.held, sizeof end - copy.held);
        memcpy(end + sizeof end - copy.held, copy.room, copy.held);
    }
    take_into(copy.lanes, end, SECRET_BYTES - S3_XXHASH3_STRIPE - 7);
    return copy;
}

void s3_xxhash3_init(struct s3_xxhash3 *hash)
{
    *hash = (struct s3_xxhash3){
        .lanes = {PRIME32_3, PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME32_2, PRIME_5, PRIME32_1},
    };
}

void s3_xxhash3_update(struct s3_xxhash3 *hash, struct mr_slice bytes)
{
    while (bytes.len > 0) {
        if (hash->held == S3_XXHASH3_ROOM) { /* more comes, so none of these is the end */
            for (size_t at = 0; at < S3_XXHASH3_ROOM; at += S3_XXHASH3_STRIPE)
                take_stripe(hash, hash->room + at);
            memcpy(hash->last, hash->room + S3_XXHASH3_ROOM - sizeof hash->last, sizeof hash->last);
            hash->held = 0;
        }
        const size_t gap = S3_XXHASH3_ROOM - hash->held;
        const size_t now = bytes.len < gap ? bytes.len : gap;
        memcpy(hash->room + hash->held, bytes.ptr, now);
        hash->held += now;
        hash->bytes += now;
        bytes = mr_slice_sub(bytes, now, SIZE_MAX);
    }
}

uint64_t s3_xxhash3_final(const struct s3_xxhash3 *hash)
{
    if (hash->bytes <= 16)
        return tiny64(hash->room, hash->held);
    if (hash->bytes <= SHORT_MAX)
        return short64(hash->room, hash->held);
    const struct s3_xxhash3 end = ended(hash);
    return lanes_joined(end.lanes, 11, hash->bytes * PRIME_1);
}

struct s3_xxhash3_value s3_xxhash128_final(const struct s3_xxhash3 *hash)
{
    if (hash->bytes <= 16)
        return tiny128(hash->room, hash->held);
    if (hash->bytes <= SHORT_MAX)
        return short128(hash->room, hash->held);
    const struct s3_xxhash3 end = ended(hash);
    return (struct s3_xxhash3_value){
        lanes_joined(end.lanes, 11, hash->bytes * PRIME_1),
        lanes_joined(end.lanes, SECRET_BYTES - S3_XXHASH3_STRIPE - 11, ~(hash->bytes * PRIME_2)),
    };
}
