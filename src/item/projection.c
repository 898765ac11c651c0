/* Projection expressions: a tree of paths that an encoded item is rendered through. */
#include "item/parser.h"

struct item_projection {
    struct item_step step;
    bool whole; /* all below belongs to it */
    struct item_projection **children;
    size_t count, cap;
};

static bool step_is(const struct item_step *a, const struct item_step *b)
{
    if ((a->name.ptr == NULL) != (b->name.ptr == NULL))
        return false;
    return a->name.ptr == NULL ? a->index == b->index : mr_slice_equal(a->name, b->name);
}

static struct item_projection *child_for(struct mr_arena *arena, struct item_projection *node,
                                         const struct item_step *step)
{
    for (size_t i = 0; i < node->count; i++) {
        if (step_is(&node->children[i]->step, step))
            return node->children[i];
    }
    if (node->count == node->cap) {
        node->cap = node->cap == 0 ? 8 : node->cap * 2;
        struct item_projection **children =
            MR_NEW_ARRAY(arena, struct item_projection *, node->cap);
        if (node->count > 0)
            memcpy(children, node->children, node->count * sizeof(children[0]));
        node->children = children;
    }
    struct item_projection *child = MR_NEW(arena, struct item_projection);
    child->step = *step;
    node->children[node->count++] = child;
    return child;
}

struct item_projection *item_projection_make(struct mr_arena *arena, const struct item_path *paths,
                                             size_t count)
{
    struct item_projection *root = MR_NEW(arena, struct item_projection);
    for (size_t i = 0; i < count; i++) {
        struct item_projection *node = root;
        for (size_t step = 0; step < paths[i].count; step++)
            node = child_for(arena, node, &paths[i].steps[step]);
        node->whole = true;
    }
    return root;
}

enum mr_status item_projection_parse(struct mr_arena *arena, struct item_placeholders *placeholders,
                                     struct mr_slice text, struct item_projection **ret_projection,
                                     struct mr_slice *ret_error)
{
    static const enum item_error_class order[] = {ERROR_RESERVED, ERROR_NAME, ERROR_OVERLAP,
                                                  ERROR_CONFLICT};
    struct item_parser parser;
    enum mr_status status =
        item_parser_init(&parser, arena, placeholders, text, "ProjectionExpression", ret_error);
    if (status != MR_OK)
        return status;
    size_t count = 0;
    /* A path takes two characters with its comma. */
    struct item_path *paths = MR_NEW_ARRAY(arena, struct item_path, text.len / 2 + 1);
    for (;;) {
        paths[count++] = item_parser_path(&parser);
        if (parser.failed || !item_parser_is_sign(&parser, MR_S(",")))
            break;
        item_parser_take(&parser);
    }
    for (size_t i = 1; !parser.failed && i < count; i++) {
        for (size_t j = 0; j < i; j++)
            item_parser_overlap(&parser, &paths[j], &paths[i]);
    }
    status = item_parser_finish(&parser, order, MR_COUNT(order), ret_error);
    if (status == MR_OK)
        *ret_projection = item_projection_make(arena, paths, count);
    return status;
}

bool item_projection_reaches(const struct item_projection *projection, struct mr_slice name)
{
    for (size_t i = 0; i < projection->count; i++) {
        const struct item_projection *child = projection->children[i];
        if (child->count > 0 && (name.ptr == NULL || mr_slice_equal(child->step.name, name)))
            return true;
    }
    return false;
}

bool item_projection_head(const struct item_projection *projection, size_t at,
                          struct mr_slice *ret_name)
{
    if (at >= projection->count)
        return false;
    *ret_name = projection->children[at]->step.name;
    return true;
}

static const struct item_projection *by_name(const struct item_projection *node,
                                             struct mr_slice name)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct item_step *step = &node->children[i]->step;
        if (step->name.ptr != NULL && mr_slice_equal(step->name, name))
            return node->children[i];
    }
    return NULL;
}

static const struct item_projection *by_index(const struct item_projection *node, size_t index)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct item_step *step = &node->children[i]->step;
        if (step->name.ptr == NULL && step->index == index)
            return node->children[i];
    }
    return NULL;
}

/* The next child of L or M that the node names, with its own node; false at the end. */
static bool next_child(const struct item_projection *node, enum item_type type,
                       struct item_iter *iter, size_t *index, struct mr_slice *ret_name,
                       struct item_value *ret_value, const struct item_projection **ret_child)
{
    if (type == ITEM_M) {
        while (item_iter_field(iter, ret_name, ret_value)) {
            *ret_child = by_name(node, *ret_name);
            if (*ret_child != NULL)
                return true;
        }
        return false;
    }
    while (item_iter_element(iter, ret_value)) {
        *ret_child = by_index(node, (*index)++);
        if (*ret_child != NULL)
            return true;
    }
    return false;
}

static bool matches(const struct item_projection *node, const struct item_value *value)
{
    if (node->whole)
        return true;
    if (value->type != ITEM_M && value->type != ITEM_L)
        return false;
    struct item_iter iter = item_iter_value(value);
    size_t index = 0;
    struct mr_slice name;
    struct item_value child_value;
    const struct item_projection *child;
    while (next_child(node, value->type, &iter, &index, &name, &child_value, &child)) {
        if (matches(child, &child_value))
            return true;
    }
    return false;
}

bool item_projection_matches(const struct item_projection *projection, struct mr_slice item)
{
    struct item_value map = item_as_map(item);
    return matches(projection, &map);
}

static void value_json(struct mr_json *json, const struct item_projection *node,
                       const struct item_value *value);

static void children_json(struct mr_json *json, const struct item_projection *node,
                          const struct item_value *value)
{
    struct item_iter iter = item_iter_value(value);
    size_t index = 0;
    struct mr_slice name;
    struct item_value child_value;
    const struct item_projection *child;
    bool map = value->type == ITEM_M;
    (map ? mr_json_object : mr_json_array)(json);
    while (next_child(node, value->type, &iter, &index, &name, &child_value, &child)) {
        if (!matches(child, &child_value))
            continue;
        if (map)
            mr_json_name(json, name);
        value_json(json, child, &child_value);
    }
    (map ? mr_json_object_end : mr_json_array_end)(json);
}

static void value_json(struct mr_json *json, const struct item_projection *node,
                       const struct item_value *value)
{
    if (node->whole) {
        item_value_json(json, value);
        return;
    }
    mr_json_object(json);
    mr_json_key(json, item_type_name(value->type));
    children_json(json, node, value);
    mr_json_object_end(json);
}

void item_projection_json(struct mr_json *json, const struct item_projection *projection,
                          struct mr_slice item)
{
    if (projection == NULL) {
        item_json(json, item);
        return;
    }
    struct item_value map = item_as_map(item);
    children_json(json, projection, &map);
}
