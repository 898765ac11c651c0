/* What an update would do, told before it is done.
 *
 * Properties are evaluated against the resources as they are now. What depends on a resource that
 * is still to be made, or to be replaced, cannot be known: a placeholder stands for it, and
 * whatever a function makes of the placeholder counts as a change. */
#include "cloudformation/dynamic.h"
#include "cloudformation/evaluate.h"
#include "cloudformation/function.h"
#include "cloudformation/graph.h"
#include "cloudformation/internal.h"
#include "cloudformation/members.h"
#include "cloudformation/resource.h"
#include <stdlib.h>

enum fate { FATE_KEPT, FATE_ADDED, FATE_CHANGED, FATE_REPLACED, FATE_REMOVED };

struct change {
    struct mr_slice logical, type, physical;
    enum fate fate;
    struct mr_slice details, scope; /* JSON arrays */
};

struct planning {
    struct mr_arena *arena;
    struct cloudformation *cloudformation;
    const struct stack *stack;
    const struct template *template;
    const struct stack_version *version;
    struct record_list records;
    struct evaluation evaluation;
    struct change *changes; /* one for each resource looked at */
    size_t count;
    bool unknown;           /* the last evaluation met a placeholder */
    struct mr_json imports; /* names of exports */
    struct mr_slice error;
};

static const struct change *find_change(const struct planning *planning, struct mr_slice logical)
{
    for (size_t i = 0; i < planning->count; i++)
        if (mr_slice_equal(planning->changes[i].logical, logical))
            return &planning->changes[i];
    return NULL;
}

static enum mr_status look_up(void *ctx, struct mr_slice logical, struct mr_slice attribute,
                              struct mr_slice *ret_value)
{
    struct planning *planning = ctx;
    const struct change *change = find_change(planning, logical);
    const struct stack_resource *record = record_find(&planning->records, logical);
    if (change == NULL)
        return MR_NOT_FOUND; /* its condition is false */
    if (change->fate != FATE_ADDED && change->fate != FATE_REPLACED && record != NULL &&
        record_value(record, attribute, ret_value) == MR_OK)
        return MR_OK;
    planning->unknown = true;
    *ret_value = MR_S("{{changeSet:KNOWN_AFTER_APPLY}}");
    return MR_OK;
}

static enum mr_status look_up_export(void *ctx, struct mr_slice name, struct mr_slice *ret_value)
{
    struct planning *planning = ctx;
    struct mr_slice stack_id;
    mr_json_string(&planning->imports, name);
    return stack_import(planning->cloudformation, planning->arena, name, ret_value, &stack_id);
}

/* ---- why a property changes ---- */

struct cause {
    const struct planning *planning;
    const char *source; /* NULL: none found */
    struct mr_slice entity;
    bool is_dynamic;
};

static void note_cause(void *ctx, const struct reference *reference)
{
    struct cause *cause = ctx;
    const struct planning *planning = cause->planning;
    const struct change *change = find_change(planning, reference->name);
    if (cause->source != NULL)
        return;
    if (change != NULL && (change->fate == FATE_ADDED || change->fate == FATE_REPLACED)) {
        const bool is_ref = reference->kind == REFERENCE_REF;
        cause->source = is_ref ? "ResourceReference" : "ResourceAttribute";
        cause->entity = is_ref
                            ? reference->name
                            : mr_arena_printf(planning->arena, "%.*s.%.*s", MR_ARG(reference->name),
                                              MR_ARG(reference->attribute));
        cause->is_dynamic = true;
    } else if (!resource_json_equal(
                   stack_version_parameter(planning->version, reference->name),
                   stack_version_parameter(&planning->stack->now, reference->name))) {
        cause->source = "ParameterReference";
        cause->entity = reference->name;
    }
}

static void write_detail(const struct planning *planning, struct mr_json *json,
                         struct mr_slice property, yyjson_val *raw, bool replaces)
{
    struct cause cause = {.planning = planning};
    function_each_reference(raw, note_cause, &cause);
    mr_json_object(json);
    mr_json_key(json, "Target");
    mr_json_object(json);
    mr_json_key_cstr(json, "Attribute", "Properties");
    mr_json_key_string(json, "Name", property);
    mr_json_key_cstr(json, "RequiresRecreation", replaces ? "Always" : "Never");
    mr_json_object_end(json);
    mr_json_key_cstr(json, "Evaluation", cause.is_dynamic ? "Dynamic" : "Static");
    mr_json_key_cstr(json, "ChangeSource",
                     cause.source != NULL ? cause.source : "DirectModification");
    if (cause.source != NULL)
        mr_json_key_string(json, "CausingEntity", cause.entity);
    mr_json_object_end(json);
}

