/* Minutes: VIEW_META "cloudwatch/point/<metric id>/<minute as 8 bytes, big-endian>" = count, sum,
 * minimum, maximum as the bits of doubles. */
#include "cloudwatch/internal.h"

enum { DROPS_MAX = 1000 };
static const struct mr_slice point_prefix = MR_S_INIT("cloudwatch/point/");

void cw_sums_add(struct cw_sums *sums, const struct cw_sums *more)
{
    if (more->count == 0)
        return;
    const bool empty = sums->count == 0;
    sums->min = empty || more->min < sums->min ? more->min : sums->min;
    sums->max = empty || more->max > sums->max ? more->max : sums->max;
    sums->count += more->count;
    sums->sum += more->sum;
}

static struct mr_slice key_prefix(struct mr_arena *arena, const struct cw_metric *metric)
{
    return mr_arena_printf(arena, "%.*s%s/", MR_ARG(point_prefix), metric->id);
}

static struct mr_slice key_of(struct mr_arena *arena, const struct cw_metric *metric,
                              int64_t time_ms)
{
    const struct mr_slice prefix = key_prefix(arena, metric);
    const uint64_t minute = (uint64_t)(time_ms / CLOUDWATCH_MINUTE_MS);
    char *key = mr_arena_alloc(arena, prefix.len + 8);
    memcpy(key, prefix.ptr, prefix.len);
    for (size_t i = 0; i < 8; i++)
        key[prefix.len + i] = (char)(minute >> (56 - 8 * i));
    return mr_slice_make(key, prefix.len + 8);
}

static int64_t time_of(struct mr_slice key)
{
    uint64_t minute = 0;
    for (size_t i = key.len - 8; i < key.len; i++)
        minute = minute << 8 | (uint8_t)key.ptr[i];
    return (int64_t)minute * CLOUDWATCH_MINUTE_MS;
}

static double read_double(struct mr_reader *reader)
{
    const uint64_t bits = mr_read_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static struct cw_sums read_sums(struct mr_slice value)
{
    struct mr_reader reader = mr_reader_make(value);
    struct cw_sums sums;
    sums.count = read_double(&reader);
    sums.sum = read_double(&reader);
    sums.min = read_double(&reader);
    sums.max = read_double(&reader);
    return reader.failed ? (struct cw_sums){0} : sums;
}

static struct mr_slice write_sums(struct mr_arena *arena, const struct cw_sums *sums)
{
    const double values[] = {sums->count, sums->sum, sums->min, sums->max};
    struct mr_buf buf = {0};
    for (size_t i = 0; i < MR_COUNT(values); i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        mr_buf_u64(&buf, bits);
    }
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* The op of the entry that already writes that key, or NULL. */
static struct journal_op *pending(struct store_entry *entry, struct mr_slice key)
{
    for (size_t i = 0; i < entry->count; i++)
        if (mr_slice_equal(entry->ops[i].key, key))
            return &entry->ops[i];
    return NULL;
}

void cw_point_add(struct cloudwatch *cloudwatch, struct store_entry *entry,
                  const struct cw_metric *metric, int64_t time_ms, const struct cw_sums *more)
{
    const struct mr_slice key = key_of(entry->arena, metric, time_ms);
    struct journal_op *op = pending(entry, key);
    struct cw_sums sums = {0};
    struct mr_buf old = {0};
    if (op != NULL)
        sums = read_sums(op->value);
    else if (view_get(store_view(cloudwatch->options.store), VIEW_META, key, &old) == MR_OK)
        sums = read_sums(mr_buf_slice(&old));
    mr_buf_fini(&old);
    cw_sums_add(&sums, more);
    const struct mr_slice value = write_sums(entry->arena, &sums);
    if (op != NULL)
        op->value = value;
    else
        (void)store_entry_put(entry, VIEW_META, key, value);
}

enum mr_status cw_points_sum(struct cloudwatch *cloudwatch, const struct cw_metric *metric,
                             int64_t from_ms, int64_t period_ms, size_t count, struct cw_sums *sums)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct view_iterator *points =
        view_iterate(store_view(cloudwatch->options.store), VIEW_META, key_prefix(&arena, metric));
    for (view_iterator_first(points); view_iterator_valid(points); view_iterator_next(points)) {
        const int64_t time_ms = time_of(view_iterator_key(points));
        if (time_ms < from_ms)
            continue;
        const size_t at = (size_t)((time_ms - from_ms) / period_ms);
        if (at >= count)
            break;
        const struct cw_sums more = read_sums(view_iterator_value(points));
        cw_sums_add(&sums[at], &more);
    }
    const enum mr_status status = view_iterator_status(points);
    view_iterator_free(points);
    mr_arena_fini(&arena);
    return status;
}

enum mr_status cw_points_drop(struct cloudwatch *cloudwatch, const struct cw_metric *metric,
                              int64_t before_ms)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct store_entry entry = store_entry_make(&arena);
    struct view_iterator *points =
        view_iterate(store_view(cloudwatch->options.store), VIEW_META, key_prefix(&arena, metric));
    for (view_iterator_first(points);
         view_iterator_valid(points) && time_of(view_iterator_key(points)) < before_ms &&
         entry.count < DROPS_MAX;
         view_iterator_next(points))
        (void)store_entry_delete(&entry, VIEW_META,
                                 mr_arena_copy(&arena, view_iterator_key(points)));
    view_iterator_free(points);
    int64_t ticket;
    const enum mr_status status =
        entry.count == 0 ? MR_OK : store_commit(cloudwatch->options.store, &entry, &ticket);
    mr_arena_fini(&arena);
    return status;
}
