/* Expressions, loosest binding first: OR, AND, NOT, predicates, ||, + -, * / %, signs, postfixes.
 */
#include "athena/translate_json.h"

static struct athena_node *parse_value(struct athena_parser *parser);

static struct mr_slice lower(struct athena_parser *parser, struct mr_slice text)
{
    char *copy = mr_arena_alloc(parser->arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    return mr_slice_make(copy, text.len);
}

struct athena_node *athena_parse_expressions(struct athena_parser *parser)
{
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *item = athena_parse_expression(parser);
        if (item == NULL)
            return NULL;
        athena_list_add(&list, item);
    } while (athena_take(parser, ","));
    return list.first;
}

/* Expressions up to ')' or ']', which is taken. */
static struct athena_node *parse_list(struct athena_parser *parser, const char *end)
{
    if (athena_take(parser, end))
        return NULL;
    struct athena_node *first = athena_parse_expressions(parser);
    return first != NULL && athena_expect(parser, end) ? first : NULL;
}

/* ---- types ---- */

static struct athena_node *parse_row_fields(struct athena_parser *parser)
{
    struct athena_list list = athena_list_make();
    do {
        struct mr_slice name = MR_S("");
        /* A field is "name type" or only a type. */
        const struct athena_token *behind = parser->next + 1;
        if (athena_is_name(parser->next) && (athena_is_name(behind)))
            name = athena_parse_name(parser);
        struct athena_node *field = athena_parse_type(parser);
        if (field == NULL)
            return NULL;
        field->name = name;
        athena_list_add(&list, field);
    } while (athena_take(parser, ","));
    return list.first;
}

static struct athena_node *parse_type_parameters(struct athena_parser *parser)
{
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *parameter;
        if (parser->next->kind == ATHENA_TOKEN_INTEGER) {
            parameter = athena_node_new(parser, AST_INTEGER);
            parameter->text = parser->next->value;
            parser->next++;
        } else {
            parameter = athena_parse_type(parser);
        }
        if (parameter == NULL)
            return NULL;
        athena_list_add(&list, parameter);
    } while (athena_take(parser, ","));
    return list.first;
}

/* "timestamp(3) with time zone": the words behind the parameter belong to the name. */
static void parse_zone(struct athena_parser *parser, struct athena_node *type)
{
    if (athena_peek(parser, "WITH") && athena_peek_at(parser, 1, "TIME")) {
        parser->next += 2;
        if (athena_expect(parser, "ZONE"))
            type->text = mr_arena_printf(parser->arena, "%.*s with time zone", MR_ARG(type->text));
    } else if (athena_peek(parser, "WITHOUT") && athena_peek_at(parser, 1, "TIME")) {
        parser->next += 2;
        (void)athena_expect(parser, "ZONE");
    }
}

struct athena_node *athena_parse_type(struct athena_parser *parser)
{
    if (!athena_enter(parser))
        return NULL;
    struct athena_node *type = athena_node_new(parser, AST_TYPE);
    if (parser->next->kind != ATHENA_TOKEN_WORD)
        return athena_mismatch(parser, "<type>");
    type->text = lower(parser, parser->next->text);
    parser->next++;
    if (mr_slice_equal(type->text, MR_S("double")))
        (void)athena_take(parser, "PRECISION");
    if (athena_take(parser, "(")) {
        type->items = mr_slice_equal(type->text, MR_S("row")) ? parse_row_fields(parser)
                                                              : parse_type_parameters(parser);
        if (type->items == NULL || !athena_expect(parser, ")"))
            return NULL;
    }
    if (mr_slice_equal(type->text, MR_S("timestamp")) || mr_slice_equal(type->text, MR_S("time")))
        parse_zone(parser, type);
    athena_leave(parser);
    return athena_failed(parser) ? NULL : type;
}

/* ---- primaries ---- */

static struct athena_node *literal(struct athena_parser *parser, enum athena_kind kind)
{
    struct athena_node *node = athena_node_new(parser, kind);
    node->text = parser->next->value;
    parser->next++;
    return node;
}

static struct athena_node *parse_cast(struct athena_parser *parser, bool is_try)
{
    struct athena_node *node = athena_node_new(parser, AST_CAST);
    parser->next += 2; /* CAST ( */
    node->flags = is_try ? AST_TRY : 0;
    node->left = athena_parse_expression(parser);
    if (node->left == NULL || !athena_expect(parser, "AS"))
        return NULL;
    node->items = athena_parse_type(parser);
    return node->items != NULL && athena_expect(parser, ")") ? node : NULL;
}

