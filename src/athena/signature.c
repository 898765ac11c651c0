/* Which of a function's signatures a call means, and the type it has then. */
#include "athena/functions.h"
#include "athena/translate.h"
#include <ctype.h>
#include <stdlib.h>

enum { ARGUMENTS_MAX = 64 };

struct call {
    struct athena_translation *translation;
    const struct athena_node *node;
    const struct athena_sqltype *types[ARGUMENTS_MAX]; /* NULL: a lambda, or not known */
    const struct athena_node *nodes[ARGUMENTS_MAX];
    size_t count;
    bool partial; /* a type is not known */
};
struct match {
    const struct athena_sqltype *variables[26];
    bool coerce; /* types may differ where Trino converts */
};

/* ---- the text of a signature ---- */

/* The next piece of `text` up to one of `ends` outside parentheses; `text` goes behind it. */
static struct mr_slice cut(struct mr_slice *text, const char *ends)
{
    size_t depth = 0, at = 0;
    for (; at < text->len; at++) {
        const char byte = text->ptr[at];
        if (depth == 0 && mr_byte_in(byte, ends))
            break;
        depth += byte == '(';
        depth -= byte == ')';
    }
    struct mr_slice piece = mr_slice_sub(*text, 0, at);
    *text = mr_slice_sub(*text, at + 1, SIZE_MAX);
    return piece;
}

/* What stands in the parentheses behind `name`; false: it is another name. */
static bool inside(struct mr_slice text, const char *name, struct mr_slice *ret)
{
    const size_t len = strlen(name);
    if (text.len < len + 2 || text.ptr[len] != '(' ||
        !mr_slice_starts_with(text, mr_slice_make(name, len)))
        return false;
    *ret = mr_slice_sub(text, len + 1, text.len - len - 2);
    return true;
}

static bool is_variable(struct mr_slice text)
{
    return text.len == 1 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z';
}

static const struct athena_sqltype *simple(struct mr_slice text)
{
    if (mr_slice_equal(text, MR_S("instant")))
        return athena_sqltype_simple(SQL_TIMESTAMP_TZ);
    if (mr_slice_equal(text, MR_S("timetz")))
        return athena_sqltype_simple(SQL_TIME_TZ);
    for (int kind = SQL_UNKNOWN; kind < SQL_ARRAY; kind++) {
        const struct athena_sqltype *type = athena_sqltype_simple((enum athena_sql_kind)kind);
        const char *name = kind == SQL_REAL ? "real" : athena_sqltype_name(type);
        if (kind != SQL_TIMESTAMP_TZ && mr_slice_equal(text, mr_slice_cstr(name)))
            return type;
    }
    return NULL;
}

/* ---- matching ---- */

static bool match_type(const struct call *call, struct match *match, struct mr_slice text,
                       const struct athena_sqltype *type);

static bool match_variable(const struct call *call, struct match *match, char name,
                           const struct athena_sqltype *type)
{
    const struct athena_sqltype **variable = &match->variables[name - 'A'];
    if (*variable == NULL || type == NULL) {
        *variable = *variable == NULL ? type : *variable;
        return true;
    }
    if (athena_sqltype_equal(*variable, type))
        return true;
    *variable = athena_sqltype_common(call->translation->arena, *variable, type);
    return *variable != NULL;
}

static bool match_items(const struct call *call, struct match *match, struct mr_slice texts,
                        const struct athena_sqltype *type, enum athena_sql_kind kind)
{
    if (type == NULL || (type->kind == SQL_UNKNOWN && match->coerce))
        return true;
    if (type->kind != kind)
        return false;
    for (size_t i = 0; texts.len > 0; i++) {
        if (i == type->count || !match_type(call, match, cut(&texts, ","), type->items[i]))
            return false;
    }
    return true;
}

