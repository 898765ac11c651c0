/* One crawl: lists the targets, samples objects, groups them into tables, brings the catalog up to
 * date.
 *
 * Order: a table is written before its partitions, so that a reader never meets a partition without
 * its table. A crawl that is stopped or cut short has done a prefix of that; the next one goes over
 * everything again. */
#include "base/codec.h"
#include "base/log.h"
#include "glue/glob.h"
#include "glue/internal.h"
#include "glue/sample.h"
#include <stdlib.h>
#include <unistd.h>

struct target {
    struct glue_crawl *crawl;
    struct lake lake;
    struct mr_slice bucket, prefix;
    struct mr_slice *exclusions;
    size_t exclusion_count;
    struct mr_arena scratch; /* of one object */
    struct mr_buf head;
    struct mr_map *found; /* locations of tables and partitions that there are */
};

static bool stopped(const struct glue_crawl *crawl)
{
    return atomic_load(crawl->stop);
}

/* Names that begin with '_' or '.' hide objects and folders, as for Hive. */
static bool is_hidden(struct mr_slice path)
{
    struct mr_slice part;
    while (mr_slice_split(&path, '/', &part)) {
        const bool pair = mr_slice_find(part, '=') != SIZE_MAX; /* "_day=1" is a partition */
        if (part.len > 0 && (part.ptr[0] == '.' || (part.ptr[0] == '_' && !pair)))
            return true;
    }
    return false;
}

static bool is_excluded(const struct target *target, struct mr_slice path)
{
    for (size_t i = 0; i < target->exclusion_count; i++) {
        if (glue_glob_match(target->exclusions[i], path))
            return true;
    }
    return false;
}

static enum mr_status add_object(struct target *target, const struct s3_object *object)
{
    struct glue_crawl *crawl = target->crawl;
    const bool gzip = mr_slice_ends_with(object->key, MR_S(".gz"));
    int fd;
    uint64_t size;
    enum mr_status status =
        s3_open_object(crawl->glue->s3, target->bucket, object->key, &fd, &size);
    if (status != MR_OK)
        return status == MR_NOT_FOUND ? MR_OK : status; /* deleted since it was listed */
    bool whole = false;
    mr_buf_reset(&target->head);
    mr_arena_reset(&target->scratch);
    status = glue_sample_read(fd, gzip, &target->head, &whole);
    close(fd);
    if (status < 0)
        return status;
    struct lake_shape shape;
    if (status == MR_OK &&
        glue_sample_shape(&target->scratch, mr_buf_slice(&target->head), whole, size, &shape)) {
        shape.gzip = gzip;
        glue_lake_add(&target->lake, object->key, size, &shape);
        crawl->totals.objects++;
    } else {
        mr_log(MR_LOG_DEBUG, "glue", "crawler %.*s: no known format: %.*s", MR_ARG(crawl->crawler),
               MR_ARG(object->key));
    }
    return MR_OK;
}

static enum mr_status on_object(void *ctx, const struct s3_object *object)
{
    struct target *target = ctx;
    if (stopped(target->crawl))
        return MR_END;
    struct mr_slice path = mr_slice_sub(object->key, target->prefix.len, SIZE_MAX);
    if (object->size == 0 || is_hidden(path) || is_excluded(target, path))
        return MR_OK;
    return add_object(target, object);
}

/* ---- tables ---- */

