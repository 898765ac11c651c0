/* Tumbling windows: batches of one stretch of time, with the state that the function's answers hand
 * on.
 *
 * A record is in the window of its arrival; windows begin at multiples of their length. Batches do
 * not cross them. When a record of a later one is next, or the time is over and nothing is left to
 * read, the function is called once more without records, and the state goes. A state above
 * WINDOW_STATE_BYTES_MAX is told early, and the same window goes on with none.
 *
 * Stored with the cursor, in its entry, so that records and the state they made are one:
 *   VIEW_META lambda/mapping-window/<uuid>/<shard>   {"start":ms,"end":ms,"crowded":b,"state":{}}
 */
#include "lambda/mapping.h"
#include <stdlib.h>

enum {
    WINDOW_STATE_BYTES_MAX = 1 << 20, /* AWS */
    WINDOW_GRACE_MS = 1000,           /* what was put before its end is read by then */
    REPLY_DEPTH_MAX = 64,
};
static const char kind[] = "mapping-window";

/* ---- stored ---- */

static struct mr_slice name_of(struct mr_arena *arena, const struct mapping *mapping,
                               const char *shard_id)
{
    return mr_arena_printf(arena, "%s/%s", mapping->uuid, shard_id);
}

static void set_state(struct mapping_window *window, yyjson_val *state)
{
    mr_buf_reset(&window->state);
    struct mr_json json = mr_json_make(&window->state);
    mr_json_value(&json, state);
}

static enum mr_status read_stored(struct mapping_window *window, yyjson_val *doc)
{
    yyjson_val *state = mr_json_get(doc, "state");
    if (!yyjson_is_obj(state))
        return MR_RAISE(MR_FAIL_DATA, "the window of an event source mapping is damaged");
    window->start_ms = mr_json_get_i64(doc, "start", 0);
    window->end_ms = mr_json_get_i64(doc, "end", 0);
    window->crowded = mr_json_get_bool(doc, "crowded", false);
    set_state(window, state);
    return MR_OK;
}

enum mr_status mapping_window_load(struct mapping *mapping, struct mapping_shard *shard)
{
    struct mr_arena arena;
    struct mr_slice text;
    mr_arena_init(&arena);
    enum mr_status status = store_doc_get(mapping->owner->lambda->options.store, &arena, "lambda",
                                          kind, name_of(&arena, mapping, shard->id), &text);
    if (status == MR_OK)
        status = read_stored(&shard->tumbling, mr_json_parse(&arena, text, REPLY_DEPTH_MAX + 1));
    if (status == MR_OK && mapping->config.tumbling_ms == 0) { /* taken from it meanwhile */
        shard->tumbling.end_ms = 0;
        shard->tumbling.dirty = true;
    }
    mr_arena_fini(&arena);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static void write_state(struct mr_json *json, const struct mapping_window *window)
{
    mr_json_key_raw(json, "state",
                    window->state.len > 0 ? mr_buf_slice(&window->state) : MR_S("{}"));
}

void mapping_window_store(const struct mapping *mapping, const struct mapping_shard *shard,
                          struct store_entry *entry)
{
    const struct mapping_window *window = &shard->tumbling;
    const struct mr_slice name = name_of(entry->arena, mapping, shard->id);
    if (window->end_ms == 0) {
        store_doc_delete(entry, "lambda", kind, name);
        return;
    }
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "start", window->start_ms);
    mr_json_key_int(&json, "end", window->end_ms);
    mr_json_key_bool(&json, "crowded", window->crowded);
    write_state(&json, window);
    mr_json_object_end(&json);
    store_doc_put(entry, "lambda", kind, name, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

void mapping_windows_drop(const struct mapping *mapping, struct store_entry *entry)
{
    const struct mr_slice prefix =
        store_doc_key(entry->arena, "lambda", kind, name_of(entry->arena, mapping, ""));
    struct view_iterator *docs =
        view_iterate(store_view(mapping->owner->lambda->options.store), VIEW_META, prefix);
    for (view_iterator_first(docs); view_iterator_valid(docs); view_iterator_next(docs))
        (void)store_entry_delete(entry, VIEW_META,
                                 mr_arena_copy(entry->arena, view_iterator_key(docs)));
    view_iterator_free(docs);
}

/* ---- when it ends ---- */

bool mapping_window_is_over(const struct mapping *mapping, const struct mapping_shard *shard,
                            int64_t now_ms, int64_t *ret_wake_ms)
{
    const struct mapping_window *window = &shard->tumbling;
    if (mapping->config.tumbling_ms == 0 || window->end_ms == 0)
        return false;
    if (window->crowded || shard->at_end)
        return true;
    const int64_t due_ms = window->end_ms + WINDOW_GRACE_MS;
    if (now_ms < due_ms && due_ms < *ret_wake_ms)
        *ret_wake_ms = due_ms;
    return now_ms >= due_ms;
}

bool mapping_window_ends(const struct mapping_lane *lane)
{
    const struct mapping_window *window = &lane->shard->tumbling;
    if (lane->mapping->config.tumbling_ms == 0 || window->end_ms == 0 || lane->size > 0)
        return false;
    return window->crowded || lane->done == lane->count ||
           lane->records[lane->done].time_ms >= window->end_ms;
}

/* ---- what goes to the function, and comes back ---- */

void mapping_window_open(struct mapping_shard *shard, int64_t length_ms, int64_t time_ms)
{
    struct mapping_window *window = &shard->tumbling;
    if (window->end_ms != 0)
        return;
    window->start_ms = time_ms - time_ms % length_ms;
    window->end_ms = window->start_ms + length_ms;
    mr_buf_reset(&window->state);
    window->dirty = true;
}

/* "2024-06-10T06:13:20Z" */
static void write_second(struct mr_json *json, const char *name, int64_t time_ms)
{
    char text[32];
    struct mr_slice iso = mr_date_iso8601(time_ms, text);
    text[iso.len - 5] = 'Z';
    iso.len -= 4;
    mr_json_key_string(json, name, iso);
}

void mapping_window_write(struct mr_json *json, const struct mapping_lane *lane)
{
    const struct mapping_window *window = &lane->shard->tumbling;
    const bool ends = mapping_window_ends(lane);
    mr_json_key(json, "window");
    mr_json_object(json);
    write_second(json, "start", window->start_ms);
    write_second(json, "end", window->end_ms);
    mr_json_object_end(json);
    write_state(json, window);
    mr_json_key_cstr(json, "shardId", lane->shard->id);
    mr_json_key_string(json, "eventSourceARN", lane->mapping->config.source);
    mr_json_key_bool(json, "isFinalInvokeForWindow", ends && !window->crowded);
    mr_json_key_bool(json, "isWindowTerminatedEarly", ends && window->crowded);
}

bool mapping_window_take(struct mapping_shard *shard, struct mr_slice reply)
{
    struct mapping_window *window = &shard->tumbling;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *state = mr_json_get(mr_json_parse(&arena, reply, REPLY_DEPTH_MAX), "state");
    const bool taken = yyjson_is_obj(state);
    if (taken) {
        set_state(window, state);
        window->crowded = window->state.len > WINDOW_STATE_BYTES_MAX;
        window->dirty = true;
    }
    mr_arena_fini(&arena);
    return taken;
}

void mapping_window_ended(struct mapping_shard *shard)
{
    struct mapping_window *window = &shard->tumbling;
    if (!window->crowded)
        window->start_ms = window->end_ms = 0;
    window->crowded = false;
    window->dirty = true;
    mr_buf_reset(&window->state);
}
