/* Key conditions: what a condition expression may say when it selects a range of keys. */
#include "item/expression.h"

struct converter {
    struct mr_arena *arena;
    struct item_key_condition *condition;
    bool too_many;
    struct mr_slice *error;
};

static enum mr_status refuse(struct converter *converter, struct mr_slice text)
{
    *converter->error = text;
    return MR_INVALID;
}

static enum mr_status refuse_operator(struct converter *converter, struct mr_slice name)
{
    return refuse(converter,
                  mr_arena_printf(converter->arena,
                                  "Invalid operator used in KeyConditionExpression: %.*s",
                                  MR_ARG(name)));
}

static enum mr_status check_kind(struct converter *converter, const struct item_node *node)
{
    switch (node->kind) {
    case ITEM_NODE_OR: return refuse_operator(converter, MR_S("OR"));
    case ITEM_NODE_NOT: return refuse_operator(converter, MR_S("NOT"));
    case ITEM_NODE_IN: return refuse_operator(converter, MR_S("IN"));
    case ITEM_NODE_NE: return refuse_operator(converter, MR_S("<>"));
    case ITEM_NODE_ATTRIBUTE_EXISTS:
    case ITEM_NODE_ATTRIBUTE_NOT_EXISTS:
    case ITEM_NODE_ATTRIBUTE_TYPE:
    case ITEM_NODE_CONTAINS: return refuse_operator(converter, node->function);
    default: return MR_OK;
    }
}

/* Finds the one attribute of a comparison; the other operands must be values. */
static enum mr_status find_attribute(struct converter *converter, const struct item_node *node,
                                     size_t *ret_at)
{
    *ret_at = SIZE_MAX;
    for (size_t i = 0; i < node->count; i++) {
        const struct item_node *arg = node->args[i];
        if (arg->kind == ITEM_NODE_SIZE)
            return refuse(converter,
                          MR_S("KeyConditionExpressions cannot contain nested operations"));
        if (arg->kind != ITEM_NODE_PATH)
            continue;
        if (*ret_at != SIZE_MAX)
            return refuse(converter, MR_S("Invalid condition in KeyConditionExpression: Multiple "
                                          "attribute names used in one condition"));
        if (arg->path.count > 1)
            return refuse(converter, MR_S("KeyConditionExpressions cannot have conditions on "
                                          "nested attributes"));
        *ret_at = i;
    }
    if (*ret_at == SIZE_MAX)
        return refuse(converter, MR_S("Invalid condition in KeyConditionExpression: No key "
                                      "attribute specified"));
    return MR_OK;
}

static enum item_node_kind mirrored(enum item_node_kind kind)
{
    switch (kind) {
    case ITEM_NODE_LT: return ITEM_NODE_GT;
    case ITEM_NODE_LE: return ITEM_NODE_GE;
    case ITEM_NODE_GT: return ITEM_NODE_LT;
    case ITEM_NODE_GE: return ITEM_NODE_LE;
    default: return kind;
    }
}

static enum mr_status add_term(struct converter *converter, const struct item_node *node, size_t at)
{
    struct item_key_condition *condition = converter->condition;
    struct mr_slice name = node->args[at]->path.steps[0].name;
    for (size_t i = 0; i < condition->count; i++) {
        if (mr_slice_equal(condition->terms[i].name, name))
            return refuse(converter, MR_S("KeyConditionExpressions must only contain one condition "
                                          "per key"));
    }
    if (condition->count == MR_COUNT(condition->terms)) {
        converter->too_many = true;
        return MR_OK;
    }
    struct item_key_term *term = &condition->terms[condition->count++];
    *term = (struct item_key_term){.name = name, .kind = node->kind};
    if (at != 0)
        term->kind = mirrored(node->kind);
    term->low = node->args[at == 0 ? 1 : 0]->value;
    if (node->kind == ITEM_NODE_BETWEEN)
        term->high = node->args[2]->value;
    return MR_OK;
}

static enum mr_status convert(struct converter *converter, const struct item_node *node)
{
    enum mr_status status = check_kind(converter, node);
    size_t at;
    if (status != MR_OK)
        return status;
    if (node->kind == ITEM_NODE_AND) {
        for (size_t i = 0; status == MR_OK && i < node->count; i++)
            status = convert(converter, node->args[i]);
        return status;
    }
    bool key_first = node->kind == ITEM_NODE_BETWEEN || node->kind == ITEM_NODE_BEGINS_WITH;
    if (key_first && node->args[0]->kind != ITEM_NODE_PATH)
        return refuse(converter,
                      mr_arena_printf(converter->arena,
                                      "Invalid condition in KeyConditionExpression: %s operator "
                                      "must have the key attribute as its first operand",
                                      node->kind == ITEM_NODE_BETWEEN ? "BETWEEN" : "begins_with"));
    status = find_attribute(converter, node, &at);
    return status != MR_OK ? status : add_term(converter, node, at);
}

bool item_key_term_holds(const struct item_key_term *term, const struct item_value *value)
{
    int order = item_value_compare(value, &term->low);
    switch (term->kind) {
    case ITEM_NODE_LT: return order < 0;
    case ITEM_NODE_LE: return order <= 0;
    case ITEM_NODE_GT: return order > 0;
    case ITEM_NODE_GE: return order >= 0;
    case ITEM_NODE_BETWEEN: return order >= 0 && item_value_compare(value, &term->high) <= 0;
    case ITEM_NODE_BEGINS_WITH: return mr_slice_starts_with(value->body, term->low.body);
    default: return order == 0;
    }
}

enum mr_status item_key_condition_parse(struct mr_arena *arena,
                                        struct item_placeholders *placeholders,
                                        struct mr_slice text,
                                        struct item_key_condition *ret_condition,
                                        struct mr_slice *ret_error)
{
    struct item_condition parsed;
    enum mr_status status = item_condition_parse(arena, placeholders, text,
                                                 "KeyConditionExpression", &parsed, ret_error);
    if (status != MR_OK)
        return status;
    struct item_key_condition condition = {.count = 0};
    struct converter converter = {.arena = arena, .condition = &condition, .error = ret_error};
    status = convert(&converter, parsed.root);
    if (status == MR_OK && converter.too_many)
        status = refuse(&converter, MR_S("Conditions can be of length 1 or 2 only"));
    if (status == MR_OK)
        *ret_condition = condition;
    return status;
}
