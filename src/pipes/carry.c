/* What happens to a batch on its way: enrichment, reshaping. Each record is reshaped by itself; the
 * enrichment gets them all as one array, and its answer takes their place. */
#include "pipes/internal.h"
#include "base/point.h"
#include <stdio.h>

static struct pipe_variables variables_of(const struct pipe *pipe, int64_t now_ms)
{
    return (struct pipe_variables){
        .pipe_arn = mr_slice_cstr(pipe->arn),
        .pipe_name = mr_slice_cstr(pipe->name),
        .source_arn = pipe->config.source,
        .enrichment_arn = pipe->config.enrichment,
        .target_arn = pipe->config.target,
        .time_ms = now_ms,
    };
}

static struct pipe_item *items_of(struct pipe_lane *lane, const struct pipe_batch *batch)
{
    struct pipe_item *items = MR_NEW_ARRAY(&lane->arena, struct pipe_item, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        const struct pipe_event *event = &batch->events[i];
        items[i].view = (struct pipe_event_view){.text = event->text, .root = event->root};
        items[i].time_ms = event->time_ms;
    }
    return items;
}

/* The paths of templates and partition keys need the event as a tree. */
static void find_roots(struct pipe_lane *lane, struct pipe_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].view.root == NULL)
            items[i].view.root =
                pipe_event_root(&lane->arena, lane->pipe->config.source_kind, items[i].view.text);
}

static struct mr_slice text_as_json(struct mr_arena *arena, struct mr_slice text)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_string(&json, text);
    const struct mr_slice out = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return out;
}

/* A JSON string stands for its text, where bytes are wanted. */
static struct mr_slice json_as_text(struct mr_arena *arena, struct mr_slice json)
{
    if (!mr_slice_starts_with(json, MR_S("\"")))
        return json;
    yyjson_val *value = mr_json_parse(arena, json, 2);
    return value == NULL ? json : mr_json_text(value);
}

static void reshape(struct pipe_lane *lane, const struct pipe_template *template,
                    struct pipe_item *items, size_t count, int64_t now_ms)
{
    const struct pipe_variables variables = variables_of(lane->pipe, now_ms);
    if (template != NULL)
        find_roots(lane, items, count);
    for (size_t i = 0; i < count; i++) {
        items[i].json = items[i].view.text;
        items[i].bytes = json_as_text(&lane->arena, items[i].json);
        if (template == NULL)
            continue;
        mr_buf_reset(&lane->text);
        pipe_template_render(template, &variables, &items[i].view, &lane->text);
        const struct mr_slice text = mr_arena_copy(&lane->arena, mr_buf_slice(&lane->text));
        const bool json = pipe_template_is_json(template);
        items[i].json = json ? mr_slice_trim(text) : text_as_json(&lane->arena, text);
        items[i].bytes = json ? json_as_text(&lane->arena, text) : text;
    }
}

/* ---- enrichment ---- */

struct mr_slice pipe_items_array(struct pipe_lane *lane, const struct pipe_item *items,
                                 size_t count)
{
    mr_buf_reset(&lane->text);
    struct mr_json json = mr_json_make(&lane->text);
    mr_json_array(&json);
    for (size_t i = 0; i < count; i++)
        mr_json_raw(&json, items[i].json);
    mr_json_array_end(&json);
    return mr_buf_slice(&lane->text);
}

/* AWS: "", {} and [] say that nothing is to reach the target. */
static bool is_nothing(yyjson_val *value)
{
    return value == NULL || yyjson_is_null(value) ||
           (yyjson_is_str(value) && yyjson_get_len(value) == 0) ||
           (yyjson_is_ctn(value) && yyjson_get_len(value) == 0);
}

static struct pipe_item item_of(struct pipe_lane *lane, yyjson_val *value, int64_t time_ms)
{
    mr_buf_reset(&lane->text);
    struct mr_json json = mr_json_make(&lane->text);
    mr_json_value(&json, value);
    return (struct pipe_item){
        .view = {.text = mr_arena_copy(&lane->arena, mr_buf_slice(&lane->text)), .root = value},
        .time_ms = time_ms,
    };
}

