/* What a mapping reads: the shards of a table's stream or of a Kinesis stream. */
#include "lambda/mapping.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

static const struct lambda_options *options_of(const struct mapping *mapping)
{
    return &mapping->owner->lambda->options;
}

struct mr_slice mapping_cursor_name(struct mr_arena *arena, const struct mapping *mapping,
                                    struct mr_slice shard_id)
{
    return mr_arena_printf(arena, "esm/%s/%.*s", mapping->uuid, MR_ARG(shard_id));
}

struct mr_slice mapping_stream_arn(struct mr_slice source)
{
    return mr_slice_sub(source, 0, mr_slice_search(source, MR_S("/consumer/")));
}

/* `source` is the stream itself, or a consumer that is registered with it. */
static bool is_source(struct kinesis_stream *stream, struct mr_slice source)
{
    return mapping_stream_arn(source).len == source.len || kinesis_consumer_exists(stream, source);
}

bool mapping_source_exists(struct lambda *lambda, struct mr_slice arn)
{
    struct streams_stream *table = streams_find(lambda->options.streams, arn);
    struct kinesis_stream *stream = kinesis_find(lambda->options.kinesis, mapping_stream_arn(arn));
    const bool is_kinesis = mr_slice_starts_with(arn, MR_S("arn:aws:kinesis:"));
    const bool found = is_kinesis ? stream != NULL && is_source(stream, arn) : table != NULL;
    streams_unref(table);
    if (stream != NULL)
        kinesis_release(lambda->options.kinesis, stream);
    return found;
}

static void find_role(struct mapping *mapping)
{
    struct mr_slice name, qualifier;
    lambda_name_split(mapping->config.function, &name, &qualifier);
    mr_buf_reset(&mapping->role);
    struct lambda_function *function = lambda_function_find(mapping->owner->lambda, name);
    if (function == NULL)
        return;
    pthread_mutex_lock(&function->lock);
    mr_buf_append(&mapping->role, mr_json_get_text(function->locked.record.config->doc, "Role"));
    pthread_mutex_unlock(&function->lock);
    lambda_function_unref(function);
}

bool mapping_source_find(struct mapping *mapping)
{
    const struct lambda_options *options = options_of(mapping);
    if (mapping->stream != NULL && kinesis_stream_deleted(mapping->stream)) {
        pthread_mutex_lock(&mapping->lock);
        const bool busy = mapping->locked.running > 0;
        pthread_mutex_unlock(&mapping->lock);
        if (busy)
            return false;
        mapping_source_close(mapping);
    }
    find_role(mapping);
    if (mapping->config.kinesis && mapping->stream == NULL)
        mapping->stream = kinesis_find(options->kinesis, mapping->config.stream);
    if (!mapping->config.kinesis && mapping->table == NULL)
        mapping->table = streams_find(options->streams, mapping->config.source);
    if (!mapping->config.kinesis)
        return mapping->table != NULL;
    return mapping->stream != NULL && is_source(mapping->stream, mapping->config.source);
}

/* ---- the list of shards ---- */

struct source_shard {
    const char *id;
    const char *parents[2]; /* NULL: none */
    uint32_t window;
    int64_t start, end;
    size_t index;
};

static struct source_shard *list_kinesis(struct mapping *mapping, struct mr_arena *arena,
                                         size_t *ret_count)
{
    const size_t count = kinesis_shard_count(mapping->stream);
    struct kinesis_shard_info *info = MR_NEW_ARRAY(arena, struct kinesis_shard_info, count + 1);
    struct source_shard *list = MR_NEW_ARRAY(arena, struct source_shard, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (kinesis_shard_get(mapping->stream, i, &info[i]) != MR_OK)
            break;
        const int parents[2] = {info[i].parent, info[i].adjacent};
        list[i] = (struct source_shard){.id = info[i].id,
                                        .window = info[i].window,
                                        .start = info[i].start,
                                        .end = info[i].end,
                                        .index = i};
        for (size_t j = 0; j < 2; j++)
            if (parents[j] >= 0 && (size_t)parents[j] < i)
                list[i].parents[j] = info[parents[j]].id;
        *ret_count = i + 1;
    }
    return list;
}

