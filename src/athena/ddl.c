/* DDL: what the files ddl_*.c share, and databases. */
#include "athena/internal.h"
#include "iceberg/iceberg.h"
#include <stdarg.h>

bool athena_ddl_fail(struct athena_ddl *ddl, const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    athena_error_set(ddl->error, ddl->arena, "FAILED", 0, 0, "%.*s", MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return false;
}

struct mr_slice athena_ddl_database(const struct athena_ddl *ddl)
{
    if (ddl->statement->database.len > 0)
        return ddl->statement->database;
    return ddl->database.len > 0 ? ddl->database : MR_S("default");
}

bool athena_ddl_table(struct athena_ddl *ddl, struct glue_table *ret_table, bool *ret_absent)
{
    struct mr_slice database = athena_ddl_database(ddl);
    s3_snapshot_close(ddl->moment);
    ddl->moment = s3_snapshot_open(ddl->athena->options.s3);
    enum mr_status status = glue_table_get_at(s3_snapshot_view(ddl->moment), ddl->arena, database,
                                              ddl->statement->name, ret_table);
    *ret_absent = status == MR_NOT_FOUND && ddl->statement->if_exists;
    if (status == MR_OK || *ret_absent)
        return true;
    if (status != MR_NOT_FOUND)
        return athena_ddl_fail(ddl, "internal error");
    return athena_ddl_fail(ddl, "SemanticException [Error 10001]: Table not found %.*s.%.*s",
                           MR_ARG(database), MR_ARG(ddl->statement->name));
}

void athena_ddl_columns(struct athena_ddl *ddl, const char *const *names, size_t count)
{
    ddl->output->columns = MR_NEW_ARRAY(ddl->arena, struct athena_result_column, count + 1);
    ddl->output->column_count = count;
    for (size_t i = 0; i < count; i++)
        ddl->output->columns[i] =
            (struct athena_result_column){.name = mr_slice_cstr(names[i]), .type = "string"};
}

void athena_ddl_row(struct athena_ddl *ddl, const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    /* One row is one line of the result object. */
    for (size_t i = 0; i < buf.len; i++) {
        if (buf.data[i] == '\n' || buf.data[i] == '\r')
            buf.data[i] = ' ';
    }
    athena_output_value(ddl->output, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
}

/* ---- databases ---- */

static yyjson_val *database_input(struct athena_ddl *ddl)
{
    const struct athena_statement *statement = ddl->statement;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", statement->name);
    if (statement->comment.len > 0)
        mr_json_key_string(&json, "Description", statement->comment);
    if (statement->location.len > 0)
        mr_json_key_string(&json, "LocationUri", statement->location);
    mr_json_key(&json, "Parameters");
    mr_json_object(&json);
    for (const struct athena_pair *pair = statement->properties; pair != NULL; pair = pair->next) {
        mr_json_name(&json, pair->name);
        mr_json_string(&json, pair->value);
    }
    mr_json_object_end(&json);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return input;
}

static bool create_database(struct athena_ddl *ddl)
{
    enum mr_status status = glue_database_create(ddl->athena->options.glue, ddl->arena,
                                                 ddl->account, database_input(ddl), &ddl->ticket);
    if (status == MR_EXISTS && !ddl->statement->if_not_exists)
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. Database %.*s already "
                               "exists",
                               MR_ARG(ddl->statement->name));
    return status == MR_OK || status == MR_EXISTS || athena_ddl_fail(ddl, "internal error");
}

static enum mr_status on_any_table(void *ctx, struct mr_slice name, struct mr_slice json)
{
    (void)name;
    (void)json;
    *(bool *)ctx = true;
    return MR_END;
}

static bool drop_database(struct athena_ddl *ddl)
{
    struct glue *glue = ddl->athena->options.glue;
    struct mr_slice name = ddl->statement->name;
    bool filled = false;
    enum mr_status status = glue_table_each(glue, name, on_any_table, &filled);
    if (status >= 0 && filled && !ddl->statement->cascade)
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. "
                               "InvalidOperationException(message:Database %.*s is not empty. One "
                               "or more tables exist.)",
                               MR_ARG(name));
    if (status >= 0)
        status = glue_database_delete(glue, ddl->arena, name, &ddl->ticket);
    if (status == MR_NOT_FOUND && !ddl->statement->if_exists)
        return athena_ddl_fail(
            ddl, "SemanticException [Error 10072]: Database does not exist: %.*s", MR_ARG(name));
    return status >= 0 || athena_ddl_fail(ddl, "internal error");
}

static bool drop_table(struct athena_ddl *ddl)
{
    struct glue_table table;
    bool absent;
    const bool view = ddl->statement->kind == STATEMENT_DROP_VIEW;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (absent)
        return true;
    if (view != mr_slice_equal(table.table_type, MR_S("VIRTUAL_VIEW")))
        return athena_ddl_fail(ddl, "SemanticException [Error 10%s]: %.*s is %s",
                               view ? "109" : "108", MR_ARG(table.name),
                               view ? "not a view" : "a view; use DROP VIEW");
    enum mr_status status = glue_table_delete(ddl->athena->options.glue, ddl->arena, table.database,
                                              table.name, &ddl->ticket);
    if (status == MR_OK && iceberg_is_table(&table))
        return athena_ddl_drop_iceberg(ddl, &table);
    return status >= 0 || athena_ddl_fail(ddl, "internal error");
}

bool athena_ddl_run(struct athena_ddl *ddl)
{
    switch (ddl->statement->kind) {
    case STATEMENT_CREATE_DATABASE: return create_database(ddl);
    case STATEMENT_ALTER_DATABASE: return athena_ddl_alter_database(ddl);
    case STATEMENT_DROP_DATABASE: return drop_database(ddl);
    case STATEMENT_DROP_TABLE:
    case STATEMENT_DROP_VIEW: return drop_table(ddl);
    case STATEMENT_CREATE_TABLE: return athena_ddl_create_table(ddl);
    case STATEMENT_CREATE_ICEBERG: return athena_ddl_create_iceberg(ddl);
    case STATEMENT_CREATE_VIEW: return athena_ddl_create_view(ddl);
    case STATEMENT_RENAME_TABLE: return athena_ddl_rename_iceberg(ddl);
    case STATEMENT_PREPARE:
    case STATEMENT_DEALLOCATE: return athena_ddl_prepare(ddl);
    case STATEMENT_REPAIR:
    case STATEMENT_ADD_PARTITION:
    case STATEMENT_DROP_PARTITION:
    case STATEMENT_RENAME_PARTITION:
    case STATEMENT_SET_LOCATION:
    case STATEMENT_ADD_COLUMNS:
    case STATEMENT_REPLACE_COLUMNS:
    case STATEMENT_CHANGE_COLUMN:
    case STATEMENT_SET_PROPERTIES:
    case STATEMENT_DROP_COLUMN:
    case STATEMENT_UNSET_PROPERTIES: return athena_ddl_change(ddl);
    default: return athena_ddl_show(ddl);
    }
}
