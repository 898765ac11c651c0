/* The wire types of JSON input. A member of the wrong type is a SerializationException, in the
 * words of the service: DynamoDB's parser speaks differently from that of the other services.
 * AWS: both vocabularies are those that tests against production recorded. */
#include "protocol/internal.h"
#include "base/codec.h"

struct types {
    struct protocol_call *call;
    const struct model_service *service;
    bool dynamodb;
    bool deep; /* into the shapes that only their service looks into, too */
};
/* Where a value stands; DynamoDB words a scalar in a container's place by it. */
enum stand { AS_FIELD, AS_ELEMENT };

static const char *const coral_names[] = {
    [MODEL_STRING] = "an String", [MODEL_INTEGER] = "an Integer",
    [MODEL_LONG] = "an Long",     [MODEL_FLOAT] = "an Float",
    [MODEL_DOUBLE] = "an Double", [MODEL_BOOLEAN] = "an Boolean",
    [MODEL_BLOB] = "a Blob",      [MODEL_TIMESTAMP] = "milliseconds since epoch",
};
static const char *const java_names[] = {
    [MODEL_STRING] = "String", [MODEL_INTEGER] = "Integer", [MODEL_LONG] = "Long",
    [MODEL_FLOAT] = "Float",   [MODEL_DOUBLE] = "Double",   [MODEL_BOOLEAN] = "Boolean",
    [MODEL_BLOB] = "Blob",     [MODEL_TIMESTAMP] = "Date",
};

/* "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.Condition>" */
static struct mr_slice java_map(struct types *types, const struct model_shape *shape)
{
    const char *package = "com.amazonaws.dynamodb.v20120810.";
    const struct model_shape *value =
        &types->service->shapes[model_members(types->service, shape)[1].shape];
    const bool list = value->type == MODEL_LIST;
    if (list)
        value = &types->service->shapes[model_members(types->service, value)[0].shape];
    struct mr_slice name = model_text(types->service, value->name);
    if (value->type == MODEL_STRING) {
        package = "java.lang.";
        name = MR_S("String");
    }
    return mr_arena_printf(types->call->arena, "java.util.Map<java.lang.String, %s%s%.*s%s>",
                           list ? "java.util.List<" : "", package, MR_ARG(name), list ? ">" : "");
}

static void mismatch_array(struct types *types, const struct model_shape *shape)
{
    struct mr_slice wanted;
    if (shape->type == MODEL_STRUCTURE)
        wanted = mr_arena_printf(types->call->arena, "class com.amazonaws.dynamodb.v20120810.%.*s",
                                 MR_ARG(model_text(types->service, shape->name)));
    else if (shape->type == MODEL_MAP)
        wanted = java_map(types, shape);
    else if (shape->type == MODEL_BLOB)
        wanted = MR_S("class java.nio.ByteBuffer");
    else
        wanted = mr_arena_printf(types->call->arena, "class java.lang.%s", java_names[shape->type]);
    protocol_fail(types->call, &protocol_serialization, "Unrecognized collection type %.*s",
                  MR_ARG(wanted));
}

/* A scalar where a structure, list or map should be. */
static const char *scalar_for_container(const struct model_shape *shape, enum stand stand)
{
    if (stand == AS_FIELD)
        return "Unexpected field type";
    if (shape->type == MODEL_STRUCTURE)
        return "Unexpected value type in payload";
    return "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to "
           "class java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl "
           "and java.lang.Class are in module java.base of loader 'bootstrap')";
}

static void mismatch_dynamodb(struct types *types, const struct model_shape *shape,
                              yyjson_val *value, enum stand stand)
{
    struct protocol_call *call = types->call;
    const struct protocol_fault *fault = &protocol_serialization;
    if (yyjson_is_obj(value))
        protocol_fail(call, fault, "Start of structure or map found where not expected");
    else if (yyjson_is_arr(value))
        mismatch_array(types, shape);
    else if (shape->type <= MODEL_MAP)
        protocol_fail(call, fault, "%s", scalar_for_container(shape, stand));
    else if (shape->type == MODEL_BLOB)
        protocol_fail(call, fault, "only base-64-encoded strings are convertible to bytes");
    else if (shape->type == MODEL_BOOLEAN && yyjson_is_str(value))
        protocol_fail(call, fault, "Unexpected token received from parser");
    else {
        const struct mr_slice text = mr_json_text(value);
        const char *token = yyjson_is_true(value)                 ? "TRUE_VALUE"
                            : yyjson_is_false(value)              ? "FALSE_VALUE"
                            : yyjson_is_str(value)                ? "STRING_VALUE"
                            : mr_slice_find(text, '.') < text.len ? "DECIMAL_VALUE"
                                                                  : "NUMBER_VALUE";
        protocol_fail(call, fault, "%s cannot be converted to %s", token, java_names[shape->type]);
    }
}

