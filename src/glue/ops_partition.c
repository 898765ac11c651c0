/* The wire: partitions. */
#include "base/codec.h"
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

static const char wrong_count[] =
    "The number of partition keys do not match the number of partition values";

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
        protocol_fail(call, &glue_fault_invalid_input, wrong_count);
    else if (status == MR_OK && added == 0)
        protocol_fail(call, &glue_fault_exists, "Partition already exists.");
    protocol_fail_internal(call, status);
}

/* One of a batch's Errors. */
static void write_failure(struct protocol_call *call, const char *member, yyjson_val *values,
                          const struct protocol_fault *fault, struct mr_slice message)
{
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, member, values);
    glue_write_error(call, fault, message);
    mr_json_object_end(&call->out);
}

static struct mr_slice missing_text(struct protocol_call *call, yyjson_val *values)
{
    return mr_arena_printf(call->arena, "Partition [%.*s] not found",
                           MR_ARG(glue_values_text(call->arena, values)));
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
        yyjson_val *values = mr_json_get(input, "Values");
        if (status == MR_INVALID)
            write_failure(call, "PartitionValues", values, &glue_fault_invalid_input,
                          mr_slice_cstr(wrong_count));
        else if (status == MR_OK && added == 0)
            write_failure(call, "PartitionValues", values, &glue_fault_exists,
                          MR_S("Partition already exists."));
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
    bool without_columns;
    int64_t segment, segments; /* of the partitions; segments 0: all */
};

/* The same partition is always of the same segment. */
static bool in_segment(const struct listing *listing, const struct glue_partition *partition)
{
    uint32_t sum = 0;
    if (listing->segments == 0)
        return true;
    for (size_t i = 0; i < partition->value_count; i++)
        sum = mr_crc32(sum, partition->values[i]);
    return sum % (uint32_t)listing->segments == (uint32_t)listing->segment;
}

static void write_partition(struct protocol_call *call, yyjson_val *partition, bool without_columns)
{
    static const char *const skip_storage[] = {"StorageDescriptor", NULL};
    static const char *const skip_columns[] = {"Columns", NULL};
    yyjson_val *storage = mr_json_get(partition, "StorageDescriptor");
    if (!without_columns || storage == NULL) {
        mr_json_value(&call->out, partition);
        return;
    }
    mr_json_object(&call->out);
    glue_copy_members(&call->out, partition, skip_storage);
    mr_json_key(&call->out, "StorageDescriptor");
    mr_json_object(&call->out);
    glue_copy_members(&call->out, storage, skip_columns);
    mr_json_object_end(&call->out);
    mr_json_object_end(&call->out);
}

static enum mr_status list_one(void *ctx, const struct glue_partition *partition)
{
    struct listing *listing = ctx;
    if (!in_segment(listing, partition))
        return MR_OK;
    if (listing->filter != NULL && partition->value_count != listing->key_count)
        return MR_OK;
    bool fits = true;
    struct mr_slice error;
    if (listing->filter != NULL && glue_filter_match(listing->filter, listing->call->arena,
                                                     partition->values, &fits, &error) != MR_OK) {
        protocol_fail_slice(listing->call, &glue_fault_state, error);
        return MR_END;
    }
    if (!fits)
        return MR_OK;
    enum mr_status status = glue_pager_next(&listing->pager);
    if (status == MR_OK)
        write_partition(listing->call, partition->json, listing->without_columns);
    return status == MR_END ? MR_END : MR_OK;
}

/* False: the fault is set. */
static bool read_segment(struct protocol_call *call, struct listing *listing)
{
    yyjson_val *segment = mr_json_get(call->in, "Segment");
    listing->segment = mr_json_get_i64(segment, "SegmentNumber", 0);
    listing->segments = mr_json_get_i64(segment, "TotalSegments", 0);
    if (segment == NULL || listing->segment < listing->segments)
        return true;
    protocol_fail(call, &glue_fault_invalid_input,
                  "SegmentNumber must be less than TotalSegments.");
    return false;
}

static void get_partitions(struct protocol_call *call)
{
    static const char *const refused[] = {"TransactionId", "QueryAsOfTime", NULL};
    struct glue_table table;
    struct listing listing = {
        .call = call, .without_columns = mr_json_get_bool(call->in, "ExcludeColumnSchema", false)};
    if (glue_refuse_members(call, refused) || !glue_call_table(call, &table) ||
        !read_segment(call, &listing) || !glue_pager_init(&listing.pager, call, 1000))
        return;
    listing.key_count = table.key_count;
    struct mr_slice expression = mr_slice_trim(mr_json_get_text(call->in, "Expression")), error;
    if (expression.len > 0 &&
        glue_filter_parse(call->arena, expression, table.keys, table.key_count, &listing.filter,
                          &error) != MR_OK) {
        protocol_fail_slice(call, &glue_fault_invalid_input, error);
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
        protocol_fail(call, &glue_fault_not_found, "Cannot find partition.");
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
            write_failure(call, "PartitionValues", mr_json_get(item, "Values"),
                          &glue_fault_not_found, missing_text(call, mr_json_get(item, "Values")));
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

static void update_partition(struct protocol_call *call)
{
    struct glue_table table;
    size_t count;
    if (!glue_call_table(call, &table))
        return;
    struct mr_slice *values = call_values(call, call->in, "PartitionValueList", &count);
    enum mr_status status =
        glue_partition_update(call->service, call->arena, &table, values, count,
                              mr_json_get(call->in, "PartitionInput"), &call->ticket);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Partition not found.");
    else if (status == MR_INVALID)
        protocol_fail(call, &glue_fault_invalid_input, wrong_count);
    else if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Partition already exists.");
    protocol_fail_internal(call, status);
}

static void batch_update_partition(struct protocol_call *call)
{
    struct glue_table table;
    if (!glue_call_table(call, &table))
        return;
    size_t index, max, count;
    yyjson_val *entry;
    yyjson_val *list = mr_json_get(call->in, "Entries");
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, entry)
    {
        yyjson_val *old = mr_json_get(entry, "PartitionValueList");
        struct mr_slice *values = glue_values(call->arena, old, &count);
        enum mr_status status =
            glue_partition_update(call->service, call->arena, &table, values, count,
                                  mr_json_get(entry, "PartitionInput"), &call->ticket);
        if (status == MR_NOT_FOUND)
            write_failure(call, "PartitionValueList", old, &glue_fault_not_found,
                          missing_text(call, old));
        else if (status == MR_INVALID)
            write_failure(call, "PartitionValueList", old, &glue_fault_invalid_input,
                          mr_slice_cstr(wrong_count));
        else if (status == MR_EXISTS)
            write_failure(call, "PartitionValueList", old, &glue_fault_exists,
                          MR_S("Partition already exists."));
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
}

const struct protocol_handler glue_partition_handlers[] = {
    {.operation = "CreatePartition", .run = create_partition},
    {.operation = "BatchCreatePartition", .run = batch_create_partition},
    {.operation = "GetPartition", .run = get_partition},
    {.operation = "GetPartitions", .run = get_partitions},
    {.operation = "BatchGetPartition", .run = batch_get_partition},
    {.operation = "UpdatePartition", .run = update_partition},
    {.operation = "BatchUpdatePartition", .run = batch_update_partition},
    {.operation = "DeletePartition", .run = delete_partition},
    {.operation = "BatchDeletePartition", .run = batch_delete_partition},
};
const size_t glue_partition_handler_count = MR_COUNT(glue_partition_handlers);
