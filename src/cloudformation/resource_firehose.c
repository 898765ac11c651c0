/* AWS::KinesisFirehose::DeliveryStream */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

static const struct resource_property properties[] = {
    {"DeliveryStreamName", RESOURCE_REPLACES},
    {"DeliveryStreamType", RESOURCE_REPLACES},
    {"KinesisStreamSourceConfiguration", RESOURCE_REPLACES},
    {"DirectPutSourceConfiguration", RESOURCE_REPLACES},
    {"MSKSourceConfiguration", RESOURCE_REPLACES},
    {"DatabaseSourceConfiguration", RESOURCE_REPLACES},
    {"DeliveryStreamEncryptionConfigurationInput", 0},
    {"S3DestinationConfiguration", 0},
    {"ExtendedS3DestinationConfiguration", 0},
    {"RedshiftDestinationConfiguration", 0},
    {"ElasticsearchDestinationConfiguration", 0},
    {"AmazonopensearchserviceDestinationConfiguration", 0},
    {"AmazonOpenSearchServerlessDestinationConfiguration", 0},
    {"SplunkDestinationConfiguration", 0},
    {"HttpEndpointDestinationConfiguration", 0},
    {"SnowflakeDestinationConfiguration", 0},
    {"IcebergDestinationConfiguration", 0},
    {"Tags", 0},
};

static const char *const attributes[] = {"Arn", NULL};

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "firehose", "DescribeDeliveryStream");
    request_text(&request, "DeliveryStreamName", call->physical);
    return mr_json_get(request_send(&request), "DeliveryStreamDescription");
}

static enum resource_ready is_active(struct resource_call *call)
{
    yyjson_val *stream = describe(call);
    if (stream == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    const struct mr_slice status = mr_json_get_text(stream, "DeliveryStreamStatus");
    if (mr_slice_equal(status, MR_S("CREATING_FAILED"))) {
        resource_fail(call, "The delivery stream could not be created");
        return RESOURCE_BROKEN;
    }
    if (!mr_slice_equal(status, MR_S("ACTIVE")))
        return RESOURCE_NOT_YET;
    resource_attribute(call, "Arn", mr_json_get_text(stream, "DeliveryStreamARN"));
    return RESOURCE_READY;
}

static enum resource_ready is_gone(struct resource_call *call)
{
    return resource_is_gone(call, describe(call));
}

static bool exists(struct resource_call *call)
{
    return describe(call) != NULL;
}

static void create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "firehose", "CreateDeliveryStream");
    request_text(&request, "DeliveryStreamName", call->physical);
    for (size_t i = 1; i < MR_COUNT(properties); i++)
        if (strcmp(properties[i].name, "Tags") != 0)
            request_value(&request, properties[i].name,
                          resource_property(call, properties[i].name));
    request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    (void)resource_wait(call, is_active);
}

/* ---- update ---- */

/* UpdateDestination leaves what it is not told: what the new template no longer says goes back to
 * its default. */
static void put_default(struct mr_json *json, const char *name)
{
    static const struct {
        const char *name, *value;
    } defaults[] = {
        {"Prefix", "\"\""},
        {"ErrorOutputPrefix", "\"\""},
        {"FileExtension", "\"\""},
        {"CompressionFormat", "\"UNCOMPRESSED\""},
        {"BufferingHints", "{\"SizeInMBs\":5,\"IntervalInSeconds\":300}"},
        {"CloudWatchLoggingOptions", "{\"Enabled\":false}"},
        {"ProcessingConfiguration", "{\"Enabled\":false}"},
        {"DynamicPartitioningConfiguration", "{\"Enabled\":false}"},
        {"DataFormatConversionConfiguration", "{\"Enabled\":false}"},
        {"S3BackupMode", "\"Disabled\""},
        {"CustomTimeZone", "\"UTC\""},
        {"EncryptionConfiguration", "{\"NoEncryptionConfig\":\"NoEncryption\"}"},
    };
    for (size_t i = 0; i < MR_COUNT(defaults); i++)
        if (strcmp(defaults[i].name, name) == 0)
            mr_json_key_raw(json, name, mr_slice_cstr(defaults[i].value));
}

