/* AWS::SSM::Parameter */
#include "cloudformation/resource_types.h"

static const struct resource_property parameter_properties[] = {
    {"Name", RESOURCE_REPLACES},
    {"Type", RESOURCE_REQUIRED},
    {"Value", RESOURCE_REQUIRED},
    {"Description", 0},
    {"AllowedPattern", 0},
    {"DataType", 0},
    {"Tier", 0},
    {"Policies", 0},
    {"Tags", 0},
};

static const char *const parameter_attributes[] = {"Type", "Value", NULL};

static bool parameter_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "ssm", "GetParameter");
    request_text(&request, "Name", call->physical);
    return request_send(&request) != NULL || !resource_fault_is_gone(call);
}

static const char *const put_properties[] = {"Type",     "Value", "Description", "AllowedPattern",
                                             "DataType", "Tier",  "Policies"};

static void show_attributes(struct resource_call *call)
{
    resource_attribute(call, "Type", resource_property_text(call, "Type"));
    resource_attribute(call, "Value", resource_property_text(call, "Value"));
}

static void parameter_put(struct resource_call *call, bool overwrite)
{
    struct request request;
    request_open(&request, call, "ssm", "PutParameter");
    request_text(&request, "Name", call->physical);
    for (size_t i = 0; i < MR_COUNT(put_properties); i++)
        request_value(&request, put_properties[i], resource_property(call, put_properties[i]));
    if (overwrite)
        mr_json_key_bool(&request.json, "Overwrite", true);
    else
        request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (request_done(&request))
        show_attributes(call);
}

static void parameter_create(struct resource_call *call)
{
    parameter_put(call, call->resumed && parameter_exists(call));
    if (call->reason.len > 0)
        call->physical = MR_S("");
}

static void parameter_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "ssm",
        .tag = "AddTagsToResource",
        .untag = "RemoveTagsFromResource",
        .id_member = "ResourceId",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
        .as_list = true,
        .kind_member = "ResourceType",
        .kind = "Parameter",
    };
    bool changed = false;
    for (size_t i = 0; i < MR_COUNT(put_properties); i++)
        changed = changed || resource_changed(call, put_properties[i]);
    if (changed)
        parameter_put(call, true);
    else
        show_attributes(call);
    if (call->reason.len == 0)
        (void)resource_retag(call, &tagging, call->physical);
}

static void parameter_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "ssm", "DeleteParameter");
    request_text(&request, "Name", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_parameter = {
    .name = "AWS::SSM::Parameter",
    .service = "Ssm",
    .properties = parameter_properties,
    .property_count = MR_COUNT(parameter_properties),
    .attributes = parameter_attributes,
    .name_property = "Name",
    .name_max = 1011,
    .exists = parameter_exists,
    .create = parameter_create,
    .update = parameter_update,
    .drop = parameter_drop,
};
