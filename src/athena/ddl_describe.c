/* DESCRIBE: Hive's text, one row a line, three parts with tabs between them and blanks behind
 * each. */
#include "athena/internal.h"
#include "base/clock.h"
#include "iceberg/iceberg.h"

static void row(struct athena_ddl *ddl, struct mr_slice name, struct mr_slice type,
                struct mr_slice comment)
{
    athena_ddl_row(ddl, "%-20.*s\t%-20.*s\t%-20.*s", MR_ARG(name), MR_ARG(type), MR_ARG(comment));
}

static void column(struct athena_ddl *ddl, const struct glue_column *shown)
{
    row(ddl, shown->name, shown->type, shown->comment);
}

static void blank(struct athena_ddl *ddl)
{
    athena_ddl_row(ddl, "\t \t ");
}

static void title(struct athena_ddl *ddl, const char *text)
{
    blank(ddl);
    athena_ddl_row(ddl, "%s\t \t ", text);
}

static void names(struct athena_ddl *ddl)
{
    row(ddl, MR_S("# col_name"), MR_S("data_type"), MR_S("comment"));
    blank(ddl);
}

static void fact(struct athena_ddl *ddl, const char *name, struct mr_slice value)
{
    athena_ddl_row(ddl, "%-20s\t%-20.*s\t ", name, MR_ARG(value));
}

static void parameters(struct athena_ddl *ddl, yyjson_val *pairs)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(pairs, index, max, key, value)
    {
        athena_ddl_row(ddl, "\t%-20.*s\t%-20.*s", MR_ARG(mr_json_text(key)),
                       MR_ARG(mr_json_text(value)));
    }
}

/* "Fri Jul 03 10:11:12 UTC 2026" */
static struct mr_slice moment(struct athena_ddl *ddl, yyjson_val *json, const char *member)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const double seconds = mr_json_get_double(json, member, 0);
    if (seconds <= 0)
        return MR_S("UNKNOWN");
    const struct mr_date date = mr_date_from_ms((int64_t)(seconds * 1000));
    return mr_arena_printf(ddl->arena, "%.3s %.3s %02d %02d:%02d:%02d UTC %d",
                           days + 3 * date.weekday, months + 3 * (date.month - 1), date.day,
                           date.hour, date.minute, date.second, date.year);
}

static struct mr_slice list(struct athena_ddl *ddl, yyjson_val *array)
{
    struct mr_buf buf = {0};
    size_t index, max;
    yyjson_val *item;
    mr_buf_byte(&buf, '[');
    yyjson_arr_foreach(array, index, max, item)
    {
        struct mr_slice name =
            yyjson_is_obj(item) ? mr_json_get_text(item, "Column") : mr_json_text(item);
        mr_buf_printf(&buf, "%s%.*s", index > 0 ? ", " : "", MR_ARG(name));
    }
    mr_buf_byte(&buf, ']');
    struct mr_slice text = mr_arena_copy(ddl->arena, mr_buf_slice(&buf));
    mr_buf_fini(&buf);
    return text;
}

static void storage(struct athena_ddl *ddl, yyjson_val *descriptor)
{
    yyjson_val *serde = mr_json_get(descriptor, "SerdeInfo");
    title(ddl, "# Storage Information");
    fact(ddl, "SerDe Library:", mr_json_get_text(serde, "SerializationLibrary"));
    fact(ddl, "InputFormat:", mr_json_get_text(descriptor, "InputFormat"));
    fact(ddl, "OutputFormat:", mr_json_get_text(descriptor, "OutputFormat"));
    fact(ddl, "Compressed:",
         mr_json_get_bool(descriptor, "Compressed", false) ? MR_S("Yes") : MR_S("No"));
    fact(ddl, "Num Buckets:",
         mr_arena_printf(ddl->arena, "%lld",
                         (long long)mr_json_get_i64(descriptor, "NumberOfBuckets", -1)));
    fact(ddl, "Bucket Columns:", list(ddl, mr_json_get(descriptor, "BucketColumns")));
    fact(ddl, "Sort Columns:", list(ddl, mr_json_get(descriptor, "SortColumns")));
    yyjson_val *pairs = mr_json_get(serde, "Parameters");
    if (yyjson_obj_size(pairs) > 0) {
        athena_ddl_row(ddl, "Storage Desc Params:\t \t ");
        parameters(ddl, pairs);
    }
}

static void partition_facts(struct athena_ddl *ddl, const struct glue_table *table,
                            yyjson_val *partition)
{
    title(ddl, "# Detailed Partition Information");
    fact(ddl, "Partition Value:", list(ddl, mr_json_get(partition, "Values")));
    fact(ddl, "Database:", table->database);
    fact(ddl, "Table:", table->name);
    fact(ddl, "CreateTime:", moment(ddl, partition, "CreationTime"));
    fact(ddl, "LastAccessTime:", MR_S("UNKNOWN"));
    fact(ddl,
         "Location:", mr_json_get_text(mr_json_get(partition, "StorageDescriptor"), "Location"));
    if (yyjson_obj_size(mr_json_get(partition, "Parameters")) > 0) {
        athena_ddl_row(ddl, "Partition Parameters:\t \t ");
        parameters(ddl, mr_json_get(partition, "Parameters"));
    }
    storage(ddl, mr_json_get(partition, "StorageDescriptor"));
}

