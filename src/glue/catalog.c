/* Databases and tables: what is stored is the JSON that the wire shows. */
#include "glue/internal.h"
#include <assert.h>
#include <stdlib.h>

/* ---- databases ---- */

static struct mr_slice database_json(struct mr_arena *arena, struct mr_slice name,
                                     struct mr_slice account, yyjson_val *input, int64_t created_ms,
                                     const char *const *skip)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    glue_copy_members(&json, input, skip);
    mr_json_key_timestamp(&json, "CreateTime", created_ms);
    if (mr_json_get(input, "CreateTableDefaultPermissions") == NULL)
        mr_json_key_raw(&json, "CreateTableDefaultPermissions",
                        MR_S("[{\"Principal\":{\"DataLakePrincipalIdentifier\":"
                             "\"IAM_ALLOWED_PRINCIPALS\"},\"Permissions\":[\"ALL\"]}]"));
    mr_json_key_string(&json, "CatalogId", account);
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

enum mr_status glue_database_get(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                                 struct mr_slice *ret_json)
{
    return store_doc_get(glue->store, arena, "glue", "database", glue_lower(arena, name), ret_json);
}

enum mr_status glue_database_each(struct glue *glue,
                                  enum mr_status (*fn)(void *ctx, struct mr_slice name,
                                                       struct mr_slice json),
                                  void *ctx)
{
    return store_doc_each(glue->store, "glue", "database", MR_S(""), fn, ctx);
}

static enum mr_status database_put(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                                   struct mr_slice json, int64_t *ret_ticket)
{
    struct store_entry entry = store_entry_make(arena);
    store_doc_put(&entry, "glue", "database", name, json);
    return store_commit(glue->store, &entry, ret_ticket);
}

enum mr_status glue_database_create(struct glue *glue, struct mr_arena *arena,
                                    struct mr_slice account, yyjson_val *input, int64_t *ret_ticket)
{
    static const char *const skip[] = {"Name", NULL};
    struct mr_slice name = glue_lower(arena, mr_json_get_text(input, "Name")), old;
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, arena, "glue", "database", name, &old);
    if (status == MR_OK)
        status = MR_EXISTS;
    else if (status == MR_NOT_FOUND)
        status = database_put(
            glue, arena, name,
            database_json(arena, name, account, input, store_now(glue->store), skip), ret_ticket);
    pthread_mutex_unlock(&glue->lock);
    return status;
}

