/* Queries: scopes of WITH, FROM, SELECT. */
#include "athena/functions.h"
#include "athena/translate.h"

struct athena_scope {
    struct athena_scope *outer;
    struct mr_slice name; /* of a WITH query */
};

static bool in_scope(const struct athena_translation *translation, struct mr_slice name)
{
    for (const struct athena_scope *scope = translation->scope; scope != NULL;
         scope = scope->outer) {
        if (mr_slice_equal_nocase(scope->name, name))
            return true;
    }
    return false;
}

/* ---- windows ---- */

static void emit_bound(struct athena_translation *translation, const struct athena_node *bound)
{
    if (bound->left != NULL) {
        athena_emit(translation, bound->left);
        athena_emit_text(translation, " ");
    }
    mr_buf_append(translation->out, bound->text);
}

static void emit_window_body(struct athena_translation *translation,
                             const struct athena_node *window)
{
    athena_emit_text(translation, "(");
    if (window->items != NULL) {
        athena_emit_text(translation, "PARTITION BY ");
        athena_emit_list(translation, window->items);
    }
    if (window->order != NULL) {
        athena_emit_text(translation, " ORDER BY ");
        athena_emit_order(translation, window->order);
    }
    if (window->text.len > 0) {
        mr_buf_printf(translation->out, " %.*s ", MR_ARG(window->text));
        if (window->right != NULL)
            athena_emit_text(translation, "BETWEEN ");
        emit_bound(translation, window->left);
        if (window->right != NULL) {
            athena_emit_text(translation, " AND ");
            emit_bound(translation, window->right);
        }
    }
    athena_emit_text(translation, ")");
}

void athena_emit_window(struct athena_translation *translation, const struct athena_node *window)
{
    if (window->name.len > 0)
        athena_emit_name(translation, window->name);
    else
        emit_window_body(translation, window);
}

/* ---- relations ---- */

static void emit_relation(struct athena_translation *translation,
                          const struct athena_node *relation, bool only);

static void emit_alias(struct athena_translation *translation, struct mr_slice name,
                       const struct athena_node *columns)
{
    athena_emit_text(translation, " AS ");
    athena_emit_name(translation, name);
    if (columns != NULL) {
        athena_emit_text(translation, "(");
        athena_emit_list(translation, columns);
        athena_emit_text(translation, ")");
    }
}

static void emit_table(struct athena_translation *translation, const struct athena_node *table,
                       const struct athena_node *alias, bool only)
{
    const struct athena_node *last = table->items;
    while (last->next != NULL)
        last = last->next;
    struct mr_slice name = alias != NULL ? alias->name : last->text;
    if (table->items->next == NULL && in_scope(translation, last->text)) {
        athena_emit_name(translation, last->text);
    } else {
        const struct athena_table_use use = {
            .table = table,
            .alias = name,
            /* renamed columns are not the table's any more */
            .where = translation->select == NULL || (alias != NULL && alias->items != NULL)
                         ? NULL
                         : translation->select->right,
            .only = only};
        if (!translation->resolver->table(translation->resolver->ctx, translation, &use,
                                          translation->out))
            return;
    }
    emit_alias(translation, name, alias == NULL ? NULL : alias->items);
}

static struct mr_slice type_of(struct athena_translation *translation,
                               const struct athena_node *node)
{
    bool known;
    if (node->kind == AST_CALL) {
        const struct athena_function *function =
            athena_function_find(node->text, athena_node_count(node->items), &known);
        return function != NULL && (function->flags & ATHENA_MAP) != 0 ? MR_S("map<") : MR_S("");
    }
    if (node->kind != AST_NAME && node->kind != AST_DOT)
        return MR_S("");
    return translation->resolver->column_type(translation->resolver->ctx, node->text);
}

/* A map gives two columns, an array of rows one a field, another array one. */
static void emit_unnest_item(struct athena_translation *translation, const struct athena_node *item,
                             bool spread)
{
    struct mr_slice type = type_of(translation, item);
    const bool is_map = mr_slice_starts_with(type, MR_S("map<"));
    spread = spread || is_map || mr_slice_starts_with(type, MR_S("array<struct<"));
    athena_emit_text(translation, is_map ? "unnest(map_entries(" : "unnest(");
    athena_emit(translation, item);
    athena_emit_text(translation, is_map ? ")" : "");
    athena_emit_text(translation, spread ? ", max_depth := 2)" : ")");
}

