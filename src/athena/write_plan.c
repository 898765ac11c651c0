/* What a statement that writes wants: its columns, and the SELECT that gives them. */
#include "athena/lake.h"
#include "athena/parquet.h"
#include "athena/write.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* What Trino finds out while it looks at the statement is told with its place, which INSERT has
 * not; what storage refuses later has none. */
static bool has_place(const struct athena_statement *statement, struct mr_slice code)
{
    static const char *const codes[] = {
        "TABLE_ALREADY_EXISTS", "TABLE_NOT_FOUND",       "SCHEMA_NOT_FOUND", "MISSING_COLUMN_NAME",
        "COLUMN_TYPE_UNKNOWN",  "DUPLICATE_COLUMN_NAME", "COLUMN_NOT_FOUND", "TYPE_MISMATCH"};
    for (size_t i = 0; i < MR_COUNT(codes) && statement->kind != STATEMENT_INSERT; i++)
        if (mr_slice_equal(code, mr_slice_cstr(codes[i])))
            return true;
    return false;
}

bool athena_write_fail(struct athena_write *write, const char *code, const char *format, ...)
{
    struct mr_buf buf = {0};
    va_list args;
    va_start(args, format);
    mr_buf_vprintf(&buf, format, args);
    va_end(args);
    const unsigned place = has_place(write->statement, mr_slice_cstr(code)) ? 1 : 0;
    athena_error_set(write->error, write->arena, code, place, place, "%.*s",
                     MR_ARG(mr_buf_slice(&buf)));
    mr_buf_fini(&buf);
    return false;
}

/* ---- columns ---- */

/* char(n) is a type of Hive's, too. */
static void keep_padded(const struct athena_write *write, struct athena_write_column *column,
                        size_t index)
{
    const struct athena_fields *fields = write->fields;
    const struct athena_sqltype *type =
        fields->open || fields->count != write->shown_count ? NULL : fields->list[index].type;
    if (write->lake == NULL && type != NULL && type->kind == SQL_CHAR) {
        column->type.length = type->precision;
        column->type.padded = true;
    }
}

static bool has_column(const struct athena_write *write, struct mr_slice name)
{
    for (size_t i = 0; i < write->shown_count; i++)
        if (mr_slice_equal_nocase(write->names[i], name))
            return true;
    return false;
}

/* Names of partition columns: all, or those that the query has not. */
static struct mr_slice list_keys(const struct athena_write *write, bool all)
{
    struct mr_buf names = {0};
    for (const struct athena_pair *key = write->keys; key != NULL; key = key->next)
        if (all || !has_column(write, key->value))
            mr_buf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "",
                          MR_ARG(glue_lower(write->arena, key->value)));
    const struct mr_slice list = mr_arena_copy(write->arena, mr_buf_slice(&names));
    mr_buf_fini(&names);
    return list;
}

/* They must be the query's last columns, in order. */
static bool check_keys(struct athena_write *write)
{
    const struct mr_slice absent = list_keys(write, false);
    if (absent.len > 0)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "Partition columns [%.*s] not present in schema", MR_ARG(absent));
    if (write->key_count >= write->shown_count)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "Table contains only partition columns");
    size_t at = write->shown_count - write->key_count;
    for (const struct athena_pair *key = write->keys; key != NULL; key = key->next)
        if (!mr_slice_equal_nocase(key->value, write->names[at++]))
            return athena_write_fail(write, "HIVE_COLUMN_ORDER_MISMATCH",
                                     "Partition keys must be the last columns in the table and in "
                                     "the same order as the table properties: [%.*s]",
                                     MR_ARG(list_keys(write, true)));
    return true;
}

static bool check_key_type(struct athena_write *write, size_t at)
{
    return write->columns[at].type.kind < ATHENA_BINARY ||
           athena_write_fail(write, "NOT_SUPPORTED", "Unsupported type [%.*s] for partition: %.*s",
                             MR_ARG(athena_assign_type(write, at)),
                             MR_ARG(write->columns[at].name));
}

/* The query's columns as they are. */
static bool own_columns(struct athena_write *write)
{
    const size_t data = write->shown_count - write->key_count;
    if (!check_keys(write))
        return false;
    for (size_t i = 0; i < write->shown_count; i++) {
        struct athena_write_column *column = &write->columns[write->column_count++];
        *column = (struct athena_write_column){.name = glue_lower(write->arena, write->names[i]),
                                               .from = i};
        if (mr_slice_starts_with(column->name, MR_S(ATHENA_UNNAMED))) {
            if (write->statement->kind == STATEMENT_CTAS)
                return athena_write_fail(write, "MISSING_COLUMN_NAME",
                                         "Column name not specified at position %zu", i + 1);
            column->name = mr_arena_printf(write->arena, "_col%zu", i);
        }
        if (write->statement->kind == STATEMENT_CTAS && athena_write_is_null(write, i))
            return athena_write_fail(write, "COLUMN_TYPE_UNKNOWN",
                                     "Column type is unknown at position %zu", i + 1);
        for (size_t j = 0; j < i; j++) {
            if (mr_slice_equal(write->columns[j].name, column->name))
                return athena_write_fail(write, "DUPLICATE_COLUMN_NAME",
                                         "Column name '%.*s' specified more than once",
                                         MR_ARG(column->name));
        }
        if (!athena_type_of_shown(write->arena, &write->shown[i], &column->type))
            return athena_write_fail(write, "NOT_SUPPORTED", "%s: %.*s",
                                     write->lake != NULL ? "Type not supported for Iceberg"
                                                         : "Unsupported Hive type",
                                     MR_ARG(athena_assign_type(write, i)));
        if (i < data)
            keep_padded(write, column, i);
        else if (!check_key_type(write, i))
            return false;
    }
    return true;
}

