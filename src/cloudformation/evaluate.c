/* The functions, one by one. */
#include "cloudformation/evaluate.h"
#include "base/codec.h"
#include "cloudformation/cidr.h"
#include "cloudformation/function.h"
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"
#include "cloudformation/yaml.h"

enum { EVALUATE_DEPTH_MAX = 200, EVALUATE_TEXT_BYTES_MAX = 4 << 20 };

static yyjson_mut_val *fail(struct evaluation *evaluation, const char *format, ...) MR_PRINTF(2, 3);
static yyjson_mut_val *fail(struct evaluation *evaluation, const char *format, ...)
{
    struct mr_buf text = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&text, format, args);
    va_end(args);
    if (evaluation->error.len == 0)
        evaluation->error = mr_arena_copy(evaluation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return NULL;
}

static yyjson_mut_val *value_of(struct evaluation *evaluation, yyjson_val *value);
static bool condition_of(struct evaluation *evaluation, yyjson_val *value);

static yyjson_mut_val *text_value(struct evaluation *evaluation, struct mr_slice text)
{
    return yyjson_mut_strncpy(evaluation->doc, text.len > 0 ? text.ptr : "", text.len);
}

/* ---- reading evaluated values ---- */

static bool is_scalar(yyjson_mut_val *value)
{
    return yyjson_mut_is_str(value) || yyjson_mut_is_raw(value) || yyjson_mut_is_bool(value);
}

/* A scalar as text. */
static struct mr_slice text_of(yyjson_mut_val *value)
{
    if (yyjson_mut_is_str(value))
        return mr_slice_make(yyjson_mut_get_str(value), yyjson_mut_get_len(value));
    if (yyjson_mut_is_raw(value))
        return mr_slice_make(yyjson_mut_get_raw(value), yyjson_mut_get_len(value));
    if (yyjson_mut_is_bool(value))
        return yyjson_mut_is_true(value) ? MR_S("true") : MR_S("false");
    return MR_S("");
}

/* Evaluates what must be a text; false with an error when it is none. */
static bool argument_text(struct evaluation *evaluation, const char *function, yyjson_val *argument,
                          struct mr_slice *ret_text)
{
    yyjson_mut_val *value = value_of(evaluation, argument);
    if (evaluation->error.len == 0 && !is_scalar(value))
        fail(evaluation, "Template error: %s needs a text where something else stands", function);
    *ret_text = text_of(value);
    return evaluation->error.len == 0;
}

static yyjson_mut_val *argument_list(struct evaluation *evaluation, const char *message,
                                     yyjson_val *argument)
{
    yyjson_mut_val *value = value_of(evaluation, argument);
    if (evaluation->error.len == 0 && !yyjson_mut_is_arr(value))
        fail(evaluation, "Template error: %s", message);
    return evaluation->error.len == 0 ? value : NULL;
}

/* ---- Ref and its kin ---- */

static yyjson_mut_val *pseudo(struct evaluation *evaluation, struct mr_slice name)
{
    const struct {
        const char *name;
        struct mr_slice value;
    } values[] = {
        {"AWS::AccountId", evaluation->account},
        {"AWS::Region", evaluation->region},
        {"AWS::StackName", evaluation->stack_name},
        {"AWS::StackId", evaluation->stack_id},
        {"AWS::Partition", MR_S("aws")},
        {"AWS::URLSuffix", MR_S("amazonaws.com")},
    };
    for (size_t i = 0; i < MR_COUNT(values); i++)
        if (mr_slice_equal(name, mr_slice_cstr(values[i].name)))
            return text_value(evaluation, values[i].value);
    if (mr_slice_equal(name, MR_S("AWS::NoValue")))
        return NULL;
    yyjson_mut_val *list = yyjson_mut_arr(evaluation->doc);
    for (size_t i = 0; i < yyjson_arr_size(evaluation->notifications); i++) {
        const struct mr_slice arn = mr_json_text(yyjson_arr_get(evaluation->notifications, i));
        yyjson_mut_arr_add_strncpy(evaluation->doc, list, arn.ptr, arn.len);
    }
    return list;
}

