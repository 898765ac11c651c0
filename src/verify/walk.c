/* One pass over the journal's files: changes, records, what landed, and where stages began. */
#include "verify/internal.h"
#include "firehose/buffers.h"
#include "firehose/split.h"
#include <stdlib.h>

struct walking {
    struct verify *verify;
    struct mr_arena arena; /* of an op */
    uint64_t forgotten;    /* events that are older than those kept */
};

static void add_piece(struct verify *verify, struct mr_slice piece, bool first)
{
    if (verify->piece_count == verify->piece_capacity) {
        verify->piece_capacity = verify->piece_capacity == 0 ? 4096 : verify->piece_capacity * 2;
        verify->pieces =
            mr_realloc(verify->pieces, verify->piece_capacity * sizeof *verify->pieces);
    }
    verify->pieces[verify->piece_count++] = (struct verify_piece){
        .hash = mr_slice_hash(piece), .event = (uint32_t)(verify->event_count - 1), .first = first};
}

/* The older half goes. */
static void forget_half(struct walking *walking)
{
    struct verify *verify = walking->verify;
    const size_t gone = verify->event_count / 2;
    memmove(verify->events, verify->events + gone,
            (verify->event_count - gone) * sizeof *verify->events);
    verify->event_count -= gone;
    verify->audited = verify->events[0].position;
    walking->forgotten += gone;
    size_t kept = 0;
    for (size_t i = 0; i < verify->piece_count; i++)
        if (verify->pieces[i].event >= gone) {
            verify->pieces[kept] = verify->pieces[i];
            verify->pieces[kept++].event -= (uint32_t)gone;
        }
    verify->piece_count = kept;
}

static struct verify_event *add_event(struct walking *walking, const struct journal_op *op)
{
    struct verify *verify = walking->verify;
    if (verify->event_count == VERIFY_EVENTS_MAX)
        forget_half(walking);
    if (verify->event_count == verify->event_capacity) {
        verify->event_capacity = verify->event_capacity == 0 ? 4096 : verify->event_capacity * 2;
        verify->events =
            mr_realloc(verify->events, verify->event_capacity * sizeof *verify->events);
    }
    struct verify_event *event = &verify->events[verify->event_count++];
    *event = (struct verify_event){
        .position = op->position, .time_ms = op->time_ms, .window = op->window};
    return event;
}

/* ---- records ---- */

struct taking {
    struct verify *verify;
    const struct journal_op *op;
    int64_t origin;
    size_t pieces;
    bool packed;
};

/* The first sequence number of something that was there before; of a change, its own. */
static int64_t origin_in(struct mr_slice text, int64_t before)
{
    const size_t own = mr_slice_search(text, MR_S("\"SequenceNumber\":\""));
    int64_t position, first = 0;
    struct mr_slice rest = own == SIZE_MAX ? text : mr_slice_sub(text, own, SIZE_MAX);
    while (first == 0 && verify_token_next(&rest, &position))
        first = position < before ? position : 0;
    return first;
}

static void take_piece(void *ctx, const struct split_piece *part)
{
    struct taking *taking = ctx;
    struct mr_slice rest = part->data, piece;
    if (taking->origin == 0)
        taking->origin = origin_in(part->data, taking->op->position);
    while (verify_piece_next(&rest, &piece)) {
        add_piece(taking->verify, piece, taking->packed || taking->pieces == 0);
        taking->pieces++;
    }
}

static void add_record(struct walking *walking, const struct journal_op *op, uint16_t pipe)
{
    const struct mr_slice magic = MR_S("\xf3\x89\x9a\xc2"), gzip = MR_S("\x1f\x8b");
    const struct split_options split = {.aggregated = mr_slice_starts_with(op->value, magic),
                                        .decompress = mr_slice_starts_with(op->value, gzip)};
    struct taking taking = {
        .verify = walking->verify, .op = op, .packed = split.aggregated || split.decompress};
    struct verify_event *event = add_event(walking, op);
    event->pipe = pipe;
    event->item = mr_slice_hash(op->key) ^ op->window;
    split_record(&walking->arena, &split, op->value, op->key, take_piece, &taking);
    if (taking.packed) /* a delivery may leave it as it is */
        take_piece(&taking, &(struct split_piece){.data = op->value});
    event->origin = taking.origin;
    event->flags =
        (uint16_t)((taking.packed ? EVENT_PACKED : 0) | (taking.pieces == 0 ? EVENT_EMPTY : 0));
    mr_arena_reset(&walking->arena);
}

