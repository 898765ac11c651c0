/* Phases of stack operations, and the job that runs them. */
#include "cloudformation/engine.h"
#include "base/point.h"
#include "base/log.h"
#include "cloudformation/graph.h"
#include "cloudformation/members.h"
#include <stdlib.h>

struct job {
    struct cloudformation *cloudformation;
    char *uuid; /* owned */
};

/* ---- stack records ---- */

void run_commit(struct run *run, struct store_entry *entry)
{
    int64_t ticket;
    mr_point(MR_POINT_CLOUDFORMATION_COMMIT);
    const enum mr_status status = store_commit(run->cloudformation->options.store, entry, &ticket);
    mr_point(MR_POINT_CLOUDFORMATION_COMMITTED);
    if (status != MR_OK)
        mr_log(MR_LOG_ERROR, "cloudformation", "cannot store a step of stack '%.*s'",
               MR_ARG(run->stack.name));
}

void run_turn(struct run *run, const char *status, struct mr_slice reason,
              void (*change)(struct run *run, struct stack *stack, struct store_entry *entry))
{
    struct cloudformation *cloudformation = run->cloudformation;
    struct store_entry entry = store_entry_make(run->arena);
    struct stack stack;
    pthread_mutex_lock(&cloudformation->lock);
    /* DeleteStack may have come in between: then this phase's end is of no account. */
    if (stack_get(cloudformation, run->arena, run->uuid, &stack) == MR_OK &&
        mr_slice_equal(stack.status, run->stack.status)) {
        stack.status = mr_slice_cstr(status);
        stack.reason = reason;
        if (change != NULL)
            change(run, &stack, &entry);
        mr_log(MR_LOG_INFO, "cloudformation", "stack '%.*s': %.*s -> %s%s%.*s", MR_ARG(stack.name),
               MR_ARG(run->stack.status), status, reason.len > 0 ? ": " : "", MR_ARG(reason));
        event_add(cloudformation, &entry, &stack, NULL, status, MR_S(""), reason);
        stack_put(&entry, &stack);
        run_commit(run, &entry);
    }
    pthread_mutex_unlock(&cloudformation->lock);
}

/* ---- what a phase works on ---- */

static enum mr_status look_up(void *ctx, struct mr_slice logical, struct mr_slice attribute,
                              struct mr_slice *ret_value)
{
    const struct run *run = ctx;
    const struct stack_resource *record = record_find(&run->records, logical);
    if (record == NULL || record->physical.len == 0)
        return MR_NOT_FOUND;
    return record_value(record, attribute, ret_value);
}

static enum mr_status look_up_export(void *ctx, struct mr_slice name, struct mr_slice *ret_value)
{
    const struct run *run = ctx;
    struct mr_slice stack_id;
    return stack_import(run->cloudformation, run->arena, name, ret_value, &stack_id);
}

static enum mr_status load_template(struct run *run, const struct stack_version *version)
{
    struct mr_slice text, error = MR_S("");
    bool is_processed = false;
    run->template = (struct template){0};
    if (version->template == 0) /* a stack under review has none yet */
        return MR_OK;
    const enum mr_status status = stack_template_processed(
        run->cloudformation, run->arena, &run->stack, version->template, &text, &is_processed);
    if (status != MR_OK)
        return MR_RAISE(MR_FAIL_DATA, "stack '%.*s' has lost its template",
                        MR_ARG(run->stack.name));
    if ((is_processed ? template_parse_processed(run->arena, text, &run->template, &error)
                      : template_parse(run->arena, text, &run->template, &error)) != MR_OK)
        return MR_RAISE(MR_FAIL_DATA, "a stored template does not parse: %.*s", MR_ARG(error));
    run->evaluation = (struct evaluation){
        .arena = run->arena,
        .template = &run->template,
        .parameters = version->parameters,
        .resolved = version->resolved,
        .region = run->stack.region,
        .account = run->stack.account,
        .stack_name = run->stack.name,
        .stack_id = run->stack.id,
        .notifications = version->notifications,
        .resource = look_up,
        .import = look_up_export,
        .ctx = run,
    };
    return MR_OK;
}

