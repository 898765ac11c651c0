/* The operations on tables. They change one at a time (admin); each answers once its change is
 * durable, and a table is ACTIVE again by then: the reply still shows the state it passed through,
 * as on AWS. */
#include "dynamodb/access.h"
#include "dynamodb/recovery.h"

#define INVALID "One or more parameter values were invalid: "

/* ---- streams ---- */

struct stream_wish {
    bool given, enable;
    enum streams_view view;
};

static enum mr_status read_stream_wish(struct protocol_call *call, bool creating,
                                       struct stream_wish *ret_wish)
{
    yyjson_val *specification = mr_json_get(call->in, "StreamSpecification");
    struct mr_slice view = mr_json_get_text(specification, "StreamViewType");
    *ret_wish =
        (struct stream_wish){.given = specification != NULL,
                             .enable = mr_json_get_bool(specification, "StreamEnabled", false),
                             .view = streams_view_parse(view)};
    if (ret_wish->enable && view.len == 0)
        return protocol_fail(call, &protocol_validation,
                             creating ? INVALID "Table is being created with a stream enabled, "
                                                "UpdateViewType is required"
                                      : INVALID "If stream is being enabled then UpdateViewType is "
                                                "required");
    if (ret_wish->given && !ret_wish->enable && view.len > 0)
        return protocol_fail(call, &protocol_validation,
                             creating ? INVALID "Table is being created with a stream disabled, "
                                                "UpdateViewType should not be specified"
                                      : INVALID "If stream is being disabled, then UpdateViewType "
                                                "must not be specified");
    return MR_OK;
}

static struct streams_stream *make_stream(struct dynamodb_table *table, enum streams_view view,
                                          int64_t now_ms, struct store_entry *entry)
{
    struct streams_create options = {
        .region = table->region,
        .account = table->account,
        .table = table->name,
        .view = view,
        .keys = {{.name = table->schema.hash.name}},
        .key_count = 1,
        .partitions = table->partitions,
        .windows = table->windows,
        .now_ms = now_ms,
    };
    dynamodb_table_need_windows(table, entry);
    if (table->schema.has_range)
        options.keys[options.key_count++] =
            (struct streams_key_attribute){.name = table->schema.range.name, .range = true};
    return streams_create(table->dynamodb->streams, &options, entry);
}

/* ---- CreateTable ---- */

static enum mr_status create_admin(struct protocol_call *call, struct dynamodb_table *table,
                                   const struct stream_wish *wish)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct dynamodb_table *other = dynamodb_table_find(dynamodb, table->name);
    if (other != NULL) {
        dynamodb_table_unref(other);
        return protocol_fail(call, &dynamodb_in_use, "Table already exists: %.*s",
                             MR_ARG(table->name));
    }
    if (dynamodb_table_count(dynamodb) >= DYNAMODB_TABLES_MAX)
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "Subscriber limit exceeded: There is a limit of %d tables per "
                             "subscriber",
                             DYNAMODB_TABLES_MAX);
    struct store_entry entry = store_entry_make(call->arena);
    /* Tables and windows draw from one counter: a number never comes again. */
    table->number = store_window_new(dynamodb->store, &entry);
    dynamodb_table_ready(table);
    if (wish->enable) {
        table->locked.stream = make_stream(table, wish->view, call->now_ms, &entry);
        table->locked.stream_enabled = true;
        dynamodb_table_set_changes(table);
    }
    dynamodb_table_set_state(table, DYNAMODB_CREATING);
    dynamodb_document_put(table, &entry);
    struct mr_slice policy = mr_json_get_text(call->in, "ResourcePolicy");
    enum mr_status status = MR_OK;
    if (policy.len > 0)
        status = dynamodb_policy_add(call, table->arn, policy, &entry);
    if (status == MR_OK)
        status = store_commit_wait(dynamodb->store, &entry);
    if (status != MR_OK)
        return status;
    mr_json_key(&call->out, "TableDescription");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE_NEW);
    if (wish->enable)
        streams_publish(dynamodb->streams, table->locked.stream);
    dynamodb_table_set_state(table, DYNAMODB_ACTIVE);
    if (policy.len > 0)
        dynamodb_guarded_set(dynamodb, table->arn, true);
    dynamodb_table_publish(table);
    return MR_OK;
}

void dynamodb_create_table(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    struct stream_wish wish;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_from_request(call);
    if (table == NULL || read_stream_wish(call, true, &wish) != MR_OK)
        return;
    pthread_mutex_lock(&dynamodb->admin);
    protocol_fail_internal(call, create_admin(call, table, &wish));
    pthread_mutex_unlock(&dynamodb->admin);
}