static bool match_group(struct mr_slice text, const struct athena_sqltype *type, bool *ret)
{
    const bool moment = type->kind >= SQL_DATE && type->kind <= SQL_TIMESTAMP_TZ;
    if (mr_slice_equal(text, MR_S("any")))
        *ret = true;
    else if (mr_slice_equal(text, MR_S("number")))
        *ret = athena_sqltype_is_number(type);
    else if (mr_slice_equal(text, MR_S("integral")))
        *ret = athena_sqltype_is_integer(type);
    else if (mr_slice_equal(text, MR_S("moment")))
        *ret = moment && type->kind != SQL_TIME && type->kind != SQL_TIME_TZ;
    else if (mr_slice_equal(text, MR_S("text")))
        *ret = athena_sqltype_is_text(type);
    else
        return false;
    return true;
}

static bool match_type(const struct call *call, struct match *match, struct mr_slice text,
                       const struct athena_sqltype *type)
{
    struct mr_slice items;
    bool fits;
    if (is_variable(text))
        return match_variable(call, match, text.ptr[0], type);
    if (type == NULL)
        return true;
    if (inside(text, "array", &items))
        return match_items(call, match, items, type, SQL_ARRAY);
    if (inside(text, "map", &items))
        return match_items(call, match, items, type, SQL_MAP);
    if (inside(text, "row", &items))
        return match_items(call, match, items, type, SQL_ROW);
    if (inside(text, "qdigest", &items))
        return match_items(call, match, items, type, SQL_QDIGEST);
    if (match_group(text, type, &fits))
        return fits || (type->kind == SQL_UNKNOWN && match->coerce);
    const struct athena_sqltype *wanted = simple(text);
    if (wanted == NULL)
        return false;
    return wanted->kind == type->kind ||
           (match->coerce && athena_sqltype_coerces(call->translation->arena, type, wanted));
}

/* ---- what a matched signature says ---- */

static const struct athena_sqltype *made(const struct call *call, const struct match *match,
                                         struct mr_slice text);

static const struct athena_sqltype *made_items(const struct call *call, const struct match *match,
                                               struct mr_slice items, enum athena_sql_kind kind)
{
    const struct athena_sqltype *list[8] = {NULL};
    struct mr_slice names[8] = {{0}};
    size_t count = 0;
    while (items.len > 0 && count < MR_COUNT(list)) {
        struct mr_slice item = cut(&items, ",");
        const size_t colon = mr_slice_find(item, ':');
        if (colon != SIZE_MAX)
            names[count] = mr_slice_sub(item, 0, colon);
        list[count] =
            made(call, match, colon == SIZE_MAX ? item : mr_slice_sub(item, colon + 1, SIZE_MAX));
        if (list[count++] == NULL)
            return NULL;
    }
    struct mr_arena *arena = call->translation->arena;
    if (kind == SQL_ARRAY)
        return athena_sqltype_array(arena, list[0]);
    if (kind == SQL_MAP)
        return athena_sqltype_map(arena, list[0], list[1]);
    struct athena_sqltype *row = athena_sqltype_row(arena, count);
    row->kind = kind;
    for (size_t i = 0; i < count; i++) {
        row->items[i] = list[i];
        if (kind == SQL_ROW && names[i].len > 0)
            row->names[i] = names[i];
    }
    return row;
}

/* Rules that no signature can say. */
static const struct athena_sqltype *made_by_rule(const struct call *call, struct mr_slice name)
{
    const struct athena_sqltype *first = call->types[0];
    struct mr_arena *arena = call->translation->arena;
    if (mr_slice_equal(name, MR_S("common"))) {
        const struct athena_sqltype *type = first;
        for (size_t i = 1; i < call->count && type != NULL; i++)
            type =
                call->types[i] == NULL ? NULL : athena_sqltype_common(arena, type, call->types[i]);
        return type;
    }
    if (first == NULL || first->kind != SQL_DECIMAL)
        return NULL;
    const int whole = first->precision - first->scale;
    if (mr_slice_equal(name, MR_S("sum")))
        return athena_sqltype_sized(arena, SQL_DECIMAL, 38, first->scale);
    if (mr_slice_equal(name, MR_S("whole"))) /* ceil, floor, round */
        return athena_sqltype_sized(arena, SQL_DECIMAL, whole + (first->scale > 0 ? 1 : 0), 0);
    if (mr_slice_equal(name, MR_S("cut")))
        return athena_sqltype_sized(arena, SQL_DECIMAL, whole > 0 ? whole : 1, 0);
    if (mr_slice_equal(name, MR_S("round")))
        return athena_sqltype_sized(
            arena, SQL_DECIMAL, first->precision < 38 ? first->precision + 1 : 38, first->scale);
    return mr_slice_equal(name, MR_S("sign")) ? athena_sqltype_sized(arena, SQL_DECIMAL, 1, 0)
                                              : NULL;
}

