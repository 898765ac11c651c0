/* One resource at a time: made, changed, changed back, removed. */
#include "cloudformation/dynamic.h"
#include "cloudformation/engine.h"
#include "cloudformation/graph.h"
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"

static void commit_record(struct run *run, const struct stack_resource *record, const char *event,
                          struct mr_slice physical, struct mr_slice reason)
{
    struct store_entry entry = store_entry_make(run->arena);
    pthread_mutex_lock(&run->cloudformation->lock);
    record_put(&entry, &run->stack, record);
    if (event != NULL)
        event_add(run->cloudformation, &entry, &run->stack, record, event, physical, reason);
    run_commit(run, &entry);
    pthread_mutex_unlock(&run->cloudformation->lock);
}

static void set_status(struct run *run, struct stack_resource *record, const char *status,
                       struct mr_slice reason)
{
    record->status = mr_slice_cstr(status);
    record->reason = reason;
    record->changed_ms = store_now(run->cloudformation->options.store);
}

/* Sets the status, stores the record and tells the event of the same name. */
static void settle(struct run *run, struct stack_resource *record, const char *status,
                   struct mr_slice physical, struct mr_slice reason)
{
    set_status(run, record, status, reason);
    commit_record(run, record, status, physical, reason);
}

static const struct stack_version *version_of(const struct run *run)
{
    return run->stack.target.template != 0 ? &run->stack.target : &run->stack.now;
}

/* The properties with the values that dynamic references name; *ret_reason says what is missing. */
static yyjson_val *resolve(struct run *run, yyjson_val *properties, struct mr_slice *ret_reason)
{
    struct dynamic dynamic = {
        .cloudformation = run->cloudformation,
        .arena = run->arena,
        .region = run->stack.region,
    };
    yyjson_val *resolved = dynamic_resolve(&dynamic, properties);
    *ret_reason = dynamic.error;
    return resolved;
}

static struct resource_call make_call(struct run *run, const struct stack_resource *record)
{
    struct mr_slice reason;
    yyjson_val *properties = resolve(run, record->properties, &reason);
    return (struct resource_call){
        .reason = reason,
        .cloudformation = run->cloudformation,
        .arena = run->arena,
        .type = resource_type_find(record->type),
        .type_name = record->type,
        .logical = record->logical,
        .stack_uuid = run->stack.uuid,
        .stack_status = run->stack.status,
        .stack_name = run->stack.name,
        .stack_id = run->stack.id,
        .region = run->stack.region,
        .account = run->stack.account,
        .stack_tags = version_of(run)->tags,
        .properties = properties,
        .token = record->token,
        .physical = record->physical,
    };
}

/* What GetAtt gives from now on; the old values stay when the call told none. */
static void take_attributes(struct run *run, struct stack_resource *record,
                            const struct resource_call *call)
{
    if (call->attribute_map != NULL)
        record->attributes = call->attribute_map;
    if (call->attribute_map != NULL || call->attribute_count == 0)
        return;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < call->attribute_count; i++) {
        mr_json_name(&json, mr_slice_cstr(call->attributes[i].name));
        mr_json_string(&json, call->attributes[i].value);
    }
    mr_json_object_end(&json);
    record->attributes = mr_json_parse(run->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
}

/* ---- what the template says of a resource ---- */

struct wanted {
    const struct resource_type *type; /* NULL: unknown here */
    struct mr_slice type_name;
    yyjson_val *properties, *depends;
    bool retain, retain_replaced;
    struct mr_slice error; /* why it cannot be */
};

