/* A pattern is an array of nodes; `next` is where a match goes on, so matching needs no stack of
 * its own but the frames of counted groups. Characters are Unicode code points. */
#include "base/arena.h"
#include "protocol/pattern.h"
#include <stdlib.h>

enum {
    PATTERN_NODES_MAX = 2000,
    PATTERN_RANGES_MAX = 4000,
    PATTERN_DEPTH_MAX = 1500,
    PATTERN_STEPS_MAX = 200000,
    PATTERN_NESTING_MAX = 40,
    PATTERN_UNBOUNDED = 1 << 30,
};

enum node_type {
    NODE_ACCEPT,   /* the end: the text must be used up */
    NODE_LOOK_END, /* the end of a look-ahead */
    NODE_CLASS,    /* one character of ranges[first .. first+count) */
    NODE_START,
    NODE_END,
    NODE_WORD_BOUNDARY,
    NODE_ALTERNATIVES, /* child: first branch; branches are chained by `other` */
    NODE_BRANCH,       /* child: its sequence */
    NODE_REPEAT,       /* child, min..max times */
    NODE_LOOP,         /* the end of a repeated child: back to its NODE_REPEAT in `other` */
    NODE_LOOK,         /* child must match here, or must not when negative */
};

struct node {
    enum node_type type;
    uint32_t next, child, other;
    uint32_t first, count; /* ranges */
    uint32_t min, max;
    bool negative; /* class: none of the ranges */
};
struct range {
    uint32_t low, high;
};
struct pattern {
    struct node *nodes; /* owned; [0] is NODE_ACCEPT */
    struct range *ranges;
    uint32_t node_count, range_count;
    uint32_t start;
    bool anything; /* could not be compiled */
    bool open_end; /* "^..." without '$': the rest of the text is free */
};

/* ---- compiling ---- */
struct compiler {
    struct pattern *pattern;
    const char *at, *end;
    int nesting;
    bool failed;
};

static uint32_t node_add(struct compiler *compiler, enum node_type type)
{
    struct pattern *pattern = compiler->pattern;
    if (pattern->node_count == PATTERN_NODES_MAX) {
        compiler->failed = true;
        return 0;
    }
    pattern->nodes[pattern->node_count] = (struct node){.type = type};
    return pattern->node_count++;
}

static void range_add(struct compiler *compiler, uint32_t low, uint32_t high)
{
    struct pattern *pattern = compiler->pattern;
    if (pattern->range_count == PATTERN_RANGES_MAX || low > high) {
        compiler->failed = true;
        return;
    }
    pattern->ranges[pattern->range_count++] = (struct range){low, high};
}

/* A byte that is no UTF-8 counts as a character. */
static uint32_t utf8_next(const char **at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)*at;
    const size_t left = (size_t)(end - *at);
    const size_t size = byte[0] < 0xc0 ? 1 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (size == 1 || size > left) {
        *at += 1;
        return byte[0];
    }
    uint32_t code = byte[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            *at += 1;
            return byte[0];
        }
        code = code << 6 | (byte[i] & 0x3f);
    }
    *at += size;
    return code;
}

/* Where the character began that utf8_next read up to `at`; not in front of `start`. */
static const char *utf8_back(const char *start, const char *at)
{
    for (const char *from = at - 1; from >= start && at - from <= 4; from--) {
        const char *next = from;
        if (((unsigned char)*from & 0xc0) == 0x80)
            continue;
        (void)utf8_next(&next, at);
        return next == at ? from : at - 1;
    }
    return at - 1;
}

static void set_digit(struct compiler *compiler)
{
    range_add(compiler, '0', '9');
}

static void set_word(struct compiler *compiler)
{
    range_add(compiler, 'A', 'Z');
    range_add(compiler, 'a', 'z');
    range_add(compiler, '0', '9');
    range_add(compiler, '_', '_');
}

static void set_space(struct compiler *compiler)
{
    range_add(compiler, '\t', '\r');
    range_add(compiler, ' ', ' ');
}

