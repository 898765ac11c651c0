/* Queries: SELECT, VALUES, sets, WITH, ORDER BY. */
#include "athena/functions.h"
#include "athena/translate.h"

/* ---- SELECT ---- */

static bool has_table(const struct athena_node *relation)
{
    if (relation == NULL || relation->kind == AST_TABLE)
        return relation != NULL;
    return (relation->kind == AST_ALIAS || relation->kind == AST_JOIN) &&
           (has_table(relation->left) || has_table(relation->right));
}

/* The type of the row whose fields `expression.*` selects; NULL: it is a table's name. */
static const struct athena_sqltype *star_row(struct athena_translation *translation,
                                             const struct athena_node *node)
{
    const struct athena_sqltype *type;
    if ((node->kind == AST_NAME || node->kind == AST_DOT) &&
        athena_names_has(translation, node->text))
        return NULL;
    if (node->kind == AST_NAME &&
        athena_names_find(translation, MR_S(""), node->text, &type) != ATHENA_FOUND)
        return NULL;
    type = athena_infer(translation, node);
    return type != NULL && type->kind == SQL_ROW ? type : NULL;
}

/* table.* AS (a, b): each column by itself. */
static void emit_renamed(struct athena_translation *translation, const struct athena_node *item)
{
    struct mr_slice table = item->left->left->text;
    const struct athena_fields fields = athena_fields_all(translation, table);
    const struct athena_node *name = item->items;
    if (fields.open)
        athena_translate_fail(translation, item->left, "NOT_SUPPORTED",
                              "names for columns that are not known are not supported");
    for (size_t i = 0; i < fields.count && name != NULL; i++, name = name->next) {
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation, table);
        athena_emit_text(translation, ".");
        athena_emit_name(translation, fields.list[i].name);
        athena_emit_alias(translation, name->text, NULL);
    }
}

static void emit_item(struct athena_translation *translation, const struct athena_node *item)
{
    const struct athena_resolver *resolver = translation->resolver;
    const struct athena_sqltype *row = item->left->kind == AST_STAR && item->left->left != NULL
                                           ? star_row(translation, item->left->left)
                                           : NULL;
    const struct athena_node *name = item->items;
    if (row != NULL) {
        for (size_t i = 0; i < row->count; i++) {
            athena_emit_text(translation, i > 0 ? ", struct_extract_at(" : "struct_extract_at(");
            athena_emit(translation, item->left->left);
            mr_buf_printf(translation->out, ", %zu)", i + 1);
            const bool named = row->names != NULL && row->names[i].len > 0;
            athena_emit_alias(translation,
                              name != NULL ? name->text
                              : named      ? row->names[i]
                                           : MR_S(ATHENA_UNNAMED),
                              NULL);
            name = name != NULL ? name->next : NULL;
        }
        return;
    }
    if (name != NULL) {
        emit_renamed(translation, item);
        return;
    }
    if (item->left->kind == AST_STAR) {
        const bool hides = resolver != NULL && resolver->hides != NULL &&
                           resolver->hides(resolver->ctx) && translation->select != NULL &&
                           has_table(translation->select->left);
        athena_emit_all(translation, item->left, hides);
        return;
    }
    athena_emit_kept(translation, item->left);
    if (item->name.len > 0)
        athena_emit_alias(translation, item->name, NULL);
    else if (item->left->kind == AST_DOT)
        athena_emit_alias(translation, item->left->text, NULL);
    else if (item->left->kind != AST_NAME)
        athena_emit_alias(translation, MR_S(ATHENA_UNNAMED), NULL);
}

static void emit_windows(struct athena_translation *translation, const struct athena_node *windows)
{
    for (const struct athena_node *window = windows; window != NULL; window = window->next) {
        athena_emit_text(translation, window == windows ? " WINDOW " : ", ");
        athena_emit_name(translation, window->name);
        athena_emit_text(translation, " AS ");
        athena_emit_window_body(translation, window);
    }
}

