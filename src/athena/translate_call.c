/* Calls: templates, and the functions whose arguments must be looked at. */
#include "athena/functions.h"
#include "athena/translate_call.h"
#include "athena/translate_json.h"

/* ---- templates ---- */

const struct athena_node *athena_call_argument(const struct athena_node *call, size_t index)
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
        athena_emit_condition(translation, call->left);
        athena_emit_text(translation, ")");
    }
    if (call->right != NULL) {
        athena_emit_text(translation, " OVER ");
        athena_emit_window(translation, call->right);
    }
}

/* A moment shown in a zone is looked at there, by functions that take it apart. */
void athena_call_emit(struct athena_translation *translation, const struct athena_node *call,
                      const struct athena_node *node)
{
    const bool local = athena_has_zone(node->type) && call->function != NULL &&
                       call->function->types != NULL &&
                       strstr(call->function->types, "moment") != NULL &&
                       !mr_slice_equal(call->text, MR_S("to_unixtime"));
    if (local)
        athena_emit_local(translation, node);
    else
        athena_emit(translation, node);
}

static void emit_arguments(struct athena_translation *translation, const struct athena_node *call)
{
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_call_emit(translation, call, item);
        if (item->next != NULL)
            athena_emit_text(translation, ", ");
    }
}

/* How wide the first argument is. */
static void emit_bits(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = athena_call_argument(call, 0)->type;
    athena_emit_text(translation, type == NULL || type->kind == SQL_BIGINT ? "64"
                                  : type->kind == SQL_INTEGER              ? "32"
                                  : type->kind == SQL_SMALLINT             ? "16"
                                                                           : "8");
}

void athena_call_template(struct athena_translation *translation, const struct athena_node *call,
                          const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '$') {
            mr_buf_byte(translation->out, *at);
            continue;
        }
        at++;
        if (*at >= '1' && *at <= '9')
            athena_call_emit(translation, call, athena_call_argument(call, (size_t)(*at - '1')));
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

const struct athena_node *athena_call_string(struct athena_translation *translation,
                                             const struct athena_node *call, size_t index)
{
    const struct athena_node *node = athena_call_argument(call, index);
    if (node->kind == AST_PARAMETER && node->number < translation->parameter_count)
        node = translation->parameters[node->number];
    if (node->kind == AST_STRING)
        return node;
    athena_translate_fail(translation, call, "NOT_SUPPORTED",
                          "argument %zu of %.*s must be a string literal", index + 1,
                          MR_ARG(call->text));
    return NULL;
}

/* ---- JSON ---- */

/* The path may be any text; one that is written is looked at before anything runs. */
static void emit_json_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *path = athena_call_argument(call, 1);
    const bool scalar = mr_slice_equal(call->text, MR_S("json_extract_scalar"));
    const bool size = mr_slice_equal(call->text, MR_S("json_size"));
    if (path->kind == AST_PARAMETER && path->number < translation->parameter_count)
        path = translation->parameters[path->number];
    if (path->kind == AST_STRING && !athena_json_is_path(path->text)) {
        athena_translate_fail(translation, path, "INVALID_FUNCTION_ARGUMENT",
                              "Invalid JSON path: '%.*s'", MR_ARG(path->text));
        return;
    }
    athena_emit_text(translation, scalar ? "" : "CAST(");
    athena_call_template(translation, call, "mr_json_get(CAST($1 AS VARCHAR), $2, ");
    mr_buf_printf(translation->out, "%d)",
                  scalar ? JSON_GET_SCALAR
                  : size ? JSON_GET_SIZE
                         : JSON_GET_VALUE);
    athena_emit_text(translation, scalar ? "" : size ? " AS BIGINT)" : " AS JSON)");
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
    const bool floating =
        call->type != NULL && (call->type->kind == SQL_DOUBLE || call->type->kind == SQL_REAL);
    athena_emit_text(translation, floating ? " THEN coalesce(" : " THEN ");
    mr_buf_printf(translation->out, "%.*s(", MR_ARG(call->text));
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit_text(translation, floating ? "nullif(" : "");
        athena_emit(translation, item);
        athena_emit_text(translation, floating ? ", 'nan')" : "");
        athena_emit_text(translation, item->next != NULL ? ", " : ")");
    }
    athena_emit_text(translation, floating ? ", 'nan') END" : " END");
}