static struct athena_node *parse_case(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_CASE);
    struct athena_list list = athena_list_make();
    parser->next++;
    if (!athena_peek(parser, "WHEN")) {
        node->left = athena_parse_expression(parser);
        if (node->left == NULL)
            return NULL;
    }
    while (athena_take(parser, "WHEN")) {
        struct athena_node *when = athena_node_new(parser, AST_WHEN);
        when->left = athena_parse_expression(parser);
        if (when->left == NULL || !athena_expect(parser, "THEN"))
            return NULL;
        when->right = athena_parse_expression(parser);
        if (when->right == NULL)
            return NULL;
        athena_list_add(&list, when);
    }
    node->items = list.first;
    if (node->items == NULL)
        return athena_mismatch(parser, "'WHEN'");
    if (athena_take(parser, "ELSE")) {
        node->right = athena_parse_expression(parser);
        if (node->right == NULL)
            return NULL;
    }
    return athena_expect(parser, "END") ? node : NULL;
}

static struct athena_node *parse_extract(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_EXTRACT);
    parser->next += 2;
    if (parser->next->kind != ATHENA_TOKEN_WORD)
        return athena_mismatch(parser, "<identifier>");
    node->text = lower(parser, parser->next->text);
    parser->next++;
    if (!athena_expect(parser, "FROM"))
        return NULL;
    node->left = athena_parse_expression(parser);
    return node->left != NULL && athena_expect(parser, ")") ? node : NULL;
}

static struct athena_node *call_node(struct athena_parser *parser, const char *name,
                                     struct athena_node *first, struct athena_node *second)
{
    struct athena_node *node = athena_node_new(parser, AST_CALL);
    node->text = mr_slice_cstr(name);
    node->items = first;
    if (first != NULL)
        first->next = second;
    return node;
}

/* TRIM([LEADING|TRAILING|BOTH] [characters FROM] text), TRIM(text) */
static struct athena_node *parse_trim(struct athena_parser *parser)
{
    const char *name = "trim";
    parser->next += 2;
    if (athena_take(parser, "LEADING"))
        name = "ltrim";
    else if (athena_take(parser, "TRAILING"))
        name = "rtrim";
    else
        (void)athena_take(parser, "BOTH");
    struct athena_node *characters = NULL, *text;
    if (!athena_take(parser, "FROM")) {
        characters = athena_parse_expression(parser);
        if (characters == NULL)
            return NULL;
        if (athena_take(parser, ")"))
            return call_node(parser, name, characters, NULL);
        if (strcmp(name, "trim") == 0 && athena_take(parser, ",")) { /* trim(text, characters) */
            text = characters;
            characters = athena_parse_expression(parser);
            return characters != NULL && athena_expect(parser, ")")
                       ? call_node(parser, name, text, characters)
                       : NULL;
        }
        if (!athena_expect(parser, "FROM"))
            return NULL;
    }
    text = athena_parse_expression(parser);
    if (text == NULL || !athena_expect(parser, ")"))
        return NULL;
    return call_node(parser, name, text, characters);
}

static struct athena_node *parse_position(struct athena_parser *parser)
{
    parser->next += 2;
    struct athena_node *part = parse_value(parser);
    if (part == NULL || !athena_expect(parser, "IN"))
        return NULL;
    struct athena_node *text = parse_value(parser);
    if (text == NULL || !athena_expect(parser, ")"))
        return NULL;
    return call_node(parser, "strpos", text, part);
}

/* SUBSTRING(text FROM start FOR length); the form with commas is an ordinary call. */
static struct athena_node *parse_substring(struct athena_parser *parser)
{
    parser->next += 2;
    struct athena_node *text = athena_parse_expression(parser);
    const bool words = text != NULL && athena_take(parser, "FROM");
    if (text == NULL || (!words && !athena_expect(parser, ",")))
        return NULL;
    struct athena_node *start = athena_parse_expression(parser);
    if (start == NULL)
        return NULL;
    if (words ? athena_take(parser, "FOR") : athena_take(parser, ",")) {
        start->next = athena_parse_expression(parser);
        if (start->next == NULL)
            return NULL;
    }
    return athena_expect(parser, ")") ? call_node(parser, "substr", text, start) : NULL;
}

