/* Transactions: all lanes they touch are locked in order, every action is evaluated, and all of
 * them are one entry, or none. */
#include "dynamodb/access.h"
#include "dynamodb/statement.h"
#include <stdlib.h>

enum { TRANSACTION_BYTES_MAX = 4 << 20 };

struct action {
    size_t at; /* in the request */
    yyjson_val *body;
    struct dynamodb_table *table;
    const char *needs; /* the permission's name */
    bool check_only;
    struct dynamodb_expressions
        *expressions;                 /* apart: actions are sorted, and `write` points here */
    struct item_statement *statement; /* ExecuteTransaction; else NULL */
    struct dynamodb_write write;
    struct mr_slice old;
    const char *code; /* of its reason; NULL: None */
    struct mr_slice message;
};

struct transaction {
    struct protocol_call *call;
    yyjson_val *requests;
    struct action *actions; /* by address */
    size_t count;
    bool canceled;
    bool replayed; /* its token was seen before */
};

/* AWS: 1 to 100 actions, which the model says and the protocol has checked. */
static struct transaction transaction_make(struct protocol_call *call, const char *member)
{
    yyjson_val *requests = mr_json_get(call->in, member);
    size_t count = yyjson_arr_size(requests);
    return (struct transaction){.call = call,
                                .requests = requests,
                                .actions = MR_NEW_ARRAY(call->arena, struct action, count + 1)};
}

/* ---- reading ---- */

static const struct action_kind {
    const char *name, *needs;
    enum dynamodb_write_kind kind;
    unsigned expressions;
    bool check_only;
} action_kinds[] = {
    {"ConditionCheck", "ConditionCheckItem", DYNAMODB_CHANGE, DYNAMODB_CONDITION | DYNAMODB_ACTION,
     true},
    {"Put", "PutItem", DYNAMODB_PUT, DYNAMODB_CONDITION | DYNAMODB_ACTION, false},
    {"Delete", "DeleteItem", DYNAMODB_DELETE, DYNAMODB_CONDITION | DYNAMODB_ACTION, false},
    {"Update", "UpdateItem", DYNAMODB_CHANGE,
     DYNAMODB_UPDATE | DYNAMODB_CONDITION | DYNAMODB_ACTION, false},
};

static const struct action_kind *kind_of(struct protocol_call *call, yyjson_val *request,
                                         yyjson_val **ret_body)
{
    const struct action_kind *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < MR_COUNT(action_kinds); i++) {
        yyjson_val *body = mr_json_get(request, action_kinds[i].name);
        if (body == NULL)
            continue;
        found = &action_kinds[i];
        *ret_body = body;
        count++;
    }
    if (count == 1)
        return found;
    protocol_fail(call, &protocol_validation,
                  "TransactItems can only contain one of Check, Put, Update or Delete");
    return NULL;
}

/* The values and expressions of the action: what can be told without its table. */
static enum mr_status read_action(struct protocol_call *call, yyjson_val *request,
                                  struct action *action)
{
    yyjson_val *body = NULL;
    const struct action_kind *kind = kind_of(call, request, &body);
    struct dynamodb_write *write = &action->write;
    if (kind == NULL || dynamodb_check_parameters(call, body, kind->expressions) != MR_OK)
        return MR_FAULT;
    action->body = body;
    action->expressions = MR_NEW(call->arena, struct dynamodb_expressions);
    write->kind = kind->kind;
    action->needs = kind->needs;
    action->check_only = kind->check_only;
    const char *member = write->kind == DYNAMODB_PUT ? "Item" : "Key";
    if (dynamodb_key_read(call, mr_json_get(body, member), &write->item) != MR_OK)
        return MR_FAULT;
    if (item_size(write->item) > ITEM_SIZE_MAX)
        return protocol_fail(call, &protocol_validation,
                             "Item size has exceeded the maximum allowed size");
    if (dynamodb_parse_expressions(call, body, kind->expressions, action->expressions) != MR_OK)
        return MR_FAULT;
    write->condition = action->expressions->has_condition ? &action->expressions->condition : NULL;
    write->update = action->expressions->has_update ? &action->expressions->update : NULL;
    write->wants_old_on_failure = mr_slice_equal(
        mr_json_get_text(body, "ReturnValuesOnConditionCheckFailure"), MR_S("ALL_OLD"));
    return MR_OK;
}

