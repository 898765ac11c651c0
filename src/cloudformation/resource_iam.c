/* AWS::IAM::Role, AWS::IAM::Policy, AWS::IAM::ManagedPolicy */
#include "cloudformation/resource_types.h"

/* ---- what they share: policies of roles ---- */

static bool role_policy(struct resource_call *call, struct mr_slice role, struct mr_slice policy,
                        yyjson_val *document)
{
    struct request request;
    request_open(&request, call, "iam", document != NULL ? "PutRolePolicy" : "DeleteRolePolicy");
    request_text(&request, "RoleName", role);
    request_text(&request, "PolicyName", policy);
    request_document(&request, "PolicyDocument", document);
    if (request_send(&request) != NULL || (document == NULL && resource_fault_is_gone(call)))
        return true;
    resource_fail_fault(call);
    return false;
}

static bool role_attachment(struct resource_call *call, struct mr_slice role, struct mr_slice arn,
                            bool attach)
{
    struct request request;
    request_open(&request, call, "iam", attach ? "AttachRolePolicy" : "DetachRolePolicy");
    request_text(&request, "RoleName", role);
    request_text(&request, "PolicyArn", arn);
    if (request_send(&request) != NULL || (!attach && resource_fault_is_gone(call)))
        return true;
    resource_fail_fault(call);
    return false;
}

static bool list_has(yyjson_val *list, struct mr_slice text)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), text))
            return true;
    return false;
}

/* Users and groups have no policies here. */
static bool only_roles(struct resource_call *call)
{
    if (yyjson_arr_size(resource_property(call, "Users")) == 0 &&
        yyjson_arr_size(resource_property(call, "Groups")) == 0)
        return true;
    resource_fail(call, "millrace has no users and groups that a policy could be given to");
    return false;
}

/* ---- AWS::IAM::Role ---- */

static const struct resource_property role_properties[] = {
    {"AssumeRolePolicyDocument", RESOURCE_REQUIRED},
    {"RoleName", RESOURCE_REPLACES},
    {"Path", RESOURCE_REPLACES},
    {"ManagedPolicyArns", 0},
    {"Policies", 0},
    {"PermissionsBoundary", 0},
    {"MaxSessionDuration", 0},
    {"Description", 0},
    {"Tags", 0},
};

static const char *const role_attributes[] = {"Arn", "RoleId", NULL};

static bool read_role(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "iam", "GetRole");
    request_text(&request, "RoleName", call->physical);
    yyjson_val *role = mr_json_get(request_send(&request), "Role");
    if (role == NULL) {
        resource_fail_fault(call);
        return false;
    }
    resource_attribute(call, "Arn", mr_json_get_text(role, "Arn"));
    resource_attribute(call, "RoleId", mr_json_get_text(role, "RoleId"));
    return true;
}

static bool role_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "iam", "GetRole");
    request_text(&request, "RoleName", call->physical);
    return request_send(&request) != NULL;
}

static yyjson_val *find_policy(yyjson_val *policies, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(policies); i++) {
        yyjson_val *policy = yyjson_arr_get(policies, i);
        if (mr_slice_equal(mr_json_get_text(policy, "PolicyName"), name))
            return policy;
    }
    return NULL;
}

static bool set_inline(struct resource_call *call)
{
    yyjson_val *now = resource_property(call, "Policies");
    yyjson_val *before = mr_json_get(call->before, "Policies");
    bool good = true;
    for (size_t i = 0; good && i < yyjson_arr_size(before); i++) {
        const struct mr_slice name = mr_json_get_text(yyjson_arr_get(before, i), "PolicyName");
        if (find_policy(now, name) == NULL)
            good = role_policy(call, call->physical, name, NULL);
    }
    for (size_t i = 0; good && i < yyjson_arr_size(now); i++) {
        yyjson_val *policy = yyjson_arr_get(now, i);
        const struct mr_slice name = mr_json_get_text(policy, "PolicyName");
        yyjson_val *document = mr_json_get(policy, "PolicyDocument");
        if (name.len == 0 || document == NULL) {
            resource_fail(call,
                          "Property validation failure: [The properties "
                          "{/Policies/%zu/PolicyName} and {/Policies/%zu/PolicyDocument} are "
                          "required]",
                          i, i);
            return false;
        }
        if (!resource_json_equal(policy, find_policy(before, name)))
            good = role_policy(call, call->physical, name, document);
    }
    return good;
}

static bool set_managed(struct resource_call *call)
{
    yyjson_val *now = resource_property(call, "ManagedPolicyArns");
    yyjson_val *before = mr_json_get(call->before, "ManagedPolicyArns");
    bool good = true;
    for (size_t i = 0; good && i < yyjson_arr_size(before); i++) {
        const struct mr_slice arn = mr_json_text(yyjson_arr_get(before, i));
        good = list_has(now, arn) || role_attachment(call, call->physical, arn, false);
    }
    for (size_t i = 0; good && i < yyjson_arr_size(now); i++) {
        const struct mr_slice arn = mr_json_text(yyjson_arr_get(now, i));
        good = list_has(before, arn) || role_attachment(call, call->physical, arn, true);
    }
    return good;
}

