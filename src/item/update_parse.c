/* Update expressions: SET, REMOVE, ADD and DELETE sections. */
#include "item/check.h"
#include "item/parser.h"

struct update_parser {
    struct item_parser base;
    struct item_update *update;
    size_t cap;
    bool seen[ITEM_DELETE + 1];
};

static struct item_node *parse_set_value(struct item_parser *parser);

static void check_types(struct item_parser *parser, const struct item_node *node,
                        enum item_type wanted)
{
    item_parser_note(parser, ERROR_OPERAND,
                     item_check_values(parser->arena, node->function, node, wanted));
}

/* AWS: a list_append is a whole value, in no function and no sum. */
static void check_whole(struct item_parser *parser, const struct item_node *node)
{
    for (size_t i = 0; i < node->count && i < 2; i++) {
        if (node->args[i]->kind == ITEM_NODE_LIST_APPEND)
            item_parser_note(parser, ERROR_OPERAND,
                             MR_S("The function is not allowed to be used this way in an "
                                  "expression; function: list_append"));
    }
}

static void check_function(struct item_parser *parser, const struct item_node *node)
{
    check_whole(parser, node);
    if (node->kind == ITEM_NODE_UNKNOWN) {
        item_parser_note_function(parser, node->function, "an update");
        return;
    }
    if (node->count != 2) {
        item_parser_note(parser, ERROR_OPERAND,
                         mr_arena_printf(parser->arena,
                                         "Incorrect number of operands for operator or function; "
                                         "operator or function: %.*s, number of operands: %zu",
                                         MR_ARG(node->function), node->count));
        return;
    }
    if (node->kind == ITEM_NODE_LIST_APPEND)
        check_types(parser, node, ITEM_L);
    else if (node->kind != ITEM_NODE_IF_NOT_EXISTS)
        check_types(parser, node, ITEM_N);
    else if (node->args[0]->kind != ITEM_NODE_PATH)
        item_parser_note(parser, ERROR_OPERAND,
                         MR_S("Operator or function requires a document path; operator or "
                              "function: if_not_exists"));
    else
        item_parser_note(parser, ERROR_OPERAND,
                         item_check_distinct(parser->arena, node->function, node));
}

/* Arguments are whole values only as far as operands go: a sum is not one. */
static void require_operand(struct item_parser *parser, const struct item_node *node)
{
    if (!parser->failed && (node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT))
        item_parser_syntax(parser);
}

static struct item_node *parse_operand(struct item_parser *parser);

static struct item_node *parse_call(struct item_parser *parser)
{
    enum { ARGS_KEPT = 2 };
    struct item_node *node = item_parser_node(parser, ITEM_NODE_UNKNOWN, ARGS_KEPT);
    node->function = parser->token.text;
    if (mr_slice_equal(node->function, MR_S("if_not_exists")))
        node->kind = ITEM_NODE_IF_NOT_EXISTS;
    else if (mr_slice_equal(node->function, MR_S("list_append")))
        node->kind = ITEM_NODE_LIST_APPEND;
    item_parser_operator(parser);
    item_parser_take(parser);
    item_parser_expect(parser, MR_S("("));
    if (!item_parser_enter(parser))
        return node;
    while (!parser->failed) {
        struct item_node *arg = parse_operand(parser);
        require_operand(parser, arg);
        if (node->count < ARGS_KEPT)
            node->args[node->count] = arg;
        node->count++;
        if (!item_parser_is_sign(parser, MR_S(",")))
            break;
        item_parser_take(parser);
    }
    item_parser_leave(parser);
    if (parser->failed)
        return node;
    item_parser_expect(parser, MR_S(")"));
    check_function(parser, node);
    return node;
}

static struct item_node *parse_operand(struct item_parser *parser)
{
    if (item_parser_is_sign(parser, MR_S("("))) {
        item_parser_take(parser);
        if (!item_parser_enter(parser))
            return item_parser_node(parser, ITEM_NODE_UNKNOWN, 0);
        struct item_node *node = parse_set_value(parser);
        item_parser_leave(parser);
        if (parser->failed)
            return node;
        item_parser_expect(parser, MR_S(")"));
        item_parser_parentheses(parser, node);
        return node;
    }
    if (parser->token.kind == TOKEN_VALUE)
        return item_parser_value(parser);
    if (item_parser_at_call(parser))
        return parse_call(parser);
    struct item_node *node = item_parser_node(parser, ITEM_NODE_PATH, 0);
    node->path = item_parser_path(parser);
    return node;
}

static struct item_node *parse_set_value(struct item_parser *parser)
{
    struct item_node *left = parse_operand(parser);
    if (parser->failed)
        return left;
    bool plus = item_parser_is_sign(parser, MR_S("+"));
    if (!plus && !item_parser_is_sign(parser, MR_S("-")))
        return left;
    require_operand(parser, left);
    if (parser->failed)
        return left;
    struct item_node *node = item_parser_node(parser, plus ? ITEM_NODE_ADD : ITEM_NODE_SUBTRACT, 2);
    node->function = parser->token.text;
    item_parser_operator(parser);
    item_parser_take(parser);
    node->args[0] = left;
    node->args[1] = parse_operand(parser);
    node->count = 2;
    require_operand(parser, node->args[1]);
    if (!parser->failed)
        check_function(parser, node);
    return node;
}

