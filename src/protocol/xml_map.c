/* XML bodies to JSON and back, by the model. */
#include "protocol/internal.h"
#include "protocol/xml.h"
#include <assert.h>

/* ---- reading ---- */
static void list_items(struct protocol_call *call, struct mr_json *json,
                       const struct model_member *element, const struct xml_node *first,
                       struct mr_slice name)
{
    const struct model_shape *shape = &call->priv->service->model->shapes[element->shape];
    for (const struct xml_node *node = first; node != NULL; node = node->next)
        if (mr_slice_equal(node->name, name))
            xml_to_json(call, json, shape, node);
}

static void map_entry(struct protocol_call *call, struct mr_json *json,
                      const struct model_shape *map, const struct xml_node *node)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, map);
    const struct xml_node *key = xml_child(node, model_text(model, members[0].wire));
    const struct xml_node *value = xml_child(node, model_text(model, members[1].wire));
    if (key == NULL || value == NULL)
        return;
    mr_json_name(json, key->text);
    xml_to_json(call, json, &model->shapes[members[1].shape], value);
}

static void flattened_to_json(struct protocol_call *call, struct mr_json *json,
                              const struct model_shape *shape, const struct xml_node *first,
                              struct mr_slice name)
{
    if (shape->type == MODEL_LIST) {
        mr_json_array(json);
        list_items(call, json, model_members(call->priv->service->model, shape), first, name);
        mr_json_array_end(json);
        return;
    }
    mr_json_object(json);
    for (const struct xml_node *node = first; node != NULL; node = node->next)
        if (mr_slice_equal(node->name, name))
            map_entry(call, json, shape, node);
    mr_json_object_end(json);
}

void xml_malformed(struct protocol_call *call)
{
    static const struct protocol_fault malformed = {"MalformedXML", 400, false};
    protocol_fail(call, &malformed,
                  "The XML you provided was not well-formed or did not validate against our "
                  "published schema");
}

static bool is_absent(const struct model_shape *shape, struct mr_slice text)
{
    return shape->type > MODEL_MAP && shape->type != MODEL_STRING && shape->type != MODEL_BLOB &&
           text.len == 0;
}

/* AWS: what is no list is there once. */
static bool is_repeated(const struct protocol_call *call, const struct xml_node *node)
{
    for (const struct xml_node *next = node->next; next != NULL; next = next->next)
        if (mr_slice_equal(next->name, node->name))
            return call->priv->wire == MODEL_REST_XML;
    return false;
}

static void member_to_json(struct protocol_call *call, struct mr_json *json,
                           const struct model_member *member, const struct xml_node *node)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *shape = &model->shapes[member->shape];
    bool flattened;
    const struct mr_slice wire = wire_name(model, member, &flattened);
    const struct mr_slice name = model_text(model, member->name);
    if (member->flags & MODEL_XML_ATTRIBUTE) {
        for (const struct xml_attribute *at = node->attributes; at != NULL; at = at->next)
            if (mr_slice_equal(at->name, wire)) {
                mr_json_name(json, name);
                (void)text_put(call, json, shape, wire, at->value);
            }
        return;
    }
    const struct xml_node *child = xml_child(node, wire);
    if (child == NULL || is_absent(shape, mr_slice_trim(child->text)))
        return;
    const bool many = flattened && (shape->type == MODEL_LIST || shape->type == MODEL_MAP);
    if (!many && is_repeated(call, child))
        xml_malformed(call);
    mr_json_name(json, name);
    if (many)
        flattened_to_json(call, json, shape, child, wire);
    else
        xml_to_json(call, json, shape, child);
}

