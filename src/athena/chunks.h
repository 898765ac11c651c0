/* athena/chunks.h: which bytes of Parquet objects a query reads: the chunks of the columns that it
 * names, in row groups that its WHERE clause does not rule out by their bounds. AWS: that is what
 * Athena counts as data scanned. The objects' footers tell it. */
#pragma once
#include "athena/scan.h"

/* Of all objects of the scan; one whose footer cannot be read counts nothing. */
uint64_t athena_chunks_read(const struct athena_scan *scan);
/* `footer`: a whole FileMetaData of Thrift's compact protocol. MR_INVALID: it is none. */
MR_MUST_USE enum mr_status athena_chunks_count(const struct athena_scan *scan,
                                               struct mr_arena *arena, struct mr_slice footer,
                                               uint64_t *ret_bytes);
