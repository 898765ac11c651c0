/* The wire: what is read of streams and their events. */
#include "logs/internal.h"
#include "logs/page.h"

static bool begin_page(struct protocol_call *call, struct logs_page *page, int64_t limit,
                       bool descending)
{
    if (logs_page_init(page, call->arena, (size_t)mr_json_get_i64(call->in, "limit", limit),
                       descending, mr_json_get_text(call->in, "nextToken")))
        return true;
    protocol_fail(call, &logs_invalid, "The specified nextToken is invalid.");
    return false;
}

/* ---- DescribeLogStreams ---- */

struct streams {
    struct protocol_call *call;
    struct mr_slice group;
    struct logs_page page;
    bool by_time;
};

static struct log_stream state_of(struct protocol_call *call, struct mr_slice name)
{
    struct logs *logs = call->service;
    pthread_mutex_lock(&logs->lock);
    const struct log_stream state = *logs_stream_state(logs, name);
    pthread_mutex_unlock(&logs->lock);
    return state;
}

static enum mr_status offer_stream(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct streams *streams = ctx;
    struct mr_arena *arena = streams->call->arena;
    (void)text;
    const struct mr_slice stream = mr_slice_sub(name, streams->group.len + 1, SIZE_MAX);
    const struct logs_row row = {
        .rank = streams->by_time ? state_of(streams->call, name).last_ms : 0,
        .name = mr_arena_copy(arena, stream),
    };
    logs_page_offer(&streams->page, row);
    return MR_OK;
}

static void write_stream(struct streams *streams, struct mr_slice stream)
{
    struct protocol_call *call = streams->call;
    struct logs *logs = call->service;
    struct mr_json *json = &call->out;
    const struct mr_slice name = logs_stream_name(call->arena, streams->group, stream);
    struct mr_slice text;
    const enum mr_status status =
        store_doc_get(logs->options.store, call->arena, "logs", "stream", name, &text);
    if (status != MR_OK) { /* it went meanwhile */
        protocol_fail_internal(call, status);
        return;
    }
    yyjson_val *doc = mr_json_parse(call->arena, text, 8);
    const struct log_stream state = state_of(call, name);
    mr_json_object(json);
    mr_json_key_string(json, "logStreamName", stream);
    mr_json_key_int(json, "creationTime", mr_json_get_i64(doc, "created_ms", 0));
    if (state.count > 0) {
        mr_json_key_int(json, "firstEventTimestamp", state.first_ms);
        mr_json_key_int(json, "lastEventTimestamp", state.last_ms);
        mr_json_key_int(json, "lastIngestionTime", state.ingested_ms);
    }
    const struct mr_slice arn = logs_group_arn(call, streams->group);
    mr_json_key_string(
        json, "arn",
        mr_arena_printf(call->arena, "%.*s:log-stream:%.*s", MR_ARG(arn), MR_ARG(stream)));
    mr_json_key_int(json, "storedBytes", 0);
    mr_json_object_end(json);
}

static void finish_streams(struct streams *streams)
{
    struct protocol_call *call = streams->call;
    logs_page_close(&streams->page);
    mr_json_key(&call->out, "logStreams");
    mr_json_array(&call->out);
    for (size_t i = 0; i < streams->page.count; i++)
        write_stream(streams, streams->page.rows[i].name);
    mr_json_array_end(&call->out);
    if (streams->page.more)
        mr_json_key_string(&call->out, "nextToken", logs_page_token(&streams->page));
}

void logs_describe_streams(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice prefix = mr_json_get_text(call->in, "logStreamNamePrefix");
    struct streams streams = {
        .call = call,
        .group = logs_group_name(call),
        .by_time = mr_slice_equal(mr_json_get_text(call->in, "orderBy"), MR_S("LastEventTime")),
    };
    if (logs_find_group(call, streams.group) == NULL)
        return;
    if (streams.by_time && prefix.len > 0) {
        protocol_fail(call, &logs_invalid,
                      "Cannot order by LastEventTime with a logStreamNamePrefix.");
        return;
    }
    if (!begin_page(call, &streams.page, 50, mr_json_get_bool(call->in, "descending", false)))
        return;
    const enum mr_status status = store_doc_each(
        logs->options.store, "logs", "stream", logs_stream_name(call->arena, streams.group, prefix),
        offer_stream, &streams);
    protocol_fail_internal(call, status);
    if (!protocol_failed(call))
        finish_streams(&streams);
}

