/* The wire: tag sets, of objects and buckets. */
#include "s3/ops.h"

enum { TAG_KEY_MAX = 128, TAG_VALUE_MAX = 256, OBJECT_TAGS_MAX = 10, BUCKET_TAGS_MAX = 50 };

static bool has_name(struct mr_slice pairs, struct mr_slice wanted)
{
    struct mr_slice name, value;
    while (s3_pairs_next(&pairs, &name, &value))
        if (mr_slice_equal(name, wanted))
            return true;
    return false;
}

/* AWS: letters, digits and spaces of any script, and some marks. What is beyond ASCII passes. */
static bool tag_text_ok(struct mr_slice text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t c = (uint8_t)text.ptr[i];
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
        if (!plain && !mr_byte_in((char)c, " +-=._:/@"))
            return false;
    }
    return mr_slice_utf8_length(text) <= max;
}

static enum mr_status fail_tag(struct protocol_call *call, struct mr_slice name,
                               const char *message)
{
    protocol_fail_member(call, "TagKey", name);
    return protocol_fail(call, &s3_invalid_tag, "%s", message);
}

static enum mr_status tag_add(struct protocol_call *call, enum s3_tagged kind, struct mr_buf *pairs,
                              struct mr_slice name, struct mr_slice value)
{
    if (has_name(mr_buf_slice(pairs), name))
        return fail_tag(call, name, "Cannot provide multiple Tags with the same key");
    if (mr_slice_starts_with(name, MR_S("aws:"))) {
        if (kind == S3_TAGS_OBJECT)
            return fail_tag(call, name, "Your TagKey cannot be prefixed with aws:");
        if (kind == S3_TAGS_BUCKET)
            return fail_tag(call, name, "System tags cannot be added/updated by requester");
        return protocol_fail(call, &s3_invalid_tag,
                             "User-defined tag keys can't start with \"aws:\". This prefix is "
                             "reserved for system tags. Remove \"aws:\" from your tag keys and "
                             "try again.");
    }
    if (name.len == 0 || !tag_text_ok(name, TAG_KEY_MAX))
        return fail_tag(call, name, "The TagKey you have provided is invalid");
    if (!tag_text_ok(value, TAG_VALUE_MAX)) {
        protocol_fail_member(call, "TagValue", value);
        return fail_tag(call, name, "The TagValue you have provided is invalid");
    }
    s3_pairs_add(pairs, name, value);
    return MR_OK;
}

static enum mr_status too_many(struct protocol_call *call, enum s3_tagged kind)
{
    return protocol_fail(call, &s3_bad_request, "%s",
                         kind == S3_TAGS_OBJECT ? "Object tags cannot be greater than 10"
                                                : "Bucket tag count cannot be greater than 50");
}

enum mr_status s3_tags_read(struct protocol_call *call, yyjson_val *set, enum s3_tagged kind,
                            struct mr_slice *ret_pairs)
{
    const size_t max = kind == S3_TAGS_OBJECT ? OBJECT_TAGS_MAX : BUCKET_TAGS_MAX;
    struct mr_buf pairs = {0};
    size_t at, count;
    yyjson_val *tag;
    enum mr_status status = MR_OK;
    if (set == NULL) /* AWS: an empty set is one all the same */
        return s3_fail_malformed(call);
    if (yyjson_arr_size(set) > max)
        return too_many(call, kind);
    yyjson_arr_foreach(set, at, count, tag)
    {
        if (status != MR_OK)
            break;
        status = mr_json_get(tag, "Key") == NULL || mr_json_get(tag, "Value") == NULL
                     ? s3_fail_malformed(call)
                     : tag_add(call, kind, &pairs, mr_json_get_text(tag, "Key"),
                               mr_json_get_text(tag, "Value"));
    }
    *ret_pairs = mr_arena_copy(call->arena, mr_buf_slice(&pairs));
    mr_buf_fini(&pairs);
    return status;
}

