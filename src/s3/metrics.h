/* s3/metrics.h: request metrics of buckets (AWS/S3), where a metrics configuration asks for them.
 *
 * A configuration has an id and, if it likes, a prefix of keys; requests that it covers are
 * measured under the dimensions BucketName and FilterId. What is configured is in the bucket's
 * document; here is what a request looks at. Threads: any. */
#pragma once
#include "base/json.h"
#include "base/meters.h"
#include "protocol/protocol.h"

enum s3_metric {
    S3_METRIC_ALL,
    S3_METRIC_GET,
    S3_METRIC_PUT,
    S3_METRIC_DELETE,
    S3_METRIC_HEAD,
    S3_METRIC_POST,
    S3_METRIC_LIST,
    S3_METRIC_DOWNLOADED,
    S3_METRIC_UPLOADED,
    S3_METRIC_4XX,
    S3_METRIC_5XX,
    S3_METRIC_FIRST_BYTE,
    S3_METRIC_TOTAL,
    S3_METRICS
};

struct s3_metrics;
struct s3_metrics *s3_metrics_new(struct meters *meters); /* meters NULL: nothing is measured */
void s3_metrics_free(struct s3_metrics *metrics);         /* accepts NULL */
/* What a bucket has from now on: a list of MetricsConfiguration, or NULL. */
void s3_metrics_set(struct s3_metrics *metrics, struct mr_slice bucket, yyjson_val *list);
/* A request was answered; its reply has yet to leave. */
void s3_metrics_answered(struct s3_metrics *metrics, struct protocol_call *call);
/* So many bytes of an object go out with the reply. */
void s3_metrics_downloaded(struct s3_metrics *metrics, const struct protocol_call *call,
                           uint64_t bytes);
