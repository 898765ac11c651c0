/* The targets: what goes to a Kinesis or a Firehose stream joins the entry that moves the cursor,
 * so it is there exactly once; functions and log groups get it before the cursor moves, so at least
 * once. */
#include "pipes/internal.h"
#include "base/clock.h"
#include "base/inject.h"
#include <stdarg.h>
#include <stdio.h>

static enum pipe_outcome fail(struct pipe_batch *batch, size_t blamed, const char *format, ...)
    MR_PRINTF(3, 4);
static enum pipe_outcome fail(struct pipe_batch *batch, size_t blamed, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(batch->problem, sizeof batch->problem, format, args);
    va_end(args);
    batch->blamed = blamed;
    return PIPE_FAILED;
}

static enum pipe_outcome refuse(struct pipe_batch *batch, const char *format, ...) MR_PRINTF(2, 3);
static enum pipe_outcome refuse(struct pipe_batch *batch, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(batch->problem, sizeof batch->problem, format, args);
    va_end(args);
    return PIPE_REFUSED;
}

bool pipe_target_exists(struct pipe *pipe)
{
    const struct pipes_options *options = &pipe->pipes->options;
    struct kinesis_stream *stream;
    switch (pipe->config.target_kind) {
    case PIPE_TARGET_KINESIS:
        stream = kinesis_find(options->kinesis, pipe->config.target);
        if (stream != NULL)
            kinesis_release(options->kinesis, stream);
        return stream != NULL;
    case PIPE_TARGET_FIREHOSE: return firehose_takes(options->firehose, pipe->config.target);
    case PIPE_TARGET_LAMBDA: return lambda_exists(options->lambda, pipe->config.target);
    default: return true; /* a log group is made with its first line */
    }
}

static enum pipe_outcome target_is_missing(struct pipe_lane *lane, struct pipe_batch *batch)
{
    return refuse(batch, "The target %.*s does not exist. The pipe goes on when there is one.",
                  MR_ARG(lane->pipe->config.target));
}

/* How a batch ends whose first `count` items were committed with the cursor behind them. */
static enum pipe_outcome committed(struct pipe_lane *lane, struct pipe_batch *batch,
                                   enum mr_status status, size_t carried)
{
    if (status == MR_NOT_FOUND)
        return target_is_missing(lane, batch);
    if (status != MR_OK)
        return PIPE_BROKEN;
    batch->carried = carried;
    return PIPE_CARRIED;
}

static int64_t behind(const struct pipe_batch *batch, size_t carried)
{
    return carried == batch->count ? batch->position : batch->events[carried - 1].behind;
}

/* An injected failure of the target (base/inject.h). */
static bool obstructed(const struct pipe_lane *lane, struct pipe_batch *batch,
                       enum pipe_outcome *ret)
{
    struct mr_injection injection;
    if (!mr_inject_any())
        return false;
    const bool kinesis = lane->pipe->config.target_kind == PIPE_TARGET_KINESIS;
    if (!kinesis && lane->pipe->config.target_kind != PIPE_TARGET_FIREHOSE)
        return false; /* functions: where they are called */
    const struct mr_slice arn = lane->pipe->config.target;
    const size_t at = mr_slice_find(arn, '/');
    const struct mr_slice name = at == SIZE_MAX ? arn : mr_slice_sub(arn, at + 1, SIZE_MAX);
    const char *service = kinesis ? "kinesis" : "firehose";
    const struct mr_slice operation = kinesis ? MR_S("PutRecords") : MR_S("PutRecordBatch");
    if (mr_inject_strikes(service, operation, name, MR_INJECT_BIT(MR_INJECT_SLOW), &injection))
        mr_inject_linger(injection.delay_ms);
    if (!mr_inject_strikes(service, operation, name, MR_INJECT_BIT(MR_INJECT_ERROR), &injection))
        return false;
    *ret = refuse(batch, "The target answered %s: %s It is tried again.", injection.code,
                  injection.message);
    return true;
}

