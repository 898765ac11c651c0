/* The Lambda transformation: one event out, one answer back, every record sorted.
 *
 * AWS: a function error, timeout or throttle is retried NumberOfRetries times and then fails all
 * records of the invocation; a malformed answer is final at once; a fault of one record (missing,
 * doubled, Ok without data, ProcessingFailed) fails that record alone. A failed record goes to the
 * error output with its original bytes. A function that does not exist is different: nothing was
 * tried, so the records wait until there is one. */
#include "firehose/internal.h"
#include "base/codec.h"
#include <stdio.h>

enum { INDEX_DIGITS = 6, ANSWER_DEPTH_MAX = 16 };

/* Why a record goes to the error output. */
struct failure {
    const char *code, *message;
};
static const struct failure function_error = {
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result."};
static const struct failure timed_out = {
    "Lambda.FunctionRequestTimedOut",
    "The Lambda function was invoked but did not answer within its timeout."};
static const struct failure failed_status = {"Lambda.ProcessingFailedStatus",
                                             "ProcessingFailed status set for record"};
static const struct failure missing_id = {
    "Lambda.MissingRecordId", "One or more record Ids were not returned. Ensure that the Lambda "
                              "function returns all received record Ids."};
static const struct failure doubled_id = {
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. Ensure that the Lambda function "
    "returns a unique record Id for each record."};
static const struct failure bad_format = {
    "Lambda.InvalidReturnFormat",
    "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and "
    "processing result is Ok."};
static const struct failure bad_json = {
    "Lambda.JsonProcessingException",
    "There was an error parsing JSON from the response of the Lambda function."};

/* Sequence number and a 6-digit index with a Kinesis source; digits of the position otherwise. */
static struct mr_slice record_id(struct mr_arena *arena, const struct transform_input *input,
                                 const struct delivery_record *record)
{
    if (input->stream == NULL)
        return mr_arena_printf(arena, "4%055llu%0*d", (unsigned long long)record->position,
                               INDEX_DIGITS, 0);
    char text[KINESIS_SEQUENCE_TEXT];
    const struct mr_slice sequence = kinesis_sequence_text(
        input->stream, record->shard, record->position, record->arrival_ms, text);
    return mr_arena_printf(arena, "%.*s%0*d", MR_ARG(sequence), INDEX_DIGITS, 0);
}

static void write_kinesis_metadata(struct mr_json *json, const struct transform_input *input,
                                   const struct delivery_record *record)
{
    char text[KINESIS_SEQUENCE_TEXT];
    struct kinesis_shard_info shard;
    if (kinesis_shard_get(input->stream, record->shard, &shard) != MR_OK)
        return;
    mr_json_key(json, "kinesisRecordMetadata");
    mr_json_object(json);
    mr_json_key_string(json, "sequenceNumber",
                       kinesis_sequence_text(input->stream, record->shard, record->position,
                                             record->arrival_ms, text));
    mr_json_key_int(json, "subsequenceNumber", 0);
    mr_json_key_string(json, "partitionKey", record->key);
    mr_json_key_cstr(json, "shardId", shard.id);
    mr_json_key_int(json, "approximateArrivalTimestamp", record->arrival_ms);
    mr_json_object_end(json);
}

static struct mr_slice region_of(const char *arn)
{
    struct mr_slice rest = mr_slice_cstr(arn), part = {0};
    for (int i = 0; i < 4 && mr_slice_split(&rest, ':', &part); i++)
        continue;
    return part;
}

struct mr_slice transform_event(struct mr_arena *arena, const struct transform_input *input,
                                struct mr_slice invocation_id)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "invocationId", invocation_id);
    if (input->stream != NULL)
        mr_json_key_string(&json, "sourceKinesisStreamArn", kinesis_stream_arn(input->stream));
    mr_json_key_cstr(&json, "deliveryStreamArn", input->delivery->arn);
    mr_json_key_string(&json, "region", region_of(input->delivery->arn));
    mr_json_key(&json, "records");
    mr_json_array(&json);
    for (size_t i = 0; i < input->count; i++) {
        const struct delivery_record *record = &input->records[i];
        mr_json_object(&json);
        mr_json_key_string(&json, "recordId", record_id(arena, input, record));
        mr_json_key_int(&json, "approximateArrivalTimestamp", record->arrival_ms);
        mr_json_key(&json, "data");
        mr_json_base64(&json, record->data);
        if (input->stream != NULL)
            write_kinesis_metadata(&json, input, record);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice event = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return event;
}

/* ---- the error output ---- */

static void fail_record(const struct transform_input *input, const struct delivery_record *record,
                        const struct failure *why, int64_t attempts, int64_t now_ms,
                        struct transform_output *output)
{
    struct mr_json json = mr_json_make(output->bad);
    mr_json_object(&json);
    mr_json_key(&json, "rawData");
    mr_json_base64(&json, record->data);
    mr_json_key_cstr(&json, "errorCode", why->code);
    mr_json_key_cstr(&json, "errorMessage", why->message);
    mr_json_key_int(&json, "attemptsMade", attempts);
    mr_json_key_int(&json, "arrivalTimestamp", record->arrival_ms);
    mr_json_key_int(&json, "attemptEndingTimestamp", now_ms);
    mr_json_key_string(&json, "lambdaARN", input->config->function);
    mr_json_object_end(&json);
    mr_buf_byte(output->bad, '\n');
    output->bad_records++;
}

