#include "glue/glob.h"

enum { GLOB_STEPS_MAX = 100000 }; /* a hostile pattern ends instead of running for ever */

static bool match(struct mr_slice pattern, struct mr_slice path, size_t *steps);

static struct mr_slice behind(struct mr_slice s, size_t n)
{
    return mr_slice_sub(s, n, SIZE_MAX);
}

static bool match_star(struct mr_slice pattern, struct mr_slice path, size_t *steps)
{
    const bool deep = pattern.len > 1 && pattern.ptr[1] == '*';
    struct mr_slice rest = behind(pattern, deep ? 2 : 1);
    /* "a/" + "**" + "/b" also fits a/b */
    if (deep && rest.len > 0 && rest.ptr[0] == '/' && match(behind(rest, 1), path, steps))
        return true;
    for (size_t i = 0; i <= path.len; i++) {
        if (match(rest, behind(path, i), steps))
            return true;
        if (i < path.len && !deep && path.ptr[i] == '/')
            return false;
    }
    return false;
}

static bool match_set(struct mr_slice pattern, struct mr_slice path, size_t *steps)
{
    const size_t end = mr_slice_find(pattern, ']');
    if (end == SIZE_MAX || path.len == 0 || path.ptr[0] == '/')
        return false;
    size_t i = 1;
    const bool negated = pattern.ptr[1] == '!';
    i += negated;
    bool found = false;
    for (; i < end; i++) {
        const char low = pattern.ptr[i];
        char high = low;
        if (i + 2 < end && pattern.ptr[i + 1] == '-') {
            high = pattern.ptr[i + 2];
            i += 2;
        }
        found = found || (path.ptr[0] >= low && path.ptr[0] <= high);
    }
    return found != negated && match(behind(pattern, end + 1), behind(path, 1), steps);
}

/* {a,b}: tries each word in front of what follows the brace. */
static bool match_group(struct mr_slice pattern, struct mr_slice path, size_t *steps)
{
    const size_t end = mr_slice_find(pattern, '}');
    if (end == SIZE_MAX)
        return false;
    struct mr_slice words = mr_slice_sub(pattern, 1, end - 1), word;
    while (mr_slice_split(&words, ',', &word)) {
        for (size_t i = 0; i <= path.len; i++) {
            size_t word_steps = *steps;
            if (match(word, mr_slice_sub(path, 0, i), &word_steps) &&
                match(behind(pattern, end + 1), behind(path, i), steps))
                return true;
            *steps += 16;
        }
    }
    return false;
}

static bool match(struct mr_slice pattern, struct mr_slice path, size_t *steps)
{
    while (pattern.len > 0) {
        if (++*steps > GLOB_STEPS_MAX)
            return false;
        char want = pattern.ptr[0];
        if (want == '*')
            return match_star(pattern, path, steps);
        if (want == '[')
            return match_set(pattern, path, steps);
        if (want == '{')
            return match_group(pattern, path, steps);
        if (want == '\\' && pattern.len > 1) {
            pattern = behind(pattern, 1);
            want = pattern.ptr[0];
        } else if (want == '?' && path.len > 0 && path.ptr[0] != '/') {
            want = path.ptr[0];
        }
        if (path.len == 0 || path.ptr[0] != want)
            return false;
        pattern = behind(pattern, 1);
        path = behind(path, 1);
    }
    return path.len == 0;
}

bool glue_glob_match(struct mr_slice pattern, struct mr_slice path)
{
    size_t steps = 0;
    return match(pattern, path, &steps);
}
