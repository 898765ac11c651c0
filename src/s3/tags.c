/* The wire: tag sets, of objects and buckets. */
#include "s3/ops.h"

enum { TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256, OBJECT_TAGS_MAX = 10 };

static bool has_name(struct mr_slice pairs, struct mr_slice wanted)
{
    struct mr_slice name, value;
    while (s3_pairs_next(&pairs, &name, &value))
        if (mr_slice_equal(name, wanted))
            return true;
    return false;
}

static enum mr_status tag_add(struct protocol_call *call, struct mr_buf *pairs,
                              struct mr_slice name, struct mr_slice value)
{
    if (name.len == 0 || mr_slice_utf8_length(name) > TAG_KEY_MAX) {
        protocol_fail_member(call, "TagKey", name);
        return protocol_fail(call, &s3_invalid_tag, "The TagKey you have provided is invalid");
    }
    if (mr_slice_utf8_length(value) > TAG_VALUE_MAX) {
        protocol_fail_member(call, "TagKey", name);
        protocol_fail_member(call, "TagValue", value);
        return protocol_fail(call, &s3_invalid_tag, "The TagValue you have provided is invalid");
    }
    if (mr_slice_starts_with(name, MR_S("aws:")))
        return protocol_fail(call, &s3_invalid_tag,
                             "System tags cannot be added/updated by requester");
    if (has_name(mr_buf_slice(pairs), name)) {
        protocol_fail_member(call, "TagKey", name);
        return protocol_fail(call, &s3_invalid_tag,
                             "Cannot provide multiple Tags with the same key");
    }
    s3_pairs_add(pairs, name, value);
    return MR_OK;
}

static enum mr_status too_many(struct protocol_call *call)
{
    return protocol_fail(call, &s3_bad_request, "Object tags cannot be greater than 10");
}

enum mr_status s3_tags_read(struct protocol_call *call, yyjson_val *set, size_t max,
                            struct mr_slice *ret_pairs)
{
    struct mr_buf pairs = {0};
    size_t at, count;
    yyjson_val *tag;
    enum mr_status status = MR_OK;
    if (yyjson_arr_size(set) > max)
        return too_many(call);
    yyjson_arr_foreach(set, at, count, tag)
    {
        if (status != MR_OK)
            break;
        status = mr_json_get(tag, "Key") == NULL || mr_json_get(tag, "Value") == NULL
                     ? s3_fail_malformed(call)
                     : tag_add(call, &pairs, mr_json_get_text(tag, "Key"),
                               mr_json_get_text(tag, "Value"));
    }
    *ret_pairs = mr_arena_copy(call->arena, mr_buf_slice(&pairs));
    mr_buf_fini(&pairs);
    return status;
}

enum mr_status s3_tags_parse(struct protocol_call *call, struct mr_slice text,
                             struct mr_slice *ret_pairs)
{
    struct mr_buf pairs = {0};
    struct mr_slice part;
    size_t tags = 0;
    enum mr_status status = MR_OK;
    while (status == MR_OK && text.ptr != NULL && mr_slice_split(&text, '&', &part)) {
        const size_t equals = mr_slice_find(part, '=');
        const struct mr_slice name =
            mr_percent_decode(call->arena, mr_slice_sub(part, 0, equals), true);
        const struct mr_slice value =
            equals == SIZE_MAX
                ? MR_S("")
                : mr_percent_decode(call->arena, mr_slice_sub(part, equals + 1, SIZE_MAX), true);
        status = ++tags > OBJECT_TAGS_MAX ? too_many(call) : tag_add(call, &pairs, name, value);
    }
    *ret_pairs = mr_arena_copy(call->arena, mr_buf_slice(&pairs));
    mr_buf_fini(&pairs);
    return status;
}

void s3_tags_write(struct mr_json *json, struct mr_slice pairs)
{
    struct mr_slice name, value;
    mr_json_key(json, "TagSet");
    mr_json_array(json);
    while (s3_pairs_next(&pairs, &name, &value)) {
        mr_json_object(json);
        mr_json_key_string(json, "Key", name);
        mr_json_key_string(json, "Value", value);
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* ---- of objects ---- */

static void fail_missing(struct protocol_call *call, enum mr_status status)
{
    if (status == MR_NOT_FOUND)
        s3_fail_no_key(call, s3_in(call, "Key"));
    protocol_fail_internal(call, status);
}

static enum mr_status tagging_check(struct protocol_call *call)
{
    const enum mr_status status = s3_check_bucket(call);
    return status != MR_OK ? status : s3_check_version(call, s3_in(call, "VersionId"));
}

static void get_object_tagging(struct protocol_call *call)
{
    struct s3_meta meta = {0};
    if (tagging_check(call) != MR_OK)
        return;
    fail_missing(call, s3_find(s3_of(call), call->arena, s3_in(call, "Bucket"), s3_in(call, "Key"),
                               &meta, &call->ticket));
    s3_tags_write(&call->out, meta.tags);
}

static void put_object_tagging(struct protocol_call *call)
{
    struct mr_slice pairs;
    yyjson_val *set = mr_json_get(mr_json_get(call->in, "Tagging"), "TagSet");
    if (tagging_check(call) != MR_OK || s3_tags_read(call, set, OBJECT_TAGS_MAX, &pairs) != MR_OK)
        return;
    fail_missing(call, s3_retag(s3_of(call), call->arena, s3_in(call, "Bucket"), s3_in(call, "Key"),
                                pairs, &call->ticket));
}

static void delete_object_tagging(struct protocol_call *call)
{
    if (tagging_check(call) != MR_OK)
        return;
    fail_missing(call, s3_retag(s3_of(call), call->arena, s3_in(call, "Bucket"), s3_in(call, "Key"),
                                MR_S(""), &call->ticket));
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteObjectTagging", .run = delete_object_tagging},
    {.operation = "GetObjectTagging", .run = get_object_tagging},
    {.operation = "PutObjectTagging", .run = put_object_tagging},
};
const struct s3_handlers s3_tag_handlers = {handlers, MR_COUNT(handlers)};
