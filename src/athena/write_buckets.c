/* Tables whose rows are spread over a number of files by Hive's hash of some columns. */
#include "athena/parquet.h"
#include "athena/write.h"
#include "base/json.h"

bool athena_write_is_bucketed(const struct glue_table *table)
{
    yyjson_val *storage = mr_json_get(table->json, "StorageDescriptor");
    return mr_json_get_i64(storage, "NumberOfBuckets", 0) > 0 &&
           yyjson_arr_size(mr_json_get(storage, "BucketColumns")) > 0;
}

bool athena_write_bucket_settings(struct athena_write *write, const struct athena_pair *columns,
                                  const struct athena_pair *count)
{
    int64_t number = 0;
    if (columns == NULL && count == NULL)
        return true;
    if (columns == NULL || columns->items == NULL)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "bucket_count may be specified only when bucketed_by is "
                                 "specified");
    if (count == NULL)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "bucketed_by may be specified only when bucket_count is "
                                 "specified");
    if (mr_slice_to_i64(count->value, &number) != MR_OK || number <= 0)
        return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                 "bucket_count must be greater than zero");
    if (number > ATHENA_PARTS_MAX)
        return athena_write_fail(write, "HIVE_TOO_MANY_OPEN_PARTITIONS",
                                 "Exceeded limit of %d open writers for partitions/buckets",
                                 ATHENA_PARTS_MAX);
    write->buckets = columns->items;
    write->bucket_count = (size_t)number;
    return true;
}

static const struct athena_write_column *find(const struct athena_write *write,
                                              struct mr_slice name)
{
    for (size_t i = 0; i < write->column_count - write->key_count; i++) {
        if (mr_slice_equal_nocase(write->columns[i].name, name))
            return &write->columns[i];
    }
    return NULL;
}

bool athena_write_bucket_columns(struct athena_write *write)
{
    for (const struct athena_pair *name = write->buckets; name != NULL; name = name->next) {
        const struct athena_write_column *column = find(write, name->value);
        if (column == NULL)
            return athena_write_fail(write, "INVALID_TABLE_PROPERTY",
                                     "Bucketing columns [%.*s] not present in schema",
                                     MR_ARG(name->value));
        if (column->type.kind == ATHENA_DECIMAL || column->type.kind == ATHENA_TIMESTAMP ||
            column->type.kind >= ATHENA_BINARY)
            return athena_write_fail(write, "NOT_SUPPORTED",
                                     "Bucketing by the column '%.*s' of its type is not supported",
                                     MR_ARG(name->value));
    }
    return true;
}

/* ---- the number ---- */

/* A column's value as what its hash is made of. */
static void put_hash(const struct athena_write_column *column, struct mr_buf *sql)
{
    static const char *const forms[] = {
        [ATHENA_BOOLEAN] = "CAST(%s AS BIGINT), 32",
        [ATHENA_TINYINT] = "CAST(%s AS BIGINT), 32",
        [ATHENA_SMALLINT] = "CAST(%s AS BIGINT), 32",
        [ATHENA_INT] = "CAST(%s AS BIGINT), 32",
        [ATHENA_BIGINT] = "%s, 64",
        [ATHENA_FLOAT] = "CAST(%s AS DOUBLE), 32",
        [ATHENA_DOUBLE] = "%s, 64",
        [ATHENA_STRING] = "%s, 8",
        [ATHENA_DATE] = "CAST(%s - DATE '1970-01-01' AS BIGINT), 32",
    };
    struct mr_buf value = {0};
    const char *form = forms[column->type.kind], *at = strstr(form, "%s");
    mr_buf_printf(&value, "CAST(c%zu AS ", column->from);
    athena_type_sql(&value, &column->type);
    mr_buf_append(sql, MR_S("coalesce(mr_hive_hash("));
    mr_buf_append(sql, mr_slice_make(form, (size_t)(at - form)));
    mr_buf_append(sql, mr_buf_slice(&value));
    mr_buf_byte(sql, ')');
    mr_buf_append(sql, mr_slice_cstr(at + 2));
    mr_buf_append(sql, MR_S("), 0)"));
    mr_buf_fini(&value);
}

void athena_write_bucket(const struct athena_write *write, struct mr_buf *sql)
{
    mr_buf_append(sql, MR_S("mr_hive_bucket(["));
    for (const struct athena_pair *name = write->buckets; name != NULL; name = name->next) {
        if (name != write->buckets)
            mr_buf_append(sql, MR_S(", "));
        put_hash(find(write, name->value), sql);
    }
    mr_buf_printf(sql, "], %zu)", write->bucket_count);
}

/* ---- names and the catalog ---- */

struct mr_slice athena_write_bucket_name(struct athena_write *write, size_t part)
{
    int64_t number;
    if (write->bucket_count == 0 ||
        mr_slice_to_i64(write->parts.locked.list[part].values[write->key_count], &number) != MR_OK)
        return MR_S("");
    return mr_arena_printf(write->arena, "_bucket-%05d", (int)number);
}

void athena_write_bucket_json(const struct athena_write *write, struct mr_json *json)
{
    mr_json_key_int(json, "NumberOfBuckets",
                    write->bucket_count > 0 ? (int64_t)write->bucket_count : -1);
    if (write->bucket_count == 0)
        return;
    mr_json_key(json, "BucketColumns");
    mr_json_array(json);
    for (const struct athena_pair *name = write->buckets; name != NULL; name = name->next)
        mr_json_string(json, glue_lower(write->arena, name->value));
    mr_json_array_end(json);
}
