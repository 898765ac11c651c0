/* ALTER TABLE, as far as it changes the table's or a partition's own description, and ALTER
 * DATABASE. */
#include "athena/internal.h"

/* ---- documents ---- */

static void write_column(struct mr_json *json, const struct athena_pair *column)
{
    mr_json_object(json);
    mr_json_key_string(json, "Name", column->name);
    mr_json_key_string(json, "Type", column->value);
    if (column->comment.len > 0)
        mr_json_key_string(json, "Comment", column->comment);
    mr_json_object_end(json);
}

/* The old pairs, with those of the statement in their place or behind them. */
static void write_pairs(struct mr_json *json, yyjson_val *old, const struct athena_pair *pairs)
{
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        const struct athena_pair *pair = pairs;
        while (pair != NULL && !mr_slice_equal(pair->name, mr_json_text(key)))
            pair = pair->next;
        if (pair != NULL)
            continue;
        mr_json_name(json, mr_json_text(key));
        mr_json_value(json, value);
    }
    for (; pairs != NULL; pairs = pairs->next) {
        mr_json_name(json, pairs->name);
        mr_json_string(json, pairs->value);
    }
    mr_json_object_end(json);
}

static bool is_column(yyjson_val *column, struct mr_slice name)
{
    return mr_slice_equal_nocase(mr_json_get_text(column, "Name"), name);
}

/* CHANGE COLUMN: the column in its new form, where the statement wants it. */
static void write_changed(struct mr_json *json, yyjson_val *old,
                          const struct athena_statement *statement)
{
    size_t i, count;
    yyjson_val *column;
    const bool moves = statement->first || statement->after.len > 0;
    if (statement->first)
        write_column(json, statement->columns);
    yyjson_arr_foreach(old, i, count, column)
    {
        if (!is_column(column, statement->column))
            mr_json_value(json, column);
        else if (!moves)
            write_column(json, statement->columns);
        if (statement->after.len > 0 && is_column(column, statement->after))
            write_column(json, statement->columns);
    }
}

static void write_columns(struct mr_json *json, yyjson_val *old,
                          const struct athena_statement *statement)
{
    size_t i, count;
    yyjson_val *column;
    mr_json_array(json);
    if (statement->kind == STATEMENT_CHANGE_COLUMN) {
        write_changed(json, old, statement);
    } else {
        yyjson_arr_foreach(old, i, count, column)
        {
            if (statement->kind != STATEMENT_REPLACE_COLUMNS)
                mr_json_value(json, column);
        }
        for (const struct athena_pair *pair = statement->columns; pair != NULL; pair = pair->next)
            write_column(json, pair);
    }
    mr_json_array_end(json);
}

static void write_storage(struct mr_json *json, yyjson_val *old,
                          const struct athena_statement *statement)
{
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(old, index, max, key, value)
    {
        mr_json_name(json, mr_json_text(key));
        if (mr_slice_equal(mr_json_text(key), MR_S("Columns")) && statement->columns != NULL)
            write_columns(json, value, statement);
        else if (mr_slice_equal(mr_json_text(key), MR_S("Location")) && statement->location.len > 0)
            mr_json_string(json, statement->location);
        else
            mr_json_value(json, value);
    }
    mr_json_object_end(json);
}

/* ---- checks ---- */

static bool has_column(const struct glue_table *table, struct mr_slice name, bool keys_only)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (mr_slice_equal_nocase(table->keys[i].name, name))
            return true;
    }
    for (size_t i = 0; !keys_only && i < table->column_count; i++) {
        if (mr_slice_equal_nocase(table->columns[i].name, name))
            return true;
    }
    return false;
}

