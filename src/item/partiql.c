/* PartiQL: statements, by recursive descent into the trees of expressions. */
#include "item/check.h"
#include "item/partiql_parser.h"

static void parse_where(struct partiql_parser *parser, struct item_statement *statement)
{
    if (item_partiql_accept_word(parser, MR_S("WHERE")))
        statement->where = item_partiql_condition(parser);
}

static void parse_table(struct partiql_parser *parser, struct item_statement *statement)
{
    statement->table = item_partiql_name(parser);
    if (item_partiql_accept_sign(parser, MR_S(".")))
        statement->index = item_partiql_name(parser);
    if (item_partiql_at_sign(parser, MR_S(".")))
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("A path may contain at most 2 components in the FROM clause"));
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

/* What names more than one table behind a first. */
static void refuse_tables(struct partiql_parser *parser)
{
    static const struct mr_slice joins[] = {MR_S_INIT("CROSS"), MR_S_INIT("JOIN"),
                                            MR_S_INIT("INNER"), MR_S_INIT("LEFT"),
                                            MR_S_INIT("RIGHT"), MR_S_INIT("FULL")};
    bool more = item_partiql_at_sign(parser, MR_S(","));
    for (size_t i = 0; i < MR_COUNT(joins); i++)
        more = more || item_partiql_at_word(parser, joins[i]);
    if (more)
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("Only select from a single table or index is supported."));
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

/* Words between SELECT and what is selected: ALL is what is done anyway. */
static void parse_quantifier(struct partiql_parser *parser)
{
    item_partiql_accept_word(parser, MR_S("ALL"));
    if (item_partiql_at_word(parser, MR_S("DISTINCT")))
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("Unsupported token in expression: DISTINCT"));
    if (item_partiql_accept_word(parser, MR_S("VALUE")) &&
        !item_partiql_at_word(parser, MR_S("FROM")))
        item_partiql_fail_text(parser, MR_INVALID,
                               MR_S("Select projection doesn't support value or pivot keywords"));
}

static void parse_order(struct partiql_parser *parser, struct item_statement *statement)
{
    item_partiql_expect_word(parser, MR_S("BY"));
    do {
        if (statement->order_count == ITEM_ORDERS_MAX) {
            item_partiql_fail(parser, "Too many attributes in ORDER BY clause");
            return;
        }
        struct item_order *order = &statement->orders[statement->order_count++];
        order->name = item_partiql_name(parser);
        order->descending = item_partiql_accept_word(parser, MR_S("DESC"));
        if (!order->descending)
            item_partiql_accept_word(parser, MR_S("ASC"));
    } while (item_partiql_accept_sign(parser, MR_S(",")));
    refuse_clauses(parser);
}

static void parse_select(struct partiql_parser *parser, struct item_statement *statement)
{
    size_t cap = 8;
    parse_quantifier(parser);
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
            statement->paths[statement->path_count++] = item_partiql_path(parser);
        } while (item_partiql_accept_sign(parser, MR_S(",")));
    }
    if (item_partiql_at_word(parser, MR_S("AS")))
        item_partiql_fail_text(parser, MR_INVALID, MR_S("Aliasing is not supported"));
    else if (parser->token.kind == TOKEN_QUOTED ||
             (parser->token.kind == TOKEN_WORD && !item_partiql_at_keyword(parser)))
        item_partiql_fail_text(parser, MR_INVALID, MR_S("Aliasing is not supported"));
    item_partiql_expect_word(parser, MR_S("FROM"));
    parse_table(parser, statement);
    refuse_tables(parser);
    refuse_alias(parser);
    parse_where(parser, statement);
    name_paths(parser, statement);
    refuse_clauses(parser);
    if (item_partiql_accept_word(parser, MR_S("ORDER")))
        parse_order(parser, statement);
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
    if (!item_partiql_at_sign(parser, MR_S("{"))) {
        item_partiql_fail_at(parser, &parser->token,
                             "Unsupported format in item expression. Please use struct format "
                             "{...} to express item values for insert statement.");
        return;
    }
    struct item_value value = item_partiql_literal(parser);
    if (parser->status != MR_OK)
        return;
    struct item_iter iter = item_iter_value(&value);
    struct item_field *fields = MR_NEW_ARRAY(parser->arena, struct item_field, iter.left + 1);
    size_t count = 0;
    while (item_iter_field(&iter, &fields[count].name, &fields[count].value))
        count++;
    statement->item = item_make(parser->arena, fields, count);
}

/* What SET takes, alone or in a sum. */
static void check_set_value(struct partiql_parser *parser, const struct item_node *node)
{
    const bool sum = node->function.len == 0 &&
                     (node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT);
    for (size_t i = 0; sum && i < node->count; i++)
        check_set_value(parser, node->args[i]);
    if (node->kind == ITEM_NODE_LIST_APPEND) {
        struct mr_slice text = item_check_values(parser->arena, node->function, node, ITEM_L);
        if (text.ptr != NULL)
            item_partiql_fail_text(parser, MR_INVALID, text);
    }
    if (node->kind < ITEM_NODE_PATH)
        item_partiql_fail_text(parser, MR_INVALID,
                               mr_arena_printf(parser->arena,
                                               "The function is not allowed in an update "
                                               "expression; function: %.*s",
                                               MR_ARG(node->function)));
}

static void check_set_function(struct partiql_parser *parser, const struct item_node *node,
                               const struct item_action *action, const char *what)
{
    const struct item_node *set = node->args[1];
    if (parser->status != MR_OK)
        return;
    if (node->args[0]->kind != ITEM_NODE_PATH ||
        !item_path_equal(&node->args[0]->path, &action->path))
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
    struct item_node *node = item_partiql_sum(parser);
    item_partiql_refuse_operator(parser, "Update");
    if (parser->status != MR_OK)
        return;
    if (node->function.len > 0 &&
        (node->kind == ITEM_NODE_ADD || node->kind == ITEM_NODE_SUBTRACT)) {
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
    *action = (struct item_action){.kind = ITEM_REMOVE, .path = item_partiql_path(parser)};
    if (set)
        parse_set(parser, action);
    for (size_t i = 0; parser->status == MR_OK && i + 1 < update->count; i++) {
        const struct item_path *one = &update->actions[i].path, *two = &action->path;
        const bool longer = one->count > two->count;
        bool conflict;
        struct mr_slice text =
            item_check_paths(parser->arena, longer ? two : one, longer ? one : two, &conflict);
        if (text.ptr != NULL)
            item_partiql_fail_text(parser, MR_INVALID, text);
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
        while (set && item_partiql_accept_sign(parser, MR_S(",")));
    }
    if (update->count == 0)
        item_partiql_fail(parser, "Expected data manipulation");
    if (item_partiql_at_sign(parser, MR_S(","))) /* AWS: a REMOVE has one path */
        item_partiql_fail(parser, "Unexpected token after expression");
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
