/* What browsers ask beside calls: preflights, headers that let a page read a reply, uploads by a
 * form. A service decides; here is only when it is asked. */
#include "protocol/internal.h"

void protocol_set_browser(struct protocol *protocol, const struct protocol_browser *browser,
                          void *ctx)
{
    protocol->browser = browser;
    protocol->browser_ctx = ctx;
}

struct mr_slice protocol_label(const struct protocol_call *call, const char *name)
{
    for (size_t i = 0; i < call->priv->label_count; i++)
        if (mr_slice_equal(call->priv->labels[i].name, mr_slice_cstr(name)))
            return call->priv->labels[i].value;
    return (struct mr_slice){0};
}

static const struct protocol_fault busy = {"SlowDown", 503, true};

/* AWS: services with a target let every page in; what a reply may show is listed. */
static void let_in(struct protocol_call *call)
{
    reply_header(call, "access-control-allow-origin", MR_S("*"));
}

static void target_preflight(struct protocol_call *call)
{
    const struct mr_slice method = protocol_header(call, "access-control-request-method");
    const struct mr_slice headers = protocol_header(call, "access-control-request-headers");
    let_in(call);
    if (headers.len > 0)
        reply_header(call, "access-control-allow-headers", headers);
    if (method.len > 0)
        reply_header(call, "access-control-allow-methods", method);
    reply_header(call, "access-control-max-age", MR_S("172800"));
    call->priv->service = NULL; /* nobody's call */
}

static void target_reply(struct protocol_call *call)
{
    if (protocol_header(call, "origin").ptr == NULL)
        return;
    let_in(call);
    reply_header(call, "access-control-expose-headers",
                 MR_S("x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,"
                      "x-amzn-ErrorMessage,Date"));
}

void browser_preflight(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    if (call->priv->wire == MODEL_JSON) {
        target_preflight(call);
    } else if (!gate_enter_now(protocol)) {
        protocol_fail(call, &busy, "Please reduce your request rate.");
    } else {
        call->service = protocol->browser_ctx;
        protocol->browser->preflight(call, protocol_label(call, "Bucket"),
                                     protocol_label(call, "Key").len > 0);
        gate_leave(protocol);
    }
    call->exchange->status = 200;
    if (protocol_failed(call))
        fault_render(call);
    reply_finish(call);
    http_reply_send(call->exchange);
}

void browser_reply(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    if (call->priv->wire == MODEL_JSON)
        target_reply(call);
    if (protocol->browser == NULL || call->priv->wire != MODEL_REST_XML ||
        call->priv->operation == NULL || protocol_header(call, "origin").ptr == NULL ||
        !gate_enter_now(protocol))
        return;
    call->service = protocol->browser_ctx;
    protocol->browser->reply(call, protocol_label(call, "Bucket"));
    gate_leave(protocol);
}

static void upload(void *arg)
{
    struct protocol_call *call = arg;
    struct protocol *protocol = call->priv->protocol;
    call_request_id(call);
    if (!protocol_failed(call) && !gate_enter_now(protocol)) {
        protocol_fail(call, &busy, "Please reduce your request rate.");
    } else if (!protocol_failed(call)) {
        call->service = protocol->browser_ctx;
        protocol->browser->form(call, protocol_label(call, "Bucket"));
        if (protocol_header(call, "origin").ptr != NULL)
            protocol->browser->reply(call, protocol_label(call, "Bucket"));
        gate_leave(protocol);
    }
    call->exchange->status = call->status;
    if (protocol_failed(call))
        fault_render(call);
    struct http_exchange *exchange = call->exchange;
    const int64_t ticket = call->ticket;
    reply_finish(call);
    if (ticket > 0)
        http_reply_send_after(exchange, ticket);
    else
        http_reply_send(exchange);
}

/* ---- websites ---- */

static struct protocol_operation *operation_named(const struct protocol_service *service,
                                                  const char *name)
{
    const struct model_service *model = service->model;
    for (size_t i = 0; i < model->operation_count; i++)
        if (mr_slice_equal(model_text(model, model->operations[i].name), mr_slice_cstr(name)))
            return &service->operations[i];
    return NULL;
}

/* Runs what answers, or leaves the call without an operation. */
static void website_answer(struct protocol_call *call)
{
    const struct protocol *protocol = call->priv->protocol;
    call->service = protocol->browser_ctx;
    call->anonymous = protocol->auth != NULL;
    const char *name = protocol->browser->website(call, protocol_label(call, "Bucket"),
                                                  protocol_label(call, "Key"));
    const int status = call->status;
    struct protocol_operation *operation =
        name == NULL ? NULL : operation_named(call->priv->service, name);
    if (operation == NULL || protocol_failed(call))
        return;
    route_to(call, operation, MODEL_REST_XML);
    call->service = operation->ctx;
    call_run(call);
    if (status != 0 && !protocol_failed(call))
        call->status = status;
}

static void website(void *arg)
{
    struct protocol_call *call = arg;
    struct protocol *protocol = call->priv->protocol;
    struct http_exchange *exchange = call->exchange;
    call_request_id(call);
    call->priv->page = true;
    const bool entered = !protocol_failed(call) && gate_enter_now(protocol);
    if (entered)
        website_answer(call);
    else if (!protocol_failed(call))
        protocol_fail(call, &busy, "Please reduce your request rate.");
    if (call->operation != NULL || protocol_failed(call)) {
        encode_reply(call);
    } else {
        exchange->status = call->status;
        reply_finish(call);
        http_reply_send(exchange);
    }
    if (entered)
        gate_leave(protocol);
}

void browser_website(struct protocol_call *call)
{
    if (runtime_submit(call->priv->protocol->options.runtime, website, call) == MR_OK)
        return;
    protocol_fail(call, &busy, "Please reduce your request rate.");
    website(call);
}

void browser_upload(struct protocol_call *call)
{
    if (runtime_submit(call->priv->protocol->options.runtime, upload, call) == MR_OK)
        return;
    protocol_fail(call, &busy, "Please reduce your request rate.");
    upload(call);
}