static struct source_shard *list_table(struct mapping *mapping, struct mr_arena *arena,
                                       size_t *ret_count)
{
    struct streams_shard *shards = MR_NEW_ARRAY(arena, struct streams_shard, STREAMS_SHARDS_MAX);
    struct source_shard *list = MR_NEW_ARRAY(arena, struct source_shard, STREAMS_SHARDS_MAX);
    size_t count = streams_shards(mapping->table, shards, STREAMS_SHARDS_MAX);
    count = count < STREAMS_SHARDS_MAX ? count : STREAMS_SHARDS_MAX;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct source_shard){.id = shards[i].id,
                                        .parents = {shards[i].parent, NULL},
                                        .window = shards[i].window,
                                        .start = shards[i].start,
                                        .end = shards[i].end};
    *ret_count = count;
    return list;
}

static struct source_shard *list_shards(struct mapping *mapping, struct mr_arena *arena,
                                        size_t *ret_count)
{
    *ret_count = 0;
    return mapping->config.kinesis ? list_kinesis(mapping, arena, ret_count)
                                   : list_table(mapping, arena, ret_count);
}

/* ---- where to begin ---- */

static int64_t horizon_ms(const struct mapping *mapping)
{
    const int64_t now_ms = store_now(options_of(mapping)->store);
    return now_ms - kinesis_retention_ms(mapping->stream);
}

static int64_t first_position(struct mapping *mapping, const struct source_shard *shard)
{
    const struct lambda_options *options = options_of(mapping);
    struct journal *journal = store_journal(options->store);
    int64_t position = shard->start;
    if (mapping->config.start == MAPPING_LATEST)
        position = journal_tail(journal);
    else if (mapping->config.start == MAPPING_AT)
        position = journal_seek_time(journal, mapping->config.start_ms);
    else if (mapping->config.kinesis)
        position = journal_seek_time(journal, horizon_ms(mapping));
    return position > shard->start ? position : shard->start;
}

void mapping_source_begin(struct mapping *mapping, struct store_entry *entry)
{
    size_t count;
    const struct source_shard *list = list_shards(mapping, entry->arena, &count);
    for (size_t i = 0; i < count; i++)
        store_cursor_put(entry,
                         mapping_cursor_name(entry->arena, mapping, mr_slice_cstr(list[i].id)),
                         first_position(mapping, &list[i]));
}

/* ---- opening ---- */

static struct mapping_shard *shard_of(struct mapping *mapping, const char *id)
{
    for (size_t i = 0; i < mapping->shard_count; i++)
        if (strcmp(mapping->shards[i]->id, id) == 0)
            return mapping->shards[i];
    return NULL;
}

static enum mr_status open_reader(struct mapping *mapping, struct mapping_shard *shard,
                                  int64_t position)
{
    enum mr_status status = MR_OK;
    if (mapping->config.kinesis)
        shard->cursor = (struct journal_cursor){.position = position};
    else
        status = streams_reader_open(&shard->reader, options_of(mapping)->streams, mapping->table,
                                     mr_slice_cstr(shard->id), position);
    shard->open = status == MR_OK;
    if (shard->open)
        runtime_pump_watch(mapping->own, shard->window);
    return status;
}

static enum mr_status add_shard(struct mapping *mapping, struct mr_arena *arena,
                                const struct source_shard *info)
{
    struct store *store = options_of(mapping)->store;
    const struct mr_slice name = mapping_cursor_name(arena, mapping, mr_slice_cstr(info->id));
    int64_t position = info->start;
    enum mr_status status = store_cursor_get(store, name, &position);
    if (status == MR_NOT_FOUND) { /* the journal is kept for it from now on */
        struct store_entry entry = store_entry_make(arena);
        int64_t ticket;
        store_cursor_put(&entry, name, position);
        status = store_commit(store, &entry, &ticket);
    }
    if (status < 0)
        return status;
    struct mapping_shard *shard = mr_calloc(1, sizeof *shard);
    (void)snprintf(shard->id, sizeof shard->id, "%s", info->id);
    shard->index = info->index;
    shard->window = info->window;
    shard->committed = position;
    shard->done = position == INT64_MAX;
    mr_arena_init(&shard->arena);
    for (size_t i = 0; i < MAPPING_LANES_MAX; i++)
        shard->lanes[i] = (struct mapping_lane){.mapping = mapping, .shard = shard};
    mapping->shards =
        mr_realloc(mapping->shards, (mapping->shard_count + 1) * sizeof(*mapping->shards));
    mapping->shards[mapping->shard_count++] = shard;
    status = mapping_window_load(mapping, shard);
    return shard->done || status != MR_OK ? status : open_reader(mapping, shard, position);
}

