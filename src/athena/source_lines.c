#include "athena/source_lines.h"
#include "athena/parquet.h"
#include "athena/regex.h"

/* The data columns are cut by DuckDB from one column, the line. */
static void lines_only(struct athena_scan *scan, size_t data)
{
    scan->cut = scan->columns;
    scan->cut_count = scan->column_count;
    scan->columns = MR_NEW_ARRAY(scan->arena, struct athena_column, scan->column_count - data + 2);
    scan->columns[0] = (struct athena_column){
        .name = MR_S("mr line"), .key = ATHENA_COLUMN_DATA, .type = {.kind = ATHENA_STRING}};
    memcpy(scan->columns + 1, scan->cut + data, sizeof *scan->cut * (scan->column_count - data));
    scan->column_count = scan->column_count - data + 1;
}

bool athena_source_lines(struct athena_translation *translation, const struct athena_node *node,
                         struct athena_scan *scan, const struct glue_table *table)
{
    const char *why = "";
    struct athena_regex *regex =
        athena_regex_make_line(scan->arena, scan->regex, scan->ignore_case, &why);
    const bool fits = regex != NULL && athena_regex_groups(regex) == table->column_count;
    if (regex == NULL)
        athena_translate_fail(translation, node, "HIVE_CURSOR_ERROR",
                              "The table's input.regex is no regular expression: %s", why);
    else if (!fits)
        athena_translate_fail(translation, node, "HIVE_CURSOR_ERROR",
                              "Number of matching groups doesn't match the number of columns");
    athena_regex_free(regex);
    if (fits)
        lines_only(scan, table->column_count);
    return fits;
}

void athena_source_cut(const struct athena_scan *scan, unsigned long long id, struct mr_buf *out)
{
    size_t group = 0;
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < scan->cut_count; i++) {
        const struct athena_column *column = &scan->cut[i];
        mr_buf_append(out, i > 0 ? MR_S(", ") : MR_S(""));
        if (column->key == ATHENA_COLUMN_DATA) {
            mr_buf_printf(out, "TRY_CAST(\"mr cut\"[%zu] AS ", ++group);
            athena_type_sql(out, &column->type);
            mr_buf_append(out, MR_S(") AS "));
        } else if (column->key == ATHENA_COLUMN_MODIFIED) {
            mr_buf_append(out,
                          MR_S("CAST(\"$file_modified_time\" AS TIMESTAMP WITH TIME ZONE) AS "));
        }
        athena_sql_quoted(out, column->name, '"');
    }
    mr_buf_append(out, MR_S(" FROM (SELECT *, mr_regexp_line(\"mr line\", "));
    athena_sql_quoted(out, scan->regex, '\'');
    mr_buf_printf(out, ", CAST(%d AS BIGINT)) AS \"mr cut\" FROM mr_scan(%llu)))",
                  (int)scan->ignore_case, id);
}
