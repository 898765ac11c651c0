/* Calls: templates, and the functions whose arguments must be looked at. */
#include "athena/functions.h"
#include "athena/translate.h"

/* ---- templates ---- */

static const struct athena_node *argument(const struct athena_node *call, size_t index)
{
    const struct athena_node *node = call->items;
    while (index-- > 0 && node != NULL)
        node = node->next;
    return node;
}

/* What ends a call: IGNORE NULLS, ORDER BY, ')', FILTER, OVER. */
static void emit_end(struct athena_translation *translation, const struct athena_node *call)
{
    if (call->flags & AST_IGNORE_NULLS)
        athena_emit_text(translation, " IGNORE NULLS");
    if (call->order != NULL) {
        athena_emit_text(translation, " ORDER BY ");
        athena_emit_order(translation, call->order);
    }
    athena_emit_text(translation, ")");
    if (call->left != NULL) {
        athena_emit_text(translation, " FILTER (WHERE ");
        athena_emit(translation, call->left);
        athena_emit_text(translation, ")");
    }
    if (call->right != NULL) {
        athena_emit_text(translation, " OVER ");
        athena_emit_window(translation, call->right);
    }
}

/* A moment shown in a zone is looked at there, by functions that take it apart. */
static void emit_argument(struct athena_translation *translation, const struct athena_node *call,
                          const struct athena_node *node)
{
    const bool local = athena_has_zone(node->type) && call->function != NULL &&
                       call->function->types != NULL &&
                       strstr(call->function->types, "moment") != NULL &&
                       !mr_slice_equal(call->text, MR_S("to_unixtime"));
    if (local && mr_slice_equal(call->text, MR_S("to_iso8601")))
        athena_translate_fail(translation, call, "NOT_SUPPORTED",
                              "to_iso8601 of a time zone other than UTC is not supported");
    else if (local)
        athena_emit_local(translation, node);
    else
        athena_emit(translation, node);
}

static void emit_arguments(struct athena_translation *translation, const struct athena_node *call)
{
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        emit_argument(translation, call, item);
        if (item->next != NULL)
            athena_emit_text(translation, ", ");
    }
}

/* How wide the first argument is. */
static void emit_bits(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = argument(call, 0)->type;
    athena_emit_text(translation, type == NULL || type->kind == SQL_BIGINT ? "64"
                                  : type->kind == SQL_INTEGER              ? "32"
                                  : type->kind == SQL_SMALLINT             ? "16"
                                                                           : "8");
}

static void emit_template(struct athena_translation *translation, const struct athena_node *call,
                          const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '$') {
            mr_buf_byte(translation->out, *at);
            continue;
        }
        at++;
        if (*at >= '1' && *at <= '9')
            emit_argument(translation, call, argument(call, (size_t)(*at - '1')));
        else if (*at == '*')
            emit_arguments(translation, call);
        else if (*at == 'T' && call->type != NULL)
            athena_sqltype_duck(translation->out, call->type);
        else if (*at == 'T') /* not known: as it comes */
            athena_emit_text(translation, "DOUBLE");
        else if (*at == 'B')
            emit_bits(translation, call);
        else if (*at == 'D' && call->flags & AST_DISTINCT)
            athena_emit_text(translation, "DISTINCT ");
        else if (*at == ')')
            emit_end(translation, call);
    }
}

/* ---- dates and times ---- */

static const struct athena_node *string_argument(struct athena_translation *translation,
                                                 const struct athena_node *call, size_t index)
{
    const struct athena_node *node = argument(call, index);
    if (node->kind == AST_PARAMETER && node->number < translation->parameter_count)
        node = translation->parameters[node->number];
    if (node->kind == AST_STRING)
        return node;
    athena_translate_fail(translation, call, "NOT_SUPPORTED",
                          "argument %zu of %.*s must be a string literal", index + 1,
                          MR_ARG(call->text));
    return NULL;
}

