/* BatchWriteItem and BatchGetItem. A batch is checked whole before anything of it is done; it is
 * not atomic: the writes of one lane are one entry, the lanes follow each other. */
#include "dynamodb/internal.h"
#include <stdlib.h>

#define DUPLICATES "Provided list of item keys contains duplicates"

/* AWS: a reply of BatchGetItem holds 16 MB at most, and 52 of a hundred items of 300 KB, which is
 * what fits 16,000,000 bytes; 2^24 would hold 54. */
enum { WRITES_MAX = 25, KEYS_MAX = 100, REPLY_BYTES_MAX = 16 * 1000 * 1000 };
enum { GET_KINDS = DYNAMODB_PROJECTION | DYNAMODB_LEGACY };

/* ---- BatchWriteItem ---- */

struct batch_write {
    struct dynamodb_table *table;
    size_t table_at; /* in the request */
    struct dynamodb_write write;
};

static enum mr_status read_write(struct protocol_call *call, yyjson_val *request,
                                 struct dynamodb_write *write)
{
    yyjson_val *put = mr_json_get(request, "PutRequest");
    yyjson_val *delete = mr_json_get(request, "DeleteRequest");
    struct mr_slice error;
    if (put == NULL && delete == NULL)
        return protocol_fail(call, &protocol_validation,
                             "Supplied AttributeValue has more than one datatypes set, must "
                             "contain exactly one of the supported datatypes");
    if (put != NULL && delete != NULL)
        return protocol_fail(call, &protocol_validation,
                             "Supplied AttributeValue has more than one datatypes set, must "
                             "contain exactly one of the supported datatypes");
    write->kind = put != NULL ? DYNAMODB_PUT : DYNAMODB_DELETE;
    if (delete != NULL)
        return dynamodb_key_read(call, mr_json_get(delete, "Key"), &write->item);
    enum mr_status status =
        item_encode(call->arena, mr_json_get(put, "Item"), &write->item, &error);
    if (status != MR_OK)
        return dynamodb_refuse(call, status, error);
    if (item_size(write->item) > ITEM_SIZE_MAX)
        return protocol_fail(call, &protocol_validation,
                             "Item size has exceeded the maximum allowed size");
    return MR_OK;
}

static enum mr_status read_writes(struct protocol_call *call, struct batch_write *writes,
                                  size_t *ret_count)
{
    size_t count = 0, table_at = 0;
    yyjson_obj_iter tables = yyjson_obj_iter_with(mr_json_get(call->in, "RequestItems"));
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&tables)) != NULL; table_at++) {
        yyjson_arr_iter iter = yyjson_arr_iter_with(yyjson_obj_iter_get_val(name));
        for (yyjson_val *request; (request = yyjson_arr_iter_next(&iter)) != NULL;) {
            if (count == WRITES_MAX)
                return protocol_fail(call, &protocol_validation,
                                     "Too many items requested for the BatchWriteItem call");
            writes[count].table_at = table_at;
            if (read_write(call, request, &writes[count++].write) != MR_OK)
                return MR_FAULT;
        }
    }
    *ret_count = count;
    return MR_OK;
}

/* Finds the tables, of which each is shared by its writes; references[] belong to the caller. */
static enum mr_status find_tables(struct protocol_call *call, yyjson_val *requests,
                                  struct dynamodb_table **references)
{
    size_t at = 0;
    yyjson_obj_iter tables = yyjson_obj_iter_with(requests);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&tables)) != NULL; at++) {
        references[at] = dynamodb_need_table(call, mr_json_text(name), false);
        if (references[at] == NULL)
            return MR_FAULT;
    }
    return MR_OK;
}

static enum mr_status place_write(struct protocol_call *call, struct batch_write *each)
{
    enum mr_status status = each->write.kind == DYNAMODB_PUT
                                ? dynamodb_item_check_batch(call, each->table, each->write.item)
                                : dynamodb_key_check(call, each->table, each->write.item);
    if (status == MR_OK)
        each->write.address = dynamodb_address_of(call->arena, each->table, each->write.item);
    return status;
}

static int by_address(const void *a, const void *b)
{
    const struct batch_write *left = a, *right = b;
    return mr_slice_compare(left->write.address.key, right->write.address.key);
}

static enum mr_status run_lanes(struct protocol_call *call, struct batch_write *writes,
                                size_t count)
{
    struct dynamodb_write *list[WRITES_MAX];
    enum mr_status status = MR_OK;
    for (size_t from = 0, to; status == MR_OK && from < count; from = to) {
        for (to = from; to < count && writes[to].table == writes[from].table &&
                        writes[to].write.address.lane == writes[from].write.address.lane;
             to++)
            list[to - from] = &writes[to].write;
        status = dynamodb_write_batch(call, writes[from].table, list, to - from);
    }
    return status;
}

