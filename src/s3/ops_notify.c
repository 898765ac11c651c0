/* The wire: notification configurations. Functions are told; there are no queues, topics and event
 * buses, which is said. */
#include "s3/notify.h"
#include "s3/ops.h"

enum { CONFIGURATIONS_MAX = 100, RULE_BYTES_MAX = 1024 };

static bool event_is_known(struct mr_slice event)
{
    static const char *const known[] = {
        "s3:TestEvent",
        "s3:ObjectCreated:*",
        "s3:ObjectCreated:Put",
        "s3:ObjectCreated:Post",
        "s3:ObjectCreated:Copy",
        "s3:ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectRemoved:*",
        "s3:ObjectRemoved:Delete",
        "s3:ObjectRemoved:DeleteMarkerCreated",
        "s3:ObjectRestore:*",
        "s3:ObjectRestore:Post",
        "s3:ObjectRestore:Completed",
        "s3:ObjectRestore:Delete",
        "s3:ReducedRedundancyLostObject",
        "s3:Replication:*",
        "s3:Replication:OperationFailedReplication",
        "s3:Replication:OperationNotTracked",
        "s3:Replication:OperationMissedThreshold",
        "s3:Replication:OperationReplicatedAfterThreshold",
        "s3:LifecycleTransition",
        "s3:LifecycleExpiration:*",
        "s3:LifecycleExpiration:Delete",
        "s3:LifecycleExpiration:DeleteMarkerCreated",
        "s3:IntelligentTiering",
        "s3:ObjectAcl:Put",
        "s3:ObjectTagging:*",
        "s3:ObjectTagging:Put",
        "s3:ObjectTagging:Delete",
    };
    for (size_t i = 0; i < MR_COUNT(known); i++)
        if (mr_slice_equal(event, mr_slice_cstr(known[i])))
            return true;
    return false;
}

static struct mr_slice filter_value(yyjson_val *configuration, const char *wanted)
{
    yyjson_val *filter = mr_json_get(mr_json_get(configuration, "Filter"), "Key");
    size_t at, count;
    yyjson_val *rule;
    yyjson_arr_foreach(mr_json_get(filter, "FilterRules"), at, count, rule)
    {
        if (mr_slice_equal_nocase(mr_json_get_text(rule, "Name"), mr_slice_cstr(wanted)))
            return mr_json_get_text(rule, "Value");
    }
    return MR_S("");
}

static enum mr_status check_filter(struct protocol_call *call, yyjson_val *configuration)
{
    yyjson_val *filter = mr_json_get(mr_json_get(configuration, "Filter"), "Key");
    size_t at, count, prefixes = 0, suffixes = 0;
    yyjson_val *rule;
    yyjson_arr_foreach(mr_json_get(filter, "FilterRules"), at, count, rule)
    {
        const struct mr_slice name = mr_json_get_text(rule, "Name");
        const bool prefix = mr_slice_equal_nocase(name, MR_S("prefix"));
        if (!prefix && !mr_slice_equal_nocase(name, MR_S("suffix")))
            return s3_fail_argument(call, "FilterRule.Name", name,
                                    "filter rule name must be either prefix or suffix");
        if (mr_json_get_text(rule, "Value").len > RULE_BYTES_MAX)
            return s3_fail_argument(call, "FilterRule.Value", mr_json_get_text(rule, "Value"),
                                    "Size of filter rule value cannot exceed 1024 bytes in UTF-8 "
                                    "representation");
        prefixes += prefix;
        suffixes += !prefix;
        if (prefixes > 1 || suffixes > 1)
            return s3_fail_argument(call, "FilterRule.Name", name,
                                    "Cannot specify more than one prefix or suffix rule in a "
                                    "filter.");
    }
    return MR_OK;
}

static enum mr_status check_one(struct protocol_call *call, yyjson_val *configuration)
{
    const struct mr_slice function = mr_json_get_text(configuration, "LambdaFunctionArn");
    size_t at, count;
    yyjson_val *event;
    if (yyjson_arr_size(mr_json_get(configuration, "Events")) == 0)
        return s3_fail_malformed(call);
    yyjson_arr_foreach(mr_json_get(configuration, "Events"), at, count, event)
    {
        if (!event_is_known(mr_json_text(event))) {
            protocol_fail_member(call, "ArgumentName", MR_S("Event"));
            protocol_fail_member(call, "ArgumentValue", mr_json_text(event));
            return protocol_fail(call, &s3_invalid_argument,
                                 "The event '%.*s' is not supported for notifications",
                                 MR_ARG(mr_json_text(event)));
        }
    }
    if (check_filter(call, configuration) != MR_OK)
        return MR_FAULT;
    if (!mr_slice_starts_with(function, MR_S("arn:aws")))
        return s3_fail_argument(call, "FunctionArn", function, "The ARN could not be parsed");
    if (mr_json_get_bool(call->in, "SkipDestinationValidation", false) ||
        s3_notify_knows(s3_of(call), function))
        return MR_OK;
    return s3_fail_argument(call, mr_arena_cstr(call->arena, function), MR_S("null"),
                            "Unable to validate the following destination configurations");
}

