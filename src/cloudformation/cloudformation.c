/* Opening and closing. */
#include "cloudformation/cloudformation.h"
#include <stdlib.h>

struct cloudformation {
    struct cloudformation_options options;
};

enum mr_status cloudformation_open(struct cloudformation **ret_cloudformation,
                                   const struct cloudformation_options *options)
{
    struct cloudformation *cloudformation = mr_calloc(1, sizeof *cloudformation);
    cloudformation->options = *options;
    *ret_cloudformation = cloudformation;
    return MR_OK;
}

void cloudformation_register(struct cloudformation *cloudformation, struct protocol *protocol)
{
    (void)cloudformation;
    (void)protocol;
}

void cloudformation_close(struct cloudformation *cloudformation)
{
    free(cloudformation);
}
