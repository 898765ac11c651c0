#include "logs/pattern.h"
#include <ctype.h>
#include <stdlib.h>

enum { EVENT_DEPTH_MAX = 64 };

enum term_kind { TERM_REQUIRED, TERM_OPTIONAL, TERM_EXCLUDED };
struct term {
    enum term_kind kind;
    struct mr_slice text;
};

enum node_kind { NODE_AND, NODE_OR, NODE_COMPARE, NODE_IS, NODE_NOT_EXISTS };
enum operator{ OP_EQ, OP_NE, OP_LE, OP_GE, OP_LT, OP_GT };
struct node {
    enum node_kind kind;
    struct node *left, *right; /* AND, OR */
    struct mr_slice path;      /* behind the "$" */
    enum operator op;
    struct mr_slice text; /* the value; of IS: NULL, TRUE, FALSE */
    bool is_number;
    double number;
};

struct logs_pattern {
    struct term *terms;
    size_t count;
    struct node *root; /* NULL: terms */
};

struct parser {
    struct mr_arena *arena;
    struct mr_slice rest;
    size_t nodes, depth;
    const char *message;
};

/* ---- reading ---- */

static void skip_blanks(struct parser *parser)
{
    while (parser->rest.len > 0 && isspace((unsigned char)parser->rest.ptr[0]))
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
}

static bool take(struct parser *parser, struct mr_slice text)
{
    skip_blanks(parser);
    if (!mr_slice_starts_with(parser->rest, text))
        return false;
    parser->rest = mr_slice_sub(parser->rest, text.len, SIZE_MAX);
    return true;
}

/* Up to one of the bytes in `stop`, or a blank. */
static struct mr_slice word(struct parser *parser, const char *stop)
{
    size_t len = 0;
    while (len < parser->rest.len && !isspace((unsigned char)parser->rest.ptr[len]) &&
           !mr_byte_in(parser->rest.ptr[len], stop))
        len++;
    const struct mr_slice text = mr_slice_sub(parser->rest, 0, len);
    parser->rest = mr_slice_sub(parser->rest, len, SIZE_MAX);
    return text;
}

/* Behind the opening quote; false: it is not closed. */
static bool quoted(struct parser *parser, struct mr_slice *ret_text)
{
    struct mr_buf buf = {0};
    size_t at = 0;
    while (at < parser->rest.len && parser->rest.ptr[at] != '"') {
        if (parser->rest.ptr[at] == '\\' && at + 1 < parser->rest.len)
            at++;
        mr_buf_byte(&buf, parser->rest.ptr[at++]);
    }
    const bool closed = at < parser->rest.len;
    *ret_text = mr_arena_copy(parser->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    parser->rest = mr_slice_sub(parser->rest, at + 1, SIZE_MAX);
    return closed;
}

static struct node *invalid(struct parser *parser, const char *message)
{
    if (parser->message == NULL)
        parser->message = message;
    return NULL;
}

static struct node *node_new(struct parser *parser, enum node_kind kind)
{
    if (++parser->nodes > LOGS_PATTERN_NODES_MAX)
        return invalid(parser, "Invalid filter pattern");
    struct node *node = MR_NEW(parser->arena, struct node);
    node->kind = kind;
    return node;
}

/* ---- JSON patterns ---- */

static bool read_operator(struct parser *parser, enum operator* ret_op)
{
    static const struct {
        struct mr_slice text;
        enum operator op;
    } operators[] = {{MR_S_INIT("!="), OP_NE}, {MR_S_INIT("<="), OP_LE}, {MR_S_INIT(">="), OP_GE},
                     {MR_S_INIT("="), OP_EQ},  {MR_S_INIT("<"), OP_LT},  {MR_S_INIT(">"), OP_GT}};
    for (size_t i = 0; i < MR_COUNT(operators); i++) {
        if (take(parser, operators[i].text)) {
            *ret_op = operators[i].op;
            return true;
        }
    }
    return false;
}

static bool read_number(struct mr_slice text, double *ret_number)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_number = strtod(copy, &end);
    return *end == '\0';
}

