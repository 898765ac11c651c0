/* The wire: log groups, streams and events. */
#include "logs/internal.h"
#include "protocol/document.h"
#include <stdlib.h>

const struct protocol_fault logs_invalid = {"InvalidParameterException", 400, false};
static const struct protocol_fault not_found = {"ResourceNotFoundException", 400, false};
static const struct protocol_fault exists = {"ResourceAlreadyExistsException", 400, false};

/* ---- helpers ---- */

static yyjson_val *get_doc(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct logs *logs = call->service;
    return protocol_document(call, logs->options.store, "logs", kind, name);
}

struct mr_slice logs_group_name(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "logGroupName");
    if (name.len == 0)
        name = mr_json_get_text(call->in, "logGroupIdentifier");
    if (name.len == 0)
        name = mr_json_get_text(call->in, "resourceArn");
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

/* What would be a pretence if it were accepted. */
static bool check_group(struct protocol_call *call)
{
    const struct mr_slice class = mr_json_get_text(call->in, "logGroupClass");
    const char *name = NULL;
    if (mr_json_get(call->in, "kmsKeyId") != NULL)
        name = "kmsKeyId";
    else if (class.len > 0 && !mr_slice_equal(class, MR_S("STANDARD")))
        name = "logGroupClass other than STANDARD";
    else if (mr_json_get_bool(call->in, "deletionProtectionEnabled", false))
        name = "deletionProtectionEnabled";
    if (name != NULL)
        protocol_fail(call, &logs_invalid, "millrace does not implement %s; leave it out", name);
    return name == NULL;
}

