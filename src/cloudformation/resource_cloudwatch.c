/* AWS::CloudWatch::Alarm */
#include "cloudformation/resource_types.h"

static const struct resource_property alarm_properties[] = {
    {"AlarmName", RESOURCE_REPLACES},
    {"AlarmDescription", 0},
    {"ActionsEnabled", 0},
    {"AlarmActions", 0},
    {"OKActions", 0},
    {"InsufficientDataActions", 0},
    {"ComparisonOperator", RESOURCE_REQUIRED},
    {"EvaluationPeriods", RESOURCE_REQUIRED},
    {"DatapointsToAlarm", 0},
    {"Dimensions", 0},
    {"EvaluateLowSampleCountPercentile", 0},
    {"ExtendedStatistic", 0},
    {"MetricName", 0},
    {"Metrics", 0},
    {"Namespace", 0},
    {"Period", 0},
    {"Statistic", 0},
    {"Tags", 0},
    {"Threshold", 0},
    {"ThresholdMetricId", 0},
    {"TreatMissingData", 0},
    {"Unit", 0},
};

static const char *const alarm_attributes[] = {"Arn", NULL};

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudwatch", "DescribeAlarms");
    mr_json_key(&request.json, "AlarmNames");
    mr_json_array(&request.json);
    mr_json_string(&request.json, call->physical);
    mr_json_array_end(&request.json);
    return yyjson_arr_get_first(mr_json_get(request_send(&request), "MetricAlarms"));
}

static bool alarm_exists(struct resource_call *call)
{
    return describe(call) != NULL;
}

static void alarm_put(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudwatch", "PutMetricAlarm");
    request_text(&request, "AlarmName", call->physical);
    for (size_t i = 0; i < MR_COUNT(alarm_properties); i++) {
        const char *name = alarm_properties[i].name;
        if (strcmp(name, "AlarmName") != 0 && strcmp(name, "Tags") != 0)
            request_value(&request, name, resource_property(call, name));
    }
    if (call->before == NULL)
        request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (request_done(&request))
        resource_attribute(call, "Arn", mr_json_get_text(describe(call), "AlarmArn"));
}

static void alarm_create(struct resource_call *call)
{
    /* PutMetricAlarm overwrites what is there: a stack does not. */
    if (!call->resumed && alarm_exists(call))
        resource_fail(call, "%.*s already exists in stack or outside of it",
                      MR_ARG(call->physical));
    else
        alarm_put(call);
    if (call->reason.len > 0)
        call->physical = MR_S("");
}

static void alarm_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "cloudwatch",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "ResourceARN",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
        .as_list = true,
    };
    alarm_put(call);
    if (call->reason.len == 0)
        (void)resource_retag(call, &tagging, resource_attribute_value(call, "Arn"));
}

static void alarm_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudwatch", "DeleteAlarms");
    mr_json_key(&request.json, "AlarmNames");
    mr_json_array(&request.json);
    mr_json_string(&request.json, call->physical);
    mr_json_array_end(&request.json);
    request_drop(&request, NULL);
}

const struct resource_type resource_alarm = {
    .name = "AWS::CloudWatch::Alarm",
    .service = "CloudWatch",
    .properties = alarm_properties,
    .property_count = MR_COUNT(alarm_properties),
    .attributes = alarm_attributes,
    .name_property = "AlarmName",
    .name_max = 255,
    .exists = alarm_exists,
    .create = alarm_create,
    .update = alarm_update,
    .drop = alarm_drop,
};