/* ---- one resource ---- */

struct comparison {
    struct mr_json *json;
    const struct resource_type *type;
    yyjson_val *raw, *now, *before; /* Properties: as written, evaluated, as made with */
    bool changed, replaced;
};

static void compare_side(const struct planning *planning, struct comparison *comparison,
                         yyjson_val *side, yyjson_val *other, bool only_missing)
{
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(side), i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        yyjson_val *counterpart = mr_json_getn(other, name);
        if ((only_missing && counterpart != NULL) || resource_json_equal(value, counterpart))
            continue;
        const bool replaces =
            comparison->type != NULL && resource_type_replaces(comparison->type, name);
        comparison->changed = true;
        comparison->replaced = comparison->replaced || replaces;
        write_detail(planning, comparison->json, name, mr_json_getn(comparison->raw, name),
                     replaces);
    }
}

static void compare(struct planning *planning, struct change *change, yyjson_val *resource,
                    yyjson_val *evaluated, const struct stack_resource *record)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct comparison comparison = {
        .json = &json,
        .type = resource_type_find(change->type),
        .raw = mr_json_get(resource, "Properties"),
        .now = evaluated,
        .before = record->properties,
    };
    mr_json_array(&json);
    compare_side(planning, &comparison, comparison.now, comparison.before, false);
    compare_side(planning, &comparison, comparison.before, comparison.now, true);
    mr_json_array_end(&json);
    if (comparison.type != NULL && comparison.type->replaces != NULL && comparison.changed &&
        comparison.type->replaces(evaluated, record->properties))
        comparison.replaced = true;
    change->details = mr_arena_copy(planning->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (!comparison.changed && comparison.type != NULL && comparison.type->always_updates) {
        change->fate = FATE_CHANGED;
        change->scope = MR_S("[\"Properties\"]");
        change->details =
            MR_S("[{\"Target\":{\"Attribute\":\"Properties\",\"RequiresRecreation\":\"Never\"},"
                 "\"Evaluation\":\"Dynamic\",\"ChangeSource\":\"Automatic\"}]");
    }
    if (comparison.changed) {
        change->fate = comparison.replaced ? FATE_REPLACED : FATE_CHANGED;
        change->scope = MR_S("[\"Properties\"]");
    }
}

/* DeletionPolicy and UpdateReplacePolicy: no service hears of them. */
static void compare_policies(struct change *change, yyjson_val *resource,
                             const struct stack_resource *record)
{
    const bool retain =
        mr_slice_starts_with(mr_json_get_text(resource, "DeletionPolicy"), MR_S("Retain"));
    const bool retain_replaced =
        mr_slice_starts_with(mr_json_get_text(resource, "UpdateReplacePolicy"), MR_S("Retain"));
    if (change->fate != FATE_KEPT ||
        (retain == record->retain && retain_replaced == record->retain_replaced))
        return;
    change->fate = FATE_CHANGED;
    change->scope =
        retain != record->retain ? MR_S("[\"DeletionPolicy\"]") : MR_S("[\"UpdateReplacePolicy\"]");
    change->details = MR_S("[]");
}

static bool is_alive(const struct stack_resource *record)
{
    return record != NULL && record->physical.len > 0 &&
           !mr_slice_equal(record->status, MR_S("DELETE_COMPLETE")) &&
           !mr_slice_equal(record->status, MR_S("DELETE_SKIPPED"));
}

/* AWS: a parameter that a dynamic reference names must be there when the stack is asked for. */
static void check_references(struct planning *planning, yyjson_val *properties)
{
    struct dynamic dynamic = {
        .cloudformation = planning->cloudformation,
        .arena = planning->arena,
        .region = planning->stack->region,
    };
    (void)dynamic_resolve(&dynamic, properties);
    if (planning->error.len == 0)
        planning->error = dynamic.error;
}

static void plan_resource(struct planning *planning, struct mr_slice logical)
{
    yyjson_val *resource = template_resource(planning->template, logical);
    yyjson_val *properties = mr_json_get(resource, "Properties"), *evaluated = NULL;
    const struct stack_resource *record = record_find(&planning->records, logical);
    struct change *change = &planning->changes[planning->count];
    *change = (struct change){
        .logical = logical,
        .type = mr_json_get_text(resource, "Type"),
        .physical = is_alive(record) ? record->physical : MR_S(""),
        .fate = is_alive(record) ? FATE_KEPT : FATE_ADDED,
        .details = MR_S("[]"),
        .scope = MR_S("[]"),
    };
    planning->unknown = false;
    if (properties != NULL)
        evaluated = evaluate(&planning->evaluation, properties);
    else
        evaluated = mr_json_parse(planning->arena, MR_S("{}"), 2);
    if (evaluated == NULL && !planning->unknown && planning->error.len == 0)
        planning->error = planning->evaluation.error;
    check_references(planning, evaluated);
    if (change->fate == FATE_KEPT && evaluated == NULL) {
        change->fate = FATE_CHANGED; /* it hangs on what is not known yet */
        change->scope = MR_S("[\"Properties\"]");
    } else if (change->fate == FATE_KEPT) {
        compare(planning, change, resource, evaluated, record);
        compare_policies(change, resource, record);
    }
    planning->count++;
}

