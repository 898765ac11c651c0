/* The wire: workgroups, named queries, prepared statements. */
#include "athena/internal.h"

static struct mr_slice or_primary(struct mr_slice name)
{
    return name.len > 0 ? name : MR_S("primary");
}

static void put(struct protocol_call *call, const char *kind, struct mr_slice name,
                struct mr_buf *json)
{
    struct athena *athena = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_put(&entry, "athena", kind, name, mr_buf_slice(json));
    protocol_fail_internal(call, store_commit(athena->options.store, &entry, &call->ticket));
}

static void drop(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct athena *athena = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    store_doc_delete(&entry, "athena", kind, name);
    protocol_fail_internal(call, store_commit(athena->options.store, &entry, &call->ticket));
}

static bool is_workgroup(struct protocol_call *call, struct mr_slice name, yyjson_val **ret)
{
    enum mr_status status = athena_workgroup_get(call->service, call->arena, name, ret);
    if (status == MR_NOT_FOUND)
        athena_call_fail(call, "INVALID_INPUT", "WorkGroup %.*s is not found.", MR_ARG(name));
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

/* ---- workgroups ---- */

static yyjson_val *either(yyjson_val *updates, yyjson_val *old, const char *name)
{
    yyjson_val *value = mr_json_get(updates, name);
    return value != NULL ? value : mr_json_get(old, name);
}

static struct mr_slice result_configuration(struct mr_arena *arena, yyjson_val *updates,
                                            yyjson_val *old)
{
    static const struct {
        const char *name, *remove;
    } members[] = {{"OutputLocation", "RemoveOutputLocation"},
                   {"EncryptionConfiguration", "RemoveEncryptionConfiguration"},
                   {"ExpectedBucketOwner", "RemoveExpectedBucketOwner"},
                   {"AclConfiguration", "RemoveAclConfiguration"}};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        if (!mr_json_get_bool(updates, members[i].remove, false))
            mr_json_key_value(&json, members[i].name, either(updates, old, members[i].name));
    }
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void write_configuration(struct mr_json *json, struct mr_arena *arena, yyjson_val *updates,
                                yyjson_val *old)
{
    yyjson_val *results = mr_json_get(updates, "ResultConfigurationUpdates");
    if (results == NULL)
        results = mr_json_get(updates, "ResultConfiguration");
    mr_json_object(json);
    mr_json_key_raw(json, "ResultConfiguration",
                    result_configuration(arena, results, mr_json_get(old, "ResultConfiguration")));
    /* AWS: a workgroup's settings are enforced unless it says otherwise. */
    mr_json_key_bool(
        json, "EnforceWorkGroupConfiguration",
        mr_json_get_bool(updates, "EnforceWorkGroupConfiguration",
                         mr_json_get_bool(old, "EnforceWorkGroupConfiguration", true)));
    mr_json_key_bool(
        json, "PublishCloudWatchMetricsEnabled",
        mr_json_get_bool(updates, "PublishCloudWatchMetricsEnabled",
                         mr_json_get_bool(old, "PublishCloudWatchMetricsEnabled", true)));
    if (!mr_json_get_bool(updates, "RemoveBytesScannedCutoffPerQuery", false))
        mr_json_key_value(json, "BytesScannedCutoffPerQuery",
                          either(updates, old, "BytesScannedCutoffPerQuery"));
    mr_json_key_bool(json, "RequesterPaysEnabled",
                     mr_json_get_bool(updates, "RequesterPaysEnabled",
                                      mr_json_get_bool(old, "RequesterPaysEnabled", false)));
    mr_json_key_raw(json, "EngineVersion",
                    MR_S("{\"SelectedEngineVersion\":\"AUTO\",\"EffectiveEngineVersion\":"
                         "\"Athena engine version 3\"}"));
    mr_json_object_end(json);
}

static void put_workgroup(struct protocol_call *call, struct mr_slice name, yyjson_val *updates,
                          yyjson_val *old)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct mr_slice state = mr_json_text(either(call->in, old, "State"));
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_string(&json, "State", state.len > 0 ? state : MR_S("ENABLED"));
    mr_json_key(&json, "Configuration");
    write_configuration(&json, call->arena, updates, mr_json_get(old, "Configuration"));
    mr_json_key_string(&json, "Description", mr_json_text(either(call->in, old, "Description")));
    mr_json_key_number(&json, "CreationTime",
                       mr_json_get_double(old, "CreationTime", (double)call->now_ms / 1000));
    mr_json_object_end(&json);
    put(call, "workgroup", name, &buf);
    mr_buf_fini(&buf);
}

