/* The wire: listing shards, splitting, merging, scaling. */
#include "kinesis/internal.h"

enum { TOKEN_LIFE_MS = 300000, TOKEN_PARTS = 5 };

/* ---- ListShards ---- */

enum filter_type {
    FILTER_NONE,
    FILTER_AFTER_SHARD_ID,
    FILTER_AT_TRIM_HORIZON,
    FILTER_FROM_TRIM_HORIZON,
    FILTER_AT_LATEST,
    FILTER_AT_TIMESTAMP,
    FILTER_FROM_TIMESTAMP,
    FILTER_TYPES
};
static const char *const filter_names[FILTER_TYPES] = {
    "",          "AFTER_SHARD_ID", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON",
    "AT_LATEST", "AT_TIMESTAMP",   "FROM_TIMESTAMP",
};

struct shard_filter {
    enum filter_type type;
    int64_t time_ms;
    size_t after; /* index of the first shard behind ShardId */
    size_t from;  /* where this page begins */
};

static struct kinesis_stream *fail_token(struct protocol_call *call)
{
    protocol_fail(call, &kinesis_invalid_argument, "NextToken is invalid.");
    return NULL;
}

/* A token: "<made, ms>:<from>:<type>:<time, ms>:<after>:<stream name>". */
static struct mr_slice token_print(struct protocol_call *call, const struct kinesis_stream *stream,
                                   const struct shard_filter *filter, size_t from)
{
    return mr_arena_printf(call->arena, "%lld:%zu:%d:%lld:%zu:%s", (long long)call->now_ms, from,
                           (int)filter->type, (long long)filter->time_ms, filter->after,
                           stream->name);
}

static struct kinesis_stream *stream_of_token(struct protocol_call *call, struct mr_slice token,
                                              struct shard_filter *filter)
{
    int64_t numbers[TOKEN_PARTS];
    for (size_t i = 0; i < TOKEN_PARTS; i++) {
        struct mr_slice part;
        if (!mr_slice_split(&token, ':', &part) || mr_slice_to_i64(part, &numbers[i]) != MR_OK ||
            numbers[i] < 0)
            return fail_token(call);
    }
    if (numbers[2] >= FILTER_TYPES)
        return fail_token(call);
    if (call->now_ms - numbers[0] > TOKEN_LIFE_MS) {
        protocol_fail(call, &kinesis_expired_token, "NextToken expired.");
        return NULL;
    }
    *filter = (struct shard_filter){
        .type = (enum filter_type)numbers[2],
        .time_ms = numbers[3],
        .after = (size_t)numbers[4],
        .from = (size_t)numbers[1],
    };
    struct kinesis_stream *stream = kinesis_find(call->service, token);
    if (stream == NULL)
        kinesis_fail_not_found(call, token);
    return stream;
}

/* Reads ShardFilter; false with the fault set. */
static bool read_filter(struct protocol_call *call, struct kinesis_stream *stream,
                        struct shard_filter *filter)
{
    yyjson_val *wanted = mr_json_get(call->in, "ShardFilter");
    const struct mr_slice type = mr_json_get_text(wanted, "Type");
    const struct mr_slice id = mr_json_get_text(wanted, "ShardId");
    yyjson_val *time = mr_json_get(wanted, "Timestamp");
    filter->from = kinesis_index_after(stream, mr_json_get_text(call->in, "ExclusiveStartShardId"));
    for (int i = 0; i < FILTER_TYPES; i++)
        if (mr_slice_equal(type, mr_slice_cstr(filter_names[i])))
            filter->type = (enum filter_type)i;
    const bool wants_id = filter->type == FILTER_AFTER_SHARD_ID;
    const bool wants_time =
        filter->type == FILTER_AT_TIMESTAMP || filter->type == FILTER_FROM_TIMESTAMP;
    if (wants_id != (id.len > 0) || wants_time != (time != NULL)) {
        protocol_fail(call, &kinesis_invalid_argument, "ShardFilter of type %s takes %s.",
                      filter_names[filter->type],
                      wants_id     ? "a ShardId"
                      : wants_time ? "a Timestamp"
                                   : "neither a ShardId nor a Timestamp");
        return false;
    }
    filter->after = kinesis_index_after(stream, id);
    filter->time_ms = (int64_t)(mr_json_double(time, 0) * 1000.0 + 0.01);
    return true;
}

/* Closed shards belong to an answer as long as one of their records may be kept. `horizon`: the
 * oldest position that is kept. */
static bool filter_takes(const struct shard_filter *filter, const struct kinesis_shard *shard,
                         int64_t horizon)
{
    const int64_t end = atomic_load(&shard->end);
    const bool open_later = end == INT64_MAX || shard->closed_ms > filter->time_ms;
    if (end <= horizon)
        return false;
    switch (filter->type) {
    case FILTER_AFTER_SHARD_ID: return shard->index >= filter->after;
    case FILTER_AT_TRIM_HORIZON: return shard->start <= horizon;
    case FILTER_AT_LATEST: return end == INT64_MAX;
    case FILTER_AT_TIMESTAMP: return shard->created_ms <= filter->time_ms && open_later;
    case FILTER_FROM_TIMESTAMP: return open_later;
    case FILTER_NONE:
    case FILTER_FROM_TRIM_HORIZON:
    case FILTER_TYPES: break;
    }
    return true;
}

