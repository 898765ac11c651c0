/* lambda.h without a network: base64, JSON read and written, Firehose's event and answer. What it
 * does on the wire is tested by test_c_bootstrap.py. */
#include <millrace/lambda.h>
#include <setjmp.h>
#include <cmocka.h>

static struct lambda_slice text(const char *c_text)
{
    return lambda_slice_text(c_text);
}

/* Fails with both texts when they differ; empties the buffer. */
static void expect(struct lambda_buffer *got, const char *wanted)
{
    lambda_buffer_add_byte(got, '\0');
    assert_string_equal(got->ptr, wanted);
    lambda_buffer_reset(got);
}

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void base64_writes_the_texts_of_the_rfc_and_reads_them_back(void **state)
{
    static const char *const pair[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    struct lambda_buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        lambda_base64_encode(&out, text(pair[i][0]));
        expect(&out, pair[i][1]);
        assert_true(lambda_base64_decode(&out, text(pair[i][1])));
        expect(&out, pair[i][0]);
    }
    lambda_buffer_fini(&out);
}

static void base64_of_any_bytes_comes_back(void **state)
{
    struct lambda_buffer coded = {0}, plain = {0};
    const uint32_t seed = 20251122;
    uint32_t random = seed;
    (void)state;
    for (size_t len = 0; len < 300; len++) {
        char bytes[300];
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(unsigned char)draw(&random);
        lambda_buffer_reset(&coded);
        lambda_buffer_reset(&plain);
        lambda_base64_encode(&coded, lambda_slice_between(bytes, bytes + len));
        assert_true(lambda_base64_decode(&plain, lambda_buffer_slice(&coded)));
        if (!lambda_slice_equal(lambda_buffer_slice(&plain),
                                lambda_slice_between(bytes, bytes + len)))
            fail_msg("seed %u, %zu bytes: they came back otherwise", seed, len);
    }
    lambda_buffer_fini(&coded);
    lambda_buffer_fini(&plain);
}