/* The unit of date_add and its like, in lower case; NULL: the error is set. */
static const char *unit_argument(struct athena_translation *translation,
                                 const struct athena_node *call)
{
    static const char *const units[] = {"millisecond", "second", "minute",  "hour", "day",
                                        "week",        "month",  "quarter", "year"};
    const struct athena_node *node = string_argument(translation, call, 0);
    for (size_t i = 0; node != NULL && i < MR_COUNT(units); i++) {
        if (mr_slice_equal_nocase(node->text, mr_slice_cstr(units[i])))
            return units[i];
    }
    const size_t last = mr_slice_equal(call->text, MR_S("date_trunc")) ? 1 : 2;
    const struct athena_sqltype *type = argument(call, last)->type;
    static const struct athena_node nowhere;
    if (node != NULL)
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "'%.*s' is not a valid %s field", MR_ARG(node->text),
                              type != NULL && type->kind == SQL_DATE   ? "DATE"
                              : type != NULL && type->kind == SQL_TIME ? "Time"
                                                                       : "TIMESTAMP");
    return NULL;
}

static void emit_date_call(struct athena_translation *translation, const struct athena_node *call)
{
    const char *unit = unit_argument(translation, call);
    if (unit == NULL)
        return;
    const bool add = mr_slice_equal(call->text, MR_S("date_add"));
    const bool diff = mr_slice_equal(call->text, MR_S("date_diff"));
    const struct athena_sqltype *type = argument(call, add || diff ? 2 : 1)->type;
    const bool zoned = athena_has_zone(call->type) && !diff;
    const bool time = type != NULL && type->kind == SQL_TIME;
    if (time && add) {
        emit_template(translation, call, "($3 + CAST($2 AS BIGINT) * ");
        mr_buf_printf(translation->out, "INTERVAL 1 %s)", unit);
        return;
    }
    if (zoned) {
        athena_emit_text(translation, "timezone(");
        athena_emit_string(translation, call->type->zone);
        athena_emit_text(translation, ", ");
    }
    mr_buf_printf(translation->out, "%s%s('%s', ", time && !diff ? "CAST(" : "",
                  add    ? "mr_date_add"
                  : diff ? "date_sub"
                         : "mr_date_trunc",
                  unit);
    if (add)
        emit_template(translation, call, "CAST($2 AS BIGINT), $3)");
    else if (diff)
        emit_template(translation, call, "$2, $3)");
    else if (time)
        emit_template(translation, call, "(DATE '1970-01-01' + $2)) AS TIME)");
    else
        emit_template(translation, call, "$2)");
    athena_emit_text(translation, zoned ? ")" : "");
}

/* MySQL's format codes into strftime's; false: one that Trino refuses. */
static bool mysql_format(struct mr_buf *format, struct mr_slice text)
{
    static const char *const codes[] = {"a%a", "b%b", "c%-m", "d%d", "e%-d",        "f%f",  "H%H",
                                        "h%I", "I%I", "i%M",  "j%j", "k%-H",        "l%-I", "M%B",
                                        "m%m", "p%p", "S%S",  "s%S", "T%H:%M:%S",   "v%V",  "W%A",
                                        "x%G", "Y%Y", "y%y",  "%%%", "r%I:%M:%S %p"};
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            mr_buf_byte(format, text.ptr[i]);
            continue;
        }
        const char *found = NULL;
        i++;
        for (size_t c = 0; i < text.len && c < MR_COUNT(codes); c++) {
            if (codes[c][0] == text.ptr[i])
                found = codes[c] + 1;
        }
        if (found != NULL)
            mr_buf_append(format, mr_slice_cstr(found));
        else if (i < text.len && strchr("DUuVwX", text.ptr[i]) != NULL)
            return false;
        else if (i < text.len) /* stands for itself */
            mr_buf_byte(format, text.ptr[i]);
    }
    return true;
}

