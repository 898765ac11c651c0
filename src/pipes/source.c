/* Both kinds of source, as one: a table's stream, and a Kinesis stream. */
#include "pipes/internal.h"
#include "base/codec.h"
#include <stdio.h>

enum mr_status pipe_source_open(struct pipe_source_handle *source, struct pipes *pipes,
                                const struct pipe_config *config)
{
    source->pipes = pipes;
    if (config->source_kind == PIPE_SOURCE_TABLE)
        source->table = streams_find(pipes->options.streams, config->source);
    else
        source->stream = kinesis_find(pipes->options.kinesis, config->source);
    return source->table == NULL && source->stream == NULL ? MR_NOT_FOUND : MR_OK;
}

void pipe_source_close(struct pipe_source_handle *source)
{
    streams_unref(source->table);
    if (source->stream != NULL)
        kinesis_release(source->pipes->options.kinesis, source->stream);
    *source = (struct pipe_source_handle){0};
}

bool pipe_source_is_gone(const struct pipe_source_handle *source)
{
    return source->stream != NULL && kinesis_stream_deleted(source->stream);
}

bool pipe_source_is_ended(const struct pipe_source_handle *source)
{
    return source->table != NULL && !streams_is_enabled(source->table);
}

struct mr_slice pipe_source_region(const struct pipe_source_handle *source)
{
    if (source->table != NULL)
        return mr_slice_cstr(streams_region(source->table));
    struct mr_slice rest = kinesis_stream_arn(source->stream), part = {0};
    for (int i = 0; i < 4; i++)
        (void)mr_slice_split(&rest, ':', &part);
    return part;
}

/* ---- shards ---- */

static size_t table_shards(const struct pipe_source_handle *source, struct mr_arena *arena,
                           struct pipe_shard_info **ret_shards)
{
    struct streams_shard *list = MR_NEW_ARRAY(arena, struct streams_shard, STREAMS_SHARDS_MAX);
    size_t count = streams_shards(source->table, list, STREAMS_SHARDS_MAX);
    count = count < STREAMS_SHARDS_MAX ? count : STREAMS_SHARDS_MAX;
    struct pipe_shard_info *out = MR_NEW_ARRAY(arena, struct pipe_shard_info, count + 1);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(out[i].id, sizeof out[i].id, "%s", list[i].id);
        if (list[i].parent != NULL)
            (void)snprintf(out[i].parents[0], sizeof out[i].parents[0], "%s", list[i].parent);
        out[i].window = list[i].window;
        out[i].start = list[i].start;
        out[i].end = list[i].end;
    }
    *ret_shards = out;
    return count;
}

static size_t kinesis_shards(const struct pipe_source_handle *source, struct mr_arena *arena,
                             struct pipe_shard_info **ret_shards)
{
    const size_t count = kinesis_shard_count(source->stream);
    struct pipe_shard_info *out = MR_NEW_ARRAY(arena, struct pipe_shard_info, count + 1);
    for (size_t i = 0; i < count; i++) {
        struct kinesis_shard_info shard, parent;
        if (kinesis_shard_get(source->stream, i, &shard) != MR_OK) {
            *ret_shards = out;
            return i;
        }
        (void)snprintf(out[i].id, sizeof out[i].id, "%s", shard.id);
        const int parents[PIPE_PARENTS_MAX] = {shard.parent, shard.adjacent};
        for (size_t k = 0; k < PIPE_PARENTS_MAX; k++)
            if (parents[k] >= 0 &&
                kinesis_shard_get(source->stream, (size_t)parents[k], &parent) == MR_OK)
                (void)snprintf(out[i].parents[k], sizeof out[i].parents[k], "%s", parent.id);
        out[i].index = i;
        out[i].window = shard.window;
        out[i].start = shard.start;
        out[i].end = shard.end;
    }
    *ret_shards = out;
    return count;
}

