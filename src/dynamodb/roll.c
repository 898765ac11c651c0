/* Rolling and splitting the shards of tables' streams: AWS closes a shard after about four hours
 * and goes on in a child; and in two where a partition is split, because the table holds or is to
 * serve more than its partitions can. Once a minute the pump looks at every partition of every
 * table with a stream; one whose shards are old and have records, or are too few, is changed under
 * its lane, so that no change falls between a parent and its children. One pump, so one such change
 * of a stream at a time; a stream is disabled under all lanes, so not meanwhile. Like partitions on
 * AWS, shards are not merged when a table shrinks. */
#include "dynamodb/internal.h"
#include "base/log.h"
#include <stdlib.h>

enum { EVERY_MS = 60000 };

/* AWS: what a partition holds and serves. */
enum { PARTITION_READ = 3000, PARTITION_WRITE = 1000 };
static const int64_t partition_bytes = (int64_t)10 << 30;

static int64_t ceiling(int64_t amount, int64_t unit)
{
    return amount / unit + (amount % unit != 0);
}

size_t dynamodb_shards_wanted(const struct dynamodb_growth *growth, size_t partitions,
                              size_t partition)
{
    const int64_t needs[] = {ceiling(growth->bytes, partition_bytes),
                             ceiling(growth->read_units, PARTITION_READ),
                             ceiling(growth->write_units, PARTITION_WRITE)};
    int64_t wanted = (int64_t)partitions;
    for (size_t i = 0; i < MR_COUNT(needs); i++)
        wanted = needs[i] > wanted ? needs[i] : wanted;
    return ((size_t)wanted + partitions - 1 - partition) / partitions;
}

static struct dynamodb_growth growth_of(struct dynamodb_table *table)
{
    struct dynamodb_growth growth = {.bytes = dynamodb_table_sums(table).bytes};
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    dynamodb_warm_units(table->locked.on_demand, table->locked.read_units,
                        table->locked.write_units, &table->locked.tuning, &growth.read_units,
                        &growth.write_units);
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return growth;
}

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

static bool is_old_locked(struct dynamodb_table *table, size_t partition,
                          struct streams_stream *stream)
{
    struct dynamodb_lane *lane = &table->lanes[partition];
    int64_t due_ms;
    if (!streams_roll_is_due(stream, partition, store_now(table->dynamodb->store), &due_ms))
        return false;
    if (lane->locked.recorded)
        return true;
    if (lane->locked.searched || !streams_has_record(stream, partition)) {
        lane->locked.searched = true; /* once: what comes from now on is noted */
        return false;
    }
    return true;
}

static enum mr_status change_locked(struct dynamodb_table *table, size_t partition, size_t wanted,
                                    struct streams_stream *stream, struct store_entry *entry)
{
    struct store *store = table->dynamodb->store;
    const size_t open = streams_open_count(stream, partition);
    enum mr_status status = MR_FULL;
    int64_t ticket;
    const bool splits = open > 0 && open < wanted && open < STREAMS_SHARDS_OPEN_MAX;
    if (splits)
        status = streams_split(stream, partition, wanted, store_now(store), entry);
    else if (is_old_locked(table, partition, stream))
        status = streams_roll(stream, partition, store_now(store), entry);
    if (status == MR_FULL)
        return MR_OK;
    if (status == MR_OK)
        status = store_commit(store, entry, &ticket);
    if (status != MR_OK)
        return status;
    streams_roll_done(stream, ticket);
    table->lanes[partition].locked.recorded &= splits; /* some of them may have gone on */
    return MR_OK;
}

static enum mr_status change(struct dynamodb_table *table, size_t partition, size_t wanted,
                             struct mr_arena *arena)
{
    struct dynamodb_lane *lane = &table->lanes[partition];
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&lane->lock);
    struct streams_stream *stream = stream_of_locked(table, lane);
    if (stream != NULL) {
        struct store_entry entry = store_entry_make(arena);
        status = change_locked(table, partition, wanted, stream, &entry);
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
        const struct dynamodb_growth growth = growth_of(list[i]);
        for (size_t p = 0; p < list[i]->partitions && status >= 0; p++)
            status =
                change(list[i], p, dynamodb_shards_wanted(&growth, list[i]->partitions, p), &arena);
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
