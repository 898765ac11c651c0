/* Where the lanes of a pipe stand, as it is stored.
 *
 * Stored: VIEW_CURSOR "pipe/<id>/<shard>" and, of the lanes behind the first,
 * "pipe/<id>/<shard>/<number>": the position behind the last record that the lane carried or passed
 * over, INT64_MAX when it has read the shard to its end. A shard without any begins at its start.
 * "pipe-skips/<id>/<shard>": what lanes of an earlier factor carried beyond those positions: for
 * each such factor a u64 of it and as many u64 positions, little-endian. */
#include "pipes/internal.h"
#include <assert.h>
#include <stdio.h>

struct mr_slice pipe_cursor_name(struct mr_arena *arena, const struct pipe *pipe, const char *shard,
                                 int lane)
{
    return lane == 0 ? mr_arena_printf(arena, "pipe/%s/%s", pipe->id, shard)
                     : mr_arena_printf(arena, "pipe/%s/%s/%d", pipe->id, shard, lane);
}

static struct mr_slice skips_name(struct mr_arena *arena, const struct pipe *pipe,
                                  const char *shard)
{
    return mr_arena_printf(arena, "pipe-skips/%s/%s", pipe->id, shard);
}

enum mr_status pipe_cursors_begin(struct pipe *pipe, const struct pipe_config *config,
                                  struct store_entry *entry, int64_t now_ms)
{
    struct pipe_source_handle source = {0};
    const enum mr_status status = pipe_source_open(&source, pipe->pipes, config);
    if (status != MR_OK)
        return status;
    struct pipe_shard_info *shards;
    const size_t count = pipe_source_shards(&source, entry->arena, &shards);
    for (size_t i = 0; i < count; i++) {
        const int64_t position = pipe_source_position(&source, config, &shards[i], now_ms);
        for (int lane = 0; lane < config->factor; lane++)
            store_cursor_put(entry, pipe_cursor_name(entry->arena, pipe, shards[i].id, lane),
                             position);
    }
    pipe_source_close(&source);
    return MR_OK;
}

/* ---- skips ---- */

