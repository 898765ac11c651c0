/* Any bytes as a pipe's InputTemplate, any bytes as an event: refused with a reason, or rendered;
 * and what a JSON template renders is JSON. */
#include "event/pattern.h"
#include "pipes/template.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make(data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const struct mr_slice text = cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX);
    struct mr_arena arena = {0};
    struct mr_buf out = {0};
    struct pipe_template *template = NULL;
    char message[PIPE_MESSAGE_MAX] = "";
    const struct pipe_variables variables = {.pipe_name = MR_S("p\""), .time_ms = 1};
    const struct pipe_event_view event = {.text = text,
                                          .root = mr_json_parse(&arena, text, EVENT_DEPTH_MAX)};
    if (pipe_template_parse(&arena, mr_slice_sub(all, 0, cut), &template, message) != MR_OK) {
        if (message[0] == '\0')
            abort();
    } else {
        pipe_template_render(template, &variables, &event, &out);
        if (pipe_template_is_json(template) &&
            mr_json_parse(&arena, mr_buf_slice(&out), MR_JSON_DEPTH_MAX) == NULL)
            abort();
    }
    mr_buf_fini(&out);
    mr_arena_fini(&arena);
    return 0;
}
