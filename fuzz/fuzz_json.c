/* Parse, write, parse again: the second text equals the first one written, and no depth goes
 * unseen. */
#include "base/json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Depth of a value, by recursion: the fuzzer keeps it under what mr_json_parse lets through. */
static size_t depth_of(yyjson_val *value)
{
    size_t deepest = 0, at, max;
    yyjson_val *name, *part;
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, at, max, name, part)
        {
            size_t depth = depth_of(part);
            deepest = depth > deepest ? depth : deepest;
        }
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, at, max, part)
        {
            size_t depth = depth_of(part);
            deepest = depth > deepest ? depth : deepest;
        }
    } else {
        return 0;
    }
    return deepest + 1;
}

static void write_value(struct mr_buf *buf, yyjson_val *value)
{
    struct mr_json json = mr_json_make(buf);
    mr_json_value(&json, value);
    require(json.depth == 0);
}

static void round_trip(struct mr_arena *arena, struct mr_slice text)
{
    yyjson_val *value = mr_json_parse(arena, text, MR_JSON_DEPTH_MAX);
    if (value == NULL)
        return;
    size_t depth = depth_of(value);
    require(depth <= MR_JSON_DEPTH_MAX);
    require(mr_json_parse(arena, text, depth) != NULL);
    require(depth == 0 || mr_json_parse(arena, text, depth - 1) == NULL);
    struct mr_buf first = {0}, second = {0};
    write_value(&first, value);
    yyjson_val *again = mr_json_parse(arena, mr_buf_slice(&first), depth);
    require(again != NULL);
    write_value(&second, again);
    require(mr_slice_equal(mr_buf_slice(&first), mr_buf_slice(&second)));
    mr_buf_fini(&first);
    mr_buf_fini(&second);
}

/* Any bytes become a JSON string; UTF-8 comes back as it was. */
static void string_round_trip(struct mr_arena *arena, struct mr_slice text)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_string(&json, text);
    yyjson_val *value = mr_json_parse(arena, mr_buf_slice(&buf), 0);
    require(value != NULL);
    if (mr_slice_is_utf8(text))
        require(mr_slice_equal(mr_json_text(value), text));
    mr_buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    round_trip(&arena, mr_slice_make(data, size));
    string_round_trip(&arena, mr_slice_make(data, size));
    mr_arena_fini(&arena);
    return 0;
}