/* AWS: the header has one refusal for all that is wrong with a name or a value. */
static enum mr_status header_add(struct protocol_call *call, struct mr_slice header,
                                 struct mr_buf *pairs, struct mr_slice name, struct mr_slice value)
{
    if (!has_name(mr_buf_slice(pairs), name) && name.len > 0 && tag_text_ok(name, TAG_KEY_MAX) &&
        tag_text_ok(value, TAG_VALUE_MAX))
        return tag_add(call, S3_TAGS_OBJECT, pairs, name, value);
    return s3_fail_argument(call, "x-amz-tagging", header,
                            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded "
                            "URL query parameters without tag name duplicates.");
}

enum mr_status s3_tags_parse(struct protocol_call *call, struct mr_slice text,
                             struct mr_slice *ret_pairs)
{
    const struct mr_slice header = text;
    struct mr_buf pairs = {0};
    struct mr_slice part;
    size_t tags = 0;
    enum mr_status status = MR_OK;
    while (status == MR_OK && text.ptr != NULL && mr_slice_split(&text, '&', &part)) {
        if (part.len == 0) /* AWS: "&&" is no tag */
            continue;
        const size_t equals = mr_slice_find(part, '=');
        const struct mr_slice name =
            mr_percent_decode(call->arena, mr_slice_sub(part, 0, equals), true);
        const struct mr_slice value =
            equals == SIZE_MAX
                ? MR_S("")
                : mr_percent_decode(call->arena, mr_slice_sub(part, equals + 1, SIZE_MAX), true);
        status = ++tags > OBJECT_TAGS_MAX ? too_many(call, S3_TAGS_OBJECT)
                                          : header_add(call, header, &pairs, name, value);
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

static enum mr_status which_check(struct protocol_call *call, struct s3_which *ret_which,
                                  struct s3_version *room)
{
    const enum mr_status status = s3_check_bucket(call);
    return status != MR_OK ? status : s3_which_in(call, ret_which, room);
}

static void get_object_tagging(struct protocol_call *call)
{
    struct s3_which which;
    struct s3_version version;
    struct s3_meta meta = {0};
    if (which_check(call, &which, &version) != MR_OK)
        return;
    const enum mr_status found = s3_find(s3_of(call), call->arena, &which, &meta, &call->ticket);
    if (s3_fail_missing(call, &which, found, &meta) != MR_OK)
        return;
    s3_tags_write(&call->out, meta.tags);
    s3_write_version(call, which.bucket, &meta);
}

struct retag {
    struct mr_slice tags;
    struct s3_meta meta; /* result */
};

static enum mr_status retag(void *ctx, struct s3_meta *meta)
{
    struct retag *retag = ctx;
    retag->meta = *meta;
    if (meta->marker)
        return MR_END;
    meta->tags = retag->tags;
    return MR_OK;
}

static void set_tags(struct protocol_call *call, const struct s3_which *which, struct mr_slice tags,
                     const char *event_name)
{
    struct retag change = {.tags = tags};
    const struct s3_event event = {
        .name = event_name, .request_id = call->request_id, .access_key = call->access_key};
    const enum mr_status status =
        s3_amend(s3_of(call), call->arena, which, retag, &change, &event, &call->ticket);
    if (s3_fail_missing(call, which, status == MR_END ? MR_OK : status, &change.meta) == MR_OK)
        s3_write_version(call, which->bucket, &change.meta);
}

static void put_object_tagging(struct protocol_call *call)
{
    struct s3_which which;
    struct s3_version version;
    struct mr_slice pairs;
    yyjson_val *set = mr_json_get(mr_json_get(call->in, "Tagging"), "TagSet");
    if (which_check(call, &which, &version) == MR_OK &&
        s3_tags_read(call, set, S3_TAGS_OBJECT, &pairs) == MR_OK)
        set_tags(call, &which, pairs, "ObjectTagging:Put");
}

static void delete_object_tagging(struct protocol_call *call)
{
    struct s3_which which;
    struct s3_version version;
    if (which_check(call, &which, &version) == MR_OK)
        set_tags(call, &which, MR_S(""), "ObjectTagging:Delete");
}

static const struct protocol_handler handlers[] = {
    {.operation = "DeleteObjectTagging", .run = delete_object_tagging},
    {.operation = "GetObjectTagging", .run = get_object_tagging},
    {.operation = "PutObjectTagging", .run = put_object_tagging},
};
const struct s3_handlers s3_tag_handlers = {handlers, MR_COUNT(handlers)};