static void fail_all(const struct transform_input *input, const struct failure *why,
                     int64_t attempts, int64_t now_ms, struct transform_output *output)
{
    for (size_t i = 0; i < input->count; i++)
        fail_record(input, &input->records[i], why, attempts, now_ms, output);
}

/* ---- sorting the answer ---- */

/* What came back for one record. */
struct returned {
    yyjson_val *value; /* NULL: nothing */
    bool doubled;
};

static void take(const struct transform_input *input, const struct delivery_record *record,
                 const struct returned *returned, struct mr_arena *arena, int64_t now_ms,
                 struct transform_output *output)
{
    const struct mr_slice result = mr_json_get_text(returned->value, "result");
    const struct failure *why = NULL;
    struct mr_slice data = {0};
    if (returned->doubled) {
        why = &doubled_id;
    } else if (returned->value == NULL) {
        why = &missing_id;
    } else if (mr_slice_equal(result, MR_S("Dropped"))) {
        output->dropped++;
        return;
    } else if (mr_slice_equal(result, MR_S("ProcessingFailed"))) {
        why = &failed_status;
    } else if (!mr_slice_equal(result, MR_S("Ok"))) {
        why = &bad_format;
    } else {
        yyjson_val *text = mr_json_get(returned->value, "data");
        if (!yyjson_is_str(text) || mr_base64_decode(arena, mr_json_text(text), &data) != MR_OK)
            why = &bad_format;
    }
    if (why != NULL) {
        fail_record(input, record, why, 1, now_ms, output);
        return;
    }
    mr_buf_append(output->good, data);
    mr_buf_append(output->good, input->config->delimiter);
    output->good_records++;
}

/* Matches what came back with what was sent. Answers nearly always come in the order asked, so the
 * next expected id is tried first. */
static void match(struct mr_arena *arena, const struct transform_input *input, yyjson_val *records,
                  struct returned *returned)
{
    struct mr_map index = {0};
    struct mr_slice *ids = MR_NEW_ARRAY(arena, struct mr_slice, input->count);
    for (size_t i = 0; i < input->count; i++)
        ids[i] = record_id(arena, input, &input->records[i]);
    size_t expected = 0;
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(records, &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const struct mr_slice id = mr_json_get_text(item, "recordId");
        size_t at = expected;
        if (at >= input->count || !mr_slice_equal(ids[at], id)) {
            if (index.count == 0)
                for (size_t i = 0; i < input->count; i++)
                    (void)mr_map_put(&index, ids[i], &returned[i]);
            const struct returned *found = mr_map_get(&index, id);
            if (found == NULL)
                continue; /* AWS: unknown ids are ignored */
            at = (size_t)(found - returned);
        }
        expected = at + 1;
        returned[at].doubled = returned[at].value != NULL;
        returned[at].value = item;
    }
    mr_map_fini(&index);
}

void transform_sort(struct mr_arena *arena, const struct transform_input *input,
                    struct mr_slice answer, int64_t now_ms, struct transform_output *output)
{
    yyjson_val *doc = mr_json_parse(arena, answer, ANSWER_DEPTH_MAX);
    yyjson_val *records = mr_json_get(doc, "records");
    if (doc == NULL) {
        fail_all(input, &bad_json, 1, now_ms, output);
        return;
    }
    struct returned *returned = MR_NEW_ARRAY(arena, struct returned, input->count);
    match(arena, input, records, returned);
    for (size_t i = 0; i < input->count; i++)
        take(input, &input->records[i], &returned[i], arena, now_ms, output);
}

/* ---- invoking ---- */

enum mr_status transform_run(struct mr_arena *arena, const struct transform_input *input,
                             struct transform_output *output, char message[static 512])
{
    struct firehose *firehose = input->delivery->firehose;
    char id[37];
    mr_rng_uuid(firehose->options.rng, id);
    const struct mr_slice event = transform_event(arena, input, mr_slice_cstr(id));
    enum mr_status status = MR_OK;
    for (int64_t attempt = 1;; attempt++) {
        struct lambda_result result = {0};
        status = lambda_invoke(firehose->options.lambda, input->config->function, event, &result);
        const int64_t now_ms = store_now(firehose->options.store);
        const bool ending = delivery_is_ending(input->delivery); /* and the function with it */
        const bool waits = result.outcome == LAMBDA_NO_FUNCTION ||
                           result.outcome == LAMBDA_NOT_READY || result.outcome == LAMBDA_THROTTLED;
        bool done = true;
        if (status == MR_OK && ending) {
            status = MR_END;
        } else if (status == MR_OK && result.outcome == LAMBDA_OK) {
            transform_sort(arena, input, mr_buf_slice(&result.reply), now_ms, output);
        } else if (status == MR_OK && waits) {
            (void)snprintf(message, 512, "function %.*s cannot be called: %s",
                           MR_ARG(input->config->function), result.message);
            status = MR_AGAIN;
        } else if (status == MR_OK) {
            done = attempt > input->config->retries;
            if (done)
                fail_all(input, result.timed_out ? &timed_out : &function_error, attempt, now_ms,
                         output);
            (void)snprintf(message, 512, "function %.*s failed: %s",
                           MR_ARG(input->config->function), result.message);
        }
        lambda_result_fini(&result);
        if (done || status != MR_OK)
            return status;
    }
}
