#include "athena/source_lines.h"
#include "athena/grok.h"
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

/* RegexSerDe: the groups are the columns, one after the other. */
static bool set_groups(struct athena_translation *translation, const struct athena_node *node,
                       struct athena_scan *scan, const struct athena_regex *regex, size_t data)
{
    if (athena_regex_groups(regex) != data) {
        athena_translate_fail(translation, node, "HIVE_CURSOR_ERROR",
                              "Number of matching groups doesn't match the number of columns");
        return false;
    }
    for (size_t i = 0; i < data; i++)
        scan->columns[i].source = mr_arena_printf(scan->arena, "\"mr cut\"[%zu]", i + 1);
    return true;
}

/* GrokSerDe: a column is the first of its captures that took part, or a group that the patterns
 * themselves call by its name, or NULL. */
static void set_captures(struct athena_scan *scan, const struct athena_regex *regex,
                         const struct athena_grok *grok, size_t data)
{
    for (size_t i = 0; i < data; i++) {
        struct mr_buf text = {0};
        const size_t own = athena_regex_group(regex, scan->columns[i].name);
        mr_buf_append(&text, MR_S("COALESCE(NULL"));
        for (const struct athena_grok_capture *capture = grok->captures[i]; capture != NULL;
             capture = capture->next)
            mr_buf_printf(&text, ", \"mr cut\"[%zu]", athena_regex_group(regex, capture->group));
        if (own > 0)
            mr_buf_printf(&text, ", \"mr cut\"[%zu]", own);
        mr_buf_byte(&text, ')');
        scan->columns[i].source = mr_arena_copy(scan->arena, mr_buf_slice(&text));
        mr_buf_fini(&text);
    }
}

static bool expand(struct athena_translation *translation, const struct athena_node *node,
                   struct athena_scan *scan, size_t data, struct athena_grok *ret_grok)
{
    struct mr_slice *names = MR_NEW_ARRAY(scan->arena, struct mr_slice, data + 1);
    struct mr_slice why = MR_S("it is missing");
    for (size_t i = 0; i < data; i++)
        names[i] = scan->columns[i].name;
    if (scan->regex.len > 0 && athena_grok_expand(scan->arena, scan->regex, scan->grok_custom,
                                                  names, data, ret_grok, &why) == MR_OK)
        return true;
    athena_translate_fail(translation, node, "HIVE_CURSOR_ERROR",
                          "The table's input.format is no pattern of Grok: %.*s", MR_ARG(why));
    return false;
}

bool athena_source_lines(struct athena_translation *translation, const struct athena_node *node,
                         struct athena_scan *scan, const struct glue_table *table)
{
    const char *why = "";
    const size_t data = table->column_count;
    struct athena_grok grok = {0};
    if (scan->grok) {
        if (!expand(translation, node, scan, data, &grok))
            return false;
        scan->regex = grok.regex;
    }
    struct athena_regex *regex =
        athena_regex_make_line(scan->arena, scan->regex, scan->ignore_case, &why);
    if (regex == NULL) {
        athena_translate_fail(translation, node, "HIVE_CURSOR_ERROR",
                              "The table's %s is no regular expression: %s",
                              scan->grok ? "input.format" : "input.regex", why);
        return false;
    }
    bool fits = true;
    if (scan->grok)
        set_captures(scan, regex, &grok, data);
    else
        fits = set_groups(translation, node, scan, regex, data);
    athena_regex_free(regex);
    if (fits)
        lines_only(scan, data);
    return fits;
}

void athena_source_cut(const struct athena_scan *scan, unsigned long long id, struct mr_buf *out)
{
    mr_buf_append(out, MR_S("(SELECT "));
    for (size_t i = 0; i < scan->cut_count; i++) {
        const struct athena_column *column = &scan->cut[i];
        mr_buf_append(out, i > 0 ? MR_S(", ") : MR_S(""));
        if (column->key == ATHENA_COLUMN_DATA) {
            mr_buf_printf(out, "TRY_CAST(%.*s AS ", MR_ARG(column->source));
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
