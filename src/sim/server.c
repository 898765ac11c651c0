/* sim/server.c: the whole server, wired by its own code, and the resources of the chain. */
#include "sim/server.h"
#include "base/log.h"
#include <stdio.h>

enum {
    READY_NS = 20000000,
    READY_TRIES = 600,
    OUTPUT_DEPTH = 64,
    LEFT_RECORDS = 6,
    RETAIN_NS_MAX = 50000000,
};
#define ROLE "arn:aws:iam::000000000000:role/pipeline"
#define ARN(service) "arn:aws:" service ":us-east-1:000000000000:"

void sim_call(struct serve *serve, struct mr_arena *arena, const char *service,
              const char *operation, struct mr_slice input, struct protocol_result *ret_result)
{
    *ret_result = (struct protocol_result){0};
    sim_mix_text(input);
    const enum mr_status status = protocol_invoke(serve->protocol, arena, service, operation, input,
                                                  (struct mr_slice){0}, ret_result);
    if (status < 0)
        ret_result->status = 500; /* nothing can be said of what became of it */
    sim_mix((uint64_t)ret_result->status);
    sim_mix_text(ret_result->output);
    sim_trace("%s %.*s -> %d %.*s", operation, MR_ARG(input), ret_result->status,
              MR_ARG(ret_result->output));
}

yyjson_val *sim_output(struct mr_arena *arena, const struct protocol_result *result)
{
    return mr_json_parse(arena, result->output, OUTPUT_DEPTH);
}

int64_t sim_number(yyjson_val *item, const char *name)
{
    int64_t value = 0;
    const struct mr_slice text = mr_json_get_text(mr_json_get(item, name), "N");
    if (text.len > 0 && mr_slice_to_i64(text, &value) != MR_OK)
        sim_finding("a number is no integer");
    return value;
}

/* ---- resources ---- */

/* One that is there already, because an earlier incarnation made it, is as good. */
static void make(struct serve *serve, const char *service, const char *operation, const char *input)
{
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    sim_call(serve, &arena, service, operation, mr_slice_cstr(input), &result);
    const bool there = mr_slice_equal(result.code, MR_S("ResourceInUseException")) ||
                       mr_slice_equal(result.code, MR_S("ConflictException")) ||
                       mr_slice_starts_with(result.code, MR_S("BucketAlready"));
    if (result.status >= 400 && !there) {
        if (result.status >= 500 && sim->failed_io)
            sim_end(SIM_END_REFUSED);
        sim_finding("%s: %d %.*s: %.*s", operation, result.status, MR_ARG(result.code),
                    MR_ARG(result.message));
    }
    mr_arena_fini(&arena);
}

/* Until a member of the description has the value. */
static void wait_for(struct serve *serve, const char *const what[static 5], const char *input)
{
    for (int i = 0; i < READY_TRIES; i++) {
        struct mr_arena arena;
        struct protocol_result result;
        mr_arena_init(&arena);
        sim_call(serve, &arena, what[0], what[1], mr_slice_cstr(input), &result);
        yyjson_val *description = sim_output(&arena, &result);
        if (what[2] != NULL)
            description = mr_json_get(description, what[2]);
        const bool good =
            mr_slice_equal(mr_json_get_text(description, what[3]), mr_slice_cstr(what[4]));
        mr_arena_fini(&arena);
        if (good)
            return;
        if (sim->failed_io)
            sim_end(SIM_END_REFUSED);
        sim_sleep(READY_NS);
    }
    sim_finding("%s never says %s", what[1], what[4]);
}

static void stream_arn(struct serve *serve, char ret[static 256])
{
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena);
    sim_call(serve, &arena, "dynamodb", "DescribeTable", MR_S("{\"TableName\":\"tab\"}"), &result);
    const struct mr_slice arn =
        mr_json_get_text(mr_json_get(sim_output(&arena, &result), "Table"), "LatestStreamArn");
    (void)snprintf(ret, 256, "%.*s", MR_ARG(arn));
    mr_arena_fini(&arena);
}

