/* The DDL of statements, by Hive's grammar. */
#include "athena/phrase.h"
#include "base/codec.h"
#include "base/buf.h"

static struct mr_slice lower(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return mr_slice_make(copy, text.len);
}

/* A name of DDL: any word, or one in backticks or double quotes. */
bool athena_phrase_name(struct athena_phrase *context, struct mr_slice *ret)
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
bool athena_phrase_table(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    if (!athena_phrase_name(context, &statement->name))
        return false;
    while (athena_take(&context->parser, ".")) {
        statement->catalog = statement->database;
        statement->database = statement->name;
        if (!athena_phrase_name(context, &statement->name))
            return false;
    }
    return true;
}

/* What Hive makes of a backslash: \\t and such, \\001 (octal), \\u0001. */
static size_t unescape_one(struct mr_slice text, struct mr_buf *buf)
{
    static const char letters[] = "0nrtbZ", bytes[] = "\0\n\r\t\b\x1a";
    const char byte = text.ptr[1];
    unsigned value = 0;
    size_t len = 1;
    while (len < 4 && len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '7')
        value = value * 8 + (unsigned)(text.ptr[len++] - '0');
    if (len == 4 && value < 128) {
        mr_buf_byte(buf, (char)value);
        return 4;
    }
    unsigned char code[2];
    if (byte == 'u' && text.len >= 6 && mr_unhex(mr_slice_sub(text, 2, 4), code, 2) == MR_OK &&
        code[0] == 0 && code[1] < 128) {
        mr_buf_byte(buf, (char)code[1]);
        return 6;
    }
    const size_t at = mr_slice_find(MR_S(letters), byte);
    if (byte == '%' || byte == '_')
        mr_buf_byte(buf, '\\');
    mr_buf_byte(buf, at != SIZE_MAX ? bytes[at] : byte);
    return 2;
}

static struct mr_slice unescape(struct mr_arena *arena, struct mr_slice text)
{
    struct mr_buf buf = {0};
    if (mr_slice_find(text, '\\') == SIZE_MAX)
        return text;
    for (size_t i = 0; i < text.len;) {
        if (text.ptr[i] == '\\' && i + 1 < text.len) {
            i += unescape_one(mr_slice_sub(text, i, SIZE_MAX), &buf);
            continue;
        }
        mr_buf_byte(&buf, text.ptr[i++]);
    }
    struct mr_slice copy = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return copy;
}

/* Hive's texts have quotes of either kind. */
bool athena_phrase_string(struct athena_phrase *context, struct mr_slice *ret)
{
    const struct athena_token *token = context->parser.next;
    if (token->kind != ATHENA_TOKEN_STRING &&
        (token->kind != ATHENA_TOKEN_QUOTED || token->backtick)) {
        athena_mismatch(&context->parser, "<string>");
        return false;
    }
    *ret = unescape(context->parser.arena, context->parser.next->value);
    context->parser.next++;
    return true;
}

bool athena_phrase_if_not_exists(struct athena_phrase *context)
{
    if (!athena_take(&context->parser, "IF"))
        return true;
    context->statement->if_not_exists = true;
    return athena_expect(&context->parser, "NOT") && athena_expect(&context->parser, "EXISTS");
}

bool athena_phrase_if_exists(struct athena_phrase *context)
{
    if (!athena_take(&context->parser, "IF"))
        return true;
    context->statement->if_exists = true;
    return athena_expect(&context->parser, "EXISTS");
}

static struct athena_pair *add_pair(struct athena_phrase *context, struct athena_pair **list)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = MR_NEW(context->parser.arena, struct athena_pair);
    return *list;
}

/* ('name' = 'value', ...) */
bool athena_phrase_properties(struct athena_phrase *context, struct athena_pair **list)
{
    if (!athena_expect(&context->parser, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, list);
        if (!athena_phrase_string(context, &pair->name) || !athena_expect(&context->parser, "=") ||
            !athena_phrase_string(context, &pair->value))
            return false;
    } while (athena_take(&context->parser, ","));
    return athena_expect(&context->parser, ")");
}

static bool ends_type(const struct athena_token *token)
{
    static const char *const words[] = {",", ")", ";", "COMMENT", "FIRST", "AFTER"};
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        if (athena_token_is(token, words[i]))
            return true;
    }
    return false;
}

