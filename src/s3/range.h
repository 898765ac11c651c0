/* s3/range.h: which part of an object a reader wants, and whether he wants it at all. Pure. */
#pragma once
#include "s3/meta.h"

enum s3_range {
    S3_RANGE_WHOLE, /* none asked for, malformed, or several at once: AWS gives everything */
    S3_RANGE_PART,
    S3_RANGE_BEYOND, /* 416 */
};
/* "bytes=a-b", "bytes=a-", "bytes=-n" of an object of `size` bytes. With S3_RANGE_PART the bytes
 * first..last are meant, first <= last < size. */
enum s3_range s3_range_parse(struct mr_slice text, uint64_t size, uint64_t *ret_first,
                             uint64_t *ret_last);

/* Conditional reads. Times are epoch milliseconds, INT64_MIN: not given; compared by the second, as
 * HTTP's dates have no more. ETags with ptr NULL: not given. */
struct s3_read_conditions {
    struct mr_slice if_match, if_none_match;
    int64_t modified_since_ms, unmodified_since_ms;
    int64_t now_ms; /* AWS: If-Modified-Since of a time to come says nothing */
};
enum s3_read_verdict {
    S3_READ_YES,
    S3_READ_NOT_MODIFIED,     /* 304 */
    S3_READ_IF_MATCH,         /* 412, and which condition failed */
    S3_READ_UNMODIFIED_SINCE, /* 412 */
};
enum s3_read_verdict s3_read_judge(const struct s3_read_conditions *conditions, bool etag_matches,
                                   bool etag_none_matches, int64_t modified_ms);