static yyjson_val *destination_update(struct resource_call *call, yyjson_val *now,
                                      yyjson_val *before)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(now), i, count, key, value)
    {
        const bool is_backup = mr_slice_equal(mr_json_text(key), MR_S("S3BackupConfiguration"));
        mr_json_name(&json, is_backup ? MR_S("S3BackupUpdate") : mr_json_text(key));
        mr_json_value(&json, value);
    }
    yyjson_obj_foreach(members_of(before), i, count, key, value)
    {
        if (mr_json_getn(now, mr_json_text(key)) == NULL)
            put_default(&json, mr_arena_cstr(call->arena, mr_json_text(key)));
    }
    mr_json_object_end(&json);
    yyjson_val *update = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return update;
}

static bool update_destination(struct resource_call *call, const char *property, const char *member)
{
    if (!resource_changed(call, property))
        return true;
    yyjson_val *stream = describe(call);
    yyjson_val *now = resource_property(call, property);
    yyjson_val *before = mr_json_get(call->before, property);
    if (stream == NULL) {
        resource_fail_fault(call);
        return false;
    }
    if (now == NULL || before == NULL) {
        resource_fail(call, "The kind of destination of a delivery stream cannot be changed: %s",
                      property);
        return false;
    }
    struct request request;
    request_open(&request, call, "firehose", "UpdateDestination");
    request_text(&request, "DeliveryStreamName", call->physical);
    request_text(&request, "CurrentDeliveryStreamVersionId", mr_json_get_text(stream, "VersionId"));
    yyjson_val *destination = yyjson_arr_get(mr_json_get(stream, "Destinations"), 0);
    request_text(&request, "DestinationId", mr_json_get_text(destination, "DestinationId"));
    request_value(&request, member, destination_update(call, now, before));
    return request_done(&request);
}

static bool update_encryption(struct resource_call *call)
{
    static const char property[] = "DeliveryStreamEncryptionConfigurationInput";
    if (!resource_changed(call, property))
        return true;
    yyjson_val *now = resource_property(call, property);
    struct request request;
    request_open(&request, call, "firehose",
                 now != NULL ? "StartDeliveryStreamEncryption" : "StopDeliveryStreamEncryption");
    request_text(&request, "DeliveryStreamName", call->physical);
    if (now != NULL)
        request_value(&request, property, now);
    return request_done(&request);
}

static void update(struct resource_call *call)
{
    static const char *const known[] = {"S3DestinationConfiguration",
                                        "ExtendedS3DestinationConfiguration",
                                        "DeliveryStreamEncryptionConfigurationInput", "Tags"};
    static const struct resource_tagging tagging = {
        .service = "firehose",
        .tag = "TagDeliveryStream",
        .untag = "UntagDeliveryStream",
        .id_member = "DeliveryStreamName",
        .tags_member = "Tags",
        .untagged_member = "TagKeys",
        .as_list = true,
    };
    for (size_t i = 0; i < MR_COUNT(properties); i++) {
        bool is_known = (properties[i].flags & RESOURCE_REPLACES) != 0;
        for (size_t j = 0; j < MR_COUNT(known); j++)
            is_known = is_known || strcmp(known[j], properties[i].name) == 0;
        if (!is_known && resource_changed(call, properties[i].name)) {
            resource_fail(call, "millrace does not change %s of a delivery stream that exists",
                          properties[i].name);
            return;
        }
    }
    if (update_destination(call, known[0], "S3DestinationUpdate") &&
        update_destination(call, known[1], "ExtendedS3DestinationUpdate") &&
        update_encryption(call) && resource_retag(call, &tagging, call->physical))
        (void)resource_wait(call, is_active);
}

static void drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "firehose", "DeleteDeliveryStream");
    request_text(&request, "DeliveryStreamName", call->physical);
    mr_json_key_bool(&request.json, "AllowForceDelete", true);
    request_drop(&request, is_gone);
}

const struct resource_type resource_delivery_stream = {
    .name = "AWS::KinesisFirehose::DeliveryStream",
    .service = "Firehose",
    .properties = properties,
    .property_count = MR_COUNT(properties),
    .attributes = attributes,
    .name_property = "DeliveryStreamName",
    .name_max = 64,
    .exists = exists,
    .create = create,
    .update = update,
    .drop = drop,
};
