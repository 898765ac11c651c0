/* Queries: WITH, SELECT, set operations, FROM, ORDER BY, windows. */
#include "athena/translate_json.h"

static struct athena_node *parse_relation(struct athena_parser *parser);

/* ---- ORDER BY and windows ---- */

struct athena_node *athena_parse_order(struct athena_parser *parser)
{
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *sort = athena_node_new(parser, AST_SORT);
        sort->left = athena_parse_expression(parser);
        if (sort->left == NULL)
            return NULL;
        if (athena_take(parser, "DESC"))
            sort->flags |= AST_DESC;
        else
            (void)athena_take(parser, "ASC");
        if (athena_take2(parser, "NULLS", "FIRST"))
            sort->flags |= AST_NULLS_FIRST;
        else if (athena_take2(parser, "NULLS", "LAST"))
            sort->flags |= AST_NULLS_LAST;
        athena_list_add(&list, sort);
    } while (athena_take(parser, ","));
    return list.first;
}

static struct athena_node *parse_bound(struct athena_parser *parser)
{
    struct athena_node *bound = athena_node_new(parser, AST_BOUND);
    if (athena_take2(parser, "UNBOUNDED", "PRECEDING")) {
        bound->text = MR_S("UNBOUNDED PRECEDING");
    } else if (athena_take2(parser, "UNBOUNDED", "FOLLOWING")) {
        bound->text = MR_S("UNBOUNDED FOLLOWING");
    } else if (athena_take2(parser, "CURRENT", "ROW")) {
        bound->text = MR_S("CURRENT ROW");
    } else {
        bound->left = athena_parse_expression(parser);
        if (bound->left == NULL)
            return NULL;
        if (athena_take(parser, "PRECEDING"))
            bound->text = MR_S("PRECEDING");
        else if (athena_expect(parser, "FOLLOWING"))
            bound->text = MR_S("FOLLOWING");
    }
    return athena_failed(parser) ? NULL : bound;
}

static bool parse_frame(struct athena_parser *parser, struct athena_node *window)
{
    static const char *const units[] = {"ROWS", "RANGE", "GROUPS"};
    const struct athena_token *frame = parser->next; /* where Trino says that one is wrong */
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        if (athena_take(parser, units[i]))
            window->text = mr_slice_cstr(units[i]);
    }
    if (window->text.len == 0)
        return true;
    const bool between = athena_take(parser, "BETWEEN");
    window->left = parse_bound(parser);
    if (window->left == NULL)
        return false;
    window->left->line = frame->line;
    window->left->column = frame->column;
    if (!between)
        return true;
    if (!athena_expect(parser, "AND"))
        return false;
    window->right = parse_bound(parser);
    return window->right != NULL;
}

/* Row patterns in a window: true, and the error is set. */
static bool refuse_pattern(struct athena_parser *parser)
{
    static const char *const begins[] = {"MEASURES", "AFTER", "INITIAL", "SEEK", "PATTERN"};
    for (size_t i = 0; i < MR_COUNT(begins); i++) {
        if (athena_peek(parser, begins[i]))
            (void)athena_unsupported(parser, "row pattern recognition in windows is not supported");
    }
    return athena_failed(parser);
}

struct athena_node *athena_parse_window(struct athena_parser *parser)
{
    struct athena_node *window = athena_node_new(parser, AST_WINDOW);
    static const char *const begins[] = {"PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS", ")"};
    bool named = true;
    for (size_t i = 0; i < MR_COUNT(begins); i++)
        named = named && !athena_peek(parser, begins[i]);
    if (named) { /* of the window that has this name, and more */
        window->third = athena_node_new(parser, AST_NAME);
        window->third->text = athena_parse_name(parser);
    }
    if (athena_take2(parser, "PARTITION", "BY")) {
        window->items = athena_parse_expressions(parser);
        if (window->items == NULL)
            return NULL;
    }
    if (athena_take2(parser, "ORDER", "BY")) {
        window->order = athena_parse_order(parser);
        if (window->order == NULL)
            return NULL;
    }
    if (refuse_pattern(parser) || !parse_frame(parser, window) || refuse_pattern(parser) ||
        !athena_expect(parser, ")"))
        return NULL;
    return window;
}