static yyjson_val *depends_of(struct run *run, struct mr_slice logical)
{
    struct graph graph;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    graph_of_template(run->arena, &run->template, &graph);
    mr_json_array(&json);
    for (size_t i = 0; i < graph.count; i++) {
        if (!mr_slice_equal(graph.nodes[i].name, logical))
            continue;
        for (size_t j = 0; j < graph.nodes[i].count; j++)
            mr_json_string(&json, graph.nodes[graph.nodes[i].needs[j]].name);
    }
    mr_json_array_end(&json);
    yyjson_val *depends = mr_json_parse(run->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    return depends;
}

static bool is_retained(yyjson_val *resource, const char *member)
{
    return mr_slice_starts_with(mr_json_get_text(resource, member), MR_S("Retain"));
}

static struct wanted want(struct run *run, struct mr_slice logical)
{
    yyjson_val *resource = template_resource(&run->template, logical);
    yyjson_val *properties = mr_json_get(resource, "Properties");
    struct wanted wanted = {
        .type_name = mr_json_get_text(resource, "Type"),
        .depends = depends_of(run, logical),
        .retain = is_retained(resource, "DeletionPolicy"),
        .retain_replaced = is_retained(resource, "UpdateReplacePolicy"),
    };
    wanted.type = resource_type_find(wanted.type_name);
    if (wanted.type == NULL) {
        wanted.error = mr_arena_printf(run->arena,
                                       "Unrecognized resource type: %.*s (millrace does not "
                                       "implement it)",
                                       MR_ARG(wanted.type_name));
        return wanted;
    }
    wanted.properties = properties == NULL ? mr_json_parse(run->arena, MR_S("{}"), 2)
                                           : evaluate(&run->evaluation, properties);
    wanted.error = properties == NULL ? MR_S("") : run->evaluation.error;
    if (wanted.error.len == 0 && !wanted.type->has_policy &&
        mr_json_get(resource, "CreationPolicy") != NULL)
        wanted.error = mr_arena_printf(run->arena, "CreationPolicy is not supported for %s",
                                       wanted.type->name);
    if (wanted.error.len == 0 && mr_json_get(resource, "UpdatePolicy") != NULL)
        wanted.error = MR_S("millrace does not carry out UpdatePolicy");
    if (wanted.error.len == 0)
        wanted.error = resource_check(run->arena, wanted.type, wanted.properties);
    return wanted;
}

static void take_wanted(struct run *run, struct stack_resource *record, const struct wanted *wanted)
{
    record->type = wanted->type_name;
    record->properties = wanted->properties;
    record->depends = wanted->depends;
    record->retain = wanted->retain;
    record->retain_replaced = wanted->retain_replaced;
    record->operation = run->stack.operation;
}

/* ---- create ---- */

/* Chooses the name and a token; a second run of the same creation keeps both. */
static void choose_name(struct run *run, struct stack_resource *record)
{
    struct mr_rng *rng = run->cloudformation->options.rng;
    struct resource_call call = make_call(run, record);
    char *token = mr_arena_alloc(run->arena, 37);
    mr_rng_uuid(rng, token);
    record->token = mr_slice_make(token, 36);
    record->intended = resource_name(&call, rng);
    call.physical = record->intended;
    yyjson_val *owner = call.type->name_parent == NULL
                            ? record->properties
                            : mr_json_get(record->properties, call.type->name_parent);
    const bool is_custom =
        call.type->name_property != NULL && mr_json_get(owner, call.type->name_property) != NULL;
    record->found = is_custom && call.type->exists != NULL && call.type->exists(&call);
}

/* Runs the type's create. On success the record has its physical id. */
static struct resource_call run_create(struct run *run, struct stack_resource *record, bool resumed)
{
    struct resource_call call = make_call(run, record);
    yyjson_val *policy =
        mr_json_get(template_resource(&run->template, record->logical), "CreationPolicy");
    call.policy = policy == NULL ? NULL : evaluate(&run->evaluation, policy);
    call.physical = record->intended;
    call.resumed = resumed && !record->found;
    if (call.reason.len == 0)
        call.type->create(&call);
    else
        call.physical = MR_S("");
    return call;
}

static enum step_result finish_create(struct run *run, struct stack_resource *record,
                                      const struct resource_call *call)
{
    if (call->interrupted)
        return STEP_INTERRUPTED;
    record->physical = call->physical;
    if (record->physical.len > 0)
        commit_record(run, record, "CREATE_IN_PROGRESS", record->physical,
                      MR_S("Resource creation Initiated"));
    if (call->reason.len > 0) {
        settle(run, record, "CREATE_FAILED", record->physical, call->reason);
        return STEP_FAILED;
    }
    take_attributes(run, record, call);
    settle(run, record, "CREATE_COMPLETE", record->physical, MR_S(""));
    return STEP_DONE;
}

enum step_result step_create(struct run *run, struct mr_slice logical)
{
    struct stack_resource *record = record_find(&run->records, logical);
    const bool is_ours = record != NULL && record->operation == run->stack.operation;
    if (is_ours && mr_slice_equal(record->status, MR_S("CREATE_COMPLETE")))
        return STEP_DONE;
    if (is_ours && mr_slice_equal(record->status, MR_S("CREATE_IN_PROGRESS"))) {
        const struct resource_call call = run_create(run, record, true);
        return finish_create(run, record, &call);
    }
    const struct wanted wanted = want(run, logical);
    if (record == NULL) {
        record = MR_NEW(run->arena, struct stack_resource);
        record_add(run->arena, &run->records, record);
    }
    *record = (struct stack_resource){.logical = logical, .doomed = record->doomed};
    take_wanted(run, record, &wanted);
    record->fresh = true;
    if (wanted.error.len == 0)
        choose_name(run, record);
    settle(run, record, "CREATE_IN_PROGRESS", MR_S(""), MR_S(""));
    if (wanted.error.len > 0) {
        settle(run, record, "CREATE_FAILED", MR_S(""), wanted.error);
        return STEP_FAILED;
    }
    const struct resource_call call = run_create(run, record, false);
    return finish_create(run, record, &call);
}

/* ---- update ---- */

static yyjson_val *snapshot(struct run *run, const struct stack_resource *record)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "physical", record->physical);
    mr_json_key_value(&json, "properties", record->properties);
    mr_json_key_value(&json, "attributes", record->attributes);
    mr_json_key_value(&json, "depends", record->depends);
    mr_json_key_bool(&json, "retain", record->retain);
    mr_json_key_bool(&json, "retain_replaced", record->retain_replaced);
    mr_json_object_end(&json);
    yyjson_val *copy = mr_json_parse(run->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return copy;
}

