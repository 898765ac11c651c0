/* Any bytes as a Joda pattern, any bytes as a time: what joda_check takes reads in bounds, and what
 * is read lies in the years that the digits allow. */
#include "firehose/joda.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make((const char *)data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const struct mr_slice text = cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX);
    const struct mr_slice patterns[] = {mr_slice_sub(all, 0, cut), MR_S("yyyy-MM-dd HH:mm:ss.SSS")};
    const struct joda_formats formats = {patterns, 2};
    int64_t ms, again;
    if (joda_check(patterns[0]) != MR_OK)
        return 0;
    if (joda_read(&formats, text, &ms) == MR_OK &&
        (joda_read(&formats, text, &again) != MR_OK || again != ms))
        abort();
    return 0;
}
