/* The wire: versions of managed policies. A policy that never got a second one has its document
 * alone; then that is version v1. */
#include "iam/internal.h"
#include "protocol/document.h"

enum { VERSIONS_MAX = 5 }; /* AWS: of one policy */

static const struct protocol_fault limit_exceeded = {"LimitExceeded", 409, false};

static struct mr_slice policy_arn(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "PolicyArn");
}

struct mr_slice iam_policy_default(yyjson_val *policy)
{
    const struct mr_slice id = mr_json_get_text(policy, "default");
    return id.len > 0 ? id : MR_S("v1");
}

/* Its versions as [{id, document, created_ms}], newest first. */
static yyjson_val *versions_of(struct protocol_call *call, yyjson_val *policy)
{
    yyjson_val *versions = mr_json_get(policy, "versions");
    if (versions != NULL)
        return versions;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "id", "v1");
    mr_json_key_value(&json, "document", mr_json_get(policy, "document"));
    mr_json_key_int(&json, "created_ms", mr_json_get_i64(policy, "created_ms", 0));
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    versions = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    return versions;
}

static yyjson_val *find_version(yyjson_val *versions, struct mr_slice id)
{
    for (size_t i = 0; i < yyjson_arr_size(versions); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(versions, i), "id"), id))
            return yyjson_arr_get(versions, i);
    return NULL;
}

/* The version that the request names; NULL: the fault is set. */
static yyjson_val *wanted_version(struct protocol_call *call, yyjson_val *policy)
{
    const struct mr_slice id = mr_json_get_text(call->in, "VersionId");
    yyjson_val *version = policy == NULL ? NULL : find_version(versions_of(call, policy), id);
    if (policy != NULL && version == NULL)
        protocol_fail(call, &iam_no_such_entity,
                      "Policy %.*s version %.*s does not exist or is not attachable.",
                      MR_ARG(policy_arn(call)), MR_ARG(id));
    return version;
}

static void write_version(struct protocol_call *call, yyjson_val *policy, yyjson_val *version,
                          bool with_document)
{
    struct mr_json *json = &call->out;
    const struct mr_slice id = mr_json_get_text(version, "id");
    mr_json_object(json);
    if (with_document)
        iam_write_document(json, "Document", call->arena, mr_json_get_text(version, "document"));
    mr_json_key_string(json, "VersionId", id);
    mr_json_key_bool(json, "IsDefaultVersion", mr_slice_equal(id, iam_policy_default(policy)));
    mr_json_key_timestamp(json, "CreateDate", mr_json_get_i64(version, "created_ms", 0));
    mr_json_object_end(json);
}

static void get_version(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call), *version = wanted_version(call, policy);
    if (version == NULL)
        return;
    mr_json_key(&call->out, "PolicyVersion");
    write_version(call, policy, version, true);
}

static void list_versions(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call);
    if (policy == NULL)
        return;
    yyjson_val *versions = versions_of(call, policy);
    mr_json_key(&call->out, "Versions");
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(versions); i++)
        write_version(call, policy, yyjson_arr_get(versions, i), false);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* ---- changes ---- */

/* Stores the policy with these versions; `id` (empty: as it was) becomes the default. */
static void put_versions(struct protocol_call *call, yyjson_val *policy, struct mr_slice versions,
                         struct mr_slice id)
{
    struct mr_buf chosen = {0};
    struct mr_json json = mr_json_make(&chosen);
    mr_json_string(&json, id.len > 0 ? id : iam_policy_default(policy));
    const struct mr_slice text = protocol_document_with(call->arena, policy, "versions", versions);
    yyjson_val *next = mr_json_parse(call->arena, text, PROTOCOL_DOCUMENT_DEPTH_MAX);
    iam_put(call, "policy", policy_arn(call),
            protocol_document_with(call->arena, next, "default", mr_buf_slice(&chosen)));
    mr_buf_fini(&chosen);
}

