/* AWS::Lambda::Function, AWS::Lambda::Permission */
#include "base/codec.h"
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"
#include "cloudformation/inline_module.h"
#include "cloudformation/zip.h"

/* ---- AWS::Lambda::Function ---- */

static const struct resource_property function_properties[] = {
    {"FunctionName", RESOURCE_REPLACES},
    {"PackageType", RESOURCE_REPLACES},
    {"Code", RESOURCE_REQUIRED},
    {"Role", RESOURCE_REQUIRED},
    {"Handler", 0},
    {"Runtime", 0},
    {"Timeout", 0},
    {"MemorySize", 0},
    {"Environment", 0},
    {"Layers", 0},
    {"Architectures", 0},
    {"Description", 0},
    {"LoggingConfig", 0},
    {"EphemeralStorage", 0},
    {"ReservedConcurrentExecutions", 0},
    {"DeadLetterConfig", 0},
    {"TracingConfig", 0},
    {"VpcConfig", 0},
    {"KmsKeyArn", 0},
    {"SnapStart", 0},
    {"ImageConfig", 0},
    {"FileSystemConfigs", 0},
    {"Tags", 0},
};

static const char *const function_attributes[] = {"Arn", "SnapStartResponse.ApplyOn",
                                                  "SnapStartResponse.OptimizationStatus", NULL};

/* Both creation and UpdateFunctionConfiguration take these. */
static const char *const configuration[] = {
    "Role",          "Handler",          "Runtime",     "Timeout",       "MemorySize",
    "Environment",   "Layers",           "Description", "LoggingConfig", "EphemeralStorage",
    "TracingConfig", "DeadLetterConfig", "VpcConfig",   "KMSKeyArn",     "SnapStart",
    "ImageConfig",   "FileSystemConfigs"};

static const char *property_of(const char *member)
{
    return strcmp(member, "KMSKeyArn") == 0 ? "KmsKeyArn" : member;
}

static enum resource_ready function_is_active(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "GetFunction");
    request_text(&request, "FunctionName", call->physical);
    yyjson_val *function = mr_json_get(request_send(&request), "Configuration");
    if (function == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    const struct mr_slice state = mr_json_get_text(function, "State");
    const struct mr_slice update = mr_json_get_text(function, "LastUpdateStatus");
    if (mr_slice_equal(state, MR_S("Failed")) || mr_slice_equal(update, MR_S("Failed"))) {
        resource_fail(call, "%.*s%.*s", MR_ARG(mr_json_get_text(function, "StateReason")),
                      MR_ARG(mr_json_get_text(function, "LastUpdateStatusReason")));
        return RESOURCE_BROKEN;
    }
    if (mr_slice_equal(state, MR_S("Pending")) || mr_slice_equal(update, MR_S("InProgress")))
        return RESOURCE_NOT_YET;
    resource_attribute(call, "Arn", mr_json_get_text(function, "FunctionArn"));
    resource_attribute(call, "SnapStartResponse.ApplyOn", MR_S("None"));
    resource_attribute(call, "SnapStartResponse.OptimizationStatus", MR_S("Off"));
    return RESOURCE_READY;
}

/* AWS: ZipFile is source text; it becomes index.py or index.js. Empty, with the call failed, for
 * other runtimes. */
static struct mr_slice inline_zip(struct resource_call *call, yyjson_val *source)
{
    const struct mr_slice runtime = resource_property_text(call, "Runtime");
    const bool is_python = mr_slice_starts_with(runtime, MR_S("python"));
    if (!is_python && !mr_slice_starts_with(runtime, MR_S("nodejs"))) {
        resource_fail(call,
                      "ZipFile can only be used when Runtime is set to one of the nodejs and "
                      "python runtimes, not to '%.*s'",
                      MR_ARG(runtime));
        return MR_S("");
    }
    struct zip_file files[2] = {
        {is_python ? MR_S("index.py") : MR_S("index.js"), mr_json_text(source)}};
    const size_t count = inline_module(mr_json_text(source), is_python, &files[1]) ? 2 : 1;
    return mr_base64(call->arena, zip_of_files(call->arena, files, count));
}

