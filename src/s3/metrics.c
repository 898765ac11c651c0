#include "s3/metrics.h"
#include "base/arena.h"
#include "base/map.h"
#include "http/http.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct meter_kind kinds[S3_METRICS] = {
    [S3_METRIC_ALL] = {"AllRequests", "Count", 1},
    [S3_METRIC_GET] = {"GetRequests", "Count", 1},
    [S3_METRIC_PUT] = {"PutRequests", "Count", 1},
    [S3_METRIC_DELETE] = {"DeleteRequests", "Count", 1},
    [S3_METRIC_HEAD] = {"HeadRequests", "Count", 1},
    [S3_METRIC_POST] = {"PostRequests", "Count", 1},
    [S3_METRIC_LIST] = {"ListRequests", "Count", 1},
    [S3_METRIC_DOWNLOADED] = {"BytesDownloaded", "Bytes", 1},
    [S3_METRIC_UPLOADED] = {"BytesUploaded", "Bytes", 1},
    [S3_METRIC_4XX] = {"4xxErrors", "Count", 1},
    [S3_METRIC_5XX] = {"5xxErrors", "Count", 1},
    [S3_METRIC_FIRST_BYTE] = {"FirstByteLatency", "Milliseconds", 1000},
    [S3_METRIC_TOTAL] = {"TotalRequestLatency", "Milliseconds", 1000},
};

struct filter {
    char *prefix; /* owned; NULL: the whole bucket */
    struct meter_set meters;
};

struct filters { /* of one bucket */
    size_t count;
    struct filter of[];
};

struct s3_metrics {
    struct meters *meters;
    pthread_rwlock_t lock;    /* guards what follows */
    struct mr_map buckets;    /* name -> struct filters */
    atomic_size_t configured; /* of the map; 0: no look is needed */
};

struct s3_metrics *s3_metrics_new(struct meters *meters)
{
    struct s3_metrics *metrics = mr_calloc(1, sizeof *metrics);
    metrics->meters = meters;
    pthread_rwlock_init(&metrics->lock, NULL);
    return metrics;
}

static void filters_free(struct filters *filters)
{
    for (size_t i = 0; filters != NULL && i < filters->count; i++) {
        meter_set_fini(&filters->of[i].meters);
        free(filters->of[i].prefix);
    }
    free(filters);
}

void s3_metrics_free(struct s3_metrics *metrics)
{
    if (metrics == NULL)
        return;
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&metrics->buckets, &cursor, &name, &value))
        filters_free(value);
    mr_map_fini(&metrics->buckets);
    pthread_rwlock_destroy(&metrics->lock);
    free(metrics);
}

static struct filters *filters_of(struct s3_metrics *metrics, struct mr_slice bucket,
                                  yyjson_val *list)
{
    size_t i, count;
    yyjson_val *item;
    struct filters *filters =
        mr_calloc(1, sizeof *filters + yyjson_arr_size(list) * sizeof(struct filter));
    yyjson_arr_foreach(list, i, count, item)
    {
        struct filter *filter = &filters->of[filters->count++];
        yyjson_val *prefix = mr_json_get(mr_json_get(item, "Filter"), "Prefix");
        if (prefix != NULL)
            filter->prefix = mr_strdup_slice(mr_json_text(prefix));
        meter_set_init(&filter->meters, metrics->meters, "AWS/S3", kinds, S3_METRICS);
        meter_set_dimension(&filter->meters, "BucketName", bucket);
        meter_set_dimension(&filter->meters, "FilterId", mr_json_get_text(item, "Id"));
    }
    return filters;
}

void s3_metrics_set(struct s3_metrics *metrics, struct mr_slice bucket, yyjson_val *list)
{
    if (metrics->meters == NULL)
        return;
    struct filters *made = yyjson_arr_size(list) == 0 ? NULL : filters_of(metrics, bucket, list);
    pthread_rwlock_wrlock(&metrics->lock);
    filters_free(mr_map_remove(&metrics->buckets, bucket));
    if (made != NULL)
        (void)mr_map_put(&metrics->buckets, bucket, made);
    atomic_store(&metrics->configured, metrics->buckets.count);
    pthread_rwlock_unlock(&metrics->lock);
}

/* ---- measuring ---- */

