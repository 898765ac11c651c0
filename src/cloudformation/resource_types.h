/* cloudformation/resource_types.h: the rows of the table of types, each in the file of its service.
 */
#pragma once
#include "cloudformation/resource.h"

extern const struct resource_type resource_table, resource_global_table; /* DynamoDB */
extern const struct resource_type resource_stream;                       /* Kinesis */
extern const struct resource_type resource_delivery_stream;              /* Firehose */
extern const struct resource_type resource_pipe;                         /* Pipes */
extern const struct resource_type resource_function, resource_permission, resource_version,
    resource_alias, resource_layer_version, resource_mapping, resource_url; /* Lambda */
extern const struct resource_type resource_bucket, resource_bucket_policy;  /* S3 */
extern const struct resource_type resource_database, resource_glue_table, resource_partition,
    resource_classifier, resource_crawler;                                   /* Glue */
extern const struct resource_type resource_work_group, resource_named_query; /* Athena */
extern const struct resource_type resource_role, resource_policy, resource_managed_policy; /* IAM */
extern const struct resource_type resource_parameter;                                      /* SSM */
extern const struct resource_type resource_cdk_metadata, resource_repository;              /* CDK */
extern const struct resource_type resource_alarm; /* CloudWatch */
extern const struct resource_type resource_prepared_statement, resource_stream_consumer,
    resource_stream_policy, resource_event_invoke; /* resource_more.c */
extern const struct resource_type resource_nested_stack, resource_custom, resource_wait_handle,
    resource_wait_condition;                                               /* of its own */
extern const struct resource_type resource_log_group, resource_log_stream; /* Logs */
