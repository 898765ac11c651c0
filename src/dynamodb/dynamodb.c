/* Opening, registration, status. */
#include "dynamodb/access.h"
#include "dynamodb/recovery.h"
#include <stdlib.h>

static const struct protocol_handler handlers[] = {
    {.operation = "CreateTable", .run = dynamodb_create_table},
    {.operation = "DescribeTable", .run = dynamodb_describe_table, .flags = PROTOCOL_INLINE},
    {.operation = "ListTables", .run = dynamodb_list_tables, .flags = PROTOCOL_INLINE},
    {.operation = "UpdateTable", .run = dynamodb_update_table},
    {.operation = "DeleteTable", .run = dynamodb_delete_table},
    {.operation = "PutItem", .run = dynamodb_put_item, .flags = PROTOCOL_INLINE},
    {.operation = "GetItem", .run = dynamodb_get_item, .flags = PROTOCOL_INLINE},
    {.operation = "UpdateItem", .run = dynamodb_update_item, .flags = PROTOCOL_INLINE},
    {.operation = "DeleteItem", .run = dynamodb_delete_item, .flags = PROTOCOL_INLINE},
    {.operation = "BatchWriteItem", .run = dynamodb_batch_write_item, .flags = PROTOCOL_INLINE},
    {.operation = "BatchGetItem", .run = dynamodb_batch_get_item},
    {.operation = "TransactWriteItems", .run = dynamodb_transact_write_items},
    {.operation = "TransactGetItems", .run = dynamodb_transact_get_items},
    {.operation = "ExecuteStatement", .run = dynamodb_execute_statement},
    {.operation = "BatchExecuteStatement", .run = dynamodb_batch_execute_statement},
    {.operation = "ExecuteTransaction", .run = dynamodb_execute_transaction},
    {.operation = "Query", .run = dynamodb_query},
    {.operation = "Scan", .run = dynamodb_scan},
    {.operation = "DescribeLimits", .run = dynamodb_describe_limits, .flags = PROTOCOL_INLINE},
    {.operation = "DescribeEndpoints",
     .run = dynamodb_describe_endpoints,
     .flags = PROTOCOL_INLINE},
    {.operation = "DescribeTimeToLive",
     .run = dynamodb_describe_time_to_live,
     .flags = PROTOCOL_INLINE},
    {.operation = "UpdateTimeToLive", .run = dynamodb_update_time_to_live},
    {.operation = "DescribeContinuousBackups",
     .run = dynamodb_describe_continuous_backups,
     .flags = PROTOCOL_INLINE},
    {.operation = "EnableKinesisStreamingDestination", .run = dynamodb_enable_destination},
    {.operation = "DisableKinesisStreamingDestination", .run = dynamodb_disable_destination},
    {.operation = "UpdateKinesisStreamingDestination", .run = dynamodb_update_destination},
    {.operation = "DescribeKinesisStreamingDestination", .run = dynamodb_describe_destination},
    {.operation = "PutResourcePolicy", .run = dynamodb_put_resource_policy},
    {.operation = "GetResourcePolicy", .run = dynamodb_get_resource_policy},
    {.operation = "DeleteResourcePolicy", .run = dynamodb_delete_resource_policy},
    {.operation = "TagResource", .run = dynamodb_tag_resource},
    {.operation = "UntagResource", .run = dynamodb_untag_resource},
    {.operation = "ListTagsOfResource", .run = dynamodb_list_tags, .flags = PROTOCOL_INLINE},
    {.operation = "CreateBackup", .run = dynamodb_create_backup},
    {.operation = "DescribeBackup", .run = dynamodb_describe_backup},
    {.operation = "DeleteBackup", .run = dynamodb_delete_backup},
    {.operation = "ListBackups", .run = dynamodb_list_backups},
    {.operation = "RestoreTableFromBackup", .run = dynamodb_restore_from_backup},
    {.operation = "UpdateContinuousBackups", .run = dynamodb_update_continuous_backups},
    {.operation = "RestoreTableToPointInTime", .run = dynamodb_restore_to_point_in_time},
    {.operation = "ExportTableToPointInTime", .run = dynamodb_export_table},
    {.operation = "DescribeExport", .run = dynamodb_describe_export},
    {.operation = "ListExports", .run = dynamodb_list_exports},
    {.operation = "ImportTable", .run = dynamodb_import_table},
    {.operation = "DescribeImport", .run = dynamodb_describe_import},
    {.operation = "ListImports", .run = dynamodb_list_imports},
    {.operation = "CreateGlobalTable", .run = dynamodb_create_global_table},
    {.operation = "DescribeGlobalTable", .run = dynamodb_no_global_table},
    {.operation = "DescribeGlobalTableSettings", .run = dynamodb_no_global_table},
    {.operation = "UpdateGlobalTable", .run = dynamodb_no_global_table},
    {.operation = "UpdateGlobalTableSettings", .run = dynamodb_no_global_table},
    {.operation = "ListGlobalTables", .run = dynamodb_list_global_tables},
    {.operation = "DescribeContributorInsights", .run = dynamodb_describe_contributor_insights},
    {.operation = "ListContributorInsights", .run = dynamodb_list_contributor_insights},
};

