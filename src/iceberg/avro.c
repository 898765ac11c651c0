/* The file: "Obj" 1; a map of metadata (avro.schema, avro.codec, ...); 16 bytes of a mark; blocks:
 * a count, a length, the records (packed), the mark. Numbers are zigzag varints. Behind Snappy's
 * bytes stands the CRC-32 of what they unpack to, its high byte first. */
#include "iceberg/avro.h"
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

enum { ZERO_BYTE_ITEMS_MAX = 1000, METADATA_MAX = 1000, UNPACK_STEP = 64 << 10 };

/* ---- bytes ---- */

static bool take_long(struct mr_slice *in, int64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 10 && i < in->len; i++) {
        const uint8_t byte = (uint8_t)in->ptr[i];
        if (i == 9 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *in = mr_slice_sub(*in, i + 1, SIZE_MAX);
            *ret_value = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return false;
}

static bool take_raw(struct mr_slice *in, size_t len, struct mr_slice *ret_bytes)
{
    if (in->len < len)
        return false;
    *ret_bytes = mr_slice_sub(*in, 0, len);
    *in = mr_slice_sub(*in, len, SIZE_MAX);
    return true;
}

static bool take_bytes(struct mr_slice *in, struct mr_slice *ret_bytes)
{
    int64_t len;
    return take_long(in, &len) && len >= 0 && (uint64_t)len <= in->len &&
           take_raw(in, (size_t)len, ret_bytes);
}

/* ---- schemas ---- */

struct schema {
    struct mr_arena *arena;
    struct avro_type **named; /* by name, for references */
    size_t named_count, types;
};

static enum avro_kind kind_named(struct mr_slice name, bool *ret_known)
{
    static const char *const names[] = {"null",   "boolean", "int",    "long",   "float",
                                        "double", "bytes",   "string", "record", "enum",
                                        "array",  "map",     "",       "fixed"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (name.len > 0 && mr_slice_equal(name, mr_slice_cstr(names[i]))) {
            *ret_known = true;
            return (enum avro_kind)i;
        }
    }
    *ret_known = false;
    return AVRO_NULL;
}

static bool parse_type(struct schema *schema, yyjson_val *json, int depth, struct avro_type *type);

static bool parse_children(struct schema *schema, yyjson_val *list, bool fields, int depth,
                           struct avro_type *type)
{
    const size_t count = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list) || schema->types + count > AVRO_TYPES_MAX)
        return false;
    type->children = MR_NEW_ARRAY(schema->arena, struct avro_type, count + 1);
    type->ids = MR_NEW_ARRAY(schema->arena, int, count + 1);
    type->names = MR_NEW_ARRAY(schema->arena, struct mr_slice, count + 1);
    yyjson_arr_foreach(list, index, max, item)
    {
        yyjson_val *inner = fields ? mr_json_get(item, "type") : item;
        if (inner == NULL || !parse_type(schema, inner, depth + 1, &type->children[index]))
            return false;
        type->ids[index] = (int)mr_json_get_i64(item, "field-id", -1);
        type->names[index] = mr_json_get_text(item, "name");
        type->count = index + 1;
    }
    return true;
}

/* Named types are shared, so a small schema can stand for a huge one: its size is counted with all
 * references followed. */
static bool weigh(struct avro_type *type)
{
    type->weight = 1;
    type->height = 1;
    for (size_t i = 0; i < type->count; i++) {
        const struct avro_type *child = &type->children[i];
        type->weight += child->weight;
        type->height = child->height >= type->height ? child->height + 1 : type->height;
        if (type->weight > AVRO_TYPES_MAX || type->height > AVRO_DEPTH_MAX)
            return false;
    }
    return true;
}

/* Without its namespace, which may be told apart from it, or be that of what surrounds it. */
static struct mr_slice last_part(struct mr_slice name)
{
    for (size_t dot = mr_slice_find(name, '.'); dot != SIZE_MAX; dot = mr_slice_find(name, '.'))
        name = mr_slice_sub(name, dot + 1, SIZE_MAX);
    return name;
}

