/* Any JSON as an item: refused with a reason, or what is written of it is the same item again, of
 * the same size. */
#include "item/item.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct mr_buf text = {0};
    struct mr_slice item, again, error = {0};
    mr_arena_init(&arena);
    yyjson_val *tree = mr_json_parse(&arena, mr_slice_make(data, size), MR_JSON_DEPTH_MAX);
    if (yyjson_is_obj(tree) && item_encode(&arena, tree, &item, &error) == MR_OK) {
        struct mr_json json = mr_json_make(&text);
        item_json(&json, item);
        tree = mr_json_parse(&arena, mr_buf_slice(&text), MR_JSON_DEPTH_MAX);
        require(yyjson_is_obj(tree));
        require(item_encode(&arena, tree, &again, &error) == MR_OK);
        require(mr_slice_equal(item, again) && item_size(item) == item_size(again));
    } else if (yyjson_is_obj(tree)) {
        require(error.len > 0);
    }
    mr_buf_fini(&text);
    mr_arena_fini(&arena);
    return 0;
}
