/* What the parsing files share. */
#include "athena/parse.h"
#include <stdio.h>
#include <stdlib.h>

struct athena_parser athena_parser_make(struct mr_arena *arena, const struct athena_tokens *tokens,
                                        struct athena_error *error)
{
    return (struct athena_parser){.arena = arena, .next = tokens->list, .error = error};
}

bool athena_failed(const struct athena_parser *parser)
{
    return parser->error->code != NULL;
}

bool athena_peek(const struct athena_parser *parser, const char *word)
{
    return athena_token_is(parser->next, word);
}

bool athena_peek_at(const struct athena_parser *parser, size_t ahead, const char *word)
{
    for (size_t i = 0; i < ahead; i++) {
        if (parser->next[i].kind == ATHENA_TOKEN_END)
            return false;
    }
    return athena_token_is(parser->next + ahead, word);
}

bool athena_take(struct athena_parser *parser, const char *word)
{
    if (!athena_token_is(parser->next, word))
        return false;
    parser->next++;
    return true;
}

bool athena_take2(struct athena_parser *parser, const char *first, const char *second)
{
    if (!athena_peek(parser, first) || !athena_peek_at(parser, 1, second))
        return false;
    parser->next += 2;
    return true;
}

struct athena_node *athena_mismatch(struct athena_parser *parser, const char *expecting)
{
    const struct athena_token *token = parser->next;
    struct mr_slice text = token->kind == ATHENA_TOKEN_END ? MR_S("<EOF>") : token->text;
    athena_error_set(parser->error, parser->arena, "SYNTAX_ERROR", token->line, token->column,
                     "mismatched input '%.*s'. Expecting: %s", MR_ARG(mr_slice_sub(text, 0, 100)),
                     expecting);
    return NULL;
}

struct athena_node *athena_unsupported(struct athena_parser *parser, const char *what)
{
    athena_error_set(parser->error, parser->arena, "NOT_SUPPORTED", parser->next->line,
                     parser->next->column, "%s", what);
    return NULL;
}

bool athena_expect(struct athena_parser *parser, const char *word)
{
    if (athena_take(parser, word))
        return true;
    char expecting[64];
    snprintf(expecting, sizeof expecting, "'%s'", word);
    athena_mismatch(parser, expecting);
    return false;
}

struct athena_node *athena_node_new(struct athena_parser *parser, enum athena_kind kind)
{
    struct athena_node *node = MR_NEW(parser->arena, struct athena_node);
    node->kind = kind;
    node->line = parser->next->line;
    node->column = parser->next->column;
    return node;
}

size_t athena_node_count(const struct athena_node *list)
{
    size_t count = 0;
    for (; list != NULL; list = list->next)
        count++;
    return count;
}

static bool lists_alike(const struct athena_node *a, const struct athena_node *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        if (!athena_node_alike(a, b))
            return false;
    }
    return a == b;
}

bool athena_node_alike(const struct athena_node *a, const struct athena_node *b)
{
    const bool column = a != NULL && b != NULL && (a->kind == AST_DOT || b->kind == AST_DOT);
    if (a == NULL || b == NULL)
        return a == b;
    if (column && a->kind != b->kind)
        return (a->kind == AST_NAME || b->kind == AST_NAME) &&
               mr_slice_equal_nocase(a->text, b->text);
    const unsigned ignored = AST_QUOTED;
    if (a->kind != b->kind || (a->flags & ~ignored) != (b->flags & ~ignored) ||
        !(a->kind == AST_STRING ? mr_slice_equal : mr_slice_equal_nocase)(a->text, b->text) ||
        !mr_slice_equal_nocase(a->name, b->name))
        return false;
    return athena_node_alike(a->left, b->left) && athena_node_alike(a->right, b->right) &&
           athena_node_alike(a->third, b->third) && lists_alike(a->items, b->items) &&
           lists_alike(a->order, b->order) && lists_alike(a->groups, b->groups) &&
           lists_alike(a->windows, b->windows);
}

struct athena_list athena_list_make(void)
{
    return (struct athena_list){0};
}

void athena_list_add(struct athena_list *list, struct athena_node *node)
{
    if (list->first == NULL)
        list->first = node;
    else
        *list->end = node;
    list->end = &node->next;
}

bool athena_enter(struct athena_parser *parser)
{
    parser->depth++;
    if (parser->depth <= ATHENA_NESTING_MAX && parser->steps++ < ATHENA_STEPS_MAX)
        return true;
    athena_error_set(parser->error, parser->arena, "SYNTAX_ERROR", parser->next->line,
                     parser->next->column, "statement is too large (nested too deep)");
    return false;
}

bool athena_link(struct athena_parser *parser, size_t *links)
{
    if (++*links <= ATHENA_CHAIN_MAX)
        return true;
    athena_error_set(parser->error, parser->arena, "SYNTAX_ERROR", parser->next->line,
                     parser->next->column, "statement is too large (stack overflow while parsing)");
    return false;
}

void athena_leave(struct athena_parser *parser)
{
    parser->depth--;
}

/* ---- the levels of a tree, without recursion ---- */

struct visit {
    const struct athena_node *node;
    size_t level;
};
struct visits {
    struct mr_arena *arena;
    struct visit *list;
    size_t count, capacity;
};

