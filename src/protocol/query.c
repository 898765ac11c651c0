/* The query protocol: form members to JSON, JSON to the reply's XML. */
#include "base/codec.h"
#include "protocol/internal.h"
#include <stdlib.h>

/* "A.member.1.B=x" is a path in a tree of names. */
struct form_node {
    struct mr_slice name, value;
    bool has_value;
    size_t child_count;
    struct form_node *first, *last, *next;
};

static struct form_node *form_child(struct mr_arena *arena, struct form_node *node,
                                    struct mr_slice name)
{
    if (node->last != NULL && mr_slice_equal(node->last->name, name))
        return node->last;
    for (struct form_node *child = node->first; child != NULL; child = child->next)
        if (mr_slice_equal(child->name, name))
            return child;
    struct form_node *child = MR_NEW(arena, struct form_node);
    child->name = name;
    if (node->last == NULL)
        node->first = child;
    else
        node->last->next = child;
    node->last = child;
    node->child_count++;
    return child;
}

static struct form_node *form_tree(struct protocol_call *call)
{
    enum { PARTS_MAX = 64 };
    struct form_node *root = MR_NEW(call->arena, struct form_node);
    for (size_t i = 0; i < call->priv->pair_count; i++) {
        const struct protocol_pair *pair = &call->priv->pairs[i];
        struct mr_slice rest = pair->name, part;
        struct form_node *node = root;
        for (size_t parts = 0; parts < PARTS_MAX && mr_slice_split(&rest, '.', &part); parts++)
            node = form_child(call->arena, node, part);
        node->value = pair->value;
        node->has_value = true;
    }
    return root;
}

static const struct form_node *form_find(const struct form_node *node, struct mr_slice name)
{
    for (const struct form_node *child = node->first; child != NULL; child = child->next)
        if (mr_slice_equal(child->name, name))
            return child;
    return NULL;
}

static bool is_index(struct mr_slice name, int64_t *ret_index)
{
    return mr_slice_to_i64(name, ret_index) == MR_OK;
}

static int by_index(const void *a, const void *b)
{
    int64_t left = 0, right = 0;
    (void)is_index((*(const struct form_node *const *)a)->name, &left);
    (void)is_index((*(const struct form_node *const *)b)->name, &right);
    return (left > right) - (left < right);
}

/* The numbered children in the order of their numbers: directly below, or below "member". */
static const struct form_node **form_items(struct mr_arena *arena, const struct form_node *node,
                                           struct mr_slice word, size_t *ret_count)
{
    const struct form_node *inner = form_find(node, word);
    if (inner != NULL)
        node = inner;
    const struct form_node **items =
        MR_NEW_ARRAY(arena, const struct form_node *, node->child_count + 1);
    size_t count = 0;
    int64_t index;
    for (const struct form_node *child = node->first; child != NULL; child = child->next)
        if (is_index(child->name, &index))
            items[count++] = child;
    qsort(items, count, sizeof(*items), by_index);
    *ret_count = count;
    return items;
}

static void form_to_json(struct protocol_call *call, struct mr_json *json,
                         const struct model_shape *shape, const struct form_node *node);

static void form_structure(struct protocol_call *call, struct mr_json *json,
                           const struct model_shape *shape, const struct form_node *node)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, shape);
    mr_json_object(json);
    for (size_t i = 0; i < shape->member_count; i++) {
        bool flattened;
        const struct form_node *child = form_find(node, wire_name(model, &members[i], &flattened));
        const struct model_shape *member = &model->shapes[members[i].shape];
        if (child == NULL ||
            (member->type > MODEL_MAP && text_is_absent(call, member, child->value)))
            continue;
        mr_json_name(json, model_text(model, members[i].name));
        form_to_json(call, json, member, child);
    }
    mr_json_object_end(json);
}

static void form_map(struct protocol_call *call, struct mr_json *json,
                     const struct model_shape *shape, const struct form_node *node)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_member *members = model_members(model, shape);
    size_t count;
    const struct form_node **items = form_items(call->arena, node, MR_S("entry"), &count);
    mr_json_object(json);
    for (size_t i = 0; i < count; i++) {
        const struct form_node *key = form_find(items[i], model_text(model, members[0].wire));
        const struct form_node *value = form_find(items[i], model_text(model, members[1].wire));
        if (key == NULL || value == NULL)
            continue;
        mr_json_name(json, key->value);
        form_to_json(call, json, &model->shapes[members[1].shape], value);
    }
    mr_json_object_end(json);
}

