#include "athena/phrase.h"

/* ---- queries ---- */

static bool parse_query(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_QUERY, "DML", "SELECT");
    context->statement->query = athena_parse_query(&context->parser);
    context->statement->parameters = context->parser.parameters;
    return context->statement->query != NULL;
}

static bool parse_statement_name(struct athena_phrase *context)
{
    const struct athena_token *token = context->parser.next;
    if (token->kind != ATHENA_TOKEN_WORD && token->kind != ATHENA_TOKEN_QUOTED) {
        athena_mismatch(&context->parser, "<identifier>");
        return false;
    }
    context->statement->name = token->value;
    context->parser.next++;
    return true;
}

static bool parse_any(struct athena_phrase *context);

/* PREPARE name FROM statement: it must be one, and is kept as it was written. */
static bool parse_prepare(struct athena_phrase *context)
{
    struct athena_statement statement = {0}, *made = context->statement;
    athena_phrase_set(context, STATEMENT_PREPARE, "DDL", "PREPARE");
    if (!parse_statement_name(context) || !athena_expect(&context->parser, "FROM"))
        return false;
    if (athena_peek(&context->parser, "PREPARE")) { /* one in another, thousands deep, recursed */
        athena_unsupported(&context->parser, "only queries can be prepared");
        return false;
    }
    const size_t start = (size_t)(context->parser.next->text.ptr - context->text.ptr);
    context->statement = &statement;
    const bool fine = parse_any(context);
    context->statement = made;
    if (!fine)
        return false;
    const size_t end = context->parser.next->kind == ATHENA_TOKEN_END
                           ? context->text.len
                           : (size_t)(context->parser.next->text.ptr - context->text.ptr);
    made->query_text = mr_slice_trim(mr_slice_sub(context->text, start, end - start));
    if (statement.kind != STATEMENT_QUERY && !athena_statement_writes(&statement))
        athena_unsupported(&context->parser, "only queries can be prepared");
    return !athena_failed(&context->parser);
}

/* EXECUTE name [USING literal, ...] */
static bool parse_execute(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_EXECUTE, "DML", "EXECUTE");
    if (!parse_statement_name(context))
        return false;
    if (!athena_take(&context->parser, "USING"))
        return true;
    context->statement->query = athena_parse_expressions(&context->parser);
    return context->statement->query != NULL;
}

static bool parse_plan_format(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    if (athena_take(parser, "TEXT"))
        context->statement->plan_format = ATHENA_PLAN_TEXT;
    else if (athena_take(parser, "JSON"))
        context->statement->plan_format = ATHENA_PLAN_JSON;
    else if (athena_take(parser, "GRAPHVIZ"))
        context->statement->plan_format = ATHENA_PLAN_GRAPHVIZ;
    else
        athena_mismatch(parser, "'GRAPHVIZ', 'JSON', 'TEXT'");
    return !athena_failed(parser);
}

static bool parse_plan_type(struct athena_phrase *context)
{
    static const char *const types[] = {"LOGICAL", "VALIDATE", "IO"};
    struct athena_parser *parser = &context->parser;
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (!athena_take(parser, types[i]))
            continue;
        context->statement->text = mr_slice_cstr(types[i]);
        return true;
    }
    if (!athena_take(parser, "DISTRIBUTED"))
        athena_mismatch(parser, "'DISTRIBUTED', 'IO', 'LOGICAL', 'VALIDATE'");
    return !athena_failed(parser);
}

/* (FORMAT TEXT, TYPE VALIDATE); a plan that is run has no type. */
static bool parse_explain_options(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    const bool analyze = context->statement->text.len > 0;
    do {
        const bool fine = athena_take(parser, "FORMAT") ? parse_plan_format(context)
                          : !analyze && athena_take(parser, "TYPE")
                              ? parse_plan_type(context)
                              : athena_mismatch(parser, "'FORMAT', 'TYPE'") != NULL;
        if (!fine)
            return false;
    } while (athena_take(parser, ","));
    return athena_expect(parser, ")");
}