/* A name that was declared before: its type is copied. A type that holds itself is refused: its
 * children are not there yet. */
static bool refer(const struct schema *schema, struct mr_slice name, struct avro_type *type)
{
    name = last_part(name);
    for (size_t i = 0; i < schema->named_count; i++) {
        if (mr_slice_equal(last_part(schema->named[i]->name), name)) {
            *type = *schema->named[i];
            return true;
        }
    }
    return false;
}

static bool parse_object(struct schema *schema, yyjson_val *json, int depth, struct avro_type *type)
{
    yyjson_val *inner = mr_json_get(json, "type");
    bool known;
    if (!yyjson_is_str(inner))
        return parse_type(schema, inner, depth + 1, type);
    type->json = json;
    type->kind = kind_named(mr_json_text(inner), &known);
    if (!known)
        return refer(schema, mr_json_text(inner), type);
    bool fine = true;
    if (type->kind == AVRO_RECORD) {
        fine = parse_children(schema, mr_json_get(json, "fields"), true, depth, type);
    } else if (type->kind == AVRO_ARRAY || type->kind == AVRO_MAP) {
        type->children = MR_NEW(schema->arena, struct avro_type);
        type->count = 1;
        inner = mr_json_get(json, type->kind == AVRO_ARRAY ? "items" : "values");
        fine = inner != NULL && parse_type(schema, inner, depth + 1, type->children);
    } else if (type->kind == AVRO_FIXED) {
        const int64_t size = mr_json_get_i64(json, "size", -1);
        fine = size >= 0 && size <= INT32_MAX;
        type->size = (size_t)size;
    }
    type->name = mr_json_get_text(json, "name");
    fine = fine && weigh(type);
    if (fine && type->name.len > 0) {
        if (schema->named_count == AVRO_NAMED_MAX)
            return false;
        schema->named[schema->named_count++] = type;
    }
    return fine;
}

static bool parse_type(struct schema *schema, yyjson_val *json, int depth, struct avro_type *type)
{
    if (depth > AVRO_DEPTH_MAX || ++schema->types > AVRO_TYPES_MAX)
        return false;
    if (yyjson_is_arr(json)) {
        type->kind = AVRO_UNION;
        return parse_children(schema, json, false, depth, type) && weigh(type);
    }
    if (yyjson_is_obj(json))
        return parse_object(schema, json, depth, type);
    bool known;
    type->kind = kind_named(mr_json_text(json), &known);
    if (known)
        return type->kind < AVRO_RECORD && weigh(type);
    return refer(schema, mr_json_text(json), type);
}

/* ---- the header ---- */

static bool take_metadata(struct avro_reader *reader)
{
    struct mr_slice *pairs = MR_NEW_ARRAY(reader->arena, struct mr_slice, 2 * METADATA_MAX);
    size_t count = 0;
    int64_t items, bytes;
    reader->metadata = pairs;
    for (;;) {
        if (!take_long(&reader->rest, &items))
            return false;
        if (items == 0)
            break;
        if (items < 0 && (!take_long(&reader->rest, &bytes) || items == INT64_MIN))
            return false;
        for (items = items < 0 ? -items : items; items > 0; items--) {
            if (count == METADATA_MAX || !take_bytes(&reader->rest, &pairs[2 * count]) ||
                !take_bytes(&reader->rest, &pairs[2 * count + 1]))
                return false;
            count++;
        }
    }
    reader->metadata_count = count;
    return true;
}

struct mr_slice avro_metadata(const struct avro_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->metadata_count; i++)
        if (mr_slice_equal(reader->metadata[2 * i], mr_slice_cstr(name)))
            return reader->metadata[2 * i + 1];
    return MR_S("");
}

static bool take_codec(struct avro_reader *reader)
{
    static const char *const names[] = {"null", "deflate", "snappy", "zstandard"};
    const struct mr_slice codec = avro_metadata(reader, "avro.codec");
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        reader->codec = (enum avro_codec)i;
        if (mr_slice_equal(codec, mr_slice_cstr(names[i])))
            return true;
    }
    reader->codec = AVRO_PLAIN;
    return codec.len == 0;
}

