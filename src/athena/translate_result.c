/* What is shown of a query. Moments are stored without their zone: those shown in another than UTC
 * become texts, also inside arrays, maps and rows. */
#include "athena/functions.h"
#include "athena/translate.h"

static bool has_zone(const struct athena_sqltype *type)
{
    bool found = athena_has_zone(type) || athena_time_zoned(type);
    for (size_t i = 0; type != NULL && i < type->count && !found; i++)
        found = has_zone(type->items[i]);
    return found;
}

static void emit_shown(struct athena_translation *translation, const struct athena_node *node,
                       size_t depth);

/* An item, which has the name that a lambda gives it. */
static void emit_item(struct athena_translation *translation, const struct athena_sqltype *type,
                      struct mr_slice name, size_t depth)
{
    const struct athena_node item = {
        .kind = AST_NAME, .inferred = true, .type = type, .text = name};
    emit_shown(translation, &item, depth + 1);
}

/* A field of a row by its number, bound to a name. */
static void emit_field(struct athena_translation *translation, const struct athena_node *row,
                       size_t field, struct mr_slice name, size_t depth)
{
    athena_emit_text(translation, "list_transform([struct_extract_at(");
    athena_emit(translation, row);
    mr_buf_printf(translation->out, ", %zu)], lambda ", field + 1);
    athena_emit_name(translation, name);
    athena_emit_text(translation, ": ");
    emit_item(translation, row->type->items[field], name, depth);
    athena_emit_text(translation, ")[1]");
}

static void emit_row(struct athena_translation *translation, const struct athena_node *node,
                     struct mr_slice name, size_t depth)
{
    const struct athena_sqltype *type = node->type;
    athena_emit_text(translation, "CASE WHEN ");
    athena_emit(translation, node);
    athena_emit_text(translation, " IS NOT NULL THEN struct_pack(");
    for (size_t i = 0; i < type->count; i++) {
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation, type->names[i].len > 0
                                          ? type->names[i]
                                          : mr_arena_printf(translation->arena, "field%zu", i));
        athena_emit_text(translation, " := ");
        emit_field(translation, node, i, name, depth);
    }
    athena_emit_text(translation, ") END");
}

static void emit_map(struct athena_translation *translation, const struct athena_node *node,
                     struct mr_slice name, size_t depth)
{
    struct athena_sqltype entry = *node->type;
    entry.kind = SQL_ROW;
    const struct athena_node row = {
        .kind = AST_NAME, .inferred = true, .type = &entry, .text = name};
    struct mr_slice inner = mr_arena_printf(translation->arena, "%.*s_", MR_ARG(name));
    athena_emit_text(translation, "map_from_entries(list_transform(map_entries(");
    athena_emit(translation, node);
    athena_emit_text(translation, "), lambda ");
    athena_emit_name(translation, name);
    athena_emit_text(translation, ": row(");
    emit_field(translation, &row, 0, inner, depth);
    athena_emit_text(translation, ", ");
    emit_field(translation, &row, 1, inner, depth);
    athena_emit_text(translation, ")))");
}

static void emit_shown(struct athena_translation *translation, const struct athena_node *node,
                       size_t depth)
{
    struct mr_slice name = mr_arena_printf(translation->arena, "mr_shown%zu", depth);
    if (!has_zone(node->type)) {
        athena_emit(translation, node);
    } else if (node->type->kind == SQL_ARRAY) {
        athena_emit_text(translation, "list_transform(");
        athena_emit(translation, node);
        athena_emit_text(translation, ", lambda ");
        athena_emit_name(translation, name);
        athena_emit_text(translation, ": ");
        emit_item(translation, node->type->items[0], name, depth);
        athena_emit_text(translation, ")");
    } else if (node->type->kind == SQL_MAP) {
        emit_map(translation, node, name, depth);
    } else if (node->type->kind == SQL_ROW) {
        emit_row(translation, node, name, depth);
    } else {
        athena_emit_zoned(translation, node);
    }
}

static bool any_zone(const struct athena_fields *fields)
{
    for (size_t i = 0; i < fields->count && !fields->open; i++) {
        if (has_zone(fields->list[i].type))
            return true;
    }
    return false;
}

bool athena_translate_result(struct athena_translation *translation,
                             const struct athena_node *query)
{
    struct mr_buf sql = {0}, *out = translation->out;
    translation->out = &sql;
    athena_emit_query(translation, query);
    const bool fine = !athena_translate_failed(translation);
    translation->out = out;
    const struct athena_fields fields = translation->fields;
    if (!fine || !any_zone(&fields)) {
        mr_buf_append(out, mr_buf_slice(&sql));
        mr_buf_fini(&sql);
        return fine;
    }
    athena_emit_text(translation, "SELECT ");
    for (size_t i = 0; i < fields.count; i++) {
        const struct athena_field *field = &fields.list[i];
        const struct athena_node column = {.kind = AST_NAME,
                                           .inferred = true,
                                           .type = field->type,
                                           .text =
                                               mr_arena_printf(translation->arena, "_mr_%zu", i)};
        athena_emit_text(translation, i > 0 ? ", " : "");
        emit_shown(translation, &column, 0);
        athena_emit_alias(translation, field->name.len > 0 ? field->name : MR_S(ATHENA_UNNAMED),
                          NULL);
    }
    mr_buf_printf(out, " FROM (%.*s) AS _mr_result(", MR_ARG(mr_buf_slice(&sql)));
    for (size_t i = 0; i < fields.count; i++)
        mr_buf_printf(out, "%s_mr_%zu", i > 0 ? ", " : "", i);
    athena_emit_text(translation, ")");
    mr_buf_fini(&sql);
    return !athena_translate_failed(translation);
}

/* ---- ORDER BY ---- */

static const struct athena_node *aliased(const struct athena_node *select, struct mr_slice name)
{
    const struct athena_node *found = NULL;
    for (const struct athena_node *item = select->items; item != NULL; item = item->next) {
        if (item->kind == AST_ITEM && mr_slice_equal_nocase(item->name, name))
            found = item->left;
    }
    return found;
}

/* In an expression DuckDB takes a name for a column of the relations, Trino for one of the result:
 * so the name becomes what the select list has there. Aggregates are over relations' columns. */
// NOLINTNEXTLINE(misc-no-recursion)
static void open_aliases(const struct athena_node *select, struct athena_node *node)
{
    bool known;
    if (node == NULL || node->kind == AST_SUBQUERY || node->kind == AST_EXISTS ||
        node->kind == AST_QUANTIFIED || node->kind == AST_LAMBDA)
        return;
    if (node->kind == AST_CALL) {
        const struct athena_function *function =
            athena_function_find(node->text, athena_node_count(node->items), &known);
        if (function != NULL && (function->flags & ATHENA_AGGREGATE) != 0)
            return;
    }
    const struct athena_node *meant = node->kind == AST_NAME ? aliased(select, node->text) : NULL;
    if (meant != NULL) {
        struct athena_node *next = node->next;
        *node = *meant;
        node->next = next;
        return;
    }
    open_aliases(select, node->kind == AST_DOT ? NULL : node->left);
    open_aliases(select, node->right);
    open_aliases(select, node->third);
    for (struct athena_node *item = node->items; item != NULL; item = item->next)
        open_aliases(select, item);
}

void athena_order_open(const struct athena_node *query)
{
    if (query->left->kind != AST_SELECT)
        return;
    for (const struct athena_node *sort = query->order; sort != NULL; sort = sort->next) {
        if (sort->left->kind != AST_NAME)
            open_aliases(query->left, sort->left);
    }
}
