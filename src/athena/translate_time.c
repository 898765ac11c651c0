/* time with time zone: a time of day in UTC; its zone, which is a distance from UTC, is the type's.
 *
 * So comparisons, groups and joins are of times in UTC, as Trino's. An empty zone is +00:00. Where
 * values of several zones meet they can be compared but not shown.
 */
#include "athena/functions.h"
#include "athena/translate_call.h"

enum { MINUTES_MAX = 14 * 60 };

bool athena_time_zoned(const struct athena_sqltype *type)
{
    return type != NULL && type->kind == SQL_TIME_TZ;
}

/* "+8", "-08:00", "+0800"; false: it is no such text. */
static bool read_distance(struct mr_slice zone, int *ret_minutes)
{
    const bool sign = zone.len > 1 && (zone.ptr[0] == '+' || zone.ptr[0] == '-');
    struct mr_slice hours = mr_slice_sub(zone, 1, SIZE_MAX), minutes = MR_S("0");
    const size_t colon = mr_slice_find(hours, ':');
    uint64_t h, m;
    if (sign && colon != SIZE_MAX) {
        minutes = mr_slice_sub(hours, colon + 1, SIZE_MAX);
        hours = mr_slice_sub(hours, 0, colon);
    } else if (sign && hours.len == 4) {
        minutes = mr_slice_sub(hours, 2, SIZE_MAX);
        hours = mr_slice_sub(hours, 0, 2);
    }
    if (!sign || hours.len > 2 || minutes.len > 2 || mr_slice_to_u64(hours, &h) != MR_OK ||
        mr_slice_to_u64(minutes, &m) != MR_OK || m > 59 || h * 60 + m > MINUTES_MAX)
        return false;
    *ret_minutes = (int)(h * 60 + m) * (zone.ptr[0] == '-' ? -1 : 1);
    return true;
}

static bool is_utc(struct mr_slice zone)
{
    return zone.len == 0 || mr_slice_equal_nocase(zone, MR_S("UTC")) ||
           mr_slice_equal_nocase(zone, MR_S("Z"));
}

const struct athena_sqltype *athena_time_type(struct mr_arena *arena, struct mr_slice zone,
                                              int precision)
{
    int minutes = 0;
    if (!is_utc(zone) && !read_distance(zone, &minutes))
        return NULL;
    struct athena_sqltype *type = MR_NEW(arena, struct athena_sqltype);
    *type = *athena_sqltype_sized(arena, SQL_TIME_TZ, precision, 0);
    const int distance = minutes < 0 ? -minutes : minutes;
    if (minutes != 0)
        type->zone = mr_arena_printf(arena, "%c%02d:%02d", minutes < 0 ? '-' : '+', distance / 60,
                                     distance % 60);
    return type;
}

static int minutes_of(struct athena_translation *translation, const struct athena_node *node)
{
    int minutes = 0;
    if (!is_utc(node->type->zone) && !read_distance(node->type->zone, &minutes))
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "times of different time zones in one column are not supported");
    return minutes;
}

void athena_emit_time_local(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "(");
    athena_emit(translation, node);
    mr_buf_printf(translation->out, " + INTERVAL (%d) MINUTE)", minutes_of(translation, node));
}

void athena_emit_time_text(struct athena_translation *translation, const struct athena_node *node,
                           int fraction)
{
    struct mr_slice zone = node->type->zone;
    athena_emit_text(translation, "(mr_moment_text(");
    athena_emit_time_local(translation, node);
    mr_buf_printf(translation->out, ", %d) || '%.*s')", fraction,
                  MR_ARG(zone.len > 0 ? zone : MR_S("+00:00")));
}

void athena_emit_time_literal(struct athena_translation *translation,
                              const struct athena_node *node)
{
    const struct mr_slice zone = athena_literal_zone(node->text);
    athena_emit_text(translation, "(CAST(");
    athena_emit_string(translation,
                       mr_slice_trim(mr_slice_sub(node->text, 0, node->text.len - zone.len)));
    mr_buf_printf(translation->out, " AS TIME) - INTERVAL (%d) MINUTE)",
                  minutes_of(translation, node));
}

const struct athena_sqltype *athena_infer_time_cast(struct athena_translation *translation,
                                                    const struct athena_node *node,
                                                    const struct athena_sqltype *from,
                                                    const struct athena_sqltype *to)
{
    const struct athena_sqltype *type = to;
    const bool text = from != NULL && athena_sqltype_is_text(from);
    if (athena_time_zoned(from) && (to->kind == SQL_TIMESTAMP || to->kind == SQL_TIMESTAMP_TZ))
        type = NULL; /* the day in hand, which we do not know as Trino does */
    else if (athena_time_zoned(to) && text)
        type = node->left->kind != AST_STRING
                   ? NULL
                   : athena_time_type(translation->arena, athena_literal_zone(node->left->text),
                                      to->precision);
    else if (athena_time_zoned(to) && from != NULL &&
             (athena_time_zoned(from) || from->kind == SQL_TIMESTAMP_TZ))
        type = athena_time_type(translation->arena, from->zone, to->precision);
    if (type == NULL)
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              athena_time_zoned(to)
                                  ? "time with time zone of a zone that is not written as its "
                                    "distance from UTC is not supported"
                                  : "a cast of time with time zone to timestamp is not supported");
    return type;
}