/* ---- all of them ---- */

static void plan_template(struct planning *planning)
{
    struct graph graph;
    struct mr_slice *circle;
    size_t circle_count;
    graph_of_template(planning->arena, planning->template, &graph);
    size_t *order = MR_NEW_ARRAY(planning->arena, size_t, graph.count + 1);
    planning->changes =
        MR_NEW_ARRAY(planning->arena, struct change, graph.count + planning->records.count + 1);
    if (graph_sort(planning->arena, &graph, order, &circle, &circle_count) != MR_OK)
        return; /* cannot be: the template was checked */
    for (size_t i = 0; i < graph.count; i++) {
        const struct mr_slice name = graph.nodes[order[i]].name;
        const struct mr_slice condition =
            mr_json_get_text(template_resource(planning->template, name), "Condition");
        planning->evaluation.error = MR_S("");
        if (evaluate_condition(&planning->evaluation, condition))
            plan_resource(planning, name);
        else if (planning->error.len == 0)
            planning->error = planning->evaluation.error;
    }
}

static void plan_removals(struct planning *planning)
{
    for (size_t i = 0; i < planning->records.count; i++) {
        const struct stack_resource *record = planning->records.items[i];
        if (is_alive(record) && find_change(planning, record->logical) == NULL)
            planning->changes[planning->count++] = (struct change){
                .logical = record->logical,
                .type = record->type,
                .physical = record->physical,
                .fate = FATE_REMOVED,
                .details = MR_S("[]"),
                .scope = MR_S("[]"),
            };
    }
}

static void check_types(struct planning *planning)
{
    struct mr_slice names = MR_S("");
    for (size_t i = 0; i < planning->count; i++) {
        const struct change *change = &planning->changes[i];
        const struct stack_resource *record = record_find(&planning->records, change->logical);
        if (change->fate != FATE_ADDED && record != NULL &&
            !mr_slice_equal(record->type, change->type))
            names = mr_arena_printf(planning->arena, "%.*s%s%.*s", MR_ARG(names),
                                    names.len > 0 ? ", " : "", MR_ARG(change->logical));
    }
    if (names.len > 0 && planning->error.len == 0)
        planning->error = mr_arena_printf(
            planning->arena,
            "Update of resource type is not permitted. The new template modifies resource type of "
            "the following resources: [%.*s]",
            MR_ARG(names));
}

/* What is added must be of a type that there is; a resource whose condition is false may be of any.
 */
static void check_known(struct planning *planning)
{
    struct mr_slice names = MR_S("");
    for (size_t i = 0; i < planning->count; i++) {
        const struct change *change = &planning->changes[i];
        bool told = change->fate != FATE_ADDED || resource_type_find(change->type) != NULL;
        for (size_t j = 0; j < i && !told; j++)
            told = planning->changes[j].fate == FATE_ADDED &&
                   mr_slice_equal(planning->changes[j].type, change->type);
        if (!told)
            names = mr_arena_printf(planning->arena, "%.*s%s%.*s", MR_ARG(names),
                                    names.len > 0 ? ", " : "", MR_ARG(change->type));
    }
    if (names.len > 0)
        planning->error = mr_arena_printf(
            planning->arena, "Template format error: Unrecognized resource types: [%.*s]",
            MR_ARG(names));
}

static yyjson_val *find_output(yyjson_val *outputs, struct mr_slice key)
{
    for (size_t i = 0; i < yyjson_arr_size(outputs); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(outputs, i), "OutputKey"), key))
            return yyjson_arr_get(outputs, i);
    return NULL;
}

static bool output_differs(struct planning *planning, yyjson_val *before, yyjson_val *output)
{
    struct mr_slice value, name = MR_S("");
    yyjson_val *export_name = mr_json_get(mr_json_get(output, "Export"), "Name");
    planning->unknown = false;
    enum mr_status status =
        evaluate_text(&planning->evaluation, mr_json_get(output, "Value"), &value);
    if (status == MR_OK && export_name != NULL)
        status = evaluate_text(&planning->evaluation, export_name, &name);
    if (status == MR_INVALID && !planning->unknown && planning->error.len == 0)
        planning->error = planning->evaluation.error;
    return status != MR_OK || planning->unknown || before == NULL ||
           !mr_slice_equal(value, mr_json_get_text(before, "OutputValue")) ||
           !mr_slice_equal(name, mr_json_get_text(before, "ExportName")) ||
           !resource_json_equal(mr_json_get(before, "Description"),
                                mr_json_get(output, "Description"));
}

