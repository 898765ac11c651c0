/* GetCallerIdentity: the account that requests belong to. Nothing is stored; other operations
 * answer 501. */
#include "sts/sts.h"
#include <stdlib.h>

struct sts {
    char unused; /* the service keeps nothing; its address tells registrations apart */
};

static void get_caller_identity(struct protocol_call *call)
{
    mr_json_key_string(&call->out, "UserId", call->account);
    mr_json_key_string(&call->out, "Account", call->account);
    mr_json_key_string(
        &call->out, "Arn",
        mr_arena_printf(call->arena, "arn:aws:iam::%.*s:root", MR_ARG(call->account)));
}

static const struct protocol_handler handlers[] = {
    {.operation = "GetCallerIdentity", .run = get_caller_identity},
};

enum mr_status sts_open(struct sts **ret_sts)
{
    *ret_sts = mr_calloc(1, sizeof **ret_sts);
    return MR_OK;
}

void sts_register(struct sts *sts, struct protocol *protocol)
{
    protocol_register(protocol, "sts", handlers, MR_COUNT(handlers), sts);
}

void sts_close(struct sts *sts)
{
    free(sts);
}
