/* The wire: databases and tables. */
#include "glue/internal.h"
#include <regex.h>
#include <stdlib.h>

/* ---- databases ---- */

static void create_database(struct protocol_call *call)
{
    yyjson_val *input = mr_json_get(call->in, "DatabaseInput");
    enum mr_status status =
        glue_database_create(call->service, call->arena, call->account, input, &call->ticket);
    if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Database already exists.");
    protocol_fail_internal(call, status);
    glue_tag_created(call, "database", glue_lower(call->arena, mr_json_get_text(input, "Name")));
}

static void get_database(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name"), json;
    enum mr_status status = glue_database_get(call->service, call->arena, name, &json);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    else if (status == MR_OK)
        mr_json_key_raw(&call->out, "Database", json);
    protocol_fail_internal(call, status);
}

static void update_database(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    enum mr_status status = glue_database_update(
        call->service, call->arena, name, mr_json_get(call->in, "DatabaseInput"), &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    protocol_fail_internal(call, status);
}

static void delete_database(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    enum mr_status status = glue_database_delete(call->service, call->arena, name, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, name);
    protocol_fail_internal(call, status);
}

struct listing {
    struct protocol_call *call;
    struct glue_pager pager;
    regex_t *expression; /* NULL: everything */
};

static enum mr_status list_one(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    if (listing->expression != NULL) {
        /* The document's name is "<database>|<table>". */
        struct mr_slice table =
            mr_slice_sub(name, mr_slice_find(name, GLUE_SEPARATOR) + 1, SIZE_MAX);
        char *text = mr_arena_cstr(listing->call->arena, table);
        if (regexec(listing->expression, text, 0, NULL, 0) != 0)
            return MR_OK;
    }
    enum mr_status status = glue_pager_next(&listing->pager);
    if (status == MR_OK)
        mr_json_raw(&listing->call->out, json);
    return status == MR_END ? MR_END : MR_OK;
}

static void get_databases(struct protocol_call *call)
{
    struct listing listing = {.call = call};
    if (!glue_pager_init(&listing.pager, call, 100))
        return;
    mr_json_key(&call->out, "DatabaseList");
    mr_json_array(&call->out);
    enum mr_status status = glue_database_each(call->service, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

/* ---- tables ---- */

static void put_table(struct protocol_call *call, bool replace)
{
    struct glue *glue = call->service;
    yyjson_val *input = mr_json_get(call->in, "TableInput");
    struct glue_table_put put = {
        .database = mr_json_get_text(call->in, "DatabaseName"),
        .account = call->account,
        .input = input,
        .replace = replace,
        .skip_archive = mr_json_get_bool(call->in, "SkipArchive", false),
    };
    if (input == NULL) {
        protocol_fail(call, &glue_fault_invalid_input, "TableInput is required.");
        return;
    }
    put.created_by = mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account));
    enum mr_status status = glue_table_put(glue, call->arena, &put, &call->ticket);
    struct mr_slice json;
    if (status == MR_NOT_FOUND &&
        glue_database_get(glue, call->arena, put.database, &json) == MR_NOT_FOUND)
        glue_fail_database(call, put.database);
    else if (status == MR_NOT_FOUND)
        glue_fail_table(call, mr_json_get_text(input, "Name"));
    else if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Table already exists.");
    protocol_fail_internal(call, status);
}

static void create_table(struct protocol_call *call)
{
    put_table(call, false);
}

static void update_table(struct protocol_call *call)
{
    put_table(call, true);
}

static void get_table(struct protocol_call *call)
{
    struct glue_table table;
    if (glue_call_table(call, &table))
        mr_json_key_value(&call->out, "Table", table.json);
}

static void get_tables(struct protocol_call *call)
{
    struct listing listing = {.call = call};
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName"), json;
    struct mr_slice pattern = mr_json_get_text(call->in, "Expression");
    enum mr_status status = glue_database_get(call->service, call->arena, database, &json);
    if (status == MR_NOT_FOUND)
        glue_fail_database(call, database);
    if (status != MR_OK || !glue_pager_init(&listing.pager, call, 100)) {
        protocol_fail_internal(call, status);
        return;
    }
    regex_t expression;
    if (pattern.len > 0) {
        char *anchored =
            mr_arena_cstr(call->arena, mr_arena_printf(call->arena, "^(%.*s)$", MR_ARG(pattern)));
        if (regcomp(&expression, anchored, REG_EXTENDED | REG_NOSUB) != 0) {
            protocol_fail(call, &glue_fault_invalid_input, "Invalid regular expression: %.*s",
                          MR_ARG(pattern));
            return;
        }
        listing.expression = &expression;
    }
    mr_json_key(&call->out, "TableList");
    mr_json_array(&call->out);
    status = glue_table_each(call->service, database, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    if (listing.expression != NULL)
        regfree(&expression);
    protocol_fail_internal(call, status);
}

static void delete_table(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    enum mr_status status =
        glue_table_delete(call->service, call->arena, table.database, table.name, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_table(call, table.name);
    protocol_fail_internal(call, status);
}

static void batch_delete_table(struct protocol_call *call)
{
    struct mr_slice database = mr_json_get_text(call->in, "DatabaseName");
    size_t index, max;
    yyjson_val *value;
    yyjson_val *names = mr_json_get(call->in, "TablesToDelete");
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, value)
    {
        struct mr_slice name = mr_json_text(value);
        enum mr_status status =
            glue_table_delete(call->service, call->arena, database, name, &call->ticket);
        if (status == MR_NOT_FOUND) {
            mr_json_object(&call->out);
            mr_json_key_string(&call->out, "TableName", name);
            mr_json_key(&call->out, "ErrorDetail");
            mr_json_object(&call->out);
            mr_json_key_cstr(&call->out, "ErrorCode", "EntityNotFoundException");
            mr_json_key_string(&call->out, "ErrorMessage",
                               mr_arena_printf(call->arena, "Table %.*s not found.", MR_ARG(name)));
            mr_json_object_end(&call->out);
            mr_json_object_end(&call->out);
        }
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

/* ---- versions ---- */

static void write_version(struct protocol_call *call, struct mr_slice json)
{
    yyjson_val *table = glue_parse(call->arena, mr_arena_copy(call->arena, json));
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "Table", table);
    mr_json_key_string(&call->out, "VersionId", mr_json_get_text(table, "VersionId"));
    mr_json_object_end(&call->out);
}

struct versions {
    struct mr_arena *arena;
    struct mr_slice json[GLUE_VERSIONS_MAX + 2];
    size_t count;
};

static enum mr_status collect_version(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct versions *versions = ctx;
    (void)name;
    versions->json[versions->count++] = mr_arena_copy(versions->arena, json);
    return versions->count < MR_COUNT(versions->json) ? MR_OK : MR_END;
}

/* Newest first: the table as it is, then what was archived. */
static void get_table_versions(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct glue_table table;
    struct glue_pager pager;
    if (!glue_call_table(call, &table) || !glue_pager_init(&pager, call, 100))
        return;
    struct versions *versions = MR_NEW(call->arena, struct versions);
    versions->arena = call->arena;
    const struct mr_slice parts[] = {table.database, table.name};
    enum mr_status status =
        store_doc_each(glue->store, "glue", "version", glue_below(call->arena, parts, 2),
                       collect_version, versions);
    mr_json_key(&call->out, "TableVersions");
    mr_json_array(&call->out);
    if (glue_pager_next(&pager) == MR_OK) {
        mr_json_object(&call->out);
        mr_json_key_value(&call->out, "Table", table.json);
        mr_json_key_string(&call->out, "VersionId", mr_json_get_text(table.json, "VersionId"));
        mr_json_object_end(&call->out);
    }
    for (size_t i = versions->count; i > 0; i--) {
        if (glue_pager_next(&pager) == MR_OK)
            write_version(call, versions->json[i - 1]);
    }
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
    protocol_fail_internal(call, status);
}

static void get_table_version(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    struct mr_slice current = mr_json_get_text(table.json, "VersionId"), json;
    struct mr_slice wanted = mr_json_get_text(call->in, "VersionId");
    mr_json_key(&call->out, "TableVersion");
    if (wanted.len == 0 || mr_slice_equal(wanted, current)) {
        mr_json_object(&call->out);
        mr_json_key_value(&call->out, "Table", table.json);
        mr_json_key_string(&call->out, "VersionId", current);
        mr_json_object_end(&call->out);
        return;
    }
    uint64_t version = 0;
    const struct mr_slice parts[] = {
        table.database, table.name,
        mr_slice_to_u64(wanted, &version) == MR_OK
            ? mr_arena_printf(call->arena, "%08llu", (unsigned long long)version)
            : wanted};
    enum mr_status status = store_doc_get(glue->store, call->arena, "glue", "version",
                                          glue_name(call->arena, parts, 3), &json);
    if (status == MR_OK)
        write_version(call, json);
    else
        mr_json_null(&call->out);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Table version %.*s not found.", MR_ARG(wanted));
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_catalog_handlers[] = {
    {.operation = "CreateDatabase", .run = create_database},
    {.operation = "GetDatabase", .run = get_database},
    {.operation = "GetDatabases", .run = get_databases},
    {.operation = "UpdateDatabase", .run = update_database},
    {.operation = "DeleteDatabase", .run = delete_database},
    {.operation = "CreateTable", .run = create_table},
    {.operation = "UpdateTable", .run = update_table},
    {.operation = "GetTable", .run = get_table},
    {.operation = "GetTables", .run = get_tables},
    {.operation = "DeleteTable", .run = delete_table},
    {.operation = "BatchDeleteTable", .run = batch_delete_table},
    {.operation = "GetTableVersions", .run = get_table_versions},
    {.operation = "GetTableVersion", .run = get_table_version},
};
const size_t glue_catalog_handler_count = MR_COUNT(glue_catalog_handlers);
