/* The wire: operations that begin something on a stack. */
#include "base/log.h"
#include "cloudformation/proposal.h"

/* The stack's new state with its event and whatever else is in the entry, then its job. The lock is
 * held. */
static void begin(struct protocol_call *call, struct store_entry *entry, struct stack *stack,
                  const char *status)
{
    struct cloudformation *cloudformation = call->service;
    stack->status = mr_slice_cstr(status);
    stack->reason = MR_S("User Initiated");
    stack->operation++;
    enum mr_status done = event_trim(cloudformation, call->arena, entry, stack);
    event_add(cloudformation, entry, stack, NULL, status, MR_S(""), stack->reason);
    stack_put(entry, stack);
    if (done == MR_OK)
        done = store_commit(cloudformation->options.store, entry, &call->ticket);
    protocol_fail_internal(call, done);
    if (done == MR_OK)
        engine_start_locked(cloudformation, stack->uuid);
}

static void answer_id(struct protocol_call *call, const struct stack *stack)
{
    if (!protocol_failed(call))
        mr_json_key_string(&call->out, "StackId", stack->id);
}

static struct mr_slice stack_name(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "StackName");
}

/* MR_OK, or MR_FAULT: there is none, or it could not be read. */
static enum mr_status find(struct protocol_call *call, const char *missing, struct stack *ret_stack)
{
    const enum mr_status status =
        stack_find(call->service, call->arena, stack_name(call), ret_stack);
    protocol_fail_internal(call, status);
    if (status == MR_NOT_FOUND) {
        protocol_fail(call, &cloudformation_validation_error, missing, MR_ARG(stack_name(call)));
        return MR_FAULT;
    }
    return status == MR_OK ? MR_OK : MR_FAULT;
}

/* The plan, with its error told. */
static bool plan_for(struct protocol_call *call, const struct stack *stack,
                     struct proposal *proposal, struct plan *ret_plan)
{
    const enum mr_status status = plan_make(call->service, call->arena, stack, &proposal->template,
                                            &proposal->version, ret_plan);
    protocol_fail_internal(call, status);
    if (status == MR_OK && ret_plan->error.len > 0)
        protocol_fail_slice(call, &cloudformation_validation_error, ret_plan->error);
    proposal->version.imports = ret_plan->imports;
    return !protocol_failed(call);
}

/* ---- CreateStack ---- */

static void create_locked(struct protocol_call *call, struct proposal *proposal)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct stack stack, other;
    struct plan plan;
    const enum mr_status found = stack_find(call->service, call->arena, stack_name(call), &other);
    protocol_fail_internal(call, found);
    if (found == MR_OK)
        protocol_fail(call, &cloudformation_already_exists, "Stack [%.*s] already exists",
                      MR_ARG(stack_name(call)));
    if (protocol_failed(call) || proposal_stack(call, stack_name(call), &stack) != MR_OK ||
        !plan_for(call, &stack, proposal, &plan))
        return;
    if (!guard_take(call, &stack))
        return;
    proposal->version.template = stack.template_last = 1;
    stack.now = proposal->version;
    stack_template_put(&entry, &stack, 1, &proposal->template);
    stack_name_put(&entry, &stack);
    begin(call, &entry, &stack, "CREATE_IN_PROGRESS");
    answer_id(call, &stack);
}

static void create_stack(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct proposal proposal;
    if (mr_json_get(call->in, "OnFailure") != NULL &&
        mr_json_get(call->in, "DisableRollback") != NULL) {
        protocol_fail(call, &cloudformation_validation_error,
                      "You can't specify both DisableRollback and OnFailure");
        return;
    }
    if (proposal_make(call, NULL, &proposal) != MR_OK)
        return;
    pthread_mutex_lock(&cloudformation->lock);
    create_locked(call, &proposal);
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- UpdateStack ---- */

static void update_locked(struct protocol_call *call, struct stack *stack)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct proposal proposal;
    struct plan plan;
    if (!proposal_may_update(call, stack) || proposal_make(call, stack, &proposal) != MR_OK ||
        !plan_for(call, stack, &proposal, &plan))
        return;
    const bool is_sound = mr_slice_ends_with(stack->status, MR_S("_COMPLETE"));
    if (plan.count == 0 && !plan.outputs_changed && !plan.tags_changed && is_sound) {
        protocol_fail(call, &cloudformation_validation_error, "No updates are to be performed.");
        return;
    }
    if (!guard_take(call, stack))
        return;
    proposal.version.template = ++stack->template_last;
    stack->target = proposal.version;
    stack->updated_ms = call->now_ms;
    stack->token = mr_json_get_text(call->in, "ClientRequestToken");
    stack->disable_rollback = mr_json_get_bool(call->in, "DisableRollback", false);
    stack_template_put(&entry, stack, stack->target.template, &proposal.template);
    begin(call, &entry, stack, "UPDATE_IN_PROGRESS");
    answer_id(call, stack);
}

