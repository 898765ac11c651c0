/* policy/policy.h: what a policy says about one request. Pure: no clock, no store; what a condition
 * asks for comes from a callback.
 *
 * The policy is one that its service took, or anything else: what makes no sense in it fits
 * nothing. A Deny that fits wins over every Allow. Memory comes from the arena. */
#pragma once
#include "base/arena.h"
#include "base/json.h"

/* Who asks. */
struct policy_caller {
    struct mr_slice arn;     /* of the user or role; empty: nobody knows (anonymous) */
    struct mr_slice session; /* of the role's session; empty: it is no role */
    struct mr_slice account; /* "000000000000" */
    struct mr_slice id;      /* the account's, or "<role id>:<session>" */
    struct mr_slice canonical;
};

/* The values of a condition's key; one, but for keys of lists. */
struct policy_values {
    const struct mr_slice *of;
    size_t count;
};

struct policy_asked {
    struct mr_arena *arena;
    const struct policy_caller *caller;
    struct mr_slice action;   /* "s3:GetObject" */
    struct mr_slice resource; /* "arn:aws:s3:::bucket/key" */
    /* False: the request has no such key. Names of keys come as the policy writes them. */
    bool (*look)(void *ctx, struct mr_slice key, struct policy_values *ret_values);
    void *ctx;
};

enum policy_verdict { POLICY_SAYS_NOTHING, POLICY_ALLOWS, POLICY_DENIES };
enum policy_verdict policy_judge(yyjson_val *policy, const struct policy_asked *asked);

/* "StringEquals" of "ForAnyValue:StringEqualsIfExists". */
enum policy_quantifier { POLICY_ANY_VALUE_OF_ONE, POLICY_FOR_ALL_VALUES, POLICY_FOR_ANY_VALUE };
struct policy_operator {
    struct mr_slice name;
    enum policy_quantifier quantifier;
    bool if_exists;
};
struct policy_operator policy_operator_parse(struct mr_slice text);
/* Is there such an operator? */
bool policy_operator_known(struct mr_slice name);
bool policy_operator_of_addresses(struct mr_slice name);
/* Is `text` an address or a range of them, as an operator of addresses compares with? */
bool policy_address_valid(struct mr_arena *arena, struct mr_slice text);
/* Do the conditions of a statement hold? There may be none. `variables`: what stands in "${}" is
 * looked up. */
bool policy_conditions_hold(const struct policy_asked *asked, yyjson_val *conditions,
                            bool variables);
/* `text` with its variables filled in; quoted: for mr_slice_like with MR_LIKE_QUOTE. False: there
 * is a variable that the request has no value for. */
bool policy_variables_fill(const struct policy_asked *asked, struct mr_slice text, bool quoted,
                           struct mr_slice *ret_text);
/* The text of a policy's value; a number's and a boolean's too. */
struct mr_slice policy_text(yyjson_val *value);
