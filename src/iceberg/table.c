/* Tables found, read, and made. */
#include "base/point.h"
#include "iceberg/internal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool iceberg_is_table(const struct glue_table *table)
{
    return mr_slice_equal_nocase(mr_json_get_text(table->parameters, "table_type"),
                                 MR_S("ICEBERG"));
}

static enum mr_status read_all(int fd, char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, bytes + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return MR_RAISE(MR_FAIL_IO, "cannot read an object: %s", strerror(errno));
        done += (size_t)got;
    }
    return MR_OK;
}

enum mr_status iceberg_glue_table(const struct iceberg *ice, struct mr_arena *arena,
                                  struct mr_slice database, struct mr_slice name,
                                  struct glue_table *ret_table)
{
    return ice->moment != NULL
               ? glue_table_get_at(s3_snapshot_view(ice->moment), arena, database, name, ret_table)
               : glue_table_get(ice->glue, arena, database, name, ret_table);
}

/* ---- objects ---- */

struct finding {
    struct mr_slice key;
    struct s3_object object;
    bool found;
};

/* The first in order is the key itself, or it is not there. */
static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct finding *finding = ctx;
    finding->found = mr_slice_equal(object->key, finding->key);
    finding->object = *object;
    return MR_END;
}

static enum mr_status read_then(const struct iceberg *ice, struct mr_arena *arena,
                                struct mr_slice bucket, struct mr_slice key,
                                struct mr_slice *ret_bytes)
{
    struct finding finding = {.key = key};
    struct mr_slice small;
    int fd;
    enum mr_status status = s3_snapshot_list(ice->moment, bucket, key, on_object, &finding);
    if (status != MR_OK)
        return status;
    if (!finding.found)
        return MR_NOT_FOUND;
    if (finding.object.size > ICEBERG_METADATA_BYTES_MAX)
        return MR_INVALID;
    struct s3_snapshot_reader *reader = s3_snapshot_reader_new(ice->moment);
    status = s3_snapshot_read(reader, &finding.object, &fd, &small);
    if (status == MR_OK && fd >= 0) {
        char *bytes = mr_arena_alloc(arena, finding.object.size + 1);
        status = read_all(fd, bytes, finding.object.size);
        *ret_bytes = mr_slice_make(bytes, finding.object.size);
        close(fd);
    } else if (status == MR_OK) {
        *ret_bytes = mr_arena_copy(arena, small);
    }
    s3_snapshot_reader_free(reader);
    return status;
}

enum mr_status iceberg_object_read(const struct iceberg *ice, struct mr_arena *arena,
                                   struct mr_slice path, struct mr_slice *ret_bytes)
{
    struct mr_slice bucket, key;
    int fd;
    uint64_t size;
    enum mr_status status = glue_location_parse(path, &bucket, &key);
    if (status == MR_OK && ice->moment != NULL)
        return read_then(ice, arena, bucket, key, ret_bytes);
    if (status == MR_OK)
        status = s3_open_object(ice->s3, bucket, key, &fd, &size);
    if (status != MR_OK)
        return status;
    if (size <= ICEBERG_METADATA_BYTES_MAX) {
        char *bytes = mr_arena_alloc(arena, size + 1);
        status = read_all(fd, bytes, size);
        *ret_bytes = mr_slice_make(bytes, size);
    } else {
        status = MR_INVALID;
    }
    close(fd);
    return status;
}

/* An object of the table's metadata that cannot be read is the table's fault. */
static enum mr_status read_metadata_object(const struct iceberg *ice, struct mr_arena *arena,
                                           struct mr_slice path, struct mr_slice *ret_bytes,
                                           char message[static 512])
{
    const enum mr_status status = iceberg_object_read(ice, arena, path, ret_bytes);
    if (status != MR_NOT_FOUND && status != MR_INVALID)
        return status;
    (void)snprintf(message, 512, "%.*s %s", MR_ARG(path),
                   status == MR_NOT_FOUND ? "does not exist" : "cannot be read");
    return MR_INVALID;
}

static struct mr_slice with_slash(struct mr_arena *arena, struct mr_slice prefix)
{
    if (prefix.len == 0 || prefix.ptr[prefix.len - 1] == '/')
        return prefix;
    return mr_arena_printf(arena, "%.*s/", MR_ARG(prefix));
}

