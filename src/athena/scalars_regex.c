/* regexp_*: functions over regex.h. A pattern is made once for the rows in a row that share it. */
#include "athena/regex.h"
#include "base/buf.h"
#include "athena/rows.h"
#include <ctype.h>

struct call {
    duckdb_function_info info;
    duckdb_vector output;
    const struct kind *kind;
    const void *data[4];
    const uint64_t *validity[4];
    idx_t inputs, at;
    struct mr_arena arena; /* of what is wrong with the pattern */
    struct athena_regex *regex;
    struct mr_slice pattern; /* in the arena */
    struct mr_buf text, message;
    idx_t items; /* of the list, over all rows */
    struct mr_slice subject;
};
struct kind {
    const char *name;
    duckdb_type arguments[4];
    duckdb_type result, item; /* of a list: what of */
    bool (*run)(struct call *call);
};

static struct mr_slice text_at(const struct call *call, size_t input)
{
    const duckdb_string_t *string = &((const duckdb_string_t *)call->data[input])[call->at];
    const uint32_t len = string->value.inlined.length;
    return mr_slice_make(len <= 12 ? string->value.inlined.inlined : string->value.pointer.ptr,
                         len);
}

static int64_t integer_at(const struct call *call, size_t input)
{
    return ((const int64_t *)call->data[input])[call->at];
}

static bool fail(struct call *call, const char *message)
{
    mr_buf_printf(&call->message, "INVALID_FUNCTION_ARGUMENT: %s", message);
    return false;
}

/* The matches of a subject, one after the other. */
struct walk {
    size_t from; /* where the next may begin */
    size_t last; /* where the one before ended */
    struct athena_regex_match match;
};

/* *ret_found: there is one more. False: the search gave up, the error is set. */
static bool next(struct call *call, struct walk *walk, bool *ret_found)
{
    *ret_found = false;
    if (walk->from > call->subject.len)
        return true;
    const enum athena_regex_found found =
        athena_regex_search(call->regex, call->subject, walk->from, &walk->match);
    *ret_found = found == REGEX_FOUND;
    if (*ret_found)
        walk->from = athena_regex_after(call->subject, &walk->match);
    return found != REGEX_GAVE_UP ||
           fail(call, "the regular expression needs too many steps for this text");
}

static struct mr_slice part(const struct call *call, struct athena_regex_span span)
{
    return mr_slice_sub(call->subject, span.from, span.to - span.from);
}

/* What lies between a match and the one before; from here on that one is this. */
static struct mr_slice before(const struct call *call, struct walk *walk)
{
    const struct athena_regex_span whole = walk->match.groups[0];
    const struct mr_slice text = mr_slice_sub(call->subject, walk->last, whole.from - walk->last);
    walk->last = whole.to;
    return text;
}

static void put_null(const struct call *call, duckdb_vector vector, idx_t at)
{
    (void)call;
    athena_duck.vector_ensure_validity_writable(vector);
    athena_duck.validity_set_row_invalid(athena_duck.vector_get_validity(vector), at);
}

static void put_text(struct call *call, struct mr_slice text)
{
    athena_duck.vector_assign_string_element_len(call->output, call->at,
                                                 text.len > 0 ? text.ptr : "", text.len);
}

/* ---- lists ---- */

static void list_begin(struct call *call)
{
    ((duckdb_list_entry *)athena_duck.vector_get_data(call->output))[call->at] =
        (duckdb_list_entry){call->items, 0};
}

/* `text` NULL: a NULL. */
static void list_add(struct call *call, const struct mr_slice *text)
{
    const idx_t room = 64;
    if ((call->items & (call->items - 1)) == 0 || call->items < room)
        athena_duck.list_vector_reserve(call->output, call->items < room ? room : call->items * 2);
    duckdb_vector child = athena_duck.list_vector_get_child(call->output);
    athena_duck.list_vector_set_size(call->output, call->items + 1);
    if (text == NULL)
        put_null(call, child, call->items);
    else
        athena_duck.vector_assign_string_element_len(child, call->items,
                                                     text->len > 0 ? text->ptr : "", text->len);
    call->items++;
    ((duckdb_list_entry *)athena_duck.vector_get_data(call->output))[call->at].length++;
}

/* ---- the functions ---- */

