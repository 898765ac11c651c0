#include "journal/entry.h"
#include "journal/index.h"
#include "base/arena.h"
#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { OPS_MAX = 5, BYTES_MAX = 50, ENTRY_MAX = 2048 };

static struct mr_slice random_bytes(struct mr_rng *rng, struct mr_arena *arena)
{
    size_t len = mr_rng_below(rng, BYTES_MAX);
    char *bytes = mr_arena_alloc(arena, len + 1);
    mr_rng_fill(rng, bytes, len);
    return mr_slice_make(bytes, len);
}

static struct journal_op random_op(struct mr_rng *rng, struct mr_arena *arena)
{
    struct journal_op op = {
        .kind = (enum journal_op_kind)(1 + mr_rng_below(rng, 4)),
        .space = (uint8_t)mr_rng_below(rng, 5),
        .window = (uint32_t)mr_rng_u64(rng),
        .has_old = mr_rng_below(rng, 2) == 0,
        .key = random_bytes(rng, arena),
        .value = random_bytes(rng, arena),
        .meta = random_bytes(rng, arena),
    };
    if (op.has_old)
        op.old = random_bytes(rng, arena);
    return op;
}

static struct journal_entry encode_random(struct mr_rng *rng, struct mr_arena *arena,
                                          struct journal_op *ops, char *out)
{
    size_t count = 1 + mr_rng_below(rng, OPS_MAX);
    for (size_t i = 0; i < count; i++)
        ops[i] = random_op(rng, arena);
    struct journal_entry entry = {
        .position = (int64_t)(mr_rng_u64(rng) >> 2),
        .time_ms = (int64_t)mr_rng_u64(rng),
        .length = (uint32_t)journal_entry_size(ops, count),
        .count = (uint32_t)count,
        .unsynced = (uint32_t)mr_rng_u64(rng),
        .body_crc = journal_entry_body_crc(ops, count),
    };
    assert_true(entry.length <= ENTRY_MAX);
    journal_entry_encode(&entry, ops, out);
    return entry;
}

static void assert_slices_equal(struct mr_slice a, struct mr_slice b)
{
    assert_true(mr_slice_equal(a, b));
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    mr_arena_init(&arena);
    mr_rng_init_seed(&rng, 1);
    for (int round = 0; round < 500; round++) {
        struct journal_op ops[OPS_MAX], op;
        char bytes[ENTRY_MAX];
        struct journal_entry wanted = encode_random(&rng, &arena, ops, bytes), got;
        assert_int_equal(wanted.length % 8, 0);
        assert_true(journal_entry_decode(bytes, wanted.length, wanted.position, &got));
        assert_int_equal(got.time_ms, wanted.time_ms);
        assert_int_equal(got.length, wanted.length);
        assert_int_equal(got.count, wanted.count);
        assert_int_equal(got.unsynced, wanted.unsynced);
        assert_true(journal_entry_body_is_good(bytes, &got));
        size_t at = JOURNAL_ENTRY_HEADER_BYTES;
        for (uint32_t i = 0; i < got.count; i++) {
            assert_int_equal(ops[i].position, wanted.position + (int64_t)at);
            assert_int_equal(ops[i].time_ms, wanted.time_ms);
            size_t size = journal_op_decode(bytes + at, got.length - at, &op);
            assert_true(size > 0);
            assert_int_equal(op.kind, ops[i].kind);
            assert_int_equal(op.space, ops[i].space);
            assert_int_equal(op.window, ops[i].window);
            assert_int_equal(op.has_old, ops[i].has_old);
            assert_slices_equal(op.key, ops[i].key);
            assert_slices_equal(op.value, ops[i].value);
            assert_slices_equal(op.old, ops[i].old);
            assert_slices_equal(op.meta, ops[i].meta);
            at += size;
        }
        assert_int_equal(at, got.length);
        mr_arena_reset(&arena);
    }
    mr_arena_fini(&arena);
}

