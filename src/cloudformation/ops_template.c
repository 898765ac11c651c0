/* The wire: templates, checked, summed up and given back. */
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"
#include "cloudformation/proposal.h"
#include "cloudformation/resource.h"

static void write_capabilities(struct protocol_call *call, const struct template *template)
{
    struct mr_json *json = &call->out;
    struct mr_slice *types, list = MR_S("");
    size_t count;
    const struct mr_slice needed = template_capability(call->arena, template, &types, &count);
    mr_json_key(json, "Capabilities");
    mr_json_array(json);
    if (needed.len > 0)
        mr_json_string(json, needed);
    if (template->transform != NULL)
        mr_json_string(json, MR_S("CAPABILITY_AUTO_EXPAND"));
    mr_json_array_end(json);
    for (size_t i = 0; i < count; i++)
        list = mr_arena_printf(call->arena, "%.*s%s%.*s", MR_ARG(list), i > 0 ? ", " : "",
                               MR_ARG(types[i]));
    if (needed.len > 0)
        mr_json_key_string(json, "CapabilitiesReason",
                           mr_arena_printf(call->arena,
                                           "The following resource(s) require capabilities: "
                                           "[%.*s]",
                                           MR_ARG(list)));
    mr_json_key(json, "DeclaredTransforms");
    mr_json_array(json);
    if (yyjson_is_str(template->transform))
        mr_json_string(json, mr_json_text(template->transform));
    for (size_t i = 0; i < yyjson_arr_size(template->transform); i++)
        if (yyjson_is_str(yyjson_arr_get(template->transform, i)))
            mr_json_string(json, mr_json_text(yyjson_arr_get(template->transform, i)));
    mr_json_array_end(json);
}

static void write_constraints(struct mr_json *json, yyjson_val *parameter)
{
    yyjson_val *allowed = mr_json_get(parameter, "AllowedValues");
    mr_json_key(json, "ParameterConstraints");
    mr_json_object(json);
    if (allowed != NULL) {
        mr_json_key(json, "AllowedValues");
        mr_json_array(json);
        for (size_t i = 0; i < yyjson_arr_size(allowed); i++)
            mr_json_string(json, parameter_text(yyjson_arr_get(allowed, i)));
        mr_json_array_end(json);
    }
    mr_json_object_end(json);
}

