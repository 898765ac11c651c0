/* SubscribeToShard: a pump for each subscription pushes what becomes durable in the shard's window.
 *
 *     reserved (in the list, no events yet) ---> live (pump) ---> ended
 *
 * A subscription is reserved by the handler, so that two at the same time cannot both be the first;
 * it lives from the moment its reply begins until its time is over, the shard is read to its end,
 * the client is gone, somebody else takes its place, or the server ends it: `ending` says why, and
 * the pump's next step carries it out. What has ended lies in the list until the next one comes, or
 * a stop: a pump cannot free itself. */
#include "kinesis/internal.h"
#include <assert.h>
#include <stdlib.h>

enum {
    LIFE_MS = 300000,    /* AWS: five minutes */
    IDLE_MS = 5000,      /* AWS: an empty event about every five seconds */
    TAKE_OVER_MS = 5000, /* AWS: a subscription younger than this keeps its place */
    FULL_RETRY_MS = 50,  /* the client takes nothing: look again */
    EVENTS_PER_STEP = 16,
    EVENT_RECORDS_MAX = 1000,
    EVENT_BYTES_MAX = 1 << 20, /* and one record more */
};

enum ending { ENDING_NOT, ENDING_TAKEN_OVER, ENDING_GONE, ENDING_STOPPED };

struct kinesis_subscription {
    struct kinesis_subscription *next; /* guarded by the list's lock */
    struct kinesis *kinesis;
    struct kinesis_stream *stream; /* a reference until it has ended; then no more than a number */
    struct kinesis_shard *shard;
    char *consumer_arn; /* owned */
    struct runtime_pump *pump;
    int64_t started_ms;
    atomic_int ending;
    atomic_bool ended;
    /* the pump's */
    struct protocol_events *events;
    struct journal_cursor cursor;
    int64_t not_before_ms;
    int64_t idle_due_ms; /* when an empty event is to be sent */
    struct mr_buf event; /* made and not yet sent; empty: none */
    bool shard_end;      /* that event is the shard's last */
    struct {
        uint64_t records, bytes, behind_ms;
    } told; /* of that event */
};

static const struct protocol_fault internal_fault = {"InternalFailureException", 500, true};

/* ---- one event ---- */

struct page {
    size_t count;
    uint64_t bytes;        /* of data */
    int64_t last, last_ms; /* position and arrival of the last record */
    int64_t behind_ms;     /* of the next record that is there already */
};

/* Writes the records from the cursor on. */
static enum mr_status read_records(struct kinesis_subscription *sub, struct mr_json *json,
                                   int64_t now_ms, struct page *page)
{
    struct journal *journal = store_journal(sub->kinesis->options.store);
    const bool encrypted = kinesis_is_encrypted(sub->stream);
    struct journal_op op;
    size_t bytes = 0;
    enum mr_status status;
    while ((status = journal_next(journal, sub->shard->window, &sub->cursor, &op)) != MR_END) {
        if (status == MR_NOT_FOUND) { /* trimmed meanwhile: go on from what is left */
            sub->cursor.position = journal_first(journal);
            continue;
        }
        if (status != MR_OK)
            return status;
        if (op.time_ms < sub->not_before_ms)
            continue;
        if (page->count == EVENT_RECORDS_MAX || bytes > EVENT_BYTES_MAX) {
            page->behind_ms = now_ms > op.time_ms ? now_ms - op.time_ms : 0;
            const int64_t position = op.position;
            journal_cursor_fini(&sub->cursor);
            sub->cursor = (struct journal_cursor){.position = position};
            return MR_OK;
        }
        kinesis_write_record(json, sub->stream, sub->shard->index, &op, encrypted);
        bytes += op.value.len + op.key.len;
        page->last = op.position;
        page->last_ms = op.time_ms;
        page->count++;
        page->bytes += op.value.len;
    }
    return MR_OK;
}

/* AWS: the last event of a shard has its children and no number to go on from. */
static void write_continuation(struct kinesis_subscription *sub, struct mr_json *json,
                               const struct page *page)
{
    char text[KINESIS_SEQUENCE_TEXT];
    if (sub->shard_end) {
        kinesis_write_children(json, sub->stream, sub->shard);
        return;
    }
    mr_json_key_string(
        json, "ContinuationSequenceNumber",
        kinesis_sequence_text(sub->stream, sub->shard->index, page->last, page->last_ms, text));
}

