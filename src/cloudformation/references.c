/* Whatever a template refers to must be in it. */
#include "cloudformation/function.h"
#include "cloudformation/graph.h"
#include "cloudformation/members.h"
#include "cloudformation/resource.h"
#include "cloudformation/template.h"

enum { NAMES_MAX = 32 }; /* told in one message */

struct names {
    struct mr_slice list[NAMES_MAX];
    size_t count;
};

struct check {
    struct mr_arena *arena;
    const struct template *template;
    const char *block; /* "Resources", "Outputs" or "Conditions" */
    struct names missing;
    struct mr_slice error; /* the first one of another kind */
};

static void add_name(struct names *names, struct mr_slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (mr_slice_equal(names->list[i], name))
            return;
    if (names->count < NAMES_MAX)
        names->list[names->count++] = name;
}

static struct mr_slice join_names(struct mr_arena *arena, const struct names *names)
{
    struct mr_slice text = MR_S("");
    for (size_t i = 0; i < names->count; i++)
        text = mr_arena_printf(arena, "%.*s%s%.*s", MR_ARG(text), i > 0 ? ", " : "",
                               MR_ARG(names->list[i]));
    return text;
}

static bool has(yyjson_val *section, struct mr_slice name)
{
    return yyjson_obj_getn(section, name.ptr, name.len) != NULL;
}

static void check_attribute(struct check *check, const struct reference *reference)
{
    const struct mr_slice type = template_resource_type(check->template, reference->name);
    const struct resource_type *known = resource_type_find(type);
    if (check->error.len > 0 || known == NULL || reference->attribute.len == 0 ||
        resource_type_has_attribute(known, reference->attribute))
        return;
    check->error = mr_arena_printf(
        check->arena,
        "Template error: resource %.*s does not support attribute type %.*s in Fn::GetAtt",
        MR_ARG(reference->name), MR_ARG(reference->attribute));
}

static void check_one(void *ctx, const struct reference *reference)
{
    struct check *check = ctx;
    const struct template *template = check->template;
    const bool in_conditions = check->block[0] == 'C';
    switch (reference->kind) {
    case REFERENCE_CONDITION:
        if (!has(template->conditions, reference->name) && check->error.len == 0)
            check->error = mr_arena_printf(
                check->arena, "Template error: unresolved condition dependency %.*s in Fn::If",
                MR_ARG(reference->name));
        break;
    case REFERENCE_REF:
        if (!function_is_pseudo(reference->name) && !has(template->parameters, reference->name) &&
            (in_conditions || !has(template->resources, reference->name)))
            add_name(&check->missing, reference->name);
        break;
    case REFERENCE_GET_ATT:
        if (!in_conditions && has(template->resources, reference->name))
            check_attribute(check, reference);
        else if (in_conditions || reference->in_sub)
            add_name(&check->missing, reference->name);
        else if (check->error.len == 0)
            check->error = mr_arena_printf(
                check->arena,
                "Template error: instance of Fn::GetAtt references undefined resource %.*s",
                MR_ARG(reference->name));
        break;
    }
}

static void check_depends_on(struct check *check, yyjson_val *value)
{
    const size_t count = yyjson_is_arr(value) ? yyjson_arr_size(value) : value != NULL;
    for (size_t i = 0; i < count; i++) {
        const struct mr_slice name =
            mr_json_text(yyjson_is_arr(value) ? yyjson_arr_get(value, i) : value);
        if (!has(check->template->resources, name))
            add_name(&check->missing, name);
    }
}

static void check_condition(struct check *check, yyjson_val *owner)
{
    const struct mr_slice name = mr_json_get_text(owner, "Condition");
    if (name.len > 0 && !has(check->template->conditions, name) && check->error.len == 0)
        check->error = mr_arena_printf(check->arena,
                                       "Template format error: Unresolved condition dependency "
                                       "%.*s in the %s block of the template",
                                       MR_ARG(name), check->block);
}

/* {"Condition": "name"} inside a condition. */
static void check_inner_conditions(struct check *check, yyjson_val *value)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (yyjson_is_obj(value)) {
        yyjson_val *name = yyjson_obj_get(value, "Condition");
        if (yyjson_obj_size(value) == 1 && yyjson_is_str(name))
            check_condition(check, value);
        yyjson_obj_foreach(members_of(value), i, count, key, item)
            check_inner_conditions(check, item);
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item) check_inner_conditions(check, item);
    }
}

static void say_missing(struct check *check)
{
    const struct mr_slice names = join_names(check->arena, &check->missing);
    if (check->error.len > 0 || check->missing.count == 0)
        return;
    if (check->block[0] == 'C')
        check->error =
            mr_arena_printf(check->arena,
                            "Template format error: Unresolved dependencies [%.*s]. Cannot "
                            "reference resources in the Conditions block of the template",
                            MR_ARG(names));
    else /* AWS: the Outputs block's message has no prefix */
        check->error = mr_arena_printf(
            check->arena,
            "%sUnresolved resource dependencies [%.*s] in the %s block of the template",
            check->block[0] == 'R' ? "Template format error: " : "", MR_ARG(names), check->block);
}

static void check_block(struct check *check, yyjson_val *section, const char *block)
{
    yyjson_val *key, *value;
    size_t i, count;
    check->block = block;
    yyjson_obj_foreach(members_of(section), i, count, key, value)
    {
        if (block[0] == 'R') {
            function_each_reference(yyjson_obj_get(value, "Properties"), check_one, check);
            check_depends_on(check, yyjson_obj_get(value, "DependsOn"));
            check_condition(check, value);
        } else if (block[0] == 'O') {
            function_each_reference(yyjson_obj_get(value, "Value"), check_one, check);
            function_each_reference(yyjson_obj_get(value, "Export"), check_one, check);
            check_condition(check, value);
        } else {
            function_each_reference(value, check_one, check);
            check_inner_conditions(check, value);
        }
    }
    say_missing(check);
    check->missing.count = 0;
}

static void check_circle(struct check *check)
{
    struct graph graph;
    struct mr_slice *circle;
    size_t count;
    graph_of_template(check->arena, check->template, &graph);
    if (graph_sort(check->arena, &graph, NULL, &circle, &count) == MR_OK)
        return;
    struct names names = {0};
    for (size_t i = 0; i < count; i++)
        add_name(&names, circle[i]);
    const struct mr_slice text = join_names(check->arena, &names);
    check->error = mr_arena_printf(check->arena, "Circular dependency between resources: [%.*s]",
                                   MR_ARG(text));
}

enum mr_status template_check_references(struct mr_arena *arena, const struct template *template,
                                         struct mr_slice *ret_error)
{
    struct check check = {.arena = arena, .template = template};
    check_block(&check, template->conditions, "Conditions");
    check_block(&check, template->resources, "Resources");
    check_block(&check, template->outputs, "Outputs");
    if (check.error.len == 0)
        check_circle(&check);
    *ret_error = check.error;
    return check.error.len == 0 ? MR_OK : MR_INVALID;
}
