/* cloudformation/template.h: a template's text as sections, and the checks that need no values.
 *
 * What is wrong with a template is told in AWS's words, ready to be a ValidationError. Everything
 * lives in the arena that template_parse was given. */
#pragma once
#include "base/json.h"

enum {
    TEMPLATE_BODY_BYTES_MAX = 51200,     /* sent in a request */
    TEMPLATE_STORED_BYTES_MAX = 1 << 20, /* in S3 */
    TEMPLATE_RESOURCES_MAX = 500,
    TEMPLATE_PARAMETERS_MAX = 200,
    TEMPLATE_OUTPUTS_MAX = 200,
};

struct template
{
    struct mr_slice body;      /* as sent */
    struct mr_slice processed; /* what a transform made of it; empty: it has none */
    yyjson_val *root;
    struct mr_slice description;
    /* Objects, or NULL where the section is missing; `resources` is never NULL. */
    yyjson_val *parameters, *mappings, *conditions, *resources, *outputs, *metadata, *transform,
        *rules;
};

/* Parses and checks: MR_OK, or MR_INVALID and the reason. JSON when the text begins with '{'. What
 * the transform of language extensions is still to work on is checked by sections alone. */
MR_MUST_USE enum mr_status template_parse(struct mr_arena *arena, struct mr_slice body,
                                          struct template *ret_template,
                                          struct mr_slice *ret_error);
/* The same of what the transform made: the functions that it adds may stand in it. */
MR_MUST_USE enum mr_status template_parse_processed(struct mr_arena *arena, struct mr_slice text,
                                                    struct template *ret_template,
                                                    struct mr_slice *ret_error);
/* The resource's object; NULL when there is none. */
yyjson_val *template_resource(const struct template *template, struct mr_slice logical);
struct mr_slice template_resource_type(const struct template *template, struct mr_slice logical);
bool template_type_is_custom(struct mr_slice type); /* made by a function of the user's */

/* What a stack made of it needs to be allowed: "CAPABILITY_NAMED_IAM", "CAPABILITY_IAM" or empty.
 * *ret_types (an array of *ret_count texts, may be NULL) gets the types that ask for it. */
struct mr_slice template_capability(struct mr_arena *arena, const struct template *template,
                                    struct mr_slice **ret_types, size_t *ret_count);

/* ---- references.c, called by template_parse ---- */
MR_MUST_USE enum mr_status template_check_references(struct mr_arena *arena,
                                                     const struct template *template,
                                                     struct mr_slice *ret_error);
/* ---- shapes.c, called by template_parse: the arguments of the functions ---- */
MR_MUST_USE enum mr_status template_check_functions(struct mr_arena *arena, yyjson_val *value,
                                                    bool extended, struct mr_slice *ret_error);