static void create_work_group(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "Name");
    yyjson_val *old;
    pthread_mutex_lock(&athena->catalog_lock);
    enum mr_status status = athena_workgroup_get(athena, call->arena, name, &old);
    if (status == MR_OK)
        athena_call_fail(call, "INVALID_INPUT", "WorkGroup %.*s is already created", MR_ARG(name));
    else if (status == MR_NOT_FOUND)
        put_workgroup(call, name, mr_json_get(call->in, "Configuration"), NULL);
    pthread_mutex_unlock(&athena->catalog_lock);
    protocol_fail_internal(call, status);
    athena_tag_created(call, name);
}

static void get_work_group(struct protocol_call *call)
{
    yyjson_val *workgroup;
    if (is_workgroup(call, mr_json_get_text(call->in, "WorkGroup"), &workgroup))
        mr_json_key_value(&call->out, "WorkGroup", workgroup);
}

static void update_work_group(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct mr_slice name = mr_json_get_text(call->in, "WorkGroup");
    yyjson_val *old;
    pthread_mutex_lock(&athena->catalog_lock);
    if (is_workgroup(call, name, &old))
        put_workgroup(call, name, mr_json_get(call->in, "ConfigurationUpdates"), old);
    pthread_mutex_unlock(&athena->catalog_lock);
}

