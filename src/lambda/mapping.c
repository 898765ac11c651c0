/* Event source mappings: made, loaded, changed, deleted.
 *
 * Stored: VIEW_META "lambda/mapping/<uuid>" = {"created_ms","modified_ms","enabled","begun","tags",
 * "shown":{what GetEventSourceMapping shows, less state, result and time}}, and a cursor
 * "esm/<uuid>/<shard>" a shard: the oldest position that is not done, INT64_MAX when the shard is.
 * The cursors of the shards that exist when the mapping first runs are stored with "begun"; a shard
 * that comes later begins at its first record. */
#include "lambda/mapping.h"
#include "base/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { DOC_DEPTH_MAX = 16 };

static const char *const state_names[MAPPING_STATES] = {
    "Creating", "Enabling", "Enabled", "Disabling", "Disabled", "Updating", "Deleting"};

/* Work in hand ends in Enabled or Disabled; anything but Deleting may be changed again. */
static bool move_is_legal(enum mapping_state from, enum mapping_state to)
{
    return from != MAPPING_DELETING && to != MAPPING_CREATING;
}

const char *mapping_state_name(enum mapping_state state)
{
    return state_names[state];
}

void mapping_set_state_locked(struct mapping *mapping, enum mapping_state state)
{
    const enum mapping_state old = mapping->locked.state;
    if (old == state)
        return;
    assert(move_is_legal(old, state));
    mapping->locked.state = state;
    mr_log(MR_LOG_INFO, "lambda", "mapping %s: %s -> %s", mapping->uuid, state_names[old],
           state_names[state]);
}

/* ---- configuration ---- */

static int64_t seconds(yyjson_val *doc, const char *name, int64_t fallback)
{
    const int64_t value = mr_json_get_i64(doc, name, fallback);
    return value < 0 ? -1 : value * 1000;
}

static bool reports_items(yyjson_val *doc)
{
    return yyjson_arr_size(mr_json_get(doc, "FunctionResponseTypes")) > 0;
}

enum mr_status mapping_config_read(struct mapping_config *config, struct mr_slice shown)
{
    *config = (struct mapping_config){0};
    mr_arena_init(&config->arena);
    yyjson_val *doc = mr_json_parse(&config->arena, shown, DOC_DEPTH_MAX);
    yyjson_val *failure = mr_json_get(mr_json_get(doc, "DestinationConfig"), "OnFailure");
    const struct mr_slice start = mr_json_get_text(doc, "StartingPosition");
    config->source = mr_json_get_text(doc, "EventSourceArn");
    config->stream = mapping_stream_arn(config->source);
    config->function = mr_json_get_text(doc, "FunctionArn");
    config->bucket = lambda_bucket_of(mr_json_get_text(failure, "Destination"));
    config->kinesis = mr_slice_starts_with(config->source, MR_S("arn:aws:kinesis:"));
    config->bisect = mr_json_get_bool(doc, "BisectBatchOnFunctionError", false);
    config->report = reports_items(doc);
    config->start = mr_slice_equal(start, MR_S("LATEST"))         ? MAPPING_LATEST
                    : mr_slice_equal(start, MR_S("AT_TIMESTAMP")) ? MAPPING_AT
                                                                  : MAPPING_TRIM_HORIZON;
    config->start_ms = (int64_t)(mr_json_get_double(doc, "StartingPositionTimestamp", 0) * 1000);
    config->batch = mr_json_get_i64(doc, "BatchSize", 100);
    config->window_ms = seconds(doc, "MaximumBatchingWindowInSeconds", 0);
    config->tumbling_ms = seconds(doc, "TumblingWindowInSeconds", 0);
    config->lanes = mr_json_get_i64(doc, "ParallelizationFactor", 1);
    config->retries = mr_json_get_i64(doc, "MaximumRetryAttempts", -1);
    config->age_ms = seconds(doc, "MaximumRecordAgeInSeconds", -1);
    char message[EVENT_MESSAGE_MAX];
    yyjson_val *criteria = mr_json_get(doc, "FilterCriteria");
    return criteria == NULL ? MR_OK : event_filter_new(criteria, &config->filter, message);
}

void mapping_config_fini(struct mapping_config *config)
{
    event_filter_free(config->filter);
    mr_arena_fini(&config->arena);
    *config = (struct mapping_config){0};
}

/* ---- life ---- */

