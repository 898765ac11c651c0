/* One crawl: lists the targets, samples objects, groups them into tables, brings the catalog up to
 * date.
 *
 * Order: a table is written before its partitions, so that a reader never meets a partition without
 * its table. A crawl that is stopped or cut short has done a prefix of that; the next one goes over
 * everything again. */
#include "base/codec.h"
#include "base/log.h"
#include "glue/avro.h"
#include "glue/glob.h"
#include "glue/internal.h"
#include "glue/parquet.h"
#include "glue/sample.h"
#include <stdlib.h>
#include <unistd.h>

struct target {
    struct glue_crawl *crawl;
    struct lake lake;
    struct mr_slice bucket, prefix;
    struct mr_slice only; /* key of the object that is the whole target; empty: a folder */
    struct mr_slice *exclusions;
    size_t exclusion_count;
    struct mr_arena scratch; /* of one object */
    struct mr_buf head;
    struct mr_map *found; /* locations of tables and partitions that there are */
    /* Objects looked at in each folder (0: all), and the folder in hand. */
    size_t sample_size, sampled;
    struct mr_buf folder;
    struct lake_shape last; /* of the newest object looked at there; in `last_arena` */
    uint64_t last_bytes;
    struct mr_arena last_arena;
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

/* MR_INVALID: of no known format. */
static enum mr_status look_at(struct target *target, const struct s3_object *object,
                              uint64_t *ret_size, struct lake_shape *ret_shape)
{
    const enum mr_packing packing = glue_sample_packing(object->key);
    int fd;
    bool whole = false;
    enum mr_status status =
        s3_open_object(target->crawl->glue->s3, target->bucket, object->key, &fd, ret_size);
    if (status != MR_OK)
        return status;
    mr_buf_reset(&target->head);
    mr_arena_reset(&target->scratch);
    status = glue_sample_read(fd, packing, &target->head, &whole);
    struct mr_slice head = mr_buf_slice(&target->head);
    if (status == MR_OK && packing == MR_PACKING_NONE && mr_slice_starts_with(head, MR_S("PAR1")))
        status = glue_parquet_read(&target->scratch, fd, *ret_size, ret_shape);
    else if (status == MR_OK && packing == MR_PACKING_NONE &&
             mr_slice_starts_with(head, MR_S(GLUE_AVRO_MAGIC)))
        status = glue_avro_shape(&target->scratch, head, *ret_size, ret_shape);
    else if (status == MR_OK)
        status = glue_sample_shape(&target->scratch, head, whole, *ret_size,
                                   &target->crawl->classifiers, ret_shape)
                     ? MR_OK
                     : MR_INVALID;
    close(fd);
    if (status == MR_OK)
        ret_shape->packing = packing;
    return status;
}

/* Is the folder's quota of objects to look at used up? */
static bool is_sampled(struct target *target, struct mr_slice folder)
{
    if (!mr_slice_equal(mr_buf_slice(&target->folder), folder)) {
        mr_buf_reset(&target->folder);
        mr_buf_append(&target->folder, folder);
        target->sampled = 0;
    }
    return target->sample_size > 0 && target->sampled >= target->sample_size;
}

static void keep_sample(struct target *target, const struct lake_shape *shape, uint64_t size)
{
    target->sampled++;
    if (target->sample_size == 0)
        return;
    mr_arena_reset(&target->last_arena);
    target->last = *shape;
    target->last.type = (struct glue_type){0};
    target->last.json_path = mr_arena_copy(&target->last_arena, shape->json_path);
    target->last.avro_schema = mr_arena_copy(&target->last_arena, shape->avro_schema);
    glue_type_merge(&target->last_arena, &target->last.type, &shape->type);
    target->last_bytes = size;
}

static enum mr_status add_object(struct target *target, const struct s3_object *object)
{
    struct glue_crawl *crawl = target->crawl;
    size_t len = object->key.len;
    while (len > 0 && object->key.ptr[len - 1] != '/')
        len--;
    struct mr_slice folder = mr_slice_sub(object->key, 0, len);
    const struct lake_shape *known = glue_known_shape(crawl, target->bucket, folder);
    struct lake_shape shape;
    uint64_t size = object->size;
    if (known != NULL) {
        shape = *known;
        shape.records = known->records == 0 ? 0 : size / known->records; /* of that size each */
    } else if (is_sampled(target, folder)) {
        shape = target->last;
        shape.records = target->last_bytes == 0 ? 0 : size * shape.records / target->last_bytes;
    } else {
        enum mr_status status = look_at(target, object, &size, &shape);
        if (status == MR_INVALID)
            glue_crawl_log(crawl, "INFO", "No known format: s3://%.*s/%.*s", MR_ARG(target->bucket),
                           MR_ARG(object->key));
        if (status != MR_OK) /* MR_NOT_FOUND: deleted since it was listed */
            return status < 0 ? status : MR_OK;
        keep_sample(target, &shape, size);
    }
    glue_lake_add(&target->lake, object->key, size, &shape);
    crawl->totals.objects++;
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
    if (object->body.sealed) {
        glue_crawl_log(target->crawl, "ERROR", "s3://%.*s/%.*s: %s", MR_ARG(target->bucket),
                       MR_ARG(object->key), S3_SEALED_TEXT);
        return MR_OK;
    }
    return add_object(target, object);
}

/* The first of those whose keys begin so, if it is the one of that key. */
static enum mr_status on_only_object(void *ctx, const struct s3_object *object)
{
    struct target *target = ctx;
    const enum mr_status status =
        mr_slice_equal(object->key, target->only) ? on_object(target, object) : MR_OK;
    return status == MR_OK ? MR_END : status;
}

/* ---- tables ---- */

struct mr_slice glue_crawl_table_name(struct glue_crawl *crawl, struct mr_slice last)
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
    glue_crawl_storage(&json, crawl, &table->shape, columns, table->location, &table->counts);
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
    glue_crawl_parameters(&json, crawl, &table->shape, &table->counts);
    mr_json_object_end(&json);
    yyjson_val *input = glue_parse(crawl->arena, mr_arena_copy(crawl->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return input;
}

/* ---- bringing the catalog up to date ---- */

static bool is_key(const struct lake_table *table, struct mr_slice name)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (mr_slice_equal(table->keys[i], name))
            return true;
    }
    return false;
}

