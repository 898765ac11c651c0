/* The reply of a call: body, headers, status; then it is sent when it is durable. */
#include "base/codec.h"
#include "protocol/cbor.h"
#include "protocol/internal.h"

/* Every reply of DynamoDB has one: without printf. */
static void header_number(struct protocol_call *call, const char *name, uint32_t value)
{
    enum { DIGITS_MAX = 10 };
    char *text = mr_arena_alloc(call->arena, DIGITS_MAX), *at = text + DIGITS_MAX;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    reply_header(call, name, mr_slice_make(at, (size_t)(text + DIGITS_MAX - at)));
}

static bool is_dynamodb(const struct protocol_call *call)
{
    return call->priv->service != NULL && call->priv->service->model->name[0] == 'd';
}

struct mr_slice reply_content_type(const struct protocol_call *call)
{
    switch (call->priv->wire) {
    case MODEL_REST_JSON: return MR_S("application/json");
    case MODEL_REST_XML: return MR_S("application/xml");
    case MODEL_QUERY: return MR_S("text/xml");
    case MODEL_CBOR:
        return call->priv->rpc_v2 ? MR_S("application/cbor") : MR_S("application/x-amz-cbor-1.1");
    case MODEL_JSON: break;
    }
    if (mr_slice_search(call->priv->content_type, MR_S("json")) != SIZE_MAX)
        return call->priv->content_type;
    const struct protocol_service *service = call->priv->service;
    return service != NULL && strcmp(service->model->json_version, "1.1") == 0
               ? MR_S("application/x-amz-json-1.1")
               : MR_S("application/x-amz-json-1.0");
}

void encode_cbor(bool seconds, const struct model_service *service, const struct model_shape *shape,
                 struct mr_buf *buf)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *value = mr_json_parse(&arena, mr_buf_slice(buf), PROTOCOL_JSON_DEPTH_MAX);
    mr_buf_reset(buf);
    cbor_from_json(buf, seconds, service, shape, value);
    mr_arena_fini(&arena);
}

static void encode_output_cbor(struct protocol_call *call)
{
    const struct model_service *service = call->priv->service->model;
    struct mr_buf *body = &call->exchange->reply_body;
    if (call->operation->output == MODEL_NONE)
        return;
    mr_buf_append(body, mr_buf_slice(&call->priv->scratch));
    encode_cbor(call->priv->rpc_v2, service, model_shape_at(service, call->operation->output),
                body);
}

static void encode_output(struct protocol_call *call)
{
    call->exchange->status = call->status != 0 ? call->status : call->operation->status;
    switch (call->priv->wire) {
    case MODEL_JSON:
        /* AWS: an operation without an output shape answers nothing at all. */
        if (call->operation->output == MODEL_NONE)
            mr_buf_reset(&call->exchange->reply_body);
        break;
    case MODEL_CBOR: encode_output_cbor(call); break;
    case MODEL_REST_JSON:
    case MODEL_REST_XML: encode_rest(call); break;
    case MODEL_QUERY: encode_query(call); break;
    }
}

static void headers_common(struct protocol_call *call)
{
    const struct mr_buf *body = &call->exchange->reply_body;
    if (call->priv->wire == MODEL_REST_XML) {
        reply_header(call, "x-amz-request-id", call->request_id);
        reply_header(call, "x-amz-id-2", call->request_id);
        reply_header(call, "server", MR_S("AmazonS3"));
    } else {
        reply_header(call, "x-amzn-requestid", call->request_id);
    }
    if (call->priv->rpc_v2)
        reply_header(call, "smithy-protocol", MR_S("rpc-v2-cbor"));
    /* AWS: Kinesis has both ids. */
    if (call->priv->service != NULL && strcmp(call->priv->service->model->name, "kinesis") == 0)
        reply_header(call, "x-amz-id-2", mr_base64(call->arena, call->request_id));
    if (body->len > 0 && !call->priv->bare && !call->priv->content_type_sent)
        reply_header(call, "content-type", reply_content_type(call));
    if (!is_dynamodb(call))
        return;
    reply_header(call, "server", MR_S("Server"));
    header_number(call, "x-amz-crc32", mr_crc32(0, mr_buf_slice(body)));
}

static void count_other(struct protocol_operation *operation, int status)
{
    size_t at = 0;
    for (; at < PROTOCOL_STATUSES_MAX - 1; at++) {
        int was = 0;
        if (atomic_load_explicit(&operation->others[at].status, memory_order_relaxed) == status ||
            atomic_compare_exchange_strong(&operation->others[at].status, &was, status) ||
            was == status)
            break;
    }
    if (at == PROTOCOL_STATUSES_MAX - 1)
        atomic_store(&operation->others[at].status, status);
    atomic_fetch_add_explicit(&operation->others[at].count, 1, memory_order_relaxed);
}

static void count_user_error(const struct protocol_call *call)
{
    const struct protocol_service *service = call->priv->service;
    const struct protocol_fault *fault = call->priv->fault;
    if (service == NULL || service->user_errors == NULL || fault == NULL)
        return;
    for (size_t i = 0; service->no_user_errors[i] != NULL; i++)
        if (strcmp(service->no_user_errors[i], fault->code) == 0)
            return;
    meter_add(service->user_errors, 1);
}

static void count(struct protocol_call *call)
{
    struct protocol *protocol = call->priv->protocol;
    const int status = call->exchange->status;
    if (call->priv->operation != NULL) {
        call->exchange->meters[0] = call->priv->operation->all;
        if (status != 200)
            count_other(call->priv->operation, status);
    }
    if (call->priv->fault != NULL)
        call->exchange->meters[1] = NULL; /* of what succeeds */
    if (status == 400)
        count_user_error(call);
    const struct protocol_service *service = call->priv->service;
    if (service != NULL && service->on_answer != NULL)
        service->on_answer(service->on_answer_ctx, call);
    atomic_fetch_add_explicit(&protocol->requests, 1, memory_order_relaxed);
    if (status >= 500)
        atomic_fetch_add_explicit(&protocol->errors, 1, memory_order_relaxed);
    else if (status >= 400)
        atomic_fetch_add_explicit(&protocol->faults, 1, memory_order_relaxed);
}

void reply_finish(struct protocol_call *call)
{
    call_request_id(call);
    headers_common(call);
    count(call);
    call_fini(call);
}

void encode_reply(struct protocol_call *call)
{
    struct http_exchange *exchange = call->exchange;
    call_request_id(call);
    if (!protocol_failed(call))
        encode_output(call);
    if (protocol_failed(call))
        fault_render(call);
    browser_reply(call);
    if (is_dynamodb(call))
        packing_reply(call);
    const int64_t ticket = call->ticket;
    const bool cut = call->priv->cut;
    reply_finish(call);
    if (cut) {
        http_reply_begin(exchange);
        http_reply_abort(exchange);
    } else if (ticket > 0)
        http_reply_send_after(exchange, ticket);
    else
        http_reply_send(exchange);
}
