/* Expressions. */
#include "athena/translate_json.h"
#include <stdarg.h>

void athena_translate_fail(struct athena_translation *translation, const struct athena_node *node,
                           const char *code, const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    athena_error_set(translation->error, translation->arena, code, node->line, node->column, "%.*s",
                     MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
}

bool athena_translate_failed(const struct athena_translation *translation)
{
    return translation->error->code != NULL;
}

void athena_emit_text(struct athena_translation *translation, const char *text)
{
    mr_buf_append(translation->out, mr_slice_cstr(text));
}

static void emit_doubled(struct mr_buf *out, struct mr_slice text, char quote)
{
    mr_buf_byte(out, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote)
            mr_buf_byte(out, quote);
        mr_buf_byte(out, text.ptr[i]);
    }
    mr_buf_byte(out, quote);
}

void athena_emit_name(struct athena_translation *translation, struct mr_slice name)
{
    emit_doubled(translation->out, name, '"');
}

void athena_emit_string(struct athena_translation *translation, struct mr_slice text)
{
    emit_doubled(translation->out, text, '\'');
}

void athena_emit_list(struct athena_translation *translation, const struct athena_node *list)
{
    for (const struct athena_node *item = list; item != NULL; item = item->next) {
        if (item != list)
            athena_emit_text(translation, ", ");
        athena_emit(translation, item);
    }
}

void athena_emit_order(struct athena_translation *translation, const struct athena_node *order)
{
    for (const struct athena_node *sort = order; sort != NULL; sort = sort->next) {
        if (sort != order)
            athena_emit_text(translation, ", ");
        athena_emit(translation, sort->left);
        athena_emit_text(translation, sort->flags & AST_DESC ? " DESC" : " ASC");
        athena_emit_text(translation,
                         sort->flags & AST_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
    }
}

/* ---- names ---- */

/* a.b.c into its names; 0: it is no chain of names, or too long. */
static size_t name_chain(const struct athena_node *node, struct mr_slice *names, size_t max)
{
    if (node->kind == AST_NAME) {
        names[0] = node->text;
        return 1;
    }
    if (node->kind != AST_DOT)
        return 0;
    const size_t count = name_chain(node->left, names, max);
    if (count == 0 || count == max)
        return 0;
    names[count] = node->text;
    return count + 1;
}

/* db.table.column: DuckDB knows the table by its name alone. */
static void emit_dot(struct athena_translation *translation, const struct athena_node *node)
{
    struct mr_slice names[16];
    const struct athena_resolver *resolver = translation->resolver;
    size_t count = name_chain(node, names, MR_COUNT(names)), first = 0;
    if (count == 0) {
        athena_emit_text(translation, "struct_extract(");
        athena_emit(translation, node->left);
        athena_emit_text(translation, ", ");
        athena_emit_string(translation, node->text);
        athena_emit_text(translation, ")");
        return;
    }
    if (count >= 4 && mr_slice_equal_nocase(names[0], MR_S("awsdatacatalog")) &&
        resolver->is_table(resolver->ctx, names[1], names[2]))
        first = 2;
    else if (count >= 3 && resolver->is_table(resolver->ctx, names[0], names[1]))
        first = 1;
    for (size_t i = first; i < count; i++) {
        if (i > first)
            athena_emit_text(translation, ".");
        athena_emit_name(translation, names[i]);
    }
}

static void emit_star(struct athena_translation *translation, const struct athena_node *node)
{
    struct mr_slice names[4];
    if (node->left == NULL) {
        athena_emit_text(translation, "*");
        return;
    }
    const size_t count = name_chain(node->left, names, MR_COUNT(names));
    if (count == 0) {
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "* of an expression is not supported");
        return;
    }
    athena_emit_name(translation, names[count - 1]);
    athena_emit_text(translation, ".*");
}

/* ---- literals ---- */

static bool is_hex(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!mr_byte_in(text.ptr[i], "0123456789abcdefABCDEF"))
            return false;
    }
    return text.len % 2 == 0;
}

