/* The wire: iterators, and records out. */
#include "kinesis/internal.h"

enum {
    GET_BYTES_MAX = 10 << 20,
    GET_RECORDS_MAX = 10000,
};

/* ---- GetShardIterator ---- */

static bool wants_sequence(struct mr_slice type)
{
    return mr_slice_equal(type, MR_S("AT_SEQUENCE_NUMBER")) ||
           mr_slice_equal(type, MR_S("AFTER_SEQUENCE_NUMBER"));
}

static void fail_sequence(struct protocol_call *call, const struct kinesis_stream *stream,
                          const struct kinesis_shard *shard, const struct kinesis_start *start,
                          const char *why)
{
    char id[KINESIS_ID_TEXT], text[KINESIS_SEQUENCE_TEXT];
    kinesis_shard_id(shard->index, id);
    protocol_fail(call, &kinesis_invalid_argument,
                  "StartingSequenceNumber %.*s used in %s on shard %s in stream %s under account "
                  "%.*s is invalid%s.",
                  MR_ARG(kinesis_sequence_shown(start->sequence, text)), start->operation, id,
                  stream->name, MR_ARG(call->account), why);
}

/* Sets iterator->position from a sequence number; false with the fault set. */
static bool position_by_sequence(struct protocol_call *call, struct kinesis_stream *stream,
                                 const struct kinesis_shard *shard,
                                 const struct kinesis_start *start,
                                 struct kinesis_iterator *iterator)
{
    struct kinesis_sequence sequence;
    const bool after = mr_slice_equal(start->type, MR_S("AFTER_SEQUENCE_NUMBER"));
    if (kinesis_sequence_parse(start->sequence, &sequence) != MR_OK)
        fail_sequence(call, stream, shard, start, "");
    else if (sequence.shard != shard->index)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Invalid StartingSequenceNumber. It encodes shardId-%012u, while it was used "
                      "in a call to a shard with shardId-%012u",
                      sequence.shard, shard->index);
    else if (sequence.version != 2 || sequence.created_s != shard->created_ms / 1000)
        fail_sequence(call, stream, shard, start, " because it did not come from this stream");
    /* Positions only rise, so the one behind a record's own is the next record's or before it. */
    iterator->position = (int64_t)sequence.position + (after && sequence.position < INT64_MAX);
    return !protocol_failed(call);
}

static bool position_by_time(struct protocol_call *call, yyjson_val *value,
                             struct kinesis_iterator *iterator)
{
    struct kinesis *kinesis = call->service;
    /* A double holds seconds to a quarter of a microsecond: what is a hair below a millisecond was
     * meant to be it. */
    const int64_t time_ms = (int64_t)(mr_json_double(value, 0) * 1000.0 + 0.01);
    if (value == NULL) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "Must specify timestampInMillis parameter for iterator of type "
                      "AT_TIMESTAMP. Current request has no timestamp parameter.");
        return false;
    }
    if (time_ms > call->now_ms) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "The timestampInMillis parameter cannot be greater than the "
                      "currentTimestampInMillis. timestampInMillis: %lld, "
                      "currentTimestampInMillis: %lld",
                      (long long)time_ms, (long long)call->now_ms);
        return false;
    }
    iterator->position = journal_seek_time(store_journal(kinesis->options.store), time_ms);
    iterator->not_before_ms = time_ms;
    return true;
}

bool kinesis_position(struct protocol_call *call, struct kinesis_stream *stream,
                      struct kinesis_shard *shard, const struct kinesis_start *start,
                      struct kinesis_iterator *iterator)
{
    struct kinesis *kinesis = call->service;
    if (wants_sequence(start->type) != start->has_sequence) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
                      "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
                      "StartingSequenceNumber. Request specified %.*s and %s.",
                      MR_ARG(start->type),
                      start->has_sequence ? "also a StartingSequenceNumber"
                                          : "no StartingSequenceNumber");
        return false;
    }
    bool good = true;
    if (start->has_sequence)
        good = position_by_sequence(call, stream, shard, start, iterator);
    else if (mr_slice_equal(start->type, MR_S("AT_TIMESTAMP")))
        good = position_by_time(call, start->timestamp, iterator);
    else if (mr_slice_equal(start->type, MR_S("LATEST")))
        iterator->position = journal_tail(store_journal(kinesis->options.store));
    const int64_t horizon = kinesis_horizon(kinesis, stream, shard, call->now_ms);
    if (iterator->position < horizon)
        iterator->position = horizon;
    return good;
}