size_t pipe_source_shards(const struct pipe_source_handle *source, struct mr_arena *arena,
                          struct pipe_shard_info **ret_shards)
{
    return source->table != NULL ? table_shards(source, arena, ret_shards)
                                 : kinesis_shards(source, arena, ret_shards);
}

int64_t pipe_source_position(const struct pipe_source_handle *source,
                             const struct pipe_config *config, const struct pipe_shard_info *shard,
                             int64_t now_ms)
{
    struct streams *streams = source->pipes->options.streams;
    struct journal *journal = store_journal(source->pipes->options.store);
    if (config->start == PIPE_LATEST)
        return streams_latest(streams);
    struct streams_shard of_table;
    if (source->table != NULL)
        return streams_shard_find(source->table, mr_slice_cstr(shard->id), &of_table) == MR_OK
                   ? streams_trim_horizon(streams, &of_table)
                   : shard->start;
    const int64_t horizon_ms = now_ms - kinesis_retention_ms(source->stream);
    const int64_t from_ms = config->start == PIPE_AT_TIMESTAMP && config->start_time_ms > horizon_ms
                                ? config->start_time_ms
                                : horizon_ms;
    const int64_t position = journal_seek_time(journal, from_ms);
    return position > shard->start ? position : shard->start;
}

/* ---- reading ---- */

enum mr_status pipe_reader_open(struct pipe_reader *reader, const struct pipe_source_handle *source,
                                const struct pipe_shard_info *shard, int64_t position)
{
    *reader = (struct pipe_reader){
        .source = source, .window = shard->window, .index = shard->index, .open = true};
    memcpy(reader->shard_id, shard->id, sizeof reader->shard_id);
    reader->cursor.position = position;
    if (source->table == NULL)
        return MR_OK;
    const enum mr_status status =
        streams_reader_open(&reader->table, source->pipes->options.streams, source->table,
                            mr_slice_cstr(shard->id), position);
    reader->open = status == MR_OK;
    return status;
}

void pipe_reader_close(struct pipe_reader *reader)
{
    if (!reader->open)
        return;
    if (reader->source->table != NULL)
        streams_reader_close(&reader->table);
    else
        journal_cursor_fini(&reader->cursor);
    reader->open = false;
}

int64_t pipe_reader_position(const struct pipe_reader *reader)
{
    return reader->source->table != NULL ? streams_reader_position(&reader->table)
                                         : reader->cursor.position;
}

static enum mr_status next_record(struct pipe_reader *reader, struct pipe_raw *raw)
{
    struct journal *journal = store_journal(reader->source->pipes->options.store);
    struct kinesis_shard_info shard;
    /* Before reading: what is below the end is complete when there is one. */
    const bool known = kinesis_shard_get(reader->source->stream, reader->index, &shard) == MR_OK;
    const enum mr_status status = journal_next(journal, reader->window, &reader->cursor, &raw->op);
    if (status == MR_NOT_FOUND) {
        reader->cursor.position = journal_first(journal);
        return MR_NOT_FOUND;
    }
    if (status == MR_END) {
        const bool ended = known && shard.end != INT64_MAX && reader->cursor.position >= shard.end;
        return ended ? MR_END : MR_AGAIN;
    }
    if (status == MR_OK) {
        raw->position = raw->op.position;
        raw->time_ms = raw->op.time_ms;
        raw->hash = mr_crc32c(0, raw->op.key);
    }
    return status;
}

enum mr_status pipe_reader_next(struct pipe_reader *reader, struct pipe_raw *ret_raw)
{
    if (reader->source->table == NULL)
        return next_record(reader, ret_raw);
    const enum mr_status status = streams_reader_next(&reader->table, &ret_raw->change);
    if (status == MR_OK) {
        ret_raw->position = ret_raw->change.position;
        ret_raw->time_ms = ret_raw->change.time_ms;
        ret_raw->hash = mr_crc32c(0, ret_raw->change.keys);
    }
    return status;
}

/* ---- events ---- */

