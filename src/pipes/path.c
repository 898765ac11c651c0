/* Paths into an event: "$.dynamodb.Keys.orderid.S", "$.records[0].x". */
#include "pipes/internal.h"

enum { EVENT_DEPTH_MAX = 128 };

/* Cuts one step off `rest` (which begins behind '$'): a name (".name") or an index ("[n]"). */
static enum mr_status next_step(struct mr_slice *rest, struct mr_slice *ret_name,
                                uint64_t *ret_index)
{
    if (rest->ptr[0] == '.') {
        size_t end = 1;
        while (end < rest->len && rest->ptr[end] != '.' && rest->ptr[end] != '[')
            end++;
        *ret_name = mr_slice_sub(*rest, 1, end - 1);
        *rest = mr_slice_sub(*rest, end, SIZE_MAX);
        return ret_name->len > 0 ? MR_OK : MR_INVALID;
    }
    const size_t close = mr_slice_find(*rest, ']');
    if (rest->ptr[0] != '[' || close == SIZE_MAX)
        return MR_INVALID;
    *ret_name = (struct mr_slice){0};
    const enum mr_status status = mr_slice_to_u64(mr_slice_sub(*rest, 1, close - 1), ret_index);
    *rest = mr_slice_sub(*rest, close + 1, SIZE_MAX);
    return status;
}

bool pipe_path_is_valid(struct mr_slice path)
{
    if (!mr_slice_starts_with(path, MR_S("$.")) && !mr_slice_starts_with(path, MR_S("$[")))
        return false;
    struct mr_slice rest = mr_slice_sub(path, 1, SIZE_MAX), name;
    uint64_t index;
    while (rest.len > 0)
        if (next_step(&rest, &name, &index) != MR_OK)
            return false;
    return true;
}

enum mr_status pipe_path_text(struct mr_arena *arena, struct mr_slice path, struct mr_slice event,
                              struct mr_slice *ret_text)
{
    yyjson_val *value = mr_json_parse(arena, event, EVENT_DEPTH_MAX);
    struct mr_slice rest = mr_slice_sub(path, 1, SIZE_MAX), name;
    uint64_t index = 0;
    while (rest.len > 0 && value != NULL) {
        if (next_step(&rest, &name, &index) != MR_OK)
            return MR_NOT_FOUND;
        value = name.ptr != NULL ? mr_json_getn(value, name) : yyjson_arr_get(value, (size_t)index);
    }
    if (yyjson_is_bool(value)) {
        *ret_text = yyjson_get_bool(value) ? MR_S("true") : MR_S("false");
        return MR_OK;
    }
    *ret_text = mr_json_text(value);
    return ret_text->len > 0 ? MR_OK : MR_NOT_FOUND;
}
