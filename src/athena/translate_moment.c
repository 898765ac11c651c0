/* Calls that add to dates and times, cut and format them. */
#include "athena/functions.h"
#include "athena/translate_call.h"

/* The unit of date_add and its like, in lower case; NULL: the error is set. */
static const char *unit_argument(struct athena_translation *translation,
                                 const struct athena_node *call)
{
    static const char *const units[] = {"millisecond", "second", "minute",  "hour", "day",
                                        "week",        "month",  "quarter", "year"};
    enum { DAY = 4 };
    const struct athena_node *node = athena_call_string(translation, call, 0);
    const size_t last = mr_slice_equal(call->text, MR_S("date_trunc")) ? 1 : 2;
    const struct athena_sqltype *type = athena_call_argument(call, last)->type;
    /* Days have no hours, and times no days. */
    const size_t first = type != NULL && type->kind == SQL_DATE ? DAY : 0;
    const size_t end = type != NULL && type->kind == SQL_TIME ? DAY : MR_COUNT(units);
    for (size_t i = first; node != NULL && i < end; i++) {
        if (mr_slice_equal_nocase(node->text, mr_slice_cstr(units[i])))
            return units[i];
    }
    static const struct athena_node nowhere;
    if (node != NULL)
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "'%.*s' is not a valid %s field", MR_ARG(node->text),
                              type != NULL && type->kind == SQL_DATE   ? "DATE"
                              : type != NULL && type->kind == SQL_TIME ? "Time"
                                                                       : "TIMESTAMP");
    return NULL;
}

/* Days and longer are counted on the clocks of the first moment's zone, whatever their length. */
static void emit_difference(struct athena_translation *translation, const struct athena_node *call,
                            const char *unit)
{
    static const char *const short_units[] = {"millisecond", "second", "minute", "hour"};
    const struct athena_node *from = athena_call_argument(call, 1);
    bool local = athena_has_zone(from->type);
    for (size_t i = 0; i < MR_COUNT(short_units); i++)
        local = local && strcmp(unit, short_units[i]) != 0;
    mr_buf_printf(translation->out, "date_sub('%s', ", unit);
    if (!local) {
        athena_call_template(translation, call, "$2, $3)");
        return;
    }
    athena_emit_local(translation, from);
    athena_emit_text(translation, ", mr_zone_local(");
    athena_emit_zone(translation, from);
    athena_emit_text(translation, ", ");
    athena_emit(translation, from->next);
    athena_emit_text(translation, "))");
}

void athena_emit_date_call(struct athena_translation *translation, const struct athena_node *call)
{
    const char *unit = unit_argument(translation, call);
    if (unit == NULL)
        return;
    const bool add = mr_slice_equal(call->text, MR_S("date_add"));
    const bool diff = mr_slice_equal(call->text, MR_S("date_diff"));
    const struct athena_sqltype *type = athena_call_argument(call, add || diff ? 2 : 1)->type;
    const bool zoned = athena_has_zone(call->type);
    const bool time = type != NULL && type->kind == SQL_TIME;
    if (diff) {
        emit_difference(translation, call, unit);
        return;
    }
    if (time && add) {
        athena_call_template(translation, call, "($3 + CAST($2 AS BIGINT) * ");
        mr_buf_printf(translation->out, "INTERVAL 1 %s)", unit);
        return;
    }
    if (zoned) {
        athena_emit_text(translation, "mr_zone_instant(");
        athena_emit_zone(translation, call);
        athena_emit_text(translation, ", ");
    }
    mr_buf_printf(translation->out, "%s%s('%s', ", time ? "CAST(" : "",
                  add ? "mr_date_add" : "mr_date_trunc", unit);
    if (add)
        athena_call_template(translation, call, "CAST($2 AS BIGINT), $3)");
    else if (time)
        athena_call_template(translation, call, "(DATE '1970-01-01' + $2)) AS TIME)");
    else
        athena_call_template(translation, call, "$2)");
    athena_emit_text(translation, zoned ? ")" : "");
}

/* As many digits of seconds as the type has; a zone by its distance from UTC, none as Z. */
void athena_emit_iso_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *moment = athena_call_argument(call, 0);
    if (moment->type == NULL || moment->type->kind == SQL_DATE) {
        athena_call_template(translation, call, "mr_to_iso8601($1)");
        return;
    }
    athena_emit_text(translation, "(replace(mr_moment_text(");
    athena_call_emit(translation, call, moment);
    mr_buf_printf(translation->out, ", %d), ' ', 'T')", moment->type->precision);
    if (athena_has_zone(moment->type)) {
        athena_emit_text(translation, " || replace(mr_joda_format(");
        athena_emit_local(translation, moment);
        athena_emit_text(translation, ", 'ZZ', '', CAST(epoch(");
        athena_emit_local(translation, moment);
        athena_emit_text(translation, ") - epoch(");
        athena_emit(translation, moment);
        athena_emit_text(translation, ") AS BIGINT)), '+00:00', 'Z')");
    } else if (moment->type->kind == SQL_TIMESTAMP_TZ) {
        athena_emit_text(translation, " || 'Z'");
    }
    athena_emit_text(translation, ")");
}

/* The pattern in Joda's letters: date_format and date_parse have MySQL's codes. */
static void emit_pattern(struct athena_translation *translation, const struct athena_node *call)
{
    const bool mysql = mr_slice_starts_with(call->text, MR_S("date_"));
    const struct athena_node *pattern = athena_call_argument(call, 1);
    athena_emit_text(translation, mysql ? "mr_mysql_pattern(" : "");
    athena_emit(translation, pattern);
    athena_emit_text(translation, mysql ? ")" : "");
}

/* What the clock shows there is formatted, and how far that is from UTC. */
void athena_emit_format_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *moment = athena_call_argument(call, 0);
    athena_emit_text(translation, "mr_joda_format(CAST(");
    athena_call_emit(translation, call, moment);
    athena_emit_text(translation, " AS TIMESTAMP), ");
    emit_pattern(translation, call);
    athena_emit_text(translation, ", ");
    if (!athena_has_zone(moment->type)) {
        athena_emit_text(translation, "'UTC', 0)");
        return;
    }
    athena_emit_zone(translation, moment);
    athena_emit_text(translation, ", CAST(epoch(");
    athena_emit_local(translation, moment);
    athena_call_template(translation, call, ") - epoch(");
    athena_emit(translation, moment);
    athena_emit_text(translation, ") AS BIGINT))");
}

void athena_emit_parse_call(struct athena_translation *translation, const struct athena_node *call)
{
    const bool mysql = mr_slice_equal(call->text, MR_S("date_parse"));
    athena_call_template(translation, call, mysql ? "mr_joda_local($1, " : "mr_joda_instant($1, ");
    emit_pattern(translation, call);
    athena_emit_text(translation, ")");
}
