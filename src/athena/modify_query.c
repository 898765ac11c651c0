/* DELETE, UPDATE and MERGE as a query over the table and what changes it. Its columns: the row's
 * file, its number there, what happens to it (enum athena_change_kind, 0: nothing), then, unless
 * all is deleted, the table's columns as they will be. */
#include "athena/modify.h"
#include "athena/parse.h"
#include "athena/source_iceberg.h"

struct building {
    struct athena_write *write;
    const struct athena_statement *statement;
    struct mr_slice alias; /* of the table in the query */
};

static struct athena_node *make(struct building *b, enum athena_kind kind)
{
    struct athena_node *node = MR_NEW(b->write->arena, struct athena_node);
    *node = (struct athena_node){
        .kind = kind, .line = b->statement->target->line, .column = b->statement->target->column};
    return node;
}

/* A column of the table. */
static struct athena_node *own(struct building *b, struct mr_slice name)
{
    struct athena_node *node = make(b, AST_DOT);
    node->left = make(b, AST_NAME);
    node->left->text = b->alias;
    node->left->flags = AST_QUOTED;
    node->text = name;
    return node;
}

static struct athena_node *integer(struct building *b, int number)
{
    struct athena_node *node = make(b, AST_INTEGER);
    node->text = mr_arena_printf(b->write->arena, "%d", number);
    return node;
}

static void add_item(struct building *b, struct athena_list *list, struct athena_node *value)
{
    struct athena_node *item = make(b, AST_ITEM);
    item->left = value;
    athena_list_add(list, item);
}

static size_t count_pairs(const struct athena_pair *list)
{
    size_t count = 0;
    for (; list != NULL; list = list->next)
        count++;
    return count;
}

/* The value that a change gives to the column: NULL: none. */
static struct athena_node *value_of(const struct athena_change *change, struct mr_slice name,
                                    size_t at)
{
    struct athena_node *value = change->values;
    if (change->columns == NULL) {
        for (; at > 0 && value != NULL; at--)
            value = value->next;
        return value;
    }
    for (const struct athena_pair *pair = change->columns; pair != NULL && value != NULL;
         pair = pair->next, value = value->next)
        if (mr_slice_equal_nocase(pair->name, name))
            return value;
    return NULL;
}

/* Values stand alone in the query: lists go through `next`. */
static struct athena_node *alone(struct building *b, const struct athena_node *value)
{
    struct athena_node *copy = MR_NEW(b->write->arena, struct athena_node);
    *copy = *value;
    copy->next = NULL;
    return copy;
}

static struct athena_node *changed_value(struct building *b, const struct athena_change *change,
                                         struct mr_slice name, size_t at)
{
    const struct athena_node *value = value_of(change, name, at);
    if (value != NULL)
        return alone(b, value);
    return change->kind == ATHENA_CHANGE_UPDATE ? own(b, name) : make(b, AST_NULL);
}

/* When a case of MERGE applies, those before it left aside. */
static struct athena_node *when(struct building *b, const struct athena_change *change)
{
    struct athena_node *matched = make(b, AST_IS_NULL);
    matched->left = own(b, MR_S(ATHENA_ROW_NUMBER));
    if (change->kind != ATHENA_CHANGE_INSERT)
        matched->flags = AST_NEGATED;
    if (change->condition == NULL)
        return matched;
    struct athena_node *both = make(b, AST_AND);
    both->left = matched;
    both->right = alone(b, change->condition);
    return both;
}

/* A case's value under the column's type: in one CASE they would become what is common to all. */
static struct athena_node *assigned(struct building *b, const struct athena_change *change,
                                    size_t number, size_t at, struct athena_node *value)
{
    struct athena_type type;
    struct athena_tokens tokens;
    struct athena_error error = {0};
    struct mr_buf word = {0};
    struct mr_arena *arena = b->write->arena;
    if (athena_type_parse(arena, b->write->table->columns[at].type, &type) != MR_OK ||
        type.kind > ATHENA_BINARY || value->kind == AST_NULL)
        return value;
    if (type.kind == ATHENA_TIMESTAMP)
        mr_buf_append(&word, MR_S("timestamp(6)"));
    else
        athena_type_trino(&word, &type);
    const enum mr_status status =
        athena_lex(arena, mr_arena_copy(arena, mr_buf_slice(&word)), &tokens, &error);
    mr_buf_fini(&word);
    if (status != MR_OK)
        return value;
    struct athena_parser parser = athena_parser_make(arena, &tokens, &error);
    struct athena_node *cast = make(b, AST_CAST);
    cast->line = change->line;
    cast->column = change->column;
    cast->flags = AST_ASSIGNS;
    cast->number = number;
    cast->left = value;
    cast->items = athena_parse_type(&parser);
    return cast->items == NULL ? value : cast;
}

