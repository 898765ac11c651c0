/* The calls of SQL's JSON functions, which have clauses instead of mere arguments. */
#include "athena/translate_json.h"
#include "base/json.h"

/* [FORMAT JSON [ENCODING UTF8]]; false: the error is set. */
static bool parse_format(struct athena_parser *parser, struct athena_node *item)
{
    if (!athena_take(parser, "FORMAT"))
        return true;
    item->flags |= AST_FORMAT_JSON;
    if (!athena_expect(parser, "JSON") || !athena_take(parser, "ENCODING"))
        return !athena_failed(parser);
    if (athena_take(parser, "UTF8"))
        return true;
    (void)athena_unsupported(parser, "JSON is read and written in UTF8 only");
    return false;
}

/* An expression and its format; NULL: the error is set. */
static struct athena_node *parse_input(struct athena_parser *parser)
{
    struct athena_node *item = athena_node_new(parser, AST_ITEM);
    item->left = athena_parse_expression(parser);
    return item->left != NULL && parse_format(parser, item) ? item : NULL;
}

/* Names that are not quoted are upper case in a path. */
static bool parse_passing(struct athena_parser *parser, struct athena_list *list)
{
    if (!athena_take(parser, "PASSING"))
        return true;
    do {
        struct athena_node *item = parse_input(parser);
        if (item == NULL || !athena_expect(parser, "AS"))
            return false;
        const bool quoted = parser->next->kind == ATHENA_TOKEN_QUOTED;
        item->name = mr_arena_copy(parser->arena, athena_parse_name(parser));
        for (size_t i = 0; i < item->name.len && !quoted; i++) {
            char *byte = (char *)(uintptr_t)&item->name.ptr[i];
            *byte = *byte >= 'a' && *byte <= 'z' ? (char)(*byte - 32) : *byte;
        }
        athena_list_add(list, item);
    } while (!athena_failed(parser) && athena_take(parser, ","));
    return !athena_failed(parser);
}

static bool parse_returning(struct athena_parser *parser, struct athena_node *node)
{
    if (!athena_take(parser, "RETURNING"))
        return true;
    struct athena_node format = {0};
    node->third = athena_parse_type(parser);
    return node->third != NULL && parse_format(parser, &format);
}

/* [WITHOUT [ARRAY] WRAPPER | WITH [CONDITIONAL|UNCONDITIONAL] [ARRAY] WRAPPER]
 * [KEEP|OMIT QUOTES [ON SCALAR STRING]] */
static bool parse_wrapper(struct athena_parser *parser, struct athena_node *node)
{
    const bool with = athena_take(parser, "WITH");
    if (with) {
        const bool some = athena_take(parser, "CONDITIONAL");
        (void)(some || athena_take(parser, "UNCONDITIONAL"));
        node->number |= some ? JSON_WRAP_SOME : JSON_WRAP_ALWAYS;
    }
    if (with || athena_take(parser, "WITHOUT")) {
        (void)athena_take(parser, "ARRAY");
        if (!athena_expect(parser, "WRAPPER"))
            return false;
    }
    const bool omit = athena_take(parser, "OMIT");
    if (!omit && !athena_take(parser, "KEEP"))
        return true;
    if (omit && (node->number & JSON_WRAPPERS) != 0) {
        (void)athena_mismatch(parser, "no QUOTES beside a wrapper");
        return false;
    }
    node->number |= omit ? JSON_OMIT_QUOTES : 0;
    if (!athena_expect(parser, "QUOTES"))
        return false;
    return !athena_take(parser, "ON") ||
           (athena_expect(parser, "SCALAR") && athena_expect(parser, "STRING"));
}

