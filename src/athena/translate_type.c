/* Types and casts. */
#include "athena/translate.h"

static const struct {
    const char *trino, *duckdb;
} types[] = {
    {"boolean", "BOOLEAN"},     {"tinyint", "TINYINT"},
    {"smallint", "SMALLINT"},   {"integer", "INTEGER"},
    {"int", "INTEGER"},         {"bigint", "BIGINT"},
    {"real", "FLOAT"},          {"double", "DOUBLE"},
    {"varchar", "VARCHAR"},     {"varbinary", "BLOB"},
    {"date", "DATE"},           {"time", "TIME"},
    {"timestamp", "TIMESTAMP"}, {"timestamp with time zone", "TIMESTAMPTZ"},
    {"json", "JSON"},           {"uuid", "UUID"},
};

static bool is_type(const struct athena_node *type, const char *name)
{
    return mr_slice_equal(type->text, mr_slice_cstr(name));
}

static void fail_type(struct athena_translation *translation, const struct athena_node *type)
{
    athena_translate_fail(translation, type, "TYPE_NOT_FOUND", "Unknown type: %.*s",
                          MR_ARG(type->text));
}

static void emit_decimal(struct athena_translation *translation, const struct athena_node *type)
{
    struct mr_slice precision = MR_S("38"), scale = MR_S("0");
    if (type->items != NULL) {
        precision = type->items->text;
        if (type->items->next != NULL)
            scale = type->items->next->text;
    }
    uint64_t p, s;
    if (mr_slice_to_u64(precision, &p) != MR_OK || mr_slice_to_u64(scale, &s) != MR_OK || p < 1 ||
        p > 38 || s > p) {
        athena_translate_fail(translation, type, "SYNTAX_ERROR", "Invalid DECIMAL precision");
        return;
    }
    mr_buf_printf(translation->out, "DECIMAL(%d,%d)", (int)p, (int)s);
}

static void emit_row(struct athena_translation *translation, const struct athena_node *type)
{
    size_t index = 0;
    athena_emit_text(translation, "STRUCT(");
    for (const struct athena_node *field = type->items; field != NULL; field = field->next) {
        if (field != type->items)
            athena_emit_text(translation, ", ");
        struct mr_slice name = field->name;
        if (name.len == 0)
            name = mr_arena_printf(translation->arena, "field%zu", index);
        athena_emit_name(translation, name);
        athena_emit_text(translation, " ");
        athena_emit_type(translation, field);
        index++;
    }
    athena_emit_text(translation, ")");
}

void athena_emit_type(struct athena_translation *translation, const struct athena_node *type)
{
    const size_t parameters = athena_node_count(type->items);
    if (type->kind != AST_TYPE) {
        athena_translate_fail(translation, type, "SYNTAX_ERROR", "a type is expected here");
    } else if (is_type(type, "decimal")) {
        emit_decimal(translation, type);
    } else if (is_type(type, "array") && parameters == 1) {
        athena_emit_type(translation, type->items);
        athena_emit_text(translation, "[]");
    } else if (is_type(type, "map") && parameters == 2) {
        athena_emit_text(translation, "MAP(");
        athena_emit_type(translation, type->items);
        athena_emit_text(translation, ", ");
        athena_emit_type(translation, type->items->next);
        athena_emit_text(translation, ")");
    } else if (is_type(type, "row") && parameters > 0) {
        emit_row(translation, type);
    } else {
        for (size_t i = 0; i < MR_COUNT(types); i++) {
            if (is_type(type, types[i].trino)) {
                athena_emit_text(translation, types[i].duckdb);
                return;
            }
        }
        fail_type(translation, type);
    }
}

/* To text by our own rendering, which is Trino's; to JSON as a value, not by parsing. */
void athena_emit_cast(struct athena_translation *translation, const struct athena_node *node)
{
    const struct athena_node *type = node->items;
    if (is_type(type, "varchar")) {
        athena_emit_text(translation, type->items != NULL ? "left(mr_text(" : "mr_text(");
        athena_emit(translation, node->left);
        if (type->items != NULL)
            mr_buf_printf(translation->out, "), %.*s", MR_ARG(type->items->text));
        athena_emit_text(translation, ")");
        return;
    }
    if (is_type(type, "json")) {
        athena_emit_text(translation, "to_json(");
        athena_emit(translation, node->left);
        athena_emit_text(translation, ")");
        return;
    }
    athena_emit_text(translation, node->flags & AST_TRY ? "TRY_CAST(" : "CAST(");
    athena_emit(translation, node->left);
    athena_emit_text(translation, " AS ");
    athena_emit_type(translation, type);
    athena_emit_text(translation, ")");
}
