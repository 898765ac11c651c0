/* PartiQL: recursive descent into the trees of expressions. */
#include "item/partiql_parser.h"

/* ---- operands ---- */

static struct item_node *make_node(struct partiql_parser *parser, enum item_node_kind kind,
                                   size_t count)
{
    struct item_node *node = MR_NEW(parser->arena, struct item_node);
    node->kind = kind;
    node->count = count;
    node->args = MR_NEW_ARRAY(parser->arena, struct item_node *, count + 1);
    return node;
}

static struct mr_slice parse_name(struct partiql_parser *parser)
{
    struct mr_slice name = parser->token.text;
    if (parser->token.kind != TOKEN_WORD && parser->token.kind != TOKEN_QUOTED)
        item_partiql_fail(parser, "Expected identifier");
    else if (name.len == 0)
        item_partiql_fail(parser, "Expected identifier for simple path");
    else
        item_partiql_take(parser);
    return name;
}

/* name, "name", .name, [0], ['name'] */
static struct item_path parse_path(struct partiql_parser *parser)
{
    size_t cap = 4;
    struct item_path path = {.steps = MR_NEW_ARRAY(parser->arena, struct item_step, cap)};
    path.steps[path.count++].name = parse_name(parser);
    while (parser->status == MR_OK) {
        struct item_step step = {.index = 0};
        if (item_partiql_accept_sign(parser, MR_S("."))) {
            if (item_partiql_at_keyword(parser))
                item_partiql_fail(parser, "Invalid path dot component");
            step.name = parse_name(parser);
        } else if (item_partiql_accept_sign(parser, MR_S("["))) {
            int64_t index = 0;
            bool negative = item_partiql_accept_sign(parser, MR_S("-"));
            if (negative && parser->token.kind == TOKEN_NUMBER &&
                !mr_slice_equal(parser->token.text, MR_S("0")))
                item_partiql_fail_at(parser, &parser->token,
                                     "List index is not within the allowable range; index: [-%.*s]",
                                     MR_ARG(parser->token.text));
            if (parser->token.kind == TOKEN_STRING && parser->token.text.len > 0)
                step.name = parser->token.text;
            else if (parser->token.kind != TOKEN_NUMBER ||
                     mr_slice_to_i64(parser->token.text, &index) != MR_OK || index < 0)
                item_partiql_fail(parser, "Expected an index");
            step.index = (size_t)index;
            item_partiql_take(parser);
            item_partiql_expect_sign(parser, MR_S("]"));
        } else {
            break;
        }
        if (path.count == cap) {
            path.steps = mr_arena_realloc(parser->arena, path.steps, cap * sizeof(step),
                                          2 * cap * sizeof(step));
            cap *= 2;
        }
        path.steps[path.count++] = step;
    }
    return path;
}

static struct item_node *parse_condition(struct partiql_parser *parser);
static struct item_node *parse_operand(struct partiql_parser *parser);

static const struct function {
    struct mr_slice name;
    enum item_node_kind kind;
    size_t operands;
} functions[] = {
    {MR_S_INIT("begins_with"), ITEM_NODE_BEGINS_WITH, 2},
    {MR_S_INIT("contains"), ITEM_NODE_CONTAINS, 2},
    {MR_S_INIT("attribute_type"), ITEM_NODE_ATTRIBUTE_TYPE, 2},
    {MR_S_INIT("attribute_exists"), ITEM_NODE_ATTRIBUTE_EXISTS, 1},
    {MR_S_INIT("attribute_not_exists"), ITEM_NODE_ATTRIBUTE_NOT_EXISTS, 1},
    {MR_S_INIT("size"), ITEM_NODE_SIZE, 1},
    {MR_S_INIT("list_append"), ITEM_NODE_LIST_APPEND, 2},
    {MR_S_INIT("if_not_exists"), ITEM_NODE_IF_NOT_EXISTS, 2},
    {MR_S_INIT("set_add"), ITEM_NODE_ADD, 2},
    {MR_S_INIT("set_delete"), ITEM_NODE_SUBTRACT, 2},
};

static bool needs_path(enum item_node_kind kind, size_t at)
{
    return at == 0 && kind != ITEM_NODE_LIST_APPEND && kind != ITEM_NODE_BEGINS_WITH &&
           kind != ITEM_NODE_CONTAINS;
}

