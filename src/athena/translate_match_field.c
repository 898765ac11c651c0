/* MATCH_RECOGNIZE: which row an expression of DEFINE looks at, and fields: what is computed for
 * every row because one row alone decides it. */
#include "athena/translate_match.h"

void athena_match_refuse(struct match_context *context, const struct athena_node *node)
{
    athena_translate_fail(
        context->translation, node, "NOT_SUPPORTED",
        "an expression of this kind over several rows is not supported in DEFINE");
}

/* ---- which row ---- */

static bool same_target(const struct match_target *a, const struct match_target *b)
{
    return a->row == b->row &&
           (a->row != MATCH_ROW_PLACE ||
            (mr_slice_equal(a->place.label, b->place.label) && a->place.first == b->place.first &&
             a->place.offset == b->place.offset && a->place.physical == b->place.physical));
}

static void meet(struct match_target *target, struct match_target other)
{
    if (target->row == MATCH_ROW_NONE)
        *target = other;
    else if (other.row != MATCH_ROW_NONE && !same_target(target, &other))
        target->row = MATCH_ROW_SEVERAL;
}

/* The row in hand is already the variable's that is being defined. */
struct match_target athena_match_target_of(const struct match_context *context,
                                           struct match_place place)
{
    struct match_target target = {.row = MATCH_ROW_PLACE, .place = place};
    if (!place.first && place.offset == 0 &&
        athena_match_within(context, place.label, context->label->name))
        target.row = MATCH_ROW_CURRENT; /* and those beside it */
    return target;
}

static bool find_in_list(struct match_context *context, const struct athena_node *list,
                         struct match_target *target)
{
    for (const struct athena_node *node = list; node != NULL; node = node->next) {
        if (!athena_match_target(context, node, target))
            return false;
    }
    return true;
}

static bool contains_classifier(const struct athena_node *list)
{
    for (const struct athena_node *node = list; node != NULL; node = node->next) {
        const struct athena_node *children[] = {node->items, node->left, node->right, node->third};
        if (athena_match_call(node) == MATCH_CALL_CLASSIFIER ||
            athena_match_call(node) == MATCH_CALL_NUMBER)
            return true;
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            if (children[i] != NULL && contains_classifier(children[i]))
                return true;
        }
    }
    return false;
}

/* Of a call that is no pattern function; false: it is one, and *target and *ret_fine are set. */
static bool is_plain(struct match_context *context, const struct athena_node *node,
                     struct match_target *target, bool *ret_fine)
{
    const struct athena_node *argument;
    struct match_place place;
    const enum match_call kind = athena_match_call(node);
    *ret_fine = athena_match_check_call(context, node);
    if (kind == MATCH_CALL_OTHER || !*ret_fine)
        return *ret_fine;
    struct match_target other = {.row = MATCH_ROW_SEVERAL};
    if (kind <= MATCH_CALL_NEXT) {
        *ret_fine = athena_match_place(context, node, &place, &argument);
        struct athena_node alone = {0};
        if (*ret_fine) {
            alone = *argument;
            alone.next = NULL;
        }
        if (*ret_fine && !contains_classifier(&alone))
            other = athena_match_target_of(context, place);
    }
    meet(target, other);
    return false;
}

bool athena_match_target(struct match_context *context, const struct athena_node *node,
                         struct match_target *target)
{
    struct mr_slice label = athena_match_qualifier(context, node);
    const struct match_bound *outer = context->bound;
    const struct match_bound bound = {.names = node->items, .outer = outer};
    bool fine = true;
    if (node->kind == AST_TYPE || (node->kind == AST_NAME && athena_match_is_bound(context, node)))
        return true;
    if (node->kind == AST_NAME || (label.len > 0 && node->kind == AST_DOT)) {
        meet(target, athena_match_target_of(context, (struct match_place){.label = label}));
        return true;
    }
    if (node->kind == AST_CALL && !is_plain(context, node, target, &fine))
        return fine;
    const bool lambda = node->kind == AST_LAMBDA, types = node->kind == AST_CAST ||
                                                          node->kind == AST_TYPED ||
                                                          node->kind == AST_CURRENT;
    context->bound = lambda ? &bound : outer;
    fine = (types || lambda || find_in_list(context, node->items, target)) &&
           (node->left == NULL || athena_match_target(context, node->left, target)) &&
           (node->right == NULL || athena_match_target(context, node->right, target)) &&
           (node->third == NULL || node->kind == AST_JSON ||
            athena_match_target(context, node->third, target)) &&
           find_in_list(context, node->order, target);
    context->bound = outer;
    return fine;
}

/* ---- fields ---- */

static struct athena_node *rewrite_column(struct match_context *context,
                                          const struct athena_node *node, struct mr_slice name,
                                          struct mr_slice label)
{
    const size_t column = athena_match_column(context, node, name, label);
    if (column == SIZE_MAX)
        return NULL;
    if (context->missing) {
        struct athena_node *nothing = athena_match_node(context, node, AST_COERCE);
        nothing->left = athena_match_node(context, node, AST_NULL);
        nothing->type = context->input.list[column].type;
        return nothing;
    }
    return athena_match_reference(context, node,
                                  mr_arena_printf(context->translation->arena, "c%zu", column));
}

