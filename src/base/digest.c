#include "base/codec.h"
#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

/* OpenSSL looks an algorithm up by name each time it is asked, and allocates a context each time it
 * digests: that costs more than a small digest itself. So the algorithms are fetched once, and each
 * thread keeps one context an algorithm, which already knows it. */

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512, DIGEST_KINDS };
enum { HMAC_BLOCK = 64, DIGEST_SIZE_MAX = 32 }; /* of those that hmac() is called with */

static EVP_MD *algorithms[DIGEST_KINDS];
static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static _Thread_local EVP_MD_CTX **contexts;

static void contexts_free(void *data)
{
    EVP_MD_CTX **of_thread = data;
    for (int kind = 0; kind < DIGEST_KINDS; kind++)
        EVP_MD_CTX_free(of_thread[kind]);
    free(of_thread);
}

static void digest_init(void)
{
    static const char *const names[DIGEST_KINDS] = {"MD5", "SHA1", "SHA256", "SHA512"};
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        algorithms[kind] = EVP_MD_fetch(NULL, names[kind], NULL);
        if (algorithms[kind] == NULL)
            abort(); /* an OpenSSL without MD5 cannot speak S3 */
    }
    if (pthread_key_create(&contexts_key, contexts_free) != 0)
        abort();
}

static void contexts_make(void)
{
    pthread_once(&digest_once, digest_init);
    contexts = mr_calloc(DIGEST_KINDS, sizeof(EVP_MD_CTX *));
    for (int kind = 0; kind < DIGEST_KINDS; kind++) {
        contexts[kind] = EVP_MD_CTX_new();
        if (contexts[kind] == NULL ||
            EVP_DigestInit_ex2(contexts[kind], algorithms[kind], NULL) != 1)
            abort();
    }
    pthread_setspecific(contexts_key, contexts);
}

/* The digest of two parts in a row. */
static void digest(enum digest_kind kind, struct mr_slice first, struct mr_slice second,
                   uint8_t *ret)
{
    if (contexts == NULL)
        contexts_make();
    EVP_MD_CTX *ctx = contexts[kind];
    int good = EVP_DigestInit_ex2(ctx, NULL, NULL);
    good &= EVP_DigestUpdate(ctx, first.ptr, first.len);
    good &= EVP_DigestUpdate(ctx, second.ptr, second.len);
    good &= EVP_DigestFinal_ex(ctx, ret, NULL);
    if (good != 1)
        abort();
}

static void hmac(enum digest_kind kind, size_t size, struct mr_slice key, struct mr_slice bytes,
                 uint8_t *ret)
{
    uint8_t pad[HMAC_BLOCK] = {0};
    if (key.len > sizeof(pad))
        digest(kind, key, (struct mr_slice){0}, pad);
    else if (key.len > 0)
        memcpy(pad, key.ptr, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    uint8_t inner[DIGEST_SIZE_MAX];
    digest(kind, mr_slice_make(pad, sizeof(pad)), bytes, inner);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    digest(kind, mr_slice_make(pad, sizeof(pad)), mr_slice_make(inner, size), ret);
}

void mr_md5(struct mr_slice bytes, uint8_t ret[static 16])
{
    digest(DIGEST_MD5, bytes, (struct mr_slice){0}, ret);
}

void mr_sha1(struct mr_slice bytes, uint8_t ret[static 20])
{
    digest(DIGEST_SHA1, bytes, (struct mr_slice){0}, ret);
}

void mr_sha256(struct mr_slice bytes, uint8_t ret[static 32])
{
    digest(DIGEST_SHA256, bytes, (struct mr_slice){0}, ret);
}

void mr_sha512(struct mr_slice bytes, uint8_t ret[static 64])
{
    digest(DIGEST_SHA512, bytes, (struct mr_slice){0}, ret);
}

void mr_hmac_sha256(struct mr_slice key, struct mr_slice bytes, uint8_t ret[static 32])
{
    hmac(DIGEST_SHA256, 32, key, bytes, ret);
}

void mr_hmac_sha1(struct mr_slice key, struct mr_slice bytes, uint8_t ret[static 20])
{
    hmac(DIGEST_SHA1, 20, key, bytes, ret);
}
