#include "base/codec.h"
#include "base/rng.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void hex_goes_both_ways_and_refuses_other_lengths_and_letters(void **state)
{
    (void)state;
    uint8_t bytes[3] = {0x00, 0xab, 0xff}, back[3];
    char text[7];
    mr_hex(bytes, 3, text);
    assert_string_equal(text, "00abff");
    assert_int_equal(mr_unhex(MR_S("00aBFf"), back, 3), MR_OK);
    assert_memory_equal(back, bytes, 3);
    assert_int_equal(mr_unhex(MR_S("00abf"), back, 3), MR_INVALID);
    assert_int_equal(mr_unhex(MR_S("00abff00"), back, 3), MR_INVALID);
    assert_int_equal(mr_unhex(MR_S("00abfg"), back, 3), MR_INVALID);
    assert_memory_equal(back, bytes, 3);
    assert_int_equal(mr_unhex(MR_S(""), back, 0), MR_OK);
}

/* The oracle is OpenSSL's encoder. */
static void base64_agrees_with_openssl_and_decodes_back(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 10);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_buf buf = {0};
    for (int round = 0; round < 5000; round++) {
        uint8_t bytes[100];
        unsigned char want[160];
        size_t len = mr_rng_below(&rng, sizeof(bytes) + 1);
        mr_rng_fill(&rng, bytes, len);
        int want_len = EVP_EncodeBlock(want, bytes, (int)len);
        struct mr_slice text = mr_base64(&arena, mr_slice_make(bytes, len));
        assert_true(mr_slice_equal(text, mr_slice_make(want, (size_t)want_len)));
        mr_buf_reset(&buf);
        mr_base64_append(&buf, mr_slice_make(bytes, len));
        assert_true(mr_slice_equal(text, mr_buf_slice(&buf)));
        assert_int_equal(mr_base64_decoded_size(text), len);
        struct mr_slice back;
        assert_int_equal(mr_base64_decode(&arena, text, &back), MR_OK);
        assert_true(mr_slice_equal(back, mr_slice_make(bytes, len)));
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

/* One letter put wrong: only the 64 letters, and '=' at the end, may stand. */
static void base64_takes_each_letter_of_its_alphabet_and_no_other(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice back;
    for (int byte = 0; byte < 256; byte++) {
        bool letter = byte != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789+/",
                                          byte) != NULL;
        for (size_t at = 0; at < 12; at++) {
            char text[] = "QUJDREVGR0g=";
            text[at] = (char)byte;
            bool good = letter || (byte == '=' && at >= 10); /* "R0==" is one byte */
            enum mr_status got = mr_base64_decode(&arena, mr_slice_make(text, 12), &back);
            assert_int_equal(got, good ? MR_OK : MR_INVALID);
        }
    }
    static const char *const wrong[] = {
        "Q", "QU", "QUJ", "====", "Q===", "QU=J", "QUJD=", "\nQUJD"};
    for (size_t i = 0; i < MR_COUNT(wrong); i++)
        assert_int_equal(mr_base64_decode(&arena, mr_slice_cstr(wrong[i]), &back), MR_INVALID);
    assert_int_equal(mr_base64_decode(&arena, MR_S("QQ=="), &back), MR_OK);
    assert_true(mr_slice_equal(back, MR_S("A")));
    assert_int_equal(mr_base64_decode(&arena, (struct mr_slice){0}, &back), MR_OK);
    assert_int_equal(back.len, 0);
    mr_arena_fini(&arena);
}

static void percent_encoding_keeps_the_unreserved_and_nothing_else(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, MR_S("aZ09-._~ /+%\xc3\xa9\0"), false);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), MR_S("aZ09-._~%20%2F%2B%25%C3%A9%00")));
    mr_buf_reset(&buf);
    mr_percent_encode(&buf, MR_S("/a b"), true);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), MR_S("/a%20b")));
    assert_true(
        mr_slice_equal(mr_percent_decode(&arena, MR_S("a%2fb+%zz%4"), false), MR_S("a/b+%zz%4")));
    assert_true(mr_slice_equal(mr_percent_decode(&arena, MR_S("a+b%2B%"), true), MR_S("a b+%")));
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

