/* DynamoDB: any text as a line of an Ion import: refused, or an item in JSON, which is an item or
 * refused as one. */
#include "dynamodb/recovery.h"
#include "item/item.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_buf row = {0};
    struct mr_arena arena;
    mr_arena_init(&arena);
    if (dynamodb_ion_row(&row, mr_slice_make(data, size)) == MR_OK)
        (void)mr_json_parse(&arena, mr_buf_slice(&row), MR_JSON_DEPTH_MAX);
    mr_arena_fini(&arena);
    mr_buf_fini(&row);
    return 0;
}
