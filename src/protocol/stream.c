/* Request bodies on their way to a handler: streamed into its sink, collected where they may be
 * larger than a buffered body, freed of aws-chunked frames, checked against what was announced.
 *
 * Order: header -> signature -> input -> validation -> open -> pieces to the sink -> end of the
 * body: hash, length and chunk signatures -> run. Whatever fails behind `open` ends in `abandon`.
 */
#include "base/codec.h"
#include "protocol/auth.h"
#include "protocol/chunked.h"
#include "protocol/internal.h"
#include <openssl/evp.h>
#include <stdlib.h>

static const struct protocol_fault bad_chunk_size = {"InvalidChunkSizeError", 400, false};
static const struct protocol_fault incomplete_body = {"IncompleteBody", 400, false};
static const struct protocol_fault timed_out = {"RequestTimeout", 400, false};
static const struct protocol_fault signature_mismatch = {"SignatureDoesNotMatch", 403, false};
static const struct protocol_fault invalid_request = {"InvalidRequest", 400, false};
static const struct protocol_fault too_large = {"RequestEntityTooLargeException", 413, false};

struct stream {
    struct protocol_call *call;
    struct chunked *chunked; /* NULL: the body is the payload */
    EVP_MD_CTX *digest;      /* NULL: nothing to compare with */
    uint64_t received;       /* payload bytes */
    bool sink_refused;
    bool collecting; /* no handler's sink: into `collected` */
    struct mr_buf collected;
};

void stream_fini(struct stream *stream)
{
    if (stream == NULL)
        return;
    chunked_fini(stream->chunked);
    EVP_MD_CTX_free(stream->digest);
    mr_buf_fini(&stream->collected);
    stream->chunked = NULL;
    stream->digest = NULL;
}

/* ---- pieces ---- */
static enum mr_status deliver(void *ctx, struct mr_slice data)
{
    struct stream *stream = ctx;
    struct protocol_call *call = stream->call;
    stream->received += data.len;
    if (stream->received > call->payload_length)
        return MR_INVALID;
    if (call->sink.on_data != NULL && call->sink.on_data(call->sink.ctx, data) != MR_OK) {
        stream->sink_refused = true;
        return MR_FAIL_IO;
    }
    return MR_OK;
}

static enum mr_status on_data(void *ctx, struct mr_slice data)
{
    struct stream *stream = ctx;
    if (stream->digest != NULL)
        EVP_DigestUpdate(stream->digest, data.ptr, data.len);
    if (stream->collecting) {
        if (stream->collected.len + data.len > PROTOCOL_LAMBDA_BYTES_MAX)
            return MR_FULL;
        mr_buf_append(&stream->collected, data);
        return MR_OK;
    }
    if (stream->chunked != NULL)
        return chunked_feed(stream->chunked, data);
    return deliver(stream, data);
}

/* ---- the beginning ---- */
static uint64_t length_header(const struct protocol_call *call, const char *name)
{
    uint64_t length;
    return mr_slice_to_u64(protocol_header(call, name), &length) == MR_OK ? length : UINT64_MAX;
}

static struct stream *stream_new(struct protocol_call *call)
{
    struct stream *stream = MR_NEW(call->arena, struct stream);
    struct auth_body *note = &call->priv->auth_body;
    stream->call = call;
    call->priv->stream = stream;
    call->priv->streaming = true;
    if (note->framed)
        stream->chunked = chunked_new(call->arena, (struct http_sink){deliver, stream},
                                      note->chunks_signed ? &note->chain : NULL);
    if (note->hash_known) {
        stream->digest = EVP_MD_CTX_new();
        EVP_DigestInit_ex(stream->digest, EVP_sha256(), NULL);
    }
    return stream;
}

static bool is_large(const struct protocol_call *call)
{
    const char *name = call->operation_name;
    return call->priv->wire == MODEL_REST_JSON &&
           (strcmp(name, "CreateFunction") == 0 || strcmp(name, "UpdateFunctionCode") == 0 ||
            strcmp(name, "PublishLayerVersion") == 0);
}

static void open_sink(struct protocol_call *call)
{
    auth_verify(call, MR_S(""));
    if (!protocol_failed(call))
        decode_rest_with(call, MR_S(""));
    call_admit(call);
    if (protocol_failed(call))
        return;
    call->payload_length = call->priv->auth_body.framed
                               ? length_header(call, "x-amz-decoded-content-length")
                               : length_header(call, "content-length");
    call->has_payload = true;
    call->priv->operation->handler->open(call);
}

void stream_begin(struct protocol_call *call)
{
    const struct protocol_handler *handler = call->priv->operation->handler;
    if (handler == NULL)
        return;
    if (is_large(call)) {
        struct stream *stream = stream_new(call);
        stream->collecting = true;
        http_exchange_stream_body(call->exchange, (struct http_sink){on_data, stream});
        return;
    }
    if (!(handler->flags & PROTOCOL_STREAM))
        return;
    if (!gate_enter_now(call->priv->protocol)) {
        protocol_fail(call, fault_busy(call->priv->service->model),
                      "Please reduce your request "
                      "rate.");
        encode_reply(call);
        return;
    }
    call->service = call->priv->operation->ctx; /* as it is behind the gate */
    open_sink(call);
    if (protocol_failed(call)) {
        struct protocol *protocol = call->priv->protocol;
        encode_reply(call);
        gate_leave(protocol);
        return;
    }
    struct stream *stream = stream_new(call);
    http_exchange_stream_body(call->exchange, (struct http_sink){on_data, stream});
}

