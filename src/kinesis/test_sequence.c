/* Sequence numbers, hash keys and iterators. */
#include "kinesis/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void a_sequence_number_reads_back_as_it_was_printed(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251122);
    for (int i = 0; i < 20000; i++) {
        const struct kinesis_sequence in = {
            .created_s = (int64_t)mr_rng_below(&rng, 1ULL << 36),
            .position = mr_rng_u64(&rng) >> (1 + mr_rng_below(&rng, 62)),
            .time_s = (int64_t)mr_rng_below(&rng, 1ULL << 36),
            .shard = (uint32_t)mr_rng_below(&rng, 1ULL << 31),
        };
        char text[KINESIS_SEQUENCE_TEXT];
        struct kinesis_sequence out;
        assert_int_equal(kinesis_sequence_parse(kinesis_sequence_print(&in, text), &out), MR_OK);
        assert_int_equal(out.created_s, in.created_s);
        assert_int_equal(out.position, in.position);
        assert_int_equal(out.time_s, in.time_s);
        assert_int_equal(out.shard, in.shard);
    }
}

static void a_sequence_number_has_56_digits_and_begins_with_49(void **state)
{
    (void)state;
    const struct kinesis_sequence in = {
        .created_s = 1718000000, .position = 1, .time_s = 1718000000, .shard = 0};
    char text[KINESIS_SEQUENCE_TEXT];
    const struct mr_slice printed = kinesis_sequence_print(&in, text);
    assert_int_equal(printed.len, 56);
    assert_memory_equal(printed.ptr, "49", 2);
}

static void sequence_numbers_of_a_shard_rise_with_the_position(void **state)
{
    (void)state;
    struct kinesis_sequence in = {.created_s = 1718000000, .time_s = 1718000000, .shard = 3};
    char previous[KINESIS_SEQUENCE_TEXT] = "", text[KINESIS_SEQUENCE_TEXT];
    for (uint64_t position = 1; position < (1ULL << 62); position = position * 3 + 1) {
        in.position = position;
        in.time_s--; /* even if the clock runs backwards */
        const struct mr_slice now = kinesis_sequence_print(&in, text);
        assert_true(mr_slice_compare(now, mr_slice_cstr(previous)) > 0);
        memcpy(previous, text, sizeof text);
    }
}

static void what_is_no_sequence_number_is_refused(void **state)
{
    (void)state;
    struct kinesis_sequence out;
    const char *const bad[] = {"", "x", "49x", "-1",
                               "999999999999999999999999999999999999999999999999999999999999999"};
    for (size_t i = 0; i < MR_COUNT(bad); i++)
        assert_int_equal(kinesis_sequence_parse(mr_slice_cstr(bad[i]), &out), MR_INVALID);
}

static void the_older_forms_tell_shard_and_time(void **state)
{
    (void)state;
    struct kinesis_sequence out;
    char text[KINESIS_SEQUENCE_TEXT];
    assert_int_equal(kinesis_sequence_parse(MR_S("5"), &out), MR_OK);
    assert_int_equal(out.version, 0);
    assert_int_equal(out.shard, 5);
    assert_true(mr_slice_equal(kinesis_sequence_shown(MR_S("0"), text),
                               MR_S("21267647932558653966460912964485513216")));
    assert_true(
        mr_slice_equal(kinesis_sequence_shown(MR_S("425352958651173072921826052383309826"), text),
                       MR_S("21693000891209827039382739016868823042")));
    int64_t position;
    assert_int_equal(kinesis_sequence_position(MR_S("5"), &position), MR_INVALID);
}

static void a_shard_id_is_the_number_behind_its_first_hyphen(void **state)
{
    (void)state;
    uint32_t index = 9;
    const char *const first[] = {"0", "-0", "shardId-0", "shardId-000000000000", "x-0-y"};
    const char *const none[] = {"", "-", "x", "shardId-", "2147483648", "1e3", "a-2147483648"};
    for (size_t i = 0; i < MR_COUNT(first); i++) {
        index = 9;
        assert_int_equal(kinesis_shard_index(mr_slice_cstr(first[i]), &index), MR_OK);
        assert_int_equal(index, 0);
    }
    for (size_t i = 0; i < MR_COUNT(none); i++)
        assert_int_equal(kinesis_shard_index(mr_slice_cstr(none[i]), &index), MR_INVALID);
}

static void hash_keys_reach_to_2_to_the_128_less_one(void **state)
{
    (void)state;
    kinesis_hash value;
    char text[48];
    const struct mr_slice max = MR_S("340282366920938463463374607431768211455");
    assert_int_equal(kinesis_hash_parse(max, &value), MR_OK);
    assert_true(value == ~(kinesis_hash)0);
    assert_true(mr_slice_equal(kinesis_hash_print(value, text), max));
    assert_int_equal(kinesis_hash_parse(MR_S("340282366920938463463374607431768211456"), &value),
                     MR_INVALID);
    assert_int_equal(kinesis_hash_parse(MR_S("-1"), &value), MR_INVALID);
    assert_int_equal(kinesis_hash_parse(MR_S("0"), &value), MR_OK);
    assert_true(value == 0);
}

static void an_iterator_reads_back_and_a_changed_one_is_refused(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 1);
    struct kinesis kinesis = {.options = {.rng = &rng}};
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct kinesis_iterator in = {.created_ms = 5,
                                        .position = 77,
                                        .not_before_ms = 3,
                                        .window = 9,
                                        .shard = 2,
                                        .stream = MR_S_INIT("orders")};
    const struct mr_slice text = kinesis_iterator_print(&kinesis, &arena, &in);
    const struct mr_slice again = kinesis_iterator_print(&kinesis, &arena, &in);
    assert_false(mr_slice_equal(text, again));
    struct kinesis_iterator out;
    assert_int_equal(kinesis_iterator_parse(&arena, text, &out), MR_OK);
    assert_int_equal(out.position, 77);
    assert_int_equal(out.window, 9);
    assert_true(mr_slice_equal(out.stream, in.stream));
    const struct mr_slice quoted = mr_arena_printf(&arena, "\"%.*s\"", MR_ARG(text));
    assert_int_equal(kinesis_iterator_parse(&arena, quoted, &out), MR_OK);
    char *changed = mr_arena_cstr(&arena, text);
    changed[8] = changed[8] == 'A' ? 'B' : 'A';
    assert_int_equal(kinesis_iterator_parse(&arena, mr_slice_cstr(changed), &out), MR_INVALID);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_number_reads_back_as_it_was_printed),
        cmocka_unit_test(a_sequence_number_has_56_digits_and_begins_with_49),
        cmocka_unit_test(sequence_numbers_of_a_shard_rise_with_the_position),
        cmocka_unit_test(what_is_no_sequence_number_is_refused),
        cmocka_unit_test(the_older_forms_tell_shard_and_time),
        cmocka_unit_test(a_shard_id_is_the_number_behind_its_first_hyphen),
        cmocka_unit_test(hash_keys_reach_to_2_to_the_128_less_one),
        cmocka_unit_test(an_iterator_reads_back_and_a_changed_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
