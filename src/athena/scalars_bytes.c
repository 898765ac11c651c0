/* Bytes: digests, encodings, and text from bytes. */
#include "athena/rows.h"
#include "athena/spooky.h"
#include "base/codec.h"
#include <xxhash.h>

enum { DIGEST_MAX = 64 };

static void put_bytes(struct athena_row *row, const void *bytes, size_t len)
{
    athena_row_put_text(row, mr_slice_make(bytes, len));
}

/* ---- digests ---- */

static bool sha512(struct athena_row *row)
{
    uint8_t digest[DIGEST_MAX];
    mr_sha512(athena_row_slice(row, 0), digest);
    put_bytes(row, digest, sizeof digest);
    return true;
}

struct digest {
    const char *name;
    size_t len, block;
    void (*run)(struct mr_slice bytes, uint8_t *ret);
};

static void run_md5(struct mr_slice bytes, uint8_t *ret)
{
    mr_md5(bytes, ret);
}

static void run_sha1(struct mr_slice bytes, uint8_t *ret)
{
    mr_sha1(bytes, ret);
}

static void run_sha256(struct mr_slice bytes, uint8_t *ret)
{
    mr_sha256(bytes, ret);
}

static void run_sha512(struct mr_slice bytes, uint8_t *ret)
{
    mr_sha512(bytes, ret);
}

/* mr_hmac(bytes, key, digest), RFC 2104. */
static bool hmac(struct athena_row *row)
{
    static const struct digest digests[] = {{"md5", 16, 64, run_md5},
                                            {"sha1", 20, 64, run_sha1},
                                            {"sha256", 32, 64, run_sha256},
                                            {"sha512", 64, 128, run_sha512}};
    struct mr_slice key = athena_row_slice(row, 1);
    const struct digest *digest = digests;
    uint8_t block[128] = {0}, inner[DIGEST_MAX], outer[DIGEST_MAX];
    while (!mr_slice_equal(athena_row_slice(row, 2), mr_slice_cstr(digest->name)))
        digest++;
    if (key.len > digest->block)
        digest->run(key, block);
    else if (key.len > 0)
        memcpy(block, key.ptr, key.len);
    for (size_t i = 0; i < digest->block; i++)
        mr_buf_byte(&row->text, (char)(block[i] ^ 0x36));
    mr_buf_append(&row->text, athena_row_slice(row, 0));
    digest->run(mr_buf_slice(&row->text), inner);
    mr_buf_reset(&row->text);
    for (size_t i = 0; i < digest->block; i++)
        mr_buf_byte(&row->text, (char)(block[i] ^ 0x5c));
    mr_buf_append(&row->text, mr_slice_make(inner, digest->len));
    digest->run(mr_buf_slice(&row->text), outer);
    put_bytes(row, outer, digest->len);
    return true;
}

static bool crc32(struct athena_row *row)
{
    athena_row_put_integer(row, mr_crc32(0, athena_row_slice(row, 0)));
    return true;
}

/* ---- xxHash, 64 bits, seed 0 ---- */

static bool xxhash64(struct athena_row *row)
{
    const struct mr_slice bytes = athena_row_slice(row, 0);
    const uint64_t hash = XXH64(bytes.ptr, bytes.len, 0);
    uint8_t big[8];
    for (size_t i = 0; i < 8; i++)
        big[i] = (uint8_t)(hash >> (56 - 8 * i));
    put_bytes(row, big, sizeof big);
    return true;
}

/* What a value adds to a checksum: its hash times the first prime of xxHash. */
static bool checksum_part(struct athena_row *row)
{
    const struct mr_slice bytes = athena_row_slice(row, 0);
    const uint64_t hash = XXH64(bytes.ptr, bytes.len, 0);
    athena_row_put_integer(row, (int64_t)(hash * UINT64_C(11400714785074694791)));
    return true;
}

/* ---- encodings ---- */

static bool from_hex(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    char *room = mr_buf_reserve(&row->text, text.len / 2 + 1);
    if (text.len % 2 != 0)
        return athena_row_fail(
            row, "INVALID_FUNCTION_ARGUMENT: expected input length to be a multiple of 2, got %zu",
            text.len);
    if (mr_unhex(text, room, text.len / 2) != MR_OK)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: invalid hex character in %.*s",
                               MR_ARG(text));
    put_bytes(row, room, text.len / 2);
    return true;
}