static void a_changed_bit_or_place_is_noticed(void **state)
{
    (void)state;
    struct mr_rng rng;
    struct mr_arena arena;
    mr_arena_init(&arena);
    mr_rng_init_seed(&rng, 2);
    struct journal_op ops[OPS_MAX];
    char bytes[ENTRY_MAX];
    struct journal_entry entry = encode_random(&rng, &arena, ops, bytes), got;
    for (size_t bit = 0; bit < (size_t)entry.length * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        assert_false(journal_entry_decode(bytes, entry.length, entry.position, &got) &&
                     journal_entry_body_is_good(bytes, &got));
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    assert_false(journal_entry_decode(bytes, entry.length, entry.position + 8, &got));
    for (size_t room = 0; room < entry.length; room++) /* on the heap: reading beyond is caught */
    {
        char *part = mr_malloc(room + 1);
        char *end_aligned = part + 1;
        memcpy(end_aligned, bytes, room);
        assert_false(journal_entry_decode(end_aligned, room, entry.position, &got));
        free(part);
    }
    mr_arena_fini(&arena);
}

static void random_bytes_are_never_read_beyond_their_end(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 3);
    for (int round = 0; round < 20000; round++) {
        size_t room = mr_rng_below(&rng, 100);
        char *bytes = mr_malloc(room + 1);
        for (size_t i = 0; i < room; i++) /* mostly small lengths */
            bytes[i] = (char)(mr_rng_below(&rng, 3) == 0 ? mr_rng_below(&rng, 40) : 0);
        struct journal_op op;
        size_t size = journal_op_decode(bytes, room, &op);
        assert_true(size <= room);
        if (size > 0)
            assert_true(op.meta.ptr + op.meta.len <= bytes + room);
        free(bytes);
    }
}

static void an_index_survives_its_sidecar_and_a_damaged_one_is_refused(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 4);
    enum { BYTES = 100 * JOURNAL_BLOCK_BYTES, FIRST = 1000 };
    struct journal_index *index = journal_index_new(BYTES), *back = NULL;
    size_t offset = 64;
    int64_t newest = INT64_MIN;
    while (offset < BYTES) {
        int64_t time = (int64_t)mr_rng_below(&rng, 1000);
        newest = time > newest ? time : newest;
        journal_index_add(index, offset, time);
        for (int i = 0; i < 3; i++)
            journal_index_mark(index, 1 + (uint32_t)mr_rng_below(&rng, 200), offset, 2);
        offset += mr_rng_below(&rng, 2 * JOURNAL_BLOCK_BYTES);
    }
    struct mr_buf text = {0};
    int64_t end;
    journal_index_encode(index, FIRST, FIRST + BYTES, &text);
    assert_int_equal(
        journal_index_decode(mr_buf_slice(&text), FIRST, 2 * (size_t)BYTES, &end, &back), MR_OK);
    assert_int_equal(end, FIRST + BYTES);
    assert_int_equal(journal_index_time_max(back), newest);
    for (uint32_t window = 1; window <= 201; window++)
        for (size_t block = 0; block < 100; block++)
            assert_int_equal(journal_index_next(back, window, block),
                             journal_index_next(index, window, block));
    for (size_t at = 0; at < BYTES; at += 10000)
        assert_int_equal(journal_index_before(back, at), journal_index_before(index, at));
    journal_index_free(back);
    assert_int_equal(journal_index_decode(mr_buf_slice(&text), FIRST + 1, BYTES, &end, &back),
                     MR_INVALID);
    for (size_t i = 0; i < text.len; i += 1 + mr_rng_below(&rng, 50)) {
        text.data[i] = (char)(text.data[i] ^ 0x40);
        assert_int_equal(journal_index_decode(mr_buf_slice(&text), FIRST, BYTES, &end, &back),
                         MR_INVALID);
        text.data[i] = (char)(text.data[i] ^ 0x40);
        assert_int_equal(
            journal_index_decode(mr_slice_make(text.data, i), FIRST, BYTES, &end, &back),
            MR_INVALID);
    }
    mr_buf_fini(&text);
    journal_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(a_changed_bit_or_place_is_noticed),
        cmocka_unit_test(random_bytes_are_never_read_beyond_their_end),
        cmocka_unit_test(an_index_survives_its_sidecar_and_a_damaged_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