static struct athena_node *parse_parenthesis(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_ROW);
    parser->next++;
    if (athena_peek(parser, "SELECT") || athena_peek(parser, "WITH") ||
        athena_peek(parser, "VALUES") || athena_peek(parser, "TABLE")) {
        node->kind = AST_SUBQUERY;
        node->left = athena_parse_query(parser);
        return node->left != NULL && athena_expect(parser, ")") ? node : NULL;
    }
    node->items = parse_list(parser, ")");
    if (node->items == NULL)
        return athena_mismatch(parser, "<expression>");
    return node->items->next == NULL ? node->items : node; /* one: only parentheses */
}

/* x -> body, (x, y) -> body. */
static bool is_lambda(const struct athena_parser *parser)
{
    if (athena_is_name(parser->next))
        return athena_peek_at(parser, 1, "->");
    if (!athena_peek(parser, "("))
        return false;
    size_t at = 1;
    while (athena_is_name(parser->next + at) && athena_peek_at(parser, at + 1, ","))
        at += 2;
    if (athena_is_name(parser->next + at))
        at++;
    return athena_peek_at(parser, at, ")") && athena_peek_at(parser, at + 1, "->");
}

static struct athena_node *parse_lambda(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_LAMBDA);
    struct athena_list list = athena_list_make();
    const bool many = athena_take(parser, "(");
    while (athena_is_name(parser->next)) {
        athena_list_add(&list, literal(parser, AST_NAME));
        if (!athena_take(parser, ","))
            break;
    }
    if ((many && !athena_expect(parser, ")")) || !athena_expect(parser, "->"))
        return NULL;
    node->items = list.first;
    if (node->items == NULL)
        return athena_unsupported(parser, "a lambda without arguments is not supported");
    node->left = athena_parse_expression(parser);
    return node->left == NULL ? NULL : node;
}

static bool parse_nulls(struct athena_parser *parser, struct athena_node *node)
{
    if (athena_take2(parser, "IGNORE", "NULLS"))
        node->flags |= AST_IGNORE_NULLS;
    else if (athena_take2(parser, "RESPECT", "NULLS"))
        node->flags |= AST_RESPECT_NULLS;
    return true;
}

/* What may stand behind the parentheses of a call. */
static bool parse_call_suffix(struct athena_parser *parser, struct athena_node *node)
{
    if (athena_take2(parser, "WITHIN", "GROUP")) {
        node->flags |= AST_WITHIN_GROUP;
        if (!athena_expect(parser, "(") || !athena_expect(parser, "ORDER") ||
            !athena_expect(parser, "BY"))
            return false;
        node->order = athena_parse_order(parser);
        if (node->order == NULL || !athena_expect(parser, ")"))
            return false;
    }
    if (athena_peek(parser, "FILTER") && athena_peek_at(parser, 1, "(")) {
        parser->next += 2;
        if (!athena_expect(parser, "WHERE"))
            return false;
        node->left = athena_parse_expression(parser);
        if (node->left == NULL || !athena_expect(parser, ")"))
            return false;
    }
    parse_nulls(parser, node);
    if (!athena_take(parser, "OVER"))
        return true;
    if (athena_take(parser, "(")) {
        node->right = athena_parse_window(parser);
    } else {
        node->right = athena_node_new(parser, AST_WINDOW);
        node->right->name = athena_parse_name(parser);
    }
    return node->right != NULL && !athena_failed(parser);
}

/* Of listagg: ON OVERFLOW ERROR, which is what happens anyway, or
 * ON OVERFLOW TRUNCATE ['filler'] WITH|WITHOUT COUNT. */
static bool parse_overflow(struct athena_parser *parser, struct athena_node *call)
{
    if (!athena_take2(parser, "ON", "OVERFLOW") || athena_take(parser, "ERROR"))
        return !athena_failed(parser);
    if (!athena_take(parser, "TRUNCATE"))
        return athena_mismatch(parser, "'ERROR', 'TRUNCATE'") != NULL;
    call->flags |= AST_TRUNCATE;
    call->name = MR_S("...");
    if (parser->next->kind == ATHENA_TOKEN_STRING) {
        call->name = parser->next->value;
        parser->next++;
    }
    call->number = athena_take(parser, "WITH");
    if (call->number == 0 && !athena_take(parser, "WITHOUT"))
        return athena_mismatch(parser, "'WITH', 'WITHOUT'") != NULL;
    return athena_expect(parser, "COUNT");
}