/* ---- the end ---- */
static void trailers_keep(struct protocol_call *call, const struct chunked *chunked)
{
    const struct http_header *trailers;
    const size_t count = chunked_trailers(chunked, &trailers);
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    for (size_t i = 0; i < count; i++) {
        if (!mr_slice_is_utf8(trailers[i].name) || !mr_slice_is_utf8(trailers[i].value))
            continue;
        mr_json_name(&json, trailers[i].name);
        mr_json_string(&json, trailers[i].value);
    }
    mr_json_object_end(&json);
    call->trailers = mr_json_parse(call->arena, mr_buf_slice(&text), 4);
    mr_buf_fini(&text);
}

static void chunks_fail(struct protocol_call *call, enum chunked_error error)
{
    if (error == CHUNKED_BAD_SIGNATURE)
        protocol_fail(call, &signature_mismatch,
                      "The request signature we calculated does not match the signature you "
                      "provided. Check your key and signing method.");
    else
        protocol_fail(call, &incomplete_body, "The request body terminated unexpectedly");
}

static bool chunks_are_small(struct protocol_call *call, const struct chunked *chunked)
{
    const struct chunked_small small = chunked_small(chunked);
    if (small.number == 0)
        return false;
    protocol_fail_member(call, "Chunk",
                         mr_arena_printf(call->arena, "%llu", (unsigned long long)small.number));
    protocol_fail_member(call, "BadChunkSize",
                         mr_arena_printf(call->arena, "%llu", (unsigned long long)small.size));
    protocol_fail(call, &bad_chunk_size,
                  "Only the last chunk is allowed to have a size less than %d bytes",
                  CHUNKED_SIZE_MIN);
    return true;
}

static void body_check(struct protocol_call *call, struct stream *stream)
{
    if (stream->sink_refused) {
        protocol_fail_internal(call, MR_FAIL_IO);
    } else if (call->exchange->body_failed && call->exchange->body_status == 408) {
        protocol_fail(call, &timed_out, /* AWS: which clients then try again */
                      "Your socket connection to the server was not read from or written to "
                      "within the timeout period. Idle connections will be closed.");
    } else if (stream->chunked != NULL && chunked_finish(stream->chunked) != MR_OK) {
        chunks_fail(call, chunked_error(stream->chunked));
    } else if (stream->chunked != NULL && chunks_are_small(call, stream->chunked)) {
        ; /* it is told */
    } else if (call->exchange->body_failed ||
               (call->payload_length != UINT64_MAX && stream->received != call->payload_length)) {
        protocol_fail(call, &incomplete_body,
                      "You did not provide the number of bytes specified "
                      "by the Content-Length HTTP header");
    } else if (stream->digest != NULL) {
        uint8_t hash[32];
        EVP_DigestFinal_ex(stream->digest, hash, NULL);
        auth_body_check(call, hash);
    }
    if (!protocol_failed(call) && stream->chunked != NULL)
        trailers_keep(call, stream->chunked);
}

static void finish(void *arg)
{
    struct protocol_call *call = arg;
    struct protocol *protocol = call->priv->protocol;
    const struct protocol_handler *handler = call->priv->operation->handler;
    body_check(call, call->priv->stream);
    if (protocol_failed(call))
        handler->abandon(call);
    else
        call_run(call);
    encode_reply(call);
    gate_leave(protocol);
}

static void finish_collected(struct protocol_call *call, struct stream *stream)
{
    if (call->exchange->body_failed)
        protocol_fail(call, &too_large,
                      "Request must be smaller than %d bytes for the %s operation",
                      PROTOCOL_LAMBDA_BYTES_MAX, call->operation_name);
    call->exchange->body = mr_buf_slice(&stream->collected);
    dispatch_call(call);
}

void stream_finish(struct protocol_call *call)
{
    struct stream *stream = call->priv->stream;
    if (stream->collecting) {
        finish_collected(call, stream);
        return;
    }
    if (runtime_submit(call->priv->protocol->options.runtime, finish, call) == MR_OK)
        return;
    protocol_fail(call, fault_busy(call->priv->service->model), "Please reduce your request rate.");
    finish(call);
}

/* ---- bodies in memory ---- */
static enum mr_status append(void *ctx, struct mr_slice data)
{
    mr_buf_append(ctx, data);
    return MR_OK;
}

bool stream_unframe(struct protocol_call *call, struct mr_slice *body)
{
    struct auth_body *note = &call->priv->auth_body;
    if (call->priv->wire != MODEL_REST_XML || !note->framed || body->len == 0)
        return true;
    struct mr_buf plain = {0};
    struct chunked *chunked = chunked_new(call->arena, (struct http_sink){append, &plain},
                                          note->chunks_signed ? &note->chain : NULL);
    const uint64_t length = length_header(call, "x-amz-decoded-content-length");
    if (chunked_feed(chunked, *body) != MR_OK || chunked_finish(chunked) != MR_OK)
        chunks_fail(call, chunked_error(chunked));
    else if (chunks_are_small(call, chunked))
        ; /* it is told */
    else if (length != UINT64_MAX && length != plain.len)
        protocol_fail(call, &invalid_request,
                      "The value of x-amz-decoded-content-length does not "
                      "match the body.");
    else
        trailers_keep(call, chunked);
    *body = mr_arena_copy(call->arena, mr_buf_slice(&plain));
    mr_buf_fini(&plain);
    chunked_fini(chunked);
    return !protocol_failed(call);
}
