/* Putting records: route, lock the shards in ascending order, commit one entry.
 *
 * The shard of a record is the open shard whose hash range holds the MD5 of its key. Closing a
 * shard holds its lock while it sets `end` and the routes; so a route is looked up, its shard
 * locked, and looked at again under the lock. */
#include "kinesis/internal.h"
#include "base/point.h"
#include <stdlib.h>

static int by_hash(const void *a, const void *b)
{
    const struct kinesis_shard *const *left = a, *const *right = b;
    return (*left)->hash_start < (*right)->hash_start ? -1 : 1;
}

void kinesis_routes_set(struct kinesis_stream *stream)
{
    const size_t all = atomic_load(&stream->shard_count);
    struct kinesis_routes *routes =
        mr_calloc(1, sizeof *routes + all * sizeof(struct kinesis_shard *));
    for (size_t i = 0; i < all; i++)
        if (atomic_load(&stream->shards[i]->end) == INT64_MAX)
            routes->shards[routes->count++] = stream->shards[i];
    qsort(routes->shards, routes->count, sizeof(struct kinesis_shard *), by_hash);
    routes->older = atomic_load(&stream->routes);
    atomic_store(&stream->routes, routes);
}

void kinesis_routes_free(struct kinesis_stream *stream)
{
    struct kinesis_routes *routes = atomic_load(&stream->routes);
    while (routes != NULL) {
        struct kinesis_routes *older = routes->older;
        free(routes);
        routes = older;
    }
}

/* The last open shard that does not start behind the hash: together they cover all hashes. */
static struct kinesis_shard *route(const struct kinesis_routes *routes, kinesis_hash hash)
{
    size_t low = 0, high = routes->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (routes->shards[middle]->hash_start <= hash)
            low = middle;
        else
            high = middle;
    }
    return routes->shards[low];
}

/* One bit a shard. */
struct shard_set {
    uint64_t bits[(KINESIS_SHARDS_MAX + 63) / 64];
};

static void lock_all(struct kinesis_stream *stream, const struct shard_set *set)
{
    const size_t count = atomic_load(&stream->shard_count);
    for (size_t i = 0; i < count; i++)
        if (set->bits[i / 64] >> (i % 64) & 1U)
            pthread_mutex_lock(&stream->shards[i]->lock);
}

static void unlock_all(struct kinesis_stream *stream, const struct shard_set *set)
{
    const size_t count = atomic_load(&stream->shard_count);
    for (size_t i = count; i-- > 0;)
        if (set->bits[i / 64] >> (i % 64) & 1U)
            pthread_mutex_unlock(&stream->shards[i]->lock);
}

static kinesis_hash hash_of(const struct kinesis_record *record)
{
    kinesis_hash hash;
    if (record->explicit_hash.len > 0 && kinesis_hash_parse(record->explicit_hash, &hash) == MR_OK)
        return hash;
    return kinesis_hash_key(record->partition_key);
}

struct kinesis_shard *kinesis_route(const struct kinesis_stream *stream,
                                    const struct kinesis_record *record)
{
    return route(atomic_load(&stream->routes), hash_of(record));
}

/* Fills records[].shard and the set. */
static void route_all(const struct kinesis_stream *stream, struct kinesis_record *records,
                      size_t count, struct shard_set *set)
{
    const struct kinesis_routes *routes = atomic_load(&stream->routes);
    *set = (struct shard_set){{0}};
    for (size_t i = 0; i < count; i++) {
        const struct kinesis_shard *shard = route(routes, hash_of(&records[i]));
        records[i].shard = shard->index;
        set->bits[shard->index / 64] |= (uint64_t)1 << (shard->index % 64);
    }
}

static bool all_open(const struct kinesis_stream *stream, const struct kinesis_record *records,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (atomic_load(&stream->shards[records[i].shard]->end) != INT64_MAX)
            return false;
    return true;
}

static void measure_shards(struct kinesis_stream *stream, const struct kinesis_record *records,
                           size_t count)
{
    if (atomic_load_explicit(&stream->measured, memory_order_relaxed) == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        kinesis_meter_shard(stream, records[i].shard, KINESIS_SHARD_IN_RECORDS, 1);
        kinesis_meter_shard(stream, records[i].shard, KINESIS_SHARD_IN_BYTES, records[i].data.len);
        kinesis_meter_shard(stream, records[i].shard, KINESIS_SHARD_WRITE_EXCEEDED, 0);
    }
}

enum mr_status kinesis_put(struct kinesis *kinesis, struct kinesis_stream *stream,
                           struct kinesis_record *records, size_t count, struct store_entry *entry,
                           int64_t *ret_ticket)
{
    struct shard_set set;
    for (;;) {
        route_all(stream, records, count, &set);
        lock_all(stream, &set);
        if (all_open(stream, records, count))
            break;
        unlock_all(stream, &set);
    }
    enum mr_status status = MR_NOT_FOUND;
    if (!kinesis_stream_deleted(stream)) {
        const size_t before = entry->count;
        uint64_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            (void)store_entry_append(entry, stream->shards[records[i].shard]->window,
                                     records[i].partition_key, records[i].data);
            bytes += records[i].data.len;
        }
        mr_point(MR_POINT_KINESIS_PUT);
        status = store_commit(kinesis->options.store, entry, ret_ticket);
        mr_point(MR_POINT_KINESIS_PUT_DONE);
        for (size_t i = 0; status == MR_OK && i < count; i++) {
            records[i].position = entry->ops[before + i].position;
            records[i].arrival_ms = entry->ops[before + i].time_ms;
        }
        if (status == MR_OK) {
            atomic_fetch_add(&stream->records_in, count);
            atomic_fetch_add(&stream->bytes_in, bytes);
            kinesis_meter(stream, KINESIS_IN_RECORDS, count);
            kinesis_meter(stream, KINESIS_IN_BYTES, bytes);
            kinesis_meter(stream, KINESIS_WRITE_EXCEEDED, 0);
            measure_shards(stream, records, count);
        }
    }
    unlock_all(stream, &set);
    return status;
}
