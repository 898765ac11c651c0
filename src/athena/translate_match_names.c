/* MATCH_RECOGNIZE: what names and calls mean in measures and conditions, and what Trino refuses. */
#include "athena/functions.h"
#include "athena/translate_match.h"

/* ---- nodes ---- */

struct athena_node *athena_match_node(struct match_context *context, const struct athena_node *at,
                                      enum athena_kind kind)
{
    struct athena_node *node = MR_NEW(context->translation->arena, struct athena_node);
    node->kind = kind;
    node->line = at->line;
    node->column = at->column;
    return node;
}

struct athena_node *athena_match_reference(struct match_context *context,
                                           const struct athena_node *at, struct mr_slice name)
{
    struct athena_node *node = athena_match_node(context, at, AST_NAME);
    node->text = name;
    return node;
}

static bool refuse_query(struct match_context *context, const struct athena_node *node)
{
    const bool query = node->kind == AST_SUBQUERY || node->kind == AST_EXISTS ||
                       node->kind == AST_QUANTIFIED ||
                       (node->kind == AST_IN && node->right != NULL);
    if (query)
        athena_translate_fail(context->translation, node, "NOT_SUPPORTED",
                              "a subquery in MATCH_RECOGNIZE is not supported");
    return query;
}

static struct athena_node *copy_list(struct match_context *context, const struct athena_node *list,
                                     athena_match_rewrite *rewrite)
{
    struct athena_node *first = NULL, **end = &first;
    for (; list != NULL; list = list->next) {
        *end = rewrite(context, list);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
    }
    return first;
}

/* Whether the items are types, not expressions. */
static bool has_types(const struct athena_node *node)
{
    return node->kind == AST_CAST || node->kind == AST_TYPED || node->kind == AST_TYPE ||
           node->kind == AST_CURRENT;
}

struct athena_node *athena_match_copy(struct match_context *context, const struct athena_node *node,
                                      athena_match_rewrite *rewrite)
{
    const struct match_bound *outer = context->bound;
    const struct match_bound bound = {.names = node->items, .outer = outer};
    if (refuse_query(context, node) || athena_translate_failed(context->translation))
        return NULL;
    struct athena_node *copy = MR_NEW(context->translation->arena, struct athena_node);
    *copy = *node;
    copy->next = NULL;
    copy->inferred = false;
    copy->type = NULL;
    copy->function = NULL;
    if (node->kind == AST_LAMBDA)
        context->bound = &bound;
    const bool form = node->kind == AST_CALL && mr_slice_equal(node->text, MR_S("normalize"));
    if (form) /* its second argument is a bare word */
        copy->items = node->items == NULL ? NULL : rewrite(context, node->items);
    else if (!has_types(node) && node->kind != AST_LAMBDA)
        copy->items = copy_list(context, node->items, rewrite);
    if (form && copy->items != NULL)
        copy->items->next = node->items->next;
    if (node->left != NULL)
        copy->left = rewrite(context, node->left);
    if (node->right != NULL)
        copy->right = rewrite(context, node->right);
    if (node->third != NULL && node->kind != AST_JSON)
        copy->third = rewrite(context, node->third);
    copy->order = copy_list(context, node->order, rewrite);
    context->bound = outer;
    return athena_translate_failed(context->translation) ? NULL : copy;
}

/* ---- names ---- */

struct mr_slice athena_match_name(struct match_context *context, const struct athena_node *name)
{
    if ((name->flags & AST_QUOTED) != 0)
        return name->text;
    return athena_match_label(context->translation->arena, name->text);
}

bool athena_match_is_bound(const struct match_context *context, const struct athena_node *name)
{
    for (const struct match_bound *bound = context->bound; bound != NULL; bound = bound->outer) {
        for (const struct athena_node *at = bound->names; at != NULL; at = at->next) {
            if (mr_slice_equal_nocase(at->text, name->text))
                return true;
        }
    }
    return false;
}