/* ---- relations ---- */

static struct athena_node *parse_names(struct athena_parser *parser)
{
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *name = athena_node_new(parser, AST_NAME);
        name->text = athena_parse_name(parser);
        if (athena_failed(parser))
            return NULL;
        athena_list_add(&list, name);
    } while (athena_take(parser, ","));
    return athena_expect(parser, ")") ? list.first : NULL;
}

static struct athena_node *parse_unnest(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_UNNEST);
    parser->next += 2;
    node->items = athena_parse_expressions(parser);
    if (node->items == NULL || !athena_expect(parser, ")"))
        return NULL;
    if (athena_take2(parser, "WITH", "ORDINALITY"))
        node->flags |= AST_ORDINALITY;
    return node;
}

struct athena_node *athena_parse_table(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_TABLE);
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *part = athena_node_new(parser, AST_NAME);
        part->text = athena_parse_name(parser);
        if (athena_failed(parser))
            return NULL;
        athena_list_add(&list, part);
    } while (athena_take(parser, "."));
    node->items = list.first;
    if (athena_peek(parser, "(") || athena_node_count(node->items) > 3)
        return athena_unsupported(parser, "table functions are not supported");
    if (!athena_peek(parser, "FOR"))
        return node;
    parser->next++;
    node->text = athena_peek(parser, "VERSION") ? MR_S("version") : MR_S("timestamp");
    if (!athena_take(parser, "VERSION") && !athena_take(parser, "TIMESTAMP"))
        return athena_mismatch(parser, "'TIMESTAMP', 'VERSION'");
    if (!athena_expect(parser, "AS") || !athena_expect(parser, "OF"))
        return NULL;
    node->left = athena_parse_expression(parser);
    return node->left != NULL ? node : NULL;
}

static struct athena_node *parse_relation_in_parentheses(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_SUBQUERY);
    parser->next++;
    size_t ahead = 0; /* "((SELECT" is a query, "((t JOIN" a relation */
    while (athena_peek_at(parser, ahead, "("))
        ahead++;
    if (athena_peek_at(parser, ahead, "SELECT") || athena_peek_at(parser, ahead, "WITH") ||
        athena_peek_at(parser, ahead, "VALUES") || athena_peek_at(parser, ahead, "TABLE")) {
        /* "((SELECT ...) AS a JOIN ...)" is a relation again; the query parser would stop at AS. */
        const struct athena_parser before = *parser;
        struct athena_error error = {0}, *kept = parser->error;
        parser->error = &error;
        node->left = athena_parse_query(parser);
        if (node->left != NULL && athena_take(parser, ")")) {
            parser->error = kept;
            return node;
        }
        const bool whole = ahead == 0;
        if (whole) {
            parser->error = kept;
            if (error.code == NULL)
                return athena_mismatch(parser, "')'");
            *kept = kept->code == NULL ? error : *kept;
            return NULL;
        }
        const size_t steps = parser->steps;
        *parser = before;
        parser->steps = steps;
    }
    node = parse_relation(parser);
    return node != NULL && athena_expect(parser, ")") ? node : NULL;
}

/* An argument of sequence(start, stop, step), by its place or its name. */
static struct athena_node *parse_sequence_argument(struct athena_parser *parser, size_t place,
                                                   struct athena_node **arguments)
{
    static const char *const names[] = {"START", "STOP", "STEP"};
    if (athena_peek_at(parser, 1, "=>")) {
        for (place = 0; place < MR_COUNT(names) && !athena_peek(parser, names[place]); place++) {
        }
        parser->next += 2;
    }
    if (place >= MR_COUNT(names) || arguments[place] != NULL)
        return athena_mismatch(parser, "'start', 'stop', 'step'");
    return arguments[place] = athena_parse_expression(parser);
}

