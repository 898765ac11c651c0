/* Fn::ForEach, and functions in policies of resources. */
#include "cloudformation/extend.h"
#include "cloudformation/function.h"
#include "cloudformation/members.h"

enum {
    EXTEND_LOOPS_MAX = 5,     /* AWS: within each other */
    EXTEND_TURNS_MAX = 10000, /* of all loops together: empty ones make no text to be bounded by */
};

static const char loop_prefix[] = "Fn::ForEach::";

/* What a loop's identifier stands for in the turn under way. */
struct binding {
    const struct binding *outer;
    struct mr_slice name, value;
    int depth;
};

struct extension {
    struct evaluation *evaluation;
    struct mr_json *json;
    struct mr_slice error; /* the first one */
    int turns;
};

static void fail(struct extension *extension, struct mr_slice what)
{
    if (extension->error.len == 0)
        extension->error =
            mr_arena_printf(extension->evaluation->arena,
                            "Transform AWS::LanguageExtensions failed with: %.*s", MR_ARG(what));
}

bool extend_is_wanted(yyjson_val *transform)
{
    const struct mr_slice name = MR_S("AWS::LanguageExtensions");
    if (yyjson_is_arr(transform))
        return yyjson_arr_size(transform) == 1 &&
               mr_slice_equal(mr_json_text(yyjson_arr_get(transform, 0)), name);
    return mr_slice_equal(mr_json_text(transform), name);
}

static const struct binding *find_binding(const struct binding *binding, struct mr_slice name)
{
    while (binding != NULL && !mr_slice_equal(binding->name, name))
        binding = binding->outer;
    return binding;
}

/* AWS: "&{x}" is the value less all that is neither letter nor digit, so that it fits a logical
 * id. */
static void append_alphanumeric(struct mr_buf *buf, struct mr_slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            mr_buf_byte(buf, c);
    }
}

/* "${x}" and "&{x}" of the loops around it, in keys and texts. */
static struct mr_slice substitute(struct extension *extension, struct mr_slice text,
                                  const struct binding *bindings)
{
    struct mr_buf buf = {0};
    if (bindings == NULL)
        return text;
    for (size_t i = 0; i < text.len;) {
        const bool opens = i + 2 < text.len && (text.ptr[i] == '$' || text.ptr[i] == '&') &&
                           text.ptr[i + 1] == '{';
        const size_t end = opens ? mr_slice_find(mr_slice_sub(text, i, SIZE_MAX), '}') : SIZE_MAX;
        const struct binding *binding =
            end == SIZE_MAX ? NULL : find_binding(bindings, mr_slice_sub(text, i + 2, end - 2));
        if (binding == NULL) {
            mr_buf_byte(&buf, text.ptr[i++]);
            continue;
        }
        if (text.ptr[i] == '&')
            append_alphanumeric(&buf, binding->value);
        else
            mr_buf_append(&buf, binding->value);
        i += end + 1;
    }
    const struct mr_slice result = mr_arena_copy(extension->evaluation->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return result;
}

static void put_value(struct extension *extension, yyjson_val *value,
                      const struct binding *bindings);
static void put_members(struct extension *extension, yyjson_val *object,
                        const struct binding *bindings);

/* The loop's list, evaluated; NULL: it is none. */
static yyjson_val *collection_of(struct extension *extension, yyjson_val *value,
                                 const struct binding *bindings)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf), *outer = extension->json;
    extension->json = &json;
    put_value(extension, value, bindings);
    extension->json = outer;
    struct evaluation *evaluation = extension->evaluation;
    yyjson_val *list = evaluate(
        evaluation, mr_json_parse(evaluation->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX));
    mr_buf_fini(&buf);
    if (evaluation->error.len > 0)
        fail(extension, evaluation->error);
    return yyjson_is_arr(list) ? list : NULL;
}

static void take_turns(struct extension *extension, struct mr_slice name, yyjson_val *item,
                       yyjson_val *fragment, const struct binding *bindings)
{
    const struct binding binding = {
        .outer = bindings,
        .name = name,
        .value = mr_json_text(item),
        .depth = bindings == NULL ? 1 : bindings->depth + 1,
    };
    if (++extension->turns > EXTEND_TURNS_MAX)
        fail(extension, MR_S("Fn::ForEach loops take too many turns"));
    if (yyjson_is_arr(item)) /* a Ref to a list among other values */
        for (size_t i = 0; i < yyjson_arr_size(item); i++)
            take_turns(extension, name, yyjson_arr_get(item, i), fragment, bindings);
    else if (extension->error.len == 0)
        put_members(extension, fragment, &binding);
}

static void put_loop(struct extension *extension, yyjson_val *loop, const struct binding *bindings)
{
    yyjson_val *identifier = yyjson_arr_get(loop, 0), *fragment = yyjson_arr_get(loop, 2);
    if (yyjson_arr_size(loop) != 3 || !yyjson_is_str(identifier) || !yyjson_is_obj(fragment)) {
        fail(extension, MR_S("Fn::ForEach layout is incorrect"));
        return;
    }
    if (bindings != NULL && bindings->depth >= EXTEND_LOOPS_MAX) {
        fail(extension, MR_S("Fn::ForEach loops are nested too deep"));
        return;
    }
    yyjson_val *list = collection_of(extension, yyjson_arr_get(loop, 1), bindings);
    if (list == NULL)
        fail(extension, MR_S("Fn::ForEach could not resolve list"));
    for (size_t i = 0; i < yyjson_arr_size(list) && extension->error.len == 0; i++)
        take_turns(extension, mr_json_text(identifier), yyjson_arr_get(list, i), fragment,
                   bindings);
}