static void update_stack(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) == MR_OK)
        update_locked(call, &stack);
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- DeleteStack ---- */

static bool may_delete(struct protocol_call *call, const struct stack *stack)
{
    if (stack->protection) {
        protocol_fail(call, &cloudformation_validation_error,
                      "Stack [%.*s] cannot be deleted while TerminationProtection is enabled",
                      MR_ARG(stack->name));
    } else if (stack_is_busy(stack) && !stack_has_status(stack, "CREATE_IN_PROGRESS") &&
               !stack_has_status(stack, "ROLLBACK_IN_PROGRESS")) {
        protocol_fail(call, &cloudformation_validation_error,
                      "Stack [%.*s] cannot be deleted while in status %.*s", MR_ARG(stack->name),
                      MR_ARG(stack->status));
    } else if (yyjson_arr_size(mr_json_get(call->in, "RetainResources")) > 0 &&
               !stack_has_status(stack, "DELETE_FAILED")) {
        protocol_fail(call, &cloudformation_validation_error,
                      "Invalid operation on stack [%.*s]. Resources can be retained only when the "
                      "stack is in DELETE_FAILED state",
                      MR_ARG(stack->id));
    }
    return !protocol_failed(call);
}

/* AWS takes the request, and the stack stays what it was: an event says why. */
static void cancel_deletion(struct protocol_call *call, struct store_entry *entry,
                            struct stack *stack, struct mr_slice why)
{
    struct cloudformation *cloudformation = call->service;
    stack->reason = why;
    event_add(cloudformation, entry, stack, NULL, "DELETE_IN_PROGRESS", MR_S(""),
              MR_S("User Initiated"));
    event_add(cloudformation, entry, stack, NULL, mr_arena_cstr(call->arena, stack->status),
              MR_S(""), why);
    stack_put(entry, stack);
    protocol_fail_internal(call, store_commit(cloudformation->options.store, entry, &call->ticket));
}

static void delete_locked(struct protocol_call *call, struct stack *stack)
{
    struct store_entry entry = store_entry_make(call->arena);
    struct mr_slice why;
    const enum mr_status status = exports_conflict(call->service, call->arena, stack, NULL, &why);
    protocol_fail_internal(call, status);
    if (status != MR_OK)
        return;
    stack->token = mr_json_get_text(call->in, "ClientRequestToken");
    if (why.len > 0) {
        cancel_deletion(call, &entry, stack, why);
        return;
    }
    stack->retain = mr_json_get(call->in, "RetainResources");
    begin(call, &entry, stack, "DELETE_IN_PROGRESS");
}

static void delete_stack(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    const enum mr_status found = stack_find(cloudformation, call->arena, stack_name(call), &stack);
    protocol_fail_internal(call, found);
    /* AWS: what is not there, or on its way out, counts as deleted. */
    if (found == MR_OK && stack.deleted_ms == 0 &&
        !stack_has_status(&stack, "DELETE_IN_PROGRESS") && may_delete(call, &stack))
        delete_locked(call, &stack);
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- small ones ---- */

static void update_protection(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) == MR_OK) {
        stack.protection = mr_json_get_bool(call->in, "EnableTerminationProtection", false);
        stack_put(&entry, &stack);
        protocol_fail_internal(call,
                               store_commit(cloudformation->options.store, &entry, &call->ticket));
    }
    pthread_mutex_unlock(&cloudformation->lock);
    answer_id(call, &stack);
}

