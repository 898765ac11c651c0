/* Tokens, paths, placeholders and errors of expressions. */
#include "item/parser.h"
#include <assert.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_part(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t run_of(const char *from, const char *end, bool (*belongs)(char))
{
    const char *at = from;
    while (at < end && belongs(*at))
        at++;
    return (size_t)(at - from);
}

static size_t sign_length(const char *from, const char *end)
{
    if (end - from >= 2) {
        bool two = (from[0] == '<' && (from[1] == '=' || from[1] == '>')) ||
                   (from[0] == '>' && from[1] == '=');
        if (two)
            return 2;
    }
    size_t len = 1; /* a character of UTF-8 stays whole in the message */
    while (from + len < end && ((uint8_t)from[len] & 0xC0) == 0x80)
        len++;
    return len;
}

/* The token at `*next`, which moves behind it. */
static struct item_token lex(const char **next, const char *end)
{
    const char *from = *next + run_of(*next, end, is_blank);
    struct item_token token = {.kind = TOKEN_END, .text = {.ptr = from}};
    if (from == end) {
        *next = end;
        return token;
    }
    if (is_letter(*from)) {
        token.kind = TOKEN_WORD;
        token.text.len = run_of(from, end, is_part);
    } else if (is_digit(*from)) {
        token.kind = TOKEN_INDEX;
        token.text.len = *from == '0' ? 1 : run_of(from, end, is_digit); /* 00 is two tokens */
    } else if ((*from == '#' || *from == ':') && run_of(from + 1, end, is_part) > 0) {
        token.kind = *from == '#' ? TOKEN_NAME : TOKEN_VALUE;
        token.text.len = 1 + run_of(from + 1, end, is_part);
    } else {
        token.kind = TOKEN_SIGN;
        token.text.len = sign_length(from, end);
    }
    *next = from + token.text.len;
    return token;
}

static struct mr_slice prefixed(struct item_parser *parser, struct mr_slice text)
{
    return mr_arena_printf(parser->arena, "Invalid %s: %.*s", parser->parameter, MR_ARG(text));
}

enum mr_status item_parser_init(struct item_parser *parser, struct mr_arena *arena,
                                struct item_placeholders *placeholders, struct mr_slice text,
                                const char *parameter, struct mr_slice *ret_error)
{
    *parser = (struct item_parser){.arena = arena,
                                   .placeholders = placeholders,
                                   .parameter = parameter,
                                   .start = text.ptr,
                                   .next = text.ptr,
                                   .end = text.ptr + text.len,
                                   .name_class = ERROR_NAME,
                                   .value_class = ERROR_VALUE};
    if (text.len == 0) {
        *ret_error = prefixed(parser, MR_S("The expression can not be empty;"));
        return MR_INVALID;
    }
    if (text.len > ITEM_EXPRESSION_MAX) {
        *ret_error =
            mr_arena_printf(arena,
                            "Invalid %s: Expression size has exceeded the maximum allowed size; "
                            "expression size: %zu",
                            parameter, text.len);
        return MR_INVALID;
    }
    parser->before.text = mr_slice_make(text.ptr, 0);
    parser->token = lex(&parser->next, parser->end);
    return MR_OK;
}

enum mr_status item_parser_finish(struct item_parser *parser, const enum item_error_class *order,
                                  size_t count, struct mr_slice *ret_error)
{
    if (!parser->failed && parser->token.kind != TOKEN_END)
        item_parser_syntax(parser);
    struct mr_slice error = parser->fatal;
    if (!parser->failed && parser->operators > ITEM_OPERATORS_MAX)
        error = mr_arena_printf(parser->arena,
                                "The expression contains too many operators; operator count: %u",
                                parser->operators);
    for (size_t i = 0; error.ptr == NULL && i < count; i++)
        error = parser->errors[order[i]];
    if (error.ptr == NULL)
        return MR_OK;
    *ret_error = prefixed(parser, error);
    return MR_INVALID;
}

void item_parser_take(struct item_parser *parser)
{
    parser->before = parser->token;
    parser->token = lex(&parser->next, parser->end);
}

