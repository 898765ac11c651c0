/* athena/layouts.h: Parquet objects whose columns are found by their place instead of their names
 * (the SerDe property parquet.column.index.access): the names that stand there, object by object.
 *
 * Pure but for reading the objects' footers. */
#pragma once
#include "athena/scan.h"

enum { ATHENA_LAYOUTS_MAX = 100 };
struct athena_layout {
    struct mr_slice *names; /* of the first columns, in the object's order */
    size_t count;           /* at most as many as the table has */
    size_t first, pieces;   /* which objects of the scan have it */
};
/* In the scan's arena. Puts the scan's objects into another order: those of one layout stand
 * together. MR_FULL: there are more than ATHENA_LAYOUTS_MAX. MR_END: cancelled. */
MR_MUST_USE enum mr_status athena_layouts_read(struct athena_scan *scan,
                                               struct athena_layout **ret_layouts,
                                               size_t *ret_count);
/* Whether these objects have the table's own names in the table's order. */
bool athena_layout_is_named(const struct athena_layout *layout, const struct athena_scan *scan);