static struct athena_node *made(struct athena_parser *parser, enum athena_kind kind,
                                struct mr_slice text, struct athena_node *items)
{
    struct athena_node *node = athena_node_new(parser, kind);
    node->text = text;
    node->items = items;
    return node;
}

/* TABLE(sequence(...)) is (SELECT x AS sequential_number FROM UNNEST(a list) AS t(x)). */
static struct athena_node *parse_sequence(struct athena_parser *parser)
{
    struct athena_node *arguments[3] = {NULL};
    size_t place = 0;
    parser->next += 4;
    do {
        if (parse_sequence_argument(parser, place++, arguments) == NULL)
            return NULL;
    } while (athena_take(parser, ","));
    if (!athena_expect(parser, ")") || !athena_expect(parser, ")"))
        return NULL;
    if (arguments[1] == NULL)
        return athena_mismatch(parser, "'stop'");
    if (arguments[0] == NULL)
        arguments[0] = made(parser, AST_INTEGER, MR_S("0"), NULL);
    if (arguments[2] == NULL)
        arguments[2] = made(parser, AST_INTEGER, MR_S("1"), NULL);
    arguments[0]->next = arguments[1];
    arguments[1]->next = arguments[2];
    struct athena_node *list = made(parser, AST_CALL, MR_S("$sequence"), arguments[0]);
    struct athena_node *alias = athena_node_new(parser, AST_ALIAS);
    alias->left = made(parser, AST_UNNEST, MR_S(""), list);
    alias->name = MR_S("sequence");
    alias->items = made(parser, AST_NAME, MR_S("sequential_number"), NULL);
    struct athena_node *item = athena_node_new(parser, AST_ITEM);
    item->left = made(parser, AST_NAME, MR_S("sequential_number"), NULL);
    struct athena_node *select = made(parser, AST_SELECT, MR_S(""), item);
    select->left = alias;
    struct athena_node *query = athena_node_new(parser, AST_QUERY);
    query->left = select;
    struct athena_node *relation = athena_node_new(parser, AST_SUBQUERY);
    relation->left = query;
    return relation;
}

static struct athena_node *parse_relation_primary(struct athena_parser *parser)
{
    if (athena_peek(parser, "UNNEST") && athena_peek_at(parser, 1, "("))
        return parse_unnest(parser);
    if (athena_peek(parser, "LATERAL") && athena_peek_at(parser, 1, "(")) {
        struct athena_node *node = athena_node_new(parser, AST_LATERAL);
        parser->next += 2;
        node->left = athena_parse_query(parser);
        return node->left != NULL && athena_expect(parser, ")") ? node : NULL;
    }
    if (athena_peek(parser, "JSON_TABLE") && athena_peek_at(parser, 1, "("))
        return athena_parse_json_table(parser);
    const bool called = athena_peek(parser, "TABLE") && athena_peek_at(parser, 1, "(");
    if (called && athena_peek_at(parser, 2, "SEQUENCE") && athena_peek_at(parser, 3, "("))
        return parse_sequence(parser);
    if (called)
        return athena_unsupported(parser, "table functions are not supported");
    if (athena_peek(parser, "("))
        return parse_relation_in_parentheses(parser);
    return athena_parse_table(parser);
}

/* Words that go on with the query; none of them is an alias unless AS stands before it. */
static bool begins_clause(const struct athena_parser *parser)
{
    static const char *const words[] = {"LIMIT", "OFFSET",  "FETCH",       "WINDOW",
                                        "CROSS", "NATURAL", "TABLESAMPLE", "MATCH_RECOGNIZE"};
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        if (athena_peek(parser, words[i]))
            return true;
    }
    return false;
}

