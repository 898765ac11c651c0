/* Partitions: ALTER TABLE ADD and DROP PARTITION, MSCK REPAIR TABLE. */
#include "athena/internal.h"
#include "athena/parts.h"
#include "base/codec.h"
#include "iceberg/iceberg.h"
#include <stdlib.h>

/* ---- partitions ---- */

/* A PartitionInput: the table's own storage at another location. */
yyjson_val *athena_partition_input(struct mr_arena *arena, const struct glue_table *table,
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
    yyjson_val *input = mr_json_parse(arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

struct mr_slice *athena_ddl_spec_values(struct athena_ddl *ddl, const struct glue_table *table,
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
    for (size_t i = 0; i < table->key_count; i++) {
        mr_buf_printf(&buf, "%.*s=", MR_ARG(table->keys[i].name));
        athena_parts_escape(&buf, values[i]);
        mr_buf_byte(&buf, '/');
    }
    struct mr_slice location = mr_arena_copy(ddl->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return location;
}

static bool add_partition(struct athena_ddl *ddl, const struct glue_table *table,
                          const struct mr_slice *values, struct mr_slice location, bool *ret_new)
{
    size_t added = 0;
    yyjson_val *input = athena_partition_input(ddl->arena, table, values, location);
    enum mr_status status = glue_partition_put(ddl->athena->options.glue, ddl->arena, table, &input,
                                               1, false, &added, &ddl->ticket);
    *ret_new = added > 0;
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

/* Hive: of a key that is a whole number. */
static bool check_values(struct athena_ddl *ddl, const struct glue_table *table,
                         const struct mr_slice *values)
{
    struct athena_type type;
    int64_t number;
    for (size_t i = 0; i < table->key_count; i++)
        if (athena_type_parse(ddl->arena, table->keys[i].type, &type) == MR_OK &&
            type.kind >= ATHENA_TINYINT && type.kind <= ATHENA_BIGINT &&
            !mr_slice_equal(values[i], MR_S("__HIVE_DEFAULT_PARTITION__")) &&
            mr_slice_to_i64(values[i], &number) != MR_OK)
            return athena_ddl_fail(ddl,
                                   "SemanticException [Error 10248]: Cannot add partition column "
                                   "%.*s of type string as it cannot be converted to type %.*s",
                                   MR_ARG(table->keys[i].name), MR_ARG(table->keys[i].type));
    return true;
}

static bool add_partitions(struct athena_ddl *ddl, const struct glue_table *table)
{
    for (const struct athena_partition_spec *spec = ddl->statement->partitions; spec != NULL;
         spec = spec->next) {
        bool fresh;
        struct mr_slice *values = athena_ddl_spec_values(ddl, table, spec);
        if (values == NULL || !check_values(ddl, table, values))
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

struct dropping {
    struct athena_ddl *ddl;
    const struct glue_table *table;
    const struct athena_partition_spec *spec;
    struct mr_slice **found; /* in the arena */
    size_t count, capacity;
};

static bool fits(const struct dropping *dropping, const struct athena_pair *pair,
                 struct mr_slice value)
{
    size_t key = 0;
    int64_t left, right;
    while (!mr_slice_equal(dropping->table->keys[key].name, pair->name))
        key++;
    int order = mr_slice_compare(value, pair->value);
    struct athena_type type;
    if (athena_type_parse(dropping->ddl->arena, dropping->table->keys[key].type, &type) == MR_OK &&
        type.kind <= ATHENA_BIGINT && mr_slice_to_i64(value, &left) == MR_OK &&
        mr_slice_to_i64(pair->value, &right) == MR_OK)
        order = (left > right) - (left < right);
    const char *op = pair->op == NULL ? "=" : pair->op;
    if (strcmp(op, "<>") == 0 || strcmp(op, "!=") == 0)
        return order != 0;
    return (order == 0 && strchr(op, '=') != NULL) || (order < 0 && op[0] == '<') ||
           (order > 0 && op[0] == '>');
}

static enum mr_status on_dropped(void *ctx, const struct glue_partition *partition)
{
    struct dropping *dropping = ctx;
    struct mr_arena *arena = dropping->ddl->arena;
    if (partition->value_count != dropping->table->key_count)
        return MR_OK;
    for (const struct athena_pair *pair = dropping->spec->values; pair != NULL; pair = pair->next) {
        size_t key = 0;
        while (!mr_slice_equal(dropping->table->keys[key].name, pair->name))
            key++;
        if (!fits(dropping, pair, partition->values[key]))
            return MR_OK;
    }
    if (dropping->count == dropping->capacity) {
        const size_t size = sizeof(void *) * dropping->capacity;
        dropping->capacity = dropping->capacity == 0 ? 16 : dropping->capacity * 2;
        dropping->found =
            mr_arena_realloc(arena, dropping->found, size, sizeof(void *) * dropping->capacity);
    }
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, partition->value_count + 1);
    for (size_t i = 0; i < partition->value_count; i++)
        values[i] = mr_arena_copy(arena, partition->values[i]);
    dropping->found[dropping->count++] = values;
    return MR_OK;
}

static bool is_key(const struct glue_table *table, struct mr_slice name)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (mr_slice_equal(table->keys[i].name, name))
            return true;
    }
    return false;
}

/* A spec may name some of the keys, and compare: all partitions that fit go. */
static bool drop_some(struct athena_ddl *ddl, const struct glue_table *table,
                      const struct athena_partition_spec *spec)
{
    struct glue *glue = ddl->athena->options.glue;
    struct dropping dropping = {.ddl = ddl, .table = table, .spec = spec};
    for (const struct athena_pair *pair = spec->values; pair != NULL; pair = pair->next) {
        if (!is_key(table, pair->name))
            return athena_ddl_fail(ddl,
                                   "SemanticException [Error 10001]: Partition spec contains "
                                   "non-partition column %.*s",
                                   MR_ARG(pair->name));
    }
    enum mr_status status =
        glue_partition_each(glue, table->database, table->name, on_dropped, &dropping);
    for (size_t i = 0; status >= 0 && i < dropping.count; i++)
        status = glue_partition_delete(glue, ddl->arena, table->database, table->name,
                                       dropping.found[i], table->key_count, &ddl->ticket);
    if (status < 0)
        return athena_ddl_fail(ddl, "internal error");
    if (dropping.count > 0 || ddl->statement->if_exists)
        return true;
    return athena_ddl_fail(ddl,
                           "SemanticException [Error 10006]: Partition not found (%.*s %s "
                           "'%.*s')",
                           MR_ARG(spec->values->name),
                           spec->values->op == NULL ? "=" : spec->values->op,
                           MR_ARG(spec->values->value));
}

static bool drop_partitions(struct athena_ddl *ddl, const struct glue_table *table)
{
    for (const struct athena_partition_spec *spec = ddl->statement->partitions; spec != NULL;
         spec = spec->next) {
        if (!drop_some(ddl, table, spec))
            return false;
    }
    return true;
}

/* ---- MSCK REPAIR TABLE ---- */

struct repair {
    struct athena_ddl *ddl;
    const struct glue_table *table;
    struct mr_slice prefix, last; /* last: folder of the partition seen before */
    struct mr_buf found;          /* partitions' names, a tab before each */
    struct absent {               /* partitions of the catalog before the repair */
        struct mr_slice name, location;
        struct absent *next;
    } * known;
    bool failed;
};

/* Hive writes what a folder's name should not hold as %2F. */
static struct mr_slice unescape(struct mr_arena *arena, struct mr_slice text)
{
    if (mr_slice_find(text, '%') == SIZE_MAX)
        return text;
    char *plain = mr_arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte;
        if (text.ptr[i] == '%' && mr_unhex(mr_slice_sub(text, i + 1, 2), &byte, 1) == MR_OK) {
            plain[len++] = (char)byte;
            i += 2;
        } else {
            plain[len++] = text.ptr[i];
        }
    }
    return mr_slice_make(plain, len);
}

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
            !mr_slice_equal(mr_slice_sub(part, 0, equal), /* AWS: folders in lower case alone */
                            glue_lower(repair->ddl->arena, repair->table->keys[i].name)))
            return false;
        values[i] = unescape(repair->ddl->arena, mr_slice_sub(part, equal + 1, SIZE_MAX));
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
    if (fresh)
        mr_buf_printf(&repair->found, "\t%.*s:%.*s", MR_ARG(repair->table->name),
                      MR_ARG(mr_slice_sub(repair->last, 0, len - 1)));
    return MR_OK;
}

