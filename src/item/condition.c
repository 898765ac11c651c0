/* Evaluating conditions over encoded items. An attribute that is not there makes every comparison
 * false but <>. */
#include "item/expression.h"
#include <assert.h>

/* AWS: a text's size is that of Java, where what lies beyond U+FFFF counts twice. */
static uint64_t utf16_units(struct mr_slice text)
{
    uint64_t units = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];
        units += (byte & 0xC0) != 0x80;
        units += byte >= 0xF0;
    }
    return units;
}

static struct item_value operand_value(struct mr_arena *arena, const struct item_node *node,
                                       struct mr_slice item)
{
    if (node->kind == ITEM_NODE_VALUE)
        return node->value;
    if (node->kind == ITEM_NODE_PATH)
        return item_path_get(&node->path, item);
    assert(node->kind == ITEM_NODE_SIZE);
    struct item_value value = operand_value(arena, node->args[0], item);
    bool sized = value.type == ITEM_S || value.type == ITEM_B || value.type >= ITEM_SS;
    if (!sized)
        return (struct item_value){.type = ITEM_NONE};
    uint64_t count = value.type == ITEM_S ? utf16_units(value.body) : item_value_count(&value);
    struct item_number number = item_number_from_u64(count);
    return item_value_scalar(arena, ITEM_N, item_number_slice(&number));
}

static bool is_ordered(enum item_type type)
{
    return type == ITEM_S || type == ITEM_N || type == ITEM_B;
}

/* Whether the two can be ordered; *ret_order as memcmp. */
static bool order_of(const struct item_value *a, const struct item_value *b, int *ret_order)
{
    if (a->type != b->type || !is_ordered(a->type))
        return false;
    *ret_order = item_value_compare(a, b);
    return true;
}

static bool equal(const struct item_value *a, const struct item_value *b)
{
    return a->type != ITEM_NONE && item_value_equal(a, b);
}

static bool holds_order(enum item_node_kind kind, const struct item_value *a,
                        const struct item_value *b)
{
    int order;
    if (!order_of(a, b, &order))
        return false;
    switch (kind) {
    case ITEM_NODE_LT: return order < 0;
    case ITEM_NODE_LE: return order <= 0;
    case ITEM_NODE_GT: return order > 0;
    default: return order >= 0;
    }
}

static bool list_has(const struct item_value *list, const struct item_value *wanted)
{
    struct item_iter iter = item_iter_value(list);
    struct item_value element;
    while (item_iter_element(&iter, &element)) {
        if (item_value_equal(&element, wanted))
            return true;
    }
    return false;
}

static bool contains(const struct item_value *whole, const struct item_value *part)
{
    if (part->type == ITEM_NONE)
        return false;
    if (whole->type == ITEM_L)
        return list_has(whole, part);
    if (item_type_is_set(whole->type))
        return part->type == item_set_member_type(whole->type) && item_set_has(whole, part->body);
    if (whole->type != part->type || (whole->type != ITEM_S && whole->type != ITEM_B))
        return false;
    return mr_slice_search(whole->body, part->body) != SIZE_MAX;
}

static bool begins_with(const struct item_value *whole, const struct item_value *part)
{
    return whole->type == part->type && (whole->type == ITEM_S || whole->type == ITEM_B) &&
           mr_slice_starts_with(whole->body, part->body);
}

static bool is_in(struct mr_arena *arena, const struct item_node *node, struct mr_slice item)
{
    struct item_value value = operand_value(arena, node->args[0], item);
    for (size_t i = 1; i < node->count; i++) {
        struct item_value other = operand_value(arena, node->args[i], item);
        if (equal(&value, &other))
            return true;
    }
    return false;
}

static bool is_between(struct mr_arena *arena, const struct item_node *node, struct mr_slice item)
{
    struct item_value value = operand_value(arena, node->args[0], item);
    struct item_value low = operand_value(arena, node->args[1], item);
    struct item_value high = operand_value(arena, node->args[2], item);
    return holds_order(ITEM_NODE_GE, &value, &low) && holds_order(ITEM_NODE_LE, &value, &high);
}

static bool holds_comparison(struct mr_arena *arena, const struct item_node *node,
                             struct mr_slice item)
{
    struct item_value a = operand_value(arena, node->args[0], item);
    struct item_value b = {.type = ITEM_NONE};
    if (node->count > 1)
        b = operand_value(arena, node->args[1], item);
    switch (node->kind) {
    case ITEM_NODE_EQ: return equal(&a, &b);
    case ITEM_NODE_NE: return !equal(&a, &b);
    case ITEM_NODE_ATTRIBUTE_EXISTS: return a.type != ITEM_NONE;
    case ITEM_NODE_ATTRIBUTE_NOT_EXISTS: return a.type == ITEM_NONE;
    case ITEM_NODE_ATTRIBUTE_TYPE: return a.type != ITEM_NONE && a.type == item_type_parse(b.body);
    case ITEM_NODE_BEGINS_WITH: return begins_with(&a, &b);
    case ITEM_NODE_CONTAINS: return contains(&a, &b);
    default: return holds_order(node->kind, &a, &b);
    }
}

static bool holds(struct mr_arena *arena, const struct item_node *node, struct mr_slice item)
{
    switch (node->kind) {
    case ITEM_NODE_OR:
        for (size_t i = 0; i < node->count; i++) {
            if (holds(arena, node->args[i], item))
                return true;
        }
        return false;
    case ITEM_NODE_AND:
        for (size_t i = 0; i < node->count; i++) {
            if (!holds(arena, node->args[i], item))
                return false;
        }
        return true;
    case ITEM_NODE_NOT: return !holds(arena, node->args[0], item);
    case ITEM_NODE_BETWEEN: return is_between(arena, node, item);
    case ITEM_NODE_IN: return is_in(arena, node, item);
    default: return holds_comparison(arena, node, item);
    }
}

bool item_condition_holds(struct mr_arena *arena, const struct item_condition *condition,
                          struct mr_slice item)
{
    return holds(arena, condition->root, item);
}
