/* What streams measure of themselves: the metrics of AWS/Kinesis. Those of shards only where
 * EnableEnhancedMonitoring has asked for them. */
#include "kinesis/internal.h"

#define SPACE "AWS/Kinesis"

static const struct meter_kind kinds[KINESIS_METERS] = {
    [KINESIS_IN_BYTES] = {"IncomingBytes", "Bytes", 1},
    [KINESIS_IN_RECORDS] = {"IncomingRecords", "Count", 1},
    [KINESIS_PUT_BYTES] = {"PutRecord.Bytes", "Bytes", 1},
    [KINESIS_PUT_LATENCY] = {"PutRecord.Latency", "Milliseconds", 1000},
    [KINESIS_PUT_SUCCESS] = {"PutRecord.Success", "Count", 1},
    [KINESIS_PUTS_BYTES] = {"PutRecords.Bytes", "Bytes", 1},
    [KINESIS_PUTS_LATENCY] = {"PutRecords.Latency", "Milliseconds", 1000},
    [KINESIS_PUTS_SUCCESS] = {"PutRecords.Success", "Count", 1},
    [KINESIS_PUTS_RECORDS] = {"PutRecords.Records", "Count", 1},
    [KINESIS_PUTS_TOTAL] = {"PutRecords.TotalRecords", "Count", 1},
    [KINESIS_PUTS_SUCCESSFUL] = {"PutRecords.SuccessfulRecords", "Count", 1},
    [KINESIS_PUTS_FAILED] = {"PutRecords.FailedRecords", "Count", 1},
    [KINESIS_PUTS_THROTTLED] = {"PutRecords.ThrottledRecords", "Count", 1},
    [KINESIS_GET_BYTES] = {"GetRecords.Bytes", "Bytes", 1},
    [KINESIS_GET_RECORDS] = {"GetRecords.Records", "Count", 1},
    [KINESIS_GET_LATENCY] = {"GetRecords.Latency", "Milliseconds", 1000},
    [KINESIS_GET_SUCCESS] = {"GetRecords.Success", "Count", 1},
    [KINESIS_GET_AGE] = {"GetRecords.IteratorAgeMilliseconds", "Milliseconds", 1},
    [KINESIS_READ_EXCEEDED] = {"ReadProvisionedThroughputExceeded", "Count", 1},
    [KINESIS_WRITE_EXCEEDED] = {"WriteProvisionedThroughputExceeded", "Count", 1},
};
static const struct meter_kind consumer_kinds[KINESIS_CONSUMER_METERS] = {
    [KINESIS_SUBSCRIBE_EXCEEDED] = {"SubscribeToShard.RateExceeded", "Count", 1},
    [KINESIS_SUBSCRIBED] = {"SubscribeToShard.Success", "Count", 1},
    [KINESIS_EVENT_SUCCESS] = {"SubscribeToShardEvent.Success", "Count", 1},
    [KINESIS_EVENT_BYTES] = {"SubscribeToShardEvent.Bytes", "Bytes", 1},
    [KINESIS_EVENT_RECORDS] = {"SubscribeToShardEvent.Records", "Count", 1},
    [KINESIS_EVENT_BEHIND] = {"SubscribeToShardEvent.MillisBehindLatest", "Milliseconds", 1},
};
/* As kinesis_metric_names. */
static const struct meter_kind shard_kinds[KINESIS_METRICS] = {
    {"IncomingBytes", "Bytes", 1},
    {"IncomingRecords", "Count", 1},
    {"OutgoingBytes", "Bytes", 1},
    {"OutgoingRecords", "Count", 1},
    {"WriteProvisionedThroughputExceeded", "Count", 1},
    {"ReadProvisionedThroughputExceeded", "Count", 1},
    {"IteratorAgeMilliseconds", "Milliseconds", 1},
};

void kinesis_meters_init(struct kinesis *kinesis, struct kinesis_stream *stream)
{
    meter_set_init(&stream->meters, kinesis->options.meters, SPACE, kinds, KINESIS_METERS);
    meter_set_dimension(&stream->meters, "StreamName", mr_slice_cstr(stream->name));
}

void kinesis_meter(struct kinesis_stream *stream, enum kinesis_meter kind, uint64_t value)
{
    meter_set_add(&stream->meters, kind, value);
}

void kinesis_meter_latency(struct protocol_call *call, struct kinesis_stream *stream,
                           enum kinesis_meter kind)
{
    if (call->exchange != NULL)
        call->exchange->meters[1] = meter_set_get(&stream->meters, kind);
}

void kinesis_meter_consumer(struct kinesis_stream *stream, struct mr_slice consumer_arn,
                            enum kinesis_consumer_meter kind, uint64_t value)
{
    /* ".../consumer/NAME:1718000000" */
    struct mr_slice rest = consumer_arn, name = {0};
    while (mr_slice_split(&rest, '/', &name))
        continue;
    const struct meter_dimension dimensions[] = {
        {"ConsumerName", mr_slice_sub(name, 0, mr_slice_find(name, ':'))},
        {"StreamName", mr_slice_cstr(stream->name)}};
    meter_add(meters_get(stream->meters.meters, SPACE, &consumer_kinds[kind], dimensions, 2),
              value);
}

void kinesis_meter_shard(struct kinesis_stream *stream, size_t shard,
                         enum kinesis_shard_meter metric, uint64_t value)
{
    if ((atomic_load_explicit(&stream->measured, memory_order_relaxed) >> metric & 1U) == 0)
        return;
    char id[KINESIS_ID_TEXT];
    kinesis_shard_id((uint32_t)shard, id);
    const struct meter_dimension dimensions[] = {{"ShardId", mr_slice_cstr(id)},
                                                 {"StreamName", mr_slice_cstr(stream->name)}};
    meter_add(meters_get(stream->meters.meters, SPACE, &shard_kinds[metric], dimensions, 2), value);
}
