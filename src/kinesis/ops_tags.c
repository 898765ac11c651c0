/* The wire: tags and policies of streams and of their consumers. */
#include "kinesis/internal.h"
#include <stdlib.h>

/* ---- what a ResourceARN means ---- */

struct kinesis_stream *kinesis_resource_of(struct protocol_call *call, struct mr_slice arn,
                                           struct mr_slice *ret_consumer)
{
    const size_t at = mr_slice_search(arn, MR_S("/consumer/"));
    *ret_consumer = at == SIZE_MAX ? MR_S("") : arn;
    const struct mr_slice stream_arn = mr_slice_sub(arn, 0, at);
    struct kinesis_stream *stream = kinesis_find(call->service, stream_arn);
    if (stream != NULL && mr_slice_equal(kinesis_stream_arn(stream), stream_arn))
        return stream;
    kinesis_release(call->service, stream);
    const size_t name = mr_slice_search(stream_arn, MR_S(":stream/"));
    kinesis_fail_not_found(call, name == SIZE_MAX ? stream_arn
                                                  : mr_slice_sub(stream_arn, name + 8, SIZE_MAX));
    return NULL;
}

struct kinesis_consumer *kinesis_consumer_locked(struct kinesis_stream *stream,
                                                 struct mr_slice name_or_arn)
{
    for (size_t i = 0; i < stream->locked.consumer_count; i++) {
        struct kinesis_consumer *consumer = &stream->locked.consumers[i];
        if (mr_slice_equal(mr_slice_cstr(consumer->name), name_or_arn) ||
            mr_slice_equal(mr_slice_cstr(consumer->arn), name_or_arn))
            return consumer;
    }
    return NULL;
}

void kinesis_fail_no_consumer(struct protocol_call *call, struct mr_slice consumer)
{
    protocol_fail(call, &kinesis_not_found, "Consumer %.*s, account %.*s not found.",
                  MR_ARG(consumer), MR_ARG(call->account));
}

/* The tags of the stream or of its consumer; NULL with the fault set. Under the stream's lock. */
static char **tags_locked(struct protocol_call *call, struct kinesis_stream *stream,
                          struct mr_slice consumer)
{
    if (consumer.len == 0)
        return &stream->locked.tags;
    struct kinesis_consumer *found = kinesis_consumer_locked(stream, consumer);
    if (found == NULL)
        kinesis_fail_no_consumer(call, consumer);
    return found == NULL ? NULL : &found->tags;
}

/* ---- changing tags ---- */

/* AWS: letters, digits, white space and _ . / = + - % @ : */
static bool is_tag_text(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        const bool good = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == ' ' || c == '_' || c == '.' || c == '/' ||
                          c == '=' || c == '+' || c == '-' || c == '%' || c == '@' || c == ':';
        if (!good)
            return false;
    }
    return true;
}

/* What is looked at in a key or value: is it of those characters; has it a percent sign. */
struct tag_texts {
    bool strange, percent;
};

static void look_at(struct tag_texts *texts, struct mr_slice text)
{
    texts->strange = texts->strange || !is_tag_text(text);
    texts->percent = texts->percent || mr_slice_find(text, '%') != SIZE_MAX;
}

static void fail_strange(struct protocol_call *call)
{
    protocol_fail(call, &kinesis_invalid_argument,
                  "Some tags contain invalid characters. Valid characters: Unicode letters, "
                  "digits, white space, _ . / = + - %% @ :.");
}

/* AWS: tells the percent sign as a valid character, and then refuses it in other words. */
static bool tags_are_good(struct protocol_call *call, const struct kinesis_stream *stream,
                          yyjson_val *added, yyjson_val *removed)
{
    struct tag_texts texts = {false, false};
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(added, i, count, key, value)
    {
        look_at(&texts, mr_json_text(key));
        look_at(&texts, mr_json_text(value));
        texts.strange = texts.strange || mr_slice_starts_with(mr_json_text(key), MR_S("aws:"));
    }
    yyjson_arr_foreach(removed, i, count, value) look_at(&texts, mr_json_text(value));
    if (texts.strange)
        fail_strange(call);
    else if (texts.percent)
        protocol_fail(call, &kinesis_invalid_argument,
                      "Failed to %s stream %s under account %.*s because some tags contained "
                      "illegal characters. The allowed characters are Unicode letters, "
                      "white-spaces, '_',',','/','=','+','-','@',':'.",
                      added == NULL ? "remove tags from" : "add tags to", stream->name,
                      MR_ARG(call->account));
    return !protocol_failed(call);
}