static void role_create(struct resource_call *call)
{
    static const char *const same[] = {"Path", "Description", "MaxSessionDuration",
                                       "PermissionsBoundary"};
    struct request request;
    request_open(&request, call, "iam", "CreateRole");
    request_text(&request, "RoleName", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    request_document(&request, "AssumeRolePolicyDocument",
                     resource_property(call, "AssumeRolePolicyDocument"));
    request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    if (set_inline(call) && set_managed(call))
        (void)read_role(call);
}

static bool update_trust(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "AssumeRolePolicyDocument"))
        return true;
    request_open(&request, call, "iam", "UpdateAssumeRolePolicy");
    request_text(&request, "RoleName", call->physical);
    request_document(&request, "PolicyDocument",
                     resource_property(call, "AssumeRolePolicyDocument"));
    return request_done(&request);
}

static void role_update(struct resource_call *call)
{
    struct request request;
    static const struct resource_tagging tagging = {
        .service = "iam",
        .tag = "TagRole",
        .untag = "UntagRole",
        .id_member = "RoleName",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
        .as_list = true,
    };
    if (resource_changed(call, "PermissionsBoundary")) {
        resource_fail(call, "millrace does not change the permissions boundary of a role that "
                            "exists");
        return;
    }
    if (resource_changed(call, "Description") || resource_changed(call, "MaxSessionDuration")) {
        request_open(&request, call, "iam", "UpdateRole");
        request_text(&request, "RoleName", call->physical);
        request_text(&request, "Description", resource_property_text(call, "Description"));
        if (resource_property(call, "MaxSessionDuration") != NULL)
            request_value(&request, "MaxSessionDuration",
                          resource_property(call, "MaxSessionDuration"));
        else
            mr_json_key_int(&request.json, "MaxSessionDuration", 3600);
        if (!request_done(&request))
            return;
    }
    if (update_trust(call) && set_inline(call) && set_managed(call) &&
        resource_retag(call, &tagging, call->physical))
        (void)read_role(call);
}

/* Everything that the role has, also what others gave it: CloudFormation removes both. */
static bool strip_role(struct resource_call *call)
{
    struct request request;
    bool good = true;
    request_open(&request, call, "iam", "ListRolePolicies");
    request_text(&request, "RoleName", call->physical);
    yyjson_val *names = mr_json_get(request_send(&request), "PolicyNames");
    for (size_t i = 0; good && i < yyjson_arr_size(names); i++)
        good = role_policy(call, call->physical, mr_json_text(yyjson_arr_get(names, i)), NULL);
    request_open(&request, call, "iam", "ListAttachedRolePolicies");
    request_text(&request, "RoleName", call->physical);
    yyjson_val *attached = mr_json_get(request_send(&request), "AttachedPolicies");
    for (size_t i = 0; good && i < yyjson_arr_size(attached); i++)
        good = role_attachment(call, call->physical,
                               mr_json_get_text(yyjson_arr_get(attached, i), "PolicyArn"), false);
    return good;
}