static yyjson_mut_val *split_text(struct evaluation *evaluation, struct mr_slice text,
                                  struct mr_slice separator, bool trim)
{
    yyjson_mut_val *list = yyjson_mut_arr(evaluation->doc);
    for (;;) {
        const size_t at = separator.len == 0 ? SIZE_MAX : mr_slice_search(text, separator);
        struct mr_slice part = mr_slice_sub(text, 0, at);
        part = trim ? mr_slice_trim(part) : part;
        yyjson_mut_arr_append(list, text_value(evaluation, part));
        if (at == SIZE_MAX)
            return list;
        text = mr_slice_sub(text, at + separator.len, SIZE_MAX);
    }
}

static yyjson_mut_val *parameter(struct evaluation *evaluation, struct mr_slice name)
{
    const struct mr_slice type =
        mr_json_get_text(mr_json_getn(evaluation->template->parameters, name), "Type");
    yyjson_val *value = mr_json_getn(evaluation->resolved, name);
    if (value == NULL)
        value = yyjson_obj_getn(evaluation->parameters, name.ptr, name.len);
    if (value == NULL)
        return fail(evaluation, "Parameters: [%.*s] must have values", MR_ARG(name));
    if (!parameter_type_is_list(type))
        return text_value(evaluation, mr_json_text(value));
    if (mr_json_text(value).len == 0)
        return yyjson_mut_arr(evaluation->doc);
    return split_text(evaluation, mr_json_text(value), MR_S(","), true);
}

static yyjson_mut_val *resource(struct evaluation *evaluation, struct mr_slice name,
                                struct mr_slice attribute)
{
    struct mr_slice value;
    if (evaluation->resource != NULL &&
        evaluation->resource(evaluation->ctx, name, attribute, &value) == MR_OK)
        return text_value(evaluation, value);
    const struct mr_slice type = template_resource_type(evaluation->template, name);
    if (attribute.len > 0 && template_type_is_custom(type))
        return fail(evaluation,
                    "CustomResource attribute error: Vendor response doesn't contain %.*s key in "
                    "the answer of %.*s",
                    MR_ARG(attribute), MR_ARG(name));
    if (attribute.len > 0)
        return fail(evaluation, "Attribute '%.*s' of resource %.*s does not exist",
                    MR_ARG(attribute), MR_ARG(name));
    return fail(evaluation,
                "Template format error: Unresolved resource dependencies [%.*s] in the Resources "
                "block of the template",
                MR_ARG(name));
}

static yyjson_mut_val *ref(struct evaluation *evaluation, struct mr_slice name)
{
    if (function_is_pseudo(name))
        return pseudo(evaluation, name);
    if (yyjson_obj_getn(evaluation->template->parameters, name.ptr, name.len) != NULL)
        return parameter(evaluation, name);
    return resource(evaluation, name, MR_S(""));
}

static yyjson_mut_val *get_att(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice name, attribute;
    if (!function_get_att_parts(argument, &name, &attribute))
        return fail(evaluation, "Template error: every Fn::GetAtt object requires two non-empty "
                                "parameters, the resource name and the resource attribute");
    if (attribute.len == 0 &&
        !argument_text(evaluation, "Fn::GetAtt", yyjson_arr_get(argument, 1), &attribute))
        return NULL;
    return resource(evaluation, name, attribute);
}

/* ---- texts ---- */

static bool sub_variable(struct evaluation *evaluation, struct mr_slice name, yyjson_val *own,
                         struct mr_buf *buf)
{
    yyjson_val *mine = yyjson_obj_getn(own, name.ptr, name.len);
    const size_t dot = mr_slice_find(name, '.');
    yyjson_mut_val *value = mine != NULL      ? value_of(evaluation, mine)
                            : dot == SIZE_MAX ? ref(evaluation, name)
                                              : resource(evaluation, mr_slice_sub(name, 0, dot),
                                                         mr_slice_sub(name, dot + 1, SIZE_MAX));
    if (evaluation->error.len == 0 && !is_scalar(value))
        fail(evaluation,
             "Template error: variable %.*s in Fn::Sub expression does not resolve to "
             "a string",
             MR_ARG(name));
    if (buf->len + text_of(value).len > EVALUATE_TEXT_BYTES_MAX)
        fail(evaluation, "Template error: a text is longer than %d bytes", EVALUATE_TEXT_BYTES_MAX);
    if (evaluation->error.len == 0)
        mr_buf_append(buf, text_of(value));
    return evaluation->error.len == 0;
}

