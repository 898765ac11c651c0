/* PartiQL: names, paths, operands and conditions. */
#include "item/check.h"
#include "item/partiql_parser.h"

/* ---- operands ---- */

struct item_node *item_partiql_node(struct partiql_parser *parser, enum item_node_kind kind,
                                    size_t count)
{
    struct item_node *node = MR_NEW(parser->arena, struct item_node);
    node->kind = kind;
    node->count = count;
    node->args = MR_NEW_ARRAY(parser->arena, struct item_node *, count + 1);
    return node;
}

struct mr_slice item_partiql_name(struct partiql_parser *parser)
{
    struct mr_slice name = parser->token.text;
    if (parser->token.kind != TOKEN_WORD && parser->token.kind != TOKEN_QUOTED)
        item_partiql_fail(parser, "Expected identifier");
    else if (name.len == 0)
        item_partiql_fail(parser, "Expected identifier for simple path");
    else if (item_partiql_at_keyword(parser))
        item_partiql_fail(parser, "Unexpected keyword");
    else
        item_partiql_take(parser);
    return name;
}

/* Behind a '[': 0], 'name'], "name"] */
static struct item_step parse_index(struct partiql_parser *parser)
{
    struct item_step step = {.index = 0};
    const bool negative = item_partiql_accept_sign(parser, MR_S("-"));
    const struct partiql_token *token = &parser->token;
    const bool quoted = token->kind == TOKEN_STRING || token->kind == TOKEN_QUOTED;
    int64_t index = 0;
    if (!negative && quoted && token->text.len > 0) {
        step.name = token->text;
    } else if (token->kind != TOKEN_NUMBER || mr_slice_find(token->text, '.') != SIZE_MAX) {
        item_partiql_fail(parser, "Expected an index");
    } else if (mr_slice_to_i64(token->text, &index) != MR_OK || index > INT32_MAX ||
               (negative && index > 0)) {
        item_partiql_fail_at(parser, token,
                             "List index is not within the allowable range; index: [%s%.*s]",
                             negative ? "-" : "", MR_ARG(token->text));
    }
    step.index = (size_t)index;
    item_partiql_take(parser);
    item_partiql_expect_sign(parser, MR_S("]"));
    return step;
}

