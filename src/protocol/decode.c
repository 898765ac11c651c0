/* Reading the input of the JSON protocols, and of requests compressed by the client. */
#include "base/codec.h"
#include "protocol/cbor.h"
#include "protocol/internal.h"

/* AWS answers 500 to broken and unknown encodings; here they are the client's fault. */
static bool unpack_body(struct protocol_call *call, struct mr_slice *body)
{
    static const char *const plain_names[] = {"", "identity", "amz-1.0"};
    struct mr_slice encoding = protocol_header(call, "content-encoding");
    bool gzip = mr_slice_equal_nocase(encoding, MR_S("gzip"));
    bool deflate = mr_slice_equal_nocase(encoding, MR_S("deflate"));
    struct mr_buf plain MR_CLEANUP(mr_buf_fini) = {0};
    for (size_t i = 0; i < MR_COUNT(plain_names); i++) {
        if (mr_slice_equal_nocase(encoding, mr_slice_cstr(plain_names[i])))
            return true;
    }
    if ((!gzip && !deflate) ||
        (gzip ? mr_gunzip : mr_unzlib)(&plain, *body, PROTOCOL_GZIP_BYTES_MAX) != MR_OK) {
        protocol_fail(call, &protocol_serialization, "%s", "");
        return false;
    }
    *body = mr_arena_copy(call->arena, mr_buf_slice(&plain));
    return true;
}

static void decode_text(struct protocol_call *call, struct mr_slice body)
{
    call->in = mr_json_parse(call->arena, body, PROTOCOL_JSON_DEPTH_MAX);
    if (call->in == NULL) {
        protocol_fail(call, &protocol_serialization, "%s", "");
        return;
    }
    const struct model_shape *input =
        model_shape_at(call->priv->service->model, call->operation->input);
    if (input != NULL)
        json_types_check(call, input, call->in);
    else if (!yyjson_is_obj(call->in))
        protocol_fail(call, &protocol_serialization, "%s", "");
}

void decode_json(struct protocol_call *call, struct mr_slice body)
{
    if (unpack_body(call, &body))
        decode_text(call, body);
}

void decode_cbor(struct protocol_call *call, struct mr_slice body)
{
    const struct model_service *model = call->priv->service->model;
    struct mr_buf json = {0};
    if (!unpack_body(call, &body))
        return;
    if (call->priv->rpc_v2 && body.len == 0)
        decode_text(call, MR_S("{}"));
    else if (cbor_input_to_json(&json, model, model_shape_at(model, call->operation->input),
                                body) == MR_OK)
        decode_text(call, mr_buf_slice(&json));
    else
        protocol_fail(call, &protocol_serialization, "%s", "");
    mr_buf_fini(&json);
}