static struct node *read_value(struct parser *parser, struct node *node)
{
    if (take(parser, MR_S("\"")))
        return quoted(parser, &node->text) ? node : invalid(parser, "Invalid filter pattern");
    if (take(parser, MR_S("%")))
        return invalid(parser, "millrace does not implement regular expressions in patterns");
    node->text = word(parser, "&|){}");
    node->is_number = read_number(node->text, &node->number);
    return node->text.len > 0 ? node : invalid(parser, "Invalid filter pattern");
}

static struct node *read_condition(struct parser *parser)
{
    struct node *node = node_new(parser, NODE_COMPARE);
    if (node == NULL)
        return NULL;
    if (!take(parser, MR_S("$")))
        return invalid(parser, "Invalid filter pattern");
    node->path = word(parser, "=!<>&|(){}");
    if (take(parser, MR_S("NOT EXISTS"))) {
        node->kind = NODE_NOT_EXISTS;
        return node;
    }
    if (take(parser, MR_S("IS"))) {
        skip_blanks(parser);
        node->kind = NODE_IS;
        node->text = word(parser, "&|){}");
        const bool known = mr_slice_equal(node->text, MR_S("NULL")) ||
                           mr_slice_equal(node->text, MR_S("TRUE")) ||
                           mr_slice_equal(node->text, MR_S("FALSE"));
        return known ? node : invalid(parser, "Invalid filter pattern");
    }
    if (!read_operator(parser, &node->op))
        return invalid(parser, "Invalid filter pattern");
    return read_value(parser, node);
}

static struct node *read_or(struct parser *parser);

static struct node *read_factor(struct parser *parser)
{
    if (!take(parser, MR_S("(")))
        return read_condition(parser);
    if (++parser->depth > LOGS_PATTERN_DEPTH_MAX)
        return invalid(parser, "Invalid filter pattern");
    struct node *node = read_or(parser);
    parser->depth--;
    if (node != NULL && !take(parser, MR_S(")")))
        return invalid(parser, "Invalid filter pattern");
    return node;
}

static struct node *read_chain(struct parser *parser, struct mr_slice between, enum node_kind kind,
                               struct node *(*read)(struct parser *parser))
{
    struct node *left = read(parser);
    while (left != NULL && take(parser, between)) {
        struct node *node = node_new(parser, kind);
        if (node == NULL)
            return NULL;
        node->left = left;
        node->right = read(parser);
        left = node->right == NULL ? NULL : node;
    }
    return left;
}

static struct node *read_and(struct parser *parser)
{
    return read_chain(parser, MR_S("&&"), NODE_AND, read_factor);
}

static struct node *read_or(struct parser *parser)
{
    return read_chain(parser, MR_S("||"), NODE_OR, read_and);
}

/* ---- terms ---- */

static void read_terms(struct parser *parser, struct logs_pattern *pattern)
{
    pattern->terms = MR_NEW_ARRAY(parser->arena, struct term, LOGS_PATTERN_NODES_MAX);
    for (skip_blanks(parser); parser->rest.len > 0; skip_blanks(parser)) {
        if (pattern->count == LOGS_PATTERN_NODES_MAX) {
            (void)invalid(parser, "Invalid filter pattern");
            return;
        }
        struct term *term = &pattern->terms[pattern->count++];
        if (take(parser, MR_S("?")))
            term->kind = TERM_OPTIONAL;
        else if (take(parser, MR_S("-")))
            term->kind = TERM_EXCLUDED;
        if (take(parser, MR_S("%"))) {
            (void)invalid(parser, "millrace does not implement regular expressions in patterns");
            return;
        }
        if (!take(parser, MR_S("\"")))
            term->text = word(parser, "\"");
        else if (!quoted(parser, &term->text))
            (void)invalid(parser, "Invalid filter pattern");
    }
}

enum mr_status logs_pattern_parse(struct mr_arena *arena, struct mr_slice text,
                                  struct logs_pattern **ret_pattern, const char **ret_message)
{
    struct logs_pattern *pattern = MR_NEW(arena, struct logs_pattern);
    struct parser parser = {.arena = arena, .rest = text};
    if (take(&parser, MR_S("["))) {
        (void)invalid(&parser, "millrace does not implement patterns of columns");
    } else if (take(&parser, MR_S("{"))) {
        pattern->root = read_or(&parser);
        if (pattern->root != NULL && !take(&parser, MR_S("}")))
            (void)invalid(&parser, "Invalid filter pattern");
    } else {
        read_terms(&parser, pattern);
    }
    *ret_pattern = pattern;
    *ret_message = parser.message;
    return parser.message == NULL ? MR_OK : MR_INVALID;
}

