/* The Runtime API: what a function's process asks for and answers, on its instance's listener.
 *
 *   GET  /2018-06-01/runtime/invocation/next             waits until there is an event
 *   POST /2018-06-01/runtime/invocation/{id}/response    202
 *   POST /2018-06-01/runtime/invocation/{id}/error       202
 *   POST /2018-06-01/runtime/init/error                  202
 *
 * Bodies of POSTs are taken in as they come, straight into the buffer that becomes the caller's
 * reply; of a response in "streaming" mode each part is the invocation's at once. All of this runs
 * on the one loop of the functions' own HTTP server. */
#include "lambda/internal.h"
#include <stdio.h>

static const struct mr_slice base = MR_S_INIT("/2018-06-01/runtime/");

struct upload {
    struct lambda_instance *instance; /* NULL: the body is no stream */
    struct mr_slice id;               /* of the invocation whose stream it is */
    struct mr_buf body;
    size_t bytes_max;
    bool too_large;
};

/* ---- replies ---- */

static void answer(struct http_exchange *exchange, int status, const char *type,
                   const char *message)
{
    exchange->status = status;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    if (type == NULL) {
        mr_buf_append(&exchange->reply_body, MR_S("{\"status\":\"OK\"}\n"));
    } else {
        struct mr_json json = mr_json_make(&exchange->reply_body);
        mr_json_object(&json);
        mr_json_key_cstr(&json, "errorMessage", message);
        mr_json_key_cstr(&json, "errorType", type);
        mr_json_object_end(&json);
    }
    http_reply_send(exchange);
}

void lambda_runtime_api_gone(struct http_exchange *exchange)
{
    if (exchange != NULL)
        answer(exchange, 410, "Gone", "this process is no longer needed");
}

/* ---- handing an event over ---- */

void lambda_runtime_api_delivered_locked(struct lambda_instance *instance)
{
    struct lambda_invocation *invocation = instance->locked.current;
    invocation->locked.state = INVOCATION_DELIVERED;
    invocation->locked.delivered_us = mr_monotonic_us();
    instance->locked.talking = NULL;
    if (invocation->want_tail) {
        struct mr_arena arena;
        mr_arena_init(&arena);
        const struct mr_slice line = lambda_platform_start(
            &arena, instance->function->lambda, instance->config, invocation->request_id);
        if (line.len > 0)
            lambda_tail_line(&invocation->locked.tail, line);
        mr_arena_fini(&arena);
        instance->locked.talking = invocation;
    }
}

void lambda_log_start(struct lambda_instance *instance, const char *request_id)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    lambda_instance_log_ended(instance);
    lambda_instance_log_platform(instance, lambda_platform_start(&arena, instance->function->lambda,
                                                                 instance->config, request_id));
    mr_arena_fini(&arena);
}

void lambda_runtime_api_fill(struct http_exchange *exchange,
                             const struct lambda_invocation *invocation)
{
    struct mr_arena *arena = &exchange->arena;
    /* Real time, also when a test holds the server's clock: the function counts down on its own. */
    const int64_t now_ms = mr_clock_now(&mr_clock_system);
    exchange->status = 200;
    http_reply_header(exchange, MR_S("content-type"), MR_S("application/json"));
    http_reply_header(exchange, MR_S("lambda-runtime-aws-request-id"),
                      mr_arena_copy(arena, mr_slice_cstr(invocation->request_id)));
    http_reply_header(exchange, MR_S("lambda-runtime-deadline-ms"),
                      mr_arena_printf(arena, "%lld", (long long)(now_ms + invocation->timeout_ms)));
    http_reply_header(exchange, MR_S("lambda-runtime-invoked-function-arn"),
                      mr_arena_copy(arena, invocation->arn));
    http_reply_header(exchange, MR_S("lambda-runtime-trace-id"),
                      mr_arena_printf(arena, "Root=%s;Parent=%s;Sampled=%d", invocation->trace.id,
                                      invocation->trace.segment, invocation->trace.sampled));
    if (invocation->client_context.len > 0)
        http_reply_header(exchange, MR_S("lambda-runtime-client-context"),
                          mr_arena_copy(arena, invocation->client_context));
    mr_buf_append(&exchange->reply_body, invocation->event);
}