void kinesis_fail_no_shard(struct protocol_call *call, struct mr_slice stream_name,
                           struct mr_slice shard_id)
{
    uint32_t index;
    if (kinesis_shard_index(shard_id, &index) == MR_OK)
        protocol_fail(call, &kinesis_not_found,
                      "Shard shardId-%012u in stream %.*s under account %.*s does not exist", index,
                      MR_ARG(stream_name), MR_ARG(call->account));
    else
        protocol_fail(call, &kinesis_not_found,
                      "Could not find shard %.*s in stream %.*s under account %.*s.",
                      MR_ARG(shard_id), MR_ARG(stream_name), MR_ARG(call->account));
}

struct kinesis_shard *kinesis_shard_to_read(struct protocol_call *call,
                                            struct kinesis_stream *stream)
{
    const struct mr_slice id = mr_json_get_text(call->in, "ShardId");
    struct kinesis_shard *shard = kinesis_shard_by_id(stream, id);
    /* Of the stream, not of the shard: one that a scaling passed through ends where it starts. */
    if (shard != NULL &&
        atomic_load(&shard->end) >
            kinesis_horizon(call->service, stream, stream->shards[0], call->now_ms))
        return shard;
    kinesis_fail_no_shard(call, kinesis_stream_name(stream), id);
    return NULL;
}

static void get_shard_iterator(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    struct kinesis_shard *shard = kinesis_shard_to_read(call, stream);
    if (shard != NULL) {
        struct kinesis_iterator iterator = {
            .created_ms = call->now_ms,
            .window = shard->window,
            .shard = shard->index,
            .stream = kinesis_stream_name(stream),
        };
        const struct kinesis_start start = {
            .type = mr_json_get_text(call->in, "ShardIteratorType"),
            .has_sequence = mr_json_get(call->in, "StartingSequenceNumber") != NULL,
            .sequence = mr_json_get_text(call->in, "StartingSequenceNumber"),
            .timestamp = mr_json_get(call->in, "Timestamp"),
            .operation = "GetShardIterator",
        };
        if (kinesis_position(call, stream, shard, &start, &iterator))
            mr_json_key_string(&call->out, "ShardIterator",
                               kinesis_iterator_print(call->service, call->arena, &iterator));
    }
    kinesis_release(call->service, stream);
}

/* ---- GetRecords ---- */

void kinesis_write_record(struct mr_json *json, const struct kinesis_stream *stream, size_t shard,
                          const struct journal_op *op, bool encrypted)
{
    char text[KINESIS_SEQUENCE_TEXT];
    mr_json_object(json);
    mr_json_key_string(json, "SequenceNumber",
                       kinesis_sequence_text(stream, shard, op->position, op->time_ms, text));
    mr_json_key_timestamp(json, "ApproximateArrivalTimestamp", op->time_ms);
    mr_json_key(json, "Data");
    mr_json_base64(json, op->value);
    mr_json_key_string(json, "PartitionKey", op->key);
    if (encrypted)
        mr_json_key_cstr(json, "EncryptionType", "KMS");
    mr_json_object_end(json);
}

struct page {
    int64_t next;      /* position to go on from */
    int64_t behind_ms; /* MillisBehindLatest */
    bool at_end;       /* a closed shard is read to its end */
    uint64_t records, bytes;
    int64_t last_ms; /* arrival of the last record; 0: there is none */
};

/* Writes the records of a page. Every position below the shard's `end` that is not behind the
 * durable position is seen. */
