/* athena/translate_json.h: SQL's JSON functions with their clauses (AST_JSON): json_exists,
 * json_value, json_query, json_object, json_array. */
#pragma once
#include "athena/parse.h"
#include "athena/translate.h"

/* A node's `number`: which one, how its result is wrapped, and what it answers otherwise. */
enum {
    JSON_EXISTS,
    JSON_VALUE,
    JSON_QUERY,
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_KINDS = 7, /* a mask, as the following two */
    JSON_WRAP_SOME = 8,
    JSON_WRAP_ALWAYS = 16,
    JSON_WRAPPERS = 24,
    JSON_OMIT_QUOTES = 32,
    JSON_ABSENT_ON_NULL = 64,
    JSON_WHAT = 63,    /* what mr_json_path needs */
    JSON_ON_EMPTY = 8, /* by how much an answer is shifted */
    JSON_ON_ERROR = 12,
    JSON_SAYS_ON_ERROR = 1 << 16, /* it is written, not the default */
};
/* Of AST_JSON_TABLE. */
enum { JSON_TABLE_ERROR = 1 /* ERROR ON ERROR */, JSON_TABLE_INNER = 2, JSON_TABLE_CROSS = 4 };

enum athena_json_answer {
    JSON_NULL,
    JSON_ERROR,
    JSON_DEFAULT,
    JSON_EMPTY_ARRAY,
    JSON_EMPTY_OBJECT,
    JSON_TRUE,
    JSON_FALSE,
};
/* At the name; NULL without error: it is none of these calls. */
struct athena_node *athena_parse_json(struct athena_parser *parser);
/* At JSON_TABLE ( in a FROM clause. */
struct athena_node *athena_parse_json_table(struct athena_parser *parser);
const struct athena_sqltype *athena_infer_json(struct athena_translation *translation,
                                               const struct athena_node *node);
void athena_emit_json(struct athena_translation *translation, const struct athena_node *node);
/* Of json_extract and its like (scalars_jsonget.c): what mr_json_get gives, and whether a text is a
 * path of theirs. */
enum { JSON_GET_VALUE, JSON_GET_SCALAR, JSON_GET_SIZE };
bool athena_json_is_path(struct mr_slice path);
/* The next step of a path, behind '$', taken off it. False: it is wrong. */
bool athena_json_step(struct mr_slice *path, struct mr_buf *name);
/* The parts of mr_json_path's call, and the answer chosen by what it says; `call` stands for it. */
void athena_emit_json_input(struct athena_translation *translation, const struct athena_node *node);
void athena_emit_json_variables(struct athena_translation *translation,
                                const struct athena_node *node);
void athena_emit_json_found(struct athena_translation *translation, const struct athena_node *node,
                            struct mr_slice call);
/* The relation, up to its alias; its columns. False: the error is set. */
bool athena_emit_json_table(struct athena_translation *translation, const struct athena_node *node,
                            struct athena_fields *ret_fields);