void xml_to_json(struct protocol_call *call, struct mr_json *json, const struct model_shape *shape,
                 const struct xml_node *node)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, shape);
    switch ((enum model_type)shape->type) {
    case MODEL_STRUCTURE:
        mr_json_object(json);
        for (size_t i = 0; i < shape->member_count; i++)
            if (members[i].location == MODEL_AT_BODY)
                member_to_json(call, json, &members[i], node);
        mr_json_object_end(json);
        break;
    case MODEL_LIST:
        mr_json_array(json);
        list_items(call, json, members, node->first, model_text(model, members[0].wire));
        mr_json_array_end(json);
        break;
    case MODEL_MAP: flattened_to_json(call, json, shape, node->first, MR_S("entry")); break;
    default:
        (void)text_put(call, json, shape, (struct mr_slice){0},
                       shape->type == MODEL_STRING ? node->text : mr_slice_trim(node->text));
    }
}

/* ---- writing ---- */
static void tag_open(struct mr_buf *buf, struct mr_slice name, struct mr_slice attributes)
{
    mr_buf_byte(buf, '<');
    mr_buf_append(buf, name);
    mr_buf_append(buf, attributes);
    mr_buf_byte(buf, '>');
}

static void tag_close(struct mr_buf *buf, struct mr_slice name)
{
    mr_buf_append(buf, MR_S("</"));
    mr_buf_append(buf, name);
    mr_buf_byte(buf, '>');
}

static void scalar_put(struct mr_buf *buf, const struct model_shape *shape, yyjson_val *value)
{
    struct mr_arena arena;
    mr_arena_init(&arena);
    xml_escape(buf, scalar_text(&arena, shape, MODEL_TIME_ISO8601, value));
    mr_arena_fini(&arena);
}

static void list_put(struct mr_buf *buf, const struct model_service *model,
                     const struct model_shape *shape, struct mr_slice name, yyjson_val *value)
{
    const struct model_shape *element = &model->shapes[model_members(model, shape)->shape];
    size_t i, count;
    yyjson_val *item;
    yyjson_arr_foreach(value, i, count, item)
        json_to_xml_element(buf, model, element, name, MR_S(""), item);
}

static void map_put(struct mr_buf *buf, const struct model_service *model,
                    const struct model_shape *shape, struct mr_slice name, yyjson_val *value)
{
    const struct model_member *members = model_members(model, shape);
    size_t i, count;
    yyjson_val *key, *item;
    yyjson_obj_foreach(value, i, count, key, item)
    {
        tag_open(buf, name, MR_S(""));
        xml_element(buf, model_text(model, members[0].wire), mr_json_text(key));
        json_to_xml_element(buf, model, &model->shapes[members[1].shape],
                            model_text(model, members[1].wire), MR_S(""), item);
        tag_close(buf, name);
    }
}

/* The attributes of a structure: AWS has one, Grantee's xsi:type. */
static void attributes_put(struct mr_buf *buf, const struct model_service *model,
                           const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(model, shape);
    for (size_t i = 0; i < shape->member_count; i++) {
        yyjson_val *found = mr_json_getn(value, model_text(model, members[i].name));
        if (!(members[i].flags & MODEL_XML_ATTRIBUTE) || found == NULL)
            continue;
        const struct mr_slice wire = model_text(model, members[i].wire);
        if (mr_slice_starts_with(wire, MR_S("xsi:")))
            mr_buf_append(buf, MR_S(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""));
        mr_buf_printf(buf, " %.*s=\"", MR_ARG(wire));
        xml_escape(buf, mr_json_text(found));
        mr_buf_byte(buf, '"');
    }
}

static void content_put(struct mr_buf *buf, const struct model_service *model,
                        const struct model_shape *shape, yyjson_val *value)
{
    switch ((enum model_type)shape->type) {
    case MODEL_STRUCTURE: json_to_xml(buf, model, shape, value); break;
    case MODEL_LIST:
        list_put(buf, model, shape, model_text(model, model_members(model, shape)->wire), value);
        break;
    case MODEL_MAP: map_put(buf, model, shape, MR_S("entry"), value); break;
    default: scalar_put(buf, shape, value);
    }
}

