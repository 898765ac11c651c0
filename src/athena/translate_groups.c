/* What GROUP BY groups by; GROUP BY DISTINCT: the grouping sets that its elements make together,
 * each once. */
#include "athena/translate.h"
#include <stdlib.h>

enum { SETS_MAX = 2048 /* Trino's */, COLUMNS_MAX = 30 };

/* A grouping set: its columns as DuckDB's text, sorted, each once. */
struct set {
    const struct mr_slice *columns;
    size_t count;
    struct set *next;
};
struct sets {
    struct set *first;
    size_t made; /* those that were there already, too */
};

static struct mr_slice text_in(struct athena_translation *translation,
                               const struct athena_node *node, struct athena_groups groups)
{
    struct mr_buf text = {0}, *out = translation->out;
    const struct athena_groups before = translation->groups;
    translation->out = &text;
    translation->groups = groups;
    athena_emit(translation, node);
    translation->out = out;
    translation->groups = before;
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

static struct mr_slice text_of(struct athena_translation *translation,
                               const struct athena_node *node, bool grouped)
{
    return text_in(translation, node, (struct athena_groups){.inside = grouped});
}

/* The same for every way to write its columns' names. */
static struct mr_slice text_known(struct athena_translation *translation,
                                  const struct athena_node *node)
{
    return text_in(translation, node, (struct athena_groups){.inside = true, .known = true});
}

/* The expression of the select list whose number it is; NULL: it is none, or that is behind a *. */
static const struct athena_node *numbered(const struct athena_node *select,
                                          const struct athena_node *group)
{
    const struct athena_node *item = select->items;
    int64_t position;
    if (group->kind != AST_INTEGER || mr_slice_to_i64(group->text, &position) != MR_OK)
        return NULL;
    while (item != NULL && item->left->kind != AST_STAR && --position > 0)
        item = item->next;
    return item == NULL || item->left->kind == AST_STAR ? NULL : item->left;
}

static void emit_group(struct athena_translation *translation, const struct athena_node *group)
{
    const struct athena_node *item = numbered(translation->select, group);
    const bool beside = item != NULL && (athena_zone_beside(item->type) ||
                                         !mr_slice_equal(text_of(translation, item, false),
                                                         text_of(translation, item, true)));
    mr_buf_append(translation->out, text_of(translation, beside ? item : group, false));
}

static void add_key(struct athena_translation *translation, const struct athena_node *node)
{
    struct athena_group_key *key = MR_NEW(translation->arena, struct athena_group_key);
    *key = (struct athena_group_key){.text = text_of(translation, node, false),
                                     .known = text_known(translation, node),
                                     .next = translation->groups.keys};
    if (!mr_slice_equal(key->text, text_of(translation, node, true)))
        translation->groups.keys = key;
}

static void add_keys(struct athena_translation *translation, const struct athena_node *select,
                     const struct athena_node *list)
{
    for (const struct athena_node *node = list; node != NULL; node = node->next) {
        const struct athena_node *item = numbered(select, node);
        if (node->kind == AST_ROW || node->kind == AST_GROUPING)
            add_keys(translation, select, node->items);
        else if (item != NULL || node->kind != AST_INTEGER)
            add_key(translation, item != NULL ? item : node);
    }
}

void athena_groups_enter(struct athena_translation *translation, const struct athena_node *select)
{
    translation->groups = (struct athena_groups){.inside = select->groups != NULL};
    add_keys(translation, select, select->groups);
}

void athena_groups_settle(struct athena_translation *translation, const struct athena_node *node,
                          size_t start)
{
    struct mr_buf *out = translation->out;
    const struct athena_group_key *key = translation->groups.keys;
    const struct mr_slice known = key == NULL ? MR_S("") : text_known(translation, node);
    for (; key != NULL; key = key->next) {
        if (!mr_slice_equal(key->known, known))
            continue;
        out->len = start;
        mr_buf_append(out, key->text);
        return;
    }
}

static int by_text(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

static bool same(const struct set *a, const struct set *b)
{
    for (size_t i = 0; i < a->count && a->count == b->count; i++) {
        if (!mr_slice_equal(a->columns[i], b->columns[i]))
            return false;
    }
    return a->count == b->count;
}

/* The columns of both, unless there is such a set already. */
static bool add(struct athena_translation *translation, struct sets *sets, const struct set *a,
                const struct set *b)
{
    const size_t most = a->count + (b == NULL ? 0 : b->count);
    struct mr_slice *columns = MR_NEW_ARRAY(translation->arena, struct mr_slice, most + 1);
    struct set *set = MR_NEW(translation->arena, struct set), **end = &sets->first;
    for (size_t i = 0; i < most; i++)
        columns[i] = i < a->count ? a->columns[i] : b->columns[i - a->count];
    qsort(columns, most, sizeof *columns, by_text);
    *set = (struct set){.columns = columns};
    for (size_t i = 0; i < most; i++) {
        if (set->count == 0 || !mr_slice_equal(columns[set->count - 1], columns[i]))
            columns[set->count++] = columns[i];
    }
    while (*end != NULL && !same(*end, set))
        end = &(*end)->next;
    if (*end == NULL)
        *end = set;
    if (++sets->made > SETS_MAX) {
        static const struct athena_node nowhere;
        athena_translate_fail(translation, &nowhere, "TOO_MANY_GROUPING_SETS",
                              "GROUP BY has more than %d grouping sets but can contain at most %d",
                              SETS_MAX, SETS_MAX);
        return false;
    }
    return true;
}

static struct mr_slice group_text(struct athena_translation *translation,
                                  const struct athena_node *node)
{
    struct mr_buf text = {0}, *out = translation->out;
    translation->out = &text;
    emit_group(translation, node);
    translation->out = out;
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return copy;
}

/* One column, or several in parentheses. */
static struct set set_of(struct athena_translation *translation, const struct athena_node *node)
{
    const bool list = node->kind == AST_ROW || node->kind == AST_GROUPING;
    const size_t count = list ? athena_node_count(node->items) : 1;
    struct mr_slice *columns = MR_NEW_ARRAY(translation->arena, struct mr_slice, count + 1);
    const struct athena_node *item = list ? node->items : node;
    for (size_t i = 0; i < count; i++, item = item->next)
        columns[i] = group_text(translation, item);
    return (struct set){.columns = columns, .count = count};
}

static bool element(struct athena_translation *translation, const struct athena_node *node,
                    struct sets *sets);

/* ROLLUP: the first n for each n; CUBE: every choice. */
static bool combine(struct athena_translation *translation, const struct athena_node *node,
                    struct sets *sets)
{
    const bool cube = mr_slice_equal(node->text, MR_S("CUBE"));
    const size_t count = athena_node_count(node->items);
    struct set *parts = MR_NEW_ARRAY(translation->arena, struct set, count + 1);
    const struct athena_node *item = node->items;
    for (size_t i = 0; i < count; i++, item = item->next)
        parts[i] = set_of(translation, item);
    const uint64_t choices =
        cube ? UINT64_C(1) << (count < COLUMNS_MAX ? count : COLUMNS_MAX) : count + 1;
    bool fine = true;
    for (uint64_t choice = 0; choice < choices && fine; choice++) {
        struct sets one = {0};
        struct set all = {0};
        for (size_t i = 0; i < count && fine; i++) {
            if (cube ? i >= COLUMNS_MAX || (choice >> i & 1) == 0 : i >= choice)
                continue;
            one = (struct sets){0};
            fine = add(translation, &one, &all, &parts[i]);
            all = *one.first;
        }
        fine = fine && add(translation, sets, &all, NULL);
    }
    return fine;
}

static bool element(struct athena_translation *translation, const struct athena_node *node,
                    struct sets *sets)
{
    if (node->kind != AST_GROUPING || node->text.len == 0) {
        const struct set set = set_of(translation, node);
        return add(translation, sets, &set, NULL);
    }
    if (!mr_slice_equal(node->text, MR_S("GROUPING SETS")))
        return combine(translation, node, sets);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        if (!element(translation, item, sets))
            return false;
    }
    return true;
}

static void emit_distinct_groups(struct athena_translation *translation,
                                 const struct athena_node *groups)
{
    struct set nothing = {0};
    struct sets all = {.first = &nothing};
    for (const struct athena_node *node = groups; node != NULL; node = node->next) {
        struct sets sets = {0}, both = {0};
        if (!element(translation, node, &sets))
            return;
        for (const struct set *a = all.first; a != NULL; a = a->next) {
            for (const struct set *b = sets.first; b != NULL; b = b->next) {
                if (!add(translation, &both, a, b))
                    return;
            }
        }
        all = both;
    }
    athena_emit_text(translation, "GROUPING SETS (");
    for (const struct set *set = all.first; set != NULL; set = set->next) {
        athena_emit_text(translation, "(");
        for (size_t i = 0; i < set->count; i++) {
            athena_emit_text(translation, i > 0 ? ", " : "");
            mr_buf_append(translation->out, set->columns[i]);
        }
        athena_emit_text(translation, set->next != NULL ? "), " : ")");
    }
    athena_emit_text(translation, ")");
}

static void emit_grouping(struct athena_translation *translation, const struct athena_node *list)
{
    for (const struct athena_node *item = list; item != NULL; item = item->next) {
        if (item != list)
            athena_emit_text(translation, ", ");
        if (item->kind == AST_GROUPING) {
            mr_buf_printf(translation->out, "%.*s (", MR_ARG(item->text));
            emit_grouping(translation, item->items);
            athena_emit_text(translation, ")");
        } else if (item->kind == AST_ROW) { /* (a, b) is one grouping set of two */
            athena_emit_text(translation, "(");
            emit_grouping(translation, item->items);
            athena_emit_text(translation, ")");
        } else {
            emit_group(translation, item);
        }
    }
}

void athena_emit_groups(struct athena_translation *translation, const struct athena_node *select)
{
    if ((select->flags & AST_GROUPS_DISTINCT) != 0)
        emit_distinct_groups(translation, select->groups);
    else
        emit_grouping(translation, select->groups);
}
