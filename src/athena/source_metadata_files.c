/* "t$files" and "t$partitions": the current data files, one by one and by partition. */
#include "athena/source_metadata.h"
#include "base/map.h"

static enum mr_status read_files(struct metadata_rows *rows, struct iceberg_file **ret_files,
                                 size_t *ret_count)
{
    const struct iceberg_metadata *metadata = &rows->table.metadata;
    return iceberg_files(rows->ice, rows->arena, &rows->table,
                         iceberg_snapshot_of(metadata, metadata->current_snapshot), ret_files,
                         ret_count, rows->message);
}

/* ---- $files ---- */

static void put_counts(struct metadata_rows *rows, const struct iceberg_file *file, size_t which)
{
    struct mr_buf numbers = {0};
    size_t told = 0;
    metadata_put_sql(rows);
    const size_t start = rows->out.len;
    mr_buf_append(&rows->out, MR_S("MAP(["));
    for (size_t i = 0; i < file->stats_count; i++) {
        const struct iceberg_stats *stats = &file->stats[i];
        const int64_t all[] = {stats->bytes, stats->values, stats->nulls, stats->nans};
        if (all[which] < 0)
            continue;
        mr_buf_printf(&rows->out, "%s%d", told > 0 ? "," : "", stats->field_id);
        mr_buf_printf(&numbers, "%s%lld", told++ > 0 ? "," : "", (long long)all[which]);
    }
    mr_buf_append(&rows->out, MR_S("],["));
    mr_buf_append(&rows->out, mr_buf_slice(&numbers));
    mr_buf_append(&rows->out, MR_S("])"));
    mr_buf_fini(&numbers);
    if (told == 0) {
        rows->out.len = start;
        mr_buf_append(&rows->out, MR_S("NULL"));
    }
}

static void put_bounds(struct metadata_rows *rows, const struct iceberg_file *file, bool upper)
{
    const struct iceberg_schema *schema = iceberg_schema_now(&rows->table.metadata);
    struct mr_buf texts = {0};
    size_t told = 0;
    metadata_put_sql(rows);
    const size_t start = rows->out.len;
    mr_buf_append(&rows->out, MR_S("MAP(["));
    for (size_t i = 0; i < file->stats_count; i++) {
        const struct mr_slice value = upper ? file->stats[i].upper : file->stats[i].lower;
        const struct iceberg_field *field = iceberg_schema_by_id(schema, file->stats[i].field_id);
        if (value.ptr == NULL || field == NULL || field->type.kind >= ICEBERG_STRUCT)
            continue;
        mr_buf_printf(&rows->out, "%s%d", told > 0 ? "," : "", field->id);
        mr_buf_append(&texts, told++ > 0 ? MR_S(",") : MR_S(""));
        metadata_literal(&texts, metadata_human(rows->arena, &field->type, value));
    }
    mr_buf_append(&rows->out, MR_S("],["));
    mr_buf_append(&rows->out, mr_buf_slice(&texts));
    mr_buf_append(&rows->out, MR_S("])"));
    mr_buf_fini(&texts);
    if (told == 0) {
        rows->out.len = start;
        mr_buf_append(&rows->out, MR_S("NULL"));
    }
}

static void put_file(struct metadata_rows *rows, const struct iceberg_file *file)
{
    metadata_put_number(rows, file->content);
    metadata_put_text(rows, file->path);
    metadata_put_text(rows, file->format);
    metadata_put_number(rows, file->records);
    metadata_put_number(rows, file->bytes);
    for (size_t i = 0; i < 4; i++)
        put_counts(rows, file, i);
    put_bounds(rows, file, false);
    put_bounds(rows, file, true);
    for (size_t i = 0; i < 3; i++) /* keys, offsets, and what only delete files have */
        metadata_put_null(rows);
}

