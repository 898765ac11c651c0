#include "protocol/test_support.h"
#include "base/codec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};
static const struct protocol_fault canceled = {"TransactionCanceledException", 400, false};

static void put_item(struct protocol_call *call)
{
    mr_json_key_string(&call->out, "Saw", mr_json_get_text(call->in, "TableName"));
    call->ticket = 42;
}

static void get_item(struct protocol_call *call)
{
    mr_json_key_string(&call->out, "Half", MR_S("written"));
    protocol_fail(call, &not_found, "Requested resource %s", "not found");
    protocol_fail(call, &canceled, "a second fault changes nothing");
}

static void transact(struct protocol_call *call)
{
    protocol_fail_member(call, "CancellationReasons", MR_S("[{\"Code\":\"None\"}]"));
    protocol_fail(call, &canceled, "cancelled");
}

static void breaks(struct protocol_call *call)
{
    protocol_fail_internal(call, MR_FAIL_IO);
}

static void nothing(struct protocol_call *call)
{
    (void)call;
}

static const struct protocol_handler dynamodb[] = {
    {.operation = "PutItem", .run = put_item, .flags = PROTOCOL_INLINE},
    {.operation = "GetItem", .run = get_item},
    {.operation = "TransactWriteItems", .run = transact},
    {.operation = "Query", .run = breaks},
    {.operation = "TagResource", .run = nothing},
    {.operation = "BatchWriteItem", .run = nothing},
};
static const struct protocol_handler kinesis[] = {
    {.operation = "CreateStream", .run = nothing},
    {.operation = "PutRecord", .run = nothing},
};

static int setup(void **state)
{
    struct protocol *protocol = test_protocol_new();
    protocol_register(protocol, "dynamodb", dynamodb, MR_COUNT(dynamodb), NULL);
    protocol_register(protocol, "kinesis", kinesis, MR_COUNT(kinesis), NULL);
    *state = protocol;
    return 0;
}

static int teardown(void **state)
{
    test_protocol_free(*state);
    return 0;
}

static void a_handler_answers_with_headers_of_dynamodb(void **state)
{
    const struct test_reply *reply =
        test_json(*state, "DynamoDB_20120810.PutItem",
                  "{\"TableName\":\"orders\",\"Item\":{\"id\":{\"S\":\"1\"}}}");
    assert_int_equal(reply->status, 200);
    assert_body(reply, "{\"Saw\":\"orders\"}");
    assert_int_equal(reply->ticket, 42);
    assert_slice(test_reply_header("content-type"), "application/x-amz-json-1.0");
    assert_int_equal(test_reply_header("x-amzn-requestid").len, 52);
    char crc[16];
    snprintf(crc, sizeof(crc), "%u", mr_crc32(0, reply->body));
    assert_slice(test_reply_header("x-amz-crc32"), crc);
}

static void a_fault_replaces_what_was_written(void **state)
{
    const struct test_reply *reply =
        test_json(*state, "DynamoDB_20120810.GetItem", "{\"TableName\":\"orders\",\"Key\":{}}");
    assert_int_equal(reply->status, 400);
    assert_body(reply, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
                       "\"message\":\"Requested resource not found\"}");
}

static void a_fault_names_its_message_as_the_model_does_and_takes_members(void **state)
{
    const struct test_reply *reply =
        test_json(*state, "DynamoDB_20120810.TransactWriteItems", "{\"TransactItems\":[{}]}");
    assert_body(reply,
                "{\"__type\":\"com.amazonaws.dynamodb.v20120810#TransactionCanceledException\","
                "\"Message\":\"cancelled\",\"CancellationReasons\":[{\"Code\":\"None\"}]}");
}

static void a_failure_of_ours_is_the_service_s_500(void **state)
{
    const struct test_reply *reply =
        test_json(*state, "DynamoDB_20120810.Query", "{\"TableName\":\"orders\"}");
    assert_int_equal(reply->status, 500);
    assert_body(reply, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\","
                       "\"message\":\"An internal error occurred.\"}");
}

static void no_output_shape_means_no_body(void **state)
{
    const struct test_reply *reply =
        test_json(*state, "DynamoDB_20120810.TagResource", "{\"ResourceArn\":\"a\",\"Tags\":[]}");
    assert_int_equal(reply->status, 200);
    assert_body(reply, "");
    assert_slice(test_reply_header("x-amz-crc32"), "0");
    reply = test_json(*state, "DynamoDB_20120810.BatchWriteItem",
                      "{\"RequestItems\":{\"abc\":[{\"DeleteRequest\":{\"Key\":{}}}]}}");
    assert_body(reply, "{}");
}

static void what_nobody_implements_is_501_with_its_name(void **state)
{
    const struct test_reply *reply = test_json(*state, "DynamoDB_20120810.CreateBackup", "{}");
    assert_int_equal(reply->status, 501);
    assert_body(reply, "{\"__type\":\"com.amazon.coral.service#NotImplemented\",\"message\":"
                       "\"millrace does not implement DynamoDB.CreateBackup yet\"}");
}

