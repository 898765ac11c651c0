/* CloudWatch Logs: a filter pattern and, behind its first line feed, the event it is asked about:
 * refused with a reason, or an answer, twice the same. */
#include "logs/pattern.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_slice rest = {(const char *)data, size}, text;
    struct logs_pattern *pattern;
    const char *message = NULL;
    struct mr_arena arena;
    if (!mr_slice_split(&rest, '\n', &text))
        return 0;
    mr_arena_init(&arena);
    if (logs_pattern_parse(&arena, text, &pattern, &message) == MR_OK)
        assert(logs_pattern_matches(pattern, rest) == logs_pattern_matches(pattern, rest));
    else
        assert(message != NULL);
    mr_arena_fini(&arena);
    return 0;
}