enum mr_status iceberg_table_load(const struct iceberg *ice, struct mr_arena *arena,
                                  const struct glue_table *glue, struct iceberg_table *ret_table,
                                  char message[static 512])
{
    struct iceberg_table table = {.glue = *glue};
    struct mr_slice text;
    (void)mr_point(MR_POINT_ICEBERG_LOAD);
    table.metadata_location = mr_json_get_text(glue->parameters, "metadata_location");
    if (table.metadata_location.len == 0) {
        (void)snprintf(message, 512, "the table has no metadata_location");
        return MR_INVALID;
    }
    enum mr_status status =
        read_metadata_object(ice, arena, table.metadata_location, &text, message);
    if (status == MR_OK)
        status = iceberg_metadata_read(arena, text, &table.metadata, message);
    if (status != MR_OK)
        return status;
    if (glue_location_parse(table.metadata.location, &table.bucket, &table.prefix) != MR_OK) {
        (void)snprintf(message, 512, "the table's location %.300s is no S3 location",
                       mr_arena_cstr(arena, table.metadata.location));
        return MR_INVALID;
    }
    table.prefix = with_slash(arena, table.prefix);
    *ret_table = table;
    return MR_OK;
}

enum mr_status iceberg_manifests(const struct iceberg *ice, struct mr_arena *arena,
                                 const struct iceberg_snapshot *snapshot,
                                 struct iceberg_manifest **ret_list, size_t *ret_count,
                                 char message[static 512])
{
    struct mr_slice bytes;
    *ret_list = NULL;
    *ret_count = 0;
    if (snapshot == NULL)
        return MR_OK;
    enum mr_status status =
        read_metadata_object(ice, arena, snapshot->manifest_list, &bytes, message);
    if (status == MR_OK) {
        status = iceberg_manifests_read(arena, bytes, ret_list, ret_count);
        if (status == MR_INVALID)
            (void)snprintf(message, 512, "manifest list %.*s is damaged",
                           MR_ARG(snapshot->manifest_list));
    }
    return status;
}

enum mr_status iceberg_manifest_files(const struct iceberg *ice, struct mr_arena *arena,
                                      const struct iceberg_metadata *metadata,
                                      const struct iceberg_manifest *line,
                                      struct iceberg_file **ret_files, size_t *ret_count,
                                      char message[static 512])
{
    struct mr_slice bytes;
    enum mr_status status = read_metadata_object(ice, arena, line->path, &bytes, message);
    if (status == MR_OK) {
        status = iceberg_manifest_read(arena, bytes, line, metadata, ret_files, ret_count);
        if (status == MR_INVALID)
            (void)snprintf(message, 512, "manifest %.*s is damaged", MR_ARG(line->path));
    }
    return status;
}

enum mr_status iceberg_files(const struct iceberg *ice, struct mr_arena *arena,
                             const struct iceberg_table *table,
                             const struct iceberg_snapshot *snapshot,
                             struct iceberg_file **ret_files, size_t *ret_count,
                             char message[static 512])
{
    struct iceberg_manifest *lines;
    struct iceberg_file *all = NULL;
    size_t line_count, count = 0;
    enum mr_status status = iceberg_manifests(ice, arena, snapshot, &lines, &line_count, message);
    for (size_t i = 0; i < line_count && status == MR_OK; i++) {
        struct iceberg_file *files = NULL;
        size_t found = 0;
        status = iceberg_manifest_files(ice, arena, &table->metadata, &lines[i], &files, &found,
                                        message);
        if (status != MR_OK || found == 0)
            continue;
        all = mr_arena_realloc(arena, all, count * sizeof *all, (count + found) * sizeof *all);
        for (size_t j = 0; j < found; j++)
            if (files[j].status != ICEBERG_DELETED)
                all[count++] = files[j];
    }
    *ret_files = all;
    *ret_count = count;
    return status;
}

/* ---- the Glue table ---- */

static void write_columns(struct mr_json *json, const struct iceberg_metadata *metadata)
{
    const struct iceberg_schema *schema = iceberg_schema_now(metadata);
    struct mr_buf type = {0};
    char id[16];
    mr_json_key(json, "Columns");
    mr_json_array(json);
    for (size_t i = 0; i < schema->count; i++) {
        const struct iceberg_field *field = &schema->fields[i];
        mr_buf_reset(&type);
        iceberg_type_write_hive(&type, &field->type);
        (void)snprintf(id, sizeof id, "%d", field->id);
        mr_json_object(json);
        mr_json_key_string(json, "Name", field->name);
        mr_json_key_string(json, "Type", mr_buf_slice(&type));
        if (field->doc.len > 0)
            mr_json_key_string(json, "Comment", field->doc);
        mr_json_key(json, "Parameters");
        mr_json_object(json);
        mr_json_key_cstr(json, "iceberg.field.current", "true");
        mr_json_key_cstr(json, "iceberg.field.id", id);
        mr_json_key_cstr(json, "iceberg.field.optional", field->required ? "false" : "true");
        mr_json_object_end(json);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_buf_fini(&type);
}

static void write_before(struct mr_json *json, yyjson_val *before)
{
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(before))
        return;
    yyjson_obj_foreach(before, index, max, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (mr_slice_equal_nocase(name, MR_S("table_type")) ||
            mr_slice_equal(name, MR_S("metadata_location")) ||
            mr_slice_equal(name, MR_S("previous_metadata_location")))
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
    }
}

