/* Which operation a request means: by X-Amz-Target, the credential scope, the form's Action and
 * Version, or the path (facts of one endpoint for all services). */
#include "base/codec.h"
#include "protocol/internal.h"
#include <stdio.h>

struct scope scope_parse(struct mr_slice credential)
{
    struct scope scope = {0};
    struct mr_slice *parts[] = {&scope.access_key, &scope.date, &scope.region, &scope.service,
                                &scope.terminator};
    for (size_t i = 0; i < MR_COUNT(parts); i++)
        if (!mr_slice_split(&credential, '/', parts[i]))
            break;
    return scope;
}

struct scope scope_of(struct protocol_call *call)
{
    const struct mr_slice header = protocol_header(call, "authorization");
    const struct mr_slice usual = MR_S("AWS4-HMAC-SHA256 Credential=");
    const size_t at = mr_slice_starts_with(header, usual)
                          ? usual.len - 11
                          : mr_slice_search(header, MR_S("Credential="));
    if (at != SIZE_MAX) {
        struct mr_slice rest = mr_slice_sub(header, at + 11, SIZE_MAX), credential = {0};
        (void)mr_slice_split(&rest, ',', &credential);
        return scope_parse(mr_slice_trim(credential));
    }
    struct mr_slice rest = call->exchange->query, pair;
    while (rest.len > 0 && mr_slice_split(&rest, '&', &pair)) {
        if (mr_slice_starts_with(pair, MR_S("X-Amz-Credential=")))
            return scope_parse(
                mr_percent_decode(call->arena, mr_slice_sub(pair, 17, SIZE_MAX), false));
        if (mr_slice_starts_with(pair, MR_S("AWSAccessKeyId=")))
            return (struct scope){.access_key = mr_slice_sub(pair, 15, SIZE_MAX),
                                  .service = MR_S("s3")};
    }
    return (struct scope){0};
}

static struct protocol_service *service_named(struct protocol *protocol, const char *name)
{
    for (size_t i = 0; i < model_service_count; i++)
        if (strcmp(model_services[i]->name, name) == 0)
            return &protocol->services[i];
    return NULL;
}

/* AWS: the Java SDKs speak CBOR to Kinesis, with the target header of its JSON. */
static enum model_protocol wire_of_target(const struct protocol_call *call,
                                          const struct protocol_service *service)
{
    const bool cbor =
        mr_slice_starts_with(call->priv->content_type, MR_S("application/x-amz-cbor-1.1"));
    return cbor && service != NULL && strcmp(service->model->name, "kinesis") == 0 ? MODEL_CBOR
                                                                                   : MODEL_JSON;
}

static enum route_kind unknown_operation(struct protocol_call *call)
{
    call->priv->wire = wire_of_target(call, call->priv->service);
    protocol_fail(call, &protocol_unknown_operation, "%s", "");
    return ROUTE_UNKNOWN;
}

static struct mr_slice media_type(const struct protocol_call *call)
{
    struct mr_slice rest = call->priv->content_type, type = {0};
    (void)mr_slice_split(&rest, ';', &type);
    return mr_slice_trim(type);
}

/* AWS: DynamoDB alone insists on POST and a JSON content type, and answers with a bare page. */
static bool dynamodb_takes(const struct protocol_call *call, struct mr_slice target)
{
    const struct mr_slice type = media_type(call);
    return !mr_slice_starts_with(target, MR_S("DynamoDB")) ||
           (mr_slice_equal(call->exchange->method, MR_S("POST")) &&
            (mr_slice_equal(type, MR_S("application/json")) ||
             mr_slice_equal(type, MR_S("application/x-amz-json-1.0"))));
}

/* A request to DynamoDB that lacks its target: nobody else here speaks that JSON on this path. */
static bool lacks_target(const struct protocol_call *call, const struct scope *scope)
{
    const struct mr_slice type = media_type(call);
    const bool signed_so = mr_slice_equal(scope->service, MR_S("dynamodb"));
    return mr_slice_equal(call->exchange->method, MR_S("POST")) &&
           mr_slice_equal(call->exchange->path, MR_S("/")) &&
           ((signed_so && mr_slice_equal(type, MR_S("application/json"))) ||
            ((signed_so || scope->service.len == 0) &&
             mr_slice_equal(type, MR_S("application/x-amz-json-1.0"))));
}

static enum route_kind bare(struct protocol_call *call, const struct protocol_fault *fault,
                            const char *page)
{
    call->priv->wire = MODEL_JSON;
    call->priv->bare = true;
    protocol_fail(call, fault, "%s", page);
    return ROUTE_UNKNOWN;
}

