/* s3/seal.h: bodies encrypted with keys that clients bring along (SSE-C).
 *
 * AES-256 in counter mode: as long as what it hides, and readable from any byte on. A body is one
 * or several segments, each with a key of its own, an HMAC-SHA256 by the client's key of a random
 * nonce; so no stream of keys is used twice, and parts of an upload become segments of the object
 * as they lie, without anybody's key.
 *
 * The client's key is never stored. A seal is what is: a salt and an HMAC by the key of it, which
 * tells whether the key that comes along is the same, then each segment's size and nonce.
 *
 *   bytes 16 salt, bytes 32 HMAC, then for each segment varint size, bytes 16 nonce
 *
 * What the mode does not give is a check that nobody changed the bytes on the disk: neither has a
 * body that is not encrypted.
 *
 * Threads: pure, but for the random numbers. A cipher belongs to one thread at a time. */
#pragma once
#include "base/buf.h"
#include "base/rng.h"
#include "s3/digest.h"

enum { S3_CUSTOMER_KEY_BYTES = 32, S3_SEAL_HEAD_BYTES = 48, S3_NONCE_BYTES = 16 };

struct s3_customer_key {
    uint8_t bytes[S3_CUSTOMER_KEY_BYTES];
};
struct s3_nonce {
    uint8_t bytes[S3_NONCE_BYTES];
};

/* Adds a head: salt and HMAC. */
void s3_seal_begin(struct mr_buf *seal, struct mr_rng *rng, const struct s3_customer_key *key);
/* Adds a segment. */
void s3_seal_add(struct mr_buf *seal, uint64_t size, const struct s3_nonce *nonce);
/* All segments of a seal, or none. */
struct mr_slice s3_seal_segments(struct mr_slice seal);
/* Is it the key that the seal was made with? Takes the same time whatever differs. */
bool s3_seal_fits(struct mr_slice seal, const struct s3_customer_key *key);
/* An ETag in place of the MD5, which would tell about the text. */
void s3_seal_etag(const struct s3_customer_key *key, const struct s3_nonce *nonce,
                  uint8_t md5[static S3_MD5_BYTES]);

/* A zeroed one changes nothing. */
struct s3_cipher {
    void *aes; /* OpenSSL's */
    struct s3_customer_key key;
    struct mr_slice rest; /* segments behind the present one */
    uint64_t left;        /* bytes of the present one */
};
/* To write a segment of any size. */
void s3_cipher_seal(struct s3_cipher *cipher, const struct s3_customer_key *key,
                    const struct s3_nonce *nonce);
/* To read from `offset` on; the seal outlives the cipher. MR_FAIL_DATA (raised): it is damaged, or
 * shorter than that. */
MR_MUST_USE enum mr_status s3_cipher_open(struct s3_cipher *cipher,
                                          const struct s3_customer_key *key, struct mr_slice seal,
                                          uint64_t offset);
/* Encrypts or decrypts in place, and moves on. What lies behind the last segment becomes zeroes. */
void s3_cipher_apply(struct s3_cipher *cipher, char *bytes, size_t len);
/* Forgets the key. */
void s3_cipher_fini(struct s3_cipher *cipher);
static inline bool s3_cipher_works(const struct s3_cipher *cipher)
{
    return cipher != NULL && cipher->aes != NULL;
}
