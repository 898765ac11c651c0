/* One attempt with a lane's batch, on a worker: call the function, and decide what its answer
 * means.
 *
 * A batch is records[done .. done + size). When the function fails it is tried again; with
 * BisectBatchOnFunctionError its first half is, then the rest; with ReportBatchItemFailures what
 * lies before the lowest reported record is done. When the attempts are used up, or records are too
 * old, they are given up: told to the bucket of the failures first, if there is one. */
#include "lambda/mapping.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    BACKOFF_MS_MIN = 100,
    BACKOFF_MS_MAX = 30000,
    NOT_READY_MS = 1000,
    REPLY_DEPTH_MAX = 64,
};

static const char problem[] = "PROBLEM: Function call failed";

static const struct mapping_record *batch_of(const struct mapping_lane *lane)
{
    return &lane->records[lane->done];
}

static int64_t now_of(const struct mapping_lane *lane)
{
    return store_now(lane->mapping->owner->lambda->options.store);
}

static void set_result(struct mapping *mapping, const char *result)
{
    pthread_mutex_lock(&mapping->lock);
    mapping->locked.result = result;
    pthread_mutex_unlock(&mapping->lock);
}

/* ---- what the answer says ---- */

static size_t index_of(struct mr_slice sequence, const struct mapping_record *records, size_t count)
{
    size_t i = 0;
    while (i < count && !mr_slice_equal(records[i].sequence, sequence))
        i++;
    return i;
}

size_t mapping_failed_at(struct mr_slice reply, const struct mapping_record *records, size_t count)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *answer = mr_json_parse(&arena, reply, REPLY_DEPTH_MAX);
    yyjson_val *items = mr_json_get(answer, "batchItemFailures");
    size_t failed = count, i, len;
    if ((answer == NULL && mr_slice_trim(reply).len > 0) ||
        (items != NULL && !yyjson_is_arr(items)))
        failed = 0; /* AWS: what is no success is a failure of all */
    yyjson_val *item;
    yyjson_arr_foreach(items, i, len, item)
    {
        yyjson_val *name = mr_json_get(item, "itemIdentifier");
        const size_t at =
            yyjson_is_str(name) ? index_of(mr_json_text(name), records, count) : count;
        /* AWS: what names no record of the batch makes all of it fail. */
        failed = at == count ? 0 : (at < failed ? at : failed);
    }
    mr_arena_fini(&arena);
    return failed;
}

/* ---- what is given up ---- */

static void write_time(struct mr_json *json, const struct mapping *mapping, const char *name,
                       int64_t time_ms)
{
    char text[32];
    struct mr_slice iso = mr_date_iso8601(time_ms, text);
    if (!mapping->config.kinesis) { /* AWS: whole seconds */
        text[iso.len - 5] = 'Z';
        iso.len -= 4;
    }
    mr_json_key_string(json, name, iso);
}

static void write_batch(struct mr_json *json, const struct mapping_lane *lane, size_t count)
{
    const struct mapping *mapping = lane->mapping;
    const struct mapping_record *first = batch_of(lane), *last = first + count - 1;
    mr_json_key(json, mapping->config.kinesis ? "KinesisBatchInfo" : "DDBStreamBatchInfo");
    mr_json_object(json);
    mr_json_key_cstr(json, "shardId", lane->shard->id);
    mr_json_key_string(json, "startSequenceNumber", first->sequence);
    mr_json_key_string(json, "endSequenceNumber", last->sequence);
    write_time(json, mapping, "approximateArrivalOfFirstRecord", first->time_ms);
    write_time(json, mapping, "approximateArrivalOfLastRecord", last->time_ms);
    mr_json_key_int(json, "batchSize", (int64_t)count);
    mr_json_key_string(json, "streamArn", mapping->config.stream);
    mr_json_object_end(json);
}

static void write_event(struct mr_json *json, const struct mapping_lane *lane, size_t count)
{
    mr_json_object(json);
    mr_json_key(json, "Records");
    mr_json_array(json);
    for (size_t i = 0; i < count; i++)
        mr_json_raw(json, batch_of(lane)[i].json);
    mr_json_array_end(json);
    if (lane->mapping->config.tumbling_ms > 0)
        mapping_window_write(json, lane);
    mr_json_object_end(json);
}

