/* Members that travel as text: in headers, queries, labels, forms and XML. */
#include "base/codec.h"
#include "protocol/internal.h"
#include <math.h>
#include <stdlib.h>

static size_t digits_at(struct mr_slice text, size_t at)
{
    size_t count = 0;
    while (at + count < text.len && text.ptr[at + count] >= '0' && text.ptr[at + count] <= '9')
        count++;
    return count;
}

static size_t sign_at(struct mr_slice text, size_t at)
{
    return at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+');
}

/* "-1", and as a fraction "-1.5e+3": a date is none, though it is of digits and dashes. */
static bool is_number(struct mr_slice text, bool fraction)
{
    size_t at = sign_at(text, 0);
    const size_t whole = digits_at(text, at);
    size_t behind = 0;
    at += whole;
    if (fraction && at < text.len && text.ptr[at] == '.') {
        behind = digits_at(text, at + 1);
        at += 1 + behind;
    }
    if (fraction && at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at += 1 + sign_at(text, at + 1);
        const size_t exponent = digits_at(text, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return whole + behind > 0 && at == text.len && text.len <= 40;
}

static void unreadable(struct protocol_call *call, const struct model_shape *shape,
                       struct mr_slice wire, struct mr_slice text)
{
    static const struct protocol_fault argument = {"InvalidArgument", 400, false};
    if (call->priv->wire == MODEL_QUERY) {
        protocol_fail(call, fault_validation(call->priv->service->model),
                      "Value '%.*s' for member '%.*s' must be a valid %s", MR_ARG(text),
                      MR_ARG(wire), shape->type == MODEL_BOOLEAN ? "boolean" : "number");
        return;
    }
    if (call->priv->wire != MODEL_REST_XML) {
        protocol_fail(call, &protocol_serialization, "'%.*s' can not be converted to %s",
                      MR_ARG(text), shape->type == MODEL_BOOLEAN ? "a Boolean" : "a number");
        return;
    }
    if (wire.len == 0) { /* AWS: a document is held against its schema as a whole */
        xml_malformed(call);
        return;
    }
    if (mr_slice_equal(wire, MR_S("partNumber")))
        protocol_fail(call, &argument,
                      "Part number must be an integer between 1 and 10000, inclusive");
    else
        protocol_fail(call, &argument, "Provided %.*s not an integer or within integer range",
                      MR_ARG(wire));
    protocol_fail_member(call, "ArgumentName", wire);
    protocol_fail_member(call, "ArgumentValue", text);
}

/* Bytes that are no UTF-8 are taken for Latin-1, as HTTP headers once were. */
static struct mr_slice utf8_of(struct mr_arena *arena, struct mr_slice text)
{
    if (mr_slice_is_utf8(text))
        return text;
    char *to = mr_arena_alloc(arena, text.len * 2);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80)
            to[len++] = (char)(0xc0 | c >> 6);
        to[len++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    return mr_slice_make(to, len);
}

bool text_is_absent(const struct protocol_call *call, const struct model_shape *shape,
                    struct mr_slice text)
{
    int64_t epoch_ms;
    /* AWS: a date that cannot be read is as if not sent; S3 has none that are numbers. */
    if (shape->type == MODEL_TIMESTAMP)
        return (call->priv->wire == MODEL_REST_XML || !is_number(text, true)) &&
               mr_date_parse(text, &epoch_ms) != MR_OK;
    return shape->type != MODEL_STRING && shape->type != MODEL_BLOB && text.len == 0;
}

static void number_put(struct mr_json *json, struct mr_arena *arena, struct mr_slice text,
                       bool fraction)
{
    int64_t value;
    if (!fraction && mr_slice_to_i64(text, &value) == MR_OK)
        mr_json_int(json, value);
    else
        mr_json_number(json, strtod(mr_arena_cstr(arena, text), NULL));
}

static bool timestamp_put(const struct protocol_call *call, struct mr_json *json,
                          struct mr_slice text)
{
    int64_t epoch_ms;
    if (call->priv->wire != MODEL_REST_XML && is_number(text, true)) /* S3 has none that are */
        number_put(json, call->arena, text, true);
    else if (mr_date_parse(text, &epoch_ms) == MR_OK)
        mr_json_timestamp(json, epoch_ms);
    else
        return false;
    return true;
}

/* AWS: S3 takes no integer that has more than 32 bits. */
static bool beyond_integer(const struct protocol_call *call, const struct model_shape *shape,
                           struct mr_slice text)
{
    int64_t value;
    return call->priv->wire == MODEL_REST_XML && shape->type == MODEL_INTEGER &&
           (mr_slice_to_i64(text, &value) != MR_OK || value < INT32_MIN || value > INT32_MAX);
}

bool text_put(struct protocol_call *call, struct mr_json *json, const struct model_shape *shape,
              struct mr_slice wire, struct mr_slice text)
{
    const struct mr_slice bare = mr_slice_trim(text);
    switch ((enum model_type)shape->type) {
    case MODEL_INTEGER:
    case MODEL_LONG:
    case MODEL_FLOAT:
    case MODEL_DOUBLE: {
        const bool fraction = shape->type >= MODEL_FLOAT;
        if (!is_number(bare, fraction) || beyond_integer(call, shape, bare)) {
            unreadable(call, shape, wire, text);
            mr_json_null(json);
        } else {
            number_put(json, call->arena, bare, fraction);
        }
        return true;
    }
    case MODEL_BOOLEAN: {
        const bool yes = mr_slice_equal_nocase(bare, MR_S("true"));
        if (!yes && !mr_slice_equal_nocase(bare, MR_S("false")))
            unreadable(call, shape, wire, text);
        mr_json_bool(json, yes);
        return true;
    }
    case MODEL_TIMESTAMP:
        if (!timestamp_put(call, json, bare)) {
            unreadable(call, shape, wire, text);
            mr_json_null(json);
        }
        return true;
    default: mr_json_string(json, utf8_of(call->arena, text)); return true;
    }
}

static struct mr_slice timestamp_text(struct mr_arena *arena, enum model_time time,
                                      yyjson_val *value)
{
    const int64_t epoch_ms = (int64_t)llround(mr_json_double(value, 0) * 1000);
    char text[32];
    if (time == MODEL_TIME_UNIX)
        return mr_arena_printf(arena, "%lld", (long long)(epoch_ms / 1000));
    return mr_arena_copy(arena, time == MODEL_TIME_RFC822 ? mr_date_http(epoch_ms, text)
                                                          : mr_date_iso8601(epoch_ms, text));
}

struct mr_slice scalar_text(struct mr_arena *arena, const struct model_shape *shape,
                            enum model_time fallback, yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_is_true(value) ? MR_S("true") : MR_S("false");
    if (shape->type == MODEL_TIMESTAMP && mr_json_is_number(value))
        return timestamp_text(arena, shape->time != 0 ? (enum model_time)shape->time : fallback,
                              value);
    return mr_json_text(value);
}

struct mr_slice wire_name(const struct model_service *model, const struct model_member *member,
                          bool *ret_flattened)
{
    const struct model_shape *shape = &model->shapes[member->shape];
    *ret_flattened = (member->flags & MODEL_MEMBER_FLATTENED) || (shape->flags & MODEL_FLATTENED);
    if (shape->type == MODEL_LIST && *ret_flattened) {
        const struct model_member *element = model_members(model, shape);
        if (element->wire != element->name)
            return model_text(model, element->wire);
    }
    return model_text(model, member->wire);
}
