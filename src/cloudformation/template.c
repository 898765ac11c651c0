/* The sections of a template and what each must look like. */
#include "cloudformation/template.h"
#include "cloudformation/extend.h"
#include "cloudformation/function.h"
#include "cloudformation/members.h"
#include "cloudformation/yaml.h"

struct check {
    struct mr_arena *arena;
    struct mr_slice error;
    bool is_raw;      /* a transform is still to work on it */
    bool is_extended; /* it has functions of the language extensions */
};

/* Keeps the first error; false, so that checks can return it. */
static bool fail(struct check *check, const char *format, ...) MR_PRINTF(2, 3);
static bool fail(struct check *check, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    if (check->error.len == 0)
        check->error = mr_arena_copy(check->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return false;
}

/* ---- the text ---- */

static yyjson_val *parse_json(struct check *check, struct mr_slice text)
{
    const yyjson_alc alc = mr_json_alc(check->arena);
    yyjson_read_err problem = {0};
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len,
                                       YYJSON_READ_NUMBER_AS_RAW, &alc, &problem);
    if (doc != NULL)
        return yyjson_doc_get_root(doc);
    size_t line = 1, column = 1;
    for (size_t i = 0; i < problem.pos && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    fail(check, "Template format error: JSON not well-formed. (line %zu, column %zu)", line,
         column);
    return NULL;
}

static bool is_too_deep(yyjson_val *value, int depth)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (depth > FUNCTION_DEPTH_MAX)
        return true;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item) if (is_too_deep(item, depth + 1)) return true;
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(members_of(value), i, count, key,
                           item) if (is_too_deep(item, depth + 1)) return true;
    }
    return false;
}

static yyjson_val *parse_text(struct check *check, struct mr_slice body)
{
    const struct mr_slice text = mr_slice_trim(body);
    yyjson_val *root = text.len > 0 && text.ptr[0] == '{'
                           ? parse_json(check, body)
                           : yaml_parse(check->arena, body, &check->error);
    if (root == NULL)
        return NULL;
    if (!yyjson_is_obj(root) || is_too_deep(root, 0)) {
        fail(check, "Template format error: unsupported structure.");
        return NULL;
    }
    return root;
}

/* Where the first null stands, told from the inside out; *ret_path is empty at the null itself. */
static bool find_null(struct mr_arena *arena, yyjson_val *value, struct mr_slice *ret_path)
{
    yyjson_val *key, *item;
    size_t i, count;
    *ret_path = MR_S("");
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item)
        {
            if (find_null(arena, item, ret_path)) {
                *ret_path = mr_arena_printf(arena, "/%zu%.*s", i, MR_ARG(*ret_path));
                return true;
            }
        }
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(members_of(value), i, count, key, item)
        {
            if (find_null(arena, item, ret_path)) {
                *ret_path = mr_arena_printf(arena, "/%.*s%.*s", MR_ARG(mr_json_text(key)),
                                            MR_ARG(*ret_path));
                return true;
            }
        }
    }
    return yyjson_is_null(value);
}

static bool has_no_null(struct check *check, yyjson_val *root)
{
    struct mr_slice path;
    return !find_null(check->arena, root, &path) ||
           fail(check, "Template format error: [%.*s] 'null' values are not allowed in templates",
                MR_ARG(path));
}

/* ---- sections ---- */

static bool is_alphanumeric(struct mr_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return name.len > 0;
}

static bool is_word_of(struct mr_slice name, const char *const *words)
{
    for (; *words != NULL; words++)
        if (mr_slice_equal(name, mr_slice_cstr(*words)))
            return true;
    return false;
}

static bool check_top(struct check *check, yyjson_val *root)
{
    static const char *const known[] = {"AWSTemplateFormatVersion",
                                        "Description",
                                        "Metadata",
                                        "Parameters",
                                        "Mappings",
                                        "Conditions",
                                        "Rules",
                                        "Transform",
                                        "Resources",
                                        "Outputs",
                                        "Hooks",
                                        NULL};
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(root), i, count, key, value)
    {
        if (!is_word_of(mr_json_text(key), known))
            return fail(check, "Invalid template property or properties [%.*s]",
                        MR_ARG(mr_json_text(key)));
    }
    value = yyjson_obj_get(root, "AWSTemplateFormatVersion");
    if (value != NULL && !mr_slice_equal(mr_json_text(value), MR_S("2010-09-09")))
        return fail(check,
                    "Template format error: unsupported value for AWSTemplateFormatVersion; the "
                    "only one is 2010-09-09.");
    value = yyjson_obj_get(root, "Description");
    if (value != NULL && !yyjson_is_str(value))
        return fail(check, "Template format error: Description must be a string.");
    if (mr_json_text(value).len > 1024)
        return fail(check, "Template format error: 'Description' length is greater than 1024.");
    if (yyjson_obj_get(root, "Hooks") != NULL)
        return fail(check, "millrace does not carry out the section Hooks of templates.");
    return true;
}

