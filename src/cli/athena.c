/* StartQueryExecution, wait, GetQueryResults page by page. */
#include "cli/athena.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>

enum { CELL_WIDTH_MAX = 40, WAIT_MS_MAX = 300000 };

static enum mr_status call(struct client *client, struct mr_arena *arena, const char *target,
                           const struct mr_buf *body, struct client_reply *reply)
{
    return client_json(client, arena, "athena", target, mr_buf_slice(body), reply);
}

static enum mr_status start(struct client *client, struct mr_arena *arena,
                            const struct athena_job *job, struct mr_slice *ret_id)
{
    struct mr_buf body = {0};
    struct mr_json json = mr_json_make(&body);
    mr_json_object(&json);
    mr_json_key_cstr(&json, "QueryString", job->sql);
    if (job->database != NULL) {
        mr_json_key(&json, "QueryExecutionContext");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "Database", job->database);
        mr_json_object_end(&json);
    }
    if (job->workgroup != NULL)
        mr_json_key_cstr(&json, "WorkGroup", job->workgroup);
    if (job->output != NULL) {
        mr_json_key(&json, "ResultConfiguration");
        mr_json_object(&json);
        mr_json_key_cstr(&json, "OutputLocation", job->output);
        mr_json_object_end(&json);
    }
    mr_json_object_end(&json);
    struct client_reply reply;
    const enum mr_status status =
        call(client, arena, "AmazonAthena.StartQueryExecution", &body, &reply);
    if (status == MR_OK)
        *ret_id = mr_json_get_text(reply.json, "QueryExecutionId");
    else
        client_complain("query", &reply);
    mr_buf_fini(&body);
    return status;
}

static enum mr_status wait_for(struct client *client, struct mr_arena *arena, struct mr_slice id)
{
    struct mr_buf body = {0};
    mr_buf_printf(&body, "{\"QueryExecutionId\":\"%.*s\"}", MR_ARG(id));
    enum mr_status status = MR_AGAIN;
    for (int64_t waited = 0, wait = 5; status == MR_AGAIN && waited < WAIT_MS_MAX;) {
        struct client_reply reply;
        status = call(client, arena, "AmazonAthena.GetQueryExecution", &body, &reply);
        if (status != MR_OK) {
            client_complain("query", &reply);
            break;
        }
        yyjson_val *state = mr_json_get(mr_json_get(reply.json, "QueryExecution"), "Status");
        const struct mr_slice name = mr_json_get_text(state, "State");
        if (mr_slice_equal(name, MR_S("SUCCEEDED")))
            break;
        if (!mr_slice_equal(name, MR_S("QUEUED")) && !mr_slice_equal(name, MR_S("RUNNING"))) {
            const struct mr_slice reason = mr_json_get_text(state, "StateChangeReason");
            (void)fprintf(stderr, "millrace: query: %.*s: %.*s\n", MR_ARG(name), MR_ARG(reason));
            status = MR_FAULT;
            break;
        }
        status = MR_AGAIN;
        client_pause(wait);
        waited += wait;
        wait = wait < 200 ? wait * 2 : wait;
    }
    mr_buf_fini(&body);
    return status == MR_AGAIN ? MR_FAULT : status;
}

/* ---- results ---- */

static void read_columns(struct mr_arena *arena, yyjson_val *set, struct athena_table *table)
{
    yyjson_val *list = mr_json_get(mr_json_get(set, "ResultSetMetadata"), "ColumnInfo");
    table->columns = yyjson_arr_size(list);
    table->names = MR_NEW_ARRAY(arena, struct mr_slice, table->columns + 1);
    table->types = MR_NEW_ARRAY(arena, struct mr_slice, table->columns + 1);
    for (size_t i = 0; i < table->columns; i++) {
        yyjson_val *column = yyjson_arr_get(list, i);
        table->names[i] = mr_json_get_text(column, "Name");
        table->types[i] = mr_json_get_text(column, "Type");
    }
}

static void read_row(yyjson_val *row, struct athena_table *table, struct mr_slice *cells)
{
    yyjson_val *data = mr_json_get(row, "Data");
    for (size_t i = 0; i < table->columns; i++) {
        yyjson_val *text = mr_json_get(yyjson_arr_get(data, i), "VarCharValue");
        if (text != NULL)
            cells[i] = mr_slice_make(yyjson_get_str(text), yyjson_get_len(text));
    }
}

/* AWS: the first row of a SELECT's first page repeats the column names; other statements' does not.
 */
static bool is_header(yyjson_val *row, const struct athena_table *table)
{
    yyjson_val *data = mr_json_get(row, "Data");
    for (size_t i = 0; i < table->columns; i++)
        if (!mr_slice_equal(mr_json_get_text(yyjson_arr_get(data, i), "VarCharValue"),
                            table->names[i]))
            return false;
    return table->columns > 0;
}

