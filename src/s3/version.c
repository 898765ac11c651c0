#include "s3/version.h"
#include <assert.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";

static void tail_of(const struct s3_version *version, uint8_t ret[static S3_VERSION_TAIL])
{
    memset(ret, 0, S3_VERSION_TAIL);
    if (!version->own)
        return;
    for (size_t i = 0; i < 8; i++)
        ret[i] = (uint8_t)(~version->order >> (56 - 8 * i));
    memcpy(ret + 8, version->random, S3_VERSION_RANDOM);
}

/* The order is hidden by the random bytes, so that ids look alike from end to end. */
static void mask(uint8_t tail[static S3_VERSION_TAIL])
{
    for (size_t i = 0; i < 8; i++)
        tail[i] ^= tail[8 + i];
}

struct mr_slice s3_version_text(const struct s3_version *version,
                                char ret[static S3_VERSION_TEXT + 1])
{
    uint8_t tail[S3_VERSION_TAIL];
    if (!version->own)
        return MR_S("null");
    tail_of(version, tail);
    mask(tail);
    for (size_t i = 0; i < S3_VERSION_TAIL / 3; i++) {
        const uint32_t three =
            (uint32_t)tail[3 * i] << 16 | (uint32_t)tail[3 * i + 1] << 8 | tail[3 * i + 2];
        for (size_t j = 0; j < 4; j++)
            ret[4 * i + j] = alphabet[three >> (18 - 6 * j) & 63];
    }
    ret[S3_VERSION_TEXT] = 0;
    return mr_slice_make(ret, S3_VERSION_TEXT);
}

enum mr_status s3_version_parse(struct mr_slice text, struct s3_version *ret_version)
{
    uint8_t tail[S3_VERSION_TAIL];
    *ret_version = (struct s3_version){0};
    if (mr_slice_equal(text, MR_S("null")))
        return MR_OK;
    if (text.len != S3_VERSION_TEXT)
        return MR_INVALID;
    for (size_t i = 0; i < S3_VERSION_TAIL / 3; i++) {
        uint32_t three = 0;
        for (size_t j = 0; j < 4; j++) {
            const char *at = memchr(alphabet, text.ptr[4 * i + j], sizeof alphabet - 1);
            if (at == NULL)
                return MR_INVALID;
            three = three << 6 | (uint32_t)(at - alphabet);
        }
        tail[3 * i] = (uint8_t)(three >> 16);
        tail[3 * i + 1] = (uint8_t)(three >> 8);
        tail[3 * i + 2] = (uint8_t)three;
    }
    mask(tail);
    ret_version->own = true;
    for (size_t i = 0; i < 8; i++)
        ret_version->order = ret_version->order << 8 | (uint8_t)~tail[i];
    memcpy(ret_version->random, tail + 8, S3_VERSION_RANDOM);
    return MR_OK;
}

bool s3_version_same(const struct s3_version *a, const struct s3_version *b)
{
    if (a->own != b->own)
        return false;
    return !a->own ||
           (a->order == b->order && memcmp(a->random, b->random, S3_VERSION_RANDOM) == 0);
}

/* ---- keys ---- */

struct mr_slice s3_versions_prefix(struct mr_arena *arena, struct mr_slice bucket)
{
    return mr_arena_printf(arena, "\x04%.*s%c", MR_ARG(bucket), 0);
}

static struct mr_slice key_with(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                                const uint8_t *tail, size_t tail_len)
{
    const struct mr_slice prefix = s3_versions_prefix(arena, bucket);
    const size_t len = prefix.len + key.len + 1 + tail_len;
    char *text = mr_arena_alloc(arena, len);
    memcpy(text, prefix.ptr, prefix.len);
    if (key.len > 0)
        memcpy(text + prefix.len, key.ptr, key.len);
    text[prefix.len + key.len] = 0;
    memcpy(text + prefix.len + key.len + 1, tail, tail_len);
    return mr_slice_make(text, len);
}

struct mr_slice s3_version_key(struct mr_arena *arena, struct mr_slice bucket, struct mr_slice key,
                               const struct s3_version *version)
{
    uint8_t tail[S3_VERSION_TAIL];
    tail_of(version, tail);
    return key_with(arena, bucket, key, tail, sizeof tail);
}

struct mr_slice s3_version_key_below(struct mr_arena *arena, struct mr_slice bucket,
                                     struct mr_slice key, uint64_t order)
{
    uint8_t tail[8];
    const uint64_t inverted = order == 0 ? UINT64_MAX : ~order + 1;
    for (size_t i = 0; i < sizeof tail; i++)
        tail[i] = (uint8_t)(inverted >> (56 - 8 * i));
    return key_with(arena, bucket, key, tail, sizeof tail);
}

struct mr_slice s3_version_key_name(struct mr_slice stored, size_t prefix_len)
{
    assert(stored.len > prefix_len + S3_VERSION_TAIL);
    return mr_slice_sub(stored, prefix_len, stored.len - prefix_len - 1 - S3_VERSION_TAIL);
}