/* Joda's letters into strftime's codes; false: one that has no counterpart. */
static bool joda_format(struct mr_buf *format, struct mr_slice text)
{
    static const struct {
        const char *letters, *code;
    } codes[] = {{"yyyy", "%Y"}, {"YYYY", "%Y"}, {"yy", "%y"},   {"MMMM", "%B"}, {"MMM", "%b"},
                 {"MM", "%m"},   {"M", "%-m"},   {"dd", "%d"},   {"d", "%-d"},   {"DDD", "%j"},
                 {"HH", "%H"},   {"H", "%-H"},   {"hh", "%I"},   {"h", "%-I"},   {"mm", "%M"},
                 {"ss", "%S"},   {"D", "%-j"},   {"E", "%a"},    {"EE", "%a"},   {"SSS", "%g"},
                 {"y", "%Y"},    {"a", "%p"},    {"EEEE", "%A"}, {"EEE", "%a"},  {"xxxx", "%G"},
                 {"ww", "%V"},   {"e", "%u"}};
    for (size_t i = 0; i < text.len;) {
        const char byte = text.ptr[i];
        size_t len = 1;
        if (byte == '\'') {
            const size_t end = mr_slice_find(mr_slice_sub(text, i + 1, SIZE_MAX), '\'');
            if (end == SIZE_MAX)
                return false;
            mr_buf_append(format, end == 0 ? MR_S("'") : mr_slice_sub(text, i + 1, end));
            i += end + 2;
            continue;
        }
        if ((byte < 'a' || byte > 'z') && (byte < 'A' || byte > 'Z')) {
            if (byte == '%')
                mr_buf_byte(format, '%');
            mr_buf_byte(format, byte);
            i++;
            continue;
        }
        while (i + len < text.len && text.ptr[i + len] == byte)
            len++;
        const char *found = NULL;
        for (size_t c = 0; c < MR_COUNT(codes); c++) {
            if (mr_slice_equal(mr_slice_sub(text, i, len), mr_slice_cstr(codes[c].letters)))
                found = codes[c].code;
        }
        if (found == NULL)
            return false;
        mr_buf_append(format, mr_slice_cstr(found));
        i += len;
    }
    return true;
}

/* By its first code that is refused; Trino finds it when it runs. */
static void fail_format(struct athena_translation *translation, struct mr_slice text)
{
    static const struct athena_node nowhere;
    size_t i = 1;
    while (i + 1 < text.len && !(text.ptr[i - 1] == '%' && strchr("DUuVwX", text.ptr[i]) != NULL))
        i++;
    athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                          "%%%c not supported in date format string", text.ptr[i]);
}

static void emit_format_call(struct athena_translation *translation, const struct athena_node *call)
{
    const bool mysql = mr_slice_starts_with(call->text, MR_S("date_"));
    const bool parse = mr_slice_search(call->text, MR_S("parse")) != SIZE_MAX;
    const struct athena_node *text = string_argument(translation, call, 1);
    if (text == NULL)
        return;
    struct mr_buf format = {0};
    const bool fine = mysql ? mysql_format(&format, text->text) : joda_format(&format, text->text);
    if (fine) {
        const bool moment = parse && !mysql;
        /* Without a year DuckDB would begin in 1900. */
        const bool yearless = parse &&
                              mr_slice_search(mr_buf_slice(&format), MR_S("%Y")) == SIZE_MAX &&
                              mr_slice_search(mr_buf_slice(&format), MR_S("%y")) == SIZE_MAX;
        athena_emit_text(translation, moment  ? "CAST(strptime("
                                      : parse ? "strptime("
                                              : "strftime(");
        athena_emit_text(translation, yearless ? "'1970 ' || " : "");
        emit_argument(translation, call, argument(call, 0));
        athena_emit_text(translation, yearless ? ", '%Y ' || " : ", ");
        athena_emit_string(translation, mr_buf_slice(&format));
        athena_emit_text(translation, moment ? ") AS TIMESTAMPTZ)" : ")");
    } else if (mysql) {
        fail_format(translation, text->text);
    } else {
        athena_translate_fail(translation, text, "NOT_SUPPORTED",
                              "the format '%.*s' of %.*s is not supported", MR_ARG(text->text),
                              MR_ARG(call->text));
    }
    mr_buf_fini(&format);
}

/* ---- JSON ---- */