static enum mr_status write_page(struct protocol_call *call, struct kinesis_stream *stream,
                                 struct kinesis_shard *shard,
                                 const struct kinesis_iterator *iterator, struct page *ret_page)
{
    struct kinesis *kinesis = call->service;
    struct journal *journal = store_journal(kinesis->options.store);
    const int64_t end = atomic_load(&shard->end); /* before reading: what is below it is complete */
    const int64_t limit = mr_json_get_i64(call->in, "Limit", GET_RECORDS_MAX);
    struct journal_cursor cursor = {.position = iterator->position};
    struct journal_op op;
    const bool encrypted = kinesis_is_encrypted(stream);
    /* AWS: what has left the retention period since the iterator was made is passed over. */
    const int64_t horizon_ms = call->now_ms - kinesis_retention_ms(stream);
    const int64_t not_before_ms =
        horizon_ms > iterator->not_before_ms ? horizon_ms : iterator->not_before_ms;
    size_t bytes = 0;
    int64_t count = 0;
    enum mr_status status;
    *ret_page = (struct page){.next = cursor.position};
    for (;;) {
        status = journal_next(journal, shard->window, &cursor, &op);
        if (status == MR_NOT_FOUND) { /* trimmed meanwhile: go on from what is left */
            cursor.position = journal_first(journal);
            continue;
        }
        if (status != MR_OK)
            break;
        if (op.time_ms < not_before_ms) {
            ret_page->next = cursor.position;
            continue;
        }
        if (count == limit || (count > 0 && bytes + op.value.len + op.key.len > GET_BYTES_MAX)) {
            const int64_t behind = call->now_ms - op.time_ms;
            ret_page->behind_ms = behind > 0 ? behind : 0;
            break;
        }
        kinesis_write_record(&call->out, stream, shard->index, &op, encrypted);
        bytes += op.value.len + op.key.len;
        count++;
        ret_page->next = cursor.position;
        ret_page->records++;
        ret_page->bytes += op.value.len;
        ret_page->last_ms = op.time_ms;
    }
    if (status == MR_END) {
        ret_page->next = cursor.position;
        ret_page->at_end = end != INT64_MAX && cursor.position >= end;
    }
    journal_cursor_fini(&cursor);
    return status == MR_END ? MR_OK : status;
}

void kinesis_write_children(struct mr_json *json, const struct kinesis_stream *stream,
                            const struct kinesis_shard *shard)
{
    const size_t count = kinesis_shard_count(stream);
    char text[48], id[KINESIS_ID_TEXT];
    mr_json_key(json, "ChildShards");
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        const struct kinesis_shard *child = stream->shards[i];
        if (child->parent != (int)shard->index && child->adjacent != (int)shard->index)
            continue;
        mr_json_object(json);
        kinesis_shard_id(child->index, id);
        mr_json_key_cstr(json, "ShardId", id);
        mr_json_key(json, "ParentShards");
        mr_json_array(json);
        kinesis_shard_id((uint32_t)child->parent, id);
        mr_json_string(json, mr_slice_cstr(id));
        if (child->adjacent >= 0) {
            kinesis_shard_id((uint32_t)child->adjacent, id);
            mr_json_string(json, mr_slice_cstr(id));
        }
        mr_json_array_end(json);
        mr_json_key(json, "HashKeyRange");
        mr_json_object(json);
        mr_json_key_string(json, "StartingHashKey", kinesis_hash_print(child->hash_start, text));
        mr_json_key_string(json, "EndingHashKey", kinesis_hash_print(child->hash_end, text));
        mr_json_object_end(json);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void fail_expired(struct protocol_call *call, const struct kinesis_iterator *iterator)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[2][40];
    const int64_t times[2] = {iterator->created_ms, call->now_ms};
    for (size_t i = 0; i < 2; i++) {
        const struct mr_date d = mr_date_from_ms(times[i]);
        (void)snprintf(text[i], sizeof text[i], "%s %s %02d %02d:%02d:%02d UTC %d", days[d.weekday],
                       months[d.month - 1], d.day, d.hour, d.minute, d.second, d.year);
    }
    protocol_fail(call, &kinesis_expired_iterator,
                  "Iterator expired. The iterator was created at time %s while right now it is %s "
                  "which is further in the future than the tolerated delay of %d milliseconds.",
                  text[0], text[1], KINESIS_ITERATOR_LIFE_MS);
}

