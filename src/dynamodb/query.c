/* Query and Scan: which keys a page reads. */
#include "dynamodb/page.h"

#define INVALID "One or more parameter values were invalid: "

static enum mr_status read_start_key(struct protocol_call *call, struct mr_slice *ret_keys)
{
    yyjson_val *start = mr_json_get(call->in, "ExclusiveStartKey");
    struct mr_slice error;
    *ret_keys = (struct mr_slice){0};
    if (start == NULL)
        return MR_OK;
    enum mr_status status = item_encode(call->arena, start, ret_keys, &error);
    if (status == MR_INVALID)
        return protocol_fail(call, &protocol_validation,
                             "The provided starting key is invalid: %.*s", MR_ARG(error));
    return status == MR_OK ? MR_OK : dynamodb_refuse(call, status, error);
}

/* ---- Query ---- */

static enum mr_status check_term_value(struct protocol_call *call, const struct dynamodb_key *key,
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

static enum mr_status check_term(struct protocol_call *call, const struct dynamodb_key *key,
                                 const struct item_key_term *term)
{
    enum mr_status status = check_term_value(call, key, &term->low);
    if (status == MR_OK && term->kind == ITEM_NODE_BETWEEN)
        status = check_term_value(call, key, &term->high);
    return status;
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

static enum mr_status missed(struct protocol_call *call, struct mr_slice name)
{
    return protocol_fail(call, &protocol_validation,
                         "Query condition missed key schema element: %.*s", MR_ARG(name));
}

/* The partition key's value, and what is said of the sort key. */
static enum mr_status place_query(struct dynamodb_page *page)
{
    struct protocol_call *call = page->call;
    const struct item_key_condition *condition = &page->expressions->key_condition;
    const struct dynamodb_schema *schema =
        page->index != NULL ? &page->index->schema : &page->table->schema;
    const struct item_key_term *hash = term_of(condition, schema->hash.name), *range = NULL;
    if (hash == NULL)
        return missed(call, schema->hash.name);
    if (hash->kind != ITEM_NODE_EQ)
        return protocol_fail(call, &protocol_validation, "Query key condition not supported");
    if (condition->count == 2) {
        if (!schema->has_range)
            return protocol_fail(call, &protocol_validation, "Query key condition not supported");
        range = term_of(condition, schema->range.name);
        if (range == NULL)
            return missed(call, schema->range.name);
    }
    enum mr_status status = check_term(call, &schema->hash, hash);
    if (status == MR_OK && range != NULL)
        status = check_term(call, &schema->range, range);
    if (status == MR_OK)
        page->range =
            dynamodb_range_of_query(call->arena, page->table, page->index, &hash->low, range);
    return status;
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

void dynamodb_query(struct protocol_call *call)
{
    const unsigned kinds =
        DYNAMODB_KEY_CONDITION | DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct mr_slice start;
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK ||
        read_start_key(call, &start) != MR_OK)
        return;
    if (mr_json_get(call->in, "KeyConditionExpression") == NULL &&
        mr_json_get(call->in, "KeyConditions") == NULL) {
        protocol_fail(call, &protocol_validation,
                      "Either the KeyConditions or KeyConditionExpression parameter must be "
                      "specified in the request.");
        return;
    }
    if (dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL)
        return;
    struct dynamodb_page page = {
        .call = call,
        .table = table,
        .expressions = &expressions,
        .backward = !mr_json_get_bool(call->in, "ScanIndexForward", true),
    };
    if (dynamodb_page_begin(&page) == MR_OK && place_query(&page) == MR_OK &&
        check_filter(&page) == MR_OK && dynamodb_page_start_after(&page, start, true) == MR_OK)
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
                             "%s parameter is present",
                             has_segment ? "TotalSegments" : "Segment",
                             has_segment ? "Segment" : "TotalSegments");
    if (*ret_segment >= *ret_segments)
        return protocol_fail(call, &protocol_validation,
                             "The Segment parameter is zero-based and must be less than parameter "
                             "TotalSegments: Segment: %lld is not less than TotalSegments: %lld",
                             (long long)*ret_segment, (long long)*ret_segments);
    return MR_OK;
}

void dynamodb_scan(struct protocol_call *call)
{
    const unsigned kinds = DYNAMODB_FILTER | DYNAMODB_PROJECTION | DYNAMODB_LEGACY;
    struct dynamodb_expressions expressions;
    struct mr_slice start;
    int64_t segment, segments;
    if (dynamodb_check_parameters(call, call->in, kinds) != MR_OK ||
        read_start_key(call, &start) != MR_OK || read_segment(call, &segment, &segments) != MR_OK ||
        dynamodb_parse_expressions(call, call->in, kinds, &expressions) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = dynamodb_request_table(call);
    if (table == NULL)
        return;
    struct dynamodb_page page = {.call = call, .table = table, .expressions = &expressions};
    if (dynamodb_page_begin(&page) != MR_OK)
        return;
    page.range = dynamodb_range_of_scan(call->arena, table, page.index, segment, segments);
    if (dynamodb_page_start_after(&page, start, false) == MR_OK)
        dynamodb_page_run(&page);
}