static void base64_that_is_broken_adds_nothing(void **state)
{
    static const char *const bad[] = {"Z",     "Zg",   "Zg=",      "====", "=m9v",
                                      "Zm9v!", "Z===", "Zg==Zg==", "Zm-v", "Zm9\xe4"};
    struct lambda_buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (lambda_base64_decode(&out, text(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(out.len, 0);
    }
    lambda_buffer_fini(&out);
}

static void json_is_valid_as_the_grammar_says(void **state)
{
    static const char *const good[] = {
        "0",
        "-0",
        "10.25",
        "1e9",
        "-1.5E-7",
        "true",
        "false",
        "null",
        "\"\"",
        " [ ] ",
        "{}",
        "[1,2,[3,{\"a\":null}]]",
        "{\"a\":1,\"b\":[true]}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "\r\n\t {\"a\" : 1 , \"b\" : 2 }\n",
        "\"\x7f\"",
        "\"\\ud800\"",
    };
    static const char *const bad[] = {
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "tru",
        "nulls",
        "True",
        "NaN",
        "'a'",
        "\"",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u123\"",
        "\"a\nb\"",
        "\"\x1f\"",
        "\"\xc3\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xff\"",
        "\"\xe2\x82\"",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "[] []",
        "\xef\xbb\xbf{}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!lambda_json_valid(text(good[i])))
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (lambda_json_valid(text(bad[i])))
            fail_msg("taken: %s", bad[i]);
    }
}

static void json_nests_as_deep_as_the_limit_and_no_deeper(void **state)
{
    char deep[2 * LAMBDA_JSON_DEPTH_MAX + 2];
    const size_t most = LAMBDA_JSON_DEPTH_MAX;
    (void)state;
    memset(deep, '[', most + 1);
    memset(deep + most + 1, ']', most + 1);
    assert_false(lambda_json_valid(lambda_slice_between(deep, deep + 2 * most + 2)));
    assert_true(lambda_json_valid(lambda_slice_between(deep + 1, deep + 2 * most + 1)));
}

/* Goal: no byte outside of the text is read, whatever it breaks off at (the sanitizer watches). */
static void json_that_breaks_off_is_not_valid_and_can_still_be_asked(void **state)
{
    static const char whole[] = "{\"a\\u00e9\":[1.5e3,\"x\\ud83d\\ude00\xc3\xa9\",{\"b\":null}],"
                                "\"deep\":{\"er\":[true,false]},\"end\":\"last value\"}";
    struct lambda_buffer out = {0};
    (void)state;
    assert_true(lambda_json_valid(text(whole)));
    for (size_t len = 0; len + 1 < sizeof whole; len++) {
        char *cut =
            (char *)malloc(len == 0 ? 1 : len); /* its own block, so that ASan sees the end */
        struct lambda_slice part = lambda_slice_between(cut, cut + len), value;
        memcpy(cut, whole, len);
        assert_false(lambda_json_valid(part));
        assert_false(lambda_json_find(part, "nothing", &value));
        if (lambda_json_find(part, "deep.er.1", &value))
            assert_true(lambda_json_kind(value) == LAMBDA_JSON_BOOL);
        if (lambda_json_find(part, "end", &value))
            assert_true(lambda_json_unescape(value, &out));
        free(cut);
    }
    lambda_buffer_fini(&out);
}

static void a_path_finds_members_and_elements(void **state)
{
    static const char json[] =
        " {\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"d.e\":1,\"\\u0066\":2,\"\":3} ";
    struct lambda_slice value = text("untouched");
    (void)state;
    assert_true(lambda_json_find(text(json), "a.b.0", &value));
    assert_true(lambda_slice_equal(value, text("10")));
    assert_true(lambda_json_find(text(json), "a.b.1.c", &value));
    assert_true(lambda_json_equals(value, text("x")));
    assert_true(lambda_json_find(text(json), "f", &value));
    assert_true(lambda_slice_equal(value, text("2")));
    assert_true(lambda_json_member(text(json), text("d.e"), &value));
    assert_true(lambda_slice_equal(value, text("1")));
    assert_true(lambda_json_find(text(json), "", &value));
    assert_true(lambda_slice_equal(value, text("3")));
    assert_false(lambda_json_find(text(json), "a.b.2", &value));
    assert_false(lambda_json_find(text(json), "a.b.x", &value));
    assert_false(lambda_json_find(text(json), "a.b.0.c", &value));
    assert_false(lambda_json_find(text(json), "g", &value));
    assert_true(lambda_slice_equal(value, text("3"))); /* untouched by what was not found */
}

static void a_walk_gives_each_member_in_order(void **state)
{
    struct lambda_json_walk walk =
        lambda_json_enter(text("{\"a\" : 1 , \"b\\\\\" :[2], \"c\":{} }"));
    struct lambda_buffer seen = {0};
    (void)state;
    while (lambda_json_next(&walk)) {
        lambda_buffer_add(&seen, walk.name);
        lambda_buffer_add(&seen, walk.value);
        lambda_buffer_add_byte(&seen, ' ');
    }
    expect(&seen, "\"a\"1 \"b\\\\\"[2] \"c\"{} ");
    walk = lambda_json_enter(text("[1,\"x\",null]"));
    while (lambda_json_next(&walk)) {
        assert_int_equal(walk.name.len, 0);
        lambda_buffer_add(&seen, walk.value);
    }
    expect(&seen, "1\"x\"null");
    walk = lambda_json_enter(text("17"));
    assert_false(lambda_json_next(&walk));
    assert_false(lambda_json_next(&walk));
    lambda_buffer_fini(&seen);
}

static void strings_are_unescaped_and_written_in_their_shortest_form(void **state)
{
    static const char json[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\\u007f\\u00e9\\ud83d\\ude00\"";
    struct lambda_buffer out = {0};
    (void)state;
    assert_true(lambda_json_unescape(text(json), &out));
    expect(&out, "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80");
    assert_true(lambda_json_copy_string(&out, text(json)));
    expect(&out, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\xf0\x9f\x98\x80\"");
    assert_true(lambda_json_copy_string(&out, text("\"plain\"")));
    expect(&out, "\"plain\"");
    assert_true(lambda_json_equals(text("\"\\u0053\""), text("S")));
    assert_false(lambda_json_equals(text("\"\\u0053\""), text("s")));
    assert_false(lambda_json_equals(text("\"S\""), text("SS")));
    assert_false(lambda_json_equals(text("\"\\/\""), text("\\/")));
    lambda_buffer_fini(&out);
}

static void half_a_surrogate_pair_is_no_text(void **state)
{
    static const char *const bad[] = {
        "\"a\\ud800\"", "\"\\udc00\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"",
        "17",           "\""};
    struct lambda_buffer out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(lambda_json_unescape(text(bad[i]), &out));
        assert_false(lambda_json_copy_string(&out, text(bad[i])));
        assert_int_equal(out.len, 0);
    }
    lambda_buffer_fini(&out);
}

static void a_text_of_any_ascii_is_the_same_after_writing_and_reading(void **state)
{
    struct lambda_buffer json = {0}, plain = {0};
    const uint32_t seed = 20251123;
    uint32_t random = seed;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        size_t len = draw(&random) % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(draw(&random) % 128);
        lambda_buffer_reset(&json);
        lambda_buffer_reset(&plain);
        lambda_json_write_string(&json, lambda_slice_between(bytes, bytes + len));
        if (!lambda_json_valid(lambda_buffer_slice(&json)) ||
            !lambda_json_unescape(lambda_buffer_slice(&json), &plain) ||
            !lambda_slice_equal(lambda_buffer_slice(&plain),
                                lambda_slice_between(bytes, bytes + len)))
            fail_msg("seed %u, round %d: %.*s", seed, round, (int)json.len, json.ptr);
    }
    lambda_buffer_fini(&json);
    lambda_buffer_fini(&plain);
}

static void whole_numbers_are_read_up_to_their_limits(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "1.0",
                                      "1e3",
                                      "9223372036854775808",
                                      "x",
                                      "-9223372036854775809",
                                      "\"1\"",
                                      "18446744073709551616"};
    int64_t number = 7;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(lambda_json_int(text(bad[i]), &number));
    assert_int_equal(number, 7);
    assert_true(lambda_json_int(text("9223372036854775807"), &number));
    assert_true(number == INT64_MAX);
    assert_true(lambda_json_int(text("-9223372036854775808"), &number));
    assert_true(number == INT64_MIN);
    assert_true(lambda_json_int(text("-0"), &number));
    assert_int_equal(number, 0);
}

static void numbers_are_read_as_doubles(void **state)
{
    double number = 7;
    (void)state;
    assert_true(lambda_json_double(text("-1.25e2"), &number));
    assert_true(number == -125.0);
    assert_false(lambda_json_double(text("1.2x"), &number));
    assert_false(lambda_json_double(text("\"1\""), &number));
    assert_false(lambda_json_double(text(""), &number));
    assert_true(lambda_json_is_number(text("1.718E9")));
    assert_false(lambda_json_is_number(text(" 1")));
    assert_false(lambda_json_is_number(text("1 ")));
}

/* Upper-cases; drops "drop", refuses "bad". */
static enum lambda_record_result shout(const struct lambda_record *in, struct lambda_buffer *out,
                                       void *user)
{
    (*(int *)user)++;
    assert_int_equal(out->len, 0);
    if (lambda_slice_equal(in->data, text("drop")))
        return LAMBDA_RECORD_DROPPED;
    for (size_t i = 0; i < in->data.len; i++)
        lambda_buffer_add_byte(out, in->data.ptr[i] == 'a' ? 'A' : in->data.ptr[i]);
    return lambda_slice_equal(in->data, text("bad")) ? LAMBDA_RECORD_FAILED : LAMBDA_RECORD_OK;
}

static void firehose_gets_each_record_once_and_in_order(void **state)
{
    static const char event[] =
        "{\"invocationId\":\"i\",\"records\":["
        "{\"recordId\":\"1\",\"approximateArrivalTimestamp\":5,\"data\":\"YWJh\"},"
        "{\"data\":\"ZHJvcA==\",\"recordId\":\"2\"},"
        "{\"recordId\":\"3\",\"data\":\"YmFk\",\"kinesisRecordMetadata\":{\"shardId\":\"s\"}},"
        "{\"recordId\":\"4\",\"data\":\"not base64\"},"
        "{\"recordId\":\"5\",\"data\":\"Pz8\\/\"},"
        "{\"recordId\":\"6\",\"data\":\"\"}]}";
    int calls = 0;
    struct lambda_firehose firehose = {shout, &calls, {0}, {0}};
    struct lambda_context context = {0};
    struct lambda_buffer reply = {0};
    (void)state;
    assert_true(lambda_firehose_answer(text(event), &reply, &context, &firehose));
    expect(&reply, "{\"records\":["
                   "{\"recordId\":\"1\",\"result\":\"Ok\",\"data\":\"QWJB\"},"
                   "{\"recordId\":\"2\",\"result\":\"Dropped\",\"data\":\"\"},"
                   "{\"recordId\":\"3\",\"result\":\"ProcessingFailed\",\"data\":\"YmFk\"},"
                   "{\"recordId\":\"4\",\"result\":\"ProcessingFailed\",\"data\":\"not base64\"},"
                   "{\"recordId\":\"5\",\"result\":\"Ok\",\"data\":\"Pz8/\"},"
                   "{\"recordId\":\"6\",\"result\":\"Ok\",\"data\":\"\"}]}");
    assert_int_equal(calls, 5); /* what is not base64 does not reach the transform */
    assert_true(lambda_firehose_answer(text("{\"records\":[]}"), &reply, &context, &firehose));
    expect(&reply, "{\"records\":[]}");
    lambda_buffer_fini(&reply);
    lambda_firehose_fini(&firehose);
    lambda_firehose_fini(&firehose);
}

static enum lambda_record_result check_record(const struct lambda_record *in,
                                              struct lambda_buffer *out, void *user)
{
    struct lambda_slice key;
    (void)out;
    (void)user;
    assert_true(lambda_slice_equal(in->id, text("49")));
    assert_true(in->arrival_ms == 1718000000123);
    assert_true(lambda_json_find(in->metadata, "partitionKey", &key));
    assert_true(lambda_json_equals(key, text("o\xc3\xa9")));
    return LAMBDA_RECORD_OK;
}

static void a_record_brings_its_id_time_and_metadata(void **state)
{
    static const char event[] =
        "{\"records\":[{\"recordId\":\"49\",\"approximateArrivalTimestamp\":1718000000123,"
        "\"data\":\"\",\"kinesisRecordMetadata\":{\"partitionKey\":\"o\\u00e9\"}}]}";
    struct lambda_firehose firehose = {check_record, NULL, {0}, {0}};
    struct lambda_context context = {0};
    struct lambda_buffer reply = {0};
    (void)state;
    assert_true(lambda_firehose_answer(text(event), &reply, &context, &firehose));
    lambda_buffer_fini(&reply);
    lambda_firehose_fini(&firehose);
}

static void an_event_that_is_not_firehoses_is_refused_with_a_reason(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"records\":{}}",
        "{\"records\":[1]}",
        "{\"records\":[{\"recordId\":\"1\"}]}",
        "{\"records\":[{\"data\":\"\"}]}",
        "{\"records\":[{\"recordId\":1,\"data\":\"\"}]}",
        "{\"records\":[{\"recordId\":\"1\",\"data\":null}]}",
    };
    int calls = 0;
    struct lambda_firehose firehose = {shout, &calls, {0}, {0}};
    struct lambda_buffer reply = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct lambda_context context = {0};
        if (lambda_firehose_answer(text(bad[i]), &reply, &context, &firehose))
            fail_msg("taken: %s", bad[i]);
        assert_string_equal(context.error_type, "Firehose.BadEvent");
        assert_true(context.error_message[0] != '\0');
    }
    assert_int_equal(calls, 0);
    lambda_buffer_fini(&reply);
    lambda_firehose_fini(&firehose);
}

