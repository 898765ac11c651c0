/* Calling a function: find or start a process, hand the event over, wait, tell what came of it.
 *
 * The time-out counts from the moment the process has the event; initialising has a limit of its
 * own. An event that no process ever took in is given to another one. */
#include "lambda/internal.h"
#include "base/clock.h"
#include "base/inject.h"
#include "base/point.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_US = 500, /* until it is looked again whether a process's output is in the log */
    MESSAGE_PARSE_MAX = 64 << 10,
};

void lambda_result_fini(struct lambda_result *result)
{
    mr_buf_fini(&result->reply);
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_us)
{
    const struct timespec until = mr_monotonic_timespec(until_us);
    (void)pthread_cond_timedwait(cond, lock, &until);
}

/* ---- getting an instance ---- */

enum acquired {
    ACQUIRED_WARM,  /* its process has initialised before */
    ACQUIRED_FRESH, /* to be started by the caller */
    ACQUIRED_NONE,  /* the result says why */
};

static enum acquired refuse(struct lambda_result *result, enum lambda_outcome outcome,
                            const char *message)
{
    result->outcome = outcome;
    (void)snprintf(result->message, sizeof result->message, "%s", message);
    return ACQUIRED_NONE;
}

/* One that already waits for work, else one that is about to. */
static struct lambda_instance *idle_locked(struct lambda_function *function,
                                           const struct lambda_config *config)
{
    struct lambda_instance *found = NULL;
    for (struct lambda_instance *instance = function->locked.instances; instance != NULL;
         instance = instance->locked.next) {
        if (instance->locked.state != INSTANCE_IDLE || instance->config != config)
            continue;
        if (found == NULL || instance->locked.waiting != NULL)
            found = instance;
    }
    return found;
}

/* Makes room for a process of another version. */
static void retire_idle_locked(struct lambda_function *function)
{
    for (struct lambda_instance *instance = function->locked.instances; instance != NULL;
         instance = instance->locked.next) {
        if (instance->locked.state == INSTANCE_IDLE) {
            lambda_instance_retire_locked(instance);
            return;
        }
    }
}

/* True when the function cannot take a call; the result says why. */
static bool is_closed_locked(struct lambda_function *function, int64_t version,
                             struct lambda_result *result)
{
    if (function->locked.deleted || lambda_function_config_locked(function, version) == NULL)
        refuse(result, LAMBDA_NO_FUNCTION, "the function was deleted");
    else if (atomic_load(&function->lambda->closing))
        refuse(result, LAMBDA_NOT_READY, "the server is stopping");
    else if (version == 0 && function->locked.state == FUNCTION_FAILED)
        refuse(result, LAMBDA_NOT_READY, function->locked.reason);
    else
        return false;
    return true;
}

static enum acquired acquire_locked(struct lambda_function *function,
                                    const struct lambda_call *call,
                                    struct lambda_invocation *invocation,
                                    struct lambda_result *result,
                                    struct lambda_instance **ret_instance)
{
    struct lambda *lambda = function->lambda;
    const int64_t begin_us = mr_monotonic_us();
    for (;;) {
        if (is_closed_locked(function, call->version, result))
            return ACQUIRED_NONE;
        struct lambda_config *config = lambda_function_config_locked(function, call->version);
        const bool open = atomic_load(&lambda->has_endpoint);
        const int64_t until_us = begin_us + (open ? LAMBDA_WAIT_MS : LAMBDA_OPEN_WAIT_MS) * 1000LL;
        const int64_t reserved = function->locked.record.reserved;
        const int64_t max = reserved >= 0
                                ? reserved
                                : LAMBDA_INSTANCES_MAX + lambda_provisioned_locked(function, NULL);
        const bool ready =
            open && (call->version != 0 || function->locked.state == FUNCTION_ACTIVE);
        struct lambda_instance *instance = ready && max > 0 ? idle_locked(function, config) : NULL;
        if (instance != NULL) {
            atomic_fetch_add(&instance->refs, 1);
            lambda_instance_set_state_locked(instance, INSTANCE_BUSY);
            instance->locked.current = invocation;
            *ret_instance = instance;
            return ACQUIRED_WARM;
        }
        if (ready && max > 0 && function->locked.instance_count >= max)
            retire_idle_locked(function);
        if (ready && function->locked.instance_count < max) {
            *ret_instance = lambda_instance_new_locked(function, config, invocation);
            if (*ret_instance != NULL)
                return ACQUIRED_FRESH;
        }
        const bool at_once = max == 0 || (reserved >= 0 && call->no_wait_if_reserved);
        if (!open && mr_monotonic_us() >= until_us)
            return refuse(result, LAMBDA_NOT_READY, "the server is starting");
        if ((ready && at_once) || mr_monotonic_us() >= until_us) {
            function->locked.throttles++;
            return refuse(result, LAMBDA_THROTTLED,
                          max == 0 ? "its reserved concurrency is 0"
                                   : "all its processes are busy");
        }
        wait_until(&function->freed, &function->lock, until_us);
    }
}