static bool is_listed(const struct source_shard *list, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].id, id) == 0)
            return true;
    return false;
}

/* Parents first: the records of one key lie in one line of shards. A parent that is there and has
 * not begun waits for its own; one that is not there has gone. The list is in order of age. */
static bool parents_are_done(struct mapping *mapping, const struct source_shard *list, size_t at)
{
    for (size_t i = 0; i < 2; i++) {
        const char *id = list[at].parents[i];
        const struct mapping_shard *parent = id == NULL ? NULL : shard_of(mapping, id);
        if (parent != NULL && !parent->done)
            return false;
        if (id != NULL && parent == NULL && is_listed(list, at, id))
            return false;
    }
    return true;
}

enum mr_status mapping_source_shards(struct mapping *mapping)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    size_t count;
    const struct source_shard *list = list_shards(mapping, &arena, &count);
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        if (shard_of(mapping, list[i].id) == NULL && parents_are_done(mapping, list, i))
            status = add_shard(mapping, &arena, &list[i]);
    mr_arena_fini(&arena);
    return status;
}

void mapping_source_close(struct mapping *mapping)
{
    for (size_t i = 0; i < mapping->shard_count; i++) {
        struct mapping_shard *shard = mapping->shards[i];
        if (mapping->config.kinesis)
            journal_cursor_fini(&shard->cursor);
        else
            streams_reader_close(&shard->reader);
        for (size_t j = 0; j < MAPPING_LANES_MAX; j++)
            free(shard->lanes[j].records);
        mr_buf_fini(&shard->text);
        mr_buf_fini(&shard->tumbling.state);
        mr_arena_fini(&shard->arena);
        free(shard);
    }
    free(mapping->shards);
    mapping->shards = NULL;
    mapping->shard_count = 0;
    streams_unref(mapping->table);
    mapping->table = NULL;
    if (mapping->stream != NULL)
        kinesis_release(options_of(mapping)->kinesis, mapping->stream);
    mapping->stream = NULL;
}

/* ---- records ---- */

int64_t mapping_source_position(const struct mapping *mapping, const struct mapping_shard *shard)
{
    return mapping->config.kinesis ? shard->cursor.position
                                   : streams_reader_position(&shard->reader);
}

static size_t lane_of(const struct mapping *mapping, struct mr_slice key)
{
    return mapping->config.lanes > 1
               ? (size_t)(mr_slice_hash(key) % (uint64_t)mapping->config.lanes)
               : 0;
}

/* The record is shard->text; does the filter want it? `filtered` is what the filter sees. */
static enum mr_status keep(struct mapping *mapping, struct mapping_shard *shard,
                           struct mr_slice filtered, struct mapping_record *record)
{
    if (mapping->config.filter != NULL) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        yyjson_val *event = mr_json_parse(&arena, filtered, EVENT_DEPTH_MAX);
        const bool takes = event_filter_takes(mapping->config.filter, event);
        mr_arena_fini(&arena);
        if (!takes)
            return MR_FULL;
    }
    record->json = mr_arena_copy(&shard->arena, mr_buf_slice(&shard->text));
    record->sequence = mr_arena_copy(&shard->arena, record->sequence);
    return MR_OK;
}

static enum mr_status next_change(struct mapping *mapping, struct mapping_shard *shard,
                                  struct mapping_record *ret_record)
{
    struct streams_record change;
    const enum mr_status status = streams_reader_next(&shard->reader, &change);
    if (status == MR_NOT_FOUND) {
        mr_log(MR_LOG_WARN, "lambda", "mapping %s: records of shard %s were trimmed unread",
               mapping->uuid, shard->id);
        return MR_FULL;
    }
    if (status != MR_OK)
        return status;
    char sequence[22];
    streams_sequence_text(change.position, sequence);
    mr_buf_reset(&shard->text);
    struct mr_json json = mr_json_make(&shard->text);
    streams_record_json(&json, &change, true);
    *ret_record = (struct mapping_record){.position = change.position,
                                          .time_ms = change.time_ms,
                                          .sequence = mr_slice_cstr(sequence),
                                          .lane = lane_of(mapping, change.keys)};
    return keep(mapping, shard, mr_buf_slice(&shard->text), ret_record);
}

static void write_kinesis(struct mr_json *json, const struct journal_op *op,
                          struct mr_slice sequence)
{
    mr_json_key_cstr(json, "kinesisSchemaVersion", "1.0");
    mr_json_key_string(json, "partitionKey", op->key);
    mr_json_key_string(json, "sequenceNumber", sequence);
}

