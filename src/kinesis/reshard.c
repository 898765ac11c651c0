/* Splitting, merging and scaling: shards are closed and their children opened in one entry.
 *
 *   1. a plan is made under the stream's `change`: shards to close, shards to make (those that a
 *      scaling passes through are made and closed at once, and never hold a record);
 *   2. under the locks of the shards to close, so that no put is in between: the tail of the
 *      journal is where they end and where their children begin; the document that says so is the
 *      one op of the entry;
 *   3. once the entry is appended, and still under the locks, memory follows: children, ends,
 *      routes. In memory the end is the ticket of the entry: who has read up to it knows that the
 *      closing is durable, so a cursor behind the end never outlives a closing that was lost.
 *
 * A record goes into a child only behind the entry, so a reader that finishes the parents first
 * sees each key's records in the order of their puts. */
#include "kinesis/internal.h"
#include "base/point.h"
#include "base/log.h"
#include <assert.h>
#include <stdlib.h>

struct plan {
    struct kinesis_stream *stream;
    int64_t now_ms;
    size_t first; /* index of the first shard made */
    /* The open shards as planned so far, in order of hashes; those that were open before and are to
     * be closed. Owned. */
    struct kinesis_shard **open, **closing;
    size_t open_count, closing_count;
    bool full; /* more than KINESIS_SHARDS_MAX */
};

kinesis_hash kinesis_uniform_start(size_t i, size_t n)
{
    /* AWS: width floor(2^128/n); shard i starts at i*width; the last ends at 2^128-1. */
    const kinesis_hash max = ~(kinesis_hash)0;
    kinesis_hash width = max / n;
    if (max % n == n - 1)
        width++; /* n divides 2^128 */
    return i == n ? 0 : width * i;
}

static void plan_begin(struct plan *plan, struct kinesis_stream *stream, int64_t now_ms)
{
    pthread_mutex_lock(&stream->change);
    const struct kinesis_routes *routes = atomic_load(&stream->routes);
    *plan = (struct plan){.stream = stream, .now_ms = now_ms, .first = stream->stored_count};
    plan->open = mr_calloc(KINESIS_SHARDS_MAX, sizeof(struct kinesis_shard *));
    plan->closing = mr_calloc(routes->count, sizeof(struct kinesis_shard *));
    plan->open_count = routes->count;
    memcpy(plan->open, routes->shards, routes->count * sizeof(struct kinesis_shard *));
}

static void plan_end(struct plan *plan)
{
    free(plan->open);
    free(plan->closing);
    pthread_mutex_unlock(&plan->stream->change);
}

static struct kinesis_shard *plan_shard(struct plan *plan, kinesis_hash start, kinesis_hash end,
                                        const struct kinesis_shard *parent,
                                        const struct kinesis_shard *adjacent)
{
    struct kinesis_shard *shard = kinesis_shard_new(plan->stream);
    shard->hash_start = start;
    shard->hash_end = end;
    shard->parent = (int)parent->index;
    shard->adjacent = adjacent == NULL ? -1 : (int)adjacent->index;
    shard->created_ms = plan->now_ms;
    return shard;
}

static bool plan_has_room(struct plan *plan, size_t more)
{
    plan->full = plan->full || plan->stream->stored_count + more > KINESIS_SHARDS_MAX;
    return !plan->full;
}

static bool is_closing(const struct kinesis_shard *shard)
{
    return shard->stored_end != INT64_MAX && atomic_load(&shard->end) == INT64_MAX;
}

/* Marks a shard to be closed; the real end is set when the entry is made. */
static void plan_close(struct plan *plan, struct kinesis_shard *shard)
{
    shard->stored_end = 0;
    shard->closed_ms = plan->now_ms;
}