static void write_summary(struct mr_json *json, yyjson_val *workgroup)
{
    static const char *const members[] = {"Name", "State", "Description", "CreationTime"};
    mr_json_object(json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(json, members[i], mr_json_get(workgroup, members[i]));
    mr_json_key_value(json, "EngineVersion",
                      mr_json_get(mr_json_get(workgroup, "Configuration"), "EngineVersion"));
    mr_json_object_end(json);
}

struct listing {
    struct protocol_call *call;
    struct athena_pager pager;
    struct mr_slice workgroup;
    bool primary_seen;
    const char *found; /* of delete: what is in the way */
};

static enum mr_status list_workgroup(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    listing->primary_seen = listing->primary_seen || mr_slice_equal(name, MR_S("primary"));
    if (athena_pager_next(&listing->pager))
        write_summary(&listing->call->out,
                      mr_json_parse(listing->call->arena, json, MR_JSON_DEPTH_MAX));
    return MR_OK;
}

static void list_work_groups(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    yyjson_val *primary;
    if (!athena_pager_init(&listing.pager, call, 50))
        return;
    mr_json_key(&call->out, "WorkGroups");
    mr_json_array(&call->out);
    enum mr_status status = store_doc_each(athena->options.store, "athena", "workgroup", MR_S(""),
                                           list_workgroup, &listing);
    if (status == MR_OK && !listing.primary_seen && athena_pager_next(&listing.pager)) {
        status = athena_workgroup_get(athena, call->arena, MR_S("primary"), &primary);
        if (status == MR_OK)
            write_summary(&call->out, primary);
    }
    mr_json_array_end(&call->out);
    athena_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

static enum mr_status in_workgroup(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    yyjson_val *query = mr_json_parse(listing->call->arena, json, MR_JSON_DEPTH_MAX);
    if (!mr_slice_equal(mr_json_get_text(query, "WorkGroup"), listing->workgroup))
        return MR_OK;
    listing->found = "named queries";
    if (!mr_json_get_bool(listing->call->in, "RecursiveDeleteOption", false))
        return MR_END;
    drop(listing->call, "named", mr_arena_copy(listing->call->arena, name));
    return MR_OK;
}

static void drop_workgroup(struct protocol_call *call, struct mr_slice name)
{
    drop(call, "tags", name);
    drop(call, "workgroup", name);
}

static void delete_work_group(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    yyjson_val *old;
    size_t history = 0;
    listing.workgroup = mr_json_get_text(call->in, "WorkGroup");
    if (mr_slice_equal(listing.workgroup, MR_S("primary"))) {
        athena_call_fail(call, "INVALID_INPUT", "WorkGroup primary cannot be deleted");
        return;
    }
    const bool recursive = mr_json_get_bool(call->in, "RecursiveDeleteOption", false);
    pthread_mutex_lock(&athena->catalog_lock);
    if (is_workgroup(call, listing.workgroup, &old)) {
        enum mr_status status = store_doc_each(athena->options.store, "athena", "named", MR_S(""),
                                               in_workgroup, &listing);
        protocol_fail_internal(call, status);
        (void)athena_query_ids(athena, call->arena, listing.workgroup, &history);
        if (!recursive && (listing.found != NULL || history > 0))
            athena_call_fail(call, "INVALID_INPUT", "WorkGroup %.*s is not empty",
                             MR_ARG(listing.workgroup));
        else
            drop_workgroup(call, listing.workgroup);
    }
    pthread_mutex_unlock(&athena->catalog_lock);
}

/* ---- named queries ---- */

static void create_named_query(struct protocol_call *call)
{
    static const char *const members[] = {"Name", "Description", "Database", "QueryString"};
    struct athena *athena = call->service;
    struct mr_slice workgroup = or_primary(mr_json_get_text(call->in, "WorkGroup"));
    yyjson_val *group;
    char id[37];
    if (!is_workgroup(call, workgroup, &group))
        return;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_rng_uuid(athena->options.rng, id);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&json, members[i], mr_json_get(call->in, members[i]));
    mr_json_key_cstr(&json, "NamedQueryId", id);
    mr_json_key_string(&json, "WorkGroup", workgroup);
    mr_json_object_end(&json);
    put(call, "named", mr_slice_cstr(id), &buf);
    mr_buf_fini(&buf);
    mr_json_key_cstr(&call->out, "NamedQueryId", id);
}

static bool named_query(struct protocol_call *call, struct mr_slice id, struct mr_slice *ret_json)
{
    struct athena *athena = call->service;
    enum mr_status status =
        store_doc_get(athena->options.store, call->arena, "athena", "named", id, ret_json);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void fail_named(struct protocol_call *call, struct mr_slice id)
{
    athena_call_fail(call, "INVALID_INPUT", "NamedQuery %.*s was not found", MR_ARG(id));
}

static void get_named_query(struct protocol_call *call)
{
    struct mr_slice id = mr_json_get_text(call->in, "NamedQueryId"), json;
    if (named_query(call, id, &json))
        mr_json_key_raw(&call->out, "NamedQuery", json);
    else
        fail_named(call, id);
}

static void batch_get_named_query(struct protocol_call *call)
{
    size_t index, max;
    yyjson_val *value;
    yyjson_val *ids = mr_json_get(call->in, "NamedQueryIds");
    struct mr_slice *missing = MR_NEW_ARRAY(call->arena, struct mr_slice, yyjson_arr_size(ids) + 1);
    struct mr_slice json;
    size_t missing_count = 0;
    mr_json_key(&call->out, "NamedQueries");
    mr_json_array(&call->out);
    yyjson_arr_foreach(ids, index, max, value)
    {
        if (named_query(call, mr_json_text(value), &json))
            mr_json_raw(&call->out, json);
        else
            missing[missing_count++] = mr_json_text(value);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "UnprocessedNamedQueryIds");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++) {
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "NamedQueryId", missing[i]);
        mr_json_key_cstr(&call->out, "ErrorCode", "INVALID_INPUT");
        mr_json_key_string(
            &call->out, "ErrorMessage",
            mr_arena_printf(call->arena, "NamedQuery %.*s was not found", MR_ARG(missing[i])));
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

static enum mr_status list_named(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    yyjson_val *query = mr_json_parse(listing->call->arena, json, MR_JSON_DEPTH_MAX);
    if (mr_slice_equal(mr_json_get_text(query, "WorkGroup"), listing->workgroup) &&
        athena_pager_next(&listing->pager))
        mr_json_string(&listing->call->out, name);
    return MR_OK;
}

static void list_named_queries(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    yyjson_val *group;
    listing.workgroup = or_primary(mr_json_get_text(call->in, "WorkGroup"));
    if (!is_workgroup(call, listing.workgroup, &group) ||
        !athena_pager_init(&listing.pager, call, 50))
        return;
    mr_json_key(&call->out, "NamedQueryIds");
    mr_json_array(&call->out);
    enum mr_status status =
        store_doc_each(athena->options.store, "athena", "named", MR_S(""), list_named, &listing);
    mr_json_array_end(&call->out);
    athena_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

static void update_named_query(struct protocol_call *call)
{
    static const char *const members[] = {"Name",        "Description",  "Database",
                                          "QueryString", "NamedQueryId", "WorkGroup"};
    struct mr_slice id = mr_json_get_text(call->in, "NamedQueryId"), old_json;
    if (!named_query(call, id, &old_json)) {
        fail_named(call, id);
        return;
    }
    yyjson_val *old = mr_json_parse(call->arena, old_json, MR_JSON_DEPTH_MAX);
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(members); i++)
        mr_json_key_value(&json, members[i], either(call->in, old, members[i]));
    mr_json_object_end(&json);
    put(call, "named", id, &buf);
    mr_buf_fini(&buf);
}

static void delete_named_query(struct protocol_call *call)
{
    struct mr_slice id = mr_json_get_text(call->in, "NamedQueryId"), json;
    if (named_query(call, id, &json))
        drop(call, "named", id);
    else
        fail_named(call, id);
}

/* ---- prepared statements ---- */

static struct mr_slice prepared_name(struct protocol_call *call)
{
    return mr_arena_printf(call->arena, "%.*s\x1f%.*s",
                           MR_ARG(mr_json_get_text(call->in, "WorkGroup")),
                           MR_ARG(mr_json_get_text(call->in, "StatementName")));
}

static bool prepared(struct protocol_call *call, yyjson_val **ret)
{
    struct mr_slice name = mr_json_get_text(call->in, "StatementName");
    enum mr_status status = athena_prepared_get(call->service, call->arena,
                                                mr_json_get_text(call->in, "WorkGroup"), name, ret);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &athena_not_found, "PreparedStatement %.*s was not found",
                      MR_ARG(name));
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void put_prepared(struct protocol_call *call, yyjson_val *old)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "StatementName", mr_json_get_text(call->in, "StatementName"));
    mr_json_key_string(&json, "QueryStatement", mr_json_get_text(call->in, "QueryStatement"));
    mr_json_key_string(&json, "WorkGroupName", mr_json_get_text(call->in, "WorkGroup"));
    mr_json_key_value(&json, "Description", either(call->in, old, "Description"));
    mr_json_key_timestamp(&json, "LastModifiedTime", call->now_ms);
    mr_json_object_end(&json);
    put(call, "prepared", prepared_name(call), &buf);
    mr_buf_fini(&buf);
}

