/* cloudformation/parameters.h: the values of a template's parameters, and their checks. */
#pragma once
#include "cloudformation/template.h"

/* Values from the request (`given`: [{ParameterKey, ParameterValue, UsePreviousValue}], may be
 * NULL), the stack before (`previous`: name -> text, may be NULL) and the defaults. MR_OK: an
 * object name -> text; MR_INVALID: AWS's words for a ValidationError. */
MR_MUST_USE enum mr_status parameters_resolve(struct mr_arena *arena,
                                              const struct template *template, yyjson_val *given,
                                              yyjson_val *previous, yyjson_val **ret_values,
                                              struct mr_slice *ret_error);
bool parameter_is_secret(const struct template *template, struct mr_slice name); /* NoEcho */
/* A scalar of a template as text: true -> "true". */
struct mr_slice parameter_text(yyjson_val *scalar);
