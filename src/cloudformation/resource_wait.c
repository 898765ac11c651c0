/* AWS::CloudFormation::WaitConditionHandle and WaitCondition: a stack waits for what others tell
 * it, at the handle's URL (signal.c) or, with a CreationPolicy, by SignalResource. */
#include "cloudformation/internal.h"
#include "cloudformation/resource_types.h"

enum { TIMEOUT_S_MAX = 43200, POLICY_TIMEOUT_S = 300, COUNT_MAX = SIGNAL_MESSAGES_MAX };

static const char *const no_attributes[] = {NULL};

/* ---- the handle: a URL ---- */

static void handle_create(struct resource_call *call)
{
    (void)resource_open_signal(call, &call->physical);
}

static void nothing(struct resource_call *call)
{
    (void)call;
}

static void handle_drop(struct resource_call *call)
{
    const struct mr_slice name = signal_name(call->arena, call->physical);
    if (name.len > 0)
        signal_close(call->cloudformation, call->arena, name);
}

const struct resource_type resource_wait_handle = {
    .name = "AWS::CloudFormation::WaitConditionHandle",
    .service = "CloudFormation",
    .attributes = no_attributes,
    .create = handle_create,
    .update = nothing,
    .drop = handle_drop,
};

/* ---- the condition ---- */

static const struct resource_property condition_properties[] = {
    {"Handle", 0},
    {"Timeout", 0},
    {"Count", 0},
};
static const char *const condition_attributes[] = {"Data", NULL};

struct condition {
    struct mr_slice name; /* of its messages */
    int64_t count, timeout_s;
    yyjson_val *ids; /* of the signals that count: UniqueId -> Data */
    int64_t good;
    bool by_policy;
};

static bool read_number(struct resource_call *call, const char *property, int64_t fallback,
                        int64_t max, int64_t *ret_value)
{
    const struct mr_slice text = resource_property_text(call, property);
    *ret_value = fallback;
    if (text.len == 0)
        return true;
    if (mr_slice_to_i64(text, ret_value) == MR_OK && *ret_value >= 0 && *ret_value <= max)
        return true;
    resource_fail(call,
                  "Property validation failure: [The property {/%s} must be a number from 0 to "
                  "%lld]",
                  property, (long long)max);
    return false;
}

/* "PT1H30M5S" in seconds; -1: it is none. */
static int64_t duration_s(struct mr_slice text)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'H', 3600}, {'M', 60}, {'S', 1}};
    int64_t total = 0;
    if (!mr_slice_starts_with(text, MR_S("PT")))
        return -1;
    text = mr_slice_sub(text, 2, SIZE_MAX);
    for (size_t i = 0; i < MR_COUNT(units) && text.len > 0; i++) {
        const size_t at = mr_slice_find(text, units[i].unit);
        int64_t number;
        if (at == SIZE_MAX)
            continue;
        if (mr_slice_to_i64(mr_slice_sub(text, 0, at), &number) != MR_OK || number < 0 ||
            number > TIMEOUT_S_MAX)
            return -1;
        total += number * units[i].seconds;
        text = mr_slice_sub(text, at + 1, SIZE_MAX);
    }
    return text.len == 0 ? total : -1;
}

/* A mailbox of its own, for SignalResource. */
static bool open_policy(struct resource_call *call, struct condition *condition)
{
    yyjson_val *wanted = mr_json_get(call->policy, "ResourceSignal");
    const struct mr_slice timeout = mr_json_get_text(wanted, "Timeout");
    struct mr_slice url;
    condition->by_policy = true;
    condition->name = resource_signal_name(call);
    condition->timeout_s = timeout.len == 0 ? POLICY_TIMEOUT_S : duration_s(timeout);
    condition->count = 1;
    if (mr_json_get(wanted, "Count") != NULL &&
        mr_slice_to_i64(mr_json_get_text(wanted, "Count"), &condition->count) != MR_OK)
        condition->count = -1;
    if (condition->timeout_s < 0 || condition->timeout_s > TIMEOUT_S_MAX || condition->count < 0 ||
        condition->count > COUNT_MAX) {
        resource_fail(call, "CreationPolicy: ResourceSignal has no right Count or Timeout");
        return false;
    }
    const bool is_open = call->resumed && signal_messages(call->cloudformation, call->arena,
                                                          condition->name) != NULL;
    return is_open || resource_open_signal(call, &url);
}