static void role_drop(struct resource_call *call)
{
    struct request request;
    if (!strip_role(call))
        return;
    request_open(&request, call, "iam", "DeleteRole");
    request_text(&request, "RoleName", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_role = {
    .name = "AWS::IAM::Role",
    .service = "Iam",
    .properties = role_properties,
    .property_count = MR_COUNT(role_properties),
    .attributes = role_attributes,
    .name_property = "RoleName",
    .name_max = 64,
    .exists = role_exists,
    .create = role_create,
    .update = role_update,
    .drop = role_drop,
};

/* ---- AWS::IAM::Policy ---- */

static const struct resource_property policy_properties[] = {
    {"PolicyName", RESOURCE_REQUIRED},
    {"PolicyDocument", RESOURCE_REQUIRED},
    {"Roles", 0},
    {"Users", 0},
    {"Groups", 0},
};

static const char *const policy_attributes[] = {"Id", NULL};

static void policy_put(struct resource_call *call)
{
    const struct mr_slice name = resource_property_text(call, "PolicyName");
    const struct mr_slice old_name = mr_json_get_text(call->before, "PolicyName");
    yyjson_val *roles = resource_property(call, "Roles");
    yyjson_val *before = mr_json_get(call->before, "Roles");
    bool good = only_roles(call);
    resource_attribute(call, "Id", call->physical);
    for (size_t i = 0; good && i < yyjson_arr_size(before); i++) {
        const struct mr_slice role = mr_json_text(yyjson_arr_get(before, i));
        if (!mr_slice_equal(name, old_name) || !list_has(roles, role))
            good = role_policy(call, role, old_name, NULL);
    }
    for (size_t i = 0; good && i < yyjson_arr_size(roles); i++)
        good = role_policy(call, mr_json_text(yyjson_arr_get(roles, i)), name,
                           resource_property(call, "PolicyDocument"));
}

static void policy_drop(struct resource_call *call)
{
    yyjson_val *roles = resource_property(call, "Roles");
    bool good = true;
    for (size_t i = 0; good && i < yyjson_arr_size(roles); i++)
        good = role_policy(call, mr_json_text(yyjson_arr_get(roles, i)),
                           resource_property_text(call, "PolicyName"), NULL);
}

const struct resource_type resource_policy = {
    .name = "AWS::IAM::Policy",
    .service = "Iam",
    .properties = policy_properties,
    .property_count = MR_COUNT(policy_properties),
    .attributes = policy_attributes,
    .name_property = "Id", /* no property of this name: always made */
    .name_max = 128,
    .create = policy_put,
    .update = policy_put,
    .drop = policy_drop,
};

/* ---- AWS::IAM::ManagedPolicy ---- */

static const struct resource_property managed_properties[] = {
    {"ManagedPolicyName", RESOURCE_REPLACES},
    {"PolicyDocument", RESOURCE_REQUIRED},
    {"Description", RESOURCE_REPLACES},
    {"Path", RESOURCE_REPLACES},
    {"Roles", 0},
    {"Users", 0},
    {"Groups", 0},
};

static const char *const managed_attributes[] = {"PolicyArn", "PolicyId", NULL};

static bool set_roles(struct resource_call *call)
{
    yyjson_val *roles = resource_property(call, "Roles");
    yyjson_val *before = mr_json_get(call->before, "Roles");
    bool good = true;
    for (size_t i = 0; good && i < yyjson_arr_size(before); i++) {
        const struct mr_slice role = mr_json_text(yyjson_arr_get(before, i));
        good = list_has(roles, role) || role_attachment(call, role, call->physical, false);
    }
    for (size_t i = 0; good && i < yyjson_arr_size(roles); i++) {
        const struct mr_slice role = mr_json_text(yyjson_arr_get(roles, i));
        good = list_has(before, role) || role_attachment(call, role, call->physical, true);
    }
    return good;
}

static struct mr_slice managed_arn(struct resource_call *call, struct mr_slice name)
{
    const struct mr_slice path = resource_property_text(call, "Path");
    return mr_arena_printf(call->arena, "arn:aws:iam::%.*s:policy%.*s%.*s", MR_ARG(call->account),
                           MR_ARG(path.len > 0 ? path : MR_S("/")), MR_ARG(name));
}

static bool managed_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "iam", "GetPolicy");
    request_text(&request, "PolicyArn", managed_arn(call, call->physical));
    return request_send(&request) != NULL;
}

static void managed_create(struct resource_call *call)
{
    const struct mr_slice name = call->physical;
    struct request request;
    call->physical = MR_S("");
    if (!only_roles(call))
        return;
    request_open(&request, call, "iam", "CreatePolicy");
    request_text(&request, "PolicyName", name);
    request_value(&request, "Path", resource_property(call, "Path"));
    request_value(&request, "Description", resource_property(call, "Description"));
    request_document(&request, "PolicyDocument", resource_property(call, "PolicyDocument"));
    yyjson_val *policy = mr_json_get(request_send(&request), "Policy");
    if (policy == NULL && !resource_fault_is_ours(call)) {
        resource_fail_fault(call);
        return;
    }
    call->physical = managed_arn(call, name);
    resource_attribute(call, "PolicyArn", call->physical);
    resource_attribute(call, "PolicyId", mr_json_get_text(policy, "PolicyId"));
    (void)set_roles(call);
}

static void managed_update(struct resource_call *call)
{
    struct request request;
    if (!only_roles(call))
        return;
    if (resource_changed(call, "PolicyDocument")) {
        request_open(&request, call, "iam", "CreatePolicyVersion");
        request_text(&request, "PolicyArn", call->physical);
        request_document(&request, "PolicyDocument", resource_property(call, "PolicyDocument"));
        mr_json_key_bool(&request.json, "SetAsDefault", true);
        if (!request_done(&request))
            return;
    }
    (void)set_roles(call);
}

static void managed_drop(struct resource_call *call)
{
    yyjson_val *roles = resource_property(call, "Roles");
    for (size_t i = 0; i < yyjson_arr_size(roles); i++)
        if (!role_attachment(call, mr_json_text(yyjson_arr_get(roles, i)), call->physical, false))
            return;
    struct request request;
    request_open(&request, call, "iam", "DeletePolicy");
    request_text(&request, "PolicyArn", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_managed_policy = {
    .name = "AWS::IAM::ManagedPolicy",
    .service = "Iam",
    .properties = managed_properties,
    .property_count = MR_COUNT(managed_properties),
    .attributes = managed_attributes,
    .name_property = "ManagedPolicyName",
    .name_max = 128,
    .exists = managed_exists,
    .create = managed_create,
    .update = managed_update,
    .drop = managed_drop,
};
