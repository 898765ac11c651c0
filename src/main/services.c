/* The services, opened along the data: table -> stream -> pipe -> Kinesis -> Firehose -> Lambda ->
 * S3 -> catalog -> queries. */
#include "iceberg/iceberg.h"
#include "main/internal.h"

static void log_line(void *ctx, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                     struct mr_slice text)
{
    struct serve *serve = ctx;
    logs_append(serve->services.logs, group, stream, time_ms, text);
}

/* What tables write to as well. */
static enum mr_status open_ground(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct s3_options s3 = {.store = serve->store,
                                  .runtime = serve->runtime,
                                  .rng = &serve->rng,
                                  .meters = serve->meters};
    enum mr_status status = s3_open(&s->s3, &s3);
    if (status != MR_OK)
        return status;
    const struct logs_options logs = {
        .store = serve->store, .runtime = serve->runtime, .rng = &serve->rng};
    return logs_open(&s->logs, &logs);
}

static enum mr_status open_table_side(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct streams_options streams = {
        .store = serve->store, .rng = &serve->rng, .meters = serve->meters};
    enum mr_status status = streams_open(&s->streams, &streams);
    if (status != MR_OK)
        return status;
    const struct kinesis_options kinesis = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .meters = serve->meters,
        .testing = serve->options.testing,
        .limits = serve->options.shard_limits,
    };
    status = kinesis_open(&s->kinesis, &kinesis);
    if (status != MR_OK)
        return status;
    const struct dynamodb_options dynamodb = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .meters = serve->meters,
        .streams = s->streams,
        .kinesis = s->kinesis,
        .s3 = s->s3,
        .log = log_line,
        .log_ctx = serve,
        .testing = serve->options.testing,
    };
    return dynamodb_open(&s->dynamodb, &dynamodb);
}

static enum mr_status open_lake_side(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct lambda_options lambda = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .meters = serve->meters,
        .s3 = s->s3,
        .streams = s->streams,
        .kinesis = s->kinesis,
        .bootstrap = serve->bootstrap,
        .endpoint_url = serve->endpoint,
        .log = log_line,
        .log_ctx = serve,
        .access_key = serve->access_key,
        .secret_key = serve->secret_key,
    };
    return lambda_open(&s->lambda, &lambda);
}

static enum mr_status open_movers(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct glue_options glue = {.store = serve->store,
                                      .runtime = serve->runtime,
                                      .rng = &serve->rng,
                                      .s3 = s->s3,
                                      .logs = s->logs,
                                      .grok = &athena_grok_engine,
                                      .iceberg = &iceberg_crawl_engine};
    enum mr_status status = glue_open(&s->glue, &glue);
    if (status != MR_OK)
        return status;
    const struct firehose_options firehose = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .meters = serve->meters,
        .kinesis = s->kinesis,
        .lambda = s->lambda,
        .s3 = s->s3,
        .glue = s->glue,
        .calls_max = 2,
        .testing = serve->options.testing,
        .log = log_line,
        .log_ctx = serve,
    };
    status = firehose_open(&s->firehose, &firehose);
    if (status != MR_OK)
        return status;
    const struct pipes_options pipes = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .meters = serve->meters,
        .streams = s->streams,
        .kinesis = s->kinesis,
        .firehose = s->firehose,
        .lambda = s->lambda,
        .logs = s->logs,
        .testing = serve->options.testing,
    };
    return pipes_open(&s->pipes, &pipes);
}

static enum mr_status open_queries(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct athena_options athena = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .s3 = s->s3,
        .glue = s->glue,
        .duckdb_library = serve->duckdb,
        .cache_bytes = serve->options.query_cache_bytes,
    };
    return athena_open(&s->athena, &athena);
}

static enum mr_status open_accounts(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct iam_options iam = {.store = serve->store, .rng = &serve->rng};
    enum mr_status status = iam_open(&s->iam, &iam);
    if (status != MR_OK)
        return status;
    const struct cloudwatch_options cloudwatch = {.store = serve->store,
                                                  .runtime = serve->runtime,
                                                  .rng = &serve->rng,
                                                  .meters = serve->meters};
    status = cloudwatch_open(&s->cloudwatch, &cloudwatch);
    if (status != MR_OK)
        return status;
    const struct ssm_options ssm = {.store = serve->store};
    status = ssm_open(&s->ssm, &ssm);
    if (status != MR_OK)
        return status;
    const struct sts_options sts = {.protocol = serve->protocol, .rng = &serve->rng};
    status = sts_open(&s->sts, &sts);
    if (status != MR_OK)
        return status;
    const struct cloudformation_options cloudformation = {
        .store = serve->store,
        .runtime = serve->runtime,
        .rng = &serve->rng,
        .protocol = serve->protocol,
        .endpoint_url = serve->endpoint,
    };
    return cloudformation_open(&s->cloudformation, &cloudformation);
}

