/* Streams and their shards: made, loaded, found, deleted.
 *
 * Stored: one document a stream, VIEW_META "kinesis/stream/<name>":
 *   {"arn","created_ms", <settings, see settings.c>,
 *    "shards":[{"window","start","end"?,"closed_ms"?,"created_ms","hash_start","hash_end",
 *               "parent","adjacent"}]}
 * hash keys as decimal text. */
#include "kinesis/internal.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

static const char *const state_names[KINESIS_STATES] = {"CREATING", "ACTIVE", "DELETING"};
/* legal_moves[from][to] */
static const bool legal_moves[KINESIS_STATES][KINESIS_STATES] = {
    [KINESIS_CREATING] = {[KINESIS_ACTIVE] = true, [KINESIS_DELETING] = true},
    [KINESIS_ACTIVE] = {[KINESIS_DELETING] = true},
};

const char *kinesis_state_name(enum kinesis_state state)
{
    return state_names[state];
}

void kinesis_set_state(struct kinesis_stream *stream, enum kinesis_state state)
{
    const enum kinesis_state old = (enum kinesis_state)atomic_load(&stream->state);
    assert(legal_moves[old][state]);
    atomic_store(&stream->state, (int)state);
    mr_log(MR_LOG_INFO, "kinesis", "stream %s: %s -> %s", stream->name, state_names[old],
           state_names[state]);
}

static struct kinesis_stream *stream_new(struct mr_slice name, struct mr_slice arn)
{
    struct kinesis_stream *stream = mr_calloc(1, sizeof *stream);
    stream->name = mr_strdup_slice(name);
    stream->arn = mr_strdup_slice(arn);
    atomic_init(&stream->refs, 1);
    pthread_rwlock_init(&stream->lock, NULL);
    pthread_mutex_init(&stream->change, NULL);
    return stream;
}

void kinesis_stream_free(struct kinesis_stream *stream)
{
    for (size_t i = 0; i < stream->stored_count; i++) {
        pthread_mutex_destroy(&stream->shards[i]->lock);
        free(stream->shards[i]);
    }
    kinesis_routes_free(stream);
    meter_set_fini(&stream->meters);
    kinesis_settings_fini(stream);
    pthread_mutex_destroy(&stream->change);
    pthread_rwlock_destroy(&stream->lock);
    free(stream->name);
    free(stream->arn);
    free(stream);
}

struct kinesis_shard *kinesis_shard_new(struct kinesis_stream *stream)
{
    const size_t index = stream->stored_count;
    assert(index < KINESIS_SHARDS_MAX);
    struct kinesis_shard *shard = mr_calloc(1, sizeof *shard);
    pthread_mutex_init(&shard->lock, NULL);
    shard->index = (uint32_t)index;
    shard->parent = shard->adjacent = -1;
    shard->stored_end = INT64_MAX;
    atomic_init(&shard->end, INT64_MAX);
    stream->shards[index] = shard;
    stream->stored_count = index + 1;
    return shard;
}

static void write_hash(struct mr_json *json, const char *name, kinesis_hash hash)
{
    char text[48];
    mr_json_key_string(json, name, kinesis_hash_print(hash, text));
}

static void write_shard(struct mr_json *json, const struct kinesis_shard *shard)
{
    mr_json_object(json);
    mr_json_key_int(json, "window", shard->window);
    mr_json_key_int(json, "start", shard->start);
    if (shard->stored_end != INT64_MAX) {
        mr_json_key_int(json, "end", shard->stored_end);
        mr_json_key_int(json, "closed_ms", shard->closed_ms);
    }
    mr_json_key_int(json, "created_ms", shard->created_ms);
    write_hash(json, "hash_start", shard->hash_start);
    write_hash(json, "hash_end", shard->hash_end);
    mr_json_key_int(json, "parent", shard->parent);
    mr_json_key_int(json, "adjacent", shard->adjacent);
    mr_json_object_end(json);
}

struct mr_slice kinesis_document(struct kinesis_stream *stream, struct mr_arena *arena)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "arn", stream->arn);
    mr_json_key_int(&json, "created_ms", stream->created_ms);
    pthread_rwlock_rdlock(&stream->lock);
    kinesis_settings_write(&json, stream);
    pthread_rwlock_unlock(&stream->lock);
    mr_json_key(&json, "shards");
    mr_json_array(&json);
    for (size_t i = 0; i < stream->stored_count; i++)
        write_shard(&json, stream->shards[i]);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

