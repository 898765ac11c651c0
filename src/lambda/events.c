/* Asynchronous invocations: accepted durably, run later, tried again when the function fails.
 *
 * Stored: VIEW_META "lambda/event/<13 digits of epoch ms>-<request id>" =
 * {"function","version","qualifier","context","payload"}, deleted when the function answered or the
 * attempts are used up. A restart runs what is left again, so an event runs at least once; one
 * whose end cannot be stored, because its destination cannot, runs again later too. A destination
 * that is a function gets its event in the entry that deletes this one; an object in S3 is there
 * before. */
#include "lambda/internal.h"
#include "base/point.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    STAMP_BYTES = 14,
    RETRY_NOT_READY_MS = 1000, /* doubled for each end that could not be stored, so often: */
    RETRY_DOUBLED_MAX = 8,
    DOC_DEPTH_MAX = MR_JSON_DEPTH_MAX
};

struct event {
    struct event *next;
    char name[STAMP_BYTES + LAMBDA_ID_TEXT]; /* of its document */
    int64_t accepted_ms, due_ms;
    int attempts, ends; /* ends that could not be stored */
    bool running;
    struct lambda_events *events;
};

struct lambda_events {
    struct lambda *lambda;
    struct runtime_pump *pump;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct {
        struct event *first, **end; /* oldest first */
        int64_t count, running;
        bool closing;
    } locked;
};

static const char *request_id_of(const struct event *event)
{
    return event->name + STAMP_BYTES;
}

static void add_locked(struct lambda_events *events, struct event *event)
{
    *events->locked.end = event;
    events->locked.end = &event->next;
    events->locked.count++;
}

static void remove_locked(struct lambda_events *events, struct event *event)
{
    struct event **at = &events->locked.first;
    while (*at != event)
        at = &(*at)->next;
    *at = event->next;
    if (events->locked.end == &event->next)
        events->locked.end = at;
    events->locked.count--;
    free(event);
}

/* ---- running one ---- */

/* One attempt. All slices live in its arena. */
struct attempt {
    struct mr_arena arena;
    yyjson_val *doc;
    struct lambda_function *function; /* NULL: it is gone */
    struct lambda_result result;
    int64_t retries_max, age_ms_max;
    struct mr_slice on_success, on_failure; /* ARNs; empty: none */
};

static void read_config(struct attempt *attempt, const struct lambda_record *record)
{
    const struct mr_slice qualifier = mr_json_get_text(attempt->doc, "qualifier");
    yyjson_val *all =
        mr_json_parse(&attempt->arena, mr_slice_cstr(record->texts[LAMBDA_EVENT_CONFIGS]), 16);
    yyjson_val *config = mr_json_getn(all, qualifier.len > 0 ? qualifier : MR_S("$LATEST"));
    yyjson_val *destinations = mr_json_get(config, "DestinationConfig");
    attempt->retries_max =
        mr_json_get_i64(config, "MaximumRetryAttempts", LAMBDA_EVENT_ATTEMPTS - 1);
    attempt->age_ms_max =
        mr_json_get_i64(config, "MaximumEventAgeInSeconds", LAMBDA_EVENT_AGE_MS / 1000) * 1000;
    attempt->on_success = mr_json_get_text(mr_json_get(destinations, "OnSuccess"), "Destination");
    attempt->on_failure = mr_json_get_text(mr_json_get(destinations, "OnFailure"), "Destination");
}

