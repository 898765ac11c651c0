/* Delivery streams: made, loaded, found, deleted.
 *
 * Stored: VIEW_META "firehose/stream/<name>" =
 * {"id","arn","window","created_ms","updated_ms","version","destination":{},"source":{},
 * "tags":{},"encryption":{},"throughput_mb"}, and the cursors of its sources (sources.c). AWS: a
 * Kinesis source is read from the moment of creation on; so the cursors of its shards join the
 * first entry.
 */
#include "firehose/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const state_names[DELIVERY_STATES] = {"CREATING", "ACTIVE", "DELETING"};
/* legal_moves[from][to] */
static const bool legal_moves[DELIVERY_STATES][DELIVERY_STATES] = {
    [DELIVERY_CREATING] = {[DELIVERY_ACTIVE] = true},
    [DELIVERY_ACTIVE] = {[DELIVERY_DELETING] = true},
};

const char *delivery_state_name(enum delivery_state state)
{
    return state_names[state];
}

static void set_state(struct delivery *delivery, enum delivery_state state)
{
    const enum delivery_state old = (enum delivery_state)atomic_load(&delivery->state);
    assert(legal_moves[old][state]);
    atomic_store(&delivery->state, (int)state);
    mr_log(MR_LOG_INFO, "firehose", "%s: %s -> %s", delivery->name, state_names[old],
           state_names[state]);
}

/* AWS's form of an event in the delivery stream's log. */
static void log_event(const struct delivery *delivery, yyjson_val *logging, const char *code,
                      const char *text)
{
    const struct firehose_options *options = &delivery->firehose->options;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "deliveryStreamARN", delivery->arn);
    mr_json_key_cstr(&json, "message", text);
    if (code != NULL)
        mr_json_key_cstr(&json, "errorCode", code);
    mr_json_object_end(&json);
    options->log(options->log_ctx, mr_json_get_text(logging, "LogGroupName"),
                 mr_json_get_text(logging, "LogStreamName"), store_now(options->store),
                 mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

void delivery_note(struct delivery *delivery, const char *code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&delivery->lock);
    const bool fresh = strcmp(text, delivery->locked.last_error) != 0;
    memcpy(delivery->locked.last_error, text, sizeof text);
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *logging = NULL;
    if (fresh && text[0] != '\0')
        logging =
            mr_json_get(mr_json_parse(&arena, mr_slice_cstr(delivery->locked.destination), 32),
                        "CloudWatchLoggingOptions");
    pthread_mutex_unlock(&delivery->lock);
    const struct firehose_options *options = &delivery->firehose->options;
    if (fresh && text[0] != '\0')
        mr_log(MR_LOG_WARN, "firehose", "%s: %s", delivery->name, text);
    if (mr_json_get_bool(logging, "Enabled", false) && options->log != NULL)
        log_event(delivery, logging, code, text);
    mr_arena_fini(&arena);
}

/* ---- life ---- */

static struct delivery *delivery_new(struct firehose *firehose, struct mr_slice name,
                                     struct mr_slice arn)
{
    struct delivery *delivery = mr_calloc(1, sizeof *delivery);
    delivery->firehose = firehose;
    delivery->name = mr_strdup_slice(name);
    delivery->arn = mr_strdup_slice(arn);
    delivery_meters_init(delivery);
    atomic_init(&delivery->refs, 1);
    pthread_mutex_init(&delivery->change, NULL);
    pthread_mutex_init(&delivery->lock, NULL);
    mr_arena_init(&delivery->p.raw_arena);
    mr_arena_init(&delivery->p.config_arena);
    return delivery;
}

static void delivery_free(struct delivery *delivery)
{
    assert(delivery->pump == NULL);
    pthread_mutex_destroy(&delivery->change);
    pthread_mutex_destroy(&delivery->lock);
    mr_arena_fini(&delivery->p.raw_arena); /* if no pump ever ran */
    free(delivery->locked.destination);
    free(delivery->locked.source);
    free(delivery->locked.tags);
    free(delivery->locked.encryption);
    free(delivery->locked.places);
    meter_set_fini(&delivery->meters);
    free(delivery->name);
    free(delivery->arn);
    free(delivery);
}

void delivery_unref(struct delivery *delivery)
{
    if (delivery != NULL && atomic_fetch_sub(&delivery->refs, 1) == 1)
        delivery_free(delivery);
}

struct delivery *delivery_find(struct firehose *firehose, struct mr_slice name)
{
    pthread_rwlock_rdlock(&firehose->lock);
    struct delivery *delivery = mr_map_get(&firehose->map, name);
    if (delivery != NULL)
        atomic_fetch_add(&delivery->refs, 1);
    pthread_rwlock_unlock(&firehose->lock);
    return delivery;
}