static void emit_clause(struct athena_translation *translation, const char *words,
                        const struct athena_node *node)
{
    if (node == NULL)
        return;
    athena_emit_text(translation, words);
    athena_emit_condition(translation, node);
}

/* ---- types of a SELECT ---- */

static void append_fields(struct athena_translation *translation, struct athena_fields *fields,
                          const struct athena_fields *more)
{
    struct athena_fields both = {.open = true};
    if (fields->count + more->count > ATHENA_FIELDS_MAX) {
        *fields = both;
        return;
    }
    both = athena_fields_make(translation, fields->count + more->count);
    if (fields->count > 0)
        memcpy(both.list, fields->list, fields->count * sizeof *both.list);
    if (more->count > 0)
        memcpy(both.list + fields->count, more->list, more->count * sizeof *both.list);
    both.open = fields->open || more->open;
    *fields = both;
}

static struct athena_fields star_fields(struct athena_translation *translation,
                                        const struct athena_node *star)
{
    const struct athena_node *of = star->left;
    struct athena_fields unknown = {.open = true};
    if (of == NULL) {
        if (translation->select != NULL && translation->select->left == NULL)
            athena_translate_fail(translation, star, "COLUMN_NOT_FOUND",
                                  "SELECT * not allowed from relation that has no columns");
        return athena_fields_all(translation, MR_S(""));
    }
    const struct athena_sqltype *row = star_row(translation, of);
    if (of->kind == AST_NAME && row == NULL && !athena_names_has(translation, of->text)) {
        athena_translate_fail(translation, of, "TABLE_NOT_FOUND", "Table '%.*s' not found",
                              MR_ARG(of->text));
        return unknown;
    }
    if (row == NULL && (of->kind == AST_NAME || of->kind == AST_DOT)) {
        const struct athena_fields fields = athena_fields_all(translation, of->text);
        if (fields.count == 0 && !fields.open)
            athena_translate_fail(translation, of, "COLUMN_NOT_FOUND",
                                  "SELECT * not allowed from relation that has no columns");
        return fields;
    }
    if (row == NULL)
        return unknown;
    struct athena_fields fields = athena_fields_make(translation, row->count);
    for (size_t i = 0; i < row->count; i++)
        fields.list[i] = (struct athena_field){
            .name = row->names != NULL ? row->names[i] : MR_S(""), .type = row->items[i]};
    return fields;
}

static void rename_fields(struct athena_translation *translation, const struct athena_node *item,
                          struct athena_fields *fields)
{
    const size_t names = athena_node_count(item->items);
    if (names == 0 || fields->open)
        return;
    if (names != fields->count) {
        athena_translate_fail(translation, item->left, "MISMATCHED_COLUMN_ALIASES",
                              "Column alias list has %zu entries but relation has %zu columns",
                              names, fields->count);
        return;
    }
    struct athena_fields renamed = athena_fields_make(translation, names);
    const struct athena_node *name = item->items;
    for (size_t i = 0; i < names; i++, name = name->next) {
        renamed.list[i] = fields->list[i];
        renamed.list[i].name = name->text;
    }
    *fields = renamed;
}

static struct athena_fields select_fields(struct athena_translation *translation,
                                          const struct athena_node *select)
{
    struct athena_fields fields = {0};
    for (const struct athena_node *item = select->items; item != NULL; item = item->next) {
        struct athena_fields more;
        if (item->left->kind == AST_STAR) {
            more = star_fields(translation, item->left);
            rename_fields(translation, item, &more);
        } else {
            more = athena_fields_make(translation, 1);
            more.list[0].type = athena_infer(translation, item->left);
            more.list[0].name = item->name.len > 0 ? item->name
                                : item->left->kind == AST_NAME || item->left->kind == AST_DOT
                                    ? item->left->text
                                    : MR_S("");
        }
        append_fields(translation, &fields, &more);
    }
    return fields;
}

