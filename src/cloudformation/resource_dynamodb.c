/* AWS::DynamoDB::Table */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

static const struct resource_property properties[] = {
    {"TableName", RESOURCE_REPLACES},
    {"KeySchema", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"AttributeDefinitions", 0},
    {"BillingMode", 0},
    {"ProvisionedThroughput", 0},
    {"OnDemandThroughput", 0},
    {"WarmThroughput", 0},
    {"GlobalSecondaryIndexes", 0},
    {"ImportSourceSpecification", RESOURCE_REPLACES},
    {"LocalSecondaryIndexes", RESOURCE_REPLACES},
    {"StreamSpecification", 0},
    {"KinesisStreamSpecification", 0},
    {"TimeToLiveSpecification", 0},
    {"PointInTimeRecoverySpecification", 0},
    {"SSESpecification", 0},
    {"TableClass", 0},
    {"DeletionProtectionEnabled", 0},
    {"ResourcePolicy", 0},
    {"Tags", 0},
};

static const char *const attributes[] = {"Arn", "StreamArn", NULL};

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "dynamodb", "DescribeTable");
    request_text(&request, "TableName", call->physical);
    return mr_json_get(request_send(&request), "Table");
}

static bool indexes_are_active(yyjson_val *table)
{
    yyjson_val *indexes = mr_json_get(table, "GlobalSecondaryIndexes");
    for (size_t i = 0; i < yyjson_arr_size(indexes); i++)
        if (!mr_slice_equal(mr_json_get_text(yyjson_arr_get(indexes, i), "IndexStatus"),
                            MR_S("ACTIVE")))
            return false;
    return true;
}

static enum resource_ready is_active(struct resource_call *call)
{
    yyjson_val *table = describe(call);
    if (table == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    call->attribute_count = 0; /* a stream may have ended meanwhile */
    if (!mr_slice_equal(mr_json_get_text(table, "TableStatus"), MR_S("ACTIVE")) ||
        !indexes_are_active(table))
        return RESOURCE_NOT_YET;
    resource_attribute(call, "Arn", mr_json_get_text(table, "TableArn"));
    resource_attribute(call, "TableId", mr_json_get_text(table, "TableId"));
    if (mr_json_get_bool(mr_json_get(table, "StreamSpecification"), "StreamEnabled", false))
        resource_attribute(call, "StreamArn", mr_json_get_text(table, "LatestStreamArn"));
    return RESOURCE_READY;
}

static enum resource_ready is_gone(struct resource_call *call)
{
    return resource_is_gone(call, describe(call));
}

/* Here the presence of StreamSpecification enables the stream; the API has a member for that. */
static void put_stream(struct request *request, yyjson_val *specification)
{
    struct mr_json *json = &request->json;
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_key(json, "StreamSpecification");
    mr_json_object(json);
    mr_json_key_bool(json, "StreamEnabled", specification != NULL);
    yyjson_obj_foreach(members_of(specification), i, count, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), MR_S("StreamViewType")))
            mr_json_key_string(json, "StreamViewType", mr_json_text(value));
        else if (request->coercion.error.len == 0)
            request->coercion.error = mr_arena_printf(
                request->call->arena, "Encountered unsupported property StreamSpecification/%.*s",
                MR_ARG(mr_json_text(key)));
    }
    mr_json_object_end(json);
}

/* SSEEnabled is called Enabled in the API. */
static yyjson_val *encryption_of(struct mr_arena *arena, yyjson_val *specification)
{
    struct mr_buf buf MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t i, count;
    if (specification == NULL)
        return NULL;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(specification), i, count, key, value)
    {
        bool enabled = mr_slice_equal(mr_json_text(key), MR_S("SSEEnabled"));
        mr_json_name(&json, enabled ? MR_S("Enabled") : mr_json_text(key));
        mr_json_value(&json, value);
    }
    mr_json_object_end(&json);
    return mr_json_parse(arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
}

static void put_encryption(struct request *request, yyjson_val *specification)
{
    request_value(request, "SSESpecification", encryption_of(request->call->arena, specification));
}

/* ---- what has operations of its own ---- */

/* A flag of a template may be a text. */
static bool is_on(yyjson_val *specification, const char *member)
{
    yyjson_val *flag = mr_json_get(specification, member);
    return yyjson_is_true(flag) || mr_slice_equal(mr_json_text(flag), MR_S("true"));
}