static bool like(struct call *call)
{
    struct walk walk = {0};
    bool found;
    if (!next(call, &walk, &found))
        return false;
    ((bool *)athena_duck.vector_get_data(call->output))[call->at] = found;
    return true;
}

/* The group asked for; false: there is none such, the error is set. */
static bool group_of(struct call *call, size_t input, size_t *ret_group)
{
    const int64_t group = call->inputs > input ? integer_at(call, input) : 0;
    if (group < 0)
        return fail(call, "Group cannot be negative");
    if (group > (int64_t)athena_regex_groups(call->regex)) {
        mr_buf_printf(&call->message,
                      "INVALID_FUNCTION_ARGUMENT: Pattern has %zu groups. Cannot access group %lld",
                      athena_regex_groups(call->regex), (long long)group);
        return false;
    }
    *ret_group = (size_t)group;
    return true;
}

static bool extract(struct call *call)
{
    struct walk walk = {0};
    size_t group;
    bool found;
    if (!group_of(call, 2, &group) || !next(call, &walk, &found))
        return false;
    if (!found || walk.match.groups[group].from == SIZE_MAX)
        put_null(call, call->output, call->at);
    else
        put_text(call, part(call, walk.match.groups[group]));
    return true;
}

/* A group's text; NULL when it took no part. */
static void list_add_group(struct call *call, const struct walk *walk, size_t group)
{
    const struct mr_slice text = part(call, walk->match.groups[group]);
    list_add(call, walk->match.groups[group].from == SIZE_MAX ? NULL : &text);
}

static bool extract_all(struct call *call)
{
    struct walk walk = {0};
    size_t group;
    bool found;
    list_begin(call);
    if (!group_of(call, 2, &group) || !next(call, &walk, &found))
        return false;
    while (found) {
        list_add_group(call, &walk, group);
        if (!next(call, &walk, &found))
            return false;
    }
    return true;
}

/* What lies between the matches, and for each match so many of its groups. */
static bool pieces(struct call *call, size_t groups)
{
    struct walk walk = {0};
    bool found;
    list_begin(call);
    if (!next(call, &walk, &found))
        return false;
    while (found) {
        const struct mr_slice text = before(call, &walk);
        list_add(call, &text);
        for (size_t i = 1; i <= groups; i++)
            list_add_group(call, &walk, i);
        if (!next(call, &walk, &found))
            return false;
    }
    const struct mr_slice text = mr_slice_sub(call->subject, walk.last, SIZE_MAX);
    list_add(call, &text);
    return true;
}

static bool split(struct call *call)
{
    return pieces(call, 0);
}

/* mr_regexp_parts(text, pattern): for each match the text before it and its groups, then what is
 * behind the last match. */
static bool parts(struct call *call)
{
    return pieces(call, athena_regex_groups(call->regex));
}

static bool count(struct call *call)
{
    struct walk walk = {0};
    int64_t matches = 0;
    for (bool found = true; found; matches += found) {
        if (!next(call, &walk, &found))
            return false;
    }
    ((int64_t *)athena_duck.vector_get_data(call->output))[call->at] = matches;
    return true;
}

/* mr_regexp_position(text, pattern, start, which) */
static bool position(struct call *call)
{
    struct walk walk = {0};
    const int64_t start = call->inputs > 2 ? integer_at(call, 2) : 1;
    int64_t which = call->inputs > 3 ? integer_at(call, 3) : 1;
    int64_t *result = &((int64_t *)athena_duck.vector_get_data(call->output))[call->at];
    bool found = true;
    if (start < 1)
        return fail(call, "start position cannot be smaller than 1");
    if (which < 1)
        return fail(call, "occurrence cannot be smaller than 1");
    for (int64_t i = 1; i < start && walk.from < call->subject.len; i++)
        walk.from += mr_slice_utf8_next(mr_slice_sub(call->subject, walk.from, SIZE_MAX));
    *result = -1;
    if (start > (int64_t)mr_slice_utf8_length(call->subject) + 1)
        return true;
    for (; which > 0 && found; which--) {
        if (!next(call, &walk, &found))
            return false;
    }
    if (found)
        *result = (int64_t)mr_slice_utf8_length(
                      mr_slice_sub(call->subject, 0, walk.match.groups[0].from)) +
                  1;
    return true;
}

