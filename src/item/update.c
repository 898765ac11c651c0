/* Applying an update: values are worked out from the old item, then set into a tree that is opened
 * only along the paths that change; all else is copied as encoded bytes. Places in lists are those
 * of the old list until the end. */
#include "item/parser.h"
#include <assert.h>
#include <stdlib.h>

struct tree {
    struct mr_slice name; /* within a map */
    size_t index;         /* within a list */
    bool open, removed, added;
    struct item_value value; /* while not open */
    struct tree *children;
    size_t count, cap;
};

struct applier {
    struct mr_arena *arena;
    struct mr_slice old;
    bool legacy;
    struct mr_slice *error;
};

static enum mr_status refuse(struct applier *applier, struct mr_slice text)
{
    *applier->error = text;
    return MR_INVALID;
}

static enum mr_status refuse_path(struct applier *applier)
{
    return refuse(
        applier, MR_S("The document path provided in the update expression is invalid for update"));
}

static enum mr_status refuse_type(struct applier *applier)
{
    if (applier->legacy)
        return refuse(applier, MR_S("Type mismatch for attribute to update"));
    return refuse(applier, MR_S("An operand in the update expression has an incorrect data type"));
}

/* ---- values ---- */

static enum mr_status number_sum(struct applier *applier, const struct item_value *a,
                                 const struct item_value *b, bool subtract,
                                 struct item_value *ret_value)
{
    struct item_number sum;
    if (a->type != ITEM_N || b->type != ITEM_N)
        return refuse_type(applier);
    enum item_number_outcome outcome = item_number_add(a->body, b->body, subtract, &sum);
    if (outcome == ITEM_NUMBER_UNDERFLOW)
        return refuse(applier, MR_S("Number underflow. Attempting to store a number with magnitude "
                                    "smaller than supported range"));
    if (outcome != ITEM_NUMBER_OK)
        return refuse(applier, MR_S("Number overflow. Attempting to store a number with magnitude "
                                    "larger than supported range"));
    *ret_value = item_value_scalar(applier->arena, ITEM_N, item_number_slice(&sum));
    return MR_OK;
}

static void write_behind(struct item_writer *writer)
{
    uint32_t behind = (uint32_t)(writer->len - 5);
    memcpy(writer->data + 1, &behind, sizeof(behind));
}

static struct item_writer container_make(struct applier *applier, enum item_type type, size_t room)
{
    struct item_writer writer = item_writer_make(applier->arena, room + 16);
    item_write_byte(&writer, (uint8_t)type);
    item_write_raw(&writer, MR_S("\0\0\0\0"));
    return writer;
}

static enum mr_status list_join(struct applier *applier, const struct item_value *a,
                                const struct item_value *b, struct item_value *ret_value)
{
    if (a->type != ITEM_L || b->type != ITEM_L)
        return refuse_type(applier);
    struct item_iter left = item_iter_value(a), right = item_iter_value(b);
    struct item_writer writer = container_make(applier, ITEM_L, a->body.len + b->body.len);
    item_write_varint(&writer, left.left + right.left);
    item_write_raw(&writer, mr_slice_make(left.next, (size_t)(left.end - left.next)));
    item_write_raw(&writer, mr_slice_make(right.next, (size_t)(right.end - right.next)));
    write_behind(&writer);
    *ret_value = item_value_read(item_writer_slice(&writer));
    return MR_OK;
}

static enum mr_status value_of(struct applier *applier, const struct item_node *node,
                               struct item_value *ret_value);

static enum mr_status operands_of(struct applier *applier, const struct item_node *node,
                                  struct item_value *ret_a, struct item_value *ret_b)
{
    enum mr_status status = value_of(applier, node->args[0], ret_a);
    return status != MR_OK ? status : value_of(applier, node->args[1], ret_b);
}

static enum mr_status value_of(struct applier *applier, const struct item_node *node,
                               struct item_value *ret_value)
{
    struct item_value a, b;
    enum mr_status status;
    switch (node->kind) {
    case ITEM_NODE_VALUE: *ret_value = node->value; return MR_OK;
    case ITEM_NODE_PATH:
        *ret_value = item_path_get(&node->path, applier->old);
        if (ret_value->type == ITEM_NONE)
            return refuse(applier, MR_S("The provided expression refers to an attribute that does "
                                        "not exist in the item"));
        return MR_OK;
    case ITEM_NODE_IF_NOT_EXISTS:
        *ret_value = item_path_get(&node->args[0]->path, applier->old);
        if (ret_value->type != ITEM_NONE)
            return MR_OK;
        return value_of(applier, node->args[1], ret_value);
    case ITEM_NODE_LIST_APPEND:
        status = operands_of(applier, node, &a, &b);
        return status != MR_OK ? status : list_join(applier, &a, &b, ret_value);
    default:
        assert(node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT);
        status = operands_of(applier, node, &a, &b);
        if (status != MR_OK)
            return status;
        return number_sum(applier, &a, &b, node->kind == ITEM_NODE_SUBTRACT, ret_value);
    }
}