/* The API refuses to switch off what is off. */
static bool set_time_to_live(struct resource_call *call)
{
    yyjson_val *specification = resource_property(call, "TimeToLiveSpecification");
    yyjson_val *before = mr_json_get(call->before, "TimeToLiveSpecification");
    struct request request;
    if (!is_on(specification, "Enabled") && !is_on(before, "Enabled"))
        return true;
    request_open(&request, call, "dynamodb", "UpdateTimeToLive");
    request_text(&request, "TableName", call->physical);
    request_value(&request, "TimeToLiveSpecification",
                  specification != NULL
                      ? specification
                      : resource_with(call->arena, before, "Enabled", MR_S("false")));
    return request_done(&request);
}

static bool set_recovery(struct resource_call *call)
{
    static const char property[] = "PointInTimeRecoverySpecification";
    yyjson_val *specification = resource_property(call, property);
    yyjson_val *before = mr_json_get(call->before, property);
    const bool is_on =
        mr_json_get_bool(specification, "PointInTimeRecoveryEnabled", false) ||
        mr_slice_equal_nocase(mr_json_get_text(specification, "PointInTimeRecoveryEnabled"),
                              MR_S("true"));
    struct request request;
    if (before == NULL && !is_on)
        return true;
    request_open(&request, call, "dynamodb", "UpdateContinuousBackups");
    request_text(&request, "TableName", call->physical);
    request_value(&request, property, specification);
    (void)request_reset(&request, property, "{\"PointInTimeRecoveryEnabled\":false}");
    return request_done(&request);
}

/* The table's destination of that specification, as Describe tells it; or NULL. */
static yyjson_val *find_destination(struct resource_call *call, yyjson_val *specification)
{
    struct request request;
    request_open(&request, call, "dynamodb", "DescribeKinesisStreamingDestination");
    request_text(&request, "TableName", call->physical);
    yyjson_val *list = mr_json_get(request_send(&request), "KinesisDataStreamDestinations");
    for (size_t i = 0; i < yyjson_arr_size(list); i++) {
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(list, i), "StreamArn"),
                           mr_json_get_text(specification, "StreamArn")))
            return yyjson_arr_get(list, i);
    }
    return NULL;
}

static enum resource_ready destination_is_active(struct resource_call *call)
{
    yyjson_val *specification = resource_property(call, "KinesisStreamSpecification");
    yyjson_val *destination = find_destination(call, specification);
    struct mr_slice status = mr_json_get_text(destination, "DestinationStatus");
    if (mr_slice_equal(status, MR_S("ACTIVE")))
        return RESOURCE_READY;
    if (!mr_slice_equal(status, MR_S("ENABLE_FAILED")))
        return RESOURCE_NOT_YET;
    resource_fail(call, "%.*s",
                  MR_ARG(mr_json_get_text(destination, "DestinationStatusDescription")));
    return RESOURCE_BROKEN;
}

static enum resource_ready destination_is_disabled(struct resource_call *call)
{
    yyjson_val *before = mr_json_get(call->before, "KinesisStreamSpecification");
    struct mr_slice status = mr_json_get_text(find_destination(call, before), "DestinationStatus");
    return mr_slice_equal(status, MR_S("DISABLED")) ? RESOURCE_READY : RESOURCE_NOT_YET;
}

static bool set_kinesis(struct resource_call *call)
{
    static const char precision[] = "ApproximateCreationDateTimePrecision";
    yyjson_val *specification = resource_property(call, "KinesisStreamSpecification");
    struct request request;
    if (specification == NULL)
        return true;
    request_open(&request, call, "dynamodb", "EnableKinesisStreamingDestination");
    request_text(&request, "TableName", call->physical);
    request_value(&request, "StreamArn", mr_json_get(specification, "StreamArn"));
    if (mr_json_get(specification, precision) != NULL)
        request_value(&request, "EnableKinesisStreamingConfiguration",
                      resource_with(call->arena, NULL, precision,
                                    mr_json_get_text(specification, precision)));
    return request_done(&request) && resource_wait(call, destination_is_active);
}

