/* The wire: tags of workgroups. Stored: "athena/tags/<workgroup>", {"key":"value"}. */
#include "athena/internal.h"

/* The workgroup that an ARN names; empty: the fault is set. */
static struct mr_slice resource(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceARN");
    const struct mr_slice marker = MR_S(":workgroup/");
    const size_t at = mr_slice_search(arn, marker);
    struct mr_slice name = at == SIZE_MAX ? MR_S("") : mr_slice_sub(arn, at + marker.len, SIZE_MAX);
    yyjson_val *workgroup;
    enum mr_status status =
        name.len == 0 ? MR_NOT_FOUND
                      : athena_workgroup_get(call->service, call->arena, name, &workgroup);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &athena_not_found, "Resource %.*s is not found", MR_ARG(arn));
    protocol_fail_internal(call, status);
    return status == MR_OK ? name : MR_S("");
}

static bool is_tagged(yyjson_val *tags, yyjson_val *keys, struct mr_slice name)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(tags, index, max, item)
    {
        if (mr_slice_equal(mr_json_get_text(item, "Key"), name))
            return true;
    }
    yyjson_arr_foreach(keys, index, max, item)
    {
        if (mr_slice_equal(mr_json_text(item), name))
            return true;
    }
    return false;
}

/* The old tags but those that `add` or `remove` names, then `add`: a list of Key and Value. */
static void put_tags(struct protocol_call *call, struct mr_slice name, yyjson_val *add,
                     yyjson_val *remove)
{
    struct athena *athena = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    struct mr_slice old = MR_S("{}");
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t index, max;
    yyjson_val *key, *value;
    pthread_mutex_lock(&athena->catalog_lock);
    enum mr_status status =
        store_doc_get(athena->options.store, call->arena, "athena", "tags", name, &old);
    yyjson_val *tags = mr_json_parse(call->arena, old, MR_JSON_DEPTH_MAX);
    mr_json_object(&json);
    yyjson_obj_foreach(tags, index, max, key, value)
    {
        if (is_tagged(add, remove, mr_json_text(key)))
            continue;
        mr_json_name(&json, mr_json_text(key));
        mr_json_value(&json, value);
    }
    yyjson_arr_foreach(add, index, max, value)
    {
        mr_json_name(&json, mr_json_get_text(value, "Key"));
        mr_json_string(&json, mr_json_get_text(value, "Value"));
    }
    mr_json_object_end(&json);
    store_doc_put(&entry, "athena", "tags", name, mr_buf_slice(&buf));
    if (status >= 0)
        status = store_commit(athena->options.store, &entry, &call->ticket);
    pthread_mutex_unlock(&athena->catalog_lock);
    mr_buf_fini(&buf);
    protocol_fail_internal(call, status);
}

void athena_tag_created(struct protocol_call *call, struct mr_slice workgroup)
{
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    if (yyjson_arr_size(tags) > 0 && !protocol_failed(call))
        put_tags(call, workgroup, tags, NULL);
}

static void tag_resource(struct protocol_call *call)
{
    struct mr_slice name = resource(call);
    if (name.len > 0)
        put_tags(call, name, mr_json_get(call->in, "Tags"), NULL);
}

static void untag_resource(struct protocol_call *call)
{
    struct mr_slice name = resource(call);
    if (name.len > 0)
        put_tags(call, name, NULL, mr_json_get(call->in, "TagKeys"));
}

static void list_tags_for_resource(struct protocol_call *call)
{
    struct athena *athena = call->service;
    struct athena_pager pager;
    struct mr_slice name = resource(call), json = MR_S("{}");
    size_t index, max;
    yyjson_val *key, *value;
    if (name.len == 0 || !athena_pager_init(&pager, call, 75))
        return;
    enum mr_status status =
        store_doc_get(athena->options.store, call->arena, "athena", "tags", name, &json);
    yyjson_val *tags = mr_json_parse(call->arena, json, MR_JSON_DEPTH_MAX);
    mr_json_key(&call->out, "Tags");
    mr_json_array(&call->out);
    yyjson_obj_foreach(tags, index, max, key, value)
    {
        if (!athena_pager_next(&pager))
            continue;
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "Key", mr_json_text(key));
        mr_json_key_value(&call->out, "Value", value);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    athena_pager_end(&pager, call);
    protocol_fail_internal(call, status);
}

const struct protocol_handler athena_tag_handlers[] = {
    {.operation = "TagResource", .run = tag_resource},
    {.operation = "UntagResource", .run = untag_resource},
    {.operation = "ListTagsForResource", .run = list_tags_for_resource},
};
const size_t athena_tag_handler_count = MR_COUNT(athena_tag_handlers);