static enum mr_status find_tables(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        const struct mr_slice name = mr_json_get_text(action->body, "TableName");
        if (dynamodb_arn_check(call, name, action->needs) != MR_OK)
            return MR_FAULT;
        action->table = dynamodb_need_table(call, name, false);
        if (action->table == NULL)
            return MR_FAULT;
    }
    return MR_OK;
}

static void cancel(struct transaction *transaction, struct action *action)
{
    action->code = "ValidationError";
    action->message = protocol_fault_take(transaction->call);
    transaction->canceled = true;
}

/* AWS: an empty key fails the request; keys that do not fit the table are a reason to cancel, and
 * the first of them the only one: what comes after it is not looked at. */
static enum mr_status check_keys(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        if (dynamodb_item_check_empty(call, action->table, action->write.item,
                                      action->write.kind == DYNAMODB_PUT) != MR_OK)
            return MR_FAULT;
    }
    for (size_t i = 0; i < transaction->count && !transaction->canceled; i++) {
        struct action *action = &transaction->actions[i];
        struct mr_slice item = action->write.item;
        enum mr_status status = action->write.kind == DYNAMODB_PUT
                                    ? dynamodb_item_check(call, action->table, item)
                                    : dynamodb_key_check(call, action->table, item);
        if (status == MR_OK)
            status = dynamodb_update_check(call, action->table, &action->expressions->update);
        if (status != MR_OK)
            cancel(transaction, action);
        else
            action->write.address = dynamodb_address_of(call->arena, action->table, item);
    }
    return MR_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct action *left = a, *right = b;
    return mr_slice_compare(left->write.address.key, right->write.address.key);
}

static int by_request(const void *a, const void *b)
{
    const struct action *left = a, *right = b;
    return left->at < right->at ? -1 : left->at > right->at;
}

/* Into the order of addresses; no item may come twice. */
static enum mr_status order_actions(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    qsort(transaction->actions, transaction->count, sizeof(transaction->actions[0]), by_address);
    for (size_t i = 1; i < transaction->count; i++) {
        if (by_address(&transaction->actions[i - 1], &transaction->actions[i]) == 0)
            return protocol_fail(call, &protocol_validation,
                                 "Transaction request cannot include multiple operations on one "
                                 "item");
    }
    return MR_OK;
}

static enum mr_status check_bytes(struct protocol_call *call, uint64_t bytes)
{
    if (bytes <= TRANSACTION_BYTES_MAX)
        return MR_OK;
    return protocol_fail(call, &protocol_validation, "Transaction payload size cannot exceed 4 MB");
}

static enum mr_status read_actions(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    yyjson_arr_iter iter = yyjson_arr_iter_with(transaction->requests);
    uint64_t bytes = 0;
    for (yyjson_val *request; (request = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct action *action = &transaction->actions[transaction->count];
        action->at = transaction->count++;
        if (read_action(call, request, action) != MR_OK)
            return MR_FAULT;
        bytes += item_size(action->write.item);
    }
    if (check_bytes(call, bytes) != MR_OK)
        return MR_FAULT;
    if (find_tables(transaction) != MR_OK || check_keys(transaction) != MR_OK)
        return MR_FAULT;
    return transaction->canceled ? MR_OK : order_actions(transaction);
}

/* ---- lanes: in the order of addresses, which is that of tables and partitions ---- */

static bool is_first_of_lane(const struct action *actions, size_t i)
{
    return i == 0 || actions[i].write.address.lane != actions[i - 1].write.address.lane;
}

static void lock_lanes(const struct action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_first_of_lane(actions, i))
            pthread_mutex_lock(&actions[i].write.address.lane->lock);
    }
}

static void unlock_lanes(const struct action *actions, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (is_first_of_lane(actions, i - 1))
            dynamodb_lane_unlock(actions[i - 1].write.address.lane);
    }
}

static void wait_for_lanes(struct protocol_call *call, const struct action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t ticket = atomic_load(&actions[i].write.address.lane->ticket);
        if (ticket > call->ticket)
            call->ticket = ticket;
    }
}

/* ---- reading and writing ---- */

static enum mr_status read_locked(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    struct dynamodb *dynamodb = call->service;
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        struct mr_buf *buf = &action->write.address.lane->locked.old;
        mr_buf_reset(buf);
        enum mr_status status =
            view_get(store_view(dynamodb->store), VIEW_ITEM, action->write.address.key, buf);
        if (status < 0)
            return status;
        if (status == MR_OK)
            action->old = mr_arena_copy(call->arena, mr_buf_slice(buf));
        uint64_t bytes = status == MR_OK ? item_size(action->old) : 0;
        if (action->write.condition != NULL &&
            !item_condition_holds(call->arena, action->write.condition, action->old))
            action->old = (struct mr_slice){0};
        action->write.units.table = dynamodb_read_units(bytes, true);
    }
    wait_for_lanes(call, transaction->actions, transaction->count);
    return MR_OK;
}