/* `tables` as RequestItems names them. */
static void capacities_json(struct protocol_call *call, struct dynamodb_table **tables,
                            size_t count, const struct dynamodb_units *units, bool write)
{
    yyjson_obj_iter names = yyjson_obj_iter_with(mr_json_get(call->in, "RequestItems"));
    for (size_t i = 0; i < count; i++)
        dynamodb_consumed(tables[i], &units[i], write);
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++)
        dynamodb_capacity_json(&call->out, wanted, mr_json_text(yyjson_obj_iter_next(&names)),
                               tables[i], &units[i]);
    mr_json_array_end(&call->out);
}

struct written {
    const struct batch_write *writes;
    size_t count;
};

static bool next_written(void *ctx, size_t at, const struct dynamodb_table **ret_table,
                         struct mr_slice *ret_item)
{
    const struct written *written = ctx;
    if (at >= written->count)
        return false;
    *ret_table = written->writes[at].table;
    *ret_item = written->writes[at].write.item;
    return true;
}

static void answer_writes(struct protocol_call *call, struct dynamodb_table **tables,
                          size_t table_count, const struct batch_write *writes, size_t count)
{
    struct dynamodb_units *units =
        MR_NEW_ARRAY(call->arena, struct dynamodb_units, table_count + 1);
    for (size_t i = 0; i < count; i++) {
        struct dynamodb_units *sum = &units[writes[i].table_at];
        sum->table += writes[i].write.units.table;
        for (size_t j = 0; j < DYNAMODB_INDEXES_MAX; j++)
            sum->indexes[j] += writes[i].write.units.indexes[j];
    }
    mr_json_key(&call->out, "UnprocessedItems");
    mr_json_object(&call->out);
    mr_json_object_end(&call->out);
    struct written written = {writes, count};
    dynamodb_collections_json(call, next_written, &written);
    capacities_json(call, tables, table_count, units, true);
}

static void run_writes(struct protocol_call *call, struct dynamodb_table **tables,
                       size_t table_count, struct batch_write *writes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        writes[i].table = tables[writes[i].table_at];
        if (place_write(call, &writes[i]) != MR_OK)
            return;
    }
    qsort(writes, count, sizeof(writes[0]), by_address);
    for (size_t i = 1; i < count; i++) {
        if (by_address(&writes[i - 1], &writes[i]) == 0) {
            protocol_fail(call, &protocol_validation, DUPLICATES);
            return;
        }
    }
    enum mr_status status = run_lanes(call, writes, count);
    if (status != MR_OK)
        protocol_fail_internal(call, status);
    else
        answer_writes(call, tables, table_count, writes, count);
}

void dynamodb_batch_write_item(struct protocol_call *call)
{
    yyjson_val *requests = mr_json_get(call->in, "RequestItems");
    size_t table_count = yyjson_obj_size(requests), count = 0;
    struct batch_write *writes = MR_NEW_ARRAY(call->arena, struct batch_write, WRITES_MAX);
    if (read_writes(call, writes, &count) != MR_OK)
        return;
    struct dynamodb_table **tables =
        MR_NEW_ARRAY(call->arena, struct dynamodb_table *, table_count + 1);
    if (find_tables(call, requests, tables) == MR_OK)
        run_writes(call, tables, table_count, writes, count);
    for (size_t i = 0; i < table_count; i++)
        dynamodb_table_unref(tables[i]);
}

/* ---- BatchGetItem ---- */

struct batch_get {
    yyjson_val *name, *request;
    struct dynamodb_expressions expressions;
    struct dynamodb_address *addresses;
    struct mr_slice *keys;
    size_t count, read; /* keys beyond `read` did not fit the reply */
    struct dynamodb_units units;
};

/* AWS: the same key twice is told before it is known whether the table is there. */
static enum mr_status check_new(struct protocol_call *call, const struct batch_get *get)
{
    for (size_t i = 0; i < get->count; i++) {
        if (mr_slice_equal(get->keys[i], get->keys[get->count]))
            return protocol_fail(call, &protocol_validation, DUPLICATES);
    }
    return MR_OK;
}

