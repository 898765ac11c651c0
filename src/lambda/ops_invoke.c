/* The wire: Invoke. */
#include "lambda/internal.h"
#include "base/codec.h"
#include "base/log.h"

static const struct protocol_fault not_json = {"InvalidRequestContentException", 400, false};
static const struct protocol_fault too_large = {"RequestTooLargeException", 413, false};
static const struct protocol_fault throttled = {"TooManyRequestsException", 429, false};

enum { EVENT_DEPTH_MAX = 500, CONTEXT_BYTES_MAX = 3583 };

/* ---- the request ---- */

static bool check_size(struct protocol_call *call, int64_t bytes_max)
{
    if ((int64_t)call->payload.len <= bytes_max)
        return true;
    protocol_fail(call, &too_large,
                  "Request must be smaller than %lld bytes for the InvokeFunction operation",
                  (long long)bytes_max);
    return false;
}

/* The event; an empty body is an empty object. */
static bool take_event(struct protocol_call *call, struct mr_slice *ret_event)
{
    *ret_event = call->payload;
    if (call->payload.len == 0) {
        *ret_event = MR_S("{}");
        return true;
    }
    struct mr_arena arena;
    mr_arena_init(&arena);
    const bool valid = mr_json_parse(&arena, call->payload, EVENT_DEPTH_MAX) != NULL;
    mr_arena_fini(&arena);
    if (!valid)
        protocol_fail(call, &not_json,
                      "Could not parse request body into json: Could not parse payload into json: "
                      "it is not a JSON text in UTF-8");
    return valid;
}

/* The client context is base64 of a JSON object, which the process gets as one header line. */
static bool take_context(struct protocol_call *call, struct mr_slice *ret_context)
{
    const struct mr_slice text = mr_json_get_text(call->in, "ClientContext");
    struct mr_slice json = {0};
    bool valid = text.len == 0 || mr_base64_decode(call->arena, text, &json) == MR_OK;
    yyjson_val *doc = text.len == 0 || !valid ? NULL : mr_json_parse(call->arena, json, 64);
    if (text.len > 0 && (!yyjson_is_obj(doc) || json.len > CONTEXT_BYTES_MAX))
        valid = false;
    if (!valid) {
        protocol_fail(call, &not_json,
                      "Client context must be a valid Base64-encoded JSON object.");
        return false;
    }
    if (doc == NULL)
        return true;
    struct mr_buf line = {0}; /* written again, so that no line end is in it */
    struct mr_json out = mr_json_make(&line);
    mr_json_value(&out, doc);
    *ret_context = mr_arena_copy(call->arena, mr_buf_slice(&line));
    mr_buf_fini(&line);
    return true;
}

/* ---- the reply ---- */

static void reply_throttled(struct protocol_call *call, const char *reason)
{
    protocol_fail(call, &throttled, "Rate Exceeded.");
    protocol_fail_member(call, "Reason", mr_slice_cstr(reason));
    protocol_reply_header(call, MR_S("retry-after"), MR_S("1"));
}

static void reply_outcome(struct protocol_call *call, struct lambda_function *function,
                          const struct lambda_result *result)
{
    switch (result->outcome) {
    case LAMBDA_FUNCTION_ERROR: mr_json_key_cstr(&call->out, "FunctionError", "Unhandled");
    /* fall through */
    case LAMBDA_OK:
        mr_json_key_int(&call->out, "StatusCode", 200);
        mr_json_key_string(&call->out, "ExecutedVersion",
                           result->version == 0
                               ? MR_S("$LATEST")
                               : mr_arena_printf(call->arena, "%lld", (long long)result->version));
        protocol_reply_payload(call, mr_arena_copy(call->arena, mr_buf_slice(&result->reply)));
        break;
    case LAMBDA_NO_FUNCTION:
        protocol_fail(call, &lambda_not_found, "Function not found: %s:$LATEST", function->arn);
        break;
    case LAMBDA_NOT_READY:
        protocol_fail(call, &lambda_conflict,
                      "The operation cannot be performed at this time. The function is currently "
                      "in the following state: Failed (%s)",
                      result->message);
        break;
    case LAMBDA_THROTTLED:
        reply_throttled(call, "\"ReservedFunctionConcurrentInvocationLimitExceeded\"");
        break;
    }
}

static void run_now(struct protocol_call *call, struct lambda_function *function,
                    const struct lambda_call *what)
{
    struct lambda_result result;
    struct lambda_tail *tail = what->want_tail ? MR_NEW(call->arena, struct lambda_tail) : NULL;
    const enum mr_status status = lambda_function_invoke(function, what, &result, tail);
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        reply_outcome(call, function, &result);
    if (tail != NULL && !protocol_failed(call))
        mr_json_key_string(&call->out, "LogResult",
                           mr_base64(call->arena, lambda_tail_text(call->arena, tail)));
    lambda_result_fini(&result);
}