static void emit_unnest(struct athena_translation *translation, const struct athena_node *unnest,
                        const struct athena_node *alias)
{
    const size_t arguments = athena_node_count(unnest->items);
    const bool ordinality = (unnest->flags & AST_ORDINALITY) != 0;
    const size_t columns = alias == NULL ? 0 : athena_node_count(alias->items);
    const bool spread = arguments == 1 && columns > arguments + ordinality;
    athena_emit_text(translation, "LATERAL (SELECT ");
    for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
        emit_unnest_item(translation, item, spread);
        if (item->next != NULL || ordinality)
            athena_emit_text(translation, ", ");
    }
    if (ordinality) {
        athena_emit_text(translation, "unnest(generate_series(1, greatest(");
        for (const struct athena_node *item = unnest->items; item != NULL; item = item->next) {
            athena_emit_text(translation, "mr_cardinality(");
            athena_emit(translation, item);
            athena_emit_text(translation, item->next != NULL ? "), " : ")");
        }
        athena_emit_text(translation, ")))");
    }
    athena_emit_text(translation, ")");
    emit_alias(translation, alias == NULL ? MR_S("_mr_unnest") : alias->name,
               alias == NULL ? NULL : alias->items);
}

static void emit_aliased(struct athena_translation *translation, const struct athena_node *relation,
                         const struct athena_node *alias, bool only)
{
    static const struct mr_slice unnamed = MR_S_INIT("_mr_query");
    if (relation->kind == AST_TABLE) {
        emit_table(translation, relation, alias, only);
    } else if (relation->kind == AST_UNNEST) {
        emit_unnest(translation, relation, alias);
    } else if (relation->kind == AST_SUBQUERY || relation->kind == AST_LATERAL) {
        athena_emit_text(translation, relation->kind == AST_LATERAL ? "LATERAL (" : "(");
        athena_emit_query(translation, relation->left);
        athena_emit_text(translation, ")");
        if (alias != NULL)
            emit_alias(translation, alias->name, alias->items);
        else
            emit_alias(translation, unnamed, NULL);
    } else {
        /* a join in parentheses with a name: its columns lose their tables */
        athena_emit_text(translation, "(SELECT * FROM ");
        emit_relation(translation, relation, false);
        athena_emit_text(translation, ")");
        emit_alias(translation, alias->name, alias->items);
    }
}

static void emit_join(struct athena_translation *translation, const struct athena_node *join)
{
    athena_emit_text(translation, "(");
    emit_relation(translation, join->left, false);
    mr_buf_printf(translation->out, " %.*s ", MR_ARG(join->text));
    emit_relation(translation, join->right, false);
    if (join->items != NULL) {
        athena_emit_text(translation, " USING (");
        athena_emit_list(translation, join->items);
        athena_emit_text(translation, ")");
    } else if (join->third != NULL) {
        athena_emit_text(translation, " ON ");
        athena_emit(translation, join->third);
    }
    athena_emit_text(translation, ")");
}

static void emit_relation(struct athena_translation *translation,
                          const struct athena_node *relation, bool only)
{
    if (athena_translate_failed(translation))
        return;
    if (relation->kind == AST_JOIN)
        emit_join(translation, relation);
    else if (relation->kind == AST_ALIAS)
        emit_aliased(translation, relation->left, relation, only);
    else
        emit_aliased(translation, relation, NULL, only);
}

/* ---- SELECT ---- */

static bool has_table(const struct athena_node *relation)
{
    if (relation == NULL || relation->kind == AST_TABLE)
        return relation != NULL;
    return (relation->kind == AST_ALIAS || relation->kind == AST_JOIN) &&
           (has_table(relation->left) || has_table(relation->right));
}

static void emit_item(struct athena_translation *translation, const struct athena_node *item)
{
    const struct athena_resolver *resolver = translation->resolver;
    athena_emit(translation, item->left);
    if (item->left->kind == AST_STAR) {
        if (resolver != NULL && resolver->hides != NULL && resolver->hides(resolver->ctx) &&
            translation->select != NULL && has_table(translation->select->left))
            athena_emit_text(translation, " NOT LIKE '$%'");
        return;
    }
    if (item->name.len > 0)
        emit_alias(translation, item->name, NULL);
    else if (item->left->kind == AST_DOT)
        emit_alias(translation, item->left->text, NULL);
    else if (item->left->kind != AST_NAME)
        emit_alias(translation, MR_S(ATHENA_UNNAMED), NULL);
}

static void emit_grouping(struct athena_translation *translation, const struct athena_node *list)
{
    for (const struct athena_node *item = list; item != NULL; item = item->next) {
        if (item != list)
            athena_emit_text(translation, ", ");
        if (item->kind == AST_GROUPING) {
            mr_buf_printf(translation->out, "%.*s (", MR_ARG(item->text));
            emit_grouping(translation, item->items);
            athena_emit_text(translation, ")");
        } else if (item->kind == AST_ROW) { /* (a, b) is one grouping set of two */
            athena_emit_text(translation, "(");
            athena_emit_list(translation, item->items);
            athena_emit_text(translation, ")");
        } else {
            athena_emit(translation, item);
        }
    }
}

