/* ssm/ssm.h: Systems Manager's Parameter Store: named texts that templates and CDK look up. Kept
 * and shown; of each parameter the newest version alone. */
#pragma once
#include "protocol/protocol.h"
#include "view/store.h"

struct ssm;
struct ssm_options {
    struct store *store;
};
MR_MUST_USE enum mr_status ssm_open(struct ssm **ret_ssm, const struct ssm_options *options);
void ssm_register(struct ssm *ssm, struct protocol *protocol);
void ssm_close(struct ssm *ssm); /* accepts NULL */
