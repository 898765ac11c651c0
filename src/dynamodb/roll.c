/* Rolling the shards of tables' streams: AWS closes a shard after about four hours and goes on in a
 * child. Once a minute the pump looks at every partition of every table with a stream; one whose
 * shard is old and has records is rolled under its lane, so that no change falls between the two.
 * One pump, so one roll of a stream at a time; a stream is disabled under all lanes, so not
 * meanwhile. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include <stdlib.h>

enum { EVERY_MS = 60000 };

/* The lane's stream, with a reference; NULL: none that takes changes. */
static struct streams_stream *stream_of_locked(struct dynamodb_table *table,
                                               const struct dynamodb_lane *lane)
{
    if (lane->locked.window == 0 || lane->locked.deleted)
        return NULL;
    struct streams_stream *stream = NULL;
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    if (table->locked.stream_enabled)
        stream = streams_ref(table->locked.stream);
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return stream;
}

static enum mr_status roll_locked(struct dynamodb_table *table, size_t partition,
                                  struct streams_stream *stream, struct store_entry *entry)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct dynamodb_lane *lane = &table->lanes[partition];
    const int64_t now_ms = store_now(dynamodb->store);
    int64_t due_ms, ticket;
    if (!streams_roll_is_due(stream, partition, now_ms, &due_ms))
        return MR_OK;
    if (!lane->locked.recorded) {
        if (lane->locked.searched || !streams_has_record(stream, partition)) {
            lane->locked.searched = true; /* once: what comes from now on is noted */
            return MR_OK;
        }
    }
    enum mr_status status = streams_roll(stream, partition, now_ms, entry);
    if (status == MR_FULL)
        return MR_OK;
    if (status == MR_OK)
        status = store_commit(dynamodb->store, entry, &ticket);
    if (status != MR_OK)
        return status;
    streams_roll_done(stream, ticket);
    lane->locked.recorded = false;
    return MR_OK;
}

static enum mr_status roll(struct dynamodb_table *table, size_t partition, struct mr_arena *arena)
{
    struct dynamodb_lane *lane = &table->lanes[partition];
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&lane->lock);
    struct streams_stream *stream = stream_of_locked(table, lane);
    if (stream != NULL) {
        struct store_entry entry = store_entry_make(arena);
        status = roll_locked(table, partition, stream, &entry);
    }
    dynamodb_lane_unlock(lane);
    streams_unref(stream);
    return status;
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct dynamodb *dynamodb = ctx;
    struct mr_arena arena;
    size_t count;
    enum mr_status status = MR_OK;
    mr_arena_init(&arena);
    struct dynamodb_table **list = dynamodb_table_list(dynamodb, &arena, &count);
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; p < list[i]->partitions && status >= 0; p++)
            status = roll(list[i], p, &arena);
        dynamodb_table_unref(list[i]);
    }
    mr_arena_fini(&arena);
    if (status < 0) {
        mr_log(MR_LOG_ERROR, "dynamodb", "streams' shards stay as they are until the restart");
        return RUNTIME_PUMP_DONE;
    }
    *ret_wake_ms = store_now(dynamodb->store) + EVERY_MS;
    return RUNTIME_PUMP_WAIT;
}

void dynamodb_rolls_open(struct dynamodb *dynamodb)
{
    dynamodb->rolls = runtime_pump_start(dynamodb->runtime, "dynamodb rolls", step, dynamodb);
}

void dynamodb_rolls_close(struct dynamodb *dynamodb)
{
    runtime_pump_stop(dynamodb->rolls);
    dynamodb->rolls = NULL;
}