static bool parse_answer(struct athena_parser *parser, unsigned kind, size_t *ret,
                         struct athena_node **ret_default)
{
    static const struct {
        const char *word;
        enum athena_json_answer answer;
    } words[] = {{"NULL", JSON_NULL},
                 {"ERROR", JSON_ERROR},
                 {"TRUE", JSON_TRUE},
                 {"FALSE", JSON_FALSE},
                 {"UNKNOWN", JSON_NULL}};
    for (size_t i = 0; i < MR_COUNT(words); i++) {
        const bool of_exists = i != 0, of_others = i < 2;
        if ((kind == JSON_EXISTS ? of_exists : of_others) && athena_take(parser, words[i].word)) {
            *ret = words[i].answer;
            return true;
        }
    }
    if (kind == JSON_QUERY && athena_take(parser, "EMPTY")) {
        *ret = athena_take(parser, "OBJECT") ? JSON_EMPTY_OBJECT : JSON_EMPTY_ARRAY;
        return *ret == JSON_EMPTY_OBJECT || athena_expect(parser, "ARRAY");
    }
    if (kind != JSON_VALUE || !athena_expect(parser, "DEFAULT")) {
        (void)athena_mismatch(parser, "')'");
        return false;
    }
    *ret = JSON_DEFAULT;
    *ret_default = athena_parse_expression(parser);
    return *ret_default != NULL;
}

/* Up to two answers: ON EMPTY, ON ERROR; up to ')' or ','. */
static bool parse_answers(struct athena_parser *parser, struct athena_node *node)
{
    const unsigned kind = node->number & JSON_KINDS;
    size_t on_empty = JSON_NULL, on_error = kind == JSON_EXISTS ? JSON_FALSE : JSON_NULL;
    for (bool error = false; !athena_peek(parser, ")") && !athena_peek(parser, ",") && !error;) {
        size_t answer = JSON_NULL;
        struct athena_node *otherwise = NULL;
        if (!parse_answer(parser, kind, &answer, &otherwise) || !athena_expect(parser, "ON"))
            return false;
        error = kind == JSON_EXISTS || !athena_take(parser, "EMPTY");
        if (error && !athena_expect(parser, "ERROR"))
            return false;
        *(error ? &on_error : &on_empty) = answer;
        node->number |= error ? JSON_SAYS_ON_ERROR : 0;
        *(error ? &node->right : &node->left) = otherwise;
    }
    node->number |= on_empty << JSON_ON_EMPTY | on_error << JSON_ON_ERROR;
    return true;
}

static bool parse_path(struct athena_parser *parser, struct athena_node *node)
{
    if (parser->next->kind != ATHENA_TOKEN_STRING)
        return athena_mismatch(parser, "<string>") != NULL;
    node->name = parser->next->value;
    parser->next++;
    return true;
}

/* Input, path, [AS name], [PASSING ...]. */
static bool parse_source(struct athena_parser *parser, struct athena_node *node, bool named)
{
    struct athena_list list = athena_list_make();
    struct athena_node *input = parse_input(parser);
    if (input == NULL || !athena_expect(parser, ","))
        return false;
    athena_list_add(&list, input);
    if (!parse_path(parser, node))
        return false;
    if (named && athena_take(parser, "AS"))
        (void)athena_parse_name(parser);
    if (!parse_passing(parser, &list))
        return false;
    node->items = list.first;
    return true;
}

/* json_exists, json_value, json_query, behind '('. */
static bool parse_path_call(struct athena_parser *parser, struct athena_node *node)
{
    if (!parse_source(parser, node, /* named= */ false))
        return false;
    if (node->number != JSON_EXISTS && !parse_returning(parser, node))
        return false;
    if (node->number == JSON_QUERY && !parse_wrapper(parser, node))
        return false;
    return parse_answers(parser, node) && athena_expect(parser, ")");
}