enum mr_status dynamodb_open(struct dynamodb **ret_dynamodb, const struct dynamodb_options *options)
{
    struct dynamodb *dynamodb = mr_calloc(1, sizeof(*dynamodb));
    dynamodb->store = options->store;
    dynamodb->runtime = options->runtime;
    dynamodb->rng = options->rng;
    dynamodb->meters = options->meters;
    dynamodb->streams = options->streams;
    dynamodb->kinesis = options->kinesis;
    dynamodb->s3 = options->s3;
    dynamodb->log = options->log;
    dynamodb->log_ctx = options->log_ctx;
    dynamodb->testing = options->testing;
    pthread_mutex_init(&dynamodb->admin, NULL);
    pthread_rwlock_init(&dynamodb->lock, NULL);
    policy_guarded_init(&dynamodb->guarded);
    enum mr_status status = dynamodb_document_load(dynamodb);
    if (status >= 0)
        status = dynamodb_guarded_load(dynamodb);
    if (status >= 0)
        status = dynamodb_tokens_open(dynamodb);
    if (status >= 0)
        status = dynamodb_drops_open(dynamodb);
    if (status >= 0)
        status = dynamodb_recovery_open(dynamodb);
    if (status >= 0)
        status = dynamodb_counts_open(dynamodb);
    if (status >= 0)
        status = dynamodb_destinations_open(dynamodb);
    if (status < 0) {
        dynamodb_close(dynamodb);
        return status;
    }
    dynamodb_indexes_open(dynamodb);
    dynamodb_ttl_open(dynamodb);
    dynamodb_rolls_open(dynamodb);
    *ret_dynamodb = dynamodb;
    return MR_OK;
}

void dynamodb_register(struct dynamodb *dynamodb, struct protocol *protocol)
{
    if (dynamodb != NULL) { /* NULL: `millrace ops` only lists */
        dynamodb->protocol = protocol;
        dynamodb_meter_errors(dynamodb, protocol);
        protocol_on_call(protocol, "dynamodb", dynamodb_authorize, dynamodb);
        protocol_on_call(protocol, "dynamodbstreams", dynamodb_authorize, dynamodb);
    }
    protocol_register(protocol, "dynamodb", handlers, MR_COUNT(handlers), dynamodb);
}

void dynamodb_close(struct dynamodb *dynamodb)
{
    if (dynamodb == NULL)
        return;
    dynamodb_destinations_close(dynamodb);
    dynamodb_rolls_close(dynamodb);
    dynamodb_ttl_close(dynamodb);
    dynamodb_indexes_close(dynamodb);
    dynamodb_recovery_close(dynamodb);
    dynamodb_counts_close(dynamodb);
    dynamodb_drops_close(dynamodb);
    dynamodb_tokens_close(dynamodb);
    size_t cursor = 0;
    struct mr_slice name;
    void *table;
    while (mr_map_next(&dynamodb->locked.tables, &cursor, &name, &table))
        dynamodb_table_unref(table);
    mr_map_fini(&dynamodb->locked.tables);
    policy_guarded_fini(&dynamodb->guarded);
    pthread_rwlock_destroy(&dynamodb->lock);
    pthread_mutex_destroy(&dynamodb->admin);
    free(dynamodb);
}

static void table_status(struct mr_json *json, struct dynamodb_table *table)
{
    uint64_t inserts = atomic_load(&table->inserts), modifies = atomic_load(&table->modifies);
    uint64_t removes = atomic_load(&table->removes), failures = atomic_load(&table->failures);
    mr_json_object(json);
    mr_json_key_string(json, "name", table->name);
    mr_json_key_cstr(json, "state", dynamodb_state_name(dynamodb_table_state(table)));
    mr_json_key_int(json, "changes", (int64_t)(inserts + modifies + removes));
    mr_json_key_int(json, "inserts", (int64_t)inserts);
    mr_json_key_int(json, "modifies", (int64_t)modifies);
    mr_json_key_int(json, "removes", (int64_t)removes);
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    if (table->locked.stream_enabled)
        mr_json_key_cstr(json, "stream", streams_arn(table->locked.stream));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    if (failures > 0)
        mr_json_key_cstr(json, "last_error", "a commit failed: see the log");
    mr_json_object_end(json);
}

void dynamodb_status(struct dynamodb *dynamodb, struct mr_json *json)
{
    struct mr_arena arena;
    size_t count;
    mr_arena_init(&arena);
    struct dynamodb_table **list = dynamodb_table_list(dynamodb, &arena, &count);
    for (size_t i = 0; i < count; i++) {
        table_status(json, list[i]);
        dynamodb_table_unref(list[i]);
    }
    mr_arena_fini(&arena);
}