/* An array is a batch, anything else one event. */
static struct pipe_item *items_of_answer(struct pipe_lane *lane, yyjson_val *answer,
                                         int64_t time_ms, size_t *ret_count)
{
    *ret_count = 0;
    if (is_nothing(answer))
        return NULL;
    if (!yyjson_is_arr(answer)) {
        struct pipe_item *one = MR_NEW(&lane->arena, struct pipe_item);
        *one = item_of(lane, answer, time_ms);
        *ret_count = 1;
        return one;
    }
    struct pipe_item *items = MR_NEW_ARRAY(&lane->arena, struct pipe_item, yyjson_arr_size(answer));
    size_t index, max;
    yyjson_val *value;
    yyjson_arr_foreach(answer, index, max, value)
    {
        items[(*ret_count)++] = item_of(lane, value, time_ms);
    }
    return items;
}

/* What the function answered takes the batch's place. An answer that is no JSON says nothing about
 * the events, so it must not pass for "none of them". */
static enum pipe_outcome take_answer(struct pipe_lane *lane, struct pipe_batch *batch,
                                     struct mr_slice text, struct pipe_item **items, size_t *count)
{
    yyjson_val *answer = mr_json_parse(&lane->arena, text, MR_JSON_DEPTH_MAX);
    if (answer == NULL && mr_slice_trim(text).len > 0) {
        (void)snprintf(batch->problem, sizeof batch->problem,
                       "the answer of the function %.*s is not JSON",
                       MR_ARG(lane->pipe->config.enrichment));
        batch->blamed = batch->count;
        return PIPE_FAILED;
    }
    *items = items_of_answer(lane, answer, batch->events[batch->count - 1].time_ms, count);
    return PIPE_CARRIED;
}

static enum pipe_outcome enrich(struct pipe_lane *lane, struct pipe_batch *batch,
                                struct pipe_item **items, size_t *count, int64_t now_ms)
{
    const struct pipe_config *config = &lane->pipe->config;
    struct lambda_result result = {0};
    pipe_log(lane, batch, PIPE_LOG_INFO, "ENRICHMENT_STAGE_ENTERED", NULL);
    if (config->enrichment_template != NULL)
        pipe_log(lane, batch, PIPE_LOG_TRACE, "ENRICHMENT_TRANSFORMATION_STARTED", NULL);
    reshape(lane, config->enrichment_template, *items, *count, now_ms);
    if (config->enrichment_template != NULL)
        pipe_log(lane, batch, PIPE_LOG_TRACE, "ENRICHMENT_TRANSFORMATION_SUCCEEDED", NULL);
    pipe_log(lane, batch, PIPE_LOG_TRACE, "ENRICHMENT_INVOCATION_STARTED", NULL);
    enum pipe_outcome outcome =
        pipe_call(lane, batch, config->enrichment, pipe_items_array(lane, *items, *count), &result);
    if (outcome == PIPE_CARRIED)
        outcome = take_answer(lane, batch, mr_buf_slice(&result.reply), items, count);
    if (outcome == PIPE_CARRIED) {
        pipe_log(lane, batch, PIPE_LOG_TRACE, "ENRICHMENT_INVOCATION_SUCCEEDED", NULL);
        pipe_log(lane, batch, PIPE_LOG_INFO, "ENRICHMENT_STAGE_SUCCEEDED", NULL);
    } else if (outcome != PIPE_ENDING) {
        pipe_log(lane, batch, PIPE_LOG_ERROR, "ENRICHMENT_INVOCATION_FAILED", batch->problem);
        pipe_log(lane, batch, PIPE_LOG_ERROR, "ENRICHMENT_STAGE_FAILED", batch->problem);
    }
    lambda_result_fini(&result);
    return outcome;
}

/* ---- the whole way ---- */

static enum pipe_outcome pass_over(struct pipe_lane *lane, struct pipe_batch *batch)
{
    pipe_log(lane, batch, PIPE_LOG_INFO, "TARGET_STAGE_SKIPPED", NULL);
    pipe_meter(lane->pipe, PIPE_TARGET_SKIPPED, 1);
    if (pipe_lane_commit(lane, batch->position) != MR_OK)
        return PIPE_BROKEN;
    batch->carried = batch->count;
    return PIPE_CARRIED;
}

/* A batch of which a part succeeded has failed partially. */
static void log_target(struct pipe_lane *lane, const struct pipe_batch *batch,
                       enum pipe_outcome outcome)
{
    const bool partial = outcome == PIPE_FAILED && batch->succeeded > 0;
    if (outcome == PIPE_CARRIED) {
        pipe_log(lane, batch, PIPE_LOG_TRACE, "TARGET_INVOCATION_SUCCEEDED", NULL);
        pipe_log(lane, batch, PIPE_LOG_INFO, "TARGET_STAGE_SUCCEEDED", NULL);
    } else if (outcome != PIPE_ENDING) {
        pipe_log(lane, batch, PIPE_LOG_ERROR,
                 partial ? "TARGET_INVOCATION_PARTIALLY_FAILED" : "TARGET_INVOCATION_FAILED",
                 batch->problem);
        pipe_log(lane, batch, PIPE_LOG_ERROR,
                 partial ? "TARGET_STAGE_PARTIALLY_FAILED" : "TARGET_STAGE_FAILED", batch->problem);
    }
}

