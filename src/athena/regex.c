/* The pattern becomes a program, in one pass: what follows a piece is appended, what stands around
 * it (a loop, an alternative) is inserted before it, and jumps inside move along. */
#include "athena/regex.h"
#include "athena/unicode.h"
#include <ctype.h>

enum { COUNT_MAX = 1000, UNBOUNDED = UINT32_MAX, WIDTH_MAX = 10000 };

struct parser {
    struct mr_arena *arena;
    struct mr_slice rest;
    struct athena_regex *regex;
    size_t program_room, set_room;
    const char *why; /* not NULL: it is none */
    int depth;
    bool fold, lines, dot_all, spaced; /* (?imsx) */
};

static void fail(struct parser *parser, const char *why)
{
    parser->why = parser->why == NULL ? why : parser->why;
    parser->rest = MR_S("");
}

static bool take(struct parser *parser, const char *text)
{
    struct mr_slice wanted = mr_slice_cstr(text);
    if (!mr_slice_starts_with(parser->rest, wanted))
        return false;
    parser->rest = mr_slice_sub(parser->rest, wanted.len, SIZE_MAX);
    return true;
}

static uint32_t next_code(struct parser *parser)
{
    size_t len;
    const uint32_t code = athena_unicode_at(parser->rest, 0, &len);
    parser->rest = mr_slice_sub(parser->rest, len, SIZE_MAX);
    return code;
}

/* ---- the program ---- */

static size_t length(const struct parser *parser)
{
    return parser->regex->length;
}

static void insert(struct parser *parser, size_t at, struct athena_regex_insn insn)
{
    struct athena_regex *regex = parser->regex;
    if (regex->length >= ATHENA_REGEX_PROGRAM_MAX) {
        fail(parser, "the pattern is too long");
        return;
    }
    if (regex->length == parser->program_room) {
        const size_t old = parser->program_room * sizeof insn;
        parser->program_room = old == 0 ? 64 : parser->program_room * 2;
        regex->program = mr_arena_realloc(parser->arena, regex->program, old,
                                          parser->program_room * sizeof insn);
    }
    memmove(regex->program + at + 1, regex->program + at, (regex->length - at) * sizeof insn);
    regex->program[at] = insn;
    regex->length++;
    for (size_t i = at + 1; i < regex->length; i++) {
        struct athena_regex_insn *moved = &regex->program[i];
        const bool x = moved->op == REGEX_SPLIT || moved->op == REGEX_JUMP ||
                       (moved->op >= REGEX_AHEAD && moved->op <= REGEX_ATOMIC);
        moved->x += x && moved->x >= at;
        moved->y += (moved->op == REGEX_SPLIT || moved->op == REGEX_ADVANCE) && moved->y >= at;
    }
}

static void append(struct parser *parser, enum athena_regex_op op, uint32_t x, uint32_t y)
{
    insert(parser, length(parser),
           (struct athena_regex_insn){.op = (uint8_t)op, .fold = parser->fold, .x = x, .y = y});
}

/* ---- sets ---- */

static size_t set_new(struct parser *parser)
{
    struct athena_regex *regex = parser->regex;
    if (regex->set_count == parser->set_room) {
        const size_t old = parser->set_room * sizeof *regex->sets;
        parser->set_room = old == 0 ? 8 : parser->set_room * 2;
        regex->sets = mr_arena_realloc(parser->arena, regex->sets, old,
                                       parser->set_room * sizeof *regex->sets);
    }
    regex->sets[regex->set_count] = (struct athena_regex_set){.fold = parser->fold};
    return regex->set_count++;
}

static void set_add(struct parser *parser, size_t index, struct athena_regex_range range)
{
    struct athena_regex_set *set = &parser->regex->sets[index];
    set->ranges = mr_arena_realloc(parser->arena, set->ranges, set->count * sizeof range,
                                   (set->count + 1) * sizeof range);
    set->ranges[set->count++] = range;
}

static struct athena_regex_range codes(uint32_t first, uint32_t last)
{
    return (struct athena_regex_range){.first = first, .last = last, .property = -1, .set = -1};
}

static struct athena_regex_range property(int which, bool negated)
{
    return (struct athena_regex_range){.property = which, .negated = negated, .set = -1};
}

