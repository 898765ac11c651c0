/* cloudformation/rules.h: the section Rules: what a template demands of its parameters' values. */
#pragma once
#include "cloudformation/evaluate.h"

/* Whether each rule holds whose condition does. MR_OK, or MR_INVALID and *ret_error: the words of
 * the first assertion that does not hold, or what is wrong with a rule. The evaluation needs
 * parameters alone. */
MR_MUST_USE enum mr_status rules_check(struct evaluation *evaluation, struct mr_slice *ret_error);
