/* pipes/template.h: InputTemplate: a text with holes that an event fills.
 *
 * A hole is <$.path> or one of AWS's reserved variables <aws.pipes...>; any other '<' is itself. A
 * template that is JSON once its holes are filled is a JSON template: a hole outside quotes becomes
 * a JSON value (null where the path finds nothing), one inside quotes the escaped text of it
 * (nothing where there is none). Any other template is a text: its holes become plain text.
 * Compiled once; rendering is bounded by the template's size times that of what its holes name. */
#pragma once
#include "pipes/path.h"

enum {
    PIPE_TEMPLATE_CHARACTERS_MAX = 8192, /* AWS; the model checks it */
    PIPE_TEMPLATE_DEPTH_MAX = 256,       /* of a JSON template; a deeper one is a text */
    PIPE_MESSAGE_MAX = 256,
};

/* What reserved variables stand for. */
struct pipe_variables {
    struct mr_slice pipe_arn, pipe_name, source_arn, enrichment_arn, target_arn;
    int64_t time_ms;
};
/* An event on its way: its JSON text, and what paths see of it (of a Kinesis record `data`
 * decoded). */
struct pipe_event_view {
    struct mr_slice text;
    yyjson_val *root;
};

struct pipe_template;
/* Lives in the arena; `text` is borrowed. MR_INVALID: `message` says which hole is none. */
MR_MUST_USE enum mr_status pipe_template_parse(struct mr_arena *arena, struct mr_slice text,
                                               struct pipe_template **ret_template,
                                               char message[static PIPE_MESSAGE_MAX]);
bool pipe_template_is_json(const struct pipe_template *template);
/* Appends the rendered text: JSON when the template is. */
void pipe_template_render(const struct pipe_template *template,
                          const struct pipe_variables *variables,
                          const struct pipe_event_view *event, struct mr_buf *out);
