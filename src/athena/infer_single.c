/* Several expressions that must meet in one type: CASE, IN, ARRAY, COALESCE. Those that must have
 * an order. Calls that are refused for their form. */
#include "athena/functions.h"
#include "athena/translate.h"

static struct mr_slice text_of(struct athena_translation *translation,
                               const struct athena_sqltype *type)
{
    return athena_sqltype_text(translation->arena, type);
}

const struct athena_sqltype *athena_infer_single(struct athena_translation *translation,
                                                 const struct athena_node *const *nodes,
                                                 const struct athena_sqltype *const *types,
                                                 size_t count, const char *words)
{
    const struct athena_sqltype *type = athena_sqltype_simple(SQL_UNKNOWN);
    bool wrong = false;
    size_t at = 0;
    for (; at < count && !wrong; at++) {
        const struct athena_sqltype *both =
            type == NULL || types[at] == NULL
                ? NULL
                : athena_sqltype_common(translation->arena, type, types[at]);
        wrong = both == NULL && type != NULL && types[at] != NULL;
        type = wrong ? type : both;
    }
    if (!wrong || athena_translate_failed(translation))
        return wrong ? NULL : type;
    struct mr_buf all = {0};
    for (size_t i = 0; i < count; i++) {
        bool seen = types[i] == NULL;
        for (size_t j = 0; j < i && !seen; j++)
            seen = types[j] != NULL &&
                   mr_slice_equal(text_of(translation, types[j]), text_of(translation, types[i]));
        if (!seen)
            mr_buf_printf(&all, "%s%.*s", all.len > 0 ? ", " : "",
                          MR_ARG(text_of(translation, types[i])));
    }
    athena_translate_fail(translation, nodes[at - 1], "TYPE_MISMATCH",
                          "%s must be the same type or coercible to a common type. Cannot find "
                          "common type between %.*s and %.*s, all types (without duplicates): "
                          "[%.*s]",
                          words, MR_ARG(text_of(translation, type)),
                          MR_ARG(text_of(translation, types[at - 1])), MR_ARG(mr_buf_slice(&all)));
    mr_buf_fini(&all);
    return NULL;
}

bool athena_infer_orders(const struct athena_node *call)
{
    static const struct {
        const char *name;
        unsigned arguments, count; /* by bits; of how many, 0: of any */
    } calls[] = {{"max", 1, 0},        {"min", 1, 0},       {"max_by", 2, 0},
                 {"min_by", 2, 0},     {"greatest", 1, 0},  {"least", 1, 0},
                 {"array_sort", 1, 1}, {"array_max", 1, 1}, {"array_min", 1, 1}};
    for (size_t i = 0; i < MR_COUNT(calls); i++) {
        if (!mr_slice_equal(call->text, mr_slice_cstr(calls[i].name)) ||
            (calls[i].count > 0 && calls[i].count != athena_node_count(call->items)))
            continue;
        unsigned arguments = calls[i].arguments;
        for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
            if ((arguments & 1) != 0 && !athena_sqltype_orders(item->type))
                return false;
            arguments >>= 1;
        }
    }
    return true;
}

void athena_infer_sort(struct athena_translation *translation, const struct athena_node *query,
                       const struct athena_node *sorted, const struct athena_sqltype *type)
{
    if (!athena_sqltype_orders(type))
        athena_translate_fail(translation, query, "TYPE_MISMATCH",
                              "Type %.*s is not orderable, and therefore cannot be used in ORDER "
                              "BY: %.*s",
                              MR_ARG(text_of(translation, type)), MR_ARG(sorted->text));
}

/* What the types of the arguments have no part in. */
bool athena_infer_refuses(struct athena_translation *translation, const struct athena_node *node)
{
    static const char *const values[] = {"lag", "lead", "first_value", "last_value", "nth_value"};
    static const struct athena_node nowhere;
    bool known, value = (node->flags & (AST_IGNORE_NULLS | AST_RESPECT_NULLS)) == 0;
    for (size_t i = 0; i < MR_COUNT(values); i++)
        value = value || mr_slice_equal(node->text, mr_slice_cstr(values[i]));
    const struct athena_function *function =
        athena_function_find(node->text, athena_node_count(node->items), &known);
    const struct athena_node *inner =
        function != NULL && (function->flags & ATHENA_AGGREGATE) != 0 && node->right == NULL
            ? athena_find_aggregate(node->items, false)
            : NULL;
    if (!value)
        athena_translate_fail(translation, node, "NULL_TREATMENT_NOT_ALLOWED",
                              "Cannot specify null treatment clause for %.*s function",
                              MR_ARG(node->text));
    else if (inner != NULL)
        athena_translate_fail(translation, node, "NESTED_AGGREGATION",
                              "Cannot nest aggregations inside aggregation '%.*s': [%.*s]",
                              MR_ARG(node->text),
                              MR_ARG(athena_call_shown(translation->arena, inner)));
    else if (mr_slice_equal(node->text, MR_S("concat")) && athena_node_count(node->items) < 2)
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "There must be two or more concatenation arguments");
    return athena_translate_failed(translation);
}

/* Numbers become numbers, texts texts; as write_assign.c has it. */
bool athena_infer_assigns(struct athena_translation *translation, const struct athena_node *node,
                          const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    if (from == NULL || to == NULL || from->kind == SQL_UNKNOWN || from->kind == to->kind ||
        (athena_sqltype_is_number(from) && athena_sqltype_is_number(to)) ||
        (athena_sqltype_is_text(from) && athena_sqltype_is_text(to)) ||
        (from->kind == SQL_DATE && to->kind == SQL_TIMESTAMP))
        return true;
    athena_translate_fail(translation, node, "TYPE_MISMATCH",
                          "MERGE table column types don't match for MERGE case %zu, SET "
                          "expressions: Table: [%.*s], Expressions: [%.*s]",
                          node->number, MR_ARG(athena_sqltype_text(translation->arena, to)),
                          MR_ARG(athena_sqltype_text(translation->arena, from)));
    return false;
}
