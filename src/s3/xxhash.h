/* s3/xxhash.h: XXH64 with seed 0, fed in pieces, as the xxHash specification has it. Not shared by
 * threads. Nothing has to be freed. */
#pragma once
#include "base/slice.h"

enum { S3_XXHASH_BLOCK = 32 };
struct s3_xxhash {
    uint64_t lanes[4];
    uint64_t bytes; /* fed so far */
    uint8_t rest[S3_XXHASH_BLOCK];
};
void s3_xxhash_init(struct s3_xxhash *hash);
void s3_xxhash_update(struct s3_xxhash *hash, struct mr_slice bytes);
uint64_t s3_xxhash_final(const struct s3_xxhash *hash);
