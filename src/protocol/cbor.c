#include "protocol/cbor.h"
#include "base/arena.h"
#include "base/codec.h"
#include <math.h>
#include <stdio.h>

enum major {
    MAJOR_UNSIGNED = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
};
enum {
    INFO_ONE_BYTE = 24, /* the argument follows in 1, 2, 4, 8 bytes */
    INFO_EIGHT_BYTES = 27,
    INFO_INDEFINITE = 31,
    BREAK = 0xff,
    TAG_TIME = 1,
    SIMPLE_FALSE = 20,
    SIMPLE_TRUE = 21,
    SIMPLE_NULL = 22,
    SIMPLE_UNDEFINED = 23,
    FLOAT_HALF = 25,
    FLOAT_SINGLE = 26,
    FLOAT_DOUBLE = 27,
};
/* Seconds beyond this are of the year 5138, milliseconds below it of 1973. */
static const double seconds_max = 1e11;

/* ---- reading ---- */

struct decoder {
    const unsigned char *next, *end;
    struct mr_json json;
    struct mr_arena arena; /* joined pieces, base64 */
    const struct model_service *service;
    enum mr_status status; /* sticks */
};

struct head {
    enum major major;
    unsigned info;
    uint64_t argument;
    bool indefinite;
};

static bool fail(struct decoder *decoder, enum mr_status status)
{
    if (decoder->status == MR_OK)
        decoder->status = status;
    return false;
}

static bool read_head(struct decoder *decoder, struct head *head)
{
    if (decoder->next == decoder->end)
        return fail(decoder, MR_INVALID);
    const unsigned byte = *decoder->next++;
    *head = (struct head){.major = (enum major)(byte >> 5), .info = byte & 31U};
    head->argument = head->info;
    if (head->info < INFO_ONE_BYTE)
        return true;
    if (head->info == INFO_INDEFINITE) {
        head->indefinite = true;
        const bool may = head->major >= MAJOR_BYTES && head->major <= MAJOR_MAP;
        return may || fail(decoder, MR_INVALID);
    }
    if (head->info > INFO_EIGHT_BYTES)
        return fail(decoder, MR_INVALID);
    const size_t size = (size_t)1 << (head->info - INFO_ONE_BYTE);
    if ((size_t)(decoder->end - decoder->next) < size)
        return fail(decoder, MR_INVALID);
    head->argument = 0;
    for (size_t i = 0; i < size; i++)
        head->argument = head->argument << 8 | *decoder->next++;
    return true;
}

static bool at_break(struct decoder *decoder)
{
    if (decoder->next == decoder->end || *decoder->next != BREAK)
        return false;
    decoder->next++;
    return true;
}

static bool read_piece(struct decoder *decoder, const struct head *head, struct mr_slice *ret)
{
    if ((uint64_t)(decoder->end - decoder->next) < head->argument)
        return fail(decoder, MR_INVALID);
    *ret = mr_slice_make(decoder->next, (size_t)head->argument);
    decoder->next += head->argument;
    return true;
}

/* The bytes of a byte or text string; pieces of an indefinite one are joined. */
static bool read_bytes(struct decoder *decoder, const struct head *head, struct mr_slice *ret)
{
    if (!head->indefinite)
        return read_piece(decoder, head, ret);
    struct mr_buf joined = {0};
    while (!at_break(decoder)) {
        struct head piece_head = {0};
        struct mr_slice piece = {0};
        if (!read_head(decoder, &piece_head))
            break;
        if (piece_head.major != head->major || piece_head.indefinite) {
            fail(decoder, MR_INVALID);
            break;
        }
        if (!read_piece(decoder, &piece_head, &piece))
            break;
        mr_buf_append(&joined, piece);
    }
    *ret = mr_arena_copy(&decoder->arena, mr_buf_slice(&joined));
    mr_buf_fini(&joined);
    return decoder->status == MR_OK;
}

