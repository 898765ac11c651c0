/* PREPARE and DEALLOCATE PREPARE: what CreatePreparedStatement and DeletePreparedStatement do. */
#include "athena/internal.h"
#include "base/json.h"

static struct mr_slice key(const struct athena_ddl *ddl)
{
    return mr_arena_printf(ddl->arena, "%.*s\x1f%.*s", MR_ARG(ddl->workgroup),
                           MR_ARG(ddl->statement->name));
}

static bool commit(struct athena_ddl *ddl, struct store_entry *entry)
{
    return store_commit(ddl->athena->options.store, entry, &ddl->ticket) == MR_OK ||
           athena_ddl_fail(ddl, "the prepared statement cannot be stored");
}

static bool put(struct athena_ddl *ddl)
{
    struct store *store = ddl->athena->options.store;
    struct store_entry entry = store_entry_make(ddl->arena);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "StatementName", ddl->statement->name);
    mr_json_key_string(&json, "QueryStatement", ddl->statement->query_text);
    mr_json_key_string(&json, "WorkGroupName", ddl->workgroup);
    mr_json_key_timestamp(&json, "LastModifiedTime", store_now(store));
    mr_json_object_end(&json);
    store_doc_put(&entry, "athena", "prepared", key(ddl), mr_buf_slice(&buf));
    const bool fine = commit(ddl, &entry);
    mr_buf_fini(&buf);
    return fine;
}

bool athena_ddl_prepare(struct athena_ddl *ddl)
{
    const bool make = ddl->statement->kind == STATEMENT_PREPARE;
    struct mr_slice name = ddl->statement->name;
    yyjson_val *old;
    bool fine;
    pthread_mutex_lock(&ddl->athena->catalog_lock);
    const enum mr_status status =
        athena_prepared_get(ddl->athena, ddl->arena, ddl->workgroup, name, &old);
    if (make && status == MR_OK) {
        fine = athena_ddl_fail(ddl, "PreparedStatement %.*s already exists", MR_ARG(name));
    } else if (make && status == MR_NOT_FOUND) {
        fine = put(ddl);
    } else if (status == MR_OK) {
        struct store_entry entry = store_entry_make(ddl->arena);
        store_doc_delete(&entry, "athena", "prepared", key(ddl));
        fine = commit(ddl, &entry);
    } else {
        fine = athena_ddl_fail(ddl, "PreparedStatement %.*s was not found", MR_ARG(name));
    }
    pthread_mutex_unlock(&ddl->athena->catalog_lock);
    return fine;
}