/* Members of `a` or `b` (join), or of `a` without `b`. Both are sorted, so one walk does. */
static struct item_value set_merge(struct applier *applier, const struct item_value *a,
                                   const struct item_value *b, bool join)
{
    struct item_iter left = item_iter_value(a), right = item_iter_value(b);
    size_t count = 0;
    struct mr_slice *members =
        mr_arena_alloc(applier->arena, (left.left + right.left + 1) * sizeof(members[0]));
    struct mr_slice x, y;
    bool more_x = item_iter_member(&left, &x), more_y = item_iter_member(&right, &y);
    while (more_x || more_y) {
        int order = !more_x ? 1 : !more_y ? -1 : mr_slice_compare(x, y);
        if (order < 0 || (order == 0 && join))
            members[count++] = x;
        else if (order > 0 && join)
            members[count++] = y;
        if (order <= 0)
            more_x = item_iter_member(&left, &x);
        if (order >= 0)
            more_y = item_iter_member(&right, &y);
    }
    if (count == 0)
        return (struct item_value){.type = ITEM_NONE};
    return item_set_make(applier->arena, a->type, members, count);
}

/* ---- the tree ---- */

static struct tree *tree_child(struct applier *applier, struct tree *node)
{
    if (node->count == node->cap) {
        node->cap = node->cap == 0 ? 8 : node->cap * 2;
        struct tree *children = mr_arena_alloc(applier->arena, node->cap * sizeof(children[0]));
        if (node->count > 0)
            memcpy(children, node->children, node->count * sizeof(children[0]));
        node->children = children;
    }
    struct tree *child = &node->children[node->count++];
    *child = (struct tree){.index = node->count - 1};
    return child;
}

static void tree_open(struct applier *applier, struct tree *node)
{
    if (node->open)
        return;
    struct item_iter iter = item_iter_value(&node->value);
    struct mr_slice name = {.ptr = NULL};
    struct item_value value;
    node->open = true;
    node->cap = iter.left + 4;
    node->children = mr_arena_alloc(applier->arena, node->cap * sizeof(node->children[0]));
    while (node->value.type == ITEM_M ? item_iter_field(&iter, &name, &value)
                                      : item_iter_element(&iter, &value)) {
        struct tree *child = tree_child(applier, node);
        child->name = name;
        child->value = value;
    }
}

static struct tree *tree_find(struct tree *node, const struct item_step *step)
{
    if (step->name.ptr == NULL) {
        bool there = step->index < node->count && !node->children[step->index].added;
        return there ? &node->children[step->index] : NULL;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (mr_slice_equal(node->children[i].name, step->name))
            return &node->children[i];
    }
    return NULL;
}

/* The opened map or list that holds the path's last step. */
static enum mr_status tree_parent(struct applier *applier, struct tree *root,
                                  const struct item_path *path, struct tree **ret_node)
{
    struct tree *node = root;
    for (size_t i = 0;; i++) {
        const struct item_step *step = &path->steps[i];
        enum item_type wanted = step->name.ptr != NULL ? ITEM_M : ITEM_L;
        if (node == NULL || node->value.type != wanted)
            return refuse_path(applier);
        tree_open(applier, node);
        if (i + 1 == path->count)
            break;
        node = tree_find(node, step);
    }
    *ret_node = node;
    return MR_OK;
}

static enum mr_status tree_set(struct applier *applier, struct tree *root,
                               const struct item_path *path, const struct item_value *value)
{
    struct tree *parent;
    enum mr_status status = tree_parent(applier, root, path, &parent);
    if (status != MR_OK)
        return status;
    if (path->count + item_value_depth(value) > ITEM_DEPTH_MAX + 1)
        return refuse(applier, MR_S("Nesting Levels have exceeded supported limits: Attributes in "
                                    "the item have nested levels beyond supported limit"));
    const struct item_step *last = &path->steps[path->count - 1];
    struct tree *child = tree_find(parent, last);
    if (child == NULL) {
        child = tree_child(applier, parent);
        child->name = last->name;
        child->index = last->index;
        child->added = true;
    }
    child->value = *value;
    return MR_OK;
}

static enum mr_status tree_remove(struct applier *applier, struct tree *root,
                                  const struct item_path *path)
{
    struct tree *parent;
    enum mr_status status = tree_parent(applier, root, path, &parent);
    if (status != MR_OK)
        return status;
    struct tree *child = tree_find(parent, &path->steps[path->count - 1]);
    if (child != NULL)
        child->removed = true;
    return MR_OK;
}

