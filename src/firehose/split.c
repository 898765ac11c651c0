/* The KPL's form: F3 89 9A C2, a protocol buffer, its MD5.
 *   AggregatedRecord: 1 partition_key_table (strings), 2 explicit_hash_key_table (strings),
 *                     3 records: 1 partition_key_index, 2 explicit_hash_key_index, 3 data, 4 tags
 */
#include "firehose/split.h"
#include "base/codec.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, KEYS_MAX = 100000, LOG_DEPTH_MAX = 64 };

struct splitting {
    struct mr_arena *arena;
    const struct split_options *options;
    void (*fn)(void *ctx, const struct split_piece *piece);
    void *ctx;
};

static void give(const struct splitting *s, struct split_piece piece, struct mr_slice data)
{
    piece.data = data;
    if (!s->options->decompress)
        piece.original = data;
    s->fn(s->ctx, &piece);
}

/* ---- RecordDeAggregation ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Values one behind the other, blanks between them or not; what is none goes as one piece. */
static void split_json(const struct splitting *s, struct split_piece piece)
{
    struct mr_slice rest = piece.data;
    bool given = false;
    for (;;) {
        while (rest.len > 0 && is_blank(rest.ptr[0]))
            rest = mr_slice_sub(rest, 1, SIZE_MAX);
        if (rest.len == 0)
            break;
        const yyjson_read_flag flags = YYJSON_READ_STOP_WHEN_DONE | YYJSON_READ_NUMBER_AS_RAW;
        yyjson_doc *doc =
            yyjson_read_opts((char *)(uintptr_t)rest.ptr, rest.len, flags, NULL, NULL);
        const size_t len = doc == NULL ? rest.len : yyjson_doc_get_read_size(doc);
        yyjson_doc_free(doc);
        give(s, piece, mr_slice_sub(rest, 0, len));
        rest = mr_slice_sub(rest, len, SIZE_MAX);
        given = true;
    }
    if (!given)
        give(s, piece, piece.data);
}

static void split_delimited(const struct splitting *s, struct split_piece piece)
{
    struct mr_slice rest = piece.data;
    const struct mr_slice delimiter = s->options->delimiter;
    while (rest.len > 0) {
        const size_t at = mr_slice_search(rest, delimiter);
        const struct mr_slice part = mr_slice_sub(rest, 0, at);
        if (part.len > 0)
            give(s, piece, part);
        rest = at == SIZE_MAX ? MR_S("") : mr_slice_sub(rest, at + delimiter.len, SIZE_MAX);
    }
}

static void split_plain(const struct splitting *s, struct split_piece piece)
{
    switch (s->options->kind) {
    case SPLIT_JSON: split_json(s, piece); return;
    case SPLIT_DELIMITED: split_delimited(s, piece); return;
    case SPLIT_NONE: give(s, piece, piece.data); return;
    }
}

/* ---- CloudWatch Logs ---- */

/* The messages of {"messageType":"DATA_MESSAGE","logEvents":[{"message"}]}, a line each; those of
 * a control message are nobody's. */