static void run_later(struct protocol_call *call, struct lambda_function *function,
                      const struct lambda_call *what)
{
    const enum mr_status status = lambda_events_add(function, call->request_id, what);
    if (status == MR_FULL)
        reply_throttled(call, "\"CallerRateLimitExceeded\"");
    protocol_fail_internal(call, status);
    mr_json_key_int(&call->out,
                    strcmp(call->operation_name, "Invoke") == 0 ? "StatusCode" : "Status", 202);
    call->status = 202;
}

/* What the request asks for; false with the fault set. */
static bool prepare(struct protocol_call *call, struct lambda_function *function, int64_t bytes_max,
                    struct lambda_call *what)
{
    char id[LAMBDA_ID_TEXT];
    mr_rng_uuid(function->lambda->options.rng, id);
    if (call->request_id.ptr == NULL) /* AWS: the request's id is the invocation's */
        call->request_id = mr_arena_copy(call->arena, mr_slice_make(id, sizeof id - 1));
    *what = (struct lambda_call){
        .request_id = mr_arena_cstr(call->arena, call->request_id),
        .want_tail = mr_slice_equal(mr_json_get_text(call->in, "LogType"), MR_S("Tail")),
        .qualifier = lambda_ops_qualifier(call),
        .no_wait_if_reserved = true,
    };
    if (call->exchange != NULL)
        what->trace = http_header_get(call->exchange, "x-amzn-trace-id");
    struct lambda_record record;
    lambda_function_record(function, &record);
    if (lambda_record_resolve(call->service, &record, what->qualifier, &what->version) != MR_OK)
        protocol_fail(call, &lambda_not_found, "Function not found: %s:%.*s", function->arn,
                      MR_ARG(what->qualifier));
    lambda_record_fini(&record);
    return !protocol_failed(call) && check_size(call, bytes_max) &&
           take_event(call, &what->event) && take_context(call, &what->client_context);
}

static void invoke_function(struct protocol_call *call, struct lambda_function *function,
                            bool is_busy)
{
    const struct mr_slice type = mr_json_get_text(call->in, "InvocationType");
    const bool later = mr_slice_equal(type, MR_S("Event"));
    struct lambda_call what;
    if (!prepare(call, function,
                 later ? (int64_t)LAMBDA_EVENT_BYTES_MAX : (int64_t)LAMBDA_REQUEST_BYTES_MAX,
                 &what))
        return;
    if (mr_slice_equal(type, MR_S("DryRun"))) {
        mr_json_key_int(&call->out, "StatusCode", 204);
        call->status = 204;
    } else if (later) {
        run_later(call, function, &what);
    } else if (is_busy) {
        reply_throttled(call, "\"ConcurrentInvocationLimitExceeded\"");
    } else {
        run_now(call, function, &what);
    }
}

/* Each call holds a worker until it is answered; the others serve everybody else. */
int64_t lambda_ops_count_call(struct lambda *lambda, int64_t change)
{
    pthread_mutex_lock(&lambda->pool_lock);
    lambda->pool.calls += change;
    const int64_t calls = lambda->pool.calls;
    if (calls == 0)
        pthread_cond_broadcast(&lambda->pool_changed);
    pthread_mutex_unlock(&lambda->pool_lock);
    return calls;
}

static void invoke(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    const bool is_busy = lambda_ops_count_call(lambda, 1) > LAMBDA_CALLS_MAX;
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL)
        invoke_function(call, function, is_busy);
    lambda_function_unref(function);
    (void)lambda_ops_count_call(lambda, -1);
}

/* ---- InvokeWithResponseStream ---- */

enum { CHUNK_BYTES = 64 << 10 };

struct streaming {
    struct lambda_function *function; /* counted */
    struct lambda_call what;
    struct mr_arena *arena;
    struct protocol_events *events;
};

static void send_part(void *ctx, const char *content_type, struct mr_slice bytes)
{
    const struct streaming *streaming = ctx;
    (void)content_type;
    while (bytes.len > 0) {
        const struct mr_slice chunk = mr_slice_sub(bytes, 0, CHUNK_BYTES);
        if (protocol_events_send_bytes(streaming->events, "PayloadChunk", chunk) != MR_OK)
            return; /* nobody listens any more; the function goes on, as on AWS */
        bytes = mr_slice_sub(bytes, chunk.len, SIZE_MAX);
    }
}