static void emit_concat(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *first = athena_call_argument(call, 0),
                             *second = athena_call_argument(call, 1);
    const bool arrays = call->type != NULL && call->type->kind == SQL_ARRAY;
    const char *adds = arrays && second->next == NULL
                           ? athena_array_adds(translation, first->type, second->type)
                           : NULL;
    if (adds != NULL) {
        athena_emit_text(translation, adds);
        athena_call_template(translation, call, "($1, $2)");
        return;
    }
    athena_emit_text(translation, "(");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        athena_emit(translation, item);
        athena_emit_text(translation, item->next != NULL ? " || " : ")");
    }
}

/* DuckDB's function takes nothing but a constant. */
static const char *join_with(const struct athena_node *separator)
{
    return separator->kind == AST_STRING ? "array_to_string(" : "mr_join(";
}

static void emit_concat_ws(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_text(translation, "CASE WHEN ");
    athena_call_template(translation, call, "$1 IS NOT NULL AND $2 IS NOT NULL THEN coalesce(");
    athena_emit_text(translation, join_with(athena_call_argument(call, 0)));
    athena_call_template(translation, call, "$2, $1), '') END");
}

/* Items become texts as a cast makes them. */
static void emit_array_join(struct athena_translation *translation, const struct athena_node *call)
{
    static const struct athena_node text = {.kind = AST_TYPE, .text = MR_S_INIT("varchar")};
    const struct athena_node texts = {
        .kind = AST_TYPE, .text = MR_S("array"), .items = (struct athena_node *)(uintptr_t)&text};
    const struct athena_node *array = athena_call_argument(call, 0);
    const struct athena_node cast = {.kind = AST_CAST,
                                     .left = (struct athena_node *)(uintptr_t)array,
                                     .items = (struct athena_node *)(uintptr_t)&texts};
    const bool filled = athena_call_argument(call, 2) != NULL;
    const struct athena_sqltype *item =
        array->type != NULL && array->type->kind == SQL_ARRAY ? array->type->items[0] : NULL;
    if (item != NULL && item->kind != SQL_UNKNOWN &&
        !athena_sqltype_casts(item, athena_sqltype_simple(SQL_VARCHAR))) {
        athena_translate_fail(translation, call, "INVALID_FUNCTION_ARGUMENT",
                              "Input type %.*s not supported",
                              MR_ARG(athena_sqltype_text(translation->arena, array->type)));
        return;
    }
    athena_call_template(translation, call,
                         filled ? "CASE WHEN $2 IS NOT NULL AND $3 IS NOT NULL AND $1 IS NOT NULL "
                                  "THEN coalesce("
                                : "CASE WHEN $2 IS NOT NULL AND $1 IS NOT NULL THEN coalesce(");
    athena_emit_text(translation, join_with(athena_call_argument(call, 1)));
    athena_emit_text(translation, filled ? "list_transform(" : "");
    athena_emit_cast(translation, &cast);
    athena_call_template(translation, call,
                         filled ? ", lambda mr_x: coalesce(mr_x, $3)), $2), '') END"
                                : ", $2), '') END");
}

/* ---- lambdas ---- */

