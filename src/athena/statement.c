#include "athena/statement.h"
#include "base/buf.h"

struct context {
    struct athena_parser parser;
    struct athena_statement *statement;
    struct mr_slice text; /* of the whole statement */
};

static struct mr_slice lower(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return mr_slice_make(copy, text.len);
}

static bool take(struct context *context, const char *word)
{
    return athena_take(&context->parser, word);
}

static bool take2(struct context *context, const char *first, const char *second)
{
    return athena_take2(&context->parser, first, second);
}

static bool expect(struct context *context, const char *word)
{
    return athena_expect(&context->parser, word);
}

/* A name of DDL: any word, or one in backticks or double quotes. */
static bool take_name(struct context *context, struct mr_slice *ret)
{
    const struct athena_token *token = context->parser.next;
    if ((token->kind != ATHENA_TOKEN_WORD && token->kind != ATHENA_TOKEN_QUOTED) ||
        token->value.len == 0) {
        athena_mismatch(&context->parser, "<identifier>");
        return false;
    }
    *ret = lower(context->parser.arena, token->value);
    context->parser.next++;
    return true;
}

/* [database.]name, also with the catalog before it, and as one name in backticks with a dot inside.
 */
static bool take_table(struct context *context)
{
    struct athena_statement *statement = context->statement;
    if (!take_name(context, &statement->name))
        return false;
    while (take(context, ".")) {
        statement->database = statement->name;
        if (!take_name(context, &statement->name))
            return false;
    }
    return true;
}

static bool take_string(struct context *context, struct mr_slice *ret)
{
    if (context->parser.next->kind != ATHENA_TOKEN_STRING) {
        athena_mismatch(&context->parser, "<string>");
        return false;
    }
    *ret = context->parser.next->value;
    context->parser.next++;
    return true;
}

static bool if_not_exists(struct context *context)
{
    if (!take(context, "IF"))
        return true;
    context->statement->if_not_exists = true;
    return expect(context, "NOT") && expect(context, "EXISTS");
}

static bool if_exists(struct context *context)
{
    if (!take(context, "IF"))
        return true;
    context->statement->if_exists = true;
    return expect(context, "EXISTS");
}

static struct athena_pair *add_pair(struct context *context, struct athena_pair **list)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = MR_NEW(context->parser.arena, struct athena_pair);
    return *list;
}

/* ('name' = 'value', ...) */
static bool take_properties(struct context *context, struct athena_pair **list)
{
    if (!expect(context, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, list);
        if (!take_string(context, &pair->name) || !expect(context, "=") ||
            !take_string(context, &pair->value))
            return false;
    } while (take(context, ","));
    return expect(context, ")");
}