/* p{Lu}, pL, p{^Lu}: behind the backslash and the letter. */
static struct athena_regex_range named_property(struct parser *parser, bool negated)
{
    struct mr_slice name = mr_slice_sub(parser->rest, 0, 1);
    if (take(parser, "{")) {
        const size_t end = mr_slice_find(parser->rest, '}');
        name = mr_slice_sub(parser->rest, 0, end == SIZE_MAX ? 0 : end);
        parser->rest = mr_slice_sub(parser->rest, name.len + 1, SIZE_MAX);
    } else {
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
    }
    if (name.len > 0 && name.ptr[0] == '^') {
        negated = !negated;
        name = mr_slice_sub(name, 1, SIZE_MAX);
    }
    int which = 0;
    if (mr_slice_starts_with(name, MR_S("Is")))
        name = mr_slice_sub(name, 2, SIZE_MAX);
    if (!athena_unicode_known(name, &which))
        fail(parser, "invalid character property name");
    return property(which, negated);
}

/* \d, \W and their like, behind the backslash. False: it is none of them. */
static bool class_escape(struct parser *parser, struct athena_regex_range *ret)
{
    if (parser->rest.len == 0)
        return false;
    const char letter = parser->rest.ptr[0];
    const bool negated = isupper((unsigned char)letter) != 0;
    switch (tolower((unsigned char)letter)) {
    case 'd': *ret = property(UNICODE_DIGIT, negated); break;
    case 'w': *ret = property(UNICODE_WORD, negated); break;
    case 's': *ret = property(UNICODE_SPACE, negated); break;
    case 'p':
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
        *ret = named_property(parser, negated);
        return true;
    default: return false;
    }
    parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
    return true;
}

static uint32_t digits(struct parser *parser, uint32_t base, size_t most)
{
    uint32_t value = 0;
    for (; most > 0 && parser->rest.len > 0; most--) {
        const int byte = tolower((unsigned char)parser->rest.ptr[0]);
        const uint32_t digit = isdigit(byte)                ? (uint32_t)(byte - '0')
                               : byte >= 'a' && byte <= 'f' ? (uint32_t)(byte - 'a' + 10)
                                                            : 99;
        if (digit >= base || value > 0x110000)
            break;
        value = value * base + digit;
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
    }
    return value;
}

/* A character's escape, behind the backslash. */
static uint32_t code_escape(struct parser *parser)
{
    static const char plain[] = "t\tn\nr\rf\fa\ae\033v\v";
    if (parser->rest.len == 0) {
        fail(parser, "end pattern at escape");
        return 0;
    }
    const char letter = parser->rest.ptr[0];
    for (size_t i = 0; i + 1 < sizeof plain; i += 2) {
        if (letter == plain[i]) {
            parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
            return (uint32_t)plain[i + 1];
        }
    }
    if (take(parser, "x{")) {
        const uint32_t code = digits(parser, 16, 8);
        if (!take(parser, "}") || code > 0x10ffff)
            fail(parser, "invalid code point value");
        return code;
    }
    if (take(parser, "x"))
        return digits(parser, 16, 2);
    if (take(parser, "u"))
        return digits(parser, 16, 4);
    if (take(parser, "0"))
        return digits(parser, 8, 3);
    if (take(parser, "c"))
        return parser->rest.len > 0 ? next_code(parser) & 0x1f : 0;
    return next_code(parser);
}

static size_t set_of(struct parser *parser);

/* One member of [...]: a character, a range, a class, a set. */
static void set_member(struct parser *parser, size_t set)
{
    struct athena_regex_range range = codes(0, 0);
    if (take(parser, "[")) {
        range.set = (int)set_of(parser);
        set_add(parser, set, range);
        return;
    }
    if (take(parser, "\\")) {
        if (class_escape(parser, &range)) {
            set_add(parser, set, range);
            return;
        }
        range.first = take(parser, "b") ? '\b' : code_escape(parser);
    } else {
        range.first = next_code(parser);
    }
    range.last = range.first;
    if (parser->rest.len > 1 && parser->rest.ptr[0] == '-' && parser->rest.ptr[1] != ']' &&
        parser->rest.ptr[1] != '[') {
        struct mr_slice minus = parser->rest;
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
        struct athena_regex_range other;
        if (!take(parser, "\\"))
            range.last = next_code(parser);
        else if (class_escape(parser, &other))
            parser->rest = minus; /* a-\d: three members */
        else
            range.last = code_escape(parser);
        if (parser->rest.ptr == minus.ptr) {
            set_add(parser, set, range);
            range = codes('-', '-');
            parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
        }
        if (range.last < range.first)
            fail(parser, "empty range in char class");
    }
    set_add(parser, set, range);
}

