/* The wire: tags of log groups, by name and by ARN. */
#include "logs/internal.h"

enum { TAGS_MAX = 50 };

static const struct protocol_fault too_many = {"TooManyTagsException", 400, false};

static bool is_listed(yyjson_val *list, struct mr_slice text)
{
    size_t i, count;
    yyjson_val *value;
    bool found = false;
    yyjson_arr_foreach(list, i, count, value) found =
        found || mr_slice_equal(mr_json_text(value), text);
    return found;
}

/* The group's tags less those that `added` replaces or `removed` lists, then `added`. */
static yyjson_val *changed(struct protocol_call *call, yyjson_val *tags, yyjson_val *added,
                           yyjson_val *removed)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t i, count;
    yyjson_val *name, *value;
    mr_json_object(&json);
    yyjson_obj_foreach(tags, i, count, name, value)
    {
        if (mr_json_getn(added, mr_json_text(name)) != NULL ||
            is_listed(removed, mr_json_text(name)))
            continue;
        mr_json_name(&json, mr_json_text(name));
        mr_json_value(&json, value);
    }
    yyjson_obj_foreach(added, i, count, name, value)
    {
        mr_json_name(&json, mr_json_text(name));
        mr_json_value(&json, value);
    }
    mr_json_object_end(&json);
    yyjson_val *made = mr_json_parse(call->arena, mr_buf_slice(&buf), 4);
    mr_buf_fini(&buf);
    if (yyjson_obj_size(made) > TAGS_MAX)
        protocol_fail(call, &too_many, "A resource can have no more than %d tags.", (int)TAGS_MAX);
    return made;
}

static void change(struct protocol_call *call, yyjson_val *added, yyjson_val *removed)
{
    struct logs *logs = call->service;
    const struct mr_slice name = logs_group_name(call);
    pthread_mutex_lock(&logs->lock);
    yyjson_val *doc = logs_find_group(call, name);
    if (doc != NULL) {
        yyjson_val *tags = changed(call, mr_json_get(doc, "tags"), added, removed);
        if (!protocol_failed(call))
            logs_put_group(call, name, mr_json_get_i64(doc, "created_ms", 0),
                           mr_json_get_i64(doc, "retention", 0), tags);
    }
    pthread_mutex_unlock(&logs->lock);
}

static void tag(struct protocol_call *call)
{
    change(call, mr_json_get(call->in, "tags"), NULL);
}

static void untag_group(struct protocol_call *call)
{
    change(call, NULL, mr_json_get(call->in, "tags"));
}

static void untag_resource(struct protocol_call *call)
{
    change(call, NULL, mr_json_get(call->in, "tagKeys"));
}

static void list(struct protocol_call *call)
{
    yyjson_val *doc = logs_find_group(call, logs_group_name(call));
    if (doc == NULL)
        return;
    yyjson_val *tags = mr_json_get(doc, "tags");
    if (tags != NULL)
        mr_json_key_value(&call->out, "tags", tags);
    else
        mr_json_key_raw(&call->out, "tags", MR_S("{}"));
}

const struct protocol_handler logs_tag_handlers[] = {
    {.operation = "TagLogGroup", .run = tag},
    {.operation = "UntagLogGroup", .run = untag_group},
    {.operation = "ListTagsLogGroup", .run = list},
    {.operation = "TagResource", .run = tag},
    {.operation = "UntagResource", .run = untag_resource},
    {.operation = "ListTagsForResource", .run = list},
};
const size_t logs_tag_handler_count = MR_COUNT(logs_tag_handlers);