/* The stream and shard an iterator means, or NULL with the fault set. */
static struct kinesis_stream *stream_of_iterator(struct protocol_call *call,
                                                 struct kinesis_iterator *iterator)
{
    const struct mr_slice text = mr_json_get_text(call->in, "ShardIterator");
    if (kinesis_iterator_parse(call->arena, text, iterator) != MR_OK) {
        protocol_fail(call, &kinesis_invalid_argument, "Invalid ShardIterator.");
        return NULL;
    }
    if (call->now_ms - iterator->created_ms > KINESIS_ITERATOR_LIFE_MS) {
        fail_expired(call, iterator);
        return NULL;
    }
    struct kinesis_stream *stream = kinesis_find(call->service, iterator->stream);
    const struct mr_slice arn = mr_json_get_text(call->in, "StreamARN");
    if (stream != NULL && arn.len > 0 && !mr_slice_equal(arn, kinesis_stream_arn(stream))) {
        kinesis_release(call->service, stream);
        protocol_fail(call, &kinesis_invalid_argument,
                      "StreamARN and ShardIterator do not refer to the same stream.");
        return NULL;
    }
    if (stream != NULL && iterator->shard < kinesis_shard_count(stream) &&
        stream->shards[iterator->shard]->window == iterator->window)
        return stream;
    kinesis_release(call->service, stream);
    protocol_fail(call, &kinesis_not_found,
                  "Shard shardId-%012u in stream %.*s under account %.*s does not exist",
                  iterator->shard, MR_ARG(iterator->stream), MR_ARG(call->account));
    return NULL;
}

static void measure_page(struct kinesis_stream *stream, size_t shard, const struct page *page,
                         int64_t now_ms)
{
    const int64_t age_ms = page->last_ms == 0 ? 0 : now_ms - page->last_ms;
    const uint64_t age = age_ms > 0 ? (uint64_t)age_ms : 0;
    kinesis_meter(stream, KINESIS_GET_BYTES, page->bytes);
    kinesis_meter(stream, KINESIS_GET_RECORDS, page->records);
    kinesis_meter(stream, KINESIS_GET_AGE, age);
    kinesis_meter(stream, KINESIS_READ_EXCEEDED, 0);
    kinesis_meter_shard(stream, shard, KINESIS_SHARD_READ_EXCEEDED, 0);
    kinesis_meter_shard(stream, shard, KINESIS_SHARD_OUT_BYTES, page->bytes);
    kinesis_meter_shard(stream, shard, KINESIS_SHARD_OUT_RECORDS, page->records);
    kinesis_meter_shard(stream, shard, KINESIS_SHARD_AGE, age);
}

static void get_records(struct protocol_call *call)
{
    struct kinesis_iterator iterator;
    struct kinesis_stream *stream = stream_of_iterator(call, &iterator);
    if (stream == NULL)
        return;
    struct kinesis_shard *shard = stream->shards[iterator.shard];
    kinesis_meter_latency(call, stream, KINESIS_GET_LATENCY);
    if (!kinesis_flow_may_read(call->service, shard, call->now_ms)) {
        kinesis_fail_rate(call, stream, shard->index);
        kinesis_meter(stream, KINESIS_GET_SUCCESS, 0);
        kinesis_meter(stream, KINESIS_READ_EXCEEDED, 1);
        kinesis_meter_shard(stream, shard->index, KINESIS_SHARD_READ_EXCEEDED, 1);
        kinesis_release(call->service, stream);
        return;
    }
    struct page page;
    mr_json_key(&call->out, "Records");
    mr_json_array(&call->out);
    const enum mr_status status = write_page(call, stream, shard, &iterator, &page);
    mr_json_array_end(&call->out);
    if (page.at_end) {
        kinesis_write_children(&call->out, stream, shard);
    } else {
        iterator.created_ms = call->now_ms;
        iterator.position = page.next;
        mr_json_key_string(&call->out, "NextShardIterator",
                           kinesis_iterator_print(call->service, call->arena, &iterator));
    }
    mr_json_key_int(&call->out, "MillisBehindLatest", page.behind_ms);
    protocol_fail_internal(call, status);
    kinesis_flow_read(call->service, shard, page.bytes);
    kinesis_meter(stream, KINESIS_GET_SUCCESS, status == MR_OK);
    measure_page(stream, iterator.shard, &page, call->now_ms);
    kinesis_release(call->service, stream);
}

const struct protocol_handler kinesis_get_handlers[] = {
    {.operation = "GetShardIterator", .run = get_shard_iterator},
    {.operation = "GetRecords", .run = get_records},
};
const size_t kinesis_get_handler_count = MR_COUNT(kinesis_get_handlers);