/* Behind the bracket. */
static size_t set_of(struct parser *parser)
{
    const size_t set = set_new(parser);
    if (++parser->depth > ATHENA_REGEX_NESTING_MAX)
        fail(parser, "the pattern is nested too deeply");
    parser->regex->sets[set].negated = take(parser, "^");
    bool first = true;
    while (parser->rest.len > 0 && (first || parser->rest.ptr[0] != ']')) {
        if (take(parser, "&&")) {
            struct athena_regex_range mark = codes(0, 0);
            mark.outside = true;
            set_add(parser, set, mark);
        } else {
            set_member(parser, set);
        }
        first = false;
    }
    if (!take(parser, "]"))
        fail(parser, "premature end of char-class");
    parser->depth--;
    return set;
}

static void append_range(struct parser *parser, struct athena_regex_range range)
{
    const size_t set = set_new(parser);
    set_add(parser, set, range);
    append(parser, REGEX_SET, (uint32_t)set, 0);
}

/* ---- groups ---- */

static void alternatives(struct parser *parser);

/* The greatest number of characters that program[from..to) takes; WIDTH_MAX: no bound is known. */
static size_t width(const struct parser *parser, size_t from, size_t to)
{
    const struct athena_regex_insn *program = parser->regex->program;
    size_t most = 0;
    for (size_t i = from; i < to && most < WIDTH_MAX; i++) {
        const struct athena_regex_insn *insn = &program[i];
        if (insn->op == REGEX_REPEAT && insn->y == UNBOUNDED)
            return WIDTH_MAX;
        if (insn->op == REGEX_REPEAT)
            most += insn->y > 0 ? insn->y - 1 : 0;
        if (insn->op == REGEX_CHAR || insn->op == REGEX_SET)
            most++;
        if (insn->op == REGEX_ADVANCE || insn->op == REGEX_BACK)
            return WIDTH_MAX;
        if (insn->op == REGEX_AHEAD || insn->op == REGEX_BEHIND)
            i = insn->x - 1;
    }
    return most;
}

static void close_group(struct parser *parser)
{
    if (!take(parser, ")"))
        fail(parser, "end pattern with unmatched parenthesis");
}

static void apart(struct parser *parser, enum athena_regex_op op, bool negated)
{
    const size_t at = length(parser);
    append(parser, op, 0, 0);
    alternatives(parser);
    append(parser, REGEX_MATCH, 0, 0);
    close_group(parser);
    if (parser->why != NULL)
        return;
    struct athena_regex_insn *insn = &parser->regex->program[at];
    insn->x = (uint32_t)length(parser);
    insn->mode = negated;
    insn->y = op == REGEX_BEHIND ? (uint32_t)width(parser, at + 1, length(parser)) : 0;
    if (insn->y >= WIDTH_MAX)
        fail(parser, "invalid pattern in look-behind");
}

static void capture(struct parser *parser, struct mr_slice name)
{
    const size_t group = ++parser->regex->groups;
    if (group > ATHENA_REGEX_GROUPS_MAX) {
        fail(parser, "too many groups");
        parser->regex->groups = ATHENA_REGEX_GROUPS_MAX;
        return;
    }
    parser->regex->names[group] = name;
    append(parser, REGEX_SAVE, (uint32_t)(2 * group), 0);
    alternatives(parser);
    append(parser, REGEX_SAVE, (uint32_t)(2 * group + 1), 0);
    close_group(parser);
}

