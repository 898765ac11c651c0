#include "s3/digest.h"
#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static const struct {
    const char *name, *member, *header;
    size_t bytes;
} algorithms[S3_ALGORITHMS] = {
    [S3_CRC32] = {"CRC32", "ChecksumCRC32", "x-amz-checksum-crc32", 4},
    [S3_CRC32C] = {"CRC32C", "ChecksumCRC32C", "x-amz-checksum-crc32c", 4},
    [S3_CRC64NVME] = {"CRC64NVME", "ChecksumCRC64NVME", "x-amz-checksum-crc64nvme", 8},
    [S3_SHA1] = {"SHA1", "ChecksumSHA1", "x-amz-checksum-sha1", 20},
    [S3_SHA256] = {"SHA256", "ChecksumSHA256", "x-amz-checksum-sha256", 32},
    [S3_SHA512] = {"SHA512", "ChecksumSHA512", "x-amz-checksum-sha512", 64},
    [S3_MD5] = {"MD5", "ChecksumMD5", "x-amz-checksum-md5", S3_MD5_BYTES},
    [S3_XXHASH64] = {"XXHASH64", "ChecksumXXHASH64", "x-amz-checksum-xxhash64", 8},
    [S3_XXHASH3] = {"XXHASH3", "ChecksumXXHASH3", "x-amz-checksum-xxhash3", 8},
    [S3_XXHASH128] = {"XXHASH128", "ChecksumXXHASH128", "x-amz-checksum-xxhash128", 16},
};

const char *s3_algorithm_name(enum s3_algorithm algorithm)
{
    assert(algorithm > S3_NO_SUM && algorithm < S3_ALGORITHMS);
    return algorithms[algorithm].name;
}

const char *s3_algorithm_member(enum s3_algorithm algorithm)
{
    assert(algorithm > S3_NO_SUM && algorithm < S3_ALGORITHMS);
    return algorithms[algorithm].member;
}

const char *s3_algorithm_header(enum s3_algorithm algorithm)
{
    assert(algorithm > S3_NO_SUM && algorithm < S3_ALGORITHMS);
    return algorithms[algorithm].header;
}

size_t s3_algorithm_bytes(enum s3_algorithm algorithm)
{
    return algorithm < S3_ALGORITHMS ? algorithms[algorithm].bytes : 0;
}

enum s3_algorithm s3_algorithm_of(struct mr_slice name)
{
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++)
        if (mr_slice_equal_nocase(name, mr_slice_cstr(algorithms[i].name)))
            return (enum s3_algorithm)i;
    return S3_NO_SUM;
}

/* ---- sums ---- */

struct mr_slice s3_sum_slice(const struct s3_sum *sum)
{
    return mr_slice_make(sum->bytes, s3_algorithm_bytes(sum->algorithm));
}

struct mr_slice s3_sum_base64(struct mr_arena *arena, const struct s3_sum *sum)
{
    return mr_base64(arena, s3_sum_slice(sum));
}

bool s3_sum_equal(const struct s3_sum *a, const struct s3_sum *b)
{
    return a->algorithm == b->algorithm && mr_slice_equal(s3_sum_slice(a), s3_sum_slice(b));
}

enum mr_status s3_sum_parse(struct mr_arena *arena, enum s3_algorithm algorithm,
                            struct mr_slice base64, struct s3_sum *ret_sum)
{
    struct mr_slice bytes;
    if (mr_base64_decode(arena, base64, &bytes) != MR_OK ||
        bytes.len != s3_algorithm_bytes(algorithm))
        return MR_INVALID;
    ret_sum->algorithm = algorithm;
    memcpy(ret_sum->bytes, bytes.ptr, bytes.len);
    return MR_OK;
}

static void put_big_endian(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0; value >>= 8)
        to[i] = (uint8_t)value;
}