static void add_change(struct walking *walking, const struct journal_op *op)
{
    struct streams_change change;
    if (!streams_change_read(op, &change))
        return;
    struct verify_event *event = add_event(walking, op);
    event->flags = EVENT_CHANGE;
    event->item = mr_slice_hash(change.keys) ^ op->window;
}

/* ---- cursors, notes, objects ---- */

static bool cut_prefix(struct mr_slice *text, const char *prefix)
{
    const struct mr_slice wanted = mr_slice_cstr(prefix);
    if (!mr_slice_starts_with(*text, wanted))
        return false;
    *text = mr_slice_sub(*text, wanted.len, SIZE_MAX);
    return true;
}

static struct verify_pipe *pipe_named(struct verify *verify, struct mr_slice id)
{
    for (size_t i = 0; i < verify->pipe_count; i++)
        if (mr_slice_equal(id, mr_slice_cstr(verify->pipes[i].id)))
            return &verify->pipes[i];
    return NULL;
}

static struct verify_delivery *delivery_named(struct verify *verify, struct mr_slice id)
{
    for (size_t i = 0; i < verify->delivery_count; i++)
        if (mr_slice_equal(id, mr_slice_cstr(verify->deliveries[i].id)))
            return &verify->deliveries[i];
    return NULL;
}

/* Where a stage begins in a shard: what it stored when it was made; the shard's beginning, if that
 * is in the journal; else what it stored first of all that the journal still has. */
static void note_start(const struct verify *verify, struct verify_stretches *stretches,
                       struct mr_slice shard, const struct journal_op *op, bool made)
{
    int64_t position;
    for (size_t i = 0; i < stretches->count && op->value.len == sizeof position; i++) {
        struct verify_stretch *it = &stretches->list[i];
        if (it->start >= 0 || !mr_slice_equal(shard, mr_slice_cstr(it->shard)))
            continue;
        memcpy(&position, op->value.ptr, sizeof position);
        it->made = made || it->first >= verify->from;
        it->start = !made && it->made ? it->first : position;
    }
}

/* What an entry is about. */
struct owner {
    struct verify_pipe *pipe;
    struct verify_delivery *delivery;
    yyjson_val *objects; /* of the note */
};

static void see_cursor(struct verify *verify, const struct journal_op *op, bool made,
                       struct owner *owner)
{
    struct mr_slice rest = op->key, id, shard;
    if (cut_prefix(&rest, "pipe/") && mr_slice_split(&rest, '/', &id)) {
        struct verify_pipe *pipe = pipe_named(verify, id);
        if (pipe == NULL || op->kind != JOURNAL_PUT)
            return;
        owner->pipe = pipe;
        if (mr_slice_split(&rest, '/', &shard))
            note_start(verify, &pipe->source, shard, op, made);
    } else if (cut_prefix(&rest, "firehose/") && mr_slice_split(&rest, '/', &id)) {
        struct verify_delivery *delivery = delivery_named(verify, id);
        if (delivery == NULL || op->kind != JOURNAL_PUT)
            return;
        owner->delivery = delivery;
        note_start(verify, &delivery->source, rest, op, made);
    }
}

static void see_note(struct walking *walking, const struct journal_op *op, struct owner *owner)
{
    struct verify *verify = walking->verify;
    struct mr_slice id = op->key;
    if (cut_prefix(&id, "pipe-given-up/")) {
        struct verify_pipe *pipe = pipe_named(verify, id);
        if (pipe != NULL)
            mr_buf_append(&pipe->given_up, op->value);
    } else if (cut_prefix(&id, "firehose-dropped/")) {
        struct verify_delivery *delivery = delivery_named(verify, id);
        struct mark_set marks = {0};
        if (delivery != NULL && mark_set_read(&marks, op->value) == MR_OK)
            for (size_t i = 0; i < marks.count; i++)
                mr_buf_u64(&delivery->dropped, (uint64_t)marks.marks[i].position);
        mark_set_fini(&marks);
    } else if (cut_prefix(&id, "firehose/")) {
        struct verify_delivery *delivery = delivery_named(verify, id);
        if (delivery == NULL)
            return;
        owner->delivery = delivery;
        yyjson_val *note = mr_json_parse(&walking->arena, op->value, 8);
        owner->objects = mr_json_get(note, "objects");
        delivery->dropped_all += (uint64_t)mr_json_get_i64(note, "dropped", 0);
    }
}

