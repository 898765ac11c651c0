/* athena/lex.h: SQL text into tokens: Trino's for queries, Hive's for DDL (backticks). Comments and
 * blanks are gone. */
#pragma once
#include "base/arena.h"

enum athena_token_kind {
    ATHENA_TOKEN_END,
    ATHENA_TOKEN_WORD,     /* name or keyword as written */
    ATHENA_TOKEN_QUOTED,   /* "name" or `name`; value is unquoted */
    ATHENA_TOKEN_STRING,   /* 'text'; value is unquoted */
    ATHENA_TOKEN_BINARY,   /* X'65'; value is the hex digits */
    ATHENA_TOKEN_INTEGER,  /* 12, 1_000, 0x1F, 0o17, 0b11 */
    ATHENA_TOKEN_DECIMAL,  /* 1.5, 1_000.5 */
    ATHENA_TOKEN_DOUBLE,   /* 1e3 */
    ATHENA_TOKEN_OPERATOR, /* longest match, '?' included */
};
struct athena_token {
    enum athena_token_kind kind;
    uint32_t line, column; /* from 1; columns count bytes */
    struct mr_slice text;  /* as written */
    struct mr_slice value; /* without quotes; a number's plain digits; text for others */
    bool backtick;
};
struct athena_tokens {
    struct athena_token *list; /* ends with ATHENA_TOKEN_END */
    size_t count;              /* that one included */
};

/* Why a text was refused, in Athena's words, and where. */
struct athena_error {
    const char *code; /* "SYNTAX_ERROR", "NOT_SUPPORTED"; NULL: none yet */
    struct mr_slice message;
    uint32_t line, column; /* 0: nowhere in particular */
};
/* Keeps the first error. */
void athena_error_set(struct athena_error *error, struct mr_arena *arena, const char *code,
                      uint32_t line, uint32_t column, const char *format, ...) MR_PRINTF(6, 7);

/* MR_INVALID: an open quote or comment, a character that SQL does not have. Tokens point into
 * `text` or the arena. */
MR_MUST_USE enum mr_status athena_lex(struct mr_arena *arena, struct mr_slice text,
                                      struct athena_tokens *ret_tokens, struct athena_error *error);
bool athena_token_is(const struct athena_token *token, const char *keyword_or_operator);
