/* The registry: streams are made, found, closed, and forgotten a day after they were disabled. */
#include "streams/internal.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const view_names[] = {"", "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE",
                                         "NEW_AND_OLD_IMAGES"};

enum streams_view streams_view_parse(struct mr_slice text)
{
    for (int view = STREAMS_VIEW_KEYS_ONLY; view <= STREAMS_VIEW_NEW_AND_OLD_IMAGES; view++) {
        if (mr_slice_equal(text, mr_slice_cstr(view_names[view])))
            return (enum streams_view)view;
    }
    return STREAMS_VIEW_NONE;
}

const char *streams_view_name(enum streams_view view)
{
    return view_names[view];
}

/* ---- one stream ---- */

struct streams_stream *streams_alloc(struct streams *streams)
{
    struct streams_stream *stream = mr_calloc(1, sizeof(*stream));
    mr_arena_init(&stream->arena);
    atomic_init(&stream->references, 1);
    stream->streams = streams;
    return stream;
}

void streams_seed_ids(struct streams_stream *stream)
{
    uint8_t digest[16];
    mr_md5(mr_slice_cstr(stream->arn), digest);
    memcpy(stream->id_seed, digest, sizeof(digest));
}

struct streams_stream *streams_ref(struct streams_stream *stream)
{
    atomic_fetch_add_explicit(&stream->references, 1, memory_order_relaxed);
    return stream;
}

void streams_unref(struct streams_stream *stream)
{
    if (stream == NULL || atomic_fetch_sub(&stream->references, 1) != 1)
        return;
    free(stream->locked.shards.shards);
    free(stream->pending.shards);
    mr_arena_fini(&stream->arena);
    free(stream);
}

const char *streams_arn(const struct streams_stream *stream)
{
    return stream->arn;
}

const char *streams_label(const struct streams_stream *stream)
{
    return stream->label;
}

const char *streams_table(const struct streams_stream *stream)
{
    return stream->table;
}

const char *streams_region(const struct streams_stream *stream)
{
    return stream->region;
}

enum streams_view streams_view_type(const struct streams_stream *stream)
{
    return stream->view;
}

bool streams_is_enabled(const struct streams_stream *stream)
{
    pthread_rwlock_rdlock(&stream->streams->lock);
    bool enabled = stream->locked.enabled;
    pthread_rwlock_unlock(&stream->streams->lock);
    return enabled;
}

bool streams_is_gone(const struct streams_stream *stream, int64_t now_ms)
{
    return !stream->locked.enabled && now_ms - stream->locked.disabled_ms >= STREAMS_KEPT_MS;
}

/* ---- the registry ---- */

static void list_add_locked(struct streams *streams, struct streams_stream *stream)
{
    if (streams->locked.count == streams->locked.cap) {
        streams->locked.cap = streams->locked.cap == 0 ? 8 : streams->locked.cap * 2;
        streams->locked.list =
            mr_realloc(streams->locked.list, streams->locked.cap * sizeof(streams->locked.list[0]));
    }
    streams->locked.list[streams->locked.count++] = stream;
}

static int by_creation(const void *a, const void *b)
{
    const struct streams_stream *left = *(struct streams_stream *const *)a;
    const struct streams_stream *right = *(struct streams_stream *const *)b;
    if (left->created_ms != right->created_ms)
        return left->created_ms < right->created_ms ? -1 : 1;
    return strcmp(left->arn, right->arn);
}

static enum mr_status load_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct streams *streams = ctx;
    struct streams_stream *stream = streams_document_read(streams, json);
    if (stream == NULL)
        return MR_RAISE(MR_FAIL_DATA, "the document of stream '%.*s' cannot be read", MR_ARG(name));
    list_add_locked(streams, stream);
    return MR_OK;
}

/* Drops the streams whose last record has aged out; their documents' deletion joins the entry. */
static void sweep(struct streams *streams, int64_t now_ms, struct store_entry *entry)
{
    size_t kept = 0;
    pthread_rwlock_wrlock(&streams->lock);
    for (size_t i = 0; i < streams->locked.count; i++) {
        struct streams_stream *stream = streams->locked.list[i];
        if (streams_is_gone(stream, now_ms)) {
            streams_document_delete(stream, entry);
            streams_unref(stream);
        } else {
            streams->locked.list[kept++] = stream;
        }
    }
    streams->locked.count = kept;
    pthread_rwlock_unlock(&streams->lock);
}

/* The oldest position that a reader of any stream may still ask for. */
static int64_t floor_of(void *ctx)
{
    struct streams *streams = ctx;
    const int64_t now_ms = store_now(streams->store);
    int64_t start = INT64_MAX;
    pthread_rwlock_rdlock(&streams->lock);
    for (size_t i = 0; i < streams->locked.count; i++) {
        const struct streams_stream *stream = streams->locked.list[i];
        if (!streams_is_gone(stream, now_ms) && stream->locked.shards.shards[0].start < start)
            start = stream->locked.shards.shards[0].start;
    }
    pthread_rwlock_unlock(&streams->lock);
    if (start == INT64_MAX)
        return start;
    const int64_t horizon = streams_horizon(streams);
    return horizon > start ? horizon : start;
}

