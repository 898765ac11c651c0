/* What manifests tell of a file: rows, nulls, and the least and greatest value of each column, read
 * from the file itself. Texts and bytes are cut to 16, as Iceberg's libraries do by default. */
#include "athena/iceberg_files.h"
#include "athena/lake.h"
#include "athena/parquet.h"

enum { BOUND_MAX = 16, TEXTS = 4 }; /* of a column: values, NaNs, least, greatest */

static bool on_columns(void *ctx, const struct athena_shown *shown, const struct mr_slice *names,
                       size_t count)
{
    struct athena_lake_stats *reading = ctx;
    (void)shown;
    (void)names;
    reading->count = count;
    reading->texts = MR_NEW_ARRAY(reading->arena, struct mr_slice, count + 1);
    return true;
}

static bool on_chunk(void *ctx, duckdb_data_chunk chunk)
{
    struct athena_lake_stats *reading = ctx;
    if (athena_duck.data_chunk_get_size(chunk) == 0)
        return true;
    for (size_t i = 0; i < reading->count; i++) {
        duckdb_vector vector = athena_duck.data_chunk_get_vector(chunk, i);
        const uint64_t *validity = athena_duck.vector_get_validity(vector);
        if (validity != NULL && (validity[0] & 1) == 0)
            continue;
        const duckdb_string_t *string = athena_duck.vector_get_data(vector);
        const uint32_t len = string->value.inlined.length;
        reading->texts[i] =
            mr_arena_copy(reading->arena, mr_slice_make(len <= 12 ? string->value.inlined.inlined
                                                                  : string->value.pointer.ptr,
                                                        len));
    }
    return true;
}

static bool is_real(const struct iceberg_type *type)
{
    return type->kind == ICEBERG_FLOAT || type->kind == ICEBERG_DOUBLE;
}

/* min(c), without NaN, which is neither least nor greatest. */
static void put_bound(struct mr_buf *sql, const struct iceberg_type *type, const char *function,
                      struct mr_slice column)
{
    struct mr_buf bound = {0};
    mr_buf_printf(&bound, "%s(%.*s)", function, MR_ARG(column));
    if (is_real(type))
        mr_buf_printf(&bound, " FILTER (WHERE NOT isnan(%.*s))", MR_ARG(column));
    mr_buf_byte(sql, ',');
    athena_lake_text(sql, type, mr_buf_slice(&bound));
    mr_buf_fini(&bound);
}

static const char *make_sql(const struct athena_lake_stats *lake)
{
    struct mr_buf sql = {0}, column = {0};
    mr_buf_append(&sql, MR_S("SELECT CAST(count(*) AS VARCHAR)"));
    for (size_t i = 0; i < lake->schema->count; i++) {
        const struct iceberg_type *type = &lake->schema->fields[i].type;
        if (type->kind >= ICEBERG_STRUCT)
            continue;
        mr_buf_reset(&column);
        athena_sql_quoted(&column, lake->names[i], '"');
        const struct mr_slice c = mr_buf_slice(&column);
        mr_buf_printf(&sql, ",CAST(count(%.*s) AS VARCHAR)", MR_ARG(c));
        if (is_real(type))
            mr_buf_printf(&sql, ",CAST(count(*) FILTER (WHERE isnan(%.*s)) AS VARCHAR)", MR_ARG(c));
        else
            mr_buf_append(&sql, MR_S(",NULL::VARCHAR"));
        put_bound(&sql, type, "min", c);
        put_bound(&sql, type, "max", c);
    }
    mr_buf_append(&sql, MR_S(" FROM read_parquet("));
    athena_sql_quoted(&sql, lake->path, '\'');
    mr_buf_append(&sql, MR_S(", hive_partitioning=false)"));
    const char *text = mr_arena_cstr(lake->arena, mr_buf_slice(&sql));
    mr_buf_fini(&sql);
    mr_buf_fini(&column);
    return text;
}

/* ---- cut bounds ---- */

static struct mr_slice cut_text(struct mr_slice text)
{
    size_t len = 0;
    for (int i = 0; i < BOUND_MAX && len < text.len; i++) {
        const size_t step = mr_slice_utf8_next(mr_slice_sub(text, len, SIZE_MAX));
        len += step == 0 ? 1 : step;
    }
    return mr_slice_sub(text, 0, len);
}

/* Something that is greater than all that begins so: the last byte that can be, is made greater by
 * one. ASCII is what can be; a text that ends in anything else loses its end. ptr NULL: none. */
static struct mr_slice above(struct mr_arena *arena, struct mr_slice cut, unsigned greatest)
{
    char *bytes = mr_arena_cstr(arena, cut);
    for (size_t len = cut.len; len > 0; len--) {
        const unsigned last = (uint8_t)bytes[len - 1];
        if (last >= greatest)
            continue;
        bytes[len - 1] = (char)(last + 1);
        return mr_slice_make(bytes, len);
    }
    return (struct mr_slice){0};
}

static void cut(struct mr_arena *arena, const struct iceberg_type *type,
                struct iceberg_stats *stats)
{
    const bool text = type->kind == ICEBERG_STRING;
    if (!text && type->kind != ICEBERG_BINARY)
        return;
    const struct mr_slice lower = text ? cut_text(stats->lower)
                                       : mr_slice_sub(stats->lower, 0, BOUND_MAX),
                          upper = text ? cut_text(stats->upper)
                                       : mr_slice_sub(stats->upper, 0, BOUND_MAX);
    stats->lower = lower;
    if (upper.len < stats->upper.len)
        stats->upper = above(arena, upper, text ? 0x7e : 0xff);
}

static int64_t number(struct mr_slice text)
{
    int64_t value;
    return text.ptr != NULL && mr_slice_to_i64(text, &value) == MR_OK ? value : -1;
}

struct athena_execution athena_lake_stats_begin(struct athena_lake_stats *lake)
{
    lake->sink = (struct athena_sink){.columns = on_columns, .chunk = on_chunk, .ctx = lake};
    return (struct athena_execution){
        .arena = lake->arena, .sql = make_sql(lake), .sink = &lake->sink};
}

void athena_lake_stats_end(const struct athena_lake_stats *lake, struct iceberg_file *file)
{
    const struct iceberg_schema *schema = lake->schema;
    const struct mr_slice *texts = lake->texts;
    file->records = number(texts[0]);
    file->stats = MR_NEW_ARRAY(lake->arena, struct iceberg_stats, schema->count + 1);
    for (size_t i = 0, at = 1; i < schema->count; i++) {
        const struct iceberg_type *type = &schema->fields[i].type;
        if (type->kind >= ICEBERG_STRUCT)
            continue;
        struct iceberg_stats *stats = &file->stats[file->stats_count++];
        const struct mr_slice lower = texts[at + 2], upper = texts[at + 3];
        *stats = (struct iceberg_stats){.field_id = schema->fields[i].id,
                                        .bytes = -1,
                                        .values = file->records,
                                        .nulls = file->records - number(texts[at]),
                                        .nans = number(texts[at + 1])};
        if (lower.ptr != NULL && upper.ptr != NULL) {
            stats->lower = athena_lake_value(lake->arena, type, lower);
            stats->upper = athena_lake_value(lake->arena, type, upper);
            cut(lake->arena, type, stats);
        }
        at += TEXTS;
    }
}
