/* Replies that are a stream of events (application/vnd.amazon.eventstream).
 *
 * A message on the wire, numbers big-endian:
 *
 *     u32 length of all | u32 length of the headers | u32 CRC-32 of these eight bytes
 *     headers: u8 length of the name, name, u8 7 (a string), u16 length, text
 *     payload | u32 CRC-32 of all before */
#include "base/codec.h"
#include "protocol/internal.h"
#include <assert.h>

enum { HEADER_STRING = 7, PRELUDE_BYTES = 8, BYTES_WAIT_MS = 60000 };

struct protocol_events {
    struct http_exchange *exchange;
    const struct model_service *service;
    const struct model_shape *stream; /* the events' structures are its members */
    enum model_protocol wire;
    struct mr_slice payload_type; /* content type of the payloads */
    /* until the reply begins */
    void (*start)(void *ctx, struct protocol_events *events);
    void *ctx;
};

static void put_u32(struct mr_buf *buf, size_t value)
{
    assert(value <= UINT32_MAX);
    for (unsigned shift = 32; shift > 0; shift -= 8)
        mr_buf_byte(buf, (char)(value >> (shift - 8) & 255U));
}

static void put_header(struct mr_buf *buf, struct mr_slice name, struct mr_slice value)
{
    assert(name.len <= 255 && value.len <= UINT16_MAX);
    mr_buf_byte(buf, (char)name.len);
    mr_buf_append(buf, name);
    mr_buf_byte(buf, HEADER_STRING);
    mr_buf_byte(buf, (char)(value.len >> 8));
    mr_buf_byte(buf, (char)(value.len & 255U));
    mr_buf_append(buf, value);
}

void event_frame(struct mr_buf *buf, struct mr_slice message_type, struct mr_slice type,
                 struct mr_slice content_type, struct mr_slice payload)
{
    const bool exception = mr_slice_equal(message_type, MR_S("exception"));
    struct mr_buf headers = {0};
    put_header(&headers, MR_S(":message-type"), message_type);
    put_header(&headers, exception ? MR_S(":exception-type") : MR_S(":event-type"), type);
    put_header(&headers, MR_S(":content-type"), content_type);
    const size_t start = buf->len;
    put_u32(buf, PRELUDE_BYTES + 4 + headers.len + payload.len + 4);
    put_u32(buf, headers.len);
    put_u32(buf, mr_crc32(0, mr_slice_sub(mr_buf_slice(buf), start, PRELUDE_BYTES)));
    mr_buf_append(buf, mr_buf_slice(&headers));
    mr_buf_append(buf, payload);
    put_u32(buf, mr_crc32(0, mr_slice_sub(mr_buf_slice(buf), start, SIZE_MAX)));
    mr_buf_fini(&headers);
}

/* The event stream among the output's members. */
static const struct model_shape *stream_shape(const struct protocol_call *call)
{
    const struct model_service *service = call->priv->service->model;
    const struct model_shape *output = model_shape_at(service, call->operation->output);
    const struct model_shape *found = NULL;
    for (size_t i = 0; output != NULL && i < output->member_count; i++) {
        const struct model_shape *shape =
            model_shape_at(service, model_members(service, output)[i].shape);
        if (shape->flags & MODEL_EVENTSTREAM)
            found = shape;
    }
    assert(found != NULL);
    return found;
}

enum mr_status protocol_reply_events(struct protocol_call *call,
                                     void (*start)(void *ctx, struct protocol_events *events),
                                     void *ctx)
{
    assert(!protocol_failed(call) && call->priv->events == NULL);
    if (call->exchange == NULL) {
        protocol_fail(call, &protocol_not_implemented, "%s cannot be called from inside",
                      call->operation_name);
        return MR_INVALID;
    }
    struct protocol_events *events = MR_NEW(call->arena, struct protocol_events);
    *events = (struct protocol_events){
        .exchange = call->exchange,
        .service = call->priv->service->model,
        .stream = stream_shape(call),
        .wire = call->priv->wire,
        .payload_type = reply_content_type(call),
        .start = start,
        .ctx = ctx,
    };
    call->priv->events = events;
    return MR_OK;
}

/* `json` in the way of the wire, in a message. `shape` NULL: no model. */
static enum mr_status send(struct protocol_events *events, struct mr_slice message_type,
                           struct mr_slice type, const struct model_shape *shape,
                           struct mr_slice json)
{
    struct mr_buf frame = {0}, cbor = {0};
    if (events->wire == MODEL_CBOR) {
        mr_buf_append(&cbor, json);
        encode_cbor(false, events->service, shape, &cbor);
        json = mr_buf_slice(&cbor);
    }
    event_frame(&frame, message_type, type, events->payload_type, json);
    const enum mr_status status = http_reply_write(events->exchange, mr_buf_slice(&frame));
    mr_buf_fini(&cbor);
    mr_buf_fini(&frame);
    return status;
}

void events_begin(struct protocol_call *call)
{
    struct protocol_events *events = call->priv->events;
    struct http_exchange *exchange = call->exchange;
    mr_buf_reset(&exchange->reply_body); /* the JSON object that nobody wrote to */
    exchange->status = 200;
    reply_header(call, "content-type", MR_S("application/vnd.amazon.eventstream"));
    call->priv->content_type_sent = true;
    reply_finish(call); /* frees what the call holds; the arena stays the exchange's */
    http_reply_begin(exchange);
    /* It tells the members of an output that has no headers for them. The first one always fits.
     */
    if (events->wire != MODEL_REST_JSON)
        (void)send(events, MR_S("event"), MR_S("initial-response"), NULL, MR_S("{}"));
    events->start(events->ctx, events);
}

enum mr_status protocol_events_send(struct protocol_events *events, const char *type,
                                    struct mr_slice json)
{
    const struct model_member *member =
        model_member_find(events->service, events->stream, mr_slice_cstr(type));
    assert(member != NULL);
    return send(events, MR_S("event"), mr_slice_cstr(type),
                model_shape_at(events->service, member->shape), json);
}

enum mr_status protocol_events_send_bytes(struct protocol_events *events, const char *type,
                                          struct mr_slice bytes)
{
    struct mr_buf frame = {0};
    event_frame(&frame, MR_S("event"), mr_slice_cstr(type), MR_S("application/octet-stream"),
                bytes);
    const enum mr_status status =
        http_reply_write_wait(events->exchange, mr_buf_slice(&frame), BYTES_WAIT_MS);
    mr_buf_fini(&frame);
    return status;
}

void protocol_events_fail(struct protocol_events *events, const struct protocol_fault *fault,
                          struct mr_slice message)
{
    struct mr_buf body = {0};
    struct mr_json json = mr_json_make(&body);
    mr_json_object(&json);
    mr_json_key_string(&json, "message", message);
    mr_json_object_end(&json);
    (void)send(events, MR_S("exception"), mr_slice_cstr(fault->code), NULL, mr_buf_slice(&body));
    mr_buf_fini(&body);
    protocol_events_end(events);
}

void protocol_events_end(struct protocol_events *events)
{
    http_reply_end(events->exchange);
}
