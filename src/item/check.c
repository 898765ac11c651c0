/* Checks of operands that need no item: of expressions and of PartiQL. */
#include "item/check.h"
#include "item/parser.h"

static const struct mr_slice nothing;

/* The type that an operand is known to have, or ITEM_NONE. */
static enum item_type known_type(const struct item_node *node)
{
    if (node->kind == ITEM_NODE_SIZE)
        return ITEM_N;
    return node->kind == ITEM_NODE_VALUE ? node->value.type : ITEM_NONE;
}

struct mr_slice item_operand_error(struct mr_arena *arena, struct mr_slice what, const char *type)
{
    return mr_arena_printf(arena,
                           "Incorrect operand type for operator or function; operator or function: "
                           "%.*s, operand type: %s",
                           MR_ARG(what), type);
}

struct mr_slice item_check_distinct(struct mr_arena *arena, struct mr_slice what,
                                    const struct item_node *node)
{
    const struct item_node *first = node->args[0];
    for (size_t i = 1; first->kind == ITEM_NODE_PATH && i < node->count; i++) {
        if (node->args[i]->kind != ITEM_NODE_PATH ||
            !item_path_equal(&first->path, &node->args[i]->path))
            continue;
        struct mr_slice path = item_path_text(arena, &first->path);
        return mr_arena_printf(arena,
                               "The first operand must be distinct from the remaining operands for "
                               "this operator or function; operator: %.*s, first operand: %.*s",
                               MR_ARG(what), MR_ARG(path));
    }
    return nothing;
}

/* AWS: of the values that the request itself gives. What a path leads to compares as false. */
struct mr_slice item_check_ordered(struct mr_arena *arena, struct mr_slice what,
                                   const struct item_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const enum item_type type = known_type(node->args[i]);
        if (type != ITEM_NONE && type != ITEM_S && type != ITEM_N && type != ITEM_B)
            return item_operand_error(arena, what, item_type_name(type));
    }
    return nothing;
}

static struct mr_slice bounds_error(struct mr_arena *arena, const char *what,
                                    const struct item_value *low, const struct item_value *high)
{
    struct mr_slice a = item_value_text(arena, low), b = item_value_text(arena, high);
    return mr_arena_printf(arena,
                           "The BETWEEN operator requires %s; lower bound operand: AttributeValue: "
                           "{%.*s}, upper bound operand: AttributeValue: {%.*s}",
                           what, MR_ARG(a), MR_ARG(b));
}

struct mr_slice item_check_bounds(struct mr_arena *arena, const struct item_node *between)
{
    const struct item_node *low = between->args[1], *high = between->args[2];
    if (low->kind != ITEM_NODE_VALUE || high->kind != ITEM_NODE_VALUE ||
        low->value.type == ITEM_NONE || high->value.type == ITEM_NONE)
        return nothing;
    if (low->value.type != high->value.type)
        return bounds_error(arena, "same data type for lower and upper bounds", &low->value,
                            &high->value);
    if (low->value.type <= ITEM_B && item_value_compare(&low->value, &high->value) > 0)
        return bounds_error(arena, "upper bound to be greater than or equal to lower bound",
                            &low->value, &high->value);
    return nothing;
}

static struct mr_slice check_type_name(struct mr_arena *arena, const struct item_node *node)
{
    const struct item_node *type = node->args[1];
    if (type->kind == ITEM_NODE_SIZE)
        return item_operand_error(arena, node->function, "N");
    if (type->kind != ITEM_NODE_VALUE)
        return item_operand_error(arena, node->function, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}");
    if (type->value.type == ITEM_NONE)
        return nothing; /* not defined: told already */
    if (type->value.type != ITEM_S)
        return item_operand_error(arena, node->function, item_type_name(type->value.type));
    if (item_type_parse(type->value.body) != ITEM_NONE)
        return nothing;
    return mr_arena_printf(arena,
                           "Invalid attribute type name found; type: %.*s, valid types: "
                           "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
                           MR_ARG(type->value.body));
}

struct mr_slice item_check_call(struct mr_arena *arena, const struct item_node *node)
{
    enum item_type type = known_type(node->args[0]);
    switch (node->kind) {
    case ITEM_NODE_ATTRIBUTE_EXISTS:
    case ITEM_NODE_ATTRIBUTE_NOT_EXISTS:
        if (node->args[0]->kind == ITEM_NODE_PATH)
            return nothing;
        return mr_arena_printf(arena,
                               "Operator or function requires a document path; operator or "
                               "function: %.*s",
                               MR_ARG(node->function));
    case ITEM_NODE_ATTRIBUTE_TYPE: return check_type_name(arena, node);
    case ITEM_NODE_BEGINS_WITH:
        for (size_t i = 0; i < 2; i++) {
            type = known_type(node->args[i]);
            if (type != ITEM_NONE && type != ITEM_S && type != ITEM_B)
                return item_operand_error(arena, node->function, item_type_name(type));
        }
        return nothing;
    case ITEM_NODE_SIZE:
        if (type == ITEM_N || type == ITEM_BOOL || type == ITEM_NULL)
            return item_operand_error(arena, node->function, item_type_name(type));
        return nothing;
    default: return nothing;
    }
}

struct mr_slice item_check_values(struct mr_arena *arena, struct mr_slice what,
                                  const struct item_node *node, enum item_type wanted)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct item_node *arg = node->args[i];
        if (arg->kind == ITEM_NODE_VALUE && arg->value.type != ITEM_NONE &&
            arg->value.type != wanted)
            return item_operand_error(arena, what, item_type_name(arg->value.type));
    }
    return nothing;
}
