/* Results of earlier queries, shown again instead of running the same question anew. */
#include "athena/internal.h"
#include <unistd.h>

static bool same_text(yyjson_val *doc, const char *name, struct mr_slice text)
{
    return mr_slice_equal(mr_json_get_text(doc, name), text);
}

static bool same_parameters(yyjson_val *doc, const struct athena_query *query)
{
    yyjson_val *list = mr_json_get(doc, "ExecutionParameters");
    if (yyjson_arr_size(list) != query->parameter_count)
        return false;
    for (size_t i = 0; i < query->parameter_count; i++) {
        if (!mr_slice_equal(mr_json_text(yyjson_arr_get(list, i)), query->parameters[i]))
            return false;
    }
    return true;
}

/* The same SELECT, asked in the same place, answered by running it. */
static bool is_same(yyjson_val *doc, const struct athena_query *query)
{
    yyjson_val *context = mr_json_get(doc, "QueryExecutionContext");
    yyjson_val *information = mr_json_get(mr_json_get(doc, "Statistics"), "ResultReuseInformation");
    return same_text(mr_json_get(doc, "Status"), "State", MR_S("SUCCEEDED")) &&
           same_text(doc, "Query", query->text) &&
           same_text(doc, "SubstatementType", MR_S("SELECT")) &&
           same_text(context, "Database", query->database) &&
           same_text(context, "Catalog", query->catalog) && same_parameters(doc, query) &&
           !mr_json_get_bool(information, "ReusedPreviousResult", false);
}

static bool is_there(struct athena *athena, struct mr_arena *arena, struct mr_slice location)
{
    struct mr_slice bucket, key;
    int fd;
    uint64_t size;
    if (glue_location_parse(mr_arena_copy(arena, location), &bucket, &key) != MR_OK ||
        s3_open_object(athena->options.s3, bucket, key, &fd, &size) != MR_OK)
        return false;
    close(fd);
    return true;
}

bool athena_reuse_find(struct athena_query *query, struct athena_outcome *outcome)
{
    struct athena *athena = query->athena;
    size_t count = 0;
    if (query->reuse_minutes < 0 || strcmp(query->substatement, "SELECT") != 0)
        return false;
    const int64_t oldest_ms =
        store_now(athena->options.store) - query->reuse_minutes * INT64_C(60000);
    struct mr_slice *ids = athena_query_ids(athena, &query->arena, query->workgroup, &count);
    for (size_t i = 0; i < count; i++) { /* newest first */
        yyjson_val *doc;
        if (athena_query_get(athena, &query->arena, ids[i], &doc) != MR_OK)
            continue;
        yyjson_val *status = mr_json_get(doc, "Status");
        const double submitted_s = mr_json_get_double(status, "SubmissionDateTime", 0);
        if (submitted_s * 1000 < (double)oldest_ms)
            return false;
        if (!is_same(doc, query))
            continue;
        struct mr_slice location =
            mr_json_get_text(mr_json_get(doc, "ResultConfiguration"), "OutputLocation");
        if (!is_there(athena, &query->arena, location))
            continue;
        struct mr_buf columns = {0};
        struct mr_json json = mr_json_make(&columns);
        mr_json_value(&json, mr_json_get(doc, "columns"));
        outcome->columns = mr_arena_copy(&query->arena, mr_buf_slice(&columns));
        outcome->reused = mr_arena_copy(&query->arena, location);
        mr_buf_fini(&columns);
        return true;
    }
    return false;
}
