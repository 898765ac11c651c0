/* The wire: queries and their results. */
#include "athena/internal.h"

static struct mr_slice or_else(struct mr_slice text, struct mr_slice fallback)
{
    return text.len > 0 ? text : fallback;
}

/* The folder for the result, with '/' at its end; empty: the fault is set. */
static struct mr_slice result_folder(struct protocol_call *call, yyjson_val *workgroup)
{
    yyjson_val *configuration = mr_json_get(workgroup, "Configuration");
    struct mr_slice own =
        mr_json_get_text(mr_json_get(configuration, "ResultConfiguration"), "OutputLocation");
    struct mr_slice asked =
        mr_json_get_text(mr_json_get(call->in, "ResultConfiguration"), "OutputLocation");
    const bool enforced = mr_json_get_bool(configuration, "EnforceWorkGroupConfiguration", false);
    struct mr_slice folder = enforced && own.len > 0 ? own : or_else(asked, own);
    struct mr_slice bucket, prefix;
    if (folder.len == 0) {
        athena_call_fail(call, "INVALID_INPUT",
                         "No output location provided. An output location is required either "
                         "through the Workgroup result configuration setting or as an API input.");
        return MR_S("");
    }
    if (glue_location_parse(folder, &bucket, &prefix) != MR_OK) {
        athena_call_fail(call, "INVALID_INPUT", "outputLocation is not a valid S3 path.");
        return MR_S("");
    }
    if (!s3_bucket_exists(((struct athena *)call->service)->options.s3, bucket)) {
        athena_call_fail(call, "INVALID_INPUT", "Unable to verify/create output bucket %.*s",
                         MR_ARG(bucket));
        return MR_S("");
    }
    if (folder.ptr[folder.len - 1] != '/')
        folder = mr_arena_printf(call->arena, "%.*s/", MR_ARG(folder));
    return folder;
}

/* Syntax errors are told at once. */
static bool parse(struct protocol_call *call, struct mr_slice text,
                  struct athena_statement *ret_statement)
{
    struct athena_error error = {0};
    if (athena_statement_parse(call->arena, text, ret_statement, &error) == MR_OK)
        return true;
    athena_call_fail(call, "MALFORMED_QUERY", "line %u:%u: %.*s", error.line, error.column,
                     MR_ARG(error.message));
    return false;
}

static yyjson_val *call_workgroup(struct protocol_call *call, struct mr_slice *ret_name)
{
    yyjson_val *workgroup = NULL;
    *ret_name = or_else(mr_json_get_text(call->in, "WorkGroup"), MR_S("primary"));
    enum mr_status status = athena_workgroup_get(call->service, call->arena, *ret_name, &workgroup);
    if (status == MR_NOT_FOUND)
        athena_call_fail(call, "INVALID_INPUT", "WorkGroup %.*s is not found.", MR_ARG(*ret_name));
    protocol_fail_internal(call, status);
    return status == MR_OK ? workgroup : NULL;
}

static bool set_reuse(struct protocol_call *call, struct athena_start *start)
{
    yyjson_val *reuse = mr_json_get(mr_json_get(call->in, "ResultReuseConfiguration"),
                                    "ResultReuseByAgeConfiguration");
    start->reuse_minutes = mr_json_get_bool(reuse, "Enabled", false)
                               ? mr_json_get_i64(reuse, "MaxAgeInMinutes", 60)
                               : -1;
    if (start->reuse_minutes <= 10080) /* a week */
        return true;
    athena_call_fail(call, "INVALID_INPUT", "MaxAgeInMinutes must be between 0 and 10080 minutes");
    return false;
}

