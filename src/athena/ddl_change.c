/* ALTER TABLE and MSCK REPAIR TABLE. */
#include "athena/internal.h"
#include <stdlib.h>

/* ---- partitions ---- */

/* A PartitionInput: the table's own storage at another location. */
static yyjson_val *partition_input(struct athena_ddl *ddl, const struct glue_table *table,
                                   const struct mr_slice *values, struct mr_slice location)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *storage = mr_json_get(table->json, "StorageDescriptor");
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(&json);
    mr_json_key(&json, "Values");
    mr_json_array(&json);
    for (size_t i = 0; i < table->key_count; i++)
        mr_json_string(&json, values[i]);
    mr_json_array_end(&json);
    mr_json_key(&json, "StorageDescriptor");
    mr_json_object(&json);
    yyjson_obj_foreach(storage, index, max, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), MR_S("Location")))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    mr_json_key_string(&json, "Location", location);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

/* The values in the order of the keys; NULL: the error is set. */
static struct mr_slice *spec_values(struct athena_ddl *ddl, const struct glue_table *table,
                                    const struct athena_partition_spec *spec)
{
    struct mr_slice *values = MR_NEW_ARRAY(ddl->arena, struct mr_slice, table->key_count + 1);
    size_t found = 0;
    for (const struct athena_pair *pair = spec->values; pair != NULL; pair = pair->next) {
        size_t i = 0;
        while (i < table->key_count && !mr_slice_equal(table->keys[i].name, pair->name))
            i++;
        if (i == table->key_count || values[i].ptr != NULL) {
            athena_ddl_fail(ddl,
                            "SemanticException Partition spec contains non-partition column "
                            "%.*s",
                            MR_ARG(pair->name));
            return NULL;
        }
        values[i] = pair->value;
        found++;
    }
    if (found == table->key_count)
        return values;
    athena_ddl_fail(ddl, "SemanticException partition spec does not name all partition columns");
    return NULL;
}

/* location/key=value/... */
static struct mr_slice default_location(struct athena_ddl *ddl, const struct glue_table *table,
                                        const struct mr_slice *values)
{
    struct mr_buf buf = {0};
    mr_buf_append(&buf, table->location);
    if (buf.len > 0 && buf.data[buf.len - 1] != '/')
        mr_buf_byte(&buf, '/');
    for (size_t i = 0; i < table->key_count; i++)
        mr_buf_printf(&buf, "%.*s=%.*s/", MR_ARG(table->keys[i].name), MR_ARG(values[i]));
    struct mr_slice location = mr_arena_copy(ddl->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return location;
}

static bool add_partition(struct athena_ddl *ddl, const struct glue_table *table,
                          const struct mr_slice *values, struct mr_slice location, bool *ret_new)
{
    size_t added = 0;
    yyjson_val *input = partition_input(ddl, table, values, location);
    enum mr_status status = glue_partition_put(ddl->athena->options.glue, ddl->arena, table, &input,
                                               1, false, &added, &ddl->ticket);
    *ret_new = added > 0;
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

static bool add_partitions(struct athena_ddl *ddl, const struct glue_table *table)
{
    for (const struct athena_partition_spec *spec = ddl->statement->partitions; spec != NULL;
         spec = spec->next) {
        bool fresh;
        struct mr_slice *values = spec_values(ddl, table, spec);
        if (values == NULL)
            return false;
        struct mr_slice location =
            spec->location.len > 0 ? spec->location : default_location(ddl, table, values);
        if (!add_partition(ddl, table, values, location, &fresh))
            return false;
        if (!fresh && !ddl->statement->if_not_exists)
            return athena_ddl_fail(ddl,
                                   "Execution Error, return code 1 from "
                                   "org.apache.hadoop.hive.ql.exec.DDLTask. "
                                   "AlreadyExistsException(message:Partition already exists.)");
    }
    return true;
}

static bool drop_partitions(struct athena_ddl *ddl, const struct glue_table *table)
{
    for (const struct athena_partition_spec *spec = ddl->statement->partitions; spec != NULL;
         spec = spec->next) {
        struct mr_slice *values = spec_values(ddl, table, spec);
        if (values == NULL)
            return false;
        enum mr_status status =
            glue_partition_delete(ddl->athena->options.glue, ddl->arena, table->database,
                                  table->name, values, table->key_count, &ddl->ticket);
        if (status == MR_NOT_FOUND && !ddl->statement->if_exists)
            return athena_ddl_fail(ddl, "SemanticException [Error 10006]: Partition not found");
        if (status < 0)
            return athena_ddl_fail(ddl, "internal error");
    }
    return true;
}

/* ---- MSCK REPAIR TABLE ---- */

struct repair {
    struct athena_ddl *ddl;
    const struct glue_table *table;
    struct mr_slice prefix, last; /* last: folder of the partition seen before */
    size_t found;
    bool failed;
};

/* key=value folders only, in the order of the keys; false: another path. */
static bool path_values(const struct repair *repair, struct mr_slice path, struct mr_slice *values,
                        size_t *ret_folder_len)
{
    const char *start = path.ptr;
    for (size_t i = 0; i < repair->table->key_count; i++) {
        struct mr_slice part;
        if (!mr_slice_split(&path, '/', &part) || path.ptr == NULL)
            return false;
        const size_t equal = mr_slice_find(part, '=');
        if (equal == SIZE_MAX ||
            !mr_slice_equal_nocase(mr_slice_sub(part, 0, equal), repair->table->keys[i].name))
            return false;
        values[i] = mr_slice_sub(part, equal + 1, SIZE_MAX);
    }
    *ret_folder_len = (size_t)(path.ptr - start);
    return true;
}

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct repair *repair = ctx;
    struct athena_ddl *ddl = repair->ddl;
    struct mr_slice path = mr_slice_sub(object->key, repair->prefix.len, SIZE_MAX);
    struct mr_slice *values =
        MR_NEW_ARRAY(ddl->arena, struct mr_slice, repair->table->key_count + 1);
    size_t len;
    bool fresh;
    if (atomic_load(&ddl->handle->cancelled))
        return MR_END;
    if (repair->last.len > 0 && mr_slice_starts_with(path, repair->last))
        return MR_OK; /* listed in order: of the same partition */
    if (!path_values(repair, path, values, &len))
        return MR_OK;
    repair->last = mr_arena_copy(ddl->arena, mr_slice_sub(path, 0, len));
    struct mr_slice location = mr_arena_printf(
        ddl->arena, "%.*s%s%.*s", MR_ARG(repair->table->location),
        mr_slice_ends_with(repair->table->location, MR_S("/")) ? "" : "/", MR_ARG(repair->last));
    if (!add_partition(ddl, repair->table, values, location, &fresh)) {
        repair->failed = true;
        return MR_END;
    }
    if (fresh) {
        repair->found++;
        athena_ddl_row(ddl, "Repair: Added partition to metastore %.*s:%.*s",
                       MR_ARG(repair->table->name), MR_ARG(mr_slice_sub(repair->last, 0, len - 1)));
    }
    return MR_OK;
}

static bool repair_table(struct athena_ddl *ddl, const struct glue_table *table)
{
    static const char *const columns[] = {"result"};
    struct repair repair = {.ddl = ddl, .table = table};
    struct mr_slice bucket;
    athena_ddl_columns(ddl, columns, 1);
    if (glue_location_parse(table->location, &bucket, &repair.prefix) != MR_OK)
        return athena_ddl_fail(ddl, "Execution Error: the table has no S3 location");
    if (repair.prefix.len > 0 && !mr_slice_ends_with(repair.prefix, MR_S("/")))
        repair.prefix = mr_arena_printf(ddl->arena, "%.*s/", MR_ARG(repair.prefix));
    enum mr_status status =
        s3_list(ddl->athena->options.s3, bucket, repair.prefix, on_object, &repair);
    if (status == MR_NOT_FOUND)
        return athena_ddl_fail(ddl, "Execution Error: the bucket %.*s does not exist",
                               MR_ARG(bucket));
    return !repair.failed && (status >= 0 || athena_ddl_fail(ddl, "internal error"));
}

/* ---- the table itself ---- */

static void write_pairs(struct mr_json *json, yyjson_val *old, const struct athena_pair *pairs)
{
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        const struct athena_pair *pair = pairs;
        while (pair != NULL && !mr_slice_equal(pair->name, mr_json_text(key)))
            pair = pair->next;
        if (pair != NULL)
            continue;
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
    }
    for (; pairs != NULL; pairs = pairs->next) {
        mr_json_name(json, pairs->name);
        mr_json_string(json, pairs->value);
    }
    mr_json_object_end(json);
}

