/* Paths into events, and what a pipe's document may ask for. */
#include "pipes/internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct mr_slice event =
    MR_S_INIT("{\"eventID\":\"0f\",\"dynamodb\":{\"Keys\":{\"id\":{\"N\":\"7\"}},\"Size\":47,"
              "\"list\":[{\"x\":\"first\"},{\"x\":true}]}}");

static void expect(const char *path, const char *text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct mr_slice got = {0};
    const enum mr_status status = pipe_path_text(&arena, mr_slice_cstr(path), event, &got);
    if (text == NULL) {
        assert_int_equal(status, MR_NOT_FOUND);
    } else {
        assert_int_equal(status, MR_OK);
        assert_true(mr_slice_equal(got, mr_slice_cstr(text)));
    }
    mr_arena_fini(&arena);
}

static void a_path_finds_strings_numbers_and_list_members(void **state)
{
    (void)state;
    expect("$.eventID", "0f");
    expect("$.dynamodb.Keys.id.N", "7");
    expect("$.dynamodb.Size", "47");
    expect("$.dynamodb.list[0].x", "first");
    expect("$.dynamodb.list[1].x", "true");
}

static void a_path_that_yields_no_scalar_is_not_found(void **state)
{
    (void)state;
    expect("$.nothing", NULL);
    expect("$.dynamodb.Keys", NULL);
    expect("$.dynamodb.list[2].x", NULL);
    expect("$.eventID.deeper", NULL);
}

static void malformed_paths_are_told_apart(void **state)
{
    (void)state;
    assert_true(pipe_path_is_valid(MR_S("$.a.b[0].c")));
    assert_false(pipe_path_is_valid(MR_S("$")));
    assert_false(pipe_path_is_valid(MR_S("$.a..b")));
    assert_false(pipe_path_is_valid(MR_S("$.a[x]")));
    assert_false(pipe_path_is_valid(MR_S("$.a[0")));
    assert_false(pipe_path_is_valid(MR_S("a.b")));
}

#define DOCUMENT(extra)                                                                         \
    "{\"Source\":\"arn:aws:dynamodb:us-east-1:0:table/T/stream/L\","                            \
    "\"Target\":\"arn:aws:kinesis:us-east-1:0:stream/S\","                                      \
    "\"SourceParameters\":{\"DynamoDBStreamParameters\":{\"StartingPosition\":\"LATEST\"}},"    \
    "\"TargetParameters\":{\"KinesisStreamParameters\":{\"PartitionKey\":\"$.eventID\"}}" extra \
    "}"

static void a_document_is_read_with_defaults_and_the_unsupported_is_refused(void **state)
{
    (void)state;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct pipe_config config;
    char message[256];
    yyjson_val *doc = mr_json_parse(&arena, MR_S(DOCUMENT("")), 16);
    assert_int_equal(pipe_config_read(&arena, doc, &config, message), MR_OK);
    assert_true(config.latest);
    assert_int_equal(config.batch_size, 100);
    assert_int_equal(config.retries, -1);
    doc = mr_json_parse(&arena, MR_S(DOCUMENT(",\"Enrichment\":\"arn:x\"")), 16);
    assert_int_equal(pipe_config_read(&arena, doc, &config, message), MR_INVALID);
    assert_string_equal(message, "Enrichment is not supported by millrace.");
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_strings_numbers_and_list_members),
        cmocka_unit_test(a_path_that_yields_no_scalar_is_not_found),
        cmocka_unit_test(malformed_paths_are_told_apart),
        cmocka_unit_test(a_document_is_read_with_defaults_and_the_unsupported_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
