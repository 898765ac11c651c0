#include "athena/errors.h"
#include "athena/rows.h"

const struct athena_node *athena_error_find(const struct athena_node *node,
                                            bool (*fits)(const struct athena_node *node,
                                                         const void *ctx),
                                            const void *ctx)
{
    for (; node != NULL; node = node->next) {
        if (fits(node, ctx))
            return node;
        const struct athena_node *children[] = {node->items,  node->left,   node->right,
                                                node->third,  node->groups, node->order,
                                                node->windows};
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            const struct athena_node *found =
                children[i] == NULL ? NULL : athena_error_find(children[i], fits, ctx);
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}

static bool is_such(const struct athena_node *node, const void *ctx)
{
    const struct athena_node *such = ctx;
    return node->kind == such->kind && mr_slice_equal_nocase(node->text, such->text);
}

static bool is_kind(const struct athena_node *node, const void *ctx)
{
    return node->kind == ((const struct athena_node *)ctx)->kind;
}

/* First node of this kind and text below `node`; NULL: none. */
static const struct athena_node *find(const struct athena_node *node, enum athena_kind kind,
                                      struct mr_slice text)
{
    const struct athena_node such = {.kind = kind, .text = text};
    return athena_error_find(node, is_such, &such);
}

struct mr_slice athena_error_between(struct mr_slice text, const char *before, const char *behind)
{
    const size_t at = mr_slice_search(text, mr_slice_cstr(before));
    if (at == SIZE_MAX)
        return (struct mr_slice){0};
    struct mr_slice rest = mr_slice_sub(text, at + strlen(before), SIZE_MAX);
    const size_t end = mr_slice_search(rest, mr_slice_cstr(behind));
    return end == SIZE_MAX ? (struct mr_slice){0} : mr_slice_sub(rest, 0, end);
}

/* What stands between the first `quote` behind `marker` and the next one. */
static struct mr_slice quoted_behind(struct mr_slice message, struct mr_slice marker, char quote)
{
    const size_t at = mr_slice_search(message, marker);
    if (at == SIZE_MAX)
        return MR_S("");
    struct mr_slice rest = mr_slice_sub(message, at + marker.len, SIZE_MAX);
    const size_t open = mr_slice_find(rest, quote);
    if (open == SIZE_MAX)
        return MR_S("");
    rest = mr_slice_sub(rest, open + 1, SIZE_MAX);
    return mr_slice_sub(rest, 0, mr_slice_find(rest, quote));
}

static struct mr_slice first_line(struct mr_slice text)
{
    return mr_slice_sub(text, 0, mr_slice_find(text, '\n'));
}

/* Messages of ours inside DuckDB's: "Invalid Input Error: DIVISION_BY_ZERO: Division by zero". */
static bool take_ours(struct mr_arena *arena, struct mr_slice message, struct athena_error *error)
{
    const size_t at = mr_slice_search(message, MR_S("Error: "));
    struct mr_slice rest = at == SIZE_MAX ? message : mr_slice_sub(message, at + 7, SIZE_MAX);
    size_t len = 0;
    while (len < rest.len &&
           ((rest.ptr[len] >= 'A' && rest.ptr[len] <= 'Z') || rest.ptr[len] == '_'))
        len++;
    if (len < 6 || len + 1 >= rest.len || rest.ptr[len] != ':')
        return false;
    char *code = mr_arena_cstr(arena, mr_slice_sub(rest, 0, len));
    char *text =
        mr_arena_cstr(arena, mr_slice_trim(first_line(mr_slice_sub(rest, len + 1, SIZE_MAX))));
    for (char *end = strchr(text, ATHENA_LINE_END[0]); end != NULL;
         end = strchr(end, ATHENA_LINE_END[0]))
        *end = '\n';
    athena_error_set(error, arena, code, 0, 0, "%s", text);
    return true;
}

static void set_at(struct mr_arena *arena, struct athena_error *error, const char *code,
                   const struct athena_node *at, struct mr_slice message)
{
    athena_error_set(error, arena, code, at == NULL ? 0 : at->line, at == NULL ? 0 : at->column,
                     "%.*s", MR_ARG(message));
}

static bool take_column(struct mr_arena *arena, struct mr_slice message,
                        const struct athena_node *query, struct athena_error *error)
{
    static const struct mr_slice markers[] = {
        MR_S_INIT("Referenced column "), MR_S_INIT("does not have a column named "),
        MR_S_INIT("Referenced table "), MR_S_INIT("Could not find key ")};
    for (size_t i = 0; i < MR_COUNT(markers); i++) {
        struct mr_slice name = quoted_behind(message, markers[i], '"');
        if (name.len == 0)
            continue;
        const struct athena_node *at = find(query, AST_NAME, name);
        if (at == NULL)
            at = find(query, AST_DOT, name);
        set_at(arena, error, "COLUMN_NOT_FOUND", at,
               mr_arena_printf(arena, "Column '%.*s' cannot be resolved", MR_ARG(name)));
        return true;
    }
    struct mr_slice ambiguous =
        quoted_behind(message, MR_S("Ambiguous reference to column name "), '"');
    if (ambiguous.len == 0)
        return false;
    set_at(arena, error, "AMBIGUOUS_NAME", find(query, AST_NAME, ambiguous),
           mr_arena_printf(arena, "Column '%.*s' is ambiguous", MR_ARG(ambiguous)));
    return true;
}

static bool take_function(struct mr_arena *arena, struct mr_slice message,
                          const struct athena_node *query, struct athena_error *error)
{
    struct mr_slice marker = MR_S("No function matches the given name and argument types ");
    struct mr_slice call = quoted_behind(message, marker, '\'');
    if (call.len == 0)
        return false;
    const size_t open = mr_slice_find(call, '(');
    struct mr_slice name = mr_slice_sub(call, 0, open);
    if (mr_slice_starts_with(name, MR_S("mr_")) || mr_byte_in(name.ptr[0], "+-*<>=|~&")) {
        set_at(arena, error, "TYPE_MISMATCH", NULL,
               mr_arena_printf(arena, "Cannot apply operator: %.*s", MR_ARG(call)));
        return true;
    }
    set_at(arena, error, "FUNCTION_NOT_FOUND", find(query, AST_CALL, name),
           mr_arena_printf(arena, "Unexpected parameters %.*s for function %.*s",
                           MR_ARG(mr_slice_sub(call, open, SIZE_MAX)), MR_ARG(name)));
    return true;
}

/* "Overflow in addition of INT32 (2147483647 + 1)!" */
static bool take_overflow(struct mr_arena *arena, struct mr_slice message,
                          struct athena_error *error)
{
    static const struct {
        const char *duck, *trino;
    } types[] = {
        {"INT8", "tinyint"}, {"INT16", "smallint"}, {"INT32", "integer"}, {"INT64", "bigint"}};
    const size_t at = mr_slice_search(message, MR_S("Overflow in "));
    message = mr_slice_sub(message, at, SIZE_MAX);
    struct mr_slice what = athena_error_between(message, "Overflow in ", " of ");
    struct mr_slice type = athena_error_between(message, " of ", " (");
    struct mr_slice sum = athena_error_between(message, " (", ")!");
    if (what.ptr == NULL)
        return false;
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (sum.ptr == NULL || !mr_slice_equal(type, mr_slice_cstr(types[i].duck)))
            continue;
        set_at(arena, error, "NUMERIC_VALUE_OUT_OF_RANGE", NULL,
               mr_arena_printf(arena, "%s %.*s overflow: %.*s", types[i].trino, MR_ARG(what),
                               MR_ARG(sum)));
        return true;
    }
    if (mr_slice_search(message, MR_S("DECIMAL")) == SIZE_MAX)
        return false;
    set_at(arena, error, "NUMERIC_VALUE_OUT_OF_RANGE", NULL, MR_S("Decimal overflow"));
    return true;
}