/* ValidateTemplate tells less of a parameter than GetTemplateSummary. */
static void write_parameters(struct mr_json *json, const struct template *template, bool in_full)
{
    yyjson_val *key, *parameter;
    size_t i, count;
    mr_json_key(json, "Parameters");
    mr_json_array(json);
    yyjson_obj_foreach(members_of(template->parameters), i, count, key, parameter)
    {
        yyjson_val *value = mr_json_get(parameter, "Default");
        mr_json_object(json);
        mr_json_key_string(json, "ParameterKey", mr_json_text(key));
        if (value != NULL)
            mr_json_key_string(json, "DefaultValue", parameter_text(value));
        mr_json_key_bool(json, "NoEcho", parameter_is_secret(template, mr_json_text(key)));
        mr_json_key_value(json, "Description", mr_json_get(parameter, "Description"));
        if (in_full) {
            mr_json_key_value(json, "ParameterType", mr_json_get(parameter, "Type"));
            write_constraints(json, parameter);
        }
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void validate_template(struct protocol_call *call)
{
    struct template template;
    struct mr_slice body = {0};
    if (proposal_body(call, &body) != MR_OK || proposal_template(call, body, &template) != MR_OK)
        return;
    write_parameters(&call->out, &template, false);
    if (template.description.len > 0)
        mr_json_key_string(&call->out, "Description", template.description);
    write_capabilities(call, &template);
}

/* ---- GetTemplate ---- */

static struct mr_slice stack_name(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "StackName");
}

/* The text of a stack or change set. */
static enum mr_status find_text(struct protocol_call *call, bool processed,
                                struct mr_slice *ret_body)
{
    const struct mr_slice set_name = mr_json_get_text(call->in, "ChangeSetName");
    struct stack stack = {0};
    struct change_set set = {0};
    enum mr_status status = stack_name(call).len == 0
                                ? MR_OK
                                : stack_find(call->service, call->arena, stack_name(call), &stack);
    if (status == MR_NOT_FOUND || (stack_name(call).len == 0 && set_name.len == 0))
        return protocol_fail(call, &cloudformation_validation_error,
                             "Stack with id %.*s does not exist", MR_ARG(stack_name(call)));
    int64_t number = stack.now.template;
    if (status == MR_OK && set_name.len > 0) {
        status = change_set_find(call->service, call->arena, &stack, set_name, &set);
        if (status == MR_NOT_FOUND)
            return protocol_fail(call, &cloudformation_change_set_not_found,
                                 "ChangeSet [%.*s] does not exist", MR_ARG(set_name));
        number = set.version.template;
        if (status == MR_OK && stack.uuid.len == 0)
            status = change_set_stack(call->service, call->arena, set_name, &stack);
    }
    if (status == MR_OK)
        status = processed
                     ? stack_template_processed(call->service, call->arena, &stack, number,
                                                ret_body, &processed)
                     : stack_template_get(call->service, call->arena, &stack, number, ret_body);
    if (status == MR_NOT_FOUND) { /* a stack under review: there is none yet */
        *ret_body = MR_S("");
        return MR_OK;
    }
    protocol_fail_internal(call, status);
    return status == MR_OK ? MR_OK : MR_FAULT;
}

static void get_template(struct protocol_call *call)
{
    struct mr_slice body = {0};
    if (find_text(call,
                  !mr_slice_equal(mr_json_get_text(call->in, "TemplateStage"), MR_S("Original")),
                  &body) != MR_OK)
        return;
    mr_json_key_string(&call->out, "TemplateBody", body);
    mr_json_key_raw(&call->out, "StagesAvailable", MR_S("[\"Original\",\"Processed\"]"));
}

/* ---- GetTemplateSummary ---- */

static void write_types(struct mr_json *json, const struct template *template)
{
    yyjson_val *key, *resource;
    size_t i, count;
    mr_json_key(json, "ResourceTypes");
    mr_json_array(json);
    yyjson_obj_foreach(members_of(template->resources), i, count, key, resource)
    {
        if (yyjson_is_obj(resource)) /* else a loop of the language extensions */
            mr_json_string(json, mr_json_get_text(resource, "Type"));
    }
    mr_json_array_end(json);
}

/* The property that names a resource of the type; those that get their id from the service have
 * none. */
static void write_identifier(struct mr_json *json, struct mr_slice type_name)
{
    const struct resource_type *type = resource_type_find(type_name);
    mr_json_key(json, "ResourceIdentifiers");
    mr_json_array(json);
    for (size_t i = 0; type != NULL && type->name_parent == NULL && i < type->property_count; i++)
        if (type->name_property != NULL &&
            strcmp(type->properties[i].name, type->name_property) == 0)
            mr_json_string(json, mr_slice_cstr(type->name_property));
    mr_json_array_end(json);
}

/* Logical ids by type, and what would identify such a resource. */
static void write_identifiers(struct mr_json *json, const struct template *template)
{
    yyjson_val *key, *resource, *other_key, *other;
    size_t i, count, j, other_count;
    mr_json_key(json, "ResourceIdentifierSummaries");
    mr_json_array(json);
    yyjson_obj_foreach(members_of(template->resources), i, count, key, resource)
    {
        const struct mr_slice type = mr_json_get_text(resource, "Type");
        bool is_first = true;
        yyjson_obj_foreach(members_of(template->resources), j, other_count, other_key, other)
        {
            if (j < i && mr_slice_equal(mr_json_get_text(other, "Type"), type))
                is_first = false;
        }
        if (!is_first || type.len == 0)
            continue;
        mr_json_object(json);
        mr_json_key_string(json, "ResourceType", type);
        mr_json_key(json, "LogicalResourceIds");
        mr_json_array(json);
        yyjson_obj_foreach(members_of(template->resources), j, other_count, other_key, other)
        {
            if (mr_slice_equal(mr_json_get_text(other, "Type"), type))
                mr_json_string(json, mr_json_text(other_key));
        }
        mr_json_array_end(json);
        write_identifier(json, type);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static void get_template_summary(struct protocol_call *call)
{
    struct template template;
    struct mr_slice body = {0};
    const enum mr_status found =
        stack_name(call).len > 0 ? find_text(call, false, &body) : proposal_body(call, &body);
    if (found == MR_OK && body.len == 0) /* a stack under review */
        protocol_fail(call, &cloudformation_validation_error, "Stack with id %.*s does not exist",
                      MR_ARG(stack_name(call)));
    if (protocol_failed(call) || found != MR_OK ||
        proposal_template(call, body, &template) != MR_OK)
        return;
    write_parameters(&call->out, &template, true);
    if (template.description.len > 0)
        mr_json_key_string(&call->out, "Description", template.description);
    write_capabilities(call, &template);
    write_types(&call->out, &template);
    mr_json_key_cstr(&call->out, "Version", "2010-09-09");
    if (template.metadata != NULL) {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_value(&json, template.metadata);
        mr_json_key_string(&call->out, "Metadata", mr_buf_slice(&buf));
        mr_buf_fini(&buf);
    }
    write_identifiers(&call->out, &template);
}

const struct protocol_handler cloudformation_template_handlers[] = {
    {.operation = "ValidateTemplate", .run = validate_template},
    {.operation = "GetTemplate", .run = get_template},
    {.operation = "GetTemplateSummary", .run = get_template_summary},
};
const size_t cloudformation_template_handler_count = MR_COUNT(cloudformation_template_handlers);
