/* Notifications to functions. An event is a document, committed by the very entry that makes the
 * change it tells of: VIEW_META "s3/event/<order, 16 hex digits><8 random>":
 *   {"function": "<ARN>", "event": {"Records": [...]}}
 * The pump gives each to its function's queue, oldest first, and takes the document away when that
 * accepted it. So an event is told at least once, and never of a change that was lost. */
#include "s3/notify.h"
#include "base/log.h"
#include "s3/internal.h"
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_A_STEP = 100, RETRY_MS = 1000, NAME_TEXT = 24 };

struct s3_notifier {
    struct s3 *s3;
    struct s3_notify_options options;
    struct runtime_pump *pump;
};

/* ---- which configurations want it ---- */

/* "s3:ObjectCreated:*" takes all of its kind. */
bool s3_event_fits(struct mr_slice wanted, struct mr_slice name)
{
    if (!mr_slice_starts_with(wanted, MR_S("s3:")))
        return false;
    wanted = mr_slice_sub(wanted, 3, SIZE_MAX);
    if (mr_slice_ends_with(wanted, MR_S("*")))
        return mr_slice_starts_with(name, mr_slice_sub(wanted, 0, wanted.len - 1));
    return mr_slice_equal(wanted, name);
}

static bool filter_fits(yyjson_val *configuration, struct mr_slice key)
{
    yyjson_val *filter = mr_json_get(mr_json_get(configuration, "Filter"), "Key");
    size_t at, count;
    yyjson_val *rule;
    yyjson_arr_foreach(mr_json_get(filter, "FilterRules"), at, count, rule)
    {
        const struct mr_slice value = mr_json_get_text(rule, "Value");
        const bool prefix = mr_slice_equal_nocase(mr_json_get_text(rule, "Name"), MR_S("prefix"));
        if (!(prefix ? mr_slice_starts_with(key, value) : mr_slice_ends_with(key, value)))
            return false;
    }
    return true;
}

static bool wants(yyjson_val *configuration, const struct s3_event *event)
{
    size_t at, count;
    yyjson_val *wanted;
    yyjson_arr_foreach(mr_json_get(configuration, "Events"), at, count, wanted)
    {
        if (s3_event_fits(mr_json_text(wanted), mr_slice_cstr(event->name)))
            return filter_fits(configuration, event->key);
    }
    return false;
}

/* ---- the event as AWS writes it ---- */

static struct mr_slice key_text(struct mr_arena *arena, struct mr_slice key)
{
    struct mr_buf buf = {0};
    mr_percent_encode(&buf, key, true);
    /* AWS: as in a form, so a blank is a plus. */
    struct mr_buf form = {0};
    for (size_t i = 0; i < buf.len; i++) {
        const bool blank = buf.len - i >= 3 && memcmp(buf.data + i, "%20", 3) == 0;
        mr_buf_byte(&form, blank ? '+' : buf.data[i]);
        i += blank ? 2 : 0;
    }
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&form));
    mr_buf_fini(&buf);
    mr_buf_fini(&form);
    return text;
}

static void write_one(struct mr_json *json, const char *key, const char *name,
                      struct mr_slice value)
{
    mr_json_key(json, key);
    mr_json_object(json);
    mr_json_key_string(json, name, value);
    mr_json_object_end(json);
}

static void write_object(struct mr_arena *arena, struct mr_json *json, const struct s3_event *event,
                         uint64_t order)
{
    char text[S3_ETAG_TEXT], version[S3_VERSION_TEXT + 1], sequencer[24];
    mr_json_key(json, "object");
    mr_json_object(json);
    mr_json_key_string(json, "key", key_text(arena, event->key));
    if (event->meta != NULL && !event->meta->marker) {
        mr_json_key_int(json, "size", (int64_t)event->meta->size);
        mr_json_key_string(json, "eTag", s3_meta_etag(event->meta, text));
    } else if (event->meta != NULL) { /* AWS: that of nothing */
        mr_json_key_cstr(json, "eTag", "d41d8cd98f00b204e9800998ecf8427e");
    }
    if (event->version != NULL)
        mr_json_key_string(json, "versionId", s3_version_text(event->version, version));
    (void)snprintf(sequencer, sizeof sequencer, "%018llX", (unsigned long long)order);
    mr_json_key_cstr(json, "sequencer", sequencer);
    mr_json_object_end(json);
}

