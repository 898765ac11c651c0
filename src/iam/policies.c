/* The wire: managed policies, and to whom they are attached. */
#include "iam/internal.h"

static struct mr_slice policy_arn(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "PolicyArn");
}

yyjson_val *iam_policy_find(struct protocol_call *call)
{
    yyjson_val *policy = iam_doc(call, "policy", policy_arn(call));
    if (policy == NULL)
        protocol_fail(call, &iam_no_such_entity, "Policy %.*s was not found.",
                      MR_ARG(policy_arn(call)));
    return policy;
}

/* Is the name of an attachment, "<role>\0<policy ARN>", one of this policy's? */
static bool is_of_policy(struct mr_slice name, struct mr_slice arn)
{
    return name.len > arn.len && mr_slice_ends_with(name, arn) &&
           name.ptr[name.len - arn.len - 1] == '\0';
}

struct attachments {
    struct mr_slice arn;
    int64_t count;
};

static enum mr_status count_one(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct attachments *attachments = ctx;
    (void)text;
    attachments->count += is_of_policy(name, attachments->arn);
    return MR_OK;
}

static void write_policy(struct protocol_call *call, yyjson_val *policy, bool in_full)
{
    struct iam *iam = call->service;
    struct mr_json *json = &call->out;
    struct attachments attachments = {.arn = mr_json_get_text(policy, "Arn")};
    const int64_t created_ms = mr_json_get_i64(policy, "created_ms", 0);
    yyjson_val *newest = yyjson_arr_get_first(mr_json_get(policy, "versions"));
    protocol_fail_internal(call, store_doc_each(iam->options.store, "iam", "attached", MR_S(""),
                                                count_one, &attachments));
    mr_json_object(json);
    mr_json_key_value(json, "PolicyName", mr_json_get(policy, "PolicyName"));
    mr_json_key_value(json, "PolicyId", mr_json_get(policy, "PolicyId"));
    mr_json_key_value(json, "Arn", mr_json_get(policy, "Arn"));
    mr_json_key_value(json, "Path", mr_json_get(policy, "Path"));
    mr_json_key_string(json, "DefaultVersionId", iam_policy_default(policy));
    mr_json_key_int(json, "AttachmentCount", attachments.count);
    mr_json_key_int(json, "PermissionsBoundaryUsageCount", 0);
    mr_json_key_bool(json, "IsAttachable", true);
    mr_json_key_timestamp(json, "CreateDate", created_ms);
    mr_json_key_timestamp(json, "UpdateDate", mr_json_get_i64(newest, "created_ms", created_ms));
    if (in_full) {
        mr_json_key_value(json, "Description", mr_json_get(policy, "Description"));
        mr_json_key_value(json, "Tags", mr_json_get(policy, "Tags"));
    }
    mr_json_object_end(json);
}

static struct mr_slice policy_document(struct protocol_call *call, struct mr_slice arn,
                                       struct mr_slice path)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_value(&json, "PolicyName", mr_json_get(call->in, "PolicyName"));
    mr_json_key_string(&json, "PolicyId", iam_new_id(call, "ANPA"));
    mr_json_key_string(&json, "Arn", arn);
    mr_json_key_string(&json, "Path", path);
    mr_json_key_value(&json, "Description", mr_json_get(call->in, "Description"));
    mr_json_key_value(&json, "document", mr_json_get(call->in, "PolicyDocument"));
    mr_json_key_value(&json, "Tags", mr_json_get(call->in, "Tags"));
    mr_json_key_int(&json, "created_ms", call->now_ms);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void create_policy(struct protocol_call *call)
{
    struct iam *iam = call->service;
    const struct mr_slice name = mr_json_get_text(call->in, "PolicyName");
    struct mr_slice path = mr_json_get_text(call->in, "Path");
    path = path.len > 0 ? path : MR_S("/");
    const struct mr_slice arn = mr_arena_printf(call->arena, "arn:aws:iam::%.*s:policy%.*s%.*s",
                                                MR_ARG(call->account), MR_ARG(path), MR_ARG(name));
    if (!iam_document_check(call, "PolicyDocument"))
        return;
    pthread_mutex_lock(&iam->lock);
    if (iam_doc(call, "policy", arn) != NULL) {
        protocol_fail(call, &iam_exists,
                      "A policy called %.*s already exists. Duplicate names are "
                      "not allowed.",
                      MR_ARG(name));
    } else {
        const struct mr_slice text = policy_document(call, arn, path);
        iam_put(call, "policy", arn, text);
        mr_json_key(&call->out, "Policy");
        write_policy(call, mr_json_parse(call->arena, text, 8), true);
    }
    pthread_mutex_unlock(&iam->lock);
}

