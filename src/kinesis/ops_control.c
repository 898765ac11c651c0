/* The wire: streams and shards. */
#include "kinesis/internal.h"
#include <stdlib.h>

const struct protocol_fault kinesis_not_found = {"ResourceNotFoundException", 400, false};
const struct protocol_fault kinesis_in_use = {"ResourceInUseException", 400, false};
const struct protocol_fault kinesis_invalid_argument = {"InvalidArgumentException", 400, false};
const struct protocol_fault kinesis_validation = {"ValidationException", 400, false};
const struct protocol_fault kinesis_limit = {"LimitExceededException", 400, false};
const struct protocol_fault kinesis_throughput = {"ProvisionedThroughputExceededException", 400,
                                                  false};
const struct protocol_fault kinesis_expired_iterator = {"ExpiredIteratorException", 400, false};
const struct protocol_fault kinesis_expired_token = {"ExpiredNextTokenException", 400, false};

enum { ON_DEMAND_SHARDS = 4 };

void kinesis_fail_not_found(struct protocol_call *call, struct mr_slice stream_name)
{
    protocol_fail(call, &kinesis_not_found, "Stream %.*s under account %.*s not found.",
                  MR_ARG(stream_name), MR_ARG(call->account));
}

void kinesis_show_durable(struct protocol_call *call, const struct kinesis_stream *stream)
{
    const int64_t changed = atomic_load(&stream->changed);
    if (call->ticket < changed)
        call->ticket = changed;
}

void kinesis_save_for(struct protocol_call *call, struct kinesis_stream *stream)
{
    const enum mr_status status = kinesis_save(call->service, stream, &call->ticket);
    if (status == MR_NOT_FOUND)
        kinesis_fail_not_found(call, kinesis_stream_name(stream));
    protocol_fail_internal(call, status);
}

bool kinesis_exceeds_limit(struct protocol_call *call, size_t more)
{
    const size_t open = kinesis_open_shards(call->service, true);
    if (open + more <= KINESIS_SHARD_LIMIT)
        return false;
    protocol_fail(
        call, &kinesis_limit,
        "This request would exceed the shard limit for the account %.*s in %.*s. "
        "Current shard count for the account: %zu. Limit: %d. Number of additional "
        "shards that would have resulted from this request: %zu. Refer to the AWS Service "
        "Limits page (http://docs.aws.amazon.com/general/latest/gr/"
        "aws_service_limits.html) for current limits and how to request higher limits.",
        MR_ARG(call->account), MR_ARG(call->region), open, KINESIS_SHARD_LIMIT, more);
    return true;
}

bool kinesis_exceeds_on_demand(struct protocol_call *call)
{
    const size_t count = kinesis_on_demand_streams(call->service);
    if (count < KINESIS_ON_DEMAND_LIMIT)
        return false;
    protocol_fail(call, &kinesis_limit,
                  "This request would exceed the on-demand stream limit for the account %.*s in "
                  "%.*s. Current on-demand stream count for the account: %zu. Limit: %d.",
                  MR_ARG(call->account), MR_ARG(call->region), count, KINESIS_ON_DEMAND_LIMIT);
    return true;
}

struct kinesis_stream *kinesis_stream_of(struct protocol_call *call)
{
    struct kinesis *kinesis = call->service;
    const struct mr_slice name = mr_json_get_text(call->in, "StreamName");
    const struct mr_slice arn = mr_json_get_text(call->in, "StreamARN");
    if (name.len == 0 && arn.len == 0) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "StreamARN and StreamName are both null. "
                      "Please provide one of them.");
        return NULL;
    }
    struct kinesis_stream *stream = kinesis_find(kinesis, arn.len > 0 ? arn : name);
    if (stream != NULL && arn.len > 0 && !mr_slice_equal(arn, kinesis_stream_arn(stream))) {
        kinesis_release(kinesis, stream); /* of another account or region */
        stream = NULL;
    }
    if (stream != NULL && arn.len > 0 && name.len > 0 &&
        !mr_slice_equal(kinesis_stream_name(stream), name)) {
        kinesis_release(kinesis, stream);
        protocol_fail(call, &kinesis_invalid_argument,
                      "StreamARN and StreamName do not refer to the same stream.");
        return NULL;
    }
    if (stream == NULL) {
        struct mr_slice shown = name;
        if (arn.len > 0) {
            const size_t at = mr_slice_search(arn, MR_S(":stream/"));
            shown = at == SIZE_MAX ? arn : mr_slice_sub(arn, at + 8, SIZE_MAX);
        }
        kinesis_fail_not_found(call, shown);
    }
    return stream;
}

