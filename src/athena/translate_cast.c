/* Arrays, maps and rows cast to others: DuckDB would cast their items in its own way, so each is
 * cast as it would be by itself, where that makes a difference. */
#include "athena/translate.h"

static bool same_for_duck(const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    if (from == NULL || to == NULL || from->kind == SQL_UNKNOWN)
        return true;
    if (from->count > 0) {
        for (size_t i = 0; i < from->count && i < to->count; i++) {
            if (!same_for_duck(from->items[i], to->items[i]))
                return false;
        }
        return true;
    }
    if (athena_sqltype_is_number(to) && athena_sqltype_is_integer(from))
        return to->kind >= from->kind;
    if (from->kind != to->kind)
        return false;
    const bool cut = from->kind == SQL_CHAR || from->kind == SQL_VARCHAR ||
                     (from->kind >= SQL_TIME && from->kind <= SQL_TIMESTAMP_TZ);
    return !cut || athena_sqltype_equal(from, to) || to->precision == SQL_UNBOUNDED;
}

bool athena_cast_is_nested(const struct athena_sqltype *from, const struct athena_sqltype *to)
{
    return from != NULL && to != NULL && from->count > 0 && from->kind == to->kind &&
           from->count == to->count && athena_sqltype_known(from) && !same_for_duck(from, to);
}

static void emit_item(struct athena_translation *translation, struct athena_node *item,
                      const struct athena_sqltype *from, const struct athena_node *type)
{
    const struct athena_node cast = {
        .kind = AST_CAST, .left = item, .items = (struct athena_node *)(uintptr_t)type};
    item->inferred = true;
    item->type = from;
    athena_emit_cast(translation, &cast);
}

static void emit_row(struct athena_translation *translation, struct athena_node *row,
                     const struct athena_sqltype *from, const struct athena_node *type)
{
    athena_emit_text(translation, "CASE WHEN ");
    athena_emit(translation, row);
    athena_emit_text(translation, " IS NOT NULL THEN struct_pack(");
    size_t i = 0;
    for (const struct athena_node *field = type->items; field != NULL; field = field->next, i++) {
        struct athena_node number = {.kind = AST_INTEGER,
                                     .text = mr_arena_printf(translation->arena, "%zu", i + 1)};
        struct athena_node item = {.kind = AST_SUBSCRIPT, .left = row, .right = &number};
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation, field->name.len > 0
                                          ? field->name
                                          : mr_arena_printf(translation->arena, "field%zu", i));
        athena_emit_text(translation, " := ");
        emit_item(translation, &item, from->items[i], field);
    }
    athena_emit_text(translation, ") END");
}

static void emit_entry(struct athena_translation *translation, struct athena_node *entry,
                       const struct athena_sqltype *from, const struct athena_node *type)
{
    struct athena_node key = {.kind = AST_DOT, .left = entry, .text = MR_S("key")};
    struct athena_node value = {.kind = AST_DOT, .left = entry, .text = MR_S("value")};
    athena_emit_text(translation, "row(");
    emit_item(translation, &key, from->items[0], type->items);
    athena_emit_text(translation, ", ");
    emit_item(translation, &value, from->items[1], type->items->next);
    athena_emit_text(translation, ")");
}

void athena_emit_nested_cast(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *from = node->left->type;
    const struct athena_node *type = node->items;
    struct athena_node item = {
        .kind = AST_NAME,
        .inferred = true,
        .type = from->kind == SQL_ROW ? from : NULL,
        .text = mr_arena_printf(translation->arena, "mr_cast%u", translation->casts++)};
    const bool map = from->kind == SQL_MAP, row = from->kind == SQL_ROW;
    athena_emit_text(translation, map   ? "map_from_entries(list_transform(map_entries("
                                  : row ? "list_transform(["
                                        : "list_transform(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, map ? "), lambda " : row ? "], lambda " : ", lambda ");
    athena_emit(translation, &item);
    athena_emit_text(translation, ": ");
    if (map)
        emit_entry(translation, &item, from, type);
    else if (row)
        emit_row(translation, &item, from, type);
    else
        emit_item(translation, &item, from->items[0], type->items);
    athena_emit_text(translation, map ? "))" : row ? ")[1]" : ")");
    translation->casts--;
}
