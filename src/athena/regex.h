/* athena/regex.h: regular expressions as Trino has them: those of Joni, in Java's syntax. Joni is a
 * port of Oniguruma, which does the work here; so patterns, groups and errors are the same.
 *
 * \w, \d, \s and \b know all of Unicode; `$` is the end, or before a newline that ends the text.
 * Groups that took no part are told apart from empty ones.
 *
 * Bounds, which Trino has not: nesting, the steps of a search and the places it may go back to. */
#pragma once
#include "base/arena.h"

enum {
    ATHENA_REGEX_NESTING_MAX = 250,
    ATHENA_REGEX_GROUPS_MAX = 100,
    ATHENA_REGEX_STEPS_MAX = 10000000, /* backwards, of one search */
    ATHENA_REGEX_FRAMES_MAX = 1000000,
};

struct athena_regex;

struct athena_regex_span { /* SIZE_MAX: the group took no part */
    size_t from, to;
};
struct athena_regex_match {
    struct athena_regex_span groups[ATHENA_REGEX_GROUPS_MAX + 1];
};

/* NULL: it is none; `ret_why` says so, from the arena. Used by one thread at a time. */
struct athena_regex *athena_regex_make(struct mr_arena *arena, struct mr_slice pattern,
                                       const char **ret_why);
/* As RegexSerDe reads a pattern: it matches a whole line, and \w, \d and \s know ASCII alone. */
struct athena_regex *athena_regex_make_line(struct mr_arena *arena, struct mr_slice pattern,
                                            bool ignore_case, const char **ret_why);
void athena_regex_free(struct athena_regex *regex); /* accepts NULL */

size_t athena_regex_groups(const struct athena_regex *regex); /* without the whole */
/* The group of that name; 0: there is none. Of several, the last. */
size_t athena_regex_group(const struct athena_regex *regex, struct mr_slice name);

enum athena_regex_found { REGEX_NOT_FOUND, REGEX_FOUND, REGEX_GAVE_UP };
/* The first match that begins at `from` or behind it. The text is UTF-8 (mr_slice_is_utf8): in any
 * other a match might end beyond it. */
enum athena_regex_found athena_regex_search(struct athena_regex *regex, struct mr_slice text,
                                            size_t from, struct athena_regex_match *ret_match);
/* Where the search for the next match begins. */
size_t athena_regex_after(struct mr_slice text, const struct athena_regex_match *match);