/* The section's object; NULL when it is missing; false when it is something else. */
static bool section(struct check *check, yyjson_val *root, const char *name, yyjson_val **ret_value)
{
    *ret_value = yyjson_obj_get(root, name);
    if (*ret_value != NULL && !yyjson_is_obj(*ret_value))
        return fail(check, "Template format error: %s must be an object.", name);
    return true;
}

static bool check_parameter(struct check *check, struct mr_slice name, yyjson_val *parameter)
{
    static const char *const known[] = {"Type",
                                        "Default",
                                        "AllowedValues",
                                        "AllowedPattern",
                                        "MinLength",
                                        "MaxLength",
                                        "MinValue",
                                        "MaxValue",
                                        "NoEcho",
                                        "Description",
                                        "ConstraintDescription",
                                        NULL};
    yyjson_val *key, *value;
    size_t i, count;
    if (!is_alphanumeric(name))
        return fail(check, "Template format error: Parameter name %.*s is non alphanumeric.",
                    MR_ARG(name));
    if (!yyjson_is_obj(parameter))
        return fail(check, "Template format error: Any Parameters member must be an object.");
    if (!yyjson_is_str(yyjson_obj_get(parameter, "Type")))
        return fail(check,
                    "Template format error: Every Parameters object must contain a Type member.");
    yyjson_obj_foreach(members_of(parameter), i, count, key, value)
    {
        if (!is_word_of(mr_json_text(key), known))
            return fail(check, "Invalid template parameter property '%.*s'",
                        MR_ARG(mr_json_text(key)));
    }
    value = yyjson_obj_get(parameter, "Default");
    if (yyjson_is_obj(value) || yyjson_is_arr(value))
        return fail(check, "Template format error: Every Default member must be a string.");
    value = yyjson_obj_get(parameter, "AllowedValues");
    if (value != NULL && !yyjson_is_arr(value))
        return fail(check, "Template format error: Every AllowedValues member must be a list.");
    const struct mr_slice type = mr_json_get_text(parameter, "Type");
    const bool plain =
        mr_slice_equal(type, MR_S("String")) || mr_slice_equal(type, MR_S("Number")) ||
        mr_slice_equal(type, MR_S("CommaDelimitedList")) ||
        mr_slice_equal(type, MR_S("List<Number>")) || mr_slice_equal(type, MR_S("List<String>"));
    if (!plain && !mr_slice_starts_with(type, MR_S("AWS::")) &&
        !mr_slice_starts_with(type, MR_S("List<AWS::")))
        return fail(check, "Template format error: Unrecognized parameter type: %.*s",
                    MR_ARG(type));
    return true;
}

static bool check_parameters(struct check *check, yyjson_val *parameters)
{
    yyjson_val *key, *value;
    size_t i, count;
    if (yyjson_obj_size(parameters) > TEMPLATE_PARAMETERS_MAX)
        return fail(check,
                    "Template format error: Number of parameters, %zu, is greater than "
                    "maximum allowed, %d",
                    yyjson_obj_size(parameters), TEMPLATE_PARAMETERS_MAX);
    yyjson_obj_foreach(members_of(parameters), i, count, key, value)
    {
        if (!check_parameter(check, mr_json_text(key), value))
            return false;
    }
    return true;
}

static bool check_mappings(struct check *check, yyjson_val *mappings)
{
    yyjson_val *key, *value, *inner_key, *inner;
    size_t i, count, j, inner_count;
    yyjson_obj_foreach(members_of(mappings), i, count, key, value)
    {
        if (!is_alphanumeric(mr_json_text(key)))
            return fail(check, "Template format error: Mappings name '%.*s' is non alphanumeric.",
                        MR_ARG(mr_json_text(key)));
        if (!yyjson_is_obj(value))
            return fail(check, "Template format error: Every Mappings member must be a map");
        yyjson_obj_foreach(members_of(value), j, inner_count, inner_key, inner)
        {
            if (!yyjson_is_obj(inner))
                return fail(check,
                            "Template format error: Every Mappings attribute must be a map.");
        }
    }
    return true;
}