bool athena_call_names(struct athena_translation *translation, const struct athena_node *call,
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
void athena_call_body(struct athena_translation *translation, const struct athena_node *lambda,
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
    const struct athena_node *lambda = athena_call_argument(call, 1);
    struct mr_slice names[2];
    if (!athena_call_names(translation, call, lambda, 2, names))
        return;
    athena_call_template(translation, call,
                         "list_reduce(list_transform($1, lambda mr_x: [mr_x]), lambda "
                         "mr_s, mr_n: list_concat(list_concat(list_filter(mr_s, lambda "
                         "mr_y: ");
    athena_call_body(translation, lambda, names, values, 2);
    athena_emit_text(translation, " <= 0), mr_n), list_filter(mr_s, lambda mr_y: ");
    athena_call_body(translation, lambda, names, values, 2);
    athena_emit_text(translation, " > 0)))");
}

/* Elements and the state go through list_reduce as rows, since it knows only one type. */
static void emit_reduce(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"struct_extract_at(mr_a, 1)",
                                         "struct_extract_at(mr_b, 2)"};
    const bool aggregate = mr_slice_equal(call->text, MR_S("reduce_agg"));
    const struct athena_node *start = athena_call_argument(call, 1),
                             *step = athena_call_argument(call, 2);
    const struct athena_sqltype *list = athena_call_argument(call, 0)->type, *state = start->type;
    struct mr_slice names[2];
    if (!aggregate && list != NULL && list->kind == SQL_ARRAY)
        list = list->items[0];
    if (!athena_call_names(translation, call, step, 2, names))
        return;
    if (!athena_sqltype_known(list) || !athena_sqltype_known(state)) {
        athena_call_template(translation, call,
                             aggregate ? "list_reduce(mr_values(list($1$)), $3, $2)"
                                       : "list_transform([list_reduce($1, $3, $2)], $4)[1]");
        return;
    }
    const bool own = list->kind == SQL_UNKNOWN;
    athena_emit_text(translation, aggregate ? "" : "list_transform([");
    athena_emit_text(translation, "struct_extract_at(list_reduce(list_transform(");
    athena_call_template(translation, call, aggregate ? "mr_values(list($1$))" : "$1");
    athena_emit_text(translation, ", lambda mr_x: row(CAST(NULL AS ");
    athena_sqltype_duck(translation->out, state);
    athena_emit_text(translation, "), mr_x)), lambda mr_a, mr_b: row(CAST(");
    athena_call_body(translation, step, names, values, 2);
    athena_emit_text(translation, " AS ");
    athena_sqltype_duck(translation->out, state);
    athena_emit_text(translation, "), struct_extract_at(mr_b, 2)), row(");
    athena_call_template(translation, call, own ? "$2, NULL)), 1)" : "$2, CAST(NULL AS ");
    if (!own) {
        athena_sqltype_duck(translation->out, list);
        athena_emit_text(translation, "))), 1)");
    }
    if (!aggregate)
        athena_call_template(translation, call, "], $4)[1]");
}

static void emit_zip_with(struct athena_translation *translation, const struct athena_node *call)
{
    struct mr_slice names[2];
    static const char *const values[] = {"struct_extract_at(mr_z, 1)",
                                         "struct_extract_at(mr_z, 2)"};
    if (!athena_call_names(translation, call, athena_call_argument(call, 2), 2, names))
        return;
    athena_call_template(
        translation, call,
        "list_transform(list_transform(generate_series(1, greatest(len($1), len($2))), "
        "lambda mr_i: row(($1)[mr_i], ($2)[mr_i])), lambda mr_z: ");
    athena_call_body(translation, athena_call_argument(call, 2), names, values, 2);
    athena_emit_text(translation, ")");
}

/* map_filter, transform_keys, transform_values. */
static void emit_map_lambda(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"mr_e.key", "mr_e.value"};
    const bool filter = mr_slice_equal(call->text, MR_S("map_filter"));
    const bool keys = mr_slice_equal(call->text, MR_S("transform_keys"));
    struct mr_slice names[2];
    if (!athena_call_names(translation, call, athena_call_argument(call, 1), 2, names))
        return;
    athena_call_template(translation, call,
                         filter ? "map_from_entries(list_filter(map_entries($1), "
                                  "lambda mr_e: "
                         : keys ? "map_from_entries(list_transform(map_entries($1), "
                                  "lambda mr_e: row("
                                : "map_from_entries(list_transform(map_entries($1), "
                                  "lambda mr_e: row(mr_e.key, ");
    athena_call_body(translation, athena_call_argument(call, 1), names, values, 2);
    athena_emit_text(translation, filter ? "))" : keys ? ", mr_e.value)))" : ")))");
}

