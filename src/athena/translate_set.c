/* UNION, INTERSECT, EXCEPT.
 *
 * Moments with their zones beside them are compared by their instants, which DuckDB's own would
 * not: a set with such columns is made of what it stands for.
 */
#include "athena/translate.h"

/* The columns of both sides, under the names of the left one. */
static struct athena_fields meet(struct athena_translation *translation,
                                 const struct athena_node *set, struct athena_fields left,
                                 struct athena_fields right)
{
    struct mr_slice word = mr_slice_sub(set->text, 0, mr_slice_find(set->text, ' '));
    if (left.open || right.open)
        return left.open ? left : (struct athena_fields){.open = true};
    if (left.count != right.count) {
        athena_translate_fail(translation, set, "TYPE_MISMATCH",
                              "%.*s query has different number of fields: %zu, %zu", MR_ARG(word),
                              left.count, right.count);
        return left;
    }
    struct athena_fields fields = athena_fields_make(translation, left.count);
    for (size_t i = 0; i < left.count; i++) {
        const struct athena_sqltype *a = left.list[i].type, *b = right.list[i].type;
        fields.list[i].name = left.list[i].name;
        if (a == NULL || b == NULL)
            continue;
        fields.list[i].type = athena_sqltype_common(translation->arena, a, b);
        if (fields.list[i].type == NULL)
            athena_translate_fail(translation, set, "TYPE_MISMATCH",
                                  "column %zu in %.*s query has incompatible types: %.*s, %.*s",
                                  i + 1, MR_ARG(word),
                                  MR_ARG(athena_sqltype_text(translation->arena, a)),
                                  MR_ARG(athena_sqltype_text(translation->arena, b)));
    }
    return fields;
}

struct athena_fields athena_set_fields(struct athena_translation *translation,
                                       const struct athena_node *set, struct athena_fields left,
                                       struct athena_fields right)
{
    for (size_t i = 0; i < left.count && i < right.count && !left.open && !right.open; i++) {
        if (athena_zone_beside(left.list[i].type) != athena_zone_beside(right.list[i].type))
            (void)athena_zone_refuse(translation, set,
                                     athena_zone_beside(left.list[i].type) ? &left : &right);
    }
    return meet(translation, set, left, right);
}

/* Columns of several zones get them beside each row. False: there are none. */
static bool put_beside(struct athena_translation *translation, struct athena_fields *fields)
{
    bool found = false;
    for (size_t i = 0; i < fields->count && !fields->open; i++) {
        struct athena_field *field = &fields->list[i];
        if (athena_zone_differs(field->type))
            field->type = athena_zone_besides(translation, field->type);
        found = found || athena_zone_beside(field->type);
    }
    return found;
}

/* "_mr_0", ...: by what comes before each and behind its number. */
static void emit_columns(struct athena_translation *translation, size_t count, const char *words)
{
    for (size_t i = 0; i < count; i++)
        mr_buf_printf(translation->out, "%s%s\"_mr_%zu\"", i > 0 ? ", " : "", words, i);
}

/* One side, its columns as those of the set. */
static void emit_side(struct athena_translation *translation, struct mr_slice sql,
                      const struct athena_fields *side, const struct athena_fields *fields)
{
    athena_emit_text(translation, "(SELECT ");
    for (size_t i = 0; i < fields->count; i++) {
        const struct athena_sqltype *type = side->list[i].type;
        const struct athena_node column = {.kind = AST_NAME,
                                           .inferred = true,
                                           .type = type,
                                           .text =
                                               mr_arena_printf(translation->arena, "_mr_%zu", i)};
        athena_emit_text(translation, i > 0 ? ", " : "");
        if (athena_pads(type, fields->list[i].type))
            athena_emit_padded(translation, &column, fields->list[i].type);
        else if (!athena_zone_beside(fields->list[i].type) || athena_zone_beside(type))
            athena_emit_name(translation, column.text);
        else if (type == NULL || type->kind == SQL_UNKNOWN)
            athena_emit_text(translation, "NULL");
        else
            athena_emit_pair(translation, &column);
    }
    mr_buf_printf(translation->out, " FROM (%.*s) AS \"_mr_side\"(", MR_ARG(sql));
    emit_columns(translation, fields->count, "");
    athena_emit_text(translation, "))");
}

static bool pads_any(const struct athena_fields *side, const struct athena_fields *fields)
{
    bool found = false;
    for (size_t i = 0; i < fields->count && i < side->count && !fields->open && !side->open; i++)
        found = found || athena_pads(side->list[i].type, fields->list[i].type);
    return found;
}

/* One side under the names of the set, which DuckDB takes from the left one. */
static struct mr_slice padded(struct athena_translation *translation, struct mr_slice sql,
                              const struct athena_fields *side, const struct athena_fields *fields)
{
    struct mr_buf text = {0}, *out = translation->out;
    if (!pads_any(side, fields))
        return sql;
    translation->out = &text;
    athena_emit_text(translation, "SELECT * FROM ");
    emit_side(translation, sql, side, fields);
    athena_emit_text(translation, " AS \"_mr_padded\"(");
    for (size_t i = 0; i < fields->count; i++) {
        const struct mr_slice name = fields->list[i].name;
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation, name.len > 0 ? name : MR_S(ATHENA_UNNAMED));
    }
    athena_emit_text(translation, ")");
    translation->out = out;
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

