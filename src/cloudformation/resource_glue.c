/* AWS::Glue::Database, Table, Partition, Classifier and Crawler */
#include "cloudformation/resource_types.h"

static const char *const no_attributes[] = {NULL};

/* What databases and tables have in common: an input object with the name in it. */
static void send_input(struct resource_call *call, const char *operation, const char *member,
                       bool is_new)
{
    struct request request;
    request_open(&request, call, "glue", operation);
    request_value(&request, "CatalogId", resource_property(call, "CatalogId"));
    if (member[0] == 'T')
        request_value(&request, "DatabaseName", resource_property(call, "DatabaseName"));
    else if (!is_new)
        request_text(&request, "Name", call->physical);
    request_value(
        &request, member,
        resource_with(call->arena, resource_property(call, member), "Name", call->physical));
    if (request_send(&request) != NULL || resource_fault_is_ours(call))
        return;
    resource_fail_fault(call);
    if (is_new)
        call->physical = MR_S("");
}

static bool name_changed(yyjson_val *now, yyjson_val *before, const char *member)
{
    yyjson_val *new_name = mr_json_get(mr_json_get(now, member), "Name");
    return !resource_json_equal(new_name, mr_json_get(mr_json_get(before, member), "Name"));
}

/* ---- AWS::Glue::Database ---- */

static const struct resource_property database_properties[] = {
    {"CatalogId", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"DatabaseInput", RESOURCE_REQUIRED},
};

static bool database_replaces(yyjson_val *now, yyjson_val *before)
{
    return name_changed(now, before, "DatabaseInput");
}

static bool database_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "GetDatabase");
    request_text(&request, "Name", call->physical);
    return request_send(&request) != NULL;
}

static void database_create(struct resource_call *call)
{
    send_input(call, "CreateDatabase", "DatabaseInput", true);
}

static void database_update(struct resource_call *call)
{
    send_input(call, "UpdateDatabase", "DatabaseInput", false);
}

static void database_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "DeleteDatabase");
    request_value(&request, "CatalogId", resource_property(call, "CatalogId"));
    request_text(&request, "Name", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_database = {
    .name = "AWS::Glue::Database",
    .service = "Glue",
    .properties = database_properties,
    .property_count = MR_COUNT(database_properties),
    .attributes = no_attributes,
    .name_parent = "DatabaseInput",
    .name_property = "Name",
    .name_max = 255,
    .name_lower = true,
    .replaces = database_replaces,
    .exists = database_exists,
    .create = database_create,
    .update = database_update,
    .drop = database_drop,
};

/* ---- AWS::Glue::Table ---- */

static const struct resource_property table_properties[] = {
    {"CatalogId", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"DatabaseName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"TableInput", RESOURCE_REQUIRED},
};

static const char *const table_attributes[] = {"Id", NULL};

static bool table_replaces(yyjson_val *now, yyjson_val *before)
{
    return name_changed(now, before, "TableInput");
}

static bool table_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "GetTable");
    request_value(&request, "DatabaseName", resource_property(call, "DatabaseName"));
    request_text(&request, "Name", call->physical);
    return request_send(&request) != NULL;
}

static void table_create(struct resource_call *call)
{
    send_input(call, "CreateTable", "TableInput", true);
    resource_attribute(call, "Id", call->physical);
}

static void table_update(struct resource_call *call)
{
    send_input(call, "UpdateTable", "TableInput", false);
    resource_attribute(call, "Id", call->physical);
}