static const char *long_type_name(enum item_type type)
{
    switch (type) {
    case ITEM_S: return "STRING";
    case ITEM_N: return "NUMBER";
    case ITEM_B: return "BINARY";
    case ITEM_NULL: return "NULL";
    case ITEM_BOOL: return "BOOLEAN";
    case ITEM_L: return "LIST";
    case ITEM_M: return "MAP";
    default: return NULL;
    }
}

/* ADD takes a number or a set, DELETE a set. */
static void check_action(struct item_parser *parser, const struct item_action *action)
{
    enum item_type type = action->value->value.type;
    const char *name = long_type_name(type);
    const char *section = action->kind == ITEM_ADD ? "ADD" : "DELETE";
    if (name == NULL || (action->kind == ITEM_ADD && type == ITEM_N))
        return;
    item_parser_note(parser, ERROR_ACTION,
                     mr_arena_printf(parser->arena,
                                     "Incorrect operand type for operator or function; operator: "
                                     "%s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
                                     section, name, section));
}

static struct item_action *add_action(struct update_parser *parser, enum item_action_kind kind)
{
    struct item_update *update = parser->update;
    struct mr_arena *arena = parser->base.arena;
    if (update->count == parser->cap) {
        size_t cap = parser->cap == 0 ? 8 : parser->cap * 2;
        struct item_action *actions = MR_NEW_ARRAY(arena, struct item_action, cap);
        if (update->count > 0)
            memcpy(actions, update->actions, update->count * sizeof(actions[0]));
        update->actions = actions;
        parser->cap = cap;
    }
    struct item_action *action = &update->actions[update->count++];
    action->kind = kind;
    return action;
}

static void parse_action(struct update_parser *parser, enum item_action_kind kind)
{
    struct item_parser *base = &parser->base;
    struct item_action *action = add_action(parser, kind);
    action->path = item_parser_path(base);
    if (base->failed || kind == ITEM_REMOVE)
        return;
    if (kind == ITEM_SET) {
        item_parser_expect(base, MR_S("="));
        if (!base->failed)
            action->value = parse_set_value(base);
        return;
    }
    if (base->token.kind != TOKEN_VALUE) {
        item_parser_syntax(base);
        return;
    }
    action->value = item_parser_value(base);
    check_action(base, action);
}

static bool section_of(const struct item_parser *parser, enum item_action_kind *ret_kind)
{
    static const struct mr_slice words[] = {MR_S_INIT("SET"), MR_S_INIT("REMOVE"), MR_S_INIT("ADD"),
                                            MR_S_INIT("DELETE")};
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        if (item_parser_is_word(parser, words[i])) {
            *ret_kind = (enum item_action_kind)i;
            return true;
        }
    }
    return false;
}

static void parse_section(struct update_parser *parser)
{
    static const char *const names[] = {"SET", "REMOVE", "ADD", "DELETE"};
    struct item_parser *base = &parser->base;
    enum item_action_kind kind;
    if (!section_of(base, &kind)) {
        item_parser_syntax(base);
        return;
    }
    if (parser->seen[kind])
        item_parser_note(base, ERROR_SECTION,
                         mr_arena_printf(base->arena,
                                         "The \"%s\" section can only be used once in an update "
                                         "expression;",
                                         names[kind]));
    parser->seen[kind] = true;
    item_parser_take(base);
    for (;;) {
        parse_action(parser, kind);
        if (base->failed || !item_parser_is_sign(base, MR_S(",")))
            return;
        item_parser_take(base);
    }
}

static void check_overlaps(struct update_parser *parser)
{
    struct item_update *update = parser->update;
    for (size_t i = 1; i < update->count; i++) {
        for (size_t j = 0; j < i; j++)
            item_parser_overlap(&parser->base, &update->actions[j].path, &update->actions[i].path);
    }
}

enum mr_status item_update_parse(struct mr_arena *arena, struct item_placeholders *placeholders,
                                 struct mr_slice text, struct item_update *ret_update,
                                 struct mr_slice *ret_error)
{
    static const enum item_error_class order[] = {
        ERROR_PARENS, ERROR_RESERVED, ERROR_FUNCTION_NAME, ERROR_SECTION, ERROR_NAME,
        ERROR_VALUE,  ERROR_OVERLAP,  ERROR_CONFLICT,      ERROR_ACTION,  ERROR_OPERAND};
    struct item_update update = {.count = 0};
    struct update_parser parser = {.update = &update};
    enum mr_status status =
        item_parser_init(&parser.base, arena, placeholders, text, "UpdateExpression", ret_error);
    if (status != MR_OK)
        return status;
    do
        parse_section(&parser);
    while (!parser.base.failed && parser.base.token.kind != TOKEN_END);
    if (!parser.base.failed)
        check_overlaps(&parser);
    status = item_parser_finish(&parser.base, order, MR_COUNT(order), ret_error);
    if (status != MR_OK)
        return status;
    update.creates = parser.seen[ITEM_SET] || parser.seen[ITEM_ADD];
    update.paths = MR_NEW_ARRAY(arena, struct item_path, update.count + 1);
    for (size_t i = 0; i < update.count; i++)
        update.paths[i] = update.actions[i].path;
    *ret_update = update;
    return MR_OK;
}
