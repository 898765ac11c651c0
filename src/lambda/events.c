/* Asynchronous invocations: accepted durably, run later, tried again when the function fails.
 *
 * Stored: VIEW_META "lambda/event/<13 digits of epoch ms>-<request id>" =
 * {"function","context","payload"}, deleted when the function answered or the attempts are used up.
 * A restart runs what is left again, so an event runs at least once. */
#include "lambda/internal.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { STAMP_BYTES = 14, RETRY_NOT_READY_MS = 1000, DOC_DEPTH_MAX = MR_JSON_DEPTH_MAX };

struct event {
    struct event *next;
    char name[STAMP_BYTES + LAMBDA_ID_TEXT]; /* of its document */
    int64_t accepted_ms, due_ms;
    int attempts;
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

static enum mr_status call_function(struct event *event, struct mr_arena *arena,
                                    struct lambda_result *result)
{
    struct lambda *lambda = event->events->lambda;
    struct mr_slice text;
    enum mr_status status = store_doc_get(lambda->options.store, arena, "lambda", "event",
                                          mr_slice_cstr(event->name), &text);
    if (status != MR_OK)
        return status;
    yyjson_val *doc = mr_json_parse(arena, text, DOC_DEPTH_MAX);
    struct mr_buf payload = {0};
    struct mr_json json = mr_json_make(&payload);
    yyjson_val *value = yyjson_obj_get(doc, "payload");
    if (value == NULL || yyjson_is_null(value))
        mr_json_null(&json);
    else
        mr_json_value(&json, value);
    struct lambda_function *function =
        lambda_function_find(lambda, mr_json_get_text(doc, "function"));
    const struct lambda_call call = {
        .event = mr_buf_slice(&payload),
        .client_context = mr_json_get_text(doc, "context"),
        .request_id = request_id_of(event),
    };
    if (function == NULL)
        result->outcome = LAMBDA_NO_FUNCTION;
    else
        status = lambda_function_invoke(function, &call, result, NULL);
    lambda_function_unref(function);
    mr_buf_fini(&payload);
    return status;
}

/* Is it over? Else due_ms says when it is tried again. */
static bool is_done(struct event *event, enum mr_status status, const struct lambda_result *result)
{
    const int64_t now_ms = store_now(event->events->lambda->options.store);
    const bool old = now_ms - event->accepted_ms > LAMBDA_EVENT_AGE_MS;
    if (status == MR_NOT_FOUND || (status == MR_OK && result->outcome == LAMBDA_OK))
        return true;
    if (status == MR_OK && result->outcome == LAMBDA_FUNCTION_ERROR) {
        event->attempts++;
        event->due_ms = now_ms + ((int64_t)LAMBDA_EVENT_RETRY_MS << event->attempts);
    } else {
        event->due_ms = now_ms + RETRY_NOT_READY_MS;
    }
    const bool over = old || event->attempts >= LAMBDA_EVENT_ATTEMPTS ||
                      (status == MR_OK && result->outcome == LAMBDA_NO_FUNCTION);
    if (over)
        mr_log(MR_LOG_WARN, "lambda", "event %s is given up after %d attempts: %s",
               request_id_of(event), event->attempts, result->message);
    return over;
}

static void forget(struct event *event)
{
    struct store *store = event->events->lambda->options.store;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    store_doc_delete(&entry, "lambda", "event", mr_slice_cstr(event->name));
    int64_t ticket;
    const enum mr_status status = store_commit(store, &entry, &ticket);
    if (status != MR_OK)
        mr_log(MR_LOG_WARN, "lambda", "event %s may run again after a restart",
               request_id_of(event));
    mr_arena_fini(&arena);
}

static void run(void *arg)
{
    struct event *event = arg;
    struct lambda_events *events = event->events;
    struct mr_arena arena;
    struct lambda_result result = {0};
    mr_arena_init(&arena);
    const enum mr_status status = call_function(event, &arena, &result);
    const bool done = is_done(event, status, &result);
    if (done)
        forget(event);
    lambda_result_fini(&result);
    mr_arena_fini(&arena);
    pthread_mutex_lock(&events->lock);
    event->running = false;
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

static enum mr_status save(struct lambda_function *function, const struct event *event,
                           struct mr_slice payload, struct mr_slice client_context)
{
    struct mr_arena arena;
    struct mr_buf buf = {0};
    mr_arena_init(&arena);
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "function", function->name);
    mr_json_key_string(&json, "context", client_context);
    mr_json_key_raw(&json, "payload", payload);
    mr_json_object_end(&json);
    struct store_entry entry = store_entry_make(&arena);
    store_doc_put(&entry, "lambda", "event", mr_slice_cstr(event->name), mr_buf_slice(&buf));
    const enum mr_status status = store_commit_wait(function->lambda->options.store, &entry);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status lambda_events_add(struct lambda_function *function, struct mr_slice request_id,
                                 struct mr_slice payload, struct mr_slice client_context)
{
    struct lambda_events *events = function->lambda->events;
    const int64_t now_ms = store_now(function->lambda->options.store);
    pthread_mutex_lock(&events->lock);
    const bool full = events->locked.count >= LAMBDA_EVENTS_MAX;
    pthread_mutex_unlock(&events->lock);
    if (full)
        return MR_FULL;
    char name[STAMP_BYTES + LAMBDA_ID_TEXT];
    const int len =
        snprintf(name, sizeof name, "%013lld-%.*s", (long long)now_ms, MR_ARG(request_id));
    struct event *event = event_new(events, mr_slice_make(name, (size_t)len), now_ms);
    const enum mr_status status = save(function, event, payload, client_context);
    if (status != MR_OK) {
        free(event);
        return status;
    }
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
