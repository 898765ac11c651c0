/* The audit, step by step. */
#include "verify/verify.h"
#include "verify/internal.h"
#include "item/item.h"
#include <stdlib.h>

void verify_name_event(struct verify *verify, const struct verify_event *event,
                       struct mr_arena *arena, struct verify_finding *finding)
{
    const struct verify_event *of = event;
    if (event->origin != 0 && verify_event_at(verify, event->origin) != NULL)
        of = verify_event_at(verify, event->origin);
    struct journal_cursor cursor;
    struct journal_op op;
    struct streams_change change;
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    finding->sequence = of->position;
    if (verify_op_at(verify, of->window, of->position, &cursor, &op) == MR_OK) {
        if ((of->flags & EVENT_CHANGE) && streams_change_read(&op, &change))
            item_json(&json, change.keys);
        else
            mr_json_string(&json, op.key);
        finding->item = mr_arena_copy(arena, mr_buf_slice(&text));
    }
    journal_cursor_fini(&cursor);
    mr_buf_fini(&text);
}

/* While it lasts the journal keeps what is being read. */
static int64_t floor_of(void *ctx)
{
    const struct verify *verify = ctx;
    return verify->from;
}

static void write_stages(struct verify *verify)
{
    struct mr_json json = mr_json_make(&verify->report.stages);
    for (size_t i = 0; i < verify->pipe_count; i++) {
        const struct verify_pipe *pipe = &verify->pipes[i];
        json.need_comma = i > 0;
        mr_json_object(&json);
        mr_json_key_cstr(&json, "pipe", pipe->name);
        mr_json_key_int(&json, "due", (int64_t)pipe->due);
        mr_json_key_int(&json, "carried", (int64_t)pipe->carried);
        mr_json_key_int(&json, "filtered", (int64_t)pipe->filtered);
        mr_json_key_int(&json, "given_up", (int64_t)pipe->given);
        mr_json_key_int(&json, "unproven", (int64_t)pipe->unproven);
        mr_json_object_end(&json);
    }
    for (size_t i = 0; i < verify->delivery_count; i++) {
        const struct verify_delivery *delivery = &verify->deliveries[i];
        json.need_comma = i + verify->pipe_count > 0;
        mr_json_object(&json);
        mr_json_key_cstr(&json, "delivery", delivery->name);
        mr_json_key_int(&json, "due", (int64_t)delivery->due);
        mr_json_key_int(&json, "landed", (int64_t)delivery->landed);
        mr_json_key_int(&json, "failed", (int64_t)delivery->failed);
        mr_json_key_int(&json, "dropped", (int64_t)(delivery->dropped.len / 8));
        mr_json_key_int(&json, "pending", (int64_t)delivery->pending);
        mr_json_key_int(&json, "unproven", (int64_t)delivery->unproven);
        mr_json_key_int(&json, "objects", (int64_t)delivery->objects);
        mr_json_key_int(&json, "lines", (int64_t)delivery->lines);
        mr_json_object_end(&json);
    }
}

static enum mr_status run(struct verify *verify)
{
    enum mr_status status = verify_config_read(verify);
    if (status == MR_OK)
        status = verify_walk(verify);
    if (status == MR_OK)
        status = verify_bodies(verify);
    if (status == MR_OK)
        status = verify_state(verify);
    for (size_t i = 0; i < verify->pipe_count && status == MR_OK; i++)
        status = verify_judge_pipe(verify, i);
    for (size_t i = 0; i < verify->delivery_count && status == MR_OK; i++)
        status = verify_judge_delivery(verify, i);
    return status;
}

enum mr_status verify_run(const struct verify_options *options, struct mr_buf *report,
                          uint64_t *ret_found)
{
    struct verify verify = {.options = *options};
    struct store *store = options->store;
    struct journal *journal = store_journal(store);
    mr_arena_init(&verify.arena);
    verify.from = INT64_MAX;
    const int64_t cleared = view_cleared(store_view(store));
    const int64_t first = journal_first(journal);
    verify.from = first > cleared ? first : cleared;
    store_floor_register(store, "an audit", floor_of, &verify);
    const int64_t kept = journal_first(journal);
    verify.from = kept > verify.from ? kept : verify.from;
    verify.snapshot = store_snapshot(store, &verify.until);
    enum mr_status status = store_wait(store, verify.until);
    if (status == MR_OK)
        status = run(&verify);
    store_floor_unregister(store, &verify);
    if (status == MR_OK) {
        write_stages(&verify);
        *ret_found = verify_report_write(&verify.report, verify.from, verify.until, report);
    }
    verify_config_fini(&verify);
    view_snapshot_free(verify.snapshot);
    verify_report_fini(&verify.report);
    mr_map_fini(&verify.damaged);
    free(verify.events);
    free(verify.pieces);
    free(verify.origins);
    free(verify.objects);
    mr_arena_fini(&verify.arena);
    return status;
}

/* ---- the files alone ---- */

static enum mr_status pass_over(void *ctx, const struct journal_op *ops, size_t count)
{
    (void)ctx;
    (void)ops;
    (void)count;
    return MR_OK;
}

static void tell_damage(void *ctx, const struct journal_damage *damage)
{
    struct verify_finding finding = verify_finding_none;
    finding.kind = VERIFY_JOURNAL;
    finding.file = damage->file;
    finding.offset = (int64_t)damage->offset;
    finding.position = damage->position;
    verify_find(ctx, &finding, "the journal is damaged: %s (%llu bytes)", damage->what,
                (unsigned long long)damage->bytes);
}

enum mr_status verify_journal(const char *folder, struct mr_buf *report, uint64_t *ret_found)
{
    struct verify_report found = {0};
    struct mr_buf path = {0};
    mr_buf_printf(&path, "%s/journal", folder);
    mr_buf_byte(&path, '\0');
    struct journal_scan scan = {.folder = path.data,
                                .until = INT64_MAX,
                                .on_entry = pass_over,
                                .on_damage = tell_damage,
                                .ctx = &found};
    const enum mr_status status = journal_scan_run(&scan);
    verify_remark(&found, "the data folder cannot be opened, so that only the journal's files "
                          "were looked at");
    if (status == MR_OK)
        *ret_found = verify_report_write(&found, scan.first, -1, report);
    verify_report_fini(&found);
    mr_buf_fini(&path);
    return status;
}
