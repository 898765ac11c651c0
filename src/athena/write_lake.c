/* Rows of a query into an Iceberg table: the files of the query's folder become objects, manifests,
 * a snapshot and the catalog's table, in one entry. Two writers: the second one makes its snapshot
 * again over the first one's, as long as the table's schema and partitioning are what they were. */
#include "athena/iceberg_files.h"
#include "athena/lake.h"
#include "athena/write.h"
#include <stdio.h>

/* DELETE, UPDATE and MERGE stand on what they read: for them it is too late then. */
enum { COMMITS_MAX = 20 }; /* times that others may be faster */

static bool fail_commit(struct athena_write *write)
{
    return athena_write_fail(write, "ICEBERG_COMMIT_ERROR",
                             "Failed to commit Iceberg update to table: %.*s.%.*s",
                             MR_ARG(write->database), MR_ARG(write->statement->name));
}

/* ---- before ---- */

static bool refuse_column(struct athena_write *write, const struct iceberg_field *field)
{
    return athena_write_fail(write, "NOT_SUPPORTED",
                             "Writing to Iceberg tables with columns of the type %.*s is not "
                             "supported: %.*s",
                             MR_ARG(iceberg_type_name(write->arena, &field->type)),
                             MR_ARG(field->name));
}

/* The spec's columns are columns of the table, not members of them. */
static bool check_spec(struct athena_write *write)
{
    const struct athena_write_lake *lake = write->lake;
    for (size_t i = 0; i < lake->spec->count; i++) {
        size_t at = 0;
        while (at < lake->schema->count &&
               lake->schema->fields[at].id != lake->spec->fields[i].source_id)
            at++;
        if (at == lake->schema->count)
            return athena_write_fail(write, "NOT_SUPPORTED",
                                     "Writing to Iceberg tables partitioned by a nested or dropped "
                                     "column is not supported: %.*s",
                                     MR_ARG(lake->spec->fields[i].name));
    }
    return true;
}

/* Columns are those of the metadata, whatever the catalog has. */
static void set_columns(struct athena_write *write)
{
    const struct iceberg_schema *schema = write->lake->schema;
    struct glue_table *table = write->table;
    struct mr_buf type = {0};
    table->columns = MR_NEW_ARRAY(write->arena, struct glue_column, schema->count + 1);
    table->column_count = schema->count;
    table->key_count = 0;
    for (size_t i = 0; i < schema->count; i++) {
        mr_buf_reset(&type);
        iceberg_type_write_hive(&type, &schema->fields[i].type);
        table->columns[i].name = schema->fields[i].name;
        table->columns[i].type = mr_arena_copy(write->arena, mr_buf_slice(&type));
    }
    mr_buf_fini(&type);
}

bool athena_lake_open(struct athena_write *write)
{
    const struct athena_options *options = &write->athena->options;
    struct athena_write_lake *lake = MR_NEW(write->arena, struct athena_write_lake);
    char message[512] = "";
    lake->ice = (struct iceberg){options->store, options->s3, options->glue, options->rng,
                                 athena_source_moment(write->source)};
    if (iceberg_table_load(&lake->ice, write->arena, write->table, &lake->table, message) != MR_OK)
        return athena_write_fail(write, "ICEBERG_INVALID_METADATA", "%s",
                                 message[0] != '\0' ? message
                                                    : "The table's metadata cannot be read");
    lake->schema = iceberg_schema_now(&lake->table.metadata);
    lake->spec = iceberg_spec_of(&lake->table.metadata, lake->table.metadata.default_spec);
    write->lake = lake;
    write->format = ATHENA_WRITE_PARQUET;
    write->compression = mr_slice_cstr(iceberg_codec(&lake->table.metadata.properties));
    write->level = iceberg_level(&lake->table.metadata.properties);
    for (size_t i = 0; i < lake->schema->count; i++)
        if (!athena_lake_writes(&lake->schema->fields[i].type, /* zoned= */ false))
            return refuse_column(write, &lake->schema->fields[i]);
    if (lake->spec == NULL)
        return athena_write_fail(write, "ICEBERG_INVALID_METADATA",
                                 "the table has no partitioning");
    set_columns(write);
    return check_spec(write);
}

bool athena_lake_plan(struct athena_write *write)
{
    struct athena_write_lake *lake = write->lake;
    if (lake->schema == NULL && !athena_lake_create(write))
        return false;
    lake->names = MR_NEW_ARRAY(write->arena, struct mr_slice, write->column_count + 1);
    for (size_t i = 0; i < write->column_count; i++)
        lake->names[i] = write->columns[i].name;
    lake->keys = MR_NEW_ARRAY(write->arena, struct mr_slice, lake->spec->count + 1);
    for (size_t i = 0; i < lake->spec->count; i++)
        lake->keys[i] = lake->spec->fields[i].name;
    return true;
}