static void put_members(struct extension *extension, yyjson_val *object,
                        const struct binding *bindings)
{
    yyjson_val *key, *value;
    size_t i, count;
    yyjson_obj_foreach(members_of(object), i, count, key, value)
    {
        if (extension->json->buf->len > TEMPLATE_STORED_BYTES_MAX)
            fail(extension, MR_S("the processed template is too large"));
        if (extension->error.len > 0)
            return;
        if (mr_slice_starts_with(mr_json_text(key), mr_slice_cstr(loop_prefix))) {
            put_loop(extension, value, bindings);
            continue;
        }
        mr_json_name(extension->json, substitute(extension, mr_json_text(key), bindings));
        put_value(extension, value, bindings);
    }
}

static void put_value(struct extension *extension, yyjson_val *value,
                      const struct binding *bindings)
{
    yyjson_val *argument;
    const struct binding *binding = function_of(value, &argument) == FUNCTION_REF
                                        ? find_binding(bindings, mr_json_text(argument))
                                        : NULL;
    if (binding != NULL) {
        mr_json_string(extension->json, binding->value);
    } else if (yyjson_is_obj(value)) {
        mr_json_object(extension->json);
        put_members(extension, value, bindings);
        mr_json_object_end(extension->json);
    } else if (yyjson_is_arr(value)) {
        mr_json_array(extension->json);
        for (size_t i = 0; i < yyjson_arr_size(value); i++)
            put_value(extension, yyjson_arr_get(value, i), bindings);
        mr_json_array_end(extension->json);
    } else if (yyjson_is_str(value)) {
        mr_json_string(extension->json, substitute(extension, mr_json_text(value), bindings));
    } else {
        mr_json_value(extension->json, value);
    }
}

/* ---- policies ---- */

static void put_resource(struct extension *extension, yyjson_val *resource)
{
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(extension->json);
    yyjson_obj_foreach(members_of(resource), i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        const bool is_policy = mr_slice_equal(name, MR_S("DeletionPolicy")) ||
                               mr_slice_equal(name, MR_S("UpdateReplacePolicy"));
        yyjson_val *plain = value;
        if (is_policy && yyjson_is_obj(value)) {
            plain = evaluate(extension->evaluation, value);
            if (extension->evaluation->error.len > 0)
                fail(extension, extension->evaluation->error);
            if (plain == NULL) /* AWS::NoValue: as if it were not there */
                continue;
        }
        mr_json_name(extension->json, name);
        mr_json_value(extension->json, plain);
    }
    mr_json_object_end(extension->json);
}

/* The sections with their loops gone, then the policies. */
static void put_sections(struct extension *extension, yyjson_val *sections)
{
    yyjson_val *key, *section, *name, *resource;
    size_t i, j, count, resource_count;
    mr_json_object(extension->json);
    yyjson_obj_foreach(members_of(sections), i, count, key, section)
    {
        mr_json_name(extension->json, mr_json_text(key));
        if (!mr_slice_equal(mr_json_text(key), MR_S("Resources"))) {
            mr_json_value(extension->json, section);
            continue;
        }
        mr_json_object(extension->json);
        yyjson_obj_foreach(members_of(section), j, resource_count, name, resource)
        {
            mr_json_name(extension->json, mr_json_text(name));
            if (yyjson_is_obj(resource))
                put_resource(extension, resource);
            else
                mr_json_value(extension->json, resource);
        }
        mr_json_object_end(extension->json);
    }
    mr_json_object_end(extension->json);
}

/* Conditions of the expanded template: loops make some, and policies may ask for them. */
static void extend_policies(struct extension *extension, struct mr_slice *text)
{
    struct evaluation *evaluation = extension->evaluation;
    const struct template *original = evaluation->template;
    struct template expanded = *original;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    yyjson_val *sections = mr_json_parse(evaluation->arena, *text, MR_JSON_DEPTH_MAX);
    expanded.conditions = mr_json_get(sections, "Conditions");
    evaluation->template = &expanded;
    evaluation->marks = NULL;
    extension->json = &json;
    put_sections(extension, sections);
    evaluation->template = original;
    evaluation->marks = NULL;
    *text = mr_arena_copy(evaluation->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

enum mr_status extend(struct evaluation *evaluation, struct mr_slice *ret_text,
                      struct mr_slice *ret_error)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    struct extension extension = {.evaluation = evaluation, .json = &json};
    yyjson_val *key, *value;
    size_t i, count;
    mr_json_object(&json);
    yyjson_obj_foreach(members_of(evaluation->template->root), i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (mr_slice_equal(name, MR_S("Transform")))
            continue;
        mr_json_name(&json, name);
        if (mr_slice_equal(name, MR_S("Parameters")) || mr_slice_equal(name, MR_S("Mappings")))
            mr_json_value(&json, value);
        else
            put_value(&extension, value, NULL);
    }
    mr_json_object_end(&json);
    struct mr_slice text = mr_arena_copy(evaluation->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (extension.error.len == 0)
        extend_policies(&extension, &text);
    *ret_error = extension.error;
    if (extension.error.len == 0)
        *ret_text = text;
    return extension.error.len == 0 ? MR_OK : MR_INVALID;
}