/* Text members of a resource that must be one of a few words. */
static bool check_policy(struct check *check, struct mr_slice name, yyjson_val *resource,
                         const char *member)
{
    static const char *const words[] = {"Delete", "Retain", "RetainExceptOnCreate", "Snapshot",
                                        NULL};
    yyjson_val *value = yyjson_obj_get(resource, member);
    if (value == NULL || is_word_of(mr_json_text(value), words))
        return true;
    return fail(check, "Template format error: Unrecognized %s %.*s for resource %.*s", member,
                MR_ARG(mr_json_text(value)), MR_ARG(name));
}

static bool check_depends_on(struct check *check, struct mr_slice name, yyjson_val *value)
{
    bool good = value == NULL || yyjson_is_str(value) || yyjson_is_arr(value);
    for (size_t i = 0; good && i < yyjson_arr_size(value); i++)
        good = yyjson_is_str(yyjson_arr_get(value, i));
    return good || fail(check,
                        "Template format error: DependsOn of resource %.*s must be a string or a "
                        "list of strings.",
                        MR_ARG(name));
}

static bool check_resource(struct check *check, struct mr_slice name, yyjson_val *resource)
{
    static const char *const known[] = {"Type",
                                        "Properties",
                                        "DependsOn",
                                        "Condition",
                                        "DeletionPolicy",
                                        "CreationPolicy",
                                        "UpdatePolicy",
                                        "Metadata",
                                        "Description",
                                        "UpdateReplacePolicy",
                                        NULL};
    yyjson_val *key, *value;
    size_t i, count;
    if (!is_alphanumeric(name))
        return fail(check, "Template format error: Resource name %.*s is non alphanumeric.",
                    MR_ARG(name));
    if (!yyjson_is_obj(resource))
        return fail(check, "Template format error: Any Resources member must be an object.");
    if (!yyjson_is_str(yyjson_obj_get(resource, "Type")))
        return fail(check,
                    "Template format error: [/Resources/%.*s] Every Resources object must contain "
                    "a Type member.",
                    MR_ARG(name));
    yyjson_obj_foreach(members_of(resource), i, count, key, value)
    {
        if (!is_word_of(mr_json_text(key), known))
            return fail(check, "Invalid template resource property '%.*s'",
                        MR_ARG(mr_json_text(key)));
    }
    value = yyjson_obj_get(resource, "Properties");
    if (value != NULL && !yyjson_is_obj(value))
        return fail(check,
                    "Template format error: [/Resources/%.*s/Properties] Properties must be an "
                    "object.",
                    MR_ARG(name));
    return check_policy(check, name, resource, "DeletionPolicy") &&
           check_policy(check, name, resource, "UpdateReplacePolicy") &&
           check_depends_on(check, name, yyjson_obj_get(resource, "DependsOn"));
}

static bool check_resources(struct check *check, yyjson_val *resources)
{
    yyjson_val *key, *value;
    size_t i, count;
    if (!yyjson_is_obj(resources) || yyjson_obj_size(resources) == 0)
        return fail(check, "Template format error: At least one Resources member must be defined.");
    if (yyjson_obj_size(resources) > TEMPLATE_RESOURCES_MAX)
        return fail(check,
                    "Template format error: Number of resources, %zu, is greater than maximum "
                    "allowed, %d",
                    yyjson_obj_size(resources), TEMPLATE_RESOURCES_MAX);
    yyjson_obj_foreach(members_of(resources), i, count, key, value)
    {
        if (!check->is_raw && !check_resource(check, mr_json_text(key), value))
            return false;
    }
    return true;
}

static bool check_outputs(struct check *check, yyjson_val *outputs)
{
    yyjson_val *key, *value;
    size_t i, count;
    if (yyjson_obj_size(outputs) > TEMPLATE_OUTPUTS_MAX)
        return fail(check,
                    "Template format error: Number of outputs, %zu, is greater than maximum "
                    "allowed, %d",
                    yyjson_obj_size(outputs), TEMPLATE_OUTPUTS_MAX);
    yyjson_obj_foreach(members_of(outputs), i, count, key, value)
    {
        if (check->is_raw)
            continue;
        if (!is_alphanumeric(mr_json_text(key)))
            return fail(check, "Template format error: Output name %.*s is non alphanumeric.",
                        MR_ARG(mr_json_text(key)));
        if (!yyjson_is_obj(value))
            return fail(check, "Template format error: Any Outputs member must be an object.");
        if (yyjson_obj_get(value, "Value") == NULL)
            return fail(check,
                        "Template format error: Every Outputs member must contain a Value object");
    }
    return true;
}

static bool check_conditions(struct check *check, yyjson_val *conditions)
{
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(conditions), i, count, key, value)
    {
        if (!check->is_raw && !yyjson_is_obj(value))
            return fail(check, "Template format error: Every Conditions member must be an object.");
    }
    return true;
}

