/* Small operations: limits, endpoints, tags. */
#include "dynamodb/internal.h"

#define INVALID "One or more parameter values were invalid: "

enum { TAGS_PAGE = 10 };

void dynamodb_describe_limits(struct protocol_call *call)
{
    mr_json_key_int(&call->out, "AccountMaxReadCapacityUnits", 80000);
    mr_json_key_int(&call->out, "AccountMaxWriteCapacityUnits", 80000);
    mr_json_key_int(&call->out, "TableMaxReadCapacityUnits", DYNAMODB_TABLE_UNITS_MAX);
    mr_json_key_int(&call->out, "TableMaxWriteCapacityUnits", DYNAMODB_TABLE_UNITS_MAX);
}

/* The address through which the client came, so that one with endpoint discovery stays here. */
void dynamodb_describe_endpoints(struct protocol_call *call)
{
    struct mr_slice host = protocol_header(call, "host");
    if (host.ptr == NULL)
        host = mr_arena_printf(call->arena, "dynamodb.%.*s.amazonaws.com", MR_ARG(call->region));
    mr_json_key(&call->out, "Endpoints");
    mr_json_array(&call->out);
    mr_json_object(&call->out);
    mr_json_key_string(&call->out, "Address", host);
    mr_json_key_int(&call->out, "CachePeriodInMinutes", 1440);
    mr_json_object_end(&call->out);
    mr_json_array_end(&call->out);
}

/* ---- tags ---- */

enum mr_status dynamodb_resource_check(struct protocol_call *call, struct mr_slice arn,
                                       bool *ret_stream)
{
    const size_t at = mr_slice_search(arn, MR_S(":table/"));
    const size_t begin = at == SIZE_MAX ? arn.len : at + sizeof(":table/") - 1;
    struct mr_slice rest = mr_slice_sub(arn, begin, arn.len), name = {0};
    (void)mr_slice_split(&rest, '/', &name);
    const bool parts = rest.ptr != NULL;
    *ret_stream = parts && mr_slice_starts_with(rest, MR_S("stream/"));
    if (!mr_slice_starts_with(arn, MR_S("arn:")))
        return protocol_fail(call, &protocol_validation,
                             INVALID "ARNs must start with 'arn:': %.*s", MR_ARG(arn));
    if (parts && mr_slice_starts_with(rest, MR_S("index/")))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Invalid resource arn provided, only table or stream is "
                                     "accepted. Provided resource arn: %.*s",
                             MR_ARG(arn));
    if (at == SIZE_MAX || !mr_slice_starts_with(arn, MR_S("arn:aws:dynamodb:")) ||
        (parts && !*ret_stream))
        return protocol_fail(call, &protocol_validation,
                             INVALID "Provided Arn is not a DynamoDB resource arn: %.*s",
                             MR_ARG(arn));
    return dynamodb_place_check(call, arn, call->operation_name);
}

/* AWS: the operations on tags have their own order and words. */
static enum mr_status check_tagging(struct protocol_call *call, const char *member,
                                    const char *what)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    if (mr_json_get(call->in, "ResourceArn") == NULL)
        return protocol_fail(call, &protocol_validation, "Invalid TableArn");
    if (member != NULL && mr_json_get(call->in, member) == NULL)
        return protocol_fail(call, &protocol_validation,
                             "1 validation error detected: Value null at '%c%s' failed to satisfy "
                             "constraint: Member must not be null",
                             member[0] - 'A' + 'a', member + 1);
    bool stream;
    if (dynamodb_resource_check(call, arn, &stream) != MR_OK)
        return MR_FAULT;
    if (stream)
        return protocol_fail(call, &protocol_validation,
                             "Invalid TableArn: Invalid ResourceArn provided as input %.*s",
                             MR_ARG(arn));
    if (member != NULL && yyjson_arr_size(mr_json_get(call->in, member)) == 0)
        return protocol_fail(call, &protocol_validation,
                             "Atleast one %s needs to be provided as Input.", what);
    return MR_OK;
}

static struct dynamodb_table *find_tagged(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    struct dynamodb_table *table = dynamodb_table_find(call->service, dynamodb_table_name(arn));
    if (table == NULL)
        protocol_fail(call, &dynamodb_not_found,
                      "Requested resource not found: ResourceArn: %.*s not found", MR_ARG(arn));
    return table;
}

static yyjson_val *tags_of(struct protocol_call *call, struct dynamodb_table *table)
{
    pthread_rwlock_rdlock(&table->dynamodb->lock);
    struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&table->locked.tags));
    pthread_rwlock_unlock(&table->dynamodb->lock);
    return text.len == 0 ? NULL : mr_json_parse(call->arena, text, 8);
}