static double float_of(unsigned info, uint64_t bits)
{
    if (info == FLOAT_DOUBLE) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    if (info == FLOAT_SINGLE) {
        const uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        return (double)value;
    }
    const int exponent = (int)(bits >> 10 & 31U);
    const double mantissa = (double)(bits & 1023U);
    double value = exponent == 0    ? ldexp(mantissa, -24)
                   : exponent == 31 ? (mantissa == 0 ? INFINITY : NAN)
                                    : ldexp(mantissa + 1024, exponent - 25);
    return bits >> 15 & 1U ? -value : value;
}

/* An integer of 64 bits and a sign. */
static void write_integer(struct mr_json *json, bool negative, uint64_t argument)
{
    char text[24];
    if (!negative)
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)argument);
    else if (argument == UINT64_MAX)
        (void)snprintf(text, sizeof text, "-18446744073709551616");
    else
        (void)snprintf(text, sizeof text, "-%llu", (unsigned long long)argument + 1);
    mr_json_raw(json, mr_slice_cstr(text));
}

static bool read_item(struct decoder *decoder, const struct model_shape *shape, int depth);

static bool read_time(struct decoder *decoder)
{
    struct head head = {0};
    if (!read_head(decoder, &head))
        return false;
    double value;
    if (head.major == MAJOR_UNSIGNED)
        value = (double)head.argument;
    else if (head.major == MAJOR_NEGATIVE)
        value = -1.0 - (double)head.argument;
    else if (head.major == MAJOR_SIMPLE && head.info >= FLOAT_HALF && head.info <= FLOAT_DOUBLE)
        value = float_of(head.info, head.argument);
    else
        return fail(decoder, MR_INVALID);
    mr_json_number(&decoder->json, fabs(value) >= seconds_max ? value / 1000 : value);
    return true;
}

static bool read_simple(struct decoder *decoder, const struct head *head)
{
    struct mr_json *json = &decoder->json;
    switch (head->info) {
    case SIMPLE_FALSE: mr_json_bool(json, false); return true;
    case SIMPLE_TRUE: mr_json_bool(json, true); return true;
    case SIMPLE_NULL:
    case SIMPLE_UNDEFINED: mr_json_null(json); return true;
    case FLOAT_HALF:
    case FLOAT_SINGLE:
    case FLOAT_DOUBLE: mr_json_number(json, float_of(head->info, head->argument)); return true;
    default: return fail(decoder, MR_INVALID);
    }
}

/* Also what the key's item should be; NULL: nobody knows. */
static bool read_key(struct decoder *decoder, const struct model_shape *shape,
                     const struct model_shape **ret_item)
{
    struct head head = {0};
    struct mr_slice key = {0};
    if (!read_head(decoder, &head))
        return false;
    if (head.major != MAJOR_TEXT)
        return fail(decoder, MR_INVALID);
    if (!read_bytes(decoder, &head, &key))
        return false;
    if (!mr_slice_is_utf8(key))
        return fail(decoder, MR_INVALID);
    mr_json_name(&decoder->json, key);
    if (shape != NULL && shape->type == MODEL_STRUCTURE) {
        const struct model_member *found = model_member_find(decoder->service, shape, key);
        *ret_item = found == NULL ? NULL : &decoder->service->shapes[found->shape];
    }
    return true;
}

/* What a list's or map's items should be; NULL: nobody knows, or a structure's members do. */
static const struct model_shape *item_shape(const struct decoder *decoder,
                                            const struct model_shape *shape, bool map)
{
    if (shape == NULL || shape->type != (map ? MODEL_MAP : MODEL_LIST))
        return NULL;
    return &decoder->service->shapes[model_members(decoder->service, shape)[map ? 1 : 0].shape];
}

/* The items of an array, or the keys and items of a map. A false length ends at the input's end,
 * after one step a byte at most. */
static bool read_container(struct decoder *decoder, const struct head *head,
                           const struct model_shape *shape, int depth)
{
    const bool map = head->major == MAJOR_MAP;
    const struct model_shape *item = item_shape(decoder, shape, map);
    if (map)
        mr_json_object(&decoder->json);
    else
        mr_json_array(&decoder->json);
    for (uint64_t i = 0; head->indefinite ? !at_break(decoder) : i < head->argument; i++)
        if ((map && !read_key(decoder, shape, &item)) || !read_item(decoder, item, depth + 1))
            return false;
    if (map)
        mr_json_object_end(&decoder->json);
    else
        mr_json_array_end(&decoder->json);
    return true;
}

