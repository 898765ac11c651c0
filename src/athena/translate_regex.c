/* Calls with regular expressions. */
#include "athena/translate_call.h"

/* The pieces between the matches, and for each match what the lambda makes of its groups. */
static void emit_regexp_lambda(struct athena_translation *translation,
                               const struct athena_node *call, const struct athena_node *lambda)
{
    struct mr_slice name;
    static const char *const value = "mr_g";
    if (!athena_call_names(translation, call, lambda, 1, &name))
        return;
    const struct athena_node *pattern = athena_call_string(translation, call, 1);
    const size_t groups = pattern == NULL ? 0 : athena_pattern_groups(pattern->text);
    athena_call_template(
        translation, call,
        "list_reduce(list_transform(generate_series(1, len(string_split_regex($1, $2))), "
        "lambda mr_i: string_split_regex($1, $2)[mr_i] || coalesce(list_transform("
        "list_filter([regexp_extract_all($1, $2)[mr_i]], lambda mr_m: mr_m IS NOT NULL), "
        "lambda mr_m: list_transform([[");
    for (size_t i = 1; i <= groups; i++) {
        athena_call_template(translation, call,
                             i > 1 ? ", regexp_extract(mr_m, $2, " : "regexp_extract(mr_m, $2, ");
        mr_buf_printf(translation->out, "%zu)", i);
    }
    athena_emit_text(translation, "]], lambda mr_g: ");
    athena_call_body(translation, lambda, &name, &value, 1);
    athena_emit_text(translation, ")[1])[1], '')), lambda mr_a, mr_b: mr_a || mr_b)");
}

/* Every match is replaced; groups are $1 in Trino, \1 in DuckDB. */
void athena_emit_regexp_replace(struct athena_translation *translation,
                                const struct athena_node *call)
{
    const struct athena_node *last = athena_call_argument(call, 2);
    if (last != NULL && last->kind == AST_LAMBDA) {
        emit_regexp_lambda(translation, call, last);
        return;
    }
    struct athena_node empty = {.kind = AST_STRING, .line = call->line, .column = call->column};
    const struct athena_node *text =
        athena_call_argument(call, 2) == NULL ? &empty : athena_call_string(translation, call, 2);
    if (text == NULL)
        return;
    struct mr_buf replacement = {0};
    for (size_t i = 0; i < text->text.len; i++) {
        const char byte = text->text.ptr[i];
        const char next = i + 1 < text->text.len ? text->text.ptr[i + 1] : '\0';
        if (byte == '$' && next >= '0' && next <= '9')
            mr_buf_byte(&replacement, '\\');
        else if (byte == '\\' && next == '$')
            continue; /* an escaped dollar */
        else if (byte == '\\')
            mr_buf_append(&replacement, MR_S("\\\\"));
        else
            mr_buf_byte(&replacement, byte);
    }
    athena_call_template(translation, call, "regexp_replace($1, $2, ");
    athena_emit_string(translation, mr_buf_slice(&replacement));
    athena_emit_text(translation, ", 'g')");
    mr_buf_fini(&replacement);
}