static void emit_binary(struct athena_translation *translation, const struct athena_node *node)
{
    if (!is_hex(node->text)) {
        athena_translate_fail(translation, node, "SYNTAX_ERROR",
                              "Binary literal must contain an even number of hexadecimal digits");
        return;
    }
    athena_emit_text(translation, "unhex(");
    athena_emit_string(translation, node->text);
    athena_emit_text(translation, ")");
}

/* TIMESTAMP '... Europe/Berlin', '... +01:00': a moment. False: it has no zone. */
static bool emit_zoned(struct athena_translation *translation, const struct athena_node *node)
{
    const struct mr_slice written = athena_literal_zone(node->text);
    if (written.len == 0)
        return false;
    const struct mr_slice zone = athena_zone_name(written);
    const struct mr_slice local =
        mr_slice_trim(mr_slice_sub(node->text, 0, (size_t)(written.ptr - node->text.ptr)));
    const bool offset = zone.len > 0 && (zone.ptr[0] == '+' || zone.ptr[0] == '-');
    athena_emit_text(translation, offset ? "CAST(" : "timezone(");
    if (offset) { /* DuckDB wants seconds, and no blank before it */
        const size_t colon = mr_slice_find(local, ':');
        const bool day = colon == SIZE_MAX;
        const bool seconds =
            mr_slice_find(mr_slice_sub(local, colon + 1, SIZE_MAX), ':') != SIZE_MAX;
        athena_emit_string(translation,
                           mr_arena_printf(translation->arena, "%.*s%s%.*s", MR_ARG(local),
                                           day        ? " 00:00:00"
                                           : !seconds ? ":00"
                                                      : "",
                                           MR_ARG(zone)));
        athena_emit_text(translation, " AS TIMESTAMPTZ)");
        return true;
    }
    athena_emit_string(translation, zone);
    athena_emit_text(translation, ", CAST(");
    athena_emit_string(translation, local);
    athena_emit_text(translation, " AS TIMESTAMP))");
    return true;
}

static void emit_typed(struct athena_translation *translation, const struct athena_node *node)
{
    static const struct {
        const char *type, *cast;
    } casts[] = {{"date", "DATE"},         {"time", "TIME"},       {"varchar", "VARCHAR"},
                 {"double", "DOUBLE"},     {"real", "FLOAT"},      {"tinyint", "TINYINT"},
                 {"smallint", "SMALLINT"}, {"integer", "INTEGER"}, {"bigint", "BIGINT"},
                 {"boolean", "BOOLEAN"},   {"uuid", "UUID"},       {"char", "VARCHAR"},
                 {"int", "INTEGER"}};
    struct mr_slice type = node->items->text;
    const char *cast = NULL;
    for (size_t i = 0; i < MR_COUNT(casts); i++) {
        if (mr_slice_equal(type, mr_slice_cstr(casts[i].type)))
            cast = casts[i].cast;
    }
    if (mr_slice_equal(type, MR_S("timestamp")) && emit_zoned(translation, node))
        return;
    if (athena_time_zoned(node->type)) {
        athena_emit_time_literal(translation, node);
        return;
    }
    if (mr_slice_equal(type, MR_S("timestamp")))
        cast = "TIMESTAMP";
    if (mr_slice_equal(type, MR_S("decimal")) || mr_slice_equal(type, MR_S("dec"))) {
        struct mr_slice digits = mr_slice_trim(node->text);
        for (size_t i = 0; i < digits.len; i++) {
            if (!mr_byte_in(digits.ptr[i], "+-.0123456789")) {
                athena_translate_fail(translation, node, "INVALID_LITERAL",
                                      "'%.*s' is not a valid decimal literal", MR_ARG(node->text));
                return;
            }
        }
        mr_buf_printf(translation->out, node->type != NULL ? "CAST('%.*s' AS " : "%.*s",
                      MR_ARG(digits));
        if (node->type != NULL) {
            athena_sqltype_duck(translation->out, node->type);
            athena_emit_text(translation, ")");
        }
        return;
    }
    const bool address = mr_slice_equal(type, MR_S("ipaddress"));
    if (cast == NULL && !address && !mr_slice_equal(type, MR_S("json"))) {
        const bool known = node->type != NULL;
        athena_translate_fail(translation, node, known ? "INVALID_LITERAL" : "TYPE_NOT_FOUND",
                              "%s %.*s",
                              known ? "No literal form for type" : "Unknown type:", MR_ARG(type));
        return;
    }
    athena_emit_text(translation, cast != NULL ? "CAST("
                                  : address    ? "mr_to_ipaddress("
                                               : "mr_json_parse(");
    athena_emit_string(translation, node->text);
    athena_emit_text(translation, address ? ", false" : "");
    if (cast != NULL) {
        athena_emit_text(translation, " AS ");
        athena_emit_text(translation, cast);
    }
    athena_emit_text(translation, ")");
}