static void add_doomed(struct run *run, struct stack_resource *record, struct mr_slice physical,
                       yyjson_val *properties)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    if (physical.len == 0)
        return;
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(record->doomed); i++)
        mr_json_value(&json, yyjson_arr_get(record->doomed, i));
    mr_json_object(&json);
    mr_json_key_string(&json, "physical", physical);
    mr_json_key_value(&json, "properties", properties);
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    record->doomed = mr_json_parse(run->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
}

static enum step_result fail_update(struct run *run, struct stack_resource *record,
                                    struct mr_slice reason)
{
    settle(run, record, "UPDATE_FAILED", record->physical, reason);
    return STEP_FAILED;
}

static bool has_renamed(const struct stack_resource *record, const struct resource_call *call)
{
    return call->type->renames && call->physical.len > 0 &&
           !mr_slice_equal(call->physical, record->physical);
}

static void tell(struct run *run, const struct stack_resource *record, const char *event,
                 struct mr_slice physical, struct mr_slice reason)
{
    struct store_entry entry = store_entry_make(run->arena);
    pthread_mutex_lock(&run->cloudformation->lock);
    event_add(run->cloudformation, &entry, &run->stack, record, event, physical, reason);
    run_commit(run, &entry);
    pthread_mutex_unlock(&run->cloudformation->lock);
}

static enum step_result finish_update(struct run *run, struct stack_resource *record,
                                      const struct resource_call *call)
{
    if (call->interrupted)
        return STEP_INTERRUPTED;
    if (call->reason.len > 0) {
        if (record->replaced)
            add_doomed(run, record, call->physical, record->properties);
        return fail_update(run, record, call->reason);
    }
    if (record->replaced) {
        record->physical = call->physical;
        commit_record(run, record, "UPDATE_IN_PROGRESS", record->physical,
                      MR_S("Resource creation Initiated"));
    } else if (has_renamed(record, call)) {
        tell(run, record, "UPDATE_IN_PROGRESS", call->physical,
             MR_S("Requested update required the provider to create a new physical resource"));
        record->physical = call->physical;
        record->replaced = true; /* by this; the one before goes in the cleanup */
    }
    take_attributes(run, record, call);
    settle(run, record, "UPDATE_COMPLETE", record->physical, MR_S(""));
    return STEP_DONE;
}