static enum mr_status read_get(struct protocol_call *call, struct batch_get *get, size_t *total)
{
    yyjson_val *keys = mr_json_get(get->request, "Keys");
    size_t count = yyjson_arr_size(keys);
    *total += count;
    if (*total > KEYS_MAX)
        return protocol_fail(call, &protocol_validation,
                             "Too many items requested for the BatchGetItem call");
    if (dynamodb_check_parameters(call, get->request, GET_KINDS) != MR_OK)
        return MR_FAULT;
    get->keys = MR_NEW_ARRAY(call->arena, struct mr_slice, count + 1);
    get->addresses = MR_NEW_ARRAY(call->arena, struct dynamodb_address, count + 1);
    yyjson_arr_iter iter = yyjson_arr_iter_with(keys);
    if (dynamodb_parse_expressions(call, get->request, GET_KINDS, &get->expressions) != MR_OK)
        return MR_FAULT;
    for (yyjson_val *key; (key = yyjson_arr_iter_next(&iter)) != NULL; get->count++) {
        if (dynamodb_key_read(call, key, &get->keys[get->count]) != MR_OK ||
            check_new(call, get) != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}

static enum mr_status place_keys(struct protocol_call *call, struct dynamodb_table *table,
                                 struct batch_get *get)
{
    for (size_t i = 0; i < get->count; i++) {
        if (dynamodb_key_check(call, table, get->keys[i]) != MR_OK)
            return MR_FAULT;
        get->addresses[i] = dynamodb_address_of(call->arena, table, get->keys[i]);
    }
    const struct dynamodb_paths paths = {.projection = get->expressions.projection};
    return dynamodb_paths_check(call, table, &paths);
}

static bool shares_a_key(const struct batch_get *a, const struct batch_get *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            if (mr_slice_equal(a->addresses[i].key, b->addresses[j].key))
                return true;
    return false;
}

/* A table may come twice, by its name and by its ARN; a key of it may not. */
static enum mr_status check_names(struct protocol_call *call, struct dynamodb_table **tables,
                                  const struct batch_get *gets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (tables[i] == tables[j] && shares_a_key(&gets[i], &gets[j]))
                return protocol_fail(call, &protocol_validation, DUPLICATES);
    return MR_OK;
}

/* Items of one table into the open array, while the reply has room. */
static enum mr_status get_items(struct protocol_call *call, struct batch_get *get, uint64_t *bytes)
{
    struct dynamodb *dynamodb = call->service;
    bool consistent = mr_json_get_bool(get->request, "ConsistentRead", false);
    struct mr_buf item MR_CLEANUP(mr_buf_fini) = {0};
    for (; get->read < get->count; get->read++) {
        struct dynamodb_address *address = &get->addresses[get->read];
        mr_buf_reset(&item);
        enum mr_status status =
            view_get(store_view(dynamodb->store), VIEW_ITEM, address->key, &item);
        int64_t ticket = dynamodb_lane_ticket(dynamodb, address->lane);
        if (ticket > call->ticket)
            call->ticket = ticket;
        if (status < 0)
            return status;
        uint64_t size = status == MR_OK ? item_size(mr_buf_slice(&item)) : 0;
        if (*bytes + size > REPLY_BYTES_MAX)
            break;
        get->units.table += dynamodb_read_units(size, consistent);
        *bytes += size;
        if (status == MR_OK)
            item_projection_json(&call->out, get->expressions.projection, mr_buf_slice(&item));
    }
    return MR_OK;
}

static void unprocessed_json(struct protocol_call *call, const struct batch_get *gets, size_t count)
{
    mr_json_key(&call->out, "UnprocessedKeys");
    mr_json_object(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (gets[i].read == gets[i].count)
            continue;
        mr_json_name(&call->out, mr_json_text(gets[i].name));
        mr_json_object(&call->out);
        mr_json_key(&call->out, "Keys");
        mr_json_array(&call->out);
        for (size_t j = gets[i].read; j < gets[i].count; j++)
            item_json(&call->out, gets[i].keys[j]);
        mr_json_array_end(&call->out);
        static const char *const kept[] = {"ProjectionExpression", "ExpressionAttributeNames",
                                           "AttributesToGet", "ConsistentRead"};
        for (size_t j = 0; j < MR_COUNT(kept); j++)
            mr_json_key_value(&call->out, kept[j], mr_json_get(gets[i].request, kept[j]));
        mr_json_object_end(&call->out);
    }
    mr_json_object_end(&call->out);
}

static void run_gets(struct protocol_call *call, struct dynamodb_table **tables,
                     struct batch_get *gets, size_t count)
{
    uint64_t bytes = 0;
    struct dynamodb_units *units = MR_NEW_ARRAY(call->arena, struct dynamodb_units, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (place_keys(call, tables[i], &gets[i]) != MR_OK)
            return;
    }
    if (check_names(call, tables, gets, count) != MR_OK)
        return;
    mr_json_key(&call->out, "Responses");
    mr_json_object(&call->out);
    for (size_t i = 0; i < count; i++) {
        mr_json_name(&call->out, mr_json_text(gets[i].name));
        mr_json_array(&call->out);
        enum mr_status status = get_items(call, &gets[i], &bytes);
        mr_json_array_end(&call->out);
        units[i] = gets[i].units;
        protocol_fail_internal(call, status);
    }
    mr_json_object_end(&call->out);
    unprocessed_json(call, gets, count);
    capacities_json(call, tables, count, units, false);
}

void dynamodb_batch_get_item(struct protocol_call *call)
{
    yyjson_val *requests = mr_json_get(call->in, "RequestItems");
    size_t count = yyjson_obj_size(requests), at = 0, total = 0;
    struct batch_get *gets = MR_NEW_ARRAY(call->arena, struct batch_get, count + 1);
    yyjson_obj_iter iter = yyjson_obj_iter_with(requests);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&iter)) != NULL; at++) {
        gets[at].name = name;
        gets[at].request = yyjson_obj_iter_get_val(name);
        if (read_get(call, &gets[at], &total) != MR_OK)
            return;
    }
    struct dynamodb_table **tables = MR_NEW_ARRAY(call->arena, struct dynamodb_table *, count + 1);
    if (find_tables(call, requests, tables) == MR_OK)
        run_gets(call, tables, gets, count);
    for (size_t i = 0; i < count; i++)
        dynamodb_table_unref(tables[i]);
}
