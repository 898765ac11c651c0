/* The wire: change sets. */
#include "cloudformation/members.h"
#include "cloudformation/proposal.h"
#include <stdlib.h>

static struct mr_slice text_of(struct protocol_call *call, const char *member)
{
    return mr_json_get_text(call->in, member);
}

static enum mr_status commit(struct protocol_call *call, struct store_entry *entry)
{
    struct cloudformation *cloudformation = call->service;
    const enum mr_status status = store_commit(cloudformation->options.store, entry, &call->ticket);
    protocol_fail_internal(call, status);
    return status;
}

static enum mr_status fail_not_found(struct protocol_call *call, struct mr_slice name)
{
    return protocol_fail(call, &cloudformation_change_set_not_found,
                         "ChangeSet [%.*s] does not exist", MR_ARG(name));
}

static enum mr_status fail_no_stack(struct protocol_call *call, struct mr_slice name)
{
    return protocol_fail(call, &cloudformation_validation_error, "Stack [%.*s] does not exist",
                         MR_ARG(name));
}

/* The stack and the change set that the request names. MR_OK or MR_FAULT. */
static enum mr_status find(struct protocol_call *call, struct stack *ret_stack,
                           struct change_set *ret_set)
{
    const struct mr_slice name = text_of(call, "ChangeSetName");
    const struct mr_slice stack_name = text_of(call, "StackName");
    enum mr_status status;
    if (stack_name.len > 0) {
        status = stack_find(call->service, call->arena, stack_name, ret_stack);
        if (status == MR_NOT_FOUND)
            return fail_no_stack(call, stack_name);
    } else if (!mr_slice_starts_with(name, MR_S("arn:"))) {
        return protocol_fail(call, &cloudformation_validation_error,
                             "StackName must be specified if ChangeSetName is not specified as an "
                             "ARN.");
    } else {
        status = change_set_stack(call->service, call->arena, name, ret_stack);
    }
    if (status == MR_OK)
        status = change_set_find(call->service, call->arena, ret_stack, name, ret_set);
    if (status == MR_NOT_FOUND)
        return fail_not_found(call, name);
    protocol_fail_internal(call, status);
    return status == MR_OK ? MR_OK : MR_FAULT;
}

/* ---- CreateChangeSet ---- */

/* The stack to be changed, or a new one under review (*ret_is_new). MR_OK or MR_FAULT. */
static enum mr_status stack_for_set(struct protocol_call *call, struct stack *ret_stack,
                                    bool *ret_is_new)
{
    const struct mr_slice type = text_of(call, "ChangeSetType");
    const struct mr_slice name = text_of(call, "StackName");
    const bool is_create = mr_slice_equal(type, MR_S("CREATE"));
    const enum mr_status found = stack_find(call->service, call->arena, name, ret_stack);
    protocol_fail_internal(call, found);
    if (protocol_failed(call))
        return MR_FAULT;
    if (!is_create && type.len > 0 && !mr_slice_equal(type, MR_S("UPDATE")))
        return protocol_fail(call, &cloudformation_validation_error,
                             "millrace does not implement change sets of type %.*s", MR_ARG(type));
    *ret_is_new = found == MR_NOT_FOUND;
    if (found == MR_NOT_FOUND && !is_create)
        return fail_no_stack(call, name);
    if (found == MR_NOT_FOUND)
        return proposal_stack(call, name, ret_stack);
    if (is_create && !stack_has_status(ret_stack, "REVIEW_IN_PROGRESS"))
        return protocol_fail(call, &cloudformation_validation_error,
                             "Stack [%.*s] already exists and cannot be created again with the "
                             "changeSet [%.*s].",
                             MR_ARG(name), MR_ARG(text_of(call, "ChangeSetName")));
    if (!is_create && !proposal_may_update(call, ret_stack))
        return MR_FAULT;
    return MR_OK;
}

struct count {
    size_t sets;
    struct mr_slice name;
    bool exists;
};

