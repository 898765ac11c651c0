#include "athena/prune_range.h"
#include "base/clock.h"

struct walk {
    const struct athena_prune *prune;
    struct mr_arena *arena;
    const struct athena_range *ranges;
};

/* ---- bounds ---- */

static size_t bytes_of(enum iceberg_kind kind)
{
    switch (kind) {
    case ICEBERG_BOOLEAN: return 1;
    case ICEBERG_INT:
    case ICEBERG_FLOAT:
    case ICEBERG_DATE: return 4;
    case ICEBERG_LONG:
    case ICEBERG_DOUBLE:
    case ICEBERG_TIME:
    case ICEBERG_TIMESTAMP:
    case ICEBERG_TIMESTAMPTZ: return 8;
    default: return 0;
    }
}

static bool is_bound(const struct iceberg_type *type, struct mr_slice value)
{
    const size_t bytes = bytes_of(type->kind);
    if (value.ptr == NULL || type->kind >= ICEBERG_STRUCT || type->kind == ICEBERG_FLOAT ||
        type->kind == ICEBERG_DOUBLE) /* NaN is above all others here, and in no bound */
        return false;
    if (type->kind == ICEBERG_DECIMAL)
        return value.len >= 1 && value.len <= 16;
    /* A long may have been an int when the file was written. */
    return bytes == 0 || value.len == bytes || (type->kind == ICEBERG_LONG && value.len == 4);
}

void athena_range_check(struct athena_range *range)
{
    static const struct mr_slice unknown = {0};
    if (!is_bound(range->type, range->lower))
        range->lower = unknown;
    if (!is_bound(range->type, range->upper))
        range->upper = unknown;
    if (range->lower.ptr != NULL && range->upper.ptr != NULL &&
        iceberg_value_compare(range->type, range->lower, range->upper) > 0)
        range->lower = range->upper = unknown;
}

/* ---- literals ---- */

/* TIMESTAMP '2026-07-03[ 10:11[:12[.123]]]': one without a zone, and no finer. */
static bool read_moment(const struct walk *walk, struct mr_slice text, int64_t *ret_ms)
{
    text = mr_slice_trim(text);
    if (text.len != 10 && text.len != 16 && (text.len < 19 || text.len > 23))
        return false;
    const struct mr_slice time = text.len == 10 ? MR_S("00:00") : mr_slice_sub(text, 11, SIZE_MAX);
    return mr_date_parse(mr_arena_printf(walk->arena, "%.10sT%.*s%sZ", text.ptr, MR_ARG(time),
                                         time.len == 5 ? ":00" : ""),
                         ret_ms) == MR_OK;
}

/* A literal of the column's own type, in the form of bounds. False: it is none. */
static bool read_literal(const struct walk *walk, size_t key, const struct athena_node *node,
                         struct mr_slice *ret_value)
{
    const struct iceberg_type *type = walk->ranges[key].type;
    int64_t number;
    if (node->kind == AST_PARAMETER && node->number < walk->prune->parameter_count)
        node = walk->prune->parameters[node->number];
    const bool typed = node->kind == AST_TYPED;
    switch (type->kind) {
    case ICEBERG_INT:
    case ICEBERG_LONG: {
        static const struct iceberg_type wide = {.kind = ICEBERG_LONG};
        const bool minus = node->kind == AST_MINUS;
        node = minus ? node->left : node;
        if (node->kind != AST_INTEGER || mr_slice_to_i64(node->text, &number) != MR_OK)
            return false;
        *ret_value = iceberg_value_number(walk->arena, &wide, minus ? -number : number);
        return true;
    }
    case ICEBERG_STRING:
        *ret_value = node->text.ptr == NULL ? MR_S("") : node->text;
        return node->kind == AST_STRING;
    case ICEBERG_DATE:
        if (!typed || !mr_slice_equal(node->items->text, MR_S("date")) || node->text.len != 10 ||
            !read_moment(walk, node->text, &number))
            return false;
        *ret_value = iceberg_value_number(walk->arena, type, number / 86400000);
        return number % 86400000 == 0;
    case ICEBERG_TIMESTAMP:
        if (!typed || !mr_slice_equal(node->items->text, MR_S("timestamp")) ||
            !read_moment(walk, node->text, &number))
            return false;
        *ret_value = iceberg_value_number(walk->arena, type, number * 1000);
        return true;
    default: return false;
    }
}