static struct item_value tree_value(struct applier *applier, const struct tree *node);

/* The children that stay, as fields (names empty in a list). */
static struct item_field *tree_fields(struct applier *applier, const struct tree *node,
                                      size_t *ret_count)
{
    struct item_field *fields =
        mr_arena_alloc(applier->arena, (node->count + 1) * sizeof(fields[0]));
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct tree *child = &node->children[i];
        if (!child->removed)
            fields[count++] = (struct item_field){child->name, tree_value(applier, child)};
    }
    *ret_count = count;
    return fields;
}

static int added_order(const void *a, const void *b)
{
    const struct tree *left = a, *right = b;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Elements set beyond the end follow in the order of their places. */
static void order_added(struct tree *list)
{
    size_t first = list->count;
    while (first > 0 && list->children[first - 1].added)
        first--;
    if (list->count - first > 1)
        qsort(list->children + first, list->count - first, sizeof(list->children[0]), added_order);
}

static struct item_value tree_value(struct applier *applier, const struct tree *node)
{
    if (!node->open)
        return node->value;
    size_t count, room = 0;
    struct tree ordered = *node;
    bool map = node->value.type == ITEM_M;
    if (!map)
        order_added(&ordered);
    struct item_field *fields = tree_fields(applier, &ordered, &count);
    if (map)
        item_fields_sort(fields, count);
    for (size_t i = 0; i < count; i++)
        room += fields[i].name.len + fields[i].value.raw.len + 3;
    struct item_writer writer = container_make(applier, node->value.type, room);
    item_write_varint(&writer, count);
    for (size_t i = 0; i < count; i++) {
        if (map)
            item_write_bytes(&writer, fields[i].name);
        item_write_raw(&writer, fields[i].value.raw);
    }
    write_behind(&writer);
    return item_value_read(item_writer_slice(&writer));
}

/* ---- actions ---- */

static enum mr_status apply_add(struct applier *applier, struct tree *root,
                                const struct item_action *action)
{
    struct item_value value = action->value->value;
    struct item_value old = item_path_get(&action->path, applier->old);
    enum mr_status status = MR_OK;
    if (old.type != ITEM_NONE && old.type != value.type)
        return refuse_type(applier);
    if (old.type == ITEM_N)
        status = number_sum(applier, &old, &action->value->value, false, &value);
    else if (old.type == ITEM_L) /* AttributeUpdates alone can say that */
        status = list_join(applier, &old, &action->value->value, &value);
    else if (old.type != ITEM_NONE)
        value = set_merge(applier, &old, &value, true);
    return status != MR_OK ? status : tree_set(applier, root, &action->path, &value);
}

static enum mr_status apply_delete(struct applier *applier, struct tree *root,
                                   const struct item_action *action)
{
    struct item_value old = item_path_get(&action->path, applier->old);
    if (old.type == ITEM_NONE)
        return tree_remove(applier, root, &action->path); /* its path must lead somewhere */
    if (old.type != action->value->value.type)
        return refuse_type(applier);
    struct item_value rest = set_merge(applier, &old, &action->value->value, false);
    if (rest.type == ITEM_NONE)
        return tree_remove(applier, root, &action->path);
    return tree_set(applier, root, &action->path, &rest);
}

static enum mr_status apply_action(struct applier *applier, struct tree *root,
                                   const struct item_action *action)
{
    struct item_value value;
    enum mr_status status;
    switch (action->kind) {
    case ITEM_SET:
        status = value_of(applier, action->value, &value);
        return status != MR_OK ? status : tree_set(applier, root, &action->path, &value);
    case ITEM_REMOVE: return tree_remove(applier, root, &action->path);
    case ITEM_ADD: return apply_add(applier, root, action);
    default: return apply_delete(applier, root, action);
    }
}

enum mr_status item_update_apply(struct mr_arena *arena, const struct item_update *update,
                                 struct mr_slice old, struct mr_slice base,
                                 struct mr_slice *ret_item, struct mr_slice *ret_error)
{
    struct applier applier = {
        .arena = arena, .old = old, .legacy = update->legacy, .error = ret_error};
    struct tree root = {.value = item_as_map(base)};
    for (size_t i = 0; i < update->count; i++) {
        enum mr_status status = apply_action(&applier, &root, &update->actions[i]);
        if (status != MR_OK)
            return status;
    }
    size_t count;
    tree_open(&applier, &root);
    struct item_field *fields = tree_fields(&applier, &root, &count);
    *ret_item = item_make(arena, fields, count);
    return MR_OK;
}