static struct mr_slice payload_of(struct attempt *attempt)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *value = yyjson_obj_get(attempt->doc, "payload");
    if (value == NULL || yyjson_is_null(value))
        mr_json_null(&json);
    else
        mr_json_value(&json, value);
    const struct mr_slice text = mr_arena_copy(&attempt->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static enum mr_status call_function(struct event *event, struct attempt *attempt)
{
    struct lambda *lambda = event->events->lambda;
    struct mr_slice text;
    const enum mr_status status = store_doc_get(lambda->options.store, &attempt->arena, "lambda",
                                                "event", mr_slice_cstr(event->name), &text);
    if (status != MR_OK)
        return status;
    attempt->doc = mr_json_parse(&attempt->arena, text, DOC_DEPTH_MAX);
    attempt->function = lambda_function_find(lambda, mr_json_get_text(attempt->doc, "function"));
    if (attempt->function == NULL) {
        attempt->result.outcome = LAMBDA_NO_FUNCTION;
        return MR_OK;
    }
    const int64_t age_ms = store_now(lambda->options.store) - event->accepted_ms;
    lambda_meter(attempt->function, LAMBDA_ASYNC_AGE, age_ms > 0 ? (uint64_t)age_ms : 0);
    struct lambda_record record;
    lambda_function_record(attempt->function, &record);
    read_config(attempt, &record);
    lambda_record_fini(&record);
    const struct lambda_call call = {
        .event = payload_of(attempt),
        .client_context = mr_json_get_text(attempt->doc, "context"),
        .request_id = request_id_of(event),
        .qualifier = mr_json_get_text(attempt->doc, "qualifier"),
        .version = mr_json_get_i64(attempt->doc, "version", 0),
        .want_output = true, /* before the event is forgotten: the log is all that tells of it */
    };
    return lambda_function_invoke(attempt->function, &call, &attempt->result, NULL);
}

/* Is it over? Else due_ms says when it is tried again. `ret_condition`: as a destination is told.
 */
static bool is_done(struct event *event, enum mr_status status, const struct attempt *attempt,
                    const char **ret_condition)
{
    const struct lambda_result *result = &attempt->result;
    const int64_t now_ms = store_now(event->events->lambda->options.store);
    *ret_condition = "Success";
    if (status == MR_NOT_FOUND || (status == MR_OK && result->outcome == LAMBDA_OK))
        return true;
    if (status == MR_OK && result->outcome == LAMBDA_NO_FUNCTION)
        return true;
    const bool ran = status == MR_OK && result->outcome == LAMBDA_FUNCTION_ERROR;
    event->attempts += ran;
    event->due_ms = now_ms + (ran ? (int64_t)LAMBDA_EVENT_RETRY_MS << event->attempts
                                  : (int64_t)RETRY_NOT_READY_MS);
    /* AWS: an event that would be too old when its turn comes is given up now. */
    const bool old = event->due_ms - event->accepted_ms > attempt->age_ms_max;
    const bool over = event->attempts > attempt->retries_max;
    *ret_condition = over ? "RetriesExhausted" : "EventAgeExceeded";
    if (old || over)
        mr_log(MR_LOG_WARN, "lambda", "event %s is given up after %d attempts: %s",
               request_id_of(event), event->attempts, result->message);
    return old || over;
}

/* ---- destinations ---- */

static struct mr_slice version_text(struct mr_arena *arena, int64_t version)
{
    return version == 0 ? MR_S("$LATEST") : mr_arena_printf(arena, "%lld", (long long)version);
}

/* What a destination is told. */
static struct mr_slice tell(const struct event *event, struct attempt *attempt,
                            const char *condition, int64_t now_ms)
{
    const struct lambda_result *result = &attempt->result;
    const bool failed = result->outcome != LAMBDA_OK;
    const struct mr_slice version = version_text(&attempt->arena, result->version);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    char time[32];
    mr_json_object(&json);
    mr_json_key_cstr(&json, "version", "1.0");
    mr_json_key_string(&json, "timestamp", mr_date_iso8601(now_ms, time));
    mr_json_key(&json, "requestContext");
    mr_json_object(&json);
    mr_json_key_cstr(&json, "requestId", request_id_of(event));
    mr_json_key_string(
        &json, "functionArn",
        mr_arena_printf(&attempt->arena, "%s:%.*s", attempt->function->arn, MR_ARG(version)));
    mr_json_key_cstr(&json, "condition", condition);
    mr_json_key_int(&json, "approximateInvokeCount", event->attempts + !failed);
    mr_json_object_end(&json);
    mr_json_key_raw(&json, "requestPayload", payload_of(attempt));
    mr_json_key(&json, "responseContext");
    mr_json_object(&json);
    mr_json_key_int(&json, "statusCode", 200);
    mr_json_key_string(&json, "executedVersion", version);
    if (failed)
        mr_json_key_cstr(&json, "functionError", "Unhandled");
    mr_json_object_end(&json);
    yyjson_val *reply = mr_json_parse(&attempt->arena, mr_buf_slice(&result->reply), DOC_DEPTH_MAX);
    mr_json_key_value(&json, "responsePayload", reply);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(&attempt->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* MR_OK also when the bucket is gone: there is nobody to tell. */
static enum mr_status tell_bucket(const struct event *event, const struct attempt *attempt,
                                  struct mr_slice arn, struct mr_slice text, int64_t now_ms)
{
    struct lambda *lambda = event->events->lambda;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct mr_date date = mr_date_from_ms(now_ms);
    const struct mr_slice key = mr_arena_printf(
        &arena, "aws/lambda/async/%s/%04d/%02d/%02d/%04d-%02d-%02dT%02d.%02d.%02d-%s",
        attempt->function->name, date.year, date.month, date.day, date.year, date.month, date.day,
        date.hour, date.minute, date.second, request_id_of(event));
    enum mr_status status =
        s3_put(lambda->options.s3, lambda_bucket_of(arn), key, MR_S("application/json"), text);
    if (status == MR_NOT_FOUND) {
        mr_log(MR_LOG_WARN, "lambda", "event %s: its destination %.*s does not exist",
               request_id_of(event), MR_ARG(arn));
        status = MR_OK;
    }
    mr_arena_fini(&arena);
    return status;
}

static struct event *event_new(struct lambda_events *events, struct mr_slice name,
                               int64_t accepted_ms);
static struct event *put_event(struct lambda_events *events, struct store_entry *entry,
                               struct mr_slice function, struct mr_slice request_id,
                               const struct lambda_call *call);

/* The event of a function that is a destination, in the entry; NULL: there is no such function. */
static struct event *tell_function(const struct event *event, struct store_entry *entry,
                                   struct mr_slice arn, struct mr_slice text)
{
    struct lambda *lambda = event->events->lambda;
    struct lambda_call call = {.event = text};
    struct mr_slice name;
    char id[LAMBDA_ID_TEXT];
    mr_rng_uuid(lambda->options.rng, id);
    lambda_name_split(arn, &name, &call.qualifier);
    struct lambda_function *function = lambda_function_find(lambda, name);
    struct event *made = NULL;
    if (function != NULL) {
        struct lambda_record record;
        lambda_function_record(function, &record);
        if (lambda_record_resolve(lambda, &record, call.qualifier, &call.version) == MR_OK)
            made = put_event(event->events, entry, name, mr_slice_cstr(id), &call);
        lambda_record_fini(&record);
    }
    lambda_function_unref(function);
    if (made == NULL)
        mr_log(MR_LOG_WARN, "lambda", "event %s: its destination %.*s does not exist",
               request_id_of(event), MR_ARG(arn));
    return made;
}

/* Forgets an event that is over, and tells its destination. */
static enum mr_status finish(struct event *event, struct attempt *attempt, const char *condition,
                             struct event **ret_next)
{
    struct lambda *lambda = event->events->lambda;
    const int64_t now_ms = store_now(lambda->options.store);
    const bool ran = attempt->function != NULL;
    const struct mr_slice arn =
        !ran ? (struct mr_slice){0}
             : (attempt->result.outcome == LAMBDA_OK ? attempt->on_success : attempt->on_failure);
    struct store_entry entry = store_entry_make(&attempt->arena);
    enum mr_status status = MR_OK;
    if (arn.len > 0) {
        const struct mr_slice text = tell(event, attempt, condition, now_ms);
        if (lambda_bucket_of(arn).len > 0)
            status = tell_bucket(event, attempt, arn, text, now_ms);
        else
            *ret_next = tell_function(event, &entry, arn, text);
        lambda_meter(attempt->function, LAMBDA_DESTINATION_FAILURES, status != MR_OK);
    }
    store_doc_delete(&entry, "lambda", "event", mr_slice_cstr(event->name));
    int64_t ticket;
    mr_point(MR_POINT_LAMBDA_EVENT_END);
    if (status == MR_OK)
        status = store_commit(lambda->options.store, &entry, &ticket);
    mr_point(MR_POINT_LAMBDA_EVENT_ENDED);
    if (status == MR_OK) {
        if (attempt->function != NULL)
            lambda_meter(attempt->function, LAMBDA_ASYNC_DROPPED,
                         strcmp(condition, "Success") != 0);
        return status;
    }
    event->due_ms = now_ms + ((int64_t)RETRY_NOT_READY_MS << event->ends);
    event->ends += event->ends < RETRY_DOUBLED_MAX;
    mr_log(MR_LOG_WARN, "lambda", "event %s runs again: its end cannot be stored",
           request_id_of(event));
    return status;
}

static void run(void *arg)
{
    struct event *event = arg;
    struct lambda_events *events = event->events;
    struct attempt attempt = {0};
    struct event *next = NULL;
    const char *condition;
    mr_arena_init(&attempt.arena);
    const enum mr_status status = call_function(event, &attempt);
    bool done = is_done(event, status, &attempt, &condition);
    if (done && finish(event, &attempt, condition, &next) != MR_OK) {
        free(next);
        next = NULL;
        done = false;
    }
    lambda_result_fini(&attempt.result);
    lambda_function_unref(attempt.function);
    mr_arena_fini(&attempt.arena);
    pthread_mutex_lock(&events->lock);
    event->running = false;
    if (next != NULL)
        add_locked(events, next);
    if (done)
        remove_locked(events, event);
    events->locked.running--;
    if (events->locked.closing)
        pthread_cond_broadcast(&events->idle);
    else
        runtime_pump_wake(events->pump);
    pthread_mutex_unlock(&events->lock);
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct lambda_events *events = ctx;
    const int64_t now_ms = store_now(events->lambda->options.store);
    pthread_mutex_lock(&events->lock);
    for (struct event *event = events->locked.first;
         event != NULL && events->locked.running < LAMBDA_EVENTS_RUNNING; event = event->next) {
        if (event->running)
            continue;
        if (event->due_ms > now_ms) {
            if (event->due_ms < *ret_wake_ms)
                *ret_wake_ms = event->due_ms;
        } else if (runtime_submit(events->lambda->options.runtime, run, event) == MR_OK) {
            event->running = true;
            events->locked.running++;
        } else {
            *ret_wake_ms = now_ms + RETRY_NOT_READY_MS;
            break;
        }
    }
    pthread_mutex_unlock(&events->lock);
    return RUNTIME_PUMP_WAIT;
}

/* ---- accepting ---- */

static struct event *event_new(struct lambda_events *events, struct mr_slice name,
                               int64_t accepted_ms)
{
    struct event *event = mr_calloc(1, sizeof *event);
    event->events = events;
    event->accepted_ms = accepted_ms;
    (void)snprintf(event->name, sizeof event->name, "%.*s", MR_ARG(name));
    return event;
}

static struct event *put_event(struct lambda_events *events, struct store_entry *entry,
                               struct mr_slice function, struct mr_slice request_id,
                               const struct lambda_call *call)
{
    const int64_t now_ms = store_now(events->lambda->options.store);
    const struct mr_slice name =
        mr_arena_printf(entry->arena, "%013lld-%.*s", (long long)now_ms, MR_ARG(request_id));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "function", function);
    mr_json_key_int(&json, "version", call->version);
    mr_json_key_string(&json, "qualifier", call->qualifier);
    mr_json_key_string(&json, "context", call->client_context);
    mr_json_key_raw(&json, "payload", call->event);
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", "event", name, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return event_new(events, name, now_ms);
}

enum mr_status lambda_events_add(struct lambda_function *function, struct mr_slice request_id,
                                 const struct lambda_call *call)
{
    struct lambda_events *events = function->lambda->events;
    pthread_mutex_lock(&events->lock);
    const bool full = events->locked.count >= LAMBDA_EVENTS_MAX;
    pthread_mutex_unlock(&events->lock);
    if (full)
        return MR_FULL;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct event *event =
        put_event(events, &entry, mr_slice_cstr(function->name), request_id, call);
    mr_point(MR_POINT_LAMBDA_EVENT_STORE);
    const enum mr_status status = store_commit_wait(function->lambda->options.store, &entry);
    mr_point(MR_POINT_LAMBDA_EVENT_STORED);
    mr_arena_fini(&arena);
    if (status != MR_OK) {
        free(event);
        return status;
    }
    lambda_meter(function, LAMBDA_ASYNC_RECEIVED, 1);
    pthread_mutex_lock(&events->lock);
    add_locked(events, event);
    runtime_pump_wake(events->pump);
    pthread_mutex_unlock(&events->lock);
    return MR_OK;
}

/* ---- life ---- */

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct lambda_events *events = ctx;
    (void)json;
    int64_t accepted_ms = 0;
    if (mr_slice_to_i64(mr_slice_sub(name, 0, STAMP_BYTES - 1), &accepted_ms) != MR_OK ||
        name.len >= STAMP_BYTES + LAMBDA_ID_TEXT)
        return MR_RAISE(MR_FAIL_DATA, "an event has a damaged name '%.*s'", MR_ARG(name));
    add_locked(events, event_new(events, name, accepted_ms));
    return MR_OK;
}

enum mr_status lambda_events_open(struct lambda *lambda)
{
    struct lambda_events *events = mr_calloc(1, sizeof *events);
    lambda->events = events;
    events->lambda = lambda;
    events->locked.end = &events->locked.first;
    pthread_mutex_init(&events->lock, NULL);
    pthread_cond_init(&events->idle, NULL);
    const enum mr_status status =
        store_doc_each(lambda->options.store, "lambda", "event", MR_S(""), load_one, events);
    if (status != MR_OK)
        return status;
    pthread_mutex_lock(&events->lock); /* the step waits for it, so that the pump is stored */
    events->pump = runtime_pump_start(lambda->options.runtime, "lambda events", step, events);
    pthread_mutex_unlock(&events->lock);
    return MR_OK;
}

void lambda_events_close(struct lambda *lambda)
{
    struct lambda_events *events = lambda->events;
    if (events == NULL)
        return;
    pthread_mutex_lock(&events->lock);
    events->locked.closing = true;
    pthread_mutex_unlock(&events->lock);
    runtime_pump_stop(events->pump);
    pthread_mutex_lock(&events->lock);
    /* The processes are ended: what runs stops now, and stays for the next run. */
    while (events->locked.running > 0)
        pthread_cond_wait(&events->idle, &events->lock);
    while (events->locked.first != NULL)
        remove_locked(events, events->locked.first);
    pthread_mutex_unlock(&events->lock);
    pthread_cond_destroy(&events->idle);
    pthread_mutex_destroy(&events->lock);
    free(events);
    lambda->events = NULL;
}
