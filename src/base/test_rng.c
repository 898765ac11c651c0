#include "base/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct mr_rng a, b, other;
    mr_rng_init_seed(&a, 42);
    mr_rng_init_seed(&b, 42);
    mr_rng_init_seed(&other, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t draw = mr_rng_u64(&a);
        assert_true(draw == mr_rng_u64(&b));
        same += draw == mr_rng_u64(&other);
    }
    assert_int_equal(same, 0);
}

static void the_generator_is_xoshiro256_starstar(void **state)
{
    (void)state;
    /* From state 1, 2, 3, 4 by hand: rotl(2 * 5, 7) * 9 = 11520, then s = {7, 0, 262146, ...}. */
    struct mr_rng rng = {.state = {1, 2, 3, 4}};
    assert_true(mr_rng_u64(&rng) == 11520);
    assert_true(mr_rng_u64(&rng) == 0);
    assert_true(mr_rng_u64(&rng) == 1509978240);
}

static void draws_below_a_bound_stay_there_and_reach_everything(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 5);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++)
        seen[mr_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range((uintmax_t)seen[i], 9500, 10500);
    assert_true(mr_rng_below(&rng, 1) == 0);
    uint64_t large = (UINT64_C(1) << 63) + 1;
    for (int i = 0; i < 100; i++)
        assert_true(mr_rng_below(&rng, large) < large);
}

static void the_systems_numbers_do_not_repeat(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_system(&rng);
    uint64_t draws[1000];
    for (size_t i = 0; i < MR_COUNT(draws); i++) {
        draws[i] = mr_rng_u64(&rng);
        for (size_t n = 0; n < i; n++)
            assert_true(draws[n] != draws[i]);
    }
}

static void filling_writes_each_byte_and_not_one_more(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 6);
    for (size_t len = 0; len <= 32; len++) {
        uint8_t changed[33] = {0};
        for (int round = 0; round < 20; round++) {
            uint8_t bytes[33] = {0};
            mr_rng_fill(&rng, bytes, len);
            for (size_t i = 0; i < sizeof(bytes); i++)
                changed[i] |= bytes[i];
        }
        for (size_t i = 0; i < sizeof(changed); i++)
            assert_true((changed[i] != 0) == (i < len));
    }
}

static void a_uuid_is_of_version_4(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    for (int round = 0; round < 100; round++) {
        char text[37];
        mr_rng_uuid(&rng, text);
        assert_int_equal(mr_slice_cstr(text).len, 36);
        for (size_t i = 0; i < 36; i++) {
            bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            assert_true(dash ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL);
        }
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
    }
}

static void random_text_uses_its_alphabet(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 8);
    char text[65];
    mr_rng_text(&rng, "AB7", 64, text);
    assert_int_equal(strspn(text, "AB7"), 64);
    assert_int_equal(text[64], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(the_generator_is_xoshiro256_starstar),
        cmocka_unit_test(draws_below_a_bound_stay_there_and_reach_everything),
        cmocka_unit_test(the_systems_numbers_do_not_repeat),
        cmocka_unit_test(filling_writes_each_byte_and_not_one_more),
        cmocka_unit_test(a_uuid_is_of_version_4),
        cmocka_unit_test(random_text_uses_its_alphabet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
