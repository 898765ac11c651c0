/* Checksums: known values, and joined CRCs against those of the joined bytes. */
#include "s3/digest.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
    ALL = 1u << S3_CRC32 | 1u << S3_CRC32C | 1u << S3_CRC64NVME | 1u << S3_SHA1 | 1u << S3_SHA256 |
          1u << S3_SHA512 | 1u << S3_MD5 | 1u << S3_XXHASH64
};

static void the_checksums_of_nine_digits_are_the_published_ones(void **state)
{
    (void)state;
    static const char *const wanted[S3_ALGORITHMS] = {
        [S3_CRC32] = "cbf43926",
        [S3_CRC32C] = "e3069283",
        [S3_CRC64NVME] = "ae8b14860a799888",
        [S3_SHA1] = "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
        [S3_SHA256] = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
        [S3_SHA512] = "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a"
                      "d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
        [S3_MD5] = "25f9e794323b453885f5181f1b624d0b",
        [S3_XXHASH64] = "8cb841db40e6ae83",
    };
    struct s3_sums sums;
    char hex[2 * S3_SUM_BYTES_MAX + 1];
    s3_digest_bytes(MR_S("123456789"), ALL, &sums);
    for (int i = S3_NO_SUM + 1; i < S3_ALGORITHMS; i++) {
        mr_hex(sums.of[i].bytes, s3_algorithm_bytes((enum s3_algorithm)i), hex);
        assert_string_equal(hex, wanted[i]);
    }
    mr_hex(sums.md5, S3_MD5_BYTES, hex);
    assert_string_equal(hex, "25f9e794323b453885f5181f1b624d0b");
}

static void pieces_give_what_the_whole_gives(void **state)
{
    (void)state;
    struct mr_rng rng;
    char bytes[4096];
    mr_rng_init_seed(&rng, 7);
    mr_rng_fill(&rng, bytes, sizeof bytes);
    struct s3_sums whole, pieces;
    struct s3_digest digest;
    s3_digest_bytes(mr_slice_make(bytes, sizeof bytes), ALL, &whole);
    s3_digest_init(&digest, ALL);
    for (size_t at = 0; at < sizeof bytes;) {
        const size_t len = 1 + (size_t)mr_rng_below(&rng, 200);
        const struct mr_slice piece = mr_slice_sub(mr_slice_make(bytes, sizeof bytes), at, len);
        s3_digest_update(&digest, piece);
        at += piece.len;
    }
    s3_digest_finish(&digest, &pieces);
    assert_memory_equal(&pieces, &whole, sizeof whole);
    s3_digest_fini(&digest);
}

static void joined_crcs_are_those_of_the_joined_bytes(void **state)
{
    (void)state;
    enum { BYTES = 300000 };
    struct mr_rng rng;
    char *bytes = mr_malloc(BYTES);
    mr_rng_init_seed(&rng, 11);
    mr_rng_fill(&rng, bytes, BYTES);
    const struct mr_slice all = mr_slice_make(bytes, BYTES);
    const size_t cuts[] = {0, 1, 7, 255, 4096, 65537, 299999, 300000};
    for (size_t c = 0; c < MR_COUNT(cuts); c++) {
        struct s3_sums a, b, whole;
        s3_digest_bytes(mr_slice_sub(all, 0, cuts[c]), ALL, &a);
        s3_digest_bytes(mr_slice_sub(all, cuts[c], SIZE_MAX), ALL, &b);
        s3_digest_bytes(all, ALL, &whole);
        for (int i = S3_CRC32; i <= S3_CRC64NVME; i++) {
            s3_sum_combine(&a.of[i], &b.of[i], BYTES - cuts[c]);
            assert_true(s3_sum_equal(&a.of[i], &whole.of[i]));
        }
    }
    free(bytes);
}

static void a_sum_is_read_only_at_its_own_length(void **state)
{
    (void)state;
    struct mr_arena arena;
    struct s3_sum sum;
    mr_arena_init(&arena);
    assert_int_equal(s3_sum_parse(&arena, S3_CRC32, MR_S("NhCmhg=="), &sum), MR_OK);
    assert_true(mr_slice_equal(s3_sum_base64(&arena, &sum), MR_S("NhCmhg==")));
    assert_int_equal(s3_sum_parse(&arena, S3_SHA1, MR_S("NhCmhg=="), &sum), MR_INVALID);
    assert_int_equal(s3_sum_parse(&arena, S3_CRC32, MR_S("NhCmhg"), &sum), MR_INVALID);
    assert_int_equal(s3_sum_parse(&arena, S3_CRC32, MR_S(""), &sum), MR_INVALID);
    assert_int_equal(s3_algorithm_of(MR_S("crc64nvme")), S3_CRC64NVME);
    assert_int_equal(s3_algorithm_of(MR_S("MD4")), S3_NO_SUM);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksums_of_nine_digits_are_the_published_ones),
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(joined_crcs_are_those_of_the_joined_bytes),
        cmocka_unit_test(a_sum_is_read_only_at_its_own_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
