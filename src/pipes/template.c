#include "pipes/template.h"
#include "base/clock.h"
#include <stdio.h>

enum hole {
    HOLE_NONE, /* static text */
    HOLE_PATH,
    HOLE_PIPE_ARN,
    HOLE_PIPE_NAME,
    HOLE_SOURCE_ARN,
    HOLE_ENRICHMENT_ARN,
    HOLE_TARGET_ARN,
    HOLE_TIME,
    HOLE_EVENT,
    HOLE_EVENT_JSON,
};

static const struct {
    const char *name;
    enum hole hole;
} reserved[] = {
    {"aws.pipes.pipe-arn", HOLE_PIPE_ARN},     {"aws.pipes.pipe-name", HOLE_PIPE_NAME},
    {"aws.pipes.source-arn", HOLE_SOURCE_ARN}, {"aws.pipes.enrichment-arn", HOLE_ENRICHMENT_ARN},
    {"aws.pipes.target-arn", HOLE_TARGET_ARN}, {"aws.pipes.event.ingestion-time", HOLE_TIME},
    {"aws.pipes.event", HOLE_EVENT},           {"aws.pipes.event.json", HOLE_EVENT_JSON},
};

struct piece {
    enum hole hole;
    bool quoted;          /* the hole lies within a JSON string */
    struct mr_slice text; /* HOLE_NONE */
    struct pipe_path path;
};
struct pipe_template {
    struct piece *pieces;
    size_t count;
    bool json;
};

/* ---- parsing ---- */

/* What stands between '<' and '>'. MR_NOT_FOUND: no hole, so the '<' is itself. */
static enum mr_status parse_hole(struct mr_arena *arena, struct mr_slice inside,
                                 struct piece *piece, char message[static PIPE_MESSAGE_MAX])
{
    if (mr_slice_starts_with(inside, MR_S("$"))) {
        piece->hole = HOLE_PATH;
        if (pipe_path_parse(arena, inside, &piece->path) == MR_OK)
            return MR_OK;
        (void)snprintf(message, PIPE_MESSAGE_MAX,
                       "Invalid InputTemplate: <%.*s> is not a valid path.",
                       (int)(inside.len < 128 ? inside.len : 128), inside.ptr);
        return MR_INVALID;
    }
    if (!mr_slice_starts_with(inside, MR_S("aws.")))
        return MR_NOT_FOUND;
    for (size_t i = 0; i < MR_COUNT(reserved); i++)
        if (mr_slice_equal(inside, mr_slice_cstr(reserved[i].name))) {
            piece->hole = reserved[i].hole;
            return MR_OK;
        }
    (void)snprintf(message, PIPE_MESSAGE_MAX,
                   "Invalid InputTemplate: <%.*s> is not a reserved variable.",
                   (int)(inside.len < 128 ? inside.len : 128), inside.ptr);
    return MR_INVALID;
}

/* Whether a JSON string is open behind `text` when it was before it. */
static bool quote_behind(struct mr_slice text, bool open)
{
    for (size_t i = 0; i < text.len; i++) {
        if (open && text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '"')
            open = !open;
    }
    return open;
}

/* A template is JSON when it is with `null` for each hole outside a string, and a blank for each
 * inside, which ends no escape: what a hole brings must not become part of one. */
static bool would_be_json(const struct pipe_template *template)
{
    struct mr_arena arena = {0};
    struct mr_buf probe = {0};
    for (size_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->hole == HOLE_NONE)
            mr_buf_append(&probe, piece->text);
        else
            mr_buf_append(&probe, piece->quoted ? MR_S(" ") : MR_S("null"));
    }
    const bool json = mr_json_parse(&arena, mr_buf_slice(&probe), PIPE_TEMPLATE_DEPTH_MAX) != NULL;
    mr_buf_fini(&probe);
    mr_arena_fini(&arena);
    return json;
}

static size_t count_of(struct mr_slice text, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == byte;
    return count;
}

