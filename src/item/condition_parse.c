/* Condition expressions: recursive descent, or < and < not < comparison. */
#include "item/check.h"
#include "item/parser.h"

static const struct function {
    struct mr_slice name;
    enum item_node_kind kind;
    size_t operands;
} functions[] = {
    {MR_S_INIT("attribute_exists"), ITEM_NODE_ATTRIBUTE_EXISTS, 1},
    {MR_S_INIT("attribute_not_exists"), ITEM_NODE_ATTRIBUTE_NOT_EXISTS, 1},
    {MR_S_INIT("attribute_type"), ITEM_NODE_ATTRIBUTE_TYPE, 2},
    {MR_S_INIT("begins_with"), ITEM_NODE_BEGINS_WITH, 2},
    {MR_S_INIT("contains"), ITEM_NODE_CONTAINS, 2},
    {MR_S_INIT("size"), ITEM_NODE_SIZE, 1},
};

static struct item_node *parse_or(struct item_parser *parser);
static struct item_node *parse_primary(struct item_parser *parser);

static bool is_operand(const struct item_node *node)
{
    return node->kind >= ITEM_NODE_SIZE;
}

static bool is_function(const struct item_node *node)
{
    return node->kind >= ITEM_NODE_ATTRIBUTE_EXISTS && node->kind <= ITEM_NODE_SIZE;
}

static bool at_keyword(const struct item_parser *parser)
{
    return item_parser_is_word(parser, MR_S("AND")) || item_parser_is_word(parser, MR_S("OR")) ||
           item_parser_is_word(parser, MR_S("NOT")) || item_parser_is_word(parser, MR_S("IN")) ||
           item_parser_is_word(parser, MR_S("BETWEEN"));
}

/* Where a truth value must stand: a bare operand is a syntax error at what follows it; size() is
 * misused. */
static void require_condition(struct item_parser *parser, const struct item_node *node)
{
    if (parser->failed)
        return;
    if (node->kind == ITEM_NODE_SIZE)
        item_parser_note(parser, ERROR_MISUSED,
                         MR_S("The function is not allowed to be used this way in an expression; "
                              "function: size"));
    else if (is_operand(node))
        item_parser_syntax(parser);
}

/* Where an operand must stand. */
static void require_operand(struct item_parser *parser, const struct item_node *node)
{
    if (parser->failed || is_operand(node))
        return;
    if (is_function(node))
        item_parser_note(parser, ERROR_MISUSED,
                         mr_arena_printf(parser->arena,
                                         "The function is not allowed to be used this way in an "
                                         "expression; function: %.*s",
                                         MR_ARG(node->function)));
    else
        item_parser_syntax(parser);
}

static void add_arg(struct item_parser *parser, struct item_node *node, struct item_node *arg,
                    size_t *cap)
{
    if (node->count == *cap) {
        struct item_node **args = MR_NEW_ARRAY(parser->arena, struct item_node *, *cap * 2);
        memcpy(args, node->args, node->count * sizeof(args[0]));
        node->args = args;
        *cap *= 2;
    }
    node->args[node->count++] = arg;
}

static void parse_args(struct item_parser *parser, struct item_node *node)
{
    size_t cap = 4;
    node->args = MR_NEW_ARRAY(parser->arena, struct item_node *, cap);
    item_parser_expect(parser, MR_S("("));
    while (!parser->failed) {
        struct item_node *arg = parse_primary(parser);
        require_operand(parser, arg);
        add_arg(parser, node, arg, &cap);
        if (!item_parser_is_sign(parser, MR_S(",")))
            break;
        item_parser_take(parser);
    }
    if (!parser->failed)
        item_parser_expect(parser, MR_S(")"));
}

static void check_function(struct item_parser *parser, const struct item_node *node)
{
    if (node->count == 2)
        item_parser_note(parser, ERROR_DISTINCT,
                         item_check_distinct(parser->arena, node->function, node));
    item_parser_note(parser, ERROR_OPERAND, item_check_call(parser->arena, node));
}

static struct item_node *parse_call(struct item_parser *parser)
{
    struct item_node *node = item_parser_node(parser, ITEM_NODE_UNKNOWN, 0);
    node->function = parser->token.text;
    size_t operands = SIZE_MAX;
    for (size_t i = 0; i < MR_COUNT(functions); i++) {
        if (mr_slice_equal(functions[i].name, node->function)) {
            node->kind = functions[i].kind;
            operands = functions[i].operands;
        }
    }
    item_parser_operator(parser);
    item_parser_take(parser);
    if (!item_parser_enter(parser))
        return node;
    parse_args(parser, node);
    item_parser_leave(parser);
    if (parser->failed)
        return node;
    if (operands == SIZE_MAX)
        item_parser_note_function(parser, node->function, "a condition");
    else if (operands != node->count)
        item_parser_note(parser, ERROR_OPERAND_COUNT,
                         mr_arena_printf(parser->arena,
                                         "Incorrect number of operands for operator or function; "
                                         "operator or function: %.*s, number of operands: %zu",
                                         MR_ARG(node->function), node->count));
    else
        check_function(parser, node);
    return node;
}

