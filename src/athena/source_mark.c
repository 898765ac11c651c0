/* Which of a table's columns a query reads. */
#include "athena/prune.h"
#include "athena/source.h"

static bool mentions(const struct athena_node *node, struct mr_slice name)
{
    for (; node != NULL; node = node->next) {
        if ((node->kind == AST_NAME || node->kind == AST_DOT) &&
            mr_slice_equal_nocase(node->text, name))
            return true;
        const struct athena_node *children[] = {node->items,  node->left,   node->right,
                                                node->third,  node->groups, node->order,
                                                node->windows};
        for (size_t i = 0; i < MR_COUNT(children); i++) {
            if (children[i] != NULL && mentions(children[i], name))
                return true;
        }
    }
    return false;
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
                      struct athena_scan *scan)
{
    const bool all = source->root == NULL || selects_all(select);
    for (size_t i = 0; i < scan->column_count; i++)
        scan->columns[i].used = all || mentions(source->root, scan->columns[i].name);
}

/* Columns that DuckDB's reader of Parquet has beside the objects'. */
static bool names_reader(const struct athena_node *root)
{
    return mentions(root, MR_S("filename")) || mentions(root, MR_S("file_index")) ||
           mentions(root, MR_S("file_row_number")) || mentions(root, MR_S("rowid"));
}

void athena_source_mark(const struct athena_source *source,
                        const struct athena_translation *translation,
                        const struct athena_table_use *use, struct athena_scan *scan, size_t count)
{
    mark_used(source, translation->select, scan);
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
