/* The wire: records in. */
#include "kinesis/internal.h"
#include "base/codec.h"

enum { PUT_BYTES_MAX = 10 << 20 };

/* ---- PutRecord ---- */

/* Reads one record of a request, `place` being where its data stand; false with the fault set. */
static bool read_record(struct protocol_call *call, yyjson_val *in, const char *place,
                        size_t bytes_max, struct kinesis_record *ret)
{
    *ret = (struct kinesis_record){
        .partition_key = mr_json_get_text(in, "PartitionKey"),
        .explicit_hash = mr_json_get_text(in, "ExplicitHashKey"),
    };
    kinesis_hash hash;
    if (ret->explicit_hash.len > 0 && kinesis_hash_parse(ret->explicit_hash, &hash) != MR_OK) {
        protocol_fail(
            call, &kinesis_invalid_argument,
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            "Specified value was %.*s",
            MR_ARG(ret->explicit_hash));
        return false;
    }
    if (mr_base64_decode(call->arena, mr_json_get_text(in, "Data"), &ret->data) != MR_OK) {
        static const struct protocol_fault serialization = {"SerializationException", 400, false};
        protocol_fail(call, &serialization, "Data is not base64");
        return false;
    }
    if (ret->data.len + ret->partition_key.len > bytes_max) {
        protocol_fail(call, &kinesis_validation,
                      "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                      "Member must have length less than or equal to %zu",
                      place, bytes_max);
        return false;
    }
    return true;
}

/* SequenceNumberForOrdering asks for a number above the given one, and every new one is. AWS: it
 * must be a number, of any stream, that is not of the future. */
static bool ordering_is_good(struct protocol_call *call, const struct kinesis_stream *stream)
{
    const struct mr_slice text = mr_json_get_text(call->in, "SequenceNumberForOrdering");
    struct kinesis_sequence sequence;
    char shown[KINESIS_SEQUENCE_TEXT];
    if (mr_json_get(call->in, "SequenceNumberForOrdering") == NULL ||
        (kinesis_sequence_parse(text, &sequence) == MR_OK &&
         sequence.time_s <= call->now_ms / 1000))
        return true;
    protocol_fail(
        call, &kinesis_invalid_argument,
        "ExclusiveMinimumSequenceNumber %.*s used in PutRecord on stream %s under account "
        "%.*s is invalid.",
        MR_ARG(kinesis_sequence_shown(text, shown)), stream->name, MR_ARG(call->account));
    return false;
}

static void write_put(struct mr_json *json, const struct kinesis_stream *stream,
                      const struct kinesis_record *record)
{
    char id[KINESIS_ID_TEXT], text[KINESIS_SEQUENCE_TEXT];
    kinesis_shard_id((uint32_t)record->shard, id);
    mr_json_key_cstr(json, "ShardId", id);
    mr_json_key_string(
        json, "SequenceNumber",
        kinesis_sequence_text(stream, record->shard, record->position, record->arrival_ms, text));
}

/* The records that their shards have room for, in their order; of the others `shard` alone is set.
 * Without limits all have. */
struct admitted {
    struct kinesis_record **records;
    size_t count, of;
};

static struct admitted admit(struct protocol_call *call, struct kinesis_stream *stream,
                             struct kinesis_record *records, size_t count)
{
    struct admitted admitted = {
        .records = MR_NEW_ARRAY(call->arena, struct kinesis_record *, count), .of = count};
    for (size_t i = 0; i < count; i++) {
        if (kinesis_flow_write(call->service, stream, &records[i], call->now_ms)) {
            admitted.records[admitted.count++] = &records[i];
            continue;
        }
        kinesis_meter(stream, KINESIS_WRITE_EXCEEDED, 1);
        kinesis_meter_shard(stream, records[i].shard, KINESIS_SHARD_WRITE_EXCEEDED, 1);
    }
    return admitted;
}

/* Puts what was admitted, at least one; false with the fault set. */
static bool put(struct protocol_call *call, struct kinesis_stream *stream,
                const struct admitted *admitted)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct kinesis_record *records = admitted->records[0]; /* all: they stand side by side */
    if (admitted->count < admitted->of) {
        records = MR_NEW_ARRAY(call->arena, struct kinesis_record, admitted->count);
        for (size_t i = 0; i < admitted->count; i++)
            records[i] = *admitted->records[i];
    }
    const enum mr_status status =
        kinesis_put(call->service, stream, records, admitted->count, &entry, &call->ticket);
    for (size_t i = 0; records != admitted->records[0] && i < admitted->count; i++)
        *admitted->records[i] = records[i];
    if (status == MR_NOT_FOUND)
        kinesis_fail_not_found(call, kinesis_stream_name(stream));
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void put_one(struct protocol_call *call, struct kinesis_stream *stream)
{
    struct kinesis_record record;
    if (!ordering_is_good(call, stream) ||
        !read_record(call, call->in, "data", kinesis_record_bytes_max(stream), &record))
        return;
    const struct admitted admitted = admit(call, stream, &record, 1);
    if (admitted.count == 0) {
        kinesis_fail_rate(call, stream, record.shard);
    } else if (put(call, stream, &admitted)) {
        kinesis_meter(stream, KINESIS_PUT_BYTES, record.data.len);
        write_put(&call->out, stream, &record);
        if (kinesis_is_encrypted(stream)) /* AWS: left out otherwise */
            mr_json_key_cstr(&call->out, "EncryptionType", "KMS");
    }
}

