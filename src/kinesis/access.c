/* Resource policies of streams and consumers act: a Deny that fits refuses. What no policy speaks
 * of, the account's own callers may do, for access is by key here. Asked before each call of the
 * wire; calls from inside the process (pipes, tables, delivery streams, stacks) are not.
 *
 * A consumer has a policy of its own, as on AWS: its stream's says nothing about it. The root can
 * always delete a policy. */
#include "kinesis/internal.h"
#include "policy/request.h"

enum { POLICY_DEPTH_MAX = 64 };

static const struct protocol_fault access_denied = {"AccessDeniedException", 400, false};

bool kinesis_has_policy(const struct kinesis_stream *stream)
{
    bool has = stream->locked.policy != NULL;
    for (size_t i = 0; i < stream->locked.consumer_count; i++)
        has = has || stream->locked.consumers[i].policy != NULL;
    return has;
}

struct question {
    struct protocol_call *call;
    struct policy_caller caller;
};

static bool look(void *ctx, struct mr_slice key, struct policy_values *ret_values)
{
    struct question *question = ctx;
    const struct policy_request request = {question->call, &question->caller};
    return policy_request_look(&request, key, ret_values);
}

static void judge(struct protocol_call *call, struct mr_slice policy, struct mr_slice resource)
{
    struct question question = {.call = call, .caller = policy_caller_of(call)};
    const struct policy_asked asked = {
        .arena = call->arena,
        .caller = &question.caller,
        .action = mr_arena_printf(call->arena, "kinesis:%s", call->operation_name),
        .resource = resource,
        .look = look,
        .ctx = &question};
    const bool is_delete = strcmp(call->operation_name, "DeleteResourcePolicy") == 0;
    if (policy_judge(mr_json_parse(call->arena, policy, POLICY_DEPTH_MAX), &asked) !=
            POLICY_DENIES ||
        (is_delete && question.caller.session.len == 0))
        return;
    protocol_fail(call, &access_denied,
                  "User: %.*s is not authorized to perform: %.*s on resource: %.*s with an "
                  "explicit deny in a resource-based policy",
                  MR_ARG(policy_caller_name(&question.caller)), MR_ARG(asked.action),
                  MR_ARG(resource));
}

/* The consumer that the call names by ARN, or by name beside its stream; NULL: none. */
static const struct kinesis_consumer *consumer_locked(const struct protocol_call *call,
                                                      const struct kinesis_stream *stream,
                                                      struct mr_slice arn)
{
    const struct mr_slice name = mr_json_get_text(call->in, "ConsumerName");
    for (size_t i = 0; i < stream->locked.consumer_count; i++) {
        const struct kinesis_consumer *consumer = &stream->locked.consumers[i];
        if (mr_slice_equal(mr_slice_cstr(consumer->arn), arn) ||
            (name.len > 0 && mr_slice_equal(mr_slice_cstr(consumer->name), name)))
            return consumer;
    }
    return NULL;
}

/* The name or ARN that the call gives; empty: it is about no stream. */
static struct mr_slice named(struct protocol_call *call)
{
    static const char *const members[] = {"ConsumerARN", "ResourceARN", "StreamARN", "StreamName"};
    struct kinesis_iterator iterator;
    for (size_t i = 0; i < MR_COUNT(members); i++) {
        const struct mr_slice text = mr_json_get_text(call->in, members[i]);
        if (text.len > 0)
            return text;
    }
    const struct mr_slice text = mr_json_get_text(call->in, "ShardIterator");
    return kinesis_iterator_parse(call->arena, text, &iterator) == MR_OK ? iterator.stream
                                                                         : MR_S("");
}

void kinesis_authorize(void *ctx, struct protocol_call *call)
{
    struct kinesis *kinesis = ctx;
    if (call->exchange == NULL || !atomic_load_explicit(&kinesis->guarded, memory_order_acquire))
        return;
    const struct mr_slice name = named(call);
    const size_t below = mr_slice_search(name, MR_S("/consumer/"));
    struct kinesis_stream *stream =
        name.len == 0 ? NULL : kinesis_find(kinesis, mr_slice_sub(name, 0, below));
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    const struct kinesis_consumer *consumer = consumer_locked(call, stream, name);
    const char *kept = consumer != NULL ? consumer->policy : stream->locked.policy;
    const struct mr_slice policy = mr_arena_copy(call->arena, mr_slice_cstr(kept));
    const struct mr_slice resource =
        mr_arena_copy(call->arena, mr_slice_cstr(consumer != NULL ? consumer->arn : stream->arn));
    pthread_rwlock_unlock(&stream->lock);
    if (policy.len > 0 && (consumer != NULL || below == SIZE_MAX))
        judge(call, policy, resource);
    kinesis_release(kinesis, stream);
}
