/* cloudformation/function.h: the intrinsic functions as they stand in a template, not evaluated.
 *
 * A function is an object with one member: {"Ref": "x"}, {"Fn::Join": [...]}. {"Condition": "c"} is
 * one only where a condition is expected, since policies have a member of that name as well. */
#pragma once
#include "base/json.h"

enum function {
    FUNCTION_NONE,
    FUNCTION_REF,
    FUNCTION_GET_ATT,
    FUNCTION_SUB,
    FUNCTION_JOIN,
    FUNCTION_SELECT,
    FUNCTION_SPLIT,
    FUNCTION_IF,
    FUNCTION_EQUALS,
    FUNCTION_AND,
    FUNCTION_OR,
    FUNCTION_NOT,
    FUNCTION_FIND_IN_MAP,
    FUNCTION_BASE64,
    FUNCTION_GET_AZS,
    FUNCTION_IMPORT_VALUE,
    FUNCTION_CIDR,
    FUNCTION_LENGTH, /* this and the next: of the language extensions */
    FUNCTION_TO_JSON_STRING,
    FUNCTION_UNKNOWN, /* Fn:: and a name that nobody here knows */
};

enum { FUNCTION_DEPTH_MAX = 100 };

/* Which function the value is, and what it is given. */
enum function function_of(yyjson_val *value, yyjson_val **ret_argument);
/* The two parts of GetAtt's argument: "a.b" or ["a", "b"]; b may be an object (a Ref), then
 * *ret_attribute is empty. False: neither form. */
bool function_get_att_parts(yyjson_val *argument, struct mr_slice *ret_resource,
                            struct mr_slice *ret_attribute);

/* One piece of Sub's text: literal text, then a variable unless `name` is empty at the end. */
struct function_piece {
    struct mr_slice literal; /* may hold "${!x}", which function_literal turns into "${x}" */
    struct mr_slice name;    /* "Param", "Resource" or "Resource.Attribute" */
    bool has_name;
};
/* Cuts the next piece off *rest; false when nothing is left. */
bool function_sub_next(struct mr_slice *rest, struct function_piece *ret_piece);
/* Sub's argument: the text and the map of own variables (or NULL). False: neither form. */
bool function_sub_parts(yyjson_val *argument, struct mr_slice *ret_text, yyjson_val **ret_own);

/* What a value refers to, at any depth. */
enum reference_kind { REFERENCE_REF, REFERENCE_GET_ATT, REFERENCE_CONDITION };
struct reference {
    enum reference_kind kind;
    struct mr_slice name;      /* the parameter, resource, pseudo parameter or condition */
    struct mr_slice attribute; /* of GET_ATT */
    bool in_sub;               /* "${a.b}" */
};
/* Calls fn for each, in the order of the text. */
void function_each_reference(yyjson_val *value,
                             void (*fn)(void *ctx, const struct reference *reference), void *ctx);
bool function_is_pseudo(struct mr_slice name); /* "AWS::Region" and its like */
