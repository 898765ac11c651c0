/* AWS::CloudFormation::Stack: a stack within a stack.
 *
 * The inner stack is made, changed and removed through the operations that anybody would call; its
 * outputs are the attributes "Outputs.<key>". What its template says may have changed under the
 * same URL, so it is asked at each update of the outer one. */
#include "cloudformation/internal.h"
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

static const struct resource_property stack_properties[] = {
    {"TemplateURL", RESOURCE_REQUIRED},
    {"Parameters", 0},
    {"Tags", 0},
    {"NotificationARNs", 0},
    {"TimeoutInMinutes", 0},
};

static const char *const no_attributes[] = {NULL};

static void put_parameters(struct request *request)
{
    yyjson_val *key, *value;
    size_t i, count;
    struct mr_json *json = &request->json;
    mr_json_key(json, "Parameters");
    mr_json_array(json);
    yyjson_obj_foreach(members_of(resource_property(request->call, "Parameters")), i, count, key,
                       value)
    {
        struct mr_slice text = yyjson_is_bool(value)
                                   ? (yyjson_is_true(value) ? MR_S("true") : MR_S("false"))
                                   : mr_json_text(value);
        for (size_t j = 0; j < yyjson_arr_size(value); j++) /* lists are handed on with commas */
            text =
                mr_arena_printf(request->call->arena, "%.*s%s%.*s", MR_ARG(text), j > 0 ? "," : "",
                                MR_ARG(mr_json_text(yyjson_arr_get(value, j))));
        mr_json_object(json);
        mr_json_key_string(json, "ParameterKey", mr_json_text(key));
        mr_json_key_string(json, "ParameterValue", text);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void put_wanted(struct request *request)
{
    request_value(request, "TemplateURL", resource_property(request->call, "TemplateURL"));
    request_value(request, "NotificationARNs",
                  resource_property(request->call, "NotificationARNs"));
    put_parameters(request);
    request_tag_list(request, "Tags", resource_property(request->call, "Tags"));
    /* The outer stack was allowed what it takes. */
    mr_json_key_raw(
        &request->json, "Capabilities",
        MR_S("[\"CAPABILITY_IAM\",\"CAPABILITY_NAMED_IAM\",\"CAPABILITY_AUTO_EXPAND\"]"));
}

/* The inner stack as DescribeStacks tells it; NULL: there is none. */
static yyjson_val *describe(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudformation", "DescribeStacks");
    request_text(&request, "StackName", call->physical);
    return yyjson_arr_get_first(mr_json_get(request_send(&request), "Stacks"));
}

static void take_outputs(struct resource_call *call, yyjson_val *stack)
{
    yyjson_val *outputs = mr_json_get(stack, "Outputs");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < yyjson_arr_size(outputs); i++) {
        yyjson_val *output = yyjson_arr_get(outputs, i);
        mr_json_name(&json, mr_arena_printf(call->arena, "Outputs.%.*s",
                                            MR_ARG(mr_json_get_text(output, "OutputKey"))));
        mr_json_string(&json, mr_json_get_text(output, "OutputValue"));
    }
    mr_json_object_end(&json);
    call->attribute_map = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
}

/* What the inner update says of its failure, which its last status no longer does. */
static void fail_update(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudformation", "DescribeStackEvents");
    request_text(&request, "StackName", call->physical);
    yyjson_val *events = mr_json_get(request_send(&request), "StackEvents");
    for (size_t i = 0; i < yyjson_arr_size(events); i++) { /* the newest is the first */
        yyjson_val *event = yyjson_arr_get(events, i);
        const struct mr_slice status = mr_json_get_text(event, "ResourceStatus");
        if (mr_slice_equal(mr_json_get_text(event, "PhysicalResourceId"), call->physical) &&
            (mr_slice_equal(status, MR_S("UPDATE_ROLLBACK_IN_PROGRESS")) ||
             mr_slice_equal(status, MR_S("UPDATE_FAILED")))) {
            resource_fail(call,
                          "Embedded stack %.*s was not successfully updated. Currently in %.*s "
                          "with reason: %.*s",
                          MR_ARG(call->physical), MR_ARG(status),
                          MR_ARG(mr_json_get_text(event, "ResourceStatusReason")));
            return;
        }
    }
    resource_fail(call, "Embedded stack %.*s was not successfully updated.",
                  MR_ARG(call->physical));
}

static enum resource_ready is_settled(struct resource_call *call)
{
    yyjson_val *stack = describe(call);
    const struct mr_slice status = mr_json_get_text(stack, "StackStatus");
    const struct mr_slice reason = mr_json_get_text(stack, "StackStatusReason");
    if (stack == NULL) {
        resource_fail_fault(call);
        return RESOURCE_BROKEN;
    }
    call->physical = mr_json_get_text(stack, "StackId");
    if (mr_slice_ends_with(status, MR_S("_IN_PROGRESS")))
        return RESOURCE_NOT_YET;
    if (mr_slice_equal(status, MR_S("CREATE_COMPLETE")) ||
        mr_slice_equal(status, MR_S("UPDATE_COMPLETE"))) {
        take_outputs(call, stack);
        return RESOURCE_READY;
    }
    if (call->before == NULL)
        resource_fail(call, "Embedded stack %.*s was not successfully created: %.*s",
                      MR_ARG(call->physical), MR_ARG(reason));
    else
        fail_update(call);
    return RESOURCE_BROKEN;
}

/* The inner stack knows the one around it, and the outermost. */
static void adopt(struct resource_call *call)
{
    struct cloudformation *cloudformation = call->cloudformation;
    struct store_entry entry = store_entry_make(call->arena);
    struct stack inner, outer;
    int64_t ticket;
    pthread_mutex_lock(&cloudformation->lock);
    if (stack_find(cloudformation, call->arena, call->physical, &inner) == MR_OK &&
        stack_find(cloudformation, call->arena, call->stack_id, &outer) == MR_OK) {
        inner.parent = outer.id;
        inner.root = outer.root.len > 0 ? outer.root : outer.id;
        stack_put(&entry, &inner);
        if (store_commit(cloudformation->options.store, &entry, &ticket) != MR_OK)
            resource_fail(call, "The nested stack could not be stored");
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

static void stack_create(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudformation", "CreateStack");
    request_text(&request, "StackName", call->physical);
    /* AWS: what it made stays for the outer stack's rollback, which removes all of it. */
    mr_json_key_cstr(&request.json, "OnFailure", "DO_NOTHING");
    request_value(&request, "TimeoutInMinutes", resource_property(call, "TimeoutInMinutes"));
    put_wanted(&request);
    if (!request_create(&request))
        return;
    adopt(call);
    (void)resource_wait(call, is_settled);
}

static void stack_update(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudformation", "UpdateStack");
    request_text(&request, "StackName", call->physical);
    put_wanted(&request);
    if (request_send(&request) != NULL ||
        mr_slice_search(call->fault.message, MR_S("_IN_PROGRESS state")) != SIZE_MAX)
        (void)resource_wait(call, is_settled);
    else if (mr_slice_equal(call->fault.message, MR_S("No updates are to be performed.")))
        take_outputs(call, describe(call)); /* also one whose own update went back */
    else
        resource_fail_fault(call);
}

static enum resource_ready is_deleted(struct resource_call *call)
{
    yyjson_val *stack = describe(call);
    const struct mr_slice status = mr_json_get_text(stack, "StackStatus");
    if (stack == NULL || mr_slice_equal(status, MR_S("DELETE_COMPLETE")))
        return RESOURCE_READY;
    if (mr_slice_ends_with(status, MR_S("_IN_PROGRESS")))
        return RESOURCE_NOT_YET;
    resource_fail(call, "Embedded stack %.*s was not successfully deleted: %.*s",
                  MR_ARG(call->physical), MR_ARG(mr_json_get_text(stack, "StackStatusReason")));
    return RESOURCE_BROKEN;
}

static void stack_drop(struct resource_call *call)
{
    struct request request;
    request_open(&request, call, "cloudformation", "DeleteStack");
    request_text(&request, "StackName", call->physical);
    if (request_done(&request))
        (void)resource_wait(call, is_deleted);
}

const struct resource_type resource_nested_stack = {
    .name = "AWS::CloudFormation::Stack",
    .service = "CloudFormation",
    .properties = stack_properties,
    .property_count = MR_COUNT(stack_properties),
    .attributes = no_attributes,
    .open_attributes = "Outputs.",
    .name_property = "StackName", /* no property of this name: always made */
    .name_max = 128,
    .always_updates = true,
    .create = stack_create,
    .update = stack_update,
    .drop = stack_drop,
};
