/* Moments whose zone is not written in the query: x AT TIME ZONE column.
 *
 * Their type's zone is ATHENA_ZONE_BESIDE. As an expression such a moment is an instant, as any
 * other; as a column it is a row of instant and zone, so that the zone is not lost. Where the zone
 * would be lost all the same (in arrays, CASE, most functions) the query is refused. */
#include "athena/translate_call.h"

bool athena_zone_beside(const struct athena_sqltype *type)
{
    return type != NULL && type->kind == SQL_TIMESTAMP_TZ &&
           mr_slice_equal(type->zone, MR_S(ATHENA_ZONE_BESIDE));
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
    } calls[] = {{"date_trunc", 1}, {"date_add", 2}};
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

bool athena_zone_check(struct athena_translation *translation, const struct athena_node *node,
                       const struct athena_sqltype *type)
{
    if (!has_beside(type) || athena_translate_failed(translation))
        return true;
    if (athena_zone_beside(type) &&
        (node->kind == AST_NAME || node->kind == AST_DOT || node->kind == AST_SUBQUERY ||
         names_zone(node) || carrier(node) != NULL))
        return true;
    athena_translate_fail(translation, node, "NOT_SUPPORTED",
                          "values whose time zones are not written in the query are not supported "
                          "here");
    return false;
}

void athena_emit_zone(struct athena_translation *translation, const struct athena_node *node)
{
    if (!athena_zone_beside(node->type)) {
        athena_emit_string(translation, node->type->zone.len > 0 ? node->type->zone : MR_S("UTC"));
    } else if (athena_zone_stored(node)) {
        athena_emit_text(translation, "struct_extract(");
        athena_emit_stored(translation, node);
        athena_emit_text(translation, ", 'z')");
    } else if (names_zone(node)) {
        athena_emit(translation, athena_call_argument(node, 1));
    } else if (carrier(node) != NULL) {
        athena_emit_zone(translation, carrier(node));
    } else {
        (void)athena_zone_check(translation, node, node->type);
    }
}

void athena_emit_kept(struct athena_translation *translation, const struct athena_node *node)
{
    if (!athena_zone_beside(node->type)) {
        athena_emit(translation, node);
    } else if (athena_zone_stored(node)) {
        athena_emit_stored(translation, node);
    } else {
        athena_emit_text(translation, "struct_pack(t := ");
        athena_emit(translation, node);
        athena_emit_text(translation, ", z := ");
        athena_emit_zone(translation, node);
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