enum mr_status avro_open(struct avro_reader *reader, struct mr_arena *arena, struct mr_slice bytes)
{
    struct mr_slice magic, sync;
    *reader = (struct avro_reader){.arena = arena, .rest = bytes};
    if (!take_raw(&reader->rest, 4, &magic) || memcmp(magic.ptr, "Obj\x01", 4) != 0 ||
        !take_metadata(reader) || !take_raw(&reader->rest, sizeof reader->sync, &sync))
        return MR_INVALID;
    memcpy(reader->sync, sync.ptr, sizeof reader->sync);
    if (!take_codec(reader))
        return MR_INVALID;
    yyjson_val *json =
        mr_json_parse(arena, avro_metadata(reader, "avro.schema"), MR_JSON_DEPTH_MAX);
    struct schema schema = {.arena = arena};
    schema.named = MR_NEW_ARRAY(arena, struct avro_type *, AVRO_NAMED_MAX);
    if (json == NULL || !parse_type(&schema, json, 0, &reader->schema))
        return MR_INVALID;
    return reader->schema.kind == AVRO_RECORD ? MR_OK : MR_INVALID;
}

/* ---- values ---- */

struct decoding {
    struct mr_arena *arena;
    struct mr_slice in;
    size_t values;
};

static bool take_value(struct decoding *d, const struct avro_type *type, struct avro_value *value);

/* Arrays and maps: blocks of items, each with its count (negative: a length follows), until 0. */
static bool take_items(struct decoding *d, const struct avro_type *type, struct avro_value *value)
{
    const bool map = type->kind == AVRO_MAP;
    size_t capacity = 0, empty = 0;
    int64_t count, bytes;
    for (;;) {
        if (!take_long(&d->in, &count))
            return false;
        if (count == 0)
            return true;
        if (count < 0 && (!take_long(&d->in, &bytes) || count == INT64_MIN))
            return false;
        for (count = count < 0 ? -count : count; count > 0; count--) {
            const size_t before = d->in.len;
            if (value->count + 2 > capacity) {
                const size_t room = capacity == 0 ? 8 : capacity * 2;
                value->items =
                    mr_arena_realloc(d->arena, value->items, capacity * sizeof *value->items,
                                     room * sizeof *value->items);
                capacity = room;
            }
            if (map) {
                value->items[value->count] = (struct avro_value){.kind = AVRO_STRING};
                if (!take_bytes(&d->in, &value->items[value->count++].bytes))
                    return false;
            }
            if (!take_value(d, type->children, &value->items[value->count]))
                return false;
            value->count++;
            if (d->in.len == before && ++empty > ZERO_BYTE_ITEMS_MAX)
                return false;
        }
    }
}

static bool take_record(struct decoding *d, const struct avro_type *type, struct avro_value *value)
{
    value->count = type->count;
    value->items = MR_NEW_ARRAY(d->arena, struct avro_value, type->count + 1);
    for (size_t i = 0; i < type->count; i++)
        if (!take_value(d, &type->children[i], &value->items[i]))
            return false;
    return true;
}

static bool take_scalar(struct decoding *d, const struct avro_type *type, struct avro_value *value)
{
    struct mr_slice raw;
    float single;
    switch (type->kind) {
    case AVRO_NULL: return true;
    case AVRO_BOOLEAN:
        if (!take_raw(&d->in, 1, &raw))
            return false;
        value->number = raw.ptr[0] != 0;
        return true;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM: return take_long(&d->in, &value->number);
    case AVRO_FLOAT:
        if (!take_raw(&d->in, sizeof single, &raw))
            return false;
        memcpy(&single, raw.ptr, sizeof single);
        value->real = (double)single;
        return true;
    case AVRO_DOUBLE:
        if (!take_raw(&d->in, sizeof value->real, &raw))
            return false;
        memcpy(&value->real, raw.ptr, sizeof value->real);
        return true;
    case AVRO_FIXED: return take_raw(&d->in, type->size, &value->bytes);
    default: return take_bytes(&d->in, &value->bytes);
    }
}