/* Of a batch one to one the events those before the first bad item go, and it is blamed alone when
 * it stands first; an enriched batch goes whole or not at all. True: the first *ret_good may go. */
static bool good_prefix(struct pipe_batch *batch, bool enriched, size_t good, size_t count,
                        const char *problem, enum pipe_outcome *ret)
{
    if (good == count || (good > 0 && !enriched))
        return true;
    *ret = fail(batch, enriched ? batch->count : 1, "%s", problem);
    return false;
}

/* ---- Kinesis ---- */

static const char *make_record(const struct pipe_config *config, const struct pipe_item *item,
                               size_t bytes_max, struct kinesis_record *ret)
{
    struct mr_slice key = config->partition_key.literal;
    if (config->partition_key.is_path &&
        pipe_path_text(&config->partition_key.path, item->view.root, &key) != MR_OK)
        return "the partition key's path yields nothing";
    if (mr_slice_utf8_length(key) > PIPE_KEY_MAX)
        return "the partition key is longer than 256 characters";
    if (item->bytes.len + key.len > bytes_max)
        return "the event is larger than the target stream's maximum record size";
    *ret = (struct kinesis_record){.partition_key = key, .data = item->bytes};
    return NULL;
}

static enum pipe_outcome put_records(struct pipe_lane *lane, struct pipe_batch *batch,
                                     struct kinesis_stream *stream, const struct pipe_item *items,
                                     size_t count, bool enriched)
{
    const size_t bytes_max = kinesis_record_bytes_max(stream);
    struct kinesis_record *records = MR_NEW_ARRAY(&lane->arena, struct kinesis_record, count);
    const char *problem = NULL;
    size_t good = 0;
    while (good < count && problem == NULL) {
        problem = make_record(&lane->pipe->config, &items[good], bytes_max, &records[good]);
        good += problem == NULL;
    }
    enum pipe_outcome outcome;
    if (!good_prefix(batch, enriched, good, count, problem, &outcome))
        return outcome;
    const size_t carried = enriched ? batch->count : good;
    struct store_entry entry = pipe_lane_entry(lane, behind(batch, carried));
    int64_t ticket;
    return committed(
        lane, batch,
        kinesis_put(lane->pipe->pipes->options.kinesis, stream, records, good, &entry, &ticket),
        carried);
}

static enum pipe_outcome put_kinesis(struct pipe_lane *lane, struct pipe_batch *batch,
                                     const struct pipe_item *items, size_t count, bool enriched)
{
    struct kinesis *kinesis = lane->pipe->pipes->options.kinesis;
    struct kinesis_stream *stream = kinesis_find(kinesis, lane->pipe->config.target);
    if (stream == NULL)
        return target_is_missing(lane, batch);
    const enum pipe_outcome outcome = put_records(lane, batch, stream, items, count, enriched);
    kinesis_release(kinesis, stream);
    return outcome;
}

/* ---- Firehose ---- */

static enum pipe_outcome put_firehose(struct pipe_lane *lane, struct pipe_batch *batch,
                                      const struct pipe_item *items, size_t count, bool enriched)
{
    struct mr_slice *records = MR_NEW_ARRAY(&lane->arena, struct mr_slice, count);
    size_t good = 0;
    for (; good < count && items[good].bytes.len <= FIREHOSE_PUT_BYTES_MAX; good++)
        records[good] = items[good].bytes;
    enum pipe_outcome outcome;
    if (!good_prefix(batch, enriched, good, count,
                     "the event is larger than Firehose's maximum record size", &outcome))
        return outcome;
    const size_t carried = enriched ? batch->count : good;
    struct store_entry entry = pipe_lane_entry(lane, behind(batch, carried));
    int64_t ticket;
    return committed(lane, batch,
                     firehose_put(lane->pipe->pipes->options.firehose, lane->pipe->config.target,
                                  records, good, &entry, &ticket),
                     carried);
}

/* ---- functions ---- */

