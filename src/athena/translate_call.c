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
            athena_emit(translation, argument(call, (size_t)(*at - '1')));
        else if (*at == '*')
            athena_emit_list(translation, call->items);
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
    if (node != NULL)
        athena_translate_fail(translation, node, "INVALID_FUNCTION_ARGUMENT",
                              "'%.*s' is not a valid Timestamp field", MR_ARG(node->text));
    return NULL;
}

static void emit_date_call(struct athena_translation *translation, const struct athena_node *call)
{
    const char *unit = unit_argument(translation, call);
    if (unit == NULL)
        return;
    const bool add = mr_slice_equal(call->text, MR_S("date_add"));
    const bool diff = mr_slice_equal(call->text, MR_S("date_diff"));
    mr_buf_printf(translation->out, "%s('%s', ",
                  add    ? "mr_date_add"
                  : diff ? "date_sub"
                         : "mr_date_trunc",
                  unit);
    if (add)
        athena_emit_text(translation, "CAST(");
    athena_emit(translation, argument(call, 1));
    if (add)
        athena_emit_text(translation, " AS BIGINT)");
    if (add || diff) {
        athena_emit_text(translation, ", ");
        athena_emit(translation, argument(call, 2));
    }
    athena_emit_text(translation, ")");
}

/* MySQL's format codes into strftime's; false: one that has no counterpart. */
static bool mysql_format(struct mr_buf *format, struct mr_slice text)
{
    static const char *const codes[] = {
        "a%a",       "b%b", "c%-m", "d%d",  "e%-d", "f%f", "H%H", "h%I", "I%I",
        "i%M",       "j%j", "k%-H", "l%-I", "M%B",  "m%m", "p%p", "S%S", "s%S",
        "T%H:%M:%S", "v%V", "W%A",  "w%w",  "x%G",  "Y%Y", "y%y", "%%%", "r%I:%M:%S %p"};
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
        if (found == NULL)
            return false;
        mr_buf_append(format, mr_slice_cstr(found));
    }
    return true;
}

/* Joda's letters into strftime's codes; false: one that has no counterpart. */
static bool joda_format(struct mr_buf *format, struct mr_slice text)
{
    static const struct {
        const char *letters, *code;
    } codes[] = {{"yyyy", "%Y"}, {"YYYY", "%Y"}, {"yy", "%y"}, {"MMMM", "%B"}, {"MMM", "%b"},
                 {"MM", "%m"},   {"M", "%-m"},   {"dd", "%d"}, {"d", "%-d"},   {"DDD", "%j"},
                 {"HH", "%H"},   {"H", "%-H"},   {"hh", "%I"}, {"h", "%-I"},   {"mm", "%M"},
                 {"ss", "%S"},   {"SSS", "%g"},  {"a", "%p"},  {"EEEE", "%A"}, {"EEE", "%a"},
                 {"xxxx", "%G"}, {"ww", "%V"},   {"e", "%u"}};
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
        athena_emit_text(translation, parse ? "strptime(" : "strftime(");
        athena_emit(translation, argument(call, 0));
        athena_emit_text(translation, ", ");
        athena_emit_string(translation, mr_buf_slice(&format));
        athena_emit_text(translation, ")");
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
    /* Text that is no JSON gives NULL, not an error. */
    emit_template(translation, &rebuilt,
                  scalar ? "CASE WHEN json_valid($1) AND json_type($1, $2) NOT IN ('OBJECT', "
                           "'ARRAY') THEN json_extract_string($1, $2) END"
                         : "CASE WHEN json_valid($1) THEN json_extract($1, $2) END");
}

/* ---- others ---- */

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

static void emit_concat(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_text(translation, "(");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit(translation, item);
        athena_emit_text(translation, item->next != NULL ? " || " : ")");
    }
}

/* Every match is replaced; groups are $1 in Trino, \1 in DuckDB. */
static void emit_regexp_replace(struct athena_translation *translation,
                                const struct athena_node *call)
{
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

static void emit_special(struct athena_translation *translation, const struct athena_node *call)
{
    struct mr_slice name = call->text;
    if (mr_slice_equal(name, MR_S("greatest")) || mr_slice_equal(name, MR_S("least")))
        emit_extreme(translation, call);
    else if (mr_slice_equal(name, MR_S("concat")))
        emit_concat(translation, call);
    else if (mr_slice_equal(name, MR_S("mod")))
        athena_emit_division(translation, "mr_mod", argument(call, 0), argument(call, 1));
    else if (mr_slice_equal(name, MR_S("regexp_replace")))
        emit_regexp_replace(translation, call);
    else if (mr_slice_starts_with(name, MR_S("json_")))
        emit_json_call(translation, call);
    else if (mr_slice_equal(name, MR_S("date_add")) || mr_slice_equal(name, MR_S("date_diff")) ||
             mr_slice_equal(name, MR_S("date_trunc")))
        emit_date_call(translation, call);
    else
        emit_format_call(translation, call);
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
    if (!check_call(translation, call, function, known, arguments))
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
