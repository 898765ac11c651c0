#include "iceberg/metadata.h"
#include <stdarg.h>
#include <stdio.h>

enum { SNAPSHOTS_MAX = 1000000, VERSION = 2, PARTITION_ID_FIRST = 1000 };

static enum mr_status refuse(char message[static 512], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, 512, format, args);
    va_end(args);
    return MR_INVALID;
}

/* ---- finding ---- */

const struct iceberg_schema *iceberg_schema_of(const struct iceberg_metadata *metadata, int id)
{
    for (size_t i = 0; i < metadata->schema_count; i++)
        if (metadata->schemas[i].id == id)
            return &metadata->schemas[i];
    return NULL;
}

const struct iceberg_schema *iceberg_schema_now(const struct iceberg_metadata *metadata)
{
    return iceberg_schema_of(metadata, metadata->current_schema);
}

const struct iceberg_spec *iceberg_spec_of(const struct iceberg_metadata *metadata, int id)
{
    for (size_t i = 0; i < metadata->spec_count; i++)
        if (metadata->specs[i].id == id)
            return &metadata->specs[i];
    return NULL;
}

const struct iceberg_snapshot *iceberg_snapshot_of(const struct iceberg_metadata *metadata,
                                                   int64_t id)
{
    for (size_t i = metadata->snapshot_count; i > 0; i--)
        if (metadata->snapshots[i - 1].id == id)
            return &metadata->snapshots[i - 1];
    return NULL;
}

const char *iceberg_codec(const struct iceberg_pairs *properties)
{
    static const char *const words[] = {"snappy", "gzip", "uncompressed"};
    const struct mr_slice wanted = iceberg_pair_get(properties, ICEBERG_CODEC_KEY);
    for (size_t i = 0; i < MR_COUNT(words); i++)
        if (mr_slice_equal_nocase(wanted, mr_slice_cstr(words[i])))
            return words[i];
    return "zstd";
}

int iceberg_level(const struct iceberg_pairs *properties)
{
    const int64_t level = iceberg_pair_number(properties, ICEBERG_LEVEL_KEY, ICEBERG_LEVEL_DEFAULT);
    if (strcmp(iceberg_codec(properties), "zstd") != 0)
        return 0;
    return level >= 1 && level <= ICEBERG_LEVEL_MAX ? (int)level : ICEBERG_LEVEL_DEFAULT;
}

struct mr_slice iceberg_pair_get(const struct iceberg_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (mr_slice_equal(pairs->list[i].name, mr_slice_cstr(name)))
            return pairs->list[i].value;
    return MR_S("");
}

int64_t iceberg_pair_number(const struct iceberg_pairs *pairs, const char *name, int64_t fallback)
{
    int64_t number;
    return mr_slice_to_i64(iceberg_pair_get(pairs, name), &number) == MR_OK ? number : fallback;
}

void iceberg_pair_set(struct mr_arena *arena, struct iceberg_pairs *pairs, struct mr_slice name,
                      struct mr_slice value)
{
    struct iceberg_pair *list = MR_NEW_ARRAY(arena, struct iceberg_pair, pairs->count + 1);
    size_t count = 0;
    bool found = false;
    for (size_t i = 0; i < pairs->count; i++) {
        struct iceberg_pair pair = pairs->list[i];
        if (mr_slice_equal(pair.name, name)) {
            found = true;
            pair.value = value;
        }
        if (pair.value.ptr != NULL)
            list[count++] = pair;
    }
    if (!found && value.ptr != NULL)
        list[count++] = (struct iceberg_pair){name, value};
    *pairs = (struct iceberg_pairs){list, count};
}

/* ---- reading ---- */

static struct iceberg_pairs read_pairs(struct mr_arena *arena, yyjson_val *json)
{
    struct iceberg_pairs pairs = {
        .list = MR_NEW_ARRAY(arena, struct iceberg_pair, yyjson_obj_size(json) + 1)};
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(json)) /* the macro takes no NULL */
        return pairs;
    yyjson_obj_foreach(json, index, max, key, value)
    {
        pairs.list[pairs.count++] = (struct iceberg_pair){mr_json_text(key), mr_json_text(value)};
    }
    return pairs;
}

