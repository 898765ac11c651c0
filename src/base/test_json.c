#include "base/json.h"
#include "base/rng.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct mr_arena arena;
static struct mr_buf buf;

static int setup(void **state)
{
    (void)state;
    mr_arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mr_arena_fini(&arena);
    mr_buf_fini(&buf);
    return 0;
}

static struct mr_json writer(void)
{
    mr_buf_reset(&buf);
    return mr_json_make(&buf);
}

static void assert_written(const char *want)
{
    mr_buf_byte(&buf, '\0');
    assert_string_equal(buf.data, want);
    buf.len--;
}

static yyjson_val *parse(const char *text)
{
    return mr_json_parse(&arena, mr_slice_cstr(text), 32);
}

static void members_are_found_and_null_counts_as_absent(void **state)
{
    (void)state;
    yyjson_val *obj = parse("{\"a\":\"x\",\"n\":null,\"t\":true,\"i\":-12,\"d\":0.5,\"a\":\"y\"}");
    assert_non_null(obj);
    assert_true(mr_slice_equal(mr_json_get_text(obj, "a"), MR_S("x"))); /* the first of two */
    assert_null(mr_json_get(obj, "n"));
    assert_null(mr_json_get(obj, "missing"));
    assert_null(mr_json_get(NULL, "a"));
    assert_null(mr_json_get(mr_json_get(obj, "a"), "a"));
    assert_non_null(mr_json_getn(obj, mr_slice_make("abc", 1)));
    assert_true(mr_json_get_bool(obj, "t", false));
    assert_true(mr_json_get_bool(obj, "i", true));
    assert_int_equal(mr_json_get_i64(obj, "i", 5), -12);
    assert_int_equal(mr_json_get_i64(obj, "d", 5), 5);
    assert_true(mr_json_get_double(obj, "d", 5) == 0.5);
    assert_true(mr_json_get_double(obj, "a", 5) == 5);
    assert_true(mr_json_is_number(mr_json_get(obj, "d")));
    assert_false(mr_json_is_number(mr_json_get(obj, "a")));
    assert_int_equal(mr_json_text(mr_json_get(obj, "t")).len, 0);
    assert_int_equal(mr_json_text(NULL).len, 0);
}

static void integers_may_be_written_as_decimals_when_they_are_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"1e3", 1000},
        {"1.0", 1},
        {"-0.0", 0},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775808", 77}, /* does not fit */
        {"1e400", 77},
        {"1.5", 77},
        {"\"1\"", 77},
        {"1.000000000000000000000000000000000000000000000000000000000000000000000", 1},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++)
        assert_true(mr_json_i64(parse(cases[i].text), 77) == cases[i].want);
    assert_int_equal(mr_json_i64(NULL, 77), 77);
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",        " ",      "{",        "{\"a\":1,}",  "[1,]",         "NaN", "Infinity", "-",
        "01",      "1.",     "nul",      "'a'",         "{a:1}",        "1 2", "[1]]",     "/**/1",
        "\"\\x\"", "\"\n\"", "\"\xff\"", "\"\\ud800\"", "\"\xc0\x80\"", "+1",  "{\"a\"}",  "[1 2]",
    };
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        if (parse(wrong[i]) != NULL)
            fail_msg("'%s' was taken", wrong[i]);
    }
    assert_null(mr_json_parse(&arena, (struct mr_slice){0}, 10));
    assert_null(mr_json_parse(&arena, MR_S("1\0"), 10));
}

static void depth_is_limited_and_brackets_in_strings_do_not_count(void **state)
{
    (void)state;
    assert_non_null(mr_json_parse(&arena, MR_S("[[[1]]]"), 3));
    assert_null(mr_json_parse(&arena, MR_S("[[[1]]]"), 2));
    assert_null(mr_json_parse(&arena, MR_S("[]"), 0));
    assert_non_null(mr_json_parse(&arena, MR_S("7"), 0));
    assert_non_null(mr_json_parse(&arena, MR_S("[[],[],[],{},[]]"), 2));
    assert_null(mr_json_parse(&arena, MR_S("[[],[],[],{},[{}]]"), 2));
    assert_non_null(mr_json_parse(&arena, MR_S("[[],[],\"[[[\\\"[[[\\\\\",[]]"), 2));
    assert_null(mr_json_parse(&arena, MR_S("[[],[],\"\\\\\",[[]]]"), 2));
}

