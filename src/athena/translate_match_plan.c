/* MATCH_RECOGNIZE: its variables, and the pattern as a program. */
#include "athena/translate_match.h"

/* ---- variables ---- */

size_t athena_match_label_index(const struct match_context *context, struct mr_slice label)
{
    for (size_t i = 0; i < context->label_count; i++) {
        if (mr_slice_equal(context->labels[i], label))
            return i;
    }
    return SIZE_MAX;
}

static const struct athena_node *find_subset(const struct match_context *context,
                                             struct mr_slice label)
{
    const struct athena_node *subset = context->node->right->items;
    while (subset != NULL && !mr_slice_equal(subset->name, label))
        subset = subset->next;
    return subset;
}

bool athena_match_has(const struct match_context *context, struct mr_slice label)
{
    return athena_match_label_index(context, label) != SIZE_MAX ||
           find_subset(context, label) != NULL;
}

bool athena_match_within(const struct match_context *context, struct mr_slice set,
                         struct mr_slice label)
{
    const struct athena_node *subset = find_subset(context, set);
    if (set.len == 0 || mr_slice_equal(set, label))
        return true;
    for (const struct athena_node *name = subset == NULL ? NULL : subset->items; name != NULL;
         name = name->next) {
        if (mr_slice_equal(name->text, label))
            return true;
    }
    return false;
}

void athena_match_put_set(const struct match_context *context, struct mr_slice set,
                          struct mr_json *json)
{
    if (set.len == 0) {
        mr_json_null(json);
        return;
    }
    mr_json_array(json);
    for (size_t i = 0; i < context->label_count; i++)
        mr_json_int(json, athena_match_within(context, set, context->labels[i]));
    mr_json_array_end(json);
}

static bool collect(struct match_context *context, const struct athena_node *pattern)
{
    struct athena_translation *translation = context->translation;
    if (pattern->kind == AST_PATTERN && pattern->number == MATCH_VARIABLE) {
        if (athena_match_label_index(context, pattern->name) != SIZE_MAX)
            return true;
        if (context->label_count == MATCH_LABELS_MAX) {
            athena_translate_fail(translation, pattern, "NOT_SUPPORTED",
                                  "a row pattern of more than %d variables is not supported",
                                  MATCH_LABELS_MAX);
            return false;
        }
        context->labels[context->label_count++] = pattern->name;
    }
    if (pattern->kind == AST_PATTERN && pattern->number == MATCH_EXCLUDE &&
        (context->node->number & MATCH_UNMATCHED) != 0) {
        athena_translate_fail(translation, pattern, "INVALID_ROW_PATTERN",
                              "Pattern exclusion syntax is not allowed when ALL ROWS PER MATCH "
                              "WITH UNMATCHED ROWS is specified");
        return false;
    }
    for (const struct athena_node *part = pattern->items; part != NULL; part = part->next) {
        if (part->kind == AST_PATTERN && !collect(context, part))
            return false;
    }
    return true;
}

static bool check_subsets(struct match_context *context)
{
    struct athena_translation *translation = context->translation;
    for (const struct athena_node *subset = context->node->right->items; subset != NULL;
         subset = subset->next) {
        if (athena_match_label_index(context, subset->name) != SIZE_MAX)
            athena_translate_fail(translation, subset, "INVALID_LABEL",
                                  "union pattern variable name: %.*s is a duplicate of primary "
                                  "pattern variable name",
                                  MR_ARG(subset->name));
        else if (find_subset(context, subset->name) != subset)
            athena_translate_fail(translation, subset, "INVALID_LABEL",
                                  "union pattern variable name: %.*s is declared twice",
                                  MR_ARG(subset->name));
        for (const struct athena_node *name = subset->items; name != NULL; name = name->next) {
            if (athena_match_label_index(context, name->text) == SIZE_MAX)
                athena_translate_fail(translation, name, "INVALID_LABEL",
                                      "subset element: %.*s is not a primary pattern variable",
                                      MR_ARG(name->text));
        }
    }
    return !athena_translate_failed(translation);
}

static bool check_definitions(struct match_context *context)
{
    struct athena_translation *translation = context->translation;
    for (const struct athena_node *item = context->node->windows; item != NULL; item = item->next) {
        const struct athena_node *first = context->node->windows;
        while (!mr_slice_equal(first->name, item->name))
            first = first->next;
        if (athena_match_label_index(context, item->name) == SIZE_MAX)
            athena_translate_fail(translation, item, "INVALID_LABEL",
                                  "defined variable: %.*s is not a primary pattern variable",
                                  MR_ARG(item->name));
        else if (first != item)
            athena_translate_fail(translation, item, "INVALID_LABEL",
                                  "pattern variable with name: %.*s is defined twice",
                                  MR_ARG(item->name));
    }
    return !athena_translate_failed(translation);
}