static void emit_parameter(struct athena_translation *translation, const struct athena_node *node)
{
    if (node->number >= translation->parameter_count) {
        athena_translate_fail(translation, node, "INVALID_PARAMETER_USAGE",
                              "Incorrect number of parameters: expected %zu but found %zu",
                              node->number + 1, translation->parameter_count);
        return;
    }
    athena_emit(translation, translation->parameters[node->number]);
}

static void emit_current(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *type = athena_infer(translation, node);
    if (mr_slice_equal(node->text, MR_S("current_date")))
        mr_buf_append(translation->out, node->text);
    else if (type != NULL && type->kind != SQL_VARCHAR)
        mr_buf_printf(translation->out, "mr_round_fraction(%.*s, %d)",
                      MR_ARG(athena_time_zoned(type) ? MR_S("localtime") : node->text),
                      type->precision);
    else if (translation->resolver->session != NULL)
        athena_emit_string(translation,
                           translation->resolver->session(translation->resolver->ctx, node->text));
    else
        athena_translate_fail(translation, node, "NOT_SUPPORTED", "%.*s is not supported",
                              MR_ARG(node->text));
}

/* ---- operators ---- */

static void emit_between(struct athena_translation *translation, const struct athena_node *node,
                         const char *before, const char *middle, const char *after)
{
    athena_emit_text(translation, before);
    athena_emit(translation, node->left);
    athena_emit_text(translation, middle);
    athena_emit(translation, node->right);
    athena_emit_text(translation, after);
}

/* ---- arithmetic ---- */

static bool is_kind(const struct athena_node *node, enum athena_sql_kind kind)
{
    return node->type != NULL && node->type->kind == kind;
}

/* What a date can be moved by. */
static bool is_whole_days(const struct athena_node *interval)
{
    static const struct {
        const char *unit;
        int64_t in_a_day;
    } units[] = {{"hour", 24}, {"minute", 24 * 60}, {"second", 24 * 60 * 60}};
    int64_t count = 0;
    for (size_t i = 0; i < MR_COUNT(units); i++) {
        if (mr_slice_equal(interval->name, mr_slice_cstr(units[i].unit)))
            return mr_slice_to_i64(interval->text, &count) == MR_OK &&
                   count % units[i].in_a_day == 0;
    }
    return true;
}

/* date + interval stays a date in Trino; DuckDB would make it a timestamp. */
static bool emit_interval_sum(struct athena_translation *translation,
                              const struct athena_node *node)
{
    const bool plus = mr_slice_equal(node->text, MR_S("+"));
    const bool minus = mr_slice_equal(node->text, MR_S("-"));
    const struct athena_node *interval = node->right, *moment = node->left;
    if (plus && node->left->kind == AST_INTERVAL) {
        interval = node->left;
        moment = node->right;
    }
    if ((!plus && !minus) || interval->kind != AST_INTERVAL || moment->kind == AST_INTERVAL ||
        is_kind(moment, SQL_TIME) || is_kind(moment, SQL_TIME_TZ) ||
        is_kind(moment, SQL_INTERVAL_DAY) || is_kind(moment, SQL_INTERVAL_YEAR) ||
        interval->number > 0)
        return false;
    if (is_kind(moment, SQL_DATE) && !is_whole_days(interval)) {
        static const struct athena_node nowhere;
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT", "%s",
                              minus ? "Cannot subtract hour, minutes or seconds from a date"
                                    : "Cannot add hour, minutes or seconds to a date");
        return true;
    }
    mr_buf_printf(translation->out, "mr_date_add('%.*s', CAST(%s%.*s AS BIGINT), ",
                  MR_ARG(interval->name), minus ? "- " : "", MR_ARG(interval->text));
    athena_emit(translation, moment);
    athena_emit_text(translation, ")");
    return true;
}

