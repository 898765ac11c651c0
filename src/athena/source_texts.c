/* Columns of varchar(n) and char(n): AWS cuts their texts when it reads them, and those of char(n)
 * have n characters. Texts inside arrays, maps and structs, and partition keys, stay as they are.
 */
#include "athena/source.h"

static bool is_sized(const struct athena_column *column)
{
    return column->type.kind == ATHENA_STRING && column->type.length > 0;
}

static void emit_column(struct athena_translation *translation, const struct athena_column *column)
{
    athena_emit_text(translation, column->type.padded ? "rpad(left(" : "left(");
    athena_emit_name(translation, column->name);
    mr_buf_printf(translation->out, ", %d)", column->type.length);
    if (column->type.padded)
        mr_buf_printf(translation->out, ", %d, ' ')", column->type.length);
    athena_emit_text(translation, " AS ");
    athena_emit_name(translation, column->name);
}

void athena_source_size(struct athena_translation *translation, const struct athena_scan *scan,
                        size_t start, struct mr_buf *out)
{
    struct mr_buf *before = translation->out;
    const char *words = "(SELECT * REPLACE (";
    struct mr_slice written = {out->data + start, out->len - start};
    const struct mr_slice relation = mr_arena_copy(translation->arena, written);
    translation->out = out;
    for (size_t i = 0; i < scan->column_count; i++) {
        if (!is_sized(&scan->columns[i]))
            continue;
        out->len = words[0] == '(' ? start : out->len;
        athena_emit_text(translation, words);
        emit_column(translation, &scan->columns[i]);
        words = ", ";
    }
    if (words[0] == ',')
        mr_buf_printf(out, ") FROM %.*s)", MR_ARG(relation));
    translation->out = before;
}
