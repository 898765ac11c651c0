/* What the intrinsic functions look like. */
#include "cloudformation/function.h"
#include "cloudformation/members.h"

static const struct {
    const char *name;
    enum function function;
} functions[] = {
    {"Ref", FUNCTION_REF},
    {"Fn::GetAtt", FUNCTION_GET_ATT},
    {"Fn::Sub", FUNCTION_SUB},
    {"Fn::Join", FUNCTION_JOIN},
    {"Fn::Select", FUNCTION_SELECT},
    {"Fn::Split", FUNCTION_SPLIT},
    {"Fn::If", FUNCTION_IF},
    {"Fn::Equals", FUNCTION_EQUALS},
    {"Fn::And", FUNCTION_AND},
    {"Fn::Or", FUNCTION_OR},
    {"Fn::Not", FUNCTION_NOT},
    {"Fn::FindInMap", FUNCTION_FIND_IN_MAP},
    {"Fn::Base64", FUNCTION_BASE64},
    {"Fn::GetAZs", FUNCTION_GET_AZS},
    {"Fn::ImportValue", FUNCTION_IMPORT_VALUE},
    {"Fn::Cidr", FUNCTION_CIDR},
    {"Fn::Length", FUNCTION_LENGTH},
    {"Fn::ToJsonString", FUNCTION_TO_JSON_STRING},
};

enum function function_of(yyjson_val *value, yyjson_val **ret_argument)
{
    if (!yyjson_is_obj(value) || yyjson_obj_size(value) != 1)
        return FUNCTION_NONE;
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    const struct mr_slice name = mr_json_text(key);
    *ret_argument = yyjson_obj_iter_get_val(key);
    for (size_t i = 0; i < MR_COUNT(functions); i++)
        if (mr_slice_equal(name, mr_slice_cstr(functions[i].name)))
            return functions[i].function;
    return mr_slice_starts_with(name, MR_S("Fn::")) ? FUNCTION_UNKNOWN : FUNCTION_NONE;
}

bool function_get_att_parts(yyjson_val *argument, struct mr_slice *ret_resource,
                            struct mr_slice *ret_attribute)
{
    if (yyjson_is_str(argument)) {
        const struct mr_slice text = mr_json_text(argument);
        const size_t dot = mr_slice_find(text, '.');
        if (dot == SIZE_MAX)
            return false;
        *ret_resource = mr_slice_sub(text, 0, dot);
        *ret_attribute = mr_slice_sub(text, dot + 1, SIZE_MAX);
        return ret_resource->len > 0 && ret_attribute->len > 0;
    }
    if (!yyjson_is_arr(argument) || yyjson_arr_size(argument) != 2 ||
        !yyjson_is_str(yyjson_arr_get(argument, 0)))
        return false;
    yyjson_val *attribute = yyjson_arr_get(argument, 1);
    *ret_resource = mr_json_text(yyjson_arr_get(argument, 0));
    *ret_attribute = yyjson_is_str(attribute) ? mr_json_text(attribute) : MR_S("");
    return ret_resource->len > 0 && (ret_attribute->len > 0 || yyjson_is_obj(attribute));
}

bool function_sub_next(struct mr_slice *rest, struct function_piece *ret_piece)
{
    if (rest->len == 0)
        return false;
    *ret_piece = (struct function_piece){.literal = *rest};
    for (size_t from = 0; from < rest->len;) {
        const size_t at = mr_slice_search(mr_slice_sub(*rest, from, SIZE_MAX), MR_S("${"));
        if (at == SIZE_MAX)
            break;
        const size_t open = from + at;
        const size_t len = mr_slice_find(mr_slice_sub(*rest, open, SIZE_MAX), '}');
        if (len == SIZE_MAX)
            break;
        if (rest->ptr[open + 2] == '!') { /* stays in the literal text */
            from = open + len + 1;
            continue;
        }
        ret_piece->literal = mr_slice_sub(*rest, 0, open);
        ret_piece->name = mr_slice_trim(mr_slice_sub(*rest, open + 2, len - 2));
        ret_piece->has_name = true;
        *rest = mr_slice_sub(*rest, open + len + 1, SIZE_MAX);
        return true;
    }
    *rest = mr_slice_sub(*rest, rest->len, 0);
    return true;
}

