/* Records: what a change's op holds, read in order and rendered.
 *
 * meta: event (u8), flags (u8; 1: by the service), the item's keys as an encoded item. The new
 * image is the op's value, the old one its old value. */
#include "item/item.h"
#include "streams/internal.h"
#include "base/codec.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { META_BY_SERVICE = 1 };

struct mr_slice streams_meta(struct mr_arena *arena, enum streams_event event, bool by_service,
                             struct mr_slice keys)
{
    char *meta = mr_arena_alloc(arena, keys.len + 2);
    meta[0] = (char)event;
    meta[1] = by_service ? META_BY_SERVICE : 0;
    memcpy(meta + 2, keys.ptr, keys.len);
    return mr_slice_make(meta, keys.len + 2);
}

/* ---- texts ---- */

/* A bijection of 64 bits that leaves no pattern (the finisher of a well-known generator). */
static uint64_t scramble(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void streams_event_id(const struct streams_stream *stream, int64_t position, char ret[static 33])
{
    uint64_t words[2] = {scramble((uint64_t)position ^ stream->id_seed[0]),
                         scramble((uint64_t)position + stream->id_seed[1])};
    mr_hex(words, sizeof(words), ret);
}

void streams_sequence_text(int64_t position, char ret[static 22])
{
    snprintf(ret, 22, "1%020" PRId64, position);
}

enum mr_status streams_sequence_parse(struct mr_slice text, int64_t *ret_position)
{
    if (text.len == 0)
        return MR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return MR_INVALID;
    }
    while (text.len > 21 && text.ptr[0] == '0')
        text = mr_slice_sub(text, 1, text.len);
    if (text.len > 21)
        return MR_INVALID;
    if (text.len < 21 || text.ptr[0] == '0') {
        *ret_position = 0;
        return MR_OK;
    }
    if (text.ptr[0] != '1')
        return MR_INVALID;
    return mr_slice_to_i64(mr_slice_sub(text, 1, 20), ret_position);
}

/* ---- reading ---- */

enum mr_status streams_reader_open(struct streams_reader *reader, struct streams *streams,
                                   struct streams_stream *stream, struct mr_slice shard_id,
                                   int64_t position)
{
    struct streams_shard shard;
    const uint64_t version = atomic_load(&stream->version);
    const enum mr_status status = streams_shard_find(stream, shard_id, &shard);
    if (status != MR_OK)
        return status;
    *reader = (struct streams_reader){.streams = streams,
                                      .stream = streams_ref(stream),
                                      .window = shard.window,
                                      .hash_from = shard.hash_from,
                                      .hash_to = shard.hash_to,
                                      .skip_left = SIZE_MAX,
                                      .version = version,
                                      .end = shard.end};
    assert(shard_id.len < sizeof(reader->shard_id));
    memcpy(reader->shard_id, shard_id.ptr, shard_id.len);
    reader->cursor.position = position > shard.start ? position : shard.start;
    return MR_OK;
}

void streams_reader_close(struct streams_reader *reader)
{
    journal_cursor_fini(&reader->cursor);
    streams_unref(reader->stream);
    *reader = (struct streams_reader){0};
}

static uint64_t image_size(struct mr_slice image)
{
    return image.ptr == NULL ? 0 : item_size(image);
}

bool streams_change_read(const struct journal_op *op, struct streams_change *ret_change)
{
    if (op->meta.len < 8)
        return false;
    *ret_change = (struct streams_change){
        .event = (enum streams_event)op->meta.ptr[0],
        .by_service = (op->meta.ptr[1] & META_BY_SERVICE) != 0,
        .keys = mr_slice_sub(op->meta, 2, op->meta.len),
    };
    if (op->kind == JOURNAL_PUT)
        ret_change->new_image = op->value;
    if (op->has_old)
        ret_change->old_image = op->old;
    return true;
}

static bool record_of(struct streams_stream *stream, const struct journal_op *op,
                      struct streams_record *ret_record)
{
    struct streams_change change;
    enum streams_view view = stream->view;
    if (!streams_change_read(op, &change))
        return false;
    bool wants_new = view == STREAMS_VIEW_NEW_IMAGE || view == STREAMS_VIEW_NEW_AND_OLD_IMAGES;
    *ret_record = (struct streams_record){
        .stream = stream,
        .event = change.event,
        .by_service = change.by_service,
        .position = op->position,
        .time_ms = op->time_ms,
        .keys = change.keys,
    };
    if (wants_new)
        ret_record->new_image = change.new_image;
    if (streams_view_wants_old(view))
        ret_record->old_image = change.old_image;
    ret_record->size_bytes = item_size(ret_record->keys) + image_size(ret_record->new_image) +
                             image_size(ret_record->old_image);
    return true;
}

