/* Reading a page: a walk over a snapshot of the view, filtered and rendered as it goes, so that
 * nothing is gathered. */
#include "dynamodb/page.h"
#include <assert.h>
#include <stdlib.h>

struct page_result {
    uint64_t bytes; /* evaluated */
    int64_t count, scanned;
    bool more;
    struct mr_slice last; /* keys of the last item evaluated, when more */
    uint64_t entry_bytes; /* of a local index whose items were fetched, and what those cost */
    double fetched;
    enum mr_status status;
};

/* ---- before ---- */

/* A global index answers only what it projects; a local one fetches the rest from the table. */
enum mr_status dynamodb_page_projected(struct dynamodb_page *page)
{
    const struct dynamodb_index *index = page->index;
    struct protocol_call *call = page->call;
    bool all = mr_slice_equal(mr_json_get_text(call->in, "Select"), MR_S("ALL_ATTRIBUTES"));
    if (index == NULL || index->projection == DYNAMODB_ALL)
        return MR_OK;
    if (index->local) {
        page->fetches = all || page->expressions->projected;
        return MR_OK;
    }
    if (all)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: Select type "
                             "ALL_ATTRIBUTES is not supported for global secondary index %.*s "
                             "because its projection type is not ALL",
                             MR_ARG(index->name));
    struct mr_slice name;
    for (size_t i = 0; page->expressions->projected &&
                       item_projection_head(page->expressions->projection, i, &name);
         i++) {
        bool found =
            dynamodb_is_key(&page->table->schema, name) || dynamodb_is_key(&index->schema, name);
        for (size_t j = 0; !found && j < index->included_count; j++)
            found = mr_slice_equal(index->included[j], name);
        if (!found)
            return protocol_fail(call, &protocol_validation,
                                 "One or more parameter values were invalid: Global secondary "
                                 "index %.*s does not project [%.*s]",
                                 MR_ARG(index->name), MR_ARG(name));
    }
    return MR_OK;
}

static int by_name(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

enum mr_status dynamodb_page_filtered(const struct dynamodb_page *page)
{
    const struct dynamodb_index *index = page->index;
    struct mr_arena *arena = page->call->arena;
    if (index == NULL || index->projection == DYNAMODB_ALL || !page->expressions->has_filter)
        return MR_OK;
    const struct item_node *root = page->expressions->filter.root;
    const size_t count = item_node_heads(root, NULL);
    struct mr_slice *names = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
    struct item_writer missing = item_writer_make(arena, 64);
    (void)item_node_heads(root, names);
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && mr_slice_equal(names[i - 1], names[i])) ||
            dynamodb_is_projected(page->table, index, names[i]))
            continue;
        if (missing.len > 0)
            item_write_raw(&missing, MR_S(", "));
        item_write_raw(&missing, names[i]);
    }
    if (missing.len == 0)
        return MR_OK;
    return protocol_fail(page->call, &protocol_validation,
                         "One or more parameter values were invalid: Secondary index %.*s does not "
                         "project one or more filter attributes: [%.*s]",
                         MR_ARG(index->name), MR_ARG(item_writer_slice(&missing)));
}

static enum mr_status check_select(struct dynamodb_page *page)
{
    struct protocol_call *call = page->call;
    struct mr_slice select = mr_json_get_text(call->in, "Select");
    bool specific = mr_slice_equal(select, MR_S("SPECIFIC_ATTRIBUTES"));
    bool projected = page->expressions->projected;
    page->count_only = mr_slice_equal(select, MR_S("COUNT"));
    if (specific && !projected)
        return protocol_fail(call, &protocol_validation,
                             "Must specify the AttributesToGet or ProjectionExpression when "
                             "choosing to get SPECIFIC_ATTRIBUTES");
    if (projected && select.len > 0 && !specific)
        return protocol_fail(
            call, &protocol_validation, "Cannot specify the %s when choosing to get %.*s",
            mr_json_get(call->in, "AttributesToGet") != NULL ? "AttributesToGet"
                                                             : "ProjectionExpression",
            MR_ARG(select));
    if (mr_slice_equal(select, MR_S("ALL_PROJECTED_ATTRIBUTES")) && page->index == NULL)
        return protocol_fail(call, &protocol_validation,
                             "One or more parameter values were invalid: "
                             "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an "
                             "IndexName");
    return MR_OK;
}

enum mr_status dynamodb_page_begin(struct dynamodb_page *page)
{
    struct protocol_call *call = page->call;
    yyjson_val *index = mr_json_get(call->in, "IndexName");
    page->limit = mr_json_get_i64(call->in, "Limit", INT64_MAX);
    page->consistent = mr_json_get_bool(call->in, "ConsistentRead", false);
    if (index != NULL) {
        page->index = dynamodb_table_index(page->table, mr_json_text(index));
        if (page->index == NULL || page->index->state == DYNAMODB_INDEX_DELETING)
            return protocol_fail(call, &protocol_validation,
                                 "The table does not have the specified index: %.*s",
                                 MR_ARG(mr_json_text(index)));
        if (page->index->state == DYNAMODB_INDEX_CREATING)
            return protocol_fail(call, &protocol_validation,
                                 "Cannot read from backfilling global secondary index: %.*s",
                                 MR_ARG(page->index->name));
        if (page->consistent && !page->index->local)
            return protocol_fail(call, &protocol_validation,
                                 "Consistent reads are not supported on global secondary indexes");
    }
    return check_select(page);
}

