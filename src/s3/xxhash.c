#include "s3/xxhash.h"
#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t little_endian(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

static uint64_t round_of(uint64_t lane, uint64_t value)
{
    return rotate(lane + value * PRIME_2, 31) * PRIME_1;
}

static void take_block(struct s3_xxhash *hash, const uint8_t *block)
{
    for (size_t i = 0; i < 4; i++)
        hash->lanes[i] = round_of(hash->lanes[i], little_endian(block + 8 * i, 8));
}

void s3_xxhash_init(struct s3_xxhash *hash)
{
    *hash = (struct s3_xxhash){
        .lanes = {PRIME_1 + PRIME_2, PRIME_2, 0, UINT64_C(0) - PRIME_1},
    };
}

void s3_xxhash_update(struct s3_xxhash *hash, struct mr_slice bytes)
{
    const uint8_t *from = (const uint8_t *)bytes.ptr;
    size_t left = bytes.len, held = (size_t)(hash->bytes % S3_XXHASH_BLOCK);
    hash->bytes += left;
    if (held + left < S3_XXHASH_BLOCK) {
        if (left > 0)
            memcpy(hash->rest + held, from, left);
        return;
    }
    if (held > 0) {
        const size_t more = S3_XXHASH_BLOCK - held;
        memcpy(hash->rest + held, from, more);
        take_block(hash, hash->rest);
        from += more;
        left -= more;
    }
    for (; left >= S3_XXHASH_BLOCK; left -= S3_XXHASH_BLOCK, from += S3_XXHASH_BLOCK)
        take_block(hash, from);
    if (left > 0)
        memcpy(hash->rest, from, left);
}

static uint64_t lanes_joined(const struct s3_xxhash *hash)
{
    const uint64_t *lanes = hash->lanes;
    if (hash->bytes < S3_XXHASH_BLOCK)
        return lanes[2] + PRIME_5;
    uint64_t joined =
        rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (size_t i = 0; i < 4; i++)
        joined = (joined ^ round_of(0, lanes[i])) * PRIME_1 + PRIME_4;
    return joined;
}

uint64_t s3_xxhash_final(const struct s3_xxhash *hash)
{
    const uint8_t *from = hash->rest;
    size_t left = (size_t)(hash->bytes % S3_XXHASH_BLOCK);
    uint64_t value = lanes_joined(hash) + hash->bytes;
    for (; left >= 8; left -= 8, from += 8)
        value = rotate(value ^ round_of(0, little_endian(from, 8)), 27) * PRIME_1 + PRIME_4;
    for (; left >= 4; left -= 4, from += 4)
        value = rotate(value ^ little_endian(from, 4) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    for (; left > 0; left--, from++)
        value = rotate(value ^ *from * PRIME_5, 11) * PRIME_1;
    value = (value ^ value >> 33) * PRIME_2;
    value = (value ^ value >> 29) * PRIME_3;
    return value ^ value >> 32;
}