static struct item_node *parse_parentheses(struct item_parser *parser)
{
    item_parser_take(parser);
    if (!item_parser_enter(parser))
        return item_parser_node(parser, ITEM_NODE_UNKNOWN, 0);
    struct item_node *node = parse_or(parser);
    item_parser_leave(parser);
    if (parser->failed)
        return node;
    item_parser_expect(parser, MR_S(")"));
    item_parser_parentheses(parser, node);
    return node;
}

/* An operand, a function call, or anything in parentheses. */
static struct item_node *parse_primary(struct item_parser *parser)
{
    if (item_parser_is_sign(parser, MR_S("(")))
        return parse_parentheses(parser);
    if (parser->token.kind == TOKEN_VALUE)
        return item_parser_value(parser);
    if (at_keyword(parser)) {
        item_parser_syntax(parser);
        return item_parser_node(parser, ITEM_NODE_UNKNOWN, 0);
    }
    if (item_parser_at_call(parser))
        return parse_call(parser);
    struct item_node *node = item_parser_node(parser, ITEM_NODE_PATH, 0);
    node->path = item_parser_path(parser);
    return node;
}

static bool comparator_of(const struct item_parser *parser, enum item_node_kind *ret_kind)
{
    static const struct {
        struct mr_slice sign;
        enum item_node_kind kind;
    } comparators[] = {
        {MR_S_INIT("="), ITEM_NODE_EQ}, {MR_S_INIT("<>"), ITEM_NODE_NE},
        {MR_S_INIT("<"), ITEM_NODE_LT}, {MR_S_INIT("<="), ITEM_NODE_LE},
        {MR_S_INIT(">"), ITEM_NODE_GT}, {MR_S_INIT(">="), ITEM_NODE_GE},
    };
    for (size_t i = 0; i < MR_COUNT(comparators); i++) {
        if (item_parser_is_sign(parser, comparators[i].sign)) {
            *ret_kind = comparators[i].kind;
            return true;
        }
    }
    return false;
}

/* Of the errors that AWS looks for comparison by comparison, keeps the first one's. */
static void settle_comparison(struct item_parser *parser)
{
    for (int error = ERROR_REFERENCE; error <= ERROR_OPERAND; error++) {
        if (parser->errors[error].ptr != NULL)
            item_parser_note(parser, ERROR_CONDITION, parser->errors[error]);
    }
}

static struct item_node *parse_between(struct item_parser *parser, struct item_node *left)
{
    struct item_node *node = item_parser_node(parser, ITEM_NODE_BETWEEN, 3);
    item_parser_take(parser);
    node->args[0] = left;
    node->args[1] = parse_primary(parser);
    require_operand(parser, node->args[1]);
    if (parser->failed)
        return node;
    if (!item_parser_is_word(parser, MR_S("AND"))) {
        item_parser_syntax(parser);
        return node;
    }
    item_parser_take(parser);
    node->args[2] = parse_primary(parser);
    require_operand(parser, node->args[2]);
    node->count = 3;
    if (!parser->failed) {
        struct mr_arena *arena = parser->arena;
        item_parser_note(parser, ERROR_DISTINCT, item_check_distinct(arena, MR_S("BETWEEN"), node));
        item_parser_note(parser, ERROR_OPERAND, item_check_ordered(arena, MR_S("BETWEEN"), node));
        item_parser_note(parser, ERROR_OPERAND, item_check_bounds(arena, node));
    }
    return node;
}

static struct item_node *parse_in(struct item_parser *parser, struct item_node *left)
{
    struct item_node *list = item_parser_node(parser, ITEM_NODE_IN, 0);
    item_parser_take(parser);
    parse_args(parser, list);
    if (parser->failed)
        return list;
    if (list->count > 100)
        item_parser_note(parser, ERROR_OPERAND_COUNT,
                         mr_arena_printf(parser->arena,
                                         "Incorrect number of operands for operator or function; "
                                         "operator or function: IN, number of operands: %zu",
                                         list->count));
    struct item_node *node = item_parser_node(parser, ITEM_NODE_IN, list->count + 1);
    node->args[0] = left;
    memcpy(node->args + 1, list->args, list->count * sizeof(node->args[0]));
    node->count = list->count + 1;
    item_parser_note(parser, ERROR_DISTINCT, item_check_distinct(parser->arena, MR_S("IN"), node));
    return node;
}