struct mr_slice athena_match_qualifier(struct match_context *context,
                                       const struct athena_node *node)
{
    if ((node->kind != AST_DOT && node->kind != AST_STAR) || node->left == NULL ||
        node->left->kind != AST_NAME || athena_match_is_bound(context, node->left))
        return MR_S("");
    struct mr_slice label = athena_match_name(context, node->left);
    return athena_match_has(context, label) ? label : MR_S("");
}

size_t athena_match_column(struct match_context *context, const struct athena_node *node,
                           struct mr_slice name, struct mr_slice label)
{
    for (size_t i = 0; i < context->input.count; i++) {
        if (mr_slice_equal_nocase(context->input.list[i].name, name))
            return i;
    }
    if (label.len > 0)
        athena_translate_fail(context->translation, node, "COLUMN_NOT_FOUND",
                              "Column %.*s prefixed with label %.*s cannot be resolved",
                              MR_ARG(name), MR_ARG(label));
    else
        athena_translate_fail(context->translation, node, "COLUMN_NOT_FOUND",
                              "Column '%.*s' cannot be resolved", MR_ARG(name));
    return SIZE_MAX;
}

bool athena_match_check_dot(struct match_context *context, const struct athena_node *node)
{
    const struct athena_node *left = node->left;
    if (node->kind != AST_DOT || left->kind != AST_NAME || athena_match_is_bound(context, left) ||
        athena_match_qualifier(context, node).len > 0)
        return true;
    for (size_t i = 0; i < context->input.count; i++) {
        if (mr_slice_equal_nocase(context->input.list[i].name, left->text))
            return true;
    }
    athena_translate_fail(context->translation, node, "COLUMN_NOT_FOUND",
                          "Column %.*s prefixed with label %.*s cannot be resolved",
                          MR_ARG(node->text), MR_ARG(athena_match_name(context, left)));
    return false;
}

/* ---- calls ---- */

enum match_call athena_match_call(const struct athena_node *node)
{
    static const struct {
        const char *name;
        enum match_call call;
    } rows[] = {{"first", MATCH_CALL_FIRST},
                {"last", MATCH_CALL_LAST},
                {"prev", MATCH_CALL_PREV},
                {"next", MATCH_CALL_NEXT},
                {"classifier", MATCH_CALL_CLASSIFIER},
                {"match_number", MATCH_CALL_NUMBER}};
    bool known;
    if (node->kind != AST_CALL)
        return MATCH_CALL_OTHER;
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_equal(node->text, mr_slice_cstr(rows[i].name)))
            return rows[i].call;
    }
    const struct athena_function *function =
        athena_function_find(node->text, athena_node_count(node->items), &known);
    return function != NULL && (function->flags & ATHENA_AGGREGATE) != 0 &&
                   (function->flags & ATHENA_WINDOW) == 0
               ? MATCH_CALL_AGGREGATE
               : MATCH_CALL_OTHER;
}

static bool is_navigation(enum match_call call)
{
    return call >= MATCH_CALL_FIRST && call <= MATCH_CALL_NEXT;
}

static const char *mode_of(const struct athena_node *call)
{
    return (call->flags & AST_FINAL) != 0 ? "FINAL" : "RUNNING";
}

/* What stands in a call that pattern functions do not take. */
static const char *extra(const struct athena_node *call)
{
    return call->right != NULL                 ? "OVER"
           : call->left != NULL                ? "FILTER"
           : call->order != NULL               ? "ORDER BY"
           : (call->flags & AST_DISTINCT) != 0 ? "DISTINCT"
                                               : NULL;
}

