/* AWS::Pipes::Pipe */
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

static const struct resource_property properties[] = {
    {"Name", RESOURCE_REPLACES},
    {"RoleArn", RESOURCE_REQUIRED},
    {"Source", RESOURCE_REQUIRED | RESOURCE_REPLACES},
    {"Target", RESOURCE_REQUIRED},
    {"Description", 0},
    {"DesiredState", 0},
    {"SourceParameters", 0},
    {"TargetParameters", 0},
    {"Enrichment", 0},
    {"EnrichmentParameters", 0},
    {"LogConfiguration", 0},
    {"KmsKeyIdentifier", 0},
    {"Tags", 0},
};

static const char *const attributes[] = {"Arn",          "CurrentState",     "StateReason",
                                         "CreationTime", "LastModifiedTime", NULL};

/* Only a creation says these of its source. */
static bool is_for_creation_only(struct mr_slice name)
{
    return mr_slice_equal(name, MR_S("StartingPosition")) ||
           mr_slice_equal(name, MR_S("StartingPositionTimestamp"));
}

static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "pipes", "DescribePipe");
    request_text(&request, "Name", call->physical);
    return request_send(&request);
}

static enum resource_ready is_settled(struct resource_call *call)
{
    yyjson_val *pipe = describe(call);
    if (pipe == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    const struct mr_slice state = mr_json_get_text(pipe, "CurrentState");
    if (mr_slice_ends_with(state, MR_S("_FAILED"))) {
        resource_fail(call, "The pipe is %.*s: %.*s", MR_ARG(state),
                      MR_ARG(mr_json_get_text(pipe, "StateReason")));
        return RESOURCE_BROKEN;
    }
    if (!mr_slice_equal(state, mr_json_get_text(pipe, "DesiredState")))
        return RESOURCE_NOT_YET;
    for (size_t i = 0; attributes[i] != NULL; i++)
        resource_attribute(call, attributes[i], mr_json_get_text(pipe, attributes[i]));
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
    static const char *const same[] = {"RoleArn",
                                       "Source",
                                       "Target",
                                       "Description",
                                       "DesiredState",
                                       "Enrichment",
                                       "EnrichmentParameters",
                                       "SourceParameters",
                                       "TargetParameters",
                                       "LogConfiguration",
                                       "KmsKeyIdentifier"};
    struct request request;
    request_open(&request, call, "pipes", "CreatePipe");
    request_text(&request, "Name", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    request_tag_map(&request, "Tags", resource_property(call, "Tags"));
    if (!request_create(&request))
        return;
    (void)resource_wait(call, is_settled);
}

static bool replaces(yyjson_val *now, yyjson_val *before)
{
    static const char *const sources[] = {"DynamoDBStreamParameters", "KinesisStreamParameters"};
    static const char *const starts[] = {"StartingPosition", "StartingPositionTimestamp"};
    for (size_t i = 0; i < MR_COUNT(sources); i++) {
        yyjson_val *ours = mr_json_get(mr_json_get(now, "SourceParameters"), sources[i]);
        yyjson_val *theirs = mr_json_get(mr_json_get(before, "SourceParameters"), sources[i]);
        for (size_t k = 0; k < MR_COUNT(starts); k++)
            if (!resource_json_equal(mr_json_get(ours, starts[k]), mr_json_get(theirs, starts[k])))
                return true;
    }
    return false;
}

/* Parameters of the target or the enrichment; a template that the resource no longer has is removed
 * by an empty one, for UpdatePipe keeps what it does not name. */
static yyjson_val *parameters_update(struct resource_call *call, const char *name)
{
    yyjson_val *now = resource_property(call, name);
    const bool drops = mr_json_get(mr_json_get(call->before, name), "InputTemplate") != NULL &&
                       mr_json_get(now, "InputTemplate") == NULL;
    if (now == NULL && mr_json_get(call->before, name) == NULL)
        return NULL;
    yyjson_val *key, *value;
    size_t index, count;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(now), index, count, key, value)
    {
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    if (drops)
        mr_json_key_cstr(&json, "InputTemplate", "");
    mr_json_object_end(&json);
    yyjson_val *update = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return update;
}

/* The source's parameters less those of a creation. */
static yyjson_val *source_update(struct resource_call *call)
{
    yyjson_val *key, *value, *inner_key, *inner;
    size_t i, count, j, inner_count;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(resource_property(call, "SourceParameters")), i, count, key,
                       value)
    {
        mr_json_name(&json, mr_json_text(key));
        mr_json_object(&json);
        yyjson_obj_foreach(members_of(value), j, inner_count, inner_key, inner)
        {
            if (!is_for_creation_only(mr_json_text(inner_key))) {
                mr_json_name(&json, mr_json_text(inner_key));
                mr_json_value(&json, inner);
            }
        }
        mr_json_object_end(&json);
    }
    yyjson_val *before = mr_json_get(call->before, "SourceParameters");
    if (mr_json_get(before, "FilterCriteria") != NULL &&
        mr_json_get(resource_property(call, "SourceParameters"), "FilterCriteria") == NULL)
        mr_json_key_raw(&json, "FilterCriteria", MR_S("{\"Filters\":[]}"));
    mr_json_object_end(&json);
    yyjson_val *update = mr_json_parse(call->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return update;
}

static void update(struct resource_call *call)
{
    static const char *const same[] = {"RoleArn",         "Target",     "Description",
                                       "DesiredState",    "Enrichment", "LogConfiguration",
                                       "KmsKeyIdentifier"};
    static const char *const texts[] = {"Description", "Enrichment", "KmsKeyIdentifier"};
    static const char *const parameters[] = {"TargetParameters", "EnrichmentParameters"};
    static const struct resource_tagging tagging = {
        .service = "pipes",
        .tag = "TagResource",
        .untag = "UntagResource",
        .id_member = "resourceArn",
        .tags_member = "tags",
        .untagged_member = "tagKeys",
    };
    struct request request;
    request_open(&request, call, "pipes", "UpdatePipe");
    request_text(&request, "Name", call->physical);
    request_properties(&request, same, MR_COUNT(same));
    if (resource_property(call, "DesiredState") == NULL)
        request_text(&request, "DesiredState", MR_S("RUNNING"));
    if (resource_property(call, "SourceParameters") != NULL)
        request_value(&request, "SourceParameters", source_update(call));
    for (size_t i = 0; i < MR_COUNT(texts); i++)
        (void)request_reset(&request, texts[i], "\"\"");
    for (size_t i = 0; i < MR_COUNT(parameters); i++)
        request_value(&request, parameters[i], parameters_update(call, parameters[i]));
    (void)request_reset(&request, "SourceParameters", "{}");
    (void)request_reset(&request, "LogConfiguration", "{\"Level\":\"OFF\"}");
    if (request_done(&request) && resource_wait(call, is_settled))
        (void)resource_retag(call, &tagging, resource_attribute_value(call, "Arn"));
}

static void drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "pipes", "DeletePipe");
    request_text(&request, "Name", call->physical);
    request_drop(&request, is_gone);
}

const struct resource_type resource_pipe = {
    .name = "AWS::Pipes::Pipe",
    .service = "Pipes",
    .properties = properties,
    .property_count = MR_COUNT(properties),
    .attributes = attributes,
    .name_property = "Name",
    .name_max = 64,
    .replaces = replaces,
    .exists = exists,
    .create = create,
    .update = update,
    .drop = drop,
};