/* AWS shows the token, and near it the text from the token before to the token after. */
void item_parser_syntax(struct item_parser *parser)
{
    if (parser->failed)
        return;
    parser->failed = true;
    const char *from =
        parser->before.text.len > 0 ? parser->before.text.ptr : parser->token.text.ptr;
    const char *to = parser->next;
    if (parser->token.kind == TOKEN_END) {
        to = parser->before.text.ptr + parser->before.text.len;
    } else {
        struct item_token after = lex(&to, parser->end);
        to = after.kind == TOKEN_END ? parser->next : after.text.ptr + after.text.len;
    }
    struct mr_slice token = parser->token.kind == TOKEN_END ? MR_S("<EOF>") : parser->token.text;
    parser->fatal = mr_arena_printf(parser->arena, "Syntax error; token: \"%.*s\", near: \"%.*s\"",
                                    MR_ARG(token), (int)(to - from), from);
}

void item_parser_note(struct item_parser *parser, enum item_error_class error_class,
                      struct mr_slice text)
{
    if (parser->errors[error_class].ptr == NULL)
        parser->errors[error_class] = text;
}

void item_parser_parentheses(struct item_parser *parser, struct item_node *node)
{
    if (node->in_parentheses)
        item_parser_note(parser, ERROR_PARENS, MR_S("The expression has redundant parentheses;"));
    node->in_parentheses = true;
}

bool item_parser_enter(struct item_parser *parser)
{
    if (++parser->depth <= ITEM_EXPRESSION_DEPTH_MAX)
        return true;
    if (!parser->failed)
        parser->fatal = MR_S("The expression is nested too deeply;");
    parser->failed = true;
    return false;
}

void item_parser_leave(struct item_parser *parser)
{
    assert(parser->depth > 0);
    parser->depth--;
}

void item_parser_operator(struct item_parser *parser)
{
    parser->operators++;
}

bool item_parser_is_sign(const struct item_parser *parser, struct mr_slice sign)
{
    return parser->token.kind == TOKEN_SIGN && mr_slice_equal(parser->token.text, sign);
}

bool item_parser_is_word(const struct item_parser *parser, struct mr_slice word)
{
    return parser->token.kind == TOKEN_WORD && mr_slice_equal_nocase(parser->token.text, word);
}

void item_parser_expect(struct item_parser *parser, struct mr_slice sign)
{
    if (item_parser_is_sign(parser, sign))
        item_parser_take(parser);
    else
        item_parser_syntax(parser);
}

bool item_parser_at_call(const struct item_parser *parser)
{
    const char *next = parser->next;
    struct item_token after = lex(&next, parser->end);
    return parser->token.kind == TOKEN_WORD && after.kind == TOKEN_SIGN &&
           mr_slice_equal(after.text, MR_S("("));
}

struct item_node *item_parser_node(struct item_parser *parser, enum item_node_kind kind,
                                   size_t room)
{
    struct item_node *node = MR_NEW(parser->arena, struct item_node);
    node->kind = kind;
    if (room > 0)
        node->args = MR_NEW_ARRAY(parser->arena, struct item_node *, room);
    return node;
}

static struct mr_slice resolve_name(struct item_parser *parser, struct mr_slice key)
{
    for (size_t i = 0; i < parser->placeholders->name_count; i++) {
        struct item_name *name = &parser->placeholders->names[i];
        if (mr_slice_equal(name->key, key)) {
            name->used = true;
            return name->name;
        }
    }
    item_parser_note(parser, parser->name_class,
                     mr_arena_printf(parser->arena,
                                     "An expression attribute name used in the document path is "
                                     "not defined; attribute name: %.*s",
                                     MR_ARG(key)));
    return key;
}

/* A name within a path at the present token. */
static struct mr_slice path_name(struct item_parser *parser)
{
    struct mr_slice name = parser->token.text;
    if (parser->token.kind == TOKEN_NAME) {
        name = resolve_name(parser, name);
    } else if (parser->token.kind == TOKEN_WORD) {
        if (item_word_is_reserved(name))
            item_parser_note(parser, ERROR_RESERVED,
                             mr_arena_printf(parser->arena,
                                             "Attribute name is a reserved keyword; reserved "
                                             "keyword: %.*s",
                                             MR_ARG(name)));
    } else {
        item_parser_syntax(parser);
        return name;
    }
    item_parser_take(parser);
    return name;
}