/* $["a"] and $.a[0]["b"] into $."a", $.a[0]."b". False: not a path we can hand on. */
static bool json_path(struct mr_buf *path, struct mr_slice text)
{
    if (text.len == 0 || text.ptr[0] != '$')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '[' && i + 1 < text.len &&
            (text.ptr[i + 1] == '"' || text.ptr[i + 1] == '\'')) {
            const char quote = text.ptr[i + 1];
            const size_t end = mr_slice_find(mr_slice_sub(text, i + 2, SIZE_MAX), quote);
            if (end == SIZE_MAX || i + 3 + end >= text.len || text.ptr[i + 3 + end] != ']')
                return false;
            mr_buf_printf(path, ".\"%.*s\"", MR_ARG(mr_slice_sub(text, i + 2, end)));
            i += end + 3;
        } else if (text.ptr[i] == '*' || text.ptr[i] == '?' || text.ptr[i] == '@') {
            return false;
        } else {
            mr_buf_byte(path, text.ptr[i]);
        }
    }
    return true;
}

static void emit_json_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *text = string_argument(translation, call, 1);
    if (text == NULL)
        return;
    struct mr_buf path = {0};
    if (!json_path(&path, text->text)) {
        mr_buf_fini(&path);
        athena_translate_fail(translation, text, "INVALID_FUNCTION_ARGUMENT",
                              "Invalid JSON path: '%.*s'", MR_ARG(text->text));
        return;
    }
    const bool scalar = mr_slice_equal(call->text, MR_S("json_extract_scalar"));
    const struct athena_node *json = argument(call, 0);
    struct mr_arena *arena = translation->arena;
    struct athena_node quoted = {.kind = AST_STRING, .line = text->line, .column = text->column};
    quoted.text = mr_arena_copy(arena, mr_buf_slice(&path));
    mr_buf_fini(&path);
    struct athena_node first = *json, rebuilt = *call;
    first.next = &quoted;
    rebuilt.items = &first;
    if (mr_slice_equal(call->text, MR_S("json_size"))) {
        emit_template(translation, &rebuilt,
                      "CASE WHEN NOT json_valid($1) THEN NULL WHEN json_type($1, $2) = 'OBJECT' "
                      "THEN CAST(len(json_keys($1, $2)) AS BIGINT) WHEN json_type($1, $2) = "
                      "'ARRAY' THEN CAST(json_array_length($1, $2) AS BIGINT) WHEN "
                      "json_type($1, $2) IS NOT NULL THEN CAST(0 AS BIGINT) END");
        return;
    }
    /* Text that is no JSON gives NULL, not an error. */
    emit_template(translation, &rebuilt,
                  scalar ? "CASE WHEN json_valid($1) AND json_type($1, $2) NOT IN ('OBJECT', "
                           "'ARRAY') THEN json_extract_string($1, $2) END"
                         : "CASE WHEN json_valid($1) THEN json_extract($1, $2) END");
}

/* ---- greatest, least, concat ---- */

/* NULL as soon as one argument is. */
static void emit_extreme(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_text(translation, "CASE WHEN ");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit(translation, item);
        athena_emit_text(translation, item->next != NULL ? " IS NOT NULL AND " : " IS NOT NULL");
    }
    mr_buf_printf(translation->out, " THEN %.*s(", MR_ARG(call->text));
    athena_emit_list(translation, call->items);
    athena_emit_text(translation, ") END");
}

static bool is_array(const struct athena_node *node)
{
    return node->type != NULL && node->type->kind == SQL_ARRAY;
}

static void emit_concat(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *first = argument(call, 0), *second = argument(call, 1);
    const bool arrays = call->type != NULL && call->type->kind == SQL_ARRAY;
    if (arrays && second->next == NULL && is_array(first) != is_array(second)) {
        emit_template(translation, call,
                      is_array(first) ? "list_append($1, $2)" : "list_prepend($1, $2)");
        return;
    }
    athena_emit_text(translation, "(");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit(translation, item);
        athena_emit_text(translation, item->next != NULL ? " || " : ")");
    }
}

/* ---- lambdas ---- */

static bool lambda_names(struct athena_translation *translation, const struct athena_node *call,
                         const struct athena_node *lambda, size_t count, struct mr_slice *names)
{
    const struct athena_node *name = lambda->items;
    if (lambda->kind != AST_LAMBDA || athena_node_count(lambda->items) != count) {
        athena_translate_fail(translation, call, "FUNCTION_NOT_FOUND",
                              "Unexpected parameters for function %.*s", MR_ARG(call->text));
        return false;
    }
    for (size_t i = 0; i < count; i++, name = name->next)
        names[i] = name->text;
    return true;
}