static const struct athena_sqltype *made(const struct call *call, const struct match *match,
                                         struct mr_slice text)
{
    struct mr_slice items;
    if (is_variable(text))
        return match->variables[text.ptr[0] - 'A'];
    if (text.ptr[0] == '=')
        return call->types[text.ptr[1] - '1'];
    if (text.ptr[0] == '@')
        return made_by_rule(call, mr_slice_sub(text, 1, SIZE_MAX));
    if (inside(text, "array", &items))
        return made_items(call, match, items, SQL_ARRAY);
    if (inside(text, "map", &items))
        return made_items(call, match, items, SQL_MAP);
    if (inside(text, "row", &items))
        return made_items(call, match, items, SQL_ROW);
    if (inside(text, "qdigest", &items))
        return made_items(call, match, items, SQL_QDIGEST);
    return simple(text);
}

/* ---- lambdas ---- */

static bool match_lambda(struct call *call, struct match *match, struct mr_slice text,
                         const struct athena_node *lambda)
{
    struct athena_translation *translation = call->translation;
    struct athena_level *outer = translation->level;
    const size_t arguments = athena_node_count(lambda->items);
    struct athena_fields fields = athena_fields_make(translation, arguments);
    const struct athena_node *name = lambda->items;
    for (size_t i = 0; i < arguments; i++, name = name->next) {
        struct mr_slice type = cut(&text, ",");
        if (text.len == 0)
            return false;
        fields.list[i] = (struct athena_field){.name = name->text, .type = made(call, match, type)};
    }
    if (mr_slice_find(text, ',') != SIZE_MAX && text.ptr[text.len - 1] != ')')
        return false;
    if (translation->lambdas >= ATHENA_LAMBDAS_MAX) {
        athena_translate_fail(translation, lambda, "NOT_SUPPORTED",
                              "more than %d lambdas inside each other are not supported",
                              ATHENA_LAMBDAS_MAX);
        return true;
    }
    athena_level_push(translation);
    athena_level_add(translation, MR_S(""), fields);
    translation->lambdas++;
    const struct athena_sqltype *type = athena_infer(translation, lambda->left);
    translation->lambdas--;
    translation->level = outer;
    match->coerce = true;
    return athena_translate_failed(translation) || match_type(call, match, text, type);
}

/* ---- choosing ---- */

/* The type of the next argument; one with "..." behind it repeats. False: there is no more. */
static bool next_type(struct mr_slice *texts, struct mr_slice *text)
{
    if (texts->len == 0)
        return false;
    struct mr_slice rest = *texts, piece = cut(&rest, ",");
    if (mr_slice_ends_with(piece, MR_S("...")))
        piece.len -= 3;
    else
        *texts = rest;
    *text = piece;
    return true;
}

static bool each_argument(struct call *call, struct match *match, struct mr_slice texts,
                          bool lambdas)
{
    struct mr_slice text = MR_S(""), items;
    for (size_t i = 0; i < call->count; i++) {
        if (!next_type(&texts, &text))
            return false;
        const bool is_lambda = call->nodes[i]->kind == AST_LAMBDA;
        if (inside(text, "fn", &items) != is_lambda)
            return false;
        if (lambdas && is_lambda && !match_lambda(call, match, items, call->nodes[i]))
            return false;
        if (!lambdas && !is_lambda && !match_type(call, match, text, call->types[i]))
            return false;
    }
    struct mr_slice last = texts, piece = cut(&last, ",");
    return texts.len == 0 || (last.len == 0 && mr_slice_ends_with(piece, MR_S("...")));
}

