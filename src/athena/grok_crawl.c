/* Patterns of Grok for Glue's crawlers, which ask who reads such tables. */
#include "athena/athena.h"
#include "athena/grok.h"
#include "athena/regex.h"
#include <stdlib.h>

struct glue_grok {
    struct athena_regex *regex;
};

static struct glue_grok *open_grok(struct mr_arena *arena, struct mr_slice pattern,
                                   struct mr_slice custom, struct glue_grok_column **ret_columns,
                                   size_t *ret_count, struct mr_slice *ret_why)
{
    struct athena_grok_column *found;
    struct athena_grok expanded;
    const char *why = "";
    size_t count;
    if (athena_grok_columns(arena, pattern, custom, &found, &count, ret_why) != MR_OK)
        return NULL;
    /* A crawl asks which lines match, not what they hold. */
    if (athena_grok_expand(arena, pattern, custom, NULL, 0, &expanded, ret_why) != MR_OK)
        return NULL;
    struct athena_regex *regex = athena_regex_make_line(arena, expanded.regex, false, &why);
    if (regex == NULL) {
        *ret_why = mr_slice_cstr(why);
        return NULL;
    }
    *ret_columns = MR_NEW_ARRAY(arena, struct glue_grok_column, count + 1);
    for (size_t i = 0; i < count; i++)
        (*ret_columns)[i] = (struct glue_grok_column){found[i].name, found[i].type};
    *ret_count = count;
    struct glue_grok *grok = mr_calloc(1, sizeof *grok);
    grok->regex = regex;
    return grok;
}

static bool matches(struct glue_grok *grok, struct mr_slice line)
{
    struct athena_regex_match match;
    return mr_slice_is_utf8(line) &&
           athena_regex_search(grok->regex, line, 0, &match) == REGEX_FOUND;
}

static void close_grok(struct glue_grok *grok)
{
    if (grok != NULL)
        athena_regex_free(grok->regex);
    free(grok);
}

const struct glue_grok_engine athena_grok_engine = {
    .open = open_grok, .matches = matches, .close = close_grok};