/* `result` NULL: the function was not called. */
static void write_failure(struct mr_json *json, const struct mapping_lane *lane, size_t count,
                          const struct lambda_result *result, int64_t now_ms)
{
    char time[32], version[24];
    mr_json_object(json);
    mr_json_key(json, "requestContext");
    mr_json_object(json);
    mr_json_key_cstr(json, "requestId", result != NULL ? result->request_id : "");
    mr_json_key_string(json, "functionArn", lane->mapping->config.function);
    mr_json_key_cstr(json, "condition",
                     result != NULL ? "RetryAttemptsExhausted" : "RecordAgeExceeded");
    mr_json_key_int(json, "approximateInvokeCount", lane->attempts);
    mr_json_object_end(json);
    if (result != NULL) {
        (void)snprintf(version, sizeof version, "%lld", (long long)result->version);
        mr_json_key(json, "responseContext");
        mr_json_object(json);
        mr_json_key_int(json, "statusCode", 200);
        mr_json_key_cstr(json, "executedVersion", result->version == 0 ? "$LATEST" : version);
        mr_json_key(json, "functionError");
        if (result->outcome == LAMBDA_OK)
            mr_json_null(json);
        else
            mr_json_string(json, MR_S("Unhandled"));
        mr_json_object_end(json);
    }
    mr_json_key_cstr(json, "version", "1.0");
    mr_json_key_string(json, "timestamp", mr_date_iso8601(now_ms, time));
    write_batch(json, lane, count);
    mr_json_key(json, "payload");
    write_event(json, lane, count);
    mr_json_object_end(json);
}

/* < 0: the bucket could not be told. */
static enum mr_status tell_bucket(struct mapping_lane *lane, size_t count,
                                  const struct lambda_result *result)
{
    struct mapping *mapping = lane->mapping;
    struct lambda *lambda = mapping->owner->lambda;
    const int64_t now_ms = now_of(lane);
    const struct mr_date date = mr_date_from_ms(now_ms);
    struct mr_arena arena;
    struct mr_buf buf = {0};
    char id[LAMBDA_ID_TEXT];
    mr_arena_init(&arena);
    mr_rng_uuid(lambda->options.rng, id);
    struct mr_json json = mr_json_make(&buf);
    write_failure(&json, lane, count, result, now_ms);
    const struct mr_slice key =
        mr_arena_printf(&arena, "aws/lambda/%s/%s/%04d/%02d/%02d/%04d-%02d-%02dT%02d.%02d.%02d-%s",
                        mapping->uuid, lane->shard->id, date.year, date.month, date.day, date.year,
                        date.month, date.day, date.hour, date.minute, date.second, id);
    enum mr_status status = s3_put(lambda->options.s3, mapping->config.bucket, key,
                                   MR_S("application/json"), mr_buf_slice(&buf));
    if (status == MR_NOT_FOUND) {
        mr_log(MR_LOG_WARN, "lambda", "mapping %s: the bucket %.*s does not exist", mapping->uuid,
               MR_ARG(mapping->config.bucket));
        status = MR_OK;
    }
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
    return status;
}

/* ---- moving on ---- */

/* The first `count` records of the batch are done. */
static void advance(struct mapping_lane *lane, size_t count)
{
    lane->done += count;
    lane->attempts = 0;
    lane->next_ms = 0;
    lane->size = lane->done < lane->end ? lane->end - lane->done : 0;
}

static void back_off(struct mapping_lane *lane, int64_t attempts)
{
    const int64_t shift = attempts < 12 ? attempts : 12;
    const int64_t wait_ms = (int64_t)BACKOFF_MS_MIN << shift;
    lane->next_ms = now_of(lane) + (wait_ms < BACKOFF_MS_MAX ? wait_ms : BACKOFF_MS_MAX);
}

static void give_up(struct mapping_lane *lane, size_t count, const struct lambda_result *result)
{
    struct mapping *mapping = lane->mapping;
    if (mapping->config.bucket.len > 0 && tell_bucket(lane, count, result) != MR_OK) {
        back_off(lane, lane->attempts);
        return;
    }
    mr_log(MR_LOG_WARN, "lambda", "mapping %s: %zu records of shard %s are given up: %s",
           mapping->uuid, count, lane->shard->id,
           result != NULL ? result->message : "they are too old");
    pthread_mutex_lock(&mapping->lock);
    mapping->locked.dropped += count;
    pthread_mutex_unlock(&mapping->lock);
    advance(lane, count);
}

static void fail(struct mapping_lane *lane, const struct lambda_result *result)
{
    const struct mapping_config *config = &lane->mapping->config;
    set_result(lane->mapping, problem);
    lane->attempts++;
    if (config->retries >= 0 && lane->attempts > config->retries) {
        give_up(lane, lane->size, result);
    } else if (config->bisect && lane->size > 1) {
        lane->attempts--; /* AWS: splitting does not count as a retry */
        lane->size = (lane->size + 1) / 2;
        lane->next_ms = now_of(lane);
    } else {
        back_off(lane, lane->attempts);
    }
}