static enum mr_status store_tags(struct protocol_call *call, struct dynamodb_table *table,
                                 struct mr_buf *tags)
{
    pthread_rwlock_wrlock(&table->dynamodb->lock);
    struct mr_buf before = table->locked.tags;
    table->locked.tags = *tags;
    pthread_rwlock_unlock(&table->dynamodb->lock);
    mr_buf_fini(&before);
    struct store_entry entry = store_entry_make(call->arena);
    dynamodb_document_put(table, &entry);
    return store_commit(table->dynamodb->store, &entry, &call->ticket);
}

static bool list_has_key(yyjson_val *tags, struct mr_slice key)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(tags);
    for (yyjson_val *tag; (tag = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (mr_slice_equal(mr_json_get_text(tag, "Key"), key))
            return true;
    }
    return false;
}

static bool list_has_text(yyjson_val *texts, struct mr_slice wanted)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(texts);
    for (yyjson_val *text; (text = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (mr_slice_equal(mr_json_text(text), wanted))
            return true;
    }
    return false;
}

/* The table's tags without those that `added` names or `removed` lists, then `added`. */
static enum mr_status change_tags(struct protocol_call *call, struct dynamodb_table *table,
                                  yyjson_val *added, yyjson_val *removed)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    size_t count = yyjson_arr_size(added);
    mr_json_array(&json);
    yyjson_arr_iter iter = yyjson_arr_iter_with(tags_of(call, table));
    for (yyjson_val *tag; (tag = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct mr_slice key = mr_json_get_text(tag, "Key");
        if (list_has_key(added, key) || list_has_text(removed, key))
            continue;
        mr_json_value(&json, tag);
        count++;
    }
    iter = yyjson_arr_iter_with(added);
    for (yyjson_val *tag; (tag = yyjson_arr_iter_next(&iter)) != NULL;)
        mr_json_value(&json, tag);
    mr_json_array_end(&json);
    if (count <= DYNAMODB_TAGS_MAX)
        return store_tags(call, table, &text);
    mr_buf_fini(&text);
    return dynamodb_tags_fail(call);
}

static void change_tags_of_resource(struct protocol_call *call, yyjson_val *added,
                                    yyjson_val *removed)
{
    struct dynamodb *dynamodb = call->service;
    pthread_mutex_lock(&dynamodb->admin);
    struct dynamodb_table *table = find_tagged(call);
    if (table != NULL)
        protocol_fail_internal(call, change_tags(call, table, added, removed));
    pthread_mutex_unlock(&dynamodb->admin);
    dynamodb_table_unref(table);
}

void dynamodb_tag_resource(struct protocol_call *call)
{
    if (check_tagging(call, "Tags", "Tag") != MR_OK ||
        dynamodb_tags_check(call, mr_json_get(call->in, "Tags")) != MR_OK)
        return;
    change_tags_of_resource(call, mr_json_get(call->in, "Tags"), NULL);
}

void dynamodb_untag_resource(struct protocol_call *call)
{
    if (check_tagging(call, "TagKeys", "Tag Key") != MR_OK)
        return;
    if (yyjson_arr_size(mr_json_get(call->in, "TagKeys")) > DYNAMODB_TAGS_MAX) {
        dynamodb_tags_fail(call);
        return;
    }
    change_tags_of_resource(call, NULL, mr_json_get(call->in, "TagKeys"));
}

void dynamodb_list_tags(struct protocol_call *call)
{
    if (check_tagging(call, NULL, NULL) != MR_OK)
        return;
    struct dynamodb_table *table MR_CLEANUP(dynamodb_table_release) = find_tagged(call);
    if (table == NULL)
        return;
    yyjson_val *tags = tags_of(call, table);
    struct mr_slice token = mr_json_get_text(call->in, "NextToken");
    int64_t from = 0;
    if (token.len > 0 && (mr_slice_to_i64(token, &from) != MR_OK || from < 0)) {
        protocol_fail(call, &protocol_validation, "Invalid NextToken");
        return;
    }
    size_t count = yyjson_arr_size(tags), i = (size_t)from;
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    for (; i < count && i < (size_t)from + TAGS_PAGE; i++)
        mr_json_value(&call->out, yyjson_arr_get(tags, i));
    mr_json_array_end(&call->out);
    if (i < count)
        mr_json_key_string(&call->out, "NextToken", mr_arena_printf(call->arena, "%zu", i));
}