/* [AS] name [(columns)], if it is there. */
static struct athena_node *parse_alias(struct athena_parser *parser, struct athena_node *relation)
{
    const bool as = athena_take(parser, "AS");
    if (!as && (!athena_is_name(parser->next) || begins_clause(parser)))
        return relation;
    struct athena_node *alias = athena_node_new(parser, AST_ALIAS);
    alias->left = relation;
    alias->name = athena_parse_name(parser);
    if (athena_failed(parser))
        return NULL;
    if (athena_take(parser, "(")) {
        alias->items = parse_names(parser);
        if (alias->items == NULL)
            return NULL;
    }
    return alias;
}

struct athena_node *athena_parse_aliased(struct athena_parser *parser)
{
    const struct athena_token *first = parser->next;
    struct athena_node *relation = parse_relation_primary(parser);
    if (relation != NULL)
        relation = parse_alias(parser, relation);
    if (relation != NULL && athena_peek(parser, "MATCH_RECOGNIZE")) {
        relation = athena_parse_match(parser, relation, first);
        if (relation != NULL)
            relation = parse_alias(parser, relation);
    }
    if (relation == NULL)
        return NULL;
    if (athena_take(parser, "TABLESAMPLE")) {
        if (!athena_take(parser, "BERNOULLI") && !athena_take(parser, "SYSTEM"))
            return athena_mismatch(parser, "'BERNOULLI', 'SYSTEM'");
        if (!athena_expect(parser, "("))
            return NULL;
        if (parser->next->kind != ATHENA_TOKEN_INTEGER &&
            parser->next->kind != ATHENA_TOKEN_DECIMAL)
            return athena_unsupported(parser, "a sample's percentage must be a literal");
        relation->third = athena_parse_expression(parser);
        if (relation->third == NULL || !athena_expect(parser, ")"))
            return NULL;
    }
    return relation;
}

/* The words of a join; empty: there is none here. */
static struct mr_slice parse_join_words(struct athena_parser *parser)
{
    static const struct {
        const char *word, *join;
    } kinds[] = {{"LEFT", "LEFT JOIN"}, {"RIGHT", "RIGHT JOIN"}, {"FULL", "FULL JOIN"}};
    if (athena_take2(parser, "CROSS", "JOIN"))
        return MR_S("CROSS JOIN");
    if (athena_take(parser, "JOIN") || athena_take2(parser, "INNER", "JOIN"))
        return MR_S("JOIN");
    for (size_t i = 0; i < MR_COUNT(kinds); i++) {
        if (athena_take(parser, kinds[i].word)) {
            (void)athena_take(parser, "OUTER");
            return athena_expect(parser, "JOIN") ? mr_slice_cstr(kinds[i].join) : MR_S("");
        }
    }
    if (athena_peek(parser, "NATURAL"))
        athena_unsupported(parser, "Natural join not supported");
    return MR_S("");
}

static struct athena_node *parse_relation(struct athena_parser *parser)
{
    if (!athena_enter(parser))
        return NULL;
    struct athena_node *left = athena_parse_aliased(parser);
    size_t links = 0;
    while (left != NULL && athena_link(parser, &links)) {
        struct athena_node *join = athena_node_new(parser, AST_JOIN);
        join->text = parse_join_words(parser);
        if (join->text.len == 0)
            break;
        join->left = left;
        join->right = athena_parse_aliased(parser);
        left = join->right == NULL ? NULL : join;
        if (left == NULL || mr_slice_equal(join->text, MR_S("CROSS JOIN")))
            continue;
        if (athena_take(parser, "USING")) {
            join->items = athena_expect(parser, "(") ? parse_names(parser) : NULL;
            left = join->items == NULL ? NULL : join;
        } else {
            join->third = athena_expect(parser, "ON") ? athena_parse_expression(parser) : NULL;
            left = join->third == NULL ? NULL : join;
        }
    }
    athena_leave(parser);
    return athena_failed(parser) ? NULL : left;
}