static void write_shards(struct protocol_call *call, struct kinesis_stream *stream,
                         const struct shard_filter *filter)
{
    const int64_t limit = mr_json_get_i64(call->in, "MaxResults", 1000);
    const int64_t horizon = kinesis_horizon(call->service, stream, stream->shards[0], call->now_ms);
    const size_t count = kinesis_shard_count(stream);
    size_t i = filter->from;
    mr_json_key(&call->out, "Shards");
    mr_json_array(&call->out);
    for (int64_t n = 0; i < count; i++) {
        if (!filter_takes(filter, stream->shards[i], horizon))
            continue;
        if (n == limit)
            break;
        kinesis_write_shard(&call->out, stream->shards[i]);
        n++;
    }
    mr_json_array_end(&call->out);
    if (i < count)
        mr_json_key_string(&call->out, "NextToken", token_print(call, stream, filter, i));
    kinesis_show_durable(call, stream);
}

static void list_shards(struct protocol_call *call)
{
    const struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    const bool named =
        mr_json_get(call->in, "StreamName") != NULL || mr_json_get(call->in, "StreamARN") != NULL;
    if (token.len == 0 && !named) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "Either NextToken or StreamName should be provided.");
        return;
    }
    if (token.len > 0 && named) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "NextToken and StreamName cannot be provided together.");
        return;
    }
    static const char *const others[] = {"ExclusiveStartShardId", "StreamCreationTimestamp"};
    if (!kinesis_token_alone(call, others, MR_COUNT(others)))
        return;
    struct shard_filter filter = {0};
    struct kinesis_stream *stream =
        token.len > 0 ? stream_of_token(call, token, &filter) : kinesis_stream_of(call);
    if (stream == NULL)
        return;
    if (token.len > 0 || (kinesis_created_then(call, stream) && read_filter(call, stream, &filter)))
        write_shards(call, stream, &filter);
    kinesis_release(call->service, stream);
}

/* ---- SplitShard, MergeShards, UpdateShardCount ---- */

static bool is_provisioned(struct protocol_call *call, struct kinesis_stream *stream)
{
    pthread_rwlock_rdlock(&stream->lock);
    const bool on_demand = stream->locked.on_demand;
    pthread_rwlock_unlock(&stream->lock);
    if (on_demand)
        protocol_fail(call, &kinesis_validation,
                      "Request is invalid. Stream %s under account %.*s is in On-Demand mode.",
                      stream->name, MR_ARG(call->account));
    return !on_demand;
}

static struct kinesis_shard *shard_named(struct protocol_call *call, struct kinesis_stream *stream,
                                         const char *member)
{
    struct mr_slice id = mr_json_get_text(call->in, member);
    struct kinesis_shard *shard = kinesis_shard_by_id(stream, id);
    uint32_t index;
    if (shard == NULL && kinesis_shard_index(id, &index) == MR_OK) /* AWS: tells the whole name */
        id = mr_arena_printf(call->arena, "shardId-%012u", index);
    if (shard == NULL)
        protocol_fail(call, &kinesis_not_found,
                      "Could not find shard %.*s in stream %s under account %.*s.", MR_ARG(id),
                      stream->name, MR_ARG(call->account));
    return shard;
}

/* What came of closing shards; those who wait at their ends are told once that is durable. */
static void answer(struct protocol_call *call, struct kinesis_stream *stream, enum mr_status status,
                   const struct kinesis_shard *shard)
{
    struct kinesis *kinesis = call->service;
    if (status == MR_OK)
        status = store_wait(kinesis->options.store, call->ticket);
    if (status == MR_OK)
        kinesis_reshard_wake(kinesis, stream);
    else if (status == MR_NOT_FOUND)
        kinesis_fail_not_found(call, kinesis_stream_name(stream));
    else if (status == MR_FULL)
        protocol_fail(
            call, &kinesis_limit,
            "Stream %s under account %.*s would have had more than %d shards in its life.",
            stream->name, MR_ARG(call->account), KINESIS_SHARDS_MAX);
    else if (status == MR_INVALID)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Shard shardId-%012u in stream %s under account %.*s has already been merged "
                      "or split, and thus is not eligible for merging or splitting.",
                      shard->index, stream->name, MR_ARG(call->account));
    protocol_fail_internal(call, status);
}

