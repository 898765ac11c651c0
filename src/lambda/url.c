/* Serving function URLs: a request becomes an event of payload format 2.0, the function's answer a
 * response.
 *
 * In order: the URL is found; a browser's preflight is answered from its Cors; who asks is checked
 * (AWS_IAM: the request is signed; NONE: the function's policy lets everybody); the function is
 * called. What fails on the way is told in AWS's words, a function that fails with a bare 502. */
#include "lambda/internal.h"
#include "base/codec.h"
#include <stdio.h>

enum { DEPTH_MAX = 64, STATUS_MIN = 100, STATUS_MAX = 599 };

struct url {
    struct http_exchange *exchange;
    struct mr_arena *arena;
    struct lambda *lambda;
    struct lambda_function *function; /* counted; NULL: there is none */
    struct mr_slice id, path, qualifier;
    yyjson_val *config;
    int64_t version;
    bool iam;
    bool begun, gone, cut; /* the reply is a stream: its header has left, nobody reads it, it is not
                            * complete */
    struct mr_buf prelude; /* of a stream, until its end is there */
    char request_id[LAMBDA_ID_TEXT];
};

/* ---- finding ---- */

/* Sets the function, what the URL is and what it means; the statements of the function's policy. */
static void find(struct url *url, yyjson_val **ret_policies)
{
    struct lambda_function *function = lambda_url_function(url->lambda, url->id);
    if (function == NULL)
        return;
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *urls =
        mr_json_parse(url->arena, mr_slice_cstr(record.texts[LAMBDA_URLS]), DEPTH_MAX);
    yyjson_val *qualifier, *config;
    size_t i, count;
    yyjson_obj_foreach(urls, i, count, qualifier, config)
    {
        if (!mr_slice_equal(mr_json_get_text(config, "id"), url->id))
            continue;
        url->config = config;
        url->qualifier = mr_json_text(qualifier);
        if (mr_slice_equal(url->qualifier, MR_S("$LATEST")))
            url->qualifier = MR_S("");
        *ret_policies =
            mr_json_parse(url->arena, mr_slice_cstr(record.texts[LAMBDA_POLICIES]), DEPTH_MAX);
        if (lambda_record_resolve(url->lambda, &record, url->qualifier, &url->version) == MR_OK)
            url->function = function;
    }
    lambda_record_fini(&record);
    if (url->function == NULL)
        lambda_function_unref(function);
}

/* ---- replies ---- */

static void reply_header(struct url *url, const char *name, struct mr_slice value)
{
    if (value.len > 0)
        http_reply_header(url->exchange, mr_slice_cstr(name), value);
}

static void reply(struct url *url, int status, const char *body)
{
    url->exchange->status = status;
    reply_header(url, "content-type", MR_S("application/json"));
    mr_buf_append(&url->exchange->reply_body, mr_slice_cstr(body));
}

static void reply_bad_gateway(struct url *url)
{
    url->exchange->status = 502;
    reply_header(url, "content-type", MR_S("text/plain"));
    mr_buf_append(&url->exchange->reply_body, MR_S("Internal Server Error"));
}

/* ---- CORS ---- */

static bool list_takes(yyjson_val *list, struct mr_slice value)
{
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        if (mr_slice_like(value, mr_json_text(item), 0))
            return true;
    }
    return false;
}

