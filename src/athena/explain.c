#include "athena/explain.h"
#include "athena/functions.h"

struct explainer {
    struct athena_translation *translation;
    struct athena_plan *plan;
    struct mr_buf *out; /* the step that is written */
    size_t depth;
};

static void explain_query(struct explainer *explainer, const struct athena_node *query);

/* ---- steps ---- */

static void begin(struct explainer *explainer, const char *name)
{
    mr_buf_append(explainer->out, mr_slice_cstr(name));
    explainer->depth++;
}

static void end(struct explainer *explainer)
{
    struct mr_arena *arena = explainer->translation->arena;
    struct athena_plan *plan = explainer->plan;
    if (plan->count == plan->capacity) {
        struct athena_plan_step *before = plan->steps;
        plan->capacity = plan->capacity == 0 ? 16 : plan->capacity * 2;
        plan->steps = MR_NEW_ARRAY(arena, struct athena_plan_step, plan->capacity);
        if (plan->count > 0)
            memcpy(plan->steps, before, plan->count * sizeof *before);
    }
    plan->steps[plan->count++] = (struct athena_plan_step){
        .depth = explainer->depth - 1, .text = mr_arena_copy(arena, mr_buf_slice(explainer->out))};
    mr_buf_reset(explainer->out);
}

/* As the engine gets it. */
static void put_expression(struct explainer *explainer, const struct athena_node *node)
{
    struct mr_buf *out = explainer->translation->out;
    explainer->translation->out = explainer->out;
    athena_emit(explainer->translation, node);
    explainer->translation->out = out;
}

static void put_list(struct explainer *explainer, const struct athena_node *list)
{
    for (const struct athena_node *item = list; item != NULL; item = item->next) {
        if (item != list)
            mr_buf_append(explainer->out, MR_S(", "));
        if (item->kind == AST_GROUPING || item->kind == AST_ROW)
            put_list(explainer, item->items);
        else
            put_expression(explainer, item);
    }
}

static void put_order(struct explainer *explainer, const struct athena_node *order)
{
    for (const struct athena_node *sort = order; sort != NULL; sort = sort->next) {
        if (sort != order)
            mr_buf_append(explainer->out, MR_S(", "));
        put_expression(explainer, sort->left);
        mr_buf_printf(explainer->out, " %s NULLS %s", sort->flags & AST_DESC ? "DESC" : "ASC",
                      sort->flags & AST_NULLS_FIRST ? "FIRST" : "LAST");
    }
}

/* ---- relations ---- */

static void explain_table(struct explainer *explainer, const struct athena_node *table)
{
    begin(explainer, "TableScan[table = ");
    for (const struct athena_node *part = table->items; part != NULL; part = part->next)
        mr_buf_printf(explainer->out, "%s%.*s", part == table->items ? "" : ".",
                      MR_ARG(part->text));
    mr_buf_byte(explainer->out, ']');
    end(explainer);
}

static void explain_join(struct explainer *explainer, const struct athena_node *join);

static void explain_relation(struct explainer *explainer, const struct athena_node *relation);

static void explain_match(struct explainer *explainer, const struct athena_node *match)
{
    begin(explainer, "PatternRecognition[partitionBy = [");
    put_list(explainer, match->groups);
    mr_buf_append(explainer->out, MR_S("], orderBy = ["));
    put_order(explainer, match->order);
    mr_buf_append(explainer->out, MR_S("]]"));
    end(explainer);
    explain_relation(explainer, match->left);
}

static void explain_relation(struct explainer *explainer, const struct athena_node *relation)
{
    const size_t depth = explainer->depth;
    switch (relation->kind) {
    case AST_ALIAS: explain_relation(explainer, relation->left); break;
    case AST_JOIN: explain_join(explainer, relation); break;
    case AST_TABLE: explain_table(explainer, relation); break;
    case AST_UNNEST:
        begin(explainer, "Unnest[");
        put_list(explainer, relation->items);
        mr_buf_byte(explainer->out, ']');
        end(explainer);
        break;
    case AST_JSON_TABLE:
        begin(explainer, "TableFunctionProcessor[name = json_table, input = ");
        put_expression(explainer, relation->items->left);
        mr_buf_byte(explainer->out, ']');
        end(explainer);
        break;
    case AST_MATCH: explain_match(explainer, relation); break;
    default: explain_query(explainer, relation->left); break;
    }
    explainer->depth = depth;
}

