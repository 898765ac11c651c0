/* AWS::Kinesis::Stream */
#include "cloudformation/resource_types.h"

enum { HOURS_DEFAULT = 24 };

static const struct resource_property properties[] = {
    {"Name", RESOURCE_REPLACES}, {"ShardCount", 0},          {"StreamModeDetails", 0},
    {"RetentionPeriodHours", 0}, {"StreamEncryption", 0},    {"DesiredShardLevelMetrics", 0},
    {"MaxRecordSizeInKiB", 0},   {"WarmThroughputMiBps", 0}, {"Tags", 0},
};

static const char *const attributes[] = {"Arn", NULL};

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "DescribeStreamSummary");
    request_text(&request, "StreamName", call->physical);
    return mr_json_get(request_send(&request), "StreamDescriptionSummary");
}

static enum resource_ready is_active(struct resource_call *call)
{
    yyjson_val *stream = describe(call);
    if (stream == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    if (!mr_slice_equal(mr_json_get_text(stream, "StreamStatus"), MR_S("ACTIVE")))
        return RESOURCE_NOT_YET;
    resource_attribute(call, "Arn", mr_json_get_text(stream, "StreamARN"));
    return RESOURCE_READY;
}

static enum resource_ready is_gone(struct resource_call *call)
{
    return resource_is_gone(call, describe(call));
}

static bool set_retention(struct resource_call *call)
{
    yyjson_val *stream = describe(call);
    yyjson_val *wanted = resource_property(call, "RetentionPeriodHours");
    const struct mr_slice text = resource_property_text(call, "RetentionPeriodHours");
    int64_t hours = HOURS_DEFAULT;
    if (wanted != NULL && mr_slice_to_i64(text, &hours) != MR_OK) {
        resource_fail(call, "Value of property RetentionPeriodHours must be of type Integer");
        return false;
    }
    const int64_t now = mr_json_get_i64(stream, "RetentionPeriodHours", HOURS_DEFAULT);
    if (hours == now)
        return true;
    struct request request;
    request_open(&request, call, "kinesis",
                 hours > now ? "IncreaseStreamRetentionPeriod" : "DecreaseStreamRetentionPeriod");
    request_text(&request, "StreamName", call->physical);
    mr_json_key_int(&request.json, "RetentionPeriodHours", hours);
    return request_done(&request) && resource_wait(call, is_active);
}

static bool set_encryption(struct resource_call *call, yyjson_val *encryption,
                           const char *operation)
{
    struct request request;
    if (encryption == NULL)
        return true;
    request_open(&request, call, "kinesis", operation);
    request_text(&request, "StreamName", call->physical);
    request_value(&request, "EncryptionType", mr_json_get(encryption, "EncryptionType"));
    request_value(&request, "KeyId", mr_json_get(encryption, "KeyId"));
    return request_done(&request) && resource_wait(call, is_active);
}

static bool send_metrics(struct resource_call *call, const char *operation, yyjson_val *metrics)
{
    struct request request;
    if (yyjson_arr_size(metrics) == 0)
        return true;
    request_open(&request, call, "kinesis", operation);
    request_text(&request, "StreamName", call->physical);
    request_value(&request, "ShardLevelMetrics", metrics);
    return request_done(&request);
}

static bool set_metrics(struct resource_call *call)
{
    static const char property[] = "DesiredShardLevelMetrics";
    return !resource_changed(call, property) ||
           (send_metrics(call, "DisableEnhancedMonitoring", mr_json_get(call->before, property)) &&
            send_metrics(call, "EnableEnhancedMonitoring", resource_property(call, property)));
}

static bool exists(struct resource_call *call)
{
    return describe(call) != NULL;
}

static void create(struct resource_call *call)
{
    static const char *const same[] = {"StreamModeDetails", "MaxRecordSizeInKiB",
                                       "WarmThroughputMiBps"};
    const struct mr_slice mode =
        mr_json_get_text(resource_property(call, "StreamModeDetails"), "StreamMode");
    struct request request;
    request_open(&request, call, "kinesis", "CreateStream");
    request_text(&request, "StreamName", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    if (resource_property(call, "ShardCount") != NULL)
        request_value(&request, "ShardCount", resource_property(call, "ShardCount"));
    else if (!mr_slice_equal(mode, MR_S("ON_DEMAND")))
        mr_json_key_int(&request.json, "ShardCount", 1);
    request_tag_map(&request, "Tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    if (resource_wait(call, is_active) && set_retention(call) &&
        set_encryption(call, resource_property(call, "StreamEncryption"), "StartStreamEncryption"))
        (void)set_metrics(call);
}

static bool update_shards(struct resource_call *call)
{
    const struct mr_slice mode =
        mr_json_get_text(resource_property(call, "StreamModeDetails"), "StreamMode");
    struct request request;
    if (!resource_changed(call, "ShardCount") || mr_slice_equal(mode, MR_S("ON_DEMAND")))
        return true;
    request_open(&request, call, "kinesis", "UpdateShardCount");
    request_text(&request, "StreamName", call->physical);
    request_value(&request, "TargetShardCount", resource_property(call, "ShardCount"));
    if (resource_property(call, "ShardCount") == NULL)
        mr_json_key_int(&request.json, "TargetShardCount", 1);
    request_text(&request, "ScalingType", MR_S("UNIFORM_SCALING"));
    return request_done(&request) && resource_wait(call, is_active);
}

static bool update_mode(struct resource_call *call)
{
    struct request request;
    if (!resource_changed(call, "StreamModeDetails"))
        return true;
    yyjson_val *stream = describe(call);
    request_open(&request, call, "kinesis", "UpdateStreamMode");
    request_value(&request, "StreamARN", mr_json_get(stream, "StreamARN"));
    request_value(&request, "StreamModeDetails", resource_property(call, "StreamModeDetails"));
    (void)request_reset(&request, "StreamModeDetails", "{\"StreamMode\":\"PROVISIONED\"}");
    return request_done(&request) && resource_wait(call, is_active);
}

static bool update_encryption(struct resource_call *call)
{
    if (!resource_changed(call, "StreamEncryption"))
        return true;
    yyjson_val *now = resource_property(call, "StreamEncryption");
    return now == NULL ? set_encryption(call, mr_json_get(call->before, "StreamEncryption"),
                                        "StopStreamEncryption")
                       : set_encryption(call, now, "StartStreamEncryption");
}

/* A number with an operation of its own, which takes the stream's ARN. */
static bool update_number(struct resource_call *call, const char *property, const char *operation,
                          const char *fallback)
{
    struct request request;
    if (!resource_changed(call, property))
        return true;
    yyjson_val *value = resource_property(call, property);
    request_open(&request, call, "kinesis", operation);
    request_text(&request, "StreamARN", resource_attribute_value(call, "Arn"));
    if (value != NULL)
        request_value(&request, property, value);
    else
        mr_json_key_raw(&request.json, property, mr_slice_cstr(fallback));
    return request_done(&request) && resource_wait(call, is_active);
}

static void update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "kinesis",
        .tag = "AddTagsToStream",
        .untag = "RemoveTagsFromStream",
        .id_member = "StreamName",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
    };
    if (update_mode(call) && update_shards(call) && set_retention(call) &&
        update_encryption(call) && set_metrics(call) && resource_wait(call, is_active) &&
        update_number(call, "MaxRecordSizeInKiB", "UpdateMaxRecordSize", "1024") &&
        update_number(call, "WarmThroughputMiBps", "UpdateStreamWarmThroughput", "0"))
        (void)resource_retag(call, &tagging, call->physical);
}

static void drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "DeleteStream");
    request_text(&request, "StreamName", call->physical);
    mr_json_key_bool(&request.json, "EnforceConsumerDeletion", true);
    request_drop(&request, is_gone);
}

const struct resource_type resource_stream = {
    .name = "AWS::Kinesis::Stream",
    .service = "Kinesis",
    .properties = properties,
    .property_count = MR_COUNT(properties),
    .attributes = attributes,
    .name_property = "Name",
    .name_max = 128,
    .exists = exists,
    .create = create,
    .update = update,
    .drop = drop,
};
