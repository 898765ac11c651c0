/* INTERVAL literals. */
#include "athena/parse.h"
#include "base/buf.h"
#include <ctype.h>

static const char *const interval_units[] = {"year", "month",  "week",  "day",
                                             "hour", "minute", "second"};

static struct mr_slice take_unit(struct athena_parser *parser)
{
    for (size_t i = 0; i < MR_COUNT(interval_units); i++) {
        if (athena_take(parser, interval_units[i]))
            return mr_slice_cstr(interval_units[i]);
    }
    return MR_S("");
}

/* INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL '1-2' YEAR TO MONTH: one number for each unit.
 * `text` becomes a sum of intervals of one unit, and `number` tells that it did. */
static struct athena_node *parse_long_interval(struct athena_parser *parser,
                                               struct athena_node *node, struct mr_slice value,
                                               struct mr_slice last, bool negative)
{
    struct mr_buf sum = {0};
    size_t unit = 0, at = 0;
    bool fine = last.len > 0;
    if (value.len > 0 && value.ptr[0] == '-') {
        negative = !negative;
        at++;
    }
    while (unit < MR_COUNT(interval_units) &&
           !mr_slice_equal(mr_slice_cstr(interval_units[unit]), node->name))
        unit++;
    for (; fine && unit < MR_COUNT(interval_units); unit++) {
        size_t len = 0;
        if (unit == 2 && node->name.ptr != interval_units[2])
            continue; /* weeks stand alone */
        while (at + len < value.len && (isdigit((unsigned char)value.ptr[at + len]) ||
                                        (unit == 6 && value.ptr[at + len] == '.')))
            len++;
        fine = len > 0 && len < 16;
        mr_buf_printf(&sum, "%sINTERVAL (%s%.*s) %s", sum.len > 0 ? " + " : "", negative ? "-" : "",
                      MR_ARG(mr_slice_sub(value, at, len)), interval_units[unit]);
        at += len;
        if (mr_slice_equal(mr_slice_cstr(interval_units[unit]), last))
            break;
        fine = fine && at < value.len && mr_byte_in(value.ptr[at], "- :");
        at++;
    }
    fine = fine && at == value.len && unit < MR_COUNT(interval_units);
    node->text = mr_arena_copy(parser->arena, mr_buf_slice(&sum));
    node->number = 1;
    mr_buf_fini(&sum);
    if (!fine)
        athena_error_set(parser->error, parser->arena, "INVALID_LITERAL", node->line, node->column,
                         "'%.*s' is not a valid interval literal", MR_ARG(value));
    return fine ? node : NULL;
}

/* INTERVAL '2' DAY; the sign may stand before the string. */
struct athena_node *athena_parse_interval(struct athena_parser *parser)
{
    struct athena_node *node = athena_node_new(parser, AST_INTERVAL);
    parser->next++;
    const bool negative = athena_take(parser, "-");
    if (!negative)
        (void)athena_take(parser, "+");
    if (parser->next->kind != ATHENA_TOKEN_STRING)
        return athena_mismatch(parser, "<string>");
    struct mr_slice value = mr_slice_trim(parser->next->value);
    parser->next++;
    int64_t number;
    node->name = take_unit(parser);
    if (node->name.len == 0)
        return athena_mismatch(parser, "'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND'");
    const bool to = athena_take(parser, "TO");
    if (to || mr_slice_to_i64(value, &number) != MR_OK)
        return parse_long_interval(parser, node, value, to ? take_unit(parser) : node->name,
                                   negative);
    node->text = mr_arena_printf(parser->arena, "%lld", (long long)(negative ? -number : number));
    return node;
}

/* ---- AT TIME ZONE INTERVAL '-8' HOUR ---- */

enum { ZONE_MINUTES_MAX = 14 * 60 };

/* Seconds of "INTERVAL (-8) hour + ...", or of one number of units. False: it has months, or parts
 * of a second. */
static bool seconds_of(const struct athena_node *interval, int64_t *ret_seconds)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"week", 604800}, {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    struct mr_slice rest = interval->text;
    int64_t sum = 0;
    while (rest.len > 0) {
        const size_t open = mr_slice_find(rest, '('), close = mr_slice_find(rest, ')');
        const size_t plus = mr_slice_find(rest, '+');
        struct mr_slice count = rest, unit = interval->name;
        if (interval->number != 0) {
            count = mr_slice_sub(rest, open + 1, close - open - 1);
            unit = mr_slice_trim(
                mr_slice_sub(rest, close + 1, plus == SIZE_MAX ? SIZE_MAX : plus - close - 1));
        }
        int64_t number, part;
        size_t at = 0;
        while (at < MR_COUNT(units) && !mr_slice_equal(unit, mr_slice_cstr(units[at].unit)))
            at++;
        if (at == MR_COUNT(units) || mr_slice_to_i64(count, &number) != MR_OK ||
            __builtin_mul_overflow(number, units[at].seconds, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        rest = interval->number == 0 || plus == SIZE_MAX ? MR_S("")
                                                         : mr_slice_sub(rest, plus + 1, SIZE_MAX);
    }
    *ret_seconds = sum;
    return true;
}

bool athena_parse_zone_interval(struct athena_parser *parser, struct athena_node *interval)
{
    int64_t seconds;
    const char *why = NULL;
    if (!seconds_of(interval, &seconds))
        why = "Invalid time zone offset interval: it is no number of minutes";
    else if (seconds % 60 != 0)
        why = "Invalid time zone offset interval: interval contains seconds";
    else if (seconds < -ZONE_MINUTES_MAX * 60 || seconds > ZONE_MINUTES_MAX * 60)
        why = "Invalid time zone offset interval: it is beyond 14 hours";
    if (why != NULL) {
        athena_error_set(parser->error, parser->arena, "INVALID_FUNCTION_ARGUMENT", interval->line,
                         interval->column, "%s", why);
        return false;
    }
    const int minutes = (int)(seconds < 0 ? -seconds : seconds) / 60;
    interval->kind = AST_STRING;
    interval->text = seconds == 0
                         ? MR_S("UTC")
                         : mr_arena_printf(parser->arena, "%c%02d:%02d", seconds < 0 ? '-' : '+',
                                           minutes / 60, minutes % 60);
    interval->name = MR_S("");
    interval->number = 0;
    return true;
}
