/* MATCH_RECOGNIZE: the clause and the pattern, by Trino's grammar. */
#include "athena/match.h"
#include "athena/parse.h"

/* A variable's name: in capitals unless it is quoted. */
static struct mr_slice parse_label(struct athena_parser *parser)
{
    const bool quoted = parser->next->kind == ATHENA_TOKEN_QUOTED;
    struct mr_slice name = athena_parse_name(parser);
    return quoted ? name : athena_match_label(parser->arena, name);
}

/* ---- the pattern ---- */

static struct athena_node *parse_alternation(struct athena_parser *parser);

static struct athena_node *pattern_new(struct athena_parser *parser, enum match_pattern kind)
{
    struct athena_node *node = athena_node_new(parser, AST_PATTERN);
    node->number = kind;
    return node;
}

static struct athena_node *parse_bound(struct athena_parser *parser)
{
    struct athena_node *bound = athena_node_new(parser, AST_INTEGER);
    if (parser->next->kind != ATHENA_TOKEN_INTEGER)
        return NULL;
    bound->text = parser->next->value;
    parser->next++;
    return bound;
}

/* {n}, {n,}, {,m}, {n,m} into the parts: least, and most unless it is open. */
static bool parse_range(struct athena_parser *parser, struct athena_node *repeat)
{
    struct athena_node *least = parse_bound(parser), *most = NULL;
    if (athena_take(parser, ",")) {
        most = parse_bound(parser);
    } else if (least != NULL) {
        most = MR_NEW(parser->arena, struct athena_node);
        *most = *least;
    } else {
        return athena_mismatch(parser, "',', <integer>") != NULL;
    }
    if (least == NULL) {
        least = athena_node_new(parser, AST_INTEGER);
        least->text = MR_S("0");
    }
    least->next = most;
    repeat->items->next = least;
    return athena_expect(parser, "}");
}

/* What a quantifier behind it makes of a part. */
static struct athena_node *parse_quantifier(struct athena_parser *parser, struct athena_node *part)
{
    static const struct {
        const char *sign, *least, *most;
    } rows[] = {{"*", "0", NULL}, {"+", "1", NULL}, {"?", "0", "1"}};
    struct athena_node *repeat = pattern_new(parser, MATCH_REPEAT);
    repeat->items = part;
    for (size_t i = 0; i < MR_COUNT(rows) && part->next == NULL; i++) {
        if (!athena_take(parser, rows[i].sign))
            continue;
        part->next = athena_node_new(parser, AST_INTEGER);
        part->next->text = mr_slice_cstr(rows[i].least);
        if (rows[i].most != NULL) {
            part->next->next = athena_node_new(parser, AST_INTEGER);
            part->next->next->text = mr_slice_cstr(rows[i].most);
        }
    }
    if (part->next == NULL && athena_take(parser, "{") && !parse_range(parser, repeat))
        return NULL;
    if (part->next == NULL)
        return part;
    if (athena_take(parser, "?"))
        repeat->flags |= AST_NEGATED; /* reluctant */
    return repeat;
}

static struct athena_node *parse_permute(struct athena_parser *parser)
{
    struct athena_node *node = pattern_new(parser, MATCH_PERMUTE);
    struct athena_list list = athena_list_make();
    parser->next += 2;
    do {
        struct athena_node *part = parse_alternation(parser);
        if (part == NULL)
            return NULL;
        athena_list_add(&list, part);
    } while (athena_take(parser, ","));
    node->items = list.first;
    return athena_expect(parser, ")") ? node : NULL;
}