static void emit_decimal(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *type)
{
    const struct athena_node *sides[] = {node->left, node->right};
    const char sign = node->text.ptr[0];
    athena_emit_text(translation, "CAST((");
    for (size_t i = 0; i < 2; i++) {
        struct athena_sqltype wide = {.kind = SQL_DECIMAL, .precision = 38, .scale = type->scale};
        const struct athena_sqltype *own = sides[i]->type;
        if (i > 0)
            mr_buf_printf(translation->out, " %c ", sign);
        /* Beyond 18 digits DuckDB would not widen by itself. */
        if (sign == '*' && own != NULL)
            wide = (struct athena_sqltype){
                .kind = SQL_DECIMAL, .precision = i > 0 ? own->precision : 38, .scale = own->scale};
        if (sign == '*' && i > 0 && own != NULL && own->kind != SQL_DECIMAL)
            wide.precision = 19;
        if (type->precision > 18 && own != NULL)
            athena_emit_coerced(translation, sides[i], &wide);
        else
            athena_emit(translation, sides[i]);
    }
    athena_emit_text(translation, ") AS ");
    athena_sqltype_duck(translation->out, type);
    athena_emit_text(translation, ")");
}

static void emit_quotient(struct athena_translation *translation, const struct athena_node *node)
{
    const char *name = mr_slice_equal(node->text, MR_S("/")) ? "mr_div" : "mr_mod";
    const struct athena_sqltype *type = node->type;
    const bool decimal = type != NULL && type->kind == SQL_DECIMAL;
    if (type == NULL || decimal || athena_sqltype_is_number(type)) {
        athena_emit_text(translation, type != NULL ? "CAST(" : "");
        athena_emit_division(translation, name, node->left, node->right);
        if (type != NULL) {
            athena_emit_text(translation, " AS ");
            athena_sqltype_duck(translation->out, type);
            athena_emit_text(translation, ")");
        }
        return;
    }
    emit_between(translation, node, "(", " / ", ")");
}

static int depth_of(const struct athena_sqltype *type)
{
    int depth = 0;
    for (; type != NULL && type->kind == SQL_ARRAY; type = type->items[0])
        depth++;
    return depth;
}

/* Arrays take elements at both ends, which may be arrays themselves. */
const char *athena_array_adds(struct athena_translation *translation,
                              const struct athena_sqltype *left, const struct athena_sqltype *right)
{
    const int ours = depth_of(left), theirs = depth_of(right);
    const bool alike =
        ours > 0 && theirs > 0 && athena_sqltype_common(translation->arena, left, right) != NULL;
    return alike || ours == theirs ? NULL : ours > theirs ? "list_append" : "list_prepend";
}

static void emit_joined(struct athena_translation *translation, const struct athena_node *node)
{
    const char *adds = node->type == NULL
                           ? NULL
                           : athena_array_adds(translation, node->left->type, node->right->type);
    if (adds != NULL)
        athena_emit_text(translation, adds);
    emit_between(translation, node, "(", adds != NULL ? ", " : " || ", ")");
}

static bool is_comparison(struct mr_slice text)
{
    return mr_byte_in(text.ptr[0], "=<>!");
}

static bool is_moment(const struct athena_node *node)
{
    return node->type != NULL && node->type->kind >= SQL_DATE &&
           node->type->kind <= SQL_TIMESTAMP_TZ;
}