/* Functions of conditions take what a comparison takes, those of updates what SET takes. */
static bool may_be_operand(enum item_node_kind function, enum item_node_kind kind)
{
    if (kind == ITEM_NODE_PATH || kind == ITEM_NODE_VALUE)
        return true;
    if (function < ITEM_NODE_ADD)
        return kind == ITEM_NODE_SIZE;
    return kind == ITEM_NODE_IF_NOT_EXISTS || kind == ITEM_NODE_LIST_APPEND;
}

static bool is_set_function(const struct item_node *node)
{
    return node->function.len > 0 &&
           (node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT);
}

static void refuse_count(struct partiql_parser *parser, const struct item_node *node, size_t count)
{
    if (is_set_function(node)) {
        item_partiql_fail_at(parser, &parser->call, "%s must have exactly two arguments",
                             node->kind == ITEM_NODE_ADD ? "SET_ADD" : "SET_DELETE");
        return;
    }
    struct mr_slice text =
        mr_arena_printf(parser->arena,
                        "Incorrect number of operands for operator or function; operator or "
                        "function: %.*s, number of operands: %zu",
                        MR_ARG(node->function), count);
    item_partiql_fail_text(parser, MR_INVALID, text);
}

static void refuse_function(struct partiql_parser *parser, const struct partiql_token *token)
{
    item_partiql_fail_at(parser, token, "Unrecognized function: %.*s",
                         MR_ARG(mr_arena_lower(parser->arena, token->text)));
}

static void check_argument(struct partiql_parser *parser, const struct item_node *node, size_t at)
{
    enum item_node_kind kind = node->args[at]->kind;
    if (parser->status != MR_OK || is_set_function(node))
        return;
    if (needs_path(node->kind, at) && kind != ITEM_NODE_PATH)
        item_partiql_fail_text(parser, MR_INVALID,
                               mr_arena_printf(parser->arena,
                                               "Operator or function requires a document path; "
                                               "operator or function: %.*s",
                                               MR_ARG(node->function)));
    else if (!may_be_operand(node->kind, kind) && kind >= ITEM_NODE_ADD)
        refuse_function(parser, &parser->call);
    else if (!may_be_operand(node->kind, kind))
        item_partiql_fail(parser, "Expected an operand");
}

/* At a word before '(': a call. `function` is set, so that set_add differs from +. */
static struct item_node *parse_call(struct partiql_parser *parser, const struct function *function)
{
    struct item_node *node = make_node(parser, function->kind, function->operands);
    struct item_node *beyond; /* an argument more than the function takes */
    struct partiql_token call = parser->token;
    size_t count = 0;
    node->function = function->name;
    item_partiql_take(parser);
    item_partiql_expect_sign(parser, MR_S("("));
    if (!item_partiql_enter(parser, ITEM_PARTIQL_DEPTH_MAX))
        return node;
    struct partiql_token argument = parser->token;
    if (!item_partiql_at_sign(parser, MR_S(")"))) {
        do {
            struct item_node **slot = count < function->operands ? &node->args[count] : &beyond;
            *slot = parse_operand(parser);
            if (++count <= function->operands)
                check_argument(parser, node, count - 1);
        } while (item_partiql_accept_sign(parser, MR_S(",")));
    }
    parser->depth--;
    item_partiql_expect_sign(parser, MR_S(")"));
    parser->call = call;
    parser->argument = argument;
    if (parser->status == MR_OK && count != function->operands)
        refuse_count(parser, node, count);
    return node;
}

static bool is_literal(const struct partiql_parser *parser)
{
    static const struct mr_slice signs[] = {MR_S_INIT("?"), MR_S_INIT("-"), MR_S_INIT("["),
                                            MR_S_INIT("{"), MR_S_INIT("<<")};
    for (size_t i = 0; i < MR_COUNT(signs); i++) {
        if (item_partiql_at_sign(parser, signs[i]))
            return true;
    }
    return parser->token.kind == TOKEN_STRING || parser->token.kind == TOKEN_NUMBER ||
           item_partiql_at_word(parser, MR_S("true")) ||
           item_partiql_at_word(parser, MR_S("false")) ||
           item_partiql_at_word(parser, MR_S("null"));
}