/* ---- DescribeTable, ListTables ---- */

static struct dynamodb_table *find_table(struct protocol_call *call)
{
    return dynamodb_need_table(call, mr_json_get_text(call->in, "TableName"), true);
}

void dynamodb_describe_table(struct protocol_call *call)
{
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_table(call);
    if (table == NULL)
        return;
    mr_json_key(&call->out, "Table");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE);
}

void dynamodb_list_tables(struct protocol_call *call)
{
    struct mr_slice after = mr_json_get_text(call->in, "ExclusiveStartTableName");
    int64_t limit = mr_json_get_i64(call->in, "Limit", 100);
    size_t count;
    struct dynamodb_table **list = dynamodb_table_list(call->service, call->arena, &count);
    struct mr_slice last = {0};
    bool more = false;
    mr_json_key(&call->out, "TableNames");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (mr_slice_compare(list[i]->name, after) <= 0)
            continue;
        more = limit == 0;
        if (more)
            break;
        mr_json_string(&call->out, list[i]->name);
        last = list[i]->name;
        limit--;
    }
    mr_json_array_end(&call->out);
    if (more)
        mr_json_key_string(&call->out, "LastEvaluatedTableName", last);
    for (size_t i = 0; i < count; i++)
        dynamodb_table_unref(list[i]);
}

/* ---- UpdateTable ---- */

/* AWS: a replica is elsewhere. */
static enum mr_status check_replicas(struct protocol_call *call)
{
    size_t i, j, count, kinds;
    yyjson_val *update, *kind, *change;
    yyjson_arr_foreach(mr_json_get(call->in, "ReplicaUpdates"), i, count, update)
    {
        yyjson_obj_foreach(update, j, kinds, kind, change)
        {
            if (mr_slice_equal(mr_json_get_text(change, "RegionName"), call->region))
                return protocol_fail(call, &protocol_validation,
                                     "Cannot add, delete, or update the local region through "
                                     "ReplicaUpdates. Use CreateTable, DeleteTable, or UpdateTable "
                                     "as required.");
        }
    }
    return MR_OK;
}

static enum mr_status refuse_unsupported_update(struct protocol_call *call)
{
    if (check_replicas(call) != MR_OK)
        return MR_FAULT;
    static const char *const members[] = {"ReplicaUpdates", "MultiRegionConsistency",
                                          "GlobalTableWitnessUpdates",
                                          "GlobalTableSettingsReplicationMode"};
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        if (mr_json_get(call->in, members[i]) != NULL)
            return protocol_fail(call, &dynamodb_not_implemented,
                                 "UpdateTable with %s is not implemented", members[i]);
    }
    static const char *const changes[] = {
        "ProvisionedThroughput",     "BillingMode",        "StreamSpecification",
        "DeletionProtectionEnabled", "TableClass",         "GlobalSecondaryIndexUpdates",
        "SSESpecification",          "OnDemandThroughput", "WarmThroughput"};
    for (size_t i = 0; i < MR_COUNT(changes); i++) {
        yyjson_val *change = mr_json_get(call->in, changes[i]);
        if (change != NULL && !(yyjson_is_arr(change) && yyjson_arr_size(change) == 0))
            return MR_OK;
    }
    return protocol_fail(call, &protocol_validation,
                         "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
                         "GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, "
                         "MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
                         "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or "
                         "TableClass is required");
}

static enum mr_status check_units_change(struct protocol_call *call,
                                         const struct dynamodb_table *table)
{
    yyjson_val *wish = mr_json_get(call->in, "ProvisionedThroughput");
    long long read = mr_json_get_i64(wish, "ReadCapacityUnits", 0);
    long long write = mr_json_get_i64(wish, "WriteCapacityUnits", 0);
    if (read != table->locked.read_units || write != table->locked.write_units)
        return dynamodb_decrease_check(call, &table->locked.tuning, read - table->locked.read_units,
                                       write - table->locked.write_units);
    return protocol_fail(
        call, &protocol_validation,
        "The provisioned throughput for the table will not change. The requested value equals the "
        "current value. Current ReadCapacityUnits provisioned for the table: %lld. Requested "
        "ReadCapacityUnits: %lld. Current WriteCapacityUnits provisioned for the table: %lld. "
        "Requested WriteCapacityUnits: %lld. Refer to the Amazon DynamoDB Developer Guide for "
        "current limits and how to request higher limits.",
        read, read, write, write);
}

bool dynamodb_on_demand_wanted(const struct protocol_call *call, const struct dynamodb_table *table)
{
    struct mr_slice mode = mr_json_get_text(call->in, "BillingMode");
    return mode.len > 0 ? mr_slice_equal(mode, MR_S("PAY_PER_REQUEST")) : table->locked.on_demand;
}

