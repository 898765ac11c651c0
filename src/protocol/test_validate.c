#include "protocol/pattern.h"
#include "protocol/test_support.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void run(struct protocol_call *call)
{
    (void)call;
}

static const struct protocol_handler dynamodb[] = {
    {.operation = "CreateTable", .run = run},
    {.operation = "PutItem", .run = run},
    {.operation = "ListTables", .run = run},
    {.operation = "ExecuteStatement", .run = run, .flags = PROTOCOL_NO_VALIDATE},
};
static const struct protocol_handler kinesis[] = {
    {.operation = "CreateStream", .run = run},
    {.operation = "PutRecord", .run = run},
    {.operation = "RemoveTagsFromStream", .run = run},
    {.operation = "AddTagsToStream", .run = run},
};
static const struct protocol_handler firehose[] = {
    {.operation = "CreateDeliveryStream", .run = run},
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "dynamodb", dynamodb, MR_COUNT(dynamodb), NULL);
    protocol_register(protocol, "kinesis", kinesis, MR_COUNT(kinesis), NULL);
    protocol_register(protocol, "firehose", firehose, MR_COUNT(firehose), NULL);
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    return 0;
}

static struct mr_arena arena;

static struct mr_slice message(void *state, const char *service, const char *operation,
                               const char *input)
{
    struct protocol_result result;
    mr_arena_reset(&arena);
    assert_int_equal(protocol_invoke(state, &arena, service, operation, mr_slice_cstr(input),
                                     (struct mr_slice){0}, &result),
                     MR_OK);
    return result.message;
}

static void required_and_ranges_are_joined(void **state)
{
    assert_slice(message(*state, "kinesis", "CreateStream", "{\"ShardCount\":0}"),
                 "2 validation errors detected: Value null at 'streamName' failed to satisfy "
                 "constraint: Member must not be null; Value '0' at 'shardCount' failed to satisfy "
                 "constraint: Member must have value greater than or equal to 1");
}

static void numbers_beyond_64_bits_are_told_on_the_right_side(void **state)
{
    assert_slice(
        message(*state, "kinesis", "CreateStream", "{\"StreamName\":\"a\",\"ShardCount\":1e400}"),
        "1 validation error detected: Value '1e400' at 'shardCount' failed to satisfy "
        "constraint: Member must have value less than or equal to 9223372036854775807");
    assert_slice(
        message(*state, "kinesis", "CreateStream", "{\"StreamName\":\"a\",\"ShardCount\":-1e20}"),
        "1 validation error detected: Value '-1e20' at 'shardCount' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1");
}

