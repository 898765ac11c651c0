/* athena/tail.h: the end of a Parquet object: the footer, its length in 4 bytes, little end first,
 * and "PAR1". */
#pragma once
#include "base/buf.h"
#include "s3/s3.h"

/* The footer's first `most` bytes, or all: in `room`, until the next call. MR_INVALID: there is
 * none. */
MR_MUST_USE enum mr_status athena_tail_read(struct s3_snapshot_reader *reader,
                                            const struct s3_object *object, size_t most,
                                            struct mr_buf *room, struct mr_slice *ret_footer,
                                            size_t *ret_whole);