enum mr_status metadata_files(struct metadata_rows *rows)
{
    static const char *const counts[] = {"column_sizes", "value_counts", "null_value_counts",
                                         "nan_value_counts"};
    struct iceberg_file *files;
    size_t count;
    metadata_column(rows, "content", "int");
    metadata_column(rows, "file_path", "string");
    metadata_column(rows, "file_format", "string");
    metadata_column(rows, "record_count", "bigint");
    metadata_column(rows, "file_size_in_bytes", "bigint");
    for (size_t i = 0; i < MR_COUNT(counts); i++)
        metadata_column(rows, counts[i], "map<int,bigint>");
    metadata_column(rows, "lower_bounds", "map<int,string>");
    metadata_column(rows, "upper_bounds", "map<int,string>");
    metadata_column(rows, "key_metadata", "binary");
    metadata_column(rows, "split_offsets", "array<bigint>");
    metadata_column(rows, "equality_ids", "array<int>");
    enum mr_status status = read_files(rows, &files, &count);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        if (files[i].content != ICEBERG_DATA)
            continue;
        status = metadata_row(rows);
        if (status == MR_OK)
            put_file(rows, &files[i]);
    }
    return status;
}

/* ---- $partitions ---- */

struct partition { /* what is known of its files */
    const struct iceberg_file *like;
    int64_t records, files, bytes;
    struct iceberg_stats *stats; /* by column of `data`; values: files that told their nulls */
    int64_t *lowers, *uppers;    /* files that told a bound */
    struct partition *next;
};
struct partitions {
    struct metadata_rows *rows;
    const struct iceberg_partition_field **keys;
    const struct iceberg_field **columns;
    size_t key_count, column_count;
    struct mr_map known;
    struct partition *first, **end;
};

/* Partition fields of all specs whose columns are there still, each once. */
static void find_keys(struct partitions *all)
{
    const struct iceberg_metadata *metadata = &all->rows->table.metadata;
    size_t most = 0;
    for (size_t i = 0; i < metadata->spec_count; i++)
        most += metadata->specs[i].count;
    all->keys = MR_NEW_ARRAY(all->rows->arena, const struct iceberg_partition_field *, most + 1);
    for (size_t i = 0; i < metadata->spec_count; i++) {
        for (size_t j = 0; j < metadata->specs[i].count; j++) {
            const struct iceberg_partition_field *field = &metadata->specs[i].fields[j];
            bool known =
                iceberg_schema_by_id(iceberg_schema_now(metadata), field->source_id) == NULL;
            for (size_t k = 0; k < all->key_count; k++)
                known = known || all->keys[k]->field_id == field->field_id;
            if (!known)
                all->keys[all->key_count++] = field;
        }
    }
}

/* Columns that are not nested and not partitioned by as they are. */
static void find_columns(struct partitions *all)
{
    const struct iceberg_metadata *metadata = &all->rows->table.metadata;
    const struct iceberg_schema *schema = iceberg_schema_now(metadata);
    const struct iceberg_spec *spec = iceberg_spec_of(metadata, metadata->default_spec);
    all->columns = MR_NEW_ARRAY(all->rows->arena, const struct iceberg_field *, schema->count + 1);
    for (size_t i = 0; i < schema->count; i++) {
        bool key = schema->fields[i].type.kind >= ICEBERG_STRUCT;
        for (size_t j = 0; spec != NULL && j < spec->count; j++)
            key = key || (spec->fields[j].source_id == schema->fields[i].id &&
                          spec->fields[j].transform == ICEBERG_IDENTITY);
        if (!key)
            all->columns[all->column_count++] = &schema->fields[i];
    }
}