/* The complement of ASCII-only sets: \D \W \S. */
static void set_not(struct compiler *compiler, void (*set)(struct compiler *))
{
    struct pattern *pattern = compiler->pattern;
    const uint32_t first = pattern->range_count;
    set(compiler);
    bool in[128] = {false};
    for (uint32_t i = first; i < pattern->range_count; i++)
        for (uint32_t c = pattern->ranges[i].low; c <= pattern->ranges[i].high; c++)
            in[c] = true;
    pattern->range_count = first;
    for (uint32_t c = 0; c < 128; c++)
        if (!in[c])
            range_add(compiler, c, c);
    range_add(compiler, 128, 0x10ffff);
}

/* \p{L}, \p{IsAlphabetic}...: ASCII exactly, beyond it everything. */
static void set_property(struct compiler *compiler)
{
    const char *name = compiler->at;
    if (name == compiler->end)
        return;
    const char *close = *name == '{' ? memchr(name, '}', (size_t)(compiler->end - name)) : NULL;
    const char kind = close == NULL ? *name : name[1];
    compiler->at = close == NULL ? name + 1 : close + 1;
    switch (kind) {
    case 'N': range_add(compiler, '0', '9'); break;
    case 'Z': range_add(compiler, ' ', ' '); break;
    case 'L':
    case 'A':
    case 'I':
        range_add(compiler, 'A', 'Z');
        range_add(compiler, 'a', 'z');
        if (kind == 'A')
            range_add(compiler, '0', '9');
        break;
    case 'M':
    case 'C': break;
    default: /* punctuation and symbols */
        range_add(compiler, '!', '/');
        range_add(compiler, ':', '@');
        range_add(compiler, '[', '`');
        range_add(compiler, '{', '~');
        break;
    }
    range_add(compiler, 128, 0x10ffff);
}

/* A letter after a backslash that stands for a set. */
static bool set_escape(struct compiler *compiler, char letter)
{
    switch (letter) {
    case 'd': set_digit(compiler); return true;
    case 'w': set_word(compiler); return true;
    case 's': set_space(compiler); return true;
    case 'D': set_not(compiler, set_digit); return true;
    case 'W': set_not(compiler, set_word); return true;
    case 'S': set_not(compiler, set_space); return true;
    case 'p': set_property(compiler); return true;
    default: return false;
    }
}