/* ---- matching ---- */

static bool matches_terms(const struct logs_pattern *pattern, struct mr_slice event)
{
    bool any_required = false, any_optional = false, one_optional = false;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct term *term = &pattern->terms[i];
        const bool found = mr_slice_search(event, term->text) != SIZE_MAX;
        if (term->kind == TERM_OPTIONAL) {
            any_optional = true;
            one_optional = one_optional || found;
        } else if (found == (term->kind == TERM_EXCLUDED)) {
            return false;
        } else {
            any_required = true;
        }
    }
    return any_required || !any_optional || one_optional;
}

/* One step of a path: ".name", "[0]" or ["name"]. NULL: it leads nowhere. */
static yyjson_val *step(yyjson_val *value, struct mr_slice *path)
{
    if (path->ptr[0] == '.') {
        size_t len = 1;
        while (len < path->len && path->ptr[len] != '.' && path->ptr[len] != '[')
            len++;
        const struct mr_slice name = mr_slice_sub(*path, 1, len - 1);
        *path = mr_slice_sub(*path, len, SIZE_MAX);
        return yyjson_is_obj(value) ? yyjson_obj_getn(value, name.ptr, name.len) : NULL;
    }
    const size_t close = mr_slice_find(*path, ']');
    if (path->ptr[0] != '[' || close == SIZE_MAX)
        return NULL;
    struct mr_slice inside = mr_slice_sub(*path, 1, close - 1);
    *path = mr_slice_sub(*path, close + 1, SIZE_MAX);
    uint64_t index;
    if (mr_slice_to_u64(inside, &index) == MR_OK)
        return yyjson_arr_get(value, (size_t)index);
    if (inside.len >= 2 && inside.ptr[0] == '"')
        return yyjson_obj_getn(value, inside.ptr + 1, inside.len - 2);
    return NULL;
}

static yyjson_val *find(yyjson_val *value, struct mr_slice path)
{
    while (value != NULL && path.len > 0)
        value = step(value, &path);
    return value;
}

static bool compare(const struct node *node, yyjson_val *value)
{
    if (node->is_number && mr_json_is_number(value)) {
        const double left = mr_json_double(value, 0);
        switch (node->op) {
        case OP_EQ: return left == node->number;
        case OP_NE: return left != node->number;
        case OP_LE: return left <= node->number;
        case OP_GE: return left >= node->number;
        case OP_LT: return left < node->number;
        case OP_GT: return left > node->number;
        }
    }
    const struct mr_slice text = yyjson_is_true(value)    ? MR_S("true")
                                 : yyjson_is_false(value) ? MR_S("false")
                                                          : mr_json_text(value);
    const bool scalar = value != NULL && !yyjson_is_ctn(value) && !yyjson_is_null(value);
    const bool equal = scalar && mr_slice_like(text, node->text, 0);
    return node->op == OP_EQ ? equal : (node->op == OP_NE && value != NULL && !equal);
}

static bool matches(const struct node *node, yyjson_val *event)
{
    if (node->kind == NODE_AND)
        return matches(node->left, event) && matches(node->right, event);
    if (node->kind == NODE_OR)
        return matches(node->left, event) || matches(node->right, event);
    yyjson_val *value = find(event, node->path);
    if (node->kind == NODE_NOT_EXISTS)
        return value == NULL;
    if (node->kind == NODE_COMPARE)
        return compare(node, value);
    if (node->text.ptr[0] == 'N')
        return value != NULL && yyjson_is_null(value);
    return node->text.ptr[0] == 'T' ? yyjson_is_true(value) : yyjson_is_false(value);
}

bool logs_pattern_matches(const struct logs_pattern *pattern, struct mr_slice event)
{
    if (pattern->root == NULL)
        return matches_terms(pattern, event);
    struct mr_arena arena;
    mr_arena_init(&arena);
    yyjson_val *value = mr_json_parse(&arena, event, EVENT_DEPTH_MAX);
    const bool found = yyjson_is_obj(value) && matches(pattern->root, value);
    mr_arena_fini(&arena);
    return found;
}