enum mr_status pipe_template_parse(struct mr_arena *arena, struct mr_slice text,
                                   struct pipe_template **ret_template,
                                   char message[static PIPE_MESSAGE_MAX])
{
    struct pipe_template *template = MR_NEW(arena, struct pipe_template);
    template->pieces = MR_NEW_ARRAY(arena, struct piece, 2 * count_of(text, '<') + 1);
    size_t from = 0, at = 0;
    bool quoted = false;
    while (at < text.len) {
        const size_t close = mr_slice_find(mr_slice_sub(text, at, SIZE_MAX), '>');
        struct piece hole = {0};
        enum mr_status status = MR_NOT_FOUND;
        if (text.ptr[at] == '<' && close != SIZE_MAX)
            status = parse_hole(arena, mr_slice_sub(text, at + 1, close - 1), &hole, message);
        if (status == MR_INVALID)
            return status;
        if (status == MR_NOT_FOUND) {
            const size_t next = mr_slice_find(mr_slice_sub(text, at + 1, SIZE_MAX), '<');
            at = next == SIZE_MAX ? text.len : at + 1 + next;
            continue;
        }
        const struct mr_slice before = mr_slice_sub(text, from, at - from);
        quoted = quote_behind(before, quoted);
        if (before.len > 0)
            template->pieces[template->count++] = (struct piece){.text = before};
        hole.quoted = quoted;
        template->pieces[template->count++] = hole;
        from = at = at + close + 1;
    }
    if (from < text.len)
        template->pieces[template->count++] =
            (struct piece){.text = mr_slice_sub(text, from, SIZE_MAX)};
    template->json = would_be_json(template);
    *ret_template = template;
    return MR_OK;
}

bool pipe_template_is_json(const struct pipe_template *template)
{
    return template->json;
}

/* ---- rendering ---- */

/* The text of a variable that is one; ptr NULL: it is none. */
static struct mr_slice variable_text(enum hole hole, const struct pipe_variables *variables,
                                     const struct pipe_event_view *event, char scratch[static 32])
{
    switch (hole) {
    case HOLE_PIPE_ARN: return variables->pipe_arn;
    case HOLE_PIPE_NAME: return variables->pipe_name;
    case HOLE_SOURCE_ARN: return variables->source_arn;
    case HOLE_ENRICHMENT_ARN:
        return variables->enrichment_arn.ptr != NULL ? variables->enrichment_arn : MR_S("");
    case HOLE_TARGET_ARN: return variables->target_arn;
    case HOLE_TIME: return mr_date_iso8601(variables->time_ms, scratch);
    case HOLE_EVENT: return event->text;
    default: return (struct mr_slice){0};
    }
}

/* The hole's value as JSON, appended to `json`'s buffer; nothing when it has none. */
static bool write_value(struct mr_json *json, const struct piece *piece,
                        const struct pipe_variables *variables, const struct pipe_event_view *event)
{
    char scratch[32];
    if (piece->hole == HOLE_PATH)
        return pipe_path_write(json, &piece->path, event->root);
    if (piece->hole == HOLE_EVENT_JSON) {
        if (event->root == NULL)
            return false;
        mr_json_value(json, event->root);
        return true;
    }
    mr_json_string(json, variable_text(piece->hole, variables, event, scratch));
    return true;
}

/* Without quotes around it: what is inside a string, the rest as its JSON. `escape`: for the inside
 * of a JSON string. */
static void render_plain(const struct piece *piece, const struct pipe_variables *variables,
                         const struct pipe_event_view *event, bool escape, struct mr_buf *out)
{
    char scratch[32];
    struct mr_slice text = {0};
    struct mr_buf value = {0};
    yyjson_val *found = piece->hole == HOLE_PATH ? pipe_path_get(&piece->path, event->root) : NULL;
    if (yyjson_is_str(found)) {
        text = mr_json_text(found);
    } else if (piece->hole != HOLE_PATH && piece->hole != HOLE_EVENT_JSON) {
        text = variable_text(piece->hole, variables, event, scratch);
    } else if (!yyjson_is_null(found)) {
        struct mr_json json = mr_json_make(&value);
        if (write_value(&json, piece, variables, event))
            text = mr_buf_slice(&value);
    }
    if (escape)
        mr_json_escape(out, text);
    else
        mr_buf_append(out, text);
    mr_buf_fini(&value);
}

void pipe_template_render(const struct pipe_template *template,
                          const struct pipe_variables *variables,
                          const struct pipe_event_view *event, struct mr_buf *out)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->hole == HOLE_NONE) {
            mr_buf_append(out, piece->text);
        } else if (template->json && !piece->quoted) {
            struct mr_json json = mr_json_make(out);
            if (!write_value(&json, piece, variables, event))
                mr_buf_append(out, MR_S("null"));
        } else {
            render_plain(piece, variables, event, template->json, out);
        }
    }
}