static void count_one(void *ctx, const struct change_set *set, struct mr_slice stack_uuid)
{
    struct count *count = ctx;
    (void)stack_uuid;
    count->sets++;
    const bool is_of_use = mr_slice_equal(set->execution, MR_S("AVAILABLE")) ||
                           mr_slice_equal(set->execution, MR_S("EXECUTE_IN_PROGRESS"));
    count->exists = count->exists || (is_of_use && mr_slice_equal(set->name, count->name));
}

/* The AWS CLI names change sets after the second, and here two deployments fit into one: a change
 * set that has served its purpose gives its name to the next. */
static enum mr_status check_name(struct protocol_call *call, const struct stack *stack)
{
    struct count count = {.name = text_of(call, "ChangeSetName")};
    const enum mr_status status =
        change_set_each(call->service, call->arena, stack, count_one, &count);
    protocol_fail_internal(call, status);
    if (count.exists)
        return protocol_fail(call, &cloudformation_already_exists, "ChangeSet %.*s already exists",
                             MR_ARG(count.name));
    return status == MR_OK ? MR_OK : MR_FAULT;
}

struct oldest {
    bool found;
    size_t count;
    struct change_set set;
};

static void note_oldest(void *ctx, const struct change_set *set, struct mr_slice stack_uuid)
{
    struct oldest *oldest = ctx;
    (void)stack_uuid;
    oldest->count++;
    if (mr_slice_equal(set->execution, MR_S("EXECUTE_IN_PROGRESS")) ||
        (oldest->found && set->created_ms >= oldest->set.created_ms))
        return;
    oldest->found = true;
    oldest->set = *set;
}

/* Room for one more. */
static void trim(struct protocol_call *call, struct store_entry *entry, const struct stack *stack)
{
    struct oldest oldest = {0};
    const enum mr_status status =
        change_set_each(call->service, call->arena, stack, note_oldest, &oldest);
    protocol_fail_internal(call, status);
    if (status == MR_OK && oldest.found && oldest.count >= CLOUDFORMATION_CHANGE_SETS_MAX)
        change_set_delete(entry, stack, &oldest.set);
}

static struct change_set make_set(struct protocol_call *call, const struct stack *stack,
                                  const struct proposal *proposal, const struct plan *plan)
{
    struct cloudformation *cloudformation = call->service;
    const bool is_create = mr_slice_equal(text_of(call, "ChangeSetType"), MR_S("CREATE"));
    const bool is_empty = !is_create && plan->count == 0 && !plan->outputs_changed &&
                          !plan->tags_changed &&
                          mr_slice_ends_with(stack->status, MR_S("_COMPLETE"));
    const struct mr_slice name = text_of(call, "ChangeSetName");
    char uuid[37];
    mr_rng_uuid(cloudformation->options.rng, uuid);
    return (struct change_set){
        .uuid = mr_arena_copy(call->arena, mr_slice_make(uuid, 36)),
        .id = mr_arena_printf(call->arena, "arn:aws:cloudformation:%.*s:%.*s:changeSet/%.*s/%s",
                              MR_ARG(stack->region), MR_ARG(stack->account), MR_ARG(name), uuid),
        .name = name,
        .description = text_of(call, "Description"),
        .type = is_create ? MR_S("CREATE") : MR_S("UPDATE"),
        .status = is_empty ? MR_S("FAILED") : MR_S("CREATE_COMPLETE"),
        .execution = is_empty ? MR_S("UNAVAILABLE") : MR_S("AVAILABLE"),
        .reason = is_empty ? MR_S("The submitted information didn't contain changes. Submit "
                                  "different information to create a change set.")
                           : MR_S(""),
        .on_failure = text_of(call, "OnStackFailure"),
        .created_ms = call->now_ms,
        .version = proposal->version,
        .changes = mr_json_parse(call->arena, plan->changes, MR_JSON_DEPTH_MAX),
    };
}