static struct athena_node *parse_from(struct athena_parser *parser)
{
    struct athena_node *left = parse_relation(parser);
    size_t links = 0;
    while (left != NULL && athena_take(parser, ",")) {
        if (!athena_link(parser, &links))
            return NULL;
        struct athena_node *join = athena_node_new(parser, AST_JOIN);
        join->text = MR_S("CROSS JOIN");
        join->left = left;
        join->right = parse_relation(parser);
        left = join->right == NULL ? NULL : join;
    }
    return left;
}

/* ---- SELECT ---- */

/* row.* AS (a, b) */
static struct athena_node *parse_star_names(struct athena_parser *parser, struct athena_node *item)
{
    struct athena_list list = athena_list_make();
    if (!athena_take(parser, "AS"))
        return item;
    if (!athena_expect(parser, "("))
        return NULL;
    do {
        struct athena_node *name = athena_node_new(parser, AST_NAME);
        name->text = athena_parse_name(parser);
        athena_list_add(&list, name);
    } while (!athena_failed(parser) && athena_take(parser, ","));
    item->items = list.first;
    return athena_expect(parser, ")") ? item : NULL;
}

static struct athena_node *parse_item(struct athena_parser *parser)
{
    struct athena_node *item = athena_node_new(parser, AST_ITEM);
    if (athena_peek(parser, "*")) {
        item->left = athena_node_new(parser, AST_STAR);
        parser->next++;
        return item;
    }
    item->left = athena_parse_expression(parser);
    if (item->left == NULL)
        return NULL;
    if (athena_peek(parser, ".") && athena_peek_at(parser, 1, "*")) {
        struct athena_node *star = athena_node_new(parser, AST_STAR);
        star->left = item->left;
        item->left = star;
        parser->next += 2;
        return parse_star_names(parser, item);
    }
    if (athena_take(parser, "AS") || (athena_is_name(parser->next) && !begins_clause(parser)))
        item->name = athena_parse_name(parser);
    return athena_failed(parser) ? NULL : item;
}

static struct athena_node *parse_grouping(struct athena_parser *parser);

static struct athena_node *parse_grouping_list(struct athena_parser *parser, const char *words)
{
    struct athena_node *node = athena_node_new(parser, AST_GROUPING);
    struct athena_list list = athena_list_make();
    node->text = mr_slice_cstr(words);
    if (!athena_expect(parser, "("))
        return NULL;
    while (!athena_take(parser, ")")) {
        struct athena_node *item = parse_grouping(parser);
        if (item == NULL)
            return NULL;
        athena_list_add(&list, item);
        if (!athena_peek(parser, ")") && !athena_expect(parser, ","))
            return NULL;
    }
    node->items = list.first;
    return node;
}

static struct athena_node *parse_grouping(struct athena_parser *parser)
{
    if (athena_take(parser, "ROLLUP"))
        return parse_grouping_list(parser, "ROLLUP");
    if (athena_take(parser, "CUBE"))
        return parse_grouping_list(parser, "CUBE");
    if (athena_take2(parser, "GROUPING", "SETS"))
        return parse_grouping_list(parser, "GROUPING SETS");
    if (athena_peek(parser, "(") && athena_peek_at(parser, 1, ")"))
        return parse_grouping_list(parser, "");
    return athena_parse_expression(parser);
}

/* Whether ALL or DISTINCT here says how grouping sets are taken, and is no column. */
static bool is_quantifier(const struct athena_parser *parser)
{
    static const char *const ends[] = {",",     ")",      ".",     "[",      "HAVING",    "ORDER",
                                       "LIMIT", "OFFSET", "FETCH", "+",      "-",         "*",
                                       "/",     "WINDOW", "UNION", "EXCEPT", "INTERSECT", "||"};
    if (parser->next[1].kind == ATHENA_TOKEN_END)
        return false;
    for (size_t i = 0; i < MR_COUNT(ends); i++) {
        if (athena_peek_at(parser, 1, ends[i]))
            return false;
    }
    return athena_peek(parser, "ALL") || athena_peek(parser, "DISTINCT");
}

