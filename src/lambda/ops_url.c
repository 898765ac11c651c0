/* The wire: function URLs. A URL is kept with its function: qualifier -> {"id","AuthType","Cors"?,
 * "InvokeMode","CreationTime","LastModifiedTime"}; url.c serves it. */
#include "lambda/internal.h"

enum { LIST_MAX = 50, DEPTH_MAX = 16, URL_ID_DIGITS = 32 };

/* ---- what the request names ---- */

static struct mr_slice qualifier_of(struct protocol_call *call)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    return qualifier.len > 0 ? qualifier : MR_S("$LATEST");
}

/* A URL belongs to a function or to an alias. AWS: of a config that is only looked at, it does not
 * say what is missing. */
static struct lambda_function *find(struct protocol_call *call, const char *missing)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    struct lambda_function *function = lambda_function_find(call->service, name);
    int64_t version;
    bool known = false;
    if (function != NULL) {
        struct lambda_record record;
        lambda_function_record(function, &record);
        known = lambda_record_resolve(NULL, &record, qualifier_of(call), &version) == MR_OK;
        lambda_record_fini(&record);
    }
    if (known)
        return function;
    lambda_function_unref(function);
    protocol_fail(call, &lambda_not_found, "%s", missing);
    return NULL;
}

static yyjson_val *urls_of(struct protocol_call *call, const struct lambda_record *record)
{
    return mr_json_parse(call->arena, mr_slice_cstr(record->texts[LAMBDA_URLS]), DEPTH_MAX);
}

static struct mr_slice arn_of(struct protocol_call *call, const struct lambda_function *function,
                              struct mr_slice qualifier)
{
    return mr_slice_equal(qualifier, MR_S("$LATEST"))
               ? mr_slice_cstr(function->arn)
               : mr_arena_printf(call->arena, "%s:%.*s", function->arn, MR_ARG(qualifier));
}

static void fail_absent(struct protocol_call *call)
{
    protocol_fail(call, &lambda_not_found, "The resource you requested does not exist.");
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

static void put(struct mr_json *json, struct protocol_call *call, yyjson_val *before,
                const char *name, const char *fallback)
{
    yyjson_val *value = mr_json_get(call->in, name);
    value = value != NULL ? value : mr_json_get(before, name);
    if (value != NULL)
        mr_json_key_value(json, name, value);
    else
        mr_json_key_raw(json, name, mr_slice_cstr(fallback));
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
    put(&json, call, before, "AuthType", NULL);
    if (yyjson_obj_size(mr_json_get(call->in, "Cors")) > 0 || mr_json_get(call->in, "Cors") == NULL)
        put(&json, call, before, "Cors", NULL); /* AWS: an empty one takes it away */
    put(&json, call, before, "InvokeMode", "\"BUFFERED\"");
    mr_json_key_string(&json, "CreationTime", before != NULL ? made : time);
    mr_json_key_string(&json, "LastModifiedTime", time);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void change(struct protocol_call *call, bool update)
{
    struct lambda_function *function = find(call, "Function does not exist");
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    const struct mr_slice qualifier = qualifier_of(call);
    yyjson_val *before = mr_json_getn(urls_of(call, &next), qualifier);
    if (update && before == NULL)
        fail_absent(call);
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
    struct lambda_function *function = find(call, "The resource you requested does not exist.");
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *url = mr_json_getn(urls_of(call, &record), qualifier_of(call));
    if (url == NULL)
        fail_absent(call);
    else
        write_members(call, function, qualifier_of(call), url, true);
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static void list(struct protocol_call *call)
{
    struct lambda_function *function = find(call, "Function does not exist");
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *urls = urls_of(call, &record);
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    uint64_t after = 0;
    (void)(mr_slice_to_u64(mr_json_get_text(call->in, "Marker"), &after) == MR_OK);
    const size_t end = (size_t)after + (size_t)(wanted < LIST_MAX ? wanted : LIST_MAX);
    size_t i, count;
    yyjson_val *qualifier, *url;
    mr_json_key(&call->out, "FunctionUrlConfigs");
    mr_json_array(&call->out);
    yyjson_obj_foreach(urls, i, count, qualifier, url)
    {
        if (i < after || i >= end)
            continue;
        mr_json_object(&call->out);
        write_members(call, function, mr_json_text(qualifier), url, true);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (end < yyjson_obj_size(urls))
        mr_json_key_string(&call->out, "NextMarker", mr_arena_printf(call->arena, "%zu", end));
    lambda_record_fini(&record);
    lambda_function_unref(function);
}

static void delete (struct protocol_call *call)
{
    struct lambda_function *function = find(call, "The resource you requested does not exist.");
    struct lambda_record next;
    if (function == NULL || !lambda_ops_begin(call, function, &next)) {
        lambda_function_unref(function);
        return;
    }
    if (mr_json_getn(urls_of(call, &next), qualifier_of(call)) == NULL) {
        fail_absent(call);
        lambda_function_cancel(function, &next);
    } else {
        lambda_record_set(&next, LAMBDA_URLS, qualifier_of(call), MR_S(""));
        protocol_fail_internal(call, lambda_function_commit(function, &next));
    }
    call->status = 204;
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