static const struct function *function_here(const struct partiql_parser *parser)
{
    for (size_t i = 0; item_partiql_at_call(parser) && i < MR_COUNT(functions); i++) {
        if (mr_slice_equal_nocase(functions[i].name, parser->token.text))
            return &functions[i];
    }
    return NULL;
}

static struct item_node *parse_operand(struct partiql_parser *parser)
{
    const struct function *function = function_here(parser);
    if (function != NULL)
        return parse_call(parser, function);
    if (item_partiql_at_call(parser))
        refuse_function(parser, &parser->token);
    bool literal = is_literal(parser);
    struct item_node *node = make_node(parser, literal ? ITEM_NODE_VALUE : ITEM_NODE_PATH, 0);
    if (literal)
        node->value = item_partiql_literal(parser);
    else
        node->path = parse_path(parser);
    return node;
}

/* ---- conditions ---- */

static void require_operand(struct partiql_parser *parser, const struct item_node *node)
{
    if (node->kind >= ITEM_NODE_ADD)
        refuse_function(parser, &parser->call);
    else if (node->kind != ITEM_NODE_PATH && node->kind != ITEM_NODE_VALUE &&
             node->kind != ITEM_NODE_SIZE)
        item_partiql_fail(parser, "Expected an operand");
}

/* What has an order: numbers, strings, binaries. */
static void require_ordered(struct partiql_parser *parser, const struct item_node *node,
                            const char *sign)
{
    for (size_t i = 0; parser->status == MR_OK && i < node->count; i++) {
        enum item_type type = node->args[i]->value.type;
        if (node->args[i]->kind != ITEM_NODE_VALUE || type == ITEM_S || type == ITEM_N ||
            type == ITEM_B)
            continue;
        item_partiql_fail_text(parser, MR_INVALID,
                               mr_arena_printf(parser->arena,
                                               "Incorrect operand type for operator or function; "
                                               "operator or function: %s, operand type: %s",
                                               sign, item_type_name(type)));
    }
}

static struct item_node *negated(struct partiql_parser *parser, struct item_node *node, bool negate)
{
    if (!negate)
        return node;
    struct item_node *not_node = make_node(parser, ITEM_NODE_NOT, 1);
    not_node->args[0] = node;
    return not_node;
}

static struct item_node *parse_in(struct partiql_parser *parser, struct item_node *left)
{
    enum { OPERANDS_MAX = 100 };
    struct item_node *node = make_node(parser, ITEM_NODE_IN, OPERANDS_MAX + 1);
    bool square = item_partiql_at_sign(parser, MR_S("["));
    node->args[0] = left;
    node->count = 1;
    if (!square && !item_partiql_at_sign(parser, MR_S("(")))
        item_partiql_fail(parser, "Expected a list");
    item_partiql_take(parser);
    do {
        if (node->count > OPERANDS_MAX) {
            item_partiql_fail(parser, "Too many operands of IN");
            break;
        }
        node->args[node->count] = parse_operand(parser);
        require_operand(parser, node->args[node->count++]);
    } while (item_partiql_accept_sign(parser, MR_S(",")));
    item_partiql_expect_sign(parser, square ? MR_S("]") : MR_S(")"));
    return node;
}

static struct item_node *parse_between(struct partiql_parser *parser, struct item_node *left)
{
    struct item_node *node = make_node(parser, ITEM_NODE_BETWEEN, 3);
    node->args[0] = left;
    node->args[1] = parse_operand(parser);
    item_partiql_expect_word(parser, MR_S("AND"));
    node->args[2] = parse_operand(parser);
    require_operand(parser, node->args[1]);
    require_operand(parser, node->args[2]);
    require_ordered(parser, node, "BETWEEN");
    return node;
}

static struct item_node *type_node(struct partiql_parser *parser, struct item_node *left,
                                   struct mr_slice type)
{
    struct item_node *node = make_node(parser, ITEM_NODE_ATTRIBUTE_TYPE, 2);
    node->args[0] = left;
    node->args[1] = make_node(parser, ITEM_NODE_VALUE, 0);
    node->args[1]->value = item_value_scalar(parser->arena, ITEM_S, type);
    return node;
}