/* "${!x}" is "${x}". */
static void append_literal(struct mr_buf *buf, struct mr_slice literal)
{
    for (;;) {
        const size_t at = mr_slice_search(literal, MR_S("${!"));
        mr_buf_append(buf, mr_slice_sub(literal, 0, at));
        if (at == SIZE_MAX)
            return;
        mr_buf_append(buf, MR_S("${"));
        literal = mr_slice_sub(literal, at + 3, SIZE_MAX);
    }
}

static yyjson_mut_val *sub(struct evaluation *evaluation, yyjson_val *argument)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    struct function_piece piece;
    struct mr_slice rest;
    yyjson_val *own;
    if (!function_sub_parts(argument, &rest, &own))
        return fail(evaluation, "Template error: Fn::Sub has an argument of another form");
    while (function_sub_next(&rest, &piece)) {
        append_literal(&buf, piece.literal);
        if (piece.has_name && !sub_variable(evaluation, piece.name, own, &buf))
            return NULL;
    }
    return text_value(evaluation, mr_buf_slice(&buf));
}

static yyjson_mut_val *join(struct evaluation *evaluation, yyjson_val *argument)
{
    MR_CLEANUP(mr_buf_fini) struct mr_buf buf = {0};
    const struct mr_slice delimiter = mr_json_text(yyjson_arr_get(argument, 0));
    yyjson_mut_val *list = argument_list(evaluation, "Fn::Join needs a list as its second argument",
                                         yyjson_arr_get(argument, 1));
    yyjson_mut_val *item;
    size_t i, count;
    yyjson_mut_arr_foreach(list, i, count, item)
    {
        if (!is_scalar(item))
            return fail(evaluation,
                        "Template error: every item of Fn::Join's list must be a string");
        mr_buf_append(&buf, i > 0 ? delimiter : MR_S(""));
        mr_buf_append(&buf, text_of(item));
        if (buf.len > EVALUATE_TEXT_BYTES_MAX)
            return fail(evaluation, "Template error: a text is longer than %d bytes",
                        EVALUATE_TEXT_BYTES_MAX);
    }
    return list == NULL ? NULL : text_value(evaluation, mr_buf_slice(&buf));
}

static yyjson_mut_val *split(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice text;
    if (!argument_text(evaluation, "Fn::Split", yyjson_arr_get(argument, 1), &text))
        return NULL;
    return split_text(evaluation, text, mr_json_text(yyjson_arr_get(argument, 0)), false);
}

static yyjson_mut_val *select_item(struct evaluation *evaluation, yyjson_val *argument)
{
    static const char message[] =
        "Fn::Select requires a list argument with two elements: an integer index and a list";
    struct mr_slice text;
    int64_t index;
    if (!argument_text(evaluation, "Fn::Select", yyjson_arr_get(argument, 0), &text))
        return NULL;
    if (mr_slice_to_i64(text, &index) != MR_OK)
        return fail(evaluation, "Template error: %s", message);
    yyjson_mut_val *list = argument_list(evaluation, message, yyjson_arr_get(argument, 1));
    if (list == NULL)
        return NULL;
    if (index < 0 || (size_t)index >= yyjson_mut_arr_size(list))
        return fail(evaluation,
                    "Template error: Fn::Select cannot select nonexistent value at "
                    "index %lld",
                    (long long)index);
    return yyjson_mut_arr_get(list, (size_t)index);
}

static yyjson_mut_val *find_in_map(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice map, key, attribute;
    if (!argument_text(evaluation, "Fn::FindInMap", yyjson_arr_get(argument, 0), &map) ||
        !argument_text(evaluation, "Fn::FindInMap", yyjson_arr_get(argument, 1), &key) ||
        !argument_text(evaluation, "Fn::FindInMap", yyjson_arr_get(argument, 2), &attribute))
        return NULL;
    yyjson_val *inner = mr_json_getn(mr_json_getn(evaluation->template->mappings, map), key);
    yyjson_val *value = mr_json_getn(inner, attribute);
    if (value == NULL) /* of the language extensions; the shape was checked */
        value = mr_json_get(yyjson_arr_get(argument, 3), "DefaultValue");
    if (value == NULL)
        return fail(evaluation, "Template error: Unable to get mapping for %.*s::%.*s::%.*s",
                    MR_ARG(map), MR_ARG(key), MR_ARG(attribute));
    return value_of(evaluation, value);
}