/* The lambda's body with each of its names standing for an expression of DuckDB's: a list of one
 * element is bound to a name and mapped. */
static void emit_body(struct athena_translation *translation, const struct athena_node *lambda,
                      const struct mr_slice *names, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mr_buf_printf(translation->out, "list_transform([%s], lambda ", values[i]);
        athena_emit_name(translation, names[i]);
        athena_emit_text(translation, ": ");
    }
    athena_emit(translation, lambda->left);
    for (size_t i = 0; i < count; i++)
        athena_emit_text(translation, ")[1]");
}

/* Insertion, one element after the other, behind those that are not greater. */
static void emit_sort(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"mr_y", "mr_n[1]"};
    const struct athena_node *lambda = argument(call, 1);
    struct mr_slice names[2];
    if (!lambda_names(translation, call, lambda, 2, names))
        return;
    emit_template(translation, call,
                  "list_reduce(list_transform($1, lambda mr_x: [mr_x]), lambda "
                  "mr_s, mr_n: list_concat(list_concat(list_filter(mr_s, lambda "
                  "mr_y: ");
    emit_body(translation, lambda, names, values, 2);
    athena_emit_text(translation, " <= 0), mr_n), list_filter(mr_s, lambda mr_y: ");
    emit_body(translation, lambda, names, values, 2);
    athena_emit_text(translation, " > 0)))");
}

/* Elements and the state go through list_reduce as rows, since it knows only one type. */
static void emit_reduce(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"struct_extract_at(mr_a, 1)",
                                         "struct_extract_at(mr_b, 2)"};
    const bool aggregate = mr_slice_equal(call->text, MR_S("reduce_agg"));
    const struct athena_node *start = argument(call, 1), *step = argument(call, 2);
    const struct athena_sqltype *list = argument(call, 0)->type, *state = start->type;
    struct mr_slice names[2];
    if (!aggregate && list != NULL && list->kind == SQL_ARRAY)
        list = list->items[0];
    if (!lambda_names(translation, call, step, 2, names))
        return;
    if (!athena_sqltype_known(list) || !athena_sqltype_known(state)) {
        emit_template(translation, call,
                      aggregate ? "list_reduce(list($1$), $3, $2)"
                                : "list_transform([list_reduce($1, $3, $2)], $4)[1]");
        return;
    }
    const bool own = list->kind == SQL_UNKNOWN;
    athena_emit_text(translation, aggregate ? "" : "list_transform([");
    athena_emit_text(translation, "struct_extract_at(list_reduce(list_transform(");
    emit_template(translation, call, aggregate ? "list($1$)" : "$1");
    athena_emit_text(translation, ", lambda mr_x: row(CAST(NULL AS ");
    athena_sqltype_duck(translation->out, state);
    athena_emit_text(translation, "), mr_x)), lambda mr_a, mr_b: row(CAST(");
    emit_body(translation, step, names, values, 2);
    athena_emit_text(translation, " AS ");
    athena_sqltype_duck(translation->out, state);
    athena_emit_text(translation, "), struct_extract_at(mr_b, 2)), row(");
    emit_template(translation, call, own ? "$2, NULL)), 1)" : "$2, CAST(NULL AS ");
    if (!own) {
        athena_sqltype_duck(translation->out, list);
        athena_emit_text(translation, "))), 1)");
    }
    if (!aggregate)
        emit_template(translation, call, "], $4)[1]");
}

static void emit_zip_with(struct athena_translation *translation, const struct athena_node *call)
{
    struct mr_slice names[2];
    static const char *const values[] = {"struct_extract_at(mr_z, 1)",
                                         "struct_extract_at(mr_z, 2)"};
    if (!lambda_names(translation, call, argument(call, 2), 2, names))
        return;
    emit_template(translation, call,
                  "list_transform(list_transform(generate_series(1, greatest(len($1), len($2))), "
                  "lambda mr_i: row(($1)[mr_i], ($2)[mr_i])), lambda mr_z: ");
    emit_body(translation, argument(call, 2), names, values, 2);
    athena_emit_text(translation, ")");
}