static void any_bytes_survive_percent_encoding(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 11);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_buf buf = {0};
    for (int round = 0; round < 5000; round++) {
        char bytes[40];
        size_t len = mr_rng_below(&rng, sizeof(bytes) + 1);
        mr_rng_fill(&rng, bytes, len);
        mr_buf_reset(&buf);
        mr_percent_encode(&buf, mr_slice_make(bytes, len), round % 2 == 0);
        for (size_t i = 0; i < buf.len; i++)
            assert_true(buf.data[i] > ' ' && buf.data[i] < 0x7f);
        struct mr_slice back = mr_percent_decode(&arena, mr_buf_slice(&buf), round % 3 == 0);
        assert_true(mr_slice_equal(back, mr_slice_make(bytes, len)));
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
}

/* The oracle divides bit by bit. */
static uint64_t oracle_crc(uint64_t poly, uint64_t ones, uint64_t crc, struct mr_slice bytes)
{
    uint64_t rest = crc ^ ones;
    for (size_t i = 0; i < bytes.len; i++) {
        rest ^= (uint8_t)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            rest = (rest & 1) != 0 ? rest >> 1 ^ poly : rest >> 1;
    }
    return rest ^ ones;
}

static void checksums_agree_with_bitwise_division_in_one_part_or_two(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 12);
    for (int round = 0; round < 3000; round++) {
        char bytes[200];
        size_t len = mr_rng_below(&rng, sizeof(bytes) + 1);
        mr_rng_fill(&rng, bytes, len);
        struct mr_slice all = mr_slice_make(bytes, len);
        struct mr_slice head = mr_slice_sub(all, 0, mr_rng_below(&rng, len + 1));
        struct mr_slice tail = mr_slice_sub(all, head.len, len);
        uint64_t want = oracle_crc(0xedb88320, 0xffffffff, 0, all);
        assert_true(mr_crc32(mr_crc32(0, head), tail) == want);
        want = oracle_crc(0x82f63b78, 0xffffffff, 0, all);
        assert_true(mr_crc32c(mr_crc32c(0, head), tail) == want);
        assert_true(mr_crc32c_portable(mr_crc32c_portable(0, head), tail) == want);
        want = oracle_crc(UINT64_C(0x9a6c9329ac4bc9b5), UINT64_MAX, 0, all);
        assert_true(mr_crc64nvme(mr_crc64nvme(0, head), tail) == want);
    }
}

/* Long ones are done in three lanes. */
static void crc32c_of_long_bytes_agrees_with_the_tables(void **state)
{
    (void)state;
    enum { LONGEST = 5000 };
    struct mr_rng rng;
    char bytes[LONGEST];
    mr_rng_init_seed(&rng, 13);
    mr_rng_fill(&rng, bytes, sizeof(bytes));
    for (size_t len = 0; len <= LONGEST; len += len < 1700 ? 1 : 37) {
        struct mr_slice all = mr_slice_make(bytes + LONGEST - len, len); /* at any alignment */
        uint32_t crc = (uint32_t)mr_rng_u64(&rng);
        assert_true(mr_crc32c(crc, all) == mr_crc32c_portable(crc, all));
    }
}

static void checksums_of_the_usual_nine_digits_are_the_published_ones(void **state)
{
    (void)state;
    assert_true(mr_crc32(0, MR_S("123456789")) == 0xcbf43926);
    assert_true(mr_crc32c(0, MR_S("123456789")) == 0xe3069283);
    assert_true(mr_crc64nvme(0, MR_S("123456789")) == UINT64_C(0xae8b14860a799888));
    assert_true(mr_crc32(7, (struct mr_slice){0}) == 7);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
    char text[65];
    mr_hex(bytes, len, text);
    assert_string_equal(text, want);
}