/* The call that the record says is under way. */
static enum step_result run_update(struct run *run, struct stack_resource *record, bool resumed)
{
    if (record->replaced) {
        const struct resource_call call = run_create(run, record, resumed);
        return finish_update(run, record, &call);
    }
    struct resource_call call = make_call(run, record);
    struct mr_slice gone; /* what it was made with no longer matters */
    call.before = resolve(run, mr_json_get(record->previous, "properties"), &gone);
    if (call.reason.len == 0)
        call.type->update(&call);
    return finish_update(run, record, &call);
}

static bool needs_replacement(const struct wanted *wanted, const struct stack_resource *record)
{
    yyjson_val *const sides[] = {wanted->properties, record->properties};
    yyjson_val *key, *value;
    size_t i, count;
    for (size_t side = 0; side < 2; side++) {
        yyjson_obj_foreach(members_of(sides[side]), i, count, key, value)
        {
            if (!resource_json_equal(value, mr_json_getn(sides[1 - side], mr_json_text(key))) &&
                resource_type_replaces(wanted->type, mr_json_text(key)))
                return true;
        }
    }
    return wanted->type->replaces != NULL &&
           wanted->type->replaces(wanted->properties, record->properties);
}

/* A resource with a name of its own cannot stand beside its successor of the same name. */
static bool is_name_kept(struct run *run, const struct stack_resource *record)
{
    struct resource_call call = make_call(run, record);
    if (call.type->name_property == NULL || call.type->exists == NULL)
        return false;
    yyjson_val *before = mr_json_get(record->previous, "properties");
    if (call.type->name_scope != NULL &&
        !resource_json_equal(mr_json_get(record->properties, call.type->name_scope),
                             mr_json_get(before, call.type->name_scope)))
        return false;
    yyjson_val *owner = call.type->name_parent == NULL
                            ? record->properties
                            : mr_json_get(record->properties, call.type->name_parent);
    return mr_slice_equal(mr_json_get_text(owner, call.type->name_property),
                          mr_json_get_text(record->previous, "physical"));
}

/* Nothing was done: the record is again what it was. */
static enum step_result deny_update(struct run *run, struct stack_resource *record,
                                    struct mr_slice why)
{
    record->properties = mr_json_get(record->previous, "properties");
    record->replaced = false;
    settle(run, record, "UPDATE_IN_PROGRESS", record->physical, MR_S(""));
    return fail_update(run, record, why);
}

static enum step_result begin_update(struct run *run, struct stack_resource *record,
                                     const struct wanted *wanted)
{
    if (record->previous != NULL &&
        record->replaced) /* left over by an update that stayed failed */
        add_doomed(run, record, mr_json_get_text(record->previous, "physical"),
                   mr_json_get(record->previous, "properties"));
    record->previous = snapshot(run, record);
    record->replaced = wanted->error.len == 0 && needs_replacement(wanted, record);
    record->fresh = false;
    take_wanted(run, record, wanted);
    if (wanted->error.len > 0)
        return deny_update(run, record, wanted->error);
    const struct mr_slice denied =
        guard_denies(run->arena, &run->stack, record->replaced ? "Update:Replace" : "Update:Modify",
                     record->logical, record->type);
    if (denied.len > 0)
        return deny_update(run, record, denied);
    if (!record->replaced) {
        settle(run, record, "UPDATE_IN_PROGRESS", record->physical, MR_S(""));
        return run_update(run, record, false);
    }
    choose_name(run, record);
    settle(run, record, "UPDATE_IN_PROGRESS", record->physical,
           MR_S("Requested update requires the creation of a new physical resource; hence creating "
                "one."));
    if (is_name_kept(run, record))
        return fail_update(
            run, record,
            mr_arena_printf(run->arena,
                            "CloudFormation cannot update a stack when a custom-named resource "
                            "requires replacing. Rename %.*s and update the stack again.",
                            MR_ARG(record->physical)));
    return run_update(run, record, false);
}