static void wrap(struct call *call, size_t index, const struct athena_sqltype *type)
{
    struct athena_node *node = (struct athena_node *)(uintptr_t)call->node, **at = &node->items;
    const struct athena_sqltype *from = call->types[index];
    struct mr_buf a = {0}, b = {0};
    if (from == NULL || !athena_sqltype_known(type))
        return;
    athena_sqltype_duck(&a, from);
    athena_sqltype_duck(&b, type);
    const bool same = mr_slice_equal(mr_buf_slice(&a), mr_buf_slice(&b)) ||
                      (from->kind == SQL_DECIMAL && type->kind == SQL_DECIMAL);
    mr_buf_fini(&a);
    mr_buf_fini(&b);
    if (same && !athena_pads(from, type))
        return;
    for (size_t i = 0; i < index; i++)
        at = &(*at)->next;
    struct athena_node *coerced = MR_NEW(call->translation->arena, struct athena_node);
    *coerced = (struct athena_node){.kind = AST_COERCE,
                                    .inferred = true,
                                    .type = type,
                                    .line = (*at)->line,
                                    .column = (*at)->column,
                                    .left = *at,
                                    .next = (*at)->next};
    *at = coerced;
}

/* Arguments that Trino would convert are converted in the tree. */
static void convert(struct call *call, const struct match *match, struct mr_slice texts)
{
    struct mr_slice text = MR_S("");
    bool fits;
    for (size_t i = 0; i < call->count; i++) {
        (void)next_type(&texts, &text);
        const struct athena_sqltype *from = call->types[i];
        if (call->nodes[i]->kind == AST_LAMBDA || from == NULL || match_group(text, from, &fits))
            continue;
        const struct athena_sqltype *type = made(call, match, text);
        if (type != NULL && type->kind == SQL_DECIMAL && athena_sqltype_is_integer(from))
            type = NULL;
        if (type != NULL)
            wrap(call, i, type);
    }
}

/* Where "array(T)(array(T))" has its last parentheses. */
static size_t arguments_of(struct mr_slice signature)
{
    size_t depth = 0, open = signature.len;
    while (open > 0) {
        open--;
        depth += signature.ptr[open] == ')';
        depth -= signature.ptr[open] == '(';
        if (depth == 0)
            break;
    }
    return open;
}

static bool fits(struct call *call, struct mr_slice signature, bool coerce,
                 const struct athena_sqltype **ret_type)
{
    struct match match = {.coerce = coerce};
    const size_t open = arguments_of(signature);
    struct mr_slice result = mr_slice_sub(signature, 0, open);
    struct mr_slice texts = mr_slice_sub(signature, open + 1, signature.len - open - 2);
    if (!each_argument(call, &match, texts, false) || !each_argument(call, &match, texts, true))
        return false;
    *ret_type = made(call, &match, result);
    if (!athena_translate_failed(call->translation))
        convert(call, &match, texts);
    return true;
}

/* The result that all signatures for so many arguments have; NULL: they differ. */
static const struct athena_sqltype *only_result(const struct call *call)
{
    const struct athena_function *function = NULL;
    const struct athena_sqltype *type = NULL;
    while ((function = athena_function_next(call->node->text, function)) != NULL) {
        struct mr_slice rest = mr_slice_cstr(function->types == NULL ? "" : function->types);
        while (rest.len > 0 && athena_function_takes(function, call->count)) {
            struct mr_slice signature = cut(&rest, ";");
            const struct athena_sqltype *one =
                simple(mr_slice_sub(signature, 0, mr_slice_find(signature, '(')));
            if (one == NULL || (type != NULL && one != type))
                return NULL;
            type = one;
        }
    }
    return type;
}

/* For arguments that are not all known: a row that is made for them, else any that fits. */
static const struct athena_function *choose_partial(struct call *call,
                                                    const struct athena_sqltype **ret_type)
{
    const struct athena_function *function = NULL, *found = NULL;
    while ((function = athena_function_next(call->node->text, function)) != NULL) {
        struct mr_slice rest = mr_slice_cstr(function->types == NULL ? "" : function->types);
        if (!athena_function_takes(function, call->count))
            continue;
        if (function->types == NULL)
            found = function;
        while (rest.len > 0 && found == NULL) {
            if (fits(call, cut(&rest, ";"), true, ret_type))
                found = function;
        }
    }
    *ret_type = only_result(call);
    return found;
}

