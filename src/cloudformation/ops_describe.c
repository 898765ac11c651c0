/* The wire: what stacks, their resources and events look like. */
#include "cloudformation/internal.h"
#include "cloudformation/members.h"
#include <stdlib.h>

/* An answer leaves when what it tells is durable. */
static void wait_for_all(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    call->ticket = journal_tail(store_journal(cloudformation->options.store));
}

static struct mr_slice text_of(struct protocol_call *call, const char *member)
{
    return mr_json_get_text(call->in, member);
}

static enum mr_status find(struct protocol_call *call, const char *missing, struct stack *ret_stack)
{
    const struct mr_slice name = text_of(call, "StackName");
    const enum mr_status status = stack_find(call->service, call->arena, name, ret_stack);
    protocol_fail_internal(call, status);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &cloudformation_validation_error, missing, MR_ARG(name));
    return status == MR_OK ? MR_OK : MR_FAULT;
}

static void write_list(struct mr_json *json, const char *name, yyjson_val *list)
{
    mr_json_key(json, name);
    if (list != NULL) {
        mr_json_value(json, list);
    } else {
        mr_json_array(json);
        mr_json_array_end(json);
    }
}

static void write_drift(struct mr_json *json, const char *member)
{
    mr_json_key(json, "DriftInformation");
    mr_json_object(json);
    mr_json_key_cstr(json, member, "NOT_CHECKED");
    mr_json_object_end(json);
}

static void write_reason(struct mr_json *json, const char *member, struct mr_slice reason)
{
    if (reason.len > 0)
        mr_json_key_string(json, member, reason);
}

/* ---- stacks ---- */

static void write_times(struct mr_json *json, const struct stack *stack)
{
    mr_json_key_timestamp(json, "CreationTime", stack->created_ms);
    if (stack->updated_ms != 0)
        mr_json_key_timestamp(json, "LastUpdatedTime", stack->updated_ms);
    if (stack->deleted_ms != 0)
        mr_json_key_timestamp(json, "DeletionTime", stack->deleted_ms);
}

static void write_stack(struct mr_json *json, const struct stack *stack)
{
    const struct stack_version *version =
        stack_has_status(stack, "UPDATE_IN_PROGRESS") ? &stack->target : &stack->now;
    mr_json_object(json);
    mr_json_key_string(json, "StackId", stack->id);
    mr_json_key_string(json, "StackName", stack->name);
    write_reason(json, "ChangeSetId", stack->change_set);
    write_reason(json, "Description", version->description);
    stack_version_write_parameters(json, version);
    write_times(json, stack);
    mr_json_key_raw(json, "RollbackConfiguration", MR_S("{}"));
    mr_json_key_string(json, "StackStatus", stack->status);
    write_reason(json, "StackStatusReason", stack->reason);
    mr_json_key_bool(json, "DisableRollback", stack->disable_rollback);
    write_list(json, "NotificationARNs", version->notifications);
    if (stack->timeout_minutes > 0)
        mr_json_key_int(json, "TimeoutInMinutes", stack->timeout_minutes);
    if (yyjson_arr_size(version->capabilities) > 0)
        write_list(json, "Capabilities", version->capabilities);
    if (yyjson_arr_size(stack->outputs) > 0)
        write_list(json, "Outputs", stack->outputs);
    write_reason(json, "RoleARN", stack->role);
    write_reason(json, "ParentId", stack->parent);
    write_reason(json, "RootId", stack->root);
    write_list(json, "Tags", version->tags);
    mr_json_key_bool(json, "EnableTerminationProtection", stack->protection);
    write_drift(json, "StackDriftStatus");
    mr_json_object_end(json);
}

struct collection {
    struct mr_arena *arena;
    struct stack *items;
    size_t count, capacity;
};

static enum mr_status collect(void *ctx, const struct stack *stack)
{
    struct collection *all = ctx;
    if (all->count == all->capacity) {
        const size_t capacity = all->capacity == 0 ? 16 : 2 * all->capacity;
        all->items = mr_arena_realloc(all->arena, all->items, all->capacity * sizeof *all->items,
                                      capacity * sizeof *all->items);
        all->capacity = capacity;
    }
    all->items[all->count++] = *stack;
    return MR_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct stack *left = a, *right = b;
    return (right->created_ms > left->created_ms) - (right->created_ms < left->created_ms);
}

static bool collect_all(struct protocol_call *call, struct collection *all)
{
    *all = (struct collection){.arena = call->arena};
    const enum mr_status status = stack_each(call->service, call->arena, collect, all);
    protocol_fail_internal(call, status);
    if (all->count > 0)
        qsort(all->items, all->count, sizeof *all->items, newest_first);
    return status == MR_OK;
}

/* Operations take milliseconds here, but clients that find one under way ask again after 5 or 30
 * seconds: so an answer about one stack waits a moment for the end. */