static void emit_map_zip(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const values[] = {"struct_extract_at(mr_z, 1)", "struct_extract_at(mr_z, 2)",
                                         "struct_extract_at(mr_z, 3)"};
    struct mr_slice names[3];
    if (!athena_call_names(translation, call, athena_call_argument(call, 2), 3, names))
        return;
    athena_call_template(
        translation, call,
        "map_from_entries(list_transform(list_transform(mr_distinct(list_concat("
        "map_keys($1), map_keys($2))), lambda mr_k: row(mr_k, ($1)[mr_k], ($2)[mr_k])), "
        "lambda mr_z: row(struct_extract_at(mr_z, 1), ");
    athena_call_body(translation, athena_call_argument(call, 2), names, values, 3);
    athena_emit_text(translation, ")))");
}

/* Those whose greatest index is largest last, as Trino counts. */
static void emit_combinations(struct athena_translation *translation,
                              const struct athena_node *call)
{
    const struct athena_node *count = athena_call_argument(call, 1);
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
            athena_call_template(translation, call, "len($1)");
        else
            mr_buf_printf(translation->out, "mr_i%d - 1", (int)i + 1);
        mr_buf_printf(translation->out, "), lambda mr_i%d: ", (int)i);
    }
    athena_emit_text(translation, "[");
    for (int64_t i = 1; i <= n; i++) {
        athena_call_template(translation, call, i > 1 ? ", ($1)[" : "($1)[");
        mr_buf_printf(translation->out, "mr_i%d]", (int)i);
    }
    athena_emit_text(translation, "]");
    for (int64_t i = 1; i <= n; i++)
        athena_emit_text(translation, i > 1 ? "))" : ")");
}

/* ---- others ---- */

static bool is_moment(const struct athena_sqltype *type)
{
    return type != NULL && type->kind >= SQL_DATE && type->kind <= SQL_TIMESTAMP_TZ;
}

/* A moment in its zone, and how far that is from UTC then. */
static void emit_far(struct athena_translation *translation, const struct athena_node *item)
{
    athena_emit_zoned(translation, item);
    athena_emit_text(translation, " || ' ' || mr_far(");
    athena_emit_local(translation, item);
    athena_emit_text(translation, ", ");
    athena_emit(translation, item);
    athena_emit_text(translation, ")");
}

static void emit_format(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_text(translation, "mr_format(to_json([");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next) {
        const struct athena_sqltype *type = item->type;
        const bool floating = type != NULL && (type->kind == SQL_DOUBLE || type->kind == SQL_REAL);
        const bool zoned = athena_has_zone(type);
        athena_emit_text(translation, zoned ? "" : floating ? "mr_plain(" : "mr_text(");
        if (zoned)
            emit_far(translation, item);
        else
            athena_emit(translation, item);
        athena_emit_text(translation, zoned ? "" : ")");
        athena_emit_text(translation, item->next != NULL ? ", " : "");
    }
    athena_emit_text(translation, "]), '");
    for (const struct athena_node *item = call->items; item != NULL; item = item->next)
        athena_emit_text(translation, is_moment(item->type) ? "m" : "-");
    athena_emit_text(translation, "')");
}

/* The form may be a bare word. */
static void emit_normalize(struct athena_translation *translation, const struct athena_node *call)
{
    static const char *const forms[][2] = {{"NFC", "nfc_normalize($1)"},
                                           {"NFD", "mr_nfd($1)"},
                                           {"NFKC", "mr_nfkc($1)"},
                                           {"NFKD", "mr_nfkd($1)"}};
    const struct athena_node *form = athena_call_argument(call, 1);
    for (size_t i = 0; i < MR_COUNT(forms); i++) {
        if (mr_slice_equal_nocase(form->text, mr_slice_cstr(forms[i][0]))) {
            athena_call_template(translation, call, forms[i][1]);
            return;
        }
    }
    athena_translate_fail(translation, form, "NOT_SUPPORTED",
                          "the form %.*s of normalize is not supported", MR_ARG(form->text));
}