static void measure_stage(struct pipe *pipe, const struct pipe_batch *batch,
                          enum pipe_outcome outcome, bool enrichment, int64_t us)
{
    const bool failed = outcome == PIPE_FAILED || outcome == PIPE_REFUSED;
    if (outcome == PIPE_ENDING || outcome == PIPE_BROKEN)
        return;
    pipe_meter(pipe, enrichment ? PIPE_ENRICHMENT_DURATION : PIPE_TARGET_DURATION, us);
    pipe_meter(pipe, enrichment ? PIPE_ENRICHMENT_FAILED : PIPE_TARGET_FAILED,
               failed && batch->succeeded == 0);
    if (!enrichment)
        pipe_meter(pipe, PIPE_TARGET_PARTLY, failed && batch->succeeded > 0);
}

static enum pipe_outcome run_stages(struct pipe_lane *lane, struct pipe_batch *batch,
                                    int64_t now_ms)
{
    const struct pipe_config *config = &lane->pipe->config;
    const bool enriched = config->enrichment.len > 0;
    struct pipe_item *items = items_of(lane, batch);
    size_t count = batch->count;
    if (enriched) {
        const int64_t began_us = mr_monotonic_us();
        const enum pipe_outcome outcome = enrich(lane, batch, &items, &count, now_ms);
        measure_stage(lane->pipe, batch, outcome, true, mr_monotonic_us() - began_us);
        if (outcome != PIPE_CARRIED)
            return outcome;
        now_ms = store_now(lane->pipe->pipes->options.store);
    }
    if (count == 0)
        return pass_over(lane, batch);
    pipe_log(lane, batch, PIPE_LOG_INFO, "TARGET_STAGE_ENTERED", NULL);
    const bool paths =
        (config->target_kind == PIPE_TARGET_KINESIS && config->partition_key.is_path) ||
        config->log_stream.is_path || config->log_time.is_path;
    if (paths)
        find_roots(lane, items, count);
    if (config->target_template != NULL)
        pipe_log(lane, batch, PIPE_LOG_TRACE, "TARGET_TRANSFORMATION_STARTED", NULL);
    reshape(lane, config->target_template, items, count, now_ms);
    if (config->target_template != NULL)
        pipe_log(lane, batch, PIPE_LOG_TRACE, "TARGET_TRANSFORMATION_SUCCEEDED", NULL);
    pipe_log(lane, batch, PIPE_LOG_TRACE, "TARGET_INVOCATION_STARTED", NULL);
    const int64_t began_us = mr_monotonic_us();
    const enum pipe_outcome outcome = pipe_target_put(lane, batch, items, count, enriched);
    measure_stage(lane->pipe, batch, outcome, false, mr_monotonic_us() - began_us);
    log_target(lane, batch, outcome);
    return outcome;
}

enum pipe_outcome pipe_carry(struct pipe_lane *lane, struct pipe_batch *batch, int64_t now_ms)
{
    if (lane->pipe->config.level != PIPE_LOG_OFF)
        mr_rng_uuid(lane->pipe->pipes->options.rng, batch->execution);
    pipe_log(lane, batch, PIPE_LOG_INFO, "EXECUTION_STARTED", NULL);
    const int64_t began_us = mr_monotonic_us();
    pipe_meter_begin(lane->pipe);
    mr_point(MR_POINT_PIPE_CARRY);
    const enum pipe_outcome outcome = run_stages(lane, batch, now_ms);
    mr_point(MR_POINT_PIPE_CARRIED);
    pipe_meter_execution(lane->pipe, batch, outcome, mr_monotonic_us() - began_us);
    if (outcome == PIPE_CARRIED)
        pipe_log(lane, batch, PIPE_LOG_INFO, "EXECUTION_SUCCEEDED", NULL);
    else if (outcome != PIPE_ENDING)
        pipe_log(lane, batch, PIPE_LOG_ERROR,
                 outcome == PIPE_REFUSED ? "EXECUTION_THROTTLED"
                 : batch->succeeded > 0  ? "EXECUTION_PARTIALLY_FAILED"
                                         : "EXECUTION_FAILED",
                 batch->problem);
    return outcome;
}
