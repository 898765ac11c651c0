/* From `raw` into the buffers: through the function, if there is one, then by partition. */
#include "firehose/internal.h"
#include "firehose/rows.h"
#include "base/point.h"
#include <assert.h>
#include <pthread.h>

enum { KEYS_DEPTH_MAX = 32 };

static const struct record_failure unreadable = {
    "decompression-failed", "Decompression.Failed",
    "The record could not be decompressed: it is not gzip, or too large."};
static const struct record_failure no_keys = {"processing-failed",
                                              "DynamicPartitioning.MetadataExtractionFailed",
                                              "partitionKeys values must not be null or empty"};
static const struct record_failure too_many = {
    "activePartitionExceeded", "DynamicPartitioning.ActivePartitionsLimitExceeded",
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
    bool exceeded;      /* a record found too many partitions */
    struct mr_buf keys; /* scratch */
};

static bool is_listed(const struct delivery_config *config)
{
    return config->partitioned || config->conversion.enabled || config->iceberg;
}

static void note(struct filling *filling, struct buffer *buffer,
                 const struct delivery_record *record)
{
    const struct buffer_record listed = {
        .mark = {record->position, record->sub},
        .source = record->source,
        .shard = record->shard,
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
    char operation = 0;
    mr_buf_reset(&filling->keys);
    if (p->config.iceberg) {
        const struct record_failure *why =
            rows_route(&p->config, result->otf, result->query_keys, &filling->keys, &operation);
        if (why != NULL) {
            put_failed(filling, record, why);
            return;
        }
    } else if (p->config.partitioned) {
        struct gathering gathering = {.keys = &filling->keys, .arena = filling->arena};
        gathering.of[PREFIX_FROM_QUERY] = result->query_keys;
        gathering.of[PREFIX_FROM_LAMBDA] = result->keys;
        if (!prefix_each_key(p->config.data.prefix, gather, &gathering)) {
            put_failed(filling, record, &no_keys);
            return;
        }
    }
    struct buffer *buffer =
        buffer_set_get(&p->buffers, BUFFER_DATA, mr_buf_slice(&filling->keys), filling->now_ms);
    if (buffer == NULL) {
        filling->exceeded = true;
        put_failed(filling, record, &too_many);
        return;
    }
    if (p->config.iceberg)
        mr_buf_byte(&buffer->bytes, operation);
    mr_buf_append(&buffer->bytes, result->data);
    mr_buf_append(&buffer->bytes, p->config.delimiter);
    note(filling, buffer, record);
}

static void note_dropped(struct delivery_pump *p, const struct delivery_record *record)
{
    if (p->dropped.count < FIREHOSE_DROPPED_MAX)
        mark_set_add(&p->dropped, (struct mark){record->position, record->sub});
    else
        p->dropped_more++;
}

static void put(struct filling *filling, const struct delivery_record *record,
                const struct record_result *result)
{
    switch (result->fate) {
    case RECORD_GOOD: put_good(filling, record, result); return;
    case RECORD_BAD: put_bad(filling, record, result); return;
    case RECORD_DROPPED: note_dropped(&filling->delivery->p, record); return;
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

/* As many of `raw` from `from` on as one invocation takes. */
static size_t next_batch(const struct delivery_pump *p, size_t from)
{
    uint64_t event_bytes = 0, bytes = 0;
    size_t count = 0;
    while (from + count < p->raw_count && count < FIREHOSE_BATCH_RECORDS_MAX &&
           (p->config.function.len == 0 || bytes < p->config.function_bytes)) {
        const struct delivery_record *record = &p->raw[from + count];
        bytes += record->data.len;
        event_bytes += delivery_event_bytes(record);
        if (count > 0 && event_bytes > FIREHOSE_EVENT_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

/* ---- the function, for several batches at once ---- */

struct batch {
    struct delivery *delivery;
    struct batches *all;
    struct mr_arena arena; /* holds the results, and what they point to */
    size_t from, count;    /* in `raw` */
    bool begun;
    struct record_result *results;
    enum mr_status status;
    char message[512];
};

/* The workers' jobs refer to it: one that comes late finds its batch begun. */
struct batches {
    struct batch each[FIREHOSE_CALLS_MAX];
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t running; /* on other workers */
    size_t references;
};

static struct batches *batches_new(void)
{
    struct batches *all = mr_calloc(1, sizeof(*all));
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->done, NULL);
    all->references = 1;
    return all;
}

static void batches_unref(struct batches *all)
{
    pthread_mutex_lock(&all->lock);
    const bool last = --all->references == 0;
    pthread_mutex_unlock(&all->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&all->lock);
    pthread_cond_destroy(&all->done);
    free(all);
}

/* Of a reference that is not the last: the caller has one. */
static void batches_give_back(struct batches *all)
{
    pthread_mutex_lock(&all->lock);
    all->references--;
    assert(all->references > 0);
    pthread_mutex_unlock(&all->lock);
}

static void call_function(struct batch *batch)
{
    const struct delivery *delivery = batch->delivery;
    const struct transform_input input = {
        .delivery = batch->delivery,
        .config = &delivery->p.config,
        .stream = delivery->p.stream,
        .records = delivery->p.raw + batch->from,
        .count = batch->count,
    };
    batch->status = transform_run(&batch->arena, &input, batch->results, batch->message);
}

/* Whoever begins a batch calls the function for it. */
static bool begin(struct batch *batch, bool on_worker)
{
    struct batches *all = batch->all;
    pthread_mutex_lock(&all->lock);
    const bool mine = !batch->begun;
    batch->begun = true;
    all->running += mine && on_worker;
    pthread_mutex_unlock(&all->lock);
    return mine;
}

static void call_on_worker(void *arg)
{
    struct batch *batch = arg;
    struct batches *all = batch->all;
    if (begin(batch, true)) {
        call_function(batch);
        pthread_mutex_lock(&all->lock);
        all->running--;
        pthread_cond_signal(&all->done);
        pthread_mutex_unlock(&all->lock);
    }
    batches_unref(all);
}

/* The first on this thread, the others beside it: while one is in its function, what was sent to
 * another or came back from it is written and read. What no worker has begun by then this thread
 * does: each worker may be one that waits like this. */
static void call_functions(struct batches *all)
{
    struct delivery *delivery = all->each[0].delivery;
    struct runtime *runtime = delivery->firehose->options.runtime;
    atomic_store(&delivery->calling_ms, store_now(delivery->firehose->options.store));
    for (size_t i = 1; i < all->count; i++) {
        pthread_mutex_lock(&all->lock);
        all->references++;
        pthread_mutex_unlock(&all->lock);
        if (runtime_submit(runtime, call_on_worker, &all->each[i]) != MR_OK)
            batches_give_back(all);
    }
    for (size_t i = 0; i < all->count; i++)
        if (begin(&all->each[i], false))
            call_function(&all->each[i]);
    pthread_mutex_lock(&all->lock);
    while (all->running > 0)
        pthread_cond_wait(&all->done, &all->lock);
    pthread_mutex_unlock(&all->lock);
    atomic_store(&delivery->calling_ms, 0);
}

/* What the query says of a record: its keys, or why it has none. */
static void take_keys(struct filling *filling, struct mr_slice line, struct record_result *result)
{
    if (!mr_slice_starts_with(line, MR_S("!"))) {
        result->query_keys = mr_json_parse(filling->arena, line, KEYS_DEPTH_MAX);
        return;
    }
    struct record_failure *why = MR_NEW(filling->arena, struct record_failure);
    *why = no_keys;
    why->message = mr_arena_cstr(filling->arena, mr_slice_sub(line, 1, SIZE_MAX));
    result->fate = RECORD_BAD;
    result->why = why;
    result->attempts = 1;
    result->ended_ms = filling->now_ms;
}

/* Runs the query over what is good. MR_AGAIN: its process cannot be started; MR_END: the delivery
 * is ending, and the process with it. */
static enum mr_status query_keys(struct filling *filling, size_t count,
                                 struct record_result *results)
{
    struct delivery *delivery = filling->delivery;
    struct delivery_pump *p = &delivery->p;
    struct mr_slice *records = MR_NEW_ARRAY(filling->arena, struct mr_slice, count);
    struct mr_slice *lines = MR_NEW_ARRAY(filling->arena, struct mr_slice, count);
    char message[512] = "the query's process cannot be started";
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        if (results[i].fate == RECORD_GOOD)
            records[good++] = results[i].data;
    enum mr_status status = MR_OK;
    if (p->extractor == NULL)
        status = extractor_open(delivery->firehose->options.runtime, p->config.query, &p->extractor,
                                message);
    const int64_t began_us = mr_monotonic_us();
    if (status == MR_OK)
        status = extractor_run(p->extractor, filling->arena, records, good, lines);
    delivery_meter(delivery, DELIVERY_QUERY_DURATION, (uint64_t)(mr_monotonic_us() - began_us));
    if (delivery_is_ending(delivery))
        return MR_END;
    if (status == MR_AGAIN || status == MR_INVALID) {
        delivery_note(delivery, NULL, "partition keys cannot be extracted: %s", message);
        return MR_AGAIN;
    }
    good = 0;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        if (results[i].fate == RECORD_GOOD)
            take_keys(filling, lines[good++], &results[i]);
    return status;
}

static void measure_processed(const struct delivery *delivery, const struct record_result *results,
                              size_t count)
{
    uint64_t records = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        records += results[i].fate == RECORD_GOOD;
        bytes += results[i].fate == RECORD_GOOD ? results[i].data.len : 0;
    }
    delivery_meter(delivery, DELIVERY_PROCESSED_RECORDS, records);
    delivery_meter(delivery, DELIVERY_PROCESSED_BYTES, bytes);
}

/* How many invocations at once; one for a while when the function's concurrency did not allow
 * more. */
static size_t calls_at_once(const struct delivery *delivery, int64_t now_ms)
{
    const struct delivery_pump *p = &delivery->p;
    size_t calls = delivery->firehose->options.calls_max;
    if (p->config.function.len == 0 || calls == 0 || now_ms < p->alone_until_ms)
        return 1;
    return calls < FIREHOSE_CALLS_MAX ? calls : FIREHOSE_CALLS_MAX;
}

static void take_batches(struct delivery *delivery, size_t calls, struct batches *all)
{
    const struct delivery_pump *p = &delivery->p;
    size_t from = p->raw_done;
    while (all->count < calls && from < p->raw_count) {
        struct batch *batch = &all->each[all->count++];
        *batch = (struct batch){.delivery = delivery, .all = all, .from = from};
        mr_arena_init(&batch->arena);
        batch->count = next_batch(p, from);
        batch->results = MR_NEW_ARRAY(&batch->arena, struct record_result, batch->count);
        for (size_t i = 0; i < batch->count; i++)
            batch->results[i] =
                (struct record_result){.fate = RECORD_GOOD, .data = p->raw[from + i].data};
        from += batch->count;
    }
}

/* What has come of a batch goes into the buffers. */
static enum mr_status fill_buffers(struct filling *filling, struct batch *batch)
{
    struct delivery_pump *p = &filling->delivery->p;
    enum mr_status status = batch->status;
    if (batch->message[0] != '\0')
        delivery_note(filling->delivery, "Lambda.FunctionError", "%s", batch->message);
    filling->arena = &batch->arena;
    filling->now_ms = store_now(filling->delivery->firehose->options.store);
    if (status == MR_OK && p->config.query.len > 0)
        status = query_keys(filling, batch->count, batch->results);
    if (status == MR_OK && p->config.function.len > 0)
        measure_processed(filling->delivery, batch->results, batch->count);
    for (size_t i = 0; i < batch->count && status == MR_OK; i++)
        put(filling, &p->raw[p->raw_done++], &batch->results[i]);
    if (p->config.partitioned)
        delivery_meter_partitions(filling->delivery, filling->exceeded);
    return status;
}

/* The next records of `raw`, all the way into the buffers, in their order. */
static enum mr_status process_batches(struct filling *filling)
{
    enum { ALONE_MS = 30000 };
    struct delivery *delivery = filling->delivery;
    struct batches *all = batches_new();
    enum mr_status status = MR_OK;
    take_batches(delivery, calls_at_once(delivery, filling->now_ms), all);
    if (delivery->p.config.function.len > 0)
        call_functions(all);
    for (size_t i = 0; i < all->count && status == MR_OK; i++) {
        if (all->count > 1 && all->each[i].status == MR_AGAIN)
            delivery->p.alone_until_ms = filling->now_ms + ALONE_MS;
        if (i > 0 && all->each[i].status == MR_AGAIN)
            break;
        status = fill_buffers(filling, &all->each[i]);
    }
    for (size_t i = 0; i < all->count; i++)
        mr_arena_fini(&all->each[i].arena);
    batches_unref(all);
    return status;
}

enum mr_status delivery_process(struct delivery *delivery)
{
    struct delivery_pump *p = &delivery->p;
    if (p->raw_count == 0)
        return MR_OK;
    mr_point(MR_POINT_FIREHOSE_PROCESS);
    struct filling filling = {
        .delivery = delivery,
        .now_ms = store_now(delivery->firehose->options.store),
    };
    enum mr_status status = MR_OK;
    if (p->config.split.decompress && p->raw_done == 0)
        drop_unreadable(&filling);
    while (p->raw_done < p->raw_count && status == MR_OK)
        status = process_batches(&filling);
    mr_buf_fini(&filling.keys);
    mr_point(MR_POINT_FIREHOSE_BUFFERED);
    if (status == MR_OK)
        clear_raw(p);
    return status;
}
