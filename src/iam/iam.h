/* iam/iam.h: roles and policies, stored and described. They are not evaluated: whoever may send a
 * request may do what it asks. */
#pragma once
#include "base/rng.h"
#include "protocol/protocol.h"
#include "view/store.h"

struct iam;
struct iam_options {
    struct store *store;
    struct mr_rng *rng;
};
MR_MUST_USE enum mr_status iam_open(struct iam **ret_iam, const struct iam_options *options);
void iam_register(struct iam *iam, struct protocol *protocol);
void iam_close(struct iam *iam); /* accepts NULL */