static struct mapping *mapping_new(struct mappings *owner, struct mr_slice uuid)
{
    struct mapping *mapping = mr_calloc(1, sizeof *mapping);
    mapping->owner = owner;
    atomic_init(&mapping->refs, 1);
    (void)snprintf(mapping->uuid, sizeof mapping->uuid, "%.*s", MR_ARG(uuid));
    mapping->locked.result = "No records processed";
    mapping->locked.changed = true;
    pthread_mutex_init(&mapping->change, NULL);
    pthread_mutex_init(&mapping->lock, NULL);
    return mapping;
}

struct mapping *mapping_ref(struct mapping *mapping)
{
    atomic_fetch_add(&mapping->refs, 1);
    return mapping;
}

void mapping_unref(struct mapping *mapping)
{
    if (mapping == NULL || atomic_fetch_sub(&mapping->refs, 1) > 1)
        return;
    mapping_source_close(mapping);
    mapping_config_fini(&mapping->config);
    pthread_mutex_destroy(&mapping->lock);
    pthread_mutex_destroy(&mapping->change);
    free(mapping->locked.shown);
    free(mapping->locked.tags);
    mr_buf_fini(&mapping->role);
    free(mapping);
}

struct mapping *mapping_find(struct lambda *lambda, struct mr_slice uuid)
{
    struct mappings *mappings = lambda->mappings;
    pthread_mutex_lock(&mappings->lock);
    struct mapping *mapping = mappings->first;
    while (mapping != NULL && !mr_slice_equal(mr_slice_cstr(mapping->uuid), uuid))
        mapping = mapping->next;
    if (mapping != NULL)
        (void)mapping_ref(mapping);
    pthread_mutex_unlock(&mappings->lock);
    return mapping;
}

void mappings_each(struct lambda *lambda, bool (*fn)(void *ctx, struct mapping *mapping), void *ctx)
{
    struct mappings *mappings = lambda->mappings;
    pthread_mutex_lock(&mappings->lock);
    struct mapping **all = mr_calloc((size_t)mappings->count + 1, sizeof(*all));
    size_t count = 0;
    for (struct mapping *mapping = mappings->first; mapping != NULL; mapping = mapping->next)
        all[count++] = mapping_ref(mapping);
    pthread_mutex_unlock(&mappings->lock);
    bool wanted = true;
    for (size_t i = 0; i < count; i++) {
        wanted = wanted && fn(ctx, all[i]);
        mapping_unref(all[i]);
    }
    free(all);
}

/* The list's reference. */
static void append(struct mappings *mappings, struct mapping *mapping)
{
    pthread_mutex_lock(&mappings->lock);
    struct mapping **at = &mappings->first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = mapping;
    mappings->count++;
    pthread_mutex_unlock(&mappings->lock);
}

static void run(struct mapping *mapping)
{
    struct runtime *runtime = mapping->owner->lambda->options.runtime;
    pthread_mutex_lock(&mapping->lock); /* the step waits for it, so it finds the pump stored */
    mapping->own = runtime_pump_start(runtime, "mapping", mapping_pump_step, mapping);
    mapping->locked.pump = mapping->own;
    pthread_mutex_unlock(&mapping->lock);
}

static void halt(struct mapping *mapping)
{
    pthread_mutex_lock(&mapping->lock);
    struct runtime_pump *pump = mapping->locked.pump;
    mapping->locked.pump = NULL;
    pthread_mutex_unlock(&mapping->lock);
    runtime_pump_stop(pump);
}

void mapping_release_lane(struct mapping_lane *lane)
{
    struct mapping *mapping = lane->mapping;
    struct mappings *mappings = mapping->owner;
    pthread_mutex_lock(&mapping->lock);
    lane->running = false;
    mapping->locked.running--;
    if (mapping->locked.pump != NULL)
        runtime_pump_wake(mapping->locked.pump);
    pthread_mutex_unlock(&mapping->lock);
    mapping_unref(mapping);
    pthread_mutex_lock(&mappings->lock);
    mappings->running--;
    pthread_cond_broadcast(&mappings->idle);
    pthread_mutex_unlock(&mappings->lock);
}

/* ---- storing ---- */

