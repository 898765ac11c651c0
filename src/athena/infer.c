/* The types of expressions, and what Trino refuses because of them. */
#include "athena/translate_json.h"
#include <stdlib.h>

static const struct athena_sqltype *infer(struct athena_translation *translation,
                                          const struct athena_node *node);

static const struct athena_sqltype *boolean(void)
{
    return athena_sqltype_simple(SQL_BOOLEAN);
}

static struct mr_slice shown(struct athena_translation *translation,
                             const struct athena_sqltype *type)
{
    return athena_sqltype_text(translation->arena, type);
}

/* The type both become; NULL: one is not known, or (*ret_wrong) there is none. */
static const struct athena_sqltype *common(struct athena_translation *translation,
                                           const struct athena_sqltype *a,
                                           const struct athena_sqltype *b, bool *ret_wrong)
{
    *ret_wrong = false;
    if (a == NULL || b == NULL)
        return NULL;
    const struct athena_sqltype *type = athena_sqltype_common(translation->arena, a, b);
    *ret_wrong = type == NULL;
    return type;
}

/* Several expressions and what is to be their one type. */
struct several {
    const struct athena_node **nodes;
    const struct athena_sqltype **types;
    size_t count;
};

static struct several several_make(struct athena_translation *translation, size_t most)
{
    return (struct several){
        .nodes = MR_NEW_ARRAY(translation->arena, const struct athena_node *, most + 1),
        .types = MR_NEW_ARRAY(translation->arena, const struct athena_sqltype *, most + 1)};
}

static void several_add(struct several *several, const struct athena_node *node,
                        const struct athena_sqltype *type)
{
    several->nodes[several->count] = node;
    several->types[several->count++] = type;
}

static const struct athena_sqltype *several_type(struct athena_translation *translation,
                                                 const struct several *several, const char *words)
{
    return athena_infer_single(translation, several->nodes, several->types, several->count, words);
}

void athena_infer_condition(struct athena_translation *translation, const struct athena_node *node,
                            const char *format)
{
    const struct athena_sqltype *type = athena_infer(translation, node);
    if (type == NULL || type->kind == SQL_BOOLEAN || type->kind == SQL_UNKNOWN)
        return;
    athena_translate_fail(translation, node, "TYPE_MISMATCH", "%s (actual: %.*s)", format,
                          MR_ARG(shown(translation, type)));
}

/* ---- literals ---- */

static const struct athena_sqltype *decimal_literal(struct athena_translation *translation,
                                                    struct mr_slice text)
{
    int whole = 0, scale = 0;
    bool dot = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.')
            dot = true;
        else if (text.ptr[i] < '0' || text.ptr[i] > '9')
            continue;
        else if (dot)
            scale++;
        else if (whole > 0 || text.ptr[i] != '0')
            whole++;
    }
    if (whole + scale > 38)
        return NULL;
    return athena_sqltype_sized(translation->arena, SQL_DECIMAL,
                                whole + scale == 0 ? 1 : whole + scale, scale);
}

static const struct athena_sqltype *integer_literal(struct athena_translation *translation,
                                                    const struct athena_node *node)
{
    int64_t value;
    if (mr_slice_to_i64(node->text, &value) != MR_OK) {
        athena_translate_fail(translation, node, "SYNTAX_ERROR", "Invalid numeric literal: %.*s",
                              MR_ARG(node->text));
        return NULL;
    }
    return athena_sqltype_simple(value > INT32_MAX ? SQL_BIGINT : SQL_INTEGER);
}

