/* athena/parse.h: tokens into a tree, by Trino's grammar. What the grammar does not have is
 * refused, which is also what keeps users' SQL from saying anything that only DuckDB would
 * understand. */
#pragma once
#include "athena/ast.h"

enum {
    ATHENA_NESTING_MAX = 200,
    ATHENA_CHAIN_MAX = 800,   /* operators one after the other: each is a level of the tree */
    ATHENA_LEVELS_MAX = 2000, /* of a tree, for those that walk it by recursion */
    ATHENA_STEPS_MAX =
        1000000, /* expressions and relations tried: bounds what backtracking costs */
};

struct athena_parser {
    struct mr_arena *arena;
    const struct athena_token *next;
    struct athena_error *error; /* the first one */
    size_t depth;               /* of nesting */
    size_t steps;
    size_t parameters; /* ? seen */
};
/* The tokens must outlive the parser. */
struct athena_parser athena_parser_make(struct mr_arena *arena, const struct athena_tokens *tokens,
                                        struct athena_error *error);
/* Each returns NULL when the error is set. */
struct athena_node *athena_parse_query(struct athena_parser *parser);
struct athena_node *athena_parse_expression(struct athena_parser *parser);
struct athena_node *athena_parse_interval(struct athena_parser *parser); /* at INTERVAL */
/* An INTERVAL literal becomes the zone that is so far from UTC. False: there is none, the error is
 * set. */
bool athena_parse_zone_interval(struct athena_parser *parser, struct athena_node *interval);
struct athena_node *athena_parse_type(struct athena_parser *parser);
struct athena_node *athena_parse_order(struct athena_parser *parser);  /* behind ORDER BY */
struct athena_node *athena_parse_window(struct athena_parser *parser); /* behind '(' */
/* A table's name, and FOR ... AS OF; a relation that is no join, with its alias. */
struct athena_node *athena_parse_table(struct athena_parser *parser);
struct athena_node *athena_parse_aliased(struct athena_parser *parser);
/* At MATCH_RECOGNIZE: what is done with the rows of the relation, which begins at `first`. */
struct athena_node *athena_parse_match(struct athena_parser *parser, struct athena_node *relation,
                                       const struct athena_token *first);
/* An identifier, quoted or not a reserved word; empty: the error is set. */
struct mr_slice athena_parse_name(struct athena_parser *parser);

/* ---- for those files that parse ---- */
bool athena_peek(const struct athena_parser *parser, const char *word);
bool athena_peek_at(const struct athena_parser *parser, size_t ahead, const char *word);
bool athena_take(struct athena_parser *parser, const char *word); /* true: it was there */
bool athena_take2(struct athena_parser *parser, const char *first, const char *second);
/* False: it was not there, and the error is set. */
bool athena_expect(struct athena_parser *parser, const char *word);
bool athena_failed(const struct athena_parser *parser);
/* "mismatched input 'x'. Expecting: ..." Returns NULL. */
struct athena_node *athena_mismatch(struct athena_parser *parser, const char *expecting);
struct athena_node *athena_unsupported(struct athena_parser *parser, const char *what);
struct athena_node *athena_node_new(struct athena_parser *parser, enum athena_kind kind);
bool athena_is_reserved(struct mr_slice word);
bool athena_is_name(const struct athena_token *token); /* may be an identifier */
bool athena_enter(struct athena_parser *parser); /* false: nested too deep, the error is set */
void athena_leave(struct athena_parser *parser);
/* Counts a link of a chain of operators; false: too long, the error is set. */
bool athena_link(struct athena_parser *parser, size_t *links);
/* Looks at the outermost tree alone: whether it has no more levels than there may be; else the
 * error is set. Chains in the left operands of chains add up to far more than one nesting or one
 * chain. */
bool athena_fits(struct athena_parser *parser, const struct athena_node *tree);
/* A list under construction. */
struct athena_list {
    struct athena_node *first, **end;
};
struct athena_list athena_list_make(void);
void athena_list_add(struct athena_list *list, struct athena_node *node);
/* One expression or more, with commas between; NULL: the error is set. */
struct athena_node *athena_parse_expressions(struct athena_parser *parser);