static uint64_t get_big_endian(const uint8_t *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

/* ---- computing ---- */

static void *md_new(const EVP_MD *type)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, type, NULL) != 1)
        abort(); /* out of memory is fatal by policy */
    return context;
}

static void md_update(void *context, struct mr_slice bytes)
{
    if (context != NULL && EVP_DigestUpdate(context, bytes.ptr, bytes.len) != 1)
        abort();
}

static void md_final(void *context, uint8_t *ret)
{
    if (context != NULL && EVP_DigestFinal_ex(context, ret, NULL) != 1)
        abort();
}

static XXH64_state_t *xxhash64_new(void)
{
    XXH64_state_t *state = XXH64_createState();
    if (state == NULL || XXH64_reset(state, 0) != XXH_OK)
        abort();
    return state;
}

/* Begun by XXH3_64bits_reset or XXH3_128bits_reset. */
static XXH3_state_t *xxhash3_new(XXH_errorcode (*reset)(XXH3_state_t *state))
{
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL || reset(state) != XXH_OK)
        abort();
    return state;
}

static bool wants(const struct s3_digest *digest, enum s3_algorithm algorithm)
{
    return (digest->set & 1u << algorithm) != 0;
}

void s3_digest_init(struct s3_digest *digest, unsigned set)
{
    *digest = (struct s3_digest){.set = set, .md5 = md_new(EVP_md5())};
    if (wants(digest, S3_SHA1))
        digest->sha1 = md_new(EVP_sha1());
    if (wants(digest, S3_SHA256))
        digest->sha256 = md_new(EVP_sha256());
    if (wants(digest, S3_SHA512))
        digest->sha512 = md_new(EVP_sha512());
    if (wants(digest, S3_XXHASH64))
        digest->xxhash64 = xxhash64_new();
    if (wants(digest, S3_XXHASH3))
        digest->xxhash3 = xxhash3_new(XXH3_64bits_reset);
    if (wants(digest, S3_XXHASH128))
        digest->xxhash128 = xxhash3_new(XXH3_128bits_reset);
}

void s3_digest_update(struct s3_digest *digest, struct mr_slice bytes)
{
    md_update(digest->md5, bytes);
    md_update(digest->sha1, bytes);
    md_update(digest->sha256, bytes);
    md_update(digest->sha512, bytes);
    if (digest->xxhash64 != NULL)
        XXH64_update(digest->xxhash64, bytes.ptr, bytes.len);
    if (digest->xxhash3 != NULL)
        XXH3_64bits_update(digest->xxhash3, bytes.ptr, bytes.len);
    if (digest->xxhash128 != NULL)
        XXH3_128bits_update(digest->xxhash128, bytes.ptr, bytes.len);
    if (wants(digest, S3_CRC32))
        digest->crc32 = mr_crc32(digest->crc32, bytes);
    if (wants(digest, S3_CRC32C))
        digest->crc32c = mr_crc32c(digest->crc32c, bytes);
    if (wants(digest, S3_CRC64NVME))
        digest->crc64 = mr_crc64nvme(digest->crc64, bytes);
}

void s3_digest_fini(struct s3_digest *digest)
{
    EVP_MD_CTX_free(digest->md5);
    EVP_MD_CTX_free(digest->sha1);
    EVP_MD_CTX_free(digest->sha256);
    EVP_MD_CTX_free(digest->sha512);
    XXH64_freeState(digest->xxhash64);
    XXH3_freeState(digest->xxhash3);
    XXH3_freeState(digest->xxhash128);
    *digest = (struct s3_digest){0};
}