/* Splits the planned shard `at` before the hash. */
static void plan_split(struct plan *plan, size_t at, kinesis_hash hash)
{
    struct kinesis_shard *shard = plan->open[at];
    if (!plan_has_room(plan, 2))
        return;
    plan_close(plan, shard);
    memmove(&plan->open[at + 2], &plan->open[at + 1],
            (plan->open_count - at - 1) * sizeof(struct kinesis_shard *));
    plan->open[at] = plan_shard(plan, shard->hash_start, hash - 1, shard, NULL);
    plan->open[at + 1] = plan_shard(plan, hash, shard->hash_end, shard, NULL);
    plan->open_count++;
}

/* Merges the planned shards `at` and `at` + 1. `first` names the parent that stands first. */
static void plan_merge(struct plan *plan, size_t at, const struct kinesis_shard *first)
{
    struct kinesis_shard *low = plan->open[at], *high = plan->open[at + 1];
    if (!plan_has_room(plan, 1))
        return;
    plan_close(plan, low);
    plan_close(plan, high);
    plan->open[at] =
        plan_shard(plan, low->hash_start, high->hash_end, first, first == low ? high : low);
    plan->open_count--;
    memmove(&plan->open[at + 1], &plan->open[at + 2],
            (plan->open_count - at - 1) * sizeof(struct kinesis_shard *));
}

/* Takes the plan back: nothing of it has left this file. */
static void plan_undo(struct plan *plan)
{
    struct kinesis_stream *stream = plan->stream;
    for (size_t i = 0; i < plan->first; i++)
        if (is_closing(stream->shards[i]))
            stream->shards[i]->stored_end = INT64_MAX;
    while (stream->stored_count > plan->first) {
        struct kinesis_shard *shard = stream->shards[--stream->stored_count];
        stream->shards[stream->stored_count] = NULL;
        pthread_mutex_destroy(&shard->lock);
        free(shard);
    }
}

/* ---- carrying it out ---- */

static void lock_closing(struct plan *plan)
{
    for (size_t i = 0; i < plan->first; i++)
        if (is_closing(plan->stream->shards[i]))
            plan->closing[plan->closing_count++] = plan->stream->shards[i];
    for (size_t i = 0; i < plan->closing_count; i++)
        pthread_mutex_lock(&plan->closing[i]->lock);
}

static void unlock_closing(struct plan *plan)
{
    for (size_t i = plan->closing_count; i-- > 0;)
        pthread_mutex_unlock(&plan->closing[i]->lock);
}

/* Under the locks, behind the commit: what the document says becomes true. */
static void publish(struct plan *plan, int64_t ticket)
{
    struct kinesis_stream *stream = plan->stream;
    atomic_store(&stream->shard_count, stream->stored_count);
    for (size_t i = 0; i < stream->stored_count; i++)
        if (is_closing(stream->shards[i]))
            atomic_store(&stream->shards[i]->end, ticket);
    kinesis_routes_set(stream);
    atomic_store(&stream->changed, ticket);
}

static enum mr_status commit_locked(struct kinesis *kinesis, struct plan *plan, int64_t *ret_ticket)
{
    struct kinesis_stream *stream = plan->stream;
    struct store *store = kinesis->options.store;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    const int64_t end = journal_tail(store_journal(store));
    for (size_t i = 0; i < stream->stored_count; i++) {
        struct kinesis_shard *shard = stream->shards[i];
        if (i >= plan->first) {
            shard->window = store_window_new(store, &entry);
            shard->start = end;
        }
        if (is_closing(shard))
            shard->stored_end = end;
    }
    store_doc_put(&entry, "kinesis", "stream", mr_slice_cstr(stream->name),
                  kinesis_document(stream, &arena));
    mr_point(MR_POINT_KINESIS_RESHARD);
    const enum mr_status status = store_commit(store, &entry, ret_ticket);
    mr_point(MR_POINT_KINESIS_RESHARDED);
    mr_arena_fini(&arena);
    return status;
}

