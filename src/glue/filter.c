#include "glue/filter.h"
#include <assert.h>
#include <stdlib.h>

enum { FILTER_DEPTH = 100, FILTER_LITERALS_MAX = 1000 };

enum filter_kind {
    FILTER_AND,
    FILTER_OR,
    FILTER_NOT,
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_LESS,
    FILTER_LESS_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_EQUAL,
    FILTER_IN,
    FILTER_BETWEEN,
    FILTER_LIKE,
    FILTER_IS_NULL,
};
struct filter {
    enum filter_kind kind;
    const struct filter *left, *right; /* of AND, OR, NOT */
    size_t key;
    bool number;               /* compare as numbers */
    struct mr_slice *literals; /* one, two (BETWEEN) or more (IN) */
    size_t literal_count;
};

struct parser {
    struct mr_arena *arena;
    struct mr_slice rest;
    const struct glue_column *keys;
    size_t key_count, depth;
    struct mr_slice error;
};

static const struct filter *fail(struct parser *parser, const char *what)
{
    if (parser->error.len == 0)
        parser->error = mr_arena_printf(parser->arena, "%s near '%.*s'", what,
                                        MR_ARG(mr_slice_sub(parser->rest, 0, 30)));
    return NULL;
}

static bool is_word(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || (byte & 0x80) != 0;
}

static void skip_blank(struct parser *parser)
{
    while (parser->rest.len > 0 && (unsigned char)parser->rest.ptr[0] <= ' ')
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
}

static struct mr_slice peek_word(struct parser *parser)
{
    skip_blank(parser);
    size_t len = 0;
    while (len < parser->rest.len && is_word(parser->rest.ptr[len]))
        len++;
    return mr_slice_sub(parser->rest, 0, len);
}

static void advance(struct parser *parser, size_t len)
{
    parser->rest = mr_slice_sub(parser->rest, len, SIZE_MAX);
}

static bool take_word(struct parser *parser, const char *word)
{
    struct mr_slice found = peek_word(parser);
    if (!mr_slice_equal_nocase(found, mr_slice_cstr(word)))
        return false;
    advance(parser, found.len);
    return true;
}

static bool take_text(struct parser *parser, const char *text)
{
    skip_blank(parser);
    struct mr_slice want = mr_slice_cstr(text);
    if (!mr_slice_starts_with(parser->rest, want))
        return false;
    advance(parser, want.len);
    return true;
}

/* 'text' with '' for a quote, or a bare number or word. False: neither. */
static bool take_literal(struct parser *parser, struct mr_slice *ret)
{
    skip_blank(parser);
    if (parser->rest.len == 0)
        return false;
    const char quote = parser->rest.ptr[0];
    if (quote != '\'' && quote != '"') {
        size_t len = 0;
        while (len < parser->rest.len &&
               (is_word(parser->rest.ptr[len]) || strchr("+-.", parser->rest.ptr[len]) != NULL))
            len++;
        *ret = mr_slice_sub(parser->rest, 0, len);
        advance(parser, len);
        return len > 0;
    }
    char *text = mr_arena_alloc(parser->arena, parser->rest.len);
    size_t len = 0;
    for (size_t i = 1; i < parser->rest.len; i++) {
        if (parser->rest.ptr[i] == quote) {
            if (i + 1 == parser->rest.len || parser->rest.ptr[i + 1] != quote) {
                advance(parser, i + 1);
                *ret = mr_slice_make(text, len);
                return true;
            }
            i++;
        }
        text[len++] = parser->rest.ptr[i];
    }
    return false;
}

static bool is_number_type(struct mr_slice type)
{
    static const char *const names[] = {"int",     "integer", "bigint", "smallint",
                                        "tinyint", "long",    "double", "float"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_equal_nocase(type, mr_slice_cstr(names[i])))
            return true;
    }
    return mr_slice_starts_with(type, MR_S("decimal"));
}

static bool to_number(struct mr_slice text, double *ret)
{
    char copy[64], *end;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret = strtod(copy, &end);
    return end == copy + text.len;
}

static bool take_key(struct parser *parser, struct filter *node)
{
    skip_blank(parser);
    const bool quoted = take_text(parser, "`") || take_text(parser, "\"");
    struct mr_slice name = peek_word(parser);
    for (size_t i = 0; i < parser->key_count; i++) {
        if (name.len > 0 && mr_slice_equal_nocase(name, parser->keys[i].name)) {
            advance(parser, name.len + quoted);
            node->key = i;
            node->number = is_number_type(parser->keys[i].type);
            return true;
        }
    }
    return false;
}

static bool take_comparison(struct parser *parser, enum filter_kind *ret)
{
    static const struct {
        const char *text;
        enum filter_kind kind;
    } operators[] = {{"<>", FILTER_NOT_EQUAL},  {"!=", FILTER_NOT_EQUAL},
                     {"<=", FILTER_LESS_EQUAL}, {">=", FILTER_GREATER_EQUAL},
                     {"=", FILTER_EQUAL},       {"<", FILTER_LESS},
                     {">", FILTER_GREATER}};
    for (size_t i = 0; i < MR_COUNT(operators); i++) {
        if (take_text(parser, operators[i].text)) {
            *ret = operators[i].kind;
            return true;
        }
    }
    return false;
}