void s3_digest_finish(struct s3_digest *digest, struct s3_sums *ret_sums)
{
    *ret_sums = (struct s3_sums){0};
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++)
        if (wants(digest, (enum s3_algorithm)i))
            ret_sums->of[i].algorithm = (enum s3_algorithm)i;
    put_big_endian(ret_sums->of[S3_CRC32].bytes, digest->crc32, 4);
    put_big_endian(ret_sums->of[S3_CRC32C].bytes, digest->crc32c, 4);
    put_big_endian(ret_sums->of[S3_CRC64NVME].bytes, digest->crc64, 8);
    md_final(digest->md5, ret_sums->md5);
    md_final(digest->sha1, ret_sums->of[S3_SHA1].bytes);
    md_final(digest->sha256, ret_sums->of[S3_SHA256].bytes);
    md_final(digest->sha512, ret_sums->of[S3_SHA512].bytes);
    if (wants(digest, S3_MD5))
        memcpy(ret_sums->of[S3_MD5].bytes, ret_sums->md5, S3_MD5_BYTES);
    if (digest->xxhash64 != NULL)
        put_big_endian(ret_sums->of[S3_XXHASH64].bytes, XXH64_digest(digest->xxhash64), 8);
    if (digest->xxhash3 != NULL)
        put_big_endian(ret_sums->of[S3_XXHASH3].bytes, XXH3_64bits_digest(digest->xxhash3), 8);
    if (digest->xxhash128 != NULL) {
        const XXH128_hash_t value = XXH3_128bits_digest(digest->xxhash128);
        put_big_endian(ret_sums->of[S3_XXHASH128].bytes, value.high64, 8);
        put_big_endian(ret_sums->of[S3_XXHASH128].bytes + 8, value.low64, 8);
    }
    s3_digest_fini(digest);
}

void s3_digest_bytes(struct mr_slice bytes, unsigned set, struct s3_sums *ret_sums)
{
    struct s3_digest digest;
    s3_digest_init(&digest, set);
    s3_digest_update(&digest, bytes);
    s3_digest_finish(&digest, ret_sums);
}

/* ---- joining CRCs ----
 * A reflected CRC is a polynomial over GF(2) whose highest power is the lowest bit. Zeros behind A
 * multiply its CRC by x^(8 * bytes) modulo the polynomial; B's CRC is then added. (Start value and
 * final inversion cancel out.) */

struct crc_field {
    uint64_t poly; /* reflected */
    unsigned bits;
};

static struct crc_field crc_field_of(enum s3_algorithm algorithm)
{
    switch (algorithm) {
    case S3_CRC32: return (struct crc_field){0xedb88320u, 32};
    case S3_CRC32C: return (struct crc_field){0x82f63b78u, 32};
    default: return (struct crc_field){UINT64_C(0x9a6c9329ac4bc9b5), 64};
    }
}

static uint64_t field_multiply(struct crc_field field, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = UINT64_C(1) << (field.bits - 1); bit != 0; bit >>= 1) {
        if ((a & bit) != 0)
            product ^= b;
        b = (b & 1) != 0 ? b >> 1 ^ field.poly : b >> 1;
    }
    return product;
}

/* x^(8 * bytes) by squaring. */
static uint64_t field_shift(struct crc_field field, uint64_t bytes)
{
    uint64_t power = UINT64_C(1) << (field.bits - 9);  /* x^8 */
    uint64_t result = UINT64_C(1) << (field.bits - 1); /* x^0 */
    for (; bytes != 0; bytes >>= 1) {
        if ((bytes & 1) != 0)
            result = field_multiply(field, result, power);
        power = field_multiply(field, power, power);
    }
    return result;
}

void s3_sum_combine(struct s3_sum *a, const struct s3_sum *b, uint64_t b_bytes)
{
    assert(a->algorithm == b->algorithm);
    assert(s3_algorithm_is_crc(a->algorithm));
    const struct crc_field field = crc_field_of(a->algorithm);
    const size_t bytes = s3_algorithm_bytes(a->algorithm);
    const uint64_t moved =
        field_multiply(field, get_big_endian(a->bytes, bytes), field_shift(field, b_bytes));
    put_big_endian(a->bytes, moved ^ get_big_endian(b->bytes, bytes), bytes);
}