static void send_complete(struct streaming *streaming, const struct lambda_result *result,
                          const struct lambda_tail *tail)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    if (result->outcome == LAMBDA_FUNCTION_ERROR) {
        mr_json_key_cstr(&json, "ErrorCode", "Unhandled");
        mr_json_key_string(&json, "ErrorDetails", mr_buf_slice(&result->reply));
    }
    if (tail != NULL)
        mr_json_key_string(&json, "LogResult",
                           mr_base64(streaming->arena, lambda_tail_text(streaming->arena, tail)));
    mr_json_object_end(&json);
    if (protocol_events_send(streaming->events, "InvokeComplete", mr_buf_slice(&text)) != MR_OK)
        mr_log(MR_LOG_INFO, "lambda", "function %s: the reader of its stream has gone",
               streaming->function->name);
    mr_buf_fini(&text);
    protocol_events_end(streaming->events);
}

static void stream_answer(struct streaming *streaming, enum mr_status status,
                          const struct lambda_result *result, const struct lambda_tail *tail)
{
    static const struct protocol_fault service = {"ServiceException", 500, true};
    if (status != MR_OK || result->outcome == LAMBDA_NOT_READY ||
        result->outcome == LAMBDA_NO_FUNCTION) {
        protocol_events_fail(streaming->events, &service, mr_slice_cstr(result->message));
        return;
    }
    if (result->outcome == LAMBDA_THROTTLED) {
        protocol_events_fail(streaming->events, &throttled, MR_S("Rate Exceeded."));
        return;
    }
    if (result->outcome == LAMBDA_OK)
        send_part(streaming, result->content_type, mr_buf_slice(&result->reply));
    send_complete(streaming, result, tail);
}

static void stream_run(void *ctx, struct protocol_events *events)
{
    struct streaming *streaming = ctx;
    struct lambda *lambda = streaming->function->lambda;
    struct lambda_result result = {0};
    struct lambda_tail *tail =
        streaming->what.want_tail ? MR_NEW(streaming->arena, struct lambda_tail) : NULL;
    streaming->events = events;
    streaming->what.on_part = send_part;
    streaming->what.part_ctx = streaming;
    const enum mr_status status =
        lambda_function_invoke(streaming->function, &streaming->what, &result, tail);
    struct lambda_function *function = streaming->function;
    stream_answer(streaming, status, &result, tail); /* the arena may be gone behind it */
    lambda_result_fini(&result);
    lambda_function_unref(function);
    (void)lambda_ops_count_call(lambda, -1);
}

static bool begin_stream(struct protocol_call *call, struct lambda_function *function)
{
    struct streaming *streaming = MR_NEW(call->arena, struct streaming);
    *streaming = (struct streaming){.function = function, .arena = call->arena};
    if (!prepare(call, function, LAMBDA_REQUEST_BYTES_MAX, &streaming->what))
        return false;
    struct lambda_record record;
    lambda_function_record(function, &record);
    if (record.reserved == 0)
        reply_throttled(call, "\"ReservedFunctionConcurrentInvocationLimitExceeded\"");
    lambda_record_fini(&record);
    if (protocol_failed(call))
        return false;
    if (mr_slice_equal(mr_json_get_text(call->in, "InvocationType"), MR_S("DryRun"))) {
        call->status = 204;
        return false;
    }
    const int64_t version = streaming->what.version;
    protocol_reply_header(call, MR_S("x-amz-executed-version"),
                          version == 0 ? MR_S("$LATEST")
                                       : mr_arena_printf(call->arena, "%lld", (long long)version));
    return protocol_reply_events(call, stream_run, streaming) == MR_OK;
}

static void invoke_stream(struct protocol_call *call)
{
    struct lambda *lambda = call->service;
    const bool is_busy = lambda_ops_count_call(lambda, 1) > LAMBDA_CALLS_MAX;
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL && is_busy)
        reply_throttled(call, "\"ConcurrentInvocationLimitExceeded\"");
    if (function != NULL && !is_busy && begin_stream(call, function))
        return; /* stream_run goes on */
    lambda_function_unref(function);
    (void)lambda_ops_count_call(lambda, -1);
}

/* ---- InvokeAsync: as Invoke with Event; AWS has deprecated it ---- */

static void invoke_async(struct protocol_call *call)
{
    struct lambda_function *function = lambda_ops_find(call);
    struct lambda_call what;
    if (function != NULL && prepare(call, function, LAMBDA_EVENT_BYTES_MAX, &what))
        run_later(call, function, &what);
    lambda_function_unref(function);
}

const struct protocol_handler lambda_invoke_handlers[] = {
    {.operation = "Invoke", .run = invoke},
    {.operation = "InvokeWithResponseStream", .run = invoke_stream},
    {.operation = "InvokeAsync", .run = invoke_async},
};
const size_t lambda_invoke_handler_count = MR_COUNT(lambda_invoke_handlers);
