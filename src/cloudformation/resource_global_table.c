/* AWS::DynamoDB::GlobalTable with the one replica that there is here: a table, whose template says
 * of the replica what AWS::DynamoDB::Table says of the table (the CDK's TableV2 is one). Settings
 * of automatic scaling give the capacity that they begin with. */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

static const struct resource_property global_properties[] = {
    {"TableName", RESOURCE_REPLACES},
    {"KeySchema", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"LocalSecondaryIndexes", RESOURCE_REPLACES},
    {"AttributeDefinitions", RESOURCE_REQUIRED},
    {"Replicas", RESOURCE_REQUIRED},
    {"BillingMode", 0},
    {"GlobalSecondaryIndexes", 0},
    {"SSESpecification", 0},
    {"StreamSpecification", 0},
    {"TimeToLiveSpecification", 0},
    {"WarmThroughput", 0},
    {"WriteOnDemandThroughputSettings", 0},
    {"WriteProvisionedThroughputSettings", 0},
};
static const char *const global_attributes[] = {"Arn", "StreamArn", "TableId", NULL};

static void copy(struct mr_json *json, yyjson_val *from, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_json_key_value(json, names[i], mr_json_get(from, names[i]));
}

/* ---- capacity ---- */

/* `side` is what the template says of writes, or of reads: the units, or where scaling begins. */
static yyjson_val *provisioned(yyjson_val *side, const char *direction)
{
    const bool is_read = direction[0] == 'R';
    yyjson_val *settings = mr_json_get(side, is_read ? "ReadProvisionedThroughputSettings"
                                                     : "WriteProvisionedThroughputSettings");
    yyjson_val *units = mr_json_get(settings, is_read ? "ReadCapacityUnits" : "WriteCapacityUnits");
    yyjson_val *scaling = mr_json_get(settings, is_read ? "ReadCapacityAutoScalingSettings"
                                                        : "WriteCapacityAutoScalingSettings");
    yyjson_val *seed = mr_json_get(scaling, "SeedCapacity");
    return units != NULL ? units : seed != NULL ? seed : mr_json_get(scaling, "MinCapacity");
}

static void put_pair(struct mr_json *json, const char *member, const char *read_name,
                     yyjson_val *read, const char *write_name, yyjson_val *write)
{
    if (read == NULL && write == NULL)
        return;
    mr_json_key(json, member);
    mr_json_object(json);
    mr_json_key_value(json, read_name, read);
    mr_json_key_value(json, write_name, write);
    mr_json_object_end(json);
}

/* Of the table, or of an index: reads are the replica's, writes are everybody's. */
static void put_capacity(struct mr_json *json, yyjson_val *here, yyjson_val *all)
{
    put_pair(json, "ProvisionedThroughput", "ReadCapacityUnits", provisioned(here, "Read"),
             "WriteCapacityUnits", provisioned(all, "Write"));
    put_pair(
        json, "OnDemandThroughput", "MaxReadRequestUnits",
        mr_json_get(mr_json_get(here, "ReadOnDemandThroughputSettings"), "MaxReadRequestUnits"),
        "MaxWriteRequestUnits",
        mr_json_get(mr_json_get(all, "WriteOnDemandThroughputSettings"), "MaxWriteRequestUnits"));
}

/* ---- the table ---- */

static yyjson_val *index_here(yyjson_val *replica, struct mr_slice name)
{
    yyjson_val *indexes = mr_json_get(replica, "GlobalSecondaryIndexes");
    for (size_t i = 0; i < yyjson_arr_size(indexes); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(indexes, i), "IndexName"), name))
            return yyjson_arr_get(indexes, i);
    return NULL;
}