/* Rows beside the one in hand are DuckDB's to find: lag and lead. */
static struct athena_node *rewrite_navigation(struct match_context *context,
                                              const struct athena_node *node)
{
    struct match_place place;
    const struct athena_node *argument;
    if (!athena_match_place(context, node, &place, &argument))
        return NULL;
    struct athena_node *inner = athena_match_field(context, argument);
    if (inner == NULL || athena_match_target_of(context, place).row != MATCH_ROW_CURRENT ||
        place.physical == 0)
        return inner;
    const int64_t distance = place.physical < 0 ? -place.physical : place.physical;
    struct athena_node *call = athena_match_node(context, node, AST_CALL);
    call->text = place.physical < 0 ? MR_S("lag") : MR_S("lead");
    call->items = inner;
    inner->next = athena_match_node(context, node, AST_INTEGER);
    inner->next->text = mr_arena_printf(context->translation->arena, "%lld", (long long)distance);
    call->right = athena_match_node(context, node, AST_WINDOW);
    call->right->items = athena_match_reference(context, node, MR_S("mr_part"));
    call->right->order = athena_match_node(context, node, AST_SORT);
    call->right->order->left = athena_match_reference(context, node, MR_S("mr_id"));
    return call;
}

/* Those that are no fields: mr_match has their values, but the types of what is around are asked.
 */
static struct athena_node *rewrite_for_type(struct match_context *context,
                                            const struct athena_node *node, enum match_call kind)
{
    struct mr_slice label;
    bool fine = true;
    if (kind == MATCH_CALL_AGGREGATE) {
        struct athena_node plain = *node;
        plain.flags &= ~(unsigned)(AST_RUNNING | AST_FINAL);
        if (!athena_match_check_aggregate(context, node, &label))
            return NULL;
        if (node->items != NULL && node->items->kind == AST_STAR)
            plain.items = NULL;
        return athena_match_copy(context, &plain, athena_match_field);
    }
    if (kind == MATCH_CALL_CLASSIFIER)
        (void)athena_match_classifier(context, node, &fine);
    struct athena_node *value = athena_match_node(context, node, AST_COERCE);
    value->left = athena_match_node(context, node, AST_NULL);
    value->type = athena_sqltype_simple(kind == MATCH_CALL_CLASSIFIER ? SQL_VARCHAR : SQL_BIGINT);
    return fine ? value : NULL;
}

struct athena_node *athena_match_field(struct match_context *context,
                                       const struct athena_node *node)
{
    if (athena_translate_failed(context->translation) || !athena_match_check_dot(context, node))
        return NULL;
    struct mr_slice label = athena_match_qualifier(context, node);
    const enum match_call kind = athena_match_call(node);
    if (node->kind == AST_NAME && !athena_match_is_bound(context, node))
        return rewrite_column(context, node, node->text, MR_S(""));
    if (label.len > 0 && node->kind == AST_DOT)
        return rewrite_column(context, node, node->text, label);
    if (kind >= MATCH_CALL_FIRST && kind <= MATCH_CALL_NEXT)
        return rewrite_navigation(context, node);
    if (kind == MATCH_CALL_OTHER)
        return athena_match_copy(context, node, athena_match_field);
    return rewrite_for_type(context, node, kind);
}

/* How values of a type are told: see match.h. '\0': not at all. */
char athena_match_kind(const struct athena_sqltype *type)
{
    switch (type->kind) {
    case SQL_BOOLEAN: return 'b';
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT:
    case SQL_DATE:
    case SQL_TIME:
    case SQL_TIME_TZ:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMP_TZ:
    case SQL_INTERVAL_DAY:
    case SQL_INTERVAL_YEAR: return 'i';
    case SQL_REAL:
    case SQL_DOUBLE: return 'f';
    case SQL_DECIMAL: return 'w';
    case SQL_VARCHAR: return 't';
    default: return '\0';
    }
}

/* One more field, of this expression as a value of this type. */
size_t athena_match_add_field(struct match_context *context, struct athena_node *node,
                              const struct athena_sqltype *type)
{
    struct athena_translation *translation = context->translation;
    struct mr_buf *out = translation->out;
    const bool same = node->type == NULL || athena_sqltype_equal(node->type, type);
    const bool day = type->kind == SQL_DATE || type->kind == SQL_TIMESTAMP ||
                     type->kind == SQL_TIMESTAMP_TZ || type->kind == SQL_TIME;
    translation->out = &context->fields;
    mr_buf_printf(&context->fields, ", ");
    athena_emit_text(translation, type->kind == SQL_INTERVAL_YEAR  ? "CAST(mr_months("
                                  : type->kind == SQL_INTERVAL_DAY ? "CAST(epoch("
                                  : type->kind == SQL_DATE         ? "epoch_us(CAST("
                                  : day                            ? "epoch_us("
                                                                   : "CAST(");
    if (same)
        athena_emit(translation, node);
    else
        athena_emit_coerced(translation, node, type);
    if (type->kind == SQL_INTERVAL_YEAR) {
        athena_emit_text(translation, ") + mr_years(");
        athena_emit(translation, node);
        athena_emit_text(translation, ") * 12 AS BIGINT)");
    } else if (type->kind == SQL_INTERVAL_DAY) {
        athena_emit_text(translation, ") * 1000000 AS BIGINT)");
    } else if (type->kind == SQL_DATE) {
        athena_emit_text(translation, " AS TIMESTAMP))");
    } else if (day) {
        athena_emit_text(translation, ")");
    } else if (type->kind == SQL_DECIMAL) {
        mr_buf_printf(&context->fields, " AS DECIMAL(38,%d))", type->scale);
    } else {
        const char kind = athena_match_kind(type);
        athena_emit_text(translation, kind == 'b'   ? " AS BOOLEAN)"
                                      : kind == 'i' ? " AS BIGINT)"
                                      : kind == 'f' ? " AS DOUBLE)"
                                                    : " AS VARCHAR)");
    }
    translation->out = out;
    mr_buf_printf(&context->fields, " AS f%zu", context->field_count);
    return context->field_count++;
}
