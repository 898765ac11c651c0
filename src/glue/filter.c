#include "glue/filter.h"
#include "glue/filter_value.h"
#include <assert.h>
#include <string.h>

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
    enum filter_type type;         /* of the key */
    struct filter_value *literals; /* one, two (BETWEEN) or more (IN) */
    size_t literal_count;
};

struct parser {
    struct mr_arena *arena;
    struct mr_slice rest;
    const struct glue_column *keys;
    size_t key_count, depth;
    struct mr_slice error;
};

/* AWS says no more of what it cannot read, and the same of a column that is no partition key. */
static const struct filter *fail(struct parser *parser)
{
    if (parser->error.len == 0)
        parser->error = MR_S("Invalid partition expression!");
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
               (is_word(parser->rest.ptr[len]) || mr_byte_in(parser->rest.ptr[len], "+-.")))
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

static bool take_key(struct parser *parser, struct filter *node)
{
    skip_blank(parser);
    const bool quoted = take_text(parser, "`") || take_text(parser, "\"");
    struct mr_slice name = peek_word(parser);
    for (size_t i = 0; i < parser->key_count; i++) {
        if (name.len > 0 && mr_slice_equal_nocase(name, parser->keys[i].name)) {
            advance(parser, name.len + quoted);
            node->key = i;
            if (glue_filter_type(parser->keys[i].type) == FILTER_NO_TYPE && parser->error.len == 0)
                parser->error = mr_arena_printf(parser->arena, "Unknown type : '%.*s'",
                                                MR_ARG(parser->keys[i].type));
            node->type = glue_filter_type(parser->keys[i].type);
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
        node->literals = MR_NEW_ARRAY(parser->arena, struct filter_value, FILTER_LITERALS_MAX);
    if (node->literal_count == FILTER_LITERALS_MAX)
        return false;
    struct filter_value *literal = &node->literals[node->literal_count++];
    (void)(take_word(parser, "DATE") || take_word(parser, "TIMESTAMP")); /* DATE '2026-07-01' */
    return take_literal(parser, &literal->text);
}

/* Reads the literals by the type of their key, once that is known. */
static bool bind_literals(struct parser *parser, struct filter *node)
{
    if (node->type == FILTER_NO_TYPE)
        return false;
    for (size_t i = 0; node->kind != FILTER_LIKE && i < node->literal_count; i++) {
        if (glue_filter_value_read(parser->arena, node->type, node->literals[i].text,
                                   &node->literals[i], &parser->error) != MR_OK)
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
    if (!add_literal(parser, node) || !take_comparison(parser, &kind) || !take_key(parser, node))
        return false;
    node->kind = flipped[kind];
    return bind_literals(parser, node);
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
            return fail(parser);
        return inner;
    }
    struct filter *node = MR_NEW(parser->arena, struct filter);
    if (!take_key(parser, node)) {
        const struct parser before = *parser;
        if (take_flipped(parser, node))
            return node;
        const struct mr_slice error = parser->error;
        *parser = before;
        parser->error = error;
        return fail(parser);
    }
    if (take_word(parser, "IS")) {
        const bool negated = take_word(parser, "NOT");
        node->kind = FILTER_IS_NULL;
        if (!take_word(parser, "NULL") || !bind_literals(parser, node))
            return fail(parser);
        return negated ? negate(parser, node) : node;
    }
    const bool negated = take_word(parser, "NOT");
    if (!take_predicate(parser, node) || !bind_literals(parser, node))
        return fail(parser);
    return negated ? negate(parser, node) : node;
}

static const struct filter *take_term(struct parser *parser)
{
    if (parser->depth == FILTER_DEPTH)
        return fail(parser);
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
        filter = fail(&parser);
    if (filter == NULL) {
        *ret_error = parser.error;
        return MR_INVALID;
    }
    *ret_filter = filter;
    return MR_OK;
}

/* ---- evaluation ---- */

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

/* SQL's third truth: of a value that is null. Broken: of one that its key's type cannot have. */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN, TRUTH_BROKEN };

struct matching {
    struct mr_arena *arena;
    const struct mr_slice *values;
    struct mr_slice error;
};

static bool is_null(struct mr_slice value)
{
    return mr_slice_equal(value, MR_S("__HIVE_DEFAULT_PARTITION__"));
}

static bool is_in(const struct filter *node, const struct filter_value *value)
{
    for (size_t i = 0; i < node->literal_count; i++) {
        if (glue_filter_value_compare(node->type, value, &node->literals[i]) == 0)
            return true;
    }
    return false;
}

static enum truth match_one(struct matching *matching, const struct filter *node)
{
    const struct mr_slice text = matching->values[node->key];
    struct filter_value value;
    if (node->kind == FILTER_IS_NULL)
        return is_null(text) ? TRUTH_YES : TRUTH_NO;
    if (node->kind == FILTER_LIKE)
        return glue_filter_like(text, node->literals[0].text, '\\') ? TRUTH_YES : TRUTH_NO;
    if (node->type != FILTER_TEXT && is_null(text))
        return TRUTH_UNKNOWN;
    if (glue_filter_value_read(matching->arena, node->type, text, &value, &matching->error) !=
        MR_OK)
        return TRUTH_BROKEN;
    if (node->kind == FILTER_IN)
        return is_in(node, &value) ? TRUTH_YES : TRUTH_NO;
    const int order = glue_filter_value_compare(node->type, &value, &node->literals[0]);
    bool fits = false;
    switch (node->kind) {
    case FILTER_EQUAL: fits = order == 0; break;
    case FILTER_NOT_EQUAL: fits = order != 0; break;
    case FILTER_LESS: fits = order < 0; break;
    case FILTER_LESS_EQUAL: fits = order <= 0; break;
    case FILTER_GREATER: fits = order > 0; break;
    case FILTER_GREATER_EQUAL: fits = order >= 0; break;
    case FILTER_BETWEEN:
        fits = order >= 0 && glue_filter_value_compare(node->type, &value, &node->literals[1]) <= 0;
        break;
    default: break;
    }
    return fits ? TRUTH_YES : TRUTH_NO;
}

static enum truth match(struct matching *matching, const struct filter *filter)
{
    if (filter->kind > FILTER_NOT)
        return match_one(matching, filter);
    const enum truth left = match(matching, filter->left);
    if (left == TRUTH_BROKEN)
        return left;
    if (filter->kind == FILTER_NOT)
        return left == TRUTH_UNKNOWN ? left : left == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
    const enum truth ends = filter->kind == FILTER_AND ? TRUTH_NO : TRUTH_YES;
    if (left == ends)
        return left;
    const enum truth right = match(matching, filter->right);
    return right == ends || right == TRUTH_BROKEN || left != TRUTH_UNKNOWN ? right : left;
}

enum mr_status glue_filter_match(const struct filter *filter, struct mr_arena *arena,
                                 const struct mr_slice *values, bool *ret_fits,
                                 struct mr_slice *ret_error)
{
    struct matching matching = {.arena = arena, .values = values};
    const enum truth found = match(&matching, filter);
    *ret_fits = found == TRUTH_YES;
    *ret_error = matching.error;
    return found == TRUTH_BROKEN ? MR_INVALID : MR_OK;
}