static void add_column(struct glue_type *columns, struct mr_slice name,
                       const struct glue_type *type)
{
    if (glue_type_field(columns, name) == NULL)
        columns->fields[columns->field_count++] = (struct glue_field){.name = name, .type = *type};
}

/* Old columns in their order, then new ones. AWS: what the objects have no more goes, and types are
 * those of the objects; unless columns shall only be added. A partition key hides a column of its
 * name. */
static void table_columns(struct glue_crawl *crawl, const struct lake_table *table,
                          const struct glue_type *seen, const struct glue_table *old,
                          struct glue_type *ret_columns)
{
    const size_t room = seen->field_count + (old == NULL ? 0 : old->column_count);
    *ret_columns = (struct glue_type){.kind = GLUE_STRUCT, .field_capacity = room};
    ret_columns->fields = MR_NEW_ARRAY(crawl->arena, struct glue_field, room + 1);
    for (size_t i = 0; old != NULL && i < old->column_count; i++) {
        const struct glue_field *field = glue_type_field(seen, old->columns[i].name);
        struct glue_type type;
        if (crawl->settings.only_add_columns) {
            glue_type_parse(crawl->arena, old->columns[i].type, &type);
            add_column(ret_columns, old->columns[i].name, &type);
        } else if (field != NULL && !is_key(table, field->name)) {
            add_column(ret_columns, field->name, &field->type);
        }
    }
    for (size_t i = 0; i < seen->field_count; i++) {
        if (!is_key(table, seen->fields[i].name))
            add_column(ret_columns, seen->fields[i].name, &seen->fields[i].type);
    }
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

struct mr_slice glue_crawl_created_by(const struct glue_crawl *crawl)
{
    struct mr_slice role = mr_json_get_text(crawl->config, "Role");
    for (size_t slash; (slash = mr_slice_find(role, '/')) != SIZE_MAX;)
        role = mr_slice_sub(role, slash + 1, SIZE_MAX);
    return mr_arena_printf(crawl->arena, "arn:aws:sts::%.*s:assumed-role/%.*s/AWS-Crawler",
                           MR_ARG(crawl->account), MR_ARG(role));
}

static struct mr_slice database_of(const struct glue_crawl *crawl)
{
    return crawl->catalog != NULL ? crawl->catalog->database
                                  : mr_json_get_text(crawl->config, "DatabaseName");
}

enum mr_status glue_crawl_find_table(struct glue_crawl *crawl, const struct lake_table *table,
                                     struct mr_slice *name, struct glue_table *ret_old)
{
    struct mr_slice database = database_of(crawl);
    enum mr_status status = glue_table_get(crawl->glue, crawl->arena, database, *name, ret_old);
    if (status != MR_OK || crawl->catalog != NULL ||
        mr_slice_equal(ret_old->location, table->location))
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
    struct mr_slice name =
        crawl->catalog != NULL ? crawl->catalog->name : glue_crawl_table_name(crawl, table->name);
    struct mr_slice database = database_of(crawl);
    struct glue_table old = {0};
    int64_t ticket;
    enum mr_status status = glue_crawl_find_table(crawl, table, &name, &old);
    if (status < 0)
        return status;
    if (crawl->catalog != NULL && status != MR_OK) /* deleted since it was read */
        return MR_END;
    if (status == MR_OK && !same_keys(table, &old)) {
        status = glue_table_delete(crawl->glue, crawl->arena, database, name, &ticket);
        if (status < 0)
            return status;
        status = MR_NOT_FOUND;
    }
    const bool exists = status == MR_OK;
    table_columns(crawl, table, &table->shape.type, exists ? &old : NULL, ret_columns);
    *ret_changed = !exists || !same_columns(ret_columns, &old);
    if (!exists || !crawl->settings.update_log) {
        struct glue_table_put put = {.database = database,
                                     .account = crawl->account,
                                     .created_by = glue_crawl_created_by(crawl),
                                     .replace = exists,
                                     .skip_archive = !*ret_changed,
                                     .same_version = !*ret_changed};
        put.input = crawl->catalog != NULL ? glue_crawl_catalog_input(crawl, table, ret_columns)
                                           : table_input(crawl, table, name, ret_columns);
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
    size_t added, updated;
    int64_t ticket;
    enum mr_status status =
        glue_partition_merge(batch->crawl->glue, &batch->arena, batch->catalog, batch->inputs,
                             batch->count, batch->replace, &added, &updated, &ticket);
    if (status == MR_OK) {
        batch->crawl->totals.partitions_created += added;
        batch->crawl->totals.partitions_updated += updated;
    }
    if (status == MR_OK && added > 0)
        glue_crawl_log(batch->crawl, "INFO",
                       "Created %zu partitions for table %.*s in database "
                       "%.*s",
                       added, MR_ARG(batch->catalog->name), MR_ARG(batch->catalog->database));
    batch->count = 0;
    mr_arena_reset(&batch->arena);
    return status;
}

/* In the batch's memory: there may be many partitions. */
static void own_columns(struct partition_batch *batch, const struct glue_type *seen,
                        struct glue_type *ret_columns)
{
    *ret_columns = (struct glue_type){.kind = GLUE_STRUCT, .field_capacity = seen->field_count};
    ret_columns->fields = MR_NEW_ARRAY(&batch->arena, struct glue_field, seen->field_count + 1);
    for (size_t i = 0; i < seen->field_count; i++) {
        if (!is_key(batch->table, seen->fields[i].name))
            add_column(ret_columns, seen->fields[i].name, &seen->fields[i].type);
    }
}

/* AWS: a partition has the columns of its own objects, unless it inherits the table's. */
static enum mr_status on_partition(void *ctx, const struct lake_partition *partition)
{
    struct partition_batch *batch = ctx;
    struct glue_crawl *crawl = batch->crawl;
    struct glue_type own;
    if (stopped(crawl))
        return MR_END;
    mr_map_put(batch->found, partition->location, batch->found);
    const bool inherit = crawl->settings.inherit;
    const struct lake_shape *shape = inherit ? &batch->table->shape : partition->shape;
    if (!inherit)
        own_columns(batch, &partition->shape->type, &own);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, "Values");
    mr_json_array(&json);
    for (size_t i = 0; i < batch->table->key_count; i++)
        mr_json_string(&json, partition->values[i]);
    mr_json_array_end(&json);
    mr_json_key(&json, "StorageDescriptor");
    const struct glue_type *columns = inherit ? batch->columns : &own;
    if (crawl->catalog != NULL)
        glue_crawl_catalog_storage(&json, crawl, columns, partition->location);
    else
        glue_crawl_storage(&json, crawl, shape, columns, partition->location, partition->counts);
    mr_json_key(&json, "Parameters");
    glue_crawl_parameters(&json, crawl, shape, partition->counts);
    mr_json_object_end(&json);
    batch->inputs[batch->count++] =
        glue_parse(&batch->arena, mr_arena_copy(&batch->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return batch->count == GLUE_ENTRY_OPS ? batch_flush(batch) : MR_OK;
}

/* ---- a table with its partitions ---- */

static enum mr_status on_table(void *ctx, struct lake_table *table)
{
    struct target *target = ctx;
    struct glue_crawl *crawl = target->crawl;
    if (stopped(crawl))
        return MR_END;
    if (crawl->catalog != NULL && !glue_crawl_is_catalog(crawl, table))
        return MR_OK;
    struct glue_table catalog;
    struct glue_type columns;
    bool changed;
    enum mr_status status = put_table(crawl, table, &catalog, &columns, &changed);
    mr_map_put(target->found, table->location, target->found);
    if (status != MR_OK || table->key_count == 0)
        return status;
    if (crawl->settings.create_index)
        status = glue_index_ensure(crawl->glue, crawl->arena, &catalog);
    if (status < 0)
        return status;
    struct partition_batch *batch = mr_calloc(1, sizeof *batch);
    batch->crawl = crawl;
    batch->table = table;
    batch->catalog = &catalog;
    batch->columns = &columns;
    batch->found = target->found;
    batch->replace = !crawl->settings.update_log;
    mr_arena_init(&batch->arena);
    status = glue_lake_partitions(table, on_partition, batch);
    if (status == MR_OK)
        status = batch_flush(batch);
    mr_arena_fini(&batch->arena);
    free(batch);
    if (status == MR_OK && !crawl->settings.delete_log)
        status = glue_crawl_drop_partitions(crawl, &catalog, target->found);
    return status;
}

/* ---- targets ---- */

static enum mr_status count_table(void *ctx, struct lake_table *table)
{
    size_t *count = ctx;
    (void)table;
    ++*count;
    return MR_OK;
}

/* AWS: too many tables are a sign that the grouping went wrong, so none is written. */
enum mr_status glue_crawl_check_threshold(struct glue_crawl *crawl)
{
    const int64_t threshold = crawl->settings.table_threshold;
    if (threshold <= 0 || crawl->tables <= (size_t)threshold)
        return MR_OK;
    crawl->error = mr_arena_printf(crawl->arena,
                                   "The number of tables detected by crawler: %zu is greater than "
                                   "the table threshold value provided: %lld",
                                   crawl->tables, (long long)threshold);
    return MR_INVALID;
}

static enum mr_status check_threshold(struct target *target)
{
    struct glue_crawl *crawl = target->crawl;
    if (crawl->settings.table_threshold <= 0)
        return MR_OK;
    enum mr_status status = glue_lake_tables(&target->lake, count_table, &crawl->tables);
    return status == MR_OK ? glue_crawl_check_threshold(crawl) : status;
}

static void open_lake(struct target *target)
{
    const struct glue_crawl *crawl = target->crawl;
    glue_lake_init(&target->lake, crawl->arena, target->bucket, target->prefix,
                   crawl->catalog != NULL ? 0 : crawl->settings.table_level);
    target->lake.combine = crawl->settings.combine || crawl->catalog != NULL;
}

/* AWS: an include path is a folder, or an object. */
static enum mr_status list_target(struct target *target)
{
    struct s3 *s3 = target->crawl->glue->s3;
    const size_t before = target->crawl->totals.objects;
    enum mr_status status = s3_list(s3, target->bucket, target->prefix, on_object, target);
    if (status != MR_OK || target->only.len == 0 || target->crawl->totals.objects > before)
        return status;
    size_t len = target->only.len;
    while (len > 0 && target->only.ptr[len - 1] != '/')
        len--;
    target->prefix = mr_slice_sub(target->only, 0, len);
    glue_lake_fini(&target->lake);
    open_lake(target);
    target->lake.single = true;
    return s3_list(s3, target->bucket, target->only, on_only_object, target);
}

/* `config`: an S3 target, or NULL for the location of a table. */
static enum mr_status crawl_target(struct glue_crawl *crawl, struct mr_slice path,
                                   yyjson_val *config, struct mr_map *found)
{
    struct target target = {.crawl = crawl, .found = found};
    if (glue_location_parse(path, &target.bucket, &target.prefix) != MR_OK) {
        crawl->error = mr_arena_printf(crawl->arena, "no S3 path: %.*s", MR_ARG(path));
        return MR_INVALID;
    }
    if (target.prefix.len > 0 && target.prefix.ptr[target.prefix.len - 1] != '/') {
        target.only = target.prefix;
        target.prefix = mr_arena_printf(crawl->arena, "%.*s/", MR_ARG(target.prefix));
    }
    target.exclusions =
        glue_values(crawl->arena, mr_json_get(config, "Exclusions"), &target.exclusion_count);
    target.sample_size = (size_t)mr_json_get_i64(config, "SampleSize", 0);
    mr_arena_init(&target.scratch);
    mr_arena_init(&target.last_arena);
    open_lake(&target);
    enum mr_status status = list_target(&target);
    if (status == MR_NOT_FOUND) {
        crawl->error =
            mr_arena_printf(crawl->arena, "The bucket %.*s does not exist", MR_ARG(target.bucket));
        status = MR_INVALID;
    }
    if (status == MR_OK && stopped(crawl))
        status = MR_END;
    if (status == MR_OK)
        status = check_threshold(&target);
    if (status == MR_OK) {
        glue_crawl_log(crawl, "BENCHMARK",
                       "Classification complete, writing results to database %.*s",
                       MR_ARG(database_of(crawl)));
        status = glue_lake_tables(&target.lake, on_table, &target);
    }
    glue_lake_fini(&target.lake);
    mr_buf_fini(&target.head);
    mr_buf_fini(&target.folder);
    mr_arena_fini(&target.scratch);
    mr_arena_fini(&target.last_arena);
    return status;
}

/* One table of a catalog target: its location is looked at, no other table is written. */
static enum mr_status crawl_table(struct glue_crawl *crawl, struct mr_slice database,
                                  struct mr_slice name, struct mr_map *found)
{
    struct glue_table table;
    enum mr_status status = glue_table_get(crawl->glue, crawl->arena, database, name, &table);
    if (status == MR_NOT_FOUND) {
        crawl->error = mr_arena_printf(crawl->arena, "Table %.*s in database %.*s does not exist",
                                       MR_ARG(name), MR_ARG(database));
        return MR_INVALID;
    }
    if (status != MR_OK)
        return status;
    crawl->catalog = &table;
    status = crawl_target(crawl, table.location, NULL, found);
    crawl->catalog = NULL;
    return status;
}

static enum mr_status crawl_targets(struct glue_crawl *crawl, struct mr_map *found)
{
    yyjson_val *targets = mr_json_get(crawl->config, "Targets"), *target, *name;
    size_t index, max, at, count;
    enum mr_status status = MR_OK;
    if (mr_json_get_text(crawl->config, "DatabaseName").len == 0 &&
        yyjson_arr_size(mr_json_get(targets, "CatalogTargets")) == 0) {
        crawl->error = MR_S("The crawler has no DatabaseName: its tables have no place.");
        return MR_INVALID;
    }
    yyjson_arr_foreach(mr_json_get(targets, "S3Targets"), index, max, target)
    {
        if (status == MR_OK)
            status = crawl_target(crawl, mr_json_get_text(target, "Path"), target, found);
    }
    yyjson_arr_foreach(mr_json_get(targets, "IcebergTargets"), index, max, target)
    {
        if (status == MR_OK)
            status = glue_crawl_iceberg(crawl, target, found);
    }
    yyjson_arr_foreach(mr_json_get(targets, "CatalogTargets"), index, max, target)
    {
        yyjson_arr_foreach(mr_json_get(target, "Tables"), at, count, name)
        {
            if (status == MR_OK)
                status = crawl_table(crawl, mr_json_get_text(target, "DatabaseName"),
                                     mr_json_text(name), found);
        }
    }
    return status;
}

/* AWS: the crawler makes its database when there is none. */
static enum mr_status ensure_database(struct glue_crawl *crawl)
{
    struct mr_slice database = mr_json_get_text(crawl->config, "DatabaseName"), json;
    if (database.len == 0) /* AWS: catalog targets need none */
        return MR_OK;
    enum mr_status status = glue_database_get(crawl->glue, crawl->arena, database, &json);
    if (status != MR_NOT_FOUND)
        return status;
    yyjson_val *input =
        glue_parse(crawl->arena, mr_arena_printf(crawl->arena, "{\"Name\":\"%.*s\"}",
                                                 MR_ARG(glue_lower(crawl->arena, database))));
    int64_t ticket;
    return glue_database_create(crawl->glue, crawl->arena, crawl->account, input, &ticket);
}

enum mr_status glue_crawl_run(struct glue_crawl *crawl)
{
    glue_crawl_log(crawl, "BENCHMARK", "Running Start Crawl for Crawler %.*s",
                   MR_ARG(crawl->crawler));
    enum mr_status status =
        glue_settings_read(crawl->arena, crawl->config, &crawl->settings, &crawl->error);
    if (status != MR_OK)
        return MR_INVALID;
    status = ensure_database(crawl);
    if (status == MR_OK)
        status = glue_crawl_prepare(crawl);
    struct mr_map found = {0};
    if (status == MR_OK)
        status = crawl_targets(crawl, &found);
    if (status == MR_OK)
        status = glue_crawl_drop_tables(crawl, &found);
    mr_map_fini(&found);
    glue_crawl_forget(crawl);
    return status;
}