static void start_query_execution(struct protocol_call *call)
{
    struct athena_statement statement;
    yyjson_val *context = mr_json_get(call->in, "QueryExecutionContext");
    struct athena_start start = {.text = mr_json_get_text(call->in, "QueryString"),
                                 .database = mr_json_get_text(context, "Database"),
                                 .catalog = mr_json_get_text(context, "Catalog"),
                                 .token = mr_json_get_text(call->in, "ClientRequestToken"),
                                 .account = call->account,
                                 .parameters = mr_json_get(call->in, "ExecutionParameters"),
                                 .statement = &statement,
                                 .takes = call->exchange != NULL};
    struct mr_slice id;
    yyjson_val *workgroup = call_workgroup(call, &start.workgroup);
    if (workgroup == NULL)
        return;
    if (mr_slice_equal(mr_json_get_text(workgroup, "State"), MR_S("DISABLED"))) {
        athena_call_fail(call, "INVALID_INPUT", "WorkGroup %.*s is disabled.",
                         MR_ARG(start.workgroup));
        return;
    }
    start.scan_bytes_max = (uint64_t)mr_json_get_i64(mr_json_get(workgroup, "Configuration"),
                                                     "BytesScannedCutoffPerQuery", 0);
    if (!set_reuse(call, &start))
        return;
    start.folder = result_folder(call, workgroup);
    if (start.folder.len == 0 || !parse(call, start.text, &statement))
        return;
    enum mr_status status =
        athena_query_start(call->service, call->arena, &start, &id, &call->ticket);
    if (status == MR_FULL) {
        protocol_fail_member(call, "Reason", MR_S("\"CONCURRENT_QUERY_LIMIT_EXCEEDED\""));
        protocol_fail(call, &athena_too_many,
                      "You have exceeded the limit for the number of queries you can run "
                      "concurrently. Reduce the number of concurrent queries submitted by this "
                      "account.");
    } else if (status == MR_EXISTS) {
        athena_call_fail(call, "INVALID_INPUT", "Idempotent parameters do not match");
    } else if (status == MR_OK) {
        mr_json_key_string(&call->out, "QueryExecutionId", id);
    }
    protocol_fail_internal(call, status);
}

/* What the store keeps beside the wire's QueryExecution stays out. */
static void write_execution(struct mr_json *json, yyjson_val *doc)
{
    size_t index, max;
    yyjson_val *key, *value;
    mr_json_object(json);
    yyjson_obj_foreach(doc, index, max, key, value)
    {
        struct mr_slice name = mr_json_text(key);
        if (name.len == 0 || (name.ptr[0] >= 'a' && name.ptr[0] <= 'z'))
            continue;
        mr_json_name(json, name);
        mr_json_value(json, value);
    }
    mr_json_object_end(json);
}

static yyjson_val *call_query(struct protocol_call *call)
{
    yyjson_val *doc = NULL;
    struct mr_slice id = mr_json_get_text(call->in, "QueryExecutionId");
    enum mr_status status = athena_query_get(call->service, call->arena, id, &doc);
    if (status == MR_NOT_FOUND)
        athena_call_fail(call, "INVALID_INPUT", "QueryExecution %.*s was not found", MR_ARG(id));
    protocol_fail_internal(call, status);
    return status == MR_OK ? doc : NULL;
}

static void get_query_execution(struct protocol_call *call)
{
    yyjson_val *doc = call_query(call);
    if (doc == NULL)
        return;
    mr_json_key(&call->out, "QueryExecution");
    write_execution(&call->out, doc);
}

