/* An Iceberg table as a relation: the files of a snapshot that the WHERE clause leaves, columns
 * found by field id, and what delete files name taken away. */
#include "athena/parquet.h"
#include "athena/source_iceberg.h"
#include "base/map.h"

/* Of its file every row has these; their values stand in this order beside each object. */
#define SEQUENCE "$sequence"
#define PARTITION "$group" /* a number */
#define FILE_PATH ATHENA_ROW_FILE
#define ROW ATHENA_ROW_NUMBER
enum { VALUE_SEQUENCE, VALUE_PARTITION, VALUE_PATH, VALUE_COUNT };
enum { HIDDEN_MAX = 4 }; /* columns of athena_source_hidden */

struct reading {
    struct athena_source *source;
    struct athena_translation *translation;
    const struct athena_node *node;
    const struct iceberg_table *table;
    const struct iceberg_schema *schema;
    const struct iceberg_file *files;
    size_t count;
    size_t shown;             /* columns of the data's scan that a query may name */
    struct mr_map partitions; /* -> their numbers, from 1 on */
    bool equality, positions; /* are there such deletes? */
    bool told;                /* rows tell where they are */
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
    scan->snapshot = athena_source_moment(reading->source);
    scan->cancelled = reading->source->cancelled;
    scan->format = ATHENA_FORMAT_PARQUET;
    scan->columns = MR_NEW_ARRAY(scan->arena, struct athena_column,
                                 reading->schema->count + VALUE_COUNT + HIDDEN_MAX + 2);
    return scan;
}

static void add_value(struct athena_scan *scan, const char *name, int key,
                      enum athena_type_kind kind)
{
    scan->columns[scan->column_count++] =
        (struct athena_column){.name = mr_slice_cstr(name), .key = key, .type = {.kind = kind}};
}

static size_t partition_number(struct reading *reading, const struct iceberg_file *file)
{
    const struct mr_slice key =
        athena_source_iceberg_partition(reading->source->arena, &reading->table->metadata, file);
    const uintptr_t known = (uintptr_t)mr_map_get(&reading->partitions, key);
    if (known == 0)
        (void)mr_map_put(&reading->partitions, key, (void *)(reading->partitions.count + 1));
    return known > 0 ? known : reading->partitions.count;
}

struct adding {
    struct athena_scan *scan;
    struct mr_slice bucket, key;
    const struct mr_slice *values;
    bool found, sealed;
};

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct adding *adding = ctx;
    if (!mr_slice_equal(object->key, adding->key))
        return MR_END; /* the first in order is the key itself, or it is not there */
    adding->found = true;
    adding->sealed = object->body.sealed;
    const enum mr_status status =
        athena_scan_add(adding->scan, adding->bucket, object, adding->values);
    return status == MR_OK ? MR_END : status;
}

static bool add_file(struct reading *reading, struct athena_scan *scan,
                     const struct iceberg_file *file)
{
    struct mr_arena *arena = scan->arena;
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, VALUE_COUNT);
    struct adding adding = {.scan = scan, .values = values};
    values[VALUE_SEQUENCE] = mr_arena_printf(arena, "%lld", (long long)file->sequence);
    values[VALUE_PARTITION] = mr_arena_printf(arena, "%zu", partition_number(reading, file));
    values[VALUE_PATH] = file->path;
    if (!mr_slice_equal_nocase(file->format, MR_S("PARQUET")))
        return refuse(reading, "NOT_SUPPORTED", "Iceberg files other than Parquet are not read");
    if (glue_location_parse(file->path, &adding.bucket, &adding.key) != MR_OK)
        return refuse(reading, "ICEBERG_BAD_DATA", "A file of the table has no S3 location");
    const enum mr_status status =
        s3_snapshot_list(scan->snapshot, adding.bucket, adding.key, on_object, &adding);
    if (status < 0 || status == MR_FULL)
        return refuse(reading, "INTERNAL_ERROR", "The table's files cannot be listed");
    if (!adding.found) {
        athena_translate_fail(reading->translation, reading->node, "ICEBERG_CANNOT_OPEN_SPLIT",
                              "Error opening Iceberg split %.*s: the file does not exist",
                              MR_ARG(file->path));
        return false;
    }
    if (adding.sealed)
        athena_translate_fail(reading->translation, reading->node, "ICEBERG_CANNOT_OPEN_SPLIT",
                              "Error opening Iceberg split %.*s: %s", MR_ARG(file->path),
                              S3_SEALED_TEXT);
    return !adding.sealed;
}

/* ---- equality deletes ---- */

