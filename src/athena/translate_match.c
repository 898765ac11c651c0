/* MATCH_RECOGNIZE in DuckDB's SQL:
 *
 *   rows    the relation's, numbered in order (mr_id), each with the number of its partition's
 * first row (mr_part); columns c0, c1, ... found   a list of numbers (match.h) for each row of a
 * match, by mr_match over each partition and     those, joined to their rows and to the rows that
 * measures look at (n0, n1, ...)
 *
 * Names of ours are in sight of nothing but what is written here. */
#include "athena/translate_match.h"

/* A column of the result. */
struct output {
    struct mr_slice name, sql;
    const struct athena_sqltype *type;
};
struct outputs {
    struct output *list;
    size_t count;
};

/* ---- the relation ---- */

static bool refuse_names(struct match_context *context)
{
    struct athena_translation *translation = context->translation;
    const struct athena_fields *input = &context->input;
    if (input->open)
        athena_translate_fail(translation, context->node, "NOT_SUPPORTED",
                              "MATCH_RECOGNIZE of columns that are not known is not supported");
    for (size_t i = 0; i < input->count; i++) {
        if (input->list[i].type == NULL)
            athena_translate_fail(translation, context->node, "NOT_SUPPORTED",
                                  "MATCH_RECOGNIZE of a column whose type is not known is not "
                                  "supported");
        for (size_t k = 0; k < i && input->list[i].name.len > 0; k++) {
            if (mr_slice_equal_nocase(input->list[i].name, input->list[k].name))
                athena_translate_fail(translation, context->node->left, "AMBIGUOUS_NAME",
                                      "ambiguous column: %.*s in row pattern input relation",
                                      MR_ARG(input->list[i].name));
        }
    }
    return athena_translate_failed(translation);
}

/* The relation's columns, each as c<number>. Its level stays in sight for PARTITION BY. */
static bool emit_input(struct match_context *context, struct mr_buf *out)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *select = translation->select;
    struct mr_buf relation = {0}, *kept = translation->out;
    bool named = true;
    translation->select = NULL; /* WHERE is about the matches */
    translation->out = &relation;
    athena_emit_relation(translation, context->node->left, false);
    translation->out = kept;
    translation->select = select;
    context->input = athena_fields_all(translation, MR_S(""));
    const bool fine = !athena_translate_failed(translation) && !refuse_names(context);
    for (size_t i = 0; i < context->input.count; i++)
        named = named && context->input.list[i].name.len > 0;
    translation->out = out;
    athena_emit_text(translation, "(SELECT ");
    for (size_t i = 0; i < context->input.count && named; i++) {
        athena_emit_text(translation, i > 0 ? ", " : "");
        athena_emit_name(translation, context->input.list[i].name);
    }
    translation->out = kept;
    mr_buf_printf(out, "%s FROM %.*s) AS mr_t(", named ? "" : "*", MR_ARG(mr_buf_slice(&relation)));
    for (size_t i = 0; i < context->input.count; i++)
        mr_buf_printf(out, "%sc%zu", i > 0 ? ", " : "", i);
    mr_buf_append(out, MR_S(")"));
    mr_buf_fini(&relation);
    return fine;
}

/* The column that PARTITION BY or ORDER BY names; SIZE_MAX: the error is set. */
static size_t column_of(struct match_context *context, const struct athena_node *node)
{
    struct athena_translation *translation = context->translation;
    if (node->kind != AST_NAME && node->kind != AST_DOT) {
        athena_translate_fail(translation, node, "INVALID_COLUMN_REFERENCE",
                              "Expected column reference");
        return SIZE_MAX;
    }
    for (size_t i = 0; i < context->input.count; i++) {
        if (mr_slice_equal_nocase(context->input.list[i].name, node->text) &&
            athena_infer(translation, node) != NULL)
            return i;
    }
    athena_translate_fail(translation, node, "COLUMN_NOT_FOUND",
                          "Column %.*s is not present in the input relation", MR_ARG(node->text));
    return SIZE_MAX;
}

static void emit_column(struct match_context *context, const char *prefix, size_t column)
{
    struct athena_translation *translation = context->translation;
    struct athena_node name = {.kind = AST_NAME,
                               .text =
                                   mr_arena_printf(translation->arena, "%sc%zu", prefix, column),
                               .inferred = true,
                               .type = context->input.list[column].type};
    athena_emit(translation, &name);
}