static void a_million_brackets_neither_recurse_nor_pass(void **state)
{
    (void)state;
    size_t half = 500000;
    char *text = mr_malloc(2 * half);
    memset(text, '[', half);
    memset(text + half, ']', half);
    assert_null(mr_json_parse(&arena, mr_slice_make(text, 2 * half), SIZE_MAX));
    assert_null(mr_json_parse(&arena, mr_slice_make(text, half), 10));
    size_t at = half - MR_JSON_DEPTH_MAX; /* exactly as deep as is allowed */
    struct mr_slice deep = mr_slice_make(text + at, 2 * (size_t)MR_JSON_DEPTH_MAX);
    yyjson_val *value = mr_json_parse(&arena, deep, SIZE_MAX);
    assert_non_null(value);
    struct mr_json json = writer();
    mr_json_value(&json, value);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), deep));
    free(text);
}

static void the_writer_puts_commas_and_nothing_else(void **state)
{
    (void)state;
    struct mr_json json = writer();
    mr_json_object(&json);
    mr_json_key_string(&json, "a", MR_S("x"));
    mr_json_key(&json, "b");
    mr_json_array(&json);
    mr_json_int(&json, INT64_MIN);
    mr_json_int(&json, 0);
    mr_json_null(&json);
    mr_json_array(&json);
    mr_json_array_end(&json);
    mr_json_object(&json);
    mr_json_object_end(&json);
    mr_json_bool(&json, false);
    mr_json_array_end(&json);
    mr_json_name(&json, MR_S("q\"\n"));
    mr_json_raw(&json, MR_S("[1]"));
    mr_json_key_cstr(&json, "c", NULL);
    mr_json_key_bool(&json, "t", true);
    mr_json_key_int(&json, "i", 1);
    mr_json_key_number(&json, "n", 0.25);
    mr_json_key_timestamp(&json, "w", 1718000000120);
    mr_json_key_raw(&json, "r", MR_S("{}"));
    mr_json_key_raw(&json, "gone", MR_S(""));
    mr_json_key_value(&json, "gone", NULL);
    mr_json_key_value(&json, "gone", parse("null"));
    mr_json_key_value(&json, "v", parse("[1]"));
    mr_json_key(&json, "s");
    mr_json_base64(&json, MR_S("hello"));
    mr_json_object_end(&json);
    assert_int_equal(json.depth, 0);
    assert_written("{\"a\":\"x\",\"b\":[-9223372036854775808,0,null,[],{},false],\"q\\\"\\n\":[1],"
                   "\"c\":\"\",\"t\":true,\"i\":1,\"n\":0.25,\"w\":1718000000.12,\"r\":{},"
                   "\"v\":[1],\"s\":\"aGVsbG8=\"}");
}

static void timestamps_are_seconds_with_at_most_three_digits(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {1718000000123, "1718000000.123"},
        {1718000000120, "1718000000.12"},
        {1718000000100, "1718000000.1"},
        {1718000000000, "1718000000.0"},
        {1718000000003, "1718000000.003"},
        {1718000000030, "1718000000.03"},
        {0, "0.0"},
        {-5, "-0.005"},
        {-1500, "-1.5"},
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct mr_json json = writer();
        mr_json_timestamp(&json, cases[i].ms);
        assert_written(cases[i].want);
    }
}

static void doubles_are_short_and_read_back_the_same(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } cases[] = {
        {5, "5.0"},
        {0.1, "0.1"},
        {-0.0, "-0.0"},
        {1e21, "1e21"},
        {NAN, "\"NaN\""},
        {1e-7, "1e-7"},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
        {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        struct mr_json json = writer();
        mr_json_number(&json, cases[i].value);
        assert_written(cases[i].want);
    }
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 14);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = mr_rng_u64(&rng);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        struct mr_json json = writer();
        mr_json_number(&json, value);
        assert_true(buf.len <= 25);
        mr_buf_byte(&buf, '\0');
        double back = strtod(buf.data, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
    }
}

