/* athena/chunks.h: which bytes of Parquet objects a query reads: the chunks of the columns that it
 * names, in row groups that its WHERE clause does not rule out by their bounds. AWS: that is what
 * Athena counts as data scanned. The objects' footers tell it. */
#pragma once
#include "athena/scan.h"

/* A column that is read, and is of a type in an object that does not become the catalog's. */
struct athena_misfit {
    const struct athena_piece *piece; /* NULL: there is none */
    const struct athena_column *column;
    const char *word; /* of the object's type */
};
/* Of all objects of the scan; one whose footer cannot be read counts nothing. The first misfit is
 * put into a zeroed one. */
uint64_t athena_chunks_read(const struct athena_scan *scan, struct athena_misfit *ret_misfit);
/* `footer`: a whole FileMetaData of Thrift's compact protocol. MR_INVALID: it is none. The misfit
 * is told without its piece, and only where there is one. */
MR_MUST_USE enum mr_status athena_chunks_count(const struct athena_scan *scan,
                                               struct mr_arena *arena, struct mr_slice footer,
                                               uint64_t *ret_bytes,
                                               struct athena_misfit *ret_misfit);
