/* restJson and restXml: members bound to labels, query, headers, status, payload and body. */
#include "base/codec.h"
#include "protocol/internal.h"
#include "protocol/xml.h"

static const struct protocol_fault malformed_xml = {"MalformedXML", 400, false};
static const struct protocol_fault invalid_uri = {"InvalidURI", 400, false};

/* ---- reading ---- */
static void malformed(struct protocol_call *call)
{
    if (call->priv->wire == MODEL_REST_XML)
        protocol_fail(call, &malformed_xml,
                      "The XML you provided was not well-formed or did not validate against our "
                      "published schema");
    else
        protocol_fail(call, &protocol_serialization, "%s", "");
}

static void named_put(struct protocol_call *call, struct mr_json *json,
                      const struct model_member *member, struct mr_slice text)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[member->shape];
    if (text_is_absent(call, shape, text))
        return;
    mr_json_name(json, model_text(model, member->name));
    (void)text_put(call, json, shape, model_text(model, member->wire), text);
}

static void label_put(struct protocol_call *call, struct mr_json *json,
                      const struct model_member *member)
{
    const struct mr_slice wire = model_text(call->priv->service->model, member->wire);
    for (size_t i = 0; i < call->priv->label_count; i++) {
        if (!mr_slice_equal(call->priv->labels[i].name, wire))
            continue;
        const struct mr_slice text =
            mr_percent_decode(call->arena, call->priv->labels[i].value, false);
        if (!mr_slice_is_utf8(text))
            protocol_fail(call, &invalid_uri, "Couldn't parse the specified URI.");
        else
            named_put(call, json, member, text);
    }
}

static void query_put(struct protocol_call *call, struct mr_json *json,
                      const struct model_member *member)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[member->shape];
    const struct mr_slice wire = model_text(model, member->wire);
    const struct protocol_pair *pair = pair_find(call, wire);
    if (pair == NULL)
        return;
    if (shape->type != MODEL_LIST) {
        named_put(call, json, member, pair->value);
        return;
    }
    const struct model_shape *element = &model->shapes[model_members(model, shape)->shape];
    mr_json_name(json, model_text(model, member->name));
    mr_json_array(json);
    for (size_t i = 0; i < call->priv->pair_count; i++)
        if (mr_slice_equal(call->priv->pairs[i].name, wire))
            (void)text_put(call, json, element, wire, call->priv->pairs[i].value);
    mr_json_array_end(json);
}

/* "aws-chunked" is how the body travelled, not how the object is encoded. */
static struct mr_slice without_aws_chunked(struct mr_arena *arena, struct mr_slice value)
{
    struct mr_buf kept = {0};
    struct mr_slice rest = value, part;
    if (mr_slice_search(value, MR_S("aws-chunked")) == SIZE_MAX)
        return value;
    while (rest.ptr != NULL && mr_slice_split(&rest, ',', &part)) {
        part = mr_slice_trim(part);
        if (part.len == 0 || mr_slice_equal_nocase(part, MR_S("aws-chunked")))
            continue;
        mr_buf_printf(&kept, "%s%.*s", kept.len > 0 ? "," : "", MR_ARG(part));
    }
    const struct mr_slice result = mr_arena_copy(arena, mr_buf_slice(&kept));
    mr_buf_fini(&kept);
    return result;
}

/* AWS: the query of a presigned URL may hold what would be headers, as SDKs write it; a checksum
 * there is not looked at, for it was made before there was a body. */
static bool is_hoisted(const struct protocol_call *call, const struct protocol_pair *pair)
{
    const struct mr_slice ours = MR_S("x-amz-"), sums = MR_S("x-amz-checksum-");
    return call->priv->wire == MODEL_REST_XML && pair->name.len > ours.len &&
           mr_slice_equal_nocase(mr_slice_sub(pair->name, 0, ours.len), ours) &&
           !mr_slice_equal_nocase(mr_slice_sub(pair->name, 0, sums.len), sums) &&
           !mr_slice_equal_nocase(pair->name, MR_S("x-amz-sdk-checksum-algorithm")) &&
           pair_find(call, MR_S("X-Amz-Signature")) != NULL;
}