enum mr_status glue_database_update(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                                    yyjson_val *input, int64_t *ret_ticket)
{
    static const char *const all[] = {"Name", NULL};
    static const char *const no_target[] = {"Name", "TargetDatabase", NULL};
    const struct glue_reader reader = {.glue = glue};
    struct mr_slice lower = glue_lower(arena, name), target = lower;
    yyjson_val *old = NULL;
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_link_database(&reader, arena, lower, &target);
    if (status == MR_OK)
        status = glue_doc(glue, arena, "database", target, &old);
    if (status == MR_OK && !mr_slice_equal_nocase(mr_json_get_text(input, "Name"), lower)) {
        status = MR_INVALID;
    } else if (status == MR_OK) {
        const double created = mr_json_get_double(old, "CreateTime", 0);
        status = database_put(glue, arena, target,
                              database_json(arena, target, mr_json_get_text(old, "CatalogId"),
                                            input, (int64_t)(created * 1000),
                                            mr_slice_equal(target, lower) ? all : no_target),
                              ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    return status;
}

/* Deletes of everything that belongs to the tables below `prefix`. */
static enum mr_status delete_tables(struct glue *glue, struct store_entry *entry,
                                    struct mr_slice prefix)
{
    /* No function is below a table: its name is as short as a table's. */
    static const char *const kinds[] = {"table", "version",         "partition", "index",
                                        "stats", "partition-stats", "function"};
    for (size_t i = 0; i < MR_COUNT(kinds); i++) {
        enum mr_status status = glue_delete_below(glue, entry, kinds[i], prefix);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

enum mr_status glue_database_delete(struct glue *glue, struct mr_arena *arena, struct mr_slice name,
                                    int64_t *ret_ticket)
{
    struct mr_slice lower = glue_lower(arena, name), old;
    struct store_entry entry = store_entry_make(arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, arena, "glue", "database", lower, &old);
    if (status == MR_OK)
        status = delete_tables(glue, &entry, glue_below(arena, &lower, 1));
    if (status == MR_OK) {
        store_doc_delete(&entry, "glue", "database", lower);
        status = store_commit(glue->store, &entry, ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    return status;
}

/* ---- tables ---- */

static void write_columns(struct mr_json *json, struct mr_arena *arena, yyjson_val *columns)
{
    static const char *const skip[] = {"Name", NULL};
    size_t index, max;
    yyjson_val *column;
    mr_json_array(json);
    yyjson_arr_foreach(columns, index, max, column)
    {
        mr_json_object(json);
        mr_json_key_string(json, "Name", glue_lower(arena, mr_json_get_text(column, "Name")));
        glue_copy_members(json, column, skip);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

void glue_write_storage(struct mr_json *json, struct mr_arena *arena, yyjson_val *storage)
{
    static const char *const skip[] = {"Columns", NULL};
    static const struct {
        const char *name, *value;
    } defaults[] = {{"Compressed", "false"},
                    {"NumberOfBuckets", "0"},
                    {"BucketColumns", "[]"},
                    {"SortColumns", "[]"},
                    {"StoredAsSubDirectories", "false"}};
    mr_json_object(json);
    mr_json_key(json, "Columns");
    write_columns(json, arena, mr_json_get(storage, "Columns"));
    glue_copy_members(json, storage, skip);
    for (size_t i = 0; i < MR_COUNT(defaults); i++) {
        if (mr_json_get(storage, defaults[i].name) == NULL)
            mr_json_key_raw(json, defaults[i].name, mr_slice_cstr(defaults[i].value));
    }
    mr_json_object_end(json);
}

struct table_facts {
    struct mr_slice database, name, account, created_by;
    double created;
    int64_t now_ms, version;
    bool followed; /* what is written is a link's target */
};

static struct mr_slice table_json(struct mr_arena *arena, yyjson_val *input,
                                  const struct table_facts *facts)
{
    /* What is written here; a table that was read may come back as an input. */
    static const char *const skip[] = {"Name",
                                       "StorageDescriptor",
                                       "PartitionKeys",
                                       "Retention",
                                       "DatabaseName",
                                       "CreateTime",
                                       "UpdateTime",
                                       "CreatedBy",
                                       "IsRegisteredWithLakeFormation",
                                       "IsMultiDialectView",
                                       "CatalogId",
                                       "VersionId",
                                       "TargetTable",
                                       NULL};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", facts->name);
    mr_json_key_string(&json, "DatabaseName", facts->database);
    mr_json_key_number(&json, "CreateTime", facts->created);
    mr_json_key_timestamp(&json, "UpdateTime", facts->now_ms);
    mr_json_key_int(&json, "Retention", mr_json_get_i64(input, "Retention", 0));
    if (mr_json_get(input, "StorageDescriptor") != NULL) {
        mr_json_key(&json, "StorageDescriptor");
        glue_write_storage(&json, arena, mr_json_get(input, "StorageDescriptor"));
    }
    mr_json_key(&json, "PartitionKeys");
    write_columns(&json, arena, mr_json_get(input, "PartitionKeys"));
    glue_copy_members(&json, input, skip);
    if (!facts->followed)
        mr_json_key_value(&json, "TargetTable", mr_json_get(input, "TargetTable"));
    mr_json_key_string(&json, "CreatedBy", facts->created_by);
    mr_json_key_bool(&json, "IsRegisteredWithLakeFormation", false);
    mr_json_key_bool(&json, "IsMultiDialectView", false);
    mr_json_key_string(&json, "CatalogId", facts->account);
    mr_json_key_string(&json, "VersionId",
                       mr_arena_printf(arena, "%lld", (long long)facts->version));
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static int64_t version_of(yyjson_val *table)
{
    int64_t version = 0;
    if (mr_slice_to_i64(mr_json_get_text(table, "VersionId"), &version) != MR_OK)
        return 0;
    return version;
}

static struct mr_slice version_name(struct mr_arena *arena, struct mr_slice table_name,
                                    int64_t version)
{
    return glue_name2(arena, table_name, mr_arena_printf(arena, "%08lld", (long long)version));
}

static void archive(struct store_entry *entry, struct mr_slice table_name, struct mr_slice old_json,
                    int64_t version)
{
    store_doc_put(entry, "glue", "version", version_name(entry->arena, table_name, version),
                  old_json);
    if (version >= GLUE_VERSIONS_MAX)
        store_doc_delete(entry, "glue", "version",
                         version_name(entry->arena, table_name, version - GLUE_VERSIONS_MAX));
}

/* The document that a put replaces: of a link, its target's, whose names it takes. */
static enum mr_status find_old(struct glue *glue, struct mr_arena *arena,
                               const struct glue_table_put *put, struct table_facts *facts,
                               struct mr_slice *ret_name, yyjson_val **ret_old)
{
    const bool through = !mr_slice_equal_nocase(facts->database, put->database);
    if (through && !put->replace && mr_json_get(put->input, "TargetTable") != NULL)
        return MR_INVALID;
    *ret_name = glue_name2(arena, facts->database, facts->name);
    enum mr_status status = glue_doc(glue, arena, "table", *ret_name, ret_old);
    yyjson_val *target = status == MR_OK ? mr_json_get(*ret_old, "TargetTable") : NULL;
    if (target == NULL || !put->replace)
        return status;
    if (through)
        return MR_INVALID;
    facts->database = glue_lower(arena, mr_json_get_text(target, "DatabaseName"));
    facts->name = glue_lower(arena, mr_json_get_text(target, "Name"));
    facts->followed = true;
    *ret_name = glue_name2(arena, facts->database, facts->name);
    return glue_doc(glue, arena, "table", *ret_name, ret_old);
}

/* The ops of one table join the entry. */
static enum mr_status table_put_plan(struct glue *glue, struct mr_arena *arena,
                                     const struct glue_table_put *put, struct store_entry *entry)
{
    const struct glue_reader reader = {.glue = glue};
    struct table_facts facts = {.name = glue_lower(arena, mr_json_get_text(put->input, "Name")),
                                .account = put->account,
                                .created_by = put->created_by,
                                .now_ms = store_now(glue->store)};
    struct mr_slice name;
    yyjson_val *old;
    enum mr_status status = glue_link_database(&reader, arena, put->database, &facts.database);
    if (status != MR_OK)
        return status;
    status = find_old(glue, arena, put, &facts, &name, &old);
    if (status < 0 || status == MR_INVALID || (status == MR_NOT_FOUND && put->replace))
        return status;
    if (status == MR_OK && !put->replace)
        return MR_EXISTS;
    facts.created = (double)facts.now_ms / 1000;
    if (status == MR_OK) {
        if (put->if_version.len > 0 &&
            !mr_slice_equal(put->if_version, mr_json_get_text(old, "VersionId")))
            return MR_AGAIN;
        facts.created = mr_json_get_double(old, "CreateTime", facts.created);
        facts.created_by = mr_json_get_text(old, "CreatedBy");
        facts.account = mr_json_get_text(old, "CatalogId");
        facts.version = version_of(old) + !put->same_version;
        if (!put->skip_archive)
            archive(entry, name, mr_json_print(arena, old), facts.version - 1);
    }
    store_doc_put(entry, "glue", "table", name, table_json(arena, put->input, &facts));
    return MR_OK;
}

enum mr_status glue_table_put(struct glue *glue, struct mr_arena *arena,
                              const struct glue_table_put *put, int64_t *ret_ticket)
{
    return glue_tables_put(glue, arena, put, 1, put->with, ret_ticket);
}

enum mr_status glue_tables_put(struct glue *glue, struct mr_arena *arena,
                               const struct glue_table_put *puts, size_t count,
                               const struct store_entry *with, int64_t *ret_ticket)
{
    struct store_entry entry = with != NULL ? *with : store_entry_make(arena);
    enum mr_status status = MR_OK;
    pthread_mutex_lock(&glue->lock);
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        assert(mr_json_get_text(puts[i].input, "Name").len > 0);
        status = table_put_plan(glue, arena, &puts[i], &entry);
    }
    if (status == MR_OK)
        status = store_commit(glue->store, &entry, ret_ticket);
    pthread_mutex_unlock(&glue->lock);
    return status;
}

enum mr_status glue_table_rename(struct glue *glue, struct mr_arena *arena,
                                 const struct glue_table *table, const struct glue_table_put *to,
                                 int64_t *ret_ticket)
{
    const struct mr_slice parts[] = {table->database, table->name};
    struct mr_slice name = glue_name(arena, parts, 2), json;
    struct store_entry entry = store_entry_make(arena);
    assert(!to->replace);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, arena, "glue", "table", name, &json);
    if (status == MR_OK && version_of(glue_parse(arena, json)) != version_of(table->json))
        status = MR_AGAIN;
    else if (status == MR_NOT_FOUND)
        status = MR_AGAIN;
    if (status == MR_OK)
        status = table_put_plan(glue, arena, to, &entry);
    if (status == MR_OK)
        status = delete_tables(glue, &entry, glue_below(arena, parts, 2));
    if (status == MR_OK) {
        store_doc_delete(&entry, "glue", "table", name);
        status = store_commit(glue->store, &entry, ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    return status;
}

enum mr_status glue_table_delete(struct glue *glue, struct mr_arena *arena,
                                 struct mr_slice database, struct mr_slice name,
                                 int64_t *ret_ticket)
{
    const struct glue_reader reader = {.glue = glue};
    struct mr_slice parts[] = {glue_lower(arena, database), glue_lower(arena, name)}, old;
    struct store_entry entry = store_entry_make(arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_link_database(&reader, arena, database, &parts[0]);
    struct mr_slice table = glue_name(arena, parts, 2);
    if (status == MR_OK)
        status = store_doc_get(glue->store, arena, "glue", "table", table, &old);
    if (status == MR_OK)
        status = delete_tables(glue, &entry, glue_below(arena, parts, 2));
    if (status == MR_OK) {
        store_doc_delete(&entry, "glue", "table", table);
        status = store_commit(glue->store, &entry, ret_ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    return status;
}

enum mr_status glue_table_get(struct glue *glue, struct mr_arena *arena, struct mr_slice database,
                              struct mr_slice name, struct glue_table *ret_table)
{
    const struct glue_reader reader = {.glue = glue};
    return glue_link_find_table(&reader, arena, database, name, ret_table);
}

enum mr_status glue_table_get_at(struct view_snapshot *snapshot, struct mr_arena *arena,
                                 struct mr_slice database, struct mr_slice name,
                                 struct glue_table *ret_table)
{
    const struct glue_reader reader = {.snapshot = snapshot};
    return glue_link_find_table(&reader, arena, database, name, ret_table);
}

enum mr_status glue_table_each(struct glue *glue, struct mr_slice database,
                               enum mr_status (*fn)(void *ctx, struct mr_slice name,
                                                    struct mr_slice json),
                               void *ctx)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    const struct glue_reader reader = {.glue = glue};
    struct mr_slice name = glue_lower(&arena, database);
    enum mr_status status = glue_link_database(&reader, &arena, database, &name);
    if (status >= 0)
        status =
            store_doc_each(glue->store, "glue", "table", glue_below(&arena, &name, 1), fn, ctx);
    mr_arena_fini(&arena);
    return status;
}

static struct glue_column *parse_columns(struct mr_arena *arena, yyjson_val *array,
                                         size_t *ret_count)
{
    const size_t count = yyjson_is_arr(array) ? yyjson_arr_size(array) : 0;
    struct glue_column *columns = MR_NEW_ARRAY(arena, struct glue_column, count + 1);
    size_t index, max;
    yyjson_val *column;
    yyjson_arr_foreach(array, index, max, column)
    {
        columns[index] = (struct glue_column){.name = mr_json_get_text(column, "Name"),
                                              .type = mr_json_get_text(column, "Type"),
                                              .comment = mr_json_get_text(column, "Comment")};
    }
    *ret_count = count;
    return columns;
}

bool glue_table_parse(struct mr_arena *arena, struct mr_slice json, struct glue_table *ret_table)
{
    yyjson_val *table = mr_json_parse(arena, json, MR_JSON_DEPTH_MAX);
    if (!yyjson_is_obj(table))
        return false;
    glue_table_view(arena, table, ret_table);
    return true;
}

void glue_table_view(struct mr_arena *arena, yyjson_val *table, struct glue_table *ret_table)
{
    yyjson_val *storage = mr_json_get(table, "StorageDescriptor");
    yyjson_val *serde = mr_json_get(storage, "SerdeInfo");
    *ret_table = (struct glue_table){
        .database = mr_json_get_text(table, "DatabaseName"),
        .name = mr_json_get_text(table, "Name"),
        .table_type = mr_json_get_text(table, "TableType"),
        .view_text = mr_json_get_text(table, "ViewOriginalText"),
        .location = mr_json_get_text(storage, "Location"),
        .input_format = mr_json_get_text(storage, "InputFormat"),
        .serde = mr_json_get_text(serde, "SerializationLibrary"),
        .serde_parameters = mr_json_get(serde, "Parameters"),
        .parameters = mr_json_get(table, "Parameters"),
        .json = table,
    };
    ret_table->columns =
        parse_columns(arena, mr_json_get(storage, "Columns"), &ret_table->column_count);
    ret_table->keys =
        parse_columns(arena, mr_json_get(table, "PartitionKeys"), &ret_table->key_count);
}

enum mr_status glue_open(struct glue **ret_glue, const struct glue_options *options)
{
    struct glue *glue = mr_calloc(1, sizeof *glue);
    glue->store = options->store;
    glue->runtime = options->runtime;
    glue->rng = options->rng;
    glue->s3 = options->s3;
    glue->logs = options->logs;
    glue->grok = options->grok;
    glue->iceberg = options->iceberg;
    pthread_mutex_init(&glue->lock, NULL);
    pthread_mutex_init(&glue->crawler_lock, NULL);
    pthread_cond_init(&glue->idle, NULL);
    enum mr_status status = glue_crawlers_open(glue);
    if (status != MR_OK) {
        glue_close(glue);
        return status;
    }
    *ret_glue = glue;
    return MR_OK;
}

void glue_close(struct glue *glue)
{
    if (glue == NULL)
        return;
    glue_crawlers_close(glue);
    pthread_mutex_destroy(&glue->lock);
    pthread_mutex_destroy(&glue->crawler_lock);
    pthread_cond_destroy(&glue->idle);
    free(glue);
}
