/* The wire: statistics of columns, of tables and of partitions. Stored, as ColumnStatistics:
 *   glue/stats/<database>|<table>|<column>
 *   glue/partition-stats/<database>|<table>|<value>|...|<column> */
#include "glue/internal.h"

/* What the call is about: a table, or a partition of it. */
struct owner {
    const char *kind;
    struct glue_table table;
    struct mr_slice parts[2 + GLUE_VALUES_MAX + 1]; /* room for a column at the end */
    size_t count;
};

/* False: the fault is set. */
static bool find_owner(struct protocol_call *call, bool partition, struct owner *owner)
{
    struct glue_table table;
    struct mr_slice json;
    size_t count;
    if (!glue_call_table(call, &table))
        return false;
    *owner =
        (struct owner){.kind = partition ? "partition-stats" : "stats", .table = table, .count = 2};
    owner->parts[0] = table.database;
    owner->parts[1] = table.name;
    if (!partition)
        return true;
    yyjson_val *list = mr_json_get(call->in, "PartitionValues");
    struct mr_slice *values = glue_values(call->arena, list, &count);
    enum mr_status status = count > GLUE_VALUES_MAX
                                ? MR_NOT_FOUND
                                : glue_partition_get(call->service, call->arena, table.database,
                                                     table.name, values, count, &json);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_not_found, "Partition [%.*s] not found",
                      MR_ARG(glue_values_text(call->arena, list)));
    protocol_fail_internal(call, status);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        owner->parts[owner->count++] = values[i];
    return status == MR_OK;
}

static struct mr_slice stats_name(struct mr_arena *arena, struct owner *owner,
                                  struct mr_slice column)
{
    owner->parts[owner->count] = glue_lower(arena, column);
    return glue_name(arena, owner->parts, owner->count + 1);
}

/* ---- what is taken ---- */

static const struct glue_column *column_of(const struct glue_table *table, struct mr_slice name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (mr_slice_equal_nocase(table->columns[i].name, name))
            return &table->columns[i];
    }
    for (size_t i = 0; i < table->key_count; i++) {
        if (mr_slice_equal_nocase(table->keys[i].name, name))
            return &table->keys[i];
    }
    return NULL;
}

/* May a column of that type have such statistics? Types with parts may have any. */
static bool suits(struct mr_slice type, struct mr_slice data)
{
    static const struct {
        const char *type, *data;
    } known[] = {{"tinyint", "LONG DOUBLE DECIMAL"},
                 {"smallint", "LONG DOUBLE DECIMAL"},
                 {"int", "LONG DOUBLE DECIMAL"},
                 {"bigint", "LONG DOUBLE DECIMAL"},
                 {"float", "LONG DOUBLE DECIMAL"},
                 {"double", "LONG DOUBLE DECIMAL"},
                 {"decimal", "LONG DOUBLE DECIMAL"},
                 {"date", "DATE LONG"},
                 {"timestamp", "DATE LONG"},
                 {"string", "STRING"},
                 {"char", "STRING"},
                 {"varchar", "STRING"},
                 {"boolean", "BOOLEAN"},
                 {"binary", "BINARY"}};
    const struct mr_slice word = mr_slice_trim(mr_slice_sub(type, 0, mr_slice_find(type, '(')));
    for (size_t i = 0; i < MR_COUNT(known); i++) {
        struct mr_slice rest = mr_slice_cstr(known[i].data), one;
        if (!mr_slice_equal_nocase(word, mr_slice_cstr(known[i].type)))
            continue;
        while (rest.len > 0 && mr_slice_split(&rest, ' ', &one)) {
            if (mr_slice_equal(one, data))
                return true;
        }
        return false;
    }
    return true;
}

/* AWS: one object, the one that Type tells. */
static yyjson_val *only_data(struct mr_arena *arena, yyjson_val *data)
{
    static const char suffix[] = "ColumnStatisticsData";
    struct mr_slice type = mr_json_get_text(data, "Type");
    size_t index, max;
    yyjson_val *name, *value, *found = NULL;
    yyjson_obj_foreach(data, index, max, name, value)
    {
        struct mr_slice word = mr_json_text(name);
        if (!mr_slice_ends_with(word, mr_slice_cstr(suffix)))
            continue;
        word = glue_lower(arena, mr_slice_sub(word, 0, word.len - (sizeof suffix - 1)));
        if (found != NULL || !mr_slice_equal(word, glue_lower(arena, type)))
            return NULL;
        found = value;
    }
    return found;
}

/* An empty slice: the statistics are taken. */
static struct mr_slice refusal(struct mr_arena *arena, const struct glue_column *column,
                               yyjson_val *stats)
{
    yyjson_val *data = mr_json_get(stats, "StatisticsData");
    const struct mr_slice type = mr_json_get_text(data, "Type");
    const struct mr_slice column_type = mr_json_get_text(stats, "ColumnType");
    yyjson_val *values = only_data(arena, data);
    if (values == NULL)
        return mr_arena_printf(arena, "StatisticsData of type %.*s must hold its data alone",
                               MR_ARG(type));
    if (!mr_slice_equal_nocase(column_type, column->type))
        return mr_arena_printf(arena, "Column %.*s has the type %.*s, not %.*s",
                               MR_ARG(column->name), MR_ARG(column->type), MR_ARG(column_type));
    if (!suits(column->type, type))
        return mr_arena_printf(arena, "Column %.*s of type %.*s has no statistics of type %.*s",
                               MR_ARG(column->name), MR_ARG(column->type), MR_ARG(type));
    yyjson_val *least = mr_json_get(values, "MinimumValue");
    yyjson_val *most = mr_json_get(values, "MaximumValue");
    if (!mr_json_is_number(least) || !mr_json_is_number(most))
        return MR_S("");
    const bool whole = mr_slice_equal(type, MR_S("LONG"));
    if (whole ? mr_json_i64(least, 0) > mr_json_i64(most, 0)
              : mr_json_double(least, 0) > mr_json_double(most, 0))
        return MR_S("MinimumValue must not be greater than MaximumValue");
    return MR_S("");
}

