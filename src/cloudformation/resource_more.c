/* AWS::Athena::PreparedStatement, AWS::Kinesis::StreamConsumer, AWS::Kinesis::ResourcePolicy,
 * AWS::Lambda::EventInvokeConfig: small types, each of one service's operations. */
#include "cloudformation/resource_types.h"

static const char *const no_attributes[] = {NULL};

/* ---- AWS::Athena::PreparedStatement ---- */

static const struct resource_property statement_properties[] = {
    {"StatementName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"WorkGroup", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"QueryStatement", RESOURCE_REQUIRED},
    {"Description", 0},
};

static bool statement_send(struct resource_call *call, const char *operation, bool with_query)
{
    struct request request;
    request_open(&request, call, "athena", operation);
    request_text(&request, "StatementName", call->physical);
    request_value(&request, "WorkGroup", resource_property(call, "WorkGroup"));
    if (with_query) {
        request_value(&request, "QueryStatement", resource_property(call, "QueryStatement"));
        request_value(&request, "Description", resource_property(call, "Description"));
    }
    return request_send(&request) != NULL;
}

static bool statement_exists(struct resource_call *call)
{
    return statement_send(call, "GetPreparedStatement", false);
}

static void statement_create(struct resource_call *call)
{
    if (call->resumed && statement_exists(call))
        return;
    if (!statement_send(call, "CreatePreparedStatement", true)) {
        resource_fail_fault(call);
        call->physical = MR_S("");
    }
}

static void statement_update(struct resource_call *call)
{
    /* A description cannot be taken away, so the statement is made anew. */
    const bool is_undescribed = resource_property(call, "Description") == NULL &&
                                mr_json_get(call->before, "Description") != NULL;
    if (is_undescribed) {
        if (!statement_send(call, "DeletePreparedStatement", false) &&
            !resource_fault_is_gone(call))
            resource_fail_fault(call);
        else if (!statement_send(call, "CreatePreparedStatement", true))
            resource_fail_fault(call);
    } else if (!statement_send(call, "UpdatePreparedStatement", true))
        resource_fail_fault(call);
}

static void statement_drop(struct resource_call *call)
{
    if (!statement_send(call, "DeletePreparedStatement", false) && !resource_fault_is_gone(call))
        resource_fail_fault(call);
}

const struct resource_type resource_prepared_statement = {
    .name = "AWS::Athena::PreparedStatement",
    .service = "Athena",
    .properties = statement_properties,
    .property_count = MR_COUNT(statement_properties),
    .attributes = no_attributes,
    .name_property = "StatementName",
    .name_scope = "WorkGroup",
    .name_max = 256,
    .exists = statement_exists,
    .create = statement_create,
    .update = statement_update,
    .drop = statement_drop,
};

/* ---- AWS::Kinesis::StreamConsumer ---- */

static const struct resource_property consumer_properties[] = {
    {"ConsumerName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"StreamARN", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Tags", 0},
};

static const char *const consumer_attributes[] = {"ConsumerARN",  "ConsumerCreationTimestamp",
                                                  "ConsumerName", "ConsumerStatus",
                                                  "StreamARN",    NULL};

/* By its ARN once it has one, else by stream and name. */
static yyjson_val *consumer_describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "DescribeStreamConsumer");
    if (mr_slice_starts_with(call->physical, MR_S("arn:"))) {
        request_text(&request, "ConsumerARN", call->physical);
    } else {
        request_value(&request, "StreamARN", resource_property(call, "StreamARN"));
        request_value(&request, "ConsumerName", resource_property(call, "ConsumerName"));
    }
    return mr_json_get(request_send(&request), "ConsumerDescription");
}

static bool consumer_exists(struct resource_call *call)
{
    return consumer_describe(call) != NULL;
}