/* map_filter, transform_keys, transform_values. */
static void emit_map_lambda(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"mr_e.key", "mr_e.value"};
    const bool filter = mr_slice_equal(call->text, MR_S("map_filter"));
    const bool keys = mr_slice_equal(call->text, MR_S("transform_keys"));
    struct mr_slice names[2];
    if (!lambda_names(translation, call, argument(call, 1), 2, names))
        return;
    emit_template(translation, call,
                  filter ? "map_from_entries(list_filter(map_entries($1), "
                           "lambda mr_e: "
                  : keys ? "map_from_entries(list_transform(map_entries($1), "
                           "lambda mr_e: row("
                         : "map_from_entries(list_transform(map_entries($1), "
                           "lambda mr_e: row(mr_e.key, ");
    emit_body(translation, argument(call, 1), names, values, 2);
    athena_emit_text(translation, filter ? "))" : keys ? ", mr_e.value)))" : ")))");
}

static void emit_map_zip(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"struct_extract_at(mr_z, 1)", "struct_extract_at(mr_z, 2)",
                                         "struct_extract_at(mr_z, 3)"};
    struct mr_slice names[3];
    if (!lambda_names(translation, call, argument(call, 2), 3, names))
        return;
    emit_template(translation, call,
                  "map_from_entries(list_transform(list_transform(mr_distinct(list_concat("
                  "map_keys($1), map_keys($2))), lambda mr_k: row(mr_k, ($1)[mr_k], ($2)[mr_k])), "
                  "lambda mr_z: row(struct_extract_at(mr_z, 1), ");
    emit_body(translation, argument(call, 2), names, values, 3);
    athena_emit_text(translation, ")))");
}

/* Those whose greatest index is largest last, as Trino counts. */
static void emit_combinations(struct athena_translation *translation,
                              const struct athena_node *call)
{
    const struct athena_node *count = argument(call, 1);
    while (count->kind == AST_COERCE)
        count = count->left;
    int64_t n;
    if (count->kind != AST_INTEGER || mr_slice_to_i64(count->text, &n) != MR_OK || n < 1) {
        athena_translate_fail(translation, call, "NOT_SUPPORTED",
                              "the size of combinations must be a literal from 1 to 5");
        return;
    }
    if (n > 5) {
        static const struct athena_node nowhere;
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "combination size must not exceed 5: %lld", (long long)n);
        return;
    }
    for (int64_t i = n; i >= 1; i--) {
        athena_emit_text(translation, i > 1 ? "flatten(" : "");
        athena_emit_text(translation, "list_transform(generate_series(1, ");
        if (i == n)
            emit_template(translation, call, "len($1)");
        else
            mr_buf_printf(translation->out, "mr_i%d - 1", (int)i + 1);
        mr_buf_printf(translation->out, "), lambda mr_i%d: ", (int)i);
    }
    athena_emit_text(translation, "[");
    for (int64_t i = 1; i <= n; i++) {
        emit_template(translation, call, i > 1 ? ", ($1)[" : "($1)[");
        mr_buf_printf(translation->out, "mr_i%d]", (int)i);
    }
    athena_emit_text(translation, "]");
    for (int64_t i = 1; i <= n; i++)
        athena_emit_text(translation, i > 1 ? "))" : ")");
}

/* ---- others ---- */

static void emit_format(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_text(translation, "mr_format(to_json([");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit_text(translation, item->type != NULL && (item->type->kind == SQL_DOUBLE ||
                                                             item->type->kind == SQL_REAL)
                                          ? "mr_plain("
                                          : "mr_text(");
        athena_emit(translation, item);
        athena_emit_text(translation, item->next != NULL ? "), " : ")");
    }
    athena_emit_text(translation, "]))");
}

/* The form may be a bare word. */
static void emit_normalize(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *form = argument(call, 1);
    if (mr_slice_equal_nocase(form->text, MR_S("NFC")))
        emit_template(translation, call, "nfc_normalize($1)");
    else
        athena_translate_fail(translation, form, "NOT_SUPPORTED",
                              "the form %.*s of normalize is not supported", MR_ARG(form->text));
}

static void emit_typeof(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = argument(call, 0)->type;
    if (type == NULL)
        emit_template(translation, call, "mr_typeof($1)");
    else
        athena_emit_string(translation, athena_sqltype_text(translation->arena, type));
}

