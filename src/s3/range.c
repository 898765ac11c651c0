#include "s3/range.h"

enum s3_range s3_range_parse(struct mr_slice text, uint64_t size, uint64_t *ret_first,
                             uint64_t *ret_last)
{
    static const struct mr_slice unit = MR_S_INIT("bytes=");
    if (!mr_slice_equal_nocase(mr_slice_sub(text, 0, unit.len), unit))
        return S3_RANGE_WHOLE;
    text = mr_slice_trim(mr_slice_sub(text, unit.len, SIZE_MAX));
    const size_t dash = mr_slice_find(text, '-');
    if (dash == SIZE_MAX)
        return S3_RANGE_WHOLE;
    const struct mr_slice from = mr_slice_sub(text, 0, dash);
    const struct mr_slice to = mr_slice_sub(text, dash + 1, SIZE_MAX);
    uint64_t first = 0, last = UINT64_MAX;
    if ((from.len > 0 && mr_slice_to_u64(from, &first) != MR_OK) ||
        (to.len > 0 && mr_slice_to_u64(to, &last) != MR_OK) || (from.len == 0 && to.len == 0))
        return S3_RANGE_WHOLE;
    if (from.len == 0) { /* the last n bytes */
        if (last == 0 || size == 0)
            return S3_RANGE_BEYOND;
        *ret_first = last < size ? size - last : 0;
        *ret_last = size - 1;
        return S3_RANGE_PART;
    }
    if (last < first)
        return S3_RANGE_WHOLE;
    if (first >= size)
        return S3_RANGE_BEYOND;
    *ret_first = first;
    *ret_last = last < size ? last : size - 1;
    return S3_RANGE_PART;
}

enum s3_read_verdict s3_read_judge(const struct s3_read_conditions *conditions, bool etag_matches,
                                   bool etag_none_matches, int64_t modified_ms)
{
    const int64_t modified = modified_ms / 1000;
    if (conditions->if_match.ptr != NULL) { /* wins over If-Unmodified-Since */
        if (!etag_matches)
            return S3_READ_IF_MATCH;
    } else if (conditions->unmodified_since_ms != INT64_MIN &&
               modified > conditions->unmodified_since_ms / 1000) {
        return S3_READ_UNMODIFIED_SINCE;
    }
    if (conditions->if_none_match.ptr != NULL) /* wins over If-Modified-Since */
        return etag_none_matches ? S3_READ_NOT_MODIFIED : S3_READ_YES;
    if (conditions->modified_since_ms != INT64_MIN &&
        conditions->modified_since_ms < conditions->now_ms &&
        modified <= conditions->modified_since_ms / 1000)
        return S3_READ_NOT_MODIFIED;
    return S3_READ_YES;
}
