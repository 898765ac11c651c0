/* The life of one call, whatever brought it: the fault, the reply's parts, the handler's run. */
#include "base/inject.h"
#include "base/log.h"
#include "protocol/internal.h"
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

const struct protocol_fault protocol_validation = {"ValidationException", 400, false};
const struct protocol_fault protocol_serialization = {"SerializationException", 400, false};
const struct protocol_fault protocol_unknown_operation = {"UnknownOperationException", 400, false};
const struct protocol_fault protocol_not_implemented = {"NotImplemented", 501, true};

/* An id need only differ from others, which nobody must foresee of a secret: so each thread draws
 * from a generator of its own, which the system's seeds once. */
static struct mr_rng *ids_of(struct mr_rng *system)
{
    static _Thread_local struct {
        struct mr_rng rng;
        bool seeded;
    } ids;
    if (!ids.seeded)
        mr_rng_init_seed(&ids.rng, mr_rng_u64(system));
    ids.seeded = true;
    return &ids.rng;
}

/* Eight digits of base32hex (0 to 9, A to V) from the low 40 bits, all at once: each five bits get
 * a byte, and the letters what lies between '9' and 'A'. */
static uint64_t base32_digits(uint64_t bits)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t digits = (bits & 0xfffff) | (bits >> 20 & 0xfffff) << 32;
    digits = (digits & 0x000003ff000003ff) | (digits & 0x000ffc00000ffc00) << 6;
    digits = (digits & 0x001f001f001f001f) | (digits & 0x03e003e003e003e0) << 3;
    const uint64_t letters = (digits + ones * (0x80 - 10)) >> 7 & ones;
    return digits + ones * '0' + letters * ('A' - '9' - 1);
}

/* AWS: DynamoDB and its Streams use 52 characters of base32hex, S3 16 upper-case hex digits. */
static struct mr_slice base32_id(struct mr_arena *arena, struct mr_rng *rng)
{
    enum { LEN = 52 };
    char *text = mr_arena_alloc(arena, LEN + 4);
    for (size_t i = 0; i < LEN; i += 8) {
        const uint64_t digits = base32_digits(mr_rng_u64(rng));
        memcpy(text + i, &digits, sizeof digits);
    }
    return mr_slice_make(text, LEN);
}

static struct mr_slice hex_id(struct mr_arena *arena, struct mr_rng *rng)
{
    char *text = mr_arena_alloc(arena, 16);
    uint64_t random = mr_rng_u64(rng);
    for (size_t i = 0; i < 16; i++, random >>= 4)
        text[i] = "0123456789ABCDEF"[random & 15];
    return mr_slice_make(text, 16);
}

void call_request_id(struct protocol_call *call)
{
    if (call->request_id.ptr != NULL)
        return;
    const struct protocol_call_private *priv = call->priv;
    const char *name = priv->service == NULL ? "" : priv->service->model->name;
    struct mr_rng *rng = ids_of(priv->protocol->options.rng);
    if (name[0] == 'd') {
        call->request_id = base32_id(call->arena, rng);
    } else if (strcmp(name, "s3") == 0) {
        call->request_id = hex_id(call->arena, rng);
    } else {
        char *uuid = mr_arena_alloc(call->arena, 37);
        mr_rng_uuid(rng, uuid);
        call->request_id = mr_slice_make(uuid, 36);
    }
}

void call_init(struct protocol_call *call, struct protocol *protocol, struct mr_arena *arena,
               struct http_exchange *exchange)
{
    *call = (struct protocol_call){
        .arena = arena,
        .exchange = exchange,
        .payload_length = UINT64_MAX,
        .region = protocol->region,
        .account = protocol->account,
        .now_ms = mr_clock_now(&protocol->options.clock),
    };
    call->priv = MR_NEW(arena, struct protocol_call_private);
    call->priv->protocol = protocol;
    call->priv->signing_now_ms = mr_clock_now(&protocol->options.signing_clock);
    call->priv->members_end = &call->priv->members;
    if (exchange != NULL)
        exchange->began_us = mr_monotonic_us();
    call->priv->fd = -1;
}

void call_fini(struct protocol_call *call)
{
    mr_buf_fini(&call->priv->scratch);
    stream_fini(call->priv->stream);
    if (call->priv->fd >= 0)
        close(call->priv->fd);
    call->priv->fd = -1;
    if (call->priv->filter.end != NULL)
        call->priv->filter.end(call->priv->filter.ctx);
}

void route_to(struct protocol_call *call, struct protocol_operation *operation,
              enum model_protocol wire)
{
    call->priv->operation = operation;
    call->priv->service = operation->service;
    call->priv->wire = wire;
    call->operation = operation->model;
    call->operation_name = operation->service->model->pool + operation->model->name;
    call->service = operation->ctx;
}

