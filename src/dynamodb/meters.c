/* What tables measure of themselves: the metrics of AWS/DynamoDB. */
#include "dynamodb/internal.h"
#include <stdlib.h>

#define SPACE "AWS/DynamoDB"
enum { UNIT_SCALE = 10, OPERATIONS_MAX = 16 }; /* half a unit is the least that is consumed */

static const struct meter_kind table_kinds[] = {
    [DYNAMODB_METER_READ] = {"ConsumedReadCapacityUnits", "Count", UNIT_SCALE},
    [DYNAMODB_METER_WRITE] = {"ConsumedWriteCapacityUnits", "Count", UNIT_SCALE},
    [DYNAMODB_METER_CONDITION] = {"ConditionalCheckFailedRequests", "Count", 1},
    [DYNAMODB_METER_EXPIRED] = {"TimeToLiveDeletedItemCount", "Count", 1},
};
enum { LATENCY, RETURNED, OPERATION_KINDS };
static const struct meter_kind operation_kinds[OPERATION_KINDS] = {
    [LATENCY] = {"SuccessfulRequestLatency", "Milliseconds", 1000},
    [RETURNED] = {"ReturnedItemCount", "Count", 1},
};

/* By the operation's name, as the model has it: one constant for each. */
struct operation_meters {
    _Atomic(const char *) operation;
    _Atomic(struct meter *) of[OPERATION_KINDS];
};
/* By where the table has the index. An index that takes the place of another is looked up. */
struct index_meters {
    _Atomic(const struct dynamodb_index *) index;
    _Atomic(struct meter *) of[2];
};
struct dynamodb_meters {
    struct meter_set table;
    struct index_meters indexes[DYNAMODB_INDEXES_MAX];
    struct operation_meters operations[OPERATIONS_MAX];
};

void dynamodb_meters_free(struct dynamodb_table *table)
{
    struct dynamodb_meters *meters = atomic_load(&table->meters);
    if (meters == NULL)
        return;
    meter_set_fini(&meters->table);
    free(meters);
}

/* NULL: nothing is measured. */
static struct dynamodb_meters *meters_of(struct dynamodb_table *table)
{
    struct dynamodb_meters *meters = atomic_load_explicit(&table->meters, memory_order_acquire);
    if (meters != NULL || table->dynamodb->meters == NULL)
        return meters;
    struct dynamodb_meters *made = mr_calloc(1, sizeof *made);
    meter_set_init(&made->table, table->dynamodb->meters, SPACE, table_kinds,
                   MR_COUNT(table_kinds));
    meter_set_dimension(&made->table, "TableName", table->name);
    if (atomic_compare_exchange_strong(&table->meters, &meters, made))
        return made;
    meter_set_fini(&made->table);
    free(made);
    return meters;
}

void dynamodb_meter(struct dynamodb_table *table, enum dynamodb_meter kind, uint64_t count)
{
    struct dynamodb_meters *meters = meters_of(table);
    if (meters != NULL)
        meter_set_add(&meters->table, kind, count);
}

/* ---- capacity ---- */

static struct meter *index_meter(struct dynamodb_table *table, const struct dynamodb_index *index,
                                 enum dynamodb_meter kind)
{
    struct dynamodb_meters *meters = meters_of(table);
    if (meters == NULL)
        return NULL;
    struct index_meters *slot = &meters->indexes[index->slot];
    const struct dynamodb_index *was = NULL;
    const bool cached = atomic_load_explicit(&slot->index, memory_order_relaxed) == index ||
                        atomic_compare_exchange_strong(&slot->index, &was, index) || was == index;
    struct meter *meter =
        cached ? atomic_load_explicit(&slot->of[kind], memory_order_acquire) : NULL;
    if (meter != NULL)
        return meter;
    const struct meter_dimension dimensions[] = {{"GlobalSecondaryIndexName", index->name},
                                                 {"TableName", table->name}};
    meter = meters_get(table->dynamodb->meters, SPACE, &table_kinds[kind], dimensions, 2);
    if (cached)
        atomic_store_explicit(&slot->of[kind], meter, memory_order_release);
    return meter;
}

/* AWS: what a global index consumes is its own, and not its table's. */
void dynamodb_consumed(const struct dynamodb_table *table, const struct dynamodb_units *units,
                       bool write)
{
    struct dynamodb_table *mine = (struct dynamodb_table *)(uintptr_t)table; /* its counters */
    const enum dynamodb_meter kind = write ? DYNAMODB_METER_WRITE : DYNAMODB_METER_READ;
    double own = units->table;
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL || units->indexes[i] <= 0)
            continue;
        if (index->local)
            own += units->indexes[i];
        else
            meter_add(index_meter(mine, index, kind),
                      (uint64_t)(units->indexes[i] * UNIT_SCALE + 0.5));
    }
    if (own > 0)
        dynamodb_meter(mine, kind, (uint64_t)(own * UNIT_SCALE + 0.5));
}

/* ---- operations ---- */

static struct meter *operation_meter(struct dynamodb_table *table, const char *operation,
                                     size_t kind)
{
    struct dynamodb_meters *meters = meters_of(table);
    for (size_t i = 0; meters != NULL && i < OPERATIONS_MAX; i++) {
        struct operation_meters *slot = &meters->operations[i];
        const char *was = NULL;
        if (atomic_load_explicit(&slot->operation, memory_order_relaxed) != operation &&
            !atomic_compare_exchange_strong(&slot->operation, &was, operation) && was != operation)
            continue;
        struct meter *meter = atomic_load_explicit(&slot->of[kind], memory_order_acquire);
        if (meter != NULL)
            return meter;
        const struct meter_dimension dimensions[] = {{"Operation", mr_slice_cstr(operation)},
                                                     {"TableName", table->name}};
        meter = meters_get(table->dynamodb->meters, SPACE, &operation_kinds[kind], dimensions, 2);
        atomic_store_explicit(&slot->of[kind], meter, memory_order_release);
        return meter;
    }
    return NULL;
}

void dynamodb_meter_latency(struct protocol_call *call, struct dynamodb_table *table)
{
    if (call->exchange != NULL)
        call->exchange->meters[1] = operation_meter(table, call->operation_name, LATENCY);
}

void dynamodb_meter_returned(const struct protocol_call *call, struct dynamodb_table *table,
                             uint64_t count)
{
    meter_add(operation_meter(table, call->operation_name, RETURNED), count);
}

/* AWS: of the account, without dimensions; not those that say how things are. */
void dynamodb_meter_errors(struct dynamodb *dynamodb, struct protocol *protocol)
{
    static const struct meter_kind kind = {"UserErrors", "Count", 1};
    static const char *const others[] = {"ConditionalCheckFailedException", "ThrottlingException",
                                         "ProvisionedThroughputExceededException", NULL};
    protocol_meter_user_errors(protocol, "dynamodb",
                               meters_get(dynamodb->meters, SPACE, &kind, NULL, 0), others);
}