bool athena_match_analyze(struct match_context *context)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *match = context->node;
    context->labels = MR_NEW_ARRAY(translation->arena, struct mr_slice, MATCH_LABELS_MAX + 1);
    if (!collect(context, match->right->left) || !check_subsets(context) ||
        !check_definitions(context))
        return false;
    if (match->name.len > 0 && !athena_match_has(context, match->name))
        athena_translate_fail(translation, match->right->right, "INVALID_LABEL",
                              "%.*s is not a primary or union pattern variable",
                              MR_ARG(match->name));
    else if (match->right->third != NULL)
        athena_translate_fail(
            translation, match->right->third, "NOT_SUPPORTED",
            "Pattern search modifier: %.*s is not allowed in MATCH_RECOGNIZE clause",
            MR_ARG(athena_match_label(translation->arena, match->right->third->text)));
    return !athena_translate_failed(translation);
}

/* ---- the program ---- */

struct compiler {
    struct match_context *context;
    struct match_step *steps;
    size_t count, capacity;
    size_t excluded; /* exclusions around */
};

static bool compile(struct compiler *compiler, const struct athena_node *pattern);

static size_t add(struct compiler *compiler, enum match_op op, size_t a, size_t b)
{
    struct mr_arena *arena = compiler->context->translation->arena;
    if (compiler->count >= MATCH_STEPS_MAX) {
        athena_translate_fail(
            compiler->context->translation, compiler->context->node->right->left, "NOT_SUPPORTED",
            "a row pattern that takes more than %d steps is not supported", MATCH_STEPS_MAX);
        return 0;
    }
    if (compiler->count == compiler->capacity) {
        const size_t room = compiler->capacity == 0 ? 64 : compiler->capacity * 2;
        compiler->steps =
            mr_arena_realloc(arena, compiler->steps, compiler->capacity * sizeof *compiler->steps,
                             room * sizeof *compiler->steps);
        compiler->capacity = room;
    }
    compiler->steps[compiler->count] = (struct match_step){
        .op = op, .excluded = compiler->excluded > 0, .a = (uint32_t)a, .b = (uint32_t)b};
    return compiler->count++;
}

static bool failed(const struct compiler *compiler)
{
    return athena_translate_failed(compiler->context->translation);
}

/* Which way a split goes first. */
static void set_split(struct compiler *compiler, size_t at, bool greedy, size_t into, size_t past)
{
    compiler->steps[at].a = (uint32_t)(greedy ? into : past);
    compiler->steps[at].b = (uint32_t)(greedy ? past : into);
}

static bool read_bound(struct compiler *compiler, const struct athena_node *bound,
                       const char *which, uint64_t least, uint64_t *ret)
{
    struct athena_translation *translation = compiler->context->translation;
    const bool number = mr_slice_to_u64(bound->text, ret) == MR_OK;
    if (number && *ret >= least && *ret <= INT32_MAX)
        return true;
    if (number && *ret < least)
        athena_translate_fail(translation, bound, "NUMERIC_VALUE_OUT_OF_RANGE",
                              "Pattern quantifier %s bound must be greater than or equal to %d",
                              which, (int)least);
    else
        athena_translate_fail(translation, bound, "NUMERIC_VALUE_OUT_OF_RANGE",
                              "Pattern quantifier %s bound must not exceed 2147483647", which);
    return false;
}

/* The part again and again behind its last repetition that must be. */
static bool repeat_open(struct compiler *compiler, const struct athena_node *part, bool greedy,
                        uint64_t least)
{
    const size_t skip = least == 0 ? add(compiler, MATCH_OP_SPLIT, 0, 0) : 0;
    size_t begin = compiler->count;
    for (uint64_t i = 0; i < (least == 0 ? 1 : least); i++) {
        begin = compiler->count;
        if (!compile(compiler, part))
            return false;
        if (compiler->count == begin && i > 0)
            break; /* nothing, however often */
    }
    const size_t loop = add(compiler, MATCH_OP_SPLIT, 0, 0);
    if (failed(compiler))
        return false;
    set_split(compiler, loop, greedy, begin, compiler->count);
    if (least == 0)
        set_split(compiler, skip, greedy, skip + 1, compiler->count);
    return true;
}

/* Up to `most` times; each repetition beyond `least` may be left out, and all behind it. */
static bool repeat_range(struct compiler *compiler, const struct athena_node *part, bool greedy,
                         uint64_t least, uint64_t most)
{
    struct mr_arena *arena = compiler->context->translation->arena;
    size_t *splits = NULL, count = 0, room = 0;
    for (uint64_t i = 0; i < most; i++) {
        const size_t begin = compiler->count;
        if (i >= least) {
            if (count == room) {
                splits = mr_arena_realloc(arena, splits, room * sizeof *splits,
                                          (room * 2 + 16) * sizeof *splits);
                room = room * 2 + 16;
            }
            splits[count++] = add(compiler, MATCH_OP_SPLIT, 0, 0);
        }
        if (!compile(compiler, part) || failed(compiler))
            return false;
        if (compiler->count == begin && i > 0)
            break; /* nothing, however often */
    }
    for (size_t i = 0; i < count; i++)
        set_split(compiler, splits[i], greedy, splits[i] + 1, compiler->count);
    return true;
}

