/* A pipe's source against what it put: each change once, or not taken by the filter, or given up.
 */
#include "verify/internal.h"
#include <stdlib.h>

struct judging {
    struct verify *verify;
    struct verify_pipe *pipe;
    uint16_t number; /* of it in events */
    struct mr_arena arena;
    struct streams_stream *table; /* NULL: the source is none, or has gone */
};

static bool is_target(const struct verify_pipe *pipe, uint32_t window)
{
    for (size_t i = 0; i < pipe->target_count; i++)
        if (pipe->targets[i] == window)
            return true;
    return false;
}

/* ---- the filter ---- */

static const char *shard_of(const struct verify_pipe *pipe, const struct verify_event *event)
{
    for (size_t i = 0; i < pipe->source.count; i++) {
        const struct verify_stretch *it = &pipe->source.list[i];
        if (it->window == event->window && event->position >= it->first &&
            event->position < it->end)
            return it->shard;
    }
    return "";
}

/* MR_OK: a filter of the pipe, now or then, does not take it. MR_NOT_FOUND: all do. MR_AGAIN: that
 * cannot be told. */
static enum mr_status filtered(struct judging *judging, const struct verify_event *event)
{
    const struct verify_pipe *pipe = judging->pipe;
    bool any = pipe->config.filter != NULL;
    for (size_t i = 0; i < pipe->filter_count; i++)
        any = any || pipe->filters[i].filter != NULL;
    if (!any)
        return MR_NOT_FOUND;
    struct streams_reader reader = {0};
    struct streams_record record;
    if (judging->table == NULL ||
        streams_reader_open(&reader, judging->verify->options.streams, judging->table,
                            mr_slice_cstr(shard_of(pipe, event)), event->position) != MR_OK)
        return MR_AGAIN;
    enum mr_status status = MR_AGAIN;
    if (streams_reader_next(&reader, &record) == MR_OK && record.position == event->position) {
        struct mr_buf text = {0};
        struct mr_json json = mr_json_make(&text);
        streams_record_json(&json, &record, true);
        yyjson_val *root = mr_json_parse(&judging->arena, mr_buf_slice(&text), EVENT_DEPTH_MAX);
        bool taken = event_filter_takes(pipe->config.filter, root);
        for (size_t i = 0; i < pipe->filter_count; i++)
            taken = taken && event_filter_takes(pipe->filters[i].filter, root);
        status = taken ? MR_NOT_FOUND : MR_OK;
        mr_buf_fini(&text);
    }
    streams_reader_close(&reader);
    mr_arena_reset(&judging->arena);
    return status;
}

/* ---- a change ---- */

static size_t count_carried(const struct judging *judging, int64_t position)
{
    const struct verify *verify = judging->verify;
    size_t count = 0;
    for (size_t i = verify_origin_first(verify, position);
         i < verify->origin_count && verify->origins[i].origin == position; i++) {
        const struct verify_event *event = &verify->events[verify->origins[i].event];
        count += event->pipe == judging->number && is_target(judging->pipe, event->window);
    }
    return count;
}

static void tell(struct judging *judging, const struct verify_event *event, enum verify_kind kind,
                 const char *what)
{
    struct verify_finding finding = verify_finding_none;
    finding.kind = kind;
    finding.pipe = judging->pipe->name;
    verify_name_event(judging->verify, event, &judging->arena, &finding);
    verify_find(&judging->verify->report, &finding, "%s", what);
    mr_arena_reset(&judging->arena);
}

static void judge_event(struct judging *judging, const struct verify_event *event, bool named)
{
    struct verify_pipe *pipe = judging->pipe;
    const size_t carried = count_carried(judging, event->position);
    pipe->due++;
    pipe->carried += carried > 0;
    if (carried > 1 && pipe->config.enrichment.len == 0) /* which may answer with several */
        tell(judging, event, VERIFY_DOUBLED, "the pipe put it more than once");
    if (carried > 0)
        return;
    if (verify_positions_have(&pipe->given_up, event->position)) {
        pipe->given++;
        return;
    }
    const enum mr_status status = filtered(judging, event);
    if (status == MR_OK)
        pipe->filtered++;
    else if (status == MR_AGAIN || !named || pipe->config.enrichment.len > 0)
        pipe->unproven++;
    else
        tell(judging, event, VERIFY_MISSING, "the pipe is done with it and put it nowhere");
}

/* ---- order ---- */

/* Of an item the records must stand in the order of its changes. */
static const struct verify_event *sorting;

static int by_item(const void *a, const void *b)
{
    const struct verify_event *left = &sorting[*(const uint32_t *)a];
    const struct verify_event *right = &sorting[*(const uint32_t *)b];
    if (left->item != right->item)
        return left->item < right->item ? -1 : 1;
    if (left->origin != right->origin)
        return left->origin < right->origin ? -1 : 1;
    return left->position < right->position ? -1 : left->position > right->position;
}

static void check_order(struct judging *judging)
{
    struct verify *verify = judging->verify;
    uint32_t *list = mr_malloc((verify->origin_count + 1) * sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < verify->origin_count; i++) {
        const struct verify_event *event = &verify->events[verify->origins[i].event];
        if (event->pipe == judging->number)
            list[count++] = verify->origins[i].event;
    }
    sorting = verify->events;
    if (count > 0)
        qsort(list, count, sizeof *list, by_item);
    for (size_t i = 1; i < count; i++) {
        const struct verify_event *before = &verify->events[list[i - 1]];
        const struct verify_event *after = &verify->events[list[i]];
        if (before->item == after->item && before->position > after->position)
            tell(judging, after, VERIFY_ORDER,
                 "the pipe put it before an older change of its item");
    }
    free(list);
}

/* ---- all of it ---- */

/* Whether its records tell which change they are of. */
static bool names_changes(const struct judging *judging)
{
    const struct verify *verify = judging->verify;
    for (size_t i = 0; i < verify->origin_count; i++)
        if (verify->events[verify->origins[i].event].pipe == judging->number)
            return true;
    return judging->pipe->config.target_template == NULL;
}

static void judge(struct judging *judging)
{
    const struct verify *verify = judging->verify;
    struct verify_pipe *pipe = judging->pipe;
    const bool named = names_changes(judging);
    verify_positions_sort(&pipe->given_up);
    for (size_t i = 0; i < verify->event_count; i++)
        if (verify_stretch_is_due(&pipe->source, &verify->events[i]))
            judge_event(judging, &verify->events[i], named);
    check_order(judging);
    if (pipe->unproven > 0)
        verify_remark(&judging->verify->report,
                      "pipe %s: of %llu changes it cannot be told what became of them: its "
                      "enrichment may leave them out, its template keeps no sequence number, or "
                      "its source has gone",
                      pipe->name, (unsigned long long)pipe->unproven);
}

enum mr_status verify_judge_pipe(struct verify *verify, size_t index)
{
    struct judging judging = {.verify = verify, .pipe = &verify->pipes[index]};
    judging.number = (uint16_t)(index + 1);
    if (judging.pipe->config.target_kind != PIPE_TARGET_KINESIS &&
        judging.pipe->config.target_kind != PIPE_TARGET_FIREHOSE) {
        verify_remark(&verify->report, "pipe %s: its target keeps nothing that could be compared",
                      verify->pipes[index].name);
        return MR_OK;
    }
    mr_arena_init(&judging.arena);
    if (judging.pipe->config.source_kind == PIPE_SOURCE_TABLE)
        judging.table = streams_find(verify->options.streams, judging.pipe->config.source);
    judge(&judging);
    streams_unref(judging.table);
    mr_arena_fini(&judging.arena);
    return MR_OK;
}
