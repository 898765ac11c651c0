/* Where the pipes stand, for the chain's watermark and waits. */
#include "pipes/internal.h"

/* "arn:aws:kinesis:us-east-1:000000000000:stream/changes" -> "stream/changes" */
static struct mr_slice place_of(struct mr_arena *arena, struct mr_slice arn)
{
    struct mr_slice rest = arn, service = {0}, part;
    for (int i = 0; i < 5 && mr_slice_split(&rest, ':', &part); i++)
        service = i == 2 ? part : service;
    if (mr_slice_equal(service, MR_S("lambda")))
        return mr_arena_printf(arena, "function/%.*s",
                               MR_ARG(mr_slice_sub(rest, sizeof "function:" - 1, SIZE_MAX)));
    if (mr_slice_equal(service, MR_S("logs")))
        return mr_arena_printf(arena, "log/%.*s",
                               MR_ARG(mr_slice_sub(rest, sizeof "log-group:" - 1, SIZE_MAX)));
    const size_t slash = mr_slice_find(rest, '/');
    const struct mr_slice name = mr_slice_sub(rest, slash == SIZE_MAX ? 0 : slash + 1, SIZE_MAX);
    if (mr_slice_equal(service, MR_S("firehose")))
        return mr_arena_printf(arena, "delivery/%.*s", MR_ARG(name));
    if (mr_slice_equal(service, MR_S("kinesis")))
        return mr_arena_printf(arena, "stream/%.*s", MR_ARG(name));
    const size_t end = mr_slice_find(name, '/'); /* table/orders/stream/LABEL */
    return mr_arena_printf(arena, "table/%.*s", MR_ARG(mr_slice_sub(name, 0, end)));
}

/* Of a shard without a lane (the pipe stands, or the shard's parents are being read): as stored. */
static int64_t stored_position(const struct pipe *pipe, struct mr_arena *arena,
                               const struct pipe_shard_info *shard)
{
    int64_t position;
    const enum mr_status status = store_cursor_get(
        pipe->pipes->options.store, pipe_cursor_name(arena, pipe, shard->id, 0), &position);
    return status == MR_OK ? position : shard->start;
}

static int64_t passed_locked(const struct pipe *pipe, struct mr_arena *arena,
                             const struct pipe_shard_info *shard)
{
    int64_t passed = INT64_MAX;
    bool found = false;
    for (size_t i = 0; i < pipe->locked.lane_count; i++) {
        struct pipe_lane *lane = pipe->locked.lanes[i];
        if (strcmp(lane->shard.id, shard->id) != 0)
            continue;
        const int64_t own = atomic_load(&lane->passed);
        passed = own < passed ? own : passed;
        found = true;
    }
    return found ? passed : stored_position(pipe, arena, shard);
}

static void add_windows(struct pipe *pipe, struct hop_list *list, struct hop *hop,
                        struct mr_slice source_arn)
{
    struct pipe_source_handle source = {0};
    const struct pipe_config config = {
        .source = source_arn,
        .source_kind = mr_slice_starts_with(hop->source, MR_S("table/")) ? PIPE_SOURCE_TABLE
                                                                         : PIPE_SOURCE_KINESIS,
    };
    if (pipe_source_open(&source, pipe->pipes, &config) != MR_OK)
        return; /* gone: nothing of it can be carried any more */
    struct mr_arena scratch;
    mr_arena_init(&scratch);
    struct pipe_shard_info *shards;
    const size_t count = pipe_source_shards(&source, &scratch, &shards);
    pthread_mutex_lock(&pipe->lock);
    for (size_t i = 0; i < count; i++)
        hop_window_add(list, hop,
                       &(struct hop_window){
                           .window = shards[i].window,
                           .passed = passed_locked(pipe, &scratch, &shards[i]),
                           .end = shards[i].end,
                       });
    pthread_mutex_unlock(&pipe->lock);
    mr_arena_fini(&scratch);
    pipe_source_close(&source);
}

static void add_hop(void *ctx, struct pipe *pipe)
{
    struct hop_list *list = ctx;
    struct hop *hop = hop_list_add(list, "pipe", mr_slice_cstr(pipe->name));
    pthread_mutex_lock(&pipe->lock);
    yyjson_val *doc = mr_json_parse(list->arena, mr_slice_cstr(pipe->locked.doc), 32);
    hop->reason = mr_arena_copy(list->arena, mr_slice_cstr(pipe->locked.reason));
    pthread_mutex_unlock(&pipe->lock);
    const struct mr_slice source = mr_json_get_text(doc, "Source");
    hop->state = pipe_state_name((enum pipe_state)atomic_load(&pipe->state));
    hop->source = place_of(list->arena, source);
    hop->sink = place_of(list->arena, mr_json_get_text(doc, "Target"));
    add_windows(pipe, list, hop, source);
}

void pipes_hops(struct pipes *pipes, struct hop_list *list)
{
    pipes_each(pipes, add_hop, list);
}

void pipes_flush(struct pipes *pipes, struct mr_slice name, int64_t position)
{
    struct pipe *pipe = pipe_find(pipes, name);
    if (pipe == NULL)
        return;
    if (atomic_load(&pipe->flush) < position) {
        atomic_store(&pipe->flush, position);
        pthread_mutex_lock(&pipe->lock);
        for (size_t i = 0; i < pipe->locked.lane_count; i++)
            if (pipe->locked.lanes[i]->pump != NULL)
                runtime_pump_wake(pipe->locked.lanes[i]->pump);
        pthread_mutex_unlock(&pipe->lock);
    }
    pipe_unref(pipe);
}