/* Those of an unpartitioned spec concern all data, others that of their partition. */
static bool is_global(const struct reading *reading, const struct iceberg_file *file)
{
    const struct iceberg_spec *spec = iceberg_spec_of(&reading->table->metadata, file->spec_id);
    return spec == NULL || spec->count == 0;
}

static bool alike(const struct reading *reading, const struct iceberg_file *a,
                  const struct iceberg_file *b)
{
    return a->content == b->content && a->equality_count == b->equality_count &&
           is_global(reading, a) == is_global(reading, b) &&
           (a->equality_count == 0 || memcmp(a->equality_ids, b->equality_ids,
                                             a->equality_count * sizeof *a->equality_ids) == 0);
}

static bool open_scan(struct reading *reading, struct athena_scan *scan, struct mr_buf *out)
{
    return athena_source_relation(reading->source, scan, out) == MR_OK ||
           refuse(reading, "INTERNAL_ERROR", "The objects cannot be opened");
}

static bool scan_keys(struct reading *reading, size_t first, struct athena_scan *scan,
                      struct mr_buf *out)
{
    const struct iceberg_file *like = &reading->files[first];
    for (size_t i = 0; i < like->equality_count; i++) {
        const struct iceberg_field *field =
            iceberg_schema_by_id(reading->schema, like->equality_ids[i]);
        if (field == NULL)
            return refuse(reading, "NOT_SUPPORTED",
                          "Equality deletes of a column that has been dropped are not read");
        if (scan->column_count == reading->schema->count)
            return refuse(reading, "ICEBERG_BAD_DATA", "An equality delete file has no such key");
        if (!add_column(reading, scan, field))
            return false;
    }
    add_value(scan, SEQUENCE, VALUE_SEQUENCE, ATHENA_BIGINT);
    add_value(scan, PARTITION, VALUE_PARTITION, ATHENA_BIGINT);
    for (size_t i = first; i < reading->count; i++)
        if (alike(reading, &reading->files[i], like) &&
            !add_file(reading, scan, &reading->files[i]))
            return false;
    return open_scan(reading, scan, out);
}

/* The deletes by one set of columns: each key, and the newest commit that deleted it. */
static bool put_deletes(struct reading *reading, size_t first, struct mr_buf *out)
{
    struct athena_scan *scan = make_scan(reading);
    const size_t keys = reading->files[first].equality_count;
    const bool global = is_global(reading, &reading->files[first]);
    struct mr_buf inner = {0};
    if (!scan_keys(reading, first, scan, &inner)) {
        mr_buf_fini(&inner);
        return false;
    }
    mr_buf_append(out, MR_S(" LEFT JOIN (SELECT max(\"" SEQUENCE "\") AS s"));
    for (size_t i = 0; i < keys; i++) {
        mr_buf_byte(out, ',');
        athena_sql_quoted(out, scan->columns[i].name, '"');
        mr_buf_printf(out, " AS k%zu", i);
    }
    mr_buf_append(out, global ? MR_S(" FROM ") : MR_S(",\"" PARTITION "\" AS g FROM "));
    mr_buf_append(out, mr_buf_slice(&inner));
    mr_buf_fini(&inner);
    mr_buf_printf(out, " AS x GROUP BY ALL) AS e%zu ON ", first);
    for (size_t i = 0; i < keys; i++) {
        mr_buf_append(out, i > 0 ? MR_S(" AND d.") : MR_S("d."));
        athena_sql_quoted(out, scan->columns[i].name, '"');
        mr_buf_printf(out, " IS NOT DISTINCT FROM e%zu.k%zu", first, i);
    }
    if (!global)
        mr_buf_printf(out, " AND d.\"" PARTITION "\" = e%zu.g", first);
    return true;
}

static bool is_first(const struct reading *reading, size_t index)
{
    if (reading->files[index].content != ICEBERG_EQUALITY_DELETES)
        return false;
    for (size_t i = 0; i < index; i++)
        if (alike(reading, &reading->files[i], &reading->files[index]))
            return false;
    return true;
}

/* ---- position deletes ---- */