/* AWS: a repeat reads what the first call saw or made, whichever was larger. */
static struct mr_slice sizes_of(struct transaction *transaction)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    struct mr_arena *arena = transaction->call->arena;
    uint64_t *sizes = MR_NEW_ARRAY(arena, uint64_t, transaction->count + 1);
    for (size_t i = 0; i < transaction->count; i++) {
        const struct dynamodb_write *write = &transaction->actions[i].write;
        sizes[transaction->actions[i].at] =
            write->old_size > write->new_size ? write->old_size : write->new_size;
    }
    mr_json_array(&json);
    for (size_t i = 0; i < transaction->count; i++)
        mr_json_int(&json, (int64_t)sizes[i]);
    mr_json_array_end(&json);
    return mr_arena_copy(arena, mr_buf_slice(&text));
}

static void replay(struct transaction *transaction, yyjson_val *sizes)
{
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        yyjson_val *size = yyjson_arr_get(sizes, action->at);
        action->write.units.table = dynamodb_read_units((uint64_t)mr_json_i64(size, 0), true);
    }
    wait_for_lanes(transaction->call, transaction->actions, transaction->count);
}

static enum mr_status evaluate_locked(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    for (size_t i = 0; i < transaction->count; i++) {
        struct action *action = &transaction->actions[i];
        struct mr_slice old = {0};
        enum mr_status status = dynamodb_write_evaluate_locked(call, action->table, &action->write,
                                                               &old, &action->message);
        if (status < 0 || (status == MR_FAULT && action->write.new_item.ptr == NULL))
            return status;
        if (status == MR_FAULT) { /* what an update made does not fit an index */
            struct mr_slice message = protocol_fault_take(call);
            if (dynamodb_item_check_empty(call, action->table, action->write.new_item, true) !=
                MR_OK)
                return MR_FAULT;
            action->message = message;
            status = MR_INVALID;
        }
        if (old.ptr != NULL)
            action->old = mr_arena_copy(call->arena, old);
        if (status == MR_NOT_FOUND) {
            bool duplicate = action->write.inserts;
            action->code = duplicate ? "DuplicateItem" : "ConditionalCheckFailed";
            action->message = duplicate ? MR_S("Duplicate primary key exists in table")
                                        : MR_S("The conditional request failed");
        } else if (status == MR_INVALID) {
            action->code = "ValidationError";
        }
        transaction->canceled = transaction->canceled || action->code != NULL;
    }
    return MR_OK;
}

static enum mr_status commit_locked(struct transaction *transaction, struct dynamodb_token *token)
{
    struct protocol_call *call = transaction->call;
    struct dynamodb *dynamodb = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct action *actions = transaction->actions;
    int64_t ticket;
    for (size_t i = 0; i < transaction->count; i++) {
        if (!actions[i].check_only)
            dynamodb_write_ops_locked(call, actions[i].table, &actions[i].write, actions[i].old,
                                      &entry);
    }
    if (token->text.len > 0) {
        token->json = sizes_of(transaction);
        dynamodb_token_add(dynamodb, &entry, token);
    }
    for (size_t i = 0; i < transaction->count; i++)
        atomic_store(&actions[i].write.address.lane->busy, 1);
    enum mr_status status = dynamodb_commit_locked(dynamodb, &entry, &ticket);
    for (size_t i = 0; i < transaction->count; i++) {
        if (status == MR_OK)
            atomic_store(&actions[i].write.address.lane->ticket, ticket);
        atomic_store(&actions[i].write.address.lane->busy, 0);
    }
    if (status == MR_OK && ticket > call->ticket)
        call->ticket = ticket;
    if (status == MR_FULL) /* the old images of a hundred large items can do that */
        return protocol_fail(call, &dynamodb_limit_exceeded,
                             "The transaction and the stream records of its changes exceed the "
                             "limit of one commit");
    return status;
}