static enum pipe_outcome outcome_of(struct pipe_batch *batch, struct mr_slice function,
                                    const struct lambda_result *result)
{
    switch (result->outcome) {
    case LAMBDA_OK: return PIPE_CARRIED;
    case LAMBDA_FUNCTION_ERROR:
        return fail(batch, batch->count, "the function %.*s failed: %.*s", MR_ARG(function),
                    (int)(result->reply.len < 160 ? result->reply.len : 160), result->reply.data);
    case LAMBDA_NO_FUNCTION:
        return refuse(batch,
                      "The function %.*s does not exist. The pipe goes on when there is one.",
                      MR_ARG(function));
    default:
        return refuse(batch, "The function %.*s cannot be called now: %s. It is tried again.",
                      MR_ARG(function), result->message);
    }
}

static enum mr_status call(struct pipe_lane *lane, struct mr_slice function, struct mr_slice event,
                           struct lambda_result *result)
{
    const struct pipes_options *options = &lane->pipe->pipes->options;
    atomic_store(&lane->calling_ms, store_now(options->store));
    const enum mr_status status = lambda_invoke(options->lambda, function, event, result);
    atomic_store(&lane->calling_ms, 0);
    pthread_mutex_lock(&lane->pipe->lock);
    const bool told = lane->locked.slow;
    lane->locked.slow = false;
    pthread_mutex_unlock(&lane->pipe->lock);
    if (told)
        pipe_note(lane, "%s", "");
    return status;
}

enum pipe_outcome pipe_call(struct pipe_lane *lane, struct pipe_batch *batch,
                            struct mr_slice function, struct mr_slice event,
                            struct lambda_result *result)
{
    struct pipe *pipe = lane->pipe;
    struct pipes *pipes = pipe->pipes;
    enum pipe_outcome outcome;
    if (atomic_fetch_add(&pipes->calls, 1) >= PIPE_CALLS_MAX) {
        atomic_fetch_sub(&pipes->calls, 1);
        return refuse(batch,
                      "%d functions are being called for pipes, the most at a time. It is "
                      "tried again.",
                      PIPE_CALLS_MAX);
    }
    atomic_fetch_add(&pipe->calls, 1);
    if (atomic_load(&pipe->halting) || atomic_load(&pipes->stopping))
        outcome = PIPE_ENDING;
    else if (call(lane, function, event, result) < 0)
        outcome = PIPE_BROKEN;
    else if (atomic_load(&pipes->stopping))
        outcome = PIPE_ENDING; /* what functions say while the server ends says nothing */
    else
        outcome = outcome_of(batch, function, result);
    atomic_fetch_sub(&pipe->calls, 1);
    atomic_fetch_sub(&pipes->calls, 1);
    return outcome;
}

static size_t event_named(const struct pipe_batch *batch, struct mr_slice id)
{
    size_t i = 0;
    while (i < batch->count && !mr_slice_equal(batch->events[i].id, id))
        i++;
    return i;
}

/* AWS: {"batchItemFailures": [{"itemIdentifier": eventID}]} names what is to be retried; nothing
 * there is success; what names no event of the batch fails it all. */
static enum pipe_outcome sort_failures(struct pipe_lane *lane, struct pipe_batch *batch,
                                       struct mr_slice reply)
{
    yyjson_val *failures =
        mr_json_get(mr_json_parse(&lane->arena, reply, MR_JSON_DEPTH_MAX), "batchItemFailures");
    if (failures == NULL || yyjson_arr_size(failures) == 0)
        return PIPE_CARRIED;
    bool *failed = MR_NEW_ARRAY(&lane->arena, bool, batch->count + 1);
    size_t index, max, named = 0;
    yyjson_val *item;
    yyjson_arr_foreach(failures, index, max, item)
    {
        const size_t at = event_named(batch, mr_json_get_text(item, "itemIdentifier"));
        if (at == batch->count)
            return fail(batch, batch->count,
                        "the function named an itemIdentifier that is not in its batch");
        named += !failed[at];
        failed[at] = true;
    }
    lane->finished =
        mr_realloc(lane->finished, sizeof *lane->finished * (lane->finished_count + batch->count));
    for (size_t i = 0; i < batch->count; i++)
        if (!failed[i])
            lane->finished[lane->finished_count++] = batch->events[i].position;
    batch->succeeded = batch->count - named;
    return fail(batch, batch->count, "the function reported %zu of %zu records as failed", named,
                batch->count);
}

