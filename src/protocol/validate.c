/* The generic validation of an input against its model, in AWS's words.
 *
 *   2 validation errors detected: Value null at 'streamName' failed to satisfy constraint: Member
 *   must not be null; Value '0' at 'shardCount' failed to satisfy constraint: Member must have
 * value greater than or equal to 1
 *
 * Members are looked at in the model's order, at most VALIDATE_ERRORS_MAX errors are told. Nothing
 * is allocated while all is well. */
#include "base/codec.h"
#include "protocol/internal.h"
#include "protocol/pattern.h"
#include <limits.h>

enum { VALIDATE_ERRORS_MAX = 10, VALIDATE_SHOWN_BYTES_MAX = 16384 };

/* Where the walk is: a chain from the value up to the input. */
struct place {
    const struct place *up;
    struct mr_slice name; /* ptr NULL: element `index` of a list */
    size_t index;
    bool decapitalize;
};

struct validation {
    struct protocol_call *call;
    struct protocol_service *service;
    const struct model_service *model;
    struct mr_buf text; /* the errors so far; empty until the first */
    size_t errors;
    bool echo; /* tell the value */
};

static void path_append(struct mr_buf *buf, const struct place *place)
{
    if (place == NULL)
        return;
    path_append(buf, place->up);
    if (place->up != NULL)
        mr_buf_byte(buf, '.');
    if (place->name.ptr == NULL) {
        mr_buf_printf(buf, "%zu.member", place->index + 1);
        return;
    }
    const size_t start = buf->len;
    mr_buf_append(buf, place->name);
    char *first = buf->data + start;
    if (place->decapitalize && place->name.len > 0 && *first >= 'A' && *first <= 'Z')
        *first = (char)(*first - 'A' + 'a');
}

static void shown_append(struct mr_buf *buf, yyjson_val *value, size_t depth)
{
    size_t i, count;
    yyjson_val *key, *item;
    if (buf->len > VALIDATE_SHOWN_BYTES_MAX || depth > 8)
        return;
    if (yyjson_is_arr(value)) {
        mr_buf_byte(buf, '[');
        yyjson_arr_foreach(value, i, count, item)
        {
            if (i > 0)
                mr_buf_append(buf, MR_S(", "));
            shown_append(buf, item, depth + 1);
        }
        mr_buf_byte(buf, ']');
    } else if (yyjson_is_obj(value)) {
        mr_buf_byte(buf, '{');
        yyjson_obj_foreach(value, i, count, key, item)
        {
            mr_buf_printf(buf, "%s%.*s=", i > 0 ? ", " : "", MR_ARG(mr_json_text(key)));
            shown_append(buf, item, depth + 1);
        }
        mr_buf_byte(buf, '}');
    } else if (yyjson_is_bool(value)) {
        mr_buf_append(buf, yyjson_is_true(value) ? MR_S("true") : MR_S("false"));
    } else {
        mr_buf_append(buf, mr_json_text(value));
    }
}

/* Begins an error; the caller appends the constraint. False when there are enough of them. */
static bool error_begin(struct validation *validation, const struct place *place,
                        const struct model_shape *shape, yyjson_val *value)
{
    if (validation->errors == VALIDATE_ERRORS_MAX)
        return false;
    struct mr_buf *buf = &validation->text;
    if (validation->errors++ > 0)
        mr_buf_append(buf, MR_S("; "));
    if (value == NULL) {
        mr_buf_append(buf, MR_S("Value null at '"));
    } else if (!validation->echo || (shape->flags & MODEL_SENSITIVE)) {
        mr_buf_append(buf, MR_S("Value at '"));
    } else {
        mr_buf_append(buf, MR_S("Value '"));
        struct mr_buf shown = {0};
        shown_append(&shown, value, 0);
        mr_buf_append(buf, mr_slice_sub(mr_buf_slice(&shown), 0, VALIDATE_SHOWN_BYTES_MAX));
        mr_buf_fini(&shown);
        mr_buf_append(buf, MR_S("' at '"));
    }
    path_append(buf, place);
    mr_buf_append(buf, MR_S("' failed to satisfy constraint: "));
    return true;
}

static const char *measure(const struct model_shape *shape)
{
    return shape->type >= MODEL_INTEGER && shape->type <= MODEL_DOUBLE ? "value" : "length";
}

