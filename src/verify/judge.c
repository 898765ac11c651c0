/* A delivery stream's records against the objects that it landed: each must be in one of them,
 * once.
 *
 * A piece of an object belongs to a record when it has the same bytes as a piece of that record, or
 * else when it holds the record's sequence number or that of the change which the record carries.
 * Objects of which no piece can be told (a function kept no sequence number) are opaque: of them
 * only their number of records, as it was noted when they landed, can be held against what else is
 * missing. */
#include "verify/internal.h"
#include "base/codec.h"
#include "verify/unpack.h"
#include <stdlib.h>

static const uint32_t NOWHERE = UINT32_MAX;

struct place {
    uint32_t object, piece;
};
struct judging {
    struct verify *verify;
    struct verify_delivery *delivery;
    struct mr_arena arena; /* of an object */
    uint8_t *count;        /* by event: how often it landed, here and below; owned */
    uint8_t *failed;
    struct place *places;
    uint32_t *hints; /* by piece of verify->pieces: where its like are still free */
    bool precise;    /* all of its records are in memory */
    uint64_t budget; /* records that may be in opaque or deleted objects */
    uint64_t gone;   /* objects */
    /* of the object that is being read */
    uint32_t object;
    const struct verify_object *it;
    uint32_t piece;
    uint64_t pieces, known;
    int64_t offset;
    uint32_t before; /* the event of the piece before */
};

static bool is_ours(const struct judging *judging, uint32_t event)
{
    return verify_stretches_have(&judging->delivery->source, &judging->verify->events[event]);
}

/* ---- a piece's record ---- */

static void tell_piece(struct judging *judging, enum verify_kind kind, uint32_t event)
{
    struct verify *verify = judging->verify;
    struct verify_finding finding = verify_finding_none;
    finding.kind = kind;
    finding.delivery = judging->delivery->name;
    finding.object = verify_object_text(&judging->arena, judging->it->stored);
    finding.line = judging->piece + 1;
    finding.offset = judging->offset;
    if (event == NOWHERE) {
        verify_find(&verify->report, &finding, "the line comes of no record");
        return;
    }
    verify_name_event(verify, &verify->events[event], &judging->arena, &finding);
    const struct place *first = &judging->places[event];
    if (first->object == judging->object)
        verify_find(&verify->report, &finding, "it is in the object twice, first in line %u",
                    first->piece + 1);
    else
        verify_find(
            &verify->report, &finding, "it landed before, in line %u of %.*s", first->piece + 1,
            MR_ARG(verify_object_text(&judging->arena, verify->objects[first->object].stored)));
}

/* A function may make several lines of one record: they follow each other, and are more than the
 * records that were noted. */
static bool is_further_line(const struct judging *judging, uint32_t event)
{
    return judging->before == event && judging->it->records >= 0 &&
           (uint64_t)judging->it->records != judging->pieces &&
           mr_map_get(&judging->verify->damaged, judging->it->stored) == NULL;
}

static void land_event(struct judging *judging, uint32_t event)
{
    if (judging->it->kind == VERIFY_FAILED) {
        judging->failed[event] = 1;
        return;
    }
    if (judging->count[event] > 0 && is_further_line(judging, event))
        return;
    judging->before = event;
    if (judging->count[event] < UINT8_MAX)
        judging->count[event]++;
    if (judging->count[event] > 1)
        tell_piece(judging, VERIFY_DOUBLED, event);
    else
        judging->places[event] = (struct place){judging->object, judging->piece};
}