static void settle(struct mapping_lane *lane, const struct lambda_result *result)
{
    struct mapping *mapping = lane->mapping;
    size_t failed = result->outcome == LAMBDA_OK ? lane->size : 0;
    if (result->outcome == LAMBDA_OK && mapping->config.report)
        failed = mapping_failed_at(mr_buf_slice(&result->reply), batch_of(lane), lane->size);
    /* AWS: an answer without the window's state is a failure. */
    if (mapping->config.tumbling_ms > 0 && failed > 0 &&
        !mapping_window_take(lane->shard, mr_buf_slice(&result->reply)))
        failed = 0;
    if (failed == lane->size) {
        set_result(mapping, "OK");
        advance(lane, lane->size);
        return;
    }
    lane->done += failed;
    lane->size -= failed;
    fail(lane, result);
}

/* ---- one attempt ---- */

/* Records at the head that nobody wants any more. */
static size_t stale_count(const struct mapping_lane *lane)
{
    const int64_t age_ms = lane->mapping->config.age_ms;
    const int64_t now_ms = now_of(lane);
    size_t stale = 0;
    while (age_ms >= 0 && stale < lane->size && now_ms - batch_of(lane)[stale].time_ms > age_ms)
        stale++;
    return stale;
}

/* The next batch: as many records as one event takes. */
static void begin_batch(struct mapping_lane *lane)
{
    const struct mapping_config *config = &lane->mapping->config;
    const struct mapping_window *window = &lane->shard->tumbling;
    const size_t limit = (size_t)config->batch;
    if (config->tumbling_ms > 0)
        mapping_window_open(lane->shard, config->tumbling_ms, batch_of(lane)->time_ms);
    size_t bytes = window->state.len;
    while (lane->size < limit && lane->done + lane->size < lane->count) {
        const struct mapping_record *record = &batch_of(lane)[lane->size];
        const size_t more = record->json.len + 1;
        if (lane->size > 0 && bytes + more > MAPPING_BYTES_MAX)
            break;
        if (config->tumbling_ms > 0 && record->time_ms >= window->end_ms)
            break;
        bytes += more;
        lane->size++;
    }
    lane->end = lane->done + lane->size;
    lane->attempts = 0;
}

static void call_function(struct mapping_lane *lane)
{
    struct mapping *mapping = lane->mapping;
    struct mr_buf event = {0};
    struct mr_json json = mr_json_make(&event);
    struct lambda_result result = {0};
    write_event(&json, lane, lane->size);
    pthread_mutex_lock(&mapping->lock);
    mapping->locked.invocations++;
    mapping->locked.records += lane->size;
    mapping->locked.iterator_age_ms = now_of(lane) - batch_of(lane)[lane->size - 1].time_ms;
    pthread_mutex_unlock(&mapping->lock);
    lambda_meter_age(mapping->owner->lambda, mapping->config.function,
                     now_of(lane) - batch_of(lane)[lane->size - 1].time_ms);
    const enum mr_status status = lambda_invoke(mapping->owner->lambda, mapping->config.function,
                                                mr_buf_slice(&event), &result);
    if (status == MR_OK &&
        (result.outcome == LAMBDA_OK || result.outcome == LAMBDA_FUNCTION_ERROR)) {
        settle(lane, &result);
    } else { /* it was not called */
        if (result.outcome == LAMBDA_NO_FUNCTION)
            set_result(mapping, "PROBLEM: Function not found");
        lane->next_ms = now_of(lane) + NOT_READY_MS;
    }
    lambda_result_fini(&result);
    mr_buf_fini(&event);
}

/* The call without records; until it succeeds, the shard stands. */
static void end_window(struct mapping_lane *lane)
{
    struct mapping *mapping = lane->mapping;
    struct mr_buf event = {0};
    struct mr_json json = mr_json_make(&event);
    struct lambda_result result = {0};
    write_event(&json, lane, 0);
    const enum mr_status status = lambda_invoke(mapping->owner->lambda, mapping->config.function,
                                                mr_buf_slice(&event), &result);
    if (status == MR_OK && result.outcome == LAMBDA_OK) {
        set_result(mapping, "OK");
        mapping_window_ended(lane->shard);
        lane->attempts = lane->next_ms = 0;
    } else if (status == MR_OK && result.outcome == LAMBDA_FUNCTION_ERROR) {
        set_result(mapping, problem);
        back_off(lane, ++lane->attempts);
    } else {
        lane->next_ms = now_of(lane) + NOT_READY_MS;
    }
    lambda_result_fini(&result);
    mr_buf_fini(&event);
}

void mapping_batch_run(void *arg)
{
    struct mapping_lane *lane = arg;
    if (mapping_window_ends(lane)) {
        end_window(lane);
        mapping_release_lane(lane);
        return;
    }
    if (lane->size == 0)
        begin_batch(lane);
    const size_t stale = stale_count(lane);
    if (stale > 0)
        give_up(lane, stale, NULL);
    else
        call_function(lane);
    mapping_release_lane(lane);
}