/* (?imsx-imsx) and (?imsx-imsx:...), behind the question mark. */
static void options(struct parser *parser)
{
    const struct parser outer = *parser;
    bool on = true;
    while (parser->rest.len > 0 && strchr("imsx-", parser->rest.ptr[0]) != NULL) {
        switch (parser->rest.ptr[0]) {
        case 'i': parser->fold = on; break;
        case 'm': parser->lines = on; break;
        case 's': parser->dot_all = on; break;
        case 'x': parser->spaced = on; break;
        default: on = false;
        }
        parser->rest = mr_slice_sub(parser->rest, 1, SIZE_MAX);
    }
    if (take(parser, ")")) { /* up to the end of the group around */
        alternatives(parser);
    } else if (take(parser, ":")) {
        alternatives(parser);
        close_group(parser);
    } else {
        fail(parser, "undefined group option");
    }
    parser->fold = outer.fold;
    parser->lines = outer.lines;
    parser->dot_all = outer.dot_all;
    parser->spaced = outer.spaced;
}

/* Behind the parenthesis. */
static void group(struct parser *parser)
{
    if (++parser->depth > ATHENA_REGEX_NESTING_MAX)
        fail(parser, "the pattern is nested too deeply");
    if (!take(parser, "?")) {
        capture(parser, MR_S(""));
    } else if (take(parser, ":")) {
        alternatives(parser);
        close_group(parser);
    } else if (take(parser, "=")) {
        apart(parser, REGEX_AHEAD, false);
    } else if (take(parser, "!")) {
        apart(parser, REGEX_AHEAD, true);
    } else if (take(parser, "<=")) {
        apart(parser, REGEX_BEHIND, false);
    } else if (take(parser, "<!")) {
        apart(parser, REGEX_BEHIND, true);
    } else if (take(parser, ">")) {
        apart(parser, REGEX_ATOMIC, false);
    } else if (take(parser, "<")) {
        const size_t end = mr_slice_find(parser->rest, '>');
        struct mr_slice name = mr_slice_sub(parser->rest, 0, end == SIZE_MAX ? 0 : end);
        if (name.len == 0 || !isalpha((unsigned char)name.ptr[0]))
            fail(parser, "group name is empty");
        parser->rest = mr_slice_sub(parser->rest, name.len + 1, SIZE_MAX);
        capture(parser, name);
    } else if (take(parser, "#")) {
        const size_t end = mr_slice_find(parser->rest, ')');
        parser->rest = mr_slice_sub(parser->rest, end == SIZE_MAX ? SIZE_MAX : end, SIZE_MAX);
        close_group(parser);
    } else {
        options(parser);
    }
    parser->depth--;
}

/* ---- atoms ---- */

static void named_back(struct parser *parser)
{
    const size_t end = mr_slice_find(parser->rest, '>');
    struct mr_slice name = mr_slice_sub(parser->rest, 0, end == SIZE_MAX ? 0 : end);
    parser->rest = mr_slice_sub(parser->rest, name.len + 1, SIZE_MAX);
    for (size_t i = 1; i <= parser->regex->groups; i++) {
        if (name.len > 0 && mr_slice_equal(parser->regex->names[i], name)) {
            append(parser, REGEX_BACK, (uint32_t)i, 0);
            return;
        }
    }
    fail(parser, "undefined name reference");
}

/* Behind the backslash. */
static void escape(struct parser *parser)
{
    static const struct {
        const char *letter;
        enum athena_regex_op op;
    } places[] = {{"b", REGEX_BOUNDARY}, {"B", REGEX_INSIDE},   {"A", REGEX_BEGIN},
                  {"z", REGEX_END},      {"Z", REGEX_END_TEXT}, {"G", REGEX_START}};
    struct athena_regex_range range;
    if (class_escape(parser, &range)) {
        append_range(parser, range);
        return;
    }
    for (size_t i = 0; i < MR_COUNT(places); i++) {
        if (take(parser, places[i].letter)) {
            append(parser, places[i].op, 0, 0);
            return;
        }
    }
    if (take(parser, "k<")) {
        named_back(parser);
    } else if (parser->rest.len > 0 && parser->rest.ptr[0] >= '1' && parser->rest.ptr[0] <= '9') {
        const uint32_t number = digits(parser, 10, 1);
        if (number > parser->regex->groups)
            fail(parser, "invalid backref number/name");
        append(parser, REGEX_BACK, number, 0);
    } else {
        append(parser, REGEX_CHAR, code_escape(parser), 0);
    }
}

