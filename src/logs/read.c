/* The wire: what is read of streams and their events. */
#include "logs/internal.h"
#include "logs/page.h"
#include "logs/pattern.h"
#include <stdlib.h>

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

/* What the request asks for and the group still keeps. */
static struct range range_of(struct protocol_call *call)
{
    yyjson_val *group = logs_find_group(call, logs_group_name(call));
    const int64_t kept_ms = logs_kept_since(group, call->now_ms);
    const int64_t from_ms = mr_json_get_i64(call->in, "startTime", INT64_MIN);
    return (struct range){.from_ms = from_ms > kept_ms ? from_ms : kept_ms,
                          .to_ms = mr_json_get_i64(call->in, "endTime", INT64_MAX)};
}

/* An event in the order in which they are shown: by time, then as they came. */
struct place {
    int64_t time_ms;
    uint64_t number;
};

static int by_place(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->time_ms != right->time_ms)
        return left->time_ms < right->time_ms ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* Token "f/<ms>-<number>": the events from that place on; "b/...": those before it. */
static struct mr_slice place_token(struct mr_arena *arena, char kind, struct place place)
{
    return mr_arena_printf(arena, "%c/%020lld-%020llu", kind, (long long)place.time_ms,
                           (unsigned long long)place.number);
}

static bool read_place(struct mr_slice token, struct place *ret_place)
{
    struct mr_slice rest = mr_slice_sub(token, 2, SIZE_MAX), time;
    return token.len > 2 && (token.ptr[0] == 'f' || token.ptr[0] == 'b') && token.ptr[1] == '/' &&
           mr_slice_split(&rest, '-', &time) &&
           mr_slice_to_i64(time, &ret_place->time_ms) == MR_OK &&
           mr_slice_to_u64(rest, &ret_place->number) == MR_OK;
}

/* The places of the stream's events in the range, in order; a stream has LOGS_STREAM_EVENTS_MAX. */
static struct place *list_places(struct protocol_call *call, struct mr_slice name,
                                 size_t *ret_count)
{
    struct logs *logs = call->service;
    const struct range range = range_of(call);
    struct place *places = MR_NEW_ARRAY(call->arena, struct place, LOGS_STREAM_EVENTS_MAX);
    struct view_iterator *events = logs_events(logs, call->arena, name);
    size_t count = 0;
    for (view_iterator_first(events); view_iterator_valid(events) && count < LOGS_STREAM_EVENTS_MAX;
         view_iterator_next(events)) {
        struct log_event event;
        if (logs_read_event(events, &event) && event.time_ms >= range.from_ms &&
            event.time_ms < range.to_ms)
            places[count++] = (struct place){event.time_ms, event.number};
    }
    view_iterator_free(events);
    qsort(places, count, sizeof *places, by_place);
    *ret_count = count;
    return places;
}

static size_t find_place(const struct place *places, size_t count, struct place place)
{
    size_t at = 0;
    while (at < count && by_place(&places[at], &place) < 0)
        at++;
    return at;
}

static void write_place(struct protocol_call *call, struct mr_slice name, struct place place)
{
    struct logs *logs = call->service;
    struct mr_buf value = {0};
    struct log_event event;
    const enum mr_status status = view_get(store_view(logs->options.store), VIEW_META,
                                           logs_event_key(call->arena, name, place.number), &value);
    protocol_fail_internal(call, status);
    if (status == MR_OK && logs_parse_event(mr_buf_slice(&value), &event)) { /* else it is gone */
        mr_json_object(&call->out);
        mr_json_key_int(&call->out, "timestamp", event.time_ms);
        mr_json_key_string(&call->out, "message", event.text);
        mr_json_key_int(&call->out, "ingestionTime", event.ingested_ms);
        mr_json_object_end(&call->out);
    }
    mr_buf_fini(&value);
}

void logs_get_events(struct protocol_call *call)
{
    const struct mr_slice name = logs_find_stream(call);
    if (name.ptr == NULL)
        return;
    const struct mr_slice token = mr_json_get_text(call->in, "nextToken");
    const size_t limit = (size_t)mr_json_get_i64(call->in, "limit", LOGS_STREAM_EVENTS_MAX);
    struct place place = {0};
    if (token.len > 0 && !read_place(token, &place)) {
        protocol_fail(call, &logs_invalid, "The specified nextToken is invalid.");
        return;
    }
    size_t count;
    const struct place *places = list_places(call, name, &count);
    const bool forward =
        token.len > 0 ? token.ptr[0] == 'f' : mr_json_get_bool(call->in, "startFromHead", false);
    const size_t at = token.len > 0 ? find_place(places, count, place) : (forward ? 0 : count);
    const size_t first = forward ? at : (at > limit ? at - limit : 0);
    const size_t end = forward ? (count - at > limit ? at + limit : count) : at;
    mr_json_key(&call->out, "events");
    mr_json_array(&call->out);
    for (size_t i = first; i < end; i++)
        write_place(call, name, places[i]);
    mr_json_array_end(&call->out);
    /* At an end the token stays what it was. */
    struct place behind = end > first ? places[end - 1] : place;
    behind.number += end > first;
    mr_json_key_string(&call->out, "nextForwardToken", place_token(call->arena, 'f', behind));
    mr_json_key_string(&call->out, "nextBackwardToken",
                       place_token(call->arena, 'b', end > first ? places[first] : place));
}

/* ---- FilterLogEvents ---- */

struct filter {
    struct protocol_call *call;
    struct mr_slice group;
    struct logs_pattern *pattern;
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
            event.time_ms >= filter->range.to_ms ||
            !logs_pattern_matches(filter->pattern, event.text))
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
        .range = range_of(call),
        .names = mr_json_get(call->in, "logStreamNames"),
    };
    if (logs_find_group(call, filter.group) == NULL)
        return;
    if (filter.names != NULL && mr_json_get_text(call->in, "logStreamNamePrefix").len > 0) {
        protocol_fail(call, &logs_invalid,
                      "Cannot specify both logStreamNames and logStreamNamePrefix.");
        return;
    }
    const char *message;
    if (logs_pattern_parse(call->arena, mr_json_get_text(call->in, "filterPattern"),
                           &filter.pattern, &message) != MR_OK) {
        protocol_fail(call, &logs_invalid, "%s", message);
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