bool kinesis_created_then(struct protocol_call *call, const struct kinesis_stream *stream)
{
    yyjson_val *wanted = mr_json_get(call->in, "StreamCreationTimestamp");
    /* SDKs send whole seconds. */
    if (wanted == NULL || (int64_t)mr_json_double(wanted, 0) == stream->created_ms / 1000)
        return true;
    kinesis_fail_not_found(call, kinesis_stream_name(stream));
    return false;
}

bool kinesis_token_alone(struct protocol_call *call, const char *const *others, size_t count)
{
    if (mr_json_get(call->in, "NextToken") == NULL)
        return true;
    for (size_t i = 0; i < count; i++)
        if (mr_json_get(call->in, others[i]) != NULL)
            protocol_fail(call, &kinesis_invalid_argument,
                          "NextToken and %s cannot be provided together.", others[i]);
    return !protocol_failed(call);
}

static struct mr_slice tags_json(struct protocol_call *call)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    if (tags == NULL) {
        mr_json_object(&json);
        mr_json_object_end(&json);
    } else {
        mr_json_value(&json, tags);
    }
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void create_stream(struct protocol_call *call)
{
    struct kinesis *kinesis = call->service;
    const struct mr_slice name = mr_json_get_text(call->in, "StreamName");
    const int64_t shards = mr_json_get_i64(call->in, "ShardCount", 0);
    const struct mr_slice mode =
        mr_json_get_text(mr_json_get(call->in, "StreamModeDetails"), "StreamMode");
    const bool on_demand = mode.len > 0 ? mr_slice_equal(mode, MR_S("ON_DEMAND")) : shards == 0;
    if (on_demand && shards > 0) {
        protocol_fail(call, &kinesis_validation,
                      "ShardCount must not be set when StreamMode is ON_DEMAND.");
        return;
    }
    if (!on_demand && shards == 0) {
        protocol_fail(call, &kinesis_validation,
                      "ShardCount must be set when StreamMode is PROVISIONED.");
        return;
    }
    const int64_t warm = mr_json_get_i64(call->in, "WarmThroughputMiBps", 0);
    if (warm > 0 && !on_demand) {
        protocol_fail(call, &kinesis_validation,
                      "WarmThroughputMiBps must not be set when StreamMode is PROVISIONED.");
        return;
    }
    if (!kinesis_new_tags_are_good(call))
        return;
    if (on_demand ? kinesis_exceeds_on_demand(call) : kinesis_exceeds_limit(call, (size_t)shards))
        return;
    const struct kinesis_create create = {
        .name = name,
        .region = call->region,
        .account = call->account,
        .shards = on_demand ? ON_DEMAND_SHARDS : (size_t)shards,
        .on_demand = on_demand,
        .record_kib = mr_json_get_i64(call->in, "MaxRecordSizeInKiB", 1024),
        .retention_hours = 24,
        .warm_mibps = warm,
        .now_ms = call->now_ms,
        .tags = tags_json(call),
    };
    const enum mr_status status = kinesis_create(kinesis, &create, &call->ticket);
    if (status == MR_EXISTS)
        protocol_fail(call, &kinesis_in_use, "Stream %.*s under account %.*s already exists.",
                      MR_ARG(name), MR_ARG(call->account));
    protocol_fail_internal(call, status);
}

static void delete_stream(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    const size_t consumers = stream->locked.consumer_count;
    pthread_rwlock_unlock(&stream->lock);
    if (consumers > 0 && !mr_json_get_bool(call->in, "EnforceConsumerDeletion", false)) {
        protocol_fail(call, &kinesis_in_use,
                      "Stream %s under account %.*s has %zu registered consumers. Deregister them "
                      "or set EnforceConsumerDeletion to true.",
                      stream->name, MR_ARG(call->account), consumers);
        kinesis_release(call->service, stream);
        return;
    }
    const enum mr_status status = kinesis_delete(call->service, stream, &call->ticket);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &kinesis_not_found, "Stream %s under account %.*s not found.",
                      stream->name, MR_ARG(call->account));
    protocol_fail_internal(call, status);
    kinesis_release(call->service, stream);
}

/* ---- describing ---- */