/* ---- files ---- */

struct found { /* a file of the query's folder */
    struct mr_slice name;
    struct mr_slice folder; /* below the table's data: "day=2026-07-03/" */
    struct iceberg_file file;
};
struct landing {
    struct athena_write *write;
    struct found *list;
    size_t count, capacity;
};

static void set_partition(struct athena_write *write, size_t part, struct found *found)
{
    const struct athena_write_lake *lake = write->lake;
    found->file.spec_id = lake->spec->id;
    found->file.partition = MR_NEW_ARRAY(write->arena, struct mr_slice, lake->spec->count + 1);
    for (size_t i = 0; i < lake->spec->count; i++)
        found->file.partition[i] =
            athena_lake_partition_value(write->arena, write->parts.locked.list[part].values[i]);
    found->folder =
        athena_iceberg_folder(write->arena, lake->schema, lake->spec, found->file.partition);
}

/* NULL: too many. */
static struct found *add(struct landing *landing, struct mr_slice name)
{
    struct athena_write *write = landing->write;
    if (landing->count == ATHENA_WRITE_FILES_MAX)
        return NULL;
    if (landing->count == landing->capacity) {
        const size_t room = landing->capacity == 0 ? 16 : landing->capacity * 2;
        landing->list =
            mr_arena_realloc(write->arena, landing->list, landing->capacity * sizeof *landing->list,
                             room * sizeof *landing->list);
        landing->capacity = room;
    }
    struct found *found = &landing->list[landing->count++];
    *found = (struct found){.name = name, .file = {.content = ICEBERG_DATA, .sort_order = 0}};
    return found;
}

static enum mr_status add_file(struct landing *landing, struct mr_slice name, size_t part)
{
    struct athena_write *write = landing->write;
    struct found *found = add(landing, name);
    if (found == NULL)
        return MR_RAISE(MR_FAIL, "a query wrote too many files");
    set_partition(write, part, found);
    struct athena_lake_stats stats = {
        .arena = write->arena,
        .schema = write->lake->schema,
        .names = write->lake->names,
        .path = mr_arena_printf(write->arena, "%s%.*s", write->source->folder.path, MR_ARG(name))};
    struct athena_execution execution = athena_lake_stats_begin(&stats);
    execution.handle = write->handle;
    const enum mr_status status = athena_write_execute(write, &execution);
    if (status == MR_OK)
        athena_lake_stats_end(&stats, &found->file);
    return status;
}

/* Files of "out/mr_p=<number>". */
static enum mr_status add_entry(void *ctx, struct mr_slice folder, struct mr_slice entry)
{
    struct landing *landing = ctx;
    struct mr_arena *arena = landing->write->arena;
    size_t part;
    if (sscanf(mr_arena_cstr(arena, folder), "out/mr_p=%zu", &part) != 1 ||
        part >= landing->write->parts.locked.count)
        return MR_RAISE(MR_FAIL, "a folder of a query's rows has the name '%.*s'", MR_ARG(folder));
    return add_file(landing, mr_arena_printf(arena, "%.*s/%.*s", MR_ARG(folder), MR_ARG(entry)),
                    part);
}

static enum mr_status add_folder(void *ctx, struct mr_slice folder, struct mr_slice entry)
{
    struct landing *landing = ctx;
    struct athena_write *write = landing->write;
    return athena_iceberg_walk(
        write->arena, write->source->folder.fd,
        mr_arena_printf(write->arena, "%.*s/%.*s", MR_ARG(folder), MR_ARG(entry)), add_entry,
        landing);
}

static enum mr_status find_files(struct landing *landing)
{
    struct athena_write *write = landing->write;
    if (write->rows == 0)
        return MR_OK;
    if (write->lake->spec->count == 0)
        return add_file(landing, MR_S("out"), 0);
    const enum mr_status status = athena_iceberg_walk(write->arena, write->source->folder.fd,
                                                      MR_S("out"), add_folder, landing);
    return status == MR_NOT_FOUND
               ? MR_RAISE(MR_FAIL_IO, "a folder of a query's rows cannot be read")
               : status;
}

/* ---- the commit ---- */