static void emit_sum(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *type = node->type;
    const bool number = type != NULL && athena_sqltype_is_number(type);
    if (is_kind(node, SQL_INTERVAL_DAY) && is_kind(node->left, SQL_DATE) &&
        is_kind(node->right, SQL_DATE)) {
        emit_between(translation, node, "to_days(CAST((", " - ", ") AS INTEGER))");
        return;
    }
    if (is_kind(node, SQL_INTERVAL_DAY) && is_moment(node->left) && is_moment(node->right)) {
        emit_between(translation, node, "mr_whole_milliseconds(epoch_us(", ") - epoch_us(", "))");
        return;
    }
    if (is_kind(node, SQL_DATE)) { /* + or - an interval that is computed */
        const bool date_first = is_kind(node->left, SQL_DATE);
        athena_emit_text(translation, date_first ? "CAST((" : "CAST((mr_days(");
        athena_emit(translation, node->left);
        mr_buf_printf(translation->out, date_first ? " %.*s mr_days(" : ") %.*s ",
                      MR_ARG(node->text));
        athena_emit(translation, node->right);
        athena_emit_text(translation, date_first ? ")) AS DATE)" : ") AS DATE)");
        return;
    }
    athena_emit_text(translation, "(");
    athena_emit_operand(translation, node->left, number ? type : NULL);
    mr_buf_printf(translation->out, " %.*s ", MR_ARG(node->text));
    athena_emit_operand(translation, node->right, number ? type : NULL);
    athena_emit_text(translation, ")");
}

static void emit_operator(struct athena_translation *translation, const struct athena_node *node)
{
    const char sign = node->text.ptr[0];
    if (is_comparison(node->text)) {
        athena_emit_comparison(translation, node);
    } else if (sign == '|') {
        emit_joined(translation, node);
    } else if (sign == '/' || sign == '%') {
        emit_quotient(translation, node);
    } else if (emit_interval_sum(translation, node)) {
        return;
    } else if (is_kind(node, SQL_DECIMAL)) {
        emit_decimal(translation, node, node->type);
    } else {
        emit_sum(translation, node);
    }
}

static void emit_written(struct athena_translation *translation, const struct athena_node *query)
{
    const struct athena_translated *translated = athena_infer_query(translation, query);
    if (translated != NULL)
        mr_buf_append(translation->out, translated->sql);
}

static void emit_case(struct athena_translation *translation, const struct athena_node *node)
{
    const bool apart = node->left != NULL && athena_compares_apart(node->left);
    athena_emit_text(translation, "CASE");
    if (node->left != NULL && !apart) {
        athena_emit_text(translation, " ");
        athena_emit(translation, node->left);
    }
    for (const struct athena_node *when = node->items; when != NULL; when = when->next) {
        athena_emit_text(translation, " WHEN ");
        if (apart)
            athena_emit_equality(translation, node->left, when->left);
        else
            athena_emit_condition(translation, when->left);
        athena_emit_text(translation, " THEN ");
        athena_emit_padded(translation, when->right, node->type);
    }
    if (node->right != NULL) {
        athena_emit_text(translation, " ELSE ");
        athena_emit_padded(translation, node->right, node->type);
    }
    athena_emit_text(translation, " END");
}

static void emit_lambda(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "lambda ");
    athena_emit_list(translation, node->items);
    athena_emit_text(translation, ": ");
    athena_emit(translation, node->left);
}

static void emit_map_key(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "mr_map_key(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, ", ");
    athena_emit_padded(translation, node->right, node->left->type->items[0]);
    athena_emit_text(translation, ")");
}

static void emit_subscript(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *base = node->left->type;
    if (base == NULL || base->count == 0)
        emit_between(translation, node, "(", ")[", "]");
    else if (base->kind == SQL_ARRAY)
        emit_between(translation, node, "mr_subscript(", ", CAST(", " AS BIGINT))");
    else if (base->kind == SQL_MAP)
        emit_map_key(translation, node);
    else
        emit_between(translation, node, "struct_extract_at(", ", ", ")");
}

static void emit_extract(struct athena_translation *translation, const struct athena_node *node)
{
    static const char *const fields[] = {
        "year",          "quarter",        "month", "week",   "day",
        "day_of_month",  "day_of_week",    "dow",   "doy",    "day_of_year",
        "yow",           "year_of_week",   "hour",  "minute", "second",
        "timezone_hour", "timezone_minute"};
    for (size_t i = 0; i < MR_COUNT(fields); i++) {
        if (mr_slice_equal(node->text, mr_slice_cstr(fields[i]))) {
            struct athena_node argument = *node->left, call = *node;
            argument.next = NULL;
            call.kind = AST_CALL;
            call.inferred = false;
            call.items = &argument;
            call.left = NULL;
            athena_emit_call(translation, &call);
            return;
        }
    }
    athena_translate_fail(translation, node, "SYNTAX_ERROR", "Invalid EXTRACT field: %.*s",
                          MR_ARG(node->text));
}

