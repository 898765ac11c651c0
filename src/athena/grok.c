#include "athena/grok.h"
#include "base/buf.h"
#include <stdarg.h>

struct definition {
    struct mr_slice name, regex;
};
struct frame { /* the pattern that is being expanded, and those around it */
    struct mr_slice name;
    unsigned depth;
    const struct frame *outer;
};
struct expansion {
    struct mr_arena *arena;
    const struct mr_slice *columns;
    size_t column_count;
    struct definition *custom;
    size_t custom_count;
    struct athena_grok_capture **captures;
    size_t capture_count;
    struct athena_grok_column *found; /* NULL: who asks knows the columns */
    size_t found_count;
    struct mr_buf out;
    struct mr_slice why; /* empty while all is well */
};
struct reference {
    struct mr_slice name, column, type; /* column and type are empty when they are not named */
};

#define FAIL(expansion, ...) \
    ((expansion)->why = mr_arena_printf((expansion)->arena, __VA_ARGS__), false)

static bool is_name(struct mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return text.len > 0;
}

/* ---- custom patterns ---- */

static bool add_custom(struct expansion *expansion, struct mr_slice line)
{
    size_t at = 0;
    line = mr_slice_trim(line);
    if (line.len == 0 || line.ptr[0] == '#')
        return true;
    while (at < line.len && line.ptr[at] != ' ' && line.ptr[at] != '\t')
        at++;
    const struct mr_slice name = mr_slice_sub(line, 0, at);
    const struct mr_slice regex = mr_slice_trim(mr_slice_sub(line, at, SIZE_MAX));
    if (!is_name(name) || regex.len == 0)
        return FAIL(expansion, "the line '%.*s' of input.grokCustomPatterns is no name and pattern",
                    MR_ARG(line));
    if (expansion->custom_count == ATHENA_GROK_CUSTOM_MAX)
        return FAIL(expansion, "more than %d custom patterns", ATHENA_GROK_CUSTOM_MAX);
    expansion->custom[expansion->custom_count++] = (struct definition){name, regex};
    return true;
}

static bool read_custom(struct expansion *expansion, struct mr_slice lines)
{
    struct mr_slice line;
    expansion->custom =
        MR_NEW_ARRAY(expansion->arena, struct definition, (size_t)ATHENA_GROK_CUSTOM_MAX);
    while (mr_slice_split(&lines, '\n', &line)) {
        if (!add_custom(expansion, line))
            return false;
    }
    return true;
}

static struct mr_slice find(const struct expansion *expansion, struct mr_slice name)
{
    for (size_t i = expansion->custom_count; i > 0; i--) {
        if (mr_slice_equal(expansion->custom[i - 1].name, name))
            return expansion->custom[i - 1].regex;
    }
    return athena_grok_builtin(name);
}

/* ---- references ---- */

/* What a crawler may make of a column. */
static bool is_type(struct mr_slice type)
{
    static const struct mr_slice types[] = {
        MR_S_INIT("byte"), MR_S_INIT("boolean"), MR_S_INIT("double"), MR_S_INIT("short"),
        MR_S_INIT("int"),  MR_S_INIT("long"),    MR_S_INIT("float"),  MR_S_INIT("string")};
    for (size_t i = 0; i < MR_COUNT(types); i++) {
        if (mr_slice_equal(types[i], type))
            return true;
    }
    return false;
}

/* Reads what stands between the braces. */
static bool read_reference(struct expansion *expansion, struct mr_slice text,
                           struct reference *ret_reference)
{
    struct mr_slice rest = text, name, column = MR_S(""), type = MR_S("");
    const bool named = mr_slice_split(&rest, ':', &name) && mr_slice_split(&rest, ':', &column);
    const bool typed = named && mr_slice_split(&rest, ':', &type);
    if (!is_name(name) || (named && column.len == 0) || rest.ptr != NULL ||
        mr_slice_find(column, '=') != SIZE_MAX || mr_slice_find(column, '{') != SIZE_MAX)
        return FAIL(expansion, "'%%{%.*s}' is no reference to a pattern", MR_ARG(text));
    if (typed && !is_type(type))
        return FAIL(expansion, "'%%{%.*s}' has an unknown type", MR_ARG(text));
    *ret_reference = (struct reference){name, column, type};
    return true;
}

static struct mr_slice lower(struct mr_arena *arena, struct mr_slice text)
{
    char *copy = mr_arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = copy[i] >= 'A' && copy[i] <= 'Z' ? (char)(copy[i] + 32) : copy[i];
    return mr_slice_make(copy, text.len);
}

static bool note_column(struct expansion *expansion, const struct reference *reference)
{
    if (expansion->found == NULL || reference->column.len == 0 ||
        mr_slice_equal(reference->column, MR_S("UNWANTED")))
        return true;
    const struct mr_slice name = lower(expansion->arena, reference->column);
    for (size_t i = 0; i < expansion->found_count; i++) {
        if (mr_slice_equal(expansion->found[i].name, name))
            return true;
    }
    if (expansion->found_count == ATHENA_GROK_COLUMNS_MAX)
        return FAIL(expansion, "more than %d columns", ATHENA_GROK_COLUMNS_MAX);
    expansion->found[expansion->found_count++] = (struct athena_grok_column){name, reference->type};
    return true;
}

