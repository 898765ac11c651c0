/* athena/test_parse.h: for tests: a text as the tree that the parser makes of it. */
#pragma once
#include "athena/parse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static inline struct athena_node *test_parse(
    struct mr_arena *arena, const char *text,
    struct athena_node *(*parse)(struct athena_parser *parser))
{
    struct athena_tokens tokens;
    struct athena_error error = {0};
    assert_int_equal(athena_lex(arena, mr_slice_cstr(text), &tokens, &error), MR_OK);
    struct athena_parser parser = athena_parser_make(arena, &tokens, &error);
    struct athena_node *node = parse(&parser);
    if (node == NULL)
        fail_msg("%s: %.*s", text, MR_ARG(error.message));
    return node;
}
