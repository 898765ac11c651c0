/* ExecuteStatement, BatchExecuteStatement, ExecuteTransaction: statements run by what runs the
 * other operations. A SELECT that names a partition key is a Query, else a Scan; the whole
 * condition is its filter. A write names its item by equalities on all keys; what else it asks is
 * its condition.
 */
#include "base/codec.h"
#include "dynamodb/access.h"
#include "dynamodb/page.h"
#include "dynamodb/statement.h"
#include <stdlib.h>

enum { STATEMENTS_MAX = 25 };

/* ---- reading ---- */

static bool is_name(struct protocol_call *call, struct mr_slice name)
{
    enum { LEN_MIN = 3, LEN_MAX = 255 };
    if (dynamodb_name_check(call, name) == MR_OK)
        return name.len >= LEN_MIN && name.len <= LEN_MAX;
    protocol_fault_take(call);
    return false;
}

static enum mr_status check_names(struct protocol_call *call,
                                  const struct item_statement *statement)
{
    if ((is_name(call, statement->table) || mr_slice_starts_with(statement->table, MR_S("arn:"))) &&
        (statement->index.len == 0 || is_name(call, statement->index)))
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Table name should be within the length [3, 255] and only contain 'a-z', "
                         "'A-Z', '0-9', '-', '_', '.'.");
}

enum mr_status dynamodb_statement_read(struct protocol_call *call, yyjson_val *request,
                                       struct item_statement *ret_statement)
{
    struct mr_slice error;
    enum mr_status status =
        item_partiql_parse(call->arena, mr_json_get_text(request, "Statement"),
                           mr_json_get(request, "Parameters"), ret_statement, &error);
    return status == MR_OK ? check_names(call, ret_statement)
                           : dynamodb_refuse(call, status, error);
}

/* The keys that the condition names by equality; *ret_keys is empty when one is missing. */
static void keys_of_where(struct mr_arena *arena, const struct dynamodb_schema *schema,
                          const struct item_node *where, struct mr_slice *ret_keys)
{
    const struct item_node *hash = item_partiql_term(where, schema->hash.name, true);
    const struct item_node *range =
        schema->has_range ? item_partiql_term(where, schema->range.name, true) : NULL;
    struct item_field fields[2];
    size_t count = 0;
    *ret_keys = (struct mr_slice){0};
    if (hash == NULL || (schema->has_range && range == NULL))
        return;
    fields[count++] = (struct item_field){schema->hash.name, hash->args[1]->value};
    if (schema->has_range)
        fields[count++] = (struct item_field){schema->range.name, range->args[1]->value};
    *ret_keys = item_make(arena, fields, count);
}

static enum mr_status refuse_key_type(struct protocol_call *call, const struct dynamodb_key *key)
{
    return protocol_fail(call, &protocol_validation,
                         "Key attribute's data type should match its data type in table's schema: "
                         "Key %.*s",
                         MR_ARG(key->name));
}

static enum mr_status check_once(struct protocol_call *call, const struct item_statement *statement,
                                 const struct dynamodb_key *key)
{
    if (!item_partiql_contradicts(statement->where, key->name))
        return MR_OK;
    return protocol_fail(call, &protocol_validation,
                         "Multiple conditions on same key %.*s. Only single item "
                         "Update/Insert/Delete are supported",
                         MR_ARG(key->name));
}

static enum mr_status read_keys(struct protocol_call *call, const struct dynamodb_table *table,
                                const struct item_statement *statement, struct mr_slice *ret_keys)
{
    keys_of_where(call->arena, &table->schema, statement->where, ret_keys);
    if (ret_keys->len == 0)
        return protocol_fail(call, &protocol_validation,
                             "Where clause does not contain a mandatory equality on all key "
                             "attributes");
    for (size_t i = 0; i < table->schema.key_count; i++) {
        const struct dynamodb_key *key = &table->schema.keys[i];
        if (check_once(call, statement, key) != MR_OK)
            return MR_FAULT;
        if (item_get(*ret_keys, key->name).type != key->type)
            return refuse_key_type(call, key);
    }
    return dynamodb_key_check(call, table, *ret_keys);
}