/* Groups are made for the table's columns alone, so their number stays small. */
static void open_group(struct expansion *expansion, const struct reference *reference,
                       unsigned depth)
{
    const bool named = reference->column.len > 0;
    const struct mr_slice wanted = named ? reference->column : reference->name;
    size_t i = 0;
    while (i < expansion->column_count && !mr_slice_equal_nocase(expansion->columns[i], wanted))
        i++;
    if (i == expansion->column_count || mr_slice_equal(wanted, MR_S("UNWANTED"))) {
        mr_buf_append(&expansion->out, MR_S("(?:"));
        return;
    }
    struct athena_grok_capture *capture = MR_NEW(expansion->arena, struct athena_grok_capture);
    capture->group = mr_arena_printf(expansion->arena, "mr_%zu", expansion->capture_count++);
    capture->rank = depth + (named ? 0 : ATHENA_GROK_DEPTH_MAX);
    mr_buf_printf(&expansion->out, "(?<%.*s>", MR_ARG(capture->group));
    struct athena_grok_capture **at = &expansion->captures[i];
    while (*at != NULL && (*at)->rank <= capture->rank)
        at = &(*at)->next;
    capture->next = *at;
    *at = capture;
}

static bool put(struct expansion *expansion, struct mr_slice text)
{
    if (text.len + expansion->out.len > ATHENA_GROK_BYTES_MAX)
        return FAIL(expansion, "the patterns expand to more than %d bytes", ATHENA_GROK_BYTES_MAX);
    mr_buf_append(&expansion->out, text);
    return true;
}

static bool expand(struct expansion *expansion, struct mr_slice text, const struct frame *frame);

static bool refer(struct expansion *expansion, struct mr_slice text, const struct frame *frame)
{
    struct reference reference;
    if (!read_reference(expansion, text, &reference))
        return false;
    const struct mr_slice regex = find(expansion, reference.name);
    if (regex.len == 0)
        return FAIL(expansion, "there is no pattern '%.*s'", MR_ARG(reference.name));
    for (const struct frame *outer = frame; outer != NULL; outer = outer->outer) {
        if (mr_slice_equal(outer->name, reference.name))
            return FAIL(expansion, "the pattern '%.*s' refers to itself", MR_ARG(reference.name));
    }
    const struct frame inner = {reference.name, frame == NULL ? 0 : frame->depth + 1, frame};
    if (inner.depth == ATHENA_GROK_DEPTH_MAX)
        return FAIL(expansion, "patterns are nested deeper than %d", ATHENA_GROK_DEPTH_MAX);
    open_group(expansion, &reference, inner.depth);
    return note_column(expansion, &reference) && expand(expansion, regex, &inner) &&
           put(expansion, MR_S(")"));
}

/* Recursion: as deep as ATHENA_GROK_DEPTH_MAX; as long as ATHENA_GROK_BYTES_MAX, for each reference
 * leaves some bytes. */
// NOLINTNEXTLINE(misc-no-recursion)
static bool expand(struct expansion *expansion, struct mr_slice text, const struct frame *frame)
{
    size_t at;
    while ((at = mr_slice_search(text, MR_S("%{"))) != SIZE_MAX) {
        const struct mr_slice inside = mr_slice_sub(text, at + 2, SIZE_MAX);
        const size_t end = mr_slice_find(inside, '}');
        if (end == SIZE_MAX)
            return FAIL(expansion, "'%.*s' has no end", MR_ARG(mr_slice_sub(text, at, SIZE_MAX)));
        if (!put(expansion, mr_slice_sub(text, 0, at)) ||
            !refer(expansion, mr_slice_sub(inside, 0, end), frame))
            return false;
        text = mr_slice_sub(inside, end + 1, SIZE_MAX);
    }
    return put(expansion, text);
}

enum mr_status athena_grok_expand(struct mr_arena *arena, struct mr_slice format,
                                  struct mr_slice custom, const struct mr_slice *columns,
                                  size_t column_count, struct athena_grok *ret_grok,
                                  struct mr_slice *ret_why)
{
    struct expansion expansion = {
        .arena = arena,
        .columns = columns,
        .column_count = column_count,
        .captures = MR_NEW_ARRAY(arena, struct athena_grok_capture *, column_count + 1),
    };
    const bool fine = read_custom(&expansion, custom) && expand(&expansion, format, NULL);
    if (fine)
        *ret_grok = (struct athena_grok){
            mr_arena_printf(arena, "(?s:.*?)(?:%.*s)(?s:.*)", MR_ARG(mr_buf_slice(&expansion.out))),
            expansion.captures};
    else
        *ret_why = expansion.why;
    mr_buf_fini(&expansion.out);
    return fine ? MR_OK : MR_INVALID;
}

enum mr_status athena_grok_columns(struct mr_arena *arena, struct mr_slice format,
                                   struct mr_slice custom, struct athena_grok_column **ret_columns,
                                   size_t *ret_count, struct mr_slice *ret_why)
{
    struct expansion expansion = {
        .arena = arena,
        .captures = MR_NEW_ARRAY(arena, struct athena_grok_capture *, 1),
        .found = MR_NEW_ARRAY(arena, struct athena_grok_column, (size_t)ATHENA_GROK_COLUMNS_MAX),
    };
    const bool fine = read_custom(&expansion, custom) && expand(&expansion, format, NULL);
    if (fine) {
        *ret_columns = expansion.found;
        *ret_count = expansion.found_count;
    } else {
        *ret_why = expansion.why;
    }
    mr_buf_fini(&expansion.out);
    return fine ? MR_OK : MR_INVALID;
}