/* Another stream, or none: the one before ends, having got what was changed until then. */
static bool update_kinesis(struct resource_call *call)
{
    yyjson_val *before = mr_json_get(call->before, "KinesisStreamSpecification");
    struct request request;
    if (!resource_changed(call, "KinesisStreamSpecification"))
        return true;
    /* One that failed is no longer in the way. */
    struct mr_slice status = mr_json_get_text(find_destination(call, before), "DestinationStatus");
    if (mr_slice_equal(status, MR_S("ACTIVE"))) {
        request_open(&request, call, "dynamodb", "DisableKinesisStreamingDestination");
        request_text(&request, "TableName", call->physical);
        request_value(&request, "StreamArn", mr_json_get(before, "StreamArn"));
        if (!request_done(&request) || !resource_wait(call, destination_is_disabled))
            return false;
    }
    return set_kinesis(call);
}

/* ---- a table that is imported ---- */

/* What ImportTable makes; all else is an update of that. */
static const char *const imported[] = {
    "AttributeDefinitions", "KeySchema",        "BillingMode",           "ProvisionedThroughput",
    "OnDemandThroughput",   "SSESpecification", "GlobalSecondaryIndexes"};

static yyjson_val *imported_properties(struct resource_call *call, bool of_the_api)
{
    struct mr_buf buf MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    if (of_the_api)
        mr_json_key_string(&json, "TableName", call->physical);
    for (size_t i = 0; i < MR_COUNT(imported); i++) {
        yyjson_val *value = resource_property(call, imported[i]);
        if (of_the_api && mr_slice_equal(mr_slice_cstr(imported[i]), MR_S("SSESpecification")))
            value = encryption_of(call->arena, value);
        mr_json_key_value(&json, imported[i], value);
    }
    mr_json_object_end(&json);
    return mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
}

/* Begins the import, or asks for it: the token makes a repeat tell how it stands. */
static yyjson_val *send_import(struct resource_call *call)
{
    static const char *const members[] = {"S3BucketSource", "InputFormat", "InputFormatOptions",
                                          "InputCompressionType"};
    yyjson_val *specification = resource_property(call, "ImportSourceSpecification"), *key, *value;
    struct request request;
    size_t i, count;
    request_open(&request, call, "dynamodb", "ImportTable");
    request_text(&request, "ClientToken", call->token);
    yyjson_obj_foreach(members_of(specification), i, count, key, value)
    {
        bool known = false;
        for (size_t j = 0; j < MR_COUNT(members); j++)
            known = known || mr_slice_equal(mr_json_text(key), mr_slice_cstr(members[j]));
        if (known)
            request_value(&request, yyjson_get_str(key), value);
        else if (request.coercion.error.len == 0)
            request.coercion.error = mr_arena_printf(
                call->arena, "Encountered unsupported property ImportSourceSpecification/%.*s",
                MR_ARG(mr_json_text(key)));
    }
    request_value(&request, "TableCreationParameters", imported_properties(call, true));
    return mr_json_get(request_send(&request), "ImportTableDescription");
}

static enum resource_ready is_imported(struct resource_call *call)
{
    yyjson_val *description = send_import(call);
    struct mr_slice status = mr_json_get_text(description, "ImportStatus");
    if (mr_slice_equal(status, MR_S("COMPLETED")))
        return RESOURCE_READY;
    if (mr_slice_equal(status, MR_S("IN_PROGRESS")))
        return RESOURCE_NOT_YET;
    if (description == NULL)
        resource_fail_fault(call);
    else
        resource_fail(call, "%.*s", MR_ARG(mr_json_get_text(description, "FailureMessage")));
    return RESOURCE_BROKEN;
}

/* ---- create ---- */

static bool exists(struct resource_call *call)
{
    return describe(call) != NULL;
}

