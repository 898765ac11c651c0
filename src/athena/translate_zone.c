/* Moments whose zone is not written in the query: x AT TIME ZONE column,
 * parse_datetime, from_iso8601_timestamp.
 *
 * Their type's zone is ATHENA_ZONE_BESIDE. As an expression such a moment is an instant, as any
 * other; as a column it is a row of instant and zone, so that the zone is not lost. What hands on
 * one of several (CASE, max, lag) hands on such rows (translate_pair.c). Where the zone would be
 * lost all the same (in arrays, most functions) it must be UTC, or the query fails.
 *
 * Groups are of instants, as Trino compares; their zone is that of any of their rows.
 */
#include "athena/translate_call.h"

bool athena_zone_beside(const struct athena_sqltype *type)
{
    return type != NULL && type->kind == SQL_TIMESTAMP_TZ &&
           mr_slice_equal(type->zone, MR_S(ATHENA_ZONE_BESIDE));
}

bool athena_zone_differs(const struct athena_sqltype *type)
{
    return type != NULL && type->kind == SQL_TIMESTAMP_TZ &&
           mr_slice_equal(type->zone, MR_S(ATHENA_ZONES_DIFFER));
}

bool athena_zone_stored(const struct athena_node *node)
{
    return athena_zone_beside(node->type) &&
           (node->kind == AST_NAME || node->kind == AST_DOT || node->kind == AST_SUBQUERY);
}

static bool has_beside(const struct athena_sqltype *type)
{
    bool found = athena_zone_beside(type);
    for (size_t i = 0; type != NULL && i < type->count && !found; i++)
        found = has_beside(type->items[i]);
    return found;
}

/* The part of an expression that has its zone; NULL: it has none that is known. */
static const struct athena_node *carrier(const struct athena_node *node)
{
    static const struct {
        const char *name;
        size_t argument;
    } calls[] = {{"date_trunc", 1}, {"date_add", 2}, {"try", 0}, {"nullif", 0}};
    if (node->kind == AST_CAST || node->kind == AST_COERCE)
        return node->left;
    if (node->kind == AST_OPERATOR)
        return athena_zone_beside(node->left->type) ? node->left : node->right;
    for (size_t i = 0; node->kind == AST_CALL && i < MR_COUNT(calls); i++) {
        if (mr_slice_equal(node->text, mr_slice_cstr(calls[i].name)))
            return athena_call_argument(node, calls[i].argument);
    }
    return NULL;
}

static bool names_zone(const struct athena_node *node)
{
    return node->kind == AST_CALL && (mr_slice_equal(node->text, MR_S("at_timezone")) ||
                                      mr_slice_equal(node->text, MR_S("with_timezone")) ||
                                      mr_slice_equal(node->text, MR_S("from_unixtime")));
}

/* What reads the zone of a text that is parsed; NULL: it is no such call. */
static const char *zone_reader(const struct athena_node *node)
{
    if (node->kind != AST_CALL)
        return NULL;
    return mr_slice_starts_with(node->text, MR_S("from_iso8601_timestamp"))
               ? "mr_from_iso8601_zone($1)"
           : mr_slice_equal(node->text, MR_S("parse_datetime")) ? "mr_joda_zone($1, $2)"
                                                                : NULL;
}

static bool keeps_zone(const struct athena_node *node)
{
    return athena_zone_beside(node->type) &&
           (athena_zone_stored(node) || names_zone(node) || zone_reader(node) != NULL ||
            node->kind == AST_UTC || athena_zone_packs(node) || carrier(node) != NULL);
}

static const struct athena_sqltype *without_zone(struct athena_translation *translation,
                                                 const struct athena_sqltype *type)
{
    if (!has_beside(type))
        return type;
    struct athena_sqltype *plain = MR_NEW(translation->arena, struct athena_sqltype);
    *plain = *type;
    if (athena_zone_beside(type))
        plain->zone = MR_S("");
    plain->items = MR_NEW_ARRAY(translation->arena, const struct athena_sqltype *, type->count + 1);
    for (size_t i = 0; i < type->count; i++)
        plain->items[i] = without_zone(translation, type->items[i]);
    return plain;
}

