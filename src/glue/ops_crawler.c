/* The wire: crawlers. */
#include "glue/internal.h"

static struct mr_slice call_name(struct protocol_call *call)
{
    return mr_json_get_text(call->in, "Name");
}

void glue_fail_crawler(struct protocol_call *call, struct mr_slice name)
{
    protocol_fail(call, &glue_fault_not_found, "Crawler entry with name %.*s does not exist",
                  MR_ARG(name));
}

/* AWS: who starts and stops crawls has words of its own. */
static void fail_run(struct protocol_call *call)
{
    protocol_fail(call, &glue_fault_not_found, "Crawler with name %.*s does not exist",
                  MR_ARG(call_name(call)));
}

enum { SAMPLE_MAX = 249 }; /* AWS: objects of a leaf folder that are looked at */

/* Events would come by a queue, and there are none here: what AWS says of one that does not exist.
 */
static bool check_queues(struct protocol_call *call, yyjson_val *target)
{
    static const char *const queues[] = {"EventQueueArn", "DlqEventQueueArn"};
    if (mr_json_get(target, "ConnectionName") != NULL)
        protocol_fail(call, &glue_fault_unsupported,
                      "ConnectionName of a crawler's target is not implemented.");
    for (size_t i = 0; i < MR_COUNT(queues); i++) {
        struct mr_slice arn = mr_json_get_text(target, queues[i]);
        if (arn.len > 0)
            protocol_fail(call, &glue_fault_invalid_input,
                          "SQS queue %.*s does not exist or the role provided does not have access "
                          "to it.",
                          MR_ARG(arn));
    }
    return !protocol_failed(call);
}

static bool check_s3_target(struct protocol_call *call, yyjson_val *target)
{
    struct mr_slice path = mr_json_get_text(target, "Path"), bucket, prefix;
    if (check_queues(call, target) && glue_location_parse(path, &bucket, &prefix) != MR_OK)
        protocol_fail(call, &glue_fault_invalid_input, "Unable to parse the S3 target path: %.*s",
                      MR_ARG(path));
    const int64_t sample = mr_json_get_i64(target, "SampleSize", 1);
    if (!protocol_failed(call) && (sample < 1 || sample > SAMPLE_MAX))
        protocol_fail(call, &glue_fault_invalid_input,
                      "SampleSize has to be between 1 and %d, it is %lld", SAMPLE_MAX,
                      (long long)sample);
    return !protocol_failed(call);
}

enum { TRAVERSAL_MAX = 20 }; /* AWS: folders below an Iceberg target's path */

static bool check_iceberg(struct protocol_call *call, yyjson_val *target)
{
    yyjson_val *paths = mr_json_get(target, "Paths"), *path;
    struct mr_slice bucket, prefix;
    size_t index, max;
    const int64_t depth = mr_json_get_i64(target, "MaximumTraversalDepth", 1);
    if (!check_queues(call, target))
        return false;
    if (yyjson_arr_size(paths) == 0)
        protocol_fail(call, &glue_fault_invalid_input, "An Iceberg target needs Paths.");
    else if (depth < 1 || depth > TRAVERSAL_MAX)
        protocol_fail(call, &glue_fault_invalid_input,
                      "MaximumTraversalDepth has to be between 1 and %d, it is %lld", TRAVERSAL_MAX,
                      (long long)depth);
    yyjson_arr_foreach(paths, index, max, path)
    {
        struct mr_slice text = mr_json_text(path);
        if (!protocol_failed(call) && glue_location_parse(text, &bucket, &prefix) != MR_OK)
            protocol_fail(call, &glue_fault_invalid_input,
                          "Unable to parse the S3 target path: "
                          "%.*s",
                          MR_ARG(text));
    }
    return !protocol_failed(call);
}

/* What cannot be crawled here is said at once: better than a crawler that finds nothing. */
static bool check_targets(struct protocol_call *call, bool required)
{
    yyjson_val *targets = mr_json_get(call->in, "Targets"), *key, *value, *target;
    yyjson_val *s3 = mr_json_get(targets, "S3Targets");
    yyjson_val *catalog = mr_json_get(targets, "CatalogTargets");
    yyjson_val *iceberg = mr_json_get(targets, "IcebergTargets");
    const size_t paths = yyjson_arr_size(s3) + yyjson_arr_size(iceberg);
    size_t index, max;
    yyjson_obj_foreach(targets, index, max, key, value)
    {
        if (value != s3 && value != catalog && value != iceberg && yyjson_arr_size(value) > 0) {
            protocol_fail(call, &glue_fault_unsupported,
                          "Crawler targets of the kind %.*s are not implemented.",
                          MR_ARG(mr_json_text(key)));
            return false;
        }
    }
    if (paths + yyjson_arr_size(catalog) == 0 && (required || targets != NULL))
        protocol_fail(call, &glue_fault_invalid_input, "Crawler should have at least one target");
    else if (paths > 0 && yyjson_arr_size(catalog) > 0)
        protocol_fail(call, &glue_fault_invalid_input,
                      "Catalog targets cannot be mixed with other targets");
    bool fine = !protocol_failed(call);
    yyjson_arr_foreach(s3, index, max, target) fine = fine && check_s3_target(call, target);
    yyjson_arr_foreach(iceberg, index, max, target) fine = fine && check_iceberg(call, target);
    yyjson_arr_foreach(catalog, index, max, target) fine = fine && check_queues(call, target);
    return fine;
}

