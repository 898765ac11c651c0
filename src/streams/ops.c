/* The four operations of the Streams API. */
#include "protocol/protocol.h"
#include "streams/internal.h"
#include <inttypes.h>

enum {
    ITERATOR_LIFE_MS = 15 * 60 * 1000,
    PAGE_RECORDS = 1000,
    PAGE_BYTES = 1 << 20,
    PAGE_SKIPPED = 20000, /* changes of a shard's siblings: then the page ends, and may be empty */
    LIST_MAX = 100,
};

static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};
static const struct protocol_fault trimmed = {"TrimmedDataAccessException", 400, false};
static const struct protocol_fault expired = {"ExpiredIteratorException", 400, false};

/* "arn:aws:dynamodb:R:A:table/T/stream/L" */
static bool arn_is_well_formed(struct mr_slice arn)
{
    struct mr_slice rest = arn, part;
    for (int i = 0; i < 5; i++) {
        if (!mr_slice_split(&rest, ':', &part) || part.len == 0)
            return false;
    }
    return mr_slice_starts_with(arn, MR_S("arn:aws")) && rest.ptr != NULL &&
           mr_slice_starts_with(rest, MR_S("table/")) &&
           mr_slice_search(rest, MR_S("/stream/")) != SIZE_MAX;
}

static enum mr_status check_arn(struct protocol_call *call, struct mr_slice arn)
{
    if (arn_is_well_formed(arn))
        return MR_OK;
    return protocol_fail(call, &protocol_validation, "Invalid StreamArn: %.*s", MR_ARG(arn));
}

/* The stream named by the request, or NULL after setting the fault. */
static struct streams_stream *find_stream(struct protocol_call *call, struct mr_slice arn)
{
    struct streams *streams = call->service;
    if (check_arn(call, arn) != MR_OK)
        return NULL;
    struct streams_stream *stream = streams_find(streams, arn);
    if (stream == NULL)
        protocol_fail(call, &not_found, "Requested resource not found: Stream: %.*s not found",
                      MR_ARG(arn));
    return stream;
}

/* Limit, or `most` when there is none. AWS: the model has no upper bound for it, the service has.
 */
static enum mr_status read_limit(struct protocol_call *call, int64_t most, int64_t *ret_limit)
{
    *ret_limit = mr_json_get_i64(call->in, "Limit", most);
    if (*ret_limit <= most)
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "1 validation error detected: Value '%" PRId64
                         "' at 'limit' failed to satisfy constraint: Member must have value less "
                         "than or equal to %" PRId64,
                         *ret_limit, most);
}

/* ---- ListStreams ---- */

static void list_stream_json(struct mr_json *json, const struct streams_stream *stream)
{
    mr_json_object(json);
    mr_json_key_cstr(json, "StreamArn", stream->arn);
    mr_json_key_cstr(json, "TableName", stream->table);
    mr_json_key_cstr(json, "StreamLabel", stream->label);
    mr_json_object_end(json);
}

/* From where a list goes on behind the stream that ended the page before. That one may be gone by
 * now: then with the first that was enabled later, which labels tell. */
static size_t index_behind(struct streams_stream *const *list, size_t count, struct mr_slice arn)
{
    const size_t at = mr_slice_search(arn, MR_S("/stream/"));
    if (at == SIZE_MAX)
        return 0;
    const struct mr_slice label = mr_slice_sub(arn, at + sizeof("/stream/") - 1, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (mr_slice_equal(mr_slice_cstr(list[i]->arn), arn))
            return i + 1;
    }
    size_t i = 0;
    while (i < count && mr_slice_compare(mr_slice_cstr(list[i]->label), label) <= 0)
        i++;
    return i;
}

static void list_streams(struct protocol_call *call)
{
    struct mr_slice table = mr_json_get_text(call->in, "TableName");
    struct mr_slice after = mr_json_get_text(call->in, "ExclusiveStartStreamArn");
    int64_t limit;
    size_t count;
    if (read_limit(call, LIST_MAX, &limit) != MR_OK ||
        (after.len > 0 && check_arn(call, after) != MR_OK))
        return;
    struct streams_stream **list = streams_list(call->service, call->arena, &count);
    const char *last = NULL, *more = NULL;
    mr_json_key(&call->out, "Streams");
    mr_json_array(&call->out);
    for (size_t i = index_behind(list, count, after); i < count && more == NULL; i++) {
        if (table.len > 0 && !mr_slice_equal(mr_slice_cstr(list[i]->table), table))
            continue;
        if (limit > 0) {
            list_stream_json(&call->out, list[i]);
            last = list[i]->arn;
            limit--;
        } else {
            more = mr_arena_cstr(call->arena, mr_slice_cstr(last));
        }
    }
    mr_json_array_end(&call->out);
    if (more != NULL)
        mr_json_key_cstr(&call->out, "LastEvaluatedStreamArn", more);
    for (size_t i = 0; i < count; i++)
        streams_unref(list[i]);
}