static void mismatch_coral(struct types *types, const struct model_shape *shape, yyjson_val *value)
{
    struct protocol_call *call = types->call;
    const struct protocol_fault *fault = &protocol_serialization;
    if (yyjson_is_arr(value))
        protocol_fail(call, fault, "Start of list found where not expected");
    else if (yyjson_is_obj(value))
        protocol_fail(call, fault, "Start of structure or map found where not expected.");
    else if (shape->type == MODEL_STRUCTURE)
        protocol_fail(call, fault, "Expected null");
    else if (shape->type == MODEL_LIST || shape->type == MODEL_MAP)
        protocol_fail(call, fault, "Expected %s or null",
                      shape->type == MODEL_LIST ? "list" : "map");
    else if (shape->type == MODEL_BOOLEAN && yyjson_is_str(value))
        protocol_fail(call, fault, "'%.*s' can not be converted to an Boolean",
                      MR_ARG(mr_json_text(value)));
    else
        protocol_fail(call, fault, "class %s can not be converted to %s",
                      yyjson_is_bool(value)  ? "java.lang.Boolean"
                      : yyjson_is_str(value) ? "java.lang.String"
                                             : "com.amazon.coral.value.json.numbers."
                                               "TruncatingBigNumber",
                      coral_names[shape->type]);
}

static void mismatch(struct types *types, const struct model_shape *shape, yyjson_val *value,
                     enum stand stand)
{
    if (types->dynamodb)
        mismatch_dynamodb(types, shape, value, stand);
    else
        mismatch_coral(types, shape, value);
}

static void check_blob(struct types *types, const struct model_shape *shape, yyjson_val *value)
{
    const struct mr_slice text = mr_json_text(value);
    if (!yyjson_is_str(value)) {
        mismatch(types, shape, value, AS_FIELD);
        return;
    }
    const char *lead = types->dynamodb ? "" : "' can not be converted to a Blob: ";
    const struct mr_slice shown = types->dynamodb ? MR_S("") : text;
    const char *quote = types->dynamodb ? "" : "'";
    if (text.len % 4 != 0) {
        protocol_fail(types->call, &protocol_serialization,
                      "%s%.*s%sBase64 encoded length is expected a multiple of 4 bytes but found: "
                      "%zu",
                      quote, MR_ARG(shown), lead, text.len);
        return;
    }
    size_t pad = 0;
    while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
        pad++;
    size_t letters = mr_base64_letters(text);
    if (letters >= text.len - pad)
        return;
    if (types->dynamodb)
        protocol_fail(types->call, &protocol_serialization,
                      "Invalid last non-pad Base64 character dectected");
    else
        protocol_fail(types->call, &protocol_serialization,
                      "%s%.*s%sInvalid Base64 character: '%c'", quote, MR_ARG(shown), lead,
                      text.ptr[letters]);
}

static void check(struct types *types, const struct model_shape *shape, yyjson_val *value,
                  enum stand stand);

static void check_structure(struct types *types, const struct model_shape *shape, yyjson_val *value)
{
    size_t i, count;
    yyjson_val *key, *member;
    yyjson_obj_foreach(value, i, count, key, member)
    {
        const struct model_member *found =
            model_member_find(types->service, shape, mr_json_text(key));
        if (found != NULL && !yyjson_is_null(member))
            check(types, &types->service->shapes[found->shape], member, AS_FIELD);
        if (protocol_failed(types->call))
            return;
    }
}