static void write_storage(struct mr_json *json, yyjson_val *old, const struct athena_pair *columns)
{
    size_t index, max, i, count;
    yyjson_val *key, *value, *column;
    mr_json_object(json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        mr_json_name(json, mr_json_text(key));
        if (!mr_slice_equal(mr_json_text(key), MR_S("Columns"))) {
            mr_json_value(json, value);
            continue;
        }
        mr_json_array(json);
        yyjson_arr_foreach(value, i, count, column)
        {
            mr_json_value(json, column);
        }
        for (; columns != NULL; columns = columns->next) {
            mr_json_object(json);
            mr_json_key_string(json, "Name", columns->name);
            mr_json_key_string(json, "Type", columns->value);
            if (columns->comment.len > 0)
                mr_json_key_string(json, "Comment", columns->comment);
            mr_json_object_end(json);
        }
        mr_json_array_end(json);
    }
    mr_json_object_end(json);
}

/* The table as it is, with the statement's columns and properties added. */
static bool alter_table(struct athena_ddl *ddl, const struct glue_table *table)
{
    static const char *const kept[] = {"Name",      "Description",      "Owner",
                                       "Retention", "PartitionKeys",    "ViewOriginalText",
                                       "TableType", "ViewExpandedText", "LastAccessTime"};
    const struct athena_statement *statement = ddl->statement;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(kept); i++)
        mr_json_key_value(&json, kept[i], mr_json_get(table->json, kept[i]));
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, mr_json_get(table->json, "StorageDescriptor"), statement->columns);
    mr_json_key(&json, "Parameters");
    write_pairs(&json, table->parameters, statement->properties);
    mr_json_object_end(&json);
    struct glue_table_put put = {.database = table->database, .replace = true};
    put.input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    enum mr_status status =
        glue_table_put(ddl->athena->options.glue, ddl->arena, &put, &ddl->ticket);
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

bool athena_ddl_change(struct athena_ddl *ddl)
{
    struct glue_table table;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (absent)
        return true;
    switch (ddl->statement->kind) {
    case STATEMENT_REPAIR: return repair_table(ddl, &table);
    case STATEMENT_ADD_PARTITION: return add_partitions(ddl, &table);
    case STATEMENT_DROP_PARTITION: return drop_partitions(ddl, &table);
    default: return alter_table(ddl, &table);
    }
}