static bool parse_group_by(struct athena_parser *parser, struct athena_node *select)
{
    struct athena_list list = athena_list_make();
    if (is_quantifier(parser)) {
        select->flags |= athena_peek(parser, "DISTINCT") ? AST_GROUPS_DISTINCT : 0;
        parser->next++;
    }
    do {
        struct athena_node *item = parse_grouping(parser);
        if (item == NULL)
            return false;
        athena_list_add(&list, item);
    } while (athena_take(parser, ","));
    select->groups = list.first;
    return true;
}

static bool parse_named_windows(struct athena_parser *parser, struct athena_node *select)
{
    struct athena_list list = athena_list_make();
    do {
        struct mr_slice name = athena_parse_name(parser);
        if (athena_failed(parser) || !athena_expect(parser, "AS") || !athena_expect(parser, "("))
            return false;
        struct athena_node *window = athena_parse_window(parser);
        if (window == NULL)
            return false;
        window->name = name;
        athena_list_add(&list, window);
    } while (athena_take(parser, ","));
    select->windows = list.first;
    return true;
}

static bool parse_select_tail(struct athena_parser *parser, struct athena_node *select)
{
    if (athena_take(parser, "FROM") && (select->left = parse_from(parser)) == NULL)
        return false;
    if (athena_take(parser, "WHERE") && (select->right = athena_parse_expression(parser)) == NULL)
        return false;
    if (athena_take(parser, "GROUP") &&
        (!athena_expect(parser, "BY") || !parse_group_by(parser, select)))
        return false;
    if (athena_take(parser, "HAVING") && (select->third = athena_parse_expression(parser)) == NULL)
        return false;
    return !athena_take(parser, "WINDOW") || parse_named_windows(parser, select);
}

static struct athena_node *parse_select(struct athena_parser *parser)
{
    struct athena_node *select = athena_node_new(parser, AST_SELECT);
    struct athena_list list = athena_list_make();
    parser->next++;
    if (athena_take(parser, "DISTINCT"))
        select->flags |= AST_DISTINCT;
    else
        (void)athena_take(parser, "ALL");
    do {
        struct athena_node *item = parse_item(parser);
        if (item == NULL)
            return NULL;
        athena_list_add(&list, item);
    } while (athena_take(parser, ","));
    select->items = list.first;
    return parse_select_tail(parser, select) ? select : NULL;
}

static struct athena_node *parse_values(struct athena_parser *parser)
{
    struct athena_node *values = athena_node_new(parser, AST_VALUES);
    struct athena_list list = athena_list_make();
    parser->next++;
    do {
        struct athena_node *row = athena_parse_expression(parser);
        if (row == NULL)
            return NULL;
        if (row->kind != AST_ROW) { /* VALUES 1, 2 */
            struct athena_node *wrapped = athena_node_new(parser, AST_ROW);
            wrapped->items = row;
            row = wrapped;
        }
        athena_list_add(&list, row);
    } while (athena_take(parser, ","));
    values->items = list.first;
    return values;
}

static struct athena_node *parse_query_primary(struct athena_parser *parser)
{
    if (athena_peek(parser, "SELECT"))
        return parse_select(parser);
    if (athena_peek(parser, "VALUES"))
        return parse_values(parser);
    if (athena_take(parser, "TABLE")) {
        struct athena_node *select = athena_node_new(parser, AST_SELECT);
        select->items = athena_node_new(parser, AST_ITEM);
        select->items->left = athena_node_new(parser, AST_STAR);
        select->left = athena_parse_table(parser);
        return select->left == NULL ? NULL : select;
    }
    if (athena_take(parser, "(")) {
        struct athena_node *query = athena_parse_query(parser);
        return query != NULL && athena_expect(parser, ")") ? query : NULL;
    }
    return athena_mismatch(parser, "'(', 'SELECT', 'TABLE', 'VALUES', 'WITH'");
}

