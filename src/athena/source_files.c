/* Which data files of an Iceberg table a WHERE clause leaves: by their partitions and bounds. */
#include "athena/prune_range.h"
#include "athena/source_iceberg.h"
#include "base/clock.h"

enum { DAY_MS = 86400000 };

struct mr_slice athena_source_iceberg_partition(struct mr_arena *arena,
                                                const struct iceberg_metadata *metadata,
                                                const struct iceberg_file *file)
{
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, file->spec_id);
    struct mr_buf text = {0};
    mr_buf_printf(&text, "%d", file->spec_id);
    for (size_t i = 0; spec != NULL && i < spec->count; i++) {
        const struct mr_slice value = file->partition[i];
        mr_buf_printf(&text, ",%lld:", value.ptr == NULL ? -1LL : (long long)value.len);
        mr_buf_append(&text, value);
    }
    const struct mr_slice made = mr_arena_copy(arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return made;
}

/* The first day of a month counted from January 1970. */
static int64_t month_start(int64_t month)
{
    const int64_t year = month >= 0 ? month / 12 : -((-month + 11) / 12);
    const struct mr_date date = {
        .year = (int)(1970 + year), .month = (int)(month - year * 12) + 1, .day = 1};
    return mr_date_to_ms(&date) / DAY_MS;
}

/* Bounds of a column by the year, month, day or hour that it was partitioned by. */
static void range_of_time(struct mr_arena *arena, const struct iceberg_partition_field *field,
                          int64_t number, struct athena_range *range)
{
    const bool date = range->type->kind == ICEBERG_DATE;
    const int64_t day_us = DAY_MS * 1000LL;
    int64_t from, to; /* microseconds, the second not within */
    if (number > 100000000 || number < -100000000 ||
        (!date && range->type->kind != ICEBERG_TIMESTAMP))
        return;
    switch (field->transform) {
    case ICEBERG_HOUR:
        from = number * (day_us / 24);
        to = from + day_us / 24;
        break;
    case ICEBERG_DAY:
        from = number * day_us;
        to = from + day_us;
        break;
    default: {
        const int64_t step = field->transform == ICEBERG_YEAR ? 12 : 1;
        if (number * step > 12 * 8000 || number * step < -12 * 1900)
            return; /* beyond the calendar */
        from = month_start(number * step) * day_us;
        to = month_start((number + 1) * step) * day_us;
    }
    }
    if (range->lower.ptr == NULL)
        range->lower = iceberg_value_number(arena, range->type, date ? from / day_us : from);
    if (range->upper.ptr == NULL)
        range->upper =
            iceberg_value_number(arena, range->type, date ? (to - day_us) / day_us : to - 1);
}

static void range_of_partition(struct mr_arena *arena, const struct iceberg_partition_field *field,
                               struct mr_slice value, struct athena_range *range)
{
    if (field->transform == ICEBERG_IDENTITY) {
        range->only_nulls = range->only_nulls || value.ptr == NULL;
        range->no_nulls = range->no_nulls || value.ptr != NULL;
        if (range->lower.ptr == NULL)
            range->lower = value;
        if (range->upper.ptr == NULL)
            range->upper = value;
    } else if (value.ptr != NULL && field->transform >= ICEBERG_YEAR &&
               field->transform <= ICEBERG_HOUR) {
        range_of_time(arena, field, iceberg_value_i64(value), range);
    }
}

static void range_of_stats(const struct iceberg_file *file, int id, struct athena_range *range)
{
    for (size_t i = 0; i < file->stats_count; i++) {
        const struct iceberg_stats *stats = &file->stats[i];
        if (stats->field_id != id)
            continue;
        range->lower = stats->lower;
        range->upper = stats->upper;
        range->no_nulls = stats->nulls == 0;
        range->only_nulls =
            stats->nulls == stats->values && stats->values == file->records && file->records > 0;
    }
}

bool athena_source_iceberg_keeps(const struct athena_prune *prune, struct mr_arena *arena,
                                 const struct athena_iceberg_rows *rows,
                                 const struct iceberg_file *file)
{
    const struct iceberg_schema *schema = rows->schema;
    const struct iceberg_spec *spec = iceberg_spec_of(&rows->table->metadata, file->spec_id);
    struct athena_range *ranges = MR_NEW_ARRAY(arena, struct athena_range, schema->count + 1);
    for (size_t i = 0; i < schema->count; i++) {
        ranges[i].type = &schema->fields[i].type;
        range_of_stats(file, schema->fields[i].id, &ranges[i]);
        athena_range_check(&ranges[i]);
        for (size_t j = 0; spec != NULL && j < spec->count; j++)
            if (spec->fields[j].source_id == schema->fields[i].id)
                range_of_partition(arena, &spec->fields[j], file->partition[j], &ranges[i]);
        athena_range_check(&ranges[i]);
    }
    return athena_prune_range(prune, arena, ranges);
}