/* Behind a dollar sign: $1, ${name}. False: no such group, the error is set. */
static bool put_group(struct call *call, struct mr_slice by, size_t *at,
                      const struct athena_regex_match *match)
{
    const size_t groups = athena_regex_groups(call->regex);
    size_t group = 0;
    if (*at < by.len && by.ptr[*at] == '{') {
        const size_t end = mr_slice_find(mr_slice_sub(by, *at, SIZE_MAX), '}');
        struct mr_slice name = mr_slice_sub(by, *at + 1, end == SIZE_MAX ? 0 : end - 1);
        group = end == SIZE_MAX ? 0 : athena_regex_group(call->regex, name);
        if (group == 0) {
            mr_buf_printf(&call->message,
                          "INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group "
                          "{ %.*s }",
                          MR_ARG(name));
            return false;
        }
        *at += end + 1;
    } else if (*at < by.len && isdigit((unsigned char)by.ptr[*at])) {
        group = (size_t)(by.ptr[(*at)++] - '0');
        if (group > groups) {
            mr_buf_printf(&call->message,
                          "INVALID_FUNCTION_ARGUMENT: Illegal replacement sequence: unknown group "
                          "%zu",
                          group);
            return false;
        }
        /* more digits as long as there is such a group */
        while (*at < by.len && isdigit((unsigned char)by.ptr[*at]) &&
               group * 10 + (size_t)(by.ptr[*at] - '0') <= groups)
            group = group * 10 + (size_t)(by.ptr[(*at)++] - '0');
    } else {
        return fail(call, "Illegal replacement sequence: ");
    }
    if (match->groups[group].from != SIZE_MAX)
        mr_buf_append(&call->text, part(call, match->groups[group]));
    return true;
}

static bool put_replacement(struct call *call, struct mr_slice by,
                            const struct athena_regex_match *match)
{
    for (size_t at = 0; at < by.len;) {
        const char byte = by.ptr[at++];
        if (byte == '\\' && at == by.len)
            return fail(call, "Illegal replacement sequence: ");
        if (byte == '$' ? !put_group(call, by, &at, match) : false)
            return false;
        if (byte == '\\')
            mr_buf_byte(&call->text, by.ptr[at++]);
        else if (byte != '$')
            mr_buf_byte(&call->text, byte);
    }
    return true;
}

static bool replace(struct call *call)
{
    struct mr_slice by = call->inputs > 2 ? text_at(call, 2) : MR_S("");
    struct walk walk = {0};
    bool found;
    mr_buf_reset(&call->text);
    if (!next(call, &walk, &found))
        return false;
    while (found) {
        mr_buf_append(&call->text, before(call, &walk));
        if (!put_replacement(call, by, &walk.match) || !next(call, &walk, &found))
            return false;
    }
    mr_buf_append(&call->text, mr_slice_sub(call->subject, walk.last, SIZE_MAX));
    put_text(call, mr_buf_slice(&call->text));
    return true;
}

/* mr_regexp_line(line, pattern, ignore case): its groups; NULL when it is no match. */
static bool line(struct call *call)
{
    struct walk walk = {0};
    bool found;
    list_begin(call);
    if (!next(call, &walk, &found))
        return false;
    for (size_t i = 1; found && i <= athena_regex_groups(call->regex); i++)
        list_add_group(call, &walk, i);
    if (!found)
        put_null(call, call->output, call->at);
    return true;
}

/* mr_regexp_groups(pattern, any): how many groups it has. */
static bool groups(struct call *call)
{
    ((int64_t *)athena_duck.vector_get_data(call->output))[call->at] =
        (int64_t)athena_regex_groups(call->regex);
    return true;
}

/* ---- rows ---- */

static bool prepare(struct call *call)
{
    struct mr_slice pattern = text_at(call, 1);
    const char *why = "";
    if (call->regex != NULL && mr_slice_equal(pattern, call->pattern))
        return true;
    athena_regex_free(call->regex);
    mr_arena_reset(&call->arena);
    call->pattern = mr_arena_copy(&call->arena, pattern);
    call->regex = call->kind->run == line ? athena_regex_make_line(&call->arena, call->pattern,
                                                                   integer_at(call, 2) != 0, &why)
                                          : athena_regex_make(&call->arena, call->pattern, &why);
    return call->regex != NULL || fail(call, why);
}

