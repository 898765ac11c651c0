/* Requests to the URLs of functions: they are no calls of an API, so only told apart here. The one
 * that serves them decides. */
#include "protocol/auth.h"
#include "protocol/internal.h"

#define URL_PATH "/_millrace/lambda-url/"
#define URL_HOST ".lambda-url."

void protocol_set_function_urls(struct protocol *protocol,
                                void (*fn)(void *ctx, struct http_exchange *exchange,
                                           struct mr_slice id, struct mr_slice path),
                                void *ctx)
{
    protocol->function_url = fn;
    protocol->function_url_ctx = ctx;
}

/* "/_millrace/lambda-url/ID/path", or any path at a host "ID.lambda-url.<region>...", as AWS's. */
static bool parse(const struct http_exchange *exchange, struct mr_slice *ret_id,
                  struct mr_slice *ret_path)
{
    const struct mr_slice path = exchange->path;
    const size_t host = mr_slice_search(exchange->host, MR_S(URL_HOST));
    if (mr_slice_starts_with(path, MR_S(URL_PATH))) {
        const struct mr_slice rest = mr_slice_sub(path, sizeof URL_PATH - 1, SIZE_MAX);
        const size_t slash = mr_slice_find(rest, '/');
        *ret_id = mr_slice_sub(rest, 0, slash);
        *ret_path = slash == SIZE_MAX ? MR_S("/") : mr_slice_sub(rest, slash, SIZE_MAX);
    } else if (host != SIZE_MAX && host > 0) {
        *ret_id = mr_slice_sub(exchange->host, 0, host);
        *ret_path = path;
    } else {
        return false;
    }
    return ret_id->len > 0;
}

bool function_url_is(const struct http_exchange *exchange)
{
    const struct protocol *protocol = exchange->listener_ctx;
    struct mr_slice id, path;
    return protocol->function_url != NULL && parse(exchange, &id, &path);
}

static void run(void *arg)
{
    struct http_exchange *exchange = arg;
    struct protocol *protocol = exchange->listener_ctx;
    struct mr_slice id, path;
    if (!gate_enter_now(protocol) || !parse(exchange, &id, &path)) {
        exchange->status = 503;
        http_reply_send(exchange);
        return;
    }
    protocol->function_url(protocol->function_url_ctx, exchange, id, path);
    gate_leave(protocol);
}

void function_url_request(struct http_exchange *exchange)
{
    struct protocol *protocol = exchange->listener_ctx;
    if (runtime_submit(protocol->options.runtime, run, exchange) == MR_OK)
        return;
    exchange->status = 503;
    http_reply_send(exchange);
}

bool protocol_is_signed(struct http_exchange *exchange)
{
    struct protocol *protocol = exchange->listener_ctx;
    const bool header =
        mr_slice_starts_with(http_header_get(exchange, "authorization"), MR_S("AWS4-HMAC-SHA256 "));
    if (!header && mr_slice_search(exchange->query, MR_S("X-Amz-Signature=")) == SIZE_MAX)
        return false;
    if (protocol->auth == NULL)
        return true;
    struct protocol_call call;
    call_init(&call, protocol, &exchange->arena, exchange);
    call.priv->wire = MODEL_REST_JSON;
    auth_verify(&call, exchange->body);
    const bool right = !protocol_failed(&call);
    call_fini(&call);
    return right;
}
