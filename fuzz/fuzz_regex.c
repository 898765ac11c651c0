/* Athena: a regular expression and, behind its first line feed, the text it is searched in. */
#include "athena/regex.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { TEXT_MAX = 24 }; /* a search that gives up takes a second */
    struct mr_slice rest = {(const char *)data, size}, pattern;
    struct mr_arena arena;
    struct athena_regex_match match;
    const char *why = NULL;
    size_t from = 0;
    if (!mr_slice_split(&rest, '\n', &pattern) || pattern.len > 200)
        return 0;
    rest = mr_slice_sub(rest, 0, TEXT_MAX);
    if (!mr_slice_is_utf8(rest))
        return 0;
    mr_arena_init(&arena);
    struct athena_regex *regex = athena_regex_make(&arena, pattern, &why);
    assert((regex == NULL) == (why != NULL));
    while (regex != NULL && from <= rest.len &&
           athena_regex_search(regex, rest, from, &match) == REGEX_FOUND) {
        assert(match.groups[0].from >= from && match.groups[0].to <= rest.len);
        for (size_t i = 0; i <= athena_regex_groups(regex); i++) {
            const struct athena_regex_span span = match.groups[i];
            assert((span.from == SIZE_MAX) == (span.to == SIZE_MAX));
            assert(span.to == SIZE_MAX || span.to <= rest.len);
        }
        const size_t after = athena_regex_after(rest, &match);
        assert(after > from);
        from = after;
    }
    athena_regex_free(regex);
    mr_arena_fini(&arena);
    return 0;
}