static bool is_ordinal(struct athena_translation *translation, const struct athena_node *node,
                       const struct athena_fields *fields, const char *clause)
{
    int64_t position;
    if (node->kind != AST_INTEGER)
        return false;
    if (!fields->open && (mr_slice_to_i64(node->text, &position) != MR_OK || position < 1 ||
                          (uint64_t)position > fields->count))
        athena_translate_fail(translation, node, "INVALID_COLUMN_REFERENCE",
                              "%s position %.*s is not in select list", clause, MR_ARG(node->text));
    return true;
}

static void infer_groups(struct athena_translation *translation, const struct athena_node *list,
                         const struct athena_fields *fields)
{
    for (const struct athena_node *item = list; item != NULL; item = item->next) {
        if (item->kind == AST_GROUPING)
            infer_groups(translation, item->items, fields);
        else if (item->kind == AST_ROW)
            infer_groups(translation, item->items, fields);
        else if (!is_ordinal(translation, item, fields, "GROUP BY"))
            (void)athena_infer(translation, item);
    }
}

static void infer_where(struct athena_translation *translation, const struct athena_node *where,
                        const char *clause)
{
    const struct athena_sqltype *type = where == NULL ? NULL : athena_infer(translation, where);
    if (type != NULL && type->kind != SQL_BOOLEAN && type->kind != SQL_UNKNOWN)
        athena_translate_fail(translation, where, "TYPE_MISMATCH",
                              "%s clause must evaluate to a boolean: actual type %.*s", clause,
                              MR_ARG(athena_sqltype_text(translation->arena, type)));
}