static void create_locked(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct proposal proposal;
    struct plan plan;
    struct stack stack;
    bool is_new = false;
    if (stack_for_set(call, &stack, &is_new) != MR_OK || check_name(call, &stack) != MR_OK ||
        proposal_make(call, is_new ? NULL : &stack, &proposal) != MR_OK)
        return;
    const enum mr_status status = plan_make(cloudformation, call->arena, &stack, &proposal.template,
                                            &proposal.version, &plan);
    protocol_fail_internal(call, status);
    if (status == MR_OK && plan.error.len > 0)
        protocol_fail_slice(call, &cloudformation_validation_error, plan.error);
    if (protocol_failed(call))
        return;
    proposal.version.template = ++stack.template_last;
    proposal.version.imports = plan.imports;
    const struct change_set set = make_set(call, &stack, &proposal, &plan);
    trim(call, &entry, &stack);
    stack_template_put(&entry, &stack, proposal.version.template, &proposal.template);
    change_set_put(&entry, &stack, &set);
    if (is_new) {
        stack.status = MR_S("REVIEW_IN_PROGRESS");
        stack.reason = MR_S("User Initiated");
        stack_name_put(&entry, &stack);
        event_add(cloudformation, &entry, &stack, NULL, "REVIEW_IN_PROGRESS", MR_S(""),
                  stack.reason);
    }
    stack_put(&entry, &stack);
    if (commit(call, &entry) != MR_OK)
        return;
    mr_json_key_string(&call->out, "Id", set.id);
    mr_json_key_string(&call->out, "StackId", stack.id);
}