static void write_parameters(struct mr_json *json, yyjson_val *before, struct mr_slice location,
                             struct mr_slice previous)
{
    mr_json_key(json, "Parameters");
    mr_json_object(json);
    write_before(json, before);
    mr_json_key_cstr(json, "table_type", "ICEBERG");
    mr_json_key_string(json, "metadata_location", location);
    if (previous.len > 0)
        mr_json_key_string(json, "previous_metadata_location", previous);
    mr_json_object_end(json);
}

yyjson_val *iceberg_glue_input(struct mr_arena *arena, const struct iceberg_glue_facts *facts)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", facts->name);
    if (facts->comment.len > 0)
        mr_json_key_string(&json, "Description", facts->comment);
    mr_json_key_value(&json, "Owner", mr_json_get(facts->before, "Owner"));
    mr_json_key(&json, "StorageDescriptor");
    mr_json_object(&json);
    write_columns(&json, facts->metadata);
    mr_json_key_string(&json, "Location", facts->metadata->location);
    mr_json_key_bool(&json, "Compressed", false);
    mr_json_key_int(&json, "NumberOfBuckets", 0);
    mr_json_key(&json, "SortColumns");
    mr_json_raw(&json, MR_S("[]"));
    mr_json_key_bool(&json, "StoredAsSubDirectories", false);
    mr_json_object_end(&json);
    mr_json_key_cstr(&json, "TableType", "EXTERNAL_TABLE");
    write_parameters(&json, mr_json_get(facts->before, "Parameters"), facts->location,
                     facts->previous);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

/* ---- making one ---- */

struct mr_slice iceberg_without_slash(struct mr_slice location)
{
    while (location.len > 0 && location.ptr[location.len - 1] == '/')
        location.len--;
    return location;
}

enum mr_status iceberg_table_plan(const struct iceberg *ice, struct mr_arena *arena,
                                  const struct iceberg_create *create,
                                  struct iceberg_table *ret_table, char message[static 512])
{
    char uuid[37];
    struct iceberg_table table = {.glue = {.database = create->database, .name = create->name}};
    struct iceberg_schema *schema = MR_NEW(arena, struct iceberg_schema);
    struct iceberg_spec *spec = MR_NEW(arena, struct iceberg_spec);
    *schema = *create->schema;
    *spec = *create->spec;
    mr_rng_uuid(ice->rng, uuid);
    table.metadata = (struct iceberg_metadata){
        .uuid = mr_arena_copy(arena, mr_slice_cstr(uuid)),
        .location = iceberg_without_slash(create->location),
        .last_updated_ms = store_now(ice->store),
        .last_column_id = create->last_column_id,
        .last_partition_id = spec->count > 0 ? spec->fields[spec->count - 1].field_id : 999,
        .schemas = schema,
        .schema_count = 1,
        .current_schema = schema->id,
        .specs = spec,
        .spec_count = 1,
        .default_spec = spec->id,
        .current_snapshot = -1,
        .properties = create->properties,
    };
    if (glue_location_parse(table.metadata.location, &table.bucket, &table.prefix) != MR_OK) {
        (void)snprintf(message, 512, "the location is no S3 location");
        return MR_INVALID;
    }
    table.prefix = with_slash(arena, table.prefix);
    *ret_table = table;
    return MR_OK;
}

enum mr_status iceberg_table_create(const struct iceberg *ice, struct mr_arena *arena,
                                    const struct iceberg_create *create, int64_t *ret_ticket,
                                    char message[static 512])
{
    struct iceberg_table table;
    enum mr_status status = iceberg_table_plan(ice, arena, create, &table, message);
    if (status != MR_OK)
        return status;
    struct iceberg_change change = iceberg_change_make(ice, arena, &table);
    change.create = create;
    status = iceberg_change_prepare(&change, NULL, message);
    if (status == MR_NOT_FOUND)
        (void)snprintf(message, 512, "bucket %.*s does not exist", MR_ARG(table.bucket));
    if (status == MR_OK)
        return iceberg_change_commit(&change, ret_ticket);
    iceberg_change_end(&change, false);
    return status;
}