static void check_map(struct types *types, const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(types->service, shape);
    const struct model_shape *element = &types->service->shapes[members[1].shape];
    size_t i, count;
    yyjson_val *key, *member;
    yyjson_obj_foreach(value, i, count, key, member)
    {
        if (!yyjson_is_null(member))
            check(types, element, member, AS_ELEMENT);
        if (protocol_failed(types->call))
            return;
    }
}

static void check_list(struct types *types, const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(types->service, shape);
    const struct model_shape *element = &types->service->shapes[members[0].shape];
    size_t i, count;
    yyjson_val *member;
    yyjson_arr_foreach(value, i, count, member)
    {
        if (!yyjson_is_null(member))
            check(types, element, member, AS_ELEMENT);
        if (protocol_failed(types->call))
            return;
    }
}

/* AWS: DynamoDB takes some words for booleans. */
static void take_flag(yyjson_val *value)
{
    bool flag;
    if (mr_json_word_bool(value, &flag))
        yyjson_set_bool(value, flag);
}

/* AWS: the number's class says it in its name. 1.5 is 1 where an integer is wanted. */
static void truncate_number(yyjson_val *value)
{
    const struct mr_slice text = mr_json_text(value);
    const size_t dot = mr_slice_find(text, '.');
    if (dot != SIZE_MAX && mr_slice_find(text, 'e') == SIZE_MAX &&
        mr_slice_find(text, 'E') == SIZE_MAX)
        yyjson_set_raw(value, text.ptr, dot);
}

static bool type_fits(const struct model_shape *shape, yyjson_val *value)
{
    switch ((enum model_type)shape->type) {
    case MODEL_STRUCTURE:
    case MODEL_MAP: return yyjson_is_obj(value);
    case MODEL_LIST: return yyjson_is_arr(value);
    case MODEL_BOOLEAN: return yyjson_is_bool(value);
    case MODEL_STRING: return yyjson_is_str(value);
    case MODEL_FLOAT:
    case MODEL_DOUBLE: return mr_json_is_number(value) || yyjson_is_str(value);
    case MODEL_INTEGER:
    case MODEL_LONG:
    case MODEL_TIMESTAMP: return mr_json_is_number(value);
    case MODEL_BLOB: return true;
    }
    return true;
}

static void check(struct types *types, const struct model_shape *shape, yyjson_val *value,
                  enum stand stand)
{
    if (shape->flags & MODEL_DOCUMENT)
        return;
    if (types->dynamodb && shape->type == MODEL_BOOLEAN)
        take_flag(value);
    if (!type_fits(shape, value)) {
        mismatch(types, shape, value, stand);
        return;
    }
    if ((shape->flags & MODEL_OPAQUE) && !types->deep)
        return;
    if (shape->type == MODEL_INTEGER || shape->type == MODEL_LONG)
        truncate_number(value);
    switch ((enum model_type)shape->type) {
    case MODEL_STRUCTURE: check_structure(types, shape, value); break;
    case MODEL_MAP: check_map(types, shape, value); break;
    case MODEL_LIST: check_list(types, shape, value); break;
    case MODEL_BLOB: check_blob(types, shape, value); break;
    default: break;
    }
}

static void check_input(struct protocol_call *call, const struct model_shape *shape,
                        yyjson_val *value, bool deep)
{
    struct types types = {.call = call,
                          .service = call->priv->service->model,
                          .dynamodb = call->priv->service->model->name[0] == 'd',
                          .deep = deep};
    check(&types, shape, value, AS_FIELD);
}

void json_types_check(struct protocol_call *call, const struct model_shape *shape,
                      yyjson_val *value)
{
    check_input(call, shape, value, false);
}

void json_types_settle(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    const struct protocol_fault *fault = priv->fault;
    const struct mr_slice message = priv->message;
    const bool refused = strcmp(fault->code, "ValidationException") == 0 ||
                         strcmp(fault->code, "SerializationException") == 0;
    if (!refused || call->in == NULL || priv->service == NULL ||
        strcmp(priv->service->model->name, "dynamodb") != 0)
        return;
    const struct model_shape *input = model_shape_at(priv->service->model, call->operation->input);
    if (input == NULL)
        return;
    priv->fault = NULL;
    check_input(call, input, call->in, true);
    if (priv->fault != NULL)
        return;
    priv->fault = fault;
    priv->message = message;
}