/* \Q up to \E: all of it but the last character is behind us when this returns. */
static void quoted(struct parser *parser)
{
    while (parser->rest.len > 0 && !take(parser, "\\E"))
        append(parser, REGEX_CHAR, next_code(parser), 0);
}

static void atom(struct parser *parser)
{
    if (take(parser, "(")) {
        group(parser);
    } else if (take(parser, "[")) {
        append(parser, REGEX_SET, (uint32_t)set_of(parser), 0);
    } else if (take(parser, ".")) {
        append_range(parser, codes(0, UINT32_MAX));
        if (parser->why == NULL && !parser->dot_all) {
            parser->regex->sets[parser->regex->set_count - 1].ranges[0] = codes('\n', '\n');
            parser->regex->sets[parser->regex->set_count - 1].negated = true;
        }
    } else if (take(parser, "^")) {
        append(parser, parser->lines ? REGEX_BEGIN_LINE : REGEX_BEGIN, 0, 0);
    } else if (take(parser, "$")) {
        append(parser, parser->lines ? REGEX_END_LINE : REGEX_END_TEXT, 0, 0);
    } else if (take(parser, "\\")) {
        escape(parser);
    } else {
        append(parser, REGEX_CHAR, next_code(parser), 0);
    }
}

/* ---- quantifiers ---- */

/* {n}, {n,}, {,m}, {n,m}. False, and nothing is taken: it stands for itself. */
static bool braces(struct parser *parser, uint32_t *least, uint32_t *most)
{
    struct parser ahead = *parser;
    if (!take(&ahead, "{"))
        return false;
    const size_t before = ahead.rest.len;
    *least = digits(&ahead, 10, 7);
    const bool low = ahead.rest.len < before;
    *most = *least;
    bool high = false;
    if (take(&ahead, ",")) {
        const size_t comma = ahead.rest.len;
        *most = digits(&ahead, 10, 7);
        high = ahead.rest.len < comma;
        *most = high ? *most : UNBOUNDED;
    }
    if ((!low && !high) || !take(&ahead, "}"))
        return false;
    parser->rest = ahead.rest;
    if (*least > COUNT_MAX || (*most != UNBOUNDED && *most > COUNT_MAX))
        fail(parser, "too big number is specified in the interval");
    else if (*most < *least)
        fail(parser, "upper is smaller than lower in interval");
    return true;
}

/* Appends program[from..from+count) again; its jumps inside move along. */
static void copy(struct parser *parser, size_t from, size_t count)
{
    const size_t by = length(parser) - from;
    for (size_t i = 0; i < count && parser->why == NULL; i++) {
        struct athena_regex_insn insn = parser->regex->program[from + i];
        if (insn.op == REGEX_SPLIT || insn.op == REGEX_JUMP ||
            (insn.op >= REGEX_AHEAD && insn.op <= REGEX_ATOMIC))
            insn.x += (uint32_t)by;
        if (insn.op == REGEX_SPLIT || insn.op == REGEX_ADVANCE)
            insn.y += (uint32_t)by;
        /* not by insert: jumps behind the end would move twice */
        const struct athena_regex_insn place = {.op = REGEX_FAIL};
        insert(parser, length(parser), place);
        if (parser->why == NULL)
            parser->regex->program[length(parser) - 1] = insn;
    }
}

/* (...)* around what begins at `from`: ENTER slot; it; ADVANCE; JUMP back. */
static void star(struct parser *parser, size_t from, bool lazy)
{
    const uint32_t slot = (uint32_t)parser->regex->slots++;
    insert(parser, from, (struct athena_regex_insn){.op = REGEX_ENTER, .x = slot});
    insert(parser, from, (struct athena_regex_insn){.op = REGEX_FAIL});
    append(parser, REGEX_ADVANCE, slot, 0);
    append(parser, REGEX_JUMP, (uint32_t)from, 0);
    if (parser->why != NULL)
        return;
    const uint32_t in = (uint32_t)from + 1, out = (uint32_t)length(parser);
    parser->regex->program[from] =
        (struct athena_regex_insn){.op = REGEX_SPLIT, .x = lazy ? out : in, .y = lazy ? in : out};
    parser->regex->program[out - 2].y = out;
}