/* AWS may leave out what is not the timeline; here rows and stages are not counted. */
static void get_query_runtime_statistics(struct protocol_call *call)
{
    static const char *const times[] = {
        "QueryQueueTimeInMillis",      "QueryPlanningTimeInMillis",
        "EngineExecutionTimeInMillis", "ServiceProcessingTimeInMillis",
        "TotalExecutionTimeInMillis",  "ServicePreProcessingTimeInMillis"};
    yyjson_val *doc = call_query(call);
    if (doc == NULL)
        return;
    yyjson_val *statistics = mr_json_get(doc, "Statistics");
    mr_json_key(&call->out, "QueryRuntimeStatistics");
    mr_json_object(&call->out);
    mr_json_key(&call->out, "Timeline");
    mr_json_object(&call->out);
    for (size_t i = 0; i < MR_COUNT(times); i++)
        mr_json_key_int(&call->out, times[i], mr_json_get_i64(statistics, times[i], 0));
    mr_json_object_end(&call->out);
    mr_json_key(&call->out, "Rows");
    mr_json_object(&call->out);
    mr_json_key_int(&call->out, "InputBytes", mr_json_get_i64(statistics, "DataScannedInBytes", 0));
    mr_json_object_end(&call->out);
    mr_json_object_end(&call->out);
}

static void batch_get_query_execution(struct protocol_call *call)
{
    size_t index, max;
    yyjson_val *value, *doc;
    yyjson_val *ids = mr_json_get(call->in, "QueryExecutionIds");
    struct mr_slice *missing = MR_NEW_ARRAY(call->arena, struct mr_slice, yyjson_arr_size(ids) + 1);
    size_t missing_count = 0;
    mr_json_key(&call->out, "QueryExecutions");
    mr_json_array(&call->out);
    yyjson_arr_foreach(ids, index, max, value)
    {
        if (athena_query_get(call->service, call->arena, mr_json_text(value), &doc) == MR_OK)
            write_execution(&call->out, doc);
        else
            missing[missing_count++] = mr_json_text(value);
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "UnprocessedQueryExecutionIds");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++) {
        mr_json_object(&call->out);
        mr_json_key_string(&call->out, "QueryExecutionId", missing[i]);
        mr_json_key_cstr(&call->out, "ErrorCode", "INVALID_QUERY_EXECUTION_ID");
        mr_json_key_string(
            &call->out, "ErrorMessage",
            mr_arena_printf(call->arena, "QueryExecution %.*s was not found", MR_ARG(missing[i])));
        mr_json_object_end(&call->out);
    }
    mr_json_array_end(&call->out);
}

static void stop_query_execution(struct protocol_call *call)
{
    struct mr_slice id = mr_json_get_text(call->in, "QueryExecutionId");
    enum mr_status status = athena_query_stop(call->service, id);
    if (status == MR_NOT_FOUND)
        athena_call_fail(call, "INVALID_INPUT", "QueryExecution %.*s was not found", MR_ARG(id));
    protocol_fail_internal(call, status);
}

static void list_query_executions(struct protocol_call *call)
{
    struct athena_pager pager;
    struct mr_slice workgroup;
    if (call_workgroup(call, &workgroup) == NULL || !athena_pager_init(&pager, call, 50))
        return;
    size_t count;
    struct mr_slice *ids = athena_query_ids(call->service, call->arena, workgroup, &count);
    mr_json_key(&call->out, "QueryExecutionIds");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (athena_pager_next(&pager))
            mr_json_string(&call->out, ids[i]);
    }
    mr_json_array_end(&call->out);
    athena_pager_end(&pager, call);
}

/* ---- results ---- */

static void write_columns(struct mr_json *json, yyjson_val *columns)
{
    size_t index, max;
    yyjson_val *column;
    mr_json_array(json);
    yyjson_arr_foreach(columns, index, max, column)
    {
        struct mr_slice type = mr_json_get_text(column, "type");
        struct mr_slice name = mr_json_get_text(column, "name");
        mr_json_object(json);
        mr_json_key_cstr(json, "CatalogName", "hive");
        mr_json_key_cstr(json, "SchemaName", "");
        mr_json_key_cstr(json, "TableName", "");
        mr_json_key_string(json, "Name", name);
        mr_json_key_string(json, "Label", name);
        mr_json_key_string(json, "Type", type);
        mr_json_key_int(json, "Precision", mr_json_get_i64(column, "precision", 0));
        mr_json_key_int(json, "Scale", mr_json_get_i64(column, "scale", 0));
        mr_json_key_cstr(json, "Nullable", "UNKNOWN");
        mr_json_key_bool(json, "CaseSensitive",
                         mr_slice_equal(type, MR_S("varchar")) ||
                             mr_slice_equal(type, MR_S("char")));
        mr_json_object_end(json);
    }
    mr_json_array_end(json);
}