static enum mr_status run_locked(struct transaction *transaction, struct dynamodb_token *token)
{
    struct protocol_call *call = transaction->call;
    if (token->text.len > 0) {
        yyjson_val *sizes;
        enum mr_status known = dynamodb_token_check(call->service, call->arena, token, &sizes);
        if (known < 0)
            return known;
        if (known == MR_INVALID)
            return protocol_fail(call, &dynamodb_token_mismatch,
                                 "The request uses the same client token as a previous, but "
                                 "non-identical request.");
        transaction->replayed = known == MR_EXISTS;
        if (transaction->replayed) {
            replay(transaction, sizes);
            return MR_OK;
        }
    }
    enum mr_status status = evaluate_locked(transaction);
    if (status != MR_OK)
        return status;
    if (!transaction->canceled)
        return commit_locked(transaction, token);
    wait_for_lanes(call, transaction->actions, transaction->count);
    return MR_OK;
}

/* ---- answering ---- */

static void reason_json(struct mr_json *json, const struct action *action)
{
    mr_json_object(json);
    mr_json_key_cstr(json, "Code", action->code == NULL ? "None" : action->code);
    if (action->code != NULL)
        mr_json_key_string(json, "Message", action->message);
    const bool failed = action->code != NULL && strcmp(action->code, "ConditionalCheckFailed") == 0;
    if (failed && action->write.wants_old_on_failure && action->old.ptr != NULL) {
        mr_json_key(json, "Item");
        item_json(json, action->old);
    }
    mr_json_object_end(json);
}

static void answer_canceled(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0}, codes MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    qsort(transaction->actions, transaction->count, sizeof(transaction->actions[0]), by_request);
    mr_json_array(&json);
    for (size_t i = 0; i < transaction->count; i++) {
        const struct action *action = &transaction->actions[i];
        reason_json(&json, action);
        mr_buf_printf(&codes, "%s%s", i == 0 ? "" : ", ",
                      action->code == NULL ? "None" : action->code);
    }
    mr_json_array_end(&json);
    protocol_fail(call, &dynamodb_canceled,
                  "Transaction cancelled, please refer cancellation reasons for specific reasons "
                  "[%.*s]",
                  MR_ARG(mr_buf_slice(&codes)));
    protocol_fail_member(call, "CancellationReasons",
                         mr_arena_copy(call->arena, mr_buf_slice(&text)));
}

/* What the actions on the first one's table consume: twice what they would alone, but in global
 * indexes, which AWS writes behind the transaction. Returns how many actions they are. */
static size_t units_of_table(const struct action *actions, size_t count,
                             struct dynamodb_units *units)
{
    size_t n = 0;
    *units = (struct dynamodb_units){0};
    for (; n < count && actions[n].table == actions[0].table; n++) {
        units->table += 2 * actions[n].write.units.table;
        for (size_t i = 0; i < actions[n].table->index_count; i++) {
            const struct dynamodb_index *index = dynamodb_index_at(actions[n].table, i);
            const double times = index != NULL && index->local ? 2 : 1;
            units->indexes[i] += times * actions[n].write.units.indexes[i];
        }
    }
    return n;
}

/* A list entry for each table. */
static void answer_capacity(struct protocol_call *call, const struct action *actions, size_t count,
                            const char *kind)
{
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    struct dynamodb_units units;
    for (size_t from = 0; from < count;) {
        const struct dynamodb_table *table = actions[from].table;
        from += units_of_table(actions + from, count - from, &units);
        dynamodb_consumed(table, &units, strcmp(kind, "WriteCapacityUnits") == 0);
    }
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    mr_json_array(&call->out);
    for (size_t from = 0; from < count;) {
        const struct action *first = &actions[from];
        const struct mr_slice named = first->statement != NULL
                                          ? first->statement->table
                                          : mr_json_get_text(first->body, "TableName");
        from += units_of_table(first, count - from, &units);
        dynamodb_capacity_kind_json(&call->out, wanted, named, first->table, &units, kind);
    }
    mr_json_array_end(&call->out);
}

static bool next_written(void *ctx, size_t at, const struct dynamodb_table **ret_table,
                         struct mr_slice *ret_item)
{
    const struct transaction *transaction = ctx;
    if (at >= transaction->count)
        return false;
    *ret_table = transaction->actions[at].table;
    *ret_item = transaction->actions[at].write.item;
    return true;
}