static bool share_an_event(yyjson_val *one, yyjson_val *other)
{
    size_t i, j, count, more;
    yyjson_val *a, *b;
    yyjson_arr_foreach(mr_json_get(one, "Events"), i, count, a)
    {
        yyjson_arr_foreach(mr_json_get(other, "Events"), j, more, b)
        {
            if (s3_event_fits(mr_json_text(a), mr_slice_sub(mr_json_text(b), 3, SIZE_MAX)) ||
                s3_event_fits(mr_json_text(b), mr_slice_sub(mr_json_text(a), 3, SIZE_MAX)))
                return true;
        }
    }
    return false;
}

static bool overlap(yyjson_val *one, yyjson_val *other)
{
    const struct mr_slice a = filter_value(one, "prefix"), b = filter_value(other, "prefix");
    const struct mr_slice x = filter_value(one, "suffix"), y = filter_value(other, "suffix");
    return share_an_event(one, other) &&
           (mr_slice_starts_with(a, b) || mr_slice_starts_with(b, a)) &&
           (mr_slice_ends_with(x, y) || mr_slice_ends_with(y, x));
}

static enum mr_status check_all(struct protocol_call *call, yyjson_val *configurations)
{
    size_t i, j, count, more;
    yyjson_val *one, *other;
    if (yyjson_arr_size(configurations) > CONFIGURATIONS_MAX)
        return protocol_fail(call, &s3_invalid_argument, "Too many configurations: 100 at most");
    yyjson_arr_foreach(configurations, i, count, one)
    {
        if (check_one(call, one) != MR_OK)
            return MR_FAULT;
        yyjson_arr_foreach(configurations, j, more, other)
        {
            if (j < i && overlap(one, other))
                return protocol_fail(call, &s3_invalid_argument,
                                     "Configurations overlap. Configurations on the same bucket "
                                     "cannot share a common event type.");
        }
    }
    return MR_OK;
}

/* AWS: who names no configuration gets a name for it. */
static void write_one(struct protocol_call *call, struct mr_json *json, yyjson_val *configuration)
{
    char id[37];
    mr_rng_uuid(s3_of(call)->options.rng, id);
    s3_config_write_named(json, configuration, "Id", mr_slice_cstr(id));
}

static struct mr_slice stored_form(struct protocol_call *call, yyjson_val *configurations)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t at, count;
    yyjson_val *one;
    mr_json_object(&json);
    mr_json_key(&json, "LambdaFunctionConfigurations");
    mr_json_array(&json);
    yyjson_arr_foreach(configurations, at, count, one)
    {
        write_one(call, &json, one);
    }
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void put_notification(struct protocol_call *call)
{
    yyjson_val *wanted = mr_json_get(call->in, "NotificationConfiguration");
    yyjson_val *functions = mr_json_get(wanted, "LambdaFunctionConfigurations");
    if (s3_check_bucket(call) != MR_OK)
        return;
    if (yyjson_arr_size(mr_json_get(wanted, "QueueConfigurations")) > 0 ||
        yyjson_arr_size(mr_json_get(wanted, "TopicConfigurations")) > 0 ||
        mr_json_get(wanted, "EventBridgeConfiguration") != NULL) {
        protocol_fail(call, &s3_not_implemented,
                      "millrace tells functions of events: it has no queues, topics and event "
                      "buses");
        return;
    }
    if (check_all(call, functions) != MR_OK)
        return;
    s3_config_store(call, "notification",
                    yyjson_arr_size(functions) > 0 ? stored_form(call, functions) : MR_S(""));
}

static void get_notification(struct protocol_call *call)
{
    yyjson_val *document = s3_config_document(call);
    yyjson_val *functions =
        mr_json_get(mr_json_get(document, "notification"), "LambdaFunctionConfigurations");
    if (functions != NULL)
        mr_json_key_value(&call->out, "LambdaFunctionConfigurations", functions);
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetBucketNotificationConfiguration", .run = get_notification},
    {.operation = "PutBucketNotificationConfiguration", .run = put_notification},
};
const struct s3_handlers s3_notify_handlers = {handlers, MR_COUNT(handlers)};
