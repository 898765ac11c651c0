/* Pieces and the sequence numbers in them. */
#include "verify/pieces.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void expect_pieces(const char *text, const char *const *wanted)
{
    struct mr_slice rest = mr_slice_cstr(text), piece;
    for (; *wanted != NULL; wanted++) {
        assert_true(verify_piece_next(&rest, &piece));
        assert_int_equal(piece.len, strlen(*wanted));
        assert_memory_equal(piece.ptr, *wanted, piece.len);
    }
    assert_false(verify_piece_next(&rest, &piece));
}

static void json_values_are_pieces_with_or_without_anything_between_them(void **state)
{
    (void)state;
    expect_pieces("{\"a\":1}{\"b\":[2,{}]}\n{\"c\":\"}\"} \n",
                  (const char *const[]){"{\"a\":1}", "{\"b\":[2,{}]}", "{\"c\":\"}\"}", NULL});
    expect_pieces("{\"a\":\n {\"b\":\"\\\"}\"}}",
                  (const char *const[]){"{\"a\":\n {\"b\":\"\\\"}\"}}", NULL});
}

static void other_text_and_broken_json_are_lines(void **state)
{
    (void)state;
    expect_pieces("one,two\nthree\r\n\n", (const char *const[]){"one,two", "three", NULL});
    expect_pieces("{\"a\":1\n{\"b\":2\n", (const char *const[]){"{\"a\":1", "{\"b\":2", NULL});
    expect_pieces(" \n", (const char *const[]){NULL});
    expect_pieces("]\nx", (const char *const[]){"]", "x", NULL});
}

static void sequence_numbers_are_found_wherever_they_stand(void **state)
{
    (void)state;
    struct mr_slice rest = MR_S("{\"n\":12,\"s\":\"100000000000000000042\",x100000000000000000043y "
                                "1000000000000000000441 200000000000000000045}");
    int64_t position;
    assert_true(verify_token_next(&rest, &position));
    assert_int_equal(position, 42);
    assert_true(verify_token_next(&rest, &position));
    assert_int_equal(position, 43);
    assert_false(verify_token_next(&rest, &position));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_values_are_pieces_with_or_without_anything_between_them),
        cmocka_unit_test(other_text_and_broken_json_are_lines),
        cmocka_unit_test(sequence_numbers_are_found_wherever_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