/* The oracle writes byte by byte. */
static void oracle_escape(struct mr_buf *out, struct mr_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        bool special = byte < 0x20 || byte == '"' || byte == '\\';
        const char *letter = special ? strchr("\bb\tt\nn\ff\rr\"\"\\\\", byte) : NULL;
        size_t step = mr_slice_utf8_next(mr_slice_sub(s, i, 4));
        if (byte == 0 || (byte < 0x20 && letter == NULL))
            mr_buf_printf(out, "\\u%04x", byte);
        else if (special)
            mr_buf_printf(out, "\\%c", letter[1]);
        else if (step == 0)
            mr_buf_append(out, MR_S("\xef\xbf\xbd"));
        else
            mr_buf_append(out, mr_slice_sub(s, i, step));
        i += step > 1 ? step - 1 : 0;
    }
}

/* The same text as a name, tagged, and behind a comma. */
static void assert_names_and_tags_hold(const struct mr_buf *text, const struct mr_buf *escaped)
{
    struct mr_json json = writer();
    mr_json_array(&json);
    mr_json_tagged(&json, 'S', mr_buf_slice(text));
    mr_json_object(&json);
    mr_json_name(&json, mr_buf_slice(text));
    mr_json_tagged(&json, 'N', MR_S("1"));
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    struct mr_buf want = {0};
    mr_buf_printf(&want, "[{\"S\":\"%.*s\"},{\"%.*s\":{\"N\":\"1\"}}]", (int)escaped->len,
                  escaped->data == NULL ? "" : escaped->data, (int)escaped->len,
                  escaped->data == NULL ? "" : escaped->data);
    assert_true(mr_slice_equal(mr_buf_slice(&buf), mr_buf_slice(&want)));
    mr_buf_fini(&want);
}

static void escaped_text_agrees_with_a_byte_by_byte_writer_and_parses(void **state)
{
    (void)state;
    static const char *const parts[] = {"plain text, longer than a word",
                                        "\"",
                                        "\\",
                                        "\n",
                                        "\x1f",
                                        "\xc3\xa9",
                                        "\xf0\x9f\x98\x80",
                                        "\xff",
                                        "\xe2\x82",
                                        "a",
                                        "/",
                                        "\x7f",
                                        "\xed\xa0\x80"};
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 15);
    struct mr_buf text = {0}, want = {0};
    for (int round = 0; round < 20000; round++) {
        mr_buf_reset(&text);
        mr_buf_reset(&want);
        for (uint64_t left = mr_rng_below(&rng, 8); left > 0; left--) {
            struct mr_slice part = mr_slice_cstr(parts[mr_rng_below(&rng, MR_COUNT(parts))]);
            mr_buf_append(&text, part);
            if (mr_rng_below(&rng, 20) == 0)
                mr_buf_byte(&text, '\0');
        }
        oracle_escape(&want, mr_buf_slice(&text));
        mr_buf_reset(&buf);
        mr_json_escape(&buf, mr_buf_slice(&text));
        if (!mr_slice_equal(mr_buf_slice(&buf), mr_buf_slice(&want)))
            fail_msg("seed 15, round %d: '%.*s'", round, (int)buf.len, buf.data);
        struct mr_json json = writer();
        mr_json_string(&json, mr_buf_slice(&text));
        yyjson_val *back = mr_json_parse(&arena, mr_buf_slice(&buf), 1);
        assert_non_null(back);
        if (mr_slice_is_utf8(mr_buf_slice(&text)))
            assert_true(mr_slice_equal(mr_json_text(back), mr_buf_slice(&text)));
        assert_names_and_tags_hold(&text, &want);
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&text);
    mr_buf_fini(&want);
}

