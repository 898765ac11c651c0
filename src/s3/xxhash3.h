/* s3/xxhash3.h: XXH3 with seed 0 and the secret of the xxHash specification, fed in pieces; one
 * walk gives the value of 64 bits and that of 128. Not shared by threads. Nothing to free. */
#pragma once
#include "base/slice.h"

enum { S3_XXHASH3_ROOM = 256, S3_XXHASH3_STRIPE = 64 };
struct s3_xxhash3 {
    uint64_t lanes[8];
    uint64_t bytes; /* fed so far */
    size_t stripes; /* taken of this block */
    size_t held;    /* in `room`: what is not yet taken; all of a short text */
    uint8_t room[S3_XXHASH3_ROOM];
    uint8_t last[S3_XXHASH3_STRIPE]; /* taken */
};
struct s3_xxhash3_value {
    uint64_t low, high;
};
void s3_xxhash3_init(struct s3_xxhash3 *hash);
void s3_xxhash3_update(struct s3_xxhash3 *hash, struct mr_slice bytes);
uint64_t s3_xxhash3_final(const struct s3_xxhash3 *hash);
struct s3_xxhash3_value s3_xxhash128_final(const struct s3_xxhash3 *hash);
