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

static const struct record_failure function_error = {
    "processing-failed", "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result."};
static const struct record_failure timed_out = {
    "processing-failed", "Lambda.FunctionRequestTimedOut",
    "The Lambda function was invoked but did not answer within its timeout."};
static const struct record_failure failed_status = {
    "processing-failed", "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"};
static const struct record_failure missing_id = {
    "processing-failed", "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all "
    "received record Ids."};
static const struct record_failure doubled_id = {
    "processing-failed", "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. Ensure that the Lambda function "
    "returns a unique record Id for each record."};
static const struct record_failure bad_format = {
    "processing-failed", "Lambda.InvalidReturnFormat",
    "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and "
    "processing result is Ok."};
static const struct record_failure bad_json = {
    "processing-failed", "Lambda.JsonProcessingException",
    "There was an error parsing JSON from the response of the Lambda function."};

struct mr_slice transform_sequence(struct mr_arena *arena, const struct kinesis_stream *stream,
                                   uint32_t shard, int64_t position, int64_t arrival_ms)
{
    char text[KINESIS_SEQUENCE_TEXT];
    if (stream == NULL)
        return mr_arena_printf(arena, "4%055llu", (unsigned long long)position);
    return mr_arena_copy(arena, kinesis_sequence_text(stream, shard, position, arrival_ms, text));
}

/* Sequence number and a 6-digit index with a Kinesis source; digits of the position otherwise. */
static struct mr_slice record_id(struct mr_arena *arena, const struct transform_input *input,
                                 const struct delivery_record *record)
{
    if (input->stream == NULL)
        return mr_arena_printf(arena, "4%055llu%0*u", (unsigned long long)record->position,
                               INDEX_DIGITS, record->sub);
    char text[KINESIS_SEQUENCE_TEXT];
    const struct mr_slice sequence = kinesis_sequence_text(
        input->stream, record->shard, record->position, record->arrival_ms, text);
    return mr_arena_printf(arena, "%.*s%0*u", MR_ARG(sequence), INDEX_DIGITS, record->sub);
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
    mr_json_key_int(json, "subsequenceNumber", record->sub);
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

void transform_failure_write(struct mr_buf *buf, const struct delivery_record *record,
                             const struct record_result *result, struct mr_slice function)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    mr_json_key(&json, "rawData");
    mr_json_base64(&json, record->original);
    mr_json_key_cstr(&json, "errorCode", result->why->code);
    mr_json_key_cstr(&json, "errorMessage", result->why->message);
    mr_json_key_int(&json, "attemptsMade", result->attempts);
    mr_json_key_int(&json, "arrivalTimestamp", record->arrival_ms);
    mr_json_key_int(&json, "attemptEndingTimestamp", result->ended_ms);
    if (function.len > 0)
        mr_json_key_string(&json, "lambdaARN", function);
    mr_json_object_end(&json);
    mr_buf_byte(buf, '\n');
}

static void fail_all(size_t count, const struct record_failure *why, int64_t attempts,
                     int64_t now_ms, struct record_result *results)
{
    for (size_t i = 0; i < count; i++)
        results[i] = (struct record_result){
            .fate = RECORD_BAD, .why = why, .attempts = attempts, .ended_ms = now_ms};
}

/* ---- sorting the answer ---- */

/* What came back for one record. */
struct returned {
    yyjson_val *value; /* NULL: nothing */
    bool doubled;
};

static struct record_result result_of(struct mr_arena *arena, const struct returned *returned,
                                      int64_t now_ms)
{
    const struct mr_slice result = mr_json_get_text(returned->value, "result");
    struct record_result out = {.fate = RECORD_GOOD, .attempts = 1, .ended_ms = now_ms};
    if (returned->doubled) {
        out.why = &doubled_id;
    } else if (returned->value == NULL) {
        out.why = &missing_id;
    } else if (mr_slice_equal(result, MR_S("Dropped"))) {
        out.fate = RECORD_DROPPED;
    } else if (mr_slice_equal(result, MR_S("ProcessingFailed"))) {
        out.why = &failed_status;
    } else if (!mr_slice_equal(result, MR_S("Ok"))) {
        out.why = &bad_format;
    } else {
        yyjson_val *text = mr_json_get(returned->value, "data");
        out.keys = mr_json_get(mr_json_get(returned->value, "metadata"), "partitionKeys");
        out.otf = mr_json_get(mr_json_get(returned->value, "metadata"), "otfMetadata");
        if (!yyjson_is_str(text) || mr_base64_decode(arena, mr_json_text(text), &out.data) != MR_OK)
            out.why = &bad_format;
    }
    if (out.why != NULL)
        out.fate = RECORD_BAD;
    return out;
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
                    struct mr_slice answer, int64_t now_ms, struct record_result *results)
{
    yyjson_val *doc = mr_json_parse(arena, answer, ANSWER_DEPTH_MAX);
    yyjson_val *records = mr_json_get(doc, "records");
    if (doc == NULL) {
        fail_all(input->count, &bad_json, 1, now_ms, results);
        return;
    }
    struct returned *returned = MR_NEW_ARRAY(arena, struct returned, input->count);
    match(arena, input, records, returned);
    for (size_t i = 0; i < input->count; i++)
        results[i] = result_of(arena, &returned[i], now_ms);
}

/* ---- invoking ---- */

enum mr_status transform_run(struct mr_arena *arena, const struct transform_input *input,
                             struct record_result *results, char message[static 512])
{
    struct firehose *firehose = input->delivery->firehose;
    char id[37];
    mr_rng_uuid(firehose->options.rng, id);
    const struct mr_slice event = transform_event(arena, input, mr_slice_cstr(id));
    enum mr_status status = MR_OK;
    for (int64_t attempt = 1;; attempt++) {
        struct lambda_result result = {0};
        const int64_t began_us = mr_monotonic_us();
        status = lambda_invoke(firehose->options.lambda, input->config->function, event, &result);
        const int64_t took_us = mr_monotonic_us() - began_us;
        const int64_t now_ms = store_now(firehose->options.store);
        const bool ending = delivery_is_ending(input->delivery); /* and the function with it */
        const bool waits = result.outcome == LAMBDA_NO_FUNCTION ||
                           result.outcome == LAMBDA_NOT_READY || result.outcome == LAMBDA_THROTTLED;
        bool done = true;
        if (status == MR_OK && !waits && !ending) {
            delivery_meter(input->delivery, DELIVERY_PROCESS_DURATION, (uint64_t)took_us);
            delivery_meter(input->delivery, DELIVERY_PROCESS_SUCCESS, result.outcome == LAMBDA_OK);
        }
        if (status == MR_OK && ending) {
            status = MR_END;
        } else if (status == MR_OK && result.outcome == LAMBDA_OK) {
            transform_sort(arena, input, mr_buf_slice(&result.reply), now_ms, results);
        } else if (status == MR_OK && waits) {
            (void)snprintf(
                message, 512,
                "function %.*s cannot be called: %s; the records wait until it can be, or "
                "another is named by UpdateDestination",
                MR_ARG(input->config->function), result.message);
            status = MR_AGAIN;
        } else if (status == MR_OK) {
            done = attempt > input->config->retries;
            if (done)
                fail_all(input->count, result.timed_out ? &timed_out : &function_error, attempt,
                         now_ms, results);
            (void)snprintf(message, 512, "function %.*s failed: %s",
                           MR_ARG(input->config->function), result.message);
        }
        lambda_result_fini(&result);
        if (done || status != MR_OK)
            return status;
    }
}