void sim_table_make(struct serve *serve)
{
    make(serve, "dynamodb", "CreateTable",
         "{\"TableName\":\"tab\",\"BillingMode\":\"PAY_PER_REQUEST\",\"KeySchema\":[{"
         "\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"
         "\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],\"StreamSpecification\":{"
         "\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"}}");
    static const char *const active[] = {"dynamodb", "DescribeTable", "Table", "TableStatus",
                                         "ACTIVE"};
    wait_for(serve, active, "{\"TableName\":\"tab\"}");
    if (!sim->plan.expires)
        return;
    struct mr_arena arena;
    struct protocol_result result;
    mr_arena_init(&arena); /* refused when it is so already */
    sim_call(serve, &arena, "dynamodb", "UpdateTimeToLive",
             MR_S("{\"TableName\":\"tab\",\"TimeToLiveSpecification\":{\"Enabled\":true,"
                  "\"AttributeName\":\"t\"}}"),
             &result);
    mr_arena_fini(&arena);
}

static void make_stream(struct serve *serve, const char *name, unsigned shards)
{
    char text[512];
    (void)snprintf(text, sizeof text, "{\"StreamName\":\"%s\",\"ShardCount\":%u}", name, shards);
    make(serve, "kinesis", "CreateStream", text);
    static const char *const active[] = {"kinesis", "DescribeStreamSummary",
                                         "StreamDescriptionSummary", "StreamStatus", "ACTIVE"};
    (void)snprintf(text, sizeof text, "{\"StreamName\":\"%s\"}", name);
    wait_for(serve, active, text);
}

static const char transform[] =
    ",\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[{\"Type\":\"Lambda\","
    "\"Parameters\":[{\"ParameterName\":\"LambdaArn\",\"ParameterValue\":\"" ARN(
        "lambda") "function:f\"}]}]}";

/* Stream `stream` to objects below `prefix`. */
static void make_delivery(struct serve *serve, const char *name, const char *stream,
                          const char *prefix, bool has_function)
{
    char text[2048];
    make(serve, "s3", "CreateBucket", "{\"Bucket\":\"lake\"}");
    (void)snprintf(
        text, sizeof text,
        "{\"DeliveryStreamName\":\"%s\",\"DeliveryStreamType\":\"KinesisStreamAsSource\","
        "\"KinesisStreamSourceConfiguration\":{\"KinesisStreamARN\":\"" ARN(
            "kinesis") "stream/%s\",\"RoleARN\":\"" ROLE
                       "\"},\"ExtendedS3DestinationConfiguration\":{"
                       "\"BucketARN\":\"arn:aws:s3:::lake\",\"RoleARN\":\"" ROLE
                       "\",\"Prefix\":\"%s\","
                       "\"ErrorOutputPrefix\":\"errors/\",\"BufferingHints\":{\"SizeInMBs\":1,"
                       "\"IntervalInSeconds\":%u}%s}}",
        name, stream, prefix, sim->plan.seconds, has_function ? transform : "");
    make(serve, "firehose", "CreateDeliveryStream", text);
    static const char *const active[] = {"firehose", "DescribeDeliveryStream",
                                         "DeliveryStreamDescription", "DeliveryStreamStatus",
                                         "ACTIVE"};
    (void)snprintf(text, sizeof text, "{\"DeliveryStreamName\":\"%s\"}", name);
    wait_for(serve, active, text);
}

/* Stopped by somebody before: it is started again, once it has stopped. */
static void pipe_start(struct serve *serve, struct mr_slice name)
{
    for (int i = 0; i < READY_TRIES; i++) {
        struct mr_arena arena;
        struct protocol_result result;
        mr_arena_init(&arena);
        sim_call(serve, &arena, "pipes", "DescribePipe", name, &result);
        const struct mr_slice state = mr_json_get_text(sim_output(&arena, &result), "CurrentState");
        const bool runs = mr_slice_equal(state, MR_S("RUNNING"));
        if (mr_slice_equal(state, MR_S("STOPPED")))
            sim_call(serve, &arena, "pipes", "StartPipe", name, &result);
        mr_arena_fini(&arena);
        if (runs)
            return;
        if (sim->failed_io)
            sim_end(SIM_END_REFUSED);
        sim_sleep(READY_NS);
    }
    sim_finding("the pipe does not run");
}