static yyjson_mut_val *base64(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice text;
    if (!argument_text(evaluation, "Fn::Base64", argument, &text))
        return NULL;
    return text_value(evaluation, mr_base64(evaluation->arena, text));
}

static yyjson_mut_val *cidr(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice block, texts[2], made;
    int64_t numbers[2];
    if (!argument_text(evaluation, "Fn::Cidr", yyjson_arr_get(argument, 0), &block))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        if (!argument_text(evaluation, "Fn::Cidr", yyjson_arr_get(argument, i + 1), &texts[i]))
            return NULL;
        if (mr_slice_to_i64(texts[i], &numbers[i]) != MR_OK)
            return fail(evaluation, "Template error: Fn::Cidr needs a number where '%.*s' stands",
                        MR_ARG(texts[i]));
    }
    yyjson_mut_val *list = yyjson_mut_arr(evaluation->doc);
    for (int64_t i = 0; i == 0 || i < numbers[0]; i++) {
        const char *error = cidr_block(evaluation->arena, block, numbers[0], numbers[1], i, &made);
        if (error != NULL)
            return fail(evaluation, "Template error: Fn::Cidr: %s", error);
        yyjson_mut_arr_append(list, text_value(evaluation, made));
    }
    return list;
}

static yyjson_mut_val *length(struct evaluation *evaluation, yyjson_val *argument)
{
    yyjson_mut_val *list =
        argument_list(evaluation, "Fn::Length needs a list or what gives one", argument);
    if (list == NULL)
        return NULL;
    const struct mr_slice digits =
        mr_arena_printf(evaluation->arena, "%zu", yyjson_mut_arr_size(list));
    return yyjson_mut_rawncpy(evaluation->doc, digits.ptr, digits.len);
}

static yyjson_mut_val *to_json(struct evaluation *evaluation, yyjson_val *argument)
{
    yyjson_mut_val *value = value_of(evaluation, argument);
    const yyjson_alc alc = mr_json_alc(evaluation->arena);
    size_t len = 0;
    if (evaluation->error.len > 0)
        return NULL;
    const char *text = yyjson_mut_val_write_opts(value, 0, &alc, &len, NULL);
    if (text == NULL || len > EVALUATE_TEXT_BYTES_MAX)
        return fail(evaluation, "Template error: Fn::ToJsonString cannot be made of this");
    return text_value(evaluation, mr_slice_make(text, len));
}

static yyjson_mut_val *get_azs(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice region;
    if (!argument_text(evaluation, "Fn::GetAZs", argument, &region))
        return NULL;
    region = region.len > 0 ? region : evaluation->region;
    yyjson_mut_val *list = yyjson_mut_arr(evaluation->doc);
    for (int letter = 'a'; letter <= 'c'; letter++) {
        const struct mr_slice zone =
            mr_arena_printf(evaluation->arena, "%.*s%c", MR_ARG(region), letter);
        yyjson_mut_arr_append(list, text_value(evaluation, zone));
    }
    return list;
}

static yyjson_mut_val *import_value(struct evaluation *evaluation, yyjson_val *argument)
{
    struct mr_slice name, value;
    if (!argument_text(evaluation, "Fn::ImportValue", argument, &name))
        return NULL;
    if (evaluation->import != NULL && evaluation->import(evaluation->ctx, name, &value) == MR_OK)
        return text_value(evaluation, value);
    return fail(evaluation, "No export named %.*s found.", MR_ARG(name));
}

/* ---- conditions ---- */

static bool scalar_equal(yyjson_mut_val *a, yyjson_mut_val *b)
{
    if (is_scalar(a) && is_scalar(b))
        return mr_slice_equal(text_of(a), text_of(b));
    return a != NULL && b != NULL && yyjson_mut_equals(a, b);
}