static void run(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    if (transaction->canceled) {
        answer_canceled(transaction);
        return;
    }
    struct dynamodb_token token = {.text = mr_json_get_text(call->in, "ClientRequestToken"),
                                   .now_ms = call->now_ms};
    if (token.text.len > 0)
        token.content = dynamodb_token_content(transaction->requests);
    lock_lanes(transaction->actions, transaction->count);
    enum mr_status status = run_locked(transaction, &token);
    unlock_lanes(transaction->actions, transaction->count);
    if (status != MR_OK) {
        protocol_fail_internal(call, status);
    } else if (transaction->canceled) {
        answer_canceled(transaction);
    } else {
        answer_capacity(call, transaction->actions, transaction->count,
                        transaction->replayed ? "ReadCapacityUnits" : "WriteCapacityUnits");
        dynamodb_collections_json(call, next_written, transaction);
    }
}

static void release_tables(struct transaction *transaction)
{
    for (size_t i = 0; i < transaction->count; i++)
        dynamodb_table_unref(transaction->actions[i].table);
}

void dynamodb_transact_write_items(struct protocol_call *call)
{
    struct transaction transaction = transaction_make(call, "TransactItems");
    if (read_actions(&transaction) == MR_OK)
        run(&transaction);
    release_tables(&transaction);
}

/* ---- TransactGetItems ---- */

static enum mr_status read_get(struct protocol_call *call, yyjson_val *request,
                               struct action *action)
{
    yyjson_val *body = mr_json_get(request, "Get");
    action->expressions = MR_NEW(call->arena, struct dynamodb_expressions);
    const unsigned kinds = DYNAMODB_PROJECTION | DYNAMODB_ACTION;
    if (dynamodb_check_parameters(call, body, kinds) != MR_OK ||
        dynamodb_key_read(call, mr_json_get(body, "Key"), &action->write.item) != MR_OK ||
        dynamodb_parse_expressions(call, body, kinds, action->expressions) != MR_OK)
        return MR_FAULT;
    action->body = body;
    action->needs = "GetItem";
    action->write.kind = DYNAMODB_CHANGE;
    return MR_OK;
}

static enum mr_status read_gets(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    yyjson_arr_iter iter = yyjson_arr_iter_with(transaction->requests);
    for (yyjson_val *request; (request = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct action *action = &transaction->actions[transaction->count];
        action->at = transaction->count++;
        if (read_get(call, request, action) != MR_OK)
            return MR_FAULT;
    }
    if (find_tables(transaction) != MR_OK || check_keys(transaction) != MR_OK)
        return MR_FAULT;
    for (size_t i = 0; i < transaction->count; i++) {
        const struct action *action = &transaction->actions[i];
        const struct dynamodb_paths paths = {.projection = action->expressions->projection};
        if (dynamodb_paths_check(call, action->table, &paths) != MR_OK)
            return MR_FAULT;
    }
    return transaction->canceled ? MR_OK : order_actions(transaction);
}

static void answer_gets(struct transaction *transaction)
{
    struct protocol_call *call = transaction->call;
    answer_capacity(call, transaction->actions, transaction->count, "ReadCapacityUnits");
    qsort(transaction->actions, transaction->count, sizeof(transaction->actions[0]), by_request);
    mr_json_key(&call->out, "Responses");
    mr_json_array(&call->out);
    for (size_t i = 0; i < transaction->count; i++) {
        const struct action *action = &transaction->actions[i];
        mr_json_object(&call->out);
        if (action->old.ptr != NULL && action->statement != NULL) {
            mr_json_key(&call->out, "Item");
            dynamodb_statement_item_json(&call->out, action->statement, action->old);
        } else if (action->old.ptr != NULL &&
                   (action->expressions->projection == NULL ||
                    item_projection_matches(action->expressions->projection, action->old))) {
            mr_json_key(&call->out, "Item");
            item_projection_json(&call->out, action->expressions->projection, action->old);
        }
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

static void run_gets(struct transaction *transaction)
{
    if (transaction->canceled) {
        answer_canceled(transaction);
        return;
    }
    lock_lanes(transaction->actions, transaction->count);
    enum mr_status status = read_locked(transaction);
    unlock_lanes(transaction->actions, transaction->count);
    uint64_t bytes = 0; /* what is found counts, not what a projection leaves of it */
    for (size_t i = 0; status == MR_OK && i < transaction->count; i++)
        if (transaction->actions[i].old.ptr != NULL)
            bytes += item_size(transaction->actions[i].old);
    if (status != MR_OK)
        protocol_fail_internal(transaction->call, status);
    else if (check_bytes(transaction->call, bytes) == MR_OK)
        answer_gets(transaction);
}

void dynamodb_transact_get_items(struct protocol_call *call)
{
    struct transaction transaction = transaction_make(call, "TransactItems");
    if (read_gets(&transaction) == MR_OK)
        run_gets(&transaction);
    release_tables(&transaction);
}

/* ---- ExecuteTransaction ---- */

static enum mr_status check_reads(struct protocol_call *call, const struct action *action)
{
    const struct item_statement *statement = action->statement;
    bool exists = statement->kind == ITEM_STATEMENT_EXISTS;
    if (!exists && statement->kind != ITEM_STATEMENT_SELECT)
        return MR_OK;
    if (statement->index.len > 0)
        return protocol_fail(call, &protocol_validation,
                             exists ? "Operations on indices are not supported in transactions"
                                    : "Reads on indices are not supported within transactions.");
    if (dynamodb_statement_reads_one(call->arena, action->table, statement, !exists))
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         exists ? "EXISTS() must contain a single item read with additional "
                                  "condition"
                                : "Select statements within ExecuteTransaction must specify the "
                                  "primary key in the where clause.");
}

/* *ret_gone: what it fails of is no table. */
static enum mr_status read_statement(struct protocol_call *call, yyjson_val *request,
                                     struct action *action, bool *ret_gone)
{
    *ret_gone = false;
    action->statement = MR_NEW(call->arena, struct item_statement);
    if (dynamodb_statement_read(call, request, action->statement) != MR_OK)
        return MR_FAULT;
    if (action->statement->returning != ITEM_RETURNING_NOTHING)
        return protocol_fail(call, &protocol_validation,
                             "RETURNING is not supported in transactions");
    if (dynamodb_arn_check(call, action->statement->table,
                           dynamodb_statement_needs(action->statement)) != MR_OK)
        return MR_FAULT;
    action->table =
        dynamodb_table_find(call->service, dynamodb_table_name(action->statement->table));
    if (action->table == NULL) {
        *ret_gone = true;
        return MR_FAULT;
    }
    if (check_reads(call, action) != MR_OK)
        return MR_FAULT;
    action->check_only = action->statement->kind == ITEM_STATEMENT_EXISTS;
    action->write.wants_old_on_failure = mr_slice_equal(
        mr_json_get_text(request, "ReturnValuesOnConditionCheckFailure"), MR_S("ALL_OLD"));
    return MR_OK;
}

/* AWS: what does not fit the table is a reason to cancel, as in TransactWriteItems. */
static uint64_t prepare_statements(struct transaction *transaction)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < transaction->count && !transaction->canceled; i++) {
        struct action *action = &transaction->actions[i];
        if (dynamodb_statement_prepare(transaction->call, action->table, action->statement,
                                       &action->write) != MR_OK)
            cancel(transaction, action);
        else
            bytes += item_size(action->write.item);
    }
    return bytes;
}

