/* The wire: consumers of enhanced fan-out. A consumer is registered in the stream's document and
 * can be used at once; AWS shows it as CREATING in the first reply. */
#include "kinesis/internal.h"
#include <stdlib.h>

enum { LIST_MAX = 100, TOKEN_LIFE_MS = 300000 };

/* A consumer by itself, as descriptions and lists show it. */
static void write_consumer(struct mr_json *json, const struct kinesis_consumer *consumer,
                           const char *state)
{
    mr_json_key_cstr(json, "ConsumerName", consumer->name);
    mr_json_key_cstr(json, "ConsumerARN", consumer->arn);
    mr_json_key_cstr(json, "ConsumerStatus", state);
    mr_json_key_timestamp(json, "ConsumerCreationTimestamp", consumer->created_ms);
}

static char *tags_of(yyjson_val *tags)
{
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    if (tags != NULL) {
        mr_json_value(&json, tags);
    } else {
        mr_json_object(&json);
        mr_json_object_end(&json);
    }
    char *copy = mr_strdup_slice(mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

/* Adds the consumer and writes it; nothing but a fault when it cannot be. Under the stream's lock.
 */
static void register_locked(struct protocol_call *call, struct kinesis_stream *stream,
                            struct mr_slice name)
{
    if (kinesis_consumer_locked(stream, name) != NULL) {
        protocol_fail(call, &kinesis_in_use,
                      "Consumer %.*s under stream %s already exists for account %.*s.",
                      MR_ARG(name), stream->name, MR_ARG(call->account));
        return;
    }
    if (stream->locked.consumer_count == KINESIS_CONSUMERS_MAX) {
        protocol_fail(call, &kinesis_limit,
                      "Stream %s under account %.*s has %d registered consumers, which is the "
                      "limit.",
                      stream->name, MR_ARG(call->account), KINESIS_CONSUMERS_MAX);
        return;
    }
    struct kinesis_consumer *consumer = &stream->locked.consumers[stream->locked.consumer_count++];
    const struct mr_slice arn = mr_arena_printf(call->arena, "%s/consumer/%.*s:%lld", stream->arn,
                                                MR_ARG(name), (long long)(call->now_ms / 1000));
    *consumer = (struct kinesis_consumer){
        .name = mr_strdup_slice(name),
        .arn = mr_strdup_slice(arn),
        .tags = tags_of(mr_json_get(call->in, "Tags")),
        .created_ms = call->now_ms,
    };
    mr_json_key(&call->out, "Consumer");
    mr_json_object(&call->out);
    write_consumer(&call->out, consumer, "CREATING");
    mr_json_object_end(&call->out);
}

static void register_consumer(struct protocol_call *call)
{
    struct kinesis_stream *stream =
        kinesis_new_tags_are_good(call) ? kinesis_stream_of(call) : NULL;
    if (stream == NULL)
        return;
    pthread_rwlock_wrlock(&stream->lock);
    register_locked(call, stream, mr_json_get_text(call->in, "ConsumerName"));
    pthread_rwlock_unlock(&stream->lock);
    if (!protocol_failed(call))
        kinesis_save_for(call, stream);
    kinesis_release(call->service, stream);
}

/* The stream of the consumer that a request means by its ARN, or by name and stream; the name or
 * ARN of the consumer. NULL with the fault set. */
static struct kinesis_stream *stream_of_consumer(struct protocol_call *call,
                                                 struct mr_slice *ret_consumer)
{
    const struct mr_slice arn = mr_json_get_text(call->in, "ConsumerARN");
    const struct mr_slice name = mr_json_get_text(call->in, "ConsumerName");
    const struct mr_slice stream_arn = mr_json_get_text(call->in, "StreamARN");
    struct mr_slice ignored;
    if (arn.len > 0)
        return kinesis_resource_of(call, arn, ret_consumer);
    *ret_consumer = name;
    if (name.len > 0 && stream_arn.len > 0)
        return kinesis_resource_of(call, stream_arn, &ignored);
    protocol_fail(call, &kinesis_invalid_argument,
                  "Either ConsumerARN, or StreamARN and ConsumerName must be provided.");
    return NULL;
}

static void describe_consumer(struct protocol_call *call)
{
    struct mr_slice wanted;
    struct kinesis_stream *stream = stream_of_consumer(call, &wanted);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    const struct kinesis_consumer *consumer = kinesis_consumer_locked(stream, wanted);
    if (consumer == NULL) {
        kinesis_fail_no_consumer(call, wanted);
    } else {
        mr_json_key(&call->out, "ConsumerDescription");
        mr_json_object(&call->out);
        write_consumer(&call->out, consumer, "ACTIVE");
        mr_json_key_cstr(&call->out, "StreamARN", stream->arn);
        mr_json_object_end(&call->out);
    }
    pthread_rwlock_unlock(&stream->lock);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

bool kinesis_consumer_exists(struct kinesis_stream *stream, struct mr_slice arn)
{
    pthread_rwlock_rdlock(&stream->lock);
    bool found = false;
    for (size_t i = 0; i < stream->locked.consumer_count; i++)
        found = found || mr_slice_equal(arn, mr_slice_cstr(stream->locked.consumers[i].arn));
    pthread_rwlock_unlock(&stream->lock);
    return found;
}

static void deregister_consumer(struct protocol_call *call)
{
    struct mr_slice wanted, arn = MR_S("");
    struct kinesis_stream *stream = stream_of_consumer(call, &wanted);
    if (stream == NULL)
        return;
    pthread_rwlock_wrlock(&stream->lock);
    struct kinesis_consumer *consumer = kinesis_consumer_locked(stream, wanted);
    if (consumer == NULL) {
        kinesis_fail_no_consumer(call, wanted);
    } else {
        arn = mr_arena_copy(call->arena, mr_slice_cstr(consumer->arn));
        kinesis_consumer_fini(consumer);
        struct kinesis_consumer *all = stream->locked.consumers;
        stream->locked.consumer_count--;
        memmove(consumer, consumer + 1,
                (stream->locked.consumer_count - (size_t)(consumer - all)) * sizeof *consumer);
    }
    pthread_rwlock_unlock(&stream->lock);
    if (!protocol_failed(call)) {
        kinesis_save_for(call, stream);
        kinesis_subscriptions_end(call->service, stream, arn);
    }
    kinesis_release(call->service, stream);
}

/* ---- ListStreamConsumers ---- */

static int by_name(const void *a, const void *b)
{
    const struct kinesis_consumer *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* A token: "<made, ms>:<name of the last one shown>". False with the fault set. */
static bool read_token(struct protocol_call *call, struct mr_slice *ret_after)
{
    struct mr_slice rest = mr_json_get_text(call->in, "NextToken"), made;
    int64_t made_ms;
    *ret_after = rest;
    if (rest.len == 0)
        return true;
    if (!mr_slice_split(&rest, ':', &made) || mr_slice_to_i64(made, &made_ms) != MR_OK) {
        protocol_fail(call, &kinesis_invalid_argument, "NextToken is invalid.");
        return false;
    }
    if (call->now_ms - made_ms > TOKEN_LIFE_MS) {
        protocol_fail(call, &kinesis_expired_token, "NextToken expired.");
        return false;
    }
    *ret_after = rest;
    return true;
}

/* Under the stream's lock. */
static void list_locked(struct protocol_call *call, struct kinesis_stream *stream,
                        struct mr_slice after)
{
    const int64_t limit = mr_json_get_i64(call->in, "MaxResults", LIST_MAX);
    const size_t count = stream->locked.consumer_count;
    const struct kinesis_consumer *sorted[KINESIS_CONSUMERS_MAX];
    for (size_t i = 0; i < count; i++)
        sorted[i] = &stream->locked.consumers[i];
    qsort(sorted, count, sizeof(struct kinesis_consumer *), by_name);
    size_t i = 0;
    while (after.len > 0 && i < count &&
           mr_slice_compare(mr_slice_cstr(sorted[i]->name), after) <= 0)
        i++;
    mr_json_key(&call->out, "Consumers");
    mr_json_array(&call->out);
    for (int64_t n = 0; i < count && n < limit; n++, i++) {
        mr_json_object(&call->out);
        write_consumer(&call->out, sorted[i], "ACTIVE");
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (i > 0 && i < count)
        mr_json_key_string(
            &call->out, "NextToken",
            mr_arena_printf(call->arena, "%lld:%s", (long long)call->now_ms, sorted[i - 1]->name));
}

static void list_consumers(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    static const char *const others[] = {"StreamCreationTimestamp"};
    struct mr_slice after;
    if (kinesis_token_alone(call, others, 1) && kinesis_created_then(call, stream) &&
        read_token(call, &after)) {
        pthread_rwlock_rdlock(&stream->lock);
        list_locked(call, stream, after);
        pthread_rwlock_unlock(&stream->lock);
        kinesis_show_durable(call, stream);
    }
    kinesis_release(call->service, stream);
}

const struct protocol_handler kinesis_consumer_handlers[] = {
    {.operation = "RegisterStreamConsumer", .run = register_consumer},
    {.operation = "DescribeStreamConsumer", .run = describe_consumer},
    {.operation = "ListStreamConsumers", .run = list_consumers},
    {.operation = "DeregisterStreamConsumer", .run = deregister_consumer},
};
const size_t kinesis_consumer_handler_count = MR_COUNT(kinesis_consumer_handlers);
