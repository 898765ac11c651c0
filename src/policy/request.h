/* policy/request.h: who makes a request, and what it says to the conditions of policies; for
 * services whose policies act. */
#pragma once
#include "policy/policy.h"

struct protocol_call;

struct policy_caller policy_caller_of(struct protocol_call *call);
/* As refusals name it. */
struct mr_slice policy_caller_name(const struct policy_caller *caller);

struct policy_request {
    struct protocol_call *call; /* from the wire */
    const struct policy_caller *caller;
};
/* A key of "aws:". False: the request says nothing to it, or it is a service's own. */
bool policy_request_look(const struct policy_request *request, struct mr_slice key,
                         struct policy_values *ret_values);

/* One value; false, when there is none (ptr NULL). */
bool policy_give(struct mr_arena *arena, struct mr_slice text, struct policy_values *ret_values);
bool policy_give_cstr(struct mr_arena *arena, const char *text, struct policy_values *ret_values);
