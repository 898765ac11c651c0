/* Seals and ciphers: any range of any body of segments reads back, with the right key alone. */
#include "base/rng.h"
#include "s3/seal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

static void key_make(struct mr_rng *rng, struct s3_customer_key *ret_key)
{
    mr_rng_fill(rng, ret_key->bytes, sizeof ret_key->bytes);
}

static void only_the_key_it_was_made_with_fits(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct s3_customer_key key, other;
    struct mr_buf one = {0}, two = {0};
    mr_rng_init_seed(&rng, 1);
    key_make(&rng, &key);
    s3_seal_begin(&one, &rng, &key);
    s3_seal_begin(&two, &rng, &key);
    assert_int_equal(one.len, S3_SEAL_HEAD_BYTES);
    assert_memory_not_equal(one.data, two.data, S3_SEAL_HEAD_BYTES); /* salted */
    assert_true(s3_seal_fits(mr_buf_slice(&one), &key));
    assert_true(s3_seal_fits(mr_buf_slice(&two), &key));
    for (size_t i = 0; i < sizeof key.bytes; i++) {
        other = key;
        other.bytes[i] ^= 1;
        assert_false(s3_seal_fits(mr_buf_slice(&one), &other));
    }
    assert_false(s3_seal_fits(mr_slice_sub(mr_buf_slice(&one), 0, S3_SEAL_HEAD_BYTES - 1), &key));
    assert_false(s3_seal_fits((struct mr_slice){0}, &key));
    mr_buf_fini(&one);
    mr_buf_fini(&two);
}

/* A body of some segments, encrypted in pieces of any size. */
static size_t body_make(struct mr_rng *rng, const struct s3_customer_key *key, const char *text,
                        char *body, struct mr_buf *seal)
{
    size_t total = 0;
    s3_seal_begin(seal, rng, key);
    for (uint64_t left = 1 + mr_rng_below(rng, 5); left > 0; left--) {
        struct s3_nonce nonce;
        struct s3_cipher cipher;
        const size_t size = (size_t)mr_rng_below(rng, 200);
        mr_rng_fill(rng, nonce.bytes, sizeof nonce.bytes);
        s3_cipher_seal(&cipher, key, &nonce);
        memcpy(body + total, text + total, size);
        for (size_t done = 0; done < size;) {
            const size_t part = 1 + (size_t)mr_rng_below(rng, size - done);
            s3_cipher_apply(&cipher, body + total + done, part);
            done += part;
        }
        s3_cipher_fini(&cipher);
        s3_seal_add(seal, size, &nonce);
        total += size;
    }
    return total;
}

static void any_range_reads_back(void **state)
{
    (void)state;
    enum { ROOM = 1200, BODIES = 300, RANGES = 20 };
    struct mr_rng rng;
    struct s3_customer_key key;
    char text[ROOM], body[ROOM], got[ROOM];
    mr_rng_init_seed(&rng, 2);
    key_make(&rng, &key);
    for (int i = 0; i < BODIES; i++) {
        struct mr_buf seal = {0};
        memset(text, 'a' + i % 26, sizeof text); /* so that a repeated key stream would show */
        const size_t total = body_make(&rng, &key, text, body, &seal);
        if (total > 20)
            assert_memory_not_equal(body, text, total);
        for (int j = 0; j < RANGES && total > 0; j++) {
            struct s3_cipher cipher;
            const size_t from = (size_t)mr_rng_below(&rng, total);
            const size_t len = 1 + (size_t)mr_rng_below(&rng, total - from);
            memcpy(got, body + from, len);
            assert_int_equal(s3_cipher_open(&cipher, &key, mr_buf_slice(&seal), from), MR_OK);
            const size_t first = (size_t)mr_rng_below(&rng, len + 1);
            s3_cipher_apply(&cipher, got, first);
            s3_cipher_apply(&cipher, got + first, len - first);
            s3_cipher_fini(&cipher);
            assert_memory_equal(got, text + from, len);
        }
        mr_buf_fini(&seal);
    }
}

/* The standard's own vectors are OpenSSL's business; that a counter begins where the offset says is
 * ours, beyond four gigabytes as well. */
static void a_cipher_begins_anywhere(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct s3_customer_key key;
    struct s3_nonce nonce = {{7}};
    struct mr_buf seal = {0};
    struct s3_cipher cipher;
    char one[40] = {0}, two[40] = {0};
    mr_rng_init_seed(&rng, 3);
    key_make(&rng, &key);
    s3_seal_begin(&seal, &rng, &key);
    s3_seal_add(&seal, UINT64_C(1) << 40, &nonce);
    const uint64_t far = (UINT64_C(1) << 36) - 20;
    assert_int_equal(s3_cipher_open(&cipher, &key, mr_buf_slice(&seal), far), MR_OK);
    s3_cipher_apply(&cipher, one, sizeof one);
    s3_cipher_fini(&cipher);
    assert_int_equal(s3_cipher_open(&cipher, &key, mr_buf_slice(&seal), far + 19), MR_OK);
    s3_cipher_apply(&cipher, two, 21);
    s3_cipher_fini(&cipher);
    assert_memory_equal(one + 19, two, 21);
    assert_memory_not_equal(one, one + 16, 16);
    mr_buf_fini(&seal);
}

static void a_damaged_seal_is_no_crash(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct s3_customer_key key;
    struct s3_nonce nonce = {{1}};
    struct mr_buf seal = {0};
    mr_rng_init_seed(&rng, 4);
    key_make(&rng, &key);
    s3_seal_begin(&seal, &rng, &key);
    s3_seal_add(&seal, 300, &nonce);
    s3_seal_add(&seal, 300, &nonce);
    for (size_t len = 0; len < seal.len; len++) {
        struct s3_cipher cipher;
        char room[700] = {0};
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, seal.data, len);
        const enum mr_status status =
            s3_cipher_open(&cipher, &key, mr_slice_make(copy, len), len > 70 ? 100 : 0);
        if (status == MR_OK)
            s3_cipher_apply(&cipher, room, sizeof room);
        s3_cipher_fini(&cipher);
        free(copy);
    }
    struct s3_cipher cipher;
    assert_int_equal(s3_cipher_open(&cipher, &key, mr_buf_slice(&seal), 600), MR_FAIL_DATA);
    mr_buf_fini(&seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_key_it_was_made_with_fits),
        cmocka_unit_test(any_range_reads_back),
        cmocka_unit_test(a_cipher_begins_anywhere),
        cmocka_unit_test(a_damaged_seal_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
