/* From `raw` into the buffers: through the function, if there is one, then by partition. */
#include "firehose/internal.h"

static const struct record_failure unreadable = {
    "decompression-failed", "Decompression.Failed",
    "The record could not be decompressed: it is not gzip, or too large."};
static const struct record_failure no_keys = {"processing-failed",
                                              "DynamicPartitioning.MetadataExtractionFailed",
                                              "partitionKeys values must not be null or empty"};
static const struct record_failure too_many = {
    "processing-failed", "DynamicPartitioning.ActivePartitionsLimitExceeded",
    "You have exceeded the number of active partitions of this delivery stream."};

/* ---- partition keys ---- */

struct gathering {
    struct mr_buf *keys;
    yyjson_val *of[PREFIX_SPACES]; /* objects, or NULL */
    struct mr_arena *arena;
    size_t bytes;
};

/* A value as text: strings, numbers and booleans have one. */
static struct mr_slice value_text(struct mr_arena *arena, yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return mr_arena_copy(arena, yyjson_get_bool(value) ? MR_S("true") : MR_S("false"));
    return mr_json_text(value);
}

static bool gather(void *ctx, enum prefix_space space, struct mr_slice name)
{
    struct gathering *gathering = ctx;
    const struct mr_slice value =
        value_text(gathering->arena, mr_json_getn(gathering->of[space], name));
    gathering->bytes += value.len;
    if (value.len == 0 || gathering->bytes > PREFIX_EVALUATED_MAX)
        return false;
    partition_keys_add(gathering->keys, space, name, value);
    return true;
}

/* ---- into the buffers ---- */

struct filling {
    struct delivery *delivery;
    struct mr_arena *arena;
    int64_t now_ms;
    struct mr_buf keys; /* scratch */
};

static bool is_listed(const struct delivery_config *config)
{
    return config->partitioned;
}

static void note(struct filling *filling, struct buffer *buffer,
                 const struct delivery_record *record)
{
    const struct buffer_record listed = {
        .mark = {record->position, record->sub},
        .source = record->source,
        .arrival_ms = record->arrival_ms,
    };
    buffer_note(buffer, &listed, is_listed(&filling->delivery->p.config));
}

static void put_bad(struct filling *filling, const struct delivery_record *record,
                    const struct record_result *result)
{
    struct delivery_pump *p = &filling->delivery->p;
    struct buffer *buffer = buffer_set_get(&p->buffers, BUFFER_FAILED,
                                           mr_slice_cstr(result->why->type), filling->now_ms);
    const bool by_function =
        mr_slice_starts_with(mr_slice_cstr(result->why->code), MR_S("Lambda."));
    transform_failure_write(&buffer->bytes, record, result,
                            by_function ? p->config.function : MR_S(""));
    note(filling, buffer, record);
}

static void put_failed(struct filling *filling, const struct delivery_record *record,
                       const struct record_failure *why)
{
    const struct record_result result = {
        .fate = RECORD_BAD, .why = why, .attempts = 1, .ended_ms = filling->now_ms};
    put_bad(filling, record, &result);
}

static void put_good(struct filling *filling, const struct delivery_record *record,
                     const struct record_result *result)
{
    struct delivery_pump *p = &filling->delivery->p;
    mr_buf_reset(&filling->keys);
    if (p->config.partitioned) {
        struct gathering gathering = {.keys = &filling->keys, .arena = filling->arena};
        gathering.of[PREFIX_FROM_LAMBDA] = result->keys;
        if (!prefix_each_key(p->config.data.prefix, gather, &gathering)) {
            put_failed(filling, record, &no_keys);
            return;
        }
    }
    struct buffer *buffer =
        buffer_set_get(&p->buffers, BUFFER_DATA, mr_buf_slice(&filling->keys), filling->now_ms);
    if (buffer == NULL) {
        put_failed(filling, record, &too_many);
        return;
    }
    mr_buf_append(&buffer->bytes, result->data);
    mr_buf_append(&buffer->bytes, p->config.delimiter);
    note(filling, buffer, record);
}

static void put(struct filling *filling, const struct delivery_record *record,
                const struct record_result *result)
{
    switch (result->fate) {
    case RECORD_GOOD: put_good(filling, record, result); return;
    case RECORD_BAD: put_bad(filling, record, result); return;
    case RECORD_DROPPED: filling->delivery->p.dropped++; return;
    }
}

/* ---- processing ---- */

static void clear_raw(struct delivery_pump *p)
{
    mr_arena_reset(&p->raw_arena);
    p->raw_count = p->raw_done = 0;
    p->raw_bytes = 0;
    p->event_bytes = 0;
}

/* Those that could not be decompressed fail before anything else; the others move up. */
static void drop_unreadable(struct filling *filling)
{
    struct delivery_pump *p = &filling->delivery->p;
    size_t kept = 0;
    for (size_t i = 0; i < p->raw_count; i++) {
        if (p->raw[i].unreadable)
            put_failed(filling, &p->raw[i], &unreadable);
        else
            p->raw[kept++] = p->raw[i];
    }
    p->raw_count = kept;
}

/* As many of `raw` as one event holds. */
static size_t next_event(const struct delivery_pump *p)
{
    uint64_t bytes = 0;
    size_t count = 0;
    while (p->raw_done + count < p->raw_count && count < FIREHOSE_BATCH_RECORDS_MAX) {
        bytes += delivery_event_bytes(&p->raw[p->raw_done + count]);
        if (count > 0 && bytes > FIREHOSE_EVENT_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

static enum mr_status call_function(struct filling *filling)
{
    struct delivery *delivery = filling->delivery;
    struct delivery_pump *p = &delivery->p;
    const struct transform_input input = {
        .delivery = delivery,
        .config = &p->config,
        .stream = p->stream,
        .records = p->raw + p->raw_done,
        .count = next_event(p),
    };
    char message[512] = "";
    struct record_result *results = MR_NEW_ARRAY(filling->arena, struct record_result, input.count);
    const enum mr_status status = transform_run(filling->arena, &input, results, message);
    if (message[0] != '\0')
        delivery_note(delivery, "%s", message);
    if (status != MR_OK)
        return status;
    filling->now_ms = store_now(delivery->firehose->options.store);
    for (size_t i = 0; i < input.count; i++)
        put(filling, &input.records[i], &results[i]);
    p->raw_done += input.count;
    return MR_OK;
}

enum mr_status delivery_process(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    if (p->raw_count == 0)
        return MR_OK;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct filling filling = {
        .delivery = delivery,
        .arena = &arena,
        .now_ms = store_now(delivery->firehose->options.store),
    };
    enum mr_status status = MR_OK;
    if (p->config.split.decompress && p->raw_done == 0)
        drop_unreadable(&filling);
    while (p->raw_done < p->raw_count && status == MR_OK) {
        if (p->config.function.len == 0) {
            const struct delivery_record *record = &p->raw[p->raw_done++];
            const struct record_result result = {.fate = RECORD_GOOD, .data = record->data};
            put(&filling, record, &result);
        } else {
            status = call_function(&filling);
            mr_arena_reset(&arena);
        }
    }
    mr_buf_fini(&filling.keys);
    mr_arena_fini(&arena);
    if (status == MR_OK)
        clear_raw(p);
    return status;
}
