/* Query and Scan: which keys a page reads. */
#include "dynamodb/page.h"
#include <assert.h>

#define INVALID "One or more parameter values were invalid: "

/* AWS: what is wrong with a number or a set is told without saying where. */
static bool stands_alone(struct mr_slice error)
{
    static const char *const parts[] = {"contains duplicates", "number set", "numeric value",
                                        "significant digits", "number with magnitude"};
    for (size_t i = 0; i < MR_COUNT(parts); i++) {
        if (mr_slice_search(error, mr_slice_cstr(parts[i])) != SIZE_MAX)
            return true;
    }
    return false;
}

static enum mr_status read_start_key(struct protocol_call *call, struct mr_slice *ret_keys)
{
    yyjson_val *start = mr_json_get(call->in, "ExclusiveStartKey");
    struct mr_slice error;
    *ret_keys = (struct mr_slice){0};
    if (start == NULL)
        return MR_OK;
    enum mr_status status = item_encode(call->arena, start, ret_keys, &error);
    if (status == MR_INVALID && !stands_alone(error))
        return protocol_fail(call, &protocol_validation,
                             "The provided starting key is invalid: %.*s", MR_ARG(error));
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

/* ---- Query ---- */

enum mr_status dynamodb_term_check(struct protocol_call *call, const struct dynamodb_key *key,
                                   const struct item_value *value)
{
    if (value->type != key->type)
        return protocol_fail(call, &protocol_validation,
                             INVALID "Condition parameter type does not match schema type");
    if (value->type != ITEM_N && value->body.len == 0)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values are not valid. The AttributeValue for a "
                             "key attribute cannot contain an empty %s value. Key: %.*s",
                             value->type == ITEM_S ? "string" : "binary", MR_ARG(key->name));
    return MR_OK;
}

/* AWS: of a key of a global index it is said which index's. */
static enum mr_status check_operand(const struct dynamodb_page *page,
                                    const struct dynamodb_key *key, const struct item_value *value)
{
    if (page->index != NULL && !page->index->local &&
        dynamodb_index_check_empty(page->call, page->index, key, value) != MR_OK)
        return MR_FAULT;
    return dynamodb_term_check(page->call, key, value);
}

static const struct item_key_term *term_of(const struct item_key_condition *condition,
                                           struct mr_slice name)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (mr_slice_equal(condition->terms[i].name, name))
            return &condition->terms[i];
    }
    return NULL;
}

static bool is_indexable(enum item_node_kind kind)
{
    return kind == ITEM_NODE_EQ || (kind >= ITEM_NODE_LT && kind <= ITEM_NODE_BETWEEN) ||
           kind == ITEM_NODE_BEGINS_WITH;
}

/* What is said of one key attribute: *ret_term NULL for nothing, which only a sort key may be. */
static enum mr_status check_key(const struct dynamodb_page *page, const struct dynamodb_key *key,
                                bool range, const struct item_key_term **ret_term)
{
    struct protocol_call *call = page->call;
    const struct item_key_condition *condition = &page->expressions->key_condition;
    const struct item_key_term *term = term_of(condition, key->name);
    *ret_term = term;
    if (dynamodb_page_start_piece(page, key, range) != MR_OK)
        return MR_FAULT;
    if (term == NULL && range && condition->count == 1)
        return MR_OK;
    if (term == NULL)
        return protocol_fail(call, &protocol_validation,
                             "Query condition missed key schema element: %.*s", MR_ARG(key->name));
    if (!is_indexable(term->kind))
        return protocol_fail(call, &protocol_validation,
                             "Attempted conditional constraint is not an indexable operation");
    enum mr_status status = check_operand(page, key, &term->low);
    if (status == MR_OK && term->kind == ITEM_NODE_BETWEEN)
        status = check_operand(page, key, &term->high);
    if (status == MR_OK && !range && term->kind != ITEM_NODE_EQ)
        return protocol_fail(call, &protocol_validation, "Query key condition not supported");
    return status;
}