static struct mr_slice joined(struct mr_arena *arena, yyjson_val *list)
{
    struct mr_buf buf = {0};
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
        mr_buf_printf(&buf, "%s%.*s", buf.len > 0 ? "," : "", MR_ARG(mr_json_text(item)));
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* The headers that let a page of that origin read the reply; none when it may not. */
static void reply_cors(struct url *url, bool preflight)
{
    yyjson_val *cors = mr_json_get(url->config, "Cors");
    const struct mr_slice origin = http_header_get(url->exchange, "origin");
    yyjson_val *origins = mr_json_get(cors, "AllowOrigins");
    if (origin.len == 0 || !list_takes(origins, origin))
        return;
    const bool credentials = mr_json_get_bool(cors, "AllowCredentials", false);
    const bool any = !credentials && mr_slice_equal(joined(url->arena, origins), MR_S("*"));
    reply_header(url, "access-control-allow-origin", any ? MR_S("*") : origin);
    reply_header(url, "vary", any ? MR_S("") : MR_S("Origin"));
    reply_header(url, "access-control-allow-credentials", credentials ? MR_S("true") : MR_S(""));
    reply_header(url, "access-control-expose-headers",
                 joined(url->arena, mr_json_get(cors, "ExposeHeaders")));
    if (!preflight)
        return;
    reply_header(url, "access-control-allow-methods",
                 joined(url->arena, mr_json_get(cors, "AllowMethods")));
    reply_header(url, "access-control-allow-headers",
                 joined(url->arena, mr_json_get(cors, "AllowHeaders")));
    if (mr_json_get(cors, "MaxAge") != NULL)
        reply_header(
            url, "access-control-max-age",
            mr_arena_printf(url->arena, "%lld", (long long)mr_json_get_i64(cors, "MaxAge", 0)));
}

static bool is_preflight(const struct url *url)
{
    return mr_json_get(url->config, "Cors") != NULL &&
           mr_slice_equal(url->exchange->method, MR_S("OPTIONS")) &&
           http_header_get(url->exchange, "origin").len > 0 &&
           http_header_get(url->exchange, "access-control-request-method").len > 0;
}

/* ---- who asks ---- */

/* AWS: a URL of AuthType NONE still needs a statement that lets everybody call it. */
static bool is_public(struct url *url, yyjson_val *policies)
{
    yyjson_val *statements = mr_json_getn(
        policies, url->qualifier.len > 0 ? url->qualifier : MR_S("*")); /* as AddPermission keeps */
    size_t i, count;
    yyjson_val *statement;
    yyjson_arr_foreach(statements, i, count, statement)
    {
        yyjson_val *equals = mr_json_get(mr_json_get(statement, "Condition"), "StringEquals");
        const struct mr_slice type = mr_json_get_text(equals, "lambda:FunctionUrlAuthType");
        if (mr_slice_like(MR_S("lambda:InvokeFunctionUrl"), mr_json_get_text(statement, "Action"),
                          0) &&
            mr_slice_equal(mr_json_get_text(statement, "Principal"), MR_S("*")) &&
            (type.len == 0 || mr_slice_equal(type, MR_S("NONE"))))
            return true;
    }
    return false;
}

static bool is_allowed(struct url *url, yyjson_val *policies)
{
    url->iam = mr_slice_equal(mr_json_get_text(url->config, "AuthType"), MR_S("AWS_IAM"));
    return url->iam ? protocol_is_signed(url->exchange) : is_public(url, policies);
}

/* ---- the event ---- */

/* Headers of one name are one, with commas between. */
static void write_headers(struct mr_json *json, struct url *url)
{
    const struct http_exchange *exchange = url->exchange;
    char peer[HTTP_PEER_TEXT];
    http_peer_text(exchange, peer);
    mr_json_key(json, "headers");
    mr_json_object(json);
    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct mr_slice name = exchange->headers[i].name;
        bool told = mr_slice_equal(name, MR_S("cookie")) || mr_slice_starts_with(name, MR_S(":"));
        for (size_t k = 0; k < i; k++)
            told = told || mr_slice_equal(name, exchange->headers[k].name);
        if (told)
            continue;
        struct mr_buf value = {0};
        mr_buf_append(&value, exchange->headers[i].value);
        for (size_t k = i + 1; k < exchange->header_count; k++)
            if (mr_slice_equal(name, exchange->headers[k].name))
                mr_buf_printf(&value, ",%.*s", MR_ARG(exchange->headers[k].value));
        mr_json_name(json, name);
        mr_json_string(json, mr_buf_slice(&value));
        mr_buf_fini(&value);
    }
    if (http_header_get(exchange, "host").ptr == NULL)
        mr_json_key_string(json, "host", exchange->host);
    if (http_header_get(exchange, "x-forwarded-for").ptr == NULL)
        mr_json_key_cstr(json, "x-forwarded-for", peer);
    if (http_header_get(exchange, "x-forwarded-proto").ptr == NULL)
        mr_json_key_cstr(json, "x-forwarded-proto", "http");
    mr_json_object_end(json);
}

static void write_cookies(struct mr_json *json, const struct http_exchange *exchange)
{
    bool any = false;
    for (size_t i = 0; i < exchange->header_count; i++) {
        struct mr_slice rest = exchange->headers[i].value, cookie;
        if (!mr_slice_equal(exchange->headers[i].name, MR_S("cookie")))
            continue;
        if (!any) {
            mr_json_key(json, "cookies");
            mr_json_array(json);
        }
        any = true;
        while (mr_slice_split(&rest, ';', &cookie))
            if (mr_slice_trim(cookie).len > 0)
                mr_json_string(json, mr_slice_trim(cookie));
    }
    if (any)
        mr_json_array_end(json);
}