static struct athena_node *parse_part(struct athena_parser *parser)
{
    struct athena_node *node = pattern_new(parser, MATCH_EMPTY);
    if (athena_take2(parser, "(", ")"))
        return node;
    if (athena_take(parser, "^") || athena_take(parser, "$")) {
        node->number = parser->next[-1].text.ptr[0] == '^' ? MATCH_START : MATCH_END;
        return node;
    }
    if (athena_take(parser, "(")) {
        node = parse_alternation(parser);
        return node != NULL && athena_expect(parser, ")") ? node : NULL;
    }
    if (athena_take(parser, "{-")) {
        node->number = MATCH_EXCLUDE;
        node->items = parse_alternation(parser);
        return node->items != NULL && athena_expect(parser, "-}") ? node : NULL;
    }
    if (athena_peek(parser, "PERMUTE") && athena_peek_at(parser, 1, "("))
        return parse_permute(parser);
    node->number = MATCH_VARIABLE;
    node->name = parse_label(parser);
    return athena_failed(parser) ? NULL : node;
}

/* Whether the pattern goes on with another part. */
static bool begins_part(const struct athena_parser *parser)
{
    static const char *const signs[] = {"(", "^", "$", "{-"};
    for (size_t i = 0; i < MR_COUNT(signs); i++) {
        if (athena_peek(parser, signs[i]))
            return true;
    }
    return athena_is_name(parser->next);
}

static struct athena_node *parse_concatenation(struct athena_parser *parser)
{
    struct athena_node *node = pattern_new(parser, MATCH_SEQUENCE);
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *part = parse_part(parser);
        struct athena_node *whole = part == NULL ? NULL : parse_quantifier(parser, part);
        if (whole == NULL)
            return NULL;
        athena_list_add(&list, whole);
    } while (begins_part(parser));
    node->items = list.first;
    return list.first->next == NULL ? list.first : node;
}

static struct athena_node *parse_alternation(struct athena_parser *parser)
{
    if (!athena_enter(parser))
        return NULL;
    struct athena_node *node = pattern_new(parser, MATCH_CHOICE);
    struct athena_list list = athena_list_make();
    do {
        struct athena_node *part = parse_concatenation(parser);
        if (part == NULL)
            return NULL;
        athena_list_add(&list, part);
    } while (athena_take(parser, "|"));
    node->items = list.first;
    athena_leave(parser);
    return list.first->next == NULL ? list.first : node;
}

/* ---- the clause ---- */

static bool parse_partition(struct athena_parser *parser, struct athena_node *match)
{
    if (athena_take2(parser, "PARTITION", "BY")) {
        match->groups = athena_parse_expressions(parser);
        if (match->groups == NULL)
            return false;
    }
    if (!athena_take2(parser, "ORDER", "BY"))
        return true;
    match->order = athena_parse_order(parser);
    return match->order != NULL;
}

static bool parse_measures(struct athena_parser *parser, struct athena_node *match)
{
    struct athena_list list = athena_list_make();
    if (!athena_take(parser, "MEASURES"))
        return true;
    do {
        struct athena_node *item = athena_node_new(parser, AST_ITEM);
        item->left = athena_parse_expression(parser);
        if (item->left == NULL || !athena_expect(parser, "AS"))
            return false;
        item->name = athena_parse_name(parser);
        athena_list_add(&list, item);
    } while (!athena_failed(parser) && athena_take(parser, ","));
    match->items = list.first;
    return !athena_failed(parser);
}

static bool parse_rows_per_match(struct athena_parser *parser, struct athena_node *match)
{
    const bool all = athena_peek(parser, "ALL");
    if (!athena_take2(parser, "ONE", "ROW") && !athena_take2(parser, "ALL", "ROWS"))
        return true;
    if (!athena_expect(parser, "PER") || !athena_expect(parser, "MATCH"))
        return false;
    if (!all)
        return true;
    match->number |= MATCH_ALL_ROWS;
    if (athena_take2(parser, "SHOW", "EMPTY"))
        return athena_expect(parser, "MATCHES");
    if (athena_take2(parser, "OMIT", "EMPTY")) {
        match->number |= MATCH_OMIT_EMPTY;
        return athena_expect(parser, "MATCHES");
    }
    if (athena_take2(parser, "WITH", "UNMATCHED")) {
        match->number |= MATCH_UNMATCHED;
        return athena_expect(parser, "ROWS");
    }
    return true;
}