/* [NULL|ABSENT ON NULL] [WITHOUT UNIQUE [KEYS]] [RETURNING type] ')' */
static bool parse_constructor_end(struct athena_parser *parser, struct athena_node *node)
{
    const bool absent = athena_take(parser, "ABSENT");
    if (absent || athena_take(parser, "NULL")) {
        node->number = absent ? node->number | JSON_ABSENT_ON_NULL
                              : node->number & ~(size_t)JSON_ABSENT_ON_NULL;
        if (!athena_expect(parser, "ON") || !athena_expect(parser, "NULL"))
            return false;
    }
    if (athena_peek(parser, "WITH")) {
        (void)athena_unsupported(parser, "WITH UNIQUE KEYS is not supported");
        return false;
    }
    if (athena_take2(parser, "WITHOUT", "UNIQUE"))
        (void)athena_take(parser, "KEYS");
    return parse_returning(parser, node) && athena_expect(parser, ")");
}

/* Whether the members are over. */
static bool at_end(const struct athena_parser *parser)
{
    return athena_peek(parser, ")") || athena_peek(parser, "RETURNING") ||
           (athena_peek_at(parser, 1, "ON") && athena_peek_at(parser, 2, "NULL"));
}

/* [KEY] key VALUE value, key : value */
static struct athena_node *parse_pair(struct athena_parser *parser)
{
    const bool word = athena_peek(parser, "KEY") && !athena_peek_at(parser, 1, ":") &&
                      !athena_peek_at(parser, 1, "VALUE") && !athena_peek_at(parser, 1, ".");
    parser->next += word ? 1 : 0;
    struct athena_node *key = athena_parse_expression(parser);
    if (key == NULL)
        return NULL;
    if (!athena_take(parser, "VALUE") && (word || !athena_expect(parser, ":")))
        return word ? athena_mismatch(parser, "'VALUE'") : NULL;
    struct athena_node *item = parse_input(parser);
    if (item != NULL)
        item->right = key;
    return item;
}

/* json_object, json_array, behind '('. */
static bool parse_constructor(struct athena_parser *parser, struct athena_node *node)
{
    struct athena_list list = athena_list_make();
    const bool object = node->number == JSON_OBJECT;
    if (!object)
        node->number |= JSON_ABSENT_ON_NULL;
    while (!at_end(parser)) {
        struct athena_node *item = object ? parse_pair(parser) : parse_input(parser);
        if (item == NULL)
            return false;
        athena_list_add(&list, item);
        if (!athena_take(parser, ","))
            break;
    }
    node->items = list.first;
    return parse_constructor_end(parser, node);
}

struct athena_node *athena_parse_json(struct athena_parser *parser)
{
    static const char *const names[] = {[JSON_EXISTS] = "json_exists",
                                        [JSON_VALUE] = "json_value",
                                        [JSON_QUERY] = "json_query",
                                        [JSON_OBJECT] = "json_object",
                                        [JSON_ARRAY] = "json_array"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (!athena_peek(parser, names[i]) || !athena_peek_at(parser, 1, "("))
            continue;
        struct athena_node *node = athena_node_new(parser, AST_JSON);
        node->text = mr_slice_cstr(names[i]);
        node->number = i;
        parser->next += 2;
        const bool fine =
            i < JSON_OBJECT ? parse_path_call(parser, node) : parse_constructor(parser, node);
        return fine ? node : NULL;
    }
    return NULL;
}

/* ---- json_table ---- */

static bool parse_columns(struct athena_parser *parser, struct athena_node *level);

/* NESTED [PATH] 'path' [AS name] COLUMNS (...) */
static struct athena_node *parse_nested(struct athena_parser *parser)
{
    struct athena_node *level = athena_node_new(parser, AST_JSON_TABLE);
    parser->next++;
    (void)athena_take(parser, "PATH");
    if (!parse_path(parser, level))
        return NULL;
    if (athena_take(parser, "AS"))
        (void)athena_parse_name(parser);
    return !athena_failed(parser) && parse_columns(parser, level) ? level : NULL;
}