static enum pipe_outcome put_function(struct pipe_lane *lane, struct pipe_batch *batch,
                                      const struct pipe_item *items, size_t count)
{
    const struct pipe_config *config = &lane->pipe->config;
    struct lambda *lambda = lane->pipe->pipes->options.lambda;
    struct lambda_result result = {0};
    const struct mr_slice event = pipe_items_array(lane, items, count);
    enum pipe_outcome outcome;
    if (config->later) {
        const enum mr_status status = lambda_invoke_later(lambda, config->target, event);
        outcome = status == MR_OK          ? PIPE_CARRIED
                  : status == MR_NOT_FOUND ? target_is_missing(lane, batch)
                  : status == MR_FULL ? refuse(batch, "Too many asynchronous invocations wait. It "
                                                      "is tried again.")
                  : status == MR_INVALID ? fail(batch, batch->count,
                                                "the batch is larger than an asynchronous "
                                                "invocation may be; a smaller BatchSize helps")
                                         : PIPE_BROKEN;
    } else {
        outcome = pipe_call(lane, batch, config->target, event, &result);
        if (outcome == PIPE_CARRIED)
            outcome = sort_failures(lane, batch, mr_buf_slice(&result.reply));
    }
    lambda_result_fini(&result);
    if (outcome != PIPE_CARRIED)
        return outcome;
    return committed(lane, batch, pipe_lane_commit(lane, batch->position), batch->count);
}

/* ---- CloudWatch Logs ---- */

static int64_t time_of(const struct pipe_config *config, const struct pipe_item *item)
{
    struct mr_slice text;
    int64_t time_ms;
    if (config->log_time.is_path &&
        pipe_path_text(&config->log_time.path, item->view.root, &text) == MR_OK &&
        (mr_slice_to_i64(text, &time_ms) == MR_OK || mr_date_parse(text, &time_ms) == MR_OK))
        return time_ms;
    return item->time_ms;
}

static enum pipe_outcome put_logs(struct pipe_lane *lane, struct pipe_batch *batch,
                                  const struct pipe_item *items, size_t count)
{
    const struct pipe_config *config = &lane->pipe->config;
    for (size_t i = 0; i < count; i++) {
        struct mr_slice stream = config->log_stream.literal;
        if (config->log_stream.is_path &&
            pipe_path_text(&config->log_stream.path, items[i].view.root, &stream) != MR_OK)
            return fail(batch, batch->count, "the path of LogStreamName yields nothing");
        if (stream.len == 0)
            stream = mr_slice_cstr(lane->pipe->name);
        logs_append(lane->pipe->pipes->options.logs, config->log_group, stream,
                    time_of(config, &items[i]), items[i].bytes);
    }
    return committed(lane, batch, pipe_lane_commit(lane, batch->position), batch->count);
}

enum pipe_outcome pipe_target_put(struct pipe_lane *lane, struct pipe_batch *batch,
                                  struct pipe_item *items, size_t count, bool enriched)
{
    const enum pipe_target kind = lane->pipe->config.target_kind;
    if (count > PIPE_PUT_MAX && (kind == PIPE_TARGET_KINESIS || kind == PIPE_TARGET_FIREHOSE))
        return fail(batch, batch->count,
                    "the enrichment answered with %zu events, more than the target's maximum batch "
                    "of %d",
                    count, PIPE_PUT_MAX);
    enum pipe_outcome outcome;
    if (obstructed(lane, batch, &outcome))
        return outcome;
    switch (kind) {
    case PIPE_TARGET_KINESIS: return put_kinesis(lane, batch, items, count, enriched);
    case PIPE_TARGET_FIREHOSE: return put_firehose(lane, batch, items, count, enriched);
    case PIPE_TARGET_LAMBDA: return put_function(lane, batch, items, count);
    default: return put_logs(lane, batch, items, count);
    }
}
