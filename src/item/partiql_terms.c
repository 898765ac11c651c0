/* What a SELECT's condition asks of single attributes, for those who look for its keys. */
#include "item/partiql.h"

const struct item_node *item_partiql_term(const struct item_node *where, struct mr_slice name,
                                          bool equality)
{
    if (where == NULL)
        return NULL;
    for (size_t i = 0; where->kind == ITEM_NODE_AND && i < where->count; i++) {
        const struct item_node *found = item_partiql_term(where->args[i], name, equality);
        if (found != NULL)
            return found;
    }
    bool compares =
        where->kind == ITEM_NODE_EQ ||
        (!equality && ((where->kind >= ITEM_NODE_LT && where->kind <= ITEM_NODE_BETWEEN) ||
                       where->kind == ITEM_NODE_BEGINS_WITH));
    if (!compares || where->args[0]->kind != ITEM_NODE_PATH || where->args[0]->path.count != 1 ||
        !mr_slice_equal(where->args[0]->path.steps[0].name, name))
        return NULL;
    for (size_t i = 1; i < where->count; i++) {
        if (where->args[i]->kind != ITEM_NODE_VALUE)
            return NULL;
    }
    return where;
}

bool item_partiql_contradicts(const struct item_node *where, struct mr_slice name)
{
    const struct item_node *first = item_partiql_term(where, name, true);
    if (first == NULL || where->kind != ITEM_NODE_AND)
        return false;
    for (size_t i = 0; i < where->count; i++) {
        const struct item_node *term = item_partiql_term(where->args[i], name, true);
        if (term == NULL)
            continue;
        if (!item_value_equal(&term->args[1]->value, &first->args[1]->value) ||
            item_partiql_contradicts(where->args[i], name))
            return true;
    }
    return false;
}

static bool add_values(struct mr_arena *arena, const struct item_node *where, struct mr_slice name,
                       struct item_value **values, size_t *count)
{
    const bool equal = where->kind == ITEM_NODE_EQ || where->kind == ITEM_NODE_IN;
    const size_t before = *count;
    for (size_t i = 0; where->kind == ITEM_NODE_AND && i < where->count; i++) {
        if (add_values(arena, where->args[i], name, values, count))
            return true;
        *count = before;
    }
    for (size_t i = 0; where->kind == ITEM_NODE_OR && i < where->count; i++) {
        if (!add_values(arena, where->args[i], name, values, count))
            return false;
    }
    if (where->kind == ITEM_NODE_OR)
        return true;
    if (!equal || where->args[0]->kind != ITEM_NODE_PATH || where->args[0]->path.count != 1 ||
        !mr_slice_equal(where->args[0]->path.steps[0].name, name))
        return false;
    *values = mr_arena_realloc(arena, *values, before * sizeof **values,
                               (before + where->count) * sizeof **values);
    for (size_t i = 1; i < where->count; i++) {
        if (where->args[i]->kind != ITEM_NODE_VALUE)
            return false;
        (*values)[(*count)++] = where->args[i]->value;
    }
    return true;
}

size_t item_partiql_listed(const struct item_node *where, struct mr_slice name)
{
    const bool joins = where->kind == ITEM_NODE_AND || where->kind == ITEM_NODE_OR;
    size_t most = 0;
    for (size_t i = 0; joins && i < where->count; i++) {
        const size_t count = item_partiql_listed(where->args[i], name);
        most = count > most ? count : most;
    }
    if (where->kind != ITEM_NODE_IN || where->args[0]->kind != ITEM_NODE_PATH ||
        where->args[0]->path.count != 1 ||
        !mr_slice_equal(where->args[0]->path.steps[0].name, name))
        return most;
    return where->count - 1;
}

bool item_partiql_values(struct mr_arena *arena, const struct item_node *where,
                         struct mr_slice name, struct item_value **ret_values, size_t *ret_count)
{
    *ret_values = NULL;
    *ret_count = 0;
    return where != NULL && add_values(arena, where, name, ret_values, ret_count);
}
