/* Events: VIEW_META "logs/event/<group>\0<stream>\0<number as 8 bytes, big-endian>" = u64 event ms,
 * u64 ingestion ms, text. The number counts up over the stream's life, so byte order is the order
 * of ingestion. */
#include "logs/internal.h"
#include "base/log.h"
#include <stdlib.h>

static const struct mr_slice event_prefix = MR_S_INIT("logs/event/");

struct mr_slice logs_stream_name(struct mr_arena *arena, struct mr_slice group,
                                 struct mr_slice stream)
{
    char *name = mr_arena_alloc(arena, group.len + 1 + stream.len);
    if (group.len > 0)
        memcpy(name, group.ptr, group.len);
    name[group.len] = '\0';
    if (stream.len > 0)
        memcpy(name + group.len + 1, stream.ptr, stream.len);
    return mr_slice_make(name, group.len + 1 + stream.len);
}

static struct mr_slice key_prefix(struct mr_arena *arena, struct mr_slice name)
{
    const size_t len = event_prefix.len + name.len + 1;
    char *key = mr_arena_alloc(arena, len);
    memcpy(key, event_prefix.ptr, event_prefix.len);
    memcpy(key + event_prefix.len, name.ptr, name.len);
    key[len - 1] = '\0';
    return mr_slice_make(key, len);
}

struct mr_slice logs_event_key(struct mr_arena *arena, struct mr_slice name, uint64_t number)
{
    const struct mr_slice prefix = key_prefix(arena, name);
    char *key = mr_arena_alloc(arena, prefix.len + 8);
    memcpy(key, prefix.ptr, prefix.len);
    for (size_t i = 0; i < 8; i++)
        key[prefix.len + i] = (char)(number >> (56 - 8 * i));
    return mr_slice_make(key, prefix.len + 8);
}

struct view_iterator *logs_events(struct logs *logs, struct mr_arena *arena, struct mr_slice name)
{
    return view_iterate(store_view(logs->options.store), VIEW_META, key_prefix(arena, name));
}

bool logs_parse_event(struct mr_slice value, struct log_event *ret_event)
{
    struct mr_reader reader = mr_reader_make(value);
    ret_event->time_ms = (int64_t)mr_read_u64(&reader);
    ret_event->ingested_ms = (int64_t)mr_read_u64(&reader);
    ret_event->text = mr_slice_make(reader.next, (size_t)(reader.end - reader.next));
    ret_event->number = 0;
    return !reader.failed;
}

bool logs_read_event(const struct view_iterator *iterator, struct log_event *ret_event)
{
    const struct mr_slice key = view_iterator_key(iterator);
    const bool good = logs_parse_event(view_iterator_value(iterator), ret_event);
    for (size_t i = key.len - 8; i < key.len; i++)
        ret_event->number = ret_event->number << 8 | (uint8_t)key.ptr[i];
    return good;
}

struct log_stream *logs_stream_state(struct logs *logs, struct mr_slice name)
{
    struct log_stream *state = mr_map_get(&logs->streams, name);
    if (state != NULL)
        return state;
    state = mr_calloc(1, sizeof *state);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct view_iterator *events = logs_events(logs, &arena, name);
    for (view_iterator_first(events); view_iterator_valid(events); view_iterator_next(events)) {
        struct log_event event;
        if (!logs_read_event(events, &event))
            continue;
        state->first_ms = state->count == 0 ? event.time_ms : state->first_ms;
        state->last_ms = event.time_ms > state->last_ms ? event.time_ms : state->last_ms;
        state->ingested_ms = event.ingested_ms;
        state->next = event.number + 1;
        state->count++;
    }
    view_iterator_free(events);
    mr_arena_fini(&arena);
    (void)mr_map_put(&logs->streams, name, state);
    return state;
}

void logs_forget(struct logs *logs, struct mr_slice name)
{
    free(mr_map_remove(&logs->streams, name));
}