/* After IS: the name of a type, of which a bag has three. */
static struct item_node *parse_type(struct partiql_parser *parser, struct item_node *left)
{
    static const struct {
        struct mr_slice name, type;
    } types[] = {
        {MR_S_INIT("NULL"), MR_S_INIT("NULL")},    {MR_S_INIT("BOOL"), MR_S_INIT("BOOL")},
        {MR_S_INIT("BOOLEAN"), MR_S_INIT("BOOL")}, {MR_S_INIT("STRING"), MR_S_INIT("S")},
        {MR_S_INIT("NUMERIC"), MR_S_INIT("N")},    {MR_S_INIT("INT"), MR_S_INIT("N")},
        {MR_S_INIT("INTEGER"), MR_S_INIT("N")},    {MR_S_INIT("DECIMAL"), MR_S_INIT("N")},
        {MR_S_INIT("FLOAT"), MR_S_INIT("N")},      {MR_S_INIT("BLOB"), MR_S_INIT("B")},
        {MR_S_INIT("LIST"), MR_S_INIT("L")},       {MR_S_INIT("STRUCT"), MR_S_INIT("M")},
        {MR_S_INIT("TUPLE"), MR_S_INIT("M")},
    };
    static const struct mr_slice sets[] = {MR_S_INIT("SS"), MR_S_INIT("NS"), MR_S_INIT("BS")};
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (item_partiql_accept_word(parser, types[i].name))
            return type_node(parser, left, types[i].type);
    }
    struct item_node *node = make_node(parser, ITEM_NODE_OR, MR_COUNT(sets));
    for (size_t i = 0; i < MR_COUNT(sets); i++)
        node->args[i] = type_node(parser, left, sets[i]);
    if (item_partiql_accept_word(parser, MR_S("BAG")))
        return node;
    item_partiql_fail_text(
        parser, MR_INVALID,
        mr_arena_printf(parser->arena,
                        "Unsupported data type for IS operator: %.*s. Supported data types are "
                        "[MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]",
                        MR_ARG(parser->token.raw)));
    return node;
}

/* IS [NOT] MISSING, IS [NOT] STRING, ... */
static struct item_node *parse_is(struct partiql_parser *parser, struct item_node *left)
{
    bool negate = item_partiql_accept_word(parser, MR_S("NOT"));
    if (!item_partiql_accept_word(parser, MR_S("MISSING")))
        return negated(parser, parse_type(parser, left), negate);
    struct item_node *node = make_node(parser, ITEM_NODE_ATTRIBUTE_NOT_EXISTS, 1);
    node->args[0] = left;
    return negated(parser, node, negate);
}

static bool accept_comparator(struct partiql_parser *parser, enum item_node_kind *ret_kind,
                              const char **ret_sign)
{
    static const struct {
        struct mr_slice sign;
        enum item_node_kind kind;
    } signs[] = {
        {MR_S_INIT("="), ITEM_NODE_EQ},  {MR_S_INIT("<>"), ITEM_NODE_NE},
        {MR_S_INIT("!="), ITEM_NODE_NE}, {MR_S_INIT("<"), ITEM_NODE_LT},
        {MR_S_INIT("<="), ITEM_NODE_LE}, {MR_S_INIT(">"), ITEM_NODE_GT},
        {MR_S_INIT(">="), ITEM_NODE_GE},
    };
    for (size_t i = 0; i < MR_COUNT(signs); i++) {
        if (item_partiql_accept_sign(parser, signs[i].sign)) {
            *ret_kind = signs[i].kind;
            *ret_sign = signs[i].sign.ptr;
            return true;
        }
    }
    return false;
}

/* begins_with(a, 'x') = true */
static struct item_node *parse_truth(struct partiql_parser *parser, struct item_node *left)
{
    enum item_node_kind kind;
    const char *sign;
    if (!accept_comparator(parser, &kind, &sign))
        return left;
    bool truth = item_partiql_accept_word(parser, MR_S("true"));
    if (!truth)
        item_partiql_expect_word(parser, MR_S("false"));
    if (kind != ITEM_NODE_EQ && kind != ITEM_NODE_NE)
        item_partiql_fail(parser, "Unexpected token");
    return negated(parser, left, truth != (kind == ITEM_NODE_EQ));
}