static void run(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output)
{
    struct call call = {.info = info, .output = output};
    const idx_t rows = athena_duck.data_chunk_get_size(chunk);
    bool fine = true;
    call.kind = athena_duck.scalar_function_get_extra_info(info);
    call.inputs = athena_duck.data_chunk_get_column_count(chunk);
    mr_arena_init(&call.arena);
    for (idx_t i = 0; i < call.inputs; i++) {
        duckdb_vector input = athena_duck.data_chunk_get_vector(chunk, i);
        call.data[i] = athena_duck.vector_get_data(input);
        call.validity[i] = athena_duck.vector_get_validity(input);
    }
    for (; call.at < rows && fine; call.at++) {
        bool null = false;
        for (idx_t i = 0; i < call.inputs; i++)
            null = null || (call.validity[i] != NULL &&
                            (call.validity[i][call.at / 64] >> (call.at % 64) & 1) == 0);
        if (null) {
            if (call.kind->result == DUCKDB_TYPE_LIST)
                list_begin(&call);
            put_null(&call, output, call.at);
            continue;
        }
        call.subject = text_at(&call, 0);
        fine = (mr_slice_is_utf8(call.subject) || fail(&call, "the text is not UTF-8")) &&
               prepare(&call) && call.kind->run(&call);
    }
    if (!fine) {
        mr_buf_byte(&call.message, '\0');
        athena_duck.scalar_function_set_error(info, call.message.data);
    }
    athena_regex_free(call.regex);
    mr_arena_fini(&call.arena);
    mr_buf_fini(&call.text);
    mr_buf_fini(&call.message);
}

static duckdb_logical_type result_type(const struct kind *kind)
{
    duckdb_logical_type type = athena_duck.create_logical_type(
        kind->result == DUCKDB_TYPE_LIST ? kind->item : kind->result);
    if (kind->result != DUCKDB_TYPE_LIST)
        return type;
    duckdb_logical_type list = athena_duck.create_list_type(type);
    athena_duck.destroy_logical_type(&type);
    return list;
}

static const char *name_of(const void *table, size_t index)
{
    return ((const struct kind *)table)[index].name;
}

static duckdb_scalar_function make(const void *table, size_t index)
{
    const struct kind *kind = &((const struct kind *)table)[index];
    duckdb_scalar_function function = athena_duck.create_scalar_function();
    athena_overload_begin(function, kind->name, kind->arguments, MR_COUNT(kind->arguments));
    duckdb_logical_type type = result_type(kind);
    athena_duck.scalar_function_set_return_type(function, type);
    athena_duck.destroy_logical_type(&type);
    athena_duck.scalar_function_set_function(function, run);
    athena_duck.scalar_function_set_extra_info(function, (void *)(uintptr_t)kind, NULL);
    return function;
}

enum mr_status athena_regex_register(duckdb_connection connection)
{
#define V DUCKDB_TYPE_VARCHAR
#define B DUCKDB_TYPE_BIGINT
#define LIST DUCKDB_TYPE_LIST, DUCKDB_TYPE_VARCHAR
#define ONE DUCKDB_TYPE_INVALID
    static const struct kind kinds[] = {
        {"mr_regexp_like", {V, V}, DUCKDB_TYPE_BOOLEAN, ONE, like},
        {"mr_regexp_extract", {V, V}, V, ONE, extract},
        {"mr_regexp_extract", {V, V, B}, V, ONE, extract},
        {"mr_regexp_extract_all", {V, V}, LIST, extract_all},
        {"mr_regexp_extract_all", {V, V, B}, LIST, extract_all},
        {"mr_regexp_split", {V, V}, LIST, split},
        {"mr_regexp_parts", {V, V}, LIST, parts},
        {"mr_regexp_count", {V, V}, B, ONE, count},
        {"mr_regexp_position", {V, V}, B, ONE, position},
        {"mr_regexp_position", {V, V, B}, B, ONE, position},
        {"mr_regexp_position", {V, V, B, B}, B, ONE, position},
        {"mr_regexp_replace", {V, V}, V, ONE, replace},
        {"mr_regexp_replace", {V, V, V}, V, ONE, replace},
        {"mr_regexp_line", {V, V, B}, LIST, line},
        {"mr_regexp_groups", {V, V}, B, ONE, groups},
    };
#undef V
#undef B
#undef LIST
#undef ONE
    const struct athena_overloads all = {kinds, MR_COUNT(kinds), name_of, make};
    return athena_overloads_register(connection, &all);
}