/* Logical ids in the order in which they need each other, less those whose condition is false. */
static void order_names(struct run *run)
{
    struct graph graph;
    struct mr_slice *circle;
    size_t circle_count;
    graph_of_template(run->arena, &run->template, &graph);
    size_t *order = MR_NEW_ARRAY(run->arena, size_t, graph.count + 1);
    run->names = MR_NEW_ARRAY(run->arena, struct mr_slice, graph.count + 1);
    run->count = 0;
    if (graph_sort(run->arena, &graph, order, &circle, &circle_count) != MR_OK)
        return; /* cannot be: the template was checked */
    for (size_t i = 0; i < graph.count; i++) {
        const struct mr_slice name = graph.nodes[order[i]].name;
        const struct mr_slice condition =
            mr_json_get_text(template_resource(&run->template, name), "Condition");
        run->evaluation.error = MR_S("");
        if (evaluate_condition(&run->evaluation, condition))
            run->names[run->count++] = name;
    }
}

static enum mr_status begin_phase(struct run *run)
{
    const bool is_update = stack_has_status(&run->stack, "UPDATE_IN_PROGRESS");
    const bool is_create = stack_has_status(&run->stack, "CREATE_IN_PROGRESS");
    const bool forward = stack_has_status(&run->stack, "UPDATE_ROLLBACK_IN_PROGRESS");
    run->phase = run->stack.status;
    run->phase_operation = run->stack.operation;
    run->at = 0;
    const enum mr_status status =
        load_template(run, is_update ? &run->stack.target : &run->stack.now);
    if (status != MR_OK)
        return status;
    if (is_create || is_update) {
        order_names(run);
    } else {
        run->order = record_order(run->arena, &run->records, !forward);
        run->count = run->records.count;
    }
    return MR_OK;
}

/* ---- outputs ---- */

static bool write_output(struct run *run, struct mr_json *json, struct mr_slice key,
                         yyjson_val *output, struct mr_slice *ret_error)
{
    struct mr_slice value, name = MR_S(""), other_value, other_stack;
    yyjson_val *export_name = mr_json_get(mr_json_get(output, "Export"), "Name");
    run->evaluation.error = MR_S("");
    if (!evaluate_condition(&run->evaluation, mr_json_get_text(output, "Condition"))) {
        *ret_error = run->evaluation.error;
        return ret_error->len == 0;
    }
    enum mr_status status = evaluate_text(&run->evaluation, mr_json_get(output, "Value"), &value);
    if (status == MR_OK && export_name != NULL)
        status = evaluate_text(&run->evaluation, export_name, &name);
    if (status != MR_OK) {
        *ret_error = status == MR_INVALID ? run->evaluation.error
                                          : MR_S("Template format error: Output has no value");
        return false;
    }
    if (name.len > 0 &&
        stack_import(run->cloudformation, run->arena, name, &other_value, &other_stack) == MR_OK &&
        !mr_slice_equal(other_stack, run->stack.id)) {
        *ret_error =
            mr_arena_printf(run->arena, "Export with name %.*s is already exported by stack %.*s",
                            MR_ARG(name), MR_ARG(other_stack));
        return false;
    }
    mr_json_object(json);
    mr_json_key_string(json, "OutputKey", key);
    mr_json_key_string(json, "OutputValue", value);
    mr_json_key_value(json, "Description", mr_json_get(output, "Description"));
    if (name.len > 0)
        mr_json_key_string(json, "ExportName", name);
    mr_json_object_end(json);
    return true;
}

/* The outputs as on the wire; NULL with the reason when one cannot be told. */
static yyjson_val *evaluate_outputs(struct run *run, struct mr_slice *ret_error)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *key, *output, *outputs = NULL;
    size_t i, count;
    bool good = true;
    *ret_error = MR_S("");
    mr_json_array(&json);
    yyjson_obj_foreach(members_of(run->template.outputs), i, count, key, output)
    {
        good = good && write_output(run, &json, mr_json_text(key), output, ret_error);
    }
    mr_json_array_end(&json);
    if (good)
        outputs = mr_json_parse(run->arena, mr_buf_slice(&buf), 8);
    mr_buf_fini(&buf);
    if (outputs != NULL && stack_has_status(&run->stack, "UPDATE_IN_PROGRESS") &&
        (exports_conflict(run->cloudformation, run->arena, &run->stack, outputs, ret_error) !=
             MR_OK ||
         ret_error->len > 0))
        return NULL;
    return outputs;
}

static void take_outputs(struct run *run, struct stack *stack, struct store_entry *entry)
{
    struct mr_slice error;
    yyjson_val *outputs = evaluate_outputs(run, &error);
    (void)entry;
    if (outputs != NULL)
        stack->outputs = outputs;
}