static void table_facts(struct athena_ddl *ddl, const struct glue_table *table)
{
    title(ddl, "# Detailed Table Information");
    fact(ddl, "Database:", table->database);
    fact(ddl, "Owner:", mr_json_get_text(table->json, "Owner"));
    fact(ddl, "CreateTime:", moment(ddl, table->json, "CreateTime"));
    fact(ddl, "LastAccessTime:", moment(ddl, table->json, "LastAccessTime"));
    fact(ddl, "Protect Mode:", MR_S("None"));
    fact(ddl, "Retention:",
         mr_arena_printf(ddl->arena, "%lld",
                         (long long)mr_json_get_i64(table->json, "Retention", 0)));
    fact(ddl, "Location:", table->location);
    fact(ddl, "Table Type:", table->table_type);
    if (yyjson_obj_size(table->parameters) > 0) {
        athena_ddl_row(ddl, "Table Parameters:\t \t ");
        parameters(ddl, table->parameters);
    }
    storage(ddl, mr_json_get(table->json, "StorageDescriptor"));
}

/* One column alone, or false: there is none of this name. */
static bool describe_one(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct mr_slice name = ddl->statement->column;
    for (size_t i = 0; i < table->column_count + table->key_count; i++) {
        const struct glue_column *shown =
            i < table->column_count ? &table->columns[i] : &table->keys[i - table->column_count];
        if (!mr_slice_equal_nocase(shown->name, name))
            continue;
        if (ddl->statement->formatted)
            names(ddl);
        column(ddl, shown);
        return true;
    }
    return athena_ddl_fail(ddl, "SemanticException [Error 10002]: Invalid column reference %.*s",
                           MR_ARG(name));
}

static void extended(struct athena_ddl *ddl, const struct glue_table *table)
{
    struct mr_buf buf = {0};
    blank(ddl);
    for (size_t i = 0; i < table->column_count; i++)
        mr_buf_printf(
            &buf, "%sFieldSchema(name:%.*s, type:%.*s, comment:%.*s)", i > 0 ? ", " : "",
            MR_ARG(table->columns[i].name), MR_ARG(table->columns[i].type),
            MR_ARG(table->columns[i].comment.len > 0 ? table->columns[i].comment : MR_S("null")));
    yyjson_val *descriptor = mr_json_get(table->json, "StorageDescriptor");
    athena_ddl_row(
        ddl,
        "Detailed Table Information\tTable(tableName:%.*s, dbName:%.*s, owner:%.*s, "
        "createTime:%lld, lastAccessTime:0, retention:0, sd:StorageDescriptor(cols:[%.*s], "
        "location:%.*s, inputFormat:%.*s, outputFormat:%.*s, compressed:false, "
        "serdeInfo:SerDeInfo(name:null, serializationLib:%.*s)), tableType:%.*s)\t ",
        MR_ARG(table->name), MR_ARG(table->database),
        MR_ARG(mr_json_get_text(table->json, "Owner")),
        (long long)mr_json_get_double(table->json, "CreateTime", 0), MR_ARG(mr_buf_slice(&buf)),
        MR_ARG(table->location), MR_ARG(table->input_format),
        MR_ARG(mr_json_get_text(descriptor, "OutputFormat")), MR_ARG(table->serde),
        MR_ARG(table->table_type));
    mr_buf_fini(&buf);
}

bool athena_ddl_describe(struct athena_ddl *ddl)
{
    static const char *const columns[] = {"col_name"};
    const struct athena_statement *statement = ddl->statement;
    struct glue_table table;
    struct mr_slice *values;
    yyjson_val *partition = NULL;
    bool absent;
    if (!athena_ddl_table(ddl, &table, &absent))
        return false;
    if (statement->partitions != NULL &&
        (partition = athena_ddl_partition(ddl, &table, statement->partitions, &values)) == NULL)
        return false;
    athena_ddl_columns(ddl, columns, 1);
    if (statement->column.len > 0)
        return describe_one(ddl, &table);
    if (!statement->formatted && !statement->extended && iceberg_is_table(&table))
        return athena_ddl_describe_iceberg(ddl, &table);
    if (statement->formatted)
        names(ddl);
    for (size_t i = 0; i < table.column_count; i++)
        column(ddl, &table.columns[i]);
    if (!statement->formatted) {
        for (size_t i = 0; i < table.key_count; i++)
            column(ddl, &table.keys[i]);
    }
    if (table.key_count > 0) {
        title(ddl, "# Partition Information");
        names(ddl);
        for (size_t i = 0; i < table.key_count; i++)
            column(ddl, &table.keys[i]);
    }
    if (statement->formatted && partition != NULL)
        partition_facts(ddl, &table, partition);
    else if (statement->formatted)
        table_facts(ddl, &table);
    else if (statement->extended)
        extended(ddl, &table);
    return true;
}