static struct athena_node *parse_call(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_CALL);
    node->text = lower(parser, parser->next->value);
    parser->next += 2;
    if (athena_peek(parser, "*") && athena_peek_at(parser, 1, ")")) {
        node->items = athena_node_new(parser, AST_STAR);
        parser->next += 2;
    } else {
        if (athena_take(parser, "DISTINCT"))
            node->flags |= AST_DISTINCT;
        else
            (void)athena_take(parser, "ALL");
        struct athena_list list = athena_list_make();
        while (!athena_peek(parser, ")") && !athena_peek(parser, "ORDER")) {
            struct athena_node *item = athena_parse_expression(parser);
            if (item == NULL)
                return NULL;
            if (athena_take2(parser, ".", "*")) { /* count(variable.*) */
                struct athena_node *star = athena_node_new(parser, AST_STAR);
                star->left = item;
                item = star;
            }
            athena_list_add(&list, item);
            if (!athena_take(parser, ","))
                break;
        }
        node->items = list.first;
        if (!parse_overflow(parser, node))
            return NULL;
        if (athena_take2(parser, "ORDER", "BY")) {
            node->order = athena_parse_order(parser);
            if (node->order == NULL)
                return NULL;
        }
        if (!athena_expect(parser, ")"))
            return NULL;
    }
    return parse_call_suffix(parser, node) ? node : NULL;
}

/* Words that begin something else than a name. NULL without error: none of them. */
static struct athena_node *parse_special(struct athena_parser *parser)
{
    static const char *const moments[] = {"current_date",    "current_timestamp", "localtimestamp",
                                          "current_time",    "localtime",         "current_user",
                                          "current_catalog", "current_schema"};
    const struct athena_token *behind = parser->next + 1;
    const bool call = athena_token_is(behind, "(");
    if (athena_peek(parser, "NULL"))
        return literal(parser, AST_NULL);
    if (athena_peek(parser, "TRUE") || athena_peek(parser, "FALSE"))
        return literal(parser, AST_BOOLEAN);
    if (athena_peek(parser, "CASE"))
        return parse_case(parser);
    if (call && athena_peek(parser, "CAST"))
        return parse_cast(parser, false);
    if (call && athena_peek(parser, "TRY_CAST"))
        return parse_cast(parser, true);
    struct athena_node *json = athena_parse_json(parser);
    if (json != NULL || athena_failed(parser))
        return json;
    if (call && athena_peek(parser, "EXTRACT"))
        return parse_extract(parser);
    if (call && athena_peek(parser, "TRIM"))
        return parse_trim(parser);
    if (call && athena_peek(parser, "POSITION"))
        return parse_position(parser);
    if (call && (athena_peek(parser, "SUBSTRING")))
        return parse_substring(parser);
    if (athena_peek(parser, "INTERVAL") &&
        (behind->kind == ATHENA_TOKEN_STRING || athena_token_is(behind, "-") ||
         athena_token_is(behind, "+")))
        return athena_parse_interval(parser);
    for (size_t i = 0; i < MR_COUNT(moments); i++) {
        if (athena_peek(parser, moments[i])) {
            struct athena_node *node = athena_node_new(parser, AST_CURRENT);
            node->text = mr_slice_cstr(moments[i]);
            parser->next++;
            if (call && behind[1].kind == ATHENA_TOKEN_INTEGER) {
                parser->next++;
                node->items = literal(parser, AST_INTEGER);
                return athena_expect(parser, ")") ? node : NULL;
            }
            return node;
        }
    }
    return NULL;
}

static struct athena_node *parse_bracketed(struct athena_parser *parser)
{
    struct athena_node *node;
    if (athena_peek(parser, "ARRAY") && athena_peek_at(parser, 1, "[")) {
        node = athena_node_new(parser, AST_ARRAY);
        parser->next += 2;
        node->items = parse_list(parser, "]");
    } else if (athena_peek(parser, "ROW") && athena_peek_at(parser, 1, "(")) {
        node = athena_node_new(parser, AST_ROW);
        parser->next += 2;
        node->items = parse_list(parser, ")");
    } else if (athena_peek(parser, "EXISTS") && athena_peek_at(parser, 1, "(")) {
        node = athena_node_new(parser, AST_EXISTS);
        parser->next += 2;
        node->left = athena_parse_query(parser);
        if (node->left == NULL || !athena_expect(parser, ")"))
            return NULL;
    } else {
        return NULL;
    }
    return athena_failed(parser) ? NULL : node;
}

