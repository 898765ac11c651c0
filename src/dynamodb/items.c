/* PutItem, GetItem, UpdateItem, DeleteItem. AWS's order of checks: parameters, values, expressions,
 * table, schema. */
#include "dynamodb/internal.h"

static enum mr_status check_return_old(struct protocol_call *call, enum dynamodb_return wanted)
{
    if (wanted == DYNAMODB_RETURN_NONE || wanted == DYNAMODB_ALL_OLD)
        return MR_OK;
    return protocol_fail(call, &protocol_validation, "ReturnValues can only be ALL_OLD or NONE");
}

static bool wants_old_on_failure(const struct protocol_call *call)
{
    return mr_slice_equal(mr_json_get_text(call->in, "ReturnValuesOnConditionCheckFailure"),
                          MR_S("ALL_OLD"));
}

static void write_capacity(struct protocol_call *call, const struct dynamodb_table *table,
                           const struct dynamodb_units *units, bool write)
{
    dynamodb_consumed(table, units, write);
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    dynamodb_capacity_json(&call->out, wanted, mr_json_get_text(call->in, "TableName"), table,
                           units);
}

/* Runs the write and answers ALL_OLD and the capacity. */
static enum mr_status run_write(struct protocol_call *call, struct dynamodb_table *table,
                                const struct dynamodb_expressions *expressions,
                                struct dynamodb_write *write)
{
    write->address = dynamodb_address_of(call->arena, table, write->item);
    write->condition = expressions->has_condition ? &expressions->condition : NULL;
    write->wants_old_on_failure = wants_old_on_failure(call);
    enum mr_status status = dynamodb_write_run(call, table, write);
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
        return MR_FAULT;
    }
    return MR_OK;
}

static void answer_old(struct protocol_call *call, const struct dynamodb_table *table,
                       const struct dynamodb_write *write)
{
    if (write->wants_old && write->old.ptr != NULL) {
        mr_json_key(&call->out, "Attributes");
        item_json(&call->out, write->old);
    }
    write_capacity(call, table, &write->units, true);
    dynamodb_collection_json(call, table, write->item);
}

void dynamodb_put_item(struct protocol_call *call)
{
    const unsigned kinds = DYNAMODB_CONDITION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct dynamodb_write write = {.kind = DYNAMODB_PUT};
    enum dynamodb_return wanted = dynamodb_return_values(call);
    struct mr_slice error;
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK)
        return;
    enum mr_status status =
        item_encode(call->arena, mr_json_get(call->in, "Item"), &write.item, &error);
    if (status != MR_OK) {
        dynamodb_refuse(call, status, error);
        return;
    }
    if (check_return_old(call, wanted) != MR_OK)
        return;
    if (item_size(write.item) > ITEM_SIZE_MAX) {
        protocol_fail(call, &protocol_validation,
                      "Item size has exceeded the maximum allowed size");
        return;
    }
    if (dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL || dynamodb_item_check(call, table, write.item) != MR_OK)
        return;
    write.wants_old = wanted == DYNAMODB_ALL_OLD;
    if (run_write(call, table, &expressions, &write) == MR_OK)
        answer_old(call, table, &write);
}

void dynamodb_delete_item(struct protocol_call *call)
{
    const unsigned kinds = DYNAMODB_CONDITION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct dynamodb_write write = {.kind = DYNAMODB_DELETE};
    enum dynamodb_return wanted = dynamodb_return_values(call);
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK ||
        dynamodb_key_read(call, mr_json_get(call->in, "Key"), &write.item) != MR_OK ||
        check_return_old(call, wanted) != MR_OK ||
        dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL || dynamodb_key_check(call, table, write.item) != MR_OK)
        return;
    write.wants_old = wanted == DYNAMODB_ALL_OLD;
    if (run_write(call, table, &expressions, &write) == MR_OK)
        answer_old(call, table, &write);
}

/* ---- UpdateItem ---- */

/* UPDATED_*: only the paths that the expression touches, in the shape of the item. */
static void answer_update(struct protocol_call *call,
                          const struct dynamodb_expressions *expressions,
                          enum dynamodb_return wanted, const struct dynamodb_write *write)
{
    bool old = wanted == DYNAMODB_ALL_OLD || wanted == DYNAMODB_UPDATED_OLD;
    bool updated = wanted == DYNAMODB_UPDATED_OLD || wanted == DYNAMODB_UPDATED_NEW;
    struct mr_slice image = old ? write->old : write->new_item;
    struct item_projection *projection = NULL;
    if (wanted == DYNAMODB_RETURN_NONE || image.ptr == NULL)
        return;
    if (updated) {
        projection =
            item_projection_make(call->arena, expressions->update.paths, expressions->update.count);
        if (!item_projection_matches(projection, image))
            return;
    }
    mr_json_key(&call->out, "Attributes");
    item_projection_json(&call->out, projection, image);
}

void dynamodb_update_item(struct protocol_call *call)
{
    const unsigned kinds = DYNAMODB_UPDATE | DYNAMODB_CONDITION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct dynamodb_write write = {.kind = DYNAMODB_CHANGE};
    enum dynamodb_return wanted = dynamodb_return_values(call);
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK ||
        dynamodb_key_read(call, mr_json_get(call->in, "Key"), &write.item) != MR_OK ||
        dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL || dynamodb_key_check(call, table, write.item) != MR_OK ||
        dynamodb_update_check(call, table, &expressions.update) != MR_OK)
        return;
    write.update = expressions.has_update ? &expressions.update : NULL;
    write.wants_old = wanted == DYNAMODB_ALL_OLD || wanted == DYNAMODB_UPDATED_OLD;
    if (run_write(call, table, &expressions, &write) != MR_OK)
        return;
    answer_update(call, &expressions, wanted, &write);
    write_capacity(call, table, &write.units, true);
    dynamodb_collection_json(call, table, write.item);
}

/* ---- GetItem ---- */

void dynamodb_get_item(struct protocol_call *call)
{
    const unsigned kinds = DYNAMODB_PROJECTION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct mr_slice keys;
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK ||
        dynamodb_key_read(call, mr_json_get(call->in, "Key"), &keys) != MR_OK ||
        dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    const struct dynamodb_paths paths = {.projection = expressions.projection};
    if (table == NULL || dynamodb_key_check(call, table, keys) != MR_OK ||
        dynamodb_paths_check(call, table, &paths) != MR_OK)
        return;
    struct dynamodb_address address = dynamodb_address_of(call->arena, table, keys);
    struct mr_buf item MR_CLEANUP(mr_buf_fini) = {0};
    struct dynamodb *dynamodb = call->service;
    enum mr_status status = view_get(store_view(dynamodb->store), VIEW_ITEM, address.key, &item);
    call->ticket = dynamodb_lane_ticket(dynamodb, address.lane);
    if (status < 0) {
        protocol_fail_internal(call, status);
        return;
    }
    uint64_t bytes = 0;
    if (status == MR_OK) {
        bytes = item_size(mr_buf_slice(&item));
        mr_json_key(&call->out, "Item");
        item_projection_json(&call->out, expressions.projection, mr_buf_slice(&item));
    }
    bool consistent = mr_json_get_bool(call->in, "ConsistentRead", false);
    const struct dynamodb_units units = {.table = dynamodb_read_units(bytes, consistent)};
    write_capacity(call, table, &units, false);
}
