/* Dynamic references. */
#include "cloudformation/dynamic.h"
#include "cloudformation/members.h"

static const char opening[] = "{{resolve:";

static bool has_reference(yyjson_val *value)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (yyjson_is_str(value))
        return mr_slice_search(mr_json_text(value), mr_slice_cstr(opening)) != SIZE_MAX;
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, count, item) if (has_reference(item)) return true;
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(members_of(value), i, count, key,
                           item) if (has_reference(item)) return true;
    }
    return false;
}

/* "ssm:name", "ssm:name:version" or "ssm-secure:...". */
static struct mr_slice look_up(struct dynamic *dynamic, struct mr_slice reference)
{
    struct mr_slice name = reference, service = MR_S(""), value = MR_S("");
    (void)mr_slice_split(&name, ':', &service);
    const bool is_secure = mr_slice_equal(service, MR_S("ssm-secure"));
    if (!is_secure && !mr_slice_equal(service, MR_S("ssm"))) {
        if (dynamic->error.len == 0)
            dynamic->error = mr_arena_printf(dynamic->arena,
                                             "millrace looks up references to ssm and ssm-secure "
                                             "alone, not {{resolve:%.*s}}",
                                             MR_ARG(reference));
        return value;
    }
    const enum mr_status status = dynamic_parameter(dynamic->cloudformation, dynamic->arena,
                                                    dynamic->region, name, is_secure, &value);
    if (status == MR_OK)
        return value;
    dynamic->missing = mr_arena_printf(dynamic->arena, "%.*s%s%.*s", MR_ARG(dynamic->missing),
                                       dynamic->missing.len > 0 ? ", " : "", MR_ARG(reference));
    dynamic->error = mr_arena_printf(dynamic->arena, "Parameters: [%.*s] cannot be found.",
                                     MR_ARG(dynamic->missing));
    return value;
}

static void put_text(struct dynamic *dynamic, struct mr_json *json, struct mr_slice text)
{
    struct mr_buf buf = {0};
    for (;;) {
        const size_t at = mr_slice_search(text, mr_slice_cstr(opening));
        const size_t end = at == SIZE_MAX
                               ? SIZE_MAX
                               : mr_slice_search(mr_slice_sub(text, at, SIZE_MAX), MR_S("}}"));
        mr_buf_append(&buf, mr_slice_sub(text, 0, end == SIZE_MAX ? SIZE_MAX : at));
        if (end == SIZE_MAX)
            break;
        const size_t from = at + sizeof opening - 1;
        mr_buf_append(&buf, look_up(dynamic, mr_slice_sub(text, from, at + end - from)));
        text = mr_slice_sub(text, at + end + 2, SIZE_MAX);
    }
    mr_json_string(json, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

static void put(struct dynamic *dynamic, struct mr_json *json, yyjson_val *value)
{
    yyjson_val *key, *item;
    size_t i, count;
    if (yyjson_is_arr(value)) {
        mr_json_array(json);
        yyjson_arr_foreach(value, i, count, item) put(dynamic, json, item);
        mr_json_array_end(json);
    } else if (yyjson_is_obj(value)) {
        mr_json_object(json);
        yyjson_obj_foreach(members_of(value), i, count, key, item)
        {
            mr_json_name(json, mr_json_text(key));
            put(dynamic, json, item);
        }
        mr_json_object_end(json);
    } else if (yyjson_is_str(value)) {
        put_text(dynamic, json, mr_json_text(value));
    } else {
        mr_json_value(json, value);
    }
}

yyjson_val *dynamic_resolve(struct dynamic *dynamic, yyjson_val *value)
{
    if (!has_reference(value))
        return value;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    put(dynamic, &json, value);
    yyjson_val *resolved = mr_json_parse(dynamic->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return resolved;
}