static enum mr_status open_chain(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    const struct chain_options chain = {
        .store = serve->store,
        .runtime = serve->runtime,
        .dynamodb = s->dynamodb,
        .pipes = s->pipes,
        .firehose = s->firehose,
    };
    return chain_open(&s->chain, &chain);
}

enum mr_status serve_open_services(struct serve *serve)
{
    static enum mr_status (*const steps[])(struct serve *) = {
        open_ground,  open_table_side, open_lake_side, open_movers,
        open_queries, open_accounts,   open_chain,
    };
    for (size_t i = 0; i < MR_COUNT(steps); i++) {
        const enum mr_status status = steps[i](serve);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

/* ---- S3's events ---- */

static bool function_exists(void *ctx, struct mr_slice function_arn)
{
    const struct serve *serve = ctx;
    return lambda_exists(serve->services.lambda, function_arn);
}

/* As a client would invoke it for an event: the function's queue takes it. */
static enum mr_status function_invoke(void *ctx, struct mr_slice function_arn,
                                      struct mr_slice event)
{
    struct serve *serve = ctx;
    struct mr_arena arena;
    struct mr_buf buf = {0};
    struct protocol_result result = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "FunctionName", function_arn);
    mr_json_key_cstr(&json, "InvocationType", "Event");
    mr_json_object_end(&json);
    mr_arena_init(&arena);
    enum mr_status status = protocol_invoke(serve->protocol, &arena, "lambda", "Invoke",
                                            mr_buf_slice(&buf), event, &result);
    if (status == MR_OK && result.status == 404)
        status = MR_NOT_FOUND;
    else if (status == MR_OK && result.status >= 300)
        status = MR_AGAIN;
    mr_arena_fini(&arena);
    mr_buf_fini(&buf);
    return status;
}

void serve_start_notifications(struct serve *serve)
{
    const struct s3_notify_options options = {
        .exists = function_exists, .invoke = function_invoke, .ctx = serve};
    s3_notify_start(serve->services.s3, &options);
}

void serve_register_services(struct serve *serve)
{
    const struct serve_services *s = &serve->services;
    struct protocol *protocol = serve->protocol;
    streams_register(s->streams, protocol);
    dynamodb_register(s->dynamodb, protocol);
    kinesis_register(s->kinesis, protocol);
    s3_register(s->s3, protocol);
    logs_register(s->logs, protocol);
    lambda_register(s->lambda, protocol);
    firehose_register(s->firehose, protocol);
    pipes_register(s->pipes, protocol);
    glue_register(s->glue, protocol);
    athena_register(s->athena, protocol);
    iam_register(s->iam, protocol);
    ssm_register(s->ssm, protocol);
    sts_register(s->sts, protocol);
    cloudwatch_register(s->cloudwatch, protocol);
    cloudformation_register(s->cloudformation, protocol);
}

/* Those who act on others first; each accepts NULL. */
void serve_close_services(struct serve *serve)
{
    struct serve_services *s = &serve->services;
    chain_close(s->chain);
    cloudformation_close(s->cloudformation);
    sts_close(s->sts);
    ssm_close(s->ssm);
    cloudwatch_close(s->cloudwatch);
    iam_close(s->iam);
    athena_close(s->athena);
    pipes_stop(s->pipes);
    s3_notify_stop(s->s3);
    if (s->lambda != NULL)
        lambda_stop(
            s->lambda); /* who waits for functions does so no longer, and keeps the records */
    pipes_close(s->pipes);
    firehose_close(s->firehose);
    glue_close(s->glue);
    lambda_close(s->lambda);
    dynamodb_close(s->dynamodb);
    kinesis_close(s->kinesis);
    logs_close(s->logs); /* imports write to it */
    s3_close(s->s3);     /* exports too */
    streams_close(s->streams);
    serve->services = (struct serve_services){0};
}

void serve_stop_waiting(struct serve *serve)
{
    pthread_rwlock_wrlock(&serve->services_lock);
    chain_close(serve->services.chain);
    serve->services.chain = NULL;
    pthread_rwlock_unlock(&serve->services_lock);
}