static bool read_schemas(struct mr_arena *arena, yyjson_val *json, struct iceberg_metadata *m)
{
    yyjson_val *list = mr_json_get(json, "schemas"), *item;
    const size_t count = yyjson_arr_size(list);
    size_t index, max;
    m->schemas = MR_NEW_ARRAY(arena, struct iceberg_schema, count + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        if (iceberg_schema_read(arena, item, &m->schemas[m->schema_count++]) != MR_OK)
            return false;
    }
    m->current_schema = (int)mr_json_get_i64(json, "current-schema-id", -1);
    return iceberg_schema_now(m) != NULL;
}

/* Engines' functions are days() and hours(), which is what ClickHouse stores. */
static struct mr_slice singular(struct mr_slice transform)
{
    const bool plural = transform.len > 1 && transform.ptr[transform.len - 1] == 's';
    return plural ? mr_slice_sub(transform, 0, transform.len - 1) : transform;
}

static bool read_spec(struct mr_arena *arena, yyjson_val *json, struct iceberg_spec *spec)
{
    yyjson_val *list = mr_json_get(json, "fields"), *item;
    size_t index, max;
    spec->id = (int)mr_json_get_i64(json, "spec-id", -1);
    spec->fields = MR_NEW_ARRAY(arena, struct iceberg_partition_field, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        struct iceberg_partition_field *field = &spec->fields[spec->count++];
        field->source_id = (int)mr_json_get_i64(item, "source-id", -1);
        field->field_id = (int)mr_json_get_i64(item, "field-id", -1);
        field->name = mr_json_get_text(item, "name");
        if (field->field_id < 0 ||
            iceberg_transform_parse(singular(mr_json_get_text(item, "transform")), field) != MR_OK)
            return false;
    }
    return spec->id >= 0;
}

static bool read_specs(struct mr_arena *arena, yyjson_val *json, struct iceberg_metadata *m)
{
    yyjson_val *list = mr_json_get(json, "partition-specs"), *item;
    size_t index, max;
    m->specs = MR_NEW_ARRAY(arena, struct iceberg_spec, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        if (!read_spec(arena, item, &m->specs[m->spec_count++]))
            return false;
    }
    m->default_spec = (int)mr_json_get_i64(json, "default-spec-id", -1);
    m->last_partition_id = (int)mr_json_get_i64(json, "last-partition-id", PARTITION_ID_FIRST - 1);
    return iceberg_spec_of(m, m->default_spec) != NULL;
}

static bool read_snapshots(struct mr_arena *arena, yyjson_val *json, struct iceberg_metadata *m)
{
    yyjson_val *list = mr_json_get(json, "snapshots"), *item;
    size_t index, max;
    if (yyjson_arr_size(list) > SNAPSHOTS_MAX)
        return false;
    m->snapshots = MR_NEW_ARRAY(arena, struct iceberg_snapshot, yyjson_arr_size(list) + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        m->snapshots[m->snapshot_count++] = (struct iceberg_snapshot){
            .id = mr_json_get_i64(item, "snapshot-id", -1),
            .parent = mr_json_get_i64(item, "parent-snapshot-id", -1),
            .sequence = mr_json_get_i64(item, "sequence-number", 0),
            .timestamp_ms = mr_json_get_i64(item, "timestamp-ms", 0),
            .manifest_list = mr_json_get_text(item, "manifest-list"),
            .summary = read_pairs(arena, mr_json_get(item, "summary")),
            .schema_id = (int)mr_json_get_i64(item, "schema-id", -1),
        };
    }
    m->current_snapshot = mr_json_get_i64(json, "current-snapshot-id", -1);
    return m->current_snapshot == -1 || iceberg_snapshot_of(m, m->current_snapshot) != NULL;
}

static struct iceberg_log *read_log(struct mr_arena *arena, yyjson_val *list, size_t *ret_count)
{
    struct iceberg_log *log = MR_NEW_ARRAY(arena, struct iceberg_log, yyjson_arr_size(list) + 1);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        log[(*ret_count)++] =
            (struct iceberg_log){.timestamp_ms = mr_json_get_i64(item, "timestamp-ms", 0),
                                 .number = mr_json_get_i64(item, "snapshot-id", -1),
                                 .file = mr_json_get_text(item, "metadata-file")};
    }
    return log;
}