static void put_record(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    kinesis_meter_latency(call, stream, KINESIS_PUT_LATENCY);
    put_one(call, stream);
    kinesis_meter(stream, KINESIS_PUT_SUCCESS, !protocol_failed(call));
    kinesis_release(call->service, stream);
}

/* ---- PutRecords ---- */

static void measure_puts(struct kinesis_stream *stream, const struct admitted *admitted)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < admitted->count; i++)
        bytes += admitted->records[i]->data.len;
    kinesis_meter(stream, KINESIS_PUTS_BYTES, bytes);
    kinesis_meter(stream, KINESIS_PUTS_RECORDS, admitted->count);
    kinesis_meter(stream, KINESIS_PUTS_TOTAL, admitted->of);
    kinesis_meter(stream, KINESIS_PUTS_SUCCESSFUL, admitted->count);
    kinesis_meter(stream, KINESIS_PUTS_FAILED, 0); /* AWS: failures of the service's own */
    kinesis_meter(stream, KINESIS_PUTS_THROTTLED, admitted->of - admitted->count);
}

/* Reads all records; NULL with the fault set. */
static struct kinesis_record *read_records(struct protocol_call *call,
                                           const struct kinesis_stream *stream, yyjson_val *list)
{
    const size_t bytes_max = kinesis_record_bytes_max(stream);
    struct kinesis_record *records =
        MR_NEW_ARRAY(call->arena, struct kinesis_record, yyjson_arr_size(list));
    size_t bytes = 0, i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        char place[48];
        (void)snprintf(place, sizeof place, "records.%zu.member.data", i + 1);
        if (!read_record(call, item, place, bytes_max, &records[i]))
            return NULL;
        bytes += records[i].data.len + records[i].partition_key.len;
    }
    if (bytes <= PUT_BYTES_MAX)
        return records;
    protocol_fail(call, &kinesis_invalid_argument, "Records size exceeds 10 MB limit");
    return NULL;
}

static void write_refused(struct protocol_call *call, const struct kinesis_stream *stream,
                          const struct kinesis_record *record)
{
    mr_json_key_cstr(&call->out, "ErrorCode", kinesis_throughput.code);
    mr_json_key_string(&call->out, "ErrorMessage", kinesis_rate_text(call, stream, record->shard));
}

static void put_records_of(struct protocol_call *call, struct kinesis_stream *stream)
{
    yyjson_val *list = mr_json_get(call->in, "Records");
    const size_t count = yyjson_arr_size(list);
    struct kinesis_record *records = read_records(call, stream, list);
    if (records == NULL)
        return;
    const struct admitted admitted = admit(call, stream, records, count);
    if (admitted.count > 0 && !put(call, stream, &admitted))
        return;
    measure_puts(stream, &admitted);
    mr_json_key_int(&call->out, "FailedRecordCount", (int64_t)(count - admitted.count));
    mr_json_key(&call->out, "Records");
    mr_json_array(&call->out);
    for (size_t i = 0, next = 0; i < count; i++) {
        mr_json_object(&call->out);
        if (next < admitted.count && admitted.records[next] == &records[i]) {
            write_put(&call->out, stream, &records[i]);
            next++;
        } else {
            write_refused(call, stream, &records[i]);
        }
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (kinesis_is_encrypted(stream))
        mr_json_key_cstr(&call->out, "EncryptionType", "KMS");
}

static void put_records(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    kinesis_meter_latency(call, stream, KINESIS_PUTS_LATENCY);
    put_records_of(call, stream);
    kinesis_meter(stream, KINESIS_PUTS_SUCCESS, !protocol_failed(call));
    kinesis_release(call->service, stream);
}

const struct protocol_handler kinesis_put_handlers[] = {
    {.operation = "PutRecord", .run = put_record, .flags = PROTOCOL_INLINE},
    {.operation = "PutRecords", .run = put_records, .flags = PROTOCOL_INLINE},
};
const size_t kinesis_put_handler_count = MR_COUNT(kinesis_put_handlers);
