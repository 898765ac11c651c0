#include "iceberg/manifest.h"

/* Values of a record by field id, with what stands for one that is not there. */
static int64_t number(const struct avro_value *record, int id, int64_t fallback)
{
    const struct avro_value *value = avro_field(record, id);
    return value == NULL ? fallback : value->number;
}

static struct mr_slice bytes_of(const struct avro_value *record, int id)
{
    const struct avro_value *value = avro_field(record, id);
    if (value == NULL)
        return (struct mr_slice){0};
    return value->bytes.ptr != NULL ? value->bytes : MR_S("");
}

struct iceberg_type iceberg_partition_type(const struct iceberg_metadata *metadata,
                                           const struct iceberg_partition_field *field)
{
    static const struct iceberg_type unknown = {.kind = ICEBERG_STRING};
    const struct iceberg_field *source =
        iceberg_schema_by_id(iceberg_schema_now(metadata), field->source_id);
    for (size_t i = metadata->schema_count; source == NULL && i > 0; i--)
        source = iceberg_schema_by_id(&metadata->schemas[i - 1], field->source_id);
    return iceberg_transform_result(field, source == NULL ? &unknown : &source->type);
}

/* ---- files without field ids ---- */

/* Iceberg's own library goes by the names of fields where a file tells no ids; ClickHouse writes
 * such. */
struct field_name {
    const char *name;
    int id;
};

static bool has_ids(const struct avro_type *record)
{
    for (size_t i = 0; i < record->count; i++)
        if (record->ids[i] >= 0)
            return true;
    return false;
}

static void give_ids(struct avro_type *record, const struct field_name *fields, size_t count)
{
    for (size_t i = 0; record != NULL && i < record->count; i++)
        for (size_t j = 0; j < count; j++)
            if (mr_slice_equal(record->names[i], mr_slice_cstr(fields[j].name)))
                record->ids[i] = fields[j].id;
}

/* The record that a field is, or that stands in its union or array; NULL: none. */
static struct avro_type *record_of(struct avro_type *record, int id)
{
    struct avro_type *type = NULL;
    for (size_t i = 0; record != NULL && i < record->count; i++)
        if (record->ids[i] == id)
            type = &record->children[i];
    while (type != NULL && type->kind != AVRO_RECORD) {
        struct avro_type *inner = NULL;
        for (size_t i = 0; i < type->count; i++)
            if (type->children[i].kind >= AVRO_RECORD)
                inner = &type->children[i];
        type = inner;
    }
    return type;
}

static void name_list(struct avro_type *schema)
{
    static const struct field_name fields[] = {{"manifest_path", 500},
                                               {"manifest_length", 501},
                                               {"partition_spec_id", 502},
                                               {"added_snapshot_id", 503},
                                               {"added_files_count", 504},
                                               {"added_data_files_count", 504},
                                               {"existing_files_count", 505},
                                               {"existing_data_files_count", 505},
                                               {"deleted_files_count", 506},
                                               {"deleted_data_files_count", 506},
                                               {"partitions", 507},
                                               {"added_rows_count", 512},
                                               {"existing_rows_count", 513},
                                               {"deleted_rows_count", 514},
                                               {"sequence_number", 515},
                                               {"min_sequence_number", 516},
                                               {"content", 517}},
                                   summary[] = {{"contains_null", 509},
                                                {"lower_bound", 510},
                                                {"upper_bound", 511},
                                                {"contains_nan", 518}};
    if (has_ids(schema))
        return;
    give_ids(schema, fields, MR_COUNT(fields));
    give_ids(record_of(schema, 507), summary, MR_COUNT(summary));
}

static void name_entries(struct avro_type *schema, const struct iceberg_spec *spec)
{
    static const struct field_name fields[] = {{"status", 0},
                                               {"snapshot_id", 1},
                                               {"data_file", 2},
                                               {"sequence_number", 3},
                                               {"file_sequence_number", 4}},
                                   data[] = {{"file_path", 100},
                                             {"file_format", 101},
                                             {"partition", 102},
                                             {"record_count", 103},
                                             {"file_size_in_bytes", 104},
                                             {"column_sizes", 108},
                                             {"value_counts", 109},
                                             {"null_value_counts", 110},
                                             {"lower_bounds", 125},
                                             {"upper_bounds", 128},
                                             {"content", 134},
                                             {"equality_ids", 135},
                                             {"nan_value_counts", 137},
                                             {"sort_order_id", 140}};
    if (has_ids(schema))
        return;
    give_ids(schema, fields, MR_COUNT(fields));
    give_ids(record_of(schema, 2), data, MR_COUNT(data));
    struct avro_type *partition = record_of(record_of(schema, 2), 102);
    for (size_t i = 0; partition != NULL && i < partition->count; i++)
        for (size_t j = 0; j < spec->count; j++)
            if (mr_slice_equal(partition->names[i], spec->fields[j].name))
                partition->ids[i] = spec->fields[j].field_id;
}

/* ---- manifest lists ---- */

