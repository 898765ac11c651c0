/* MATCH_RECOGNIZE: measures, over the rows that mr_match found: those that a measure looks at are
 * joined to each row under names of their own, n0_c1 for column 1 of navigation 0; aggregates go
 * over the rows of the match up to this one. */
#include "athena/translate_match.h"

static bool same_place(const struct match_place *a, const struct match_place *b)
{
    return mr_slice_equal(a->label, b->label) && a->first == b->first && a->final == b->final &&
           a->offset == b->offset && a->physical == b->physical;
}

static struct mr_slice name_of(const struct match_context *context,
                               const struct match_navigation *navigation, const char *suffix)
{
    return mr_arena_printf(context->translation->arena, "n%zu%s", navigation->index, suffix);
}

/* One more slot for mr_match. */
static size_t add_slot(struct match_context *context, const struct match_place *place, bool label)
{
    struct mr_json json = mr_json_make(&context->slots);
    if (context->slot_count > 0)
        mr_buf_byte(&context->slots, ',');
    mr_json_array(&json);
    mr_json_int(&json, place->first ? MATCH_SLOT_FIRST : MATCH_SLOT_LAST);
    mr_json_int(&json, place->offset);
    mr_json_int(&json, place->physical);
    mr_json_int(&json, MATCH_NOWHERE);
    mr_json_int(&json, place->final);
    mr_json_int(&json, label);
    athena_match_put_set(context, place->label, &json);
    mr_json_array_end(&json);
    return context->slot_count++;
}

void athena_match_ask_labels(struct match_context *context)
{
    for (struct match_navigation *at = context->navigations; at != NULL; at = at->next) {
        if (at->label)
            at->label_index = add_slot(context, &at->place, true);
    }
}

/* The columns of the row it goes to, in sight. */
static struct match_navigation *navigation_to(struct match_context *context,
                                              const struct athena_node *node,
                                              const struct match_place *place)
{
    struct athena_translation *translation = context->translation;
    struct match_navigation **end = &context->navigations;
    size_t count = 0;
    for (; *end != NULL; end = &(*end)->next, count++) {
        if (same_place(&(*end)->place, place))
            return *end;
    }
    if (count == MATCH_NAVIGATIONS_MAX || (place->offset > MATCH_OFFSET_MAX)) {
        athena_translate_fail(translation, node, "NOT_SUPPORTED",
                              count == MATCH_NAVIGATIONS_MAX
                                  ? "measures that look at so many rows are not supported"
                                  : "FIRST and LAST with such an offset are not supported");
        return NULL;
    }
    struct match_navigation *navigation = MR_NEW(translation->arena, struct match_navigation);
    *navigation = (struct match_navigation){.place = *place, .index = count};
    navigation->columns = MR_NEW_ARRAY(translation->arena, bool, context->input.count + 1);
    *end = navigation;
    (void)add_slot(context, place, false); /* slot `index`: those of variables come behind */
    struct athena_fields fields = athena_fields_make(translation, context->input.count + 2);
    for (size_t i = 0; i < context->input.count; i++)
        fields.list[i] = (struct athena_field){
            .name = mr_arena_printf(translation->arena, "n%zu_c%zu", count, i),
            .type = context->input.list[i].type};
    fields.list[context->input.count] = (struct athena_field){
        .name = name_of(context, navigation, ""), .type = athena_sqltype_simple(SQL_BIGINT)};
    fields.list[context->input.count + 1] = (struct athena_field){
        .name = name_of(context, navigation, "_l"), .type = athena_sqltype_simple(SQL_VARCHAR)};
    athena_level_add(translation, MR_S(""), fields);
    return navigation;
}

/* Where a column or CLASSIFIER of this variable looks, if nothing around it says. */
static struct match_place place_of(const struct match_context *context, struct mr_slice label)
{
    struct match_place place = {.label = label};
    if (context->aggregate)
        place = (struct match_place){0}; /* the row itself */
    else if (context->place != NULL)
        place = *context->place;
    return place;
}

static struct athena_node *rewrite_column(struct match_context *context,
                                          const struct athena_node *node, struct mr_slice name,
                                          struct mr_slice label)
{
    const size_t column = athena_match_column(context, node, name, label);
    const struct match_place place = place_of(context, label);
    struct match_navigation *navigation =
        column == SIZE_MAX ? NULL : navigation_to(context, node, &place);
    if (navigation == NULL)
        return NULL;
    navigation->columns[column] = true;
    return athena_match_reference(
        context, node,
        mr_arena_printf(context->translation->arena, "n%zu_c%zu", navigation->index, column));
}

static struct athena_node *rewrite_classifier(struct match_context *context,
                                              const struct athena_node *node)
{
    bool fine;
    struct mr_slice label = athena_match_classifier(context, node, &fine);
    const struct match_place place = place_of(context, label);
    struct match_navigation *navigation = fine ? navigation_to(context, node, &place) : NULL;
    if (navigation == NULL)
        return NULL;
    navigation->label = true;
    return athena_match_reference(context, node, name_of(context, navigation, "_l"));
}

