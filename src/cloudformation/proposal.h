/* cloudformation/proposal.h: what a request wants a stack to be: template, parameters,
 * capabilities.
 */
#pragma once
#include "cloudformation/internal.h"
#include "protocol/protocol.h"

struct proposal {
    struct template template;
    struct stack_version version; /* its template number is still to be given */
};
/* From a request's members; `stack` (may be NULL) is the one to change. MR_OK or MR_FAULT, set on
 * the call. The lock need not be held. */
MR_MUST_USE enum mr_status proposal_make(struct protocol_call *call, const struct stack *stack,
                                         struct proposal *ret_proposal);
/* Of parameters whose values name others in the Parameter Store, what stands there: name -> text.
 * MR_FAULT: one is not there. */
MR_MUST_USE enum mr_status proposal_look_up(struct protocol_call *call,
                                            const struct template *template, yyjson_val *values,
                                            yyjson_val **ret_resolved);
/* The template's text: TemplateBody or TemplateURL. */
MR_MUST_USE enum mr_status proposal_body(struct protocol_call *call, struct mr_slice *ret_body);
MR_MUST_USE enum mr_status proposal_template(struct protocol_call *call, struct mr_slice body,
                                             struct template *ret_template);
/* A new stack document, not stored; nothing about its status. MR_FAULT: the name is none, or there
 * are too many. */
MR_MUST_USE enum mr_status proposal_stack(struct protocol_call *call, struct mr_slice name,
                                          struct stack *ret_stack);
/* Is the stack in a state in which an update may begin? Sets the fault. */
bool proposal_may_update(struct protocol_call *call, const struct stack *stack);
/* [] when value is NULL. */
yyjson_val *proposal_list(struct mr_arena *arena, yyjson_val *value);