static void digests_are_the_published_ones_call_after_call(void **state)
{
    (void)state;
    uint8_t out[32];
    for (int round = 0; round < 2; round++) {
        mr_md5(MR_S("abc"), out);
        assert_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72");
        mr_sha1(MR_S("abc"), out);
        assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
        mr_sha256(MR_S("abc"), out);
        assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        mr_sha256((struct mr_slice){0}, out);
        assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

static void keyed_digests_are_those_of_the_rfcs(void **state)
{
    (void)state;
    uint8_t out[32];
    mr_hmac_sha256(MR_S("Jefe"), MR_S("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    mr_hmac_sha1(MR_S("Jefe"), MR_S("what do ya want for nothing?"), out);
    assert_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    uint8_t key[131];
    memset(key, 0xaa, sizeof(key)); /* longer than a block: its digest is the key */
    mr_hmac_sha256(mr_slice_make(key, sizeof(key)),
                   MR_S("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    mr_hmac_sha256((struct mr_slice){0}, (struct mr_slice){0}, out);
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void gzip_goes_both_ways_also_behind_other_bytes(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 13);
    struct mr_buf zipped = {0}, back = {0};
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 1000000};
    char *bytes = mr_malloc(1000000);
    for (size_t i = 0; i < MR_COUNT(sizes); i++) {
        mr_rng_fill(&rng, bytes, sizes[i] / 2);
        memset(bytes + sizes[i] / 2, 'x', sizes[i] - sizes[i] / 2);
        mr_buf_reset(&zipped);
        mr_buf_byte(&zipped, '!');
        mr_gzip(&zipped, mr_slice_make(bytes, sizes[i]));
        mr_buf_reset(&back);
        mr_buf_byte(&back, '?');
        struct mr_slice body = mr_slice_sub(mr_buf_slice(&zipped), 1, zipped.len);
        assert_int_equal(mr_gunzip(&back, body, sizes[i]), MR_OK);
        assert_int_equal(back.len, sizes[i] + 1);
        assert_int_equal(back.data[0], '?');
        assert_memory_equal(back.data + 1, bytes, sizes[i]);
        if (sizes[i] > 0)
            assert_int_equal(mr_gunzip(&back, body, sizes[i] - 1), MR_INVALID);
        assert_int_equal(back.len, sizes[i] + 1);
    }
    free(bytes);
    mr_buf_fini(&zipped);
    mr_buf_fini(&back);
}

static void several_gzip_members_read_as_one_and_damage_is_refused(void **state)
{
    (void)state;
    struct mr_buf zipped = {0}, back = {0};
    mr_gzip(&zipped, MR_S("one,"));
    mr_gzip(&zipped, MR_S(""));
    mr_gzip(&zipped, MR_S("two"));
    assert_int_equal(mr_gunzip(&back, mr_buf_slice(&zipped), 100), MR_OK);
    assert_true(mr_slice_equal(mr_buf_slice(&back), MR_S("one,two")));
    mr_buf_reset(&back);
    for (size_t len = 0; len < zipped.len; len++) { /* cut anywhere but between members */
        struct mr_slice part = mr_slice_sub(mr_buf_slice(&zipped), 0, len);
        enum mr_status got = mr_gunzip(&back, part, 100);
        if (got == MR_OK)
            assert_true(mr_slice_ends_with(part, MR_S("\4\0\0\0")) ||
                        mr_slice_ends_with(part, MR_S("\0\0\0\0")));
        else
            assert_int_equal(got, MR_INVALID);
        mr_buf_reset(&back);
    }
    zipped.data[zipped.len - 6] ^= 1; /* the checksum of the last member */
    assert_int_equal(mr_gunzip(&back, mr_buf_slice(&zipped), 100), MR_INVALID);
    assert_int_equal(mr_gunzip(&back, MR_S("plain text"), 100), MR_INVALID);
    assert_int_equal(mr_gunzip(&back, (struct mr_slice){0}, 100), MR_INVALID);
    assert_int_equal(back.len, 0);
    mr_buf_fini(&zipped);
    mr_buf_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways_and_refuses_other_lengths_and_letters),
        cmocka_unit_test(base64_agrees_with_openssl_and_decodes_back),
        cmocka_unit_test(base64_takes_each_letter_of_its_alphabet_and_no_other),
        cmocka_unit_test(percent_encoding_keeps_the_unreserved_and_nothing_else),
        cmocka_unit_test(any_bytes_survive_percent_encoding),
        cmocka_unit_test(checksums_agree_with_bitwise_division_in_one_part_or_two),
        cmocka_unit_test(crc32c_of_long_bytes_agrees_with_the_tables),
        cmocka_unit_test(checksums_of_the_usual_nine_digits_are_the_published_ones),
        cmocka_unit_test(digests_are_the_published_ones_call_after_call),
        cmocka_unit_test(keyed_digests_are_those_of_the_rfcs),
        cmocka_unit_test(gzip_goes_both_ways_also_behind_other_bytes),
        cmocka_unit_test(several_gzip_members_read_as_one_and_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
