/* JSON_TABLE: mr_json_table (scalars_json.c) finds the rows, a text an answer; each is made the
 * value of its column as json_value and json_query make theirs. */
#include "athena/translate_json.h"
#include "base/json.h"

struct columns {
    struct athena_translation *translation;
    const struct athena_node *table;
    struct athena_fields *fields;
    struct mr_buf sql; /* the values, by struct_pack */
};

static size_t count(const struct athena_node *level)
{
    size_t columns = 0;
    for (const struct athena_node *item = level->groups; item != NULL; item = item->next)
        columns += item->kind == AST_JSON_TABLE ? count(item) : 1;
    return columns;
}

/* What the plan says of the columns of a level, and of those inside. */
static void put_plan(struct mr_json *json, const struct athena_node *level)
{
    mr_json_key_string(json, "p", level->name);
    mr_json_key(json, "c");
    mr_json_array(json);
    for (const struct athena_node *item = level->groups; item != NULL; item = item->next) {
        if (item->kind != AST_JSON_TABLE && item->left == NULL) {
            mr_json_int(json, 0);
            continue;
        }
        mr_json_object(json);
        if (item->kind == AST_JSON_TABLE) {
            put_plan(json, item);
        } else {
            mr_json_key_string(json, "p", item->left->name);
            mr_json_key_int(json, "w", (int64_t)(item->left->number & JSON_WHAT));
        }
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

static struct mr_slice plan_of(struct mr_arena *arena, const struct athena_node *table)
{
    static const struct {
        const char *name;
        size_t flag;
    } flags[] = {
        {"error", JSON_TABLE_ERROR}, {"inner", JSON_TABLE_INNER}, {"cross", JSON_TABLE_CROSS}};
    struct mr_buf text = {0};
    struct mr_json json = mr_json_make(&text);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(flags); i++) {
        if ((table->number & flags[i].flag) != 0)
            mr_json_key_bool(&json, flags[i].name, true);
    }
    put_plan(&json, table);
    mr_json_object_end(&json);
    struct mr_slice plan = mr_arena_copy(arena, mr_buf_slice(&text));
    mr_buf_fini(&text);
    return plan;
}

static void put_column(struct columns *columns, const struct athena_node *item)
{
    struct athena_translation *translation = columns->translation;
    const size_t at = columns->fields->count++;
    struct athena_field *field = &columns->fields->list[at];
    struct mr_slice answer = mr_arena_printf(translation->arena, "mr_r[%zu]", at + 1);
    struct athena_node *json = item->left;
    mr_buf_printf(&columns->sql, "%sc%zu := ", at > 0 ? ", " : "", at);
    field->name = item->name;
    if (json == NULL) {
        field->type = athena_sqltype_simple(SQL_BIGINT);
        mr_buf_printf(&columns->sql, "CAST(%.*s AS BIGINT)", MR_ARG(answer));
        return;
    }
    if ((columns->table->number & JSON_TABLE_ERROR) != 0 &&
        (json->number & JSON_SAYS_ON_ERROR) == 0)
        json->number |= (size_t)JSON_ERROR << JSON_ON_ERROR;
    field->type = athena_infer(translation, json);
    if (field->type != NULL)
        athena_emit_json_found(translation, json, answer);
}

static void put_columns(struct columns *columns, const struct athena_node *level)
{
    struct athena_node path = *level;
    path.kind = AST_JSON;
    path.number = JSON_EXISTS;
    path.items = path.groups = path.next = NULL;
    (void)athena_infer_json(columns->translation, &path); /* the path must be one */
    for (const struct athena_node *item = level->groups; item != NULL; item = item->next) {
        if (athena_translate_failed(columns->translation))
            return;
        if (item->kind == AST_JSON_TABLE)
            put_columns(columns, item);
        else
            put_column(columns, item);
    }
}

bool athena_emit_json_table(struct athena_translation *translation, const struct athena_node *node,
                            struct athena_fields *ret_fields)
{
    struct mr_buf *out = translation->out;
    struct athena_fields fields = athena_fields_make(translation, count(node));
    struct columns columns = {.translation = translation, .table = node, .fields = &fields};
    fields.count = 0;
    for (const struct athena_node *item = node->items; item != NULL; item = item->next)
        (void)athena_infer(translation, item->left);
    translation->out = &columns.sql;
    put_columns(&columns, node);
    translation->out = out;
    athena_emit_text(translation, "LATERAL (SELECT unnest(list_transform(CAST(CAST(mr_json_table(");
    athena_emit_json_input(translation, node);
    athena_emit_text(translation, ", ");
    athena_emit_string(translation, plan_of(translation->arena, node));
    athena_emit_text(translation, ", ");
    athena_emit_json_variables(translation, node);
    athena_emit_text(translation, ") AS JSON) AS VARCHAR[][]), lambda mr_r: struct_pack(");
    mr_buf_append(out, mr_buf_slice(&columns.sql));
    athena_emit_text(translation, ")), max_depth := 2))");
    mr_buf_fini(&columns.sql);
    *ret_fields = fields;
    return !athena_translate_failed(translation);
}