static struct mr_slice hoisted(const struct protocol_call *call, struct mr_slice name)
{
    for (size_t i = 0; i < call->priv->pair_count; i++)
        if (mr_slice_equal_nocase(call->priv->pairs[i].name, name) &&
            is_hoisted(call, &call->priv->pairs[i]))
            return call->priv->pairs[i].value;
    return (struct mr_slice){0};
}

static void header_put(struct protocol_call *call, struct mr_json *json,
                       const struct model_member *member)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[member->shape];
    const struct mr_slice wire = model_text(model, member->wire);
    struct mr_slice value = {0};
    for (size_t i = 0; i < call->exchange->header_count && value.ptr == NULL; i++)
        if (mr_slice_equal_nocase(call->exchange->headers[i].name, wire))
            value = call->exchange->headers[i].value;
    if (value.ptr == NULL)
        value = hoisted(call, wire);
    if (value.ptr == NULL)
        return;
    if (call->priv->wire == MODEL_REST_XML &&
        mr_slice_equal_nocase(wire, MR_S("content-encoding"))) {
        value = without_aws_chunked(call->arena, value);
        if (value.len == 0)
            return;
    }
    if (shape->type != MODEL_LIST) {
        named_put(call, json, member, value);
        return;
    }
    const struct model_shape *element = &model->shapes[model_members(model, shape)->shape];
    struct mr_slice part;
    mr_json_name(json, model_text(model, member->name));
    mr_json_array(json);
    while (value.ptr != NULL && mr_slice_split(&value, ',', &part))
        (void)text_put(call, json, element, wire, mr_slice_trim(part));
    mr_json_array_end(json);
}

static bool named(const struct http_header *header, struct mr_slice name)
{
    return mr_slice_equal_nocase(header->name, name);
}

/* The values of all headers of that name from `at` on, joined by commas. */
static struct mr_slice joined_values(struct protocol_call *call, size_t at)
{
    const struct http_exchange *exchange = call->exchange;
    const struct http_header *first = &exchange->headers[at];
    struct mr_slice value = first->value;
    for (size_t i = at + 1; i < exchange->header_count; i++)
        if (named(&exchange->headers[i], first->name))
            value = mr_arena_printf(call->arena, "%.*s,%.*s", MR_ARG(value),
                                    MR_ARG(exchange->headers[i].value));
    return value;
}

static bool named_before(const struct http_exchange *exchange, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (named(&exchange->headers[i], exchange->headers[at].name))
            return true;
    return false;
}

struct map { /* being written */
    struct protocol_call *call;
    struct mr_json *json;
    const struct model_member *member;
    bool any;
};

/* One more, if the name begins with the map's prefix. */
static void map_put(struct map *map, struct mr_slice name, struct mr_slice value)
{
    struct protocol_call *call = map->call;
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[map->member->shape];
    const struct mr_slice prefix = model_text(model, map->member->wire);
    if (name.len <= prefix.len || !mr_slice_equal_nocase(mr_slice_sub(name, 0, prefix.len), prefix))
        return;
    if (!map->any) {
        mr_json_name(map->json, model_text(model, map->member->name));
        mr_json_object(map->json);
        map->any = true;
    }
    mr_json_name(map->json, mr_slice_sub(name, prefix.len, SIZE_MAX));
    (void)text_put(call, map->json, &model->shapes[model_members(model, shape)[1].shape], name,
                   value);
}

/* All headers that begin with the prefix, as a map: x-amz-meta-. Doubles are joined by commas. */
static void headers_put(struct protocol_call *call, struct mr_json *json,
                        const struct model_member *member)
{
    const struct http_exchange *exchange = call->exchange;
    struct map map = {.call = call, .json = json, .member = member};
    for (size_t i = 0; i < exchange->header_count; i++)
        if (!named_before(exchange, i))
            map_put(&map, exchange->headers[i].name, joined_values(call, i));
    for (size_t i = 0; i < call->priv->pair_count; i++) {
        const struct protocol_pair *pair = &call->priv->pairs[i];
        if (is_hoisted(call, pair) &&
            protocol_header(call, mr_arena_cstr(call->arena, pair->name)).ptr == NULL)
            map_put(&map, pair->name, pair->value);
    }
    if (map.any)
        mr_json_object_end(json);
}