static void read_refs(struct mr_arena *arena, yyjson_val *json, struct iceberg_metadata *m)
{
    size_t index, max;
    yyjson_val *key, *value;
    m->refs = MR_NEW_ARRAY(arena, struct iceberg_ref, yyjson_obj_size(json) + 1);
    if (!yyjson_is_obj(json))
        return;
    yyjson_obj_foreach(json, index, max, key, value)
    {
        m->refs[m->ref_count++] = (struct iceberg_ref){
            .name = mr_json_text(key),
            .type = mr_json_get_text(value, "type"),
            .snapshot = mr_json_get_i64(value, "snapshot-id", -1),
            .json = value,
        };
    }
}

enum mr_status iceberg_metadata_read(struct mr_arena *arena, struct mr_slice text,
                                     struct iceberg_metadata *ret_metadata,
                                     char message[static 512])
{
    yyjson_val *json = mr_json_parse(arena, text, MR_JSON_DEPTH_MAX);
    struct iceberg_metadata m = {0};
    if (!yyjson_is_obj(json))
        return refuse(message, "the metadata file is no JSON object");
    const int64_t version = mr_json_get_i64(json, "format-version", -1);
    if (version != VERSION)
        return refuse(message, "format version %lld is not supported: only version 2 is",
                      (long long)version);
    m.uuid = mr_json_get_text(json, "table-uuid");
    m.location = mr_json_get_text(json, "location");
    m.last_sequence = mr_json_get_i64(json, "last-sequence-number", 0);
    m.last_updated_ms = mr_json_get_i64(json, "last-updated-ms", 0);
    m.last_column_id = (int)mr_json_get_i64(json, "last-column-id", 0);
    m.properties = read_pairs(arena, mr_json_get(json, "properties"));
    m.sort_orders = mr_json_get(json, "sort-orders");
    m.default_sort_order = mr_json_get_i64(json, "default-sort-order-id", 0);
    m.statistics = mr_json_get(json, "statistics");
    m.partition_statistics = mr_json_get(json, "partition-statistics");
    if (m.location.len == 0)
        return refuse(message, "the metadata file names no location");
    if (!read_schemas(arena, json, &m))
        return refuse(message, "the metadata file has no valid current schema");
    if (!read_specs(arena, json, &m))
        return refuse(message, "the metadata file has no valid default partition spec");
    if (!read_snapshots(arena, json, &m))
        return refuse(message, "the metadata file has no valid current snapshot");
    m.snapshot_log = read_log(arena, mr_json_get(json, "snapshot-log"), &m.snapshot_log_count);
    m.metadata_log = read_log(arena, mr_json_get(json, "metadata-log"), &m.metadata_log_count);
    read_refs(arena, mr_json_get(json, "refs"), &m);
    *ret_metadata = m;
    return MR_OK;
}

/* ---- writing ---- */

static void write_pairs(struct mr_json *json, const struct iceberg_pairs *pairs)
{
    mr_json_object(json);
    for (size_t i = 0; i < pairs->count; i++) {
        mr_json_name(json, pairs->list[i].name);
        mr_json_string(json, pairs->list[i].value);
    }
    mr_json_object_end(json);
}

