/* Checksums: known values, and joined CRCs against those of the joined bytes. */
#include "s3/digest.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
    ALL = 1u << S3_CRC32 | 1u << S3_CRC32C | 1u << S3_CRC64NVME | 1u << S3_SHA1 | 1u << S3_SHA256 |
          1u << S3_SHA512 | 1u << S3_MD5 | 1u << S3_XXHASH64 | 1u << S3_XXHASH3 | 1u << S3_XXHASH128
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
        [S3_XXHASH3] = "72dcb18b67a17dff",
        [S3_XXHASH128] = "33119477ede5dcd5e9716427681d5860",
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

static void xxhashes_are_those_of_the_reference_at_every_kind_of_length(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *of_64, *of_3, *of_128;
    } wanted[] = {
        {0, "ef46db3751d8e999", "2d06800538d394c2", "99aa06d3014798d86001c324468d497f"},
        {1, "8a4127811b21e730", "e12ef9d2eb86ceeb", "51025a4491835505e12ef9d2eb86ceeb"},
        {3, "31d2363f52e564c9", "a9088dda485b481c", "ce31763cbf8245a5a9088dda485b481c"},
        {4, "b4d516af63f9c743", "57648c318a7a307e", "dd40da4fb215e2141c39dbb553a705e0"},
        {8, "d5474d6ca50def58", "b0fb3e3c3f94990a", "f69a63d1bfe6b421ed2e15d607e65102"},
        {9, "a6d41e4e74bc10e4", "8aca5cb309437c2e", "e6437f593809a3c57d29026a8dab645b"},
        {16, "a7389f0915097a20", "2bd926d88792965a", "e8920f24c46d190e93e2125b8d5e83bd"},
        {17, "f9d1bbeed8d82f71", "621f018aad19b14a", "87a3d4506bedd5649f166f98e8c7d6d8"},
        {32, "178ae25cee6f7994", "8911535e799e4d99", "948b89cc364a6c14a9e5525d1313ef69"},
        {33, "4072a28263e977ef", "b6d8b523db9b284c", "52690df719c32c554b450d35e4e4ce40"},
        {64, "cf35552f599ba94d", "1b1bf114c7371f1b", "5914f5995a136fedce6033110f0e190c"},
        {65, "8c963e88dc8ea52d", "f0037f8ac0441cc4", "652f0fb569a7679762635de38a5cecaf"},
        {96, "18dabee2b48ecc81", "cfb21e0d09d8ef29", "c975a517453689134b4d2855354723da"},
        {97, "c0ad4907ae6dd4e2", "e1415ca7902a74da", "00a0693ce78ee58a62cf4ae63bb12a3e"},
        {128, "db69645e5f1b9117", "e9549af9a74093e6", "6366d7603fd45b4ae5ba6e4129933089"},
        {129, "01d56b13508b2a12", "b54ad1cd8a4c84b9", "29ff8922f1223360efe75d0059e9e2d3"},
        {160, "528384c90cb8ac12", "898df912f54aa5c2", "f981459584c2e4459a5e902dbab22008"},
        {161, "e52ba63980a0525b", "309d648451a029b0", "f40f5c29cefa514bd9baf8fb1776c645"},
        {240, "fe8516aa40bd2b56", "3e136902ec966624", "162f94b689da4e16fd17fecfdb5c1b45"},
        {241, "10485c3851214049", "bd7d29b6ba966d6a", "83e91254d35bcf72bd7d29b6ba966d6a"},
        {256, "2104991804ccea01", "ff5a1cefade75bb9", "2f433606b2ebce2dff5a1cefade75bb9"},
        {257, "861d753f05001c1d", "78ebbc62dbd8326d", "3491f6ac974f534478ebbc62dbd8326d"},
        {512, "43dc7c5d5e247ae9", "f6fe51471f2fa1ec", "ac341ccc7b5aa93ff6fe51471f2fa1ec"},
        {1024, "f065d3da7e82ebf1", "dc5acf0b043c445b", "8bbb9f7af37f2f52dc5acf0b043c445b"},
        {1025, "dcb3bd6722591006", "c856c953bbdbc807", "f66a602aa3eda73bc856c953bbdbc807"},
        {1088, "d77c9f42f9d59883", "1abb96b061cd5757", "8cdc4660086a91991abb96b061cd5757"},
        {1089, "0e5cc1280d4347e0", "2a7e4e549f5cd12c", "62ddaa4bcffba26b2a7e4e549f5cd12c"},
        {4000, "3a085690b8ad3952", "78de50314218991b", "b23486dcabce9dea78de50314218991b"},
    };
    uint8_t bytes[4000];
    for (size_t row = 0; row < MR_COUNT(wanted); row++) {
        struct s3_sums sums;
        char hex[2 * S3_SUM_BYTES_MAX + 1];
        for (size_t i = 0; i < wanted[row].len; i++)
            bytes[i] = (uint8_t)(i * 7 + wanted[row].len);
        s3_digest_bytes(mr_slice_make(bytes, wanted[row].len), ALL, &sums);
        mr_hex(sums.of[S3_XXHASH64].bytes, 8, hex);
        assert_string_equal(hex, wanted[row].of_64);
        mr_hex(sums.of[S3_XXHASH3].bytes, 8, hex);
        assert_string_equal(hex, wanted[row].of_3);
        mr_hex(sums.of[S3_XXHASH128].bytes, 16, hex);
        assert_string_equal(hex, wanted[row].of_128);
    }
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
        cmocka_unit_test(xxhashes_are_those_of_the_reference_at_every_kind_of_length),
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(joined_crcs_are_those_of_the_joined_bytes),
        cmocka_unit_test(a_sum_is_read_only_at_its_own_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