/* ---- the clause: false is "no row of the file can pass" ---- */

enum side { BELOW, WITHIN, ABOVE }; /* where a literal lies, as far as that is known */

static enum side side_of(const struct athena_range *range, struct mr_slice literal)
{
    if (range->lower.ptr != NULL && iceberg_value_compare(range->type, literal, range->lower) < 0)
        return BELOW;
    if (range->upper.ptr != NULL && iceberg_value_compare(range->type, literal, range->upper) > 0)
        return ABOVE;
    return WITHIN;
}

/* Can a value of the range stand so to the literal? */
static bool by_operator(const struct athena_range *range, struct mr_slice operator,
                        struct mr_slice literal)
{
    const enum side side = side_of(range, literal);
    const struct iceberg_type *type = range->type;
    if (mr_slice_equal(operator, MR_S("=")))
        return side == WITHIN;
    if (mr_slice_equal(operator, MR_S("<=")))
        return side != BELOW;
    if (mr_slice_equal(operator, MR_S(">=")))
        return side != ABOVE;
    if (mr_slice_equal(operator, MR_S("<")))
        return range->lower.ptr == NULL || iceberg_value_compare(type, literal, range->lower) > 0;
    if (mr_slice_equal(operator, MR_S(">")))
        return range->upper.ptr == NULL || iceberg_value_compare(type, literal, range->upper) < 0;
    return true;
}

static bool eval_comparison(const struct walk *walk, const struct athena_node *node)
{
    struct mr_slice literal;
    size_t key = athena_prune_key(walk->prune, node->left);
    if (key != SIZE_MAX && read_literal(walk, key, node->right, &literal))
        return !walk->ranges[key].only_nulls &&
               by_operator(&walk->ranges[key], node->text, literal);
    key = athena_prune_key(walk->prune, node->right);
    if (key != SIZE_MAX && read_literal(walk, key, node->left, &literal))
        return !walk->ranges[key].only_nulls &&
               by_operator(&walk->ranges[key], athena_prune_mirrored(node->text), literal);
    return true;
}

static bool eval_in(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    struct mr_slice literal;
    if (key == SIZE_MAX || node->right != NULL)
        return true;
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        if (!read_literal(walk, key, item, &literal) ||
            (!walk->ranges[key].only_nulls && side_of(&walk->ranges[key], literal) == WITHIN))
            return true;
    return false;
}

static bool eval_between(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    struct mr_slice low, high;
    if (key == SIZE_MAX || !read_literal(walk, key, node->right, &low) ||
        !read_literal(walk, key, node->third, &high))
        return true;
    return !walk->ranges[key].only_nulls && side_of(&walk->ranges[key], low) != ABOVE &&
           side_of(&walk->ranges[key], high) != BELOW;
}

static bool eval_null(const struct walk *walk, const struct athena_node *node)
{
    const size_t key = athena_prune_key(walk->prune, node->left);
    if (key == SIZE_MAX)
        return true;
    if ((node->flags & AST_NEGATED) != 0)
        return !walk->ranges[key].only_nulls;
    /* Beside an outer join a row may be null because none of this table matched. */
    return !walk->prune->only || !walk->ranges[key].no_nulls;
}

static bool eval(const struct walk *walk, const struct athena_node *node)
{
    const bool negated = (node->flags & AST_NEGATED) != 0;
    switch (node->kind) {
    case AST_AND: return eval(walk, node->left) && eval(walk, node->right);
    case AST_OR: return eval(walk, node->left) || eval(walk, node->right);
    case AST_OPERATOR: return eval_comparison(walk, node);
    case AST_IN: return negated || eval_in(walk, node);
    case AST_BETWEEN: return negated || eval_between(walk, node);
    case AST_IS_NULL: return eval_null(walk, node);
    default: return true;
    }
}

bool athena_prune_range(const struct athena_prune *prune, struct mr_arena *arena,
                        const struct athena_range *ranges)
{
    const struct walk walk = {.prune = prune, .arena = arena, .ranges = ranges};
    return prune->where == NULL || eval(&walk, prune->where);
}