/* And, Or, Equals, Not or {"Condition": name}. */
static bool condition_of(struct evaluation *evaluation, yyjson_val *value)
{
    yyjson_val *argument = NULL;
    const enum function function = function_of(value, &argument);
    const size_t size = yyjson_arr_size(argument);
    if (function == FUNCTION_EQUALS) {
        yyjson_mut_val *left = value_of(evaluation, yyjson_arr_get(argument, 0));
        yyjson_mut_val *right = value_of(evaluation, yyjson_arr_get(argument, 1));
        return evaluation->error.len == 0 && scalar_equal(left, right);
    }
    if (function == FUNCTION_NOT)
        return !condition_of(evaluation, yyjson_arr_get(argument, 0)) && evaluation->error.len == 0;
    if (function == FUNCTION_AND || function == FUNCTION_OR) {
        size_t trues = 0;
        for (size_t i = 0; i < size; i++)
            trues += condition_of(evaluation, yyjson_arr_get(argument, i));
        return function == FUNCTION_AND ? trues == size && size > 0 : trues > 0;
    }
    if (function == FUNCTION_NONE && yyjson_is_str(yyjson_obj_get(value, "Condition")))
        return evaluate_condition(evaluation, mr_json_get_text(value, "Condition"));
    fail(evaluation, "Template format error: Conditions can only be boolean operations on "
                     "parameters and other conditions");
    return false;
}

enum { MARK_UNSEEN, MARK_BUSY, MARK_FALSE, MARK_TRUE };

/* What is known of the condition; it is worked out once, however often it is asked for. NULL: there
 * is no such condition. */
static unsigned char *mark_of(struct evaluation *evaluation, struct mr_slice name,
                              yyjson_val **ret_value)
{
    yyjson_val *conditions = evaluation->template->conditions, *key, *value;
    size_t i, count;
    if (evaluation->marks == NULL)
        evaluation->marks = mr_arena_zalloc(evaluation->arena, yyjson_obj_size(conditions) + 1);
    yyjson_obj_foreach(members_of(conditions), i, count, key, value)
    {
        if (mr_slice_equal(mr_json_text(key), name)) {
            *ret_value = value;
            return &evaluation->marks[i];
        }
    }
    return NULL;
}

bool evaluate_condition(struct evaluation *evaluation, struct mr_slice name)
{
    yyjson_val *value = NULL;
    if (name.len == 0)
        return true;
    unsigned char *mark = mark_of(evaluation, name, &value);
    if (mark == NULL)
        fail(evaluation, "Template error: unresolved condition dependency %.*s in Fn::If",
             MR_ARG(name));
    else if (*mark == MARK_BUSY)
        fail(evaluation, "Template format error: Circular dependencies for condition %.*s",
             MR_ARG(name));
    if (evaluation->error.len > 0)
        return false;
    if (*mark == MARK_UNSEEN) {
        if (evaluation->doc == NULL) {
            const yyjson_alc alc = mr_json_alc(evaluation->arena);
            evaluation->doc = yyjson_mut_doc_new(&alc);
        }
        *mark = MARK_BUSY;
        const bool is_true = condition_of(evaluation, value);
        *mark = evaluation->error.len > 0 ? MARK_UNSEEN : is_true ? MARK_TRUE : MARK_FALSE;
    }
    return *mark == MARK_TRUE;
}

static yyjson_mut_val *choose(struct evaluation *evaluation, yyjson_val *argument)
{
    const bool is_true = evaluate_condition(evaluation, mr_json_text(yyjson_arr_get(argument, 0)));
    if (evaluation->error.len > 0)
        return NULL;
    return value_of(evaluation, yyjson_arr_get(argument, is_true ? 1 : 2));
}

/* ---- any value ---- */