static struct athena_node *parse_word(struct athena_parser *parser)
{
    struct athena_node *node = parse_special(parser);
    if (node == NULL && !athena_failed(parser))
        node = parse_bracketed(parser);
    if (node != NULL || athena_failed(parser))
        return node;
    const struct athena_token *behind = parser->next + 1;
    if (athena_is_name(behind) && athena_token_is(behind + 1, "(") &&
        (athena_peek(parser, "RUNNING") || athena_peek(parser, "FINAL"))) {
        const unsigned flag = athena_peek(parser, "FINAL") ? AST_FINAL : AST_RUNNING;
        parser->next++;
        node = parse_call(parser);
        if (node != NULL)
            node->flags |= flag;
        return node;
    }
    if (athena_token_is(behind, "(") &&
        (athena_is_name(parser->next) || athena_peek(parser, "GROUPING") ||
         athena_peek(parser, "NORMALIZE")))
        return parse_call(parser);
    /* TYPE 'text', of any name: whether there is such a type is not for the grammar to say. */
    if (behind->kind == ATHENA_TOKEN_STRING && parser->next->kind == ATHENA_TOKEN_WORD &&
        athena_is_name(parser->next)) {
        node = athena_node_new(parser, AST_TYPED);
        node->items = athena_node_new(parser, AST_TYPE);
        node->items->text = lower(parser, parser->next->text);
        node->text = behind->value;
        parser->next += 2;
        return node;
    }
    node = athena_node_new(parser, AST_NAME);
    node->flags = parser->next->kind == ATHENA_TOKEN_QUOTED ? AST_QUOTED : 0;
    node->text = athena_parse_name(parser);
    if (athena_peek(parser, "OVER") &&
        (athena_peek_at(parser, 1, "(") || athena_is_name(parser->next + 1)))
        return athena_unsupported(parser, "row pattern recognition in windows is not supported");
    return athena_failed(parser) ? NULL : node;
}

static struct athena_node *parse_primary(struct athena_parser *parser)
{
    switch (parser->next->kind) {
    case ATHENA_TOKEN_STRING: return literal(parser, AST_STRING);
    case ATHENA_TOKEN_BINARY: return literal(parser, AST_BINARY);
    case ATHENA_TOKEN_INTEGER: return literal(parser, AST_INTEGER);
    case ATHENA_TOKEN_DECIMAL: return literal(parser, AST_DECIMAL);
    case ATHENA_TOKEN_DOUBLE: return literal(parser, AST_DOUBLE);
    case ATHENA_TOKEN_WORD:
    case ATHENA_TOKEN_QUOTED: return parse_word(parser);
    default: break;
    }
    if (athena_peek(parser, "(") && !is_lambda(parser))
        return parse_parenthesis(parser);
    if (athena_peek(parser, "?")) {
        struct athena_node *node = literal(parser, AST_PARAMETER);
        node->number = parser->parameters++;
        return node;
    }
    return athena_mismatch(parser, "<expression>");
}

/* moment AT TIME ZONE 'zone' */
static struct athena_node *parse_at_zone(struct athena_parser *parser, struct athena_node *moment)
{
    parser->next += 2;
    if (!athena_expect(parser, "ZONE"))
        return NULL;
    struct athena_node *zone = parse_primary(parser);
    if (zone == NULL || (zone->kind == AST_INTERVAL && !athena_parse_zone_interval(parser, zone)))
        return NULL;
    return call_node(parser, "at_timezone", moment, zone);
}