/* EXPLAIN [ANALYZE [VERBOSE]] [(option, ...)] query */
static bool parse_explain(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    athena_phrase_set(context, STATEMENT_EXPLAIN, "UTILITY", "EXPLAIN");
    context->statement->text = MR_S("");
    if (athena_take(parser, "ANALYZE")) {
        context->statement->text = MR_S("ANALYZE");
        (void)athena_take(parser, "VERBOSE");
    }
    if (athena_peek(parser, "(") &&
        (athena_peek_at(parser, 1, "FORMAT") || athena_peek_at(parser, 1, "TYPE"))) {
        parser->next++;
        if (!parse_explain_options(context))
            return false;
    }
    context->statement->query = athena_parse_query(parser);
    context->statement->parameters = parser->parameters;
    return context->statement->query != NULL;
}

static bool parse_any(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    if (athena_peek(parser, "SELECT") || athena_peek(parser, "WITH") || athena_peek(parser, "(") ||
        athena_peek(parser, "VALUES") || athena_peek(parser, "TABLE"))
        return parse_query(context);
    if (athena_take(&context->parser, "SHOW"))
        return athena_parse_show(context);
    if (athena_take(&context->parser, "DESCRIBE") || athena_take(&context->parser, "DESC"))
        return athena_parse_describe(context);
    if (athena_take(&context->parser, "CREATE"))
        return athena_parse_create(context);
    if (athena_take(&context->parser, "DROP"))
        return athena_parse_drop(context);
    if (athena_take(&context->parser, "ALTER"))
        return athena_parse_alter(context);
    if (athena_take(&context->parser, "MSCK"))
        return athena_parse_repair(context);
    if (athena_take2(parser, "INSERT", "INTO"))
        return athena_parse_insert(context);
    if (athena_take(parser, "DELETE"))
        return athena_parse_delete(context);
    if (athena_take(parser, "UPDATE"))
        return athena_parse_update(context);
    if (athena_take(parser, "MERGE"))
        return athena_parse_merge(context);
    if (athena_take(parser, "UNLOAD"))
        return athena_parse_unload(context);
    if (athena_take(parser, "OPTIMIZE"))
        return athena_parse_optimize(context);
    if (athena_take(parser, "VACUUM"))
        return athena_parse_vacuum(context);
    if (athena_take(&context->parser, "EXECUTE"))
        return parse_execute(context);
    if (athena_take(&context->parser, "EXPLAIN"))
        return parse_explain(context);
    if (athena_take(parser, "PREPARE"))
        return parse_prepare(context);
    if (athena_take2(parser, "DEALLOCATE", "PREPARE")) {
        athena_phrase_set(context, STATEMENT_DEALLOCATE, "DDL", "DEALLOCATE_PREPARE");
        return parse_statement_name(context);
    }
    athena_mismatch(parser, "'ALTER', 'CREATE', 'DEALLOCATE', 'DELETE', 'DESC', 'DESCRIBE', "
                            "'DROP', 'EXECUTE', 'EXPLAIN', 'INSERT', 'MERGE', 'MSCK', 'PREPARE', "
                            "'SHOW', 'UNLOAD', 'UPDATE', 'VACUUM', <query>");
    return false;
}

enum mr_status athena_statement_parse(struct mr_arena *arena, struct mr_slice text,
                                      struct athena_statement *ret_statement,
                                      struct athena_error *error)
{
    struct athena_tokens tokens;
    struct athena_statement statement = {0};
    if (athena_lex(arena, text, &tokens, error) != MR_OK)
        return MR_INVALID;
    struct athena_phrase context = {.statement = &statement, .text = text};
    context.parser = athena_parser_make(arena, &tokens, error);
    if (!parse_any(&context))
        return MR_INVALID;
    while (athena_take(&context.parser, ";"))
        continue;
    if (context.parser.next->kind != ATHENA_TOKEN_END) {
        if (context.parser.next > tokens.list && athena_token_is(context.parser.next - 1, ";"))
            athena_error_set(error, arena, "SYNTAX_ERROR", context.parser.next->line,
                             context.parser.next->column, "Only one sql statement is allowed");
        athena_mismatch(&context.parser, "<EOF>");
        return MR_INVALID;
    }
    *ret_statement = statement;
    return MR_OK;
}