/* Makes the next event in sub->event: none when there is nothing to tell. */
static enum mr_status make_event(struct kinesis_subscription *sub, int64_t now_ms)
{
    const int64_t end = atomic_load(&sub->shard->end); /* before reading: below it all is there */
    struct mr_json json = mr_json_make(&sub->event);
    struct page page = {0};
    mr_json_object(&json);
    mr_json_key(&json, "Records");
    mr_json_array(&json);
    const enum mr_status status = read_records(sub, &json, now_ms, &page);
    mr_json_array_end(&json);
    sub->shard_end = status == MR_OK && end != INT64_MAX && sub->cursor.position >= end;
    if (page.count == 0) { /* all that is below the cursor was told */
        page.last = sub->cursor.position - 1;
        page.last_ms = now_ms;
    }
    sub->told.records = page.count;
    sub->told.bytes = page.bytes;
    sub->told.behind_ms = (uint64_t)page.behind_ms;
    write_continuation(sub, &json, &page);
    mr_json_key_int(&json, "MillisBehindLatest", page.behind_ms);
    mr_json_object_end(&json);
    if (status != MR_OK || (page.count == 0 && !sub->shard_end && now_ms < sub->idle_due_ms))
        mr_buf_reset(&sub->event);
    return status;
}

/* ---- the pump ---- */

static void finish(struct kinesis_subscription *sub)
{
    journal_cursor_fini(&sub->cursor);
    mr_buf_fini(&sub->event);
    kinesis_release(sub->kinesis, sub->stream);
    atomic_store(&sub->ended, true);
}

static enum runtime_pump_next end_with(struct kinesis_subscription *sub,
                                       const struct protocol_fault *fault, struct mr_slice why)
{
    if (fault == NULL)
        protocol_events_end(sub->events);
    else
        protocol_events_fail(sub->events, fault, why);
    finish(sub);
    return RUNTIME_PUMP_DONE;
}

static enum runtime_pump_next end_as_told(struct kinesis_subscription *sub, enum ending ending)
{
    if (ending == ENDING_TAKEN_OVER)
        return end_with(sub, &kinesis_in_use,
                        MR_S("Another subscription of this consumer took the shard over."));
    if (ending == ENDING_GONE)
        return end_with(sub, &kinesis_not_found,
                        MR_S("The stream or its consumer does not exist any more."));
    return end_with(sub, NULL, MR_S(""));
}

static void measure(struct kinesis_subscription *sub, bool sent)
{
    const struct mr_slice arn = mr_slice_cstr(sub->consumer_arn);
    kinesis_meter_consumer(sub->stream, arn, KINESIS_EVENT_SUCCESS, sent);
    if (!sent)
        return;
    kinesis_meter_consumer(sub->stream, arn, KINESIS_EVENT_BYTES, sub->told.bytes);
    kinesis_meter_consumer(sub->stream, arn, KINESIS_EVENT_RECORDS, sub->told.records);
    kinesis_meter_consumer(sub->stream, arn, KINESIS_EVENT_BEHIND, sub->told.behind_ms);
}

static enum runtime_pump_next step(void *ctx, int64_t *ret_wake_ms)
{
    struct kinesis_subscription *sub = ctx;
    const int64_t now_ms = store_now(sub->kinesis->options.store);
    const enum ending ending = (enum ending)atomic_load(&sub->ending);
    if (ending != ENDING_NOT || now_ms - sub->started_ms >= LIFE_MS)
        return end_as_told(sub, ending);
    for (int i = 0; i < EVENTS_PER_STEP; i++) {
        if (sub->event.len == 0 && make_event(sub, now_ms) != MR_OK)
            return end_with(sub, &internal_fault, MR_S("The records could not be read."));
        if (sub->event.len == 0) { /* the window wakes the pump */
            const int64_t over_ms = sub->started_ms + LIFE_MS;
            *ret_wake_ms = sub->idle_due_ms < over_ms ? sub->idle_due_ms : over_ms;
            return RUNTIME_PUMP_WAIT;
        }
        const enum mr_status status =
            protocol_events_send(sub->events, "SubscribeToShardEvent", mr_buf_slice(&sub->event));
        if (status == MR_FULL) {
            *ret_wake_ms = now_ms + FULL_RETRY_MS;
            return RUNTIME_PUMP_WAIT;
        }
        measure(sub, status == MR_OK);
        if (status != MR_OK || sub->shard_end)
            return end_with(sub, NULL, MR_S(""));
        mr_buf_reset(&sub->event);
        sub->idle_due_ms = now_ms + IDLE_MS;
    }
    return RUNTIME_PUMP_AGAIN;
}