/* ---- GetLogEvents ---- */

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

void logs_get_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_find_stream(call);
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
        first = next = before;
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
    struct protocol_call *call;
    struct mr_slice group, pattern;
    struct range range;
    yyjson_val *names; /* of the only streams to look at, or NULL */
    struct logs_page page;
};

static bool is_wanted(const struct filter *filter, struct mr_slice stream)
{
    yyjson_val *name;
    yyjson_arr_iter names;
    if (filter->names == NULL)
        return true;
    yyjson_arr_iter_init(filter->names, &names);
    while ((name = yyjson_arr_iter_next(&names)) != NULL)
        if (mr_slice_equal(mr_json_text(name), stream))
            return true;
    return false;
}

static enum mr_status offer_events(void *ctx, struct mr_slice name, struct mr_slice text)
{
    struct filter *filter = ctx;
    struct protocol_call *call = filter->call;
    const struct mr_slice stream =
        mr_arena_copy(call->arena, mr_slice_sub(name, filter->group.len + 1, SIZE_MAX));
    (void)text;
    if (!is_wanted(filter, stream))
        return MR_OK;
    struct view_iterator *events = logs_events(call->service, call->arena, name);
    for (view_iterator_first(events); view_iterator_valid(events); view_iterator_next(events)) {
        struct log_event event;
        if (!logs_read_event(events, &event) || event.time_ms < filter->range.from_ms ||
            event.time_ms >= filter->range.to_ms || !matches(filter->pattern, event.text))
            continue;
        const struct logs_row row = {event.time_ms, event.number, stream};
        logs_page_offer(&filter->page, row);
    }
    const enum mr_status status = view_iterator_status(events);
    view_iterator_free(events);
    return status;
}

static void write_event(struct filter *filter, const struct logs_row *row)
{
    struct protocol_call *call = filter->call;
    struct logs *logs = call->service;
    struct mr_json *json = &call->out;
    struct mr_buf value = {0};
    const struct mr_slice name = logs_stream_name(call->arena, filter->group, row->name);
    const enum mr_status status = view_get(store_view(logs->options.store), VIEW_META,
                                           logs_event_key(call->arena, name, row->number), &value);
    protocol_fail_internal(call, status);
    struct log_event event;
    if (status == MR_OK && logs_parse_event(mr_buf_slice(&value), &event)) { /* else it is gone */
        mr_json_object(json);
        mr_json_key_string(json, "logStreamName", row->name);
        mr_json_key_int(json, "timestamp", event.time_ms);
        mr_json_key_string(json, "message", event.text);
        mr_json_key_int(json, "ingestionTime", event.ingested_ms);
        mr_json_key_string(
            json, "eventId",
            mr_arena_printf(call->arena, "%056llu", (unsigned long long)row->number));
        mr_json_object_end(json);
    }
    mr_buf_fini(&value);
}

static void finish_filter(struct filter *filter)
{
    struct protocol_call *call = filter->call;
    logs_page_close(&filter->page);
    mr_json_key(&call->out, "events");
    mr_json_array(&call->out);
    for (size_t i = 0; i < filter->page.count; i++)
        write_event(filter, &filter->page.rows[i]);
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "searchedLogStreams");
    mr_json_array(&call->out);
    mr_json_array_end(&call->out);
    if (filter->page.more)
        mr_json_key_string(&call->out, "nextToken", logs_page_token(&filter->page));
}

void logs_filter_events(struct protocol_call *call)
{
    struct logs *logs = call->service;
    struct filter filter = {
        .call = call,
        .group = logs_group_name(call),
        .pattern = mr_json_get_text(call->in, "filterPattern"),
        .range = range_of(call->in),
        .names = mr_json_get(call->in, "logStreamNames"),
    };
    if (logs_find_group(call, filter.group) == NULL)
        return;
    if (filter.pattern.len > 0 && strchr("{[?-%", filter.pattern.ptr[0]) != NULL) {
        protocol_fail(call, &logs_invalid, "millrace supports filter patterns of plain words only");
        return;
    }
    if (!begin_page(call, &filter.page, 10000, false))
        return;
    const struct mr_slice prefix = logs_stream_name(
        call->arena, filter.group, mr_json_get_text(call->in, "logStreamNamePrefix"));
    const enum mr_status status =
        store_doc_each(logs->options.store, "logs", "stream", prefix, offer_events, &filter);
    protocol_fail_internal(call, status);
    if (!protocol_failed(call))
        finish_filter(&filter);
}
