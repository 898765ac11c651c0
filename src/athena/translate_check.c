/* What of a call can be told to be wrong before it runs: groups that a pattern has not. */
#include "athena/translate.h"

size_t athena_pattern_groups(struct mr_slice pattern)
{
    size_t groups = 0;
    bool class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        const char byte = pattern.ptr[i];
        const char next = i + 1 < pattern.len ? pattern.ptr[i + 1] : '\0';
        if (byte == '\\')
            i++;
        else if (byte == '[')
            class = true;
        else if (byte == ']')
            class = false;
        else if (byte == '(' && !class)
            groups += next != '?' ||
                      mr_slice_starts_with(mr_slice_sub(pattern, i, 4), MR_S("(?P<")) ||
                      (i + 3 < pattern.len && pattern.ptr[i + 2] == '<' &&
                       pattern.ptr[i + 3] != '=' && pattern.ptr[i + 3] != '!');
    }
    return groups;
}

static bool fail(struct athena_translation *translation, struct mr_slice message)
{
    static const struct athena_node nowhere; /* Trino finds it when it runs */
    athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT", "%.*s",
                          MR_ARG(message));
    return false;
}

/* The first $n of a replacement that is beyond; -1: none. */
static int64_t unknown_group(struct mr_slice text, size_t groups)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (text.ptr[i] == '$' && text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9' &&
                 (size_t)(text.ptr[i + 1] - '0') > groups)
            return text.ptr[i + 1] - '0';
    }
    return -1;
}

/* As it was written, without the conversion to the function's type. */
static const struct athena_node *written(const struct athena_node *node)
{
    return node != NULL && node->kind == AST_COERCE ? node->left : node;
}

bool athena_check_groups(struct athena_translation *translation, const struct athena_node *call)
{
    const struct athena_node *text = call->items;
    const struct athena_node *second = text == NULL ? NULL : text->next;
    const struct athena_node *pattern = written(second);
    const struct athena_node *last = second == NULL ? NULL : written(second->next);
    int64_t group;
    if (last == NULL || pattern->kind != AST_STRING ||
        !mr_slice_starts_with(call->text, MR_S("regexp_")))
        return true;
    const size_t groups = athena_pattern_groups(pattern->text);
    if (mr_slice_equal(call->text, MR_S("regexp_replace"))) {
        group = last->kind == AST_STRING ? unknown_group(last->text, groups) : -1;
        return group < 0 ||
               fail(translation,
                    mr_arena_printf(translation->arena,
                                    "Illegal replacement sequence: unknown group %d", (int)group));
    }
    if (!mr_slice_starts_with(call->text, MR_S("regexp_extract")) || last->kind != AST_INTEGER ||
        mr_slice_to_i64(last->text, &group) != MR_OK || group <= (int64_t)groups)
        return true;
    return fail(translation, mr_arena_printf(translation->arena,
                                             "Pattern has %zu groups. Cannot access group %lld",
                                             groups, (long long)group));
}