static struct mr_slice table_name(struct glue_crawl *crawl, struct mr_slice last)
{
    struct mr_buf buf = {0};
    mr_buf_append(&buf, mr_json_get_text(crawl->config, "TablePrefix"));
    mr_buf_append(&buf, last);
    for (size_t i = 0; i < buf.len; i++) {
        char byte = buf.data[i];
        if (byte >= 'A' && byte <= 'Z')
            byte = (char)(byte + 32);
        const bool fine = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        buf.data[i] = fine ? byte : '_';
    }
    struct mr_slice name = mr_arena_copy(crawl->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return name;
}

static void write_parameters(struct mr_json *json, const struct glue_crawl *crawl,
                             const struct lake_shape *shape, const struct lake_counts *counts)
{
    char text[32];
    const uint64_t average = counts->records == 0 ? 0 : counts->bytes / counts->records;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"averageRecordSize", average},
                   {"objectCount", counts->objects},
                   {"recordCount", counts->records},
                   {"sizeKey", counts->bytes}};
    mr_json_object(json);
    mr_json_key_cstr(json, "CrawlerSchemaDeserializerVersion", "1.0");
    mr_json_key_cstr(json, "CrawlerSchemaSerializerVersion", "1.0");
    mr_json_key_string(json, "UPDATED_BY_CRAWLER", crawl->crawler);
    mr_json_key_cstr(json, "classification", shape->format == LAKE_JSON ? "json" : "csv");
    mr_json_key_cstr(json, "compressionType", shape->gzip ? "gzip" : "none");
    for (size_t i = 0; i < MR_COUNT(numbers); i++) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)numbers[i].value);
        mr_json_key_cstr(json, numbers[i].name, text);
    }
    if (shape->format == LAKE_CSV) {
        mr_json_key_string(json, "delimiter", mr_slice_make(&shape->delimiter, 1));
        mr_json_key_cstr(json, "areColumnsQuoted", shape->quoted ? "true" : "false");
        mr_json_key_cstr(json, "columnsOrdered", "true");
        if (shape->header)
            mr_json_key_cstr(json, "skip.header.line.count", "1");
    }
    mr_json_key_cstr(json, "typeOfData", "file");
    mr_json_object_end(json);
}

static int compare_names(const void *a, const void *b)
{
    const struct glue_field *const *left = a, *const *right = b;
    return mr_slice_compare((*left)->name, (*right)->name);
}

static void write_json_paths(struct mr_json *json, const struct glue_type *columns)
{
    const struct glue_field **sorted = mr_malloc(sizeof(void *) * (columns->field_count + 1));
    for (size_t i = 0; i < columns->field_count; i++)
        sorted[i] = &columns->fields[i];
    qsort(sorted, columns->field_count, sizeof *sorted, compare_names);
    struct mr_buf paths = {0};
    for (size_t i = 0; i < columns->field_count; i++)
        mr_buf_printf(&paths, "%s%.*s", i > 0 ? "," : "", MR_ARG(sorted[i]->name));
    mr_json_object(json);
    mr_json_key_string(json, "paths", mr_buf_slice(&paths));
    mr_json_object_end(json);
    mr_buf_fini(&paths);
    free(sorted);
}

static void write_serde(struct mr_json *json, const struct lake_shape *shape,
                        const struct glue_type *columns)
{
    mr_json_object(json);
    if (shape->format == LAKE_JSON) {
        mr_json_key_cstr(json, "SerializationLibrary", "org.openx.data.jsonserde.JsonSerDe");
        mr_json_key(json, "Parameters");
        write_json_paths(json, columns);
    } else {
        mr_json_key_cstr(json, "SerializationLibrary",
                         shape->quoted ? "org.apache.hadoop.hive.serde2.OpenCSVSerde"
                                       : "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe");
        mr_json_key(json, "Parameters");
        mr_json_object(json);
        mr_json_key_string(json, shape->quoted ? "separatorChar" : "field.delim",
                           mr_slice_make(&shape->delimiter, 1));
        if (shape->quoted)
            mr_json_key_cstr(json, "quoteChar", "\"");
        mr_json_object_end(json);
    }
    mr_json_object_end(json);
}