static void enum_append(struct mr_buf *buf, const struct model_service *model,
                        const struct model_shape *shape)
{
    mr_buf_append(buf, MR_S("Member must satisfy enum value set: ["));
    for (uint32_t i = 0; i < shape->enum_count; i++)
        mr_buf_printf(buf, "%s%.*s", i > 0 ? ", " : "",
                      MR_ARG(model_text(model, model->enums[shape->enums + i])));
    mr_buf_byte(buf, ']');
}

/* All constraints of an element, as the error of its container lists them. */
static void constraints_append(struct mr_buf *buf, const struct model_service *model,
                               const struct model_shape *shape)
{
    const char *separator = "";
    mr_buf_byte(buf, '[');
    if (shape->flags & MODEL_HAS_MAX) {
        mr_buf_printf(buf, "Member must have %s less than or equal to %lld", measure(shape),
                      (long long)shape->max);
        separator = ", ";
    }
    if (shape->flags & MODEL_HAS_MIN) {
        mr_buf_printf(buf, "%sMember must have %s greater than or equal to %lld", separator,
                      measure(shape), (long long)shape->min);
        separator = ", ";
    }
    if (shape->pattern != 0) {
        mr_buf_printf(buf, "%sMember must satisfy regular expression pattern: %.*s", separator,
                      MR_ARG(model_text(model, shape->pattern)));
        separator = ", ";
    }
    if (shape->enum_count > 0) {
        mr_buf_append(buf, mr_slice_cstr(separator));
        enum_append(buf, model, shape);
    }
    mr_buf_byte(buf, ']');
}

static bool enum_has(const struct model_service *model, const struct model_shape *shape,
                     struct mr_slice text)
{
    for (uint32_t i = 0; i < shape->enum_count; i++)
        if (mr_slice_equal(model_text(model, model->enums[shape->enums + i]), text))
            return true;
    return false;
}

static bool pattern_fits(struct validation *validation, const struct model_shape *shape,
                         struct mr_slice text)
{
    const size_t index = (size_t)(shape - validation->model->shapes);
    return pattern_cached_matches(&validation->service->patterns[index],
                                  model_text(validation->model, shape->pattern), text);
}

/* What min and max measure: characters, decoded bytes, elements; or the number itself. */
static int64_t measured(const struct model_shape *shape, yyjson_val *value)
{
    const struct mr_slice text = mr_json_text(value);
    switch ((enum model_type)shape->type) {
    case MODEL_STRING: return (int64_t)mr_slice_utf8_length(text);
    case MODEL_BLOB: return (int64_t)mr_base64_decoded_size(text);
    case MODEL_LIST:
    case MODEL_MAP: return (int64_t)yyjson_get_len(value);
    default: return mr_json_i64(value, 0);
    }
}

static long long largest(const struct model_shape *shape)
{
    return shape->flags & MODEL_HAS_MAX ? shape->max : INT64_MAX;
}

enum { OUT_BELOW = 1, OUT_ABOVE = 2, OUT_PATTERN = 4, OUT_ENUM = 8 };

static int bounds_broken(const struct model_shape *shape, yyjson_val *value)
{
    if (!(shape->flags & (MODEL_HAS_MIN | MODEL_HAS_MAX)))
        return 0;
    if (shape->type == MODEL_FLOAT || shape->type == MODEL_DOUBLE) {
        const double number = mr_json_double(value, 0);
        return ((shape->flags & MODEL_HAS_MIN) && number < (double)shape->min ? OUT_BELOW : 0) |
               ((shape->flags & MODEL_HAS_MAX) && number > (double)shape->max ? OUT_ABOVE : 0);
    }
    if (mr_json_is_number(value) && mr_json_double(value, 0) >= 0x1p63)
        return OUT_ABOVE; /* no bound is beyond 64 bits, nor does a number count that is */
    const int64_t size = measured(shape, value);
    return ((shape->flags & MODEL_HAS_MIN) && size < shape->min ? OUT_BELOW : 0) |
           ((shape->flags & MODEL_HAS_MAX) && size > shape->max ? OUT_ABOVE : 0);
}

/* The constraints that the value itself breaks; not those of what it contains. */
static int broken(struct validation *validation, const struct model_shape *shape, yyjson_val *value)
{
    int out = bounds_broken(shape, value);
    if (shape->type != MODEL_STRING)
        return out;
    const struct mr_slice text = mr_json_text(value);
    if ((shape->flags & MODEL_TABLE_ARN) && mr_slice_starts_with(text, MR_S("arn:")))
        return 0;
    if ((shape->flags & MODEL_TABLE_ARN) && text.len == 0)
        return OUT_BELOW; /* AWS: nothing else is told of an empty name */
    if (shape->pattern != 0 && !pattern_fits(validation, shape, text))
        out |= OUT_PATTERN;
    if (shape->enum_count > 0 && !enum_has(validation->model, shape, text))
        out |= OUT_ENUM;
    return out;
}