/* Whether there is an item; AND the statement's own condition, if there must be one, else OR. */
static struct item_condition *condition_of(struct mr_arena *arena,
                                           const struct dynamodb_table *table, bool exists,
                                           struct item_node *where)
{
    enum item_node_kind kind = exists ? ITEM_NODE_ATTRIBUTE_EXISTS : ITEM_NODE_ATTRIBUTE_NOT_EXISTS;
    struct item_condition *condition = MR_NEW(arena, struct item_condition);
    struct item_node *nodes = MR_NEW_ARRAY(arena, struct item_node, 3);
    nodes[0] = (struct item_node){.kind = kind, .count = 1};
    nodes[0].args = MR_NEW_ARRAY(arena, struct item_node *, 1);
    nodes[0].args[0] = &nodes[1];
    nodes[1] = (struct item_node){.kind = ITEM_NODE_PATH};
    nodes[1].path = (struct item_path){.steps = MR_NEW(arena, struct item_step), .count = 1};
    nodes[1].path.steps[0].name = table->schema.hash.name;
    nodes[2] = (struct item_node){.kind = exists ? ITEM_NODE_AND : ITEM_NODE_OR,
                                  .count = where == NULL ? 1 : 2};
    nodes[2].args = MR_NEW_ARRAY(arena, struct item_node *, 2);
    nodes[2].args[0] = &nodes[0];
    nodes[2].args[1] = where;
    condition->root = &nodes[2];
    return condition;
}

/* Whether the condition says nothing but the keys. */
static bool is_keys_only(const struct dynamodb_table *table, const struct item_node *where)
{
    size_t wanted = table->schema.has_range ? 2 : 1;
    size_t count = where->kind == ITEM_NODE_AND ? where->count : 1;
    return count == wanted;
}

/* AWS: in words that PutItem does not have. */
static enum mr_status check_inserted(struct protocol_call *call, const struct dynamodb_table *table,
                                     struct mr_slice item)
{
    for (size_t i = 0; i < table->schema.key_count; i++) {
        const struct dynamodb_key *key = &table->schema.keys[i];
        const enum item_type type = item_get(item, key->name).type;
        if (type == ITEM_NONE)
            return protocol_fail(call, &protocol_validation,
                                 "Key attribute should be present in the item: Key %.*s",
                                 MR_ARG(key->name));
        if (type != key->type)
            return refuse_key_type(call, key);
    }
    return MR_OK;
}

static enum mr_status prepare_insert(struct protocol_call *call, struct dynamodb_table *table,
                                     const struct item_statement *statement,
                                     struct dynamodb_write *write)
{
    write->kind = DYNAMODB_PUT;
    write->inserts = true;
    write->item = statement->item;
    if (item_size(write->item) > ITEM_SIZE_MAX)
        return protocol_fail(call, &protocol_validation,
                             "Item size has exceeded the maximum allowed size");
    write->condition = condition_of(call->arena, table, false, NULL);
    if (check_inserted(call, table, write->item) != MR_OK)
        return MR_FAULT;
    return dynamodb_item_check(call, table, write->item);
}

enum mr_status dynamodb_statement_prepare(struct protocol_call *call, struct dynamodb_table *table,
                                          struct item_statement *statement,
                                          struct dynamodb_write *write)
{
    enum mr_status status;
    if (statement->index.len > 0)
        return protocol_fail(call, &protocol_validation,
                             "This operation is not supported on an index");
    if (statement->kind == ITEM_STATEMENT_INSERT) {
        status = prepare_insert(call, table, statement, write);
    } else {
        write->kind = statement->kind == ITEM_STATEMENT_DELETE ? DYNAMODB_DELETE : DYNAMODB_CHANGE;
        status = read_keys(call, table, statement, &write->item);
        bool deletes = statement->kind == ITEM_STATEMENT_DELETE; /* what is not there, too */
        if (status == MR_OK && !(deletes && is_keys_only(table, statement->where)))
            write->condition = condition_of(call->arena, table, !deletes, statement->where);
    }
    if (status == MR_OK && statement->kind == ITEM_STATEMENT_UPDATE) {
        write->update = &statement->update;
        status = dynamodb_update_check(call, table, write->update);
    }
    if (status == MR_OK)
        write->address = dynamodb_address_of(call->arena, table, write->item);
    return status;
}