static void write_request(struct s3 *s3, struct mr_json *json, const struct s3_event *event)
{
    char id[17];
    uint8_t random[8];
    mr_rng_fill(s3->options.rng, random, sizeof random);
    mr_hex(random, sizeof random, id);
    for (size_t i = 0; i < 16; i++)
        if (id[i] >= 'a')
            id[i] = (char)(id[i] - 'a' + 'A');
    const struct mr_slice request =
        event->request_id.len > 0 ? event->request_id : mr_slice_cstr(id);
    write_one(json, "userIdentity", "principalId",
              event->access_key.len > 0 ? event->access_key : MR_S("AmazonCustomer"));
    write_one(json, "requestParameters", "sourceIPAddress", MR_S("127.0.0.1"));
    mr_json_key(json, "responseElements");
    mr_json_object(json);
    mr_json_key_string(json, "x-amz-request-id", request);
    mr_json_key_string(json, "x-amz-id-2", request);
    mr_json_object_end(json);
}

/* How long an archived object can be read. */
static void write_restored(struct mr_json *json, const struct s3_meta *meta)
{
    char date[32];
    mr_json_key(json, "glacierEventData");
    mr_json_object(json);
    mr_json_key(json, "restoreEventData");
    mr_json_object(json);
    mr_json_key_string(json, "lifecycleRestorationExpiryTime",
                       mr_date_iso8601(meta->restored_until_ms, date));
    mr_json_key_string(json, "lifecycleRestoreStorageClass", meta->headers[S3_STORAGE_CLASS]);
    mr_json_object_end(json);
    mr_json_object_end(json);
}

static void write_record(struct s3 *s3, struct mr_arena *arena, struct mr_json *json,
                         const struct s3_event *event, yyjson_val *configuration, uint64_t order)
{
    char date[32];
    /* AWS: what is younger than the first events has a later version. */
    const bool newer = strncmp(event->name, "ObjectCreated", 13) != 0 &&
                       strncmp(event->name, "ObjectRemoved", 13) != 0 &&
                       strncmp(event->name, "ObjectRestore", 13) != 0;
    mr_json_object(json);
    mr_json_key_cstr(json, "eventVersion", newer ? "2.3" : "2.1");
    mr_json_key_cstr(json, "eventSource", "aws:s3");
    mr_json_key_string(json, "awsRegion", event->region);
    mr_json_key_string(json, "eventTime", mr_date_iso8601(store_now(s3->options.store), date));
    mr_json_key_cstr(json, "eventName", event->name);
    write_request(s3, json, event);
    mr_json_key(json, "s3");
    mr_json_object(json);
    mr_json_key_cstr(json, "s3SchemaVersion", "1.0");
    mr_json_key_string(json, "configurationId", mr_json_get_text(configuration, "Id"));
    mr_json_key(json, "bucket");
    mr_json_object(json);
    mr_json_key_string(json, "name", event->bucket);
    write_one(json, "ownerIdentity", "principalId", MR_S("AmazonCustomer"));
    mr_json_key_string(json, "arn",
                       mr_arena_printf(arena, "arn:aws:s3:::%.*s", MR_ARG(event->bucket)));
    mr_json_object_end(json);
    write_object(arena, json, event, order);
    mr_json_object_end(json);
    if (strcmp(event->name, "ObjectRestore:Completed") == 0)
        write_restored(json, event->meta);
    mr_json_object_end(json);
}