/* PARTITION BY, ORDER BY as the order of all rows. False: there is none of them. */
static bool emit_order(struct match_context *context, bool partitions, bool rows)
{
    struct athena_translation *translation = context->translation;
    const char *before = "ORDER BY ";
    for (const struct athena_node *item = context->node->groups; item != NULL && partitions;
         item = item->next) {
        const size_t column = column_of(context, item);
        if (column == SIZE_MAX)
            return false;
        athena_emit_text(translation, before);
        emit_column(context, "", column);
        before = ", ";
    }
    for (const struct athena_node *sort = context->node->order; sort != NULL && rows;
         sort = sort->next) {
        const size_t column = column_of(context, sort->left);
        if (column == SIZE_MAX)
            return false;
        athena_emit_text(translation, before);
        emit_column(context, "", column);
        athena_emit_text(translation, sort->flags & AST_DESC ? " DESC" : " ASC");
        athena_emit_text(translation,
                         sort->flags & AST_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
        before = ", ";
    }
    return true;
}

static bool emit_rows(struct match_context *context, struct mr_buf *out)
{
    struct athena_translation *translation = context->translation;
    struct mr_buf from = {0}, *kept = translation->out;
    bool fine = emit_input(context, &from);
    translation->out = out;
    athena_emit_text(translation, "SELECT row_number() OVER (");
    fine = fine && emit_order(context, true, true);
    athena_emit_text(translation, ") AS mr_id, ");
    if (context->node->groups != NULL) {
        athena_emit_text(translation, "rank() OVER (");
        fine = fine && emit_order(context, true, false);
        athena_emit_text(translation, ")");
    } else {
        athena_emit_text(translation, "1::BIGINT");
    }
    mr_buf_printf(out, " AS mr_part, * FROM %.*s", MR_ARG(mr_buf_slice(&from)));
    translation->out = kept;
    mr_buf_fini(&from);
    return fine;
}

/* ---- names that measures and conditions see ---- */

static void see(struct match_context *context, const char *name, enum athena_sql_kind kind)
{
    struct athena_fields fields = athena_fields_make(context->translation, 1);
    fields.list[0] =
        (struct athena_field){.name = mr_slice_cstr(name), .type = athena_sqltype_simple(kind)};
    athena_level_add(context->translation, MR_S(""), fields);
}

static void see_all(struct match_context *context)
{
    struct athena_translation *translation = context->translation;
    struct athena_fields fields = athena_fields_make(translation, context->input.count);
    translation->level = NULL;
    athena_level_push(translation);
    for (size_t i = 0; i < context->input.count; i++)
        fields.list[i] =
            (struct athena_field){.name = mr_arena_printf(translation->arena, "c%zu", i),
                                  .type = context->input.list[i].type};
    athena_level_add(translation, MR_S(""), fields);
    static const char *const numbers[] = {"mr_id",    "mr_part", "mr_p",
                                          "mr_match", "mr_row",  "mr_label"};
    for (size_t i = 0; i < MR_COUNT(numbers); i++)
        see(context, numbers[i], SQL_BIGINT);
}

/* ---- the result's columns ---- */

static struct mr_slice text_of(struct match_context *context, const struct athena_node *node)
{
    struct athena_translation *translation = context->translation;
    struct mr_buf text = {0}, *out = translation->out;
    translation->out = &text;
    if ((context->node->number & MATCH_UNMATCHED) != 0)
        athena_emit_text(translation, "CASE WHEN mr_match > 0 THEN ");
    athena_emit_kept(translation, node);
    if ((context->node->number & MATCH_UNMATCHED) != 0)
        athena_emit_text(translation, " END");
    translation->out = out;
    struct mr_slice sql = mr_arena_copy(translation->arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return sql;
}

static void add_column(struct match_context *context, struct outputs *outputs, size_t column)
{
    const struct athena_field *field = &context->input.list[column];
    outputs->list[outputs->count++] =
        (struct output){.name = field->name,
                        .sql = mr_arena_printf(context->translation->arena, "c%zu", column),
                        .type = field->type};
}

static bool add_measures(struct match_context *context, struct outputs *outputs)
{
    struct athena_translation *translation = context->translation;
    for (const struct athena_node *item = context->node->items; item != NULL; item = item->next) {
        struct athena_node *measure = athena_match_measure(context, item->left);
        const struct athena_sqltype *type =
            measure == NULL ? NULL : athena_infer(translation, measure);
        if (athena_translate_failed(translation))
            return false;
        outputs->list[outputs->count++] =
            (struct output){.name = item->name, .sql = text_of(context, measure), .type = type};
    }
    athena_match_ask_labels(context);
    return !athena_translate_failed(translation);
}

/* PARTITION BY, of all rows ORDER BY, measures, of all rows the other columns. `columns` are those
 * of PARTITION BY and ORDER BY, up to SIZE_MAX. */
static bool add_outputs(struct match_context *context, const size_t *columns,
                        struct outputs *outputs)
{
    const bool all = (context->node->number & MATCH_ALL_ROWS) != 0;
    const size_t partitions = athena_node_count(context->node->groups);
    bool *shown = MR_NEW_ARRAY(context->translation->arena, bool, context->input.count + 1);
    for (size_t i = 0; columns[i] != SIZE_MAX && (all || i < partitions); i++) {
        add_column(context, outputs, columns[i]);
        shown[columns[i]] = true;
    }
    if (!add_measures(context, outputs))
        return false;
    for (size_t i = 0; i < context->input.count && all; i++) {
        if (!shown[i])
            add_column(context, outputs, i);
    }
    if (outputs->count == 0)
        athena_translate_fail(context->translation, context->node, "TABLE_HAS_NO_COLUMNS",
                              "pattern recognition output table has no columns");
    return outputs->count > 0;
}

/* ---- mr_match ---- */

static bool put_plan(struct match_context *context, struct mr_buf *out)
{
    struct mr_json plan = mr_json_make(out);
    struct mr_buf steps = {0};
    const size_t flags = context->node->number;
    struct mr_arena *arena = context->translation->arena;
    bool fine = athena_match_compile(context, &steps);
    mr_json_object(&plan);
    mr_json_key_raw(&plan, "steps", mr_arena_printf(arena, "[%.*s]", MR_ARG(mr_buf_slice(&steps))));
    mr_buf_fini(&steps);
    mr_json_key(&plan, "labels");
    mr_json_array(&plan);
    for (size_t i = 0; i < context->label_count; i++)
        mr_json_string(&plan, context->labels[i]);
    mr_json_array_end(&plan);
    mr_json_key_raw(&plan, "nav",
                    mr_arena_printf(arena, "[%.*s]", MR_ARG(mr_buf_slice(&context->slots))));
    mr_json_key_int(&plan, "flags", (int64_t)(flags | (context->aggregates ? MATCH_KEEP_ROWS : 0)));
    if (context->node->name.len > 0) {
        mr_json_key(&plan, "skip");
        athena_match_put_set(context, context->node->name, &plan);
    }
    fine = fine && athena_match_define(context, &plan);
    mr_json_object_end(&plan);
    return fine;
}

static bool emit_found(struct match_context *context, struct mr_slice rows)
{
    struct athena_translation *translation = context->translation;
    struct mr_buf plan = {0};
    const bool fine = put_plan(context, &plan);
    athena_emit_text(translation, "SELECT mr_part AS mr_p, unnest(mr_match(list(struct_pack(");
    for (size_t i = 0; i < context->field_count; i++)
        mr_buf_printf(translation->out, "f%zu := f%zu, ", i, i);
    athena_emit_text(translation, "f := true) ORDER BY mr_id), ");
    athena_emit_string(translation, mr_buf_slice(&plan));
    mr_buf_printf(translation->out,
                  ")) AS mr_x FROM (SELECT mr_id, mr_part%.*s FROM %.*s) GROUP BY mr_part",
                  MR_ARG(mr_buf_slice(&context->fields)), MR_ARG(rows));
    mr_buf_fini(&plan);
    return fine;
}

/* The numbers under their names: rows by mr_id, variables by theirs. */
static void emit_numbers(struct match_context *context, struct mr_slice found)
{
    struct athena_translation *translation = context->translation;
    struct mr_buf *out = translation->out;
    mr_buf_printf(out,
                  "(SELECT mr_p, mr_x[%d] AS mr_sequence, mr_x[%d] AS mr_match, mr_p + "
                  "mr_x[%d] AS mr_row, mr_x[%d] AS mr_label, mr_x[%d] AS mr_flags",
                  MATCH_RESULT_SEQUENCE + 1, MATCH_RESULT_MATCH + 1, MATCH_RESULT_ROW + 1,
                  MATCH_RESULT_LABEL + 1, MATCH_RESULT_FLAGS + 1);
    for (const struct match_navigation *at = context->navigations; at != NULL; at = at->next) {
        mr_buf_printf(out, ", mr_p - 1 + nullif(mr_x[%zu], 0) AS n%zu",
                      MATCH_RESULT_FIELDS + at->index + 1, at->index);
        if (!at->label)
            continue;
        athena_emit_text(translation, ", list_extract([");
        for (size_t i = 0; i < context->label_count; i++) {
            athena_emit_text(translation, i > 0 ? ", " : "");
            athena_emit_string(translation, context->labels[i]);
        }
        mr_buf_printf(out, "], mr_x[%zu]) AS n%zu_l", MATCH_RESULT_FIELDS + at->label_index + 1,
                      at->index);
    }
    mr_buf_printf(out, " FROM %.*s) AS mr_m", MR_ARG(found));
}

static void emit_joins(struct match_context *context, struct mr_slice rows)
{
    struct mr_buf *out = context->translation->out;
    mr_buf_printf(out, " JOIN %.*s ON mr_id = mr_row", MR_ARG(rows));
    for (const struct match_navigation *at = context->navigations; at != NULL; at = at->next) {
        bool joined = false;
        for (size_t i = 0; i < context->input.count; i++) {
            if (!at->columns[i])
                continue;
            if (!joined)
                mr_buf_printf(out, " LEFT JOIN (SELECT mr_id AS n%zu_id", at->index);
            mr_buf_printf(out, ", c%zu AS n%zu_c%zu", i, at->index, i);
            joined = true;
        }
        if (joined)
            mr_buf_printf(out, " FROM %.*s) AS n%zu ON n%zu_id = n%zu", MR_ARG(rows), at->index,
                          at->index, at->index);
    }
}

static void emit_result(struct match_context *context, const struct outputs *outputs,
                        struct mr_slice rows, struct mr_slice found)
{
    struct mr_buf *out = context->translation->out;
    for (size_t i = 0; i < outputs->count; i++)
        mr_buf_printf(out, i > 0 ? ", o%zu" : " SELECT o%zu", i);
    mr_buf_append(out, MR_S(" FROM (SELECT mr_p, mr_sequence, mr_flags"));
    for (size_t i = 0; i < outputs->count; i++)
        mr_buf_printf(out, ", %.*s AS o%zu", MR_ARG(outputs->list[i].sql), i);
    mr_buf_append(out, MR_S(" FROM "));
    emit_numbers(context, found);
    emit_joins(context, rows);
    mr_buf_printf(out, ") WHERE mr_flags & %d = %d ORDER BY mr_p, mr_sequence", MATCH_SHOWN,
                  MATCH_SHOWN);
}

/* The columns of PARTITION BY and ORDER BY, then SIZE_MAX; NULL: the error is set. */
static const size_t *named_columns(struct match_context *context)
{
    const struct athena_node *match = context->node;
    size_t count = 0;
    size_t *columns =
        MR_NEW_ARRAY(context->translation->arena, size_t,
                     athena_node_count(match->groups) + athena_node_count(match->order) + 1);
    for (const struct athena_node *item = match->groups; item != NULL; item = item->next)
        columns[count++] = column_of(context, item);
    for (const struct athena_node *sort = match->order; sort != NULL; sort = sort->next)
        columns[count++] = column_of(context, sort->left);
    columns[count] = SIZE_MAX;
    return athena_translate_failed(context->translation) ? NULL : columns;
}

static bool emit_all(struct match_context *context, struct outputs *outputs)
{
    struct athena_translation *translation = context->translation;
    const struct athena_node *match = context->node;
    struct mr_slice rows =
        mr_arena_printf(translation->arena, "mr_rows_%u_%u", match->line, match->column);
    struct mr_slice found =
        mr_arena_printf(translation->arena, "mr_found_%u_%u", match->line, match->column);
    struct mr_buf *out = translation->out;
    mr_buf_printf(out, "(WITH %.*s AS MATERIALIZED (", MR_ARG(rows));
    if (!emit_rows(context, out))
        return false;
    const size_t *columns = named_columns(context);
    if (columns == NULL || !athena_match_analyze(context))
        return false;
    outputs->list =
        MR_NEW_ARRAY(translation->arena, struct output,
                     context->input.count * 2 + athena_node_count(match->groups) +
                         athena_node_count(match->order) + athena_node_count(match->items) + 1);
    see_all(context);
    if (!add_outputs(context, columns, outputs))
        return false;
    mr_buf_printf(out, "), %.*s AS MATERIALIZED (", MR_ARG(found));
    if (!emit_found(context, rows))
        return false;
    mr_buf_append(out, MR_S(")"));
    emit_result(context, outputs, rows, found);
    mr_buf_append(out, MR_S(")"));
    return !athena_translate_failed(translation);
}

bool athena_emit_match(struct athena_translation *translation, const struct athena_node *match,
                       struct athena_fields *ret_fields)
{
    struct match_context context = {.translation = translation, .node = match};
    struct athena_level *level = translation->level;
    struct outputs outputs = {0};
    translation->level = level == NULL ? NULL : level->outer; /* neighbours are not in sight */
    athena_level_push(translation);
    const bool fine = emit_all(&context, &outputs);
    translation->level = level;
    mr_buf_fini(&context.slots);
    mr_buf_fini(&context.fields);
    if (!fine)
        return false;
    struct athena_fields fields = athena_fields_make(translation, outputs.count);
    for (size_t i = 0; i < outputs.count; i++)
        fields.list[i] =
            (struct athena_field){.name = outputs.list[i].name, .type = outputs.list[i].type};
    *ret_fields = fields;
    return true;
}
