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

void browser_preflight(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    if (!gate_enter_now(protocol)) {
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

void browser_upload(struct protocol_call *call)
{
    if (runtime_submit(call->priv->protocol->options.runtime, upload, call) == MR_OK)
        return;
    protocol_fail(call, &busy, "Please reduce your request rate.");
    upload(call);
}
