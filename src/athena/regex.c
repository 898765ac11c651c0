#include "athena/regex.h"
#include <assert.h>
#include <limits.h>
#include <oniguruma.h>
#include <pthread.h>
#include <stdlib.h>

struct athena_regex {
    OnigRegex onig;
    OnigRegion *region;
    OnigMatchParam *bounds;
};

static OnigSyntaxType syntax;

/* Joni's syntax of Java has named groups, which Oniguruma's leaves out; (?i) holds to the end of
 * its group there, over a |. \x{...} is Java's own. */
static void set_up(void)
{
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    if (onig_initialize(encodings, MR_COUNT(encodings)) != ONIG_NORMAL)
        abort();
    onig_copy_syntax(&syntax, ONIG_SYNTAX_JAVA);
    onig_set_syntax_op(&syntax, onig_get_syntax_op(&syntax) | ONIG_SYN_OP_ESC_X_BRACE_HEX8);
    onig_set_syntax_op2(&syntax, onig_get_syntax_op2(&syntax) | ONIG_SYN_OP2_QMARK_LT_NAMED_GROUP |
                                     ONIG_SYN_OP2_ESC_K_NAMED_BACKREF |
                                     ONIG_SYN_OP2_ESC_P_BRACE_CIRCUMFLEX_NOT);
    onig_set_syntax_behavior(&syntax, onig_get_syntax_behavior(&syntax) &
                                          ~ONIG_SYN_ISOLATED_OPTION_CONTINUE_BRANCH);
    (void)onig_set_parse_depth_limit(ATHENA_REGEX_NESTING_MAX);
}

static const OnigUChar *bytes_of(struct mr_slice text)
{
    return (const OnigUChar *)(text.len > 0 ? text.ptr : "");
}

static struct athena_regex *make(struct mr_arena *arena, struct mr_slice pattern,
                                 OnigOptionType options, const char **ret_why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up);
    OnigErrorInfo info = {0};
    OnigRegex onig = NULL;
    const OnigUChar *bytes = bytes_of(pattern);
    const int code =
        onig_new(&onig, bytes, bytes + pattern.len, options, ONIG_ENCODING_UTF8, &syntax, &info);
    if (code != ONIG_NORMAL) {
        char *why = mr_arena_zalloc(arena, ONIG_MAX_ERROR_MESSAGE_LEN + 1);
        (void)onig_error_code_to_str((OnigUChar *)why, code, &info);
        *ret_why = why;
        return NULL;
    }
    if (onig_number_of_captures(onig) > ATHENA_REGEX_GROUPS_MAX) {
        onig_free(onig);
        *ret_why = "too many capture groups are specified";
        return NULL;
    }
    struct athena_regex *regex = mr_calloc(1, sizeof(*regex));
    *regex = (struct athena_regex){onig, onig_region_new(), onig_new_match_param()};
    if (regex->region == NULL || regex->bounds == NULL)
        abort();
    (void)onig_initialize_match_param(regex->bounds);
    (void)onig_set_match_stack_limit_size_of_match_param(regex->bounds, ATHENA_REGEX_FRAMES_MAX);
    (void)onig_set_retry_limit_in_match_of_match_param(regex->bounds, ATHENA_REGEX_STEPS_MAX);
    (void)onig_set_retry_limit_in_search_of_match_param(regex->bounds, ATHENA_REGEX_STEPS_MAX);
    return regex;
}

struct athena_regex *athena_regex_make(struct mr_arena *arena, struct mr_slice pattern,
                                       const char **ret_why)
{
    return make(arena, pattern, ONIG_OPTION_DEFAULT, ret_why);
}

struct athena_regex *athena_regex_make_line(struct mr_arena *arena, struct mr_slice pattern,
                                            bool ignore_case, const char **ret_why)
{
    const OnigOptionType ascii =
        ONIG_OPTION_WORD_IS_ASCII | ONIG_OPTION_DIGIT_IS_ASCII | ONIG_OPTION_SPACE_IS_ASCII;
    struct mr_slice whole = mr_arena_printf(arena, "\\A(?:%.*s)\\z", MR_ARG(pattern));
    return make(arena, whole, ascii | (ignore_case ? ONIG_OPTION_IGNORECASE : 0), ret_why);
}

void athena_regex_free(struct athena_regex *regex)
{
    if (regex == NULL)
        return;
    onig_free_match_param(regex->bounds);
    onig_region_free(regex->region, 1);
    onig_free(regex->onig);
    free(regex);
}

size_t athena_regex_groups(const struct athena_regex *regex)
{
    return (size_t)onig_number_of_captures(regex->onig);
}

size_t athena_regex_group(const struct athena_regex *regex, struct mr_slice name)
{
    const OnigUChar *bytes = bytes_of(name);
    int *groups;
    const int count = onig_name_to_group_numbers(regex->onig, bytes, bytes + name.len, &groups);
    return count <= 0 ? 0 : (size_t)groups[count - 1];
}

enum athena_regex_found athena_regex_search(struct athena_regex *regex, struct mr_slice text,
                                            size_t from, struct athena_regex_match *ret_match)
{
    assert(from <= text.len && text.len <= INT_MAX);
    const OnigUChar *bytes = bytes_of(text), *end = bytes + text.len;
    const int at = onig_search_with_param(regex->onig, bytes, end, bytes + from, end, regex->region,
                                          ONIG_OPTION_NONE, regex->bounds);
    if (at < 0)
        return at == ONIG_MISMATCH ? REGEX_NOT_FOUND : REGEX_GAVE_UP;
    for (int i = 0; i < regex->region->num_regs; i++) {
        const bool took = regex->region->beg[i] >= 0;
        ret_match->groups[i] = (struct athena_regex_span){
            took ? (size_t)regex->region->beg[i] : SIZE_MAX,
            took ? (size_t)regex->region->end[i] : SIZE_MAX,
        };
    }
    return REGEX_FOUND;
}

size_t athena_regex_after(struct mr_slice text, const struct athena_regex_match *match)
{
    const struct athena_regex_span whole = match->groups[0];
    if (whole.to > whole.from)
        return whole.to;
    const size_t len = mr_slice_utf8_next(mr_slice_sub(text, whole.to, SIZE_MAX));
    return whole.to + (len == 0 ? 1 : len);
}