/* AWS: a starting key lies where the conditions say, and each way of not doing so has its words. */
static enum mr_status check_start_place(const struct dynamodb_page *page,
                                        const struct dynamodb_schema *schema,
                                        const struct item_key_term *hash,
                                        const struct item_key_term *range)
{
    if (page->start.len == 0)
        return MR_OK;
    enum mr_status status = dynamodb_page_start_tables(page);
    struct item_value value = item_get(page->start, schema->hash.name);
    bool same_hash = item_value_equal(&value, &hash->low);
    if (status != MR_OK || range == NULL)
        return status; /* dynamodb_page_start_after tells the rest */
    value = item_get(page->start, schema->range.name);
    if (!item_key_term_holds(range, &value))
        return protocol_fail(page->call, &protocol_validation,
                             "The provided starting key does not match the range key predicate");
    if (!same_hash)
        return protocol_fail(page->call, &protocol_validation,
                             "The query can return at most one row and cannot be restarted");
    return MR_OK;
}

/* ---- a key of several attributes ---- */

/* What is said of each key attribute, in the order of the schema. */
struct several {
    const struct item_key_term *terms[DYNAMODB_KEYS_MAX];
    size_t last; /* behind the last sort key that anything is said of */
};

static void list_name(struct item_writer *list, struct mr_slice name)
{
    if (list->len > 0)
        item_write_raw(list, MR_S(", "));
    item_write_raw(list, name);
}

/* AWS: all partition keys by equality; of the sort keys the first ones, all but the last of them by
 * equality. */
static enum mr_status check_equalities(struct protocol_call *call,
                                       const struct dynamodb_schema *schema,
                                       const struct several *several)
{
    struct item_writer hashes = item_writer_make(call->arena, 64);
    struct item_writer ranges = item_writer_make(call->arena, 64);
    for (size_t i = 0; i < schema->key_count; i++) {
        const struct item_key_term *term = several->terms[i];
        bool equal = term != NULL && term->kind == ITEM_NODE_EQ;
        if (!equal && i < schema->hash_count)
            list_name(&hashes, schema->keys[i].name);
        else if (!equal && i + 1 < several->last)
            list_name(&ranges, schema->keys[i].name);
    }
    if (hashes.len > 0)
        return protocol_fail(call, &protocol_validation,
                             "HASH key attributes %.*s must have equality conditions specified in "
                             "the query",
                             MR_ARG(item_writer_slice(&hashes)));
    if (ranges.len > 0)
        return protocol_fail(call, &protocol_validation,
                             "RANGE key attributes %.*s must have equality conditions specified in "
                             "the query because a condition is present on key attribute %.*s",
                             MR_ARG(item_writer_slice(&ranges)),
                             MR_ARG(schema->keys[several->last - 1].name));
    return MR_OK;
}

static enum mr_status check_term(const struct dynamodb_page *page, const struct dynamodb_key *key,
                                 const struct item_key_term *term)
{
    assert(term != NULL); /* check_equalities: up to the last key that has one, each has */
    if (!is_indexable(term->kind))
        return protocol_fail(page->call, &protocol_validation,
                             "Attempted conditional constraint is not an indexable operation");
    enum mr_status status = check_operand(page, key, &term->low);
    if (status == MR_OK && term->kind == ITEM_NODE_BETWEEN)
        status = check_operand(page, key, &term->high);
    return status;
}

static enum mr_status check_several_start(const struct dynamodb_page *page,
                                          const struct dynamodb_schema *schema,
                                          const struct several *several)
{
    enum mr_status status = MR_OK;
    for (size_t i = 0; status == MR_OK && i < schema->key_count; i++)
        status = dynamodb_page_start_piece(page, &schema->keys[i], i >= schema->hash_count);
    if (status == MR_OK)
        status = dynamodb_page_start_tables(page);
    for (size_t i = schema->hash_count; status == MR_OK && i < several->last; i++) {
        struct item_value value = item_get(page->start, schema->keys[i].name);
        if (!item_key_term_holds(several->terms[i], &value))
            return protocol_fail(page->call, &protocol_validation,
                                 "The provided starting key does not match the range key "
                                 "predicate");
    }
    return status;
}

