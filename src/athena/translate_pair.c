/* What hands on one of several moments whose zones stand beside them: CASE, coalesce, max, lag.
 *
 * It is written as it is, of rows of instant and zone, which are NULL where the moment is; rows
 * are compared by their instants first.
 */
#include "athena/functions.h"
#include "athena/translate_call.h"
#include <limits.h>

#define EVERY UINT_MAX

/* The arguments of a call of which it hands on one, by bits. */
static unsigned handed_on(const struct athena_node *node)
{
    static const struct {
        const char *name;
        unsigned arguments;
    } calls[] = {{"if", EVERY - 1},  {"coalesce", EVERY}, {"greatest", EVERY}, {"least", EVERY},
                 {"max", 1},         {"min", 1},          {"max_by", 1},       {"min_by", 1},
                 {"arbitrary", 1},   {"any_value", 1},    {"lag", 5},          {"lead", 5},
                 {"first_value", 1}, {"last_value", 1},   {"nth_value", 1}};
    for (size_t i = 0; i < MR_COUNT(calls) && node->kind == AST_CALL; i++) {
        if (mr_slice_equal(node->text, mr_slice_cstr(calls[i].name)))
            return calls[i].arguments;
    }
    return 0;
}

bool athena_zone_packs(const struct athena_node *node)
{
    return node->kind == AST_CASE || handed_on(node) != 0;
}

static struct athena_node *copy_of(struct athena_translation *translation,
                                   const struct athena_node *node)
{
    struct athena_node *copy = MR_NEW(translation->arena, struct athena_node);
    *copy = *node;
    return copy;
}

static struct athena_node *pair_of(struct athena_translation *translation,
                                   const struct athena_node *node)
{
    struct athena_node *pair = MR_NEW(translation->arena, struct athena_node);
    *pair = (struct athena_node){.kind = AST_PAIR,
                                 .inferred = true,
                                 .type = athena_sqltype_simple(SQL_TIMESTAMP_TZ),
                                 .left = (struct athena_node *)(uintptr_t)node,
                                 .next = node->next};
    return pair;
}

void athena_emit_packed(struct athena_translation *translation, const struct athena_node *node)
{
    struct athena_node *copy = copy_of(translation, node), **end = &copy->items;
    unsigned arguments = handed_on(node);
    copy->type = athena_sqltype_simple(SQL_TIMESTAMP_TZ);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        const bool handed = node->kind == AST_CALL && (arguments & 1) != 0;
        *end = handed ? pair_of(translation, item) : copy_of(translation, item);
        if (node->kind == AST_CASE)
            (*end)->right = pair_of(translation, item->right);
        end = &(*end)->next;
        arguments = arguments == EVERY ? EVERY : arguments >> 1;
    }
    if (node->kind == AST_CASE && node->right != NULL)
        copy->right = pair_of(translation, node->right);
    athena_emit_stored(translation, copy);
}

bool athena_zone_chosen(const struct athena_node *node)
{
    return athena_zone_beside(node->type) && node->kind == AST_CALL && node->function != NULL &&
           (node->function->flags & ATHENA_AGGREGATE) != 0 && athena_zone_packs(node);
}

static void emit_instant(struct athena_translation *translation, const struct athena_node *node)
{
    if (node->type->kind == SQL_TIMESTAMP_TZ)
        athena_emit(translation, node);
    else
        athena_emit_coerced(translation, node, athena_sqltype_simple(SQL_TIMESTAMP_TZ));
}

void athena_emit_pair(struct athena_translation *translation, const struct athena_node *node)
{
    if (node->type == NULL || node->type->kind == SQL_UNKNOWN) {
        athena_emit(translation, node);
        return;
    }
    athena_emit_text(translation, "CASE WHEN ");
    emit_instant(translation, node);
    athena_emit_text(translation, " IS NOT NULL THEN ");
    if (athena_zone_beside(node->type)) {
        athena_emit_kept(translation, node);
    } else {
        athena_emit_text(translation, "struct_pack(t := ");
        emit_instant(translation, node);
        athena_emit_text(translation, ", z := ");
        athena_emit_zone(translation, node);
        athena_emit_text(translation, ")");
    }
    athena_emit_text(translation, " END");
}
