/* Events whose group's retention is over: read no more at once, removed from the store by a pump. A
 * stream is cut at its old end, so an event that came late goes with those before it. */
#include "logs/internal.h"
#include "base/log.h"
#include <stdlib.h>

enum {
    EVERY_MS = 60000,
    EVENTS_PER_COMMIT = 1000,
    COMMITS_PER_STREAM = 12, /* a stream has LOGS_STREAM_EVENTS_MAX events */
};
static const int64_t day_ms = 86400000;

int64_t logs_kept_since(yyjson_val *group, int64_t now_ms)
{
    const int64_t days = mr_json_get_i64(group, "retention", 0);
    return days > 0 ? now_ms - days * day_ms : INT64_MIN;
}

struct sweep {
    struct logs *logs;
    struct mr_arena arena;
    int64_t now_ms, before_ms;
};

/* MR_AGAIN: there may be more. */
static enum mr_status expire(struct sweep *sweep, struct mr_slice name)
{
    struct logs *logs = sweep->logs;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    pthread_mutex_lock(&logs->lock);
    struct log_stream *state = logs_stream_state(logs, name);
    struct view_iterator *events = logs_events(logs, &arena, name);
    size_t gone = 0;
    for (view_iterator_first(events); view_iterator_valid(events) && gone < EVENTS_PER_COMMIT;
         view_iterator_next(events)) {
        struct log_event event;
        if (!logs_read_event(events, &event) || event.time_ms >= sweep->before_ms) {
            state->first_ms = event.time_ms;
            break;
        }
        (void)store_entry_delete(&entry, VIEW_META,
                                 mr_arena_copy(&arena, view_iterator_key(events)));
        gone++;
    }
    view_iterator_free(events);
    int64_t ticket;
    enum mr_status status = gone == 0 ? MR_OK : store_commit(logs->options.store, &entry, &ticket);
    if (status == MR_OK)
        state->count -= gone < state->count ? gone : state->count;
    pthread_mutex_unlock(&logs->lock);
    mr_arena_fini(&arena);
    return status == MR_OK && gone == EVENTS_PER_COMMIT ? MR_AGAIN : status;
}

struct name {
    struct name *next;
    struct mr_slice text;
    int64_t before_ms;
};
struct names {
    struct sweep *sweep;
    struct name *first;
};

static void add_name(struct names *names, struct mr_slice text, int64_t before_ms)
{
    struct name *name = MR_NEW(&names->sweep->arena, struct name);
    *name = (struct name){names->first, mr_arena_copy(&names->sweep->arena, text), before_ms};
    names->first = name;
}

static enum mr_status note_group(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct names *names = ctx;
    yyjson_val *doc = mr_json_parse(&names->sweep->arena, text, 8);
    const int64_t before_ms = logs_kept_since(doc, names->sweep->now_ms);
    if (before_ms != INT64_MIN)
        add_name(names, name, before_ms);
    return MR_OK;
}

static enum mr_status note_stream(void *ctx, struct mr_slice name, struct mr_slice text)
{
    (void)text;
    add_name(ctx, name, 0);
    return MR_OK;
}

static enum mr_status sweep_group(struct sweep *sweep, const struct name *group)
{
    struct names streams = {.sweep = sweep};
    sweep->before_ms = group->before_ms;
    enum mr_status status = store_doc_each(sweep->logs->options.store, "logs", "stream",
                                           logs_stream_name(&sweep->arena, group->text, MR_S("")),
                                           note_stream, &streams);
    for (const struct name *stream = streams.first; stream != NULL && status == MR_OK;
         stream = stream->next) {
        status = MR_AGAIN;
        for (int i = 0; i < COMMITS_PER_STREAM && status == MR_AGAIN; i++)
            status = expire(sweep, stream->text);
        status = status == MR_AGAIN ? MR_OK : status;
    }
    return status;
}

enum runtime_pump_next logs_retention_step(void *ctx, int64_t *ret_wake_ms)
{
    struct logs *logs = ctx;
    struct sweep sweep = {.logs = logs, .now_ms = store_now(logs->options.store)};
    mr_arena_init(&sweep.arena);
    struct names groups = {.sweep = &sweep};
    enum mr_status status =
        store_doc_each(logs->options.store, "logs", "group", MR_S(""), note_group, &groups);
    for (const struct name *group = groups.first; group != NULL && status == MR_OK;
         group = group->next)
        status = sweep_group(&sweep, group);
    if (status < 0)
        mr_log(MR_LOG_WARN, "logs", "old events could not be removed; tried again in a minute");
    mr_arena_fini(&sweep.arena);
    *ret_wake_ms = sweep.now_ms + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}