static size_t named_at(const struct athena_statement *statement, struct mr_slice name)
{
    size_t at = 0;
    for (const struct athena_pair *pair = statement->columns; pair != NULL;
         pair = pair->next, at++) {
        if (mr_slice_equal(pair->name, name))
            return at;
    }
    return SIZE_MAX;
}

bool athena_write_is_null(const struct athena_write *write, size_t column)
{
    const struct athena_fields *fields = write->fields;
    if (write->shown[column].id == DUCKDB_TYPE_SQLNULL)
        return true;
    return !fields->open && fields->count == write->shown_count &&
           fields->list[column].type != NULL && fields->list[column].type->kind == SQL_UNKNOWN;
}

static bool mismatch(struct athena_write *write)
{
    struct mr_buf table = {0}, query = {0};
    for (size_t i = 0; i < write->column_count; i++) {
        if (write->columns[i].from == SIZE_MAX)
            continue;
        if (table.len > 0)
            mr_buf_append(&table, MR_S(", "));
        athena_type_trino(&table, &write->columns[i].type);
    }
    for (size_t i = 0; i < write->shown_count; i++) {
        if (i > 0)
            mr_buf_append(&query, MR_S(", "));
        mr_buf_append(&query, athena_assign_type(write, i));
    }
    athena_write_fail(write, "TYPE_MISMATCH",
                      "Insert query has mismatched column types: Table: [%.*s], Query: [%.*s]",
                      MR_ARG(mr_buf_slice(&table)), MR_ARG(mr_buf_slice(&query)));
    mr_buf_fini(&table);
    mr_buf_fini(&query);
    return false;
}

/* The table's columns, each from one of the query's. */
static bool table_columns(struct athena_write *write)
{
    const struct glue_table *table = write->table;
    const struct athena_statement *statement = write->statement;
    size_t used = 0;
    for (const struct athena_pair *pair = statement->columns; pair != NULL; pair = pair->next) {
        bool found = false;
        for (size_t i = 0; i < table->column_count + table->key_count; i++)
            found = found || mr_slice_equal_nocase(pair->name,
                                                   i < table->column_count
                                                       ? table->columns[i].name
                                                       : table->keys[i - table->column_count].name);
        if (!found)
            return athena_write_fail(write, "COLUMN_NOT_FOUND",
                                     "Insert column name does not exist in target table: %.*s",
                                     MR_ARG(pair->name));
        for (const struct athena_pair *other = statement->columns; other != pair;
             other = other->next)
            if (mr_slice_equal_nocase(other->name, pair->name))
                return athena_write_fail(write, "DUPLICATE_COLUMN_NAME",
                                         "Insert column name is specified more than once: %.*s",
                                         MR_ARG(pair->name));
    }
    for (size_t i = 0; i < table->column_count + table->key_count; i++) {
        const struct glue_column *from =
            i < table->column_count ? &table->columns[i] : &table->keys[i - table->column_count];
        struct athena_write_column *column = &write->columns[write->column_count++];
        column->name = glue_lower(write->arena, from->name);
        column->from = statement->columns == NULL ? i : named_at(statement, column->name);
        used += column->from != SIZE_MAX;
        if (athena_type_parse(write->arena, from->type, &column->type) != MR_OK)
            return athena_write_fail(write, "HIVE_INVALID_METADATA",
                                     "Column '%.*s' has the type '%.*s', which is not supported",
                                     MR_ARG(from->name), MR_ARG(from->type));
    }
    if (used != write->shown_count)
        return mismatch(write);
    for (size_t i = 0; i < write->column_count; i++) {
        const size_t at = write->columns[i].from;
        if (at != SIZE_MAX && !athena_assign_fits(write, &write->columns[i].type, at))
            return mismatch(write);
    }
    return true;
}

static bool holds_opaque(const struct athena_sqltype *type)
{
    bool found = type != NULL && type->kind >= SQL_GEOMETRY && type->kind <= SQL_QDIGEST;
    for (size_t i = 0; type != NULL && i < type->count && !found; i++)
        found = holds_opaque(type->items[i]);
    return found;
}