static void create_prepared_statement(struct protocol_call *call)
{
    yyjson_val *group, *old;
    struct mr_slice workgroup = mr_json_get_text(call->in, "WorkGroup");
    struct mr_slice name = mr_json_get_text(call->in, "StatementName");
    if (!is_workgroup(call, workgroup, &group))
        return;
    enum mr_status status = athena_prepared_get(call->service, call->arena, workgroup, name, &old);
    if (status == MR_OK)
        athena_call_fail(call, "INVALID_INPUT", "PreparedStatement %.*s already exists",
                         MR_ARG(name));
    else if (status == MR_NOT_FOUND)
        put_prepared(call, NULL);
    protocol_fail_internal(call, status);
}

static void get_prepared_statement(struct protocol_call *call)
{
    yyjson_val *statement;
    if (prepared(call, &statement))
        mr_json_key_value(&call->out, "PreparedStatement", statement);
}

static void batch_get_prepared_statement(struct protocol_call *call)
{
    size_t index, max, missing_count = 0;
    yyjson_val *value, *statement;
    yyjson_val *names = mr_json_get(call->in, "PreparedStatementNames");
    struct mr_slice workgroup = mr_json_get_text(call->in, "WorkGroup");
    struct mr_slice *missing =
        MR_NEW_ARRAY(call->arena, struct mr_slice, yyjson_arr_size(names) + 1);
    mr_json_key(&call->out, "PreparedStatements");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, value)
    {
        if (athena_prepared_get(call->service, call->arena, workgroup, mr_json_text(value),
                                &statement) == MR_OK)
            mr_json_value(&call->out, statement);
        else
            missing[missing_count++] = mr_json_text(value);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "UnprocessedPreparedStatementNames");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++) {
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "StatementName", missing[i]);
        mr_json_key_cstr(&call->out, "ErrorCode", "STATEMENT_NOT_FOUND");
        mr_json_key_cstr(&call->out, "ErrorMessage", "prepared statement not found");
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