static void emit_wrapped(struct athena_translation *translation, const char *before,
                         const struct athena_node *node, const char *after)
{
    athena_emit_text(translation, before);
    athena_emit(translation, node);
    athena_emit_text(translation, after);
}

static void emit_items(struct athena_translation *translation, const char *before,
                       const struct athena_node *node, const char *after)
{
    athena_emit_text(translation, before);
    athena_emit_list(translation, node->items);
    athena_emit_text(translation, after);
}

static void emit_array(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *type =
        node->type != NULL && node->type->count == 1 ? node->type->items[0] : NULL;
    athena_emit_text(translation, "[");
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        athena_emit_text(translation, item != node->items ? ", " : "");
        athena_emit_padded(translation, item, type);
    }
    athena_emit_text(translation, "]");
}

static void emit_query_in(struct athena_translation *translation, const char *before,
                          const struct athena_node *query)
{
    athena_emit_text(translation, before);
    emit_written(translation, query);
    athena_emit_text(translation, ")");
}

/* Several columns are one row. */
static void emit_scalar_query(struct athena_translation *translation,
                              const struct athena_node *node)
{
    const struct athena_translated *query = athena_infer_query(translation, node->left);
    const size_t columns = query == NULL || query->fields.open ? 1 : query->fields.count;
    if (columns < 2) {
        emit_query_in(translation, "(", node->left);
        return;
    }
    athena_emit_text(translation, "(SELECT struct_pack(");
    for (size_t i = 0; i < columns; i++) {
        struct mr_slice name = query->fields.list[i].name;
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation,
                         name.len > 0 ? name : mr_arena_printf(translation->arena, "field%zu", i));
        mr_buf_printf(translation->out, " := _mr_%zu", i);
    }
    emit_query_in(translation, ") FROM (", node->left);
    athena_emit_text(translation, " AS _mr_row(");
    for (size_t i = 0; i < columns; i++)
        mr_buf_printf(translation->out, i > 0 ? ", _mr_%zu" : "_mr_%zu", i);
    athena_emit_text(translation, "))");
}

static void emit_literal(struct athena_translation *translation, const struct athena_node *node)
{
    switch (node->kind) {
    case AST_NULL: athena_emit_text(translation, "NULL"); break;
    case AST_STRING: athena_emit_string(translation, node->text); break;
    case AST_BINARY: emit_binary(translation, node); break;
    case AST_TYPED: emit_typed(translation, node); break;
    case AST_INTERVAL:
        if (node->number > 0) { /* made of several units */
            mr_buf_printf(translation->out, "(%.*s)", MR_ARG(node->text));
            break;
        }
        mr_buf_printf(translation->out, "(INTERVAL (%.*s) %.*s)", MR_ARG(node->text),
                      MR_ARG(node->name));
        break;
    case AST_DECIMAL:
        /* "1." and ".5" as Trino counts their digits */
        if (node->type != NULL) {
            athena_emit_text(translation, "CAST(");
            athena_emit_string(translation, node->text);
            athena_emit_text(translation, " AS ");
            athena_sqltype_duck(translation->out, node->type);
            athena_emit_text(translation, ")");
            break;
        }
        mr_buf_append(translation->out, node->text);
        break;
    default: /* digits and TRUE, FALSE as the lexer cut them */
        mr_buf_append(translation->out, node->text);
        break;
    }
}