static bool check_columns(struct athena_ddl *ddl, const struct glue_table *table)
{
    const struct athena_statement *statement = ddl->statement;
    struct athena_type type;
    const bool change = statement->kind == STATEMENT_CHANGE_COLUMN;
    if (change && (!has_column(table, statement->column, false) ||
                   (statement->after.len > 0 && !has_column(table, statement->after, false))))
        return athena_ddl_fail(ddl,
                               "Execution Error, return code 1 from "
                               "org.apache.hadoop.hive.ql.exec.DDLTask. Invalid column reference "
                               "%.*s",
                               MR_ARG(has_column(table, statement->column, false)
                                          ? statement->after
                                          : statement->column));
    for (const struct athena_pair *pair = statement->columns; pair != NULL; pair = pair->next) {
        if (athena_type_parse(ddl->arena, pair->value, &type) != MR_OK)
            return athena_ddl_fail(ddl, "ParseException: the type '%.*s' of column %.*s is unknown",
                                   MR_ARG(pair->value), MR_ARG(pair->name));
        bool taken = has_column(table, pair->name, statement->kind == STATEMENT_REPLACE_COLUMNS) &&
                     !(change && mr_slice_equal(pair->name, statement->column));
        for (const struct athena_pair *other = statement->columns; other != pair;
             other = other->next)
            taken = taken || mr_slice_equal(other->name, pair->name);
        if (taken)
            return athena_ddl_fail(ddl,
                                   "SemanticException [Error 10036]: Duplicate column name: "
                                   "%.*s",
                                   MR_ARG(pair->name));
    }
    return true;
}

/* ---- the changes ---- */

static bool alter_table(struct athena_ddl *ddl, const struct glue_table *table)
{
    static const char *const kept[] = {"Name",      "Description",      "Owner",
                                       "Retention", "PartitionKeys",    "ViewOriginalText",
                                       "TableType", "ViewExpandedText", "LastAccessTime"};
    const struct athena_statement *statement = ddl->statement;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_object(&json);
    for (size_t i = 0; i < MR_COUNT(kept); i++)
        mr_json_key_value(&json, kept[i], mr_json_get(table->json, kept[i]));
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, mr_json_get(table->json, "StorageDescriptor"), statement);
    mr_json_key(&json, "Parameters");
    write_pairs(&json, table->parameters, statement->properties);
    mr_json_object_end(&json);
    struct glue_table_put put = {.database = table->database, .replace = true};
    put.input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    enum mr_status status =
        glue_table_put(ddl->athena->options.glue, ddl->arena, &put, &ddl->ticket);
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

struct finding {
    struct athena_ddl *ddl;
    const struct mr_slice *values;
    yyjson_val *found;
};

