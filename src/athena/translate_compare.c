/* Comparisons. DuckDB orders NaN as the greatest number, equal to itself; in Trino no comparison
 * with it is true but <>. */
#include "athena/translate.h"

/* Can the expression be NaN? Whole numbers and decimals cannot, nor can a number that is written
 * out. */
static bool may_be_nan(const struct athena_node *node)
{
    const struct athena_sqltype *type = node->type;
    while (node->kind == AST_MINUS || node->kind == AST_COERCE)
        node = node->left;
    if (node->kind == AST_DOUBLE || node->kind == AST_INTEGER || node->kind == AST_DECIMAL)
        return false;
    return type != NULL && (type->kind == SQL_DOUBLE || type->kind == SQL_REAL);
}

static bool is_char(const struct athena_node *node)
{
    return node->type != NULL && node->type->kind == SQL_CHAR;
}

/* Blanks at the end do not count when one side is a char(n). */
static void emit_side(struct athena_translation *translation, const struct athena_node *node,
                      bool padded)
{
    athena_emit_text(translation, padded ? "rtrim(" : "");
    athena_emit(translation, node);
    athena_emit_text(translation, padded ? ", ' ')" : "");
}

static void emit_pair(struct athena_translation *translation, const struct athena_node *node,
                      const char *middle)
{
    const bool padded = is_char(node->left) || is_char(node->right);
    emit_side(translation, node->left, padded);
    athena_emit_text(translation, middle);
    emit_side(translation, node->right, padded);
}

/* "AND a is not NaN" (negated: "OR it is"), which leaves NULL to the comparison with `other`. */
static void emit_nan(struct athena_translation *translation, const struct athena_node *node,
                     const struct athena_node *other, bool negated)
{
    athena_emit_text(translation, negated ? " OR (isnan(" : " AND (NOT isnan(");
    athena_emit(translation, node);
    athena_emit_text(translation, negated ? ") AND " : ") OR ");
    athena_emit(translation, other);
    athena_emit_text(translation, negated ? " IS NOT NULL)" : " IS NULL)");
}

/* ---- arrays, maps and rows ---- */

static bool is_nested(const struct athena_sqltype *type)
{
    return type != NULL &&
           (type->kind == SQL_ARRAY || type->kind == SQL_MAP || type->kind == SQL_ROW);
}

/* Both sides as names that lambdas gave, or as parts of such. */
static void emit_equal(struct athena_translation *translation, const struct athena_sqltype *type,
                       struct mr_slice left, struct mr_slice right, int depth);

static void emit_equal_fields(struct athena_translation *translation,
                              const struct athena_sqltype *type, struct mr_slice left,
                              struct mr_slice right, int depth)
{
    struct mr_arena *arena = translation->arena;
    for (size_t i = 0; i < type->count; i++) {
        athena_emit_text(translation, i > 0 ? " AND " : "(");
        emit_equal(translation, type->items[i],
                   mr_arena_printf(arena, "struct_extract_at(%.*s, %zu)", MR_ARG(left), i + 1),
                   mr_arena_printf(arena, "struct_extract_at(%.*s, %zu)", MR_ARG(right), i + 1),
                   depth);
    }
    athena_emit_text(translation, type->count > 0 ? ")" : "true");
}