/* Hive's type: the tokens up to a comma or parenthesis outside brackets, without blanks. */
static bool take_type(struct athena_phrase *context, struct mr_slice *ret)
{
    struct mr_buf buf = {0};
    int depth = 0;
    for (;; context->parser.next++) {
        const struct athena_token *token = context->parser.next;
        if (token->kind == ATHENA_TOKEN_END || token->kind == ATHENA_TOKEN_STRING)
            break;
        if (depth == 0 && ends_type(token))
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
bool athena_phrase_columns(struct athena_phrase *context, struct athena_pair **list)
{
    if (!athena_expect(&context->parser, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, list);
        if (!athena_phrase_name(context, &pair->name))
            return false;
        (void)athena_take(&context->parser, ":");
        if (!take_type(context, &pair->value))
            return false;
        if (athena_take(&context->parser, "COMMENT") &&
            !athena_phrase_string(context, &pair->comment))
            return false;
    } while (athena_take(&context->parser, ","));
    return athena_expect(&context->parser, ")");
}

static bool take_partition_value(struct athena_phrase *context, struct athena_pair *pair)
{
    const bool minus = athena_take(&context->parser, "-");
    const struct athena_token *token = context->parser.next;
    if (token->kind != ATHENA_TOKEN_INTEGER && token->kind != ATHENA_TOKEN_DECIMAL &&
        (minus || token->kind != ATHENA_TOKEN_STRING)) {
        athena_mismatch(&context->parser, "<string>, <integer>");
        return false;
    }
    pair->value = minus ? mr_arena_printf(context->parser.arena, "-%.*s", MR_ARG(token->value))
                        : token->value;
    context->parser.next++;
    return true;
}

static bool take_comparison(struct athena_phrase *context, struct athena_pair *pair)
{
    static const char *const ops[] = {"=", "<=", ">=", "<>", "!=", "<", ">"};
    const size_t count = context->statement->kind == STATEMENT_DROP_PARTITION ? MR_COUNT(ops) : 1;
    for (size_t i = 0; i < count; i++) {
        if (athena_take(&context->parser, ops[i])) {
            pair->op = ops[i];
            return true;
        }
    }
    return athena_expect(&context->parser, "=");
}

/* PARTITION (key = 'value', ...) */
static bool take_partition(struct athena_phrase *context)
{
    struct athena_partition_spec **end = &context->statement->partitions;
    while (*end != NULL)
        end = &(*end)->next;
    struct athena_partition_spec *spec = *end =
        MR_NEW(context->parser.arena, struct athena_partition_spec);
    if (!athena_expect(&context->parser, "PARTITION") || !athena_expect(&context->parser, "("))
        return false;
    do {
        struct athena_pair *pair = add_pair(context, &spec->values);
        if (!athena_phrase_name(context, &pair->name) || !take_comparison(context, pair) ||
            !take_partition_value(context, pair))
            return false;
    } while (athena_take(&context->parser, ","));
    if (!athena_expect(&context->parser, ")"))
        return false;
    return !athena_take(&context->parser, "LOCATION") ||
           athena_phrase_string(context, &spec->location);
}

/* ---- SHOW and DESCRIBE ---- */

void athena_phrase_set(struct athena_phrase *context, enum athena_statement_kind kind,
                       const char *type, const char *substatement)
{
    context->statement->kind = kind;
    context->statement->type = type;
    context->statement->substatement = substatement;
}

static bool take_pattern(struct athena_phrase *context)
{
    (void)athena_take(&context->parser, "LIKE");
    if (context->parser.next->kind != ATHENA_TOKEN_STRING)
        return true;
    return athena_phrase_string(context, &context->statement->pattern);
}

static bool take_in(struct athena_phrase *context)
{
    if (!athena_take(&context->parser, "IN") && !athena_take(&context->parser, "FROM"))
        return true;
    return athena_phrase_name(context, &context->statement->database);
}

bool athena_parse_show(struct athena_phrase *context)
{
    if (athena_take(&context->parser, "DATABASES") || athena_take(&context->parser, "SCHEMAS")) {
        athena_phrase_set(context, STATEMENT_SHOW_DATABASES, "UTILITY", "SHOW_DATABASES");
        return take_pattern(context);
    }
    if (athena_take(&context->parser, "TABLES")) {
        athena_phrase_set(context, STATEMENT_SHOW_TABLES, "UTILITY", "SHOW_TABLES");
        return take_in(context) && take_pattern(context);
    }
    if (athena_take(&context->parser, "VIEWS")) {
        athena_phrase_set(context, STATEMENT_SHOW_VIEWS, "UTILITY", "SHOW_VIEWS");
        return take_in(context) && take_pattern(context);
    }
    if (athena_take(&context->parser, "PARTITIONS")) {
        athena_phrase_set(context, STATEMENT_SHOW_PARTITIONS, "UTILITY", "SHOW_PARTITIONS");
        return athena_phrase_table(context);
    }
    if (athena_take(&context->parser, "COLUMNS")) {
        athena_phrase_set(context, STATEMENT_SHOW_COLUMNS, "UTILITY", "SHOW_COLUMNS");
        if (!athena_take(&context->parser, "IN") && !athena_expect(&context->parser, "FROM"))
            return false;
        return athena_phrase_table(context) && take_in(context);
    }
    if (athena_take2(&context->parser, "CREATE", "TABLE")) {
        athena_phrase_set(context, STATEMENT_SHOW_CREATE_TABLE, "UTILITY", "SHOW_CREATE_TABLE");
        return athena_phrase_table(context);
    }
    if (athena_take2(&context->parser, "CREATE", "VIEW")) {
        athena_phrase_set(context, STATEMENT_SHOW_CREATE_VIEW, "UTILITY", "SHOW_CREATE_VIEW");
        return athena_phrase_table(context);
    }
    if (athena_take(&context->parser, "TBLPROPERTIES")) {
        athena_phrase_set(context, STATEMENT_SHOW_PROPERTIES, "UTILITY", "SHOW_TBLPROPERTIES");
        if (!athena_phrase_table(context) || !athena_take(&context->parser, "("))
            return !athena_failed(&context->parser);
        return athena_phrase_string(context, &context->statement->pattern) &&
               athena_expect(&context->parser, ")");
    }
    athena_mismatch(&context->parser,
                    "'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES', "
                    "'TBLPROPERTIES', 'VIEWS'");
    return false;
}

/* DESCRIBE [EXTENDED | FORMATTED] table [PARTITION (...)] [column], DESCRIBE VIEW view */
bool athena_parse_describe(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    const bool word = !athena_peek_at(parser, 1, ".") && parser->next[1].kind != ATHENA_TOKEN_END &&
                      !athena_peek_at(parser, 1, ";");
    athena_phrase_set(context, STATEMENT_DESCRIBE, "UTILITY", "DESCRIBE");
    if (word && athena_take(parser, "VIEW")) {
        athena_phrase_set(context, STATEMENT_DESCRIBE, "UTILITY", "DESCRIBE_VIEW");
        return athena_phrase_table(context);
    }
    if (word && athena_take(parser, "EXTENDED"))
        statement->extended = true;
    else if (word && athena_take(parser, "FORMATTED"))
        statement->formatted = true;
    if (!athena_phrase_table(context))
        return false;
    if (athena_peek(parser, "PARTITION") && !take_partition(context))
        return false;
    if (parser->next->kind == ATHENA_TOKEN_END || athena_peek(parser, ";"))
        return true;
    return athena_phrase_name(context, &statement->column);
}

/* ---- CREATE ---- */

static bool parse_create_database(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_CREATE_DATABASE, "DDL", "CREATE_DATABASE");
    if (!athena_phrase_if_not_exists(context) || !athena_phrase_name(context, &statement->name))
        return false;
    for (;;) {
        bool fine;
        if (athena_take(&context->parser, "COMMENT"))
            fine = athena_phrase_string(context, &statement->comment);
        else if (athena_take(&context->parser, "LOCATION"))
            fine = athena_phrase_string(context, &statement->location);
        else if (athena_take2(&context->parser, "WITH", "DBPROPERTIES"))
            fine = athena_phrase_properties(context, &statement->properties);
        else
            return true;
        if (!fine)
            return false;
    }
}

/* One clause of ROW FORMAT DELIMITED. False with no error: none is left. */
static bool take_delimiter(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    struct mr_slice *into;
    if (athena_take(parser, "FIELDS"))
        into = &statement->field_delimiter;
    else if (athena_take2(parser, "COLLECTION", "ITEMS"))
        into = &statement->collection_delimiter;
    else if (athena_take2(parser, "MAP", "KEYS"))
        into = &statement->map_delimiter;
    else if (athena_take(parser, "LINES"))
        into = &statement->line_delimiter;
    else if (athena_take(parser, "NULL"))
        return athena_expect(parser, "DEFINED") && athena_expect(parser, "AS") &&
               athena_phrase_string(context, &statement->null_text);
    else
        return false;
    return athena_expect(parser, "TERMINATED") && athena_expect(parser, "BY") &&
           athena_phrase_string(context, into) &&
           (!athena_take2(parser, "ESCAPED", "BY") ||
            athena_phrase_string(context, &statement->escape));
}

static bool parse_row_format(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    if (athena_take(&context->parser, "SERDE")) {
        if (!athena_phrase_string(context, &statement->serde))
            return false;
        return !athena_take2(&context->parser, "WITH", "SERDEPROPERTIES") ||
               athena_phrase_properties(context, &statement->serde_properties);
    }
    if (!athena_expect(&context->parser, "DELIMITED"))
        return false;
    while (take_delimiter(context))
        continue;
    return !athena_failed(&context->parser);
}

/* CLUSTERED BY (a, b) [SORTED BY (a ASC, ...)] INTO 4 BUCKETS, behind its first two words */
static bool parse_clustered(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    if (!athena_expect(parser, "("))
        return false;
    do {
        if (!athena_phrase_name(context, &add_pair(context, &statement->bucket_columns)->name))
            return false;
    } while (athena_take(parser, ","));
    if (!athena_expect(parser, ")"))
        return false;
    if (athena_take2(parser, "SORTED", "BY")) {
        if (!athena_expect(parser, "("))
            return false;
        do {
            struct athena_pair *pair = add_pair(context, &statement->sort_columns);
            if (!athena_phrase_name(context, &pair->name))
                return false;
            pair->op = athena_take(parser, "DESC") ? "DESC" : "ASC";
            (void)athena_take(parser, "ASC");
        } while (athena_take(parser, ","));
        if (!athena_expect(parser, ")"))
            return false;
    }
    if (!athena_expect(parser, "INTO"))
        return false;
    if (parser->next->kind != ATHENA_TOKEN_INTEGER ||
        mr_slice_to_i64(parser->next->value, &statement->bucket_count) != MR_OK) {
        athena_mismatch(parser, "<integer>");
        return false;
    }
    parser->next++;
    return athena_expect(parser, "BUCKETS");
}

static bool parse_stored(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    if (!athena_expect(&context->parser, "AS"))
        return false;
    if (!athena_take(&context->parser, "INPUTFORMAT"))
        return athena_phrase_name(context, &statement->stored_as);
    return athena_phrase_string(context, &statement->input_format) &&
           athena_expect(&context->parser, "OUTPUTFORMAT") &&
           athena_phrase_string(context, &statement->output_format);
}

static bool parse_table_clauses(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    for (;;) {
        bool fine;
        if (athena_take(&context->parser, "COMMENT"))
            fine = athena_phrase_string(context, &statement->comment);
        else if (athena_take2(&context->parser, "PARTITIONED", "BY"))
            fine = athena_phrase_columns(context, &statement->keys);
        else if (athena_take2(&context->parser, "CLUSTERED", "BY"))
            fine = parse_clustered(context);
        else if (athena_take2(&context->parser, "ROW", "FORMAT"))
            fine = parse_row_format(context);
        else if (athena_take2(&context->parser, "WITH", "SERDEPROPERTIES"))
            fine = athena_phrase_properties(context, &statement->serde_properties);
        else if (athena_take(&context->parser, "STORED"))
            fine = parse_stored(context);
        else if (athena_take(&context->parser, "LOCATION"))
            fine = athena_phrase_string(context, &statement->location);
        else if (athena_take(&context->parser, "TBLPROPERTIES"))
            fine = athena_phrase_properties(context, &statement->properties);
        else
            return true;
        if (!fine)
            return false;
    }
}

bool athena_phrase_unsupported(struct athena_phrase *context, const char *type,
                               const char *substatement, const char *text)
{
    athena_phrase_set(context, STATEMENT_UNSUPPORTED, type, substatement);
    context->statement->text = mr_slice_cstr(text);
    while (context->parser.next->kind != ATHENA_TOKEN_END)
        context->parser.next++;
    return true;
}

static bool parse_create_table(struct athena_phrase *context, bool external)
{
    if (!external) {
        if (!athena_phrase_if_not_exists(context) || !athena_phrase_table(context))
            return false;
        if (athena_peek(&context->parser, "WITH") || athena_peek(&context->parser, "AS"))
            return athena_parse_ctas(context);
        return athena_parse_iceberg_table(context);
    }
    athena_phrase_set(context, STATEMENT_CREATE_TABLE, "DDL", "CREATE_TABLE");
    return athena_phrase_if_not_exists(context) && athena_phrase_table(context) &&
           athena_phrase_columns(context, &context->statement->columns) &&
           parse_table_clauses(context);
}

static bool parse_create_view(struct athena_phrase *context, bool replace)
{
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_CREATE_VIEW, "DDL", "CREATE_VIEW");
    statement->replace = replace;
    if (!athena_phrase_table(context) || !athena_expect(&context->parser, "AS"))
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

bool athena_parse_create(struct athena_phrase *context)
{
    const bool replace = athena_take2(&context->parser, "OR", "REPLACE");
    if (athena_take(&context->parser, "VIEW"))
        return parse_create_view(context, replace);
    if (!replace &&
        (athena_take(&context->parser, "DATABASE") || athena_take(&context->parser, "SCHEMA")))
        return parse_create_database(context);
    if (!replace && athena_take2(&context->parser, "EXTERNAL", "TABLE"))
        return parse_create_table(context, true);
    if (!replace && athena_take(&context->parser, "TABLE"))
        return parse_create_table(context, false);
    athena_mismatch(&context->parser, "'DATABASE', 'EXTERNAL', 'OR', 'SCHEMA', 'TABLE', 'VIEW'");
    return false;
}

/* ---- DROP and ALTER ---- */

bool athena_parse_drop(struct athena_phrase *context)
{
    if (athena_take(&context->parser, "TABLE")) {
        athena_phrase_set(context, STATEMENT_DROP_TABLE, "DDL", "DROP_TABLE");
        return athena_phrase_if_exists(context) && athena_phrase_table(context);
    }
    if (athena_take(&context->parser, "VIEW")) {
        athena_phrase_set(context, STATEMENT_DROP_VIEW, "DDL", "DROP_VIEW");
        return athena_phrase_if_exists(context) && athena_phrase_table(context);
    }
    if (!athena_take(&context->parser, "DATABASE") && !athena_take(&context->parser, "SCHEMA")) {
        athena_mismatch(&context->parser, "'DATABASE', 'SCHEMA', 'TABLE', 'VIEW'");
        return false;
    }
    athena_phrase_set(context, STATEMENT_DROP_DATABASE, "DDL", "DROP_DATABASE");
    if (!athena_phrase_if_exists(context) ||
        !athena_phrase_name(context, &context->statement->name))
        return false;
    context->statement->cascade = athena_take(&context->parser, "CASCADE");
    (void)athena_take(&context->parser, "RESTRICT");
    return true;
}

static bool parse_partitions(struct athena_phrase *context, bool commas)
{
    do {
        if (!take_partition(context))
            return false;
    } while (commas ? athena_take(&context->parser, ",")
                    : athena_peek(&context->parser, "PARTITION"));
    return true;
}

/* ALTER DATABASE name SET DBPROPERTIES (...) */
static bool parse_alter_database(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_ALTER_DATABASE, "DDL", "ALTER_DATABASE_SET_DBPROPERTIES");
    return athena_phrase_name(context, &context->statement->name) &&
           athena_expect(&context->parser, "SET") &&
           athena_expect(&context->parser, "DBPROPERTIES") &&
           athena_phrase_properties(context, &context->statement->properties);
}