const struct athena_node *athena_find_aggregate(const struct athena_node *node, bool windows)
{
    bool known;
    for (; node != NULL; node = node->next) {
        if (node->kind == AST_SUBQUERY || node->kind == AST_EXISTS)
            continue;
        if (node->kind == AST_CALL) {
            const struct athena_function *function =
                athena_function_find(node->text, athena_node_count(node->items), &known);
            if (function != NULL && (function->flags & ATHENA_AGGREGATE) != 0 &&
                (windows || node->right == NULL))
                return node;
        }
        const bool query = node->kind == AST_IN || node->kind == AST_QUANTIFIED;
        const struct athena_node *children[] = {node->items, node->left, query ? NULL : node->right,
                                                node->third};
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            const struct athena_node *found =
                children[i] == NULL ? NULL : athena_find_aggregate(children[i], windows);
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}

bool athena_select_aggregates(const struct athena_node *select)
{
    return select->groups != NULL || athena_find_aggregate(select->items, false) != NULL;
}

struct mr_slice athena_call_shown(struct mr_arena *arena, const struct athena_node *call)
{
    const struct athena_node *first = call->items;
    struct mr_slice argument = first == NULL             ? MR_S("")
                               : first->kind == AST_STAR ? MR_S("*")
                                                         : first->text;
    return mr_arena_printf(arena, "%.*s(%.*s)", MR_ARG(call->text), MR_ARG(argument));
}

static void refuse_aggregates(struct athena_translation *translation,
                              const struct athena_node *node, const char *clause)
{
    const struct athena_node *aggregate = athena_find_aggregate(node, true);
    if (aggregate == NULL)
        return;
    athena_translate_fail(translation, node, "EXPRESSION_NOT_SCALAR",
                          "%s cannot contain aggregations, window functions or grouping "
                          "operations: [%.*s]",
                          clause, MR_ARG(athena_call_shown(translation->arena, aggregate)));
}

static void infer_windows(struct athena_translation *translation, const struct athena_node *windows)
{
    for (const struct athena_node *window = windows; window != NULL; window = window->next) {
        for (const struct athena_node *item = window->items; item != NULL; item = item->next)
            (void)athena_infer(translation, item);
        for (const struct athena_node *sort = window->order; sort != NULL; sort = sort->next)
            (void)athena_infer(translation, sort->left);
    }
}

/* What a star of the select list stands for, column by column: as the select list has them, or by
 * their instants. */
static void emit_star(struct athena_translation *translation, const struct athena_node *star,
                      bool listed)
{
    const struct athena_fields fields = star_fields(translation, star);
    for (size_t i = 0; i < fields.count; i++) {
        const struct athena_node column = {.kind = star->left == NULL ? AST_NAME : AST_DOT,
                                           .inferred = true,
                                           .type = fields.list[i].type,
                                           .text = fields.list[i].name,
                                           .left = star->left};
        const struct athena_sqltype *type;
        const struct mr_slice alias = star->left == NULL ? MR_S("") : star->left->text;
        athena_emit_text(translation, i > 0 ? ", " : "");
        if (athena_names_find(translation, alias, column.text, &type) != ATHENA_FOUND)
            athena_translate_fail(translation, star, "NOT_SUPPORTED",
                                  "* of groups or DISTINCT rows with time zones of their own is "
                                  "not supported of columns whose names are not unique");
        if (listed) {
            athena_emit_kept(translation, &column);
            athena_emit_alias(translation, column.text, NULL);
        } else {
            athena_emit(translation, &column);
        }
    }
}

static bool any_beside(const struct athena_fields *fields)
{
    bool beside = false;
    for (size_t i = 0; i < fields->count && !fields->open; i++)
        beside = beside || athena_zone_beside(fields->list[i].type);
    return beside;
}

/* Moments are distinct by their instants: ON what, where there are such beside their zones. */
static void emit_distinct(struct athena_translation *translation, const struct athena_node *select,
                          const struct athena_fields *fields)
{
    const bool beside = any_beside(fields);
    athena_emit_text(translation, beside ? "ON (" : "");
    for (const struct athena_node *item = select->items; item != NULL && beside;
         item = item->next) {
        if (item->left->kind == AST_STAR) {
            emit_star(translation, item->left, false);
        } else {
            athena_emit(translation, item->left);
        }
        athena_emit_text(translation, item->next != NULL ? ", " : ") ");
    }
}

/* FROM is written first, apart, so that the tables are known when the select list is. Leaves the
 * level of its relations, for ORDER BY. */
static void emit_select(struct athena_translation *translation, const struct athena_node *select)
{
    const struct athena_node *outer = translation->select;
    const struct athena_groups groups = translation->groups;
    struct mr_buf from = {0}, *out = translation->out;
    struct athena_fields fields = {0};
    translation->select = select;
    translation->groups = (struct athena_groups){0};
    athena_level_push(translation);
    if (select->left != NULL) {
        translation->out = &from;
        athena_emit_relation(translation, select->left, true);
        translation->out = out;
    }
    infer_where(translation, select->right, "WHERE");
    refuse_aggregates(translation, select->right, "WHERE clause");
    fields = select_fields(translation, select);
    infer_groups(translation, select->groups, &fields);
    infer_where(translation, select->third, "HAVING");
    infer_windows(translation, select->windows);
    athena_groups_enter(translation, select);
    athena_emit_text(translation, select->flags & AST_DISTINCT ? "SELECT DISTINCT " : "SELECT ");
    if ((select->flags & AST_DISTINCT) != 0)
        emit_distinct(translation, select, &fields);
    for (const struct athena_node *item = select->items; item != NULL; item = item->next) {
        if (item->left->kind == AST_STAR && item->items == NULL && translation->groups.inside &&
            any_beside(&fields))
            emit_star(translation, item->left, true);
        else
            emit_item(translation, item);
        if (item->next != NULL)
            athena_emit_text(translation, ", ");
    }
    if (select->left != NULL) {
        athena_emit_text(translation, " FROM ");
        mr_buf_append(out, mr_buf_slice(&from));
    }
    mr_buf_fini(&from);
    translation->groups.inside = false;
    emit_clause(translation, " WHERE ", select->right);
    if (select->groups != NULL) {
        athena_emit_text(translation, " GROUP BY ");
        athena_emit_groups(translation, select);
    }
    translation->groups.inside = select->groups != NULL;
    emit_clause(translation, " HAVING ", select->third);
    emit_windows(translation, select->windows);
    translation->groups = groups;
    translation->select = outer;
    translation->fields = fields;
}

/* ---- VALUES and sets ---- */

static struct athena_fields values_fields(struct athena_translation *translation,
                                          const struct athena_node *values)
{
    const size_t columns = athena_node_count(values->items->items);
    struct athena_fields fields = athena_fields_make(translation, columns);
    for (const struct athena_node *row = values->items; row != NULL; row = row->next) {
        const struct athena_node *item = row->items;
        if (athena_node_count(item) != columns) {
            athena_translate_fail(translation, values, "TYPE_MISMATCH",
                                  "Values rows have mismatched sizes: %zu vs %zu", columns,
                                  athena_node_count(item));
            return fields;
        }
        for (size_t i = 0; i < columns; i++, item = item->next) {
            const struct athena_sqltype *type = athena_infer(translation, item);
            const struct athena_sqltype *before = fields.list[i].type, *both = NULL;
            if (row == values->items)
                both = type;
            else if (type != NULL && before != NULL)
                both = athena_sqltype_common(translation->arena, before, type);
            if (both == NULL && type != NULL && before != NULL) {
                athena_translate_fail(translation, values, "TYPE_MISMATCH",
                                      "Values rows have mismatched types: %.*s vs %.*s",
                                      MR_ARG(athena_sqltype_text(translation->arena, before)),
                                      MR_ARG(athena_sqltype_text(translation->arena, type)));
                return fields;
            }
            fields.list[i].type =
                athena_zone_differs(both) ? athena_zone_besides(translation, both) : both;
        }
    }
    return fields;
}

static void emit_values(struct athena_translation *translation, const struct athena_node *values)
{
    const size_t columns = athena_node_count(values->items->items);
    const struct athena_fields fields = values_fields(translation, values);
    athena_emit_text(translation, "SELECT * FROM (VALUES ");
    for (const struct athena_node *row = values->items; row != NULL; row = row->next) {
        const struct athena_node *item = row->items;
        athena_emit_text(translation, "(");
        for (size_t i = 0; item != NULL && i < columns; item = item->next, i++) {
            const struct athena_sqltype *type = fields.list[i].type;
            if (type != NULL && item->type != NULL && item->type->kind == SQL_INTEGER &&
                type->kind == SQL_INTEGER)
                type = NULL;
            if (athena_zone_beside(type))
                athena_emit_pair(translation, item);
            else if (athena_sqltype_known(type) && !athena_sqltype_equal(type, item->type) &&
                     type->kind != SQL_UNKNOWN && type->count == 0)
                athena_emit_coerced(translation, item, type);
            else
                athena_emit(translation, item);
            if (item->next != NULL)
                athena_emit_text(translation, ", ");
        }
        athena_emit_text(translation, row->next != NULL ? "), " : ")");
    }
    athena_emit_text(translation, ") AS \"_mr_values\"(");
    for (size_t i = 0; i < columns; i++)
        mr_buf_printf(translation->out, "%s\"" ATHENA_UNNAMED "%zu\"", i > 0 ? ", " : "", i);
    athena_emit_text(translation, ")");
    translation->fields = fields;
}

void athena_emit_body(struct athena_translation *translation, const struct athena_node *body)
{
    if (athena_translate_failed(translation))
        return;
    if (body->kind == AST_SELECT) {
        emit_select(translation, body);
    } else if (body->kind == AST_VALUES) {
        emit_values(translation, body);
    } else if (body->kind == AST_QUERY) {
        athena_emit_text(translation, "(");
        athena_emit_query(translation, body);
        athena_emit_text(translation, ")");
    } else {
        athena_emit_set(translation, body);
    }
}

/* ---- WITH, ORDER BY ---- */

static void refuse_again(struct athena_translation *translation, const struct athena_node *first,
                         const struct athena_node *with)
{
    while (first != with && !mr_slice_equal_nocase(first->name, with->name))
        first = first->next;
    if (first != with)
        athena_translate_fail(translation, with, "DUPLICATE_NAMED_QUERY",
                              "WITH query name '%.*s' specified more than once",
                              MR_ARG(with->name));
}

// NOLINTNEXTLINE(misc-no-recursion)
static bool mentions(const struct athena_node *node, struct mr_slice name)
{
    for (; node != NULL; node = node->next) {
        if ((node->kind == AST_TABLE && node->items->next == NULL &&
             mr_slice_equal_nocase(node->items->text, name)) ||
            mentions(node->left, name) || mentions(node->right, name) ||
            mentions(node->third, name) || mentions(node->items, name) ||
            mentions(node->order, name) || mentions(node->groups, name) ||
            mentions(node->windows, name))
            return true;
    }
    return false;
}

/* Of a WITH query that recurs: what it begins with and its step. */
static const struct athena_node *recursion(const struct athena_node *with)
{
    const struct athena_node *query = with->left, *set = query->left;
    const bool plain = query->items == NULL && query->order == NULL && query->right == NULL &&
                       query->third == NULL && set->kind == AST_SET && with->items != NULL &&
                       mr_slice_equal(set->text, MR_S("UNION ALL"));
    return plain && mentions(set->right, with->name) ? set : NULL;
}

/* Rows carry how many steps led to them: Athena allows ten. */
static void emit_recursion(struct athena_translation *translation, struct athena_scope *scope,
                           const struct athena_node *with, const struct athena_node *set)
{
    struct athena_level *level = translation->level;
    athena_emit_text(translation, "SELECT *, 0 FROM (");
    athena_emit_body(translation, set->left);
    const struct athena_fields left = translation->fields;
    translation->level = level;
    scope->fields = left; /* what it begins with settles the types */
    (void)athena_fields_rename(translation, &scope->fields, with->items);
    athena_emit_text(translation,
                     ") UNION ALL SELECT mr_step.*, CASE WHEN mr_now.d >= 10 THEN "
                     "mr_error('NOT_SUPPORTED: Recursion depth limit exceeded (10). Use "
                     "''max_recursion_depth'' session property to modify the limit.') ELSE "
                     "mr_now.d + 1 END FROM (");
    athena_emit_body(translation, set->right);
    translation->level = level;
    athena_emit_text(translation, ") AS mr_step, (SELECT max(mr_depth) AS d FROM ");
    athena_emit_name(translation, with->name);
    athena_emit_text(translation, ") AS mr_now");
    translation->fields = athena_set_fields(translation, set, left, translation->fields);
}

static void emit_with(struct athena_translation *translation, const struct athena_node *query)
{
    const bool recursive = (query->flags & AST_RECURSIVE) != 0;
    athena_emit_text(translation, recursive ? "WITH RECURSIVE " : "WITH ");
    for (const struct athena_node *with = query->items; with != NULL; with = with->next) {
        refuse_again(translation, query->items, with);
        struct athena_scope *scope = MR_NEW(translation->arena, struct athena_scope);
        *scope = (struct athena_scope){
            .outer = translation->scope, .name = with->name, .fields = {.open = true}};
        (void)athena_fields_rename(translation, &scope->fields, with->items);
        if (recursive)
            translation->scope = scope;
        athena_emit_name(translation, with->name);
        const struct athena_node *steps = recursive ? recursion(with) : NULL;
        if (with->items != NULL) {
            athena_emit_text(translation, "(");
            athena_emit_list(translation, with->items);
            athena_emit_text(translation, steps != NULL ? ", mr_depth)" : ")");
        }
        athena_emit_text(translation, " AS (");
        if (steps != NULL) {
            scope->columns = with->items;
            emit_recursion(translation, scope, with, steps);
        } else {
            athena_emit_query(translation, with->left);
        }
        athena_emit_text(translation, with->next != NULL ? "), " : ") ");
        scope->fields = translation->fields;
        if (!athena_fields_rename(translation, &scope->fields, with->items))
            athena_translate_fail(translation, with, "MISMATCHED_COLUMN_ALIASES",
                                  "WITH column alias list has %zu entries but WITH query(%.*s) has "
                                  "%zu columns",
                                  athena_node_count(with->items), MR_ARG(with->name),
                                  scope->fields.count);
        translation->scope = scope;
    }
}

static bool has_field(const struct athena_fields *fields, struct mr_slice name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (mr_slice_equal_nocase(fields->list[i].name, name))
            return true;
    }
    return fields->open;
}