static enum mr_status on_known(void *ctx, const struct glue_partition *partition)
{
    struct repair *repair = ctx;
    struct mr_arena *arena = repair->ddl->arena;
    struct absent *known = MR_NEW(arena, struct absent);
    struct mr_buf name = {0};
    for (size_t i = 0; i < partition->value_count && i < repair->table->key_count; i++)
        mr_buf_printf(&name, "%s%.*s=%.*s", i > 0 ? "/" : "", MR_ARG(repair->table->keys[i].name),
                      MR_ARG(partition->values[i]));
    *known = (struct absent){.name = mr_arena_copy(arena, mr_buf_slice(&name)),
                             .location = mr_arena_copy(arena, partition->location),
                             .next = repair->known};
    repair->known = known;
    mr_buf_fini(&name);
    return atomic_load(&repair->ddl->handle->cancelled) ? MR_END : MR_OK;
}

static enum mr_status on_any(void *ctx, const struct s3_object *object)
{
    (void)object;
    *(bool *)ctx = true;
    return MR_END;
}

static bool is_empty(struct athena_ddl *ddl, struct mr_slice location)
{
    struct mr_slice bucket, prefix;
    bool filled = false;
    if (glue_location_parse(location, &bucket, &prefix) != MR_OK)
        return false;
    if (prefix.len > 0 && !mr_slice_ends_with(prefix, MR_S("/")))
        prefix = mr_arena_printf(ddl->arena, "%.*s/", MR_ARG(prefix));
    const enum mr_status status = s3_list(ddl->athena->options.s3, bucket, prefix, on_any, &filled);
    return status == MR_NOT_FOUND || (status >= 0 && !filled);
}