static enum mr_status check_billing(struct protocol_call *call, const struct dynamodb_table *table)
{
    yyjson_val *units = mr_json_get(call->in, "ProvisionedThroughput");
    bool throughput = units != NULL;
    bool on_demand = dynamodb_on_demand_wanted(call, table);
    if (on_demand && throughput)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Neither ReadCapacityUnits nor WriteCapacityUnits can be "
                                     "specified when BillingMode is PAY_PER_REQUEST");
    if (mr_json_get(call->in, "BillingMode") != NULL && !on_demand && !throughput)
        return protocol_fail(call, &protocol_validation,
                             INVALID "ProvisionedThroughput must be specified when BillingMode is "
                                     "PROVISIONED");
    enum mr_status status = dynamodb_units_check(call, units, MR_S(""));
    return status == MR_OK && throughput && !table->locked.on_demand
               ? check_units_change(call, table)
               : status;
}

static enum mr_status check_stream(struct protocol_call *call, const struct dynamodb_table *table,
                                   const struct stream_wish *wish)
{
    if (wish->given && wish->enable && table->locked.stream_enabled)
        return protocol_fail(call, &protocol_validation,
                             "Table already has an enabled stream: TableName: %.*s",
                             MR_ARG(table->name));
    if (wish->given && !wish->enable && !table->locked.stream_enabled)
        return protocol_fail(call, &protocol_validation,
                             "Table has no stream to disable: TableName: %.*s",
                             MR_ARG(table->name));
    return MR_OK;
}

static enum mr_status check_tuning(struct protocol_call *call, const struct dynamodb_table *table,
                                   struct dynamodb_tuning *ret_tuning)
{
    struct dynamodb_tuning_wish wish = {
        .owner = call->in,
        .on_demand = dynamodb_on_demand_wanted(call, table),
        .read_units = table->locked.read_units,
        .write_units = table->locked.write_units,
        .current = &table->locked.tuning,
    };
    return dynamodb_tuning_read(call, &wish, ret_tuning);
}

static void change_units(struct protocol_call *call, struct dynamodb_table *table,
                         yyjson_val *throughput)
{
    int64_t read = mr_json_get_i64(throughput, "ReadCapacityUnits", 0);
    int64_t write = mr_json_get_i64(throughput, "WriteCapacityUnits", 0);
    dynamodb_tuning_count(&table->locked.tuning, read - table->locked.read_units,
                          write - table->locked.write_units, call->now_ms);
    table->locked.read_units = read;
    table->locked.write_units = write;
}

/* From here on by demand. AWS counts it as a decrease of the indexes', not of the table's. */
static void end_units(struct protocol_call *call, struct dynamodb_table *table)
{
    table->locked.on_demand_since_ms = call->now_ms;
    table->locked.read_units = table->locked.write_units = 0;
    for (size_t i = 0; i < table->index_count; i++) {
        struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index != NULL && !index->local)
            dynamodb_index_units_set(index, 0, 0, call->now_ms);
    }
}

/* The caller holds admin, so that nobody else changes; readers take dynamodb.lock. */
static void change_config(struct protocol_call *call, struct dynamodb_table *table,
                          const struct dynamodb_tuning *tuning)
{
    yyjson_val *throughput = mr_json_get(call->in, "ProvisionedThroughput");
    struct mr_slice class_name = mr_json_get_text(call->in, "TableClass");
    bool on_demand = dynamodb_on_demand_wanted(call, table);
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    table->locked.tuning = *tuning;
    if (throughput != NULL || on_demand != table->locked.on_demand)
        dynamodb_tuning_keep_warm(&table->locked.tuning, table->locked.on_demand,
                                  table->locked.read_units, table->locked.write_units);
    if (on_demand && !table->locked.on_demand)
        end_units(call, table);
    table->locked.on_demand = on_demand;
    if (throughput != NULL)
        change_units(call, table, throughput);
    if (class_name.len > 0) {
        table->locked.infrequent = mr_slice_equal(class_name, MR_S("STANDARD_INFREQUENT_ACCESS"));
        table->locked.class_given = true;
        table->locked.class_changed_ms = call->now_ms;
    }
    table->locked.protection =
        mr_json_get_bool(call->in, "DeletionProtectionEnabled", table->locked.protection);
    dynamodb_sse_change(table, mr_json_get(call->in, "SSESpecification"));
    pthread_rwlock_unlock(&table->dynamodb->lock);
}