static void get_policy(struct protocol_call *call)
{
    yyjson_val *policy = iam_policy_find(call);
    if (policy == NULL)
        return;
    mr_json_key(&call->out, "Policy");
    write_policy(call, policy, true);
}

static enum mr_status note_use(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct protocol_call *call = ctx;
    (void)text;
    if (!is_of_policy(name, policy_arn(call)))
        return MR_OK;
    protocol_fail(call, &iam_delete_conflict, "Cannot delete a policy attached to entities.");
    return MR_END;
}

static void delete_policy(struct protocol_call *call)
{
    struct iam *iam = call->service;
    pthread_mutex_lock(&iam->lock);
    yyjson_val *policy = iam_policy_find(call);
    if (policy != NULL) {
        if (yyjson_arr_size(mr_json_get(policy, "versions")) > 1)
            protocol_fail(call, &iam_delete_conflict,
                          "This policy has more than one version. Before you delete a policy, you "
                          "must delete the policy's versions. The default version is deleted with "
                          "the policy.");
        protocol_fail_internal(
            call, store_doc_each(iam->options.store, "iam", "attached", MR_S(""), note_use, call));
        if (!protocol_failed(call))
            iam_drop(call, "policy", policy_arn(call));
    }
    pthread_mutex_unlock(&iam->lock);
}

static enum mr_status list_one(void *ctx, struct mr_slice arn, struct mr_slice text)
{
    struct protocol_call *call = ctx;
    (void)arn;
    if (mr_slice_equal(mr_json_get_text(call->in, "Scope"), MR_S("AWS")))
        return MR_OK; /* AWS's own are not kept here */
    write_policy(call, mr_json_parse(call->arena, text, 8), false);
    return MR_OK;
}

static void list_policies(struct protocol_call *call)
{
    struct iam *iam = call->service;
    mr_json_key(&call->out, "Policies");
    mr_json_array(&call->out);
    protocol_fail_internal(
        call, store_doc_each(iam->options.store, "iam", "policy", MR_S(""), list_one, call));
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

static enum mr_status write_entity(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct protocol_call *call = ctx;
    (void)text;
    if (!is_of_policy(name, policy_arn(call)))
        return MR_OK;
    const struct mr_slice role = mr_slice_sub(name, 0, mr_slice_find(name, '\0'));
    yyjson_val *doc = iam_doc(call, "role", role);
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "RoleName", role);
    mr_json_key_value(&call->out, "RoleId", mr_json_get(doc, "RoleId"));
    mr_json_object_end(&call->out);
    return MR_OK;
}

/* Roles alone: there are neither users nor groups here. */
static void list_entities(struct protocol_call *call)
{
    struct iam *iam = call->service;
    if (iam_policy_find(call) == NULL)
        return;
    mr_json_key_raw(&call->out, "PolicyGroups", MR_S("[]"));
    mr_json_key_raw(&call->out, "PolicyUsers", MR_S("[]"));
    mr_json_key(&call->out, "PolicyRoles");
    mr_json_array(&call->out);
    protocol_fail_internal(
        call, store_doc_each(iam->options.store, "iam", "attached", MR_S(""), write_entity, call));
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

const struct protocol_handler iam_policy_handlers[] = {
    {.operation = "CreatePolicy", .run = create_policy},
    {.operation = "GetPolicy", .run = get_policy},
    {.operation = "ListPolicies", .run = list_policies},
    {.operation = "DeletePolicy", .run = delete_policy},
    {.operation = "ListEntitiesForPolicy", .run = list_entities},
};
const size_t iam_policy_handler_count = MR_COUNT(iam_policy_handlers);