static bool read_condition(struct resource_call *call, struct condition *condition)
{
    const struct mr_slice handle = resource_property_text(call, "Handle");
    *condition = (struct condition){.name = signal_name(call->arena, handle)};
    if (call->policy != NULL && handle.len == 0)
        return open_policy(call, condition);
    if (handle.len == 0 || resource_property_text(call, "Timeout").len == 0)
        resource_fail(call, "Property validation failure: [The property {/%s} is required]",
                      handle.len == 0 ? "Handle" : "Timeout");
    else if (condition->name.len == 0)
        resource_fail(call, "Handle is not the URL of a WaitConditionHandle: '%.*s'",
                      MR_ARG(handle));
    return call->reason.len == 0 && read_number(call, "Count", 1, COUNT_MAX, &condition->count) &&
           read_number(call, "Timeout", 0, TIMEOUT_S_MAX, &condition->timeout_s);
}

/* Signals of one UniqueId count once, the first of them. False: one says FAILURE, or is none. */
static bool weigh(struct resource_call *call, struct condition *condition, yyjson_val *messages)
{
    yyjson_val *message;
    size_t i, count;
    condition->ids = mr_json_parse(call->arena, MR_S("{}"), 2);
    condition->good = 0;
    yyjson_arr_foreach(messages, i, count, message)
    {
        yyjson_val *signal = mr_json_parse(call->arena, mr_json_text(message), MR_JSON_DEPTH_MAX);
        const struct mr_slice id = mr_json_get_text(signal, "UniqueId");
        const struct mr_slice status = mr_json_get_text(signal, "Status");
        if (id.len == 0 || status.len == 0)
            continue; /* AWS: no signal at all */
        if (mr_json_getn(condition->ids, id) != NULL)
            continue;
        if (!mr_slice_equal(status, MR_S("SUCCESS"))) {
            if (condition->by_policy)
                resource_fail(call, "Received FAILURE signal with UniqueId %.*s", MR_ARG(id));
            else
                resource_fail(call,
                              "WaitCondition received failed message: '%.*s' for uniqueId: %.*s",
                              MR_ARG(mr_json_get_text(signal, "Reason")), MR_ARG(id));
            return false;
        }
        condition->ids = resource_with(call->arena, condition->ids, mr_arena_cstr(call->arena, id),
                                       mr_json_get_text(signal, "Data"));
        condition->good++;
    }
    return true;
}

static void run_out(struct resource_call *call, const struct condition *condition)
{
    if (condition->by_policy)
        resource_fail(call,
                      "Failed to receive %lld resource signal(s) within the specified duration",
                      (long long)(condition->count - condition->good));
    else
        resource_fail(call, "WaitCondition timed out. Received %lld conditions when expecting %lld",
                      (long long)condition->good, (long long)condition->count);
}

/* False: the server stops. */
static bool wait_for(struct resource_call *call, struct condition *condition)
{
    const int64_t deadline_ms = mr_monotonic_ms() + condition->timeout_s * 1000;
    for (;;) {
        yyjson_val *messages = signal_messages(call->cloudformation, call->arena, condition->name);
        const size_t known = yyjson_arr_size(messages);
        if (!weigh(call, condition, messages) || condition->good >= condition->count)
            return true;
        if (mr_monotonic_ms() >= deadline_ms) {
            run_out(call, condition);
            return true;
        }
        if (!resource_wait_signal(call, condition->name, known))
            return !call->interrupted;
    }
}

static void condition_create(struct resource_call *call)
{
    struct condition condition;
    call->physical = MR_S("");
    if (!read_condition(call, &condition))
        return;
    call->physical =
        mr_arena_printf(call->arena, "%.*s/%.*s", MR_ARG(call->stack_id), MR_ARG(call->logical));
    if (!wait_for(call, &condition))
        return;
    if (condition.by_policy)
        signal_close(call->cloudformation, call->arena, condition.name);
    if (call->reason.len == 0)
        resource_attribute(call, "Data", resource_document(call->arena, condition.ids));
}

/* AWS makes a condition once. */
static void condition_update(struct resource_call *call)
{
    if (!call->reverting) /* else nothing was changed */
        resource_fail(call, "Update to resource type %s is not supported.", call->type->name);
}

const struct resource_type resource_wait_condition = {
    .name = "AWS::CloudFormation::WaitCondition",
    .service = "CloudFormation",
    .properties = condition_properties,
    .property_count = MR_COUNT(condition_properties),
    .attributes = condition_attributes,
    .has_policy = true,
    .create = condition_create,
    .update = condition_update,
    .drop = nothing,
};