static void create_group(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    if (!check_group(call))
        return;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    if (get_doc(call, "group", name) != NULL) {
        protocol_fail(call, &exists, "The specified log group already exists");
    } else {
        store_doc_put(&entry, "logs", "group", name,
                      group_document(call, call->now_ms, 0, mr_json_get(call->in, "tags")));
        protocol_commit(call, logs->options.store, &entry);
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
        protocol_commit(call, logs->options.store, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

void logs_put_group(struct protocol_call *call, struct mr_slice name, int64_t created_ms,
                    int64_t retention, yyjson_val *tags)
{
    struct logs *logs = call->service;
    protocol_document_put(call, logs->options.store, "logs", "group", name,
                          group_document(call, created_ms, retention, tags));
}

static void set_retention(struct protocol_call *call, int64_t days)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    pthread_mutex_lock(&logs->lock);
    yyjson_val *doc = logs_find_group(call, name);
    if (doc != NULL)
        logs_put_group(call, name, mr_json_get_i64(doc, "created_ms", 0), days,
                       mr_json_get(doc, "tags"));
    pthread_mutex_unlock(&logs->lock);
}

static void put_retention(struct protocol_call *call)
{
    static const int64_t allowed[] = {1,   3,   5,   7,   14,   30,   60,   90,   120,  150,  180,
                                      365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653};
    const int64_t days = mr_json_get_i64(call->in, "retentionInDays", 0);
    struct mr_buf known = {0};
    bool valid = false;
    for (size_t i = 0; i < MR_COUNT(allowed); i++) {
        valid = valid || allowed[i] == days;
        mr_buf_printf(&known, "%s%lld", i > 0 ? ", " : "", (long long)allowed[i]);
    }
    if (valid)
        set_retention(call, days);
    else
        protocol_fail(call, &logs_invalid,
                      "1 validation error detected: Value '%lld' at 'retentionInDays' failed to "
                      "satisfy constraint: Member must satisfy enum value set: [%.*s]",
                      (long long)days, MR_ARG(mr_buf_slice(&known)));
    mr_buf_fini(&known);
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
    if (list.pattern.len > 0 && mr_json_get_text(call->in, "logGroupNamePrefix").len > 0) {
        protocol_fail(call, &logs_invalid,
                      "LogGroup name prefix and LogGroup name pattern are mutually exclusive "
                      "parameters.");
        return;
    }
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
            protocol_commit(call, logs->options.store, &entry);
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
        protocol_commit(call, logs->options.store, &entry);
    }
    pthread_mutex_unlock(&logs->lock);
}

/* ---- events ---- */

enum {
    PUT_BYTES_MAX = 1048576,
    EVENT_OVERHEAD = 26, /* AWS counts so many bytes an event beside its text */
    FUTURE_MS = 2 * 3600 * 1000,
    PAST_DAYS = 14,
    DAY_MS = 24 * 3600 * 1000,
};

/* AWS: the events of one request come in the order of their times, within a day. */
static bool check_events(struct protocol_call *call)
{
    int64_t before = INT64_MIN, first = INT64_MAX;
    size_t i, count, bytes = 0;
    yyjson_val *item;
    yyjson_val *items = mr_json_get(call->in, "logEvents");
    yyjson_arr_foreach(items, i, count, item)
    {
        const int64_t time_ms = mr_json_get_i64(item, "timestamp", call->now_ms);
        bytes += mr_json_get_text(item, "message").len + EVENT_OVERHEAD;
        first = i == 0 ? time_ms : first;
        if (time_ms < before)
            protocol_fail(call, &logs_invalid,
                          "Log events in a single PutLogEvents request must be in chronological "
                          "order.");
        else if (time_ms - first > DAY_MS)
            protocol_fail(call, &logs_invalid,
                          "The batch of log events in a single PutLogEvents request cannot span "
                          "more than 24 hours.");
        before = time_ms;
    }
    if (bytes > PUT_BYTES_MAX)
        protocol_fail(call, &logs_invalid, "Upload too large: %zu bytes exceeds limit of %d", bytes,
                      (int)PUT_BYTES_MAX);
    return !protocol_failed(call);
}

/* Which of the events, which are in order, are taken: those in [first, end). The others are told.
 */
struct taken {
    size_t too_old, expired, end;
};

static struct taken choose(struct protocol_call *call, yyjson_val *group)
{
    const int64_t oldest_ms = call->now_ms - (int64_t)PAST_DAYS * DAY_MS;
    const int64_t kept_ms = logs_kept_since(group, call->now_ms);
    struct taken taken = {0};
    size_t i, count;
    yyjson_val *item;
    yyjson_val *items = mr_json_get(call->in, "logEvents");
    yyjson_arr_foreach(items, i, count, item)
    {
        const int64_t time_ms = mr_json_get_i64(item, "timestamp", call->now_ms);
        taken.too_old += time_ms < oldest_ms;
        taken.expired += time_ms >= oldest_ms && time_ms < kept_ms;
        taken.end += time_ms <= call->now_ms + FUTURE_MS;
    }
    if (taken.expired > 0)
        taken.expired += taken.too_old; /* the index behind them */
    return taken;
}

static void tell_rejected(struct protocol_call *call, const struct taken *taken)
{
    const size_t count = yyjson_arr_size(mr_json_get(call->in, "logEvents"));
    if (taken->too_old == 0 && taken->expired == 0 && taken->end == count)
        return;
    mr_json_key(&call->out, "rejectedLogEventsInfo");
    mr_json_object(&call->out);
    if (taken->end < count)
        mr_json_key_int(&call->out, "tooNewLogEventStartIndex", (int64_t)taken->end);
    if (taken->too_old > 0)
        mr_json_key_int(&call->out, "tooOldLogEventEndIndex", (int64_t)taken->too_old);
    if (taken->expired > 0)
        mr_json_key_int(&call->out, "expiredLogEventEndIndex", (int64_t)taken->expired);
    mr_json_object_end(&call->out);
}

static void put_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    pthread_mutex_lock(&logs->lock);
    const struct mr_slice name = logs_find_stream(call);
    if (name.ptr != NULL && check_events(call)) {
        const struct taken taken = choose(call, logs_find_group(call, logs_group_name(call)));
        const size_t first = taken.expired > taken.too_old ? taken.expired : taken.too_old;
        size_t i, count;
        yyjson_val *item;
        yyjson_val *items = mr_json_get(call->in, "logEvents");
        yyjson_arr_foreach(items, i, count, item)
        {
            if (i >= first && i < taken.end)
                logs_add_event(logs, &entry, name, mr_json_get_i64(item, "timestamp", call->now_ms),
                               call->now_ms, mr_json_get_text(item, "message"));
        }
        protocol_commit(call, logs->options.store, &entry);
        mr_json_key_string(
            &call->out, "nextSequenceToken",
            mr_arena_printf(call->arena, "%056llu", (unsigned long long)call->now_ms));
        tell_rejected(call, &taken);
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