static void emit_nullif(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *first = athena_call_argument(call, 0);
    if (!athena_compares_apart(first)) {
        athena_call_template(translation, call, "nullif($1, $2)");
        return;
    }
    athena_emit_text(translation, "CASE WHEN ");
    athena_emit_equality(translation, first, athena_call_argument(call, 1));
    athena_call_template(translation, call, " THEN NULL ELSE $1 END");
}

/* AWS: who runs the query. */
static void emit_invoker(struct athena_translation *translation, const struct athena_node *call)
{
    struct athena_node user = {.kind = AST_CURRENT,
                               .text = MR_S("current_user"),
                               .line = call->line,
                               .column = call->column};
    athena_emit(translation, &user);
}

static void emit_typeof(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = athena_call_argument(call, 0)->type;
    if (type == NULL)
        athena_call_template(translation, call, "mr_typeof($1)");
    else
        athena_emit_string(translation, athena_sqltype_text(translation->arena, type));
}

/* at_timezone, with_timezone, timezone_hour and timezone_minute. */
static void emit_zone_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *moment = athena_call_argument(call, 0);
    const bool hour = mr_slice_equal(call->text, MR_S("timezone_hour"));
    if (mr_slice_equal(call->text, MR_S("at_timezone"))) {
        athena_call_template(translation, call,
                             athena_zone_beside(call->type) ? "CASE WHEN $2 IS NOT NULL THEN $1 END"
                                                            : "$1");
    } else if (mr_slice_equal(call->text, MR_S("with_timezone"))) {
        athena_call_template(translation, call, "mr_zone_instant(mr_zone_name($2), $1)");
    } else if (athena_time_zoned(moment->type)) {
        athena_emit_time_zone(translation, call);
    } else if (!athena_has_zone(moment->type)) {
        athena_emit_text(translation, "CAST(0 AS BIGINT)");
    } else {
        athena_emit_text(translation, "(CAST(epoch(");
        athena_emit_local(translation, moment);
        athena_call_template(translation, call, ") - epoch($1) AS BIGINT)");
        athena_emit_text(translation, hour ? " // 3600)" : " // 60 % 60)");
    }
}

/* Of decimals: fewer rows than could bring a narrow one there are not. */
static void emit_sum(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = athena_call_argument(call, 0)->type;
    const bool wide = type != NULL && type->kind == SQL_DECIMAL && type->precision > 28;
    athena_call_template(translation, call, wide ? "mr_digits38(sum($D$1$))" : "sum($D$1$)");
}

/* Of decimals, exactly: the sum by the count, rounded half up. */
static void emit_average(struct athena_translation *translation, const struct athena_node *call)
{
    struct mr_buf text = {0}, *out = translation->out;
    translation->out = &text;
    athena_call_template(translation, call, "sum($D$1$), CAST(count($D$1$) AS DECIMAL(19,0)), ");
    translation->out = out;
    const size_t number = athena_division_number(translation, mr_buf_slice(&text));
    mr_buf_printf(out, "CAST(mr_div/*%zu*/(%.*s%zu) AS ", number, MR_ARG(mr_buf_slice(&text)),
                  number);
    mr_buf_fini(&text);
    athena_sqltype_duck(translation->out, call->type);
    athena_emit_text(translation, ")");
}

