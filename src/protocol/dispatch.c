/* From an HTTP exchange to a handler and back. */
#include "base/inject.h"
#include "protocol/internal.h"
#include <assert.h>

static void process(void *arg)
{
    call_process(arg);
}

/* Short handlers run here on the loop; the rest goes to a worker. */
void dispatch_call(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    if (!gate_enter(call))
        return;
    const struct protocol_operation *operation = call->priv->operation;
    if (operation != NULL)
        call->service = operation->ctx; /* opened anew, perhaps, while the gate was shut */
    const bool stay = protocol_failed(call) || operation->handler == NULL ||
                      ((operation->handler->flags & PROTOCOL_INLINE) && !mr_inject_any());
    if (stay || runtime_submit(protocol->options.runtime, process, call) == MR_OK) {
        if (stay)
            call_process(call);
        return;
    }
    protocol_fail(call, fault_busy(call->priv->service->model),
                  "Rate exceeded: the server is busy.");
    call_process(call);
}

static void decode(struct protocol_call *call)
{
    switch (call->priv->wire) {
    case MODEL_JSON: decode_json(call, call->exchange->body); break;
    case MODEL_CBOR: decode_cbor(call, call->exchange->body); break;
    case MODEL_REST_JSON:
    case MODEL_REST_XML: decode_rest(call); break;
    case MODEL_QUERY: decode_query(call); break;
    }
}

void call_process(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    if (!protocol_failed(call))
        auth_check(call);
    if (!protocol_failed(call) && call->priv->operation->handler != NULL)
        decode(call);
    if (!protocol_failed(call) && call->priv->operation->handler != NULL)
        call_admit(call);
    call_run(call);
    if (protocol_failed(call))
        json_types_settle(call);
    if (call->priv->events != NULL && !protocol_failed(call))
        events_begin(call);
    else
        encode_reply(call);
    gate_leave(protocol);
}

static void reply_health(struct protocol_call *call)
{
    struct http_exchange *exchange = call->exchange;
    mr_buf_printf(&exchange->reply_body, "healthy: dynamodb.%.*s.amazonaws.com ",
                  MR_ARG(call->region));
    call_request_id(call);
    reply_header(call, "x-amzn-requestid", call->request_id);
    call_fini(call);
    http_reply_send(exchange);
}

static const struct protocol_internal_path *internal_path(const struct protocol *protocol,
                                                          struct mr_slice path)
{
    for (size_t i = 0; i < protocol->path_count; i++)
        if (mr_slice_equal(protocol->paths[i].path, path))
            return &protocol->paths[i];
    return NULL;
}

static void run_internal(void *arg)
{
    struct http_exchange *exchange = arg;
    struct protocol *protocol = exchange->listener_ctx;
    const struct protocol_internal_path *path = exchange->user;
    const bool later = path->later; /* the exchange may be gone behind fn */
    if (path->open && !gate_enter_now(protocol)) {
        exchange->status = 503;
        http_reply_send(exchange);
        return;
    }
    path->fn(path->ctx, exchange);
    if (path->open)
        gate_leave(protocol);
    if (!later)
        http_reply_send(exchange);
}

static bool is_scrape(const struct http_exchange *exchange)
{
    return mr_slice_equal(exchange->target, MR_S(PROTOCOL_SCRAPE_PATH)) &&
           mr_slice_equal(exchange->method, MR_S("GET")) &&
           !mr_slice_starts_with(http_header_get(exchange, "authorization"), MR_S("AWS"));
}

static bool is_internal(const struct http_exchange *exchange)
{
    return mr_slice_starts_with(exchange->path, MR_S("/_millrace/")) || is_scrape(exchange);
}

static struct protocol_call *call_new(struct http_exchange *exchange)
{
    struct protocol_call *call = mr_arena_alloc(&exchange->arena, sizeof(*call));
    call_init(call, exchange->listener_ctx, &exchange->arena, exchange);
    exchange->user = call;
    return call;
}

/* With credentials, our own paths need a signature too, but for the one that only says "alive". */
static bool internal_allowed(struct http_exchange *exchange)
{
    struct protocol *protocol = exchange->listener_ctx;
    const struct protocol_internal_path *path = internal_path(protocol, exchange->path);
    if (protocol->auth == NULL || (path != NULL && path->open) ||
        mr_slice_equal(exchange->path, MR_S("/_millrace/health")))
        return true;
    /* Prometheus cannot sign; it can send a name and a password. */
    const bool metrics =
        is_scrape(exchange) || mr_slice_equal(exchange->path, MR_S("/_millrace/metrics"));
    if (metrics && auth_basic(protocol->auth, exchange))
        return true;
    if (is_scrape(exchange)) {
        exchange->status = 401;
        http_reply_header(exchange, MR_S("www-authenticate"), MR_S("Basic realm=\"millrace\""));
        http_reply_send(exchange);
        return false;
    }
    struct protocol_call *call = call_new(exchange);
    call->priv->wire = MODEL_REST_JSON;
    auth_verify(call, exchange->body);
    const bool allowed = !protocol_failed(call);
    if (allowed)
        call_fini(call);
    else
        encode_reply(call); /* the exchange may be gone behind it */
    return allowed;
}

static void on_internal(struct http_exchange *exchange)
{
    struct protocol *protocol = exchange->listener_ctx;
    if (!internal_allowed(exchange))
        return;
    const struct protocol_internal_path *path = internal_path(protocol, exchange->path);
    exchange->user = (void *)(uintptr_t)path;
    if (path != NULL && runtime_submit(protocol->options.runtime, run_internal, exchange) == MR_OK)
        return;
    exchange->status = path == NULL ? 404 : 503;
    mr_buf_append(&exchange->reply_body,
                  path == NULL ? MR_S("no such path\n") : MR_S("the server is busy\n"));
    http_reply_send(exchange);
}

static void on_request(struct http_exchange *exchange)
{
    if (function_url_is(exchange)) {
        function_url_request(exchange);
        return;
    }
    if (is_internal(exchange)) {
        on_internal(exchange);
        return;
    }
    struct protocol_call *call = exchange->user;
    if (call == NULL) {
        call = call_new(exchange);
        call->priv->route = route_request(call);
    }
    if (call->priv->streaming) {
        stream_finish(call);
        return;
    }
    switch (call->priv->route) {
    case ROUTE_HEALTH: reply_health(call); return;
    case ROUTE_PREFLIGHT: browser_preflight(call); return;
    case ROUTE_UPLOAD: browser_upload(call); return;
    case ROUTE_WEBSITE: browser_website(call); return;
    case ROUTE_UNKNOWN: encode_reply(call); return;
    case ROUTE_FORM:
        if (!route_form(call)) {
            encode_reply(call);
            return;
        }
        break;
    case ROUTE_OPERATION: break;
    }
    dispatch_call(call);
}

static void on_headers(struct http_exchange *exchange)
{
    if (function_url_is(exchange) || is_internal(exchange))
        return;
    const struct mr_slice target = http_header_get(exchange, "x-amz-target");
    if (target.ptr != NULL) {
        if (mr_slice_starts_with(target, MR_S("DynamoDB_")))
            http_exchange_limit_body(exchange, PROTOCOL_DYNAMODB_BYTES_MAX);
        return;
    }
    struct protocol_call *call = call_new(exchange);
    call->priv->route = route_request(call);
    if (call->priv->route == ROUTE_OPERATION)
        stream_begin(call);
}

const struct http_handler protocol_http_handler = {
    .on_headers = on_headers,
    .on_request = on_request,
};