static void write_columns(struct mr_json *json, const struct lake_shape *shape,
                          const struct glue_type *columns)
{
    struct mr_buf type = {0};
    mr_json_array(json);
    for (size_t i = 0; i < columns->field_count; i++) {
        mr_buf_reset(&type);
        glue_type_print(&type, &columns->fields[i].type);
        mr_json_object(json);
        mr_json_key_string(json, "Name", columns->fields[i].name);
        /* OpenCSVSerde reads strings only. */
        const bool text = shape->format == LAKE_CSV && shape->quoted;
        mr_json_key_string(json, "Type", text ? MR_S("string") : mr_buf_slice(&type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    mr_buf_fini(&type);
}

static void write_storage(struct mr_json *json, const struct glue_crawl *crawl,
                          const struct lake_shape *shape, const struct glue_type *columns,
                          struct mr_slice location, const struct lake_counts *counts)
{
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, shape, columns);
    mr_json_key_string(json, "Location", location);
    mr_json_key_cstr(json, "InputFormat", "org.apache.hadoop.mapred.TextInputFormat");
    mr_json_key_cstr(json, "OutputFormat",
                     "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat");
    mr_json_key_bool(json, "Compressed", shape->gzip);
    mr_json_key_int(json, "NumberOfBuckets", -1);
    mr_json_key(json, "SerdeInfo");
    write_serde(json, shape, columns);
    mr_json_key(json, "BucketColumns");
    mr_json_array(json);
    mr_json_array_end(json);
    mr_json_key(json, "SortColumns");
    mr_json_array(json);
    mr_json_array_end(json);
    mr_json_key(json, "Parameters");
    write_parameters(json, crawl, shape, counts);
    mr_json_key_bool(json, "StoredAsSubDirectories", false);
    mr_json_object_end(json);
}

static yyjson_val *table_input(struct glue_crawl *crawl, const struct lake_table *table,
                               struct mr_slice name, const struct glue_type *columns)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_cstr(&json, "Owner", "owner");
    mr_json_key_int(&json, "Retention", 0);
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, crawl, &table->shape, columns, table->location, &table->counts);
    mr_json_key(&json, "PartitionKeys");
    mr_json_array(&json);
    for (size_t i = 0; i < table->key_count; i++) {
        mr_json_object(&json);
        mr_json_key_string(&json, "Name", table->keys[i]);
        mr_json_key_cstr(&json, "Type", "string");
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    mr_json_key_cstr(&json, "TableType", "EXTERNAL_TABLE");
    mr_json_key(&json, "Parameters");
    write_parameters(&json, crawl, &table->shape, &table->counts);
    mr_json_object_end(&json);
    yyjson_val *input = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return input;
}

/* ---- bringing the catalog up to date ---- */

/* Old columns in their order, widened; new ones behind them. A partition key hides a column of its
 * name. */
static void merged_columns(struct glue_crawl *crawl, const struct lake_table *table,
                           const struct glue_table *old, struct glue_type *ret_columns)
{
    struct glue_type all = {.kind = GLUE_STRUCT};
    for (size_t i = 0; old != NULL && i < old->column_count; i++) {
        struct glue_type one = {.kind = GLUE_STRUCT, .field_count = 1, .field_capacity = 1};
        struct glue_field field = {.name = old->columns[i].name};
        glue_type_parse(crawl->arena, old->columns[i].type, &field.type);
        one.fields = &field;
        glue_type_merge(crawl->arena, &all, &one);
    }
    glue_type_merge(crawl->arena, &all, &table->shape.type);
    size_t kept = 0;
    for (size_t i = 0; i < all.field_count; i++) {
        bool is_key = false;
        for (size_t k = 0; k < table->key_count; k++)
            is_key = is_key || mr_slice_equal(table->keys[k], all.fields[i].name);
        if (!is_key)
            all.fields[kept++] = all.fields[i];
    }
    all.field_count = kept;
    *ret_columns = all;
}

static bool same_keys(const struct lake_table *table, const struct glue_table *old)
{
    if (table->key_count != old->key_count)
        return false;
    for (size_t i = 0; i < table->key_count; i++) {
        if (!mr_slice_equal(table->keys[i], old->keys[i].name))
            return false;
    }
    return true;
}

static bool same_columns(const struct glue_type *columns, const struct glue_table *old)
{
    if (columns->field_count != old->column_count)
        return false;
    bool same = true;
    struct mr_buf type = {0};
    for (size_t i = 0; same && i < old->column_count; i++) {
        mr_buf_reset(&type);
        glue_type_print(&type, &columns->fields[i].type);
        same = mr_slice_equal(columns->fields[i].name, old->columns[i].name) &&
               mr_slice_equal_nocase(mr_buf_slice(&type), old->columns[i].type);
    }
    mr_buf_fini(&type);
    return same;
}

static bool policy_is(const struct glue_crawl *crawl, const char *member, const char *value)
{
    yyjson_val *policy = mr_json_get(crawl->config, "SchemaChangePolicy");
    return mr_slice_equal(mr_json_get_text(policy, member), mr_slice_cstr(value));
}

static struct mr_slice created_by(const struct glue_crawl *crawl)
{
    struct mr_slice role = mr_json_get_text(crawl->config, "Role");
    for (size_t slash; (slash = mr_slice_find(role, '/')) != SIZE_MAX;)
        role = mr_slice_sub(role, slash + 1, SIZE_MAX);
    return mr_arena_printf(crawl->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/AWS-Crawler",
                           MR_ARG(crawl->account), MR_ARG(role));
}

/* The table of this name, unless another location has it: then the name gets a suffix. */
static enum mr_status find_table(struct glue_crawl *crawl, const struct lake_table *table,
                                 struct mr_slice *name, struct glue_table *ret_old)
{
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName");
    enum mr_status status = glue_table_get(crawl->glue, crawl->arena, database, *name, ret_old);
    if (status != MR_OK || mr_slice_equal(ret_old->location, table->location))
        return status;
    uint8_t digest[16];
    char hex[33];
    mr_md5(table->location, digest);
    mr_hex(digest, sizeof digest, hex);
    *name = mr_arena_printf(crawl->arena, "%.*s_%s", MR_ARG(*name), hex);
    return glue_table_get(crawl->glue, crawl->arena, database, *name, ret_old);
}

/* Creates or updates the table; `ret_changed`: its columns did. */
static enum mr_status put_table(struct glue_crawl *crawl, const struct lake_table *table,
                                struct glue_table *ret_table, struct glue_type *ret_columns,
                                bool *ret_changed)
{
    struct mr_slice name = table_name(crawl, table->name);
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName");
    struct glue_table old = {0};
    int64_t ticket;
    enum mr_status status = find_table(crawl, table, &name, &old);
    if (status < 0)
        return status;
    if (status == MR_OK && !same_keys(table, &old)) {
        status = glue_table_delete(crawl->glue, crawl->arena, database, name, &ticket);
        if (status < 0)
            return status;
        status = MR_NOT_FOUND;
    }
    const bool exists = status == MR_OK;
    merged_columns(crawl, table, exists ? &old : NULL, ret_columns);
    *ret_changed = !exists || !same_columns(ret_columns, &old);
    if (!exists || !policy_is(crawl, "UpdateBehavior", "LOG")) {
        struct glue_table_put put = {.database = database,
                                     .account = crawl->account,
                                     .created_by = created_by(crawl),
                                     .replace = exists,
                                     .skip_archive = !*ret_changed,
                                     .same_version = !*ret_changed};
        put.input = table_input(crawl, table, name, ret_columns);
        status = glue_table_put(crawl->glue, crawl->arena, &put, &ticket);
        if (status != MR_OK)
            return status;
        crawl->totals.tables_created += !exists;
        crawl->totals.tables_updated += exists && *ret_changed;
        if (*ret_changed)
            glue_crawl_log(crawl, "INFO", "%s table %.*s in database %.*s",
                           exists ? "Updated" : "Created", MR_ARG(name), MR_ARG(database));
    }
    return glue_table_get(crawl->glue, crawl->arena, database, name, ret_table);
}

struct partition_batch {
    struct glue_crawl *crawl;
    const struct lake_table *table;
    const struct glue_table *catalog;
    const struct glue_type *columns;
    struct mr_map *found;
    bool replace;
    struct mr_arena arena; /* of the inputs in hand */
    yyjson_val *inputs[GLUE_ENTRY_OPS];
    size_t count;
};

static enum mr_status batch_flush(struct partition_batch *batch)
{
    if (batch->count == 0)
        return MR_OK;
    size_t added;
    int64_t ticket;
    enum mr_status status =
        glue_partition_put(batch->crawl->glue, &batch->arena, batch->catalog, batch->inputs,
                           batch->count, batch->replace, &added, &ticket);
    if (status == MR_OK)
        batch->crawl->totals.partitions_created += added;
    if (status == MR_OK && added > 0)
        glue_crawl_log(batch->crawl, "INFO",
                       "Created %zu partitions for table %.*s in database "
                       "%.*s",
                       added, MR_ARG(batch->catalog->name), MR_ARG(batch->catalog->database));
    batch->count = 0;
    mr_arena_reset(&batch->arena);
    return status;
}

static enum mr_status on_partition(void *ctx, const struct mr_slice *values,
                                   struct mr_slice location, const struct lake_counts *counts)
{
    struct partition_batch *batch = ctx;
    if (stopped(batch->crawl))
        return MR_END;
    mr_map_put(batch->found, location, batch->found);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, "Values");
    mr_json_array(&json);
    for (size_t i = 0; i < batch->table->key_count; i++)
        mr_json_string(&json, values[i]);
    mr_json_array_end(&json);
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, batch->crawl, &batch->table->shape, batch->columns, location, counts);
    mr_json_key(&json, "Parameters");
    write_parameters(&json, batch->crawl, &batch->table->shape, counts);
    mr_json_object_end(&json);
    batch->inputs[batch->count++] =
        glue_parse(&batch->arena, mr_arena_copy(&batch->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return batch->count == GLUE_ENTRY_OPS ? batch_flush(batch) : MR_OK;
}

static bool inherits_from_table(struct glue_crawl *crawl)
{
    struct mr_slice text = mr_json_get_text(crawl->config, "Configuration");
    return mr_slice_search(text, MR_S("InheritFromTable")) != SIZE_MAX;
}

/* ---- what is gone ---- */

struct gone {
    const struct mr_map *found;
    struct mr_arena *arena;
    struct glue_partition *partitions;
    size_t count, capacity;
};

static enum mr_status collect_gone(void *ctx, const struct glue_partition *partition)
{
    struct gone *gone = ctx;
    if (mr_map_get(gone->found, partition->location) != NULL)
        return MR_OK;
    if (gone->count == gone->capacity) {
        gone->capacity = gone->capacity == 0 ? 64 : gone->capacity * 2;
        gone->partitions = mr_realloc(gone->partitions, sizeof *gone->partitions * gone->capacity);
    }
    struct glue_partition *copy = &gone->partitions[gone->count++];
    *copy = (struct glue_partition){.value_count = partition->value_count};
    copy->values = MR_NEW_ARRAY(gone->arena, struct mr_slice, partition->value_count + 1);
    for (size_t i = 0; i < partition->value_count; i++)
        copy->values[i] = mr_arena_copy(gone->arena, partition->values[i]);
    return MR_OK;
}

static enum mr_status drop_gone_partitions(struct glue_crawl *crawl, const struct glue_table *table,
                                           const struct mr_map *found)
{
    struct gone gone = {.found = found, .arena = crawl->arena};
    enum mr_status status =
        glue_partition_each(crawl->glue, table->database, table->name, collect_gone, &gone);
    for (size_t i = 0; status == MR_OK && i < gone.count; i++) {
        int64_t ticket;
        status = glue_partition_delete(crawl->glue, crawl->arena, table->database, table->name,
                                       gone.partitions[i].values, gone.partitions[i].value_count,
                                       &ticket);
        crawl->totals.partitions_deleted += status == MR_OK;
        if (status == MR_NOT_FOUND)
            status = MR_OK;
    }
    free(gone.partitions);
    return status;
}

static enum mr_status on_table(void *ctx, struct lake_table *table)
{
    struct target *target = ctx;
    struct glue_crawl *crawl = target->crawl;
    if (stopped(crawl))
        return MR_END;
    struct glue_table catalog;
    struct glue_type columns;
    bool changed;
    enum mr_status status = put_table(crawl, table, &catalog, &columns, &changed);
    mr_map_put(target->found, table->location, target->found);
    if (status != MR_OK || table->key_count == 0)
        return status;
    struct partition_batch *batch = mr_calloc(1, sizeof *batch);
    batch->crawl = crawl;
    batch->table = table;
    batch->catalog = &catalog;
    batch->columns = &columns;
    batch->found = target->found;
    batch->replace = changed && inherits_from_table(crawl);
    mr_arena_init(&batch->arena);
    status = glue_lake_partitions(table, on_partition, batch);
    if (status == MR_OK)
        status = batch_flush(batch);
    mr_arena_fini(&batch->arena);
    free(batch);
    if (status == MR_OK && !policy_is(crawl, "DeleteBehavior", "LOG"))
        status = drop_gone_partitions(crawl, &catalog, target->found);
    return status;
}

/* ---- targets ---- */

/* Grouping.TableLevelConfiguration of the crawler's configuration; 0: none. */
static int table_level(struct glue_crawl *crawl)
{
    struct mr_slice text = mr_json_get_text(crawl->config, "Configuration");
    yyjson_val *grouping =
        mr_json_get(mr_json_parse(crawl->arena, text, GLUE_JSON_DEPTH), "Grouping");
    return (int)mr_json_get_i64(grouping, "TableLevelConfiguration", 0);
}

static enum mr_status crawl_target(struct glue_crawl *crawl, yyjson_val *config,
                                   struct mr_map *found)
{
    struct target target = {.crawl = crawl, .found = found};
    struct mr_slice path = mr_json_get_text(config, "Path");
    if (glue_location_parse(path, &target.bucket, &target.prefix) != MR_OK) {
        crawl->error = mr_arena_printf(crawl->arena, "no S3 path: %.*s", MR_ARG(path));
        return MR_INVALID;
    }
    if (target.prefix.len > 0 && target.prefix.ptr[target.prefix.len - 1] != '/')
        target.prefix = mr_arena_printf(crawl->arena, "%.*s/", MR_ARG(target.prefix));
    target.exclusions =
        glue_values(crawl->arena, mr_json_get(config, "Exclusions"), &target.exclusion_count);
    mr_arena_init(&target.scratch);
    glue_lake_init(&target.lake, crawl->arena, target.bucket, target.prefix, table_level(crawl));
    enum mr_status status =
        s3_list(crawl->glue->s3, target.bucket, target.prefix, on_object, &target);
    if (status == MR_NOT_FOUND) {
        crawl->error =
            mr_arena_printf(crawl->arena, "The bucket %.*s does not exist", MR_ARG(target.bucket));
        status = MR_INVALID;
    }
    if (status == MR_OK && stopped(crawl))
        status = MR_END;
    if (status == MR_OK) {
        glue_crawl_log(crawl, "BENCHMARK",
                       "Classification complete, writing results to database %.*s",
                       MR_ARG(mr_json_get_text(crawl->config, "DatabaseName")));
        status = glue_lake_tables(&target.lake, on_table, &target);
    }
    glue_lake_fini(&target.lake);
    mr_buf_fini(&target.head);
    mr_arena_fini(&target.scratch);
    return status;
}

struct stale {
    struct glue_crawl *crawl;
    const struct mr_map *found;
    struct glue_table tables[1000];
    size_t count;
};

static enum mr_status collect_stale(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct stale *stale = ctx;
    struct glue_table table;
    (void)name;
    struct mr_slice kept = mr_arena_copy(stale->crawl->arena, json);
    if (!glue_table_parse(stale->crawl->arena, kept, &table))
        return MR_OK;
    struct mr_slice by = mr_json_get_text(table.parameters, "UPDATED_BY_CRAWLER");
    const bool known = mr_json_get(table.parameters, "DEPRECATED_BY_CRAWLER") != NULL;
    if (mr_slice_equal(by, stale->crawl->crawler) && !known &&
        mr_map_get(stale->found, table.location) == NULL)
        stale->tables[stale->count++] = table;
    return stale->count < MR_COUNT(stale->tables) ? MR_OK : MR_END;
}

static enum mr_status deprecate(struct glue_crawl *crawl, const struct glue_table *table)
{
    static const char *const skip[] = {
        "DatabaseName", "CreateTime", "UpdateTime", "CreatedBy", "IsRegisteredWithLakeFormation",
        "CatalogId",    "VersionId",  "Parameters", NULL};
    static const char *const none[] = {NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    glue_copy_members(&json, table->json, skip);
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    glue_copy_members(&json, table->parameters, none);
    mr_json_key_string(&json, "DEPRECATED_BY_CRAWLER",
                       mr_arena_printf(crawl->arena, "%lld", (long long)crawl->now_ms));
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    struct glue_table_put put = {.database = table->database, .replace = true};
    put.input = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    int64_t ticket;
    return glue_table_put(crawl->glue, crawl->arena, &put, &ticket);
}

/* Tables of this crawler whose objects are gone. */
static enum mr_status drop_stale_tables(struct glue_crawl *crawl, const struct mr_map *found)
{
    if (policy_is(crawl, "DeleteBehavior", "LOG"))
        return MR_OK;
    struct stale *stale = mr_calloc(1, sizeof *stale);
    stale->crawl = crawl;
    stale->found = found;
    enum mr_status status = glue_table_each(
        crawl->glue, mr_json_get_text(crawl->config, "DatabaseName"), collect_stale, stale);
    for (size_t i = 0; status == MR_OK && i < stale->count; i++) {
        int64_t ticket;
        const struct glue_table *table = &stale->tables[i];
        status = policy_is(crawl, "DeleteBehavior", "DELETE_FROM_DATABASE")
                     ? glue_table_delete(crawl->glue, crawl->arena, table->database, table->name,
                                         &ticket)
                     : deprecate(crawl, table);
        crawl->totals.tables_deleted += status == MR_OK;
        glue_crawl_log(crawl, "INFO", "The objects of table %.*s in database %.*s are gone",
                       MR_ARG(table->name), MR_ARG(table->database));
    }
    free(stale);
    return status;
}

enum mr_status glue_crawl_run(struct glue_crawl *crawl)
{
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName"), json;
    glue_crawl_log(crawl, "BENCHMARK", "Running Start Crawl for Crawler %.*s",
                   MR_ARG(crawl->crawler));
    enum mr_status status = glue_database_get(crawl->glue, crawl->arena, database, &json);
    if (status == MR_NOT_FOUND) {
        /* AWS: the crawler makes its database when there is none. */
        yyjson_val *input =
            glue_parse(crawl->arena, mr_arena_printf(crawl->arena, "{\"Name\":\"%.*s\"}",
                                                     MR_ARG(glue_lower(crawl->arena, database))));
        int64_t ticket;
        status = glue_database_create(crawl->glue, crawl->arena, crawl->account, input, &ticket);
    }
    struct mr_map found = {0};
    size_t index, max;
    yyjson_val *target;
    yyjson_val *targets = mr_json_get(mr_json_get(crawl->config, "Targets"), "S3Targets");
    yyjson_arr_foreach(targets, index, max, target)
    {
        if (status == MR_OK)
            status = crawl_target(crawl, target, &found);
    }
    if (status == MR_OK)
        status = drop_stale_tables(crawl, &found);
    mr_map_fini(&found);
    return status;
}