static struct item_node *parse_comparison(struct item_parser *parser)
{
    struct item_node *left = parse_primary(parser);
    enum item_node_kind kind = ITEM_NODE_EQ;
    if (parser->failed)
        return left;
    bool compares = comparator_of(parser, &kind);
    bool between = item_parser_is_word(parser, MR_S("BETWEEN"));
    bool in = item_parser_is_word(parser, MR_S("IN"));
    if (!compares && !between && !in) {
        if (is_function(left))
            settle_comparison(parser);
        return left;
    }
    require_operand(parser, left);
    if (parser->failed)
        return left;
    item_parser_operator(parser);
    struct item_node *node;
    if (between) {
        node = parse_between(parser, left);
    } else if (in) {
        node = parse_in(parser, left);
    } else {
        node = item_parser_node(parser, kind, 2);
        struct mr_slice sign = parser->token.text;
        item_parser_take(parser);
        node->args[0] = left;
        node->args[1] = parse_primary(parser);
        node->count = 2;
        require_operand(parser, node->args[1]);
        if (!parser->failed)
            item_parser_note(parser, ERROR_DISTINCT,
                             item_check_distinct(parser->arena, sign, node));
        if (!parser->failed && kind != ITEM_NODE_EQ && kind != ITEM_NODE_NE)
            item_parser_note(parser, ERROR_OPERAND, item_check_ordered(parser->arena, sign, node));
    }
    settle_comparison(parser);
    return node;
}

static struct item_node *parse_not(struct item_parser *parser)
{
    if (!item_parser_is_word(parser, MR_S("NOT")))
        return parse_comparison(parser);
    struct item_node *node = item_parser_node(parser, ITEM_NODE_NOT, 1);
    item_parser_take(parser);
    item_parser_operator(parser);
    if (!item_parser_enter(parser))
        return node;
    node->args[0] = parse_not(parser);
    node->count = 1;
    item_parser_leave(parser);
    require_condition(parser, node->args[0]);
    return node;
}

/* left (word right)*, as one node of many args. */
static struct item_node *parse_chain(struct item_parser *parser, struct mr_slice word,
                                     enum item_node_kind kind,
                                     struct item_node *(*parse_part)(struct item_parser *parser))
{
    struct item_node *left = parse_part(parser);
    if (parser->failed || !item_parser_is_word(parser, word))
        return left;
    size_t cap = 4;
    struct item_node *node = item_parser_node(parser, kind, cap);
    require_condition(parser, left);
    add_arg(parser, node, left, &cap);
    while (!parser->failed && item_parser_is_word(parser, word)) {
        item_parser_operator(parser);
        item_parser_take(parser);
        struct item_node *right = parse_part(parser);
        require_condition(parser, right);
        add_arg(parser, node, right, &cap);
    }
    return node;
}

static struct item_node *parse_and(struct item_parser *parser)
{
    return parse_chain(parser, MR_S("AND"), ITEM_NODE_AND, parse_not);
}

static struct item_node *parse_or(struct item_parser *parser)
{
    return parse_chain(parser, MR_S("OR"), ITEM_NODE_OR, parse_and);
}

size_t item_node_heads(const struct item_node *node, struct mr_slice *ret)
{
    if (node->kind == ITEM_NODE_PATH) {
        if (ret != NULL)
            *ret = node->path.steps[0].name;
        return 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++)
        count += item_node_heads(node->args[i], ret == NULL ? NULL : ret + count);
    return count;
}

enum mr_status item_condition_parse(struct mr_arena *arena, struct item_placeholders *placeholders,
                                    struct mr_slice text, const char *parameter,
                                    struct item_condition *ret_condition,
                                    struct mr_slice *ret_error)
{
    static const enum item_error_class order[] = {ERROR_PARENS, ERROR_FUNCTION_NAME, ERROR_MISUSED,
                                                  ERROR_RESERVED, ERROR_CONDITION};
    struct item_parser parser;
    enum mr_status status =
        item_parser_init(&parser, arena, placeholders, text, parameter, ret_error);
    if (status != MR_OK)
        return status;
    parser.name_class = ERROR_REFERENCE;
    parser.value_class = ERROR_REFERENCE;
    struct item_node *root = parse_or(&parser);
    require_condition(&parser, root);
    status = item_parser_finish(&parser, order, MR_COUNT(order), ret_error);
    if (status != MR_OK)
        return status;
    ret_condition->root = root;
    ret_condition->head_count = item_node_heads(root, NULL);
    ret_condition->heads = MR_NEW_ARRAY(arena, struct mr_slice, ret_condition->head_count + 1);
    item_node_heads(root, ret_condition->heads);
    return MR_OK;
}
