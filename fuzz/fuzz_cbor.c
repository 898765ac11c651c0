/* What reads as JSON is JSON, and goes to CBOR and back unchanged (once numbers have found their
 * form: 1000.0 becomes 1000, say). */
#include "base/arena.h"
#include "protocol/cbor.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Through the tree to CBOR and back to JSON. */
static void round_trip(struct mr_arena *arena, const struct mr_buf *json, struct mr_buf *again)
{
    struct mr_buf cbor = {0};
    yyjson_val *value = mr_json_parse(arena, mr_buf_slice(json), CBOR_DEPTH_MAX + 2);
    require(value != NULL);
    cbor_from_json(&cbor, false, NULL, NULL, value);
    require(cbor_to_json(again, mr_buf_slice(&cbor)) == MR_OK);
    mr_buf_fini(&cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_arena arena;
    struct mr_buf json = {0}, second = {0}, third = {0};
    mr_arena_init(&arena);
    if (cbor_to_json(&json, mr_slice_make(data, size)) == MR_OK) {
        round_trip(&arena, &json, &second);
        round_trip(&arena, &second, &third);
        require(mr_slice_equal(mr_buf_slice(&second), mr_buf_slice(&third)));
    }
    mr_buf_fini(&json);
    mr_buf_fini(&second);
    mr_buf_fini(&third);
    mr_arena_fini(&arena);
    return 0;
}