/* The type of what a query is sorted by, which may be a column's number. */
static const struct athena_sqltype *sort_type(struct athena_translation *translation,
                                              const struct athena_node *node,
                                              const struct athena_fields *fields)
{
    int64_t position = 0;
    if (!is_ordinal(translation, node, fields, "ORDER BY"))
        return athena_infer(translation, node);
    return mr_slice_to_i64(node->text, &position) == MR_OK && position >= 1 &&
                   (uint64_t)position <= fields->count
               ? fields->list[position - 1].type
               : NULL;
}

/* Whether DISTINCT leaves rows that can be put in this order. */
static bool in_distinct(const struct athena_node *select, const struct athena_node *sort,
                        const struct athena_fields *fields)
{
    if (sort->kind == AST_NAME && has_field(fields, sort->text))
        return true;
    if (sort->kind == AST_INTEGER || sort->kind == AST_PARAMETER || sort->kind == AST_DOT)
        return true;
    const struct athena_node *item = select->items;
    while (item != NULL && !athena_node_alike(item->left, sort))
        item = item->next;
    return item != NULL;
}

/* Names mean columns of the result first, then those of the relations. */
static void infer_order(struct athena_translation *translation, const struct athena_node *query)
{
    struct athena_fields fields = translation->fields;
    struct athena_level *level = translation->level;
    athena_level_push(translation);
    athena_level_add(translation, MR_S(""), fields);
    for (const struct athena_node *sort = query->order; sort != NULL; sort = sort->next) {
        athena_infer_sort(translation, query->left, sort->left,
                          sort_type(translation, sort->left, &fields));
        if (query->left->kind == AST_SELECT && (query->left->flags & AST_DISTINCT) != 0 &&
            !in_distinct(query->left, sort->left, &fields))
            athena_translate_fail(translation, query->left, "EXPRESSION_NOT_IN_DISTINCT",
                                  "For SELECT DISTINCT, ORDER BY expressions must appear in select "
                                  "list");
    }
    translation->level = level;
    translation->fields = fields;
}

