/* AWS::Athena::WorkGroup, AWS::Athena::NamedQuery */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

/* ---- AWS::Athena::WorkGroup ---- */

static const struct resource_property group_properties[] = {
    {"Name", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Description", 0},
    {"State", 0},
    {"RecursiveDeleteOption", 0},
    {"WorkGroupConfiguration", 0},
    {"Tags", 0},
};

static const char *const group_attributes[] = {
    "CreationTime", "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion", NULL};

static bool read_group(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "athena", "GetWorkGroup");
    request_text(&request, "WorkGroup", call->physical);
    yyjson_val *group = mr_json_get(request_send(&request), "WorkGroup");
    if (group == NULL) {
        resource_fail_fault(call);
        return false;
    }
    yyjson_val *engine = mr_json_get(mr_json_get(group, "Configuration"), "EngineVersion");
    resource_attribute(call, group_attributes[0], mr_json_get_text(group, "CreationTime"));
    resource_attribute(call, group_attributes[1],
                       mr_json_get_text(engine, "EffectiveEngineVersion"));
    return true;
}

static bool set_state(struct resource_call *call)
{
    const struct mr_slice state = resource_property_text(call, "State");
    struct request request;
    if (!resource_changed(call, "State") ||
        (call->before == NULL && mr_slice_equal(state, MR_S("ENABLED"))))
        return true;
    request_open(&request, call, "athena", "UpdateWorkGroup");
    request_text(&request, "WorkGroup", call->physical);
    request_text(&request, "State", state.len > 0 ? state : MR_S("ENABLED"));
    return request_done(&request);
}

/* Athena tells that a work group exists in the message only. */
static bool fault_is_ours(const struct resource_call *call)
{
    return resource_fault_is_ours(call) ||
           (call->resumed && mr_slice_search(call->fault.message, MR_S("already")) != SIZE_MAX);
}

static bool fault_is_gone(const struct resource_call *call)
{
    return resource_fault_is_gone(call) ||
           mr_slice_search(call->fault.message, MR_S("not found")) != SIZE_MAX ||
           mr_slice_search(call->fault.message, MR_S("not exist")) != SIZE_MAX;
}

static bool group_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "athena", "GetWorkGroup");
    request_text(&request, "WorkGroup", call->physical);
    return request_send(&request) != NULL;
}

static void group_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "athena", "CreateWorkGroup");
    request_text(&request, "Name", call->physical);
    request_value(&request, "Description", resource_property(call, "Description"));
    request_value(&request, "Configuration", resource_property(call, "WorkGroupConfiguration"));
    request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (request_send(&request) == NULL && !fault_is_ours(call)) {
        resource_fail_fault(call);
        call->physical = MR_S("");
        return;
    }
    if (set_state(call))
        (void)read_group(call);
}

static void put_removals(struct mr_json *json, yyjson_val *now, yyjson_val *before,
                         const char *const *names)
{
    for (; *names != NULL; names++)
        if (mr_json_get(before, *names) != NULL && mr_json_get(now, *names) == NULL) {
            char member[64] = "Remove";
            memcpy(member + 6, *names, strlen(*names) + 1);
            mr_json_key_bool(json, member, true);
        }
}

/* The configuration in the form of an update: ResultConfiguration is renamed, what is no longer
 * said is taken away. */
