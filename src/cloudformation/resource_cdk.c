/* What the CDK puts into each environment and stack beside what an app asks for.
 *
 * AWS::CDK::Metadata makes nothing on AWS either. AWS::ECR::Repository is in the CDK's bootstrap,
 * for images of containers: here it is a name in its stack, since there is no service that an image
 * could be pushed to, and functions from images are refused. */
#include "cloudformation/resource_types.h"

static const char *const no_attributes[] = {NULL};

static void nothing(struct resource_call *call)
{
    (void)call;
}

/* ---- AWS::CDK::Metadata ---- */

static const struct resource_property metadata_properties[] = {{"Analytics", 0}};

static void metadata_create(struct resource_call *call)
{
    call->physical = mr_slice_sub(call->token, 0, SIZE_MAX);
}

const struct resource_type resource_cdk_metadata = {
    .name = "AWS::CDK::Metadata",
    .service = "CDK",
    .properties = metadata_properties,
    .property_count = MR_COUNT(metadata_properties),
    .attributes = no_attributes,
    .create = metadata_create,
    .update = nothing,
    .drop = nothing,
};

/* ---- AWS::ECR::Repository ---- */

static const struct resource_property repository_properties[] = {
    {"RepositoryName", RESOURCE_REPLACES},
    {"EmptyOnDelete", 0},
    {"EncryptionConfiguration", RESOURCE_REPLACES},
    {"ImageScanningConfiguration", 0},
    {"ImageTagMutability", 0},
    {"LifecyclePolicy", 0},
    {"RepositoryPolicyText", 0},
    {"Tags", 0},
};
static const char *const repository_attributes[] = {"Arn", "RepositoryUri", NULL};

static void repository_name(struct resource_call *call)
{
    resource_attribute(call, "Arn",
                       mr_arena_printf(call->arena, "arn:aws:ecr:%.*s:%.*s:repository/%.*s",
                                       MR_ARG(call->region), MR_ARG(call->account),
                                       MR_ARG(call->physical)));
    resource_attribute(call, "RepositoryUri",
                       mr_arena_printf(call->arena, "%.*s.dkr.ecr.%.*s.amazonaws.com/%.*s",
                                       MR_ARG(call->account), MR_ARG(call->region),
                                       MR_ARG(call->physical)));
}

const struct resource_type resource_repository = {
    .name = "AWS::ECR::Repository",
    .service = "Ecr",
    .properties = repository_properties,
    .property_count = MR_COUNT(repository_properties),
    .attributes = repository_attributes,
    .name_property = "RepositoryName",
    .name_max = 256,
    .name_lower = true,
    .create = repository_name,
    .update = repository_name,
    .drop = nothing,
};