static uint32_t hex_read(struct compiler *compiler, size_t digits)
{
    uint32_t code = 0;
    bool braces = compiler->at < compiler->end && *compiler->at == '{';
    compiler->at += braces ? 1 : 0;
    for (size_t i = 0; compiler->at < compiler->end && (braces ? *compiler->at != '}' : i < digits);
         i++, compiler->at++) {
        const char c = *compiler->at;
        if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f')) || i > 8)
            compiler->failed = true;
        code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    compiler->at += braces && compiler->at < compiler->end ? 1 : 0;
    return code;
}

/* A character after a backslash that stands for one. Two \u surrogates are one. */
static uint32_t char_escape(struct compiler *compiler, char letter)
{
    switch (letter) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'f': return '\f';
    case 'v': return '\v';
    case '0': return 0;
    case 'x': return hex_read(compiler, 2);
    case 'u': break;
    default:
        if ((letter >= '1' && letter <= '9') || letter == 'k')
            compiler->failed = true; /* a backreference */
        return (unsigned char)letter;
    }
    uint32_t code = hex_read(compiler, 4);
    if (code >= 0xd800 && code < 0xdc00 && compiler->end - compiler->at >= 6 &&
        compiler->at[0] == '\\' && compiler->at[1] == 'u') {
        compiler->at += 2;
        const uint32_t low = hex_read(compiler, 4);
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return code;
}

/* One character of a bracket; false when it was a set. */
static bool bracket_char(struct compiler *compiler, uint32_t *ret_code)
{
    if (*compiler->at != '\\') {
        *ret_code = utf8_next(&compiler->at, compiler->end);
        return true;
    }
    compiler->at++;
    if (compiler->at == compiler->end) {
        compiler->failed = true;
        return false;
    }
    const char letter = *compiler->at++;
    if (set_escape(compiler, letter))
        return false;
    *ret_code = letter == 'b' ? '\b' : char_escape(compiler, letter);
    return true;
}

static uint32_t bracket(struct compiler *compiler)
{
    const uint32_t index = node_add(compiler, NODE_CLASS);
    struct node *node = &compiler->pattern->nodes[index];
    node->first = compiler->pattern->range_count;
    if (compiler->at < compiler->end && *compiler->at == '^') {
        node->negative = true;
        compiler->at++;
    }
    while (compiler->at < compiler->end && *compiler->at != ']' && !compiler->failed) {
        uint32_t low, high;
        if (compiler->end - compiler->at >= 2 && memcmp(compiler->at, "&&", 2) == 0)
            compiler->failed = true; /* Java's intersection of sets */
        if (!bracket_char(compiler, &low))
            continue;
        high = low;
        if (compiler->end - compiler->at >= 2 && compiler->at[0] == '-' && compiler->at[1] != ']') {
            const char *dash = compiler->at++;
            if (!bracket_char(compiler, &high)) { /* "a-\w": the dash is a dash */
                range_add(compiler, '-', '-');
                high = low;
            } else if (high < low) {
                compiler->failed = true;
            }
            (void)dash;
        }
        range_add(compiler, low, high);
    }
    if (compiler->at == compiler->end)
        compiler->failed = true;
    else
        compiler->at++;
    node->count = compiler->pattern->range_count - node->first;
    return index;
}

static uint32_t single(struct compiler *compiler, uint32_t code)
{
    const uint32_t index = node_add(compiler, NODE_CLASS);
    compiler->pattern->nodes[index].first = compiler->pattern->range_count;
    compiler->pattern->nodes[index].count = 1;
    range_add(compiler, code, code);
    return index;
}

static uint32_t alternatives(struct compiler *compiler);

static uint32_t group(struct compiler *compiler)
{
    bool look = false, negative = false;
    if (compiler->end - compiler->at >= 2 && compiler->at[0] == '?') {
        const char kind = compiler->at[1];
        look = kind == '=' || kind == '!';
        negative = kind == '!';
        if (!look && kind != ':')
            compiler->failed = true; /* look-behind, named groups, modes */
        compiler->at += 2;
    }
    uint32_t index = alternatives(compiler);
    if (compiler->at == compiler->end || *compiler->at != ')')
        compiler->failed = true;
    else
        compiler->at++;
    if (look) {
        const uint32_t node = node_add(compiler, NODE_LOOK);
        compiler->pattern->nodes[node].child = index;
        compiler->pattern->nodes[node].negative = negative;
        index = node;
    }
    return index;
}

static uint32_t escape(struct compiler *compiler)
{
    if (compiler->at == compiler->end) {
        compiler->failed = true;
        return 0;
    }
    const char letter = *compiler->at++;
    if (letter == 'b')
        return node_add(compiler, NODE_WORD_BOUNDARY);
    if (letter == 'A')
        return node_add(compiler, NODE_START);
    if (letter == 'Z' || letter == 'z')
        return node_add(compiler, NODE_END);
    const uint32_t first = compiler->pattern->range_count;
    if (!set_escape(compiler, letter))
        return single(compiler, char_escape(compiler, letter));
    const uint32_t index = node_add(compiler, NODE_CLASS);
    compiler->pattern->nodes[index].first = first;
    compiler->pattern->nodes[index].count = compiler->pattern->range_count - first;
    return index;
}

static uint32_t atom(struct compiler *compiler)
{
    const char c = *compiler->at;
    switch (c) {
    case '^': compiler->at++; return node_add(compiler, NODE_START);
    case '$': compiler->at++; return node_add(compiler, NODE_END);
    case '[': compiler->at++; return bracket(compiler);
    case '(': compiler->at++; return group(compiler);
    case '\\': compiler->at++; return escape(compiler);
    case '.': {
        compiler->at++;
        const uint32_t index = single(compiler, '\n');
        compiler->pattern->nodes[index].negative = true;
        return index;
    }
    case '*':
    case '+':
    case '?': compiler->failed = true; return 0;
    default: return single(compiler, utf8_next(&compiler->at, compiler->end));
    }
}

static uint32_t number(struct compiler *compiler)
{
    uint32_t value = 0;
    while (compiler->at < compiler->end && *compiler->at >= '0' && *compiler->at <= '9') {
        value = value * 10 + (uint32_t)(*compiler->at++ - '0');
        if (value > 1u << 24)
            compiler->failed = true;
    }
    return value;
}

/* "*", "+", "?", "{m}", "{m,}", "{m,n}", each with an optional "?". False: none is here. */
static bool quantifier(struct compiler *compiler, uint32_t *ret_min, uint32_t *ret_max)
{
    if (compiler->at == compiler->end)
        return false;
    const char c = *compiler->at;
    if (c == '{' && compiler->end - compiler->at > 1 && compiler->at[1] >= '0' &&
        compiler->at[1] <= '9') {
        compiler->at++;
        *ret_min = *ret_max = number(compiler);
        if (compiler->at < compiler->end && *compiler->at == ',') {
            compiler->at++;
            const bool bounded = compiler->at < compiler->end && *compiler->at != '}';
            *ret_max = bounded ? number(compiler) : PATTERN_UNBOUNDED;
        }
        if (compiler->at == compiler->end || *compiler->at++ != '}')
            compiler->failed = true;
    } else if (c == '*' || c == '+' || c == '?') {
        compiler->at++;
        *ret_min = c == '+';
        *ret_max = c == '?' ? 1 : PATTERN_UNBOUNDED;
    } else {
        return false;
    }
    if (compiler->at < compiler->end && (*compiler->at == '?' || *compiler->at == '+'))
        compiler->at++; /* lazy or possessive: the answer for a whole text is (nearly) the same */
    return true;
}

/* Sequence of atoms; returns its first node, or 0 when it is empty. Ends are linked by link_next.
 */
static uint32_t sequence(struct compiler *compiler)
{
    uint32_t first = 0, last = 0;
    while (compiler->at < compiler->end && *compiler->at != '|' && *compiler->at != ')' &&
           !compiler->failed) {
        uint32_t index = atom(compiler), min, max;
        while (!compiler->failed && quantifier(compiler, &min, &max)) {
            const uint32_t repeat = node_add(compiler, NODE_REPEAT);
            compiler->pattern->nodes[repeat].child = index;
            compiler->pattern->nodes[repeat].min = min;
            compiler->pattern->nodes[repeat].max = max;
            index = repeat;
        }
        if (first == 0)
            first = index;
        else
            compiler->pattern->nodes[last].next = index;
        last = index;
    }
    return first;
}

static uint32_t alternatives(struct compiler *compiler)
{
    const uint32_t index = node_add(compiler, NODE_ALTERNATIVES);
    uint32_t last = 0;
    if (++compiler->nesting > PATTERN_NESTING_MAX)
        compiler->failed = true;
    while (!compiler->failed) {
        const uint32_t branch = node_add(compiler, NODE_BRANCH);
        const uint32_t child = sequence(compiler);
        compiler->pattern->nodes[branch].child = child;
        if (last == 0)
            compiler->pattern->nodes[index].child = branch;
        else
            compiler->pattern->nodes[last].other = branch;
        last = branch;
        if (compiler->at == compiler->end || *compiler->at != '|')
            break;
        compiler->at++;
    }
    compiler->nesting--;
    return index;
}

/* Makes the end of each sequence go on to `next`. */
static void link_next(struct compiler *compiler, uint32_t index, uint32_t next)
{
    struct node *nodes = compiler->pattern->nodes;
    for (uint32_t i = index;;) {
        const uint32_t after = nodes[i].next == 0 ? next : nodes[i].next;
        const bool last = nodes[i].next == 0;
        nodes[i].next = after;
        if (nodes[i].type == NODE_ALTERNATIVES) {
            for (uint32_t branch = nodes[i].child; branch != 0; branch = nodes[branch].other) {
                if (nodes[branch].child == 0)
                    nodes[branch].child = after;
                else
                    link_next(compiler, nodes[branch].child, after);
            }
        } else if (nodes[i].type == NODE_REPEAT && nodes[nodes[i].child].type != NODE_CLASS) {
            const uint32_t loop = node_add(compiler, NODE_LOOP);
            nodes[loop].other = i;
            link_next(compiler, nodes[i].child, loop);
        } else if (nodes[i].type == NODE_LOOK) {
            link_next(compiler, nodes[i].child, node_add(compiler, NODE_LOOK_END));
        }
        if (last)
            return;
        i = after;
    }
}

struct pattern *pattern_new(struct mr_slice source)
{
    struct pattern *pattern = mr_calloc(1, sizeof(*pattern));
    pattern->nodes = mr_calloc(PATTERN_NODES_MAX, sizeof(*pattern->nodes));
    pattern->ranges = mr_calloc(PATTERN_RANGES_MAX, sizeof(*pattern->ranges));
    struct compiler compiler = {
        .pattern = pattern, .at = source.ptr, .end = source.ptr + source.len};
    node_add(&compiler, NODE_ACCEPT);
    pattern->start = alternatives(&compiler);
    if (compiler.at != compiler.end)
        compiler.failed = true;
    if (!compiler.failed)
        link_next(&compiler, pattern->start, 0);
    pattern->anything = compiler.failed;
    pattern->open_end = source.len > 0 && source.ptr[0] == '^' && source.ptr[source.len - 1] != '$';
    pattern->nodes = mr_realloc(pattern->nodes, (pattern->node_count + 1) * sizeof(struct node));
    pattern->ranges =
        mr_realloc(pattern->ranges, (pattern->range_count + 1) * sizeof(struct range));
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    free(pattern->nodes);
    free(pattern->ranges);
    free(pattern);
}

/* ---- matching ---- */
struct frame { /* one running repetition of a group */
    const struct frame *outer;
    uint32_t node;
    uint32_t count;
    const char *from; /* where this round began */
};
struct match {
    const struct pattern *pattern;
    const char *start, *end;
    uint32_t steps;
    uint32_t depth;
    bool gave_up;
};

static bool class_has(const struct pattern *pattern, const struct node *node, uint32_t code)
{
    for (uint32_t i = 0; i < node->count; i++) {
        const struct range *range = &pattern->ranges[node->first + i];
        if (code >= range->low && code <= range->high)
            return !node->negative;
    }
    return node->negative;
}

static bool match_at(struct match *match, uint32_t index, const char *at,
                     const struct frame *frame);

/* A repeated single character: as many as there are, then fewer. */
static bool match_run(struct match *match, const struct node *node, const char *at,
                      const struct frame *frame)
{
    const struct node *class = &match->pattern->nodes[node->child];
    uint32_t count = 0;
    const char *reached = at;
    while (count < node->max && reached < match->end) {
        const char *next = reached;
        if (!class_has(match->pattern, class, utf8_next(&next, match->end)))
            break;
        reached = next;
        count++;
    }
    while (count >= node->min) {
        if (match_at(match, node->next, reached, frame))
            return true;
        if (count == 0 || match->gave_up)
            return false;
        reached = utf8_back(at, reached);
        count--;
    }
    return false;
}

/* Round `count` of a repeated group ended at `at`: another one, or on. */
static bool match_round(struct match *match, uint32_t index, const char *at, uint32_t count,
                        const char *from, const struct frame *outer)
{
    const struct node *node = &match->pattern->nodes[index];
    const bool stuck = count > 0 && at == from; /* an empty round would repeat for ever */
    if (count < node->max && !(stuck && count >= node->min)) {
        const struct frame frame = {outer, index, count, at};
        if (match_at(match, node->child, at, &frame))
            return true;
    }
    return count >= node->min && match_at(match, node->next, at, outer);
}

static bool is_word(const struct match *match, const char *at)
{
    return at >= match->start && at < match->end &&
           ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
            (*at >= '0' && *at <= '9') || *at == '_');
}

