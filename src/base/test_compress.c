#include "base/compress.h"
#include "base/codec.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zstd.h>

enum { TEXT_BYTES = 3000000 };

/* Half noise, half repetition. */
static struct mr_buf make_text(struct mr_rng *rng)
{
    struct mr_buf text = {0};
    while (text.len < TEXT_BYTES) {
        char noise[500];
        mr_rng_fill(rng, noise, sizeof(noise));
        mr_buf_append(&text, mr_slice_make(noise, sizeof(noise)));
        for (size_t i = mr_rng_below(rng, 2000); i > 0; i--)
            mr_buf_byte(&text, 'x');
    }
    return text;
}

static enum mr_status unpack(struct mr_rng *rng, enum mr_packing packing, struct mr_slice packed,
                             struct mr_buf *text, bool *ret_whole)
{
    struct mr_unpacker *unpacker = mr_unpacker_new(packing);
    enum mr_status status = MR_OK;
    while (status == MR_OK && packed.len > 0) {
        struct mr_slice piece = mr_slice_sub(packed, 0, 1 + mr_rng_below(rng, 100000));
        packed = mr_slice_sub(packed, piece.len, packed.len);
        while (status == MR_OK && piece.len > 0)
            status = mr_unpacker_take(unpacker, &piece, text);
    }
    *ret_whole = mr_unpacker_is_whole(unpacker);
    mr_unpacker_free(unpacker);
    return status;
}

static void what_is_packed_in_pieces_unpacks_in_pieces(void **state)
{
    (void)state;
    static const enum mr_packing packings[] = {MR_PACKING_NONE, MR_PACKING_GZIP, MR_PACKING_ZSTD,
                                               MR_PACKING_ZSTD};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251122);
    struct mr_buf text = make_text(&rng);
    for (size_t i = 0; i < MR_COUNT(packings); i++) {
        struct mr_buf packed = {0}, back = {0};
        bool whole = false;
        if (packings[i] == MR_PACKING_NONE) {
            mr_buf_append(&packed, mr_buf_slice(&text));
        } else {
            struct mr_packer *packer = mr_packer_new(packings[i], i == 3 ? 22 : 0, &packed);
            for (size_t at = 0, step; at < text.len; at += step) {
                step = 1 + mr_rng_below(&rng, 50000);
                mr_packer_add(packer, mr_slice_sub(mr_buf_slice(&text), at, step));
            }
            mr_packer_end(packer);
            assert_true(packed.len < text.len / 2);
        }
        if (packings[i] == MR_PACKING_GZIP) {
            assert_int_equal(mr_gunzip(&back, mr_buf_slice(&packed), text.len), MR_OK);
            mr_buf_reset(&back);
        }
        struct mr_slice all = mr_buf_slice(&packed);
        assert_int_equal(unpack(&rng, packings[i], all, &back, &whole), MR_OK);
        assert_true(whole);
        assert_int_equal(back.len, text.len);
        assert_memory_equal(back.data, text.data, text.len);
        mr_buf_fini(&packed);
        mr_buf_fini(&back);
    }
    mr_buf_fini(&text);
}

static void members_in_a_row_are_one_text_and_damage_is_told(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    struct mr_buf packed = {0}, back = {0};
    bool whole;
    mr_gzip(&packed, MR_S("one "));
    mr_gzip(&packed, MR_S("two"));
    assert_int_equal(unpack(&rng, MR_PACKING_GZIP, mr_buf_slice(&packed), &back, &whole), MR_OK);
    assert_true(whole);
    assert_int_equal(back.len, 7);
    assert_memory_equal(back.data, "one two", 7);
    for (size_t cut = 1; cut < packed.len; cut++) {
        struct mr_slice part = mr_slice_make(packed.data, cut);
        assert_int_equal(unpack(&rng, MR_PACKING_GZIP, part, &back, &whole), MR_OK);
        mr_buf_reset(&back);
        struct mr_buf first = {0};
        mr_gzip(&first, MR_S("one "));
        assert_int_equal(whole, cut == first.len);
        mr_buf_fini(&first);
    }
    packed.data[packed.len - 6] ^= 1; /* the checksum */
    assert_int_equal(unpack(&rng, MR_PACKING_GZIP, mr_buf_slice(&packed), &back, &whole),
                     MR_INVALID);
    struct mr_slice junk = MR_S_INIT("this is neither");
    assert_int_equal(unpack(&rng, MR_PACKING_GZIP, junk, &back, &whole), MR_INVALID);
    assert_int_equal(unpack(&rng, MR_PACKING_ZSTD, junk, &back, &whole), MR_INVALID);
    mr_buf_fini(&packed);
    mr_buf_fini(&back);
}

/* Four bytes of Zstandard can stand for 128 KiB, a block of one byte repeated. */
static void little_that_stands_for_much_comes_in_parts(void **state)
{
    (void)state;
    static const enum mr_packing packings[] = {MR_PACKING_GZIP, MR_PACKING_ZSTD};
    const size_t len = 200 << 20;
    char *zeros = mr_calloc(1, len);
    for (size_t i = 0; i < MR_COUNT(packings); i++) {
        struct mr_buf packed = {0}, text = {0};
        struct mr_unpacker *unpacker = mr_unpacker_new(packings[i]);
        size_t sum = 0;
        if (packings[i] == MR_PACKING_ZSTD)
            mr_zstd(&packed, mr_slice_make(zeros, len), 0);
        else
            mr_gzip(&packed, mr_slice_make(zeros, len));
        struct mr_slice rest = mr_buf_slice(&packed);
        while (rest.len > 0) {
            mr_buf_reset(&text);
            assert_int_equal(mr_unpacker_take(unpacker, &rest, &text), MR_OK);
            assert_in_range(text.len, 0, 5 << 20);
            sum += text.len;
        }
        assert_true(mr_unpacker_is_whole(unpacker));
        assert_int_equal(sum, len);
        mr_unpacker_free(unpacker);
        mr_buf_fini(&packed);
        mr_buf_fini(&text);
    }
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_in_pieces_unpacks_in_pieces),
        cmocka_unit_test(members_in_a_row_are_one_text_and_damage_is_told),
        cmocka_unit_test(little_that_stands_for_much_comes_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