static void create_plain(struct resource_call *call)
{
    static const char *const same[] = {"KeySchema",
                                       "AttributeDefinitions",
                                       "BillingMode",
                                       "ProvisionedThroughput",
                                       "OnDemandThroughput",
                                       "WarmThroughput",
                                       "GlobalSecondaryIndexes",
                                       "LocalSecondaryIndexes",
                                       "TableClass",
                                       "DeletionProtectionEnabled"};
    struct request request;
    request_open(&request, call, "dynamodb", "CreateTable");
    request_text(&request, "TableName", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    if (resource_property(call, "StreamSpecification") != NULL)
        put_stream(&request, resource_property(call, "StreamSpecification"));
    put_encryption(&request, resource_property(call, "SSESpecification"));
    request_document(&request, "ResourcePolicy",
                     mr_json_get(resource_property(call, "ResourcePolicy"), "PolicyDocument"));
    request_tag_list(&request, "Tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    if (resource_wait(call, is_active) && set_time_to_live(call) && set_recovery(call))
        (void)set_kinesis(call);
}

/* ---- update ---- */

static bool send_stream(struct resource_call *call, yyjson_val *specification)
{
    struct request request;
    request_open(&request, call, "dynamodb", "UpdateTable");
    request_text(&request, "TableName", call->physical);
    put_stream(&request, specification);
    return request_done(&request) && resource_wait(call, is_active);
}

/* A view type can only be changed by a stream that ends and another that begins. */
static bool update_stream(struct resource_call *call)
{
    if (!resource_changed(call, "StreamSpecification"))
        return true;
    yyjson_val *specification = resource_property(call, "StreamSpecification");
    if (mr_json_get(call->before, "StreamSpecification") != NULL && !send_stream(call, NULL))
        return false;
    return specification == NULL || send_stream(call, specification);
}

/* What has no default stays as it is when the template no longer says it. */
static bool put_change(struct request *request, struct resource_call *call, const char *member,
                       const char *fallback)
{
    yyjson_val *value = resource_property(call, member);
    if (!resource_changed(call, member) || (value == NULL && fallback == NULL))
        return false;
    request_value(request, member, value);
    (void)request_reset(request, member, fallback);
    return true;
}

static bool send_change(struct request *request, struct resource_call *call, bool any)
{
    if (any)
        return request_done(request) && resource_wait(call, is_active);
    mr_buf_fini(&request->buf);
    return true;
}

static yyjson_val *find_index(yyjson_val *indexes, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(indexes); i++) {
        yyjson_val *index = yyjson_arr_get(indexes, i);
        if (mr_slice_equal(mr_json_get_text(index, "IndexName"), name))
            return index;
    }
    return NULL;
}

/* The index as it was before, when it can stay and at most its throughput changes; or NULL. */
static yyjson_val *find_kept(struct resource_call *call, yyjson_val *index)
{
    yyjson_val *before = find_index(mr_json_get(call->before, "GlobalSecondaryIndexes"),
                                    mr_json_get_text(index, "IndexName"));
    const bool kept =
        before != NULL &&
        resource_json_equal(mr_json_get(before, "KeySchema"), mr_json_get(index, "KeySchema")) &&
        resource_json_equal(mr_json_get(before, "Projection"), mr_json_get(index, "Projection"));
    return kept ? before : NULL;
}

static bool is_on_demand(yyjson_val *table)
{
    return mr_slice_equal(mr_json_get_text(table, "BillingMode"), MR_S("PAY_PER_REQUEST"));
}

/* Writes what of the index's throughput the table takes in its billing mode; whether there is any
 * that was not so before (`before` NULL: that is there). */
static bool write_tuning(struct mr_json *json, yyjson_val *index, yyjson_val *before,
                         bool on_demand)
{
    static const char *const members[] = {"ProvisionedThroughput", "OnDemandThroughput",
                                          "WarmThroughput"};
    bool any = false;
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        yyjson_val *now = mr_json_get(index, members[i]);
        yyjson_val *was = mr_json_get(before, members[i]);
        const bool limits = members[i][0] == 'O', fits = i == 2 || limits == on_demand;
        if (!fits || (now == NULL && (was == NULL || !limits)) ||
            (now != NULL && was != NULL && resource_json_equal(now, was)))
            continue;
        any = true;
        if (now != NULL)
            mr_json_key_value(json, members[i], now);
        else
            mr_json_key_raw(json, members[i],
                            MR_S("{\"MaxReadRequestUnits\":-1,\"MaxWriteRequestUnits\":-1}"));
    }
    return any;
}

/* The updates of the indexes that stay; NULL: none. With `all` each tells its throughput. */
static yyjson_val *index_updates(struct resource_call *call, bool all)
{
    yyjson_val *indexes = resource_property(call, "GlobalSecondaryIndexes");
    struct mr_buf list MR_CLEANUP(mr_buf_fini) = {0};
    mr_buf_byte(&list, '[');
    for (size_t i = 0; i < yyjson_arr_size(indexes); i++) {
        yyjson_val *index = yyjson_arr_get(indexes, i), *before = find_kept(call, index);
        struct mr_buf one MR_CLEANUP(mr_buf_fini) = {0};
        struct mr_json json = mr_json_make(&one);
        if (before == NULL)
            continue;
        mr_json_object(&json);
        mr_json_key(&json, "Update");
        mr_json_object(&json);
        mr_json_key_value(&json, "IndexName", mr_json_get(index, "IndexName"));
        const bool any =
            write_tuning(&json, index, all ? NULL : before, is_on_demand(call->properties));
        mr_json_object_end(&json);
        mr_json_object_end(&json);
        if (!any)
            continue;
        if (list.len > 1)
            mr_buf_byte(&list, ',');
        mr_buf_append(&list, mr_buf_slice(&one));
    }
    mr_buf_byte(&list, ']');
    if (list.len == 2)
        return NULL;
    return mr_json_parse(call->arena, mr_buf_slice(&list), MR_JSON_DEPTH_MAX);
}