static struct item_node *parse_comparison(struct partiql_parser *parser)
{
    struct item_node *left = parse_operand(parser);
    enum item_node_kind kind;
    const char *sign;
    if (left->kind >= ITEM_NODE_ATTRIBUTE_EXISTS && left->kind <= ITEM_NODE_CONTAINS)
        return parse_truth(parser, left);
    require_operand(parser, left);
    if (item_partiql_accept_word(parser, MR_S("IS")))
        return parse_is(parser, left);
    bool negate = item_partiql_accept_word(parser, MR_S("NOT"));
    if (item_partiql_accept_word(parser, MR_S("IN")))
        return negated(parser, parse_in(parser, left), negate);
    if (item_partiql_accept_word(parser, MR_S("BETWEEN")))
        return negated(parser, parse_between(parser, left), negate);
    if (negate || !accept_comparator(parser, &kind, &sign)) {
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("WHERE clause must contain an expression that resolves to a "
                                    "boolean"));
        return left;
    }
    struct item_node *node = make_node(parser, kind, 2);
    node->args[0] = left;
    node->args[1] = parse_operand(parser);
    require_operand(parser, node->args[1]);
    if (kind != ITEM_NODE_EQ && kind != ITEM_NODE_NE)
        require_ordered(parser, node, sign);
    return node;
}

static struct item_node *parse_not(struct partiql_parser *parser)
{
    if (!item_partiql_enter(parser, ITEM_PARTIQL_DEPTH_MAX))
        return make_node(parser, ITEM_NODE_AND, 0);
    struct item_node *node;
    if (item_partiql_accept_word(parser, MR_S("NOT"))) {
        node = negated(parser, parse_not(parser), true);
    } else if (item_partiql_accept_sign(parser, MR_S("("))) {
        node = parse_condition(parser);
        item_partiql_expect_sign(parser, MR_S(")"));
    } else {
        node = parse_comparison(parser);
    }
    parser->depth--;
    return node;
}

static struct item_node *parse_chain(struct partiql_parser *parser, struct mr_slice word,
                                     enum item_node_kind kind,
                                     struct item_node *(*parse_part)(struct partiql_parser *parser))
{
    struct item_node *left = parse_part(parser);
    if (!item_partiql_at_word(parser, word))
        return left;
    size_t cap = 4;
    struct item_node *node = make_node(parser, kind, cap);
    node->args[0] = left;
    node->count = 1;
    while (item_partiql_accept_word(parser, word)) {
        if (node->count == cap) {
            node->args = mr_arena_realloc(parser->arena, node->args, cap * sizeof(node->args[0]),
                                          2 * cap * sizeof(node->args[0]));
            cap *= 2;
        }
        node->args[node->count++] = parse_part(parser);
    }
    return node;
}

static struct item_node *parse_and(struct partiql_parser *parser)
{
    return parse_chain(parser, MR_S("AND"), ITEM_NODE_AND, parse_not);
}

static struct item_node *parse_condition(struct partiql_parser *parser)
{
    return parse_chain(parser, MR_S("OR"), ITEM_NODE_OR, parse_and);
}

/* ---- statements ---- */

static void parse_where(struct partiql_parser *parser, struct item_statement *statement)
{
    if (item_partiql_accept_word(parser, MR_S("WHERE")))
        statement->where = parse_condition(parser);
}

static void parse_table(struct partiql_parser *parser, struct item_statement *statement)
{
    statement->table = parse_name(parser);
    if (item_partiql_accept_sign(parser, MR_S(".")))
        statement->index = parse_name(parser);
}

static void refuse_clauses(struct partiql_parser *parser)
{
    static const struct mr_slice others[] = {MR_S_INIT("LIMIT"), MR_S_INIT("GROUP"),
                                             MR_S_INIT("HAVING"), MR_S_INIT("OFFSET")};
    for (size_t i = 0; i < MR_COUNT(others); i++) {
        if (item_partiql_accept_word(parser, others[i]))
            item_partiql_fail_at(parser, &parser->token, "Unsupported clause: %s", others[i].ptr);
    }
}

/* What follows a table without being a clause of the statement. */
static void refuse_alias(struct partiql_parser *parser)
{
    static const struct mr_slice clauses[] = {MR_S_INIT("WHERE"), MR_S_INIT("ORDER"),
                                              MR_S_INIT("SET"), MR_S_INIT("REMOVE"),
                                              MR_S_INIT("RETURNING")};
    refuse_clauses(parser);
    for (size_t i = 0; i < MR_COUNT(clauses); i++) {
        if (item_partiql_at_word(parser, clauses[i]))
            return;
    }
    if (parser->token.kind == TOKEN_WORD || parser->token.kind == TOKEN_QUOTED)
        item_partiql_fail_text(parser, MR_INVALID, MR_S("Aliasing is not supported"));
}

