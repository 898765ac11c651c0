/* Tables as the API describes them. */
#include "dynamodb/recovery.h"
#include <stdlib.h>

/* What may change, copied under the lock so that the rest is written without it. */
struct snapshot {
    enum dynamodb_state state;
    bool on_demand, protection, infrequent, class_given, stream_enabled, encrypted, restored;
    int64_t on_demand_since_ms, class_changed_ms, read_units, write_units, now_ms;
    struct dynamodb_tuning tuning;
    struct streams_stream *stream;
};

static struct snapshot take_snapshot(struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    struct snapshot snapshot = {
        .state = table->locked.state,
        .on_demand = table->locked.on_demand,
        .protection = table->locked.protection,
        .infrequent = table->locked.infrequent,
        .class_given = table->locked.class_given,
        .class_changed_ms = table->locked.class_changed_ms,
        .encrypted = table->locked.encrypted,
        .restored = dynamodb_is_restored(table),
        .stream_enabled = table->locked.stream_enabled,
        .on_demand_since_ms = table->locked.on_demand_since_ms,
        .read_units = table->locked.read_units,
        .write_units = table->locked.write_units,
        .tuning = table->locked.tuning,
        .now_ms = store_now(table->dynamodb->store),
        .stream = table->locked.stream == NULL ? NULL : streams_ref(table->locked.stream),
    };
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return snapshot;
}

static void key_element_json(struct mr_json *json, const struct dynamodb_key *key, const char *type)
{
    mr_json_object(json);
    mr_json_key_string(json, "AttributeName", key->name);
    mr_json_key_cstr(json, "KeyType", type);
    mr_json_object_end(json);
}

void dynamodb_describe_schema(struct mr_json *json, const struct dynamodb_schema *schema)
{
    mr_json_key(json, "KeySchema");
    mr_json_array(json);
    for (size_t i = 0; i < schema->key_count; i++)
        key_element_json(json, &schema->keys[i], i < schema->hash_count ? "HASH" : "RANGE");
    mr_json_array_end(json);
}

static int by_name(const void *a, const void *b)
{
    const struct dynamodb_key *left = a, *right = b;
    return mr_slice_compare(left->name, right->name);
}

/* AWS tells them sorted, whatever their order in the request. */
static void definitions_json(struct mr_json *json, struct dynamodb_table *table)
{
    struct dynamodb_key sorted[DYNAMODB_DEFINITIONS_MAX];
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    const size_t count = table->definition_count;
    memcpy(sorted, table->definitions, count * sizeof(sorted[0]));
    if (count > 1)
        qsort(sorted, count, sizeof(sorted[0]), by_name);
    mr_json_key(json, "AttributeDefinitions");
    mr_json_array(json);
    for (size_t i = 0; i < count; i++) {
        mr_json_object(json);
        mr_json_key_string(json, "AttributeName", sorted[i].name);
        mr_json_key_cstr(json, "AttributeType", item_type_name(sorted[i].type));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
    pthread_rwlock_unlock(&table->dynamodb->lock);
}

void dynamodb_describe_index(struct mr_json *json, const struct dynamodb_index *index)
{
    static const char *const projections[] = {"ALL", "KEYS_ONLY", "INCLUDE"};
    mr_json_key_string(json, "IndexName", index->name);
    dynamodb_describe_schema(json, &index->schema);
    mr_json_key(json, "Projection");
    mr_json_object(json);
    mr_json_key_cstr(json, "ProjectionType", projections[index->projection]);
    if (index->projection == DYNAMODB_INCLUDE) {
        mr_json_key(json, "NonKeyAttributes");
        mr_json_array(json);
        for (size_t i = 0; i < index->included_count; i++)
            mr_json_string(json, index->included[i]);
        mr_json_array_end(json);
    }
    mr_json_object_end(json);
}

static bool is_active(enum dynamodb_describe how)
{
    return how == DYNAMODB_DESCRIBE || how == DYNAMODB_DESCRIBE_UPDATED;
}

/* While they are counted after a crash, what has gone may not have been counted yet. */
static int64_t at_least_0(int64_t sum)
{
    return sum > 0 ? sum : 0;
}

struct description {
    const struct snapshot *snapshot;
    enum dynamodb_describe how;
};

static void index_json(struct mr_json *json, const struct dynamodb_table *table,
                       const struct dynamodb_index *index, const void *ctx)
{
    const struct description *description = ctx;
    const struct snapshot *snapshot = description->snapshot;
    const enum dynamodb_describe how = description->how;
    struct mr_buf arn = {0};
    mr_buf_printf(&arn, "%.*s/index/%.*s", MR_ARG(table->arn), MR_ARG(index->name));
    if (!index->local) {
        static const char *const states[] = {"ACTIVE", "CREATING", "DELETING"};
        int state = atomic_load(&index->state);
        mr_json_key_cstr(json, "IndexStatus",
                         how == DYNAMODB_DESCRIBE_NEW ? "CREATING" : states[state]);
        if (state == DYNAMODB_INDEX_CREATING)
            mr_json_key_bool(json, "Backfilling", how != DYNAMODB_DESCRIBE_UPDATED);
        dynamodb_describe_throughput(json, index->read_units, index->write_units, &index->tuning,
                                     snapshot->now_ms);
        dynamodb_describe_on_demand(json, &index->tuning);
        if (is_active(how))
            dynamodb_describe_warm(json, snapshot->on_demand, index->read_units, index->write_units,
                                   &index->tuning);
    }
    struct dynamodb_sums sums = dynamodb_count_get(&index->count);
    mr_json_key_int(json, "IndexSizeBytes", at_least_0(sums.bytes));
    mr_json_key_int(json, "ItemCount", at_least_0(sums.items));
    mr_json_key_string(json, "IndexArn", mr_buf_slice(&arn));
    mr_buf_fini(&arn);
}

void dynamodb_describe_indexes(struct mr_json *json, const struct dynamodb_table *table, bool local,
                               void (*write)(struct mr_json *json,
                                             const struct dynamodb_table *table,
                                             const struct dynamodb_index *index, const void *ctx),
                               const void *ctx)
{
    bool any = false;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || index->local != local)
            continue;
        if (!any) {
            mr_json_key(json, local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes");
            mr_json_array(json);
        }
        any = true;
        mr_json_object(json);
        dynamodb_describe_index(json, index);
        write(json, table, index, ctx);
        mr_json_object_end(json);
    }
    if (any)
        mr_json_array_end(json);
}