/* The rows that they name, by file and number. */
static bool put_positions(struct reading *reading, struct mr_buf *out)
{
    struct athena_scan *scan = make_scan(reading);
    struct mr_buf inner = {0};
    scan->columns = MR_NEW_ARRAY(scan->arena, struct athena_column, 2);
    scan->columns[scan->column_count++] = (struct athena_column){.name = MR_S("p"),
                                                                 .source = MR_S("file_path"),
                                                                 .key = ATHENA_COLUMN_DATA,
                                                                 .type = {.kind = ATHENA_STRING},
                                                                 .field_id = ICEBERG_DELETE_PATH_ID,
                                                                 .used = true};
    scan->columns[scan->column_count++] = (struct athena_column){.name = MR_S("n"),
                                                                 .source = MR_S("pos"),
                                                                 .key = ATHENA_COLUMN_DATA,
                                                                 .type = {.kind = ATHENA_BIGINT},
                                                                 .field_id = ICEBERG_DELETE_ROW_ID,
                                                                 .used = true};
    for (size_t i = 0; i < reading->count; i++)
        if (reading->files[i].content == ICEBERG_POSITION_DELETES &&
            !add_file(reading, scan, &reading->files[i]))
            return false;
    if (!open_scan(reading, scan, &inner)) {
        mr_buf_fini(&inner);
        return false;
    }
    mr_buf_append(out, MR_S(" LEFT JOIN (SELECT DISTINCT p, n FROM "));
    mr_buf_append(out, mr_buf_slice(&inner));
    mr_buf_append(out, MR_S(" AS x) AS pd ON d.\"" FILE_PATH "\" = pd.p AND d.\"" ROW "\" = pd.n"));
    mr_buf_fini(&inner);
    return true;
}

/* ---- the table ---- */

/* SELECT columns FROM data LEFT JOIN deletes WHERE there is none that is newer */
static bool put_without_deleted(struct reading *reading, const struct athena_scan *data,
                                struct mr_slice relation, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < reading->shown; i++) {
        mr_buf_append(out, i > 0 ? MR_S(",d.") : MR_S("d."));
        athena_sql_quoted(out, data->columns[i].name, '"');
    }
    if (reading->told)
        mr_buf_append(out, MR_S(",d.\"" FILE_PATH "\",d.\"" ROW "\""));
    mr_buf_append(out, MR_S(" FROM "));
    mr_buf_append(out, relation);
    mr_buf_append(out, MR_S(" AS d"));
    if (reading->positions && !put_positions(reading, out))
        return false;
    for (size_t i = 0; i < reading->count; i++)
        if (is_first(reading, i) && !put_deletes(reading, i, out))
            return false;
    mr_buf_append(out, reading->positions ? MR_S(" WHERE pd.n IS NULL") : MR_S(" WHERE true"));
    for (size_t i = 0; i < reading->count; i++)
        if (is_first(reading, i))
            mr_buf_printf(out, " AND (e%zu.s IS NULL OR e%zu.s <= d.\"" SEQUENCE "\")", i, i);
    mr_buf_byte(out, ')');
    return true;
}

static bool look_at_deletes(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct iceberg_file *file = &reading->files[i];
        reading->positions = reading->positions || file->content == ICEBERG_POSITION_DELETES;
        reading->equality = reading->equality || file->content == ICEBERG_EQUALITY_DELETES;
        if (file->content == ICEBERG_EQUALITY_DELETES && file->equality_count == 0)
            return refuse(reading, "ICEBERG_BAD_DATA", "An equality delete file has no keys");
    }
    return true;
}

/* The data that the WHERE clause leaves. */
static bool add_data(struct reading *reading, const struct athena_iceberg_rows *rows,
                     struct athena_scan *scan)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct iceberg_file *file = &reading->files[i];
        if (file->content == ICEBERG_DATA &&
            (scan->prune == NULL ||
             athena_source_iceberg_keeps(scan->prune, scan->arena, rows, file)) &&
            !add_file(reading, scan, file))
            return false;
    }
    return true;
}

/* Equality deletes are looked up by their columns, whatever the query names. */
static void mark_keys(const struct reading *reading, struct athena_scan *scan)
{
    for (size_t i = 0; i < reading->count; i++)
        for (size_t j = 0; j < reading->files[i].equality_count; j++)
            for (size_t k = 0; k < scan->column_count; k++)
                scan->columns[k].used =
                    scan->columns[k].used ||
                    scan->columns[k].field_id == reading->files[i].equality_ids[j];
}

/* What the manifests say. */
static bool count_rows(const struct reading *reading, const struct athena_iceberg_rows *rows)
{
    struct athena_source_count *count = &reading->source->count;
    if (count->table != reading->node || rows->use->where != NULL || reading->equality ||
        reading->positions)
        return false;
    count->rows = 0;
    for (size_t i = 0; i < reading->count; i++)
        count->rows += (uint64_t)(reading->files[i].records > 0 ? reading->files[i].records : 0);
    return count->known = true;
}