/* NULL when there is no such row, whatever the argument makes of NULLs. */
static struct athena_node *rewrite_navigation(struct match_context *context,
                                              const struct athena_node *node)
{
    struct match_place place;
    const struct athena_node *argument;
    if (!athena_match_place(context, node, &place, &argument))
        return NULL;
    context->place = &place;
    struct athena_node *inner = athena_match_measure(context, argument);
    struct match_navigation *navigation = navigation_to(context, node, &place);
    context->place = NULL;
    if (inner == NULL || navigation == NULL || inner->kind == AST_NAME)
        return inner;
    struct athena_node *found = athena_match_node(context, node, AST_IS_NULL);
    found->flags = AST_NEGATED;
    found->left = athena_match_reference(context, node, name_of(context, navigation, ""));
    struct athena_node *when = athena_match_node(context, node, AST_WHEN);
    when->left = found;
    when->right = inner;
    struct athena_node *choice = athena_match_node(context, node, AST_CASE);
    choice->items = when;
    return choice;
}

/* The row's variable is one of these. */
static struct athena_node *filter_of(struct match_context *context, const struct athena_node *at,
                                     struct mr_slice label)
{
    struct athena_node *in = athena_match_node(context, at, AST_IN), **end = &in->items;
    in->left = athena_match_reference(context, at, MR_S("mr_label"));
    for (size_t i = 0; i < context->label_count; i++) {
        if (!athena_match_within(context, label, context->labels[i]))
            continue;
        *end = athena_match_node(context, at, AST_INTEGER);
        (*end)->text = mr_arena_printf(context->translation->arena, "%zu", i + 1);
        end = &(*end)->next;
    }
    return in;
}

/* OVER the rows of the match. */
static struct athena_node *window_of(struct match_context *context, const struct athena_node *at,
                                     bool final)
{
    struct athena_node *window = athena_match_node(context, at, AST_WINDOW);
    window->items = athena_match_reference(context, at, MR_S("mr_p"));
    window->items->next = athena_match_reference(context, at, MR_S("mr_match"));
    window->order = athena_match_node(context, at, AST_SORT);
    window->order->left = athena_match_reference(context, at, MR_S("mr_row"));
    window->text = MR_S("ROWS");
    window->left = athena_match_node(context, at, AST_BOUND);
    window->left->text = MR_S("UNBOUNDED PRECEDING");
    window->right = athena_match_node(context, at, AST_BOUND);
    window->right->text = final ? MR_S("UNBOUNDED FOLLOWING") : MR_S("CURRENT ROW");
    return window;
}

static struct athena_node *rewrite_aggregate(struct match_context *context,
                                             const struct athena_node *node)
{
    struct mr_slice label;
    if (!athena_match_check_aggregate(context, node, &label))
        return NULL;
    struct athena_node call = *node;
    const bool rows = node->items != NULL && node->items->kind == AST_STAR;
    if (rows) /* count(*), count(a.*) */
        call.items = NULL;
    call.flags &= ~(unsigned)(AST_RUNNING | AST_FINAL);
    context->aggregate = true;
    struct athena_node *copy = athena_match_copy(context, &call, athena_match_measure);
    context->aggregate = false;
    if (copy == NULL)
        return NULL;
    if (copy->items == NULL && mr_slice_equal(copy->text, MR_S("count")))
        copy->items = athena_match_node(context, node, AST_STAR);
    copy->left = filter_of(context, node, label);
    copy->right = window_of(context, node, (node->flags & AST_FINAL) != 0);
    context->aggregates = true;
    return copy;
}

static struct athena_node *rewrite_call(struct match_context *context,
                                        const struct athena_node *node)
{
    const enum match_call kind = athena_match_call(node);
    if (!athena_match_check_call(context, node))
        return NULL;
    switch (kind) {
    case MATCH_CALL_OTHER: return athena_match_copy(context, node, athena_match_measure);
    case MATCH_CALL_AGGREGATE: return rewrite_aggregate(context, node);
    case MATCH_CALL_CLASSIFIER: return rewrite_classifier(context, node);
    case MATCH_CALL_NUMBER:
        if (node->items != NULL) {
            athena_translate_fail(context->translation, node, "INVALID_FUNCTION_ARGUMENT",
                                  "MATCH_NUMBER pattern recognition function takes no arguments");
            return NULL;
        }
        return athena_match_reference(context, node, MR_S("mr_match"));
    default: return rewrite_navigation(context, node);
    }
}

struct athena_node *athena_match_measure(struct match_context *context,
                                         const struct athena_node *node)
{
    if (athena_translate_failed(context->translation) || !athena_match_check_dot(context, node))
        return NULL;
    struct mr_slice label = athena_match_qualifier(context, node);
    if (node->kind == AST_NAME && !athena_match_is_bound(context, node))
        return rewrite_column(context, node, node->text, MR_S(""));
    if (label.len > 0 && node->kind == AST_DOT)
        return rewrite_column(context, node, node->text, label);
    if (node->kind == AST_CALL)
        return rewrite_call(context, node);
    return athena_match_copy(context, node, athena_match_measure);
}
