/* From parsed JSON to encoded bytes in one pass, checking as AWS does, in AWS's words. */
#include "base/codec.h"
#include "item/item.h"
#include <assert.h>
#include <stdlib.h>

#define INVALID "One or more parameter values were invalid: "

struct encoder {
    struct item_writer writer;
    struct mr_slice *error;
};

static enum mr_status encode_value(struct encoder *encoder, yyjson_val *attribute_value,
                                   unsigned depth, uint64_t *size);

static enum mr_status refuse(struct encoder *encoder, struct mr_slice text)
{
    *encoder->error = text;
    return MR_INVALID;
}

static enum mr_status refuse_number(struct encoder *encoder, enum item_number_outcome outcome,
                                    struct mr_slice text)
{
    struct mr_arena *arena = encoder->writer.arena;
    switch (outcome) {
    case ITEM_NUMBER_OVERFLOW:
        return refuse(encoder, MR_S("Number overflow. Attempting to store a number with magnitude "
                                    "larger than supported range"));
    case ITEM_NUMBER_UNDERFLOW:
        return refuse(encoder, MR_S("Number underflow. Attempting to store a number with magnitude "
                                    "smaller than supported range"));
    case ITEM_NUMBER_PRECISION:
        return refuse(encoder,
                      MR_S("Attempting to store more than 38 significant digits in a Number"));
    default: break;
    }
    if (text.len == 0)
        return refuse(encoder, MR_S("The parameter cannot be converted to a numeric value"));
    return refuse(encoder, mr_arena_printf(
                               arena, "The parameter cannot be converted to a numeric value: %.*s",
                               MR_ARG(text)));
}

static struct mr_slice string_of(yyjson_val *value)
{
    return mr_slice_make(yyjson_get_str(value), yyjson_get_len(value));
}

/* The JSON is not of the wire's types: what DynamoDB's parser says, before it validates anything.
 * `java` is the name of the type that should have stood there. */
static enum mr_status refuse_wire(struct encoder *encoder, const char *java, yyjson_val *value)
{
    struct mr_arena *arena = encoder->writer.arena;
    const char *token = yyjson_is_true(value)    ? "TRUE_VALUE"
                        : yyjson_is_false(value) ? "FALSE_VALUE"
                        : yyjson_is_str(value)   ? "STRING_VALUE"
                                                 : "NUMBER_VALUE";
    if (yyjson_is_obj(value))
        *encoder->error = MR_S("Start of structure or map found where not expected");
    else if (yyjson_is_arr(value))
        *encoder->error = mr_arena_printf(arena, "Unrecognized collection type %s", java);
    else if (strncmp(java, "class java.lang.", 16) == 0)
        *encoder->error = mr_arena_printf(arena, "%s cannot be converted to %s", token, java + 16);
    else
        *encoder->error = MR_S("Unexpected field type");
    return MR_FAULT;
}

/* The bytes of a JSON string as an S, N or B holds them, and their size. */
static enum mr_status scalar_bytes(struct encoder *encoder, enum item_type type, yyjson_val *value,
                                   struct item_number *number, struct mr_slice *ret_bytes,
                                   uint64_t *size)
{
    if (!yyjson_is_str(value))
        return refuse_wire(encoder, "class java.lang.String", value);
    struct mr_slice text = string_of(value);
    *ret_bytes = text;
    if (type == ITEM_N) {
        enum item_number_outcome outcome = item_number_parse(text, number);
        if (outcome != ITEM_NUMBER_OK)
            return refuse_number(encoder, outcome, text);
        *ret_bytes = item_number_slice(number);
        *size += item_number_size(*ret_bytes);
        return MR_OK;
    }
    if (type == ITEM_B && mr_base64_decode(encoder->writer.arena, text, ret_bytes) != MR_OK) {
        *encoder->error = MR_S("Invalid Base64 text");
        return MR_FAULT;
    }
    *size += ret_bytes->len;
    return MR_OK;
}