static enum mr_status load_skips(struct pipe *pipe, const char *shard, struct pipe_skip *skips,
                                 size_t *ret_count)
{
    struct mr_arena arena = {0};
    struct mr_buf value = {0};
    size_t count = 0;
    enum mr_status status = view_get(store_view(pipe->pipes->options.store), VIEW_CURSOR,
                                     skips_name(&arena, pipe, shard), &value);
    struct mr_reader reader = mr_reader_make(mr_buf_slice(&value));
    while (status == MR_OK && reader.next < reader.end) {
        const uint64_t factor = mr_read_u64(&reader);
        if (reader.failed || count == PIPE_SKIPS_MAX || factor > PIPE_FACTOR_MAX) {
            status = MR_RAISE(MR_FAIL_DATA, "the skips of pipe '%s' are damaged", pipe->name);
            break;
        }
        skips[count].factor = (int)factor;
        for (uint64_t i = 0; i < factor; i++)
            skips[count].positions[i] = (int64_t)mr_read_u64(&reader);
        count++;
    }
    mr_buf_fini(&value);
    mr_arena_fini(&arena);
    *ret_count = count;
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static int64_t greatest(const struct pipe_skip *skip)
{
    int64_t most = skip->positions[0];
    for (int i = 1; i < skip->factor; i++)
        most = skip->positions[i] > most ? skip->positions[i] : most;
    return most;
}

/* Writes those of the skips that reach beyond `from`. */
static void put_skips(struct pipe *pipe, const char *shard, const struct pipe_skip *skips,
                      size_t count, int64_t from, struct store_entry *entry)
{
    struct mr_buf value = {0};
    for (size_t i = 0; i < count; i++) {
        if (greatest(&skips[i]) <= from)
            continue;
        mr_buf_u64(&value, (uint64_t)skips[i].factor);
        for (int k = 0; k < skips[i].factor; k++)
            mr_buf_u64(&value, (uint64_t)skips[i].positions[k]);
    }
    const struct mr_slice name = skips_name(entry->arena, pipe, shard);
    if (value.len > 0)
        (void)store_entry_put(entry, VIEW_CURSOR, name,
                              mr_arena_copy(entry->arena, mr_buf_slice(&value)));
    else
        (void)store_entry_delete(entry, VIEW_CURSOR, name);
    mr_buf_fini(&value);
}

/* ---- lanes ---- */

/* The positions of a shard's lanes. MR_NOT_FOUND: none has begun. */
static enum mr_status lane_positions(struct pipe *pipe, struct mr_arena *arena,
                                     const struct pipe_shard_info *shard, int factor,
                                     struct pipe_skip *ret_lanes)
{
    bool any = false;
    *ret_lanes = (struct pipe_skip){.factor = factor};
    for (int i = 0; i < factor; i++) {
        ret_lanes->positions[i] = shard->start;
        const enum mr_status status =
            store_cursor_get(pipe->pipes->options.store,
                             pipe_cursor_name(arena, pipe, shard->id, i), &ret_lanes->positions[i]);
        if (status < 0)
            return status;
        any = any || status == MR_OK;
    }
    return any ? MR_OK : MR_NOT_FOUND;
}

static enum mr_status refactor_shard(struct pipe *pipe, const struct pipe_shard_info *shard,
                                     int before, int after, struct store_entry *entry)
{
    struct pipe_skip skips[PIPE_SKIPS_MAX + 1];
    size_t count = 0;
    struct pipe_skip lanes;
    enum mr_status status = lane_positions(pipe, entry->arena, shard, before, &lanes);
    if (status != MR_OK)
        return status == MR_NOT_FOUND ? MR_OK : status;
    status = load_skips(pipe, shard->id, skips, &count);
    if (status != MR_OK)
        return status;
    if (count == PIPE_SKIPS_MAX)
        return MR_FULL;
    int64_t slowest = lanes.positions[0];
    for (int i = 1; i < before; i++)
        slowest = lanes.positions[i] < slowest ? lanes.positions[i] : slowest;
    skips[count++] = lanes;
    put_skips(pipe, shard->id, skips, count, slowest, entry);
    for (int i = 0; i < after; i++)
        store_cursor_put(entry, pipe_cursor_name(entry->arena, pipe, shard->id, i), slowest);
    for (int i = after; i < before; i++)
        (void)store_entry_delete(entry, VIEW_CURSOR,
                                 pipe_cursor_name(entry->arena, pipe, shard->id, i));
    return MR_OK;
}

enum mr_status pipe_cursors_refactor(struct pipe *pipe, const struct pipe_config *config,
                                     int before, int after, struct store_entry *entry)
{
    struct pipe_source_handle source = {0};
    if (before == after || pipe_source_open(&source, pipe->pipes, config) != MR_OK)
        return MR_OK; /* without a source it never runs again */
    struct pipe_shard_info *shards;
    const size_t count = pipe_source_shards(&source, entry->arena, &shards);
    enum mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = refactor_shard(pipe, &shards[i], before, after, entry);
    pipe_source_close(&source);
    return status;
}

enum mr_status pipe_cursors_load(struct pipe_lane *lane, int64_t *ret_position)
{
    struct pipe *pipe = lane->pipe;
    *ret_position = lane->shard.start;
    enum mr_status status = store_cursor_get(
        pipe->pipes->options.store,
        pipe_cursor_name(&lane->arena, pipe, lane->shard.id, lane->number), ret_position);
    if (status ==
        MR_NOT_FOUND) /* so that the journal is kept for it however long the pipe stands */
        status = pipe_lane_commit(lane, *ret_position);
    if (status == MR_OK)
        status = load_skips(pipe, lane->shard.id, lane->skips, &lane->skip_count);
    mr_arena_reset(&lane->arena);
    return status;
}

static enum mr_status drop_below(struct pipe *pipe, struct mr_slice prefix,
                                 struct store_entry *entry)
{
    struct view_iterator *found =
        view_iterate(store_view(pipe->pipes->options.store), VIEW_CURSOR, prefix);
    for (view_iterator_first(found); view_iterator_valid(found); view_iterator_next(found))
        (void)store_entry_delete(entry, VIEW_CURSOR,
                                 mr_arena_copy(entry->arena, view_iterator_key(found)));
    const enum mr_status status = view_iterator_status(found);
    view_iterator_free(found);
    return status;
}

enum mr_status pipe_cursors_drop(struct pipe *pipe, struct store_entry *entry)
{
    const enum mr_status status =
        drop_below(pipe, pipe_cursor_name(entry->arena, pipe, "", 0), entry);
    return status == MR_OK ? drop_below(pipe, skips_name(entry->arena, pipe, ""), entry) : status;
}
