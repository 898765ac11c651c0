#include "athena/prune.h"
#include "glue/filter.h"

enum truth { NEVER, MAYBE, ALWAYS };

struct walk {
    const struct athena_prune *prune;
    const struct mr_slice *values;
};

size_t athena_prune_key(const struct athena_prune *prune, const struct athena_node *node)
{
    if (node->kind == AST_DOT) {
        const struct athena_node *table = node->left;
        if ((table->kind != AST_NAME && table->kind != AST_DOT) ||
            !mr_slice_equal_nocase(table->text, prune->alias))
            return SIZE_MAX;
    } else if (node->kind != AST_NAME || !prune->only) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < prune->key_count; i++) {
        if (mr_slice_equal_nocase(node->text, prune->keys[i]))
            return i;
    }
    return SIZE_MAX;
}

static const struct athena_node *literal_of(const struct athena_prune *prune,
                                            const struct athena_node *node)
{
    if (node->kind == AST_PARAMETER && node->number < prune->parameter_count)
        return prune->parameters[node->number];
    return node;
}

/* Compares a partition's value with a literal of the key's own type. False: that cannot be told. */
static bool compare(const struct walk *walk, size_t key, const struct athena_node *node, int *ret)
{
    const struct athena_node *literal = literal_of(walk->prune, node);
    struct mr_slice value = walk->values[key];
    const enum athena_type_kind kind = walk->prune->types[key].kind;
    int64_t left, right;
    if (value.ptr == NULL || mr_slice_equal(value, MR_S("__HIVE_DEFAULT_PARTITION__")))
        return false;
    if (kind == ATHENA_STRING && literal->kind == AST_STRING) {
        *ret = mr_slice_compare(value, literal->text);
        return true;
    }
    if (kind >= ATHENA_TINYINT && kind <= ATHENA_BIGINT && literal->kind == AST_INTEGER &&
        mr_slice_to_i64(value, &left) == MR_OK && mr_slice_to_i64(literal->text, &right) == MR_OK) {
        *ret = (left > right) - (left < right);
        return true;
    }
    if (kind == ATHENA_DATE && literal->kind == AST_TYPED && value.len == 10 &&
        literal->text.len == 10) {
        *ret = mr_slice_compare(value, literal->text);
        return true;
    }
    return false;
}

static enum truth truth_of(bool certain)
{
    return certain ? ALWAYS : NEVER;
}

static enum truth invert(enum truth truth)
{
    return truth == MAYBE ? MAYBE : truth_of(truth == NEVER);
}

static enum truth by_operator(struct mr_slice operator, int order)
{
    if (mr_slice_equal(operator, MR_S("=")))
        return truth_of(order == 0);
    if (mr_slice_equal(operator, MR_S("<>")) || mr_slice_equal(operator, MR_S("!=")))
        return truth_of(order != 0);
    if (mr_slice_equal(operator, MR_S("<")))
        return truth_of(order < 0);
    if (mr_slice_equal(operator, MR_S("<=")))
        return truth_of(order <= 0);
    if (mr_slice_equal(operator, MR_S(">")))
        return truth_of(order > 0);
    if (mr_slice_equal(operator, MR_S(">=")))
        return truth_of(order >= 0);
    return MAYBE;
}

struct mr_slice athena_prune_mirrored(struct mr_slice operator)
{
    static const struct {
        const char *from, *to;
    } pairs[] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}};
    for (size_t i = 0; i < MR_COUNT(pairs); i++) {
        if (mr_slice_equal(operator, mr_slice_cstr(pairs[i].from)))
            return mr_slice_cstr(pairs[i].to);
    }
    return operator;
}

static enum truth eval_comparison(const struct walk *walk, const struct athena_node *node)
{
    int order;
    size_t key = athena_prune_key(walk->prune, node->left);
    if (key != SIZE_MAX && compare(walk, key, node->right, &order))
        return by_operator(node->text, order);
    key = athena_prune_key(walk->prune, node->right);
    if (key != SIZE_MAX && compare(walk, key, node->left, &order))
        return by_operator(athena_prune_mirrored(node->text), order);
    return MAYBE;
}

