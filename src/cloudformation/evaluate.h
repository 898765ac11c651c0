/* cloudformation/evaluate.h: intrinsic functions turned into values.
 *
 * A value is evaluated against parameters (already resolved), the template's mappings and
 * conditions, and resources, which the caller looks up. {"Ref": "AWS::NoValue"} takes the member or
 * item that it stands for away. */
#pragma once
#include "cloudformation/template.h"

struct evaluation {
    struct mr_arena *arena;
    const struct template *template;
    yyjson_val *parameters; /* object: name -> text; a list is its texts joined by commas */
    yyjson_val *resolved;   /* of those that were looked up: name -> text; NULL: none */
    struct mr_slice region, account, stack_name, stack_id;
    yyjson_val *notifications; /* array of texts, or NULL */
    /* The physical id (attribute empty) or an attribute of a resource. MR_OK; MR_NOT_FOUND: it has
     * none. NULL: nothing may refer to resources. */
    enum mr_status (*resource)(void *ctx, struct mr_slice logical, struct mr_slice attribute,
                               struct mr_slice *ret_value);
    /* The value of an export of another stack; as above. NULL: none. */
    enum mr_status (*import)(void *ctx, struct mr_slice name, struct mr_slice *ret_value);
    void *ctx;

    struct mr_slice error; /* the first one; empty: all went well */
    yyjson_mut_doc *doc;   /* private */
    int depth;             /* private */
    unsigned char *marks;  /* private: what is known of each condition */
};

/* The value, or NULL: AWS::NoValue, or evaluation->error is set. */
yyjson_val *evaluate(struct evaluation *evaluation, yyjson_val *value);
/* The value as one text (numbers and booleans as they are written). MR_OK, MR_NOT_FOUND: NoValue,
 * MR_INVALID: evaluation->error. */
MR_MUST_USE enum mr_status evaluate_text(struct evaluation *evaluation, yyjson_val *value,
                                         struct mr_slice *ret_text);
/* A condition by its name; an empty name is true. False too when evaluation->error is set. */
bool evaluate_condition(struct evaluation *evaluation, struct mr_slice name);