static yyjson_val *configuration_updates(struct resource_call *call)
{
    static const char *const result_names[] = {"OutputLocation", "EncryptionConfiguration",
                                               "ExpectedBucketOwner", "AclConfiguration", NULL};
    static const char *const names[] = {"BytesScannedCutoffPerQuery", NULL};
    static const struct {
        const char *name, *json;
    } defaults[] = {
        {"EnforceWorkGroupConfiguration", "true"},
        {"PublishCloudWatchMetricsEnabled", "true"},
        {"RequesterPaysEnabled", "false"},
        {"EngineVersion", "{\"SelectedEngineVersion\":\"AUTO\"}"},
    };
    yyjson_val *now = resource_property(call, "WorkGroupConfiguration");
    yyjson_val *before = mr_json_get(call->before, "WorkGroupConfiguration");
    yyjson_val *result_now = mr_json_get(now, "ResultConfiguration");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(now), i, count, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), MR_S("ResultConfiguration")))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    put_removals(&json, now, before, names);
    for (i = 0; i < MR_COUNT(defaults); i++)
        if (mr_json_get(before, defaults[i].name) != NULL &&
            mr_json_get(now, defaults[i].name) == NULL)
            mr_json_key_raw(&json, defaults[i].name, mr_slice_cstr(defaults[i].json));
    mr_json_key(&json, "ResultConfigurationUpdates");
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(result_now), i, count, key, value)
    {
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    put_removals(&json, result_now, mr_json_get(before, "ResultConfiguration"), result_names);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *updates = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return updates;
}

static void group_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "athena",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "ResourceARN",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
        .as_list = true,
    };
    const struct mr_slice arn =
        mr_arena_printf(call->arena, "arn:aws:athena:%.*s:%.*s:workgroup/%.*s",
                        MR_ARG(call->region), MR_ARG(call->account), MR_ARG(call->physical));
    struct request request;
    request_open(&request, call, "athena", "UpdateWorkGroup");
    request_text(&request, "WorkGroup", call->physical);
    if (resource_changed(call, "Description"))
        request_text(&request, "Description", resource_property_text(call, "Description"));
    if (resource_changed(call, "WorkGroupConfiguration"))
        request_value(&request, "ConfigurationUpdates", configuration_updates(call));
    if (request_done(&request) && set_state(call) && resource_retag(call, &tagging, arn))
        (void)read_group(call);
}

static void group_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "athena", "DeleteWorkGroup");
    request_text(&request, "WorkGroup", call->physical);
    request_value(&request, "RecursiveDeleteOption",
                  resource_property(call, "RecursiveDeleteOption"));
    if (request_send(&request) == NULL && !fault_is_gone(call))
        resource_fail_fault(call);
}

const struct resource_type resource_work_group = {
    .name = "AWS::Athena::WorkGroup",
    .service = "Athena",
    .properties = group_properties,
    .property_count = MR_COUNT(group_properties),
    .attributes = group_attributes,
    .name_property = "Name",
    .name_max = 128,
    .exists = group_exists,
    .create = group_create,
    .update = group_update,
    .drop = group_drop,
};

/* ---- AWS::Athena::NamedQuery ---- */

static const struct resource_property query_properties[] = {
    {"Name", 0},
    {"Database", RESOURCE_REQUIRED},
    {"QueryString", RESOURCE_REQUIRED},
    {"Description", 0},
    {"WorkGroup", 0},
};

static const char *const query_attributes[] = {"NamedQueryId", NULL};

static void query_create(struct resource_call *call)
{
    static const char *const same[] = {"Database", "QueryString", "Description", "WorkGroup"};
    const struct mr_slice name = resource_property_text(call, "Name");
    struct request request;
    request_open(&request, call, "athena", "CreateNamedQuery");
    request_text(&request, "Name", name.len > 0 ? name : call->logical);
    request_properties(&request, same, MR_COUNT(same));
    request_text(&request, "ClientRequestToken", call->token); /* makes a second run harmless */
    yyjson_val *output = request_send(&request);
    if (output == NULL) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_json_get_text(output, "NamedQueryId");
    resource_attribute(call, "NamedQueryId", call->physical);
}

static void query_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "athena", "DeleteNamedQuery");
    request_text(&request, "NamedQueryId", call->physical);
    if (request_send(&request) == NULL && !fault_is_gone(call))
        resource_fail_fault(call);
}

const struct resource_type resource_named_query = {
    .name = "AWS::Athena::NamedQuery",
    .service = "Athena",
    .properties = query_properties,
    .property_count = MR_COUNT(query_properties),
    .attributes = query_attributes,
    .create = query_create,
    .drop = query_drop,
};
