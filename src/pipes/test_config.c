/* What a pipe's document may ask for, and what is refused by name. */
#include "pipes/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TABLE "arn:aws:dynamodb:us-east-1:000000000000:table/T/stream/L"
#define STREAM "arn:aws:kinesis:us-east-1:000000000000:stream/S"
#define FUNCTION "arn:aws:lambda:us-east-1:000000000000:function:f"
#define START "'StartingPosition':'LATEST'"
#define FROM_TABLE(more) \
    "'Source':'" TABLE "','SourceParameters':{'DynamoDBStreamParameters':{" START more "}}"
#define TO_STREAM \
    "'Target':'" STREAM "','TargetParameters':{'KinesisStreamParameters':{'PartitionKey':'k'}}"

/* The document writes ' for ". */
static enum mr_status read(struct mr_arena *arena, const char *members, struct pipe_config *config,
                           char message[static PIPE_MESSAGE_MAX])
{
    char *text = mr_arena_cstr(arena, mr_arena_printf(arena, "{%s}", members));
    for (char *p = text; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    yyjson_val *doc = mr_json_parse(arena, mr_slice_cstr(text), 32);
    assert_non_null(doc);
    return pipe_config_read(arena, doc, config, message);
}

static void a_document_is_read_with_defaults(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct pipe_config config;
    char message[PIPE_MESSAGE_MAX];
    assert_int_equal(read(&arena, FROM_TABLE("") "," TO_STREAM, &config, message), MR_OK);
    assert_int_equal(config.start, PIPE_LATEST);
    assert_int_equal(config.batch_size, 100);
    assert_int_equal(config.retries, -1);
    assert_int_equal(config.record_age_s, -1);
    assert_int_equal(config.factor, 1);
    assert_int_equal(config.target_kind, PIPE_TARGET_KINESIS);
    assert_null(config.filter);
    assert_false(config.partition_key.is_path);
    pipe_config_fini(&config);
    mr_arena_fini(&arena);
}

static void a_document_of_everything_is_read(void **state)
{
    (void)state;
    struct mr_arena arena = {0};
    struct pipe_config config;
    char message[PIPE_MESSAGE_MAX] = "";
    if (read(&arena,
             "'Source':'" STREAM "','SourceParameters':{'KinesisStreamParameters':{"
             "'StartingPosition':'AT_TIMESTAMP','StartingPositionTimestamp':1718000000.5,"
             "'BatchSize':10000,'MaximumBatchingWindowInSeconds':300,'ParallelizationFactor':10,"
             "'MaximumRetryAttempts':3,'MaximumRecordAgeInSeconds':60,"
             "'OnPartialBatchItemFailure':'AUTOMATIC_BISECT'},"
             "'FilterCriteria':{'Filters':[{'Pattern':'{\\'data\\':{\\'n\\':[1]}}'}]}},"
             "'Enrichment':'" FUNCTION "','EnrichmentParameters':{'InputTemplate':'<$.data>'},"
             "'Target':'" FUNCTION ":live','TargetParameters':{'InputTemplate':'<$.x>',"
             "'LambdaFunctionParameters':{'InvocationType':'FIRE_AND_FORGET'}},"
             "'LogConfiguration':{'Level':'TRACE','IncludeExecutionData':['ALL'],"
             "'CloudwatchLogsLogDestination':{'LogGroupArn':"
             "'arn:aws:logs:us-east-1:000000000000:log-group:/pipes/x:*'}}",
             &config, message) != MR_OK)
        fail_msg("%s", message);
    assert_int_equal(config.start_time_ms, 1718000000500);
    assert_int_equal(config.window_ms, 300000);
    assert_int_equal(config.factor, 10);
    assert_true(config.bisect && config.later && config.log_data);
    assert_non_null(config.filter);
    assert_non_null(config.enrichment_template);
    assert_non_null(config.target_template);
    assert_int_equal(config.level, PIPE_LOG_TRACE);
    assert_true(mr_slice_equal(config.level_group, MR_S("/pipes/x")));
    pipe_config_fini(&config);
    mr_arena_fini(&arena);
}

static void what_is_not_done_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"'Source':'arn:aws:sqs:us-east-1:0:q'," TO_STREAM,
         "Source arn:aws:sqs:us-east-1:0:q is not supported by millrace: it takes the ARN of a "
         "DynamoDB table's stream or of a Kinesis stream."},
        {FROM_TABLE("") ",'Target':'arn:aws:sns:us-east-1:0:t'",
         "Target arn:aws:sns:us-east-1:0:t is not supported by millrace: it takes the ARN of a "
         "Kinesis stream, a Firehose stream, a Lambda function or a CloudWatch log group."},
        {FROM_TABLE("") ",'Enrichment':'arn:aws:states:us-east-1:0:stateMachine:m'," TO_STREAM,
         "Enrichment arn:aws:states:us-east-1:0:stateMachine:m is not supported by millrace: it "
         "takes the ARN of a Lambda function."},
        {FROM_TABLE(",'DeadLetterConfig':{'Arn':'arn:aws:sqs:us-east-1:0:q'}") "," TO_STREAM,
         "DeadLetterConfig arn:aws:sqs:us-east-1:0:q is not supported by millrace: it has neither "
         "SQS nor SNS. What is given up is counted, logged and shown in the status."},
        {FROM_TABLE(",'BatchSize':501") "," TO_STREAM,
         "BatchSize 501 exceeds the target's maximum of 500."},
        {FROM_TABLE(",'ParallelizationFactor':11") "," TO_STREAM,
         "ParallelizationFactor must be between 1 and 10."},
        {FROM_TABLE(",'MaximumRecordAgeInSeconds':59") "," TO_STREAM,
         "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800."},
        {FROM_TABLE("") ",'KmsKeyIdentifier':'k'," TO_STREAM,
         "KmsKeyIdentifier is not supported by millrace."},
        {FROM_TABLE("") ",'LogConfiguration':{'Level':'INFO','S3LogDestination':{}}," TO_STREAM,
         "LogConfiguration.S3LogDestination is not supported by millrace: a pipe logs to "
         "CloudwatchLogsLogDestination."},
        {FROM_TABLE("") ",'LogConfiguration':{'Level':'INFO'}," TO_STREAM,
         "LogConfiguration needs a log destination for level INFO."},
        {FROM_TABLE("") ",'Target':'" STREAM "','TargetParameters':{'SqsQueueParameters':{}}",
         "TargetParameters.SqsQueueParameters does not belong to the target " STREAM "."},
        {"'Source':'" TABLE "','SourceParameters':{'KinesisStreamParameters':{" START
         "}}," TO_STREAM,
         "SourceParameters.KinesisStreamParameters does not belong to the source " TABLE "."},
        {"'Source':'" STREAM "','SourceParameters':{'KinesisStreamParameters':{"
         "'StartingPosition':'AT_TIMESTAMP'}}," TO_STREAM,
         "StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP."},
        {"'Source':'" TABLE "','SourceParameters':{'DynamoDBStreamParameters':{" START "},"
         "'FilterCriteria':{'Filters':[{'Pattern':'{}'}]}}," TO_STREAM,
         "Event pattern is not valid. Reason: Empty objects are not allowed"},
        {FROM_TABLE("") ",'Target':'" STREAM "','TargetParameters':{'InputTemplate':'<$.>',"
                        "'KinesisStreamParameters':{'PartitionKey':'k'}}",
         "Invalid InputTemplate: <$.> is not a valid path."},
    };
    for (size_t i = 0; i < MR_COUNT(wrong); i++) {
        struct mr_arena arena = {0};
        struct pipe_config config;
        char message[PIPE_MESSAGE_MAX] = "";
        assert_int_equal(read(&arena, wrong[i][0], &config, message), MR_INVALID);
        assert_string_equal(message, wrong[i][1]);
        mr_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_with_defaults),
        cmocka_unit_test(a_document_of_everything_is_read),
        cmocka_unit_test(what_is_not_done_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