static void body_json_put(struct protocol_call *call, struct mr_json *json,
                          const struct model_shape *input, struct mr_slice body)
{
    const struct model_service *model = call->priv->service->model;
    if (body.len == 0)
        return;
    yyjson_val *root = mr_json_parse(call->arena, body, PROTOCOL_JSON_DEPTH_MAX);
    if (!yyjson_is_obj(root)) {
        malformed(call);
        return;
    }
    json_types_check(call, input, root);
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(root, i, count, key, value)
    {
        const struct model_member *members = model_members(model, input);
        for (size_t m = 0; m < input->member_count; m++) {
            if (members[m].location != MODEL_AT_BODY || yyjson_is_null(value) ||
                !mr_slice_equal(model_text(model, members[m].wire), mr_json_text(key)))
                continue;
            mr_json_name(json, model_text(model, members[m].name));
            mr_json_value(json, value);
        }
    }
}

static void body_xml_put(struct protocol_call *call, struct mr_json *json,
                         const struct model_member *payload, struct mr_slice body)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[payload->shape];
    if (mr_slice_trim(body).len == 0)
        return;
    const struct xml_node *root = xml_parse(call->arena, body);
    if (root == NULL || !mr_slice_is_utf8(body) ||
        !mr_slice_equal(root->name, model_text(model, payload->wire))) {
        malformed(call);
        return;
    }
    mr_json_name(json, model_text(model, payload->name));
    xml_to_json(call, json, shape, root);
}

static void body_put(struct protocol_call *call, struct mr_json *json,
                     const struct model_shape *input, struct mr_slice body)
{
    const struct model_service *model = call->priv->service->model;
    if (input->payload == MODEL_NONE) {
        if (call->priv->wire == MODEL_REST_JSON)
            body_json_put(call, json, input, body);
        return;
    }
    const struct model_member *payload = &model_members(model, input)[input->payload];
    const struct model_shape *shape = &model->shapes[payload->shape];
    if (shape->type == MODEL_STRUCTURE && call->priv->wire == MODEL_REST_XML) {
        body_xml_put(call, json, payload, body);
    } else if (shape->type == MODEL_STRUCTURE) {
        if (body.len == 0)
            return;
        yyjson_val *root = mr_json_parse(call->arena, body, PROTOCOL_JSON_DEPTH_MAX);
        if (root == NULL) {
            malformed(call);
            return;
        }
        json_types_check(call, shape, root);
        mr_json_name(json, model_text(model, payload->name));
        mr_json_value(json, root);
    } else {
        if (shape->type == MODEL_STRING && body.len > 0)
            named_put(call, json, payload, body);
        call->payload = body;
        call->has_payload = body.len > 0;
    }
}

static void bound_put(struct protocol_call *call, struct mr_json *json,
                      const struct model_shape *input)
{
    const struct model_member *members = model_members(call->priv->service->model, input);
    for (size_t i = 0; i < input->member_count; i++) {
        switch ((enum model_location)members[i].location) {
        case MODEL_AT_URI: label_put(call, json, &members[i]); break;
        case MODEL_AT_QUERY: query_put(call, json, &members[i]); break;
        case MODEL_AT_HEADER: header_put(call, json, &members[i]); break;
        case MODEL_AT_HEADERS: headers_put(call, json, &members[i]); break;
        case MODEL_AT_STATUS:
        case MODEL_AT_BODY: break;
        }
    }
}

void decode_rest_with(struct protocol_call *call, struct mr_slice body)
{
    const struct model_shape *input =
        model_shape_at(call->priv->service->model, call->operation->input);
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    if (input != NULL) {
        bound_put(call, &json, input);
        if (!protocol_failed(call))
            body_put(call, &json, input, body);
    }
    mr_json_object_end(&json);
    call->in = mr_json_parse(call->arena, mr_buf_slice(&text), PROTOCOL_JSON_DEPTH_MAX + 1);
    mr_buf_fini(&text);
    if (call->in == NULL)
        malformed(call);
}