/* name, "name", .name, [0], ['name'] */
struct item_path item_partiql_path(struct partiql_parser *parser)
{
    size_t cap = 4;
    struct item_path path = {.steps = MR_NEW_ARRAY(parser->arena, struct item_step, cap)};
    path.steps[path.count++].name = item_partiql_name(parser);
    while (parser->status == MR_OK) {
        struct item_step step = {.index = 0};
        if (item_partiql_accept_sign(parser, MR_S("."))) {
            if (item_partiql_at_keyword(parser))
                item_partiql_fail(parser, "Invalid path dot component");
            step.name = item_partiql_name(parser);
        } else if (item_partiql_accept_sign(parser, MR_S("["))) {
            step = parse_index(parser);
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

/* The first thing that is wrong whatever the item, if there is one. */
static void refuse_text(struct partiql_parser *parser, struct mr_slice text)
{
    if (text.ptr != NULL)
        item_partiql_fail_text(parser, MR_INVALID, text);
}

static void check_call(struct partiql_parser *parser, const struct item_node *node)
{
    struct mr_arena *arena = parser->arena;
    if (parser->status != MR_OK || is_set_function(node))
        return;
    if (node->count == 2 && node->kind != ITEM_NODE_LIST_APPEND)
        refuse_text(parser, item_check_distinct(arena, node->function, node));
    refuse_text(parser, item_check_call(arena, node));
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
    struct item_node *node = item_partiql_node(parser, function->kind, function->operands);
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
            *slot = item_partiql_operand(parser);
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
    check_call(parser, node);
    return node;
}

static bool is_literal(const struct partiql_parser *parser)
{
    static const struct mr_slice signs[] = {MR_S_INIT("?"), MR_S_INIT("-"), MR_S_INIT("+"),
                                            MR_S_INIT("["), MR_S_INIT("{"), MR_S_INIT("<<")};
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

static struct item_node *parse_parentheses(struct partiql_parser *parser)
{
    item_partiql_take(parser);
    if (!item_partiql_enter(parser, ITEM_PARTIQL_DEPTH_MAX))
        return item_partiql_node(parser, ITEM_NODE_PATH, 0);
    struct item_node *node = item_partiql_sum(parser);
    parser->depth--;
    item_partiql_expect_sign(parser, MR_S(")"));
    return node;
}

struct item_node *item_partiql_operand(struct partiql_parser *parser)
{
    const struct function *function = function_here(parser);
    if (item_partiql_at_sign(parser, MR_S("(")))
        return parse_parentheses(parser);
    if (function != NULL)
        return parse_call(parser, function);
    if (item_partiql_at_call(parser))
        refuse_function(parser, &parser->token);
    if (item_partiql_at_word(parser, MR_S("MISSING")))
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("MISSING must be compared using IS operator"));
    bool literal = is_literal(parser);
    struct item_node *node =
        item_partiql_node(parser, literal ? ITEM_NODE_VALUE : ITEM_NODE_PATH, 0);
    if (literal)
        node->value = item_partiql_literal(parser);
    else
        node->path = item_partiql_path(parser);
    return node;
}

/* a + b - c */
struct item_node *item_partiql_sum(struct partiql_parser *parser)
{
    enum { OPERANDS_MAX = 100 };
    struct item_node *node = item_partiql_operand(parser);
    bool minus;
    for (unsigned count = 1; (minus = item_partiql_at_sign(parser, MR_S("-"))) ||
                             item_partiql_at_sign(parser, MR_S("+"));
         count++) {
        struct item_node *sum =
            item_partiql_node(parser, minus ? ITEM_NODE_SUBTRACT : ITEM_NODE_ADD, 2);
        item_partiql_take(parser);
        sum->args[0] = node;
        sum->args[1] = item_partiql_operand(parser);
        if (parser->status == MR_OK && (is_set_function(node) || is_set_function(sum->args[1])))
            refuse_function(parser, &parser->call);
        refuse_text(parser,
                    item_check_values(parser->arena, minus ? MR_S("-") : MR_S("+"), sum, ITEM_N));
        if (count == OPERANDS_MAX)
            item_partiql_fail(parser, "Too many operands of a sum");
        node = sum;
    }
    return node;
}

/* ---- conditions ---- */

void item_partiql_refuse_operator(struct partiql_parser *parser, const char *where)
{
    static const struct mr_slice signs[] = {MR_S_INIT("+"),   MR_S_INIT("-"), MR_S_INIT("*"),
                                            MR_S_INIT("/"),   MR_S_INIT("%"), MR_S_INIT("||"),
                                            MR_S_INIT("LIKE")};
    for (size_t i = 0; i < MR_COUNT(signs); i++) {
        if (item_partiql_at_sign(parser, signs[i]) || item_partiql_at_word(parser, signs[i]))
            item_partiql_fail_text(
                parser, MR_INVALID,
                mr_arena_printf(parser->arena,
                                "Unsupported operator in %s Expression. Operator: %.*s", where,
                                MR_ARG(mr_arena_lower(parser->arena, signs[i]))));
    }
}

static void require_operand(struct partiql_parser *parser, const struct item_node *node)
{
    item_partiql_refuse_operator(parser, "Condition");
    if (node->kind >= ITEM_NODE_ADD && node->function.len == 0)
        item_partiql_fail_text(
            parser, MR_INVALID,
            mr_arena_printf(parser->arena,
                            "Unsupported operator in Condition Expression. Operator: %s",
                            node->kind == ITEM_NODE_ADD ? "+" : "-"));
    else if (node->kind >= ITEM_NODE_ADD)
        refuse_function(parser, &parser->call);
    else if (node->kind != ITEM_NODE_PATH && node->kind != ITEM_NODE_VALUE &&
             node->kind != ITEM_NODE_SIZE)
        item_partiql_fail(parser, "Expected an operand");
}

static struct item_node *negated(struct partiql_parser *parser, struct item_node *node, bool negate)
{
    if (!negate)
        return node;
    struct item_node *not_node = item_partiql_node(parser, ITEM_NODE_NOT, 1);
    not_node->args[0] = node;
    return not_node;
}

static struct item_node *parse_in(struct partiql_parser *parser, struct item_node *left)
{
    enum { OPERANDS_MAX = 100 };
    struct item_node *node = item_partiql_node(parser, ITEM_NODE_IN, OPERANDS_MAX + 1);
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
        node->args[node->count] = item_partiql_operand(parser);
        require_operand(parser, node->args[node->count++]);
    } while (item_partiql_accept_sign(parser, MR_S(",")));
    item_partiql_expect_sign(parser, square ? MR_S("]") : MR_S(")"));
    if (parser->status == MR_OK)
        refuse_text(parser, item_check_distinct(parser->arena, MR_S("IN"), node));
    return node;
}

static struct item_node *parse_between(struct partiql_parser *parser, struct item_node *left)
{
    struct item_node *node = item_partiql_node(parser, ITEM_NODE_BETWEEN, 3);
    node->args[0] = left;
    node->args[1] = item_partiql_operand(parser);
    item_partiql_expect_word(parser, MR_S("AND"));
    node->args[2] = item_partiql_operand(parser);
    require_operand(parser, node->args[1]);
    require_operand(parser, node->args[2]);
    if (parser->status != MR_OK)
        return node;
    refuse_text(parser, item_check_distinct(parser->arena, MR_S("BETWEEN"), node));
    refuse_text(parser, item_check_ordered(parser->arena, MR_S("BETWEEN"), node));
    refuse_text(parser, item_check_bounds(parser->arena, node));
    return node;
}

static struct item_node *type_node(struct partiql_parser *parser, struct item_node *left,
                                   struct mr_slice type)
{
    struct item_node *node = item_partiql_node(parser, ITEM_NODE_ATTRIBUTE_TYPE, 2);
    node->args[0] = left;
    node->args[1] = item_partiql_node(parser, ITEM_NODE_VALUE, 0);
    node->args[1]->value = item_value_scalar(parser->arena, ITEM_S, type);
    return node;
}

/* After IS: the name of a type. AWS: of those that a bag or one kind of number has, none. */
static struct item_node *parse_type(struct partiql_parser *parser, struct item_node *left)
{
    static const struct {
        struct mr_slice name, type;
    } types[] = {
        {MR_S_INIT("NULL"), MR_S_INIT("NULL")},    {MR_S_INIT("BOOL"), MR_S_INIT("BOOL")},
        {MR_S_INIT("BOOLEAN"), MR_S_INIT("BOOL")}, {MR_S_INIT("STRING"), MR_S_INIT("S")},
        {MR_S_INIT("NUMERIC"), MR_S_INIT("N")},    {MR_S_INIT("BLOB"), MR_S_INIT("B")},
        {MR_S_INIT("LIST"), MR_S_INIT("L")},       {MR_S_INIT("STRUCT"), MR_S_INIT("M")},
        {MR_S_INIT("TUPLE"), MR_S_INIT("M")},
    };
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (item_partiql_accept_word(parser, types[i].name))
            return type_node(parser, left, types[i].type);
    }
    const bool whole = item_partiql_at_word(parser, MR_S("INT"));
    item_partiql_fail_text(
        parser, MR_INVALID,
        mr_arena_printf(parser->arena,
                        "Unsupported data type for IS operator: %.*s. Supported data types are "
                        "[MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]",
                        MR_ARG(whole ? MR_S("INTEGER") : parser->token.raw)));
    return left;
}

/* IS [NOT] MISSING, IS [NOT] STRING, ... */
static struct item_node *parse_is(struct partiql_parser *parser, struct item_node *left)
{
    bool negate = item_partiql_accept_word(parser, MR_S("NOT"));
    if (!item_partiql_accept_word(parser, MR_S("MISSING")))
        return negated(parser, parse_type(parser, left), negate);
    struct item_node *node = item_partiql_node(parser, ITEM_NODE_ATTRIBUTE_NOT_EXISTS, 1);
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
            *ret_sign = signs[i].kind == ITEM_NODE_NE ? "<>" : signs[i].sign.ptr;
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

#define NO_TRUTH "WHERE clause must contain an expression that resolves to a boolean"

static void require_truth(struct partiql_parser *parser, const struct item_node *node)
{
    if (node->kind >= ITEM_NODE_SIZE)
        item_partiql_fail_text(parser, MR_INVALID, MR_S(NO_TRUTH));
}

/* A value that stands first changes places with the path it is compared to, so that who looks for
 * keys finds them. */
static void turn(struct item_node *node)
{
    static const enum item_node_kind turned[] = {
        [ITEM_NODE_EQ] = ITEM_NODE_EQ, [ITEM_NODE_NE] = ITEM_NODE_NE, [ITEM_NODE_LT] = ITEM_NODE_GT,
        [ITEM_NODE_LE] = ITEM_NODE_GE, [ITEM_NODE_GT] = ITEM_NODE_LT, [ITEM_NODE_GE] = ITEM_NODE_LE,
    };
    struct item_node *first = node->args[0];
    if (first->kind != ITEM_NODE_VALUE || node->args[1]->kind != ITEM_NODE_PATH)
        return;
    node->args[0] = node->args[1];
    node->args[1] = first;
    node->kind = turned[node->kind];
}

/* What follows a first operand. */
static struct item_node *parse_comparison(struct partiql_parser *parser, struct item_node *left)
{
    enum item_node_kind kind;
    const char *sign;
    if (left->kind >= ITEM_NODE_ATTRIBUTE_EXISTS && left->kind <= ITEM_NODE_CONTAINS)
        return parse_truth(parser, left);
    require_operand(parser, left);
    if (item_partiql_accept_word(parser, MR_S("IS")))
        return parse_is(parser, left);
    bool negate = item_partiql_accept_word(parser, MR_S("NOT"));
    item_partiql_refuse_operator(parser, "Condition");
    if (item_partiql_accept_word(parser, MR_S("IN")))
        return negated(parser, parse_in(parser, left), negate);
    if (item_partiql_accept_word(parser, MR_S("BETWEEN")))
        return negated(parser, parse_between(parser, left), negate);
    if (negate || !accept_comparator(parser, &kind, &sign)) {
        item_partiql_fail_text(parser, MR_INVALID, MR_S(NO_TRUTH));
        return left;
    }
    struct item_node *node = item_partiql_node(parser, kind, 2);
    node->args[0] = left;
    node->args[1] = item_partiql_operand(parser);
    require_operand(parser, node->args[1]);
    if (parser->status != MR_OK)
        return node;
    struct mr_slice what = mr_slice_cstr(sign);
    refuse_text(parser, item_check_distinct(parser->arena, what, node));
    if (kind != ITEM_NODE_EQ && kind != ITEM_NODE_NE)
        refuse_text(parser, item_check_ordered(parser->arena, what, node));
    turn(node);
    return node;
}

static struct item_node *parse_or(struct partiql_parser *parser);

/* A condition in parentheses, or an operand in them that begins one. */
static struct item_node *parse_group(struct partiql_parser *parser)
{
    parser->groups++;
    struct item_node *node = parse_or(parser);
    parser->groups--;
    item_partiql_expect_sign(parser, MR_S(")"));
    return node;
}

static bool is_operand(const struct item_node *node)
{
    return node->kind >= ITEM_NODE_SIZE;
}

static struct item_node *parse_not(struct partiql_parser *parser)
{
    if (!item_partiql_enter(parser, ITEM_PARTIQL_DEPTH_MAX))
        return item_partiql_node(parser, ITEM_NODE_AND, 0);
    struct item_node *node;
    bool closed = false;
    if (item_partiql_accept_word(parser, MR_S("NOT"))) {
        node = negated(parser, parse_not(parser), true);
        require_truth(parser, node->args[0]);
    } else {
        bool group = item_partiql_accept_sign(parser, MR_S("("));
        node = group ? parse_group(parser) : item_partiql_operand(parser);
        bool compares = !group || is_operand(node);
        closed = parser->groups > 0 && item_partiql_at_sign(parser, MR_S(")"));
        if (compares && !(closed && is_operand(node)))
            node = parse_comparison(parser, node);
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
    require_truth(parser, left);
    size_t cap = 4;
    struct item_node *node = item_partiql_node(parser, kind, cap);
    node->args[0] = left;
    node->count = 1;
    while (item_partiql_accept_word(parser, word)) {
        if (node->count == cap) {
            node->args = mr_arena_realloc(parser->arena, node->args, cap * sizeof(node->args[0]),
                                          2 * cap * sizeof(node->args[0]));
            cap *= 2;
        }
        node->args[node->count] = parse_part(parser);
        require_truth(parser, node->args[node->count++]);
    }
    return node;
}

static struct item_node *parse_and(struct partiql_parser *parser)
{
    return parse_chain(parser, MR_S("AND"), ITEM_NODE_AND, parse_not);
}

static struct item_node *parse_or(struct partiql_parser *parser)
{
    return parse_chain(parser, MR_S("OR"), ITEM_NODE_OR, parse_and);
}

struct item_node *item_partiql_condition(struct partiql_parser *parser)
{
    struct item_node *node = parse_or(parser);
    require_truth(parser, node);
    return node;
}