static void continue_rollback(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) == MR_OK) {
        if (!stack_has_status(&stack, "UPDATE_ROLLBACK_FAILED")) {
            protocol_fail(call, &cloudformation_validation_error,
                          "Stack:%.*s is in %.*s state and can not be updated.", MR_ARG(stack.id),
                          MR_ARG(stack.status));
        } else {
            stack.operation--; /* the same operation goes on: its records count */
            begin(call, &entry, &stack, "UPDATE_ROLLBACK_IN_PROGRESS");
        }
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

/* The update goes back; what its job waits for is no longer waited for. */
static void cancel_update(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) != MR_OK) {
        pthread_mutex_unlock(&cloudformation->lock);
        return;
    }
    if (!stack_has_status(&stack, "UPDATE_IN_PROGRESS")) {
        protocol_fail(call, &cloudformation_validation_error,
                      "CancelUpdateStack cannot be called from current stack status");
    } else {
        stack.operation--; /* the same operation goes back: its records count */
        begin(call, &entry, &stack, "UPDATE_ROLLBACK_IN_PROGRESS");
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- SignalResource ---- */

static void signal_locked(struct protocol_call *call, const struct stack *stack)
{
    struct cloudformation *cloudformation = call->service;
    const struct mr_slice logical = mr_json_get_text(call->in, "LogicalResourceId");
    struct record_list records;
    const enum mr_status loaded = record_load(cloudformation, call->arena, stack, &records);
    const struct stack_resource *record = loaded == MR_OK ? record_find(&records, logical) : NULL;
    enum mr_status status = MR_NOT_FOUND;
    protocol_fail_internal(call, loaded);
    if (record == NULL) {
        protocol_fail(call, &cloudformation_validation_error,
                      "Resource %.*s does not exist for stack %.*s", MR_ARG(logical),
                      MR_ARG(stack->name));
        return;
    }
    if (mr_slice_equal(record->type, MR_S("AWS::CloudFormation::WaitCondition"))) {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_object(&json);
        mr_json_key_string(&json, "Status", mr_json_get_text(call->in, "Status"));
        mr_json_key_string(&json, "UniqueId", mr_json_get_text(call->in, "UniqueId"));
        mr_json_object_end(&json);
        status = signal_add_locked(
            cloudformation, call->arena,
            mr_arena_printf(call->arena, "%.*s/%.*s", MR_ARG(stack->uuid), MR_ARG(logical)),
            mr_buf_slice(&buf), &call->ticket);
        mr_buf_fini(&buf);
        protocol_fail_internal(call, status);
    }
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &cloudformation_validation_error,
                      "Resource %.*s is in %.*s state and cannot be signaled", MR_ARG(logical),
                      MR_ARG(record->status));
}

static void signal_resource(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) == MR_OK)
        signal_locked(call, &stack);
    pthread_mutex_unlock(&cloudformation->lock);
}

static const struct protocol_fault not_implemented = {"NotImplemented", 501, true};

/* What failed and was left as it was goes back after all. */
static void rollback_locked(struct protocol_call *call, struct stack *stack)
{
    struct store_entry entry = store_entry_make(call->arena);
    if (mr_json_get_bool(call->in, "RetainExceptOnCreate", false)) {
        protocol_fail(call, &not_implemented,
                      "millrace does not implement RetainExceptOnCreate of RollbackStack yet");
    } else if (stack_has_status(stack, "CREATE_FAILED")) {
        begin(call, &entry, stack, "ROLLBACK_IN_PROGRESS");
    } else if (stack_has_status(stack, "UPDATE_FAILED")) {
        stack->operation--; /* the same operation goes back: its records count */
        begin(call, &entry, stack, "UPDATE_ROLLBACK_IN_PROGRESS");
    } else {
        protocol_fail(call, &cloudformation_validation_error,
                      "Stack:%.*s is in %.*s state and can not be rolled back.", MR_ARG(stack->id),
                      MR_ARG(stack->status));
    }
    answer_id(call, stack);
}

static void rollback_stack(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    if (find(call, "Stack [%.*s] does not exist", &stack) == MR_OK)
        rollback_locked(call, &stack);
    pthread_mutex_unlock(&cloudformation->lock);
}

const struct protocol_handler cloudformation_stack_handlers[] = {
    {.operation = "CreateStack", .run = create_stack},
    {.operation = "UpdateStack", .run = update_stack},
    {.operation = "DeleteStack", .run = delete_stack},
    {.operation = "UpdateTerminationProtection", .run = update_protection},
    {.operation = "ContinueUpdateRollback", .run = continue_rollback},
    {.operation = "RollbackStack", .run = rollback_stack},
    {.operation = "CancelUpdateStack", .run = cancel_update},
    {.operation = "SignalResource", .run = signal_resource},
};
const size_t cloudformation_stack_handler_count = MR_COUNT(cloudformation_stack_handlers);
