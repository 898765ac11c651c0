/* The arguments that each function takes, as far as they can be seen without values. */
#include "cloudformation/function.h"
#include "cloudformation/members.h"
#include "cloudformation/template.h"

/* What a function says when its argument is of another form: AWS's words. */
static const char *const words[] = {
    [FUNCTION_REF] = "every Ref object must have a single String value.",
    [FUNCTION_GET_ATT] = "every Fn::GetAtt object requires two non-empty parameters, the resource "
                         "name and the resource attribute",
    [FUNCTION_SUB] = "One or more Fn::Sub intrinsic functions don't specify expected arguments. "
                     "Specify a string as first argument, and an optional second argument to "
                     "specify a mapping of values to replace in the string",
    [FUNCTION_JOIN] = "every Fn::Join object requires two parameters, (1) a string delimiter and "
                      "(2) a list of strings to be joined or a function that returns a list of "
                      "strings (such as Fn::GetAZs) to be joined.",
    [FUNCTION_SELECT] =
        "Fn::Select requires a list argument with two elements: an integer index and a list",
    [FUNCTION_SPLIT] = "every Fn::Split object requires two parameters, (1) a string delimiter and "
                       "(2) a string to be split or a function that returns a string to be split.",
    [FUNCTION_IF] = "Fn::If requires a list argument with the first element being a condition",
    [FUNCTION_EQUALS] = "every Fn::Equals object requires a list of 2 string parameters",
    [FUNCTION_AND] =
        "every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
    [FUNCTION_OR] =
        "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
    [FUNCTION_NOT] = "every Fn::Not object requires one boolean parameter.",
    [FUNCTION_FIND_IN_MAP] = "every Fn::FindInMap object requires three parameters, the map name, "
                             "map key and the attribute for return value",
    [FUNCTION_BASE64] = "every Fn::Base64 object must have a String-typed value.",
    [FUNCTION_GET_AZS] = "every Fn::GetAZs object must have a String-typed value.",
    [FUNCTION_IMPORT_VALUE] = "every Fn::ImportValue object must have a String-typed value.",
    [FUNCTION_CIDR] = "every Fn::Cidr object requires three parameters: an address block, the "
                      "count of blocks and the bits of each block",
    [FUNCTION_LENGTH] = "every Fn::Length object must have a list or a function that returns a "
                        "list.",
    [FUNCTION_TO_JSON_STRING] = "every Fn::ToJsonString object must have an object or a list.",
};

static bool is_text(yyjson_val *value)
{
    return yyjson_is_str(value) || mr_json_is_number(value) || yyjson_is_bool(value) ||
           yyjson_is_obj(value);
}

static bool is_list(yyjson_val *value)
{
    return yyjson_is_arr(value) || yyjson_is_obj(value);
}

static bool is_pair(yyjson_val *argument)
{
    return yyjson_is_arr(argument) && yyjson_arr_size(argument) == 2;
}

static bool is_fitting(enum function function, yyjson_val *argument, bool extended)
{
    const size_t size = yyjson_arr_size(argument);
    yyjson_val *first = yyjson_arr_get(argument, 0), *second = yyjson_arr_get(argument, 1);
    struct mr_slice a, b;
    yyjson_val *own;
    switch (function) {
    case FUNCTION_REF: return yyjson_is_str(argument);
    case FUNCTION_GET_ATT: return function_get_att_parts(argument, &a, &b);
    case FUNCTION_SUB: return function_sub_parts(argument, &a, &own);
    case FUNCTION_JOIN:
    case FUNCTION_SPLIT:
        return is_pair(argument) && yyjson_is_str(first) &&
               (function == FUNCTION_JOIN ? is_list(second) : is_text(second));
    case FUNCTION_SELECT: return is_pair(argument) && is_text(first) && is_list(second);
    case FUNCTION_IF: return yyjson_is_arr(argument) && size == 3 && yyjson_is_str(first);
    case FUNCTION_EQUALS: return is_pair(argument);
    case FUNCTION_AND:
    case FUNCTION_OR: return yyjson_is_arr(argument) && size >= 2 && size <= 10;
    case FUNCTION_NOT: return yyjson_is_arr(argument) && size == 1;
    case FUNCTION_FIND_IN_MAP:
        return (size == 3 || (extended && size == 4)) && is_text(first) && is_text(second) &&
               is_text(yyjson_arr_get(argument, 2));
    case FUNCTION_BASE64:
    case FUNCTION_GET_AZS:
    case FUNCTION_IMPORT_VALUE: return is_text(argument);
    case FUNCTION_CIDR:
        return size == 3 && is_text(first) && is_text(second) &&
               is_text(yyjson_arr_get(argument, 2));
    case FUNCTION_LENGTH:
    case FUNCTION_TO_JSON_STRING: return yyjson_is_ctn(argument);
    default: return true;
    }
}

static struct mr_slice function_name(yyjson_val *value)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    return mr_json_text(yyjson_obj_iter_next(&iter));
}

enum mr_status template_check_functions(struct mr_arena *arena, yyjson_val *value, bool extended,
                                        struct mr_slice *ret_error)
{
    yyjson_val *argument, *key, *item;
    size_t i, count;
    enum mr_status status = MR_OK;
    const enum function function = function_of(value, &argument);
    const bool is_extra = function == FUNCTION_LENGTH || function == FUNCTION_TO_JSON_STRING;
    if (function == FUNCTION_UNKNOWN || (is_extra && !extended)) {
        *ret_error =
            mr_arena_printf(arena, "Template error: millrace does not know the function %.*s",
                            MR_ARG(function_name(value)));
        return MR_INVALID;
    }
    if (function != FUNCTION_NONE && !is_fitting(function, argument, extended)) {
        *ret_error = mr_arena_printf(arena, "Template error: %s", words[function]);
        return MR_INVALID;
    }
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item)
        {
            if (status == MR_OK)
                status = template_check_functions(arena, item, extended, ret_error);
        }
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(members_of(value), i, count, key, item)
        {
            if (status == MR_OK)
                status = template_check_functions(arena, item, extended, ret_error);
        }
    }
    return status;
}
