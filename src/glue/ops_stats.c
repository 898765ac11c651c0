/* The wire: statistics of columns, of tables and of partitions. Stored, as ColumnStatistics:
 *   glue/stats/<database>|<table>|<column>
 *   glue/partition-stats/<database>|<table>|<value>|...|<column> */
#include "glue/internal.h"

/* What the call is about: a table, or a partition of it. */
struct owner {
    const char *kind;
    struct mr_slice parts[2 + GLUE_VALUES_MAX + 1]; /* room for a column at the end */
    size_t count;
};

/* False: the fault is set. */
static bool find_owner(struct protocol_call *call, bool partition, struct owner *owner)
{
    struct glue_table table;
    struct mr_slice json;
    size_t count;
    if (!glue_call_table(call, &table))
        return false;
    *owner = (struct owner){.kind = partition ? "partition-stats" : "stats", .count = 2};
    owner->parts[0] = table.database;
    owner->parts[1] = table.name;
    if (!partition)
        return true;
    yyjson_val *list = mr_json_get(call->in, "PartitionValues");
    struct mr_slice *values = glue_values(call->arena, list, &count);
    enum mr_status status = count > GLUE_VALUES_MAX
                                ? MR_NOT_FOUND
                                : glue_partition_get(call->service, call->arena, table.database,
                                                     table.name, values, count, &json);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Partition [%.*s] not found",
                      MR_ARG(glue_values_text(call->arena, list)));
    protocol_fail_internal(call, status);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        owner->parts[owner->count++] = values[i];
    return status == MR_OK;
}

static struct mr_slice stats_name(struct mr_arena *arena, struct owner *owner,
                                  struct mr_slice column)
{
    owner->parts[owner->count] = glue_lower(arena, column);
    return glue_name(arena, owner->parts, owner->count + 1);
}

static void update(struct protocol_call *call, bool partition)
{
    struct glue *glue = call->service;
    struct owner owner;
    size_t index, max;
    yyjson_val *item;
    yyjson_val *list = mr_json_get(call->in, "ColumnStatisticsList");
    if (!find_owner(call, partition, &owner))
        return;
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_arr_foreach(list, index, max, item)
    {
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_value(&json, item);
        store_doc_put(&entry, "glue", owner.kind,
                      stats_name(call->arena, &owner, mr_json_get_text(item, "ColumnName")),
                      mr_arena_copy(call->arena, mr_buf_slice(&buf)));
        mr_buf_fini(&buf);
    }
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_commit(glue->store, &entry, &call->ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
    protocol_fail_internal(call, status);
}

static void get(struct protocol_call *call, bool partition)
{
    struct glue *glue = call->service;
    struct owner owner;
    size_t index, max;
    yyjson_val *name;
    yyjson_val *names = mr_json_get(call->in, "ColumnNames");
    yyjson_val **missing = MR_NEW_ARRAY(call->arena, yyjson_val *, yyjson_arr_size(names) + 1);
    size_t missing_count = 0;
    if (!find_owner(call, partition, &owner))
        return;
    mr_json_key(&call->out, "ColumnStatisticsList");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, name)
    {
        struct mr_slice json;
        enum mr_status status =
            store_doc_get(glue->store, call->arena, "glue", owner.kind,
                          stats_name(call->arena, &owner, mr_json_text(name)), &json);
        if (status == MR_OK)
            mr_json_raw(&call->out, json);
        else
            missing[missing_count++] = name;
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++) {
        mr_json_object(&call->out);
        mr_json_key_value(&call->out, "ColumnName", missing[i]);
        mr_json_key(&call->out, "Error");
        glue_write_error_detail(call, &glue_fault_not_found,
                                MR_S("Statistics do not exist for this column"));
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

/* AWS: a column without any is no error. */
static void drop(struct protocol_call *call, bool partition)
{
    struct owner owner;
    if (!find_owner(call, partition, &owner))
        return;
    struct mr_slice name =
        stats_name(call->arena, &owner, mr_json_get_text(call->in, "ColumnName"));
    (void)!glue_doc_remove(call, owner.kind, name);
}

static void update_for_table(struct protocol_call *call)
{
    update(call, false);
}

static void update_for_partition(struct protocol_call *call)
{
    update(call, true);
}

static void get_for_table(struct protocol_call *call)
{
    get(call, false);
}

static void get_for_partition(struct protocol_call *call)
{
    get(call, true);
}

static void delete_for_table(struct protocol_call *call)
{
    drop(call, false);
}

static void delete_for_partition(struct protocol_call *call)
{
    drop(call, true);
}

const struct protocol_handler glue_stats_handlers[] = {
    {.operation = "UpdateColumnStatisticsForTable", .run = update_for_table},
    {.operation = "UpdateColumnStatisticsForPartition", .run = update_for_partition},
    {.operation = "GetColumnStatisticsForTable", .run = get_for_table},
    {.operation = "GetColumnStatisticsForPartition", .run = get_for_partition},
    {.operation = "DeleteColumnStatisticsForTable", .run = delete_for_table},
    {.operation = "DeleteColumnStatisticsForPartition", .run = delete_for_partition},
};
const size_t glue_stats_handler_count = MR_COUNT(glue_stats_handlers);
