/* s3/digest.h: MD5 and S3's ten checksums, computed while bytes pass by.
 *
 * A digest is made with the set of algorithms that are wanted, fed in order, and finished once.
 * Sums are kept as S3 encodes them: big-endian bytes, 4 to 64 of them. Not shared by threads. */
#pragma once
#include "base/codec.h"

enum s3_algorithm {
    S3_NO_SUM,
    S3_CRC32,
    S3_CRC32C,
    S3_CRC64NVME,
    S3_SHA1,
    S3_SHA256,
    S3_SHA512,
    S3_MD5,
    S3_XXHASH64,
    S3_XXHASH3,
    S3_XXHASH128,
    S3_ALGORITHMS /* stored as numbers: new ones are the last */
};
enum { S3_SUM_BYTES_MAX = 64, S3_MD5_BYTES = 16 };

const char *s3_algorithm_name(enum s3_algorithm algorithm);   /* "CRC32" */
const char *s3_algorithm_member(enum s3_algorithm algorithm); /* "ChecksumCRC32" */
const char *s3_algorithm_header(enum s3_algorithm algorithm); /* "x-amz-checksum-crc32" */
/* Any case; S3_NO_SUM when there is no such one. */
enum s3_algorithm s3_algorithm_of(struct mr_slice name);
size_t s3_algorithm_bytes(enum s3_algorithm algorithm);
static inline bool s3_algorithm_is_crc(enum s3_algorithm algorithm)
{
    return algorithm >= S3_CRC32 && algorithm <= S3_CRC64NVME;
}

struct s3_sum {
    enum s3_algorithm algorithm;
    uint8_t bytes[S3_SUM_BYTES_MAX]; /* s3_algorithm_bytes(algorithm) of them */
};
struct mr_slice s3_sum_slice(const struct s3_sum *sum);
struct mr_slice s3_sum_base64(struct mr_arena *arena, const struct s3_sum *sum);
bool s3_sum_equal(const struct s3_sum *a, const struct s3_sum *b);
/* MR_INVALID: not the base64 of as many bytes as the algorithm has. */
MR_MUST_USE enum mr_status s3_sum_parse(struct mr_arena *arena, enum s3_algorithm algorithm,
                                        struct mr_slice base64, struct s3_sum *ret_sum);

struct s3_digest {
    unsigned set; /* bit per algorithm */
    void *md5, *sha1, *sha256, *sha512;
    void *xxhash64, *xxhash3, *xxhash128;
    uint32_t crc32, crc32c;
    uint64_t crc64;
};
/* What came out. */
struct s3_sums {
    uint8_t md5[S3_MD5_BYTES];
    struct s3_sum of[S3_ALGORITHMS]; /* those of the set */
};
/* MD5 is always computed: it is the ETag. */
void s3_digest_init(struct s3_digest *digest, unsigned set);
void s3_digest_update(struct s3_digest *digest, struct mr_slice bytes);
/* Ends the digest too. */
void s3_digest_finish(struct s3_digest *digest, struct s3_sums *ret_sums);
void s3_digest_fini(struct s3_digest *digest); /* accepts a zeroed and a finished one */
/* All at once. */
void s3_digest_bytes(struct mr_slice bytes, unsigned set, struct s3_sums *ret_sums);

/* The CRC of A followed by B, from those of A and B and the length of B. Both of one CRC
 * algorithm; *a becomes the result. */
void s3_sum_combine(struct s3_sum *a, const struct s3_sum *b, uint64_t b_bytes);