static enum mr_status read_statements(struct transaction *transaction, size_t *ret_reads)
{
    struct protocol_call *call = transaction->call;
    yyjson_arr_iter iter = yyjson_arr_iter_with(transaction->requests);
    *ret_reads = 0;
    for (yyjson_val *request; (request = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct action *action = &transaction->actions[transaction->count];
        bool gone;
        action->at = transaction->count++;
        if (read_statement(call, request, action, &gone) != MR_OK && gone)
            return protocol_fail(call, &dynamodb_not_found, "Requested resource not found");
        if (protocol_failed(call)) {
            struct mr_slice message = protocol_fault_take(call);
            return protocol_fail(call, &protocol_validation,
                                 "Validation failed in TransactStatements[%zu]: %.*s", action->at,
                                 MR_ARG(message));
        }
        *ret_reads += action->statement->kind == ITEM_STATEMENT_SELECT;
    }
    if (*ret_reads > 0 && *ret_reads < transaction->count)
        return protocol_fail(call, &protocol_validation,
                             "A transaction must contain either only reads or only writes");
    if (check_bytes(call, prepare_statements(transaction)) != MR_OK)
        return MR_FAULT;
    return transaction->canceled ? MR_OK : order_actions(transaction);
}

void dynamodb_execute_transaction(struct protocol_call *call)
{
    struct transaction transaction = transaction_make(call, "TransactStatements");
    size_t reads;
    enum mr_status status = read_statements(&transaction, &reads);
    if (status == MR_OK && reads > 0)
        run_gets(&transaction);
    else if (status == MR_OK)
        run(&transaction);
    if (status == MR_OK && reads == 0 && !protocol_failed(call)) {
        mr_json_key(&call->out, "Responses");
        mr_json_array(&call->out);
        mr_json_array_end(&call->out);
    }
    release_tables(&transaction);
}