static void broken_tell(struct validation *validation, const struct place *place,
                        const struct model_shape *shape, yyjson_val *value, int out)
{
    struct mr_buf *buf = &validation->text;
    if ((out & OUT_PATTERN) && error_begin(validation, place, shape, value))
        mr_buf_printf(buf, "Member must satisfy regular expression pattern: %.*s",
                      MR_ARG(model_text(validation->model, shape->pattern)));
    if ((out & OUT_ABOVE) && error_begin(validation, place, shape, value))
        mr_buf_printf(buf, "Member must have %s less than or equal to %lld", measure(shape),
                      largest(shape));
    if ((out & OUT_BELOW) && error_begin(validation, place, shape, value)) {
        /* AWS: an empty name of a table breaks the model's bound, a short one that of names */
        const bool empty = (shape->flags & MODEL_TABLE_ARN) && measured(shape, value) == 0;
        mr_buf_printf(buf, "Member must have %s greater than or equal to %lld", measure(shape),
                      empty ? 1LL : (long long)shape->min);
    }
    if ((out & OUT_ENUM) && error_begin(validation, place, shape, value))
        enum_append(buf, validation->model, shape);
}

/* An element's broken constraint is told as one of its container. */
static void element_tell(struct validation *validation, const struct place *place,
                         const struct model_shape *container, yyjson_val *value, const char *what,
                         const struct model_shape *element)
{
    if (!error_begin(validation, place, container, value))
        return;
    mr_buf_printf(&validation->text, "%s must satisfy constraint: ", what);
    constraints_append(&validation->text, validation->model, element);
}

static void walk(struct validation *validation, const struct place *place,
                 const struct model_shape *shape, yyjson_val *value);

static void walk_structure(struct validation *validation, const struct place *place,
                           const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(validation->model, shape);
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct mr_slice name = model_text(validation->model, members[i].name);
        const struct place here = {.up = place, .name = name, .decapitalize = true};
        const struct model_shape *member = &validation->model->shapes[members[i].shape];
        yyjson_val *found = mr_json_getn(value, name);
        if (found != NULL)
            walk(validation, &here, member, found);
        else if ((members[i].flags & MODEL_REQUIRED) &&
                 !(members[i].flags & (MODEL_PAYLOAD | MODEL_MEMBER_STREAMING)) &&
                 error_begin(validation, &here, member, NULL))
            mr_buf_append(&validation->text, MR_S("Member must not be null"));
    }
}

static bool is_container(const struct model_shape *shape)
{
    return shape->type <= MODEL_MAP;
}

static void walk_list(struct validation *validation, const struct place *place,
                      const struct model_shape *shape, yyjson_val *value)
{
    const struct model_shape *element =
        &validation->model->shapes[model_members(validation->model, shape)[0].shape];
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(value, i, count, item)
    {
        const struct place here = {.up = place, .index = i};
        if (yyjson_is_null(item))
            continue;
        if (is_container(element)) {
            walk(validation, &here, element, item);
        } else if (broken(validation, element, item)) {
            element_tell(validation, place, shape, value, "Member", element);
            return;
        }
    }
}

static bool key_is_broken(struct validation *validation, const struct model_shape *shape,
                          yyjson_val *key)
{
    return broken(validation, shape, key) != 0;
}

static void walk_map(struct validation *validation, const struct place *place,
                     const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(validation->model, shape);
    const struct model_shape *key_shape = &validation->model->shapes[members[0].shape];
    const struct model_shape *element = &validation->model->shapes[members[1].shape];
    size_t i, count;
    yyjson_val *key, *item;
    yyjson_obj_foreach(value, i, count, key, item)
    {
        if (key_is_broken(validation, key_shape, key)) {
            element_tell(validation, place, shape, value, "Map keys", key_shape);
            break;
        }
    }
    bool told = false;
    yyjson_obj_foreach(value, i, count, key, item)
    {
        const struct place name = {.up = place, .name = mr_json_text(key)};
        const struct place here = {.up = &name, .name = MR_S_INIT("member")};
        if (yyjson_is_null(item))
            continue;
        if (!told && broken(validation, element, item)) {
            element_tell(validation, place, shape, value, "Map value", element);
            told = true;
        }
        if (element->type == MODEL_LIST)
            walk_list(validation, &here, element, item);
        else if (is_container(element))
            walk(validation, &here, element, item);
    }
}

