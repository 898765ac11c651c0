/* cli/stack.h: deploys a CloudFormation template and reads its outputs. */
#pragma once
#include "cli/client.h"

struct stack_parameter {
    struct mr_slice name, value;
};
struct stack_outputs {
    struct stack_parameter *items; /* in the arena */
    size_t count;
};
/* Creates the stack, or updates it when it is there; waits until it is done. Prints events of
 * resources to stderr unless quiet. MR_FAULT: it failed (told on stderr). */
MR_MUST_USE enum mr_status stack_deploy(struct client *client, struct mr_arena *arena,
                                        const char *name, struct mr_slice template,
                                        const struct stack_parameter *parameters, size_t count,
                                        struct stack_outputs *ret_outputs);
/* The value, or an empty slice. */
struct mr_slice stack_output(const struct stack_outputs *outputs, const char *name);