/* AWS: a filter by prefix covers requests for objects alone. */
static bool covers(const struct filter *filter, yyjson_val *key)
{
    return filter->prefix == NULL ||
           (key != NULL && mr_slice_starts_with(mr_json_text(key), mr_slice_cstr(filter->prefix)));
}

static enum s3_metric kind_of(const struct protocol_call *call)
{
    static const struct {
        const char *method;
        enum s3_metric kind;
    } methods[] = {{"GET", S3_METRIC_GET},
                   {"PUT", S3_METRIC_PUT},
                   {"DELETE", S3_METRIC_DELETE},
                   {"HEAD", S3_METRIC_HEAD},
                   {"POST", S3_METRIC_POST}};
    const char *operation = call->operation_name == NULL ? "" : call->operation_name;
    if (strncmp(operation, "ListObject", 10) == 0)
        return S3_METRIC_LIST;
    if (strcmp(operation, "DeleteObjects") == 0) /* AWS: a POST, and a delete all the same */
        return S3_METRIC_DELETE;
    for (size_t i = 0; i < MR_COUNT(methods); i++)
        if (mr_slice_equal(call->exchange->method, mr_slice_cstr(methods[i].method)))
            return methods[i].kind;
    return S3_METRIC_ALL;
}

/* Bytes of the request's body as the client announced them. */
static uint64_t uploaded(const struct protocol_call *call)
{
    uint64_t bytes;
    struct mr_slice text = http_header_get(call->exchange, "x-amz-decoded-content-length");
    if (text.len == 0)
        text = http_header_get(call->exchange, "content-length");
    return mr_slice_to_u64(text, &bytes) == MR_OK ? bytes : 0;
}

static void measure(struct filter *filter, struct protocol_call *call, enum s3_metric kind)
{
    struct http_exchange *exchange = call->exchange;
    const int status = exchange->status;
    const uint64_t in = uploaded(call);
    meter_set_add(&filter->meters, S3_METRIC_ALL, 1);
    if (kind != S3_METRIC_ALL)
        meter_set_add(&filter->meters, kind, 1);
    meter_set_add(&filter->meters, S3_METRIC_4XX, status >= 400 && status < 500);
    meter_set_add(&filter->meters, S3_METRIC_5XX, status >= 500);
    if (in > 0)
        meter_set_add(&filter->meters, S3_METRIC_UPLOADED, in);
    if (exchange->reply_body.len > 0)
        meter_set_add(&filter->meters, S3_METRIC_DOWNLOADED, exchange->reply_body.len);
    /* Of one configuration alone: the server takes the time when the reply may leave. */
    if (exchange->meters[1] == NULL) {
        exchange->meters[1] = meter_set_get(&filter->meters, S3_METRIC_TOTAL);
        exchange->meters[2] = meter_set_get(&filter->meters, S3_METRIC_FIRST_BYTE);
    }
}

static struct filters *find_locked(struct s3_metrics *metrics, const struct protocol_call *call)
{
    return mr_map_get(&metrics->buckets, mr_json_get_text(call->in, "Bucket"));
}

void s3_metrics_answered(struct s3_metrics *metrics, struct protocol_call *call)
{
    if (atomic_load_explicit(&metrics->configured, memory_order_relaxed) == 0)
        return;
    const enum s3_metric kind = kind_of(call);
    yyjson_val *key = mr_json_get(call->in, "Key");
    pthread_rwlock_rdlock(&metrics->lock);
    struct filters *filters = find_locked(metrics, call);
    for (size_t i = 0; filters != NULL && i < filters->count; i++)
        if (covers(&filters->of[i], key))
            measure(&filters->of[i], call, kind);
    pthread_rwlock_unlock(&metrics->lock);
}

void s3_metrics_downloaded(struct s3_metrics *metrics, const struct protocol_call *call,
                           uint64_t bytes)
{
    if (atomic_load_explicit(&metrics->configured, memory_order_relaxed) == 0)
        return;
    yyjson_val *key = mr_json_get(call->in, "Key");
    pthread_rwlock_rdlock(&metrics->lock);
    struct filters *filters = find_locked(metrics, call);
    for (size_t i = 0; filters != NULL && i < filters->count; i++)
        if (covers(&filters->of[i], key))
            meter_set_add(&filters->of[i].meters, S3_METRIC_DOWNLOADED, bytes);
    pthread_rwlock_unlock(&metrics->lock);
}