/* ---- handing over and waiting ---- */

/* For an instance that already asked for work. */
static void deliver(struct lambda_instance *instance, struct lambda_invocation *invocation)
{
    struct lambda_function *function = instance->function;
    pthread_mutex_lock(&function->lock);
    struct http_exchange *exchange =
        instance->locked.current == invocation ? instance->locked.waiting : NULL;
    if (exchange != NULL) {
        instance->locked.waiting = NULL;
        lambda_runtime_api_delivered_locked(instance);
    }
    pthread_mutex_unlock(&function->lock);
    if (exchange == NULL)
        return; /* it has not come back for work yet: the event goes with its next request */
    lambda_log_start(instance, invocation->request_id);
    lambda_runtime_api_fill(exchange, invocation);
    http_reply_send(exchange);
}

static bool is_pending_locked(const struct lambda_invocation *invocation)
{
    return invocation->locked.state == INVOCATION_ASSIGNED ||
           invocation->locked.state == INVOCATION_DELIVERED;
}

/* Gives the caller what the function has streamed so far. The lock is let go meanwhile. */
static void hand_on_locked(struct lambda_function *function, struct lambda_invocation *invocation)
{
    struct mr_buf part = invocation->locked.reply;
    invocation->locked.reply = (struct mr_buf){0};
    pthread_mutex_unlock(&function->lock);
    /* Set once, before the first part. */
    invocation->on_part(invocation->part_ctx, invocation->locked.content_type, mr_buf_slice(&part));
    mr_buf_fini(&part);
    pthread_mutex_lock(&function->lock);
}

/* True when there is an answer or the process ended; false when it took too long and was ended. */
static bool await(struct lambda_instance *instance, struct lambda_invocation *invocation)
{
    struct lambda_function *function = instance->function;
    const int64_t assigned_us = mr_monotonic_us();
    pthread_mutex_lock(&function->lock);
    for (;;) {
        const bool delivered = invocation->locked.state == INVOCATION_DELIVERED;
        const int64_t until_us =
            delivered ? invocation->locked.delivered_us + invocation->timeout_ms * 1000
                      : assigned_us + LAMBDA_INIT_MS * 1000LL;
        if (!is_pending_locked(invocation) || mr_monotonic_us() >= until_us)
            break;
        if (invocation->on_part != NULL && invocation->locked.reply.len > 0) {
            hand_on_locked(function, invocation);
            continue;
        }
        wait_until(&invocation->changed, &function->lock, until_us);
    }
    const bool ended = !is_pending_locked(invocation);
    if (!ended) {
        instance->locked.current = NULL;
        invocation->locked.ended_us = mr_monotonic_us();
        if (instance->locked.state != INSTANCE_DEAD)
            lambda_instance_retire_locked(instance);
    }
    pthread_mutex_unlock(&function->lock);
    return ended;
}

/* What the function wrote before it answered may still be in its pipe. What it writes from now on
 * is not waited for: it may go on for ever. */
static void wait_for_output(struct lambda_instance *instance, struct lambda_invocation *invocation)
{
    struct lambda_function *function = instance->function;
    const struct runtime_output output = lambda_instance_output(instance);
    while (!lambda_instance_was_heard(instance, &output)) {
        pthread_mutex_lock(&function->lock);
        wait_until(&invocation->changed, &function->lock, mr_monotonic_us() + LOOK_US);
        pthread_mutex_unlock(&function->lock);
    }
    pthread_mutex_lock(&function->lock);
    if (instance->locked.talking == invocation)
        instance->locked.talking = NULL;
    pthread_mutex_unlock(&function->lock);
}