/* ---- DescribeStream ---- */

static void shard_json(struct mr_json *json, const struct streams_shard *shard)
{
    char text[22];
    mr_json_object(json);
    mr_json_key_cstr(json, "ShardId", shard->id);
    mr_json_key(json, "SequenceNumberRange");
    mr_json_object(json);
    streams_sequence_text(shard->start, text);
    mr_json_key_cstr(json, "StartingSequenceNumber", text);
    if (shard->end != INT64_MAX) {
        streams_sequence_text(shard->end, text);
        mr_json_key_cstr(json, "EndingSequenceNumber", text);
    }
    mr_json_object_end(json);
    if (shard->parent != NULL)
        mr_json_key_cstr(json, "ParentShardId", shard->parent);
    mr_json_object_end(json);
}

/* The id of the shard whose children are asked for; empty: no filter. */
static enum mr_status read_filter(struct protocol_call *call, struct mr_slice *ret_parent)
{
    yyjson_val *filter = mr_json_get(call->in, "ShardFilter");
    *ret_parent = (struct mr_slice){0};
    if (filter == NULL)
        return MR_OK;
    struct mr_slice type = mr_json_get_text(filter, "Type");
    *ret_parent = mr_json_get_text(filter, "ShardId");
    if (type.len == 0)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: ShardFilter must have a "
                             "Type");
    if (ret_parent->len == 0)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: ShardFilter of Type "
                             "CHILD_SHARDS must have a ShardId");
    if (!mr_slice_starts_with(*ret_parent, MR_S("shardId-")))
        return protocol_fail(call, &protocol_validation, "Invalid ShardId in ShardFilter: %.*s",
                             MR_ARG(*ret_parent));
    return MR_OK;
}

/* To be called before the reply tells of shards: what it tells shall be durable. */
static void wait_for_shards(struct protocol_call *call, struct streams_stream *stream)
{
    const int64_t changed = atomic_load(&stream->changed);
    if (changed > call->ticket)
        call->ticket = changed;
}

static void shards_json(struct protocol_call *call, struct streams_stream *stream,
                        struct mr_slice parent, int64_t limit)
{
    struct mr_slice after = mr_json_get_text(call->in, "ExclusiveStartShardId");
    wait_for_shards(call, stream);
    const size_t room = streams_shards(stream, NULL, 0) + 1; /* one may be opened meanwhile */
    struct streams_shard *shards = MR_NEW_ARRAY(call->arena, struct streams_shard, room);
    size_t count = streams_shards(stream, shards, room);
    count = count < room ? count : room;
    bool begun = after.len == 0, more = false;
    const char *last = NULL;
    mr_json_key(&call->out, "Shards");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        struct mr_slice own_parent = mr_slice_cstr(shards[i].parent);
        bool wanted = (parent.len == 0 || mr_slice_equal(own_parent, parent)) &&
                      !streams_shard_is_gone(&shards[i], call->now_ms);
        if (begun && wanted && limit > 0) {
            shard_json(&call->out, &shards[i]);
            last = shards[i].id;
            limit--;
        } else if (begun && wanted) {
            more = true;
        }
        begun = begun || mr_slice_equal(mr_slice_cstr(shards[i].id), after);
    }
    mr_json_array_end(&call->out);
    if (more)
        mr_json_key_cstr(&call->out, "LastEvaluatedShardId", last);
}