static void set_stream(struct dynamodb_table *table, struct streams_stream *stream, bool enabled)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    struct streams_stream *before = table->locked.stream;
    table->locked.stream = stream;
    table->locked.stream_enabled = enabled;
    pthread_rwlock_unlock(&table->dynamodb->lock);
    if (before != stream)
        streams_unref(before);
}

/* Under all lanes: the stream begins or ends with the entry that says so. */
static enum mr_status commit_stream_locked(struct protocol_call *call, struct dynamodb_table *table,
                                           const struct stream_wish *wish)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct store_entry entry = store_entry_make(call->arena);
    if (wish->enable)
        set_stream(table, make_stream(table, wish->view, call->now_ms, &entry), true);
    else
        set_stream(table, table->locked.stream, false);
    if (!wish->enable)
        streams_disable(dynamodb->streams, table->locked.stream, call->now_ms, &entry);
    dynamodb_document_put(table, &entry);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    if (status != MR_OK)
        return status;
    if (wish->enable)
        streams_publish(dynamodb->streams, table->locked.stream);
    else
        streams_disable_done(table->locked.stream);
    dynamodb_table_set_changes(table);
    return MR_OK;
}

static enum mr_status check_unused(struct protocol_call *call, struct dynamodb_table *table)
{
    enum dynamodb_state state = dynamodb_table_state(table);
    if (state == DYNAMODB_ACTIVE)
        return MR_OK;
    return protocol_fail(call, &dynamodb_in_use,
                         "Attempt to change a resource which is still in use: Table is being "
                         "%s: %.*s",
                         state == DYNAMODB_CREATING ? "created" : "updated", MR_ARG(table->name));
}

/* Between requests only an index that comes or goes keeps a table UPDATING. */
static enum mr_status check_one_index(struct protocol_call *call, struct dynamodb_table *table)
{
    if (dynamodb_table_state(table) != DYNAMODB_UPDATING || !dynamodb_index_comes_or_goes(call))
        return MR_OK;
    return dynamodb_index_refuse_another(call);
}

/* Streams and indexes begin and end under all lanes. */
static enum mr_status commit_changes(struct protocol_call *call, struct dynamodb_table *table,
                                     const struct stream_wish *wish,
                                     const struct dynamodb_index_change *change)
{
    enum mr_status status;
    bool all_lanes = wish->given || change->list != NULL;
    if (all_lanes)
        dynamodb_table_lock_lanes(table);
    if (change->list != NULL)
        dynamodb_index_apply_locked(table, change);
    if (wish->given) {
        status = commit_stream_locked(call, table, wish);
    } else {
        struct store_entry entry = store_entry_make(call->arena);
        dynamodb_document_put(table, &entry);
        status = store_commit_wait(table->dynamodb->store, &entry);
    }
    if (all_lanes)
        dynamodb_table_unlock_lanes(table);
    return status;
}

/* AWS: what is so already is no change. */
static enum mr_status check_encryption(struct protocol_call *call,
                                       const struct dynamodb_table *table)
{
    yyjson_val *wish = mr_json_get(call->in, "SSESpecification");
    const struct mr_slice key = mr_json_get_text(wish, "KMSMasterKeyId");
    if (wish == NULL)
        return MR_OK;
    if (!mr_json_get_bool(wish, "Enabled", false) && !table->locked.encrypted)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Table is already encrypted by default");
    if (table->locked.encrypted && key.len > 0 &&
        mr_slice_equal(key, mr_buf_slice(&table->locked.kms_key)))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Table is already encrypted with given KMSMasterKeyId. Use "
                                     "KMSMasterKeyId parameter if you want to change Master Key");
    return MR_OK;
}

/* AWS: the rest is done when the reply is sent, and the table never UPDATING. */
static bool takes_time(const struct protocol_call *call)
{
    static const char *const members[] = {"ProvisionedThroughput", "BillingMode",
                                          "StreamSpecification", "TableClass"};
    for (size_t i = 0; i < MR_COUNT(members); i++)
        if (mr_json_get(call->in, members[i]) != NULL)
            return true;
    return dynamodb_index_comes_or_goes(call);
}