/* ---- what came of it ---- */

static void note_error(struct lambda_function *function, const char *message, bool timed_out)
{
    pthread_mutex_lock(&function->lock);
    function->locked.errors++;
    function->locked.timeouts += timed_out;
    (void)snprintf(function->locked.last_error, sizeof function->locked.last_error, "%s", message);
    pthread_mutex_unlock(&function->lock);
}

/* For people: "ValueError: boom" of an error object. */
static void describe(struct mr_arena *arena, struct lambda_result *result)
{
    yyjson_val *error = result->reply.len > MESSAGE_PARSE_MAX
                            ? NULL
                            : mr_json_parse(arena, mr_buf_slice(&result->reply), 64);
    const struct mr_slice type = mr_json_get_text(error, "errorType");
    const struct mr_slice text = mr_json_get_text(error, "errorMessage");
    (void)snprintf(result->message, sizeof result->message, "%.*s: %.*s", (int)type.len,
                   type.len > 0 ? type.ptr : "", (int)text.len, text.len > 0 ? text.ptr : "");
}

static void fail(struct lambda_result *result, struct mr_slice type, struct mr_slice message)
{
    mr_buf_reset(&result->reply);
    lambda_error_json(&result->reply, type, message);
}

static void fail_timed_out(struct mr_arena *arena, const struct lambda_invocation *invocation,
                           struct lambda_result *result)
{
    const int64_t limit_ms =
        invocation->locked.delivered_us != 0 ? invocation->timeout_ms : LAMBDA_INIT_MS;
    result->timed_out = true;
    fail(result, MR_S("Sandbox.Timedout"),
         mr_arena_printf(arena, "RequestId: %s Error: Task timed out after %.2f seconds",
                         invocation->request_id, (double)limit_ms / 1000));
}

static void fill_result(struct mr_arena *arena, struct lambda_invocation *invocation, bool ended,
                        struct lambda_result *result)
{
    result->outcome = LAMBDA_FUNCTION_ERROR;
    result->streamed = invocation->locked.streamed;
    memcpy(result->content_type, invocation->locked.content_type, sizeof result->content_type);
    if (!ended) {
        fail_timed_out(arena, invocation, result);
        return;
    }
    switch (invocation->locked.state) {
    case INVOCATION_ANSWERED: result->outcome = LAMBDA_OK; /* fall through */
    case INVOCATION_FAILED:
        result->reply = invocation->locked.reply;
        invocation->locked.reply = (struct mr_buf){0};
        break;
    case INVOCATION_TOO_LARGE:
        fail(result, MR_S("Function.ResponseSizeTooLarge"),
             MR_S("Response payload size exceeded maximum allowed payload size (6291556 bytes)."));
        break;
    default:
        fail(result, MR_S("Runtime.ExitError"),
             mr_arena_printf(arena, "RequestId: %s Error: %.*s", invocation->request_id,
                             MR_ARG(lambda_exit_text(arena, invocation->locked.exit_status))));
    }
}

/* The lines behind the function's own. */
static void log_end(struct mr_arena *arena, struct lambda_instance *instance,
                    struct lambda_invocation *invocation, const struct lambda_result *result)
{
    const int64_t begin_us = invocation->locked.delivered_us;
    struct lambda_report report = {
        .request_id = invocation->request_id,
        .duration_us = begin_us == 0 ? 0 : invocation->locked.ended_us - begin_us,
        .memory_mb = instance->config->memory_mb,
        .used_mb = (lambda_instance_used_kb(instance) + 1023) / 1024,
        .timed_out = result->timed_out,
        .failed = result->outcome != LAMBDA_OK,
        .trace = invocation->trace.sampled ? &invocation->trace : NULL,
    };
    pthread_mutex_lock(&instance->function->lock);
    report.init_us = instance->locked.init_us;
    instance->locked.init_us = 0;
    pthread_mutex_unlock(&instance->function->lock);
    lambda_meter(instance->function, LAMBDA_DURATION,
                 report.duration_us > 0 ? (uint64_t)report.duration_us : 0);
    const struct mr_slice lines =
        lambda_platform_end(arena, instance->function->lambda, instance->config, &report);
    if (lines.len == 0)
        return;
    if (invocation->want_tail)
        lambda_tail_line(&invocation->locked.tail, lines);
    lambda_instance_log_end(instance, lines);
}