/* False: the list of errors says why. */
static bool check(struct protocol_call *call, const struct owner *owner, yyjson_val *stats)
{
    const struct mr_slice name = mr_json_get_text(stats, "ColumnName");
    const struct glue_column *column = column_of(&owner->table, name);
    struct mr_slice why = column == NULL
                              ? mr_arena_printf(call->arena, "Column %.*s not found.", MR_ARG(name))
                              : refusal(call->arena, column, stats);
    if (why.len == 0)
        return true;
    mr_json_object(&call->out);
    mr_json_key_value(&call->out, "ColumnStatistics", stats);
    mr_json_key(&call->out, "Error");
    glue_write_error_detail(
        call, column == NULL ? &glue_fault_not_found : &glue_fault_invalid_input, why);
    mr_json_object_end(&call->out);
    return false;
}

static void update(struct protocol_call *call, bool partition)
{
    struct glue *glue = call->service;
    struct owner owner;
    size_t index, max;
    yyjson_val *item;
    yyjson_val *list = mr_json_get(call->in, "ColumnStatisticsList");
    if (!find_owner(call, partition, &owner))
        return;
    struct store_entry entry = store_entry_make(call->arena);
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    yyjson_arr_foreach(list, index, max, item)
    {
        if (!check(call, &owner, item))
            continue;
        struct mr_buf buf = {0};
        struct mr_json json = mr_json_make(&buf);
        mr_json_value(&json, item);
        store_doc_put(&entry, "glue", owner.kind,
                      stats_name(call->arena, &owner, mr_json_get_text(item, "ColumnName")),
                      mr_arena_copy(call->arena, mr_buf_slice(&buf)));
        mr_buf_fini(&buf);
    }
    pthread_mutex_lock(&glue->lock);
    enum mr_status status = store_commit(glue->store, &entry, &call->ticket);
    pthread_mutex_unlock(&glue->lock);
    mr_json_array_end(&call->out);
    protocol_fail_internal(call, status);
}

static void get(struct protocol_call *call, bool partition)
{
    struct glue *glue = call->service;
    struct owner owner;
    size_t index, max;
    yyjson_val *name;
    yyjson_val *names = mr_json_get(call->in, "ColumnNames");
    yyjson_val **missing = MR_NEW_ARRAY(call->arena, yyjson_val *, yyjson_arr_size(names) + 1);
    size_t missing_count = 0;
    if (!find_owner(call, partition, &owner))
        return;
    mr_json_key(&call->out, "ColumnStatisticsList");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, name)
    {
        struct mr_slice json;
        enum mr_status status =
            store_doc_get(glue->store, call->arena, "glue", owner.kind,
                          stats_name(call->arena, &owner, mr_json_text(name)), &json);
        if (status == MR_OK)
            mr_json_raw(&call->out, json);
        else
            missing[missing_count++] = name;
        protocol_fail_internal(call, status);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "Errors");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++) {
        mr_json_object(&call->out);
        mr_json_key_value(&call->out, "ColumnName", missing[i]);
        mr_json_key(&call->out, "Error");
        glue_write_error_detail(call, &glue_fault_not_found,
                                MR_S("Statistics do not exist for this column"));
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

/* AWS: a column without any is no error. */
static void drop(struct protocol_call *call, bool partition)
{
    struct owner owner;
    if (!find_owner(call, partition, &owner))
        return;
    struct mr_slice name =
        stats_name(call->arena, &owner, mr_json_get_text(call->in, "ColumnName"));
    (void)!glue_doc_remove(call, owner.kind, name);
}

static void update_for_table(struct protocol_call *call)
{
    update(call, false);
}

static void update_for_partition(struct protocol_call *call)
{
    update(call, true);
}

static void get_for_table(struct protocol_call *call)
{
    get(call, false);
}

static void get_for_partition(struct protocol_call *call)
{
    get(call, true);
}

static void delete_for_table(struct protocol_call *call)
{
    drop(call, false);
}

static void delete_for_partition(struct protocol_call *call)
{
    drop(call, true);
}

const struct protocol_handler glue_stats_handlers[] = {
    {.operation = "UpdateColumnStatisticsForTable", .run = update_for_table},
    {.operation = "UpdateColumnStatisticsForPartition", .run = update_for_partition},
    {.operation = "GetColumnStatisticsForTable", .run = get_for_table},
    {.operation = "GetColumnStatisticsForPartition", .run = get_for_partition},
    {.operation = "DeleteColumnStatisticsForTable", .run = delete_for_table},
    {.operation = "DeleteColumnStatisticsForPartition", .run = delete_for_partition},
};
const size_t glue_stats_handler_count = MR_COUNT(glue_stats_handlers);
