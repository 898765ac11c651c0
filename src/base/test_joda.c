#include "base/joda.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Letters with their count, texts in brackets. */
static void assert_pieces(struct mr_slice pattern, const char *wanted, enum mr_status end)
{
    char text[200];
    size_t len = 0;
    struct mr_joda_token token;
    enum mr_status status;
    text[0] = '\0';
    while ((status = mr_joda_next(&pattern, &token)) == MR_OK) {
        if (token.letter != '\0')
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%c%zu", token.letter, token.count);
        else
            len += (size_t)snprintf(text + len, sizeof text - len, "[%.*s]", MR_ARG(token.text));
        assert_in_range(len, 1, sizeof text - 1);
    }
    assert_string_equal(text, wanted);
    assert_int_equal(status, end);
}

static void patterns_are_letters_and_texts(void **state)
{
    (void)state;
    assert_pieces(MR_S("yyyy-MM-dd'T'HH:mm"), "y4[-]M2[-]d2[T]H2[:]m2", MR_END);
    assert_pieces(MR_S(""), "", MR_END);
    assert_pieces(MR_S("''h''"), "[']h1[']", MR_END);
    assert_pieces(MR_S("'o''clock'h"), "[o'][clock]h1", MR_END);
    assert_pieces(MR_S("\xc3\xa4y"), "[\xc3][\xa4]y1", MR_END);
    assert_pieces(MR_S("h 'at"), "h1[ ]", MR_INVALID);
    assert_pieces(MR_S("'"), "", MR_INVALID);
}

static void names_and_digits_are_taken_off_the_front(void **state)
{
    (void)state;
    struct mr_slice text = MR_S("JUNEjun7890x");
    size_t index, digits;
    int64_t number;
    assert_true(mr_joda_read_name(&text, mr_month_names, MR_MONTHS, &index));
    assert_int_equal(index, 5);
    assert_true(mr_joda_read_name(&text, mr_month_names, MR_MONTHS, &index));
    assert_false(mr_joda_read_name(&text, mr_weekday_names, MR_WEEKDAYS, &index));
    assert_true(mr_joda_read_digits(&text, 3, &number, &digits));
    assert_int_equal(number, 789);
    assert_int_equal(digits, 3);
    assert_true(mr_joda_read_digits(&text, 3, &number, &digits));
    assert_int_equal(digits, 1);
    assert_false(mr_joda_read_digits(&text, 3, &number, &digits));
    assert_true(mr_slice_equal(text, MR_S("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_letters_and_texts),
        cmocka_unit_test(names_and_digits_are_taken_off_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
