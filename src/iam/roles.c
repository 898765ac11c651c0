/* The wire: roles, their inline policies and the managed policies attached to them. */
#include "iam/internal.h"
#include "protocol/document.h"

static struct mr_slice role_name(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "RoleName");
}

yyjson_val *iam_role_find(struct protocol_call *call)
{
    yyjson_val *role = iam_doc(call, "role", role_name(call));
    if (role == NULL)
        protocol_fail(call, &iam_no_such_entity, "The role with name %.*s cannot be found.",
                      MR_ARG(role_name(call)));
    return role;
}

/* The document of a role: what the call gives over what `before` (NULL: made) has. */
static struct mr_slice role_document(struct protocol_call *call, yyjson_val *before)
{
    static const char *const copied[] = {"Description", "MaxSessionDuration", "Tags",
                                         "PermissionsBoundary"};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct mr_slice path = mr_json_get_text(call->in, "Path");
    path = path.len > 0 ? path : MR_S("/");
    mr_json_object(&json);
    mr_json_key_string(&json, "RoleName", role_name(call));
    if (before != NULL) {
        mr_json_key_value(&json, "Path", mr_json_get(before, "Path"));
        mr_json_key_value(&json, "Arn", mr_json_get(before, "Arn"));
        mr_json_key_value(&json, "RoleId", mr_json_get(before, "RoleId"));
        mr_json_key_value(&json, "created_ms", mr_json_get(before, "created_ms"));
    } else {
        mr_json_key_string(&json, "Path", path);
        mr_json_key_string(&json, "Arn",
                           mr_arena_printf(call->arena, "arn:aws:iam::%.*s:role%.*s%.*s",
                                           MR_ARG(call->account), MR_ARG(path),
                                           MR_ARG(role_name(call))));
        mr_json_key_string(&json, "RoleId", iam_new_id(call, "AROA"));
        mr_json_key_int(&json, "created_ms", call->now_ms);
    }
    yyjson_val *trust = mr_json_get(call->in, "AssumeRolePolicyDocument");
    trust = trust != NULL ? trust : mr_json_get(call->in, "PolicyDocument");
    trust = trust != NULL ? trust : mr_json_get(before, "trust");
    mr_json_key_string(&json, "trust", mr_json_text(trust));
    for (size_t i = 0; i < MR_COUNT(copied); i++) {
        yyjson_val *value = mr_json_get(call->in, copied[i]);
        mr_json_key_value(&json, copied[i], value != NULL ? value : mr_json_get(before, copied[i]));
    }
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* AWS: lists tell less of a role than GetRole. */
static void write_role(struct protocol_call *call, yyjson_val *role, bool in_full)
{
    struct mr_json *json = &call->out;
    mr_json_key_value(json, "Path", mr_json_get(role, "Path"));
    mr_json_key_value(json, "RoleName", mr_json_get(role, "RoleName"));
    mr_json_key_value(json, "RoleId", mr_json_get(role, "RoleId"));
    mr_json_key_value(json, "Arn", mr_json_get(role, "Arn"));
    mr_json_key_timestamp(json, "CreateDate", mr_json_get_i64(role, "created_ms", 0));
    iam_write_document(json, "AssumeRolePolicyDocument", call->arena,
                       mr_json_get_text(role, "trust"));
    mr_json_key_value(json, "Description", mr_json_get(role, "Description"));
    mr_json_key_int(json, "MaxSessionDuration", mr_json_get_i64(role, "MaxSessionDuration", 3600));
    yyjson_val *boundary = mr_json_get(role, "PermissionsBoundary");
    if (!in_full)
        return;
    if (boundary != NULL) {
        mr_json_key(json, "PermissionsBoundary");
        mr_json_object(json);
        mr_json_key_cstr(json, "PermissionsBoundaryType", "PermissionsBoundaryPolicy");
        mr_json_key_value(json, "PermissionsBoundaryArn", boundary);
        mr_json_object_end(json);
    }
    mr_json_key_value(json, "Tags", mr_json_get(role, "Tags"));
}

static void write_role_member(struct protocol_call *call, yyjson_val *role)
{
    mr_json_key(&call->out, "Role");
    mr_json_object(&call->out);
    write_role(call, role, true);
    mr_json_object_end(&call->out);
}

static void create_role(struct protocol_call *call)
{
    struct iam *iam = call->service;
    if (!iam_trust_check(call, "AssumeRolePolicyDocument"))
        return;
    pthread_mutex_lock(&iam->lock);
    if (iam_doc(call, "role", role_name(call)) != NULL) {
        protocol_fail(call, &iam_exists, "Role with name %.*s already exists.",
                      MR_ARG(role_name(call)));
    } else {
        const struct mr_slice text = role_document(call, NULL);
        iam_put(call, "role", role_name(call), text);
        write_role_member(call, mr_json_parse(call->arena, text, 8));
    }
    pthread_mutex_unlock(&iam->lock);
}

static void get_role(struct protocol_call *call)
{
    yyjson_val *role = iam_role_find(call);
    if (role != NULL)
        write_role_member(call, role);
}

static void update_role(struct protocol_call *call)
{
    struct iam *iam = call->service;
    pthread_mutex_lock(&iam->lock);
    yyjson_val *role = iam_role_find(call);
    if (role != NULL)
        iam_put(call, "role", role_name(call), role_document(call, role));
    pthread_mutex_unlock(&iam->lock);
}

static void update_trust(struct protocol_call *call)
{
    if (iam_trust_check(call, "PolicyDocument"))
        update_role(call);
}

static void note_inline(struct protocol_call *call, struct mr_slice name, yyjson_val *doc)
{
    (void)name;
    (void)doc;
    protocol_fail(call, &iam_delete_conflict, "Cannot delete entity, must delete policies first.");
}

static void note_attached(struct protocol_call *call, struct mr_slice name, yyjson_val *doc)
{
    (void)name;
    (void)doc;
    protocol_fail(call, &iam_delete_conflict,
                  "Cannot delete entity, must detach all policies first.");
}

static void delete_role(struct protocol_call *call)
{
    struct iam *iam = call->service;
    pthread_mutex_lock(&iam->lock);
    if (iam_role_find(call) != NULL) {
        iam_each_of(call, "attached", role_name(call), note_attached);
        iam_each_of(call, "inline", role_name(call), note_inline);
        if (!protocol_failed(call))
            iam_drop(call, "role", role_name(call));
    }
    pthread_mutex_unlock(&iam->lock);
}

static enum mr_status list_one(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct protocol_call *call = ctx;
    (void)name;
    yyjson_val *role = mr_json_parse(call->arena, text, 8);
    const struct mr_slice prefix = mr_json_get_text(call->in, "PathPrefix");
    if (!mr_slice_starts_with(mr_json_get_text(role, "Path"), prefix))
        return MR_OK;
    mr_json_object(&call->out);
    write_role(call, role, false);
    mr_json_object_end(&call->out);
    return MR_OK;
}

static void list_roles(struct protocol_call *call)
{
    struct iam *iam = call->service;
    mr_json_key(&call->out, "Roles");
    mr_json_array(&call->out);
    protocol_fail_internal(
        call, store_doc_each(iam->options.store, "iam", "role", MR_S(""), list_one, call));
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* ---- inline policies ---- */

static struct mr_slice policy_name(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "PolicyName");
}

static struct mr_slice inline_name(struct protocol_call *call)
{
    return iam_pair(call, role_name(call), policy_name(call));
}

static void put_role_policy(struct protocol_call *call)
{
    if (iam_role_find(call) == NULL || !iam_document_check(call, "PolicyDocument"))
        return;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_value(&json, "document", mr_json_get(call->in, "PolicyDocument"));
    mr_json_object_end(&json);
    iam_put(call, "inline", inline_name(call), mr_arena_copy(call->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

static yyjson_val *find_inline(struct protocol_call *call)
{
    yyjson_val *doc =
        iam_role_find(call) == NULL ? NULL : iam_doc(call, "inline", inline_name(call));
    if (doc == NULL)
        protocol_fail(call, &iam_no_such_entity, "The role policy with name %.*s cannot be found.",
                      MR_ARG(policy_name(call)));
    return doc;
}

static void get_role_policy(struct protocol_call *call)
{
    yyjson_val *doc = find_inline(call);
    if (doc == NULL)
        return;
    mr_json_key_string(&call->out, "RoleName", role_name(call));
    mr_json_key_string(&call->out, "PolicyName", policy_name(call));
    iam_write_document(&call->out, "PolicyDocument", call->arena,
                       mr_json_get_text(doc, "document"));
}

static void delete_role_policy(struct protocol_call *call)
{
    if (find_inline(call) != NULL)
        iam_drop(call, "inline", inline_name(call));
}

static void write_name(struct protocol_call *call, struct mr_slice name, yyjson_val *doc)
{
    (void)doc;
    mr_json_string(&call->out, name);
}

static void list_role_policies(struct protocol_call *call)
{
    if (iam_role_find(call) == NULL)
        return;
    mr_json_key(&call->out, "PolicyNames");
    mr_json_array(&call->out);
    iam_each_of(call, "inline", role_name(call), write_name);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* ---- attached policies ---- */

static struct mr_slice attached_name(struct protocol_call *call)
{
    return iam_pair(call, role_name(call), mr_json_get_text(call->in, "PolicyArn"));
}

static void attach(struct protocol_call *call)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "PolicyArn");
    if (iam_role_find(call) == NULL)
        return;
    /* AWS's own policies are not kept here; all of them can be attached. */
    if (!mr_slice_starts_with(arn, MR_S("arn:aws:iam::aws:policy/")) &&
        iam_doc(call, "policy", arn) == NULL)
        protocol_fail(call, &iam_no_such_entity, "Policy %.*s does not exist or is not attachable.",
                      MR_ARG(arn));
    else
        iam_put(call, "attached", attached_name(call), MR_S("{}"));
}

static void detach(struct protocol_call *call)
{
    if (iam_role_find(call) == NULL)
        return;
    if (iam_doc(call, "attached", attached_name(call)) == NULL)
        protocol_fail(call, &iam_no_such_entity, "Policy %.*s was not found.",
                      MR_ARG(mr_json_get_text(call->in, "PolicyArn")));
    else
        iam_drop(call, "attached", attached_name(call));
}

static void write_attached(struct protocol_call *call, struct mr_slice arn, yyjson_val *doc)
{
    (void)doc;
    size_t slash = 0;
    for (size_t i = 0; i < arn.len; i++)
        slash = arn.ptr[i] == '/' ? i + 1 : slash;
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "PolicyName", mr_slice_sub(arn, slash, SIZE_MAX));
    mr_json_key_string(&call->out, "PolicyArn", arn);
    mr_json_object_end(&call->out);
}

static void list_attached(struct protocol_call *call)
{
    if (iam_role_find(call) == NULL)
        return;
    mr_json_key(&call->out, "AttachedPolicies");
    mr_json_array(&call->out);
    iam_each_of(call, "attached", role_name(call), write_attached);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* ---- permissions boundaries ---- */

static void set_boundary(struct protocol_call *call)
{
    yyjson_val *role = iam_role_find(call);
    yyjson_val *boundary = mr_json_get(call->in, "PermissionsBoundary"); /* NULL: it goes */
    if (role != NULL)
        iam_put(call, "role", role_name(call),
                protocol_document_with(call->arena, role, "PermissionsBoundary",
                                       boundary == NULL ? MR_S("")
                                                        : mr_json_print(call->arena, boundary)));
}

static void put_boundary(struct protocol_call *call)
{
    iam_locked(call, set_boundary);
}

static void update_description(struct protocol_call *call)
{
    update_role(call);
    yyjson_val *role = protocol_failed(call) ? NULL : iam_role_find(call);
    if (role != NULL)
        write_role_member(call, role);
}

static void list_profiles(struct protocol_call *call)
{
    if (iam_role_find(call) == NULL)
        return;
    mr_json_key(&call->out, "InstanceProfiles");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

const struct protocol_handler iam_role_handlers[] = {
    {.operation = "CreateRole", .run = create_role},
    {.operation = "GetRole", .run = get_role},
    {.operation = "UpdateRole", .run = update_role},
    {.operation = "UpdateRoleDescription", .run = update_description},
    {.operation = "PutRolePermissionsBoundary", .run = put_boundary},
    {.operation = "DeleteRolePermissionsBoundary", .run = put_boundary},
    {.operation = "UpdateAssumeRolePolicy", .run = update_trust},
    {.operation = "DeleteRole", .run = delete_role},
    {.operation = "ListRoles", .run = list_roles},
    {.operation = "PutRolePolicy", .run = put_role_policy},
    {.operation = "GetRolePolicy", .run = get_role_policy},
    {.operation = "DeleteRolePolicy", .run = delete_role_policy},
    {.operation = "ListRolePolicies", .run = list_role_policies},
    {.operation = "AttachRolePolicy", .run = attach},
    {.operation = "DetachRolePolicy", .run = detach},
    {.operation = "ListAttachedRolePolicies", .run = list_attached},
    {.operation = "ListInstanceProfilesForRole", .run = list_profiles},
};
const size_t iam_role_handler_count = MR_COUNT(iam_role_handlers);