/* ---- answering ---- */

void dynamodb_statement_item_json(struct mr_json *json, const struct item_statement *statement,
                                  struct mr_slice item)
{
    if (statement->path_count == 0) {
        item_json(json, item);
        return;
    }
    mr_json_object(json);
    for (size_t i = 0; i < statement->path_count; i++) {
        struct item_value value = item_path_get(&statement->paths[i], item);
        if (value.type == ITEM_NONE)
            continue;
        mr_json_name(json, statement->names[i]);
        item_value_json(json, &value);
    }
    mr_json_object_end(json);
}

void dynamodb_statement_token_json(struct protocol_call *call, struct mr_slice keys)
{
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    item_json(&json, keys);
    mr_json_key(&call->out, "NextToken");
    mr_json_base64(&call->out, mr_buf_slice(&text));
}

static enum mr_status read_token(struct protocol_call *call, struct mr_slice *ret_keys)
{
    struct mr_slice token = mr_json_get_text(call->in, "NextToken"), text, error;
    *ret_keys = (struct mr_slice){0};
    if (token.len == 0)
        return MR_OK;
    if (mr_base64_decode(call->arena, token, &text) == MR_OK) {
        yyjson_val *json = mr_json_parse(call->arena, text, MR_JSON_DEPTH_MAX);
        if (yyjson_is_obj(json) && item_encode(call->arena, json, ret_keys, &error) == MR_OK)
            return MR_OK;
    }
    return protocol_fail(call, &protocol_validation, "Invalid NextToken");
}

/* ---- SELECT ---- */

/* A global index shows what it projects; a local one fetches what is named beyond that. */
static enum mr_status check_projected(struct dynamodb_page *page,
                                      const struct dynamodb_index *index)
{
    const struct item_statement *statement = page->statement;
    for (size_t i = 0; index->projection != DYNAMODB_ALL && i < statement->path_count; i++) {
        struct mr_slice name = statement->paths[i].steps[0].name;
        if (dynamodb_is_projected(page->table, index, name))
            continue;
        if (!index->local)
            return protocol_fail(page->call, &protocol_validation,
                                 "One or more parameter values were invalid: Global secondary "
                                 "index %.*s does not project [%.*s]",
                                 MR_ARG(index->name), MR_ARG(name));
        page->fetches = true;
    }
    return MR_OK;
}

static enum mr_status find_index(struct dynamodb_page *page, struct mr_slice name)
{
    if (name.len == 0)
        return MR_OK;
    struct protocol_call *call = page->call;
    const struct dynamodb_index *index = dynamodb_table_index(page->table, name);
    page->index = index;
    if (index == NULL || index->state != DYNAMODB_INDEX_ACTIVE)
        return protocol_fail(call, &protocol_validation,
                             "The table does not have the specified index: %.*s", MR_ARG(name));
    if (page->consistent && !index->local)
        return protocol_fail(call, &protocol_validation,
                             "Consistent reads are not supported on global secondary indexes");
    return check_projected(page, index);
}

static struct item_key_term key_term(const struct item_node *node)
{
    struct item_key_term term = {
        .name = node->args[0]->path.steps[0].name, .kind = node->kind, .low = node->args[1]->value};
    if (node->count == 3)
        term.high = node->args[2]->value;
    return term;
}