/* A column as it is compared. */
static void emit_key(struct athena_translation *translation, const struct athena_fields *fields,
                     size_t column, const char *relation)
{
    const bool beside = athena_zone_beside(fields->list[column].type);
    mr_buf_printf(translation->out,
                  beside ? "struct_extract(%s.\"_mr_%zu\", 't')" : "%s.\"_mr_%zu\"", relation,
                  column);
}

/* INTERSECT and EXCEPT: the left side's rows that the right one has, or has not. */
static void emit_other(struct athena_translation *translation, const struct athena_node *set,
                       const struct athena_fields *fields)
{
    const bool both = mr_slice_equal(set->text, MR_S("INTERSECT"));
    mr_buf_printf(translation->out, " AS \"_mr_set\"(");
    emit_columns(translation, fields->count, "");
    athena_emit_text(translation, both ? ") WHERE EXISTS (SELECT 1 FROM "
                                       : ") WHERE NOT EXISTS (SELECT 1 FROM ");
}

struct sides {
    struct mr_slice left_sql, right_sql;
    struct athena_fields left, right;
};

static void emit_apart(struct athena_translation *translation, const struct athena_node *set,
                       const struct sides *sides, const struct athena_fields *fields)
{
    const bool every = mr_slice_equal(set->text, MR_S("UNION ALL"));
    const bool joined = every || mr_slice_equal(set->text, MR_S("UNION"));
    if (!joined && mr_slice_ends_with(set->text, MR_S(" ALL"))) {
        (void)athena_zone_refuse(translation, set, fields);
        return;
    }
    athena_emit_text(translation, every ? "SELECT " : "SELECT DISTINCT ON (");
    for (size_t i = 0; i < fields->count && !every; i++) {
        athena_emit_text(translation, i > 0 ? ", " : "");
        emit_key(translation, fields, i, "\"_mr_set\"");
    }
    athena_emit_text(translation, every ? "" : ") ");
    for (size_t i = 0; i < fields->count; i++) {
        const struct mr_slice name = fields->list[i].name;
        mr_buf_printf(translation->out, "%s\"_mr_set\".\"_mr_%zu\"", i > 0 ? ", " : "", i);
        athena_emit_alias(translation, name.len > 0 ? name : MR_S(ATHENA_UNNAMED), NULL);
    }
    athena_emit_text(translation, joined ? " FROM (" : " FROM ");
    emit_side(translation, sides->left_sql, &sides->left, fields);
    if (joined)
        athena_emit_text(translation, " UNION ALL ");
    else
        emit_other(translation, set, fields);
    emit_side(translation, sides->right_sql, &sides->right, fields);
    athena_emit_text(translation, joined ? ") AS \"_mr_set\"(" : " AS \"_mr_other\"(");
    emit_columns(translation, fields->count, "");
    athena_emit_text(translation, joined ? ")" : ") WHERE ");
    for (size_t i = 0; i < fields->count && !joined; i++) {
        athena_emit_text(translation, i > 0 ? " AND " : "");
        emit_key(translation, fields, i, "\"_mr_set\"");
        athena_emit_text(translation, " IS NOT DISTINCT FROM ");
        emit_key(translation, fields, i, "\"_mr_other\"");
    }
    athena_emit_text(translation, joined ? "" : ")");
}

static struct mr_slice text_of(struct athena_translation *translation,
                               const struct athena_node *body)
{
    struct athena_level *level = translation->level;
    struct mr_buf sql = {0}, *out = translation->out;
    translation->out = &sql;
    athena_emit_body(translation, body);
    translation->out = out;
    translation->level = level;
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&sql));
    mr_buf_fini(&sql);
    return copy;
}

void athena_emit_set(struct athena_translation *translation, const struct athena_node *set)
{
    struct sides sides = {.left_sql = text_of(translation, set->left)};
    sides.left = translation->fields;
    sides.right_sql = text_of(translation, set->right);
    sides.right = translation->fields;
    struct athena_fields fields = meet(translation, set, sides.left, sides.right);
    translation->fields = fields;
    if (athena_translate_failed(translation))
        return;
    if (put_beside(translation, &fields)) {
        const struct athena_groups groups = translation->groups;
        translation->groups = (struct athena_groups){0};
        emit_apart(translation, set, &sides, &fields);
        translation->groups = groups;
        return;
    }
    const struct mr_slice left = padded(translation, sides.left_sql, &sides.left, &fields),
                          right = padded(translation, sides.right_sql, &sides.right, &fields);
    mr_buf_printf(translation->out, "(%.*s) %.*s (%.*s)", MR_ARG(left), MR_ARG(set->text),
                  MR_ARG(right));
}
