/* Any bytes as a pattern, any bytes as a text: it ends, in bounds, and gives the same answer twice.
 */
#include "protocol/pattern.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mr_slice all = mr_slice_make(data, size);
    const size_t cut = mr_slice_find(all, '\0');
    const struct mr_slice text = cut == SIZE_MAX ? MR_S("") : mr_slice_sub(all, cut + 1, SIZE_MAX);
    struct pattern *pattern = pattern_new(mr_slice_sub(all, 0, cut));
    if (pattern_matches(pattern, text) != pattern_matches(pattern, text))
        abort();
    pattern_free(pattern);
    return 0;
}