/* The JSON protocols' output goes straight into the reply; other wires are made from it later. */
static void out_open(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    const bool straight = call->exchange != NULL && priv->wire == MODEL_JSON;
    priv->target = straight ? &call->exchange->reply_body : &priv->scratch;
    call->out = mr_json_make(priv->target);
    mr_json_object(&call->out);
}

static void not_implemented(struct protocol_call *call)
{
    protocol_fail(call, &protocol_not_implemented, "millrace does not implement %s.%s yet",
                  call->priv->service->model->service_id, call->operation_name);
}

void call_admit(struct protocol_call *call)
{
    const struct protocol_service *service = call->priv->service;
    if (!protocol_failed(call))
        validate_input(call);
    if (!protocol_failed(call) && service->on_call != NULL)
        service->on_call(service->on_call_ctx, call);
}

void call_run(struct protocol_call *call)
{
    struct protocol_operation *operation = call->priv->operation;
    if (protocol_failed(call))
        return;
    if (operation->handler == NULL) {
        not_implemented(call);
        return;
    }
    call_request_id(call);
    out_open(call);
    if (mr_inject_any())
        inject_run(call);
    else
        operation->handler->run(call);
    if (protocol_failed(call))
        return;
    mr_json_object_end(&call->out);
    assert(call->out.depth == 0);
}

enum mr_status protocol_fail_slice(struct protocol_call *call, const struct protocol_fault *fault,
                                   struct mr_slice message)
{
    if (call->priv->fault == NULL) {
        call->priv->fault = fault;
        call->priv->message = mr_arena_copy(call->arena, message);
    }
    return MR_FAULT;
}

enum mr_status protocol_fail(struct protocol_call *call, const struct protocol_fault *fault,
                             const char *format, ...)
{
    if (call->priv->fault != NULL)
        return MR_FAULT;
    va_list args;
    struct mr_buf text = {0};
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    protocol_fail_slice(call, fault, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return MR_FAULT;
}

void protocol_fail_member(struct protocol_call *call, const char *name,
                          struct mr_slice json_or_text)
{
    struct protocol_member *member = MR_NEW(call->arena, struct protocol_member);
    member->name = mr_slice_cstr(name);
    member->value = mr_arena_copy(call->arena, json_or_text);
    *call->priv->members_end = member;
    call->priv->members_end = &member->next;
}

bool protocol_failed(const struct protocol_call *call)
{
    return call->priv->fault != NULL;
}

struct mr_slice protocol_fault_take(struct protocol_call *call)
{
    call->priv->fault = NULL;
    return call->priv->message;
}

void protocol_fail_internal(struct protocol_call *call, enum mr_status status)
{
    if (status >= MR_OK || protocol_failed(call))
        return;
    mr_log(MR_LOG_ERROR, "protocol", "%s failed with status %d",
           call->operation_name == NULL ? "a request" : call->operation_name, (int)status);
    protocol_fail(call, fault_internal(call->priv->service->model), "%s",
                  "An internal error occurred.");
}

void protocol_reply_payload(struct protocol_call *call, struct mr_slice bytes)
{
    call->priv->has_payload = true;
    call->priv->payload = bytes;
}

void protocol_reply_file(struct protocol_call *call, int fd, uint64_t offset, uint64_t len)
{
    assert(call->priv->fd < 0);
    call->priv->has_file = true;
    call->priv->fd = fd;
    call->priv->file_offset = offset;
    call->priv->file_len = len;
}

void protocol_reply_file_changed(struct protocol_call *call, int fd, uint64_t offset, uint64_t len,
                                 struct http_filter filter)
{
    protocol_reply_file(call, fd, offset, len);
    call->priv->filter = filter;
}

const char *protocol_fault_code(const struct protocol_call *call)
{
    return call->priv->fault == NULL ? "" : call->priv->fault->code;
}

uint64_t protocol_reply_bytes(const struct protocol_call *call)
{
    if (mr_slice_equal(call->exchange->method, MR_S("HEAD")))
        return 0;
    return call->priv->has_file && call->priv->fault == NULL ? call->priv->file_len
                                                             : call->exchange->reply_body.len;
}

yyjson_val *protocol_output(const struct protocol_call *call)
{
    if (call->priv->fault != NULL || call->priv->wire != MODEL_REST_XML)
        return NULL;
    return mr_json_parse(call->arena, mr_buf_slice(&call->priv->scratch), MR_JSON_DEPTH_MAX);
}

void protocol_reply_header(struct protocol_call *call, struct mr_slice name, struct mr_slice value)
{
    if (call->exchange != NULL)
        http_reply_header(call->exchange, name, value);
}

void reply_header(struct protocol_call *call, const char *name, struct mr_slice value)
{
    protocol_reply_header(call, mr_slice_cstr(name), value);
}

struct mr_slice protocol_header(const struct protocol_call *call, const char *name)
{
    if (call->exchange == NULL)
        return (struct mr_slice){0};
    return http_header_get(call->exchange, name);
}