static void finish(struct lambda_instance *instance, struct lambda_invocation *invocation,
                   bool ended, struct lambda_result *result)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    if (invocation->want_tail || invocation->want_output)
        wait_for_output(instance, invocation);
    const bool answered = ended && invocation->locked.state != INVOCATION_LOST;
    if (!answered && atomic_load(&instance->function->lambda->closing)) {
        /* We ended the process: that tells nothing about the event. */
        refuse(result, LAMBDA_NOT_READY, "the server is stopping");
        mr_arena_fini(&arena);
        return;
    }
    fill_result(&arena, invocation, ended, result);
    log_end(&arena, instance, invocation, result);
    if (result->outcome != LAMBDA_OK) {
        describe(&arena, result);
        note_error(instance->function, result->message, result->timed_out);
    }
    mr_arena_fini(&arena);
}

/* ---- one attempt ---- */

/* What could not be started. MR_AGAIN: try once more. */
static enum mr_status start_failed(struct lambda_instance *instance, enum mr_status status,
                                   const char *message, struct lambda_result *result)
{
    struct lambda_function *function = instance->function;
    if (status == MR_FULL) {
        refuse(result, LAMBDA_THROTTLED, "too many processes run");
        return MR_OK;
    }
    if (status != MR_INVALID)
        return status;
    refuse(result, LAMBDA_NOT_READY, message);
    pthread_mutex_lock(&function->lock);
    const bool latest = instance->config == function->locked.record.config;
    const bool current = latest && function->locked.state == FUNCTION_ACTIVE;
    const bool version = !latest && lambda_function_runs_locked(function, instance->config);
    if (current)
        lambda_function_set_state_locked(function, FUNCTION_FAILED,
                                         "FunctionError.InvalidEntryPoint", message);
    pthread_mutex_unlock(&function->lock);
    return current || version ? MR_OK : MR_AGAIN; /* it was changed, or another call found it out */
}

/* MR_AGAIN: the event reached no process; try once more. */
static enum mr_status attempt(struct lambda_function *function, const struct lambda_call *call,
                              struct lambda_invocation *invocation, struct lambda_result *result)
{
    struct lambda_instance *instance = NULL;
    pthread_mutex_lock(&function->lock);
    invocation->locked.state = INVOCATION_ASSIGNED;
    invocation->locked.delivered_us = 0;
    const enum acquired acquired = acquire_locked(function, call, invocation, result, &instance);
    if (acquired != ACQUIRED_NONE)
        invocation->timeout_ms = instance->config->timeout_ms;
    pthread_mutex_unlock(&function->lock);
    if (acquired == ACQUIRED_NONE)
        return MR_OK;
    enum mr_status status = MR_OK;
    char message[256] = "";
    if (acquired == ACQUIRED_FRESH)
        status = lambda_instance_start(instance, message);
    else
        deliver(instance, invocation);
    if (status != MR_OK) {
        status = start_failed(instance, status, message, result);
    } else {
        const bool ended = await(instance, invocation);
        const bool untouched =
            invocation->locked.state == INVOCATION_LOST && invocation->locked.delivered_us == 0;
        if (untouched && acquired == ACQUIRED_WARM)
            status = MR_AGAIN;
        else
            finish(instance, invocation, ended, result);
    }
    lambda_instance_unref(instance);
    return status;
}