/* Geometries and sketches have a type inside DuckDB, but no table has them. */
static bool refuse_opaque(struct athena_write *write)
{
    const struct athena_fields *fields = write->fields;
    for (size_t i = 0; !fields->open && i < fields->count; i++) {
        if (holds_opaque(fields->list[i].type))
            return athena_write_fail(
                write, "NOT_SUPPORTED", "Unsupported Hive type: %.*s",
                MR_ARG(athena_sqltype_text(write->arena, fields->list[i].type)));
    }
    return true;
}

bool athena_write_columns(struct athena_write *write)
{
    if (!refuse_opaque(write))
        return false;
    const size_t room =
        write->shown_count + 1 +
        (write->table == NULL ? 0 : write->table->column_count + write->table->key_count);
    write->columns = MR_NEW_ARRAY(write->arena, struct athena_write_column, room);
    if (!(write->table == NULL ? own_columns(write) : table_columns(write)) ||
        !athena_write_bucket_columns(write))
        return false;
    const size_t data = write->column_count - write->key_count;
    assert(write->lake == NULL || write->key_count == 0);
    write->key_names = MR_NEW_ARRAY(write->arena, struct mr_slice, write->key_count + 1);
    for (size_t i = 0; i < write->key_count; i++)
        write->key_names[i] = write->columns[data + i].name;
    write->key_names[write->key_count] = MR_S("bucket");
    return true;
}

/* ---- SQL ---- */

static void put_name(struct mr_slice name, struct mr_buf *sql)
{
    mr_buf_byte(sql, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            mr_buf_byte(sql, '"');
        mr_buf_byte(sql, name.ptr[i]);
    }
    mr_buf_byte(sql, '"');
}

/* The partition's values are transformed ones. */
static void put_lake_part(struct athena_write *write, struct mr_buf *sql)
{
    const struct athena_write_lake *lake = write->lake;
    struct mr_buf value = {0};
    mr_buf_printf(sql, ", mr_part(%llu, [", (unsigned long long)write->parts.id);
    for (size_t i = 0; i < lake->spec->count; i++) {
        const struct iceberg_partition_field *field = &lake->spec->fields[i];
        size_t at = 0;
        while (lake->schema->fields[at].id != field->source_id)
            at++;
        mr_buf_reset(&value);
        athena_assign_value(write, &write->columns[at].type, write->columns[at].from, &value);
        mr_buf_append(sql, i > 0 ? MR_S(", ") : MR_S(""));
        athena_lake_partition(sql, field, &lake->schema->fields[at].type, mr_buf_slice(&value));
    }
    mr_buf_append(sql, MR_S("]) AS mr_p"));
    mr_buf_fini(&value);
}

/* The partition's values as texts, and the bucket's number. */
static void put_part(struct athena_write *write, size_t data, struct mr_buf *sql)
{
    mr_buf_printf(sql, ", mr_part(%llu, [", (unsigned long long)write->parts.id);
    for (size_t i = data; i < write->column_count; i++) {
        mr_buf_append(sql, i > data ? MR_S(", CAST(") : MR_S("CAST("));
        athena_assign_value(write, &write->columns[i].type, write->columns[i].from, sql);
        mr_buf_append(sql, MR_S(" AS VARCHAR)"));
    }
    if (write->bucket_count > 0) {
        mr_buf_append(sql, write->key_count > 0 ? MR_S(", CAST(") : MR_S("CAST("));
        athena_write_bucket(write, sql);
        mr_buf_append(sql, MR_S(" AS VARCHAR)"));
    }
    mr_buf_append(sql, MR_S("]) AS mr_p"));
}

/* Data columns under their names; behind them, when there are keys or buckets, the number of the
 * partition as mr_p. */
void athena_write_select(struct athena_write *write, struct mr_buf *sql)
{
    const size_t data = write->column_count - write->key_count;
    mr_buf_append(sql, MR_S("SELECT "));
    for (size_t i = 0; i < data; i++) {
        if (i > 0)
            mr_buf_append(sql, MR_S(", "));
        athena_assign_value(write, &write->columns[i].type, write->columns[i].from, sql);
        mr_buf_append(sql, MR_S(" AS "));
        put_name(write->columns[i].name, sql);
    }
    if (write->lake != NULL && write->lake->spec->count > 0) {
        put_lake_part(write, sql);
    } else if (write->key_count > 0 || write->bucket_count > 0) {
        put_part(write, data, sql);
    }
    mr_buf_printf(sql, " FROM (%s) AS \"_mr_q\"(", write->sql);
    for (size_t i = 0; i < write->shown_count; i++)
        mr_buf_printf(sql, "%sc%zu", i > 0 ? ", " : "", i);
    mr_buf_byte(sql, ')');
    if (write->statement->no_data)
        mr_buf_append(sql, MR_S(" LIMIT 0"));
}
