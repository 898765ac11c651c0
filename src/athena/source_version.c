/* Which snapshot of an Iceberg table a query asks for: FOR TIMESTAMP AS OF, FOR VERSION AS OF. */
#include "athena/source_iceberg.h"
#include "base/clock.h"

enum { UNITS_MAX = 10000000 }; /* of an interval */

struct asking {
    struct athena_translation *translation;
    const struct athena_node *table;
    const struct iceberg_table *of;
    int64_t now_ms;
};

static bool refuse(const struct asking *asking, const struct athena_node *node, const char *code,
                   const char *message, struct mr_slice what)
{
    athena_translate_fail(asking->translation, node, code, "%s%.*s", message, MR_ARG(what));
    return false;
}

/* The expression that a parameter or a cast stands for. */
static const struct athena_node *bare(const struct asking *asking, const struct athena_node *node)
{
    const struct athena_translation *translation = asking->translation;
    if (node->kind == AST_PARAMETER && node->number < translation->parameter_count)
        node = translation->parameters[node->number];
    if (node->kind == AST_CAST && node->left->kind == AST_INTEGER &&
        mr_slice_equal(node->items->text, MR_S("bigint")))
        node = node->left;
    return node;
}

/* ---- moments ---- */

/* DATE '2026-01-01', TIMESTAMP '2026-01-01 10:00[:00[.000]][ UTC|+01:00]' */
static bool read_literal(const struct asking *asking, const struct athena_node *node,
                         int64_t *ret_ms)
{
    struct mr_arena *arena = asking->translation->arena;
    const struct mr_slice text = mr_slice_trim(node->text);
    struct mr_slice zone = athena_literal_zone(text);
    struct mr_slice local = mr_slice_trim(mr_slice_sub(text, 0, text.len - zone.len));
    if (mr_slice_equal(zone, MR_S("UTC")) || mr_slice_equal(zone, MR_S("GMT")) || zone.len == 0)
        zone = MR_S("Z");
    else if (zone.ptr[0] != '+' && zone.ptr[0] != '-' && !mr_slice_equal(zone, MR_S("Z")))
        return refuse(asking, node, "NOT_SUPPORTED",
                      "FOR TIMESTAMP AS OF takes moments in UTC or with an offset, not in ", zone);
    if (local.len == 10)
        local = mr_arena_printf(arena, "%.*s 00:00:00", MR_ARG(local));
    else if (local.len == 16)
        local = mr_arena_printf(arena, "%.*s:00", MR_ARG(local));
    if (local.len < 19 || local.ptr[10] != ' ' ||
        mr_date_parse(mr_arena_printf(arena, "%.10sT%.*s%.*s", local.ptr,
                                      MR_ARG(mr_slice_sub(local, 11, SIZE_MAX)), MR_ARG(zone)),
                      ret_ms) != MR_OK) {
        athena_translate_fail(asking->translation, node, "INVALID_LITERAL",
                              "'%.*s' is not a valid TIMESTAMP literal", MR_ARG(node->text));
        return false;
    }
    return true;
}

static bool read_interval(const struct athena_node *node, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"week", 7 * 86400000LL},
                 {"day", 86400000},
                 {"hour", 3600000},
                 {"minute", 60000},
                 {"second", 1000}};
    int64_t number;
    if (node->kind != AST_INTERVAL || node->number > 0 ||
        mr_slice_to_i64(node->text, &number) != MR_OK || number > UNITS_MAX || number < -UNITS_MAX)
        return false;
    for (size_t i = 0; i < MR_COUNT(units); i++)
        if (mr_slice_equal(node->name, mr_slice_cstr(units[i].name))) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    return false;
}