/* Element by element: NULL when none differs and one cannot be told. */
static void emit_equal(struct athena_translation *translation, const struct athena_sqltype *type,
                       struct mr_slice left, struct mr_slice right, int depth)
{
    struct mr_arena *arena = translation->arena;
    struct mr_buf *out = translation->out;
    if (!is_nested(type)) {
        mr_buf_printf(out, "(%.*s = %.*s)", MR_ARG(left), MR_ARG(right));
        return;
    }
    if (type->kind == SQL_ROW) {
        emit_equal_fields(translation, type, left, right, depth);
        return;
    }
    const bool map = type->kind == SQL_MAP;
    mr_buf_printf(out,
                  "CASE WHEN %.*s IS NULL OR %.*s IS NULL THEN NULL WHEN mr_cardinality(%.*s) <> "
                  "mr_cardinality(%.*s) THEN false ELSE mr_all(list_transform(",
                  MR_ARG(left), MR_ARG(right), MR_ARG(left), MR_ARG(right));
    if (map)
        mr_buf_printf(out,
                      "map_keys(%.*s), lambda mr_i%d: CASE WHEN NOT map_contains(%.*s, mr_i%d) "
                      "THEN false ELSE ",
                      MR_ARG(left), depth, MR_ARG(right), depth);
    else
        mr_buf_printf(out, "range(1, len(%.*s) + 1), lambda mr_i%d: ", MR_ARG(left), depth);
    emit_equal(translation, type->items[map ? 1 : 0],
               mr_arena_printf(arena, "%.*s[mr_i%d]", MR_ARG(left), depth),
               mr_arena_printf(arena, "%.*s[mr_i%d]", MR_ARG(right), depth), depth + 1);
    athena_emit_text(translation, map ? " END)) END" : ")) END");
}

/* Equality where parts may be NULL. False: the values have no parts. */
static bool emit_nested(struct athena_translation *translation, const struct athena_node *node,
                        bool unequal)
{
    const struct athena_sqltype *type = node->left->type;
    if (!is_nested(type) || !is_nested(node->right->type) || !athena_sqltype_known(type) ||
        type->kind != node->right->type->kind)
        return false;
    athena_emit_text(translation, unequal ? "(NOT " : "(");
    athena_emit_text(translation, "list_transform([row(");
    emit_pair(translation, node, ", ");
    athena_emit_text(translation, ")], lambda mr_pair: ");
    emit_equal(translation, type, MR_S("struct_extract_at(mr_pair, 1)"),
               MR_S("struct_extract_at(mr_pair, 2)"), 0);
    athena_emit_text(translation, ")[1])");
    return true;
}

/* Both sides are NaN where DuckDB says that they are equal and Trino that they are not; the greater
 * side is, where only the order differs. */
void athena_emit_comparison(struct athena_translation *translation, const struct athena_node *node)
{
    const bool unequal =
        mr_slice_equal(node->text, MR_S("<>")) || mr_slice_equal(node->text, MR_S("!="));
    const bool less = !unequal && node->text.ptr[0] == '<';
    const struct athena_node *greater = less ? node->right : node->left;
    const struct athena_node *other = less ? node->left : node->right;
    const bool both = unequal || node->text.ptr[0] == '=';
    if (both && emit_nested(translation, node, unequal))
        return;
    char middle[8] = " ";
    memcpy(middle + 1, node->text.ptr, node->text.len);
    memcpy(middle + 1 + node->text.len, " ", 2);
    const bool check = may_be_nan(greater) && (!both || may_be_nan(other));
    athena_emit_text(translation, check ? "((" : "(");
    emit_pair(translation, node, middle);
    athena_emit_text(translation, ")");
    if (check) {
        emit_nan(translation, greater, other, unequal);
        athena_emit_text(translation, ")");
    }
}

static void emit_written(struct athena_translation *translation, const struct athena_node *query,
                         bool padded)
{
    const struct athena_translated *translated = athena_infer_query(translation, query);
    if (translated == NULL)
        return;
    const struct athena_fields fields = translation->fields;
    translation->fields = translated->fields;
    athena_emit_text(translation, padded ? "SELECT rtrim(\"_mr_0\", ' ') FROM (" : "");
    athena_emit_instants(translation, translated->sql);
    athena_emit_text(translation, padded ? ") AS \"_mr_padded\"(\"_mr_0\")" : "");
    translation->fields = fields;
}

/* Whether a char(n) is compared with the query's column, or is that column. */
static bool pads_query(struct athena_translation *translation, const struct athena_node *left,
                       const struct athena_node *query)
{
    const struct athena_translated *translated = athena_infer_query(translation, query);
    const struct athena_fields *fields = translated == NULL ? NULL : &translated->fields;
    if (fields == NULL || fields->open || fields->count != 1 || fields->list[0].type == NULL)
        return false;
    const struct athena_sqltype *type = fields->list[0].type;
    return athena_sqltype_is_text(type) && (is_char(left) || type->kind == SQL_CHAR);
}