/* ---- ends of phases ---- */

/* "The following resource(s) failed to <verb>: [A, B]. ", empty when none did. */
static struct mr_slice failed_text(struct run *run, const char *status, const char *verb)
{
    struct mr_slice names = MR_S("");
    for (size_t i = 0; i < run->records.count; i++) {
        const struct stack_resource *record = run->records.items[i];
        if (record->operation == run->stack.operation &&
            mr_slice_equal(record->status, mr_slice_cstr(status)))
            names = mr_arena_printf(run->arena, "%.*s%s%.*s", MR_ARG(names),
                                    names.len > 0 ? ", " : "", MR_ARG(record->logical));
    }
    if (names.len == 0)
        return names;
    return mr_arena_printf(run->arena, "The following resource(s) failed to %s: [%.*s]. ", verb,
                           MR_ARG(names));
}

static void finish_set(struct run *run, struct stack *stack, struct store_entry *entry, bool good)
{
    change_set_finish(run->cloudformation, run->arena, entry, stack, good);
}

static void end_created(struct run *run, struct stack *stack, struct store_entry *entry)
{
    take_outputs(run, stack, entry);
    finish_set(run, stack, entry, true);
}

static void end_failed(struct run *run, struct stack *stack, struct store_entry *entry)
{
    finish_set(run, stack, entry, false);
}

static void fail_creation(struct run *run, struct mr_slice why)
{
    const struct stack *stack = &run->stack;
    if (stack->disable_rollback || mr_slice_equal(stack->on_failure, MR_S("DO_NOTHING")))
        run_turn(run, "CREATE_FAILED", why, end_failed);
    else if (mr_slice_equal(stack->on_failure, MR_S("DELETE")))
        run_turn(run, "DELETE_IN_PROGRESS",
                 mr_arena_printf(run->arena, "%.*sDelete requested by user.", MR_ARG(why)),
                 end_failed);
    else
        run_turn(run, "ROLLBACK_IN_PROGRESS",
                 mr_arena_printf(run->arena, "%.*sRollback requested by user.", MR_ARG(why)),
                 end_failed);
}

static struct mr_slice why_failed(struct run *run)
{
    const struct mr_slice created = failed_text(run, "CREATE_FAILED", "create");
    const struct mr_slice updated = failed_text(run, "UPDATE_FAILED", "update");
    return mr_arena_printf(run->arena, "%.*s%.*s", MR_ARG(created), MR_ARG(updated));
}

/* The target becomes what the stack is. */
static void end_updated(struct run *run, struct stack *stack, struct store_entry *entry)
{
    take_outputs(run, stack, entry);
    if (stack->now.template != stack->target.template)
        stack_template_delete(entry, stack, stack->now.template);
    stack->now = stack->target;
    stack->target = (struct stack_version){0};
    finish_set(run, stack, entry, true);
}

static void end_reverted(struct run *run, struct stack *stack, struct store_entry *entry)
{
    take_outputs(run, stack, entry);
    if (stack->target.template != 0 && stack->target.template != stack->now.template)
        stack_template_delete(entry, stack, stack->target.template);
    stack->target = (struct stack_version){0};
    finish_set(run, stack, entry, false);
}

static void fail_update(struct run *run, struct mr_slice why)
{
    if (run->stack.disable_rollback)
        run_turn(run, "UPDATE_FAILED", why, end_failed);
    else
        run_turn(run, "UPDATE_ROLLBACK_IN_PROGRESS", why, NULL);
}

static void end_cleanup(struct run *run, const char *status)
{
    const struct mr_slice left = failed_text(run, "DELETE_FAILED", "delete");
    run_turn(run, status, left, NULL);
}

/* ---- deletion's end ---- */

struct oldest {
    size_t deleted;
    struct stack stack;
};

static enum mr_status note_deleted(void *ctx, const struct stack *stack)
{
    struct oldest *oldest = ctx;
    if (stack->deleted_ms == 0)
        return MR_OK;
    if (oldest->deleted++ == 0 || stack->deleted_ms < oldest->stack.deleted_ms)
        oldest->stack = *stack;
    return MR_OK;
}