static bool read_table(struct reading *reading, const struct athena_iceberg_rows *rows,
                       struct mr_buf *out)
{
    struct mr_buf relation = {0};
    if (!look_at_deletes(reading))
        return false;
    struct athena_scan *scan = make_scan(reading);
    for (size_t i = 0; i < reading->schema->count; i++)
        if (!add_column(reading, scan, &reading->schema->fields[i]))
            return false;
    athena_source_hidden(reading->source, scan, /* iceberg= */ true);
    reading->shown = scan->column_count;
    athena_source_fields(reading->translation, scan, rows->use->fields);
    athena_source_mark(reading->source, reading->translation, rows->use, scan,
                       reading->schema->count);
    mark_keys(reading, scan);
    if (reading->equality) {
        add_value(scan, SEQUENCE, VALUE_SEQUENCE, ATHENA_BIGINT);
        add_value(scan, PARTITION, VALUE_PARTITION, ATHENA_BIGINT);
    }
    if (reading->positions || reading->told) {
        add_value(scan, FILE_PATH, VALUE_PATH, ATHENA_STRING);
        add_value(scan, ROW, ATHENA_COLUMN_ROW, ATHENA_BIGINT);
    }
    if (count_rows(reading, rows))
        return true;
    bool fine = add_data(reading, rows, scan);
    fine = fine && open_scan(reading, scan, &relation);
    if (fine && (reading->equality || reading->positions) && scan->piece_count > 0)
        fine = put_without_deleted(reading, scan, mr_buf_slice(&relation), out);
    else if (fine)
        mr_buf_append(out, mr_buf_slice(&relation));
    mr_buf_fini(&relation);
    return fine;
}

bool athena_source_iceberg_rows(struct athena_source *source,
                                struct athena_translation *translation,
                                const struct athena_iceberg_rows *rows, struct mr_buf *out)
{
    struct reading reading = {.source = source,
                              .translation = translation,
                              .node = rows->use->table,
                              .table = rows->table,
                              .schema = rows->schema,
                              .files = rows->files,
                              .count = rows->count,
                              .told = source->target.node != NULL &&
                                      source->target.node == rows->use->table};
    const bool fine = read_table(&reading, rows, out);
    mr_map_fini(&reading.partitions);
    return fine;
}

/* Beside a changing table's columns: where its rows are. */
static void tell_place(struct athena_translation *translation, struct athena_fields *fields)
{
    struct athena_fields told = athena_fields_make(translation, fields->count + 2);
    told.open = fields->open;
    memcpy(told.list, fields->list, fields->count * sizeof *told.list);
    told.list[fields->count] =
        (struct athena_field){.name = MR_S(FILE_PATH), .type = athena_sqltype_simple(SQL_VARCHAR)};
    told.list[fields->count + 1] =
        (struct athena_field){.name = MR_S(ROW), .type = athena_sqltype_simple(SQL_BIGINT)};
    *fields = told;
}

bool athena_source_iceberg(struct athena_source *source, struct athena_translation *translation,
                           const struct athena_table_use *use, const struct glue_table *table,
                           struct mr_buf *out)
{
    const struct iceberg ice = {
        .s3 = source->s3, .glue = source->glue, .moment = athena_source_moment(source)};
    const struct athena_node *node = use->table;
    struct iceberg_table *loaded = MR_NEW(source->arena, struct iceberg_table);
    struct athena_iceberg_rows rows = {.table = loaded, .use = use};
    struct iceberg_file *files = NULL;
    char message[512] = "";
    enum mr_status status = iceberg_table_load(&ice, source->arena, table, loaded, message);
    if (status == MR_OK) {
        const struct iceberg_metadata *metadata = &loaded->metadata;
        const struct iceberg_snapshot *snapshot = NULL;
        if (!athena_source_version(translation, node, loaded, store_now(source->registry->store),
                                   &snapshot))
            return false;
        if (node->left != NULL && snapshot != NULL) /* the past is seen with its own columns */
            rows.schema = iceberg_schema_of(metadata, snapshot->schema_id);
        if (rows.schema == NULL)
            rows.schema = iceberg_schema_now(metadata);
        status = iceberg_files(&ice, source->arena, loaded, snapshot, &files, &rows.count, message);
    }
    rows.files = files;
    if (status == MR_OK && node == source->target.node) {
        source->target.files = files;
        source->target.count = rows.count;
        source->target.snapshot = loaded->metadata.current_snapshot;
    }
    if (status == MR_OK) {
        const bool fine = athena_source_iceberg_rows(source, translation, &rows, out);
        if (node == source->target.node)
            tell_place(translation, use->fields);
        return fine;
    }
    athena_translate_fail(translation, node, "ICEBERG_INVALID_METADATA", "%s",
                          message[0] != '\0' ? message : "The table's metadata cannot be read");
    return false;
}