bool kinesis_new_tags_are_good(struct protocol_call *call)
{
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    struct tag_texts texts = {false, false};
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(tags, i, count, key, value)
    {
        look_at(&texts, mr_json_text(key));
        look_at(&texts, mr_json_text(value));
        texts.strange = texts.strange || (call->exchange != NULL &&
                                          mr_slice_starts_with(mr_json_text(key), MR_S("aws:")));
    }
    if (yyjson_obj_size(tags) > KINESIS_TAGS_MAX)
        protocol_fail(call, &kinesis_invalid_argument,
                      "A resource cannot have more than %d tags associated with it.",
                      KINESIS_TAGS_MAX);
    else if (texts.strange || texts.percent)
        fail_strange(call);
    return !protocol_failed(call);
}

static bool list_has(yyjson_val *list, struct mr_slice text)
{
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, count, item)
    {
        if (mr_slice_equal(mr_json_text(item), text))
            return true;
    }
    return false;
}

/* `text` without the members that `removed` lists or `added` has, and with those of `added` behind
 * them. Returns the number of tags. */
static size_t merge_tags(struct mr_arena *arena, const char *text, yyjson_val *added,
                         yyjson_val *removed, struct mr_buf *merged)
{
    yyjson_val *old = mr_json_parse(arena, mr_slice_cstr(text), 4);
    struct mr_json json = mr_json_make(merged);
    size_t i, count, tags = 0;
    yyjson_val *key, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(old, i, count, key, value)
    {
        const struct mr_slice name = mr_json_text(key);
        if (mr_json_getn(added, name) != NULL || list_has(removed, name))
            continue;
        mr_json_name(&json, name);
        mr_json_value(&json, value);
        tags++;
    }
    yyjson_obj_foreach(added, i, count, key, value)
    {
        mr_json_name(&json, mr_json_text(key));
        mr_json_string(&json, mr_json_text(value)); /* AWS: a tag may have no value */
        tags++;
    }
    mr_json_object_end(&json);
    return tags;
}

static void change_tags(struct protocol_call *call, struct kinesis_stream *stream,
                        struct mr_slice consumer, yyjson_val *added, yyjson_val *removed)
{
    if (!tags_are_good(call, stream, added, removed))
        return;
    struct mr_buf merged = {0};
    pthread_rwlock_wrlock(&stream->lock);
    char **tags = tags_locked(call, stream, consumer);
    if (tags != NULL &&
        merge_tags(call->arena, *tags, added, removed, &merged) > KINESIS_TAGS_MAX) {
        protocol_fail(call, &kinesis_invalid_argument,
                      "Failed to add tags to stream %s under account %.*s because a given stream "
                      "cannot have more than %d tags associated with it.",
                      stream->name, MR_ARG(call->account), KINESIS_TAGS_MAX);
    } else if (tags != NULL) {
        free(*tags);
        *tags = mr_strdup_slice(mr_buf_slice(&merged));
    }
    pthread_rwlock_unlock(&stream->lock);
    mr_buf_fini(&merged);
    if (!protocol_failed(call))
        kinesis_save_for(call, stream);
}

static void change_stream_tags(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    change_tags(call, stream, MR_S(""), mr_json_get(call->in, "Tags"),
                mr_json_get(call->in, "TagKeys"));
    kinesis_release(call->service, stream);
}

static void change_resource_tags(struct protocol_call *call)
{
    struct mr_slice consumer;
    struct kinesis_stream *stream =
        kinesis_resource_of(call, mr_json_get_text(call->in, "ResourceARN"), &consumer);
    if (stream == NULL)
        return;
    change_tags(call, stream, consumer, mr_json_get(call->in, "Tags"),
                mr_json_get(call->in, "TagKeys"));
    kinesis_release(call->service, stream);
}

/* ---- showing tags ---- */

static int by_key(const void *a, const void *b)
{
    yyjson_val *const *left = a, *const *right = b;
    return mr_slice_compare(mr_json_text(*left), mr_json_text(*right));
}