static int characters(struct mr_slice text)
{
    int count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* Behind the point of a literal's seconds. */
static int fraction_digits(struct mr_slice text)
{
    const size_t point = mr_slice_find(text, '.');
    int count = 0;
    for (size_t i = point + 1; point != SIZE_MAX && i < text.len; i++, count++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            break;
    }
    return count;
}

static const struct athena_sqltype *zoned_time(struct athena_translation *translation,
                                               const struct athena_node *node,
                                               const struct athena_sqltype *moment)
{
    const struct athena_sqltype *type =
        athena_time_type(translation->arena, moment->zone, moment->precision);
    if (type == NULL)
        athena_translate_fail(translation, node, "INVALID_LITERAL",
                              "'%.*s' is not a valid TIME literal", MR_ARG(node->text));
    return type;
}

static const struct athena_sqltype *typed_literal(struct athena_translation *translation,
                                                  const struct athena_node *node)
{
    const struct athena_sqltype *type = athena_sqltype_from_ast(translation->arena, node->items);
    if (type != NULL && type->kind == SQL_DECIMAL)
        return decimal_literal(translation, node->text);
    if (type != NULL && type->kind == SQL_CHAR)
        return athena_sqltype_sized(translation->arena, SQL_CHAR, characters(node->text), 0);
    if (type == NULL || (type->kind != SQL_TIMESTAMP && type->kind != SQL_TIME))
        return type;
    struct athena_sqltype *moment = MR_NEW(translation->arena, struct athena_sqltype);
    *moment = *type;
    moment->precision = fraction_digits(node->text);
    moment->zone = athena_literal_zone(node->text);
    if (moment->zone.len > 0 && type->kind == SQL_TIMESTAMP)
        return athena_zone_literal(translation, node, moment);
    if (moment->precision <= SQL_FRACTION_MAX)
        return type->kind == SQL_TIME && moment->zone.len > 0
                   ? zoned_time(translation, node, moment)
                   : moment;
    athena_translate_fail(translation, node, "NOT_SUPPORTED",
                          "seconds with more than %d decimal digits are not supported",
                          SQL_FRACTION_MAX);
    return NULL;
}

static const struct athena_sqltype *infer_literal(struct athena_translation *translation,
                                                  const struct athena_node *node)
{
    switch (node->kind) {
    case AST_NULL: return athena_sqltype_simple(SQL_UNKNOWN);
    case AST_BOOLEAN: return boolean();
    case AST_INTEGER: return integer_literal(translation, node);
    case AST_DECIMAL: return decimal_literal(translation, node->text);
    case AST_DOUBLE: return athena_sqltype_simple(SQL_DOUBLE);
    case AST_STRING:
        return athena_sqltype_sized(translation->arena, SQL_VARCHAR, characters(node->text), 0);
    case AST_BINARY: return athena_sqltype_simple(SQL_VARBINARY);
    case AST_TYPED: return typed_literal(translation, node);
    case AST_PARAMETER:
        return node->number < translation->parameter_count
                   ? infer(translation, translation->parameters[node->number])
                   : NULL;
    default:
        return athena_sqltype_simple(mr_slice_equal(node->name, MR_S("year")) ||
                                             mr_slice_equal(node->name, MR_S("month"))
                                         ? SQL_INTERVAL_YEAR
                                         : SQL_INTERVAL_DAY);
    }
}

/* ---- names ---- */

static void fail_name(struct athena_translation *translation, const struct athena_node *node,
                      enum athena_found found, struct mr_slice name)
{
    if (found == ATHENA_FOUND_NOT)
        athena_translate_fail(translation, node, "COLUMN_NOT_FOUND",
                              "Column '%.*s' cannot be resolved", MR_ARG(name));
    else
        athena_translate_fail(translation, node, "AMBIGUOUS_NAME", "Column '%.*s' is ambiguous",
                              MR_ARG(name));
}

static const struct athena_sqltype *infer_name(struct athena_translation *translation,
                                               const struct athena_node *node)
{
    const struct athena_sqltype *type;
    const enum athena_found found = athena_names_find(translation, MR_S(""), node->text, &type);
    if (found == ATHENA_FOUND_NOT || found == ATHENA_FOUND_TWICE)
        fail_name(translation, node, found, node->text);
    return type;
}

static const struct athena_sqltype *field_of(const struct athena_sqltype *row, struct mr_slice name,
                                             bool *ret_wrong)
{
    *ret_wrong = row != NULL && row->kind != SQL_UNKNOWN;
    if (row == NULL || row->kind != SQL_ROW)
        return NULL;
    for (size_t i = 0; i < row->count; i++) {
        if (mr_slice_equal_nocase(row->names[i], name)) {
            *ret_wrong = false;
            return row->items[i];
        }
    }
    return NULL;
}

static struct mr_slice chain_text(struct athena_translation *translation,
                                  const struct athena_node *node)
{
    if (node->kind == AST_NAME)
        return node->text;
    return mr_arena_printf(translation->arena, "%.*s.%.*s",
                           MR_ARG(chain_text(translation, node->left)), MR_ARG(node->text));
}

static bool is_chain(const struct athena_node *node)
{
    while (node->kind == AST_DOT)
        node = node->left;
    return node->kind == AST_NAME;
}

/* table.column, database.table.column, column.field. */
static const struct athena_sqltype *infer_dot(struct athena_translation *translation,
                                              const struct athena_node *node)
{
    const struct athena_node *left = node->left;
    const struct athena_sqltype *type = NULL;
    bool wrong = false;
    if (is_chain(node) &&
        (left->kind == AST_NAME || left->left->kind == AST_NAME || left->left->kind == AST_DOT)) {
        const enum athena_found found =
            athena_names_find(translation, left->text, node->text, &type);
        const bool qualified = athena_names_has(translation, left->text);
        if (found == ATHENA_FOUND || found == ATHENA_FOUND_MAYBE)
            return type;
        if (found == ATHENA_FOUND_TWICE || (qualified && left->kind == AST_NAME)) {
            fail_name(translation, node, found, chain_text(translation, node));
            return NULL;
        }
    }
    if (left->kind == AST_NAME) {
        const enum athena_found found = athena_names_find(translation, MR_S(""), left->text, &type);
        if (found == ATHENA_FOUND_NOT || found == ATHENA_FOUND_TWICE) {
            fail_name(translation, node, ATHENA_FOUND_NOT, chain_text(translation, node));
            return NULL;
        }
    } else {
        type = infer(translation, left);
    }
    type = field_of(type, node->text, &wrong);
    if (wrong)
        fail_name(translation, node, ATHENA_FOUND_NOT,
                  is_chain(node) ? chain_text(translation, node) : node->text);
    return type;
}

/* ---- operators ---- */

static void fail_operator(struct athena_translation *translation, const struct athena_node *node,
                          const struct athena_sqltype *left, const struct athena_sqltype *right)
{
    struct mr_slice sign = mr_slice_equal(node->text, MR_S("!=")) ? MR_S("<>") : node->text;
    athena_translate_fail(translation, node, "TYPE_MISMATCH",
                          "Cannot apply operator: %.*s %.*s %.*s", MR_ARG(shown(translation, left)),
                          MR_ARG(sign), MR_ARG(shown(translation, right)));
}

static int digits(const struct athena_sqltype *type)
{
    static const int integers[] = {
        [SQL_TINYINT] = 3, [SQL_SMALLINT] = 5, [SQL_INTEGER] = 10, [SQL_BIGINT] = 19};
    return type->kind == SQL_DECIMAL ? type->precision : integers[type->kind];
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* Trino's rules for the precision and scale of what comes out. */
static const struct athena_sqltype *decimal_result(struct athena_translation *translation,
                                                   char sign, const struct athena_sqltype *a,
                                                   const struct athena_sqltype *b)
{
    const int ap = digits(a), bp = digits(b), as = a->scale, bs = b->scale;
    int precision, scale = most(as, bs);
    if (sign == '+' || sign == '-') {
        precision = most(ap - as, bp - bs) + scale + 1;
    } else if (sign == '*') {
        precision = ap + bp;
        scale = as + bs;
    } else if (sign == '/') {
        precision = ap + bs + most(0, bs - as);
    } else {
        precision = least(bp - bs, ap - as) + scale;
    }
    return athena_sqltype_sized(translation->arena, SQL_DECIMAL, most(least(38, precision), 1),
                                scale);
}

static bool is_interval(const struct athena_sqltype *type)
{
    return type->kind == SQL_INTERVAL_DAY || type->kind == SQL_INTERVAL_YEAR;
}

static bool is_moment(const struct athena_sqltype *type)
{
    return type->kind >= SQL_DATE && type->kind <= SQL_TIMESTAMP_TZ;
}

/* A moment by an interval; those of days have milliseconds. */
static const struct athena_sqltype *moved(struct mr_arena *arena,
                                          const struct athena_sqltype *moment,
                                          const struct athena_sqltype *interval)
{
    if (interval->kind != SQL_INTERVAL_DAY || moment->kind == SQL_DATE || moment->precision >= 3)
        return moment;
    struct athena_sqltype *type = MR_NEW(arena, struct athena_sqltype);
    *type = *moment;
    type->precision = 3;
    return type;
}

static bool is_time(const struct athena_sqltype *type)
{
    return type->kind == SQL_TIME || type->kind == SQL_TIME_TZ;
}

/* With intervals and moments; NULL: they do not go together. */
static const struct athena_sqltype *moment_result(struct mr_arena *arena, char sign,
                                                  const struct athena_sqltype *left,
                                                  const struct athena_sqltype *right)
{
    if (is_interval(left) && is_interval(right))
        return left->kind == right->kind && (sign == '+' || sign == '-') ? left : NULL;
    const struct athena_sqltype *moment = is_moment(left) ? left : right;
    const struct athena_sqltype *interval = moment == left ? right : left;
    if (is_time(moment) && interval->kind == SQL_INTERVAL_YEAR)
        return NULL;
    if (is_moment(left) && is_interval(right))
        return sign == '+' || sign == '-' ? moved(arena, left, right) : NULL;
    if (is_interval(left) && is_moment(right))
        return sign == '+' ? moved(arena, right, left) : NULL;
    if (is_interval(left) && athena_sqltype_is_number(right))
        return sign == '*' || sign == '/' ? left : NULL;
    if (is_interval(right) && athena_sqltype_is_number(left))
        return sign == '*' ? right : NULL;
    if (is_moment(left) && is_moment(right) && sign == '-' && is_time(left) == is_time(right))
        return athena_sqltype_simple(SQL_INTERVAL_DAY);
    return NULL;
}

static const struct athena_sqltype *arithmetic(struct athena_translation *translation,
                                               const struct athena_node *node,
                                               const struct athena_sqltype *left,
                                               const struct athena_sqltype *right)
{
    const struct athena_sqltype *type = NULL;
    if (left->kind == SQL_UNKNOWN || right->kind == SQL_UNKNOWN)
        type = left->kind == SQL_UNKNOWN ? right : left;
    else if (athena_sqltype_is_number(left) && athena_sqltype_is_number(right)) {
        type = athena_sqltype_common(translation->arena, left, right);
        if (type->kind == SQL_DECIMAL)
            type = decimal_result(translation, node->text.ptr[0], left, right);
    } else {
        type = moment_result(translation->arena, node->text.ptr[0], left, right);
    }
    if (type == NULL)
        fail_operator(translation, node, left, right);
    return type;
}

static const struct athena_sqltype *concatenation(struct athena_translation *translation,
                                                  const struct athena_node *node,
                                                  const struct athena_sqltype *left,
                                                  const struct athena_sqltype *right)
{
    bool wrong;
    const struct athena_sqltype *type = common(translation, left, right, &wrong);
    if (type != NULL && type->kind == SQL_VARCHAR)
        return athena_sqltype_simple(SQL_VARCHAR);
    if (type != NULL && type->kind == SQL_CHAR)
        return left->kind == right->kind
                   ? athena_sqltype_sized(translation->arena, SQL_CHAR,
                                          left->precision + right->precision, 0)
                   : athena_sqltype_simple(SQL_VARCHAR);
    if (type != NULL &&
        (type->kind == SQL_ARRAY || type->kind == SQL_VARBINARY || type->kind == SQL_UNKNOWN))
        return type;
    for (int side = 0; side < 2; side++) { /* an array and an element of it */
        const struct athena_sqltype *array = side == 0 ? left : right;
        if (array->kind != SQL_ARRAY)
            continue;
        type = common(translation, array->items[0], side == 0 ? right : left, &wrong);
        if (!wrong)
            return type == NULL ? NULL : athena_sqltype_array(translation->arena, type);
    }
    athena_translate_fail(translation, node, "TYPE_MISMATCH",
                          "Unexpected parameters (%.*s, %.*s) for function concat. Expected: "
                          "concat(varchar), concat(array(E), E) E, concat(E, array(E)) E, "
                          "concat(array(E)) E, concat(char(x), char(y)), concat(varbinary)",
                          MR_ARG(shown(translation, left)), MR_ARG(shown(translation, right)));
    return NULL;
}

static const struct athena_sqltype *infer_operator(struct athena_translation *translation,
                                                   const struct athena_node *node)
{
    const struct athena_sqltype *left = infer(translation, node->left);
    const struct athena_sqltype *right = infer(translation, node->right);
    const char first = node->text.ptr[0];
    const bool comparison = mr_byte_in(first, "=<>!");
    bool wrong;
    if (athena_translate_failed(translation))
        return NULL;
    if (left == NULL || right == NULL)
        return comparison ? boolean() : NULL;
    if (first == '|')
        return concatenation(translation, node, left, right);
    if (!comparison)
        return arithmetic(translation, node, left, right);
    (void)common(translation, left, right, &wrong);
    const bool orders = first != '=' && first != '!' && !mr_slice_equal(node->text, MR_S("<>"));
    if (wrong || (orders && !athena_sqltype_orders(left)))
        fail_operator(translation, node, left, right);
    return boolean();
}

static const struct athena_sqltype *infer_minus(struct athena_translation *translation,
                                                const struct athena_node *node)
{
    const struct athena_node *inner = node->left;
    if (inner->kind == AST_INTEGER &&
        mr_slice_equal(inner->text, MR_S("9223372036854775808"))) /* only with its sign */
        return athena_sqltype_simple(SQL_BIGINT);
    const struct athena_sqltype *type = infer(translation, inner);
    if (type == NULL || athena_sqltype_is_number(type) || is_interval(type) ||
        type->kind == SQL_UNKNOWN)
        return type;
    athena_translate_fail(translation, node, "TYPE_MISMATCH", "Cannot negate %.*s",
                          MR_ARG(shown(translation, type)));
    return NULL;
}

/* ---- predicates ---- */

static void check_pair(struct athena_translation *translation, const struct athena_node *node,
                       const struct athena_sqltype *left, const struct athena_sqltype *right,
                       const char *format)
{
    bool wrong;
    (void)common(translation, left, right, &wrong);
    if (wrong && !athena_translate_failed(translation))
        athena_translate_fail(translation, node, "TYPE_MISMATCH", format,
                              MR_ARG(shown(translation, left)), MR_ARG(shown(translation, right)));
}

static const struct athena_sqltype *column_of(const struct athena_translated *query)
{
    return query == NULL || query->fields.open || query->fields.count != 1
               ? NULL
               : query->fields.list[0].type;
}

/* The column of a query, or the row of its columns. */
static const struct athena_sqltype *row_of(struct athena_translation *translation,
                                           const struct athena_translated *query)
{
    if (query == NULL || query->fields.open || query->fields.count < 2)
        return column_of(query);
    struct athena_sqltype *row = athena_sqltype_row(translation->arena, query->fields.count);
    for (size_t i = 0; i < query->fields.count; i++) {
        row->items[i] = query->fields.list[i].type;
        row->names[i] = query->fields.list[i].name;
    }
    return athena_sqltype_known(row) ? row : NULL;
}

static void infer_in(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *left = infer(translation, node->left);
    if (node->right != NULL) {
        const struct athena_sqltype *right =
            row_of(translation, athena_infer_query(translation, node->right));
        bool wrong;
        (void)common(translation, left, right, &wrong);
        if (wrong)
            athena_translate_fail(
                translation, node, "TYPE_MISMATCH",
                "value and result of subquery must be of the same type for IN expression: %.*s vs "
                "%.*s",
                MR_ARG(shown(translation, left)), MR_ARG(shown(translation, right)));
    }
    struct several values = several_make(translation, athena_node_count(node->items) + 1);
    several_add(&values, node->left, left);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        several_add(&values, item, infer(translation, item));
    (void)several_type(translation, &values, "IN value and list items");
}

static void infer_between(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *left = infer(translation, node->left);
    const struct athena_sqltype *low = infer(translation, node->right);
    const struct athena_sqltype *high = infer(translation, node->third);
    bool wrong;
    if (common(translation, left, low, &wrong) != NULL)
        (void)common(translation, left, high, &wrong);
    if (wrong || !athena_sqltype_orders(left))
        athena_translate_fail(translation, node, "TYPE_MISMATCH",
                              "Cannot check if %.*s is BETWEEN %.*s and %.*s",
                              MR_ARG(shown(translation, left)), MR_ARG(shown(translation, low)),
                              MR_ARG(shown(translation, high)));
}

static void infer_like(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *left = infer(translation, node->left);
    const struct athena_sqltype *right = infer(translation, node->right);
    if (node->third != NULL)
        (void)infer(translation, node->third);
    if (left != NULL && left->kind != SQL_UNKNOWN && !athena_sqltype_is_text(left))
        athena_translate_fail(translation, node->left, "TYPE_MISMATCH",
                              "Left side of LIKE expression must evaluate to a varchar (actual: "
                              "%.*s)",
                              MR_ARG(shown(translation, left)));
    else if (right != NULL && right->kind != SQL_UNKNOWN && !athena_sqltype_is_text(right))
        athena_translate_fail(translation, node->right, "TYPE_MISMATCH",
                              "Pattern for LIKE expression must evaluate to a varchar (actual: "
                              "%.*s)",
                              MR_ARG(shown(translation, right)));
}

static const struct athena_sqltype *infer_predicate(struct athena_translation *translation,
                                                    const struct athena_node *node)
{
    switch (node->kind) {
    case AST_IN: infer_in(translation, node); break;
    case AST_BETWEEN: infer_between(translation, node); break;
    case AST_LIKE: infer_like(translation, node); break;
    case AST_IS_NULL: (void)infer(translation, node->left); break;
    case AST_IS_DISTINCT: {
        const struct athena_sqltype *left = infer(translation, node->left);
        check_pair(translation, node, left, infer(translation, node->right),
                   "Cannot apply operator: %.*s IS DISTINCT FROM %.*s");
        break;
    }
    case AST_QUANTIFIED: {
        const struct athena_sqltype *left = infer(translation, node->left);
        check_pair(translation, node, left, column_of(athena_infer_query(translation, node->right)),
                   "Value expression and result of subquery must be of the same type for "
                   "quantified comparison: %.*s vs %.*s");
        break;
    }
    case AST_NOT:
        athena_infer_condition(translation, node->left,
                               "Value of logical NOT expression must evaluate to a boolean");
        break;
    case AST_AND:
    case AST_OR:
        athena_infer_condition(translation, node->left,
                               "Logical expression term must evaluate to a boolean");
        athena_infer_condition(translation, node->right,
                               "Logical expression term must evaluate to a boolean");
        break;
    default: (void)athena_infer_query(translation, node->left); break;
    }
    return boolean();
}

/* ---- CASE, arrays, rows ---- */

static void infer_when(struct athena_translation *translation, const struct athena_node *when,
                       const struct athena_sqltype *operand)
{
    bool wrong;
    const struct athena_sqltype *type = infer(translation, when);
    (void)common(translation, operand, type, &wrong);
    if (wrong)
        athena_translate_fail(translation, when, "TYPE_MISMATCH",
                              "CASE operand type does not match WHEN clause operand type: %.*s vs "
                              "%.*s",
                              MR_ARG(shown(translation, operand)),
                              MR_ARG(shown(translation, type)));
}

static const struct athena_sqltype *infer_case(struct athena_translation *translation,
                                               const struct athena_node *node)
{
    struct several results = several_make(translation, athena_node_count(node->items) + 1);
    const struct athena_sqltype *operand =
        node->left == NULL ? NULL : infer(translation, node->left);
    for (const struct athena_node *when = node->items; when != NULL; when = when->next) {
        if (node->left == NULL)
            athena_infer_condition(translation, when->left,
                                   "CASE WHEN clause must evaluate to a boolean");
        else
            infer_when(translation, when->left, operand);
        several_add(&results, when->right, infer(translation, when->right));
    }
    if (node->right != NULL)
        several_add(&results, node->right, infer(translation, node->right));
    return several_type(translation, &results, "All CASE results");
}

static const struct athena_sqltype *infer_array(struct athena_translation *translation,
                                                const struct athena_node *node)
{
    struct several elements = several_make(translation, athena_node_count(node->items));
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        several_add(&elements, item, infer(translation, item));
    const struct athena_sqltype *type = several_type(translation, &elements, "All ARRAY elements");
    return type == NULL ? NULL : athena_sqltype_array(translation->arena, type);
}

static const struct athena_sqltype *infer_row(struct athena_translation *translation,
                                              const struct athena_node *node)
{
    struct athena_sqltype *row =
        athena_sqltype_row(translation->arena, athena_node_count(node->items));
    size_t i = 0;
    bool known = true;
    for (const struct athena_node *item = node->items; item != NULL; item = item->next, i++) {
        row->items[i] = infer(translation, item);
        known = known && row->items[i] != NULL;
    }
    return known ? row : NULL;
}

static const struct athena_sqltype *infer_subscript(struct athena_translation *translation,
                                                    const struct athena_node *node)
{
    const struct athena_sqltype *base = infer(translation, node->left);
    const struct athena_sqltype *index = infer(translation, node->right);
    int64_t number;
    if (base == NULL || base->kind == SQL_UNKNOWN)
        return base;
    if (base->kind == SQL_ARRAY || base->kind == SQL_MAP)
        return base->items[base->count - 1];
    if (base->kind == SQL_ROW && node->right->kind == AST_INTEGER &&
        mr_slice_to_i64(node->right->text, &number) == MR_OK && number >= 1 &&
        (uint64_t)number <= base->count)
        return base->items[number - 1];
    athena_translate_fail(translation, node, "TYPE_MISMATCH",
                          "Cannot use %.*s for subscript of %.*s",
                          MR_ARG(shown(translation, index)), MR_ARG(shown(translation, base)));
    return NULL;
}

static const struct athena_sqltype *infer_cast(struct athena_translation *translation,
                                               const struct athena_node *node)
{
    const struct athena_sqltype *from = infer(translation, node->left);
    const struct athena_sqltype *to = athena_sqltype_from_ast(translation->arena, node->items);
    if (to != NULL && to->kind == SQL_TIMESTAMP_TZ && node->left->kind == AST_STRING)
        return athena_zone_in(translation, to, athena_zone_of_text(node->left->text));
    const bool text = from != NULL && from->kind == SQL_VARCHAR;
    if (from != NULL && to != NULL && to->kind == SQL_TIMESTAMP_TZ &&
        (text || (from->kind == SQL_TIMESTAMP_TZ && from->zone.len > 0)))
        return athena_zone_in(translation, to, text ? MR_S(ATHENA_ZONE_BESIDE) : from->zone);
    if ((node->flags & AST_ASSIGNS) != 0 && !athena_infer_assigns(translation, node, from, to))
        return NULL;
    if (from == NULL || to == NULL || athena_sqltype_casts(from, to))
        return to == NULL ? NULL : athena_infer_time_cast(translation, node, from, to);
    athena_translate_fail(translation, node, "TYPE_MISMATCH", "Cannot cast %.*s to %.*s",
                          MR_ARG(shown(translation, from)), MR_ARG(shown(translation, to)));
    return NULL;
}

/* ---- queries ---- */

const struct athena_translated *athena_infer_query(struct athena_translation *translation,
                                                   const struct athena_node *query)
{
    struct athena_node *node = (struct athena_node *)(uintptr_t)query;
    if (node->translated != NULL || athena_translate_failed(translation))
        return node->translated;
    struct mr_buf sql = {0}, *out = translation->out;
    struct athena_level *level = translation->level;
    struct athena_translated *translated = MR_NEW(translation->arena, struct athena_translated);
    const struct athena_fields fields = translation->fields;
    translation->out = &sql;
    athena_emit_query(translation, query);
    translation->out = out;
    translation->level = level;
    translated->sql = mr_arena_copy(translation->arena, mr_buf_slice(&sql));
    translated->fields = translation->fields;
    translation->fields = fields;
    mr_buf_fini(&sql);
    node->translated = translated;
    return translated;
}

static const struct athena_sqltype *infer_current(struct athena_translation *translation,
                                                  const struct athena_node *node)
{
    static const struct {
        const char *name;
        enum athena_sql_kind kind;
    } rows[] = {{"current_date", SQL_DATE},
                {"current_timestamp", SQL_TIMESTAMP_TZ},
                {"localtimestamp", SQL_TIMESTAMP},
                {"localtime", SQL_TIME},
                {"current_time", SQL_TIME_TZ}};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (!mr_slice_equal(node->text, mr_slice_cstr(rows[i].name)))
            continue;
        return node->items == NULL
                   ? athena_sqltype_simple(rows[i].kind)
                   : athena_sqltype_sized(translation->arena, rows[i].kind,
                                          athena_fraction(translation, node->items), 0);
    }
    return athena_sqltype_simple(SQL_VARCHAR);
}

static const struct athena_sqltype *infer(struct athena_translation *translation,
                                          const struct athena_node *node)
{
    struct athena_node *kept = (struct athena_node *)(uintptr_t)node;
    const struct athena_sqltype *type = NULL;
    if (node->inferred || athena_translate_failed(translation))
        return node->type;
    switch (node->kind) {
    case AST_NAME: type = infer_name(translation, node); break;
    case AST_DOT: type = infer_dot(translation, node); break;
    case AST_OPERATOR: type = infer_operator(translation, node); break;
    case AST_MINUS: type = infer_minus(translation, node); break;
    case AST_CALL: type = athena_infer_call(translation, node); break;
    case AST_CASE: type = infer_case(translation, node); break;
    case AST_CAST: type = infer_cast(translation, node); break;
    case AST_ARRAY: type = infer_array(translation, node); break;
    case AST_ROW: type = infer_row(translation, node); break;
    case AST_SUBSCRIPT: type = infer_subscript(translation, node); break;
    case AST_SUBQUERY:
        type = row_of(translation, athena_infer_query(translation, node->left));
        break;
    case AST_JSON: type = athena_infer_json(translation, node); break;
    case AST_CURRENT: type = infer_current(translation, node); break;
    case AST_EXTRACT:
        (void)infer(translation, node->left);
        type = athena_sqltype_simple(SQL_BIGINT);
        break;
    case AST_AND:
    case AST_OR:
    case AST_NOT:
    case AST_IN:
    case AST_BETWEEN:
    case AST_LIKE:
    case AST_IS_NULL:
    case AST_IS_DISTINCT:
    case AST_QUANTIFIED:
    case AST_EXISTS: type = infer_predicate(translation, node); break;
    case AST_COERCE: type = node->type; break;
    default:
        if (node->kind <= AST_INTERVAL)
            type = infer_literal(translation, node);
        break;
    }
    kept->type = athena_zone_check(translation, kept, type);
    kept->inferred = true;
    return kept->type;
}

const struct athena_sqltype *athena_infer(struct athena_translation *translation,
                                          const struct athena_node *node)
{
    return infer(translation, node);
}