/* AWS: what a term asks of a key has the key's type, and is not empty. */
static enum mr_status check_term(struct protocol_call *call, const struct dynamodb_key *key,
                                 const struct item_node *term)
{
    for (size_t i = 1; i < term->count; i++) {
        if (term->args[i]->value.type != key->type)
            return refuse_key_type(call, key);
        if (dynamodb_term_check(call, key, &term->args[i]->value) != MR_OK)
            return MR_FAULT;
    }
    return MR_OK;
}

/* ---- SELECT: which keys ---- */

struct placing {
    struct dynamodb_page *page;
    const struct item_statement *statement;
    const struct dynamodb_schema *schema;
    struct item_value *hashes; /* one of each partition key; or several of the only one */
    size_t hash_count;         /* partition keys' values that must be; 0: all items */
    bool several;
};

static int by_value(const void *a, const void *b)
{
    return item_value_compare(a, b);
}

/* AWS: IN takes 50 values of a partition key, and is answered by pages of ten items. */
static enum mr_status check_list(struct placing *placing)
{
    enum { LISTED_MAX = 50, LISTED_PAGE = 10 };
    const size_t listed =
        item_partiql_listed(placing->statement->where, placing->schema->keys[0].name);
    if (listed > LISTED_MAX)
        return protocol_fail(placing->page->call, &protocol_validation,
                             "Statement wasn't well formed, can't be processed: Too many operands "
                             "of IN");
    placing->page->together_max = listed > 1 ? LISTED_PAGE : 0;
    return MR_OK;
}

/* AWS: a partition key that is one of some values asks for these partitions, not for a scan. */
static enum mr_status find_several(struct placing *placing)
{
    const struct dynamodb_key *key = &placing->schema->keys[0];
    size_t count, kept = 0;
    struct item_value *values;
    if (placing->schema->hash_count != 1 ||
        !item_partiql_values(placing->page->call->arena, placing->statement->where, key->name,
                             &values, &count) ||
        count == 0)
        return MR_OK;
    for (size_t i = 0; i < count; i++) {
        if (values[i].type != key->type)
            return refuse_key_type(placing->page->call, key);
    }
    qsort(values, count, sizeof *values, by_value);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || item_value_compare(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    }
    placing->hashes = values;
    placing->hash_count = kept;
    placing->several = kept > 1;
    return check_list(placing);
}

static enum mr_status find_hashes(struct placing *placing)
{
    const struct dynamodb_schema *schema = placing->schema;
    const struct item_statement *statement = placing->statement;
    size_t found = 0;
    placing->hashes =
        MR_NEW_ARRAY(placing->page->call->arena, struct item_value, DYNAMODB_HASH_KEYS_MAX);
    for (size_t i = 0; i < schema->key_count; i++) {
        const struct item_node *node =
            item_partiql_term(statement->where, schema->keys[i].name, true);
        if (node != NULL && check_term(placing->page->call, &schema->keys[i], node) != MR_OK)
            return MR_FAULT;
        if (i < schema->hash_count && node != NULL)
            placing->hashes[found++] = node->args[1]->value;
    }
    placing->hash_count = found == schema->hash_count ? found : 0;
    return placing->hash_count > 0 ? MR_OK : find_several(placing);
}

/* Of several partitions the partition key has to come first: items are in order within one. */
static enum mr_status check_order(const struct placing *placing)
{
    const struct item_statement *statement = placing->statement;
    struct protocol_call *call = placing->page->call;
    if (statement->order_count == 0)
        return MR_OK;
    if (statement->where == NULL)
        return protocol_fail(call, &protocol_validation,
                             "Must have WHERE clause in the statement when using ORDER BY clause.");
    for (size_t i = 0; placing->hash_count > 0 && i < statement->order_count; i++) {
        if (!dynamodb_is_key(placing->schema, statement->orders[i].name))
            return protocol_fail(call, &protocol_validation,
                                 "Variable reference %.*s in ORDER BY clause must be part of the "
                                 "primary key",
                                 MR_ARG(statement->orders[i].name));
    }
    if (placing->hash_count == 0 ||
        (placing->several &&
         !mr_slice_equal(statement->orders[0].name, placing->schema->keys[0].name)))
        return protocol_fail(call, &protocol_validation,
                             "Must have at least one non-optional hash key condition in WHERE "
                             "clause when using ORDER BY clause.");
    return MR_OK;
}

