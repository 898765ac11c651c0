#include "s3/seal.h"
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { SALT_BYTES = 16, CHECK_BYTES = 32, BLOCK_BYTES = 16 };
static_assert((int)SALT_BYTES + (int)CHECK_BYTES == (int)S3_SEAL_HEAD_BYTES, "the head of a seal");

/* HMAC by the client's key, of one byte that tells what for, and what is given. */
static void derive(const struct s3_customer_key *key, char purpose, struct mr_slice from,
                   uint8_t ret[static CHECK_BYTES])
{
    char text[64];
    assert(from.len < sizeof text);
    text[0] = purpose;
    memcpy(text + 1, from.ptr, from.len);
    mr_hmac_sha256(mr_slice_make(key->bytes, sizeof key->bytes), mr_slice_make(text, from.len + 1),
                   ret);
}

/* ---- seals ---- */

void s3_seal_begin(struct mr_buf *seal, struct mr_rng *rng, const struct s3_customer_key *key)
{
    uint8_t salt[SALT_BYTES], check[CHECK_BYTES];
    mr_rng_fill(rng, salt, sizeof salt);
    derive(key, 'c', mr_slice_make(salt, sizeof salt), check);
    mr_buf_append(seal, mr_slice_make(salt, sizeof salt));
    mr_buf_append(seal, mr_slice_make(check, sizeof check));
}

void s3_seal_add(struct mr_buf *seal, uint64_t size, const struct s3_nonce *nonce)
{
    mr_buf_varint(seal, size);
    mr_buf_append(seal, mr_slice_make(nonce->bytes, sizeof nonce->bytes));
}

struct mr_slice s3_seal_segments(struct mr_slice seal)
{
    return mr_slice_sub(seal, S3_SEAL_HEAD_BYTES, SIZE_MAX);
}

bool s3_seal_fits(struct mr_slice seal, const struct s3_customer_key *key)
{
    uint8_t check[CHECK_BYTES];
    if (seal.len < S3_SEAL_HEAD_BYTES)
        return false;
    derive(key, 'c', mr_slice_sub(seal, 0, SALT_BYTES), check);
    return CRYPTO_memcmp(check, seal.ptr + SALT_BYTES, CHECK_BYTES) == 0;
}

void s3_seal_etag(const struct s3_customer_key *key, const struct s3_nonce *nonce,
                  uint8_t md5[static S3_MD5_BYTES])
{
    uint8_t text[S3_NONCE_BYTES + S3_MD5_BYTES], tag[CHECK_BYTES];
    memcpy(text, nonce->bytes, S3_NONCE_BYTES);
    memcpy(text + S3_NONCE_BYTES, md5, S3_MD5_BYTES);
    derive(key, 'e', mr_slice_make(text, sizeof text), tag);
    memcpy(md5, tag, S3_MD5_BYTES);
}

/* ---- ciphers ---- */

/* From byte `offset` of a segment on. */
static void start(struct s3_cipher *cipher, struct mr_slice nonce, uint64_t offset)
{
    uint8_t aes_key[CHECK_BYTES], counter[BLOCK_BYTES] = {0}, skipped[BLOCK_BYTES] = {0};
    int written;
    uint64_t block = offset / BLOCK_BYTES;
    derive(&cipher->key, 'b', nonce, aes_key);
    for (size_t i = BLOCK_BYTES; i-- > 0; block >>= 8)
        counter[i] = (uint8_t)block;
    if (EVP_EncryptInit_ex(cipher->aes, EVP_aes_256_ctr(), NULL, aes_key, counter) != 1 ||
        EVP_EncryptUpdate(cipher->aes, skipped, &written, skipped, (int)(offset % BLOCK_BYTES)) !=
            1)
        abort(); /* out of memory is fatal by policy */
    OPENSSL_cleanse(aes_key, sizeof aes_key);
}

static void cipher_new(struct s3_cipher *cipher, const struct s3_customer_key *key)
{
    *cipher = (struct s3_cipher){.aes = EVP_CIPHER_CTX_new(), .key = *key};
    if (cipher->aes == NULL)
        abort();
}

void s3_cipher_seal(struct s3_cipher *cipher, const struct s3_customer_key *key,
                    const struct s3_nonce *nonce)
{
    cipher_new(cipher, key);
    cipher->left = UINT64_MAX;
    start(cipher, mr_slice_make(nonce->bytes, sizeof nonce->bytes), 0);
}

/* Goes to byte `offset` of the next segment that has it; false: there is none. */
static bool next_segment(struct s3_cipher *cipher, uint64_t offset)
{
    struct mr_reader reader = mr_reader_make(cipher->rest);
    while (reader.next != reader.end) {
        const uint64_t size = mr_read_varint(&reader);
        const struct mr_slice nonce = mr_read_raw(&reader, S3_NONCE_BYTES);
        if (reader.failed)
            return false;
        cipher->rest = mr_slice_make(reader.next, (size_t)(reader.end - reader.next));
        if (offset < size) {
            cipher->left = size - offset;
            start(cipher, nonce, offset);
            return true;
        }
        offset -= size;
    }
    return false;
}

enum mr_status s3_cipher_open(struct s3_cipher *cipher, const struct s3_customer_key *key,
                              struct mr_slice seal, uint64_t offset)
{
    cipher_new(cipher, key);
    cipher->rest = s3_seal_segments(seal);
    if (next_segment(cipher, offset))
        return MR_OK;
    s3_cipher_fini(cipher);
    return MR_RAISE(MR_FAIL_DATA, "an encrypted body has no byte %llu", (unsigned long long)offset);
}

void s3_cipher_apply(struct s3_cipher *cipher, char *bytes, size_t len)
{
    enum { STEP = 1 << 20 };
    while (len > 0) {
        if (cipher->left == 0 && !next_segment(cipher, 0)) {
            memset(bytes, 0, len);
            return;
        }
        size_t part = len < STEP ? len : STEP;
        if (part > cipher->left)
            part = (size_t)cipher->left;
        int written;
        if (EVP_EncryptUpdate(cipher->aes, (unsigned char *)bytes, &written,
                              (const unsigned char *)bytes, (int)part) != 1)
            abort();
        cipher->left -= part;
        bytes += part;
        len -= part;
    }
}

void s3_cipher_fini(struct s3_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->aes);
    OPENSSL_cleanse(&cipher->key, sizeof cipher->key);
    cipher->aes = NULL;
}