static void unknown_targets_and_bad_json_are_told_in_the_service_s_form(void **state)
{
    const struct test_reply *reply = test_json(*state, "DynamoDB_20120810.Nope", "{}");
    assert_int_equal(reply->status, 400);
    assert_body(reply, "{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}");
    reply = test_json(*state, "Kinesis_20131202.Nope", "{}");
    assert_body(reply, "{\"__type\":\"UnknownOperationException\"}");
    reply = test_json(*state, "DynamoDB_20120810.PutItem", "{\"TableName\":");
    assert_body(reply, "{\"__type\":\"com.amazon.coral.service#SerializationException\"}");
    reply = test_json(*state, "Kinesis_20131202.PutRecord", "[]");
    assert_body(reply, "{\"__type\":\"SerializationException\","
                       "\"Message\":\"Start of list found where not expected\"}");
}

static void wrong_types_are_told_in_the_words_of_the_service(void **state)
{
    const struct test_reply *reply = test_json(*state, "Kinesis_20131202.CreateStream",
                                               "{\"StreamName\":\"a\",\"ShardCount\":\"1\"}");
    assert_body(reply, "{\"__type\":\"SerializationException\",\"Message\":\"class "
                       "java.lang.String can not be converted to an Integer\"}");
    reply = test_json(*state, "Kinesis_20131202.PutRecord", "{\"StreamName\":true}");
    assert_body(reply, "{\"__type\":\"SerializationException\",\"Message\":\"class "
                       "java.lang.Boolean can not be converted to an String\"}");
    reply = test_json(*state, "Kinesis_20131202.PutRecord", "{\"Data\":\"23456\"}");
    assert_body(reply,
                "{\"__type\":\"SerializationException\",\"Message\":\"'23456' can not be converted "
                "to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: "
                "5\"}");
    reply = test_json(*state, "DynamoDB_20120810.PutItem", "{\"TableName\":23}");
    assert_body(reply, "{\"__type\":\"com.amazon.coral.service#SerializationException\","
                       "\"Message\":\"NUMBER_VALUE cannot be converted to String\"}");
    reply = test_json(*state, "DynamoDB_20120810.PutItem", "{\"Item\":{\"a\":\"b\"}}");
    assert_body(reply, "{\"__type\":\"com.amazon.coral.service#SerializationException\","
                       "\"Message\":\"Unexpected value type in payload\"}");
}

static void a_gzipped_body_is_read(void **state)
{
    struct mr_buf zipped = {0};
    mr_gzip(&zipped, MR_S("{\"TableName\":\"zipped\",\"Item\":{}}"));
    const char *const headers[] = {"x-amz-target",
                                   "DynamoDB_20120810.PutItem",
                                   "content-type",
                                   "application/x-amz-json-1.0",
                                   "content-encoding",
                                   "gzip",
                                   NULL};
    const struct test_reply *reply = test_send(
        *state,
        &(struct test_request){
            .method = "POST", .target = "/", .headers = headers, .body = mr_buf_slice(&zipped)});
    assert_body(reply, "{\"Saw\":\"zipped\"}");
    mr_buf_fini(&zipped);
}

static void dynamodb_takes_posts_of_json_only(void **state)
{
    static const char *const cases[][2] = {
        {"POST", "text/plain"}, {"POST", ""}, {"PUT", "application/x-amz-json-1.0"}};
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        const char *const headers[] = {"x-amz-target", "DynamoDB_20120810.PutItem", "content-type",
                                       cases[i][1], NULL};
        const struct test_reply *reply = test_send(
            *state,
            &(struct test_request){
                .method = cases[i][0], .target = "/", .headers = headers, .body = MR_S("{}")});
        assert_int_equal(reply->status, 404);
        assert_body(reply, "<UnknownOperationException/>\n");
    }
}

static void a_call_from_inside_is_validated_and_waits(void **state)
{
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    assert_int_equal(protocol_invoke(*state, &arena, "dynamodb", "PutItem",
                                     MR_S("{\"TableName\":\"inner\",\"Item\":{}}"),
                                     (struct mr_slice){0}, &result),
                     MR_OK);
    assert_int_equal(result.status, 200);
    assert_slice(result.output, "{\"Saw\":\"inner\"}");
    assert_int_equal(protocol_invoke(*state, &arena, "dynamodb", "PutItem", MR_S("{}"),
                                     (struct mr_slice){0}, &result),
                     MR_OK);
    assert_int_equal(result.status, 400);
    assert_slice(result.code, "ValidationException");
    assert_slice(result.message,
                 "2 validation errors detected: Value null at 'tableName' failed to satisfy "
                 "constraint: Member must not be null; Value null at 'item' failed to satisfy "
                 "constraint: Member must not be null");
    assert_int_equal(protocol_invoke(*state, &arena, "dynamodb", "Nope", MR_S("{}"),
                                     (struct mr_slice){0}, &result),
                     MR_NOT_FOUND);
    mr_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_answers_with_headers_of_dynamodb),
        cmocka_unit_test(a_fault_replaces_what_was_written),
        cmocka_unit_test(a_fault_names_its_message_as_the_model_does_and_takes_members),
        cmocka_unit_test(a_failure_of_ours_is_the_service_s_500),
        cmocka_unit_test(no_output_shape_means_no_body),
        cmocka_unit_test(what_nobody_implements_is_501_with_its_name),
        cmocka_unit_test(unknown_targets_and_bad_json_are_told_in_the_service_s_form),
        cmocka_unit_test(wrong_types_are_told_in_the_words_of_the_service),
        cmocka_unit_test(a_gzipped_body_is_read),
        cmocka_unit_test(dynamodb_takes_posts_of_json_only),
        cmocka_unit_test(a_call_from_inside_is_validated_and_waits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