static enum route_kind bare_unknown(struct protocol_call *call)
{
    static const struct protocol_fault not_there = {"UnknownOperationException", 404, false};
    return bare(call, &not_there, "<UnknownOperationException/>\n");
}

/* AWS: DynamoDB reads 16 KB of headers, and of an address, and no more. */
static bool dynamodb_reads(const struct http_exchange *exchange, struct mr_slice target)
{
    enum { HEAD_BYTES_MAX = 16 * 1024, LINE_SIGNS = 4 /* ": ", line end */ };
    size_t bytes = 0;
    if (!mr_slice_starts_with(target, MR_S("DynamoDB")))
        return true;
    for (size_t i = 0; i < exchange->header_count; i++)
        bytes += exchange->headers[i].name.len + exchange->headers[i].value.len + LINE_SIGNS;
    return bytes <= HEAD_BYTES_MAX && exchange->target.len <= HEAD_BYTES_MAX;
}

/* The service that the scope's service name means; NULL when it is none of ours. */
static struct protocol_service *service_signed(struct protocol *protocol, struct mr_slice name)
{
    for (size_t i = 0; i < model_service_count; i++)
        if (mr_slice_equal(mr_slice_cstr(model_services[i]->signing_name), name) &&
            strcmp(model_services[i]->name, "dynamodbstreams") != 0)
            return &protocol->services[i];
    return NULL;
}

static bool is_form(const struct protocol_call *call)
{
    const struct http_exchange *exchange = call->exchange;
    if (exchange->path.len > 1)
        return false;
    if (mr_slice_starts_with(exchange->query, MR_S("Action=")) ||
        mr_slice_search(exchange->query, MR_S("&Action=")) != SIZE_MAX)
        return true;
    return mr_slice_equal(exchange->method, MR_S("POST")) &&
           mr_slice_starts_with(call->priv->content_type,
                                MR_S("application/x-www-form-urlencoded"));
}

static enum route_kind foreign(struct protocol_call *call, struct mr_slice service)
{
    call->priv->wire = is_form(call) ? MODEL_QUERY : MODEL_JSON;
    protocol_fail(call, &protocol_not_implemented, "millrace does not implement the service %.*s",
                  MR_ARG(service));
    return ROUTE_UNKNOWN;
}

static enum route_kind route_target(struct protocol_call *call, struct mr_slice target,
                                    const struct scope *scope)
{
    struct protocol_call_private *priv = call->priv;
    struct protocol_operation *operation = mr_map_get(&priv->protocol->targets, target);
    static const struct protocol_fault too_long = {"BadRequest", 400, false};
    if (!dynamodb_reads(call->exchange, target))
        return bare(call, &too_long, "Bad Request\n");
    if (!dynamodb_takes(call, target))
        return bare_unknown(call);
    if (operation != NULL && mr_slice_equal(call->exchange->method, MR_S("POST"))) {
        route_to(call, operation, wire_of_target(call, operation->service));
        return ROUTE_OPERATION;
    }
    struct mr_slice prefix = mr_slice_sub(target, 0, mr_slice_find(target, '.'));
    for (size_t i = 0; i < model_service_count; i++)
        if (mr_slice_equal(mr_slice_cstr(model_services[i]->target_prefix), prefix))
            priv->service = &priv->protocol->services[i];
    if (priv->service == NULL && mr_slice_starts_with(target, MR_S("DynamoDB")))
        priv->service = service_named(priv->protocol, "dynamodb");
    if (priv->service == NULL && scope->service.len > 0 &&
        service_signed(priv->protocol, scope->service) == NULL)
        return foreign(call, scope->service);
    return unknown_operation(call);
}

static bool looks_like_lambda(struct mr_slice path)
{
    /* "/2015-03-31/..." */
    if (path.len < 12 || path.ptr[0] != '/' || path.ptr[5] != '-' || path.ptr[8] != '-' ||
        path.ptr[11] != '/')
        return false;
    for (size_t i = 1; i < 11; i++)
        if (i != 5 && i != 8 && (path.ptr[i] < '0' || path.ptr[i] > '9'))
            return false;
    return true;
}

static enum route_kind route_signed(struct protocol_call *call, struct mr_slice name)
{
    struct protocol_service *service = service_signed(call->priv->protocol, name);
    if (service == NULL)
        return foreign(call, name);
    call->priv->service = service;
    if (strcmp(service->model->name, "dynamodb") == 0 &&
        mr_slice_equal(call->exchange->method, MR_S("GET")))
        return ROUTE_HEALTH;
    switch (service->model->protocol) {
    case MODEL_REST_JSON: return route_rest(call, service);
    case MODEL_REST_XML: return route_s3(call, service);
    case MODEL_QUERY:
    case MODEL_CBOR: call->priv->wire = MODEL_QUERY; return ROUTE_FORM;
    case MODEL_JSON: break;
    }
    return bare_unknown(call);
}