/* Moments beside their zones below a node are held to UTC. False: there are some that cannot be. */
static bool hold(struct athena_translation *translation, struct athena_node *node)
{
    struct athena_node *lists[] = {node->items, node->left, node->right, node->third};
    for (size_t i = 0; i < MR_COUNT(lists); i++) {
        for (struct athena_node *at = lists[i]; at != NULL; at = i == 0 ? at->next : NULL) {
            const bool part = at->kind == AST_WHEN || at->kind == AST_LAMBDA;
            if (keeps_zone(at)) {
                struct athena_node *moment = MR_NEW(translation->arena, struct athena_node);
                *moment = *at;
                at->kind = AST_UTC;
                at->left = moment;
            } else if ((has_beside(at->type) || part) && !hold(translation, at)) {
                return false;
            }
            at->type = without_zone(translation, at->type);
        }
    }
    return node->kind != AST_NAME && node->kind != AST_SUBQUERY;
}

static void fail_zone(struct athena_translation *translation, const struct athena_node *node)
{
    athena_translate_fail(translation, node, "NOT_SUPPORTED",
                          "values whose time zones are not written in the query are not supported "
                          "here");
}

const struct athena_sqltype *athena_zone_in(struct athena_translation *translation,
                                            const struct athena_sqltype *type, struct mr_slice zone)
{
    struct athena_sqltype *zoned = MR_NEW(translation->arena, struct athena_sqltype);
    *zoned = *type;
    zoned->zone = zone;
    return zoned;
}

const struct athena_sqltype *athena_zone_besides(struct athena_translation *translation,
                                                 const struct athena_sqltype *type)
{
    return athena_zone_in(translation, type, MR_S(ATHENA_ZONE_BESIDE));
}

const struct athena_sqltype *athena_zone_literal(struct athena_translation *translation,
                                                 const struct athena_node *node,
                                                 struct athena_sqltype *moment)
{
    moment->kind = SQL_TIMESTAMP_TZ;
    moment->zone = athena_zone_name(moment->zone);
    if (moment->zone.len > 0 && moment->precision <= SQL_FRACTION_MAX)
        return moment;
    if (moment->zone.len == 0)
        athena_translate_fail(translation, node, "INVALID_LITERAL",
                              "'%.*s' is not a valid TIMESTAMP literal", MR_ARG(node->text));
    athena_translate_fail(translation, node, "NOT_SUPPORTED",
                          "seconds with more than %d decimal digits are not supported",
                          SQL_FRACTION_MAX);
    return NULL;
}

const struct athena_sqltype *athena_zone_check(struct athena_translation *translation,
                                               struct athena_node *node,
                                               const struct athena_sqltype *type)
{
    if (athena_zone_differs(type) && athena_zone_packs(node))
        return athena_zone_besides(translation, type);
    if (!has_beside(type) || athena_translate_failed(translation))
        return type;
    if (athena_zone_beside(type) &&
        (node->kind == AST_NAME || node->kind == AST_DOT || node->kind == AST_SUBQUERY ||
         names_zone(node) || zone_reader(node) != NULL || athena_zone_packs(node) ||
         carrier(node) != NULL))
        return type;
    if (hold(translation, node))
        return without_zone(translation, type);
    fail_zone(translation, node);
    return NULL;
}

/* What has its zone in itself. */
static void emit_own_zone(struct athena_translation *translation, const struct athena_node *node)
{
    if (athena_zone_stored(node)) {
        athena_emit_text(translation, "struct_extract(");
        athena_emit_stored(translation, node);
        athena_emit_text(translation, ", 'z')");
    } else if (names_zone(node)) {
        athena_emit(translation, athena_call_argument(node, 1));
    } else if (zone_reader(node) != NULL) {
        athena_call_template(translation, node, zone_reader(node));
    } else if (athena_zone_packs(node)) {
        athena_emit_text(translation, "struct_extract(");
        athena_emit_packed(translation, node);
        athena_emit_text(translation, ", 'z')");
    } else {
        athena_emit_text(translation, "mr_text_zone(");
        athena_emit(translation, node->left);
        athena_emit_text(translation, ")");
    }
}

static bool has_own_zone(const struct athena_node *node)
{
    return athena_zone_stored(node) || names_zone(node) || zone_reader(node) != NULL ||
           athena_zone_packs(node) ||
           (node->kind == AST_CAST && athena_sqltype_is_text(node->left->type));
}

