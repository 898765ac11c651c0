/* AWS::CloudFormation::CustomResource and Custom::*: resources that a Lambda function makes.
 *
 * The function is invoked for an event, as AWS does it, and answers by a PUT to the ResponseURL of
 * its request (signal.c). After a crash a request that was not answered is sent again, under a new
 * URL: functions may see an event twice on AWS as well. */
#include "cloudformation/internal.h"
#include "cloudformation/members.h"
#include "cloudformation/resource_types.h"

enum { TIMEOUT_S_DEFAULT = 3600, TIMEOUT_S_MAX = 3600, PHYSICAL_BYTES_MAX = 1024 };

static const struct resource_property custom_properties[] = {
    {"ServiceToken", RESOURCE_REQUIRED},
    {"ServiceTimeout", 0},
};
static const char *const no_attributes[] = {NULL};

/* ---- the request ---- */

/* AWS: whatever the template has, the function sees texts. */
static void put_texts(struct mr_json *json, yyjson_val *value)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (yyjson_is_obj(value)) {
        mr_json_object(json);
        yyjson_obj_foreach(members_of(value), i, count, key, item)
        {
            mr_json_name(json, mr_json_text(key));
            put_texts(json, item);
        }
        mr_json_object_end(json);
    } else if (yyjson_is_arr(value)) {
        mr_json_array(json);
        yyjson_arr_foreach(value, i, count, item) put_texts(json, item);
        mr_json_array_end(json);
    } else if (yyjson_is_bool(value)) {
        mr_json_string(json, yyjson_is_true(value) ? MR_S("true") : MR_S("false"));
    } else {
        mr_json_string(json, mr_json_text(value));
    }
}

static struct mr_slice make_event(struct resource_call *call, const char *type, struct mr_slice url,
                                  const char *request_id)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "RequestType", type);
    mr_json_key_string(&json, "ServiceToken", resource_property_text(call, "ServiceToken"));
    mr_json_key_string(&json, "ResponseURL", url);
    mr_json_key_string(&json, "StackId", call->stack_id);
    mr_json_key_cstr(&json, "RequestId", request_id);
    mr_json_key_string(&json, "LogicalResourceId", call->logical);
    if (strcmp(type, "Create") != 0)
        mr_json_key_string(&json, "PhysicalResourceId", call->physical);
    mr_json_key_string(&json, "ResourceType", call->type_name);
    mr_json_key(&json, "ResourceProperties");
    put_texts(&json, call->properties);
    if (call->before != NULL) {
        mr_json_key(&json, "OldResourceProperties");
        put_texts(&json, call->before);
    }
    mr_json_object_end(&json);
    const struct mr_slice event = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return event;
}

static bool is_function(struct resource_call *call)
{
    const struct mr_slice token = resource_property_text(call, "ServiceToken");
    if (mr_slice_starts_with(token, MR_S("arn:")) &&
        mr_slice_search(token, MR_S(":lambda:")) != SIZE_MAX)
        return true;
    resource_fail(call,
                  "millrace asks Lambda functions alone for custom resources: ServiceToken is "
                  "'%.*s'",
                  MR_ARG(token));
    return false;
}

/* Opens the mailbox and sends the request: false when that failed. */
static bool send(struct resource_call *call, const char *type, const char *request_id)
{
    struct request request;
    struct mr_slice url;
    if (!is_function(call) || !resource_open_signal(call, &url))
        return false;
    request_open(&request, call, "lambda", "Invoke");
    request_value(&request, "FunctionName", resource_property(call, "ServiceToken"));
    mr_json_key_cstr(&request.json, "InvocationType", "Event");
    request.payload = make_event(call, type, url, request_id);
    return request_done(&request);
}

/* ---- the answer ---- */

/* Data, each value as the text that GetAtt gives. */
static void take_data(struct resource_call *call, yyjson_val *data)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(data), i, count, key, value)
    {
        mr_json_name(&json, mr_json_text(key));
        mr_json_string(&json, yyjson_is_bool(value)
                                  ? (yyjson_is_true(value) ? MR_S("true") : MR_S("false"))
                                  : resource_document(call->arena, value));
    }
    mr_json_object_end(&json);
    call->attribute_map = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
}

/* AWS: the answer names what it is about. */
static bool is_about(struct resource_call *call, yyjson_val *answer, const char *request_id)
{
    const struct {
        const char *name;
        struct mr_slice value;
    } same[] = {{"StackId", call->stack_id},
                {"RequestId", mr_slice_cstr(request_id)},
                {"LogicalResourceId", call->logical}};
    for (size_t i = 0; i < MR_COUNT(same); i++) {
        if (mr_slice_equal(mr_json_get_text(answer, same[i].name), same[i].value))
            continue;
        resource_fail(call, "Invalid %s", same[i].name);
        return false;
    }
    return true;
}