/* Hive's report: what the catalog had not, what S3 has not, which it leaves alone, what it did. */
static void tell_repair(const struct repair *repair)
{
    struct athena_ddl *ddl = repair->ddl;
    struct mr_slice found = mr_buf_slice(&repair->found), name;
    struct mr_buf absent = {0};
    for (const struct absent *known = repair->known; known != NULL; known = known->next)
        if (is_empty(ddl, known->location))
            mr_buf_printf(&absent, "\t%.*s:%.*s", MR_ARG(repair->table->name), MR_ARG(known->name));
    if (found.len > 0)
        athena_ddl_row(ddl, "Partitions not in metastore:%.*s", MR_ARG(found));
    if (absent.len > 0)
        athena_ddl_row(ddl, "Partitions missing from filesystem:%.*s",
                       MR_ARG(mr_buf_slice(&absent)));
    found = mr_slice_sub(found, 1, SIZE_MAX);
    while (found.len > 0 && mr_slice_split(&found, '\t', &name))
        athena_ddl_row(ddl, "Repair: Added partition to metastore %.*s", MR_ARG(name));
    mr_buf_fini(&absent);
}

static bool repair_table(struct athena_ddl *ddl, const struct glue_table *table)
{
    static const char *const columns[] = {"result"};
    struct repair repair = {.ddl = ddl, .table = table};
    struct mr_slice bucket;
    athena_ddl_columns(ddl, columns, 1);
    if (table->key_count == 0)
        return true;
    if (glue_location_parse(table->location, &bucket, &repair.prefix) != MR_OK)
        return athena_ddl_fail(ddl, "Execution Error: the table has no S3 location");
    if (repair.prefix.len > 0 && !mr_slice_ends_with(repair.prefix, MR_S("/")))
        repair.prefix = mr_arena_printf(ddl->arena, "%.*s/", MR_ARG(repair.prefix));
    enum mr_status status = glue_partition_each(ddl->athena->options.glue, table->database,
                                                table->name, on_known, &repair);
    if (status >= 0)
        status = s3_list(ddl->athena->options.s3, bucket, repair.prefix, on_object, &repair);
    if (status >= 0 && status != MR_NOT_FOUND && !repair.failed)
        tell_repair(&repair);
    mr_buf_fini(&repair.found);
    if (status == MR_NOT_FOUND)
        return athena_ddl_fail(ddl, "Execution Error: the bucket %.*s does not exist",
                               MR_ARG(bucket));
    return !repair.failed && (status >= 0 || athena_ddl_fail(ddl, "internal error"));
}

bool athena_ddl_change(struct athena_ddl *ddl)
{
    struct glue_table table;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (absent)
        return true;
    if (iceberg_is_table(&table))
        return ddl->statement->kind == STATEMENT_REPAIR
                   ? athena_ddl_fail(ddl,
                                     "NOT_SUPPORTED: MSCK REPAIR TABLE is not for Iceberg tables")
                   : athena_ddl_alter_iceberg(ddl, &table);
    switch (ddl->statement->kind) {
    case STATEMENT_REPAIR: return repair_table(ddl, &table);
    case STATEMENT_ADD_PARTITION: return add_partitions(ddl, &table);
    case STATEMENT_DROP_PARTITION: return drop_partitions(ddl, &table);
    case STATEMENT_DROP_COLUMN:
    case STATEMENT_UNSET_PROPERTIES:
        return athena_ddl_fail(ddl, "NOT_SUPPORTED: ALTER TABLE DROP COLUMN and UNSET "
                                    "TBLPROPERTIES are for Iceberg tables");
    default: return athena_ddl_alter(ddl, &table);
    }
}
