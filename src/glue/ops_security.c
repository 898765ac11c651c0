/* The wire: the account's catalog itself, and security configurations. What encryption these name
 * is told and not done, as everywhere here; there is one catalog, and none within it.
 * Stored: "glue/security/<name>", the wire's SecurityConfiguration. */
#include "glue/internal.h"

/* ---- catalogs ---- */

static void write_permissions(struct mr_json *json, const char *member)
{
    mr_json_key_raw(json, member,
                    MR_S("[{\"Principal\":{\"DataLakePrincipalIdentifier\":"
                         "\"IAM_ALLOWED_PRINCIPALS\"},\"Permissions\":[\"ALL\"]}]"));
}

static void write_root(struct protocol_call *call)
{
    struct mr_json *json = &call->out;
    mr_json_object(json);
    mr_json_key_string(json, "CatalogId", call->account);
    mr_json_key_string(json, "Name", call->account);
    mr_json_key_string(json, "ResourceArn",
                       mr_arena_printf(call->arena, "arn:aws:glue:%.*s:%.*s:catalog",
                                       MR_ARG(call->region), MR_ARG(call->account)));
    write_permissions(json, "CreateTableDefaultPermissions");
    write_permissions(json, "CreateDatabaseDefaultPermissions");
    mr_json_object_end(json);
}

static void get_catalog(struct protocol_call *call)
{
    mr_json_key(&call->out, "Catalog");
    write_root(call);
}

/* AWS: those below the account's own, which is listed when it is asked for. */
static void get_catalogs(struct protocol_call *call)
{
    struct glue_pager pager;
    if (!glue_check_catalog(call, mr_json_get_text(call->in, "ParentCatalogId")) ||
        !glue_pager_init(&pager, call, 100))
        return;
    mr_json_key(&call->out, "CatalogList");
    mr_json_array(&call->out);
    if (mr_json_get_bool(call->in, "IncludeRoot", false) && glue_pager_next(&pager) == MR_OK)
        write_root(call);
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
}

/* ---- security configurations ---- */

static void fail_missing(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Security configuration %.*s not found.",
                  MR_ARG(name));
}

enum mr_status glue_security_find(struct glue *glue, struct mr_arena *arena, struct mr_slice name)
{
    yyjson_val *found;
    return glue_doc(glue, arena, "security", name, &found);
}

static void create_security(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    const int64_t now_ms = store_now(glue->store);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_timestamp(&json, "CreatedTimeStamp", now_ms);
    mr_json_key_value(&json, "EncryptionConfiguration",
                      mr_json_get(call->in, "EncryptionConfiguration"));
    mr_json_object_end(&json);
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_put(&entry, "glue", "security", name, mr_arena_copy(call->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_security_find(glue, call->arena, name);
    if (status == MR_OK)
        protocol_fail(call, &glue_fault_exists, "Security configuration %.*s already exists.",
                      MR_ARG(name));
    else if (status == MR_NOT_FOUND)
        status = store_commit(glue->store, &entry, &call->ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_json_key_string(&call->out, "Name", name);
    mr_json_key_timestamp(&call->out, "CreatedTimestamp", now_ms);
    protocol_fail_internal(call, status);
}

static void get_security(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    yyjson_val *found = NULL;
    enum mr_status status = glue_doc(call->service, call->arena, "security", name, &found);
    if (status == MR_NOT_FOUND)
        fail_missing(call, name);
    mr_json_key_value(&call->out, "SecurityConfiguration", found);
    protocol_fail_internal(call, status);
}

static void get_securities(struct protocol_call *call)
{
    glue_docs_list(call, "security", "SecurityConfigurations");
}

static void delete_security(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    if (glue_doc_remove(call, "security", name) == MR_NOT_FOUND)
        fail_missing(call, name);
}

const struct protocol_handler glue_security_handlers[] = {
    {.operation = "GetCatalog", .run = get_catalog},
    {.operation = "GetCatalogs", .run = get_catalogs},
    {.operation = "CreateSecurityConfiguration", .run = create_security},
    {.operation = "GetSecurityConfiguration", .run = get_security},
    {.operation = "GetSecurityConfigurations", .run = get_securities},
    {.operation = "DeleteSecurityConfiguration", .run = delete_security},
};
const size_t glue_security_handler_count = MR_COUNT(glue_security_handlers);
