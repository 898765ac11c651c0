/* The path language's grammar. */
#include "athena/jsonpath.h"
#include <ctype.h>

enum { STEPS_MAX = 20000 }; /* values read, those read again after a wrong guess included */

struct parser {
    struct mr_arena *arena;
    struct mr_slice text;
    size_t at;
    unsigned depth, steps;
    struct mr_slice why; /* empty: fine so far */
};

static struct athena_path_node *parse_expression(struct parser *parser);
static struct athena_path_node *parse_predicate(struct parser *parser);

static struct athena_path_node *fail(struct parser *parser, const char *why)
{
    if (parser->why.len == 0)
        parser->why = mr_arena_printf(parser->arena, "%s at position %zu", why, parser->at + 1);
    return NULL;
}

static void skip_blanks(struct parser *parser)
{
    while (parser->at < parser->text.len && isspace((unsigned char)parser->text.ptr[parser->at]))
        parser->at++;
}

static bool is_word(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || (byte & 0x80) != 0;
}

/* Whether `token` comes next; a word only if no letter follows. */
static bool peek(struct parser *parser, const char *token)
{
    skip_blanks(parser);
    const size_t len = strlen(token);
    struct mr_slice rest = mr_slice_sub(parser->text, parser->at, SIZE_MAX);
    return mr_slice_starts_with(rest, mr_slice_make(token, len)) &&
           !(is_word(token[0]) && len < rest.len && is_word(rest.ptr[len]));
}

static bool take(struct parser *parser, const char *token)
{
    const bool found = peek(parser, token);
    parser->at += found ? strlen(token) : 0;
    return found;
}

static bool expect(struct parser *parser, const char *token)
{
    if (take(parser, token))
        return true;
    (void)fail(parser, token[0] == ')' ? "')' is expected" : "the path ends too early");
    return false;
}

static struct athena_path_node *make(struct parser *parser, enum athena_path_kind kind,
                                     struct athena_path_node *left, struct athena_path_node *right)
{
    struct athena_path_node *node = MR_NEW(parser->arena, struct athena_path_node);
    *node = (struct athena_path_node){.kind = kind, .left = left, .right = right};
    return node;
}

static struct mr_slice take_word(struct parser *parser)
{
    const size_t from = parser->at;
    while (parser->at < parser->text.len && is_word(parser->text.ptr[parser->at]))
        parser->at++;
    return mr_slice_sub(parser->text, from, parser->at - from);
}

/* "text" as JSON writes it; two quotes stand for one, too. False: it does not end. */
static bool take_string(struct parser *parser, struct mr_slice *ret)
{
    struct mr_buf literal = {0};
    bool ended = false;
    mr_buf_byte(&literal, '"');
    for (parser->at++; parser->at < parser->text.len && !ended; parser->at++) {
        const char byte = parser->text.ptr[parser->at];
        const char next =
            parser->at + 1 < parser->text.len ? parser->text.ptr[parser->at + 1] : '\0';
        if (byte == '"' && next != '"') {
            ended = true;
        } else if (byte == '"') {
            mr_buf_append(&literal, MR_S("\\\""));
            parser->at++;
        } else {
            mr_buf_byte(&literal, byte);
            if (byte == '\\' && next != '\0') {
                mr_buf_byte(&literal, next);
                parser->at++;
            }
        }
    }
    mr_buf_byte(&literal, '"');
    yyjson_val *value =
        ended ? mr_json_parse(parser->arena, mr_buf_slice(&literal), MR_JSON_DEPTH_MAX) : NULL;
    if (value == NULL)
        (void)fail(parser, "a string is wrong or does not end");
    else
        *ret = mr_json_text(value);
    mr_buf_fini(&literal);
    return value != NULL;
}

static struct athena_path_node *parse_number(struct parser *parser)
{
    size_t from = parser->at;
    while (parser->at < parser->text.len && isdigit((unsigned char)parser->text.ptr[parser->at]))
        parser->at++;
    if (parser->at + 1 < parser->text.len && parser->text.ptr[parser->at] == '.' &&
        isdigit((unsigned char)parser->text.ptr[parser->at + 1])) {
        for (parser->at++;
             parser->at < parser->text.len && isdigit((unsigned char)parser->text.ptr[parser->at]);)
            parser->at++;
    }
    if (parser->at < parser->text.len && (parser->text.ptr[parser->at] | 0x20) == 'e') {
        parser->at++;
        if (parser->at < parser->text.len && mr_byte_in(parser->text.ptr[parser->at], "+-"))
            parser->at++;
        const size_t digits = parser->at;
        while (parser->at < parser->text.len &&
               isdigit((unsigned char)parser->text.ptr[parser->at]))
            parser->at++;
        if (parser->at == digits)
            return fail(parser, "an exponent is expected");
    }
    while (parser->text.ptr[from] == '0' && from + 1 < parser->at &&
           isdigit((unsigned char)parser->text.ptr[from + 1]))
        from++; /* what JSON knows no form for */
    struct athena_path_node *node = make(parser, PATH_NUMBER, NULL, NULL);
    node->text = mr_slice_sub(parser->text, from, parser->at - from);
    return node;
}