/* Position delete files: of the partitions that the files are in whose rows they name. */
static enum mr_status add_deletes(struct landing *landing)
{
    struct athena_write *write = landing->write;
    for (size_t i = 0; i < write->delete_count; i++) {
        struct found *found = add(landing, write->deletes[i].name);
        if (found == NULL)
            return MR_RAISE(MR_FAIL, "a query wrote too many files");
        found->file = write->deletes[i].file;
    }
    return MR_OK;
}

static const char *operation(const struct athena_write *write)
{
    if (write->delete_count == 0)
        return "append";
    return write->adds ? "overwrite" : "delete";
}

static enum mr_status try_commit(struct landing *landing, struct iceberg_table *table,
                                 char message[static 512])
{
    struct athena_write *write = landing->write;
    struct iceberg_change change = iceberg_change_make(&write->lake->ice, write->arena, table);
    enum mr_status status = MR_OK;
    change.create = write->lake->create;
    for (size_t i = 0; i < landing->count && status == MR_OK; i++)
        status = athena_iceberg_stage(&change, write->source->folder.fd, landing->list[i].name,
                                      landing->list[i].folder, &landing->list[i].file);
    if (status == MR_OK)
        status = iceberg_change_prepare(&change, operation(write), message);
    if (status == MR_OK)
        return iceberg_change_commit(&change, &write->ticket);
    iceberg_change_end(&change, false);
    return status;
}

/* The table as it is by now. False: rows that fitted it before need not do so any more. */
static bool load_again(struct athena_write *write, struct iceberg_table *ret_table)
{
    const struct iceberg_metadata *before = &write->lake->table.metadata, *now;
    struct glue_table *table = MR_NEW(write->arena, struct glue_table);
    char message[512] = "";
    write->lake->ice.moment = athena_source_renew(write->source);
    if (iceberg_glue_table(&write->lake->ice, write->arena, write->database, write->statement->name,
                           table) != MR_OK ||
        !iceberg_is_table(table) ||
        iceberg_table_load(&write->lake->ice, write->arena, table, ret_table, message) != MR_OK)
        return false;
    now = &ret_table->metadata;
    if (athena_statement_modifies(write->statement) &&
        now->current_snapshot != write->source->target.snapshot)
        return false;
    return mr_slice_equal(now->uuid, before->uuid) &&
           now->current_schema == before->current_schema &&
           now->default_spec == before->default_spec;
}

static enum mr_status commit(struct landing *landing)
{
    struct athena_write *write = landing->write;
    struct iceberg_table table = write->lake->table;
    char message[512] = "";
    enum mr_status status = MR_AGAIN;
    if (!athena_statement_modifies(write->statement))
        status = try_commit(landing, &table, message);
    for (int i = 0; status == MR_AGAIN && i < COMMITS_MAX; i++) {
        if (atomic_load(&write->handle->cancelled))
            return MR_END;
        if (!load_again(write, &table))
            break;
        status = try_commit(landing, &table, message);
    }
    if (status == MR_EXISTS)
        athena_write_fail(write, "TABLE_ALREADY_EXISTS",
                          "Destination table 'awsdatacatalog.%.*s.%.*s' already exists",
                          MR_ARG(write->database), MR_ARG(write->statement->name));
    else if (status == MR_INVALID)
        athena_write_fail(write, "ICEBERG_INVALID_METADATA", "%s", message);
    else if (status > 0)
        fail_commit(write);
    return status > 0 ? MR_INVALID : status;
}

static enum mr_status check_required(const struct landing *landing)
{
    struct athena_write *write = landing->write;
    for (size_t i = 0; i < landing->count; i++)
        for (size_t j = 0; j < landing->list[i].file.stats_count; j++) {
            const struct iceberg_stats *stats = &landing->list[i].file.stats[j];
            const struct iceberg_field *field =
                iceberg_schema_by_id(write->lake->schema, stats->field_id);
            if (!field->required || stats->nulls <= 0)
                continue;
            athena_write_fail(write, "CONSTRAINT_VIOLATION",
                              "NULL value not allowed for NOT NULL column: %.*s",
                              MR_ARG(field->name));
            return MR_INVALID;
        }
    return MR_OK;
}

enum mr_status athena_lake_land(struct athena_write *write)
{
    struct landing landing = {.write = write};
    enum mr_status status = find_files(&landing);
    if (status == MR_OK)
        status = check_required(&landing);
    if (status == MR_OK)
        status = add_deletes(&landing);
    if (status == MR_OK && (landing.count > 0 || write->lake->create != NULL))
        status = commit(&landing);
    if (status == MR_OK && write->ticket > 0)
        status = store_wait(write->athena->options.store, write->ticket);
    return status;
}