static void update_prepared_statement(struct protocol_call *call)
{
    yyjson_val *old;
    if (prepared(call, &old))
        put_prepared(call, old);
}

static void delete_prepared_statement(struct protocol_call *call)
{
    yyjson_val *old;
    if (prepared(call, &old))
        drop(call, "prepared", prepared_name(call));
}

static enum mr_status list_prepared(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct listing *listing = ctx;
    struct mr_json *out = &listing->call->out;
    (void)name;
    if (!athena_pager_next(&listing->pager))
        return MR_OK;
    yyjson_val *statement = mr_json_parse(listing->call->arena, json, MR_JSON_DEPTH_MAX);
    mr_json_object(out);
    mr_json_key_value(out, "StatementName", mr_json_get(statement, "StatementName"));
    mr_json_key_value(out, "LastModifiedTime", mr_json_get(statement, "LastModifiedTime"));
    mr_json_object_end(out);
    return MR_OK;
}

static void list_prepared_statements(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct listing listing = {.call = call};
    yyjson_val *group;
    listing.workgroup = mr_json_get_text(call->in, "WorkGroup");
    if (!is_workgroup(call, listing.workgroup, &group) ||
        !athena_pager_init(&listing.pager, call, 50))
        return;
    struct mr_slice prefix = mr_arena_printf(call->arena, "%.*s\x1f", MR_ARG(listing.workgroup));
    mr_json_key(&call->out, "PreparedStatements");
    mr_json_array(&call->out);
    enum mr_status status = store_doc_each(athena->options.store, "athena", "prepared", prefix,
                                           list_prepared, &listing);
    mr_json_array_end(&call->out);
    athena_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

/* Those that a workgroup may select: both mean version 3. */
static void list_engine_versions(struct protocol_call *call)
{
    static const char *const selected[] = {"AUTO", "Athena engine version 3"};
    mr_json_key(&call->out, "EngineVersions");
    mr_json_array(&call->out);
    for (size_t i = 0; i < MR_COUNT(selected); i++) {
        mr_json_object(&call->out);
        mr_json_key_cstr(&call->out, "SelectedEngineVersion", selected[i]);
        mr_json_key_cstr(&call->out, "EffectiveEngineVersion", "Athena engine version 3");
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

const struct protocol_handler athena_workgroup_handlers[] = {
    {.operation = "CreateWorkGroup", .run = create_work_group},
    {.operation = "GetWorkGroup", .run = get_work_group},
    {.operation = "UpdateWorkGroup", .run = update_work_group},
    {.operation = "ListWorkGroups", .run = list_work_groups},
    {.operation = "DeleteWorkGroup", .run = delete_work_group},
    {.operation = "CreateNamedQuery", .run = create_named_query},
    {.operation = "GetNamedQuery", .run = get_named_query},
    {.operation = "BatchGetNamedQuery", .run = batch_get_named_query},
    {.operation = "ListNamedQueries", .run = list_named_queries},
    {.operation = "UpdateNamedQuery", .run = update_named_query},
    {.operation = "DeleteNamedQuery", .run = delete_named_query},
    {.operation = "CreatePreparedStatement", .run = create_prepared_statement},
    {.operation = "GetPreparedStatement", .run = get_prepared_statement},
    {.operation = "BatchGetPreparedStatement", .run = batch_get_prepared_statement},
    {.operation = "ListEngineVersions", .run = list_engine_versions},
    {.operation = "UpdatePreparedStatement", .run = update_prepared_statement},
    {.operation = "DeletePreparedStatement", .run = delete_prepared_statement},
    {.operation = "ListPreparedStatements", .run = list_prepared_statements},
};
const size_t athena_workgroup_handler_count = MR_COUNT(athena_workgroup_handlers);