bool athena_match_check_call(struct match_context *context, const struct athena_node *call)
{
    struct athena_translation *translation = context->translation;
    const enum match_call kind = athena_match_call(call);
    const bool mode = (call->flags & (AST_RUNNING | AST_FINAL)) != 0;
    const bool own = kind != MATCH_CALL_OTHER && kind != MATCH_CALL_AGGREGATE;
    if (own && extra(call) != NULL)
        athena_translate_fail(translation, call, "INVALID_PATTERN_RECOGNITION_FUNCTION",
                              "Cannot use %s with %.*s pattern recognition function", extra(call),
                              MR_ARG(call->text));
    else if (!own && call->right != NULL)
        athena_translate_fail(translation, call, "NESTED_WINDOW",
                              "Cannot nest window functions or row pattern measures inside pattern "
                              "recognition expressions");
    else if (mode && context->label != NULL && (call->flags & AST_FINAL) != 0)
        athena_translate_fail(translation, call, "INVALID_PROCESSING_MODE",
                              "FINAL semantics is not supported in DEFINE clause");
    else if (mode && own && kind != MATCH_CALL_FIRST && kind != MATCH_CALL_LAST)
        athena_translate_fail(
            translation, call, "INVALID_PROCESSING_MODE",
            "%s semantics is not supported with %.*s pattern recognition function", mode_of(call),
            MR_ARG(call->text));
    else if (mode && kind == MATCH_CALL_OTHER)
        athena_translate_fail(translation, call, "INVALID_PROCESSING_MODE",
                              "%s semantics is supported only for FIRST(), LAST() and aggregation "
                              "functions. Actual: %.*s",
                              mode_of(call), MR_ARG(call->text));
    return !athena_translate_failed(translation);
}

/* ---- which variable's rows ---- */

struct labels {
    struct match_context *context;
    const struct athena_node *call;
    struct mr_slice label;
    bool found;
};

static bool meet(struct labels *labels, struct mr_slice label)
{
    if (labels->found && !mr_slice_equal(labels->label, label)) {
        const bool aggregate = athena_match_call(labels->call) == MATCH_CALL_AGGREGATE;
        if (aggregate && labels->call->items->next != NULL)
            athena_translate_fail(labels->context->translation, labels->call, "INVALID_ARGUMENTS",
                                  "All aggregate function arguments must apply to rows matched "
                                  "with the same label");
        else
            athena_translate_fail(labels->context->translation, labels->call, "INVALID_ARGUMENTS",
                                  "All labels and classifiers inside the call to '%.*s' must match",
                                  MR_ARG(labels->call->text));
        return false;
    }
    labels->label = label;
    labels->found = true;
    return true;
}

struct mr_slice athena_match_classifier(struct match_context *context,
                                        const struct athena_node *call, bool *ret_fine)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *argument = call->items;
    struct mr_slice label = MR_S("");
    if (argument != NULL && argument->next != NULL) {
        athena_translate_fail(translation, call, "INVALID_FUNCTION_ARGUMENT",
                              "CLASSIFIER pattern recognition function takes no arguments or 1 "
                              "argument");
    } else if (argument != NULL && argument->kind != AST_NAME) {
        athena_translate_fail(translation, argument, "TYPE_MISMATCH",
                              "CLASSIFIER function argument should be primary pattern variable or "
                              "subset name");
    } else if (argument != NULL) {
        label = athena_match_name(context, argument);
        if (!athena_match_has(context, label))
            athena_translate_fail(translation, argument, "INVALID_FUNCTION_ARGUMENT",
                                  "%.*s is not a primary pattern variable or subset name",
                                  MR_ARG(argument->text));
    }
    *ret_fine = !athena_translate_failed(translation);
    return label;
}