/* The ranges of several partitions, in the order that is asked for. */
static void place_several(const struct placing *placing, const struct item_key_term *const *terms,
                          size_t term_count)
{
    struct dynamodb_page *page = placing->page;
    struct mr_arena *arena = page->call->arena;
    const size_t count = placing->hash_count;
    const bool descending =
        placing->statement->order_count > 0 && placing->statement->orders[0].descending;
    struct dynamodb_range *ranges = MR_NEW_ARRAY(arena, struct dynamodb_range, count);
    for (size_t i = 0; i < count; i++)
        ranges[i] = dynamodb_range_of_query(arena, page->table, page->index,
                                            &placing->hashes[descending ? count - 1 - i : i], 1,
                                            terms, term_count);
    page->ranges = ranges;
    page->range_count = count;
    page->range = ranges[0];
}

static enum mr_status place(struct dynamodb_page *page, const struct item_statement *statement)
{
    struct mr_arena *arena = page->call->arena;
    const struct dynamodb_schema *schema =
        page->index != NULL ? &page->index->schema : &page->table->schema;
    struct placing placing = {.page = page, .statement = statement, .schema = schema};
    enum mr_status status = find_hashes(&placing);
    if (status == MR_OK)
        status = check_order(&placing);
    if (status != MR_OK)
        return status;
    /* The sort key's order stands last, or there is none but the partition key's. */
    page->backward =
        statement->order_count > 0 && statement->orders[statement->order_count - 1].descending;
    if (placing.hash_count == 0) {
        page->range = dynamodb_range_of_scan(arena, page->table, page->index, 0, 1);
        return MR_OK;
    }
    struct item_key_term terms[DYNAMODB_KEYS_MAX];
    const struct item_key_term *list[DYNAMODB_KEYS_MAX];
    size_t count = 0;
    for (size_t i = schema->hash_count; i < schema->key_count; i++) {
        const struct item_node *range =
            item_partiql_term(statement->where, schema->keys[i].name, false);
        if (range == NULL)
            break;
        if (check_term(page->call, &schema->keys[i], range) != MR_OK)
            return MR_FAULT;
        terms[count] = key_term(range);
        list[count] = &terms[count];
        if (terms[count++].kind != ITEM_NODE_EQ)
            break;
    }
    if (placing.several)
        place_several(&placing, list, count);
    else
        page->range = dynamodb_range_of_query(arena, page->table, page->index, placing.hashes,
                                              placing.hash_count, list, count);
    return dynamodb_page_filtered(page);
}

/* A token of another statement names no place here. */
static enum mr_status start_fits(struct dynamodb_page *page)
{
    enum mr_status status = dynamodb_page_start_count(page, true);
    const struct dynamodb_schema *schema =
        page->index != NULL ? &page->index->schema : &page->table->schema;
    for (size_t i = 0; status == MR_OK && i < schema->key_count; i++)
        status = dynamodb_page_start_piece(page, &schema->keys[i], i >= schema->hash_count);
    if (status == MR_OK)
        status = dynamodb_page_start_tables(page);
    if (status == MR_OK)
        status = dynamodb_page_start_after(page, true);
    if (status == MR_OK)
        return MR_OK;
    protocol_fault_take(page->call);
    return protocol_fail(page->call, &protocol_validation, "NextToken does not match request");
}

static void run_select(struct protocol_call *call, struct dynamodb_table *table,
                       const struct item_statement *statement)
{
    struct dynamodb_expressions expressions = {.has_filter = statement->where != NULL};
    expressions.filter.root = statement->where;
    struct dynamodb_page page = {
        .call = call,
        .table = table,
        .expressions = &expressions,
        .statement = statement,
        .limit = mr_json_get_i64(call->in, "Limit", INT64_MAX),
        .consistent = mr_json_get_bool(call->in, "ConsistentRead", false),
    };
    if (read_token(call, &page.start) == MR_OK && find_index(&page, statement->index) == MR_OK &&
        place(&page, statement) == MR_OK && start_fits(&page) == MR_OK)
        dynamodb_page_run(&page);
}