static void emit_weighted(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *share = athena_call_argument(call, 2);
    const bool several = share->type != NULL && share->type->kind == SQL_ARRAY;
    const struct athena_sqltype *type = several ? call->type->items[0] : call->type;
    athena_call_template(translation, call,
                         "list_transform([row(list(CAST($1 AS DOUBLE)$), list(CAST($2 AS "
                         "DOUBLE)$))], lambda mr_p: ");
    athena_call_template(translation, call,
                         several ? "list_transform($3, lambda mr_q: CAST(" : "CAST(");
    athena_emit_text(translation, type->kind == SQL_BIGINT ? "round(" : "(");
    athena_call_template(translation, call,
                         several ? "mr_weighted(struct_extract_at(mr_p, 1), struct_extract_at("
                                   "mr_p, 2), mr_q)) AS "
                                 : "mr_weighted(struct_extract_at(mr_p, 1), struct_extract_at("
                                   "mr_p, 2), CAST($3 AS DOUBLE))) AS ");
    athena_sqltype_duck(translation->out, type);
    athena_emit_text(translation, several ? ")))[1]" : "))[1]");
}

/* The value whose rank is the share of the rows, exactly: what a t-digest gives for few rows.
 * DuckDB's quantile of the falling order, by its negative share, rounds ranks that way. */
static void emit_percentile(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *share = athena_call_argument(call, 1);
    if (athena_call_argument(call, 2) != NULL) {
        emit_weighted(translation, call);
        return;
    }
    const bool several = share->type != NULL && share->type->kind == SQL_ARRAY;
    while (share->kind == AST_COERCE)
        share = share->left;
    const bool written = (share->kind == AST_DECIMAL || share->kind == AST_DOUBLE) &&
                         share->text.len < 18 && share->text.ptr[0] != '1';
    if (written) {
        mr_buf_printf(translation->out, "quantile_disc(CAST(");
        athena_call_template(translation, call, "$1 AS $T), CAST(-1 + CAST(");
        mr_buf_append(translation->out, share->text);
        athena_call_template(translation, call, " AS DECIMAL(18,15)) AS DECIMAL(18,15))$)");
        return;
    }
    athena_call_template(translation, call,
                         "list_transform([list_sort(list_filter(list($1$), lambda mr_x: "
                         "mr_x IS NOT NULL))], lambda mr_l: ");
    athena_call_template(translation, call,
                         several ? "CASE WHEN len(mr_l) > 0 THEN list_transform($2, lambda mr_q: "
                                   "mr_ranked(mr_l, CAST(mr_q AS DOUBLE))) END)[1]"
                                 : "mr_ranked(mr_l, CAST($2 AS DOUBLE)))[1]");
}

static void emit_listagg(struct athena_translation *translation, const struct athena_node *call)
{
    const bool separated = call->items->next != NULL;
    if ((call->flags & AST_TRUNCATE) == 0) {
        athena_call_template(translation, call,
                             separated ? "mr_listagg(string_agg($D$1, $2$))"
                                       : "mr_listagg(string_agg($D$1, ''$))");
        return;
    }
    athena_call_template(translation, call,
                         separated ? "mr_listagg_cut(list($D$1$), $2, "
                                   : "mr_listagg_cut(list($D$1$), '', ");
    athena_emit_string(translation, call->name);
    athena_emit_text(translation, call->number > 0 ? ", true)" : ", false)");
}

/* The bytes of a value that Trino hashes. NULL: values of this type have none here. */
static const char *hashed_bytes(const struct athena_sqltype *type)
{
    switch (type->kind) {
    case SQL_BOOLEAN:
    case SQL_TINYINT:
    case SQL_SMALLINT:
    case SQL_INTEGER:
    case SQL_BIGINT: return "mr_reverse(mr_to_big_endian(CAST($1 AS BIGINT), 8))";
    case SQL_DATE: return "mr_reverse(mr_to_big_endian(CAST(epoch($1) // 86400 AS BIGINT), 8))";
    case SQL_TIMESTAMP: return "mr_reverse(mr_to_big_endian(epoch_us($1), 8))";
    case SQL_DOUBLE: return "mr_reverse(mr_to_ieee754_64($1 + 0e0))";
    case SQL_VARCHAR: return "encode($1)";
    case SQL_VARBINARY: return "$1";
    case SQL_UNKNOWN: return "CAST($1 AS BLOB)";
    default: return NULL;
    }
}