void decode_rest(struct protocol_call *call)
{
    struct mr_slice body = call->exchange->body;
    if (stream_unframe(call, &body))
        decode_rest_with(call, body);
}

/* ---- writing ---- */
static struct mr_slice lower(struct mr_arena *arena, struct mr_slice prefix, struct mr_slice name)
{
    char *text = mr_arena_alloc(arena, prefix.len + name.len);
    memcpy(text, prefix.ptr, prefix.len);
    memcpy(text + prefix.len, name.ptr, name.len);
    mr_lower(text, prefix.len + name.len);
    return mr_slice_make(text, prefix.len + name.len);
}

/* A header's value cannot hold controls: a line end would begin another header. */
static struct mr_slice header_value(struct mr_arena *arena, struct mr_slice value)
{
    char *text = mr_arena_alloc(arena, value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        const unsigned char c = (unsigned char)value.ptr[i];
        text[i] = (char)(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    return mr_slice_make(text, value.len);
}

static void header_send(struct protocol_call *call, struct mr_slice prefix, struct mr_slice name,
                        struct mr_slice value)
{
    const struct mr_slice low = lower(call->arena, prefix, name);
    if (mr_slice_equal(low, MR_S("content-length"))) {
        uint64_t length;
        if (mr_slice_equal(call->exchange->method, MR_S("HEAD")) &&
            mr_slice_to_u64(value, &length) == MR_OK)
            http_reply_content_length(call->exchange, length);
        return;
    }
    if (mr_slice_equal(low, MR_S("content-type")))
        call->priv->content_type_sent = true;
    protocol_reply_header(call, low, header_value(call->arena, value));
}

static void header_list_send(struct protocol_call *call, const struct model_shape *shape,
                             struct mr_slice name, yyjson_val *value)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *element = &model->shapes[model_members(model, shape)->shape];
    struct mr_buf joined = {0};
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(value, i, count, item)
    {
        if (i > 0)
            mr_buf_byte(&joined, ',');
        mr_buf_append(&joined, scalar_text(call->arena, element, MODEL_TIME_RFC822, item));
    }
    header_send(call, MR_S(""), name, mr_buf_slice(&joined));
    mr_buf_fini(&joined);
}

static void member_bind(struct protocol_call *call, const struct model_member *member,
                        yyjson_val *value)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[member->shape];
    const struct mr_slice wire = model_text(model, member->wire);
    size_t i, count;
    yyjson_val *key, *item;
    if (member->location == MODEL_AT_STATUS)
        call->exchange->status = (int)mr_json_i64(value, call->exchange->status);
    else if (member->location == MODEL_AT_HEADER && shape->type == MODEL_LIST)
        header_list_send(call, shape, wire, value);
    else if (member->location == MODEL_AT_HEADER)
        header_send(call, MR_S(""), wire,
                    scalar_text(call->arena, shape, MODEL_TIME_RFC822, value));
    else if (member->location == MODEL_AT_HEADERS)
        yyjson_obj_foreach(value, i, count, key, item)
            header_send(call, wire, mr_json_text(key), mr_json_text(item));
}

/* True when something of the output is not simply the body's object. */
static bool output_binds(const struct model_service *model, const struct model_shape *output)
{
    const struct model_member *members = model_members(model, output);
    for (size_t i = 0; i < output->member_count; i++)
        if (members[i].location != MODEL_AT_BODY || members[i].wire != members[i].name)
            return true;
    return output->payload != MODEL_NONE;
}

static void body_json_write(struct protocol_call *call, const struct model_shape *output,
                            yyjson_val *value)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, output);
    struct mr_json json = mr_json_make(&call->exchange->reply_body);
    mr_json_object(&json);
    for (size_t i = 0; i < output->member_count; i++) {
        yyjson_val *found = mr_json_getn(value, model_text(model, members[i].name));
        if (members[i].location != MODEL_AT_BODY || found == NULL)
            continue;
        mr_json_name(&json, model_text(model, members[i].wire));
        mr_json_value(&json, found);
    }
    mr_json_object_end(&json);
}