static struct athena_node *cases(struct building *b, const struct mr_slice *column, size_t at)
{
    struct athena_node *node = make(b, AST_CASE);
    struct athena_list list = athena_list_make();
    size_t number = 0;
    for (const struct athena_change *change = b->statement->changes; change != NULL;
         change = change->next, number++) {
        struct athena_node *one = make(b, AST_WHEN);
        one->left = when(b, change);
        if (column == NULL)
            one->right = integer(b, (int)change->kind);
        else
            one->right = assigned(b, change, number, at, changed_value(b, change, *column, at));
        athena_list_add(&list, one);
    }
    node->items = list.first;
    if (column == NULL)
        node->right = integer(b, 0);
    return node;
}

static bool check_change(struct athena_write *write, const struct athena_change *change)
{
    const struct glue_table *table = write->table;
    const size_t values = athena_node_count(change->values);
    for (const struct athena_pair *pair = change->columns; pair != NULL; pair = pair->next) {
        bool found = false;
        for (size_t i = 0; i < table->column_count; i++)
            found = found || mr_slice_equal_nocase(pair->name, table->columns[i].name);
        if (!found)
            return athena_write_fail(
                write, "COLUMN_NOT_FOUND",
                change->kind == ATHENA_CHANGE_UPDATE
                    ? "The UPDATE SET target column %.*s doesn't exist"
                    : "Insert column name does not exist in target table: %.*s",
                MR_ARG(pair->name));
        for (const struct athena_pair *other = change->columns; other != pair; other = other->next)
            if (mr_slice_equal_nocase(other->name, pair->name))
                return athena_write_fail(write, "DUPLICATE_COLUMN_NAME",
                                         "Column name '%.*s' specified more than once",
                                         MR_ARG(pair->name));
    }
    if (change->kind == ATHENA_CHANGE_INSERT &&
        values != (change->columns != NULL ? count_pairs(change->columns) : table->column_count))
        return athena_write_fail(write, "TYPE_MISMATCH",
                                 "MERGE clause value list must have the same number of values as "
                                 "there are columns");
    return true;
}

/* Rows change one by one. */
static bool check_values(struct athena_write *write, const struct athena_change *change)
{
    const struct athena_node *found = NULL;
    if (change->values != NULL) /* the whole list */
        found = athena_find_aggregate(change->values, false);
    if (found == NULL)
        return true;
    athena_error_set(write->error, write->arena, "EXPRESSION_NOT_SCALAR", found->line,
                     found->column, "%s cannot contain aggregations",
                     change->kind == ATHENA_CHANGE_INSERT ? "Values that MERGE inserts"
                                                          : "SET expressions");
    return false;
}

static struct athena_node *relation(struct building *b)
{
    struct athena_node *target = b->statement->target;
    if (b->statement->target_alias.len > 0) {
        struct athena_node *alias = make(b, AST_ALIAS);
        alias->left = target;
        alias->name = b->statement->target_alias;
        target = alias;
    }
    if (b->statement->other == NULL)
        return target;
    struct athena_node *join = make(b, AST_JOIN);
    join->left = b->statement->other;
    join->text = MR_S("LEFT JOIN");
    join->right = target;
    join->third = b->statement->condition;
    return join;
}

struct athena_node *athena_modify_query(struct athena_write *write)
{
    const struct athena_statement *statement = write->statement;
    const bool merge = statement->kind == STATEMENT_MERGE;
    const struct athena_node *last = statement->target->items;
    while (last->next != NULL)
        last = last->next;
    struct building b = {.write = write,
                         .statement = statement,
                         .alias = statement->target_alias.len > 0 ? statement->target_alias
                                                                  : last->text};
    for (const struct athena_change *change = statement->changes; change != NULL;
         change = change->next)
        if (!check_change(write, change) || !check_values(write, change))
            return NULL;
    struct athena_list items = athena_list_make();
    add_item(&b, &items, own(&b, MR_S(ATHENA_ROW_FILE)));
    add_item(&b, &items, own(&b, MR_S(ATHENA_ROW_NUMBER)));
    add_item(&b, &items, merge ? cases(&b, NULL, 0) : integer(&b, (int)statement->changes->kind));
    for (size_t i = 0; i < write->table->column_count && statement->kind != STATEMENT_DELETE; i++) {
        const struct mr_slice name = glue_lower(write->arena, write->table->columns[i].name);
        add_item(&b, &items,
                 merge ? cases(&b, &name, i) : changed_value(&b, statement->changes, name, i));
    }
    struct athena_node *select = make(&b, AST_SELECT), *query = make(&b, AST_QUERY);
    select->items = items.first;
    select->left = relation(&b);
    select->right = merge ? NULL : statement->condition;
    query->left = select;
    return query;
}
