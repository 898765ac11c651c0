/* DELETE, UPDATE and MERGE, by Trino's grammar. */
#include "athena/phrase.h"
#include <ctype.h>

static struct mr_slice lower(struct athena_phrase *context, struct mr_slice text)
{
    char *copy = mr_arena_cstr(context->parser.arena, text);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    return mr_slice_make(copy, text.len);
}

/* [catalog.][database.]name: a node of the query to come, and the statement's names. */
static bool take_target(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    statement->target = athena_parse_table(&context->parser);
    if (statement->target == NULL)
        return false;
    if (statement->target->left != NULL) {
        athena_mismatch(&context->parser, "<EOF>");
        return false;
    }
    for (struct athena_node *part = statement->target->items; part != NULL; part = part->next) {
        statement->catalog = statement->database;
        statement->database = statement->name;
        statement->name = lower(context, part->text);
    }
    return true;
}

static struct athena_change *add_change(struct athena_phrase *context, enum athena_change_kind kind)
{
    struct athena_change **at = &context->statement->changes;
    while (*at != NULL)
        at = &(*at)->next;
    *at = MR_NEW(context->parser.arena, struct athena_change);
    (*at)->kind = kind;
    return *at;
}

static bool finish(struct athena_phrase *context)
{
    context->statement->parameters = context->parser.parameters;
    return true;
}

static bool take_where(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    if (!athena_take(parser, "WHERE"))
        return finish(context);
    context->statement->condition = athena_parse_expression(parser);
    return context->statement->condition != NULL && finish(context);
}

static struct athena_pair *add_column(struct athena_phrase *context, struct athena_change *change)
{
    struct athena_pair **at = &change->columns;
    while (*at != NULL)
        at = &(*at)->next;
    *at = MR_NEW(context->parser.arena, struct athena_pair);
    return *at;
}

/* column = expression, ... */
static bool take_assignments(struct athena_phrase *context, struct athena_change *change)
{
    struct athena_parser *parser = &context->parser;
    struct athena_list values = athena_list_make();
    do {
        struct athena_pair *column = add_column(context, change);
        if (!athena_phrase_name(context, &column->name) || !athena_expect(parser, "="))
            return false;
        struct athena_node *value = athena_parse_expression(parser);
        if (value == NULL)
            return false;
        athena_list_add(&values, value);
    } while (athena_take(parser, ","));
    change->values = values.first;
    return true;
}

/* DELETE FROM table [WHERE condition] */
bool athena_parse_delete(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_DELETE, "DML", "DELETE");
    if (!athena_expect(&context->parser, "FROM") || !take_target(context))
        return false;
    (void)add_change(context, ATHENA_CHANGE_DELETE);
    return take_where(context);
}

/* UPDATE table SET column = expression, ... [WHERE condition] */
bool athena_parse_update(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_UPDATE, "DML", "UPDATE");
    if (!take_target(context) || !athena_expect(&context->parser, "SET"))
        return false;
    return take_assignments(context, add_change(context, ATHENA_CHANGE_UPDATE)) &&
           take_where(context);
}

/* ---- MERGE ---- */

/* INSERT [(column, ...)] VALUES (expression, ...) */
static bool take_insert(struct athena_phrase *context, struct athena_change *change)
{
    struct athena_parser *parser = &context->parser;
    struct athena_list values = athena_list_make();
    if (athena_take(parser, "(")) {
        do {
            if (!athena_phrase_name(context, &add_column(context, change)->name))
                return false;
        } while (athena_take(parser, ","));
        if (!athena_expect(parser, ")"))
            return false;
    }
    if (!athena_expect(parser, "VALUES") || !athena_expect(parser, "("))
        return false;
    do {
        struct athena_node *value = athena_parse_expression(parser);
        if (value == NULL)
            return false;
        athena_list_add(&values, value);
    } while (athena_take(parser, ","));
    change->values = values.first;
    return athena_expect(parser, ")");
}

/* [NOT] MATCHED [AND condition] THEN UPDATE SET ... | DELETE | INSERT ... */
static bool take_case(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    const struct athena_token *when = parser->next - 1;
    const bool matched = !athena_take(parser, "NOT");
    struct athena_change *change = add_change(context, ATHENA_CHANGE_INSERT);
    change->line = when->line;
    change->column = when->column;
    if (!athena_expect(parser, "MATCHED"))
        return false;
    if (athena_take(parser, "AND")) {
        change->condition = athena_parse_expression(parser);
        if (change->condition == NULL)
            return false;
    }
    if (!athena_expect(parser, "THEN"))
        return false;
    if (!matched)
        return athena_expect(parser, "INSERT") && take_insert(context, change);
    change->kind = ATHENA_CHANGE_DELETE;
    if (athena_take(parser, "DELETE"))
        return true;
    change->kind = ATHENA_CHANGE_UPDATE;
    if (!athena_take(parser, "UPDATE")) {
        athena_mismatch(parser, "'DELETE', 'UPDATE'");
        return false;
    }
    return athena_expect(parser, "SET") && take_assignments(context, change);
}

/* MERGE INTO table [[AS] alias] USING relation ON condition WHEN ... */
bool athena_parse_merge(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_MERGE, "DML", "MERGE");
    if (!athena_expect(parser, "INTO") || !take_target(context))
        return false;
    if (athena_take(parser, "AS") || !athena_peek(parser, "USING")) {
        statement->target_alias = athena_parse_name(parser);
        if (athena_failed(parser))
            return false;
    }
    if (!athena_expect(parser, "USING"))
        return false;
    statement->other = athena_parse_aliased(parser);
    if (statement->other == NULL || !athena_expect(parser, "ON"))
        return false;
    statement->condition = athena_parse_expression(parser);
    if (statement->condition == NULL || !athena_expect(parser, "WHEN"))
        return false;
    do {
        if (!take_case(context))
            return false;
    } while (athena_take(parser, "WHEN"));
    return finish(context);
}