static void put_document(struct mapping *mapping, struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    pthread_mutex_lock(&mapping->lock);
    mr_json_object(&json);
    mr_json_key_int(&json, "modified_ms", mapping->locked.modified_ms);
    mr_json_key_bool(&json, "enabled", mapping->locked.enabled);
    mr_json_key_bool(&json, "begun", mapping->locked.begun);
    mr_json_key_raw(&json, "tags", mr_slice_cstr(mapping->locked.tags));
    mr_json_key_raw(&json, "shown", mr_slice_cstr(mapping->locked.shown));
    mr_json_object_end(&json);
    pthread_mutex_unlock(&mapping->lock);
    store_doc_put(entry, "lambda", "mapping", mr_slice_cstr(mapping->uuid),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status save(struct mapping *mapping)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_document(mapping, &entry);
    const enum mr_status status = store_commit_wait(mapping->owner->lambda->options.store, &entry);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status mapping_begin(struct mapping *mapping, struct store_entry *entry)
{
    struct store *store = mapping->owner->lambda->options.store;
    pthread_mutex_lock(&mapping->change);
    pthread_mutex_lock(&mapping->lock);
    const bool deleted = mapping->locked.state == MAPPING_DELETING;
    mapping->locked.begun = true;
    pthread_mutex_unlock(&mapping->lock);
    enum mr_status status = MR_NOT_FOUND;
    if (!deleted) {
        put_document(mapping, entry);
        status = store_commit_wait(store, entry);
    }
    pthread_mutex_unlock(&mapping->change);
    return status;
}

/* ---- create, change, delete ---- */

enum mr_status mapping_create(struct lambda *lambda, const struct mapping_create *create,
                              struct mapping **ret_mapping)
{
    struct mappings *mappings = lambda->mappings;
    pthread_mutex_lock(&mappings->lock);
    const bool full = mappings->count >= MAPPINGS_MAX;
    pthread_mutex_unlock(&mappings->lock);
    if (full)
        return MR_FULL;
    struct mapping *mapping = mapping_new(mappings, create->uuid);
    mapping->locked.state = MAPPING_CREATING;
    mapping->locked.shown = mr_strdup_slice(create->shown);
    mapping->locked.tags = mr_strdup_slice(create->tags);
    mapping->locked.enabled = create->enabled;
    mapping->locked.modified_ms = create->now_ms;
    const enum mr_status status = save(mapping);
    if (status != MR_OK) {
        mapping_unref(mapping);
        return status;
    }
    *ret_mapping = mapping_ref(mapping);
    append(mappings, mapping);
    run(mapping);
    return MR_OK;
}

static void replace(char **text, struct mr_slice next)
{
    if (next.ptr == NULL)
        return;
    free(*text);
    *text = mr_strdup_slice(next);
}

enum mr_status mapping_update(struct mapping *mapping, struct mr_slice shown, struct mr_slice tags,
                              bool enabled, int64_t now_ms)
{
    enum mr_status status = MR_NOT_FOUND;
    pthread_mutex_lock(&mapping->change);
    pthread_mutex_lock(&mapping->lock);
    const bool deleted = mapping->locked.state == MAPPING_DELETING;
    if (!deleted) {
        replace(&mapping->locked.shown, shown);
        replace(&mapping->locked.tags, tags);
        if (shown.ptr != NULL) {
            const bool was = mapping->locked.enabled;
            mapping_set_state_locked(mapping, was == enabled ? MAPPING_UPDATING
                                              : enabled      ? MAPPING_ENABLING
                                                             : MAPPING_DISABLING);
            mapping->locked.enabled = enabled;
            mapping->locked.modified_ms = now_ms;
        }
    }
    pthread_mutex_unlock(&mapping->lock);
    if (!deleted)
        status = save(mapping);
    pthread_mutex_lock(&mapping->lock);
    mapping->locked.changed = mapping->locked.changed || shown.ptr != NULL;
    if (mapping->locked.pump != NULL)
        runtime_pump_wake(mapping->locked.pump);
    pthread_mutex_unlock(&mapping->lock);
    pthread_mutex_unlock(&mapping->change);
    return status;
}

static void drop_cursors(struct mapping *mapping, struct store_entry *entry)
{
    struct view_iterator *cursors =
        view_iterate(store_view(mapping->owner->lambda->options.store), VIEW_CURSOR,
                     mapping_cursor_name(entry->arena, mapping, MR_S("")));
    for (view_iterator_first(cursors); view_iterator_valid(cursors); view_iterator_next(cursors))
        (void)store_entry_delete(entry, VIEW_CURSOR,
                                 mr_arena_copy(entry->arena, view_iterator_key(cursors)));
    view_iterator_free(cursors);
}

static void forget(struct mapping *mapping)
{
    struct mappings *mappings = mapping->owner;
    pthread_mutex_lock(&mappings->lock);
    struct mapping **at = &mappings->first;
    while (*at != NULL && *at != mapping)
        at = &(*at)->next;
    const bool found = *at != NULL;
    if (found) {
        *at = mapping->next;
        mappings->count--;
    }
    pthread_mutex_unlock(&mappings->lock);
    if (found)
        mapping_unref(mapping);
}

enum mr_status mapping_delete(struct mapping *mapping)
{
    struct mr_arena arena;
    enum mr_status status = MR_NOT_FOUND;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    halt(mapping); /* before `change`, which its step may want */
    pthread_mutex_lock(&mapping->change);
    pthread_mutex_lock(&mapping->lock);
    const bool deleted = mapping->locked.state == MAPPING_DELETING;
    if (!deleted)
        mapping_set_state_locked(mapping, MAPPING_DELETING);
    pthread_mutex_unlock(&mapping->lock);
    if (!deleted) {
        drop_cursors(mapping, &entry);
        mapping_windows_drop(mapping, &entry);
        store_doc_delete(&entry, "lambda", "mapping", mr_slice_cstr(mapping->uuid));
        status = store_commit_wait(mapping->owner->lambda->options.store, &entry);
        forget(mapping);
    }
    pthread_mutex_unlock(&mapping->change);
    mr_arena_fini(&arena);
    return status;
}

/* ---- opening and closing ---- */

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct mappings *mappings = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, json, DOC_DEPTH_MAX + 2);
    enum mr_status status = MR_OK;
    if (doc == NULL || mr_json_get(doc, "shown") == NULL) {
        status = MR_RAISE(MR_FAIL_DATA, "mapping '%.*s' has a damaged document", MR_ARG(name));
    } else {
        struct mapping *mapping = mapping_new(mappings, name);
        mapping->locked.enabled = mr_json_get_bool(doc, "enabled", true);
        mapping->locked.begun = mr_json_get_bool(doc, "begun", false);
        mapping->locked.modified_ms = mr_json_get_i64(doc, "modified_ms", 0);
        mapping->locked.shown = mr_json_strdup(mr_json_get(doc, "shown"), "{}");
        mapping->locked.tags = mr_json_strdup(mr_json_get(doc, "tags"), "{}");
        mapping->locked.state = mapping->locked.enabled ? MAPPING_ENABLING : MAPPING_DISABLING;
        append(mappings, mapping);
    }
    mr_arena_fini(&arena);
    return status;
}