static bool read_item(struct decoder *decoder, const struct model_shape *shape, int depth)
{
    struct head head = {0};
    struct mr_slice bytes = {0};
    if (depth > CBOR_DEPTH_MAX)
        return fail(decoder, MR_INVALID);
    if (decoder->json.buf->len > CBOR_JSON_BYTES_MAX)
        return fail(decoder, MR_FULL);
    if (!read_head(decoder, &head))
        return false;
    switch (head.major) {
    case MAJOR_UNSIGNED:
    case MAJOR_NEGATIVE:
        write_integer(&decoder->json, head.major == MAJOR_NEGATIVE, head.argument);
        return true;
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        if (!read_bytes(decoder, &head, &bytes))
            return false;
        if (head.major == MAJOR_BYTES && shape != NULL && shape->type == MODEL_STRING)
            return fail(decoder, MR_INVALID); /* else its base64 would pass for a text */
        if (head.major == MAJOR_TEXT && !mr_slice_is_utf8(bytes))
            return fail(decoder, MR_INVALID);
        if (head.major == MAJOR_TEXT)
            mr_json_string(&decoder->json, bytes);
        else
            mr_json_base64(&decoder->json, bytes);
        return true;
    case MAJOR_ARRAY:
    case MAJOR_MAP: return read_container(decoder, &head, shape, depth);
    case MAJOR_TAG:
        return head.argument == TAG_TIME ? read_time(decoder)
                                         : read_item(decoder, shape, depth + 1);
    case MAJOR_SIMPLE: return read_simple(decoder, &head);
    }
    return fail(decoder, MR_INVALID);
}

enum mr_status cbor_to_json(struct mr_buf *json, struct mr_slice cbor)
{
    return cbor_input_to_json(json, NULL, NULL, cbor);
}

enum mr_status cbor_input_to_json(struct mr_buf *json, const struct model_service *service,
                                  const struct model_shape *shape, struct mr_slice cbor)
{
    struct decoder decoder = {
        .service = service,
        .next = (const unsigned char *)cbor.ptr,
        .end = (const unsigned char *)cbor.ptr + cbor.len,
        .json = mr_json_make(json),
    };
    mr_arena_init(&decoder.arena);
    if (read_item(&decoder, shape, 0) && decoder.next != decoder.end)
        fail(&decoder, MR_INVALID);
    mr_arena_fini(&decoder.arena);
    return decoder.status;
}

/* ---- writing ---- */

static void write_head(struct mr_buf *cbor, enum major major, uint64_t argument)
{
    const unsigned top = (unsigned)major << 5;
    if (argument < INFO_ONE_BYTE) {
        mr_buf_byte(cbor, (char)(top | argument));
        return;
    }
    unsigned log = 0; /* of the argument's size in bytes */
    while (log < 3 && argument >> (8U << log) != 0)
        log++;
    mr_buf_byte(cbor, (char)(top | (INFO_ONE_BYTE + log)));
    for (unsigned shift = 8U << log; shift > 0; shift -= 8)
        mr_buf_byte(cbor, (char)(argument >> (shift - 8) & 255U));
}

static void write_string(struct mr_buf *cbor, enum major major, struct mr_slice bytes)
{
    write_head(cbor, major, bytes.len);
    mr_buf_append(cbor, bytes);
}