static enum mr_status encode_scalar(struct encoder *encoder, enum item_type type, yyjson_val *value,
                                    uint64_t *size)
{
    struct item_number number;
    struct mr_slice bytes;
    enum mr_status status = scalar_bytes(encoder, type, value, &number, &bytes, size);
    if (status != MR_OK)
        return status;
    item_write_byte(&encoder->writer, (uint8_t)type);
    item_write_bytes(&encoder->writer, bytes);
    return MR_OK;
}

static enum mr_status encode_flag(struct encoder *encoder, enum item_type type, yyjson_val *value,
                                  uint64_t *size)
{
    bool flag = yyjson_is_true(value);
    *size += 1;
    if (!yyjson_is_bool(value) && !mr_json_word_bool(value, &flag))
        return refuse_wire(encoder, "class java.lang.Boolean", value);
    if (type == ITEM_NULL && !flag)
        return refuse(encoder,
                      MR_S(INVALID "Null attribute value types must have the value of true"));
    item_write_byte(&encoder->writer, (uint8_t)type);
    if (type == ITEM_BOOL)
        item_write_byte(&encoder->writer, flag ? 1 : 0);
    return MR_OK;
}

/* "[a, b, a]", as the message about duplicates shows the request's list. */
static struct mr_slice list_text(struct mr_arena *arena, yyjson_val *list)
{
    struct item_writer text = item_writer_make(arena, 64);
    item_write_byte(&text, '[');
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *member; (member = yyjson_arr_iter_next(&iter)) != NULL;) {
        if (text.len > 1)
            item_write_raw(&text, MR_S(", "));
        item_write_raw(&text, string_of(member));
    }
    item_write_byte(&text, ']');
    return item_writer_slice(&text);
}

static enum mr_status refuse_empty(struct encoder *encoder, enum item_type type)
{
    if (type == ITEM_SS)
        return refuse(encoder, MR_S(INVALID "An string set  may not be empty"));
    if (type == ITEM_NS)
        return refuse(encoder, MR_S(INVALID "An number set  may not be empty"));
    return refuse(encoder, MR_S(INVALID "Binary sets should not be empty"));
}

static enum mr_status refuse_duplicates(struct encoder *encoder, enum item_type type,
                                        yyjson_val *list)
{
    if (type == ITEM_NS)
        return refuse(encoder, MR_S("Input collection contains duplicates"));
    struct mr_arena *arena = encoder->writer.arena;
    struct mr_slice text = list_text(arena, list);
    if (type == ITEM_SS)
        return refuse(encoder,
                      mr_arena_printf(arena, INVALID "Input collection %.*s contains duplicates.",
                                      MR_ARG(text)));
    return refuse(encoder,
                  mr_arena_printf(arena,
                                  INVALID "Input collection %.*sof type BS contains duplicates.",
                                  MR_ARG(text)));
}

