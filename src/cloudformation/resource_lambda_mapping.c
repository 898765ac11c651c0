/* AWS::Lambda::EventSourceMapping */
#include "cloudformation/resource_types.h"

static const struct resource_property properties[] = {
    {"FunctionName", RESOURCE_REQUIRED},
    {"EventSourceArn", RESOURCE_REPLACES},
    {"StartingPosition", RESOURCE_REPLACES},
    {"StartingPositionTimestamp", RESOURCE_REPLACES},
    {"BatchSize", 0},
    {"BisectBatchOnFunctionError", 0},
    {"DestinationConfig", 0},
    {"Enabled", 0},
    {"FilterCriteria", 0},
    {"FunctionResponseTypes", 0},
    {"KmsKeyArn", 0},
    {"MaximumBatchingWindowInSeconds", 0},
    {"MaximumRecordAgeInSeconds", 0},
    {"MaximumRetryAttempts", 0},
    {"MetricsConfig", 0},
    {"ParallelizationFactor", 0},
    {"TumblingWindowInSeconds", 0},
    {"Tags", 0},
};

static const char *const attributes[] = {"Id", "EventSourceMappingArn", NULL};

/* What an update may say, and what it goes back to. */
static const struct {
    const char *member, *fallback;
} updated[] = {
    {"FunctionName", NULL},
    {"BatchSize", "100"},
    {"BisectBatchOnFunctionError", "false"},
    {"DestinationConfig", "{}"},
    {"Enabled", "true"},
    {"FilterCriteria", "{\"Filters\":[]}"},
    {"FunctionResponseTypes", "[]"},
    {"MaximumBatchingWindowInSeconds", "0"},
    {"MaximumRecordAgeInSeconds", "-1"},
    {"MaximumRetryAttempts", "-1"},
    {"ParallelizationFactor", "1"},
    {"TumblingWindowInSeconds", "0"},
    {"MetricsConfig", "{\"Metrics\":[]}"},
    {"KMSKeyArn", NULL},
};

static const char *const created_only[] = {"EventSourceArn", "StartingPosition",
                                           "StartingPositionTimestamp"};

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "GetEventSourceMapping");
    request_text(&request, "UUID", call->physical);
    return request_send(&request);
}

static enum resource_ready is_settled(struct resource_call *call)
{
    yyjson_val *mapping = describe(call);
    if (mapping == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    const struct mr_slice state = mr_json_get_text(mapping, "State");
    if (!mr_slice_equal(state, MR_S("Enabled")) && !mr_slice_equal(state, MR_S("Disabled")))
        return RESOURCE_NOT_YET;
    resource_attribute(call, "Id", call->physical);
    resource_attribute(call, "EventSourceMappingArn",
                       mr_json_get_text(mapping, "EventSourceMappingArn"));
    return RESOURCE_READY;
}

static enum resource_ready is_gone(struct resource_call *call)
{
    return resource_is_gone(call, describe(call));
}

/* The one that an earlier run of this creation made. */
static struct mr_slice find_earlier(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "ListEventSourceMappings");
    request_value(&request, "EventSourceArn", resource_property(call, "EventSourceArn"));
    request_value(&request, "FunctionName", resource_property(call, "FunctionName"));
    yyjson_val *found = mr_json_get(request_send(&request), "EventSourceMappings");
    return mr_json_get_text(yyjson_arr_get(found, 0), "UUID");
}

static const char *property_of(const char *member)
{
    return strcmp(member, "KMSKeyArn") == 0 ? "KmsKeyArn" : member;
}

static struct mr_slice send_creation(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "CreateEventSourceMapping");
    for (size_t i = 0; i < MR_COUNT(updated); i++)
        request_value(&request, updated[i].member,
                      resource_property(call, property_of(updated[i].member)));
    request_properties(&request, created_only, MR_COUNT(created_only));
    request_tag_map(&request, "Tags", resource_property(call, "Tags"));
    return mr_json_get_text(request_send(&request), "UUID");
}

static void create(struct resource_call *call)
{
    struct mr_slice id = send_creation(call);
    if (id.len == 0 && call->resumed)
        id = find_earlier(call);
    if (id.len == 0) {
        resource_fail_fault(call);
        return;
    }
    call->physical = mr_arena_copy(call->arena, id);
    (void)resource_wait(call, is_settled);
}

static void update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "lambda",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "Resource",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
    };
    struct request request;
    request_open(&request, call, "lambda", "UpdateEventSourceMapping");
    request_text(&request, "UUID", call->physical);
    for (size_t i = 0; i < MR_COUNT(updated); i++) {
        const char *member = updated[i].member;
        if (!resource_changed(call, property_of(member)))
            continue;
        request_value(&request, member, resource_property(call, property_of(member)));
        if (updated[i].fallback != NULL)
            (void)request_reset(&request, member, updated[i].fallback);
    }
    if (request_done(&request) && resource_wait(call, is_settled))
        (void)resource_retag(call, &tagging,
                             resource_attribute_value(call, "EventSourceMappingArn"));
}

static void drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "lambda", "DeleteEventSourceMapping");
    request_text(&request, "UUID", call->physical);
    request_drop(&request, is_gone);
}

const struct resource_type resource_mapping = {
    .name = "AWS::Lambda::EventSourceMapping",
    .service = "Lambda",
    .properties = properties,
    .property_count = MR_COUNT(properties),
    .attributes = attributes,
    .create = create,
    .update = update,
    .drop = drop,
};