static void quantify(struct parser *parser, size_t from, uint32_t least, uint32_t most,
                     enum athena_regex_mode mode)
{
    const size_t count = length(parser) - from;
    struct athena_regex_insn *first = &parser->regex->program[from];
    if (count == 1 && (first->op == REGEX_CHAR || first->op == REGEX_SET)) {
        insert(parser, from,
               (struct athena_regex_insn){
                   .op = REGEX_REPEAT, .mode = (uint8_t)mode, .x = least, .y = most});
        return;
    }
    if (mode == REGEX_POSSESSIVE) {
        quantify(parser, from, least, most, REGEX_GREEDY);
        insert(parser, from, (struct athena_regex_insn){.op = REGEX_ATOMIC});
        append(parser, REGEX_MATCH, 0, 0);
        if (parser->why == NULL)
            parser->regex->program[from].x = (uint32_t)length(parser);
        return;
    }
    const bool lazy = mode == REGEX_LAZY;
    if (most == 0) {
        parser->regex->length = from;
        return;
    }
    size_t last = from; /* where the last copy begins */
    for (uint32_t i = 1; i < least && parser->why == NULL; i++) {
        last = length(parser);
        copy(parser, from, count);
    }
    if (most == UNBOUNDED) {
        if (least > 0) {
            last = length(parser);
            copy(parser, from, count);
        }
        if (parser->why == NULL)
            star(parser, last, lazy);
        return;
    }
    /* x(x(x)?)?: who takes no turn goes behind all that follow */
    const size_t optionals = most - least, begin = least == 0 ? from : length(parser);
    for (size_t i = least == 0 ? 1 : 0; i < optionals && parser->why == NULL; i++)
        copy(parser, from, count);
    for (size_t i = 0; i < optionals && parser->why == NULL; i++)
        insert(parser, begin + i * (count + 1), (struct athena_regex_insn){.op = REGEX_FAIL});
    for (size_t i = 0; i < optionals && parser->why == NULL; i++) {
        const size_t at = begin + i * (count + 1);
        const uint32_t in = (uint32_t)at + 1, out = (uint32_t)length(parser);
        parser->regex->program[at] = (struct athena_regex_insn){
            .op = REGEX_SPLIT, .x = lazy ? out : in, .y = lazy ? in : out};
    }
}

/* The quantifiers behind the piece that begins at `from`. */
static void quantifiers(struct parser *parser, size_t from)
{
    while (parser->rest.len > 0 && parser->why == NULL) {
        uint32_t least = 0, most = UNBOUNDED;
        if (take(parser, "*"))
            least = 0;
        else if (take(parser, "+"))
            least = 1;
        else if (take(parser, "?"))
            most = 1;
        else if (!braces(parser, &least, &most))
            return;
        const enum athena_regex_mode mode = take(parser, "?")   ? REGEX_LAZY
                                            : take(parser, "+") ? REGEX_POSSESSIVE
                                                                : REGEX_GREEDY;
        if (parser->why == NULL && length(parser) > from)
            quantify(parser, from, least, most, mode);
    }
}

static void skip_spaces(struct parser *parser)
{
    while (parser->spaced && parser->rest.len > 0 &&
           (isspace((unsigned char)parser->rest.ptr[0]) || parser->rest.ptr[0] == '#')) {
        const size_t line = parser->rest.ptr[0] == '#' ? mr_slice_find(parser->rest, '\n') : 0;
        parser->rest = mr_slice_sub(parser->rest, line == SIZE_MAX ? SIZE_MAX : line + 1, SIZE_MAX);
    }
}

static void sequence(struct parser *parser)
{
    for (skip_spaces(parser); parser->rest.len > 0; skip_spaces(parser)) {
        const char byte = parser->rest.ptr[0];
        uint32_t least, most;
        if (byte == '|' || byte == ')')
            return;
        if (take(parser, "\\Q")) {
            quoted(parser);
            if (length(parser) > 0)
                quantifiers(parser, length(parser) - 1);
            continue;
        }
        if (byte == '*' || byte == '+' || byte == '?') {
            fail(parser, "target of repeat operator is not specified");
            return;
        }
        struct parser probe = *parser;
        if (byte == '{' && braces(&probe, &least, &most)) {
            fail(parser, "target of repeat operator is not specified");
            return;
        }
        const size_t from = length(parser);
        atom(parser);
        skip_spaces(parser);
        quantifiers(parser, from);
    }
}