/* False: the query has no result (yet); the fault is set. */
static bool has_result(struct protocol_call *call, yyjson_val *doc)
{
    struct mr_slice state = mr_json_get_text(mr_json_get(doc, "Status"), "State");
    if (mr_slice_equal(state, MR_S("SUCCEEDED")))
        return true;
    if (mr_slice_equal(state, MR_S("FAILED")) || mr_slice_equal(state, MR_S("CANCELLED")))
        athena_call_fail(call, "INVALID_QUERY_STATUS_ERROR",
                         "Query did not finish successfully. Final query state: %.*s",
                         MR_ARG(state));
    else
        athena_call_fail(call, "INVALID_QUERY_STATUS_ERROR",
                         "Query has not yet finished. Current state: %.*s", MR_ARG(state));
    return false;
}

static void get_query_results(struct protocol_call *call)
{
    struct athena_pager pager;
    uint64_t next = 0;
    yyjson_val *doc = call_query(call);
    if (doc == NULL || !has_result(call, doc) || !athena_pager_init(&pager, call, 1000))
        return;
    yyjson_val *columns = mr_json_get(doc, "columns");
    struct mr_slice location =
        mr_json_get_text(mr_json_get(doc, "ResultConfiguration"), "OutputLocation");
    struct mr_buf rows = {0};
    struct mr_json json = mr_json_make(&rows);
    const size_t max = pager.max > 0 && pager.max <= 1000 ? pager.max : 1000;
    const int64_t written = mr_json_get_i64(doc, "updateCount", -1);
    enum mr_status status = MR_OK;
    if (written >= 0)
        mr_buf_append(&rows, MR_S("[]"));
    else
        status = athena_results_page(call->service, location, yyjson_arr_size(columns), pager.from,
                                     max, &json, &next);
    if (status == MR_OK) {
        mr_json_key_int(&call->out, "UpdateCount", written >= 0 ? written : 0);
        mr_json_key(&call->out, "ResultSet");
        mr_json_object(&call->out);
        mr_json_key_raw(&call->out, "Rows", mr_buf_slice(&rows));
        mr_json_key(&call->out, "ResultSetMetadata");
        mr_json_object(&call->out);
        mr_json_key(&call->out, "ColumnInfo");
        write_columns(&call->out, columns);
        mr_json_object_end(&call->out);
        mr_json_object_end(&call->out);
        if (next > 0)
            mr_json_key_string(&call->out, "NextToken",
                               mr_arena_printf(call->arena, "%llu", (unsigned long long)next));
    } else if (status == MR_NOT_FOUND) {
        athena_call_fail(call, "INVALID_INPUT",
                         "Could not find results: %.*s does not exist any more", MR_ARG(location));
    }
    mr_buf_fini(&rows);
    protocol_fail_internal(call, status);
}

const struct protocol_handler athena_query_handlers[] = {
    {.operation = "StartQueryExecution", .run = start_query_execution},
    {.operation = "GetQueryExecution", .run = get_query_execution, .flags = PROTOCOL_INLINE},
    {.operation = "GetQueryRuntimeStatistics", .run = get_query_runtime_statistics},
    {.operation = "BatchGetQueryExecution", .run = batch_get_query_execution},
    {.operation = "StopQueryExecution", .run = stop_query_execution},
    {.operation = "ListQueryExecutions", .run = list_query_executions},
    {.operation = "GetQueryResults", .run = get_query_results},
};
const size_t athena_query_handler_count = MR_COUNT(athena_query_handlers);
