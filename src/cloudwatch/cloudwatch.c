/* Metrics: VIEW_META "cloudwatch/metric/<id>" = {"space","name","dimensions","unit"}; all of them
 * are in memory. */
#include "cloudwatch/internal.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { EVERY_MS = 3600 * 1000, DOC_DEPTH_MAX = 8, DIMENSIONS_MAX = 30 };

/* ---- keys ---- */

static int by_name(const void *a, const void *b)
{
    yyjson_val *const *left = a, *const *right = b;
    return mr_slice_compare(mr_json_get_text(*left, "Name"), mr_json_get_text(*right, "Name"));
}

struct mr_slice cw_dimensions(struct mr_arena *arena, yyjson_val *list)
{
    const size_t len = yyjson_arr_size(list);
    yyjson_val **sorted = MR_NEW_ARRAY(arena, yyjson_val *, len + 1);
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item) sorted[i] = item;
    qsort((void *)sorted, len, sizeof(*sorted), by_name);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t at = 0; at < len; at++) {
        mr_json_object(&json);
        mr_json_key_string(&json, "Name", mr_json_get_text(sorted[at], "Name"));
        mr_json_key_string(&json, "Value", mr_json_get_text(sorted[at], "Value"));
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void map_key(struct mr_buf *buf, const struct cw_key *key)
{
    const struct mr_slice parts[] = {key->space, key->name, key->dimensions, key->unit};
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        mr_buf_append(buf, parts[i]);
        mr_buf_byte(buf, '\0');
    }
}

/* ---- finding, making ---- */

struct cw_metric *cw_metric_find(struct cloudwatch *cloudwatch, const struct cw_key *key)
{
    struct mr_buf buf = {0};
    map_key(&buf, key);
    struct cw_metric *metric = mr_map_get(&cloudwatch->metrics, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return metric;
}

static struct cw_metric *add(struct cloudwatch *cloudwatch, struct mr_slice id,
                             const struct cw_key *key)
{
    struct cw_metric *metric = mr_calloc(1, sizeof *metric);
    (void)snprintf(metric->id, sizeof metric->id, "%.*s", MR_ARG(id));
    metric->space = mr_strdup_slice(key->space);
    metric->name = mr_strdup_slice(key->name);
    metric->dimensions = mr_strdup_slice(key->dimensions);
    metric->unit = mr_strdup_slice(key->unit);
    struct mr_buf buf = {0};
    map_key(&buf, key);
    (void)mr_map_put(&cloudwatch->metrics, mr_buf_slice(&buf), metric);
    mr_buf_fini(&buf);
    *cloudwatch->end = metric;
    cloudwatch->end = &metric->next;
    cloudwatch->count++;
    return metric;
}

struct cw_metric *cw_metric_get(struct cloudwatch *cloudwatch, const struct cw_key *key,
                                size_t most, struct store_entry *entry)
{
    struct cw_metric *metric = cw_metric_find(cloudwatch, key);
    if (metric != NULL || cloudwatch->count >= most)
        return metric;
    char id[CLOUDWATCH_ID_TEXT];
    mr_rng_uuid(cloudwatch->options.rng, id);
    metric = add(cloudwatch, mr_slice_cstr(id), key);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "space", key->space);
    mr_json_key_string(&json, "name", key->name);
    mr_json_key_raw(&json, "dimensions", key->dimensions);
    mr_json_key_string(&json, "unit", key->unit);
    mr_json_object_end(&json);
    store_doc_put(entry, "cloudwatch", "metric", mr_slice_cstr(metric->id),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return metric;
}

/* ---- life ---- */

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct cloudwatch *cloudwatch = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, DOC_DEPTH_MAX);
    const struct cw_key key = {
        .space = mr_json_get_text(doc, "space"),
        .name = mr_json_get_text(doc, "name"),
        .dimensions = cw_dimensions(&arena, mr_json_get(doc, "dimensions")),
        .unit = mr_json_get_text(doc, "unit"),
    };
    enum mr_status status = MR_OK;
    if (doc == NULL)
        status = MR_RAISE(MR_FAIL_DATA, "metric '%.*s' has a damaged document", MR_ARG(name));
    else
        (void)add(cloudwatch, name, &key);
    mr_arena_fini(&arena);
    return status;
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct cloudwatch *cloudwatch = ctx;
    const int64_t now_ms = store_now(cloudwatch->options.store);
    const int64_t before_ms = now_ms - (int64_t)CLOUDWATCH_KEPT_DAYS * 24 * 3600 * 1000;
    pthread_mutex_lock(&cloudwatch->lock);
    const struct cw_metric *metric = cloudwatch->first;
    pthread_mutex_unlock(&cloudwatch->lock);
    enum mr_status status = MR_OK;
    while (metric != NULL && status == MR_OK) {
        pthread_mutex_lock(&cloudwatch->lock);
        status = cw_points_drop(cloudwatch, metric, before_ms);
        metric = metric->next;
        pthread_mutex_unlock(&cloudwatch->lock);
    }
    *ret_wake_ms = now_ms + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

enum mr_status cloudwatch_open(struct cloudwatch **ret_cloudwatch,
                               const struct cloudwatch_options *options)
{
    struct cloudwatch *cloudwatch = mr_calloc(1, sizeof *cloudwatch);
    cloudwatch->options = *options;
    cloudwatch->end = &cloudwatch->first;
    pthread_mutex_init(&cloudwatch->lock, NULL);
    pthread_mutex_init(&cloudwatch->alarms_lock, NULL);
    const enum mr_status status =
        store_doc_each(options->store, "cloudwatch", "metric", MR_S(""), load, cloudwatch);
    if (status != MR_OK) {
        cloudwatch_close(cloudwatch);
        return status;
    }
    cloudwatch->pump = runtime_pump_start(options->runtime, "old metrics", step, cloudwatch);
    cloudwatch->own = runtime_pump_start(options->runtime, "own metrics", cw_own_step, cloudwatch);
    *ret_cloudwatch = cloudwatch;
    return MR_OK;
}

void cloudwatch_register(struct cloudwatch *cloudwatch, struct protocol *protocol)
{
    protocol_register(protocol, "cloudwatch", cw_handlers, cw_handler_count, cloudwatch);
    protocol_register(protocol, "cloudwatch", cw_alarm_handlers, cw_alarm_handler_count,
                      cloudwatch);
}

void cloudwatch_close(struct cloudwatch *cloudwatch)
{
    if (cloudwatch == NULL)
        return;
    runtime_pump_stop(cloudwatch->pump);
    runtime_pump_stop(cloudwatch->own);
    if (cloudwatch->own != NULL && cw_own_publish(cloudwatch) < 0)
        mr_log(MR_LOG_WARN, "cloudwatch", "the last minute's metrics of the services are lost");
    while (cloudwatch->first != NULL) {
        struct cw_metric *metric = cloudwatch->first;
        cloudwatch->first = metric->next;
        free(metric->space);
        free(metric->name);
        free(metric->dimensions);
        free(metric->unit);
        free(metric);
    }
    mr_map_fini(&cloudwatch->metrics);
    pthread_mutex_destroy(&cloudwatch->alarms_lock);
    pthread_mutex_destroy(&cloudwatch->lock);
    free(cloudwatch);
}
