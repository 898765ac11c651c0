/* The wire: versions of tables. The one in use is not archived; the others are documents. */
#include "glue/internal.h"

/* The archived version's document. False: it is no number. */
static bool version_key(struct mr_arena *arena, const struct glue_table *table,
                        struct mr_slice wanted, struct mr_slice *ret_name)
{
    uint64_t version;
    if (mr_slice_to_u64(wanted, &version) != MR_OK)
        return false;
    const struct mr_slice parts[] = {table->database, table->name,
                                     mr_arena_printf(arena, "%08llu", (unsigned long long)version)};
    *ret_name = glue_name(arena, parts, 3);
    return true;
}

enum mr_status glue_table_version_get(struct glue *glue, struct mr_arena *arena,
                                      struct mr_slice database, struct mr_slice name,
                                      struct mr_slice version, struct glue_table *ret_table)
{
    struct glue_table table;
    struct mr_slice key, json;
    enum mr_status status = glue_table_get(glue, arena, database, name, &table);
    if (status == MR_OK && version.len > 0 &&
        !mr_slice_equal(version, mr_json_get_text(table.json, "VersionId"))) {
        status = version_key(arena, &table, version, &key)
                     ? store_doc_get(glue->store, arena, "glue", "version", key, &json)
                     : MR_NOT_FOUND;
        if (status == MR_OK && !glue_table_parse(arena, json, &table))
            status = MR_RAISE(MR_FAIL_DATA, "a version of table '%.*s' is no JSON", MR_ARG(name));
    }
    if (status == MR_OK)
        *ret_table = table;
    return status;
}

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
    struct mr_slice name;
    if (!version_key(call->arena, &table, wanted, &name)) {
        mr_json_null(&call->out);
        protocol_fail(call, &glue_fault_invalid_input, "Invalid table version: %.*s",
                      MR_ARG(wanted));
        return;
    }
    enum mr_status status = store_doc_get(glue->store, call->arena, "glue", "version", name, &json);
    if (status == MR_OK)
        write_version(call, json);
    else
        mr_json_null(&call->out);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Version not found.");
    protocol_fail_internal(call, status);
}

/* NULL, or why the version cannot go. Takes the catalog's lock. */
static const struct protocol_fault *drop_version(struct protocol_call *call,
                                                 const struct glue_table *table,
                                                 struct mr_slice wanted, struct mr_slice *ret_why)
{
    struct glue *glue = call->service;
    struct mr_slice name, json;
    if (!version_key(call->arena, table, wanted, &name)) {
        *ret_why = mr_arena_printf(call->arena, "Invalid table version: %.*s", MR_ARG(wanted));
        return &glue_fault_invalid_input;
    }
    if (mr_slice_equal(wanted, mr_json_get_text(table->json, "VersionId"))) {
        *ret_why = MR_S("Cannot delete the current version of a table.");
        return &glue_fault_invalid_input;
    }
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_doc_get(glue->store, call->arena, "glue", "version", name, &json);
    if (status == MR_OK) {
        store_doc_delete(&entry, "glue", "version", name);
        status = store_commit(glue->store, &entry, &call->ticket);
    }
    pthread_mutex_unlock(&glue->lock);
    protocol_fail_internal(call, status);
    *ret_why = MR_S("Version not found.");
    return status == MR_NOT_FOUND ? &glue_fault_not_found : NULL;
}

static void delete_table_version(struct protocol_call *call)
{
    struct glue_table table;
    struct mr_slice why;
    if (!glue_call_table(call, &table))
        return;
    const struct protocol_fault *fault =
        drop_version(call, &table, mr_json_get_text(call->in, "VersionId"), &why);
    if (fault != NULL)
        protocol_fail_slice(call, fault, why);
}

static void batch_delete_table_version(struct protocol_call *call)
{
    struct glue_table table;
    size_t index, max;
    yyjson_val *value;
    yyjson_val *list = mr_json_get(call->in, "VersionIds");
    if (!glue_call_table(call, &table))
        return;
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, value)
    {
        struct mr_slice why;
        const struct protocol_fault *fault = drop_version(call, &table, mr_json_text(value), &why);
        if (fault == NULL)
            continue;
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "TableName", table.name);
        mr_json_key_value(&call->out, "VersionId", value);
        glue_write_error(call, fault, why);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

const struct protocol_handler glue_version_handlers[] = {
    {.operation = "GetTableVersions", .run = get_table_versions},
    {.operation = "GetTableVersion", .run = get_table_version},
    {.operation = "DeleteTableVersion", .run = delete_table_version},
    {.operation = "BatchDeleteTableVersion", .run = batch_delete_table_version},
};
const size_t glue_version_handler_count = MR_COUNT(glue_version_handlers);
