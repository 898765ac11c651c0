/* main/internal.h: what the server is made of. */
#pragma once
#include "athena/athena.h"
#include "chain/chain.h"
#include "cloudformation/cloudformation.h"
#include "cloudwatch/cloudwatch.h"
#include "dynamodb/dynamodb.h"
#include "firehose/firehose.h"
#include "glue/glue.h"
#include "iam/iam.h"
#include "kinesis/kinesis.h"
#include "lambda/lambda.h"
#include "logs/logs.h"
#include "main/serve.h"
#include "pipes/pipes.h"
#include "s3/s3.h"
#include "streams/streams.h"
#include "ssm/ssm.h"
#include "sts/sts.h"
#include <pthread.h>

/* Opened in this order, closed in the reverse one. */
struct serve_services {
    struct streams *streams;
    struct kinesis *kinesis;
    struct dynamodb *dynamodb;
    struct s3 *s3;
    struct logs *logs;
    struct lambda *lambda;
    struct firehose *firehose;
    struct pipes *pipes;
    struct glue *glue;
    struct athena *athena;
    struct iam *iam;
    struct ssm *ssm;
    struct sts *sts;
    struct cloudwatch *cloudwatch;
    struct cloudformation *cloudformation;
    struct chain *chain;
};

struct serve {
    struct mr_arena arena; /* options' texts, credentials */
    struct serve_options options;
    struct mr_rng rng;
    struct mr_clock_movable clock; /* moved with --testing only */
    pthread_mutex_t clock_lock;    /* one change of it at a time */
    struct store *store;
    struct runtime *runtime;
    struct http_server *http;
    struct http_listener *listener;
    struct protocol *protocol;
    struct serve_services services;
    pthread_rwlock_t services_lock; /* pages read them; whoever opens and closes them writes */
    struct runtime_pump *maintenance;
    struct meters *meters; /* what the services measure of themselves */
    int port;
    const char *access_key,
        *secret_key;   /* the first credential: what functions sign with; or NULL */
    char endpoint[96]; /* "http://127.0.0.1:4566" */
    char bootstrap[4096], duckdb[4096];
    int64_t started_ms;
};

/* ---- services.c ---- */
MR_MUST_USE enum mr_status serve_open_services(struct serve *serve);
void serve_register_services(struct serve *serve);
void serve_close_services(struct serve *serve);
/* Those who wait for the chain are answered; nobody can wait any more. */
void serve_stop_waiting(struct serve *serve);

/* ---- pages.c: /_millrace/status, /_millrace/health, /_millrace/reset ---- */
void serve_register_pages(struct serve *serve);
/* For a page that GET shows and POST changes, by a JSON object and by no page in somebody's
 * browser: `obey` says what is wrong with the object, or NULL. False: the answer is there; true:
 * 200, and the state is to be written. */
bool serve_take_wish(struct http_exchange *exchange,
                     const char *(*obey)(void *ctx, yyjson_val *body), void *ctx);
/* Members of the status page: tables, destinations, pipes, streams, deliveries, functions. */
void serve_write_stages(struct serve *serve, struct mr_json *json);

/* ---- prometheus.c: what Prometheus scrapes, in its text format; while services_lock is held ----
 */
void serve_write_metrics(struct serve *serve, struct mr_buf *out);

/* ---- clock.c: /_millrace/clock ---- */
/* With the data folder open, before anything asks for the time: where the clock was left. */
MR_MUST_USE enum mr_status serve_load_clock(struct serve *serve, bool *ret_moved);
void serve_register_clock(struct serve *serve);

/* ---- points.c: /_millrace/points ---- */
void serve_register_points(struct serve *serve);

/* ---- maintenance.c: drops what the journal need not keep ---- */
/* Buckets tell functions of their changes, as their notification configurations want. */
void serve_start_notifications(struct serve *serve);
void serve_start_maintenance(struct serve *serve);