/* ---- ExclusiveStartKey ---- */

enum { PLACE_NAMES_MAX = 2 + DYNAMODB_KEYS_MAX };

/* The attributes that name a place: the table's keys and the index's. */
static size_t place_names(const struct dynamodb_page *page,
                          const struct dynamodb_key *ret[PLACE_NAMES_MAX])
{
    const struct dynamodb_schema *schemas[2] = {&page->table->schema, NULL};
    size_t count = 0;
    if (page->index != NULL)
        schemas[1] = &page->index->schema;
    for (size_t i = 0; i < 2 && schemas[i] != NULL; i++) {
        for (size_t j = 0; j < schemas[i]->key_count; j++) {
            const struct dynamodb_key *key = &schemas[i]->keys[j];
            bool known = false;
            for (size_t k = 0; k < count; k++)
                known = known || mr_slice_equal(ret[k]->name, key->name);
            if (!known)
                ret[count++] = key;
        }
    }
    return count;
}

#define START_INVALID "The provided starting key is invalid"

enum mr_status dynamodb_page_start_count(const struct dynamodb_page *page, bool query)
{
    const struct dynamodb_key *names[PLACE_NAMES_MAX];
    if (page->start.len == 0 || item_iter_item(page->start).left == place_names(page, names))
        return MR_OK;
    return protocol_fail(page->call, &protocol_validation,
                         query || page->index != NULL ? START_INVALID
                                                      : START_INVALID
                             ": The provided key element does not match the schema");
}

enum mr_status dynamodb_page_start_piece(const struct dynamodb_page *page,
                                         const struct dynamodb_key *key, bool range)
{
    if (page->start.len == 0)
        return MR_OK;
    struct item_value value = item_get(page->start, key->name);
    if (value.type == ITEM_NONE)
        return protocol_fail(page->call, &protocol_validation, START_INVALID);
    return dynamodb_key_value_check(page->call, key, &value, range, "");
}

enum mr_status dynamodb_page_start_tables(const struct dynamodb_page *page)
{
    const struct dynamodb_schema *schema = &page->table->schema;
    if (page->start.len == 0)
        return MR_OK;
    struct item_value value = item_get(page->start, schema->hash.name);
    enum mr_status status =
        dynamodb_key_value_check(page->call, &schema->hash, &value, false, START_INVALID ": ");
    if (status != MR_OK || !schema->has_range)
        return status;
    value = item_get(page->start, schema->range.name);
    return dynamodb_key_value_check(page->call, &schema->range, &value, true, START_INVALID ": ");
}

enum mr_status dynamodb_page_start_after(struct dynamodb_page *page, bool query)
{
    struct protocol_call *call = page->call;
    if (page->start.len == 0)
        return MR_OK;
    if (page->index == NULL)
        page->after = dynamodb_address_of(call->arena, page->table, page->start).key;
    else if (!dynamodb_index_key(call->arena, page->table, page->index, page->start, &page->after))
        return protocol_fail(call, &protocol_validation, START_INVALID);
    for (size_t i = 0; i < page->range_count; i++) {
        if (dynamodb_range_holds(&page->ranges[i], page->after)) {
            page->range = page->ranges[i];
            page->range_at = i;
        }
    }
    if (dynamodb_range_holds(&page->range, page->after))
        return MR_OK;
    if (query)
        return protocol_fail(call, &protocol_validation,
                             "The provided starting key is outside query boundaries based on "
                             "provided conditions");
    return protocol_fail(call, &protocol_validation,
                         START_INVALID ": Invalid ExclusiveStartKey. Please use ExclusiveStartKey "
                                       "with correct Segment. TotalSegments: %lld Segment: %lld",
                         (long long)mr_json_get_i64(call->in, "TotalSegments", 1),
                         (long long)mr_json_get_i64(call->in, "Segment", 0));
}

/* ---- the walk ---- */

static void seek_first(const struct dynamodb_page *page, struct view_iterator *iterator)
{
    const struct dynamodb_range *range = &page->range;
    struct mr_slice limit = page->after.len > 0 ? page->after : range->upper;
    if (!page->backward) {
        view_iterator_seek(iterator, page->after.len > 0 ? page->after : range->lower);
        if (page->after.len > 0 && view_iterator_valid(iterator) &&
            mr_slice_equal(view_iterator_key(iterator), page->after))
            view_iterator_next(iterator);
        return;
    }
    if (limit.len == 0) {
        view_iterator_last(iterator);
        return;
    }
    view_iterator_seek_back(iterator, limit);
    if (view_iterator_valid(iterator) && mr_slice_equal(view_iterator_key(iterator), limit))
        view_iterator_prev(iterator);
}