static void form_to_json(struct protocol_call *call, struct mr_json *json,
                         const struct model_shape *shape, const struct form_node *node)
{
    const struct model_service *model = call->priv->service->model;
    if (shape->type == MODEL_STRUCTURE) {
        form_structure(call, json, shape, node);
    } else if (shape->type == MODEL_MAP) {
        form_map(call, json, shape, node);
    } else if (shape->type == MODEL_LIST) {
        const struct model_member *element = model_members(model, shape);
        size_t count;
        const struct form_node **items =
            form_items(call->arena, node, model_text(model, element->wire), &count);
        mr_json_array(json);
        for (size_t i = 0; i < count; i++)
            form_to_json(call, json, &model->shapes[element->shape], items[i]);
        mr_json_array_end(json);
    } else {
        (void)text_put(call, json, shape, node->name, node->value);
    }
}

void decode_query(struct protocol_call *call)
{
    const struct model_shape *input =
        model_shape_at(call->priv->service->model, call->operation->input);
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    if (input == NULL) {
        mr_json_object(&json);
        mr_json_object_end(&json);
    } else {
        form_structure(call, &json, input, form_tree(call));
    }
    call->in = mr_json_parse(call->arena, mr_buf_slice(&text), PROTOCOL_JSON_DEPTH_MAX);
    mr_buf_fini(&text);
    if (call->in == NULL)
        protocol_fail(call, fault_validation(call->priv->service->model),
                      "The request could not be read");
}

static struct protocol_service *service_of_version(struct protocol *protocol,
                                                   struct mr_slice version)
{
    for (size_t i = 0; i < model_service_count; i++)
        if (model_services[i]->xml_namespace[0] != '\0' &&
            mr_slice_equal(mr_slice_cstr(model_services[i]->api_version), version))
            return &protocol->services[i];
    return NULL;
}

bool route_form(struct protocol_call *call)
{
    static const struct protocol_fault invalid_action = {"InvalidAction", 400, false};
    static const struct protocol_fault missing_action = {"MissingAction", 400, false};
    struct protocol_call_private *priv = call->priv;
    if (mr_slice_equal(call->exchange->method, MR_S("POST")) && call->exchange->body.len > 0) {
        priv->pairs = pairs_parse(call->arena, call->exchange->body, true, &priv->pair_count);
        priv->pairs_known = true;
    }
    pairs_of(call);
    const struct protocol_pair *action = pair_find(call, MR_S("Action"));
    const struct protocol_pair *version = pair_find(call, MR_S("Version"));
    if (priv->service == NULL && version != NULL)
        priv->service = service_of_version(priv->protocol, version->value);
    if (priv->service != NULL && priv->service->model->xml_namespace[0] == '\0')
        priv->service = NULL;
    if (action == NULL) {
        protocol_fail(call, &missing_action, "The request must contain the parameter Action");
        return false;
    }
    if (priv->service == NULL) {
        protocol_fail(call, &protocol_not_implemented,
                      "millrace does not implement %.*s of version %.*s", MR_ARG(action->value),
                      MR_ARG(version == NULL ? MR_S("(none)") : version->value));
        return false;
    }
    const struct model_service *model = priv->service->model;
    const struct model_operation *operation = model_operation_find(model, action->value);
    if (operation == NULL) {
        protocol_fail(call, &invalid_action, "Could not find operation %.*s for version %s",
                      MR_ARG(action->value), model->api_version);
        return false;
    }
    route_to(call, &priv->service->operations[operation - model->operations], MODEL_QUERY);
    return true;
}

void encode_query(struct protocol_call *call)
{
    const struct model_service *model = call->priv->service->model;
    const struct model_shape *output = model_shape_at(model, call->operation->output);
    struct mr_buf *buf = &call->exchange->reply_body;
    mr_buf_printf(buf, "<%sResponse xmlns=\"%s\">", call->operation_name, model->xml_namespace);
    if (output != NULL) {
        yyjson_val *value =
            mr_json_parse(call->arena, mr_buf_slice(&call->priv->scratch), MR_JSON_DEPTH_MAX);
        json_to_xml_element(buf, model, output, model_text(model, call->operation->wrapper),
                            MR_S(""), value);
    }
    mr_buf_printf(buf,
                  "<ResponseMetadata><RequestId>%.*s</RequestId></ResponseMetadata>"
                  "</%sResponse>",
                  MR_ARG(call->request_id), call->operation_name);
}