static void put_indexes(struct mr_json *json, yyjson_val *global, yyjson_val *replica)
{
    static const char *const same[] = {"IndexName", "KeySchema", "Projection", "WarmThroughput"};
    yyjson_val *indexes = mr_json_get(global, "GlobalSecondaryIndexes");
    if (yyjson_arr_size(indexes) == 0)
        return;
    mr_json_key(json, "GlobalSecondaryIndexes");
    mr_json_array(json);
    for (size_t i = 0; i < yyjson_arr_size(indexes); i++) {
        yyjson_val *index = yyjson_arr_get(indexes, i);
        mr_json_object(json);
        copy(json, index, same, MR_COUNT(same));
        put_capacity(json, index_here(replica, mr_json_get_text(index, "IndexName")), index);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void put_encryption(struct mr_json *json, yyjson_val *global, yyjson_val *replica)
{
    static const char *const shared[] = {"SSEEnabled", "SSEType"}, *const own[] = {
                                                                       "KMSMasterKeyId"};
    yyjson_val *specification = mr_json_get(global, "SSESpecification");
    if (specification == NULL)
        return;
    mr_json_key(json, "SSESpecification");
    mr_json_object(json);
    copy(json, specification, shared, MR_COUNT(shared));
    copy(json, mr_json_get(replica, "SSESpecification"), own, MR_COUNT(own));
    mr_json_object_end(json);
}

/* What a table says; empty objects are fine. */
static yyjson_val *as_table(struct resource_call *call, yyjson_val *global)
{
    static const char *const shared[] = {"TableName",
                                         "KeySchema",
                                         "AttributeDefinitions",
                                         "BillingMode",
                                         "LocalSecondaryIndexes",
                                         "StreamSpecification",
                                         "TimeToLiveSpecification",
                                         "WarmThroughput"};
    static const char *const own[] = {"DeletionProtectionEnabled",
                                      "KinesisStreamSpecification",
                                      "PointInTimeRecoverySpecification",
                                      "ResourcePolicy",
                                      "TableClass",
                                      "Tags"};
    yyjson_val *replica = yyjson_arr_get_first(mr_json_get(global, "Replicas"));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    copy(&json, global, shared, MR_COUNT(shared));
    copy(&json, replica, own, MR_COUNT(own));
    put_capacity(&json, replica, global);
    put_indexes(&json, global, replica);
    put_encryption(&json, global, replica);
    mr_json_object_end(&json);
    yyjson_val *table = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return table;
}

static bool is_off(yyjson_val *specification)
{
    yyjson_val *enabled = mr_json_get(specification, "Enabled");
    return specification == NULL || yyjson_is_false(enabled) ||
           mr_slice_equal(mr_json_text(enabled), MR_S("false"));
}

/* One replica, here, of which nothing is said that is not carried out. */
static bool check_replicas(struct resource_call *call)
{
    static const char *const known[] = {"Region",
                                        "ContributorInsightsSpecification",
                                        "DeletionProtectionEnabled",
                                        "GlobalSecondaryIndexes",
                                        "KinesisStreamSpecification",
                                        "PointInTimeRecoverySpecification",
                                        "ReadOnDemandThroughputSettings",
                                        "ReadProvisionedThroughputSettings",
                                        "ResourcePolicy",
                                        "SSESpecification",
                                        "TableClass",
                                        "Tags"};
    yyjson_val *replicas = resource_property(call, "Replicas");
    yyjson_val *replica = yyjson_arr_get_first(replicas);
    struct mr_slice other;
    if (yyjson_arr_size(replicas) != 1 ||
        !mr_slice_equal(mr_json_get_text(replica, "Region"), call->region))
        resource_fail(call,
                      "millrace keeps a global table in one region: Replicas must be the one of "
                      "'%.*s'",
                      MR_ARG(call->region));
    else if (mr_json_has_other(replica, known, MR_COUNT(known), &other))
        resource_fail(call, "Encountered unsupported property /Replicas/0/%.*s", MR_ARG(other));
    else if (!is_off(mr_json_get(replica, "ContributorInsightsSpecification")))
        resource_fail(call, "Encountered unsupported property "
                            "/Replicas/0/ContributorInsightsSpecification");
    return call->reason.len == 0;
}

/* The call with a table's properties, which the table's functions then work on. */
static void translate(struct resource_call *call)
{
    call->properties = as_table(call, call->properties);
    if (call->before != NULL)
        call->before = as_table(call, call->before);
}

static void global_create(struct resource_call *call)
{
    if (!check_replicas(call)) {
        call->physical = MR_S("");
        return;
    }
    translate(call);
    resource_table.create(call);
}

static void global_update(struct resource_call *call)
{
    if (!check_replicas(call))
        return;
    translate(call);
    resource_table.update(call);
}

static bool global_exists(struct resource_call *call)
{
    return resource_table.exists(call);
}

static void global_drop(struct resource_call *call)
{
    resource_table.drop(call);
}

const struct resource_type resource_global_table = {
    .name = "AWS::DynamoDB::GlobalTable",
    .service = "DynamoDb",
    .properties = global_properties,
    .property_count = MR_COUNT(global_properties),
    .attributes = global_attributes,
    .name_property = "TableName",
    .name_max = 255,
    .exists = global_exists,
    .create = global_create,
    .update = global_update,
    .drop = global_drop,
};
