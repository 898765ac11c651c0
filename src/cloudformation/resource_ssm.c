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

static void parameter_put(struct resource_call *call, bool overwrite)
{
    static const char *const same[] = {"Type",     "Value", "Description", "AllowedPattern",
                                       "DataType", "Tier",  "Policies"};
    struct request request;
    request_open(&request, call, "ssm", "PutParameter");
    request_text(&request, "Name", call->physical);
    for (size_t i = 0; i < MR_COUNT(same); i++)
        request_value(&request, same[i], resource_property(call, same[i]));
    if (overwrite)
        mr_json_key_bool(&request.json, "Overwrite", true);
    else
        request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (!request_done(&request))
        return;
    resource_attribute(call, "Type", resource_property_text(call, "Type"));
    resource_attribute(call, "Value", resource_property_text(call, "Value"));
}

static void parameter_create(struct resource_call *call)
{
    parameter_put(call, call->resumed && parameter_exists(call));
    if (call->reason.len > 0)
        call->physical = MR_S("");
}

static void parameter_update(struct resource_call *call)
{
    if (resource_changed(call, "Tags"))
        resource_fail(call, "millrace does not change the tags of a parameter that exists");
    else
        parameter_put(call, true);
}

static void parameter_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "ssm", "DeleteParameter");
    request_text(&request, "Name", call->physical);
    if (request_send(&request) == NULL && !resource_fault_is_gone(call))
        resource_fail_fault(call);
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
