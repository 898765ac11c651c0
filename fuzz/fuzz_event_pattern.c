/* Any bytes as an event pattern, any bytes as an event: it ends, in bounds; what is refused says
 * why; and the same event gets the same answer twice. */
#include "event/pattern.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make(data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const struct mr_slice text = cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX);
    struct mr_arena arena = {0};
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key(&json, "Filters");
    mr_json_array(&json);
    mr_json_object(&json);
    mr_json_key_string(&json, "Pattern", mr_slice_sub(all, 0, cut));
    mr_json_object_end(&json);
    mr_json_array_end(&json);
    mr_json_object_end(&json);
    struct event_filter *filter = NULL;
    char message[EVENT_MESSAGE_MAX] = "";
    const enum mr_status status =
        event_filter_new(mr_json_parse(&arena, mr_buf_slice(&buf), 8), &filter, message);
    yyjson_val *event = mr_json_parse(&arena, text, EVENT_DEPTH_MAX);
    if (status == MR_OK ? event_filter_takes(filter, event) != event_filter_takes(filter, event)
                        : message[0] == '\0')
        abort();
    event_filter_free(filter);
    mr_buf_fini(&buf);
    mr_arena_fini(&arena);
    return 0;
}
