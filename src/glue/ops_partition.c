/* The wire: partitions. */
#include "glue/filter.h"
#include "glue/internal.h"

static struct mr_slice *call_values(struct protocol_call *call, yyjson_val *object,
                                    const char *member, size_t *ret_count)
{
    return glue_values(call->arena, mr_json_get(object, member), ret_count);
}

static bool has_partition(struct protocol_call *call, const struct glue_table *table,
                          const struct mr_slice *values, size_t count, struct mr_slice *ret_json)
{
    enum mr_status status = glue_partition_get(call->service, call->arena, table->database,
                                               table->name, values, count, ret_json);
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static void fail_count(struct protocol_call *call)
{
    protocol_fail(call, &glue_fault_invalid_input,
                  "The number of partition keys do not match the number of partition values");
}

static void create_partition(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    yyjson_val *input = mr_json_get(call->in, "PartitionInput");
    size_t added = 0;
    enum mr_status status = glue_partition_put(call->service, call->arena, &table, &input, 1, false,
                                               &added, &call->ticket);
    if (status == MR_INVALID)
        fail_count(call);
    else if (status == MR_OK && added == 0)
        protocol_fail(call, &glue_fault_exists, "Partition already exists.");
    protocol_fail_internal(call, status);
}

static void write_error(struct protocol_call *call, yyjson_val *values, const char *code,
                        const char *message)
{
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "PartitionValues", values);
    mr_json_key(&call->out, "ErrorDetail");
    mr_json_object(&call->out);
    mr_json_key_cstr(&call->out, "ErrorCode", code);
    mr_json_key_cstr(&call->out, "ErrorMessage", message);
    mr_json_object_end(&call->out);
    mr_json_object_end(&call->out);
}

static void batch_create_partition(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    size_t index, max;
    yyjson_val *input;
    yyjson_val *list = mr_json_get(call->in, "PartitionInputList");
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, input)
    {
        size_t added = 0;
        enum mr_status status = glue_partition_put(call->service, call->arena, &table, &input, 1,
                                                   false, &added, &call->ticket);
        if (status == MR_INVALID)
            write_error(call, mr_json_get(input, "Values"), "InvalidInputException",
                        "The number of partition keys do not match the number of partition values");
        else if (status == MR_OK && added == 0)
            write_error(call, mr_json_get(input, "Values"), "AlreadyExistsException",
                        "Partition already exists.");
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

static void get_partition(struct protocol_call *call)
{
    struct glue_table table;
    struct mr_slice json;
    size_t count;
    if (!glue_call_table(call, &table))
        return;
    struct mr_slice *values = call_values(call, call->in, "PartitionValues", &count);
    if (has_partition(call, &table, values, count, &json))
        mr_json_key_raw(&call->out, "Partition", json);
    else
        protocol_fail(call, &glue_fault_not_found, "Cannot find partition.");
}

struct listing {
    struct protocol_call *call;
    struct glue_pager pager;
    const struct filter *filter; /* NULL: all */
    size_t key_count;
};

static enum mr_status list_one(void *ctx, const struct glue_partition *partition)
{
    struct listing *listing = ctx;
    if (listing->filter != NULL && (partition->value_count != listing->key_count ||
                                    !glue_filter_match(listing->filter, partition->values)))
        return MR_OK;
    enum mr_status status = glue_pager_next(&listing->pager);
    if (status == MR_OK)
        mr_json_value(&listing->call->out, partition->json);
    return status == MR_END ? MR_END : MR_OK;
}

static void get_partitions(struct protocol_call *call)
{
    struct glue_table table;
    struct listing listing = {.call = call};
    if (!glue_call_table(call, &table) || !glue_pager_init(&listing.pager, call, 1000))
        return;
    listing.key_count = table.key_count;
    struct mr_slice expression = mr_slice_trim(mr_json_get_text(call->in, "Expression")), error;
    if (expression.len > 0 &&
        glue_filter_parse(call->arena, expression, table.keys, table.key_count, &listing.filter,
                          &error) != MR_OK) {
        protocol_fail(call, &glue_fault_invalid_input, "Unsupported expression '%.*s': %.*s",
                      MR_ARG(expression), MR_ARG(error));
        return;
    }
    mr_json_key(&call->out, "Partitions");
    mr_json_array(&call->out);
    enum mr_status status =
        glue_partition_each(call->service, table.database, table.name, list_one, &listing);
    mr_json_array_end(&call->out);
    glue_pager_end(&listing.pager, call);
    protocol_fail_internal(call, status);
}

static void batch_get_partition(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    size_t index, max, count;
    yyjson_val *item;
    yyjson_val *list = mr_json_get(call->in, "PartitionsToGet");
    struct mr_slice json;
    mr_json_key(&call->out, "Partitions");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, item)
    {
        struct mr_slice *values = call_values(call, item, "Values", &count);
        if (has_partition(call, &table, values, count, &json))
            mr_json_raw(&call->out, json);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "UnprocessedKeys");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
}

static void delete_partition(struct protocol_call *call)
{
    struct glue_table table;
    size_t count;
    if (!glue_call_table(call, &table))
        return;
    struct mr_slice *values = call_values(call, call->in, "PartitionValues", &count);
    enum mr_status status = glue_partition_delete(call->service, call->arena, table.database,
                                                  table.name, values, count, &call->ticket);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Partition not found.");
    protocol_fail_internal(call, status);
}

static void batch_delete_partition(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    size_t index, max, count;
    yyjson_val *item;
    yyjson_val *list = mr_json_get(call->in, "PartitionsToDelete");
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, item)
    {
        struct mr_slice *values = call_values(call, item, "Values", &count);
        enum mr_status status = glue_partition_delete(call->service, call->arena, table.database,
                                                      table.name, values, count, &call->ticket);
        if (status == MR_NOT_FOUND)
            write_error(call, mr_json_get(item, "Values"), "EntityNotFoundException",
                        "Partition not found.");
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

/* Other values in the input move the partition. */
static void update_partition(struct protocol_call *call)
{
    struct glue_table table;
    struct mr_slice json;
    size_t count, added;
    if (!glue_call_table(call, &table))
        return;
    yyjson_val *input = mr_json_get(call->in, "PartitionInput");
    struct mr_slice *values = call_values(call, call->in, "PartitionValueList", &count);
    if (!has_partition(call, &table, values, count, &json)) {
        protocol_fail(call, &glue_fault_not_found, "Partition not found.");
        return;
    }
    enum mr_status status = glue_partition_put(call->service, call->arena, &table, &input, 1, true,
                                               &added, &call->ticket);
    if (status == MR_INVALID)
        fail_count(call);
    else if (status == MR_OK && added == 1)
        status = glue_partition_delete(call->service, call->arena, table.database, table.name,
                                       values, count, &call->ticket);
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_partition_handlers[] = {
    {.operation = "CreatePartition", .run = create_partition},
    {.operation = "BatchCreatePartition", .run = batch_create_partition},
    {.operation = "GetPartition", .run = get_partition},
    {.operation = "GetPartitions", .run = get_partitions},
    {.operation = "BatchGetPartition", .run = batch_get_partition},
    {.operation = "UpdatePartition", .run = update_partition},
    {.operation = "DeletePartition", .run = delete_partition},
    {.operation = "BatchDeletePartition", .run = batch_delete_partition},
};
const size_t glue_partition_handler_count = MR_COUNT(glue_partition_handlers);