static void read_summaries(struct mr_arena *arena, const struct avro_value *list,
                           struct iceberg_manifest *line)
{
    if (list == NULL || list->kind != AVRO_ARRAY)
        return;
    line->fields = MR_NEW_ARRAY(arena, struct iceberg_summary, list->count + 1);
    for (size_t i = 0; i < list->count; i++)
        line->fields[line->field_count++] = (struct iceberg_summary){
            .has_null = number(&list->items[i], 509, 1) != 0,
            .has_nan = number(&list->items[i], 518, 1) != 0,
            .lower = bytes_of(&list->items[i], 510),
            .upper = bytes_of(&list->items[i], 511),
        };
}

static struct iceberg_manifest read_line(struct mr_arena *arena, const struct avro_value *record)
{
    struct iceberg_manifest line = {
        .path = bytes_of(record, 500),
        .bytes = number(record, 501, 0),
        .spec_id = (int)number(record, 502, 0),
        .deletes = number(record, 517, 0) == 1,
        .sequence = number(record, 515, 0),
        .min_sequence = number(record, 516, 0),
        .snapshot_id = number(record, 503, -1),
    };
    static const int files[] = {505, 504, 506}, rows[] = {513, 512, 514};
    for (size_t i = 0; i < 3; i++) {
        line.files[i] = number(record, files[i], 0);
        line.rows[i] = number(record, rows[i], 0);
    }
    read_summaries(arena, avro_field(record, 507), &line);
    return line;
}

enum mr_status iceberg_manifests_read(struct mr_arena *arena, struct mr_slice bytes,
                                      struct iceberg_manifest **ret_list, size_t *ret_count)
{
    struct avro_reader reader;
    struct avro_value record;
    struct iceberg_manifest *list = NULL;
    size_t count = 0, capacity = 0;
    enum mr_status status = avro_open(&reader, arena, bytes);
    if (status == MR_OK)
        name_list(&reader.schema);
    while (status == MR_OK && (status = avro_next(&reader, arena, &record)) == MR_OK) {
        if (count == capacity) {
            const size_t room = capacity == 0 ? 16 : capacity * 2;
            list = mr_arena_realloc(arena, list, capacity * sizeof *list, room * sizeof *list);
            capacity = room;
        }
        list[count] = read_line(arena, &record);
        if (list[count++].path.len == 0 || count > ICEBERG_MANIFESTS_MAX)
            return MR_INVALID;
    }
    *ret_list = list;
    *ret_count = count;
    return status == MR_END ? MR_OK : status;
}

/* ---- manifests ---- */

struct manifest_reading {
    struct mr_arena *arena;
    const struct iceberg_manifest *line;
    const struct iceberg_spec *spec;
    struct iceberg_type *types; /* of the spec's fields */
};

static struct mr_slice partition_value(const struct manifest_reading *reading,
                                       const struct avro_value *value,
                                       const struct iceberg_type *type)
{
    if (value == NULL)
        return (struct mr_slice){0};
    switch (value->kind) {
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG: {
        /* As wide as it was written, where the type has got wider since. */
        const struct iceberg_type was = {.kind = value->kind == AVRO_BOOLEAN ? ICEBERG_BOOLEAN
                                                 : value->kind == AVRO_INT   ? ICEBERG_INT
                                                                             : ICEBERG_LONG};
        const bool number = type->kind <= ICEBERG_LONG ||
                            (type->kind >= ICEBERG_DATE && type->kind <= ICEBERG_TIMESTAMPTZ);
        return iceberg_value_number(reading->arena, number ? type : &was, value->number);
    }
    case AVRO_FLOAT:
    case AVRO_DOUBLE: {
        const struct iceberg_type was = {.kind = value->kind == AVRO_FLOAT ? ICEBERG_FLOAT
                                                                           : ICEBERG_DOUBLE};
        return iceberg_value_real(reading->arena, type->kind == ICEBERG_DOUBLE ? type : &was,
                                  value->real);
    }
    default:
        if (type->kind == ICEBERG_DECIMAL && value->bytes.len <= 16)
            return iceberg_value_decimal(reading->arena, iceberg_value_wide(value->bytes));
        return value->bytes.ptr != NULL ? value->bytes : MR_S("");
    }
}

static void read_partition(const struct manifest_reading *reading, const struct avro_value *record,
                           struct iceberg_file *file)
{
    const size_t count = reading->spec->count;
    file->partition = MR_NEW_ARRAY(reading->arena, struct mr_slice, count + 1);
    for (size_t i = 0; i < count; i++)
        file->partition[i] = partition_value(
            reading, avro_field(record, reading->spec->fields[i].field_id), &reading->types[i]);
}

static struct iceberg_stats *stats_of(struct iceberg_file *file, int id)
{
    for (size_t i = file->stats_count; i > 0; i--)
        if (file->stats[i - 1].field_id == id)
            return &file->stats[i - 1];
    return NULL;
}

