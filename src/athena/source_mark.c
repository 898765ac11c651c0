/* Which of a table's columns a query reads. */
#include "athena/prune.h"
#include "athena/source.h"

typedef bool (*node_is)(const struct athena_node *node, struct mr_slice name);

static bool any(const struct athena_node *node, node_is is, struct mr_slice name)
{
    for (; node != NULL; node = node->next) {
        if (is(node, name))
            return true;
        /* what an alias lists are new names */
        const struct athena_node *items = node->kind == AST_ALIAS ? NULL : node->items;
        const struct athena_node *children[] = {
            items, node->left, node->right, node->third, node->groups, node->order, node->windows};
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            if (children[i] != NULL && any(children[i], is, name))
                return true;
        }
    }
    return false;
}

static bool names(const struct athena_node *node, struct mr_slice name)
{
    return (node->kind == AST_NAME || node->kind == AST_DOT) &&
           mr_slice_equal_nocase(node->text, name);
}

static bool mentions(const struct athena_node *node, struct mr_slice name)
{
    return any(node, names, name);
}

/* Columns of several tables get other names at once, or those of rows that match. */
static bool renames(const struct athena_node *node, struct mr_slice name)
{
    (void)name;
    return node->kind == AST_ALIAS && node->items != NULL &&
           (node->left->kind == AST_JOIN || node->left->kind == AST_MATCH);
}

static bool selects_all(const struct athena_node *select)
{
    for (const struct athena_node *item = select == NULL ? NULL : select->items; item != NULL;
         item = item->next) {
        if (item->left != NULL && item->left->kind == AST_STAR)
            return true;
    }
    return false;
}

/* By name: never fewer than DuckDB will read, but for joins by common names. */
static void mark_used(const struct athena_source *source, const struct athena_node *select,
                      const struct athena_node *renamed, struct athena_scan *scan)
{
    const bool all =
        source->root == NULL || selects_all(select) || any(source->root, renames, MR_S(""));
    for (size_t i = 0; i < scan->column_count; i++) {
        const struct mr_slice name = renamed != NULL ? renamed->text : scan->columns[i].name;
        scan->columns[i].used = all || mentions(source->root, name);
        renamed = renamed == NULL ? NULL : renamed->next;
    }
}

/* Columns that DuckDB's reader of Parquet has beside the objects'. */
static bool names_reader(const struct athena_node *root)
{
    return mentions(root, MR_S("filename")) || mentions(root, MR_S("file_index")) ||
           mentions(root, MR_S("file_row_number")) || mentions(root, MR_S("rowid"));
}

/* SELECT ... FROM t LIMIT n: few rows are decoded, whatever there is. */
static bool is_preview(const struct athena_node *root, const struct athena_table_use *use)
{
    return root != NULL && root->kind == AST_QUERY && root->right != NULL && root->items == NULL &&
           root->left->kind == AST_SELECT && (root->left->flags & AST_DISTINCT) == 0 &&
           use->where == NULL && !athena_select_aggregates(root->left);
}

void athena_source_mark(const struct athena_source *source,
                        const struct athena_translation *translation,
                        const struct athena_table_use *use, struct athena_scan *scan, size_t count)
{
    mark_used(source, translation->select, use->names, scan);
    scan->preview = is_preview(source->root, use);
    scan->only_columns = source->root != NULL && !names_reader(source->root);
    if (use->where == NULL)
        return;
    struct athena_prune *prune = MR_NEW(scan->arena, struct athena_prune);
    struct mr_slice *keys = MR_NEW_ARRAY(scan->arena, struct mr_slice, count + 1);
    for (size_t i = 0; i < count; i++)
        keys[i] = scan->columns[i].name;
    *prune = (struct athena_prune){.where = use->where,
                                   .alias = use->alias,
                                   .only = use->only,
                                   .keys = keys,
                                   .key_count = count,
                                   .parameters = translation->parameters,
                                   .parameter_count = translation->parameter_count};
    scan->prune = prune;
}
