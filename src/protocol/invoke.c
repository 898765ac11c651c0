/* Calls from inside the process: the same decoding rules, validation and handlers, no wire. */
#include "protocol/internal.h"
#include <assert.h>
#include <unistd.h>

static struct protocol_operation *operation_find(struct protocol *protocol, const char *service,
                                                 const char *name)
{
    for (size_t i = 0; i < model_service_count; i++) {
        const struct model_service *model = model_services[i];
        if (strcmp(model->name, service) != 0)
            continue;
        const struct model_operation *found = model_operation_find(model, mr_slice_cstr(name));
        return found == NULL ? NULL : &protocol->services[i].operations[found - model->operations];
    }
    return NULL;
}

/* A streaming handler gets the whole payload at once. */
static void run_stream(struct protocol_call *call)
{
    const struct protocol_handler *handler = call->priv->operation->handler;
    call->payload_length = call->payload.len;
    handler->open(call);
    if (protocol_failed(call))
        return;
    if (call->sink.on_data != NULL && call->payload.len > 0 &&
        call->sink.on_data(call->sink.ctx, call->payload) != MR_OK) {
        handler->abandon(call);
        protocol_fail_internal(call, MR_FAIL_IO);
        return;
    }
    call_run(call);
}

/* A reply that would be sent from a file is read instead. */
static enum mr_status file_read(struct protocol_call *call, struct mr_slice *ret_payload)
{
    const struct protocol_call_private *priv = call->priv;
    if (priv->file_len > PROTOCOL_INVOKE_BYTES_MAX)
        return MR_RAISE(MR_FAIL, "%s answers %llu bytes to a call from inside",
                        call->operation_name, (unsigned long long)priv->file_len);
    const size_t len = (size_t)priv->file_len;
    char *bytes = mr_arena_alloc(call->arena, len);
    for (size_t have = 0; have < len;) {
        const ssize_t got =
            pread(priv->fd, bytes + have, len - have, (off_t)(priv->file_offset + have));
        if (got <= 0)
            return MR_RAISE(MR_FAIL_IO, "cannot read what %s answers", call->operation_name);
        have += (size_t)got;
    }
    if (priv->filter.change != NULL)
        priv->filter.change(priv->filter.ctx, bytes, len);
    *ret_payload = mr_slice_make(bytes, len);
    return MR_OK;
}

/* What a fault tells beside its message, as an object; empty when that is nothing. */
static struct mr_slice members_of(const struct protocol_call *call)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    if (call->priv->members == NULL)
        return (struct mr_slice){0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    fault_members(call, &json);
    mr_json_object_end(&json);
    return mr_arena_copy(call->arena, mr_buf_slice(&text));
}

static void result_fill(struct protocol_call *call, struct protocol_result *ret_result)
{
    struct protocol_call_private *priv = call->priv;
    *ret_result = (struct protocol_result){0};
    if (!protocol_failed(call) && priv->has_file)
        protocol_fail_internal(call, file_read(call, &priv->payload));
    if (protocol_failed(call)) {
        ret_result->status = priv->fault->status;
        ret_result->code = mr_slice_cstr(priv->fault->code);
        ret_result->message = priv->message;
        ret_result->output = members_of(call);
        return;
    }
    ret_result->status = call->status != 0 ? call->status : call->operation->status;
    ret_result->output = mr_arena_copy(call->arena, mr_buf_slice(&priv->scratch));
    ret_result->payload = priv->payload;
}

enum mr_status protocol_invoke(struct protocol *protocol, struct mr_arena *arena,
                               const char *service, const char *operation,
                               struct mr_slice input_json, struct mr_slice payload,
                               struct protocol_result *ret_result)
{
    return protocol_invoke_in(protocol, arena, protocol->region, service, operation, input_json,
                              payload, ret_result);
}

enum mr_status protocol_invoke_in(struct protocol *protocol, struct mr_arena *arena,
                                  struct mr_slice region, const char *service,
                                  const char *operation, struct mr_slice input_json,
                                  struct mr_slice payload, struct protocol_result *ret_result)
{
    struct protocol_operation *found = operation_find(protocol, service, operation);
    if (found == NULL)
        return MR_NOT_FOUND;
    struct protocol_call call;
    call_init(&call, protocol, arena, NULL);
    call.region = region;
    route_to(&call, found, found->service->model->protocol);
    call_request_id(&call);
    call.payload = payload;
    call.has_payload = payload.ptr != NULL;
    if (found->handler != NULL) {
        decode_json(&call, input_json);
        call_admit(&call);
    }
    if (!protocol_failed(&call) && found->handler != NULL &&
        (found->handler->flags & PROTOCOL_STREAM))
        run_stream(&call);
    else
        call_run(&call);
    enum mr_status status = MR_OK;
    if (call.ticket > 0 && protocol->wait != NULL)
        status = protocol->wait(protocol->wait_ctx, call.ticket);
    result_fill(&call, ret_result);
    call_fini(&call);
    return status;
}