static struct athena_node *parse_postfix(struct athena_parser *parser)
{
    struct athena_node *node = parse_primary(parser);
    size_t links = 0;
    while (node != NULL && athena_link(parser, &links)) {
        struct athena_node *outer = athena_node_new(parser, AST_DOT);
        if (athena_peek(parser, ".") && athena_peek_at(parser, 1, "*")) {
            return node; /* of a select list: "t.*" */
        } else if (athena_take(parser, ".")) {
            outer->left = node;
            outer->text = parser->next->kind == ATHENA_TOKEN_WORD ? parser->next->text : MR_S("");
            if (outer->text.len > 0)
                parser->next++;
            else
                outer->text = athena_parse_name(parser);
            outer->line = node->line;
            outer->column = node->column;
        } else if (athena_take(parser, "[")) {
            outer->kind = AST_SUBSCRIPT;
            outer->left = node;
            outer->right = athena_parse_expression(parser);
            if (outer->right == NULL || !athena_expect(parser, "]"))
                return NULL;
        } else if (athena_peek(parser, "AT") && athena_peek_at(parser, 1, "TIME")) {
            outer = parse_at_zone(parser, node);
        } else {
            return node;
        }
        node = athena_failed(parser) ? NULL : outer;
    }
    return NULL;
}

static struct athena_node *parse_sign(struct athena_parser *parser)
{
    while (athena_take(parser, "+"))
        ;
    if (!athena_peek(parser, "-"))
        return parse_postfix(parser);
    struct athena_node *node = athena_node_new(parser, AST_MINUS);
    parser->next++;
    const bool integer = mr_slice_equal(parser->next->value, MR_S("2147483648"));
    if (integer || mr_slice_equal(parser->next->value, MR_S("9223372036854775808"))) {
        /* the sign belongs to the number: without it the number is of a wider type, or of none */
        node->kind = AST_TYPED;
        node->text = integer ? MR_S("-2147483648") : MR_S("-9223372036854775808");
        node->items = athena_node_new(parser, AST_TYPE);
        node->items->text = integer ? MR_S("integer") : MR_S("bigint");
        parser->next++;
        return node;
    }
    if (!athena_enter(parser))
        return NULL;
    node->left = parse_sign(parser);
    athena_leave(parser);
    return node->left == NULL ? NULL : node;
}

/* ---- operators ---- */

static struct athena_node *parse_chain(struct athena_parser *parser, const char *const *operators,
                                       struct athena_node *(*operand)(struct athena_parser *parser))
{
    struct athena_node *left = operand(parser);
    size_t links = 0;
    while (left != NULL && athena_link(parser, &links)) {
        size_t i = 0;
        while (operators[i] != NULL && !athena_peek(parser, operators[i]))
            i++;
        if (operators[i] == NULL)
            return left;
        struct athena_node *node = athena_node_new(parser, AST_OPERATOR);
        parser->next++;
        node->text = mr_slice_cstr(operators[i]);
        node->left = left;
        node->right = operand(parser);
        left = node->right == NULL ? NULL : node;
    }
    return NULL;
}

static struct athena_node *parse_product(struct athena_parser *parser)
{
    static const char *const operators[] = {"*", "/", "%", NULL};
    return parse_chain(parser, operators, parse_sign);
}

static struct athena_node *parse_sum(struct athena_parser *parser)
{
    static const char *const operators[] = {"+", "-", NULL};
    return parse_chain(parser, operators, parse_product);
}

static struct athena_node *parse_value(struct athena_parser *parser)
{
    static const char *const operators[] = {"||", NULL};
    return parse_chain(parser, operators, parse_sum);
}

static struct athena_node *parse_in(struct athena_parser *parser, struct athena_node *node)
{
    node->kind = AST_IN;
    if (!athena_expect(parser, "("))
        return NULL;
    if (athena_peek(parser, "SELECT") || athena_peek(parser, "WITH") ||
        athena_peek(parser, "VALUES")) {
        node->right = athena_parse_query(parser);
        return node->right != NULL && athena_expect(parser, ")") ? node : NULL;
    }
    node->items = parse_list(parser, ")");
    if (node->items == NULL)
        return athena_mismatch(parser, "<expression>");
    return node;
}

static struct athena_node *parse_is(struct athena_parser *parser, struct athena_node *node)
{
    if (athena_take(parser, "NOT"))
        node->flags |= AST_NEGATED;
    if (athena_take(parser, "NULL")) {
        node->kind = AST_IS_NULL;
        return node;
    }
    node->kind = AST_IS_DISTINCT;
    if (!athena_expect(parser, "DISTINCT") || !athena_expect(parser, "FROM"))
        return NULL;
    node->right = parse_value(parser);
    return node->right == NULL ? NULL : node;
}