static bool match_alternatives(struct match *match, const struct node *node, const char *at,
                               const struct frame *frame)
{
    const struct node *nodes = match->pattern->nodes;
    for (uint32_t branch = node->child; branch != 0; branch = nodes[branch].other)
        if (match_at(match, nodes[branch].child, at, frame))
            return true;
    return false;
}

/* Steps over nodes that take at most one character; *index and *at move on. False: no match. */
static bool match_simple(struct match *match, uint32_t *index, const char **at)
{
    const struct node *node = &match->pattern->nodes[*index];
    *index = node->next;
    switch (node->type) {
    case NODE_CLASS:
        return *at < match->end && class_has(match->pattern, node, utf8_next(at, match->end));
    case NODE_START: return *at == match->start;
    case NODE_END: return *at == match->end;
    case NODE_WORD_BOUNDARY: return is_word(match, *at) != is_word(match, *at - 1);
    case NODE_LOOK: return match_at(match, node->child, *at, NULL) != node->negative;
    default: return false;
    }
}

static bool match_from(struct match *match, uint32_t index, const char *at,
                       const struct frame *frame)
{
    for (;;) {
        const struct node *node = &match->pattern->nodes[index];
        if (++match->steps > PATTERN_STEPS_MAX) {
            match->gave_up = true;
            return true;
        }
        switch (node->type) {
        case NODE_ACCEPT: return at == match->end || match->pattern->open_end;
        case NODE_LOOK_END: return true;
        case NODE_ALTERNATIVES: return match_alternatives(match, node, at, frame);
        case NODE_REPEAT:
            if (match->pattern->nodes[node->child].type == NODE_CLASS)
                return match_run(match, node, at, frame);
            return match_round(match, index, at, 0, at, frame);
        case NODE_LOOP:
            return match_round(match, node->other, at, frame->count + 1, frame->from, frame->outer);
        default:
            if (!match_simple(match, &index, &at))
                return false;
        }
    }
}