static struct mr_slice extract_messages(struct mr_arena *arena, struct mr_slice data)
{
    yyjson_val *doc = mr_json_parse(arena, data, LOG_DEPTH_MAX), *event;
    if (!yyjson_is_obj(doc) || mr_json_get(doc, "logEvents") == NULL)
        return data;
    struct mr_buf buf = {0};
    yyjson_arr_iter events;
    if (mr_slice_equal(mr_json_get_text(doc, "messageType"), MR_S("DATA_MESSAGE"))) {
        yyjson_arr_iter_init(mr_json_get(doc, "logEvents"), &events);
        while ((event = yyjson_arr_iter_next(&events)) != NULL) {
            mr_buf_append(&buf, mr_json_get_text(event, "message"));
            mr_buf_byte(&buf, '\n');
        }
    }
    const struct mr_slice text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void split_packed(const struct splitting *s, struct split_piece piece)
{
    piece.original = piece.data;
    if (!s->options->decompress) {
        split_plain(s, piece);
        return;
    }
    struct mr_buf plain = {0};
    const enum mr_status status = mr_gunzip(&plain, piece.data, SPLIT_UNPACKED_MAX);
    if (status == MR_OK) {
        piece.data = mr_arena_copy(s->arena, mr_buf_slice(&plain));
        if (s->options->extract)
            piece.data = extract_messages(s->arena, piece.data);
        split_plain(s, piece);
    } else {
        piece.failed = true;
        s->fn(s->ctx, &piece);
    }
    mr_buf_fini(&plain);
}

/* ---- the KPL ---- */

/* One field of a protocol buffer. False at the end, or when it is none (reader->failed). */
static bool next_field(struct mr_reader *reader, uint64_t *ret_number, uint64_t *ret_value,
                       struct mr_slice *ret_bytes)
{
    if (reader->next == reader->end || reader->failed)
        return false;
    const uint64_t tag = mr_read_varint(reader);
    *ret_number = tag >> 3;
    *ret_value = 0;
    *ret_bytes = MR_S("");
    if ((tag & 7) == WIRE_VARINT)
        *ret_value = mr_read_varint(reader);
    else if ((tag & 7) == WIRE_BYTES)
        *ret_bytes = mr_read_bytes(reader);
    else
        reader->failed = true;
    return !reader->failed;
}

/* The protocol buffer inside; empty: it is no aggregate. */
static struct mr_slice aggregate_of(struct mr_slice data)
{
    static const char magic[] = "\xf3\x89\x9a\xc2";
    enum { MAGIC = 4, DIGEST = 16 };
    if (data.len <= MAGIC + DIGEST || memcmp(data.ptr, magic, MAGIC) != 0)
        return MR_S("");
    const struct mr_slice body = mr_slice_sub(data, MAGIC, data.len - MAGIC - DIGEST);
    uint8_t digest[DIGEST];
    mr_md5(body, digest);
    return memcmp(digest, data.ptr + data.len - DIGEST, DIGEST) == 0 ? body : MR_S("");
}

/* Fills `keys` (NULL: counts them alone). False: damaged. */
static bool read_keys(struct mr_slice body, struct mr_slice *keys, size_t *ret_count)
{
    struct mr_reader reader = mr_reader_make(body);
    uint64_t number, value;
    struct mr_slice bytes;
    size_t count = 0;
    while (next_field(&reader, &number, &value, &bytes)) {
        if (number != 1)
            continue;
        if (keys != NULL)
            keys[count] = bytes;
        count++;
    }
    *ret_count = count;
    return !reader.failed && count <= KEYS_MAX;
}

static bool read_user_record(struct mr_slice bytes, const struct mr_slice *keys, size_t key_count,
                             struct split_piece *ret_piece)
{
    struct mr_reader reader = mr_reader_make(bytes);
    uint64_t number, value;
    struct mr_slice field;
    while (next_field(&reader, &number, &value, &field)) {
        if (number == 1 && value < key_count)
            ret_piece->key = keys[value];
        else if (number == 3)
            ret_piece->data = field;
    }
    return !reader.failed;
}

/* Calls split_packed for each user record, or (s NULL) checks that all can be read. */
static bool each_user_record(const struct splitting *s, struct mr_slice body,
                             const struct mr_slice *keys, size_t key_count)
{
    struct mr_reader reader = mr_reader_make(body);
    uint64_t number, value;
    struct mr_slice bytes;
    while (next_field(&reader, &number, &value, &bytes)) {
        struct split_piece piece = {0};
        if (number != 3)
            continue;
        if (!read_user_record(bytes, keys, key_count, &piece))
            return false;
        if (s != NULL)
            split_packed(s, piece);
    }
    return !reader.failed;
}

void split_record(struct mr_arena *arena, const struct split_options *options, struct mr_slice data,
                  struct mr_slice key, void (*fn)(void *ctx, const struct split_piece *piece),
                  void *ctx)
{
    const struct splitting s = {arena, options, fn, ctx};
    const struct split_piece whole = {.data = data, .key = key, .original = data};
    const struct mr_slice body = options->aggregated ? aggregate_of(data) : MR_S("");
    size_t count;
    if (body.len > 0 && read_keys(body, NULL, &count)) {
        struct mr_slice *keys = MR_NEW_ARRAY(arena, struct mr_slice, count + 1);
        if (read_keys(body, keys, &count) && each_user_record(NULL, body, keys, count)) {
            (void)each_user_record(&s, body, keys, count);
            return;
        }
    }
    split_packed(&s, whole);
}