static void write_sequence_range(struct mr_json *json, const struct kinesis_shard *shard)
{
    char text[KINESIS_SEQUENCE_TEXT];
    struct kinesis_sequence sequence = {
        .created_s = shard->created_ms / 1000,
        .position = (uint64_t)shard->start,
        .time_s = shard->created_ms / 1000,
        .shard = shard->index,
    };
    mr_json_key(json, "SequenceNumberRange");
    mr_json_object(json);
    mr_json_key_string(json, "StartingSequenceNumber", kinesis_sequence_print(&sequence, text));
    if (atomic_load(&shard->end) != INT64_MAX) {
        sequence.position = INT64_MAX; /* AWS: the counter of an EndingSequenceNumber */
        mr_json_key_string(json, "EndingSequenceNumber", kinesis_sequence_print(&sequence, text));
    }
    mr_json_object_end(json);
}

void kinesis_write_shard(struct mr_json *json, const struct kinesis_shard *shard)
{
    char text[48];
    char id[KINESIS_ID_TEXT];
    mr_json_object(json);
    kinesis_shard_id(shard->index, id);
    mr_json_key_cstr(json, "ShardId", id);
    if (shard->parent >= 0) {
        kinesis_shard_id((uint32_t)shard->parent, id);
        mr_json_key_cstr(json, "ParentShardId", id);
    }
    if (shard->adjacent >= 0) {
        kinesis_shard_id((uint32_t)shard->adjacent, id);
        mr_json_key_cstr(json, "AdjacentParentShardId", id);
    }
    mr_json_key(json, "HashKeyRange");
    mr_json_object(json);
    mr_json_key_string(json, "StartingHashKey", kinesis_hash_print(shard->hash_start, text));
    mr_json_key_string(json, "EndingHashKey", kinesis_hash_print(shard->hash_end, text));
    mr_json_object_end(json);
    write_sequence_range(json, shard);
    mr_json_object_end(json);
}

/* The members that all descriptions share. */
static void write_common(struct mr_json *json, struct kinesis_stream *stream)
{
    mr_json_key_cstr(json, "StreamName", stream->name);
    mr_json_key_cstr(json, "StreamARN", stream->arn);
    mr_json_key_cstr(json, "StreamStatus",
                     kinesis_state_name((enum kinesis_state)atomic_load(&stream->state)));
    pthread_rwlock_rdlock(&stream->lock);
    const bool on_demand = stream->locked.on_demand;
    pthread_rwlock_unlock(&stream->lock);
    mr_json_key(json, "StreamModeDetails");
    mr_json_object(json);
    mr_json_key_cstr(json, "StreamMode", on_demand ? "ON_DEMAND" : "PROVISIONED");
    mr_json_object_end(json);
    mr_json_key_timestamp(json, "StreamCreationTimestamp", stream->created_ms);
}

static void write_settings(struct mr_json *json, struct kinesis_stream *stream)
{
    pthread_rwlock_rdlock(&stream->lock);
    mr_json_key_int(json, "RetentionPeriodHours", stream->locked.retention_hours);
    mr_json_key(json, "EnhancedMonitoring");
    mr_json_array(json);
    mr_json_object(json);
    kinesis_write_metrics(json, "ShardLevelMetrics", stream->locked.metrics);
    mr_json_object_end(json);
    mr_json_array_end(json);
    mr_json_key_cstr(json, "EncryptionType", stream->locked.key_id == NULL ? "NONE" : "KMS");
    if (stream->locked.key_id != NULL)
        mr_json_key_cstr(json, "KeyId", stream->locked.key_id);
    pthread_rwlock_unlock(&stream->lock);
}

size_t kinesis_index_after(struct kinesis_stream *stream, struct mr_slice id)
{
    if (id.len == 0)
        return 0;
    const struct kinesis_shard *shard = kinesis_shard_by_id(stream, id);
    return shard == NULL ? SIZE_MAX : shard->index + 1;
}