/* The first signature that fits exactly, else the first that fits with conversions. */
static const struct athena_function *choose(struct call *call,
                                            const struct athena_sqltype **ret_type)
{
    const struct athena_function *function;
    if (call->partial)
        return choose_partial(call, ret_type);
    for (int coerce = 0; coerce < 2; coerce++) {
        function = NULL;
        while ((function = athena_function_next(call->node->text, function)) != NULL) {
            struct mr_slice rest = mr_slice_cstr(function->types == NULL ? "" : function->types);
            if (!athena_function_takes(function, call->count))
                continue;
            while (rest.len > 0) {
                if (fits(call, cut(&rest, ";"), coerce > 0, ret_type))
                    return function;
            }
        }
    }
    return NULL;
}

/* ---- calls ---- */

/* What the words of functions.h that stand for several types are called in Trino's messages. */
struct spelling {
    const char *word, *types[8];
};
enum { EXPECTED_MAX = 64 };
struct expected {
    struct mr_slice texts[EXPECTED_MAX];
    size_t count;
};

static const struct spelling *spelling_of(struct mr_slice word, bool aggregate)
{
    static const struct spelling rows[] = {
        {"number", {"bigint", "decimal(p,s)", "double", "integer", "real", "smallint", "tinyint"}},
        {"integral", {"bigint", "integer", "smallint", "tinyint"}},
        {"moment", {"date", "timestamp(p)", "timestamp(p) with time zone"}},
        {"instant", {"timestamp(p) with time zone"}},
        {"text", {"char(x)", "varchar(x)"}},
        {"time", {"time(p)"}},
        {"timetz", {"time(p) with time zone"}},
        {"timestamp", {"timestamp(p)"}},
        {"decimal", {"decimal(p,s)"}},
        {"any", {"T"}}};
    static const struct spelling whole = {"integral", {"bigint"}};
    if (aggregate && mr_slice_equal(word, MR_S("integral")))
        return &whole;
    for (size_t i = 0; i < MR_COUNT(rows); i++) {
        if (mr_slice_equal(word, mr_slice_cstr(rows[i].word)))
            return &rows[i];
    }
    return NULL;
}

static bool is_word(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_' || byte == ' ';
}

/* The first word of a signature's arguments that stands for several types. */
static const struct spelling *find_spelling(struct mr_slice text, bool aggregate)
{
    for (size_t at = 0, end; at < text.len; at = end + 1) {
        for (end = at; end < text.len && is_word(text.ptr[end]); end++) {
        }
        const bool spelt = end < text.len && text.ptr[end] == '('; /* has its digits already */
        const struct spelling *found =
            spelt ? NULL : spelling_of(mr_slice_sub(text, at, end - at), aggregate);
        if (found != NULL)
            return found;
    }
    return NULL;
}

/* `text` with that type for each such word. */
static struct mr_slice spelt(struct mr_arena *arena, struct mr_slice text, const char *word,
                             const char *type)
{
    struct mr_buf out = {0};
    for (size_t at = 0, end; at < text.len; at = end + 1) {
        for (end = at; end < text.len && is_word(text.ptr[end]); end++) {
        }
        struct mr_slice piece = mr_slice_sub(text, at, end - at);
        const bool digits = end < text.len && text.ptr[end] == '(';
        mr_buf_append(&out, !digits && mr_slice_equal(piece, mr_slice_cstr(word))
                                ? mr_slice_cstr(type)
                                : piece);
        if (end < text.len)
            mr_buf_byte(&out, text.ptr[end]);
    }
    struct mr_slice copy = mr_arena_copy(arena, mr_buf_slice(&out));
    mr_buf_fini(&out);
    return copy;
}

static void add_expected(struct mr_arena *arena, struct expected *all, struct mr_slice text,
                         bool aggregate)
{
    const struct spelling *spelling = find_spelling(text, aggregate);
    for (size_t i = 0; spelling != NULL && i < MR_COUNT(spelling->types); i++) {
        if (spelling->types[i] != NULL)
            add_expected(arena, all, spelt(arena, text, spelling->word, spelling->types[i]),
                         aggregate);
    }
    bool known = spelling != NULL || all->count == EXPECTED_MAX;
    for (size_t i = 0; i < all->count && !known; i++)
        known = mr_slice_equal(all->texts[i], text);
    if (!known)
        all->texts[all->count++] = text;
}