/* with_timezone, timezone_hour and timezone_minute. */
static void emit_zone_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *moment = argument(call, 0);
    const bool hour = mr_slice_equal(call->text, MR_S("timezone_hour"));
    if (mr_slice_equal(call->text, MR_S("with_timezone"))) {
        emit_template(translation, call, "timezone($2, $1)");
    } else if (!athena_has_zone(moment->type)) {
        athena_emit_text(translation, "CAST(0 AS BIGINT)");
    } else {
        athena_emit_text(translation, "(CAST(epoch(");
        athena_emit_local(translation, moment);
        emit_template(translation, call, ") - epoch($1) AS BIGINT)");
        athena_emit_text(translation, hour ? " // 3600)" : " // 60 % 60)");
    }
}

/* The pieces between the matches, and for each match what the lambda makes of its groups. */
static void emit_regexp_lambda(struct athena_translation *translation,
                               const struct athena_node *call, const struct athena_node *lambda)
{
    struct mr_slice name;
    static const char *const value = "mr_g";
    if (!lambda_names(translation, call, lambda, 1, &name))
        return;
    const struct athena_node *pattern = string_argument(translation, call, 1);
    const size_t groups = pattern == NULL ? 0 : athena_pattern_groups(pattern->text);
    emit_template(translation, call,
                  "list_reduce(list_transform(generate_series(1, len(string_split_regex($1, $2))), "
                  "lambda mr_i: string_split_regex($1, $2)[mr_i] || coalesce(list_transform("
                  "list_filter([regexp_extract_all($1, $2)[mr_i]], lambda mr_m: mr_m IS NOT NULL), "
                  "lambda mr_m: list_transform([[");
    for (size_t i = 1; i <= groups; i++) {
        emit_template(translation, call,
                      i > 1 ? ", regexp_extract(mr_m, $2, " : "regexp_extract(mr_m, $2, ");
        mr_buf_printf(translation->out, "%zu)", i);
    }
    athena_emit_text(translation, "]], lambda mr_g: ");
    emit_body(translation, lambda, &name, &value, 1);
    athena_emit_text(translation, ")[1])[1], '')), lambda mr_a, mr_b: mr_a || mr_b)");
}

/* Every match is replaced; groups are $1 in Trino, \1 in DuckDB. */
static void emit_regexp_replace(struct athena_translation *translation,
                                const struct athena_node *call)
{
    const struct athena_node *last = argument(call, 2);
    if (last != NULL && last->kind == AST_LAMBDA) {
        emit_regexp_lambda(translation, call, last);
        return;
    }
    struct athena_node empty = {.kind = AST_STRING, .line = call->line, .column = call->column};
    const struct athena_node *text =
        argument(call, 2) == NULL ? &empty : string_argument(translation, call, 2);
    if (text == NULL)
        return;
    struct mr_buf replacement = {0};
    for (size_t i = 0; i < text->text.len; i++) {
        const char byte = text->text.ptr[i];
        const char next = i + 1 < text->text.len ? text->text.ptr[i + 1] : '\0';
        if (byte == '$' && next >= '0' && next <= '9')
            mr_buf_byte(&replacement, '\\');
        else if (byte == '\\' && next == '$')
            continue; /* an escaped dollar */
        else if (byte == '\\')
            mr_buf_append(&replacement, MR_S("\\\\"));
        else
            mr_buf_byte(&replacement, byte);
    }
    emit_template(translation, call, "regexp_replace($1, $2, ");
    athena_emit_string(translation, mr_buf_slice(&replacement));
    athena_emit_text(translation, ", 'g')");
    mr_buf_fini(&replacement);
}

/* Of decimals, exactly: the sum by the count, rounded half up. */
static void emit_average(struct athena_translation *translation, const struct athena_node *call)
{
    const size_t number = (*translation->divisions)++;
    mr_buf_printf(translation->out, "CAST(mr_div/*%zu*/(", number);
    emit_template(translation, call, "sum($D$1$), CAST(count($D$1$) AS DECIMAL(19,0)), ");
    mr_buf_printf(translation->out, "%zu) AS ", number);
    athena_sqltype_duck(translation->out, call->type);
    athena_emit_text(translation, ")");
}