static void start(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock); /* the step waits for it, so it finds the pump stored */
    delivery->pump = runtime_pump_start(delivery->firehose->options.runtime, delivery->name,
                                        delivery_pump_step, delivery);
    pthread_mutex_unlock(&delivery->lock);
}

static void halt(struct delivery *delivery)
{
    if (delivery->pump == NULL)
        return;
    runtime_pump_stop(delivery->pump);
    delivery->pump = NULL;
    delivery_pump_fini(delivery);
}

/* ---- storing ---- */

struct mr_slice delivery_cursor_name(struct mr_arena *arena, const struct delivery *delivery,
                                     struct mr_slice source)
{
    return mr_arena_printf(arena, "firehose/%s/%.*s", delivery->id, MR_ARG(source));
}

static void put_document(struct delivery *delivery, struct store_entry *entry)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    pthread_mutex_lock(&delivery->lock);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "id", delivery->id);
    mr_json_key_cstr(&json, "arn", delivery->arn);
    mr_json_key_int(&json, "window", delivery->window);
    mr_json_key_int(&json, "created_ms", delivery->created_ms);
    mr_json_key_int(&json, "updated_ms", delivery->locked.updated_ms);
    mr_json_key_int(&json, "version", delivery->locked.version);
    mr_json_key_raw(&json, "destination", mr_slice_cstr(delivery->locked.destination));
    mr_json_key_raw(&json, "source", mr_slice_cstr(delivery->locked.source));
    mr_json_key_raw(&json, "tags", mr_slice_cstr(delivery->locked.tags));
    mr_json_key_raw(&json, "encryption", mr_slice_cstr(delivery->locked.encryption));
    mr_json_key_int(&json, "throughput_mb", delivery->throughput_mb);
    mr_json_object_end(&json);
    pthread_mutex_unlock(&delivery->lock);
    store_doc_put(entry, "firehose", "stream", mr_slice_cstr(delivery->name),
                  mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static enum mr_status save(struct delivery *delivery)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    put_document(delivery, &entry);
    const enum mr_status status = store_commit_wait(delivery->firehose->options.store, &entry);
    mr_arena_fini(&arena);
    return status;
}

bool delivery_is_ending(const struct delivery *delivery)
{
    return atomic_load(&delivery->state) == DELIVERY_DELETING ||
           atomic_load(&delivery->firehose->stopping);
}

enum mr_status delivery_change(struct delivery *delivery, bool (*fn)(void *ctx), void *ctx)
{
    enum mr_status status = MR_NOT_FOUND;
    pthread_mutex_lock(&delivery->change);
    if (atomic_load(&delivery->state) == DELIVERY_ACTIVE) {
        pthread_mutex_lock(&delivery->lock);
        const bool changed = fn(ctx);
        pthread_mutex_unlock(&delivery->lock);
        status = changed ? save(delivery) : MR_OK;
        runtime_pump_wake(delivery->pump);
    }
    pthread_mutex_unlock(&delivery->change);
    return status;
}

/* The source's shards from now on, or a window for PutRecord. */
static enum mr_status put_first_cursors(struct delivery *delivery, struct mr_slice stream_arn,
                                        struct store_entry *entry)
{
    const struct firehose_options *options = &delivery->firehose->options;
    const int64_t now = journal_tail(store_journal(options->store));
    if (stream_arn.len == 0) {
        delivery->window = store_window_new(options->store, entry);
        store_cursor_put(entry, delivery_cursor_name(entry->arena, delivery, MR_S(FIREHOSE_DIRECT)),
                         now);
        return MR_OK;
    }
    struct kinesis_stream *stream = kinesis_find(options->kinesis, stream_arn);
    if (stream == NULL)
        return MR_NOT_FOUND;
    const size_t count = kinesis_shard_count(stream);
    for (size_t i = 0; i < count; i++) {
        struct kinesis_shard_info shard;
        if (kinesis_shard_get(stream, i, &shard) != MR_OK)
            break;
        const struct mr_slice id = mr_slice_cstr(shard.id);
        const bool closed = shard.end != INT64_MAX;
        store_cursor_put(
            entry, delivery_cursor_name(entry->arena, delivery, mr_arena_copy(entry->arena, id)),
            closed ? INT64_MAX : now);
    }
    kinesis_release(options->kinesis, stream);
    return MR_OK;
}