static struct mr_slice shown_name(struct mr_arena *arena, const struct item_path *path)
{
    size_t at = path->count;
    while (path->steps[at - 1].name.ptr == NULL)
        at--;
    struct mr_slice name = path->steps[at - 1].name;
    for (; at < path->count; at++)
        name = mr_arena_printf(arena, "%.*s[%zu]", MR_ARG(name), path->steps[at].index);
    return name;
}

static void name_paths(struct partiql_parser *parser, struct item_statement *statement)
{
    if (parser->status != MR_OK)
        return;
    statement->names = MR_NEW_ARRAY(parser->arena, struct mr_slice, statement->path_count + 1);
    for (size_t i = 0; i < statement->path_count; i++) {
        struct mr_slice name = shown_name(parser->arena, &statement->paths[i]);
        statement->names[i] = name;
        for (size_t j = 0; j < i; j++) {
            if (mr_slice_equal(statement->names[j], name))
                item_partiql_fail_text(
                    parser, MR_INVALID,
                    mr_arena_printf(parser->arena, "Duplicate identifiers in select clause: %.*s",
                                    MR_ARG(name)));
        }
    }
}

static void parse_select(struct partiql_parser *parser, struct item_statement *statement)
{
    size_t cap = 8;
    statement->paths = MR_NEW_ARRAY(parser->arena, struct item_path, cap);
    if (!item_partiql_accept_sign(parser, MR_S("*"))) {
        do {
            if (statement->path_count == cap) {
                statement->paths = mr_arena_realloc(parser->arena, statement->paths,
                                                    cap * sizeof(struct item_path),
                                                    2 * cap * sizeof(struct item_path));
                cap *= 2;
            }
            if (item_partiql_at_call(parser))
                item_partiql_fail_at(parser, &parser->token, "Unexpected path component");
            statement->paths[statement->path_count++] = parse_path(parser);
        } while (item_partiql_accept_sign(parser, MR_S(",")));
    }
    if (item_partiql_at_word(parser, MR_S("AS")))
        item_partiql_fail_text(parser, MR_INVALID, MR_S("Aliasing is not supported"));
    item_partiql_expect_word(parser, MR_S("FROM"));
    parse_table(parser, statement);
    refuse_alias(parser);
    parse_where(parser, statement);
    name_paths(parser, statement);
    refuse_clauses(parser);
    if (!item_partiql_accept_word(parser, MR_S("ORDER")))
        return;
    item_partiql_expect_word(parser, MR_S("BY"));
    do {
        if (statement->order_count == ITEM_ORDERS_MAX) {
            item_partiql_fail(parser, "Too many attributes in ORDER BY clause");
            return;
        }
        struct item_order *order = &statement->orders[statement->order_count++];
        order->name = parse_name(parser);
        order->descending = item_partiql_accept_word(parser, MR_S("DESC"));
        if (!order->descending)
            item_partiql_accept_word(parser, MR_S("ASC"));
    } while (item_partiql_accept_sign(parser, MR_S(",")));
}

static void parse_insert(struct partiql_parser *parser, struct item_statement *statement)
{
    item_partiql_expect_word(parser, MR_S("INTO"));
    parse_table(parser, statement);
    if (item_partiql_at_word(parser, MR_S("VALUES")))
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("Unsupported operation: Inserting multiple items in a single "
                                    "statement is not supported, use \"INSERT INTO tableName "
                                    "VALUE item\" instead"));
    if (!item_partiql_accept_word(parser, MR_S("VALUE")))
        item_partiql_fail(parser, "Unexpected token after expression");
    if (!item_partiql_at_sign(parser, MR_S("{")) && !item_partiql_at_sign(parser, MR_S("?"))) {
        item_partiql_fail(parser, "Expected a tuple");
        return;
    }
    struct item_value value = item_partiql_literal(parser);
    if (parser->status != MR_OK)
        return;
    if (value.type != ITEM_M) {
        item_partiql_fail(parser, "Expected a tuple");
        return;
    }
    struct item_iter iter = item_iter_value(&value);
    struct item_field *fields = MR_NEW_ARRAY(parser->arena, struct item_field, iter.left + 1);
    size_t count = 0;
    while (item_iter_field(&iter, &fields[count].name, &fields[count].value))
        count++;
    statement->item = item_make(parser->arena, fields, count);
}