static enum resource_ready consumer_is_active(struct resource_call *call)
{
    static const char *const told[] = {"ConsumerARN", "ConsumerCreationTimestamp", "ConsumerName",
                                       "ConsumerStatus"};
    yyjson_val *consumer = consumer_describe(call);
    if (consumer == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    call->physical = mr_json_get_text(consumer, "ConsumerARN");
    for (size_t i = 0; i < MR_COUNT(told); i++)
        resource_attribute(call, told[i], mr_json_get_text(consumer, told[i]));
    resource_attribute(call, "StreamARN", resource_property_text(call, "StreamARN"));
    return mr_slice_equal(mr_json_get_text(consumer, "ConsumerStatus"), MR_S("ACTIVE"))
               ? RESOURCE_READY
               : RESOURCE_NOT_YET;
}

static void consumer_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "RegisterStreamConsumer");
    request_value(&request, "StreamARN", resource_property(call, "StreamARN"));
    request_value(&request, "ConsumerName", resource_property(call, "ConsumerName"));
    request_tag_map(&request, "Tags", resource_property(call, "Tags"));
    if (request_create(&request))
        (void)resource_wait(call, consumer_is_active);
}

static void consumer_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "kinesis",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "ResourceARN",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
    };
    if (resource_retag(call, &tagging, call->physical))
        (void)resource_wait(call, consumer_is_active);
}

static enum resource_ready consumer_is_gone(struct resource_call *call)
{
    return resource_is_gone(call, consumer_describe(call));
}

static void consumer_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "DeregisterStreamConsumer");
    if (mr_slice_starts_with(call->physical, MR_S("arn:"))) {
        request_text(&request, "ConsumerARN", call->physical);
    } else {
        request_value(&request, "StreamARN", resource_property(call, "StreamARN"));
        request_value(&request, "ConsumerName", resource_property(call, "ConsumerName"));
    }
    request_drop(&request, consumer_is_gone);
}

const struct resource_type resource_stream_consumer = {
    .name = "AWS::Kinesis::StreamConsumer",
    .service = "Kinesis",
    .properties = consumer_properties,
    .property_count = MR_COUNT(consumer_properties),
    .attributes = consumer_attributes,
    .name_property = "ConsumerName",
    .name_scope = "StreamARN",
    .name_max = 128,
    .exists = consumer_exists,
    .create = consumer_create,
    .update = consumer_update,
    .drop = consumer_drop,
};

/* ---- AWS::Kinesis::ResourcePolicy ---- */

static const struct resource_property policy_properties[] = {
    {"ResourceArn", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"ResourcePolicy", RESOURCE_REQUIRED},
};

static void policy_put(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "PutResourcePolicy");
    request_value(&request, "ResourceARN", resource_property(call, "ResourceArn"));
    request_document(&request, "Policy", resource_property(call, "ResourcePolicy"));
    if (request_done(&request))
        call->physical = resource_property_text(call, "ResourceArn");
}

static void policy_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "kinesis", "DeleteResourcePolicy");
    request_text(&request, "ResourceARN", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_stream_policy = {
    .name = "AWS::Kinesis::ResourcePolicy",
    .service = "Kinesis",
    .properties = policy_properties,
    .property_count = MR_COUNT(policy_properties),
    .attributes = no_attributes,
    .create = policy_put,
    .update = policy_put,
    .drop = policy_drop,
};

/* ---- AWS::Lambda::EventInvokeConfig ---- */

static const struct resource_property invoke_properties[] = {
    {"FunctionName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Qualifier", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"DestinationConfig", 0},
    {"MaximumEventAgeInSeconds", 0},
    {"MaximumRetryAttempts", 0},
};

/* PutFunctionEventInvokeConfig sets all of it anew, so what the template no longer says is gone. */
static void invoke_put(struct resource_call *call)
{
    static const char *const same[] = {"FunctionName", "Qualifier", "DestinationConfig",
                                       "MaximumEventAgeInSeconds", "MaximumRetryAttempts"};
    struct request request;
    request_open(&request, call, "lambda", "PutFunctionEventInvokeConfig");
    request_properties(&request, same, MR_COUNT(same));
    if (request_done(&request) && call->physical.len == 0)
        call->physical = call->token;
}

static void invoke_drop(struct resource_call *call)
{
    static const char *const same[] = {"FunctionName", "Qualifier"};
    struct request request;
    request_open(&request, call, "lambda", "DeleteFunctionEventInvokeConfig");
    request_properties(&request, same, MR_COUNT(same));
    request_drop(&request, NULL);
}

const struct resource_type resource_event_invoke = {
    .name = "AWS::Lambda::EventInvokeConfig",
    .service = "Lambda",
    .properties = invoke_properties,
    .property_count = MR_COUNT(invoke_properties),
    .attributes = no_attributes,
    .create = invoke_put,
    .update = invoke_put,
    .drop = invoke_drop,
};
