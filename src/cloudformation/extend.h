/* cloudformation/extend.h: the transform AWS::LanguageExtensions.
 *
 * Fn::ForEach becomes what it stands for, and functions in DeletionPolicy and UpdateReplacePolicy
 * become their values; both need parameters, so this comes after they are known. Fn::Length,
 * Fn::ToJsonString and defaults of Fn::FindInMap stay and are evaluated like all functions. */
#pragma once
#include "cloudformation/evaluate.h"

/* Does the template ask for it, and for nothing else? */
bool extend_is_wanted(yyjson_val *transform);
/* What evaluation->template, as parsed, becomes: JSON without a Transform, in the arena. MR_OK, or
 * MR_INVALID and the reason. */
MR_MUST_USE enum mr_status extend(struct evaluation *evaluation, struct mr_slice *ret_text,
                                  struct mr_slice *ret_error);
