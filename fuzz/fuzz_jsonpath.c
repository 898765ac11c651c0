/* Athena: a JSON path and, behind its first line feed, the value it is evaluated over. */
#include "athena/jsonpath.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_slice rest = {(const char *)data, size}, text;
    struct mr_arena arena;
    struct mr_slice why;
    struct athena_path path;
    struct athena_items items = {0};
    struct mr_buf out = {0};
    if (!mr_slice_split(&rest, '\n', &text))
        return 0;
    mr_arena_init(&arena);
    yyjson_val *root = mr_json_parse(&arena, rest, MR_JSON_DEPTH_MAX);
    if (athena_path_parse(&arena, text, &path, &why) && root != NULL &&
        athena_path_evaluate(&arena, &path, root, root, &items, &why)) {
        struct mr_json json = mr_json_make(&out);
        mr_json_array(&json);
        for (size_t i = 0; i < items.count; i++)
            athena_item_put(&json, &items.list[i]);
        mr_json_array_end(&json);
        assert(mr_json_parse(&arena, mr_buf_slice(&out), MR_JSON_DEPTH_MAX) != NULL ||
               out.len > 1000000);
    }
    mr_buf_fini(&out);
    mr_arena_fini(&arena);
    return 0;
}