static bool check_sections(struct check *check, yyjson_val *root, struct template *template)
{
    *template = (struct template){
        .root = root,
        .description = mr_json_get_text(root, "Description"),
        .resources = yyjson_obj_get(root, "Resources"),
        .metadata = yyjson_obj_get(root, "Metadata"),
        .transform = yyjson_obj_get(root, "Transform"),
    };
    return check_resources(check, template->resources) &&
           section(check, root, "Parameters", &template->parameters) &&
           section(check, root, "Rules", &template->rules) &&
           section(check, root, "Mappings", &template->mappings) &&
           section(check, root, "Conditions", &template->conditions) &&
           section(check, root, "Outputs", &template->outputs) && has_no_null(check, root) &&
           check_parameters(check, template->parameters) &&
           check_mappings(check, template->mappings) &&
           check_conditions(check, template->conditions) && check_outputs(check, template->outputs);
}

static bool check_functions(struct check *check, const struct template *template)
{
    yyjson_val *const sections[] = {template->conditions, template->resources, template->outputs};
    for (size_t i = 0; i < MR_COUNT(sections); i++)
        if (template_check_functions(check->arena, sections[i], check->is_extended,
                                     &check->error) != MR_OK)
            return false;
    return true;
}

static enum mr_status parse(struct check *check, struct mr_slice body,
                            struct template *ret_template, struct mr_slice *ret_error)
{
    struct template template;
    yyjson_val *root = parse_text(check, body);
    check->is_raw = extend_is_wanted(yyjson_obj_get(root, "Transform"));
    const bool good =
        root != NULL && check_top(check, root) && check_sections(check, root, &template) &&
        (check->is_raw ||
         (check_functions(check, &template) &&
          template_check_references(check->arena, &template, &check->error) == MR_OK));
    if (!good) {
        *ret_error = check->error;
        return MR_INVALID;
    }
    template.body = body;
    *ret_template = template;
    return MR_OK;
}

enum mr_status template_parse(struct mr_arena *arena, struct mr_slice body,
                              struct template *ret_template, struct mr_slice *ret_error)
{
    struct check check = {.arena = arena};
    return parse(&check, body, ret_template, ret_error);
}

enum mr_status template_parse_processed(struct mr_arena *arena, struct mr_slice text,
                                        struct template *ret_template, struct mr_slice *ret_error)
{
    struct check check = {.arena = arena, .is_extended = true};
    return parse(&check, text, ret_template, ret_error);
}

/* ---- what others ask ---- */

yyjson_val *template_resource(const struct template *template, struct mr_slice logical)
{
    return yyjson_obj_getn(template->resources, logical.ptr, logical.len);
}

bool template_type_is_custom(struct mr_slice type)
{
    return mr_slice_starts_with(type, MR_S("Custom::")) ||
           mr_slice_equal(type, MR_S("AWS::CloudFormation::CustomResource"));
}

struct mr_slice template_resource_type(const struct template *template, struct mr_slice logical)
{
    return mr_json_get_text(template_resource(template, logical), "Type");
}

struct mr_slice template_capability(struct mr_arena *arena, const struct template *template,
                                    struct mr_slice **ret_types, size_t *ret_count)
{
    static const char *const names[] = {"RoleName", "ManagedPolicyName", "UserName", "GroupName",
                                        "InstanceProfileName"};
    static const char *const unnamed[] = {"AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition",
                                          "AWS::IAM::AccessKey", NULL};
    struct mr_slice *types = MR_NEW_ARRAY(arena, struct mr_slice, TEMPLATE_RESOURCES_MAX);
    yyjson_val *key, *resource;
    size_t i, total, count = 0;
    bool named = false;
    yyjson_obj_foreach(members_of(template->resources), i, total, key, resource)
    {
        const struct mr_slice type = mr_json_get_text(resource, "Type");
        if (!mr_slice_starts_with(type, MR_S("AWS::IAM::")))
            continue;
        size_t at = 0;
        while (at < count && !mr_slice_equal(types[at], type))
            at++;
        types[at] = type;
        count = at == count ? count + 1 : count;
        for (size_t j = 0; j < MR_COUNT(names) && !is_word_of(type, unnamed); j++)
            named = named || mr_json_get(mr_json_get(resource, "Properties"), names[j]) != NULL;
    }
    if (ret_types != NULL) {
        *ret_types = types;
        *ret_count = count;
    }
    return count == 0 ? MR_S("") : named ? MR_S("CAPABILITY_NAMED_IAM") : MR_S("CAPABILITY_IAM");
}