/* A column by itself, or behind its table's name. */
static void set_not_aggregate(struct mr_arena *arena, struct mr_slice column,
                              const struct athena_node *query, struct athena_error *error)
{
    const struct athena_node such = {.kind = AST_SELECT};
    const struct athena_node *select = athena_error_find(query, is_kind, &such);
    const struct athena_node *parts[] = {select == NULL ? query : select->items,
                                         select == NULL ? NULL : select->third};
    const struct athena_node *at = NULL, *member = NULL;
    for (size_t i = 0; i < MR_COUNT(parts) && at == NULL && member == NULL; i++) {
        at = parts[i] == NULL ? NULL : find(parts[i], AST_NAME, column);
        member = parts[i] == NULL || at != NULL ? NULL : find(parts[i], AST_DOT, column);
    }
    if (member != NULL && member->left != NULL && member->left->kind == AST_NAME) {
        at = member->left;
        column = mr_arena_printf(arena, "%.*s.%.*s", MR_ARG(at->text), MR_ARG(column));
    }
    set_at(arena, error, "EXPRESSION_NOT_AGGREGATE", at,
           mr_arena_printf(arena,
                           "'%.*s' must be an aggregate expression or appear in GROUP BY clause",
                           MR_ARG(column)));
}

/* Messages that Trino words in another way. */
static bool take_known(struct mr_arena *arena, struct mr_slice message,
                       const struct athena_node *query, struct athena_error *error)
{
    static const struct {
        const char *text, *code, *message;
    } rows[] = {{"Map keys must be unique", "INVALID_FUNCTION_ARGUMENT",
                 "Duplicate map keys are not allowed"},
                {"Map keys can not be NULL", "INVALID_FUNCTION_ARGUMENT", "map key cannot be null"},
                {"More than one row returned by a subquery", "SUBQUERY_MULTIPLE_ROWS",
                 "Scalar sub-query has returned multiple rows"},
                {"aggregate function calls cannot be nested", "NESTED_AGGREGATION",
                 "Cannot nest aggregations inside aggregation"},
                {"for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                 "EXPRESSION_NOT_IN_DISTINCT",
                 "For SELECT DISTINCT, ORDER BY expressions must appear in select list"},
                {"out of range for the destination type INT64", "NUMERIC_VALUE_OUT_OF_RANGE",
                 "bigint addition overflow"},
                {"Overflow in HUGEINT addition", "NUMERIC_VALUE_OUT_OF_RANGE", "Decimal overflow"},
                {"Like pattern must not end with escape", "INVALID_FUNCTION_ARGUMENT",
                 "Escape character must be followed by '%', '_' or the escape character itself"},
                {"Invalid escape string", "INVALID_FUNCTION_ARGUMENT",
                 "Escape string must be a single character"},
                {"Strings must be of equal length", "INVALID_FUNCTION_ARGUMENT",
                 "The input strings to hamming_distance function must have the same length"},
                {"Insufficient padding in", "INVALID_FUNCTION_ARGUMENT",
                 "Padding string must not be empty"},
                {"Could not decode string", "INVALID_FUNCTION_ARGUMENT", "Illegal base64 string"},
                {"(duplicate alias", "NOT_SUPPORTED",
                 "Tables of one FROM clause that have the same name are not supported: name them "
                 "apart by aliases"},
                {"Out of Memory Error", "EXCEEDED_LOCAL_MEMORY_LIMIT",
                 "Query exhausted resources at this scale factor"}};
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_search(message, mr_slice_cstr(rows[i].text)) == SIZE_MAX)
            continue;
        set_at(arena, error, rows[i].code, NULL, mr_slice_cstr(rows[i].message));
        return true;
    }
    struct mr_slice zone = athena_error_between(message, "Unknown TimeZone '", "'");
    if (zone.ptr != NULL) {
        set_at(arena, error, "NOT_SUPPORTED", NULL,
               mr_arena_printf(arena, "Time zone not supported: %.*s", MR_ARG(zone)));
        return true;
    }
    struct mr_slice column =
        athena_error_between(message, "column \"", "\" must appear in the GROUP BY");
    if (column.ptr == NULL) /* of HAVING */
        column = athena_error_between(message, "column ", " must appear in the GROUP BY");
    if (column.ptr != NULL) {
        set_not_aggregate(arena, column, query, error);
        return true;
    }
    struct mr_slice text =
        athena_error_between(message, "Could not parse string \"", "\" according to");
    if (text.ptr != NULL)
        set_at(arena, error, "INVALID_FUNCTION_ARGUMENT", NULL,
               mr_arena_printf(arena, "Invalid format: \"%.*s\"", MR_ARG(text)));
    return text.ptr != NULL;
}