/* INTERSECT binds tighter than UNION and EXCEPT. */
static struct athena_node *parse_set(struct athena_parser *parser, bool intersect)
{
    struct athena_node *left = intersect ? parse_query_primary(parser) : parse_set(parser, true);
    size_t links = 0;
    while (left != NULL && athena_link(parser, &links)) {
        struct athena_node *set = athena_node_new(parser, AST_SET);
        const char *word = NULL;
        if (intersect)
            word = athena_take(parser, "INTERSECT") ? "INTERSECT" : NULL;
        else if (athena_take(parser, "UNION"))
            word = "UNION";
        else if (athena_take(parser, "EXCEPT"))
            word = "EXCEPT";
        if (word == NULL)
            return left;
        const bool all = athena_take(parser, "ALL");
        if (!all)
            (void)athena_take(parser, "DISTINCT");
        set->text = mr_arena_printf(parser->arena, "%s%s", word, all ? " ALL" : "");
        set->left = left;
        set->right = intersect ? parse_query_primary(parser) : parse_set(parser, true);
        left = set->right == NULL ? NULL : set;
    }
    return NULL;
}

static bool parse_with(struct athena_parser *parser, struct athena_node *query)
{
    struct athena_list list = athena_list_make();
    if (athena_take(parser, "RECURSIVE"))
        query->flags |= AST_RECURSIVE;
    do {
        struct athena_node *with = athena_node_new(parser, AST_WITH);
        with->name = athena_parse_name(parser);
        if (athena_failed(parser))
            return false;
        if (athena_take(parser, "(") && (with->items = parse_names(parser)) == NULL)
            return false;
        if (!athena_expect(parser, "AS") || !athena_expect(parser, "("))
            return false;
        with->left = athena_parse_query(parser);
        if (with->left == NULL || !athena_expect(parser, ")"))
            return false;
        athena_list_add(&list, with);
    } while (athena_take(parser, ","));
    query->items = list.first;
    return true;
}

static struct athena_node *parse_count(struct athena_parser *parser)
{
    if (parser->next->kind != ATHENA_TOKEN_INTEGER && !athena_peek(parser, "?"))
        return athena_mismatch(parser, "<integer>, '?'");
    return athena_parse_expression(parser);
}

static bool parse_limits(struct athena_parser *parser, struct athena_node *query)
{
    if (athena_take(parser, "OFFSET")) {
        query->third = parse_count(parser);
        if (query->third == NULL)
            return false;
        if (!athena_take(parser, "ROWS"))
            (void)athena_take(parser, "ROW");
    }
    if (athena_take(parser, "LIMIT")) {
        if (athena_take(parser, "ALL"))
            return true;
        query->right = parse_count(parser);
        return query->right != NULL;
    }
    if (!athena_take(parser, "FETCH"))
        return true;
    if (!athena_take(parser, "FIRST") && !athena_expect(parser, "NEXT"))
        return false;
    if (athena_peek(parser, "ROW") || athena_peek(parser, "ROWS")) { /* one */
        query->right = athena_node_new(parser, AST_INTEGER);
        query->right->text = MR_S("1");
    } else {
        query->right = parse_count(parser);
    }
    if (query->right == NULL)
        return false;
    if (!athena_take(parser, "ROWS") && !athena_expect(parser, "ROW"))
        return false;
    if (!athena_take2(parser, "WITH", "TIES"))
        return athena_expect(parser, "ONLY");
    query->flags |= AST_WITH_TIES;
    return true;
}

struct athena_node *athena_parse_query(struct athena_parser *parser)
{
    if (!athena_enter(parser))
        return NULL;
    struct athena_node *query = athena_node_new(parser, AST_QUERY);
    if (athena_take(parser, "WITH") && !parse_with(parser, query))
        return NULL;
    query->left = parse_set(parser, false);
    if (query->left == NULL)
        return NULL;
    if (athena_take(parser, "ORDER") &&
        (!athena_expect(parser, "BY") || (query->order = athena_parse_order(parser)) == NULL))
        return NULL;
    if (!parse_limits(parser, query))
        return NULL;
    athena_leave(parser);
    return athena_fits(parser, query) ? query : NULL;
}