static void describe(struct partitions *all)
{
    struct metadata_rows *rows = all->rows;
    struct athena_type keys = metadata_struct(rows->arena, all->key_count);
    struct athena_type data = metadata_struct(rows->arena, all->column_count);
    const struct athena_type number = {.kind = ATHENA_BIGINT};
    for (size_t i = 0; i < all->key_count; i++) {
        const struct iceberg_type type =
            iceberg_partition_type(&rows->table.metadata, all->keys[i]);
        metadata_struct_add(&keys, all->keys[i]->name, metadata_type(rows->arena, &type));
    }
    for (size_t i = 0; i < all->column_count; i++) {
        struct athena_type column = metadata_struct(rows->arena, 4);
        const struct athena_type type = metadata_type(rows->arena, &all->columns[i]->type);
        metadata_struct_add(&column, MR_S("min"), type);
        metadata_struct_add(&column, MR_S("max"), type);
        metadata_struct_add(&column, MR_S("null_count"), number);
        metadata_struct_add(&column, MR_S("nan_count"), number);
        metadata_struct_add(&data, glue_lower(rows->arena, all->columns[i]->name), column);
    }
    if (all->key_count > 0)
        metadata_column_typed(rows, "partition", keys);
    metadata_column(rows, "record_count", "bigint");
    metadata_column(rows, "file_count", "bigint");
    metadata_column(rows, "total_size", "bigint");
    if (all->column_count > 0)
        metadata_column_typed(rows, "data", data);
}

static struct mr_slice value_of(const struct partitions *all, const struct iceberg_file *file,
                                const struct iceberg_partition_field *key)
{
    const struct iceberg_spec *spec = iceberg_spec_of(&all->rows->table.metadata, file->spec_id);
    for (size_t i = 0; spec != NULL && i < spec->count; i++)
        if (spec->fields[i].field_id == key->field_id)
            return file->partition[i];
    return (struct mr_slice){0};
}

static struct partition *partition_of(struct partitions *all, const struct iceberg_file *file)
{
    struct mr_arena *arena = all->rows->arena;
    struct mr_buf name = {0};
    mr_buf_printf(&name, "%d", file->spec_id);
    for (size_t i = 0; i < all->key_count; i++) {
        const struct mr_slice value = value_of(all, file, all->keys[i]);
        mr_buf_printf(&name, ",%lld:", value.ptr == NULL ? -1LL : (long long)value.len);
        mr_buf_append(&name, value);
    }
    struct partition *found = mr_map_get(&all->known, mr_buf_slice(&name));
    if (found == NULL) {
        found = MR_NEW(arena, struct partition);
        found->like = file;
        found->stats = MR_NEW_ARRAY(arena, struct iceberg_stats, all->column_count + 1);
        found->lowers = MR_NEW_ARRAY(arena, int64_t, all->column_count + 1);
        found->uppers = MR_NEW_ARRAY(arena, int64_t, all->column_count + 1);
        (void)mr_map_put(&all->known, mr_buf_slice(&name), found);
        *all->end = found;
        all->end = &found->next;
    }
    mr_buf_fini(&name);
    return found;
}

static void add_bound(const struct iceberg_type *type, struct mr_slice value, int sign,
                      struct mr_slice *bound, int64_t *told)
{
    if (value.ptr == NULL)
        return;
    ++*told;
    if (bound->ptr == NULL || iceberg_value_compare(type, value, *bound) * sign > 0)
        *bound = value;
}

static void add_file(struct partitions *all, const struct iceberg_file *file)
{
    struct partition *partition = partition_of(all, file);
    partition->files++;
    partition->records += file->records;
    partition->bytes += file->bytes;
    for (size_t i = 0; i < all->column_count; i++) {
        struct iceberg_stats *sum = &partition->stats[i];
        for (size_t j = 0; j < file->stats_count; j++) {
            const struct iceberg_stats *stats = &file->stats[j];
            if (stats->field_id != all->columns[i]->id)
                continue;
            const struct iceberg_type *type = &all->columns[i]->type;
            add_bound(type, stats->lower, -1, &sum->lower, &partition->lowers[i]);
            add_bound(type, stats->upper, 1, &sum->upper, &partition->uppers[i]);
            if (stats->nulls >= 0) {
                sum->nulls += stats->nulls;
                sum->values++;
            }
            sum->nans = stats->nans < 0 || sum->nans < 0 ? -1 : sum->nans + stats->nans;
        }
    }
}

