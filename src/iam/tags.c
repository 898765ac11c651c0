/* The wire: tags of roles and policies. */
#include "iam/internal.h"
#include "protocol/document.h"

enum { TAGS_MAX = 50 }; /* AWS: of one role or policy */

static const struct protocol_fault invalid_input = {"InvalidInput", 400, false};
static const struct protocol_fault limit_exceeded = {"LimitExceeded", 409, false};

static bool has_key(yyjson_val *tags, struct mr_slice key)
{
    for (size_t i = 0; i < yyjson_arr_size(tags); i++)
        if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(tags, i), "Key"), key))
            return true;
    return false;
}

static bool has_text(yyjson_val *keys, struct mr_slice key)
{
    for (size_t i = 0; i < yyjson_arr_size(keys); i++)
        if (mr_slice_equal(mr_json_text(yyjson_arr_get(keys, i)), key))
            return true;
    return false;
}

/* What is there less the keys that go, then what comes. */
static yyjson_val *merge(struct protocol_call *call, yyjson_val *before)
{
    yyjson_val *added = mr_json_get(call->in, "Tags"), *gone = mr_json_get(call->in, "TagKeys");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_array(&json);
    for (size_t i = 0; i < yyjson_arr_size(before); i++) {
        yyjson_val *tag = yyjson_arr_get(before, i);
        const struct mr_slice key = mr_json_get_text(tag, "Key");
        if (!has_key(added, key) && !has_text(gone, key))
            mr_json_value(&json, tag);
    }
    for (size_t i = 0; i < yyjson_arr_size(added); i++)
        mr_json_value(&json, yyjson_arr_get(added, i));
    mr_json_array_end(&json);
    yyjson_val *tags = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    return tags;
}

static void change(struct protocol_call *call, const char *kind, struct mr_slice name,
                   yyjson_val *doc)
{
    yyjson_val *added = mr_json_get(call->in, "Tags");
    if (doc == NULL)
        return;
    for (size_t i = 0; i < yyjson_arr_size(added); i++)
        for (size_t j = 0; j < i; j++)
            if (mr_slice_equal(mr_json_get_text(yyjson_arr_get(added, i), "Key"),
                               mr_json_get_text(yyjson_arr_get(added, j), "Key"))) {
                protocol_fail(call, &invalid_input,
                              "Duplicate tag keys found. Please note that Tag keys are case "
                              "insensitive.");
                return;
            }
    yyjson_val *tags = merge(call, mr_json_get(doc, "Tags"));
    if (yyjson_arr_size(tags) > TAGS_MAX)
        protocol_fail(call, &limit_exceeded, "The number of tags has reached the maximum limit.");
    else
        iam_put(call, kind, name,
                protocol_document_with(call->arena, doc, "Tags", mr_json_print(call->arena, tags)));
}

static void change_role(struct protocol_call *call)
{
    change(call, "role", mr_json_get_text(call->in, "RoleName"), iam_role_find(call));
}

static void change_policy(struct protocol_call *call)
{
    change(call, "policy", mr_json_get_text(call->in, "PolicyArn"), iam_policy_find(call));
}

static void tag_role(struct protocol_call *call)
{
    iam_locked(call, change_role);
}

static void tag_policy(struct protocol_call *call)
{
    iam_locked(call, change_policy);
}

static void list(struct protocol_call *call, yyjson_val *doc)
{
    if (doc == NULL)
        return;
    yyjson_val *tags = mr_json_get(doc, "Tags");
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    for (size_t i = 0; i < yyjson_arr_size(tags); i++)
        mr_json_value(&call->out, yyjson_arr_get(tags, i));
    mr_json_array_end(&call->out);
    mr_json_key_bool(&call->out, "IsTruncated", false);
}

static void list_role(struct protocol_call *call)
{
    list(call, iam_role_find(call));
}

static void list_policy(struct protocol_call *call)
{
    list(call, iam_policy_find(call));
}

const struct protocol_handler iam_tag_handlers[] = {
    {.operation = "TagRole", .run = tag_role},
    {.operation = "UntagRole", .run = tag_role},
    {.operation = "ListRoleTags", .run = list_role},
    {.operation = "TagPolicy", .run = tag_policy},
    {.operation = "UntagPolicy", .run = tag_policy},
    {.operation = "ListPolicyTags", .run = list_policy},
};
const size_t iam_tag_handler_count = MR_COUNT(iam_tag_handlers);