/* The versions less the one by this id, behind one to come (NULL: none). */
static struct mr_slice rewrite(struct protocol_call *call, yyjson_val *versions,
                               struct mr_slice dropped, struct mr_slice added)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    if (added.len > 0) {
        mr_json_object(&json);
        mr_json_key_string(&json, "id", added);
        mr_json_key_value(&json, "document", mr_json_get(call->in, "PolicyDocument"));
        mr_json_key_int(&json, "created_ms", call->now_ms);
        mr_json_object_end(&json);
    }
    for (size_t i = 0; i < yyjson_arr_size(versions); i++) {
        yyjson_val *version = yyjson_arr_get(versions, i);
        if (!mr_slice_equal(mr_json_get_text(version, "id"), dropped))
            mr_json_value(&json, version);
    }
    mr_json_array_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* One more than the highest that it ever gave: numbers do not come back while a later one stands.
 */
static struct mr_slice next_id(struct protocol_call *call, yyjson_val *versions)
{
    int64_t last = 0;
    for (size_t i = 0; i < yyjson_arr_size(versions); i++) {
        const struct mr_slice id = mr_json_get_text(yyjson_arr_get(versions, i), "id");
        int64_t number;
        if (mr_slice_to_i64(mr_slice_sub(id, 1, SIZE_MAX), &number) == MR_OK && number > last)
            last = number;
    }
    return mr_arena_printf(call->arena, "v%lld", (long long)last + 1);
}

static void create_version_locked(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call);
    if (policy == NULL || !iam_document_check(call, "PolicyDocument"))
        return;
    yyjson_val *versions = versions_of(call, policy);
    if (yyjson_arr_size(versions) >= VERSIONS_MAX) {
        protocol_fail(call, &limit_exceeded,
                      "A managed policy can have up to 5 versions. Before you create a new "
                      "version, you must delete an existing version.");
        return;
    }
    const bool is_default = mr_json_get_bool(call->in, "SetAsDefault", false);
    const struct mr_slice id = next_id(call, versions);
    put_versions(call, policy, rewrite(call, versions, MR_S(""), id), is_default ? id : MR_S(""));
    mr_json_key(&call->out, "PolicyVersion");
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "VersionId", id);
    mr_json_key_bool(&call->out, "IsDefaultVersion", is_default);
    mr_json_key_timestamp(&call->out, "CreateDate", call->now_ms);
    mr_json_object_end(&call->out);
}

static void delete_version_locked(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call), *version = wanted_version(call, policy);
    if (version == NULL)
        return;
    const struct mr_slice id = mr_json_get_text(version, "id");
    if (mr_slice_equal(id, iam_policy_default(policy)))
        protocol_fail(call, &iam_delete_conflict, "Cannot delete the default version of a policy.");
    else
        put_versions(call, policy, rewrite(call, versions_of(call, policy), id, MR_S("")),
                     MR_S(""));
}

static void set_default_locked(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call), *version = wanted_version(call, policy);
    if (version != NULL)
        put_versions(call, policy, rewrite(call, versions_of(call, policy), MR_S(""), MR_S("")),
                     mr_json_get_text(version, "id"));
}

static void create_version(struct protocol_call *call)
{
    iam_locked(call, create_version_locked);
}

static void delete_version(struct protocol_call *call)
{
    iam_locked(call, delete_version_locked);
}

static void set_default(struct protocol_call *call)
{
    iam_locked(call, set_default_locked);
}

const struct protocol_handler iam_version_handlers[] = {
    {.operation = "GetPolicyVersion", .run = get_version},
    {.operation = "ListPolicyVersions", .run = list_versions},
    {.operation = "CreatePolicyVersion", .run = create_version},
    {.operation = "DeletePolicyVersion", .run = delete_version},
    {.operation = "SetDefaultPolicyVersion", .run = set_default},
};
const size_t iam_version_handler_count = MR_COUNT(iam_version_handlers);