static bool parse_skip(struct athena_parser *parser, struct athena_node *match)
{
    if (!athena_take2(parser, "AFTER", "MATCH"))
        return true;
    if (!athena_expect(parser, "SKIP"))
        return false;
    if (athena_take2(parser, "PAST", "LAST"))
        return athena_expect(parser, "ROW");
    if (!athena_expect(parser, "TO"))
        return false;
    if (athena_take2(parser, "NEXT", "ROW")) {
        match->number |= MATCH_SKIP_NEXT;
        return true;
    }
    /* FIRST and LAST are names as well */
    const bool word = athena_is_name(parser->next) && athena_is_name(parser->next + 1) &&
                      !athena_peek_at(parser, 2, "(");
    match->number |= MATCH_SKIP_LAST;
    if (word && athena_take(parser, "FIRST"))
        match->number ^= MATCH_SKIP_LAST | MATCH_SKIP_FIRST;
    else if (word)
        (void)athena_take(parser, "LAST");
    match->right->right = athena_node_new(parser, AST_NAME);
    match->name = match->right->right->text = parse_label(parser);
    return !athena_failed(parser);
}

static bool parse_subsets(struct athena_parser *parser, struct athena_node *pattern)
{
    struct athena_list list = athena_list_make();
    if (!athena_take(parser, "SUBSET"))
        return true;
    do {
        struct athena_node *subset = athena_node_new(parser, AST_ITEM);
        struct athena_list names = athena_list_make();
        subset->name = parse_label(parser);
        if (athena_failed(parser) || !athena_expect(parser, "=") || !athena_expect(parser, "("))
            return false;
        do {
            struct athena_node *name = athena_node_new(parser, AST_NAME);
            name->text = parse_label(parser);
            athena_list_add(&names, name);
        } while (!athena_failed(parser) && athena_take(parser, ","));
        subset->items = names.first;
        if (athena_failed(parser) || !athena_expect(parser, ")"))
            return false;
        athena_list_add(&list, subset);
    } while (athena_take(parser, ","));
    pattern->items = list.first;
    return true;
}

static bool parse_define(struct athena_parser *parser, struct athena_node *match)
{
    struct athena_list list = athena_list_make();
    if (!athena_expect(parser, "DEFINE"))
        return false;
    do {
        struct athena_node *item = athena_node_new(parser, AST_ITEM);
        item->name = parse_label(parser);
        if (athena_failed(parser) || !athena_expect(parser, "AS"))
            return false;
        item->left = athena_parse_expression(parser);
        if (item->left == NULL)
            return false;
        athena_list_add(&list, item);
    } while (athena_take(parser, ","));
    match->windows = list.first;
    return true;
}

struct athena_node *athena_parse_match(struct athena_parser *parser, struct athena_node *relation,
                                       const struct athena_token *first)
{
    struct athena_node *match = athena_node_new(parser, AST_MATCH);
    match->line = first->line;
    match->column = first->column;
    match->right = athena_node_new(parser, AST_ITEM);
    match->left = relation;
    parser->next++;
    if (!athena_expect(parser, "(") || !parse_partition(parser, match) ||
        !parse_measures(parser, match) || !parse_rows_per_match(parser, match) ||
        !parse_skip(parser, match))
        return NULL;
    if (athena_peek(parser, "INITIAL") || athena_peek(parser, "SEEK")) {
        match->right->third = athena_node_new(parser, AST_NAME);
        match->right->third->text = parser->next->text;
        parser->next++;
    }
    if (!athena_expect(parser, "PATTERN") || !athena_expect(parser, "("))
        return NULL;
    match->right->left = parse_alternation(parser);
    if (match->right->left == NULL || !athena_expect(parser, ")") ||
        !parse_subsets(parser, match->right) || !parse_define(parser, match))
        return NULL;
    return athena_expect(parser, ")") ? match : NULL;
}
