/* Paths into an event: "$.dynamodb.Keys.orderid.S", "$.records[0].x", "$.records[*].x". */
#include "pipes/path.h"

/* Cuts one step off `rest`, which begins with '.' or '['. */
static enum mr_status next_step(struct mr_slice *rest, struct pipe_step *step)
{
    struct mr_slice text;
    const bool bracket = rest->ptr[0] == '[';
    *step = (struct pipe_step){0};
    if (bracket) {
        const size_t close = mr_slice_find(*rest, ']');
        if (close == SIZE_MAX)
            return MR_INVALID;
        text = mr_slice_sub(*rest, 1, close - 1);
        *rest = mr_slice_sub(*rest, close + 1, SIZE_MAX);
    } else if (rest->ptr[0] == '.') {
        size_t end = 1;
        while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
            end++;
        text = mr_slice_sub(*rest, 1, end - 1);
        *rest = mr_slice_sub(*rest, end, SIZE_MAX);
    } else {
        return MR_INVALID;
    }
    step->name = text;
    step->all = mr_slice_equal(text, MR_S("*"));
    /* AWS: "$.list.0" is an element as "$.list[0]" is. */
    step->has_index = mr_slice_to_u64(text, &step->index) == MR_OK;
    if (text.len == 0 || (bracket && !step->all && !step->has_index))
        return MR_INVALID;
    return MR_OK;
}

enum mr_status pipe_path_parse(struct mr_arena *arena, struct mr_slice text,
                               struct pipe_path *ret_path)
{
    struct pipe_path path = {.steps = MR_NEW_ARRAY(arena, struct pipe_step, PIPE_STEPS_MAX)};
    if (!mr_slice_starts_with(text, MR_S("$")))
        return MR_INVALID;
    struct mr_slice rest = mr_slice_sub(text, 1, SIZE_MAX);
    while (rest.len > 0) {
        if (path.count == PIPE_STEPS_MAX || next_step(&rest, &path.steps[path.count++]) != MR_OK)
            return MR_INVALID;
    }
    *ret_path = path;
    return MR_OK;
}

static yyjson_val *take_step(const struct pipe_step *step, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        return yyjson_obj_getn(value, step->name.ptr, step->name.len);
    if (yyjson_is_arr(value) && step->has_index)
        return yyjson_arr_get(value, (size_t)step->index);
    return NULL;
}

yyjson_val *pipe_path_get(const struct pipe_path *path, yyjson_val *root)
{
    yyjson_val *value = root;
    for (size_t i = 0; i < path->count && value != NULL; i++)
        value = path->steps[i].all ? NULL : take_step(&path->steps[i], value);
    return value;
}

/* Writes what the steps from `from` find below `value` as elements of an open array. */
static void write_each(struct mr_json *json, const struct pipe_path *path, size_t from,
                       yyjson_val *value)
{
    for (size_t i = from; i < path->count && value != NULL; i++) {
        if (path->steps[i].all) {
            size_t index, max;
            yyjson_val *item;
            yyjson_arr_foreach(value, index, max, item)
            {
                write_each(json, path, i + 1, item);
            }
            return;
        }
        value = take_step(&path->steps[i], value);
    }
    if (value != NULL)
        mr_json_value(json, value);
}

bool pipe_path_write(struct mr_json *json, const struct pipe_path *path, yyjson_val *root)
{
    for (size_t i = 0; i < path->count; i++)
        if (path->steps[i].all) {
            mr_json_array(json);
            write_each(json, path, 0, root);
            mr_json_array_end(json);
            return true;
        }
    yyjson_val *value = pipe_path_get(path, root);
    if (value == NULL)
        return false;
    mr_json_value(json, value);
    return true;
}

enum mr_status pipe_path_text(const struct pipe_path *path, yyjson_val *root,
                              struct mr_slice *ret_text)
{
    yyjson_val *value = pipe_path_get(path, root);
    if (yyjson_is_bool(value)) {
        *ret_text = yyjson_get_bool(value) ? MR_S("true") : MR_S("false");
        return MR_OK;
    }
    *ret_text = mr_json_text(value);
    return ret_text->len > 0 ? MR_OK : MR_NOT_FOUND;
}
