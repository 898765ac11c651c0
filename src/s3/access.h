/* s3/access.h: who may do what to a bucket and its objects.
 *
 * The account's own callers may do all that no Deny of the bucket's policy forbids; its root can
 * always put, read and delete the policy. Where signatures are required, a request without one
 * comes from anybody, who needs an Allow of the policy or a grant of an access control list, as far
 * as the block of public access lets these count. Calls from inside the process are not asked.
 *
 * A bucket without a policy costs a signed request one look at a counter, or at a map of names. */
#pragma once
#include "policy/policy.h"
#include "s3/meta.h"

struct protocol_call;
struct s3;
struct s3_change;
struct s3_which;

/* Notes which of the stored buckets have a policy. */
MR_MUST_USE enum mr_status s3_guarded_load(struct s3 *s3);

/* Of protocol_on_call: sets the fault when the call may not do what it asks. */
void s3_authorize(void *ctx, struct protocol_call *call);
/* The same for an operation of another name than the call's. */
void s3_authorize_as(struct protocol_call *call, const char *operation);
/* May the call read what it copies? Sets the fault. */
enum mr_status s3_authorize_source(struct protocol_call *call, const struct s3_which *source);
/* May it delete one object of several? Empty: yes; else the refusal's message. */
struct mr_slice s3_delete_refusal(struct protocol_call *call, const struct s3_change *deletion);

/* condition_keys.c: what a request says to conditions. */
struct s3_facts {
    struct protocol_call *call;
    const struct policy_caller *caller;
    const struct s3_which *which; /* whose tags ExistingObjectTag asks for */
    const char *operation;
    struct mr_slice if_match; /* of one of several deletes; ptr NULL: what the request has */
};
bool s3_facts_look(void *ctx, struct mr_slice key, struct policy_values *ret_values);
/* Is it a key that S3 has? Keys of "aws:" are for all services, and may be absent here. */
bool s3_condition_key_known(struct mr_slice key);