enum step_result step_update(struct run *run, struct mr_slice logical)
{
    struct stack_resource *record = record_find(&run->records, logical);
    const bool is_there = record != NULL && record->physical.len > 0 &&
                          !mr_slice_equal(record->status, MR_S("DELETE_COMPLETE")) &&
                          !(record->fresh && record->operation == run->stack.operation);
    if (!is_there)
        return step_create(run, logical);
    if (record->operation == run->stack.operation) {
        if (mr_slice_equal(record->status, MR_S("UPDATE_COMPLETE")))
            return STEP_DONE;
        if (mr_slice_equal(record->status, MR_S("UPDATE_IN_PROGRESS")))
            return run_update(run, record, true);
    }
    const struct wanted wanted = want(run, logical);
    const bool is_sound = mr_slice_ends_with(record->status, MR_S("_COMPLETE"));
    if (wanted.error.len > 0 || !is_sound || wanted.type->always_updates ||
        !resource_json_equal(wanted.properties, record->properties))
        return begin_update(run, record, &wanted);
    const bool is_same = record->retain == wanted.retain &&
                         record->retain_replaced == wanted.retain_replaced &&
                         resource_json_equal(record->depends, wanted.depends);
    if (!is_same) { /* nothing that the service knows of */
        const int64_t operation = record->operation;
        take_wanted(run, record, &wanted);
        record->operation = operation;
        commit_record(run, record, NULL, MR_S(""), MR_S(""));
    }
    return STEP_DONE;
}

/* ---- back to what was before a failed update ---- */

static void restore(struct stack_resource *record)
{
    yyjson_val *previous = record->previous;
    record->physical = mr_json_get_text(previous, "physical");
    record->properties = mr_json_get(previous, "properties");
    record->attributes = mr_json_get(previous, "attributes");
    record->depends = mr_json_get(previous, "depends");
    record->retain = mr_json_get_bool(previous, "retain", false);
    record->retain_replaced = mr_json_get_bool(previous, "retain_replaced", false);
    record->previous = NULL;
    record->replaced = false;
}

enum step_result step_revert(struct run *run, struct stack_resource *record)
{
    if (record->operation != run->stack.operation || record->previous == NULL)
        return STEP_DONE;
    if (record->replaced) {
        if (mr_slice_equal(record->status, MR_S("UPDATE_COMPLETE"))) /* its successor is there */
            add_doomed(run, record, record->physical, record->properties);
        restore(record);
        settle(run, record, "UPDATE_COMPLETE", record->physical, MR_S(""));
        return STEP_DONE;
    }
    struct resource_call call = make_call(run, record);
    settle(run, record, "UPDATE_IN_PROGRESS", record->physical, MR_S(""));
    call.reverting = true;
    call.before = call.properties;
    call.properties = resolve(run, mr_json_get(record->previous, "properties"), &call.reason);
    if (call.reason.len == 0 && call.type != NULL && call.type->update != NULL &&
        !resource_json_equal(call.before, call.properties))
        call.type->update(&call);
    if (call.interrupted)
        return STEP_INTERRUPTED;
    if (call.reason.len > 0)
        return fail_update(run, record, call.reason);
    const bool renamed = has_renamed(record, &call);
    if (renamed) /* the way back took yet another one */
        add_doomed(run, record, record->physical, record->properties);
    restore(record);
    if (renamed)
        record->physical = call.physical;
    take_attributes(run, record, &call);
    settle(run, record, "UPDATE_COMPLETE", record->physical, MR_S(""));
    return STEP_DONE;
}

/* ---- delete ---- */

static bool is_named(yyjson_val *list, struct mr_slice name)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), name))
            return true;
    return false;
}

