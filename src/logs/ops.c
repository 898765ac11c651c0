/* The wire: log groups, streams and events. */
#include "logs/internal.h"
#include <stdlib.h>

const struct protocol_fault logs_invalid = {"InvalidParameterException", 400, false};
static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};
static const struct protocol_fault exists = {"ResourceAlreadyExistsException", 400, false};

/* ---- helpers ---- */

static yyjson_val *get_doc(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct logs *logs = call->service;
    struct mr_slice json;
    const enum mr_status status =
        store_doc_get(logs->options.store, call->arena, "logs", kind, name, &json);
    protocol_fail_internal(call, status);
    return status == MR_OK ? mr_json_parse(call->arena, json, 8) : NULL;
}

struct mr_slice logs_group_name(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "logGroupName");
    if (name.len == 0)
        name = mr_json_get_text(call->in, "logGroupIdentifier");
    const size_t at = mr_slice_search(name, MR_S(":log-group:"));
    if (at == SIZE_MAX)
        return name;
    name = mr_slice_sub(name, at + 11, SIZE_MAX);
    return mr_slice_ends_with(name, MR_S(":*")) ? mr_slice_sub(name, 0, name.len - 2) : name;
}

yyjson_val *logs_find_group(struct protocol_call *call, struct mr_slice name)
{
    yyjson_val *doc = get_doc(call, "group", name);
    if (doc == NULL)
        protocol_fail(call, &not_found, "The specified log group does not exist.");
    return doc;
}

static void commit(struct protocol_call *call, struct store_entry *entry)
{
    struct logs *logs = call->service;
    protocol_fail_internal(call, store_commit(logs->options.store, entry, &call->ticket));
}

struct mr_slice logs_group_arn(struct protocol_call *call, struct mr_slice name)
{
    return mr_arena_printf(call->arena, "arn:aws:logs:%.*s:%.*s:log-group:%.*s",
                           MR_ARG(call->region), MR_ARG(call->account), MR_ARG(name));
}