static void table_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "DeleteTable");
    request_value(&request, "CatalogId", resource_property(call, "CatalogId"));
    request_value(&request, "DatabaseName", resource_property(call, "DatabaseName"));
    request_text(&request, "Name", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_glue_table = {
    .name = "AWS::Glue::Table",
    .service = "Glue",
    .properties = table_properties,
    .property_count = MR_COUNT(table_properties),
    .attributes = table_attributes,
    .name_parent = "TableInput",
    .name_scope = "DatabaseName",
    .name_property = "Name",
    .name_max = 255,
    .name_lower = true,
    .replaces = table_replaces,
    .exists = table_exists,
    .create = table_create,
    .update = table_update,
    .drop = table_drop,
};

/* ---- AWS::Glue::Partition ---- */

static const struct resource_property partition_properties[] = {
    {"CatalogId", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"DatabaseName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"TableName", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"PartitionInput", RESOURCE_REQUIRED},
};

static yyjson_val *partition_values(const struct resource_call *call)
{
    return mr_json_get(resource_property(call, "PartitionInput"), "Values");
}

static bool partition_replaces(yyjson_val *now, yyjson_val *before)
{
    return !resource_json_equal(mr_json_get(mr_json_get(now, "PartitionInput"), "Values"),
                                mr_json_get(mr_json_get(before, "PartitionInput"), "Values"));
}

static void partition_open(struct request *request, struct resource_call *call,
                           const char *operation)
{
    static const char *const place[] = {"CatalogId", "DatabaseName", "TableName"};
    request_open(request, call, "glue", operation);
    request_properties(request, place, MR_COUNT(place));
}

/* database|table|value|... */
static struct mr_slice partition_id(const struct resource_call *call)
{
    struct mr_buf buf = {0};
    size_t index, max;
    yyjson_val *value;
    mr_buf_append(&buf, resource_property_text(call, "DatabaseName"));
    mr_buf_byte(&buf, '|');
    mr_buf_append(&buf, resource_property_text(call, "TableName"));
    yyjson_arr_foreach(partition_values(call), index, max, value)
    {
        mr_buf_byte(&buf, '|');
        mr_buf_append(&buf, mr_json_text(value));
    }
    struct mr_slice id = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return id;
}

static void partition_create(struct resource_call *call)
{
    struct request request;
    partition_open(&request, call, "CreatePartition");
    request_value(&request, "PartitionInput", resource_property(call, "PartitionInput"));
    if (request_done(&request))
        call->physical = partition_id(call);
}

static void partition_update(struct resource_call *call)
{
    struct request request;
    partition_open(&request, call, "UpdatePartition");
    request_value(&request, "PartitionValueList", partition_values(call));
    request_value(&request, "PartitionInput", resource_property(call, "PartitionInput"));
    (void)request_done(&request);
}

static void partition_drop(struct resource_call *call)
{
    struct request request;
    partition_open(&request, call, "DeletePartition");
    request_value(&request, "PartitionValues", partition_values(call));
    request_drop(&request, NULL);
}

const struct resource_type resource_partition = {
    .name = "AWS::Glue::Partition",
    .service = "Glue",
    .properties = partition_properties,
    .property_count = MR_COUNT(partition_properties),
    .attributes = no_attributes,
    .replaces = partition_replaces,
    .create = partition_create,
    .update = partition_update,
    .drop = partition_drop,
};

/* ---- AWS::Glue::Classifier ---- */

static const struct resource_property classifier_properties[] = {
    {"CsvClassifier", 0},
    {"GrokClassifier", 0},
    {"JsonClassifier", 0},
    {"XMLClassifier", 0},
};

/* The kind of a classifier that the properties give; NULL: none. */
static const char *classifier_kind(yyjson_val *properties)
{
    for (size_t i = 0; i < MR_COUNT(classifier_properties); i++) {
        if (mr_json_get(properties, classifier_properties[i].name) != NULL)
            return classifier_properties[i].name;
    }
    return NULL;
}

static bool classifier_replaces(yyjson_val *now, yyjson_val *before)
{
    const char *kind = classifier_kind(now), *old = classifier_kind(before);
    return kind != NULL &&
           (old == NULL || strcmp(kind, old) != 0 || name_changed(now, before, kind));
}

/* AWS: what Glue calls CustomDatatypes has another name in templates. */
static yyjson_val *classifier_input(struct resource_call *call, yyjson_val *given)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(given, i, count, key, value)
    {
        struct mr_slice name = mr_json_text(key);
        mr_json_name(&json, mr_slice_equal(name, MR_S("ContainsCustomDatatype"))
                                ? MR_S("CustomDatatypes")
                                : name);
        mr_json_value(&json, value);
    }
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return resource_with(call->arena, input, "Name", call->physical);
}

static bool send_classifier(struct resource_call *call, const char *operation)
{
    const char *kind = classifier_kind(call->properties);
    struct request request;
    if (kind == NULL) {
        resource_fail(call, "A classifier needs one of its four kinds");
        return false;
    }
    yyjson_val *input = resource_property(call, kind);
    request_open(&request, call, "glue", operation);
    request_value(&request, kind, classifier_input(call, input));
    return request_done(&request);
}

static void classifier_create(struct resource_call *call)
{
    const char *kind = classifier_kind(call->properties);
    struct mr_slice given =
        kind == NULL ? MR_S("") : mr_json_get_text(resource_property(call, kind), "Name");
    if (given.len > 0)
        call->physical = given;
    if (!send_classifier(call, "CreateClassifier"))
        call->physical = MR_S("");
}

static void classifier_update(struct resource_call *call)
{
    (void)send_classifier(call, "UpdateClassifier");
}

static void classifier_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "DeleteClassifier");
    request_text(&request, "Name", call->physical);
    request_drop(&request, NULL);
}