enum mr_status streams_open(struct streams **ret_streams, const struct streams_options *options)
{
    struct streams *streams = mr_calloc(1, sizeof(*streams));
    streams->store = options->store;
    streams->rng = options->rng;
    streams->meters = options->meters;
    pthread_rwlock_init(&streams->lock, NULL);
    enum mr_status status = store_doc_each(streams->store, "streams", "stream",
                                           (struct mr_slice){0}, load_one, streams);
    if (status < 0) {
        streams_close(streams);
        return status;
    }
    if (streams->locked.count > 0)
        qsort(streams->locked.list, streams->locked.count, sizeof(streams->locked.list[0]),
              by_creation);
    store_floor_register(streams->store, "table streams", floor_of, streams);
    *ret_streams = streams;
    return MR_OK;
}

void streams_close(struct streams *streams)
{
    if (streams == NULL)
        return;
    store_floor_unregister(streams->store, streams);
    for (size_t i = 0; i < streams->locked.count; i++)
        streams_unref(streams->locked.list[i]);
    free(streams->locked.list);
    pthread_rwlock_destroy(&streams->lock);
    free(streams);
}

struct streams_stream *streams_find(struct streams *streams, struct mr_slice arn)
{
    struct streams_stream *found = NULL;
    int64_t now_ms = store_now(streams->store);
    pthread_rwlock_rdlock(&streams->lock);
    for (size_t i = 0; found == NULL && i < streams->locked.count; i++) {
        struct streams_stream *stream = streams->locked.list[i];
        if (mr_slice_equal(mr_slice_cstr(stream->arn), arn) && !streams_is_gone(stream, now_ms))
            found = streams_ref(stream);
    }
    pthread_rwlock_unlock(&streams->lock);
    return found;
}

struct streams_stream **streams_list(struct streams *streams, struct mr_arena *arena,
                                     size_t *ret_count)
{
    int64_t now_ms = store_now(streams->store);
    pthread_rwlock_rdlock(&streams->lock);
    struct streams_stream **list =
        MR_NEW_ARRAY(arena, struct streams_stream *, streams->locked.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < streams->locked.count; i++) {
        if (!streams_is_gone(streams->locked.list[i], now_ms))
            list[count++] = streams_ref(streams->locked.list[i]);
    }
    pthread_rwlock_unlock(&streams->lock);
    *ret_count = count;
    return list;
}

/* ---- making and closing ---- */

static const char *label_of(struct mr_arena *arena, int64_t now_ms)
{
    struct mr_date date = mr_date_from_ms(now_ms);
    return mr_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", date.year, date.month,
                           date.day, date.hour, date.minute, date.second, date.ms)
        .ptr;
}

static bool arn_is_known(struct streams *streams, const char *arn)
{
    bool known = false;
    pthread_rwlock_rdlock(&streams->lock);
    for (size_t i = 0; i < streams->locked.count; i++)
        known = known || strcmp(streams->locked.list[i]->arn, arn) == 0;
    pthread_rwlock_unlock(&streams->lock);
    return known;
}

/* A label is a millisecond: a second stream within one takes the next. */
static void name_stream(struct streams_stream *stream, const struct streams_create *options)
{
    struct mr_arena *arena = &stream->arena;
    stream->created_ms = options->now_ms;
    for (;; stream->created_ms++) {
        stream->label = label_of(arena, stream->created_ms);
        stream->arn = mr_arena_printf(arena, "arn:aws:dynamodb:%s:%s:table/%s/stream/%s",
                                      stream->region, stream->account, stream->table, stream->label)
                          .ptr;
        if (!arn_is_known(stream->streams, stream->arn))
            break;
    }
    streams_seed_ids(stream);
}

struct streams_stream *streams_create(struct streams *streams, const struct streams_create *options,
                                      struct store_entry *entry)
{
    assert(options->partitions > 0 && options->partitions <= STREAMS_PARTITIONS_MAX);
    assert(options->key_count <= MR_COUNT(options->keys));
    sweep(streams, options->now_ms, entry);
    struct streams_stream *stream = streams_alloc(streams);
    struct mr_arena *arena = &stream->arena;
    stream->table = mr_arena_cstr(arena, options->table);
    stream->region = mr_arena_cstr(arena, options->region);
    stream->account = mr_arena_cstr(arena, options->account);
    stream->view = options->view;
    stream->key_count = options->key_count;
    for (size_t i = 0; i < options->key_count; i++) {
        stream->keys[i].name = mr_arena_copy(arena, options->keys[i].name);
        stream->keys[i].range = options->keys[i].range;
    }
    name_stream(stream, options);
    stream->partitions = options->partitions;
    streams_shards_make(stream, options->windows);
    stream->locked.enabled = true;
    streams_document_put(stream, &stream->locked.shards, 0, entry);
    return stream;
}

void streams_publish(struct streams *streams, struct streams_stream *stream)
{
    pthread_rwlock_wrlock(&streams->lock);
    list_add_locked(streams, streams_ref(stream));
    pthread_rwlock_unlock(&streams->lock);
}