static yyjson_mut_val *call(struct evaluation *evaluation, enum function function,
                            yyjson_val *argument)
{
    switch (function) {
    case FUNCTION_REF: return ref(evaluation, mr_json_text(argument));
    case FUNCTION_GET_ATT: return get_att(evaluation, argument);
    case FUNCTION_SUB: return sub(evaluation, argument);
    case FUNCTION_JOIN: return join(evaluation, argument);
    case FUNCTION_SELECT: return select_item(evaluation, argument);
    case FUNCTION_SPLIT: return split(evaluation, argument);
    case FUNCTION_IF: return choose(evaluation, argument);
    case FUNCTION_FIND_IN_MAP: return find_in_map(evaluation, argument);
    case FUNCTION_BASE64: return base64(evaluation, argument);
    case FUNCTION_GET_AZS: return get_azs(evaluation, argument);
    case FUNCTION_IMPORT_VALUE: return import_value(evaluation, argument);
    case FUNCTION_CIDR: return cidr(evaluation, argument);
    case FUNCTION_LENGTH: return length(evaluation, argument);
    case FUNCTION_TO_JSON_STRING: return to_json(evaluation, argument);
    default:
        return fail(evaluation,
                    "Template error: conditions may stand in the Conditions section and in Fn::If "
                    "only, and unknown functions nowhere");
    }
}

static yyjson_mut_val *scalar(struct evaluation *evaluation, yyjson_val *value)
{
    if (mr_json_is_number(value)) {
        const struct mr_slice digits = mr_json_text(value);
        return yyjson_mut_rawncpy(evaluation->doc, digits.ptr, digits.len);
    }
    if (yyjson_is_bool(value))
        return yyjson_mut_bool(evaluation->doc, yyjson_is_true(value));
    return text_value(evaluation, mr_json_text(value));
}

static yyjson_mut_val *container(struct evaluation *evaluation, yyjson_val *value)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (yyjson_is_arr(value)) {
        yyjson_mut_val *list = yyjson_mut_arr(evaluation->doc);
        yyjson_arr_foreach(value, i, count, item)
        {
            yyjson_mut_val *evaluated = value_of(evaluation, item);
            if (evaluated != NULL)
                yyjson_mut_arr_append(list, evaluated);
        }
        return list;
    }
    yyjson_mut_val *object = yyjson_mut_obj(evaluation->doc);
    yyjson_obj_foreach(members_of(value), i, count, key, item)
    {
        yyjson_mut_val *evaluated = value_of(evaluation, item);
        if (evaluated != NULL)
            yyjson_mut_obj_add(object, text_value(evaluation, mr_json_text(key)), evaluated);
    }
    return object;
}

static yyjson_mut_val *value_of(struct evaluation *evaluation, yyjson_val *value)
{
    yyjson_val *argument;
    if (evaluation->error.len > 0)
        return NULL;
    if (evaluation->depth >= EVALUATE_DEPTH_MAX)
        return fail(evaluation, "Template error: values are nested too deep");
    evaluation->depth++;
    const enum function function = function_of(value, &argument);
    yyjson_mut_val *evaluated = function != FUNCTION_NONE ? call(evaluation, function, argument)
                                : yyjson_is_ctn(value)    ? container(evaluation, value)
                                                          : scalar(evaluation, value);
    evaluation->depth--;
    return evaluation->error.len > 0 ? NULL : evaluated;
}

yyjson_val *evaluate(struct evaluation *evaluation, yyjson_val *value)
{
    const yyjson_alc alc = mr_json_alc(evaluation->arena);
    evaluation->doc = yyjson_mut_doc_new(&alc);
    evaluation->depth = 0;
    evaluation->error = MR_S("");
    yyjson_mut_val *evaluated = value_of(evaluation, value);
    if (evaluated == NULL)
        return NULL;
    return yyjson_doc_get_root(yyjson_mut_val_imut_copy(evaluated, &alc));
}

enum mr_status evaluate_text(struct evaluation *evaluation, yyjson_val *value,
                             struct mr_slice *ret_text)
{
    yyjson_val *evaluated = evaluate(evaluation, value);
    if (evaluated == NULL)
        return evaluation->error.len > 0 ? MR_INVALID : MR_NOT_FOUND;
    if (yyjson_is_ctn(evaluated)) {
        fail(evaluation, "Template format error: The value must be a string");
        return MR_INVALID;
    }
    *ret_text = yyjson_is_bool(evaluated)
                    ? (yyjson_is_true(evaluated) ? MR_S("true") : MR_S("false"))
                    : mr_json_text(evaluated);
    return MR_OK;
}