/* The path that stands for a column's name: lax $."name". */
static struct mr_slice name_path(struct athena_parser *parser, struct mr_slice name)
{
    struct mr_buf text = {0};
    mr_json_escape(&text, name);
    struct mr_slice path =
        mr_arena_printf(parser->arena, "lax $.\"%.*s\"", MR_ARG(mr_buf_slice(&text)));
    mr_buf_fini(&text);
    return path;
}

/* name FOR ORDINALITY, or name type [FORMAT JSON] [PATH 'path'] and what the functions have */
static struct athena_node *parse_column(struct athena_parser *parser)
{
    if (athena_peek(parser, "NESTED") &&
        (athena_peek_at(parser, 1, "PATH") || parser->next[1].kind == ATHENA_TOKEN_STRING))
        return parse_nested(parser);
    struct athena_node *item = athena_node_new(parser, AST_ITEM), format = {0};
    item->name = athena_parse_name(parser);
    if (athena_failed(parser) || athena_take2(parser, "FOR", "ORDINALITY"))
        return athena_failed(parser) ? NULL : item;
    struct athena_node *json = athena_node_new(parser, AST_JSON);
    item->left = json;
    json->third = athena_parse_type(parser);
    json->name = name_path(parser, item->name);
    if (json->third == NULL || !parse_format(parser, &format))
        return NULL;
    json->number = (format.flags & AST_FORMAT_JSON) != 0 ? JSON_QUERY : JSON_VALUE;
    json->text = json->number == JSON_QUERY ? MR_S("json_query") : MR_S("json_value");
    if (athena_take(parser, "PATH") && !parse_path(parser, json))
        return NULL;
    if (json->number == JSON_QUERY && !parse_wrapper(parser, json))
        return NULL;
    return parse_answers(parser, json) ? item : NULL;
}

static bool parse_columns(struct athena_parser *parser, struct athena_node *level)
{
    struct athena_list list = athena_list_make();
    if (!athena_enter(parser) || !athena_expect(parser, "COLUMNS") || !athena_expect(parser, "("))
        return false;
    do {
        struct athena_node *column = parse_column(parser);
        if (column == NULL)
            return false;
        athena_list_add(&list, column);
    } while (athena_take(parser, ","));
    level->groups = list.first;
    athena_leave(parser);
    return athena_expect(parser, ")");
}

/* PLAN DEFAULT (OUTER | INNER | UNION | CROSS [, ...]) */
static bool parse_plan(struct athena_parser *parser, struct athena_node *table)
{
    if (!athena_take(parser, "PLAN"))
        return true;
    if (!athena_peek(parser, "DEFAULT"))
        return athena_unsupported(parser, "a PLAN that names paths is not supported") != NULL;
    parser->next++;
    if (!athena_expect(parser, "("))
        return false;
    do {
        if (athena_take(parser, "INNER"))
            table->number |= JSON_TABLE_INNER;
        else if (athena_take(parser, "CROSS"))
            table->number |= JSON_TABLE_CROSS;
        else if (!athena_take(parser, "OUTER") && !athena_take(parser, "UNION"))
            return athena_mismatch(parser, "'CROSS', 'INNER', 'OUTER', 'UNION'") != NULL;
    } while (athena_take(parser, ","));
    return athena_expect(parser, ")");
}

struct athena_node *athena_parse_json_table(struct athena_parser *parser)
{
    struct athena_node *table = athena_node_new(parser, AST_JSON_TABLE);
    parser->next += 2;
    if (!parse_source(parser, table, /* named= */ true) || !parse_columns(parser, table) ||
        !parse_plan(parser, table))
        return NULL;
    table->number |= athena_peek(parser, "ERROR") ? JSON_TABLE_ERROR : 0;
    if ((athena_take(parser, "ERROR") || athena_take(parser, "EMPTY")) &&
        (!athena_expect(parser, "ON") || !athena_expect(parser, "ERROR")))
        return NULL;
    return athena_expect(parser, ")") ? table : NULL;
}
