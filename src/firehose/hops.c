/* Where the delivery streams stand, for the chain's watermark and waits. */
#include "firehose/internal.h"

/* Of a source that the pump has not taken up yet: as stored, unless that is of an earlier stream of
 * the same name. */
static int64_t stored_position(struct delivery *delivery, struct mr_arena *arena, const char *id,
                               int64_t start)
{
    int64_t position;
    const enum mr_status status =
        store_cursor_get(delivery->firehose->options.store,
                         delivery_cursor_name(arena, delivery, mr_slice_cstr(id)), &position);
    return status == MR_OK && position > start ? position : start;
}

static void add_window(struct delivery *delivery, struct hop_list *list, struct hop *hop,
                       const struct kinesis_shard_info *shard)
{
    int64_t passed = -1;
    pthread_mutex_lock(&delivery->lock);
    for (size_t i = 0; i < delivery->locked.place_count; i++)
        if (strcmp(delivery->locked.places[i].id, shard->id) == 0)
            passed = delivery->locked.places[i].passed;
    pthread_mutex_unlock(&delivery->lock);
    if (passed < shard->start)
        passed = stored_position(delivery, list->arena, shard->id, shard->start);
    hop_window_add(
        list, hop,
        &(struct hop_window){.window = shard->window, .passed = passed, .end = shard->end});
}

static void add_shards(struct delivery *delivery, struct hop_list *list, struct hop *hop,
                       struct mr_slice stream_arn)
{
    struct kinesis *kinesis = delivery->firehose->options.kinesis;
    struct kinesis_stream *stream = kinesis_find(kinesis, stream_arn);
    const size_t count = stream == NULL ? 0 : kinesis_shard_count(stream);
    for (size_t i = 0; i < count; i++) {
        struct kinesis_shard_info shard;
        if (kinesis_shard_get(stream, i, &shard) == MR_OK)
            add_window(delivery, list, hop, &shard);
    }
    kinesis_release(kinesis, stream);
}

static struct mr_slice name_in(struct mr_slice arn, char separator)
{
    struct mr_slice name = {0};
    while (mr_slice_split(&arn, separator, &name))
        continue;
    return name;
}

static void add_hop(void *ctx, struct delivery *delivery)
{
    struct hop_list *list = ctx;
    struct hop *hop = hop_list_add(list, "delivery", mr_slice_cstr(delivery->name));
    pthread_mutex_lock(&delivery->lock);
    yyjson_val *source = mr_json_parse(list->arena, mr_slice_cstr(delivery->locked.source), 8);
    yyjson_val *destination =
        mr_json_parse(list->arena, mr_slice_cstr(delivery->locked.destination), 32);
    hop->reason = mr_arena_copy(list->arena, mr_slice_cstr(delivery->locked.last_error));
    pthread_mutex_unlock(&delivery->lock);
    const struct mr_slice stream = mr_json_get_text(source, "KinesisStreamARN");
    const struct mr_slice bucket = name_in(mr_json_get_text(destination, "BucketARN"), ':');
    hop->state = delivery_state_name((enum delivery_state)atomic_load(&delivery->state));
    hop->sink = mr_arena_printf(list->arena, "bucket/%.*s", MR_ARG(bucket));
    if (delivery->window != 0) {
        struct kinesis_shard_info direct = {
            .id = FIREHOSE_DIRECT, .window = delivery->window, .end = INT64_MAX};
        hop->source = mr_arena_printf(list->arena, "delivery/%s", delivery->name);
        add_window(delivery, list, hop, &direct);
    } else {
        hop->source = mr_arena_printf(list->arena, "stream/%.*s", MR_ARG(name_in(stream, '/')));
        add_shards(delivery, list, hop, stream);
    }
}

void firehose_hops(struct firehose *firehose, struct hop_list *list)
{
    firehose_each(firehose, add_hop, list);
}

void firehose_flush(struct firehose *firehose, struct mr_slice name, int64_t position)
{
    struct delivery *delivery = delivery_find(firehose, name);
    if (delivery == NULL)
        return;
    if (atomic_load(&delivery->flush) < position) {
        atomic_store(&delivery->flush, position);
        /* Or the pump might be gone. Who holds it deletes, or changes and wakes the pump. */
        if (pthread_mutex_trylock(&delivery->change) == 0) {
            if (delivery->pump != NULL)
                runtime_pump_wake(delivery->pump);
            pthread_mutex_unlock(&delivery->change);
        }
    }
    delivery_unref(delivery);
}
