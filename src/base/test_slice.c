#include "base/rng.h"
#include "base/slice.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void an_empty_slice_equals_an_empty_slice_with_no_bytes_at_all(void **state)
{
    (void)state;
    assert_true(mr_slice_equal((struct mr_slice){0}, MR_S("")));
    assert_false(mr_slice_equal((struct mr_slice){0}, MR_S("a")));
    assert_int_equal(mr_slice_compare((struct mr_slice){0}, MR_S("")), 0);
    assert_int_equal(mr_slice_cstr(NULL).len, 0);
}

static void slices_order_by_bytes_and_a_beginning_comes_first(void **state)
{
    (void)state;
    assert_true(mr_slice_compare(MR_S("ab"), MR_S("abc")) < 0);
    assert_true(mr_slice_compare(MR_S("b"), MR_S("abc")) > 0);
    assert_true(mr_slice_compare(MR_S("\xff"), MR_S("a")) > 0);
    assert_true(mr_slice_compare(MR_S("a\0b"), MR_S("a\0a")) > 0);
    assert_int_equal(mr_slice_compare(MR_S("same"), MR_S("same")), 0);
}

static void comparing_without_case_is_for_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(mr_slice_equal_nocase(MR_S("Content-TYPE"), MR_S("content-type")));
    assert_false(mr_slice_equal_nocase(MR_S("a["), MR_S("a{")));
    assert_false(mr_slice_equal_nocase(MR_S("ab"), MR_S("a")));
}

static void prefixes_suffixes_and_parts_clamp_to_what_is_there(void **state)
{
    (void)state;
    struct mr_slice s = MR_S("s3://bucket/key");
    assert_true(mr_slice_starts_with(s, MR_S("s3://")));
    assert_true(mr_slice_starts_with(s, MR_S("")));
    assert_false(mr_slice_starts_with(MR_S("s3"), s));
    assert_true(mr_slice_ends_with(s, MR_S("/key")));
    assert_false(mr_slice_ends_with(MR_S("key"), s));
    assert_true(mr_slice_equal(mr_slice_sub(s, 5, 6), MR_S("bucket")));
    assert_true(mr_slice_equal(mr_slice_sub(s, 12, 100), MR_S("key")));
    assert_int_equal(mr_slice_sub(s, 100, 1).len, 0);
    assert_int_equal(mr_slice_sub((struct mr_slice){0}, 1, 1).len, 0);
}

static void finding_gives_the_first_hit_or_size_max(void **state)
{
    (void)state;
    assert_int_equal(mr_slice_find(MR_S("a.b.c"), '.'), 1);
    assert_true(mr_slice_find(MR_S("abc"), '.') == SIZE_MAX);
    assert_true(mr_slice_find((struct mr_slice){0}, '.') == SIZE_MAX);
    assert_int_equal(mr_slice_search(MR_S("aaab"), MR_S("aab")), 1);
    assert_int_equal(mr_slice_search(MR_S("a"), MR_S("")), 0);
    assert_true(mr_slice_search(MR_S("a"), MR_S("ab")) == SIZE_MAX);
}

static void trimming_takes_blanks_off_both_ends(void **state)
{
    (void)state;
    assert_true(mr_slice_equal(mr_slice_trim(MR_S(" \t a b \r\n")), MR_S("a b")));
    assert_int_equal(mr_slice_trim(MR_S(" \n ")).len, 0);
    assert_int_equal(mr_slice_trim((struct mr_slice){0}).len, 0);
}

static void splitting_gives_every_part_also_the_empty_ones(void **state)
{
    (void)state;
    struct mr_slice rest = MR_S("a,,b,"), part;
    const char *const want[] = {"a", "", "b", ""};
    for (size_t i = 0; i < MR_COUNT(want); i++) {
        assert_true(mr_slice_split(&rest, ',', &part));
        assert_true(mr_slice_equal(part, mr_slice_cstr(want[i])));
    }
    assert_false(mr_slice_split(&rest, ',', &part));
    rest = MR_S("");
    assert_true(mr_slice_split(&rest, ',', &part));
    assert_false(mr_slice_split(&rest, ',', &part));
}