static const char base32_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static bool to_base32(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    uint64_t held = 0;
    int bits = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | (unsigned char)bytes.ptr[i];
        for (bits += 8; bits >= 5; bits -= 5)
            mr_buf_byte(&row->text, base32_letters[held >> (bits - 5) & 31]);
        held &= 31;
    }
    if (bits > 0)
        mr_buf_byte(&row->text, base32_letters[held << (5 - bits) & 31]);
    while (row->text.len % 8 != 0)
        mr_buf_byte(&row->text, '=');
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool from_base32(struct athena_row *row)
{
    struct mr_slice text = athena_row_slice(row, 0);
    uint64_t held = 0;
    int bits = 0;
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        const size_t letter = mr_slice_find(MR_S(base32_letters), text.ptr[i]);
        if (letter == SIZE_MAX)
            return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: Unrecognized character: %c",
                                   text.ptr[i]);
        held = held << 5 | letter;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            mr_buf_byte(&row->text, (char)(held >> bits & 0xff));
        }
        held &= 0xff;
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* mr_to_big_endian(value, bytes). */
static bool to_big_endian(struct athena_row *row)
{
    const uint64_t value = (uint64_t)athena_row_integer(row, 0);
    const int64_t len = athena_row_integer(row, 1);
    for (int64_t i = len - 1; i >= 0; i--)
        mr_buf_byte(&row->text, (char)(value >> (8 * i)));
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* mr_from_big_endian(bytes, how many). */
static bool from_big_endian(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    const int64_t len = athena_row_integer(row, 1);
    uint64_t value = 0;
    if ((int64_t)bytes.len != len)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: expected %lld-byte input, but got "
                               "instead: %zu",
                               (long long)len, bytes.len);
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    athena_row_put_integer(row, len == 4 ? (int64_t)(int32_t)value : (int64_t)value);
    return true;
}

/* ---- IEEE 754, big-endian ---- */

static void put_bits(struct athena_row *row, uint64_t bits, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        mr_buf_byte(&row->text, (char)(unsigned char)(bits >> (8 * i)));
    athena_row_put_text(row, mr_buf_slice(&row->text));
}

static bool to_ieee754_32(struct athena_row *row)
{
    const float value = (float)athena_row_double(row, 0);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bits(row, bits, 4);
    return true;
}

static bool to_ieee754_64(struct athena_row *row)
{
    const double value = athena_row_double(row, 0);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_bits(row, bits, 8);
    return true;
}

/* mr_from_ieee754(bytes, how many) */
static bool from_ieee754(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    const int64_t len = athena_row_integer(row, 1);
    uint64_t bits = 0;
    float narrow;
    double value;
    if ((int64_t)bytes.len != len)
        return athena_row_fail(row,
                               "INVALID_FUNCTION_ARGUMENT: Input floating-point value must be "
                               "exactly %lld bytes long",
                               (long long)len);
    for (size_t i = 0; i < bytes.len; i++)
        bits = bits << 8 | (unsigned char)bytes.ptr[i];
    const uint32_t half = (uint32_t)bits;
    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&value, &bits, sizeof value);
    athena_row_put_double(row, len == 4 ? (double)narrow : value);
    return true;
}