static void explain_join(struct explainer *explainer, const struct athena_node *join)
{
    const bool cross = mr_slice_equal(join->text, MR_S("CROSS JOIN"));
    begin(explainer, cross                                            ? "CrossJoin["
                     : mr_slice_equal(join->text, MR_S("JOIN"))       ? "InnerJoin["
                     : mr_slice_equal(join->text, MR_S("LEFT JOIN"))  ? "LeftJoin["
                     : mr_slice_equal(join->text, MR_S("RIGHT JOIN")) ? "RightJoin["
                                                                      : "FullJoin[");
    if (join->third != NULL) {
        mr_buf_append(explainer->out, MR_S("criteria = "));
        put_expression(explainer, join->third);
    }
    for (const struct athena_node *name = join->items; name != NULL; name = name->next)
        mr_buf_printf(explainer->out, "%s%.*s", name == join->items ? "using = " : ", ",
                      MR_ARG(name->text));
    mr_buf_byte(explainer->out, ']');
    end(explainer);
    explain_relation(explainer, join->left);
    explain_relation(explainer, join->right);
}

/* ---- queries ---- */

static bool has_aggregate(const struct athena_node *select)
{
    for (const struct athena_node *item = select->items; item != NULL; item = item->next) {
        const struct athena_node *call = item->left;
        const struct athena_function *function = call->function;
        if (call->kind == AST_CALL && function != NULL && call->right == NULL &&
            (function->flags & ATHENA_AGGREGATE) != 0)
            return true;
    }
    return false;
}

static void explain_select(struct explainer *explainer, const struct athena_node *select)
{
    if ((select->flags & AST_DISTINCT) != 0) {
        begin(explainer, "Aggregate[type = DISTINCT]");
        end(explainer);
    }
    if (select->third != NULL) {
        begin(explainer, "Filter[filterPredicate = ");
        put_expression(explainer, select->third);
        mr_buf_byte(explainer->out, ']');
        end(explainer);
    }
    if (select->groups != NULL || has_aggregate(select)) {
        begin(explainer, "Aggregate[keys = [");
        put_list(explainer, select->groups);
        mr_buf_append(explainer->out, MR_S("]]"));
        end(explainer);
    }
    if (select->right != NULL) {
        begin(explainer, "Filter[filterPredicate = ");
        put_expression(explainer, select->right);
        mr_buf_byte(explainer->out, ']');
        end(explainer);
    }
    if (select->left != NULL) {
        explain_relation(explainer, select->left);
    } else {
        begin(explainer, "Values[1 row]");
        end(explainer);
    }
}

static void explain_body(struct explainer *explainer, const struct athena_node *body)
{
    const size_t depth = explainer->depth;
    if (body->kind == AST_SELECT) {
        explain_select(explainer, body);
    } else if (body->kind == AST_VALUES) {
        begin(explainer, "Values[");
        mr_buf_printf(explainer->out, "%zu rows]", athena_node_count(body->items));
        end(explainer);
    } else if (body->kind == AST_QUERY) {
        explain_query(explainer, body);
    } else {
        begin(explainer, "");
        mr_buf_printf(explainer->out, "%.*s", MR_ARG(body->text));
        end(explainer);
        explain_body(explainer, body->left);
        explain_body(explainer, body->right);
    }
    explainer->depth = depth;
}

static void explain_query(struct explainer *explainer, const struct athena_node *query)
{
    const size_t depth = explainer->depth;
    const bool limited = query->right != NULL;
    if (query->third != NULL) {
        begin(explainer, "Offset[count = ");
        put_expression(explainer, query->third);
        mr_buf_byte(explainer->out, ']');
        end(explainer);
    }
    if (limited || query->order != NULL) {
        begin(explainer, limited && query->order != NULL ? "TopN[count = "
                         : limited                       ? "Limit[count = "
                                                         : "Sort[orderBy = [");
        if (limited)
            put_expression(explainer, query->right);
        mr_buf_append(explainer->out,
                      limited && query->order != NULL ? MR_S(", orderBy = [") : MR_S(""));
        put_order(explainer, query->order);
        mr_buf_append(explainer->out, query->order != NULL ? MR_S("]]") : MR_S("]"));
        end(explainer);
    }
    explain_body(explainer, query->left);
    explainer->depth = depth;
    for (const struct athena_node *with = query->items; with != NULL; with = with->next) {
        begin(explainer, "With[");
        mr_buf_printf(explainer->out, "%.*s]", MR_ARG(with->name));
        end(explainer);
        explain_query(explainer, with->left);
        explainer->depth = depth;
    }
}

void athena_explain(struct athena_translation *translation, const struct athena_node *query,
                    struct athena_plan *ret_plan)
{
    struct mr_buf step = {0};
    struct explainer explainer = {.translation = translation, .plan = ret_plan, .out = &step};
    const struct athena_fields *fields = &translation->fields;
    *ret_plan = (struct athena_plan){.fields = fields};
    begin(&explainer, "Output[columnNames = [");
    for (size_t i = 0; i < fields->count; i++) {
        struct mr_slice name = fields->list[i].name;
        mr_buf_append(&step, i > 0 ? MR_S(", ") : MR_S(""));
        if (name.len > 0)
            mr_buf_append(&step, name);
        else
            mr_buf_printf(&step, "_col%zu", i);
    }
    mr_buf_append(&step, MR_S("]]"));
    end(&explainer);
    explain_query(&explainer, query);
    mr_buf_fini(&step);
}