static bool match_bytes(struct judging *judging, struct mr_slice piece)
{
    const struct verify *verify = judging->verify;
    const uint64_t hash = mr_slice_hash(piece);
    size_t low = 0, high = verify->piece_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (verify->pieces[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t last = NOWHERE;
    bool known = false;
    size_t at = low;
    if (low < verify->piece_count && verify->pieces[low].hash == hash)
        at += judging->hints[low];
    for (; at < verify->piece_count && verify->pieces[at].hash == hash; at++) {
        const struct verify_piece *it = &verify->pieces[at];
        if (!is_ours(judging, it->event))
            continue;
        known = true;
        if (!it->first)
            continue;
        last = it->event;
        if (judging->count[last] == 0)
            break;
    }
    if (last != NOWHERE) {
        judging->hints[low] =
            (uint32_t)((at < verify->piece_count && verify->pieces[at].hash == hash ? at : at - 1) -
                       low);
        if (judging->count[last] == 0 || !(verify->events[last].flags & EVENT_PACKED))
            land_event(judging, last);
    }
    return known;
}

/* One that stands for this position and has not landed, else any. */
static uint32_t event_of(const struct judging *judging, int64_t position)
{
    const struct verify *verify = judging->verify;
    uint32_t found = NOWHERE;
    for (size_t i = verify_origin_first(verify, position);
         i < verify->origin_count && verify->origins[i].origin == position; i++) {
        const uint32_t event = verify->origins[i].event;
        if (!is_ours(judging, event))
            continue;
        found = event;
        if (judging->count[event] == 0)
            return found;
    }
    const struct verify_event *own = verify_event_at(verify, position);
    if (found == NOWHERE && own != NULL && is_ours(judging, (uint32_t)(own - verify->events)))
        found = (uint32_t)(own - verify->events);
    return found;
}

static bool match_numbers(struct judging *judging, struct mr_slice piece)
{
    int64_t position, seen[8];
    size_t count = 0;
    bool known = false;
    while (count < MR_COUNT(seen) && verify_token_next(&piece, &position)) {
        bool again = false;
        for (size_t i = 0; i < count; i++)
            again = again || seen[i] == position;
        if (again)
            continue;
        seen[count++] = position;
        const uint32_t event = event_of(judging, position);
        if (event == NOWHERE)
            continue;
        known = true;
        land_event(judging, event);
    }
    return known;
}

/* The error output has the record as rawData. */
static struct mr_slice raw_of(struct judging *judging, struct mr_slice piece)
{
    struct mr_slice raw;
    yyjson_val *line = mr_json_parse(&judging->arena, piece, 16);
    if (line == NULL ||
        mr_base64_decode(&judging->arena, mr_json_get_text(line, "rawData"), &raw) != MR_OK)
        return piece;
    return raw;
}

static void judge_piece(struct judging *judging, struct mr_slice piece)
{
    bool known = false;
    struct mr_slice rest = piece;
    if (judging->it->kind == VERIFY_FAILED)
        rest = raw_of(judging, piece);
    struct mr_slice inner;
    if (judging->it->kind != VERIFY_FAILED)
        known = match_bytes(judging, piece);
    else
        while (verify_piece_next(&rest, &inner))
            known = match_bytes(judging, inner) || known;
    if (!known)
        known = match_numbers(judging,
                              judging->it->kind == VERIFY_FAILED ? raw_of(judging, piece) : piece);
    judging->known += known;
}

/* ---- an object ---- */

static uint64_t count_pieces(struct mr_slice text)
{
    struct mr_slice piece;
    uint64_t count = 0;
    while (verify_piece_next(&text, &piece))
        count++;
    return count;
}

static bool is_known(struct judging *judging, struct mr_slice piece)
{
    const uint64_t before = judging->known;
    judge_piece(judging, piece);
    return judging->known > before;
}

static void judge_text(struct judging *judging, struct mr_slice text)
{
    struct mr_slice rest = text, piece;
    struct mr_buf unknown = {0}; /* piece and offset, u64 each */
    const bool damaged = mr_map_get(&judging->verify->damaged, judging->it->stored) != NULL;
    judging->pieces = count_pieces(text);
    judging->known = 0;
    judging->before = NOWHERE;
    for (judging->piece = 0; verify_piece_next(&rest, &piece); judging->piece++) {
        judging->offset = piece.ptr - text.ptr;
        if (is_known(judging, piece))
            continue;
        mr_buf_u64(&unknown, judging->piece);
        mr_buf_u64(&unknown, (uint64_t)judging->offset);
    }
    const bool opaque = judging->known == 0 && !damaged && judging->pieces > 0;
    if (opaque)
        judging->budget +=
            judging->it->records < 0 ? judging->pieces : (uint64_t)judging->it->records;
    struct mr_reader reader = mr_reader_make(mr_buf_slice(&unknown));
    while (!opaque && judging->precise && reader.next < reader.end) {
        judging->piece = (uint32_t)mr_read_u64(&reader);
        judging->offset = (int64_t)mr_read_u64(&reader);
        tell_piece(judging, VERIFY_UNKNOWN, NOWHERE);
    }
    mr_buf_fini(&unknown);
    judging->delivery->lines += judging->pieces;
}

static enum mr_status judge_body(struct judging *judging, const struct s3_meta *meta)
{
    struct verify_body body;
    struct mr_buf plain = {0};
    struct mr_slice text;
    int64_t rows;
    enum mr_status status = verify_body_open(judging->verify, meta, &body);
    if (status == MR_OK && verify_unpack(body.bytes, meta->headers[S3_CONTENT_ENCODING], &plain,
                                         &text, &rows) == MR_OK) {
        if (rows > 0 && text.len == 0)
            judging->budget += (uint64_t)rows; /* Parquet without a column of sequence numbers */
        judge_text(judging, text);
    }
    mr_buf_fini(&plain);
    verify_body_close(&body);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

static enum mr_status judge_object(struct judging *judging, uint32_t index)
{
    struct verify *verify = judging->verify;
    struct verify_object *it = &verify->objects[index];
    struct mr_buf record = {0};
    struct s3_meta meta;
    judging->object = index;
    judging->it = it;
    enum mr_status status = verify_get(verify, VIEW_OBJECT, it->stored, &record);
    const bool same = status == MR_OK && s3_meta_decode(mr_buf_slice(&record), &meta) == MR_OK &&
                      memcmp(&meta.body, &it->body, sizeof meta.body) == 0;
    judging->delivery->objects++;
    if (same) {
        status = judge_body(judging, &meta);
    } else if (status == MR_OK || status == MR_NOT_FOUND) { /* deleted or replaced since */
        status = MR_OK;
        judging->gone++;
        judging->budget += it->records < 0 ? 0 : (uint64_t)it->records;
    }
    mr_buf_fini(&record);
    mr_arena_reset(&judging->arena);
    return status;
}

/* ---- what is missing ---- */

static bool is_missing(const struct judging *judging, uint32_t index)
{
    const struct verify_event *event = &judging->verify->events[index];
    return judging->count[index] == 0 && judging->failed[index] == 0 &&
           !(event->flags & EVENT_EMPTY) &&
           !verify_positions_have(&judging->delivery->dropped, event->position) &&
           verify_stretch_is_due(&judging->delivery->source, event);
}

static uint64_t count_records(struct judging *judging)
{
    struct verify_delivery *delivery = judging->delivery;
    uint64_t missing = 0;
    for (uint32_t i = 0; i < judging->verify->event_count; i++) {
        const struct verify_event *event = &judging->verify->events[i];
        if (!is_ours(judging, i))
            continue;
        const bool due = verify_stretch_is_due(&delivery->source, event);
        delivery->due += due;
        delivery->landed += judging->count[i] > 0;
        delivery->failed += judging->failed[i];
        delivery->pending +=
            !due && judging->count[i] == 0 && judging->failed[i] == 0 && event->position >= 0;
        missing += is_missing(judging, i);
    }
    return missing;
}

static void tell_missing(struct judging *judging, uint64_t missing)
{
    struct verify *verify = judging->verify;
    const char *doubt = judging->budget == 0 ? ""
                                             : "; some of these may be in objects that "
                                               "cannot be told apart";
    if (missing <= judging->budget) {
        judging->delivery->unproven = missing;
        return;
    }
    for (uint32_t i = 0; i < verify->event_count; i++) {
        if (!is_ours(judging, i) || !is_missing(judging, i))
            continue;
        struct verify_finding finding = verify_finding_none;
        finding.kind = VERIFY_MISSING;
        finding.delivery = judging->delivery->name;
        verify_name_event(verify, &verify->events[i], &judging->arena, &finding);
        verify_find(&verify->report, &finding,
                    "no object holds it, though the delivery stream is done with it%s", doubt);
        mr_arena_reset(&judging->arena);
    }
}

/* ---- order ---- */

static const struct verify_event *sorting; /* one audit at a time; see verify_run's callers */

static int by_item(const void *a, const void *b)
{
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct verify_event *left = &sorting[i], *right = &sorting[j];
    if (left->item != right->item)
        return left->item < right->item ? -1 : 1;
    if (left->window != right->window)
        return left->window < right->window ? -1 : 1;
    return i < j ? -1 : i > j;
}

static struct mr_slice folder_of(struct mr_slice stored)
{
    while (stored.len > 0 && stored.ptr[stored.len - 1] != '/')
        stored.len--;
    return stored;
}

/* `later` is a later change of the same item than `earlier`. */
static bool is_swapped(const struct judging *judging, uint32_t earlier, uint32_t later)
{
    const struct verify *verify = judging->verify;
    const struct place *a = &judging->places[earlier], *b = &judging->places[later];
    if (a->object == b->object)
        return a->piece > b->piece;
    const struct verify_object *one = &verify->objects[a->object];
    const struct verify_object *two = &verify->objects[b->object];
    if (judging->delivery->partitioned &&
        !mr_slice_equal(folder_of(one->stored), folder_of(two->stored)))
        return false; /* partitions land each when it is due */
    return one->landed > two->landed;
}

static void check_order(struct judging *judging)
{
    struct verify *verify = judging->verify;
    uint32_t *list = mr_malloc((verify->event_count + 1) * sizeof *list);
    size_t count = 0;
    for (uint32_t i = 0; i < verify->event_count; i++)
        if (judging->count[i] > 0)
            list[count++] = i;
    sorting = verify->events;
    if (count > 0)
        qsort(list, count, sizeof *list, by_item);
    for (size_t i = 1; i < count; i++) {
        const struct verify_event *before = &verify->events[list[i - 1]];
        const struct verify_event *after = &verify->events[list[i]];
        if (before->item != after->item || before->window != after->window ||
            !is_swapped(judging, list[i - 1], list[i]))
            continue;
        const struct place *place = &judging->places[list[i]];
        struct verify_finding finding = verify_finding_none;
        finding.kind = VERIFY_ORDER;
        finding.delivery = judging->delivery->name;
        finding.object = verify_object_text(&judging->arena, verify->objects[place->object].stored);
        finding.line = place->piece + 1;
        verify_name_event(verify, after, &judging->arena, &finding);
        verify_find(
            &verify->report, &finding,
            "it stands before an older change of its item, which is in line %u of %.*s",
            judging->places[list[i - 1]].piece + 1,
            MR_ARG(verify_object_text(
                &judging->arena, verify->objects[judging->places[list[i - 1]].object].stored)));
        mr_arena_reset(&judging->arena);
    }
    free(list);
}

/* ---- all of it ---- */

static bool is_precise(const struct judging *judging)
{
    const struct verify *verify = judging->verify;
    if (verify->audited > verify->from)
        return false;
    for (size_t i = 0; i < judging->delivery->source.count; i++) {
        const struct verify_stretch *it = &judging->delivery->source.list[i];
        if (it->upto >= 0 && (it->start < 0 || !it->made))
            return false;
    }
    return true;
}

static void tell_doubts(const struct judging *judging)
{
    struct verify_report *report = &judging->verify->report;
    const struct verify_delivery *delivery = judging->delivery;
    if (delivery->unproven > 0)
        verify_remark(report,
                      "delivery stream %s: of %llu records only their number was compared: their "
                      "objects were deleted or hold no sequence number",
                      delivery->name, (unsigned long long)delivery->unproven);
    if (judging->gone > 0)
        verify_remark(report, "delivery stream %s: %llu of its objects were deleted or replaced",
                      delivery->name, (unsigned long long)judging->gone);
}

enum mr_status verify_judge_delivery(struct verify *verify, size_t index)
{
    struct judging judging = {.verify = verify, .delivery = &verify->deliveries[index]};
    struct verify_delivery *delivery = judging.delivery;
    enum mr_status status = MR_OK;
    mr_arena_init(&judging.arena);
    judging.count = mr_calloc(verify->event_count + 1, 1);
    judging.failed = mr_calloc(verify->event_count + 1, 1);
    judging.places = mr_calloc(verify->event_count + 1, sizeof *judging.places);
    judging.hints = mr_calloc(verify->piece_count + 1, sizeof *judging.hints);
    judging.precise = is_precise(&judging);
    verify_positions_sort(&delivery->dropped);
    judging.budget = delivery->dropped_all - delivery->dropped.len / sizeof(int64_t);
    for (uint32_t i = 0; i < verify->object_count && status == MR_OK; i++)
        if (verify->objects[i].delivery == index && verify->objects[i].kind != VERIFY_BACKUP)
            status = judge_object(&judging, i);
    if (status == MR_OK) {
        tell_missing(&judging, count_records(&judging));
        check_order(&judging);
        tell_doubts(&judging);
    }
    free(judging.count);
    free(judging.failed);
    free(judging.places);
    free(judging.hints);
    mr_arena_fini(&judging.arena);
    return status;
}