/* mr_from_utf8(bytes, what stands for what is none). */
static bool from_utf8(struct athena_row *row)
{
    struct mr_slice rest = athena_row_slice(row, 0), other = athena_row_slice(row, 1);
    while (rest.len > 0) {
        const size_t len = mr_slice_utf8_next(rest);
        mr_buf_append(&row->text, len == 0 ? other : mr_slice_sub(rest, 0, len));
        rest = mr_slice_sub(rest, len == 0 ? 1 : len, SIZE_MAX);
    }
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool reverse(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    for (size_t i = bytes.len; i > 0; i--)
        mr_buf_byte(&row->text, bytes.ptr[i - 1]);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

/* mr_pad(bytes, size, with, on the left). */
static bool pad(struct athena_row *row)
{
    struct mr_slice bytes = athena_row_slice(row, 0), with = athena_row_slice(row, 2);
    const int64_t size = athena_row_integer(row, 1);
    if (size < 0 || size > 1 << 26 || with.len == 0)
        return athena_row_fail(row, "INVALID_FUNCTION_ARGUMENT: %s",
                               with.len == 0 ? "Padding bytes must not be empty"
                                             : "Target length must be in the range [0..67108864]");
    const size_t fill = (size_t)size > bytes.len ? (size_t)size - bytes.len : 0;
    bytes = mr_slice_sub(bytes, 0, (size_t)size);
    if (!athena_row_boolean(row, 3))
        mr_buf_append(&row->text, bytes);
    for (size_t i = 0; i < fill; i++)
        mr_buf_byte(&row->text, with.ptr[i % with.len]);
    if (athena_row_boolean(row, 3))
        mr_buf_append(&row->text, bytes);
    athena_row_put_text(row, mr_buf_slice(&row->text));
    return true;
}

static bool part_of(struct athena_row *row, int64_t len)
{
    struct mr_slice bytes = athena_row_slice(row, 0);
    int64_t start = athena_row_integer(row, 1);
    if (start < 0)
        start += (int64_t)bytes.len + 1;
    if (start <= 0 || start > (int64_t)bytes.len || len <= 0)
        athena_row_put_text(row, MR_S(""));
    else
        athena_row_put_text(row, mr_slice_sub(bytes, (size_t)start - 1, (size_t)len));
    return true;
}

static bool slice_to_end(struct athena_row *row)
{
    return part_of(row, INT64_MAX);
}

static bool slice(struct athena_row *row)
{
    return part_of(row, athena_row_integer(row, 2));
}

static uint64_t turned(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

/* MurmurHash3's 128 bits for 64-bit machines, seed 0. */
static void murmur3_of(struct mr_slice text, uint64_t *ret)
{
    const uint64_t a = UINT64_C(0x87c37b91114253d5), b = UINT64_C(0x4cf5ad432745937f);
    uint64_t one = 0, two = 0;
    for (size_t at = 0; at < text.len; at += 16) {
        uint64_t words[2] = {0};
        const size_t len = text.len - at < 16 ? text.len - at : 16;
        memcpy(words, text.ptr + at, len);
        one ^= turned(words[0] * a, 31) * b;
        if (len == 16) {
            one = (turned(one, 27) + two) * 5 + 0x52dce729;
            two ^= turned(words[1] * b, 33) * a;
            two = (turned(two, 31) + one) * 5 + 0x38495ab5;
        } else if (len > 8) {
            two ^= turned(words[1] * b, 33) * a;
        }
    }
    one ^= text.len;
    two ^= text.len;
    one += two;
    two += one;
    one = mixed(one);
    two = mixed(two);
    one += two;
    two += one;
    ret[0] = one;
    ret[1] = two;
}

/* mr_murmur3(bytes): least byte first. */
static bool murmur3(struct athena_row *row)
{
    uint64_t result[2];
    murmur3_of(athena_row_slice(row, 0), result);
    athena_row_put_text(row, mr_slice_make(result, sizeof result));
    return true;
}

/* mr_set_hash(bytes) */
static bool set_hash(struct athena_row *row)
{
    uint64_t result[2];
    murmur3_of(athena_row_slice(row, 0), result);
    athena_row_put_integer(row, (int64_t)result[0]);
    return true;
}

/* mr_spooky(bytes, count): that many of its bytes, greatest first. */
static bool spooky(struct athena_row *row)
{
    const uint64_t hash = __builtin_bswap64(athena_spooky(athena_row_slice(row, 0)));
    const size_t count = (size_t)athena_row_integer(row, 1);
    put_bytes(row, (const char *)&hash + sizeof hash - count, count);
    return true;
}

enum mr_status athena_bytes_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define B DUCKDB_TYPE_BIGINT
#define X DUCKDB_TYPE_BLOB
    static const struct athena_row_function functions[] = {
        {"mr_sha512", {X}, X, sha512},
        {"mr_hmac", {X, X, V}, X, hmac},
        {"mr_crc32", {X}, B, crc32},
        {"mr_xxhash64", {X}, X, xxhash64},
        {"mr_checksum_part", {X}, B, checksum_part},
        {"mr_murmur3", {X}, X, murmur3},
        {"mr_set_hash", {X}, B, set_hash},
        {"mr_spooky", {X, B}, X, spooky},
        {"mr_from_hex", {V}, X, from_hex},
        {"mr_to_base32", {X}, V, to_base32},
        {"mr_from_base32", {V}, X, from_base32},
        {"mr_to_big_endian", {B, B}, X, to_big_endian},
        {"mr_from_big_endian", {X, B}, B, from_big_endian},
        {"mr_to_ieee754_32", {DUCKDB_TYPE_DOUBLE}, X, to_ieee754_32},
        {"mr_to_ieee754_64", {DUCKDB_TYPE_DOUBLE}, X, to_ieee754_64},
        {"mr_from_ieee754", {X, B}, DUCKDB_TYPE_DOUBLE, from_ieee754},
        {"mr_from_utf8", {X, V}, V, from_utf8},
        {"mr_reverse", {X}, X, reverse},
        {"mr_pad", {X, B, X, DUCKDB_TYPE_BOOLEAN}, X, pad},
        {"mr_slice", {X, B}, X, slice_to_end},
        {"mr_slice", {X, B, B}, X, slice},
    };
#undef V
#undef B
#undef X
    return athena_rows_register(connection, functions, MR_COUNT(functions));
}