static void invocation_init(struct lambda_invocation *invocation, struct lambda_function *function,
                            const struct lambda_call *call)
{
    *invocation = (struct lambda_invocation){
        .event = call->event,
        .client_context = call->client_context,
        .want_tail = call->want_tail,
        .want_output = call->want_output,
        .on_part = call->on_part,
        .part_ctx = call->part_ctx,
        .arn = mr_slice_cstr(function->arn),
    };
    if (call->request_id != NULL)
        (void)snprintf(invocation->request_id, sizeof invocation->request_id, "%s",
                       call->request_id);
    else
        mr_rng_uuid(function->lambda->options.rng, invocation->request_id);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&invocation->changed, &attr);
    pthread_condattr_destroy(&attr);
}

static bool is_traced(struct lambda_function *function, int64_t version)
{
    pthread_mutex_lock(&function->lock);
    const struct lambda_config *config = lambda_function_config_locked(function, version);
    const bool traced = config != NULL && config->traced;
    pthread_mutex_unlock(&function->lock);
    return traced;
}

static enum mr_status invoke_once(struct lambda_function *function, const struct lambda_call *call,
                                  struct lambda_result *ret_result, struct lambda_tail *ret_tail)
{
    struct mr_arena arena;
    struct lambda_invocation *invocation = mr_calloc(1, sizeof *invocation);
    mr_arena_init(&arena);
    *ret_result = (struct lambda_result){.version = call->version};
    invocation_init(invocation, function, call);
    if (call->qualifier.len > 0)
        invocation->arn =
            mr_arena_printf(&arena, "%s:%.*s", function->arn, MR_ARG(call->qualifier));
    memcpy(ret_result->request_id, invocation->request_id, sizeof ret_result->request_id);
    pthread_mutex_lock(&function->lock);
    function->locked.invocations++;
    pthread_mutex_unlock(&function->lock);
    lambda_meter_begin(function);
    enum mr_status status = MR_AGAIN;
    lambda_trace_make(&invocation->trace, function, call->trace, is_traced(function, call->version),
                      mr_clock_now(&mr_clock_system));
    for (int i = 0; status == MR_AGAIN && i < LAMBDA_DELIVERY_TRIES; i++)
        status = attempt(function, call, invocation, ret_result);
    if (status == MR_AGAIN) {
        refuse(ret_result, LAMBDA_THROTTLED, "its processes end before they take the event");
        status = MR_OK;
    }
    lambda_meter_end(function, ret_result->outcome);
    if (ret_tail != NULL)
        *ret_tail = invocation->locked.tail;
    mr_buf_fini(&invocation->locked.reply);
    pthread_cond_destroy(&invocation->changed);
    mr_arena_fini(&arena);
    free(invocation);
    return status;
}

/* ---- injected failures (base/inject.h) ---- */

enum {
    INJECTED = MR_INJECT_BIT(MR_INJECT_FUNCTION_ERROR) | MR_INJECT_BIT(MR_INJECT_FUNCTION_CRASH) |
               MR_INJECT_BIT(MR_INJECT_FUNCTION_HANG) | MR_INJECT_BIT(MR_INJECT_FUNCTION_WRONG) |
               MR_INJECT_BIT(MR_INJECT_FUNCTION_TWICE),
};

/* What a function that failed so would have answered. */
static void answer_for(const struct mr_injection *injection, struct lambda_result *result)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    result->outcome = LAMBDA_FUNCTION_ERROR;
    switch (injection->kind) {
    case MR_INJECT_FUNCTION_ERROR:
        fail(result, MR_S("Exception"),
             injection->message[0] == '\0' ? MR_S("an injected failure")
                                           : mr_slice_cstr(injection->message));
        break;
    case MR_INJECT_FUNCTION_CRASH:
        fail(result, MR_S("Runtime.ExitError"),
             mr_arena_printf(&arena,
                             "RequestId: %s Error: Runtime exited with error: exit status 1",
                             result->request_id));
        break;
    case MR_INJECT_FUNCTION_HANG:
        mr_inject_linger(injection->delay_ms);
        result->timed_out = true;
        fail(result, MR_S("Sandbox.Timedout"),
             mr_arena_printf(&arena, "RequestId: %s Error: Task timed out after %.2f seconds",
                             result->request_id, (double)injection->delay_ms / 1000));
        break;
    default:
        result->outcome = LAMBDA_OK;
        mr_buf_reset(&result->reply);
        mr_buf_append(&result->reply, MR_S("null"));
        break;
    }
    mr_arena_fini(&arena);
}

