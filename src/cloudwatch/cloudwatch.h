/* cloudwatch/cloudwatch.h: CloudWatch metrics, in minutes. Threads: any. What is put is durable
 * when its ticket is. */
#pragma once
#include "base/meters.h"
#include "base/rng.h"
#include "protocol/protocol.h"
#include "runtime/runtime.h"
#include "view/store.h"

struct cloudwatch;
struct cloudwatch_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct meters *meters; /* of the services' own metrics; NULL: none */
};
MR_MUST_USE enum mr_status cloudwatch_open(struct cloudwatch **ret_cloudwatch,
                                           const struct cloudwatch_options *options);
void cloudwatch_register(struct cloudwatch *cloudwatch, struct protocol *protocol);
void cloudwatch_close(struct cloudwatch *cloudwatch); /* accepts NULL */