/* The members of Code, each given to the writer. False when the call failed. */
static bool put_code(struct request *request)
{
    struct resource_call *call = request->call;
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(resource_property(call, "Code")), i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        struct mr_slice text = mr_json_text(value);
        if (mr_slice_equal(name, MR_S("ZipFile")))
            text = inline_zip(call, value);
        else if (!mr_slice_equal(name, MR_S("S3Bucket")) && !mr_slice_equal(name, MR_S("S3Key")) &&
                 !mr_slice_equal(name, MR_S("S3ObjectVersion")) &&
                 !mr_slice_equal(name, MR_S("ImageUri")))
            resource_fail(call, "Encountered unsupported property Code/%.*s", MR_ARG(name));
        mr_json_name(&request->json, name);
        mr_json_string(&request->json, text);
    }
    return call->reason.len == 0;
}

/* A function tells in its tags which stack it belongs to. */
static void put_function_tags(struct request *request)
{
    struct resource_call *call = request->call;
    const struct {
        const char *key;
        struct mr_slice value;
    } system[] = {{"aws:cloudformation:stack-name", call->stack_name},
                  {"aws:cloudformation:stack-id", call->stack_id},
                  {"aws:cloudformation:logical-id", call->logical}};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(call->stack_tags); i++)
        mr_json_value(&json, yyjson_arr_get(call->stack_tags, i));
    for (size_t i = 0; i < MR_COUNT(system); i++) {
        mr_json_object(&json);
        mr_json_key_cstr(&json, "Key", system[i].key);
        mr_json_key_string(&json, "Value", system[i].value);
        mr_json_object_end(&json);
    }
    mr_json_array_end(&json);
    yyjson_val *stack_tags = call->stack_tags;
    call->stack_tags = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    request_tag_map(request, "Tags", resource_property(call, "Tags"));
    call->stack_tags = stack_tags;
}

static bool set_concurrency(struct resource_call *call)
{
    yyjson_val *reserved = resource_property(call, "ReservedConcurrentExecutions");
    struct request request;
    if (reserved == NULL && call->before == NULL)
        return true;
    request_open(&request, call, "lambda",
                 reserved != NULL ? "PutFunctionConcurrency" : "DeleteFunctionConcurrency");
    request_text(&request, "FunctionName", call->physical);
    if (reserved != NULL)
        request_value(&request, "ReservedConcurrentExecutions", reserved);
    return request_done(&request);
}

static bool function_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "GetFunction");
    request_text(&request, "FunctionName", call->physical);
    return request_send(&request) != NULL;
}

static void function_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "CreateFunction");
    request_text(&request, "FunctionName", call->physical);
    for (size_t i = 0; i < MR_COUNT(configuration); i++)
        request_value(&request, configuration[i],
                      resource_property(call, property_of(configuration[i])));
    request_value(&request, "PackageType", resource_property(call, "PackageType"));
    request_value(&request, "Architectures", resource_property(call, "Architectures"));
    mr_json_key(&request.json, "Code");
    mr_json_object(&request.json);
    const bool good = put_code(&request);
    mr_json_object_end(&request.json);
    put_function_tags(&request);
    if (!good) {
        mr_buf_fini(&request.buf);
        call->physical = MR_S("");
        return;
    }
    if (!request_create(&request))
        return;
    if (resource_wait(call, function_is_active))
        (void)set_concurrency(call);
}

static bool update_code(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "Code") && !resource_changed(call, "Architectures"))
        return true;
    request_open(&request, call, "lambda", "UpdateFunctionCode");
    request_text(&request, "FunctionName", call->physical);
    request_value(&request, "Architectures", resource_property(call, "Architectures"));
    if (!put_code(&request)) {
        mr_buf_fini(&request.buf);
        return false;
    }
    return request_done(&request) && resource_wait(call, function_is_active);
}