static bool paths_overlap(const struct item_path *a, const struct item_path *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct item_step *x = &a->steps[i], *y = &b->steps[i];
        if ((x->name.ptr == NULL) != (y->name.ptr == NULL))
            return true;
        if (x->name.ptr == NULL ? x->index != y->index : !mr_slice_equal(x->name, y->name))
            return false;
    }
    return true;
}

static void check_set_value(struct partiql_parser *parser, const struct item_node *node)
{
    if (node->kind < ITEM_NODE_PATH)
        item_partiql_fail(parser, "Expected a value to set");
}

static void check_set_function(struct partiql_parser *parser, const struct item_node *node,
                               const struct item_action *action, const char *what)
{
    const struct item_node *set = node->args[1];
    if (parser->status != MR_OK)
        return;
    if (node->args[0]->kind != ITEM_NODE_PATH || node->args[0]->path.count != action->path.count ||
        !paths_overlap(&node->args[0]->path, &action->path))
        item_partiql_fail_at(parser, &parser->call,
                             "The first argument to SET_%s must equal the assignment value", what);
    else if (set->kind != ITEM_NODE_VALUE || !item_type_is_set(set->value.type))
        item_partiql_fail_at(parser, &parser->argument,
                             "The second argument to SET_%s must be a value with type SET", what);
}

/* path = value, path = a + b, path = set_add(path, set) */
static void parse_set(struct partiql_parser *parser, struct item_action *action)
{
    action->kind = ITEM_SET;
    item_partiql_expect_sign(parser, MR_S("="));
    struct item_node *node = parse_operand(parser);
    bool minus = item_partiql_at_sign(parser, MR_S("-"));
    if (minus || item_partiql_at_sign(parser, MR_S("+"))) {
        struct item_node *sum = make_node(parser, minus ? ITEM_NODE_SUBTRACT : ITEM_NODE_ADD, 2);
        item_partiql_take(parser);
        sum->args[0] = node;
        sum->args[1] = parse_operand(parser);
        check_set_value(parser, sum->args[0]);
        check_set_value(parser, sum->args[1]);
        node = sum;
    } else if (node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT) {
        bool add = node->kind == ITEM_NODE_ADD;
        check_set_function(parser, node, action, add ? "ADD" : "DELETE");
        if (parser->status != MR_OK)
            return;
        action->kind = add ? ITEM_ADD : ITEM_DELETE;
        node = node->args[1];
    }
    check_set_value(parser, node);
    action->value = node;
}

static void parse_action(struct partiql_parser *parser, struct item_update *update, size_t *cap,
                         bool set)
{
    if (update->count == *cap) {
        update->actions =
            mr_arena_realloc(parser->arena, update->actions, *cap * sizeof(update->actions[0]),
                             2 * *cap * sizeof(update->actions[0]));
        *cap *= 2;
    }
    struct item_action *action = &update->actions[update->count++];
    *action = (struct item_action){.kind = ITEM_REMOVE, .path = parse_path(parser)};
    if (set)
        parse_set(parser, action);
    for (size_t i = 0; parser->status == MR_OK && i + 1 < update->count; i++) {
        if (paths_overlap(&update->actions[i].path, &action->path))
            item_partiql_fail(parser, "Two document paths overlap with each other");
    }
}

static void parse_returning(struct partiql_parser *parser, struct item_statement *statement)
{
    if (!item_partiql_accept_word(parser, MR_S("RETURNING")))
        return;
    bool all = item_partiql_accept_word(parser, MR_S("ALL"));
    if (!all)
        item_partiql_expect_word(parser, MR_S("MODIFIED"));
    bool old = item_partiql_accept_word(parser, MR_S("OLD"));
    if (!old)
        item_partiql_expect_word(parser, MR_S("NEW"));
    item_partiql_expect_sign(parser, MR_S("*"));
    statement->returning = old ? (all ? ITEM_RETURNING_ALL_OLD : ITEM_RETURNING_MODIFIED_OLD)
                               : (all ? ITEM_RETURNING_ALL_NEW : ITEM_RETURNING_MODIFIED_NEW);
    if (statement->kind == ITEM_STATEMENT_DELETE && statement->returning != ITEM_RETURNING_ALL_OLD)
        item_partiql_fail_text(
            parser, MR_INVALID,
            mr_arena_printf(parser->arena,
                            "Invalid returning clause: RETURNING %s %s *. Only RETURNING ALL OLD * "
                            "is allowed in DELETE statements.",
                            all ? "ALL" : "MODIFIED", old ? "OLD" : "NEW"));
}