static enum mr_status update_admin(struct protocol_call *call, struct dynamodb_table *table,
                                   const struct stream_wish *wish)
{
    struct dynamodb_index_change change;
    struct dynamodb_tuning tuning;
    const bool cancels = dynamodb_index_cancels(call, table);
    enum mr_status status = cancels ? MR_OK : check_one_index(call, table);
    if (status == MR_OK && !cancels)
        status = check_unused(call, table);
    if (status == MR_OK)
        status = check_billing(call, table);
    if (status == MR_OK)
        status = check_encryption(call, table);
    if (status == MR_OK)
        status = check_stream(call, table, wish);
    if (status == MR_OK)
        status = check_tuning(call, table, &tuning);
    if (status == MR_OK)
        status = dynamodb_index_changes(call, table, &change);
    if (status != MR_OK)
        return status;
    change_config(call, table, &tuning);
    if (takes_time(call) && !cancels)
        dynamodb_table_set_state(table, DYNAMODB_UPDATING);
    status = commit_changes(call, table, wish, &change);
    mr_json_key(&call->out, "TableDescription");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE_UPDATED);
    if (change.created != NULL || change.deleted != NULL)
        dynamodb_indexes_begin(table);
    else if (takes_time(call))
        dynamodb_table_set_state(table, DYNAMODB_ACTIVE);
    return status;
}

void dynamodb_update_table(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    struct stream_wish wish;
    if (refuse_unsupported_update(call) != MR_OK || dynamodb_update_request_check(call) != MR_OK ||
        read_stream_wish(call, false, &wish) != MR_OK)
        return;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table = find_table(call);
    if (table != NULL)
        protocol_fail_internal(call, update_admin(call, table, &wish));
    pthread_mutex_unlock(&dynamodb->admin);
    dynamodb_table_unref(table);
}

/* ---- DeleteTable ---- */

static void mark_deleted_locked(struct dynamodb_table *table)
{
    for (size_t i = 0; i < table->partitions; i++)
        table->lanes[i].locked.deleted = true;
}

/* Under all lanes: no write comes behind the entry that ends the table and its stream. */
static enum mr_status commit_delete_locked(struct protocol_call *call, struct dynamodb_table *table)
{
    struct dynamodb *dynamodb = table->dynamodb;
    struct store_entry entry = store_entry_make(call->arena);
    bool streaming = table->locked.stream_enabled;
    dynamodb_document_delete(table, &entry);
    /* What is left as a backup is dropped when that is complete. */
    struct dynamodb_backup *backup = dynamodb_backup_of_deleted(table, call->now_ms, &entry);
    if (backup == NULL)
        dynamodb_drops_add(table->number, &entry);
    dynamodb_policy_drop(table->arn, &entry);
    if (table->locked.stream != NULL)
        dynamodb_policy_drop(mr_slice_cstr(streams_arn(table->locked.stream)), &entry);
    if (streaming)
        streams_disable(dynamodb->streams, table->locked.stream, call->now_ms, &entry);
    dynamodb_destinations_lock(dynamodb);
    dynamodb_destinations_end_locked(table, &entry);
    enum mr_status status = store_commit_wait(dynamodb->store, &entry);
    dynamodb_destinations_unlock(dynamodb);
    if (status == MR_OK) {
        if (streaming)
            streams_disable_done(table->locked.stream);
        mark_deleted_locked(table);
    }
    if (backup != NULL)
        dynamodb_backup_of_deleted_begin(table, backup, status == MR_OK);
    else if (status == MR_OK)
        dynamodb_drops_begin(dynamodb, table->number);
    return status;
}

static enum mr_status delete_admin(struct protocol_call *call, struct dynamodb_table *table)
{
    if (table->locked.protection)
        return protocol_fail(call, &protocol_validation,
                             "Resource cannot be deleted as it is currently protected against "
                             "deletion. Disable deletion protection first.");
    if (dynamodb_table_state(table) == DYNAMODB_UPDATING)
        return protocol_fail(call, &dynamodb_in_use,
                             "Attempt to change a resource which is still in use: Cannot delete "
                             "table while indexes are being created, updated, or deleted.");
    enum mr_status status = check_unused(call, table);
    if (status != MR_OK)
        return status;
    dynamodb_table_lock_lanes(table);
    status = commit_delete_locked(call, table);
    dynamodb_table_unlock_lanes(table);
    if (status != MR_OK)
        return status;
    dynamodb_table_set_state(table, DYNAMODB_DELETING);
    dynamodb_table_withdraw(table);
    dynamodb_guarded_set(table->dynamodb, table->arn, false);
    if (table->locked.stream != NULL)
        dynamodb_guarded_set(table->dynamodb, mr_slice_cstr(streams_arn(table->locked.stream)),
                             false);
    dynamodb_destinations_ended(table);
    mr_json_key(&call->out, "TableDescription");
    dynamodb_describe(&call->out, table, DYNAMODB_DESCRIBE_GONE);
    return MR_OK;
}

void dynamodb_delete_table(struct protocol_call *call)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table = find_table(call);
    if (table != NULL)
        protocol_fail_internal(call, delete_admin(call, table));
    pthread_mutex_unlock(&dynamodb->admin);
    dynamodb_table_unref(table);
}