static bool is_aggregated(const struct athena_node *node)
{
    struct athena_node alone = *node;
    alone.next = NULL;
    return athena_find_aggregate(&alone, true) != NULL;
}

/* As it was written: what shows it names it as Trino does. */
static void emit_written(struct athena_translation *translation, const struct athena_node *node)
{
    if (!athena_zone_beside(node->type)) {
        const bool zoned =
            node->type != NULL && node->type->kind == SQL_TIMESTAMP_TZ && node->type->zone.len > 0;
        athena_emit_string(translation, zoned ? node->type->zone : MR_S("UTC"));
    } else if (has_own_zone(node)) {
        const bool inside = translation->groups.inside, any = inside && !is_aggregated(node);
        athena_emit_text(translation, any ? "any_value(" : "");
        translation->groups.inside = inside && !any;
        emit_own_zone(translation, node);
        translation->groups.inside = inside;
        athena_emit_text(translation, any ? ")" : "");
    } else if (carrier(node) != NULL) {
        const bool tries = node->kind == AST_CALL && mr_slice_equal(node->text, MR_S("try"));
        athena_emit_text(translation, tries ? "TRY(" : "");
        emit_written(translation, carrier(node));
        athena_emit_text(translation, tries ? ")" : "");
    } else {
        fail_zone(translation, node);
    }
}

void athena_emit_zone(struct athena_translation *translation, const struct athena_node *node)
{
    const bool beside = athena_zone_beside(node->type);
    athena_emit_text(translation, beside ? "mr_zone_name(" : "");
    emit_written(translation, node);
    athena_emit_text(translation, beside ? ")" : "");
}

void athena_emit_kept(struct athena_translation *translation, const struct athena_node *node)
{
    if (!athena_zone_beside(node->type)) {
        athena_emit(translation, node);
    } else if (athena_zone_stored(node) && !translation->groups.inside) {
        athena_emit_stored(translation, node);
    } else if (athena_zone_packs(node) && (!translation->groups.inside || is_aggregated(node))) {
        athena_emit_packed(translation, node);
    } else {
        athena_emit_text(translation, "struct_pack(t := ");
        athena_emit(translation, node);
        athena_emit_text(translation, ", z := ");
        emit_written(translation, node);
        athena_emit_text(translation, ")");
    }
}

bool athena_zone_refuse(struct athena_translation *translation, const struct athena_node *node,
                        const struct athena_fields *fields)
{
    for (size_t i = 0; i < fields->count && !fields->open; i++) {
        if (has_beside(fields->list[i].type)) {
            athena_translate_fail(translation, node, "NOT_SUPPORTED",
                                  "columns with a time zone of their own in each row cannot be "
                                  "kept");
            return true;
        }
    }
    return false;
}

void athena_emit_utc(struct athena_translation *translation, const struct athena_node *node)
{
    athena_emit_text(translation, "mr_only_utc(");
    athena_emit_zone(translation, node->left);
    athena_emit_text(translation, ", ");
    athena_emit(translation, node->left);
    athena_emit_text(translation, ")");
}

void athena_emit_instants(struct athena_translation *translation, struct mr_slice sql)
{
    const struct athena_fields *fields = &translation->fields;
    bool beside = false;
    for (size_t i = 0; i < fields->count && !fields->open; i++)
        beside = beside || athena_zone_beside(fields->list[i].type);
    athena_emit_text(translation, beside ? "SELECT " : "");
    for (size_t i = 0; i < fields->count && beside; i++) {
        const struct mr_slice name = fields->list[i].name;
        const bool moment = athena_zone_beside(fields->list[i].type);
        mr_buf_printf(translation->out,
                      moment ? "%sstruct_extract(\"_mr_%zu\", 't')" : "%s\"_mr_%zu\"",
                      i > 0 ? ", " : "", i);
        athena_emit_text(translation, " AS ");
        athena_emit_name(translation, name.len > 0 ? name : MR_S(ATHENA_UNNAMED));
    }
    athena_emit_text(translation, beside ? " FROM (" : "");
    mr_buf_append(translation->out, sql);
    athena_emit_text(translation, beside ? ") AS \"_mr_beside\"(" : "");
    for (size_t i = 0; i < fields->count && beside; i++)
        mr_buf_printf(translation->out, "%s\"_mr_%zu\"", i > 0 ? ", " : "", i);
    athena_emit_text(translation, beside ? ")" : "");
}