void json_to_xml_element(struct mr_buf *buf, const struct model_service *model,
                         const struct model_shape *shape, struct mr_slice name,
                         struct mr_slice attributes, yyjson_val *value)
{
    mr_buf_byte(buf, '<');
    mr_buf_append(buf, name);
    mr_buf_append(buf, attributes);
    if (shape->type == MODEL_STRUCTURE)
        attributes_put(buf, model, shape, value);
    mr_buf_byte(buf, '>');
    content_put(buf, model, shape, value);
    tag_close(buf, name);
}

/* ---- lists that take turns ---- */
struct turns {
    size_t count;
    struct mr_slice order;
    struct turn {
        const struct model_member *member;
        struct mr_slice name;
        const struct model_shape *element;
        yyjson_arr_iter items;
    } turn[PROTOCOL_TURNS_MAX];
};

static void turn_add(struct turns *turns, const struct model_service *model,
                     const struct model_shape *shape, yyjson_val *value, struct mr_slice list)
{
    const struct model_member *members = model_members(model, shape);
    struct turn *turn = &turns->turn[turns->count++];
    bool flattened;
    for (size_t i = 0; i < shape->member_count; i++)
        if (mr_slice_equal(model_text(model, members[i].name), list))
            turn->member = &members[i];
    assert(turn->member != NULL);
    turn->name = wire_name(model, turn->member, &flattened);
    const struct model_shape *whole = &model->shapes[turn->member->shape];
    assert(flattened && whole->type == MODEL_LIST);
    turn->element = &model->shapes[model_members(model, whole)->shape];
    yyjson_arr_iter_init(mr_json_getn(value, list), &turn->items);
}

static struct turns turns_of(const struct model_service *model, const struct model_shape *shape,
                             yyjson_val *value)
{
    struct turns turns = {0};
    yyjson_val *told = mr_json_get(value, PROTOCOL_TURNS), *item;
    size_t i, count;
    yyjson_arr_foreach(told, i, count, item)
    {
        if (i + 1 == count)
            turns.order = mr_json_text(item);
        else if (turns.count < PROTOCOL_TURNS_MAX)
            turn_add(&turns, model, shape, value, mr_json_text(item));
    }
    return turns;
}

/* Does the member take turns? Then all that do are written at the first one's place. */
static bool turns_put(struct mr_buf *buf, const struct model_service *model, struct turns *turns,
                      const struct model_member *member)
{
    bool takes = false;
    for (size_t i = 0; i < turns->count; i++)
        takes = takes || turns->turn[i].member == member;
    for (size_t i = 0; takes && i < turns->order.len; i++) {
        const size_t which = (size_t)(turns->order.ptr[i] - '0');
        assert(which < turns->count);
        struct turn *turn = &turns->turn[which];
        json_to_xml_element(buf, model, turn->element, turn->name, MR_S(""),
                            yyjson_arr_iter_next(&turn->items));
    }
    if (takes)
        turns->order = MR_S("");
    return takes;
}

void json_to_xml(struct mr_buf *buf, const struct model_service *model,
                 const struct model_shape *shape, yyjson_val *value)
{
    const struct model_member *members = model_members(model, shape);
    struct turns turns = turns_of(model, shape, value);
    for (size_t i = 0; i < shape->member_count; i++) {
        if (members[i].location != MODEL_AT_BODY || (members[i].flags & MODEL_XML_ATTRIBUTE) ||
            turns_put(buf, model, &turns, &members[i]))
            continue;
        yyjson_val *found = mr_json_getn(value, model_text(model, members[i].name));
        if (found == NULL)
            continue;
        const struct model_shape *member = &model->shapes[members[i].shape];
        bool flattened;
        const struct mr_slice name = wire_name(model, &members[i], &flattened);
        if (flattened && member->type == MODEL_LIST)
            list_put(buf, model, member, name, found);
        else if (flattened && member->type == MODEL_MAP)
            map_put(buf, model, member, name, found);
        else
            json_to_xml_element(buf, model, member, name, MR_S(""), found);
    }
}