static void queue(struct s3 *s3, struct store_entry *entry, const struct s3_event *event,
                  yyjson_val *configuration)
{
    const uint64_t order = (uint64_t)journal_tail(store_journal(s3->options.store));
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "function", mr_json_get_text(configuration, "LambdaFunctionArn"));
    mr_json_key(&json, "event");
    mr_json_object(&json);
    mr_json_key(&json, "Records");
    mr_json_array(&json);
    write_record(s3, entry->arena, &json, event, configuration, order);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    const struct mr_slice name =
        mr_arena_printf(entry->arena, "%016llx%08x", (unsigned long long)order,
                        (unsigned)mr_rng_u64(s3->options.rng));
    store_doc_put(entry, "s3", "event", name, mr_arena_copy(entry->arena, mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

bool s3_notify_plan(struct s3 *s3, struct store_entry *entry, yyjson_val *document,
                    const struct s3_event *event)
{
    yyjson_val *configurations =
        mr_json_get(mr_json_get(document, "notification"), "LambdaFunctionConfigurations");
    struct s3_event told = *event;
    size_t at, count;
    yyjson_val *configuration;
    bool any = false;
    told.region = mr_json_get_text(document, "region");
    yyjson_arr_foreach(configurations, at, count, configuration)
    {
        if (!wants(configuration, event))
            continue;
        queue(s3, entry, &told, configuration);
        any = true;
    }
    return any;
}

/* ---- the pump ---- */

struct due {
    struct due *next;
    struct mr_slice name, function, event;
};
struct gathering {
    struct mr_arena *arena;
    struct due *first, **end;
    size_t count;
};

static enum mr_status gather(void *ctx, struct mr_slice name, struct mr_slice json)
{
    struct gathering *gathering = ctx;
    struct mr_buf buf = {0};
    yyjson_val *document = mr_json_parse(gathering->arena, json, MR_JSON_DEPTH_MAX);
    struct due *due = MR_NEW(gathering->arena, struct due);
    struct mr_json out = mr_json_make(&buf);
    mr_json_value(&out, mr_json_get(document, "event"));
    due->name = mr_arena_copy(gathering->arena, name);
    due->function = mr_arena_copy(gathering->arena, mr_json_get_text(document, "function"));
    due->event = mr_arena_copy(gathering->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    *gathering->end = due;
    gathering->end = &due->next;
    return ++gathering->count == EVENTS_A_STEP ? MR_END : MR_OK;
}

/* MR_AGAIN: its function takes nothing now. */
static enum mr_status tell(struct s3_notifier *notifier, struct mr_arena *arena,
                           const struct due *due)
{
    struct store *store = notifier->s3->options.store;
    const struct s3_notify_options *options = &notifier->options;
    const enum mr_status status = options->invoke(options->ctx, due->function, due->event);
    if (status == MR_AGAIN || status < 0)
        return status;
    if (status == MR_NOT_FOUND)
        mr_log(MR_LOG_WARN, "s3", "an event is lost: there is no function %.*s",
               MR_ARG(due->function));
    struct store_entry entry = store_entry_make(arena);
    int64_t ticket;
    store_doc_delete(&entry, "s3", "event", due->name);
    return store_commit(store, &entry, &ticket);
}

static enum runtime_pump_next notify_step(void *ctx, int64_t *ret_wake_ms)
{
    struct s3_notifier *notifier = ctx;
    struct store *store = notifier->s3->options.store;
    struct mr_arena arena;
    mr_arena_init(&arena);
    struct gathering gathering = {.arena = &arena};
    gathering.end = &gathering.first;
    enum mr_status status = store_doc_each(store, "s3", "event", MR_S(""), gather, &gathering);
    if (status == MR_OK && gathering.count > 0) /* only what cannot be lost any more is told */
        status = store_wait(store, journal_tail(store_journal(store)));
    for (struct due *due = gathering.first; due != NULL && status == MR_OK; due = due->next)
        status = tell(notifier, &arena, due);
    mr_arena_fini(&arena);
    if (status == MR_OK && gathering.count > 0)
        return RUNTIME_PUMP_AGAIN;
    if (status != MR_OK)
        *ret_wake_ms = store_now(store) + RETRY_MS;
    return RUNTIME_PUMP_WAIT;
}

void s3_notify_start(struct s3 *s3, const struct s3_notify_options *options)
{
    struct s3_notifier *notifier = mr_calloc(1, sizeof *notifier);
    notifier->s3 = s3;
    notifier->options = *options;
    notifier->pump = runtime_pump_start(s3->options.runtime, "s3-notify", notify_step, notifier);
    atomic_store(&s3->notifier, notifier);
}

void s3_notify_stop(struct s3 *s3)
{
    struct s3_notifier *notifier = s3 == NULL ? NULL : atomic_exchange(&s3->notifier, NULL);
    if (notifier == NULL)
        return;
    runtime_pump_stop(notifier->pump);
    free(notifier);
}

void s3_notify_wake(struct s3 *s3)
{
    struct s3_notifier *notifier = atomic_load(&s3->notifier);
    if (notifier != NULL)
        runtime_pump_wake(notifier->pump);
}

bool s3_notify_knows(struct s3 *s3, struct mr_slice function)
{
    struct s3_notifier *notifier = atomic_load(&s3->notifier);
    return notifier != NULL && notifier->options.exists(notifier->options.ctx, function);
}