static void describe_stacks(struct protocol_call *call)
{
    struct collection all = {0};
    struct stack stack;
    wait_for_all(call);
    if (text_of(call, "StackName").len > 0) {
        if (find(call, "Stack with id %.*s does not exist", &stack) != MR_OK)
            return;
        if (stack_is_busy(&stack)) {
            engine_settle(call->service, stack.uuid);
            wait_for_all(call);
            if (find(call, "Stack with id %.*s does not exist", &stack) != MR_OK)
                return;
        }
        all = (struct collection){.items = &stack, .count = 1};
    } else if (!collect_all(call, &all)) {
        return;
    }
    mr_json_key(&call->out, "Stacks");
    mr_json_array(&call->out);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].deleted_ms == 0 || all.items == &stack)
            write_stack(&call->out, &all.items[i]);
    mr_json_array_end(&call->out);
}

static bool passes(yyjson_val *filter, struct mr_slice status)
{
    for (size_t i = 0; i < yyjson_arr_size(filter); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(filter, i)), status))
            return true;
    return yyjson_arr_size(filter) == 0;
}

static void list_stacks(struct protocol_call *call)
{
    struct mr_json *json = &call->out;
    struct collection all;
    wait_for_all(call);
    if (!collect_all(call, &all))
        return;
    mr_json_key(json, "StackSummaries");
    mr_json_array(json);
    for (size_t i = 0; i < all.count; i++) {
        const struct stack *stack = &all.items[i];
        if (!passes(mr_json_get(call->in, "StackStatusFilter"), stack->status))
            continue;
        mr_json_object(json);
        mr_json_key_string(json, "StackId", stack->id);
        mr_json_key_string(json, "StackName", stack->name);
        write_reason(json, "TemplateDescription", stack->now.description);
        write_reason(json, "ParentId", stack->parent);
        write_reason(json, "RootId", stack->root);
        write_times(json, stack);
        mr_json_key_string(json, "StackStatus", stack->status);
        write_reason(json, "StackStatusReason", stack->reason);
        write_drift(json, "StackDriftStatus");
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* ---- events ---- */

struct events {
    struct mr_arena *arena;
    yyjson_val **items;
    size_t count, capacity;
};

static enum mr_status collect_event(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct events *events = ctx;
    (void)name;
    if (events->count == events->capacity) {
        const size_t capacity = events->capacity == 0 ? 64 : 2 * events->capacity;
        events->items =
            mr_arena_realloc(events->arena, events->items, events->capacity * sizeof(yyjson_val *),
                             capacity * sizeof(yyjson_val *));
        events->capacity = capacity;
    }
    events->items[events->count++] = mr_json_parse(events->arena, json, 8);
    return MR_OK;
}

static void describe_events(struct protocol_call *call)
{
    struct cloudformation *cloudformation = call->service;
    struct events events = {.arena = call->arena};
    struct stack stack;
    wait_for_all(call);
    if (find(call, "Stack [%.*s] does not exist", &stack) != MR_OK)
        return;
    protocol_fail_internal(call,
                           store_doc_each(cloudformation->options.store, "cloudformation", "event",
                                          mr_arena_printf(call->arena, "%.*s/", MR_ARG(stack.uuid)),
                                          collect_event, &events));
    mr_json_key(&call->out, "StackEvents");
    mr_json_array(&call->out);
    for (size_t i = events.count; i-- > 0;)
        mr_json_value(&call->out, events.items[i]);
    mr_json_array_end(&call->out);
}

/* ---- resources ---- */

enum form { FORM_RESOURCE, FORM_DETAIL, FORM_SUMMARY };

static void write_resource(struct mr_json *json, const struct stack *stack,
                           const struct stack_resource *record, enum form form)
{
    mr_json_object(json);
    if (form != FORM_SUMMARY) {
        mr_json_key_string(json, "StackName", stack->name);
        mr_json_key_string(json, "StackId", stack->id);
    }
    mr_json_key_string(json, "LogicalResourceId", record->logical);
    if (record->physical.len > 0)
        mr_json_key_string(json, "PhysicalResourceId", record->physical);
    mr_json_key_string(json, "ResourceType", record->type);
    mr_json_key_timestamp(json, form == FORM_RESOURCE ? "Timestamp" : "LastUpdatedTimestamp",
                          record->changed_ms);
    mr_json_key_string(json, "ResourceStatus", record->status);
    write_reason(json, "ResourceStatusReason", record->reason);
    write_drift(json, "StackResourceDriftStatus");
    mr_json_object_end(json);
}

static bool load(struct protocol_call *call, const struct stack *stack, struct record_list *list)
{
    const enum mr_status status = record_load(call->service, call->arena, stack, list);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void list_resources(struct protocol_call *call)
{
    struct record_list list;
    struct stack stack;
    wait_for_all(call);
    if (find(call, "Stack with id %.*s does not exist", &stack) != MR_OK ||
        !load(call, &stack, &list))
        return;
    mr_json_key(&call->out, "StackResourceSummaries");
    mr_json_array(&call->out);
    for (size_t i = 0; i < list.count; i++)
        write_resource(&call->out, &stack, list.items[i], FORM_SUMMARY);
    mr_json_array_end(&call->out);
}

static void fail_missing_resource(struct protocol_call *call, struct mr_slice logical,
                                  const struct stack *stack)
{
    protocol_fail(call, &cloudformation_validation_error,
                  "Resource %.*s does not exist for stack %.*s", MR_ARG(logical),
                  MR_ARG(stack->name));
}

static void describe_resource(struct protocol_call *call)
{
    const struct mr_slice logical = text_of(call, "LogicalResourceId");
    struct record_list list;
    struct stack stack;
    wait_for_all(call);
    if (find(call, "Stack '%.*s' does not exist", &stack) != MR_OK || !load(call, &stack, &list))
        return;
    const struct stack_resource *record = record_find(&list, logical);
    if (record == NULL) {
        fail_missing_resource(call, logical, &stack);
        return;
    }
    mr_json_key(&call->out, "StackResourceDetail");
    write_resource(&call->out, &stack, record, FORM_DETAIL);
}

/* The living stack that has a resource of this physical id. */
static bool find_owner(struct protocol_call *call, struct mr_slice physical,
                       struct stack *ret_stack)
{
    struct collection all;
    struct record_list list;
    if (!collect_all(call, &all))
        return false;
    for (size_t i = 0; i < all.count; i++) {
        if (all.items[i].deleted_ms != 0 || !load(call, &all.items[i], &list))
            continue;
        for (size_t j = 0; j < list.count; j++)
            if (mr_slice_equal(list.items[j]->physical, physical)) {
                *ret_stack = all.items[i];
                return true;
            }
    }
    protocol_fail(call, &cloudformation_validation_error, "Stack for %.*s does not exist",
                  MR_ARG(physical));
    return false;
}

static void describe_resources(struct protocol_call *call)
{
    const struct mr_slice logical = text_of(call, "LogicalResourceId");
    const struct mr_slice physical = text_of(call, "PhysicalResourceId");
    struct record_list list;
    struct stack stack;
    wait_for_all(call);
    if (physical.len > 0 && text_of(call, "StackName").len == 0) {
        if (!find_owner(call, physical, &stack))
            return;
    } else if (find(call, "Stack with id %.*s does not exist", &stack) != MR_OK) {
        return;
    }
    if (!load(call, &stack, &list))
        return;
    if (logical.len > 0 && record_find(&list, logical) == NULL) {
        fail_missing_resource(call, logical, &stack);
        return;
    }
    mr_json_key(&call->out, "StackResources");
    mr_json_array(&call->out);
    for (size_t i = 0; i < list.count; i++)
        if (logical.len == 0 || mr_slice_equal(list.items[i]->logical, logical))
            write_resource(&call->out, &stack, list.items[i], FORM_RESOURCE);
    mr_json_array_end(&call->out);
}

/* ---- exports ---- */

static void list_exports(struct protocol_call *call)
{
    struct mr_json *json = &call->out;
    struct collection all;
    wait_for_all(call);
    if (!collect_all(call, &all))
        return;
    mr_json_key(json, "Exports");
    mr_json_array(json);
    for (size_t i = 0; i < all.count; i++)
        for (size_t j = 0; j < yyjson_arr_size(all.items[i].outputs); j++) {
            yyjson_val *output = yyjson_arr_get(all.items[i].outputs, j);
            if (mr_json_get(output, "ExportName") == NULL || all.items[i].deleted_ms != 0)
                continue;
            mr_json_object(json);
            mr_json_key_string(json, "ExportingStackId", all.items[i].id);
            mr_json_key_value(json, "Name", mr_json_get(output, "ExportName"));
            mr_json_key_value(json, "Value", mr_json_get(output, "OutputValue"));
            mr_json_object_end(json);
        }
    mr_json_array_end(json);
}

static void list_imports(struct protocol_call *call)
{
    const struct mr_slice name = text_of(call, "ExportName");
    yyjson_val *names = NULL;
    wait_for_all(call);
    protocol_fail_internal(call, exports_importers(call->service, call->arena, name, NULL, &names));
    if (yyjson_arr_size(names) == 0)
        protocol_fail(call, &cloudformation_validation_error,
                      "Export '%.*s' is not imported by any stack.", MR_ARG(name));
    mr_json_key_value(&call->out, "Imports", names);
}

const struct protocol_handler cloudformation_describe_handlers[] = {
    {.operation = "DescribeStacks", .run = describe_stacks},
    {.operation = "ListStacks", .run = list_stacks},
    {.operation = "DescribeStackEvents", .run = describe_events},
    {.operation = "DescribeStackResources", .run = describe_resources},
    {.operation = "DescribeStackResource", .run = describe_resource},
    {.operation = "ListStackResources", .run = list_resources},
    {.operation = "ListExports", .run = list_exports},
    {.operation = "ListImports", .run = list_imports},
};
const size_t cloudformation_describe_handler_count = MR_COUNT(cloudformation_describe_handlers);
