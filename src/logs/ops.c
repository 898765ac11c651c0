/* The wire: log groups, streams and events. */
#include "logs/internal.h"
#include <stdlib.h>

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

/* A group by name, or by its ARN with or without ":*". */
static struct mr_slice group_name(struct protocol_call *call)
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

static yyjson_val *find_group(struct protocol_call *call, struct mr_slice name)
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

static struct mr_slice group_arn(struct protocol_call *call, struct mr_slice name)
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
    const struct mr_slice name = group_name(call);
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
    const struct mr_slice name = group_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    struct drop drop = {.logs = logs, .entry = &entry};
    pthread_mutex_lock(&logs->lock);
    if (find_group(call, name) != NULL) {
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
    const struct mr_slice name = group_name(call);
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    yyjson_val *doc = find_group(call, name);
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

/* ---- lists ---- */

struct listing {
    struct protocol_call *call;
    struct mr_slice group, after, last;
    int64_t limit, count;
    bool more;
};

/* True when the document belongs on this page. */
static bool list_takes(struct listing *list, struct mr_slice name)
{
    if (list->after.len > 0 && mr_slice_compare(name, list->after) <= 0)
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
    const struct mr_slice arn = group_arn(list->call, name);
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

static enum mr_status list_stream(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct listing *list = ctx;
    const struct mr_slice stream = mr_slice_sub(name, list->group.len + 1, SIZE_MAX);
    if (!list_takes(list, stream))
        return list->more ? MR_END : MR_OK;
    struct logs *logs = list->call->service;
    struct mr_json *json = &list->call->out;
    yyjson_val *doc = mr_json_parse(list->call->arena, text, 8);
    pthread_mutex_lock(&logs->lock);
    const struct log_stream state = *logs_stream_state(logs, name);
    pthread_mutex_unlock(&logs->lock);
    mr_json_object(json);
    mr_json_key_string(json, "logStreamName", stream);
    mr_json_key_int(json, "creationTime", mr_json_get_i64(doc, "created_ms", 0));
    if (state.count > 0) {
        mr_json_key_int(json, "firstEventTimestamp", state.first_ms);
        mr_json_key_int(json, "lastEventTimestamp", state.last_ms);
        mr_json_key_int(json, "lastIngestionTime", state.ingested_ms);
    }
    const struct mr_slice arn = group_arn(list->call, list->group);
    mr_json_key_string(
        json, "arn",
        mr_arena_printf(list->call->arena, "%.*s:log-stream:%.*s", MR_ARG(arn), MR_ARG(stream)));
    mr_json_key_int(json, "storedBytes", 0);
    mr_json_object_end(json);
    return MR_OK;
}

static void describe_streams(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice group = group_name(call);
    if (find_group(call, group) == NULL)
        return;
    struct listing list = {
        .call = call,
        .group = group,
        .after = mr_json_get_text(call->in, "nextToken"),
        .limit = mr_json_get_i64(call->in, "limit", 50),
    };
    const struct mr_slice prefix =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamNamePrefix"));
    mr_json_key(&call->out, "logStreams");
    mr_json_array(&call->out);
    protocol_fail_internal(
        call, store_doc_each(logs->options.store, "logs", "stream", prefix, list_stream, &list));
    mr_json_array_end(&call->out);
    if (list.more)
        mr_json_key_string(&call->out, "nextToken", list.last);
}

/* ---- streams ---- */

static void create_stream(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice group = group_name(call);
    const struct mr_slice name =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamName"));
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    if (find_group(call, group) != NULL) {
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

/* The stream a request means ("<group>\0<stream>"); ptr NULL with the fault set. */
static struct mr_slice find_stream(struct protocol_call *call)
{
    const struct mr_slice group = group_name(call);
    const struct mr_slice name =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamName"));
    if (find_group(call, group) == NULL)
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
    const struct mr_slice name = find_stream(call);
    if (name.ptr != NULL) {
        store_doc_delete(&entry, "logs", "stream", name);
        logs_drop_events(logs, &entry, name);
        commit(call, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

/* ---- events ---- */

static void put_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    const struct mr_slice name = find_stream(call);
    if (name.ptr != NULL) {
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

struct range {
    int64_t from_ms, to_ms;
};

static struct range range_of(yyjson_val *in)
{
    return (struct range){.from_ms = mr_json_get_i64(in, "startTime", INT64_MIN),
                          .to_ms = mr_json_get_i64(in, "endTime", INT64_MAX)};
}

/* Token "f/<number>": events from that number on; "b/<number>": those before it. */
static bool token_number(struct mr_slice token, char kind, uint64_t *ret_number)
{
    return token.len > 2 && token.ptr[0] == kind &&
           mr_slice_to_u64(mr_slice_sub(token, 2, SIZE_MAX), ret_number) == MR_OK;
}

static void get_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice name = find_stream(call);
    if (name.ptr == NULL)
        return;
    const struct mr_slice token = mr_json_get_text(call->in, "nextToken");
    const int64_t limit = mr_json_get_i64(call->in, "limit", 10000);
    const struct range range = range_of(call->in);
    uint64_t from = 0, before = UINT64_MAX;
    const bool forward = token_number(token, 'f', &from);
    const bool backward = token_number(token, 'b', &before);
    struct view_iterator *events = logs_events(logs, call->arena, name);
    /* From the head, or after a token, forward; without either, the newest `limit`. */
    uint64_t skip = 0, total = 0;
    if (!forward && !mr_json_get_bool(call->in, "startFromHead", false)) {
        for (view_iterator_first(events); view_iterator_valid(events); view_iterator_next(events)) {
            struct log_event event;
            total += logs_read_event(events, &event) && event.number < before &&
                     event.time_ms >= range.from_ms && event.time_ms < range.to_ms;
        }
        skip = total > (uint64_t)limit ? total - (uint64_t)limit : 0;
    }
    uint64_t first = from, next = from;
    int64_t count = 0;
    mr_json_key(&call->out, "events");
    mr_json_array(&call->out);
    for (view_iterator_first(events); view_iterator_valid(events) && count < limit;
         view_iterator_next(events)) {
        struct log_event event;
        if (!logs_read_event(events, &event) || event.number < from || event.number >= before ||
            event.time_ms < range.from_ms || event.time_ms >= range.to_ms)
            continue;
        if (skip > 0) {
            skip--;
            continue;
        }
        first = count++ == 0 ? event.number : first;
        next = event.number + 1;
        mr_json_object(&call->out);
        mr_json_key_int(&call->out, "timestamp", event.time_ms);
        mr_json_key_string(&call->out, "message", event.text);
        mr_json_key_int(&call->out, "ingestionTime", event.ingested_ms);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    view_iterator_free(events);
    if (backward && count == 0)
        first = before;
    mr_json_key_string(&call->out, "nextForwardToken",
                       mr_arena_printf(call->arena, "f/%llu", (unsigned long long)next));
    mr_json_key_string(&call->out, "nextBackwardToken",
                       mr_arena_printf(call->arena, "b/%llu", (unsigned long long)first));
}

/* ---- FilterLogEvents: plain words, all of which must occur ---- */

static bool matches(struct mr_slice pattern, struct mr_slice text)
{
    struct mr_slice rest = pattern, word;
    while (rest.len > 0 && mr_slice_split(&rest, ' ', &word)) {
        if (word.len >= 2 && word.ptr[0] == '"' && word.ptr[word.len - 1] == '"')
            word = mr_slice_sub(word, 1, word.len - 2);
        if (word.len > 0 && mr_slice_search(text, word) == SIZE_MAX)
            return false;
    }
    return true;
}

struct filter {
    struct listing list;
    struct mr_slice pattern;
    struct range range;
};

static enum mr_status filter_stream(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct filter *filter = ctx;
    struct protocol_call *call = filter->list.call;
    struct mr_json *json = &call->out;
    const struct mr_slice stream = mr_slice_sub(name, filter->list.group.len + 1, SIZE_MAX);
    (void)text;
    struct view_iterator *events = logs_events(call->service, call->arena, name);
    for (view_iterator_first(events);
         view_iterator_valid(events) && filter->list.count < filter->list.limit;
         view_iterator_next(events)) {
        struct log_event event;
        if (!logs_read_event(events, &event) || event.time_ms < filter->range.from_ms ||
            event.time_ms >= filter->range.to_ms || !matches(filter->pattern, event.text))
            continue;
        filter->list.count++;
        mr_json_object(json);
        mr_json_key_string(json, "logStreamName", stream);
        mr_json_key_int(json, "timestamp", event.time_ms);
        mr_json_key_string(json, "message", event.text);
        mr_json_key_int(json, "ingestionTime", event.ingested_ms);
        mr_json_key_string(
            json, "eventId",
            mr_arena_printf(call->arena, "%056llu", (unsigned long long)event.number));
        mr_json_object_end(json);
    }
    view_iterator_free(events);
    return MR_OK;
}

static void filter_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice group = group_name(call);
    const struct mr_slice pattern = mr_json_get_text(call->in, "filterPattern");
    if (find_group(call, group) == NULL)
        return;
    if (pattern.len > 0 && strchr("{[?-%", pattern.ptr[0]) != NULL) {
        static const struct protocol_fault invalid = {"InvalidParameterException", 400, false};
        protocol_fail(call, &invalid, "millrace supports filter patterns of plain words only");
        return;
    }
    struct filter filter = {
        .list = {.call = call, .group = group, .limit = mr_json_get_i64(call->in, "limit", 10000)},
        .pattern = pattern,
        .range = range_of(call->in),
    };
    const struct mr_slice prefix =
        logs_stream_name(call->arena, group, mr_json_get_text(call->in, "logStreamNamePrefix"));
    mr_json_key(&call->out, "events");
    mr_json_array(&call->out);
    protocol_fail_internal(call, store_doc_each(logs->options.store, "logs", "stream", prefix,
                                                filter_stream, &filter));
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "searchedLogStreams");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
}

const struct protocol_handler logs_handlers[] = {
    {.operation = "CreateLogGroup", .run = create_group},
    {.operation = "DeleteLogGroup", .run = delete_group},
    {.operation = "DescribeLogGroups", .run = describe_groups},
    {.operation = "PutRetentionPolicy", .run = put_retention},
    {.operation = "DeleteRetentionPolicy", .run = delete_retention},
    {.operation = "CreateLogStream", .run = create_stream},
    {.operation = "DeleteLogStream", .run = delete_stream},
    {.operation = "DescribeLogStreams", .run = describe_streams},
    {.operation = "PutLogEvents", .run = put_events},
    {.operation = "GetLogEvents", .run = get_events},
    {.operation = "FilterLogEvents", .run = filter_events},
};
const size_t logs_handler_count = MR_COUNT(logs_handlers);
