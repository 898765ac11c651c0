/* Windows: partitions, orders, frames. DuckDB takes frames that Trino refuses: offsets that are
 * negative, NULL or no whole numbers. */
#include "athena/translate.h"

static bool is_bound(const struct athena_node *bound, const char *text)
{
    return mr_slice_equal(bound->text, mr_slice_cstr(text));
}

static void fail_frame(struct athena_translation *translation, const struct athena_node *bound,
                       const char *what)
{
    athena_translate_fail(translation, bound, "INVALID_WINDOW_FRAME", "Window frame %s", what);
}

/* Frames that end before they start, whatever the rows. */
static void check_direction(struct athena_translation *translation,
                            const struct athena_node *window)
{
    static const struct athena_node here = {.text = MR_S_INIT("CURRENT ROW")};
    const struct athena_node *start = window->left,
                             *end = window->right != NULL ? window->right : &here;
    if (is_bound(start, "UNBOUNDED FOLLOWING"))
        fail_frame(translation, start, "start cannot be UNBOUNDED FOLLOWING");
    else if (is_bound(end, "UNBOUNDED PRECEDING"))
        fail_frame(translation, start, "end cannot be UNBOUNDED PRECEDING");
    else if (is_bound(start, "CURRENT ROW") && is_bound(end, "PRECEDING"))
        fail_frame(translation, start, "starting from CURRENT ROW cannot end with PRECEDING");
    else if (is_bound(start, "FOLLOWING") && is_bound(end, "PRECEDING"))
        fail_frame(translation, start, "starting from FOLLOWING cannot end with PRECEDING");
    else if (is_bound(start, "FOLLOWING") && is_bound(end, "CURRENT ROW"))
        fail_frame(translation, start, "starting from FOLLOWING cannot end with CURRENT ROW");
}

/* The order that a window has, its own or that of the one it is made from, which is written in the
 * same SELECT. */
static const struct athena_node *order_of(struct athena_translation *translation,
                                          const struct athena_node *window)
{
    if (window->order != NULL || window->third == NULL || translation->select == NULL)
        return window->order;
    const struct athena_node *at = translation->select->windows;
    while (at != NULL && !mr_slice_equal_nocase(at->name, window->third->text))
        at = at->next;
    return at == NULL || at == window ? NULL : order_of(translation, at);
}

static void check_order(struct athena_translation *translation, const struct athena_node *window)
{
    const struct athena_node *order = order_of(translation, window);
    const bool range = is_bound(window, "RANGE");
    if (is_bound(window, "ROWS"))
        return;
    if (order == NULL)
        athena_translate_fail(translation, window, "MISSING_ORDER_BY",
                              "Window frame of type %.*s PRECEDING or FOLLOWING requires ORDER BY",
                              MR_ARG(window->text));
    else if (range && order->next != NULL)
        athena_translate_fail(translation, order, "INVALID_ORDER_BY",
                              "Window frame of type RANGE PRECEDING or FOLLOWING requires single "
                              "sort item in ORDER BY (actual: %zu)",
                              athena_node_count(order));
    if (!range || athena_translate_failed(translation))
        return;
    const struct athena_sqltype *key = athena_infer(translation, order->left);
    if (key != NULL && !athena_sqltype_is_number(key) &&
        (key->kind < SQL_DATE || key->kind > SQL_INTERVAL_YEAR))
        athena_translate_fail(translation, order->left, "TYPE_MISMATCH",
                              "Window frame of type RANGE PRECEDING or FOLLOWING requires that "
                              "sort item type be numeric, datetime or interval (actual: %.*s)",
                              MR_ARG(athena_sqltype_text(translation->arena, key)));
}

static void emit_offset(struct athena_translation *translation, const struct athena_node *window,
                        const struct athena_node *offset, const char *which)
{
    const bool range = is_bound(window, "RANGE");
    const struct athena_sqltype *type = athena_infer(translation, offset);
    check_order(translation, window);
    if (!range && type != NULL && !athena_sqltype_is_integer(type) &&
        (type->kind != SQL_DECIMAL || type->scale > 0))
        athena_translate_fail(translation, offset, "TYPE_MISMATCH",
                              "Window frame %.*s %s value type must be exact numeric type with "
                              "scale 0 (actual %.*s)",
                              MR_ARG(window->text), which,
                              MR_ARG(athena_sqltype_text(translation->arena, type)));
    const bool days = type != NULL && type->kind == SQL_INTERVAL_DAY;
    const bool months = type != NULL && type->kind == SQL_INTERVAL_YEAR;
    athena_emit_text(translation, range           ? "mr_range("
                                  : *which == 's' ? "mr_starting("
                                                  : "mr_ending(");
    athena_emit(translation, offset);
    athena_emit_text(translation, !range ? ")" : days || months ? ", INTERVAL 0 DAY)" : ", 0)");
}

static void emit_bound(struct athena_translation *translation, const struct athena_node *window,
                       const struct athena_node *bound, const char *which)
{
    if (bound->left != NULL) {
        emit_offset(translation, window, bound->left, which);
        athena_emit_text(translation, " ");
    }
    mr_buf_append(translation->out, bound->text);
}

static void emit_frame(struct athena_translation *translation, const struct athena_node *window)
{
    check_direction(translation, window);
    mr_buf_printf(translation->out, " %.*s ", MR_ARG(window->text));
    athena_emit_text(translation, window->right != NULL ? "BETWEEN " : "");
    emit_bound(translation, window, window->left, "start");
    if (window->right == NULL)
        return;
    athena_emit_text(translation, " AND ");
    emit_bound(translation, window, window->right, "end");
}

void athena_emit_window_body(struct athena_translation *translation,
                             const struct athena_node *window)
{
    athena_emit_text(translation, "(");
    if (window->third != NULL)
        athena_emit_name(translation, window->third->text);
    if (window->items != NULL) {
        athena_emit_text(translation, window->third != NULL ? " PARTITION BY " : "PARTITION BY ");
        athena_emit_list(translation, window->items);
    }
    if (window->order != NULL) {
        athena_emit_text(translation, " ORDER BY ");
        athena_emit_order(translation, window->order);
    }
    if (window->text.len > 0)
        emit_frame(translation, window);
    athena_emit_text(translation, ")");
}

void athena_emit_window(struct athena_translation *translation, const struct athena_node *window)
{
    if (window->name.len > 0)
        athena_emit_name(translation, window->name);
    else
        athena_emit_window_body(translation, window);
}