/* Whether NaN can be on both sides of IN. */
static bool nan_in(const struct athena_node *node)
{
    bool found = node->right != NULL;
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        found = found || may_be_nan(item);
    return found && may_be_nan(node->left);
}

bool athena_compares_apart(const struct athena_node *node)
{
    return is_nested(node->type) || may_be_nan(node) || is_char(node);
}

void athena_emit_equality(struct athena_translation *translation, const struct athena_node *left,
                          const struct athena_node *right)
{
    struct athena_node a = *left, b = *right;
    a.next = b.next = NULL;
    const struct athena_node equal = {.kind = AST_OPERATOR,
                                      .text = MR_S("="),
                                      .line = left->line,
                                      .column = left->column,
                                      .left = &a,
                                      .right = &b};
    athena_emit_comparison(translation, &equal);
}

/* Each by itself: what is unknown of one may be known of another. */
static void emit_in_each(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, node->flags & AST_NEGATED ? "(NOT (" : "((");
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        athena_emit_equality(translation, node->left, item);
        athena_emit_text(translation, item->next != NULL ? " OR " : "))");
    }
}

void athena_emit_in(struct athena_translation *translation, const struct athena_node *node)
{
    const bool negated = (node->flags & AST_NEGATED) != 0, check = nan_in(node);
    bool each = is_nested(node->left->type) || is_char(node->left);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        each = each || is_char(item);
    if (node->right == NULL && each) {
        emit_in_each(translation, node);
        return;
    }
    const bool padded = node->right != NULL && pads_query(translation, node->left, node->right);
    athena_emit_text(translation, check ? "((" : "(");
    emit_side(translation, node->left, padded);
    athena_emit_text(translation, negated ? " NOT IN (" : " IN (");
    if (node->right != NULL)
        emit_written(translation, node->right, padded);
    else
        athena_emit_list(translation, node->items);
    athena_emit_text(translation, "))");
    if (!check)
        return;
    athena_emit_text(translation, negated ? " OR isnan(" : " AND NOT isnan(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, "))");
}

void athena_emit_distinct(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "(");
    emit_pair(translation, node,
              node->flags & AST_NEGATED ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
    athena_emit_text(translation, ")");
}

void athena_emit_between(struct athena_translation *translation, const struct athena_node *node)
{
    const bool negated = (node->flags & AST_NEGATED) != 0, check = may_be_nan(node->third);
    athena_emit_text(translation, check ? "((" : "(");
    emit_pair(translation, node, negated ? " NOT BETWEEN " : " BETWEEN ");
    athena_emit_text(translation, " AND ");
    emit_side(translation, node->third, is_char(node->left) || is_char(node->right));
    athena_emit_text(translation, ")");
    if (check) {
        emit_nan(translation, node->third, node->left, negated);
        athena_emit_text(translation, ")");
    }
}

void athena_emit_like(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, node->flags & AST_NEGATED ? " NOT LIKE " : " LIKE ");
    athena_emit(translation, node->right);
    if (node->third != NULL) {
        athena_emit_text(translation, " ESCAPE ");
        athena_emit(translation, node->third);
    }
    athena_emit_text(translation, ")");
}

void athena_emit_quantified(struct athena_translation *translation, const struct athena_node *node)
{
    const bool padded = pads_query(translation, node->left, node->right);
    athena_emit_text(translation, "(");
    emit_side(translation, node->left, padded);
    const bool all = mr_slice_equal(node->name, MR_S("ALL"));
    mr_buf_printf(translation->out, " %.*s %s (", MR_ARG(node->text), all ? "ALL" : "ANY");
    emit_written(translation, node->right, padded);
    athena_emit_text(translation, "))");
}