/* Writes "Tags" in order of keys, those behind `after`, at most `limit`. True: there are more. */
static bool write_tags(struct protocol_call *call, const char *text, struct mr_slice after,
                       size_t limit)
{
    yyjson_val *tags = mr_json_parse(call->arena, mr_slice_cstr(text), 4);
    size_t i, count, shown = 0, total = yyjson_obj_size(tags);
    yyjson_val *key, *value;
    yyjson_val **keys = MR_NEW_ARRAY(call->arena, yyjson_val *, total + 1);
    yyjson_obj_foreach(tags, i, count, key, value) keys[i] = key;
    qsort(keys, total, sizeof(yyjson_val *), by_key);
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    for (i = 0; i < total && shown <= limit; i++) {
        if (after.len > 0 && mr_slice_compare(mr_json_text(keys[i]), after) <= 0)
            continue;
        if (shown++ == limit)
            break;
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Key", mr_json_text(keys[i]));
        mr_json_key_string(&call->out, "Value", mr_json_text(yyjson_obj_iter_get_val(keys[i])));
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    return shown > limit;
}

static void list_tags_for_stream(struct protocol_call *call)
{
    struct kinesis_stream *stream = kinesis_stream_of(call);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    const bool more =
        write_tags(call, stream->locked.tags, mr_json_get_text(call->in, "ExclusiveStartTagKey"),
                   (size_t)mr_json_get_i64(call->in, "Limit", KINESIS_TAGS_MAX));
    pthread_rwlock_unlock(&stream->lock);
    mr_json_key_bool(&call->out, "HasMoreTags", more);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

static void list_tags_for_resource(struct protocol_call *call)
{
    struct mr_slice consumer;
    struct kinesis_stream *stream =
        kinesis_resource_of(call, mr_json_get_text(call->in, "ResourceARN"), &consumer);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    char **tags = tags_locked(call, stream, consumer);
    if (tags != NULL)
        (void)write_tags(call, *tags, MR_S(""), KINESIS_TAGS_MAX);
    pthread_rwlock_unlock(&stream->lock);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

/* ---- policies: access.c evaluates them ---- */

/* Where the policy of the resource is kept; NULL with the fault set. Under the stream's lock. */
static char **policy_locked(struct protocol_call *call, struct kinesis_stream *stream,
                            struct mr_slice consumer)
{
    if (consumer.len == 0)
        return &stream->locked.policy;
    struct kinesis_consumer *found = kinesis_consumer_locked(stream, consumer);
    if (found == NULL)
        kinesis_fail_no_consumer(call, consumer);
    return found == NULL ? NULL : &found->policy;
}

static void change_policy(struct protocol_call *call, struct mr_slice policy)
{
    struct mr_slice consumer;
    struct kinesis_stream *stream =
        kinesis_resource_of(call, mr_json_get_text(call->in, "ResourceARN"), &consumer);
    if (stream == NULL)
        return;
    pthread_rwlock_wrlock(&stream->lock);
    char **kept = policy_locked(call, stream, consumer);
    if (kept != NULL)
        kinesis_text_set(kept, policy);
    struct kinesis *kinesis = call->service;
    if (policy.len > 0)
        atomic_store_explicit(&kinesis->guarded, true, memory_order_release);
    pthread_rwlock_unlock(&stream->lock);
    if (!protocol_failed(call))
        kinesis_save_for(call, stream);
    kinesis_release(call->service, stream);
}

static void put_resource_policy(struct protocol_call *call)
{
    const struct mr_slice policy = mr_json_get_text(call->in, "Policy");
    if (!yyjson_is_obj(mr_json_parse(call->arena, policy, 64))) {
        protocol_fail(call, &kinesis_invalid_argument, "The resource policy is not valid JSON.");
        return;
    }
    change_policy(call, policy);
}

static void delete_resource_policy(struct protocol_call *call)
{
    change_policy(call, (struct mr_slice){0});
}

static void get_resource_policy(struct protocol_call *call)
{
    struct mr_slice consumer;
    struct kinesis_stream *stream =
        kinesis_resource_of(call, mr_json_get_text(call->in, "ResourceARN"), &consumer);
    if (stream == NULL)
        return;
    pthread_rwlock_rdlock(&stream->lock);
    char **kept = policy_locked(call, stream, consumer);
    if (kept != NULL) /* AWS: the empty policy when there is none */
        mr_json_key_cstr(&call->out, "Policy", *kept == NULL ? "{}" : *kept);
    pthread_rwlock_unlock(&stream->lock);
    kinesis_show_durable(call, stream);
    kinesis_release(call->service, stream);
}

const struct protocol_handler kinesis_tag_handlers[] = {
    {.operation = "AddTagsToStream", .run = change_stream_tags},
    {.operation = "RemoveTagsFromStream", .run = change_stream_tags},
    {.operation = "ListTagsForStream", .run = list_tags_for_stream},
    {.operation = "TagResource", .run = change_resource_tags},
    {.operation = "UntagResource", .run = change_resource_tags},
    {.operation = "ListTagsForResource", .run = list_tags_for_resource},
    {.operation = "PutResourcePolicy", .run = put_resource_policy},
    {.operation = "GetResourcePolicy", .run = get_resource_policy},
    {.operation = "DeleteResourcePolicy", .run = delete_resource_policy},
};
const size_t kinesis_tag_handler_count = MR_COUNT(kinesis_tag_handlers);