static void emit_compound(struct athena_translation *translation, const struct athena_node *node)
{
    switch (node->kind) {
    case AST_IN: athena_emit_in(translation, node); break;
    case AST_BETWEEN: athena_emit_between(translation, node); break;
    case AST_LIKE: athena_emit_like(translation, node); break;
    case AST_IS_NULL:
        emit_wrapped(translation, "(", node->left,
                     node->flags & AST_NEGATED ? " IS NOT NULL)" : " IS NULL)");
        break;
    case AST_IS_DISTINCT: athena_emit_distinct(translation, node); break;
    case AST_QUANTIFIED: athena_emit_quantified(translation, node); break;
    case AST_CASE: emit_case(translation, node); break;
    case AST_CAST: athena_emit_cast(translation, node); break;
    case AST_SUBQUERY: emit_scalar_query(translation, node); break;
    case AST_EXISTS: emit_query_in(translation, "EXISTS (", node->left); break;
    case AST_ARRAY: emit_array(translation, node); break;
    case AST_ROW: emit_items(translation, "row(", node, ")"); break;
    case AST_LAMBDA: emit_lambda(translation, node); break;
    case AST_COERCE: athena_emit_coerced(translation, node->left, node->type); break;
    case AST_EXTRACT: emit_extract(translation, node); break;
    case AST_PAIR: athena_emit_pair(translation, node->left); break;
    case AST_JSON: athena_emit_json(translation, node); break;
    default:
        athena_translate_fail(translation, node, "SYNTAX_ERROR", "an expression is expected here");
        break;
    }
}

void athena_emit(struct athena_translation *translation, const struct athena_node *node)
{
    if (athena_translate_failed(translation))
        return;
    if (translation->out->len > ATHENA_SQL_BYTES_MAX) {
        athena_translate_fail(translation, node, "QUERY_TEXT_TOO_LARGE", "Query text is too large");
        return;
    }
    const size_t start = translation->out->len;
    const bool chosen = athena_zone_chosen(node), row = chosen || athena_zone_stored(node);
    athena_emit_text(translation, row ? "struct_extract(" : "");
    if (chosen)
        athena_emit_packed(translation, node);
    else
        athena_emit_stored(translation, node);
    athena_emit_text(translation, row ? ", 't')" : "");
    if (translation->groups.inside)
        athena_groups_settle(translation, node, start);
}

static void emit_name(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *widened = athena_names_widened(translation, node->text);
    athena_emit_text(translation, widened != NULL ? "CAST(" : "");
    athena_emit_name(translation, node->text);
    if (widened != NULL) {
        athena_emit_text(translation, " AS ");
        athena_sqltype_duck(translation->out, widened);
        athena_emit_text(translation, ")");
    }
}

/* A column by its relation and name, however it was written. False: it is none. */
static bool emit_known(struct athena_translation *translation, const struct athena_node *node)
{
    const bool dot =
        node->kind == AST_DOT && (node->left->kind == AST_NAME || node->left->kind == AST_DOT);
    const struct athena_relation *relation =
        node->kind != AST_NAME && !dot
            ? NULL
            : athena_names_relation(translation, dot ? node->left->text : MR_S(""), node->text);
    if (relation == NULL)
        return false;
    athena_emit_name(translation, relation->duck_name);
    athena_emit_text(translation, ".");
    athena_emit_name(translation, mr_arena_lower(translation->arena, node->text));
    return true;
}

void athena_emit_stored(struct athena_translation *translation, const struct athena_node *node)
{
    if (translation->groups.known && emit_known(translation, node))
        return;
    switch (node->kind) {
    case AST_NAME: emit_name(translation, node); break;
    case AST_DOT: emit_dot(translation, node); break;
    case AST_STAR: emit_star(translation, node); break;
    case AST_UTC: athena_emit_utc(translation, node); break;
    case AST_PARAMETER: emit_parameter(translation, node); break;
    case AST_CURRENT: emit_current(translation, node); break;
    case AST_CALL: athena_emit_call(translation, node); break;
    case AST_OPERATOR: emit_operator(translation, node); break;
    case AST_MINUS: emit_wrapped(translation, "(- ", node->left, ")"); break;
    case AST_NOT: emit_wrapped(translation, "(NOT ", node->left, ")"); break;
    case AST_AND:
    case AST_OR: athena_emit_logic(translation, node); break;
    case AST_SUBSCRIPT: emit_subscript(translation, node); break;
    default:
        if (node->kind <= AST_INTERVAL)
            emit_literal(translation, node);
        else
            emit_compound(translation, node);
        break;
    }
}

bool athena_translate_expression(struct athena_translation *translation,
                                 const struct athena_node *node)
{
    athena_emit(translation, node);
    return !athena_translate_failed(translation);
}