/* AWS: what is no longer on demand is told its throughput at once, with all its indexes. */
static bool provisions(struct resource_call *call)
{
    return is_on_demand(call->before) && !is_on_demand(call->properties);
}

/* The billing mode goes with the throughput that it brings. */
static bool update_throughput(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "dynamodb", "UpdateTable");
    request_text(&request, "TableName", call->physical);
    /* To say what was the default until now, or no longer to say it, changes nothing. */
    const bool switches = is_on_demand(call->before) != is_on_demand(call->properties);
    bool any = switches && put_change(&request, call, "BillingMode", "\"PROVISIONED\"");
    if (is_on_demand(call->properties))
        any |= put_change(&request, call, "OnDemandThroughput",
                          "{\"MaxReadRequestUnits\":-1,\"MaxWriteRequestUnits\":-1}");
    if (any || resource_changed(call, "ProvisionedThroughput")) {
        any = true;
        request_value(&request, "ProvisionedThroughput",
                      resource_property(call, "ProvisionedThroughput"));
    }
    if (provisions(call))
        request_value(&request, "GlobalSecondaryIndexUpdates", index_updates(call, true));
    return send_change(&request, call, any);
}

/* AWS: these can only be changed alone. */
static bool update_alone(struct resource_call *call)
{
    static const struct {
        const char *member, *fallback;
    } members[] = {{"WarmThroughput", NULL},
                   {"TableClass", "\"STANDARD\""},
                   {"DeletionProtectionEnabled", "false"}};
    bool good = true;
    for (size_t i = 0; good && i < MR_COUNT(members); i++) {
        struct request request;
        request_open(&request, call, "dynamodb", "UpdateTable");
        request_text(&request, "TableName", call->physical);
        const bool any = put_change(&request, call, members[i].member, members[i].fallback);
        good = send_change(&request, call, any);
    }
    return good;
}

static bool update_encryption(struct resource_call *call)
{
    struct request request;
    const bool was = is_on(mr_json_get(call->before, "SSESpecification"), "SSEEnabled");
    if (!resource_changed(call, "SSESpecification") ||
        (!was && !is_on(resource_property(call, "SSESpecification"), "SSEEnabled")))
        return true;
    request_open(&request, call, "dynamodb", "UpdateTable");
    request_text(&request, "TableName", call->physical);
    put_encryption(&request, resource_property(call, "SSESpecification"));
    (void)request_reset(&request, "SSESpecification", "{\"Enabled\":false}");
    return request_done(&request) && resource_wait(call, is_active);
}

static bool update_table(struct resource_call *call)
{
    return update_throughput(call) && update_alone(call) && update_encryption(call);
}

/* One change of one index: the API takes one at a time. */
static bool send_index(struct resource_call *call, const char *action, yyjson_val *index)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    mr_json_object(&json);
    mr_json_key(&json, action);
    if (action[0] == 'D') {
        mr_json_object(&json);
        mr_json_key_value(&json, "IndexName", mr_json_get(index, "IndexName"));
        mr_json_object_end(&json);
    } else {
        mr_json_value(&json, index);
    }
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    yyjson_val *updates = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    struct request request;
    request_open(&request, call, "dynamodb", "UpdateTable");
    request_text(&request, "TableName", call->physical);
    if (action[0] == 'C')
        request_value(&request, "AttributeDefinitions",
                      resource_property(call, "AttributeDefinitions"));
    request_value(&request, "GlobalSecondaryIndexUpdates", updates);
    return request_done(&request) && resource_wait(call, is_active);
}