enum mr_status delivery_create(struct firehose *firehose, const struct delivery_create *create)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    pthread_mutex_lock(&firehose->create);
    pthread_rwlock_rdlock(&firehose->lock);
    const bool exists = mr_map_get(&firehose->map, create->name) != NULL;
    pthread_rwlock_unlock(&firehose->lock);
    enum mr_status status = MR_EXISTS;
    if (!exists) {
        struct delivery *delivery = delivery_new(firehose, create->name, create->arn);
        mr_rng_uuid(firehose->options.rng, delivery->id);
        delivery->created_ms = create->now_ms;
        delivery->locked.version = 1;
        delivery->locked.destination = mr_strdup_slice(create->destination);
        delivery->locked.source = create->source.len > 0 ? mr_strdup_slice(create->source) : NULL;
        delivery->locked.tags = mr_strdup_slice(create->tags);
        delivery->throughput_mb = create->throughput_mb;
        if (create->encryption.len > 0)
            delivery->locked.encryption = mr_strdup_slice(create->encryption);
        atomic_store(&delivery->encrypted, create->encryption.len > 0);
        status = put_first_cursors(delivery, create->stream_arn, &entry);
        if (status == MR_OK) {
            put_document(delivery, &entry);
            status = store_commit_wait(firehose->options.store, &entry);
        }
        if (status == MR_OK) {
            set_state(delivery, DELIVERY_ACTIVE);
            start(delivery);
            pthread_rwlock_wrlock(&firehose->lock);
            (void)mr_map_put(&firehose->map, create->name, delivery);
            pthread_rwlock_unlock(&firehose->lock);
        } else {
            delivery_free(delivery);
        }
    }
    pthread_mutex_unlock(&firehose->create);
    mr_arena_fini(&arena);
    return status;
}

static enum mr_status drop_all(struct delivery *delivery, struct store_entry *entry,
                               enum view_space space, struct mr_slice prefix)
{
    struct view_iterator *found =
        view_iterate(store_view(delivery->firehose->options.store), space, prefix);
    for (view_iterator_first(found); view_iterator_valid(found); view_iterator_next(found))
        (void)store_entry_delete(entry, space,
                                 mr_arena_copy(entry->arena, view_iterator_key(found)));
    const enum mr_status status = view_iterator_status(found);
    view_iterator_free(found);
    return status;
}

static enum mr_status drop_cursors(struct delivery *delivery, struct store_entry *entry)
{
    const enum mr_status status = drop_all(delivery, entry, VIEW_CURSOR,
                                           delivery_cursor_name(entry->arena, delivery, MR_S("")));
    return status != MR_OK ? status
                           : drop_all(delivery, entry, VIEW_META,
                                      delivery_landed_key(entry->arena, delivery, ""));
}

enum mr_status delivery_delete(struct delivery *delivery)
{
    struct firehose *firehose = delivery->firehose;
    const struct mr_slice name = mr_slice_cstr(delivery->name);
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    pthread_mutex_lock(&delivery->change);
    enum mr_status status = MR_NOT_FOUND;
    if (atomic_load(&delivery->state) == DELIVERY_ACTIVE) {
        set_state(delivery, DELIVERY_DELETING);
        halt(delivery);
        store_doc_delete(&entry, "firehose", "stream", name);
        status = drop_cursors(delivery, &entry);
        if (status == MR_OK)
            status = store_commit_wait(firehose->options.store, &entry);
        pthread_rwlock_wrlock(&firehose->lock);
        (void)mr_map_remove(&firehose->map, name);
        pthread_rwlock_unlock(&firehose->lock);
        delivery_unref(delivery); /* the map's reference */
    }
    pthread_mutex_unlock(&delivery->change);
    mr_arena_fini(&arena);
    return status;
}

/* ---- start and end ---- */

static enum mr_status load(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct firehose *firehose = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, text, 40);
    const struct mr_slice id = mr_json_get_text(doc, "id");
    enum mr_status status = MR_OK;
    if (doc == NULL || id.len >= FIREHOSE_ID_TEXT) {
        status = MR_RAISE(MR_FAIL_DATA, "the document of delivery stream '%.*s' is damaged",
                          MR_ARG(name));
    } else {
        struct delivery *delivery = delivery_new(firehose, name, mr_json_get_text(doc, "arn"));
        memcpy(delivery->id, id.ptr, id.len);
        delivery->window = (uint32_t)mr_json_get_i64(doc, "window", 0);
        delivery->created_ms = mr_json_get_i64(doc, "created_ms", 0);
        delivery->locked.updated_ms = mr_json_get_i64(doc, "updated_ms", 0);
        delivery->locked.version = mr_json_get_i64(doc, "version", 1);
        delivery->locked.destination = mr_json_strdup(mr_json_get(doc, "destination"), NULL);
        delivery->locked.source = mr_json_strdup(mr_json_get(doc, "source"), NULL);
        delivery->locked.tags = mr_json_strdup(mr_json_get(doc, "tags"), NULL);
        delivery->locked.encryption = mr_json_strdup(mr_json_get(doc, "encryption"), NULL);
        delivery->throughput_mb = mr_json_get_i64(doc, "throughput_mb", 0);
        atomic_store(&delivery->encrypted, delivery->locked.encryption != NULL);
        set_state(delivery, DELIVERY_ACTIVE);
        (void)mr_map_put(&firehose->map, name, delivery);
        start(delivery);
    }
    mr_arena_fini(&arena);
    return status;
}

