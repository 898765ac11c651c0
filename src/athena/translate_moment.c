/* Calls that add to dates and times, cut and format them. */
#include "athena/functions.h"
#include "athena/translate_call.h"

/* The unit of date_add and its like, in lower case; NULL: the error is set. */
static const char *unit_argument(struct athena_translation *translation,
                                 const struct athena_node *call)
{
    static const char *const units[] = {"millisecond", "second", "minute",  "hour", "day",
                                        "week",        "month",  "quarter", "year"};
    const struct athena_node *node = athena_call_string(translation, call, 0);
    for (size_t i = 0; node != NULL && i < MR_COUNT(units); i++) {
        if (mr_slice_equal_nocase(node->text, mr_slice_cstr(units[i])))
            return units[i];
    }
    const size_t last = mr_slice_equal(call->text, MR_S("date_trunc")) ? 1 : 2;
    const struct athena_sqltype *type = athena_call_argument(call, last)->type;
    static const struct athena_node nowhere;
    if (node != NULL)
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "'%.*s' is not a valid %s field", MR_ARG(node->text),
                              type != NULL && type->kind == SQL_DATE   ? "DATE"
                              : type != NULL && type->kind == SQL_TIME ? "Time"
                                                                       : "TIMESTAMP");
    return NULL;
}

void athena_emit_date_call(struct athena_translation *translation, const struct athena_node *call)
{
    const char *unit = unit_argument(translation, call);
    if (unit == NULL)
        return;
    const bool add = mr_slice_equal(call->text, MR_S("date_add"));
    const bool diff = mr_slice_equal(call->text, MR_S("date_diff"));
    const struct athena_sqltype *type = athena_call_argument(call, add || diff ? 2 : 1)->type;
    const bool zoned = athena_has_zone(call->type) && !diff;
    const bool time = type != NULL && type->kind == SQL_TIME;
    if (time && add) {
        athena_call_template(translation, call, "($3 + CAST($2 AS BIGINT) * ");
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
        athena_call_template(translation, call, "CAST($2 AS BIGINT), $3)");
    else if (diff)
        athena_call_template(translation, call, "$2, $3)");
    else if (time)
        athena_call_template(translation, call, "(DATE '1970-01-01' + $2)) AS TIME)");
    else
        athena_call_template(translation, call, "$2)");
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

void athena_emit_format_call(struct athena_translation *translation, const struct athena_node *call)
{
    const bool mysql = mr_slice_starts_with(call->text, MR_S("date_"));
    const bool parse = mr_slice_search(call->text, MR_S("parse")) != SIZE_MAX;
    const struct athena_node *text = athena_call_string(translation, call, 1);
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
        athena_call_emit(translation, call, athena_call_argument(call, 0));
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