static enum mr_status on_partition(void *ctx, const struct glue_partition *partition)
{
    struct finding *finding = ctx;
    for (size_t i = 0; i < partition->value_count; i++) {
        if (!mr_slice_equal(partition->values[i], finding->values[i]))
            return MR_OK;
    }
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    mr_json_value(&json, partition->json);
    finding->found = mr_json_parse(finding->ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    return MR_END;
}

yyjson_val *athena_ddl_partition(struct athena_ddl *ddl, const struct glue_table *table,
                                 const struct athena_partition_spec *spec,
                                 struct mr_slice **ret_values)
{
    struct finding finding = {.ddl = ddl};
    finding.values = *ret_values = athena_ddl_spec_values(ddl, table, spec);
    if (finding.values == NULL)
        return NULL;
    if (glue_partition_each(ddl->athena->options.glue, table->database, table->name, on_partition,
                            &finding) < 0)
        athena_ddl_fail(ddl, "internal error");
    else if (finding.found == NULL)
        athena_ddl_fail(ddl, "SemanticException [Error 10006]: Partition not found {%.*s=%.*s}",
                        MR_ARG(spec->values->name), MR_ARG(spec->values->value));
    return finding.found;
}

/* Stores a partition as the statement changes it, under these values. */
static bool put_partition(struct athena_ddl *ddl, const struct glue_table *table, yyjson_val *old,
                          const struct mr_slice *values)
{
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    size_t added;
    const bool renamed = ddl->statement->kind == STATEMENT_RENAME_PARTITION;
    mr_json_object(&json);
    mr_json_key(&json, "Values");
    mr_json_array(&json);
    for (size_t i = 0; i < table->key_count; i++)
        mr_json_string(&json, values[i]);
    mr_json_array_end(&json);
    mr_json_key(&json, "StorageDescriptor");
    write_storage(&json, mr_json_get(old, "StorageDescriptor"), ddl->statement);
    mr_json_key_value(&json, "Parameters", mr_json_get(old, "Parameters"));
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    enum mr_status status = glue_partition_put(ddl->athena->options.glue, ddl->arena, table, &input,
                                               1, !renamed, &added, &ddl->ticket);
    if (status == MR_OK && renamed && added == 0)
        return athena_ddl_fail(ddl, "Execution Error, return code 1 from "
                                    "org.apache.hadoop.hive.ql.exec.DDLTask. Unable to rename "
                                    "partition. Partition already exists.");
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}

static bool alter_partition(struct athena_ddl *ddl, const struct glue_table *table)
{
    const struct athena_partition_spec *spec = ddl->statement->partitions;
    struct mr_slice *old_values, *values;
    yyjson_val *old = athena_ddl_partition(ddl, table, spec, &old_values);
    if (old == NULL)
        return false;
    if (ddl->statement->kind != STATEMENT_RENAME_PARTITION)
        return put_partition(ddl, table, old, old_values);
    values = athena_ddl_spec_values(ddl, table, spec->next);
    if (values == NULL || !put_partition(ddl, table, old, values))
        return false;
    enum mr_status status =
        glue_partition_delete(ddl->athena->options.glue, ddl->arena, table->database, table->name,
                              old_values, table->key_count, &ddl->ticket);
    return status >= 0 || athena_ddl_fail(ddl, "internal error");
}

bool athena_ddl_alter(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct mr_slice bucket, prefix;
    const struct athena_statement *statement = ddl->statement;
    if (statement->columns != NULL && !check_columns(ddl, table))
        return false;
    if (statement->location.len > 0 &&
        glue_location_parse(statement->location, &bucket, &prefix) != MR_OK)
        return athena_ddl_fail(ddl, "SemanticException '%.*s' is no S3 location",
                               MR_ARG(statement->location));
    return statement->partitions != NULL ? alter_partition(ddl, table) : alter_table(ddl, table);
}

bool athena_ddl_alter_database(struct athena_ddl *ddl)
{
    struct glue *glue = ddl->athena->options.glue;
    struct mr_slice name = ddl->statement->name, text;
    struct mr_buf buf = {0};
    struct mr_json json = mr_json_make(&buf);
    enum mr_status status = glue_database_get(glue, ddl->arena, name, &text);
    if (status == MR_NOT_FOUND)
        return athena_ddl_fail(
            ddl, "SemanticException [Error 10072]: Database does not exist: %.*s", MR_ARG(name));
    yyjson_val *old = status == MR_OK ? mr_json_parse(ddl->arena, text, MR_JSON_DEPTH_MAX) : NULL;
    if (old == NULL)
        return athena_ddl_fail(ddl, "internal error");
    mr_json_object(&json);
    mr_json_key_string(&json, "Name", name);
    mr_json_key_value(&json, "Description", mr_json_get(old, "Description"));
    mr_json_key_value(&json, "LocationUri", mr_json_get(old, "LocationUri"));
    mr_json_key(&json, "Parameters");
    write_pairs(&json, mr_json_get(old, "Parameters"), ddl->statement->properties);
    mr_json_object_end(&json);
    yyjson_val *input = mr_json_parse(ddl->arena, mr_buf_slice(&buf), MR_JSON_DEPTH_MAX);
    mr_buf_fini(&buf);
    status = glue_database_update(glue, ddl->arena, name, input, &ddl->ticket);
    return status == MR_OK || athena_ddl_fail(ddl, "internal error");
}