/* The process has initialised, or is done with its last event. */
static void next(struct http_exchange *exchange, struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    struct http_exchange *former = NULL;
    char request_id[LAMBDA_ID_TEXT] = "";
    bool gone = false, early = false;
    pthread_mutex_lock(&function->lock);
    struct lambda_invocation *invocation = instance->locked.current;
    gone = instance->locked.state == INSTANCE_DEAD;
    early = invocation != NULL && invocation->locked.state == INVOCATION_DELIVERED;
    if (!gone && !early && instance->locked.state == INSTANCE_STARTING) {
        instance->locked.init_us = mr_monotonic_us() - instance->started_us;
        lambda_instance_set_state_locked(instance,
                                         invocation == NULL ? INSTANCE_IDLE : INSTANCE_BUSY);
    }
    if (!gone && !early && invocation != NULL) {
        lambda_runtime_api_delivered_locked(instance);
        /* Under the lock: whoever waits may give up and take the event with him. */
        lambda_runtime_api_fill(exchange, invocation);
        (void)snprintf(request_id, sizeof request_id, "%s", invocation->request_id);
        pthread_cond_signal(&invocation->changed); /* another deadline counts now */
    } else if (!gone && !early) {
        former = instance->locked.waiting;
        instance->locked.waiting = exchange;
    }
    pthread_mutex_unlock(&function->lock);
    lambda_runtime_api_gone(former);
    if (gone) {
        lambda_runtime_api_gone(exchange);
    } else if (early) {
        answer(exchange, 403, "InvalidStateTransition",
               "the invocation in hand has not been answered");
    } else if (request_id[0] != '\0') {
        lambda_log_start(instance, request_id);
        http_reply_send(exchange);
    }
}

/* ---- taking an answer ---- */

static void error_body(struct http_exchange *exchange, struct upload *upload)
{
    if (upload->body.len > 0)
        return;
    const struct mr_slice type = http_header_get(exchange, "lambda-runtime-function-error-type");
    lambda_error_json(&upload->body, type.len > 0 ? type : MR_S("Unhandled"), MR_S(""));
}

static void settle_locked(struct lambda_instance *instance, enum invocation_state state,
                          struct upload *upload)
{
    struct lambda_function *function = instance->function;
    struct lambda_invocation *invocation = instance->locked.current;
    invocation->locked.state = state;
    invocation->locked.ended_us = mr_monotonic_us();
    if (upload->instance == NULL || state != INVOCATION_ANSWERED) {
        mr_buf_fini(&invocation->locked.reply);
        invocation->locked.reply = upload->body;
        upload->body = (struct mr_buf){0};
    }
    instance->locked.current = NULL;
    pthread_cond_signal(&invocation->changed);
    if (instance->locked.state == INSTANCE_DEAD)
        return; /* it was retired while its answer was on the way */
    const bool old = !lambda_function_runs_locked(function, instance->config);
    if (instance->locked.state == INSTANCE_STARTING || old)
        lambda_instance_retire_locked(instance);
    else
        lambda_instance_set_state_locked(instance, INSTANCE_IDLE);
}

static void result(struct http_exchange *exchange, struct lambda_instance *instance,
                   struct mr_slice id, bool failed)
{
    struct lambda_function *function = instance->function;
    struct upload *upload = exchange->user;
    const bool too_large = upload->too_large;
    const bool cut_off = exchange->body_failed && !too_large;
    if (failed)
        error_body(exchange, upload);
    pthread_mutex_lock(&function->lock);
    const struct lambda_invocation *invocation = instance->locked.current;
    const bool known = invocation != NULL && !cut_off &&
                       invocation->locked.state == INVOCATION_DELIVERED &&
                       mr_slice_equal(id, mr_slice_cstr(invocation->request_id));
    if (known)
        settle_locked(instance,
                      too_large ? INVOCATION_TOO_LARGE
                      : failed  ? INVOCATION_FAILED
                                : INVOCATION_ANSWERED,
                      upload);
    pthread_mutex_unlock(&function->lock);
    if (cut_off)
        answer(exchange, 400, "InvalidRequest", "the body did not arrive");
    else if (!known)
        answer(exchange, 400, "InvalidRequestID", "the invocation is not in hand");
    else if (too_large)
        answer(exchange, 413, "RequestEntityTooLarge",
               "Exceeded maximum allowed payload size (6291556 bytes).");
    else
        answer(exchange, 202, NULL, NULL);
}

static void init_error(struct http_exchange *exchange, struct lambda_instance *instance)
{
    struct lambda_function *function = instance->function;
    struct upload *upload = exchange->user;
    error_body(exchange, upload);
    pthread_mutex_lock(&function->lock);
    const bool starting = instance->locked.state == INSTANCE_STARTING;
    if (starting && instance->locked.current != NULL)
        settle_locked(instance, INVOCATION_FAILED, upload);
    pthread_mutex_unlock(&function->lock);
    if (starting)
        answer(exchange, 202, NULL, NULL);
    else
        answer(exchange, 403, "InvalidStateTransition", "the process has initialised");
}

/* ---- the handler ---- */

/* "invocation/<id>/<action>" behind the base. */
static bool parse_result(struct mr_slice path, struct mr_slice *ret_id, bool *ret_failed)
{
    struct mr_slice part, id, action;
    if (!mr_slice_split(&path, '/', &part) || !mr_slice_equal(part, MR_S("invocation")) ||
        !mr_slice_split(&path, '/', &id) || !mr_slice_split(&path, '/', &action) ||
        path.ptr != NULL)
        return false;
    *ret_id = id;
    *ret_failed = mr_slice_equal(action, MR_S("error"));
    return *ret_failed || mr_slice_equal(action, MR_S("response"));
}