static void a_long_error_message_is_cut(void **state)
{
    struct lambda_context context = {0};
    char longest[3000];
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(lambda_fail(&context, longest, "%s", longest));
    assert_int_equal(strlen(context.error_type), sizeof context.error_type - 1);
    assert_int_equal(strlen(context.error_message), sizeof context.error_message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_writes_the_texts_of_the_rfc_and_reads_them_back),
        cmocka_unit_test(base64_of_any_bytes_comes_back),
        cmocka_unit_test(base64_that_is_broken_adds_nothing),
        cmocka_unit_test(json_is_valid_as_the_grammar_says),
        cmocka_unit_test(json_nests_as_deep_as_the_limit_and_no_deeper),
        cmocka_unit_test(json_that_breaks_off_is_not_valid_and_can_still_be_asked),
        cmocka_unit_test(a_path_finds_members_and_elements),
        cmocka_unit_test(a_walk_gives_each_member_in_order),
        cmocka_unit_test(strings_are_unescaped_and_written_in_their_shortest_form),
        cmocka_unit_test(half_a_surrogate_pair_is_no_text),
        cmocka_unit_test(a_text_of_any_ascii_is_the_same_after_writing_and_reading),
        cmocka_unit_test(whole_numbers_are_read_up_to_their_limits),
        cmocka_unit_test(numbers_are_read_as_doubles),
        cmocka_unit_test(firehose_gets_each_record_once_and_in_order),
        cmocka_unit_test(a_record_brings_its_id_time_and_metadata),
        cmocka_unit_test(an_event_that_is_not_firehoses_is_refused_with_a_reason),
        cmocka_unit_test(a_long_error_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