void sim_pipes_start(struct serve *serve)
{
    pipe_start(serve, MR_S("{\"Name\":\"p\"}"));
    if (sim->plan.filters)
        pipe_start(serve, MR_S("{\"Name\":\"q\"}"));
}

/* The table's stream to `stream`; `filter` is a member of the source's parameters, or empty. */
static void make_pipe(struct serve *serve, const char *name, const char *stream, const char *filter)
{
    char text[2048], arn[256];
    stream_arn(serve, arn);
    (void)snprintf(
        text, sizeof text,
        "{\"Name\":\"%s\",\"RoleArn\":\"" ROLE "\",\"Source\":\"%s\",\"SourceParameters\":{%s"
        "\"DynamoDBStreamParameters\":{\"StartingPosition\":\"TRIM_HORIZON\"}},\"Target\":\"" ARN(
            "kinesis") "stream/%s\",\"TargetParameters\":{\"KinesisStreamParameters\":{"
                       "\"PartitionKey\":\"$.dynamodb.Keys.pk.S\"}}}",
        name, arn, filter, stream);
    make(serve, "pipes", "CreatePipe", text);
}

/* What begins and what ends, on a way of its own. */
static void make_filtered(struct serve *serve)
{
    make_stream(serve, "k2", 1);
    make_delivery(serve, "d2", "k2", "only/", false);
    make_pipe(serve, "q", "k2",
              "\"FilterCriteria\":{\"Filters\":[{\"Pattern\":\"{\\\"eventName\\\":"
              "[\\\"INSERT\\\"]}\"},{\"Pattern\":\"{\\\"eventName\\\":"
              "[{\\\"prefix\\\":\\\"REM\\\"}]}\"}]},");
}

struct serve *sim_server_start(void)
{
    struct serve_options options = serve_options_default;
    options.data = "/sim/data";
    options.segment_bytes = sim->plan.segment_bytes;
    struct serve *serve = NULL;
    mr_log_set_level(sim->trace && sim->trace_to == 0 ? MR_LOG_DEBUG
                                                      : (enum mr_log_level)(MR_LOG_ERROR + 1));
    if (serve_start(&serve, &options) != MR_OK) {
        if (sim->failed_io)
            sim_end(SIM_END_REFUSED);
        sim_finding("the server does not start");
    }
    sim_trace("-- the server has started");
    return serve;
}

void sim_way_make(struct serve *serve)
{
    make_stream(serve, "k", sim->plan.shards);
    make_delivery(serve, "d", "k", "data/", sim->plan.has_function);
    make_pipe(serve, "p", "k", "");
    if (sim->plan.filters)
        make_filtered(serve);
    sim_pipes_start(serve);
}

/* ---- what holds the journal, and what does not ---- */

/* A stream that fills some of the journal, and goes: nobody needs that any more. */
static void leave(struct serve *serve)
{
    char text[8192], data[6000];
    memset(data, 'A', sizeof data);
    make_stream(serve, "gone", 1);
    for (int i = 0; i < LEFT_RECORDS; i++) {
        (void)snprintf(text, sizeof text,
                       "{\"StreamName\":\"gone\",\"PartitionKey\":\"k\",\"Data\":\"%.*s\"}",
                       (int)sizeof data, data);
        make(serve, "kinesis", "PutRecord", text);
    }
    make(serve, "kinesis", "DeleteStream", "{\"StreamName\":\"gone\"}");
}

static struct {
    struct serve *serve;
    int fiber;
    bool ends;
} retain;

static void *retain_main(void *arg)
{
    (void)arg;
    uint64_t pause_ns = RETAIN_NS_MAX; /* longer each time: a seed may take minutes */
    while (!retain.ends && store_retain(retain.serve->store) == MR_OK) {
        sim_sleep((int64_t)sim_below(pause_ns));
        pause_ns += pause_ns / 8;
    }
    return NULL;
}

void sim_retain_begin(struct serve *serve)
{
    if (sim->plan.leaves && sim->incarnation == 1)
        leave(serve);
    retain.serve = serve;
    if (sim->plan.retains)
        retain.fiber = sim_fiber_start("retain", retain_main, NULL);
}

void sim_retain_end(void)
{
    retain.ends = true;
    if (sim->plan.retains)
        sim_fiber_join(retain.fiber);
}
