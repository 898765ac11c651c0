/* The wire: what a function has by qualifier, one JSON object of the record for each kind: URLs,
 * configs of asynchronous invocations, provisioned concurrency. */
#include "lambda/internal.h"

enum { LIST_MAX = 50, DEPTH_MAX = 16 };

struct mr_slice lambda_ops_qualifier_or_latest(struct protocol_call *call)
{
    const struct mr_slice qualifier = lambda_ops_qualifier(call);
    return qualifier.len > 0 ? qualifier : MR_S("$LATEST");
}

struct lambda_function *lambda_ops_find_qualified(struct protocol_call *call, const char *missing)
{
    struct mr_slice name, inside;
    lambda_name_split(mr_json_get_text(call->in, "FunctionName"), &name, &inside);
    struct lambda_function *function = lambda_function_find(call->service, name);
    int64_t version;
    bool known = false;
    if (function != NULL) {
        struct lambda_record record;
        lambda_function_record(function, &record);
        known = lambda_record_resolve(NULL, &record, lambda_ops_qualifier_or_latest(call),
                                      &version) == MR_OK;
        lambda_record_fini(&record);
    }
    if (known)
        return function;
    lambda_function_unref(function);
    protocol_fail(call, &lambda_not_found, "%s", missing);
    return NULL;
}

yyjson_val *lambda_ops_text(struct protocol_call *call, const struct lambda_record *record,
                            enum lambda_text text)
{
    return mr_json_parse(call->arena, mr_slice_cstr(record->texts[text]), DEPTH_MAX);
}

void lambda_ops_list(struct protocol_call *call, struct lambda_function *function,
                     enum lambda_text text, const char *member, lambda_ops_config_fn *write)
{
    struct lambda_record record;
    lambda_function_record(function, &record);
    yyjson_val *configs = lambda_ops_text(call, &record, text);
    const int64_t wanted = mr_json_get_i64(call->in, "MaxItems", LIST_MAX);
    uint64_t after = 0;
    (void)(mr_slice_to_u64(mr_json_get_text(call->in, "Marker"), &after) == MR_OK);
    const size_t end = (size_t)after + (size_t)(wanted < LIST_MAX ? wanted : LIST_MAX);
    size_t i, count;
    yyjson_val *qualifier, *config;
    mr_json_key(&call->out, member);
    mr_json_array(&call->out);
    yyjson_obj_foreach(configs, i, count, qualifier, config)
    {
        if (i < after || i >= end)
            continue;
        mr_json_object(&call->out);
        write(call, function, mr_json_text(qualifier), config);
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
    if (end < yyjson_obj_size(configs))
        mr_json_key_string(&call->out, "NextMarker", mr_arena_printf(call->arena, "%zu", end));
    lambda_record_fini(&record);
}

void lambda_ops_drop(struct protocol_call *call, struct lambda_function *function,
                     enum lambda_text text,
                     void (*absent)(struct protocol_call *call,
                                    const struct lambda_function *function))
{
    const struct mr_slice qualifier = lambda_ops_qualifier_or_latest(call);
    struct lambda_record next;
    call->status = 204;
    if (!lambda_ops_begin(call, function, &next))
        return;
    if (absent != NULL && mr_json_getn(lambda_ops_text(call, &next, text), qualifier) == NULL) {
        absent(call, function);
        lambda_function_cancel(function, &next);
    } else {
        lambda_record_set(&next, text, qualifier, MR_S(""));
        protocol_fail_internal(call, lambda_function_commit(function, &next));
    }
}

/* ---- documents ---- */

void lambda_ops_put(struct mr_json *json, struct protocol_call *call, yyjson_val *before,
                    const char *name, const char *fallback)
{
    yyjson_val *value = mr_json_get(call->in, name);
    value = value != NULL ? value : mr_json_get(before, name);
    if (value != NULL)
        mr_json_key_value(json, name, value);
    else
        mr_json_key_raw(json, name, mr_slice_cstr(fallback));
}

void lambda_ops_members(struct protocol_call *call, yyjson_val *object)
{
    size_t i, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(object, i, count, name, value)
    {
        mr_json_name(&call->out, mr_json_text(name));
        mr_json_value(&call->out, value);
    }
}