/* ---- WITH TIES ---- */

/* The column of the result that an ORDER BY means; SIZE_MAX: none, the error is set. */
static size_t tied_column(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_fields *fields = &translation->fields;
    size_t found = SIZE_MAX;
    int64_t position;
    if (node->kind == AST_INTEGER && mr_slice_to_i64(node->text, &position) == MR_OK)
        found = (size_t)position - 1;
    for (size_t i = 0; node->kind == AST_NAME && i < fields->count && found == SIZE_MAX; i++) {
        if (mr_slice_equal_nocase(fields->list[i].name, node->text))
            found = i;
    }
    if (found < fields->count && !fields->open)
        return found;
    athena_translate_fail(translation, node, "NOT_SUPPORTED",
                          "FETCH FIRST WITH TIES is ordered by columns of the result only");
    return SIZE_MAX;
}

static void emit_tied_order(struct athena_translation *translation, const struct athena_node *order)
{
    for (const struct athena_node *sort = order; sort != NULL; sort = sort->next) {
        const size_t column = tied_column(translation, sort->left);
        const bool beside =
            column != SIZE_MAX && athena_zone_beside(translation->fields.list[column].type);
        mr_buf_printf(translation->out,
                      beside ? "%sstruct_extract(_mr_%zu, 't')%s NULLS %s" : "%s_mr_%zu%s NULLS %s",
                      sort != order ? ", " : "", column, sort->flags & AST_DESC ? " DESC" : " ASC",
                      sort->flags & AST_NULLS_FIRST ? "FIRST" : "LAST");
    }
}