static bool has_body_members(const struct model_service *model, const struct model_shape *output)
{
    const struct model_member *members = model_members(model, output);
    for (size_t i = 0; i < output->member_count; i++)
        if (members[i].location == MODEL_AT_BODY)
            return true;
    return false;
}

static void xml_document(struct protocol_call *call, const struct model_shape *shape,
                         struct mr_slice root, yyjson_val *value)
{
    static const struct mr_slice declaration =
        MR_S_INIT("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    static const struct mr_slice xmlns =
        MR_S_INIT(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"");
    const struct model_service *model = call->priv->service->model;
    struct mr_buf *buf = &call->exchange->reply_body;
    mr_buf_append(buf, declaration);
    if (call->operation->flags & MODEL_UNWRAPPED) {
        const struct model_member *member = model_members(model, shape);
        yyjson_val *text = mr_json_getn(value, model_text(model, member->name));
        mr_buf_printf(buf, "<%.*s%.*s>", MR_ARG(root), MR_ARG(xmlns));
        xml_escape(buf, mr_json_text(text));
        mr_buf_printf(buf, "</%.*s>", MR_ARG(root));
        return;
    }
    json_to_xml_element(buf, model, shape, root, xmlns, value);
}

static void payload_write(struct protocol_call *call, const struct model_member *payload,
                          yyjson_val *value)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[payload->shape];
    struct mr_buf *buf = &call->exchange->reply_body;
    yyjson_val *found = mr_json_getn(value, model_text(model, payload->name));
    if (shape->type != MODEL_STRUCTURE && found != NULL) {
        mr_buf_append(buf, mr_json_text(found));
    } else if (shape->type == MODEL_STRUCTURE && found != NULL) {
        struct mr_json json = mr_json_make(buf);
        /* AWS: under the member's name, also where the shape has another (LegalHold). */
        if (call->priv->wire == MODEL_REST_XML)
            xml_document(call, shape, model_text(model, payload->wire), found);
        else
            mr_json_value(&json, found);
    }
}

static void payload_bytes(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    if (priv->has_file) {
        http_reply_file_changed(call->exchange, priv->fd, priv->file_offset, priv->file_len,
                                priv->filter);
        priv->filter = (struct http_filter){0};
        priv->fd = -1;
    } else if (priv->has_payload) {
        mr_buf_append(&call->exchange->reply_body, priv->payload);
    }
}

void encode_rest(struct protocol_call *call)
{
    struct protocol_call_private *priv = call->priv;
    const struct model_service *model = priv->service->model;
    const struct model_shape *output = model_shape_at(model, call->operation->output);
    if (output == NULL) {
        payload_bytes(call);
        return;
    }
    if (priv->wire == MODEL_REST_JSON && !output_binds(model, output)) {
        if (call->exchange->status != 204)
            mr_buf_append(&call->exchange->reply_body, mr_buf_slice(&priv->scratch));
        return;
    }
    yyjson_val *value = mr_json_parse(call->arena, mr_buf_slice(&priv->scratch), MR_JSON_DEPTH_MAX);
    const struct model_member *members = model_members(model, output);
    for (size_t i = 0; i < output->member_count; i++) {
        yyjson_val *found = mr_json_getn(value, model_text(model, members[i].name));
        if (found != NULL && members[i].location != MODEL_AT_BODY)
            member_bind(call, &members[i], found);
    }
    payload_bytes(call);
    if (priv->has_file || priv->has_payload || call->exchange->status == 204 ||
        call->exchange->status == 304 || mr_slice_equal(call->exchange->method, MR_S("HEAD")))
        return;
    if (output->payload != MODEL_NONE)
        payload_write(call, &members[output->payload], value);
    else if (has_body_members(model, output) && priv->wire == MODEL_REST_JSON)
        body_json_write(call, output, value);
    else if (has_body_members(model, output))
        xml_document(call, output,
                     call->operation->root != 0 ? model_text(model, call->operation->root)
                                                : model_text(model, output->name),
                     value);
}
