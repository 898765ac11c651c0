/* AWS::Logs::LogGroup, AWS::Logs::LogStream */
#include "cloudformation/resource_types.h"

/* ---- AWS::Logs::LogGroup ---- */

static const struct resource_property group_properties[] = {
    {"LogGroupName", RESOURCE_REPLACES},
    {"RetentionInDays", 0},
    {"KmsKeyId", 0},
    {"LogGroupClass", 0},
    {"Tags", 0},
};

static const char *const group_attributes[] = {"Arn", NULL};

static bool read_group(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "logs", "DescribeLogGroups");
    request_text(&request, "logGroupNamePrefix", call->physical);
    yyjson_val *output = request_send(&request);
    if (output == NULL) {
        resource_fail_fault(call);
        return false;
    }
    yyjson_val *groups = mr_json_get(output, "logGroups");
    for (size_t i = 0; i < yyjson_arr_size(groups); i++) {
        yyjson_val *group = yyjson_arr_get(groups, i);
        if (mr_slice_equal(mr_json_get_text(group, "logGroupName"), call->physical))
            resource_attribute(call, "Arn", mr_json_get_text(group, "arn"));
    }
    return true;
}

static bool group_exists(struct resource_call *call)
{
    return read_group(call) && call->attribute_count > 0;
}

static bool set_retention(struct resource_call *call)
{
    yyjson_val *days = resource_property(call, "RetentionInDays");
    struct request request;
    if (!resource_changed(call, "RetentionInDays"))
        return true;
    request_open(&request, call, "logs",
                 days != NULL ? "PutRetentionPolicy" : "DeleteRetentionPolicy");
    request_text(&request, "logGroupName", call->physical);
    if (days != NULL)
        request_value(&request, "retentionInDays", days);
    return request_done(&request);
}

static void group_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "logs", "CreateLogGroup");
    request_text(&request, "logGroupName", call->physical);
    request_value(&request, "kmsKeyId", resource_property(call, "KmsKeyId"));
    request_value(&request, "logGroupClass", resource_property(call, "LogGroupClass"));
    request_tag_map(&request, "tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    if (set_retention(call))
        (void)read_group(call);
}

static void group_update(struct resource_call *call)
{
    static const char *const fixed[] = {"KmsKeyId", "LogGroupClass"};
    static const struct resource_tagging tagging = {
        .service = "logs",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "resourceArn",
        .tags_member = "tags",
        .untagged_member = "tagKeys",
    };
    for (size_t i = 0; i < MR_COUNT(fixed); i++)
        if (resource_changed(call, fixed[i])) {
            resource_fail(call, "millrace does not change %s of a log group that exists", fixed[i]);
            return;
        }
    if (!set_retention(call) || !read_group(call))
        return;
    const struct mr_slice arn = resource_attribute_value(call, "Arn"); /* ends in ":*" */
    (void)resource_retag(call, &tagging, mr_slice_sub(arn, 0, arn.len > 2 ? arn.len - 2 : 0));
}

static void group_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "logs", "DeleteLogGroup");
    request_text(&request, "logGroupName", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_log_group = {
    .name = "AWS::Logs::LogGroup",
    .service = "CloudWatchLogs",
    .properties = group_properties,
    .property_count = MR_COUNT(group_properties),
    .attributes = group_attributes,
    .name_property = "LogGroupName",
    .name_max = 512,
    .exists = group_exists,
    .create = group_create,
    .update = group_update,
    .drop = group_drop,
};

/* ---- AWS::Logs::LogStream ---- */

static const struct resource_property stream_properties[] = {
    {"LogGroupName", RESOURCE_REQUIRED},
    {"LogStreamName", 0},
};

static const char *const no_attributes[] = {NULL};

static void stream_request(struct request *request, struct resource_call *call,
                           const char *operation)
{
    request_open(request, call, "logs", operation);
    request_text(request, "logGroupName", resource_property_text(call, "LogGroupName"));
    request_text(request, "logStreamName", call->physical);
}

static bool stream_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "logs", "DescribeLogStreams");
    request_text(&request, "logGroupName", resource_property_text(call, "LogGroupName"));
    request_text(&request, "logStreamNamePrefix", call->physical);
    yyjson_val *streams = mr_json_get(request_send(&request), "logStreams");
    for (size_t i = 0; i < yyjson_arr_size(streams); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(streams, i), "logStreamName"),
                           call->physical))
            return true;
    return false;
}

static void stream_create(struct resource_call *call)
{
    struct request request;
    stream_request(&request, call, "CreateLogStream");
    if (request_send(&request) != NULL || resource_fault_is_ours(call))
        return;
    resource_fail_fault(call);
    call->physical = MR_S("");
}

static void stream_drop(struct resource_call *call)
{
    struct request request;
    stream_request(&request, call, "DeleteLogStream");
    request_drop(&request, NULL);
}

const struct resource_type resource_log_stream = {
    .name = "AWS::Logs::LogStream",
    .service = "CloudWatchLogs",
    .properties = stream_properties,
    .property_count = MR_COUNT(stream_properties),
    .attributes = no_attributes,
    .name_property = "LogStreamName",
    .name_scope = "LogGroupName",
    .name_max = 512,
    .exists = stream_exists,
    .create = stream_create,
    .drop = stream_drop,
};