static void key_schema_json(struct mr_json *json, const struct streams_stream *stream)
{
    mr_json_key(json, "KeySchema");
    mr_json_array(json);
    for (size_t i = 0; i < stream->key_count; i++) {
        mr_json_object(json);
        mr_json_key_string(json, "AttributeName", stream->keys[i].name);
        mr_json_key_cstr(json, "KeyType", stream->keys[i].range ? "RANGE" : "HASH");
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void describe_stream(struct protocol_call *call)
{
    struct mr_slice parent;
    int64_t limit;
    if (read_limit(call, LIST_MAX, &limit) != MR_OK)
        return;
    struct streams_stream *stream = find_stream(call, mr_json_get_text(call->in, "StreamArn"));
    if (stream == NULL)
        return;
    if (read_filter(call, &parent) == MR_OK) {
        mr_json_key(&call->out, "StreamDescription");
        mr_json_object(&call->out);
        mr_json_key_cstr(&call->out, "StreamArn", stream->arn);
        mr_json_key_cstr(&call->out, "StreamLabel", stream->label);
        mr_json_key_cstr(&call->out, "StreamStatus",
                         streams_is_enabled(stream) ? "ENABLED" : "DISABLED");
        mr_json_key_cstr(&call->out, "StreamViewType", streams_view_name(stream->view));
        mr_json_key_timestamp(&call->out, "CreationRequestDateTime", stream->created_ms);
        mr_json_key_cstr(&call->out, "TableName", stream->table);
        key_schema_json(&call->out, stream);
        shards_json(call, stream, parent, limit);
        mr_json_object_end(&call->out);
    }
    streams_unref(stream);
}

/* ---- GetShardIterator ---- */

static enum mr_status sequence_of(struct protocol_call *call, bool after, int64_t *ret_position)
{
    struct streams *streams = call->service;
    struct mr_slice text = mr_json_get_text(call->in, "SequenceNumber");
    if (text.len == 0)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: SequenceNumber must be "
                             "provided for ShardIteratorType %s",
                             after ? "AFTER_SEQUENCE_NUMBER" : "AT_SEQUENCE_NUMBER");
    if (streams_sequence_parse(text, ret_position) != MR_OK)
        return protocol_fail(call, &protocol_validation, "Invalid SequenceNumber: %.*s",
                             MR_ARG(text));
    if (*ret_position < streams_horizon(streams))
        return protocol_fail(call, &trimmed,
                             "The operation attempted to read past the oldest stream record in a "
                             "shard: %.*s",
                             MR_ARG(text));
    if (after)
        ++*ret_position;
    return MR_OK;
}

static enum mr_status start_position(struct protocol_call *call, const struct streams_shard *shard,
                                     int64_t *ret_position)
{
    struct streams *streams = call->service;
    struct mr_slice type = mr_json_get_text(call->in, "ShardIteratorType");
    if (mr_slice_equal(type, MR_S("AT_SEQUENCE_NUMBER")))
        return sequence_of(call, false, ret_position);
    if (mr_slice_equal(type, MR_S("AFTER_SEQUENCE_NUMBER")))
        return sequence_of(call, true, ret_position);
    if (mr_json_get(call->in, "SequenceNumber") != NULL)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: SequenceNumber must not "
                             "be provided for ShardIteratorType %.*s",
                             MR_ARG(type));
    if (mr_slice_equal(type, MR_S("LATEST"))) {
        *ret_position = streams_latest(streams);
        call->ticket = *ret_position; /* what is not durable yet may come again at its position */
    } else {
        *ret_position = streams_trim_horizon(streams, shard);
    }
    return MR_OK;
}

static void get_shard_iterator(struct protocol_call *call)
{
    struct streams_shard shard;
    struct streams_stream *stream = find_stream(call, mr_json_get_text(call->in, "StreamArn"));
    if (stream == NULL)
        return;
    struct mr_slice id = mr_json_get_text(call->in, "ShardId");
    struct streams_iterator iterator = {.issued_ms = call->now_ms};
    wait_for_shards(call, stream);
    if (streams_shard_find(stream, id, &shard) != MR_OK ||
        streams_shard_is_gone(&shard, call->now_ms)) {
        protocol_fail(call, &not_found,
                      "Requested resource not found: Shard: %.*s in Stream: %s not found",
                      MR_ARG(id), stream->arn);
    } else if (start_position(call, &shard, &iterator.position) == MR_OK) {
        iterator.window = shard.window;
        iterator.hash_from = shard.hash_from;
        iterator.start = shard.start;
        mr_json_key_string(&call->out, "ShardIterator",
                           streams_iterator_text(call->arena, stream, &iterator));
    }
    streams_unref(stream);
}

/* ---- GetRecords ---- */

static const char trimmed_text[] =
    "The operation attempted to read past the oldest stream record in a shard";

/* What was read, under AWS's names; the latency is taken when the reply may leave. */
static void measure_page(struct protocol_call *call, struct streams_stream *stream,
                         uint64_t records, uint64_t bytes)
{
    static const struct meter_kind kinds[] = {{"ReturnedRecordsCount", "Count", 1},
                                              {"ReturnedBytes", "Bytes", 1},
                                              {"SuccessfulRequestLatency", "Milliseconds", 1000}};
    const struct meter_dimension dimensions[] = {
        {"Operation", MR_S("GetRecords")},
        {"StreamLabel", mr_slice_cstr(streams_label(stream))},
        {"TableName", mr_slice_cstr(streams_table(stream))}};
    struct streams *streams = call->service;
    struct meter *meters[MR_COUNT(kinds)];
    for (size_t i = 0; i < MR_COUNT(kinds); i++)
        meters[i] = meters_get(streams->meters, "AWS/DynamoDB", &kinds[i], dimensions,
                               MR_COUNT(dimensions));
    meter_add(meters[0], records);
    meter_add(meters[1], bytes);
    if (call->exchange != NULL)
        call->exchange->meters[1] = meters[2];
}

