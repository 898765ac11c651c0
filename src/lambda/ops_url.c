/* The wire: function URLs. A URL is kept with its function: qualifier -> {"id","AuthType","Cors"?,
 * "InvokeMode","CreationTime","LastModifiedTime"}; url.c serves it. */
#include "lambda/internal.h"

enum { DEPTH_MAX = 16, URL_ID_DIGITS = 32 };

static const char absent[] = "The resource you requested does not exist.";

/* ---- what the request names ----
 * A URL belongs to a function or to an alias. AWS: of a config that is only looked at, it does not
 * say what is missing. */

static yyjson_val *urls_of(struct protocol_call *call, const struct lambda_record *record)
{
    return lambda_ops_text(call, record, LAMBDA_URLS);
}

static struct mr_slice arn_of(struct protocol_call *call, const struct lambda_function *function,
                              struct mr_slice qualifier)
{
    return mr_slice_equal(qualifier, MR_S("$LATEST"))
               ? mr_slice_cstr(function->arn)
               : mr_arena_printf(call->arena, "%s:%.*s", function->arn, MR_ARG(qualifier));
}

static void fail_absent(struct protocol_call *call, const struct lambda_function *function)
{
    (void)function;
    protocol_fail(call, &lambda_not_found, "%s", absent);
}

/* ---- showing ---- */

/* Where the caller reaches this server, he reaches the function too. */
static struct mr_slice address_of(struct protocol_call *call, struct mr_slice id)
{
    struct lambda *lambda = call->service;
    if (call->exchange != NULL && call->exchange->host.len > 0)
        return mr_arena_printf(call->arena, "http://%.*s" LAMBDA_URL_PATH "%.*s/",
                               MR_ARG(call->exchange->host), MR_ARG(id));
    pthread_rwlock_rdlock(&lambda->lock);
    const struct mr_slice address =
        mr_arena_printf(call->arena, "%s" LAMBDA_URL_PATH "%.*s/",
                        lambda->endpoint == NULL ? "" : lambda->endpoint, MR_ARG(id));
    pthread_rwlock_unlock(&lambda->lock);
    return address;
}

static void write_members(struct protocol_call *call, const struct lambda_function *function,
                          struct mr_slice qualifier, yyjson_val *url, bool modified)
{
    struct mr_json *json = &call->out;
    mr_json_key_string(json, "FunctionUrl", address_of(call, mr_json_get_text(url, "id")));
    mr_json_key_string(json, "FunctionArn", arn_of(call, function, qualifier));
    mr_json_key_value(json, "AuthType", mr_json_get(url, "AuthType"));
    mr_json_key_value(json, "Cors", mr_json_get(url, "Cors"));
    mr_json_key_value(json, "CreationTime", mr_json_get(url, "CreationTime"));
    if (modified)
        mr_json_key_value(json, "LastModifiedTime", mr_json_get(url, "LastModifiedTime"));
    mr_json_key_value(json, "InvokeMode", mr_json_get(url, "InvokeMode"));
}

/* ---- create, update ---- */

static struct mr_slice url_id(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    char uuid[LAMBDA_ID_TEXT], id[URL_ID_DIGITS];
    size_t len = 0;
    mr_rng_uuid(lambda->options.rng, uuid);
    for (size_t i = 0; uuid[i] != '\0' && len < sizeof id; i++)
        if (uuid[i] != '-')
            id[len++] = uuid[i];
    return mr_arena_copy(call->arena, mr_slice_make(id, len));
}

/* The request's members over those of `before` (NULL: a new URL). */
static struct mr_slice document(struct protocol_call *call, yyjson_val *before)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    char now[32];
    const struct mr_slice time = mr_date_iso8601(call->now_ms, now);
    const struct mr_slice made = mr_json_get_text(before, "CreationTime");
    mr_json_object(&json);
    mr_json_key_string(&json, "id", before != NULL ? mr_json_get_text(before, "id") : url_id(call));
    lambda_ops_put(&json, call, before, "AuthType", NULL);
    if (yyjson_obj_size(mr_json_get(call->in, "Cors")) > 0 || mr_json_get(call->in, "Cors") == NULL)
        lambda_ops_put(&json, call, before, "Cors", NULL); /* AWS: an empty one takes it away */
    lambda_ops_put(&json, call, before, "InvokeMode", "\"BUFFERED\"");
    mr_json_key_string(&json, "CreationTime", before != NULL ? made : time);
    mr_json_key_string(&json, "LastModifiedTime", time);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void change(struct protocol_call *call, bool update)
{
    struct lambda_function *function = lambda_ops_find_qualified(call, "Function does not exist");
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice qualifier = lambda_ops_qualifier_or_latest(call);
    yyjson_val *before = mr_json_getn(urls_of(call, &next), qualifier);
    if (update && before == NULL)
        fail_absent(call, function);
    else if (!update && before != NULL)
        protocol_fail(call, &lambda_conflict,
                      "Failed to create function url config for [functionArn = %.*s]. Error "
                      "message:  FunctionUrlConfig exists for this Lambda function",
                      MR_ARG(arn_of(call, function, qualifier)));
    if (protocol_failed(call)) {
        lambda_function_cancel(function, &next);
    } else {
        const struct mr_slice text = document(call, before);
        lambda_record_set(&next, LAMBDA_URLS, qualifier, text);
        protocol_fail_internal(call, lambda_function_commit(function, &next));
        write_members(call, function, qualifier, mr_json_parse(call->arena, text, DEPTH_MAX),
                      update);
    }
    lambda_function_unref(function);
}

static void create(struct protocol_call *call)
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
    struct lambda_function *function = lambda_ops_find_qualified(call, absent);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *url = mr_json_getn(urls_of(call, &record), lambda_ops_qualifier_or_latest(call));
    if (url == NULL)
        fail_absent(call, function);
    else
        write_members(call, function, lambda_ops_qualifier_or_latest(call), url, true);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static void write_listed(struct protocol_call *call, struct lambda_function *function,
                         struct mr_slice qualifier, yyjson_val *url)
{
    write_members(call, function, qualifier, url, true);
}

static void list(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find_qualified(call, "Function does not exist");
    if (function == NULL)
        return;
    lambda_ops_list(call, function, LAMBDA_URLS, "FunctionUrlConfigs", write_listed);
    lambda_function_unref(function);
}

static void delete (struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find_qualified(call, absent);
    if (function == NULL)
        return;
    lambda_ops_drop(call, function, LAMBDA_URLS, fail_absent);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_url_handlers[] = {
    {.operation = "CreateFunctionUrlConfig", .run = create},
    {.operation = "UpdateFunctionUrlConfig", .run = update},
    {.operation = "GetFunctionUrlConfig", .run = get},
    {.operation = "ListFunctionUrlConfigs", .run = list},
    {.operation = "DeleteFunctionUrlConfig", .run = delete},
};
const size_t lambda_url_handler_count = MR_COUNT(lambda_url_handlers);