static bool read_moment(const struct asking *asking, const struct athena_node *node,
                        int64_t *ret_ms)
{
    int64_t step_ms;
    node = bare(asking, node);
    if (node->kind == AST_TYPED && (mr_slice_equal(node->items->text, MR_S("timestamp")) ||
                                    mr_slice_equal(node->items->text, MR_S("date"))))
        return read_literal(asking, node, ret_ms);
    if ((node->kind == AST_CURRENT && mr_slice_equal(node->text, MR_S("current_timestamp"))) ||
        (node->kind == AST_CALL && mr_slice_equal(node->text, MR_S("now")) &&
         node->items == NULL)) {
        *ret_ms = asking->now_ms;
        return true;
    }
    if (node->kind == AST_OPERATOR && read_interval(node->right, &step_ms) &&
        (node->left->kind == AST_CURRENT || node->left->kind == AST_CALL ||
         node->left->kind == AST_TYPED) &&
        (mr_slice_equal(node->text, MR_S("+")) || mr_slice_equal(node->text, MR_S("-")))) {
        if (!read_moment(asking, node->left, ret_ms))
            return false;
        *ret_ms += node->text.ptr[0] == '-' ? -step_ms : step_ms;
        return true;
    }
    return refuse(asking, node, "NOT_SUPPORTED",
                  "FOR TIMESTAMP AS OF takes a literal, current_timestamp or now(), and one "
                  "interval of weeks to seconds added or taken away",
                  MR_S(""));
}

/* The snapshot that was current then. */
static bool find_moment(const struct asking *asking, const struct iceberg_snapshot **ret_snapshot)
{
    const struct iceberg_metadata *metadata = &asking->of->metadata;
    const struct iceberg_log *found = NULL;
    int64_t ms = 0;
    char text[32];
    if (!read_moment(asking, asking->table->left, &ms))
        return false;
    for (size_t i = 0; i < metadata->snapshot_log_count; i++) {
        const struct iceberg_log *entry = &metadata->snapshot_log[i];
        if (entry->timestamp_ms <= ms &&
            (found == NULL || entry->timestamp_ms >= found->timestamp_ms))
            found = entry;
    }
    if (found != NULL)
        *ret_snapshot = iceberg_snapshot_of(metadata, found->number);
    if (found != NULL && *ret_snapshot != NULL)
        return true;
    struct mr_slice moment = mr_date_iso8601(ms, text);
    if (mr_slice_ends_with(moment, MR_S(".000Z"))) /* Java leaves out what is zero */
        moment =
            mr_arena_printf(asking->translation->arena, "%.*sZ", (int)moment.len - 5, moment.ptr);
    athena_translate_fail(asking->translation, asking->table, "INVALID_ARGUMENTS",
                          "No version history table \"%.*s\".\"%.*s\" at or before %.*s",
                          MR_ARG(asking->of->glue.database), MR_ARG(asking->of->glue.name),
                          MR_ARG(moment));
    return false;
}

/* ---- versions ---- */

static bool find_version(const struct asking *asking, const struct iceberg_snapshot **ret_snapshot)
{
    const struct iceberg_metadata *metadata = &asking->of->metadata;
    const struct athena_node *node = bare(asking, asking->table->left);
    int64_t id = -1;
    if (node->kind == AST_STRING) {
        size_t at = 0;
        while (at < metadata->ref_count && !mr_slice_equal(metadata->refs[at].name, node->text))
            at++;
        if (at < metadata->ref_count)
            *ret_snapshot = iceberg_snapshot_of(metadata, metadata->refs[at].snapshot);
        return (at < metadata->ref_count && *ret_snapshot != NULL) ||
               refuse(asking, asking->table, "INVALID_ARGUMENTS",
                      "Cannot find snapshot with reference name: ", node->text);
    }
    if (node->kind != AST_INTEGER || mr_slice_to_i64(node->text, &id) != MR_OK)
        return refuse(asking, node, "NOT_SUPPORTED",
                      "FOR VERSION AS OF takes a literal: a snapshot's number, or the name of a "
                      "branch or tag",
                      MR_S(""));
    *ret_snapshot = iceberg_snapshot_of(metadata, id);
    return *ret_snapshot != NULL || refuse(asking, asking->table, "INVALID_ARGUMENTS",
                                           "Iceberg snapshot ID does not exists: ", node->text);
}

bool athena_source_version(struct athena_translation *translation, const struct athena_node *table,
                           const struct iceberg_table *of, int64_t now_ms,
                           const struct iceberg_snapshot **ret_snapshot)
{
    const struct asking asking = {translation, table, of, now_ms};
    if (table->left == NULL) {
        *ret_snapshot = iceberg_snapshot_of(&of->metadata, of->metadata.current_snapshot);
        return true;
    }
    return mr_slice_equal(table->text, MR_S("timestamp")) ? find_moment(&asking, ret_snapshot)
                                                          : find_version(&asking, ret_snapshot);
}