static enum mr_status take_part(struct upload *upload, struct mr_slice data)
{
    struct lambda_function *function = upload->instance->function;
    pthread_mutex_lock(&function->lock);
    struct lambda_invocation *invocation = upload->instance->locked.current;
    if (invocation != NULL && invocation->locked.state == INVOCATION_DELIVERED &&
        mr_slice_equal(upload->id, mr_slice_cstr(invocation->request_id))) {
        upload->too_large = data.len > upload->bytes_max - invocation->locked.reply.len;
        if (!upload->too_large)
            mr_buf_append(&invocation->locked.reply, data);
        pthread_cond_signal(&invocation->changed);
    }
    pthread_mutex_unlock(&function->lock);
    return upload->too_large ? MR_FULL : MR_OK;
}

static enum mr_status take_in(void *ctx, struct mr_slice data)
{
    struct upload *upload = ctx;
    if (upload->instance != NULL)
        return take_part(upload, data);
    if (data.len > upload->bytes_max - upload->body.len) {
        upload->too_large = true;
        return MR_FULL;
    }
    mr_buf_append(&upload->body, data);
    return MR_OK;
}

/* Notes that the answer of the invocation in hand is a stream, and of what. */
static void begin_stream(struct http_exchange *exchange, struct upload *upload)
{
    struct lambda_instance *instance = exchange->listener_ctx;
    struct mr_slice path = mr_slice_sub(exchange->path, base.len, SIZE_MAX);
    bool failed;
    if (!mr_slice_equal(http_header_get(exchange, "lambda-runtime-function-response-mode"),
                        MR_S("streaming")) ||
        !mr_slice_starts_with(exchange->path, base) || !parse_result(path, &upload->id, &failed) ||
        failed)
        return;
    upload->instance = instance;
    pthread_mutex_lock(&instance->function->lock);
    struct lambda_invocation *invocation = instance->locked.current;
    if (invocation != NULL && invocation->locked.state == INVOCATION_DELIVERED &&
        mr_slice_equal(upload->id, mr_slice_cstr(invocation->request_id))) {
        invocation->locked.streamed = true;
        (void)snprintf(invocation->locked.content_type, sizeof invocation->locked.content_type,
                       "%.*s", MR_ARG(http_header_get(exchange, "content-type")));
    }
    pthread_mutex_unlock(&instance->function->lock);
}

static void on_headers(struct http_exchange *exchange)
{
    if (!mr_slice_equal(exchange->method, MR_S("POST")))
        return;
    struct upload *upload = MR_NEW(&exchange->arena, struct upload);
    upload->bytes_max = mr_slice_ends_with(exchange->path, MR_S("/error"))
                            ? (size_t)LAMBDA_ERROR_BYTES_MAX
                            : (size_t)LAMBDA_REPLY_BYTES_MAX;
    uint64_t length;
    if (mr_slice_to_u64(http_header_get(exchange, "content-length"), &length) == MR_OK &&
        length <= upload->bytes_max)
        (void)mr_buf_reserve(&upload->body, (size_t)length);
    exchange->user = upload;
    begin_stream(exchange, upload);
    http_exchange_stream_body(exchange, (struct http_sink){.on_data = take_in, .ctx = upload});
}

static void on_request(struct http_exchange *exchange)
{
    struct lambda_instance *instance = exchange->listener_ctx;
    const bool is_post = mr_slice_equal(exchange->method, MR_S("POST"));
    struct upload *upload = is_post ? exchange->user : NULL;
    struct mr_slice path = exchange->path, id;
    bool failed;
    if (mr_slice_starts_with(path, base))
        path = mr_slice_sub(path, base.len, SIZE_MAX);
    /* Answering may free the exchange and its arena, so the body is taken out first. */
    struct upload kept = {0};
    if (upload != NULL) {
        kept = *upload;
        exchange->user = &kept;
    }
    if (!is_post && mr_slice_equal(path, MR_S("invocation/next")))
        next(exchange, instance);
    else if (is_post && mr_slice_equal(path, MR_S("init/error")))
        init_error(exchange, instance);
    else if (is_post && parse_result(path, &id, &failed))
        result(exchange, instance, id, failed);
    else
        answer(exchange, 404, "NotFound", "the Runtime API has no such path");
    mr_buf_fini(&kept.body);
}

/* Its process went away while it waited for work. */
static void on_abort(struct http_exchange *exchange)
{
    struct lambda_instance *instance = exchange->listener_ctx;
    pthread_mutex_lock(&instance->function->lock);
    const bool ours = instance->locked.waiting == exchange;
    if (ours)
        instance->locked.waiting = NULL;
    pthread_mutex_unlock(&instance->function->lock);
    if (ours)
        lambda_runtime_api_gone(exchange);
}

const struct http_handler lambda_runtime_api = {
    .on_headers = on_headers,
    .on_request = on_request,
    .on_abort = on_abort,
};
