/* What browsers ask beside calls: preflights, and headers that let a page read a reply. A service
 * decides; here is only when it is asked. */
#include "protocol/internal.h"

void protocol_set_cors(struct protocol *protocol, const struct protocol_cors *cors, void *ctx)
{
    protocol->cors = cors;
    protocol->cors_ctx = ctx;
}

static struct mr_slice label_of(const struct protocol_call *call, const char *name)
{
    for (size_t i = 0; i < call->priv->label_count; i++)
        if (mr_slice_equal(call->priv->labels[i].name, mr_slice_cstr(name)))
            return call->priv->labels[i].value;
    return (struct mr_slice){0};
}

void browser_preflight(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    static const struct protocol_fault busy = {"SlowDown", 503, true};
    if (!gate_enter_now(protocol)) {
        protocol_fail(call, &busy, "Please reduce your request rate.");
    } else {
        call->service = protocol->cors_ctx;
        protocol->cors->preflight(call, label_of(call, "Bucket"), label_of(call, "Key").len > 0);
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
    if (protocol->cors == NULL || call->priv->wire != MODEL_REST_XML ||
        call->priv->operation == NULL || protocol_header(call, "origin").ptr == NULL ||
        !gate_enter_now(protocol))
        return;
    call->service = protocol->cors_ctx;
    protocol->cors->reply(call, label_of(call, "Bucket"));
    gate_leave(protocol);
}
