/* What a stream is set to, in its document:
 *
 *   "on_demand","retention_hours","record_kib","warm_mibps"?,"metrics"?,"tags":{},"key_id"?,
 *   "policy"?,"scaled_ms":[]?,"switched_ms":[]?,
 *   "consumers":[{"name","arn","created_ms","tags":{},"policy"?}]?
 *
 * `metrics` is a number, a bit for each of kinesis_metric_names. */
#include "kinesis/internal.h"
#include <assert.h>
#include <stdlib.h>

enum { DAY_MS = 24 * 3600 * 1000 };

const char *const kinesis_metric_names[KINESIS_METRICS] = {
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
};

void kinesis_text_set(char **text, struct mr_slice value)
{
    free(*text);
    *text = value.ptr == NULL ? NULL : mr_strdup_slice(value);
}

static void write_text(struct mr_json *json, const char *name, const char *value)
{
    if (value != NULL)
        mr_json_key_cstr(json, name, value);
}

static void write_day(struct mr_json *json, const char *name, const struct kinesis_day *day)
{
    if (day->count == 0)
        return;
    mr_json_key(json, name);
    mr_json_array(json);
    for (size_t i = 0; i < day->count; i++)
        mr_json_int(json, day->ms[i]);
    mr_json_array_end(json);
}

static void write_number(struct mr_json *json, const char *name, int64_t value)
{
    if (value != 0)
        mr_json_key_int(json, name, value);
}

void kinesis_settings_write(struct mr_json *json, const struct kinesis_stream *stream)
{
    mr_json_key_bool(json, "on_demand", stream->locked.on_demand);
    mr_json_key_int(json, "retention_hours", stream->locked.retention_hours);
    mr_json_key_int(json, "record_kib", stream->locked.record_kib);
    write_number(json, "warm_mibps", stream->locked.warm_mibps);
    write_number(json, "metrics", stream->locked.metrics);
    mr_json_key_raw(json, "tags", mr_slice_cstr(stream->locked.tags));
    write_text(json, "key_id", stream->locked.key_id);
    write_text(json, "policy", stream->locked.policy);
    write_day(json, "scaled_ms", &stream->locked.scalings);
    write_day(json, "switched_ms", &stream->locked.switches);
    if (stream->locked.consumer_count == 0)
        return;
    mr_json_key(json, "consumers");
    mr_json_array(json);
    for (size_t i = 0; i < stream->locked.consumer_count; i++) {
        const struct kinesis_consumer *consumer = &stream->locked.consumers[i];
        mr_json_object(json);
        mr_json_key_cstr(json, "name", consumer->name);
        mr_json_key_cstr(json, "arn", consumer->arn);
        mr_json_key_int(json, "created_ms", consumer->created_ms);
        mr_json_key_raw(json, "tags", mr_slice_cstr(consumer->tags));
        write_text(json, "policy", consumer->policy);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* An owned copy of a member's text; NULL when it is absent. */
static char *load_text(yyjson_val *doc, const char *name)
{
    return mr_json_get(doc, name) == NULL ? NULL : mr_strdup_slice(mr_json_get_text(doc, name));
}

static struct kinesis_day load_day(yyjson_val *list)
{
    struct kinesis_day day = {.count = 0};
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        if (day.count < MR_COUNT(day.ms))
            day.ms[day.count++] = mr_json_i64(item, 0);
    }
    return day;
}

static char *load_tags(yyjson_val *doc)
{
    yyjson_val *tags = mr_json_get(doc, "tags");
    if (tags == NULL)
        return mr_strdup_slice(MR_S("{}"));
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_value(&json, tags);
    char *copy = mr_strdup_slice(mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

void kinesis_settings_load(struct kinesis_stream *stream, yyjson_val *doc)
{
    stream->locked.on_demand = mr_json_get_bool(doc, "on_demand", false);
    stream->locked.retention_hours = mr_json_get_i64(doc, "retention_hours", 24);
    stream->locked.record_kib = mr_json_get_i64(doc, "record_kib", 1024);
    stream->locked.warm_mibps = mr_json_get_i64(doc, "warm_mibps", 0);
    stream->locked.metrics = (unsigned)mr_json_get_i64(doc, "metrics", 0);
    atomic_store(&stream->measured, stream->locked.metrics);
    stream->locked.tags = load_tags(doc);
    stream->locked.key_id = load_text(doc, "key_id");
    stream->locked.policy = load_text(doc, "policy");
    stream->locked.scalings = load_day(mr_json_get(doc, "scaled_ms"));
    stream->locked.switches = load_day(mr_json_get(doc, "switched_ms"));
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(doc, "consumers"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL &&
           stream->locked.consumer_count < KINESIS_CONSUMERS_MAX)
        stream->locked.consumers[stream->locked.consumer_count++] = (struct kinesis_consumer){
            .name = load_text(item, "name"),
            .arn = load_text(item, "arn"),
            .tags = load_tags(item),
            .policy = load_text(item, "policy"),
            .created_ms = mr_json_get_i64(item, "created_ms", 0),
        };
}

void kinesis_consumer_fini(struct kinesis_consumer *consumer)
{
    free(consumer->name);
    free(consumer->arn);
    free(consumer->tags);
    free(consumer->policy);
    *consumer = (struct kinesis_consumer){0};
}

void kinesis_settings_fini(struct kinesis_stream *stream)
{
    for (size_t i = 0; i < stream->locked.consumer_count; i++)
        kinesis_consumer_fini(&stream->locked.consumers[i]);
    free(stream->locked.tags);
    free(stream->locked.key_id);
    free(stream->locked.policy);
}

bool kinesis_day_add(struct kinesis_day *day, size_t most, int64_t now_ms)
{
    assert(most <= MR_COUNT(day->ms));
    while (day->count > 0 && now_ms - day->ms[0] >= DAY_MS)
        memmove(day->ms, day->ms + 1, --day->count * sizeof day->ms[0]);
    if (day->count >= most)
        return false;
    day->ms[day->count++] = now_ms;
    return true;
}

void kinesis_day_undo(struct kinesis_day *day)
{
    assert(day->count > 0);
    day->count--;
}

bool kinesis_is_encrypted(struct kinesis_stream *stream)
{
    pthread_rwlock_rdlock(&stream->lock);
    const bool encrypted = stream->locked.key_id != NULL;
    pthread_rwlock_unlock(&stream->lock);
    return encrypted;
}

/* ---- on the wire ---- */

void kinesis_write_metrics(struct mr_json *json, const char *name, unsigned metrics)
{
    mr_json_key(json, name);
    mr_json_array(json);
    for (unsigned i = 0; i < KINESIS_METRICS; i++)
        if (metrics >> i & 1U)
            mr_json_string(json, mr_slice_cstr(kinesis_metric_names[i]));
    mr_json_array_end(json);
}

void kinesis_write_warm(struct mr_json *json, int64_t mibps)
{
    if (mibps == 0)
        return;
    mr_json_key(json, "WarmThroughput");
    mr_json_object(json);
    mr_json_key_int(json, "TargetMiBps", mibps);
    mr_json_key_int(json, "CurrentMiBps", mibps);
    mr_json_object_end(json);
}