/* ---- writes ---- */

static void answer_write(struct protocol_call *call, const struct dynamodb_table *table,
                         const struct item_statement *statement, const struct dynamodb_write *write)
{
    enum item_returning returning = statement->returning;
    bool old = returning == ITEM_RETURNING_ALL_OLD || returning == ITEM_RETURNING_MODIFIED_OLD;
    bool modified =
        returning == ITEM_RETURNING_MODIFIED_OLD || returning == ITEM_RETURNING_MODIFIED_NEW;
    struct mr_slice image = old ? write->old : write->new_item;
    struct item_projection *projection = NULL;
    if (modified)
        projection =
            item_projection_make(call->arena, statement->update.paths, statement->update.count);
    mr_json_key(&call->out, "Items");
    mr_json_array(&call->out);
    if (returning != ITEM_RETURNING_NOTHING && image.ptr != NULL &&
        (projection == NULL || item_projection_matches(projection, image)))
        item_projection_json(&call->out, projection, image);
    mr_json_array_end(&call->out);
    dynamodb_consumed(table, &write->units, true);
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    dynamodb_capacity_json(&call->out, wanted, statement->table, table, &write->units);
}

static void run_write(struct protocol_call *call, struct dynamodb_table *table,
                      struct item_statement *statement)
{
    struct dynamodb_write write = {
        .wants_old = statement->returning != ITEM_RETURNING_NOTHING,
        .wants_old_on_failure = mr_slice_equal(
            mr_json_get_text(call->in, "ReturnValuesOnConditionCheckFailure"), MR_S("ALL_OLD")),
    };
    if (dynamodb_statement_prepare(call, table, statement, &write) != MR_OK)
        return;
    enum mr_status status = dynamodb_write_run(call, table, &write);
    protocol_fail_internal(call, status);
    if (status == MR_OK)
        answer_write(call, table, statement, &write);
}