static void read_page(struct mr_arena *arena, yyjson_val *set, size_t rows_max, bool first,
                      struct athena_table *table)
{
    if (first)
        read_columns(arena, set, table);
    yyjson_val *rows = mr_json_get(set, "Rows");
    const size_t count = yyjson_arr_size(rows);
    struct mr_slice *cells =
        MR_NEW_ARRAY(arena, struct mr_slice, (table->rows + count) * table->columns + 1);
    if (table->rows > 0)
        memcpy(cells, table->cells, sizeof *cells * table->rows * table->columns);
    table->cells = cells;
    yyjson_val *row;
    yyjson_arr_iter items;
    yyjson_arr_iter_init(rows, &items);
    for (size_t i = 0; (row = yyjson_arr_iter_next(&items)) != NULL; i++) {
        if ((first && i == 0 && is_header(row, table)) || table->rows == rows_max)
            continue;
        read_row(row, table, &cells[table->rows * table->columns]);
        table->rows++;
    }
}

enum mr_status athena_run(struct client *client, struct mr_arena *arena,
                          const struct athena_job *job, size_t rows_max,
                          struct athena_table *ret_table)
{
    struct mr_slice id, token = {0};
    enum mr_status status = start(client, arena, job, &id);
    if (status == MR_OK)
        status = wait_for(client, arena, id);
    *ret_table = (struct athena_table){0};
    for (bool first = true; status == MR_OK && (first || token.len > 0); first = false) {
        struct mr_buf body = {0};
        struct mr_json json = mr_json_make(&body);
        mr_json_object(&json);
        mr_json_key_string(&json, "QueryExecutionId", id);
        if (token.len > 0)
            mr_json_key_string(&json, "NextToken", token);
        mr_json_object_end(&json);
        struct client_reply reply;
        status = call(client, arena, "AmazonAthena.GetQueryResults", &body, &reply);
        mr_buf_fini(&body);
        if (status != MR_OK) {
            client_complain("query", &reply);
            break;
        }
        read_page(arena, mr_json_get(reply.json, "ResultSet"), rows_max, first, ret_table);
        token = mr_json_get_text(reply.json, "NextToken");
        if (ret_table->rows == rows_max)
            break;
    }
    return status;
}

/* ---- printing ---- */

static struct mr_slice shown(struct mr_slice cell)
{
    return cell.ptr == NULL ? MR_S("NULL") : cell;
}

/* Pads or cuts to `width` characters. */
static void print_cell(struct mr_slice cell, size_t width, bool right)
{
    const size_t chars = mr_slice_utf8_length(cell);
    size_t bytes = cell.len;
    if (chars > width) {
        size_t seen = 0;
        for (bytes = 0; bytes < cell.len && seen < width; bytes++)
            seen += bytes + 1 < cell.len && ((uint8_t)cell.ptr[bytes + 1] & 0xC0U) != 0x80U;
    }
    const int pad = chars < width ? (int)(width - chars) : 0;
    (void)printf("%*s%.*s%*s", right ? pad : 0, "", (int)bytes, cell.ptr, right ? 0 : pad, "");
}

static bool is_number(struct mr_slice type)
{
    static const char *const names[] = {"tinyint", "smallint", "integer", "bigint",
                                        "float",   "double",   "decimal"};
    for (size_t i = 0; i < MR_COUNT(names); i++)
        if (mr_slice_equal(type, mr_slice_cstr(names[i])))
            return true;
    return false;
}

static size_t column_width(const struct athena_table *table, size_t column, size_t rows)
{
    size_t width = mr_slice_utf8_length(table->names[column]);
    for (size_t row = 0; row < rows; row++) {
        const size_t own = mr_slice_utf8_length(shown(table->cells[row * table->columns + column]));
        width = own > width ? own : width;
    }
    return width < CELL_WIDTH_MAX ? width : CELL_WIDTH_MAX;
}

void athena_print(const struct athena_table *table, size_t rows_max)
{
    const size_t rows = table->rows < rows_max ? table->rows : rows_max;
    size_t *widths = mr_calloc(table->columns + 1, sizeof *widths);
    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = column_width(table, i, rows);
        (void)printf(i == 0 ? " " : " | ");
        print_cell(table->names[i], widths[i], false);
    }
    (void)printf("\n");
    for (size_t i = 0; i < table->columns; i++) {
        (void)printf(i == 0 ? "-" : "-+-");
        for (size_t dash = 0; dash < widths[i]; dash++)
            (void)putchar('-');
    }
    (void)printf("\n");
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < table->columns; i++) {
            (void)printf(i == 0 ? " " : " | ");
            print_cell(shown(table->cells[row * table->columns + i]), widths[i],
                       is_number(table->types[i]));
        }
        (void)printf("\n");
    }
    (void)printf("(%zu row%s%s)\n", table->rows, table->rows == 1 ? "" : "s",
                 rows < table->rows ? ", not all shown" : "");
    free(widths);
}