static void end_deleted(struct run *run, struct stack *stack, struct store_entry *entry)
{
    struct oldest oldest = {0};
    stack->deleted_ms = store_now(run->cloudformation->options.store);
    stack->outputs = NULL;
    stack_name_delete(entry, stack);
    const enum mr_status status =
        stack_each(run->cloudformation, run->arena, note_deleted, &oldest);
    if (status == MR_OK && oldest.deleted >= CLOUDFORMATION_DELETED_MAX &&
        stack_purge(run->cloudformation, run->arena, entry, &oldest.stack) == MR_OK)
        mr_log(MR_LOG_INFO, "cloudformation", "the deleted stack '%.*s' is forgotten",
               MR_ARG(oldest.stack.name));
}

/* ---- phases: each does one resource, or ends ---- */

static bool phase_create(struct run *run)
{
    struct mr_slice error;
    if (run->at < run->count) {
        const enum step_result result = step_create(run, run->names[run->at++]);
        if (result == STEP_FAILED)
            fail_creation(run, failed_text(run, "CREATE_FAILED", "create"));
        return result != STEP_INTERRUPTED;
    }
    if (evaluate_outputs(run, &error) == NULL)
        fail_creation(run, mr_arena_printf(run->arena, "%.*s. ", MR_ARG(error)));
    else
        run_turn(run, "CREATE_COMPLETE", MR_S(""), end_created);
    return true;
}

static bool phase_delete(struct run *run)
{
    const bool is_rollback = stack_has_status(&run->stack, "ROLLBACK_IN_PROGRESS");
    if (run->at < run->count)
        return step_delete(run, run->order[run->at++]) != STEP_INTERRUPTED;
    const struct mr_slice left = failed_text(run, "DELETE_FAILED", "delete");
    if (left.len > 0)
        run_turn(run, is_rollback ? "ROLLBACK_FAILED" : "DELETE_FAILED", left, NULL);
    else if (is_rollback)
        run_turn(run, "ROLLBACK_COMPLETE", MR_S(""), NULL);
    else
        run_turn(run, "DELETE_COMPLETE", MR_S(""), end_deleted);
    return true;
}

/* Is the resource one of the stack, as its template now says? */
static bool is_wanted(struct run *run, const struct stack_resource *record)
{
    yyjson_val *resource = template_resource(&run->template, record->logical);
    run->evaluation.error = MR_S("");
    return resource != NULL &&
           evaluate_condition(&run->evaluation, mr_json_get_text(resource, "Condition"));
}

/* Why the policy does not let a resource go that the template no longer says; empty: it does. */
static struct mr_slice why_kept(struct run *run)
{
    for (size_t i = 0; i < run->records.count; i++) {
        const struct stack_resource *record = run->records.items[i];
        const struct mr_slice denied = is_wanted(run, record)
                                           ? MR_S("")
                                           : guard_denies(run->arena, &run->stack, "Update:Delete",
                                                          record->logical, record->type);
        if (denied.len > 0)
            return denied;
    }
    return MR_S("");
}