/* CHANGE [COLUMN] old new type [COMMENT 'text'] [FIRST | AFTER column] */
static bool parse_change_column(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    athena_phrase_set(context, STATEMENT_CHANGE_COLUMN, "DDL", "ALTER_TABLE_CHANGE_COLUMN");
    (void)athena_take(parser, "COLUMN");
    struct athena_pair *pair = add_pair(context, &statement->columns);
    if (!athena_phrase_name(context, &statement->column) ||
        !athena_phrase_name(context, &pair->name) || !take_type(context, &pair->value))
        return false;
    if (athena_take(parser, "COMMENT") && !athena_phrase_string(context, &pair->comment))
        return false;
    statement->first = athena_take(parser, "FIRST");
    return !athena_take(parser, "AFTER") || athena_phrase_name(context, &statement->after);
}

static bool parse_rename_table(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    const struct mr_slice catalog = statement->catalog, database = statement->database,
                          name = statement->name;
    athena_phrase_set(context, STATEMENT_RENAME_TABLE, "DDL", "ALTER_TABLE_RENAME");
    statement->database = MR_S("");
    if (!athena_phrase_table(context))
        return false;
    statement->new_database = statement->database.len > 0 ? statement->database : database;
    statement->new_name = statement->name;
    statement->catalog = catalog;
    statement->database = database;
    statement->name = name;
    return true;
}

