/* cloudformation/dynamic.h: "{{resolve:ssm:name:version}}" within texts, and the Parameter Store.
 *
 * A resource's record keeps the reference; the value goes into the requests to its service alone.
 * So, as on AWS, a new value of the parameter is no change of the template. */
#pragma once
#include "cloudformation/internal.h"

struct dynamic {
    struct cloudformation *cloudformation;
    struct mr_arena *arena;
    struct mr_slice region;
    struct mr_slice missing; /* "ssm:name, ssm:name:3": what is not there */
    struct mr_slice error;   /* AWS's words for that, or why one cannot be looked up */
};
/* The value with all its references resolved; the value itself when it has none. */
yyjson_val *dynamic_resolve(struct dynamic *dynamic, yyjson_val *value);
/* The parameter's value; MR_NOT_FOUND: there is none by that name (and version). */
MR_MUST_USE enum mr_status dynamic_parameter(struct cloudformation *cloudformation,
                                             struct mr_arena *arena, struct mr_slice region,
                                             struct mr_slice name, bool decrypts,
                                             struct mr_slice *ret_value);