static bool take_value(struct decoding *d, const struct avro_type *type, struct avro_value *value)
{
    int64_t branch;
    if (++d->values > AVRO_VALUES_MAX)
        return false;
    if (type->kind == AVRO_UNION) {
        if (!take_long(&d->in, &branch) || branch < 0 || (uint64_t)branch >= type->count)
            return false;
        type = &type->children[branch];
        if (type->kind == AVRO_UNION)
            return false;
    }
    *value = (struct avro_value){.kind = type->kind, .type = type};
    switch (type->kind) {
    case AVRO_RECORD: return take_record(d, type, value);
    case AVRO_ARRAY:
    case AVRO_MAP: return take_items(d, type, value);
    default: return take_scalar(d, type, value);
    }
}

static bool inflate_block(struct mr_slice packed, size_t most, struct mr_buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.ptr, .avail_in = (uInt)packed.len};
    int code = packed.len <= INT32_MAX ? inflateInit2(&stream, -MAX_WBITS) : Z_DATA_ERROR;
    while (code == Z_OK && out->len <= most) {
        stream.next_out = (Bytef *)mr_buf_reserve(out, UNPACK_STEP);
        stream.avail_out = UNPACK_STEP;
        code = inflate(&stream, Z_NO_FLUSH);
        out->len += UNPACK_STEP - stream.avail_out;
        if (code == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)
            code = Z_DATA_ERROR; /* it ends too early */
    }
    (void)inflateEnd(&stream);
    return code == Z_STREAM_END;
}

static bool unsnap_block(struct mr_slice packed, size_t most, struct mr_buf *out)
{
    size_t len;
    if (packed.len < 4)
        return false;
    const size_t body = packed.len - 4;
    struct mr_slice tail = mr_slice_sub(packed, body, 4);
    if (snappy_uncompressed_length(packed.ptr, body, &len) != SNAPPY_OK || len > most)
        return false;
    if (snappy_uncompress(packed.ptr, body, mr_buf_reserve(out, len + 1), &len) != SNAPPY_OK)
        return false;
    out->len = len;
    uint32_t told = 0;
    for (size_t i = 0; i < 4; i++)
        told = told << 8 | (uint8_t)tail.ptr[i];
    return told == crc32(0, (const Bytef *)out->data, (uInt)len);
}

static bool unzstd_block(struct mr_slice packed, size_t most, struct mr_buf *out)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {packed.ptr, packed.len, 0};
    size_t left = 1;
    while (stream != NULL && left != 0 && !ZSTD_isError(left) && out->len <= most) {
        ZSTD_outBuffer to = {mr_buf_reserve(out, UNPACK_STEP), UNPACK_STEP, 0};
        left = ZSTD_decompressStream(stream, &to, &in);
        out->len += to.pos;
        if (left != 0 && in.pos == in.size && to.pos < to.size)
            break; /* it ends too early */
    }
    (void)ZSTD_freeDStream(stream);
    return left == 0;
}

/* All blocks stay in the arena, so their sum is what has a limit. */
static bool unpack_block(struct avro_reader *reader)
{
    struct mr_arena *arena = reader->blocks != NULL ? reader->blocks : reader->arena;
    if (reader->blocks != NULL) {
        mr_arena_reset(reader->blocks);
        reader->inflated = reader->values = 0;
    }
    const size_t most = AVRO_INFLATED_MAX - reader->inflated;
    const struct mr_slice packed = reader->block;
    struct mr_buf out = {0};
    if (reader->codec == AVRO_PLAIN)
        return true;
    bool fine = reader->codec == AVRO_DEFLATE  ? inflate_block(packed, most, &out)
                : reader->codec == AVRO_SNAPPY ? unsnap_block(packed, most, &out)
                                               : unzstd_block(packed, most, &out);
    fine = fine && out.len <= most;
    if (fine) {
        reader->inflated += out.len;
        reader->block = mr_arena_copy(arena, mr_buf_slice(&out));
    }
    mr_buf_fini(&out);
    return fine;
}