static void write_i64(struct mr_buf *cbor, int64_t value)
{
    if (value >= 0)
        write_head(cbor, MAJOR_UNSIGNED, (uint64_t)value);
    else
        write_head(cbor, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
}

static void write_double(struct mr_buf *cbor, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    mr_buf_byte(cbor, (char)(MAJOR_SIMPLE << 5 | FLOAT_DOUBLE));
    for (unsigned shift = 64; shift > 0; shift -= 8)
        mr_buf_byte(cbor, (char)(bits >> (shift - 8) & 255U));
}

static void write_number(struct mr_buf *cbor, yyjson_val *value)
{
    const struct mr_slice text = mr_json_text(value);
    int64_t small;
    uint64_t large;
    if (mr_slice_to_i64(text, &small) == MR_OK)
        write_i64(cbor, small);
    else if (mr_slice_to_u64(text, &large) == MR_OK)
        write_head(cbor, MAJOR_UNSIGNED, large);
    else
        write_double(cbor, mr_json_double(value, 0));
}

static void write_blob(struct mr_buf *cbor, struct mr_slice text)
{
    struct mr_arena arena;
    struct mr_slice bytes = {0};
    mr_arena_init(&arena);
    if (mr_base64_decode(&arena, text, &bytes) != MR_OK)
        bytes = (struct mr_slice){0}; /* our own output: it is base64 */
    write_string(cbor, MAJOR_BYTES, bytes);
    mr_arena_fini(&arena);
}

static const struct model_shape *member_shape(const struct model_service *service,
                                              const struct model_shape *shape, struct mr_slice name)
{
    if (shape == NULL)
        return NULL;
    if (shape->type == MODEL_MAP)
        return model_shape_at(service, model_members(service, shape)[1].shape);
    if (shape->type == MODEL_LIST)
        return model_shape_at(service, model_members(service, shape)[0].shape);
    const struct model_member *member =
        shape->type == MODEL_STRUCTURE ? model_member_find(service, shape, name) : NULL;
    return member == NULL ? NULL : model_shape_at(service, member->shape);
}

static void write_object(struct mr_buf *cbor, bool seconds, const struct model_service *service,
                         const struct model_shape *shape, yyjson_val *value)
{
    size_t i, count;
    yyjson_val *key, *member;
    write_head(cbor, MAJOR_MAP, yyjson_obj_size(value));
    yyjson_obj_foreach(value, i, count, key, member)
    {
        const struct mr_slice name = mr_json_text(key);
        write_string(cbor, MAJOR_TEXT, name);
        cbor_from_json(cbor, seconds, service, member_shape(service, shape, name), member);
    }
}

static void write_array(struct mr_buf *cbor, bool seconds, const struct model_service *service,
                        const struct model_shape *shape, yyjson_val *value)
{
    size_t i, count;
    yyjson_val *item;
    write_head(cbor, MAJOR_ARRAY, yyjson_arr_size(value));
    yyjson_arr_foreach(value, i, count, item)
        cbor_from_json(cbor, seconds, service, member_shape(service, shape, MR_S("")), item);
}

static bool is_a(const struct model_shape *shape, enum model_type type)
{
    return shape != NULL && shape->type == (uint8_t)type;
}

void cbor_from_json(struct mr_buf *cbor, bool seconds, const struct model_service *service,
                    const struct model_shape *shape, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        write_object(cbor, seconds, service, shape, value);
    else if (yyjson_is_arr(value))
        write_array(cbor, seconds, service, shape, value);
    else if (yyjson_is_str(value) && is_a(shape, MODEL_BLOB))
        write_blob(cbor, mr_json_text(value));
    else if (yyjson_is_str(value))
        write_string(cbor, MAJOR_TEXT, mr_json_text(value));
    else if (yyjson_is_bool(value))
        write_head(cbor, MAJOR_SIMPLE, yyjson_is_true(value) ? SIMPLE_TRUE : SIMPLE_FALSE);
    else if (yyjson_is_null(value))
        write_head(cbor, MAJOR_SIMPLE, SIMPLE_NULL);
    else if (is_a(shape, MODEL_TIMESTAMP)) {
        write_head(cbor, MAJOR_TAG, TAG_TIME);
        if (seconds)
            write_double(cbor, mr_json_double(value, 0));
        else
            write_i64(cbor, llround(mr_json_double(value, 0) * 1000));
    } else if (is_a(shape, MODEL_DOUBLE) || is_a(shape, MODEL_FLOAT))
        write_double(cbor, mr_json_double(value, 0));
    else
        write_number(cbor, value);
}