static void write_specs(struct mr_arena *arena, struct mr_json *json,
                        const struct iceberg_metadata *m)
{
    mr_json_key(json, "partition-specs");
    mr_json_array(json);
    for (size_t i = 0; i < m->spec_count; i++) {
        mr_json_object(json);
        mr_json_key_int(json, "spec-id", m->specs[i].id);
        mr_json_key(json, "fields");
        mr_json_array(json);
        for (size_t j = 0; j < m->specs[i].count; j++) {
            const struct iceberg_partition_field *field = &m->specs[i].fields[j];
            mr_json_object(json);
            mr_json_key_string(json, "name", field->name);
            mr_json_key_string(json, "transform", iceberg_transform_text(arena, field));
            mr_json_key_int(json, "source-id", field->source_id);
            mr_json_key_int(json, "field-id", field->field_id);
            mr_json_object_end(json);
        }
        mr_json_array_end(json);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_sort_orders(struct mr_json *json, const struct iceberg_metadata *m)
{
    mr_json_key_int(json, "default-sort-order-id", m->default_sort_order);
    mr_json_key(json, "sort-orders");
    if (m->sort_orders != NULL)
        mr_json_value(json, m->sort_orders);
    else
        mr_json_raw(json, MR_S("[{\"order-id\":0,\"fields\":[]}]"));
}

static void write_refs(struct mr_json *json, const struct iceberg_metadata *m)
{
    mr_json_key(json, "refs");
    mr_json_object(json);
    for (size_t i = 0; i < m->ref_count; i++) {
        const struct iceberg_ref *ref = &m->refs[i];
        mr_json_name(json, ref->name);
        if (ref->json != NULL) {
            mr_json_value(json, ref->json);
            continue;
        }
        mr_json_object(json);
        mr_json_key_int(json, "snapshot-id", ref->snapshot);
        mr_json_key_string(json, "type", ref->type);
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static void write_snapshots(struct mr_json *json, const struct iceberg_metadata *m)
{
    mr_json_key(json, "snapshots");
    mr_json_array(json);
    for (size_t i = 0; i < m->snapshot_count; i++) {
        const struct iceberg_snapshot *snapshot = &m->snapshots[i];
        mr_json_object(json);
        mr_json_key_int(json, "sequence-number", snapshot->sequence);
        mr_json_key_int(json, "snapshot-id", snapshot->id);
        if (snapshot->parent != -1)
            mr_json_key_int(json, "parent-snapshot-id", snapshot->parent);
        mr_json_key_int(json, "timestamp-ms", snapshot->timestamp_ms);
        mr_json_key(json, "summary");
        write_pairs(json, &snapshot->summary);
        mr_json_key_string(json, "manifest-list", snapshot->manifest_list);
        if (snapshot->schema_id >= 0)
            mr_json_key_int(json, "schema-id", snapshot->schema_id);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void write_logs(struct mr_json *json, const struct iceberg_metadata *m)
{
    mr_json_key(json, "snapshot-log");
    mr_json_array(json);
    for (size_t i = 0; i < m->snapshot_log_count; i++) {
        mr_json_object(json);
        mr_json_key_int(json, "timestamp-ms", m->snapshot_log[i].timestamp_ms);
        mr_json_key_int(json, "snapshot-id", m->snapshot_log[i].number);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_json_key(json, "metadata-log");
    mr_json_array(json);
    for (size_t i = 0; i < m->metadata_log_count; i++) {
        mr_json_object(json);
        mr_json_key_int(json, "timestamp-ms", m->metadata_log[i].timestamp_ms);
        mr_json_key_string(json, "metadata-file", m->metadata_log[i].file);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

void iceberg_metadata_write(struct mr_arena *arena, struct mr_buf *buf,
                            const struct iceberg_metadata *m)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "format-version", VERSION);
    mr_json_key_string(&json, "table-uuid", m->uuid);
    mr_json_key_string(&json, "location", m->location);
    mr_json_key_int(&json, "last-sequence-number", m->last_sequence);
    mr_json_key_int(&json, "last-updated-ms", m->last_updated_ms);
    mr_json_key_int(&json, "last-column-id", m->last_column_id);
    mr_json_key_int(&json, "current-schema-id", m->current_schema);
    mr_json_key(&json, "schemas");
    mr_json_array(&json);
    for (size_t i = 0; i < m->schema_count; i++)
        iceberg_schema_write(&json, &m->schemas[i]);
    mr_json_array_end(&json);
    mr_json_key_int(&json, "default-spec-id", m->default_spec);
    write_specs(arena, &json, m);
    mr_json_key_int(&json, "last-partition-id", m->last_partition_id);
    write_sort_orders(&json, m);
    mr_json_key(&json, "properties");
    write_pairs(&json, &m->properties);
    mr_json_key_int(&json, "current-snapshot-id", m->current_snapshot);
    write_refs(&json, m);
    write_snapshots(&json, m);
    mr_json_key(&json, "statistics");
    mr_json_raw(&json, MR_S("[]"));
    mr_json_key(&json, "partition-statistics");
    mr_json_raw(&json, MR_S("[]"));
    write_logs(&json, m);
    mr_json_object_end(&json);
}

/* ---- changes ---- */

void iceberg_metadata_set_schema(struct mr_arena *arena, struct iceberg_metadata *m,
                                 const struct iceberg_schema *schema)
{
    m->current_schema = schema->id;
    if (iceberg_schema_of(m, schema->id) != NULL)
        return;
    struct iceberg_schema *list = MR_NEW_ARRAY(arena, struct iceberg_schema, m->schema_count + 1);
    for (size_t i = 0; i < m->schema_count; i++)
        list[i] = m->schemas[i];
    list[m->schema_count++] = *schema;
    m->schemas = list;
}

int iceberg_metadata_unpartitioned(struct mr_arena *arena, struct iceberg_metadata *m)
{
    int next = 0;
    for (size_t i = 0; i < m->spec_count; i++) {
        if (m->specs[i].count == 0)
            return m->specs[i].id;
        next = m->specs[i].id >= next ? m->specs[i].id + 1 : next;
    }
    struct iceberg_spec *list = MR_NEW_ARRAY(arena, struct iceberg_spec, m->spec_count + 1);
    for (size_t i = 0; i < m->spec_count; i++)
        list[i] = m->specs[i];
    list[m->spec_count++] = (struct iceberg_spec){.id = next};
    m->specs = list;
    return next;
}

static void set_main(struct mr_arena *arena, struct iceberg_metadata *m, int64_t snapshot)
{
    struct iceberg_ref *list = MR_NEW_ARRAY(arena, struct iceberg_ref, m->ref_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < m->ref_count; i++)
        if (!mr_slice_equal(m->refs[i].name, MR_S("main")))
            list[count++] = m->refs[i];
    list[count++] =
        (struct iceberg_ref){.name = MR_S("main"), .type = MR_S("branch"), .snapshot = snapshot};
    m->refs = list;
    m->ref_count = count;
}

void iceberg_metadata_add_snapshot(struct mr_arena *arena, struct iceberg_metadata *m,
                                   const struct iceberg_snapshot *snapshot)
{
    struct iceberg_snapshot *list =
        MR_NEW_ARRAY(arena, struct iceberg_snapshot, m->snapshot_count + 1);
    struct iceberg_log *log = MR_NEW_ARRAY(arena, struct iceberg_log, m->snapshot_log_count + 1);
    for (size_t i = 0; i < m->snapshot_count; i++)
        list[i] = m->snapshots[i];
    for (size_t i = 0; i < m->snapshot_log_count; i++)
        log[i] = m->snapshot_log[i];
    list[m->snapshot_count++] = *snapshot;
    log[m->snapshot_log_count++] =
        (struct iceberg_log){.timestamp_ms = snapshot->timestamp_ms, .number = snapshot->id};
    m->snapshots = list;
    m->snapshot_log = log;
    m->current_snapshot = snapshot->id;
    m->last_sequence = snapshot->sequence;
    set_main(arena, m, snapshot->id);
}

void iceberg_metadata_keep_snapshots(struct mr_arena *arena, struct iceberg_metadata *m,
                                     const bool *keep)
{
    struct iceberg_snapshot *list =
        MR_NEW_ARRAY(arena, struct iceberg_snapshot, m->snapshot_count + 1);
    struct iceberg_log *log = MR_NEW_ARRAY(arena, struct iceberg_log, m->snapshot_log_count + 1);
    size_t count = 0, logged = 0;
    for (size_t i = 0; i < m->snapshot_count; i++)
        if (keep[i])
            list[count++] = m->snapshots[i];
    m->snapshots = list;
    m->snapshot_count = count;
    for (size_t i = 0; i < m->snapshot_log_count; i++) {
        /* What comes before a snapshot that has gone cannot be told as a history any more. */
        if (iceberg_snapshot_of(m, m->snapshot_log[i].number) == NULL)
            logged = 0;
        else
            log[logged++] = m->snapshot_log[i];
    }
    m->snapshot_log = log;
    m->snapshot_log_count = logged;
}