static void take_answer(struct resource_call *call, yyjson_val *message, const char *request_id)
{
    yyjson_val *answer = mr_json_parse(call->arena, mr_json_text(message), MR_JSON_DEPTH_MAX);
    const struct mr_slice status = mr_json_get_text(answer, "Status");
    const struct mr_slice physical = mr_json_get_text(answer, "PhysicalResourceId");
    const bool is_failed = mr_slice_equal(status, MR_S("FAILED"));
    if (!yyjson_is_str(message)) {
        resource_fail(call, "Response object is too long.");
    } else if (!yyjson_is_obj(answer)) {
        resource_fail(call, "Response is not valid JSON");
    } else if (is_about(call, answer, request_id) && !is_failed &&
               !mr_slice_equal(status, MR_S("SUCCESS"))) {
        resource_fail(call, "Invalid Status");
    } else if (physical.len == 0 || physical.len > PHYSICAL_BYTES_MAX) {
        resource_fail(call, "Invalid PhysicalResourceId");
    } else if (is_failed) {
        resource_fail(call,
                      "Received response status [FAILED] from custom resource. Message returned: "
                      "%.*s (RequestId: %s)",
                      MR_ARG(mr_json_get_text(answer, "Reason")), request_id);
    }
    if (call->reason.len == 0 || (is_failed && call->before == NULL && physical.len > 0))
        call->physical = physical;
    if (call->reason.len == 0)
        take_data(call, mr_json_get(answer, "Data"));
}

static int64_t timeout_ms(struct resource_call *call)
{
    int64_t seconds = TIMEOUT_S_DEFAULT;
    const struct mr_slice text = resource_property_text(call, "ServiceTimeout");
    if (text.len > 0 &&
        (mr_slice_to_i64(text, &seconds) != MR_OK || seconds < 1 || seconds > TIMEOUT_S_MAX))
        resource_fail(call, "Property validation failure: [The property {/ServiceTimeout} must be "
                            "an integer from 1 to 3600]");
    return seconds * 1000;
}

/* The first message, or NULL: the call has failed, or is interrupted. */
static yyjson_val *await_answer(struct resource_call *call, const char *request_id,
                                int64_t deadline_ms)
{
    for (;;) {
        yyjson_val *messages = NULL;
        if (!resource_wait_signal(call, resource_signal_name(call), 0))
            return NULL;
        messages = signal_messages(call->cloudformation, call->arena, resource_signal_name(call));
        if (yyjson_arr_size(messages) > 0)
            return yyjson_arr_get_first(messages);
        if (mr_monotonic_ms() <= deadline_ms)
            continue;
        resource_fail(call,
                      "CloudFormation did not receive a response from your Custom Resource. "
                      "Please check your logs for requestId [%s]. If you are using the Python "
                      "cfn-response module, you may need to update your Lambda function code "
                      "so that CloudFormation can attach the updated version.",
                      request_id);
        return NULL;
    }
}

/* False: nobody could be asked. */
static bool ask(struct resource_call *call, const char *type)
{
    char request_id[37];
    const int64_t within_ms = timeout_ms(call);
    mr_rng_uuid(call->cloudformation->options.rng, request_id);
    if (call->reason.len > 0 || !send(call, type, request_id))
        return false;
    yyjson_val *message = await_answer(call, request_id, mr_monotonic_ms() + within_ms);
    if (message != NULL)
        take_answer(call, message, request_id);
    if (!call->interrupted)
        signal_close(call->cloudformation, call->arena, resource_signal_name(call));
    return true;
}

/* ---- the type ---- */

static void custom_create(struct resource_call *call)
{
    if (!ask(call, "Create"))
        call->physical = MR_S("");
}

static void custom_update(struct resource_call *call)
{
    if (!resource_changed(call, "ServiceToken"))
        (void)ask(call, "Update");
    else if (!call->reverting) /* else nobody was asked */
        resource_fail(call, "Modifying service token is not allowed.");
}

static void custom_drop(struct resource_call *call)
{
    (void)ask(call, "Delete");
}

const struct resource_type resource_custom = {
    .name = "AWS::CloudFormation::CustomResource",
    .service = "Lambda",
    .properties = custom_properties,
    .property_count = MR_COUNT(custom_properties),
    .open_properties = true,
    .attributes = no_attributes,
    .open_attributes = "",
    .name_property = "", /* no property has no name: always made, until the function gives one */
    .name_max = 128,
    .renames = true,
    .create = custom_create,
    .update = custom_update,
    .drop = custom_drop,
};