/* GET http://dynamodb.eu-west-1.amazonaws.com/, which load balancers ask for; sets the region. */
static bool asks_for_health(struct protocol_call *call)
{
    struct mr_slice host = call->exchange->host, region = {0};
    host = mr_slice_sub(host, 0, mr_slice_find(host, ':'));
    if (!mr_slice_equal(call->exchange->method, MR_S("GET")) ||
        !mr_slice_equal(call->exchange->path, MR_S("/")) ||
        !mr_slice_starts_with(host, MR_S("dynamodb.")) ||
        !mr_slice_ends_with(host, MR_S(".amazonaws.com")))
        return false;
    host = mr_slice_sub(host, sizeof "dynamodb." - 1, SIZE_MAX);
    (void)mr_slice_split(&host, '.', &region);
    if (!mr_slice_equal(host, MR_S("amazonaws.com")))
        return false; /* a bucket of that name */
    call->region = region;
    return true;
}

/* "/service/<target prefix>/operation/<operation>" of RPC v2. */
static bool is_rpc_v2(const struct protocol_call *call)
{
    return mr_slice_equal(protocol_header(call, "smithy-protocol"), MR_S("rpc-v2-cbor")) &&
           mr_slice_starts_with(call->exchange->path, MR_S("/service/"));
}

static enum route_kind route_rpc_v2(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    struct mr_slice rest = mr_slice_sub(call->exchange->path, 9, SIZE_MAX), service, word, name;
    priv->wire = MODEL_CBOR;
    priv->rpc_v2 = true;
    struct protocol_operation *operation = NULL;
    if (mr_slice_split(&rest, '/', &service) && mr_slice_split(&rest, '/', &word) &&
        mr_slice_equal(word, MR_S("operation")) && mr_slice_split(&rest, '/', &name))
        operation =
            mr_map_get(&priv->protocol->targets,
                       mr_arena_printf(call->arena, "%.*s.%.*s", MR_ARG(service), MR_ARG(name)));
    if (operation == NULL || !mr_slice_equal(call->exchange->method, MR_S("POST"))) {
        protocol_fail(call, &protocol_unknown_operation, "%s", "");
        return ROUTE_UNKNOWN;
    }
    route_to(call, operation, MODEL_CBOR);
    return ROUTE_OPERATION;
}

/* A page that is about to send a target: the preflight itself carries none, and no signature. */
static bool asks_before_target(struct protocol_call *call)
{
    struct mr_slice rest, name;
    if (!mr_slice_equal(call->exchange->method, MR_S("OPTIONS")))
        return false;
    rest = protocol_header(call, "access-control-request-headers");
    while (rest.len > 0) {
        (void)mr_slice_split(&rest, ',', &name);
        if (mr_slice_equal_nocase(mr_slice_trim(name), MR_S("x-amz-target")))
            return true;
    }
    return false;
}

enum route_kind route_request(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    const struct mr_slice target = protocol_header(call, "x-amz-target");
    const struct scope scope = scope_of(call);
    call->access_key = scope.access_key;
    if (scope.region.len > 0)
        call->region = scope.region;
    call->priv->content_type = protocol_header(call, "content-type");
    if (is_rpc_v2(call))
        return route_rpc_v2(call);
    if (asks_before_target(call)) {
        call->priv->wire = MODEL_JSON;
        return ROUTE_PREFLIGHT;
    }
    if (target.len == 0 && lacks_target(call, &scope)) {
        call->priv->service = service_named(protocol, "dynamodb");
        return unknown_operation(call);
    }
    if (target.ptr != NULL)
        return route_target(call, target, &scope);
    if (is_form(call)) {
        call->priv->wire = MODEL_QUERY;
        call->priv->service = service_signed(protocol, scope.service);
        return ROUTE_FORM;
    }
    if (scope.service.len > 0)
        return route_signed(call, scope.service);
    const struct mr_slice path = call->exchange->path;
    if (asks_for_health(call))
        return ROUTE_HEALTH;
    if (looks_like_lambda(path))
        return route_rest(call, service_named(protocol, "lambda"));
    if (mr_slice_starts_with(path, MR_S("/v1/pipes")) ||
        mr_slice_starts_with(path, MR_S("/tags/arn")))
        return route_rest(call, service_named(protocol, "pipes"));
    return route_s3(call, service_named(protocol, "s3"));
}