static yyjson_val *note_of(yyjson_val *objects, struct mr_slice stored)
{
    size_t index, max;
    yyjson_val *it;
    yyjson_arr_foreach(objects, index, max, it)
    {
        const struct mr_slice bucket = mr_json_get_text(it, "bucket");
        if (stored.len > bucket.len && mr_slice_starts_with(stored, bucket) &&
            mr_slice_equal(mr_slice_sub(stored, bucket.len + 1, SIZE_MAX),
                           mr_json_get_text(it, "key")))
            return it;
    }
    return NULL;
}

static void add_object(struct verify *verify, const struct journal_op *op,
                       const struct owner *owner)
{
    struct s3_meta meta;
    if (s3_meta_decode(op->value, &meta) != MR_OK)
        return;
    if (verify->object_count == verify->object_capacity) {
        verify->object_capacity = verify->object_capacity == 0 ? 256 : verify->object_capacity * 2;
        verify->objects =
            mr_realloc(verify->objects, verify->object_capacity * sizeof *verify->objects);
    }
    yyjson_val *note = note_of(owner->objects, op->key);
    const struct mr_slice kind = mr_json_get_text(note, "kind");
    verify->objects[verify->object_count++] = (struct verify_object){
        .stored = mr_arena_copy(&verify->arena, op->key),
        .body = meta.body,
        .landed = op->position,
        .delivery = (uint32_t)(owner->delivery - verify->deliveries),
        .kind = mr_slice_equal(kind, MR_S("failed"))   ? VERIFY_FAILED
                : mr_slice_equal(kind, MR_S("backup")) ? VERIFY_BACKUP
                                                       : VERIFY_DATA,
        .records = mr_json_get_i64(note, "records", -1),
    };
}

static void see_document(struct walking *walking, const struct journal_op *op)
{
    struct verify *verify = walking->verify;
    char message[EVENT_MESSAGE_MAX];
    yyjson_val *doc = mr_json_parse(&walking->arena, op->value, 40);
    struct verify_pipe *pipe = pipe_named(verify, mr_json_get_text(doc, "id"));
    if (pipe == NULL)
        return;
    struct event_filter *filter = NULL;
    yyjson_val *criteria =
        mr_json_get(mr_json_get(mr_json_get(doc, "pipe"), "SourceParameters"), "FilterCriteria");
    if (criteria != NULL && event_filter_new(criteria, &filter, message) != MR_OK)
        return;
    pipe->filters = mr_realloc(pipe->filters, (pipe->filter_count + 1) * sizeof *pipe->filters);
    pipe->filters[pipe->filter_count++] =
        (struct verify_filter){.position = op->position, .filter = filter};
}

/* ---- entries ---- */

static bool is_document(const struct journal_op *op, const char *prefix)
{
    return op->kind == JOURNAL_PUT && op->space == VIEW_META && op->window == 0 &&
           mr_slice_starts_with(op->key, mr_slice_cstr(prefix));
}

