/* Stack policies: which resources an update may change. Whoever sets one forbids all that it does
 * not allow. */
#include "cloudformation/internal.h"
#include "policy/policy.h"

enum { POLICY_BYTES_MAX = 16384 };

static const struct protocol_fault not_implemented = {"NotImplemented", 501, true};

static bool is_policy(struct protocol_call *call, struct mr_slice text)
{
    yyjson_val *policy = mr_json_parse(call->arena, text, MR_JSON_DEPTH_MAX);
    if (text.len <= POLICY_BYTES_MAX && yyjson_is_obj(policy) &&
        yyjson_arr_size(mr_json_get(policy, "Statement")) > 0)
        return true;
    protocol_fail(call, &cloudformation_validation_error,
                  "Error validating stack policy: Invalid stack policy");
    return false;
}

static bool take(struct protocol_call *call, const char *body, const char *url,
                 struct mr_slice *policy)
{
    const struct mr_slice text = mr_json_get_text(call->in, body);
    if (mr_json_get(call->in, url) != NULL) {
        protocol_fail(call, &not_implemented, "millrace does not implement %s: use %s", url, body);
        return false;
    }
    if (text.len > 0 && !is_policy(call, text))
        return false;
    if (text.len > 0)
        *policy = text;
    return true;
}

bool guard_take(struct protocol_call *call, struct stack *stack)
{
    stack->policy_now = MR_S("");
    return take(call, "StackPolicyBody", "StackPolicyURL", &stack->policy) &&
           take(call, "StackPolicyDuringUpdateBody", "StackPolicyDuringUpdateURL",
                &stack->policy_now);
}

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    const struct mr_slice *type = ctx;
    *ret_values = (struct policy_values){type, 1};
    return mr_slice_equal(key, MR_S("ResourceType"));
}

struct mr_slice guard_denies(struct mr_arena *arena, const struct stack *stack, const char *action,
                             struct mr_slice logical, struct mr_slice type)
{
    const struct mr_slice text = stack->policy_now.len > 0 ? stack->policy_now : stack->policy;
    const struct policy_caller caller = {.account = stack->account};
    const struct policy_asked asked = {
        .arena = arena,
        .caller = &caller,
        .action = mr_slice_cstr(action),
        .resource = mr_arena_printf(arena, "LogicalResourceId/%.*s", MR_ARG(logical)),
        .look = look,
        .ctx = &type,
    };
    if (text.len == 0 ||
        policy_judge(mr_json_parse(arena, text, MR_JSON_DEPTH_MAX), &asked) == POLICY_ALLOWS)
        return MR_S("");
    return mr_arena_printf(arena,
                           "Action denied by stack policy: no statement allows [%s] for resource "
                           "[%.*s], or one denies it",
                           action, MR_ARG(asked.resource));
}

/* ---- the wire ---- */

static bool find(struct protocol_call *call, struct stack *ret_stack)
{
    const struct mr_slice name = mr_json_get_text(call->in, "StackName");
    const enum mr_status status = stack_find(call->service, call->arena, name, ret_stack);
    protocol_fail_internal(call, status);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &cloudformation_validation_error, "Stack [%.*s] does not exist",
                      MR_ARG(name));
    return status == MR_OK;
}

static void set_policy(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, &stack) && take(call, "StackPolicyBody", "StackPolicyURL", &stack.policy)) {
        stack_put(&entry, &stack);
        protocol_fail_internal(call,
                               store_commit(cloudformation->options.store, &entry, &call->ticket));
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

static void get_policy(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, &stack) && stack.policy.len > 0)
        mr_json_key_string(&call->out, "StackPolicyBody", stack.policy);
    pthread_mutex_unlock(&cloudformation->lock);
}

const struct protocol_handler cloudformation_guard_handlers[] = {
    {.operation = "SetStackPolicy", .run = set_policy},
    {.operation = "GetStackPolicy", .run = get_policy},
};
const size_t cloudformation_guard_handler_count = MR_COUNT(cloudformation_guard_handlers);