/* The settings that the crawler would have. False: the fault is set. */
static bool check_settings(struct protocol_call *call, yyjson_val *config)
{
    struct glue_settings settings;
    struct mr_slice error;
    const enum mr_status status = glue_settings_read(call->arena, config, &settings, &error);
    if (status != MR_OK)
        protocol_fail_slice(call, &glue_fault_invalid_input, error);
    return status == MR_OK;
}

static bool check_classifiers(struct protocol_call *call)
{
    struct glue *glue = call->service;
    struct mr_slice json;
    size_t index, max;
    yyjson_val *name;
    yyjson_val *names = mr_json_get(call->in, "Classifiers");
    yyjson_arr_foreach(names, index, max, name)
    {
        const enum mr_status status = store_doc_get(glue->store, call->arena, "glue", "classifier",
                                                    mr_json_text(name), &json);
        if (status == MR_NOT_FOUND)
            protocol_fail(call, &glue_fault_invalid_input,
                          "Classifier entity with name %.*s does not exist",
                          MR_ARG(mr_json_text(name)));
        yyjson_val *found = status == MR_OK ? glue_parse(call->arena, json) : NULL;
        if (mr_json_get(found, "XMLClassifier") != NULL)
            protocol_fail(call, &glue_fault_unsupported,
                          "Crawls with XML classifiers are not implemented.");
        protocol_fail_internal(call, status);
    }
    return !protocol_failed(call);
}

static bool check_security(struct protocol_call *call)
{
    struct mr_slice name = mr_json_get_text(call->in, "CrawlerSecurityConfiguration");
    if (name.len == 0)
        return true;
    const enum mr_status status = glue_security_find(call->service, call->arena, name);
    if (status == MR_NOT_FOUND)
        protocol_fail(call, &glue_fault_invalid_input, "Security configuration %.*s does not exist",
                      MR_ARG(name));
    protocol_fail_internal(call, status);
    return !protocol_failed(call);
}

static void fail_schedule(struct protocol_call *call)
{
    protocol_fail(call, &glue_fault_invalid_input, "Invalid schedule cron expression: %.*s",
                  MR_ARG(mr_json_get_text(call->in, "Schedule")));
}

static void create_crawler(struct protocol_call *call)
{
    if (!check_targets(call, true) || !check_settings(call, call->in) || !check_classifiers(call) ||
        !check_security(call) || !glue_tags_check(call, mr_json_get(call->in, "Tags")))
        return;
    enum mr_status status =
        glue_crawler_create(call->service, call->arena, call->in, call->account, &call->ticket);
    if (status == MR_EXISTS)
        protocol_fail(call, &glue_fault_exists, "Crawler with name %.*s already exists",
                      MR_ARG(call_name(call)));
    else if (status == MR_INVALID)
        fail_schedule(call);
    protocol_fail_internal(call, status);
    glue_tag_created(call, "crawler", call_name(call));
}

/* What was there and what is new have to go together. */
static bool settings_fit(void *ctx, yyjson_val *config)
{
    return check_settings(ctx, config);
}

static void update_crawler(struct protocol_call *call)
{
    if (!check_targets(call, false) || !check_classifiers(call) || !check_security(call))
        return;
    enum mr_status status = glue_crawler_update(call->service, call->arena, call->in, settings_fit,
                                                call, &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_crawler(call, call_name(call));
    else if (status == MR_AGAIN)
        protocol_fail(call, &glue_fault_crawler_running, "Crawler with name %.*s is running",
                      MR_ARG(call_name(call)));
    else if (status == MR_INVALID)
        fail_schedule(call);
    protocol_fail_internal(call, status);
}

static void delete_crawler(struct protocol_call *call)
{
    enum mr_status status = glue_crawler_delete(call->service, call_name(call), &call->ticket);
    if (status == MR_NOT_FOUND)
        glue_fail_crawler(call, call_name(call));
    else if (status == MR_AGAIN)
        protocol_fail(call, &glue_fault_crawler_running, "Crawler with name %.*s is running",
                      MR_ARG(call_name(call)));
    protocol_fail_internal(call, status);
}

static void get_crawler(struct protocol_call *call)
{
    mr_json_key(&call->out, "Crawler");
    if (glue_crawler_describe(call->service, call->arena, call_name(call), &call->out) != MR_OK) {
        mr_json_null(&call->out);
        glue_fail_crawler(call, call_name(call));
    }
}

static void get_crawlers(struct protocol_call *call)
{
    struct glue_pager pager;
    if (!glue_pager_init(&pager, call, 100))
        return;
    size_t count;
    struct mr_slice *names = glue_crawler_names(call->service, call->arena, &count);
    mr_json_key(&call->out, "Crawlers");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (glue_pager_next(&pager) == MR_OK)
            (void)!glue_crawler_describe(call->service, call->arena, names[i], &call->out);
    }
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
}