/* ---- the list ---- */

static void subscription_free(struct kinesis_subscription *sub)
{
    runtime_pump_stop(sub->pump);
    if (!atomic_load(&sub->ended)) {
        if (sub->events != NULL)
            protocol_events_end(sub->events);
        finish(sub);
    }
    free(sub->consumer_arn);
    free(sub);
}

static void sweep_locked(struct kinesis *kinesis, bool all)
{
    struct kinesis_subscription **at = &kinesis->subscriptions.first;
    while (*at != NULL) {
        struct kinesis_subscription *sub = *at;
        if (!all && !atomic_load(&sub->ended)) {
            at = &sub->next;
            continue;
        }
        *at = sub->next;
        subscription_free(sub);
    }
}

static void tell_locked(struct kinesis_subscription *sub, enum ending ending)
{
    int not_yet = ENDING_NOT;
    (void)atomic_compare_exchange_strong(&sub->ending, &not_yet, (int)ending);
    if (sub->pump != NULL)
        runtime_pump_wake(sub->pump);
}

void kinesis_subscriptions_init(struct kinesis *kinesis)
{
    pthread_mutex_init(&kinesis->subscriptions.lock, NULL);
}

void kinesis_subscriptions_stop(struct kinesis *kinesis)
{
    pthread_mutex_lock(&kinesis->subscriptions.lock);
    kinesis->subscriptions.stopping = true;
    for (struct kinesis_subscription *sub = kinesis->subscriptions.first; sub != NULL;
         sub = sub->next)
        tell_locked(sub, ENDING_STOPPED);
    pthread_mutex_unlock(&kinesis->subscriptions.lock);
}

void kinesis_subscriptions_fini(struct kinesis *kinesis)
{
    sweep_locked(kinesis, true); /* nobody else is left */
    pthread_mutex_destroy(&kinesis->subscriptions.lock);
}

void kinesis_subscriptions_end(struct kinesis *kinesis, const struct kinesis_stream *stream,
                               struct mr_slice consumer_arn)
{
    pthread_mutex_lock(&kinesis->subscriptions.lock);
    for (struct kinesis_subscription *sub = kinesis->subscriptions.first; sub != NULL;
         sub = sub->next) {
        const struct mr_slice arn = mr_slice_cstr(sub->consumer_arn);
        if (consumer_arn.len > 0 ? mr_slice_equal(arn, consumer_arn)
                                 : !atomic_load(&sub->ended) && sub->stream == stream)
            tell_locked(sub, ENDING_GONE);
    }
    pthread_mutex_unlock(&kinesis->subscriptions.lock);
}

/* ---- the wire ---- */

static bool is_live_locked(struct kinesis_subscription *sub, struct mr_slice consumer_arn,
                           const struct kinesis_shard *shard)
{
    return sub->shard == shard && !atomic_load(&sub->ended) &&
           atomic_load(&sub->ending) == ENDING_NOT &&
           mr_slice_equal(mr_slice_cstr(sub->consumer_arn), consumer_arn);
}

/* Puts the subscription into the list, in the place of an older one of the same consumer and shard.
 * False with the fault set. */