/* AWS: an index is a Java int. */
static void check_index(struct item_parser *parser, size_t index)
{
    if (index > INT32_MAX)
        item_parser_note(parser, ERROR_RESERVED,
                         mr_arena_printf(parser->arena,
                                         "List index is not within the allowable range; index: "
                                         "[%.*s]",
                                         MR_ARG(parser->token.text)));
}

/* AWS: as deep as an item may be. */
static void check_depth(struct item_parser *parser, size_t levels)
{
    if (levels > ITEM_PATH_STEPS_MAX)
        item_parser_note(parser, ERROR_RESERVED,
                         mr_arena_printf(parser->arena,
                                         "The document path has too many nesting levels; nesting "
                                         "levels: %zu",
                                         levels));
}

static size_t path_index(struct item_parser *parser)
{
    size_t index = 0;
    if (parser->token.kind != TOKEN_INDEX) {
        item_parser_syntax(parser);
        return 0;
    }
    for (size_t i = 0; i < parser->token.text.len && index < 1000000000; i++)
        index = index * 10 + (size_t)(parser->token.text.ptr[i] - '0');
    check_index(parser, index);
    item_parser_take(parser);
    item_parser_expect(parser, MR_S("]"));
    return index;
}

void item_parser_note_function(struct item_parser *parser, struct mr_slice name, const char *where)
{
    static const struct mr_slice functions[] = {
        MR_S_INIT("attribute_exists"), MR_S_INIT("attribute_not_exists"),
        MR_S_INIT("attribute_type"),   MR_S_INIT("begins_with"),
        MR_S_INIT("contains"),         MR_S_INIT("size"),
        MR_S_INIT("if_not_exists"),    MR_S_INIT("list_append"),
    };
    struct mr_slice text =
        mr_arena_printf(parser->arena, "Invalid function name; function: %.*s", MR_ARG(name));
    for (size_t i = 0; i < MR_COUNT(functions); i++) {
        if (mr_slice_equal(functions[i], name))
            text = mr_arena_printf(parser->arena,
                                   "The function is not allowed in %s expression; function: %.*s",
                                   where, MR_ARG(name));
    }
    item_parser_note(parser, ERROR_FUNCTION_NAME, text);
}

struct item_path item_parser_path(struct item_parser *parser)
{
    size_t cap = 4;
    struct item_path path = {.steps = mr_arena_alloc(parser->arena, cap * sizeof(path.steps[0]))};
    path.steps[path.count++] = (struct item_step){.name = path_name(parser)};
    while (!parser->failed) {
        bool dot = item_parser_is_sign(parser, MR_S("."));
        if (!dot && !item_parser_is_sign(parser, MR_S("[")))
            break;
        item_parser_take(parser);
        if (path.count == cap) {
            struct item_step *steps =
                mr_arena_alloc(parser->arena, 2 * cap * sizeof(path.steps[0]));
            memcpy(steps, path.steps, cap * sizeof(steps[0]));
            path.steps = steps;
            cap *= 2;
        }
        struct item_step step = {.name = {.ptr = NULL}};
        if (dot)
            step.name = path_name(parser);
        else
            step.index = path_index(parser);
        path.steps[path.count++] = step;
    }
    check_depth(parser, path.count);
    return path;
}

struct item_node *item_parser_value(struct item_parser *parser)
{
    struct item_node *node = item_parser_node(parser, ITEM_NODE_VALUE, 0);
    struct mr_slice key = parser->token.text;
    for (size_t i = 0; i < parser->placeholders->value_count; i++) {
        struct item_bound *bound = &parser->placeholders->values[i];
        if (mr_slice_equal(bound->key, key)) {
            bound->used = true;
            node->value = bound->value;
        }
    }
    if (node->value.type == ITEM_NONE)
        item_parser_note(parser, parser->value_class,
                         mr_arena_printf(parser->arena,
                                         "An expression attribute value used in expression is not "
                                         "defined; attribute value: %.*s",
                                         MR_ARG(key)));
    item_parser_take(parser);
    return node;
}