static void patterns_come_before_lengths(void **state)
{
    assert_slice(message(*state, "kinesis", "CreateStream", "{\"StreamName\":\"\"}"),
                 "2 validation errors detected: Value '' at 'streamName' failed to satisfy "
                 "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
                 "Value '' at 'streamName' failed to satisfy constraint: Member must have length "
                 "greater than or equal to 1");
    assert_slice(message(*state, "kinesis", "CreateStream", "{\"StreamName\":\"a b\"}"),
                 "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy "
                 "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
    assert_slice(message(*state, "kinesis", "CreateStream", "{\"StreamName\":\"a-b_c.9\"}"), "");
}

static void elements_are_told_as_constraints_of_their_list_or_map(void **state)
{
    assert_slice(
        message(*state, "kinesis", "RemoveTagsFromStream",
                "{\"StreamName\":\"a\",\"TagKeys\":[\"x\",\"\"]}"),
        "1 validation error detected: Value '[x, ]' at 'tagKeys' failed to satisfy "
        "constraint: Member must satisfy constraint: [Member must have length less than or "
        "equal to 128, Member must have length greater than or equal to 1]");
    assert_slice(message(*state, "kinesis", "AddTagsToStream",
                         "{\"StreamName\":\"a\",\"Tags\":{\"\":\"x\"}}"),
                 "1 validation error detected: Value '{=x}' at 'tags' failed to satisfy "
                 "constraint: Map keys must satisfy constraint: [Member must have length less than "
                 "or equal to 128, Member must have length greater than or equal to 1]");
}

static void nested_paths_count_from_one(void **state)
{
    assert_slice(
        message(*state, "dynamodb", "CreateTable",
                "{\"TableName\":\"abc\",\"AttributeDefinitions\":[],\"KeySchema\":[{\"KeyType\":"
                "\"HASHY\"}]}"),
        "2 validation errors detected: Value null at 'keySchema.1.member.attributeName' failed to "
        "satisfy constraint: Member must not be null; Value 'HASHY' at "
        "'keySchema.1.member.keyType' failed to satisfy constraint: Member must satisfy enum value "
        "set: [HASH, RANGE]");
}

static void firehose_keeps_the_value_to_itself(void **state)
{
    assert_slice(
        message(*state, "firehose", "CreateDeliveryStream",
                "{\"DeliveryStreamName\":\"a\",\"ExtendedS3DestinationConfiguration\":{"
                "\"RoleARN\":\"arn:aws:iam::000000000000:role/r\",\"BucketARN\":\"arn:aws:"
                "s3:::b\",\"CompressionFormat\":\"zip\"}}"),
        "1 validation error detected: Value at "
        "'extendedS3DestinationConfiguration.compressionFormat' failed to satisfy "
        "constraint: Member must satisfy enum value set: [UNCOMPRESSED, GZIP, ZIP, Snappy, "
        "HADOOP_SNAPPY]");
}

static void dynamodb_looks_at_the_table_name_first(void **state)
{
    assert_slice(message(*state, "dynamodb", "CreateTable", "{\"KeySchema\":[]}"),
                 "The parameter 'TableName' is required but was not present in the request");
    assert_slice(message(*state, "dynamodb", "CreateTable", "{\"TableName\":\"ab\"}"),
                 "TableName must be at least 3 characters long and at most 255 characters long");
    assert_slice(message(*state, "dynamodb", "PutItem", "{\"Item\":{}}"),
                 "1 validation error detected: Value null at 'tableName' failed to satisfy "
                 "constraint: Member must not be null");
    assert_slice(message(*state, "dynamodb", "PutItem", "{\"TableName\":\"abc\"}"),
                 "1 validation error detected: Value null at 'item' failed to satisfy constraint: "
                 "Member must not be null");
}

static void no_more_than_ten_errors_are_told(void **state)
{
    const struct mr_slice text =
        message(*state, "dynamodb", "CreateTable",
                "{\"TableName\":\"abc\",\"AttributeDefinitions\":[{},{},{},{},{},{},{},{},{}]}");
    assert_true(mr_slice_starts_with(text, MR_S("10 validation errors detected: ")));
}

static void a_handler_may_check_for_itself(void **state)
{
    assert_slice(message(*state, "dynamodb", "ExecuteStatement", "{}"), "");
}

static bool fits(const char *source, const char *text)
{
    struct pattern *pattern = pattern_new(mr_slice_cstr(source));
    const bool matched = pattern_matches(pattern, mr_slice_cstr(text));
    pattern_free(pattern);
    return matched;
}

static void a_text_that_is_no_utf8_is_matched_within_its_bounds(void **state)
{
    (void)state;
    const struct mr_slice whole = MR_S("a\x9f\x9f\x9f\x9f\xc3\xa4\xe2\x82");
    struct pattern *a = pattern_new(MR_S(".*a.*")), *eight = pattern_new(MR_S(".{8}"));
    assert_true(pattern_matches(a, whole));
    assert_false(pattern_matches(a, mr_slice_sub(whole, 1, SIZE_MAX)));
    assert_true(pattern_matches(eight, whole)); /* what is none counts by the byte */
    pattern_free(a);
    pattern_free(eight);
}

static void patterns_match_whole_texts(void **state)
{
    (void)state;
    assert_true(fits("[a-zA-Z0-9_.-]+", "a-b_c.9"));
    assert_false(fits("[a-zA-Z0-9_.-]+", "a b"));
    assert_true(fits("arn:(aws|aws-cn):s3:::\\w{2,4}", "arn:aws-cn:s3:::abcd"));
    assert_false(fits("arn:(aws|aws-cn):s3:::\\w{2,4}", "arn:aws:s3:::abcde"));
    assert_true(fits("(a|b)*c", "ababc"));
    assert_false(fits("(a|b)*c", "abab"));
    assert_true(fits("(?!aws:)[\\w:]+", "my:tag"));
    assert_false(fits("(?!aws:)[\\w:]+", "aws:tag"));
    assert_true(fits("([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)", "Grö ße=1"));
    assert_true(fits("^(([a-z]){1,3}-)+\\d+$", "us-east-1"[0] ? "us-abc-1" : ""));
    assert_true(fits("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\r\\n\\t]*",
                     "x\xf0\x9f\x98\x80y"));
    assert_true(fits("", ""));
    assert_true(fits("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")); /* too hard: let through */
    assert_true(fits("(a)\\1", "zzz"));                               /* cannot be compiled */
    assert_true(fits("^arn:aws", "arn:aws:more"));
    assert_false(fits("[^/]+", "a/b"));
    assert_true(fits("(a?){3}b", "aab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_and_ranges_are_joined),
        cmocka_unit_test(numbers_beyond_64_bits_are_told_on_the_right_side),
        cmocka_unit_test(patterns_come_before_lengths),
        cmocka_unit_test(elements_are_told_as_constraints_of_their_list_or_map),
        cmocka_unit_test(nested_paths_count_from_one),
        cmocka_unit_test(firehose_keeps_the_value_to_itself),
        cmocka_unit_test(dynamodb_looks_at_the_table_name_first),
        cmocka_unit_test(no_more_than_ten_errors_are_told),
        cmocka_unit_test(a_handler_may_check_for_itself),
        cmocka_unit_test(a_text_that_is_no_utf8_is_matched_within_its_bounds),
        cmocka_unit_test(patterns_match_whole_texts),
    };
    const int failed = cmocka_run_group_tests(tests, setup, teardown);
    mr_arena_fini(&arena);
    return failed;
}