static void parse_update(struct partiql_parser *parser, struct item_statement *statement)
{
    struct item_update *update = &statement->update;
    size_t cap = 8;
    update->actions = MR_NEW_ARRAY(parser->arena, struct item_action, cap);
    parse_table(parser, statement);
    refuse_alias(parser);
    for (bool set; (set = item_partiql_at_word(parser, MR_S("SET"))) ||
                   item_partiql_at_word(parser, MR_S("REMOVE"));) {
        item_partiql_take(parser);
        do
            parse_action(parser, update, &cap, set);
        while (item_partiql_accept_sign(parser, MR_S(",")));
    }
    if (update->count == 0)
        item_partiql_fail(parser, "Expected data manipulation");
    update->creates = true;
    update->paths = MR_NEW_ARRAY(parser->arena, struct item_path, update->count + 1);
    for (size_t i = 0; i < update->count; i++)
        update->paths[i] = update->actions[i].path;
    parse_where(parser, statement);
    parse_returning(parser, statement);
}

static void parse_statement(struct partiql_parser *parser, struct item_statement *statement)
{
    item_partiql_take(parser);
    if (item_partiql_accept_word(parser, MR_S("EXISTS"))) {
        item_partiql_expect_sign(parser, MR_S("("));
        item_partiql_expect_word(parser, MR_S("SELECT"));
        statement->kind = ITEM_STATEMENT_EXISTS;
        parse_select(parser, statement);
        item_partiql_expect_sign(parser, MR_S(")"));
    } else if (item_partiql_accept_word(parser, MR_S("SELECT"))) {
        statement->kind = ITEM_STATEMENT_SELECT;
        parse_select(parser, statement);
    } else if (item_partiql_accept_word(parser, MR_S("INSERT"))) {
        statement->kind = ITEM_STATEMENT_INSERT;
        parse_insert(parser, statement);
        if (item_partiql_at_word(parser, MR_S("RETURNING")))
            item_partiql_fail_text(parser, MR_INVALID,
                                   MR_S("RETURNING is not supported in INSERT"));
    } else if (item_partiql_accept_word(parser, MR_S("UPDATE"))) {
        statement->kind = ITEM_STATEMENT_UPDATE;
        parse_update(parser, statement);
    } else if (item_partiql_accept_word(parser, MR_S("DELETE"))) {
        statement->kind = ITEM_STATEMENT_DELETE;
        item_partiql_expect_word(parser, MR_S("FROM"));
        parse_table(parser, statement);
        refuse_alias(parser);
        parse_where(parser, statement);
        parse_returning(parser, statement);
    } else {
        item_partiql_fail(parser, "Expected data manipulation");
    }
    item_partiql_accept_sign(parser, MR_S(";"));
    if (parser->token.kind != TOKEN_END)
        item_partiql_fail(parser, "Unexpected token after expression");
}

enum mr_status item_partiql_parse(struct mr_arena *arena, struct mr_slice text,
                                  yyjson_val *parameters, struct item_statement *ret_statement,
                                  struct mr_slice *ret_error)
{
    struct partiql_parser parser = {.arena = arena,
                                    .start = text.ptr,
                                    .next = text.ptr,
                                    .end = text.ptr + text.len,
                                    .parameters = parameters,
                                    .status = MR_OK};
    struct item_statement statement = {.path_count = 0};
    parse_statement(&parser, &statement);
    if (parser.taken != yyjson_arr_size(parameters))
        item_partiql_fail_text(&parser, MR_INVALID,
                               MR_S("Number of parameters in request and statement don't match."));
    if (parser.status == MR_OK)
        *ret_statement = statement;
    else
        *ret_error = parser.error;
    return parser.status;
}