/* The six maps of statistics, by column. A map is an array of keys and values. */
static void read_stats(const struct manifest_reading *reading, const struct avro_value *record,
                       struct iceberg_file *file)
{
    static const int ids[] = {108, 109, 110, 137, 125, 128};
    size_t most = 0;
    for (size_t m = 0; m < MR_COUNT(ids); m++) {
        const struct avro_value *map = avro_field(record, ids[m]);
        most += map != NULL && map->kind == AVRO_ARRAY ? map->count : 0;
    }
    if (most > 6 * ICEBERG_FIELDS_MAX)
        return; /* they are only hints */
    file->stats = MR_NEW_ARRAY(reading->arena, struct iceberg_stats, most + 1);
    for (size_t m = 0; m < MR_COUNT(ids); m++) {
        const struct avro_value *map = avro_field(record, ids[m]);
        for (size_t i = 0; map != NULL && map->kind == AVRO_ARRAY && i < map->count; i++) {
            const struct avro_value *pair = &map->items[i];
            if (pair->kind != AVRO_RECORD || pair->count != 2)
                continue;
            const int id = (int)pair->items[0].number;
            struct iceberg_stats *stats = stats_of(file, id);
            if (stats == NULL) {
                stats = &file->stats[file->stats_count++];
                *stats = (struct iceberg_stats){
                    .field_id = id, .bytes = -1, .values = -1, .nulls = -1, .nans = -1};
            }
            int64_t *const counts[] = {&stats->bytes, &stats->values, &stats->nulls, &stats->nans};
            if (m < MR_COUNT(counts))
                *counts[m] = pair->items[1].number;
            else if (pair->items[1].kind == AVRO_BYTES)
                *(m == 4 ? &stats->lower : &stats->upper) = pair->items[1].bytes;
        }
    }
}

static void read_equality_ids(const struct manifest_reading *reading, const struct avro_value *list,
                              struct iceberg_file *file)
{
    if (list == NULL || list->kind != AVRO_ARRAY)
        return;
    file->equality_ids = MR_NEW_ARRAY(reading->arena, int, list->count + 1);
    for (size_t i = 0; i < list->count; i++)
        file->equality_ids[file->equality_count++] = (int)list->items[i].number;
}

/* Some writers spell it otherwise. */
static struct mr_slice format_of(const struct avro_value *data)
{
    const struct mr_slice format = bytes_of(data, 101);
    return mr_slice_equal_nocase(format, MR_S("PARQUET")) ? MR_S("PARQUET") : format;
}

static bool read_entry(const struct manifest_reading *reading, const struct avro_value *record,
                       struct iceberg_file *file)
{
    const struct avro_value *data = avro_field(record, 2);
    const int64_t status = number(record, 0, -1), content = number(data, 134, 0);
    if (data == NULL || status < 0 || status > 2 || content < 0 || content > 2)
        return false;
    const int64_t inherited = status == ICEBERG_ADDED ? reading->line->sequence : 0;
    *file = (struct iceberg_file){
        .status = (enum iceberg_entry_status)status,
        .snapshot_id = number(record, 1, reading->line->snapshot_id),
        .sequence = number(record, 3, inherited),
        .file_sequence = number(record, 4, inherited),
        .content = (enum iceberg_content)content,
        .path = bytes_of(data, 100),
        .format = format_of(data),
        .spec_id = reading->line->spec_id,
        .records = number(data, 103, 0),
        .bytes = number(data, 104, 0),
        .sort_order = (int)number(data, 140, -1),
    };
    read_partition(reading, avro_field(data, 102), file);
    read_stats(reading, data, file);
    read_equality_ids(reading, avro_field(data, 135), file);
    return file->path.len > 0;
}

enum mr_status iceberg_manifest_read(struct mr_arena *arena, struct mr_slice bytes,
                                     const struct iceberg_manifest *line,
                                     const struct iceberg_metadata *metadata,
                                     struct iceberg_file **ret_files, size_t *ret_count)
{
    struct avro_reader reader;
    struct avro_value record;
    struct iceberg_file *files = NULL;
    size_t count = 0, capacity = 0;
    struct manifest_reading reading = {
        .arena = arena, .line = line, .spec = iceberg_spec_of(metadata, line->spec_id)};
    if (reading.spec == NULL)
        return MR_INVALID;
    reading.types = MR_NEW_ARRAY(arena, struct iceberg_type, reading.spec->count + 1);
    for (size_t i = 0; i < reading.spec->count; i++)
        reading.types[i] = iceberg_partition_type(metadata, &reading.spec->fields[i]);
    enum mr_status status = avro_open(&reader, arena, bytes);
    if (status == MR_OK)
        name_entries(&reader.schema, reading.spec);
    while (status == MR_OK && (status = avro_next(&reader, arena, &record)) == MR_OK) {
        if (count == capacity) {
            const size_t room = capacity == 0 ? 16 : capacity * 2;
            files = mr_arena_realloc(arena, files, capacity * sizeof *files, room * sizeof *files);
            capacity = room;
        }
        if (!read_entry(&reading, &record, &files[count++]) || count > ICEBERG_FILES_MAX)
            return MR_INVALID;
    }
    *ret_files = files;
    *ret_count = count;
    return status == MR_END ? MR_OK : status;
}