static int by_text(const void *a, const void *b)
{
    return mr_slice_compare(*(const struct mr_slice *)a, *(const struct mr_slice *)b);
}

/* Every signature, sorted. */
static void put_expected(const struct call *call, struct mr_buf *out)
{
    struct expected all = {0};
    const struct athena_function *function = NULL;
    while ((function = athena_function_next(call->node->text, function)) != NULL) {
        struct mr_slice rest = mr_slice_cstr(function->types == NULL ? "" : function->types);
        while (rest.len > 0) {
            struct mr_slice signature = cut(&rest, ";");
            add_expected(call->translation->arena, &all,
                         mr_slice_sub(signature, arguments_of(signature), SIZE_MAX),
                         (function->flags & ATHENA_AGGREGATE) != 0);
        }
    }
    qsort(all.texts, all.count, sizeof *all.texts, by_text);
    for (size_t i = 0; i < all.count; i++) {
        mr_buf_printf(out, "%s%.*s", i > 0 ? ", " : "", MR_ARG(call->node->text));
        for (size_t at = 0; at < all.texts[i].len; at++) {
            const char byte = all.texts[i].ptr[at];
            mr_buf_byte(out, byte);
            const bool inner = at > 0 && (all.texts[i].ptr[at - 1] == 'p');
            if (byte == ',' && !inner)
                mr_buf_byte(out, ' ');
        }
    }
}

static void fail_types(struct call *call)
{
    struct mr_buf text = {0};
    mr_buf_append(&text, MR_S("Unexpected parameters ("));
    for (size_t i = 0; i < call->count; i++) {
        if (i > 0)
            mr_buf_append(&text, MR_S(", "));
        if (call->nodes[i]->kind == AST_LAMBDA)
            mr_buf_append(&text, MR_S("<function>"));
        else
            athena_sqltype_print(&text, call->types[i]);
    }
    mr_buf_printf(&text, ") for function %.*s. Expected: ", MR_ARG(call->node->text));
    put_expected(call, &text);
    athena_translate_fail(call->translation, call->node, "FUNCTION_NOT_FOUND", "%.*s",
                          MR_ARG(mr_buf_slice(&text)));
    mr_buf_fini(&text);
}

/* Those that are forms of the language, not functions, in Trino. */
static bool fail_form(struct call *call)
{
    struct athena_translation *translation = call->translation;
    struct mr_slice name = call->node->text, types[3];
    if (call->count < 2)
        return false;
    for (size_t i = 0; i < call->count && i < MR_COUNT(types); i++)
        types[i] = call->types[i] == NULL /* a lambda */
                       ? MR_S("<function>")
                       : athena_sqltype_text(translation->arena, call->types[i]);
    const bool condition = call->types[0] != NULL && (call->types[0]->kind == SQL_BOOLEAN ||
                                                      call->types[0]->kind == SQL_UNKNOWN);
    if (mr_slice_equal(name, MR_S("if")) && !condition)
        athena_translate_fail(translation, call->nodes[0], "TYPE_MISMATCH",
                              "IF condition must evaluate to a boolean (actual: %.*s)",
                              MR_ARG(types[0]));
    else if (mr_slice_equal(name, MR_S("if")) && call->count == 3)
        athena_translate_fail(translation, call->node, "TYPE_MISMATCH",
                              "Result types for IF must be the same: %.*s vs %.*s",
                              MR_ARG(types[1]), MR_ARG(types[2]));
    else if (mr_slice_equal(name, MR_S("nullif")))
        athena_translate_fail(translation, call->node, "TYPE_MISMATCH",
                              "Types are not comparable with NULLIF: %.*s vs %.*s",
                              MR_ARG(types[0]), MR_ARG(types[1]));
    else if (mr_slice_equal(name, MR_S("coalesce")))
        (void)athena_infer_single(translation, call->nodes, call->types, call->count,
                                  "All COALESCE operands");
    return athena_translate_failed(translation);
}