const struct resource_type resource_classifier = {
    .name = "AWS::Glue::Classifier",
    .service = "Glue",
    .properties = classifier_properties,
    .property_count = MR_COUNT(classifier_properties),
    .attributes = no_attributes,
    .name_property = "Name", /* of the kind's object; one of the stack's own when there is none */
    .name_max = 255,
    .replaces = classifier_replaces,
    .create = classifier_create,
    .update = classifier_update,
    .drop = classifier_drop,
};

/* ---- AWS::Glue::Crawler ---- */

static const struct resource_property crawler_properties[] = {
    {"Name", RESOURCE_REPLACES},
    {"Role", RESOURCE_REQUIRED},
    {"Targets", RESOURCE_REQUIRED},
    {"DatabaseName", 0},
    {"Description", 0},
    {"TablePrefix", 0},
    {"Schedule", 0},
    {"SchemaChangePolicy", 0},
    {"RecrawlPolicy", 0},
    {"Configuration", 0},
    {"Classifiers", 0},
    {"CrawlerSecurityConfiguration", 0},
    {"LakeFormationConfiguration", 0},
    {"Tags", 0},
};

static void put_crawler(struct request *request)
{
    static const char *const same[] = {"Role",
                                       "Targets",
                                       "DatabaseName",
                                       "Description",
                                       "TablePrefix",
                                       "SchemaChangePolicy",
                                       "RecrawlPolicy",
                                       "Classifiers",
                                       "CrawlerSecurityConfiguration",
                                       "LakeFormationConfiguration"};
    struct resource_call *call = request->call;
    request_text(request, "Name", call->physical);
    request_properties(request, same, MR_COUNT(same));
    request_document(request, "Configuration", resource_property(call, "Configuration"));
    yyjson_val *expression = mr_json_get(resource_property(call, "Schedule"), "ScheduleExpression");
    if (expression != NULL)
        request_text(request, "Schedule", mr_json_text(expression));
    else if (resource_changed(call, "Schedule"))
        request_text(request, "Schedule", MR_S(""));
}

static bool crawler_exists(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "GetCrawler");
    request_text(&request, "Name", call->physical);
    return request_send(&request) != NULL;
}

static void crawler_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "CreateCrawler");
    put_crawler(&request);
    request_tag_map(&request, "Tags", resource_property(call, "Tags"));
    if (request_send(&request) != NULL || resource_fault_is_ours(call))
        return;
    resource_fail_fault(call);
    call->physical = MR_S("");
}

static void crawler_update(struct resource_call *call)
{
    static const struct resource_tagging tagging = {
        .service = "glue",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "ResourceArn",
        .tags_member = "TagsToAdd",
        .untagged_member = "TagsToRemove",
    };
    static const struct {
        const char *member, *json;
    } defaults[] = {
        {"Description", "\"\""},
        {"DatabaseName", "\"\""},
        {"TablePrefix", "\"\""},
        {"Configuration", "\"\""},
        {"Classifiers", "[]"},
        {"RecrawlPolicy", "{\"RecrawlBehavior\":\"CRAWL_EVERYTHING\"}"},
        {"SchemaChangePolicy", "{\"UpdateBehavior\":\"UPDATE_IN_DATABASE\","
                               "\"DeleteBehavior\":\"DEPRECATE_IN_DATABASE\"}"},
    };
    struct request request;
    request_open(&request, call, "glue", "UpdateCrawler");
    put_crawler(&request);
    for (size_t i = 0; i < MR_COUNT(defaults); i++)
        (void)request_reset(&request, defaults[i].member, defaults[i].json);
    if (request_done(&request))
        (void)resource_retag(call, &tagging,
                             mr_arena_printf(call->arena, "arn:aws:glue:%.*s:%.*s:crawler/%.*s",
                                             MR_ARG(call->region), MR_ARG(call->account),
                                             MR_ARG(call->physical)));
}

/* A crawler that runs is stopped first. */
static enum resource_ready crawler_is_gone(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "glue", "DeleteCrawler");
    request_text(&request, "Name", call->physical);
    if (request_send(&request) != NULL || resource_fault_is_gone(call))
        return RESOURCE_READY;
    if (!resource_fault_is(call, "CrawlerRunningException")) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    request_open(&request, call, "glue", "StopCrawler");
    request_text(&request, "Name", call->physical);
    (void)request_send(&request); /* it may have ended meanwhile */
    return RESOURCE_NOT_YET;
}

static void crawler_drop(struct resource_call *call)
{
    (void)resource_wait(call, crawler_is_gone);
}

const struct resource_type resource_crawler = {
    .name = "AWS::Glue::Crawler",
    .service = "Glue",
    .properties = crawler_properties,
    .property_count = MR_COUNT(crawler_properties),
    .attributes = no_attributes,
    .name_property = "Name",
    .name_max = 255,
    .exists = crawler_exists,
    .create = crawler_create,
    .update = crawler_update,
    .drop = crawler_drop,
};
