/* Divisions and remainders, each by its number: see decimals.h. */
#include "athena/translate.h"

/* The operand as the type of the result, where DuckDB would choose another. */
void athena_emit_operand(struct athena_translation *translation, const struct athena_node *node,
                         const struct athena_sqltype *type)
{
    if (type != NULL && node->type != NULL && node->type->kind != type->kind)
        athena_emit_coerced(translation, node, type);
    else
        athena_emit(translation, node);
}

size_t athena_division_number(struct athena_translation *translation, struct mr_slice text)
{
    const struct athena_division *at = translation->division;
    while (at != NULL &&
           (at->select != translation->select || !mr_slice_equal_nocase(at->text, text)))
        at = at->next;
    if (at != NULL)
        return at->number;
    struct athena_division *made = MR_NEW(translation->arena, struct athena_division);
    *made = (struct athena_division){.select = translation->select,
                                     .text = mr_arena_copy(translation->arena, text),
                                     .number = (*translation->divisions)++,
                                     .next = translation->division};
    translation->division = made;
    return made->number;
}

/* The text without the tables that stand before columns. */
static struct mr_slice unqualified(struct athena_translation *translation, struct mr_slice text)
{
    struct mr_buf out = {0};
    for (size_t at = 0, end; at < text.len; at = end) {
        const char quote = text.ptr[at];
        end = at + 1;
        while ((quote == '"' || quote == '\'') && end < text.len && text.ptr[end] != quote)
            end++;
        end += quote == '"' || quote == '\'';
        const bool table = quote == '"' && end < text.len && text.ptr[end] == '.';
        if (!table)
            mr_buf_append(&out, mr_slice_sub(text, at, end - at));
        end += table;
    }
    struct mr_slice copy = mr_arena_copy(translation->arena, mr_buf_slice(&out));
    mr_buf_fini(&out);
    return copy;
}

/* What tells a division from others. GROUP BY may name a table where the select list does not:
 * then it is the types, where they are known, that keep columns of one name apart. */
static struct mr_slice key_of(struct athena_translation *translation, const char *name,
                              const struct athena_node *left, const struct athena_node *right,
                              struct mr_slice text)
{
    if (left->type == NULL || right->type == NULL)
        return mr_arena_printf(translation->arena, "%s(%.*s)", name, MR_ARG(text));
    return mr_arena_printf(translation->arena, "%s(%.*s) %.*s %.*s", name,
                           MR_ARG(unqualified(translation, text)),
                           MR_ARG(athena_sqltype_text(translation->arena, left->type)),
                           MR_ARG(athena_sqltype_text(translation->arena, right->type)));
}

void athena_emit_division(struct athena_translation *translation, const char *name,
                          const struct athena_node *left, const struct athena_node *right)
{
    struct mr_buf text = {0}, *out = translation->out;
    const struct athena_sqltype *type = NULL; /* that both become, of numbers but decimals */
    if (left->type != NULL && right->type != NULL)
        type = athena_sqltype_common(translation->arena, left->type, right->type);
    if (type != NULL && type->kind == SQL_DECIMAL)
        type = NULL;
    translation->out = &text;
    athena_emit_operand(translation, left, type);
    athena_emit_text(translation, ", ");
    athena_emit_operand(translation, right, type);
    translation->out = out;
    const size_t number = athena_division_number(
        translation, key_of(translation, name, left, right, mr_buf_slice(&text)));
    mr_buf_printf(out, "%s/*%zu*/(%.*s, %zu)", name, number, MR_ARG(mr_buf_slice(&text)), number);
    mr_buf_fini(&text);
}