/* What a filter sees: the data as JSON where it is any. */
static struct mr_slice filtered_text(struct mr_buf *buf, const struct journal_op *op,
                                     struct mr_slice sequence)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *data = mr_json_parse(&arena, op->value, EVENT_DEPTH_MAX - 1);
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    write_kinesis(&json, op, sequence);
    mr_json_key(&json, "data");
    if (data != NULL)
        mr_json_value(&json, data);
    else
        mr_json_string(&json, op->value);
    mr_json_key_timestamp(&json, "approximateArrivalTimestamp", op->time_ms);
    mr_json_object_end(&json);
    mr_arena_fini(&arena);
    return mr_buf_slice(buf);
}

static void write_record(struct mapping *mapping, struct mapping_shard *shard,
                         const struct journal_op *op, struct mr_slice sequence)
{
    struct mr_slice region = {0}, rest = mapping->config.source;
    for (int i = 0; i < 4 && mr_slice_split(&rest, ':', &region); i++)
        ;
    mr_buf_reset(&shard->text);
    struct mr_json json = mr_json_make(&shard->text);
    mr_json_object(&json);
    mr_json_key(&json, "kinesis");
    mr_json_object(&json);
    write_kinesis(&json, op, sequence);
    mr_json_key(&json, "data");
    mr_json_base64(&json, op->value);
    mr_json_key_timestamp(&json, "approximateArrivalTimestamp", op->time_ms);
    mr_json_object_end(&json);
    mr_json_key_cstr(&json, "eventSource", "aws:kinesis");
    mr_json_key_cstr(&json, "eventVersion", "1.0");
    char id[MAPPING_SHARD_ID + KINESIS_SEQUENCE_TEXT];
    (void)snprintf(id, sizeof id, "%s:%.*s", shard->id, MR_ARG(sequence));
    mr_json_key_cstr(&json, "eventID", id);
    mr_json_key_cstr(&json, "eventName", "aws:kinesis:record");
    mr_json_key_string(&json, "invokeIdentityArn", mr_buf_slice(&mapping->role));
    mr_json_key_string(&json, "awsRegion", region);
    mr_json_key_string(&json, "eventSourceARN", mapping->config.source);
    mr_json_object_end(&json);
}

static bool is_closed(const struct mapping *mapping, const struct mapping_shard *shard)
{
    struct kinesis_shard_info info;
    return kinesis_shard_get(mapping->stream, shard->index, &info) == MR_OK &&
           shard->cursor.position >= info.end;
}

static enum mr_status next_record(struct mapping *mapping, struct mapping_shard *shard,
                                  struct mapping_record *ret_record)
{
    struct journal *journal = store_journal(options_of(mapping)->store);
    struct journal_op op;
    const enum mr_status status = journal_next(journal, shard->window, &shard->cursor, &op);
    if (status == MR_NOT_FOUND) {
        mr_log(MR_LOG_WARN, "lambda", "mapping %s: records of shard %s were trimmed unread",
               mapping->uuid, shard->id);
        shard->cursor.position = journal_first(journal);
        return MR_FULL;
    }
    if (status == MR_END)
        return is_closed(mapping, shard) ? MR_END : MR_AGAIN;
    if (status != MR_OK)
        return status;
    const bool early = mapping->config.start == MAPPING_AT && op.time_ms < mapping->config.start_ms;
    if (early || op.time_ms < horizon_ms(mapping))
        return MR_FULL;
    char text[KINESIS_SEQUENCE_TEXT];
    *ret_record = (struct mapping_record){
        .position = op.position,
        .time_ms = op.time_ms,
        .sequence =
            kinesis_sequence_text(mapping->stream, shard->index, op.position, op.time_ms, text),
        .lane = lane_of(mapping, op.key),
    };
    struct mr_buf filtered = {0};
    struct mr_slice seen = {0};
    write_record(mapping, shard, &op, ret_record->sequence);
    if (mapping->config.filter != NULL)
        seen = filtered_text(&filtered, &op, ret_record->sequence);
    const enum mr_status kept = keep(mapping, shard, seen, ret_record);
    mr_buf_fini(&filtered);
    return kept;
}

enum mr_status mapping_source_next(struct mapping *mapping, struct mapping_shard *shard,
                                   struct mapping_record *ret_record)
{
    return mapping->config.kinesis ? next_record(mapping, shard, ret_record)
                                   : next_change(mapping, shard, ret_record);
}