static enum truth eval_in(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    enum truth truth = NEVER;
    if (key == SIZE_MAX || node->right != NULL)
        return MAYBE;
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        int order;
        if (!compare(walk, key, item, &order))
            truth = truth == ALWAYS ? ALWAYS : MAYBE;
        else if (order == 0)
            truth = ALWAYS;
    }
    return truth;
}

static enum truth eval_between(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    int low, high;
    if (key == SIZE_MAX || !compare(walk, key, node->right, &low) ||
        !compare(walk, key, node->third, &high))
        return MAYBE;
    return truth_of(low >= 0 && high <= 0);
}

static enum truth eval_like(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    if (key == SIZE_MAX || walk->prune->types[key].kind != ATHENA_STRING ||
        node->right->kind != AST_STRING || node->third != NULL || walk->values[key].ptr == NULL ||
        mr_slice_equal(walk->values[key], MR_S("__HIVE_DEFAULT_PARTITION__")))
        return MAYBE;
    return truth_of(glue_filter_like(walk->values[key], node->right->text, 0));
}

static enum truth eval(const struct walk *walk, const struct athena_node *node)
{
    const bool negated = (node->flags & AST_NEGATED) != 0;
    enum truth left, right;
    switch (node->kind) {
    case AST_AND:
        left = eval(walk, node->left);
        right = left == NEVER ? NEVER : eval(walk, node->right);
        return left < right ? left : right;
    case AST_OR:
        left = eval(walk, node->left);
        right = left == ALWAYS ? ALWAYS : eval(walk, node->right);
        return left > right ? left : right;
    case AST_NOT: return invert(eval(walk, node->left));
    case AST_OPERATOR: return eval_comparison(walk, node);
    case AST_IN: left = eval_in(walk, node); return negated ? invert(left) : left;
    case AST_BETWEEN: left = eval_between(walk, node); return negated ? invert(left) : left;
    case AST_LIKE: left = eval_like(walk, node); return negated ? invert(left) : left;
    default: return MAYBE;
    }
}

bool athena_prune_keeps(const struct athena_prune *prune, const struct mr_slice *values)
{
    const struct walk walk = {.prune = prune, .values = values};
    return prune->where == NULL || eval(&walk, prune->where) != NEVER;
}

bool athena_prune_passes(const struct athena_prune *prune, const struct mr_slice *values)
{
    const struct walk walk = {.prune = prune, .values = values};
    return prune->where == NULL || eval(&walk, prune->where) == ALWAYS;
}

static void collect(const struct athena_prune *prune, size_t key, const struct athena_node *node,
                    struct mr_slice *values, size_t *count, size_t max)
{
    if (node->kind == AST_AND) {
        collect(prune, key, node->left, values, count, max);
        collect(prune, key, node->right, values, count, max);
        return;
    }
    const struct athena_node *list = NULL;
    if (node->kind == AST_OPERATOR && mr_slice_equal(node->text, MR_S("="))) {
        if (athena_prune_key(prune, node->left) == key)
            list = node->right;
        else if (athena_prune_key(prune, node->right) == key)
            list = node->left;
    } else if (node->kind == AST_IN && (node->flags & AST_NEGATED) == 0 &&
               athena_prune_key(prune, node->left) == key) {
        list = node->items;
    }
    const bool many = node->kind == AST_IN;
    for (; list != NULL; list = many ? list->next : NULL) {
        const struct athena_node *literal = literal_of(prune, list);
        if ((literal->kind == AST_STRING || literal->kind == AST_INTEGER ||
             literal->kind == AST_TYPED) &&
            *count < max)
            values[(*count)++] = literal->text;
    }
}

bool athena_prune_values(const struct athena_prune *prune, size_t key, struct mr_arena *arena,
                         struct mr_slice **ret_values, size_t *ret_count)
{
    enum { VALUES_MAX = 10000 };
    struct mr_slice *values = MR_NEW_ARRAY(arena, struct mr_slice, VALUES_MAX);
    size_t count = 0;
    if (prune->where != NULL)
        collect(prune, key, prune->where, values, &count, VALUES_MAX);
    *ret_values = values;
    *ret_count = count;
    return count > 0;
}