static bool outputs_differ(struct planning *planning)
{
    yyjson_val *key, *output;
    size_t i, count, seen = 0;
    bool differs = false;
    yyjson_obj_foreach(members_of(planning->template->outputs), i, count, key, output)
    {
        planning->evaluation.error = MR_S("");
        if (!evaluate_condition(&planning->evaluation, mr_json_get_text(output, "Condition")))
            continue;
        seen++;
        yyjson_val *before = find_output(planning->stack->outputs, mr_json_text(key));
        differs = output_differs(planning, before, output) || differs;
    }
    return differs || seen != yyjson_arr_size(planning->stack->outputs);
}

/* ---- the answer ---- */

static int by_logical(const void *a, const void *b)
{
    const struct change *left = a, *right = b;
    return mr_slice_compare(left->logical, right->logical);
}

static void write_change(struct mr_json *json, const struct change *change)
{
    static const char *const actions[] = {[FATE_ADDED] = "Add",
                                          [FATE_CHANGED] = "Modify",
                                          [FATE_REPLACED] = "Modify",
                                          [FATE_REMOVED] = "Remove"};
    mr_json_object(json);
    mr_json_key_cstr(json, "Type", "Resource");
    mr_json_key(json, "ResourceChange");
    mr_json_object(json);
    mr_json_key_cstr(json, "Action", actions[change->fate]);
    mr_json_key_string(json, "LogicalResourceId", change->logical);
    if (change->physical.len > 0)
        mr_json_key_string(json, "PhysicalResourceId", change->physical);
    mr_json_key_string(json, "ResourceType", change->type);
    if (change->fate == FATE_CHANGED || change->fate == FATE_REPLACED)
        mr_json_key_cstr(json, "Replacement", change->fate == FATE_REPLACED ? "True" : "False");
    mr_json_key_raw(json, "Scope", change->scope);
    mr_json_key_raw(json, "Details", change->details);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_plan(struct planning *planning, struct plan *ret_plan)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    const size_t tags_before = yyjson_arr_size(planning->stack->now.tags);
    const size_t tags_now = yyjson_arr_size(planning->version->tags);
    ret_plan->outputs_changed = outputs_differ(planning);
    ret_plan->tags_changed =
        tags_before != tags_now ||
        (tags_now > 0 && !resource_json_equal(planning->stack->now.tags, planning->version->tags));
    qsort(planning->changes, planning->count, sizeof *planning->changes, by_logical);
    mr_json_array(&json);
    for (size_t i = 0; i < planning->count; i++) {
        if (planning->changes[i].fate == FATE_KEPT)
            continue;
        write_change(&json, &planning->changes[i]);
        ret_plan->count++;
    }
    mr_json_array_end(&json);
    ret_plan->changes = mr_arena_copy(planning->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

enum mr_status plan_make(struct cloudformation *cloudformation, struct mr_arena *arena,
                         const struct stack *stack, const struct template *template,
                         const struct stack_version *version, struct plan *ret_plan)
{
    struct planning planning = {
        .arena = arena,
        .cloudformation = cloudformation,
        .stack = stack,
        .template = template,
        .version = version,
        .evaluation = {.arena = arena,
                       .template = template,
                       .parameters = version->parameters,
                       .resolved = version->resolved,
                       .region = stack->region,
                       .account = stack->account,
                       .stack_name = stack->name,
                       .stack_id = stack->id,
                       .notifications = version->notifications,
                       .resource = look_up,
                       .import = look_up_export},
    };
    struct mr_buf imports = {0};
    planning.evaluation.ctx = &planning;
    planning.imports = mr_json_make(&imports);
    mr_json_array(&planning.imports);
    *ret_plan = (struct plan){0};
    const enum mr_status status = record_load(cloudformation, arena, stack, &planning.records);
    if (status != MR_OK)
        return status;
    plan_template(&planning);
    plan_removals(&planning);
    check_known(&planning);
    check_types(&planning);
    write_plan(&planning, ret_plan);
    mr_json_array_end(&planning.imports);
    ret_plan->imports = mr_json_parse(arena, mr_buf_slice(&imports), 4);
    ret_plan->error = planning.error;
    mr_buf_fini(&imports);
    return MR_OK;
}