static enum mr_status set_members(struct encoder *encoder, enum item_type type, yyjson_val *list,
                                  struct mr_slice *members, uint64_t *size)
{
    struct mr_arena *arena = encoder->writer.arena;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *member; (member = yyjson_arr_iter_next(&iter)) != NULL; members++) {
        struct item_number *number =
            type == ITEM_NS ? mr_arena_alloc(arena, sizeof(*number)) : NULL;
        if (type == ITEM_SS && yyjson_is_null(member))
            return refuse(encoder,
                          MR_S(INVALID "An string set may not have a null string as a member"));
        enum mr_status status =
            scalar_bytes(encoder, item_set_member_type(type), member, number, members, size);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status encode_set(struct encoder *encoder, enum item_type type, yyjson_val *list,
                                 uint64_t *size)
{
    size_t count = yyjson_arr_size(list);
    if (!yyjson_is_arr(list))
        return refuse_wire(encoder, "java.util.List", list);
    if (count == 0)
        return refuse_empty(encoder, type);
    struct mr_arena *arena = encoder->writer.arena;
    struct mr_slice *members = mr_arena_alloc(arena, count * sizeof(members[0]));
    enum mr_status status = set_members(encoder, type, list, members, size);
    if (status != MR_OK)
        return status;
    struct item_value set = item_set_make(arena, type, members, count);
    for (size_t i = 1; i < count; i++) {
        if (mr_slice_equal(members[i - 1], members[i]))
            return refuse_duplicates(encoder, type, list);
    }
    item_write_raw(&encoder->writer, set.raw);
    return MR_OK;
}

struct named {
    struct mr_slice name;
    yyjson_val *value;
    size_t at; /* in the request */
};

static int named_order(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = mr_slice_compare(left->name, right->name);
    return order != 0 ? order : (left->at < right->at ? -1 : 1);
}

/* Few fields are the rule, and then often in order: insertion beats qsort. */
static void named_sort(struct named *named, size_t count)
{
    if (count > 24) {
        qsort(named, count, sizeof(named[0]), named_order);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct named moving = named[i];
        size_t to = i;
        for (; to > 0 && mr_slice_compare(named[to - 1].name, moving.name) > 0; to--)
            named[to] = named[to - 1];
        named[to] = moving;
    }
}

/* The object's members sorted by name; of equal names the last one wins, as in Java's parsers. */
static struct named *named_of(struct mr_arena *arena, yyjson_val *object, size_t *ret_count)
{
    size_t count = yyjson_obj_size(object), kept = 0;
    struct named *named = mr_arena_alloc(arena, (count + 1) * sizeof(named[0]));
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *key = yyjson_obj_iter_next(&iter);
        named[i] = (struct named){string_of(key), yyjson_obj_iter_get_val(key), i};
    }
    named_sort(named, count);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && mr_slice_equal(named[kept - 1].name, named[i].name))
            kept--;
        named[kept++] = named[i];
    }
    *ret_count = kept;
    return named;
}