static void billing_json(struct mr_json *json, const struct snapshot *snapshot,
                         enum dynamodb_describe how)
{
    dynamodb_describe_throughput(json, snapshot->on_demand ? 0 : snapshot->read_units,
                                 snapshot->on_demand ? 0 : snapshot->write_units, &snapshot->tuning,
                                 snapshot->now_ms);
    dynamodb_describe_on_demand(json, &snapshot->tuning);
    /* AWS: of a table that was never on demand only one that was restored tells its mode. */
    if (!snapshot->on_demand && snapshot->on_demand_since_ms == 0 && !snapshot->restored)
        return;
    mr_json_key(json, "BillingModeSummary");
    mr_json_object(json);
    mr_json_key_cstr(json, "BillingMode", snapshot->on_demand ? "PAY_PER_REQUEST" : "PROVISIONED");
    if (is_active(how) && snapshot->on_demand_since_ms != 0)
        mr_json_key_timestamp(json, "LastUpdateToPayPerRequestDateTime",
                              snapshot->on_demand_since_ms);
    mr_json_object_end(json);
}

static void stream_json(struct mr_json *json, const struct snapshot *snapshot)
{
    const struct streams_stream *stream = snapshot->stream;
    if (stream == NULL)
        return;
    if (snapshot->stream_enabled) {
        mr_json_key(json, "StreamSpecification");
        mr_json_object(json);
        mr_json_key_bool(json, "StreamEnabled", true);
        mr_json_key_cstr(json, "StreamViewType", streams_view_name(streams_view_type(stream)));
        mr_json_object_end(json);
    }
    mr_json_key_cstr(json, "LatestStreamLabel", streams_label(stream));
    mr_json_key_cstr(json, "LatestStreamArn", streams_arn(stream));
}

void dynamodb_describe_sse(struct mr_json *json, struct dynamodb_table *table)
{
    mr_json_key(json, "SSEDescription");
    mr_json_object(json);
    mr_json_key_cstr(json, "Status", "ENABLED");
    mr_json_key_cstr(json, "SSEType", "KMS");
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    mr_json_key_string(json, "KMSMasterKeyArn", mr_buf_slice(&table->locked.kms_key));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    mr_json_object_end(json);
}

static void class_json(struct mr_json *json, const struct snapshot *snapshot)
{
    mr_json_key(json, "TableClassSummary");
    mr_json_object(json);
    mr_json_key_cstr(json, "TableClass",
                     snapshot->infrequent ? "STANDARD_INFREQUENT_ACCESS" : "STANDARD");
    if (snapshot->class_changed_ms != 0)
        mr_json_key_timestamp(json, "LastUpdateDateTime", snapshot->class_changed_ms);
    mr_json_object_end(json);
}

void dynamodb_describe(struct mr_json *json, struct dynamodb_table *table,
                       enum dynamodb_describe how)
{
    struct snapshot snapshot = take_snapshot(table);
    const struct description description = {.snapshot = &snapshot, .how = how};
    mr_json_object(json);
    if (how != DYNAMODB_DESCRIBE_GONE)
        definitions_json(json, table);
    mr_json_key_string(json, "TableName", table->name);
    if (how != DYNAMODB_DESCRIBE_GONE)
        dynamodb_describe_schema(json, &table->schema);
    mr_json_key_cstr(json, "TableStatus", dynamodb_state_name(snapshot.state));
    if (how != DYNAMODB_DESCRIBE_GONE)
        mr_json_key_timestamp(json, "CreationDateTime", table->created_ms);
    billing_json(json, &snapshot, how);
    struct dynamodb_sums sums = dynamodb_table_sums(table);
    mr_json_key_int(json, "TableSizeBytes", at_least_0(sums.bytes));
    mr_json_key_int(json, "ItemCount", at_least_0(sums.items));
    mr_json_key_string(json, "TableArn", table->arn);
    mr_json_key_string(json, "TableId", table->uuid);
    if (how != DYNAMODB_DESCRIBE_GONE) {
        pthread_rwlock_rdlock(&table->dynamodb->lock);
        dynamodb_describe_indexes(json, table, true, index_json, &description);
        dynamodb_describe_indexes(json, table, false, index_json, &description);
        pthread_rwlock_unlock(&table->dynamodb->lock);
    }
    stream_json(json, &snapshot);
    if (snapshot.encrypted)
        dynamodb_describe_sse(json, table);
    if (snapshot.class_given)
        class_json(json, &snapshot);
    mr_json_key_bool(json, "DeletionProtectionEnabled", snapshot.protection);
    dynamodb_restore_summary(json, table);
    if (is_active(how))
        dynamodb_describe_warm(json, snapshot.on_demand, snapshot.read_units, snapshot.write_units,
                               &snapshot.tuning);
    mr_json_object_end(json);
    streams_unref(snapshot.stream);
}