void athena_error_from_duck(struct mr_arena *arena, struct mr_slice message,
                            const struct athena_node *query, struct athena_error *error)
{
    /* By how the message begins, or what it holds; the first that fits. */
    static const struct {
        const char *text, *code;
    } rows[] = {{"must appear in the GROUP BY clause", "EXPRESSION_NOT_AGGREGATE"},
                {"aggregate function calls cannot be nested", "NESTED_AGGREGATION"},
                {"aggregates not allowed in WHERE", "EXPRESSION_NOT_SCALAR"},
                {"WHERE clause cannot contain aggregates", "EXPRESSION_NOT_SCALAR"},
                {"Overflow in", "NUMERIC_VALUE_OUT_OF_RANGE"},
                {"Subquery returns", "SUBQUERY_MULTIPLE_ROWS"},
                {"More than one row returned by a subquery", "SUBQUERY_MULTIPLE_ROWS"},
                {"Conversion Error", "INVALID_CAST_ARGUMENT"},
                {"Out of Range Error", "NUMERIC_VALUE_OUT_OF_RANGE"},
                {"Out of Memory Error", "EXCEEDED_LOCAL_MEMORY_LIMIT"},
                {"Invalid Input Error", "INVALID_FUNCTION_ARGUMENT"},
                {"Parser Error", "SYNTAX_ERROR"},
                {"Binder Error", "TYPE_MISMATCH"},
                {"Not implemented Error", "NOT_SUPPORTED"},
                {"Catalog Error", "FUNCTION_NOT_FOUND"},
                {"Permission Error", "NOT_SUPPORTED"}};
    if (take_ours(arena, message, error) || take_overflow(arena, message, error) ||
        athena_error_from_cast(arena, message, query, error) ||
        take_known(arena, message, query, error) || take_column(arena, message, query, error) ||
        take_function(arena, message, query, error))
        return;
    struct mr_slice line = first_line(message);
    const size_t colon = mr_slice_search(line, MR_S("Error: "));
    struct mr_slice text = colon == SIZE_MAX ? line : mr_slice_sub(line, colon + 7, SIZE_MAX);
    struct mr_slice column = quoted_behind(line, MR_S("column "), '"');
    const struct athena_node *at = column.len == 0 ? NULL : find(query, AST_NAME, column);
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_search(message, mr_slice_cstr(rows[i].text)) != SIZE_MAX) {
            set_at(arena, error, rows[i].code, at, text);
            return;
        }
    }
    set_at(arena, error, "GENERIC_INTERNAL_ERROR", NULL, text);
}

struct mr_slice athena_error_text(struct mr_arena *arena, const struct athena_error *error)
{
    if (error->line == 0)
        return mr_arena_printf(arena, "%s: %.*s", error->code, MR_ARG(error->message));
    return mr_arena_printf(arena, "%s: line %u:%u: %.*s", error->code, error->line, error->column,
                           MR_ARG(error->message));
}