static struct athena_path_node *parse_primary(struct parser *parser)
{
    static const struct {
        const char *word;
        enum athena_path_kind kind;
    } words[] = {{"true", PATH_TRUE},
                 {"false", PATH_FALSE},
                 {"null", PATH_NULL},
                 {"last", PATH_LAST},
                 {"@", PATH_CURRENT}};
    struct athena_path_node *node;
    if (++parser->steps > STEPS_MAX)
        return fail(parser, "the path is too long");
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        if (take(parser, words[i].word))
            return make(parser, words[i].kind, NULL, NULL);
    }
    if (take(parser, "$")) {
        node = make(parser, PATH_CONTEXT, NULL, NULL);
        node->text = take_word(parser);
        node->kind = node->text.len > 0 ? PATH_VARIABLE : PATH_CONTEXT;
        return node;
    }
    if (take(parser, "(")) {
        node = parse_expression(parser);
        return node != NULL && expect(parser, ")") ? node : NULL;
    }
    if (parser->at < parser->text.len && parser->text.ptr[parser->at] == '"') {
        node = make(parser, PATH_STRING, NULL, NULL);
        return take_string(parser, &node->text) ? node : NULL;
    }
    if (parser->at < parser->text.len && isdigit((unsigned char)parser->text.ptr[parser->at]))
        return parse_number(parser);
    return fail(parser, "a value is expected");
}

static struct athena_path_node *parse_subscripts(struct parser *parser,
                                                 struct athena_path_node *left)
{
    if (take(parser, "*"))
        return expect(parser, "]") ? make(parser, PATH_ALL_ELEMENTS, left, NULL) : NULL;
    struct athena_path_node *node = make(parser, PATH_ELEMENTS, left, NULL), **end = &node->items;
    do {
        struct athena_path_node *range = make(parser, PATH_RANGE, parse_expression(parser), NULL);
        if (range->left == NULL)
            return NULL;
        if (take(parser, "to") && (range->right = parse_expression(parser)) == NULL)
            return NULL;
        *end = range;
        end = &range->next;
    } while (take(parser, ","));
    return expect(parser, "]") ? node : NULL;
}

static bool is_method(struct mr_slice name)
{
    static const char *const methods[] = {"double", "ceiling",  "floor", "abs",
                                          "type",   "keyvalue", "size"};
    for (size_t i = 0; i < MR_COUNT(methods); i++) {
        if (mr_slice_equal(name, mr_slice_cstr(methods[i])))
            return true;
    }
    return false;
}

/* Behind '.' or '..'. */
static struct athena_path_node *parse_member(struct parser *parser, struct athena_path_node *left,
                                             bool deep)
{
    if (!deep && take(parser, "*"))
        return make(parser, PATH_MEMBERS, left, NULL);
    struct athena_path_node *node = make(parser, deep ? PATH_DESCENDANT : PATH_MEMBER, left, NULL);
    skip_blanks(parser);
    if (parser->at < parser->text.len && parser->text.ptr[parser->at] == '"')
        return take_string(parser, &node->text) ? node : NULL;
    node->text = take_word(parser);
    if (node->text.len == 0)
        return fail(parser, "a member's name is expected");
    if (!peek(parser, "("))
        return node;
    parser->at++;
    if (deep || !is_method(node->text))
        return fail(parser, "there is no such method");
    node->kind = PATH_METHOD;
    return expect(parser, ")") ? node : NULL;
}

static struct athena_path_node *parse_accessors(struct parser *parser)
{
    struct athena_path_node *node = parse_primary(parser);
    unsigned links = 0;
    while (node != NULL) {
        if (++links > ATHENA_PATH_DEPTH_MAX)
            return fail(parser, "the path is too long");
        if (take(parser, "..")) {
            node = parse_member(parser, node, true);
        } else if (take(parser, ".")) {
            node = parse_member(parser, node, false);
        } else if (take(parser, "[")) {
            node = parse_subscripts(parser, node);
        } else if (take(parser, "?")) {
            if (!expect(parser, "("))
                return NULL;
            struct athena_path_node *predicate = parse_predicate(parser);
            if (predicate == NULL || !expect(parser, ")"))
                return NULL;
            node = make(parser, PATH_FILTER, node, predicate);
        } else {
            break;
        }
    }
    return node;
}

static struct athena_path_node *parse_unary(struct parser *parser)
{
    struct athena_path_node *node;
    if (++parser->depth > ATHENA_PATH_DEPTH_MAX)
        return fail(parser, "the path is nested too deep");
    if (peek(parser, "-") || peek(parser, "+")) {
        node = make(parser, PATH_UNARY, NULL, NULL);
        node->text = mr_slice_sub(parser->text, parser->at++, 1);
        node->left = parse_unary(parser);
        node = node->left == NULL ? NULL : node;
    } else {
        node = parse_accessors(parser);
    }
    parser->depth--;
    return node;
}

