/* The wire: managed policies. One version each: replacing a document is not offered
 * (CreatePolicyVersion answers 501). */
#include "iam/internal.h"

static struct mr_slice policy_arn(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "PolicyArn");
}

static yyjson_val *find_policy(struct protocol_call *call)
{
    yyjson_val *policy = iam_doc(call, "policy", policy_arn(call));
    if (policy == NULL)
        protocol_fail(call, &iam_no_such_entity, "Policy %.*s was not found.",
                      MR_ARG(policy_arn(call)));
    return policy;
}

static void write_policy(struct protocol_call *call, yyjson_val *policy)
{
    struct mr_json *json = &call->out;
    const int64_t created_ms = mr_json_get_i64(policy, "created_ms", 0);
    mr_json_object(json);
    mr_json_key_value(json, "PolicyName", mr_json_get(policy, "PolicyName"));
    mr_json_key_value(json, "PolicyId", mr_json_get(policy, "PolicyId"));
    mr_json_key_value(json, "Arn", mr_json_get(policy, "Arn"));
    mr_json_key_value(json, "Path", mr_json_get(policy, "Path"));
    mr_json_key_cstr(json, "DefaultVersionId", "v1");
    mr_json_key_bool(json, "IsAttachable", true);
    mr_json_key_value(json, "Description", mr_json_get(policy, "Description"));
    mr_json_key_timestamp(json, "CreateDate", created_ms);
    mr_json_key_timestamp(json, "UpdateDate", created_ms);
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
        write_policy(call, mr_json_parse(call->arena, text, 8));
    }
    pthread_mutex_unlock(&iam->lock);
}

static void get_policy(struct protocol_call *call)
{
    yyjson_val *policy = find_policy(call);
    if (policy == NULL)
        return;
    mr_json_key(&call->out, "Policy");
    write_policy(call, policy);
}

static void get_policy_version(struct protocol_call *call)
{
    yyjson_val *policy = find_policy(call);
    if (policy == NULL)
        return;
    mr_json_key(&call->out, "PolicyVersion");
    mr_json_object(&call->out);
    iam_write_document(&call->out, "Document", call->arena, mr_json_get_text(policy, "document"));
    mr_json_key_cstr(&call->out, "VersionId", "v1");
    mr_json_key_bool(&call->out, "IsDefaultVersion", true);
    mr_json_key_timestamp(&call->out, "CreateDate", mr_json_get_i64(policy, "created_ms", 0));
    mr_json_object_end(&call->out);
}

static void list_policy_versions(struct protocol_call *call)
{
    yyjson_val *policy = find_policy(call);
    if (policy == NULL)
        return;
    mr_json_key(&call->out, "Versions");
    mr_json_array(&call->out);
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "VersionId", "v1");
    mr_json_key_bool(&call->out, "IsDefaultVersion", true);
    mr_json_key_timestamp(&call->out, "CreateDate", mr_json_get_i64(policy, "created_ms", 0));
    mr_json_object_end(&call->out);
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

/* name: "<role>\0<policy ARN>" */
static enum mr_status note_use(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct protocol_call *call = ctx;
    const struct mr_slice arn = policy_arn(call);
    (void)text;
    if (name.len <= arn.len || !mr_slice_ends_with(name, arn) ||
        name.ptr[name.len - arn.len - 1] != '\0')
        return MR_OK;
    protocol_fail(call, &iam_delete_conflict, "Cannot delete a policy attached to entities.");
    return MR_END;
}

static void delete_policy(struct protocol_call *call)
{
    struct iam *iam = call->service;
    pthread_mutex_lock(&iam->lock);
    if (find_policy(call) != NULL) {
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
    write_policy(call, mr_json_parse(call->arena, text, 8));
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

const struct protocol_handler iam_policy_handlers[] = {
    {.operation = "CreatePolicy", .run = create_policy},
    {.operation = "GetPolicy", .run = get_policy},
    {.operation = "GetPolicyVersion", .run = get_policy_version},
    {.operation = "ListPolicyVersions", .run = list_policy_versions},
    {.operation = "ListPolicies", .run = list_policies},
    {.operation = "DeletePolicy", .run = delete_policy},
};
const size_t iam_policy_handler_count = MR_COUNT(iam_policy_handlers);
