/* athena/regex.h: regular expressions as Trino has them: Java's syntax, on code points.
 *
 * \w, \d, \s and \b know all of Unicode; `$` is the end, or before a newline that ends the text;
 * (?m) knows only \n. Groups that took no part are told apart from empty ones. Lookaround, atomic
 * groups, possessive quantifiers and back-references are there, by backtracking.
 *
 * A regex lives in the arena it was made in and is not changed by matching. Bounds: NESTING_MAX
 * levels, PROGRAM_MAX instructions; a search takes STEPS_MAX steps and FRAMES_MAX places to go back
 * to, or gives up. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    ATHENA_REGEX_NESTING_MAX = 100,
    ATHENA_REGEX_PROGRAM_MAX = 100000,
    ATHENA_REGEX_GROUPS_MAX = 100,
    ATHENA_REGEX_STEPS_MAX = 50000000,
    ATHENA_REGEX_FRAMES_MAX = 1000000,
};

enum athena_regex_op {
    REGEX_CHAR,    /* x: the code point */
    REGEX_SET,     /* x: of sets */
    REGEX_REPEAT,  /* the next instruction, a CHAR or SET, from x to y times; `mode` */
    REGEX_SPLIT,   /* to x, else to y */
    REGEX_JUMP,    /* to x */
    REGEX_SAVE,    /* the place in slot x */
    REGEX_ENTER,   /* a loop's turn begins: the place in slot x */
    REGEX_ADVANCE, /* it ends: out of the loop, to y, when nothing was taken */
    REGEX_BEGIN,
    REGEX_BEGIN_LINE,
    REGEX_END,
    REGEX_END_TEXT, /* or before the newline that ends it */
    REGEX_END_LINE,
    REGEX_BOUNDARY,
    REGEX_INSIDE, /* no boundary */
    REGEX_START,  /* \G */
    REGEX_BACK,   /* what group x took */
    REGEX_AHEAD,  /* up to MATCH, then on at x; `mode`: whether it must not match */
    REGEX_BEHIND, /* likewise, y characters at most */
    REGEX_ATOMIC, /* up to MATCH, then on at x */
    REGEX_MATCH,
    REGEX_FAIL,
};
enum athena_regex_mode { REGEX_GREEDY, REGEX_LAZY, REGEX_POSSESSIVE };

struct athena_regex_insn {
    uint8_t op, mode;
    bool fold; /* case does not count */
    uint32_t x, y;
};
struct athena_regex_range {
    uint32_t first, last;
    int property; /* -1: of code points */
    bool negated; /* of the property */
    bool outside; /* this and what follows up to the next such: intersected */
    int set;      /* >= 0: a set of its own */
};
struct athena_regex_set {
    struct athena_regex_range *ranges;
    size_t count;
    bool negated, fold;
};
struct athena_regex {
    struct athena_regex_insn *program;
    size_t length;
    struct athena_regex_set *sets;
    size_t set_count;
    size_t groups; /* without the whole */
    size_t slots;
    struct mr_slice names[ATHENA_REGEX_GROUPS_MAX + 1];
    bool first_known; /* a match begins with one of the bytes */
    uint8_t first[32];
};
struct athena_regex_span { /* SIZE_MAX: the group took no part */
    size_t from, to;
};
struct athena_regex_match {
    struct athena_regex_span groups[ATHENA_REGEX_GROUPS_MAX + 1];
};

/* NULL: it is none; `ret_why` says so. */
struct athena_regex *athena_regex_make(struct mr_arena *arena, struct mr_slice pattern,
                                       const char **ret_why);
/* The room a search works in; zeroed is ready. */
struct athena_regex_room {
    struct athena_regex_frame *frames;
    size_t frame_room;
    size_t *slots;
    size_t slot_room;
};
void athena_regex_room_fini(struct athena_regex_room *room);
enum athena_regex_found { REGEX_NOT_FOUND, REGEX_FOUND, REGEX_GAVE_UP };
/* The first match that begins at `from` or behind it. */
enum athena_regex_found athena_regex_search(const struct athena_regex *regex,
                                            struct athena_regex_room *room, struct mr_slice text,
                                            size_t from, struct athena_regex_match *ret_match);
/* Where the search for the next match begins. */
size_t athena_regex_after(struct mr_slice text, const struct athena_regex_match *match);
bool athena_regex_set_has(const struct athena_regex *regex, size_t set, uint32_t code);