static struct mr_slice keys_of_place(const struct dynamodb_page *page, struct mr_slice item)
{
    const struct dynamodb_key *names[PLACE_NAMES_MAX];
    struct item_field fields[PLACE_NAMES_MAX];
    size_t count = place_names(page, names);
    for (size_t i = 0; i < count; i++)
        fields[i] = (struct item_field){names[i]->name, item_get(item, names[i]->name)};
    return item_make(page->call->arena, fields, count);
}

/* The item behind an index entry. */
static enum mr_status fetch(const struct dynamodb_page *page, struct mr_slice entry,
                            struct mr_buf *buf)
{
    struct dynamodb_address address = dynamodb_address_of(page->call->arena, page->table, entry);
    mr_buf_reset(buf);
    return view_get(store_view(page->table->dynamodb->store), VIEW_ITEM, address.key, buf);
}

static void evaluate(const struct dynamodb_page *page, struct mr_slice item,
                     struct page_result *result)
{
    struct protocol_call *call = page->call;
    const struct dynamodb_expressions *expressions = page->expressions;
    result->bytes += item_size(item);
    result->scanned++;
    if (expressions->has_filter && !item_condition_holds(call->arena, &expressions->filter, item))
        return;
    result->count++;
    if (page->statement != NULL)
        dynamodb_statement_item_json(&call->out, page->statement, item);
    else if (!page->count_only)
        item_projection_json(&call->out, expressions->projection, item);
}

static void walk(const struct dynamodb_page *page, struct view_iterator *iterator,
                 struct page_result *result)
{
    struct mr_buf fetched MR_CLEANUP(mr_buf_fini) = {0};
    for (seek_first(page, iterator); view_iterator_valid(iterator);
         (page->backward ? view_iterator_prev : view_iterator_next)(iterator)) {
        if (!dynamodb_range_holds(&page->range, view_iterator_key(iterator)))
            break;
        result->more = page->together_max > 0 && result->scanned == page->together_max;
        if (result->more)
            break;
        struct mr_slice entry = view_iterator_value(iterator), item = entry;
        if (page->fetches) {
            enum mr_status status = fetch(page, entry, &fetched);
            if (status == MR_NOT_FOUND) /* deleted since the snapshot */
                continue;
            result->status = status;
            if (status < 0)
                break;
            item = mr_buf_slice(&fetched);
            result->entry_bytes += item_size(entry);
            result->fetched += dynamodb_read_units(item_size(item), page->consistent);
        }
        evaluate(page, item, result);
        result->more = result->scanned == page->limit || result->bytes > DYNAMODB_PAGE_BYTES;
        if (result->more || result->scanned == page->together_max)
            result->last = keys_of_place(page, entry);
        if (result->more)
            break;
    }
}

static void answer_capacity(const struct dynamodb_page *page, const struct page_result *result)
{
    struct protocol_call *call = page->call;
    enum dynamodb_capacity wanted = dynamodb_capacity_wanted(call);
    struct dynamodb_units units = {0};
    double used = dynamodb_read_units(result->bytes, page->consistent);
    if (page->index == NULL) {
        units.table = used;
    } else if (page->fetches) {
        units.table = result->fetched;
        units.indexes[page->index->slot] =
            dynamodb_read_units(result->entry_bytes, page->consistent);
    } else {
        units.indexes[page->index->slot] = used;
    }
    dynamodb_consumed(page->table, &units, false);
    dynamodb_meter_returned(call, page->table, (uint64_t)result->count);
    if (wanted == DYNAMODB_CAPACITY_NONE)
        return;
    mr_json_key(&call->out, "ConsumedCapacity");
    const struct mr_slice named =
        page->statement != NULL ? page->statement->table : mr_json_get_text(call->in, "TableName");
    dynamodb_capacity_json(&call->out, wanted, named, page->table, &units);
}

static void walk_all(struct dynamodb_page *page, struct page_result *result)
{
    for (;;) {
        struct view_iterator *iterator = view_iterate(store_view(page->table->dynamodb->store),
                                                      page->range.space, page->range.prefix);
        walk(page, iterator, result);
        view_iterator_free(iterator);
        if (result->more || result->status < 0 || page->range_at + 1 >= page->range_count)
            return;
        page->range = page->ranges[++page->range_at];
        page->after = MR_S("");
    }
}

void dynamodb_page_run(struct dynamodb_page *page)
{
    struct protocol_call *call = page->call;
    struct page_result result = {.status = MR_OK};
    if (!page->count_only) {
        mr_json_key(&call->out, "Items");
        mr_json_array(&call->out);
    }
    walk_all(page, &result);
    call->ticket = dynamodb_table_ticket(page->table);
    if (!page->count_only)
        mr_json_array_end(&call->out);
    protocol_fail_internal(call, result.status);
    if (page->statement == NULL) {
        mr_json_key_int(&call->out, "Count", result.count);
        mr_json_key_int(&call->out, "ScannedCount", result.scanned);
    }
    if (result.more && page->statement != NULL)
        dynamodb_statement_token_json(call, result.last);
    if (result.more) {
        mr_json_key(&call->out, "LastEvaluatedKey");
        item_json(&call->out, result.last);
    }
    answer_capacity(page, &result);
}
