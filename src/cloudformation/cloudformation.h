/* cloudformation/cloudformation.h: stacks: templates are parsed, evaluated and carried out by
 * calling the other services' operations through the protocol.
 *
 * A stack operation runs as jobs on workers, step by step; each step is stored before and after the
 * call that it makes, so that a server that was killed in the middle goes on at the next start. */
#pragma once
#include "base/rng.h"
#include "protocol/protocol.h"
#include "view/store.h"

struct cloudformation;
struct cloudformation_options {
    struct store *store;
    struct runtime *runtime;
    struct mr_rng *rng;
    struct protocol *protocol;
    const char *endpoint_url; /* in the URLs that signals go to. "": not known yet */
};
MR_MUST_USE enum mr_status cloudformation_open(struct cloudformation **ret_cloudformation,
                                               const struct cloudformation_options *options);
/* Registers the operations, and goes on with the stack operations that were under way when the
 * process ended: the services that resources belong to must be registered before. */
void cloudformation_register(struct cloudformation *cloudformation, struct protocol *protocol);
/* The server listens: what waits to tell others its URL goes on. Accepts NULL. */
void cloudformation_set_endpoint(struct cloudformation *cloudformation, const char *endpoint_url);
/* Waits for the step in hand; what remains goes on at the next start. Accepts NULL. */
void cloudformation_close(struct cloudformation *cloudformation);
