/* AND, OR and coalesce.
 *
 * Trino looks no further once the first sides say enough: b <> 0 AND a / b > 1 is false where b is
 * 0. DuckDB keeps to that where rows are filtered and in CASE; elsewhere it computes every side,
 * and takes what coalesce has in common with other expressions out of it. So a side that may fail
 * stands in a CASE there.
 */
#include "athena/translate_call.h"

enum { SIDES_MAX = 100 }; /* guarded ones of a chain: each is a level of DuckDB's tree */

static bool is_call(const struct athena_node *node, const char *name)
{
    return node->kind == AST_CALL && mr_slice_equal(node->text, mr_slice_cstr(name));
}

/* Whether what is asked of a node is true of it or of one below. */
// NOLINTNEXTLINE(misc-no-recursion)
static bool any(const struct athena_node *node, bool (*asked)(const struct athena_node *node))
{
    bool found = false;
    for (; node != NULL && !found; node = node->next)
        found = asked(node) || any(node->left, asked) || any(node->right, asked) ||
                any(node->third, asked) || any(node->items, asked) || any(node->order, asked);
    return found;
}

static bool alone(const struct athena_node *node, bool (*asked)(const struct athena_node *node))
{
    struct athena_node copy = *node;
    copy.next = NULL;
    return any(&copy, asked);
}

static bool is_fallible(const struct athena_node *node)
{
    const bool divides = node->kind == AST_OPERATOR && (mr_slice_equal(node->text, MR_S("/")) ||
                                                        mr_slice_equal(node->text, MR_S("%")));
    const bool casts = node->kind == AST_CAST && (node->flags & AST_TRY) == 0;
    return divides || casts || node->kind == AST_CALL || node->kind == AST_SUBSCRIPT ||
           node->kind == AST_JSON;
}

static bool may_fail(const struct athena_node *node)
{
    return alone(node, is_fallible);
}

/* What must not be written twice: a query costs, chance would fall otherwise, and what is guarded
 * itself would double with each level. */
// NOLINTNEXTLINE(misc-no-recursion)
static bool is_single(const struct athena_node *node)
{
    const bool branches = node->kind == AST_AND || node->kind == AST_OR || node->kind == AST_CASE ||
                          is_call(node, "coalesce") || is_call(node, "if");
    return (branches && may_fail(node)) || node->kind == AST_SUBQUERY || node->kind == AST_EXISTS ||
           node->kind == AST_QUANTIFIED || (node->kind == AST_IN && node->right != NULL) ||
           is_call(node, "rand") || is_call(node, "random") || is_call(node, "shuffle") ||
           is_call(node, "uuid");
}

static bool is_coalesce(const struct athena_node *node)
{
    return is_call(node, "coalesce");
}

static bool may_repeat(const struct athena_node *node)
{
    return !alone(node, is_single);
}

/* The sides of a chain of the same operator, from the left. */
static const struct athena_node **sides_of(struct athena_translation *translation,
                                           const struct athena_node *node, size_t *ret_count)
{
    size_t count = 1;
    for (const struct athena_node *at = node; at->kind == node->kind; at = at->left)
        count++;
    const struct athena_node **sides =
        MR_NEW_ARRAY(translation->arena, const struct athena_node *, count);
    const struct athena_node *at = node;
    for (size_t i = count; i-- > 1; at = at->left)
        sides[i] = at->right;
    sides[0] = at;
    *ret_count = count;
    return sides;
}

void athena_emit_logic(struct athena_translation *translation, const struct athena_node *node)
{
    const bool both = node->kind == AST_AND;
    size_t count, open = 0, last = 0;
    const struct athena_node **sides = sides_of(translation, node, &count);
    for (size_t i = 1; i < count && count <= SIDES_MAX; i++)
        last = may_fail(sides[i]) ? i : last;
    athena_emit_text(translation, "(");
    for (size_t i = 0; i < count; i++) {
        athena_emit(translation, sides[i]);
        if (i + 1 == count)
            break;
        athena_emit_text(translation, both ? " AND " : " OR ");
        if (i >= last || !may_repeat(sides[i]))
            continue;
        athena_emit_text(translation, "CASE WHEN ");
        athena_emit(translation, sides[i]);
        athena_emit_text(translation,
                         both ? " IS DISTINCT FROM false THEN (" : " IS DISTINCT FROM true THEN (");
        open++;
    }
    for (; open > 0; open--)
        athena_emit_text(translation, ") END");
    athena_emit_text(translation, ")");
}

// NOLINTNEXTLINE(misc-no-recursion)
void athena_emit_condition(struct athena_translation *translation, const struct athena_node *node)
{
    const bool chain = node->kind == AST_AND || node->kind == AST_OR;
    if (!chain) {
        athena_emit(translation, node);
        return;
    }
    athena_emit_text(translation, "(");
    athena_emit_condition(translation, node->left);
    athena_emit_text(translation, node->kind == AST_AND ? " AND " : " OR ");
    athena_emit_condition(translation, node->right);
    athena_emit_text(translation, ")");
}

void athena_emit_coalesce(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *first = call->items;
    const bool guards = may_repeat(first);
    athena_emit_text(translation, "coalesce(");
    for (const struct athena_node *item = first; item != NULL; item = item->next) {
        /* DuckDB takes twice the time for each level of CASE in coalesce. */
        const bool guarded = item != first && guards && may_fail(item) && !alone(item, is_coalesce);
        athena_emit_text(translation, guarded ? "CASE WHEN " : "");
        if (guarded)
            athena_emit(translation, first);
        athena_emit_text(translation, guarded ? " IS NULL THEN " : "");
        athena_emit(translation, item);
        athena_emit_text(translation, guarded ? " END" : "");
        athena_emit_text(translation, item->next != NULL ? ", " : ")");
    }
}