/* The shard's end as it is now. One that is not known any more has ended: the journal holds nothing
 * of it. */
static int64_t end_now(struct streams_reader *reader)
{
    const uint64_t version = atomic_load(&reader->stream->version);
    struct streams_shard shard;
    if (reader->end != INT64_MAX || reader->version == version)
        return reader->end;
    const struct mr_slice id = mr_slice_cstr(reader->shard_id);
    const bool known = streams_shard_find(reader->stream, id, &shard) == MR_OK;
    reader->version = version;
    reader->end = known ? shard.end : 0;
    return reader->end;
}

/* dynamodb/: a key of an item is its table's number (u32), the hash (u16), the rest. */
static bool is_mine(const struct streams_reader *reader, const struct journal_op *op)
{
    assert(op->key.len >= 6);
    const unsigned hash = (unsigned)(uint8_t)op->key.ptr[4] << 8 | (uint8_t)op->key.ptr[5];
    return hash >= reader->hash_from && hash <= reader->hash_to;
}

enum mr_status streams_reader_next(struct streams_reader *reader, struct streams_record *ret_record)
{
    struct journal *journal = store_journal(reader->streams->store);
    struct journal_op op;
    enum mr_status status = journal_next(journal, reader->window, &reader->cursor, &op);
    while (status == MR_OK && op.position < reader->end && !is_mine(reader, &op)) {
        if (reader->skip_left == 0)
            return MR_AGAIN;
        reader->skip_left--;
        status = journal_next(journal, reader->window, &reader->cursor, &op);
    }
    /* Looked at behind the op: an end is told before any change that it shuts out can be written.
     */
    const int64_t end = end_now(reader);
    if (status == MR_OK && op.position >= end)
        return MR_END;
    if (status == MR_OK && !record_of(reader->stream, &op, ret_record))
        return MR_RAISE(MR_FAIL_DATA, "stream '%s': the change at %" PRId64 " has no meta",
                        reader->stream->arn, op.position);
    if (status == MR_NOT_FOUND) {
        int64_t first = journal_first(journal);
        reader->cursor.position = first > reader->cursor.position ? first : reader->cursor.position;
    }
    if (status != MR_END)
        return status;
    return reader->cursor.position >= end ? MR_END : MR_AGAIN;
}

/* ---- rendering ---- */

static void user_identity_json(struct mr_json *json, bool for_target)
{
    mr_json_key(json, "userIdentity");
    mr_json_object(json);
    mr_json_key_cstr(json, for_target ? "principalId" : "PrincipalId", "dynamodb.amazonaws.com");
    mr_json_key_cstr(json, for_target ? "type" : "Type", "Service");
    mr_json_object_end(json);
}

static void image_json(struct mr_json *json, const char *name, struct mr_slice image)
{
    if (image.ptr == NULL)
        return;
    mr_json_key(json, name);
    item_json(json, image);
}

static void change_json(struct mr_json *json, const struct streams_record *record)
{
    char sequence[22];
    streams_sequence_text(record->position, sequence);
    mr_json_key(json, "dynamodb");
    mr_json_object(json);
    mr_json_key_int(json, "ApproximateCreationDateTime", record->time_ms / 1000);
    image_json(json, "Keys", record->keys);
    image_json(json, "NewImage", record->new_image);
    image_json(json, "OldImage", record->old_image);
    mr_json_key_cstr(json, "SequenceNumber", sequence);
    mr_json_key_int(json, "SizeBytes", (int64_t)record->size_bytes);
    mr_json_key_cstr(json, "StreamViewType", streams_view_name(record->stream->view));
    mr_json_object_end(json);
}

void streams_record_json(struct mr_json *json, const struct streams_record *record, bool for_target)
{
    static const char *const events[] = {"", "INSERT", "MODIFY", "REMOVE"};
    char id[33];
    streams_event_id(record->stream, record->position, id);
    mr_json_object(json);
    mr_json_key_cstr(json, "eventID", id);
    mr_json_key_cstr(json, "eventName", events[record->event]);
    mr_json_key_cstr(json, "eventVersion", "1.1");
    mr_json_key_cstr(json, "eventSource", "aws:dynamodb");
    mr_json_key_cstr(json, "awsRegion", record->stream->region);
    change_json(json, record);
    if (record->by_service)
        user_identity_json(json, for_target);
    if (for_target)
        mr_json_key_cstr(json, "eventSourceARN", record->stream->arn);
    mr_json_object_end(json);
}