/* The group's document with its retention changed (0: none). */
static struct mr_slice group_document(struct protocol_call *call, int64_t created_ms,
                                      int64_t retention, yyjson_val *tags)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_int(&json, "created_ms", created_ms);
    if (retention > 0)
        mr_json_key_int(&json, "retention", retention);
    mr_json_key_value(&json, "tags", tags);
    mr_json_object_end(&json);
    const struct mr_slice text = mr_arena_copy(call->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

/* ---- groups ---- */

static void create_group(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    if (get_doc(call, "group", name) != NULL) {
        protocol_fail(call, &exists, "The specified log group already exists");
    } else {
        store_doc_put(&entry, "logs", "group", name,
                      group_document(call, call->now_ms, 0, mr_json_get(call->in, "tags")));
        commit(call, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

struct drop {
    struct logs *logs;
    struct store_entry *entry;
};

static enum mr_status drop_stream(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct drop *drop = ctx;
    (void)json;
    const struct mr_slice kept = mr_arena_copy(drop->entry->arena, name);
    store_doc_delete(drop->entry, "logs", "stream", kept);
    logs_drop_events(drop->logs, drop->entry, kept);
    return MR_OK;
}

static void delete_group(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    struct drop drop = {.logs = logs, .entry = &entry};
    pthread_mutex_lock(&logs->lock);
    if (logs_find_group(call, name) != NULL) {
        store_doc_delete(&entry, "logs", "group", name);
        protocol_fail_internal(call, store_doc_each(logs->options.store, "logs", "stream",
                                                    logs_stream_name(call->arena, name, MR_S("")),
                                                    drop_stream, &drop));
        commit(call, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

static void set_retention(struct protocol_call *call, int64_t days)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    yyjson_val *doc = logs_find_group(call, name);
    if (doc != NULL) {
        store_doc_put(&entry, "logs", "group", name,
                      group_document(call, mr_json_get_i64(doc, "created_ms", 0), days,
                                     mr_json_get(doc, "tags")));
        commit(call, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

static void put_retention(struct protocol_call *call)
{
    set_retention(call, mr_json_get_i64(call->in, "retentionInDays", 0));
}

static void delete_retention(struct protocol_call *call)
{
    set_retention(call, 0);
}

/* ---- the list of groups ---- */

struct listing {
    struct protocol_call *call;
    struct mr_slice pattern, after, last;
    int64_t limit, count;
    bool more;
};

/* True when the document belongs on this page. */
static bool list_takes(struct listing *list, struct mr_slice name)
{
    if (list->after.len > 0 && mr_slice_compare(name, list->after) <= 0)
        return false;
    if (list->pattern.len > 0 && mr_slice_search(name, list->pattern) == SIZE_MAX)
        return false;
    if (list->count == list->limit) {
        list->more = true;
        return false;
    }
    list->count++;
    list->last = mr_arena_copy(list->call->arena, name);
    return true;
}

static enum mr_status list_group(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct listing *list = ctx;
    if (!list_takes(list, name))
        return list->more ? MR_END : MR_OK;
    struct mr_json *json = &list->call->out;
    yyjson_val *doc = mr_json_parse(list->call->arena, text, 8);
    const struct mr_slice arn = logs_group_arn(list->call, name);
    mr_json_object(json);
    mr_json_key_string(json, "logGroupName", name);
    mr_json_key_int(json, "creationTime", mr_json_get_i64(doc, "created_ms", 0));
    if (mr_json_get(doc, "retention") != NULL)
        mr_json_key_int(json, "retentionInDays", mr_json_get_i64(doc, "retention", 0));
    mr_json_key_int(json, "metricFilterCount", 0);
    mr_json_key_string(json, "arn", mr_arena_printf(list->call->arena, "%.*s:*", MR_ARG(arn)));
    mr_json_key_int(json, "storedBytes", 0);
    mr_json_key_cstr(json, "logGroupClass", "STANDARD");
    mr_json_key_string(json, "logGroupArn", arn);
    mr_json_object_end(json);
    return MR_OK;
}

static void describe_groups(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct listing list = {
        .call = call,
        .pattern = mr_json_get_text(call->in, "logGroupNamePattern"),
        .after = mr_json_get_text(call->in, "nextToken"),
        .limit = mr_json_get_i64(call->in, "limit", 50),
    };
    mr_json_key(&call->out, "logGroups");
    mr_json_array(&call->out);
    protocol_fail_internal(call, store_doc_each(logs->options.store, "logs", "group",
                                                mr_json_get_text(call->in, "logGroupNamePrefix"),
                                                list_group, &list));
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "nextToken", list.last);
}

/* ---- streams ---- */

static void create_stream(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice group = logs_group_name(call);
    const struct mr_slice name =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamName"));
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    if (logs_find_group(call, group) != NULL) {
        if (get_doc(call, "stream", name) != NULL) {
            protocol_fail(call, &exists, "The specified log stream already exists");
        } else {
            store_doc_put(&entry, "logs", "stream", name,
                          group_document(call, call->now_ms, 0, NULL));
            commit(call, &entry);
        }
    }
    pthread_mutex_unlock(&logs->lock);
}

struct mr_slice logs_find_stream(struct protocol_call *call)
{
    const struct mr_slice group = logs_group_name(call);
    const struct mr_slice name =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamName"));
    if (logs_find_group(call, group) == NULL)
        return (struct mr_slice){0};
    if (get_doc(call, "stream", name) == NULL) {
        protocol_fail(call, &not_found, "The specified log stream does not exist.");
        return (struct mr_slice){0};
    }
    return name;
}

static void delete_stream(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    const struct mr_slice name = logs_find_stream(call);
    if (name.ptr != NULL) {
        store_doc_delete(&entry, "logs", "stream", name);
        logs_drop_events(logs, &entry, name);
        commit(call, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

/* ---- events ---- */

/* AWS: the events of one request come in the order of their times. */
static bool in_order(struct protocol_call *call)
{
    int64_t before = INT64_MIN;
    yyjson_val *item;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(mr_json_get(call->in, "logEvents"), &items);
    while ((item = yyjson_arr_iter_next(&items)) != NULL) {
        const int64_t time_ms = mr_json_get_i64(item, "timestamp", call->now_ms);
        if (time_ms < before) {
            protocol_fail(call, &logs_invalid,
                          "Log events in a single PutLogEvents request must be in chronological "
                          "order.");
            return false;
        }
        before = time_ms;
    }
    return true;
}

static void put_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    const struct mr_slice name = logs_find_stream(call);
    if (name.ptr != NULL && in_order(call)) {
        yyjson_val *item;
        yyjson_arr_iter items;
        yyjson_arr_iter_init(mr_json_get(call->in, "logEvents"), &items);
        while ((item = yyjson_arr_iter_next(&items)) != NULL)
            logs_add_event(logs, &entry, name, mr_json_get_i64(item, "timestamp", call->now_ms),
                           call->now_ms, mr_json_get_text(item, "message"));
        commit(call, &entry);
        mr_json_key_cstr(&call->out, "nextSequenceToken", "0");
    }
    pthread_mutex_unlock(&logs->lock);
}

const struct protocol_handler logs_handlers[] = {
    {.operation = "CreateLogGroup", .run = create_group},
    {.operation = "DeleteLogGroup", .run = delete_group},
    {.operation = "DescribeLogGroups", .run = describe_groups},
    {.operation = "PutRetentionPolicy", .run = put_retention},
    {.operation = "DeleteRetentionPolicy", .run = delete_retention},
    {.operation = "CreateLogStream", .run = create_stream},
    {.operation = "DeleteLogStream", .run = delete_stream},
    {.operation = "DescribeLogStreams", .run = logs_describe_streams},
    {.operation = "PutLogEvents", .run = put_events},
    {.operation = "GetLogEvents", .run = logs_get_events},
    {.operation = "FilterLogEvents", .run = logs_filter_events},
};
const size_t logs_handler_count = MR_COUNT(logs_handlers);
