/* CREATE TABLE AS SELECT, INSERT INTO and UNLOAD, by Trino's grammar. */
#include "athena/phrase.h"

static struct athena_pair *add_pair(struct athena_phrase *context, struct athena_pair **list)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = MR_NEW(context->parser.arena, struct athena_pair);
    return *list;
}

/* 'text', 12, -1, true, or ARRAY['a', ...] */
static bool take_setting(struct athena_phrase *context, struct athena_pair *pair)
{
    struct athena_parser *parser = &context->parser;
    const struct athena_token *token = parser->next;
    if (athena_take(parser, "ARRAY")) {
        pair->kind = ATHENA_VALUE_LIST;
        if (!athena_expect(parser, "["))
            return false;
        if (athena_take(parser, "]"))
            return true;
        do {
            struct athena_pair *item = add_pair(context, &pair->items);
            item->value = parser->next->value;
            if (parser->next->kind != ATHENA_TOKEN_STRING) {
                athena_mismatch(parser, "<string>");
                return false;
            }
            parser->next++;
        } while (athena_take(parser, ","));
        return athena_expect(parser, "]");
    }
    const bool minus = athena_peek(parser, "-") && token[1].kind == ATHENA_TOKEN_INTEGER;
    token += minus;
    if (token->kind != ATHENA_TOKEN_STRING && token->kind != ATHENA_TOKEN_INTEGER &&
        !athena_token_is(token, "true") && !athena_token_is(token, "false")) {
        athena_mismatch(parser, "<expression>");
        return false;
    }
    pair->kind = token->kind == ATHENA_TOKEN_STRING    ? ATHENA_VALUE_TEXT
                 : token->kind == ATHENA_TOKEN_INTEGER ? ATHENA_VALUE_NUMBER
                                                       : ATHENA_VALUE_TRUTH;
    pair->value =
        minus ? mr_arena_printf(parser->arena, "-%.*s", MR_ARG(token->value)) : token->value;
    parser->next = token + 1;
    return true;
}

bool athena_phrase_settings(struct athena_phrase *context, struct athena_pair **list)
{
    if (!athena_expect(&context->parser, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, list);
        pair->line = context->parser.next->line;
        pair->column = context->parser.next->column;
        if (!athena_phrase_name(context, &pair->name) || !athena_expect(&context->parser, "=") ||
            !take_setting(context, pair))
            return false;
    } while (athena_take(&context->parser, ","));
    return athena_expect(&context->parser, ")");
}

static bool take_query(struct athena_phrase *context)
{
    context->statement->query = athena_parse_query(&context->parser);
    context->statement->parameters = context->parser.parameters;
    return context->statement->query != NULL;
}

/* [WITH (...)] AS query [WITH [NO] DATA] */
bool athena_parse_ctas(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_CTAS, "DDL", "CREATE_TABLE_AS_SELECT");
    if (athena_take(parser, "WITH") && !athena_phrase_settings(context, &statement->properties))
        return false;
    if (!athena_expect(parser, "AS") || !take_query(context))
        return false;
    if (!athena_take(parser, "WITH"))
        return true;
    statement->no_data = athena_take(parser, "NO");
    return athena_expect(parser, "DATA");
}

/* Is "(" the beginning of a list of columns, and not of a query? */
static bool names_columns(const struct athena_parser *parser)
{
    return athena_peek(parser, "(") && !athena_peek_at(parser, 1, "SELECT") &&
           !athena_peek_at(parser, 1, "WITH") && !athena_peek_at(parser, 1, "VALUES") &&
           !athena_peek_at(parser, 1, "TABLE") && !athena_peek_at(parser, 1, "(");
}

/* table [(column, ...)] query */
bool athena_parse_insert(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_INSERT, "DML", "INSERT");
    if (!athena_phrase_table(context))
        return false;
    if (names_columns(parser)) {
        parser->next++;
        do {
            if (!athena_phrase_name(context, &add_pair(context, &statement->columns)->name))
                return false;
        } while (athena_take(parser, ","));
        if (!athena_expect(parser, ")"))
            return false;
    }
    return take_query(context);
}

/* (query) TO 's3://...' [WITH (...)] */
bool athena_parse_unload(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_UNLOAD, "DML", "UNLOAD");
    if (!athena_expect(parser, "(") || !take_query(context) || !athena_expect(parser, ")") ||
        !athena_expect(parser, "TO"))
        return false;
    if (parser->next->kind != ATHENA_TOKEN_STRING) {
        athena_mismatch(parser, "<string>");
        return false;
    }
    statement->location = parser->next->value;
    parser->next++;
    return !athena_take(parser, "WITH") || athena_phrase_settings(context, &statement->properties);
}
