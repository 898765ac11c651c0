/* Athena: Grok's custom patterns and, behind their last line feed, the pattern of the table. */
#include "athena/grok.h"
#include "athena/regex.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { COMPILED_MAX = 2000 }; /* longer ones tell of Oniguruma alone */
    static const struct mr_slice columns[] = {MR_S_INIT("a"), MR_S_INIT("word")};
    const struct mr_slice all = {(const char *)data, size};
    struct athena_grok grok = {0};
    struct athena_grok_column *found;
    size_t count;
    struct mr_slice why = MR_S("");
    struct mr_arena arena;
    const char *unfit = NULL;
    size_t cut = size;
    while (cut > 0 && data[cut - 1] != '\n')
        cut--;
    if (!mr_slice_is_utf8(all))
        return 0;
    mr_arena_init(&arena);
    if (athena_grok_expand(&arena, mr_slice_sub(all, cut, SIZE_MAX), mr_slice_sub(all, 0, cut),
                           columns, MR_COUNT(columns), &grok, &why) != MR_OK) {
        assert(why.len > 0);
    } else if (grok.regex.len <= COMPILED_MAX) {
        struct athena_regex *regex = athena_regex_make_line(&arena, grok.regex, false, &unfit);
        for (size_t i = 0; regex != NULL && i < MR_COUNT(columns); i++) {
            for (struct athena_grok_capture *at = grok.captures[i]; at != NULL; at = at->next)
                assert(at->next == NULL || at->rank <= at->next->rank);
        }
        athena_regex_free(regex);
        /* The same patterns, and fewer columns than there may be. */
        if (athena_grok_columns(&arena, mr_slice_sub(all, cut, SIZE_MAX), mr_slice_sub(all, 0, cut),
                                &found, &count, &why) == MR_OK)
            assert(count <= ATHENA_GROK_COLUMNS_MAX);
        else
            assert(why.len > 0);
    }
    mr_arena_fini(&arena);
    return 0;
}