static void integers_are_read_to_their_limits_and_not_beyond(void **state)
{
    (void)state;
    int64_t i = 7;
    uint64_t u = 7;
    assert_int_equal(mr_slice_to_i64(MR_S("-9223372036854775808"), &i), MR_OK);
    assert_true(i == INT64_MIN);
    assert_int_equal(mr_slice_to_i64(MR_S("9223372036854775807"), &i), MR_OK);
    assert_true(i == INT64_MAX);
    assert_int_equal(mr_slice_to_i64(MR_S("9223372036854775808"), &i), MR_INVALID);
    assert_int_equal(mr_slice_to_i64(MR_S("-9223372036854775809"), &i), MR_INVALID);
    assert_true(i == INT64_MAX); /* untouched on failure */
    assert_int_equal(mr_slice_to_u64(MR_S("18446744073709551615"), &u), MR_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(mr_slice_to_u64(MR_S("18446744073709551616"), &u), MR_INVALID);
    const char *const wrong[] = {"", "-", "+1", " 1", "1 ", "1.0", "0x1", "--1"};
    for (size_t n = 0; n < MR_COUNT(wrong); n++)
        assert_int_equal(mr_slice_to_i64(mr_slice_cstr(wrong[n]), &i), MR_INVALID);
    assert_int_equal(mr_slice_to_u64(MR_S("-1"), &u), MR_INVALID);
}

/* The oracle: decodes by arithmetic and then asks whether the code point had to be written so. */
static bool oracle_is_utf8(struct mr_slice s, size_t *ret_count)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *ret_count = 0;
    for (size_t i = 0; i < s.len; ++*ret_count) {
        unsigned char lead = (unsigned char)s.ptr[i];
        size_t len = lead < 0x80             ? 1
                     : (lead & 0xe0) == 0xc0 ? 2
                     : (lead & 0xf0) == 0xe0 ? 3
                     : (lead & 0xf8) == 0xf0 ? 4
                                             : 0;
        if (len == 0 || len > s.len - i)
            return false;
        uint32_t code = len == 1 ? lead : lead & (0xffu >> (len + 1));
        for (size_t n = 1; n < len; n++) {
            unsigned char tail = (unsigned char)s.ptr[i + n];
            if ((tail & 0xc0) != 0x80)
                return false;
            code = code << 6 | (tail & 0x3f);
        }
        if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

static void utf8_is_told_from_other_bytes_as_the_code_points_say(void **state)
{
    (void)state;
    /* Bytes at the borders of what is allowed come often. */
    static const uint8_t borders[] = {0x00, 'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                      0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
                                      0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 1);
    int good = 0;
    for (int round = 0; round < 300000; round++) {
        char bytes[12];
        size_t len = mr_rng_below(&rng, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++) {
            bool ascii = mr_rng_below(&rng, 3) == 0;
            bytes[i] = ascii ? 'x' : (char)borders[mr_rng_below(&rng, sizeof(borders))];
        }
        size_t count;
        bool want = oracle_is_utf8(mr_slice_make(bytes, len), &count);
        if (mr_slice_is_utf8(mr_slice_make(bytes, len)) != want)
            fail_msg("seed 1, round %d: the verdict is not %d", round, want);
        if (want)
            assert_int_equal(mr_slice_utf8_length(mr_slice_make(bytes, len)), count);
        good += want;
    }
    assert_true(good > 1000); /* both verdicts were tested */
}

static void hashes_depend_on_every_byte_and_on_the_length(void **state)
{
    (void)state;
    char bytes[40] = {0};
    for (size_t len = 1; len <= sizeof(bytes); len++) {
        uint64_t plain = mr_slice_hash(mr_slice_make(bytes, len));
        assert_true(plain != mr_slice_hash(mr_slice_make(bytes, len - 1)));
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            assert_true(plain != mr_slice_hash(mr_slice_make(bytes, len)));
            bytes[i] = 0;
        }
    }
}

static void patterns_of_stars_fit_the_whole_text_and_quoted_bytes_are_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        unsigned flags;
        bool fits;
    } rows[] = {
        {"", "", 0, true},
        {"*", "", 0, true},
        {"a*c", "abbc", 0, true},
        {"a*c", "abcd", 0, false},
        {"*ab*ab", "aabab", 0, true},
        {"a?c", "abc", 0, false},
        {"a?c", "a?c", 0, true},
        {"a?c", "abc", MR_LIKE_ONE, true},
        {"a?", "a", MR_LIKE_ONE, false},
        {"Get*", "getobject", MR_LIKE_NOCASE, true},
        {"Get*", "getobject", 0, false},
        {"**", "x", 0, true},
    };
    for (size_t i = 0; i < MR_COUNT(rows); i++)
        assert_int_equal(mr_slice_like(mr_slice_cstr(rows[i].text), mr_slice_cstr(rows[i].pattern),
                                       rows[i].flags),
                         rows[i].fits);
    const struct mr_slice quoted = MR_S("a\0*\0?*");
    assert_true(mr_slice_like(MR_S("a*?b"), quoted, MR_LIKE_ONE | MR_LIKE_QUOTE));
    assert_true(mr_slice_like(MR_S("a*?"), quoted, MR_LIKE_ONE | MR_LIKE_QUOTE));
    assert_false(mr_slice_like(MR_S("axyb"), quoted, MR_LIKE_ONE | MR_LIKE_QUOTE));
    assert_false(mr_slice_like(MR_S("a*"), quoted, MR_LIKE_ONE | MR_LIKE_QUOTE));
}

static void a_set_of_characters_holds_no_nul_and_bytes_beyond_ascii_only_when_named(void **state)
{
    (void)state;
    static const char set[] = "+-\xe9";
    for (int byte = CHAR_MIN; byte <= CHAR_MAX; byte++)
        assert_int_equal(mr_byte_in((char)byte, set),
                         byte == '+' || byte == '-' || (char)byte == set[2]);
    assert_false(mr_byte_in('\0', ""));
    assert_false(mr_byte_in('a', ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_slice_equals_an_empty_slice_with_no_bytes_at_all),
        cmocka_unit_test(slices_order_by_bytes_and_a_beginning_comes_first),
        cmocka_unit_test(comparing_without_case_is_for_ascii_letters_only),
        cmocka_unit_test(prefixes_suffixes_and_parts_clamp_to_what_is_there),
        cmocka_unit_test(finding_gives_the_first_hit_or_size_max),
        cmocka_unit_test(trimming_takes_blanks_off_both_ends),
        cmocka_unit_test(splitting_gives_every_part_also_the_empty_ones),
        cmocka_unit_test(integers_are_read_to_their_limits_and_not_beyond),
        cmocka_unit_test(utf8_is_told_from_other_bytes_as_the_code_points_say),
        cmocka_unit_test(patterns_of_stars_fit_the_whole_text_and_quoted_bytes_are_themselves),
        cmocka_unit_test(a_set_of_characters_holds_no_nul_and_bytes_beyond_ascii_only_when_named),
        cmocka_unit_test(hashes_depend_on_every_byte_and_on_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