void dynamodb_execute_statement(struct protocol_call *call)
{
    struct item_statement statement;
    if (dynamodb_statement_read(call, call->in, &statement) != MR_OK ||
        dynamodb_arn_check(call, statement.table, dynamodb_statement_needs(&statement)) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_need_table(call, statement.table, false);
    if (table == NULL)
        return;
    if (statement.kind == ITEM_STATEMENT_SELECT)
        run_select(call, table, &statement);
    else if (statement.kind != ITEM_STATEMENT_EXISTS)
        run_write(call, table, &statement);
    else
        protocol_fail(call, &protocol_validation,
                      "EXISTS can only be used in ExecuteTransaction write requests.");
}

/* ---- BatchExecuteStatement: each statement is a call of its own ---- */

/* AWS: the codes of a batch lack the ending of the faults'. */
static struct mr_slice batch_code(struct mr_slice code)
{
    if (mr_slice_equal(code, MR_S("ValidationException")))
        return MR_S("ValidationError");
    size_t at = mr_slice_search(code, MR_S("Exception"));
    return at == SIZE_MAX ? code : mr_slice_sub(code, 0, at);
}

static void response_json(struct protocol_call *call, struct mr_slice table,
                          const struct protocol_result *result)
{
    yyjson_val *out = mr_json_parse(call->arena, result->output, MR_JSON_DEPTH_MAX);
    yyjson_val *item = yyjson_arr_get_first(mr_json_get(out, "Items"));
    mr_json_object(&call->out);
    if (result->code.len > 0) {
        mr_json_key(&call->out, "Error");
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Code", batch_code(result->code));
        mr_json_key_string(&call->out, "Message", result->message);
        mr_json_key_value(&call->out, "Item", mr_json_get(out, "Item"));
        mr_json_object_end(&call->out);
    }
    if (table.len > 0)
        mr_json_key_string(&call->out, "TableName", table);
    mr_json_key_value(&call->out, "Item", item);
    mr_json_object_end(&call->out);
}

bool dynamodb_statement_reads_one(struct mr_arena *arena, const struct dynamodb_table *table,
                                  const struct item_statement *statement, bool plain)
{
    struct mr_slice keys;
    keys_of_where(arena, &table->schema, statement->where, &keys);
    return keys.len > 0 && is_keys_only(table, statement->where) == plain;
}

/* A SELECT of a batch reads one item and asks nothing of it. */
static enum mr_status check_batched(struct protocol_call *call, yyjson_val *request,
                                    struct item_statement *statement)
{
    if (dynamodb_statement_read(call, request, statement) != MR_OK ||
        dynamodb_arn_check(call, statement->table, dynamodb_statement_needs(statement)) != MR_OK)
        return MR_FAULT;
    if (statement->kind != ITEM_STATEMENT_SELECT)
        return MR_OK;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(call->service, dynamodb_table_name(statement->table));
    if (table == NULL || dynamodb_statement_reads_one(call->arena, table, statement, true))
        return MR_OK; /* without a table its own response says so */
    return protocol_fail(call, &protocol_validation,
                         "Select statements within BatchExecuteStatement must specify the primary "
                         "key in the where clause.");
}

/* The key of the item that a statement names; empty when it names none, or none of its table's. */
static struct mr_slice item_key(struct protocol_call *call, const struct item_statement *statement)
{
    struct mr_slice keys = statement->item;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
        dynamodb_table_find(call->service, dynamodb_table_name(statement->table));
    if (table == NULL)
        return (struct mr_slice){0};
    if (statement->kind != ITEM_STATEMENT_INSERT)
        keys_of_where(call->arena, &table->schema, statement->where, &keys);
    for (size_t i = 0; keys.len > 0 && i < table->schema.key_count; i++) {
        if (item_get(keys, table->schema.keys[i].name).type != table->schema.keys[i].type)
            keys.len = 0;
    }
    return keys.len == 0 ? keys : dynamodb_address_of(call->arena, table, keys).key;
}

/* AWS: a batch of statements is a BatchGetItem or a BatchWriteItem, and keeps their rule. */
static enum mr_status check_batch_keys(struct protocol_call *call,
                                       const struct item_statement *statements,
                                       const struct protocol_result *results, size_t count,
                                       struct mr_slice *keys)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].code.len == 0)
            keys[i] = item_key(call, &statements[i]);
        for (size_t j = 0; keys[i].len > 0 && j < i; j++) {
            if (mr_slice_equal(keys[j], keys[i]))
                return protocol_fail(call, &protocol_validation,
                                     "Provided list of item keys contains duplicates");
        }
    }
    return MR_OK;
}

static enum mr_status run_batched(struct protocol_call *call, yyjson_val *request,
                                  struct protocol_result *result)
{
    struct dynamodb *dynamodb = call->service;
    struct mr_buf text MR_CLEANUP(mr_buf_fini) = {0};
    struct mr_json json = mr_json_make(&text);
    yyjson_obj_iter iter = yyjson_obj_iter_with(request);
    mr_json_object(&json);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        mr_json_name(&json, mr_slice_make(yyjson_get_str(key), yyjson_get_len(key)));
        mr_json_value(&json, yyjson_obj_iter_get_val(key));
    }
    if (dynamodb_capacity_wanted(call) != DYNAMODB_CAPACITY_NONE)
        mr_json_key_string(&json, "ReturnConsumedCapacity", MR_S("INDEXES"));
    mr_json_object_end(&json);
    return protocol_invoke(dynamodb->protocol, call->arena, "dynamodb", "ExecuteStatement",
                           mr_buf_slice(&text), (struct mr_slice){0}, result);
}

static double units_of(yyjson_val *part)
{
    return mr_json_get_double(part, "CapacityUnits", 0);
}