struct page {
    uint64_t records, bytes;
    int64_t position; /* to go on from */
};

/* Writes records until the page is full or nothing is left. MR_END: the shard is closed and all of
 * it was read. MR_NOT_FOUND: the iterator's next record is older than a stream keeps one. */
static enum mr_status records_json(struct protocol_call *call, struct streams_reader *reader,
                                   int64_t limit, struct page *page)
{
    struct streams_record record;
    enum mr_status status;
    for (;;) {
        page->position = streams_reader_position(reader);
        status = streams_reader_next(reader, &record);
        if (status == MR_OK && record.time_ms < call->now_ms - STREAMS_KEPT_MS &&
            page->records == 0)
            return MR_NOT_FOUND;
        if (status != MR_OK || limit == 0)
            break;
        if (page->bytes > 0 && page->bytes + record.size_bytes > PAGE_BYTES)
            break;
        streams_record_json(&call->out, &record, false);
        page->bytes += record.size_bytes;
        page->records++;
        limit--;
    }
    if (status == MR_AGAIN || status == MR_END)
        page->position = streams_reader_position(reader);
    return status;
}

static void read_page(struct protocol_call *call, struct streams_stream *stream,
                      struct streams_iterator iterator, int64_t limit)
{
    struct streams_reader reader = {0};
    struct streams_shard shard;
    if (streams_shard_at(stream, iterator.window, iterator.hash_from, iterator.start, &shard) !=
            MR_OK ||
        streams_shard_is_gone(&shard, call->now_ms) ||
        streams_reader_open(&reader, call->service, stream, mr_slice_cstr(shard.id),
                            iterator.position) != MR_OK) {
        protocol_fail(call, &trimmed, trimmed_text);
        return;
    }
    reader.skip_left = PAGE_SKIPPED;
    mr_json_key(&call->out, "Records");
    mr_json_array(&call->out);
    struct page page = {.position = iterator.position};
    const enum mr_status status = records_json(call, &reader, limit, &page);
    iterator.position = page.position;
    mr_json_array_end(&call->out);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &trimmed, trimmed_text);
    else if (status < 0)
        protocol_fail_internal(call, status);
    else
        measure_page(call, stream, page.records, page.bytes);
    wait_for_shards(call, stream);
    if (status != MR_END) {
        iterator.issued_ms = call->now_ms;
        mr_json_key_string(&call->out, "NextShardIterator",
                           streams_iterator_text(call->arena, stream, &iterator));
    }
    streams_reader_close(&reader);
}

static void get_records(struct protocol_call *call)
{
    struct streams_iterator iterator;
    struct mr_slice arn;
    struct mr_slice text = mr_json_get_text(call->in, "ShardIterator");
    int64_t limit;
    if (read_limit(call, PAGE_RECORDS, &limit) != MR_OK)
        return;
    if (streams_iterator_read(call->arena, text, &arn, &iterator) != MR_OK) {
        protocol_fail(call, &protocol_validation, "Invalid ShardIterator");
        return;
    }
    struct streams_stream *stream = find_stream(call, arn);
    if (stream == NULL)
        return;
    if (call->now_ms - iterator.issued_ms > ITERATOR_LIFE_MS)
        protocol_fail(call, &expired,
                      "Iterator expired. The iterator was created at time %" PRId64
                      " while right now it is %" PRId64 " which is further in the future than the "
                      "tolerated delay of %d milliseconds.",
                      iterator.issued_ms, call->now_ms, ITERATOR_LIFE_MS);
    else
        read_page(call, stream, iterator, limit);
    streams_unref(stream);
}

static const struct protocol_handler handlers[] = {
    {.operation = "ListStreams", .run = list_streams, .flags = PROTOCOL_INLINE},
    {.operation = "DescribeStream", .run = describe_stream, .flags = PROTOCOL_INLINE},
    {.operation = "GetShardIterator", .run = get_shard_iterator},
    {.operation = "GetRecords", .run = get_records},
};

void streams_register(struct streams *streams, struct protocol *protocol)
{
    protocol_register(protocol, "dynamodbstreams", handlers, MR_COUNT(handlers), streams);
}
