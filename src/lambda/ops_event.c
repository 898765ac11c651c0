/* The wire: what becomes of asynchronous invocations (FunctionEventInvokeConfig). */
#include "lambda/internal.h"

enum { DEPTH_MAX = 16 };

/* ---- what the request names ---- */

static struct mr_slice arn_of(struct protocol_call *call, const struct lambda_function *function)
{
    return mr_arena_printf(call->arena, "%s:%.*s", function->arn,
                           MR_ARG(lambda_ops_qualifier_or_latest(call)));
}

static struct lambda_function *find(struct protocol_call *call)
{
    return lambda_ops_find_qualified(call, "The function doesn't exist.");
}

static yyjson_val *config_of(struct protocol_call *call, const struct lambda_record *record)
{
    return mr_json_getn(lambda_ops_text(call, record, LAMBDA_EVENT_CONFIGS),
                        lambda_ops_qualifier_or_latest(call));
}

static void fail_absent(struct protocol_call *call, const struct lambda_function *function)
{
    protocol_fail(call, &lambda_not_found, "The function %.*s doesn't have an EventInvokeConfig",
                  MR_ARG(arn_of(call, function)));
}

/* ---- destinations ---- */

static struct mr_slice destination(yyjson_val *config, const char *side)
{
    return mr_json_get_text(mr_json_get(config, side), "Destination");
}

static struct mr_slice shown(struct mr_arena *arena, const char *kind, struct mr_slice arn)
{
    return arn.len == 0 ? MR_S("null")
                        : mr_arena_printf(arena, "%s(destination=%.*s)", kind, MR_ARG(arn));
}

static void check_destination(struct protocol_call *call, const struct lambda_function *function,
                              yyjson_val *config, const char *side)
{
    static const char *const refused[] = {"arn:aws:sqs:", "arn:aws:sns:", "arn:aws:events:"};
    const struct mr_slice arn = destination(config, side);
    const bool is_function = mr_slice_starts_with(arn, MR_S("arn:aws:lambda:"));
    const bool is_bucket = lambda_bucket_of(arn).len > 0 && strcmp(side, "OnFailure") == 0;
    if (arn.len == 0)
        return;
    for (size_t i = 0; i < MR_COUNT(refused); i++)
        if (mr_slice_starts_with(arn, mr_slice_cstr(refused[i])))
            protocol_fail(call, &lambda_invalid_parameter,
                          "millrace does not implement the destination %.*s; a function, or for "
                          "failures an S3 bucket, can be one",
                          MR_ARG(arn));
    if (!is_function && !is_bucket)
        protocol_fail(
            call, &lambda_invalid_parameter,
            "The provided destination config DestinationConfig(onSuccess=%.*s, onFailure=%.*s) is "
            "invalid.",
            MR_ARG(shown(call->arena, "OnSuccess", destination(config, "OnSuccess"))),
            MR_ARG(shown(call->arena, "OnFailure", destination(config, "OnFailure"))));
    else if (is_bucket ? !s3_bucket_exists(function->lambda->options.s3, lambda_bucket_of(arn))
                       : !lambda_exists(call->service, arn))
        protocol_fail(call, &lambda_invalid_parameter, "The destination ARN %.*s is invalid.",
                      MR_ARG(arn));
    struct mr_slice name, qualifier;
    lambda_name_split(arn, &name, &qualifier);
    if (is_function && mr_slice_equal(name, mr_slice_cstr(function->name)))
        protocol_fail(call, &lambda_invalid_parameter,
                      "You can't specify the function as a destination for itself.");
}

static bool check(struct protocol_call *call, const struct lambda_function *function)
{
    yyjson_val *config = mr_json_get(call->in, "DestinationConfig");
    if (config == NULL && mr_json_get(call->in, "MaximumRetryAttempts") == NULL &&
        mr_json_get(call->in, "MaximumEventAgeInSeconds") == NULL)
        protocol_fail(call, &lambda_invalid_parameter,
                      "You must specify at least one of error handling or destination setting.");
    check_destination(call, function, config, "OnSuccess");
    check_destination(call, function, config, "OnFailure");
    return !protocol_failed(call);
}

/* ---- put, update ---- */

/* The request's members over those of `before`. */
static struct mr_slice document(struct protocol_call *call, const struct lambda_function *function,
                                yyjson_val *before)
{
    static const char *const members[] = {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_timestamp(&json, "LastModified", call->now_ms);
    mr_json_key_string(&json, "FunctionArn", arn_of(call, function));
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *value = mr_json_get(call->in, members[i]);
        mr_json_key_value(&json, members[i],
                          value != NULL ? value : mr_json_get(before, members[i]));
    }
    yyjson_val *given = mr_json_get(call->in, "DestinationConfig");
    yyjson_val *config = given != NULL ? given : mr_json_get(before, "DestinationConfig");
    static const char *const sides[] = {"OnSuccess", "OnFailure"};
    mr_json_key(&json, "DestinationConfig");
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(sides); i++) {
        mr_json_key(&json, sides[i]);
        mr_json_object(&json);
        mr_json_key_value(&json, "Destination",
                          mr_json_get(mr_json_get(config, sides[i]), "Destination"));
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void change(struct protocol_call *call, bool update)
{
    struct lambda_function *function = find(call);
    struct lambda_record next;
    if (function == NULL || !check(call, function) || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    yyjson_val *before = update ? config_of(call, &next) : NULL;
    if (update && before == NULL) {
        fail_absent(call, function);
        lambda_function_cancel(function, &next);
    } else {
        const struct mr_slice text = document(call, function, before);
        lambda_record_set(&next, LAMBDA_EVENT_CONFIGS, lambda_ops_qualifier_or_latest(call), text);
        protocol_fail_internal(call, lambda_function_commit(function, &next));
        lambda_ops_members(call, mr_json_parse(call->arena, text, DEPTH_MAX));
    }
    lambda_function_unref(function);
}

static void put(struct protocol_call *call)
{
    change(call, false);
}

static void update(struct protocol_call *call)
{
    change(call, true);
}

/* ---- get, list, delete ---- */

static void get(struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *config = config_of(call, &record);
    if (config == NULL)
        fail_absent(call, function);
    lambda_ops_members(call, config);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static void write_listed(struct protocol_call *call, struct lambda_function *function,
                         struct mr_slice qualifier, yyjson_val *config)
{
    (void)function;
    (void)qualifier;
    lambda_ops_members(call, config);
}

static void list(struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    if (function == NULL)
        return;
    lambda_ops_list(call, function, LAMBDA_EVENT_CONFIGS, "FunctionEventInvokeConfigs",
                    write_listed);
    lambda_function_unref(function);
}

static void delete (struct protocol_call *call)
{
    struct lambda_function *function = find(call);
    if (function == NULL)
        return;
    lambda_ops_drop(call, function, LAMBDA_EVENT_CONFIGS, fail_absent);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_event_handlers[] = {
    {.operation = "PutFunctionEventInvokeConfig", .run = put},
    {.operation = "UpdateFunctionEventInvokeConfig", .run = update},
    {.operation = "GetFunctionEventInvokeConfig", .run = get},
    {.operation = "ListFunctionEventInvokeConfigs", .run = list},
    {.operation = "DeleteFunctionEventInvokeConfig", .run = delete},
};
const size_t lambda_event_handler_count = MR_COUNT(lambda_event_handlers);
