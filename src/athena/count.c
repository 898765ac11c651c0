/* The rows of a Parquet object stand in its footer, a struct of Thrift's compact protocol: 1
 * version, 2 schema (a list), 3 rows. */
#include "athena/count.h"
#include "base/compact.h"
#include "athena/tail.h"

enum {
    FOOTER_BYTES = 1 << 16, /* of one are looked at: rows stand before the row groups */
    ROWS_FIELD = 3,
};

/* ---- the query ---- */

static bool counts_rows(const struct athena_node *item)
{
    const struct athena_node *call = item->left;
    return item->next == NULL && call->kind == AST_CALL &&
           mr_slice_equal(call->text, MR_S("count")) && call->items != NULL &&
           call->items->next == NULL && call->items->kind == AST_STAR && call->left == NULL &&
           call->right == NULL && call->order == NULL && call->flags == 0;
}

const struct athena_node *athena_count_table(const struct athena_node *query)
{
    if (query == NULL || query->kind != AST_QUERY || query->items != NULL || query->order != NULL ||
        query->right != NULL || query->third != NULL)
        return NULL;
    const struct athena_node *select = query->left;
    if (select->kind != AST_SELECT || select->left == NULL || select->third != NULL ||
        select->groups != NULL || select->windows != NULL || select->flags != 0 ||
        !counts_rows(select->items))
        return NULL;
    const struct athena_node *table = select->left;
    if (table->kind == AST_ALIAS && table->third == NULL) /* a sample stands there */
        table = table->left;
    return table->kind == AST_TABLE && table->third == NULL ? table : NULL;
}

/* ---- footers ---- */

enum mr_status athena_count_footer(struct mr_slice bytes, uint64_t *ret_rows)
{
    uint64_t field = 0, rows;
    int type;
    while (mr_compact_field(&bytes, &field, &type) && type != 0 && field <= ROWS_FIELD) {
        if (field < ROWS_FIELD) {
            if (!mr_compact_skip(&bytes, type))
                return MR_INVALID;
            continue;
        }
        if (type != MR_COMPACT_I64 || !mr_compact_varint(&bytes, &rows) || (rows & 1) != 0)
            return MR_INVALID;
        *ret_rows = rows >> 1; /* zigzag: even ones are not negative */
        return MR_OK;
    }
    return MR_INVALID;
}

bool athena_count_rows(struct athena_scan *scan, uint64_t *ret_rows)
{
    struct s3_snapshot_reader *reader = s3_snapshot_reader_new(scan->snapshot);
    struct mr_buf room = {0};
    bool fine = scan->format == ATHENA_FORMAT_PARQUET;
    uint64_t sum = 0, rows = 0;
    for (size_t i = 0; fine && i < scan->piece_count; i++) {
        struct mr_slice footer;
        size_t whole;
        fine = !atomic_load(scan->cancelled) &&
               athena_tail_read(reader, &scan->pieces[i].object, FOOTER_BYTES, &room, &footer,
                                &whole) == MR_OK &&
               athena_count_footer(footer, &rows) == MR_OK;
        sum += rows;
    }
    mr_buf_fini(&room);
    s3_snapshot_reader_free(reader);
    *ret_rows = sum;
    return fine;
}