static bool is_to_be_kept(const struct run *run, const struct stack_resource *record)
{
    yyjson_val *resource = template_resource(&run->template, record->logical);
    const bool is_rollback = mr_slice_search(run->stack.status, MR_S("ROLLBACK")) != SIZE_MAX;
    if (is_rollback &&
        mr_slice_equal(mr_json_get_text(resource, "DeletionPolicy"), MR_S("RetainExceptOnCreate")))
        return false;
    return record->retain || is_named(run->stack.retain, record->logical);
}

/* Who needs this resource could not be removed: it stays as well. */
static bool is_still_needed(const struct run *run, const struct stack_resource *record)
{
    for (size_t i = 0; i < run->records.count; i++) {
        const struct stack_resource *other = run->records.items[i];
        if (mr_slice_equal(other->status, MR_S("DELETE_FAILED")) &&
            is_named(other->depends, record->logical))
            return true;
    }
    return false;
}

/* Removes one physical resource of the record. */
static struct resource_call run_drop(struct run *run, const struct stack_resource *record,
                                     struct mr_slice physical, yyjson_val *properties)
{
    struct resource_call call = make_call(run, record);
    call.physical = physical;
    call.properties = resolve(run, properties, &call.reason);
    call.reason = MR_S(""); /* it goes all the same */
    if (call.type != NULL && physical.len > 0)
        call.type->drop(&call);
    return call;
}

enum step_result step_delete(struct run *run, struct stack_resource *record)
{
    if (mr_slice_equal(record->status, MR_S("DELETE_COMPLETE")) ||
        mr_slice_equal(record->status, MR_S("DELETE_SKIPPED")))
        return STEP_DONE;
    /* A creation that was cut short may have got anywhere. */
    const struct mr_slice physical =
        record->physical.len > 0 || record->found ||
                !mr_slice_equal(record->status, MR_S("CREATE_IN_PROGRESS"))
            ? record->physical
            : record->intended;
    record->operation = run->stack.operation;
    if (physical.len == 0) {
        settle(run, record, "DELETE_COMPLETE", physical, MR_S(""));
        return STEP_DONE;
    }
    if (is_to_be_kept(run, record)) {
        settle(run, record, "DELETE_SKIPPED", physical, MR_S(""));
        return STEP_DONE;
    }
    if (is_still_needed(run, record))
        return STEP_DONE;
    settle(run, record, "DELETE_IN_PROGRESS", physical, MR_S(""));
    const struct resource_call call = run_drop(run, record, physical, record->properties);
    if (call.interrupted)
        return STEP_INTERRUPTED;
    if (call.reason.len == 0 && step_clean(run, record) == STEP_INTERRUPTED)
        return STEP_INTERRUPTED;
    settle(run, record, call.reason.len > 0 ? "DELETE_FAILED" : "DELETE_COMPLETE", physical,
           call.reason);
    return call.reason.len > 0 ? STEP_FAILED : STEP_DONE;
}

/* ---- cleanup ---- */

enum step_result step_clean(struct run *run, struct stack_resource *record)
{
    if (record->previous == NULL && record->doomed == NULL && !record->fresh)
        return STEP_DONE;
    if (record->previous != NULL && record->replaced && !record->retain_replaced)
        add_doomed(run, record, mr_json_get_text(record->previous, "physical"),
                   mr_json_get(record->previous, "properties"));
    for (size_t i = 0; i < yyjson_arr_size(record->doomed); i++) {
        yyjson_val *doomed = yyjson_arr_get(record->doomed, i);
        const struct mr_slice physical = mr_json_get_text(doomed, "physical");
        tell(run, record, "DELETE_IN_PROGRESS", physical, MR_S(""));
        const struct resource_call call =
            run_drop(run, record, physical, mr_json_get(doomed, "properties"));
        if (call.interrupted)
            return STEP_INTERRUPTED;
        tell(run, record, call.reason.len > 0 ? "DELETE_FAILED" : "DELETE_COMPLETE", physical,
             call.reason);
    }
    record->previous = NULL;
    record->doomed = NULL;
    record->replaced = false;
    record->fresh = false;
    commit_record(run, record, NULL, MR_S(""), MR_S(""));
    return STEP_DONE;
}
