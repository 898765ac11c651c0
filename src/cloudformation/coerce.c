/* Shape by shape. */
#include "cloudformation/coerce.h"
#include "base/clock.h"
#include "cloudformation/members.h"
#include <stdlib.h>

static void fail(struct coercion *coercion, struct mr_slice path, const char *type)
{
    if (coercion->error.len == 0)
        coercion->error = mr_arena_printf(
            coercion->arena, "Value of property %.*s must be of type %s", MR_ARG(path), type);
}

static struct mr_slice scalar_text(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_is_true(value) ? MR_S("true") : MR_S("false");
    return mr_json_text(value);
}

const struct model_member *coerce_member(const struct model_service *model,
                                         const struct model_shape *shape, struct mr_slice name)
{
    const struct model_member *members = model_members(model, shape);
    for (size_t i = 0; i < shape->member_count; i++)
        if (mr_slice_equal_nocase(model_text(model, members[i].name), name))
            return &members[i];
    return NULL;
}

static void structure(struct coercion *coercion, struct mr_json *json,
                      const struct model_shape *shape, yyjson_val *value, struct mr_slice path)
{
    yyjson_val *key, *item;
    size_t i, count;
    mr_json_object(json);
    yyjson_obj_foreach(members_of(value), i, count, key, item)
    {
        const struct mr_slice name = mr_json_text(key);
        const struct model_member *member = coerce_member(coercion->model, shape, name);
        const struct mr_slice inner =
            mr_arena_printf(coercion->arena, "%.*s/%.*s", MR_ARG(path), MR_ARG(name));
        if (member == NULL) {
            if (coercion->error.len == 0)
                coercion->error = mr_arena_printf(
                    coercion->arena, "Encountered unsupported property %.*s", MR_ARG(inner));
            continue;
        }
        mr_json_name(json, model_text(coercion->model, member->name));
        coerce_value(coercion, json, &coercion->model->shapes[member->shape], item, inner);
    }
    mr_json_object_end(json);
}

static void map(struct coercion *coercion, struct mr_json *json, const struct model_shape *shape,
                yyjson_val *value, struct mr_slice path)
{
    const struct model_member *members = model_members(coercion->model, shape);
    yyjson_val *key, *item;
    size_t i, count;
    mr_json_object(json);
    yyjson_obj_foreach(members_of(value), i, count, key, item)
    {
        mr_json_name(json, mr_json_text(key));
        coerce_value(coercion, json, &coercion->model->shapes[members[1].shape], item, path);
    }
    mr_json_object_end(json);
}

static void list(struct coercion *coercion, struct mr_json *json, const struct model_shape *shape,
                 yyjson_val *value, struct mr_slice path)
{
    const struct model_member *element = model_members(coercion->model, shape);
    yyjson_val *item;
    size_t i, count;
    mr_json_array(json);
    yyjson_arr_foreach(value, i, count, item)
        coerce_value(coercion, json, &coercion->model->shapes[element->shape], item, path);
    mr_json_array_end(json);
}

static void number(struct coercion *coercion, struct mr_json *json, struct mr_slice text,
                   bool is_integer, struct mr_slice path)
{
    yyjson_val *parsed = mr_json_parse(coercion->arena, mr_slice_trim(text), 1);
    const bool fits =
        mr_json_is_number(parsed) && (!is_integer || mr_json_i64(parsed, INT64_MIN) != INT64_MIN);
    if (!fits) {
        fail(coercion, path, is_integer ? "Integer" : "Number");
        mr_json_null(json);
    } else if (is_integer) {
        mr_json_int(json, mr_json_i64(parsed, 0));
    } else {
        mr_json_raw(json, mr_json_text(parsed));
    }
}

static void boolean(struct coercion *coercion, struct mr_json *json, struct mr_slice text,
                    struct mr_slice path)
{
    const bool is_true = mr_slice_equal_nocase(text, MR_S("true"));
    if (!is_true && !mr_slice_equal_nocase(text, MR_S("false")))
        fail(coercion, path, "Boolean");
    mr_json_bool(json, is_true);
}

static void timestamp(struct coercion *coercion, struct mr_json *json, struct mr_slice text,
                      struct mr_slice path)
{
    int64_t epoch_ms;
    if (mr_date_parse(text, &epoch_ms) == MR_OK)
        mr_json_timestamp(json, epoch_ms);
    else
        number(coercion, json, text, false, path);
}

static void scalar(struct coercion *coercion, struct mr_json *json, const struct model_shape *shape,
                   struct mr_slice text, struct mr_slice path)
{
    switch (shape->type) {
    case MODEL_INTEGER:
    case MODEL_LONG: number(coercion, json, text, true, path); break;
    case MODEL_FLOAT:
    case MODEL_DOUBLE: number(coercion, json, text, false, path); break;
    case MODEL_BOOLEAN: boolean(coercion, json, text, path); break;
    case MODEL_TIMESTAMP: timestamp(coercion, json, text, path); break;
    default: mr_json_string(json, text); break;
    }
}

void coerce_value(struct coercion *coercion, struct mr_json *json, const struct model_shape *shape,
                  yyjson_val *value, struct mr_slice path)
{
    const bool is_object = shape->type == MODEL_STRUCTURE || shape->type == MODEL_MAP;
    if (is_object && yyjson_is_obj(value)) {
        (shape->type == MODEL_MAP ? map : structure)(coercion, json, shape, value, path);
    } else if (shape->type == MODEL_LIST && yyjson_is_arr(value)) {
        list(coercion, json, shape, value, path);
    } else if (!is_object && shape->type != MODEL_LIST && !yyjson_is_ctn(value)) {
        scalar(coercion, json, shape, scalar_text(value), path);
    } else {
        fail(coercion, path, is_object ? "Object" : shape->type == MODEL_LIST ? "List" : "String");
        mr_json_null(json);
    }
}