static struct owner see_owner(struct walking *walking, const struct journal_op *ops, size_t count)
{
    struct owner owner = {0};
    bool made = false;
    for (size_t i = 0; i < count; i++) {
        made =
            made || is_document(&ops[i], "pipes/pipe/") || is_document(&ops[i], "firehose/stream/");
        if (is_document(&ops[i], "pipes/pipe/"))
            see_document(walking, &ops[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == JOURNAL_NOTE)
            see_note(walking, &ops[i], &owner);
        else if (ops[i].space == VIEW_CURSOR && ops[i].kind != JOURNAL_APPEND)
            see_cursor(walking->verify, &ops[i], made, &owner);
    }
    return owner;
}

static enum mr_status on_entry(void *ctx, const struct journal_op *ops, size_t count)
{
    struct walking *walking = ctx;
    struct verify *verify = walking->verify;
    const struct owner owner = see_owner(walking, ops, count);
    for (size_t i = 0; i < count; i++)
        if (owner.delivery != NULL && ops[i].kind == JOURNAL_PUT && ops[i].space == VIEW_OBJECT &&
            ops[i].key.len > 0 && ops[i].key.ptr[0] > 4)
            add_object(verify, &ops[i], &owner);
    mr_arena_reset(&walking->arena);
    for (size_t i = 0; i < count; i++) {
        const struct journal_op *op = &ops[i];
        verify->ops += op->kind == JOURNAL_PUT || op->kind == JOURNAL_DELETE;
        if (op->window == 0 || op->window >= verify->window_count)
            continue;
        const uint8_t wanted = verify->wanted[op->window];
        if (op->kind == JOURNAL_APPEND && wanted == VERIFY_READ)
            add_record(walking, op,
                       owner.pipe == NULL ? 0 : (uint16_t)(owner.pipe - verify->pipes + 1));
        else if (wanted & VERIFY_TABLE)
            add_change(walking, op);
    }
    return MR_OK;
}

static void on_damage(void *ctx, const struct journal_damage *damage)
{
    struct walking *walking = ctx;
    struct verify_finding finding = verify_finding_none;
    finding.kind = VERIFY_JOURNAL;
    finding.file = damage->file;
    finding.offset = (int64_t)damage->offset;
    finding.position = damage->position;
    verify_find(&walking->verify->report, &finding, "the journal is damaged: %s (%llu bytes)",
                damage->what, (unsigned long long)damage->bytes);
}

/* ---- finding again ---- */

static int by_hash(const void *a, const void *b)
{
    const struct verify_piece *left = a, *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return left->event < right->event ? -1 : left->event > right->event;
}

static int by_origin(const void *a, const void *b)
{
    const struct verify_origin *left = a, *right = b;
    if (left->origin != right->origin)
        return left->origin < right->origin ? -1 : 1;
    return left->event < right->event ? -1 : left->event > right->event;
}

/* An item's own hash, wherever its records go. */
static void settle(struct verify *verify)
{
    verify->origins =
        mr_realloc(verify->origins, (verify->event_count + 1) * sizeof *verify->origins);
    for (size_t i = 0; i < verify->event_count; i++) {
        struct verify_event *event = &verify->events[i];
        const struct verify_event *of =
            event->origin == 0 ? NULL : verify_event_at(verify, event->origin);
        if (of == NULL) /* it names something that we do not know */
            event->origin = 0;
        else
            event->item = of->item;
        if (of != NULL)
            verify->origins[verify->origin_count++] =
                (struct verify_origin){event->origin, (uint32_t)i};
    }
    if (verify->origin_count > 0)
        qsort(verify->origins, verify->origin_count, sizeof *verify->origins, by_origin);
    if (verify->piece_count > 0)
        qsort(verify->pieces, verify->piece_count, sizeof *verify->pieces, by_hash);
}

enum mr_status verify_walk(struct verify *verify)
{
    struct walking walking = {.verify = verify};
    struct mr_buf folder = {0};
    mr_arena_init(&walking.arena);
    mr_buf_printf(&folder, "%s/journal", store_folder(verify->options.store));
    mr_buf_byte(&folder, '\0');
    struct journal_scan scan = {.folder = folder.data,
                                .from = verify->from,
                                .until = verify->until,
                                .on_entry = on_entry,
                                .on_damage = on_damage,
                                .ctx = &walking};
    const enum mr_status status = journal_scan_run(&scan);
    if (status == MR_OK)
        settle(verify);
    if (walking.forgotten > 0)
        verify_remark(&verify->report,
                      "%llu changes and records are older than the %d that are audited at a time: "
                      "of them only bodies and state were looked at",
                      (unsigned long long)walking.forgotten, VERIFY_EVENTS_MAX);
    mr_buf_fini(&folder);
    mr_arena_fini(&walking.arena);
    return status;
}

const struct verify_event *verify_event_at(const struct verify *verify, int64_t position)
{
    size_t low = 0, high = verify->event_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (verify->events[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low < verify->event_count && verify->events[low].position == position
               ? &verify->events[low]
               : NULL;
}

size_t verify_origin_first(const struct verify *verify, int64_t origin)
{
    size_t low = 0, high = verify->origin_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (verify->origins[middle].origin < origin)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum mr_status verify_op_at(const struct verify *verify, uint32_t window, int64_t position,
                            struct journal_cursor *cursor, struct journal_op *ret_op)
{
    *cursor = (struct journal_cursor){.position = position};
    const enum mr_status status =
        journal_next(store_journal(verify->options.store), window, cursor, ret_op);
    return status == MR_OK && ret_op->position == position ? MR_OK : MR_NOT_FOUND;
}