static bool reserve(struct protocol_call *call, struct kinesis_subscription *sub)
{
    struct kinesis *kinesis = call->service;
    const struct mr_slice arn = mr_slice_cstr(sub->consumer_arn);
    bool free_place = true;
    pthread_mutex_lock(&kinesis->subscriptions.lock);
    sweep_locked(kinesis, false);
    for (struct kinesis_subscription *it = kinesis->subscriptions.first; it != NULL; it = it->next)
        if (is_live_locked(it, arn, sub->shard))
            free_place = free_place && call->now_ms - it->started_ms >= TAKE_OVER_MS;
    if (kinesis->subscriptions.stopping) {
        protocol_fail(call, &kinesis_limit, "The server is about to stop.");
    } else if (!free_place) {
        protocol_fail(call, &kinesis_in_use,
                      "Another active subscription exists for this consumer: %.*s:%s:%.*s:"
                      "shardId-%012u",
                      MR_ARG(call->account), sub->stream->name, MR_ARG(arn), sub->shard->index);
    } else {
        for (struct kinesis_subscription *it = kinesis->subscriptions.first; it != NULL;
             it = it->next)
            if (is_live_locked(it, arn, sub->shard))
                tell_locked(it, ENDING_TAKEN_OVER);
        sub->next = kinesis->subscriptions.first;
        kinesis->subscriptions.first = sub;
    }
    pthread_mutex_unlock(&kinesis->subscriptions.lock);
    if (!free_place) {
        kinesis_meter_consumer(sub->stream, arn, KINESIS_SUBSCRIBED, 0);
        kinesis_meter_consumer(sub->stream, arn, KINESIS_SUBSCRIBE_EXCEEDED, 1);
    }
    return !protocol_failed(call);
}

/* The reply has begun. */
static void begin(void *ctx, struct protocol_events *events)
{
    struct kinesis_subscription *sub = ctx;
    struct kinesis *kinesis = sub->kinesis;
    pthread_mutex_lock(&kinesis->subscriptions.lock);
    sub->events = events;
    kinesis_meter_consumer(sub->stream, mr_slice_cstr(sub->consumer_arn), KINESIS_SUBSCRIBED, 1);
    kinesis_meter_consumer(sub->stream, mr_slice_cstr(sub->consumer_arn),
                           KINESIS_SUBSCRIBE_EXCEEDED, 0);
    sub->pump = runtime_pump_start(kinesis->options.runtime, "subscription", step, sub);
    runtime_pump_watch(sub->pump, sub->shard->window);
    pthread_mutex_unlock(&kinesis->subscriptions.lock);
}

/* A position of its own, or NULL with the fault set. Takes the stream's reference when it is not
 * NULL. */
static struct kinesis_subscription *make(struct protocol_call *call, struct kinesis_stream *stream,
                                         struct mr_slice consumer_arn)
{
    struct kinesis_shard *shard = kinesis_shard_to_read(call, stream);
    if (shard == NULL)
        return NULL;
    yyjson_val *where = mr_json_get(call->in, "StartingPosition");
    const struct kinesis_start start = {
        .type = mr_json_get_text(where, "Type"),
        .has_sequence = mr_json_get(where, "SequenceNumber") != NULL,
        .sequence = mr_json_get_text(where, "SequenceNumber"),
        .timestamp = mr_json_get(where, "Timestamp"),
        .operation = "SubscribeToShard",
    };
    struct kinesis_iterator iterator = {0};
    if (!kinesis_position(call, stream, shard, &start, &iterator))
        return NULL;
    struct kinesis_subscription *sub = mr_calloc(1, sizeof *sub);
    sub->kinesis = call->service;
    sub->stream = stream;
    sub->shard = shard;
    sub->consumer_arn = mr_strdup_slice(consumer_arn);
    sub->started_ms = call->now_ms;
    sub->idle_due_ms = call->now_ms + IDLE_MS;
    sub->cursor.position = iterator.position;
    sub->not_before_ms = iterator.not_before_ms;
    return sub;
}

static void subscribe_to_shard(struct protocol_call *call)
{
    struct mr_slice arn;
    struct kinesis_stream *stream =
        kinesis_resource_of(call, mr_json_get_text(call->in, "ConsumerARN"), &arn);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    const bool known = arn.len > 0 && kinesis_consumer_locked(stream, arn) != NULL;
    pthread_rwlock_unlock(&stream->lock);
    if (!known)
        kinesis_fail_no_consumer(call, arn);
    struct kinesis_subscription *sub = known ? make(call, stream, arn) : NULL;
    if (sub == NULL) {
        kinesis_release(call->service, stream);
        return;
    }
    if (!reserve(call, sub))
        subscription_free(sub);
    else if (protocol_reply_events(call, begin, sub) != MR_OK)
        finish(sub); /* the next sweep takes it out of the list */
}

const struct protocol_handler kinesis_subscribe_handlers[] = {
    {.operation = "SubscribeToShard", .run = subscribe_to_shard},
};
const size_t kinesis_subscribe_handler_count = MR_COUNT(kinesis_subscribe_handlers);