bool function_sub_parts(yyjson_val *argument, struct mr_slice *ret_text, yyjson_val **ret_own)
{
    *ret_own = NULL;
    if (yyjson_is_arr(argument)) {
        *ret_own = yyjson_arr_get(argument, 1);
        if (yyjson_arr_size(argument) != 2 || !yyjson_is_obj(*ret_own))
            return false;
        argument = yyjson_arr_get(argument, 0);
    }
    *ret_text = mr_json_text(argument);
    return yyjson_is_str(argument);
}

/* ---- references ---- */

struct visit {
    void (*fn)(void *ctx, const struct reference *reference);
    void *ctx;
};

static void visit_value(const struct visit *visit, yyjson_val *value, int depth);

static void visit_name(const struct visit *visit, enum reference_kind kind, struct mr_slice name,
                       struct mr_slice attribute)
{
    const struct reference reference = {.kind = kind, .name = name, .attribute = attribute};
    visit->fn(visit->ctx, &reference);
}

/* "${a}" or "${a.b}" */
static void visit_variable(const struct visit *visit, struct mr_slice name)
{
    const size_t dot = mr_slice_find(name, '.');
    const struct reference reference = {
        .kind = dot == SIZE_MAX ? REFERENCE_REF : REFERENCE_GET_ATT,
        .name = mr_slice_sub(name, 0, dot),
        .attribute = dot == SIZE_MAX ? MR_S("") : mr_slice_sub(name, dot + 1, SIZE_MAX),
        .in_sub = true,
    };
    visit->fn(visit->ctx, &reference);
}

static void visit_sub(const struct visit *visit, yyjson_val *argument, int depth)
{
    struct mr_slice rest;
    yyjson_val *own;
    struct function_piece piece;
    if (!function_sub_parts(argument, &rest, &own))
        return;
    while (function_sub_next(&rest, &piece)) {
        if (piece.has_name && yyjson_obj_getn(own, piece.name.ptr, piece.name.len) == NULL)
            visit_variable(visit, piece.name);
    }
    visit_value(visit, own, depth);
}

static void visit_function(const struct visit *visit, enum function function, yyjson_val *argument,
                           int depth)
{
    struct mr_slice name, attribute;
    if (function == FUNCTION_REF && yyjson_is_str(argument)) {
        visit_name(visit, REFERENCE_REF, mr_json_text(argument), MR_S(""));
    } else if (function == FUNCTION_GET_ATT) {
        if (function_get_att_parts(argument, &name, &attribute))
            visit_name(visit, REFERENCE_GET_ATT, name, attribute);
        if (yyjson_is_arr(argument))
            visit_value(visit, yyjson_arr_get(argument, 1), depth);
    } else if (function == FUNCTION_SUB) {
        visit_sub(visit, argument, depth);
    } else {
        if (function == FUNCTION_IF && yyjson_is_str(yyjson_arr_get(argument, 0)))
            visit_name(visit, REFERENCE_CONDITION, mr_json_text(yyjson_arr_get(argument, 0)),
                       MR_S(""));
        visit_value(visit, argument, depth);
    }
}

static void visit_value(const struct visit *visit, yyjson_val *value, int depth)
{
    yyjson_val *argument, *key;
    size_t i, count;
    if (value == NULL || depth > FUNCTION_DEPTH_MAX)
        return;
    const enum function function = function_of(value, &argument);
    if (function != FUNCTION_NONE) {
        visit_function(visit, function, argument, depth + 1);
    } else if (yyjson_is_arr(value)) {
        yyjson_val *item;
        yyjson_arr_foreach(value, i, count, item) visit_value(visit, item, depth + 1);
    } else if (yyjson_is_obj(value)) {
        yyjson_val *member;
        yyjson_obj_foreach(members_of(value), i, count, key, member)
            visit_value(visit, member, depth + 1);
    }
}

void function_each_reference(yyjson_val *value,
                             void (*fn)(void *ctx, const struct reference *reference), void *ctx)
{
    const struct visit visit = {.fn = fn, .ctx = ctx};
    visit_value(&visit, value, 0);
}

bool function_is_pseudo(struct mr_slice name)
{
    static const char *const names[] = {"AWS::AccountId", "AWS::Region",    "AWS::StackName",
                                        "AWS::StackId",   "AWS::Partition", "AWS::NotificationARNs",
                                        "AWS::URLSuffix", "AWS::NoValue"};
    for (size_t i = 0; i < MR_COUNT(names); i++)
        if (mr_slice_equal(name, mr_slice_cstr(names[i])))
            return true;
    return false;
}