/* A parameter and those behind it that have its name. */
struct parameter {
    struct mr_slice name, value;
    struct parameter *same, *last_same; /* the latter of the first one */
    struct parameter *next;             /* of another name */
};

static struct parameter *parameter_of(struct mr_arena *arena, struct mr_slice part)
{
    struct parameter *parameter = MR_NEW(arena, struct parameter);
    const size_t equals = mr_slice_find(part, '=');
    parameter->name = mr_percent_decode(arena, mr_slice_sub(part, 0, equals), true);
    if (equals != SIZE_MAX)
        parameter->value = mr_percent_decode(arena, mr_slice_sub(part, equals + 1, SIZE_MAX), true);
    parameter->last_same = parameter;
    return parameter;
}

/* The first of each name, in their order; NULL: there are none. */
static struct parameter *parameters_of(struct mr_arena *arena, struct mr_slice query)
{
    struct parameter *first = NULL, **end = &first;
    struct mr_map names = {0};
    struct mr_slice part;
    while (query.len > 0 && mr_slice_split(&query, '&', &part)) {
        if (part.len == 0)
            continue;
        struct parameter *parameter = parameter_of(arena, part);
        struct parameter *known = mr_map_get(&names, parameter->name);
        if (known != NULL) {
            known->last_same->same = parameter;
            known->last_same = parameter;
        } else {
            (void)mr_map_put(&names, parameter->name, parameter);
            *end = parameter;
            end = &parameter->next;
        }
    }
    mr_map_fini(&names);
    return first;
}

/* Values of one name are one, with commas between. */
static void write_query(struct mr_json *json, struct url *url)
{
    const struct parameter *parameter = parameters_of(url->arena, url->exchange->query);
    if (parameter == NULL)
        return;
    mr_json_key(json, "queryStringParameters");
    mr_json_object(json);
    for (; parameter != NULL; parameter = parameter->next) {
        struct mr_buf value = {0};
        mr_buf_append(&value, parameter->value);
        for (const struct parameter *same = parameter->same; same != NULL; same = same->same) {
            mr_buf_append(&value, MR_S(","));
            mr_buf_append(&value, same->value);
        }
        mr_json_name(json, parameter->name);
        mr_json_string(json, mr_buf_slice(&value));
        mr_buf_fini(&value);
    }
    mr_json_object_end(json);
}

/* "12/Mar/2020:19:03:58 +0000" */
static struct mr_slice log_time(struct mr_arena *arena, int64_t now_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const struct mr_date d = mr_date_from_ms(now_ms);
    return mr_arena_printf(arena, "%02d/%s/%04d:%02d:%02d:%02d +0000", d.day, months[d.month - 1],
                           d.year, d.hour, d.minute, d.second);
}