enum mr_status kinesis_save(struct kinesis *kinesis, struct kinesis_stream *stream,
                            int64_t *ret_ticket)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    enum mr_status status = MR_NOT_FOUND;
    pthread_mutex_lock(&stream->change); /* a document never goes behind a newer one */
    if (!kinesis_stream_deleted(stream)) {
        store_doc_put(&entry, "kinesis", "stream", mr_slice_cstr(stream->name),
                      kinesis_document(stream, &arena));
        status = store_commit(kinesis->options.store, &entry, ret_ticket);
        if (status == MR_OK)
            atomic_store(&stream->changed, *ret_ticket);
    }
    pthread_mutex_unlock(&stream->change);
    mr_arena_fini(&arena);
    return status;
}

/* ---- loading ---- */

static bool load_shard(struct kinesis_stream *stream, yyjson_val *doc)
{
    struct kinesis_shard *shard = kinesis_shard_new(stream);
    shard->window = (uint32_t)mr_json_get_i64(doc, "window", 0);
    shard->start = mr_json_get_i64(doc, "start", 0);
    shard->stored_end = mr_json_get_i64(doc, "end", INT64_MAX);
    shard->closed_ms = mr_json_get_i64(doc, "closed_ms", 0);
    atomic_store(&shard->end, shard->stored_end);
    shard->created_ms = mr_json_get_i64(doc, "created_ms", 0);
    shard->parent = (int)mr_json_get_i64(doc, "parent", -1);
    shard->adjacent = (int)mr_json_get_i64(doc, "adjacent", -1);
    return shard->window != 0 &&
           kinesis_hash_parse(mr_json_get_text(doc, "hash_start"), &shard->hash_start) == MR_OK &&
           kinesis_hash_parse(mr_json_get_text(doc, "hash_end"), &shard->hash_end) == MR_OK;
}

static enum mr_status load_stream(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct kinesis *kinesis = ctx;
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *doc = mr_json_parse(&arena, text, 8);
    struct kinesis_stream *stream = stream_new(name, mr_json_get_text(doc, "arn"));
    atomic_init(&stream->state, KINESIS_ACTIVE);
    stream->created_ms = mr_json_get_i64(doc, "created_ms", 0);
    kinesis_settings_load(stream, doc);
    if (kinesis_has_policy(stream))
        atomic_store(&kinesis->guarded, true);
    bool good = doc != NULL;
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(doc, "shards"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL)
        good = load_shard(stream, item) && good;
    atomic_store(&stream->shard_count, stream->stored_count);
    kinesis_routes_set(stream);
    mr_arena_fini(&arena);
    if (!good) {
        kinesis_stream_free(stream);
        return MR_RAISE(MR_FAIL_DATA, "the document of stream '%.*s' is damaged", MR_ARG(name));
    }
    kinesis_meters_init(kinesis, stream);
    (void)mr_map_put(&kinesis->streams, name, stream);
    return MR_OK;
}

MR_MUST_USE static enum mr_status load_all(struct kinesis *kinesis)
{
    return store_doc_each(kinesis->options.store, "kinesis", "stream", MR_S(""), load_stream,
                          kinesis);
}

/* The oldest position that is inside the retention period of any stream. */
static int64_t floor_of(void *ctx)
{
    struct kinesis *kinesis = ctx;
    const int64_t now_ms = store_now(kinesis->options.store);
    int64_t lowest = INT64_MAX;
    size_t cursor = 0;
    struct mr_slice name;
    void *value;
    pthread_rwlock_rdlock(&kinesis->lock);
    while (mr_map_next(&kinesis->streams, &cursor, &name, &value)) {
        struct kinesis_stream *stream = value;
        const int64_t horizon = kinesis_horizon(kinesis, stream, stream->shards[0], now_ms);
        lowest = horizon < lowest ? horizon : lowest;
    }
    pthread_rwlock_unlock(&kinesis->lock);
    return lowest;
}

enum mr_status kinesis_open(struct kinesis **ret_kinesis, const struct kinesis_options *options)
{
    struct kinesis *kinesis = mr_calloc(1, sizeof *kinesis);
    kinesis->options = *options;
    pthread_rwlock_init(&kinesis->lock, NULL);
    pthread_mutex_init(&kinesis->create, NULL);
    kinesis_subscriptions_init(kinesis);
    const enum mr_status status = load_all(kinesis);
    if (status != MR_OK) {
        kinesis_close(kinesis);
        return status;
    }
    store_floor_register(options->store, "kinesis streams", floor_of, kinesis);
    *ret_kinesis = kinesis;
    return MR_OK;
}

