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
/* Is its value the name of a parameter of the Parameter Store? */
bool parameter_is_looked_up(yyjson_val *parameter);
/* Does a value of this type hold several texts, joined by commas? */
bool parameter_type_is_list(struct mr_slice type);
/* A scalar of a template as text: true -> "true". */
struct mr_slice parameter_text(yyjson_val *scalar);