/* The sum of the values' hashes, which is of 64 bits. */
static void emit_checksum(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_sqltype *type = athena_call_argument(call, 0)->type;
    const char *bytes = type == NULL ? NULL : hashed_bytes(type);
    if (bytes == NULL) {
        athena_translate_fail(translation, call, "NOT_SUPPORTED",
                              "checksum of such values is not supported");
        return;
    }
    athena_emit_text(translation, "mr_wrapped(sum(coalesce(mr_checksum_part(");
    athena_call_template(translation, call, bytes);
    athena_call_template(translation, call, "), -7046029288634856825)$))");
}

static void emit_modulus(struct athena_translation *translation, const struct athena_node *call)
{
    athena_emit_division(translation, "mr_mod", athena_call_argument(call, 0),
                         athena_call_argument(call, 1));
}

static void emit_special(struct athena_translation *translation, const struct athena_node *call)
{
    static const struct {
        const char *name;
        void (*emit)(struct athena_translation *translation, const struct athena_node *call);
    } specials[] = {{"sum", emit_sum},
                    {"avg", emit_average},
                    {"greatest", emit_extreme},
                    {"least", emit_extreme},
                    {"concat", emit_concat},
                    {"array_join", emit_array_join},
                    {"concat_ws", emit_concat_ws},
                    {"coalesce", athena_emit_coalesce},
                    {"mod", emit_modulus},
                    {"listagg", emit_listagg},
                    {"checksum", emit_checksum},
                    {"approx_percentile", emit_percentile},
                    {"regexp_replace", athena_emit_regexp_replace},
                    {"regexp_like", athena_emit_regexp_like},
                    {"json_extract", emit_json_call},
                    {"json_extract_scalar", emit_json_call},
                    {"json_size", emit_json_call},
                    {"date_add", athena_emit_date_call},
                    {"date_diff", athena_emit_date_call},
                    {"date_trunc", athena_emit_date_call},
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
                    {"invoker_principal", emit_invoker},
                    {"nullif", emit_nullif},
                    {"to_iso8601", athena_emit_iso_call},
                    {"at_timezone", emit_zone_call},
                    {"with_timezone", emit_zone_call},
                    {"timezone_hour", emit_zone_call},
                    {"timezone_minute", emit_zone_call},
                    {"date_format", athena_emit_format_call},
                    {"date_parse", athena_emit_parse_call},
                    {"format_datetime", athena_emit_format_call},
                    {"parse_datetime", athena_emit_parse_call}};
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
    else if (call->right != NULL && (call->flags & AST_DISTINCT) != 0)
        athena_translate_fail(translation, call, "NOT_SUPPORTED",
                              "DISTINCT in window function parameters not yet supported: %.*s",
                              MR_ARG(call->text));
    else if (call->right != NULL && call->order != NULL)
        athena_translate_fail(translation, call, "NOT_SUPPORTED",
                              "Window function with ORDER BY is not supported");
    return !athena_translate_failed(translation);
}

/* What takes some characters of a char(n) is a char(n), too, which has n. */
static bool fills(const struct athena_node *call)
{
    static const char *const names[] = {"substr", "trim", "ltrim", "rtrim"};
    for (size_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_slice_equal(call->text, mr_slice_cstr(names[i])))
            return call->type != NULL && call->type->kind == SQL_CHAR;
    }
    return false;
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
    const bool inside = translation->groups.inside;
    translation->groups.inside =
        inside && ((function->flags & ATHENA_AGGREGATE) == 0 || call->right != NULL);
    athena_emit_text(translation, fills(call) ? "rpad(" : "");
    if ((function->flags & ATHENA_SPECIAL) != 0) {
        emit_special(translation, call);
    } else if (function->text != NULL) {
        athena_call_template(translation, call, function->text);
    } else {
        mr_buf_append(translation->out, call->text);
        athena_call_template(translation, call,
                             (function->flags & ATHENA_AGGREGATE) != 0 ? "($D$*$)" : "($*)");
    }
    if (fills(call))
        mr_buf_printf(translation->out, ", %d, ' ')", call->type->precision);
    translation->groups.inside = inside;
}
