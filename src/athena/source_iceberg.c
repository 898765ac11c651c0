/* An Iceberg table as a relation: the files of a snapshot, columns found by field id, and
 * what equality deletes name taken away. */
#include "athena/parquet.h"
#include "athena/source_iceberg.h"

#define SEQUENCE "$sequence" /* of its file; every row has it */

struct reading {
    struct athena_source *source;
    struct athena_translation *translation;
    const struct athena_node *node;
    struct s3_snapshot *snapshot;
    struct iceberg_table table;
    const struct iceberg_schema *schema;
    struct iceberg_file *files;
    size_t count;
};

static bool refuse(struct reading *reading, const char *code, const char *message)
{
    athena_translate_fail(reading->translation, reading->node, code, "%s", message);
    return false;
}

/* ---- scans ---- */

static bool add_column(struct reading *reading, struct athena_scan *scan,
                       const struct iceberg_field *field)
{
    struct athena_column *column = &scan->columns[scan->column_count++];
    struct mr_buf type = {0};
    iceberg_type_write_hive(&type, &field->type);
    *column = (struct athena_column){.name = glue_lower(scan->arena, field->name),
                                     .source = field->name,
                                     .key = ATHENA_COLUMN_DATA,
                                     .field_id = field->id,
                                     .used = true};
    const enum mr_status status = athena_type_parse(
        scan->arena, mr_arena_copy(scan->arena, mr_buf_slice(&type)), &column->type);
    mr_buf_fini(&type);
    return status == MR_OK ||
           refuse(reading, "NOT_SUPPORTED", "The table has columns of a type that is not read");
}

static struct athena_scan *make_scan(struct reading *reading)
{
    struct athena_scan *scan = MR_NEW(reading->source->arena, struct athena_scan);
    scan->arena = reading->source->arena;
    scan->snapshot = reading->snapshot;
    scan->cancelled = reading->source->cancelled;
    scan->format = ATHENA_FORMAT_PARQUET;
    scan->columns = MR_NEW_ARRAY(scan->arena, struct athena_column, reading->schema->count + 2);
    return scan;
}

static void add_sequence(struct athena_scan *scan)
{
    scan->columns[scan->column_count++] = (struct athena_column){
        .name = MR_S_INIT(SEQUENCE), .key = 0, .type = {.kind = ATHENA_BIGINT}};
}

struct adding {
    struct athena_scan *scan;
    struct mr_slice bucket, key;
    const struct mr_slice *values;
    bool found;
};

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct adding *adding = ctx;
    if (!mr_slice_equal(object->key, adding->key))
        return MR_END; /* the first in order is the key itself, or it is not there */
    adding->found = true;
    const enum mr_status status =
        athena_scan_add(adding->scan, adding->bucket, object, adding->values);
    return status == MR_OK ? MR_END : status;
}

static bool add_file(struct reading *reading, struct athena_scan *scan,
                     const struct iceberg_file *file)
{
    struct mr_arena *arena = scan->arena;
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, 1);
    struct adding adding = {.scan = scan, .values = values};
    values[0] = mr_arena_printf(arena, "%lld", (long long)file->sequence);
    if (!mr_slice_equal_nocase(file->format, MR_S("PARQUET")))
        return refuse(reading, "NOT_SUPPORTED", "Iceberg files other than Parquet are not read");
    if (glue_location_parse(file->path, &adding.bucket, &adding.key) != MR_OK)
        return refuse(reading, "ICEBERG_BAD_DATA", "A file of the table has no S3 location");
    const enum mr_status status =
        s3_snapshot_list(reading->snapshot, adding.bucket, adding.key, on_object, &adding);
    if (status < 0 || status == MR_FULL)
        return refuse(reading, "INTERNAL_ERROR", "The table's files cannot be listed");
    if (!adding.found) {
        athena_translate_fail(reading->translation, reading->node, "ICEBERG_CANNOT_OPEN_SPLIT",
                              "Error opening Iceberg split %.*s: the file does not exist",
                              MR_ARG(file->path));
        return false;
    }
    return true;
}

/* ---- deletes ---- */

static bool same_ids(const struct iceberg_file *a, const struct iceberg_file *b)
{
    return a->equality_count == b->equality_count &&
           (a->equality_count == 0 || memcmp(a->equality_ids, b->equality_ids,
                                             a->equality_count * sizeof *a->equality_ids) == 0);
}

/* The deletes by one set of columns: each key, and the newest commit that deleted it. */
static bool put_deletes(struct reading *reading, size_t first, struct mr_buf *out)
{
    struct athena_scan *scan = make_scan(reading);
    const struct iceberg_file *like = &reading->files[first];
    struct mr_buf inner = {0};
    for (size_t i = 0; i < like->equality_count; i++) {
        const struct iceberg_field *field =
            iceberg_schema_by_id(reading->schema, like->equality_ids[i]);
        if (field == NULL)
            return refuse(reading, "NOT_SUPPORTED",
                          "Equality deletes of a column that has been dropped are not read");
        if (!add_column(reading, scan, field))
            return false;
    }
    add_sequence(scan);
    for (size_t i = first; i < reading->count; i++)
        if (reading->files[i].content == ICEBERG_EQUALITY_DELETES &&
            same_ids(&reading->files[i], like) && !add_file(reading, scan, &reading->files[i]))
            return false;
    if (athena_source_relation(reading->source, scan, &inner) != MR_OK) {
        mr_buf_fini(&inner);
        return refuse(reading, "INTERNAL_ERROR", "The objects cannot be opened");
    }
    mr_buf_printf(out, " LEFT JOIN (SELECT max(\"" SEQUENCE "\") AS s");
    for (size_t i = 0; i < like->equality_count; i++) {
        mr_buf_byte(out, ',');
        athena_sql_quoted(out, scan->columns[i].name, '"');
        mr_buf_printf(out, " AS k%zu", i);
    }
    mr_buf_append(out, MR_S(" FROM "));
    mr_buf_append(out, mr_buf_slice(&inner));
    mr_buf_fini(&inner);
    mr_buf_printf(out, " AS x GROUP BY ALL) AS e%zu ON ", first);
    for (size_t i = 0; i < like->equality_count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(" AND d.") : MR_S("d."));
        athena_sql_quoted(out, scan->columns[i].name, '"');
        mr_buf_printf(out, " IS NOT DISTINCT FROM e%zu.k%zu", first, i);
    }
    return true;
}