/* Behind the PARTITION (...) that stands before what is done to it, if any. */
static bool parse_alter_partition(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    if (athena_take2(parser, "RENAME", "TO")) {
        if (statement->partitions == NULL)
            return parse_rename_table(context);
        athena_phrase_set(context, STATEMENT_RENAME_PARTITION, "DDL",
                          "ALTER_TABLE_RENAME_PARTITION");
        return take_partition(context);
    }
    if (athena_take2(parser, "SET", "LOCATION")) {
        athena_phrase_set(context, STATEMENT_SET_LOCATION, "DDL", "ALTER_TABLE_SET_LOCATION");
        return athena_phrase_string(context, &statement->location);
    }
    if (athena_take2(parser, "ADD", "COLUMNS")) {
        athena_phrase_set(context, STATEMENT_ADD_COLUMNS, "DDL", "ALTER_TABLE_ADD_COLUMNS");
        return athena_phrase_columns(context, &statement->columns);
    }
    if (athena_take2(parser, "REPLACE", "COLUMNS")) {
        athena_phrase_set(context, STATEMENT_REPLACE_COLUMNS, "DDL", "ALTER_TABLE_REPLACE_COLUMNS");
        return athena_phrase_columns(context, &statement->columns);
    }
    if (athena_take(parser, "CHANGE"))
        return parse_change_column(context);
    athena_mismatch(parser, "'ADD', 'CHANGE', 'DROP', 'RENAME', 'REPLACE', 'SET'");
    return false;
}