/* Count and fields; `per_field` is what each adds to the size beside its name and value. */
static enum mr_status encode_fields(struct encoder *encoder, yyjson_val *object, unsigned depth,
                                    uint64_t per_field, uint64_t *size)
{
    size_t count;
    struct named *named = named_of(encoder->writer.arena, object, &count);
    item_write_varint(&encoder->writer, count);
    for (size_t i = 0; i < count; i++) {
        if (named[i].name.len == 0)
            return refuse(encoder, MR_S(INVALID "Empty attribute name"));
        if (named[i].name.len > ITEM_NAME_MAX)
            return refuse(encoder, MR_S(INVALID "Attribute name is too large, must be less than "
                                                "65536 bytes"));
        *size += named[i].name.len + per_field;
        item_write_bytes(&encoder->writer, named[i].name);
        enum mr_status status = encode_value(encoder, named[i].value, depth, size);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status encode_elements(struct encoder *encoder, yyjson_val *list, unsigned depth,
                                      uint64_t *size)
{
    item_write_varint(&encoder->writer, yyjson_arr_size(list));
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *element; (element = yyjson_arr_iter_next(&iter)) != NULL;) {
        *size += 1;
        enum mr_status status = encode_value(encoder, element, depth, size);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static enum mr_status encode_container(struct encoder *encoder, enum item_type type,
                                       yyjson_val *value, unsigned depth, uint64_t *size)
{
    if (type == ITEM_L ? !yyjson_is_arr(value) : !yyjson_is_obj(value))
        return refuse_wire(encoder,
                           type == ITEM_L ? "java.util.List"
                                          : "java.util.Map<java.lang.String, "
                                            "com.amazonaws.dynamodb.v20120810.AttributeValue>",
                           value);
    if (depth >= ITEM_DEPTH_MAX)
        return refuse(encoder, MR_S("Nesting Levels have exceeded supported limits: Attributes in "
                                    "the item have nested levels beyond supported limit"));
    item_write_byte(&encoder->writer, (uint8_t)type);
    item_write_raw(&encoder->writer, MR_S("\0\0\0\0"));
    size_t start = encoder->writer.len;
    *size += 3;
    enum mr_status status = type == ITEM_L ? encode_elements(encoder, value, depth + 1, size)
                                           : encode_fields(encoder, value, depth + 1, 1, size);
    if (status != MR_OK)
        return status;
    uint32_t behind = (uint32_t)(encoder->writer.len - start);
    memcpy(encoder->writer.data + start - 4, &behind, sizeof(behind));
    return MR_OK;
}

/* The one known type among an AttributeValue's members: ITEM_NONE and how many there are otherwise.
 */
static enum item_type type_of(yyjson_val *attribute_value, yyjson_val **ret_value,
                              size_t *ret_count)
{
    enum item_type found = ITEM_NONE;
    *ret_count = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(attribute_value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        enum item_type type = item_type_parse(string_of(key));
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (type == ITEM_NONE || yyjson_is_null(value))
            continue;
        found = type;
        *ret_value = value;
        ++*ret_count;
    }
    return found;
}

static enum mr_status encode_typed(struct encoder *encoder, enum item_type type, yyjson_val *value,
                                   unsigned depth, uint64_t *size)
{
    switch (type) {
    case ITEM_S:
    case ITEM_N:
    case ITEM_B: return encode_scalar(encoder, type, value, size);
    case ITEM_BOOL:
    case ITEM_NULL: return encode_flag(encoder, type, value, size);
    case ITEM_L:
    case ITEM_M: return encode_container(encoder, type, value, depth, size);
    default: return encode_set(encoder, type, value, size);
    }
}

/* AWS: what is wrong with one of the values is told before that they are several. */
static enum mr_status refuse_several(struct encoder *encoder, yyjson_val *attribute_value,
                                     unsigned depth)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(attribute_value);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        enum item_type type = item_type_parse(string_of(key));
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        uint64_t size = 0;
        if (type == ITEM_NONE || yyjson_is_null(value))
            continue;
        enum mr_status status = encode_typed(encoder, type, value, depth, &size);
        if (status != MR_OK)
            return status;
    }
    return refuse(encoder, MR_S("Supplied AttributeValue has more than one datatypes set, must "
                                "contain exactly one of the supported datatypes"));
}

static enum mr_status encode_value(struct encoder *encoder, yyjson_val *attribute_value,
                                   unsigned depth, uint64_t *size)
{
    yyjson_val *value = NULL;
    size_t count;
    if (!yyjson_is_obj(attribute_value))
        return refuse_wire(encoder, "class com.amazonaws.dynamodb.v20120810.AttributeValue",
                           attribute_value);
    enum item_type type = type_of(attribute_value, &value, &count);
    if (count == 0)
        return refuse(encoder, MR_S("Supplied AttributeValue is empty, must contain exactly one of "
                                    "the supported datatypes"));
    if (count > 1)
        return refuse_several(encoder, attribute_value, depth);
    return encode_typed(encoder, type, value, depth, size);
}

enum mr_status item_encode(struct mr_arena *arena, yyjson_val *attributes,
                           struct mr_slice *ret_item, struct mr_slice *ret_error)
{
    struct encoder encoder = {.writer = item_writer_make(arena, 512), .error = ret_error};
    uint64_t size = 0;
    item_write_raw(&encoder.writer, MR_S("\1\0\0\0\0"));
    enum mr_status status = encode_fields(&encoder, attributes, 1, 0, &size);
    if (status != MR_OK)
        return status;
    assert(size <= UINT32_MAX);
    uint32_t size32 = (uint32_t)size;
    memcpy(encoder.writer.data + 1, &size32, sizeof(size32));
    *ret_item = item_writer_slice(&encoder.writer);
    return MR_OK;
}

enum mr_status item_value_encode(struct mr_arena *arena, yyjson_val *attribute_value,
                                 struct item_value *ret_value, struct mr_slice *ret_error)
{
    struct encoder encoder = {.writer = item_writer_make(arena, 64), .error = ret_error};
    uint64_t size = 0;
    enum mr_status status = encode_value(&encoder, attribute_value, 1, &size);
    if (status == MR_OK)
        *ret_value = item_value_read(item_writer_slice(&encoder.writer));
    return status;
}