static bool match_at(struct match *match, uint32_t index, const char *at, const struct frame *frame)
{
    if (match->gave_up || match->depth >= PATTERN_DEPTH_MAX) {
        match->gave_up = true;
        return true;
    }
    match->depth++;
    const bool matched = match_from(match, index, at, frame);
    match->depth--;
    return matched;
}

enum mr_status pattern_try(const struct pattern *pattern, struct mr_slice text)
{
    if (pattern->anything)
        return MR_INVALID;
    const char *start = text.ptr == NULL ? "" : text.ptr;
    struct match match = {.pattern = pattern, .start = start, .end = start + text.len};
    const bool matched = match_at(&match, pattern->start, start, NULL);
    return match.gave_up ? MR_FULL : matched ? MR_OK : MR_NOT_FOUND;
}

bool pattern_matches(const struct pattern *pattern, struct mr_slice text)
{
    return pattern_try(pattern, text) != MR_NOT_FOUND;
}

bool pattern_cached_matches(_Atomic(struct pattern *) *slot, struct mr_slice source,
                            struct mr_slice text)
{
    struct pattern *pattern = atomic_load_explicit(slot, memory_order_acquire);
    if (pattern == NULL) {
        struct pattern *made = pattern_new(source), *expected = NULL;
        if (atomic_compare_exchange_strong(slot, &expected, made)) {
            pattern = made;
        } else {
            pattern_free(made);
            pattern = expected;
        }
    }
    return pattern_matches(pattern, text);
}