/* a|b|c: SPLIT, a, JUMP out, SPLIT, b, JUMP out, c. */
static void alternatives(struct parser *parser)
{
    size_t from = length(parser), jumps[2] = {SIZE_MAX, SIZE_MAX};
    sequence(parser);
    while (take(parser, "|")) {
        insert(parser, from, (struct athena_regex_insn){.op = REGEX_FAIL});
        append(parser, REGEX_JUMP, UINT32_MAX - 1, 0);
        if (parser->why != NULL)
            return;
        parser->regex->program[from] = (struct athena_regex_insn){
            .op = REGEX_SPLIT, .x = (uint32_t)from + 1, .y = (uint32_t)length(parser)};
        jumps[0] = jumps[0] == SIZE_MAX ? length(parser) - 1 : jumps[0];
        from = length(parser);
        sequence(parser);
    }
    for (size_t i = jumps[0]; i < length(parser) && parser->why == NULL; i++) {
        struct athena_regex_insn *insn = &parser->regex->program[i];
        if (insn->op == REGEX_JUMP && insn->x >= UINT32_MAX / 2)
            insn->x = (uint32_t)length(parser);
    }
}

/* ---- what a match begins with ---- */

static void first_code(struct athena_regex *regex, const struct athena_regex_insn *insn)
{
    char bytes[4];
    for (uint32_t byte = 0; byte < 256; byte++) {
        bool has = byte >= 0x80; /* of characters that are not ASCII: any */
        if (byte < 0x80 && insn->op == REGEX_SET)
            has = athena_regex_set_has(regex, insn->x, byte);
        else if (byte < 0x80)
            has = byte == insn->x || insn->fold;
        else if (insn->op == REGEX_CHAR && !insn->fold && insn->x <= 0x10ffff)
            has = athena_unicode_put(bytes, insn->x) > 1 && (uint8_t)bytes[0] == byte;
        if (has)
            regex->first[byte / 8] |= (uint8_t)(1 << byte % 8);
    }
}

/* False: it cannot be told. */
static bool first_of(struct athena_regex *regex, size_t pc, int depth)
{
    for (; depth < 50; depth++) {
        const struct athena_regex_insn *insn = &regex->program[pc];
        switch ((enum athena_regex_op)insn->op) {
        case REGEX_CHAR:
        case REGEX_SET: first_code(regex, insn); return true;
        case REGEX_REPEAT:
            first_code(regex, insn + 1);
            if (insn->x > 0)
                return true;
            pc += 2;
            break;
        case REGEX_SPLIT:
            if (!first_of(regex, insn->x, depth + 1))
                return false;
            pc = insn->y;
            break;
        case REGEX_JUMP: pc = insn->x; break;
        case REGEX_SAVE:
        case REGEX_ENTER:
        case REGEX_BOUNDARY:
        case REGEX_INSIDE: pc++; break;
        case REGEX_AHEAD:
        case REGEX_BEHIND: pc = insn->x; break;
        case REGEX_ATOMIC: pc++; break;
        default: return false;
        }
    }
    return false;
}

struct athena_regex *athena_regex_make(struct mr_arena *arena, struct mr_slice pattern,
                                       const char **ret_why)
{
    struct athena_regex *regex = MR_NEW(arena, struct athena_regex);
    struct parser parser = {.arena = arena, .rest = pattern, .regex = regex};
    regex->slots = 2 * (ATHENA_REGEX_GROUPS_MAX + 1);
    alternatives(&parser);
    if (parser.why == NULL && parser.rest.len > 0)
        fail(&parser, "unmatched close parenthesis");
    append(&parser, REGEX_MATCH, 0, 0);
    if (parser.why != NULL) {
        *ret_why = parser.why;
        return NULL;
    }
    regex->first_known = first_of(regex, 0, 0);
    return regex;
}