static bool drop_indexes(struct resource_call *call)
{
    yyjson_val *now = resource_property(call, "GlobalSecondaryIndexes");
    yyjson_val *before = mr_json_get(call->before, "GlobalSecondaryIndexes");
    bool good = true;
    for (size_t i = 0; good && i < yyjson_arr_size(before); i++) {
        yyjson_val *index = yyjson_arr_get(before, i);
        yyjson_val *same = find_index(now, mr_json_get_text(index, "IndexName"));
        if (same == NULL || find_kept(call, same) == NULL)
            good = send_index(call, "Delete", index);
    }
    return good;
}

static bool update_indexes(struct resource_call *call)
{
    yyjson_val *now = resource_property(call, "GlobalSecondaryIndexes");
    yyjson_val *updates = provisions(call) ? NULL : index_updates(call, false);
    bool good = true;
    if (updates != NULL) {
        struct request request;
        request_open(&request, call, "dynamodb", "UpdateTable");
        request_text(&request, "TableName", call->physical);
        request_value(&request, "GlobalSecondaryIndexUpdates", updates);
        good = request_done(&request) && resource_wait(call, is_active);
    }
    for (size_t i = 0; good && i < yyjson_arr_size(now); i++) {
        yyjson_val *index = yyjson_arr_get(now, i);
        if (find_kept(call, index) == NULL)
            good = send_index(call, "Create", index);
    }
    return good;
}

static bool update_policy(struct resource_call *call)
{
    yyjson_val *document = mr_json_get(resource_property(call, "ResourcePolicy"), "PolicyDocument");
    struct request request;
    if (!resource_changed(call, "ResourcePolicy"))
        return true;
    request_open(&request, call, "dynamodb",
                 document != NULL ? "PutResourcePolicy" : "DeleteResourcePolicy");
    request_text(&request, "ResourceArn", resource_attribute_value(call, "Arn"));
    request_document(&request, "Policy", document);
    return request_done(&request);
}

static const struct resource_tagging tagging = {
    .service = "dynamodb",
    .tag = "TagResource",
    .untag = "UntagResource",
    .id_member = "ResourceArn",
    .tags_member = "Tags",
    .untagged_member = "TagKeys",
    .as_list = true,
};

static void create_imported(struct resource_call *call)
{
    if (resource_property(call, "LocalSecondaryIndexes") != NULL) {
        resource_fail(call, "LocalSecondaryIndexes cannot be specified with "
                            "ImportSourceSpecification");
        call->physical = MR_S("");
        return;
    }
    if (send_import(call) == NULL) {
        resource_fail_fault(call);
        call->physical = MR_S("");
        return;
    }
    if (!resource_wait(call, is_imported) || !resource_wait(call, is_active))
        return;
    call->before = imported_properties(call, false);
    if (update_table(call) && update_stream(call) && resource_wait(call, is_active) &&
        set_time_to_live(call) && set_recovery(call) && set_kinesis(call) && update_policy(call))
        (void)resource_retag(call, &tagging, resource_attribute_value(call, "Arn"));
    call->before = NULL;
}

static void create(struct resource_call *call)
{
    if (resource_property(call, "ImportSourceSpecification") != NULL)
        create_imported(call);
    else
        create_plain(call);
}

static void update(struct resource_call *call)
{
    if (resource_changed(call, "AttributeDefinitions") &&
        !resource_changed(call, "GlobalSecondaryIndexes")) {
        resource_fail(call, "AttributeDefinitions cannot change while the keys of the table and "
                            "its indexes stay the same");
        return;
    }
    if (drop_indexes(call) && update_table(call) && update_stream(call) && update_indexes(call) &&
        (!resource_changed(call, "TimeToLiveSpecification") || set_time_to_live(call)) &&
        (!resource_changed(call, "PointInTimeRecoverySpecification") || set_recovery(call)) &&
        resource_wait(call, is_active) && update_kinesis(call) && update_policy(call))
        (void)resource_retag(call, &tagging, resource_attribute_value(call, "Arn"));
}

static void drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "dynamodb", "DeleteTable");
    request_text(&request, "TableName", call->physical);
    request_drop(&request, is_gone);
}

const struct resource_type resource_table = {
    .name = "AWS::DynamoDB::Table",
    .service = "DynamoDb",
    .properties = properties,
    .property_count = MR_COUNT(properties),
    .attributes = attributes,
    .name_property = "TableName",
    .name_max = 255,
    .exists = exists,
    .create = create,
    .update = update,
    .drop = drop,
};
