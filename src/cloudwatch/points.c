/* Minutes: VIEW_META "cloudwatch/point/<metric id>/<minute as 8 bytes, big-endian>" = count, sum,
 * minimum, maximum as the bits of doubles; then, where all values are known, { u32 number of pairs,
 * and of each its value and count }. */
#include "cloudwatch/internal.h"

enum { DROPS_MAX = 1000 };
static const struct mr_slice point_prefix = MR_S_INIT("cloudwatch/point/");

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

/* `keep`: where the values go; NULL: nowhere. */
static struct cw_sums read_sums(struct mr_arena *keep, struct mr_slice value)
{
    struct mr_reader reader = mr_reader_make(value);
    struct cw_sums sums = {0};
    sums.count = read_double(&reader);
    sums.sum = read_double(&reader);
    sums.min = read_double(&reader);
    sums.max = read_double(&reader);
    if (reader.failed)
        return (struct cw_sums){0};
    if (keep == NULL)
        return sums;
    const uint64_t left = value.len - 4 * sizeof(double);
    const uint32_t count = left < 4 ? 0 : mr_read_u32(&reader);
    if (count > 0 && count <= left / sizeof(struct cw_pair)) {
        sums.pairs = MR_NEW_ARRAY(keep, struct cw_pair, count);
        for (size_t i = 0; i < count; i++) {
            sums.pairs[i].value = read_double(&reader);
            sums.pairs[i].count = read_double(&reader);
        }
        sums.pair_count = count;
        sums.whole = true;
    }
    cw_sums_level(keep, &sums);
    return sums;
}

static void write_double(struct mr_buf *buf, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    mr_buf_u64(buf, bits);
}

static struct mr_slice write_sums(struct mr_arena *arena, const struct cw_sums *sums)
{
    const double values[] = {sums->count, sums->sum, sums->min, sums->max};
    struct mr_buf buf = {0};
    for (size_t i = 0; i < MR_COUNT(values); i++)
        write_double(&buf, values[i]);
    /* One that is level needs no pairs to be known. */
    if (sums->whole && sums->min != sums->max) {
        mr_buf_u32(&buf, (uint32_t)sums->pair_count);
        for (size_t i = 0; i < sums->pair_count; i++) {
            write_double(&buf, sums->pairs[i].value);
            write_double(&buf, sums->pairs[i].count);
        }
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
        sums = read_sums(entry->arena, op->value);
    else if (view_get(store_view(cloudwatch->options.store), VIEW_META, key, &old) == MR_OK)
        sums = read_sums(entry->arena, mr_buf_slice(&old));
    mr_buf_fini(&old);
    cw_sums_add(entry->arena, &sums, more);
    const struct mr_slice value = write_sums(entry->arena, &sums);
    if (op != NULL)
        op->value = value;
    else
        (void)store_entry_put(entry, VIEW_META, key, value);
}

enum mr_status cw_points_sum(struct cloudwatch *cloudwatch, const struct cw_metric *metric,
                             int64_t from_ms, int64_t period_ms, size_t count,
                             struct mr_arena *keep, struct cw_sums *sums)
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
        const struct cw_sums more = read_sums(keep, view_iterator_value(points));
        cw_sums_add(keep, &sums[at], &more);
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