static bool compile_repeat(struct compiler *compiler, const struct athena_node *pattern)
{
    const struct athena_node *part = pattern->items, *low = part->next, *high = low->next;
    const bool greedy = (pattern->flags & AST_NEGATED) == 0;
    uint64_t least, most;
    if (!read_bound(compiler, low, "lower", 0, &least))
        return false;
    if (high == NULL)
        return repeat_open(compiler, part, greedy, least);
    if (!read_bound(compiler, high, "upper", 1, &most))
        return false;
    if (least <= most)
        return repeat_range(compiler, part, greedy, least, most);
    athena_translate_fail(compiler->context->translation, low, "INVALID_RANGE",
                          "Pattern quantifier lower bound must not exceed upper bound");
    return false;
}

static bool compile_choice(struct compiler *compiler, const struct athena_node *pattern)
{
    const size_t parts = athena_node_count(pattern->items);
    size_t *jumps = MR_NEW_ARRAY(compiler->context->translation->arena, size_t, parts), count = 0;
    for (const struct athena_node *part = pattern->items; part != NULL; part = part->next) {
        const size_t split = part->next == NULL ? 0 : add(compiler, MATCH_OP_SPLIT, 0, 0);
        if (!compile(compiler, part))
            return false;
        if (part->next == NULL)
            break;
        jumps[count++] = add(compiler, MATCH_OP_JUMP, 0, 0);
        if (failed(compiler))
            return false;
        set_split(compiler, split, true, split + 1, compiler->count);
    }
    for (size_t i = 0; i < count; i++)
        compiler->steps[jumps[i]].a = (uint32_t)compiler->count;
    return true;
}

/* The next order of numbers, as words are ordered; false: that was the last one. */
static bool next_order(size_t *order, size_t count)
{
    size_t i = count - 1, j = count - 1;
    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] < order[i - 1])
        j--;
    size_t kept = order[i - 1];
    order[i - 1] = order[j];
    order[j] = kept;
    for (j = count - 1; i < j; i++, j--) {
        kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    return true;
}

/* A choice between all orders of the parts. */
static bool compile_permute(struct compiler *compiler, const struct athena_node *pattern)
{
    struct mr_arena *arena = compiler->context->translation->arena;
    const size_t count = athena_node_count(pattern->items);
    const struct athena_node **parts = MR_NEW_ARRAY(arena, const struct athena_node *, count);
    size_t *order = MR_NEW_ARRAY(arena, size_t, count), jump = SIZE_MAX;
    const struct athena_node *part = pattern->items;
    for (size_t i = 0; i < count; i++, part = part->next) {
        parts[i] = part;
        order[i] = i;
    }
    for (bool more = true; more;) {
        const size_t split = add(compiler, MATCH_OP_SPLIT, 0, 0);
        for (size_t i = 0; i < count; i++) {
            if (!compile(compiler, parts[order[i]]) || failed(compiler))
                return false;
        }
        more = next_order(order, count);
        jump = add(compiler, MATCH_OP_JUMP, jump, 0); /* a chain of those to be set */
        if (failed(compiler))
            return false;
        set_split(compiler, split, true, split + 1, more ? compiler->count : split + 1);
    }
    while (jump != UINT32_MAX) {
        const size_t before = compiler->steps[jump].a;
        compiler->steps[jump].a = (uint32_t)compiler->count;
        jump = before;
    }
    return true;
}

static bool compile(struct compiler *compiler, const struct athena_node *pattern)
{
    if (failed(compiler))
        return false;
    switch (pattern->number) {
    case MATCH_VARIABLE:
        (void)add(compiler, MATCH_OP_LABEL,
                  athena_match_label_index(compiler->context, pattern->name), 0);
        break;
    case MATCH_START: (void)add(compiler, MATCH_OP_START, 0, 0); break;
    case MATCH_END: (void)add(compiler, MATCH_OP_END, 0, 0); break;
    case MATCH_CHOICE: return compile_choice(compiler, pattern);
    case MATCH_PERMUTE: return compile_permute(compiler, pattern);
    case MATCH_REPEAT: return compile_repeat(compiler, pattern);
    case MATCH_EXCLUDE:
    case MATCH_SEQUENCE:
        compiler->excluded += pattern->number == MATCH_EXCLUDE;
        for (const struct athena_node *part = pattern->items; part != NULL; part = part->next) {
            if (!compile(compiler, part))
                return false;
        }
        compiler->excluded -= pattern->number == MATCH_EXCLUDE;
        break;
    default: break;
    }
    return !failed(compiler);
}

bool athena_match_compile(struct match_context *context, struct mr_buf *out)
{
    struct compiler compiler = {.context = context};
    if (!compile(&compiler, context->node->right->left))
        return false;
    (void)add(&compiler, MATCH_OP_DONE, 0, 0);
    if (failed(&compiler))
        return false;
    for (size_t i = 0; i < compiler.count; i++) {
        const struct match_step *step = &compiler.steps[i];
        mr_buf_printf(out, "%s%d,%u,%u,%d", i > 0 ? "," : "", (int)step->op, step->a, step->b,
                      (int)step->excluded);
    }
    return true;
}