static enum mr_status place_several(struct dynamodb_page *page,
                                    const struct dynamodb_schema *schema)
{
    const struct item_key_condition *condition = &page->expressions->key_condition;
    struct item_value hashes[DYNAMODB_HASH_KEYS_MAX];
    struct several several = {.last = schema->hash_count};
    size_t known = 0;
    for (size_t i = 0; i < schema->key_count; i++) {
        several.terms[i] = term_of(condition, schema->keys[i].name);
        known += several.terms[i] != NULL;
        if (several.terms[i] != NULL && i >= schema->hash_count)
            several.last = i + 1;
    }
    if (known < condition->count)
        return protocol_fail(page->call, &protocol_validation, "Query key condition not supported");
    enum mr_status status = check_equalities(page->call, schema, &several);
    for (size_t i = 0; status == MR_OK && i < several.last; i++)
        status = check_term(page, &schema->keys[i], several.terms[i]);
    if (status == MR_OK && page->start.len > 0)
        status = check_several_start(page, schema, &several);
    if (status != MR_OK)
        return status;
    for (size_t i = 0; i < schema->hash_count; i++)
        hashes[i] = several.terms[i]->low;
    page->range = dynamodb_range_of_query(page->call->arena, page->table, page->index, hashes,
                                          schema->hash_count, &several.terms[schema->hash_count],
                                          several.last - schema->hash_count);
    return dynamodb_page_start_after(page, true);
}

/* The partition key's value, and what is said of the sort key. */
static enum mr_status place_query(struct dynamodb_page *page)
{
    const struct dynamodb_schema *schema =
        page->index != NULL ? &page->index->schema : &page->table->schema;
    const struct item_key_term *hash, *range = NULL;
    if (dynamodb_page_start_count(page, true) != MR_OK)
        return MR_FAULT;
    if (!dynamodb_schema_is_plain(schema))
        return place_several(page, schema);
    if (page->expressions->key_condition.count > 2)
        return protocol_fail(page->call, &protocol_validation,
                             "Conditions can be of length 1 or 2 only");
    if (!schema->has_range && page->expressions->key_condition.count > 1)
        return protocol_fail(page->call, &protocol_validation, "Query key condition not supported");
    enum mr_status status = check_key(page, &schema->hash, false, &hash);
    if (status == MR_OK && schema->has_range)
        status = check_key(page, &schema->range, true, &range);
    if (status == MR_OK)
        status = check_start_place(page, schema, hash, range);
    if (status != MR_OK)
        return status;
    page->range = dynamodb_range_of_query(page->call->arena, page->table, page->index, &hash->low,
                                          1, &range, range != NULL ? 1 : 0);
    return dynamodb_page_start_after(page, true);
}

static enum mr_status check_filter(struct dynamodb_page *page)
{
    const struct dynamodb_expressions *expressions = page->expressions;
    const struct dynamodb_schema *schema =
        page->index != NULL ? &page->index->schema : &page->table->schema;
    if (!expressions->has_filter)
        return MR_OK;
    for (size_t i = 0; i < expressions->filter.head_count; i++) {
        struct mr_slice name = expressions->filter.heads[i];
        if (dynamodb_is_key(schema, name))
            return protocol_fail(page->call, &protocol_validation,
                                 "%s can only contain non-primary key attributes: Primary key "
                                 "attribute: %.*s",
                                 expressions->legacy_filter ? "QueryFilter" : "Filter Expression",
                                 MR_ARG(name));
    }
    return MR_OK;
}

static enum mr_status check_paths(const struct dynamodb_page *page, bool filter)
{
    const struct dynamodb_expressions *expressions = page->expressions;
    const struct dynamodb_paths paths = {
        .projection = filter ? NULL : expressions->projection,
        .filter = filter && expressions->has_filter ? expressions->filter.root : NULL};
    return dynamodb_paths_check(page->call, page->table, &paths);
}

enum {
    QUERY_KINDS = DYNAMODB_KEY_CONDITION | DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY,
    SCAN_KINDS = DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY,
};