/* Rows up to the last one of the limit, and those that are equal to it in order. */
static void emit_ties(struct athena_translation *translation, const struct athena_node *query)
{
    struct mr_buf body = {0}, *out = translation->out;
    if (query->order == NULL) {
        athena_translate_fail(translation, query, "MISSING_ORDER_BY",
                              "FETCH FIRST WITH TIES clause requires ORDER BY");
        return;
    }
    translation->out = &body;
    athena_emit_body(translation, query->left);
    infer_order(translation, query);
    translation->out = out;
    const struct athena_fields fields = translation->fields;
    athena_emit_text(translation, "SELECT ");
    for (size_t i = 0; i < fields.count; i++) {
        mr_buf_printf(out, "%s_mr_%zu", i > 0 ? ", " : "", i);
        athena_emit_alias(translation,
                          fields.list[i].name.len > 0 ? fields.list[i].name : MR_S(ATHENA_UNNAMED),
                          NULL);
    }
    mr_buf_printf(out, " FROM (SELECT *, rank() OVER (ORDER BY ");
    emit_tied_order(translation, query->order);
    mr_buf_printf(out, ") AS _mr_rank, row_number() OVER (ORDER BY ");
    emit_tied_order(translation, query->order);
    mr_buf_printf(out, ") AS _mr_row FROM (%.*s) AS _mr_ties(", MR_ARG(mr_buf_slice(&body)));
    for (size_t i = 0; i < fields.count; i++)
        mr_buf_printf(out, "%s_mr_%zu", i > 0 ? ", " : "", i);
    athena_emit_text(translation, ")) AS _mr_ranked WHERE _mr_rank <= ");
    athena_emit(translation, query->right);
    emit_clause(translation, " + ", query->third);
    emit_clause(translation, " AND _mr_row > ", query->third);
    athena_emit_text(translation, " ORDER BY _mr_row");
    mr_buf_fini(&body);
}