/* ('name', ...) */
static bool take_names(struct athena_phrase *context, struct athena_pair **list)
{
    if (!athena_expect(&context->parser, "("))
        return false;
    do {
        if (!athena_phrase_string(context, &add_pair(context, list)->name))
            return false;
    } while (athena_take(&context->parser, ","));
    return athena_expect(&context->parser, ")");
}

bool athena_parse_alter(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_statement *statement = context->statement;
    if (athena_take(parser, "DATABASE") || athena_take(parser, "SCHEMA"))
        return parse_alter_database(context);
    if (!athena_expect(parser, "TABLE") || !athena_phrase_table(context))
        return false;
    if (athena_peek(parser, "ADD") && !athena_peek_at(parser, 1, "COLUMNS")) {
        parser->next++;
        athena_phrase_set(context, STATEMENT_ADD_PARTITION, "DDL", "ALTER_TABLE_ADD_PARTITION");
        return athena_phrase_if_not_exists(context) && parse_partitions(context, false);
    }
    if (athena_take2(parser, "DROP", "COLUMN")) {
        athena_phrase_set(context, STATEMENT_DROP_COLUMN, "DDL", "ALTER_TABLE_DROP_COLUMN");
        return athena_phrase_name(context, &statement->column);
    }
    if (athena_take2(parser, "UNSET", "TBLPROPERTIES")) {
        athena_phrase_set(context, STATEMENT_UNSET_PROPERTIES, "DDL",
                          "ALTER_TABLE_UNSET_TBLPROPERTIES");
        return take_names(context, &statement->properties);
    }
    if (athena_take(parser, "DROP")) {
        athena_phrase_set(context, STATEMENT_DROP_PARTITION, "DDL", "ALTER_TABLE_DROP_PARTITION");
        return athena_phrase_if_exists(context) && parse_partitions(context, true);
    }
    if (athena_take2(parser, "SET", "TBLPROPERTIES")) {
        athena_phrase_set(context, STATEMENT_SET_PROPERTIES, "DDL",
                          "ALTER_TABLE_SET_TBLPROPERTIES");
        return athena_phrase_properties(context, &statement->properties);
    }
    if (athena_peek(parser, "PARTITION") && !take_partition(context))
        return false;
    return parse_alter_partition(context);
}

bool athena_parse_repair(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_REPAIR, "DDL", "MSCK_REPAIR_TABLE");
    return athena_expect(&context->parser, "REPAIR") && athena_expect(&context->parser, "TABLE") &&
           athena_phrase_table(context);
}
