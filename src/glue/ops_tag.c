/* The wire: tags of databases, tables and crawlers. Stored: "glue/tags/<ARN>", {"key":"value"}. */
#include "glue/internal.h"

enum { TAGS_MAX = 50 }; /* AWS: of one resource */

/* arn:aws:glue:region:account:kind/name[/name] of something that exists; else the fault is set. */
static bool is_resource(struct protocol_call *call, struct mr_slice arn)
{
    struct glue *glue = call->service;
    struct mr_slice rest = arn, part = {0}, name, json;
    struct glue_table table;
    for (int i = 0; i < 5; i++)
        (void)mr_slice_split(&rest, ':', &part);
    const size_t slash = mr_slice_find(rest, '/');
    struct mr_slice kind = mr_slice_sub(rest, 0, slash);
    enum mr_status status = MR_NOT_FOUND;
    name = slash == SIZE_MAX ? MR_S("") : mr_slice_sub(rest, slash + 1, SIZE_MAX);
    if (mr_slice_equal(kind, MR_S("database"))) {
        status = glue_database_get(glue, call->arena, name, &json);
    } else if (mr_slice_equal(kind, MR_S("crawler"))) {
        status = store_doc_get(glue->store, call->arena, "glue", "crawler", name, &json);
    } else if (mr_slice_equal(kind, MR_S("table"))) {
        (void)mr_slice_split(&name, '/', &part);
        status = glue_table_get(glue, call->arena, part, name, &table);
    }
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Resource %.*s is not found.", MR_ARG(arn));
    protocol_fail_internal(call, status);
    return status == MR_OK;
}

static bool is_listed(yyjson_val *keys, struct mr_slice name)
{
    size_t index, max;
    yyjson_val *key;
    yyjson_arr_foreach(keys, index, max, key)
    {
        if (mr_slice_equal(mr_json_text(key), name))
            return true;
    }
    return false;
}

bool glue_tags_check(struct protocol_call *call, yyjson_val *tags)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(tags, index, max, key, value)
    {
        if (mr_slice_starts_with(mr_json_text(key), MR_S("aws:")) ||
            mr_slice_starts_with(mr_json_text(value), MR_S("aws:"))) {
            protocol_fail(call, &glue_fault_invalid_input,
                          "Keys and values of tags cannot begin with 'aws:'");
            return false;
        }
    }
    return true;
}

/* The old tags but those named in `remove` or in `add`, then `add`. MR_FULL: they are too many. */
static enum mr_status put_tags(struct protocol_call *call, struct mr_slice arn, yyjson_val *add,
                               yyjson_val *remove)
{
    struct glue *glue = call->service;
    static const char *const none[] = {NULL};
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_val *old = NULL;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t index, max;
    yyjson_val *key, *value;
    size_t count = yyjson_obj_size(add);
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = glue_doc(glue, call->arena, "tags", arn, &old);
    mr_json_object(&json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        struct mr_slice name = mr_json_text(key);
        if (mr_json_getn(add, name) != NULL || is_listed(remove, name))
            continue;
        mr_json_name(&json, name);
        mr_json_value(&json, value);
        count++;
    }
    glue_copy_members(&json, add, none);
    mr_json_object_end(&json);
    store_doc_put(&entry, "glue", "tags", arn, mr_buf_slice(&buf));
    if (status >= 0)
        status = count > TAGS_MAX ? MR_FULL : store_commit(glue->store, &entry, &call->ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_buf_fini(&buf);
    return status;
}

/* Tags of an earlier thing of this name do not come back. */
void glue_tag_created(struct protocol_call *call, const char *kind, struct mr_slice name)
{
    struct glue *glue = call->service;
    struct store_entry entry = store_entry_make(call->arena);
    yyjson_val *tags = mr_json_get(call->in, "Tags"), *old;
    if (protocol_failed(call))
        return;
    struct mr_slice arn =
        mr_arena_printf(call->arena, "arn:aws:glue:%.*s:%.*s:%s/%.*s", MR_ARG(call->region),
                        MR_ARG(call->account), kind, MR_ARG(name));
    if (glue_doc(glue, call->arena, "tags", arn, &old) == MR_OK) {
        store_doc_delete(&entry, "glue", "tags", arn);
        protocol_fail_internal(call, store_commit(glue->store, &entry, &call->ticket));
    }
    if (yyjson_obj_size(tags) > 0)
        protocol_fail_internal(call, put_tags(call, arn, tags, NULL));
}

bool glue_tags_match(struct protocol_call *call, const char *kind, struct mr_slice name,
                     yyjson_val *tags)
{
    yyjson_val *found = NULL, *key, *value;
    size_t index, max;
    if (yyjson_obj_size(tags) == 0)
        return true;
    struct mr_slice arn =
        mr_arena_printf(call->arena, "arn:aws:glue:%.*s:%.*s:%s/%.*s", MR_ARG(call->region),
                        MR_ARG(call->account), kind, MR_ARG(name));
    protocol_fail_internal(call, glue_doc(call->service, call->arena, "tags", arn, &found));
    yyjson_obj_foreach(tags, index, max, key, value)
    {
        yyjson_val *has = mr_json_getn(found, mr_json_text(key));
        if (has == NULL || !mr_slice_equal(mr_json_text(has), mr_json_text(value)))
            return false;
    }
    return true;
}

static void tag_resource(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    yyjson_val *tags = mr_json_get(call->in, "TagsToAdd");
    if (!glue_tags_check(call, tags) || !is_resource(call, arn))
        return;
    enum mr_status status = put_tags(call, arn, tags, NULL);
    if (status == MR_FULL)
        protocol_fail(call, &glue_fault_invalid_input, "A resource has at most %d tags", TAGS_MAX);
    protocol_fail_internal(call, status);
}

static void untag_resource(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn");
    if (is_resource(call, arn))
        protocol_fail_internal(call,
                               put_tags(call, arn, NULL, mr_json_get(call->in, "TagsToRemove")));
}

static void get_tags(struct protocol_call *call)
{
    struct mr_slice arn = mr_json_get_text(call->in, "ResourceArn"), json = MR_S("{}");
    struct glue *glue = call->service;
    if (!is_resource(call, arn))
        return;
    enum mr_status status = store_doc_get(glue->store, call->arena, "glue", "tags", arn, &json);
    mr_json_key_raw(&call->out, "Tags", json);
    protocol_fail_internal(call, status);
}

const struct protocol_handler glue_tag_handlers[] = {
    {.operation = "TagResource", .run = tag_resource},
    {.operation = "UntagResource", .run = untag_resource},
    {.operation = "GetTags", .run = get_tags},
};
const size_t glue_tag_handler_count = MR_COUNT(glue_tag_handlers);