/* What else stands in a call: FILTER, ORDER BY, OVER. */
static void infer_rest(struct athena_translation *translation, const struct athena_node *node)
{
    for (const struct athena_node *sort = node->order; sort != NULL; sort = sort->next)
        (void)athena_infer(translation, sort->left);
    if (node->left != NULL)
        athena_infer_condition(translation, node->left,
                               "Filter expression must evaluate to a boolean");
    if (node->right == NULL)
        return;
    for (const struct athena_node *item = node->right->items; item != NULL; item = item->next)
        (void)athena_infer(translation, item);
    for (const struct athena_node *sort = node->right->order; sort != NULL; sort = sort->next)
        (void)athena_infer(translation, sort->left);
}

static bool known_function(struct athena_translation *translation, const struct athena_node *node)
{
    bool known;
    (void)athena_function_find(node->text, 0, &known);
    if (!known)
        athena_translate_fail(translation, node, "FUNCTION_NOT_FOUND",
                              "Function '%.*s' not registered", MR_ARG(node->text));
    return known;
}

static const struct athena_node *literal(const struct call *call, size_t index)
{
    const struct athena_node *node = call->nodes[index];
    if (node->kind == AST_PARAMETER && node->number < call->translation->parameter_count)
        node = call->translation->parameters[node->number];
    return node->kind == AST_STRING ? node : NULL;
}

/* A whole number as it is written. */
static bool written_number(const struct athena_node *node, int64_t *ret)
{
    const bool minus = node->kind == AST_MINUS;
    const struct athena_node *digits = minus ? node->left : node;
    if (digits->kind != AST_INTEGER || mr_slice_to_i64(digits->text, ret) != MR_OK)
        return false;
    *ret = minus ? -*ret : *ret;
    return true;
}

/* from_unixtime(seconds, hours, minutes): a zone that is so far from UTC. */
static const struct athena_sqltype *offset_zoned(const struct call *call,
                                                 const struct athena_sqltype *type)
{
    struct athena_translation *translation = call->translation;
    static const struct athena_node nowhere;
    int64_t hours, minutes;
    if (!written_number(call->nodes[1], &hours) || !written_number(call->nodes[2], &minutes)) {
        athena_translate_fail(translation, call->node, "NOT_SUPPORTED",
                              "a time zone's hours and minutes must be literals");
        return type;
    }
    const int64_t sum = hours * 60 + minutes, most = 14 * 60;
    if (hours < -14 || hours > 14 || sum < -most || sum > most) {
        athena_translate_fail(translation, &nowhere, "INVALID_FUNCTION_ARGUMENT",
                              "Invalid offset minutes %lld", (long long)sum);
        return type;
    }
    struct athena_sqltype *zoned = MR_NEW(translation->arena, struct athena_sqltype);
    *zoned = *type;
    const int distance = (int)(sum < 0 ? -sum : sum);
    zoned->zone = sum == 0 ? MR_S("UTC")
                           : mr_arena_printf(translation->arena, "%c%02d:%02d", sum < 0 ? '-' : '+',
                                             distance / 60, distance % 60);
    return zoned;
}