static enum mr_status read_query(struct protocol_call *call, struct dynamodb_expressions *ret,
                                 struct mr_slice *ret_start)
{
    if (dynamodb_check_parameters(call, call->in, QUERY_KINDS) != MR_OK ||
        dynamodb_parse_filters(call, call->in, QUERY_KINDS, ret) != MR_OK ||
        read_start_key(call, ret_start) != MR_OK)
        return MR_FAULT;
    if (mr_json_get(call->in, "KeyConditionExpression") == NULL &&
        mr_json_get(call->in, "KeyConditions") == NULL)
        return protocol_fail(call, &protocol_validation,
                             "Either the KeyConditions or KeyConditionExpression parameter must be "
                             "specified in the request.");
    enum mr_status status = dynamodb_parse_new(call, call->in, QUERY_KINDS, ret);
    return status == MR_OK ? dynamodb_parse_key_conditions(call, call->in, ret) : status;
}

void dynamodb_query(struct protocol_call *call)
{
    struct dynamodb_expressions expressions;
    struct mr_slice start;
    if (read_query(call, &expressions, &start) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL)
        return;
    struct dynamodb_page page = {
        .call = call,
        .table = table,
        .expressions = &expressions,
        .start = start,
        .backward = !mr_json_get_bool(call->in, "ScanIndexForward", true),
    };
    if (dynamodb_page_begin(&page) == MR_OK && place_query(&page) == MR_OK &&
        check_paths(&page, false) == MR_OK && check_filter(&page) == MR_OK &&
        dynamodb_page_projected(&page) == MR_OK && check_paths(&page, true) == MR_OK &&
        dynamodb_page_filtered(&page) == MR_OK)
        dynamodb_page_run(&page);
}

/* ---- Scan ---- */

static enum mr_status read_segment(struct protocol_call *call, int64_t *ret_segment,
                                   int64_t *ret_segments)
{
    bool has_segment = mr_json_get(call->in, "Segment") != NULL;
    bool has_segments = mr_json_get(call->in, "TotalSegments") != NULL;
    *ret_segment = mr_json_get_i64(call->in, "Segment", 0);
    *ret_segments = mr_json_get_i64(call->in, "TotalSegments", 1);
    if (has_segment != has_segments)
        return protocol_fail(call, &protocol_validation,
                             "The %s parameter is required but was not present in the request when "
                             "%s is present",
                             has_segment ? "TotalSegments" : "Segment",
                             has_segment ? "Segment parameter" : "parameter TotalSegments");
    if (*ret_segment >= *ret_segments)
        return protocol_fail(call, &protocol_validation,
                             "The Segment parameter is zero-based and must be less than parameter "
                             "TotalSegments: Segment: %lld is not less than TotalSegments: %lld",
                             (long long)*ret_segment, (long long)*ret_segments);
    return MR_OK;
}

static enum mr_status check_scan_start(const struct dynamodb_page *page)
{
    enum mr_status status = dynamodb_page_start_count(page, false);
    if (status != MR_OK || page->index == NULL)
        return status;
    const struct dynamodb_schema *schema = &page->index->schema;
    for (size_t i = 0; status == MR_OK && i < schema->key_count; i++)
        status = dynamodb_page_start_piece(page, &schema->keys[i], i >= schema->hash_count);
    return status;
}

void dynamodb_scan(struct protocol_call *call)
{
    struct dynamodb_expressions expressions;
    struct mr_slice start;
    int64_t segment, segments;
    if (dynamodb_check_parameters(call, call->in, SCAN_KINDS) != MR_OK ||
        dynamodb_parse_filters(call, call->in, SCAN_KINDS, &expressions) != MR_OK ||
        read_start_key(call, &start) != MR_OK || read_segment(call, &segment, &segments) != MR_OK ||
        dynamodb_parse_new(call, call->in, SCAN_KINDS, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL)
        return;
    struct dynamodb_page page = {
        .call = call, .table = table, .expressions = &expressions, .start = start};
    if (dynamodb_page_begin(&page) != MR_OK || check_scan_start(&page) != MR_OK ||
        dynamodb_page_projected(&page) != MR_OK || dynamodb_page_start_tables(&page) != MR_OK)
        return;
    page.range = dynamodb_range_of_scan(call->arena, table, page.index, segment, segments);
    if (dynamodb_page_start_after(&page, false) == MR_OK && check_paths(&page, false) == MR_OK &&
        check_paths(&page, true) == MR_OK)
        dynamodb_page_run(&page);
}