/* What a configuration goes back to when the template no longer says it. */
static const char *default_of(const char *member)
{
    static const struct {
        const char *member, *value;
    } defaults[] = {
        {"Timeout", "3"},
        {"MemorySize", "128"},
        {"Description", "\"\""},
        {"Environment", "{\"Variables\":{}}"},
        {"Layers", "[]"},
        {"TracingConfig", "{\"Mode\":\"PassThrough\"}"},
        {"KMSKeyArn", "\"\""},
        {"EphemeralStorage", "{\"Size\":512}"},
        {"DeadLetterConfig", "{}"},
        {"SnapStart", "{\"ApplyOn\":\"None\"}"},
        {"FileSystemConfigs", "[]"},
        {"VpcConfig", "{\"SubnetIds\":[],\"SecurityGroupIds\":[]}"},
        {"ImageConfig", "{}"},
        {"LoggingConfig", "{\"LogFormat\":\"Text\"}"},
    };
    for (size_t i = 0; i < MR_COUNT(defaults); i++)
        if (strcmp(defaults[i].member, member) == 0)
            return defaults[i].value;
    return NULL;
}

static bool update_configuration(struct resource_call *call)
{
    struct request request;
    bool any = false;
    request_open(&request, call, "lambda", "UpdateFunctionConfiguration");
    request_text(&request, "FunctionName", call->physical);
    for (size_t i = 0; i < MR_COUNT(configuration); i++) {
        const char *member = configuration[i];
        yyjson_val *value = resource_property(call, property_of(member));
        if (!resource_changed(call, property_of(member)))
            continue;
        any = true;
        if (value != NULL)
            request_value(&request, member, value);
        else if (default_of(member) != NULL)
            mr_json_key_raw(&request.json, member, mr_slice_cstr(default_of(member)));
    }
    if (!any) {
        mr_buf_fini(&request.buf);
        return true;
    }
    return request_done(&request) && resource_wait(call, function_is_active);
}

static void function_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "lambda",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "Resource",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
    };
    if (update_configuration(call) && update_code(call) &&
        (!resource_changed(call, "ReservedConcurrentExecutions") || set_concurrency(call)) &&
        resource_wait(call, function_is_active))
        (void)resource_retag(call, &tagging, resource_attribute_value(call, "Arn"));
}

static void function_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "DeleteFunction");
    request_text(&request, "FunctionName", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_function = {
    .name = "AWS::Lambda::Function",
    .service = "Lambda",
    .properties = function_properties,
    .property_count = MR_COUNT(function_properties),
    .attributes = function_attributes,
    .name_property = "FunctionName",
    .name_max = 64,
    .exists = function_exists,
    .create = function_create,
    .update = function_update,
    .drop = function_drop,
};

/* ---- AWS::Lambda::Permission ---- */

static const struct resource_property permission_properties[] = {
    {"Action", RESOURCE_REQUIRED},
    {"FunctionName", RESOURCE_REQUIRED},
    {"Principal", RESOURCE_REQUIRED},
    {"SourceArn", 0},
    {"SourceAccount", 0},
    {"EventSourceToken", 0},
    {"FunctionUrlAuthType", 0},
    {"PrincipalOrgID", 0},
};

static const char *const permission_attributes[] = {"Id", NULL};

static void permission_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "AddPermission");
    request_text(&request, "StatementId", call->physical);
    for (size_t i = 0; i < MR_COUNT(permission_properties); i++)
        request_value(&request, permission_properties[i].name,
                      resource_property(call, permission_properties[i].name));
    if (request_send(&request) == NULL && !resource_fault_is_ours(call)) {
        resource_fail_fault(call);
        call->physical = MR_S("");
        return;
    }
    resource_attribute(call, "Id", call->physical);
}

static void permission_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "RemovePermission");
    request_text(&request, "FunctionName", resource_property_text(call, "FunctionName"));
    request_text(&request, "StatementId", call->physical);
    if (request_send(&request) == NULL && !resource_fault_is_gone(call))
        resource_fail_fault(call);
}

const struct resource_type resource_permission = {
    .name = "AWS::Lambda::Permission",
    .service = "Lambda",
    .properties = permission_properties,
    .property_count = MR_COUNT(permission_properties),
    .attributes = permission_attributes,
    .name_property = "StatementId", /* no property of this name: always made */
    .name_max = 100,
    .create = permission_create,
    .drop = permission_drop,
};