static bool run_one(void *ctx, struct mapping *mapping)
{
    (void)ctx;
    run(mapping);
    return true;
}

static bool halt_one(void *ctx, struct mapping *mapping)
{
    (void)ctx;
    halt(mapping);
    return true;
}

struct lowest {
    struct store *store;
    int64_t position;
};

static bool lower_to_cursors(void *ctx, struct mapping *mapping)
{
    struct lowest *lowest = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    const int64_t own =
        store_cursor_floor(lowest->store, mapping_cursor_name(&arena, mapping, MR_S("")));
    mr_arena_fini(&arena);
    pthread_mutex_lock(&mapping->lock);
    const bool enabled = mapping->locked.enabled;
    pthread_mutex_unlock(&mapping->lock);
    if (enabled && own < lowest->position)
        lowest->position = own;
    return true;
}

static int64_t floor_of(void *ctx)
{
    struct mappings *mappings = ctx;
    struct lowest lowest = {.store = mappings->lambda->options.store, .position = INT64_MAX};
    mappings_each(mappings->lambda, lower_to_cursors, &lowest);
    return lowest.position;
}

enum mr_status lambda_mappings_open(struct lambda *lambda)
{
    struct mappings *mappings = mr_calloc(1, sizeof *mappings);
    mappings->lambda = lambda;
    lambda->mappings = mappings;
    pthread_mutex_init(&mappings->lock, NULL);
    pthread_cond_init(&mappings->idle, NULL);
    const enum mr_status status =
        store_doc_each(lambda->options.store, "lambda", "mapping", MR_S(""), load, mappings);
    if (status != MR_OK)
        return status;
    store_floor_register(lambda->options.store, "event source mappings", floor_of, mappings);
    mappings_each(lambda, run_one, NULL);
    return MR_OK;
}

void lambda_mappings_close(struct lambda *lambda)
{
    struct mappings *mappings = lambda->mappings;
    if (mappings == NULL)
        return;
    store_floor_unregister(lambda->options.store, mappings);
    mappings_each(lambda, halt_one, NULL);
    pthread_mutex_lock(&mappings->lock);
    while (mappings->running > 0)
        pthread_cond_wait(&mappings->idle, &mappings->lock);
    pthread_mutex_unlock(&mappings->lock);
    while (mappings->first != NULL)
        forget(mappings->first);
    pthread_cond_destroy(&mappings->idle);
    pthread_mutex_destroy(&mappings->lock);
    free(mappings);
    lambda->mappings = NULL;
}
