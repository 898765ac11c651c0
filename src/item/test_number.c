#include "base/rng.h"
#include "item/number.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <mpdecimal.h>

static struct item_number parse(const char *text)
{
    struct item_number number;
    enum item_number_outcome outcome = item_number_parse(mr_slice_cstr(text), &number);
    if (outcome != ITEM_NUMBER_OK)
        fail_msg("'%s' was refused: %d", text, (int)outcome);
    return number;
}

static void assert_text(const char *text, const char *want)
{
    struct item_number number = parse(text);
    char got[ITEM_NUMBER_TEXT_MAX + 1];
    got[item_number_text(item_number_slice(&number), got)] = 0;
    assert_string_equal(got, want);
}

static void numbers_are_kept_normalised(void **state)
{
    (void)state;
    assert_text("0", "0");
    assert_text("-0", "0");
    assert_text("0e400", "0");
    assert_text("000.000", "0");
    assert_text("1E2", "100");
    assert_text("1.50", "1.5");
    assert_text("+7", "7");
    assert_text(".5", "0.5");
    assert_text("5.", "5");
    assert_text("-0012.3400", "-12.34");
    assert_text("1e-5", "0.00001");
    assert_text("12345678901234567890123456789012345678", "12345678901234567890123456789012345678");
    assert_text("1000000000000000000000000000000000000000000000",
                "1000000000000000000000000000000000000000000000");
    assert_text("0.00000000000000000000000000000000000000000001",
                "0.00000000000000000000000000000000000000000001");
}

static void limits_of_magnitude_and_precision_hold(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum item_number_outcome want;
    } cases[] = {
        {"9.9999999999999999999999999999999999999e125", ITEM_NUMBER_OK},
        {"1e126", ITEM_NUMBER_OVERFLOW},
        {"-1e126", ITEM_NUMBER_OVERFLOW},
        {"1e-130", ITEM_NUMBER_OK},
        {"0.9e-130", ITEM_NUMBER_UNDERFLOW},
        {"1e999999999999999999999", ITEM_NUMBER_OVERFLOW},
        {"1e-999999999999999999999", ITEM_NUMBER_UNDERFLOW},
        {"123456789012345678901234567890123456789", ITEM_NUMBER_PRECISION},
        {"1234567890123456789012345678901234567800000", ITEM_NUMBER_OK},
        {"1234567890123456789012345678901234567800001", ITEM_NUMBER_PRECISION},
        {"", ITEM_NUMBER_SYNTAX},
        {"-", ITEM_NUMBER_SYNTAX},
        {".", ITEM_NUMBER_SYNTAX},
        {"e5", ITEM_NUMBER_SYNTAX},
        {"1e", ITEM_NUMBER_SYNTAX},
        {"1e+", ITEM_NUMBER_SYNTAX},
        {" 1", ITEM_NUMBER_SYNTAX},
        {"1 ", ITEM_NUMBER_SYNTAX},
        {"NaN", ITEM_NUMBER_SYNTAX},
        {"Infinity", ITEM_NUMBER_SYNTAX},
        {"1.2.3", ITEM_NUMBER_SYNTAX},
        {"0x10", ITEM_NUMBER_SYNTAX},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_number number;
        enum item_number_outcome got = item_number_parse(mr_slice_cstr(cases[i].text), &number);
        if (got != cases[i].want)
            fail_msg("'%s' gives %d, not %d", cases[i].text, (int)got, (int)cases[i].want);
    }
}

static void sizes_are_those_that_aws_counts(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t want;
    } cases[] = {{"0", 1}, {"2", 2}, {"101", 3}, {"9.5", 3}, {"-1", 3}};
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct item_number number = parse(cases[i].text);
        assert_int_equal(item_number_size(item_number_slice(&number)), cases[i].want);
    }
}

static void random_text(struct mr_rng *rng, char ret[static 64])
{
    int digits = 1 + (int)mr_rng_below(rng, 38);
    int exponent = (int)mr_rng_below(rng, mr_rng_below(rng, 2) ? 250 : 20) - 125;
    size_t len = 0;
    if (mr_rng_below(rng, 2))
        ret[len++] = '-';
    for (int i = 0; i < digits; i++)
        ret[len++] = (char)('0' + mr_rng_below(rng, mr_rng_below(rng, 3) ? 10 : 1));
    if (exponent + digits > 125)
        exponent = 125 - digits;
    snprintf(ret + len, 64 - len, "e%d", exponent);
}

/* Goal: order of bytes = order of values, and texts that read back. Oracle: libmpdec. */
static void bytes_order_as_values_do(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 20251122);
    mpd_context_t context;
    mpd_maxcontext(&context);
    mpd_t *a = mpd_new(&context), *b = mpd_new(&context);
    for (int i = 0; i < 50000; i++) {
        char left[64], right[64], text[ITEM_NUMBER_TEXT_MAX + 1];
        random_text(&rng, left);
        random_text(&rng, right);
        struct item_number l = parse(left), r = parse(right);
        mpd_set_string(a, left, &context);
        mpd_set_string(b, right, &context);
        int want = mpd_cmp(a, b, &context);
        int got = mr_slice_compare(item_number_slice(&l), item_number_slice(&r));
        if ((got > 0) - (got < 0) != want)
            fail_msg("%s against %s: %d, not %d", left, right, got, want);
        text[item_number_text(item_number_slice(&l), text)] = 0;
        mpd_set_string(b, text, &context);
        if (mpd_cmp(a, b, &context) != 0)
            fail_msg("%s became %s", left, text);
    }
    mpd_del(a);
    mpd_del(b);
}

/* Goal: sums are exact or refused. Oracle: libmpdec with room for every digit. */
static void sums_are_exact(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 7);
    mpd_context_t context;
    mpd_maxcontext(&context);
    mpd_t *a = mpd_new(&context), *b = mpd_new(&context), *sum = mpd_new(&context);
    int exact = 0;
    for (int i = 0; i < 50000; i++) {
        char left[64], right[64];
        random_text(&rng, left);
        random_text(&rng, right);
        bool subtract = mr_rng_below(&rng, 2) == 1;
        struct item_number l = parse(left), r = parse(right), got, want;
        enum item_number_outcome outcome =
            item_number_add(item_number_slice(&l), item_number_slice(&r), subtract, &got);
        mpd_set_string(a, left, &context);
        mpd_set_string(b, right, &context);
        (subtract ? mpd_sub : mpd_add)(sum, a, b, &context);
        char *text = mpd_to_sci(sum, 0);
        enum item_number_outcome wanted = item_number_parse(mr_slice_cstr(text), &want);
        if (outcome != wanted || (outcome == ITEM_NUMBER_OK &&
                                  (got.len != want.len || memcmp(got.bytes, want.bytes, got.len))))
            fail_msg("%s %c %s: outcome %d, wanted %d %s", left, subtract ? '-' : '+', right,
                     (int)outcome, (int)wanted, text);
        exact += outcome == ITEM_NUMBER_OK;
        mpd_free(text);
    }
    assert_true(exact > 1000);
    mpd_del(a);
    mpd_del(b);
    mpd_del(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_kept_normalised),
        cmocka_unit_test(limits_of_magnitude_and_precision_hold),
        cmocka_unit_test(sizes_are_those_that_aws_counts),
        cmocka_unit_test(bytes_order_as_values_do),
        cmocka_unit_test(sums_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