static bool has_expression(const struct athena_node *order)
{
    while (order != NULL && (order->left->kind == AST_NAME || order->left->kind == AST_INTEGER))
        order = order->next;
    return order != NULL;
}

/* Within the SELECT that it orders, if it is one. */
static void emit_order(struct athena_translation *translation, const struct athena_node *query)
{
    const struct athena_groups groups = translation->groups;
    const struct athena_node *outer = translation->select;
    if (query->left->kind == AST_SELECT) {
        translation->select = query->left;
        athena_groups_enter(translation, query->left);
    }
    athena_emit_order(translation, query->order);
    translation->select = outer;
    translation->groups = groups;
}

static void emit_ordered(struct athena_translation *translation, const struct athena_node *query)
{
    struct athena_level *level = translation->level;
    /* DuckDB orders a set by its columns alone. */
    const bool inside = query->left->kind == AST_SET && has_expression(query->order);
    athena_emit_text(translation, inside ? "SELECT * FROM (" : "");
    athena_emit_body(translation, query->left);
    athena_emit_text(translation, inside ? ")" : "");
    if (query->order != NULL) {
        infer_order(translation, query);
        athena_order_open(query);
        athena_emit_text(translation, " ORDER BY ");
        emit_order(translation, query);
    }
    translation->level = level;
    emit_clause(translation, " LIMIT ", query->right);
    emit_clause(translation, " OFFSET ", query->third);
}

void athena_emit_query(struct athena_translation *translation, const struct athena_node *query)
{
    struct athena_scope *outer = translation->scope;
    struct athena_level *level = translation->level;
    if (athena_translate_failed(translation))
        return;
    if (query->items != NULL)
        emit_with(translation, query);
    if ((query->flags & AST_WITH_TIES) != 0)
        emit_ties(translation, query);
    else
        emit_ordered(translation, query);
    translation->level = level;
    translation->scope = outer;
}

bool athena_translate_query(struct athena_translation *translation, const struct athena_node *query)
{
    struct mr_buf body = {0}, *out = translation->out;
    translation->out = &body;
    athena_emit_query(translation, query);
    translation->out = out;
    athena_emit_instants(translation, mr_buf_slice(&body));
    mr_buf_fini(&body);
    return !athena_translate_failed(translation);
}

/* ---- the result ---- */