static void emit_windows(struct athena_translation *translation, const struct athena_node *windows)
{
    for (const struct athena_node *window = windows; window != NULL; window = window->next) {
        athena_emit_text(translation, window == windows ? " WINDOW " : ", ");
        athena_emit_name(translation, window->name);
        athena_emit_text(translation, " AS ");
        emit_window_body(translation, window);
    }
}

static void emit_clause(struct athena_translation *translation, const char *words,
                        const struct athena_node *node)
{
    if (node == NULL)
        return;
    athena_emit_text(translation, words);
    athena_emit(translation, node);
}

/* FROM is written first, apart, so that the tables are known when the select list is. */
static void emit_select(struct athena_translation *translation, const struct athena_node *select)
{
    const struct athena_node *outer = translation->select;
    struct mr_buf from = {0}, *out = translation->out;
    translation->select = select;
    if (select->left != NULL) {
        translation->out = &from;
        emit_relation(translation, select->left, true);
        translation->out = out;
    }
    athena_emit_text(translation, select->flags & AST_DISTINCT ? "SELECT DISTINCT " : "SELECT ");
    for (const struct athena_node *item = select->items; item != NULL; item = item->next) {
        emit_item(translation, item);
        if (item->next != NULL)
            athena_emit_text(translation, ", ");
    }
    if (select->left != NULL) {
        athena_emit_text(translation, " FROM ");
        mr_buf_append(out, mr_buf_slice(&from));
    }
    mr_buf_fini(&from);
    emit_clause(translation, " WHERE ", select->right);
    if (select->groups != NULL) {
        athena_emit_text(translation, " GROUP BY ");
        emit_grouping(translation, select->groups);
    }
    emit_clause(translation, " HAVING ", select->third);
    emit_windows(translation, select->windows);
    translation->select = outer;
}

static void emit_values(struct athena_translation *translation, const struct athena_node *values)
{
    const size_t columns = athena_node_count(values->items->items);
    athena_emit_text(translation, "SELECT * FROM (VALUES ");
    for (const struct athena_node *row = values->items; row != NULL; row = row->next) {
        athena_emit_text(translation, "(");
        athena_emit_list(translation, row->items);
        athena_emit_text(translation, row->next != NULL ? "), " : ")");
    }
    athena_emit_text(translation, ") AS \"_mr_values\"(");
    for (size_t i = 0; i < columns; i++)
        mr_buf_printf(translation->out, "%s\"" ATHENA_UNNAMED "%zu\"", i > 0 ? ", " : "", i);
    athena_emit_text(translation, ")");
}

static void emit_body(struct athena_translation *translation, const struct athena_node *body)
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
        athena_emit_text(translation, "(");
        emit_body(translation, body->left);
        mr_buf_printf(translation->out, ") %.*s (", MR_ARG(body->text));
        emit_body(translation, body->right);
        athena_emit_text(translation, ")");
    }
}

static void emit_with(struct athena_translation *translation, const struct athena_node *query)
{
    const bool recursive = (query->flags & AST_RECURSIVE) != 0;
    athena_emit_text(translation, recursive ? "WITH RECURSIVE " : "WITH ");
    for (const struct athena_node *with = query->items; with != NULL; with = with->next) {
        struct athena_scope *scope = MR_NEW(translation->arena, struct athena_scope);
        *scope = (struct athena_scope){.outer = translation->scope, .name = with->name};
        if (recursive)
            translation->scope = scope;
        athena_emit_name(translation, with->name);
        if (with->items != NULL) {
            athena_emit_text(translation, "(");
            athena_emit_list(translation, with->items);
            athena_emit_text(translation, ")");
        }
        athena_emit_text(translation, " AS (");
        athena_emit_query(translation, with->left);
        athena_emit_text(translation, with->next != NULL ? "), " : ") ");
        translation->scope = scope;
    }
}

void athena_emit_query(struct athena_translation *translation, const struct athena_node *query)
{
    struct athena_scope *outer = translation->scope;
    if (athena_translate_failed(translation))
        return;
    if (query->items != NULL)
        emit_with(translation, query);
    emit_body(translation, query->left);
    if (query->order != NULL) {
        athena_emit_text(translation, " ORDER BY ");
        athena_emit_order(translation, query->order);
    }
    emit_clause(translation, " LIMIT ", query->right);
    emit_clause(translation, " OFFSET ", query->third);
    translation->scope = outer;
}

bool athena_translate_query(struct athena_translation *translation, const struct athena_node *query)
{
    athena_emit_query(translation, query);
    return !athena_translate_failed(translation);
}
