/* verify/unpack.h: an object's bytes as the text that was landed. Pure.
 *
 * gzip, zip, Snappy (snappy-java's and Hadoop's framing) are unpacked. Of Parquet, as our own
 * writer makes it, the column is taken that holds the most sequence numbers as text; each value is
 * a piece. */
#pragma once
#include "base/buf.h"

enum { VERIFY_TEXT_MAX = 1 << 29 }; /* bytes of an object, unpacked */

/* `encoding`: the object's Content-Encoding; may be empty. *ret_text points into `bytes` or `buf`.
 * *ret_rows: of Parquet, else -1. MR_INVALID: it cannot be unpacked. */
MR_MUST_USE enum mr_status verify_unpack(struct mr_slice bytes, struct mr_slice encoding,
                                         struct mr_buf *buf, struct mr_slice *ret_text,
                                         int64_t *ret_rows);
