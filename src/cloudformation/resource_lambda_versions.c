/* AWS::Lambda::Version, AWS::Lambda::Alias, AWS::Lambda::LayerVersion */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

enum { ALIAS_WEIGHT_DEPTH = 1 };

/* What stands behind the last colon of an ARN: a version, an alias. */
static struct mr_slice last_part(struct mr_slice arn)
{
    size_t at = arn.len;
    while (at > 0 && arn.ptr[at - 1] != ':')
        at--;
    return mr_slice_make(arn.ptr + at, arn.len - at);
}

static struct mr_slice without_last_part(struct mr_slice arn)
{
    const struct mr_slice last = last_part(arn);
    return mr_slice_make(arn.ptr, arn.len - last.len - (last.len < arn.len ? 1 : 0));
}

static void drop_by(struct resource_call *call, const char *operation, const char *qualifier)
{
    struct request request;
    request_open(&request, call, "lambda", operation);
    request_text(&request, "FunctionName", without_last_part(call->physical));
    request_text(&request, qualifier, last_part(call->physical));
    request_drop(&request, NULL);
}

/* ---- AWS::Lambda::Version ---- */

static const struct resource_property version_properties[] = {
    {"FunctionName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"CodeSha256", RESOURCE_REPLACES},
    {"Description", RESOURCE_REPLACES},
};

static const char *const version_attributes[] = {"FunctionArn", "Version", NULL};

/* AWS: to publish what is published already gives that version, so a creation that is run again
 * finds its own. */
static void version_create(struct resource_call *call)
{
    static const char *const same[] = {"FunctionName", "CodeSha256", "Description"};
    struct request request;
    request_open(&request, call, "lambda", "PublishVersion");
    request_properties(&request, same, MR_COUNT(same));
    yyjson_val *version = request_send(&request);
    if (version == NULL) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_arena_copy(call->arena, mr_json_get_text(version, "FunctionArn"));
    resource_attribute(call, "FunctionArn", call->physical);
    resource_attribute(call, "Version", mr_json_get_text(version, "Version"));
}

static void version_drop(struct resource_call *call)
{
    drop_by(call, "DeleteFunction", "Qualifier");
}

const struct resource_type resource_version = {
    .name = "AWS::Lambda::Version",
    .service = "Lambda",
    .properties = version_properties,
    .property_count = MR_COUNT(version_properties),
    .attributes = version_attributes,
    .create = version_create,
    .drop = version_drop,
};

/* ---- AWS::Lambda::Alias ---- */

static const struct resource_property alias_properties[] = {
    {"FunctionName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"FunctionVersion", RESOURCE_REQUIRED},
    {"Name", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Description", 0},
    {"RoutingConfig", 0},
};

static const char *const alias_attributes[] = {"AliasArn", NULL};

/* [{FunctionVersion, FunctionWeight}] here, {version: weight} there. What is no number is left for
 * the operation to refuse. */
static void put_routing(struct request *request)
{
    struct mr_arena *arena = request->call->arena;
    yyjson_val *weights =
        mr_json_get(resource_property(request->call, "RoutingConfig"), "AdditionalVersionWeights");
    mr_json_key(&request->json, "RoutingConfig");
    mr_json_object(&request->json);
    mr_json_key(&request->json, "AdditionalVersionWeights");
    mr_json_object(&request->json);
    for (size_t i = 0; i < yyjson_arr_size(weights); i++) {
        yyjson_val *one = yyjson_arr_get(weights, i);
        mr_json_name(&request->json, mr_json_get_text(one, "FunctionVersion"));
        yyjson_val *weight =
            mr_json_parse(arena, mr_json_get_text(one, "FunctionWeight"), ALIAS_WEIGHT_DEPTH);
        mr_json_value(&request->json, weight != NULL ? weight : mr_json_get(one, "FunctionWeight"));
    }
    mr_json_object_end(&request->json);
    mr_json_object_end(&request->json);
}

static yyjson_val *send_alias(struct resource_call *call, const char *operation)
{
    static const char *const same[] = {"FunctionName", "FunctionVersion", "Name"};
    struct request request;
    request_open(&request, call, "lambda", operation);
    request_properties(&request, same, MR_COUNT(same));
    request_text(&request, "Description", resource_property_text(call, "Description"));
    put_routing(&request);
    return request_send(&request);
}

static yyjson_val *get_alias(struct resource_call *call)
{
    static const char *const same[] = {"FunctionName", "Name"};
    struct request request;
    request_open(&request, call, "lambda", "GetAlias");
    request_properties(&request, same, MR_COUNT(same));
    return request_send(&request);
}

static bool alias_exists(struct resource_call *call)
{
    return get_alias(call) != NULL;
}

static void alias_create(struct resource_call *call)
{
    call->physical = MR_S("");
    yyjson_val *alias = send_alias(call, "CreateAlias");
    if (alias == NULL && resource_fault_is_ours(call))
        alias = get_alias(call);
    if (alias == NULL) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_arena_copy(call->arena, mr_json_get_text(alias, "AliasArn"));
    resource_attribute(call, "AliasArn", call->physical);
}

static void alias_update(struct resource_call *call)
{
    if (send_alias(call, "UpdateAlias") == NULL)
        resource_fail_fault(call);
}

static void alias_drop(struct resource_call *call)
{
    drop_by(call, "DeleteAlias", "Name");
}

const struct resource_type resource_alias = {
    .name = "AWS::Lambda::Alias",
    .service = "Lambda",
    .properties = alias_properties,
    .property_count = MR_COUNT(alias_properties),
    .attributes = alias_attributes,
    .name_property = "Name",
    .name_scope = "FunctionName",
    .name_max = 128,
    .exists = alias_exists,
    .create = alias_create,
    .update = alias_update,
    .drop = alias_drop,
};

/* ---- AWS::Lambda::LayerVersion ---- */

static const struct resource_property layer_properties[] = {
    {"LayerName", RESOURCE_REPLACES},          {"Content", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"CompatibleRuntimes", RESOURCE_REPLACES}, {"CompatibleArchitectures", RESOURCE_REPLACES},
    {"Description", RESOURCE_REPLACES},        {"LicenseInfo", RESOURCE_REPLACES},
};

static const char *const layer_attributes[] = {"LayerVersionArn", NULL};

/* A creation that is run again may leave an earlier version of its own behind; numbers go on. */
static void layer_create(struct resource_call *call)
{
    static const char *const same[] = {"Content", "CompatibleRuntimes", "CompatibleArchitectures",
                                       "Description", "LicenseInfo"};
    struct request request;
    request_open(&request, call, "lambda", "PublishLayerVersion");
    request_text(&request, "LayerName", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    yyjson_val *version = request_send(&request);
    call->physical = MR_S("");
    if (version == NULL) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_arena_copy(call->arena, mr_json_get_text(version, "LayerVersionArn"));
    resource_attribute(call, "LayerVersionArn", call->physical);
}

static void layer_drop(struct resource_call *call)
{
    int64_t number = 0;
    struct request request;
    if (mr_slice_to_i64(last_part(call->physical), &number) != MR_OK)
        return;
    request_open(&request, call, "lambda", "DeleteLayerVersion");
    request_text(&request, "LayerName", without_last_part(call->physical));
    mr_json_key_int(&request.json, "VersionNumber", number);
    request_drop(&request, NULL);
}

const struct resource_type resource_layer_version = {
    .name = "AWS::Lambda::LayerVersion",
    .service = "Lambda",
    .properties = layer_properties,
    .property_count = MR_COUNT(layer_properties),
    .attributes = layer_attributes,
    .name_property = "LayerName",
    .name_max = 140,
    .create = layer_create,
    .drop = layer_drop,
};

/* ---- AWS::Lambda::Url ---- */

static const struct resource_property url_properties[] = {
    {"TargetFunctionArn", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Qualifier", RESOURCE_REPLACES},
    {"AuthType", RESOURCE_REQUIRED},
    {"Cors", 0},
    {"InvokeMode", 0},
};

static const char *const url_attributes[] = {"FunctionArn", "FunctionUrl", NULL};

static void open_url(struct request *request, struct resource_call *call, const char *operation)
{
    request_open(request, call, "lambda", operation);
    request_value(request, "FunctionName", resource_property(call, "TargetFunctionArn"));
    request_value(request, "Qualifier", resource_property(call, "Qualifier"));
}

static yyjson_val *send_url(struct resource_call *call, const char *operation)
{
    static const char *const same[] = {"AuthType", "Cors", "InvokeMode"};
    struct request request;
    open_url(&request, call, operation);
    request_properties(&request, same, MR_COUNT(same));
    (void)request_reset(&request, "Cors", "{}");
    (void)request_reset(&request, "InvokeMode", "\"BUFFERED\"");
    return request_send(&request);
}

static void url_create(struct resource_call *call)
{
    yyjson_val *url = send_url(call, "CreateFunctionUrlConfig");
    if (url == NULL && resource_fault_is_ours(call)) {
        struct request request;
        open_url(&request, call, "GetFunctionUrlConfig");
        url = request_send(&request);
    }
    if (url == NULL) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_arena_copy(call->arena, mr_json_get_text(url, "FunctionArn"));
    resource_attribute(call, "FunctionArn", call->physical);
    resource_attribute(call, "FunctionUrl", mr_json_get_text(url, "FunctionUrl"));
}

static void url_update(struct resource_call *call)
{
    if (send_url(call, "UpdateFunctionUrlConfig") == NULL)
        resource_fail_fault(call);
}

static void url_drop(struct resource_call *call)
{
    struct request request;
    open_url(&request, call, "DeleteFunctionUrlConfig");
    request_drop(&request, NULL);
}

const struct resource_type resource_url = {
    .name = "AWS::Lambda::Url",
    .service = "Lambda",
    .properties = url_properties,
    .property_count = MR_COUNT(url_properties),
    .attributes = url_attributes,
    .create = url_create,
    .update = url_update,
    .drop = url_drop,
};