/* A bound that one of the files does not tell is none of the partition. */
static void put_data(struct partitions *all, const struct partition *partition)
{
    struct mr_buf *out = &all->rows->out;
    static const struct mr_slice none = {0};
    bool missing = false;
    for (size_t i = 0; i < all->column_count; i++)
        missing = missing || (partition->lowers[i] < partition->files &&
                              partition->uppers[i] < partition->files &&
                              partition->stats[i].values < partition->files);
    metadata_put_sql(all->rows);
    if (missing) {
        mr_buf_append(out, MR_S("NULL"));
        return;
    }
    for (size_t i = 0; i < all->column_count; i++) {
        const struct iceberg_stats *stats = &partition->stats[i];
        mr_buf_append(out, i > 0 ? MR_S(",") : MR_S("{"));
        metadata_literal(out, glue_lower(all->rows->arena, all->columns[i]->name));
        mr_buf_append(out, MR_S(":{'min':"));
        metadata_value(all->rows, &all->columns[i]->type,
                       partition->lowers[i] == partition->files ? stats->lower : none);
        mr_buf_append(out, MR_S(",'max':"));
        metadata_value(all->rows, &all->columns[i]->type,
                       partition->uppers[i] == partition->files ? stats->upper : none);
        if (stats->values == partition->files)
            mr_buf_printf(out, ",'null_count':%lld", (long long)stats->nulls);
        else
            mr_buf_append(out, MR_S(",'null_count':NULL"));
        const bool real = all->columns[i]->type.kind == ICEBERG_FLOAT ||
                          all->columns[i]->type.kind == ICEBERG_DOUBLE;
        if (real && stats->nans >= 0)
            mr_buf_printf(out, ",'nan_count':%lld}", (long long)stats->nans);
        else
            mr_buf_append(out, MR_S(",'nan_count':NULL}"));
    }
    mr_buf_byte(out, '}');
}

static enum mr_status put_partition(struct partitions *all, const struct partition *partition)
{
    struct metadata_rows *rows = all->rows;
    const enum mr_status status = metadata_row(rows);
    if (status != MR_OK)
        return status;
    if (all->key_count > 0)
        metadata_put_sql(rows);
    for (size_t i = 0; i < all->key_count; i++) {
        const struct iceberg_type type =
            iceberg_partition_type(&rows->table.metadata, all->keys[i]);
        mr_buf_append(&rows->out, i > 0 ? MR_S(",") : MR_S("{"));
        metadata_literal(&rows->out, all->keys[i]->name);
        mr_buf_byte(&rows->out, ':');
        metadata_value(rows, &type, value_of(all, partition->like, all->keys[i]));
    }
    if (all->key_count > 0)
        mr_buf_byte(&rows->out, '}');
    metadata_put_number(rows, partition->records);
    metadata_put_number(rows, partition->files);
    metadata_put_number(rows, partition->bytes);
    if (all->column_count > 0)
        put_data(all, partition);
    return MR_OK;
}

enum mr_status metadata_partitions(struct metadata_rows *rows)
{
    struct partitions all = {.rows = rows};
    struct iceberg_file *files;
    size_t count;
    all.end = &all.first;
    find_keys(&all);
    find_columns(&all);
    describe(&all);
    enum mr_status status = read_files(rows, &files, &count);
    for (size_t i = 0; i < count && status == MR_OK; i++)
        if (files[i].content == ICEBERG_DATA)
            add_file(&all, &files[i]);
    for (const struct partition *at = all.first; at != NULL && status == MR_OK; at = at->next)
        status = put_partition(&all, at);
    mr_map_fini(&all.known);
    return status;
}