static bool is_first(const struct reading *reading, size_t index)
{
    if (reading->files[index].content != ICEBERG_EQUALITY_DELETES)
        return false;
    for (size_t i = 0; i < index; i++)
        if (reading->files[i].content == ICEBERG_EQUALITY_DELETES &&
            same_ids(&reading->files[i], &reading->files[index]))
            return false;
    return true;
}

/* SELECT columns FROM data LEFT JOIN deletes WHERE there is none that is newer */
static bool put_without_deleted(struct reading *reading, const struct athena_scan *data,
                                struct mr_slice relation, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < reading->schema->count; i++) {
        mr_buf_append(out, i > 0 ? MR_S(",d.") : MR_S("d."));
        athena_sql_quoted(out, data->columns[i].name, '"');
    }
    mr_buf_append(out, MR_S(" FROM "));
    mr_buf_append(out, relation);
    mr_buf_append(out, MR_S(" AS d"));
    for (size_t i = 0; i < reading->count; i++)
        if (is_first(reading, i) && !put_deletes(reading, i, out))
            return false;
    mr_buf_append(out, MR_S(" WHERE true"));
    for (size_t i = 0; i < reading->count; i++)
        if (is_first(reading, i))
            mr_buf_printf(out, " AND (e%zu.s IS NULL OR e%zu.s <= d.\"" SEQUENCE "\")", i, i);
    mr_buf_byte(out, ')');
    return true;
}

/* False: there are deletes that are not read here. */
static bool look_at_deletes(struct reading *reading, bool *ret_any)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct iceberg_file *file = &reading->files[i];
        const struct iceberg_spec *spec = iceberg_spec_of(&reading->table.metadata, file->spec_id);
        if (file->content == ICEBERG_DATA)
            continue;
        *ret_any = true;
        if (file->content == ICEBERG_POSITION_DELETES)
            return refuse(reading, "NOT_SUPPORTED", "Position delete files are not supported");
        if (spec == NULL || spec->count > 0 || file->equality_count == 0)
            return refuse(reading, "NOT_SUPPORTED",
                          "Equality delete files of single partitions are not supported");
    }
    return true;
}

static bool read_table(struct reading *reading, struct mr_buf *out)
{
    struct mr_buf relation = {0};
    bool deletes = false;
    if (!look_at_deletes(reading, &deletes))
        return false;
    struct athena_scan *scan = make_scan(reading);
    for (size_t i = 0; i < reading->schema->count; i++)
        if (!add_column(reading, scan, &reading->schema->fields[i]))
            return false;
    if (deletes)
        add_sequence(scan);
    for (size_t i = 0; i < reading->count; i++)
        if (reading->files[i].content == ICEBERG_DATA &&
            !add_file(reading, scan, &reading->files[i]))
            return false;
    if (athena_source_relation(reading->source, scan, &relation) != MR_OK) {
        mr_buf_fini(&relation);
        return refuse(reading, "INTERNAL_ERROR", "The objects cannot be opened");
    }
    bool fine = true;
    if (deletes && scan->piece_count > 0)
        fine = put_without_deleted(reading, scan, mr_buf_slice(&relation), out);
    else
        mr_buf_append(out, mr_buf_slice(&relation));
    mr_buf_fini(&relation);
    return fine;
}

bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_node *node, const struct glue_table *table,
                           struct mr_buf *out)
{
    const struct iceberg ice = {.s3 = source->s3, .glue = source->glue};
    struct reading reading = {.source = source, .translation = translation, .node = node};
    char message[512] = "";
    enum mr_status status = iceberg_table_load(&ice, source->arena, table, &reading.table, message);
    if (status == MR_OK) {
        const struct iceberg_metadata *metadata = &reading.table.metadata;
        const struct iceberg_snapshot *snapshot = NULL;
        if (!athena_source_version(translation, node, &reading.table,
                                   store_now(source->registry->store), &snapshot))
            return false;
        if (node->left != NULL && snapshot != NULL) /* the past is seen with its own columns */
            reading.schema = iceberg_schema_of(metadata, snapshot->schema_id);
        if (reading.schema == NULL)
            reading.schema = iceberg_schema_now(metadata);
        status = iceberg_files(&ice, source->arena, &reading.table, snapshot, &reading.files,
                               &reading.count, message);
    }
    if (status != MR_OK)
        return refuse(&reading, "ICEBERG_INVALID_METADATA",
                      message[0] != '\0' ? message : "The table's metadata cannot be read");
    /* Later than the metadata, so that it has all files that they name. */
    struct athena_source_snapshot *opened = MR_NEW(source->arena, struct athena_source_snapshot);
    opened->snapshot = reading.snapshot = s3_snapshot_open(source->s3);
    opened->next = source->later;
    source->later = opened;
    return read_table(&reading, out);
}
