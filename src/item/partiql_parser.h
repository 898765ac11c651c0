/* item/partiql_parser.h: tokens and literals of PartiQL. Private to item/.
 *
 * The first error ends the text, so that every loop of the parser ends. */
#pragma once
#include "item/partiql.h"

enum partiql_token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_QUOTED, /* "name" */
    TOKEN_STRING, /* 'text' */
    TOKEN_NUMBER,
    TOKEN_SIGN,
};
struct partiql_token {
    enum partiql_token_kind kind;
    struct mr_slice text; /* without quotes */
    struct mr_slice raw;  /* as in the statement */
};
struct partiql_parser {
    struct mr_arena *arena;
    const char *start, *next, *end;
    struct partiql_token token;
    struct partiql_token call, argument; /* the last call read, and its first argument */
    struct item_writer key;              /* of the literal being read: root.name[1] */
    yyjson_val *parameters;
    size_t taken;           /* parameters */
    unsigned depth, groups; /* groups: parentheses around conditions that are open */
    enum mr_status status;  /* MR_OK until the first error */
    struct mr_slice error;
};

void item_partiql_fail(struct partiql_parser *parser, const char *what); /* of syntax */
void item_partiql_fail_text(struct partiql_parser *parser, enum mr_status status,
                            struct mr_slice text);
/* The error of a token: "<what> at line:column:length". */
void item_partiql_fail_at(struct partiql_parser *parser, const struct partiql_token *token,
                          const char *format, ...) MR_PRINTF(3, 4);
/* The token is a word with a parenthesis behind it: a function's name. */
bool item_partiql_at_call(const struct partiql_parser *parser);
void item_partiql_take(struct partiql_parser *parser); /* on to the next token */
bool item_partiql_at_sign(const struct partiql_parser *parser, struct mr_slice sign);
bool item_partiql_at_word(const struct partiql_parser *parser, struct mr_slice word); /* any case */
bool item_partiql_at_keyword(const struct partiql_parser *parser); /* no name of a path's step */
/* Take the token if it is that one. */
bool item_partiql_accept_sign(struct partiql_parser *parser, struct mr_slice sign);
bool item_partiql_accept_word(struct partiql_parser *parser, struct mr_slice word);
void item_partiql_expect_sign(struct partiql_parser *parser, struct mr_slice sign);
void item_partiql_expect_word(struct partiql_parser *parser, struct mr_slice word);
/* One level deeper, which the caller undoes in `depth`; false at the limit or after an error. */
bool item_partiql_enter(struct partiql_parser *parser, unsigned limit);
/* A literal or parameter, encoded. */
struct item_value item_partiql_literal(struct partiql_parser *parser);

struct mr_slice item_partiql_name(struct partiql_parser *parser);
struct item_path item_partiql_path(struct partiql_parser *parser);
struct item_node *item_partiql_node(struct partiql_parser *parser, enum item_node_kind kind,
                                    size_t count);
struct item_node *item_partiql_operand(struct partiql_parser *parser);
struct item_node *item_partiql_sum(struct partiql_parser *parser);
struct item_node *item_partiql_condition(struct partiql_parser *parser);
/* At an operator that a "Condition" or an "Update" does not have. */
void item_partiql_refuse_operator(struct partiql_parser *parser, const char *where);