static enum mr_status next_block(struct avro_reader *reader)
{
    struct mr_slice sync;
    int64_t bytes;
    if (reader->rest.len == 0)
        return MR_END;
    if (!take_long(&reader->rest, &reader->left) || reader->left < 0 ||
        !take_long(&reader->rest, &bytes) || bytes < 0 || (uint64_t)bytes > reader->rest.len ||
        !take_raw(&reader->rest, (size_t)bytes, &reader->block) ||
        !take_raw(&reader->rest, sizeof reader->sync, &sync) ||
        memcmp(sync.ptr, reader->sync, sizeof reader->sync) != 0)
        return MR_INVALID;
    return unpack_block(reader) ? MR_OK : MR_INVALID;
}

enum mr_status avro_next(struct avro_reader *reader, struct mr_arena *arena,
                         struct avro_value *ret_value)
{
    while (reader->left == 0) {
        if (reader->block.len > 0)
            return MR_INVALID; /* more than its records */
        const enum mr_status status = next_block(reader);
        if (status != MR_OK)
            return status;
    }
    struct decoding decoding = {.arena = arena, .in = reader->block};
    const bool fine = take_value(&decoding, &reader->schema, ret_value) &&
                      (decoding.in.len < reader->block.len) && /* a record has bytes */
                      (reader->values += decoding.values) <= AVRO_FILE_VALUES_MAX;
    reader->block = decoding.in;
    reader->left--;
    return fine ? MR_OK : MR_INVALID;
}

const struct avro_value *avro_field(const struct avro_value *record, int id)
{
    if (record == NULL || record->kind != AVRO_RECORD)
        return NULL;
    for (size_t i = 0; i < record->count; i++)
        if (record->type->ids[i] == id)
            return record->items[i].kind == AVRO_NULL ? NULL : &record->items[i];
    return NULL;
}

/* ---- writing ---- */

void avro_put_long(struct mr_buf *buf, int64_t value)
{
    mr_buf_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void avro_put_bytes(struct mr_buf *buf, struct mr_slice bytes)
{
    avro_put_long(buf, (int64_t)bytes.len);
    mr_buf_append(buf, bytes);
}

void avro_write_head(struct mr_buf *buf, struct mr_slice schema, const struct avro_pair *metadata,
                     size_t count, const char sync[static 16])
{
    mr_buf_append(buf, MR_S("Obj\x01"));
    avro_put_long(buf, (int64_t)count + 2);
    avro_put_bytes(buf, MR_S("avro.schema"));
    avro_put_bytes(buf, schema);
    avro_put_bytes(buf, MR_S("avro.codec"));
    avro_put_bytes(buf, MR_S("deflate"));
    for (size_t i = 0; i < count; i++) {
        avro_put_bytes(buf, metadata[i].name);
        avro_put_bytes(buf, metadata[i].value);
    }
    avro_put_long(buf, 0);
    mr_buf_append(buf, mr_slice_make(sync, 16));
}

void avro_write_block(struct mr_buf *buf, struct mr_slice records, size_t count,
                      const char sync[static 16])
{
    struct mr_buf packed = {0};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)records.ptr, .avail_in = (uInt)records.len};
    if (count == 0)
        return;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK) {
        const uLong bound = deflateBound(&stream, (uLong)records.len);
        stream.next_out = (Bytef *)mr_buf_reserve(&packed, bound);
        stream.avail_out = (uInt)bound;
        (void)deflate(&stream, Z_FINISH);
        packed.len = bound - stream.avail_out;
        (void)deflateEnd(&stream);
    }
    avro_put_long(buf, (int64_t)count);
    avro_put_bytes(buf, mr_buf_slice(&packed));
    mr_buf_append(buf, mr_slice_make(sync, 16));
    mr_buf_fini(&packed);
}