/* A chain of operators of one rank, from the left. */
static struct athena_path_node *parse_chain(struct parser *parser, const char *signs,
                                            struct athena_path_node *(*part)(struct parser *))
{
    struct athena_path_node *node = part(parser);
    unsigned links = 0;
    for (skip_blanks(parser); node != NULL && parser->at < parser->text.len &&
                              mr_byte_in(parser->text.ptr[parser->at], signs);
         skip_blanks(parser)) {
        if (++links > ATHENA_PATH_DEPTH_MAX)
            return fail(parser, "the path is too long");
        struct athena_path_node *binary = make(parser, PATH_BINARY, node, NULL);
        binary->text = mr_slice_sub(parser->text, parser->at++, 1);
        binary->right = part(parser);
        node = binary->right == NULL ? NULL : binary;
    }
    return node;
}

static struct athena_path_node *parse_product(struct parser *parser)
{
    return parse_chain(parser, "*/%", parse_unary);
}

static struct athena_path_node *parse_expression(struct parser *parser)
{
    return parse_chain(parser, "+-", parse_product);
}

/* ---- predicates ---- */

static struct athena_path_node *parse_comparison(struct parser *parser)
{
    static const char *const signs[] = {"==", "<>", "!=", "<=", ">=", "<", ">"};
    struct athena_path_node *left = parse_expression(parser);
    if (left == NULL)
        return NULL;
    if (take(parser, "starts")) {
        struct athena_path_node *right = expect(parser, "with") ? parse_primary(parser) : NULL;
        return right == NULL ? NULL : make(parser, PATH_STARTS, left, right);
    }
    for (size_t i = 0; i < MR_COUNT(signs); i++) {
        if (!take(parser, signs[i]))
            continue;
        struct athena_path_node *node = make(parser, PATH_COMPARE, left, parse_expression(parser));
        node->text = mr_slice_cstr(signs[i]);
        return node->right == NULL ? NULL : node;
    }
    return fail(parser, "a comparison is expected");
}

static struct athena_path_node *parse_parenthesis(struct parser *parser)
{
    struct athena_path_node *node = parse_predicate(parser);
    if (node == NULL || !expect(parser, ")"))
        return NULL;
    if (!take(parser, "is"))
        return node;
    return expect(parser, "unknown") ? make(parser, PATH_UNKNOWN, node, NULL) : NULL;
}

static struct athena_path_node *parse_condition(struct parser *parser)
{
    struct athena_path_node *node;
    const size_t from = parser->at;
    if (++parser->depth > ATHENA_PATH_DEPTH_MAX)
        return fail(parser, "the path is nested too deep");
    if (!peek(parser, "!=") && take(parser, "!")) {
        node = parse_condition(parser);
        node = node == NULL ? NULL : make(parser, PATH_NOT, node, NULL);
    } else if (take(parser, "exists")) {
        node = expect(parser, "(") ? parse_expression(parser) : NULL;
        node = node != NULL && expect(parser, ")") ? make(parser, PATH_EXISTS, node, NULL) : NULL;
    } else if (take(parser, "(") && (node = parse_parenthesis(parser)) != NULL) {
        /* a predicate in parentheses */
    } else { /* or an expression */
        parser->at = from;
        parser->why = (struct mr_slice){0};
        node = parse_comparison(parser);
    }
    parser->depth--;
    return node;
}

static struct athena_path_node *parse_joined(struct parser *parser, const char *sign,
                                             enum athena_path_kind kind,
                                             struct athena_path_node *(*part)(struct parser *))
{
    struct athena_path_node *node = part(parser);
    unsigned links = 0;
    while (node != NULL && take(parser, sign)) {
        struct athena_path_node *right = part(parser);
        if (++links > ATHENA_PATH_DEPTH_MAX)
            return fail(parser, "the path is too long");
        node = right == NULL ? NULL : make(parser, kind, node, right);
    }
    return node;
}

static struct athena_path_node *parse_all(struct parser *parser)
{
    return parse_joined(parser, "&&", PATH_AND, parse_condition);
}

static struct athena_path_node *parse_predicate(struct parser *parser)
{
    return parse_joined(parser, "||", PATH_OR, parse_all);
}

bool athena_path_parse(struct mr_arena *arena, struct mr_slice text, struct athena_path *ret_path,
                       struct mr_slice *ret_why)
{
    struct parser parser = {.arena = arena, .text = mr_arena_copy(arena, text)};
    struct athena_path path = {.lax = take(&parser, "lax")};
    if (!path.lax && !take(&parser, "strict"))
        (void)fail(&parser, "'lax' or 'strict' is expected");
    else
        path.root = parse_expression(&parser);
    skip_blanks(&parser);
    if (path.root != NULL && parser.at < parser.text.len)
        (void)fail(&parser, "the path should end");
    *ret_why = parser.why;
    *ret_path = path;
    return parser.why.len == 0;
}
