#include "protocol/model.h"
#include <stdlib.h>

extern const struct model_service model_athena, model_cloudformation, model_cloudwatch,
    model_dynamodb, model_dynamodbstreams, model_firehose, model_glue, model_iam, model_kinesis,
    model_lambda, model_logs, model_pipes, model_s3, model_ssm, model_sts;

const struct model_service *const model_services[] = {
    &model_athena,
    &model_cloudformation,
    &model_cloudwatch,
    &model_dynamodb,
    &model_dynamodbstreams,
    &model_firehose,
    &model_glue,
    &model_iam,
    &model_kinesis,
    &model_lambda,
    &model_logs,
    &model_pipes,
    &model_s3,
    &model_ssm,
    &model_sts,
};
const size_t model_service_count = MR_COUNT(model_services);

const struct model_service *model_service_find(struct mr_slice name)
{
    for (size_t i = 0; i < model_service_count; i++)
        if (mr_slice_equal(mr_slice_cstr(model_services[i]->name), name))
            return model_services[i];
    return NULL;
}

const struct model_operation *model_operation_find(const struct model_service *service,
                                                   struct mr_slice name)
{
    size_t low = 0, high = service->operation_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct model_operation *operation = &service->operations[middle];
        const int order = mr_slice_compare(model_text(service, operation->name), name);
        if (order == 0)
            return operation;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct model_member *model_member_find(const struct model_service *service,
                                             const struct model_shape *shape, struct mr_slice name)
{
    const struct model_member *members = model_members(service, shape);
    for (size_t i = 0; i < shape->member_count; i++)
        if (mr_slice_equal(model_text(service, members[i].name), name))
            return &members[i];
    return NULL;
}

const struct model_error *model_error_find(const struct model_service *service,
                                           struct mr_slice code)
{
    for (size_t i = 0; i < service->error_count; i++)
        if (mr_slice_equal(model_text(service, service->errors[i].code), code) ||
            mr_slice_equal(model_text(service, service->errors[i].shape_name), code))
            return &service->errors[i];
    return NULL;
}