static void visit(struct visits *visits, const struct athena_node *node, size_t level)
{
    if (node == NULL)
        return;
    if (visits->count == visits->capacity) {
        const size_t room = visits->capacity == 0 ? 64 : visits->capacity * 2;
        visits->list =
            mr_arena_realloc(visits->arena, visits->list, visits->capacity * sizeof *visits->list,
                             room * sizeof *visits->list);
        visits->capacity = room;
    }
    visits->list[visits->count++] = (struct visit){node, level};
}

static void visit_list(struct visits *visits, const struct athena_node *list, size_t level)
{
    for (; list != NULL; list = list->next)
        visit(visits, list, level);
}

bool athena_fits(struct athena_parser *parser, const struct athena_node *tree)
{
    struct visits visits = {.arena = parser->arena};
    if (tree == NULL || parser->depth > 0)
        return tree != NULL;
    visit(&visits, tree, 0);
    while (visits.count > 0) {
        const struct visit at = visits.list[--visits.count];
        const size_t level = at.level + 1;
        if (level > ATHENA_LEVELS_MAX) {
            athena_error_set(parser->error, parser->arena, "SYNTAX_ERROR", at.node->line,
                             at.node->column,
                             "statement is too large (stack overflow while parsing)");
            return false;
        }
        visit(&visits, at.node->left, level);
        visit(&visits, at.node->right, level);
        visit(&visits, at.node->third, level);
        visit_list(&visits, at.node->items, level);
        visit_list(&visits, at.node->order, level);
        visit_list(&visits, at.node->groups, level);
        visit_list(&visits, at.node->windows, level);
    }
    return true;
}

/* Trino's reserved words, sorted. */
static const char *const reserved[] = {"ALTER",
                                       "AND",
                                       "AS",
                                       "BETWEEN",
                                       "BY",
                                       "CASE",
                                       "CAST",
                                       "CONSTRAINT",
                                       "CREATE",
                                       "CROSS",
                                       "CUBE",
                                       "CURRENT_CATALOG",
                                       "CURRENT_DATE",
                                       "CURRENT_PATH",
                                       "CURRENT_ROLE",
                                       "CURRENT_SCHEMA",
                                       "CURRENT_TIME",
                                       "CURRENT_TIMESTAMP",
                                       "CURRENT_USER",
                                       "DEALLOCATE",
                                       "DELETE",
                                       "DESCRIBE",
                                       "DISTINCT",
                                       "DROP",
                                       "ELSE",
                                       "END",
                                       "ESCAPE",
                                       "EXCEPT",
                                       "EXECUTE",
                                       "EXISTS",
                                       "EXTRACT",
                                       "FALSE",
                                       "FOR",
                                       "FROM",
                                       "FULL",
                                       "GROUP",
                                       "GROUPING",
                                       "HAVING",
                                       "IN",
                                       "INNER",
                                       "INSERT",
                                       "INTERSECT",
                                       "INTO",
                                       "IS",
                                       "JOIN",
                                       "LEFT",
                                       "LIKE",
                                       "LOCALTIME",
                                       "LOCALTIMESTAMP",
                                       "NATURAL",
                                       "NORMALIZE",
                                       "NOT",
                                       "NULL",
                                       "ON",
                                       "OR",
                                       "ORDER",
                                       "OUTER",
                                       "PREPARE",
                                       "RECURSIVE",
                                       "RIGHT",
                                       "ROLLUP",
                                       "SELECT",
                                       "SKIP",
                                       "TABLE",
                                       "THEN",
                                       "TRIM",
                                       "TRUE",
                                       "UESCAPE",
                                       "UNION",
                                       "UNNEST",
                                       "USING",
                                       "VALUES",
                                       "WHEN",
                                       "WHERE",
                                       "WITH"};

static int compare_word(const void *key, const void *element)
{
    const struct mr_slice *word = key;
    return mr_slice_compare(*word, mr_slice_cstr(*(const char *const *)element));
}

bool athena_is_reserved(struct mr_slice word)
{
    char upper[32];
    if (word.len >= sizeof upper)
        return false;
    for (size_t i = 0; i < word.len; i++)
        upper[i] =
            word.ptr[i] >= 'a' && word.ptr[i] <= 'z' ? (char)(word.ptr[i] - 32) : word.ptr[i];
    const struct mr_slice key = mr_slice_make(upper, word.len);
    return bsearch(&key, reserved, MR_COUNT(reserved), sizeof *reserved, compare_word) != NULL;
}

bool athena_is_name(const struct athena_token *token)
{
    return (token->kind == ATHENA_TOKEN_QUOTED && !token->backtick) ||
           (token->kind == ATHENA_TOKEN_WORD && !athena_is_reserved(token->text));
}

struct mr_slice athena_parse_name(struct athena_parser *parser)
{
    const struct athena_token *token = parser->next;
    if (token->kind == ATHENA_TOKEN_QUOTED && token->backtick) {
        athena_error_set(parser->error, parser->arena, "SYNTAX_ERROR", token->line, token->column,
                         "backquoted identifiers are not supported; use double quotes to quote "
                         "identifiers");
        return MR_S("");
    }
    if (!athena_is_name(token) || token->value.len == 0) {
        athena_mismatch(parser, "<identifier>");
        return MR_S("");
    }
    parser->next++;
    return token->value;
}