static void list_crawlers(struct protocol_call *call)
{
    struct glue_pager pager;
    if (!glue_pager_init(&pager, call, 100))
        return;
    size_t count;
    struct mr_slice *names = glue_crawler_names(call->service, call->arena, &count);
    mr_json_key(&call->out, "CrawlerNames");
    mr_json_array(&call->out);
    yyjson_val *tags = mr_json_get(call->in, "Tags");
    for (size_t i = 0; i < count; i++) {
        if (!glue_tags_match(call, "crawler", names[i], tags))
            continue;
        if (glue_pager_next(&pager) == MR_OK)
            mr_json_string(&call->out, names[i]);
    }
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
}

static void batch_get_crawlers(struct protocol_call *call)
{
    size_t index, max;
    yyjson_val *value;
    yyjson_val *names = mr_json_get(call->in, "CrawlerNames");
    struct mr_slice *missing =
        MR_NEW_ARRAY(call->arena, struct mr_slice, yyjson_arr_size(names) + 1);
    size_t missing_count = 0;
    mr_json_key(&call->out, "Crawlers");
    mr_json_array(&call->out);
    yyjson_arr_foreach(names, index, max, value)
    {
        struct mr_slice name = mr_json_text(value);
        if (glue_crawler_describe(call->service, call->arena, name, &call->out) != MR_OK)
            missing[missing_count++] = name;
    }
    mr_json_array_end(&call->out);
    mr_json_key(&call->out, "CrawlersNotFound");
    mr_json_array(&call->out);
    for (size_t i = 0; i < missing_count; i++)
        mr_json_string(&call->out, missing[i]);
    mr_json_array_end(&call->out);
}

static void start_crawler(struct protocol_call *call)
{
    enum mr_status status = glue_crawler_start(call->service, call_name(call), &call->ticket);
    if (status == MR_NOT_FOUND)
        fail_run(call);
    else if (status == MR_AGAIN)
        protocol_fail(call, &glue_fault_crawler_running,
                      "Crawler with name %.*s has already started", MR_ARG(call_name(call)));
    else if (status == MR_FULL)
        status = MR_RAISE(MR_FAIL, "no room for a crawl");
    protocol_fail_internal(call, status);
}

static void stop_crawler(struct protocol_call *call)
{
    enum mr_status status = glue_crawler_stop(call->service, call_name(call));
    if (status == MR_NOT_FOUND)
        fail_run(call);
    else if (status == MR_END)
        protocol_fail(call, &glue_fault_crawler_not_running, "Crawler with name %.*s isn't running",
                      MR_ARG(call_name(call)));
    else if (status == MR_AGAIN)
        protocol_fail(call, &glue_fault_crawler_stopping, "Crawler with name %.*s is stopping",
                      MR_ARG(call_name(call)));
    protocol_fail_internal(call, status);
}

static void get_crawler_metrics(struct protocol_call *call)
{
    struct glue_pager pager;
    if (!glue_pager_init(&pager, call, 100))
        return;
    yyjson_val *wanted = mr_json_get(call->in, "CrawlerNameList");
    size_t count;
    struct mr_slice *names = yyjson_arr_size(wanted) > 0
                                 ? glue_values(call->arena, wanted, &count)
                                 : glue_crawler_names(call->service, call->arena, &count);
    mr_json_key(&call->out, "CrawlerMetricsList");
    mr_json_array(&call->out);
    for (size_t i = 0; i < count; i++) {
        if (glue_pager_next(&pager) == MR_OK)
            (void)!glue_crawler_metrics(call->service, names[i], &call->out);
    }
    mr_json_array_end(&call->out);
    glue_pager_end(&pager, call);
}

const struct protocol_handler glue_crawler_handlers[] = {
    {.operation = "CreateCrawler", .run = create_crawler},
    {.operation = "UpdateCrawler", .run = update_crawler},
    {.operation = "DeleteCrawler", .run = delete_crawler},
    {.operation = "GetCrawler", .run = get_crawler},
    {.operation = "GetCrawlers", .run = get_crawlers},
    {.operation = "BatchGetCrawlers", .run = batch_get_crawlers},
    {.operation = "ListCrawlers", .run = list_crawlers},
    {.operation = "StartCrawler", .run = start_crawler},
    {.operation = "StopCrawler", .run = stop_crawler},
    {.operation = "GetCrawlerMetrics", .run = get_crawler_metrics},
};
const size_t glue_crawler_handler_count = MR_COUNT(glue_crawler_handlers);
