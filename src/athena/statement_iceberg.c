/* CREATE TABLE of Iceberg tables: no EXTERNAL, and columns that are transformed to partition by;
 * OPTIMIZE and VACUUM. */
#include "athena/phrase.h"

static struct athena_pair *add(struct athena_phrase *context, struct athena_pair **list)
{
    while (*list != NULL)
        list = &(*list)->next;
    *list = MR_NEW(context->parser.arena, struct athena_pair);
    return *list;
}

/* Iceberg's word for a transform; Athena takes plurals, too. */
static const char *transform_named(struct mr_slice word)
{
    static const char *const names[][2] = {
        {"year", "year"}, {"years", "year"},    {"month", "month"}, {"months", "month"},
        {"day", "day"},   {"days", "day"},      {"hour", "hour"},   {"hours", "hour"},
        {"date", "day"},  {"date_hour", "hour"}};
    for (size_t i = 0; i < MR_COUNT(names); i++)
        if (mr_slice_equal(word, mr_slice_cstr(names[i][0])))
            return names[i][1];
    return NULL;
}

/* c | day(c) | bucket(16, c) | truncate(10, c): name the column, value the transform */
static bool take_key(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    struct athena_pair *pair = add(context, &context->statement->keys);
    int64_t number;
    pair->value = MR_S("identity");
    if (!athena_phrase_name(context, &pair->name))
        return false;
    if (!athena_take(parser, "("))
        return true;
    const struct mr_slice word = pair->name;
    if (mr_slice_equal(word, MR_S("bucket")) || mr_slice_equal(word, MR_S("truncate"))) {
        if (parser->next->kind != ATHENA_TOKEN_INTEGER ||
            mr_slice_to_i64(parser->next->value, &number) != MR_OK) {
            athena_mismatch(parser, "<integer>");
            return false;
        }
        parser->next++;
        pair->value = mr_arena_printf(parser->arena, "%.*s[%lld]", MR_ARG(word), (long long)number);
        if (!athena_expect(parser, ","))
            return false;
    } else if (transform_named(word) != NULL) {
        pair->value = mr_slice_cstr(transform_named(word));
    } else {
        athena_mismatch(parser, "'BUCKET', 'DAY', 'HOUR', 'MONTH', 'TRUNCATE', 'YEAR'");
        return false;
    }
    return athena_phrase_name(context, &pair->name) && athena_expect(parser, ")");
}

static bool take_keys(struct athena_phrase *context)
{
    if (!athena_expect(&context->parser, "("))
        return false;
    do {
        if (!take_key(context))
            return false;
    } while (athena_take(&context->parser, ","));
    return athena_expect(&context->parser, ")");
}

bool athena_parse_iceberg_table(struct athena_phrase *context)
{
    struct athena_statement *statement = context->statement;
    struct athena_parser *parser = &context->parser;
    athena_phrase_set(context, STATEMENT_CREATE_ICEBERG, "DDL", "CREATE_TABLE");
    if (!athena_phrase_columns(context, &statement->columns))
        return false;
    for (;;) {
        bool fine;
        if (athena_take(parser, "COMMENT"))
            fine = athena_phrase_string(context, &statement->comment);
        else if (athena_take2(parser, "PARTITIONED", "BY"))
            fine = take_keys(context);
        else if (athena_take(parser, "LOCATION"))
            fine = athena_phrase_string(context, &statement->location);
        else if (athena_take(parser, "TBLPROPERTIES"))
            fine = athena_phrase_properties(context, &statement->properties);
        else
            return true;
        if (!fine)
            return false;
    }
}

/* [db.]t REWRITE DATA USING BIN_PACK [WHERE predicate] */
bool athena_parse_optimize(struct athena_phrase *context)
{
    struct athena_parser *parser = &context->parser;
    athena_phrase_set(context, STATEMENT_OPTIMIZE, "DML", "OPTIMIZE");
    if (!athena_phrase_table(context) || !athena_expect(parser, "REWRITE") ||
        !athena_expect(parser, "DATA") || !athena_expect(parser, "USING") ||
        !athena_expect(parser, "BIN_PACK"))
        return false;
    if (!athena_take(parser, "WHERE"))
        return true;
    context->statement->query = athena_parse_expression(parser);
    context->statement->parameters = parser->parameters;
    return context->statement->query != NULL;
}

bool athena_parse_vacuum(struct athena_phrase *context)
{
    athena_phrase_set(context, STATEMENT_VACUUM, "DML", "VACUUM");
    return athena_phrase_table(context);
}