static enum mr_status carry_out(struct kinesis *kinesis, struct plan *plan, int64_t *ret_ticket)
{
    struct kinesis_stream *stream = plan->stream;
    if (plan->full) {
        plan_undo(plan);
        return MR_FULL;
    }
    if (stream->stored_count == plan->first) { /* nothing to do */
        *ret_ticket = atomic_load(&stream->changed);
        return MR_OK;
    }
    lock_closing(plan);
    const enum mr_status status =
        kinesis_stream_deleted(stream) ? MR_NOT_FOUND : commit_locked(kinesis, plan, ret_ticket);
    if (status == MR_OK)
        publish(plan, *ret_ticket);
    unlock_closing(plan);
    if (status == MR_OK)
        mr_log(MR_LOG_INFO, "kinesis", "stream %s: %zu open shards, %zu in all", stream->name,
               plan->open_count, stream->stored_count);
    else
        plan_undo(plan);
    return status;
}

/* Index of an open shard in the plan; SIZE_MAX: it is closed. */
static size_t plan_find(const struct plan *plan, const struct kinesis_shard *shard)
{
    for (size_t i = 0; i < plan->open_count; i++)
        if (plan->open[i] == shard)
            return i;
    return SIZE_MAX;
}

enum mr_status kinesis_split(struct kinesis *kinesis, struct kinesis_stream *stream,
                             struct kinesis_shard *shard, kinesis_hash hash, int64_t now_ms,
                             int64_t *ret_ticket)
{
    assert(hash > shard->hash_start && hash <= shard->hash_end);
    struct plan plan;
    plan_begin(&plan, stream, now_ms);
    const size_t at = plan_find(&plan, shard);
    enum mr_status status = MR_INVALID;
    if (at != SIZE_MAX) {
        plan_split(&plan, at, hash);
        status = carry_out(kinesis, &plan, ret_ticket);
    }
    plan_end(&plan);
    return status;
}

enum mr_status kinesis_merge(struct kinesis *kinesis, struct kinesis_stream *stream,
                             struct kinesis_shard *first, struct kinesis_shard *second,
                             int64_t now_ms, int64_t *ret_ticket)
{
    struct kinesis_shard *low = first->hash_start < second->hash_start ? first : second;
    struct kinesis_shard *high = low == first ? second : first;
    assert(low->hash_end + 1 == high->hash_start);
    struct plan plan;
    plan_begin(&plan, stream, now_ms);
    const size_t at = plan_find(&plan, low);
    enum mr_status status = MR_INVALID;
    if (at != SIZE_MAX && plan_find(&plan, high) == at + 1) {
        plan_merge(&plan, at, first);
        status = carry_out(kinesis, &plan, ret_ticket);
    }
    plan_end(&plan);
    return status;
}

/* Cuts so that some shard starts at the hash. */
static void cut_at(struct plan *plan, kinesis_hash hash)
{
    size_t at = 0;
    while (plan->open[at]->hash_end < hash)
        at++;
    if (plan->open[at]->hash_start != hash)
        plan_split(plan, at, hash);
}

enum mr_status kinesis_scale(struct kinesis *kinesis, struct kinesis_stream *stream, size_t target,
                             int64_t now_ms, int64_t *ret_ticket)
{
    assert(target > 0);
    struct plan plan;
    plan_begin(&plan, stream, now_ms);
    for (size_t i = 1; i < target && !plan.full; i++)
        cut_at(&plan, kinesis_uniform_start(i, target));
    for (size_t i = 0; i < target && !plan.full; i++)
        while (!plan.full && plan.open[i]->hash_end != kinesis_uniform_start(i + 1, target) - 1)
            plan_merge(&plan, i, plan.open[i]);
    assert(plan.full || plan.open_count == target);
    const enum mr_status status = carry_out(kinesis, &plan, ret_ticket);
    plan_end(&plan);
    return status;
}

void kinesis_reshard_wake(struct kinesis *kinesis, struct kinesis_stream *stream)
{
    const size_t count = kinesis_shard_count(stream);
    for (size_t i = 0; i < count; i++)
        if (atomic_load(&stream->shards[i]->end) != INT64_MAX)
            runtime_window_moved(kinesis->options.runtime, stream->shards[i]->window);
}