static bool add_literal(struct parser *parser, struct filter *node)
{
    if (node->literals == NULL)
        node->literals = MR_NEW_ARRAY(parser->arena, struct mr_slice, FILTER_LITERALS_MAX);
    if (node->literal_count == FILTER_LITERALS_MAX)
        return false;
    double number;
    struct mr_slice *literal = &node->literals[node->literal_count++];
    (void)(take_word(parser, "DATE") || take_word(parser, "TIMESTAMP")); /* DATE '2026-07-01' */
    if (!take_literal(parser, literal))
        return false;
    if (node->number && node->kind != FILTER_LIKE && !to_number(*literal, &number)) {
        (void)fail(parser, "a number expected");
        return false;
    }
    return true;
}

static bool take_list(struct parser *parser, struct filter *node)
{
    node->kind = FILTER_IN;
    if (!take_text(parser, "("))
        return false;
    do {
        if (!add_literal(parser, node))
            return false;
    } while (take_text(parser, ","));
    return take_text(parser, ")");
}

static bool take_predicate(struct parser *parser, struct filter *node)
{
    if (take_comparison(parser, &node->kind))
        return add_literal(parser, node);
    if (take_word(parser, "IN"))
        return take_list(parser, node);
    if (take_word(parser, "LIKE")) {
        node->kind = FILTER_LIKE;
        return add_literal(parser, node);
    }
    if (take_word(parser, "BETWEEN")) {
        node->kind = FILTER_BETWEEN;
        return add_literal(parser, node) && take_word(parser, "AND") && add_literal(parser, node);
    }
    return false;
}

/* 5 < key: the comparison seen from the key's side. */
static bool take_flipped(struct parser *parser, struct filter *node)
{
    static const enum filter_kind flipped[] = {
        [FILTER_EQUAL] = FILTER_EQUAL,  [FILTER_NOT_EQUAL] = FILTER_NOT_EQUAL,
        [FILTER_LESS] = FILTER_GREATER, [FILTER_LESS_EQUAL] = FILTER_GREATER_EQUAL,
        [FILTER_GREATER] = FILTER_LESS, [FILTER_GREATER_EQUAL] = FILTER_LESS_EQUAL,
    };
    enum filter_kind kind;
    double number;
    if (!add_literal(parser, node) || !take_comparison(parser, &kind) || !take_key(parser, node))
        return false;
    node->kind = flipped[kind];
    return !node->number || to_number(node->literals[0], &number);
}

static const struct filter *negate(struct parser *parser, const struct filter *inner)
{
    if (inner == NULL)
        return NULL;
    struct filter *node = MR_NEW(parser->arena, struct filter);
    node->kind = FILTER_NOT;
    node->left = inner;
    return node;
}

static const struct filter *take_or(struct parser *parser);

static const struct filter *take_term(struct parser *parser);

static const struct filter *take_inner_term(struct parser *parser)
{
    if (take_word(parser, "NOT"))
        return negate(parser, take_term(parser));
    if (take_text(parser, "(")) {
        const struct filter *inner = take_or(parser);
        if (inner != NULL && !take_text(parser, ")"))
            return fail(parser, "')' expected");
        return inner;
    }
    struct filter *node = MR_NEW(parser->arena, struct filter);
    if (!take_key(parser, node)) {
        const struct parser before = *parser;
        if (take_flipped(parser, node))
            return node;
        *parser = before;
        return fail(parser, "partition key expected");
    }
    if (take_word(parser, "IS")) {
        const bool negated = take_word(parser, "NOT");
        node->kind = FILTER_IS_NULL;
        if (!take_word(parser, "NULL"))
            return fail(parser, "NULL expected");
        return negated ? negate(parser, node) : node;
    }
    const bool negated = take_word(parser, "NOT");
    if (!take_predicate(parser, node))
        return fail(parser, "comparison expected");
    return negated ? negate(parser, node) : node;
}

static const struct filter *take_term(struct parser *parser)
{
    if (parser->depth == FILTER_DEPTH)
        return fail(parser, "nested too deep");
    parser->depth++;
    const struct filter *term = take_inner_term(parser);
    parser->depth--;
    return term;
}

static const struct filter *join(struct parser *parser, enum filter_kind kind, const char *word,
                                 const struct filter *(*take)(struct parser *parser))
{
    const struct filter *left = take(parser);
    while (left != NULL && take_word(parser, word)) {
        struct filter *node = MR_NEW(parser->arena, struct filter);
        node->kind = kind;
        node->left = left;
        node->right = take(parser);
        left = node->right == NULL ? NULL : node;
    }
    return left;
}