static int64_t floor_of(void *ctx)
{
    struct firehose *firehose = ctx;
    return store_cursor_floor(firehose->options.store, MR_S("firehose/"));
}

enum mr_status firehose_open(struct firehose **ret_firehose, const struct firehose_options *options)
{
    struct firehose *firehose = mr_calloc(1, sizeof *firehose);
    firehose->options = *options;
    pthread_rwlock_init(&firehose->lock, NULL);
    pthread_mutex_init(&firehose->create, NULL);
    zones_init(&firehose->zones);
    const enum mr_status status =
        store_doc_each(options->store, "firehose", "stream", MR_S(""), load, firehose);
    if (status != MR_OK) {
        firehose_close(firehose);
        return status;
    }
    store_floor_register(options->store, "deliveries", floor_of, firehose);
    firehose->watch =
        runtime_pump_start(options->runtime, "delivery watch", firehose_watch_step, firehose);
    *ret_firehose = firehose;
    return MR_OK;
}

void firehose_stop(struct firehose *firehose)
{
    if (firehose != NULL)
        atomic_store(&firehose->stopping, true);
}

void firehose_close(struct firehose *firehose)
{
    if (firehose == NULL)
        return;
    firehose_stop(firehose);
    store_floor_unregister(firehose->options.store, firehose);
    runtime_pump_stop(firehose->watch);
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&firehose->map, &cursor, &name, &value)) {
        halt(value);
        delivery_unref(value);
    }
    mr_map_fini(&firehose->map);
    zones_fini(&firehose->zones);
    pthread_mutex_destroy(&firehose->create);
    pthread_rwlock_destroy(&firehose->lock);
    free(firehose);
}

void firehose_register(struct firehose *firehose, struct protocol *protocol)
{
    protocol_register(protocol, "firehose", firehose_handlers, firehose_handler_count, firehose);
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
    const struct delivery *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void firehose_each(struct firehose *firehose, void (*fn)(void *ctx, struct delivery *delivery),
                   void *ctx)
{
    pthread_rwlock_rdlock(&firehose->lock);
    struct delivery **all = mr_calloc(firehose->map.count + 1, sizeof(struct delivery *));
    size_t cursor = 0, count = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&firehose->map, &cursor, &name, &value)) {
        all[count] = value;
        atomic_fetch_add(&all[count++]->refs, 1);
    }
    pthread_rwlock_unlock(&firehose->lock);
    qsort(all, count, sizeof(struct delivery *), by_name);
    for (size_t i = 0; i < count; i++) {
        fn(ctx, all[i]);
        delivery_unref(all[i]);
    }
    free(all);
}

static void write_status(void *ctx, struct delivery *delivery)
{
    struct mr_json *json = ctx;
    const long long landed = atomic_load(&delivery->landed_ms);
    const long long waiting = atomic_load(&delivery->waiting_ms);
    pthread_mutex_lock(&delivery->lock);
    mr_json_object(json);
    mr_json_key_cstr(json, "name", delivery->name);
    mr_json_key_cstr(json, "state",
                     state_names[(enum delivery_state)atomic_load(&delivery->state)]);
    mr_json_key_int(json, "records_in", (int64_t)atomic_load(&delivery->records_in));
    mr_json_key_int(json, "records_out", (int64_t)atomic_load(&delivery->records_out));
    mr_json_key_int(json, "failed", (int64_t)atomic_load(&delivery->failed));
    mr_json_key_int(json, "dropped", (int64_t)atomic_load(&delivery->dropped));
    mr_json_key_int(json, "objects", (int64_t)atomic_load(&delivery->objects));
    mr_json_key_int(json, "bytes_out", (int64_t)atomic_load(&delivery->bytes_out));
    mr_json_key_int(json, "waiting", (int64_t)atomic_load(&delivery->waiting));
    mr_json_key_int(
        json, "lag_ms",
        waiting == 0 ? 0 : (int64_t)(store_now(delivery->firehose->options.store) - waiting));
    if (landed != 0)
        mr_json_key_int(json, "landed_ms", landed);
    mr_json_key_cstr(json, "last_error", delivery->locked.last_error);
    mr_json_object_end(json);
    pthread_mutex_unlock(&delivery->lock);
}

void firehose_status(struct firehose *firehose, struct mr_json *json)
{
    firehose_each(firehose, write_status, json);
}