static void describe_stream(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const int64_t limit = mr_json_get_i64(call->in, "Limit", 100);
    const size_t count = kinesis_shard_count(stream);
    size_t i = kinesis_index_after(stream, mr_json_get_text(call->in, "ExclusiveStartShardId"));
    struct mr_json *json = &call->out;
    mr_json_key(json, "StreamDescription");
    mr_json_object(json);
    write_common(json, stream);
    mr_json_key(json, "Shards");
    mr_json_array(json);
    const int64_t horizon = kinesis_horizon(call->service, stream, stream->shards[0], call->now_ms);
    for (int64_t n = 0; i < count; i++) {
        if (atomic_load(&stream->shards[i]->end) <= horizon)
            continue; /* AWS: a closed shard goes when its last record does */
        if (n++ == limit)
            break;
        kinesis_write_shard(json, stream->shards[i]);
    }
    mr_json_array_end(json);
    mr_json_key_bool(json, "HasMoreShards", i < count);
    write_settings(json, stream);
    mr_json_object_end(json);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

static void describe_stream_summary(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    struct mr_json *json = &call->out;
    mr_json_key(json, "StreamDescriptionSummary");
    mr_json_object(json);
    write_common(json, stream);
    write_settings(json, stream);
    mr_json_key_int(json, "OpenShardCount", (int64_t)kinesis_stream_open_shards(stream));
    pthread_rwlock_rdlock(&stream->lock);
    mr_json_key_int(json, "ConsumerCount", (int64_t)stream->locked.consumer_count);
    mr_json_key_int(json, "MaxRecordSizeInKiB", stream->locked.record_kib);
    kinesis_write_warm(json, stream->locked.warm_mibps);
    pthread_rwlock_unlock(&stream->lock);
    mr_json_object_end(json);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

/* ---- lists ---- */

struct name_list {
    struct mr_json *json;
    struct mr_slice after;
    int64_t limit, count;
    bool more, summaries;
    struct mr_arena *arena;
    struct mr_slice last;
};

static void list_one(void *ctx, struct kinesis_stream *stream)
{
    struct name_list *list = ctx;
    const struct mr_slice name = kinesis_stream_name(stream);
    if (list->after.len > 0 && mr_slice_compare(name, list->after) <= 0)
        return;
    if (list->count == list->limit) {
        list->more = true;
        return;
    }
    list->count++;
    list->last = mr_arena_copy(list->arena, name);
    if (!list->summaries) {
        mr_json_string(list->json, name);
        return;
    }
    mr_json_object(list->json);
    write_common(list->json, stream);
    mr_json_object_end(list->json);
}

static void list_streams(struct protocol_call *call)
{
    struct mr_slice after = mr_json_get_text(call->in, "ExclusiveStartStreamName");
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    if (token.len > 0)
        after = token;
    struct name_list list = {
        .json = &call->out,
        .after = after,
        .limit = mr_json_get_i64(call->in, "Limit", 100),
        .arena = call->arena,
    };
    mr_json_key(&call->out, "StreamNames");
    mr_json_array(&call->out);
    kinesis_each(call->service, list_one, &list);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "HasMoreStreams", list.more);
    if (list.more)
        mr_json_key_string(&call->out, "NextToken", list.last);
    list.summaries = true;
    list.count = 0;
    mr_json_key(&call->out, "StreamSummaries");
    mr_json_array(&call->out);
    kinesis_each(call->service, list_one, &list);
    mr_json_array_end(&call->out);
}

/* ---- retention ---- */

static void change_retention(struct protocol_call *call, bool increase)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const long long hours = mr_json_get_i64(call->in, "RetentionPeriodHours", 24);
    pthread_rwlock_wrlock(&stream->lock);
    const long long now = stream->locked.retention_hours;
    const bool wrong = increase ? hours < now : hours > now;
    if (!wrong && hours >= KINESIS_RETENTION_HOURS_MIN && hours <= KINESIS_RETENTION_HOURS_MAX)
        stream->locked.retention_hours = hours;
    pthread_rwlock_unlock(&stream->lock);
    if (hours > KINESIS_RETENTION_HOURS_MAX)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Maximum allowed retention period is %d hours. Requested retention period "
                      "(%lld hours) is too long.",
                      KINESIS_RETENTION_HOURS_MAX, hours);
    else if (hours < KINESIS_RETENTION_HOURS_MIN)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Minimum allowed retention period is 24 hours. Requested retention period "
                      "(%lld hours) is too short.",
                      hours);
    else if (wrong)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Requested retention period (%lld hours) for stream %s can not be %s than "
                      "existing retention period (%lld hours). Use %s API.",
                      hours, stream->name, increase ? "shorter" : "longer", now,
                      increase ? "DecreaseRetentionPeriod" : "IncreaseRetentionPeriod");
    else
        kinesis_save_for(call, stream);
    kinesis_release(call->service, stream);
}

static void increase_retention(struct protocol_call *call)
{
    change_retention(call, true);
}

static void decrease_retention(struct protocol_call *call)
{
    change_retention(call, false);
}

const struct protocol_handler kinesis_control_handlers[] = {
    {.operation = "CreateStream", .run = create_stream},
    {.operation = "DeleteStream", .run = delete_stream},
    {.operation = "DescribeStream", .run = describe_stream},
    {.operation = "DescribeStreamSummary", .run = describe_stream_summary},
    {.operation = "ListStreams", .run = list_streams},
    {.operation = "IncreaseStreamRetentionPeriod", .run = increase_retention},
    {.operation = "DecreaseStreamRetentionPeriod", .run = decrease_retention},
};
const size_t kinesis_control_handler_count = MR_COUNT(kinesis_control_handlers);