static void write_authorizer(struct mr_json *json, struct mr_slice account,
                             struct mr_slice access_key)
{
    mr_json_key(json, "authorizer");
    mr_json_object(json);
    mr_json_key(json, "iam");
    mr_json_object(json);
    mr_json_key_string(json, "accessKey", access_key);
    mr_json_key_string(json, "accountId", account);
    mr_json_key_string(json, "callerId", access_key);
    mr_json_key(json, "cognitoIdentity");
    mr_json_null(json);
    mr_json_key(json, "principalOrgId");
    mr_json_null(json);
    mr_json_key(json, "userArn");
    struct mr_buf arn = {0};
    mr_buf_printf(&arn, "arn:aws:iam::%.*s:root", MR_ARG(account));
    mr_json_string(json, mr_buf_slice(&arn));
    mr_buf_fini(&arn);
    mr_json_key_string(json, "userId", access_key);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

/* Part `index` of the function's ARN. */
static struct mr_slice arn_part(const struct url *url, int index)
{
    struct mr_slice rest = mr_slice_cstr(url->function->arn), part = {0};
    for (int i = 0; i <= index && mr_slice_split(&rest, ':', &part); i++)
        ;
    return part;
}

static struct mr_slice access_key_of(const struct http_exchange *exchange)
{
    const struct mr_slice header = http_header_get(exchange, "authorization");
    const size_t at = mr_slice_search(header, MR_S("Credential="));
    struct mr_slice rest = at == SIZE_MAX ? MR_S("") : mr_slice_sub(header, at + 11, SIZE_MAX), key;
    return mr_slice_split(&rest, '/', &key) ? key : MR_S("");
}

static void write_context(struct mr_json *json, struct url *url, int64_t now_ms)
{
    const struct http_exchange *exchange = url->exchange;
    char peer[HTTP_PEER_TEXT];
    http_peer_text(exchange, peer);
    mr_json_key(json, "requestContext");
    mr_json_object(json);
    mr_json_key_string(json, "accountId", url->iam ? arn_part(url, 4) : MR_S("anonymous"));
    mr_json_key_string(json, "apiId", url->id);
    if (url->iam)
        write_authorizer(json, arn_part(url, 4), access_key_of(exchange));
    mr_json_key_string(json, "domainName",
                       mr_arena_printf(url->arena, "%.*s.lambda-url.%.*s.on.aws", MR_ARG(url->id),
                                       MR_ARG(arn_part(url, 3))));
    mr_json_key_string(json, "domainPrefix", url->id);
    mr_json_key(json, "http");
    mr_json_object(json);
    mr_json_key_string(json, "method", exchange->method);
    mr_json_key_string(json, "path", mr_percent_decode(url->arena, url->path, false));
    mr_json_key_cstr(json, "protocol", exchange->http2 ? "HTTP/2.0" : "HTTP/1.1");
    mr_json_key_cstr(json, "sourceIp", peer);
    mr_json_key_string(json, "userAgent", http_header_get(exchange, "user-agent"));
    mr_json_object_end(json);
    mr_json_key_cstr(json, "requestId", url->request_id);
    mr_json_key_cstr(json, "routeKey", "$default");
    mr_json_key_cstr(json, "stage", "$default");
    mr_json_key_string(json, "time", log_time(url->arena, now_ms));
    mr_json_key_int(json, "timeEpoch", now_ms);
    mr_json_object_end(json);
}

/* AWS: by its content type alone. */
static bool is_text(const struct http_exchange *exchange)
{
    static const char *const texts[] = {"application/json", "application/javascript",
                                        "application/xml"};
    struct mr_slice rest = http_header_get(exchange, "content-type"), type = MR_S("");
    if (rest.len == 0)
        return mr_slice_is_utf8(exchange->body);
    (void)mr_slice_split(&rest, ';', &type);
    type = mr_slice_trim(type);
    bool text = mr_slice_starts_with(type, MR_S("text/")) ||
                mr_slice_ends_with(type, MR_S("+json")) || mr_slice_ends_with(type, MR_S("+xml"));
    for (size_t i = 0; i < MR_COUNT(texts); i++)
        text = text || mr_slice_equal_nocase(type, mr_slice_cstr(texts[i]));
    return text && mr_slice_is_utf8(exchange->body);
}

static struct mr_slice make_event(struct url *url, int64_t now_ms)
{
    const struct http_exchange *exchange = url->exchange;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    const bool text = exchange->body.len == 0 || is_text(exchange);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "version", "2.0");
    mr_json_key_cstr(&json, "routeKey", "$default");
    mr_json_key_string(&json, "rawPath", url->path);
    mr_json_key_string(&json, "rawQueryString", exchange->query);
    write_cookies(&json, exchange);
    write_headers(&json, url);
    write_query(&json, url);
    write_context(&json, url, now_ms);
    if (exchange->body.len > 0) {
        mr_json_key(&json, "body");
        if (text)
            mr_json_string(&json, exchange->body);
        else
            mr_json_base64(&json, exchange->body);
    }
    mr_json_key_bool(&json, "isBase64Encoded", !text);
    mr_json_object_end(&json);
    const struct mr_slice event = mr_arena_copy(url->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return event;
}

/* ---- the answer ---- */

static struct mr_slice value_text(struct mr_arena *arena, yyjson_val *value)
{
    if (!yyjson_is_ctn(value) && !yyjson_is_bool(value))
        return mr_json_text(value);
    return mr_json_print(arena, value);
}

/* A header's bytes, of one line. */
static bool is_header_text(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ')
            return false;
    return true;
}

static void answer_headers(struct url *url, yyjson_val *answer)
{
    size_t i, count;
    yyjson_val *name, *value;
    bool typed = false;
    const bool cors = mr_json_get(url->config, "Cors") != NULL;
    yyjson_obj_foreach(mr_json_get(answer, "headers"), i, count, name, value)
    {
        const struct mr_slice key = mr_arena_lower(url->arena, mr_json_text(name));
        const struct mr_slice text = value_text(url->arena, value);
        /* AWS: what the URL is set to wins over what the function says. */
        if (!is_header_text(key) || !is_header_text(text) || key.len == 0 ||
            mr_slice_equal(key, MR_S("content-length")) ||
            mr_slice_equal(key, MR_S("transfer-encoding")) ||
            mr_slice_equal(key, MR_S("connection")) ||
            (cors && mr_slice_starts_with(key, MR_S("access-control-"))))
            continue;
        typed = typed || mr_slice_equal(key, MR_S("content-type"));
        http_reply_header(url->exchange, key, text);
    }
    yyjson_arr_foreach(mr_json_get(answer, "cookies"), i, count, value)
    {
        if (is_header_text(mr_json_text(value)))
            reply_header(url, "set-cookie", mr_json_text(value));
    }
    if (!typed)
        reply_header(url, "content-type", MR_S("application/json"));
}

/* The function's JSON: a response when it names a status, else the body. */
static void answer_json(struct url *url, struct mr_slice text)
{
    struct http_exchange *exchange = url->exchange;
    yyjson_val *answer = mr_json_parse(url->arena, text, DEPTH_MAX);
    if (mr_json_get(answer, "statusCode") == NULL) {
        exchange->status = 200;
        reply_header(url, "content-type", MR_S("application/json"));
        mr_buf_append(&exchange->reply_body, yyjson_is_str(answer) ? mr_json_text(answer) : text);
        return;
    }
    int64_t status;
    if (mr_slice_to_i64(value_text(url->arena, mr_json_get(answer, "statusCode")), &status) !=
            MR_OK ||
        status < STATUS_MIN || status > STATUS_MAX) {
        reply_bad_gateway(url);
        return;
    }
    struct mr_slice body = value_text(url->arena, mr_json_get(answer, "body"));
    if (mr_json_get_bool(answer, "isBase64Encoded", false) &&
        mr_base64_decode(url->arena, body, &body) != MR_OK) {
        reply_bad_gateway(url);
        return;
    }
    exchange->status = (int)status;
    answer_headers(url, answer);
    mr_buf_append(&exchange->reply_body, body);
}

static void answer(struct url *url, const struct lambda_result *result)
{
    switch (result->outcome) {
    case LAMBDA_OK: answer_json(url, mr_buf_slice(&result->reply)); break;
    case LAMBDA_FUNCTION_ERROR: reply_bad_gateway(url); break;
    case LAMBDA_THROTTLED:
        reply_header(url, "x-amzn-errortype", MR_S("TooManyRequestsException"));
        reply(url, 429,
              "{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\"Type\":\"User\","
              "\"message\":\"Rate Exceeded.\"}");
        break;
    case LAMBDA_NO_FUNCTION: reply(url, 404, "{\"Message\":null}"); break;
    case LAMBDA_NOT_READY: reply_bad_gateway(url); break;
    }
}

/* ---- an answer that is streamed ---- */

#define INTEGRATION "application/vnd.awslambda.http-integration-response"
enum { PRELUDE_BYTES_MAX = 1 << 20, PRELUDE_END = 8, WRITE_WAIT_MS = 60000 };

static void begin(struct url *url)
{
    reply_cors(url, false);
    http_reply_begin(url->exchange);
    url->begun = true;
}

static void write_body(struct url *url, struct mr_slice bytes)
{
    if (bytes.len > 0 && http_reply_write_wait(url->exchange, bytes, WRITE_WAIT_MS) != MR_OK)
        url->gone = true;
}

/* What stands in front of the eight NULs: {"statusCode","headers","cookies"}. False: there is more
 * to come. */
static bool take_prelude(struct url *url, struct mr_slice *ret_rest)
{
    static const char end[PRELUDE_END] = {0};
    const struct mr_slice text = mr_buf_slice(&url->prelude);
    const size_t at = mr_slice_search(text, mr_slice_make(end, sizeof end));
    if (at == SIZE_MAX && text.len <= PRELUDE_BYTES_MAX)
        return false;
    yyjson_val *answer = mr_json_parse(url->arena, mr_slice_sub(text, 0, at), DEPTH_MAX);
    const int64_t status = mr_json_get_i64(answer, "statusCode", 200);
    url->exchange->status = status < STATUS_MIN || status > STATUS_MAX ? 502 : (int)status;
    answer_headers(url, answer);
    *ret_rest = at == SIZE_MAX ? text : mr_slice_sub(text, at + PRELUDE_END, SIZE_MAX);
    return true;
}

static void on_part(void *ctx, const char *content_type, struct mr_slice bytes)
{
    struct url *url = ctx;
    struct mr_slice rest = bytes;
    if (!url->begun && strcmp(content_type, INTEGRATION) == 0) {
        mr_buf_append(&url->prelude, bytes);
        if (!take_prelude(url, &rest))
            return;
        begin(url);
    } else if (!url->begun) {
        url->exchange->status = 200;
        reply_header(url, "content-type",
                     content_type[0] == '\0'
                         ? MR_S("application/octet-stream")
                         : mr_arena_copy(url->arena, mr_slice_cstr(content_type)));
        begin(url);
    }
    if (!url->gone)
        write_body(url, rest);
}

/* A stream whose URL is BUFFERED. */
static void answer_whole_stream(struct url *url, const struct lambda_result *result)
{
    struct mr_slice rest;
    if (strcmp(result->content_type, INTEGRATION) != 0) {
        answer_json(url, mr_buf_slice(&result->reply));
        return;
    }
    mr_buf_append(&url->prelude, mr_buf_slice(&result->reply));
    if (take_prelude(url, &rest))
        mr_buf_append(&url->exchange->reply_body, rest);
    else
        reply_bad_gateway(url);
}

/* ---- one request ---- */

static void call_function(struct url *url)
{
    mr_rng_uuid(url->lambda->options.rng, url->request_id);
    const int64_t now_ms = mr_clock_now(&mr_clock_system);
    const bool streams =
        mr_slice_equal(mr_json_get_text(url->config, "InvokeMode"), MR_S("RESPONSE_STREAM"));
    const struct lambda_call call = {
        .event = make_event(url, now_ms),
        .request_id = url->request_id,
        .qualifier = url->qualifier,
        .version = url->version,
        .trace = http_header_get(url->exchange, "x-amzn-trace-id"),
        .on_part = streams ? on_part : NULL,
        .part_ctx = url,
        .no_wait_if_reserved = true,
    };
    struct lambda_result result = {0};
    enum mr_status status = MR_OK;
    reply_header(url, "x-amzn-requestid", mr_slice_cstr(url->request_id));
    if (call.event.len > LAMBDA_REQUEST_BYTES_MAX) {
        reply(url, 413, "{\"Message\":\"Request Entity Too Large\"}");
    } else {
        status = lambda_function_invoke(url->function, &call, &result, NULL);
        if (status == MR_OK && result.outcome == LAMBDA_OK && result.streamed && streams)
            on_part(url, result.content_type, mr_buf_slice(&result.reply));
        else if (status == MR_OK && result.outcome == LAMBDA_OK && result.streamed)
            answer_whole_stream(url, &result);
        else if (!url->begun && status == MR_OK)
            answer(url, &result);
        else if (!url->begun)
            reply_bad_gateway(url);
        url->cut = url->begun && (status != MR_OK || result.outcome != LAMBDA_OK);
    }
    if (!url->begun)
        reply_cors(url, false);
    mr_buf_fini(&url->prelude);
    lambda_result_fini(&result);
}

static void serve(struct url *url)
{
    yyjson_val *policies = NULL;
    find(url, &policies);
    if (url->function == NULL) {
        reply_header(url, "x-amzn-errortype", MR_S("ResourceNotFoundException"));
        reply(url, 404, "{\"Message\":null}");
    } else if (is_preflight(url)) {
        url->exchange->status = 200;
        reply_cors(url, true);
    } else if (!is_allowed(url, policies)) {
        reply_header(url, "x-amzn-errortype", MR_S("AccessDeniedException"));
        reply(url, 403, "{\"Message\":\"Forbidden\"}");
    } else {
        call_function(url);
    }
    lambda_function_unref(url->function);
}

void lambda_url_serve(void *ctx, struct http_exchange *exchange, struct mr_slice id,
                      struct mr_slice path)
{
    struct lambda *lambda = ctx;
    struct url *url = MR_NEW(&exchange->arena, struct url);
    *url = (struct url){
        .exchange = exchange, .arena = &exchange->arena, .lambda = lambda, .id = id, .path = path};
    if (lambda_ops_count_call(lambda, 1) > LAMBDA_CALLS_MAX) {
        reply_header(url, "x-amzn-errortype", MR_S("TooManyRequestsException"));
        reply(url, 429, "{\"Type\":\"User\",\"message\":\"Rate Exceeded.\"}");
    } else {
        serve(url);
    }
    (void)lambda_ops_count_call(lambda, -1);
    if (url->begun && url->cut)
        http_reply_abort(exchange);
    else if (url->begun)
        http_reply_end(exchange);
    else
        http_reply_send(exchange);
}