static struct mr_slice sequence_of(const struct pipe_reader *reader, const struct pipe_raw *raw,
                                   char ret[static KINESIS_SEQUENCE_TEXT])
{
    return kinesis_sequence_text(reader->source->stream, reader->index, raw->position, raw->time_ms,
                                 ret);
}

struct mr_slice pipe_reader_event_id(const struct pipe_reader *reader, const struct pipe_raw *raw,
                                     struct mr_arena *arena)
{
    char table_id[33], sequence[KINESIS_SEQUENCE_TEXT];
    if (reader->source->table != NULL) {
        streams_event_id(reader->source->table, raw->position, table_id);
        return mr_arena_copy(arena, mr_slice_cstr(table_id));
    }
    return mr_arena_printf(arena, "%s:%.*s", reader->shard_id,
                           MR_ARG(sequence_of(reader, raw, sequence)));
}

/* AWS: pipes hand a Kinesis record on flat, where event source mappings nest it below "kinesis". */
static void write_kinesis(struct mr_json *json, const struct pipe_reader *reader,
                          const struct pipe_raw *raw, struct mr_slice role)
{
    char sequence[KINESIS_SEQUENCE_TEXT], id[PIPE_SHARD_TEXT + KINESIS_SEQUENCE_TEXT];
    const struct mr_slice number = sequence_of(reader, raw, sequence);
    (void)snprintf(id, sizeof id, "%s:%.*s", reader->shard_id, MR_ARG(number));
    mr_json_object(json);
    mr_json_key_cstr(json, "kinesisSchemaVersion", "1.0");
    mr_json_key_string(json, "partitionKey", raw->op.key);
    mr_json_key_string(json, "sequenceNumber", number);
    mr_json_key(json, "data");
    mr_json_base64(json, raw->op.value);
    mr_json_key_timestamp(json, "approximateArrivalTimestamp", raw->time_ms);
    mr_json_key_cstr(json, "eventSource", "aws:kinesis");
    mr_json_key_cstr(json, "eventVersion", "1.0");
    mr_json_key_cstr(json, "eventID", id);
    mr_json_key_cstr(json, "eventName", "aws:kinesis:record");
    mr_json_key_string(json, "invokeIdentityArn", role);
    mr_json_key_string(json, "awsRegion", pipe_source_region(reader->source));
    mr_json_key_string(json, "eventSourceARN", kinesis_stream_arn(reader->source->stream));
    mr_json_object_end(json);
}

void pipe_reader_event(const struct pipe_reader *reader, const struct pipe_raw *raw,
                       struct mr_slice role, struct mr_buf *out)
{
    struct mr_json json = mr_json_make(out);
    if (reader->source->table != NULL)
        streams_record_json(&json, &raw->change, true);
    else
        write_kinesis(&json, reader, raw, role);
}

/* The event with its data as the JSON that it is, or as text when it is none. */
static yyjson_val *decode_data(struct mr_arena *arena, yyjson_val *event)
{
    struct mr_slice data;
    if (mr_base64_decode(arena, mr_json_get_text(event, "data"), &data) != MR_OK)
        return event;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(event, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        mr_json_name(&json, name);
        if (!mr_slice_equal(name, MR_S("data")))
            mr_json_value(&json, value);
        else if (mr_json_parse(arena, data, EVENT_DEPTH_MAX - 1) != NULL)
            mr_json_raw(&json, mr_slice_trim(data));
        else
            mr_json_string(&json, data);
    }
    mr_json_object_end(&json);
    yyjson_val *out = mr_json_parse(arena, mr_buf_slice(&buf), EVENT_DEPTH_MAX);
    mr_buf_fini(&buf);
    return out;
}

yyjson_val *pipe_event_root(struct mr_arena *arena, enum pipe_source kind, struct mr_slice text)
{
    yyjson_val *event = mr_json_parse(arena, text, EVENT_DEPTH_MAX);
    return event != NULL && kind == PIPE_SOURCE_KINESIS ? decode_data(arena, event) : event;
}