static bool phase_update(struct run *run)
{
    struct mr_slice error;
    if (run->at < run->count) {
        const enum step_result result = step_update(run, run->names[run->at++]);
        if (result == STEP_FAILED)
            fail_update(run, why_failed(run));
        return result != STEP_INTERRUPTED;
    }
    const struct mr_slice denied = why_kept(run);
    if (denied.len > 0)
        fail_update(run, denied);
    else if (evaluate_outputs(run, &error) == NULL)
        fail_update(run, error);
    else
        run_turn(run, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", MR_S(""), end_updated);
    return true;
}

static bool phase_revert(struct run *run)
{
    if (run->at < run->count)
        return step_revert(run, run->order[run->at++]) != STEP_INTERRUPTED;
    const struct mr_slice left = failed_text(run, "UPDATE_FAILED", "update");
    bool is_stuck = false;
    for (size_t i = 0; i < run->records.count; i++)
        is_stuck = is_stuck || (run->records.items[i]->operation == run->stack.operation &&
                                run->records.items[i]->previous != NULL);
    if (is_stuck)
        run_turn(run, "UPDATE_ROLLBACK_FAILED", left, end_failed);
    else
        run_turn(run, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", MR_S(""), end_reverted);
    return true;
}

static void forget(struct run *run, struct stack_resource *record)
{
    struct store_entry entry = store_entry_make(run->arena);
    pthread_mutex_lock(&run->cloudformation->lock);
    record_delete(&entry, &run->stack, record->logical);
    run_commit(run, &entry);
    pthread_mutex_unlock(&run->cloudformation->lock);
    record_remove(&run->records, record);
}

static bool phase_cleanup(struct run *run)
{
    const bool is_rollback =
        stack_has_status(&run->stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
    if (run->at == run->count) {
        end_cleanup(run, is_rollback ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE");
        return true;
    }
    struct stack_resource *record = run->order[run->at++];
    const bool is_new_by_failure =
        is_rollback && record->fresh && record->operation == run->stack.operation;
    if (is_wanted(run, record) && !is_new_by_failure)
        return step_clean(run, record) != STEP_INTERRUPTED;
    const enum step_result result = step_delete(run, record);
    if (result != STEP_INTERRUPTED)
        forget(run, record); /* what could not be removed is no longer the stack's */
    return result != STEP_INTERRUPTED;
}

/* False: the job ends with the phase unfinished. */
static bool advance(struct run *run)
{
    static const struct {
        const char *status;
        bool (*run)(struct run *run);
    } phases[] = {
        {"CREATE_IN_PROGRESS", phase_create},
        {"ROLLBACK_IN_PROGRESS", phase_delete},
        {"DELETE_IN_PROGRESS", phase_delete},
        {"UPDATE_IN_PROGRESS", phase_update},
        {"UPDATE_ROLLBACK_IN_PROGRESS", phase_revert},
        {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", phase_cleanup},
        {"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", phase_cleanup},
    };
    const bool is_begun = mr_slice_equal(run->phase, run->stack.status) &&
                          run->phase_operation == run->stack.operation;
    if (!is_begun && begin_phase(run) != MR_OK)
        return false;
    for (size_t i = 0; i < MR_COUNT(phases); i++)
        if (stack_has_status(&run->stack, phases[i].status))
            return phases[i].run(run);
    return false;
}

/* ---- the job ---- */

/* The lock is held. */
static void leave_locked(struct cloudformation *cloudformation, struct mr_slice uuid)
{
    (void)mr_map_remove(&cloudformation->locked.running, uuid);
    cloudformation->locked.jobs--;
    pthread_cond_broadcast(&cloudformation->changed);
}

static void run_stack(struct run *run)
{
    struct cloudformation *cloudformation = run->cloudformation;
    for (bool going = true;;) {
        pthread_mutex_lock(&cloudformation->lock);
        const enum mr_status status = stack_get(cloudformation, run->arena, run->uuid, &run->stack);
        if (status != MR_OK || !going || cloudformation->locked.closing ||
            !stack_is_busy(&run->stack)) {
            leave_locked(cloudformation, run->uuid);
            pthread_mutex_unlock(&cloudformation->lock);
            return;
        }
        pthread_mutex_unlock(&cloudformation->lock);
        going = advance(run);
    }
}

static void run_job(void *arg)
{
    struct job *job = arg;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct run run = {
        .cloudformation = job->cloudformation,
        .arena = &arena,
        .uuid = mr_slice_cstr(job->uuid),
        .stack = {.uuid = mr_slice_cstr(job->uuid)},
    };
    if (record_load(run.cloudformation, &arena, &run.stack, &run.records) == MR_OK) {
        run_stack(&run);
    } else {
        pthread_mutex_lock(&job->cloudformation->lock);
        leave_locked(job->cloudformation, run.uuid);
        pthread_mutex_unlock(&job->cloudformation->lock);
    }
    mr_arena_fini(&arena);
    free(job->uuid);
    free(job);
}

void engine_start_locked(struct cloudformation *cloudformation, struct mr_slice uuid)
{
    if (cloudformation->locked.closing ||
        mr_map_get(&cloudformation->locked.running, uuid) != NULL) {
        pthread_cond_broadcast(&cloudformation->changed); /* its job may wait for a signal */
        return;
    }
    struct job *job = mr_calloc(1, sizeof *job);
    job->cloudformation = cloudformation;
    job->uuid = mr_strdup_slice(uuid);
    (void)mr_map_put(&cloudformation->locked.running, uuid, cloudformation);
    cloudformation->locked.jobs++;
    if (runtime_submit(cloudformation->options.runtime, run_job, job) == MR_OK)
        return;
    mr_log(MR_LOG_ERROR, "cloudformation",
           "no worker for a stack operation; it waits for the next "
           "start");
    leave_locked(cloudformation, uuid);
    free(job->uuid);
    free(job);
}