static const struct filter *take_and(struct parser *parser)
{
    return join(parser, FILTER_AND, "AND", take_term);
}

static const struct filter *take_or(struct parser *parser)
{
    return join(parser, FILTER_OR, "OR", take_and);
}

enum mr_status glue_filter_parse(struct mr_arena *arena, struct mr_slice text,
                                 const struct glue_column *keys, size_t key_count,
                                 const struct filter **ret_filter, struct mr_slice *ret_error)
{
    struct parser parser = {.arena = arena, .rest = text, .keys = keys, .key_count = key_count};
    const struct filter *filter = take_or(&parser);
    skip_blank(&parser);
    if (filter != NULL && parser.rest.len > 0)
        filter = fail(&parser, "end expected");
    if (filter == NULL) {
        *ret_error = parser.error;
        return MR_INVALID;
    }
    *ret_filter = filter;
    return MR_OK;
}

/* ---- evaluation ---- */

/* Whole numbers are compared as such: a double has no room for all of a bigint. */
static int compare_numbers(struct mr_slice a, struct mr_slice b)
{
    int64_t whole_a, whole_b;
    if (mr_slice_to_i64(a, &whole_a) == MR_OK && mr_slice_to_i64(b, &whole_b) == MR_OK)
        return (whole_a > whole_b) - (whole_a < whole_b);
    double left = 0, right = 0;
    (void)(to_number(a, &left) && to_number(b, &right));
    return (left > right) - (left < right);
}

static int compare(const struct filter *node, struct mr_slice value, size_t literal)
{
    if (!node->number)
        return mr_slice_compare(value, node->literals[literal]);
    return compare_numbers(value, node->literals[literal]);
}

bool glue_filter_like(struct mr_slice text, struct mr_slice pattern, char escape)
{
    /* The last % seen, and where its text began: enough for a match without recursion. */
    size_t t = 0, p = 0, star_p = SIZE_MAX, star_t = 0;
    while (t < text.len) {
        const bool escaped = escape != 0 && p + 1 < pattern.len && pattern.ptr[p] == escape;
        if (p < pattern.len && !escaped && pattern.ptr[p] == '%') {
            star_p = p++;
            star_t = t;
        } else if (p < pattern.len &&
                   (escaped ? pattern.ptr[p + 1] == text.ptr[t]
                            : (pattern.ptr[p] == '_' || pattern.ptr[p] == text.ptr[t]))) {
            const bool any = !escaped && pattern.ptr[p] == '_';
            p += escaped ? 2 : 1;
            t++;
            while (any && t < text.len && ((unsigned char)text.ptr[t] & 0xc0) == 0x80)
                t++;
        } else if (star_p != SIZE_MAX) {
            p = star_p + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

/* SQL's third truth: the value of a number's key that is no number is like null. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static enum truth match_one(const struct filter *node, struct mr_slice value)
{
    double number;
    const bool compares = node->kind != FILTER_LIKE && node->kind != FILTER_IS_NULL;
    if (compares && node->number && !to_number(value, &number))
        return TRUTH_UNKNOWN;
    bool fits = false;
    switch (node->kind) {
    case FILTER_EQUAL: fits = compare(node, value, 0) == 0; break;
    case FILTER_NOT_EQUAL: fits = compare(node, value, 0) != 0; break;
    case FILTER_LESS: fits = compare(node, value, 0) < 0; break;
    case FILTER_LESS_EQUAL: fits = compare(node, value, 0) <= 0; break;
    case FILTER_GREATER: fits = compare(node, value, 0) > 0; break;
    case FILTER_GREATER_EQUAL: fits = compare(node, value, 0) >= 0; break;
    case FILTER_IN:
        for (size_t i = 0; i < node->literal_count && !fits; i++)
            fits = compare(node, value, i) == 0;
        break;
    case FILTER_BETWEEN: fits = compare(node, value, 0) >= 0 && compare(node, value, 1) <= 0; break;
    case FILTER_LIKE: fits = glue_filter_like(value, node->literals[0], '\\'); break;
    case FILTER_IS_NULL: fits = mr_slice_equal(value, MR_S("__HIVE_DEFAULT_PARTITION__")); break;
    default: break;
    }
    return fits ? TRUTH_YES : TRUTH_NO;
}

static enum truth match(const struct filter *filter, const struct mr_slice *values)
{
    if (filter->kind > FILTER_NOT)
        return match_one(filter, values[filter->key]);
    const enum truth left = match(filter->left, values);
    if (filter->kind == FILTER_NOT)
        return left == TRUTH_UNKNOWN ? left : left == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
    const enum truth ends = filter->kind == FILTER_AND ? TRUTH_NO : TRUTH_YES;
    if (left == ends)
        return left;
    const enum truth right = match(filter->right, values);
    return right == ends || left != TRUTH_UNKNOWN ? right : left;
}

bool glue_filter_match(const struct filter *filter, const struct mr_slice *values)
{
    return match(filter, values) == TRUTH_YES;
}