static void create_change_set(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    pthread_mutex_lock(&cloudformation->lock);
    create_locked(call);
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- DescribeChangeSet ---- */

static void write_common(struct mr_json *json, const struct stack *stack,
                         const struct change_set *set)
{
    mr_json_key_string(json, "ChangeSetName", set->name);
    mr_json_key_string(json, "ChangeSetId", set->id);
    mr_json_key_string(json, "StackId", stack->id);
    mr_json_key_string(json, "StackName", stack->name);
    if (set->description.len > 0)
        mr_json_key_string(json, "Description", set->description);
    mr_json_key_timestamp(json, "CreationTime", set->created_ms);
    mr_json_key_string(json, "ExecutionStatus", set->execution);
    mr_json_key_string(json, "Status", set->status);
    if (set->reason.len > 0)
        mr_json_key_string(json, "StatusReason", set->reason);
    mr_json_key_bool(json, "IncludeNestedStacks", false);
}

static void describe_change_set(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct mr_json *json = &call->out;
    struct change_set set = {0};
    struct stack stack = {0};
    if (find(call, &stack, &set) != MR_OK)
        return;
    call->ticket = journal_tail(store_journal(cloudformation->options.store));
    write_common(json, &stack, &set);
    stack_version_write_parameters(json, &set.version);
    mr_json_key_value(json, "NotificationARNs",
                      proposal_list(call->arena, set.version.notifications));
    mr_json_key_raw(json, "RollbackConfiguration", MR_S("{}"));
    mr_json_key_value(json, "Capabilities", proposal_list(call->arena, set.version.capabilities));
    if (yyjson_arr_size(set.version.tags) > 0)
        mr_json_key_value(json, "Tags", set.version.tags);
    if (set.on_failure.len > 0)
        mr_json_key_string(json, "OnStackFailure", set.on_failure);
    mr_json_key_value(json, "Changes", proposal_list(call->arena, set.changes));
}

/* ---- ExecuteChangeSet ---- */

static void execute_locked(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct change_set set = {0};
    struct stack stack;
    if (find(call, &stack, &set) != MR_OK)
        return;
    const bool is_create = mr_slice_equal(set.type, MR_S("CREATE"));
    if (!mr_slice_equal(set.execution, MR_S("AVAILABLE"))) {
        const bool failed = mr_slice_equal(set.status, MR_S("FAILED"));
        protocol_fail(call, &cloudformation_invalid_change_set_status,
                      "ChangeSet [%.*s] cannot be executed in its current %sstatus of [%.*s]",
                      MR_ARG(set.id), failed ? "" : "execution ",
                      MR_ARG(failed ? set.status : set.execution));
        return;
    }
    if (!is_create && !proposal_may_update(call, &stack))
        return;
    *(is_create ? &stack.now : &stack.target) = set.version;
    set.execution = MR_S("EXECUTE_IN_PROGRESS");
    stack.change_set = set.id;
    stack.status = is_create ? MR_S("CREATE_IN_PROGRESS") : MR_S("UPDATE_IN_PROGRESS");
    stack.reason = MR_S("User Initiated");
    stack.updated_ms = call->now_ms;
    stack.token = text_of(call, "ClientRequestToken");
    stack.policy_now = MR_S("");
    stack.disable_rollback = mr_json_get_bool(call->in, "DisableRollback", false);
    if (set.on_failure.len > 0)
        stack.on_failure = set.on_failure;
    stack.operation++;
    const enum mr_status trimmed = event_trim(cloudformation, call->arena, &entry, &stack);
    protocol_fail_internal(call, trimmed);
    change_set_put(&entry, &stack, &set);
    event_add(cloudformation, &entry, &stack, NULL,
              is_create ? "CREATE_IN_PROGRESS" : "UPDATE_IN_PROGRESS", MR_S(""), stack.reason);
    stack_put(&entry, &stack);
    if (!protocol_failed(call) && commit(call, &entry) == MR_OK)
        engine_start_locked(cloudformation, stack.uuid);
}

static void execute_change_set(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    pthread_mutex_lock(&cloudformation->lock);
    execute_locked(call);
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- DeleteChangeSet, ListChangeSets ---- */

static void delete_change_set(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct change_set set = {0};
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    const struct mr_slice name = text_of(call, "StackName");
    enum mr_status status = name.len > 0 ? stack_find(cloudformation, call->arena, name, &stack)
                                         : change_set_stack(cloudformation, call->arena,
                                                            text_of(call, "ChangeSetName"), &stack);
    if (status == MR_NOT_FOUND && name.len > 0)
        fail_no_stack(call, name);
    else if (status == MR_NOT_FOUND)
        fail_not_found(call, text_of(call, "ChangeSetName"));
    if (status == MR_OK) {
        status = change_set_find(cloudformation, call->arena, &stack,
                                 text_of(call, "ChangeSetName"), &set);
        if (status == MR_OK && mr_slice_equal(set.execution, MR_S("EXECUTE_IN_PROGRESS"))) {
            protocol_fail(call, &cloudformation_invalid_change_set_status,
                          "ChangeSet [%.*s] cannot be deleted in its current execution status of "
                          "[EXECUTE_IN_PROGRESS]",
                          MR_ARG(set.id));
        } else if (status == MR_OK) { /* AWS: one that is not there counts as deleted */
            change_set_delete(&entry, &stack, &set);
            (void)commit(call, &entry);
        }
    }
    protocol_fail_internal(call, status);
    pthread_mutex_unlock(&cloudformation->lock);
}

struct listing {
    struct mr_json *json;
    const struct stack *stack;
};

static void list_one(void *ctx, const struct change_set *set, struct mr_slice stack_uuid)
{
    const struct listing *listing = ctx;
    (void)stack_uuid;
    if (mr_slice_starts_with(set->execution, MR_S("EXECUTE_")))
        return;
    mr_json_object(listing->json);
    write_common(listing->json, listing->stack, set);
    mr_json_object_end(listing->json);
}

static void list_change_sets(struct protocol_call *call)
{
    struct stack stack;
    const enum mr_status found =
        stack_find(call->service, call->arena, text_of(call, "StackName"), &stack);
    protocol_fail_internal(call, found);
    if (found == MR_NOT_FOUND)
        fail_no_stack(call, text_of(call, "StackName"));
    if (protocol_failed(call))
        return;
    struct listing listing = {.json = &call->out, .stack = &stack};
    mr_json_key(&call->out, "Summaries");
    mr_json_array(&call->out);
    protocol_fail_internal(call,
                           change_set_each(call->service, call->arena, &stack, list_one, &listing));
    mr_json_array_end(&call->out);
}

const struct protocol_handler cloudformation_change_set_handlers[] = {
    {.operation = "CreateChangeSet", .run = create_change_set},
    {.operation = "DescribeChangeSet", .run = describe_change_set},
    {.operation = "ExecuteChangeSet", .run = execute_change_set},
    {.operation = "DeleteChangeSet", .run = delete_change_set},
    {.operation = "ListChangeSets", .run = list_change_sets},
};
const size_t cloudformation_change_set_handler_count = MR_COUNT(cloudformation_change_set_handlers);
