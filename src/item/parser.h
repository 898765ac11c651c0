/* item/parser.h: what the parsers of expressions share: tokens, paths, errors. Private to item/.
 *
 * AWS finds a syntax error first, wherever it is; all else it reports by class, in an order of
 * classes of its own, of each class the first one met. So a parser runs on after an error that is
 * none of syntax and notes it. */
#pragma once
#include "item/expression.h"

enum item_token_kind {
    TOKEN_END,
    TOKEN_WORD,  /* letter, then letters, digits, _ */
    TOKEN_NAME,  /* #n */
    TOKEN_VALUE, /* :v */
    TOKEN_INDEX, /* digits */
    TOKEN_SIGN,  /* punctuation, of two characters for <= >= <> */
};
struct item_token {
    enum item_token_kind kind;
    struct mr_slice text;
};

/* Classes of errors. */
enum item_error_class {
    ERROR_PARENS,
    ERROR_FUNCTION_NAME,
    ERROR_MISUSED,
    ERROR_RESERVED,
    ERROR_CONDITION, /* the first of the next four within the first comparison that has one */
    ERROR_REFERENCE, /* in conditions: a # or : that is not defined */
    ERROR_OPERAND_COUNT,
    ERROR_DISTINCT,
    ERROR_OPERAND,
    ERROR_SECTION, /* in updates and projections from here */
    ERROR_NAME,
    ERROR_VALUE,
    ERROR_OVERLAP,
    ERROR_CONFLICT,
    ERROR_ACTION,
    ERROR_CLASSES,
};

struct item_parser {
    struct mr_arena *arena;
    struct item_placeholders *placeholders;
    const char *parameter; /* "UpdateExpression" */
    const char *start, *next, *end;
    struct item_token before, token; /* the last one taken, and the one to take next */
    bool failed; /* a syntax error or limit: `fatal` says which; parse no further */
    struct mr_slice fatal;
    struct mr_slice errors[ERROR_CLASSES];
    enum item_error_class name_class, value_class;
    unsigned depth, operators;
};

/* MR_INVALID: the text is empty or too long. */
MR_MUST_USE enum mr_status item_parser_init(struct item_parser *parser, struct mr_arena *arena,
                                            struct item_placeholders *placeholders,
                                            struct mr_slice text, const char *parameter,
                                            struct mr_slice *ret_error);
/* MR_INVALID and the error to tell, if there is one: syntax, else the first in that order of
 * classes. */
MR_MUST_USE enum mr_status item_parser_finish(struct item_parser *parser,
                                              const enum item_error_class *order, size_t count,
                                              struct mr_slice *ret_error);
void item_parser_take(struct item_parser *parser); /* on to the next token */
void item_parser_syntax(struct item_parser *parser);
void item_parser_note(struct item_parser *parser, enum item_error_class error_class,
                      struct mr_slice text);
/* One level deeper; false at the limit. */
bool item_parser_enter(struct item_parser *parser);
void item_parser_leave(struct item_parser *parser);
void item_parser_operator(struct item_parser *parser);
/* The node stood in parentheses; notes when it did so before. */
void item_parser_parentheses(struct item_parser *parser, struct item_node *node);

bool item_parser_is_sign(const struct item_parser *parser, struct mr_slice sign);
bool item_parser_is_word(const struct item_parser *parser, struct mr_slice word); /* any case */
/* Takes that sign, or raises a syntax error. */
void item_parser_expect(struct item_parser *parser, struct mr_slice sign);
/* A function call begins at this token: a word, then '('. */
bool item_parser_at_call(const struct item_parser *parser);

struct item_node *item_parser_node(struct item_parser *parser, enum item_node_kind kind,
                                   size_t room);
/* There is no function of that name, or none in "an update" or "a condition" expression. */
void item_parser_note_function(struct item_parser *parser, struct mr_slice name, const char *where);
struct item_path item_parser_path(struct item_parser *parser);
struct item_node *item_parser_value(struct item_parser *parser); /* at a TOKEN_VALUE */

struct mr_slice item_path_text(struct mr_arena *arena,
                               const struct item_path *path); /* "[a, [0]]" */
/* Notes when one of two paths leads through the other, or through the same place in another way. */
void item_parser_overlap(struct item_parser *parser, const struct item_path *a,
                         const struct item_path *b);
bool item_word_is_reserved(struct mr_slice word);
