/* The wire: Invoke. */
#include "lambda/internal.h"
#include "base/codec.h"

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
    mr_json_key_int(&call->out, "StatusCode", 202);
    call->status = 202;
}

static void invoke_function(struct protocol_call *call, struct lambda_function *function,
                            bool is_busy)
{
    const struct mr_slice type = mr_json_get_text(call->in, "InvocationType");
    const bool later = mr_slice_equal(type, MR_S("Event"));
    char id[LAMBDA_ID_TEXT];
    mr_rng_uuid(function->lambda->options.rng, id);
    if (call->request_id.ptr == NULL) /* AWS: the request's id is the invocation's */
        call->request_id = mr_arena_copy(call->arena, mr_slice_make(id, sizeof id - 1));
    struct lambda_call what = {
        .request_id = mr_arena_cstr(call->arena, call->request_id),
        .want_tail = mr_slice_equal(mr_json_get_text(call->in, "LogType"), MR_S("Tail")),
        .qualifier = lambda_ops_qualifier(call),
        .no_wait_if_reserved = true,
    };
    if (call->exchange != NULL)
        what.trace = http_header_get(call->exchange, "x-amzn-trace-id");
    struct lambda_record record;
    lambda_function_record(function, &record);
    if (lambda_record_resolve(call->service, &record, what.qualifier, &what.version) != MR_OK)
        protocol_fail(call, &lambda_not_found, "Function not found: %s:%.*s", function->arn,
                      MR_ARG(what.qualifier));
    lambda_record_fini(&record);
    if (protocol_failed(call))
        return;
    if (!check_size(call,
                    later ? (int64_t)LAMBDA_EVENT_BYTES_MAX : (int64_t)LAMBDA_REQUEST_BYTES_MAX) ||
        !take_event(call, &what.event) || !take_context(call, &what.client_context))
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
static int64_t count_call(struct lambda *lambda, int64_t change)
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
    const bool is_busy = count_call(lambda, 1) > LAMBDA_CALLS_MAX;
    struct lambda_function *function = lambda_ops_find(call);
    if (function != NULL)
        invoke_function(call, function, is_busy);
    lambda_function_unref(function);
    (void)count_call(lambda, -1);
}

const struct protocol_handler lambda_invoke_handlers[] = {
    {.operation = "Invoke", .run = invoke},
};
const size_t lambda_invoke_handler_count = MR_COUNT(lambda_invoke_handlers);