static void split_named(struct protocol_call *call, struct kinesis_stream *stream)
{
    struct kinesis_shard *shard = shard_named(call, stream, "ShardToSplit");
    if (shard == NULL || !is_provisioned(call, stream) || kinesis_exceeds_limit(call, 1))
        return;
    const struct mr_slice text = mr_json_get_text(call->in, "NewStartingHashKey");
    kinesis_hash hash;
    char start[48], end[48];
    if (kinesis_hash_parse(text, &hash) != MR_OK || hash <= shard->hash_start + 1 ||
        hash <= shard->hash_start || hash >= shard->hash_end) {
        protocol_fail(
            call, &kinesis_invalid_argument,
            "NewStartingHashKey %.*s used in SplitShard() on shard shardId-%012u in stream "
            "%s under account %.*s is not both greater than one plus the shard's "
            "StartingHashKey %.*s and less than the shard's EndingHashKey %.*s.",
            MR_ARG(text), shard->index, stream->name, MR_ARG(call->account),
            MR_ARG(kinesis_hash_print(shard->hash_start, start)),
            MR_ARG(kinesis_hash_print(shard->hash_end, end)));
        return;
    }
    answer(call, stream,
           kinesis_split(call->service, stream, shard, hash, call->now_ms, &call->ticket), shard);
}

static void split_shard(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    split_named(call, stream);
    kinesis_release(call->service, stream);
}

static void merge_named(struct protocol_call *call, struct kinesis_stream *stream)
{
    struct kinesis_shard *first = shard_named(call, stream, "ShardToMerge");
    struct kinesis_shard *second =
        first == NULL ? NULL : shard_named(call, stream, "AdjacentShardToMerge");
    if (second == NULL || !is_provisioned(call, stream))
        return;
    /* AWS: in this order only. The last hash of all plus one is 0, which no neighbour starts with.
     */
    const bool adjacent = second->hash_start != 0 && first->hash_end + 1 == second->hash_start;
    if (!adjacent) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "Shards shardId-%012u and shardId-%012u in stream %s under account %.*s are "
                      "not an adjacent pair of shards eligible for merging",
                      first->index, second->index, stream->name, MR_ARG(call->account));
        return;
    }
    const struct kinesis_shard *closed =
        atomic_load(&first->end) != INT64_MAX ? first : second; /* for the words alone */
    answer(call, stream,
           kinesis_merge(call->service, stream, first, second, call->now_ms, &call->ticket),
           closed);
}

static void merge_shards(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    merge_named(call, stream);
    kinesis_release(call->service, stream);
}

/* AWS: from half to double of what is open. */
static bool target_fits(struct protocol_call *call, size_t open, size_t target)
{
    if (target <= open * 2 && target * 2 >= open)
        return true;
    protocol_fail(call, &kinesis_limit,
                  "UpdateShardCount cannot scale %s your current open shard count. Current open "
                  "shard count: %zu Target shard count: %zu",
                  target > open ? "up over double" : "down below half", open, target);
    return false;
}

/* Counts the scaling among the day's; false with the fault set. */
static bool has_turn(struct protocol_call *call, struct kinesis_stream *stream)
{
    pthread_rwlock_wrlock(&stream->lock);
    const bool has = kinesis_day_add(&stream->locked.scalings, KINESIS_SCALINGS_MAX, call->now_ms);
    pthread_rwlock_unlock(&stream->lock);
    if (!has)
        protocol_fail(
            call, &kinesis_limit,
            "Stream %s under account %.*s was scaled %d times in the last 24 hours, which "
            "is the limit of UpdateShardCount.",
            stream->name, MR_ARG(call->account), KINESIS_SCALINGS_MAX);
    return has;
}

static void scale_to(struct protocol_call *call, struct kinesis_stream *stream, size_t target)
{
    const size_t open = kinesis_stream_open_shards(stream);
    if (!is_provisioned(call, stream) || !target_fits(call, open, target) ||
        (target > open && kinesis_exceeds_limit(call, target - open)) || !has_turn(call, stream))
        return;
    const enum mr_status status =
        kinesis_scale(call->service, stream, target, call->now_ms, &call->ticket);
    if (status != MR_OK) {
        pthread_rwlock_wrlock(&stream->lock);
        kinesis_day_undo(&stream->locked.scalings);
        pthread_rwlock_unlock(&stream->lock);
    }
    answer(call, stream, status, stream->shards[0]);
    mr_json_key_cstr(&call->out, "StreamName", stream->name);
    mr_json_key_int(&call->out, "CurrentShardCount", (int64_t)open);
    mr_json_key_int(&call->out, "TargetShardCount", (int64_t)target);
    mr_json_key_cstr(&call->out, "StreamARN", stream->arn);
}

static void update_shard_count(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    const int64_t target = mr_json_get_i64(call->in, "TargetShardCount", 0);
    scale_to(call, stream, (size_t)target);
    kinesis_release(call->service, stream);
}

const struct protocol_handler kinesis_shard_handlers[] = {
    {.operation = "ListShards", .run = list_shards},
    {.operation = "SplitShard", .run = split_shard},
    {.operation = "MergeShards", .run = merge_shards},
    {.operation = "UpdateShardCount", .run = update_shard_count},
};
const size_t kinesis_shard_handler_count = MR_COUNT(kinesis_shard_handlers);