/* Hive's type: the tokens up to a comma or parenthesis outside brackets, without blanks. */
static bool take_type(struct context *context, struct mr_slice *ret)
{
    struct mr_buf buf = {0};
    int depth = 0;
    for (;; context->parser.next++) {
        const struct athena_token *token = context->parser.next;
        if (token->kind == ATHENA_TOKEN_END || token->kind == ATHENA_TOKEN_STRING)
            break;
        if (depth == 0 && (athena_token_is(token, ",") || athena_token_is(token, ")") ||
                           athena_token_is(token, "COMMENT")))
            break;
        if (athena_token_is(token, "<") || athena_token_is(token, "("))
            depth++;
        if (athena_token_is(token, ">") || athena_token_is(token, ")"))
            depth--;
        mr_buf_append(&buf, token->value);
    }
    *ret = lower(context->parser.arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    if (ret->len == 0)
        athena_mismatch(&context->parser, "<type>");
    return ret->len > 0;
}

/* (name type [COMMENT 'text'], ...) */
static bool take_columns(struct context *context, struct athena_pair **list)
{
    if (!expect(context, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, list);
        if (!take_name(context, &pair->name))
            return false;
        (void)take(context, ":");
        if (!take_type(context, &pair->value))
            return false;
        if (take(context, "COMMENT") && !take_string(context, &pair->comment))
            return false;
    } while (take(context, ","));
    return expect(context, ")");
}

/* PARTITION (key = 'value', ...) */
static bool take_partition(struct context *context)
{
    struct athena_partition_spec **end = &context->statement->partitions;
    while (*end != NULL)
        end = &(*end)->next;
    struct athena_partition_spec *spec = *end =
        MR_NEW(context->parser.arena, struct athena_partition_spec);
    if (!expect(context, "PARTITION") || !expect(context, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, &spec->values);
        if (!take_name(context, &pair->name) || !expect(context, "="))
            return false;
        const struct athena_token *token = context->parser.next;
        if (token->kind != ATHENA_TOKEN_STRING && token->kind != ATHENA_TOKEN_INTEGER) {
            athena_mismatch(&context->parser, "<string>, <integer>");
            return false;
        }
        pair->value = token->value;
        context->parser.next++;
    } while (take(context, ","));
    if (!expect(context, ")"))
        return false;
    return !take(context, "LOCATION") || take_string(context, &spec->location);
}

/* ---- SHOW and DESCRIBE ---- */

static void set(struct context *context, enum athena_statement_kind kind, const char *type,
                const char *substatement)
{
    context->statement->kind = kind;
    context->statement->type = type;
    context->statement->substatement = substatement;
}

static bool take_pattern(struct context *context)
{
    (void)take(context, "LIKE");
    if (context->parser.next->kind != ATHENA_TOKEN_STRING)
        return true;
    return take_string(context, &context->statement->pattern);
}

static bool take_in(struct context *context)
{
    if (!take(context, "IN") && !take(context, "FROM"))
        return true;
    return take_name(context, &context->statement->database);
}

static bool parse_show(struct context *context)
{
    if (take(context, "DATABASES") || take(context, "SCHEMAS")) {
        set(context, STATEMENT_SHOW_DATABASES, "UTILITY", "SHOW_DATABASES");
        return take_pattern(context);
    }
    if (take(context, "TABLES")) {
        set(context, STATEMENT_SHOW_TABLES, "UTILITY", "SHOW_TABLES");
        return take_in(context) && take_pattern(context);
    }
    if (take(context, "VIEWS")) {
        set(context, STATEMENT_SHOW_VIEWS, "UTILITY", "SHOW_VIEWS");
        return take_in(context) && take_pattern(context);
    }
    if (take(context, "PARTITIONS")) {
        set(context, STATEMENT_SHOW_PARTITIONS, "UTILITY", "SHOW_PARTITIONS");
        return take_table(context);
    }
    if (take(context, "COLUMNS")) {
        set(context, STATEMENT_SHOW_COLUMNS, "UTILITY", "SHOW_COLUMNS");
        if (!take(context, "IN") && !expect(context, "FROM"))
            return false;
        return take_table(context) && take_in(context);
    }
    if (take2(context, "CREATE", "TABLE")) {
        set(context, STATEMENT_SHOW_CREATE_TABLE, "UTILITY", "SHOW_CREATE_TABLE");
        return take_table(context);
    }
    if (take2(context, "CREATE", "VIEW")) {
        set(context, STATEMENT_SHOW_CREATE_VIEW, "UTILITY", "SHOW_CREATE_VIEW");
        return take_table(context);
    }
    if (take(context, "TBLPROPERTIES")) {
        set(context, STATEMENT_SHOW_PROPERTIES, "UTILITY", "SHOW_TBLPROPERTIES");
        if (!take_table(context) || !take(context, "("))
            return !athena_failed(&context->parser);
        return take_string(context, &context->statement->pattern) && expect(context, ")");
    }
    athena_mismatch(&context->parser,
                    "'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES', "
                    "'TBLPROPERTIES', 'VIEWS'");
    return false;
}

static bool parse_describe(struct context *context)
{
    set(context, STATEMENT_DESCRIBE, "UTILITY", "DESCRIBE");
    if (!athena_peek_at(&context->parser, 1, ".") &&
        context->parser.next[1].kind != ATHENA_TOKEN_END && !take(context, "EXTENDED"))
        (void)take(context, "FORMATTED");
    return take_table(context);
}

/* ---- CREATE ---- */

static bool parse_create_database(struct context *context)
{
    struct athena_statement *statement = context->statement;
    set(context, STATEMENT_CREATE_DATABASE, "DDL", "CREATE_DATABASE");
    if (!if_not_exists(context) || !take_name(context, &statement->name))
        return false;
    for (;;) {
        bool fine;
        if (take(context, "COMMENT"))
            fine = take_string(context, &statement->comment);
        else if (take(context, "LOCATION"))
            fine = take_string(context, &statement->location);
        else if (take2(context, "WITH", "DBPROPERTIES"))
            fine = take_properties(context, &statement->properties);
        else
            return true;
        if (!fine)
            return false;
    }
}

static bool parse_row_format(struct context *context)
{
    struct athena_statement *statement = context->statement;
    struct mr_slice ignored;
    if (take(context, "SERDE")) {
        if (!take_string(context, &statement->serde))
            return false;
        return !take2(context, "WITH", "SERDEPROPERTIES") ||
               take_properties(context, &statement->serde_properties);
    }
    if (!expect(context, "DELIMITED"))
        return false;
    for (;;) {
        struct mr_slice *into = &ignored;
        if (take(context, "FIELDS"))
            into = &statement->field_delimiter;
        else if (take2(context, "COLLECTION", "ITEMS") || take2(context, "MAP", "KEYS") ||
                 take(context, "LINES"))
            into = &ignored;
        else
            return true;
        if (!expect(context, "TERMINATED") || !expect(context, "BY") || !take_string(context, into))
            return false;
        if (take2(context, "ESCAPED", "BY") && !take_string(context, &statement->escape))
            return false;
    }
}

static bool parse_stored(struct context *context)
{
    struct athena_statement *statement = context->statement;
    if (!expect(context, "AS"))
        return false;
    if (!take(context, "INPUTFORMAT"))
        return take_name(context, &statement->stored_as);
    return take_string(context, &statement->input_format) && expect(context, "OUTPUTFORMAT") &&
           take_string(context, &statement->output_format);
}

static bool parse_table_clauses(struct context *context)
{
    struct athena_statement *statement = context->statement;
    for (;;) {
        bool fine;
        if (take(context, "COMMENT"))
            fine = take_string(context, &statement->comment);
        else if (take2(context, "PARTITIONED", "BY"))
            fine = take_columns(context, &statement->keys);
        else if (take2(context, "ROW", "FORMAT"))
            fine = parse_row_format(context);
        else if (take2(context, "WITH", "SERDEPROPERTIES"))
            fine = take_properties(context, &statement->serde_properties);
        else if (take(context, "STORED"))
            fine = parse_stored(context);
        else if (take(context, "LOCATION"))
            fine = take_string(context, &statement->location);
        else if (take(context, "TBLPROPERTIES"))
            fine = take_properties(context, &statement->properties);
        else
            return true;
        if (!fine)
            return false;
    }
}

static bool unsupported(struct context *context, const char *type, const char *substatement,
                        const char *text)
{
    set(context, STATEMENT_UNSUPPORTED, type, substatement);
    context->statement->text = mr_slice_cstr(text);
    while (context->parser.next->kind != ATHENA_TOKEN_END)
        context->parser.next++;
    return true;
}

static bool parse_create_table(struct context *context, bool external)
{
    if (!external)
        return unsupported(context, "DDL", "CREATE_TABLE_AS_SELECT",
                           "CREATE TABLE without EXTERNAL (CTAS, Iceberg) is not supported");
    set(context, STATEMENT_CREATE_TABLE, "DDL", "CREATE_TABLE");
    return if_not_exists(context) && take_table(context) &&
           take_columns(context, &context->statement->columns) && parse_table_clauses(context);
}

static bool parse_create_view(struct context *context, bool replace)
{
    struct athena_statement *statement = context->statement;
    set(context, STATEMENT_CREATE_VIEW, "DDL", "CREATE_VIEW");
    statement->replace = replace;
    if (!take_table(context) || !expect(context, "AS"))
        return false;
    const size_t start = (size_t)(context->parser.next->text.ptr - context->text.ptr);
    statement->query = athena_parse_query(&context->parser);
    if (statement->query == NULL)
        return false;
    const size_t end = (size_t)(context->parser.next->text.ptr - context->text.ptr);
    statement->query_text = mr_slice_trim(mr_slice_sub(context->text, start, end - start));
    if (context->parser.parameters > 0)
        athena_unsupported(&context->parser, "a view cannot have parameters");
    return !athena_failed(&context->parser);
}

static bool parse_create(struct context *context)
{
    const bool replace = take2(context, "OR", "REPLACE");
    if (take(context, "VIEW"))
        return parse_create_view(context, replace);
    if (!replace && (take(context, "DATABASE") || take(context, "SCHEMA")))
        return parse_create_database(context);
    if (!replace && take2(context, "EXTERNAL", "TABLE"))
        return parse_create_table(context, true);
    if (!replace && take(context, "TABLE"))
        return parse_create_table(context, false);
    athena_mismatch(&context->parser, "'DATABASE', 'EXTERNAL', 'OR', 'SCHEMA', 'TABLE', 'VIEW'");
    return false;
}

/* ---- DROP and ALTER ---- */

static bool parse_drop(struct context *context)
{
    if (take(context, "TABLE")) {
        set(context, STATEMENT_DROP_TABLE, "DDL", "DROP_TABLE");
        return if_exists(context) && take_table(context);
    }
    if (take(context, "VIEW")) {
        set(context, STATEMENT_DROP_VIEW, "DDL", "DROP_VIEW");
        return if_exists(context) && take_table(context);
    }
    if (!take(context, "DATABASE") && !take(context, "SCHEMA")) {
        athena_mismatch(&context->parser, "'DATABASE', 'SCHEMA', 'TABLE', 'VIEW'");
        return false;
    }
    set(context, STATEMENT_DROP_DATABASE, "DDL", "DROP_DATABASE");
    if (!if_exists(context) || !take_name(context, &context->statement->name))
        return false;
    context->statement->cascade = take(context, "CASCADE");
    (void)take(context, "RESTRICT");
    return true;
}

static bool parse_partitions(struct context *context, bool commas)
{
    do {
        if (!take_partition(context))
            return false;
    } while (commas ? take(context, ",") : athena_peek(&context->parser, "PARTITION"));
    return true;
}

static bool parse_alter(struct context *context)
{
    struct athena_statement *statement = context->statement;
    if (!expect(context, "TABLE") || !take_table(context))
        return false;
    if (take(context, "ADD")) {
        if (take(context, "COLUMNS")) {
            set(context, STATEMENT_ADD_COLUMNS, "DDL", "ALTER_TABLE_ADD_COLUMNS");
            return take_columns(context, &statement->columns);
        }
        set(context, STATEMENT_ADD_PARTITION, "DDL", "ALTER_TABLE_ADD_PARTITION");
        return if_not_exists(context) && parse_partitions(context, false);
    }
    if (take(context, "DROP")) {
        set(context, STATEMENT_DROP_PARTITION, "DDL", "ALTER_TABLE_DROP_PARTITION");
        return if_exists(context) && parse_partitions(context, true);
    }
    if (take2(context, "SET", "TBLPROPERTIES")) {
        set(context, STATEMENT_SET_PROPERTIES, "DDL", "ALTER_TABLE_SET_TBLPROPERTIES");
        return take_properties(context, &statement->properties);
    }
    return unsupported(context, "DDL", "ALTER_TABLE", "This form of ALTER TABLE is not supported");
}

static bool parse_repair(struct context *context)
{
    set(context, STATEMENT_REPAIR, "DDL", "MSCK_REPAIR_TABLE");
    return expect(context, "REPAIR") && expect(context, "TABLE") && take_table(context);
}

/* ---- queries ---- */

static bool parse_query(struct context *context)
{
    set(context, STATEMENT_QUERY, "DML", "SELECT");
    context->statement->query = athena_parse_query(&context->parser);
    context->statement->parameters = context->parser.parameters;
    return context->statement->query != NULL;
}

/* EXECUTE name [USING literal, ...] */
static bool parse_execute(struct context *context)
{
    struct athena_list list = athena_list_make();
    set(context, STATEMENT_EXECUTE, "DML", "EXECUTE");
    const struct athena_token *token = context->parser.next;
    if (token->kind != ATHENA_TOKEN_WORD && token->kind != ATHENA_TOKEN_QUOTED) {
        athena_mismatch(&context->parser, "<identifier>");
        return false;
    }
    context->statement->name = token->value;
    context->parser.next++;
    if (!take(context, "USING"))
        return true;
    do {
        struct athena_node *node = athena_parse_expression(&context->parser);
        if (node == NULL)
            return false;
        athena_list_add(&list, node);
    } while (take(context, ","));
    context->statement->query = list.first;
    return true;
}

static bool parse_any(struct context *context)
{
    static const struct {
        const char *word, *type, *substatement, *text;
    } known[] = {
        {"INSERT", "DML", "INSERT", "INSERT INTO is not supported"},
        {"UNLOAD", "DML", "UNLOAD", "UNLOAD is not supported"},
        {"UPDATE", "DML", "UPDATE", "UPDATE is not supported"},
        {"DELETE", "DML", "DELETE", "DELETE is not supported"},
        {"MERGE", "DML", "MERGE", "MERGE INTO is not supported"},
        {"OPTIMIZE", "DML", "OPTIMIZE", "OPTIMIZE is not supported"},
        {"VACUUM", "DML", "VACUUM", "VACUUM is not supported"},
        {"EXPLAIN", "UTILITY", "EXPLAIN", "EXPLAIN is not supported"},
        {"PREPARE", "DDL", "PREPARE", "PREPARE is not supported; use CreatePreparedStatement"},
        {"DEALLOCATE", "DDL", "DEALLOCATE",
         "DEALLOCATE PREPARE is not supported; use DeletePreparedStatement"},
    };
    struct athena_parser *parser = &context->parser;
    if (athena_peek(parser, "SELECT") || athena_peek(parser, "WITH") || athena_peek(parser, "(") ||
        athena_peek(parser, "VALUES") || athena_peek(parser, "TABLE"))
        return parse_query(context);
    if (take(context, "SHOW"))
        return parse_show(context);
    if (take(context, "DESCRIBE") || take(context, "DESC"))
        return parse_describe(context);
    if (take(context, "CREATE"))
        return parse_create(context);
    if (take(context, "DROP"))
        return parse_drop(context);
    if (take(context, "ALTER"))
        return parse_alter(context);
    if (take(context, "MSCK"))
        return parse_repair(context);
    if (take(context, "EXECUTE"))
        return parse_execute(context);
    for (size_t i = 0; i < MR_COUNT(known); i++) {
        if (athena_peek(parser, known[i].word))
            return unsupported(context, known[i].type, known[i].substatement, known[i].text);
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
    struct context context = {.statement = &statement, .text = text};
    context.parser = athena_parser_make(arena, &tokens, error);
    if (!parse_any(&context))
        return MR_INVALID;
    while (take(&context, ";"))
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