void logs_add_event(struct logs *logs, struct store_entry *entry, struct mr_slice name,
                    int64_t time_ms, int64_t now_ms, struct mr_slice text)
{
    struct log_stream *state = logs_stream_state(logs, name);
    const bool empty = state->count == 0;
    struct mr_buf value = {0};
    mr_buf_u64(&value, (uint64_t)time_ms);
    mr_buf_u64(&value, (uint64_t)now_ms);
    mr_buf_append(&value, mr_slice_sub(text, 0, LOGS_EVENT_BYTES_MAX));
    (void)store_entry_put(entry, VIEW_META, logs_event_key(entry->arena, name, state->next),
                          mr_arena_copy(entry->arena, mr_buf_slice(&value)));
    mr_buf_fini(&value);
    if (state->count == LOGS_STREAM_EVENTS_MAX)
        (void)store_entry_delete(entry, VIEW_META,
                                 logs_event_key(entry->arena, name, state->next - state->count));
    else
        state->count++;
    state->first_ms = empty || time_ms < state->first_ms ? time_ms : state->first_ms;
    state->last_ms = time_ms > state->last_ms ? time_ms : state->last_ms;
    state->ingested_ms = now_ms;
    state->next++;
}

void logs_drop_events(struct logs *logs, struct store_entry *entry, struct mr_slice name)
{
    struct view_iterator *events = logs_events(logs, entry->arena, name);
    for (view_iterator_first(events); view_iterator_valid(events); view_iterator_next(events))
        (void)store_entry_delete(entry, VIEW_META,
                                 mr_arena_copy(entry->arena, view_iterator_key(events)));
    view_iterator_free(events);
    logs_forget(logs, name);
}

/* ---- life ---- */

enum mr_status logs_open(struct logs **ret_logs, const struct logs_options *options)
{
    struct logs *logs = mr_calloc(1, sizeof *logs);
    logs->options = *options;
    pthread_mutex_init(&logs->lock, NULL);
    logs->retention =
        runtime_pump_start(options->runtime, "log retention", logs_retention_step, logs);
    *ret_logs = logs;
    return MR_OK;
}

void logs_close(struct logs *logs)
{
    if (logs == NULL)
        return;
    runtime_pump_stop(logs->retention);
    size_t cursor = 0;
    struct mr_slice name;
    void *state;
    while (mr_map_next(&logs->streams, &cursor, &name, &state))
        free(state);
    mr_map_fini(&logs->streams);
    pthread_mutex_destroy(&logs->lock);
    free(logs);
}

void logs_register(struct logs *logs, struct protocol *protocol)
{
    protocol_register(protocol, "logs", logs_handlers, logs_handler_count, logs);
    protocol_register(protocol, "logs", logs_tag_handlers, logs_tag_handler_count, logs);
}

static bool doc_exists(struct logs *logs, struct mr_arena *arena, const char *kind,
                       struct mr_slice name)
{
    struct mr_slice json;
    return store_doc_get(logs->options.store, arena, "logs", kind, name, &json) == MR_OK;
}

void logs_append(struct logs *logs, struct mr_slice group, struct mr_slice stream, int64_t time_ms,
                 struct mr_slice text)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    const int64_t now_ms = store_now(logs->options.store);
    const struct mr_slice name = logs_stream_name(&arena, group, stream);
    const struct mr_slice made =
        mr_arena_printf(&arena, "{\"created_ms\":%lld}", (long long)now_ms);
    pthread_mutex_lock(&logs->lock);
    if (mr_map_get(&logs->streams, name) == NULL) {
        if (!doc_exists(logs, &arena, "group", group))
            store_doc_put(&entry, "logs", "group", group, made);
        if (!doc_exists(logs, &arena, "stream", name))
            store_doc_put(&entry, "logs", "stream", name, made);
    }
    logs_add_event(logs, &entry, name, time_ms, now_ms, text);
    int64_t ticket;
    if (store_commit(logs->options.store, &entry, &ticket) != MR_OK)
        mr_log(MR_LOG_ERROR, "logs", "an event of %.*s is lost: it cannot be stored",
               MR_ARG(group));
    pthread_mutex_unlock(&logs->lock);
    mr_arena_fini(&arena);
}