void kinesis_stop(struct kinesis *kinesis)
{
    if (kinesis != NULL)
        kinesis_subscriptions_stop(kinesis);
}

void kinesis_close(struct kinesis *kinesis)
{
    if (kinesis == NULL)
        return;
    store_floor_unregister(kinesis->options.store, kinesis);
    kinesis_subscriptions_fini(kinesis);
    size_t cursor = 0;
    struct mr_slice name;
    void *stream;
    while (mr_map_next(&kinesis->streams, &cursor, &name, &stream))
        kinesis_release(kinesis, stream);
    mr_map_fini(&kinesis->streams);
    pthread_mutex_destroy(&kinesis->create);
    pthread_rwlock_destroy(&kinesis->lock);
    free(kinesis);
}

void kinesis_register(struct kinesis *kinesis, struct protocol *protocol)
{
    const struct {
        const struct protocol_handler *handlers;
        size_t count;
    } all[] = {
        {kinesis_control_handlers, kinesis_control_handler_count},
        {kinesis_put_handlers, kinesis_put_handler_count},
        {kinesis_get_handlers, kinesis_get_handler_count},
        {kinesis_shard_handlers, kinesis_shard_handler_count},
        {kinesis_setting_handlers, kinesis_setting_handler_count},
        {kinesis_tag_handlers, kinesis_tag_handler_count},
        {kinesis_consumer_handlers, kinesis_consumer_handler_count},
        {kinesis_subscribe_handlers, kinesis_subscribe_handler_count},
    };
    for (size_t i = 0; i < MR_COUNT(all); i++)
        protocol_register(protocol, "kinesis", all[i].handlers, all[i].count, kinesis);
    protocol_on_call(protocol, "kinesis", kinesis_authorize, kinesis);
}

/* ---- finding ---- */

static struct mr_slice name_of(struct mr_slice name_or_arn)
{
    if (!mr_slice_starts_with(name_or_arn, MR_S("arn:")))
        return name_or_arn;
    const size_t at = mr_slice_search(name_or_arn, MR_S(":stream/"));
    return at == SIZE_MAX ? MR_S("") : mr_slice_sub(name_or_arn, at + 8, SIZE_MAX);
}

struct kinesis_stream *kinesis_find(struct kinesis *kinesis, struct mr_slice name_or_arn)
{
    pthread_rwlock_rdlock(&kinesis->lock);
    struct kinesis_stream *stream = mr_map_get(&kinesis->streams, name_of(name_or_arn));
    if (stream != NULL && atomic_load(&stream->state) == KINESIS_ACTIVE)
        atomic_fetch_add(&stream->refs, 1);
    else
        stream = NULL;
    pthread_rwlock_unlock(&kinesis->lock);
    return stream;
}

void kinesis_release(struct kinesis *kinesis, struct kinesis_stream *stream)
{
    (void)kinesis;
    if (stream != NULL && atomic_fetch_sub(&stream->refs, 1) == 1)
        kinesis_stream_free(stream);
}

struct mr_slice kinesis_stream_name(const struct kinesis_stream *stream)
{
    return mr_slice_cstr(stream->name);
}

struct mr_slice kinesis_stream_arn(const struct kinesis_stream *stream)
{
    return mr_slice_cstr(stream->arn);
}

bool kinesis_stream_deleted(const struct kinesis_stream *stream)
{
    return atomic_load(&stream->deleted);
}

size_t kinesis_shard_count(const struct kinesis_stream *stream)
{
    return atomic_load(&stream->shard_count);
}

void kinesis_shard_id(uint32_t index, char ret[static KINESIS_ID_TEXT])
{
    (void)snprintf(ret, KINESIS_ID_TEXT, "shardId-%012u", index);
}

enum mr_status kinesis_shard_get(const struct kinesis_stream *stream, size_t index,
                                 struct kinesis_shard_info *ret_info)
{
    if (index >= atomic_load(&stream->shard_count))
        return MR_NOT_FOUND;
    const struct kinesis_shard *shard = stream->shards[index];
    kinesis_shard_id((uint32_t)index, ret_info->id);
    ret_info->window = shard->window;
    ret_info->start = shard->start;
    ret_info->end = atomic_load(&shard->end);
    ret_info->parent = shard->parent;
    ret_info->adjacent = shard->adjacent;
    return MR_OK;
}

enum mr_status kinesis_shard_index(struct mr_slice id, uint32_t *ret_index)
{
    struct mr_slice rest = id, part;
    uint64_t index;
    if (mr_slice_split(&rest, '-', &part)) {
        const struct mr_slice second = mr_slice_sub(rest, 0, mr_slice_find(rest, '-'));
        id = second.len > 0 ? second : id;
    }
    if (mr_slice_to_u64(id, &index) != MR_OK || index > INT32_MAX)
        return MR_INVALID;
    *ret_index = (uint32_t)index;
    return MR_OK;
}