/* As deep as the statement nests it. */
static bool scan(struct labels *labels, const struct athena_node *list)
{
    struct match_context *context = labels->context;
    for (const struct athena_node *node = list; node != NULL; node = node->next) {
        struct mr_slice label = athena_match_qualifier(context, node);
        const struct match_bound *outer = context->bound;
        const struct match_bound bound = {.names = node->items, .outer = outer};
        bool fine = true;
        if (node->kind == AST_TYPE)
            continue;
        if (node->kind == AST_NAME) {
            fine = athena_match_is_bound(context, node) || meet(labels, MR_S(""));
        } else if (label.len > 0) {
            fine = meet(labels, label);
        } else if (athena_match_call(node) == MATCH_CALL_CLASSIFIER) {
            label = athena_match_classifier(context, node, &fine);
            fine = fine && meet(labels, label);
        } else {
            const bool lambda = node->kind == AST_LAMBDA;
            const bool items = !has_types(node) && !lambda;
            context->bound = lambda ? &bound : outer;
            fine = (!items || scan(labels, node->items)) &&
                   (node->left == NULL || scan(labels, node->left)) &&
                   (node->right == NULL || node->kind == AST_CALL || scan(labels, node->right)) &&
                   (node->third == NULL || node->kind == AST_JSON || scan(labels, node->third));
            context->bound = outer;
        }
        if (!fine)
            return false;
    }
    return true;
}

bool athena_match_one_label(struct match_context *context, const struct athena_node *call,
                            const struct athena_node *list, struct mr_slice *ret_label,
                            bool *ret_found)
{
    struct labels labels = {.context = context, .call = call};
    if (!scan(&labels, list))
        return false;
    *ret_label = labels.label;
    *ret_found = labels.found;
    return true;
}

/* The first call below that is an aggregate, or a navigation. */
static const struct athena_node *find_call(const struct athena_node *list, bool aggregate)
{
    for (const struct athena_node *node = list; node != NULL; node = node->next) {
        const enum match_call kind = athena_match_call(node);
        if (aggregate ? kind == MATCH_CALL_AGGREGATE : is_navigation(kind))
            return node;
        const struct athena_node *children[] = {node->items, node->left, node->third,
                                                node->kind == AST_CALL ? NULL : node->right};
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            const struct athena_node *found =
                children[i] == NULL ? NULL : find_call(children[i], aggregate);
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}

/* ---- navigations ---- */

static bool read_offset(struct match_context *context, const struct athena_node *call,
                        int64_t *ret_offset)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *offset = call->items == NULL ? NULL : call->items->next;
    if (call->items == NULL || (offset != NULL && offset->next != NULL)) {
        athena_translate_fail(translation, call, "INVALID_FUNCTION_ARGUMENT",
                              "%.*s pattern recognition function requires 1 or 2 arguments",
                              MR_ARG(call->text));
    } else if (offset != NULL && offset->kind != AST_INTEGER) {
        athena_translate_fail(translation, call, "INVALID_FUNCTION_ARGUMENT",
                              "%.*s pattern recognition navigation function requires a number as "
                              "the second argument",
                              MR_ARG(call->text));
    } else if (offset != NULL &&
               (mr_slice_to_i64(offset->text, ret_offset) != MR_OK || *ret_offset > INT32_MAX)) {
        athena_translate_fail(translation, call, "NUMERIC_VALUE_OUT_OF_RANGE",
                              "The second argument of %.*s pattern recognition navigation function "
                              "must not exceed 2147483647 (actual: %.*s)",
                              MR_ARG(call->text), MR_ARG(offset->text));
    }
    return !athena_translate_failed(translation);
}

static bool fail_nesting(struct match_context *context, const struct athena_node *nested,
                         const struct athena_node *call)
{
    athena_translate_fail(context->translation, nested, "INVALID_NAVIGATION_NESTING",
                          "Cannot nest %.*s pattern navigation function inside %.*s pattern "
                          "navigation function",
                          MR_ARG(nested->text), MR_ARG(call->text));
    return false;
}