/* What is cast to time with time zone, as a time in UTC. */
void athena_emit_time_cast(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_sqltype *from = node->left->type;
    if (node->left->kind == AST_STRING) {
        const struct mr_slice text = node->left->text, zone = athena_literal_zone(text);
        athena_emit_text(translation, "(mr_to_time(");
        athena_emit_string(translation, mr_slice_trim(mr_slice_sub(text, 0, text.len - zone.len)));
        mr_buf_printf(translation->out, ", %s) - INTERVAL (%d) MINUTE)",
                      (node->flags & AST_TRY) != 0 ? "true" : "false",
                      minutes_of(translation, node));
        return;
    }
    if (from == NULL || athena_sqltype_is_text(from))
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              "time with time zone of a text that is not written in the query is "
                              "not supported");
    const bool moment = from != NULL && from->kind == SQL_TIMESTAMP_TZ;
    athena_emit_text(translation, moment ? "CAST(timezone('UTC', " : "CAST(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, moment ? ") AS TIME)" : " AS TIME)");
}

/* What is made of values' texts as DuckDB has them would show times in UTC. */
static void prepare_texts(struct athena_translation *translation, struct athena_node *call)
{
    for (struct athena_node **at = &call->items; *at != NULL; at = &(*at)->next) {
        const struct athena_sqltype *type = athena_infer(translation, *at);
        if (type != NULL && type->kind == SQL_ARRAY && athena_time_zoned(type->items[0]))
            athena_translate_fail(translation, *at, "NOT_SUPPORTED",
                                  "%.*s of arrays of time with time zone is not supported",
                                  MR_ARG(call->text));
        if (!athena_time_zoned(type))
            continue;
        struct athena_node *text = MR_NEW(translation->arena, struct athena_node);
        *text = (struct athena_node){.kind = AST_COERCE,
                                     .inferred = true,
                                     .type = athena_sqltype_simple(SQL_VARCHAR),
                                     .left = *at,
                                     .next = (*at)->next};
        *at = text;
    }
}

void athena_time_prepare(struct athena_translation *translation, struct athena_node *call)
{
    static const char *const fields[] = {"hour", "minute", "second", "millisecond"};
    struct athena_node *first = call->items;
    if (mr_slice_equal(call->text, MR_S("format")) ||
        mr_slice_equal(call->text, MR_S("array_join")))
        prepare_texts(translation, call);
    if (first == NULL || first->next != NULL || !athena_time_zoned(first->type))
        return;
    for (size_t i = 0; i < MR_COUNT(fields); i++) {
        if (!mr_slice_equal(call->text, mr_slice_cstr(fields[i])))
            continue;
        struct athena_node *local = MR_NEW(translation->arena, struct athena_node);
        *local = (struct athena_node){
            .kind = AST_COERCE,
            .inferred = true,
            .type = athena_sqltype_sized(translation->arena, SQL_TIME, first->type->precision, 0),
            .left = first};
        call->items = local;
    }
}

const struct athena_sqltype *athena_time_result(struct athena_translation *translation,
                                                const struct athena_node *call,
                                                const struct athena_sqltype *type)
{
    const struct athena_node *first = call->items, *zone = first == NULL ? NULL : first->next;
    if (!mr_slice_equal(call->text, MR_S("at_timezone")))
        return type;
    const struct athena_sqltype *result =
        zone->kind != AST_STRING
            ? NULL
            : athena_time_type(translation->arena, zone->text, first->type->precision);
    if (result == NULL)
        athena_translate_fail(translation, zone, "NOT_SUPPORTED",
                              "a time's zone must be written as its distance from UTC");
    return result;
}

/* timezone_hour and timezone_minute */
void athena_emit_time_zone(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *time = athena_call_argument(call, 0);
    const int minutes = minutes_of(translation, time);
    const bool hour = mr_slice_equal(call->text, MR_S("timezone_hour"));
    athena_emit_text(translation, "CASE WHEN ");
    athena_emit(translation, time);
    mr_buf_printf(translation->out, " IS NOT NULL THEN CAST(%d AS BIGINT) END",
                  hour ? minutes / 60 : minutes % 60);
}

/* date_trunc: of what a clock shows there. */
void athena_emit_time_trunc(struct athena_translation *translation, const struct athena_node *call,
                            const char *unit)
{
    const struct athena_node *time = athena_call_argument(call, 1);
    mr_buf_printf(translation->out, "(CAST(mr_date_trunc('%s', (DATE '1970-01-01' + ", unit);
    athena_emit_time_local(translation, time);
    mr_buf_printf(translation->out, ")) AS TIME) - INTERVAL (%d) MINUTE)",
                  minutes_of(translation, time));
}