struct kinesis_shard *kinesis_shard_by_id(struct kinesis_stream *stream, struct mr_slice id)
{
    uint32_t index;
    if (kinesis_shard_index(id, &index) != MR_OK || index >= atomic_load(&stream->shard_count))
        return NULL;
    return stream->shards[index];
}

size_t kinesis_record_bytes_max(const struct kinesis_stream *stream)
{
    struct kinesis_stream *mutable = (struct kinesis_stream *)(uintptr_t)stream;
    pthread_rwlock_rdlock(&mutable->lock);
    const size_t bytes = (size_t)stream->locked.record_kib * 1024;
    pthread_rwlock_unlock(&mutable->lock);
    return bytes;
}

int64_t kinesis_retention_ms(struct kinesis_stream *stream)
{
    pthread_rwlock_rdlock(&stream->lock);
    const int64_t kept_ms = stream->locked.retention_hours * 3600000;
    pthread_rwlock_unlock(&stream->lock);
    return kept_ms;
}

int64_t kinesis_horizon(struct kinesis *kinesis, struct kinesis_stream *stream,
                        const struct kinesis_shard *shard, int64_t now_ms)
{
    const int64_t kept_ms = kinesis_retention_ms(stream);
    int64_t horizon = shard->start;
    struct journal *journal = store_journal(kinesis->options.store);
    if (now_ms - kept_ms > shard->created_ms) {
        const int64_t position = journal_seek_time(journal, now_ms - kept_ms);
        horizon = position > horizon ? position : horizon;
    }
    const int64_t first = journal_first(journal);
    return first > horizon ? first : horizon;
}

void kinesis_stats_get(const struct kinesis_stream *stream, struct kinesis_stats *ret_stats)
{
    ret_stats->records_in = atomic_load(&stream->records_in);
    ret_stats->bytes_in = atomic_load(&stream->bytes_in);
}

/* ---- making and deleting ---- */

static void cut_hash_space(struct kinesis_stream *stream, size_t shards, int64_t now_ms)
{
    for (size_t i = 0; i < shards; i++) {
        struct kinesis_shard *shard = kinesis_shard_new(stream);
        shard->created_ms = now_ms;
        shard->hash_start = kinesis_uniform_start(i, shards);
        shard->hash_end = kinesis_uniform_start(i + 1, shards) - 1; /* of the last: 0 - 1 */
    }
    atomic_store(&stream->shard_count, shards);
    kinesis_routes_set(stream);
}

enum mr_status kinesis_create(struct kinesis *kinesis, const struct kinesis_create *create,
                              int64_t *ret_ticket)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store *store = kinesis->options.store;
    pthread_mutex_lock(&kinesis->create);
    pthread_rwlock_rdlock(&kinesis->lock);
    const bool exists = mr_map_get(&kinesis->streams, create->name) != NULL;
    pthread_rwlock_unlock(&kinesis->lock);
    enum mr_status status = MR_EXISTS;
    if (!exists) {
        const struct mr_slice arn =
            mr_arena_printf(&arena, "arn:aws:kinesis:%.*s:%.*s:stream/%.*s", MR_ARG(create->region),
                            MR_ARG(create->account), MR_ARG(create->name));
        struct kinesis_stream *stream = stream_new(create->name, arn);
        stream->created_ms = create->now_ms;
        stream->locked.on_demand = create->on_demand;
        stream->locked.retention_hours = create->retention_hours;
        stream->locked.record_kib = create->record_kib;
        stream->locked.warm_mibps = create->warm_mibps;
        stream->locked.tags = mr_strdup_slice(create->tags);
        cut_hash_space(stream, create->shards, create->now_ms);
        struct store_entry entry = store_entry_make(&arena);
        const int64_t start = journal_tail(store_journal(store));
        for (size_t i = 0; i < create->shards; i++) {
            stream->shards[i]->window = store_window_new(store, &entry);
            stream->shards[i]->start = start;
        }
        store_doc_put(&entry, "kinesis", "stream", create->name, kinesis_document(stream, &arena));
        status = store_commit(store, &entry, ret_ticket);
        if (status == MR_OK) {
            kinesis_set_state(stream, KINESIS_ACTIVE);
            kinesis_meters_init(kinesis, stream);
            pthread_rwlock_wrlock(&kinesis->lock);
            (void)mr_map_put(&kinesis->streams, create->name, stream);
            pthread_rwlock_unlock(&kinesis->lock);
        } else {
            kinesis_stream_free(stream);
        }
    }
    pthread_mutex_unlock(&kinesis->create);
    mr_arena_fini(&arena);
    return status;
}