static struct athena_node *parse_comparison(struct athena_parser *parser, struct athena_node *node,
                                            struct mr_slice operator)
{
    static const char *const quantifiers[] = {"ALL", "ANY", "SOME"};
    node->kind = AST_OPERATOR;
    node->text = operator;
    for (size_t i = 0; i < MR_COUNT(quantifiers); i++) {
        if (athena_peek(parser, quantifiers[i]) && athena_peek_at(parser, 1, "(")) {
            parser->next += 2;
            node->kind = AST_QUANTIFIED;
            node->name = mr_slice_cstr(quantifiers[i]);
            node->right = athena_parse_query(parser);
            return node->right != NULL && athena_expect(parser, ")") ? node : NULL;
        }
    }
    node->right = parse_value(parser);
    return node->right == NULL ? NULL : node;
}

/* One predicate behind `left`; `left` itself when there is none. */
static struct athena_node *parse_predicate(struct athena_parser *parser, struct athena_node *left)
{
    static const char *const comparisons[] = {"=", "<>", "!=", "<", "<=", ">", ">="};
    struct athena_node *node = athena_node_new(parser, AST_OPERATOR);
    node->left = left;
    for (size_t i = 0; i < MR_COUNT(comparisons); i++) {
        if (athena_take(parser, comparisons[i]))
            return parse_comparison(parser, node, mr_slice_cstr(comparisons[i]));
    }
    if (athena_take(parser, "IS"))
        return parse_is(parser, node);
    const bool negated = athena_peek(parser, "NOT") &&
                         (athena_peek_at(parser, 1, "IN") || athena_peek_at(parser, 1, "LIKE") ||
                          athena_peek_at(parser, 1, "BETWEEN"));
    parser->next += negated;
    node->flags = negated ? AST_NEGATED : 0;
    if (athena_take(parser, "IN"))
        return parse_in(parser, node);
    if (athena_take(parser, "LIKE")) {
        node->kind = AST_LIKE;
        node->right = parse_value(parser);
        if (node->right != NULL && athena_take(parser, "ESCAPE")) {
            node->third = parse_value(parser);
            if (node->third == NULL)
                return NULL;
        }
        return node->right == NULL ? NULL : node;
    }
    if (!athena_take(parser, "BETWEEN"))
        return left;
    node->kind = AST_BETWEEN;
    node->right = parse_value(parser);
    if (node->right == NULL || !athena_expect(parser, "AND"))
        return NULL;
    node->third = parse_value(parser);
    return node->third == NULL ? NULL : node;
}

static struct athena_node *parse_not(struct athena_parser *parser)
{
    if (athena_peek(parser, "NOT")) {
        struct athena_node *node = athena_node_new(parser, AST_NOT);
        parser->next++;
        if (!athena_enter(parser))
            return NULL;
        node->left = parse_not(parser);
        athena_leave(parser);
        return node->left == NULL ? NULL : node;
    }
    struct athena_node *node = parse_value(parser), *before = NULL;
    size_t links = 0;
    while (node != NULL && node != before) {
        if (!athena_link(parser, &links))
            return NULL;
        before = node;
        node = parse_predicate(parser, before);
    }
    return node;
}

static struct athena_node *parse_junction(struct athena_parser *parser, const char *word,
                                          enum athena_kind kind,
                                          struct athena_node *(*operand)(struct athena_parser *))
{
    struct athena_node *left = operand(parser);
    size_t links = 0;
    while (left != NULL && athena_peek(parser, word)) {
        if (!athena_link(parser, &links))
            return NULL;
        struct athena_node *node = athena_node_new(parser, kind);
        parser->next++;
        node->left = left;
        node->right = operand(parser);
        left = node->right == NULL ? NULL : node;
    }
    return left;
}

static struct athena_node *parse_and(struct athena_parser *parser)
{
    return parse_junction(parser, "AND", AST_AND, parse_not);
}

struct athena_node *athena_parse_expression(struct athena_parser *parser)
{
    if (!athena_enter(parser))
        return NULL;
    struct athena_node *node =
        is_lambda(parser) ? parse_lambda(parser) : parse_junction(parser, "OR", AST_OR, parse_and);
    athena_leave(parser);
    return athena_fits(parser, node) ? node : NULL;
}