/* A random document, written compactly, so that a copy of it is the same bytes. */
static void random_value(struct mr_rng *rng, struct mr_buf *out, int depth)
{
    uint64_t kind = mr_rng_below(rng, depth > 0 ? 8 : 6);
    static const char *const scalars[] = {
        "null", "true", "false", "\"a\\\"\\u0001b\"", "1234567890.12345678901234567890123456e+38",
        "-0"};
    if (kind < 6) {
        mr_buf_append(out, mr_slice_cstr(scalars[kind]));
        return;
    }
    mr_buf_byte(out, kind == 6 ? '[' : '{');
    for (uint64_t n = 0, count = mr_rng_below(rng, 5); n < count; n++) {
        if (n > 0)
            mr_buf_byte(out, ',');
        if (kind == 7)
            mr_buf_printf(out, "\"k%d\":", (int)n);
        random_value(rng, out, depth - 1);
    }
    mr_buf_byte(out, kind == 6 ? ']' : '}');
}

static void copies_of_parsed_documents_are_the_same_bytes(void **state)
{
    (void)state;
    struct mr_rng rng;
    mr_rng_init_seed(&rng, 16);
    struct mr_buf text = {0};
    for (int round = 0; round < 5000; round++) {
        mr_buf_reset(&text);
        random_value(&rng, &text, 8);
        yyjson_val *value = mr_json_parse(&arena, mr_buf_slice(&text), 8);
        assert_non_null(value);
        struct mr_json json = writer();
        mr_json_value(&json, value);
        if (!mr_slice_equal(mr_buf_slice(&buf), mr_buf_slice(&text)))
            fail_msg("seed 16, round %d: '%.*s'", round, (int)text.len, text.data);
        mr_arena_reset(&arena);
    }
    mr_buf_fini(&text);
}

static void a_part_of_a_document_is_copied_without_what_follows_it(void **state)
{
    (void)state;
    yyjson_val *obj = parse("{\"Item\":{\"id\":{\"N\":\"1\"},\"l\":[[],{}]},\"Next\":[1,2]}");
    struct mr_json json = writer();
    mr_json_array(&json);
    mr_json_value(&json, mr_json_get(obj, "Item"));
    mr_json_value(&json, mr_json_get(obj, "Next"));
    mr_json_array_end(&json);
    assert_written("[{\"id\":{\"N\":\"1\"},\"l\":[[],{}]},[1,2]]");
}

static void a_member_that_is_not_known_is_named(void **state)
{
    static const char *const known[] = {"Sid", "Effect"};
    struct mr_slice other = {0};
    (void)state;
    assert_false(mr_json_has_other(NULL, known, 2, &other));
    assert_false(mr_json_has_other(mr_json_parse(&arena, MR_S("[1]"), 4), known, 2, &other));
    assert_false(mr_json_has_other(mr_json_parse(&arena, MR_S("{}"), 4), known, 2, &other));
    assert_false(mr_json_has_other(mr_json_parse(&arena, MR_S("{\"Effect\":1,\"Sid\":2}"), 4),
                                   known, 2, &other));
    assert_true(mr_json_has_other(mr_json_parse(&arena, MR_S("{\"Sid\":1,\"sid\":2,\"x\":3}"), 4),
                                  known, 2, &other));
    assert_true(mr_slice_equal(other, MR_S("sid")));
}

int main(void)
{
#define JSON_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        JSON_TEST(members_are_found_and_null_counts_as_absent),
        JSON_TEST(integers_may_be_written_as_decimals_when_they_are_whole),
        JSON_TEST(what_is_not_json_is_refused),
        JSON_TEST(depth_is_limited_and_brackets_in_strings_do_not_count),
        JSON_TEST(a_million_brackets_neither_recurse_nor_pass),
        JSON_TEST(the_writer_puts_commas_and_nothing_else),
        JSON_TEST(timestamps_are_seconds_with_at_most_three_digits),
        JSON_TEST(doubles_are_short_and_read_back_the_same),
        JSON_TEST(escaped_text_agrees_with_a_byte_by_byte_writer_and_parses),
        JSON_TEST(copies_of_parsed_documents_are_the_same_bytes),
        JSON_TEST(a_part_of_a_document_is_copied_without_what_follows_it),
        JSON_TEST(a_member_that_is_not_known_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