enum mr_status lambda_function_invoke(struct lambda_function *function,
                                      const struct lambda_call *call,
                                      struct lambda_result *ret_result,
                                      struct lambda_tail *ret_tail)
{
    struct mr_injection injection;
    if (!mr_inject_strikes("lambda", MR_S("Invoke"), mr_slice_cstr(function->name), INJECTED,
                           &injection))
        return invoke_once(function, call, ret_result, ret_tail);
    /* It runs: what it did is done, and its answer is lost. */
    enum mr_status status = invoke_once(function, call, ret_result, ret_tail);
    if (status != MR_OK || ret_result->outcome != LAMBDA_OK)
        return status;
    if (injection.kind == MR_INJECT_FUNCTION_TWICE) {
        lambda_result_fini(ret_result);
        return invoke_once(function, call, ret_result, NULL);
    }
    answer_for(&injection, ret_result);
    return MR_OK;
}

/* ---- what other services call ---- */

/* NULL: there is none, or none of that version or alias. */
static struct lambda_function *find(struct lambda *lambda, struct mr_slice name_or_arn,
                                    struct lambda_call *ret_call)
{
    struct mr_slice name;
    lambda_name_split(name_or_arn, &name, &ret_call->qualifier);
    struct lambda_function *function = lambda_function_find(lambda, name);
    if (function == NULL)
        return NULL;
    struct lambda_record record;
    lambda_function_record(function, &record);
    const enum mr_status status =
        lambda_record_resolve(lambda, &record, ret_call->qualifier, &ret_call->version);
    lambda_record_fini(&record);
    if (status == MR_OK)
        return function;
    lambda_function_unref(function);
    return NULL;
}

enum mr_status lambda_invoke(struct lambda *lambda, struct mr_slice name_or_arn,
                             struct mr_slice event, struct lambda_result *ret_result)
{
    struct lambda_call call = {.event = event};
    struct lambda_function *function = find(lambda, name_or_arn, &call);
    if (function == NULL) {
        *ret_result = (struct lambda_result){.outcome = LAMBDA_NO_FUNCTION};
        (void)snprintf(ret_result->message, sizeof ret_result->message, "function not found: %.*s",
                       MR_ARG(name_or_arn));
        return MR_OK;
    }
    struct mr_injection injection;
    if (mr_inject_strikes("lambda", MR_S("Invoke"), mr_slice_cstr(function->name),
                          MR_INJECT_BIT(MR_INJECT_ERROR), &injection)) {
        *ret_result = (struct lambda_result){0};
        refuse(ret_result, LAMBDA_THROTTLED, injection.message);
        lambda_function_unref(function);
        return MR_OK;
    }
    if (mr_inject_strikes("lambda", MR_S("Invoke"), mr_slice_cstr(function->name),
                          MR_INJECT_BIT(MR_INJECT_SLOW), &injection))
        mr_inject_linger(injection.delay_ms);
    mr_point(MR_POINT_LAMBDA_INVOKE);
    const enum mr_status status = lambda_function_invoke(function, &call, ret_result, NULL);
    mr_point(MR_POINT_LAMBDA_ANSWERED);
    lambda_function_unref(function);
    return status;
}

enum mr_status lambda_invoke_later(struct lambda *lambda, struct mr_slice name_or_arn,
                                   struct mr_slice event)
{
    struct lambda_call call = {.event = event};
    char id[LAMBDA_ID_TEXT];
    if (event.len > LAMBDA_EVENT_BYTES_MAX)
        return MR_INVALID;
    struct lambda_function *function = find(lambda, name_or_arn, &call);
    if (function == NULL)
        return MR_NOT_FOUND;
    mr_rng_uuid(lambda->options.rng, id);
    const enum mr_status status =
        lambda_events_add(function, mr_slice_make(id, sizeof id - 1), &call);
    lambda_function_unref(function);
    return status;
}

bool lambda_exists(struct lambda *lambda, struct mr_slice name_or_arn)
{
    struct lambda_call call = {0};
    struct lambda_function *function = find(lambda, name_or_arn, &call);
    lambda_function_unref(function);
    return function != NULL;
}