static void emit_modulus(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_division(translation, "mr_mod", argument(call, 0), argument(call, 1));
}

static void emit_special(struct athena_translation *translation, const struct athena_node *call)
{
    static const struct {
        const char *name;
        void (*emit)(struct athena_translation *translation, const struct athena_node *call);
    } specials[] = {{"avg", emit_average},
                    {"greatest", emit_extreme},
                    {"least", emit_extreme},
                    {"concat", emit_concat},
                    {"mod", emit_modulus},
                    {"regexp_replace", emit_regexp_replace},
                    {"json_extract", emit_json_call},
                    {"json_extract_scalar", emit_json_call},
                    {"json_size", emit_json_call},
                    {"date_add", emit_date_call},
                    {"date_diff", emit_date_call},
                    {"date_trunc", emit_date_call},
                    {"array_sort", emit_sort},
                    {"reduce", emit_reduce},
                    {"reduce_agg", emit_reduce},
                    {"zip_with", emit_zip_with},
                    {"map_filter", emit_map_lambda},
                    {"transform_keys", emit_map_lambda},
                    {"transform_values", emit_map_lambda},
                    {"map_zip_with", emit_map_zip},
                    {"combinations", emit_combinations},
                    {"format", emit_format},
                    {"normalize", emit_normalize},
                    {"typeof", emit_typeof},
                    {"with_timezone", emit_zone_call},
                    {"timezone_hour", emit_zone_call},
                    {"timezone_minute", emit_zone_call},
                    {"date_format", emit_format_call},
                    {"date_parse", emit_format_call},
                    {"format_datetime", emit_format_call},
                    {"parse_datetime", emit_format_call}};
    for (size_t i = 0; i < MR_COUNT(specials); i++) {
        if (mr_slice_equal(call->text, mr_slice_cstr(specials[i].name)))
            specials[i].emit(translation, call);
    }
}

static bool check_call(struct athena_translation *translation, const struct athena_node *call,
                       const struct athena_function *function, bool known, size_t arguments)
{
    const bool decorated = call->order != NULL || call->left != NULL || call->right != NULL ||
                           (call->flags & (AST_DISTINCT | AST_IGNORE_NULLS)) != 0;
    if (!known)
        athena_translate_fail(translation, call, "FUNCTION_NOT_FOUND",
                              "Function '%.*s' not registered", MR_ARG(call->text));
    else if (function == NULL)
        athena_translate_fail(translation, call, "FUNCTION_NOT_FOUND",
                              "Unexpected parameters (%zu of them) for function %.*s", arguments,
                              MR_ARG(call->text));
    else if ((function->flags & ATHENA_WINDOW) != 0 && call->right == NULL)
        athena_translate_fail(translation, call, "MISSING_OVER",
                              "Window function %.*s requires an OVER clause", MR_ARG(call->text));
    else if ((function->flags & ATHENA_AGGREGATE) == 0 && decorated)
        athena_translate_fail(translation, call, "FUNCTION_NOT_AGGREGATE",
                              "DISTINCT, ORDER BY, FILTER and OVER are only valid for aggregation "
                              "functions: %.*s",
                              MR_ARG(call->text));
    return !athena_translate_failed(translation);
}

void athena_emit_call(struct athena_translation *translation, const struct athena_node *call)
{
    bool known;
    const size_t arguments = athena_node_count(call->items);
    const struct athena_function *function = athena_function_find(call->text, arguments, &known);
    if (!call->inferred) {
        ((struct athena_node *)(uintptr_t)call)->type = athena_infer_call(translation, call);
        ((struct athena_node *)(uintptr_t)call)->inferred = true;
    }
    if (athena_translate_failed(translation))
        return;
    if (call->function != NULL)
        function = call->function;
    if (!check_call(translation, call, function, known, arguments))
        return;
    if (!athena_check_groups(translation, call))
        return;
    if ((function->flags & ATHENA_SPECIAL) != 0) {
        emit_special(translation, call);
    } else if (function->text != NULL) {
        emit_template(translation, call, function->text);
    } else {
        mr_buf_append(translation->out, call->text);
        emit_template(translation, call,
                      (function->flags & ATHENA_AGGREGATE) != 0 ? "($D$*$)" : "($*)");
    }
}