/* Under all shard locks, so that no put is between its check and its commit. */
static void close_for_ever(struct kinesis_stream *stream)
{
    const size_t count = atomic_load(&stream->shard_count);
    for (size_t i = 0; i < count; i++)
        pthread_mutex_lock(&stream->shards[i]->lock);
    atomic_store(&stream->deleted, true);
    for (size_t i = count; i-- > 0;)
        pthread_mutex_unlock(&stream->shards[i]->lock);
}

enum mr_status kinesis_delete(struct kinesis *kinesis, struct kinesis_stream *stream,
                              int64_t *ret_ticket)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    const struct mr_slice name = mr_slice_cstr(stream->name);
    pthread_mutex_lock(&kinesis->create);
    pthread_rwlock_rdlock(&kinesis->lock);
    const bool present = mr_map_get(&kinesis->streams, name) == stream;
    pthread_rwlock_unlock(&kinesis->lock);
    enum mr_status status = MR_NOT_FOUND;
    if (present) {
        kinesis_set_state(stream, KINESIS_DELETING);
        pthread_mutex_lock(&stream->change);
        close_for_ever(stream);
        pthread_mutex_unlock(&stream->change); /* no document is written behind this */
        store_doc_delete(&entry, "kinesis", "stream", name);
        status = store_commit(kinesis->options.store, &entry, ret_ticket);
        pthread_rwlock_wrlock(&kinesis->lock);
        (void)mr_map_remove(&kinesis->streams, name);
        pthread_rwlock_unlock(&kinesis->lock);
        kinesis_subscriptions_end(kinesis, stream, MR_S(""));
        kinesis_release(kinesis, stream); /* the map's reference */
    }
    pthread_mutex_unlock(&kinesis->create);
    mr_arena_fini(&arena);
    return status;
}

/* ---- all of them ---- */

size_t kinesis_stream_open_shards(const struct kinesis_stream *stream)
{
    return atomic_load(&stream->routes)->count;
}

size_t kinesis_open_shards(struct kinesis *kinesis, bool provisioned)
{
    size_t open = 0, cursor = 0;
    struct mr_slice name;
    void *value;
    pthread_rwlock_rdlock(&kinesis->lock);
    while (mr_map_next(&kinesis->streams, &cursor, &name, &value)) {
        struct kinesis_stream *stream = value;
        pthread_rwlock_rdlock(&stream->lock);
        if (!provisioned || !stream->locked.on_demand)
            open += kinesis_stream_open_shards(stream);
        pthread_rwlock_unlock(&stream->lock);
    }
    pthread_rwlock_unlock(&kinesis->lock);
    return open;
}

size_t kinesis_on_demand_streams(struct kinesis *kinesis)
{
    size_t count = 0, cursor = 0;
    struct mr_slice name;
    void *value;
    pthread_rwlock_rdlock(&kinesis->lock);
    while (mr_map_next(&kinesis->streams, &cursor, &name, &value)) {
        struct kinesis_stream *stream = value;
        pthread_rwlock_rdlock(&stream->lock);
        count += stream->locked.on_demand;
        pthread_rwlock_unlock(&stream->lock);
    }
    pthread_rwlock_unlock(&kinesis->lock);
    return count;
}

static int by_name(const void *a, const void *b)
{
    const struct kinesis_stream *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void kinesis_each(struct kinesis *kinesis, void (*fn)(void *ctx, struct kinesis_stream *stream),
                  void *ctx)
{
    pthread_rwlock_rdlock(&kinesis->lock);
    const size_t count = kinesis->streams.count;
    struct kinesis_stream **all = mr_calloc(count + 1, sizeof(struct kinesis_stream *));
    size_t cursor = 0, filled = 0;
    struct mr_slice name;
    void *value;
    while (mr_map_next(&kinesis->streams, &cursor, &name, &value)) {
        all[filled] = value;
        atomic_fetch_add(&all[filled++]->refs, 1);
    }
    pthread_rwlock_unlock(&kinesis->lock);
    qsort(all, filled, sizeof(struct kinesis_stream *), by_name);
    for (size_t i = 0; i < filled; i++) {
        fn(ctx, all[i]);
        kinesis_release(kinesis, all[i]);
    }
    free(all);
}
