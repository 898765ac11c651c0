/* Calls that add to dates and times, cut and format them. */
#include "athena/functions.h"
#include "athena/translate_call.h"

/* What may be the unit of date_add and its like. */
struct units {
    const char *const *names;
    size_t count;
    const char *of; /* what they are fields of, in Trino's words */
};

static struct units units_of(const struct athena_node *call)
{
    static const char *const units[] = {"millisecond", "second", "minute",  "hour", "day",
                                        "week",        "month",  "quarter", "year"};
    enum { DAY = 4 };
    const size_t last = mr_slice_equal(call->text, MR_S("date_trunc")) ? 1 : 2;
    const struct athena_sqltype *type = athena_call_argument(call, last)->type;
    /* Days have no hours, and times no days. */
    if (type != NULL && type->kind == SQL_DATE)
        return (struct units){units + DAY, MR_COUNT(units) - DAY, "DATE"};
    if (type != NULL && (type->kind == SQL_TIME || athena_time_zoned(type)))
        return (struct units){units, DAY, "Time"};
    return (struct units){units, MR_COUNT(units), "TIMESTAMP"};
}

/* The unit that is written, in lower case; NULL: the error is set. */
static const char *unit_written(struct athena_translation *translation, struct mr_slice text,
                                const struct units *units)
{
    static const struct athena_node nowhere;
    for (size_t i = 0; i < units->count; i++) {
        if (mr_slice_equal_nocase(text, mr_slice_cstr(units->names[i])))
            return units->names[i];
    }
    athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                          "'%.*s' is not a valid %s field", MR_ARG(text), units->of);
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

static void emit_by_unit(struct athena_translation *translation, const struct athena_node *call,
                         const char *unit)
{
    const bool add = mr_slice_equal(call->text, MR_S("date_add"));
    const bool diff = mr_slice_equal(call->text, MR_S("date_diff"));
    const struct athena_sqltype *type = athena_call_argument(call, add || diff ? 2 : 1)->type;
    const bool zoned = athena_has_zone(call->type);
    const bool time = type != NULL && (type->kind == SQL_TIME || athena_time_zoned(type));
    if (diff) {
        emit_difference(translation, call, unit);
        return;
    }
    if (time && add) {
        athena_call_template(translation, call, "($3 + CAST($2 AS BIGINT) * ");
        mr_buf_printf(translation->out, "INTERVAL 1 %s)", unit);
        return;
    }
    if (athena_time_zoned(type)) {
        athena_emit_time_trunc(translation, call, unit);
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

/* A unit of the rows: each that it may be is a branch. */
void athena_emit_date_call(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *unit = athena_call_argument(call, 0);
    const struct units units = units_of(call);
    if (unit->kind == AST_PARAMETER && unit->number < translation->parameter_count)
        unit = translation->parameters[unit->number];
    if (unit->kind == AST_STRING) {
        const char *written = unit_written(translation, unit->text, &units);
        if (written != NULL)
            emit_by_unit(translation, call, written);
        return;
    }
    athena_emit_text(translation, "CASE lower(");
    athena_emit(translation, unit);
    athena_emit_text(translation, ")");
    for (size_t i = 0; i < units.count; i++) {
        mr_buf_printf(translation->out, " WHEN '%s' THEN ", units.names[i]);
        emit_by_unit(translation, call, units.names[i]);
    }
    athena_emit_text(translation, " ELSE mr_error('INVALID_FUNCTION_ARGUMENT: ''' || ");
    athena_emit(translation, unit);
    mr_buf_printf(translation->out, " || ''' is not a valid %s field') END", units.of);
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
