/* sts/sts.h: who a request is from, and credentials of roles. Nothing is stored: the session token
 * says which role and session it is of. Roles are not evaluated: whoever asks for one gets it. */
#pragma once
#include "base/rng.h"
#include "protocol/protocol.h"

struct sts;
struct sts_options {
    struct protocol *protocol; /* asked for the role */
    struct mr_rng *rng;
};
MR_MUST_USE enum mr_status sts_open(struct sts **ret_sts, const struct sts_options *options);
void sts_register(struct sts *sts, struct protocol *protocol);
void sts_close(struct sts *sts); /* accepts NULL */