/* Adds what one statement's reply says it consumed. */
static void add_consumed(struct protocol_call *call, const struct dynamodb_table *table,
                         const struct protocol_result *result, struct dynamodb_units *units)
{
    yyjson_val *out = mr_json_parse(call->arena, result->output, MR_JSON_DEPTH_MAX);
    yyjson_val *consumed = mr_json_get(out, "ConsumedCapacity");
    if (!mr_slice_equal(dynamodb_table_name(mr_json_get_text(consumed, "TableName")), table->name))
        return;
    units->table += units_of(mr_json_get(consumed, "Table"));
    for (size_t i = 0; i < table->index_count; i++) {
        const struct dynamodb_index *index = dynamodb_index_at(table, i);
        if (index == NULL)
            continue;
        yyjson_val *indexes = mr_json_get(consumed, index->local ? "LocalSecondaryIndexes"
                                                                 : "GlobalSecondaryIndexes");
        units->indexes[i] += units_of(yyjson_obj_getn(indexes, index->name.ptr, index->name.len));
    }
}

/* A list entry for each table, in the order of the statements. */
static void batch_capacity_json(struct protocol_call *call, const struct item_statement *statements,
                                const struct protocol_result *results, size_t count)
{
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        struct mr_slice name = dynamodb_table_name(statements[i].table);
        struct dynamodb_units units = {0};
        bool again = results[i].code.len > 0;
        for (size_t j = 0; j < i && !again; j++)
            again = results[j].code.len == 0 &&
                    mr_slice_equal(dynamodb_table_name(statements[j].table), name);
        struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) =
            again ? NULL : dynamodb_table_find(call->service, name);
        if (table == NULL)
            continue;
        for (size_t j = i; j < count; j++) {
            if (results[j].code.len == 0)
                add_consumed(call, table, &results[j], &units);
        }
        dynamodb_capacity_json(&call->out, wanted, statements[i].table, table, &units);
    }
    mr_json_array_end(&call->out);
}

void dynamodb_batch_execute_statement(struct protocol_call *call)
{
    yyjson_val *requests = mr_json_get(call->in, "Statements");
    struct item_statement statements[STATEMENTS_MAX] = {0}; /* one that fails has no table */
    struct protocol_result results[STATEMENTS_MAX] = {0};
    struct mr_slice keys[STATEMENTS_MAX] = {0};
    size_t count = yyjson_arr_size(requests), reads = 0, writes = 0;
    for (size_t i = 0; i < count && i < STATEMENTS_MAX; i++) {
        if (check_batched(call, yyjson_arr_get(requests, i), &statements[i]) != MR_OK) {
            results[i].code = mr_slice_cstr(protocol_fault_code(call));
            results[i].message = protocol_fault_take(call);
            continue;
        }
        reads += statements[i].kind == ITEM_STATEMENT_SELECT;
        writes += statements[i].kind != ITEM_STATEMENT_SELECT;
    }
    if (reads > 0 && writes > 0) {
        protocol_fail(call, &protocol_validation,
                      "A batch must contain either only reads or only writes");
        return;
    }
    if (check_batch_keys(call, statements, results, count < STATEMENTS_MAX ? count : STATEMENTS_MAX,
                         keys) != MR_OK)
        return;
    mr_json_key(&call->out, "Responses");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count && i < STATEMENTS_MAX; i++) {
        bool good = results[i].code.len == 0;
        if (good && dynamodb_statement_denied(call, &statements[i], &results[i].message)) {
            results[i].code = MR_S("AccessDeniedException");
            good = false;
        }
        if (good)
            protocol_fail_internal(call,
                                   run_batched(call, yyjson_arr_get(requests, i), &results[i]));
        bool named = good && (results[i].code.len == 0 || keys[i].len > 0); /* AWS: its item */
        response_json(call, named ? statements[i].table : (struct mr_slice){0}, &results[i]);
    }
    mr_json_array_end(&call->out);
    batch_capacity_json(call, statements, results, count < STATEMENTS_MAX ? count : STATEMENTS_MAX);
}