static bool is_handlers(const struct validation *validation, const struct place *place)
{
    const struct protocol_handler *handler = validation->call->priv->operation->handler;
    return handler != NULL && handler->own_enum != NULL && place != NULL && place->up == NULL &&
           mr_slice_equal(place->name, mr_slice_cstr(handler->own_enum));
}

static void walk(struct validation *validation, const struct place *place,
                 const struct model_shape *shape, yyjson_val *value)
{
    if (shape->flags & (MODEL_OPAQUE | MODEL_DOCUMENT))
        return;
    int out = broken(validation, shape, value);
    if (is_handlers(validation, place))
        out &= ~OUT_ENUM;
    if (out != 0)
        broken_tell(validation, place, shape, value, out);
    if (shape->type == MODEL_STRUCTURE)
        walk_structure(validation, place, shape, value);
    else if (shape->type == MODEL_LIST)
        walk_list(validation, place, shape, value);
    else if (shape->type == MODEL_MAP && !(shape->flags & MODEL_PLAIN_MAP))
        walk_map(validation, place, shape, value);
}

/* AWS: DynamoDB's operations on tables look at the name before all else, in words of their own. */
static bool table_name_check(struct protocol_call *call, const struct model_shape *input)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, input);
    for (size_t i = 0; i < input->member_count; i++) {
        if (!(members[i].flags & MODEL_TABLE_NAME))
            continue;
        yyjson_val *value = mr_json_get(call->in, "TableName");
        if (value == NULL && !(members[i].flags & MODEL_REQUIRED))
            return true;
        const struct mr_slice name = mr_json_text(value);
        if (value == NULL)
            protocol_fail(call, &protocol_validation,
                          "The parameter 'TableName' is required but was not present in the "
                          "request");
        else if (!mr_slice_starts_with(name, MR_S("arn:")) && (name.len < 3 || name.len > 255))
            protocol_fail(call, &protocol_validation,
                          "TableName must be at least 3 characters long and at most 255 "
                          "characters long");
        return !protocol_failed(call);
    }
    return true;
}

/* AWS: S3 has no generic validator; what is missing has words of its own. */
static void validate_s3(struct protocol_call *call, const struct model_shape *input)
{
    static const struct protocol_fault malformed = {"MalformedXML", 400, false};
    static const struct protocol_fault no_body = {"MissingRequestBodyError", 400, false};
    static const struct protocol_fault invalid = {"InvalidRequest", 400, false};
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, input);
    for (size_t i = 0; i < input->member_count; i++) {
        if (!(members[i].flags & MODEL_REQUIRED) ||
            mr_json_getn(call->in, model_text(model, members[i].name)) != NULL)
            continue;
        if ((members[i].flags & MODEL_PAYLOAD) && call->exchange != NULL &&
            call->exchange->body.len == 0)
            protocol_fail(call, &no_body, "Request Body is empty");
        else if (members[i].flags & MODEL_PAYLOAD)
            protocol_fail(call, &malformed,
                          "The XML you provided was not well-formed or did not validate against "
                          "our published schema");
        else if (mr_slice_equal(model_text(model, members[i].wire),
                                MR_S("x-amz-object-attributes")))
            continue; /* has words of its own */
        else
            protocol_fail(call, &invalid, "Missing required %s for this request: %.*s",
                          members[i].location == MODEL_AT_HEADER ? "header" : "parameter",
                          MR_ARG(model_text(model, members[i].wire)));
        return;
    }
}

void validate_input(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    const struct model_service *model = priv->service->model;
    const struct model_shape *input = model_shape_at(model, call->operation->input);
    const struct protocol_handler *handler = priv->operation->handler;
    if (input == NULL || (handler != NULL && (handler->flags & PROTOCOL_NO_VALIDATE)))
        return;
    if (priv->wire == MODEL_REST_XML) {
        validate_s3(call, input);
        return;
    }
    if (!table_name_check(call, input))
        return;
    struct validation validation = {.call = call,
                                    .service = priv->service,
                                    .model = model,
                                    .echo = strcmp(model->name, "firehose") != 0};
    walk_structure(&validation, NULL, input, call->in);
    if (validation.errors > 0)
        protocol_fail(call, fault_validation(model), "%zu validation error%s detected: %.*s",
                      validation.errors, validation.errors == 1 ? "" : "s",
                      MR_ARG(mr_buf_slice(&validation.text)));
    mr_buf_fini(&validation.text);
}