static bool check_nesting(struct match_context *context, const struct athena_node *call)
{
    const struct athena_node argument = {.kind = call->items->kind,
                                         .items = call->items->items,
                                         .left = call->items->left,
                                         .right = call->items->right,
                                         .third = call->items->third,
                                         .text = call->items->text};
    const struct athena_node *aggregate = find_call(&argument, true);
    const struct athena_node *nested = find_call(&argument, false);
    const enum match_call kind = athena_match_call(call);
    if (aggregate != NULL) {
        athena_translate_fail(context->translation, call, "NESTED_AGGREGATION",
                              "Cannot nest %.*s aggregate function inside %.*s function",
                              MR_ARG(aggregate->text), MR_ARG(call->text));
        return false;
    }
    if (nested == NULL)
        return true;
    const enum match_call inner = athena_match_call(nested);
    if (kind <= MATCH_CALL_LAST || inner >= MATCH_CALL_PREV)
        return fail_nesting(context, nested == &argument ? call->items : nested, call);
    if (nested == &argument)
        return true;
    athena_translate_fail(context->translation, nested, "INVALID_NAVIGATION_NESTING",
                          "Immediate nesting is required for pattern navigation functions");
    return false;
}

bool athena_match_place(struct match_context *context, const struct athena_node *call,
                        struct match_place *ret_place, const struct athena_node **ret_argument)
{
    struct match_place place = {0};
    enum match_call kind = athena_match_call(call);
    bool found;
    if (!athena_match_check_call(context, call))
        return false;
    if (kind >= MATCH_CALL_PREV) {
        place.physical = 1;
        if (!read_offset(context, call, &place.physical) || !check_nesting(context, call))
            return false;
        place.physical = kind == MATCH_CALL_PREV ? -place.physical : place.physical;
        const enum match_call inner = athena_match_call(call->items);
        if (inner == MATCH_CALL_FIRST || inner == MATCH_CALL_LAST) {
            const int64_t physical = place.physical;
            if (!athena_match_place(context, call->items, &place, ret_argument))
                return false;
            place.physical = physical;
            *ret_place = place;
            return true;
        }
    } else {
        if (!read_offset(context, call, &place.offset) || !check_nesting(context, call))
            return false;
        place.first = kind == MATCH_CALL_FIRST;
        place.final = (call->flags & AST_FINAL) != 0;
    }
    struct athena_node argument = *call->items;
    argument.next = NULL;
    if (!athena_match_one_label(context, call, &argument, &place.label, &found))
        return false;
    if (!found)
        athena_translate_fail(context->translation, call, "INVALID_ARGUMENTS",
                              "Pattern navigation function '%.*s' must contain at least one column "
                              "reference or CLASSIFIER()",
                              MR_ARG(call->text));
    *ret_place = place;
    *ret_argument = call->items;
    return found;
}

/* ---- aggregates ---- */

bool athena_match_check_aggregate(struct match_context *context, const struct athena_node *call,
                                  struct mr_slice *ret_label)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *nested = find_call(call->items, true);
    const struct athena_node *navigation = find_call(call->items, false);
    bool found;
    if (!athena_match_check_call(context, call))
        return false;
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        if (item->kind == AST_STAR && item->left != NULL &&
            athena_match_qualifier(context, item).len == 0)
            athena_translate_fail(translation, item->left, "INVALID_FUNCTION_ARGUMENT",
                                  "%.*s is not a primary pattern variable or subset name",
                                  MR_ARG(item->left->text));
    }
    if (nested != NULL)
        athena_translate_fail(translation, nested, "NESTED_AGGREGATION",
                              "Cannot nest %.*s aggregate function inside %.*s function",
                              MR_ARG(nested->text), MR_ARG(call->text));
    else if (navigation != NULL)
        athena_translate_fail(translation, navigation, "INVALID_NAVIGATION_NESTING",
                              "Cannot nest %.*s pattern navigation function inside %.*s function",
                              MR_ARG(navigation->text), MR_ARG(call->text));
    else if (extra(call) != NULL)
        athena_translate_fail(
            translation, call, "NOT_SUPPORTED",
            "Cannot use %s with aggregate function in pattern recognition context", extra(call));
    return !athena_translate_failed(translation) &&
           athena_match_one_label(context, call, call->items, ret_label, &found);
}
