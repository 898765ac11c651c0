/* cloudformation/coerce.h: property values as the operations take them.
 *
 * Templates are lax about types: "5" where a number is wanted, true where a text is. The model's
 * shape decides. Member names are compared without case, since the operations of a few services
 * begin theirs with a small letter. A member that the shape does not have is an error, never
 * dropped. */
#pragma once
#include "base/json.h"
#include "protocol/model.h"

struct coercion {
    struct mr_arena *arena;
    const struct model_service *model;
    struct mr_slice error; /* the first one; empty: all went well */
};
/* Appends `value` as the shape wants it. `path` names it in errors. */
void coerce_value(struct coercion *coercion, struct mr_json *json, const struct model_shape *shape,
                  yyjson_val *value, struct mr_slice path);
/* The shape's member, or NULL. */
const struct model_member *coerce_member(const struct model_service *model,
                                         const struct model_shape *shape, struct mr_slice name);