/* A moment that is shown in the zone that the call names. */
static const struct athena_sqltype *zoned(const struct call *call,
                                          const struct athena_sqltype *type)
{
    struct mr_slice name = call->node->text;
    const bool iso = mr_slice_starts_with(name, MR_S("from_iso8601_timestamp"));
    const bool given = mr_slice_equal(name, MR_S("at_timezone")) ||
                       mr_slice_equal(name, MR_S("with_timezone")) ||
                       (mr_slice_equal(name, MR_S("from_unixtime")) && call->count == 2);
    if (mr_slice_equal(name, MR_S("from_unixtime")) && call->count == 3)
        return offset_zoned(call, type);
    const bool parsed = mr_slice_equal(name, MR_S("parse_datetime"));
    const bool nanos = mr_slice_ends_with(name, MR_S("_nanos"));
    if (!iso && !given && !parsed && !nanos)
        return type;
    const struct athena_node *text = nanos && !iso ? NULL : literal(call, iso ? 0 : 1);
    if (parsed && text != NULL && mr_slice_find(text->text, 'Z') == SIZE_MAX &&
        mr_slice_find(text->text, 'z') == SIZE_MAX)
        return type; /* the pattern has no zone */
    text = parsed ? NULL : text;
    struct athena_sqltype *zoned = MR_NEW(call->translation->arena, struct athena_sqltype);
    *zoned = *type;
    zoned->zone = text == NULL ? MR_S(ATHENA_ZONE_BESIDE) : athena_zone_name(text->text);
    const struct athena_node nowhere = {0};
    if (zoned->zone.len == 0)
        athena_translate_fail(call->translation, &nowhere, "NOT_SUPPORTED",
                              "Time zone not supported: %.*s", MR_ARG(text->text));
    if (nanos)
        zoned->precision = 9;
    if (call->types[0] != NULL && call->types[0]->kind >= SQL_TIMESTAMP &&
        call->types[0]->kind <= SQL_TIMESTAMP_TZ)
        zoned->precision = call->types[0]->precision;
    if (iso && text != NULL) {
        const size_t t = mr_slice_find(text->text, 'T');
        zoned->zone =
            athena_literal_zone(mr_slice_sub(text->text, t == SIZE_MAX ? 0 : t, SIZE_MAX));
        if (mr_slice_equal_nocase(zoned->zone, MR_S("Z")) || t == SIZE_MAX)
            zoned->zone = MR_S("UTC");
    } else if (nanos && !iso) {
        zoned->zone = MR_S("UTC");
    }
    return zoned;
}

/* normalize(text, NFC): a bare word. */
static bool names_form(const struct athena_node *call, const struct athena_node *item)
{
    return item->kind == AST_NAME && call->items->next == item &&
           mr_slice_equal(call->text, MR_S("normalize"));
}

const struct athena_sqltype *athena_infer_call(struct athena_translation *translation,
                                               const struct athena_node *node)
{
    struct athena_node *kept = (struct athena_node *)(uintptr_t)node;
    struct call call = {.translation = translation, .node = node};
    const struct athena_sqltype *type = NULL;
    if (!known_function(translation, node))
        return NULL;
    if ((node->flags & (AST_RUNNING | AST_FINAL)) != 0)
        athena_translate_fail(translation, node, "INVALID_PROCESSING_MODE",
                              "%s semantics is not supported out of pattern recognition context",
                              node->flags & AST_FINAL ? "FINAL" : "RUNNING");
    if (node->items != NULL && node->items->kind != AST_STAR && node->items->kind != AST_LAMBDA &&
        node->items->next == NULL)
        (void)athena_infer(translation, node->items);
    athena_time_prepare(translation, kept);
    for (const struct athena_node *item = node->items; item != NULL; item = item->next) {
        if (call.count == ARGUMENTS_MAX)
            return NULL;
        call.nodes[call.count] = item;
        if (item->kind == AST_STAR && item->left != NULL)
            athena_translate_fail(translation, node, "INVALID_FUNCTION_ARGUMENT",
                                  "label.* syntax is only supported as the only argument of row "
                                  "pattern count function");
        if (names_form(node, item)) {
            call.types[call.count] = athena_sqltype_simple(SQL_UNKNOWN);
        } else if (item->kind != AST_LAMBDA && item->kind != AST_STAR) {
            call.types[call.count] = athena_infer(translation, item);
            call.partial = call.partial || call.types[call.count] == NULL;
        }
        call.count++;
    }
    infer_rest(translation, node);
    if (athena_translate_failed(translation))
        return NULL;
    if (athena_infer_refuses(translation, node))
        return NULL;
    kept->function = athena_infer_orders(node) ? choose(&call, &type) : NULL;
    if (kept->function == NULL && !athena_translate_failed(translation) && !call.partial &&
        !fail_form(&call))
        fail_types(&call);
    if (!athena_sqltype_known(type))
        return NULL;
    return athena_time_zoned(type) ? athena_time_result(translation, node, type)
                                   : zoned(&call, type);
}
